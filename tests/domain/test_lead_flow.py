"""The straight road of a lead, without a database: report, accept, submit, push, intervene, feed back, report done, verify, close."""

from __future__ import annotations

from datetime import date

import pytest

from gridwatch.domain import lead_flow, lead_rules
from gridwatch.domain.errors import Refusal
from gridwatch.domain.lead_effects import EFFECTS
from gridwatch.domain.lead_facts import Change, EndDuty, OpenDuty
from gridwatch.domain.lead_guards import CASES, GUARDS
from gridwatch.domain.lead_words import Act
from gridwatch.domain.obligations import ObligationKind
from gridwatch.domain.permits import Actor, Grant, Role
from tests.domain import lead_road as lr
from tests.domain.lead_road import CD, CH, DL, DO, DR, OTHER_WORKER, PUSH, SD, SO, WORKER, Road


def test_a_push_before_the_holiday_has_the_dates_of_the_table(road: Road) -> None:
    lr.to_department(road)
    assert road.due(ObligationKind.INTERVENE, "SCJG") == date(2026, 9, 24)  # Sunday the 20th is worked in exchange
    assert road.due(ObligationKind.FEEDBACK, "SCJG", 1) == date(2026, 10, 15)
    assert road.due(ObligationKind.FEEDBACK, "SCJG", 2) == date(2026, 11, 5)


def test_signing_in_has_no_clock_effect(road: Road) -> None:
    lr.to_department(road)
    before = road.facts.duties
    road.does(DR["SCJG"], Act.SIGN_IN, officer="officer SCJG")
    assert road.facts.duties == before


def test_the_whole_road_ends_closed_with_nothing_open(road: Road) -> None:
    lr.to_verifying(road)
    change = lr.passes(road)
    assert (road.state, road.facts.outcome, change.copies) == ("closed", "permitted", ("CG",))
    assert not road.facts.open()
    assert not road.facts.live_units
    assert road.ended(ObligationKind.INTERVENE, "SCJG") == "met"
    assert road.ended(ObligationKind.FEEDBACK, "SCJG", 1) == "met"  # reporting done counts for its window
    assert road.ended(ObligationKind.FEEDBACK, "SCJG", 2) == "cancelled"


def test_whoever_intervenes_first_is_the_officer_when_nobody_signed_in(road: Road) -> None:  # R38
    lr.to_department(road)
    lr.intervenes(road)
    assert road.unit("SCJG").officer_id == "officer SCJG"
    assert road.unit("SCJG").intervened_on == date(2026, 9, 18)


def test_two_early_entries_do_not_pre_pay(road: Road) -> None:
    lr.to_working(road)
    for _ in range(2):
        road.does(DO["SCJG"], Act.FEEDBACK, **lr.FEEDBACK)
    assert road.ended(ObligationKind.FEEDBACK, "SCJG", 1) == "met"
    assert road.ended(ObligationKind.FEEDBACK, "SCJG", 2) is None


def test_a_served_notice_moves_the_communitys_date_once_per_clock(road: Road) -> None:  # R2
    lr.to_community(road)
    road.on("2026-09-23")
    road.does(CH, Act.SERVE_NOTICE, **lr.NOTICE)
    extended = road.due(ObligationKind.C_HANDLE)
    assert (road.due(ObligationKind.RECHECK), extended) == (date(2026, 10, 14), date(2026, 10, 16))
    road.later(days=1).does(CH, Act.SERVE_NOTICE, **{**lr.NOTICE, "number": "告2026-2"})
    assert road.due(ObligationKind.C_HANDLE) == extended
    # The clock of a lead that came back from the street is another one.
    road.does(
        CD, Act.SUBMIT_UP, exceeds_authority=True, ground="refuses", reason="拒不配合", proposed_department="SCJG"
    )
    road.does(SD, Act.SEND_BACK, ground="evidence", reason="证据不足")
    road.does(CH, Act.SERVE_NOTICE, **{**lr.NOTICE, "number": "告2026-3"})
    assert [duty.cause for duty in road.duties(ObligationKind.C_HANDLE)] == [
        "T05",
        "notice_served",
        "T11",
        "notice_served",
    ]


def test_a_clock_that_a_new_calendar_moved_was_extended_all_the_same(road: Road) -> None:  # R2
    lr.to_community(road)
    road.does(CH, Act.SERVE_NOTICE, **lr.NOTICE)
    old = road.facts.open(ObligationKind.C_HANDLE)[0]
    moved = OpenDuty(
        old.kind, 1, None, old.anchor_on, old.days, date(2026, 10, 12), False, "calendar", supersedes=old.id
    )
    ended = EndDuty(old.id, "superseded", "calendar", road.today)
    road.keep(road.facts, Change("", "dates_recomputed", opened=[moved], ended=[ended]))
    road.on("2026-10-09").does(CH, Act.SERVE_NOTICE, **{**lr.NOTICE, "number": "告2026-2"})
    assert road.due(ObligationKind.C_HANDLE) == date(2026, 10, 12)


