"""Inspections of an entity, and the limits of areas."""

from __future__ import annotations

from typing import Any

from gridwatch.db.base import db
from gridwatch.domain.errors import Refusal
from gridwatch.domain.inspections import DEFAULT_CAP
from gridwatch.domain.worktime import local_day
from gridwatch.inspections import queries, schemas, service
from gridwatch.inspections.models import InspectionCap
from gridwatch.web.api import Blueprint
from gridwatch.web.clock import now
from gridwatch.web.identity import current_actor, permit, writes

blueprint = Blueprint("inspections", __name__, url_prefix="/api/v1")


@blueprint.post("/entities/<entity_id>/inspections")
@blueprint.arguments(schemas.InspectionIn)
@blueprint.response(200, schemas.InspectionOut)
@permit("inspection.record")
@writes
def record(body: dict[str, Any], entity_id: str) -> dict[str, Any]:
    """Record an administrative inspection by two licensed officers, within the yearly limit or for a cause."""
    if bool(body["cause"]) != bool(body["paper"].strip()):
        raise Refusal("inspection.cause")
    report = service.Report(**{**body, "id": str(body["id"])})
    inspection, visit = service.record(db.session(), entity_id, report, actor=current_actor(), now=now())
    return queries.as_json(inspection, visit)


@blueprint.get("/entities/<entity_id>/inspections")
@blueprint.response(200, schemas.InspectionsOut)
@permit("inspection.read", hidden="entity.not_found")
def list_inspections(entity_id: str) -> dict[str, Any]:
    """The inspections of an entity this year, and what is left of its limit: to be looked at before going there."""
    session, today = db.session(), local_day(now())
    entity = queries.entity_to_read(session, current_actor(), entity_id)
    return {
        "year": today.year, "planned": len(queries.planned_days(session, entity.id, today.year)),
        "most": queries.cap_at(session, entity.area_path, today),
        "items": queries.inspections_of(session, entity.id, today.year),
    }  # fmt: skip


@blueprint.get("/inspections/caps")
@blueprint.response(200, schemas.CapsOut)
@permit("inspection.read")
def list_caps() -> dict[str, Any]:
    """The yearly limits of one's areas."""
    return {"default": DEFAULT_CAP, "items": queries.caps_within(db.session(), current_actor())}


@blueprint.post("/inspections/caps")
@blueprint.arguments(schemas.CapIn)
@blueprint.response(200, schemas.CapOut)
@permit("inspection.cap")
@writes
def set_cap(body: dict[str, Any]) -> InspectionCap:
    """Set the yearly limit of an area, from a day on."""
    session, actor = db.session(), current_actor()
    area = queries.area_to_cap(session, actor, body["area_code"])
    return service.set_cap(session, area, body["most"], body["effective_on"], body["source"], actor=actor, now=now())
