"""The API shape of calendars, time limits and the planner."""

from __future__ import annotations

from marshmallow import fields, validate

from gridwatch.web.api import Input, Moment, Output


class CalendarIn(Input):
    """A holiday notice, or with `area` a local order. Refusals: 404 `area.not_found`, 422 `calendar.notice_invalid` or
    `calendar.area_too_small`."""

    content = fields.String(
        required=True,
        validate=validate.Length(1, 500_000),
        metadata={
            "description": "The notice's own words with its title, a table (date,kind,name as CSV), or a calendar file (ICS)."
        },
    )
    source = fields.String(
        required=True, validate=validate.Length(2, 200), metadata={"description": "The paper: its number or address."}
    )
    area = fields.String(
        load_default=None,
        allow_none=True,
        metadata={"description": "Code of a street or above: the days count there alone."},
    )


class PreviewIn(CalendarIn):
    """What an import would do: the same, with the page that is wanted."""

    cursor = fields.String(load_default=None, allow_none=True)
    limit = fields.Integer(load_default=50, validate=validate.Range(1, 200))


class CalendarOut(Output):
    """What an import made. `version` is null where everything was known already."""

    version = fields.Integer(required=True, allow_none=True)
    form = fields.String(required=True, metadata={"description": "How it was read: text, csv or ics."})
    source = fields.String(required=True)
    area = fields.String(required=True, allow_none=True, metadata={"description": "Path of the area of a local order."})
    years = fields.List(fields.Integer(), required=True)
    changed_days = fields.List(
        fields.Dict(), required=True, metadata={"description": "Days of another kind than before."}
    )
    conflicts = fields.List(
        fields.Dict(),
        required=True,
        metadata={
            "description": "Days on which an earlier notice of the same year had said otherwise, with its paper."
        },
    )


class PreviewOut(CalendarOut):
    """What an import would do. Nothing was written."""

    version = fields.Integer(dump_default=None, allow_none=True)
    moved = fields.Dict(required=True, metadata={"description": "How many dates would move: obligation, task."})
    confirmed = fields.Integer(
        required=True, metadata={"description": "Provisional dates that would stand and be certain."}
    )
    items = fields.List(
        fields.Dict(),
        required=True,
        metadata={"description": "The dates that would move: from, to, and the days behind it."},
    )
    next_cursor = fields.String(required=True, allow_none=True)


class VersionOut(Output):
    """One import."""

    version = fields.Integer(required=True)
    source = fields.String(required=True)
    imported_at = Moment(required=True)
    imported_by = fields.String(required=True)


class CalendarsOut(Output):
    """The calendar in force and every import, newest first."""

    version = fields.Integer(required=True)
    official_years = fields.List(fields.Integer(), required=True)
    items = fields.List(fields.Nested(VersionOut), required=True)


class PolicyOut(Output):
    """One version of the time limits; days are work days where the domain counts in them."""

    version = fields.Integer(required=True)
    effective_on = fields.Date(required=True)
    in_force = fields.Boolean(required=True, metadata={"description": "Whether it is what begins today is counted by."})
    limits = fields.Dict(required=True)


class PoliciesOut(Output):
    """Every version of the time limits, oldest first. A clock that runs keeps those that it began with."""

    items = fields.List(fields.Nested(PolicyOut), required=True)


class PlanQuery(Input):
    """For which departments, and on which day."""

    departments = fields.String(
        load_default="", metadata={"description": "Codes, joined by commas; all with open duties without."}
    )
    on = fields.Date(load_default=None, metadata={"description": "The day of the push; today without it."})


class PlanOut(Output):
    """What a push would give, and the load of the departments on the days until its last date."""

    on = fields.Date(required=True)
    is_work_day = fields.Boolean(required=True)
    dates = fields.List(fields.Dict(), required=True, metadata={"description": "kind, k, days, due_on, provisional."})
    departments = fields.List(
        fields.Dict(),
        required=True,
        metadata={"description": "department, name, overdue, and days: on, due (open duties), kinds."},
    )
