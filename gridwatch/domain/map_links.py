"""Links that open a place in the maps that people have: 高德, 百度, and whatever map the phone itself knows (geo:).

Each speaks another datum and another order of the two numbers; a link in the wrong one shows a place half a kilometre away
that looks perfectly right. So the datum of each link is a row of a table, and the link says it where the map can be told.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import quote, urlencode

from gridwatch.domain.datum import Datum, from_wgs84

_DIGITS = 6  # of a degree: a tenth of a metre
_SOURCE = "gridwatch"
_LONGEST = 60  # characters of a name; longer ones are cut by the maps themselves


@dataclass(frozen=True, slots=True)
class MapService:
    """A map that can be opened: its name, the datum that it reads, and the link from (lon, lat, name) in that datum."""

    zh: str
    en: str
    datum: Datum
    link: Callable[[str, str, str], str]


def _amap(lon: str, lat: str, name: str) -> str:
    asked = {"position": f"{lon},{lat}", "name": name, "coordinate": "gaode", "src": _SOURCE, "callnative": "1"}
    return f"https://uri.amap.com/marker?{urlencode(asked)}"


def _baidu(lon: str, lat: str, name: str) -> str:
    asked = {"location": f"{lat},{lon}", "title": name, "content": name, "output": "html", "coord_type": "bd09ll"}
    return f"https://api.map.baidu.com/marker?{urlencode(asked | {'src': f'webapp.{_SOURCE}.{_SOURCE}'})}"


def _geo(lon: str, lat: str, name: str) -> str:
    # RFC 5870: latitude first, WGS-84 unless another one is named; phones put a pin where `q` is.
    return f"geo:{lat},{lon}?q={lat},{lon}({quote(name, safe='')})"


SERVICES: dict[str, MapService] = {
    "amap": MapService("高德地图", "AMap", Datum.GCJ02, _amap),
    "baidu": MapService("百度地图", "Baidu Maps", Datum.BD09, _baidu),
    "system": MapService("系统地图", "the phone's map", Datum.WGS84, _geo),
}


def map_link(service: str, lon: float, lat: float, name: str) -> str:
    """The link that opens a WGS-84 point (degrees) under a name. Raises KeyError for a service that is not in SERVICES."""
    one = SERVICES[service]
    there = from_wgs84(lon, lat, one.datum)
    return one.link(*(f"{degrees:.{_DIGITS}f}" for degrees in there), name[:_LONGEST])


def map_links(lon: float, lat: float, name: str) -> dict[str, str]:
    """The same for every service: key → link."""
    return {service: map_link(service, lon, lat, name) for service in SERVICES}
