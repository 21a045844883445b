"""Grids and standard addresses, for phones, consoles and foreign clients."""

from __future__ import annotations

from typing import Any

from gridwatch.db.base import db
from gridwatch.domain.worktime import local_day
from gridwatch.places import levels, queries
from gridwatch.places.documents import managers_of, polygon_of
from gridwatch.places.models import Address, Grid
from gridwatch.places.schemas import AddressFullOut, AddressPage, AddressQuery, GridPage, GridQuery, NameIn, NameOut
from gridwatch.web.api import Blueprint
from gridwatch.web.clock import now
from gridwatch.web.identity import current_actor, permit, writes
from gridwatch.web.paging import page

blueprint = Blueprint("places", __name__, url_prefix="/api/v1")


@blueprint.get("/grids")
@blueprint.arguments(GridQuery, location="query")
@blueprint.response(200, GridPage)
@permit("grid.read")
def list_grids(query: dict[str, Any]) -> dict[str, Any]:
    """The grids within reach that are valid today, with outline and people on duty."""
    session, today = db.session(), local_day(now())
    found = page(
        session, queries.grids_within(current_actor(), today), [Grid.code],
        cursor=query["cursor"], limit=query["limit"], key_of=lambda grid: [grid.code],
    )  # fmt: skip
    managers = managers_of(session, [grid.code for grid in found["items"]], today)
    return {**found, "items": [_dump(grid, managers[grid.code]) for grid in found["items"]]}


@blueprint.get("/addresses")
@blueprint.arguments(AddressQuery, location="query")
@blueprint.response(200, AddressPage)
@permit("address.read")
def list_addresses(query: dict[str, Any]) -> dict[str, Any]:
    """The standard addresses within reach: all, those that are or were called so, or those one level under another."""
    found = page(
        db.session(), queries.addresses_within(current_actor(), called=query["called"], under=query["under"]), [Address.code],
        cursor=query["cursor"], limit=query["limit"], key_of=lambda address: [address.code],
    )  # fmt: skip
    return {**found, "items": [_address(address) for address in found["items"]]}


@blueprint.get("/addresses/<code>")
@blueprint.response(200, AddressFullOut)
@permit("address.read", hidden="address.not_found")
def get_address(code: str) -> dict[str, Any]:
    """One standard address with its levels, and the names that it also has or had."""
    session = db.session()
    address = queries.address_in_reach(session, current_actor(), code)
    return {**_address(address), "names": levels.names_of(session, address.code)}


@blueprint.post("/addresses/<code>/names")
@blueprint.arguments(NameIn)
@blueprint.response(200, NameOut)
@permit("address.name", hidden="address.not_found")
@writes
def post_address_name(body: dict[str, Any], code: str) -> Any:
    """Note what an address is also called."""
    session, actor = db.session(), current_actor()
    address = queries.address_in_reach(session, actor, code, "address.name")
    return levels.add_alias(session, address, body["text"], by=actor.id, at=now())


_SHOWN = ("code", "text", "street_code", "community_code", "grid_code", "parent_code", *levels.LEVEL_COLUMNS, "rev")


def _address(address: Address) -> dict[str, Any]:
    return {name: getattr(address, name) for name in _SHOWN} | {"level": levels.level_of(address)}


def _dump(grid: Grid, managers: list[str]) -> dict[str, Any]:
    return {
        "code": grid.code, "name": grid.name, "community_code": grid.community_code, "valid_from": grid.valid_from,
        "valid_to": grid.valid_to, "polygon": polygon_of(grid), "managers": managers,
    }  # fmt: skip
