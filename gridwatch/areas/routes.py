"""Areas and departments, for consoles and foreign clients: reference data, the same for everybody."""

from __future__ import annotations

from typing import Any

from gridwatch.areas import queries
from gridwatch.areas.models import Area
from gridwatch.areas.schemas import AreaPage, AreaQuery, DepartmentList
from gridwatch.db.base import db
from gridwatch.web.api import Blueprint
from gridwatch.web.identity import permit
from gridwatch.web.paging import page

blueprint = Blueprint("areas", __name__, url_prefix="/api/v1")


@blueprint.get("/areas")
@blueprint.arguments(AreaQuery, location="query")
@blueprint.response(200, AreaPage)
@permit("reference.read")
def list_areas(query: dict[str, Any]) -> dict[str, Any]:
    """The area tree, or a subtree of it."""
    session = db.session()
    under = queries.area_by_code(session, query["under"]).path if query["under"] else None
    return page(
        session, queries.areas_within(under), [Area.path],
        cursor=query["cursor"], limit=query["limit"], key_of=lambda area: [area.path],
    )  # fmt: skip


@blueprint.get("/departments")
@blueprint.response(200, DepartmentList)
@permit("reference.read")
def list_departments() -> dict[str, Any]:
    """Every department, abolished ones with their successor."""
    return {"items": queries.departments(db.session())}
