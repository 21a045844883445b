"""Links that open a place in other maps: each in the datum and the order of numbers that its map reads."""

from __future__ import annotations

from math import cos, hypot, radians
from urllib.parse import parse_qs, unquote, urlsplit

import pytest

from gridwatch.domain.datum import Datum
from gridwatch.domain.map_links import SERVICES, map_link, map_links
from tests.domain.test_datum import vectors


def read(service: str, link: str) -> tuple[tuple[float, float], str, str]:
    """(longitude, latitude), the name, and what the link says of its datum."""
    parts = urlsplit(link)
    asked = {name: values[0] for name, values in parse_qs(parts.query).items()}
    match service:
        case "amap":
            lon, lat = map(float, asked["position"].split(","))
            return (lon, lat), asked["name"], asked["coordinate"]
        case "baidu":
            lat, lon = map(float, asked["location"].split(","))
            return (lon, lat), asked["title"], asked["coord_type"]
        case _:
            lat, lon = map(float, parts.path.split(","))
            return (lon, lat), asked["q"].partition("(")[2].rstrip(")"), ""


@pytest.mark.parametrize(
    ("service", "datum", "said", "host"),
    [
        ("amap", Datum.GCJ02, "gaode", "uri.amap.com"),
        ("baidu", Datum.BD09, "bd09ll", "api.map.baidu.com"),
        ("system", Datum.WGS84, "", ""),
    ],
)
@pytest.mark.parametrize("pairs", vectors(inside=True) + vectors(inside=False))
def test_a_link_shows_the_place_within_a_stone_s_throw(pairs, service: str, datum: Datum, said: str, host: str) -> None:
    link = map_link(service, *pairs[Datum.WGS84], "好味餐饮店")
    (lon, lat), name, what = read(service, link)
    # Outside China nothing moves, whatever the map calls its datum.
    wanted = pairs[datum] if service == "system" or pairs[Datum.GCJ02] != pairs[Datum.WGS84] else pairs[Datum.WGS84]
    assert hypot((lon - wanted[0]) * cos(radians(lat)), lat - wanted[1]) * 111_320 < 0.25  # 0.2 m and six digits
    assert (name, what, urlsplit(link).netloc) == ("好味餐饮店", said, host)


@pytest.mark.parametrize("name", ["a&coordinate=wgs84", "店)(#", "x" * 500, "中文 与 空格", "\r\nLocation: x"])
def test_a_name_changes_nothing_but_the_name(name: str) -> None:
    plain = {service: read(service, link) for service, link in map_links(113.745, 23.015, "店").items()}
    for service, link in map_links(113.745, 23.015, name).items():
        point, _, said = read(service, link)
        assert (point, said) == (plain[service][0], plain[service][2])
        assert not set(link) & set(' \r\n<>"')
        assert name[:60] in unquote(link.replace("+", " "))


def test_every_service_has_both_names() -> None:
    assert all(one.zh and one.en for one in SERVICES.values())
