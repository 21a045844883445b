"""Grid polygons from a GeoJSON file: the datum asked for, every ring judged, WGS-84 multipolygons out.

RFC 7946 says that GeoJSON is WGS-84; public files of one and the same city were found in WGS-84 and in BD-09, 1.25 km
apart, and neither said so. A file that does not state its datum is therefore refused with the question, not believed.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from math import cos, hypot, radians
from pathlib import Path
from typing import Any

import shapely
from shapely.geometry import MultiPolygon, Polygon

from gridwatch.domain.datum import Datum, to_wgs84
from gridwatch.exchange import cells
from gridwatch.exchange.reading import Reason, Report, file_name, read_text, shown

# Two grids overlap when a circle of this diameter fits into both at once. Neighbours drawn with rounded coordinates
# overlap in slivers some centimetres wide and a kilometre long, so an area would say nothing; a metre is less than any
# phone can tell apart.
OVERLAP_M = 1.0
METRES_PER_DEGREE = 111_320.0

NOT_JSON = Reason("geojson.unreadable", "不是有效的 JSON：{why}", "this is not valid JSON: {why}")
NOT_FEATURES = Reason("geojson.type", "应为 GeoJSON FeatureCollection", "this should be a GeoJSON FeatureCollection")
NOT_A_FEATURE = Reason("geojson.feature", "应为带 properties 的 Feature", "this should be a Feature with properties")
DATUM_UNSTATED = Reason(
    "datum.unstated",
    "文件没有说明坐标系：请用 --datum 指明 WGS84、CGCS2000、GCJ02（高德、腾讯）还是 BD09（百度），"
    '或在 FeatureCollection 中加上 "datum"',
    "the file does not state its datum: say with --datum whether it is WGS84, CGCS2000, GCJ02 (AMap, Tencent) or BD09 "
    '(Baidu), or add a member "datum" to the FeatureCollection',
)
NOT_A_WORD = Reason("property.type", "应为文字或整数", "this should be text or a whole number")
GEOMETRY_TYPE = Reason("geometry.type", "网格应为 Polygon 或 MultiPolygon", "a grid is a Polygon or a MultiPolygon")
EMPTY = Reason("geometry.empty", "几何为空", "the geometry is empty")
POSITION = Reason(
    "geometry.position", "坐标应为 [经度, 纬度] 两个数", "a position is two numbers, [longitude, latitude]"
)
RING_SHORT = Reason(
    "ring.too_short",
    "「{label}」有一个环只有 {points} 个点，至少要 4 个",
    "{label} has a ring of {points} points; a ring has 4 at least",
)
RING_OPEN = Reason(
    "ring.open",
    "「{label}」有一个环没有闭合：首尾相距 {gap} 米，比它最长的一段边还长，轮廓可能被截断",
    "{label} has a ring that is not closed: {gap} m from its last point to its first, more than its longest side, so "
    "the outline may be cut off",
)
RING_CLOSED = Reason(
    "ring.closed",
    "「{label}」有一个环没有闭合，已用直线补上首尾之间的 {gap} 米",
    "{label} has a ring that is not closed; the {gap} m between its ends were closed with a straight line",
)
INVALID = Reason(
    "polygon.invalid", "「{label}」的边界有误：{why_zh}{at}", "the outline of {label} is broken: {why_en}{at}"
)
OVERLAP = Reason(
    "polygon.overlap",
    "「{label}」与第 {first} 个网格「{other}」重叠约 {area} 平方米",
    "{label} overlaps grid {other} (feature {first}) by some {area} m²",
)
DUPLICATE = Reason("row.duplicate", "与第 {first} 个网格的代码相同", "the same code as feature {first}")


@dataclass(frozen=True, slots=True)
class GridShape:
    """One grid of the file. `line` is its place among the features, from 1; `shape` is WGS-84, longitude first."""

    line: int
    code: str
    name: str
    community_code: str
    shape: MultiPolygon

    @property
    def wkb(self) -> bytes:
        """The shape as WKB, little-endian, without SRID (it is 4326)."""
        return shapely.to_wkb(self.shape, byte_order=1)


Point = tuple[float, float]  # longitude, latitude

REFERENCES = {"community_code": "areas"}
_PROPERTIES = {"code": cells.code(20), "name": cells.text(60), "community_code": cells.code(12)}
_BROKEN_ZH = {  # what GEOS says of a polygon
    "Self-intersection": "自相交",
    "Ring Self-intersection": "环自相交",
    "Hole lies outside shell": "洞在外环之外",
    "Holes are nested": "洞互相嵌套",
    "Nested shells": "各部分互相嵌套",
    "Interior is disconnected": "内部不连通",
    "Duplicate Rings": "环重复",
    "Too few points in geometry component": "不同的点太少",
}
_CRS = {"CRS84": Datum.WGS84, "4326": Datum.WGS84, "4490": Datum.CGCS2000}


def read_grids(
    source: Path | bytes, report: Report, *, datum: Datum | None = None, file: str | None = None
) -> list[GridShape]:
    """The grids of a GeoJSON file; [] when anything is wrong with it, every reason being in `report`.

    The datum is what the file states (member `datum`, or a `crs` of EPSG 4326, 4490 or CRS84) or else `datum`, what the
    caller says; two that differ are refused. Each feature has the properties code, name and community_code. Other
    grids are only known to the caller: overlap is judged within the file. Raises OSError when the path cannot be read.
    """
    file = file_name(source, file)
    features = _features(source, report, file)
    if features is None:
        return []
    collection, items = features
    datum = _datum(collection, datum, report, file)
    if datum is None:
        return []
    grids = [grid for grid in (_grid(item, n, datum, report, file) for n, item in enumerate(items, 1)) if grid]
    _refuse_duplicates(grids, report, file)
    for one, other, area in overlaps([grid.shape for grid in grids]):
        first, second = grids[one], grids[other]
        facts = {"label": second.name, "first": first.line, "other": first.name, "area": f"{area:,.0f}"}
        report.refuse(OVERLAP, file, line=second.line, column="geometry", value=second.code, **facts)
    return grids if report.accepts(file) else []


def overlaps(shapes: list[MultiPolygon]) -> Iterator[tuple[int, int, float]]:
    """(index, later index, square metres) of each pair of WGS-84 shapes that share more than a sliver (OVERLAP_M)."""
    if not shapes:
        return
    # Good enough at the size of a city: metres east and north, scaled at the middle latitude.
    south, north = min(shape.bounds[1] for shape in shapes), max(shape.bounds[3] for shape in shapes)
    scale = (METRES_PER_DEGREE * cos(radians((south + north) / 2)), METRES_PER_DEGREE)
    local = [shapely.transform(shape, lambda degrees: degrees * scale) for shape in shapes]
    pairs = shapely.STRtree(local).query(local, predicate="intersects").T.tolist()
    for one, other in sorted(pairs):
        if one < other:
            shared = shapely.intersection(local[one], local[other])
            if not shapely.buffer(shared, -OVERLAP_M / 2).is_empty:
                yield one, other, shared.area


def _features(source: Path | bytes, report: Report, file: str) -> tuple[dict[str, Any], list[Any]] | None:
    text = read_text(source, report, file)
    if text is None:
        return None
    try:
        collection = json.loads(text)
    except json.JSONDecodeError as error:
        report.refuse(NOT_JSON, file, line=error.lineno, why=error.msg)
        return None
    except (RecursionError, ValueError) as error:  # nested too deeply; a number of thousands of digits
        report.refuse(NOT_JSON, file, why=str(error))
        return None
    items = collection.get("features") if isinstance(collection, dict) else None
    if not isinstance(items, list) or collection.get("type") != "FeatureCollection":
        report.refuse(NOT_FEATURES, file)
        return None
    return collection, items


def _datum(collection: dict[str, Any], given: Datum | None, report: Report, file: str) -> Datum | None:
    """The one datum that file and caller agree on, or None and the reason."""
    stated = None
    if collection.get("datum") is not None:
        text = str(collection["datum"])
        try:
            stated = cells.datum(text)
        except cells.Unfit as unfit:
            report.refuse(unfit.reason, file, column="datum", value=text)
            return None
    elif collection.get("crs") is not None:
        crs = collection["crs"]
        named = crs.get("properties") if isinstance(crs, dict) else None
        text = str(named.get("name") if isinstance(named, dict) else crs)
        stated = _CRS.get(text.replace("/", ":").rpartition(":")[2])
        if stated is None:
            report.refuse(cells.DATUM, file, column="crs", value=text)
            return None
    if stated is None and given is None:
        report.refuse(DATUM_UNSTATED, file, column="datum")
    elif None not in (stated, given) and stated is not given:
        report.refuse(cells.DATUM_CONFLICT, file, column="datum", stated=stated, given=given)
        return None
    return stated or given


class _Refused(Exception):
    """A geometry that cannot be used; `facts` fill the reason."""

    def __init__(self, reason: Reason, **facts: Any) -> None:
        super().__init__(reason.code)
        self.reason = reason
        self.facts = facts


def _grid(item: Any, line: int, datum: Datum, report: Report, file: str) -> GridShape | None:
    properties = item.get("properties") if isinstance(item, dict) and item.get("type") == "Feature" else None
    if not isinstance(properties, dict):
        report.refuse(NOT_A_FEATURE, file, line=line)
        return None
    values = {name: _property(properties, name, line, report, file) for name in _PROPERTIES}
    label = shown(str(properties.get("name") or properties.get("code") or line))
    try:
        shape = _shape(
            item.get("geometry"),
            datum,
            label,
            say=partial(report.say, file=file, line=line, column="geometry", value=label),
        )
    except _Refused as refused:
        report.refuse(refused.reason, file, line=line, column="geometry", value=label, **refused.facts)
        return None
    if None in values.values():
        return None
    return GridShape(line, **values, shape=shape)


def _property(properties: dict[str, Any], name: str, line: int, report: Report, file: str) -> str | None:
    given = properties.get(name)
    text = "" if given is None else str(given)
    reason, facts = cells.BLANK, {"title": name, "name": name}
    if type(given) not in (str, int, type(None)):
        reason, facts = NOT_A_WORD, {}
    elif text.strip():
        try:
            return _PROPERTIES[name](text)
        except cells.Unfit as unfit:
            reason, facts = unfit.reason, unfit.facts
    report.refuse(reason, file, line=line, column=name, value=text, **facts)
    return None


def _shape(geometry: Any, datum: Datum, label: str, say: Callable[..., None]) -> MultiPolygon:
    """A valid WGS-84 multipolygon with outer rings counter-clockwise (RFC 7946). Raises _Refused; notes by `say`."""
    kind = geometry.get("type") if isinstance(geometry, dict) else None
    if kind not in ("Polygon", "MultiPolygon"):
        raise _Refused(GEOMETRY_TYPE)
    coordinates = geometry.get("coordinates")
    polygons = [coordinates] if kind == "Polygon" else coordinates
    if not isinstance(polygons, list) or not polygons or not all(isinstance(one, list) and one for one in polygons):
        raise _Refused(EMPTY)
    outlines = [[_ring(ring, label, say) for ring in polygon] for polygon in polygons]
    for lon, lat in (point for rings in outlines for ring in rings for point in ring):
        misplaced = cells.misplaced(lon, lat)
        if misplaced is not None:
            raise _Refused(misplaced)
    moved = [[[to_wgs84(*point, datum) for point in ring] for ring in rings] for rings in outlines]
    shape = MultiPolygon([Polygon(rings[0], rings[1:]) for rings in moved])
    if not shape.is_valid:
        why, bracket, place = shapely.is_valid_reason(shape).partition("[")
        raise _Refused(INVALID, label=label, why_zh=_BROKEN_ZH.get(why, why), why_en=why, at=bracket + place)
    return shapely.orient_polygons(shape)


def _ring(ring: Any, label: str, say: Callable[..., None]) -> list[Point]:
    """The points of a ring, closed. Many exporters leave the last point out; a longer gap than any side is a cut."""
    if not isinstance(ring, list):
        raise _Refused(POSITION)
    points = [_point(position) for position in ring]
    closed = points if points[:1] == points[-1:] else [*points, points[0]]
    if len(closed) < 4:
        raise _Refused(RING_SHORT, label=label, points=len(points))
    if closed is not points:
        *sides, gap = (_metres(one, other) for one, other in pairwise(closed))
        if gap > max(sides):
            raise _Refused(RING_OPEN, label=label, gap=f"{gap:,.0f}")
        say(RING_CLOSED, label=label, gap=f"{gap:,.0f}")
    return closed


def _metres(one: Point, other: Point) -> float:
    return METRES_PER_DEGREE * hypot((one[0] - other[0]) * cos(radians(one[1])), one[1] - other[1])


def _point(position: Any) -> Point:
    """Longitude and latitude of a position; a height behind them is dropped."""
    numbers = position[:2] if isinstance(position, list) else []
    if len(numbers) != 2 or not all(type(n) in (int, float) and -1e9 < n < 1e9 for n in numbers):  # no bool, no NaN
        raise _Refused(POSITION)
    return float(numbers[0]), float(numbers[1])


def _refuse_duplicates(grids: list[GridShape], report: Report, file: str) -> None:
    first: dict[str, int] = {}
    for grid in grids:
        line = first.setdefault(grid.code, grid.line)
        if line != grid.line:
            report.refuse(DUPLICATE, file, line=grid.line, column="code", value=grid.code, first=line)
