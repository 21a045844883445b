"""Where a report belongs: the grid and community of its entity, else of its point, else of the grid that the phone worked in."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

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
from gridwatch.places.queries import grids_at, successor_of

if TYPE_CHECKING:
    from gridwatch.leads.beginning import LeadReport


@dataclass(frozen=True, slots=True)
class Place:
    """A place in the area tree, with the address and title that the register has for it.

    `grid_code` is who works there now; `found_in` the grid that was valid on the day of the finding, where it is another one.
    """

    grid_code: str | None
    community_code: str | None
    street_code: str
    area_path: str
    address_text: str
    title: str
    found_in: str | None = None


def places_of(session: Session, told: Sequence[LeadReport], actor: Actor) -> list[Place]:
    """The places of reports of one person, in their order.

    Raises 404 `entity.not_found`, or 422 `lead.input_invalid` where nothing says the place of one.
    """
    among = dialect_of(session).among
    named = {one.entity_id for one in told if one.entity_id}
    entities = {one.id: one for one in session.scalars(select(Entity).where(among(Entity.id, named)))} if named else {}
    if named - entities.keys():
        raise Refusal("entity.not_found")
    found_in = _grid_codes(session, told, entities, actor)
    grids = _grids(session, found_in)
    codes = _present(session, told, found_in, grids)
    if codes != found_in:
        grids |= _grids(session, codes)
    path = next((grant.area_path for grant in actor.grants if grant.area_path), None)
    areas = _areas(session, {grid.area_path for grid in grids.values()} | ({path} if path else set()))
    places = []
    for one, code, found in zip(told, codes, found_in, strict=True):
        entity = entities.get(one.entity_id or "")
        address, title = (entity.address_text, entity.name) if entity else ("", "")
        grid = grids.get(code or "")
        if grid is not None:
            street = _street_of(areas, areas[grid.community_code])
            title = title or one.address_text or grid.name
            before = found if found != grid.code else None
            places.append(Place(grid.code, grid.community_code, street, grid.area_path, address, title, before))
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


def _grids(session: Session, codes: Collection[str | None]) -> dict[str, Any]:
    """Code → (code, name, community_code, area_path, valid_to) of these grids."""
    wanted = {code for code in codes if code}
    columns = (Grid.code, Grid.name, Grid.community_code, Grid.area_path, Grid.valid_to)
    found = session.execute(select(*columns).where(dialect_of(session).among(Grid.code, wanted))) if wanted else ()
    return {row.code: row for row in found}


def _present(
    session: Session, told: Sequence[LeadReport], codes: Sequence[str | None], grids: Mapping[str, Any]
) -> list[str | None]:
    """For each grid the one that works there on the day of receipt: itself, or where it has ended the one around the point,
    else its successor (domain.md §4b, edge case (e))."""
    present = list(codes)
    for place, (one, code) in enumerate(zip(told, codes, strict=True)):
        on, grid = local_day(one.received_at), grids.get(code or "")
        if code and grid is not None and grid.valid_to is not None and grid.valid_to < on:
            has_point = one.lon is not None and one.lat is not None
            around = grids_at(session, [(one.lon, one.lat)], on=on)[0] if has_point else None  # type: ignore[list-item]
            present[place] = around or successor_of(session, code, on)
    return present


def _areas(session: Session, paths: Collection[str]) -> dict[str, Area]:
    """The areas of these paths and all above them, by code."""
    wanted = {prefix for path in paths for prefix in prefixes(path)}
    found = session.scalars(select(Area).where(dialect_of(session).among(Area.path, wanted))) if wanted else ()
    return {area.code: area for area in found}


def _street_of(areas: Mapping[str, Area], area: Area) -> str:
    while area.level == "community" and area.parent_code:
        area = areas[area.parent_code]
    return area.code
