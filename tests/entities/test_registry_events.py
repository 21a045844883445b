"""Events of the register: each once, in any order, with its consequences for the entity and its first check."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

import pytest
from sqlalchemy import func, select

from gridwatch.areas.models import Area
from gridwatch.audit.models import Event
from gridwatch.calendars.service import NoticeDay, import_days
from gridwatch.db.feed import FeedRow
from gridwatch.domain.worktime import DayKind
from gridwatch.entities.models import Entity, PermitRule, RegistryEvent
from gridwatch.places.models import Address
from gridwatch.tasks.models import Task

URL = "/api/v1/registry/events"


@pytest.fixture
def town(work, world):
    """The town with a permit table and two standard addresses, one of them in a known grid."""
    with work() as session:
        session.add(PermitRule(sector="食品经营", permit="食品经营许可", scope_pattern="餐饮", hazard=5))
        common = {
            "street_code": world.street,
            "community_code": world.community_2,
            "area_path": world.path(world.community_2),
        }
        session.add(Address(code="A1", text="元美路1号", grid_code=world.grid_3, **common))
        session.add(Address(code="A2", text="元美路2号", **common))
    return world


@pytest.fixture
def register(client, town):
    """Sends events as the owner of the platform does."""
    owner = client.as_("platform_owner")

    def send(body: Any):
        return owner.post(URL, body)

    return send


def new(**changes: Any) -> dict[str, Any]:
    event = {
        "event_id": "ev-1", "kind": "new", "code": "E1", "occurred_on": "2026-09-18", "name": "一号店", "scope": "餐饮服务",
        "street_code": "441900004", "address_text": "鸿福路1号", "lon": 113.745, "lat": 23.015, "datum": "WGS84",
    }  # fmt: skip
    return {name: value for name, value in {**event, **changes}.items() if value is not None}


def result_of(answer) -> dict[str, Any]:
    assert answer.status == 200, answer.body
    (result,) = answer.body["results"]
    return result


# --- a new entity ----------------------------------------------------------------------------------------------------


def test_a_new_entity_is_routed_and_gets_one_first_check(register, town, work):
    result = result_of(register(new()))
    assert (result["outcome"], result["grid_code"], result["routed_by"]) == ("created", town.grid, "point")
    # Nobody has loaded a calendar: Mon–Fri without the statutory days, 25 September and the first days of October.
    assert result["due_on"] == "2026-10-07"
    with work() as session:
        task = session.get_one(Task, result["task_id"])
        assert (task.kind, task.state, task.grid_code) == ("first_check", "issued", town.grid)
        assert (task.items, task.provisional) == (["RG01", "RG02", "RG03"], True)
        assert (task.title, task.address_text, task.source_id) == ("首检：一号店", "鸿福路1号", "ev-1")
        documents = {
            row.kind: (row.scope, json.loads(row.doc))
            for row in session.scalars(select(FeedRow).where(FeedRow.kind.in_(["entity", "task"])))
        }
        acts = session.scalars(select(Event.act).where(Event.chain == town.community).order_by(Event.no)).all()
    scope, entity = documents["entity"]
    assert (scope, entity["id"], entity["permit_sectors"]) == (f"grid:{town.grid}", result["entity_id"], ["食品经营"])
    scope, task = documents["task"]
    assert (scope, task["entity_id"], task["due_on"]) == (f"grid:{town.grid}", result["entity_id"], "2026-10-07")
    assert (task["task_kind"], task["form"], task["attempts"]) == ("first_check", "RG01@1+RG02@1+RG03@1", [])
    assert acts[-2:] == ["registry.new", "task.planned"]


@pytest.mark.parametrize(
    ("what", "changes", "grid", "routed_by"),
    [
        ("by address, whatever the point says", {"address_code": "A1"}, "441900004005001", "address"),
        ("by point where the address knows no grid", {"address_code": "A2"}, "441900004003001", "point"),
        ("by point alone", {}, "441900004003001", "point"),
        ("by nobody: no point", {"lon": None, "lat": None, "datum": None}, None, ""),
        ("by nobody: outside every grid", {"lon": 113.9}, None, ""),
    ],
)
def test_the_order_of_routing(register, what: str, changes: dict[str, Any], grid: str | None, routed_by: str):
    result = result_of(register(new(**changes)))
    assert (result["grid_code"], result["routed_by"]) == (grid, routed_by), what


def test_the_due_day_counts_from_the_day_of_the_event(register, work, clock):
    """domain.md §4c, worked case 7: a registration of 2026-02-12 is due on 2026-03-04, over the Spring Festival."""
    holiday = [date(2026, 2, day) for day in range(15, 24)]
    makeup = [date(2026, 2, 14), date(2026, 2, 28)]
    days = [NoticeDay(day, DayKind.HOLIDAY, "春节", 2026) for day in holiday]
    days += [NoticeDay(day, DayKind.MAKEUP, "春节", 2026) for day in makeup]
    with work() as session:
        import_days(session, days, source="国办发明电〔2025〕7号", actor_id="system", at=clock.now())
    result = result_of(register(new(occurred_on="2026-02-12")))
    assert result["due_on"] == "2026-03-04"


def test_an_entity_that_has_ended_already_is_kept_and_not_visited(register, work):
    register(new())
    result = result_of(
        register({"event_id": "ev-2", "kind": "deregistered", "code": "E1", "occurred_on": "2026-09-18"})
    )
    assert (result["outcome"], result["task_id"]) == ("changed", None)
    with work() as session:
        assert session.execute(select(Task.state, Task.close_code)).all() == [("superseded", "entity_gone")]
        assert session.scalar(select(Entity.status)) == "deregistered"
        assert set(session.scalars(select(FeedRow.op).where(FeedRow.kind.in_(["entity", "task"])))) == {"leave"}


# --- once ------------------------------------------------------------------------------------------------------------


def test_the_same_event_again_changes_nothing(register, work):
    first = result_of(register(new()))
    second = result_of(register(new()))
    assert second == {**first, "outcome": "duplicate"}
    with work() as session:
        for model in (Entity, Task, RegistryEvent):
            assert session.scalar(select(func.count()).select_from(model)) == 1, model


def test_the_same_event_id_with_other_content_is_refused(register, work):
    register(new())
    answer = register(new(name="二号店"))
    assert (answer.status, answer.body["code"]) == (409, "registry.event_reused")
    assert answer.body["facts"] == {"event_id": "ev-1"}
    with work() as session:
        assert session.scalar(select(Entity.name)) == "一号店"


def test_a_taken_code_is_not_new(register):
    register(new())
    answer = register(new(event_id="ev-2"))
    assert (answer.status, answer.body["code"]) == (409, "registry.entity_known")


def test_a_list_is_answered_one_by_one(register, work):
    answer = register(
        [
            new(),
            new(event_id="ev-2", code="E2", lon=23.015, lat=113.745),
            {"event_id": "ev-3", "kind": "party", "code": "E3", "occurred_on": "yesterday"},
            "no event at all",
            new(),
            new(event_id="ev-4", code="E4"),
        ]
    )
    assert answer.status == 200
    outcomes = [(one["event_id"], one["outcome"]) for one in answer.body["results"]]
    assert outcomes == [
        ("ev-1", "created"), ("ev-2", "refused"), ("ev-3", "refused"), (None, "refused"), ("ev-1", "duplicate"),
        ("ev-4", "created"),
    ]  # fmt: skip
    swapped, malformed, text, *_ = [one["problem"] for one in answer.body["results"] if one["problem"]]
    assert (swapped["code"], swapped["status"]) == ("place.swapped", 422)
    assert malformed["code"] == text["code"] == "input.invalid"
    assert {one["path"] for one in malformed["facts"]["fields"]} == {"kind", "occurred_on"}
    with work() as session:
        assert session.scalars(select(Entity.code).order_by(Entity.code)).all() == ["E1", "E4"]


def test_events_may_stand_in_an_object(register):
    assert [one["outcome"] for one in register({"events": [new()]}).body["results"]] == ["created"]
    assert register({"events": []}).body == {"results": []}


# --- changes ---------------------------------------------------------------------------------------------------------


def test_another_address_is_another_first_check(register, town, work, clock):
    first = result_of(register(new()))
    clock.set("2026-10-12 10:00")
    moved = {
        "event_id": "ev-2",
        "kind": "address",
        "code": "E1",
        "occurred_on": "2026-10-12",
        "address_text": "元美路1号",
        "address_code": "A1",
    }
    second = result_of(register(moved))
    assert (second["outcome"], second["grid_code"], second["routed_by"]) == ("changed", town.grid_3, "address")
    assert second["task_id"] != first["task_id"]
    with work() as session:
        old = session.get_one(Task, first["task_id"])
        assert (old.state, old.close_code) == ("superseded", "entity_moved")
        entity = session.scalars(select(Entity)).one()
        assert (entity.lon, entity.address_code, entity.area_path) == (None, "A1", town.path(town.community_2))
        held = session.execute(
            select(FeedRow.scope, FeedRow.op).where(FeedRow.kind == "entity").order_by(FeedRow.scope)
        )
        assert held.all() == [(f"grid:{town.grid}", "leave"), (f"grid:{town.grid_3}", "put")]
    assert result_of(register(moved))["task_id"] == second["task_id"]


def test_another_scope_is_asked_at_the_door(register, work):
    first = result_of(register(new(scope="销售日用品")))
    changed = result_of(
        register({"event_id": "ev-2", "kind": "scope", "code": "E1", "occurred_on": "2026-09-18", "scope": "餐饮服务"})
    )
    assert changed["outcome"] == "changed"
    with work() as session:
        task = session.get_one(Task, first["task_id"])
        assert (task.items, task.rev, task.duty_rev) == (["RG01", "RG02", "RG03"], 2, 2)


def test_details_that_are_known_already_change_nothing(register, work):
    register(new())
    result = result_of(
        register({"event_id": "ev-2", "kind": "details", "code": "E1", "occurred_on": "2026-09-18", "name": "一号店"})
    )
    assert result["outcome"] == "unchanged"
    with work() as session:
        assert session.scalar(select(Entity.rev)) == 1
        assert session.scalar(select(func.count()).select_from(RegistryEvent)) == 2  # the id is used all the same


# --- bad input -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("what", "changes", "status", "code"),
    [
        ("a code that fails its check", {"uscc": "914419001980424162"}, 422, "entity.uscc_invalid"),
        ("a point whose datum nobody states", {"datum": None}, 422, "place.datum_unstated"),
        ("an unknown datum", {"datum": "Mars"}, 422, "place.datum_unknown"),
        ("swapped", {"lon": 23.015, "lat": 113.745}, 422, "place.swapped"),
        ("abroad", {"lon": 2.35, "lat": 48.85}, 422, "place.outside_china"),
        ("half a point", {"lat": None}, 422, "place.point_incomplete"),
        ("no name", {"name": None}, 422, "registry.incomplete"),
        ("no address", {"address_text": None}, 422, "registry.incomplete"),
        ("no street", {"street_code": None}, 404, "area.not_found"),
        ("an unknown street", {"street_code": "441900099"}, 404, "area.not_found"),
        ("a community as street", {"street_code": "441900004003"}, 404, "area.not_found"),
        ("an unknown address", {"address_code": "A9"}, 404, "address.not_found"),
        ("tomorrow", {"occurred_on": "2026-09-19"}, 422, "registry.day_in_future"),
        ("before the calendar", {"occurred_on": "1999-12-31"}, 422, "calendar.day_outside"),
        ("no such day", {"occurred_on": "2026-02-30"}, 422, "input.invalid"),
        ("an unknown kind", {"kind": "merged"}, 422, "input.invalid"),
        ("a member that nobody knows", {"adress_text": "x"}, 422, "input.invalid"),
        ("a name without end", {"name": "字" * 121}, 422, "input.invalid"),
        ("a NUL", {"name": "a\0b"}, 422, "input.invalid"),
        ("an entity that nobody knows", {"kind": "scope"}, 404, "entity.not_found"),
    ],
)
def test_a_bad_event_is_refused_and_nothing_is_written(
    register, work, what: str, changes: dict[str, Any], status: int, code: str
):
    answer = register(new(**changes))
    assert (answer.status, answer.body["code"]) == (status, code), what
    with work() as session:
        for model in (Entity, Task, RegistryEvent):
            assert session.scalar(select(func.count()).select_from(model)) == 0, what


@pytest.mark.parametrize(
    ("uscc", "kind", "warnings"),
    [
        ("914419001980424161", "valid", []),
        ("91441900ma4wjw7n0x".upper(), None, []),
        ("９１４４１９００１９８０４２４１６１", "valid", ["uscc.width_folded"]),
        ("110000000000017", "legacy_15", None),
        ("", "none", []),
        (None, "none", []),
    ],
)
def test_codes_are_checked_and_what_was_odd_is_said(
    register, work, uscc: str | None, kind: str | None, warnings: list | None
):
    answer = register(new(uscc=uscc))
    if kind is None:
        assert answer.body["code"] == "entity.uscc_invalid"
        return
    result = result_of(answer)
    if warnings is not None:
        assert [one["code"] for one in result["warnings"]] == warnings
    else:
        assert "uscc.legacy_15" in [one["code"] for one in result["warnings"]]
    with work() as session:
        assert session.scalar(select(Entity.uscc_kind)) == kind


# --- who may, and who sees -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("who", ["grid_worker", "street_dispatcher", "administrator", "case_officer"])
def test_only_the_owner_of_the_platform_takes_in_events(client, town, who: str):
    answer = client.as_(who).post(URL, new())
    assert (answer.status, answer.body["code"]) == (403, "auth.forbidden")
    assert answer.body["facts"] == {"wanted": ["platform_owner"]}


def test_nobody_takes_in_events_of_another_city(register, work):
    with work() as session:
        session.add(Area(code="440300", name="深圳市", level="city", path="440300/"))
        session.flush()
        session.add(
            Area(code="440300001", name="别的街道", level="street", parent_code="440300", path="440300/440300001/")
        )
    answer = register(new(street_code="440300001"))
    assert (answer.status, answer.body["code"]) == (404, "area.not_found")


@pytest.mark.parametrize(
    ("who", "status"),
    [
        ("grid_worker", 200), ("grid_worker_2", 404), ("community_dispatcher", 200), ("community_dispatcher_2", 404),
        ("street_dispatcher", 200), ("platform_owner", 200), ("case_officer", 404), ("security_officer", 404),
    ],
)  # fmt: skip
def test_an_entity_is_seen_within_reach_and_does_not_exist_outside(client, register, who: str, status: int):
    entity_id = result_of(register(new()))["entity_id"]
    answer = client.as_(who).get(f"/api/v1/entities/{entity_id}")
    assert answer.status == status
    if status == 404:
        assert answer.body["code"] == "entity.not_found"
    else:
        assert (answer.body["name"], answer.body["lon"], answer.body["datum"]) == ("一号店", 113.745, "WGS84")


def test_lists_of_entities_page_and_filter(client, register, town):
    register([new(event_id=f"ev-{n}", code=f"E{n}", lon=113.745 if n < 3 else 113.755) for n in range(5)])
    dispatcher = client.as_("street_dispatcher")
    first = dispatcher.get("/api/v1/entities?limit=3").body
    second = dispatcher.get(f"/api/v1/entities?limit=3&cursor={first['next_cursor']}").body
    assert [one["code"] for one in first["items"] + second["items"]] == ["E0", "E1", "E2", "E3", "E4"]
    assert [one["code"] for one in dispatcher.get(f"/api/v1/entities?grid={town.grid_2}").body["items"]] == ["E3", "E4"]
    assert dispatcher.get("/api/v1/entities?cursor=nonsense").body["code"] == "input.cursor"
