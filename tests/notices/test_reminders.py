"""Reminders as stories: who hears of a duty, on which day, and what an outage, a clock or a crowd of tickers changes."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest
from sqlalchemy import event, func, select

from gridwatch.calendars.service import NoticeDay, import_days, order_days
from gridwatch.db.base import db
from gridwatch.db.feed import FeedRow
from gridwatch.domain.obligations import ObligationKind as Kind
from gridwatch.domain.worktime import CHINA, DayKind
from gridwatch.leads.models import Assignment, Obligation, Watch
from gridwatch.notices import service as notices
from gridwatch.notices.models import Notice
from gridwatch.people.models import User
from tests.notices.conftest import Desk

OWNERS = {"department_receiver", "department_deputy"}


def mornings(first: str, last: str) -> list[str]:
    days = range((date.fromisoformat(last) - date.fromisoformat(first)).days + 1)
    return [f"{date.fromisoformat(first) + timedelta(days=ahead)} 09:00" for ahead in days]


# -- the ladder ---------------------------------------------------------------------------------------------------------


def test_a_department_that_does_not_intervene_is_reminded_and_its_superiors_hear_of_it(desk: Desk):
    """Pushed on Friday 2026-09-18, due on Thursday 09-24; 09-25 is the Mid-Autumn festival, 1–7 October the national one."""
    _, _, (intervene, *_) = desk.push()

    desk.tick_at(*mornings("2026-09-18", "2026-10-22"))

    assert desk.told(intervene) == {
        "W2": OWNERS,
        "W0": OWNERS,
        "B1": OWNERS | {"department_leader"},
        "B5": OWNERS | {"department_leader", "supervision_office"},
        "B10": OWNERS | {"department_leader", "supervision_office", "leading_group"},
        "B15": OWNERS | {"department_leader", "supervision_office", "leading_group"},
    }
    days = {notice.stage: notice.sent_at.astimezone(CHINA).date().isoformat() for notice in desk.notices(intervene)}
    assert days == {
        "W2": "2026-09-22", "W0": "2026-09-24", "B1": "2026-09-28", "B5": "2026-10-09", "B10": "2026-10-15",
        "B15": "2026-10-22",
    }  # fmt: skip


def test_the_officer_hears_too_once_he_is_named(desk: Desk):
    _, assignment, (intervene, *_) = desk.push()
    with desk.work() as session:
        session.get_one(Assignment, assignment).officer_id = desk.world.people["case_officer"]

    desk.tick_at("2026-09-22 09:00")

    assert desk.told(intervene) == {"W2": OWNERS | {"case_officer"}}


@pytest.mark.parametrize(
    ("kind", "named", "who"),
    [
        (Kind.TRIAGE_C, {}, {"community_dispatcher"}),
        (Kind.C_HANDLE, {}, {"community_handler"}),
        (Kind.RECHECK, {}, {"community_handler"}),
        (Kind.REWORK, {"owner": "community"}, {"community_handler"}),
        (Kind.REWORK, {"owner": "supervision"}, {"supervision_office"}),
        (Kind.RESUBMIT, {}, {"grid_worker"}),
        (Kind.TRIAGE_S, {}, {"street_dispatcher"}),
        (Kind.RULING, {}, {"street_dispatcher"}),
        (Kind.RULING, {"owner": "supervision"}, {"supervision_office"}),
        (Kind.VERIFY, {}, {"community_dispatcher"}),
        (Kind.GROUP_DECIDE, {}, {"leading_group"}),
        (Kind.CITY_FOLLOW, {}, {"supervision_office"}),
        (Kind.PEER_ACK, {}, {"street_dispatcher"}),
    ],
)
def test_the_day_it_is_due_it_is_told_to_who_owes_it(desk: Desk, kind: Kind, named: dict[str, object], who: set[str]):
    duty = desk.owes(kind, **named)
    with desk.work() as session:
        due_on = session.get_one(Obligation, duty).due_on
    desk.tick_at(f"{due_on} 09:00")
    assert desk.told(duty)["W0"] == who


def test_the_named_handler_hears_of_it_and_nobody_else_in_the_community(desk: Desk):
    named = desk.lead(handler_id=desk.world.people["community_dispatcher"])
    duty = desk.owes(Kind.C_HANDLE, named)
    desk.tick_at("2026-10-09 09:00")
    assert desk.told(duty)["W0"] == {"community_dispatcher"}


def test_a_person_who_left_hears_nothing_and_a_stage_that_reaches_nobody_is_counted(desk: Desk):
    duty = desk.owes(Kind.TRIAGE_S)
    with desk.work() as session:
        session.get_one(User, desk.world.people["street_dispatcher"]).disabled_at = desk.clock.now()
    desk.clock.set("2026-09-20 09:00")  # a make-up Sunday, on which TRIAGE_S of Friday is due
    assert desk.tick()["reminders"]["unheard"] == 1
    assert desk.notices(duty) == []


def test_the_words_say_what_is_due_when_and_what_to_do(desk: Desk):
    lead, _, (intervene, feedback, _) = desk.push()
    desk.tick_at("2026-09-22 09:00", "2026-09-28 09:00", "2026-10-15 09:00")
    first, *_ = desk.notices(intervene)
    assert first.text_zh == (
        "线索441900004-20260918-0001「无照餐饮店1」的介入处理将于2026-09-24（星期四）到期，还有2个工作日。请介入处理并登记。"
    )
    assert first.text_en == (
        "Lead 441900004-20260918-0001 “无照餐饮店1”: intervention is due on Thursday 2026-09-24, in 2 work days. "
        "Intervene and record it."
    )
    to_leader = next(
        one for one in desk.notices(intervene) if one.recipient_id == desk.world.people["department_leader"]
    )
    assert "已于2026-09-24（星期四）到期，逾期1个工作日。责任方：市场监督管理分局。请督促办理。" in to_leader.text_zh
    assert "第1期反馈今天2026-10-15（星期四）到期。请填写本期反馈。" in desk.notices(feedback)[-1].text_zh
    assert {(one.lead_id, one.due_on) for one in desk.notices(intervene)} == {(lead, date(2026, 9, 24))}


def test_a_date_in_a_year_without_a_notice_is_marked_provisional(desk: Desk):
    desk.clock.set("2026-12-11 09:00")
    _, _, (_, feedback, _) = desk.push()
    desk.tick_at("2026-12-30 09:00")
    (one, *_) = desk.notices(feedback)
    assert (one.stage, one.provisional) == ("W2", True)
    assert "2027-01-04（星期一）（暂定）" in one.text_zh
    assert "2027-01-04 (provisional)" in one.text_en


# -- when it leaves -----------------------------------------------------------------------------------------------------


def in_feed(desk: Desk, username: str = "department_receiver") -> int:
    """How many notices a person's own scope holds, beside the digests."""
    with desk.work() as session:
        return session.scalar(
            select(func.count()).where(
                FeedRow.scope == f"user:{desk.world.people[username]}",
                FeedRow.kind == "notice",
                FeedRow.op == "put",
                FeedRow.doc.not_like('%"stage":"DIGEST"%'),
            )
        )


