"""What is read for phones and their supervisors: scopes and feed, kept snapshots, gaps in the numbers of a device."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import date
from typing import Any, NamedTuple

from sqlalchemy import BigInteger, Date, Integer, Select, String, and_, bindparam, case, func, select, true
from sqlalchemy.orm import Session

from gridwatch.db.feed import FeedRow, FeedScope
from gridwatch.domain.permits import Actor, Grant, Role
from gridwatch.people.models import User
from gridwatch.people.queries import held_scopes
from gridwatch.sync.models import Item, RefusedItem, ServerState, Snapshot
from gridwatch.tasks.models import Task


class Standing(NamedTuple):
    """How a scope stands: its counter, number of live documents, digest as a signed integer, and what was purged."""

    counter: int = 0
    docs: int = 0
    digest: int = 0
    purged_to: int = 0


class Change(NamedTuple):
    """One row of the feed; `doc` is the stored JSON text, None for a leave."""

    seq: int
    kind: str
    doc_id: str
    rev: int
    op: str
    doc: str | None
    changed_on: str


_STANDING = tuple(
    func.coalesce(column, 0) for column in (FeedScope.counter, FeedScope.docs, FeedScope.digest, FeedScope.purged_to)
)
_CHANGE = (FeedRow.seq, FeedRow.kind, FeedRow.doc_id, FeedRow.rev, FeedRow.op, FeedRow.doc, FeedRow.changed_on)


def held(session: Session, user_id: str, today: date) -> tuple[str, dict[str, Standing]]:
    """The epoch, and each scope that the user may hold today with its standing. One statement; all that a quiet pull asks."""
    rows = session.execute(_HELD, {"user_id": user_id, "today": today}).all()
    return rows[0][0], {scope: Standing(*standing) for _, scope, *standing in rows}


def _held_statement() -> Select[Any]:
    """Made once: building it costs more than running it."""
    may = held_scopes(bindparam("user_id", type_=String), bindparam("today", type_=Date)).subquery("may")
    return (
        select(ServerState.epoch, may.c.scope, *_STANDING)
        .select_from(ServerState)
        .join(may, true())
        .outerjoin(FeedScope, FeedScope.scope == may.c.scope)
        .order_by(may.c.scope)
    )


_HELD = _held_statement()


def changes(session: Session, scope: str, *, since: int, most: int) -> tuple[Standing, list[Change]]:
    """A scope's standing and its changes after `since` in rising seq, at most `most`; all from one read, so they agree."""
    return _read(session, _CHANGES, {"scope": scope, "since": since, "most": most})


def documents(session: Session, scope: str) -> tuple[Standing, list[Change]]:
    """A scope's standing and its live documents in rising seq, from one read."""
    return _read(session, _DOCUMENTS, {"scope": scope})


def _with_standing(wanted: Select[Any]) -> Select[Any]:
    """The standing of a scope beside each of the wanted rows of its feed; alone where there are none."""
    rows = wanted.subquery("changed")
    return (
        select(*_STANDING, *rows.c)
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


def _read(session: Session, statement: Select[Any], asked: dict[str, Any]) -> tuple[Standing, list[Change]]:
    found = session.execute(statement, asked).all()
    if not found:
        return Standing(), []
    return Standing(*found[0][:4]), [Change(*row[4:]) for row in found if row[4] is not None]


def build_of(session: Session, epoch: str, scope: str, seq: int, schema: int) -> Snapshot | None:
    """The kept snapshot of a scope at one seq for one schema."""
    return session.scalars(
        select(Snapshot).where(
            Snapshot.epoch == epoch, Snapshot.scope == scope, Snapshot.seq == seq, Snapshot.schema == schema
        )
    ).first()


def build_named(session: Session, epoch: str, scope: str, name: str) -> Snapshot | None:
    """The kept snapshot of that name, if it is of this scope and epoch."""
    return session.scalars(
        select(Snapshot).where(Snapshot.id == name, Snapshot.epoch == epoch, Snapshot.scope == scope)
    ).first()


def first_due(session: Session, grids: Collection[str]) -> dict[str, date]:
    """For each of these grids with open tasks, the day on which the next one is due."""
    next_due = select(Task.grid_code, func.min(Task.due_on)).where(Task.grid_code.in_(grids), Task.closed_at.is_(None))
    return {grid: due_on for grid, due_on in session.execute(next_due.group_by(Task.grid_code)) if grid}


def stored_items(session: Session, ids: Iterable[str]) -> list[Item]:
    """The items under these ids, second contents included, in order of arrival."""
    return list(session.scalars(select(Item).where(Item.id.in_(list(ids))).order_by(Item.no)))


def refused_items(session: Session, ids: Collection[str]) -> set[str]:
    """Which of these ids have the `outcome` document of an item that was rejected."""
    return set(session.scalars(select(RefusedItem.id).where(RefusedItem.id.in_(ids)))) if ids else set()


def sender(session: Session, item: Item, today: date) -> Actor | None:
    """Who sent an item, with the roles and grids of today; None for somebody who is disabled."""
    user = session.get(User, item.user_id)
    if user is None or user.disabled_at is not None:
        return None
    scopes = session.scalars(held_scopes(user.id, today))
    return Actor(
        id=user.id,
        name=user.name,
        grants=tuple(Grant(Role(one.role), one.area_path, one.department_code) for one in user.grants),
        grids=tuple(sorted(scope.removeprefix("grid:") for scope in scopes if scope.startswith("grid:"))),
        device_id=item.device_id,
    )


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