def test_an_overdue_clock_of_the_community_is_not_extended(road: Road) -> None:  # R2
    lr.to_community(road)
    road.on("2026-10-08")
    road.does(CH, Act.SERVE_NOTICE, **lr.NOTICE)
    assert road.due(ObligationKind.C_HANDLE) == date(2026, 9, 30)


def test_the_correction_of_the_reporter_is_taken_over(road: Road) -> None:
    lr.to_returned(road)
    change = road.does(WORKER, Act.RESUBMIT, description="补了照片", category="XS03", evidence=["d" * 64])
    assert change.lead["description"] == "补了照片"
    assert (road.facts.category, road.facts.evidence) == ("XS03", {lr.PHOTO, "d" * 64})


def test_accepting_is_the_review_of_what_a_market_manager_reported(road: Road) -> None:  # R30
    road.report(lr.MANAGER, reporter_id=lr.MANAGER.id, flags=frozenset({"needs_review"}))
    lr.to_community(road)
    assert (road.facts.flags, road.facts.handler_id) == (frozenset(), "community handler")


# --- steps of two persons (R31) -------------------------------------------------------------------------------------


def test_asking_is_recorded_and_raises_the_version_and_moves_nothing(road: Road) -> None:
    lr.to_working(road)
    before = road.facts
    change = road.does(DO["SCJG"], Act.REPORT_DONE, **lr.DONE)
    assert change.asked
    assert road.facts.version == before.version + 1
    assert (road.facts.state, road.facts.units, road.facts.duties) == (before.state, before.units, before.duties)


def test_only_the_confirmation_moves_and_its_day_counts(road: Road) -> None:
    lr.to_working(road)
    road.on("2026-10-15").does(DO["SCJG"], Act.REPORT_DONE, **lr.DONE)
    road.on("2026-10-16").does(DL["SCJG"], Act.CONFIRM_DONE)
    assert road.ended(ObligationKind.FEEDBACK, "SCJG", 1) == "cured"  # asked in window 1, confirmed in window 2
    assert road.unit("SCJG").suspended_from == date(2026, 10, 16)


def test_one_confirms_what_was_asked_and_nothing_else(road: Road) -> None:
    lr.to_working(road)
    road.does(DO["SCJG"], Act.REPORT_DONE, **lr.DONE)
    with pytest.raises(Refusal, match=r"lead.input_invalid.*differs"):
        road.does(DL["SCJG"], Act.CONFIRM_DONE, outcome="penalised")
    road.does(DL["SCJG"], Act.CONFIRM_DONE, copies=["CG"])  # adding is not differing
    assert (road.unit("SCJG").outcome, road.unit("SCJG").copies) == ("permitted", ("CG",))


def test_nobody_confirms_what_nobody_asked_for(road: Road) -> None:
    lr.to_working(road)
    with pytest.raises(Refusal, match=r"lead.guard_failed.*asked_first"):
        road.does(DL["SCJG"], Act.CONFIRM_DONE)


def test_asking_again_replaces_the_earlier_ask(road: Road) -> None:
    lr.to_working(road)
    road.does(DO["SCJG"], Act.REPORT_DONE, **lr.DONE)
    change = road.does(DO["SCJG"], Act.REPORT_DONE, **{**lr.DONE, "outcome": "penalised"})
    assert list(change.asks_end.values()) == ["lapsed"]
    road.does(DL["SCJG"], Act.CONFIRM_DONE)
    assert road.facts.outcome == "penalised"


def test_nobody_confirms_what_he_asked_for_himself(road: Road) -> None:
    both = Actor("both", "both", (Grant(Role.CASE_OFFICER, None, "SCJG"), Grant(Role.DEPARTMENT_LEADER, None, "SCJG")))
    lr.to_working(road)
    road.does(both, Act.REPORT_DONE, **lr.DONE)
    with pytest.raises(Refusal, match="lead.same_person"):
        road.does(both, Act.CONFIRM_DONE)


def test_an_ask_lapses_when_the_lead_moves_on(road: Road) -> None:
    lr.to_verifying(road)
    road.does(OTHER_WORKER, Act.REPORT_PASSED, visit="visit-ok")
    road.does(CD, Act.FAIL, failed_points="照片是旧的", evidence=[lr.PHOTO])
    assert road.facts.asks == ()


