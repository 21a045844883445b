"""Tasks and the hand-triage queue; and the registry's events, which stand here because each new entity makes a task."""

from __future__ import annotations

from typing import Any

from flask import request
from marshmallow import ValidationError
from werkzeug.exceptions import UnprocessableEntity

from gridwatch.calendars.queries import current_calendar, paper_of
from gridwatch.db.base import db
from gridwatch.domain.errors import Refusal
from gridwatch.domain.task_flow import OPEN
from gridwatch.domain.worktime import local_day
from gridwatch.entities.queries import lock_registers
from gridwatch.entities.service import RegistryNotice
from gridwatch.files.queries import attachments
from gridwatch.tasks import cycles, dues, intake, queries, schemas, service
from gridwatch.tasks.models import CycleOrder, Task
from gridwatch.tasks.registration import TakenIn, take_in
from gridwatch.tasks.suggestions import suggestions
from gridwatch.web.api import Blueprint
from gridwatch.web.clock import now, rfc3339
from gridwatch.web.identity import current_actor, permit, writes
from gridwatch.web.paging import page
from gridwatch.web.problems import from_http, problem_response

blueprint = Blueprint("tasks", __name__, url_prefix="/api/v1")

MOST_EVENTS = 500
_VISIT = [name for name in schemas.VisitOut().fields if name != "attachments"]


@blueprint.get("/tasks")
@blueprint.arguments(schemas.TaskQuery, location="query")
@blueprint.response(200, schemas.TaskPage)
@permit("task.read")
def list_tasks(query: dict[str, Any]) -> dict[str, Any]:
    """The tasks within reach, of one state, grid or door."""
    return _page(
        queries.tasks_within(current_actor(), state=query["state"], grid=query["grid"], door=query["door"]), query
    )


@blueprint.get("/tasks/queue")
@blueprint.arguments(schemas.PageQuery, location="query")
@blueprint.response(200, schemas.TaskPage)
@permit("task.route")
def list_queue(query: dict[str, Any]) -> dict[str, Any]:
    """The hand-triage queue of the street: tasks whose grid nobody knows, with the address as the register wrote it."""
    return _page(queries.queue_within(current_actor()), query)


@blueprint.get("/tasks/<task_id>")
@blueprint.response(200, schemas.TaskWithVisitsOut)
@permit("task.read", hidden="task.not_found")
def get_task(task_id: str) -> dict[str, Any]:
    """One task with every visit to it."""
    session = db.session()
    task = queries.task_in_reach(session, current_actor(), task_id)
    shown = {name: getattr(task, name) for name in schemas.TaskOut().fields}
    visits = queries.visits_of(session, [task.id])[task.id]
    files = attachments(session, [visit.id for visit in visits])
    return shown | {
        "visits": [
            {name: getattr(visit, name) for name in _VISIT} | {"attachments": files[visit.id].as_json()}
            for visit in visits
        ]
    }


@blueprint.get("/tasks/<task_id>/door")
@blueprint.response(200, schemas.DoorOut)
@permit("task.read", hidden="task.not_found")
def get_door(task_id: str) -> dict[str, Any]:
    """The door of a task: every open task there within reach, and what was done there lately."""
    session, actor = db.session(), current_actor()
    task = queries.task_in_reach(session, actor, task_id)
    tasks = [task] if task.state in OPEN else []
    if task.door is not None:
        statement = queries.tasks_within(actor, state="open", door=task.door)
        tasks = list(session.scalars(statement.order_by(Task.due_on, Task.id)))
    return {
        "door": task.door, "address_text": task.address_text, "tasks": tasks,
        "items": sorted({item for one in tasks for item in one.items}),
        "done_here": queries.done_lately(session, {task.door}, local_day(now()))[task.door],
    }  # fmt: skip


@blueprint.get("/tasks/<task_id>/why")
@blueprint.response(200, schemas.TaskWhyOut)
@permit("task.read", hidden="task.not_found")
def why(task_id: str) -> dict[str, Any]:
    """Why a task is due when it is, day by day, and how its day moved."""
    session = db.session()
    task = queries.task_in_reach(session, current_actor(), task_id)
    return {
        "due_on": task.due_on, "provisional": task.provisional, "calendar": paper_of(session, task.calendar_version),
        "days": dues.why(session, task), "moves": [{**one, "at": rfc3339(one["at"])} for one in dues.moves(session, task)],
    }  # fmt: skip


