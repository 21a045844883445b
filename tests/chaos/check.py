"""The verdict: what phones hold and were told, held against the rows of the database, read directly, and the files on the disk."""

from __future__ import annotations

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from gridwatch.audit.models import Event
from gridwatch.config import Settings
from gridwatch.db.engine import engine_for
from gridwatch.db.feed import FeedRow, FeedScope, digest_hex
from gridwatch.files.models import Evidence, Upload
from gridwatch.files.sweeping import sweep_strays
from gridwatch.leads.models import Lead
from gridwatch.sync.models import Item, RefusedNumber
from gridwatch.tasks.models import Visit
from tests.chaos.phones import TOO_LARGE
from tests.chaos.town import Town
from tests.phone import Phone, Store, item_sha256

Key = tuple[str, str]  # id and SHA-256 of an item


@dataclass
class Held:
    """What all phones hold, by name; and every answer to a push that one of them saw: outcome, code, first, receipt."""

    stores: dict[str, Store]
    seen: dict[Key, list[tuple[str, str | None, Any, Any]]]

    @classmethod
    def by(cls, people: list[str], folder: Path) -> Held:
        """Read the files of these phones."""
        seen: dict[Key, list[Any]] = defaultdict(list)
        for name in people:
            journal = folder / f"{name}.seen"
            lines = journal.read_bytes().splitlines() if journal.exists() else []
            for line in lines:
                sha256, outcome, code, first, receipt = json.loads(line)
                if receipt:
                    seen[receipt["id"], sha256].append((outcome, code, first, receipt))
        return cls({name: Store(folder / f"{name}.json") for name in people}, seen)


def problems(settings: Settings, town: Town, held: Held) -> dict[str, list[str]]:
    """What is wrong, a sentence each, by the promise that it breaks; empty lists where all is well."""
    engine = engine_for(settings.database_url)
    try:
        with Session(engine) as session:
            items = {(item.id, item.sha256): item for item in session.scalars(select(Item))}
            return {
                "lost": [*_unsent(held), *_lost(held, items), *_waiting(items), *_numbers(session, held)],
                "doubled": [*_doubled(session, items), *_unstable(held, items)],
                "feed": [*_feed(session, town, held)],
                "photos": [*_photos(session, settings, held)],
            }
    finally:
        engine.dispose()


def tally(held: Held) -> Counter[str]:
    """How many items ended in which outcome, as their makers know it; and how many photos they took."""
    found: Counter[str] = Counter()
    for store in held.stores.values():
        for done in [*store["acknowledged"], *store["rejected"]]:
            first = done["result"].get("first") or done["result"]
            found[f"{first['outcome']}{'/' + first['code'] if first['code'] else ''}"] += 1
            found["photos"] += len(done["item"].get("files") or ())
    return found


def _unsent(held: Held) -> Iterator[str]:
    """Promise R3: everything that was made was acknowledged, or refused for what it is."""
    for name, store in held.stores.items():
        settled = [*store["acknowledged"], *store["rejected"]]
        yield from (f"{name}: {item['kind']} {item['id']} was never acknowledged" for item in store["outbox"])
        missing = set(range(1, store["last_no"] + 1)) - {done["item"]["device_no"] for done in settled}
        if missing:
            yield f"{name}: the items numbered {sorted(missing)} are gone from the phone"
        for done in store["rejected"]:
            if done["item"]["payload"].get("number") != TOO_LARGE:
                yield f"{name}: {done['item']['kind']} {done['item']['id']} was rejected: {done['result']['code']}"


def _lost(held: Held, items: dict[Key, Item]) -> Iterator[str]:
    """Promise P1: what has a receipt is stored, word for word."""
    for name, store in held.stores.items():
        for done in store["acknowledged"]:
            receipt = done["result"]["receipt"]
            row = items.get((receipt["id"], receipt["item_sha256"]))
            if row is None:
                yield f"{name}: {done['item']['kind']} {receipt['id']} has receipt {receipt['no']} and is not stored"
            elif item_sha256(json.loads(row.raw)) != item_sha256(done["item"]):
                yield f"{name}: {receipt['id']} is stored with other content"


