"""A campaign from its order to its end: targets by area and tag, ticked off one by one, figures for each grid."""

from __future__ import annotations

from datetime import date

import pytest
from sqlalchemy import func, select

from gridwatch.calendars.queries import current_calendar
from gridwatch.db.feed import FeedRow
from gridwatch.domain.permits import Actor, Grant, Role
from gridwatch.entities.models import PermitRule
from gridwatch.entities.service import RegistryNotice
from gridwatch.jobs.work import make_campaign_targets
from gridwatch.people.models import User
from gridwatch.tasks.intake import take_in_many
from gridwatch.tasks.models import Task
from gridwatch.tasks.registration import take_in
from gridwatch.tasks.service import VisitReport, submit_visit
from tests.fixtures import user_of

URL = "/api/v1/campaigns"
FOUND = {"result": "done", "findings": [{"item": "RG01", "occupancy": "registered_entity", "match": "exact"}]}


@pytest.fixture
def owner(world) -> Actor:
    return Actor("owner", "平台", (Grant(Role.PLATFORM_OWNER, world.path(world.city)),))


@pytest.fixture
def town(work, world, clock, owner):
    """Two restaurants and a shop in the first grid, a restaurant next door, one that nobody can place."""
    places = [("E1", 113.745, "餐饮服务"), ("E2", 113.745, "餐饮服务"), ("E3", 113.745, "图书零售"), ("E4", 113.755, "餐饮服务"),
              ("E5", None, "餐饮服务")]  # fmt: skip
    notices = [
        RegistryNotice(
            event_id=f"ev-{code}", kind="new", code=code, occurred_on=clock.today(), name=f"{code}号店", scope=scope,
            street_code=world.street, address_text=f"鸿福路{code}号", lon=lon, lat=lon and 23.015, datum=lon and "WGS84",
        )
        for code, lon, scope in places
    ]  # fmt: skip
    with work() as session:
        session.add(PermitRule(sector="食品经营", permit="食品经营许可", scope_pattern="餐饮", hazard=5))
        session.flush()
        take_in_many(session, notices, current_calendar(session), actor=owner, now=clock.now(), today=clock.today())
    return world


def order(client, who: str = "supervision_office", path: str = "", **changes):
    body = {
        "area_code": "441900004", "name": "餐饮燃气安全", "basis": "南城办〔2026〕9号", "items": ["RG01"], "sector": "食品经营",
        "from_on": "2026-09-18", "due_on": "2026-10-30", **changes,
    }  # fmt: skip
    return client.as_(who).post(URL + path, body)


def tick(app, clock) -> dict[str, int]:
    with app.app_context():
        return make_campaign_targets(clock.now())


@pytest.fixture
def campaign(client, town, app, clock) -> str:
    """The campaign with its targets made: its id."""
    answer = order(client)
    assert answer.status == 201, answer.body
    assert tick(app, clock)["targets"] == 4
    return answer.body["id"]


def targets(work) -> dict[str, Task]:
    with work() as session:
        found = {task.title[-4:-2]: task for task in session.scalars(select(Task).where(Task.kind == "campaign"))}
        session.expunge_all()
    return found


def test_a_preview_says_what_an_order_would_mean_and_writes_nothing(client, town, work):
    preview = order(client, path="/preview").body
    assert preview == {
        "targets": 4,
        "grids": [
            {"grid_code": None, "targets": 1}, {"grid_code": town.grid, "targets": 2}, {"grid_code": town.grid_2, "targets": 1},
        ],
    }  # fmt: skip
    with work() as session:
        assert session.scalar(select(func.count()).select_from(Task).where(Task.kind == "campaign")) == 0


