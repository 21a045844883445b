"""Tasks and visits, looked up within reach."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from datetime import date, datetime, time, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, exists, func, select
from sqlalchemy.orm import Session

from gridwatch.areas.models import Area
from gridwatch.db.engine import dialect_of
from gridwatch.domain.errors import Refusal
from gridwatch.domain.permits import PERMITS, Actor, Scope, scopes_for
from gridwatch.domain.task_flow import OF_REGISTER, ON_PHONES, OPEN, is_plausible
from gridwatch.domain.worktime import CHINA, local_day
from gridwatch.people.models import GridDuty, User
from gridwatch.people.queries import on_duty
from gridwatch.people.reach import condition, in_area, in_grids, within
from gridwatch.places.models import Grid
from gridwatch.tasks.models import CycleOrder, CyclePlan, Task, Visit

TASK_REACH = {Scope.AREA: in_area(Task.area_path), Scope.GRID: in_grids(Task.grid_code)}


def tasks_within(
    actor: Actor, *, state: str | None = None, grid: str | None = None, door: str | None = None
) -> Select[Any]:
    """A statement for the tasks that the actor may see; of one state, grid or door. `open` stands for every open state."""
    statement = within(select(Task), actor, "task.read", TASK_REACH)
    if state is not None:
        statement = statement.where(Task.state.in_(sorted(OPEN)) if state == "open" else Task.state == state)
    if door is not None:
        statement = statement.where(Task.door == door)
    return statement if grid is None else statement.where(Task.grid_code == grid)


def queue_within(actor: Actor) -> Select[Any]:
    """A statement for the hand-triage queue: tasks of the actor's street whose grid nobody knows."""
    return within(select(Task).where(Task.state == "planned"), actor, "task.route", TASK_REACH)


def task_in_reach(session: Session, actor: Actor, task_id: str, operation: str = "task.read") -> Task:
    """The task with this id. Raises 404 `task.not_found` where there is none within reach."""
    task = session.scalar(within(select(Task).where(Task.id == task_id), actor, operation, TASK_REACH))
    if task is None:
        raise Refusal("task.not_found", task=task_id)
    return task


def task_to_route(session: Session, actor: Actor, task_id: str) -> Task:
    """The task with this id, if the actor is the one who sends it to a grid.

    Raises 404 `task.not_found` outside the reach and 403 `auth.forbidden` at another desk inside it.
    """
    task_in_reach(session, actor, task_id)
    if not scopes_for(actor, "task.route"):
        raise Refusal("auth.forbidden", wanted=sorted(role.value for role in PERMITS["task.route"]))
    return task_in_reach(session, actor, task_id, "task.route")


def area_in_reach(session: Session, actor: Actor, code: str) -> Area:
    """The area with this code, if the actor orders tasks there. Raises 404 `area.not_found`."""
    reach = {Scope.AREA: in_area(Area.path)}
    area = session.scalar(within(select(Area).where(Area.code == code), actor, "task.order", reach))
    if area is None:
        raise Refusal("area.not_found", code=code)
    return area


def cycle_orders_within(session: Session, actor: Actor) -> list[CycleOrder]:
    """The areas with cyclic visits, as far as the actor's areas reach."""
    reach = {Scope.AREA: in_area(CycleOrder.area_path)}
    return list(session.scalars(within(select(CycleOrder), actor, "task.read", reach).order_by(CycleOrder.area_code)))


def planned_within(session: Session, actor: Actor, day: date) -> list[CyclePlan]:
    """How many cyclic visits were planned for each grid within reach on a local day."""
    reach = {Scope.AREA: in_area(Grid.area_path), Scope.GRID: in_grids(Grid.code)}
    statement = select(CyclePlan).join(Grid, Grid.code == CyclePlan.grid_code).where(CyclePlan.day == day)
    return list(session.scalars(within(statement, actor, "task.read", reach).order_by(CyclePlan.grid_code)))


def sees_as_visit(actor: Actor, subject_id: ColumnElement[str]) -> ColumnElement[bool]:
    """The condition that an id is that of a visit whose task the actor may read."""
    visit = exists().where(Visit.id == subject_id, Visit.task_id == Task.id)
    return visit.where(condition(actor, "task.read", TASK_REACH))


def lock_task(session: Session, task_id: str) -> Task | None:
    """The task as it is now, locked until the end of the transaction; None where there is none."""
    statement = select(Task).where(Task.id == task_id).with_for_update()
    return session.scalars(statement, execution_options={"populate_existing": True}).one_or_none()


