"""Steps of a lead over the API: the straight road with its dates, and refusals in their order, each changing nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import select

from gridwatch.audit.models import Denial, Event
from gridwatch.audit.queries import breaks
from gridwatch.leads.models import Lead, Obligation, Watch
from gridwatch.notices.models import Notice
from tests.fixtures import Clock, Work, World
from tests.leads.desks import BASIS, PHOTO, Desk, duty

Seat = Callable[[str], Desk]


def to_street(desk: Seat, lead: str, world: World) -> None:
    desk("community_dispatcher").does(lead, "accept", handler=world.people["community_handler"])
    desk("community_dispatcher").does(
        lead,
        "submit_up",
        exceeds_authority=True,
        ground="permit_authority",
        reason="许可属部门",
        proposed_department=world.department,
    )


def to_department(desk: Seat, lead: str, world: World, **more: Any) -> None:
    to_street(desk, lead, world)
    desk("street_dispatcher").does(
        lead, "push", lead_department=world.department, legal_basis=BASIS, summary="无证餐饮", evidence=[PHOTO], **more
    )


def test_a_push_before_the_october_holiday_is_due_on_the_days_of_the_law(
    desk: Seat, reported: Callable[..., str], world: World, clock: Clock
) -> None:
    clock.set("2026-09-16 10:00")
    lead = reported()
    clock.set("2026-09-18 15:00")
    to_department(desk, lead, world)
    seen = desk("department_receiver").sees(lead)
    assert seen["state"] == "dispatched"
    assert duty(seen, "intervene")["due_on"] == "2026-09-24"
    assert [duty(seen, "feedback", k)["due_on"] for k in (1, 2)] == ["2026-10-15", "2026-11-05"]
    assert duty(seen, "triage_c")["verdict"] == "met_late"  # due on the 17th, accepted on the 18th
    assert duty(seen, "triage_c")["late_work_days"] == 1


def test_the_reporter_and_the_units_see_each_other_as_the_rulings_say(
    desk: Seat, reported: Callable[..., str], world: World, clock: Clock
) -> None:
    lead = reported()
    to_department(desk, lead, world)
    assert desk("community_dispatcher").sees(lead)["reporter"]["id"] == world.people["grid_worker"]
    assert desk("case_officer").sees(lead)["reporter"] is None
    assert desk("auditor").sees(lead)["reporter"] is None
    timeline = desk("case_officer").caller.get(f"/api/v1/leads/{lead}/timeline").body["items"]
    assert timeline[0]["act"] == "submit"
    assert timeline[0]["actor_id"] is None
    assert world.people["grid_worker"] not in str(timeline)


def test_every_day_of_a_date_can_be_asked_for(
    desk: Seat, reported: Callable[..., str], world: World, clock: Clock
) -> None:
    lead = reported()
    to_department(desk, lead, world)
    seen = desk("department_receiver").sees(lead)
    intervene = duty(seen, "intervene")
    why = desk("department_receiver").caller.get(f"/api/v1/leads/{lead}/obligations/{intervene['id']}/why").body
    counted = [day["on"] for day in why["days"] if day["counted"]]
    assert counted == ["2026-09-20", "2026-09-21", "2026-09-22", "2026-09-23", "2026-09-24"]
    assert why["days"][1]["on"] == "2026-09-19"
    assert "星期六" in why["days"][1]["reason"]["zh"]


OUT_OF_REACH = [
    "community_dispatcher_2",
    "grid_worker_2",
    "case_officer_2",
    "administrator",
    "platform_owner",
    "security_officer",
    "intake_clerk",
]


@pytest.mark.parametrize("who", OUT_OF_REACH)
def test_what_is_out_of_reach_does_not_exist(
    who: str, desk: Seat, reported: Callable[..., str], world: World, work: Work
) -> None:
    lead = reported()
    for path in (f"/api/v1/leads/{lead}", f"/api/v1/leads/{lead}/timeline"):
        answer = desk(who).caller.get(path)
        assert (answer.status, answer.body["code"]) == (404, "lead.not_found")
    step = desk(who).tries(lead, "accept", handler=world.people["community_handler"])
    assert (step.status, step.body["code"]) == (404, "lead.not_found")
    listed = desk(who).caller.get("/api/v1/leads")
    assert listed.status == 403 or listed.body["items"] == []


def test_refusals_come_in_the_order_of_the_ruling_and_change_nothing(
    desk: Seat, reported: Callable[..., str], world: World, work: Work
) -> None:
    lead = reported()
    tries = [
        # who, act, version, inputs, status, code
        ("community_handler", "accept", 99, {}, 403, "lead.not_your_desk"),
        ("auditor", "accept", 99, {}, 404, "lead.not_found"),  # reads, and takes no step
        ("community_dispatcher", "accept", 99, {}, 409, "lead.changed_meanwhile"),
        ("street_dispatcher", "push", None, {}, 409, "lead.step_not_allowed"),
        ("community_dispatcher", "accept", None, {}, 422, "lead.input_missing"),
        ("community_dispatcher", "accept", None, {"handler": "nobody"}, 422, "lead.input_invalid"),
        (
            "community_dispatcher",
            "accept",
            None,
            {"handler": world.people["community_handler_2"]},
            422,
            "lead.input_invalid",
        ),
        ("community_dispatcher", "no_such_act", None, {}, 422, "lead.input_invalid"),
    ]
    with work() as session:
        before = (
            session.get_one(Lead, lead).rev,
            len(session.scalars(select(Event).where(Event.subject_id == lead)).all()),
        )
    for who, act, version, inputs, status, code in tries:
        answer = desk(who).tries(lead, act, version=version, **inputs)
        assert (answer.status, answer.body["code"]) == (status, code), (who, act)
        assert answer.body["do"]
    with work() as session:
        assert (
            session.get_one(Lead, lead).rev,
            len(session.scalars(select(Event).where(Event.subject_id == lead)).all()),
        ) == before
        denied = session.scalars(select(Denial)).all()  # the attempt of a known person is kept, and nothing else
        assert [(one.actor_id, one.code) for one in denied] == [
            (world.people["community_handler"], "lead.not_your_desk")
        ]


@pytest.mark.parametrize("version", [None, "1", -1, 0, 1.5])
def test_a_version_that_is_no_number_is_bad_input(
    version: Any, desk: Seat, reported: Callable[..., str], world: World
) -> None:
    lead = reported()
    body = {"act": "accept", "inputs": {"handler": world.people["community_handler"]}, "expected_version": version}
    answer = desk("community_dispatcher").caller.post(f"/api/v1/leads/{lead}/steps", body)
    assert (answer.status, answer.body["code"]) == (422, "input.invalid")


def test_of_two_steps_with_the_same_version_one_wins(desk: Seat, reported: Callable[..., str], world: World) -> None:
    lead = reported()
    handler = world.people["community_handler"]
    first = desk("community_dispatcher").tries(lead, "accept", version=1, handler=handler)
    second = desk("community_dispatcher").tries(lead, "accept", version=1, handler=handler)
    assert (first.status, second.status, second.body["code"]) == (200, 409, "lead.changed_meanwhile")
    assert second.body["facts"]["version"] == first.body["version"]


def test_a_lead_that_is_returned_comes_back_with_what_was_lacking(
    desk: Seat, reported: Callable[..., str], world: World, clock: Clock
) -> None:
    lead = reported()
    desk("community_dispatcher").does(lead, "return_to_reporter", lacks=["no_photo"], text="请补门头照片")
    seen = desk("grid_worker").sees(lead)
    assert duty(seen, "resubmit")["due_on"] == "2026-09-22"  # the 20th, a Sunday, is worked in exchange
    more = "b" * 64
    after = desk("grid_worker").does(lead, "resubmit", description="门头照片已补", evidence=[more])
    assert (after["state"], after["evidence"]) == ("reported", [PHOTO, more])
    assert duty(after, "resubmit")["verdict"] == "met"


def test_done_is_asked_for_by_the_officer_and_confirmed_by_the_leader(
    desk: Seat, reported: Callable[..., str], world: World, clock: Clock
) -> None:
    lead = reported()
    to_department(desk, lead, world)
    desk("department_receiver").does(lead, "sign_in", officer=world.people["case_officer"])
    desk("case_officer").does(
        lead,
        "intervene",
        type="on_site",
        occurred_on="2026-09-18",
        people="两名执法人员",
        narrative="现场检查",
        evidence=[PHOTO],
    )
    asked = desk("case_officer").does(
        lead, "report_done", outcome="permitted", entity_after="已取得许可", evidence=[PHOTO]
    )
    assert asked["state"] == "dispatched"
    confirmed = desk("department_leader").does(lead, "confirm_done")
    assert confirmed["state"] == "verifying"
    assert confirmed["outcome"] == "permitted"
    assert confirmed["assignments"][0]["state"] == "done_claimed"
    assert duty(confirmed, "verify")["due_on"] == "2026-09-22"
    assert duty(confirmed, "feedback", 1)["verdict"] == "met"


def test_a_step_writes_its_event_its_clocks_and_its_notices_together(
    desk: Seat, reported: Callable[..., str], world: World, work: Work
) -> None:
    lead = reported()
    to_department(desk, lead, world, assist_departments=[world.department_2])
    with work() as session:
        acts = session.scalars(select(Event.act).where(Event.subject_id == lead).order_by(Event.no)).all()
        assert acts == ["lead.submit", "lead.accept", "lead.submit_up", "lead.push"]
        obligations = session.scalars(select(Obligation).where(Obligation.lead_id == lead)).all()
        open_ones = {one.id for one in obligations if one.end is None}
        assert len(open_ones) == 2 * 3  # INTERVENE and two windows, for each of two departments
        assert set(session.scalars(select(Watch.obligation_id))) == open_ones
        told = set(session.scalars(select(Notice.recipient_id).where(Notice.lead_id == lead)))
        expected = {"department_receiver", "department_deputy", "department_receiver_2", "community_handler"}
        assert {world.people[one] for one in expected} <= told
        assert list(breaks(session)) == []


def test_a_window_that_falls_due_while_the_result_is_verified_is_not_missed(
    desk: Seat, reported: Callable[..., str], world: World, clock: Clock
) -> None:
    lead = reported()
    to_department(desk, lead, world)
    desk("department_receiver").does(lead, "sign_in", officer=world.people["case_officer"])
    desk("case_officer").does(
        lead,
        "intervene",
        type="on_site",
        occurred_on="2026-09-18",
        people="两名执法人员",
        narrative="现场检查",
        evidence=[PHOTO],
    )
    desk("case_officer").does(lead, "report_done", outcome="permitted", entity_after="已取得许可", evidence=[PHOTO])
    desk("department_leader").does(lead, "confirm_done")
    clock.set("2026-11-06 09:00")  # window 2 fell due on the 5th
    assert duty(desk("street_dispatcher").sees(lead), "feedback", 2)["verdict"] == "suspended"
    assert duty(desk("street_dispatcher").sees(lead), "verify")["verdict"] == "overdue"
