"""A market in the second grid, with three stalls and a checklist of one item."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.fixtures import Caller, Clock, World
from tests.sync.conftest import app, item, report, scope  # noqa: F401 - the phone's items
from tests.sync.talk import Make

MARKETS = "/api/v1/markets"
WELL = {"item": "RG05B", "displayed": True}
DARK = {"item": "RG05B", "displayed": False}
CHECKLIST = {"items": ["RG05B@1"], "every_days": 7}


@pytest.fixture
def office(client: Caller, world: World) -> Caller:
    """The supervision office of the street, signed in."""
    return client.as_("supervision_office")


@pytest.fixture
def market(office: Caller, world: World, clock: Clock) -> str:
    """The code of the market."""
    told = {"code": "M1", "name": "宏远市场", "grid_code": world.grid_2}
    assert office.post(MARKETS, told).status == 200
    stalls = {"stalls": [{"number": number} for number in ("A01", "A02", "A03")]}
    assert office.post(f"{MARKETS}/M1/stalls", stalls).status == 200
    asked = {**CHECKLIST, "effective_on": str(clock.today())}
    assert office.post(f"{MARKETS}/M1/checklists", asked).status == 200
    return "M1"


@pytest.fixture
def manager(client: Caller, world: World) -> Caller:
    """The market's manager, signed in."""
    return client.as_("market_manager")


@pytest.fixture
def worker(client: Caller, world: World) -> Caller:
    """The worker of the market's grid, signed in."""
    return client.as_("grid_worker_2")


@pytest.fixture
def look(item: Make, world: World) -> Callable[..., dict[str, Any]]:  # noqa: F811 - the fixture
    """`look(A01=WELL)` is a round of stalls; members of the payload are given as `draw=…`."""

    def make(draw: str | None = None, more: dict[str, Any] | None = None, **stalls: Any) -> dict[str, Any]:
        told = [{"stall": number, "findings": [finding]} for number, finding in stalls.items()]
        payload = {"market": "M1", "stalls": told, **({"draw": draw} if draw else {}), **(more or {})}
        return item("checklist.submit", payload=payload, scope=f"grid:{world.grid_2}")

    return make
