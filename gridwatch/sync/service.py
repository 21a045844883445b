"""Push: facts come in, each is stored with what became of it, all in one commit (sync-protocol, section 4).

The text of an item and its outcome are one row of the same transaction. Whatever its handler does, the row is written: an
exception of a handler ends at its savepoint and leaves the item in `review`. Only what is rejected leaves no row.

Pushes of one device wait for each other (its row is locked first), so an item that comes twice at once is seen by the second
as a duplicate, and a dependant sees what it waits for. What is left (two devices with the same item, two visits to one task in
crossing order) ends in a unique key, a stale row or a deadlock, and is tried again here, not by the phone.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import orjson
from flask import current_app
from sqlalchemy import bindparam, select, text, true
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.orm import Session
from sqlalchemy.orm.exc import StaleDataError

from gridwatch.calendars.queries import current_calendar
from gridwatch.db import feed
from gridwatch.db.base import Instant, db
from gridwatch.db.session import savepoint, transaction
from gridwatch.domain.errors import Refusal
from gridwatch.domain.permits import Actor
from gridwatch.domain.worktime import WorkCalendar
from gridwatch.files import queries as files
from gridwatch.files.service import name_evidence
from gridwatch.people.models import Device
from gridwatch.sync import capture, checking, queries, words
from gridwatch.sync.decoding import Arrived, Envelope, is_uuid
from gridwatch.sync.documents import outcomes, receipt, refusal
from gridwatch.sync.kinds import KINDS, Applied, Fact, from_refusal
from gridwatch.sync.models import Item, RefusedItem

log = logging.getLogger("gridwatch")

MOST_ITEMS, MOST_BYTES, MOST_BYTES_ALONE = 200, 1_000_000, 4_000_000
TRIES = 4
_AGAIN = {"40001", "40P01", "55P03"}  # serialization failure, deadlock, lock not available
_NOTE_REFUSED = text(
    "INSERT INTO refused_number (device_id, user_id, device_no, code, at) VALUES (:device_id, :user_id, :device_no, :code, :at) "
    "ON CONFLICT DO NOTHING"
).bindparams(bindparam("at", type_=Instant))


def too_large() -> Refusal:
    """413, naming both limits of a batch."""
    return Refusal("sync.batch_too_large", max_items=MOST_ITEMS, max_bytes=MOST_BYTES)


def check_size(envelope: Envelope, size: int) -> None:
    """Raise 413 `sync.batch_too_large` for more than 200 items, or more than 1 MB in more than one."""
    if len(envelope.items) > MOST_ITEMS or (size > MOST_BYTES and len(envelope.items) > 1):
        raise too_large()


def push(envelope: Envelope, actor: Actor, now: datetime) -> list[dict[str, Any]]:
    """Take a push and commit it. Returns one result an item, in the order sent, with every member of the protocol.

    Raises 503 `http.busy` when others were in the way three times more.
    """
    most_files = current_app.config["GRIDWATCH"].files_per_item
    slots = [Slot(arrived, _rejection(arrived, envelope, actor, most_files)) for arrived in envelope.items]
    again = _all_known(slots, actor)
    if again is not None:
        return again
    for left in reversed(range(TRIES)):
        try:
            with transaction() as session:
                return _Batch(session, actor, envelope.device_id, now, last=not left).take(slots)
        except (StaleDataError, IntegrityError, OperationalError) as problem:
            if not left or not _passes(problem):
                raise
            log.info("push of device %s is tried again: %s", envelope.device_id, problem)
    raise Refusal("http.busy", headers={"Retry-After": "1"})


def _passes(problem: Exception) -> bool:
    """Whether the same work may succeed when it is done again at once."""
    if not isinstance(problem, OperationalError):
        return True
    return getattr(problem.orig, "sqlstate", None) in _AGAIN


def _rejection(arrived: Arrived, envelope: Envelope, actor: Actor, most_files: int) -> str | None:
    if envelope.device_id != actor.device_id:
        return "not_your_device"
    if arrived.flaw is not None:
        return "undecodable"
    return "over_limit" if checking.over_limit(arrived.raw, arrived.value, most_files) else None


@dataclass(slots=True)
class Slot:
    """One place in the answer: what arrived, why it is rejected (if it is), the row that holds it, whether it is new, and
    which of its required files its sender's area does not hold."""

    arrived: Arrived
    rejected: str | None
    item: Item | None = None
    is_new: bool = False
    missing: list[str] = field(default_factory=list)

    def result(self) -> dict[str, Any]:
        """This place of the answer."""
        if self.rejected is not None:
            facts = {"flaw": self.arrived.flaw} if self.rejected == "undecodable" else {}
            return self._answer(words.REJECTED, self.rejected, facts)
        item = self.item
        if self.is_new:
            return self._answer(item.outcome, item.code, item.facts)
        first = {"outcome": item.first_outcome, "code": item.first_code}
        return self._answer(words.DUPLICATE, None, {}, first=first)

    def _answer(self, outcome: str, code: str | None, facts: dict[str, Any], *, first: Any = None) -> dict[str, Any]:
        return {
            "id": self.arrived.id,
            "outcome": outcome,
            "code": code,
            "message": words.message(outcome, code, facts),
            "facts": facts,
            "receipt": receipt(self.item) if self.item else None,
            "missing": self.missing,
            "rev": self.item.result_rev if self.item else None,
            "first": first,
        }


