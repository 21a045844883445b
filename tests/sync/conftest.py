"""Phones, items, and documents that are put into the feed by hand."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from datetime import date
from typing import Any

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from gridwatch.db import feed
from gridwatch.domain.worktime import Due
from gridwatch.people.service import assign_grid, end_duty
from gridwatch.sync import heartbeats
from gridwatch.tasks.models import Task
from gridwatch.tasks.service import plan_task
from tests.fixtures import PASSWORD, Caller, Clock, Work, World, user_of
from tests.phone import Phone, Store, uuid7
from tests.sync.talk import FILE, LEAD, Make, Put, over_flask


@pytest.fixture
def app(app: Flask) -> Iterator[Flask]:
    """The application; what its phones said of themselves is written before the database goes."""
    yield app
    with app.app_context():
        heartbeats.of_this_process().close()


@pytest.fixture
def scope(world: World) -> str:
    """The scope of the grid of `grid_worker`."""
    return f"grid:{world.grid}"


@pytest.fixture
def worker(client: Caller, world: World) -> Caller:
    """The worker of the first grid, signed in."""
    return client.as_("grid_worker")


@pytest.fixture
def phone(app: Flask, world: World, clock: Clock) -> Phone:
    """The phone of `grid_worker`, signed in; its clock is right."""
    phone = Phone(Store(), over_flask(app), clock.now)
    phone.sign_in("grid_worker", PASSWORD)
    return phone


@pytest.fixture
def write_heartbeats(app: Flask) -> Callable[[], None]:
    """Write now what would be written a second later."""

    def _write() -> None:
        with app.app_context():
            heartbeats.of_this_process().close()

    return _write


@pytest.fixture
def put(work: Work) -> Put:
    """`put(scope, "a", "b", rev=2)` gives a scope documents of kind `note` in one commit; `put(None, "a")` takes one from all."""

    def _put(scope: str | None, *ids: str, rev: int = 1, size: int = 20) -> None:
        scopes = frozenset({scope} if scope else ())
        with work() as session:
            feed.stage(session, [feed.Document("note", one, rev, scopes, {"text": "字" * size}) for one in ids])

    return _put


@pytest.fixture
def item(clock: Clock) -> Make:
    """`item()` makes the next item of a phone; members are given by name, and `without` leaves some out."""
    numbers = itertools.count(1)

    def _item(kind: str = "suggestion.submit", *, without: tuple[str, ...] = (), **members: Any) -> dict[str, Any]:
        made = {
            "id": uuid7(clock.now()), "device_no": next(numbers), "kind": kind, "captured_at": clock.now().isoformat(),
            "payload": {"text": "路灯坏了"}, **members,
        }  # fmt: skip
        return {name: value for name, value in made.items() if name not in without}

    return _item


@pytest.fixture
def report(item: Make, scope: str) -> Make:
    """`report()` is a lead found in the grid, with a photo."""
    return lambda kind="lead.report", **members: item(
        kind, **{"payload": LEAD, "scope": scope, "files": [FILE], **members}
    )


@pytest.fixture
def make_task(clock: Clock, world: World) -> Callable[..., Task]:
    """`make_task(session, grid)` gives a grid an open first check without an entity."""

    def _make(
        session: Session, grid: str, due_on: date = date(2026, 9, 30), items: tuple[str, ...] = ("RG01", "RG02")
    ) -> Task:
        return plan_task(
            session, kind="first_check", source_id=uuid7(clock.now()), items=items, entity=None, lead_id=None, grid_code=grid,
            area_path=world.path(grid[:12]), address_text="宏伟路 1 号", title="首检：面包店", reason="新登记", start_on=clock.today(),
            due=Due(due_on), calendar_version=0, at=clock.now(),
        )  # fmt: skip

    return _make


ALL_WELL = {
    "result": "done",
    "findings": [
        {"item": "RG01", "occupancy": "registered_entity", "match": "exact"},
        {"item": "RG02", "status": "operating"},
    ],
}  # fmt: skip
Tasks = Callable[[int], list[str]]


@pytest.fixture
def tasks(work: Work, world: World, make_task: Callable[..., Task]) -> Tasks:
    """`tasks(3)` gives the grid of the worker three open first checks; returns their ids."""

    def _tasks(number: int) -> list[str]:
        with work() as session:
            return [make_task(session, world.grid).id for _ in range(number)]

    return _tasks


@pytest.fixture
def visit(item: Make, scope: str) -> Make:
    """`visit(task_id)` finds everything in order at the door."""

    def _visit(task_id: str, **members: Any) -> dict[str, Any]:
        about = {"task_id": task_id, "base_rev": 1, "item_version": "RG01@1+RG02@1", "scope": scope, "files": [FILE]}
        return item("visit.submit", **{"payload": ALL_WELL, **about, **members})

    return _visit


def loses_the_grid(session: Session, clock: Clock, world: World) -> None:
    end_duty(session, user_of(session, "grid_worker"), world.grid, last_on=date(2026, 9, 17), at=clock.now())
    assign_grid(session, user_of(session, "grid_worker_2"), world.grid, from_on=clock.today(), at=clock.now())
