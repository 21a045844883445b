"""Grids, for phones, consoles and foreign clients."""

from __future__ import annotations

from typing import Any

from gridwatch.db.base import db
from gridwatch.domain.worktime import local_day
from gridwatch.places import queries
from gridwatch.places.documents import managers_of, polygon_of
from gridwatch.places.models import Grid
from gridwatch.places.schemas import GridPage, GridQuery
from gridwatch.web.api import Blueprint
from gridwatch.web.clock import now
from gridwatch.web.identity import current_actor, permit
from gridwatch.web.paging import page

blueprint = Blueprint("places", __name__, url_prefix="/api/v1")


@blueprint.get("/grids")
@blueprint.arguments(GridQuery, location="query")
@blueprint.response(200, GridPage)
@permit("grid.read")
def list_grids(query: dict[str, Any]) -> dict[str, Any]:
    """The grids within reach that are valid today, with outline and people on duty."""
    session, today = db.session(), local_day(now())
    found = page(
        session, queries.grids_within(current_actor(), today), [Grid.code],
        cursor=query["cursor"], limit=query["limit"], key_of=lambda grid: [grid.code],
    )  # fmt: skip
    managers = managers_of(session, [grid.code for grid in found["items"]], today)
    return {**found, "items": [_dump(grid, managers[grid.code]) for grid in found["items"]]}


def _dump(grid: Grid, managers: list[str]) -> dict[str, Any]:
    return {
        "code": grid.code, "name": grid.name, "community_code": grid.community_code, "valid_from": grid.valid_from,
        "valid_to": grid.valid_to, "polygon": polygon_of(grid), "managers": managers,
    }  # fmt: skip
