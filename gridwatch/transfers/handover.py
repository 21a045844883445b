"""All open work of one person or one grid to another, in one step, with a receipt per item (交接).

Three kinds. `person`: from today on the target has the grids of the source, and with them their open tasks. `cover`: the target
stands in from one day to another; the source keeps the grids, and tasks that were assigned to the source by name are anybody's who
holds the grid. `grid`: the open tasks and leads of one grid go to another one of the same community.

The plan is made and written first, with the duties; then grid follows grid, each its own transaction (sync-protocol §3: bulk
jobs commit per grid). What a dead process left open, the next tick goes on with.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, func, not_, or_, select, update
from sqlalchemy.orm import Session

from gridwatch.audit import service as audit
from gridwatch.calendars.queries import current_calendar
from gridwatch.db import feed
from gridwatch.db.engine import dialect_of
from gridwatch.domain.errors import Refusal
from gridwatch.domain.permits import SYSTEM, Actor, Role, Scope
from gridwatch.domain.task_flow import ON_PHONES
from gridwatch.domain.worktime import local_day
from gridwatch.entities.service import area_of
from gridwatch.leads import handing as leads
from gridwatch.leads.beginning import moment
from gridwatch.leads.models import Lead
from gridwatch.people.models import GridDuty, User
from gridwatch.people.queries import person_in_reach
from gridwatch.people.reach import condition, in_area
from gridwatch.people.service import assign_grid, end_duty
from gridwatch.places.models import Grid
from gridwatch.places.queries import GRID_REACH, grid_in_reach
from gridwatch.tasks import handing as tasks
from gridwatch.tasks.models import Task
from gridwatch.tasks.queries import TASK_REACH
from gridwatch.transfers.models import Handover, HandoverItem

OPERATION = "work.hand_over"
MOST_GRIDS = 63  # beside the person's own scope (sync-protocol §3: at most 64 scopes a user)
MOST_COVER = timedelta(days=366)
LEAD_REACH = {Scope.AREA: in_area(Lead.area_path)}


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is asked for. `source` and `target` are ids of people (person, cover) or codes of grids (grid)."""

    id: str
    kind: str
    source: str
    target: str
    note: str
    from_on: date | None = None
    to_on: date | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """What would be done: the handover as it will be kept, its items, and the duties that it moves."""

    handover: dict[str, Any]
    items: list[dict[str, Any]]
    duties: list[GridDuty]

    def counts(self) -> dict[str, dict[str, int]]:
        """Kind of item → outcome → how many."""
        return count_items((item["kind"], item["outcome"]) for item in self.items)


def count_items(pairs: Iterator[tuple[str, str]]) -> dict[str, dict[str, int]]:
    """Kind → outcome → number, from (kind, outcome) pairs."""
    counted: dict[str, dict[str, int]] = {}
    for (kind, outcome), number in sorted(Counter(pairs).items()):
        counted.setdefault(kind, {})[outcome] = number
    return counted


# --- the plan --------------------------------------------------------------------------------------------------------


def plan(session: Session, wanted: Wanted, *, actor: Actor, now: datetime) -> Plan:
    """What the handover would do, item by item, as things stand now. Reads only.

    Raises 404 `person.not_found` or `grid.not_found` outside the reach; 409 `handover.beyond_reach`, `handover.target_unfit`,
    `handover.too_many_grids`, `handover.other_community` or `handover.nothing`; 422 `handover.same` or `handover.days`.
    """
    today = local_day(now)
    make = _of_grid if wanted.kind == "grid" else _of_person
    made = make(session, wanted, actor, now, today)
    if not made.items:
        raise Refusal("handover.nothing")
    return made


def _of_person(session: Session, wanted: Wanted, actor: Actor, now: datetime, today: date) -> Plan:
    source = person_in_reach(session, actor, OPERATION, wanted.source)
    target = person_in_reach(session, actor, OPERATION, wanted.target)
    covering = wanted.kind == "cover"
    duties = list(
        session.scalars(
            select(GridDuty)
            .where(GridDuty.user_id == source.id, or_(GridDuty.to_on.is_(None), GridDuty.to_on >= today))
            .order_by(GridDuty.grid_code, GridDuty.from_on)
        )
    )
    if covering:
        duties = [duty for duty in duties if duty.covers is None and _meet(duty, wanted)]
    grids = {
        grid.code: grid for grid in session.scalars(select(Grid).where(Grid.code.in_({d.grid_code for d in duties})))
    }
    duties = [duty for duty in duties if duty.grid_code in grids]
    held = [duty.grid_code for duty in duties if duty.from_on <= today]
    _check_reach(session, actor, source, list(grids), held)
    _check_target(session, target, grids, today)
    first = _days(wanted, today) if covering else today
    if source.id == target.id:
        raise Refusal("handover.same")
    outcome = "covered" if covering else "moved"
    items = [
        _item("duty", code, code, grids[code].name, outcome) for code in dict.fromkeys(d.grid_code for d in duties)
    ]
    items += _tasks_of_person(session, source.id, held, covering)
    items += _leads_of_person(session, source, target, held, covering)
    path = min((grid.area_path for grid in grids.values()), key=len, default=_home(target))
    return Plan(_header(wanted, path, first, actor, now), items, duties)


