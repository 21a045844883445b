"""Which clocks wait at whose desk: the open duties that a person, by role and place, is to see to.

Who owes a duty is the table of the reminders (ruling R8); here it becomes a condition over rows.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, case, func, or_, select, tuple_, union
from sqlalchemy.orm import Session

from gridwatch.areas.models import Area, Department
from gridwatch.domain.errors import Refusal
from gridwatch.domain.lead_words import ENDED, LeadState
from gridwatch.domain.obligations import ObligationKind as Kind
from gridwatch.domain.permits import Actor, Role
from gridwatch.domain.reminders import COMMUNITY_HANDLER, RECEIVERS, Owner, usual_owner
from gridwatch.leads.models import Assignment, Lead, Obligation, ObligationEnd
from gridwatch.notices.models import Notice
from gridwatch.people.reach import in_area
from gridwatch.web import paging

# Whose duties a role sees to. A department's are everybody's there; a case officer's only those that name nobody else.
DESKS: dict[Role, Owner] = {
    Role.COMMUNITY_DISPATCHER: Owner.COMMUNITY,
    Role.COMMUNITY_HANDLER: Owner.COMMUNITY,
    Role.STREET_DISPATCHER: Owner.STREET,
    Role.SUPERVISION_OFFICE: Owner.SUPERVISION,
    Role.LEADING_GROUP: Owner.GROUP,
    Role.DEPARTMENT_RECEIVER: Owner.DEPARTMENT,
    Role.CASE_OFFICER: Owner.DEPARTMENT,
    Role.DEPARTMENT_LEADER: Owner.DEPARTMENT,
}
_in_area = in_area(Lead.area_path)

# The columns of a lead that every list shows; with them go those of its clock.
LEAD_COLUMNS = (
    Lead.id, Lead.no, Lead.title, Lead.state, Lead.category, Lead.address_text, Lead.grid_code, Lead.reported_at, Lead.flags,
    Area.name.label("community"),
)  # fmt: skip
CLOCKS = ("overdue", "today", "later")


def waiting(actor: Actor, today: date, *, state: str | None = None, clock: str | None = None) -> Select[Any]:
    """The leads that wait at the actor's desk, each with its most urgent duty: LEAD_COLUMNS and those of the duty.

    `clock` narrows by that duty's day: overdue, today or later. Its order is the caller's.
    """
    duty = _first_duties(Obligation.id.in_(_at_desk(actor))).subquery("duty")
    statement = _rows(duty, outer=False)
    if state:
        statement = statement.where(Lead.state == state)
    if clock in CLOCKS:
        due = duty.c.due_on
        statement = statement.where({"overdue": due < today, "today": due == today, "later": due > today}[clock])
    return statement


def count(session: Session, statement: Select[Any], today: date) -> dict[str, int]:
    """How many leads a list has, and by their clocks: {"all", "overdue", "today", "later"}."""
    found = statement.subquery("found")
    due = found.c.due_on
    row = session.execute(
        select(
            func.count(),
            func.coalesce(func.sum(case((due < today, 1), else_=0)), 0),
            func.coalesce(func.sum(case((due == today, 1), else_=0)), 0),
            func.coalesce(func.sum(case((due > today, 1), else_=0)), 0),
        ).select_from(found)
    ).one()
    return dict(zip(("all", *CLOCKS), map(int, row), strict=True))


def page_by_due(
    session: Session, statement: Select[Any], *, cursor: str | None, limit: int
) -> tuple[list[Any], str | None]:
    """A page of `waiting`, the earliest day first, and the cursor of the next. Raises 422 `input.cursor`."""
    due, no = statement.selected_columns["due_on"], Lead.no
    if cursor:
        day, number = paging.decode(cursor, 2)
        statement = statement.where(tuple_(due, no) > tuple_(_day(day), number))
    rows = list(session.execute(statement.order_by(due, no).limit(limit + 1)).all())
    more = paging.encode([rows[limit - 1].due_on.isoformat(), rows[limit - 1].no]) if len(rows) > limit else None
    return rows[:limit], more


def page_by_number(
    session: Session, leads: Select[Any], *, cursor: str | None, limit: int
) -> tuple[list[Any], str | None]:
    """A page of leads within reach, the newest number first, each with its most urgent open duty. Raises 422 `input.cursor`."""
    ids = leads.with_only_columns(Lead.id, Lead.no)
    if cursor:
        ids = ids.where(Lead.no < paging.decode(cursor, 1)[0])
    wanted = session.execute(ids.order_by(Lead.no.desc()).limit(limit + 1)).all()
    shown = [row.id for row in wanted[:limit]]
    duty = _first_duties(Obligation.lead_id.in_(shown)).subquery("duty")
    statement = _rows(duty, outer=True).where(Lead.id.in_(shown))
    rows = list(session.execute(statement.order_by(Lead.no.desc())).all())
    return rows, paging.encode([wanted[limit - 1].no]) if len(wanted) > limit else None


def unread_notices(session: Session, actor: Actor, limit: int) -> list[Notice]:
    """The newest notices that have reached a person and that she has not put away."""
    statement = select(Notice).where(
        Notice.recipient_id == actor.id, Notice.sent_at.is_not(None), Notice.read_at.is_(None)
    )
    return list(session.scalars(statement.order_by(Notice.id.desc()).limit(limit)))


# -- the condition ----------------------------------------------------------------------------------------------------


def _first_duties(*where: ColumnElement[bool]) -> Select[Any]:
    """Of each lead the open duty that is due first, among those that a condition lets through."""
    place = func.row_number().over(partition_by=Obligation.lead_id, order_by=(Obligation.due_on, Obligation.id))
    ranked = (
        select(
            Obligation.lead_id, Obligation.kind, Obligation.k, Obligation.anchor_on, Obligation.due_on, Obligation.provisional,
            Assignment.department_code, place.label("place"),
        )
        .outerjoin(Assignment, Assignment.id == Obligation.assignment_id)
        .outerjoin(ObligationEnd, ObligationEnd.obligation_id == Obligation.id)
        .where(ObligationEnd.obligation_id.is_(None), _not_suspended(), *where)
        .subquery("ranked")
    )  # fmt: skip
    return select(ranked).where(ranked.c.place == 1)


def _rows(duty: Any, *, outer: bool) -> Select[Any]:
    columns = (duty.c.kind, duty.c.k, duty.c.anchor_on, duty.c.due_on, duty.c.provisional)
    return (
        select(*LEAD_COLUMNS, *columns, Department.name.label("department"))
        .select_from(Lead)
        .join(duty, duty.c.lead_id == Lead.id, isouter=outer)
        .outerjoin(Area, Area.code == Lead.community_code)
        .outerjoin(Department, Department.code == duty.c.department_code)
    )


def _not_suspended() -> ColumnElement[bool]:
    """A window that falls due while the work is being verified waits for nobody (ruling R6)."""
    return or_(
        Obligation.kind != Kind.FEEDBACK.value,
        Assignment.suspended_from.is_(None),
        Obligation.due_on < Assignment.suspended_from,
    )


def _at_desk(actor: Actor) -> Select[Any]:
    """The ids of the duties at the actor's desks: one select for each desk, so that each goes by its own index."""
    parts = [(_owed_by(Owner.REPORTER), Lead.reporter_id == actor.id), *_desks(actor)]
    live = Lead.state.in_([state.value for state in LeadState if state not in ENDED])
    selects = [
        select(Obligation.id)
        .join(Lead, Lead.id == Obligation.lead_id)
        .outerjoin(Assignment, Assignment.id == Obligation.assignment_id)
        .where(live, *conditions)
        for conditions in parts
    ]
    return select(union(*selects).subquery("mine").c.id)


