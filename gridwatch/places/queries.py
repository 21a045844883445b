"""Grids and addresses: which a person reaches, and which grid a point lies in."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date
from typing import Any

from shapely import STRtree, from_wkb
from shapely import points as shapely_points
from sqlalchemy import ColumnElement, Date, Select, bindparam, or_, select, text
from sqlalchemy.orm import Session

from gridwatch.db.engine import dialect_of
from gridwatch.domain.address_text import normal
from gridwatch.domain.errors import Refusal
from gridwatch.domain.permits import Actor, Scope
from gridwatch.people.reach import in_area, in_grids, within
from gridwatch.places.models import Address, AddressName, Grid

GRID_REACH = {Scope.AREA: in_area(Grid.area_path), Scope.GRID: in_grids(Grid.code)}
ADDRESS_REACH = {Scope.AREA: in_area(Address.area_path), Scope.GRID: in_grids(Address.grid_code)}

FEW = 200  # points that are looked up one by one: as many as a push brings at most
CHUNK = 50_000  # points in memory at once, as geometries


def valid_on(on: date) -> ColumnElement[bool]:
    """The condition that a grid is valid on the local day `on`; both its days are included."""
    return or_(Grid.valid_from.is_(None), Grid.valid_from <= on) & or_(Grid.valid_to.is_(None), Grid.valid_to >= on)


def grid_by_code(session: Session, code: str) -> Grid | None:
    """The grid with this code, valid or not."""
    return session.get(Grid, code)


def successor_of(session: Session, code: str, on: date) -> str:
    """The grid that has the work of `code` on a day: itself, or from successor to successor the first that has not ended.

    A line of successors that breaks off gives its last grid.
    """
    passed: set[str] = set()
    while code not in passed:
        passed.add(code)
        row = session.execute(select(Grid.valid_to, Grid.successor_code).where(Grid.code == code)).one_or_none()
        if row is None or row.valid_to is None or row.valid_to >= on or row.successor_code is None:
            break
        code = row.successor_code
    return code


def grids_within(actor: Actor, on: date) -> Select[Any]:
    """The grids valid on `on` that the actor may see."""
    return within(select(Grid).where(valid_on(on)), actor, "grid.read", GRID_REACH)


def grid_in_reach(session: Session, actor: Actor, operation: str, code: str, on: date) -> Grid:
    """The grid with this code, if it is valid on `on` and the actor reaches it by `operation`.

    Raises 404 `grid.not_found` otherwise.
    """
    grid = session.scalar(within(select(Grid).where(Grid.code == code, valid_on(on)), actor, operation, GRID_REACH))
    if grid is None:
        raise Refusal("grid.not_found", grid=code)
    return grid


def grids_in(session: Session, area_path: str, *, on: date) -> list[str]:
    """Codes of the grids of an area that are valid on the local day `on`, in order."""
    inside = Grid.area_path.startswith(area_path, autoescape=True)
    return list(session.scalars(select(Grid.code).where(inside, valid_on(on)).order_by(Grid.code)))


def known_addresses(session: Session, codes: Collection[str]) -> set[str]:
    """Which of these standard addresses there are."""
    return set(session.scalars(select(Address.code).where(dialect_of(session).among(Address.code, codes))))


def grid_at(session: Session, lon: float, lat: float, *, on: date) -> Grid | None:
    """The grid around a WGS-84 point (degrees) that is valid on the local day `on`, or None.

    For a fact from the past give its day: it belongs to the grid that was valid then (domain.md §4b, edge e).
    """
    code = grids_at(session, [(lon, lat)], on=on)[0]
    return None if code is None else session.get(Grid, code)


def grids_at(session: Session, points: Sequence[tuple[float, float]], *, on: date) -> list[str | None]:
    """For each WGS-84 point (longitude, latitude) the code of the grid around it on the local day `on`, or None.

    A point on a common border belongs to the grid with the smaller code, so that the same point always gives the same grid.
    The database finds the outlines near the points by its spatial index, once; GEOS, on which both databases stand, decides
    here which outline covers which point. Asked point by point, a database spends ten times as long (bench `route`).
    """
    found: list[str | None] = [None] * len(points)
    if not points:
        return found
    sql, values = outlines_near_sql(session, points)
    rows = session.execute(text(sql).bindparams(bindparam("on", type_=Date)), {**values, "on": on}).all()
    # A grid near several points comes once for each. By falling code: the smaller one has the last word.
    near = sorted(dict(rows).items(), reverse=True)
    codes, outlines = [code for code, _ in near], from_wkb([outline for _, outline in near])
    for start in range(0, len(points), CHUNK):
        tree = STRtree(shapely_points(points[start : start + CHUNK]))
        covering, covered = tree.query(outlines, predicate="covers")
        for place, n in zip(covering.tolist(), covered.tolist(), strict=True):
            found[start + n] = codes[place]
    return found


def addresses_within(actor: Actor, *, called: str | None = None, under: str | None = None) -> Select[Any]:
    """The standard addresses that the actor may see; those that are or were called so, or those one level under an address."""
    statement = within(select(Address), actor, "address.read", ADDRESS_REACH)
    if called is not None:
        words = normal(called)
        named = select(AddressName.address_code).where(AddressName.normal == words)
        statement = statement.where(or_(Address.text.in_({called, words}), Address.code.in_(named)))
    return statement if under is None else statement.where(Address.parent_code == under)


def address_in_reach(session: Session, actor: Actor, code: str, operation: str = "address.read") -> Address:
    """The address with this code. Raises 404 `address.not_found` where there is none within reach."""
    address = session.scalar(within(select(Address).where(Address.code == code), actor, operation, ADDRESS_REACH))
    if address is None:
        raise Refusal("address.not_found", code=code)
    return address


def grids_near(session: Session, bounds: Sequence[float], on: date) -> list[Grid]:
    """The grids valid on a day whose boxes meet a frame (west, south, east, north; WGS-84 degrees), by code."""
    dialect, (west, south, east, north) = dialect_of(session), (float(edge) for edge in bounds)
    near = dialect.spatial_join("grid", "shape", "asked.frame")
    frame = f"SRID=4326;MULTIPOINT({west!r} {south!r}, {east!r} {north!r})"
    asked = text(f"SELECT grid.code FROM (SELECT {dialect.geometry(':frame')} AS frame) AS asked {near}")  # noqa: S608
    codes = list(session.scalars(asked.bindparams(frame=frame)))
    return list(session.scalars(select(Grid).where(Grid.code.in_(codes), valid_on(on)).order_by(Grid.code)))


def outlines_near_sql(session: Session, points: Sequence[tuple[float, float]]) -> tuple[str, dict[str, Any]]:
    """The statement of `grids_at`, and what to bind beside `:on`: (code, outline as WKB) of the grids near the points.

    A few points are looked up one by one, since they may lie far apart; many by the one frame around all of them.
    """
    dialect = dialect_of(session)
    if len(points) <= FEW:
        frames = [f"{lon!r} {lat!r}" for lon, lat in points]
    else:
        lons, lats = zip(*points, strict=True)
        frames = [f"{min(lons)!r} {min(lats)!r}, {max(lons)!r} {max(lats)!r}"]
    selects = " UNION ALL ".join(f"SELECT {dialect.geometry(f':frame{n}')} AS frame" for n in range(len(frames)))
    asked = f"({selects}) AS asked"
    near = dialect.spatial_join("grid", "shape", "asked.frame")
    sql = (
        f"SELECT grid.code, ST_AsBinary(grid.shape) FROM {asked} {near} WHERE "  # noqa: S608 - constants
        "(grid.valid_from IS NULL OR grid.valid_from <= :on) AND (grid.valid_to IS NULL OR grid.valid_to >= :on)"
    )
    return sql, {f"frame{n}": f"SRID=4326;MULTIPOINT({corners})" for n, corners in enumerate(frames)}
