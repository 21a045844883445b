"""GeoJSON: what a box takes in, filters, pages, clusters, heat; in which datum; and what is refused, in plain words."""

from __future__ import annotations

import json
from urllib.parse import unquote

import pytest
from geoalchemy2.shape import from_shape
from shapely.geometry import MultiPolygon, Polygon

from gridwatch.db.base import new_id
from gridwatch.domain.datum import Datum, from_wgs84
from gridwatch.entities.models import Entity
from gridwatch.leads.models import Lead
from gridwatch.places.models import Grid
from gridwatch.tasks.models import Task
from tests.fixtures import Caller, Work
from tests.maps.conftest import SHOPS, Town

PATH = "/api/v1/maps"


@pytest.fixture
def somebody(client: Caller, town: Town) -> Caller:
    """The street's dispatcher, who sees the whole town."""
    return client.as_("street_dispatcher")


def names(town: Town, answer) -> set[str]:
    assert answer.status == 200, answer.body
    return town.named(one["id"] for one in answer.body["features"])


BOXES = [
    ("113.7401,23.0101,113.7499,23.0199", "1", "1"),  # inside the first grid
    ("113.744,23.014,113.756,23.016", "1 2", "1 2"),  # across the border of two
    ("113.744,23.014,113.756,23.026", "1 2 3", "1 2 3"),  # across all three
    ("113.75,23.0101,113.755,23.015", "1 2", "2"),  # on the common border; a shop on its very corner
    ("113.7451,23.0151,113.7549,23.0249", "1 2 3", ""),  # between the shops
    ("113.70,22.90,113.71,22.91", "", ""),  # nowhere near
    ("-180,-90,180,90", "1 2 3", "1 2 3"),  # the whole world, but not what has no place
    ("113.745,23.015,113.745,23.015", "1", "1"),  # a box that is one point
    ("113.744,23.014,0,113.756,23.016,9", "1 2", "1 2"),  # with heights
]


def test_a_box_takes_in_what_lies_in_it(somebody: Caller, town: Town) -> None:
    for bbox, grids, shops in BOXES:
        assert names(town, somebody.get(f"{PATH}/grids?bbox={bbox}")) == {f"g{one}" for one in grids.split()}, bbox
        for layer, letter in (("entities", "e"), ("tasks", "t")):
            inside = {f"{letter}{one}" for one in shops.split()}
            assert names(town, somebody.get(f"{PATH}/{layer}?bbox={bbox}")) == inside, (layer, bbox)
            assert gathered(somebody.get(f"{PATH}/{layer}?bbox={bbox}&cluster=10")) == len(inside), (layer, bbox)


def test_a_lead_lies_at_its_own_point_else_at_its_shop(somebody: Caller, town: Town) -> None:
    at_shop = somebody.get(f"{PATH}/leads?bbox=113.7549,23.0149,113.7551,23.0151")
    assert names(town, at_shop) == {"l2"}
    assert at_shop.body["features"][0]["properties"]["point_of"] == "entity"
    own = somebody.get(f"{PATH}/leads?bbox=113.742,23.012,113.7422,23.0122")
    assert names(town, own) == {"l1"}
    assert own.body["features"][0]["properties"]["point_of"] == "lead"


def test_a_task_lies_at_its_shop_even_where_its_lead_was_reported_elsewhere(
    somebody: Caller, town: Town, work: Work
) -> None:
    with work() as session:
        session.get_one(Task, town.ids["t3"]).lead_id = town.ids["l1"]
        session.get_one(Task, town.ids["t0"]).lead_id = town.ids["l1"]  # its shop has no point
    assert names(town, somebody.get(f"{PATH}/tasks?bbox=113.742,23.012,113.7422,23.0122")) == {"t0"}
    assert names(town, somebody.get(f"{PATH}/tasks?bbox=113.7449,23.0249,113.7451,23.0251")) == {"t3"}


