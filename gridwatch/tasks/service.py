"""Tasks: planned, routed by hand, answered by visits, closed.

Source: domain.md §4b (task machine, edge cases c, d, l), points 3 and 4 of the main job, sync-protocol §4. Every change
goes through the table in `domain/task_flow.py` and writes its event.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from sqlalchemy.orm import Session

from gridwatch.audit import service as audit
from gridwatch.db import feed
from gridwatch.db.base import new_id
from gridwatch.db.engine import dialect_of
from gridwatch.domain.errors import Refusal
from gridwatch.domain.items import RESULTS, WITH_PERMITS, Met, check_findings, first_check_items, transfers_met
from gridwatch.domain.permits import SYSTEM, Actor, Role
from gridwatch.domain.task_flow import (
    CLOSE_CODES,
    COUNT_AS_ABSENT,
    FIRST_CHECK_DAYS,
    FOLLOW_UP_DAYS,
    OPEN,
    act_of_visit,
    after,
    timeliness,
)
from gridwatch.domain.worktime import Due, WorkCalendar, local_day
from gridwatch.entities.models import Entity
from gridwatch.entities.queries import lock_entity
from gridwatch.entities.service import Admission, area_of
from gridwatch.items.queries import catalogue
from gridwatch.places.queries import grid_in_reach
from gridwatch.tasks.documents import task_document
from gridwatch.tasks.models import Task, Visit, door_of
from gridwatch.tasks.queries import (
    done_lately,
    lock_task,
    moment_of,
    open_at_door,
    others_on_duty,
    task_of_source,
    visits_of,
)
from gridwatch.tasks.rulings import satisfied_by_the_earliest

TITLE = Task.__table__.c.title.type.length
FIRST_CHECK_REASON = "新登记，10 个工作日内首检"
MOVED_REASON = "住所变更，10 个工作日内首检"
SCOPE_REASON = "经营范围变更，10 个工作日内核查许可"


def plan_task(
    session: Session,
    *,
    kind: str,
    source_id: str,
    items: Sequence[str],
    entity: Entity | None,
    lead_id: str | None,
    grid_code: str | None,
    area_path: str,
    address_text: str,
    title: str,
    reason: str,
    start_on: date,
    due: Due,
    calendar_version: int,
    not_for: str | None = None,
    at: datetime,
    actor_id: str = SYSTEM.id,
) -> Task:
    """The task of a cause: made once for a (kind, source_id), the same one when asked again. Flushes.

    `kind` is a key of `task_flow.KINDS`; `items` are codes of the item catalogue. With a grid it goes to the phones
    there (`issued`), without one it waits for a person of the street (`planned`). `start_on` is day zero of `due`.
    """
    known = task_of_source(session, kind, source_id)
    if known is not None:
        return known
    row = task_row(
        kind=kind, source_id=source_id, items=list(items), entity_id=entity.id if entity else None, lead_id=lead_id,
        address_code=entity.address_code if entity else None, address_text=address_text, title=title, reason=reason,
        area_path=area_path, grid_code=grid_code, start_on=start_on, due=due, calendar_version=calendar_version,
        not_for=not_for, at=at,
    )  # fmt: skip
    del row["rev"]  # SQLAlchemy counts it
    task = Task(**row)
    session.add(task)
    session.flush()
    record_planned(session, task, at, actor_id)
    return task


def record_planned(session: Session, task: Task, at: datetime, actor_id: str = SYSTEM.id) -> None:
    """The event of a task that was made."""
    said = {"kind": task.kind, "source": task.source_id, "due_on": str(task.due_on)}
    _record(session, task, "task.planned", at, actor_id, said)


def plan_first_check(
    session: Session,
    entity: Entity,
    event_id: str,
    occurred_on: date,
    calendar: WorkCalendar,
    *,
    reason: str,
    at: datetime,
) -> Task:
    """The first check 首检 of an entity: RG01 and RG02, and RG03 where its scope needs a permit, as one visit.

    Due on the tenth work day after the local day of the registry event (domain.md §4c, worked case 7).
    """
    return plan_task(
        session, kind="first_check", source_id=event_id, items=first_check_items(entity.permit_sectors), entity=entity,
        lead_id=None, grid_code=entity.grid_code, area_path=entity.area_path, address_text=entity.address_text,
        title=_title(entity.name), reason=reason, start_on=occurred_on, due=_first_check_due(calendar, entity.area_path, occurred_on),
        calendar_version=calendar.version, at=at,
    )  # fmt: skip


def plan_permit_check(
    session: Session, entity: Entity, event_id: str, occurred_on: date, calendar: WorkCalendar, *, at: datetime
) -> Task:
    """The check of the permits (RG03) that a changed scope needs, with the limit of a first check. Flushes."""
    return plan_task(
        session, kind="first_check", source_id=event_id, items=[WITH_PERMITS], entity=entity, lead_id=None,
        grid_code=entity.grid_code, area_path=entity.area_path, address_text=entity.address_text,
        title=f"核查许可：{entity.name}", reason=SCOPE_REASON, start_on=occurred_on,
        due=_first_check_due(calendar, entity.area_path, occurred_on), calendar_version=calendar.version, at=at,
    )  # fmt: skip


def plan_first_checks(session: Session, admitted: Sequence[Admission], calendar: WorkCalendar, *, at: datetime) -> int:
    """The first checks of many new entities at once, rows and documents; returns their number. The log is the caller's.

    Entities that the register lists as ended need none. The admissions are fresh, so no cause can have made its task yet.
    """
    dues: dict[tuple[str, date], Due] = {}
    rows = []
    for admission in admitted:
        entity, day = admission.row, admission.notice.occurred_on
        if entity["status"] != "active":
            continue
        place = entity["area_path"], day
        if place not in dues:
            dues[place] = _first_check_due(calendar, *place)
        rows.append(
            task_row(
                kind="first_check", source_id=admission.notice.event_id, items=first_check_items(entity["permit_sectors"]),
                entity_id=entity["id"], lead_id=None, address_code=entity["address_code"],
                address_text=entity["address_text"], title=_title(entity["name"]), reason=FIRST_CHECK_REASON,
                area_path=entity["area_path"], grid_code=entity["grid_code"], start_on=day, due=dues[place],
                calendar_version=calendar.version, not_for=None, at=at,
            )
        )  # fmt: skip
    write_tasks(session, rows, at=at)
    return len(rows)


def write_tasks(session: Session, rows: Sequence[dict[str, Any]], *, at: datetime) -> None:
    """Write many new tasks (`task_row`) with their documents, set-based. The log is the caller's."""
    if not rows:
        return
    dialect_of(session).bulk_insert(session.connection(), Task.__table__, list(rows))
    known, today = catalogue(session), local_day(at)
    here = done_lately(session, {row["door"] for row in rows}, today)
    feed.stage(
        session,
        [task_document(row, known.form_of(row["items"], today), here=here[row["door"]], fresh=True) for row in rows],
    )


