"""Push: facts come in, each is stored with what became of it, all in one commit (sync-protocol, section 4).

The text of an item and its outcome are one row of the same transaction. Whatever its handler does, the row is written: an
exception of a handler ends at its savepoint and leaves the item in `review`. Only what is rejected leaves no row.

Pushes of one device wait for each other (its row is locked first), so an item that comes twice at once is seen by the second
as a duplicate, and a dependant sees what it waits for. What is left (two devices with the same item, two visits to one task in
crossing order) ends in a unique key, a stale row or a deadlock, and is tried again here, not by the phone.
"""

from __future__ import annotations

import logging
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from flask import current_app
from sqlalchemy import bindparam, select, text, true
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.orm import Session
from sqlalchemy.orm.exc import StaleDataError

from gridwatch.calendars.queries import current_calendar
from gridwatch.db import feed
from gridwatch.db.base import Instant, db
from gridwatch.db.session import transaction
from gridwatch.domain.errors import Refusal
from gridwatch.domain.permits import Actor
from gridwatch.domain.worktime import WorkCalendar
from gridwatch.files import queries as files
from gridwatch.files.service import name_evidence
from gridwatch.people.models import Device
from gridwatch.sync import capture, checking, judging, queries, words
from gridwatch.sync.decoding import Arrived, Envelope, is_uuid
from gridwatch.sync.documents import outcomes, receipt, refusal
from gridwatch.sync.kinds import Applied
from gridwatch.sync.models import Item, RefusedItem
from gridwatch.sync.queries import Known

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
    item: Item | Known | None = None
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
    known = {(item.id, item.sha256): item for item in queries.known_items({slot.arrived.id for slot in slots})}
    for slot in slots:
        slot.item = known.get((slot.arrived.id, slot.arrived.sha256))
    if not all(slot.item for slot in slots):
        return None
    _note_missing(db.session(), slots, actor)
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
            self._decide(new, calendar)
            self.session.add_all(sorted((slot.item for slot in new), key=lambda item: item.id))
            self.session.flush()
            self._name_second_contents(new)
            for item in self._waiting():
                judging.release(self.session, item, self.actor, calendar, self.now, last=self.last)
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
            item.in_order = capture.in_order(item.device_no, judging.capture_of(item), around)

    def _decide(self, new: list[Slot], calendar: WorkCalendar) -> None:
        """Apply what is new, each item behind those that it depends on."""
        first = [slot for slot in new if not slot.item.reused]
        for slot in new:
            if slot.item.reused:
                sha256 = self.known[slot.item.id][0].sha256
                judging.settle(slot.item, Applied(words.REVIEW, "id_reused", {"first_sha256": sha256}))
        cases = [judging.Case(slot.item, slot.arrived.value) for slot in first]
        judging.judge_all(self.session, cases, self.actor, calendar, self.now, come=self.known.keys(), last=self.last)
        for slot in new:
            slot.item.first_outcome, slot.item.first_code = slot.item.outcome, slot.item.code

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


def _short(value: Any, most: int) -> str | None:
    """A text that a column can hold, else None; the item itself keeps what was sent."""
    return value if isinstance(value, str) and len(value) <= most and "\0" not in value else None
