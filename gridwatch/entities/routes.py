"""Market entities, read. What the register says of them comes in through `tasks`, which must make the first checks."""

from __future__ import annotations

from typing import Any

from gridwatch.db.base import db
from gridwatch.entities import queries
from gridwatch.entities.models import Entity
from gridwatch.entities.schemas import EntityOut, EntityPage, EntityQuery
from gridwatch.web.api import Blueprint
from gridwatch.web.identity import current_actor, permit
from gridwatch.web.paging import page

blueprint = Blueprint("entities", __name__, url_prefix="/api/v1")


@blueprint.get("/entities")
@blueprint.arguments(EntityQuery, location="query")
@blueprint.response(200, EntityPage)
@permit("entity.read")
def list_entities(query: dict[str, Any]) -> dict[str, Any]:
    """The entities within reach, or those of one grid."""
    return page(
        db.session(), queries.entities_within(current_actor(), grid=query["grid"]), [Entity.id],
        cursor=query["cursor"], limit=query["limit"], key_of=lambda entity: [entity.id],
    )  # fmt: skip


@blueprint.get("/entities/<entity_id>")
@blueprint.response(200, EntityOut)
@permit("entity.read", hidden="entity.not_found")
def get_entity(entity_id: str) -> Entity:
    """One entity."""
    return queries.entity_in_reach(db.session(), current_actor(), entity_id)
