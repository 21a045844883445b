"""What the rulings decide above the street: leading group, city, peer districts, shelving; excuses and corrections."""

from __future__ import annotations

from datetime import date

import pytest

from gridwatch.domain.lead_words import Act
from gridwatch.domain.obligations import ObligationKind
from tests.domain import lead_road as lr
from tests.domain.lead_road import (
    CD,
    CH,
    DO,
    DR,
    LG,
    OTHER_WORKER,
    PHOTO,
    SD,
    SO,
    Road,
    feeds_back,
    refused,
)

INTERVENE = ObligationKind.INTERVENE
FEEDBACK = ObligationKind.FEEDBACK
FOLLOW = ObligationKind.CITY_FOLLOW


class TestAboveTheStreet:
    def test_the_departments_go_on_while_the_group_decides(self, road: Road) -> None:  # R23, T31
        lr.to_department(road)
        road.does(SO, Act.ESCALATE, **lr.ESCALATION)
        road.does(DR["SCJG"], Act.SIGN_IN, officer="officer SCJG")
        lr.intervenes(road)
        feeds_back(road, "2026-10-15")
        assert road.ended(FEEDBACK, "SCJG", 1) == "met"
        assert refused(road, DO["SCJG"], Act.REPORT_DONE, **lr.DONE) == "lead.step_not_allowed"
        assert refused(road, SD, Act.ADD_ASSIST, department="CG", duty="协助") == "lead.step_not_allowed"

    def test_continue_goes_on_without_a_new_push_and_can_go_straight_to_verification(self, road: Road) -> None:  # R21
        lr.to_assisted(road)
        lr.intervenes(road)
        lr.is_done(road)
        road.does(SO, Act.ESCALATE, **lr.ESCALATION)
        push_on = road.unit("SCJG").push_on
        road.later(days=3).does(SO, Act.INSTRUCT, instruction="continue", text="继续办理")
        assert (road.state, road.unit("SCJG").push_on) == ("dispatched", push_on)
        road.does(SD, Act.WAIVE_ASSIST, assignment=road.unit("CG").id, reason="不需要")
        assert road.state == "verifying"

    def test_an_instruction_to_push_starts_new_clocks_and_ends_the_old_ones(self, road: Road) -> None:  # R21
        lr.to_group(road)
        road.on("2026-10-16").does(SO, Act.INSTRUCT, **{**lr.INSTRUCTION, "lead_department": "SY"})
        assert road.units() == {"SCJG": "cancelled", "SY": "pushed"}
        assert road.unit("SCJG").end_cause == "escalated"
        assert [road.ended(FEEDBACK, "SCJG", k) for k in (1, 2)] == ["missed", "cancelled"]  # R5
        assert road.due(INTERVENE, "SY") == date(2026, 10, 23)

    def test_follow_up_runs_on_a_grid_and_its_windows_are_made_as_they_open(self, road: Road) -> None:  # R24
        lr.to_city(road)
        assert [road.due(FOLLOW, k=k) for k in (1, 2)] == [date(2026, 10, 15), date(2026, 11, 5)]
        road.on("2026-10-16").does(SO, Act.FOLLOW_UP, text="已联系")
        assert [road.ended(FOLLOW, k=k) for k in (1, 2)] == ["cured", "met"]
        assert road.due(FOLLOW, k=3) == date(2026, 11, 26)
        road.on("2026-11-06").does(SO, Act.SOLVED_ABOVE, reply="已解决", outcome="solved_by_city")
        assert [road.ended(FOLLOW, k=k) for k in (3, 4)] == ["met", "cancelled"]

    def test_a_second_escalation_has_a_grid_of_its_own(self, road: Road) -> None:
        lr.to_city(road)
        road.on("2026-10-16").does(SO, Act.INSTRUCT, **lr.INSTRUCTION)
        lr.intervenes(road)
        road.on("2026-10-20").does(SO, Act.ESCALATE, **lr.ESCALATION)
        road.does(SO, Act.ASK_ESCALATE_CITY, **lr.CITY)
        road.does(LG, Act.ESCALATE_CITY)
        assert road.due(FOLLOW, k=1) == road.calendar.add(date(2026, 10, 20), 15).on

    def test_an_uncertain_lead_is_settled_by_the_push_from_above(self, road: Road) -> None:  # R38
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
        road.does(SO, Act.ESCALATE, **lr.ESCALATION)
        road.does(SO, Act.INSTRUCT, **lr.INSTRUCTION)
        assert road.facts.flags == frozenset()

    def test_what_a_peer_solved_otherwise_is_verified_by_us(self, road: Road) -> None:  # R24
        lr.to_peer(road)
        road.does(SO, Act.SOLVED_ABOVE, reply="已停业", outcome="ceased")
        assert road.state == "verifying/peer"
        road.does(CD, Act.FAIL, **lr.FAILED)
        assert road.state == "escalated/peer"
        road.does(SO, Act.SOLVED_ABOVE, reply="已接办", outcome="transferred_peer")
        assert (road.state, road.facts.outcome, road.facts.level) == ("closed", "transferred_peer", None)