def _all_known(slots: list[Slot], actor: Actor) -> list[dict[str, Any]] | None:
    """The answer to a batch in which everything was here before, found without writing; None when something is new."""
    if any(slot.rejected for slot in slots):
        return None
    session = db.session()
    known = {
        (item.id, item.sha256): item for item in queries.stored_items(session, {slot.arrived.id for slot in slots})
    }
    for slot in slots:
        slot.item = known.get((slot.arrived.id, slot.arrived.sha256))
    if not all(slot.item for slot in slots):
        return None
    _note_missing(session, slots, actor)
    return [slot.result() for slot in slots]


def _note_missing(session: Session, slots: list[Slot], actor: Actor) -> None:
    """`missing` is always the state now, whatever the first answer said."""
    wanted = [checking.required_hashes(slot.arrived.value) if slot.rejected is None else [] for slot in slots]
    held = files.held(session, {sha256 for hashes in wanted for sha256 in hashes}, actor)
    for slot, hashes in zip(slots, wanted, strict=True):
        slot.missing = [sha256 for sha256 in hashes if sha256 not in held]


@dataclass(slots=True)
class _Batch:
    """One attempt at a push, within one transaction."""

    session: Session
    actor: Actor
    device_id: str
    now: datetime
    last: bool
    known: dict[str, list[Item]] = field(default_factory=dict)

    def take(self, slots: list[Slot]) -> list[dict[str, Any]]:
        """Store and apply what is new; returns the answer."""
        good = [slot for slot in slots if slot.rejected is None]
        # What is rejected here may be right from another device of the same person, so it waits for all of them.
        mine = (
            Device.user_id == self.actor.id,
            true() if len(good) < len(slots) else Device.id == self.actor.device_id,
        )
        self.session.execute(select(Device.id).where(*mine).order_by(Device.id).with_for_update())
        ids = {slot.arrived.id for slot in slots if is_uuid(slot.arrived.id)}
        for item in queries.stored_items(self.session, ids):
            self.known.setdefault(item.id, []).append(item)
        refused = queries.refused_items(self.session, ids)
        new: list[Slot] = []
        for slot in good:
            rows = self.known.setdefault(slot.arrived.id, [])
            slot.item = next((item for item in rows if item.sha256 == slot.arrived.sha256), None)
            slot.is_new = slot.item is None
            if slot.is_new:
                slot.item = self._row(slot.arrived, reused=bool(rows))
                rows.append(slot.item)
                new.append(slot)
        self._note_refused(slots)
        self._show_refused(slots, refused)
        if new:
            self._name_evidence(new)
            self._place_in_order(new)
            calendar = current_calendar(self.session)
            for slot in _dependencies_first(new):
                self._decide(slot.item, slot.arrived.value, calendar)
                slot.item.first_outcome, slot.item.first_code = slot.item.outcome, slot.item.code
            self.session.add_all(sorted((slot.item for slot in new), key=lambda item: item.id))
            self.session.flush()
            self._name_second_contents(new)
            for item in self._waiting():
                release(self.session, item, self.actor, calendar, self.now, last=self.last)
            self._replace_refused([slot.item for slot in new if slot.item.id in refused])
        _note_missing(self.session, slots, self.actor)
        return [slot.result() for slot in slots]

    def _row(self, arrived: Arrived, *, reused: bool) -> Item:
        value = arrived.value
        taken = capture.captured(value.get("captured_at"), value.get("clock"))
        return Item(
            id=arrived.id, reused=reused, sha256=arrived.sha256, user_id=self.actor.id, device_id=self.actor.device_id,
            device_no=arrived.device_no if arrived.device_no and 0 < arrived.device_no <= 2**53 else None,
            kind=_short(value.get("kind"), 32) or "", task_id=value.get("task_id") if is_uuid(value.get("task_id")) else None,
            scope=_short(value.get("scope"), 64), scope_token=_short(value.get("scope_token"), 80),
            item_version=_short(value.get("item_version"), 80), captured_at=taken.captured_at, corrected_at=taken.corrected_at,
            uncertainty_s=taken.uncertainty_s, received_at=self.now, raw=arrived.raw, facts={}, waits_for=[], shown=True,
        )  # fmt: skip

    def _name_evidence(self, new: list[Slot]) -> None:
        named: dict[str, dict[str, bool]] = {}
        for slot in new:
            named.setdefault(slot.item.id, {}).update(checking.named_hashes(slot.arrived.value))
        name_evidence(self.session, named, actor=self.actor, now=self.now)

    def _place_in_order(self, new: list[Slot]) -> None:
        """Say of each new item whether its number and its time agree with those around it (ruling R15)."""
        items = [slot.item for slot in new if slot.item.device_no is not None]
        numbers = [item.device_no for item in items]
        stored = (
            queries.neighbours(self.session, self.device_id, self.actor.id, min(numbers), max(numbers))
            if numbers
            else []
        )
        fresh = [
            (item.device_no, item.corrected_at, item.uncertainty_s) for item in items if item.corrected_at is not None
        ]
        around = sorted(stored + fresh)
        for slot in new:
            item = slot.item
            item.in_order = capture.in_order(item.device_no, _capture_of(item), around)

    def _decide(self, item: Item, value: dict[str, Any], calendar: WorkCalendar) -> None:
        if item.reused:
            _settle(item, Applied(words.REVIEW, "id_reused", {"first_sha256": self.known[item.id][0].sha256}))
        else:
            judge(self.session, item, value, self.actor, calendar, self.now, come=self.known.keys(), last=self.last)

    def _note_refused(self, slots: list[Slot]) -> None:
        """The gap ledger knows the numbers of what was rejected, so that nobody looks for them."""
        numbers = {
            slot.arrived.device_no: slot.rejected
            for slot in slots
            if slot.rejected and slot.arrived.device_no is not None and 0 < slot.arrived.device_no <= 2**53
        }
        if numbers and is_uuid(self.device_id):
            whose = {"device_id": self.device_id, "user_id": self.actor.id, "at": self.now}
            self.session.execute(
                _NOTE_REFUSED, [{**whose, "device_no": no, "code": code} for no, code in numbers.items()]
            )

    def _show_refused(self, slots: list[Slot], refused: Collection[str]) -> None:
        """What is rejected has an `outcome` document too, unless something else has come under its id."""
        for slot in slots:
            arrived = slot.arrived
            if slot.rejected and is_uuid(arrived.id) and arrived.id not in refused and arrived.id not in self.known:
                refused = {*refused, arrived.id}
                self.session.add(RefusedItem(id=arrived.id, user_id=self.actor.id, code=slot.rejected, at=self.now))
                document = refusal(
                    arrived.id, self.actor.id, slot.rejected, slot.result()["facts"], device_no=arrived.device_no,
                    device_id=self.actor.device_id, item_kind=_short(arrived.value.get("kind"), 32) or "",
                )  # fmt: skip
                feed.stage(self.session, [document])

    def _replace_refused(self, items: list[Item]) -> None:
        """Items that were rejected at first: their documents stand already, so they are not new to the feed."""
        if items:
            self.session.flush()
            feed.stage(self.session, outcomes(self.session, items))

    def _name_second_contents(self, new: list[Slot]) -> None:
        """The first item under an id names every other content that came under it, in `facts.also`."""
        for item in [slot.item for slot in new if slot.item.reused]:
            first = self.known[item.id][0]
            first.facts = {**first.facts, "also": [*first.facts.get("also", []), receipt(item)]}

    def _waiting(self) -> list[Item]:
        """The held items of this user."""
        return list(
            self.session.scalars(
                select(Item).where(Item.outcome == words.HELD, Item.user_id == self.actor.id).order_by(Item.no)
            )
        )


