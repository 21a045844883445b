"""A hold for 不可抗力 and a calendar that changes: days inside the hold count neither before nor after (R10, §4c)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

from flask import Flask

from gridwatch.calendars.service import NoticeDay, import_days
from gridwatch.domain.worktime import DayKind
from gridwatch.jobs.service import run_all
from gridwatch.leads.verifying import broken_leads
from tests.fixtures import Clock, Work, World
from tests.leads.desks import Desk, duty
from tests.leads.roads import Road


def test_a_holiday_inside_a_hold_moves_nothing_and_one_behind_it_does(
    app: Flask, desk: Callable[[str], Desk], world: World, clock: Clock, reported: Callable[..., str], work: Work
) -> None:
    road = Road(desk, world, clock, reported)
    road.to_department()  # on Friday 18 September 2026: five work days would end on the 24th
    road.does(
        "department_leader",
        "ask_hold",
        code="force_majeure",
        from_on="2026-09-21",
        until_on="2026-09-30",
        document="应急〔2026〕3号",
    )
    road.does("supervision_office", "hold")
    # Sunday the 20th is worked, the hold and the national holiday pass, then 8, 9, 10 (a Saturday, worked) and 12 October.
    assert duty(road.seen, "intervene")["due_on"] == "2026-10-12"

    def closed(*days: date) -> dict[str, Any]:
        with work() as session:
            news = [NoticeDay(day, DayKind.HOLIDAY, "台风", 2026) for day in days]
            import_days(session, news, source="停工令", actor_id="system", at=clock.now())
        with app.app_context():
            run_all(clock.now())
        return duty(road.seen, "intervene")

    clock.set("2026-09-19 09:00")
    assert closed(date(2026, 9, 28), date(2026, 9, 29))["due_on"] == "2026-10-12"
    moved = closed(date(2026, 10, 9))
    assert moved["due_on"] == "2026-10-13"
    days = (
        desk("supervision_office").caller.get(f"/api/v1/leads/{road.lead}/obligations/{moved['id']}/why").body["days"]
    )
    assert days[-1]["on"] == "2026-10-13"  # the sheet of the days ends on the day that is told
    with work() as session:
        assert list(broken_leads(session)) == []
