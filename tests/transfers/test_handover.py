"""All open work of one to another in one step: what moves, what stays and why, who may, and what the old phone's visits become."""

from __future__ import annotations

import json
import uuid
from datetime import date

import pytest
from sqlalchemy import select

from gridwatch.audit.models import Event
from gridwatch.audit.queries import breaks
from gridwatch.domain.permits import Actor, Grant, Role
from gridwatch.leads.models import Lead
from gridwatch.leads.verifying import broken_leads
from gridwatch.people.queries import held_scopes
from gridwatch.people.service import assign_grid, disable
from gridwatch.tasks.models import Task
from gridwatch.transfers import handover
from gridwatch.transfers.models import Handover
from tests.fixtures import user_of
from tests.tasks.conftest import GOOD


def held(session, world, username: str, on: date) -> set[str]:
    return {scope for scope in session.scalars(held_scopes(world.people[username], on)) if scope.startswith("grid:")}


def task_of(work, task_id: str) -> Task:
    with work() as session:
        task = session.get_one(Task, task_id)
        session.refresh(task)
        session.expunge(task)
        return task


def test_from_today_another_has_the_grid_and_every_task_of_it(work, world, clock, tasks_in, hands_over):
    first, second = tasks_in(world.grid, 2)
    (elsewhere,) = tasks_in(world.grid_2, 1)
    with work() as session:
        session.get_one(Task, second).assigned_to = world.people["grid_worker"]
    answer = hands_over("person", world.people["grid_worker"], world.people["grid_worker_2"])
    assert answer.status == 200, answer.body
    assert answer.body["counts"] == {"duty": {"moved": 1}, "task": {"moved": 2}}
    assert answer.body["done_at"] is not None
    assert [(item["kind"], item["subject_id"], item["outcome"]) for item in answer.body["items"]] == [
        ("duty", world.grid, "moved"),
        ("task", min(first, second), "moved"),
        ("task", max(first, second), "moved"),
    ]
    with work() as session:
        assert held(session, world, "grid_worker", clock.today()) == set()
        assert held(session, world, "grid_worker_2", clock.today()) == {f"grid:{world.grid}", f"grid:{world.grid_2}"}
        events = session.scalars(
            select(Event.data).where(Event.act == "task.passed_on", Event.subject_id == second)
        ).all()
        assert [json.loads(data)["epoch"] for data in events] == [2]
        assert list(breaks(session)) == []
    assert (task_of(work, first).epoch, task_of(work, first).assigned_to, task_of(work, first).state) == (
        2,
        None,
        "issued",
    )
    assert (task_of(work, second).assigned_to, task_of(work, second).state) == (
        world.people["grid_worker_2"],
        "assigned",
    )
    assert task_of(work, elsewhere).epoch == 1


def test_a_dry_run_says_the_same_and_changes_nothing(work, world, clock, tasks_in, hands_over):
    tasks_in(world.grid, 3)
    before, said = (
        task_rows(work),
        hands_over("person", world.people["grid_worker"], world.people["grid_worker_2"], dry_run=True),
    )
    assert (said.status, said.body["dry_run"], said.body["done_at"]) == (200, True, None)
    assert said.body["counts"] == {"duty": {"moved": 1}, "task": {"planned": 3}}
    assert task_rows(work) == before
    with work() as session:
        assert session.scalars(select(Handover)).all() == []
        assert held(session, world, "grid_worker", clock.today()) == {f"grid:{world.grid}"}


def task_rows(work) -> list[tuple]:
    with work() as session:
        return [
            tuple(row)
            for row in session.execute(select(Task.id, Task.rev, Task.epoch, Task.grid_code).order_by(Task.id))
        ]


def test_what_the_old_phone_did_meanwhile_is_kept_and_the_new_one_has_the_work(
    world, clock, tasks_in, hands_over, phone
):
    (task_id,) = tasks_in(world.grid, 1)
    old, new = phone("grid_worker"), phone("grid_worker_2")
    (task,) = old.tasks()
    assert new.tasks() == []
    old.goes_offline()
    clock.advance(minutes=30)
    visit = old.visits(task, GOOD)
    assert hands_over("person", world.people["grid_worker"], world.people["grid_worker_2"]).status == 200
    clock.advance(minutes=30)
    old.comes_back()
    old.sync()
    assert old.outcome_of(visit) == ("superseded", "reassigned")
    assert old.tasks() == []
    new.sync()
    (mine,) = new.tasks()
    assert (mine["id"], mine["epoch"]) == (task_id, 2)
    answer = new.visits(mine, GOOD)
    new.sync()
    assert new.outcome_of(answer) == ("accepted", None)


