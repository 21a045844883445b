"""What the map routes take: read, and refused in plain words where it makes no sense."""

from __future__ import annotations

import re
from datetime import date
from math import isfinite
from typing import Any

from marshmallow import fields, validate

from gridwatch.domain.datum import Datum, looks_swapped
from gridwatch.domain.errors import Refusal
from gridwatch.domain.web_mercator import MOST_ZOOM, Box, Tile
from gridwatch.maps.layers import Choice, Layer
from gridwatch.maps.queries import MOST, Asked
from gridwatch.web.api import Input, Output
from gridwatch.web.language import ARGUMENT, LANGUAGES

SHOWN_IN = (Datum.WGS84, Datum.GCJ02, Datum.BD09)  # the datums in which a map may be drawn
DEFAULT = 100  # features on a page, when nobody says how many
_BBOX = {
    "description": "west,south,east,north in degrees WGS-84, whatever `crs` is.",
    "example": "113.7,22.95,113.8,23.05",
}


def _query(layer: Layer, sort: str, found: dict[str, fields.Field[Any]]) -> type[Input]:
    """A query with these parameters and no others: a filter that is misspelt would show everything."""
    says = {"description": "The language of an error, for this answer."}
    spoken = fields.String(load_default=None, validate=validate.OneOf(LANGUAGES), metadata=says)
    return Input.from_dict({**found, ARGUMENT: spoken}, name=f"{layer.name}{sort}")  # type: ignore[return-value]


def _of(choice: Choice, says: str) -> fields.String:
    check = validate.OneOf(choice.asked) if choice.words else validate.Length(1, 40)
    return fields.String(load_default=None, validate=check, metadata={"description": says})


def _filters(layer: Layer) -> dict[str, fields.Field[Any]]:
    """What narrows a layer: only what it has; anything else is refused as unknown."""
    found: dict[str, fields.Field[Any]] = {"bbox": fields.String(load_default=None, metadata=_BBOX)}
    if layer.state is not None:
        found["state"] = _of(
            layer.state, "Only those in this state; `open`, where it is one, stands for every open state."
        )
    if layer.category is not None:
        found["category"] = _of(layer.category, "Only those of this category (tasks: kind; entities: type).")
    found["day"] = fields.Date(
        load_default=None,
        metadata={
            "description": "Only those of this local day: grids valid, tasks due, leads reported, entities registered."
        },
    )
    return found


def _paging() -> dict[str, fields.Field[Any]]:
    return {
        "cursor": fields.String(load_default=None),
        "limit": fields.Integer(load_default=DEFAULT, metadata={"description": f"At most {MOST}."}),
    }


def _crs() -> dict[str, fields.Field[Any]]:
    says = "For drawing on the maps of 高德 and 腾讯 (GCJ02) or 百度 (BD09). What comes back is never to be stored."
    return {
        "crs": fields.String(load_default=Datum.WGS84.value, metadata={"description": says, "enum": list(SHOWN_IN)})
    }


def list_query(layer: Layer) -> type[Input]:
    """Which features of a layer, and in which datum."""
    found = {**_filters(layer), **_paging(), **_crs()}
    if layer.is_points:
        found["cluster"] = fields.Integer(
            load_default=None,
            validate=validate.Range(0, MOST_ZOOM),
            metadata={"description": "A zoom: points come gathered by its cells, not page by page."},
        )
    return _query(layer, "MapQuery", found)


def heat_query(layer: Layer) -> type[Input]:
    """Which grids, and in which datum."""
    found = {"bbox": fields.String(load_default=None, metadata=_BBOX), **_paging(), **_crs()}
    return _query(layer, "HeatQuery", found)


def tile_query(layer: Layer) -> type[Input]:
    """What narrows the tiles of a layer; a tile has its box, and is always WGS-84 in Web Mercator."""
    found = {name: field for name, field in _filters(layer).items() if name != "bbox"}
    return _query(layer, "TileQuery", found)


def one_query(layer: Layer) -> type[Input]:
    """In which datum."""
    return _query(layer, "FeatureQuery", _crs())


class FeatureOut(Output):
    """One GeoJSON feature. `datum` says what its coordinates are in; where nobody knows its place, `geometry` is null."""

    type = fields.String(required=True)
    id = fields.String(required=True)
    geometry = fields.Dict(required=True, allow_none=True)
    properties = fields.Dict(required=True)
    datum = fields.String(required=True)
    links = fields.Dict(metadata={"description": "Links that open the place in 高德, 百度 and the phone's own map."})


class FeaturesOut(Output):
    """One page of GeoJSON features."""

    type = fields.String(required=True)
    features = fields.List(fields.Dict(), required=True)
    datum = fields.String(required=True)
    next_cursor = fields.String(required=True, allow_none=True)


# -- what stands in a query, as values --------------------------------------------------------------------------------


def asked_of(query: dict[str, Any]) -> Asked:
    """The filters of a query. Raises 422 `map.bbox` or `place.swapped`."""
    day: date | None = query.get("day")
    box = read_bbox(query["bbox"]) if query.get("bbox") is not None else None
    return Asked(box, query.get("state"), query.get("category"), day, day)


def read_bbox(given: str) -> Box:
    """Four numbers, west, south, east, north; of six (with heights) the heights are dropped. Raises 422 as `asked_of`."""
    try:
        numbers = [float(part) for part in given.split(",")]
    except ValueError:
        raise _bad_box("应为四个数字，以逗号分隔", "it needs four numbers, separated by commas") from None
    if len(numbers) == 6:
        numbers = [*numbers[:2], *numbers[3:5]]
    if len(numbers) != 4 or not all(map(isfinite, numbers)):
        raise _bad_box("应为四个数字，以逗号分隔", "it needs four numbers, separated by commas")
    west, south, east, north = numbers
    if looks_swapped(west, south) and looks_swapped(east, north):
        raise Refusal("place.swapped", lon=west, lat=south)
    if not (-180 <= west <= 180 and -180 <= east <= 180 and -90 <= south <= 90 and -90 <= north <= 90):
        raise _bad_box(
            "经度在 -180 到 180、纬度在 -90 到 90 之间", "longitudes lie within 180 degrees, latitudes within 90"
        )
    if west > east or south > north:
        raise _bad_box("西大于东，或南大于北", "west lies east of east, or south north of north")
    return west, south, east, north


def _bad_box(zh: str, en: str) -> Refusal:
    return Refusal("map.bbox", reason=zh, reason_en=en)


def read_crs(given: str) -> Datum:
    """The datum to draw in, as people write it (`gcj-02`, `BD09`). Raises 422 `map.crs`."""
    try:
        datum = Datum.named(given)
    except ValueError:
        raise Refusal("map.crs", crs=given[:40]) from None
    if datum not in SHOWN_IN:
        raise Refusal("map.crs", crs=datum.value)
    return datum


def read_tile(zoom: str, column: str, row: str) -> Tile:
    """The tile that an address names. Raises 422 `map.tile`."""
    if all(re.fullmatch(r"[0-9]{1,7}", part) for part in (zoom, column, row)):
        tile = Tile(int(zoom), int(column), int(row))
        if tile.exists():
            return tile
    raise Refusal("map.tile", tile=f"{zoom}/{column}/{row}"[:60], most=MOST_ZOOM)