def test_what_lies_in_the_box_by_its_own_point_and_by_another_is_there_once(
    somebody: Caller, town: Town, work: Work
) -> None:
    with work() as session:
        session.get_one(Lead, town.ids["l1"]).entity_id = town.ids["e1"]
        session.get_one(Task, town.ids["t1"]).lead_id = town.ids["l1"]
    for layer, one in (("leads", "l1"), ("tasks", "t1")):
        features = somebody.get(f"{PATH}/{layer}?bbox=113.742,23.012,113.746,23.016").body["features"]
        assert [found["id"] for found in features] == [town.ids[one]], layer


def test_a_box_beside_a_slanting_grid_does_not_meet_it(somebody: Caller, town: Town, work: Work) -> None:
    """Its frame does; an index finds frames."""
    with work() as session:
        slanting = MultiPolygon([Polygon([(113.74, 23.02), (113.75, 23.02), (113.74, 23.03)])])
        session.get_one(Grid, town.world.grid_3).shape = from_shape(slanting, srid=4326)
    assert names(town, somebody.get(f"{PATH}/grids?bbox=113.748,23.028,113.749,23.029")) == set()
    assert names(town, somebody.get(f"{PATH}/grids?bbox=113.741,23.021,113.749,23.029")) == {"g3"}


def test_what_nobody_can_place_has_no_geometry_and_is_not_lost(somebody: Caller, town: Town) -> None:
    for layer, letter in (("tasks", "t"), ("leads", "l"), ("entities", "e")):
        features = {one["id"]: one["geometry"] for one in somebody.get(f"{PATH}/{layer}").body["features"]}
        assert features[town.ids[f"{letter}0"]] is None
        assert features[town.ids[f"{letter}1"]]["type"] == "Point"


FILTERS = [
    ("leads?state=open", "l1 l2 l3 l0"),
    ("leads?state=dispatched", "l2"),
    ("leads?state=closed", ""),
    ("leads?category=XS04&state=community", "l1 l3 l0"),
    ("leads?category=XS01", ""),
    ("leads?day=2026-09-18", "l1 l2 l3 l0"),
    ("leads?day=2026-09-17", ""),
    ("leads?day=9999-12-31", ""),
    ("leads?day=0001-01-01", ""),
    ("tasks?state=planned", "t0"),
    ("tasks?category=first_check&day=2026-10-02", "t1 t2 t3 t0"),
    ("tasks?category=recheck", ""),
    ("entities?state=active", "e1 e2 e3 e0"),
    ("entities?state=%27%20OR%201%3D1--", ""),  # a text like any other
    ("grids?day=2020-01-01", "g1 g2 g3"),
]


def test_filters(somebody: Caller, town: Town) -> None:
    for query, found in FILTERS:
        assert names(town, somebody.get(f"{PATH}/{query}")) == set(found.split()), query


NONSENSE = [
    ("leads?bbox=1,2,3", "map.bbox"),
    ("leads?bbox=", "map.bbox"),
    ("leads?bbox=a,b,c,d", "map.bbox"),
    ("leads?bbox=nan,0,1,1", "map.bbox"),
    ("leads?bbox=0,0,inf,1", "map.bbox"),
    ("leads?bbox=114,23,113,24", "map.bbox"),
    ("leads?bbox=113,24,114,23", "map.bbox"),
    ("leads?bbox=0,0,181,1", "map.bbox"),
    ("leads?bbox=23,113,24,114", "place.swapped"),
    ("leads?bbox=1;DROP TABLE lead,0,1,1", "map.bbox"),
    ("leads?crs=EPSG:3857", "map.crs"),
    ("leads?crs=CGCS2000", "map.crs"),
    ("leads?crs=", "map.crs"),
    ("leads?cluster=-1", "input.invalid"),
    ("leads?cluster=23", "input.invalid"),
    ("leads?cluster=zoom", "input.invalid"),
    ("grids?cluster=3", "input.invalid"),
    ("grids?state=open", "input.invalid"),
    ("leads?state=asleep", "input.invalid"),
    ("leads?day=2026-13-01", "input.invalid"),
    ("leads?colour=red", "input.invalid"),
    ("leads?cursor=x", "input.cursor"),
    ("leads?cursor=WzFd", "input.cursor"),  # [1]
    ("leads?cursor=WyJcdTAwMDAiXQ", "input.cursor"),  # a NUL, which PostgreSQL cannot compare
    ("leads?limit=many", "input.invalid"),
    ("heat/leads?state=open", "input.invalid"),
]


