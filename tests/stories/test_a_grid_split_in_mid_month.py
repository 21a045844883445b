"""A grid is cut in two in mid-month: the preview, the day itself, a phone that syncs across it, and a lead from the day before."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import select

from gridwatch.audit.queries import breaks
from gridwatch.entities.models import Entity
from gridwatch.leads.models import Lead
from gridwatch.leads.verifying import broken_leads
from gridwatch.places.models import Grid
from gridwatch.places.queries import grid_at
from gridwatch.tasks.models import Task, Visit
from tests.fixtures import Caller, Clock, Work, World
from tests.phone import Phone
from tests.tasks.conftest import GOOD

STREET = {"type": "LineString", "coordinates": [[113.745, 23.0099], [113.745, 23.0201]]}
WEST, EAST = (113.742, 23.015), (113.748, 23.015)


@pytest.fixture
def shops(register: Callable[..., dict[str, Any]], clock: Clock) -> dict[str, str]:
    """Two shops of the first grid, on either side of the street along which it will be cut: name → task."""
    clock.set("2026-09-14 09:00")
    made = {}
    for name, (lon, lat) in {"西店": WEST, "东店": EAST}.items():
        taken = register(
            event_id=name, code=name, name=name, address_text=f"鸿福路{name}", lon=lon, lat=lat, datum="WGS84"
        )
        made[name] = taken["task_id"]
    return made


def test_a_grid_split_in_mid_month(
    client: Caller, world: World, clock: Clock, work: Work, shops: dict[str, str], phone: Callable[[str], Phone],
    tick: Callable[[], dict[str, Any]],
) -> None:  # fmt: skip
    street = client.as_("street_dispatcher")
    draft = {
        "kind": "split", "grids": [world.grid], "line": STREET, "datum": "WGS84", "effective_on": "2026-09-16", "note": "东侧新建小区",
        "new": [{"name": "第1网格西"}, {"name": "第1网格东", "workers": [world.people["grid_worker_2"]]}],
    }  # fmt: skip
    answer = street.post("/api/v1/grids/edits", draft)
    assert (answer.status, answer.body["state"], answer.body["version"]) == (201, "draft", 1), answer.body
    edit = f"/api/v1/grids/edits/{answer.body['id']}"
    west, east = (one["code"] for one in answer.body["new"])
    assert (west, east) == ("441900004003003", "441900004003004")

    seen = street.get(f"{edit}/preview").body
    assert seen["counts"] == {"address": {}, "entity": {west: 1, east: 1}, "task": {west: 1, east: 1}, "lead": {}}
    assert {(one["title"], one["target"], one["by"]) for one in seen["moves"]["task"]} == {
        ("首检：西店", west, "entity"), ("首检：东店", east, "entity"),
    }  # fmt: skip
    assert [(one["name"], one["parent"], one["task"]) for one in seen["grids"]] == [
        ("第1网格西", world.grid, 1),
        ("第1网格东", world.grid, 1),
    ]

    published = street.post(f"{edit}/publish", {"version": 1})
    assert (published.status, published.body["state"]) == (200, "published"), published.body
    tick()
    old, new = phone("grid_worker"), phone("grid_worker_2")
    assert {task["title"] for task in old.tasks()} == {"首检：西店", "首检：东店"}  # nothing moves before its day
    assert new.tasks() == []

    # The last day: visits without a network, on both sides of the street, and a finding beside the eastern shop.
    old.goes_offline()
    clock.set("2026-09-15 16:00")
    visits = {task["title"]: old.visits(task, GOOD) for task in old.tasks()}
    finding = old.reports(
        {"category": "XS03", "title": "无照摊点", "description": "占道经营", "address": "鸿福路东侧"},
        place={"lon": EAST[0], "lat": EAST[1], "accuracy_m": 8, "crs": "WGS84", "source": "gps"},
        files=[{"sha256": "b" * 64, "size": 1000, "mime": "image/jpeg", "role": "scene", "required": True}],
    )

    clock.set("2026-09-16 00:05")
    assert tick()["transfers"] == {"handovers": 0, "edits": 1, "moved": 4}
    assert tick()["transfers"] == {"handovers": 0, "edits": 0, "moved": 0}
    clock.set("2026-09-16 08:30")
    new.sync()
    assert [task["title"] for task in new.tasks()] == ["首检：东店"]
    with work() as session:
        assert {entity.name: entity.grid_code for entity in session.scalars(select(Entity))} == {
            "西店": west,
            "东店": east,
        }
        tasks = {task.title: (task.grid_code, task.epoch) for task in session.scalars(select(Task))}
        assert tasks == {"首检：西店": (west, 2), "首检：东店": (east, 2)}
        for day, code in (("2026-09-15", world.grid), ("2026-09-16", east)):
            grid = grid_at(session, *EAST, on=clock.today().fromisoformat(day))
            assert grid is not None
            assert grid.code == code  # each day has its own map

    # The old phone comes back: what it did in its own part counts, the other part is somebody else's now.
    old.comes_back()
    old.sync()
    assert old.outcome_of(visits["首检：西店"]) == ("accepted", None)
    assert old.outcome_of(visits["首检：东店"]) == ("superseded", "reassigned")
    assert old.outcome_of(finding) == ("accepted", None)
    assert old.tasks() == []
    assert set(old.store["tokens"]) == {f"user:{world.people['grid_worker']}", f"grid:{west}"}
    with work() as session:
        lead = session.scalars(select(Lead)).one()
        assert (lead.found_in, lead.grid_code) == (
            world.grid,
            east,
        )  # of the map of its day, with whoever works there now
        assert {visit.grid_code for visit in session.scalars(select(Visit))} == {west, east}
        ended = session.get_one(Grid, world.grid)
        assert (str(ended.valid_to), ended.successor_code) == ("2026-09-15", west)
        assert list(breaks(session)) == []
        assert list(broken_leads(session)) == []
    new.sync()
    assert [lead["title"] for _, lead in new.documents("lead").values()] == ["无照摊点"]
    assert street.get(edit).body["state"] == "applied"
