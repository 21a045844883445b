"""The worked cases of domain.md §4c and the edge cases (a)–(n) of §4b, as stories."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, time

import pytest

from gridwatch.domain.lead_words import Act
from gridwatch.domain.obligations import DEFAULT_POLICY, ObligationKind, late_by
from tests.domain import lead_road as lr
from tests.domain.lead_road import (
    CD,
    CH,
    DL,
    DO,
    OTHER,
    PUSH,
    SD,
    SO,
    WORKER,
    Road,
    feeds_back,
    pushed,
    refused,
)
from tests.domain.test_lead_table import HOLD

INTERVENE = ObligationKind.INTERVENE
FEEDBACK = ObligationKind.FEEDBACK
REWORK = ObligationKind.REWORK


class TestTheWorkedCases:
    def test_1_a_push_before_spring_festival_entered_three_work_days_late(self, road: Road) -> None:
        pushed(road, "2026-02-11")
        duty = road.duties(INTERVENE, "SCJG")[0]
        assert duty.due_on == date(2026, 2, 25)
        lr.intervenes(road.on("2026-02-28"))
        met = road.facts.duty(duty.id)
        assert met is not None
        assert (met.ended, met.ended_on) == ("met", date(2026, 2, 28))
        assert late_by(met.due_on, date(2026, 2, 28), road.calendar) == 3

    def test_2_the_wrong_department_returns_it_in_time(self, road: Road) -> None:
        pushed(road, "2025-09-22", "CG")
        assert road.due(INTERVENE, "CG") == date(2025, 9, 28)
        road.on("2025-09-24").does(DL["CG"], Act.REQUEST_RETURN, **lr.RETURN)
        road.on("2025-09-25").does(SD, Act.APPROVE_RETURN, decision="同意")
        road.does(SD, Act.PUSH, **{**PUSH, "lead_department": "SY"})
        assert road.due(INTERVENE, "SY") == date(2025, 10, 9)
        assert [road.due(FEEDBACK, "SY", k) for k in (1, 2)] == [date(2025, 10, 22), date(2025, 11, 12)]
        assert road.ended(INTERVENE, "CG") == "cancelled"

    def test_2_asked_after_the_day_its_intervention_stays_missed(self, road: Road) -> None:
        pushed(road, "2025-09-22", "CG")
        road.on("2025-09-29").does(DL["CG"], Act.REQUEST_RETURN, **lr.RETURN, new_facts="已查明属食药")
        road.does(SD, Act.APPROVE_RETURN, decision="同意")
        assert road.ended(INTERVENE, "CG") == "missed"
        assert road.ended(FEEDBACK, "CG", 1) == "cancelled"

    def test_3_a_second_feedback_in_one_window_does_not_move_the_grid(self, road: Road) -> None:
        pushed(road, "2025-03-10")
        lr.intervenes(road)
        feeds_back(road, "2025-03-20")
        feeds_back(road, "2025-03-28")
        assert road.ended(FEEDBACK, "SCJG", 1) == "met"
        assert road.due(FEEDBACK, "SCJG", 2) == date(2025, 4, 22)

    def test_4_an_empty_window_stays_missed_and_is_cured_two_days_late(self, road: Road) -> None:
        pushed(road, "2025-03-10")
        lr.intervenes(road)
        feeds_back(road, "2025-04-02")
        missed = road.duties(FEEDBACK, "SCJG", 1)[0]
        assert (missed.due_on, missed.ended, missed.ended_on) == (date(2025, 3, 31), "cured", date(2025, 4, 2))
        assert late_by(missed.due_on, date(2025, 4, 2), road.calendar) == 2
        assert road.ended(FEEDBACK, "SCJG", 2) == "met"

    def test_5_a_window_inside_the_verification_is_suspended_and_the_grid_goes_on(self, road: Road) -> None:
        pushed(road, "2025-03-10")
        lr.intervenes(road)
        lr.is_done(road.on("2025-03-28"))
        assert road.ended(FEEDBACK, "SCJG", 1) == "met"
        road.on("2025-04-24").does(WORKER, Act.FAIL, **lr.FAILED)
        assert road.ended(FEEDBACK, "SCJG", 2) == "suspended"
        verify = road.duties(ObligationKind.VERIFY)[0]
        assert (verify.due_on, verify.ended, verify.ended_on) == (date(2025, 4, 2), "met", date(2025, 4, 24))
        assert road.due(REWORK, "SCJG") == date(2025, 4, 30)
        assert road.due(FEEDBACK, "SCJG", 3) == date(2025, 5, 15)

    def test_7_a_notice_served_on_the_third_is_rechecked_by_the_seventeenth(self, road: Road) -> None:
        road.on("2026-03-03").report()
        lr.to_community(road)
        change = road.does(CH, Act.SERVE_NOTICE, **lr.NOTICE)
        assert road.due(ObligationKind.RECHECK) == date(2026, 3, 17)
        assert [(task.kind, task.due_on) for task in change.tasks] == [("recheck", date(2026, 3, 17))]

    @pytest.mark.parametrize(("at", "on"), [(15, date(2026, 3, 17)), (16, date(2026, 3, 18))])
    def test_8_both_sides_of_midnight(self, road: Road, at: int, on: date) -> None:
        pushed(road, "2026-03-10")
        assert road.due(INTERVENE, "SCJG") == date(2026, 3, 17)
        road.now = datetime(2026, 3, 17, at, 30, tzinfo=UTC)
        lr.intervenes(road)
        assert road.duties(INTERVENE, "SCJG")[0].ended_on == on


class TestEdgeCases:
    def test_a_a_duplicate_of_a_dispatched_lead_adds_a_report_and_moves_no_clock(self, road: Road) -> None:
        lr.to_department(road)
        duties = road.facts.duties
        change = road.told_by_system(Act.REPORT_ADDED)
        assert (road.facts.reports, road.facts.duties) == (2, duties)
        assert (change.tell, change.departments) == (("reporter", "department_receiver"), ("SCJG",))
        road.told_by_system(Act.REPORT_REMOVED)
        assert road.facts.reports == 1

    def test_a_the_child_points_to_its_master_which_is_told(self, road: Road) -> None:
        change = road.does(CD, Act.MERGE, master=OTHER, reason="同一店铺")
        assert (road.facts.master_id, road.facts.outcome, road.facts.merged_on) == (OTHER, "duplicate", road.today)
        assert [(one.lead_id, one.act) for one in change.elsewhere] == [(OTHER, "report_added")]
        change = road.does(SD, Act.UNMERGE, reason="不是同一家")
        assert [(one.lead_id, one.act) for one in change.elsewhere] == [(OTHER, "report_removed")]
        assert (road.state, road.facts.master_id, road.facts.outcome) == ("reported", None, None)

    def test_f_a_successor_takes_over_with_the_same_push(self, road: Road) -> None:
        lr.to_working(road)
        duties, push_on = road.facts.duties, road.unit("SCJG").push_on
        change = road.told_by_system(Act.INHERIT, assignment=road.unit("SCJG").id, department="CG")
        assert (road.facts.duties, road.unit("CG").push_on, change.departments) == (duties, push_on, ("CG",))
        feeds_back(road, "2026-10-15", "CG")
        assert road.ended(FEEDBACK, "CG", 1) == "met"

    @pytest.mark.parametrize(("abolished", "successor"), [("CG", "SCJG"), ("SCJG", "CG")])
    def test_f_a_successor_that_has_the_lead_already_keeps_one_assignment(
        self, road: Road, abolished: str, successor: str
    ) -> None:
        lr.to_assisted(road)
        road.told_by_system(Act.INHERIT, assignment=road.unit(abolished).id, department=successor)
        assert [(unit.department, unit.role) for unit in road.facts.live_units] == [(successor, "lead")]
        assert [unit.end_cause for unit in road.facts.units if not unit.live] == ["role_changed"]

    def test_f_a_push_to_an_abolished_department_goes_to_its_successor(self, road: Road) -> None:
        lr.to_street(road)
        road.does(SD, Act.PUSH, **{**PUSH, "lead_department": "OLD"})
        assert road.units() == {"SCJG": "pushed"}

    def test_g_a_third_push_needs_a_ruling_and_is_born_ruled(self, road: Road) -> None:  # R18
        lr.to_returned_twice(road)
        assert (road.facts.returns, road.facts.requests, road.facts.bounces) == (2, 2, 2)
        assert refused(road, SD, Act.PUSH, **{**PUSH, "lead_department": "SY"}) == "ruling_to_push_again"
        road.does(SD, Act.PUSH, **{**PUSH, "lead_department": "SY"}, ruling_no="裁3")
        assert road.unit("SY").ruled
        assert (
            refused(road, DL["SY"], Act.REQUEST_RETURN, **{**lr.RETURN, "proper_department": "CG"})
            == "return_in_time_or_new_facts"
        )
        road.does(DL["SY"], Act.REQUEST_RETURN, **{**lr.RETURN, "proper_department": "CG"}, new_facts="主体已迁址")
        assert road.units()["SY"] == "return_pending"

    def test_g_back_to_who_returned_it_only_with_a_ruling(self, road: Road) -> None:  # R38
        lr.to_returned_once(road)
        road.does(SD, Act.PUSH, **PUSH, ruling_no="裁4")
        assert (road.unit("SCJG").state, road.unit("SCJG").ruled) == ("pushed", True)

    def test_h_a_refusing_assist_holds_up_the_verification_until_it_is_ruled_or_waived(self, road: Road) -> None:  # R19
        lr.to_assisted(road)
        lr.intervenes(road)
        road.does(DL["CG"], Act.REQUEST_RETURN, **lr.RETURN)
        lr.is_done(road)
        assert road.state == "dispatched"
        road.does(SO, Act.WAIVE_ASSIST, assignment=road.unit("CG").id, reason="不需要")
        assert road.state == "verifying"

    def test_i_the_street_withdraws_a_push_without_fault_and_without_a_bounce(self, road: Road) -> None:  # R17
        lr.to_department(road)
        road.does(SD, Act.WITHDRAW_PUSH, reason="已自行改正")
        assert (road.state, road.facts.bounces, road.facts.returns) == ("street", 0, 0)
        assert road.ended(INTERVENE, "SCJG") == "cancelled"
        road.does(SD, Act.PUSH, **PUSH)  # a withdrawn push is no return: no ruling is needed
        assert road.units() == {"SCJG": "pushed"}

    def test_j_deregistration_settles_everything_but_a_missing_permit(self, road: Road) -> None:
        road.report(category="XS01")
        lr.to_street(road)
        road.does(SD, Act.CLOSE_WITHOUT_PUSH, outcome="deregistered", reason="已注销")
        assert (road.state, road.facts.outcome) == ("closed", "deregistered")

    def test_k_a_complaint_is_accepted_after_an_overdue_resubmission_never_voided(self, road: Road) -> None:  # R16
        road.report(lr.CLERK, source="complaint", reporter_id=lr.CLERK.id)
        lr.to_returned(road)
        road.on("2026-09-28")
        assert refused(road, CD, Act.WITHDRAW, reason="未补正") == "not_a_complaint"
        lr.to_community(road)
        assert road.state == "community"
        assert road.ended(ObligationKind.RESUBMIT) == "missed"

    def test_m_a_late_refusal_proposes_an_excuse_for_what_fell_due_meanwhile(self, road: Road) -> None:
        lr.to_pending(road)
        duty = road.duties(INTERVENE, "SCJG")[0]
        change = road.on("2026-09-28").does(SO, Act.REFUSE_RETURN, ruling_no="裁5", reason="属你部门")
        assert change.proposed == [duty.id]
        assert (road.ended(INTERVENE, "SCJG"), road.due(INTERVENE, "SCJG")) == (None, duty.due_on)  # the fact stays
        assert (road.unit("SCJG").state, road.unit("SCJG").ruled) == ("pushed", True)

    @pytest.mark.parametrize("day", ["2026-09-21", "2026-09-24"])
    def test_m_nothing_is_proposed_while_the_intervention_is_not_due(self, road: Road, day: str) -> None:
        lr.to_pending(road)
        change = road.on(day).does(SO, Act.REFUSE_RETURN, ruling_no="裁5", reason="属你部门")
        assert change.proposed == []

    def test_m_nothing_is_proposed_when_the_refusal_comes_in_time(self, road: Road) -> None:
        lr.to_department(road)
        road.on("2026-09-24").does(DL["SCJG"], Act.REQUEST_RETURN, **lr.RETURN, new_facts="新的证据")
        change = road.on("2026-09-28").does(
            SO, Act.REFUSE_RETURN, ruling_no="裁5", reason="属你部门"
        )  # the next work day
        assert (road.ended(ObligationKind.RULING, "SCJG"), change.proposed) == ("met", [])

    def test_m_nothing_is_proposed_for_what_was_overdue_before_the_request(self, road: Road) -> None:
        lr.to_department(road)
        road.on("2026-09-28").does(DL["SCJG"], Act.REQUEST_RETURN, **lr.RETURN, new_facts="新的证据")
        change = road.on("2026-10-09").does(SO, Act.REFUSE_RETURN, ruling_no="裁5", reason="属你部门")
        assert change.proposed == []

    def test_n_after_an_intervention_the_way_out_is_a_change_of_the_lead_department(self, road: Road) -> None:
        lr.to_working(road)
        assert refused(road, DL["SCJG"], Act.REQUEST_RETURN, **lr.RETURN) == "lead.step_not_allowed"
        new = {**PUSH, "lead_department": "CG", "old_lead": "returned", "reason": "主责在城管"}
        road.does(SD, Act.ASK_CHANGE_OF_LEAD, **new)
        road.does(SO, Act.CHANGE_LEAD, ruling_no="裁6")
        assert road.units() == {"SCJG": "returned", "CG": "pushed"}
        assert road.ended(INTERVENE, "SCJG") == "met"
        assert (road.unit("CG").ruled, road.facts.bounces) == (True, 0)


class TestPolicies:
    def test_a_running_clock_keeps_the_limit_that_it_began_with(self, road: Road) -> None:
        lr.to_assisted(road)
        road.policy = replace(DEFAULT_POLICY, version=2, days={**DEFAULT_POLICY.days, FEEDBACK: 20, INTERVENE: 3})
        road.does(DL["SCJG"], Act.ASK_HOLD, **HOLD)
        road.does(SO, Act.HOLD)
        assert road.due(INTERVENE, "SCJG") == date(2026, 10, 8)  # five work days outside the hold, as before
        lr.intervenes(road)
        feeds_back(road, "2026-10-16")
        assert [road.ended(FEEDBACK, "SCJG", k) for k in (1, 2)] == ["cured", "met"]
        assert road.due(FEEDBACK, "SCJG", 3) == road.calendar.add(date(2026, 9, 18), 45).on
        road.does(SD, Act.WAIVE_ASSIST, assignment=road.unit("CG").id, reason="不需要")
        road.does(SD, Act.ADD_ASSIST, department="SY", duty="抽检")
        assert road.due(FEEDBACK, "SY", 1) == road.calendar.add(date(2026, 10, 16), 20).on
        assert road.due(INTERVENE, "SY") == road.calendar.add(date(2026, 10, 16), 3).on

    def test_a_follow_up_keeps_its_grid_too(self, road: Road) -> None:
        lr.to_city(road)
        road.policy = replace(DEFAULT_POLICY, version=2, days={**DEFAULT_POLICY.days, ObligationKind.CITY_FOLLOW: 5})
        road.on("2026-10-16").does(SO, Act.FOLLOW_UP, text="已联系")
        assert road.ended(ObligationKind.CITY_FOLLOW, k=2) == "met"
        assert road.due(ObligationKind.CITY_FOLLOW, k=3) == date(2026, 11, 26)

    def test_a_second_follow_up_has_the_limit_of_its_own_day(self, road: Road) -> None:
        lr.to_city(road)
        road.on("2026-10-16").does(SO, Act.INSTRUCT, **lr.INSTRUCTION)
        road.policy = replace(DEFAULT_POLICY, version=2, days={**DEFAULT_POLICY.days, ObligationKind.CITY_FOLLOW: 5})
        road.on("2026-10-20").does(SO, Act.ESCALATE, **lr.ESCALATION)
        road.does(SO, Act.ASK_ESCALATE_CITY, **lr.CITY)
        road.does(lr.LG, Act.ESCALATE_CITY)
        road.on("2026-11-04").roll()
        windows = [duty.due_on for duty in road.facts.open(ObligationKind.CITY_FOLLOW)]
        assert windows == [road.calendar.add(date(2026, 10, 20), 5 * k).on for k in (1, 2, 3, 4)]

    @pytest.mark.parametrize(("hour", "how"), [(17, "met in time"), (18, "late")])
    def test_the_close_of_business_may_end_the_day(self, road: Road, hour: int, how: str) -> None:  # §4c
        lr.to_department(road)
        road.policy = replace(DEFAULT_POLICY, closes_at=time(17, 30))
        lr.intervenes(road.on("2026-09-24", hour=hour))
        duty = road.duties(INTERVENE, "SCJG")[0]
        assert duty.ended_on == date(2026, 9, 24 if how == "met in time" else 25)
        feeds_back(road, "2026-10-15")
        assert road.ended(FEEDBACK, "SCJG", 1) == "met"

    def test_after_the_close_a_feedback_counts_for_the_next_day(self, road: Road) -> None:
        lr.to_working(road)
        road.policy = replace(DEFAULT_POLICY, closes_at=time(17, 30))
        road.on("2026-10-15", hour=18).does(DO["SCJG"], Act.FEEDBACK, **lr.FEEDBACK)
        assert [road.ended(FEEDBACK, "SCJG", k) for k in (1, 2)] == ["cured", "met"]