def _first_check_due(calendar: WorkCalendar, area_path: str, occurred_on: date) -> Due:
    """The day of a first check where the entity is: a local order may stop work there."""
    return calendar.within(area_path).add(occurred_on, FIRST_CHECK_DAYS)


def route_by_hand(session: Session, task: Task, grid_code: str, *, actor: Actor, at: datetime) -> Task:
    """A person of the street sends a waiting task to a grid; its entity belongs there from now on. Flushes.

    Raises 404 `grid.not_found` (none valid today within the actor's reach), 409 `task.already_routed` or
    `task.wrong_state`.
    """
    grid = grid_in_reach(session, actor, "task.route", grid_code, local_day(at))
    entity = lock_entity(session, task.entity_id) if task.entity_id else None
    task = lock_task(session, task.id) or task
    if task.grid_code is not None:
        raise Refusal("task.already_routed", grid=task.grid_code)
    task.state = after(task.state, "route")
    task.grid_code, task.area_path = grid.code, grid.area_path
    if entity is not None and entity.grid_code is None:
        entity.grid_code, entity.area_path, entity.routed_by = grid.code, grid.area_path, "hand"
    session.flush()
    _record(session, task, "task.routed", at, actor.id, {"grid": grid.code, "entity": task.entity_id})
    return task


def close_task(session: Session, task: Task, code: str, at: datetime, actor_id: str = SYSTEM.id) -> Task:
    """End an open task without a visit; `code` is a key of CLOSE_CODES. One that is closed stays as it is. Flushes."""
    if task.state not in OPEN:
        return task
    task.state = after(task.state, CLOSE_CODES[code][0])
    task.closed_at, task.close_code = at, code
    session.flush()
    _record(session, task, f"task.{task.state}", at, actor_id, {"code": code})
    return task


def amend_items(session: Session, task: Task, items: Sequence[str], at: datetime) -> Task:
    """Change what is asked at the door. A visit that was filled in before this did not answer the new duty. Flushes."""
    if task.items != list(items):
        after(task.state, "amend")
        task.items = list(items)
        task.duty_rev = task.rev + 1
        session.flush()
        _record(session, task, "task.amended", at, SYSTEM.id, {"items": task.items})
    return task


