"""Grids drawn anew over the API: four kinds, what is refused and names what it would orphan, two people at one draft, duties."""

from __future__ import annotations

import pytest
from geoalchemy2.shape import from_shape, to_shape
from shapely.geometry import MultiPolygon, box, mapping
from sqlalchemy import select

from gridwatch.areas.models import Area
from gridwatch.people.models import GridDuty
from gridwatch.places.models import Address, Grid
from tests.fixtures import user_of

DAY = "2026-09-21"
LINE = {"type": "LineString", "coordinates": [[113.745, 23.0099], [113.745, 23.0201]]}


def rectangle(west: float, south: float, east: float, north: float) -> dict:
    return mapping(box(west, south, east, north))


def plan(kind: str, grids: list[str], names: list, **more) -> dict:
    new = [one if isinstance(one, dict) else {"name": one} for one in names]
    return {"kind": kind, "grids": grids, "new": new, "datum": "WGS84", "effective_on": DAY, "note": "网格调整"} | more


@pytest.fixture
def street(client, world):
    return client.as_("street_dispatcher")


def published(street, body: dict) -> dict:
    edit = street.post("/api/v1/grids/edits", body)
    assert edit.status == 201, edit.body
    answer = street.post(f"/api/v1/grids/edits/{edit.body['id']}/publish", {"version": edit.body["version"]})
    assert answer.status == 200, answer.body
    return answer.body


def address(session, world, code: str, lon: float | None, lat: float | None, grid: str) -> None:
    session.add(
        Address(
            code=code, text=f"鸿福路{code}号", street_code=world.street, community_code=world.community,
            area_path=world.path(world.community), grid_code=grid, lon=lon, lat=lat, datum="WGS84", accuracy_m=10,
        )
    )  # fmt: skip


def test_merged_grids_are_one_and_everything_is_in_it(work, world, clock, street, tick):
    with work() as session:
        address(session, world, "A1", 113.745, 23.015, world.grid)
        address(session, world, "A2", None, None, world.grid_2)
    edit = published(street, plan("merge", [world.grid, world.grid_2], ["大网格"], datum=None))
    (one,) = edit["new"]
    clock.set(f"{DAY} 00:05")
    tick()
    with work() as session:
        assert {row.code: row.grid_code for row in session.scalars(select(Address))} == {
            "A1": one["code"],
            "A2": one["code"],
        }
        merged = session.get_one(Grid, one["code"])
        assert to_shape(merged.shape).area == pytest.approx(2 * 0.01**2, rel=1e-6)
        assert str(merged.valid_from) == DAY
        duties = session.scalars(select(GridDuty).where(GridDuty.grid_code == one["code"])).all()
        assert {str(duty.from_on) for duty in duties} == {DAY}


def test_a_part_goes_to_the_neighbour(work, world, clock, street, tick):
    with work() as session:
        address(session, world, "A1", 113.749, 23.015, world.grid)
        address(session, world, "A2", 113.742, 23.015, world.grid)
    part = rectangle(113.747, 23.009, 113.7500001, 23.021)
    edit = published(street, plan("hand_over", [world.grid, world.grid_2], ["西", "东"], part=part))
    west, east = (one["code"] for one in edit["new"])
    clock.set(f"{DAY} 00:05")
    tick()
    with work() as session:
        assert {row.code: row.grid_code for row in session.scalars(select(Address))} == {"A1": east, "A2": west}
        worked = select(GridDuty.user_id, GridDuty.grid_code).where(GridDuty.grid_code.in_([west, east]))
        assert (world.people["grid_worker"], west) in session.execute(worked).all()
        assert (world.people["grid_worker_2"], east) in session.execute(worked).all()


def test_an_edit_that_would_orphan_addresses_names_them(work, world, street):
    with work() as session:
        address(session, world, "A1", 113.7415, 23.015, world.grid)
        address(session, world, "A2", 113.745, 23.015, world.grid)
    smaller = {"name": "小网格", "polygon": rectangle(113.743, 23.01, 113.75, 23.02)}
    answer = street.post("/api/v1/grids/edits", plan("redraw", [world.grid], [smaller]))
    assert (answer.status, answer.body["code"]) == (422, "grid.edit_orphans"), answer.body
    assert answer.body["facts"] == {"count": 1, "addresses": [{"code": "A1", "text": "鸿福路A1号"}]}


def test_of_two_people_at_one_draft_the_second_is_told(street, client, world):
    draft = street.post("/api/v1/grids/edits", plan("split", [world.grid], ["西", "东"], line=LINE)).body
    edit = f"/api/v1/grids/edits/{draft['id']}"
    again = plan("split", [world.grid], ["左", "右"], line=LINE)
    assert street.ask("PUT", edit, json={**again, "version": 1}).body["version"] == 2
    late = street.ask("PUT", edit, json={**again, "version": 1})
    assert (late.status, late.body["code"], late.body["facts"]) == (409, "grid.edit_changed", {"version": 2})
    assert street.post(f"{edit}/publish", {"version": 1}).body["code"] == "grid.edit_changed"
    assert street.post(f"{edit}/publish", {"version": 2}).status == 200
    assert street.post(f"{edit}/publish", {"version": 3}).body["code"] == "grid.edit_state"
    assert client.as_("community_dispatcher").get(edit).status == 404
    assert client.as_("community_dispatcher").get("/api/v1/grids/edits").status == 403


