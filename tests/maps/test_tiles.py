"""Vector tiles: the same from both databases, as GDAL decodes them; what their headers say; clusters below a zoom."""

from __future__ import annotations

from pathlib import Path

import pytest
from geoalchemy2.shape import from_shape
from shapely import transform
from shapely.geometry import MultiPolygon, Point, box

from gridwatch.domain.web_mercator import BUFFER, EXTENT, Tile
from gridwatch.leads.models import Lead
from gridwatch.places.models import Grid
from tests.fixtures import GRID_CORNERS, Caller, Work
from tests.maps.conftest import Town, read_tile

STREET = Tile(13, 6684, 3557)  # the whole town
CORNER = Tile(14, 13368, 7115)  # most of the first grid
BORDER = Tile(14, 13368, 7114)  # some of each of the three
PATH = "/api/v1/maps"


def path_of(layer: str, tile: Tile) -> str:
    return f"{PATH}/{layer}/{tile.zoom}/{tile.column}/{tile.row}.mvt"


def test_points_lie_where_they_are_with_what_may_be_shown(client: Caller, town: Town, tmp_path: Path) -> None:
    somebody = client.as_("street_dispatcher")
    for layer, letter, properties in (
        ("entities", "e", {"name": "1号店", "status": "active", "entity_type": ""}),
        ("tasks", "t", {"title": "首检 1号店", "kind": "first_check", "state": "issued", "due_on": "2026-10-02"}),
        ("leads", "l", {"no": "NC-1", "title": "线索 1", "category": "XS04", "state": "community"}),
    ):
        tile = somebody.get(path_of(layer, CORNER)).response.data
        found = {one["id"]: (one, place) for one, place in read_tile(tmp_path, tile, layer, CORNER)}
        inside = {key: point for key, point in town.points.items() if key in found and point}
        assert found.keys() == inside.keys()
        assert town.named(found) >= {f"{letter}1"}
        for key, (_, place) in found.items():
            assert place.distance(Point(CORNER.units(*inside[key]))) < 1, town.named([key])
        one = found[town.ids[f"{letter}1"]][0]
        assert {name: value for name, value in one.items() if name not in ("id", "mvt_id")} == properties


def test_outlines_are_cut_to_the_tile(client: Caller, town: Town, work: Work, tmp_path: Path) -> None:
    outlines = {code: box(lon, lat, lon + 0.01, lat + 0.01) for code, (lon, lat) in GRID_CORNERS.items()}
    hole, island = box(113.742, 23.022, 113.744, 23.024), box(113.749, 23.02, 113.75, 23.03)
    outlines[town.world.grid_3] = MultiPolygon([box(113.74, 23.02, 113.748, 23.03).difference(hole), island])
    with work() as session:
        session.get_one(Grid, town.world.grid_3).shape = from_shape(outlines[town.world.grid_3], srid=4326)
    tile = client.as_("street_dispatcher").get(path_of("grids", BORDER)).response.data
    found = {one["id"]: place for one, place in read_tile(tmp_path, tile, "grids", BORDER)}
    frame = box(-BUFFER, -BUFFER, EXTENT + BUFFER, EXTENT + BUFFER)
    assert found.keys() == outlines.keys()
    for code, outline in outlines.items():
        wanted = transform(outline, lambda corners: [BORDER.units(*corner) for corner in corners.tolist()])
        wanted = wanted.intersection(frame)
        assert found[code].is_valid
        assert found[code].symmetric_difference(wanted).area < 0.002 * wanted.area, code


def test_below_the_zoom_points_come_gathered_and_none_is_lost(client: Caller, town: Town, tmp_path: Path) -> None:
    somebody = client.as_("street_dispatcher")
    for zoom, column, row in ((13, 6684, 3557), (8, 208, 111), (0, 0, 0)):
        place = Tile(zoom, column, row)
        answer = somebody.get(path_of("entities", place)).response
        found = read_tile(tmp_path, answer.data, "entities", place)
        assert sum(one["count"] for one, _ in found) == 3, place
        assert all((one.get("id") in town.ids.values()) == (one["count"] == 1) for one, _ in found)
    (one,) = found
    assert Point(place.units(113.7483, 23.0183)).distance(one[1]) < 1  # the middle of the three


@pytest.mark.parametrize("zoom", [1, 12])
def test_each_point_is_counted_in_one_tile(client: Caller, town: Town, work: Work, tmp_path: Path, zoom: int) -> None:
    """The tiles of a zoom together have every point once, even one on the very edge of two."""
    column, row = STREET.column >> (13 - zoom), STREET.row >> (13 - zoom)
    with work() as session:
        lead = session.get_one(Lead, town.ids["l3"])
        lead.lon, lead.lat = Tile(zoom, column, row).box()[0] + 1e-7, 23.0
    somebody, counted = client.as_("street_dispatcher"), 0
    for place in {Tile(zoom, column + x, row + y) for x in (-1, 0, 1) for y in (-1, 0, 1)}:
        if place.exists() and (tile := somebody.get(path_of("leads", place)).response.data):
            counted += sum(one["count"] for one, _ in read_tile(tmp_path, tile, "leads", place))
    assert counted == 3


def test_a_tile_is_kept_by_its_reader_alone_and_asked_for_again_by_its_mark(client: Caller, town: Town) -> None:
    somebody = client.as_("street_dispatcher")
    first = somebody.get(path_of("entities", CORNER)).response
    assert first.mimetype == "application/vnd.mapbox-vector-tile"
    assert first.headers["Cache-Control"] == "private, max-age=30, must-revalidate"
    assert {"Authorization", "Cookie"} <= set(first.vary.as_set(preserve_casing=True))
    again = somebody.get(path_of("entities", CORNER), headers={"If-None-Match": first.headers["ETag"]}).response
    assert (again.status_code, again.data) == (304, b"")
    assert client.as_("grid_worker_2").get(path_of("entities", CORNER)).headers.get("ETag") != first.headers["ETag"]


def test_an_empty_tile_is_204(client: Caller, town: Town) -> None:
    answer = client.as_("street_dispatcher").get(path_of("leads", Tile(16, 0, 0))).response
    assert (answer.status_code, answer.data) == (204, b"")
    assert answer.headers["Cache-Control"].startswith("private")


def test_a_tile_can_be_narrowed(client: Caller, town: Town) -> None:
    somebody = client.as_("street_dispatcher")
    for query, drawn in (
        ("state=open", True),
        ("state=closed", False),
        ("category=XS01", False),
        ("day=2026-09-18", True),
    ):
        assert (somebody.get(f"{path_of('leads', CORNER)}?{query}").status == 200) == drawn, query


NO_TILES = [
    "23/0/0",
    "14/16384/0",
    "14/0/16384",
    "-1/0/0",
    "14/-1/0",
    "a/b/c",
    "1e1/0/0",
    "14/0.5/0",
    f"{'9' * 5000}/0/0",
    "１/0/0",
]


def test_a_tile_that_there_is_not_is_refused_in_plain_words(client: Caller, world) -> None:
    somebody = client.as_("street_dispatcher")
    for tile in NO_TILES:
        answer = somebody.get(f"{PATH}/leads/{tile}.mvt")
        assert (answer.status, answer.body["code"]) == (422, "map.tile"), tile
        assert answer.body["facts"]["most"] == 22