def judge(
    session: Session, item: Item, value: dict[str, Any], actor: Actor, calendar: WorkCalendar, now: datetime, *,
    come: Collection[str] = (), last: bool = True,
) -> None:  # fmt: skip
    """Check an item, wait for what it depends on, apply it; write the outcome into the row. Never raises for the item's sake.

    `come` are ids that are being stored beside it. What another transaction may have caused (a unique key, a stale row) is
    raised, unless this is the `last` try.
    """
    kind = KINDS.get(value["kind"]) if isinstance(value.get("kind"), str) else None
    wrong = checking.problems(value, on_task=kind is not None and kind.on_task, has_nul="\\u0000" in item.raw)
    if kind is None:
        wrong.append({"path": "kind", "problem": f"应为 {'、'.join(KINDS)} 之一 / one of {', '.join(KINDS)}"})
    if wrong:
        _settle(item, Applied(words.REVIEW, "payload_invalid", {"fields": wrong}))
        return
    lacking = _lacking(session, value.get("depends_on") or (), come)
    if lacking:
        _settle(item, Applied(words.HELD, None, {"waits_for": lacking}), lacking)
        return
    plausible = _capture_of(item).is_plausible(item.received_at)
    try:
        with savepoint(session):
            applied = kind.apply(session, Fact(item, value, actor, calendar, now, plausible))
    except Refusal as refusal:
        applied = from_refusal(refusal)
    except Exception as problem:
        if isinstance(problem, OperationalError | StaleDataError) or (isinstance(problem, IntegrityError) and not last):
            raise
        log.error("item %s of kind %s could not be applied", item.id, item.kind, exc_info=problem)
        applied = Applied(words.REVIEW, "not_applied")
    if not plausible and (applied.outcome, applied.code) == (words.ACCEPTED, None):
        applied = replace(applied, code="implausible_time")
    _settle(item, applied)


