"""What the grid routes take and give."""

from __future__ import annotations

from marshmallow import fields

from gridwatch.web.api import Input, Output


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