class TestShelving:
    @pytest.mark.parametrize(
        "place", ["reported", "community", "street", "working", "group", "city", "peer", "street, assist live"]
    )
    def test_it_keeps_its_clocks_and_comes_back_to_where_it_was(self, road: Road, place: str) -> None:  # T35, T36, R23
        lr.PLACES[place](road)
        state, clocks = road.state, road.facts.open()
        road.does(SO, Act.ASK_SHELVE, reason="拆迁范围", review_on="2026-11-18")
        road.does(LG, Act.SHELVE)
        assert road.facts.open()[: len(clocks)] == clocks
        road.does(SO, Act.REVIEW, finding="可继续")
        assert (road.state, road.facts.open()) == (state, clocks)

    @pytest.mark.parametrize("place", ["returned", "verifying", "shelved", "closed", "merged", "void"])
    def test_not_from(self, road: Road, place: str) -> None:  # R23
        lr.PLACES[place](road)
        assert refused(road, SO, Act.ASK_SHELVE, reason="拆迁", review_on="2026-11-18") == "lead.step_not_allowed"

    def test_what_waits_above_is_answered_while_shelved(self, road: Road) -> None:  # R23, R24
        lr.to_peer(road)
        road.does(SO, Act.ASK_SHELVE, reason="对方暂缓", review_on="2026-11-18")
        road.does(LG, Act.SHELVE)
        road.does(SD, Act.PEER_ACK, text="已收")
        road.does(SO, Act.FOLLOW_UP, text="已联系")
        assert (road.ended(ObligationKind.PEER_ACK), road.ended(FOLLOW, k=1)) == ("met", "met")

    def test_the_last_day_for_the_review_is_the_sixtieth_work_day(self, road: Road) -> None:
        lr.to_working(road)
        latest = road.calendar.add(road.today, 60).on
        road.does(SO, Act.ASK_SHELVE, reason="拆迁范围", review_on=latest.isoformat())
        change = road.does(LG, Act.SHELVE)
        assert [(duty.due_on, duty.days, duty.provisional) for duty in change.opened] == [(latest, 0, False)]


class TestExcuses:
    def test_the_fact_stays_beside_the_excuse(self, road: Road) -> None:  # T42
        lr.to_department(road)
        duty = road.duties(INTERVENE, "SCJG")[0]
        change = road.on("2026-09-28").does(SO, Act.EXCUSE, obligation=duty.id, reason="台风停工", evidence=["d" * 64])
        after = road.facts.duty(duty.id)
        assert after is not None
        assert (after.excused, after.ended, after.due_on) == (True, None, duty.due_on)
        assert (change.excused, change.departments, change.tell) == (
            {duty.id: "台风停工"},
            ("SCJG",),
            ("department_leader",),
        )
        assert "d" * 64 in road.facts.evidence

    @pytest.mark.parametrize("how", ["met late", "missed", "cured"])
    def test_what_ended_late_can_be_excused_too_even_after_the_close(self, road: Road, how: str) -> None:  # R14
        lr.to_department(road)
        road.on("2026-10-16")
        if how == "missed":
            road.does(SD, Act.WITHDRAW_PUSH, reason="撤回")
        else:
            lr.intervenes(road, also_feedback=True)
            lr.is_done(road)
            lr.passes(road)
        duty = road.duties(INTERVENE if how != "cured" else FEEDBACK, "SCJG", 1)[0]
        assert duty.ended == {"met late": "met", "missed": "missed", "cured": "cured"}[how]
        road.does(SO, Act.EXCUSE, obligation=duty.id, reason="系统故障", evidence=[PHOTO])
        assert road.facts.duty(duty.id).excused


def test_a_correction_keeps_before_and_after_and_moves_no_clock(road: Road) -> None:  # T40
    road.report(address_text="南城路1号")
    lr.to_community(road)
    before = road.facts.duties
    change = road.does(
        CD, Act.CORRECT, category="XS03", address_text="南城路2号", entity_id="entity-1", reason="核对后更正"
    )
    assert change.before == {"category": "XS04", "address_text": "南城路1号", "entity_id": None}
    assert (road.facts.category, road.facts.address_text, road.facts.entity_id) == ("XS03", "南城路2号", "entity-1")
    assert road.facts.duties == before
    change = road.does(CD, Act.CORRECT, category="XS03", address_text="南城路3号", reason="门牌再核")
    assert (change.before, change.lead) == ({"address_text": "南城路2号"}, {"address_text": "南城路3号"})


def test_a_recheck_that_arrives_while_the_lead_is_shelved_counts(road: Road) -> None:  # R23, I6
    lr.to_community(road)
    road.does(CH, Act.SERVE_NOTICE, **lr.NOTICE)
    road.does(SO, Act.ASK_SHELVE, reason="拆迁范围", review_on="2026-11-18")
    road.does(LG, Act.SHELVE)
    road.does(OTHER_WORKER, Act.RECHECK, visit="visit", result="passed")
    assert road.ended(ObligationKind.RECHECK) == "met"


def test_late_windows_are_made_up_to_today_and_the_next(road: Road) -> None:  # §4c, lazily
    lr.to_working(road)
    road.on("2026-12-01").roll()
    dues = [str(duty.due_on) for duty in road.duties(FEEDBACK, "SCJG")]
    assert dues == ["2026-10-15", "2026-11-05", "2026-11-26", "2026-12-17", "2027-01-08"]
    assert road.duties(FEEDBACK, "SCJG")[-1].provisional  # 2027 is not published yet
