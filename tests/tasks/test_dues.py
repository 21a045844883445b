"""A calendar is imported: open first checks are held against it, batch by batch, and nothing else is touched."""

from __future__ import annotations

import json
from datetime import date

from sqlalchemy import select

from gridwatch.audit.models import Event
from gridwatch.calendars.queries import current_calendar
from gridwatch.calendars.service import NoticeDay, import_days
from gridwatch.domain.worktime import DayKind
from gridwatch.tasks.dues import recompute
from gridwatch.tasks.models import Task

OFF = [date(2026, 9, day) for day in (25, 26, 27)] + [date(2026, 10, day) for day in range(1, 8)]
WORKED = [date(2026, 9, 20), date(2026, 10, 10)]


def publish_the_notice_of_2026(work, clock) -> None:
    days = [NoticeDay(day, DayKind.HOLIDAY, "国庆节", 2026) for day in OFF]
    days += [NoticeDay(day, DayKind.MAKEUP, "国庆节", 2026) for day in WORKED]
    with work() as session:
        import_days(session, days, source="国办发明电〔2025〕7号", actor_id="system", at=clock.now())


def hold(work, clock, **more) -> dict[str, int]:
    with work() as session:
        return recompute(session, current_calendar(session), today=clock.today(), at=clock.now(), **more)


def test_provisional_days_become_those_of_the_notice(visit, work, doors, clock):
    with work() as session:
        assert set(session.execute(select(Task.due_on, Task.provisional)).all()) == {(date(2026, 10, 7), True)}
    publish_the_notice_of_2026(work, clock)
    assert hold(work, clock) == {"taken": 2, "moved": 2}
    assert hold(work, clock) == {"taken": 0, "moved": 0}
    with work() as session:
        # The 20th of September is worked, the first week of October is not: 8 and 9 October are the ninth and tenth day.
        assert set(session.execute(select(Task.due_on, Task.provisional)).all()) == {(date(2026, 10, 9), False)}
        moved = json.loads(session.scalars(select(Event.data).where(Event.act == "task.due_moved")).first())
        assert moved == {"from": "2026-10-07", "to": "2026-10-09", "provisional": False, "cause": "calendar"}


def test_batches_end_when_nothing_is_left(work, doors, clock):
    publish_the_notice_of_2026(work, clock)
    assert [hold(work, clock, limit=1) for _ in range(3)] == [
        {"taken": 1, "moved": 1}, {"taken": 1, "moved": 1}, {"taken": 0, "moved": 0},
    ]  # fmt: skip


def test_a_closed_task_keeps_the_day_it_had(visit, work, doors, clock):
    visit({"result": "refused"})
    publish_the_notice_of_2026(work, clock)
    assert hold(work, clock) == {"taken": 1, "moved": 1}
    with work() as session:
        task = session.get_one(Task, doors.task)
        assert (task.due_on, task.provisional, task.rev) == (date(2026, 10, 7), True, 2)


def test_a_notice_that_moves_nothing_raises_no_revision(work, doors, clock):
    publish_the_notice_of_2026(work, clock)
    hold(work, clock)
    with work() as session:
        import_days(
            session, [NoticeDay(date(2026, 12, 31), DayKind.HOLIDAY, "元旦", 2026)], source="改", actor_id="system", at=clock.now()
        )  # fmt: skip
    assert hold(work, clock) == {"taken": 2, "moved": 0}
    assert hold(work, clock) == {"taken": 0, "moved": 0}
    with work() as session:
        assert set(session.scalars(select(Task.rev))) == {2}
