"""A tile with 5,000 shops on it, asked for over the API in a city of many more, beside the barest SQL for the same tile."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextvars import Context
from typing import Any

from flask import Flask

from bench import ledger
from bench.city import City, build_areas, build_grids, build_people, path_of
from bench.databases import Place, settle, writing
from bench.machine import Others
from bench.table import Aim, Row
from bench.timing import alternate, measured, seconds
from gridwatch.db.base import db, new_id
from gridwatch.db.engine import dialect_of
from gridwatch.domain.web_mercator import BUFFER, EXTENT, Box, Tile, world
from gridwatch.entities.models import Entity

POINTS = 5_000  # in the tile
ELSEWHERE = {"full": 100_000, "small": 5_000}  # all over the city
CITY = City(40, 40)
TILE = Tile(15, *(int(part * (1 << 15)) for part in world(113.68, 22.98)))
BARE = {
    "postgis": "SELECT ST_AsMVT(t.*, 'entities', {extent}, 'place') FROM (SELECT id, name, status, entity_type, "
    "ST_AsMVTGeom(ST_Transform(position, 3857), ST_TileEnvelope({zoom}, {column}, {row}), {extent}, {buffer}) AS place "
    "FROM entity WHERE position && ST_MakeEnvelope({west}, {south}, {east}, {north}, 4326)) AS t",
    "spatialite": "SELECT id, name, status, entity_type, ST_X(position), ST_Y(position) FROM entity WHERE rowid IN "
    "(SELECT rowid FROM SpatialIndex WHERE f_table_name = 'entity' AND f_geometry_column = 'position' "
    "AND search_frame = BuildMbr({west}, {south}, {east}, {north}, 4326))",
}
BARE_IS = (
    "one statement written by hand and fetched by the driver: PostGIS makes the tile, SpatiaLite gives the rows alone, and nobody "
    "makes a tile of them; no sign-in, no reach, no filters, no answer"
)


def run(place: Place) -> Iterator[Row]:
    """The rows of this bench: the tile for the street's desk, which sees every shop in it, and the same gathered below zoom 14."""
    with place.app() as app, Others(place.roots) as others:
        with writing(db.engine) as connection:
            build_areas(connection, CITY)
            build_grids(connection, CITY)
            build_people(connection, CITY)
            _build_shops(connection, ELSEWHERE[place.size])
            bearers = ledger.sign_in(connection)
        settle(db.engine)
        bearer = bearers[f"street_dispatcher-{CITY.streets[0]}"]
        tile = _asking(app, bearer, TILE)
        assert tile().count(b"shop") >= POINTS, "the tile lacks shops"
        bare = _bare(place.kind)
        ours, beside = map(
            measured,
            alternate([lambda: 1_000 * Context().run(seconds, tile), lambda: 1_000 * seconds(bare)], runs=11),
        )
        above = _asking(app, bearer, Tile(TILE.zoom - 2, TILE.column >> 2, TILE.row >> 2))
        gathered = measured(alternate([lambda: 1_000 * Context().run(seconds, above)], runs=11)[0])
    aim = Aim(100)
    total = f"{POINTS:,} of {POINTS + ELSEWHERE[place.size]:,}"
    yield Row(
        "tile",
        "every point",
        place.kind,
        total,
        ours.median,
        "ms",
        beside.median,
        BARE_IS,
        aim,
        ours.spread,
        others.share,
    )
    yield Row(
        "tile", "gathered", place.kind, total, gathered.median, "ms", None, "", aim, gathered.spread, others.share
    )


def _build_shops(connection: Any, elsewhere: int) -> None:
    """Shops of the first street: in the tile exactly POINTS, the others all over the city, but not there."""
    random_ = random.Random(POINTS)
    inside, near = TILE.box(-BUFFER), TILE.box(BUFFER)
    points = [_point(random_, inside) for _ in range(POINTS)]
    while len(points) < POINTS + elsewhere:
        lon, lat = _point(random_, CITY.bounds)
        if not (near[0] <= lon <= near[2] and near[1] <= lat <= near[3]):
            points.append((lon, lat))
    random_.shuffle(points)
    street, community = CITY.streets[0], CITY.communities[0]
    rows = [
        {"id": new_id(), "rev": 1, "code": f"C{n:07d}", "name": f"shop {n} 餐饮店", "uscc_kind": "none", "entity_type": "个体工商户",
         "status": "active", "scope": "餐饮服务", "permit_sectors": [], "address_text": f"鸿福路{n}号", "street_code": street,
         "area_path": path_of(community), "routed_by": "point", "lon": lon, "lat": lat, "datum": "WGS84",
         "position": f"SRID=4326;POINT({lon!r} {lat!r})"}
        for n, (lon, lat) in enumerate(points)
    ]  # fmt: skip
    dialect_of(connection).bulk_insert(connection, Entity.__table__, rows)


def _point(random_: random.Random, box: Box) -> tuple[float, float]:
    west, south, east, north = box
    return random_.uniform(west, east), random_.uniform(south, north)


def _asking(app: Flask, bearer: str, tile: Tile) -> Callable[[], bytes]:
    """A request for a tile, as a web server hands it to the application; it must be answered with one."""
    http = app.test_client(use_cookies=False)
    path = f"/api/v1/maps/entities/{tile.zoom}/{tile.column}/{tile.row}.mvt"

    def ask() -> bytes:
        answer = http.get(path, headers={"Authorization": f"Bearer {bearer}"})
        if answer.status_code != 200:
            raise RuntimeError(f"a wrong answer: {answer.status} {answer.data[:500]!r}")
        return answer.data

    return ask


def _bare(kind: str) -> Callable[[], list[Any]]:
    west, south, east, north = TILE.box(BUFFER)
    sql = BARE[kind].format(
        west=west, south=south, east=east, north=north, extent=EXTENT, buffer=BUFFER,
        zoom=TILE.zoom, column=TILE.column, row=TILE.row,
    )  # fmt: skip

    def ask() -> list[Any]:
        connection = db.engine.raw_connection()
        try:
            cursor = connection.cursor()
            cursor.execute(sql)
            return cursor.fetchall()
        finally:
            connection.close()

    return ask
