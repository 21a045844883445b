"""What is read for phones and their supervisors: scopes and feed, kept snapshots, gaps in the numbers of a device."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import date, datetime
from functools import cache
from types import ModuleType
from typing import Any, NamedTuple

from sqlalchemy import BigInteger, Integer, Select, and_, bindparam, case, func, select, true
from sqlalchemy.orm import Session

from gridwatch.db import quick
from gridwatch.db.feed import FeedRow, FeedScope
from gridwatch.domain.permits import Actor, Grant, Role
from gridwatch.people.models import User
from gridwatch.people.queries import held_scopes
from gridwatch.sync.callers import Standing, standing_of
from gridwatch.sync.models import Item, RefusedItem, Snapshot
from gridwatch.tasks.models import Task


class Change(NamedTuple):
    """One row of the feed; `doc` is the stored JSON text, None for a leave."""

    seq: int
    kind: str
    doc_id: str
    rev: int
    op: str
    doc: str | None
    changed_on: str


_CHANGE = (FeedRow.seq, FeedRow.kind, FeedRow.doc_id, FeedRow.rev, FeedRow.op, FeedRow.doc, FeedRow.changed_on)


def changes(scope: str, *, since: int, most: int) -> tuple[Standing, list[Change]]:
    """A scope's standing and its changes after `since` in rising seq, at most `most`; all from one read, so they agree."""
    return _read(_CHANGES, {"scope": scope, "since": since, "most": most})


def documents(scope: str) -> tuple[Standing, list[Change]]:
    """A scope's standing and its live documents in rising seq, from one read."""
    return _read(_DOCUMENTS, {"scope": scope})


def _with_standing(wanted: Select[Any]) -> Select[Any]:
    """The standing of a scope beside each of the wanted rows of its feed; alone where there are none."""
    rows = wanted.subquery("changed")
    return (
        select(*standing_of(FeedScope), *rows.c)
        .select_from(FeedScope)
        .outerjoin(rows, true())
        .where(FeedScope.scope == bindparam("scope"))
        .order_by(rows.c.seq)
    )


_OF_SCOPE = select(*_CHANGE).where(FeedRow.scope == bindparam("scope")).order_by(FeedRow.seq)
_CHANGES = _with_standing(
    _OF_SCOPE.where(FeedRow.seq > bindparam("since", type_=BigInteger)).limit(bindparam("most", type_=Integer))
)
_DOCUMENTS = _with_standing(_OF_SCOPE.where(FeedRow.op == "put"))


def _read(statement: Select[Any], asked: dict[str, Any]) -> tuple[Standing, list[Change]]:
    found = quick.rows(statement, asked)
    if not found:
        return Standing(), []
    return Standing(*found[0][:4]), [Change(*row[4:]) for row in found if row[4] is not None]


class Build(NamedTuple):
    """A snapshot: a whole scope at `seq`, its changes in packed blocks one after the other, `blocks` their lengths."""

    id: str
    scope: str
    seq: int
    schema: int
    epoch: str
    docs: int
    digest: int
    built_at: datetime
    blocks: list[int]
    body: bytes


_BUILD = select(*(getattr(Snapshot, name) for name in Build._fields)).where(
    Snapshot.epoch == bindparam("epoch"), Snapshot.scope == bindparam("scope")
)
_BUILD_OF = _BUILD.where(
    Snapshot.seq == bindparam("seq", type_=BigInteger), Snapshot.schema == bindparam("schema", type_=Integer)
)
_BUILD_NAMED = _BUILD.where(Snapshot.id == bindparam("name"))


def build_of(epoch: str, scope: str, seq: int, schema: int) -> Build | None:
    """The kept snapshot of a scope at one seq for one schema."""
    asked = {"epoch": epoch, "scope": scope, "seq": seq, "schema": schema}
    return next((Build(*row) for row in quick.rows(_BUILD_OF, asked)), None)