def test_it_is_written_at_midnight_and_leaves_at_half_past_eight(desk: Desk):
    _, _, (intervene, *_) = desk.push()

    desk.tick_at("2026-09-22 00:00")
    assert [(one.stage, one.sent_at) for one in desk.notices(intervene)] == [("W2", None)] * 2
    assert in_feed(desk) == 0

    desk.tick_at("2026-09-22 08:29")
    assert desk.told(intervene) == {}
    desk.tick_at("2026-09-22 08:30")
    assert desk.told(intervene) == {"W2": OWNERS}
    assert in_feed(desk) == 1


def test_what_could_not_leave_by_half_past_five_leaves_on_the_next_work_day(desk: Desk):
    _, _, (intervene, *_) = desk.push()
    desk.tick_at("2026-09-24 17:30", "2026-09-25 12:00", "2026-09-27 12:00")  # then a festival and a weekend
    assert desk.told(intervene) == {}
    desk.tick_at("2026-09-28 08:30")
    assert desk.told(intervene) == {"B1": OWNERS | {"department_leader"}}
    assert {one.skipped for one in desk.notices(intervene) if one.stage == "W0"} == {"newer"}


def test_a_scheduler_that_comes_back_in_the_evening_disturbs_nobody(desk: Desk):
    _, _, (intervene, *_) = desk.push()
    desk.tick_at("2026-09-22 00:05", "2026-09-22 20:00")
    assert desk.told(intervene) == {}
    desk.tick_at("2026-09-23 08:30")
    assert desk.told(intervene) == {"W2": OWNERS}


def test_a_duty_that_ended_before_half_past_eight_is_not_reminded_of(desk: Desk):
    _, _, (intervene, *_) = desk.push()
    desk.tick_at("2026-09-22 00:01")
    desk.clock.set("2026-09-22 07:50")
    desk.end(intervene)

    desk.tick_at("2026-09-22 08:30", "2026-09-24 09:00")

    assert [(one.stage, one.skipped, one.sent_at) for one in desk.notices(intervene)] == [("W2", "ended", None)] * 2
    assert in_feed(desk) == 0


