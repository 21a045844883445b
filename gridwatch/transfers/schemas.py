"""What the routes of handovers and grid edits take and give."""

from __future__ import annotations

from typing import Any

from marshmallow import ValidationError, fields, validate, validates_schema

from gridwatch.domain.datum import Datum
from gridwatch.web.api import Input, Moment, Output

_UUID = validate.Regexp(r"^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\Z", error="不是 UUID / is not a UUID")
_NOTE = validate.Length(1, 200)
_CODE = validate.Length(1, 36)


class HandoverIn(Input):
    """All open work of `source` to `target`: ids of people (kind person, cover) or codes of grids (kind grid).

    `id` is a UUID made by the client: the same handover sent again is done once. A cover has its days, both included.
    """

    id = fields.String(required=True, validate=_UUID)
    kind = fields.String(required=True, validate=validate.OneOf(["person", "cover", "grid"]))
    source = fields.String(required=True, validate=_CODE)
    target = fields.String(required=True, validate=_CODE)
    note = fields.String(required=True, validate=_NOTE)
    from_on = fields.Date(load_default=None)
    to_on = fields.Date(load_default=None)
    dry_run = fields.Boolean(load_default=False)

    @validates_schema
    def _days(self, data: dict[str, Any], **kwargs: Any) -> None:
        for name in ("from_on", "to_on"):
            given, covering = data.get(name) is not None, data.get("kind") == "cover"
            if given != covering:
                said = (
                    "代班须填起止日期 / a cover needs its days"
                    if covering
                    else "只有代班填日期 / only a cover has days"
                )
                raise ValidationError({name: [said]})


class HandoverItemOut(Output):
    """The receipt of one item."""

    kind = fields.String(required=True)
    subject_id = fields.String(required=True)
    grid_code = fields.String(required=True)
    title = fields.String(required=True)
    outcome = fields.String(required=True)
    reason = fields.String(required=True)


class HandoverOut(Output):
    """A handover with its receipts. `counts`: kind of item → outcome → number. `done_at` is null while it goes on, or on a dry run."""

    id = fields.String(required=True)
    kind = fields.String(required=True)
    source = fields.String(required=True)
    target = fields.String(required=True)
    from_on = fields.Date(required=True)
    to_on = fields.Date(required=True, allow_none=True)
    note = fields.String(required=True)
    by_user = fields.String(required=True)
    at = Moment(required=True)
    done_at = Moment(required=True, allow_none=True)
    dry_run = fields.Boolean(required=True)
    counts = fields.Dict(keys=fields.String(), required=True)
    items = fields.List(fields.Nested(HandoverItemOut), required=True)


class HandoverRowOut(Output):
    """A handover without its receipts."""

    id = fields.String(required=True)
    kind = fields.String(required=True)
    source = fields.String(required=True)
    target = fields.String(required=True)
    from_on = fields.Date(required=True)
    to_on = fields.Date(required=True, allow_none=True)
    note = fields.String(required=True)
    by_user = fields.String(required=True)
    at = Moment(required=True)
    done_at = Moment(required=True, allow_none=True)


class PageQuery(Input):
    """Which page."""

    cursor = fields.String(load_default=None)
    limit = fields.Integer(load_default=100)


class HandoverPage(Output):
    """One page of handovers, the oldest first."""

    items = fields.List(fields.Nested(HandoverRowOut), required=True)
    next_cursor = fields.String(required=True, allow_none=True)


class LoadOut(Output):
    """How much one worker has now."""

    user_id = fields.String(required=True)
    name = fields.String(required=True)
    grids = fields.Integer(required=True)
    open_tasks = fields.Integer(required=True)
    due_this_week = fields.Integer(required=True)
    overdue = fields.Integer(required=True)


class WorkloadOut(Output):
    """The workers within reach, by name."""

    items = fields.List(fields.Nested(LoadOut), required=True)


