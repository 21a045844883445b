"""Campaigns: preview, order, progress, targets, ticking off, closing."""

from __future__ import annotations

from typing import Any

from gridwatch.campaigns import queries, schemas, service
from gridwatch.campaigns.models import Campaign
from gridwatch.db.base import db
from gridwatch.domain.worktime import local_day
from gridwatch.tasks.models import Task
from gridwatch.tasks.schemas import TaskOut, TaskPage
from gridwatch.web.api import Blueprint
from gridwatch.web.clock import now
from gridwatch.web.identity import current_actor, permit, writes
from gridwatch.web.paging import page

blueprint = Blueprint("campaigns", __name__, url_prefix="/api/v1")


@blueprint.post("/campaigns/preview")
@blueprint.arguments(schemas.CampaignIn)
@blueprint.response(200, schemas.CampaignPreviewOut)
@permit("task.order")
def preview(body: dict[str, Any]) -> dict[str, Any]:
    """How many targets an order would have in each grid, today. Writes nothing."""
    session = db.session()
    area = queries.area_to_order(session, current_actor(), body.pop("area_code"))
    service.check(session, service.Order(**body), local_day(now()))
    found = queries.matching(session, area.path, body["sector"], body["entity_type"])
    grids = [{"grid_code": grid or None, "targets": number} for grid, number in sorted(found.items())]
    return {"targets": sum(found.values()), "grids": grids}


@blueprint.post("/campaigns")
@blueprint.arguments(schemas.CampaignIn)
@blueprint.response(201, schemas.CampaignOut)
@permit("task.order")
@writes
def order(body: dict[str, Any]) -> Campaign:
    """Order a campaign. Its targets are made on its first day, within minutes."""
    session, actor = db.session(), current_actor()
    area = queries.area_to_order(session, actor, body.pop("area_code"))
    return service.begin(session, area, service.Order(**body), actor=actor, now=now())


@blueprint.get("/campaigns")
@blueprint.arguments(schemas.PageQuery, location="query")
@blueprint.response(200, schemas.CampaignPage)
@permit("task.read")
def list_campaigns(query: dict[str, Any]) -> dict[str, Any]:
    """The campaigns that concern one's areas."""
    return page(
        db.session(), queries.campaigns_within(current_actor()), [Campaign.id],
        cursor=query["cursor"], limit=query["limit"], key_of=lambda campaign: [campaign.id],
    )  # fmt: skip


@blueprint.get("/campaigns/<campaign_id>")
@blueprint.response(200, schemas.CampaignWithProgressOut)
@permit("task.read", hidden="campaign.not_found")
def get_campaign(campaign_id: str) -> dict[str, Any]:
    """One campaign and how far each grid within reach is."""
    session, actor = db.session(), current_actor()
    campaign = queries.campaign_in_reach(session, actor, campaign_id)
    shown = {name: getattr(campaign, name) for name in schemas.CampaignOut().fields}
    grids = queries.progress(session, actor, campaign, local_day(now()))
    return shown | {"made": queries.is_made(session, campaign), "grids": grids}


@blueprint.get("/campaigns/<campaign_id>/targets")
@blueprint.arguments(schemas.TargetQuery, location="query")
@blueprint.response(200, TaskPage)
@permit("task.read", hidden="campaign.not_found")
def list_targets(query: dict[str, Any], campaign_id: str) -> dict[str, Any]:
    """The targets within reach, as tasks: each with its state, and its result once it is closed."""
    session, actor = db.session(), current_actor()
    campaign = queries.campaign_in_reach(session, actor, campaign_id)
    return page(
        session, queries.targets_of(actor, campaign, state=query["state"], grid=query["grid"]), [Task.id],
        cursor=query["cursor"], limit=query["limit"], key_of=lambda task: [task.id],
    )  # fmt: skip


@blueprint.post("/campaigns/<campaign_id>/targets/<task_id>/tick-off")
@blueprint.arguments(schemas.TickOffIn)
@blueprint.response(200, TaskOut)
@permit("task.read", hidden="campaign.not_found")  # who sees it is told 403, who does not 404 (R33)
@writes
def tick_off(body: dict[str, Any], campaign_id: str, task_id: str) -> Task:
    """Tick a target off from the desk, with its result in words."""
    session, actor = db.session(), current_actor()
    campaign = queries.campaign_to_run(session, actor, campaign_id)
    task = queries.target_of(session, actor, campaign, task_id)
    return service.tick_off(session, campaign, task, body["result"], actor=actor, now=now())


@blueprint.post("/campaigns/<campaign_id>/close")
@blueprint.arguments(schemas.CloseIn)
@blueprint.response(200, schemas.CampaignOut)
@permit("task.read", hidden="campaign.not_found")
@writes
def close(body: dict[str, Any], campaign_id: str) -> Campaign:
    """Close a campaign whose targets are all ticked off, or cancel the rest for a reason."""
    session, actor = db.session(), current_actor()
    campaign = queries.campaign_to_run(session, actor, campaign_id)
    return service.close(session, campaign, body["summary"], body["cancel_because"], actor=actor, now=now())