def test_a_cover_has_days_and_who_is_away_keeps_the_grid(work, world, clock, tasks_in, hands_over):
    _, named = tasks_in(world.grid, 2)
    with work() as session:
        session.get_one(Task, named).assigned_to = world.people["grid_worker"]
        session.get_one(Task, named).state = "assigned"
    answer = hands_over(
        "cover", world.people["grid_worker"], world.people["grid_worker_2"], **days("2026-09-21", "2026-09-25")
    )
    assert answer.status == 200, answer.body
    assert answer.body["counts"] == {"duty": {"covered": 1}, "task": {"released": 1}}
    task = task_of(work, named)
    assert (task.state, task.assigned_to, task.epoch) == ("issued", None, 2)  # whoever holds the grid may do it
    with work() as session:
        for day, holds in (("2026-09-20", False), ("2026-09-21", True), ("2026-09-25", True), ("2026-09-26", False)):
            covered = f"grid:{world.grid}" in held(session, world, "grid_worker_2", date.fromisoformat(day))
            assert covered is holds, day
        assert held(session, world, "grid_worker", date(2026, 9, 23)) == {f"grid:{world.grid}"}


def test_leads_follow_their_grid_and_a_handlers_go_to_a_handler(work, world, desk, reported, hands_over):
    followed, handled = reported(), reported()
    desk("community_dispatcher").does(handled, "accept", handler=world.people["community_handler"])
    answer = hands_over("person", world.people["grid_worker"], world.people["grid_worker_2"])
    leads = {
        item["subject_id"]: (item["outcome"], item["reason"]) for item in answer.body["items"] if item["kind"] == "lead"
    }
    assert leads == {followed: ("follows", "grid"), handled: ("follows", "grid")}
    answer = hands_over("person", world.people["community_handler"], world.people["community_dispatcher"])
    assert answer.status == 200, answer.body
    assert answer.body["counts"] == {"lead": {"moved": 1}}
    seen = desk("community_dispatcher").sees(handled)
    assert seen["handler"]["id"] == world.people["community_dispatcher"]
    with work() as session:
        assert list(broken_leads(session)) == []


def test_from_grid_to_grid_tasks_and_leads_go_and_the_ground_stays(work, world, reported, tasks_in, hands_over, client):
    lead = reported()
    tasks_in(world.grid, 2)
    answer = hands_over("grid", world.grid, world.grid_2)
    assert answer.status == 200, answer.body
    assert answer.body["counts"] == {"lead": {"moved": 1}, "task": {"moved": 2}}
    with work() as session:
        row = session.get_one(Lead, lead)
        assert (row.grid_code, row.found_in) == (world.grid_2, world.grid)
        assert list(broken_leads(session)) == []
    assert len(client.as_("grid_worker_2").get("/api/v1/tasks").body["items"]) == 2
    assert client.as_("grid_worker").get("/api/v1/tasks").body["items"] == []


def test_sent_twice_it_is_done_once(work, world, tasks_in, hands_over):
    tasks_in(world.grid, 2)
    same = {"id": str(uuid.uuid4())}
    first = hands_over("person", world.people["grid_worker"], world.people["grid_worker_2"], **same)
    again = hands_over("person", world.people["grid_worker"], world.people["grid_worker_2"], **same)
    assert (again.status, again.body) == (200, first.body)
    assert {row[2] for row in task_rows(work)} == {2}
    other = hands_over("grid", world.grid, world.grid_2, **same)
    assert (other.status, other.body["code"]) == (409, "handover.id_reused")


def test_what_a_dead_process_left_open_the_next_tick_finishes(app, work, world, clock, tasks_in, client, tick):
    tasks_in(world.grid, 2)
    with work() as session:
        actor = dispatcher(world)
        wanted = handover.Wanted("h-1", "grid", world.grid, world.grid_2, "调岗")
        assert handover.begin(session, wanted, actor=actor, now=clock.now())
    assert {row[3] for row in task_rows(work)} == {world.grid}  # killed here
    assert tick()["transfers"]["handovers"] == 1
    assert {row[3] for row in task_rows(work)} == {world.grid_2}
    shown = client.as_("community_dispatcher").get("/api/v1/handovers/h-1").body
    assert (shown["counts"], shown["done_at"] is not None) == ({"task": {"moved": 2}}, True)
    assert tick()["transfers"]["handovers"] == 0


def dispatcher(world) -> Actor:
    """The community's dispatcher, as a service sees her."""
    return Actor(
        world.people["community_dispatcher"], "调度员", (Grant(Role.COMMUNITY_DISPATCHER, world.path(world.community)),)
    )


def days(from_on: str, to_on: str) -> dict[str, str]:
    return {"from_on": from_on, "to_on": to_on}


