"""Where a report belongs: the grid and community of its entity, else of its point, else of the grid that the phone worked in."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from sqlalchemy import select
from sqlalchemy.orm import Session

from gridwatch.areas.models import Area
from gridwatch.areas.queries import prefixes
from gridwatch.db.engine import dialect_of
from gridwatch.domain.errors import Refusal
from gridwatch.domain.permits import Actor
from gridwatch.domain.worktime import local_day
from gridwatch.entities.models import Entity
from gridwatch.places.models import Grid
from gridwatch.places.queries import grids_at

if TYPE_CHECKING:
    from gridwatch.leads.beginning import LeadReport


@dataclass(frozen=True, slots=True)
class Place:
    """A place in the area tree, with the address and title that the register has for it."""

    grid_code: str | None
    community_code: str | None
    street_code: str
    area_path: str
    address_text: str
    title: str


def places_of(session: Session, told: Sequence[LeadReport], actor: Actor) -> list[Place]:
    """The places of reports of one person, in their order.

    Raises 404 `entity.not_found`, or 422 `lead.input_invalid` where nothing says the place of one.
    """
    among = dialect_of(session).among
    named = {one.entity_id for one in told if one.entity_id}
    entities = {one.id: one for one in session.scalars(select(Entity).where(among(Entity.id, named)))} if named else {}
    if named - entities.keys():
        raise Refusal("entity.not_found")
    codes = _grid_codes(session, told, entities, actor)
    wanted = {code for code in codes if code}
    columns = (Grid.code, Grid.name, Grid.community_code, Grid.area_path)
    grids = (
        {row.code: row for row in session.execute(select(*columns).where(among(Grid.code, wanted)))} if wanted else {}
    )
    path = next((grant.area_path for grant in actor.grants if grant.area_path), None)
    areas = _areas(session, {grid.area_path for grid in grids.values()} | ({path} if path else set()))
    places = []
    for one, code in zip(told, codes, strict=True):
        entity = entities.get(one.entity_id or "")
        address, title = (entity.address_text, entity.name) if entity else ("", "")
        grid = grids.get(code or "")
        if grid is not None:
            street = _street_of(areas, areas[grid.community_code])
            title = title or one.address_text or grid.name
            places.append(Place(grid.code, grid.community_code, street, grid.area_path, address, title))
            continue
        area = next((area for area in areas.values() if area.path == path), None)
        if area is None:
            problem = "看不出在哪里：没有主体、位置或网格 / no entity, point or grid says where it is"
            raise Refusal("lead.input_invalid", reason=problem, fields=[{"path": "address", "problem": problem}])
        community = area.code if area.level == "community" else None
        places.append(Place(None, community, _street_of(areas, area), area.path, address, title or one.address_text))
    return places


def _grid_codes(
    session: Session, told: Sequence[LeadReport], entities: Mapping[str, Entity], actor: Actor
) -> list[str | None]:
    """The grid of each report: its entity's, else that around its point on its day, else the one that the worker said he was in,
    or his only one."""
    own = actor.grids[0] if len(actor.grids) == 1 else None
    codes: list[str | None] = [entities[one.entity_id].grid_code if one.entity_id else None for one in told]
    points: dict[date, list[int]] = {}
    for place, one in enumerate(told):
        if codes[place] is None and one.lon is not None and one.lat is not None:
            points.setdefault(local_day(one.performed_at or one.received_at), []).append(place)
    for on, places in points.items():
        found = grids_at(session, [(told[place].lon, told[place].lat) for place in places], on=on)  # type: ignore[misc]
        for place, code in zip(places, found, strict=True):
            codes[place] = code
    return [code or one.grid_code or own for code, one in zip(codes, told, strict=True)]


def _areas(session: Session, paths: Collection[str]) -> dict[str, Area]:
    """The areas of these paths and all above them, by code."""
    wanted = {prefix for path in paths for prefix in prefixes(path)}
    found = session.scalars(select(Area).where(dialect_of(session).among(Area.path, wanted))) if wanted else ()
    return {area.code: area for area in found}


def _street_of(areas: Mapping[str, Area], area: Area) -> str:
    while area.level == "community" and area.parent_code:
        area = areas[area.parent_code]
    return area.code
