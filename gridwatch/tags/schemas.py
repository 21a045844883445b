"""What the routes of tags take and give."""

from __future__ import annotations

from typing import Any

from marshmallow import fields, validate, validates_schema
from marshmallow.exceptions import ValidationError

from gridwatch.entities.schemas import EntityOut
from gridwatch.tags.labels import SHEETS
from gridwatch.tags.scanning import WARNINGS
from gridwatch.tags.service import MOST_AT_ONCE
from gridwatch.web.api import Input, Moment, Output

STATUSES = ("issued", "replaced", "void")
MOST_LABELS = 2_400  # a hundred sheets of 24


def _text(least: int, most: int, **more: Any) -> fields.String:
    return fields.String(validate=validate.Length(least, most), **more)


class TagQuery(Input):
    """Which tags within reach, and which page of them."""

    community = _text(1, 12, load_default=None)
    address = _text(1, 32, load_default=None)
    status = fields.String(load_default=None, validate=validate.OneOf(STATUSES))
    cursor = fields.String(load_default=None)
    limit = fields.Integer(load_default=100)


class PointQuery(Input):
    """Where the scanner stood, all or none of it: degrees, metres, and WGS84, CGCS2000, GCJ02 or BD09. It is not kept."""

    lon = fields.Float(load_default=None)
    lat = fields.Float(load_default=None)
    accuracy_m = fields.Float(load_default=None, validate=validate.Range(0, 100_000))
    crs = _text(1, 20, load_default=None)


class ScanQuery(PointQuery):
    """The same with what the scanner read, as it is: the whole link, the plate of another system, or a typed code."""

    text = _text(1, 1_000, required=True)


class TagOut(Output):
    """One tag. `grouped` is the code as it is printed and read aloud."""

    code = fields.String(required=True)
    grouped = fields.String(required=True)
    address_code = fields.String(required=True)
    status = fields.String(required=True, metadata={"enum": list(STATUSES)})
    issued_at = Moment(required=True)
    issued_by = fields.String(required=True)
    ended_at = Moment(required=True, allow_none=True)
    replaced_by = fields.String(required=True, allow_none=True)
    void_reason = fields.String(required=True, allow_none=True)


class TagPage(Output):
    """One page of tags, by code."""

    items = fields.List(fields.Nested(TagOut), required=True)
    next_cursor = fields.String(required=True, allow_none=True)


class TaggedDoorOut(Output):
    """A standard address; its point is in `datum`."""

    code = fields.String(required=True)
    text = fields.String(required=True)
    community_code = fields.String(required=True, allow_none=True)
    grid_code = fields.String(required=True, allow_none=True)
    road = fields.String(required=True)
    house_no = fields.String(required=True)
    building = fields.String(required=True)
    lon = fields.Float(required=True, allow_none=True)
    lat = fields.Float(required=True, allow_none=True)
    datum = fields.String(required=True)
    accuracy_m = fields.Float(required=True, allow_none=True)


class TaskThereOut(Output):
    """An open task at the address."""

    id = fields.String(required=True)
    kind = fields.String(required=True)
    title = fields.String(required=True)
    items = fields.List(fields.String(), required=True)
    state = fields.String(required=True)
    due_on = fields.Date(required=True)
    entity_id = fields.String(required=True, allow_none=True)


class WarningOut(Output):
    """Something about the tag that the scanner should know, in both languages, with the facts behind it."""

    code = fields.String(required=True, metadata={"enum": list(WARNINGS)})
    zh = fields.String(required=True)
    en = fields.String(required=True)
    facts = fields.Dict(required=True)


class ScanOut(Output):
    """What stands behind a scanned tag: `address` is empty where none is known or within reach."""

    code = fields.String(required=True, allow_none=True)
    grouped = fields.String(required=True, allow_none=True)
    status = fields.String(required=True, allow_none=True)
    address = fields.Nested(TaggedDoorOut, required=True, allow_none=True)
    entities = fields.List(fields.Nested(EntityOut), required=True)
    tasks = fields.List(fields.Nested(TaskThereOut), required=True)
    warnings = fields.List(fields.Nested(WarningOut), required=True)


class _OneOf(Input):
    """Exactly one of several members says what is meant."""

    ways: tuple[str, ...] = ()

    @validates_schema
    def _exactly_one(self, data: dict[str, Any], **_: Any) -> None:
        if sum(bool(data.get(way)) for way in self.ways) != 1:
            named = ", ".join(self.ways)
            raise ValidationError(f"须且只须填一项 / exactly one of {named}", self.ways[0])


class IssueIn(_OneOf):
    """The addresses that get a tag: named, or all of a community. With `again` also those that have one in use."""

    ways = ("addresses", "community")
    addresses = fields.List(_text(1, 32), load_default=list, validate=validate.Length(max=MOST_AT_ONCE))
    community = _text(1, 12, load_default=None)
    again = fields.Boolean(load_default=False)


class IssuedOut(Output):
    """The new tags, and those in use before."""

    new = fields.List(fields.Nested(TagOut), required=True)
    kept = fields.List(fields.Nested(TagOut), required=True)


class VoidIn(Input):
    """Why the tag goes out of use."""

    reason = _text(2, 200, required=True)


class LabelsIn(_OneOf):
    """The tags in use to be printed: by code, or all of a community, on sheets of 24 or 40."""

    ways = ("codes", "community")
    codes = fields.List(_text(1, 100), load_default=list, validate=validate.Length(max=MOST_LABELS))
    community = _text(1, 12, load_default=None)
    per_page = fields.Integer(load_default=24, validate=validate.OneOf(list(SHEETS)))
    format = fields.String(load_default="pdf", validate=validate.OneOf(["pdf", "svg"]))


class CodeIn(Input):
    """The code of an address in another register; days included, empty ends are open."""

    external = _text(1, 80, required=True)
    valid_from = fields.Date(load_default=None, allow_none=True)
    valid_to = fields.Date(load_default=None, allow_none=True)


class CodeOut(Output):
    """One code of an address in another register."""

    id = fields.String(required=True)
    external = fields.String(required=True)
    valid_from = fields.Date(required=True, allow_none=True)
    valid_to = fields.Date(required=True, allow_none=True)


class CodeList(Output):
    """Every such code of one address, ended ones too."""

    items = fields.List(fields.Nested(CodeOut), required=True)