def build_named(epoch: str, scope: str, name: str) -> Build | None:
    """The kept snapshot of that name, if it is of this scope and epoch."""
    asked = {"epoch": epoch, "scope": scope, "name": name}
    return next((Build(*row) for row in quick.rows(_BUILD_NAMED, asked)), None)


def first_due(grids: Collection[str]) -> dict[str, date]:
    """For each of these grids with open tasks, the day on which the next one is due."""
    return {grid: due_on for grid, due_on in quick.rows(_first_due(quick.dialect()), {"grids": list(grids)}) if grid}


@cache
def _first_due(dialect: ModuleType) -> Select[Any]:
    open_there = (dialect.among_given(Task.grid_code, "grids"), Task.closed_at.is_(None))
    return select(Task.grid_code, func.min(Task.due_on)).where(*open_there).group_by(Task.grid_code)


class Known(NamedTuple):
    """What an answer says of an item that was stored before."""

    id: str
    no: int
    sha256: str
    received_at: datetime
    result_rev: int | None
    first_outcome: str
    first_code: str | None


def known_items(ids: Collection[str]) -> list[Known]:
    """The items under these ids, second contents included, as answers need them."""
    return [Known(*row) for row in quick.rows(_known(quick.dialect()), {"ids": list(ids)})]


@cache
def _known(dialect: ModuleType) -> Select[Any]:
    return select(*(getattr(Item, name) for name in Known._fields)).where(dialect.among_given(Item.id, "ids"))


def stored_items(session: Session, ids: Iterable[str]) -> list[Item]:
    """The items under these ids, second contents included, in order of arrival."""
    return list(session.scalars(select(Item).where(Item.id.in_(list(ids))).order_by(Item.no)))


def refused_items(session: Session, ids: Collection[str]) -> set[str]:
    """Which of these ids have the `outcome` document of an item that was rejected."""
    return set(session.scalars(select(RefusedItem.id).where(RefusedItem.id.in_(ids)))) if ids else set()


def sender(session: Session, item: Item, on: date, *, disabled_too: bool = False) -> Actor | None:
    """Who sent an item, with the roles of now and the grids of a day; None for somebody who is disabled, unless he counts too."""
    user = session.get(User, item.user_id)
    if user is None or (user.disabled_at is not None and not disabled_too):
        return None
    return person(session, user, item.device_id, on)


def person(session: Session, user: User, device_id: str, on: date) -> Actor:
    """A person on one device, with the roles of now and the grids of a day."""
    scopes = session.scalars(held_scopes(user.id, on))
    return Actor(
        id=user.id,
        name=user.name,
        grants=tuple(Grant(Role(one.role), one.area_path, one.department_code) for one in user.grants),
        grids=tuple(sorted(scope.removeprefix("grid:") for scope in scopes if scope.startswith("grid:"))),
        device_id=device_id,
    )


def area_code_of(actor: Actor) -> str | None:
    """The area of the actor's first role that has one, as its code; None for somebody without."""
    path = next((grant.area_path for grant in actor.grants if grant.area_path), None)
    return path.rstrip("/").rpartition("/")[2] if path else None


def neighbours(
    session: Session, device_id: str, user_id: str, first: int, last: int
) -> list[tuple[int, Any, int | None]]:
    """(device_no, corrected_at, uncertainty_s) of what is stored from the number before `first` to the one after `last`."""
    mine = and_(Item.device_id == device_id, Item.user_id == user_id, Item.corrected_at.is_not(None))
    before = select(func.max(Item.device_no)).where(mine, Item.device_no < first).scalar_subquery()
    after = select(func.min(Item.device_no)).where(mine, Item.device_no > last).scalar_subquery()
    low = case((before.is_(None), first), else_=before)
    high = case((after.is_(None), last), else_=after)
    return list(
        session.execute(
            select(Item.device_no, Item.corrected_at, Item.uncertainty_s)
            .where(mine, Item.device_no >= low, Item.device_no <= high)
            .order_by(Item.device_no)
        )
    )
