"""A push whose dates run into a year without a notice: provisional first, healed when the notice is loaded.

The days of 2027 in this test are made up for it; no notice for 2027 is published yet.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

import pytest
from sqlalchemy import select

from gridwatch.audit.queries import breaks
from gridwatch.calendars.service import NoticeDay, import_days
from gridwatch.domain.worktime import DayKind
from gridwatch.jobs.service import run_all
from gridwatch.leads.models import Obligation, Watch
from gridwatch.notices.models import Notice
from gridwatch.tasks.models import Task
from tests.fixtures import Caller, Clock, Work, World
from tests.leads.desks import Desk, duty
from tests.leads.test_steps import to_department

LONGER_NEW_YEAR = [NoticeDay(date(2027, 1, day), DayKind.HOLIDAY, "元旦", 2027) for day in (1, 4)] + [
    NoticeDay(date(2027, 1, 9), DayKind.MAKEUP, "元旦", 2027)
]


@pytest.fixture
def pushed(desk: Callable[[str], Desk], reported: Callable[..., str], world: World, clock: Clock) -> str:
    clock.set("2026-12-11 10:00")
    lead = reported()
    to_department(desk, lead, world)
    return lead


def test_a_date_in_an_unpublished_year_is_provisional_and_heals(
    pushed: str, desk: Callable[[str], Desk], world: World, clock: Clock, work: Work, app: object
) -> None:
    receiver = desk("department_receiver")
    seen = receiver.sees(pushed)
    assert (duty(seen, "intervene")["due_on"], duty(seen, "intervene")["provisional"]) == ("2026-12-18", False)
    assert (duty(seen, "feedback", 1)["due_on"], duty(seen, "feedback", 1)["provisional"]) == ("2027-01-04", True)
    announced = duty(seen, "feedback", 1)["id"]

    clock.set("2026-12-14 09:00")
    with work() as session:
        import_days(session, LONGER_NEW_YEAR, source="2027", actor_id="system", at=clock.now())
    with app.app_context():
        run_all(clock.now())

    healed = duty(receiver.sees(pushed), "feedback", 1)
    assert (healed["due_on"], healed["provisional"]) == ("2027-01-05", False)
    assert healed["supersedes"] == announced
    with work() as session:
        old = session.get_one(Obligation, announced)
        assert (old.due_on, old.end.how) == (date(2027, 1, 4), "superseded")  # the announced row stands as it was
        moved = session.scalars(select(Notice).where(Notice.stage == "MOVED")).all()
        to_receiver = [
            one
            for one in moved
            if one.recipient_id == world.people["department_receiver"] and one.about == healed["id"]
        ]
        assert len(to_receiver) == 1
        assert "2027-01-04" in to_receiver[0].text_zh
        assert "2027-01-05" in to_receiver[0].text_zh
        assert announced not in set(session.scalars(select(Watch.obligation_id)))
        assert list(breaks(session)) == []


def test_recomputing_again_moves_nothing(pushed: str, clock: Clock, work: Work, app: object) -> None:
    with work() as session:
        import_days(session, LONGER_NEW_YEAR, source="2027", actor_id="system", at=clock.now())
    with app.app_context():
        run_all(clock.now())
        with work() as session:
            rows = len(session.scalars(select(Obligation)).all())
        run_all(clock.now())
    with work() as session:
        assert len(session.scalars(select(Obligation)).all()) == rows


def test_what_was_met_is_not_touched_by_a_new_calendar(
    pushed: str, desk: Callable[[str], Desk], world: World, clock: Clock, work: Work, app: object
) -> None:
    before = {one["id"]: one for one in desk("street_dispatcher").sees(pushed)["obligations"] if one["ended_on"]}
    with work() as session:
        import_days(session, LONGER_NEW_YEAR, source="2027", actor_id="system", at=clock.now())
    with app.app_context():
        run_all(clock.now())
    after = {one["id"]: one for one in desk("street_dispatcher").sees(pushed)["obligations"]}
    assert before
    assert all(after[one] == before[one] for one in before)


def test_an_open_first_check_moves_with_the_calendar_too(
    client: Caller, world: World, clock: Clock, work: Work, app: object, official_calendar: None
) -> None:
    clock.set("2026-12-21 10:00")
    event = {"event_id": "GS-1", "kind": "new", "occurred_on": "2026-12-21", "code": "E1", "name": "示例商行", "address_text": "示例路1号",
             "street_code": world.street}  # fmt: skip
    assert client.as_("platform_owner").post("/api/v1/registry/events", event).status == 200
    with work() as session:
        before = session.scalars(select(Task)).one()
        assert (before.due_on, before.provisional) == (date(2027, 1, 5), True)
        import_days(session, LONGER_NEW_YEAR, source="2027", actor_id="system", at=clock.now())
    with app.app_context():
        run_all(clock.now())
    with work() as session:
        after = session.scalars(select(Task)).one()
        assert (after.due_on, after.provisional) == (date(2027, 1, 6), False)
        task = after.id
    why = client.as_("street_dispatcher").get(f"/api/v1/tasks/{task}/why").body
    assert (why["due_on"], why["provisional"], why["calendar"]) == (
        "2027-01-06",
        False,
        {"version": 2, "source": "2027"},
    )
    assert [day["number"] for day in why["days"] if day["counted"]] == list(range(1, 11))
    assert {day["on"]: day["name"] for day in why["days"] if day["kind"] == "holiday"} == dict.fromkeys(
        ("2027-01-01", "2027-01-04"), "元旦"
    )
    (moved,) = why["moves"]
    assert (moved["from"], moved["to"], moved["cause"]) == ("2027-01-05", "2027-01-06", "calendar")
    assert client.as_("grid_worker_3").get(f"/api/v1/tasks/{task}/why").status == 404
