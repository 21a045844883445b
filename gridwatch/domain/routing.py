"""Where an entity belongs and what its business scope asks for: the grid, the point, the permit sectors.

Routing order (issue of the main job, point 3): a standard address whose grid is known, else the grid around the point,
else nobody knows and a person of the street decides. A point is never guessed into place: its datum is stated, and a
pair that is swapped or lies abroad is refused (domain.md §2 "Coordinates").
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from math import isfinite

from gridwatch.domain.datum import Datum, in_china, looks_swapped, to_wgs84
from gridwatch.domain.errors import Refusal


class RoutedBy(StrEnum):
    """How the grid of an entity was found; NOBODY while it waits in the hand-triage queue."""

    ADDRESS = "address"
    POINT = "point"
    HAND = "hand"
    NOBODY = ""


def choose_grid(address_grid: str | None, point_grid: str | None) -> tuple[str | None, RoutedBy]:
    """The grid and how it was found, from the grid of the standard address and the grid around the point."""
    if address_grid is not None:
        return address_grid, RoutedBy.ADDRESS
    if point_grid is not None:
        return point_grid, RoutedBy.POINT
    return None, RoutedBy.NOBODY


@dataclass(frozen=True, slots=True)
class Point:
    """A point as it was given, `lon`/`lat` in degrees of `datum`, and the same in WGS-84."""

    lon: float
    lat: float
    datum: Datum
    wgs84: tuple[float, float]


def read_point(lon: float | None, lat: float | None, datum: str | None) -> Point | None:
    """A point from what a caller stated; None when neither coordinate is given.

    Raises Refusal: `place.point_incomplete`, `place.datum_unstated`, `place.datum_unknown`, `place.swapped` or
    `place.outside_china`.
    """
    if lon is None and lat is None:
        return None
    if lon is None or lat is None:
        raise Refusal("place.point_incomplete")
    if not datum:
        raise Refusal("place.datum_unstated")
    stated = _DATUMS.get(datum) or _named(datum)
    if not (isfinite(lon) and isfinite(lat)):
        raise Refusal("place.point_incomplete")
    if looks_swapped(lon, lat):
        raise Refusal("place.swapped", lon=lon, lat=lat)
    if not in_china(lon, lat):
        raise Refusal("place.outside_china", lon=lon, lat=lat)
    return Point(lon, lat, stated, to_wgs84(lon, lat, stated))


_DATUMS = {datum.value: datum for datum in Datum}


def _named(datum: str) -> Datum:
    try:
        return Datum.named(datum)
    except ValueError:
        raise Refusal("place.datum_unknown", datum=datum) from None


# A bracket, with at most one bracket inside it; both widths of bracket are mixed freely in real scopes.
_BRACKET = re.compile(r"[（(]((?:[^（()）]|[（(][^（()）]*[）)])*)[）)]")
_EXCLUDING = re.compile(r"不含|不包括|除外|^除(?!了)")
_CLAUSES = re.compile(r"([；;，,。])")


def without_exclusions(scope: str) -> str:
    """The business scope without what brackets exclude: （不含危险化学品）, （象牙及其制品除外）.

    A clause ends at a comma or semicolon; 、 joins what is excluded together. Other clauses of the bracket stay.
    """
    return _BRACKET.sub(_keep_what_is_not_excluded, scope)


def _keep_what_is_not_excluded(bracket: re.Match[str]) -> str:
    if not _EXCLUDING.search(bracket[1]):
        return bracket[0]
    return "（" + "".join(part for part in _CLAUSES.split(bracket[1]) if not _EXCLUDING.search(part)) + "）"


class SectorFinder:
    """Tells from a business scope which sectors of the permit table it falls into."""

    def __init__(self, rules: Iterable[tuple[str, str]]) -> None:
        """`rules` are (sector, regular expression) in the order of the answer; a blank expression never matches."""
        self._rules = [(sector, re.compile(pattern)) for sector, pattern in rules if pattern]

    def __call__(self, scope: str) -> list[str]:
        """The sectors, exclusions in brackets cut first; [] for a scope that needs no permit (or a blank one)."""
        text = without_exclusions(scope)
        return [sector for sector, pattern in self._rules if pattern.search(text)]
