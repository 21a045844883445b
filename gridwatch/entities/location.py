"""Where entities lie: the grid and the area of many places at once, by standard address, else by point."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import select
from sqlalchemy.orm import Session

from gridwatch.db.engine import dialect_of
from gridwatch.domain.datum import Datum, to_wgs84
from gridwatch.domain.errors import Refusal
from gridwatch.domain.routing import RoutedBy, choose_grid
from gridwatch.places.models import Address, Grid
from gridwatch.places.queries import grids_at, valid_on


@dataclass(frozen=True, slots=True)
class Place:
    """What is known of where something lies: a standard address, a WGS-84 point (degrees), the path of its street."""

    address_code: str | None
    point: tuple[float, float] | None
    street_path: str


@dataclass(frozen=True, slots=True)
class Spot:
    """Where it lies: the grid (None: nobody knows), how it was found, and the path of the innermost area known."""

    grid_code: str | None
    routed_by: RoutedBy
    area_path: str


def locate(session: Session, places: Sequence[Place], *, on: date) -> list[Spot]:
    """The spots of many places on the local day `on`, in their order.

    Without a point of its own a place has that of its address. A grid that is not valid on the day does not count.
    Raises 404 `address.not_found` for an address code that nobody knows.
    """
    addresses = _addresses(session, {place.address_code for place in places if place.address_code})
    for place in places:
        if place.address_code and place.address_code not in addresses:
            raise Refusal("address.not_found", code=place.address_code)
    known = [addresses.get(place.address_code) for place in places]
    points = [place.point or (address.point if address else None) for place, address in zip(places, known, strict=True)]
    around = iter(grids_at(session, [point for point in points if point], on=on))
    by_point = [next(around) if point else None for point in points]
    codes = {address.grid_code for address in addresses.values() if address.grid_code}
    paths = _grid_paths(session, codes.union(code for code in by_point if code), on)
    spots = []
    for place, address, found in zip(places, known, by_point, strict=True):
        of_address = address.grid_code if address and address.grid_code in paths else None
        grid, routed_by = choose_grid(of_address, found)
        path = paths[grid] if grid else address.area_path if address else place.street_path
        spots.append(Spot(grid, routed_by, path))
    return spots


@dataclass(frozen=True, slots=True)
class _Known:
    grid_code: str | None
    area_path: str
    point: tuple[float, float] | None


def _addresses(session: Session, codes: Collection[str]) -> dict[str | None, _Known]:
    found: dict[str | None, _Known] = {}
    if not codes:
        return found
    columns = (Address.code, Address.grid_code, Address.area_path, Address.lon, Address.lat, Address.datum)
    rows = session.execute(select(*columns).where(dialect_of(session).among(Address.code, codes)))
    for code, grid_code, area_path, lon, lat, datum in rows:
        point = None if lon is None or lat is None else to_wgs84(lon, lat, Datum(datum))
        found[code] = _Known(grid_code, area_path, point)
    return found


def _grid_paths(session: Session, codes: Collection[str], on: date) -> dict[str, str]:
    if not codes:
        return {}
    statement = select(Grid.code, Grid.area_path).where(dialect_of(session).among(Grid.code, codes), valid_on(on))
    return dict(session.execute(statement).all())
