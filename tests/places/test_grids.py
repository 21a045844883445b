"""Which grid a point lies in, by the spatial index on both databases; and what phones and consoles see of grids."""

from __future__ import annotations

import json
import random
from datetime import date
from pathlib import Path

import pytest
from geoalchemy2.shape import from_shape
from shapely.geometry import MultiPolygon, Point, box, shape
from sqlalchemy import Date, bindparam, select, text

from gridwatch.db.engine import dialect_of
from gridwatch.db.feed import FeedRow
from gridwatch.people.service import assign_grid
from gridwatch.places.models import Address, Grid
from gridwatch.places.queries import grid_at, grids_at, outlines_near_sql
from tests.fixtures import GRID_CORNERS, user_of

NANCHENG = Path(__file__).parents[1] / "data/nancheng"
TODAY = date(2026, 9, 18)


@pytest.mark.parametrize(
    ("where", "lon", "lat", "grid"),
    [
        ("inside the first", 113.745, 23.015, "441900004003001"),
        ("inside the second", 113.755, 23.015, "441900004003002"),
        ("on the border of two: the smaller code, always", 113.75, 23.015, "441900004003001"),
        ("on the corner of three", 113.75, 23.02, "441900004003001"),
        ("in the street, in no grid", 113.755, 23.025, None),
        ("in Beijing", 116.39, 39.9, None),
        ("swapped", 23.015, 113.745, None),
    ],
)
def test_a_point_lies_in_one_grid_or_in_none(work, world, where: str, lon: float, lat: float, grid: str | None):
    with work() as session:
        found = grid_at(session, lon, lat, on=TODAY)
        assert (found.code if found else None) == grid, where


def test_a_fact_from_before_a_split_belongs_to_the_grid_of_its_day(work, world):
    with work() as session:
        old = session.get_one(Grid, world.grid)
        old.valid_to = date(2026, 6, 30)
        for code, west, east in (("441900004003011", 113.74, 113.745), ("441900004003012", 113.745, 113.75)):
            session.add(
                Grid(
                    code=code, name=code, community_code=old.community_code, area_path=old.area_path,
                    valid_from=date(2026, 7, 1),
                    shape=from_shape(MultiPolygon([box(west, 23.01, east, 23.02)]), srid=4326),
                )
            )  # fmt: skip
    with work() as session:
        days = {day: grid_at(session, 113.741, 23.015, on=day) for day in (date(2026, 6, 30), date(2026, 7, 1))}
        assert [grid and grid.code for grid in days.values()] == [world.grid, "441900004003011"]


@pytest.fixture
def real_grids(work, world) -> list[tuple[str, MultiPolygon]]:
    """The 58 grids of 南城 beside the three of the town."""
    features = json.loads((NANCHENG / "grids.geojson").read_text(encoding="utf-8"))["features"]
    grids = []
    with work() as session:
        session.execute(text("DELETE FROM grid_duty"))
        session.execute(text("DELETE FROM grid"))
        for feature in features:
            outline = shape(feature["geometry"])
            outline = outline if isinstance(outline, MultiPolygon) else MultiPolygon([outline])
            code = feature["properties"]["code"]
            grids.append((code, outline))
            session.add(
                Grid(
                    code=code, name=feature["properties"]["name"], community_code=world.community,
                    area_path=world.path(world.community), shape=from_shape(outline, srid=4326),
                )
            )  # fmt: skip
    return grids


def test_many_points_at_once_are_routed_as_geometry_says(work, real_grids):
    chance = random.Random(20260918)
    points = [(chance.uniform(113.69, 113.79), chance.uniform(22.94, 23.05)) for _ in range(3_000)]
    by_geometry = [
        min((code for code, outline in real_grids if outline.covers(Point(point))), default=None) for point in points
    ]
    with work() as session:
        assert grids_at(session, points, on=TODAY) == by_geometry
    assert by_geometry.count(None) > 300
    assert len(set(by_geometry)) > 50  # the comparison saw insides and outsides


def test_no_points_no_answer(work, world):
    with work() as session:
        assert grids_at(session, [], on=TODAY) == []