def _desks(actor: Actor) -> Iterator[tuple[ColumnElement[bool], ...]]:
    for grant in actor.grants:
        owner = DESKS.get(grant.role)
        if owner is None:
            continue
        place = Assignment.department_code == grant.department if owner is Owner.DEPARTMENT else _in_area(actor, grant)
        yield (_owed_by(owner), place, *_only_mine(actor, grant.role))


def _only_mine(actor: Actor, role: Role) -> Iterator[ColumnElement[bool]]:
    if role is Role.CASE_OFFICER:
        yield or_(Assignment.officer_id.is_(None), Assignment.officer_id == actor.id)
    if role is Role.COMMUNITY_HANDLER:
        yield Obligation.kind.in_([kind.value for (kind, _), roles in RECEIVERS.items() if COMMUNITY_HANDLER in roles])
        yield or_(Lead.handler_id.is_(None), Lead.handler_id == actor.id)


def _owed_by(owner: Owner) -> ColumnElement[bool]:
    """The duties of an owner: those that name it, and those of its kinds that name nobody (ruling R8)."""
    usual = sorted({kind.value for kind, _ in RECEIVERS if usual_owner(kind) is owner})
    return or_(Obligation.owner == owner.value, and_(Obligation.owner.is_(None), Obligation.kind.in_(usual)))


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise Refusal("input.cursor") from None