def _check_reach(session: Session, actor: Actor, source: User, grids: Sequence[str], held: Sequence[str]) -> None:
    """All of a person's work, or none: what lies outside the actor's area would be left with nobody."""
    outside = 0
    for key, whose, reach in (
        (Grid.code, Grid.code.in_(grids), GRID_REACH),
        (Task.id, _tasks_with(source.id, held) & Task.state.in_(sorted(ON_PHONES)), TASK_REACH),
        (Lead.id, _leads_with(source.id, held) & leads.still_open(), LEAD_REACH),
    ):
        mine = select(func.count(key)).where(whose, not_(condition(actor, OPERATION, reach)))
        outside += session.scalar(mine) or 0
    if outside:
        raise Refusal("handover.beyond_reach", count=outside)


def _tasks_with(source_id: str, held: Sequence[str]) -> ColumnElement[bool]:
    return or_(Task.assigned_to == source_id, Task.grid_code.in_(held) & Task.assigned_to.is_(None))


def _leads_with(source_id: str, held: Sequence[str]) -> ColumnElement[bool]:
    returned = (Lead.reporter_id == source_id) & (Lead.state == "returned")
    return or_(Lead.handler_id == source_id, Lead.grid_code.in_(held), returned)


def _tasks_of_person(session: Session, source_id: str, held: Sequence[str], covering: bool) -> Iterator[dict[str, Any]]:
    whose = Task.assigned_to == source_id if covering else _tasks_with(source_id, held)
    for task in _tasks(session, whose):
        yield _item("task", task.id, task.grid_code, task.title, "planned")


def _leads_of_person(
    session: Session, source: User, target: User, held: Sequence[str], covering: bool
) -> Iterator[dict[str, Any]]:
    """Leads of the grids follow their grid; those that the person handles go to a target who may; a report stays its author's."""
    columns = (Lead.id, Lead.title, Lead.grid_code, Lead.area_path, Lead.state, Lead.handler_id, Lead.reporter_id)
    for lead in session.execute(
        select(*columns).where(_leads_with(source.id, held), leads.still_open()).order_by(Lead.id)
    ):
        outcome, reason = "follows", "grid"
        if lead.handler_id == source.id and covering:
            outcome, reason = "kept", "leave"
        elif lead.handler_id == source.id:
            outcome, reason = ("planned", "") if _handles(target, lead.area_path) else ("kept", "not_a_handler")
        elif lead.state == "returned" and lead.reporter_id == source.id:
            outcome, reason = "kept", "reporter"
        yield _item("lead", lead.id, lead.grid_code or "", lead.title, outcome, reason)


def _of_grid(session: Session, wanted: Wanted, actor: Actor, now: datetime, today: date) -> Plan:
    source = grid_in_reach(session, actor, OPERATION, wanted.source, today)
    target = grid_in_reach(session, actor, OPERATION, wanted.target, today)
    if source.code == target.code:
        raise Refusal("handover.same")
    if source.community_code != target.community_code:
        raise Refusal("handover.other_community", source=source.code, target=target.code)
    items = [
        _item("task", one.id, source.code, one.title, "planned")
        for one in _tasks(session, Task.grid_code == source.code)
    ]
    open_leads = select(Lead.id, Lead.title).where(Lead.grid_code == source.code, leads.still_open()).order_by(Lead.id)
    items += [_item("lead", one.id, source.code, one.title, "planned") for one in session.execute(open_leads)]
    return Plan(_header(wanted, source.area_path, today, actor, now), items, [])


def _tasks(session: Session, whose: Any) -> Any:
    columns = (Task.id, Task.title, Task.grid_code)
    return session.execute(select(*columns).where(whose, Task.state.in_(sorted(ON_PHONES))).order_by(Task.id))


def _meet(duty: GridDuty, wanted: Wanted) -> bool:
    return (wanted.to_on is None or duty.from_on <= wanted.to_on) and (
        duty.to_on is None or wanted.from_on is None or duty.to_on >= wanted.from_on
    )


