"""Market entities, read. What the register says of them comes in through `tasks`, which must make the first checks."""

from __future__ import annotations

from typing import Any

from gridwatch.db.base import db
from gridwatch.domain.worktime import local_day
from gridwatch.entities import addresses, queries
from gridwatch.entities.models import Entity
from gridwatch.entities.schemas import EntitiesAtOut, EntityOut, EntityPage, EntityQuery
from gridwatch.places.queries import address_in_reach
from gridwatch.web.api import Blueprint
from gridwatch.web.clock import now
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


@blueprint.get("/addresses/<code>/entities")
@blueprint.response(200, EntitiesAtOut)
@permit("entity.read", hidden="address.not_found")
def list_entities_at(code: str) -> dict[str, Any]:
    """Who is at a standard address today: several entities may be, and firms of 集群注册 are marked."""
    session, actor = db.session(), current_actor()
    address_in_reach(session, actor, code)
    rows = session.execute(addresses.entities_at(actor, code, local_day(now())).limit(MOST_AT_ONE)).all()
    return {
        "items": [
            {"entity_id": entity.id, "name": entity.name, "status": entity.status, **{name: getattr(link, name) for name in _LINK}}
            for entity, link in rows
        ],
    }  # fmt: skip


MOST_AT_ONE = 2_000
_LINK = ("from_on", "to_on", "source", "confidence", "shared")
