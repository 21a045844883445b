"""OGC API - Features, Part 1: Core (OGC 17-069r4), read only: the layers for QGIS, GDAL and whoever else speaks it.

The same layers, permits and reach as in routes.py, in the frame that the standard wants: what is not allowed does not stand
among the collections, coordinates are CRS84, a page ends with a link to the next, and what is wrong in a query is 400.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date, datetime
from functools import wraps
from typing import Any
from urllib.parse import quote, urlencode

import orjson
from flask import Response, request

from gridwatch.db.base import db
from gridwatch.domain.datum import Datum
from gridwatch.domain.errors import Refusal
from gridwatch.domain.permits import scopes_for
from gridwatch.domain.worktime import local_day
from gridwatch.maps import geojson, queries
from gridwatch.maps.layers import LAYERS, Layer
from gridwatch.maps.ogc_document import CONFORMS_TO, CRS84, ITEMS, OPENAPI, PATH, api_document
from gridwatch.maps.queries import Asked
from gridwatch.maps.schemas import DEFAULT, read_bbox
from gridwatch.web.api import Blueprint
from gridwatch.web.clock import now, rfc3339
from gridwatch.web.identity import current_actor, permit
from gridwatch.web.problems import problem_response

JSON = "application/json"
View = Callable[..., Response]

blueprint = Blueprint("ogc", __name__, url_prefix=PATH, description="OGC API Features")
ASKABLE = frozenset(one["name"] for one in ITEMS)


def as_the_standard_says(asked: frozenset[str] = frozenset()) -> Callable[[View], View]:
    """Let a view take these query parameters and no others, and answer 400 where something is wrong with them."""

    def decorate(view: View) -> View:
        @wraps(view)
        def answered(*args: Any, **kwargs: Any) -> Response:
            try:
                if unknown := sorted(set(request.args) - asked):
                    raise Refusal(
                        "input.invalid", fields=[_problem(name, "没有这个参数", "unknown") for name in unknown]
                    )
                return view(*args, **kwargs)
            except Refusal as refusal:
                if refusal.entry.status != 422:
                    raise
                return problem_response(refusal, status=400)

        return answered

    return decorate


@blueprint.get("")
@blueprint.response(200, description="The landing page: where the description, the conformance and the data are.")
@permit("reference.read")
@as_the_standard_says()
def landing() -> Response:
    """OGC API Features: where everything is."""
    links = [
        _link("", "self", "Gridwatch"),
        _link("/api", "service-desc", "OpenAPI", OPENAPI),
        _link("/conformance", "conformance", "OGC API - Features"),
        _link("/collections", "data", "图层 layers"),
    ]
    return _json({"title": "Gridwatch 网格巡查", "description": "网格、任务、线索、市场主体（只读）", "links": links})


@blueprint.get("/conformance")
@blueprint.response(200, description="The conformance classes of the standard that are kept.")
@permit("reference.read")
@as_the_standard_says()
def conformance() -> Response:
    """OGC API Features: what of the standard is kept."""
    return _json({"conformsTo": CONFORMS_TO})


@blueprint.get("/api")
@blueprint.response(200, description="What stands under /ogc, as OpenAPI 3.0.", content_type=OPENAPI)
@permit("reference.read")
@as_the_standard_says()
def api() -> Response:
    """OGC API Features: its description."""
    return _json(api_document(_root(), _allowed()), OPENAPI)


@blueprint.get("/collections")
@blueprint.response(200, description="The layers that the reader may see.")
@permit("reference.read")
@as_the_standard_says()
def collections() -> Response:
    """OGC API Features: the layers that the reader may see."""
    return _json(
        {"links": [_link("/collections", "self", "图层 layers")], "collections": [_told(one) for one in _allowed()]}
    )


def _serve(layer: Layer) -> None:
    where = f"/collections/{layer.name}"

    @blueprint.get(where)
    @blueprint.response(200, description="One layer.")
    @permit(layer.operation, hidden="http.not_found")
    @as_the_standard_says()
    def collection() -> Response:
        """OGC API Features: one layer."""
        return _json(_told(layer))

    @blueprint.get(f"{where}/items")
    @blueprint.doc(parameters=list(ITEMS))
    @blueprint.response(
        200, description="One page of features; its link `next` leads on.", content_type=geojson.GEOJSON
    )
    @permit(layer.operation, hidden="http.not_found")
    @as_the_standard_says(ASKABLE)
    def items() -> Response:
        """OGC API Features: the features of a layer, by `bbox`, `datetime`, `limit`; on by the link `next`."""
        moment = now()
        given = request.args
        box = read_bbox(given["bbox"]) if "bbox" in given else None
        first, last = read_datetime(given["datetime"]) if "datetime" in given else (None, None)
        page = queries.page(
            db.session(), layer, current_actor(), Asked(box=box, first=first, last=last),
            today=local_day(moment), cursor=given.get("cursor"), limit=read_limit(given.get("limit", str(DEFAULT))),
        )  # fmt: skip
        links = [_link(f"{where}/items", "self", layer.zh, geojson.GEOJSON, given)]
        if page.next_cursor:
            onward = {**given, "cursor": page.next_cursor}
            links.append(_link(f"{where}/items", "next", "下一页 next", geojson.GEOJSON, onward))
        features = [geojson.feature(row, Datum.WGS84) for row in page.rows]
        return _geojson(
            {"type": "FeatureCollection", "features": features, "links": links, "timeStamp": rfc3339(moment),
             "numberReturned": len(features)}
        )  # fmt: skip

    @blueprint.get(f"{where}/items/<key>")
    @blueprint.response(200, description="One feature.", content_type=geojson.GEOJSON)
    @permit(layer.operation, hidden=layer.missing)
    @as_the_standard_says()
    def item(key: str) -> Response:
        """OGC API Features: one feature."""
        row = queries.one(db.session(), layer, current_actor(), key, today=local_day(now()))
        links = [
            _link(f"{where}/items/{quote(key, safe='')}", "self", layer.zh, geojson.GEOJSON),
            _link(where, "collection", layer.zh),
        ]
        return _geojson({**geojson.feature(row, Datum.WGS84), "links": links})


for _layer in LAYERS.values():
    _serve(_layer)


# -- what is asked ----------------------------------------------------------------------------------------------------


def read_limit(given: str) -> int:
    """How many features on a page: 1 or more; more than the most is the most. Raises 422 `input.invalid`."""
    if not re.fullmatch(r"[0-9]{1,9}", given) or int(given) == 0:
        raise Refusal("input.invalid", fields=[_problem("limit", "应为正整数", "a whole number from 1 on")])
    return min(int(given), queries.MOST)


def read_datetime(given: str) -> tuple[date | None, date | None]:
    """The first and the last local day of a moment, a day, or an interval (`2026-09-01/..`). Raises 422 `input.invalid`."""
    parts = given.split("/")
    try:
        days = [None if part in ("", "..") and len(parts) == 2 else _day(part) for part in parts]
    except (ValueError, OverflowError):  # the latter at either end of time
        days = []
    first, last = (days[0], days[-1]) if len(days) in (1, 2) else (None, None)
    if len(days) not in (1, 2) or days == [None, None] or (first and last and first > last):
        raise Refusal(
            "input.invalid", fields=[_problem("datetime", "应为 RFC 3339 的时刻、日期或区间", "not RFC 3339")]
        )
    return first, last


def _day(part: str) -> date:
    """The local day of an RFC 3339 date or moment. Raises ValueError."""
    if len(part) == len("2026-09-18"):
        return date.fromisoformat(part)
    moment = datetime.fromisoformat(part)
    if moment.tzinfo is None:
        raise ValueError(part)
    return local_day(moment)


def _problem(path: str, zh: str, en: str) -> dict[str, str]:
    return {"path": path[:60], "problem": f"{zh} / {en}"}


# -- what is answered -------------------------------------------------------------------------------------------------


def _allowed() -> list[Layer]:
    """The layers of which the reader's roles give him any."""
    return [layer for layer in LAYERS.values() if scopes_for(current_actor(), layer.operation)]


