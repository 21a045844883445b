"""WGS-84, GCJ-02 and BD-09 against published points, both ways, and what happens outside China."""

from __future__ import annotations

import csv
from math import cos, hypot, radians
from pathlib import Path

import pytest

from gridwatch.domain.datum import Datum, from_wgs84, in_china, looks_swapped, to_wgs84

VECTORS = Path(__file__).parents[1] / "data/nancheng/vectors/coordinate_vectors.csv"
METRES_PER_DEGREE = 111_320


def vectors(*, inside: bool) -> list:
    params = []
    with VECTORS.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            pairs = {
                datum: (float(row[f"lng_{name}"]), float(row[f"lat_{name}"]))
                for datum, name in ((Datum.WGS84, "wgs84"), (Datum.GCJ02, "gcj02"), (Datum.BD09, "bd09"))
            }
            if in_china(*pairs[Datum.WGS84]) is inside:
                params.append(pytest.param(pairs, id=row["place"]))
    return params


def metres(one: tuple[float, float], other: tuple[float, float]) -> float:
    return hypot((one[0] - other[0]) * cos(radians(one[1])), one[1] - other[1]) * METRES_PER_DEGREE


@pytest.mark.parametrize("datum", [Datum.GCJ02, Datum.BD09])
@pytest.mark.parametrize("pairs", vectors(inside=True))
def test_both_ways_agree_with_the_published_vectors(pairs, datum):
    assert metres(from_wgs84(*pairs[Datum.WGS84], datum), pairs[datum]) < 0.2
    assert metres(to_wgs84(*pairs[datum], datum), pairs[Datum.WGS84]) < 0.2


def test_the_set_holds_enough_points_to_mean_something():
    assert len(vectors(inside=True)) == 71
    assert len(vectors(inside=False)) == 3


@pytest.mark.parametrize("datum", list(Datum))
@pytest.mark.parametrize("pairs", vectors(inside=False))
def test_outside_china_nothing_moves(pairs, datum):
    """Not so in every library: gcoord still moves Tokyo by 911 m for BD-09."""
    assert from_wgs84(*pairs[Datum.WGS84], datum) == pairs[Datum.WGS84]
    assert to_wgs84(*pairs[Datum.WGS84], datum) == pairs[Datum.WGS84]


@pytest.mark.parametrize("datum", [Datum.GCJ02, Datum.BD09])
def test_there_and_back_over_the_whole_country_loses_less_than_a_millimetre(datum):
    for lon in range(74, 135, 3):
        for lat in range(4, 54, 3):
            start = (lon + 0.123456, lat + 0.654321)
            assert metres(to_wgs84(*from_wgs84(*start, datum), datum), start) < 0.001, start


@pytest.mark.parametrize("datum", list(Datum))
@pytest.mark.parametrize(
    "corner", [(72.004, 0.8293), (137.8347, 55.8271), (72.0041, 30.0), (137.8346, 30.0), (100.0, 0.83), (100.0, 55.827)]
)
def test_the_rim_of_the_box_ends_and_stays_near(corner, datum):
    """gcoord 1.0.7 loops for ever here. A point whose origin would lie outside the box was never shifted."""
    origin = to_wgs84(*corner, datum)
    assert metres(origin, corner) < 2_000
    assert in_china(*origin)


def test_cgcs2000_is_taken_as_wgs84():
    assert to_wgs84(113.75, 23.01, Datum.CGCS2000) == (113.75, 23.01)


def test_the_wrong_datum_is_far_enough_to_lose_a_grid():
    here = (113.73811, 23.02134)
    assert 550 < metres(to_wgs84(*here, Datum.GCJ02), here) < 650
    assert 1_200 < metres(to_wgs84(*here, Datum.BD09), here) < 1_300


@pytest.mark.parametrize(
    ("lon", "lat", "swapped"),
    [
        (113.75, 23.01, False),
        (23.01, 113.75, True),
        (0.0, 0.0, False),
        (139.69, 35.69, False),  # Tokyo: outside, but not swapped
        (35.69, 139.69, False),
        (float("nan"), 23.0, False),
    ],
)
def test_a_swapped_pair_is_told_from_one_that_is_elsewhere(lon, lat, swapped):
    assert looks_swapped(lon, lat) is swapped


@pytest.mark.parametrize(
    ("text", "datum"),
    [
        ("WGS84", Datum.WGS84),
        ("wgs-84", Datum.WGS84),
        ("EPSG:4326", Datum.WGS84),
        ("gcj02", Datum.GCJ02),
        ("GCJ-02", Datum.GCJ02),
        ("bd09", Datum.BD09),
        ("bd09ll", Datum.BD09),
        ("cgcs2000", Datum.CGCS2000),
        ("EPSG:4490", Datum.CGCS2000),
    ],
)
def test_a_datum_is_read_as_people_write_it(text, datum):
    assert Datum.named(text) is datum


@pytest.mark.parametrize("text", ["", "beijing54", "bd09mc", "EPSG:4547"])
def test_an_unknown_datum_is_not_guessed(text):
    with pytest.raises(ValueError, match="not a valid Datum"):
        Datum.named(text)