def test_what_makes_no_sense_is_refused_in_plain_words(client: Caller, world) -> None:
    somebody = client.as_("street_dispatcher")
    for query, code in NONSENSE:
        answer = somebody.get(f"{PATH}/{query}")
        assert (answer.status, answer.body.get("code")) == (422, code), query
        assert answer.body["do"]


def test_pages_lose_nothing_while_shops_are_added(somebody: Caller, town: Town, work: Work) -> None:
    before, found, cursor = {f"e{name}" for name in SHOPS}, [], ""
    while cursor is not None:
        body = somebody.get(f"{PATH}/entities?limit=1{cursor and f'&cursor={cursor}'}").body
        found += [one["id"] for one in body["features"]]
        cursor = body["next_cursor"]
        with work() as session:
            if len(found) < 4:  # one more after each page
                key = new_id()
                town.ids[f"new{len(found)}"] = key
                session.add(
                    Entity(
                        id=key, code=f"N{len(found)}", name="新店", permit_sectors=[], address_text="鸿福路", datum="WGS84",
                        street_code=town.world.street, area_path=town.world.path(town.world.street),
                    )
                )  # fmt: skip
    assert town.named(found) == before | {"new1", "new2", "new3"}
    assert len(found) == len(set(found))


def test_a_page_has_a_thousand_features_at_most(somebody: Caller) -> None:
    assert somebody.get(f"{PATH}/entities?limit=1000000").status == 200
    assert len(somebody.get(f"{PATH}/entities?limit=-5").body["features"]) == 1


# -- clusters and heat ------------------------------------------------------------------------------------------------


def gathered(answer) -> int:
    assert answer.status == 200, answer.body
    return sum(one["properties"]["count"] for one in answer.body["features"])


def test_clusters_part_as_the_zoom_grows(somebody: Caller, town: Town) -> None:
    counts = {}
    for zoom in (0, 8, 12, 16, 22):
        answer = somebody.get(f"{PATH}/entities?cluster={zoom}")
        assert gathered(answer) == 3
        counts[zoom] = len(answer.body["features"])
    assert (counts[0], counts[22]) == (1, 3)
    assert list(counts.values()) == sorted(counts.values())
    single = {one["id"]: one["geometry"]["coordinates"] for one in answer.body["features"]}
    assert single == {town.ids[f"e{name}"]: pytest.approx(point) for name, point in SHOPS.items() if point}


def test_a_lead_at_the_pole_breaks_no_cluster(somebody: Caller, town: Town, work: Work) -> None:
    """Whoever reports a nonsense point must not take the map away from the others."""
    with work() as session:
        session.get_one(Lead, town.ids["l3"]).lat = -90.0
    assert gathered(somebody.get(f"{PATH}/leads?cluster=5")) == 2
    assert somebody.get(f"{PATH}/leads/5/26/13.mvt").status == 200


def test_heat_is_what_is_open_for_a_thousand_shops(somebody: Caller, town: Town, work: Work) -> None:
    with work() as session:
        for number in range(3):  # four shops in the first grid
            session.add(
                Entity(
                    id=new_id(), code=f"M{number}", name="店", permit_sectors=[], address_text="鸿福路", datum="WGS84",
                    street_code=town.world.street, area_path=town.world.path(town.world.community), grid_code=town.world.grid,
                )
            )  # fmt: skip
        session.get_one(Entity, town.ids["e3"]).status = "deregistered"  # none in the third
    for layer in ("leads", "tasks"):
        features = somebody.get(f"{PATH}/heat/{layer}").body["features"]
        numbers = {
            one["id"]: tuple(one["properties"][name] for name in ("count", "entities", "per_1000")) for one in features
        }
        world = town.world
        assert numbers == {world.grid: (1, 4, 250.0), world.grid_2: (1, 1, 1000.0), world.grid_3: (1, 0, None)}
        assert {one["geometry"]["type"] for one in features} == {"MultiPolygon"}


