"""Coordinates and the datum that they are in: WGS-84, CGCS2000, GCJ-02 (高德, 腾讯) and BD-09 (百度).

Everything is stored in WGS-84; the others are met at the edges, where files come in and map services are called.
A pair is (longitude, latitude) in degrees, longitude first. The same point read in the wrong datum lies 0.5 to 1.3 km
off and looks perfectly plausible, so a datum is always stated and never guessed (domain.md §2 "Coordinates").

GCJ-02 is WGS-84 plus a published series of sines on an ellipsoid; BD-09 is GCJ-02 plus a second, fixed wobble. Neither
exists outside the mainland box: there all four are the same here, although some libraries still add the wobble.
"""

from __future__ import annotations

from enum import StrEnum
from math import asin, atan2, cos, hypot, pi, radians, sin, sqrt


class Datum(StrEnum):
    """What a pair of coordinates means. CGCS2000 and WGS-84 differ by centimetres and are taken as one."""

    WGS84 = "WGS84"
    CGCS2000 = "CGCS2000"
    GCJ02 = "GCJ02"
    BD09 = "BD09"

    @classmethod
    def named(cls, text: str) -> Datum:
        """Read a datum as people write it: `wgs-84`, `EPSG:4326`, `gcj02`, `BD-09`, `bd09ll`, `EPSG:4490`.

        Raises ValueError for anything else, BD-09 Mercator metres included.
        """
        folded = "".join(character for character in text.upper() if character.isalnum())
        return cls(_ALIASES.get(folded, folded))


_ALIASES = {"EPSG4326": "WGS84", "CRS84": "WGS84", "EPSG4490": "CGCS2000", "BD09LL": "BD09"}

# The mainland box of the GCJ-02 shift, as map services use it. It covers Hong Kong, Macao and Taiwan, and sea.
WEST, EAST, SOUTH, NORTH = 72.004, 137.8347, 0.8293, 55.8271

_AXIS_M = 6378245.0  # Krasovsky 1940, on which the shift is defined
_MEAN_RADIUS_M = 6371008.8
_ECCENTRICITY_SQUARED = 0.00669342162296594323
_WOBBLE = pi * 3000 / 180
_SETTLED = 1e-9  # degrees; a tenth of a millimetre
_ROUNDS = 12  # each round gains a factor of some hundreds; the bound is there for points that never settle


def in_china(lon: float, lat: float) -> bool:
    """True inside the mainland box (a rectangle, so neighbours are in it too). False for NaN."""
    return WEST <= lon <= EAST and SOUTH <= lat <= NORTH


def looks_swapped(lon: float, lat: float) -> bool:
    """True when the pair lies in China only if read latitude first. The two ranges do not meet: it is never both."""
    return in_china(lat, lon) and not in_china(lon, lat)


def to_wgs84(lon: float, lat: float, datum: Datum) -> tuple[float, float]:
    """Degrees in `datum` to degrees in WGS-84, right to a millimetre inside China; outside, the pair as it came.

    There is no formula for the way back, so the way there is run until it meets the given point.
    """
    shift = _SHIFTS.get(datum)
    if shift is None or not in_china(lon, lat):
        return lon, lat
    x, y = lon, lat
    for _ in range(_ROUNDS):
        there_x, there_y = shift(x, y)
        off_x, off_y = lon - there_x, lat - there_y
        x, y = x + off_x, y + off_y
        if abs(off_x) < _SETTLED and abs(off_y) < _SETTLED:
            break
    # At the rim of the box the origin may lie outside; a point out there was never shifted.
    return (x, y) if in_china(x, y) else (lon, lat)


def from_wgs84(lon: float, lat: float, datum: Datum) -> tuple[float, float]:
    """Degrees in WGS-84 to degrees in `datum`; outside China the pair as it came."""
    shift = _SHIFTS.get(datum)
    return shift(lon, lat) if shift is not None and in_china(lon, lat) else (lon, lat)


def distance_m(one: tuple[float, float], other: tuple[float, float]) -> float:
    """Metres between two WGS-84 points (longitude, latitude in degrees) on a sphere; right to half a per cent."""
    half_lat, half_lon = radians(other[1] - one[1]) / 2, radians(other[0] - one[0]) / 2
    chord = sin(half_lat) ** 2 + cos(radians(one[1])) * cos(radians(other[1])) * sin(half_lon) ** 2
    return 2 * _MEAN_RADIUS_M * asin(min(1.0, sqrt(chord)))


def _gcj02(lon: float, lat: float) -> tuple[float, float]:
    x, y = lon - 105.0, lat - 35.0
    common = (20 * sin(6 * x * pi) + 20 * sin(2 * x * pi)) * 2 / 3
    north = -100 + 2 * x + 3 * y + 0.2 * y * y + 0.1 * x * y + 0.2 * sqrt(abs(x)) + common
    north += (20 * sin(y * pi) + 40 * sin(y / 3 * pi) + 160 * sin(y / 12 * pi) + 320 * sin(y / 30 * pi)) * 2 / 3
    east = 300 + x + 2 * y + 0.1 * x * x + 0.1 * x * y + 0.1 * sqrt(abs(x)) + common
    east += (20 * sin(x * pi) + 40 * sin(x / 3 * pi) + 150 * sin(x / 12 * pi) + 300 * sin(x / 30 * pi)) * 2 / 3
    # Metres to degrees, by the two radii of curvature at this latitude.
    flattening = 1 - _ECCENTRICITY_SQUARED * sin(radians(lat)) ** 2
    meridian = _AXIS_M * (1 - _ECCENTRICITY_SQUARED) / (flattening * sqrt(flattening))
    parallel = _AXIS_M / sqrt(flattening) * cos(radians(lat))
    return lon + east * 180 / (parallel * pi), lat + north * 180 / (meridian * pi)


def _bd09(lon: float, lat: float) -> tuple[float, float]:
    x, y = _gcj02(lon, lat)
    radius = hypot(x, y) + 0.00002 * sin(y * _WOBBLE)
    angle = atan2(y, x) + 0.000003 * cos(x * _WOBBLE)
    return radius * cos(angle) + 0.0065, radius * sin(angle) + 0.006


_SHIFTS = {Datum.GCJ02: _gcj02, Datum.BD09: _bd09}
