"""OGC API Features as GDAL reads it, over real HTTP from a running server; and what the standard demands beside."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from openapi_spec_validator import validate

from tests.files.conftest import Serve
from tests.fixtures import Caller, Clock
from tests.maps.conftest import SHOPS, Town, ask_gdal

ITEMS = "/ogc/collections/entities/items"


@pytest.fixture
def address(serve: Serve, town: Town) -> Iterator[str]:
    with serve("waitress") as url:
        yield f"OAPIF:{url}/ogc"


def bearer(somebody: Caller) -> dict[str, str]:
    """The settings with which GDAL sends a person's token."""
    return {"GDAL_HTTP_AUTH": "BEARER", "GDAL_HTTP_BEARER": somebody.signed_in["access_token"]}


def test_gdal_reads_every_layer_and_every_page(client: Caller, town: Town, address: str, clock: Clock) -> None:
    token = bearer(client.as_("street_dispatcher"))
    assert set(ask_gdal(address, **token)) == {"grids", "tasks", "leads", "entities"}
    by_twos = {"PAGE_SIZE": "2"}  # four of each: two pages
    layers = {"grids": by_twos, "tasks": by_twos, "leads": by_twos, "entities": by_twos}
    found = ask_gdal(address, layers, **token)
    for name, letter in (("grids", "g"), ("tasks", "t"), ("leads", "l"), ("entities", "e")):
        rows = found[name]["features"]
        assert town.named(row["id"] for row, _ in rows) == {one for one in town.ids if one[0] == letter}, name
        assert len(rows) == len({row["id"] for row, _ in rows})
        assert found[name]["crs"] in ("OGC:CRS84", "EPSG:4326")
    shops = {row["code"]: (row, place) for row, place in found["entities"]["features"]}
    assert shops["E1"][0]["name"] == "1号店"
    assert shops["E1"][1]["coordinates"] == pytest.approx(SHOPS["1"])
    assert shops["E0"][1] is None
    assert {place["type"] for _, place in found["grids"]["features"]} <= {"Polygon", "MultiPolygon"}


def test_gdal_asks_by_box_and_gets_what_lies_in_it(client: Caller, town: Town, address: str) -> None:
    box = {"bbox": [113.751, 23.01, 113.76, 23.02]}  # the second grid, short of its western border
    found = ask_gdal(
        address, dict.fromkeys(("grids", "tasks", "leads", "entities"), box),
        **bearer(client.as_("street_dispatcher")),
    )  # fmt: skip
    for name, letter in (("grids", "g"), ("tasks", "t"), ("leads", "l"), ("entities", "e")):
        assert town.named(row["id"] for row, _ in found[name]["features"]) == {f"{letter}2"}, name


def test_gdal_sees_as_much_as_the_person_whose_token_it_has(client: Caller, town: Town, address: str) -> None:
    receiver = bearer(client.as_("department_receiver"))
    assert set(ask_gdal(address, **receiver)) == {"leads"}
    found = ask_gdal(address, {"leads": {}}, **receiver)
    assert town.named(row["id"] for row, _ in found["leads"]["features"]) == {"l2"}


def test_the_description_is_valid_and_names_what_there_is(client: Caller, town: Town) -> None:
    somebody = client.as_("street_dispatcher")
    links = {link["rel"]: link for link in somebody.get("/ogc").body["links"]}
    assert {"self", "service-desc", "conformance", "data"} <= links.keys()
    answers = {rel: somebody.get(urlsplit(link["href"]).path) for rel, link in links.items()}
    assert {rel: answer.status for rel, answer in answers.items()} == dict.fromkeys(links, 200)
    validate(answers["service-desc"].body)
    assert answers["service-desc"].headers["Content-Type"] == links["service-desc"]["type"]
    assert [one.rsplit("/", 1)[1] for one in answers["conformance"].body["conformsTo"]] == ["core", "oas30", "geojson"]
    described = {path for path in answers["service-desc"].body["paths"] if "{" not in path}
    assert {somebody.get(f"/ogc{path.rstrip('/')}").status for path in described} == {200}


def test_behind_a_proxy_that_speaks_https_the_links_do_too(client: Caller, world) -> None:
    headers = {"X-Forwarded-Proto": "https", "Host": "wangge.example"}
    links = client.as_("street_dispatcher").get("/ogc", headers=headers).body["links"]
    assert {link["href"].removeprefix("https://wangge.example/ogc") for link in links} == {
        "",
        "/api",
        "/conformance",
        "/collections",
    }


def test_pages_lead_on_by_their_links_and_say_their_datum(client: Caller, town: Town) -> None:
    somebody, path, found = client.as_("street_dispatcher"), f"{ITEMS}?limit=3", []
    while path:
        answer = somebody.get(path)
        assert answer.headers["Content-Crs"] == "<http://www.opengis.net/def/crs/OGC/1.3/CRS84>"
        assert answer.body["numberReturned"] == len(answer.body["features"])
        found += [one["id"] for one in answer.body["features"]]
        onward = [urlsplit(link["href"]) for link in answer.body["links"] if link["rel"] == "next"]
        path = f"{onward[0].path}?{onward[0].query}" if onward else ""
    assert town.named(found) == {"e1", "e2", "e3", "e0"}
    assert len(found) == 4


DAYS = [
    ("leads", "2026-09-18", {"l1", "l2", "l3", "l0"}),
    ("leads", "2026-09-17T17:00:00Z", {"l1", "l2", "l3", "l0"}),  # one in the morning of the 18th in China
    ("leads", "2026-09-19/..", set()),
    ("leads", "../2026-09-18T00:00:00+08:00", {"l1", "l2", "l3", "l0"}),
    ("tasks", "2026-10-02/2026-10-02", {"t1", "t2", "t3", "t0"}),
    ("tasks", "2026-09-18/2026-10-01", set()),
    ("grids", "2020-01-01", {"g1", "g2", "g3"}),
    ("leads", "0001-01-01/9999-12-31", {"l1", "l2", "l3", "l0"}),
    ("leads", "9999-12-31", set()),
]


def test_days_are_local_days(client: Caller, town: Town) -> None:
    somebody = client.as_("street_dispatcher")
    for layer, given, names in DAYS:
        answer = somebody.get(f"/ogc/collections/{layer}/items", query_string={"datetime": given})
        assert town.named(one["id"] for one in answer.body["features"]) == names, (layer, given)


WRONG = [
    "bbox=1,2,3", "bbox=a,b,c,d", "bbox=23,113,24,114", "bbox=114,23,113,24", "limit=0", "limit=-1", "limit=x", "limit=",
    "datetime=yesterday", "datetime=../..", "datetime=2026-09-19/2026-09-18", "datetime=2026-09-18T00:00:00",
    "datetime=a/b/c", "cursor=x", "colour=red", "bbox-crs=EPSG:4326",
]  # fmt: skip


def test_what_is_wrong_in_a_query_is_400(client: Caller, world) -> None:
    somebody = client.as_("street_dispatcher")
    for query in WRONG:
        answer = somebody.get(f"{ITEMS}?{query}")
        assert answer.status == 400, query
        assert answer.body["title"]
        assert answer.headers["Content-Type"] == "application/problem+json"


def test_a_limit_beyond_the_most_is_the_most(client: Caller, town: Town) -> None:
    assert client.as_("street_dispatcher").get(f"{ITEMS}?limit=100000").status == 200
