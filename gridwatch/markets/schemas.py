"""What the market routes take and give."""

from __future__ import annotations

from marshmallow import fields, validate

from gridwatch.markets.reading import MONTH, MOST_STALLS
from gridwatch.markets.service import MOST_ITEMS
from gridwatch.web.api import Input, Moment, Output

_CODE = validate.Regexp(r"^[0-9A-Za-z][0-9A-Za-z_-]{0,31}$")
_NUMBER = validate.Regexp(r"^[^\s\x00-\x1f|]{1,20}$")
_NAME = validate.Regexp(r"^[^\x00-\x1f]*$")
_MONTH = validate.Regexp(MONTH.pattern + "$")


class MarketsQuery(Input):
    """Which page of the markets within reach."""

    cursor = fields.String(load_default=None)
    limit = fields.Integer(load_default=100)


class RoundsQuery(Input):
    """Which page of the rounds; one may have 200 stalls."""

    cursor = fields.String(load_default=None)
    limit = fields.Integer(load_default=20, validate=validate.Range(1, 50))


class MonthQuery(Input):
    """Which month."""

    month = fields.String(required=True, validate=_MONTH, metadata={"description": "Like 2026-09."})


class OpenMarketIn(Input):
    """A grid becomes a market. Refusals: 404 `grid.not_found`, 409 `market.exists`."""

    code = fields.String(required=True, validate=_CODE)
    name = fields.String(required=True, validate=[validate.Length(1, 60), _NAME])
    grid_code = fields.String(required=True, validate=validate.Length(1, 20))


class StallIn(Input):
    """One stall, in use between two days, both included."""

    number = fields.String(required=True, validate=_NUMBER)
    name = fields.String(load_default="", validate=[validate.Length(max=120), _NAME])
    entity_id = fields.String(load_default=None, allow_none=True, validate=validate.Length(1, 36))
    active_from = fields.Date(load_default=None, allow_none=True)
    active_to = fields.Date(load_default=None, allow_none=True)


class StallsIn(Input):
    """Stalls to add or change. Refusals: 404 `market.not_found`, 422 `market.stalls_invalid`."""

    stalls = fields.List(fields.Nested(StallIn), required=True, validate=validate.Length(1, MOST_STALLS))


class ChecklistIn(Input):
    """The next version of a checklist. Refusals: 404 `market.not_found`, 422 `market.checklist_invalid`."""

    items = fields.List(
        fields.String(validate=validate.Regexp(r"^[A-Z]{2}[0-9]{2}[A-Z]?@[1-9][0-9]{0,3}$")), required=True,
        validate=validate.Length(1, MOST_ITEMS), metadata={"description": "Published item versions like RG05B@1."},
    )  # fmt: skip
    every_days = fields.Integer(required=True, validate=validate.Range(1, 366))
    effective_on = fields.Date(required=True)


class AnnounceIn(Input):
    """How many stalls a month's spot check draws; the seed is the server's. Refusals: 409 `market.announced`."""

    month = fields.String(required=True, validate=_MONTH)
    size = fields.Integer(required=True, validate=validate.Range(1, 200))


class MarketRowOut(Output):
    """A market."""

    code = fields.String(required=True)
    name = fields.String(required=True)
    grid_code = fields.String(required=True)
    last_round_on = fields.Date(required=True, allow_none=True)
    rev = fields.Integer(required=True)


class MarketPage(Output):
    """One page of markets, by code."""

    items = fields.List(fields.Nested(MarketRowOut), required=True)
    next_cursor = fields.String(required=True, allow_none=True)


class ChecklistOut(Output):
    """One version of a checklist."""

    version = fields.Integer(required=True)
    items = fields.List(fields.String(), required=True)
    every_days = fields.Integer(required=True)
    effective_on = fields.Date(required=True)
    published_at = Moment(required=True)


class StallOut(Output):
    """One stall; `due_on` is the day on which the manager is to look at it."""

    number = fields.String(required=True)
    name = fields.String(required=True)
    entity_id = fields.String(required=True, allow_none=True)
    active_from = fields.Date(required=True, allow_none=True)
    active_to = fields.Date(required=True, allow_none=True)
    last_round_on = fields.Date(required=True, allow_none=True)
    due_on = fields.Date(required=True, allow_none=True)


class MarketOut(MarketRowOut):
    """A market with its stalls and checklists. `checklist` is the version of today."""

    managers = fields.List(
        fields.String(), required=True, metadata={"description": "Who is on duty in its grid today."}
    )
    checklist = fields.Integer(required=True, allow_none=True)
    checklists = fields.List(fields.Nested(ChecklistOut), required=True)
    stalls = fields.List(fields.Nested(StallOut), required=True)


class RoundOut(Output):
    """A round, or with `draw` a check: for each stall findings, remarks, photos and the leads that it offers."""

    id = fields.String(required=True)
    checklist = fields.Integer(required=True)
    draw = fields.String(required=True, allow_none=True)
    performed_at = Moment(required=True, allow_none=True)
    received_at = Moment(required=True)
    stalls = fields.List(fields.Dict(), required=True)


class RoundPage(Output):
    """One page of rounds, by id, which is by time of making."""

    items = fields.List(fields.Nested(RoundOut), required=True)
    next_cursor = fields.String(required=True, allow_none=True)


class RateOut(Output):
    """Points on which two checks differ, of those compared. `percent` is null below ten; `text` is as it is printed."""

    numerator = fields.Integer(required=True)
    denominator = fields.Integer(required=True)
    percent = fields.Float(required=True, allow_none=True)
    text = fields.String(required=True)


class CheckedStallOut(Output):
    """A drawn stall: when it was checked, with which round it is compared, and the points; null where there is none."""

    stall = fields.String(required=True)
    check = fields.String(required=True, allow_none=True)
    checked_at = Moment(required=True, allow_none=True)
    round = fields.String(required=True, allow_none=True)
    points = fields.List(
        fields.Dict(), required=True, allow_none=True, metadata={"description": "{point, manager, worker, agrees}"}
    )


class DrawOut(Output):
    """A month's spot check, with all that it takes to draw it again."""

    market = fields.String(required=True)
    month = fields.String(required=True)
    size = fields.Integer(required=True)
    seed = fields.String(required=True)
    announced_at = Moment(required=True)
    drawn_at = Moment(required=True, allow_none=True)
    population = fields.List(fields.String(), required=True)
    drawn = fields.List(fields.String(), required=True)
    stalls = fields.List(fields.Nested(CheckedStallOut), required=True)
    rate = fields.Nested(RateOut, required=True)


class MarketRateOut(Output):
    """The disagreement rate of one market in a month."""

    market = fields.String(required=True)
    name = fields.String(required=True)
    month = fields.String(required=True)
    drawn = fields.Integer(required=True)
    checked = fields.Integer(required=True)
    without_round = fields.Integer(required=True, metadata={"description": "Checked, with no round before to compare."})
    rate = fields.Nested(RateOut, required=True)


class RatesOut(Output):
    """The rates of a month, by market."""

    month = fields.String(required=True)
    items = fields.List(fields.Nested(MarketRateOut), required=True)
