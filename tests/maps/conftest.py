"""A town with something on its map: a shop, a task and a lead in each grid, and one of each that nobody can place."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass, field
from datetime import timedelta
from math import pi
from pathlib import Path
from typing import Any

import pytest
from geoalchemy2 import WKTElement
from shapely import transform
from shapely.geometry import shape
from sqlalchemy.orm import Session

from gridwatch.db.base import new_id
from gridwatch.domain.web_mercator import EXTENT, Tile
from gridwatch.entities.models import Entity
from gridwatch.leads.models import Assignment, Lead
from gridwatch.tasks.models import Task
from tests.files.conftest import serve  # noqa: F401 - the application on a real socket
from tests.fixtures import Clock, Work, World

Point = tuple[float, float]
SHOPS: dict[str, Point | None] = {  # in the first, second and third grid, and nowhere
    "1": (113.745, 23.015), "2": (113.755, 23.015), "3": (113.745, 23.025), "0": None,
}  # fmt: skip
LEAD_POINTS: dict[str, Point | None] = {"1": (113.7421, 23.0121), "2": None, "3": (113.7461, 23.0261), "0": None}
REPORTERS = {"1": "grid_worker", "2": "grid_worker_2", "3": "grid_worker_3", "0": "grid_worker_3"}


@dataclass(frozen=True)
class Town:
    """Who is where: name (`e1`, `t1`, `l1` in the first grid …, `e0`, `t0`, `l0` nowhere) → id; id → point; the world below."""

    world: World
    ids: dict[str, str] = field(default_factory=dict)
    points: dict[str, Point | None] = field(default_factory=dict)

    def named(self, ids: object) -> set[str]:
        """The names of these ids; a grid's is `g1` to `g3`."""
        names = {code: name for name, code in self.ids.items()}
        return {names[one] for one in ids}  # type: ignore[attr-defined]


@pytest.fixture
def town(work: Work, world: World, clock: Clock) -> Town:
    """The town, committed. The department has the lead in the second grid, which has no point but that of its shop."""
    town = Town(world)
    grids = {"1": world.grid, "2": world.grid_2, "3": world.grid_3, "0": None}
    with work() as session:
        for name, grid in grids.items():
            community = grid[:12] if grid else None
            path = world.path(community or world.street)
            entity = _shop(session, world, clock, name, grid, path)
            task = _task(session, clock, name, grid, path, entity)
            lead = _lead(session, world, clock, name, grid, path, entity if name == "2" else None)
            town.ids.update({f"e{name}": entity, f"t{name}": task, f"l{name}": lead})
            town.points.update({entity: SHOPS[name], task: SHOPS[name], lead: LEAD_POINTS[name] or SHOPS[name]})
    town.ids.update({f"g{name}": grid for name, grid in grids.items() if grid})
    return town


def _shop(session: Session, world: World, clock: Clock, name: str, grid: str | None, path: str) -> str:
    point = SHOPS[name]
    entity = Entity(
        id=new_id(), code=f"E{name}", name=f"{name}号店", permit_sectors=["food_service"], address_text=f"鸿福路{name}号",
        street_code=world.street, area_path=path, grid_code=grid, registered_on=clock.today(), datum="WGS84",
        lon=point and point[0], lat=point and point[1],
        position=WKTElement(f"POINT({point[0]} {point[1]})", srid=4326) if point else None,
    )  # fmt: skip
    session.add(entity)
    session.flush()
    return entity.id


def _task(session: Session, clock: Clock, name: str, grid: str | None, path: str, entity: str) -> str:
    task = Task(
        id=new_id(), kind="first_check", source_id=f"ev-{name}", state="issued" if grid else "planned", items=["RG01"],
        entity_id=entity, address_text=f"鸿福路{name}号", title=f"首检 {name}号店", area_path=path, grid_code=grid,
        start_on=clock.today(), due_on=clock.today() + timedelta(days=14), calendar_version=1, created_at=clock.now(),
    )  # fmt: skip
    session.add(task)
    return task.id


def _lead(
    session: Session, world: World, clock: Clock, name: str, grid: str | None, path: str, entity: str | None
) -> str:
    point = LEAD_POINTS[name]
    lead = Lead(
        id=new_id(), no=f"NC-{name}", state="dispatched" if name == "2" else "community", category="XS04",
        title=f"线索 {name}", address_text=f"鸿福路{name}号", lon=point and point[0], lat=point and point[1],
        grid_code=grid, community_code=grid and grid[:12], street_code=world.street, area_path=path, source="patrol",
        entity_id=entity, reporter_id=world.people[REPORTERS[name]], reported_at=clock.now(), flags=[], evidence=[],
    )  # fmt: skip
    session.add(lead)
    session.flush()
    if name == "2":
        session.add(
            Assignment(
                id=new_id(), lead_id=lead.id, round=1, department_code=world.department, role="lead", state="pushed",
                pushed_at=clock.now(), push_on=clock.today(),
            )
        )  # fmt: skip
    return lead.id


# -- GDAL, which is not ours ------------------------------------------------------------------------------------------


def ask_gdal(path: str, layers: dict[str, dict[str, Any]] | None = None, **config: str) -> dict[str, Any]:
    """What GDAL says of a source (tests/maps/gdal_peer.py)."""
    question = json.dumps({"path": path, "config": config, "layers": layers})
    done = subprocess.run(
        [sys.executable, Path(__file__).with_name("gdal_peer.py"), question],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def read_tile(directory: Path, tile: bytes, layer: str, place: Tile) -> list[tuple[dict[str, Any], Any]]:
    """The features of a vector tile as GDAL decodes it: (properties, shape in units of the tile)."""
    file = directory / "tile.mvt"
    file.write_bytes(tile)
    options = {"X": place.column, "Y": place.row, "Z": place.zoom, "CLIP": "NO"}
    found = ask_gdal(f"MVT:{file}", {layer: options})[layer]
    half, side = pi * 6378137, 1 << place.zoom  # metres: half the width of the Web Mercator world

    def units(corners: Any) -> list[tuple[float, float]]:
        return [
            (
                ((x + half) / (2 * half) * side - place.column) * EXTENT,
                ((half - y) / (2 * half) * side - place.row) * EXTENT,
            )
            for x, y in corners.tolist()
        ]

    return [(properties, transform(shape(geometry), units)) for properties, geometry in found["features"]]
