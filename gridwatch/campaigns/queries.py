"""Campaigns within reach, their targets, and how far they are."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, Select, false, func, literal, or_, select
from sqlalchemy.orm import Session

from gridwatch.areas.models import Area
from gridwatch.campaigns.models import Campaign, CampaignGrid
from gridwatch.domain.errors import Refusal
from gridwatch.domain.permits import PERMITS, Actor, Grant, Scope
from gridwatch.domain.task_flow import OPEN
from gridwatch.entities.models import Entity
from gridwatch.people.reach import in_area, within
from gridwatch.tasks.models import Task
from gridwatch.tasks.queries import TASK_REACH


def _meets(actor: Actor, grant: Grant) -> ColumnElement[bool]:
    """A desk sees the campaigns below it, and those above it that come down to it; of those only its own targets."""
    if not grant.area_path:
        return false()
    below = Campaign.area_path.startswith(grant.area_path, autoescape=True)
    return or_(below, literal(grant.area_path).like(Campaign.area_path.concat("%")))


_REACH: Mapping[Scope, Callable[[Actor, Grant], ColumnElement[bool]]] = {Scope.AREA: _meets}
_ORDER_REACH = {Scope.AREA: in_area(Campaign.area_path)}


def campaigns_within(actor: Actor) -> Select[Any]:
    """A statement for the campaigns that concern the actor's areas."""
    return within(select(Campaign), actor, "task.read", _REACH)


def campaign_in_reach(session: Session, actor: Actor, campaign_id: str) -> Campaign:
    """The campaign with this id. Raises 404 `campaign.not_found` where there is none within reach."""
    campaign = session.scalar(campaigns_within(actor).where(Campaign.id == campaign_id))
    if campaign is None:
        raise Refusal("campaign.not_found", campaign=campaign_id)
    return campaign


def campaign_to_run(session: Session, actor: Actor, campaign_id: str) -> Campaign:
    """The campaign with this id, locked, if the actor orders in its area.

    Raises 404 `campaign.not_found` where the actor does not see it, 403 `auth.forbidden` where it belongs to a desk above.
    """
    campaign_in_reach(session, actor, campaign_id)
    statement = within(select(Campaign).where(Campaign.id == campaign_id), actor, "task.order", _ORDER_REACH)
    campaign = session.scalars(statement.with_for_update(), execution_options={"populate_existing": True}).one_or_none()
    if campaign is None:
        raise Refusal("auth.forbidden", wanted=sorted(role.value for role in PERMITS["task.order"]))
    return campaign


def area_to_order(session: Session, actor: Actor, code: str) -> Area:
    """The area with this code, if the actor orders there. Raises 404 `area.not_found`."""
    statement = within(select(Area).where(Area.code == code), actor, "task.order", {Scope.AREA: in_area(Area.path)})
    area = session.scalar(statement)
    if area is None:
        raise Refusal("area.not_found", code=code)
    return area


def targets_of(actor: Actor, campaign: Campaign, *, state: str | None = None, grid: str | None = None) -> Select[Any]:
    """A statement for the targets of a campaign within reach, as tasks; `open` stands for every open state."""
    statement = within(select(Task).where(Task.campaign_id == campaign.id), actor, "task.read", TASK_REACH)
    if state is not None:
        statement = statement.where(Task.state.in_(sorted(OPEN)) if state == "open" else Task.state == state)
    return statement if grid is None else statement.where(Task.grid_code == grid)


def target_of(session: Session, actor: Actor, campaign: Campaign, task_id: str) -> Task:
    """One target. Raises 404 `task.not_found`."""
    task = session.scalar(targets_of(actor, campaign).where(Task.id == task_id))
    if task is None:
        raise Refusal("task.not_found", task=task_id)
    return task


