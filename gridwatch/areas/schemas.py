"""What the area and department routes take and give."""

from __future__ import annotations

from marshmallow import fields

from gridwatch.areas.models import LEVELS
from gridwatch.web.api import Input, Output


class AreaOut(Output):
    """One administrative area; `path` is the codes from the root down, each followed by a slash."""

    code = fields.String(required=True)
    name = fields.String(required=True)
    level = fields.String(required=True, metadata={"enum": list(LEVELS)})
    parent_code = fields.String(required=True, allow_none=True)
    path = fields.String(required=True)


class AreaQuery(Input):
    """Which areas, and which page of them."""

    under = fields.String(load_default=None, metadata={"description": "An area code: only it and what lies in it."})
    cursor = fields.String(load_default=None)
    limit = fields.Integer(load_default=200)


class AreaPage(Output):
    """One page of areas, parents before their children."""

    items = fields.List(fields.Nested(AreaOut), required=True)
    next_cursor = fields.String(required=True, allow_none=True)


class DepartmentOut(Output):
    """One department; an abolished one has `valid_to` and may name its successor."""

    code = fields.String(required=True)
    name = fields.String(required=True)
    area_code = fields.String(required=True)
    valid_from = fields.Date(required=True, allow_none=True)
    valid_to = fields.Date(required=True, allow_none=True)
    successor_code = fields.String(required=True, allow_none=True)


class DepartmentList(Output):
    """Every department."""

    items = fields.List(fields.Nested(DepartmentOut), required=True)
