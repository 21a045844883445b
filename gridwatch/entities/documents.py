"""What phones hold of entities: the document kind `entity`, in the scope of its grid while the entity is active."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy.orm import Session

from gridwatch.db.feed import Document
from gridwatch.entities.models import Entity
from gridwatch.places.documents import grid_scope

_AS_IT_IS = (
    "code", "name", "uscc", "uscc_kind", "entity_type", "status", "registered_on", "scope", "permit_sectors",
    "address_text", "address_code",
)  # fmt: skip
_POINT = ("lon", "lat", "datum", "accuracy_m")
_READ = ("id", "rev", "grid_code", *_AS_IT_IS, *_POINT)


def entity_document(row: Mapping[str, Any], *, fresh: bool = False) -> Document:
    """The document of an entity from the values of its columns. Inactive ones, and those without a grid, leave."""
    held = row["grid_code"] is not None and row["status"] == "active"
    body = {name: row[name] for name in _AS_IT_IS}
    body["point"] = None if row["lon"] is None else {
        "lon": row["lon"], "lat": row["lat"], "crs": row["datum"], "accuracy_m": row["accuracy_m"],
    }  # fmt: skip
    scopes = frozenset({grid_scope(row["grid_code"])}) if held else frozenset()
    return Document("entity", row["id"], row["rev"], scopes, body, fresh)


def entity_documents(session: Session, entities: list[Entity]) -> Iterable[Document]:
    """One document an entity."""
    return [entity_document({name: getattr(entity, name) for name in _READ}) for entity in entities]


RENDERERS = {Entity: entity_documents}