def _days(wanted: Wanted, today: date) -> date:
    if (
        wanted.from_on is None
        or wanted.to_on is None
        or not today <= wanted.from_on <= wanted.to_on <= wanted.from_on + MOST_COVER
    ):
        raise Refusal("handover.days", today=today.isoformat())
    return wanted.from_on


def _check_target(session: Session, target: User, grids: dict[str, Grid], today: date) -> None:
    """Only somebody who works in grids there, and may sign in, can hold them; and a phone holds 64 scopes at most."""
    works = {Role.GRID_WORKER.value, Role.MARKET_MANAGER.value}
    paths = [grant.area_path for grant in target.grants if grant.role in works and grant.area_path]
    outside = [
        code for code, grid in sorted(grids.items()) if not any(grid.area_path.startswith(path) for path in paths)
    ]
    if target.disabled_at is not None or outside:
        raise Refusal("handover.target_unfit", name=target.name, grids=outside, disabled=target.disabled_at is not None)
    open_ = or_(GridDuty.to_on.is_(None), GridDuty.to_on >= today)
    own = set(session.scalars(select(GridDuty.grid_code).where(GridDuty.user_id == target.id, open_)))
    if len(own | grids.keys()) > MOST_GRIDS:
        raise Refusal("handover.too_many_grids", name=target.name, most=MOST_GRIDS)


def _handles(person: User, area_path: str) -> bool:
    desks = {Role.COMMUNITY_HANDLER.value, Role.COMMUNITY_DISPATCHER.value}
    return any(
        grant.role in desks and grant.area_path and area_path.startswith(grant.area_path) for grant in person.grants
    )


def _home(person: User) -> str:
    return next((grant.area_path for grant in person.grants if grant.area_path), "")


def _header(wanted: Wanted, path: str, first: date, actor: Actor, now: datetime) -> dict[str, Any]:
    return {
        "id": wanted.id, "kind": wanted.kind, "source": wanted.source, "target": wanted.target, "from_on": first,
        "to_on": wanted.to_on if wanted.kind == "cover" else None, "note": wanted.note, "area_path": path, "by_user": actor.id,
        "at": now,
    }  # fmt: skip


def _item(kind: str, subject: str, grid: str | None, title: str, outcome: str, reason: str = "") -> dict[str, Any]:
    return {
        "kind": kind,
        "subject_id": subject,
        "grid_code": grid or "",
        "title": title,
        "outcome": outcome,
        "reason": reason,
    }


# --- doing it --------------------------------------------------------------------------------------------------------


def begin(session: Session, wanted: Wanted, *, actor: Actor, now: datetime) -> bool:
    """Write the handover with its items, and move the duties. False where this very handover was begun before. Flushes.

    Raises as `plan` does, and 409 `handover.id_reused` for the id of another one.
    """
    _lock(session, wanted)
    known = session.get(Handover, wanted.id)
    if known is not None:
        asked = (wanted.kind, wanted.source, wanted.target, wanted.note, actor.id)
        if (known.kind, known.source, known.target, known.note, known.by_user) != asked:
            raise Refusal("handover.id_reused")
        return False
    made = plan(session, wanted, actor=actor, now=now)
    session.add(Handover(**made.handover))
    session.flush()
    rows = [{"handover_id": wanted.id, **item} for item in made.items]
    dialect_of(session).insert_rows(session.connection(), HandoverItem.__table__, rows)
    if made.duties:
        _move_duties(session, wanted, made, actor, now)
    audit.record(
        session, chain=area_of(made.handover["area_path"]), act="handover.begun", subject=("handover", wanted.id),
        actor_id=actor.id, at=now,
        data={"kind": wanted.kind, "source": wanted.source, "target": wanted.target, "note": wanted.note,
              "from": made.handover["from_on"].isoformat(), "to": wanted.to_on and wanted.to_on.isoformat(),
              "items": made.counts()},
    )  # fmt: skip
    return True


def _lock(session: Session, wanted: Wanted) -> None:
    """Of two handovers of the same person or grid the second sees what the first left. In order, as everybody locks."""
    key = Grid.code if wanted.kind == "grid" else User.id
    session.execute(select(key).where(key.in_([wanted.source, wanted.target])).order_by(key).with_for_update())


