"""The clocks of a lead in the database: open, end, roll on, explain. Rows are never edited (invariant I4).

The agenda (`Watch`) is kept beside them: an open duty and the day of its next reminder.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Any

from sqlalchemy import delete
from sqlalchemy.orm import Session

from gridwatch.calendars.queries import calendar_at
from gridwatch.db.base import new_id
from gridwatch.domain.lead_clocks import missing_windows
from gridwatch.domain.lead_facts import EndDuty, Moment, OpenDuty
from gridwatch.domain.lead_words import UnitState
from gridwatch.domain.obligations import ObligationKind
from gridwatch.domain.worktime import Due
from gridwatch.leads.agenda import first_entry
from gridwatch.leads.models import Assignment, Lead, Obligation, ObligationEnd, Watch

RUNNING = frozenset(
    state.value for state in (UnitState.PUSHED, UnitState.ACCEPTED, UnitState.WORKING, UnitState.RETURN_PENDING)
)


def open_duties(
    session: Session, lead: Lead, duties: Iterable[OpenDuty], at: Moment, unit_ids: dict[str, str]
) -> list[Obligation]:
    """Insert duties and put them on the agenda. `unit_ids` turns the department code of a new assignment into its id."""
    rows = []
    for duty in duties:
        unit_id = unit_ids.get(duty.unit, duty.unit) if duty.unit else None
        row = Obligation(
            id=new_id(), lead_id=lead.id, assignment_id=unit_id, kind=duty.kind.value, k=duty.k, round=lead.round,
            anchor_on=duty.anchor_on, days=duty.days, due_on=duty.due_on, due_at=duty.due_at, provisional=duty.provisional,
            calendar_version=at.calendar.version, policy_version=at.policy.version, created_at=at.now, cause=duty.cause,
            owner=duty.owner, supersedes=duty.supersedes,
        )  # fmt: skip
        lead.obligations.append(row)
        rows.append(row)
    session.flush()
    for row in rows:
        dues = _window_dues(lead, row.assignment_id)
        moved = any(old.id == row.supersedes and old.due_on != row.due_on for old in lead.obligations)
        entry = first_entry(ObligationKind(row.kind), row.k, row.due_on, at.today, dues, at.calendar, moved=moved)
        if entry is not None:
            session.add(
                Watch(obligation_id=row.id, next_on=entry.on, stage=entry.stage, calendar_version=at.calendar.version)
            )
    return rows


def end_duties(session: Session, lead: Lead, ends: Iterable[EndDuty], at: Moment) -> None:
    """Write how duties ended, and take them off the agenda."""
    ends = list(ends)
    by_id = {duty.id: duty for duty in lead.obligations} if ends else {}
    ended = []
    for end in ends:
        by_id[end.duty_id].end = ObligationEnd(
            obligation_id=end.duty_id, how=end.how, cause=end.cause, on=end.on, at=at.now
        )
        ended.append(end.duty_id)
    if ended:
        session.execute(delete(Watch).where(Watch.obligation_id.in_(ended)))


def roll_windows(session: Session, lead: Lead, unit: Assignment, at: Moment) -> list[Obligation]:
    """Make the feedback windows of a running assignment that must exist today: the current and the next one (§4c)."""
    if unit.state not in RUNNING or unit.round != lead.round:
        return []
    dues = _window_dues(lead, unit.id)
    return open_duties(session, lead, missing_windows(unit.id, unit.push_on, dues, at, "window"), at, {})


def _window_dues(lead: Lead, unit_id: str | None) -> dict[int, Due]:
    return {
        duty.k: Due(duty.due_on, duty.provisional)
        for duty in lead.obligations
        if duty.kind == ObligationKind.FEEDBACK.value
        and duty.assignment_id == unit_id
        and (duty.end is None or duty.end.how != "superseded")
    }


def verdict_of(duty: Obligation, today: date) -> str:
    """What an obligation is today, computed, never stored (invariant I5): open, due_today, overdue, met, met_late, missed …"""
    if duty.end is None:
        if today > duty.due_on:
            if duty.kind != ObligationKind.FEEDBACK.value:
                return "overdue"
            return "suspended" if _verified_meanwhile(duty) else "missed"
        return "due_today" if today == duty.due_on else "open"
    if duty.end.how == "met":
        return "met" if duty.end.on <= duty.due_on else "met_late"
    return duty.end.how


def _verified_meanwhile(duty: Obligation) -> bool:
    """Whether a window fell due while the result of its assignment was being verified (ruling R6)."""
    unit = next((one for one in duty.lead.assignments if one.id == duty.assignment_id), None)
    return unit is not None and unit.suspended_from is not None and unit.suspended_from <= duty.due_on


def why(session: Session, duty: Obligation) -> list[dict[str, Any]]:
    """Day by day from the anchor to the due day, on the calendar that the date was computed with: counted or not, and why."""
    if duty.days == 0:
        return []  # a day or an instant that was named: nothing was counted
    calendar = calendar_at(session, duty.calendar_version)
    return [
        {
            "on": line.on.isoformat(), "kind": line.kind.value, "name": line.name, "counted": line.counted,
            "number": line.number, "provisional": line.provisional, "reason": {"zh": line.reason_zh, "en": line.reason_en},
        }
        for line in calendar.explain(duty.anchor_on, duty.days)
    ]  # fmt: skip