def release(
    session: Session, item: Item, actor: Actor, calendar: WorkCalendar, now: datetime, *, last: bool = True
) -> bool:
    """Apply a held item if all that it waits for is stored by now; returns whether it was. `actor` is the one who sent it."""
    if _lacking(session, item.waits_for, ()):
        return False
    judge(session, item, orjson.loads(item.raw), actor, calendar, now, last=last)
    return True


def _settle(item: Item, applied: Applied, waits_for: list[str] | None = None) -> None:
    also = {"also": item.facts["also"]} if "also" in item.facts else {}
    item.outcome, item.code, item.facts = applied.outcome, applied.code, {**applied.facts, **also}
    item.result_rev, item.became, item.waits_for = applied.rev, applied.became, waits_for or []


def _lacking(session: Session, wanted: Iterable[str], come: Collection[str]) -> list[str]:
    """The ids among `wanted` that nobody has sent yet. What is stored counts as come, whatever its own outcome is."""
    open_ = list(dict.fromkeys(one for one in wanted if one not in come))
    stored = set(session.scalars(select(Item.id).where(Item.id.in_(open_)))) if open_ else set()
    return [one for one in open_ if one not in stored]


def _dependencies_first(slots: list[Slot]) -> Iterator[Slot]:
    """The slots in the order sent, but each behind those that it depends on; in a ring, the order sent."""
    by_id = {slot.arrived.id: slot for slot in reversed(slots)}
    seen: set[int] = set()
    for root in slots:
        path = [(root, iter(_named(root)))] if id(root) not in seen else []
        seen.add(id(root))
        while path:
            slot, wanted = path[-1]
            follow = next((by_id[one] for one in wanted if one in by_id and id(by_id[one]) not in seen), None)
            if follow is None:
                yield path.pop()[0]
            else:
                seen.add(id(follow))
                path.append((follow, iter(_named(follow))))


def _named(slot: Slot) -> list[str]:
    wanted = slot.arrived.value.get("depends_on")
    return [one for one in wanted if isinstance(one, str)] if isinstance(wanted, list) else []


def _capture_of(item: Item) -> capture.Capture:
    return capture.Capture(item.captured_at, item.corrected_at, item.uncertainty_s)


def _short(value: Any, most: int) -> str | None:
    """A text that a column can hold, else None; the item itself keeps what was sent."""
    return value if isinstance(value, str) and len(value) <= most and "\0" not in value else None
