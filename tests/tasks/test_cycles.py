"""Cyclic visits on real databases: ordered by the street, planned once a grid and day, over a month without pile-up."""

from __future__ import annotations

import json
from collections import Counter
from datetime import date, timedelta

import pytest
from sqlalchemy import func, select

from gridwatch.audit.models import Event
from gridwatch.calendars.queries import current_calendar
from gridwatch.db.feed import FeedRow
from gridwatch.domain.permits import Actor, Grant, Role
from gridwatch.entities.service import RegistryNotice
from gridwatch.jobs.work import plan_cycles
from gridwatch.tasks.cycles import plan_grid
from gridwatch.tasks.intake import take_in_many
from gridwatch.tasks.models import CyclePlan, Task

URL = "/api/v1/cycles"


@pytest.fixture
def shops(work, world, clock):
    """Twenty shops in the first grid, two of them behind one door, all seen a year and a half ago."""
    owner = Actor("owner", "平台", (Grant(Role.PLATFORM_OWNER, world.path(world.city)),))
    notices = [
        RegistryNotice(
            event_id=f"ev-{n}", kind="new", code=f"E{n}", occurred_on=date(2025, 2, 3), name=f"{n}号店", scope="销售日用品",
            street_code=world.street, address_text=f"鸿福路{n}号", lon=113.745, lat=23.015, datum="WGS84",
        )
        for n in range(20)
    ]  # fmt: skip
    with work() as session:
        take_in_many(session, notices, current_calendar(session), actor=owner, now=clock.now(), today=clock.today())
        for task in session.scalars(select(Task)):
            task.state, task.close_code, task.on_time = "done", "done", "on_time"
            task.closed_at = clock.now() - timedelta(days=550)


def ordered(client, world, **changes):
    body = {"area_code": world.street, "from_on": "2026-09-01", **changes}
    return client.as_("supervision_office").post(URL, body)


def answer_all(work, clock) -> None:
    """What is open is answered, as visits do."""
    with work() as session:
        for task in session.scalars(select(Task).where(Task.state == "issued")):
            task.state, task.close_code, task.on_time, task.closed_at = "done", "done", "on_time", clock.now()


def test_nothing_repeats_before_the_street_orders_it(app, work, shops, world, clock, client):
    with app.app_context():
        assert plan_cycles(clock.now()) == {"grids": 0, "visits": 0}
    assert ordered(client, world).status == 200
    with app.app_context():
        assert plan_cycles(clock.now())["grids"] == 3
        assert plan_cycles(clock.now()) == {"grids": 0, "visits": 0}, "a day is planned once"
    said = client.as_("grid_worker").get(URL).body
    assert [(one["item"], one["months"], one["of"]) for one in said["items"]] == [
        ("RG01", 12, "entity"), ("RG02", 12, "entity"), ("RG03", 12, "permit"), ("RG04", 1, "grid"),
    ]  # fmt: skip
    assert [one["grid_code"] for one in said["planned_today"]] == [world.grid]


def test_a_visit_of_the_cycle_reaches_the_phone(app, work, shops, world, clock, client):
    ordered(client, world)
    clock.set("2026-12-31 09:00")  # the last day of every round: all that is left
    with work() as session:
        planned = plan_grid(session, world.grid, current_calendar(session), now=clock.now())
    with work() as session:
        tasks = session.scalars(select(Task).where(Task.kind == "cycle")).all()
        assert len(tasks) == planned > 0
        patrol = next(task for task in tasks if task.entity_id is None)
        shop = next(task for task in tasks if task.entity_id is not None)
        assert (patrol.items, patrol.title, patrol.door) == (["RG04"], "周期巡查：第1网格", None)
        assert (shop.items, shop.state, shop.due_on) == (["RG01", "RG02"], "issued", date(2027, 1, 15))
        document = json.loads(session.scalar(select(FeedRow.doc).where(FeedRow.doc_id == shop.id)))
        assert (document["task_kind"], document["door"], document["form"]) == (
            "cycle",
            f"e:{shop.entity_id}",
            "RG01@1+RG02@1",
        )
        said = json.loads(session.scalar(select(Event.data).where(Event.act == "task.cycle_planned")))
        assert sorted(said["tasks"]) == sorted(task.id for task in tasks)


def test_a_cycle_over_the_last_weeks_of_a_year(app, work, shops, world, clock, client):
    """The story: from November on the street has cycles. By the end of the year every shop was seen once; patrols come monthly."""
    ordered(client, world, from_on="2026-11-02")
    per_day: Counter[str] = Counter()
    clock.set("2026-11-02 04:30")
    while clock.today() < date(2027, 1, 1):
        with app.app_context():
            did = plan_cycles(clock.now())
        if did["visits"]:
            with work() as session:
                planned = session.get_one(CyclePlan, (world.grid, clock.today())).planned
            per_day[f"{clock.today():%m}"] += planned
        if clock.today().weekday() == 4:  # the worker writes everything up on Fridays
            answer_all(work, clock)
        clock.advance(days=1)
    with work() as session:
        rounds = session.execute(
            select(Task.entity_id, func.count())
            .where(Task.kind == "cycle", Task.grid_code == world.grid)
            .group_by(Task.entity_id)
        ).all()
    seen = dict(rounds)
    assert seen.pop(None) == 2, "one patrol of the grid a month"
    assert set(seen.values()) == {1}
    assert len(seen) == 20
    assert abs(per_day["11"] - per_day["12"]) <= 5, per_day


def test_what_is_open_or_ended_is_not_asked_again(work, shops, world, clock, client):
    clock.set("2026-12-31 09:00")  # the last day of the round: everything that is left
    with work() as session:
        entity_ids = session.scalars(select(Task.entity_id).order_by(Task.entity_id)).all()
        states = ["issued", "done", "not_done", "superseded", "cancelled"]
        for task, state in zip(session.scalars(select(Task).order_by(Task.entity_id)), states, strict=False):
            task.state, task.closed_at = state, None if state == "issued" else clock.now() - timedelta(days=30)
        plan_grid(session, world.grid, current_calendar(session), now=clock.now())
    with work() as session:
        asked = set(session.scalars(select(Task.entity_id).where(Task.kind == "cycle", Task.entity_id.is_not(None))))
    assert asked == set(entity_ids[3:]), "superseded and cancelled ones asked nobody"


@pytest.mark.parametrize(
    ("what", "who", "changes", "status", "code"),
    [
        ("the street's own desk", "street_dispatcher", {}, 200, None),
        ("a worker", "grid_worker", {}, 403, "auth.forbidden"),
        ("another area", "supervision_office", {"area_code": "441900"}, 404, "area.not_found"),
        ("days the wrong way round", "supervision_office", {"until_on": "2026-08-01"}, 422, "cycle.days"),
        ("an end in the past", "supervision_office", {"until_on": "2026-09-17"}, 422, "cycle.days"),
        ("no such day", "supervision_office", {"from_on": "2026-02-30"}, 422, "input.invalid"),
    ],
)
def test_who_orders_cycles_and_how(client, world, work, what, who, changes, status, code):
    answer = client.as_(who).post(URL, {"area_code": world.street, "from_on": "2026-09-01", **changes})
    assert (answer.status, answer.body.get("code")) == (status, code), what


def test_an_order_can_be_ended(app, shops, world, clock, client):
    ordered(client, world, until_on="2026-09-18")
    clock.set("2026-09-21 09:00")
    with app.app_context():
        assert plan_cycles(clock.now()) == {"grids": 0, "visits": 0}
