"""One entity in the first grid with its first check, one in nobody's; and a way to push a visit as the sync does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import pytest
from sqlalchemy import select

from gridwatch.calendars.queries import current_calendar
from gridwatch.db.base import new_id
from gridwatch.domain.permits import Actor, Grant, Role
from gridwatch.entities.models import Entity
from gridwatch.entities.service import RegistryNotice
from gridwatch.people.service import end_duty
from gridwatch.tasks.models import Task
from gridwatch.tasks.registration import take_in
from gridwatch.tasks.service import VisitReport, VisitResult, submit_visit
from tests.fixtures import CHINA, user_of

GOOD = {
    "result": "done",
    "findings": [
        {"item": "RG01", "occupancy": "registered_entity", "match": "exact"},
        {"item": "RG02", "status": "operating"},
    ],
}


@dataclass(frozen=True)
class Doors:
    """Ids of what the tests stand before."""

    task: str
    entity: str
    waiting_task: str
    waiting_entity: str


@pytest.fixture
def doors(work, world, clock) -> Doors:
    """A shop in the first grid and one that nobody can place; both registered today, 2026-09-18."""
    owner = Actor("owner", "平台", (Grant(Role.PLATFORM_OWNER, world.path(world.city)),))
    made = {}
    with work() as session:
        for code, point in (("E1", {"lon": 113.745, "lat": 23.015, "datum": "WGS84"}), ("E2", {})):
            notice = RegistryNotice(
                event_id=f"ev-{code}", kind="new", code=code, occurred_on=clock.today(), name=f"{code}号店",
                scope="销售日用品", street_code=world.street, address_text=f"鸿福路{code}号", **point,
            )  # fmt: skip
            taken = take_in(
                session, notice, current_calendar(session), actor=owner, now=clock.now(), today=clock.today()
            )
            made[code] = (taken.task.id, taken.registered.entity.id)
    return Doors(*made["E1"], *made["E2"])


@pytest.fixture
def visit(work, world, doors, clock) -> Callable[..., VisitResult]:
    """`visit(GOOD, by="grid_worker", at="2026-09-21 10:00", received="2026-09-21 10:05")` pushes one; the answer is detached."""

    def push(
        payload: Any,
        *,
        by: str = "grid_worker",
        grids: tuple[str, ...] | None = None,
        at: str | None = "2026-09-21 10:00",
        received: str | None = None,
        task: str | None = None,
        **more: Any,
    ) -> VisitResult:
        performed_at = local(at) if at else None
        with work() as session:
            user = user_of(session, by)
            held = {"grid_worker": (world.grid,), "grid_worker_2": (world.grid_2,)}.get(by, ())
            report = VisitReport(
                **{
                    "id": new_id(), "task_id": task or doors.task, "base_rev": 1, "device_id": "phone-1",
                    "performed_at": performed_at, "uncertainty_s": 60, "in_order": True,
                    "received_at": local(received) if received else performed_at or clock.now(),
                    "item_version": None, "payload": payload, **more,
                }
            )  # fmt: skip
            actor = Actor(user.id, user.name, (Grant(Role.GRID_WORKER),), held if grids is None else grids)
            result = submit_visit(session, report, actor=actor, calendar=current_calendar(session))
            session.flush()
            for row in (result.visit, result.task):
                if row is not None:
                    session.refresh(row)
                    session.expunge(row)
        return result

    return push


def local(text: str) -> datetime:
    """A China time, as in `2026-09-21 10:00`."""
    return datetime.fromisoformat(text).replace(tzinfo=CHINA)


def the_task(session, doors: Doors) -> Task:
    return session.get_one(Task, doors.task)


def leave(session, username: str, grid: str, last_on: date, at: datetime) -> None:
    """Take a person off a grid, as a desk does."""
    end_duty(session, user_of(session, username), grid, last_on=last_on, at=at)


def entity_of(session, code: str) -> Entity:
    return session.scalars(select(Entity).where(Entity.code == code)).one()
