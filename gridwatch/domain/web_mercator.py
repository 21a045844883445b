"""Map tiles: the square of the Web Mercator world that a zoom, a column and a row name, and where a point lies in it.

Zoom 0 is one tile for the whole world, each next zoom cuts every tile in four; columns count from the west, rows from the
north. Inside a tile places are counted in units from its north-west corner, EXTENT to a side (Mapbox Vector Tile 2.1).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import asinh, atan, degrees, pi, radians, sinh, tan

EXTENT = 4096  # units to a side of a tile
BUFFER = 64  # units around a tile that go out with it, so that a sign on the edge is drawn whole
MOST_ZOOM = 22
RIM = 85.0511287798066  # degrees; beyond it the square world ends

Box = tuple[float, float, float, float]  # west, south, east, north, in degrees WGS-84


@dataclass(frozen=True, slots=True)
class Tile:
    """One tile; `zoom` from 0 to MOST_ZOOM, `column` and `row` from 0 to 2^zoom - 1."""

    zoom: int
    column: int
    row: int

    def exists(self) -> bool:
        """Whether there is such a tile."""
        side = 1 << self.zoom if 0 <= self.zoom <= MOST_ZOOM else 0
        return 0 <= self.column < side and 0 <= self.row < side

    def box(self, margin: int = 0) -> Box:
        """Its edges in degrees, with a margin in units around it."""
        side, more = 1 << self.zoom, margin / EXTENT
        west, east = (self.column - more) / side, (self.column + 1 + more) / side
        north, south = (self.row - more) / side, (self.row + 1 + more) / side
        return west * 360 - 180, _latitude(south), east * 360 - 180, _latitude(north)

    def units(self, lon: float, lat: float) -> tuple[float, float]:
        """A WGS-84 point (degrees) in units to the right of and below the north-west corner."""
        x, y = world(lon, lat)
        side = 1 << self.zoom
        return (x * side - self.column) * EXTENT, (y * side - self.row) * EXTENT


def world(lon: float, lat: float) -> tuple[float, float]:
    """A WGS-84 point (degrees) in the square world: (0, 0) is its north-west corner, (1, 1) its south-east corner."""
    lat = max(-RIM, min(RIM, lat))
    return (lon + 180) / 360, 0.5 - asinh(tan(radians(lat))) / (2 * pi)


def _latitude(y: float) -> float:
    return degrees(atan(sinh(pi * (1 - 2 * max(0.0, min(1.0, y))))))
