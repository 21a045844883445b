"""Outlines drawn anew: cut, joined, handed over and fitted; slivers go to a neighbour, gaps and overlaps are refused."""

from __future__ import annotations

import math
import random

import pytest
import shapely
from shapely.geometry import LineString, MultiPolygon, Polygon, box, mapping

from gridwatch.domain.datum import Datum
from gridwatch.domain.errors import Refusal
from gridwatch.places.outlines import Frame, fall_into, fit, hand_part, join, read_area, read_line, split

WEST, SOUTH = 113.74, 23.01
METRE_EAST, METRE_NORTH = 1 / (111_320 * math.cos(math.radians(SOUTH))), 1 / 111_320


def square(west: float, south: float, east: float, north: float) -> MultiPolygon:
    """A rectangle, its sides in metres east and north of a place in the town."""
    return MultiPolygon([box(*at(west, south), *at(east, north))])


def at(east: float, north: float) -> tuple[float, float]:
    return WEST + east * METRE_EAST, SOUTH + north * METRE_NORTH


def area_m2(shape) -> float:
    return shapely.area(Frame(*at(0, 0)).metres(shape))


def is_whole(ground: list[MultiPolygon], parts: list[MultiPolygon]) -> None:
    """The parts cover the ground, nothing else, and no two of them share any."""
    frame = Frame(*at(0, 0))
    local, whole = [frame.metres(part) for part in parts], shapely.union_all([frame.metres(one) for one in ground])
    assert (
        shapely.area(shapely.symmetric_difference(shapely.union_all(local), whole)) < 1.0
    )  # of a million square metres
    for place, one in enumerate(local):
        for other in local[place + 1 :]:
            assert shapely.area(shapely.intersection(one, other)) < 0.5
    assert all(part.is_valid for part in parts)


@pytest.mark.parametrize(
    ("why", "points"),
    [
        ("beyond both borders", [(500, -10), (500, 1010)]),
        ("ends 0.4 m before the border", [(500, 0.4), (500, 999.6)]),
        ("a winding street", [(480, -1), (520, 300), (470, 600), (505, 1001)]),
    ],
)
def test_a_line_cuts_a_grid_in_two(why: str, points: list[tuple[float, float]]):
    whole = square(0, 0, 1000, 1000)
    west, east = split(whole, LineString([at(*point) for point in points]))
    assert west.centroid.x < east.centroid.x
    is_whole([whole], fit([whole], [("西", west), ("东", east)], []))


def test_a_line_that_stops_inside_cuts_nothing():
    assert len(split(square(0, 0, 1000, 1000), LineString([at(500, -10), at(500, 900)]))) == 1


def test_two_grids_with_a_sliver_between_them_become_one():
    one, other = square(0, 0, 500, 1000), square(500.3, 0, 1000, 1000)
    whole = join([one, other])
    assert len(whole.geoms) == 1
    assert area_m2(whole) == pytest.approx(1_000_000, abs=500)


def test_a_part_goes_from_one_to_the_other():
    giver, taker = square(0, 0, 500, 1000), square(500, 0, 1000, 1000)
    left, grown = hand_part(giver, taker, square(400, -5, 500.4, 1005))
    assert (area_m2(left), area_m2(grown)) == (pytest.approx(400_000, abs=500), pytest.approx(600_000, abs=500))
    is_whole([giver, taker], fit([giver, taker], [("甲", left), ("乙", grown)], []))
    for part in (square(600, 0, 700, 100), square(-5, -5, 505, 1005)):  # not in the giver; all of it
        with pytest.raises(Refusal, match="grid.edit_part"):
            hand_part(giver, taker, part)