def task_of_source(session: Session, kind: str, source_id: str) -> Task | None:
    """The task that a cause made, if it did."""
    return session.scalar(select(Task).where(Task.kind == kind, Task.source_id == source_id))


def open_first_checks(session: Session, entity_id: str) -> list[Task]:
    """The open first checks of an entity, locked until the end of the transaction."""
    statement = select(Task).where(
        Task.entity_id == entity_id, Task.kind == "first_check", Task.state.in_(sorted(OPEN))
    )
    return list(session.scalars(statement.order_by(Task.id).with_for_update()))


def open_of_register(session: Session, entity_id: str) -> list[Task]:
    """The open tasks of an entity that the register can make pointless, locked until the end of the transaction."""
    statement = select(Task).where(
        Task.entity_id == entity_id, Task.kind.in_(sorted(OF_REGISTER)), Task.state.in_(sorted(OPEN))
    )
    return list(session.scalars(statement.order_by(Task.id).with_for_update()))


def visits_of(session: Session, task_ids: Collection[str]) -> dict[str, list[Visit]]:
    """Task id → its visits in the order of their arrival, those without effect included."""
    found: dict[str, list[Visit]] = defaultdict(list)
    statement = select(Visit).where(dialect_of(session).among(Visit.task_id, task_ids))
    for visit in session.scalars(statement.order_by(Visit.received_at, Visit.id)):
        found[visit.task_id or ""].append(visit)
    return found


LATELY, MOST_SHOWN = timedelta(days=30), 10  # what a door shows of what was done there


def done_lately(session: Session, doors: Collection[str | None], today: date) -> dict[str | None, list[dict[str, Any]]]:
    """Door → the visits of the last 30 days that count, the newest first: {"task", "on", "result", "items", "role"}.

    By whom is a role and a day, never a person: it says that the shop was seen, and ranks nobody.
    """
    found: dict[str | None, list[dict[str, Any]]] = defaultdict(list)
    since = datetime.combine(today - LATELY, time.min, CHINA)
    columns = (Task.door, Task.id, Task.items, Visit.performed_at, Visit.received_at, Visit.result, Visit.by_role)
    visits = select(*columns).join(Visit, Visit.task_id == Task.id)
    visits = visits.where(
        dialect_of(session).among(Task.door, {door for door in doors if door}),
        Visit.effect == "accepted", Visit.received_at >= since,
    )  # fmt: skip
    for row in session.execute(visits.order_by(Visit.received_at.desc(), Visit.id.desc())):
        if len(found[row.door]) < MOST_SHOWN:
            found[row.door].append(
                {
                    "task": row.id,
                    "on": local_day(moment_of(row)),
                    "result": row.result,
                    "items": row.items,
                    "role": row.by_role,
                }
            )
    return found


def open_at_door(session: Session, task: Task) -> list[Task]:
    """The other open tasks of a task's door, locked; one that another transaction holds is left out, so that nobody waits."""
    if task.door is None:
        return []
    statement = select(Task).where(Task.door == task.door, Task.id != task.id, Task.state.in_(sorted(ON_PHONES)))
    return list(session.scalars(statement.order_by(Task.id).with_for_update(skip_locked=True)))


def follow_ups_of(session: Session, visit_id: str) -> list[Task]:
    """The open follow-ups that a visit ordered, locked."""
    ordered = Task.source_id.startswith(f"{visit_id}/", autoescape=True)
    statement = select(Task).where(Task.kind == "follow_up", ordered, Task.state.in_(sorted(OPEN)))
    return list(session.scalars(statement.order_by(Task.id).with_for_update()))


def others_on_duty(session: Session, grid_code: str, user_id: str, on: date) -> bool:
    """Whether anybody but this person is on duty in the grid on the local day `on`."""
    others = (
        select(func.count())
        .select_from(GridDuty)
        .join(User, and_(User.id == GridDuty.user_id, User.disabled_at.is_(None)))
        .where(GridDuty.grid_code == grid_code, GridDuty.user_id != user_id, on_duty(on))
    )
    return bool(session.scalar(others))


def moment_of(visit: Any) -> datetime:
    """When a visit counts as done: at its corrected time, or where that cannot be, at its arrival."""
    done_at = visit.performed_at
    return done_at if done_at is not None and is_plausible(done_at, visit.received_at) else visit.received_at
