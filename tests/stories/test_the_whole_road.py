"""One shop, from the register to the closed case: what every part of the product is for, in the order in which it happens."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy import select

from gridwatch.audit.queries import breaks
from gridwatch.entities.models import PermitRule
from gridwatch.notices.models import Notice
from tests.fixtures import Caller, Clock, Work, World
from tests.leads.desks import BASIS, Desk, duty
from tests.phone import Phone
from tests.stories.conftest import photo

PhoneOf = Callable[[str], Phone]
Seat = Callable[[str], Desk]

OPEN_AND_AT_ITS_ADDRESS = [
    {"item": "RG01", "occupancy": "registered_entity", "match": "exact"},
    {"item": "RG02", "status": "operating", "within_scope": "yes"},
]
NO_FOOD_PERMIT = {"item": "RG03", "permits": [{"type": "食品经营", "held": False, "applying": False}]}


def test_an_unlicensed_restaurant_from_the_register_to_the_closed_case(
    world: World, clock: Clock, work: Work, client: Caller, register: Callable[..., dict[str, Any]], phone: PhoneOf, desk: Seat,
    tick: Callable[[], dict[str, Any]], official_calendar: None,
) -> None:  # fmt: skip
    with work() as session:
        session.add(
            PermitRule(
                sector="食品经营",
                permit="食品经营许可",
                department_code=world.department,
                scope_pattern="餐饮",
                hazard=8,
            )
        )

    # Monday, 14 September 2026: the register announces a restaurant. Its point lies in the first grid.
    clock.set("2026-09-14 11:00")
    born = register(scope="餐饮服务", lon=113.745, lat=23.015, datum="WGS84")
    assert born["outcome"] == "created"
    assert (
        register(scope="餐饮服务", lon=113.745, lat=23.015, datum="WGS84")["outcome"] == "duplicate"
    )  # told twice, done once

    # The worker's phone gets one task for the door, with all that is to be asked there.
    worker = phone("grid_worker")
    (task,) = worker.tasks()
    assert task["items"] == ["RG01", "RG02", "RG03"]
    assert task["due_on"] == "2026-09-27" or task["due_on"] == "2026-09-28"  # ten work days, Sunday the 20th among them
    assert phone("grid_worker_2").tasks() == []

    # Wednesday: a day without network. He finds the restaurant open, without a food permit, and reports it.
    worker.goes_offline()
    clock.set("2026-09-16 09:30")
    visit = worker.visits(
        task, {"result": "done", "findings": [*OPEN_AND_AT_ITS_ADDRESS, NO_FOOD_PERMIT]}, files=[photo("门牌")]
    )
    clock.set("2026-09-16 09:40")
    found = worker.reports(
        {"category": "XS04", "title": "好味餐饮店", "description": "现场经营，未取得食品经营许可证", "entity_id": task["entity_id"]},
        files=[photo("门头"), photo("后厨")], depends_on=[visit["id"]],
        place={"lon": 113.745, "lat": 23.015, "accuracy_m": 12.0, "crs": "WGS84", "source": "gps"},
    )  # fmt: skip
    assert worker.tasks() == []  # answered on the phone, although nobody else knows yet

    # In the evening he is back in the network. Both are there, once, with a receipt each.
    clock.set("2026-09-16 18:05")
    worker.comes_back()
    worker.sync()
    assert worker.outcome_of(visit) == ("accepted", None)
    assert worker.outcome_of(found) == ("accepted", None)
    assert worker.store["outbox"] == []
    lead = found["id"]
    assert worker.documents("my_lead")[lead][1]["state"] == "reported"

    # The community takes it in, serves a notice, and cannot grant a food permit: up to the street.
    clock.set("2026-09-17 09:00")
    desk("community_dispatcher").does(lead, "accept", handler=world.people["community_handler"])
    desk("community_handler").does(lead, "record_handling", measure="guided", narrative="上门告知须办理食品经营许可")
    clock.set("2026-09-18 10:00")
    desk("community_dispatcher").does(lead, "submit_up", reason="许可属部门职权", proposed_department=world.department)

    # Friday the 18th, before the holidays: the street pushes it. From here both clocks of the department run.
    clock.set("2026-09-18 15:00")
    evidence = desk("street_dispatcher").sees(lead)["evidence"]
    pushed = desk("street_dispatcher").does(
        lead, "push", lead_department=world.department, legal_basis=BASIS, summary="无证餐饮，已告知", evidence=evidence
    )
    assert duty(pushed, "intervene")["due_on"] == "2026-09-24"
    assert [duty(pushed, "feedback", k)["due_on"] for k in (1, 2)] == ["2026-10-15", "2026-11-05"]

    # Nobody presses "sign in": the clock runs all the same, and the receiver and his deputy hear of it, each once.
    clock.set("2026-09-22 00:10")
    tick()  # written at night, sent in office hours
    clock.set("2026-09-22 08:31")
    tick()
    tick()
    clock.set("2026-09-24 08:35")
    tick()
    assert _told(work, world, "department_receiver") == ["W0", "W2"]
    assert _told(work, world, "department_deputy") == ["W0", "W2"]

    # On its last day the department is on site.
    clock.set("2026-09-24 16:30")
    desk("department_receiver").does(lead, "sign_in", officer=world.people["case_officer"])
    scene = photo("检查笔录")["sha256"]
    done = desk("case_officer").does(
        lead, "intervene", type="order_to_correct", occurred_on="2026-09-24", people="两名执法人员、经营者", narrative="责令改正",
        evidence=[scene], inspection=True, licence_nos="粤执0001、粤执0002",
    )  # fmt: skip
    assert duty(done, "intervene")["verdict"] == "met"

    worker.sync()  # an ordinary day; what became of his lead is on his phone
    assert worker.documents("my_lead")[lead][1]["departments"][0]["state"] == "working"

    # After the holidays it reports in the window, and again when the permit is there.
    clock.set("2026-10-14 10:00")
    desk("case_officer").does(
        lead,
        "feedback",
        stage="permit_applied",
        permit_needed=True,
        permit_applied=True,
        progress="已受理食品经营许可申请",
        next_step="现场核验",
    )
    clock.set("2026-10-20 08:40")
    worker.sync()
    clock.set("2026-10-26 10:00")
    desk("case_officer").does(
        lead,
        "report_done",
        outcome="permitted",
        entity_after="已取得食品经营许可证",
        evidence=[photo("许可证")["sha256"]],
    )
    verifying = desk("department_leader").does(lead, "confirm_done")
    assert verifying["state"] == "verifying"
    assert [duty(verifying, "feedback", k)["verdict"] for k in (1, 2)] == ["met", "met"]

    # A worker looks on site; here the finder is the only one on duty. The community confirms, and the case is closed.
    clock.set("2026-10-27 09:00")
    worker.sync()
    (check,) = [one for one in worker.tasks() if one["task_kind"] == "verify"]
    assert check["due_on"] == "2026-10-29"
    looked = worker.visits(
        check, {"result": "done", "findings": [{"item": "VF01", "verdict": "passed"}]}, files=[photo("许可证上墙")]
    )
    worker.sync()
    assert worker.outcome_of(looked) == ("accepted", None)
    closed = desk("community_dispatcher").does(lead, "pass")
    assert (closed["state"], closed["outcome"]) == ("closed", "permitted")
    assert {one["verdict"] for one in closed["obligations"]} <= {"met", "cancelled"}

    # The finder sees what became of it; the grid no longer carries the lead; the log holds.
    worker.sync()
    assert worker.documents("my_lead")[lead][1]["state"] == "closed"
    assert lead not in worker.documents("lead")
    with work() as session:
        assert list(breaks(session)) == []


def _told(work: Work, world: World, username: str) -> list[str]:
    with work() as session:
        stages = session.scalars(
            select(Notice.stage).where(
                Notice.recipient_id == world.people[username],
                Notice.stage.in_(["W2", "W0", "B1"]),
                Notice.skipped.is_(None),
            )
        )
        return sorted(stages)