@pytest.mark.parametrize(
    ("why", "kind", "source", "target", "more", "code"),
    [
        ("to herself", "person", "grid_worker", "grid_worker", {}, (422, "handover.same")),
        ("a person of another community", "person", "grid_worker_3", "grid_worker", {}, (404, "person.not_found")),
        ("to a person of another community", "person", "grid_worker", "grid_worker_3", {}, (404, "person.not_found")),
        ("nobody", "person", "nobody", "grid_worker", {}, (404, "person.not_found")),
        ("to somebody who is no worker", "person", "grid_worker", "community_handler", {}, (409, "handover.target_unfit")),
        ("who has nothing", "person", "community_handler", "grid_worker", {}, (409, "handover.nothing")),
        ("a cover that is over", "cover", "grid_worker", "grid_worker_2", days("2026-09-01", "2026-09-17"), (422, "handover.days")),
        ("a cover backwards", "cover", "grid_worker", "grid_worker_2", days("2026-09-30", "2026-09-21"), (422, "handover.days")),
        ("a cover without days", "cover", "grid_worker", "grid_worker_2", {}, (422, "input.invalid")),
        ("days without a cover", "person", "grid_worker", "grid_worker_2", {"to_on": "2026-09-30"}, (422, "input.invalid")),
        ("an unknown grid", "grid", "441900004003999", "441900004003002", {}, (404, "grid.not_found")),
        ("a grid of another community", "grid", "441900004003001", "441900004005001", {}, (404, "grid.not_found")),
        ("the same grid", "grid", "441900004003001", "441900004003001", {}, (422, "handover.same")),
        ("without a word why", "person", "grid_worker", "grid_worker_2", {"note": ""}, (422, "input.invalid")),
    ],
)  # fmt: skip
def test_what_is_refused_changes_nothing(
    work, world, clock, tasks_in, hands_over, why, kind, source, target, more, code
):
    tasks_in(world.grid, 1)
    before = task_rows(work)
    answer = hands_over(kind, world.people.get(source, source), world.people.get(target, target), **more)
    assert (answer.status, answer.body["code"]) == code, (why, answer.body)
    assert task_rows(work) == before
    with work() as session:
        assert held(session, world, "grid_worker", clock.today()) == {f"grid:{world.grid}"}


def test_work_beyond_ones_own_area_is_not_handed_over_in_part(work, world, clock, tasks_in, hands_over):
    """A worker who stands in next door: her community's dispatcher would leave those tasks with nobody, the street's does not."""
    tasks_in(world.grid_3, 2)
    with work() as session:
        worker = user_of(session, "grid_worker")
        assign_grid(session, worker, world.grid_3, from_on=clock.today(), at=clock.now())
    answer = hands_over("person", world.people["grid_worker"], world.people["grid_worker_2"])
    assert (answer.status, answer.body["code"]) == (409, "handover.beyond_reach")
    assert answer.body["facts"] == {"count": 3}
    assert "第" not in str(answer.body["facts"])  # what lies there is not told
    by_street = hands_over("person", world.people["grid_worker"], world.people["grid_worker_2"], by="street_dispatcher")
    assert by_street.body["code"] == "handover.target_unfit"  # who has no role there
    assert by_street.body["facts"]["grids"] == [world.grid_3]


def test_a_disabled_person_takes_nothing_over(work, world, clock, hands_over):
    with work() as session:
        disable(session, user_of(session, "grid_worker_2"), at=clock.now())
    answer = hands_over("person", world.people["grid_worker"], world.people["grid_worker_2"])
    assert (answer.status, answer.body["code"], answer.body["facts"]["disabled"]) == (
        409,
        "handover.target_unfit",
        True,
    )


def test_who_is_no_dispatcher_hands_nothing_over(world, hands_over):
    for role in ("grid_worker", "administrator", "auditor", "department_leader"):
        answer = hands_over("person", world.people["grid_worker"], world.people["grid_worker_2"], by=role)
        assert (answer.status, answer.body["code"]) == (403, "auth.forbidden"), role


def test_workload_is_numbers_by_name_and_no_ranking(world, client, tasks_in):
    tasks_in(world.grid, 3)
    tasks_in(world.grid_2, 1)
    items = client.as_("community_dispatcher").get("/api/v1/workload").body["items"]
    assert [item["name"] for item in items] == sorted(item["name"] for item in items)
    counted = {
        item["user_id"]: (item["grids"], item["open_tasks"], item["due_this_week"], item["overdue"]) for item in items
    }
    assert counted == {
        world.people["grid_worker"]: (1, 3, 3, 0),
        world.people["grid_worker_2"]: (1, 1, 1, 0),
        world.people["market_manager"]: (1, 1, 1, 0),
    }
