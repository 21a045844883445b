"""What a step sets going beside the lead: other leads, packages, tasks, word to people, reminders, hints."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from gridwatch.db.base import new_id
from gridwatch.entities.models import Entity
from gridwatch.jobs.service import run_all
from gridwatch.leads.hints import metres_between
from gridwatch.leads.models import Lead, Watch
from gridwatch.leads.verifying import broken_leads
from gridwatch.notices.models import Notice
from gridwatch.tasks.models import Task
from tests.fixtures import Clock, Work, World
from tests.leads.desks import Desk, duty
from tests.leads.roads import Road

Seat = Callable[[str], Desk]
CD, CH, SD, SO, LG, DL = (
    "community_dispatcher", "community_handler", "street_dispatcher", "supervision_office", "leading_group", "department_leader",
)  # fmt: skip


@pytest.fixture
def road(desk: Seat, world: World, clock: Clock, reported: Callable[..., str]) -> Road:
    return Road(desk, world, clock, reported)


@pytest.fixture
def tick(app: Flask, clock: Clock) -> Callable[[], None]:
    def once() -> None:
        with app.app_context():
            did = run_all(clock.now())
        assert not [one for one in did.values() if "error" in one], did

    return once


def open_tasks(work: Work, lead: str) -> list[str]:
    with work() as session:
        return list(session.scalars(select(Task.kind).where(Task.lead_id == lead, Task.closed_at.is_(None))))


# -- packages ----------------------------------------------------------------------------------------------------------


def test_a_package_is_the_same_bytes_and_says_nothing_of_the_reporter(road: Road, work: Work, clock: Clock) -> None:
    road.to_street()
    path = f"/api/v1/leads/{road.lead}/package"
    street = road.seat(SD).caller
    assert (street.get(path).status, street.get(path).body["code"]) == (404, "lead.no_package")
    made = street.post(path).body
    clock.advance(minutes=5)
    assert road.seat(SO).caller.post(path).body == made  # nothing has happened since: the same package
    got = road.seat(LG).caller.get(path)
    assert hashlib.sha256(got.response.data).hexdigest() == made["sha256"] == got.headers["ETag"].strip('"')
    told = json.loads(got.response.data)
    assert told["lead"]["version"] == made["version"] == road.seen["version"]
    assert [one["act"] for one in told["timeline"]] == ["submit", "accept", "submit_up"]
    assert told["evidence"] == road.seen["evidence"]
    assert road.world.people["grid_worker"] not in got.response.data.decode()
    road.does(SD, "push", **road.push)
    later = street.post(path).body
    assert later["sha256"] != made["sha256"]
    assert street.get(f"{path}?sha256={made['sha256']}").response.data == got.response.data  # what was handed out stays
    assert street.get(path).headers["ETag"].strip('"') == later["sha256"]


@pytest.mark.parametrize("who", ["case_officer", "grid_worker", CD, "auditor", "street_dispatcher_of_nowhere"])
def test_packages_are_for_who_hands_them_over(who: str, road: Road) -> None:
    road.to_department()
    path = f"/api/v1/leads/{road.lead}/package"
    caller = road.seat("administrator" if who.endswith("nowhere") else who).caller
    for answer in (caller.post(path), caller.get(path)):
        assert (answer.status, answer.body["code"]) == (404, "lead.not_found")
    assert road.seat(LG).caller.post(path).status == 404  # reads it, and makes none


def test_the_package_of_another_lead_does_not_do(road: Road) -> None:
    other = Road(road.seat, road.world, road.clock, road.reported)
    other.to_street()
    package = other.package(SD)
    road.to_street()
    answer = road.seat(SD).tries(road.lead, "transfer_peer", district="东城", package=package, reason="已迁往")
    assert (answer.status, answer.body["facts"]["guard"]) == (422, "package_was_exported")


# -- other leads -------------------------------------------------------------------------------------------------------


def test_a_merge_counts_on_the_master_and_comes_back(road: Road, work: Work) -> None:
    road.to_community()
    master = road.other()
    before = road.seat(SO).sees(master)
    road.does(CD, "merge", master=master, reason="同一店铺")
    merged, after = road.seen, road.seat(SO).sees(master)
    assert (merged["state"], merged["master_id"], merged["outcome"]) == ("merged", master, "duplicate")
    assert (after["reports"], after["version"]) == (2, before["version"] + 1)
    assert after["obligations"] == before["obligations"]  # the master's clocks do not move
    road.does(SD, "unmerge", reason="不是同一家")
    again = road.seen
    assert (again["state"], again["master_id"], road.seat(SO).sees(master)["reports"]) == ("community", None, 1)
    handle = [one for one in again["obligations"] if one["kind"] == "c_handle"]
    assert [one["verdict"] for one in handle] == ["superseded", "open"]  # the old row is history and counts nowhere
    assert handle[0]["due_on"] == handle[1]["due_on"]
    with work() as session:
        assert list(broken_leads(session)) == []


def test_a_lead_out_of_reach_cannot_be_merged_into(road: Road, work: Work) -> None:
    road.to_reported()
    other = road.other()
    with work() as session:
        lead = session.get_one(Lead, other)
        lead.area_path = road.world.path(road.world.community_2)
    answer = road.seat(CD).tries(road.lead, "merge", master=other, reason="同一店铺")
    assert (answer.status, answer.body["facts"]["guard"]) == (422, "other_lead_is_known")


def test_links_stand_on_both_sides(road: Road) -> None:
    road.to_department()
    other = road.other()
    road.does(SO, "link_related", lead=other)
    assert road.seen["related"] == [other]
    assert road.seat(SO).sees(other)["related"] == [road.lead]


def test_a_correction_names_an_entity_that_exists(road: Road) -> None:
    road.to_community()
    answer = road.seat(CD).tries(road.lead, "correct", entity_id="nobody", reason="主体有误")
    assert (answer.status, answer.body["facts"]["guard"]) == (422, "entity_is_known")


# -- tasks -------------------------------------------------------------------------------------------------------------


def test_a_recheck_lives_as_long_as_its_duty(road: Road, work: Work) -> None:
    road.to_noticed()
    assert open_tasks(work, road.lead) == ["recheck"]
    road.does(SO, "ask_shelve", reason="拆迁", review_on="2026-10-20")
    road.does(LG, "shelve")
    assert open_tasks(work, road.lead) == ["recheck"]  # RECHECK runs on while it is shelved (ruling R23)
    road.does(SO, "review", finding="继续")
    road.does(CD, "submit_up", exceeds_authority=True, ground="refuses", reason="拒不整改",
              proposed_department=road.world.department)  # fmt: skip
    assert duty(road.seen, "recheck")["verdict"] == "cancelled"
    assert open_tasks(work, road.lead) == []


def test_a_recheck_is_ordered_again_when_a_merge_is_undone(road: Road, work: Work) -> None:
    road.to_noticed()
    due = duty(road.seen, "recheck")["due_on"]
    road.does(CD, "merge", master=road.other(), reason="同一店铺")
    assert open_tasks(work, road.lead) == []
    road.does(SD, "unmerge", reason="不是同一家")
    with work() as session:
        (task,) = session.scalars(select(Task).where(Task.lead_id == road.lead, Task.closed_at.is_(None)))
        assert (task.kind, task.due_on.isoformat()) == ("recheck", due)


# -- word to people ------------------------------------------------------------------------------------------------------


def told(work: Work, world: World, **columns: str) -> set[str]:
    names = {user: username for username, user in world.people.items()}
    with work() as session:
        return {names[one.recipient_id] for one in session.scalars(select(Notice).filter_by(**columns))}


def test_a_late_ruling_proposes_an_excuse_to_the_office(road: Road, work: Work, clock: Clock) -> None:
    road.to_pending()
    intervene = road.obligation("intervene")
    clock.set("2026-09-28 09:00")
    road.does(SO, "refuse_return", ruling_no="裁5", reason="属你部门")
    assert told(work, road.world, about=intervene, stage="EXCUSE") == {SO}
    assert duty(road.seen, "intervene")["verdict"] == "overdue"  # the fact stays


def test_only_the_departments_that_a_step_is_about_hear_of_it(road: Road, work: Work, clock: Clock) -> None:
    road.to_assisted()
    with work() as session:
        session.query(Notice).delete()
    road.does(SD, "waive_assist", reason="不需要")
    assert told(work, road.world, kind="step") == {"department_receiver_2"}


def test_whoever_confirms_a_change_of_lead_may_add_the_ruling(road: Road) -> None:
    road.to_department()
    road.does(SD, "ask_change_of_lead", **road.push_2, old_lead="returned", reason="权责调整")
    (entry,) = [one for one in road.seen["allowed"] if one["act"] == "change_lead"]
    assert [one["name"] for one in entry["fields"]] == ["consent", "ruling_no"]
    bare = road.seat(SO).tries(road.lead, "change_lead")
    assert (bare.status, bare.body["facts"]["guard"]) == (409, "consent_or_ruling")
    road.does(SO, "change_lead", ruling_no="裁6")
    units = {one["department"]: (one["role"], one["state"]) for one in road.seen["assignments"]}
    assert units == {road.world.department: ("lead", "returned"), road.world.department_2: ("lead", "pushed")}


# -- clocks --------------------------------------------------------------------------------------------------------------


def test_an_excused_duty_is_reminded_of_no_more_and_stays_open(
    road: Road, work: Work, clock: Clock, tick: Callable[[], None]
) -> None:
    road.to_late()
    tick()
    late = road.obligation("intervene")
    assert told(work, road.world, about=late, stage="B1") != set()
    road.does(SO, "excuse", obligation=late, reason="台风停工", evidence=["d" * 64])
    clock.set("2026-10-20 09:00")
    tick()
    with work() as session:
        stages = set(session.scalars(select(Notice.stage).where(Notice.about == late)))
        assert session.get_one(Watch, late).next_on == date.max
    assert stages == {"W2", "W0", "B1"}  # and no B5, whose day has come
    assert duty(road.seen, "intervene")["verdict"] == "overdue"


def test_the_fast_lane_reminds_by_the_hour_until_it_is_dispatched(
    road: Road, work: Work, clock: Clock, tick: Callable[[], None]
) -> None:
    clock.set("2026-09-19 22:00")  # a Saturday night
    road.to_fast_lane()
    lane = road.obligation("triage_s")
    for at in ("23:59", "00:01", "02:01"):
        clock.set(f"2026-09-{20 if at < '12' else 19} {at}")
        tick()
    with work() as session:
        stages = session.scalars(select(Notice.stage).where(Notice.about == lane, Notice.sent_at.is_not(None))).all()
    assert sorted(set(stages)) == ["H0", "H2"]
    road.does(SD, "push", **road.push)
    assert duty(road.seen, "triage_s")["verdict"] == "met_late"
    assert duty(road.seen, "triage_s")["late"]["zh"] == "逾期不足1个工作日"


# -- hints ---------------------------------------------------------------------------------------------------------------


def test_two_reports_of_one_place_are_proposed_as_one(road: Road, clock: Clock) -> None:
    here: dict[str, Any] = {"lon": 113.745, "lat": 23.015, "address_text": "鸿福路1号"}
    road.to_reported(**here)
    same = road.reported(lon=113.7453, lat=23.0152, address_text="一号铺")  # some 40 m away
    address = road.reported(lon=113.748, lat=23.018, address_text="鸿福路1号")
    road.reported(lon=113.7456, lat=23.0155, address_text="另一处")  # some 80 m away
    road.reported(**here, category="XS01")
    found = {one["id"]: one["why"] for one in road.seat(CD).sees(road.lead)["hints"]["duplicates"]}
    assert found == {same: ["near"], address: ["address"]}
    assert road.seat("grid_worker").sees(road.lead)["hints"] == {"duplicates": [], "reopen": []}


def test_a_closed_lead_is_remembered_for_ninety_days(road: Road, clock: Clock) -> None:
    road.to_street()
    road.does(SD, "close_without_push", outcome="unfounded", reason="查无实据")
    closed = road.lead
    clock.advance(days=89)
    road.to_reported()
    assert [one["id"] for one in road.seat(CD).sees(road.lead)["hints"]["duplicates"]] == [closed]
    clock.advance(days=2)
    assert road.seat(CD).sees(road.lead)["hints"]["duplicates"] == []


def test_ten_newest_are_proposed_and_none_of_them_hides_a_closed_one_of_the_same_entity(
    road: Road, work: Work, world: World, clock: Clock
) -> None:
    shop = a_shop(work, world)
    road.to_community(entity_id=shop)
    road.does(
        CD, "submit_up", exceeds_authority=True, ground="permit_authority", reason="许可属部门", proposed_department=world.department
    )  # fmt: skip
    road.does(SD, "close_without_push", outcome="unfounded", reason="查无实据")
    closed = road.lead
    others = []
    for _ in range(12):
        clock.advance(minutes=1)
        others.append(road.reported(entity_id=shop))
    clock.advance(minutes=1)
    road.to_reported(entity_id=shop)
    hints = road.seat(CD).sees(road.lead)["hints"]
    assert [one["id"] for one in hints["duplicates"]] == others[:1:-1]
    assert [one["id"] for one in hints["reopen"]] == [closed]


def a_shop(work: Work, world: World) -> str:
    with work() as session:
        row = Entity(
            id=new_id(), code="E-1", name="便利店", permit_sectors=[], address_text="鸿福路88号", street_code=world.street,
            area_path=world.path(world.community), grid_code=world.grid,
        )  # fmt: skip
        session.add(row)
        return row.id


def test_fifty_metres_are_fifty_metres() -> None:
    here = Lead(lon=113.745, lat=23.015)
    assert metres_between(here, Lead(lon=113.745, lat=23.015 + 50 / 111_195)) == pytest.approx(50, abs=0.1)
    assert metres_between(here, Lead(lon=113.745 + 50 / 111_195 / 0.92041, lat=23.015)) == pytest.approx(50, abs=0.1)
