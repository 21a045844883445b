"""The clocks of a lead in the database: open, end, roll on, explain. Rows are never edited (invariant I4).

The agenda (`Watch`) is kept beside them: an open duty and the day of its next reminder.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace
from datetime import date, datetime
from typing import Any

from sqlalchemy import Table, delete, update
from sqlalchemy.orm import Session

from gridwatch.calendars.changes import between
from gridwatch.calendars.queries import calendar_at, paper_of
from gridwatch.db.base import new_id
from gridwatch.db.engine import dialect_of
from gridwatch.domain import lead_replay
from gridwatch.domain.lead_clocks import missing_duties
from gridwatch.domain.lead_facts import Change, EndDuty, LeadFacts, Moment, OpenDuty
from gridwatch.domain.obligations import WINDOWED, ObligationKind
from gridwatch.domain.worktime import Due
from gridwatch.leads.agenda import NEVER, first_entry
from gridwatch.leads.models import Lead, Obligation, ObligationEnd, Watch

_WATCH: Table = Watch.__table__  # type: ignore[assignment]


def open_duties(session: Session, lead: Lead, duties: Iterable[OpenDuty], at: Moment) -> None:
    """Insert numbered duties and put them on the agenda."""
    calendar = at.calendar.within(lead.area_path)
    begun = {(row.kind, row.assignment_id, row.anchor_on): row.policy_version for row in reversed(lead.obligations)}
    rows = [
        Obligation(
            id=duty.id, lead_id=lead.id, assignment_id=duty.unit, kind=duty.kind.value, k=duty.k, round=lead.round,
            anchor_on=duty.anchor_on, days=duty.days, due_on=duty.due_on, due_at=duty.due_at, provisional=duty.provisional,
            calendar_version=at.calendar.version, created_at=at.now, cause=duty.cause,
            owner=duty.owner, supersedes=duty.supersedes,
            # A grid keeps the limits that it began with, and so does a duty whose date was moved.
            policy_version=begun.get((duty.kind.value, duty.unit, duty.anchor_on), at.policy.version),
            end=None, excuse=None,
        )
        for duty in duties
    ]  # fmt: skip
    if not rows:
        return
    lead.obligations += rows
    session.flush()
    due_before = {old.id: old.due_on for old in lead.obligations}
    entries = []
    for row in rows:
        moved = row.supersedes is not None and due_before[row.supersedes] != row.due_on
        entry = first_entry(
            ObligationKind(row.kind), row.k, row.due_on, at.today, _grid_dues(lead, row), calendar, moved=moved,
            due_at=row.due_at,
        )  # fmt: skip
        if entry is not None:
            entries.append(
                {
                    "obligation_id": row.id,
                    "next_on": entry.on,
                    "stage": entry.stage,
                    "calendar_version": at.calendar.version,
                }
            )
    dialect_of(session).insert_rows(session.connection(), _WATCH, entries)


def _grid_dues(lead: Lead, row: Obligation) -> dict[int, Due]:
    """The due days of the grid that a window belongs to, by k; {} for a duty that is no window."""
    if ObligationKind(row.kind) not in WINDOWED:
        return {}
    return {
        duty.k: Due(duty.due_on, duty.provisional)
        for duty in lead.obligations
        if (duty.kind, duty.assignment_id, duty.anchor_on) == (row.kind, row.assignment_id, row.anchor_on)
        and (duty.end is None or duty.end.how != "superseded")
    }


def end_duties(session: Session, lead: Lead, ends: Iterable[EndDuty], at: Moment) -> None:
    """Write how duties ended, and take them off the agenda."""
    ends = list(ends)
    by_id = {duty.id: duty for duty in lead.obligations} if ends else {}
    for end in ends:
        by_id[end.duty_id].end = ObligationEnd(
            obligation_id=end.duty_id, how=end.how, cause=end.cause, on=end.on, at=at.now
        )
    if ends:
        session.connection().execute(delete(_WATCH).where(_WATCH.c.obligation_id.in_([end.duty_id for end in ends])))


def end_ladders(session: Session, duties: Collection[str]) -> None:
    """No reminder any more of duties that were excused (ruling R8). They stay on the agenda: a new calendar may move them."""
    session.execute(update(Watch).where(Watch.obligation_id.in_(duties)).values(next_on=NEVER.on, stage=NEVER.stage))


def rolled(facts: LeadFacts, at: Moment) -> Change | None:
    """The numbered change that makes the windows which must exist by now and do not yet, if any (§4c); not written."""
    missing = missing_duties(facts, at)
    return lead_replay.numbered(replace(lead_replay.rolled(missing), at=at.now), new_id) if missing else None


def verdict_of(duty: Obligation, today: date, now: datetime) -> str:
    """What an obligation is now, computed, never stored (invariant I5): open, due_today, overdue, met, met_late, missed …

    By its day, or by its instant where it has one (ruling R9). A row that another one supersedes counts nowhere.
    """
    if any(later.supersedes == duty.id for later in duty.lead.obligations):
        return "superseded"
    if duty.end is None:
        if now > duty.due_at if duty.due_at is not None else today > duty.due_on:
            if ObligationKind(duty.kind) not in WINDOWED:
                return "overdue"
            return "suspended" if _verified_meanwhile(duty) else "missed"
        return "due_today" if today == duty.due_on else "open"
    if duty.end.how == "met":
        late = duty.end.at > duty.due_at if duty.due_at is not None else duty.end.on > duty.due_on
        return "met_late" if late else "met"
    return duty.end.how


def _verified_meanwhile(duty: Obligation) -> bool:
    """Whether a window fell due while the result of its assignment was being verified (ruling R6)."""
    unit = next((one for one in duty.lead.assignments if one.id == duty.assignment_id), None)
    return unit is not None and unit.suspended_from is not None and unit.suspended_from <= duty.due_on


def why(session: Session, duty: Obligation) -> list[dict[str, Any]]:
    """Day by day from the anchor to the due day, on the calendar that the date was computed with: counted or not, and why."""
    if duty.days == 0:
        return []  # a day or an instant that was named: nothing was counted
    calendar = calendar_at(session, duty.calendar_version).within(duty.lead.area_path)
    return [line.as_json() for line in calendar.explain(duty.anchor_on, duty.days)]


def computed(session: Session, duty: Obligation) -> dict[str, Any]:
    """By which calendar and limits a date was computed; and where a new calendar moved it, what it was and why.

    `was` is the date before with its calendar, None where none moved it; `because` are the days that count otherwise.
    """
    told: dict[str, Any] = {
        "calendar": paper_of(session, duty.calendar_version), "policy_version": duty.policy_version, "was": None, "because": [],
    }  # fmt: skip
    old = next((one for one in duty.lead.obligations if one.id == duty.supersedes), None)
    if old is None or duty.cause != "calendar":
        return told
    before, after = (calendar_at(session, one.calendar_version).within(duty.lead.area_path) for one in (old, duty))
    changed = between(before, after, duty.anchor_on, max(old.due_on, duty.due_on))
    return {
        **told,
        "was": {"due_on": old.due_on.isoformat(), "provisional": old.provisional, "calendar": paper_of(session, old.calendar_version)},
        "because": [day.as_json() for day in changed],
    }  # fmt: skip