def _waiting(items: dict[Key, Item]) -> Iterator[str]:
    """All that anything depends on has come, so nothing waits for it any more."""
    yield from (f"item {item.id} waits for {item.waits_for}" for item in items.values() if item.outcome == "held")


def _numbers(session: Session, held: Held) -> Iterator[str]:
    """The gap ledger: each number of each device came or was refused."""
    came: dict[str, set[int | None]] = defaultdict(set)
    for model in (Item, RefusedNumber):
        for device_id, number in session.execute(select(model.device_id, model.device_no)):
            came[device_id].add(number)
    for name, store in held.stores.items():
        gap = set(range(1, store["last_no"] + 1)) - came[store["device_id"]]
        if gap:
            yield f"{name}: the server never saw the numbers {sorted(gap)}"


def _doubled(session: Session, items: dict[Key, Item]) -> Iterator[str]:
    """Promise P2: one item, one row, one effect."""
    firsts = Counter(item.id for item in items.values() if not item.reused)
    yield from (f"item {one} is there {number} times" for one, number in firsts.items() if number != 1)
    applied = {
        kind: {item.id for item in items.values() if item.kind == kind and item.outcome in outcomes}
        for kind, outcomes in (("lead.report", {"accepted"}), ("visit.submit", {"accepted", "superseded"}))
    }
    for model, kind in ((Lead, "lead.report"), (Visit, "visit.submit")):
        there = set(session.scalars(select(model.id)))
        yield from (f"{model.__tablename__} {one} comes from no item" for one in sorted(there - applied[kind]))
        yield from (f"the {kind} {one} has left no {model.__tablename__}" for one in sorted(applied[kind] - there))
    answered = Counter(session.scalars(select(Visit.task_id).where(Visit.effect == "accepted")))
    yield from (f"task {one} was answered {number} times" for one, number in answered.items() if number != 1)
    once = ("lead.submit", "lead.withdraw", "visit.withdrawn", "suggestion.submit", "address.bind", "checklist.submit")
    events = Counter(session.execute(select(Event.subject_id, Event.act).where(Event.act.in_(once))).all())
    taken_back = [item for item in items.values() if (item.kind, item.outcome) == ("visit.withdraw", "accepted")]
    withdrawn = Counter(json.loads(item.raw)["payload"]["visit_id"] for item in taken_back)
    for (subject, act), number in events.items():
        if number != withdrawn.get(subject, 1):
            yield f"{act} of {subject} is on record {number} times"
    reported = {subject for subject, act in events if act == "lead.submit"}
    yield from (f"the report of lead {one} is not on record" for one in sorted(applied["lead.report"] - reported))


def _unstable(held: Held, items: dict[Key, Item]) -> Iterator[str]:
    """Every copy of an item got the first receipt, and at most one of them was not a duplicate."""
    numbers = Counter(item.no for item in items.values())
    yield from (f"receipt number {no} is there {number} times" for no, number in numbers.items() if number != 1)
    for key, answers in held.seen.items():
        row = items.get(key)
        receipts = {json.dumps(receipt, sort_keys=True) for _, _, _, receipt in answers}
        if len(receipts) != 1:
            yield f"item {key[0]} got {len(receipts)} receipts"
        if row is not None and {receipt["no"] for _, _, _, receipt in answers} != {row.no}:
            yield f"item {key[0]} has another receipt than its row"
        if sum(outcome != "duplicate" for outcome, _, _, _ in answers) > 1:
            yield f"item {key[0]} was new more than once"
        for outcome, code, first, _ in answers:
            said = (first["outcome"], first["code"]) if outcome == "duplicate" else (outcome, code)
            if row is not None and said != (row.first_outcome, row.first_code):
                yield f"item {key[0]} was told {said}, its row says {(row.first_outcome, row.first_code)}"


