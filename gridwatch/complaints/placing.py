"""Where a complaint belongs: its entity, else its standard address, else the community that the clerk names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy.orm import Session

from gridwatch.domain.errors import Refusal
from gridwatch.domain.permits import Actor
from gridwatch.entities.models import Entity
from gridwatch.entities.queries import entity_in_reach
from gridwatch.places.models import Address
from gridwatch.tags.queries import address_in_reach, community_path


@dataclass(frozen=True, slots=True)
class Place:
    """An entity, an address, or neither; the path of the innermost area known, and the address in words."""

    entity_id: str | None
    address_code: str | None
    area_path: str
    address_text: str


def at_door(address: Address, entity: Entity | None = None) -> Place:
    """The place of a tag, perhaps of one entity there."""
    return Place(entity.id if entity else None, address.code, address.area_path, address.text)


def told_at_desk(session: Session, actor: Actor, told: Mapping[str, str | None]) -> Place:
    """The place that a clerk enters: entity_id, address_code or community_code within reach, and address in words.

    Raises 404 `entity.not_found`, `address.not_found` or `area.not_found`, 422 `complaint.place_needed`.
    """
    words = (told.get("address") or "").strip()
    if entity_id := told.get("entity_id"):
        entity = entity_in_reach(session, actor, entity_id)
        return Place(entity.id, entity.address_code, entity.area_path, entity.address_text)
    if code := told.get("address_code"):
        address = address_in_reach(session, actor, code, "tag.read")
        return Place(None, address.code, address.area_path, address.text)
    community = told.get("community_code")
    if not community or not words:
        raise Refusal("complaint.place_needed")
    return Place(None, None, community_path(session, actor, "complaint.decide", community), words)