def test_the_fast_lane_does_not_wait_for_the_morning(desk: Desk):
    """T10: two hours on any day. H0 when they are over, then every two hours, to the street and the office (R9)."""
    desk.clock.set("2026-09-19 20:00")  # a Saturday evening
    duty = desk.owes(Kind.TRIAGE_S, desk.lead(flags=["major"]))
    with desk.work() as session:
        row = session.get_one(Obligation, duty)
        row.due_at = desk.clock.now() + timedelta(hours=2)
        session.flush()
    with desk.work() as session:
        entry = session.get_one(Watch, duty)
        entry.next_on, entry.stage = date(2026, 9, 19), "H0"

    desk.tick_at("2026-09-19 21:59")
    assert desk.told(duty) == {}
    desk.tick_at("2026-09-19 22:00", "2026-09-19 23:00", "2026-09-20 00:05")
    both = {"street_dispatcher", "supervision_office"}
    assert desk.told(duty) == {"H0": both, "H2": both}
    desk.tick_at("2026-09-20 07:00")  # seven hours without a scheduler
    assert desk.told(duty) == {"H0": both, "H2": both, "H8": both}
    assert {one.stage for one in desk.notices(duty) if one.skipped == "late"} == {"H4", "H6"}
    desk.end(duty)
    desk.tick_at("2026-09-20 12:00")
    assert set(desk.told(duty)) == {"H0", "H2", "H8"}


def test_a_moved_date_is_told_once_to_the_receiver(desk: Desk):
    """T07: a served notice moves C_HANDLE; the superseding row has stages of its own (R13)."""
    lead = desk.lead(handler_id=desk.world.people["community_handler"])
    old = desk.owes(Kind.C_HANDLE, lead)
    desk.clock.set("2026-09-28 10:00")
    with desk.work() as session:
        was = session.get_one(Obligation, old).due_on
    desk.end(old, "superseded")
    new = desk.owes(Kind.C_HANDLE, lead, supersedes=old)
    with desk.work() as session:
        now_due = session.get_one(Obligation, new).due_on

    desk.tick_at("2026-09-28 10:01", "2026-09-28 10:02", "2026-09-29 09:00")

    assert desk.told(new) == {"MOVED": {"community_handler"}}
    assert f"期限由{was}改为{now_due}" in desk.notices(new)[0].text_zh
    assert desk.told(old) == {}


# -- feedback windows ---------------------------------------------------------------------------------------------------


def test_the_current_window_and_the_next_always_stand(desk: Desk):
    """The grid of domain.md §4c for 2026-09-18: 10-15, 11-05, 11-26, made one by one on the day after each."""
    _, assignment, (_, first, second) = desk.push()
    assert desk.windows(assignment) == {1: "2026-10-15", 2: "2026-11-05"}

    desk.tick_at("2026-10-15 23:59")
    assert len(desk.windows(assignment)) == 2
    desk.tick_at("2026-10-16 00:01")
    assert desk.windows(assignment)[3] == "2026-11-26"

    desk.end(first, "cured")
    desk.end(second)  # an early entry of the second window must not break the chain
    desk.tick_at("2026-11-06 00:01", "2026-11-06 00:02")
    assert desk.windows(assignment)[4] == "2026-12-17"


def test_after_a_long_outage_all_windows_are_there(desk: Desk):
    _, assignment, _ = desk.push()
    desk.tick_at("2026-12-20 09:00")
    assert sorted(desk.windows(assignment)) == [1, 2, 3, 4, 5, 6]


def test_no_window_is_made_while_the_result_is_being_verified_and_nobody_is_reminded(desk: Desk):
    _, assignment, (intervene, first, second) = desk.push()
    desk.end(intervene)
    desk.clock.set("2026-10-10 09:00")
    with desk.work() as session:
        unit = session.get_one(Assignment, assignment)
        unit.state, unit.suspended_from = "done_claimed", desk.clock.today()

    desk.tick_at(*mornings("2026-10-10", "2026-10-20"))

    assert desk.windows(assignment) == {1: "2026-10-15", 2: "2026-11-05"}
    assert desk.told(first) == {}
    assert {(one.stage, one.skipped) for one in desk.notices(first)} == {
        ("W2", "suspended"), ("W0", "suspended"), ("B1", "suspended"),
    }  # fmt: skip


