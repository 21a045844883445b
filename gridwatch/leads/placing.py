"""Where a report belongs: the grid and community of its entity, else of its point, else of the grid that the phone worked in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import select
from sqlalchemy.orm import Session

from gridwatch.areas.models import Area
from gridwatch.domain.errors import Refusal
from gridwatch.domain.permits import Actor
from gridwatch.domain.worktime import local_day
from gridwatch.entities.models import Entity
from gridwatch.places.models import Grid
from gridwatch.places.queries import grid_at

if TYPE_CHECKING:
    from gridwatch.leads.service import LeadReport


@dataclass(frozen=True, slots=True)
class Place:
    """A place in the area tree, with the address and title that the register has for it."""

    grid_code: str | None
    community_code: str | None
    street_code: str
    area_path: str
    address_text: str
    title: str


def place_of(session: Session, told: LeadReport, actor: Actor) -> Place:
    """The place of a report. Raises 404 `entity.not_found`, or 422 `lead.input_invalid` where nothing says the place."""
    entity = None
    if told.entity_id:
        entity = session.get(Entity, told.entity_id)
        if entity is None:
            raise Refusal("entity.not_found")
    address, title = (entity.address_text, entity.name) if entity else ("", "")
    grid = _grid(session, told, entity, actor)
    if grid is not None:
        community = session.get_one(Area, grid.community_code)
        street = _street_of(session, community)
        return Place(
            grid.code, community.code, street, grid.area_path, address, title or told.address_text or grid.name
        )
    path = next((grant.area_path for grant in actor.grants if grant.area_path), None)
    area = session.scalars(select(Area).where(Area.path == path)).one_or_none() if path else None
    if area is None:
        problem = "no entity, point or grid says where it is"
        raise Refusal("lead.input_invalid", reason=problem, fields=[{"path": "address", "problem": problem}])
    community_code = area.code if area.level == "community" else None
    return Place(None, community_code, _street_of(session, area), area.path, address, title or told.address_text)


def _grid(session: Session, told: LeadReport, entity: Entity | None, actor: Actor) -> Grid | None:
    if entity is not None and entity.grid_code:
        return session.get(Grid, entity.grid_code)
    if told.lon is not None and told.lat is not None:
        found = grid_at(session, told.lon, told.lat, on=local_day(told.performed_at or told.received_at))
        if found is not None:
            return found
    # A shop without an entity at a place without a point: the grid that the worker said he was in, if it is one of his.
    code = told.grid_code if told.grid_code else (actor.grids[0] if len(actor.grids) == 1 else None)
    return session.get(Grid, code) if code else None


def _street_of(session: Session, area: Area) -> str:
    while area.level == "community" and area.parent_code:
        area = session.get_one(Area, area.parent_code)
    return area.code
