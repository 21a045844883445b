"""Campaigns: ordered by the street, made grid by grid, ticked off one by one, closed with a summary.

The targets are fixed on the day on which the campaign begins; each is a task like any other, so what is found there, and a lead
from it, goes the usual way. A target is closed 销号 by its visit, or by the desk with words of its own; nothing else closes it but
that the entity moved or ended. Source: domain.md §4e (专项, 销号), requirements on campaigns.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy.orm import Session

from gridwatch.areas.models import Area
from gridwatch.audit import service as audit
from gridwatch.calendars.queries import current_calendar
from gridwatch.campaigns import queries
from gridwatch.campaigns.models import Campaign, CampaignGrid
from gridwatch.db.base import new_id
from gridwatch.domain.errors import Refusal
from gridwatch.domain.permits import SYSTEM, Actor
from gridwatch.domain.task_flow import OPEN, STATES
from gridwatch.domain.worktime import Due, local_day
from gridwatch.entities.service import area_of
from gridwatch.items.queries import catalogue
from gridwatch.places.queries import grids_in
from gridwatch.tasks.models import Task
from gridwatch.tasks.queries import lock_task
from gridwatch.tasks.service import close_task, task_row, write_tasks

OF_LEADS = ("RC01", "VF01")  # what only a lead orders


@dataclass(frozen=True, slots=True)
class Order:
    """What a campaign is: items asked at every active entity with the tags in the area, between two local days."""

    name: str
    basis: str
    items: Sequence[str]
    sector: str
    entity_type: str
    from_on: date
    due_on: date


def check(session: Session, order: Order, today: date) -> None:
    """Refuse an order that cannot be. Raises 422 `campaign.days` or `campaign.items`."""
    if order.due_on < order.from_on or order.from_on < today:
        raise Refusal("campaign.days", from_on=str(order.from_on), due_on=str(order.due_on))
    known = catalogue(session)
    in_force = {
        code for code in known.codes if (one := known.in_force(code, order.from_on)) and one.in_force(order.from_on)
    }
    wrong = [item for item in order.items if item in OF_LEADS or item not in in_force]
    if wrong or not order.items:
        raise Refusal("campaign.items", items="、".join(wrong))


def begin(session: Session, area: Area, order: Order, *, actor: Actor, now: datetime) -> Campaign:
    """Order a campaign in an area; its targets are made on its first day, grid by grid (`make_targets`). Flushes.

    Raises what `check` raises, 422 `campaign.no_targets`, 409 `campaign.name_taken`.
    """
    today = local_day(now)
    check(session, order, today)
    if not queries.matching(session, area.path, order.sector, order.entity_type):
        raise Refusal("campaign.no_targets")
    if queries.is_taken(session, area.code, order.name):
        raise Refusal("campaign.name_taken", name=order.name)
    campaign = Campaign(
        id=new_id(), name=order.name, basis=order.basis, items=list(order.items), area_code=area.code, area_path=area.path,
        sector=order.sector, entity_type=order.entity_type, from_on=order.from_on, due_on=order.due_on, state="open",
        ordered_by=actor.id, ordered_at=now,
    )  # fmt: skip
    session.add(campaign)
    session.flush()
    for grid_code in (*grids_in(session, area.path, on=today), ""):
        session.add(CampaignGrid(campaign_id=campaign.id, grid_code=grid_code, targets=0))
    session.flush()
    said = {"name": order.name, "items": list(order.items), "due_on": str(order.due_on), "basis": order.basis}
    _record(session, campaign, "campaign.ordered", now, actor, said)
    return campaign


def make_targets(session: Session, campaign_id: str, grid_code: str, *, now: datetime) -> int:
    """Make the targets of a campaign in one grid; returns their number, 0 where they were made before. Flushes."""
    row = queries.grid_to_make(session, campaign_id, grid_code)
    campaign = session.get_one(Campaign, campaign_id, with_for_update={"read": True})  # it is not closed meanwhile
    if row is None or campaign.state != "open":
        return 0
    calendar = current_calendar(session)
    targets = [
        task_row(
            kind="campaign", source_id=f"{campaign.id}/{entity.id}", items=list(campaign.items), entity_id=entity.id, lead_id=None,
            address_code=entity.address_code, address_text=entity.address_text, title=f"{campaign.name}：{entity.name}",
            reason=f"专项：{campaign.name}（{campaign.basis}）"[:200], area_path=entity.area_path, grid_code=grid_code or None,
            start_on=campaign.from_on, due=Due(campaign.due_on), calendar_version=calendar.version, not_for=None, at=now,
        ) | {"campaign_id": campaign.id}
        for entity in queries.targets_in_grid(session, campaign, grid_code)
    ]  # fmt: skip
    write_tasks(session, targets, at=now)
    row.targets, row.made_at = len(targets), now
    session.flush()
    if targets:
        said = {"grid": grid_code, "tasks": [one["id"] for one in targets]}
        _record(session, campaign, "campaign.targets_made", now, SYSTEM, said)
    return len(targets)


def tick_off(session: Session, campaign: Campaign, task: Task, result: str, *, actor: Actor, now: datetime) -> Task:
    """Close a target from the desk, with its result in words. Raises 409 `campaign.closed` or `task.wrong_state`. Flushes."""
    _still_open(campaign)
    task = lock_task(session, task.id) or task
    if task.state not in OPEN:
        raise Refusal("task.wrong_state", state=STATES[task.state][0], state_code=task.state, act="tick_off")
    _record(session, campaign, "campaign.ticked_off", now, actor, {"task": task.id, "result": result})
    return close_task(session, task, "ticked_off", now, actor.id)


def close(
    session: Session, campaign: Campaign, summary: str, cancel_because: str | None, *, actor: Actor, now: datetime
) -> Campaign:
    """Close a campaign. Raises 409 `campaign.closed`, or `campaign.targets_open` unless the rest is cancelled for a reason.

    Cancelled targets keep their result as such: the figures of the campaign show how many nobody went to. Flushes.
    """
    _still_open(campaign)
    left = queries.open_targets(session, campaign)
    if (left or not queries.is_made(session, campaign)) and cancel_because is None:
        raise Refusal("campaign.targets_open", open=len(left) or queries.expected(session, campaign))
    for task in left:
        close_task(session, task, "campaign_closed", now, actor.id)
    campaign.state, campaign.closed_at, campaign.summary = "closed", now, summary
    session.flush()
    said = {"summary": summary, "cancelled": len(left), "because": cancel_because}
    _record(session, campaign, "campaign.closed", now, actor, said)
    return campaign


def _still_open(campaign: Campaign) -> None:
    if campaign.state != "open":
        raise Refusal("campaign.closed")


def _record(
    session: Session, campaign: Campaign, act: str, at: datetime, actor: Actor, data: dict[str, object]
) -> None:
    audit.record(
        session,
        chain=area_of(campaign.area_path),
        act=act,
        subject=("campaign", campaign.id),
        actor_id=actor.id,
        at=at,
        data=data,
    )
