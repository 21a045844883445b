"""Mapbox Vector Tiles 2.1, written: for the database that cannot do it itself. PostGIS has ST_AsMVT.

A tile is a protocol buffer of a handful of fields, so it is written here straight; docs/dependencies.md says what was weighed.
Readers that are not ours (GDAL) decode what both databases make in tests/maps/test_tiles.py.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from shapely import Geometry, MultiPolygon, Polygon, clip_by_rect, from_wkb, make_valid, set_precision, transform
from shapely.geometry.polygon import orient

from gridwatch.domain.web_mercator import BUFFER, EXTENT, Tile

_POINT, _POLYGON = 1, 3  # types of geometry
_MOVE, _LINE, _CLOSE = 1, 2, 7  # commands
Feature = tuple[int, Sequence[int], dict[str, Any]]  # type, commands and parameters, properties


def points_tile(name: str, tile: Tile, rows: Iterable[tuple[float, float, dict[str, Any]]]) -> bytes:
    """A tile of one layer with a point for each (longitude, latitude, properties), those in the margin included.

    Properties are text, whole numbers, floats or booleans; None is left out. Empty bytes where no point lies in the tile.
    """
    return _tile(name, _points(tile, rows))


def outlines_tile(name: str, tile: Tile, rows: Iterable[tuple[bytes, dict[str, Any]]]) -> bytes:
    """The same for polygons, given as WKB in degrees WGS-84: cut to the tile with its margin and rounded to whole units."""
    return _tile(name, _outlines(tile, rows))


def _points(tile: Tile, rows: Iterable[tuple[float, float, dict[str, Any]]]) -> Iterator[Feature]:
    least, most = -BUFFER, EXTENT + BUFFER
    for lon, lat, properties in rows:
        x, y = map(round, tile.units(lon, lat))
        if least <= x <= most and least <= y <= most:
            yield _POINT, (_MOVE | 1 << 3, _zigzag(x), _zigzag(y)), properties


def _outlines(tile: Tile, rows: Iterable[tuple[bytes, dict[str, Any]]]) -> Iterator[Feature]:
    frame = (-BUFFER, -BUFFER, EXTENT + BUFFER, EXTENT + BUFFER)
    for outline, properties in rows:
        shape = transform(
            from_wkb(bytes(outline)), lambda corners: [tile.units(*corner) for corner in corners.tolist()]
        )
        polygons = list(_polygons(set_precision(make_valid(clip_by_rect(shape, *frame)), 1)))
        if polygons:
            yield _POLYGON, _rings(polygons), properties


def _polygons(shape: Geometry) -> Iterator[Polygon]:
    """The polygons with an inside among what cutting and rounding left."""
    for part in getattr(shape, "geoms", [shape]):
        if isinstance(part, MultiPolygon):
            yield from _polygons(part)
        elif isinstance(part, Polygon) and part.area > 0:
            yield part


def _rings(polygons: Iterable[Polygon]) -> list[int]:
    """Commands for polygons: outer rings with a positive area as the tile counts, holes with a negative one."""
    commands: list[int] = []
    at = (0, 0)
    for polygon in polygons:
        turned = orient(polygon, sign=1.0)
        for ring in (turned.exterior, *turned.interiors):
            corners = [(round(x), round(y)) for x, y in ring.coords[:-1]]
            for place, (x, y) in enumerate(corners):
                if place < 2:
                    commands.append(_MOVE | 1 << 3 if place == 0 else _LINE | (len(corners) - 1) << 3)
                commands += (_zigzag(x - at[0]), _zigzag(y - at[1]))
                at = (x, y)
            commands.append(_CLOSE | 1 << 3)
    return commands


def _tile(name: str, features: Iterable[Feature]) -> bytes:
    keys: dict[str, int] = {}
    values: dict[tuple[type, Any], int] = {}
    written: list[bytes] = []
    for kind, commands, properties in features:
        tags: list[int] = []
        for key, value in properties.items():
            if value is not None:
                tags += (keys.setdefault(key, len(keys)), values.setdefault((type(value), value), len(values)))
        body = _field(2, _packed(tags)) + b"\x18" + bytes((kind,)) + _field(4, _packed(commands))
        written.append(_field(2, body))
    if not written:
        return b""
    layer = [_field(1, name.encode()), *written]
    layer += [_field(3, key.encode()) for key in keys]
    layer += [_field(4, _value(value)) for _, value in values]
    layer.append(b"\x28" + _varint(EXTENT) + b"\x78\x02")  # extent; version 2
    return _field(3, b"".join(layer))


def _value(value: Any) -> bytes:
    if isinstance(value, bool):
        return b"\x38" + _varint(value)
    if isinstance(value, int):
        return b"\x30" + _varint(_zigzag(value))
    if isinstance(value, float):
        return b"\x19" + struct.pack("<d", value)
    return _field(1, str(value).encode())


def _field(number: int, content: bytes) -> bytes:
    """A field that says its length."""
    return bytes((number << 3 | 2,)) + _varint(len(content)) + content


def _packed(numbers: Iterable[int]) -> bytes:
    return b"".join(map(_varint, numbers))


def _varint(number: int) -> bytes:
    if number < 0x80:
        return _SMALL[number]
    parts = bytearray()
    while number > 0x7F:
        parts.append(number & 0x7F | 0x80)
        number >>= 7
    parts.append(number)
    return bytes(parts)


_SMALL = [bytes((number,)) for number in range(0x80)]


def _zigzag(number: int) -> int:
    """Whole numbers on both sides of nought as natural ones: 0, -1, 1, -2 … become 0, 1, 2, 3 …"""
    return number << 1 if number >= 0 else (-number << 1) - 1
