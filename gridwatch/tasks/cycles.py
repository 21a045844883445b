"""Cyclic visits: planned grid by grid and day by day, each grid a transaction of its own, once a day whoever runs.

The cycles are those of the items in force (`repeats`, docs/items.md); `domain/cycles.py` decides. The row of a grid and a day
is taken first, so that two processes never plan the same day, and a run that was killed goes on where it stopped.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import exists, or_, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from gridwatch.areas.models import Area
from gridwatch.audit import service as audit
from gridwatch.domain import burden
from gridwatch.domain.cycles import Cycle, Target, cycle_of, plan
from gridwatch.domain.errors import Refusal
from gridwatch.domain.permits import SYSTEM, Actor
from gridwatch.domain.task_flow import CYCLE_DAYS, OPEN
from gridwatch.domain.worktime import CHINA, Due, WorkCalendar, local_day
from gridwatch.entities.models import Entity
from gridwatch.entities.service import area_of
from gridwatch.items.queries import catalogue
from gridwatch.places.models import Grid
from gridwatch.places.queries import valid_on
from gridwatch.tasks.models import CycleOrder, CyclePlan, Task, Visit, door_of
from gridwatch.tasks.service import task_row, write_tasks

FROM_HOUR = (
    4  # of the day in China: tasks are on the phones when work begins, and the small hours are left to snapshots
)
_INSERT = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}
_DAYS_A_MONTH = 31


def cycles_of(session: Session, today: date) -> list[Cycle]:
    """The cycles of the items that are asked on a day, in the order of their codes."""
    known = catalogue(session)
    versions = [known.in_force(code, today) for code in known.codes]
    forms = [one.item for one in versions if one is not None and one.in_force(today)]
    cycles = [cycle_of(form, burden.of_item(form).ordinary.seconds) for form in forms]
    return [one for one in cycles if one is not None]


def order(
    session: Session, area: Area, from_on: date, until_on: date | None, *, actor: Actor, now: datetime
) -> CycleOrder:
    """Have the items repeat in an area from a local day on, until one or for good; an order before it is replaced. Flushes.

    Raises 422 `cycle.days` for days that are in the past or the wrong way round.
    """
    today = local_day(now)
    if until_on is not None and (until_on < from_on or until_on < today):
        raise Refusal("cycle.days", from_on=str(from_on), until_on=str(until_on))
    known = session.get(CycleOrder, area.code, with_for_update=True) or CycleOrder(area_code=area.code)
    known.area_path, known.from_on, known.until_on = area.path, from_on, until_on
    known.ordered_by, known.ordered_at = actor.id, now
    session.add(known)
    session.flush()
    said = {"from_on": str(from_on), "until_on": str(until_on) if until_on else None}
    audit.record(
        session, chain=area.code, act="cycle.ordered", subject=("area", area.code), actor_id=actor.id, at=now, data=said
    )
    return known


def grids_to_plan(session: Session, now: datetime, limit: int) -> list[str]:
    """Codes of grids whose day is not planned yet, at most so many; [] before the hour at which a day is planned."""
    if now.astimezone(CHINA).hour < FROM_HOUR:
        return []
    today = local_day(now)
    until = or_(CycleOrder.until_on.is_(None), CycleOrder.until_on >= today)
    ordered = exists().where(Grid.area_path.like(CycleOrder.area_path.concat("%")), CycleOrder.from_on <= today, until)
    planned = exists().where(CyclePlan.grid_code == Grid.code, CyclePlan.day == today)
    statement = select(Grid.code).where(valid_on(today), ordered, ~planned)
    return list(session.scalars(statement.order_by(Grid.code).limit(limit)))


def plan_grid(session: Session, grid_code: str, calendar: WorkCalendar, *, now: datetime) -> int:
    """Make the cyclic visits of a grid for the local day of `now`; returns their number, 0 when that was done before. Flushes.

    On a rest day (in that area: a local order counts) there are none.
    """
    today = local_day(now)
    insert = _INSERT[session.get_bind().dialect.name](CyclePlan)  # type: ignore[union-attr]
    taken = insert.values(grid_code=grid_code, day=today, planned=0, at=now).on_conflict_do_nothing()
    if not session.execute(taken.returning(CyclePlan.grid_code)).all():
        return 0
    grid = session.get_one(Grid, grid_code)
    here = calendar.within(grid.area_path)
    cycles = cycles_of(session, today)
    if not cycles or not here.is_work(today):
        return 0
    entities = _entities(session, grid_code)
    targets = [*_targets(session, entities, grid_code, cycles, today), _of_grid(session, grid_code, cycles, today)]
    due = here.add(today, CYCLE_DAYS)
    rows = [
        _row(entities.get(target), grid, items, today, due, calendar.version, now)
        for target, items in sorted(plan(targets, cycles, here, today).items())
    ]
    write_tasks(session, rows, at=now)
    if rows:
        session.get_one(CyclePlan, (grid_code, today)).planned = len(rows)
        audit.record(
            session, chain=area_of(grid.area_path), act="task.cycle_planned", subject=("grid", grid_code), actor_id=SYSTEM.id,
            at=now, data={"day": today.isoformat(), "tasks": [row["id"] for row in rows]},
        )  # fmt: skip
    return len(rows)


def _entities(session: Session, grid_code: str) -> dict[str, Any]:
    """Id → what a task says of each active entity of a grid."""
    columns = (Entity.id, Entity.name, Entity.address_code, Entity.address_text, Entity.permit_sectors)
    rows = session.execute(select(*columns).where(Entity.grid_code == grid_code, Entity.status == "active"))
    return {row.id: row for row in rows}


def _targets(
    session: Session, entities: Mapping[str, Any], grid_code: str, cycles: list[Cycle], today: date
) -> list[Target]:
    asked: dict[str, set[str]] = defaultdict(set)
    last: dict[str, dict[str, date]] = defaultdict(dict)
    since = _horizon(cycles, today)
    ours = select(Task.entity_id, Task.items, Task.state, Task.closed_at).join(Entity, Entity.id == Task.entity_id)
    for row in session.execute(ours.where(Entity.grid_code == grid_code, _counts(since))):
        _note(row, asked[row.entity_id], last[row.entity_id])
    answers = _answers(session, grid_code, cycles, since)
    everybody, permits = frozenset({"entity"}), frozenset({"entity", "permit"})
    return [
        Target(
            row.id, door_of(row.address_code, row.id) or row.id, permits if row.permit_sectors else everybody,
            frozenset(asked[row.id]), last[row.id], answers.get(row.id, {}),
        )
        for row in entities.values()
    ]  # fmt: skip


def _of_grid(session: Session, grid_code: str, cycles: list[Cycle], today: date) -> Target:
    """The grid itself, for what is asked of a street segment and of no entity (RG04)."""
    asked: set[str] = set()
    last: dict[str, date] = {}
    patrols = select(Task.items, Task.state, Task.closed_at).where(
        Task.grid_code == grid_code, Task.entity_id.is_(None), Task.kind == "cycle", _counts(_horizon(cycles, today))
    )
    for row in session.execute(patrols):
        _note(row, asked, last)
    return Target(grid_code, f"grid:{grid_code}", frozenset({"grid"}), frozenset(asked), last)


def _horizon(cycles: list[Cycle], today: date) -> datetime:
    days = 2 * _DAYS_A_MONTH * max(one.months for one in cycles)
    return datetime.combine(today - timedelta(days=days), datetime.min.time(), CHINA)


def _counts(since: datetime) -> Any:
    """Tasks that are open, or ended by a visit lately; what was superseded or cancelled asked nobody."""
    ended = Task.state.in_(("done", "not_done")) & (Task.closed_at >= since)
    return or_(Task.state.in_(sorted(OPEN)), ended)


def _note(row: Any, asked: set[str], last: dict[str, date]) -> None:
    if row.state in OPEN:
        asked.update(row.items)
        return
    day = local_day(row.closed_at)
    for item in row.items:
        last[item] = max(day, last.get(item, day))


def _answers(session: Session, grid_code: str, cycles: list[Cycle], since: datetime) -> dict[str, dict[str, Any]]:
    """Entity → item → its newest finding, for the items whose cycle depends on it."""
    wanted = {one.item for one in cycles if one.when is not None}
    found: dict[str, dict[str, Any]] = defaultdict(dict)
    if not wanted:
        return found
    visits = (
        select(Visit.entity_id, Visit.findings)
        .join(Entity, Entity.id == Visit.entity_id)
        .where(
            Entity.grid_code == grid_code,
            Visit.effect == "accepted",
            Visit.result == "done",
            Visit.received_at >= since,
        )
        .order_by(Visit.received_at, Visit.id)
    )
    for entity_id, payload in session.execute(visits):
        for finding in payload.get("findings", ()):
            if isinstance(finding, dict) and finding.get("item") in wanted:
                found[entity_id][finding["item"]] = finding
    return found


def _row(
    entity: Any, grid: Grid, items: list[str], today: date, due: Due, calendar_version: int, now: datetime
) -> dict[str, Any]:
    target, name = (entity.id, entity.name) if entity is not None else (grid.code, grid.name)
    return task_row(
        kind="cycle", source_id=f"{today}/{target}", items=items, entity_id=entity.id if entity is not None else None,
        lead_id=None, address_code=entity.address_code if entity is not None else None,
        address_text=entity.address_text if entity is not None else grid.name, title=f"周期巡查：{name}", reason="按巡查周期",
        area_path=grid.area_path, grid_code=grid.code, start_on=today, due=due, calendar_version=calendar_version,
        not_for=None, at=now,
    )  # fmt: skip
