"""What the task and registry routes take and give."""

from __future__ import annotations

from typing import Any

from marshmallow import fields, post_load, pre_load, validate

from gridwatch.domain.cycles import WHOM
from gridwatch.domain.items import RESULTS
from gridwatch.domain.task_flow import STATES
from gridwatch.entities.service import KINDS, RegistryNotice
from gridwatch.web.api import Input, Moment, Output


def _text(least: int, most: int, **more: Any) -> fields.String:
    return fields.String(validate=validate.Length(least, most), **more)


# --- tasks -----------------------------------------------------------------------------------------------------------


class PageQuery(Input):
    """Which page."""

    cursor = fields.String(load_default=None)
    limit = fields.Integer(load_default=100)


class TaskQuery(PageQuery):
    """Which tasks within reach; `open` stands for every open state."""

    state = fields.String(load_default=None, validate=validate.OneOf(["open", *STATES]))
    grid = _text(1, 20, load_default=None)
    door = _text(1, 48, load_default=None)


class RouteIn(Input):
    """The grid that a waiting task goes to."""

    grid_code = _text(1, 20, required=True)


class VisitOut(Output):
    """One visit, as it was reported. `effect` accepted or superseded; `timeliness` on_time, late_sync, late or unclear."""

    id = fields.String(required=True)
    by_user = fields.String(required=True)
    result = fields.String(required=True, metadata={"enum": [*RESULTS, ""]})
    effect = fields.String(required=True)
    timeliness = fields.String(required=True)
    performed_at = Moment(required=True, allow_none=True)
    received_at = Moment(required=True)
    findings = fields.Dict(required=True)
    place = fields.Dict(required=True, allow_none=True)
    files = fields.List(fields.Raw(), required=True)
    attachments = fields.Dict(
        required=True,
        metadata={"description": "How many files the visit requires, how many are here, and the missing hashes."},
    )
    remarks = fields.String(required=True)


class TaskOut(Output):
    """One task. `on_time` is the timeliness of the visit that closed it; `form` what a visit names as `item_version`."""

    id = fields.String(required=True)
    kind = fields.String(required=True)
    state = fields.String(required=True, metadata={"enum": list(STATES)})
    items = fields.List(fields.String(), required=True)
    title = fields.String(required=True)
    reason = fields.String(required=True)
    entity_id = fields.String(required=True, allow_none=True)
    lead_id = fields.String(required=True, allow_none=True)
    campaign_id = fields.String(required=True, allow_none=True)
    address_code = fields.String(required=True, allow_none=True)
    address_text = fields.String(required=True)
    door = fields.String(required=True, allow_none=True, metadata={"description": "Tasks of one door are one visit."})
    grid_code = fields.String(required=True, allow_none=True)
    start_on = fields.Date(required=True)
    due_on = fields.Date(required=True)
    provisional = fields.Boolean(required=True)
    epoch = fields.Integer(required=True)
    assigned_to = fields.String(required=True, allow_none=True)
    created_at = Moment(required=True)
    closed_at = Moment(required=True, allow_none=True)
    close_code = fields.String(required=True, allow_none=True)
    on_time = fields.String(required=True, allow_none=True)
    rev = fields.Integer(required=True)


class TaskWithVisitsOut(TaskOut):
    """One task with every visit to it, those without effect included."""

    visits = fields.List(fields.Nested(VisitOut), required=True)


class DoneHereOut(Output):
    """What was done at a door: the local day, the result, the items, and the role of who was there."""

    on = fields.Date(required=True)
    result = fields.String(required=True, metadata={"enum": [*RESULTS, ""]})
    items = fields.List(fields.String(), required=True)
    role = fields.String(required=True)


class DoorOut(Output):
    """The card of a door: every open task there as one visit, and what was done there in the last 30 days."""

    door = fields.String(required=True, allow_none=True)
    address_text = fields.String(required=True)
    items = fields.List(
        fields.String(), required=True, metadata={"description": "What is asked there, over all tasks."}
    )
    tasks = fields.List(fields.Nested(TaskOut), required=True)
    done_here = fields.List(fields.Nested(DoneHereOut), required=True)


class TaskPage(Output):
    """One page of tasks, in the order in which they were made."""

    items = fields.List(fields.Nested(TaskOut), required=True)
    next_cursor = fields.String(required=True, allow_none=True)


# --- cycles ----------------------------------------------------------------------------------------------------------


class CycleOrderIn(Input):
    """That the items repeat in an area from a local day on, both days included."""

    area_code = _text(1, 12, required=True)
    from_on = fields.Date(required=True)
    until_on = fields.Date(load_default=None, allow_none=True)


class CycleOrderOut(Output):
    """An area with cyclic visits."""

    area_code = fields.String(required=True)
    from_on = fields.Date(required=True)
    until_on = fields.Date(required=True, allow_none=True)


