"""The API shape of inspection items. An item itself is a document of its own: docs/items.md."""

from __future__ import annotations

from marshmallow import fields, validate

from gridwatch.items.service import MOST_REASON
from gridwatch.web.api import Input, Moment, Output

_ITEM = {"description": "An item: code, version, title, effective_on, elements, fields, transfers … (docs/items.md)."}
_BURDEN = {
    "description": "ordinary and most, each {questions, photos, taps, characters, seconds}; folded, known, limits."
}


class InspectionItemIn(Input):
    """An item to look at."""

    item = fields.Raw(required=True, allow_none=True, metadata=_ITEM)


class PublishItemIn(InspectionItemIn):
    """An item to publish. Refusals: 409 `item.version_exists`, 422 `item.invalid`, `item.burden_grown`."""

    reason = fields.String(
        load_default="", validate=validate.Length(max=MOST_REASON),
        metadata={"description": "Why; needed where the burden grows past a limit."},
    )  # fmt: skip


class WithdrawItemIn(Input):
    """Why a version is taken back before its first day. Refusals: 404 `item.not_found`, 409 `item.version_in_use`."""

    reason = fields.String(required=True, validate=validate.Length(2, MOST_REASON))


class ItemsQuery(Input):
    """On which local day."""

    on = fields.Date(load_default=None, metadata={"description": "The day; today without it."})


class ItemRowOut(Output):
    """An item as it is asked on a day."""

    code = fields.String(required=True)
    version = fields.Integer(required=True)
    title = fields.Dict(required=True, metadata={"description": "zh, en."})
    effective_on = fields.Date(required=True)
    versions = fields.Integer(required=True, metadata={"description": "How many there are."})
    burden = fields.Dict(required=True, metadata=_BURDEN)


class TaskBurdenOut(Output):
    """The burden of a standard task: its items at one door."""

    name = fields.String(required=True)
    title = fields.Dict(required=True, metadata={"description": "zh, en."})
    items = fields.List(fields.String(), required=True)
    burden = fields.Dict(required=True, metadata=_BURDEN)


class InspectionItemsOut(Output):
    """The items of a day, and what they ask together."""

    on = fields.Date(required=True)
    items = fields.List(fields.Nested(ItemRowOut), required=True)
    tasks = fields.List(fields.Nested(TaskBurdenOut), required=True)


class ItemVersionRow(Output):
    """One version, without its document."""

    code = fields.String(required=True)
    version = fields.Integer(required=True)
    effective_on = fields.Date(required=True)
    in_force = fields.Boolean(required=True, metadata={"description": "Whether it is what is asked today."})
    accepted_until = fields.Date(
        required=True,
        allow_none=True,
        metadata={"description": "The last day on which visits may name it; null without end."},
    )
    sha256 = fields.String(required=True)
    reason = fields.String(required=True)
    published_by = fields.String(required=True)
    published_at = Moment(required=True)
    withdrawn_at = Moment(required=True, allow_none=True)


class ItemVersionOut(ItemVersionRow):
    """One version with its document."""

    item = fields.Dict(required=True, metadata=_ITEM)
    burden = fields.Dict(required=True, metadata=_BURDEN)


class InspectionItemOut(ItemVersionOut):
    """The version that is asked today, and all versions, the oldest first."""

    versions = fields.List(fields.Nested(ItemVersionRow), required=True)


class ItemPublishedOut(ItemVersionOut):
    """What publishing led to."""

    created = fields.Boolean(required=True, metadata={"description": "False: the same content was published before."})


class ItemCheckOut(Output):
    """What a look found. Nothing was written."""

    ok = fields.Boolean(
        required=True, metadata={"description": "Whether it could be published now, with a reason if one is needed."}
    )
    problems = fields.List(fields.Dict(), required=True, metadata={"description": "path, problem."})
    sha256 = fields.String(required=True, allow_none=True)
    burden = fields.Dict(required=True, allow_none=True, metadata=_BURDEN)
    tasks = fields.Dict(required=True, metadata={"description": "Standard task → its burden with this version."})
    grown = fields.List(
        fields.Dict(), required=True, metadata={"description": "What goes past a limit: what, measure, was, is, limit."}
    )
    reason_needed = fields.Boolean(required=True)


class ItemsPreviewOut(Output):
    """What phones would hold of the items with one more version: the name under `GET /ref`, its hash and size, and the change."""

    sha256_now = fields.String(required=True)
    sha256_then = fields.String(required=True)
    bytes_now = fields.Integer(required=True)
    bytes_then = fields.Integer(required=True)
    versions = fields.List(
        fields.String(), required=True, metadata={"description": "Every version that a phone would hold."}
    )
