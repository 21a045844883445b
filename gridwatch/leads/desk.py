"""Which clocks wait at whose desk: the open duties that a person, by role and place, is to see to.

Who owes a duty is the table of the reminders (ruling R8); here it becomes a condition over rows.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Select, and_, case, func, or_, select, true, tuple_, union
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

# What every list shows: of a lead, and of its clock.
COLUMNS = (
    Lead.id, Lead.no, Lead.title, Lead.state, Lead.category, Lead.address_text, Lead.grid_code, Lead.reported_at, Lead.flags,
    Area.name.label("community"),
    Obligation.kind, Obligation.k, Obligation.anchor_on, Obligation.due_on, Obligation.provisional,
    Department.name.label("department"),
)  # fmt: skip
CLOCKS = ("overdue", "today", "later")


class Inbox(NamedTuple):
    """A page of what waits at a desk: rows of COLUMNS with their most urgent duty, how many wait in all and by their clocks
    ({"all", "overdue", "today", "later"}), and the cursor of the next page."""

    rows: list[Any]
    counts: dict[str, int]
    next_cursor: str | None


def inbox(
    session: Session,
    actor: Actor,
    today: date,
    *,
    state: str | None = None,
    clock: str | None = None,
    cursor: str | None = None,
    limit: int,
) -> Inbox:
    """The leads that wait at the actor's desk, each with its most urgent duty, the earliest day first.

    `state` narrows the list and the counts, `clock` (overdue, today or later) the list by that duty's day. Raises 422
    `input.cursor`. One statement: what waits is found once, counted, and cut to the page before names are looked up.
    """
    found = waiting(actor, state).cte("waiting")
    due, no = found.c.due_on, found.c.no
    by_clock = {"overdue": due < today, "today": due == today, "later": due > today}
    sums = [func.coalesce(func.sum(case((by_clock[one], 1), else_=0)), 0).label(f"n_{one}") for one in CLOCKS]
    counts = select(func.count().label("n_all"), *sums).select_from(found).subquery("counts")
    cut = select(found.c.id, found.c.lead_id, due, no)
    if clock in CLOCKS:
        cut = cut.where(by_clock[clock])
    if cursor:
        day, number = paging.decode(cursor, 2)
        cut = cut.where(tuple_(due, no) > tuple_(_day(day), number))
    shown = cut.order_by(due, no).limit(limit + 1).subquery("shown")
    page = select(counts, *COLUMNS).select_from(counts).outerjoin(shown, true())
    page = _with_names(page.outerjoin(Lead, Lead.id == shown.c.lead_id), shown.c.id)
    told = session.execute(page.order_by(shown.c.due_on, shown.c.no)).all()
    rows = [row for row in told if row.id is not None]
    more = paging.encode([rows[limit - 1].due_on.isoformat(), rows[limit - 1].no]) if len(rows) > limit else None
    return Inbox(rows[:limit], {one: int(getattr(told[0], f"n_{one}")) for one in ("all", *CLOCKS)}, more)


def page_by_number(
    session: Session, leads: Select[Any], *, cursor: str | None, limit: int
) -> tuple[list[Any], str | None]:
    """A page of leads within reach, the newest number first, each with its most urgent open duty. Raises 422 `input.cursor`."""
    ids = leads.with_only_columns(Lead.id, Lead.no)
    if cursor:
        ids = ids.where(Lead.no < paging.decode(cursor, 1)[0])
    wanted = session.execute(ids.order_by(Lead.no.desc()).limit(limit + 1)).all()
    shown = [row.id for row in wanted[:limit]]
    duty = _first(_open_duties(Obligation.lead_id.in_(shown)).subquery("open")).subquery("duty")
    page = select(*COLUMNS).select_from(Lead).outerjoin(duty, duty.c.lead_id == Lead.id).where(Lead.id.in_(shown))
    rows = list(session.execute(_with_names(page, duty.c.id).order_by(Lead.no.desc())).all())
    return rows, paging.encode([wanted[limit - 1].no]) if len(wanted) > limit else None


def _with_names(page: Select[Any], duty_id: ColumnElement[str]) -> Select[Any]:
    """Joined to a page of leads: the duty of each, and the names of its community and of the department that owes it."""
    return (
        page.outerjoin(Obligation, Obligation.id == duty_id)
        .outerjoin(Assignment, Assignment.id == Obligation.assignment_id)
        .outerjoin(Area, Area.code == Lead.community_code)
        .outerjoin(Department, Department.code == Assignment.department_code)
    )


def unread_notices(session: Session, actor: Actor, limit: int) -> list[Notice]:
    """The newest notices that have reached a person and that she has not put away."""
    statement = select(Notice).where(
        Notice.recipient_id == actor.id, Notice.sent_at.is_not(None), Notice.read_at.is_(None)
    )
    return list(session.scalars(statement.order_by(Notice.id.desc()).limit(limit)))


# -- the condition ----------------------------------------------------------------------------------------------------


def _open_duties(*where: ColumnElement[bool]) -> Select[Any]:
    """The open duties that a condition lets through: id, lead_id and due_on, and the number of the lead."""
    return (
        select(Obligation.id, Obligation.lead_id, Obligation.due_on, Lead.no)
        .join(Lead, Lead.id == Obligation.lead_id)
        .outerjoin(Assignment, Assignment.id == Obligation.assignment_id)
        .outerjoin(ObligationEnd, ObligationEnd.obligation_id == Obligation.id)
        .where(ObligationEnd.obligation_id.is_(None), _not_suspended(), *where)
    )


def _first(duties: Any) -> Select[Any]:
    """Of each lead the duty that is due first."""
    place = func.row_number().over(partition_by=duties.c.lead_id, order_by=(duties.c.due_on, duties.c.id))
    ranked = select(duties, place.label("place")).subquery("ranked")
    return select(ranked.c.id, ranked.c.lead_id, ranked.c.due_on, ranked.c.no).where(ranked.c.place == 1)


def _not_suspended() -> ColumnElement[bool]:
    """A window that falls due while the work is being verified waits for nobody (ruling R6)."""
    return or_(
        Obligation.kind != Kind.FEEDBACK.value,
        Assignment.suspended_from.is_(None),
        Obligation.due_on < Assignment.suspended_from,
    )


def waiting(actor: Actor, state: str | None = None) -> Select[Any]:
    """The first duty of each lead at the actor's desks (id, lead_id, due_on, and the lead's no), in no order.

    One select for each desk, so that each goes by its own index.
    """
    live = [Lead.state.in_([state.value for state in LeadState if state not in ENDED])]
    if state:
        live.append(Lead.state == state)
    parts = [(_owed_by(Owner.REPORTER), Lead.reporter_id == actor.id), *_desks(actor)]
    mine = union(*(_open_duties(*live, *conditions) for conditions in parts)).subquery("mine")
    return _first(mine)


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
