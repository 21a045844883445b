"""Due days of first checks after a calendar change: held against the new calendar in batches, each its own transaction.

The work may be killed and run again, by several processes: `calendar_version` of a task says which calendar it was last
held against. Rechecks and verifications hang on obligations of a lead and move with those, by `service.move_due`.
"""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from gridwatch.domain.obligations import ObligationKind, recomputed_due
from gridwatch.domain.task_flow import FIRST_CHECK_DAYS
from gridwatch.domain.worktime import Due, WorkCalendar
from gridwatch.tasks.models import Task
from gridwatch.tasks.service import move_due


def recompute(
    session: Session, calendar: WorkCalendar, *, today: date, at: datetime, limit: int = 500
) -> dict[str, int]:
    """Hold at most `limit` open first checks against `calendar`: {"taken", "moved"}. Call until `taken` is 0.

    Provisional → official and official → official move as an obligation with a single date does (domain.md §4c, R3, R11).
    """
    tasks = session.scalars(
        select(Task)
        .where(Task.kind == "first_check", Task.closed_at.is_(None), Task.calendar_version < calendar.version)
        .order_by(Task.calendar_version, Task.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    ).all()
    dues: dict[tuple[date, Due], Due] = {}
    stayed = []
    for task in tasks:
        old = Due(task.due_on, task.provisional)
        if (task.start_on, old) not in dues:
            counted = calendar.add(task.start_on, FIRST_CHECK_DAYS)
            dues[task.start_on, old] = recomputed_due(ObligationKind.RECHECK, old, counted, today, calendar)
        new = dues[task.start_on, old]
        if new == old:
            stayed.append(task.id)
        else:
            move_due(session, task, new, calendar.version, at, "calendar")
    if stayed:  # nothing that a phone or a person sees changes, so neither does the rev
        statement = update(Task).where(Task.id.in_(stayed)).values(calendar_version=calendar.version)
        session.execute(statement, execution_options={"synchronize_session": False})
    return {"taken": len(tasks), "moved": len(tasks) - len(stayed)}
