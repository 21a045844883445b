"""Grid polygons: the sample passes, the trap is caught twice, and every broken outline is named."""

from __future__ import annotations

import json
from math import cos, radians
from pathlib import Path

import pytest
import shapely

from gridwatch.domain.datum import Datum, from_wgs84
from gridwatch.exchange.reading import Report
from gridwatch.exchange.shapes import METRES_PER_DEGREE, overlaps, read_grids

NANCHENG = Path(__file__).parents[1] / "data/nancheng"
TRAP = NANCHENG / "traps/dongguan_towns_bd09_unlabelled_trap.geojson"
LON, LAT = 113.75, 23.01
METRE_NORTH = 1 / METRES_PER_DEGREE
METRE_EAST = METRE_NORTH / cos(radians(LAT))


def square(east: float = 0, north: float = 0, side: float = 100) -> list[list[float]]:
    """A closed ring of `side` metres whose south-west corner lies so many metres from a point in 南城."""
    corners = [(0, 0), (side, 0), (side, side), (0, side), (0, 0)]
    return [[LON + (east + x) * METRE_EAST, LAT + (north + y) * METRE_NORTH] for x, y in corners]


def feature(code: str, /, *rings, **properties) -> dict:
    return {
        "type": "Feature",
        "properties": {"code": code, "name": f"网格{code}", "community_code": "441900004011", **properties},
        "geometry": {"type": "Polygon", "coordinates": list(rings)},
    }


def read(*features, given: Datum | None = None, **members):
    """Read features in a collection that states WGS84 unless `members` say otherwise; `...` takes a member away."""
    collection = {"type": "FeatureCollection", "datum": "WGS84", **members, "features": list(features)}
    collection = {name: value for name, value in collection.items() if value is not ...}
    return read_text(json.dumps(collection), given=given)


def read_text(text: str, given: Datum | None = None):
    report = Report()
    return read_grids(text.encode(), report, datum=given, file="grids.geojson"), report


def problems(report: Report) -> list[tuple]:
    return [(problem.code, problem.line, problem.column) for problem in report.problems]


# --- the sample and the trap ------------------------------------------------------------------------------------------


def test_the_58_grids_of_the_sample_pass_although_rounding_makes_neighbours_overlap_by_centimetres():
    report = Report()
    grids = read_grids(NANCHENG / "grids.geojson", report)
    assert (report.problems, report.notes) == ([], [])
    assert len(grids) == len({grid.code for grid in grids}) == 58
    assert len({grid.community_code for grid in grids}) == 18
    assert all(grid.shape.is_valid and grid.shape.geom_type == "MultiPolygon" for grid in grids)
    assert sum(len(grid.shape.geoms) > 1 for grid in grids) == 4
    slivers = [a.shape.intersection(b.shape).area for a in grids for b in grids if a.code < b.code]
    assert sum(area > 0 for area in slivers) > 20  # the tolerance is needed
    assert shapely.from_wkb(grids[0].wkb) == grids[0].shape


def test_the_trap_is_refused_with_the_question_for_its_datum():
    report = Report()
    assert read_grids(TRAP, report) == []
    assert problems(report) == [("datum.unstated", None, "datum")]
    assert "--datum" in report.problems[0].reason_zh
    assert "BD09" in report.problems[0].reason_en


def test_the_trap_is_still_refused_with_its_datum_for_the_broken_ring_of_liaobu():
    report = Report()
    assert read_grids(TRAP, report, datum=Datum.BD09) == []
    rings = [problem for problem in report.problems if problem.column == "geometry"]
    assert [(problem.code, problem.line, problem.value) for problem in rings] == [("ring.too_short", 29, "寮步镇")]
    assert "只有 2 个点" in rings[0].reason_zh
    # It holds towns, not grids: no feature says its code and community.
    assert {problem.code for problem in report.problems} - {"ring.too_short"} == {"cell.blank"}
    # Its other rings leave out the closing point; that is mended and said.
    assert {note.code for note in report.notes} == {"ring.closed"}
    assert len(report.notes) == 25


# --- the datum --------------------------------------------------------------------------------------------------------

CRS = "urn:ogc:def:crs:"


