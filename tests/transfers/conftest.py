"""A community with open work: tasks in the first grid, leads, and desks that hand them over."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

import pytest

from gridwatch.domain.worktime import Due
from gridwatch.tasks.service import plan_task
from tests.fixtures import Answer, Caller, Clock, Work, World
from tests.leads.conftest import desk, official_calendar, reported  # noqa: F401 - the same desks, calendar and leads
from tests.stories.conftest import phone, register, tick  # noqa: F401 - the same phones, register and scheduler


@pytest.fixture
def tasks_in(work: Work, world: World, clock: Clock) -> Callable[..., list[str]]:
    """`tasks_in(grid, 3)`: so many open tasks there; returns their ids."""

    def plan(grid: str, number: int, area: str | None = None) -> list[str]:
        with work() as session:
            return [
                plan_task(
                    session, kind="first_check", source_id=f"{grid}-{one}", items=["RG01", "RG02"], entity=None, lead_id=None,
                    grid_code=grid, area_path=area or world.path(grid[:12]), address_text=f"鸿福路{one}号", title=f"首检：第{one}商店",
                    reason="新登记", start_on=clock.today(), due=Due(clock.today()), calendar_version=0, at=clock.now(),
                ).id
                for one in range(number)
            ]  # fmt: skip

    return plan


@pytest.fixture
def hands_over(client: Caller) -> Callable[..., Answer]:
    """`hands_over("person", source, target)`: the community's dispatcher hands over."""

    def hand(kind: str, source: str, target: str, by: str = "community_dispatcher", **more: Any) -> Answer:
        body = {"id": str(uuid.uuid4()), "kind": kind, "source": source, "target": target, "note": "调岗"} | more
        return client.as_(by).post("/api/v1/handovers", body)

    return hand