@pytest.mark.parametrize("seed", range(12))
def test_borders_drawn_half_a_metre_apart_become_one(seed: int):
    """A crooked border drawn twice by hand, each time up to 0.2 m off: no gap, no overlap, nothing of a neighbour."""
    dice = random.Random(seed)
    north = [0, *sorted(dice.uniform(50, 950) for _ in range(6)), 1000]
    border = [(500 + dice.uniform(-80, 80), y) for y in north]

    def shaky(point: tuple[float, float]) -> tuple[float, float]:
        return at(point[0] + dice.uniform(-0.2, 0.2), point[1] + dice.uniform(-0.2, 0.2))

    west = MultiPolygon([Polygon([at(0, 0), *map(shaky, border), at(0, 1000)])])
    east = MultiPolygon([Polygon([shaky((1000, 0)), shaky((1000, 1000)), *map(shaky, reversed(border))])])
    ground, neighbour = square(0, 0, 1000, 1000), square(1000, 0, 2000, 1000)
    fitted = fit([ground], [("西", west), ("东", east)], [("邻", neighbour)])
    is_whole([ground, neighbour], [*fitted, neighbour])


@pytest.mark.parametrize(
    ("why", "new", "code"),
    [
        ("two overlap by a street", [("a", square(0, 0, 520, 1000)), ("b", square(500, 0, 1000, 1000))], "grid.edit_overlap"),
        ("one reaches into the neighbour", [("a", square(0, 0, 1030, 1000))], "grid.edit_overlap"),
        ("a strip is left", [("a", square(0, 0, 490, 1000)), ("b", square(500, 0, 1000, 1000))], "grid.edit_gap"),
        ("a courtyard is left", [("a", square(0, 0, 1000, 1000).difference(square(400, 400, 420, 420)))], "grid.edit_gap"),
    ],
)  # fmt: skip
def test_gaps_and_overlaps_are_refused(why: str, new: list, code: str):
    with pytest.raises(Refusal) as refused:
        fit(
            [square(0, 0, 1000, 1000)],
            [(name, MultiPolygon([*getattr(area, "geoms", [area])])) for name, area in new],
            [("邻", square(1000, 0, 2000, 1000))],
        )
    assert refused.value.code == code, why


def test_ground_that_had_no_grid_may_be_taken_in():
    (grown,) = fit([square(0, 0, 1000, 1000)], [("a", square(-200, 0, 1000, 1000))], [])
    assert area_m2(grown) == pytest.approx(1_200_000, abs=500)


@pytest.mark.parametrize(
    "drawn",
    [
        None, {}, [], "POLYGON", {"type": "Point", "coordinates": [113.7, 23.0]}, {"type": "Polygon"},
        {"type": "Polygon", "coordinates": []},
        {"type": "Polygon", "coordinates": [[[113.7, 23.0], [113.8, 23.0]]]},
        {"type": "Polygon", "coordinates": [["a", "b", "c", "d"]]},
        {"type": "Polygon", "coordinates": [[[113.7, None], [113.8, 23.0], [113.8, 23.1], [113.7, None]]]},
        {"type": "Polygon", "coordinates": {"a": 1}},
        {"type": "Polygon", "coordinates": [[[23.0, 113.7], [23.1, 113.7], [23.1, 113.8], [23.0, 113.7]]]},
        {"type": "Polygon", "coordinates": [[[113.7, 23.0], [113.8, 23.1], [113.8, 23.0], [113.7, 23.1], [113.7, 23.0]]]},
        {"type": "Polygon", "coordinates": [[[113.7 + n / 1e6, 23.0] for n in range(30_000)]]},
    ],
)  # fmt: skip
def test_what_is_no_outline_is_refused(drawn):
    with pytest.raises(Refusal) as refused:
        read_area(drawn, Datum.WGS84)
    assert refused.value.code in ("grid.edit_shape", "place.outside_china")


def test_a_drawing_is_taken_from_its_datum():
    line = mapping(LineString([at(0, 0), at(0, 100)]))
    here, there = read_line(line, Datum.WGS84), read_line(line, Datum.GCJ02)
    assert 400 < shapely.distance(*(Frame(*at(0, 0)).metres(one) for one in (here, there))) < 800


def test_a_point_on_a_moved_border_belongs_to_the_nearest():
    areas = [square(0, 0, 500, 1000), square(500, 0, 1000, 1000)]
    points = [at(250, 500), at(750, 500), at(500, 500), at(1000.6, 500), at(1003, 500)]
    assert fall_into(areas, points) == [0, 1, 0, 1, None]
