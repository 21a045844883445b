"""What the inspection routes take and give."""

from __future__ import annotations

from marshmallow import fields, validate

from gridwatch.domain.inspections import CAUSES
from gridwatch.domain.items import RESULTS
from gridwatch.web.api import Input, Moment, Output


class InspectionIn(Input):
    """An inspection. `id` is a UUID of the client's; `cause` and `paper` say why it is no planned one."""

    id = fields.UUID(required=True)
    licences = fields.List(
        fields.String(validate=validate.Length(1, 40)), required=True, validate=validate.Length(0, 10),
        metadata={"description": "Licence numbers 执法证号 of the officers, two at least."},
    )  # fmt: skip
    performed_at = fields.AwareDateTime(required=True)
    result = fields.String(required=True, validate=validate.OneOf(list(RESULTS)))
    remarks = fields.String(load_default="", validate=validate.Length(0, 2_000))
    cause = fields.String(load_default="", validate=validate.OneOf(["", *CAUSES]))
    paper = fields.String(load_default="", validate=validate.Length(0, 120))


class InspectionOut(Output):
    """One inspection. `cause` is empty for a planned one."""

    id = fields.String(required=True)
    entity_id = fields.String(required=True)
    department_code = fields.String(required=True)
    licences = fields.List(fields.String(), required=True)
    inspected_on = fields.Date(required=True)
    cause = fields.String(required=True, metadata={"enum": ["", *CAUSES]})
    paper = fields.String(required=True)
    result = fields.String(required=True, metadata={"enum": list(RESULTS)})
    remarks = fields.String(required=True)
    performed_at = Moment(required=True)


class InspectionsOut(Output):
    """The inspections of an entity in the current year, and how far its limit is used: days with a planned one, and the most."""

    year = fields.Integer(required=True)
    planned = fields.Integer(required=True)
    most = fields.Integer(required=True)
    items = fields.List(fields.Nested(InspectionOut), required=True)


class CapIn(Input):
    """A limit for an area: planned inspections of an entity a year, from a day on."""

    area_code = fields.String(required=True, validate=validate.Length(1, 12))
    most = fields.Integer(required=True, strict=True, validate=validate.Range(0, 365))
    effective_on = fields.Date(required=True)
    source = fields.String(required=True, validate=validate.Length(2, 200))


class CapOut(Output):
    """A limit of an area."""

    area_code = fields.String(required=True)
    most = fields.Integer(required=True)
    effective_on = fields.Date(required=True)
    source = fields.String(required=True)


class CapsOut(Output):
    """The limits of one's areas; `default` holds where there is none."""

    default = fields.Integer(required=True)
    items = fields.List(fields.Nested(CapOut), required=True)
