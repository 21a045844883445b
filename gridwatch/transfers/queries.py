"""Handovers and grid edits within reach, their receipts, and how much open work each worker has."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from sqlalchemy import Select, case, func, or_, select
from sqlalchemy.orm import Session

from gridwatch.domain.errors import Refusal
from gridwatch.domain.permits import Actor, Scope
from gridwatch.domain.task_flow import ON_PHONES
from gridwatch.people.models import GridDuty, User
from gridwatch.people.queries import on_duty
from gridwatch.people.reach import in_area, within
from gridwatch.places.models import Grid
from gridwatch.places.queries import GRID_REACH
from gridwatch.tasks.models import Task
from gridwatch.transfers.models import GridEdit, Handover, HandoverItem

HANDOVER_REACH = {Scope.AREA: in_area(Handover.area_path)}
EDIT_REACH = {Scope.AREA: in_area(GridEdit.area_path)}


def handovers_within(actor: Actor) -> Select[Any]:
    """A statement for the handovers that the actor may see."""
    return within(select(Handover), actor, "work.hand_over", HANDOVER_REACH)


def handover_in_reach(session: Session, actor: Actor, handover_id: str) -> Handover:
    """The handover with this id. Raises 404 `handover.not_found` where there is none within reach."""
    found = session.scalar(handovers_within(actor).where(Handover.id == handover_id))
    if found is None:
        raise Refusal("handover.not_found")
    return found


def receipts(session: Session, handover_id: str) -> list[HandoverItem]:
    """The receipts of a handover: duties, then tasks, then leads, by id."""
    order = case({"duty": 0, "task": 1}, value=HandoverItem.kind, else_=2)
    statement = select(HandoverItem).where(HandoverItem.handover_id == handover_id)
    return list(session.scalars(statement.order_by(order, HandoverItem.subject_id)))


def edits_within(actor: Actor) -> Select[Any]:
    """A statement for the edits of grids that the actor may see."""
    return within(select(GridEdit), actor, "grid.edit", EDIT_REACH)


def edit_in_reach(session: Session, actor: Actor, edit_id: str, *, lock: bool = False) -> GridEdit:
    """The edit with this id, to be changed if `lock`. Raises 404 `grid.edit_not_found` where there is none within reach."""
    statement = edits_within(actor).where(GridEdit.id == edit_id)
    if lock:
        statement = statement.with_for_update().execution_options(populate_existing=True)
    found = session.scalar(statement)
    if found is None:
        raise Refusal("grid.edit_not_found")
    return found


def workload(session: Session, actor: Actor, today: date) -> list[dict[str, Any]]:
    """Who is on duty in the grids within reach, by name, with numbers: grids, open tasks, due by Sunday, of these overdue.

    A task counts for whom it is assigned to, else for everybody who holds its grid. For whoever chooses a cover: numbers beside
    names, never an order by them (no league table of workers, domain.md §0 no. 7).
    """
    holders = within(
        select(GridDuty.user_id, GridDuty.grid_code).join(Grid, Grid.code == GridDuty.grid_code).where(on_duty(today)),
        actor, "work.hand_over", GRID_REACH,
    ).distinct().subquery("holders")  # fmt: skip
    sunday = today + timedelta(days=6 - today.weekday())
    counts = (
        func.count(Task.id.distinct()),
        func.count(case((Task.due_on <= sunday, Task.id)).distinct()),
        func.count(case((Task.due_on < today, Task.id)).distinct()),
    )
    rows = session.execute(
        select(User.id, User.name, func.count(holders.c.grid_code.distinct()), *counts)
        .join(holders, holders.c.user_id == User.id)
        .outerjoin(
            Task,
            (Task.grid_code == holders.c.grid_code)
            & Task.state.in_(sorted(ON_PHONES))
            & or_(Task.assigned_to.is_(None), Task.assigned_to == User.id),
        )
        .where(User.disabled_at.is_(None))
        .group_by(User.id, User.name)
        .order_by(User.name, User.id)
    )
    names = ("user_id", "name", "grids", "open_tasks", "due_this_week", "overdue")
    return [dict(zip(names, row, strict=True)) for row in rows]
