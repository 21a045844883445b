"""Which grid wins, which points are taken, and what a business scope says once its exclusions are cut."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from gridwatch.domain.datum import Datum, from_wgs84
from gridwatch.domain.errors import Refusal
from gridwatch.domain.routing import SectorFinder, choose_grid, read_point, without_exclusions

NANCHENG = Path(__file__).parents[1] / "data/nancheng"


@pytest.mark.parametrize(
    ("address_grid", "point_grid", "chosen"),
    [
        ("g1", None, ("g1", "address")),
        ("g1", "g2", ("g1", "address")),  # a standard address is surer than a point
        (None, "g2", ("g2", "point")),
        (None, None, (None, "")),  # a person of the street decides
    ],
)
def test_the_grid_of_an_entity(address_grid: str | None, point_grid: str | None, chosen: tuple):
    assert choose_grid(address_grid, point_grid) == chosen


@pytest.mark.parametrize(
    ("lon", "lat", "datum", "code"),
    [
        (113.75, None, "WGS84", "place.point_incomplete"),
        (None, 23.01, "WGS84", "place.point_incomplete"),
        (float("nan"), 23.01, "WGS84", "place.point_incomplete"),
        (113.75, 23.01, None, "place.datum_unstated"),
        (113.75, 23.01, "", "place.datum_unstated"),
        (113.75, 23.01, "Mars", "place.datum_unknown"),
        (23.01, 113.75, "WGS84", "place.swapped"),
        (2.35, 48.85, "WGS84", "place.outside_china"),
        (float("inf"), 23.01, "WGS84", "place.point_incomplete"),
    ],
)
def test_a_point_that_cannot_be_is_refused(lon: float | None, lat: float | None, datum: str | None, code: str):
    with pytest.raises(Refusal) as refused:
        read_point(lon, lat, datum)
    assert refused.value.code == code


def test_no_point_is_no_point():
    assert read_point(None, None, None) is None


@pytest.mark.parametrize("datum", list(Datum))
def test_a_point_keeps_its_own_numbers_beside_those_of_wgs84(datum: Datum):
    lon, lat = from_wgs84(113.75, 23.01, datum)
    point = read_point(lon, lat, datum.value.lower())
    assert point is not None
    assert (point.lon, point.lat, point.datum) == (lon, lat, datum)
    assert point.wgs84 == pytest.approx((113.75, 23.01), abs=1e-7)


@pytest.mark.parametrize(
    ("scope", "left"),
    [
        ("销售化工产品（不含危险化学品）。", "销售化工产品（）。"),
        ("销售工艺品(象牙及其制品除外)", "销售工艺品（）"),
        ("零售（除国家专营专控商品）", "零售（）"),
        ("销售食品（不含冷藏冷冻食品；不含散装熟食）", "销售食品（；）"),
        ("经营（含餐饮服务，不含酒类）", "经营（含餐饮服务，）"),  # one clause excludes, the other does not
        ("仓储（不含危险化学品（含剧毒））", "仓储（）"),  # a bracket inside a bracket
        ("仓储（不设储存，凭有效许可证经营）", "仓储（不设储存，凭有效许可证经营）"),  # excludes nothing
        ("除了餐饮服务（除了外卖）", "除了餐饮服务（除了外卖）"),
        ("销售危险化学品（不含", "销售危险化学品（不含"),  # never closed: nothing is cut
        ("", ""),
    ],
)
def test_what_brackets_exclude_is_cut(scope: str, left: str):
    assert without_exclusions(scope) == left


def test_the_sectors_of_a_scope():
    finder = SectorFinder([("危险化学品", "危险化学品|危化品"), ("餐饮", "餐饮"), ("特种设备", "")])
    assert finder("餐饮服务；销售危险化学品") == ["危险化学品", "餐饮"]
    assert finder("销售化工产品（不含危险化学品）") == []
    assert finder("") == []  # a rule without expression never matches: people pick it


def test_the_permit_table_finds_what_the_source_found():
    """357 of the 1,673 real scopes ask for a permit, by the source's own keyword column."""
    with (NANCHENG / "permits.csv").open(encoding="utf-8", newline="") as file:
        finder = SectorFinder((row["sector"], row["scope_regex"]) for row in csv.DictReader(file))
    with (NANCHENG / "entities.csv").open(encoding="utf-8", newline="") as file:
        found = [finder(row["scope"]) for row in csv.DictReader(file)]
    assert sum(1 for sectors in found if sectors) == 357
