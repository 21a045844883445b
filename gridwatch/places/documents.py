"""What phones hold of places: the document kinds `grid` and `address`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

from geoalchemy2.shape import to_shape
from shapely.geometry import mapping
from sqlalchemy import select
from sqlalchemy.orm import Session

from gridwatch.db.feed import Document
from gridwatch.domain.worktime import local_day
from gridwatch.people.models import GridDuty, User
from gridwatch.people.queries import on_duty
from gridwatch.places.models import Address, Grid
from gridwatch.web.clock import now


def grid_scope(code: str) -> str:
    """The feed scope of a grid."""
    return f"grid:{code}"


def managers_of(session: Session, grid_codes: Iterable[str], on: date) -> dict[str, list[str]]:
    """Grid code → names of the people on duty there on the local day `on`, leave covers included."""
    found: dict[str, list[str]] = defaultdict(list)
    rows = session.execute(
        select(GridDuty.grid_code, User.name)
        .join(User, User.id == GridDuty.user_id)
        .where(GridDuty.grid_code.in_(list(grid_codes)), on_duty(on), User.disabled_at.is_(None))
        .order_by(GridDuty.grid_code, User.name)
    )
    for code, name in rows:
        found[code].append(name)
    return found


def polygon_of(grid: Grid) -> dict[str, Any]:
    """The outline of a grid as a GeoJSON geometry in WGS-84, longitude first."""
    return mapping(to_shape(grid.shape))


def grid_documents(session: Session, grids: list[Grid]) -> Iterable[Document]:
    """One document a grid, in the grid's own scope."""
    managers = managers_of(session, [grid.code for grid in grids], local_day(now()))
    for grid in grids:
        body = {
            "name": grid.name,
            "community_code": grid.community_code,
            "valid_from": grid.valid_from,
            "valid_to": grid.valid_to,
            "polygon": polygon_of(grid),
            "managers": managers[grid.code],
        }
        yield Document("grid", grid.code, grid.rev, frozenset({grid_scope(grid.code)}), body)


_AS_IT_IS = ("text", "community_code", "road", "house_no", "building", "unit", "room", "stall")
_READ = ("code", "rev", "grid_code", "lon", "lat", "datum", "accuracy_m", *_AS_IT_IS)


def address_document(row: Mapping[str, Any], *, fresh: bool = False) -> Document:
    """The document of an address from the values of its columns, in the scope of its grid where that is known."""
    body = {name: row[name] for name in _AS_IT_IS}
    body["point"] = None if row["lon"] is None else {
        "lon": row["lon"], "lat": row["lat"], "crs": row["datum"], "accuracy_m": row["accuracy_m"],
    }  # fmt: skip
    scopes = frozenset({grid_scope(row["grid_code"])}) if row["grid_code"] else frozenset()
    return Document("address", row["code"], row["rev"], scopes, body, fresh)


def address_documents(session: Session, addresses: list[Address]) -> Iterable[Document]:
    """One document an address."""
    return [address_document({name: getattr(address, name) for name in _READ}) for address in addresses]


RENDERERS = {Grid: grid_documents, Address: address_documents}
