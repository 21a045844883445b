"""Due days of first checks, follow-ups and cyclic visits after a calendar change: held against it in batches, each a transaction.

The work may be killed and run again, by several processes: `calendar_version` of a task says which calendar it was last
held against. Rechecks and verifications hang on obligations of a lead and move with those, by `service.move_due`.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime
from typing import Any

import orjson
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from gridwatch.audit.models import Event
from gridwatch.calendars.changes import OpenDate
from gridwatch.calendars.queries import calendar_at
from gridwatch.domain.obligations import ObligationKind, recomputed_due
from gridwatch.domain.task_flow import COUNTED, FIRST_CHECK_DAYS
from gridwatch.domain.worktime import Due, WorkCalendar
from gridwatch.tasks.models import Task
from gridwatch.tasks.service import move_due


def recompute(
    session: Session, calendar: WorkCalendar, *, today: date, at: datetime, limit: int = 500
) -> dict[str, int]:
    """Hold at most `limit` open tasks of the COUNTED kinds against `calendar`: {"taken", "moved"}. Call until `taken` is 0.

    Provisional → official and official → official move as an obligation with a single date does (domain.md §4c, R3, R11).
    """
    tasks = session.scalars(
        select(Task)
        .where(Task.kind.in_(COUNTED), Task.closed_at.is_(None), Task.calendar_version < calendar.version)
        .order_by(Task.calendar_version, Task.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    ).all()
    new_due = _Dues(calendar, today)
    stayed = []
    for task in tasks:
        old = Due(task.due_on, task.provisional)
        new = new_due.of(task.start_on, old, task.area_path)
        if new == old:
            stayed.append(task.id)
        else:
            move_due(session, task, new, calendar.version, at, "calendar")
    if stayed:  # nothing that a phone or a person sees changes, so neither does the rev
        statement = update(Task).where(Task.id.in_(stayed)).values(calendar_version=calendar.version)
        session.execute(statement, execution_options={"synchronize_session": False})
    return {"taken": len(tasks), "moved": len(tasks) - len(stayed)}


def would_be(session: Session, calendar: WorkCalendar, *, today: date) -> Iterator[OpenDate]:
    """Every open task of the COUNTED kinds with the due day that it has, and the one that `calendar` would give it. Writes nothing."""
    new_due = _Dues(calendar, today)
    rows = session.execute(
        select(Task.id, Task.title, Task.area_path, Task.start_on, Task.due_on, Task.provisional).where(
            Task.kind.in_(COUNTED), Task.closed_at.is_(None)
        )
    )
    for row in rows:
        old = Due(row.due_on, row.provisional)
        new = new_due.of(row.start_on, old, row.area_path)
        yield OpenDate("task", row.id, row.id, "", row.title, "first_check", 1, row.area_path, row.start_on, old, new)


def why(session: Session, task: Task) -> list[dict[str, object]]:
    """Day by day why a task is due when it is, on the calendar that its day was last counted with: from its cause to its day.

    A first check counts ten work days from the registry event; what a lead ordered counts as its duty does.
    """
    calendar = calendar_at(session, task.calendar_version).within(task.area_path)
    days = calendar.count(task.start_on, task.due_on)
    return [line.as_json() for line in calendar.explain(task.start_on, days)] if days else []


def moves(session: Session, task: Task) -> list[dict[str, Any]]:
    """Every time that the due day of a task moved: when, from, to and why (its events), oldest first."""
    rows = session.execute(
        select(Event.at, Event.data)
        .where(Event.subject_id == task.id, Event.subject_kind == "task", Event.act == "task.due_moved")
        .order_by(Event.no)
    )
    return [{**orjson.loads(row.data), "at": row.at} for row in rows]


class _Dues:
    """The due days of first checks on a calendar; each is counted once, since many begin on the same day."""

    def __init__(self, calendar: WorkCalendar, today: date) -> None:
        self.calendar, self.today = calendar, today
        self.known: dict[tuple[date, Due, str], Due] = {}

    def of(self, start_on: date, old: Due, area_path: str) -> Due:
        """The due day in an area of a first check counted from `start_on`, which has been due as `old` (R3, R11)."""
        key = start_on, old, area_path
        if key not in self.known:
            calendar = self.calendar.within(area_path)
            counted = calendar.add(start_on, FIRST_CHECK_DAYS)
            self.known[key] = recomputed_due(ObligationKind.RECHECK, old, counted, self.today, calendar)
        return self.known[key]
