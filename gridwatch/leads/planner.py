"""What a push on a day would mean: the dates that it gives, and how much each department has due on the days around them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from datetime import date, timedelta
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from gridwatch.domain.obligations import ObligationKind, Policy, due_for
from gridwatch.domain.permits import Actor
from gridwatch.domain.worktime import WorkCalendar
from gridwatch.leads.models import Assignment, Lead, Obligation, ObligationEnd
from gridwatch.leads.queries import REACH, department_names
from gridwatch.people.reach import within

WINDOWS = 4  # feedback windows that are told; the grid goes on after them
ONE_DAY = timedelta(days=1)


def push_dates(on: date, calendar: WorkCalendar, policy: Policy) -> list[dict[str, Any]]:
    """The due days of a push on the day `on`, which is day zero: INTERVENE, then the first windows of FEEDBACK (§4c)."""
    wanted = [(ObligationKind.INTERVENE, 1), *((ObligationKind.FEEDBACK, k) for k in range(1, WINDOWS + 1))]
    dates = []
    for kind, k in wanted:
        due = due_for(kind, on, policy, calendar, k)
        days = policy.days[kind] * k
        dates.append(
            {"kind": kind.value, "k": k, "days": days, "due_on": due.on.isoformat(), "provisional": due.provisional}
        )
    return dates


def load(
    session: Session, actor: Actor, *, on: date, until: date, calendar: WorkCalendar, departments: Collection[str] = ()
) -> list[dict[str, Any]]:
    """Per department, the open duties of its assignments that are due in (on, until], by work day, and those overdue on `on`.

    Only of leads within the actor's reach. A day without any is told as 0, so that a free day can be seen; a due day is
    always a work day when it is counted, and stays where it was announced when it is none any more. One statement for the
    duties, one for the names. A department that is named and has nothing open is there with zeros.
    """
    statement = (
        select(Assignment.department_code, Obligation.due_on, Obligation.kind, func.count().label("number"))
        .select_from(Obligation)
        .join(Assignment, Assignment.id == Obligation.assignment_id)
        .join(Lead, Lead.id == Obligation.lead_id)
        .outerjoin(ObligationEnd, ObligationEnd.obligation_id == Obligation.id)
        .where(ObligationEnd.obligation_id.is_(None), Obligation.due_on <= until)
        .where(Obligation.kind != ObligationKind.RULING.value)  # the street owes it, not the department
        .group_by(Assignment.department_code, Obligation.due_on, Obligation.kind)
    )
    if departments:
        statement = statement.where(Assignment.department_code.in_(departments))
    found: dict[str, dict[date, dict[str, int]]] = {code: defaultdict(dict) for code in departments}
    for row in session.execute(within(statement, actor, "planner.read", REACH)):
        found.setdefault(row.department_code, defaultdict(dict))[row.due_on][row.kind] = row.number
    span = [on + number * ONE_DAY for number in range(1, (until - on).days + 1)]
    work_days = [day for day in span if calendar.is_work(day)]
    names = department_names(session)
    return [
        {
            "department": code, "name": names.get(code, ""),
            # A window whose day has passed is missed for good (§4c): nothing is to be done about it any more.
            "overdue": sum(_to_be_done(kinds) for day, kinds in days.items() if day <= on),
            "days": [
                {"on": day.isoformat(), "due": sum(days.get(day, {}).values()), "kinds": dict(sorted(days.get(day, {}).items()))}
                for day in sorted({*work_days, *(day for day in days if day > on)})
            ],
        }
        for code, days in sorted(found.items())
    ]  # fmt: skip


def _to_be_done(kinds: dict[str, int]) -> int:
    return sum(number for kind, number in kinds.items() if kind != ObligationKind.FEEDBACK.value)
