"""A lead goes to two wrong departments, one after the other; the office rules, a third push cannot be given back, and it ends well.

domain.md §4b: T15–T20, T25–T27, T42, edges (g) and (m); rulings R5, R17, R18, R26.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gridwatch.audit.queries import breaks
from gridwatch.leads.verifying import broken_leads
from tests.fixtures import Clock, Work, World
from tests.leads.desks import PHOTO, Desk, duty
from tests.leads.roads import Road
from tests.phone import Phone
from tests.stories.conftest import photo
from tests.stories.test_joint_operation import CD, DL, DO, SD, SO, heard, states

DL_2, DO_2 = "department_leader_2", "case_officer_2"


def test_two_wrong_departments_and_a_ruling_that_holds(
    world: World, clock: Clock, work: Work, desk: Callable[[str], Desk], reported: Callable[..., str],
    phone: Callable[[str], Phone], tick: Callable[[], dict[str, Any]],
) -> None:  # fmt: skip
    road = Road(desk, world, clock, reported)
    first, second = world.department, world.department_2

    # Friday the 18th: to the first department. Sunday the 20th is worked in exchange, so Monday is its second work day.
    clock.set("2026-09-18 10:00")
    road.to_department()
    assert due_days(road, first) == {
        ("intervene", 1): "2026-09-24",
        ("feedback", 1): "2026-10-15",
        ("feedback", 2): "2026-11-05",
    }
    clock.set("2026-09-21 16:00")
    road.does(DL, "request_return", **road.give_back)
    assert ruling(road) == ("2026-09-22", "open")
    assert (
        desk(DO).tries(road.lead, "intervene", **road.intervention).status == 409
    )  # nobody works on what is contested

    # The street does not want to decide and passes it on; the office finds that the department is right.
    assert desk(SO).tries(road.lead, "approve_return", decision="同意").status == 403
    road.does(SD, "pass_on_return", reason="两部门职责不清")
    clock.set("2026-09-22 10:00")
    road.does(SO, "approve_return", decision="属许可部门")
    assert (road.seen["state"], road.seen["bounces"], states(road)) == ("street", 1, {first: "returned"})
    assert ruling(road) == ("2026-09-22", "met")
    assert verdicts(road, first) == {"intervene": "cancelled", "feedback": "cancelled"}

    # Tuesday: to the second, with the full time. It is wrong as well, and says so on its second work day.
    clock.set("2026-09-22 15:00")
    road.does(SD, "push", **road.push_2)
    assert due_days(road, second) == {
        ("intervene", 1): "2026-09-30",
        ("feedback", 1): "2026-10-20",
        ("feedback", 2): "2026-11-10",
    }
    clock.set("2026-09-24 17:00")
    road.does(DL_2, "request_return", code="not_our_duty", legal_ground="不涉及安全生产许可", proper_department=first)
    assert ruling(road) == ("2026-09-28", "open")  # a second return is the office's (edge g)
    assert desk(SD).tries(road.lead, "approve_return", decision="同意").status == 403
    clock.set("2026-09-28 09:30")
    road.does(SO, "approve_return", decision="另行指定")
    assert (road.seen["state"], road.seen["bounces"]) == ("street", 2)
    assert states(road) == {first: "returned", second: "returned"}

    # The third push needs the number of a ruling. With it the first department has the lead for good, and full time again.
    again = desk(SD).tries(road.lead, "push", **road.push)
    assert (again.status, again.body["facts"]["guard"]) == (409, "ruling_to_push_again")
    road.does(SD, "push", **road.push, ruling_no="南监裁〔2026〕7号")
    assert due_days(road, first) == {
        ("intervene", 1): "2026-10-10",
        ("feedback", 1): "2026-10-23",
        ("feedback", 2): "2026-11-13",
    }
    clock.set("2026-09-29 09:00")
    refused = desk(DL).tries(road.lead, "request_return", **road.give_back)
    assert refused.body["facts"]["guard"] == "return_in_time_or_new_facts"  # still within two work days, but ruled

    # It brings new facts, which is its right. The office is slow: the holiday week and the day of the intervention pass.
    clock.set("2026-09-30 11:00")
    road.does(DL, "request_return", **road.give_back, new_facts="经营者称已迁往外街道")
    assert ruling(road) == ("2026-10-08", "open")
    clock.set("2026-10-12 09:00")
    tick()
    intervention = duty(road.seen, "intervene")
    assert (intervention["due_on"], intervention["verdict"]) == ("2026-10-10", "overdue")  # nothing stopped meanwhile
    assert heard(work, world, stage="B1", about=intervention["id"]) == {"department_receiver", "department_deputy", DL}
    road.does(SO, "refuse_return", ruling_no="南监裁〔2026〕9号", reason="主体仍在原址")
    assert ruling(road) == ("2026-10-08", "met_late")
    assert newest_unit(road, first)["state"] == "pushed"
    told = desk(SO).caller.get(f"/api/v1/leads/{road.lead}/timeline").body["items"][-1]
    assert told["proposed"] == [intervention["id"]]  # the system proposes an excuse (edge m); the fact stays
    road.does(SO, "excuse", obligation=intervention["id"], reason="裁定迟于介入期限", evidence=[PHOTO])

    # Now it works: late by a day that is excused, feedback in its window, done, verified on site, closed.
    clock.set("2026-10-12 15:00")
    road.does(DO, "intervene", **road.intervention)
    assert verdicts(road, first)["intervene"] == "met_late"
    clock.set("2026-10-19 10:00")
    road.does(DO, "feedback", stage="rectifying", progress="正在补办许可", next_step="复查")
    clock.set("2026-10-26 10:00")
    road.does(DO, "report_done", outcome="permitted", entity_after="已取得许可", evidence=[PHOTO])
    road.does(DL, "confirm_done")
    assert (road.seen["state"], duty(road.seen, "verify")["due_on"]) == ("verifying", "2026-10-29")

    clock.set("2026-10-28 14:00")
    worker = phone("grid_worker")
    worker.sync()
    (check,) = [one for one in worker.tasks() if one["task_kind"] == "verify"]
    worker.visits(
        check, {"result": "done", "findings": [{"item": "VF01", "verdict": "passed"}]}, files=[photo("已取得许可")]
    )
    worker.sync()
    closed = road.does(CD, "pass")
    assert (closed["state"], closed["outcome"], closed["bounces"]) == ("closed", "permitted", 2)

    # Neither wrong push left anything missed behind; of the right one both windows were met. The log gives all of it again.
    ended = [one for one in road.seen["obligations"] if one["assignment"]]
    by_unit = [
        sorted(one["verdict"] for one in ended if one["assignment"] == unit["id"] and one["kind"] != "ruling")
        for unit in road.seen["assignments"]
    ]
    assert by_unit == [["cancelled"] * 3, ["cancelled"] * 3, ["cancelled", "met", "met", "met_late"]]
    with work() as session:
        assert list(breaks(session)) == []
        assert list(broken_leads(session)) == []


def newest_unit(road: Road, department: str) -> dict[str, Any]:
    return [one for one in road.seen["assignments"] if one["department"] == department][-1]


def of_unit(road: Road, department: str) -> list[dict[str, Any]]:
    """What a department owes for its newest assignment; rulings are owed by others."""
    unit = newest_unit(road, department)["id"]
    return [one for one in road.seen["obligations"] if one["assignment"] == unit and one["kind"] != "ruling"]


def due_days(road: Road, department: str) -> dict[tuple[str, int], str]:
    return {(one["kind"], one["k"]): one["due_on"] for one in of_unit(road, department)}


def verdicts(road: Road, department: str) -> dict[str, str]:
    """Verdict by kind; of several windows the last one's."""
    return {one["kind"]: one["verdict"] for one in of_unit(road, department)}


def ruling(road: Road) -> tuple[str, str]:
    """By when the newest request has to be decided, and how that stands."""
    found = duty(road.seen, "ruling")
    return found["due_on"], found["verdict"]
