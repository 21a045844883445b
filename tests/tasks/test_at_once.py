"""Two people, or two machines, at the same moment: one wins, the other is told, nothing is there twice."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from threading import Barrier, Thread
from typing import Any

from sqlalchemy import func, select

from gridwatch.entities.models import Entity, RegistryEvent
from gridwatch.tasks.models import Task, Visit
from tests.tasks.conftest import GOOD, the_task


def at_once(*calls: Callable[[], Any]) -> list[Any]:
    """Run the calls in threads of their own that start together; their results in the order of the calls."""
    start, results, errors = Barrier(len(calls)), [None] * len(calls), []

    def run(place: int, call: Callable[[], Any]) -> None:
        start.wait(timeout=20)
        try:
            results[place] = call()
        except BaseException as error:  # noqa: BLE001 - raised again below
            errors.append(error)

    threads = [Thread(target=run, args=pair) for pair in enumerate(calls)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    if errors:
        raise errors[0]
    return results


def outcomes(answers: Sequence[Any]) -> list[str]:
    assert [answer.status for answer in answers] == [200] * len(answers), [answer.body for answer in answers]
    return sorted(one["outcome"] for answer in answers for one in answer.body["results"])


def event(n: int, **changes: Any) -> dict[str, Any]:
    return {
        "event_id": f"ev-{n}", "kind": "new", "code": f"E{n}", "occurred_on": "2026-09-18", "name": f"{n}号店",
        "street_code": "441900004", "address_text": "鸿福路1号", "lon": 113.745, "lat": 23.015, "datum": "WGS84", **changes,
    }  # fmt: skip


def test_the_same_event_from_two_machines_is_one(client, world, work):
    owners = [client.as_("platform_owner") for _ in range(4)]
    answers = at_once(*(lambda owner=owner: owner.post("/api/v1/registry/events", [event(1)]) for owner in owners))
    assert outcomes(answers) == ["created", "duplicate", "duplicate", "duplicate"]
    with work() as session:
        for model in (Entity, RegistryEvent, Task):
            assert session.scalar(select(func.count()).select_from(model)) == 1, model


def test_two_batches_in_opposite_order_never_wait_for_each_other(client, world, work):
    events = [event(n) for n in range(20)]
    owners = [client.as_("platform_owner") for _ in range(2)]
    orders = [events, events[::-1]]
    answers = at_once(
        *(
            lambda owner=owner, order=order: owner.post("/api/v1/registry/events", order)
            for owner, order in zip(owners, orders, strict=True)
        )
    )
    assert outcomes(answers) == ["created"] * 20 + ["duplicate"] * 20
    with work() as session:
        assert session.scalar(select(func.count()).select_from(Task)) == 20


def test_two_dispatchers_send_one_task_on_once(client, world, doors, work):
    dispatchers = [client.as_("street_dispatcher") for _ in range(2)]
    grids = [world.grid, world.grid_2]
    answers = at_once(
        *(
            lambda caller=caller, grid=grid: caller.post(
                f"/api/v1/tasks/{doors.waiting_task}/route", {"grid_code": grid}
            )
            for caller, grid in zip(dispatchers, grids, strict=True)
        )
    )
    assert sorted(answer.status for answer in answers) == [200, 409]
    winner = next(answer.body["grid_code"] for answer in answers if answer.status == 200)
    loser = next(answer.body for answer in answers if answer.status == 409)
    assert (loser["code"], loser["facts"]) == ("task.already_routed", {"grid": winner})
    with work() as session:
        assert session.get_one(Entity, doors.waiting_entity).grid_code == winner


def test_two_visits_to_one_task_are_both_kept_and_one_counts(visit, doors, work):
    results = at_once(*(lambda: visit(GOOD) for _ in range(3)))
    assert sorted((result.effect, result.code or "") for result in results) == [
        ("accepted", ""), ("superseded", "task_closed"), ("superseded", "task_closed"),
    ]  # fmt: skip
    with work() as session:
        assert session.scalar(select(func.count()).select_from(Visit)) == 3
        assert (the_task(session, doors).state, the_task(session, doors).rev) == ("done", 2)