@pytest.mark.parametrize(
    ("members", "given", "refused"),
    [
        ({"datum": "WGS84"}, None, None),
        ({"datum": "wgs-84"}, Datum.WGS84, None),
        ({"datum": ...}, Datum.WGS84, None),
        ({"datum": None}, Datum.WGS84, None),
        ({"datum": ..., "crs": {"type": "name", "properties": {"name": CRS + "OGC:1.3:CRS84"}}}, None, None),
        ({"datum": ..., "crs": {"type": "name", "properties": {"name": CRS + "EPSG::4326"}}}, None, None),
        ({"datum": ..., "crs": {"type": "name", "properties": {"name": CRS + "EPSG::4490"}}}, None, None),
        ({"datum": ..., "crs": {"type": "name", "properties": {"name": CRS + "EPSG::4547"}}}, None, "datum.unknown"),
        ({"datum": ..., "crs": {"type": "link"}}, None, "datum.unknown"),
        ({"datum": ...}, None, "datum.unstated"),
        ({"datum": None}, None, "datum.unstated"),
        ({"datum": "beijing54"}, None, "datum.unknown"),
        ({"datum": "beijing54"}, Datum.WGS84, "datum.unknown"),
        ({"datum": "WGS84"}, Datum.GCJ02, "datum.conflict"),
    ],
)
def test_the_datum_is_stated_by_the_file_or_the_caller_and_never_guessed(members, given, refused):
    grids, report = read(feature("G1", square()), given=given, **members)
    assert [problem.code for problem in report.problems] == ([refused] if refused else [])
    assert len(grids) == (0 if refused else 1)


@pytest.mark.parametrize("datum", list(Datum))
def test_every_datum_comes_out_as_the_same_wgs84_square(datum):
    ring = [list(from_wgs84(*point, datum)) for point in square()]
    grids, report = read(feature("G1", ring), datum=datum.value)
    assert report.problems == []
    assert grids[0].shape.symmetric_difference(shapely.Polygon(square())).area < 1e-14


# --- outlines ---------------------------------------------------------------------------------------------------------

BOW_TIE = [square()[0], square()[2], square()[1], square()[3], square()[0]]
SWAPPED = [[lat, lon] for lon, lat in square()]
TOKYO = [[139.69, 35.68], [139.70, 35.68], [139.70, 35.69], [139.69, 35.68]]
METRES = [[500000, 2546000], [500100, 2546000], [500100, 2546100], [500000, 2546000]]
CUT_OFF = [square()[0], *[[LON + n * METRE_EAST, LAT + 30 * METRE_NORTH] for n in range(10, 200, 10)]]


@pytest.mark.parametrize(
    ("rings", "code", "said"),
    [
        ([BOW_TIE], "polygon.invalid", "自相交["),
        ([square(), square(500, 500, 10)], "polygon.invalid", "洞在外环之外"),
        ([square()[:1] * 5], "polygon.invalid", "不同的点太少"),
        ([square()[:2]], "ring.too_short", "只有 2 个点"),
        ([[*square()[:2], square()[0]]], "ring.too_short", "只有 3 个点"),
        ([[]], "ring.too_short", "只有 0 个点"),
        ([square(), square(10, 10, 10)[:2]], "ring.too_short", "只有 2 个点"),
        ([CUT_OFF], "ring.open", "没有闭合"),
        ([], "geometry.empty", "为空"),
        ([SWAPPED], "point.swapped", "写反了"),
        ([TOKYO], "point.outside_china", "中国"),
        ([METRES], "point.outside_china", "中国"),
        ([[*square()[:4], [LON]]], "geometry.position", "两个数"),
        ([[*square()[:4], ["113.75", "23.01"]]], "geometry.position", "两个数"),
        ([[*square()[:4], [True, 23.01]]], "geometry.position", "两个数"),
        ([[*square()[:4], [float("nan"), 23.01]]], "geometry.position", "两个数"),
        ([[*square()[:4], [10**400, 23.01]]], "geometry.position", "两个数"),
        (["ring"], "geometry.position", "两个数"),
    ],
)
def test_a_broken_outline_is_named_with_its_reason(rings, code, said):
    grids, report = read(feature("G1", square(5_000)), feature("G2", *rings))
    assert grids == []
    assert problems(report) == [(code, 2, "geometry")]
    assert said in report.problems[0].reason_zh
    assert report.problems[0].value == "网格G2"
    assert "{" not in report.problems[0].reason_en


def test_a_ring_without_its_last_point_is_closed_and_said():
    grids, report = read(feature("G1", square()[:-1]))
    assert grids[0].shape.equals(shapely.Polygon(square()))
    assert [(note.code, note.line) for note in report.notes] == [("ring.closed", 1)]
    assert "100 米" in report.notes[0].text_zh


