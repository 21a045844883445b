"""What the routes of grids and addresses take and give."""

from __future__ import annotations

from marshmallow import fields, validate

from gridwatch.web.api import Input, Moment, Output


class GridQuery(Input):
    """Which page of the grids within reach."""

    cursor = fields.String(load_default=None)
    limit = fields.Integer(load_default=100)


class GridOut(Output):
    """One grid with its outline as a GeoJSON geometry in WGS-84 and the names of the people on duty today."""

    code = fields.String(required=True)
    name = fields.String(required=True)
    community_code = fields.String(required=True)
    valid_from = fields.Date(required=True, allow_none=True)
    valid_to = fields.Date(required=True, allow_none=True)
    polygon = fields.Dict(required=True)
    managers = fields.List(fields.String(), required=True)


class GridPage(Output):
    """One page of grids, by code."""

    items = fields.List(fields.Nested(GridOut), required=True)
    next_cursor = fields.String(required=True, allow_none=True)


class AddressQuery(Input):
    """Which page of the addresses; `called`: that are or were called so; `under`: that lie one level under this one."""

    called = fields.String(load_default=None, validate=validate.Length(1, 200))
    under = fields.String(load_default=None, validate=validate.Length(1, 32))
    cursor = fields.String(load_default=None)
    limit = fields.Integer(load_default=100)


class AddressOut(Output):
    """One standard address. `level` is the number of its deepest level, 5 (community) to 10 (room, or a stall)."""

    code = fields.String(required=True)
    text = fields.String(required=True)
    level = fields.Integer(required=True)
    street_code = fields.String(required=True)
    community_code = fields.String(required=True, allow_none=True)
    grid_code = fields.String(required=True, allow_none=True)
    parent_code = fields.String(required=True, allow_none=True)
    road = fields.String(required=True)
    house_no = fields.String(required=True)
    building = fields.String(required=True)
    unit = fields.String(required=True)
    room = fields.String(required=True)
    stall = fields.String(required=True)
    rev = fields.Integer(required=True)


class NameIn(Input):
    """What an address is also called."""

    text = fields.String(required=True, validate=validate.Length(1, 200))


class NameOut(Output):
    """A name of an address: alias, or former with the last day on which it was the address's own text."""

    kind = fields.String(required=True)
    text = fields.String(required=True)
    until_on = fields.Date(required=True, allow_none=True)
    noted_at = Moment(required=True)


class AddressFullOut(AddressOut):
    """One standard address with the names that it also has or had."""

    names = fields.List(fields.Nested(NameOut), required=True)


class AddressPage(Output):
    """One page of addresses, by code."""

    items = fields.List(fields.Nested(AddressOut), required=True)
    next_cursor = fields.String(required=True, allow_none=True)
