"""The published calendar of 2018–2026, read from the sample data, for every test of the time law."""

from __future__ import annotations

import csv
from datetime import date
from pathlib import Path

import pytest

from gridwatch.domain.worktime import CalendarDay, DayKind, WorkCalendar
from tests.domain.lead_road import Road

CALENDAR_DATA = Path(__file__).parents[1] / "data/nancheng/calendar"
KINDS = {"workday": "work", "makeup_workday": "makeup"}


@pytest.fixture(scope="session")
def published_rows() -> list[dict[str, str]]:
    """The rows of cn_workdays_2018_2026.csv as they stand."""
    with (CALENDAR_DATA / "cn_workdays_2018_2026.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="session")
def calendar(published_rows) -> WorkCalendar:
    """2018–2026 official, everything after provisional."""
    days = {}
    for row in published_rows:
        on = date.fromisoformat(row["date"])
        days[on] = CalendarDay(on, DayKind(KINDS.get(row["kind"], row["kind"])), row["holiday_name"])
    return WorkCalendar(days, version=1, official_years=frozenset(range(2018, 2027)))


@pytest.fixture
def road(calendar: WorkCalendar) -> Road:
    """A lead reported by the worker of its grid on Wednesday 16 September 2026 at 10:00."""
    return Road(calendar).report()