def _feed(session: Session, town: Town, held: Held) -> Iterator[str]:
    """Promises P4 and P5: each phone holds its scopes, document for document, and no digest was ever wrong."""
    scopes = {one.scope: one for one in session.scalars(select(FeedScope))}
    rows: dict[str, dict[str, FeedRow]] = defaultdict(dict)
    for row in session.scalars(select(FeedRow).where(FeedRow.op == "put")):
        rows[row.scope][f"{row.kind}/{row.doc_id}"] = row
    for scope, one in scopes.items():
        digest = Phone.digest_of({key: {"rev": row.rev} for key, row in rows[scope].items()})
        if digest != {"count": one.docs, "hash": digest_hex(one.digest)}:
            yield f"{scope}: its digest is not that of its documents"
    for name, store in held.stores.items():
        if store["incidents"]:
            yield f"{name}: {store['incidents']} digests did not fit"
        if store["docs"].keys() != town.scopes[name]:
            yield f"{name}: holds the scopes {sorted(store['docs'])}, not {sorted(town.scopes[name])}"
        for scope, docs in store["docs"].items():
            wanted = rows[scope]
            yield from (f"{name}: {scope} lacks {key}" for key in sorted(wanted.keys() - docs.keys()))
            yield from (f"{name}: {scope} should not hold {key}" for key in sorted(docs.keys() - wanted.keys()))
            for key in wanted.keys() & docs.keys():
                if docs[key]["rev"] != wanted[key].rev or docs[key]["doc"] != json.loads(wanted[key].doc or "null"):
                    yield f"{name}: {scope} holds {key} at rev {docs[key]['rev']}, the server at {wanted[key].rev}"
        outcomes = {key for docs in store["docs"].values() for key in docs if key.startswith("outcome/")}
        made = {f"outcome/{done['item']['id']}" for kept in ("acknowledged", "rejected") for done in store[kept]}
        if outcomes != made:
            yield f"{name}: {len(outcomes ^ made)} items without an outcome document, or outcomes without an item"


def _photos(session: Session, settings: Settings, held: Held) -> Iterator[str]:
    """Promise P10: whole or not at all, evidence of what named it, and nothing lies about."""
    folder = Path(settings.files_dir)
    named = {
        (done["item"]["id"], file["sha256"])
        for store in held.stores.values()
        for done in store["acknowledged"]
        for file in done["item"].get("files") or ()
    }
    evidence = set(session.execute(select(Evidence.subject_id, Evidence.sha256)).all())
    yield from (f"photo {sha256} of {one} is not named as evidence" for one, sha256 in sorted(named - evidence))
    finished = set(session.scalars(select(Upload.sha256).where(Upload.finished_at.is_not(None))))
    yield from (f"photo {sha256} of {one} has not arrived" for one, sha256 in sorted(named) if sha256 not in finished)
    originals = {path.name: path for path in folder.glob("originals/*/*")}
    for sha256, path in originals.items():
        if hashlib.sha256(path.read_bytes()).hexdigest() != sha256:
            yield f"photo {sha256} has other bytes"
    yield from (f"photo {sha256} has a row and no bytes" for sha256 in sorted(finished - originals.keys()))
    yield from (f"photo {sha256} has bytes and no row" for sha256 in sorted(originals.keys() - finished))
    # What died between the bytes and the row leaves strays for the sweep; what is left after it are uploads to go on with.
    sweep_strays(session, settings, datetime.now(UTC) + timedelta(days=2))
    unfinished = set(session.scalars(select(Upload.id).where(Upload.finished_at.is_(None))))
    left = {path.name for path in folder.glob("uploads/*")} - unfinished
    yield from (f"upload {one} has bytes that nothing knows" for one in sorted(left))
