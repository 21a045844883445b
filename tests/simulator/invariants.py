"""What must hold when all faults have ended: a function for each promise, with its words; each yields what it finds broken."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import orjson
from flask import current_app
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from gridwatch.audit.models import Event
from gridwatch.audit.queries import breaks
from gridwatch.db.feed import FeedRow, FeedScope, digest_hex
from gridwatch.domain.lead_invariants import broken_invariants
from gridwatch.leads.models import Lead
from gridwatch.leads.queries import facts_of
from gridwatch.notices.models import Notice
from gridwatch.people.queries import held_scopes
from gridwatch.sync.ledger import ledgers
from gridwatch.sync.models import Item
from gridwatch.tasks.models import Visit
from tests.domain.lead_law import LAW
from tests.phone import Phone, item_sha256
from tests.simulator.schedule import Simulation

Found = Iterator[str]
MADE_BY = {
    "lead.report": "lead.submit",
    "suggestion.submit": "suggestion.submit",
    "checklist.submit": "checklist.submit",
    "address.bind": "address.bind",
}  # fmt: skip - kind of item → the event of its one effect


def r1_acknowledged_is_committed(run: Simulation) -> Found:
    """R1, P1: an acknowledged item is committed: it survives a kill of the server and of the database."""
    with run.server.reading() as session:
        stored = {(one.id, one.sha256): one.no for one in session.scalars(select(Item))}
    for item_id, receipt in run.book.receipts.items():
        if stored.get((item_id, receipt["item_sha256"])) != receipt["no"]:
            yield f"{_named(run, item_id)} was acknowledged with {receipt}, and is not there"


def r2_one_effect_one_receipt(run: Simulation) -> Found:
    """R2, P2: however often an item arrives, in whatever order, it has one effect; every copy gets the first receipt again."""
    yield from run.book.unlike
    with run.server.reading() as session:
        items = list(session.scalars(select(Item)))
        happened = Counter(session.execute(select(Event.act, Event.subject_id)).all())
        leads, visits = set(session.scalars(select(Lead.id))), Counter(session.scalars(select(Visit.id)))
    for item_id, times in Counter(item.id for item in items).items():
        if times > 1:
            yield f"{_named(run, item_id)} is stored {times} times"
    for item in items:
        name, is_applied = _named(run, item.id), item.outcome == "accepted"
        if item.kind in MADE_BY and happened[MADE_BY[item.kind], item.id] != is_applied:
            yield f"{name} is {item.outcome} and had its effect {happened[MADE_BY[item.kind], item.id]} times"
        if item.kind == "lead.report" and (item.id in leads) != is_applied:
            yield f"{name} is {item.outcome}, its lead is {'there' if item.id in leads else 'not there'}"
        if item.kind == "visit.submit" and is_applied and visits[item.id] != 1:
            yield f"{name} is accepted and made {visits[item.id]} visits"


def r3_never_dropped_in_silence(run: Simulation) -> Found:
    """R3, P3: an item is never dropped in silence. It is stored raw before it is interpreted; only `rejected` is not stored."""
    yield from run.book.vanished
    with run.server.reading() as session:
        raw = dict(session.execute(select(Item.id, Item.raw)).all())
    refused = {done["item"]["id"] for worker in run.workers for done in worker.store["rejected"]}
    for item_id, (name, item) in run.book.queued.items():
        if item_id in refused:
            continue
        if item_id not in raw:
            yield f"{_named(run, item_id)} of {name} is neither stored nor rejected"
        elif item_sha256(json.loads(raw[item_id])) != item_sha256(item):
            yield f"{_named(run, item_id)} is not stored as it was sent"


def r3_every_number_is_known(run: Simulation) -> Found:
    """Section 4: for each device and user the server knows which numbers came, so nothing is missing in the end."""
    with run.server.reading() as session:
        users = run.server.world.people
        read = ledgers(session, {(worker.store["device_id"], users[worker.username]) for worker in run.workers})
    for worker in run.workers:
        ledger = read[worker.store["device_id"], users[worker.username]]
        if ledger.missing or ledger.waiting or ledger.highest != worker.store["last_no"]:
            yield f"{worker.name} gave {worker.store['last_no']} numbers; of {ledger.highest} {ledger.missing} are missing"


def r4_holds_what_the_scopes_hold(run: Simulation) -> Found:
    """R4, P4: a phone that pulls until nothing is left holds exactly what its scopes hold: no gap under concurrent writers."""
    yield from run.book.fell
    for worker in run.workers:
        fresh = run.fresh_phone(worker.username)
        mine, wanted = _documents(worker.phone), _documents(fresh)
        for key in sorted(mine.keys() | wanted.keys()):
            if mine.get(key) != wanted.get(key):
                yield f"{worker.name} holds {mine.get(key)}, a fresh phone {wanted.get(key)}: {key}"
        if worker.store["incidents"]:
            yield f"{worker.name} found its digest wrong {worker.store['incidents']} times"


def r4_the_feed_agrees_with_itself(run: Simulation) -> Found:
    """Section 3: digest and count of a scope describe its live documents; every seq is used once and none is beyond the counter."""
    with run.server.reading() as session:
        rows = session.execute(
            select(FeedRow.scope, FeedRow.kind, FeedRow.doc_id, FeedRow.rev, FeedRow.op, FeedRow.seq)
        ).all()
        scopes = {one.scope: one for one in session.scalars(select(FeedScope))}
    live: dict[str, dict[str, Any]] = {scope: {} for scope in scopes}
    seqs: dict[str, list[int]] = {scope: [] for scope in scopes}
    for scope, kind, doc_id, rev, op, seq in rows:
        seqs[scope].append(seq)
        if op == "put":
            live[scope][f"{kind}/{doc_id}"] = {"rev": rev}
    for scope, one in scopes.items():
        if Phone.digest_of(live[scope]) != {"count": one.docs, "hash": digest_hex(one.digest)}:
            yield f"{scope}: the digest is not that of its documents"
        if len(set(seqs[scope])) < len(seqs[scope]) or max(seqs[scope], default=0) > one.counter:
            yield f"{scope}: counter {one.counter}, seqs {sorted(seqs[scope])[-5:]}"


def r4_the_feed_is_what_the_rows_say(run: Simulation) -> Found:
    """R4: what phones are told is what is so: each document as its row renders today, in the scopes where it belongs, else a leave."""
    with run.server.reading() as session:
        told: dict[tuple[str, str], dict[str, Any]] = defaultdict(dict)
        for row in session.scalars(select(FeedRow).where(FeedRow.op == "put")):
            told[row.kind, row.doc_id][row.scope] = _lasting(orjson.loads(row.doc))
        for (kind, doc_id), wanted in _rendered(session):
            for scope in sorted(wanted.keys() | told[kind, doc_id].keys()):
                said, is_so = (one.get(scope) or {} for one in (told[kind, doc_id], wanted))
                unlike = {
                    name: (said.get(name), is_so.get(name))
                    for name in said | is_so
                    if said.get(name) != is_so.get(name)
                }
                if unlike:
                    yield f"{kind} {doc_id} in {scope}, what phones are told and what is so: {unlike}"


def r5_lost_scopes_are_gone(run: Simulation) -> Found:
    """R5, P6: a scope that a user loses leaves the phone at the next pull; its unsent work is accepted first, as evidence."""
    for worker in run.workers:
        with run.server.reading() as session:
            may = set(session.scalars(held_scopes(run.server.world.people[worker.username], run.server.clock.today())))
        if set(worker.store["docs"]) != may:
            yield f"{worker.name} holds {sorted(worker.store['docs'])} and may hold {sorted(may)}"


def r6_nothing_holds_up_anything(run: Simulation) -> Found:
    """R6: pull never waits for push, one bad item never holds up another, and an expired sign-in never blocks filling in."""
    yield from run.book.broke
    for worker in run.workers:
        if worker.store["outbox"]:
            yield f"{worker.name} still has {[item['device_no'] for item in worker.store['outbox']]} to send"
    with run.server.reading() as session:
        held = session.scalars(select(Item.id).where(Item.outcome == "held")).all()
    yield from (f"{_named(run, item_id)} is still held" for item_id in held)


def r7_the_same_again_changes_nothing(run: Simulation) -> Found:
    """R7, P5, P7: once all is quiet, another sync of everybody and another tick change nothing, and each notice is there once."""
    before = _standing(run)
    for worker in run.workers:
        worker.uses(worker.phone.sync)
    did = run.server.tick(everything=True)
    after = _standing(run)
    if before != after:
        yield f"the feed moved: {sorted(set(before.items()) ^ set(after.items()))}; the tick did {did}"
    with run.server.reading() as session:
        same = select(Notice.about, Notice.stage, Notice.recipient_id, func.count()).where(Notice.sent_at.is_not(None))
        for row in session.execute(same.group_by(*same.selected_columns[:3]).having(func.count() > 1)):
            yield f"a notice left more than once: {tuple(row)}"


def p9_every_step_is_legal(run: Simulation) -> Found:
    """P9: the history of a lead is whole and lawful: from each state only where the law leads, in rising versions, to how it is."""
    with run.server.reading() as session:
        history = defaultdict(list)
        for event in session.scalars(select(Event).where(Event.subject_kind == "lead").order_by(Event.chain, Event.no)):
            history[event.subject_id].append(event)
        for lead in session.scalars(select(Lead).order_by(Lead.no)):
            state, former, version = None, None, 0
            for event in history[lead.id]:
                told = json.loads(event.data)
                if (step := told.get("step")) is None or step not in LAW:
                    continue
                frm, to, _ = LAW[step]
                arrives = state if told.get("asked") or to == "=" else former if to == "<" else to
                now = told.get("lead", {}).get("state", state)
                if (state is not None and state not in frm.split()) or now != arrives:
                    yield f"{lead.no}: {step} from {state} to {now}"
                if event.version <= version:
                    yield f"{lead.no}: version {event.version} follows {version}"
                former, state, version = told.get("lead", {}).get("previous_state", former), now, event.version
            if (state, version) != (lead.state, lead.rev):
                yield f"{lead.no} is {lead.state} in version {lead.rev}; its history ends {state} in {version}"
            yield from (f"{lead.no}: {problem}" for problem in broken_invariants(facts_of(session, lead)))


def p13_nobody_is_signed_out_for_nothing(run: Simulation) -> Found:
    """P13: offline sign-in survives a lost reply: nobody is forced to sign in but by a revocation, a disabling or time."""
    yield from run.book.shut_out


def p16_the_event_log_holds(run: Simulation) -> Found:
    """P16: the chains of the event log hold from their beginning."""
    with run.server.reading() as session:
        yield from (f"{one.chain} {one.no}: {one.en}" for one in breaks(session))


INVARIANTS: tuple[Callable[[Simulation], Iterable[str]], ...] = (
    r1_acknowledged_is_committed, r2_one_effect_one_receipt, r3_never_dropped_in_silence, r3_every_number_is_known,
    r4_holds_what_the_scopes_hold, r4_the_feed_agrees_with_itself, r4_the_feed_is_what_the_rows_say, r5_lost_scopes_are_gone,
    r6_nothing_holds_up_anything, r7_the_same_again_changes_nothing, p9_every_step_is_legal, p13_nobody_is_signed_out_for_nothing,
    p16_the_event_log_holds,
)  # fmt: skip


def broken(run: Simulation) -> list[str]:
    """Everything that does not hold, each with the name of its invariant."""
    return [f"{check.__name__}: {problem}" for check in INVARIANTS for problem in check(run)]


# -- reading --------------------------------------------------------------------------------------------------------------


def _named(run: Simulation, item_id: str) -> str:
    name, item = run.book.queued.get(item_id, ("nobody", {}))
    return f"item {item.get('device_no')} ({item.get('kind')}) of {name}"


def _documents(phone: Phone) -> dict[str, Any]:
    return {f"{scope} {key}": one for scope, held in phone.store["docs"].items() for key, one in held.items()}


def _standing(run: Simulation) -> dict[str, int]:
    with run.server.reading() as session:
        return dict(session.execute(select(FeedScope.scope, FeedScope.counter)).all())


def _rendered(session: Session) -> Iterator[tuple[tuple[str, str], dict[str, Any]]]:
    """Every document as its row renders now: {scope: document}."""
    for model, renderer in current_app.extensions["gridwatch.feed"].items():
        rows = list(session.scalars(select(model)))
        for one in renderer(session, rows) if rows else ():
            body = {"kind": one.kind, "id": one.id, "rev": one.rev, **one.body}
            lasting = _lasting(orjson.loads(orjson.dumps(body)))
            yield (one.kind, one.id), dict.fromkeys(one.scopes, lasting)


def _lasting(document: dict[str, Any]) -> dict[str, Any]:
    """A document without what follows the day and not its row: who is on duty in a grid today."""
    return {name: value for name, value in document.items() if name != "managers"}