class NewGridIn(Input):
    """A grid that is to begin. `polygon` (GeoJSON) for a redraw only; `workers` are ids, by default those of the old ground."""

    name = fields.String(required=True, validate=validate.Length(1, 60))
    polygon = fields.Dict(load_default=None)
    workers = fields.List(fields.String(validate=_CODE), load_default=None, validate=validate.Length(1, 20))


class EditIn(Input):
    """A draft. split: one grid, `line`; merge: two or more grids; hand_over: `part` goes from the first grid to the second;
    redraw: a polygon for each new grid. `datum` says what the coordinates are in.

    New grids are named in the order west to east (split), as the old ones (hand_over), or as drawn (redraw).
    """

    kind = fields.String(required=True, validate=validate.OneOf(["split", "merge", "hand_over", "redraw"]))
    grids = fields.List(fields.String(validate=_CODE), required=True, validate=validate.Length(1, 20))
    new = fields.List(fields.Nested(NewGridIn), required=True, validate=validate.Length(1, 20))
    line = fields.Dict(load_default=None)
    part = fields.Dict(load_default=None)
    datum = fields.String(load_default=None, validate=validate.OneOf([one.value for one in Datum]))
    effective_on = fields.Date(required=True)
    note = fields.String(required=True, validate=_NOTE)

    @validates_schema
    def _drawn(self, data: dict[str, Any], **kwargs: Any) -> None:
        kind, wanted = data.get("kind"), {"split": "line", "hand_over": "part"}
        for name in ("line", "part"):
            if (data.get(name) is not None) != (wanted.get(str(kind)) == name):
                raise ValidationError({name: [f"{kind} 与 {name} 不符 / does not go with {kind}"]})
        drawn = [one.get("polygon") is not None for one in data.get("new", ())]
        if any(drawn) != (kind == "redraw") or (kind == "redraw" and not all(drawn)):
            raise ValidationError({"new": ["只有 redraw 逐个给出 polygon / a polygon each for redraw, and only there"]})
        if kind != "merge" and not data.get("datum"):
            raise ValidationError({"datum": ["请说明坐标系 / say which datum"]})


class EditChangeIn(EditIn):
    """A draft drawn again; `version` is the one that was seen."""

    version = fields.Integer(required=True, strict=True)


class EditStepIn(Input):
    """Publish or withdraw what was seen as `version`."""

    version = fields.Integer(required=True, strict=True)


class EditOut(Output):
    """An edit as it stands."""

    id = fields.String(required=True)
    kind = fields.String(required=True)
    state = fields.String(required=True)
    version = fields.Integer(required=True)
    community_code = fields.String(required=True)
    effective_on = fields.Date(required=True)
    note = fields.String(required=True)
    old = fields.List(fields.String(), required=True)
    new = fields.List(fields.Dict(), required=True)
    drafted_by = fields.String(required=True)
    drafted_at = Moment(required=True)
    published_by = fields.String(required=True, allow_none=True)
    published_at = Moment(required=True, allow_none=True)
    applied_at = Moment(required=True, allow_none=True)
    moved = fields.Dict(required=True, allow_none=True)


class EditPage(Output):
    """One page of edits, the oldest first."""

    items = fields.List(fields.Nested(EditOut), required=True)
    next_cursor = fields.String(required=True, allow_none=True)


class MoveOut(Output):
    """One thing that moves: from which grid to which, and what says so: point, address, entity, lead or successor."""

    id = fields.String(required=True)
    title = fields.String(required=True)
    source = fields.String(required=True)
    target = fields.String(required=True)
    by = fields.String(required=True)


class EditPreviewOut(Output):
    """What an edit would move as things stand now: counts by kind and new grid, and of each kind the first 200."""

    edit = fields.Nested(EditOut, required=True)
    grids = fields.List(fields.Dict(), required=True)
    counts = fields.Dict(keys=fields.String(), required=True)
    moves = fields.Dict(keys=fields.String(), values=fields.List(fields.Nested(MoveOut)), required=True)
