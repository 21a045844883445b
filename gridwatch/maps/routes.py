"""Maps over the API: for each layer a list, one feature, tiles, and where it is counted, heat; OGC API Features beside them.

The routes are made from the table of layers, one by one, so that each has the permit of its layer.
"""

from __future__ import annotations

from typing import Any

from flask import Response
from marshmallow import RAISE

from gridwatch.db.base import db
from gridwatch.domain.worktime import local_day
from gridwatch.maps import geojson, ogc, queries, schemas
from gridwatch.maps.layers import HOT, LAYERS, Layer
from gridwatch.web.api import Blueprint
from gridwatch.web.clock import now
from gridwatch.web.identity import current_actor, permit

PATH = "/api/v1/maps"
blueprint = Blueprint("maps", __name__, description="地图 maps")


def _list(layer: Layer) -> None:
    @blueprint.get(f"{PATH}/{layer.name}")
    @blueprint.arguments(schemas.list_query(layer), location="query", unknown=RAISE)
    @blueprint.response(200, schemas.FeaturesOut, content_type=geojson.GEOJSON)
    @permit(layer.operation)
    def features(query: dict[str, Any]) -> Response:
        """The features of a layer within reach, page by page; or with `cluster` its points gathered."""
        session, actor, today = db.session(), current_actor(), local_day(now())
        asked, datum = schemas.asked_of(query), schemas.read_crs(query["crs"])
        if (zoom := query.get("cluster")) is not None:
            gathered = queries.clusters(session, layer, actor, asked, today=today, zoom=zoom)
            return geojson.answer_json(geojson.collection(gathered, datum, None))
        page = queries.page(session, layer, actor, asked, today=today, cursor=query["cursor"], limit=query["limit"])
        return geojson.answer_json(geojson.collection(page.rows, datum, page.next_cursor))


def _one(layer: Layer) -> None:
    @blueprint.get(f"{PATH}/{layer.name}/<key>")
    @blueprint.arguments(schemas.one_query(layer), location="query", unknown=RAISE)
    @blueprint.response(200, schemas.FeatureOut, content_type=geojson.GEOJSON)
    @permit(layer.operation, hidden=layer.missing)
    def one(query: dict[str, Any], key: str) -> Response:
        """One feature of a layer, with links that open its place in 高德, 百度 and the phone's own map."""
        datum = schemas.read_crs(query["crs"])
        row = queries.one(db.session(), layer, current_actor(), key, today=local_day(now()))
        return geojson.answer_json(
            {**geojson.feature(row, datum), "datum": datum.value, "links": geojson.links_to(row)}
        )


def _tiles(layer: Layer) -> None:
    @blueprint.get(f"{PATH}/{layer.name}/<z>/<x>/<y>.mvt")
    @blueprint.arguments(schemas.tile_query(layer), location="query", unknown=RAISE)
    @blueprint.response(
        200, description="A Mapbox vector tile with one layer, named as this one; 204 where it is empty."
    )
    @permit(layer.operation)
    def tile(query: dict[str, Any], z: str, x: str, y: str) -> Response:
        """A vector tile (Web Mercator) of a layer within reach; points come gathered below zoom 14."""
        place = schemas.read_tile(z, x, y)
        made = queries.tile(
            db.session(), layer, current_actor(), schemas.asked_of(query), place, today=local_day(now())
        )
        return geojson.answer_tile(made)


def _heat(layer: Layer) -> None:
    @blueprint.get(f"{PATH}/heat/{layer.name}")
    @blueprint.arguments(schemas.heat_query(layer), location="query", unknown=RAISE)
    @blueprint.response(200, schemas.FeaturesOut, content_type=geojson.GEOJSON)
    @permit(layer.operation)
    def heat(query: dict[str, Any]) -> Response:
        """The grids within reach with what is open there: `count`, `entities`, and `per_1000` of the one for the other."""
        datum = schemas.read_crs(query["crs"])
        page = queries.heat(
            db.session(), layer, current_actor(), schemas.asked_of(query),
            today=local_day(now()), cursor=query["cursor"], limit=query["limit"],
        )  # fmt: skip
        return geojson.answer_json(geojson.collection(page.rows, datum, page.next_cursor))


for _layer in HOT:
    _heat(_layer)
for _layer in LAYERS.values():
    _list(_layer)
    _one(_layer)
    _tiles(_layer)
blueprint.register_blueprint(ogc.blueprint)