def test_an_ask_lapses_when_its_assignment_moves_and_stays_when_another_does(road: Road) -> None:
    lr.to_assisted(road)
    hold = {"code": "testing", "from_on": "2026-09-18", "until_on": "2026-09-30", "document": "检测委托"}
    road.does(DL["SCJG"], Act.ASK_HOLD, **hold)
    road.does(DR["CG"], Act.SIGN_IN, officer="officer CG")
    assert len(road.facts.asks) == 1
    change = road.does(DR["SCJG"], Act.SIGN_IN, officer="officer SCJG")
    assert (road.facts.asks, list(change.asks_end.values())) == ((), ["lapsed"])


def test_an_ask_of_the_old_lead_department_lapses_when_it_becomes_an_assist(road: Road) -> None:
    lr.to_working(road)
    road.does(DO["SCJG"], Act.REPORT_DONE, **lr.DONE)
    road.does(
        SD,
        Act.ASK_CHANGE_OF_LEAD,
        **{**PUSH, "lead_department": "CG"},
        old_lead="assist",
        reason="主责",
        consent="双方同意",
    )
    road.does(SO, Act.CHANGE_LEAD)
    assert road.facts.asks == ()


def test_an_ask_above_lapses_when_the_level_changes(road: Road) -> None:
    lr.to_group(road)
    road.does(SO, Act.ASK_SHELVE, reason="拆迁范围", review_on="2026-11-18")
    road.does(SO, Act.ASK_ESCALATE_CITY, **lr.CITY)
    change = road.does(lr.LG, Act.ESCALATE_CITY)
    assert road.facts.asks == ()
    assert sorted(change.asks_end.values()) == ["confirmed", "lapsed"]


# --- what may be done now ---------------------------------------------------------------------------------------------


def offered(road: Road, who: Actor) -> list[str]:
    return [f"{act.value}:{step.id}" for act, step, _ in lead_rules.allowed(road.facts, road.moment(who))]


def test_each_desk_is_offered_what_it_may_do_now(road: Road) -> None:
    assert offered(road, CD) == [
        "return_to_reporter:T03", "accept:T05", "merge:T06", "link_related:T06r", "fast_lane:T10", "correct:T40",
    ]  # fmt: skip
    lr.to_street(road)
    assert "push:T13" in offered(road, SD)
    road.does(SD, Act.PUSH, **PUSH)
    assert offered(road, DL["SCJG"]) == ["request_return:T15", "ask_hold:T38"]
    assert offered(road, DO["SCJG"]) == ["intervene:T20"]
    assert offered(road, DO["CG"]) == []
    road.does(DL["SCJG"], Act.REQUEST_RETURN, **lr.RETURN)
    assert "approve_return:T16" in offered(road, SD)
    assert offered(road, SO) == ["link_related:T06r", "refuse_return:T17", "start_joint:T29", "excuse:T42"]
    road.does(SD, Act.APPROVE_RETURN, decision="同意")
    assert [one for one in offered(road, SD) if one.startswith("push")] == ["push:T19"]


def test_a_confirmation_is_offered_once_somebody_asked(road: Road) -> None:
    lr.to_verifying(road)
    assert "pass:T27" not in offered(road, CD)
    road.does(OTHER_WORKER, Act.REPORT_PASSED, visit="visit-ok")
    assert "pass:T27" in offered(road, CD)


def test_the_rows_of_one_act_are_offered_as_far_as_the_facts_tell(road: Road) -> None:
    lr.to_closed(road)
    assert [one for one in offered(road, SD) if "reopen" in one] == ["reopen:T37", "reopen:T37c"]
    lr.to_verifying_locally(road.report())
    assert [one for one in offered(road, CD) if "fail" in one] == ["fail:T28c"]
    lr.to_group(road.report())
    assert [one for one in offered(road, SO) if "above" in one] == ["solved_above:T34"]
    lr.to_peer(road.report())
    assert [one for one in offered(road, SO) if "above" in one] == ["solved_above:T34", "solved_above:T34p"]


def test_every_guard_case_and_effect_that_the_table_names_exists_and_is_used() -> None:
    assert {guard for step in lead_flow.STEPS for guard in step.guards} == set(GUARDS)
    assert {effect for step in lead_flow.STEPS for effect in step.effects} == set(EFFECTS)
    cases = {name for step in lead_flow.STEPS for name in (*step.given, *(case for case, _ in step.by_if))}
    assert cases == set(CASES)