def progress(session: Session, actor: Actor, campaign: Campaign, today: date) -> list[dict[str, Any]]:
    """How far each grid within reach is: {"grid_code", "targets", "open", "overdue", "closed", "results": {result: number}}."""
    counted = targets_of(actor, campaign).with_only_columns(
        Task.grid_code, Task.state, Task.close_code, Task.due_on, func.count()
    )
    rows = session.execute(counted.group_by(Task.grid_code, Task.state, Task.close_code, Task.due_on))
    grids: dict[str | None, Counter[str]] = defaultdict(Counter)
    results: dict[str | None, Counter[str]] = defaultdict(Counter)
    for grid, state, close_code, due_on, number in rows:
        grids[grid]["targets"] += number
        if state in OPEN:
            grids[grid]["open"] += number
            grids[grid]["overdue"] += number * (due_on < today)
        else:
            results[grid][close_code or state] += number
    return [
        {
            "grid_code": grid, "targets": one["targets"], "open": one["open"], "overdue": one["overdue"],
            "closed": one["targets"] - one["open"], "results": dict(sorted(results[grid].items())),
        }
        for grid, one in sorted(grids.items(), key=lambda pair: pair[0] or "")
    ]  # fmt: skip


def matching(session: Session, area_path: str, sector: str, entity_type: str) -> dict[str, int]:
    """Grid ("" for nobody's) → active entities of an area with the tags."""
    columns = (Entity.grid_code, Entity.permit_sectors, Entity.entity_type)
    rows = session.execute(
        select(*columns).where(Entity.area_path.startswith(area_path, autoescape=True), Entity.status == "active")
    )
    return dict(Counter(row.grid_code or "" for row in rows if fits(row, sector, entity_type)))


def fits(row: Any, sector: str, entity_type: str) -> bool:
    """Whether an entity has the tags of a campaign; empty ones are had by all."""
    return (not sector or sector in row.permit_sectors) and (not entity_type or row.entity_type == entity_type)


def targets_in_grid(session: Session, campaign: Campaign, grid_code: str) -> list[Any]:
    """What a task says of each entity of a grid ("" for nobody's) that the campaign means."""
    columns = (
        Entity.id, Entity.name, Entity.address_code, Entity.address_text, Entity.area_path, Entity.permit_sectors, Entity.entity_type,
    )  # fmt: skip
    here = Entity.grid_code == grid_code if grid_code else Entity.grid_code.is_(None)
    in_area_ = Entity.area_path.startswith(campaign.area_path, autoescape=True)
    rows = session.execute(select(*columns).where(here, in_area_, Entity.status == "active").order_by(Entity.id))
    return [row for row in rows if fits(row, campaign.sector, campaign.entity_type)]


def waiting(session: Session, today: date) -> list[tuple[str, str]]:
    """(campaign, grid) whose targets are still to be made, of the campaigns that have begun."""
    statement = (
        select(CampaignGrid.campaign_id, CampaignGrid.grid_code)
        .join(Campaign, Campaign.id == CampaignGrid.campaign_id)
        .where(Campaign.state == "open", Campaign.from_on <= today, CampaignGrid.made_at.is_(None))
    )
    rows = session.execute(statement.order_by(CampaignGrid.campaign_id, CampaignGrid.grid_code))
    return [(campaign_id, grid_code) for campaign_id, grid_code in rows]


def grid_to_make(session: Session, campaign_id: str, grid_code: str) -> CampaignGrid | None:
    """The row of a grid whose targets are still to be made, locked; None where another process has or had it."""
    statement = select(CampaignGrid).where(
        CampaignGrid.campaign_id == campaign_id, CampaignGrid.grid_code == grid_code, CampaignGrid.made_at.is_(None)
    )
    return session.scalars(statement.with_for_update(skip_locked=True)).one_or_none()


def is_made(session: Session, campaign: Campaign) -> bool:
    """Whether every target of a campaign is made."""
    left = select(CampaignGrid.grid_code).where(CampaignGrid.campaign_id == campaign.id, CampaignGrid.made_at.is_(None))
    return session.scalar(left.limit(1)) is None


def open_targets(session: Session, campaign: Campaign) -> list[Task]:
    """The targets that are still open, whoever may see them, locked."""
    statement = select(Task).where(Task.campaign_id == campaign.id, Task.state.in_(sorted(OPEN)))
    return list(session.scalars(statement.order_by(Task.id).with_for_update()))


def is_taken(session: Session, area_code: str, name: str) -> bool:
    """Whether an area has a campaign of this name."""
    return session.scalar(select(Campaign.id).where(Campaign.area_code == area_code, Campaign.name == name)) is not None


def expected(session: Session, campaign: Campaign) -> int:
    """How many targets there are to be, where they are not all made."""
    return sum(matching(session, campaign.area_path, campaign.sector, campaign.entity_type).values())
