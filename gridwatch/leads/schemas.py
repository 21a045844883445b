"""The API shape of leads."""

from __future__ import annotations

from marshmallow import fields, validate

from gridwatch.domain.lead_words import Act
from gridwatch.web.api import Input, Moment, Output


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


class LeadReportIn(Input):
    """A report from a desk (T01): the intake's complaint, a market manager's or a worker's finding. Longitude first, WGS-84.

    Refusals: 403 `auth.forbidden`, 404 `entity.not_found`, 422 `lead.input_missing` or `lead.input_invalid`.
    """

    id = fields.UUID(
        required=True,
        metadata={"description": "Made by the sender; the same report sent again makes no second lead."},
    )
    category = fields.String(required=True, metadata={"description": "XS01 to XS04."})
    title = fields.String(load_default="")
    description = fields.String(load_default="")
    entity_id = fields.String(load_default=None, allow_none=True)
    address = fields.String(load_default="")
    lon = fields.Float(load_default=None, allow_none=True, validate=validate.Range(-180, 180))
    lat = fields.Float(load_default=None, allow_none=True, validate=validate.Range(-90, 90))
    grid_code = fields.String(
        load_default=None, allow_none=True, metadata={"description": "Where neither entity nor point gives a grid."}
    )
    evidence = fields.List(
        fields.String(validate=validate.Regexp(r"^[0-9a-f]{64}\Z")), load_default=list, validate=validate.Length(max=9)
    )


class LeadAsOf(Input):
    """At which moment."""

    as_of = fields.AwareDateTime(
        format="iso",
        load_default=None,
        metadata={"description": "RFC 3339: the lead as it was then, from its events alone. Without it, as it is."},
    )


class PackageQuery(Input):
    """Which package, and in which form."""

    sha256 = fields.String(metadata={"description": "Without it, the newest."})
    format = fields.String(
        load_default="json", validate=validate.OneOf(("json", "pdf", "zip")),
        metadata={"description": "json: the bytes that were hashed; pdf: to read and print; zip: both, evidence and manifest."},
    )  # fmt: skip


class PackageOut(Output):
    """A package that was exported of a lead; its bytes are at GET of the same address."""

    lead_id = fields.String(required=True)
    sha256 = fields.String(required=True, metadata={"description": "Of the bytes, as T32 and T41 name it."})
    version = fields.Integer(required=True, metadata={"description": "The lead's version that it tells of."})
    exported_at = Moment(required=True)
    exported_by = fields.String(required=True)


class AdviceOut(Output):
    """What is advised before a push, by decree 684 and the permit table. It changes nothing."""

    way = fields.String(
        required=True,
        metadata={"description": "push, close (without a push), or office: the supervision office decides."},
    )
    act = fields.String(allow_none=True, metadata={"description": "The act of the lead table that is advised."})
    department = fields.Dict(allow_none=True, metadata={"description": "Code and name of the lead department."})
    assists = fields.List(
        fields.Dict(), metadata={"description": "Departments that should assist: other missing permits."}
    )
    article = fields.Integer(
        allow_none=True, metadata={"description": "Of decree 684; null where the register's rules apply."}
    )
    sectors = fields.List(
        fields.String(), metadata={"description": "Rows of the permit table, the greatest hazard first."}
    )
    leaflet = fields.Dict(allow_none=True, metadata={"description": "What to hand over at the door."})
    reason = fields.Dict(required=True, metadata={"description": "Why, in Chinese and English; never empty."})
    outcome = fields.String(allow_none=True, metadata={"description": "For a close: the outcome to enter."})
    exempt_ground = fields.String(allow_none=True, metadata={"description": "For a close: the ground of article 3."})


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
    level = fields.String(allow_none=True)
    master_id = fields.String(allow_none=True, metadata={"description": "While it is merged into another lead."})
    reports = fields.Integer(metadata={"description": "How often it was reported, merged leads included."})
    related = fields.List(fields.String())
    as_of = fields.String(allow_none=True, metadata={"description": "The moment that was asked for, else null."})
    hints = fields.Dict(
        allow_none=True,
        metadata={
            "description": "For the desks that merge and reopen: `duplicates` and `reopen`, other leads that this one may be "
            "the same as, each with `why` (entity, address, near). Null for a moment of the past."
        },
    )
    attachments = fields.Dict(
        allow_none=True,
        metadata={"description": "How many files the evidence requires, how many are here, and the missing hashes."},
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
    computed = fields.Dict(
        metadata={
            "description": "By which `calendar` (version, source) and `policy_version`; where a new calendar moved the date, what it "
            "`was`, and `because` of which days."
        }
    )
