"""Tasks within reach, and the hand-triage queue of the street: a person reads the address and sends the task on."""

from __future__ import annotations

import json

import pytest
from sqlalchemy import func, select, text

from gridwatch.audit.models import Event
from gridwatch.db.feed import FeedRow
from gridwatch.entities.models import Entity
from gridwatch.places.models import Grid
from gridwatch.tasks.models import Task
from gridwatch.tasks.queries import queue_within
from gridwatch.tasks.service import close_task


def route(client, doors, grid: str, who: str = "street_dispatcher", task: str | None = None):
    return client.as_(who).post(f"/api/v1/tasks/{task or doors.waiting_task}/route", {"grid_code": grid})


def test_the_queue_shows_the_address_as_the_register_wrote_it(client, doors):
    answer = client.as_("street_dispatcher").get("/api/v1/tasks/queue")
    assert answer.status == 200
    (task,) = answer.body["items"]
    assert (task["id"], task["address_text"], task["title"]) == (doors.waiting_task, "鸿福路E2号", "首检：E2号店")
    assert (task["state"], task["grid_code"], task["due_on"]) == ("planned", None, "2026-10-07")


def test_nobody_holds_a_waiting_task(work, doors):
    with work() as session:
        held = session.scalars(select(FeedRow.doc_id).where(FeedRow.kind.in_(["task", "entity"]))).all()
    assert sorted(held) == sorted([doors.task, doors.entity])


def test_a_person_sends_the_task_and_its_entity_to_a_grid(client, work, world, doors):
    answer = route(client, doors, world.grid_2)
    assert (answer.status, answer.body["state"], answer.body["grid_code"]) == (200, "issued", world.grid_2)
    with work() as session:
        entity = session.get_one(Entity, doors.waiting_entity)
        assert (entity.grid_code, entity.routed_by, entity.area_path) == (
            world.grid_2,
            "hand",
            world.path(world.community),
        )
        held = session.scalars(
            select(FeedRow.doc).where(FeedRow.scope == f"grid:{world.grid_2}", FeedRow.kind != "grid")
        )
        assert {json.loads(doc)["id"] for doc in held} == {doors.waiting_task, doors.waiting_entity}
        event = session.scalars(select(Event).where(Event.act == "task.routed")).one()
        assert (event.chain, json.loads(event.data)["grid"]) == (world.community, world.grid_2)
    assert client.as_("street_dispatcher").get("/api/v1/tasks/queue").body["items"] == []
    assert client.as_("grid_worker_2").get("/api/v1/tasks").body["items"][0]["id"] == doors.waiting_task


def test_it_is_sent_on_once(client, work, world, doors):
    assert route(client, doors, world.grid_2).status == 200
    answer = route(client, doors, world.grid)
    assert (answer.status, answer.body["code"]) == (409, "task.already_routed")
    assert answer.body["facts"] == {"grid": world.grid_2}
    with work() as session:
        assert session.get_one(Task, doors.waiting_task).grid_code == world.grid_2


def test_a_task_that_is_closed_goes_nowhere(client, work, world, doors, clock):
    with work() as session:
        close_task(session, session.get_one(Task, doors.waiting_task), "entity_gone", clock.now())
    answer = route(client, doors, world.grid)
    assert (answer.status, answer.body["code"]) == (409, "task.wrong_state")


@pytest.mark.parametrize(
    ("what", "who", "grid", "status", "code"),
    [
        ("no such grid", "street_dispatcher", "441900004003009", 404, "grid.not_found"),
        ("no grid at all", "street_dispatcher", "", 422, "input.invalid"),
        ("a grid of yesterday", "street_dispatcher", "441900004005001", 404, "grid.not_found"),
        ("a desk that does not see it", "community_dispatcher", "441900004003001", 404, "task.not_found"),
        ("a desk that sees it and is another one", "supervision_office", "441900004003001", 403, "auth.forbidden"),
        ("somebody who only reads", "auditor", "441900004003001", 403, "auth.forbidden"),
        ("a worker", "grid_worker", "441900004003001", 404, "task.not_found"),
    ],
)
def test_what_is_not_sent_on(client, work, doors, clock, what: str, who: str, grid: str, status: int, code: str):
    with work() as session:
        session.get_one(Grid, "441900004005001").valid_to = clock.today().replace(day=17)
    answer = route(client, doors, grid, who)
    assert (answer.status, answer.body["code"]) == (status, code), what
    with work() as session:
        assert session.get_one(Task, doors.waiting_task).state == "planned"


def test_an_unknown_task_does_not_exist(client, world, doors):
    answer = route(client, doors, world.grid, task="0192f0c4-0000-7000-8000-000000000000")
    assert (answer.status, answer.body["code"]) == (404, "task.not_found")


@pytest.mark.parametrize(
    ("who", "open_", "waiting"),
    [
        ("grid_worker", 200, 404),
        ("grid_worker_2", 404, 404),
        ("community_dispatcher", 200, 404),
        ("community_dispatcher_2", 404, 404),
        ("street_dispatcher", 200, 200),
        ("auditor", 200, 200),
        ("platform_owner", 404, 404),
        ("case_officer", 404, 404),
    ],
)
def test_a_task_is_seen_within_reach(client, doors, who: str, open_: int, waiting: int):
    caller = client.as_(who)
    assert caller.get(f"/api/v1/tasks/{doors.task}").status == open_
    assert caller.get(f"/api/v1/tasks/{doors.waiting_task}").status == waiting


def test_lists_of_tasks_filter_and_page(client, world, doors):
    dispatcher = client.as_("street_dispatcher")

    def listed(query: str) -> list[str]:
        return [task["id"] for task in dispatcher.get(f"/api/v1/tasks{query}").body["items"]]

    assert listed("") == listed("?state=open") == [doors.task, doors.waiting_task]
    assert listed("?state=issued") == listed(f"?grid={world.grid}") == [doors.task]
    assert listed("?state=done") == []
    first = dispatcher.get("/api/v1/tasks?limit=1").body
    assert listed(f"?limit=1&cursor={first['next_cursor']}") == [doors.waiting_task]
    assert dispatcher.get("/api/v1/tasks?state=lost").body["code"] == "input.invalid"


def test_the_queue_is_read_by_its_index(work, world, doors):
    """However many tasks are done: the queue costs what waits in it."""
    from gridwatch.domain.permits import Actor, Grant, Role

    actor = Actor("x", "x", (Grant(Role.STREET_DISPATCHER, world.path(world.street)),))
    with work() as session:
        sqlite = session.get_bind().dialect.name == "sqlite"
        statement = queue_within(actor).order_by(Task.id).limit(100)
        sql = str(statement.compile(session.get_bind(), compile_kwargs={"literal_binds": True}))
        if not sqlite:
            session.execute(text("SET LOCAL enable_seqscan = off"))  # two rows are read faster without any index
        plan = "\n".join(
            str(row[-1])
            for row in session.execute(
                text(("EXPLAIN QUERY PLAN " if sqlite else "EXPLAIN ") + sql.replace(":", r"\:"))
            )
        )
    assert "ix_task_queue" in plan


def test_tasks_are_counted_once_for_one_cause(work, doors):
    with work() as session:
        assert session.scalar(select(func.count()).select_from(Task)) == 2