def _root() -> str:
    """The absolute address of PATH, as it is seen from outside: a link to http would send the token of its reader in the open."""
    scheme = "https" if request.headers.get("X-Forwarded-Proto") == "https" else request.scheme
    return f"{scheme}://{request.host}{request.root_path}{PATH}"


def _link(
    path: str, rel: str, title: str, media_type: str = JSON, asked: Mapping[str, str] | None = None
) -> dict[str, str]:
    query = f"?{urlencode(dict(asked))}" if asked else ""
    return {"href": f"{_root()}{path}{query}", "rel": rel, "type": media_type, "title": title}


def _told(layer: Layer) -> dict[str, Any]:
    where = f"/collections/{layer.name}"
    return {
        "id": layer.name, "title": f"{layer.zh} {layer.en}", "itemType": "feature", "crs": [CRS84],
        "links": [_link(where, "self", layer.zh), _link(f"{where}/items", "items", layer.zh, geojson.GEOJSON)],
    }  # fmt: skip


def _json(body: Mapping[str, Any], media_type: str = JSON) -> Response:
    return geojson.private(Response(orjson.dumps(body), content_type=media_type))


def _geojson(body: Mapping[str, Any]) -> Response:
    answer = _json(body, geojson.GEOJSON)
    answer.headers["Content-Crs"] = f"<{CRS84}>"
    return answer