def test_of_two_drafts_of_one_grid_one_is_published(street, world):
    body = plan("split", [world.grid], ["西", "东"], line=LINE)
    first, second = (street.post("/api/v1/grids/edits", body).body for _ in range(2))
    assert street.post(f"/api/v1/grids/edits/{first['id']}/publish", {"version": 1}).status == 200
    answer = street.post(f"/api/v1/grids/edits/{second['id']}/publish", {"version": 1})
    assert (answer.status, answer.body["code"], answer.body["facts"]["last_on"]) == (
        409,
        "grid.edit_pending",
        "2026-09-20",
    )
    assert street.post(f"/api/v1/grids/edits/{second['id']}/withdraw", {"version": 1}).body["state"] == "withdrawn"


SPLIT = {"line": LINE}
TOO_LARGE = {"name": "大", "polygon": rectangle(113.74, 23.01, 113.76, 23.02)}
TOO_SMALL = {"name": "小", "polygon": rectangle(113.74, 23.01, 113.745, 23.02)}


@pytest.mark.parametrize(
    ("why", "kind", "grids", "names", "more", "code"),
    [
        ("today", "split", ["1"], ["西", "东"], {**SPLIT, "effective_on": "2026-09-18"}, "grid.edit_day"),
        ("in two years", "split", ["1"], ["西", "东"], {**SPLIT, "effective_on": "2028-09-18"}, "grid.edit_day"),
        ("into one", "split", ["1"], ["西"], SPLIT, "grid.edit_numbers"),
        ("three names for two pieces", "split", ["1"], ["西", "中", "东"], SPLIT, "grid.edit_pieces"),
        ("one alone", "merge", ["1"], ["大"], {}, "grid.edit_numbers"),
        ("the same twice", "merge", ["1", "1"], ["大"], {}, "grid.edit_numbers"),
        ("of two communities", "merge", ["1", "3"], ["大"], {}, "grid.edit_communities"),
        ("an unknown grid", "merge", ["1", "nine"], ["大"], {}, "grid.not_found"),
        ("a line for a merge", "merge", ["1", "2"], ["大"], SPLIT, "input.invalid"),
        ("a split without a line", "split", ["1"], ["西", "东"], {}, "input.invalid"),
        ("no datum", "split", ["1"], ["西", "东"], {**SPLIT, "datum": None}, "input.invalid"),
        ("a redraw without polygons", "redraw", ["1"], ["大"], {}, "input.invalid"),
        ("over the neighbour", "redraw", ["1"], [TOO_LARGE], {}, "grid.edit_overlap"),
        ("ground without a grid", "redraw", ["1"], [TOO_SMALL], {}, "grid.edit_gap"),
        ("a worker from elsewhere", "split", ["1"], ["西", {"name": "东", "workers": ["nobody"]}], SPLIT, "person.not_found"),
    ],
)  # fmt: skip
def test_what_is_refused_changes_nothing(work, world, street, why, kind, grids, names, more, code):
    known = {"1": world.grid, "2": world.grid_2, "3": world.grid_3}
    answer = street.post("/api/v1/grids/edits", plan(kind, [known.get(one, one) for one in grids], names, **more))
    assert answer.body["code"] == code, (why, answer.body)
    assert street.get("/api/v1/grids/edits").body["items"] == []
    with work() as session:
        assert len(session.scalars(select(Grid)).all()) == 3


def test_a_city_without_counties_and_one_with_draw_alike(work, world, street, client, clock, tick):
    """The town's streets hang directly under the city (L3 is empty). A district between them changes nothing for grids."""
    with work() as session:
        paths = ["441900/441999/", "441900/441999/441999001/", "441900/441999/441999001/441999001001/"]
        levels = ("district", "street", "community")
        for path, level in zip(paths, levels, strict=True):
            *_, parent, code = path.rstrip("/").split("/")
            session.add(Area(code=code, name=code, level=level, parent_code=parent, path=path))
            session.flush()
        session.add(
            Grid(
                code="441999001001001", name="区内网格", community_code="441999001001", area_path=paths[-1],
                shape=from_shape(MultiPolygon([box(113.90, 23.01, 113.91, 23.02)]), srid=4326),
            )
        )  # fmt: skip
        dispatcher = user_of(session, "street_dispatcher")
        dispatcher.grants[0].area_code, dispatcher.grants[0].area_path = "441900", "441900/"
    for grid, west in (("441999001001001", 113.90), (world.grid, 113.74)):
        line = {"type": "LineString", "coordinates": [[west + 0.005, 23.0099], [west + 0.005, 23.0201]]}
        edit = published(street, plan("split", [grid], ["西", "东"], line=line))
        assert [one["code"][:12] for one in edit["new"]] == [grid[:12]] * 2
    clock.set(f"{DAY} 00:05")
    assert tick()["transfers"]["edits"] == 2