def test_the_ladder_of_a_missed_window_stops_when_the_next_one_is_overdue(desk: Desk):
    """R8: window 1 (due 10-15) is spoken of until window 2 is overdue, on 11-06."""
    _, _, (_, first, _) = desk.push()
    desk.tick_at(*mornings("2026-09-18", "2026-11-30"))
    assert list(desk.told(first)) == ["W2", "W0", "B1", "B5", "B10", "B15"]
    assert max(one.sent_at for one in desk.notices(first)).astimezone(CHINA).date() == date(2026, 11, 5)
    assert desk.agenda(first) is None


# -- once, whatever happens ---------------------------------------------------------------------------------------------


def test_many_ticks_on_one_day_write_once(desk: Desk):
    _, _, (intervene, *_) = desk.push()
    desk.tick_at("2026-09-22 09:00", "2026-09-22 09:01", "2026-09-22 17:00")
    assert len(desk.notices(intervene)) == 2


def test_a_clock_that_steps_back_sends_nothing_again(desk: Desk):
    _, _, (intervene, *_) = desk.push()
    desk.tick_at("2026-09-22 09:00", "2026-09-24 09:00")
    before = [(one.id, one.sent_at) for one in desk.notices(intervene)]
    desk.tick_at("2026-09-19 09:00", "2026-09-22 09:30", "2026-09-24 08:45")
    assert [(one.id, one.sent_at) for one in desk.notices(intervene)] == before
    desk.tick_at("2026-09-28 09:00")
    assert set(desk.told(intervene)) == {"W2", "W0", "B1"}


def test_after_an_outage_of_days_only_the_newest_stage_is_sent(desk: Desk):
    _, _, (intervene, *_) = desk.push()
    desk.tick_at("2026-09-18 09:05", "2026-10-09 09:00")
    assert desk.told(intervene) == {"B5": OWNERS | {"department_leader", "supervision_office"}}
    late = [(one.stage, one.sent_at) for one in desk.notices(intervene) if one.skipped == "late"]
    assert sorted(set(late)) == [("B1", None), ("W0", None), ("W2", None)]


@pytest.mark.parametrize(
    ("silent_until", "newest", "recorded"),
    [
        (
            "2026-09-25 09:00",
            "W0",
            {"W2"},
        ),  # three days, on the festival: it leaves on the next work day, or is overtaken
        ("2026-09-28 09:00", "B1", {"W2", "W0"}),
        ("2026-10-22 09:00", "B15", {"W2", "W0", "B1", "B5", "B10"}),  # a month
    ],
)
def test_whatever_the_outage_one_message_leaves_and_the_others_are_recorded(
    desk: Desk, silent_until: str, newest: str, recorded: set[str]
):
    _, _, (intervene, *_) = desk.push()
    desk.tick_at("2026-09-21 09:00", silent_until)
    rows = {(one.stage, one.recipient_id): one for one in desk.notices(intervene)}
    assert len(rows) == len(desk.notices(intervene))
    assert {stage for stage, _ in rows} == recorded | {newest}
    assert {one.skipped for (stage, _), one in rows.items() if stage in recorded} == {"late"}
    assert {one.skipped for (stage, _), one in rows.items() if stage == newest} == {None}
    assert set(desk.told(intervene)) <= {newest}

    desk.tick_at(silent_until, "2026-10-23 09:00", "2026-10-29 09:00")
    assert all(len({one.sent_at for one in group if one.sent_at}) == len([one for one in group if one.sent_at])
               for group in by_person(desk, intervene).values())  # fmt: skip


def by_person(desk: Desk, about: str) -> dict[str, list[Notice]]:
    """The notices about a duty, by recipient."""
    groups: dict[str, list[Notice]] = {}
    for one in desk.notices(about):
        groups.setdefault(one.recipient_id, []).append(one)
    return groups


def test_a_clock_that_steps_a_month_ahead_and_back_has_told_what_is_to_come_and_tells_nothing_twice(desk: Desk):
    """Set to 22 October by mistake, then right again: what was told stays told, what was recorded stays recorded."""
    _, _, (intervene, *_) = desk.push()
    desk.tick_at("2026-10-22 09:00")
    before = [(one.id, one.sent_at, one.skipped) for one in desk.notices(intervene)]
    desk.tick_at(*mornings("2026-09-18", "2026-10-22"))
    assert [(one.id, one.sent_at, one.skipped) for one in desk.notices(intervene)] == before
    desk.tick_at("2026-10-29 09:00")
    assert list(desk.told(intervene)) == ["B15", "B20"]
    days = [one.sent_at.astimezone(CHINA).date() for one in desk.digests("department_receiver")]
    assert len(days) == len(set(days))


