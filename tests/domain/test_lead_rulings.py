"""What the rulings decide at street and department: returns, live assists, merges, fast lane, holds, verification, operations."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from gridwatch.domain.lead_facts import OtherLead
from gridwatch.domain.lead_words import Act, LeadState
from gridwatch.domain.obligations import ObligationKind
from tests.domain import lead_road as lr
from tests.domain.lead_road import (
    CD,
    CH,
    DL,
    DO,
    DR,
    OTHER,
    PHOTO,
    PUSH,
    SD,
    SO,
    WORKER,
    Road,
    feeds_back,
    refused,
)
from tests.domain.test_lead_table import HOLD, PRESENT

INTERVENE = ObligationKind.INTERVENE
FEEDBACK = ObligationKind.FEEDBACK
RULING = ObligationKind.RULING
REWORK = ObligationKind.REWORK


class TestReturns:
    def test_while_a_return_is_pending_nothing_stops_and_nothing_is_done(self, road: Road) -> None:  # T15, R18
        lr.to_pending(road)
        assert (
            refused(road, DO["SCJG"], Act.INTERVENE, **lr.INTERVENTION, occurred_on="2026-09-20")
            == "lead.step_not_allowed"
        )
        assert road.due(INTERVENE, "SCJG") == date(2026, 9, 24)
        assert refused(road, SD, Act.ASK_CHANGE_OF_LEAD) == "lead.step_not_allowed"  # R38

    def test_it_goes_back_to_where_it_was(self, road: Road) -> None:
        lr.to_department(road)
        road.does(DR["SCJG"], Act.SIGN_IN, officer="officer SCJG")
        road.does(DL["SCJG"], Act.REQUEST_RETURN, **lr.RETURN)
        road.does(DL["SCJG"], Act.TAKE_BACK_RETURN)
        assert road.unit("SCJG").state == "accepted"
        assert refused(road, SO, Act.REFUSE_RETURN, ruling_no="裁", reason="无") == "lead.step_not_allowed"

    def test_the_last_day_to_ask_is_the_second_work_day(self, road: Road) -> None:
        lr.to_department(road)  # Friday the 18th; Sunday the 20th is a work day
        road.on("2026-09-21", hour=23).does(DL["SCJG"], Act.REQUEST_RETURN, **lr.RETURN)
        assert road.units() == {"SCJG": "return_pending"}

    def test_a_returned_assist_leaves_the_lead_department_alone(self, road: Road) -> None:
        lr.to_pending_assist(road)
        road.does(SD, Act.APPROVE_RETURN, decision="同意")
        assert (road.state, road.facts.bounces, road.facts.returns) == ("dispatched", 0, 1)

    def test_the_first_of_a_round_counts_over_all_departments(self, road: Road) -> None:  # R18
        lr.to_pending_assist(road)
        road.does(SD, Act.APPROVE_RETURN, decision="同意")
        road.does(DL["SCJG"], Act.REQUEST_RETURN, **lr.RETURN)
        assert road.duties(RULING, "SCJG")[0].owner == "supervision"
        assert road.unit("SCJG").request_no == 2

    def test_reopening_starts_the_counters_anew_and_keeps_the_bounces(self, road: Road) -> None:  # R27
        lr.to_returned_twice(road)
        road.does(SD, Act.CLOSE_WITHOUT_PUSH, outcome="unfounded", reason="查无")
        road.does(SD, Act.REOPEN, target="street", reason="又举报")
        assert (road.facts.round, road.facts.requests, road.facts.returns, road.facts.bounces) == (2, 0, 0, 2)
        road.does(SD, Act.PUSH, **PUSH)  # the first push of the round, also to who returned it before
        assert road.changes[-1].step == "T13"
        assert not road.unit("SCJG").ruled

    def test_reopening_at_the_community_keeps_the_handler_unless_another_is_named(self, road: Road) -> None:  # R27
        lr.to_closed(road)
        change = road.does(SO, Act.REOPEN, target="community", reason="又开门")
        assert (road.facts.handler_id, change.departments) == ("community handler", ("SCJG",))
        assert (road.facts.outcome, road.facts.handlings) == (None, 0)


class TestTheStreetWithALiveAssist:
    def test_assists_stay_live_and_go_on_working(self, road: Road) -> None:  # R17, R23
        lr.to_street_with_assist(road)
        road.does(DR["CG"], Act.SIGN_IN, officer="officer CG")
        lr.intervenes(road, "CG")
        feeds_back(road, "2026-10-15", "CG")
        lr.is_done(road, "CG")
        assert (road.state, road.units()) == ("street", {"SCJG": "returned", "CG": "done_claimed"})
        road.does(SD, Act.PUSH, **{**PUSH, "lead_department": "SY"})
        lr.intervenes(road, "SY")
        lr.is_done(road, "SY", outcome="penalised")
        assert (road.state, road.facts.outcome) == ("verifying", "penalised")

    def test_its_return_is_decided_there_too(self, road: Road) -> None:  # R23
        lr.to_street_with_assist(road)
        road.does(DL["CG"], Act.REQUEST_RETURN, **lr.RETURN)
        road.does(SO, Act.APPROVE_RETURN, decision="同意")
        assert (road.state, road.units()["CG"]) == ("street", "returned")
        assert [duty.kind for duty in road.facts.open()] == [ObligationKind.TRIAGE_S]

    def test_a_joint_operation_can_start_there_and_keeps_it(self, road: Road) -> None:  # R23, T29
        lr.to_street_with_assist(road)
        road.does(SO, Act.START_JOINT, **{**PUSH, "lead_department": "SY"}, **lr.PLAN)
        assert road.units() == {"SCJG": "returned", "CG": "pushed", "SY": "pushed"}
        assert not road.unit("SY").ruled  # free of R18

    def test_merging_takes_the_assist_along_and_unmerging_gives_it_back(self, road: Road) -> None:  # R25
        lr.to_street_with_assist(road)
        lr.intervenes(road, "CG")
        before = {(duty.kind, duty.k, duty.unit_id): duty.due_on for duty in road.facts.open()}
        road.does(SD, Act.MERGE, master=OTHER, reason="同一店铺")
        assert road.unit("CG").end_cause == "merged"
        road.later(days=20).does(SD, Act.UNMERGE, reason="不是同一家")
        assert (road.state, road.unit("CG").state, road.unit("CG").end_cause) == ("street", "working", None)
        assert {(duty.kind, duty.k, duty.unit_id): duty.due_on for duty in road.facts.open()} == before
        feeds_back(road, "2026-10-15", "CG")
        assert road.ended(FEEDBACK, "CG", 1) == "met"


class TestMerging:
    def test_what_fell_due_meanwhile_is_overdue_at_once_and_an_excuse_is_proposed(self, road: Road) -> None:  # R25
        lr.to_merged(road)
        change = road.on("2026-10-09").does(SD, Act.UNMERGE, reason="不是同一家")
        duty = road.facts.open(ObligationKind.C_HANDLE)[0]
        assert (duty.due_on, duty.cause, change.proposed) == (date(2026, 9, 30), "unmerged", [duty.id])

    def test_what_was_overdue_before_stays_missed_and_no_excuse_is_proposed(self, road: Road) -> None:  # R5
        lr.to_community(road)
        road.on("2026-10-08").does(CD, Act.MERGE, master=OTHER, reason="同一店铺")
        assert road.ended(ObligationKind.C_HANDLE) == "missed"
        change = road.on("2026-10-09").does(SD, Act.UNMERGE, reason="不是同一家")
        assert change.proposed == []
        assert road.due(ObligationKind.C_HANDLE) == date(2026, 9, 30)

    def test_the_thirtieth_day_is_the_last_and_merging_again_starts_it_anew(self, road: Road) -> None:
        lr.to_merged(road)
        road.on("2026-10-16").does(SD, Act.UNMERGE, reason="不是同一家")
        road.does(CD, Act.MERGE, master=OTHER, reason="还是同一家")
        road.on("2026-10-20").does(SD, Act.UNMERGE, reason="不是")
        rows = road.duties(ObligationKind.C_HANDLE)
        assert [row.ended for row in rows] == ["cancelled", "missed", None]
        assert [row.supersedes for row in rows] == [None, rows[0].id, rows[1].id]

    def test_a_shelved_master_counts_as_what_it_was(self, road: Road) -> None:  # R25
        lr.to_community(road)
        assert refused(road, CD, Act.MERGE, master="shelved-near", reason="同一店铺") == "master_is_further"
        road.does(CD, Act.MERGE, master="shelved-far", reason="同一店铺")
        assert road.state == "merged"

    def test_of_two_equally_far_the_earlier_is_the_master(self, road: Road) -> None:  # T06
        assert refused(road, CD, Act.MERGE, master="young-lead", reason="同一店铺") == "master_is_further"
        old = OtherLead("old", LeadState.REPORTED, None, road.now - timedelta(hours=1))
        road.known = replace(road.known, leads={"old": old})
        road.does(CD, Act.MERGE, master="old", reason="同一店铺")
        assert road.facts.master_id == "old"

    def test_a_recheck_is_ordered_again(self, road: Road) -> None:
        lr.to_community(road)
        road.does(CH, Act.SERVE_NOTICE, **lr.NOTICE)
        road.does(CD, Act.MERGE, master=OTHER, reason="同一店铺")
        change = road.does(SD, Act.UNMERGE, reason="不是同一家")
        assert [(task.kind, task.due_on) for task in change.tasks] == [("recheck", road.due(ObligationKind.RECHECK))]


class TestTheFastLane:
    def test_two_hours_on_any_day_and_the_street_hears_at_once(self, road: Road) -> None:  # T10, R9
        road.on("2026-10-03", hour=23)
        change = road.does(WORKER, Act.FAST_LANE, hazards=["gas"], acknowledged_by="李明", narrative="瓶装气")
        duty = road.facts.open(ObligationKind.TRIAGE_S)[0]
        assert duty.due_at == datetime(2026, 10, 3, 17, tzinfo=UTC)
        assert (duty.due_on, duty.days, change.urgent) == (date(2026, 10, 4), 0, True)
        assert road.facts.flags == {"major"}

    @pytest.mark.parametrize(("minutes", "late"), [(120, False), (121, True)])
    def test_late_by_a_minute_is_late(self, road: Road, minutes: int, late: bool) -> None:
        road.does(WORKER, Act.FAST_LANE, hazards=["gas"], acknowledged_by="李明", narrative="瓶装气")
        duty = road.facts.open(ObligationKind.TRIAGE_S)[0]
        road.later(minutes=minutes).does(SD, Act.SEND_BACK, ground="evidence", reason="不足")
        excuse = {"obligation": duty.id, "reason": "停电", "evidence": [PHOTO]}
        if late:
            road.does(SO, Act.EXCUSE, **excuse)
        else:
            assert refused(road, SO, Act.EXCUSE, **excuse) == "duty_is_late"

    @pytest.mark.parametrize(("minutes", "how"), [(120, "cancelled"), (121, "missed")])
    def test_a_merge_cancels_what_is_not_overdue(self, road: Road, minutes: int, how: str) -> None:  # R5
        road.does(WORKER, Act.FAST_LANE, hazards=["gas"], acknowledged_by="李明", narrative="瓶装气")
        road.later(minutes=minutes).does(SD, Act.MERGE, master=OTHER, reason="同一店铺")
        assert road.ended(ObligationKind.TRIAGE_S) == how


class TestWhoIsTold:
    """Which departments the department roles of a row mean."""

    def test_a_new_department_alone_both_of_a_change_and_all_where_the_lead_moves(self, road: Road) -> None:
        lr.to_department(road)
        assert road.does(SD, Act.ADD_ASSIST, department="CG", duty="清理占道").departments == ("CG",)
        new = {**PUSH, "lead_department": "SY", "old_lead": "assist", "reason": "主责", "consent": "双方同意"}
        road.does(SD, Act.ASK_CHANGE_OF_LEAD, **new)
        assert road.does(SO, Act.CHANGE_LEAD).departments == ("SCJG", "SY")
        assert road.does(SO, Act.ESCALATE, **lr.ESCALATION).departments == ("CG", "SCJG", "SY")

    def test_the_reworking_department_alone(self, road: Road) -> None:
        lr.to_assisted(road)
        for code in ("SCJG", "CG"):
            lr.intervenes(road, code)
            lr.is_done(road, code)
        assert road.does(WORKER, Act.FAIL, **lr.FAILED, departments=["CG"]).departments == ("CG",)


class TestChangingTheLeadDepartment:
    def test_an_old_lead_kept_as_assist_keeps_its_row_and_grid(self, road: Road) -> None:  # R28
        lr.to_working(road)
        unit, duties = road.unit("SCJG"), road.duties(FEEDBACK, "SCJG")
        new = {**PUSH, "lead_department": "CG", "old_lead": "assist", "reason": "主责", "consent": "双方同意"}
        road.on("2026-09-21").does(SD, Act.ASK_CHANGE_OF_LEAD, **new)
        road.on("2026-09-22").does(SO, Act.CHANGE_LEAD)
        assert (road.unit("SCJG").id, road.unit("SCJG").role, road.duties(FEEDBACK, "SCJG")) == (
            unit.id,
            "assist",
            duties,
        )
        assert (road.unit("CG").role, road.unit("CG").push_on) == ("lead", date(2026, 9, 22))
        lr.intervenes(road, "CG")
        lr.is_done(road, "CG")
        assert road.state == "dispatched"  # the old one is awaited as an assist (R19)

    def test_an_assist_that_becomes_the_lead_is_pushed_anew(self, road: Road) -> None:  # R28
        lr.to_assisted(road)
        lr.intervenes(road, "CG")
        old = road.unit("CG").id
        new = {**PUSH, "lead_department": "CG", "old_lead": "returned", "reason": "主责", "consent": "双方同意"}
        road.does(SD, Act.ASK_CHANGE_OF_LEAD, **new)
        road.on("2026-09-22").does(SO, Act.CHANGE_LEAD)
        ended = road.facts.unit(old)
        assert ended is not None
        assert (ended.state, ended.end_cause) == ("cancelled", "role_changed")
        assert (road.unit("CG").state, road.unit("CG").push_on) == ("pushed", date(2026, 9, 22))


class TestHolds:
    def hold(self, road: Road, **changed: str) -> None:
        road.does(DL["SCJG"], Act.ASK_HOLD, **{**HOLD, **changed})
        road.does(SO, Act.HOLD)

    def test_days_of_several_holds_add_up_and_ending_early_shortens_nothing(self, road: Road) -> None:  # R10
        lr.to_department(road)
        self.hold(road)
        assert road.due(INTERVENE, "SCJG") == date(2026, 10, 8)
        road.does(DL["SCJG"], Act.ASK_END_HOLD, until_on="2026-09-21", reason="台风已过")
        road.does(SO, Act.END_HOLD)
        assert road.due(INTERVENE, "SCJG") == date(2026, 10, 8)
        assert [str(hold.until_on) for hold in road.unit("SCJG").holds] == ["2026-09-21"]
        self.hold(road, from_on="2026-09-24", until_on="2026-10-10")
        # Outside both holds, after the 18th: the 22nd, 23rd, then 12, 13 and 14 October.
        assert road.due(INTERVENE, "SCJG") == date(2026, 10, 14)
        duty = road.facts.open(INTERVENE)[0]
        assert road.calendar.add(duty.anchor_on, duty.days).on == duty.due_on  # the date can be explained

    def test_feedback_is_never_paused_and_other_reasons_move_nothing(self, road: Road) -> None:
        lr.to_department(road)
        before = road.facts.duties
        self.hold(road, code="testing")
        assert road.facts.duties == before
        self.hold(road)
        assert road.due(FEEDBACK, "SCJG", 1) == date(2026, 10, 15)

    def test_an_overdue_intervention_is_not_moved(self, road: Road) -> None:
        lr.to_department(road)
        road.on("2026-09-28")
        self.hold(road, from_on="2026-09-20", until_on="2026-10-10")
        assert road.due(INTERVENE, "SCJG") == date(2026, 9, 24)

    def test_a_hold_is_the_departments_own(self, road: Road) -> None:
        lr.to_assisted(road)
        self.hold(road)
        assert (road.due(INTERVENE, "SCJG"), road.due(INTERVENE, "CG")) == (date(2026, 10, 8), date(2026, 9, 24))
        assert [len(road.unit(code).holds) for code in ("SCJG", "CG")] == [1, 0]


class TestVerification:
    def test_only_the_named_department_reworks(self, road: Road) -> None:  # R20
        lr.to_assisted(road)
        for code in ("SCJG", "CG"):
            lr.intervenes(road, code)
            lr.is_done(road, code)
        road.does(WORKER, Act.FAIL, **lr.FAILED, departments=["CG"])
        assert (road.state, road.units()) == ("dispatched", {"SCJG": "done_claimed", "CG": "working"})
        assert [duty.unit_id for duty in road.facts.open(REWORK)] == [road.unit("CG").id]
        assert (road.unit("SCJG").suspended_from, road.unit("CG").suspended_from) == (date(2026, 9, 18), None)
        lr.is_done(road, "CG")
        assert (road.state, road.ended(REWORK, "CG")) == ("verifying", "met")

    def test_a_failure_of_the_communitys_own_work_is_the_communitys(self, road: Road) -> None:
        lr.to_verifying_locally(road)
        road.does(CD, Act.FAIL, **lr.FAILED)
        assert (road.state, road.facts.open(REWORK)[0].owner, road.facts.outcome) == ("community", "community", None)
        road.does(CH, Act.HANDLED_LOCALLY, measure="guided", outcome="ceased", narrative="已停业", evidence=[PHOTO])
        assert (road.state, road.ended(REWORK)) == ("verifying", "met")

    def test_after_an_answer_from_above_it_goes_back_above(self, road: Road) -> None:  # R20, R38
        lr.to_city(road)
        road.does(SO, Act.SOLVED_ABOVE, reply="已解决", outcome="solved_by_city")
        road.does(WORKER, Act.FAIL, **lr.FAILED)
        assert (road.state, [duty.kind for duty in road.facts.open()]) == ("escalated/city", [REWORK])
        assert road.facts.open(REWORK)[0].owner == "supervision"
        road.does(SO, Act.FOLLOW_UP, text="已反映")  # the grid of the follow-up does not come back (R38)
        road.does(SO, Act.SOLVED_ABOVE, reply="已解决", outcome="solved_by_city")
        assert (road.state, road.ended(REWORK)) == ("verifying/city", "met")
        lr.passes(road)
        assert (road.state, road.facts.outcome) == ("closed", "solved_by_city")

    def test_what_is_solved_above_suspends_who_is_at_work(self, road: Road) -> None:  # R6
        lr.to_verifying_after_group(road)
        assert road.unit("SCJG").suspended_from == road.today
        road.on("2026-10-16")
        lr.passes(road)
        assert road.ended(FEEDBACK, "SCJG", 1) == "suspended"
        assert road.units() == {"SCJG": "closed"}
        assert road.facts.level is None

    def test_who_reported_done_before_stays_suspended_when_it_fails_above(self, road: Road) -> None:  # R6, R20
        lr.to_assisted(road)
        lr.intervenes(road, "CG")
        lr.is_done(road, "CG")
        road.later(days=3).does(SO, Act.ESCALATE, **lr.ESCALATION)
        road.does(SO, Act.SOLVED_ABOVE, reply="已协调", outcome="ceased")
        assert [str(road.unit(code).suspended_from) for code in ("CG", "SCJG")] == ["2026-09-18", "2026-09-21"]
        road.later(days=1).does(CD, Act.FAIL, **lr.FAILED)
        assert (road.unit("CG").suspended_from, road.unit("SCJG").suspended_from) == (date(2026, 9, 18), None)
        lr.intervenes(road)  # the lead department goes on (R23)
        assert road.unit("SCJG").state == "working"

    def test_dates_that_passed_while_it_was_verified_are_gone(self, road: Road) -> None:  # R6, T28
        lr.to_verifying(road)
        change = road.on("2026-12-01").does(WORKER, Act.FAIL, **lr.FAILED)
        assert road.ended(FEEDBACK, "SCJG", 2) == "suspended"
        assert [(one.k, str(one.due_on)) for one in change.opened if one.kind is FEEDBACK] == [
            (4, "2026-12-17"),
            (5, "2027-01-08"),
        ]

    def test_the_departments_own_rework_is_not_met_by_an_answer_from_above(self, road: Road) -> None:  # R20, R26
        lr.to_verifying(road)
        road.does(WORKER, Act.FAIL, **lr.FAILED)
        road.does(SO, Act.ESCALATE, **lr.ESCALATION)
        road.does(SO, Act.INSTRUCT, instruction="continue", text="继续办理")
        assert road.ended(REWORK, "SCJG") is None
        lr.is_done(road)
        assert road.ended(REWORK, "SCJG") == "met"

    def test_the_verification_is_ordered_for_the_day_it_is_due(self, road: Road) -> None:
        lr.to_verifying(road)
        assert [(task.kind, task.due_on) for task in road.changes[-1].tasks] == [
            ("verify", road.due(ObligationKind.VERIFY))
        ]


class TestJointOperations:
    def test_attendance_is_an_intervention_or_a_feedback_on_the_day_of_the_record(self, road: Road) -> None:  # R22
        lr.to_joint(road)
        change = road.on("2026-09-20").does(SO, Act.RECORD_ATTENDANCE, **PRESENT)
        assert (road.unit("SCJG").intervened_on, road.unit("SCJG").state) == (date(2026, 9, 20), "working")
        assert road.ended(FEEDBACK, "CG", 1) == "met"
        assert road.unit("CG").intervened_on == date(2026, 9, 18)  # as before
        assert change.departments == ("CG", "SCJG")

    def test_done_is_the_ask_that_the_leader_confirms(self, road: Road) -> None:  # R22, R38
        lr.to_joint(road)
        road.does(DO["CG"], Act.REPORT_DONE, **lr.DONE)
        result = {"department": "CG", "result": "done", **lr.DONE, "outcome": "penalised", "evidence": ["d" * 64]}
        change = road.does(SO, Act.CLOSE_JOINT, text="当场查处", results=[result])
        assert [one.step for one in road.facts.asks] == ["T25"]  # in place of the officer's own ask
        assert list(change.asks_end.values()) == ["lapsed"]
        assert "d" * 64 in road.facts.evidence
        assert "joint" not in road.facts.flags
        road.does(DL["CG"], Act.CONFIRM_DONE)
        assert (road.unit("CG").state, road.unit("CG").outcome) == ("done_claimed", "penalised")

    def test_it_ends_when_the_lead_is_escalated(self, road: Road) -> None:  # R22
        lr.to_joint(road)
        road.does(SO, Act.ESCALATE, **lr.ESCALATION)
        assert (road.state, road.facts.flags) == ("escalated/group", frozenset())
        lr.to_joint(road.report())
        road.does(SD, Act.TRANSFER_PEER, **lr.PEER)
        assert (road.state, road.facts.flags) == ("escalated/peer", frozenset())

    def test_a_major_lead_or_a_whole_area_needs_no_second_department(self, road: Road) -> None:  # T29
        lr.to_department(road)
        road.does(SO, Act.START_JOINT, lead_department="SCJG", **lr.PLAN, regional=True)
        assert road.facts.flags == {"joint"}
        road.report().does(WORKER, Act.FAST_LANE, hazards=["gas"], acknowledged_by="李明", narrative="瓶装气")
        road.does(SO, Act.START_JOINT, **PUSH, **lr.PLAN)
        assert road.facts.flags == {"joint", "major"}
