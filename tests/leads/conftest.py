"""A reported lead, and the desks that work on it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from gridwatch.calendars.queries import current_calendar
from gridwatch.calendars.service import NoticeDay, import_days
from gridwatch.db.base import new_id
from gridwatch.domain.permits import Actor, Grant, Role
from gridwatch.domain.worktime import DayKind
from gridwatch.exchange.formats import CALENDAR
from gridwatch.exchange.parsing import read_table
from gridwatch.exchange.reading import Report
from gridwatch.leads import service as leads
from gridwatch.leads.beginning import LeadReport
from tests.databases import ROOT
from tests.fixtures import Caller, Clock, Work, World
from tests.leads.desks import PHOTO, Desk


@pytest.fixture
def official_calendar(work: Work, clock: Clock) -> None:
    """The published holidays of 2018 to 2026; 2027 is not published yet."""
    report = Report()
    records = read_table(CALENDAR, ROOT / "tests/data/nancheng/calendar.csv", report, today=clock.today())
    assert not report.problems
    days = [NoticeDay(one["date"], DayKind(one["kind"]), one["name"] or "", one["notice_year"]) for one in records]
    with work() as session:
        import_days(session, days, source="tests", actor_id="system", at=clock.now())


@pytest.fixture
def desk(client: Caller, world: World) -> Callable[[str], Desk]:
    """`desk("street_dispatcher")`: one of the town's people at her desk, signed in once."""
    seated: dict[str, Desk] = {}
    return lambda username: seated.setdefault(username, Desk(client.as_(username)))


@pytest.fixture
def reported(work: Work, world: World, clock: Clock, official_calendar: None) -> Callable[..., str]:
    """`reported(category="XS04")`: a lead reported by the worker of the first grid at the clock's time; returns its id."""

    def report(by: str = "grid_worker", **told: object) -> str:
        with work() as session:
            values = {"category": "XS04", "title": "无证小餐馆", "description": "现场经营，未见食品经营许可证",
                      "address_text": "鸿福路88号", "evidence": [PHOTO]} | told  # fmt: skip
            actor = worker_actor(world, by)
            lead = leads.report(
                session,
                LeadReport(id=new_id(), received_at=clock.now(), **values),
                actor=actor,
                calendar=current_calendar(session),
            )
            return lead.id

    return report


def worker_actor(world: World, username: str) -> Actor:
    """The worker of the first grid (or, for `grid_worker_2`, of the second), as a service sees her."""
    grid = {"grid_worker": world.grid, "grid_worker_2": world.grid_2}[username]
    return Actor(world.people[username], username, (Grant(Role.GRID_WORKER, world.path(world.community)),), (grid,))