def test_a_day_that_is_closed_by_order_puts_the_next_stage_off(desk: Desk):
    """The date has passed and stays; B1 was to come on Monday 09-28, which a typhoon closes."""
    _, _, (intervene, *_) = desk.push()
    desk.tick_at("2026-09-24 09:00")
    with desk.work() as session:
        closed = [NoticeDay(date(2026, 9, 28), DayKind.HOLIDAY, "台风", 2026)]
        import_days(session, closed, source="停工令", actor_id="system", at=desk.clock.now())
    desk.tick_at("2026-09-28 09:00")
    assert list(desk.told(intervene)) == ["W0"]
    assert desk.agenda(intervene) == ("2026-09-29", "B1")
    desk.tick_at("2026-09-29 09:00")
    assert list(desk.told(intervene)) == ["W0", "B1"]


def test_an_order_for_one_area_keeps_what_was_written_for_it_back_and_nothing_else(desk: Desk):
    """A typhoon closes the first community on Thursday 09-24; word that was written before it, at night, waits there for Monday."""
    here, there = desk.lead(), desk.lead(area_path=desk.world.path(desk.world.community_2))
    with desk.work() as session:
        desk.clock.set("2026-09-24 00:01")
        words = [
            notices.Message(
                about=lead, stage="T13", recipient_id=desk.world.people["street_dispatcher"], kind=kind, text_zh="新", text_en="new",
                send_after=desk.clock.now() if kind == "urgent" else desk.clock.now() + timedelta(hours=8, minutes=30), lead_id=lead,
            )
            for lead, kind in ((here, "step"), (there, "step"), (here, "urgent"))
        ]  # fmt: skip
        words[2] = replace(words[2], about="hazard")
        notices.write(session, words, now=desk.clock.now())
    desk.clock.set("2026-09-24 06:00")
    closed = [NoticeDay(date(2026, 9, 24), DayKind.HOLIDAY, "台风", 2026)]
    with desk.work() as session:
        path = desk.world.path(desk.world.community)
        order_days(session, path, closed, document="停工令", actor_id="system", at=desk.clock.now())

    def left() -> dict[str, str]:
        return {
            one.about: f"{one.sent_at.astimezone(CHINA):%m-%d %H:%M}"
            for one in desk.notices()
            if one.sent_at is not None
        }

    desk.tick_at("2026-09-24 06:01", "2026-09-24 09:00")
    assert left() == {"hazard": "09-24 06:01", there: "09-24 09:00"}
    desk.tick_at("2026-09-25 09:00", "2026-09-28 08:29")  # Mid-Autumn, the weekend, and before the window opens
    assert here not in left()
    desk.tick_at("2026-09-28 08:30")
    assert left()[here] == "09-28 08:30"


def test_an_order_for_one_area_opens_it_on_a_day_on_which_the_others_rest(desk: Desk):
    """Saturday 09-19 is worked in the first community, to make up for a typhoon."""
    here, there = desk.lead(), desk.lead(area_path=desk.world.path(desk.world.community_2))
    with desk.work() as session:
        path, makeup = (
            desk.world.path(desk.world.community),
            [NoticeDay(date(2026, 9, 19), DayKind.MAKEUP, "台风", 2026)],
        )
        order_days(session, path, makeup, document="补班通知", actor_id="system", at=desk.clock.now())
        words = [
            notices.Message(about=lead, stage="T13", recipient_id=desk.world.people["street_dispatcher"], kind="step", text_zh="新",
                            text_en="new", send_after=desk.clock.now(), lead_id=lead)
            for lead in (here, there)
        ]  # fmt: skip
        desk.clock.set("2026-09-18 20:00")
        notices.write(session, words, now=desk.clock.now())
    desk.tick_at("2026-09-19 09:00")
    assert [one.about for one in desk.notices() if one.sent_at is not None] == [here]


def test_a_tick_asks_the_database_as_often_for_many_duties_as_for_few(desk: Desk):
    """No statement and no object per duty: what a tick costs beyond its rows does not grow."""
    counts = []
    for number in (3, 40):
        for _ in range(number):
            desk.push()
        statements: list[str] = []
        with desk.app.app_context():

            def count(connection, cursor, statement, parameters, context, many, statements=statements):
                statements.append(statement)

            event.listen(db.engine, "before_cursor_execute", count)
            desk.clock.set("2026-09-22 00:01")
            desk.tick()
            event.remove(db.engine, "before_cursor_execute", count)
        counts.append(len(statements))
        desk.clock.set("2026-09-18 09:00")
    assert counts[0] == counts[1]
