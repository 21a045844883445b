"""What the entity routes take and give."""

from __future__ import annotations

from marshmallow import fields, validate

from gridwatch.web.api import Input, Output


class EntityQuery(Input):
    """Which entities within reach, and which page of them."""

    grid = fields.String(load_default=None, validate=validate.Length(max=20))
    cursor = fields.String(load_default=None)
    limit = fields.Integer(load_default=100)


class EntityOut(Output):
    """One market entity. `lon` and `lat` are as the register gave them, in `datum`.

    `routed_by` says how the grid was found: address, point or hand; empty while a person has still to decide.
    """

    id = fields.String(required=True)
    code = fields.String(required=True)
    name = fields.String(required=True)
    uscc = fields.String(required=True, allow_none=True)
    uscc_kind = fields.String(required=True)
    entity_type = fields.String(required=True)
    status = fields.String(required=True)
    registered_on = fields.Date(required=True, allow_none=True)
    scope = fields.String(required=True)
    permit_sectors = fields.List(fields.String(), required=True)
    address_text = fields.String(required=True)
    address_code = fields.String(required=True, allow_none=True)
    street_code = fields.String(required=True)
    grid_code = fields.String(required=True, allow_none=True)
    routed_by = fields.String(required=True)
    lon = fields.Float(required=True, allow_none=True)
    lat = fields.Float(required=True, allow_none=True)
    datum = fields.String(required=True)
    accuracy_m = fields.Float(required=True, allow_none=True)
    rev = fields.Integer(required=True)


class EntityPage(Output):
    """One page of entities, in the order in which they were admitted."""

    items = fields.List(fields.Nested(EntityOut), required=True)
    next_cursor = fields.String(required=True, allow_none=True)


class EntityAtOut(Output):
    """One entity at an address: who says so (register, hand, visit), how sure it is (0 to 100), and whether it is 集群注册."""

    entity_id = fields.String(required=True)
    name = fields.String(required=True)
    status = fields.String(required=True)
    from_on = fields.Date(required=True)
    to_on = fields.Date(required=True, allow_none=True)
    source = fields.String(required=True)
    confidence = fields.Integer(required=True)
    shared = fields.Boolean(required=True)


class EntitiesAtOut(Output):
    """The entities at an address today, in the order in which they were admitted; 2,000 at most."""

    items = fields.List(fields.Nested(EntityAtOut), required=True)
