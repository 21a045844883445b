"""Routing: many points into the grids of a city (point 3 of the main job), beside the bare join in SQL."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import date

from geoalchemy2 import Geometry
from sqlalchemy import Column, Connection, Integer, MetaData, Table

from bench.city import City, build_areas, build_grids
from bench.databases import Place, settle, writing
from bench.machine import Others
from bench.table import Aim, Row
from bench.timing import alternate, measured, seconds
from gridwatch.db.base import db
from gridwatch.db.engine import dialect_of
from gridwatch.places.queries import grids_at

ON = date(2026, 9, 18)
POINTS = {
    ("postgis", "full"): 1_000_000, ("postgis", "small"): 50_000,
    ("spatialite", "full"): 100_000, ("spatialite", "small"): 10_000,
}  # fmt: skip
BARE = {
    "postgis": "SELECT p.n, grid.code FROM bench_point p JOIN grid ON ST_Covers(grid.shape, p.at)",
    "spatialite": "SELECT p.n, grid.code FROM bench_point p "
    "CROSS JOIN SpatialIndex i ON i.f_table_name = 'grid' AND i.f_geometry_column = 'shape' AND i.search_frame = p.at "
    "CROSS JOIN grid ON grid.rowid = i.rowid WHERE ST_Covers(grid.shape, p.at)",
}
BARE_IS = (
    "one join of a table that holds the points as geometries already, all rows fetched by the driver: no points to hand "
    "over, no days of validity, no choice on common borders"
)
Points = list[tuple[float, float]]


def run(place: Place) -> Iterator[Row]:
    """The row of this bench; routing must find the same grids as the bare join, or the bench fails."""
    city = City(16, 20) if place.small else City(64, 50)
    points = _points(city, POINTS[place.kind, place.size])
    with place.app(), Others(place.roots) as others:
        with writing(db.engine) as connection:
            build_areas(connection, city)
            build_grids(connection, city)
            _build_points(connection, points)
        settle(db.engine)
        _compare(place.kind, points)
        session = db.session()
        ours, bare = map(
            measured,
            alternate(
                [lambda: seconds(lambda: grids_at(session, points, on=ON)), lambda: seconds(lambda: _bare(place.kind))],
                runs=5,
            ),
        )
    yield Row(
        "route", "points into grids", place.kind, f"{len(points):,} into {city.grids:,}", ours.median, "s", bare.median,
        BARE_IS, Aim(1.5, of_ratio=True) if place.kind == "postgis" else None, ours.spread, others.share,
    )  # fmt: skip


def _points(city: City, number: int) -> Points:
    """Points all over the city and a little beyond its edge."""
    random_ = random.Random(number)
    west, south, east, north = city.bounds
    margin = (east - west) / 50
    return [
        (random_.uniform(west - margin, east + margin), random_.uniform(south - margin, north + margin))
        for _ in range(number)
    ]


def _build_points(connection: Connection, points: Points) -> None:
    table = Table(
        "bench_point", MetaData(), Column("n", Integer, primary_key=True),
        Column("at", Geometry("POINT", srid=4326, spatial_index=False), nullable=False),
    )  # fmt: skip
    table.create(connection)
    rows = [{"n": n, "at": f"SRID=4326;POINT({lon!r} {lat!r})"} for n, (lon, lat) in enumerate(points)]
    dialect_of(connection).bulk_insert(connection, table, rows)


def _bare(kind: str) -> list[tuple[int, str]]:
    connection = db.engine.raw_connection()
    try:
        cursor = connection.cursor()
        cursor.execute(BARE[kind])
        return cursor.fetchall()
    finally:
        connection.close()


def _compare(kind: str, points: Points) -> None:
    expected: list[str | None] = [None] * len(points)
    for n, code in sorted(_bare(kind), reverse=True):
        expected[n] = code
    found = grids_at(db.session(), points, on=ON)
    if found != expected:
        wrong = sum(one != other for one, other in zip(found, expected, strict=True))
        raise AssertionError(f"{wrong} of {len(points)} points were routed otherwise than by the bare join")
