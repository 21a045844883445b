"""What the routes of complaints take and give. No list and no answer holds a contact, but the one that is asked for it."""

from __future__ import annotations

from typing import Any

from marshmallow import fields, validate

from gridwatch.domain.complaint_words import AT_THE_DESK, CONTACT, LETTER, SOURCES, STATES, VISIT_ITEMS
from gridwatch.domain.lead_words import CATEGORIES
from gridwatch.web.api import Input, Moment, Output


def _text(least: int, most: int, **more: Any) -> fields.String:
    return fields.String(validate=validate.Length(least, most), **more)


class ComplaintQuery(Input):
    """Which complaints within reach, and which page of them."""

    state = fields.String(load_default=None, validate=validate.OneOf(list(STATES)))
    cursor = fields.String(load_default=None)
    limit = fields.Integer(load_default=100)


class RatingQuery(Input):
    """Which page of the ratings."""

    cursor = fields.String(load_default=None)
    limit = fields.Integer(load_default=100)


class ComplaintIn(Input):
    """A complaint that reached the desk by another road; its place is an entity, an address, or a community and words."""

    source = fields.String(required=True, validate=validate.OneOf(AT_THE_DESK))
    source_no = _text(
        1, 40, load_default=None, allow_none=True, metadata={"description": "Its number in the other system."}
    )
    text = _text(2, LETTER, required=True)
    contact = _text(
        0, CONTACT, load_default="", metadata={"description": "Kept apart; only the intake clerk reads it."}
    )
    entity_id = _text(1, 36, load_default=None, allow_none=True)
    address_code = _text(1, 32, load_default=None, allow_none=True)
    community_code = _text(1, 12, load_default=None, allow_none=True)
    address = _text(0, 300, load_default="")


class ComplaintSummary(Output):
    """One complaint. `receipt` is grouped as the complainant has it; `answer` what he is told."""

    id = fields.String(required=True)
    receipt = fields.String(required=True)
    source = fields.String(required=True, metadata={"enum": list(SOURCES)})
    source_no = fields.String(required=True, allow_none=True)
    state = fields.String(required=True, metadata={"enum": list(STATES)})
    text = fields.String(required=True)
    stars = fields.Integer(required=True, allow_none=True)
    address_code = fields.String(required=True, allow_none=True)
    address_text = fields.String(required=True)
    entity_id = fields.String(required=True, allow_none=True)
    received_at = Moment(required=True)
    decided_at = Moment(required=True, allow_none=True)
    decided_by = fields.String(required=True, allow_none=True)
    answer = fields.String(required=True, allow_none=True)
    task_id = fields.String(required=True, allow_none=True)
    lead_id = fields.String(required=True, allow_none=True)


class ComplaintOut(ComplaintSummary):
    """The same, and whether the complainant can be reached."""

    has_contact = fields.Boolean(required=True)


class ComplaintPage(Output):
    """One page of complaints, in the order in which they came."""

    items = fields.List(fields.Nested(ComplaintSummary), required=True)
    next_cursor = fields.String(required=True, allow_none=True)


class AnswerIn(Input):
    """What the complainant is told."""

    text = _text(2, 1_000, required=True)


class RejectIn(Input):
    """Why it is not taken up, as the complainant is told."""

    reason = _text(2, 500, required=True)


class TaskIn(Input):
    """What a worker shall look at, in the clerk's own words; nothing in it may tell who complained."""

    items = fields.List(
        fields.String(validate=validate.OneOf(list(VISIT_ITEMS))),
        required=True,
        validate=validate.Length(1, len(VISIT_ITEMS)),
    )
    instruction = _text(2, 150, required=True)


class LeadIn(Input):
    """The lead, in the clerk's own words; nothing in it may tell who complained. A grid only where the place gives none."""

    category = fields.String(required=True, validate=validate.OneOf(list(CATEGORIES)))
    title = _text(0, 120, load_default="")
    description = _text(2, LETTER, required=True)
    grid_code = _text(1, 20, load_default=None, allow_none=True)


class ComplaintContactIn(Input):
    """Why the contact is needed; it is logged."""

    reason = _text(2, 200, required=True)


class ComplaintContactOut(Output):
    """How the complainant can be reached."""

    contact = fields.String(required=True)


class RatingOut(Output):
    """One rating; `complaint_id` where a bad one opened a complaint."""

    id = fields.String(required=True)
    stars = fields.Integer(required=True)
    text = fields.String(required=True)
    address_code = fields.String(required=True)
    entity_id = fields.String(required=True, allow_none=True)
    rated_at = Moment(required=True)
    complaint_id = fields.String(required=True, allow_none=True)


class RatingPage(Output):
    """One page of ratings, in the order in which they came."""

    items = fields.List(fields.Nested(RatingOut), required=True)
    next_cursor = fields.String(required=True, allow_none=True)
