"""A push in December whose feedback falls into a year that has no holiday notice yet: 暂定, until the notice is loaded.

The days of 2027 are made up for the story; the real notice comes in November 2026 at the earliest.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from gridwatch.domain.worktime import WorkCalendar
from gridwatch.exchange.loading import load_folder
from tests.fixtures import Clock, World
from tests.leads.desks import Desk, duty
from tests.leads.test_steps import to_department

MADE_UP = {date(2027, 1, 4): "holiday", date(2027, 1, 9): "makeup"}


def notice_of_2027() -> str:
    """A whole year as `calendar.csv` has it: the statutory days, and a longer New Year paid for by a Saturday."""
    plain = WorkCalendar({}, version=0, official_years=frozenset())
    lines = ["date,kind,name,source,notice_year"]
    for number in range(365):
        on = date(2027, 1, 1) + timedelta(days=number)
        kind = MADE_UP.get(on, plain.day(on).kind.value)
        name = "元旦" if on in MADE_UP else plain.day(on).name
        lines.append(f"{on},{kind},{name},测试用放假安排,2027")
    return "\n".join(lines)


def test_a_provisional_date_heals_when_the_notice_is_loaded(
    world: World, clock: Clock, desk: Callable[[str], Desk], reported: Callable[..., str], app: Any, tmp_path: Path,
    tick: Callable[[], dict[str, Any]],
) -> None:  # fmt: skip
    clock.set("2026-12-11 10:00")
    lead = reported()
    to_department(desk, lead, world)
    before = desk("department_receiver").sees(lead)
    assert (duty(before, "intervene")["due_on"], duty(before, "intervene")["provisional"]) == ("2026-12-18", False)
    assert (duty(before, "feedback", 1)["due_on"], duty(before, "feedback", 1)["provisional"]) == ("2027-01-04", True)

    (tmp_path / "calendar.csv").write_text(notice_of_2027(), encoding="utf-8")
    clock.set("2026-12-15 09:00")
    with app.app_context():
        assert load_folder(tmp_path, now=clock.now()).report.problems == []
    tick()

    after = desk("department_receiver").sees(lead)
    assert (duty(after, "feedback", 1)["due_on"], duty(after, "feedback", 1)["provisional"]) == ("2027-01-05", False)
    assert duty(after, "feedback", 1)["cause"] == "calendar"
    why = (
        desk("department_receiver")
        .caller.get(f"/api/v1/leads/{lead}/obligations/{duty(after, 'feedback', 1)['id']}/why")
        .body
    )
    skipped = {day["on"]: day["reason"]["zh"] for day in why["days"] if not day["counted"]}
    assert "元旦" in skipped["2027-01-04"]
