"""Areas and departments: reference data, the same for everybody who has signed in."""

from __future__ import annotations

from datetime import date

from gridwatch.areas.models import Department
from gridwatch.areas.queries import department_in_force, prefixes
from tests.fixtures import Caller, World


def test_the_area_tree_parents_first(client: Caller, world: World):
    body = client.as_("grid_worker").get("/api/v1/areas").body
    assert [item["code"] for item in body["items"]] == [world.city, world.street, world.community, world.community_2]
    assert body["items"][2] == {
        "code": world.community, "name": "鸿福社区", "level": "community", "parent_code": world.street,
        "path": "441900/441900004/441900004003/",
    }  # fmt: skip
    assert body["next_cursor"] is None


def test_a_subtree_page_by_page(client: Caller, world: World):
    worker = client.as_("grid_worker")
    codes, query = [], {"under": world.street, "limit": 1}
    while True:
        body = worker.get("/api/v1/areas", query_string=query).body
        codes += [item["code"] for item in body["items"]]
        if body["next_cursor"] is None:
            break
        query["cursor"] = body["next_cursor"]
    assert codes == [world.street, world.community, world.community_2]
    unknown = worker.get("/api/v1/areas", query_string={"under": "999"})
    assert (unknown.status, unknown.body["code"]) == (404, "area.not_found")


def test_prefixes_of_a_path():
    assert prefixes("1/12/123/") == ["1/", "1/12/", "1/12/123/"]
    assert prefixes("1/") == ["1/"]


def test_the_work_of_an_abolished_department_goes_to_its_successor(client: Caller, work, world: World):
    with work() as session:
        for code, until, successor in (
            ("new", None, None),
            ("middle", date(2026, 6, 30), "new"),
            ("old", date(2025, 12, 31), "middle"),
            ("left", date(2025, 12, 31), None),
        ):
            session.add(
                Department(code=code, name=code, area_code=world.street, valid_to=until, successor_code=successor)
            )
            session.flush()
        for code, on, expected in [
            ("old", date(2025, 12, 31), "old"),
            ("old", date(2026, 1, 1), "middle"),
            ("old", date(2026, 7, 1), "new"),
            ("middle", date(2026, 6, 30), "middle"),
            ("left", date(2026, 7, 1), "left"),
        ]:
            assert department_in_force(session, code, on).code == expected
    items = client.as_("auditor").get("/api/v1/departments").body["items"]
    assert [item["code"] for item in items] == sorted(["left", "middle", "new", "old", "NC-SCJG", "NC-YJGL"])
    assert items[-1]["valid_to"] == "2025-12-31"


def test_departments_that_name_each_other_end_somewhere(work, world: World):
    with work() as session:
        for code in ("one", "other"):
            session.add(Department(code=code, name=code, area_code=world.street, valid_to=date(2025, 12, 31)))
        session.flush()
        session.get(Department, "one").successor_code = "other"
        session.get(Department, "other").successor_code = "one"
        session.flush()
        assert department_in_force(session, "one", date(2026, 7, 1)).code in ("one", "other")