def test_holes_heights_and_several_parts_are_kept_heights_dropped_and_rings_turned_the_right_way():
    clockwise = [[*point, 12.5] for point in reversed(square())]
    item = feature("G1")
    item["geometry"] = {"type": "MultiPolygon", "coordinates": [[clockwise, square(10, 10, 10)], [square(1_000)]]}
    grids, report = read(item)
    assert report.problems == []
    shape = grids[0].shape
    assert (len(shape.geoms), len(shape.geoms[0].interiors), shape.has_z) == (2, 1, False)
    assert shape.geoms[0].exterior.is_ccw
    assert not shape.geoms[0].interiors[0].is_ccw


# --- grids beside each other ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("east", "overlapping"),
    [
        (150, False),  # apart
        (100, False),  # sharing a side
        (99.5, False),  # half a metre into each other: a sliver
        (98, True),  # two metres
        (0, True),  # the same place
    ],
)
def test_grids_may_touch_and_overlap_by_less_than_a_metre(east, overlapping):
    grids, report = read(feature("G1", square()), feature("G2", square(east)))
    assert problems(report) == ([("polygon.overlap", 2, "geometry")] if overlapping else [])
    assert len(grids) == (0 if overlapping else 2)


def test_an_overlap_names_both_grids_and_its_area():
    _, report = read(feature("G1", square()), feature("G2", square(300)), feature("G3", square(50)))
    assert "网格G3" in report.problems[0].reason_zh
    assert "第 1 个网格「网格G1」" in report.problems[0].reason_zh
    assert "5,000" in report.problems[0].reason_en


def test_overlap_can_be_asked_of_any_shapes_those_in_a_store_too():
    shapes = [shapely.MultiPolygon([shapely.Polygon(square(east))]) for east in (0, 200, 250)]
    assert [(one, other, round(area)) for one, other, area in overlaps(shapes)] == [(1, 2, 5000)]
    assert list(overlaps([])) == []


# --- features and files -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("properties", "expected"),
    [
        ({"code": None}, [("cell.blank", 1, "code")]),
        ({"code": " "}, [("cell.blank", 1, "code")]),
        ({"code": "甲"}, [("cell.code", 1, "code")]),
        ({"code": 441900004011001.0}, [("property.type", 1, "code")]),
        ({"name": ["甲"]}, [("property.type", 1, "name")]),
        ({"name": "\ud800"}, [("cell.control_character", 1, "name")]),
        ({"community_code": None}, [("cell.blank", 1, "community_code")]),
        ({"code": 441900004011001}, []),
    ],
)
def test_a_grid_says_its_code_name_and_community(properties, expected):
    grids, report = read(feature("G1", square(), **properties))
    assert problems(report) == expected
    assert len(grids) == (0 if expected else 1)


def test_a_code_that_stands_there_twice_is_refused():
    _, report = read(feature("G1", square()), feature("G1", square(500)))
    assert problems(report) == [("row.duplicate", 2, "code")]


@pytest.mark.parametrize(
    ("item", "code"),
    [
        ({"type": "Feature", "geometry": None}, "geojson.feature"),
        ({"type": "Point"}, "geojson.feature"),
        ("grid", "geojson.feature"),
        ({**feature("G1", square()), "geometry": None}, "geometry.type"),
        ({**feature("G1", square()), "geometry": {"type": "Point", "coordinates": [LON, LAT]}}, "geometry.type"),
        ({**feature("G1", square()), "geometry": {"type": "Polygon"}}, "geometry.empty"),
    ],
)
def test_a_feature_that_is_no_grid_is_named(item, code):
    _, report = read(item)
    assert [(problem.code, problem.line) for problem in report.problems] == [(code, 1)]


@pytest.mark.parametrize(
    ("text", "code", "line"),
    [
        ("", "geojson.unreadable", 1),
        ('{"type":\n"FeatureCollection",,}', "geojson.unreadable", 2),
        ("[" * 100_000, "geojson.unreadable", None),
        ("1" * 5_000, "geojson.unreadable", None),
        ("[]", "geojson.type", None),
        ('{"type": "Feature"}', "geojson.type", None),
        ('{"type": "FeatureCollection", "features": {}}', "geojson.type", None),
    ],
    ids=["empty", "comma", "deep", "long number", "list", "feature", "no list"],
)
def test_a_file_that_is_no_feature_collection_is_refused(text, code, line):
    grids, report = read_text(text)
    assert grids == []
    assert [(problem.code, problem.line) for problem in report.problems] == [(code, line)]


def test_a_file_in_gb18030_is_recognised_and_said():
    collection = {"type": "FeatureCollection", "datum": "WGS84", "features": [feature("G1", square())]}
    report = Report()
    grids = read_grids(json.dumps(collection, ensure_ascii=False).encode("gb18030"), report, file="grids.geojson")
    assert [grid.name for grid in grids] == ["网格G1"]
    assert [note.code for note in report.notes] == ["encoding.converted"]
