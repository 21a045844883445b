"""What a phone holds follows from who is on duty today, read at each request: no job has to run for it (section 3, R5)."""

from __future__ import annotations

from datetime import date, timedelta

from gridwatch.leads.models import Lead
from gridwatch.people.service import assign_grid, end_duty
from gridwatch.tasks.models import Task
from tests.fixtures import Caller, Clock, Work, World, user_of
from tests.phone import Phone
from tests.sync.conftest import ALL_WELL, Tasks, loses_the_grid
from tests.sync.talk import FILE, LEAD, Make, Put, outcomes, pull, push


def grids_of(answer: dict) -> set[str]:
    """The grids in a first pull."""
    return {part["scope"] for part in answer["scopes"] if part["scope"].startswith("grid:")}


def test_a_worker_of_several_grids_holds_all_of_them_and_works_in_each(
    worker: Caller, work: Work, world: World, clock: Clock, make_task, visit: Make
):
    with work() as session:
        assign_grid(session, user_of(session, "grid_worker"), world.grid_2, from_on=clock.today(), at=clock.now())
        tasks = [make_task(session, grid).id for grid in (world.grid, world.grid_2, world.grid_3)]
    assert grids_of(pull(worker)) == {f"grid:{world.grid}", f"grid:{world.grid_2}"}
    results = push(worker, *(visit(task) for task in tasks))
    assert outcomes(results) == [("accepted", None), ("accepted", None), ("superseded", "reassigned")]


def test_a_cover_works_in_the_grid_on_its_days_and_not_the_day_after(
    client: Caller, work: Work, world: World, clock: Clock, tasks: Tasks, visit: Make
):
    first, second = tasks(2)
    begins, ends = clock.today() + timedelta(days=1), clock.today() + timedelta(days=2)
    with work() as session:
        assign_grid(
            session, user_of(session, "grid_worker_2"), world.grid, from_on=begins, to_on=ends,
            covers=user_of(session, "grid_worker"), at=clock.now(),
        )  # fmt: skip
    cover, covered = client.as_("grid_worker_2"), f"grid:{world.grid}"
    held = []
    for moment in ("2026-09-18 23:59", "2026-09-19 00:00", "2026-09-20 23:59", "2026-09-21 00:00"):
        clock.set(moment)
        held.append(covered in grids_of(pull(cover)))
    assert held == [False, True, True, False]
    clock.set("2026-09-20 23:59")
    assert outcomes(push(cover, visit(first, device_no=1))) == [("accepted", None)]
    clock.set("2026-09-21 00:00")
    assert pull(cover, {covered: None})["revoked"] == [covered]
    assert outcomes(push(cover, visit(second, device_no=2))) == [("superseded", "reassigned")]


def test_a_market_manager_holds_his_market_and_nothing_beside_it(
    client: Caller, work: Work, world: World, put: Put, report: Make
):
    put(f"grid:{world.grid}", "next door")
    put(f"grid:{world.grid_2}", "market")
    manager = client.as_("market_manager")
    answer = pull(manager)
    assert grids_of(answer) == {f"grid:{world.grid_2}"}
    notes = {one["id"] for part in answer["scopes"] for one in part["changes"] if one["kind"] == "note"}
    assert notes == {"market"}
    assert pull(manager, {f"grid:{world.grid}": None})["revoked"] == [f"grid:{world.grid}"]
    sent = report(scope=f"grid:{world.grid_2}")
    assert outcomes(push(manager, sent)) == [("accepted", None)]
    with work() as session:
        assert session.get_one(Lead, sent["id"]).source == "market"


def test_a_community_handler_has_a_phone_without_a_grid(client: Caller, world: World, item: Make):
    handler = client.as_("community_handler")
    answer = pull(handler)
    assert {part["scope"] for part in answer["scopes"]} == {f"user:{world.people['community_handler']}"}
    assert outcomes(push(handler, item())) == [("accepted", None)]
    with_outcome = {one["kind"] for part in pull(handler)["scopes"] for one in part["changes"]}
    assert with_outcome == {"profile", "outcome"}


def test_what_was_done_before_a_grid_was_lost_drains_first_and_then_the_grid_leaves(
    phone: Phone, work: Work, tasks: Tasks, clock: Clock, world: World, scope: str
):
    """A visit is kept as evidence, a lead is new knowledge and goes to whoever holds the place now."""
    (task,) = tasks(1)
    phone.sync()
    phone.goes_offline()
    visited = phone.visits(phone.tasks()[0], ALL_WELL, files=[FILE])
    found = phone.queue("lead.report", LEAD, files=[FILE], scope=scope)
    proposed = phone.queue("suggestion.submit", {"text": "路灯坏了"}, scope=scope)
    with work() as session:
        loses_the_grid(session, clock, world)
    phone.comes_back()
    assert scope in phone.store["docs"]
    phone.pull()
    assert phone.outcome_of(visited) == ("superseded", "reassigned")
    assert phone.outcome_of(found) == phone.outcome_of(proposed) == ("accepted", None)
    assert phone.store["outbox"] == []
    assert scope not in phone.store["docs"]
    with work() as session:
        assert session.get_one(Task, task).state == "issued"
        assert session.query(Lead).one().grid_code == world.grid


def test_a_duty_that_ends_takes_the_grid_at_midnight(
    worker: Caller, work: Work, world: World, scope: str, clock: Clock
):
    with work() as session:
        end_duty(session, user_of(session, "grid_worker"), world.grid, last_on=date(2026, 9, 18), at=clock.now())
    clock.set("2026-09-18 23:59")
    assert scope in grids_of(pull(worker))
    clock.set("2026-09-19 00:00")
    assert grids_of(pull(worker)) == set()
