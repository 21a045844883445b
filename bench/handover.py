"""Handing over: 2,000 open tasks of one worker in four grids to another, receipts and documents included (limit of the issue: 5 s)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from itertools import cycle
from typing import Any

from sqlalchemy import func, select

from bench.city import City, build_areas, build_grids, build_people, path_of, worker_of
from bench.databases import Place, settle, writing
from bench.load import build_calendar
from bench.machine import Others
from bench.table import Aim, Row
from bench.timing import measured, seconds
from gridwatch.db import feed
from gridwatch.db.base import db, new_id
from gridwatch.db.engine import dialect_of
from gridwatch.db.session import transaction
from gridwatch.domain.permits import Actor, Grant, Role
from gridwatch.people.models import GridDuty
from gridwatch.tasks.documents import task_document
from gridwatch.tasks.models import Task
from gridwatch.transfers import handover, service

NOW = datetime(2026, 9, 22, 1, tzinfo=UTC)
TODAY = date(2026, 9, 22)
GRIDS, RUNS = 4, 5  # the worker's grids; the fifth of the community is the other's
TASKS = {"full": 2_000, "small": 200}


def run(place: Place) -> Iterator[Row]:
    """The row of this bench; every task must have changed hands at every run, or the bench fails."""
    city, number = City(4, 25), TASKS[place.size]
    with place.app(), Others(place.roots) as others:
        build_calendar()
        with writing(db.engine) as connection:
            build_areas(connection, city)
            build_grids(connection, city)
            build_people(connection, city)
        grids = city.grid_codes[:GRIDS]
        people = [worker_of(grids[0]), worker_of(city.grid_codes[GRIDS])]
        _build_work(grids, people[0], number)
        settle(db.engine)
        actor = Actor("bench", "调度", (Grant(Role.STREET_DISPATCHER, path_of(city.streets[0])),))
        turns = cycle([people, people[::-1]])
        figures = []
        for turn in range(1, RUNS + 2):
            source, target = next(turns)
            wanted = handover.Wanted(new_id(), "person", source, target, "调岗")
            figures.append(seconds(lambda wanted=wanted: _hand_over(wanted, actor)))
            _check(number, turn + 1)
    median, spread = measured(figures[1:])
    yield Row(
        "handover", "all open tasks of one worker to another", place.kind, f"{number:,} tasks in {GRIDS} grids", median, "s",
        aim=Aim(5.0), spread=spread, others=others.share,
    )  # fmt: skip


def _hand_over(wanted: handover.Wanted, actor: Actor) -> None:
    with transaction() as session:
        handover.begin(session, wanted, actor=actor, now=NOW)
    service.finish_handover(wanted.id, NOW)


def _build_work(grids: list[str], worker: str, number: int) -> None:
    """Put the worker on duty in all these grids, and give them their tasks, which phones hold."""
    with transaction() as session:
        session.add_all(
            GridDuty(id=new_id(), user_id=worker, grid_code=code, from_on=date(2026, 1, 1))
            for code in grids
            if code != grids[0]
        )
        rows = [_task(grids[n % len(grids)], n) for n in range(number)]
        dialect_of(session).bulk_insert(session.connection(), Task.__table__, rows)
        feed.stage(session, [task_document(row, "RG01@1+RG02@1", fresh=True) for row in rows])


def _task(grid: str, number: int) -> dict[str, Any]:
    return {
        "id": new_id(), "rev": 1, "kind": "first_check", "source_id": f"GS-{number}", "state": "issued", "items": ["RG01", "RG02"],
        "reason": "新登记，10 个工作日内首检", "entity_id": None, "lead_id": None, "address_code": None,
        "address_text": f"东莞市南城街道鸿福路{number}号", "title": f"首检：第{number}商店", "area_path": path_of(grid[:12]),
        "grid_code": grid, "start_on": TODAY, "due_on": date(2026, 10, 12), "provisional": False, "calendar_version": 0, "epoch": 1,
        "duty_rev": 1, "assigned_to": None, "not_for": None, "created_at": NOW, "closed_at": None, "close_code": None, "on_time": None,
    }  # fmt: skip


def _check(number: int, epoch: int) -> None:
    found = db.session.scalar(select(func.count()).select_from(Task).where(Task.epoch == epoch))
    db.session.rollback()
    if found != number:
        raise AssertionError(f"{found} of {number} tasks changed hands")