class CycleOut(Output):
    """How often an item is asked, and of whom: entity, permit (entities whose scope needs one) or grid."""

    item = fields.String(required=True)
    months = fields.Integer(required=True)
    of = fields.String(required=True, metadata={"enum": list(WHOM)})
    sooner = fields.Integer(
        required=True, allow_none=True, metadata={"description": "Months, where the last answer wants it."}
    )


class PlannedOut(Output):
    """The cyclic visits that were planned for a grid today."""

    grid_code = fields.String(required=True)
    planned = fields.Integer(required=True)


class CyclesOut(Output):
    """The cycles in force, the areas that have them, and what was planned today."""

    items = fields.List(fields.Nested(CycleOut), required=True)
    orders = fields.List(fields.Nested(CycleOrderOut), required=True)
    planned_today = fields.List(fields.Nested(PlannedOut), required=True)


# --- registry events -------------------------------------------------------------------------------------------------


class RegistryEventIn(Input):
    """One event of the register. `code` is the register's number of the entity, `occurred_on` the local day of the event.

    `new` needs name, street_code and address_text; `address` needs address_text and replaces the address whole, point
    and address code included; `scope` needs scope; `details` changes what it names; `deregistered` ends the entity.
    """

    event_id = _text(1, 64, required=True)
    kind = fields.String(required=True, validate=validate.OneOf(KINDS))
    code = _text(1, 40, required=True)
    occurred_on = fields.Date(required=True)
    name = _text(1, 120, load_default=None)
    uscc = _text(0, 40, load_default=None)
    entity_type = _text(0, 40, load_default=None)
    registered_on = fields.Date(load_default=None, allow_none=True)
    scope = _text(0, 8_000, load_default=None)
    street_code = _text(1, 12, load_default=None)
    address_text = _text(1, 300, load_default=None)
    address_code = _text(1, 32, load_default=None, allow_none=True)
    lon = fields.Float(load_default=None, allow_none=True, metadata={"description": "Longitude in degrees of `datum`."})
    lat = fields.Float(load_default=None, allow_none=True)
    datum = _text(1, 20, load_default=None, allow_none=True, metadata={"example": "WGS84"})
    accuracy_m = fields.Float(load_default=None, allow_none=True, validate=validate.Range(0, 100_000))

    @post_load
    def _notice(self, data: dict[str, Any], **kwargs: Any) -> RegistryNotice:
        return RegistryNotice(**data)


class _CheckedOneByOne(fields.List):
    """A list whose members are checked later, each for itself, so that a bad one does not hold up the others."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> list[Any]:
        if not isinstance(value, list):
            raise self.make_error("invalid")
        return value


def is_alone(body: Any) -> bool:
    """Whether a body is one bare event."""
    return isinstance(body, dict) and "events" not in body


class RegistryIn(Input):
    """Events of the register. A bare list of events is taken too, and so is one bare event, which is then answered alone:
    refused, it is an error response.
    """

    events = _CheckedOneByOne(fields.Nested(RegistryEventIn), required=True)

    @pre_load
    def _wrapped(self, data: Any, **kwargs: Any) -> Any:
        if isinstance(data, list):
            return {"events": data}
        return {"events": [data]} if is_alone(data) else data


class RegistryResultOut(Output):
    """What became of one event. `outcome` is created, changed, unchanged, duplicate (it was here before), outdated (a later
    event of its kind was) or refused.

    `problem` is the error body of a refusal; `warnings` say what was odd about the credit code, and was taken all the same.
    """

    event_id = fields.String(required=True, allow_none=True)
    outcome = fields.String(required=True)
    entity_id = fields.String(required=True, allow_none=True)
    grid_code = fields.String(required=True, allow_none=True)
    routed_by = fields.String(required=True, allow_none=True)
    task_id = fields.String(required=True, allow_none=True)
    due_on = fields.Date(required=True, allow_none=True)
    warnings = fields.List(fields.Dict(keys=fields.String(), values=fields.String()), required=True)
    problem = fields.Dict(required=True, allow_none=True)


class RegistryOut(Output):
    """One answer for each event, in the order sent."""

    results = fields.List(fields.Nested(RegistryResultOut), required=True)


class TaskWhyOut(Output):
    """Why a task is due when it is: the calendar, every day from its cause on, and every time that the day moved."""

    due_on = fields.Date(required=True)
    provisional = fields.Boolean(required=True)
    calendar = fields.Dict(
        required=True, metadata={"description": "version and source of the calendar it was counted with."}
    )
    days = fields.List(fields.Dict(), required=True)
    moves = fields.List(fields.Dict(), required=True, metadata={"description": "at, from, to, provisional, cause."})


class SuggestionOut(Output):
    """One grid that a waiting task may belong to. `sure`: everything known of its door or building says so (docs/routing.md)."""

    grid_code = fields.String(required=True)
    grid_name = fields.String(required=True)
    community_name = fields.String(required=True)
    zh = fields.String(required=True)
    en = fields.String(required=True)
    sure = fields.Boolean(required=True)


class SuggestionsOut(Output):
    """Suggestions, the best first."""

    items = fields.List(fields.Nested(SuggestionOut), required=True)
