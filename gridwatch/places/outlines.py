"""Outlines of grids drawn anew: read from GeoJSON, cut, joined, and fitted to the ground without gaps and overlaps.

All work is done in metres around the place. Borders that run within SNAP_M of each other are one border: the later one is moved
onto the earlier. What is left between two outlines and is nowhere wider than that is a sliver of drawing and goes to a neighbour;
anything wider is a gap or an overlap, and refused. GEOS decides (shapely 2), as on both databases.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import cos, hypot, isfinite, radians
from typing import Any

import shapely
from shapely.geometry import LineString, MultiLineString, MultiPolygon, Polygon, shape

from gridwatch.domain.datum import Datum, in_china, to_wgs84
from gridwatch.domain.errors import Refusal

SNAP_M = 0.5
MILLIMETRE = 0.001
METRES_PER_DEGREE = 111_320.0
MOST_POINTS = 20_000  # of one drawing


@dataclass(frozen=True, slots=True)
class Frame:
    """Metres east and north of a place, good enough at the size of a street."""

    lon: float
    lat: float

    @classmethod
    def around(cls, shapes: Sequence[Any]) -> Frame:
        """The frame of some WGS-84 shapes."""
        west, south, east, north = shapely.total_bounds(list(shapes))
        return cls((west + east) / 2, (south + north) / 2)

    @property
    def _scale(self) -> tuple[float, float]:
        return METRES_PER_DEGREE * cos(radians(self.lat)), METRES_PER_DEGREE

    def metres(self, given: Any) -> Any:
        """A WGS-84 shape in metres, rounded to the millimetre."""
        moved = shapely.transform(given, lambda at: (at - (self.lon, self.lat)) * self._scale)
        return shapely.set_precision(moved, MILLIMETRE)

    def degrees(self, given: Any) -> MultiPolygon:
        """An area in metres as a WGS-84 multipolygon, outer rings counter-clockwise."""
        moved = shapely.transform(given, lambda at: (at / self._scale + (self.lon, self.lat)).round(9))
        return shapely.orient_polygons(_areal(shapely.make_valid(moved)))


def bounds(areas: Sequence[Any]) -> tuple[float, float, float, float]:
    """West, south, east and north of some shapes."""
    west, south, east, north = shapely.total_bounds(list(areas)).tolist()
    return west, south, east, north


# --- what a client draws ---------------------------------------------------------------------------------------------


def read_area(geojson: Any, datum: Datum) -> MultiPolygon:
    """A valid WGS-84 multipolygon from a GeoJSON Polygon or MultiPolygon in `datum`. Raises 422 `grid.edit_shape`."""
    found = _read(geojson, datum, (Polygon, MultiPolygon))
    if not found.is_valid:
        raise Refusal("grid.edit_shape", why=shapely.is_valid_reason(found))
    return _areal(found)


def read_line(geojson: Any, datum: Datum) -> Any:
    """A WGS-84 line from a GeoJSON LineString or MultiLineString in `datum`. Raises 422 `grid.edit_shape`."""
    return _read(geojson, datum, (LineString, MultiLineString))


def _read(geojson: Any, datum: Datum, kinds: tuple[type, ...]) -> Any:
    wanted = [kind.__name__ for kind in kinds]
    if not isinstance(geojson, dict) or geojson.get("type") not in wanted:
        raise Refusal("grid.edit_shape", why=" / ".join(wanted))
    try:
        found = shapely.force_2d(shape({"type": geojson["type"], "coordinates": geojson.get("coordinates")}))
    except (
        shapely.errors.ShapelyError,
        ValueError,
        TypeError,
        AttributeError,
        IndexError,
        KeyError,
        RecursionError,
    ) as problem:
        raise Refusal("grid.edit_shape", why=str(problem)[:200]) from None
    points = shapely.get_coordinates(found).tolist()
    if not points or len(points) > MOST_POINTS:
        raise Refusal("grid.edit_shape", why=f"{len(points)} points (1–{MOST_POINTS})")
    for lon, lat in points:
        if not (isfinite(lon) and isfinite(lat)) or not in_china(lon, lat):
            raise Refusal("place.outside_china", lon=lon, lat=lat)
    return shapely.transform(found, lambda at: _in_wgs84(at, datum))


def _in_wgs84(points: Any, datum: Datum) -> Any:
    moved = points.copy()
    moved[:] = [to_wgs84(lon, lat, datum) for lon, lat in points.tolist()]
    return moved


# --- cutting and joining ---------------------------------------------------------------------------------------------


def split(old: MultiPolygon, line: Any) -> list[MultiPolygon]:
    """The pieces into which a line cuts an outline, from west to east. All WGS-84."""
    frame = Frame.around([old])
    ground = frame.metres(old)
    cut = shapely.union_all([_reaching(part) for part in shapely.get_parts(frame.metres(line))])
    pieces = shapely.get_parts(shapely.polygonize([shapely.node(shapely.union_all([shapely.boundary(ground), cut]))]))
    inside = [piece for piece in pieces if _wide(piece) and shapely.contains(ground, shapely.point_on_surface(piece))]
    inside.sort(key=lambda piece: (piece.centroid.x, piece.centroid.y))
    return [frame.degrees(piece) for piece in inside]


def _reaching(line: Any) -> Any:
    """A line drawn on at both ends by as much as borders may be apart, so that it reaches a border that it nearly touches."""
    points = shapely.get_coordinates(line).tolist()
    if len(points) < 2:
        return line
    ends = []
    for (x, y), (before_x, before_y) in ((points[0], points[1]), (points[-1], points[-2])):
        far = hypot(x - before_x, y - before_y) / SNAP_M
        ends.append((x + (x - before_x) / far, y + (y - before_y) / far))
    return LineString([ends[0], *points, ends[1]])


def join(old: Sequence[MultiPolygon]) -> MultiPolygon:
    """One outline around several, slivers between them closed. All WGS-84."""
    frame = Frame.around(old)
    first, *others = (frame.metres(one) for one in old)
    for one in others:
        first = shapely.union(first, shapely.snap(one, first, SNAP_M))
    closed = shapely.buffer(shapely.buffer(first, SNAP_M / 2, join_style="mitre"), -SNAP_M / 2, join_style="mitre")
    slivers = [part for part in shapely.get_parts(shapely.difference(closed, first)) if not _wide(part)]
    return frame.degrees(shapely.union_all([first, *slivers]))


def hand_part(giver: MultiPolygon, taker: MultiPolygon, part: MultiPolygon) -> list[MultiPolygon]:
    """The two outlines after a part went from the first to the second. Raises 422 `grid.edit_part`. All WGS-84."""
    frame = Frame.around([giver, taker])
    here, there = frame.metres(giver), frame.metres(taker)
    given = shapely.intersection(here, shapely.snap(frame.metres(part), shapely.boundary(here), SNAP_M))
    left = shapely.difference(here, given)
    if not _wide(given) or not _wide(left):
        raise Refusal("grid.edit_part")
    return [frame.degrees(left), frame.degrees(shapely.union(there, given))]


# --- fitting ---------------------------------------------------------------------------------------------------------


def fit(
    old: Sequence[MultiPolygon], new: Sequence[tuple[str, MultiPolygon]], others: Sequence[tuple[str, MultiPolygon]]
) -> list[MultiPolygon]:
    """The new outlines (name, WGS-84) fitted to each other, to the ground of the old ones and to their neighbours.

    Raises 422 `grid.edit_overlap` (two new ones, or a new one and a neighbour that stays) or `grid.edit_gap` (ground that had a
    grid and would have none).
    """
    frame = Frame.around([*old, *(area for _, area in new)])
    ground = _areal(shapely.union_all([frame.metres(one) for one in old], grid_size=MILLIMETRE))
    standing = [(name, frame.metres(one)) for name, one in others]
    edges = shapely.union_all([shapely.boundary(ground), *(shapely.boundary(one) for _, one in standing)])
    fitted: list[tuple[str, Any]] = []
    for name, drawn in new:
        area = _snapped(frame.metres(drawn), edges)
        for other, there in fitted:
            area = _beside(name, _snapped(area, shapely.boundary(there)), other, there)
        for other, there in standing:
            area = _beside(name, area, other, there)
        beyond = shapely.difference(area, ground)
        slivers = [part for part in shapely.get_parts(beyond) if not _wide(part)]
        fitted.append((name, _areal(shapely.difference(area, shapely.union_all(slivers))) if slivers else area))
    areas = _filled(ground, [area for _, area in fitted], [one for _, one in standing])
    for name, area in zip((name for name, _ in new), areas, strict=True):
        if not _wide(area):
            raise Refusal("grid.edit_shape", why=f"{name}: 0 m²")
    return [frame.degrees(area) for area in areas]


def _snapped(area: Any, edges: Any) -> Any:
    return _areal(shapely.make_valid(shapely.snap(area, edges, SNAP_M)))


def _beside(name: str, area: Any, other: str, there: Any) -> Any:
    """`area` without the sliver that it shares with what is there already."""
    shared = shapely.intersection(area, there)
    if _wide(shared):
        raise Refusal("grid.edit_overlap", name=name, other=other, area_m2=round(shapely.area(shared)))
    return _areal(shapely.difference(area, there)) if shapely.area(shared) > 0 else area


def _filled(ground: Any, areas: list[Any], standing: Sequence[Any]) -> list[Any]:
    """The areas with the slivers between them: each to the one with which it shares the longest border."""
    left = shapely.difference(ground, shapely.union_all([*areas, *standing]))
    for part in shapely.get_parts(left):
        if shapely.area(part) == 0:
            continue
        if _wide(part):
            raise Refusal("grid.edit_gap", area_m2=round(shapely.area(part)))
        borders = [shapely.length(shapely.intersection(shapely.boundary(part), area)) for area in areas]
        longest = borders.index(max(borders))
        areas[longest] = _areal(shapely.union(areas[longest], part))
    return areas


def _wide(area: Any) -> bool:
    """Whether a circle of SNAP_M fits in somewhere."""
    return not shapely.is_empty(shapely.buffer(area, -(SNAP_M / 2 + MILLIMETRE)))


def _areal(given: Any) -> MultiPolygon:
    """The areas of a shape; the lines and points that an operation left over are dropped."""
    parts = shapely.get_parts(given)
    parts = shapely.get_parts(parts)  # a collection may hold multipolygons
    return MultiPolygon([part for part in parts if isinstance(part, Polygon) and not part.is_empty])


# --- which new outline a point falls into ----------------------------------------------------------------------------

NEAR_M = 1.0  # a point that stood on a border which was moved by a sliver belongs to the nearest


def fall_into(areas: Sequence[MultiPolygon], points: Sequence[tuple[float, float]]) -> list[int | None]:
    """For each WGS-84 point the place of the outline that covers it, or lies within a metre; the earlier one on a border."""
    if not points or not areas:
        return [None] * len(points)
    frame = Frame.around(areas)
    local = [frame.metres(area) for area in areas]
    there = [frame.metres(point) for point in shapely.points(points)]
    found: list[int | None] = []
    for point in there:
        distances = shapely.distance(local, point)
        nearest = int(distances.argmin())
        found.append(nearest if distances[nearest] <= NEAR_M else None)
    return found


def shares(areas: Sequence[MultiPolygon], of: MultiPolygon) -> list[float]:
    """Square metres that each outline has of `of`."""
    frame = Frame.around([of])
    whole = frame.metres(of)
    return [float(shapely.area(shapely.intersection(frame.metres(area), whole))) for area in areas]