def move_due(session: Session, task: Task, due: Due, calendar_version: int, at: datetime, cause: str) -> Task:
    """Give an open task another due day, as its obligation or the calendar wants it. Flushes."""
    old = Due(task.due_on, task.provisional)
    if due != old:
        after(task.state, "amend")
        task.due_on, task.provisional, task.calendar_version = due.on, due.provisional, calendar_version
        session.flush()
        said = {"from": str(old.on), "to": str(due.on), "provisional": due.provisional, "cause": cause}
        _record(session, task, "task.due_moved", at, SYSTEM.id, said)
    return task


# --- visits ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class VisitReport:
    """What a phone reports of a door. `id` is the item's, made by the phone; `performed_at` is corrected already.

    `base_rev` and `epoch` are those of the task that the worker saw; `in_order` says whether the device's counter was;
    `files` are the item's file entries as sent; `place` is its position as sent.
    """

    id: str
    task_id: str
    base_rev: int
    device_id: str | None
    performed_at: datetime | None
    uncertainty_s: int | None
    in_order: bool
    received_at: datetime
    item_version: str | None
    payload: Any
    place: dict[str, Any] | None = None
    files: list[Any] = field(default_factory=list)
    epoch: int | None = None


@dataclass(frozen=True, slots=True)
class VisitResult:
    """What became of a visit: `effect` accepted, superseded (kept, without effect) or review (a person decides).

    `code` says why: reassigned, task_withdrawn, task_closed; payload_invalid, unknown_item_version, stale_base. `fields`
    are {path, problem} of an invalid payload. Nothing is written for a review: the raw item is kept by the caller.
    """

    effect: str
    code: str | None = None
    fields: list[dict[str, str]] = field(default_factory=list)
    visit: Visit | None = None
    task: Task | None = None


def submit_visit(session: Session, report: VisitReport, *, actor: Actor, calendar: WorkCalendar) -> VisitResult:
    """Take in a visit (sync-protocol §4). It is a fact and never refused; what it does depends on the task. Flushes.

    First come the reasons why it has no effect, in their order of precedence, then those for which a person has to look.
    """
    task = lock_task(session, report.task_id)
    if task is None:
        return VisitResult(
            "review", "payload_invalid", [{"path": "task_id", "problem": "没有这项任务 / there is no such task"}]
        )
    known = session.get(Visit, report.id)
    if known is not None:
        return VisitResult(known.effect, visit=known, task=task)
    without_effect = _without_effect(session, task, report, actor)
    if without_effect is not None:
        visit = _keep_visit(session, task, report, actor, effect="superseded")
        _record_visit(session, task, visit, report, {"code": without_effect})
        satisfied_by_the_earliest(session, task, report.received_at)
        return VisitResult("superseded", without_effect, visit=visit, task=task)
    forms = catalogue(session).forms(report.item_version, local_day(report.received_at))
    if forms is None:
        return VisitResult("review", "unknown_item_version", task=task)
    problems = check_findings(task.items, report.payload, forms)
    if problems:
        return VisitResult("review", "payload_invalid", problems, task=task)
    if report.base_rev < task.duty_rev:
        return VisitResult("review", "stale_base", task=task)
    visit = _keep_visit(session, task, report, actor, effect="accepted")
    _apply_visit(session, task, visit, report, calendar, transfers_met(report.payload, forms))
    return VisitResult("accepted", visit=visit, task=task)


def _without_effect(session: Session, task: Task, report: VisitReport, actor: Actor) -> str | None:
    """Why a visit does not touch its task, in the order of precedence of the protocol; None where it does."""
    if task.grid_code not in actor.grids or task.assigned_to not in (None, actor.id):
        return "reassigned"
    on = local_day(report.received_at)
    if task.not_for == actor.id and others_on_duty(session, task.grid_code, actor.id, on):
        return "reassigned"  # somebody else verifies what this person found, where there is somebody else (T26)
    if task.state in ("superseded", "cancelled"):
        return "task_withdrawn"
    return None if task.state in OPEN else "task_closed"


def _apply_visit(
    session: Session,
    task: Task,
    visit: Visit,
    report: VisitReport,
    calendar: WorkCalendar,
    transfers: Sequence[Met],
) -> None:
    attempts = [one for one in visits_of(session, [task.id])[task.id] if one.effect == "accepted"]
    closed_doors = [moment_of(one) for one in attempts if one.result == "closed_door"]
    act = act_of_visit(task.kind, visit.result, closed_doors, calendar)
    task.state = after(task.state, act)
    if act == "attempt":
        feed.touch(task)  # the phone shows the attempts made so far
    else:
        task.closed_at, task.close_code, task.on_time = report.received_at, visit.result, visit.timeliness
    session.flush()
    missed = [one for one in attempts if one.result in COUNT_AS_ABSENT]
    candidate = ["XS01"] if "RG01" in task.items and len(missed) > 1 else []
    offered = [one.as_json() for one in transfers]
    said = {"act": act, "transfers": offered, "candidates": candidate, "item_version": report.item_version}
    _record_visit(session, task, visit, report, said)
    satisfied_by_the_earliest(session, task, report.received_at)
    if act == "finish":
        follow_up(session, task, visit, transfers, calendar, report.received_at)
    for other in open_at_door(session, task):
        feed.touch(other)  # it shows what was done at its door


