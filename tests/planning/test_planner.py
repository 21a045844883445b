"""If I push today: the dates it gives, and what the departments have due until then; only of one's own street."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from sqlalchemy import event

from gridwatch.areas.models import Area
from gridwatch.db.base import db
from gridwatch.leads.models import Lead
from tests.fixtures import Caller, Clock, Work, World
from tests.leads.desks import Desk
from tests.leads.test_steps import to_department

Seat = Callable[[str], Desk]


def plan(client: Caller, who: str, **query: str) -> dict:
    answer = client.as_(who).get("/api/v1/planner/push", query_string=query)
    assert answer.status == 200, answer.body
    return answer.body


@pytest.mark.parametrize(
    ("on", "dates"),
    [
        ("2026-09-18", ["2026-09-24", "2026-10-15", "2026-11-05", "2026-11-26"]),
        ("2026-09-30", ["2026-10-13", "2026-10-27", "2026-11-17", "2026-12-08"]),
        ("2026-02-18", ["2026-02-28", "2026-03-13", "2026-04-03", "2026-04-27"]),  # in the middle of a holiday
    ],
)
def test_the_dates_are_those_of_the_law(
    on: str, dates: list[str], client: Caller, world: World, official_calendar: None
) -> None:
    told = plan(client, "street_dispatcher", on=on)
    assert [one["due_on"] for one in told["dates"]][:4] == dates
    assert [(one["kind"], one["k"], one["days"]) for one in told["dates"]] == [
        ("intervene", 1, 5), ("feedback", 1, 15), ("feedback", 2, 30), ("feedback", 3, 45), ("feedback", 4, 60),
    ]  # fmt: skip
    assert told["is_work_day"] is (on != "2026-02-18")
    assert told["departments"] == []


def test_a_push_in_december_is_told_as_provisional(client: Caller, world: World, official_calendar: None) -> None:
    dates = plan(client, "street_dispatcher", on="2026-12-11")["dates"]
    assert [one["provisional"] for one in dates] == [False, True, True, True, True]


def test_the_load_of_each_department_by_work_day(
    client: Caller, world: World, clock: Clock, desk: Seat, reported: Callable[..., str], work: Work
) -> None:
    clock.set("2026-09-18 10:00")
    leads = [reported(address_text=f"鸿福路{number}号") for number in (1, 2, 3)]
    for lead in leads[:2]:
        to_department(desk, lead, world)
    told = plan(client, "street_dispatcher", departments=f"{world.department},{world.department_2}")
    busy, free = told["departments"]
    assert (busy["department"], busy["name"], busy["overdue"]) == (world.department, "市场监督管理分局", 0)
    days = {day["on"]: day for day in busy["days"]}
    assert (days["2026-09-24"]["due"], days["2026-09-24"]["kinds"]) == (2, {"intervene": 2})
    assert days["2026-10-15"]["kinds"] == {"feedback": 2}
    assert days["2026-09-21"]["due"] == 0
    assert "2026-09-20" in days  # a Sunday that is worked
    assert "2026-10-01" not in days
    assert (free["overdue"], {day["due"] for day in free["days"]}) == (0, {0})

    clock.set("2026-09-28 10:00")  # both interventions are overdue by now
    (busy,) = plan(client, "street_dispatcher")["departments"]
    assert (busy["department"], busy["overdue"]) == (world.department, 2)
    desk("department_receiver").does(leads[0], "sign_in", officer=world.people["case_officer"])
    desk("case_officer").does(
        leads[0], "intervene", type="on_site", occurred_on="2026-09-28", people="两人", narrative="现场检查", evidence=["b" * 64],
        inspection=False,
    )  # fmt: skip
    assert plan(client, "street_dispatcher")["departments"][0]["overdue"] == 1

    with work() as session:  # the other lead is another street's now: none of this dispatcher's business
        session.add(
            Area(code="441900005", name="万江街道", level="street", parent_code=world.city, path="441900/441900005/")
        )
        session.flush()
        session.get_one(Lead, leads[1]).area_path = "441900/441900005/"
    assert plan(client, "street_dispatcher")["departments"][0]["overdue"] == 0


def test_it_costs_the_same_however_much_is_open(
    app, client: Caller, world: World, clock: Clock, desk: Seat, reported: Callable[..., str]
) -> None:
    street = client.as_("street_dispatcher")

    def statements() -> int:
        seen: list[str] = []
        with app.app_context():
            engine = db.engine
        note = lambda *args: seen.append(args[2])  # noqa: E731 - the listener
        event.listen(engine, "before_cursor_execute", note)
        assert street.get("/api/v1/planner/push").status == 200
        event.remove(engine, "before_cursor_execute", note)
        return len(seen)

    to_department(desk, reported(), world)
    statements()  # what is kept in memory is there from now on
    few = statements()
    for number in range(5):
        to_department(desk, reported(address_text=f"鸿福路{number}号"), world)
    assert statements() == few


def test_only_the_street_plans(client: Caller, world: World) -> None:
    for who in ("grid_worker", "department_receiver", "community_dispatcher", "auditor"):
        assert client.as_(who).get("/api/v1/planner/push").status == 403, who
    assert client.get("/api/v1/planner/push").status == 401
    assert client.as_("street_dispatcher").get("/api/v1/planner/push?on=yesterday").status == 422
    many = ",".join(f"D{number}" for number in range(51))
    assert client.as_("street_dispatcher").get(f"/api/v1/planner/push?departments={many}").status == 422
