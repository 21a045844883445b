"""What the campaign routes take and give."""

from __future__ import annotations

from marshmallow import fields, validate

from gridwatch.web.api import Input, Moment, Output


def _text(least: int, most: int, **more: object) -> fields.String:
    return fields.String(validate=validate.Length(least, most), **more)


class CampaignIn(Input):
    """An order. `sector` is one of the permit table, `entity_type` a type of the register; without them every active entity is
    meant. `basis` is the paper that orders it."""

    area_code = _text(1, 12, required=True)
    name = _text(2, 60, required=True)
    basis = _text(2, 120, required=True)
    items = fields.List(_text(1, 5), required=True, validate=validate.Length(1, 6))
    sector = _text(0, 40, load_default="")
    entity_type = _text(0, 40, load_default="")
    from_on = fields.Date(required=True)
    due_on = fields.Date(required=True)


class PageQuery(Input):
    """Which page."""

    cursor = fields.String(load_default=None)
    limit = fields.Integer(load_default=100)


class TargetQuery(PageQuery):
    """Which targets; `open` stands for every open state."""

    state = _text(1, 12, load_default=None)
    grid = _text(1, 20, load_default=None)


class TickOffIn(Input):
    """The result of a target in words, where the desk knows it without a visit."""

    result = _text(2, 500, required=True)


class CloseIn(Input):
    """The summary; with `cancel_because` targets that are still open are cancelled for that reason."""

    summary = _text(2, 2_000, required=True)
    cancel_because = _text(2, 500, load_default=None, allow_none=True)


class CampaignOut(Output):
    """One campaign. `state` is open or closed."""

    id = fields.String(required=True)
    name = fields.String(required=True)
    basis = fields.String(required=True)
    items = fields.List(fields.String(), required=True)
    area_code = fields.String(required=True)
    sector = fields.String(required=True)
    entity_type = fields.String(required=True)
    from_on = fields.Date(required=True)
    due_on = fields.Date(required=True)
    state = fields.String(required=True, metadata={"enum": ["open", "closed"]})
    ordered_at = Moment(required=True)
    closed_at = Moment(required=True, allow_none=True)
    summary = fields.String(required=True)


class CampaignPage(Output):
    """One page of campaigns, in the order in which they were ordered."""

    items = fields.List(fields.Nested(CampaignOut), required=True)
    next_cursor = fields.String(required=True, allow_none=True)


class ProgressOut(Output):
    """How far a grid is; `grid_code` is null for targets that wait for one. `results` says how each closed target ended."""

    grid_code = fields.String(required=True, allow_none=True)
    targets = fields.Integer(required=True)
    open = fields.Integer(required=True)
    overdue = fields.Integer(required=True)
    closed = fields.Integer(required=True)
    results = fields.Dict(keys=fields.String(), values=fields.Integer(), required=True)


class CampaignWithProgressOut(CampaignOut):
    """One campaign with its progress in each grid within reach. `made` is whether every target is made."""

    made = fields.Boolean(required=True)
    grids = fields.List(fields.Nested(ProgressOut), required=True)


class CampaignPreviewGridOut(Output):
    """The targets that a grid would have; null: entities whose grid nobody knows."""

    grid_code = fields.String(required=True, allow_none=True)
    targets = fields.Integer(required=True)


class CampaignPreviewOut(Output):
    """What an order would mean."""

    targets = fields.Integer(required=True)
    grids = fields.List(fields.Nested(CampaignPreviewGridOut), required=True)