@pytest.mark.parametrize(
    ("who", "numbers"),
    [
        ("grid_worker", {"g1": (1, 1)}),
        ("market_manager", {"g2": (0, 1)}),  # leads of one's own: none
        ("community_dispatcher_2", {"g3": (1, 1)}),
        ("department_receiver", {}),  # sees leads, but no grid
    ],
)
def test_heat_counts_what_the_reader_may_see(client: Caller, town: Town, who: str, numbers: dict) -> None:
    features = client.as_(who).get(f"{PATH}/heat/leads").body["features"]
    found = {town.named([one["id"]]).pop(): one["properties"] for one in features}
    assert {name: (one["count"], one["entities"]) for name, one in found.items()} == numbers


def test_heat_comes_page_by_page_and_by_box(somebody: Caller, town: Town) -> None:
    first = somebody.get(f"{PATH}/heat/tasks?limit=2").body
    second = somebody.get(f"{PATH}/heat/tasks?limit=2&cursor={first['next_cursor']}").body
    assert [len(page["features"]) for page in (first, second)] == [2, 1]
    assert second["next_cursor"] is None
    assert names(town, somebody.get(f"{PATH}/heat/tasks?bbox=113.751,23.011,113.759,23.019")) == {"g2"}


# -- datum ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("crs", "datum"), [("", "WGS84"), ("?crs=GCJ02", "GCJ02"), ("?crs=bd-09", "BD09"), ("?crs=gcj-02", "GCJ02")]
)
def test_every_coordinate_says_its_datum_and_is_in_it(somebody: Caller, town: Town, crs: str, datum: str) -> None:
    body = somebody.get(f"{PATH}/entities/{town.ids['e1']}{crs}").body
    assert body["datum"] == datum
    assert body["geometry"]["coordinates"] == pytest.approx(from_wgs84(*SHOPS["1"], Datum(datum)), abs=1e-7)
    for path in ("entities", "grids", "heat/leads"):
        listed = somebody.get(f"{PATH}/{path}{crs}").body
        assert listed["datum"] == datum, path
    gathered_ = somebody.get(f"{PATH}/entities{crs}{'&' if crs else '?'}cluster=22").body
    assert gathered_["datum"] == datum
    corner = min(point for ring in listed["features"][0]["geometry"]["coordinates"][0] for point in ring)
    assert corner == pytest.approx(from_wgs84(113.74, 23.01, Datum(datum)), abs=1e-7)


def test_one_feature_has_links_that_open_its_place(somebody: Caller, town: Town) -> None:
    links = somebody.get(f"{PATH}/entities/{town.ids['e1']}").body["links"]
    assert links.keys() == {"amap", "baidu", "system"}
    assert "1号店" in unquote(links["amap"])
    assert links["system"].startswith("geo:23.015000,113.745000")
    assert somebody.get(f"{PATH}/entities/{town.ids['e0']}").body["links"] == {}
    assert (
        somebody.get(f"{PATH}/grids/{town.world.grid}").body["links"]["system"].startswith("geo:23.015000,113.745000")
    )


def test_stored_coordinates_never_change_by_being_shown(somebody: Caller, town: Town, work: Work) -> None:
    somebody.get(f"{PATH}/entities?crs=BD09")
    with work() as session:
        entity = session.get_one(Entity, town.ids["e1"])
        assert (entity.lon, entity.lat, entity.datum) == (*SHOPS["1"], "WGS84")
    body = somebody.get(f"{PATH}/entities/{town.ids['e1']}").body
    assert json.dumps(body["geometry"]["coordinates"]) == json.dumps(list(SHOPS["1"]))
