"""Standard addresses: levels and parents, names they have or had, and who is at one, with how sure that is."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import select

from gridwatch.entities.models import Entity, EntityAddress
from gridwatch.exchange.loading import load_folder
from gridwatch.places.models import Address, Grid

HEAD = "code,street_code,community_code,grid_code,road,house_no,building,unit,room,stall\n"
ROAD = "R,441900004,441900004003,441900004003001,鸿福路,,,,,\n"
DOOR = "D,441900004,441900004003,441900004003001,鸿福路,88号,,,,\n"
ROOM = "U,441900004,441900004003,441900004003001,鸿福路,88号,A栋,2单元,301室,\n"
STALL = "S,441900004,441900004003,441900004003001,鸿福路,88号,,,,12号铺\n"


@pytest.fixture
def load(app, clock, world, tmp_path: Path):
    """`load(HEAD + DOOR)`: load a file of addresses."""

    def from_text(text: str) -> dict[str, int]:
        (tmp_path / "addresses.csv").write_text(text, encoding="utf-8")
        with app.app_context():
            outcome = load_folder(tmp_path, now=clock.now())
        assert outcome.written, outcome.report.problems
        counts = outcome.counts["addresses.csv"]
        return {name: getattr(counts, name) for name in ("added", "changed", "unchanged")}

    return from_text


def test_levels_and_parents(load, client):
    assert load(HEAD + ROAD + DOOR + ROOM + STALL)["added"] == 4
    desk = client.as_("community_dispatcher")
    found = {
        one["code"]: (one["level"], one["parent_code"], one["text"])
        for one in desk.get("/api/v1/addresses").body["items"]
    }
    assert found == {
        "R": (6, None, "鸿福社区鸿福路"), "D": (7, "R", "鸿福社区鸿福路88号"), "U": (10, "D", "鸿福社区鸿福路88号A栋2单元301室"),
        "S": (10, "D", "鸿福社区鸿福路88号12号铺"),
    }  # fmt: skip
    assert [one["code"] for one in desk.get("/api/v1/addresses?under=D").body["items"]] == ["S", "U"]
    assert load(HEAD + ROAD + DOOR + ROOM + STALL) == {"added": 0, "changed": 0, "unchanged": 4}
    assert client.as_("community_dispatcher_2").get("/api/v1/addresses/D").status == 404


def test_a_former_name_and_an_alias_still_find_the_address(load, client):
    load(HEAD + DOOR)
    assert load(HEAD + DOOR.replace("鸿福路", "元美东路"))["changed"] == 1
    desk = client.as_("community_dispatcher")
    for _ in range(2):  # the same again gives what is there
        named = desk.post("/api/v1/addresses/D/names", {"text": "好味广场"})
        assert (named.status, named.body["kind"]) == (200, "alias")
    for called in ("鸿福社区鸿福路88号", "鸿福社区鸿福路８８號", "好味 广场", "鸿福社区元美东路88号"):
        assert [
            one["code"] for one in desk.get("/api/v1/addresses", query_string={"called": called}).body["items"]
        ] == ["D"], called
    names = desk.get("/api/v1/addresses/D").body["names"]
    assert [(one["kind"], one["text"], one["until_on"]) for one in names] == [
        ("former", "鸿福社区鸿福路88号", "2026-09-18"), ("alias", "好味广场", None),
    ]  # fmt: skip
    load(HEAD + DOOR.replace("鸿福路", "元美东路") + ROOM)
    taken = desk.post("/api/v1/addresses/U/names", {"text": "好味广场"})
    assert (taken.status, taken.body["code"], taken.body["facts"]["code"]) == (409, "address.name_taken", "D")
    assert client.as_("grid_worker").post("/api/v1/addresses/D/names", {"text": "x"}).status == 404  # not by this role


def test_several_entities_at_one_address_and_one_that_moved_away(load, register, client, work, clock, world):
    load(HEAD + DOOR + ROOM)
    register(event_id="1", code="E1", name="甲公司", address_code="D", address_text="鸿福路88号（集群注册）")
    register(event_id="2", code="E2", name="乙店", address_code="D", address_text="鸿福路88号")
    desk = client.as_("community_dispatcher")

    def there(code: str) -> list[tuple]:
        items = desk.get(f"/api/v1/addresses/{code}/entities").body["items"]
        return [(one["name"], one["source"], one["confidence"], one["shared"]) for one in items]

    assert there("D") == [("甲公司", "register", 100, True), ("乙店", "register", 100, False)]
    register(
        event_id="3",
        code="E2",
        name="乙店",
        kind="address",
        occurred_on="2026-09-16",
        address_code="U",
        address_text="鸿福路88号A栋",
    )
    assert there("D") == [("甲公司", "register", 100, True)]
    assert there("U") == [("乙店", "register", 100, False)]
    with work() as session:
        entity = session.scalars(select(Entity).where(Entity.code == "E2")).one()
        links = session.scalars(select(EntityAddress).where(EntityAddress.entity_id == entity.id)).all()
        assert {(one.address_code, str(one.from_on), one.to_on and str(one.to_on)) for one in links} == {
            ("D", "2026-09-14", "2026-09-15"), ("U", "2026-09-16", None),
        }  # fmt: skip
    register(event_id="4", code="E1", name="甲公司", kind="deregistered", occurred_on="2026-09-17")
    assert there("D") == []
    assert client.as_("community_dispatcher_2").get("/api/v1/addresses/D/entities").status == 404


def test_an_old_file_does_not_bring_an_address_back_into_a_grid_that_has_ended(load, work, world, clock):
    load(HEAD + DOOR)
    with work() as session:
        old = session.get_one(Grid, world.grid)
        old.valid_to, old.successor_code = clock.today(), world.grid_2
        session.get_one(Address, "D").grid_code = world.grid_2
    clock.advance(days=1)
    assert load(HEAD + DOOR + ROOM) == {"added": 1, "changed": 0, "unchanged": 1}
    with work() as session:
        assert {one.code: one.grid_code for one in session.scalars(select(Address))} == {
            "D": world.grid_2,
            "U": world.grid_2,
        }