def _move_duties(session: Session, wanted: Wanted, made: Plan, actor: Actor, now: datetime) -> None:
    source, target = session.get_one(User, wanted.source), session.get_one(User, wanted.target)
    today = local_day(now)
    said = {"at": now, "by": actor.id}
    days = [(duty.grid_code, duty.from_on, duty.to_on, duty.covers) for duty in made.duties]
    for code, from_on, to_on, covers in days:
        if wanted.kind == "cover":
            first, last = made.handover["from_on"], made.handover["to_on"]
            assign_grid(
                session,
                target,
                code,
                from_on=max(from_on, first),
                to_on=min(to_on or last, last),
                covers=source,
                **said,
            )
            continue
        away = session.get(User, covers) if covers and covers != target.id else None
        end_duty(session, source, code, last_on=today - timedelta(days=1), **said)
        if covers != target.id:  # who comes back for his own grid covers nobody
            assign_grid(session, target, code, from_on=max(from_on, today), to_on=to_on, covers=away, **said)
    for grid in session.scalars(select(Grid).where(Grid.code.in_({code for code, *_ in days}))):
        feed.touch(grid)  # phones show who is on duty there


def portions(session: Session, handover_id: str) -> list[str]:
    """The grids of a handover with items that are still planned, in order."""
    waiting = select(HandoverItem.grid_code).where(
        HandoverItem.handover_id == handover_id, HandoverItem.outcome == "planned"
    )
    return sorted(session.scalars(waiting.distinct()))


def carry_on(session: Session, handover_id: str, grid_code: str, *, now: datetime) -> None:
    """Hand over the planned items of one grid. One transaction; what was done already is left alone. Flushes."""
    handover = session.get_one(Handover, handover_id, with_for_update=True)
    planned = session.execute(
        select(HandoverItem.kind, HandoverItem.subject_id).where(
            HandoverItem.handover_id == handover_id,
            HandoverItem.grid_code == grid_code,
            HandoverItem.outcome == "planned",
        )
    ).all()
    because = {"handover": handover_id, "by": handover.by_user, "note": handover.note}
    ids = [subject for kind, subject in planned if kind == "task"]
    for outcome, done in _hand_tasks(session, handover, ids, because, now):
        _receipt(session, handover_id, "task", done, outcome)
    lead_ids = [subject for kind, subject in planned if kind == "lead"]
    if lead_ids:
        value = {"grid_code": handover.target} if handover.kind == "grid" else {"handler_id": handover.target}
        at = moment(session, SYSTEM, now, current_calendar(session))
        done = leads.pass_on(session, dict.fromkeys(lead_ids, value), at, because)
        _receipt(session, handover_id, "lead", done, "moved")
        _receipt(session, handover_id, "lead", set(lead_ids) - done, "gone")


def _hand_tasks(
    session: Session, handover: Handover, ids: Sequence[str], because: dict[str, Any], now: datetime
) -> Iterator[tuple[str, set[str]]]:
    """What became of the tasks: (outcome, ids)."""
    how = {"at": now, "actor_id": handover.by_user, "because": because}
    if handover.kind == "grid":
        grid = session.get_one(Grid, handover.target)
        values = {"grid_code": grid.code, "area_path": grid.area_path, "assigned_to": None}
        done = tasks.pass_on(session, ids, "move", values=values, **how)
        yield "moved", done
    else:
        among = dialect_of(session).among
        named = set(session.scalars(select(Task.id).where(among(Task.id, ids), Task.assigned_to == handover.source)))
        if handover.kind == "cover":
            done = tasks.pass_on(session, named, "move", values={"assigned_to": None}, **how)
            yield "released", done
        else:
            assigned = tasks.pass_on(session, named, "assign", values={"assigned_to": handover.target}, **how)
            done = assigned | tasks.pass_on(session, set(ids) - named, "pass_on", values={}, **how)
            yield "moved", done
    yield "gone", set(ids) - done


def _receipt(session: Session, handover_id: str, kind: str, ids: set[str], outcome: str) -> None:
    if ids:
        row = HandoverItem.__table__.c
        session.execute(
            update(HandoverItem.__table__)
            .where(row.handover_id == handover_id, row.kind == kind, dialect_of(session).among(row.subject_id, ids))
            .values(outcome=outcome)
        )


def finish(session: Session, handover_id: str, *, now: datetime) -> Handover:
    """Close the handover once nothing of it is planned any more. Flushes."""
    handover = session.get_one(Handover, handover_id, with_for_update=True)
    if handover.done_at is None and not portions(session, handover_id):
        handover.done_at = now
        session.flush()
        pairs = session.execute(
            select(HandoverItem.kind, HandoverItem.outcome).where(HandoverItem.handover_id == handover_id)
        )
        audit.record(
            session, chain=area_of(handover.area_path), act="handover.done", subject=("handover", handover_id), actor_id=SYSTEM.id,
            at=now, data={"items": count_items((kind, outcome) for kind, outcome in pairs)},
        )  # fmt: skip
    return handover