def test_the_targets_are_tasks_on_phones_due_on_the_day_of_the_order(campaign, work, town, app, clock):
    found = targets(work)
    assert {code: (task.grid_code, task.state) for code, task in found.items()} == {
        "E1": (town.grid, "issued"), "E2": (town.grid, "issued"), "E4": (town.grid_2, "issued"), "E5": (None, "planned"),
    }  # fmt: skip
    one = found["E1"]
    assert (one.items, one.due_on, one.campaign_id) == (["RG01"], date(2026, 10, 30), campaign)
    with work() as session:
        assert session.scalar(select(FeedRow.scope).where(FeedRow.doc_id == one.id)) == f"grid:{town.grid}"
    assert tick(app, clock) == {"grids": 0, "targets": 0}, "made once"


def test_who_comes_later_is_no_target(campaign, work, app, clock, owner, town):
    notice = RegistryNotice(
        event_id="ev-E9", kind="new", code="E9", occurred_on=clock.today(), name="E9号店", scope="餐饮服务", street_code=town.street,
        address_text="鸿福路9号", lon=113.745, lat=23.015, datum="WGS84",
    )  # fmt: skip
    with work() as session:
        take_in(session, notice, current_calendar(session), actor=owner, now=clock.now(), today=clock.today())
    assert tick(app, clock)["targets"] == 0


def test_a_campaign_of_another_day_waits_for_it(client, town, app, clock):
    order(client, from_on="2026-09-21")
    assert tick(app, clock) == {"grids": 0, "targets": 0}
    clock.set("2026-09-21 00:05")
    assert tick(app, clock)["targets"] == 4


def test_targets_are_ticked_off_with_their_results_and_the_figures_follow(campaign, client, work, town, clock, owner):
    """The story: one is visited, one moves away, one is ticked off by the desk, one is routed and found closed, twice."""
    found = targets(work)
    visited(work, town, clock, found["E1"].id, FOUND)
    moved = RegistryNotice(
        event_id="ev-gone", kind="deregistered", code="E2", occurred_on=clock.today(),
    )  # fmt: skip
    with work() as session:
        take_in(session, moved, current_calendar(session), actor=owner, now=clock.now(), today=clock.today())
    desk = client.as_("supervision_office")
    answer = desk.post(f"{URL}/{campaign}/targets/{found['E4'].id}/tick-off", {"result": "已由燃气公司检查"})
    assert (answer.status, answer.body["state"], answer.body["close_code"]) == (200, "cancelled", "ticked_off")
    shown = desk.get(f"{URL}/{campaign}").body
    assert shown["made"] is True
    assert {
        one["grid_code"]: (one["targets"], one["open"], one["closed"], one["results"]) for one in shown["grids"]
    } == {
        None: (1, 1, 0, {}),
        town.grid: (2, 0, 2, {"done": 1, "entity_gone": 1}),
        town.grid_2: (1, 0, 1, {"ticked_off": 1}),
    }
    waiting = desk.post(f"{URL}/{campaign}/close", {"summary": "完成"})
    assert (waiting.status, waiting.body["code"], waiting.body["facts"]) == (409, "campaign.targets_open", {"open": 1})
    client.as_("street_dispatcher").post(f"/api/v1/tasks/{found['E5'].id}/route", {"grid_code": town.grid})
    for at in ("2026-09-21 09:00", "2026-09-22 15:00"):
        clock.set(at)
        visited(work, town, clock, found["E5"].id, {"result": "closed_door"})
    assert targets(work)["E5"].state == "not_done"
    closed = desk.post(f"{URL}/{campaign}/close", {"summary": "检查 4 家，发现 0 起"})
    assert (closed.status, closed.body["state"]) == (200, "closed")
    again = desk.post(f"{URL}/{campaign}/close", {"summary": "再来一次"})
    assert (again.status, again.body["code"]) == (409, "campaign.closed")