@blueprint.get("/tasks/<task_id>/suggestions")
@blueprint.response(200, schemas.SuggestionsOut)
@permit("task.route", hidden="task.not_found")
def list_suggestions(task_id: str) -> dict[str, Any]:
    """Which grids the address of a waiting task probably lies in, each with its reason."""
    session, actor = db.session(), current_actor()
    task = queries.task_in_reach(session, actor, task_id, "task.route")
    return {"items": suggestions(session, [task], actor, local_day(now()))[task.id]}


@blueprint.post("/tasks/<task_id>/route")
@blueprint.arguments(schemas.RouteIn)
@blueprint.response(200, schemas.TaskOut)
@permit("task.read", hidden="task.not_found")  # who sees the task is told 403, who does not 404 (R33)
@writes
def route_task(body: dict[str, Any], task_id: str) -> Task:
    """Send a waiting task, and its entity, to a grid."""
    session, actor = db.session(), current_actor()
    task = queries.task_to_route(session, actor, task_id)
    return service.route_by_hand(session, task, body["grid_code"], actor=actor, at=now())


@blueprint.get("/cycles")
@blueprint.response(200, schemas.CyclesOut)
@permit("task.read")
def get_cycles() -> dict[str, Any]:
    """Which items repeat how often, where they do, and how many visits were planned today."""
    session, actor, today = db.session(), current_actor(), local_day(now())
    return {
        "items": cycles.cycles_of(session, today), "orders": queries.cycle_orders_within(session, actor),
        "planned_today": queries.planned_within(session, actor, today),
    }  # fmt: skip


@blueprint.post("/cycles")
@blueprint.arguments(schemas.CycleOrderIn)
@blueprint.response(200, schemas.CycleOrderOut)
@permit("task.order")
@writes
def order_cycles(body: dict[str, Any]) -> CycleOrder:
    """Have the items repeat in an area of one's own from a day on, or until one."""
    session, actor = db.session(), current_actor()
    area = queries.area_in_reach(session, actor, body["area_code"])
    return cycles.order(session, area, body["from_on"], body["until_on"], actor=actor, now=now())


@blueprint.post("/registry/events")
@blueprint.arguments(schemas.RegistryIn)
@blueprint.response(200, schemas.RegistryOut)
@permit("registry.intake")
@writes
def post_registry_events(body: dict[str, Any]) -> dict[str, Any]:
    """Take in events of the register, each once per event id, and make the first checks that follow."""
    if len(body["events"]) > MOST_EVENTS:
        raise Refusal("http.too_large", most=MOST_EVENTS)
    events = [_read(event) for event in body["events"]]
    if schemas.is_alone(request.get_json(force=True)):
        return {"results": [_alone(events[0])]}
    session, moment = db.session(), now()
    notices = [event for event in events if isinstance(event, RegistryNotice)]
    answers = iter(
        intake.take_in_many(
            session, notices, current_calendar(session), actor=current_actor(), now=moment, today=local_day(moment)
        )
    )
    return {
        "results": [
            _answer(raw, event, next(answers) if isinstance(event, RegistryNotice) else event)
            for raw, event in zip(body["events"], events, strict=True)
        ]
    }


def _page(statement: Any, query: dict[str, Any]) -> dict[str, Any]:
    return page(
        db.session(), statement, [Task.id],
        cursor=query["cursor"], limit=query["limit"], key_of=lambda task: [task.id],
    )  # fmt: skip


def _read(event: Any) -> RegistryNotice | UnprocessableEntity:
    """The event, or the 422 that it deserves."""
    try:
        return schemas.RegistryEventIn().load(event)
    except ValidationError as problem:
        refused = UnprocessableEntity()
        refused.data = {"messages": {"json": problem.messages}}  # type: ignore[attr-defined] - as the parser leaves it
        return refused


def _answer(
    raw: Any, event: RegistryNotice | UnprocessableEntity, answer: intake.Answered | UnprocessableEntity
) -> dict[str, Any]:
    """The answer to one event of several: a refusal is its answer, and changes nothing."""
    if isinstance(answer, TakenIn) and isinstance(event, RegistryNotice):
        return intake.as_json(event, answer)
    response = problem_response(answer) if isinstance(answer, Refusal) else from_http(answer)
    event_id = raw.get("event_id") if isinstance(raw, dict) else None
    return intake.refused_as_json(event_id if isinstance(event_id, str) else None, response.get_json())


def _alone(event: RegistryNotice | UnprocessableEntity) -> dict[str, Any]:
    """The answer to one bare event: a refusal is raised."""
    if isinstance(event, UnprocessableEntity):
        raise event
    session, moment = db.session(), now()
    lock_registers(session, {event.street_code} if event.street_code else set(), {event.code})
    taken = take_in(
        session, event, current_calendar(session), actor=current_actor(), now=moment, today=local_day(moment)
    )
    return intake.as_json(event, taken)
