"""Tasks and the hand-triage queue; and the registry's events, which stand here because each new entity makes a task."""

from __future__ import annotations

from typing import Any

from flask import request
from marshmallow import ValidationError
from werkzeug.exceptions import UnprocessableEntity

from gridwatch.calendars.queries import current_calendar, paper_of
from gridwatch.db.base import db
from gridwatch.domain.errors import Refusal
from gridwatch.domain.worktime import local_day
from gridwatch.entities.queries import lock_registers
from gridwatch.entities.service import RegistryNotice
from gridwatch.entities.uscc import USCC_WORDS
from gridwatch.files.queries import attachments
from gridwatch.tasks import dues, queries, schemas, service
from gridwatch.tasks.models import Task
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
    """The tasks within reach, of one state or grid."""
    return _page(queries.tasks_within(current_actor(), state=query["state"], grid=query["grid"]), query)


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
    notices = [event for event in events if isinstance(event, RegistryNotice)]
    streets = {notice.street_code for notice in notices if notice.street_code}
    lock_registers(db.session(), streets, {notice.code for notice in notices})
    if schemas.is_alone(request.get_json(force=True)):
        if isinstance(events[0], UnprocessableEntity):
            raise events[0]
        return {"results": [_taken_in(events[0])]}
    return {"results": [_answer(raw, event) for raw, event in zip(body["events"], events, strict=True)]}


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


def _answer(raw: Any, event: RegistryNotice | UnprocessableEntity) -> dict[str, Any]:
    """The answer to one event of several: a refusal is its answer, and changes nothing."""
    try:
        if isinstance(event, RegistryNotice):
            return _taken_in(event)
        response = from_http(event)
    except Refusal as refusal:
        response = problem_response(refusal)
    event_id = raw.get("event_id") if isinstance(raw, dict) else None
    return {
        "event_id": event_id if isinstance(event_id, str) else None, "outcome": "refused", "entity_id": None,
        "grid_code": None, "routed_by": None, "task_id": None, "due_on": None, "warnings": [],
        "problem": response.get_json(),
    }  # fmt: skip


def _taken_in(notice: RegistryNotice) -> dict[str, Any]:
    session, moment = db.session(), now()
    taken: TakenIn = take_in(
        session, notice, current_calendar(session), actor=current_actor(), now=moment, today=local_day(moment)
    )
    entity, task = taken.registered.entity, taken.task
    return {
        "event_id": notice.event_id, "outcome": taken.registered.effect, "entity_id": entity.id,
        "grid_code": entity.grid_code, "routed_by": entity.routed_by, "task_id": task.id if task else None,
        "due_on": task.due_on if task else None, "problem": None,
        "warnings": [{"code": code, "zh": USCC_WORDS[code][0], "en": USCC_WORDS[code][1]} for code in taken.registered.warnings],
    }  # fmt: skip
