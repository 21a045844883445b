"""One market, three departments' worth of trouble: a joint operation, the leading group, the city, and back to a closed case."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy import select

from gridwatch.areas.models import Department
from gridwatch.audit.queries import breaks
from gridwatch.leads.verifying import broken_leads
from gridwatch.notices.models import Notice
from tests.fixtures import Clock, Work, World
from tests.leads.desks import PHOTO, Desk, duty
from tests.leads.roads import Road
from tests.phone import Phone
from tests.stories.conftest import photo

Seat = Callable[[str], Desk]
SO, LG, SD, CD, DO, DL = (
    "supervision_office", "leading_group", "street_dispatcher", "community_dispatcher", "case_officer", "department_leader",
)  # fmt: skip


def test_a_joint_operation_goes_up_to_the_city_and_comes_back(
    world: World, clock: Clock, work: Work, desk: Seat, reported: Callable[..., str], phone: Callable[[str], Phone],
    tick: Callable[[], dict[str, Any]],
) -> None:  # fmt: skip
    road = Road(desk, world, clock, reported)

    # Friday the 18th: a gas hazard in a market. The fast lane skips the community; word goes out at once, at half past seven.
    clock.set("2026-09-18 19:30")
    road.to_fast_lane()
    assert duty(road.seen, "triage_s")["due_at"] == "2026-09-18T13:30:00.000Z"
    tick()
    assert heard(work, world, kind="urgent") == {SD, SO}
    clock.set("2026-09-18 21:31")
    tick()  # two hours are over and nobody has dispatched it
    assert heard(work, world, stage="H0") == {SD, SO}
    assert duty(road.seen, "triage_s")["verdict"] == "overdue"

    # The supervision office pushes it to both departments with a plan for a joint operation.
    clock.set("2026-09-18 21:40")
    road.does(SO, "start_joint", **{**road.plan, **road.push}, assist_departments=[world.department_2])
    assert duty(road.seen, "triage_s")["verdict"] == "met_late"
    assert "joint" in road.seen["flags"]

    # Wednesday: they go there. Attendance is the intervention of both, on the server date of the record.
    clock.set("2026-09-23 16:00")
    road.does(
        SO, "record_attendance", present=[world.department, world.department_2], occurred_on="2026-09-23",
        people="两部门各两人", narrative="查封气瓶二十只", evidence=[PHOTO],
    )  # fmt: skip
    assert states(road) == {world.department: "working", world.department_2: "working"}
    assert {one["verdict"] for one in road.seen["obligations"] if one["kind"] == "intervene"} == {"met"}

    # The operation ends: the assisting department is done, the lead department goes on. `done` only asks; its leader confirms.
    clock.set("2026-09-24 10:00")
    progress = {
        "result": "progress",
        "stage": "rectifying",
        "progress": "气瓶已清走，无证未办",
        "next_step": "督促办证",
    }
    done = {
        "result": "done",
        "outcome": "ceased",
        "entity_after": "已停止储气",
        "evidence": [PHOTO],
        "copies": [world.department],
    }
    road.does(SO, "close_joint", text="清除隐患", results=[
        {"department": world.department, **progress}, {"department": world.department_2, **done},
    ])  # fmt: skip
    assert "joint" not in road.seen["flags"]
    road.does("department_leader_2", "confirm_done")
    assert states(road) == {world.department: "working", world.department_2: "done_claimed"}
    assert duty(road.seen, "feedback", 1)["verdict"] == "met"

    # The landlord refuses everything: up to the leading group, which sends it on to the city with a package on record.
    clock.set("2026-10-12 10:00")
    road.does(SO, "escalate", tried="约谈三次", question="是否报市级取缔")
    clock.set("2026-10-14 10:00")
    package = road.package(SO)
    wrong = desk(SO).tries(road.lead, "ask_escalate_city", package="0" * 64, letter_no="南监〔2026〕1号")
    assert (wrong.status, wrong.body["facts"]["guard"]) == (422, "package_was_exported")
    road.does(SO, "ask_escalate_city", package=package, letter_no="南监〔2026〕1号")
    assert desk(SO).tries(road.lead, "escalate_city").body["code"] == "lead.not_your_desk"
    road.does(LG, "escalate_city")
    above = road.seen
    assert (above["state"], above["level"]) == ("escalated", "city")
    assert {one["state"] for one in above["assignments"]} == {"cancelled"}
    assert [duty(above, "city_follow", k)["due_on"] for k in (1, 2)] == ["2026-11-04", "2026-11-25"]

    # The office follows up once, then the autumn passes; the windows of the follow-up go on by themselves.
    clock.set("2026-11-03 10:00")
    road.does(SO, "follow_up", text="市局已受理")
    clock.set("2026-11-05 09:00")
    tick()
    assert duty(road.seen, "city_follow", 1)["verdict"] == "met"
    assert duty(road.seen, "city_follow", 3)["due_on"] == "2026-12-16"
    clock.set("2026-11-25 09:00")
    tick()
    assert heard(work, world, stage="W0", about=duty(road.seen, "city_follow", 2)["id"]) == {SO}

    # The city decides: the lead department takes it down. It is a new push with the full time.
    clock.set("2026-11-26 10:00")
    road.does(SO, "instruct", instruction="push", text="由市场监管依法取缔", **road.push)
    back = road.seen
    assert (back["state"], back["level"]) == ("dispatched", None)
    assert duty(back, "intervene")["due_on"] == "2026-12-03"
    assert duty(back, "city_follow", 2)["verdict"] == "cured"  # nobody followed up in it; the answer is of the third
    assert duty(back, "city_follow", 3)["verdict"] == "met"
    clock.set("2026-11-30 10:00")
    road.does(DO, "intervene", **road.intervention)
    road.does(DO, "report_done", outcome="closed_down", entity_after="已取缔", evidence=[PHOTO])
    road.does(DL, "confirm_done")

    # A major lead: the worker looks, the street confirms. The whole road stands in the log, and the log gives it again.
    clock.set("2026-12-01 10:00")
    worker = phone("grid_worker")
    worker.sync()
    (check,) = [one for one in worker.tasks() if one["task_kind"] == "verify"]
    worker.visits(
        check, {"result": "done", "findings": [{"item": "VF01", "verdict": "passed"}]}, files=[photo("已取缔")]
    )
    worker.sync()
    assert desk(CD).tries(road.lead, "pass").status == 403
    closed = road.does(SD, "pass")
    assert (closed["state"], closed["outcome"]) == ("closed", "closed_down")
    with work() as session:
        assert list(breaks(session)) == []
        assert list(broken_leads(session)) == []


def test_a_department_is_abolished_and_its_successor_owes_what_is_open(
    world: World, clock: Clock, work: Work, desk: Seat, reported: Callable[..., str], tick: Callable[[], dict[str, Any]]
) -> None:
    road = Road(desk, world, clock, reported)
    road.to_working()
    before = {one["id"]: one["due_on"] for one in road.seen["obligations"] if one["verdict"] == "open"}
    assert desk("case_officer_2").caller.get(f"/api/v1/leads/{road.lead}").status == 404
    with work() as session:
        department = session.get_one(Department, world.department)
        department.valid_to, department.successor_code = clock.today(), world.department_2
    tick()
    assert states(road) == {world.department: "working"}  # its last day is still its own

    clock.set("2026-09-19 09:00")
    tick()
    after = desk("case_officer_2").sees(road.lead)
    assert states(road) == {world.department_2: "working"}
    assert after["assignments"][0]["push_on"] == "2026-09-18"
    assert {one["id"]: one["due_on"] for one in after["obligations"] if one["verdict"] == "open"} == before
    told = desk("department_leader_2").caller.get(f"/api/v1/leads/{road.lead}/timeline").body["items"][-1]
    assert (told["act"], told["actor_id"]) == ("inherit", "system")

    # The successor feeds back in the window that was running; a push to the old code goes to it as well.
    clock.set("2026-10-14 10:00")
    desk("case_officer_2").does(road.lead, "feedback", stage="rectifying", progress="接续办理", next_step="复查")
    assert duty(road.seen, "feedback", 1)["verdict"] == "met"
    road.to_street()
    road.does(SD, "push", **road.push)
    assert states(road) == {world.department_2: "pushed"}
    with work() as session:
        assert list(broken_leads(session)) == []


def states(road: Road) -> dict[str, str]:
    return {one["department"]: one["state"] for one in road.seen["assignments"]}


def heard(work: Work, world: World, *, about: str = "", **columns: str) -> set[str]:
    """Who has got notices with these columns by now: those that have left."""
    names = {user: username for username, user in world.people.items()}
    with work() as session:
        statement = select(Notice).filter_by(**columns).where(Notice.sent_at.is_not(None))
        found = session.scalars(statement.where(Notice.about == about) if about else statement).all()
        return {names[notice.recipient_id] for notice in found}
