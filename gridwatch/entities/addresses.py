"""At which standard addresses an entity is, from which day to which, who says so and how sure it is."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from gridwatch.domain.address_text import is_shared
from gridwatch.domain.permits import Actor
from gridwatch.entities.models import Entity, EntityAddress
from gridwatch.entities.queries import entities_within

REGISTER, SURE = "register", 100


def link_row(entity: Mapping[str, Any], on: date) -> dict[str, Any] | None:
    """The row that links an entity (columns by name) to the address that the register names; None where it names none."""
    if entity["address_code"] is None:
        return None
    return {
        "entity_id": entity["id"], "address_code": entity["address_code"], "from_on": on, "to_on": None, "source": REGISTER,
        "confidence": SURE, "shared": is_shared(entity["address_text"]),
    }  # fmt: skip


def relink(session: Session, entity: Entity, on: date) -> None:
    """What the register says of an entity's address from the local day `on`; what it said before ends the day before. Flushes.

    What was said and changed within one day leaves no trace: it was never the address of a day.
    """
    ended = entity.status != "active"
    wanted = (
        None
        if ended
        else link_row({name: getattr(entity, name) for name in ("id", "address_code", "address_text")}, on)
    )
    current = session.scalars(
        select(EntityAddress).where(
            EntityAddress.entity_id == entity.id, EntityAddress.source == REGISTER, EntityAddress.to_on.is_(None)
        )
    ).all()
    kept = False
    for link in current:
        if wanted and link.address_code == wanted["address_code"]:
            link.shared, kept = wanted["shared"], True
        elif link.from_on >= on:
            session.delete(link)
        else:
            link.to_on = on - timedelta(days=1)
    session.flush()
    if wanted and not kept:
        session.merge(EntityAddress(**wanted))
        session.flush()


def entities_at(actor: Actor, address_code: str, on: date) -> Select[Any]:
    """A statement for (link, entity) of those at an address on a day that the actor may see; a firm of 集群注册 is among them."""
    there = EntityAddress.to_on.is_(None) | (EntityAddress.to_on >= on)
    return (
        entities_within(actor)
        .join(EntityAddress, EntityAddress.entity_id == Entity.id)
        .add_columns(EntityAddress)
        .where(EntityAddress.address_code == address_code, EntityAddress.from_on <= on, there)
        .order_by(Entity.id, EntityAddress.from_on)
    )
