"""Entities, permit rules and registry events, looked up."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from gridwatch.areas.models import Area
from gridwatch.db.engine import dialect_of
from gridwatch.domain.errors import Refusal
from gridwatch.domain.permits import Actor, Scope
from gridwatch.domain.routing import SectorFinder
from gridwatch.entities.models import Entity, PermitRule, RegistryEvent
from gridwatch.people.reach import in_area, in_grids, within

ENTITY_REACH = {Scope.AREA: in_area(Entity.area_path), Scope.GRID: in_grids(Entity.grid_code)}
AREA_REACH = {Scope.AREA: in_area(Area.path)}


def entities_within(actor: Actor, operation: str = "entity.read", *, grid: str | None = None) -> Select[Any]:
    """A statement for the entities that the actor may see, or those of one grid."""
    statement = within(select(Entity), actor, operation, ENTITY_REACH)
    return statement if grid is None else statement.where(Entity.grid_code == grid)


def entity_in_reach(session: Session, actor: Actor, entity_id: str) -> Entity:
    """The entity with this id. Raises 404 `entity.not_found` where there is none within reach."""
    entity = session.scalar(entities_within(actor).where(Entity.id == entity_id))
    if entity is None:
        raise Refusal("entity.not_found", entity=entity_id)
    return entity


def entity_by_code(session: Session, actor: Actor, code: str) -> Entity:
    """The entity with the register's code. Raises 404 `entity.not_found` where the actor takes in none like it."""
    entity = session.scalar(entities_within(actor, "registry.intake").where(Entity.code == code))
    if entity is None:
        raise Refusal("entity.not_found", code=code)
    return entity


def lock_entity(session: Session, entity_id: str) -> Entity:
    """The entity as it is now, locked until the end of the transaction. Locks go entity first, then its tasks."""
    statement = select(Entity).where(Entity.id == entity_id).with_for_update()
    return session.scalars(statement, execution_options={"populate_existing": True}).one()


def street_in_reach(session: Session, actor: Actor, code: str) -> Area:
    """The street with this code if the actor takes in its registrations. Raises 404 `area.not_found`."""
    street = session.scalar(
        within(select(Area).where(Area.code == code, Area.level == "street"), actor, "registry.intake", AREA_REACH)
    )
    if street is None:
        raise Refusal("area.not_found", code=code)
    return street


def lock_streets(session: Session, codes: Collection[str]) -> dict[str, str]:
    """Code → path of the streets, their registers locked until the end of the transaction.

    Whoever admits entities takes this lock first, in sorted order: two messages with the same entity then come one
    after the other, and the second one sees the first. Raises 404 `area.not_found`.
    """
    wanted = sorted(set(codes))
    rows = session.execute(
        select(Area.code, Area.path)
        .where(Area.code.in_(wanted), Area.level == "street")
        .order_by(Area.code)
        .with_for_update(key_share=True)  # foreign keys to the street stay free
    )
    paths = dict(rows.all())
    for code in wanted:
        if code not in paths:
            raise Refusal("area.not_found", code=code)
    return paths


def lock_registers(session: Session, streets: Collection[str], entities: Collection[str]) -> None:
    """Lock the registers of the given streets and of the streets that the given entities (by code) are in, in order.

    For a batch: taken one by one in the order of its events, the locks of two batches could wait for each other.
    """
    among = dialect_of(session).among
    of_entities = session.scalars(select(Entity.street_code).where(among(Entity.code, entities)).distinct())
    session.execute(
        select(Area.code)
        .where(Area.code.in_(sorted({*streets, *of_entities})))
        .order_by(Area.code)
        .with_for_update(key_share=True)
    )


def known_codes(session: Session, codes: Collection[str]) -> set[str]:
    """Which of the register's codes are taken."""
    return set(session.scalars(select(Entity.code).where(dialect_of(session).among(Entity.code, codes))))


def registry_event(session: Session, event_id: str) -> RegistryEvent | None:
    """The event with this id, if it was taken in."""
    return session.get(RegistryEvent, event_id)


def known_events(session: Session, event_ids: Collection[str]) -> set[str]:
    """Which of these event ids were taken in before."""
    statement = select(RegistryEvent.event_id)
    return set(session.scalars(statement.where(dialect_of(session).among(RegistryEvent.event_id, event_ids))))


@dataclass(slots=True)
class AtHand:
    """What a batch of changes looked up and locked once: entities by the register's code, paths of streets, the event ids that
    are known, and (entity id, kind) → the latest day of an event of that kind."""

    entities: dict[str, Entity]
    paths: dict[str, str]
    known: set[str]
    latest: dict[tuple[str, str], date]
    finder: SectorFinder


def at_hand(
    session: Session, actor: Actor, codes: Collection[str], streets: Collection[str], events: Collection[str]
) -> AtHand:
    """Look up and lock, in order, the entities with these codes that the actor takes in, with what their events are held against.

    The registers of their streets must be locked (`lock_registers`).
    """
    among = dialect_of(session).among
    found = (
        entities_within(actor, "registry.intake").where(among(Entity.code, codes)).order_by(Entity.id).with_for_update()
    )
    entities = {one.code: one for one in session.scalars(found, execution_options={"populate_existing": True})}
    wanted = sorted({*streets, *(one.street_code for one in entities.values())})
    areas = select(Area).where(Area.code.in_(wanted), Area.level == "street")
    paths = {area.code: area.path for area in session.scalars(within(areas, actor, "registry.intake", AREA_REACH))}
    latest = select(RegistryEvent.entity_id, RegistryEvent.kind, func.max(RegistryEvent.occurred_on))
    latest = latest.where(among(RegistryEvent.entity_id, [one.id for one in entities.values()]))
    rows = session.execute(latest.group_by(RegistryEvent.entity_id, RegistryEvent.kind))
    days = {(entity_id, kind): day for entity_id, kind, day in rows}
    return AtHand(entities, paths, known_events(session, events), days, sector_finder(session))


def has_later(session: Session, entity_id: str, kind: str, day: date) -> bool:
    """Whether an event of this kind with a later local day than `day` was taken in for the entity."""
    later = select(RegistryEvent.event_id).where(
        RegistryEvent.entity_id == entity_id, RegistryEvent.kind == kind, RegistryEvent.occurred_on > day
    )
    return session.scalar(later.limit(1)) is not None


def entities_by_code(session: Session, codes: Collection[str]) -> dict[str, Entity]:
    """Code → entity of those that there are, whoever asks."""
    return {
        one.code: one for one in session.scalars(select(Entity).where(dialect_of(session).among(Entity.code, codes)))
    }


def sector_finder(session: Session) -> SectorFinder:
    """The permit table as a function from scope to sectors, in the order of their hazard, the greatest first."""
    rows = session.execute(
        select(PermitRule.sector, PermitRule.scope_pattern).order_by(PermitRule.hazard.desc(), PermitRule.sector)
    )
    return SectorFinder(rows.all())