def visited(work, town, clock, task_id: str, payload: dict) -> None:
    with work() as session:
        user: User = user_of(session, "grid_worker")
        actor = Actor(user.id, user.name, (Grant(Role.GRID_WORKER),), (town.grid,))
        report = VisitReport(
            id=f"{task_id[:30]}{clock.now():%d%H%M}", task_id=task_id, base_rev=9, device_id="phone-1", performed_at=clock.now(),
            uncertainty_s=1, in_order=True, received_at=clock.now(), item_version=None, payload=payload,
        )  # fmt: skip
        assert submit_visit(session, report, actor=actor, calendar=current_calendar(session)).effect == "accepted"


def test_what_nobody_went_to_is_cancelled_for_a_reason_and_stays_in_the_figures(campaign, client, work, clock):
    desk = client.as_("supervision_office")
    closed = desk.post(f"{URL}/{campaign}/close", {"summary": "台风", "cancel_because": "台风停工"})
    assert closed.status == 200
    assert {task.close_code for task in targets(work).values()} == {"campaign_closed"}
    assert sum(one["results"]["campaign_closed"] for one in desk.get(f"{URL}/{campaign}").body["grids"]) == 4
    one = next(iter(targets(work).values()))
    late = desk.post(f"{URL}/{campaign}/targets/{one.id}/tick-off", {"result": "太晚"})
    assert (late.status, late.body["code"]) == (409, "campaign.closed")


def test_overdue_is_computed(campaign, client, clock):
    clock.set("2026-10-31 09:00")
    grids = client.as_("supervision_office").get(f"{URL}/{campaign}").body["grids"]
    assert sum(one["overdue"] for one in grids) == 4


@pytest.mark.parametrize(
    ("who", "status", "seen"),
    [
        ("street_dispatcher", 200, 4),
        ("community_dispatcher", 200, 3),
        ("community_dispatcher_2", 200, 0),
        ("grid_worker", 404, None),
    ],
)
def test_a_desk_sees_its_own_targets(campaign, client, who, status, seen):
    answer = client.as_(who).get(f"{URL}/{campaign}")
    assert answer.status == status
    if seen is not None:
        assert sum(one["targets"] for one in answer.body["grids"]) == seen
        assert len(client.as_(who).get(f"{URL}/{campaign}/targets?state=open").body["items"]) == seen


def test_a_community_sees_the_campaign_of_the_street_and_cannot_end_it(campaign, client, work):
    desk = client.as_("community_dispatcher")
    assert [one["id"] for one in desk.get(URL).body["items"]] == [campaign]
    answer = desk.post(f"{URL}/{campaign}/close", {"summary": "结束"})
    assert (answer.status, answer.body["code"]) == (403, "auth.forbidden")


@pytest.mark.parametrize(
    ("what", "changes", "status", "code"),
    [
        ("the same name again", {}, 409, "campaign.name_taken"),
        ("before today", {"name": "其他", "from_on": "2026-09-17"}, 422, "campaign.days"),
        ("ends before it begins", {"name": "其他", "due_on": "2026-09-17"}, 422, "campaign.days"),
        ("an item that never was", {"name": "其他", "items": ["RG99"]}, 422, "campaign.items"),
        ("an item that only a lead orders", {"name": "其他", "items": ["RG01", "VF01"]}, 422, "campaign.items"),
        ("no items", {"name": "其他", "items": []}, 422, "input.invalid"),
        ("a tag that nobody has", {"name": "其他", "sector": "网吧"}, 422, "campaign.no_targets"),
        ("an area of others", {"name": "其他", "area_code": "441900"}, 404, "area.not_found"),
        ("no such area", {"name": "其他", "area_code": "999"}, 404, "area.not_found"),
        ("no paper", {"name": "其他", "basis": ""}, 422, "input.invalid"),
    ],
)
def test_an_order_that_cannot_be_is_refused(campaign, client, what, changes, status, code):
    answer = order(client, **changes)
    assert (answer.status, answer.body["code"]) == (status, code), what


@pytest.mark.parametrize("who", ["grid_worker", "community_dispatcher", "case_officer", "auditor"])
def test_who_does_not_order(client, town, who):
    assert order(client, who).status == 403