def test_routing_uses_the_spatial_index(work, world):
    """The plan that the database itself gives in a city of 2,000 grids: R-tree on SpatiaLite, GiST on PostGIS, no scan."""
    squares = [
        box(113 + n % 50 / 100, 22 + n // 50 / 100, 113.01 + n % 50 / 100, 22.01 + n // 50 / 100) for n in range(2_000)
    ]
    with work() as session:
        dialect_of(session).bulk_insert(
            session.connection(),
            Grid.__table__,
            [
                {"code": f"{world.community}{n:04d}", "rev": 1, "name": str(n), "community_code": world.community,
                 "area_path": world.path(world.community), "shape": f"SRID=4326;{MultiPolygon([square]).wkt}"}
                for n, square in enumerate(squares)
            ],
        )  # fmt: skip
        session.execute(text("ANALYZE"))
        sql, values = outlines_near_sql(session, [(113.245, 22.215), (113.246, 22.216)])
        sqlite = session.get_bind().dialect.name == "sqlite"
        explained = text(("EXPLAIN QUERY PLAN " if sqlite else "EXPLAIN ") + sql).bindparams(
            bindparam("on", type_=Date)
        )
        plan = "\n".join(str(row[-1]) for row in session.execute(explained, {**values, "on": TODAY}))
    if sqlite:
        assert "SCAN boxes VIRTUAL TABLE INDEX" in plan  # the R-tree of SpatiaLite
        assert "SEARCH grid USING INTEGER PRIMARY KEY (rowid=?)" in plan
        assert "SCAN grid" not in plan
    else:
        assert "Index Scan using idx_grid_shape on grid" in plan
        assert "Seq Scan on grid" not in plan


# --- what phones and consoles see -------------------------------------------------------------------------------------


def test_a_grid_document_has_the_outline_and_the_people_on_duty(work, world):
    with work() as session:
        row = session.scalars(
            select(FeedRow).where(FeedRow.scope == f"grid:{world.grid}", FeedRow.kind == "grid")
        ).one()
        document, rev = json.loads(row.doc), row.rev
    assert document["name"] == "第1网格"
    lon, lat = GRID_CORNERS[world.grid]
    assert shape(document["polygon"]).bounds == pytest.approx((lon, lat, lon + 0.01, lat + 0.01))
    assert (document["kind"], document["id"], document["rev"]) == ("grid", world.grid, rev)


def test_an_address_is_held_where_its_grid_is_known(work, world):
    with work() as session:
        common = {
            "street_code": world.street,
            "community_code": world.community,
            "area_path": world.path(world.community),
        }
        session.add(Address(code="A1", text="鸿福路1号", road="鸿福路", house_no="1号", grid_code=world.grid, **common))
        session.add(Address(code="A2", text="某大厦", building="某大厦", **common))
    with work() as session:
        rows = session.scalars(select(FeedRow).where(FeedRow.kind == "address")).all()
        assert [(row.scope, row.doc_id) for row in rows] == [(f"grid:{world.grid}", "A1")]
        session.get_one(Address, "A1").grid_code = world.grid_2
    with work() as session:
        rows = session.execute(select(FeedRow.scope, FeedRow.op).where(FeedRow.doc_id == "A1").order_by(FeedRow.scope))
        assert rows.all() == [(f"grid:{world.grid}", "leave"), (f"grid:{world.grid_2}", "put")]


@pytest.mark.parametrize(
    ("who", "codes"),
    [
        ("grid_worker", ["441900004003001"]),
        ("community_dispatcher", ["441900004003001", "441900004003002"]),
        ("community_dispatcher_2", ["441900004005001"]),
        ("street_dispatcher", ["441900004003001", "441900004003002", "441900004005001"]),
        ("administrator", ["441900004003001", "441900004003002", "441900004005001"]),
    ],
)
def test_everybody_sees_the_grids_of_the_own_reach(client, world, who: str, codes: list[str]):
    answer = client.as_(who).get("/api/v1/grids")
    assert (answer.status, [grid["code"] for grid in answer.body["items"]]) == (200, codes)


def test_the_list_names_who_is_on_duty_today_covers_included(client, work, world, clock):
    with work() as session:
        stand_in, away = user_of(session, "grid_worker_2"), user_of(session, "grid_worker")
        assign_grid(
            session, stand_in, world.grid, from_on=clock.today(), to_on=clock.today(), covers=away, at=clock.now()
        )
    (grid,) = client.as_("grid_worker").get("/api/v1/grids").body["items"]
    assert grid["managers"] == ["网格员 grid_worker", "网格员 grid_worker_2"]
    assert shape(grid["polygon"]).is_valid
    clock.advance(days=1)
    (grid,) = client.as_("grid_worker").get("/api/v1/grids").body["items"]
    assert grid["managers"] == ["网格员 grid_worker"]


def test_pages_of_grids_follow_one_another(client, world):
    dispatcher = client.as_("street_dispatcher")
    first = dispatcher.get("/api/v1/grids?limit=2").body
    second = dispatcher.get(f"/api/v1/grids?limit=2&cursor={first['next_cursor']}").body
    assert [len(page["items"]) for page in (first, second)] == [2, 1]
    assert second["next_cursor"] is None


def test_a_department_sees_no_grids(client, world):
    answer = client.as_("case_officer").get("/api/v1/grids")
    assert (answer.status, answer.body["code"]) == (403, "auth.forbidden")
