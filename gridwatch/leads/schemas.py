"""The API shape of leads."""

from __future__ import annotations

from marshmallow import fields, validate

from gridwatch.domain.lead_words import Act
from gridwatch.web.api import Input, Output


class LeadStepIn(Input):
    """One step of one lead.

    Refusals, in this order: 404 `lead.not_found`, 403 `lead.not_your_desk` or `lead.same_person`, 409
    `lead.changed_meanwhile`, 409 `lead.step_not_allowed` or `lead.guard_failed`, 422 `lead.input_missing` or
    `lead.input_invalid`.
    """

    act = fields.String(
        required=True,
        metadata={"description": "One of: " + ", ".join(one.value for one in Act if one is not Act.SUBMIT)},
    )
    inputs = fields.Dict(
        keys=fields.String(),
        load_default=dict,
        metadata={
            "description": "The fields of the row in GET /api/v1/leads/flow; people, departments and evidence by id."
        },
    )
    expected_version = fields.Integer(
        required=True,
        strict=True,
        validate=validate.Range(min=1),
        metadata={"description": "The version of the lead that the sender last saw."},
    )


class LeadQuery(Input):
    """Which leads to list."""

    state = fields.String(metadata={"description": "A state, e.g. street."})
    category = fields.String(metadata={"description": "XS01 to XS04."})
    cursor = fields.String()
    limit = fields.Integer(load_default=50, validate=validate.Range(min=1, max=200))


class LeadQueryPage(Output):
    """A page of leads in the order of their numbers."""

    items = fields.List(fields.Dict())
    next_cursor = fields.String(allow_none=True)


class LeadOut(Output):
    """A lead with its assignments, its obligations and what the reader may do now. Instants are UTC, days Asia/Shanghai."""

    id = fields.String(required=True)
    no = fields.String(required=True)
    version = fields.Integer(required=True)
    state = fields.String(required=True)
    state_name = fields.Dict()
    category = fields.String(required=True)
    category_name = fields.Dict()
    title = fields.String()
    description = fields.String()
    entity_id = fields.String(allow_none=True)
    address = fields.String()
    lon = fields.Float(allow_none=True)
    lat = fields.Float(allow_none=True)
    grid_code = fields.String(allow_none=True)
    community_code = fields.String(allow_none=True)
    street_code = fields.String()
    source = fields.String()
    reporter = fields.Dict(
        allow_none=True, metadata={"description": "Only for those who may see it (rulings I9, R32)."}
    )
    handler = fields.Dict(allow_none=True)
    performed_at = fields.String(allow_none=True)
    reported_at = fields.String()
    closed_at = fields.String(allow_none=True)
    outcome = fields.String(allow_none=True)
    round = fields.Integer()
    bounces = fields.Integer()
    flags = fields.List(fields.String())
    proposed_department = fields.String(allow_none=True)
    evidence = fields.List(fields.String())
    attachments = fields.Dict(
        metadata={"description": "How many files the evidence requires, how many are here, and the missing hashes."}
    )
    assignments = fields.List(fields.Dict())
    obligations = fields.List(fields.Dict())
    allowed = fields.List(
        fields.Dict(), metadata={"description": "The steps that the reader may take now, with their fields."}
    )


class TimelineOut(Output):
    """The events of a lead, oldest first."""

    items = fields.List(fields.Dict())


class WhyOut(Output):
    """Why an obligation has its date: every day from day zero, counted or skipped, and why."""

    obligation = fields.Dict()
    days = fields.List(fields.Dict())
