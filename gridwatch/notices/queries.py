"""One's own notices and contacts, and the log of deliveries.

Reach needs no grant for the first two: a notice is its recipient's and nobody else's. An administrator reaches the deliveries
to people who hold a role within the area of the grant, or in a department of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Select, exists, false, or_, select
from sqlalchemy.orm import Session

from gridwatch.areas.models import Area, Department
from gridwatch.domain.permits import Actor, Grant, Scope
from gridwatch.notices.models import Contact, Delivery, Notice
from gridwatch.people.models import RoleGrant
from gridwatch.people.reach import within
from gridwatch.web import paging


def page_of(session: Session, actor: Actor, *, cursor: str | None, limit: int) -> dict[str, Any]:
    """A page of the actor's notices, waiting and skipped ones too: {"items": [Notice], "next_cursor": text or None}.

    Raises 422 `input.cursor`.
    """
    return _newest_first(session, select(Notice).where(Notice.recipient_id == actor.id), Notice.id, cursor, limit)


def contacts_of(session: Session, actor: Actor) -> Sequence[Contact]:
    """The actor's contacts, by channel."""
    return session.scalars(select(Contact).where(Contact.user_id == actor.id).order_by(Contact.channel)).all()


def deliveries(
    session: Session, actor: Actor, *, filters: dict[str, str], cursor: str | None, limit: int
) -> dict[str, Any]:
    """A page of the deliveries within the actor's reach, newest first, in the shape of `page_of`.

    `filters` are columns with the value that they must have: state, channel, recipient_id, notice_id. Raises 422 `input.cursor`.
    """
    statement = within(select(Delivery), actor, "delivery.read", REACH).filter_by(**filters)
    return _newest_first(session, statement, Delivery.id, cursor, limit)


def _newest_first(session: Session, statement: Select[Any], key: Any, cursor: str | None, limit: int) -> dict[str, Any]:
    limit = max(1, min(limit, paging.MOST))
    # Ids are UUIDv7: their order is the order of writing.
    statement = statement.order_by(key.desc())
    if cursor:
        statement = statement.where(key < paging.decode(cursor, 1)[0])
    rows = session.scalars(statement.limit(limit + 1)).all()
    return {"items": rows[:limit], "next_cursor": paging.encode([rows[limit - 1].id]) if len(rows) > limit else None}


def _in_charge(actor: Actor, grant: Grant) -> ColumnElement[bool]:
    if grant.area_path is None:
        return false()
    of_department = (
        select(Department.code)
        .join(Area, Area.code == Department.area_code)
        .where(Area.path.startswith(grant.area_path, autoescape=True))
    )
    held = or_(
        RoleGrant.area_path.startswith(grant.area_path, autoescape=True), RoleGrant.department_code.in_(of_department)
    )
    return exists().where(RoleGrant.user_id == Delivery.recipient_id, held)


REACH = {Scope.OWN: lambda actor, grant: Delivery.recipient_id == actor.id, Scope.AREA: _in_charge}
