"""The gap ledger: which numbers of a device came, which were refused, and which nobody has seen (sync-protocol, section 4)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, exists, func, or_, select, tuple_, union
from sqlalchemy.orm import Session

from gridwatch.domain.permits import PERMITS, Actor, Grant, Scope
from gridwatch.people.models import Device, RoleGrant, User
from gridwatch.people.reach import in_area, within
from gridwatch.sync.models import Heartbeat, Item, RefusedNumber
from gridwatch.web import paging

_FIELD = [role.value for role, scope in PERMITS["sync.phone"].items() if scope is Scope.GRID]
_DESK = [role.value for role, scope in PERMITS["sync.phone"].items() if scope is not Scope.GRID]

Pair = tuple[str, str]  # device id, user id
Range = tuple[int, int]  # first and last number, both included


@dataclass(slots=True)
class Ledger:
    """The numbers of one device and user, in rising order.

    `missing` never arrived although a higher number did, or although the phone says that nothing is unsent; `refused` were
    rejected and so not stored; `waiting` are still on the phone by its own last word (`said`, at `last_contact_at`).
    """

    device_id: str
    user_id: str
    highest: int = 0
    missing: list[Range] = field(default_factory=list)
    refused: list[Range] = field(default_factory=list)
    waiting: Range | None = None
    last_contact_at: datetime | None = None
    said: dict[str, Any] = field(default_factory=dict)


def gaps(session: Session, device_id: str, user_id: str) -> Ledger:
    """The ledger of one device and user."""
    return ledgers(session, [(device_id, user_id)])[device_id, user_id]


def ledgers(session: Session, pairs: Iterable[Pair]) -> dict[Pair, Ledger]:
    """The ledgers of these devices, in four statements for all of them."""
    found = {pair: Ledger(*pair) for pair in pairs}
    came, refused = _numbers(Item, found), _numbers(RefusedNumber, found)
    known = union(came, refused).subquery("known")
    before = func.lag(known.c.no, 1, 0).over(partition_by=(known.c.device_id, known.c.user_id), order_by=known.c.no)
    steps = select(known, before.label("before")).subquery("steps")
    holes = select(steps).where(steps.c.no > steps.c.before + 1).order_by(steps.c.no)
    for device_id, user_id, no, last in session.execute(holes):
        found[device_id, user_id].missing.append((last + 1, no - 1))
    whose = (known.c.device_id, known.c.user_id)
    for device_id, user_id, highest in session.execute(select(*whose, func.max(known.c.no)).group_by(*whose)):
        found[device_id, user_id].highest = highest
    not_come = defaultdict(list)
    for device_id, user_id, no in session.execute(refused.except_(came)):
        not_come[device_id, user_id].append(no)
    for pair, numbers in not_come.items():
        found[pair].refused = _ranges(sorted(numbers))
    words = select(Heartbeat).where(tuple_(Heartbeat.device_id, Heartbeat.user_id).in_(list(found)))
    for word in session.scalars(words):
        _hear(found[word.device_id, word.user_id], word)
    return found


def _numbers(model: Any, pairs: Iterable[Pair]) -> Select[Any]:
    return select(model.device_id, model.user_id, model.device_no.label("no")).where(
        tuple_(model.device_id, model.user_id).in_(list(pairs)), model.device_no.is_not(None)
    )


def _hear(ledger: Ledger, word: Heartbeat) -> None:
    """Add what the phone itself said of its numbers."""
    ledger.last_contact_at, ledger.said = word.at, word.said
    told = word.said.get("highest_device_no")
    if isinstance(told, int) and told > ledger.highest:
        if word.said.get("unsent") == 0:
            ledger.missing.append((ledger.highest + 1, told))
        else:
            ledger.waiting = (ledger.highest + 1, told)


def _ranges(numbers: list[int]) -> list[Range]:
    ranges: list[Range] = []
    for number in numbers:
        if ranges and ranges[-1][1] == number - 1:
            ranges[-1] = (ranges[-1][0], number)
        else:
            ranges.append((number, number))
    return ranges


def health(session: Session, actor: Actor, *, cursor: str | None, limit: int) -> dict[str, Any]:
    """A page of the devices of the people whom the actor supervises: each with its person and its ledger."""
    found = paging.page(
        session, devices_within(actor), [Device.id, Device.user_id], cursor=cursor, limit=limit, key_of=lambda one: [one.id, one.user_id]
    )  # fmt: skip
    read = ledgers(session, [(one.id, one.user_id) for one in found["items"]])
    people = {one.user_id for one in found["items"]}
    names = dict(session.execute(select(User.id, User.name).where(User.id.in_(people))).all())
    return {
        "items": [
            {
                "device": one,
                "user": {"id": one.user_id, "name": names[one.user_id]},
                "ledger": read[one.id, one.user_id],
            }
            for one in found["items"]
        ],
        "next_cursor": found["next_cursor"],
    }


def devices_within(actor: Actor, operation: str = "sync.health") -> Select[Any]:
    """A statement for the devices of the people whom the actor supervises."""
    return within(select(Device), actor, operation, {Scope.AREA: _person_in_area})


def _person_in_area(actor: Actor, grant: Grant) -> ColumnElement[bool]:
    """Phones of the field; and of a community's desk those that have ever synced, since a desk signs in at a browser too."""
    here = in_area(RoleGrant.area_path)(actor, grant)
    of_field = select(RoleGrant.user_id).where(here, RoleGrant.role.in_(_FIELD))
    of_desk = select(RoleGrant.user_id).where(here, RoleGrant.role.in_(_DESK))
    has_synced = exists().where(Heartbeat.device_id == Device.id, Heartbeat.user_id == Device.user_id)
    return or_(Device.user_id.in_(of_field), and_(Device.user_id.in_(of_desk), has_synced))
