"""Every refusal of the lead table: each guard of each row, each wrong role, and the order of ruling R33. Nothing is changed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import pytest

from gridwatch.domain import lead_guards, lead_rules
from gridwatch.domain.errors import CATALOGUE, Refusal
from gridwatch.domain.lead_facts import Case
from gridwatch.domain.lead_flow import STEPS
from gridwatch.domain.lead_words import Act
from gridwatch.domain.obligations import ObligationKind
from gridwatch.domain.permits import SYSTEM, Actor, Grant, Role
from tests.domain import lead_road as lr
from tests.domain.lead_law import LAW, may
from tests.domain.lead_road import (
    CD,
    CH,
    DL,
    DO,
    DR,
    LG,
    OTHER,
    PACKAGE,
    PHOTO,
    PLACES,
    PUSH,
    SD,
    SO,
    WORKER,
    Road,
)
from tests.domain.test_lead_table import HANDLED, HOLD, NEW_LEAD, PRESENT, SHELVE, TAKEN, Before, first, unit_of

REASON = {"reason": "理由"}
MERGE = {"master": OTHER, "reason": "同一店铺"}
JOINT = {"lead_department": "SCJG", **lr.PLAN}
STRANGE = "b" * 64


@dataclass(frozen=True)
class Refused:
    """A guard of a row that does not hold: where, by whom, with what; `on` the day, `before` what happens first."""

    row: str
    guard: str
    place: str
    who: Actor
    act: Act
    inputs: Mapping[str, Any] | Callable[[Road], Mapping[str, Any]]
    before: Before = None
    on: str | None = None


def a_complaint(road: Road) -> None:
    road.report(lr.CLERK, source="complaint", reporter_id=WORKER.id)


def a_returned_complaint(road: Road) -> None:
    a_complaint(road)
    lr.to_returned(road)


def intervene_duty(**values: Any) -> Callable[[Road], dict[str, Any]]:
    def inputs(road: Road) -> dict[str, Any]:
        duty = road.duties(ObligationKind.INTERVENE, "SCJG")[0]
        return {"obligation": duty.id, "reason": "系统故障", "evidence": [PHOTO], **values}

    return inputs


def on_hold(road: Road) -> None:
    road.does(DL["SCJG"], Act.ASK_HOLD, **HOLD)
    road.does(SO, Act.HOLD)


def pending_in_joint(road: Road) -> None:
    road.does(DL["SCJG"], Act.REQUEST_RETURN, **lr.RETURN)
    road.does(SD, Act.APPROVE_RETURN, decision="同意")


def scjg_is_advised(road: Road) -> None:
    road.known = replace(road.known, advised="SCJG")


def done(**values: Any) -> dict[str, Any]:
    return {"text": "结果", "results": [{"department": "CG", "result": "done", **lr.DONE, **values}]}


def correct(**values: Any) -> dict[str, Any]:
    return {"reason": "更正", **values}


def solved(outcome: str) -> dict[str, Any]:
    return {"reply": "已解决", "outcome": outcome}


# fmt: off
REFUSED = [
    Refused("T02", "not_a_complaint", "reported", WORKER, Act.WITHDRAW, REASON, a_complaint),
    Refused("T02c", "not_a_complaint", "returned", CD, Act.WITHDRAW, REASON, a_returned_complaint),
    Refused("T02c", "resubmit_is_overdue", "returned", CD, Act.WITHDRAW, REASON, on="2026-09-20"),
    Refused("T05", "accept_returned_only_when_overdue", "returned", CD, Act.ACCEPT, {"handler": "community handler"}, on="2026-09-20"),
    Refused("T05", "handler_is_of_the_community", "reported", CD, Act.ACCEPT, {"handler": "nobody"}),
    Refused("T06", "no_return_is_pending", "street, assist live", SD, Act.MERGE, MERGE, first(DL["CG"], Act.REQUEST_RETURN, **lr.RETURN)),
    Refused("T06", "other_lead_is_known", "reported", CD, Act.MERGE, {**MERGE, "master": "nothing"}),
    Refused("T06", "other_lead_is_known", "reported", CD, Act.MERGE, {**MERGE, "master": "lead"}),
    Refused("T06", "master_is_open", "reported", CD, Act.MERGE, {**MERGE, "master": "ended-lead"}),
    Refused("T06", "master_is_further", "street", SD, Act.MERGE, {**MERGE, "master": "young-lead"}),
    Refused("T06", "master_is_further", "reported", CD, Act.MERGE, {**MERGE, "master": "young-lead"}),
    Refused("T06r", "other_lead_is_known", "reported", CD, Act.LINK_RELATED, {"lead": "lead"}),
    Refused("T39", "merged_within_30_days", "merged", SD, Act.UNMERGE, REASON, on="2026-10-17"),
    Refused("T08", "outcome_of_a_close", "community", CH, Act.HANDLED_LOCALLY, {**HANDLED, "outcome": "solved_by_city"}),
    Refused("T08", "outcome_of_a_close", "community", CH, Act.HANDLED_LOCALLY, {**HANDLED, "outcome": "duplicate"}),
    Refused("T08", "outcome_fits_category", "community", CH, Act.HANDLED_LOCALLY, {**HANDLED, "outcome": "deregistered"}),
    Refused("T09", "handled_or_beyond_authority", "community", CD, Act.SUBMIT_UP, {"reason": "理由", "proposed_department": "SCJG"}),
    Refused("T09", "handled_or_beyond_authority", "community", CD, Act.SUBMIT_UP,
            {"reason": "理由", "proposed_department": "SCJG", "exceeds_authority": True}),
    Refused("T09", "named_departments_exist", "community", CD, Act.SUBMIT_UP,
            {"reason": "理由", "proposed_department": "NONE", "exceeds_authority": True, "ground": "refuses"}),
    Refused("T11", "no_live_unit", "street, assist live", SD, Act.SEND_BACK, {"ground": "evidence", "reason": "证据不足"}),
    Refused("T12", "outcome_without_push", "street", SD, Act.CLOSE_WITHOUT_PUSH, {"outcome": "permitted", "reason": "已办证"}),
    Refused("T12", "outcome_fits_category", "street", SD, Act.CLOSE_WITHOUT_PUSH, {"outcome": "deregistered", "reason": "已注销"}),
    Refused("T12", "exemption_names_its_ground", "street", SD, Act.CLOSE_WITHOUT_PUSH, {"outcome": "exempt_art3", "reason": "豁免"}),
    Refused("T13", "departments_can_receive", "street", SD, Act.PUSH, {**PUSH, "lead_department": "NONE"}),
    Refused("T13", "departments_can_receive", "street", SD, Act.PUSH, {**PUSH, "assist_departments": ["OLD"]}),
    Refused("T13", "evidence_is_the_leads", "street", SD, Act.PUSH, {**PUSH, "evidence": [STRANGE]}),
    Refused("T13", "as_advised_or_says_why", "street", SD, Act.PUSH, {**PUSH, "lead_department": "SY"}, scjg_is_advised),
    Refused("T19", "as_advised_or_says_why", "street, returned once", SD, Act.PUSH, {**PUSH, "lead_department": "SY"}, scjg_is_advised),
    Refused("T19", "departments_can_receive", "street, assist live", SD, Act.PUSH,
            {**PUSH, "lead_department": "SY", "assist_departments": ["CG"]}),
    Refused("T19", "evidence_is_the_leads", "street, returned once", SD, Act.PUSH,
            {**PUSH, "lead_department": "SY", "evidence": [STRANGE]}),
    Refused("T19", "ruling_to_push_again", "street, returned once", SD, Act.PUSH, PUSH),
    Refused("T19", "ruling_to_push_again", "street, returned once", SD, Act.PUSH,
            {**PUSH, "lead_department": "SY", "assist_departments": ["OLD"]}),
    Refused("T19", "ruling_to_push_again", "street, returned twice", SD, Act.PUSH, {**PUSH, "lead_department": "SY"}),
    Refused("T16p", "street_decides", "return pending", SD, Act.PASS_ON_RETURN, REASON, first(SD, Act.PASS_ON_RETURN, reason="有争议")),
    Refused("T22", "departments_can_receive", "dispatched, assisted", SD, Act.ADD_ASSIST, {"department": "CG", "duty": "清理"}),
    Refused("T22", "departments_can_receive", "dispatched", SD, Act.ADD_ASSIST, {"department": "SCJG", "duty": "清理"}),
    Refused("T23", "departments_can_receive", "dispatched", SD, Act.ASK_CHANGE_OF_LEAD,
            {**NEW_LEAD, "lead_department": "OLD", "old_lead": "assist"}),
    Refused("T23", "consent_or_ruling", "dispatched", SO, Act.CHANGE_LEAD, {},
            first(SD, Act.ASK_CHANGE_OF_LEAD, **NEW_LEAD, old_lead="assist")),
    Refused("T37", "handler_is_of_the_community", "closed", SD, Act.REOPEN, {"target": "street", "reason": "重开", "handler": "nobody"}),
    Refused("T37c", "handler_is_of_the_community", "closed", SD, Act.REOPEN,
            {"target": "community", "reason": "重开", "handler": "nobody"}),
    Refused("T14", "officer_is_of_the_department", "dispatched", DR["SCJG"], Act.SIGN_IN, {"officer": "officer CG"}),
    Refused("T15", "return_in_time_or_new_facts", "dispatched", DL["SCJG"], Act.REQUEST_RETURN, lr.RETURN, on="2026-09-22"),
    Refused("T15", "return_in_time_or_new_facts", "return pending", DL["SCJG"], Act.REQUEST_RETURN, lr.RETURN,
            first(SO, Act.REFUSE_RETURN, ruling_no="裁1", reason="属你部门")),
    Refused("T15", "named_departments_exist", "dispatched", DL["SCJG"], Act.REQUEST_RETURN, {**lr.RETURN, "proper_department": "NONE"}),
    Refused("T15", "proper_department_is_another", "dispatched", DL["SCJG"], Act.REQUEST_RETURN,
            {**lr.RETURN, "proper_department": "OLD"}),
    Refused("T20", "occurred_by_today", "dispatched", DO["SCJG"], Act.INTERVENE, {**lr.INTERVENTION, "occurred_on": "2026-09-19"}),
    Refused("T20", "two_licences_for_inspection", "dispatched", DO["SCJG"], Act.INTERVENE,
            {**lr.INTERVENTION, "occurred_on": "2026-09-18", "inspection": True}),
    Refused("T20", "two_licences_for_inspection", "dispatched", DO["SCJG"], Act.INTERVENE,
            {**lr.INTERVENTION, "occurred_on": "2026-09-18", "inspection": True, "licence_nos": "4401，4401"}),
    Refused("T25", "outcome_of_a_close", "working", DO["SCJG"], Act.REPORT_DONE, {**lr.DONE, "outcome": "transferred_peer"}),
    Refused("T25", "outcome_fits_category", "working", DO["SCJG"], Act.REPORT_DONE, {**lr.DONE, "outcome": "deregistered"}),
    Refused("T25", "named_departments_exist", "working", DO["SCJG"], Act.REPORT_DONE, {**lr.DONE, "copies": ["NONE"]}),
    Refused("T38", "hold_days_are_in_order", "dispatched", DL["SCJG"], Act.ASK_HOLD, {**HOLD, "until_on": "2026-09-19"}),
    Refused("T38", "hold_days_are_in_order", "dispatched", DL["SCJG"], Act.ASK_HOLD, {**HOLD, "until_on": "2099-12-31"}),
    Refused("T38e", "a_hold_stands", "dispatched", DL["SCJG"], Act.ASK_END_HOLD, {"until_on": "2026-09-21", "reason": "已过"}),
    Refused("T38e", "a_hold_covers_the_day", "dispatched", DL["SCJG"], Act.ASK_END_HOLD,
            {"until_on": "2026-09-23", "reason": "已过"}, on_hold),
    Refused("T27", "visit_is_a_verification", "verifying", WORKER, Act.REPORT_PASSED, {"visit": "visit-bad"}),
    Refused("T27", "visit_is_a_verification", "verifying", WORKER, Act.REPORT_PASSED, {"visit": "somebody else's"}),
    Refused("T28", "failed_departments_have_it", "verifying", WORKER, Act.FAIL, {**lr.FAILED, "departments": ["CG"]}),
    Refused("Tf", "successor_is_known", "working", SYSTEM, Act.INHERIT, unit_of("SCJG", department="NONE")),
    Refused("T29", "no_joint_running", "joint", SO, Act.START_JOINT, JOINT),
    Refused("T29", "lead_department_has_it", "dispatched, assisted", SO, Act.START_JOINT, {**JOINT, "lead_department": "SY"}),
    Refused("T29", "joint_is_called_for", "dispatched", SO, Act.START_JOINT, JOINT),
    Refused("T29s", "no_joint_running", "joint", SO, Act.START_JOINT, {**PUSH, **JOINT, "lead_department": "SY"}, pending_in_joint),
    Refused("T29s", "departments_can_receive", "street", SO, Act.START_JOINT, {**PUSH, **JOINT, "assist_departments": ["NONE"]}),
    Refused("T29s", "joint_is_called_for", "street", SO, Act.START_JOINT, {**PUSH, **JOINT}),
    Refused("T29a", "joint_is_running", "dispatched", SO, Act.RECORD_ATTENDANCE, PRESENT),
    Refused("T29a", "occurred_by_today", "joint", SO, Act.RECORD_ATTENDANCE, {**PRESENT, "occurred_on": "2026-09-19"}),
    Refused("T29a", "present_departments_have_it", "joint", SO, Act.RECORD_ATTENDANCE, {**PRESENT, "present": ["SY"]}),
    Refused("T29a", "present_departments_have_it", "joint", SO, Act.RECORD_ATTENDANCE, PRESENT,
            first(DL["SCJG"], Act.REQUEST_RETURN, **lr.RETURN)),
    Refused("T30", "joint_is_running", "dispatched", SO, Act.CLOSE_JOINT, {"text": "结果"}),
    Refused("T30", "a_result_for_each_at_work", "joint", SO, Act.CLOSE_JOINT, {"text": "结果"}),
    Refused("T30", "a_result_for_each_at_work", "joint", SO, Act.CLOSE_JOINT,
            {"text": "结果", "results": [{"department": code, "result": "progress", **lr.FEEDBACK} for code in ("CG", "SCJG")]}),
    Refused("T30", "results_may_close", "joint", SO, Act.CLOSE_JOINT, done(outcome="solved_by_city")),
    Refused("T30", "results_may_close", "joint", SO, Act.CLOSE_JOINT, done(outcome="deregistered")),
    Refused("T30", "results_name_departments", "joint", SO, Act.CLOSE_JOINT, done(copies=["NONE"])),
    Refused("T31", "no_return_is_pending", "return pending", SO, Act.ESCALATE, lr.ESCALATION),
    Refused("T32", "with_the_leading_group", "city", SO, Act.ASK_ESCALATE_CITY, lr.CITY),
    Refused("T32", "package_was_exported", "group", SO, Act.ASK_ESCALATE_CITY, {**lr.CITY, "package": STRANGE}),
    Refused("T41", "no_return_is_pending", "assist's return pending", SD, Act.TRANSFER_PEER, lr.PEER),
    Refused("T41", "package_was_exported", "street", SD, Act.TRANSFER_PEER, {**lr.PEER, "package": STRANGE}),
    Refused("T41a", "peer_ack_is_open", "peer", SD, Act.PEER_ACK, {"text": "已收"}, first(SD, Act.PEER_ACK, text="已收")),
    Refused("T32f", "with_city_or_peer", "group", SO, Act.FOLLOW_UP, {"text": "已联系"}),
    Refused("T33", "departments_can_receive", "group", SO, Act.INSTRUCT, {**lr.INSTRUCTION, "lead_department": "NONE"}),
    Refused("T33c", "lead_unit_is_live", "city", SO, Act.INSTRUCT, {"instruction": "continue", "text": "继续"}),
    Refused("T34", "outcome_of_an_answer", "group", SO, Act.SOLVED_ABOVE, solved("duplicate")),
    Refused("T34", "outcome_fits_level", "group", SO, Act.SOLVED_ABOVE, solved("solved_by_city")),
    Refused("T34", "outcome_fits_level", "city", SO, Act.SOLVED_ABOVE, solved("solved_by_group")),
    Refused("T34", "outcome_fits_level", "city", SO, Act.SOLVED_ABOVE, solved("transferred_peer")),
    Refused("T34", "outcome_fits_category", "city", SO, Act.SOLVED_ABOVE, solved("deregistered")),
    Refused("T35", "no_return_is_pending", "return pending", SO, Act.ASK_SHELVE, SHELVE),
    Refused("T35", "review_within_the_limit", "working", SO, Act.ASK_SHELVE, {**SHELVE, "review_on": "2026-09-18"}),
    Refused("T35", "review_within_the_limit", "working", SO, Act.ASK_SHELVE, {**SHELVE, "review_on": "2026-12-18"}),
    Refused("T40", "something_is_corrected", "reported", CD, Act.CORRECT, correct(category="XS04")),
    Refused("T40", "entity_is_known", "reported", CD, Act.CORRECT, correct(entity_id="nothing")),
    Refused("T40s", "something_is_corrected", "dispatched", SD, Act.CORRECT, correct()),
    Refused("T40s", "entity_is_known", "street", SD, Act.CORRECT, correct(entity_id="nothing")),
    Refused("T40o", "something_is_corrected", "group", SO, Act.CORRECT, correct()),
    Refused("T40o", "entity_is_known", "shelved", SO, Act.CORRECT, correct(entity_id="nothing")),
    Refused("T42", "duty_is_the_leads", "dispatched", SO, Act.EXCUSE, {"obligation": "nothing", "reason": "故障", "evidence": [PHOTO]}),
    Refused("T42", "duty_is_late", "dispatched", SO, Act.EXCUSE, intervene_duty(), on="2026-09-24"),
    Refused("T42", "duty_is_late", "working", SO, Act.EXCUSE, intervene_duty(), on="2026-09-28"),
    Refused("T42", "duty_is_not_excused", "dispatched", SO, Act.EXCUSE, intervene_duty(),
            lambda road: road.does(SO, Act.EXCUSE, **intervene_duty()(road)), on="2026-09-28"),
]
# fmt: on


def refusal(road: Road, who: Actor, act: Act, inputs: Mapping[str, Any], *, version: int | None = None) -> Refusal:
    """The refusal of a step; an AssertionError when it is taken, or when it changed anything."""
    road.roll()
    facts, log = road.facts, list(road.log)
    with pytest.raises(Refusal) as refused:
        road.told_by_system(act, **inputs) if who is SYSTEM else road.does(who, act, version=version, **inputs)
    assert (road.facts, road.log) == (facts, log)
    return refused.value


@pytest.mark.parametrize("case", REFUSED, ids=lambda case: f"{case.row} {case.guard}")
def test_a_guard_refuses_with_its_reason_and_changes_nothing(road: Road, case: Refused) -> None:
    PLACES[case.place](road)
    if case.on:
        road.on(case.on)
    if case.before:
        case.before(road)
    refused = refusal(road, case.who, case.act, case.inputs(road) if callable(case.inputs) else case.inputs)
    guard = lead_guards.GUARDS[case.guard]
    assert refused.facts["guard"] == case.guard
    assert refused.code == ("lead.input_invalid" if guard.fields else "lead.guard_failed")
    assert guard.reason in refused.title()
    assert " / " in guard.reason


AUTOMATIC = [("T18", "lead_unit_was_returned"), ("T18w", "lead_unit_was_withdrawn"), ("T26", "every_unit_is_done")]


@pytest.mark.parametrize("place", ["dispatched", "working", "return pending", "assist's return pending", "joint"])
def test_the_system_leaves_alone_what_a_department_still_has(road: Road, place: str) -> None:
    PLACES[place](road)
    assert lead_rules.automatic(road.facts, road.moment(SYSTEM)) is None
    for act in (Act.BACK_TO_STREET, Act.START_VERIFYING):
        assert refusal(road, SYSTEM, act, {}).code == "lead.guard_failed"


def test_nothing_is_verified_without_a_lead_department(road: Road) -> None:
    lr.to_street_with_assist(road)
    lr.intervenes(road, "CG")
    lr.is_done(road, "CG")
    case = Case(road.facts, None, {}, road.moment(SYSTEM), lr.KNOWN)
    assert not lead_guards.GUARDS["every_unit_is_done"].holds(case)


@pytest.mark.parametrize("inputs", [{}, {"lead_department": "OLD"}, {"lead_department": "SY", "advice_overridden": "另有专案"},
                                     {"lead_department": "SY", "ruling_no": "裁1"}])  # fmt: skip
def test_advice_is_followed_overridden_with_a_reason_or_outranked_by_a_ruling(
    road: Road, inputs: dict[str, str]
) -> None:
    PLACES["street"](road)
    scjg_is_advised(road)
    road.does(SD, Act.PUSH, **{**PUSH, **inputs})
    assert road.facts.state == "dispatched"


def test_every_guard_of_every_row_refuses_somewhere() -> None:
    reached = {(case.row, case.guard) for case in REFUSED} | set(AUTOMATIC)
    pairs = {(step.id, guard) for step in STEPS for guard in step.guards}
    print(f"guards of rows of the lead table refused: {len(reached & pairs)} of {len(pairs)}")  # noqa: T201
    assert reached == pairs


# --- wrong roles ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("taken", TAKEN, ids=lambda taken: f"{taken.row} from {taken.place}")
def test_nobody_else_may_take_the_row(road: Road, taken: Any) -> None:
    PLACES[taken.place](road)
    if taken.on:
        road.on(taken.on)
    if taken.before:
        taken.before(road)
    inputs = taken.inputs(road) if callable(taken.inputs) else taken.inputs
    department = taken.who.grants[0].department if taken.who.grants else None
    rows = [step for step in STEPS if step.act is taken.act and road.facts.state in step.frm]
    for who in lr.EVERYBODY:
        if not any(may(who, step, -1, department) for step in rows):
            assert refusal(road, who, taken.act, inputs).code == "lead.not_your_desk"


@pytest.mark.parametrize(
    "taken", [one for one in TAKEN if "+" in LAW[one.row].by], ids=lambda taken: f"{taken.row} from {taken.place}"
)
def test_nobody_else_may_ask(road: Road, taken: Any) -> None:
    PLACES[taken.place](road)
    step = next(step for step in STEPS if step.id == taken.row)
    department = "SCJG" if "D" in LAW[taken.row].by.replace("SD", "").replace("CD", "") else None
    for who in lr.EVERYBODY:
        if not may(who, step, 0, department):
            assert refusal(road, who, step.ask, {}).code == "lead.not_your_desk"
        elif step.id != "T38e":  # there is nothing on hold here, which comes before the inputs
            assert refusal(road, who, step.ask, {"nonsense": 1}).code == "lead.input_invalid"


def test_a_market_manager_and_a_clerk_reach_only_what_they_reported(road: Road) -> None:
    lr.to_returned(road)
    for who in (lr.MANAGER, lr.CLERK):
        assert refusal(road, who, Act.RESUBMIT, {"description": "补充"}).code == "lead.not_your_desk"
    theirs = Road(road.calendar).report(lr.MANAGER, reporter_id=lr.MANAGER.id)
    lr.to_returned(theirs)
    assert refusal(theirs, WORKER, Act.RESUBMIT, {"description": "补充"}).code == "lead.not_your_desk"
    theirs.does(lr.MANAGER, Act.RESUBMIT, description="补充")
    assert theirs.state == "reported"


# --- roles that depend on the case ------------------------------------------------------------------------------------


def test_an_uncertain_lead_is_the_supervision_offices_too(road: Road) -> None:  # R30
    lr.to_community(road)
    road.does(
        CD,
        Act.SUBMIT_UP,
        exceeds_authority=True,
        ground="refuses",
        reason="有异议",
        proposed_department="SCJG",
        uncertain=True,
    )
    road.does(SO, Act.PUSH, **PUSH)
    assert "uncertain" not in road.facts.flags  # settled by the push (R38)
    certain = Road(road.calendar).report()
    lr.to_street(certain)
    for act, inputs in ((Act.PUSH, PUSH), (Act.SEND_BACK, {"ground": "evidence", "reason": "不足"})):
        assert refusal(certain, SO, act, inputs).code == "lead.not_your_desk"


def test_a_major_lead_is_closed_by_the_street_not_by_the_community(road: Road) -> None:  # R31
    road.does(WORKER, Act.FAST_LANE, hazards=["gas"], acknowledged_by="李明", narrative="瓶装气")
    road.does(SD, Act.PUSH, **PUSH)
    lr.intervenes(road)
    lr.is_done(road)
    road.does(lr.OTHER_WORKER, Act.REPORT_PASSED, visit="visit-ok")
    assert refusal(road, CD, Act.PASS, {}).code == "lead.not_your_desk"
    road.does(SD, Act.PASS)
    assert road.state == "closed"


def test_the_street_approves_the_first_return_the_office_the_later_ones(road: Road) -> None:  # R18
    lr.to_pending(road)
    assert refusal(road, SO, Act.APPROVE_RETURN, {"decision": "同意"}).code == "lead.not_your_desk"
    road.does(SD, Act.APPROVE_RETURN, decision="同意")
    road.does(SD, Act.PUSH, **{**PUSH, "lead_department": "CG"})
    road.does(DL["CG"], Act.REQUEST_RETURN, **lr.RETURN)
    assert refusal(road, SD, Act.APPROVE_RETURN, {"decision": "同意"}).code == "lead.not_your_desk"
    assert refusal(road, SD, Act.PASS_ON_RETURN, REASON).facts["guard"] == "street_decides"
    road.does(SO, Act.APPROVE_RETURN, decision="同意")
    assert road.state == "street"


def test_a_request_that_the_street_passed_on_is_the_offices(road: Road) -> None:  # R18
    lr.to_pending(road)
    road.does(SD, Act.PASS_ON_RETURN, reason="有争议")
    assert refusal(road, SD, Act.APPROVE_RETURN, {"decision": "同意"}).code == "lead.not_your_desk"
    road.does(SO, Act.APPROVE_RETURN, decision="同意")
    assert road.state == "street"


def test_a_request_that_was_taken_back_still_counts(road: Road) -> None:  # R18
    lr.to_pending(road)
    road.does(DL["SCJG"], Act.TAKE_BACK_RETURN)
    road.does(DL["SCJG"], Act.REQUEST_RETURN, **lr.RETURN)
    ruling = road.duties(ObligationKind.RULING, "SCJG")
    assert [(duty.owner, duty.ended) for duty in ruling] == [("street", "cancelled"), ("supervision", None)]
    assert refusal(road, SD, Act.APPROVE_RETURN, {"decision": "同意"}).code == "lead.not_your_desk"


def test_the_office_may_waive_an_assist_that_asks_to_return_it(road: Road) -> None:  # edge case (h)
    lr.to_assisted(road)
    waive = {"assignment": road.unit("CG").id, "reason": "不需要"}
    assert refusal(road, SO, Act.WAIVE_ASSIST, waive).code == "lead.not_your_desk"
    road.does(DL["CG"], Act.REQUEST_RETURN, **lr.RETURN)
    road.does(SO, Act.WAIVE_ASSIST, **waive)
    assert road.units() == {"SCJG": "pushed", "CG": "cancelled"}
    assert road.ended(ObligationKind.RULING, "CG") == "cancelled"


def test_the_office_acknowledges_for_a_peer_once_it_is_overdue(road: Road) -> None:  # R24
    lr.to_peer(road)
    road.on("2026-09-22")
    assert refusal(road, SO, Act.PEER_ACK, {"text": "已收"}).code == "lead.not_your_desk"
    road.on("2026-09-23")
    road.does(SO, Act.PEER_ACK, text="已收")
    assert road.ended(ObligationKind.PEER_ACK) == "met"


# --- the order of R33 ---------------------------------------------------------------------------------------------------


def test_what_nobody_asked_for_comes_before_the_question_which_assignment(road: Road) -> None:
    lr.to_assisted(road)
    assert refusal(road, SO, Act.HOLD, {}).facts["guard"] == "asked_first"
    for code in ("SCJG", "CG"):
        road.does(DL[code], Act.ASK_HOLD, **HOLD)
    assert refusal(road, SO, Act.HOLD, {}).facts["missing"] == ["assignment"]
    road.does(SO, Act.HOLD, assignment=road.unit("CG").id)
    assert [len(road.unit(code).holds) for code in ("SCJG", "CG")] == [0, 1]


def test_role_comes_before_version_before_state_before_input(road: Road) -> None:
    lr.to_street(road)
    far = 99
    assert refusal(road, CD, Act.PUSH, {"nonsense": 1}, version=far).code == "lead.not_your_desk"
    assert refusal(road, SD, Act.SIGN_IN, {}, version=far).code == "lead.not_your_desk"
    assert refusal(road, CD, Act.ACCEPT, {"nonsense": 1}, version=far).code == "lead.changed_meanwhile"
    assert refusal(road, CD, Act.ACCEPT, {"nonsense": 1}).code == "lead.step_not_allowed"
    assert refusal(road, SD, Act.PUSH, {"nonsense": 1}).code == "lead.input_invalid"
    assert refusal(road, SD, Act.PUSH, {}).code == "lead.input_missing"


def test_a_condition_of_the_lead_comes_before_the_inputs_are_looked_at(road: Road) -> None:
    lr.to_pending(road)
    refused = refusal(road, SO, Act.ESCALATE, {"nonsense": 1})
    assert (refused.code, refused.facts["guard"]) == ("lead.guard_failed", "no_return_is_pending")


def test_the_same_person_comes_before_the_version(road: Road) -> None:
    grants = (Grant(Role.CASE_OFFICER, None, "SCJG"), Grant(Role.DEPARTMENT_LEADER, None, "SCJG"))
    both = Actor("both", "both", grants)
    lr.to_working(road)
    road.does(both, Act.REPORT_DONE, **lr.DONE)
    assert refusal(road, both, Act.CONFIRM_DONE, {}, version=99).code == "lead.same_person"
    road.does(DL["SCJG"], Act.CONFIRM_DONE)
    assert road.state == "verifying"


def test_what_is_dispatched_cannot_be_merged_only_linked(road: Road) -> None:  # R25
    lr.to_department(road)
    assert refusal(road, SD, Act.MERGE, MERGE).code == "lead.both_dispatched"
    change = road.does(SD, Act.LINK_RELATED, lead=OTHER)
    assert road.facts.related == {OTHER}
    assert [(one.lead_id, one.act, one.inputs) for one in change.elsewhere] == [(OTHER, "linked", {"lead": "lead"})]


def test_a_refusal_says_what_can_be_done_now(road: Road) -> None:
    lr.to_department(road)
    refused = refusal(road, DO["SCJG"], Act.FEEDBACK, lr.FEEDBACK)
    assert refused.facts["allowed"] == ["intervene"]
    assert (refused.facts["lead_state"], refused.facts["assignment_state"]) == ("dispatched", "pushed")


def test_several_assignments_must_be_told_apart(road: Road) -> None:
    lr.to_assisted(road)
    assert refusal(road, SD, Act.WITHDRAW_PUSH, REASON).facts["missing"] == ["assignment"]
    assert refusal(road, SD, Act.WITHDRAW_PUSH, {**REASON, "assignment": "nothing"}).code == "lead.input_invalid"
    road.does(SD, Act.WITHDRAW_PUSH, assignment=road.unit("CG").id, **REASON)
    assert road.units() == {"SCJG": "pushed", "CG": "cancelled"}


def test_every_code_that_the_rules_use_stands_in_the_catalogue() -> None:
    used = {code for step in STEPS for _, code in step.not_from}
    used |= {
        "lead.not_your_desk",
        "lead.changed_meanwhile",
        "lead.step_not_allowed",
        "lead.guard_failed",
        "lead.same_person",
    }
    assert used <= set(CATALOGUE)


def test_a_package_of_another_lead_is_refused_at_the_confirmation_too(road: Road) -> None:  # R31: judged at both
    lr.to_group(road)
    road.does(SO, Act.ASK_ESCALATE_CITY, **lr.CITY)
    road.known = replace(road.known, packages=frozenset())
    assert refusal(road, LG, Act.ESCALATE_CITY, {}).facts["guard"] == "package_was_exported"
    assert PACKAGE not in road.known.packages
