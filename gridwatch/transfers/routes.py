"""Handovers and workload; grids drawn anew, from draft over preview to publication."""

from __future__ import annotations

from typing import Any

from gridwatch.db.base import db
from gridwatch.db.session import transaction
from gridwatch.domain.worktime import local_day
from gridwatch.transfers import edits, handover, queries, schemas, service
from gridwatch.transfers.models import GridEdit, Handover
from gridwatch.web.api import Blueprint
from gridwatch.web.clock import now
from gridwatch.web.identity import current_actor, permit, writes
from gridwatch.web.paging import page

blueprint = Blueprint(
    "transfers", __name__, url_prefix="/api/v1", description="交接与网格调整 handovers and grid edits"
)

_ITEM = list(schemas.HandoverItemOut().fields)
_ROW = list(schemas.HandoverRowOut().fields)


@blueprint.get("/workload")
@blueprint.response(200, schemas.WorkloadOut)
@permit("work.hand_over")
def get_workload() -> dict[str, Any]:
    """How much open work each worker within reach has, by name: for choosing who takes over or stands in."""
    return {"items": queries.workload(db.session(), current_actor(), local_day(now()))}


@blueprint.post("/handovers")
@blueprint.arguments(schemas.HandoverIn)
@blueprint.response(200, schemas.HandoverOut)
@permit("work.hand_over")
def post_handover(body: dict[str, Any]) -> dict[str, Any]:
    """Hand all open work over, committed grid by grid; a dry run says what would happen and changes nothing."""
    dry_run = body.pop("dry_run")
    wanted, actor, moment = handover.Wanted(**body), current_actor(), now()
    if dry_run:
        made = handover.plan(db.session(), wanted, actor=actor, now=moment)
        return {**made.handover, "done_at": None, "dry_run": True, "counts": made.counts(), "items": made.items}
    with transaction() as session:
        handover.begin(session, wanted, actor=actor, now=moment)
    service.finish_handover(wanted.id, moment)
    return _shown(wanted.id)


@blueprint.get("/handovers")
@blueprint.arguments(schemas.PageQuery, location="query")
@blueprint.response(200, schemas.HandoverPage)
@permit("work.hand_over")
def list_handovers(query: dict[str, Any]) -> dict[str, Any]:
    """The handovers within reach."""
    return page(
        db.session(), queries.handovers_within(current_actor()), [Handover.id],
        cursor=query["cursor"], limit=query["limit"], key_of=lambda one: [one.id],
    )  # fmt: skip


@blueprint.get("/handovers/<handover_id>")
@blueprint.response(200, schemas.HandoverOut)
@permit("work.hand_over", hidden="handover.not_found")
def get_handover(handover_id: str) -> dict[str, Any]:
    """One handover with the receipt of every item."""
    return _shown(handover_id)


def _shown(handover_id: str) -> dict[str, Any]:
    session = db.session()
    one = queries.handover_in_reach(session, current_actor(), handover_id)
    items = queries.receipts(session, one.id)
    return {name: getattr(one, name) for name in _ROW} | {
        "dry_run": False,
        "counts": handover.count_items((item.kind, item.outcome) for item in items),
        "items": [{name: getattr(item, name) for name in _ITEM} for item in items],
    }


@blueprint.post("/grids/edits")
@blueprint.arguments(schemas.EditIn)
@blueprint.response(201, schemas.EditOut)
@permit("grid.edit")
@writes
def post_edit(body: dict[str, Any]) -> GridEdit:
    """Draw grids anew, as a draft: judged at once, changed and withdrawn at will, nothing moves."""
    return edits.draft(db.session(), body, actor=current_actor(), now=now())


@blueprint.get("/grids/edits")
@blueprint.arguments(schemas.PageQuery, location="query")
@blueprint.response(200, schemas.EditPage)
@permit("grid.edit")
def list_edits(query: dict[str, Any]) -> dict[str, Any]:
    """The edits within reach, of every state."""
    return page(
        db.session(), queries.edits_within(current_actor()), [GridEdit.id],
        cursor=query["cursor"], limit=query["limit"], key_of=lambda one: [one.id],
    )  # fmt: skip


@blueprint.get("/grids/edits/<edit_id>")
@blueprint.response(200, schemas.EditOut)
@permit("grid.edit", hidden="grid.edit_not_found")
def get_edit(edit_id: str) -> GridEdit:
    """One edit."""
    return queries.edit_in_reach(db.session(), current_actor(), edit_id)


@blueprint.put("/grids/edits/<edit_id>")
@blueprint.arguments(schemas.EditChangeIn)
@blueprint.response(200, schemas.EditOut)
@permit("grid.edit", hidden="grid.edit_not_found")
@writes
def put_edit(body: dict[str, Any], edit_id: str) -> GridEdit:
    """Draw a draft again."""
    session, actor = db.session(), current_actor()
    edit = queries.edit_in_reach(session, actor, edit_id, lock=True)
    return edits.redraft(session, edit, body, actor=actor, now=now())


@blueprint.get("/grids/edits/<edit_id>/preview")
@blueprint.response(200, schemas.EditPreviewOut)
@permit("grid.edit", hidden="grid.edit_not_found")
def preview_edit(edit_id: str) -> dict[str, Any]:
    """What would move on the day, as things stand now: addresses, entities, open tasks and open leads."""
    session = db.session()
    edit = queries.edit_in_reach(session, current_actor(), edit_id)
    return {"edit": edit, **service.preview(session, edit)}


@blueprint.post("/grids/edits/<edit_id>/publish")
@blueprint.arguments(schemas.EditStepIn)
@blueprint.response(200, schemas.EditOut)
@permit("grid.edit", hidden="grid.edit_not_found")
@writes
def publish_edit(body: dict[str, Any], edit_id: str) -> GridEdit:
    """Put a draft on the map: the old grids get their last day, the new ones their first, and duties follow."""
    session, actor = db.session(), current_actor()
    edit = queries.edit_in_reach(session, actor, edit_id, lock=True)
    return edits.publish(session, edit, body["version"], actor=actor, now=now())


@blueprint.post("/grids/edits/<edit_id>/withdraw")
@blueprint.arguments(schemas.EditStepIn)
@blueprint.response(200, schemas.EditOut)
@permit("grid.edit", hidden="grid.edit_not_found")
@writes
def withdraw_edit(body: dict[str, Any], edit_id: str) -> GridEdit:
    """Give up a draft."""
    session, actor = db.session(), current_actor()
    edit = queries.edit_in_reach(session, actor, edit_id, lock=True)
    return edits.withdraw(session, edit, body["version"], actor=actor, now=now())
