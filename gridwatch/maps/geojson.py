"""Rows of a layer as GeoJSON (RFC 7946), in the datum that is asked for; and answers that a browser may keep for its one user."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from hashlib import sha256
from typing import Any

import orjson
from flask import Response, request
from shapely import from_wkb
from shapely.geometry import mapping

from gridwatch.domain.datum import Datum, from_wgs84
from gridwatch.domain.map_links import map_links
from gridwatch.web.clock import rfc3339

GEOJSON = "application/geo+json"
FRESH_S = 30  # seconds for which a tile need not be asked for again
_DIGITS = 7  # of a degree: a centimetre
_NOT_PROPERTIES = frozenset({"id", "lon", "lat", "outline", "called"})


def feature(row: Mapping[str, Any], datum: Datum) -> dict[str, Any]:
    """One row as a feature; its coordinates are degrees in `datum`, longitude first. Without a known place `geometry` is None."""
    properties = {name: _plain(value) for name, value in row.items() if name not in _NOT_PROPERTIES}
    return {"type": "Feature", "id": row["id"], "geometry": _geometry(row, datum), "properties": properties}


def collection(rows: Iterable[Mapping[str, Any]], datum: Datum, next_cursor: str | None) -> dict[str, Any]:
    """Many of them. GeoJSON has a member `crs` of another meaning in its older form, so ours is called `datum`."""
    features = [feature(row, datum) for row in rows]
    return {"type": "FeatureCollection", "features": features, "datum": datum.value, "next_cursor": next_cursor}


def links_to(row: Mapping[str, Any]) -> dict[str, str]:
    """Links that open the place of a row in other maps: a point, or a point inside the outline; {} where it is not known."""
    if "outline" in row:
        point = from_wkb(bytes(row["outline"])).representative_point()
        return map_links(point.x, point.y, row["called"])
    return {} if row["lon"] is None else map_links(row["lon"], row["lat"], row["called"])


def answer_json(body: Mapping[str, Any]) -> Response:
    """GeoJSON for one person."""
    return private(Response(orjson.dumps(body), content_type=GEOJSON))


def answer_tile(tile: bytes) -> Response:
    """A tile for one person; nothing in it is 204. What the client has already is 304."""
    if not tile:
        return private(Response(status=204), fresh_s=FRESH_S)
    answer = Response(tile, content_type="application/vnd.mapbox-vector-tile")
    answer.headers["Content-Crs"] = "<http://www.opengis.net/def/crs/EPSG/0/3857>"
    answer.set_etag(sha256(tile).hexdigest()[:32])
    return private(answer, fresh_s=FRESH_S).make_conditional(request)


def private(answer: Response, *, fresh_s: int = 0) -> Response:
    """Kept by nobody between us and the reader, and by the reader's browser for this person alone."""
    answer.headers["Cache-Control"] = f"private, max-age={fresh_s}, must-revalidate" if fresh_s else "private, no-cache"
    answer.vary.update(("Authorization", "Cookie"))
    return answer


def _geometry(row: Mapping[str, Any], datum: Datum) -> dict[str, Any] | None:
    if "outline" in row:
        outline = mapping(from_wkb(bytes(row["outline"])))
        return {"type": outline["type"], "coordinates": _moved(outline["coordinates"], datum)}
    if row["lon"] is None:
        return None
    return {"type": "Point", "coordinates": _moved((row["lon"], row["lat"]), datum)}


def _moved(coordinates: Any, datum: Datum) -> list[Any]:
    """Coordinates of any depth from WGS-84 to the datum."""
    if isinstance(coordinates[0], int | float):
        return [round(degrees, _DIGITS) for degrees in from_wgs84(coordinates[0], coordinates[1], datum)]
    return [_moved(part, datum) for part in coordinates]


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return rfc3339(value)
    return value.isoformat() if isinstance(value, date) else value