def follow_up(
    session: Session, task: Task, visit: Visit, transfers: Sequence[Met], calendar: WorkCalendar, at: datetime
) -> list[Task]:
    """The follow-ups 督促整改 of a visit: for each finding that goes further only when it is still so at a recheck, one task.

    A visit to a follow-up makes no other one: what it finds again is offered as a lead (`offers.py`). Flushes.
    """
    again = [one for one in transfers if one.transfer.get("after_recheck")]
    entity = session.get(Entity, task.entity_id) if task.entity_id else None
    if task.kind == "follow_up" or task.lead_id is not None or entity is None or entity.status != "active":
        return []
    day = local_day(moment_of(visit))
    due = calendar.within(task.area_path).add(day, FOLLOW_UP_DAYS)
    return [
        plan_task(
            session, kind="follow_up", source_id=f"{visit.id}/{one.name}", items=[one.item], entity=entity, lead_id=None,
            grid_code=task.grid_code, area_path=task.area_path, address_text=task.address_text, title=f"督促整改：{entity.name}",
            reason=f"复查：{one.transfer['title']['zh']}", start_on=day, due=due, calendar_version=calendar.version, at=at,
        )
        for one in again
    ]  # fmt: skip


def _keep_visit(session: Session, task: Task, report: VisitReport, actor: Actor, *, effect: str) -> Visit:
    # Whatever came stays in `findings`, word for word; `remarks` is for reading, and PostgreSQL keeps no NUL in text.
    payload = report.payload if isinstance(report.payload, dict) else {"payload": report.payload}
    result, remarks = payload.get("result"), payload.get("remarks")
    visit = Visit(
        id=report.id, task_id=task.id, entity_id=task.entity_id, lead_id=task.lead_id, by_user=actor.id,
        by_role=role_at_doors(actor), visit_kind="worker",
        device_id=report.device_id, area_path=task.area_path, grid_code=task.grid_code,
        performed_at=report.performed_at, uncertainty_s=report.uncertainty_s, received_at=report.received_at,
        result=result if isinstance(result, str) and result in RESULTS else "", findings=payload, place=report.place,
        files=report.files, remarks=remarks.replace("\0", "") if isinstance(remarks, str) else "", effect=effect,
        timeliness=timeliness(
            task.due_on, report.performed_at, report.uncertainty_s, report.in_order, report.received_at
        ),
    )  # fmt: skip
    session.add(visit)
    session.flush()
    return visit


def role_at_doors(actor: Actor) -> str:
    """The role in which a person goes to doors: grid worker, market manager, or whatever else is held."""
    roles = actor.roles
    field = next((role for role in (Role.GRID_WORKER, Role.MARKET_MANAGER) if role in roles), None)
    return (field or min(roles, default=Role.GRID_WORKER)).value


def _record_visit(session: Session, task: Task, visit: Visit, report: VisitReport, data: dict[str, Any]) -> None:
    said = {
        "visit": visit.id, "effect": visit.effect, "result": visit.result, "timeliness": visit.timeliness,
        "base_rev": report.base_rev, "epoch": report.epoch, **data,
    }  # fmt: skip
    _record(session, task, "task.visited", report.received_at, visit.by_user, said)


# --- rows and events -------------------------------------------------------------------------------------------------


def task_row(*, due: Due, at: datetime, grid_code: str | None, title: str, **values: Any) -> dict[str, Any]:
    """The columns of a new task."""
    return {
        "door": door_of(values["address_code"], values["entity_id"]),
        "id": new_id(), "rev": 1, "state": after("planned", "route") if grid_code else "planned", "grid_code": grid_code,
        "title": title[:TITLE], "due_on": due.on, "provisional": due.provisional, "epoch": 1, "duty_rev": 1,
        "assigned_to": None, "campaign_id": None, "created_at": at, "closed_at": None, "close_code": None, "on_time": None, **values,
    }  # fmt: skip


def _title(name: str) -> str:
    return f"首检：{name}"


def _record(session: Session, task: Task, act: str, at: datetime, actor_id: str, data: dict[str, Any]) -> None:
    audit.record(
        session, chain=area_of(task.area_path), act=act, subject=("task", task.id), actor_id=actor_id, at=at, data=data,
        version=task.rev,
    )  # fmt: skip
