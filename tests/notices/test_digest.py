"""One message a morning: what is due, overdue and new, once, at half past eight of a work day."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import date

import pytest
from sqlalchemy import select

from gridwatch.calendars.service import NoticeDay, order_days
from gridwatch.db.base import new_id
from gridwatch.db.session import transaction
from gridwatch.domain.lead_facts import OpenDuty
from gridwatch.domain.obligations import ObligationKind as Kind
from gridwatch.domain.worktime import CHINA, DayKind
from gridwatch.jobs import work as jobs
from gridwatch.leads import clocks, digest
from gridwatch.leads.models import Excuse, Lead
from gridwatch.notices import service as notices
from gridwatch.people.models import User
from tests.notices.conftest import Desk


def mornings_of(desk: Desk, username: str) -> list[str]:
    """The local days and times of a person's digests."""
    return [f"{one.sent_at.astimezone(CHINA):%m-%d %H:%M}" for one in desk.digests(username)]


def test_it_says_what_is_due_overdue_and_new_and_names_the_most_urgent(desk: Desk):
    """A lead pushed on Friday 2026-09-18 is due on 09-24, one pushed on the make-up Sunday after it on 09-28."""
    desk.push()
    desk.clock.set("2026-09-20 09:00")  # a make-up Sunday
    desk.push()
    desk.clock.set("2026-09-28 00:10")  # the first is a work day late, the second due today
    with desk.work() as session:
        word = notices.Message(
            about="event", stage="T13", recipient_id=desk.world.people["department_receiver"], kind="step",
            text_zh="新线索", text_en="A new lead", send_after=desk.clock.now(),
        )  # fmt: skip
        notices.write(session, [word], now=desk.clock.now())

    desk.tick_at("2026-09-28 08:30")

    (one,) = desk.digests("department_receiver")
    assert one.text_zh == (
        "9月28日（星期一）：今天到期1件，逾期1件，新通知1条。最急：441900004-20260918-0001介入处理逾期1个工作日；"
        "441900004-20260918-0002介入处理今天到期。"
    )
    assert one.text_en == (
        "Monday 2026-09-28: 1 due today, 1 overdue, 1 new. Most urgent: 441900004-20260918-0001 intervention, late by 1 work day; "
        "441900004-20260918-0002 intervention, due today."
    )
    (leader,) = desk.digests("department_leader")
    assert leader.text_zh == "9月28日（星期一）：需督促1件。最急：441900004-20260918-0001介入处理逾期1个工作日。"


def test_once_a_work_day_at_half_past_eight_and_never_on_a_rest_day(desk: Desk):
    """09-25 is the Mid-Autumn festival, then a weekend; 10-01 to 10-07 the national holiday; Saturday 10-10 is worked."""
    desk.push()
    for day in ("09-22", "09-23", "09-24", "09-25", "09-26", "09-27", "09-28", "10-05", "10-10"):
        desk.tick_at(
            *(f"2026-{day} {time}" for time in ("00:01", "08:29", "08:30", "08:31", "12:00", "17:29", "22:00"))
        )
    assert mornings_of(desk, "department_receiver") == [
        "09-22 08:30", "09-23 08:30", "09-24 08:30", "09-28 08:30", "10-10 08:30",
    ]  # fmt: skip


def test_who_has_nothing_gets_nothing(desk: Desk):
    desk.push()
    desk.tick_at("2026-09-22 08:30")
    assert {one.recipient_id for one in desk.digests()} == {
        desk.world.people["department_receiver"], desk.world.people["department_deputy"],
    }  # fmt: skip
    desk.tick_at("2026-09-22 09:00")
    desk.clock.set("2026-09-22 10:00")
    desk.owes(Kind.TRIAGE_S)  # what comes up later in the day waits for the next morning
    desk.tick_at("2026-09-22 10:01")
    assert mornings_of(desk, "street_dispatcher") == []
    desk.tick_at("2026-09-23 08:30")
    assert mornings_of(desk, "street_dispatcher") == ["09-23 08:30"]


def test_what_has_ended_was_excused_or_is_being_verified_is_not_spoken_of(desk: Desk):
    ended, excused = desk.owes(Kind.TRIAGE_S), desk.owes(Kind.TRIAGE_C)
    _, _, (intervene, *_) = desk.push("done_claimed", suspended_from=date(2026, 10, 10))
    desk.end(ended)
    desk.end(intervene)
    with desk.work() as session:
        session.add(Excuse(obligation_id=excused, excused_by="office", reason="台风", at=desk.clock.now()))
        clocks.end_ladders(session, [excused])
    desk.tick_at("2026-10-15 08:30")
    assert desk.digests() == []


def test_a_person_who_left_gets_none(desk: Desk):
    desk.push()
    with desk.work() as session:
        session.get_one(User, desk.world.people["department_deputy"]).disabled_at = desk.clock.now()
    desk.tick_at("2026-09-22 08:30")
    assert (len(desk.digests()), mornings_of(desk, "department_deputy")) == (1, [])


def test_a_scheduler_that_starts_late_in_the_day_still_tells_and_one_in_the_evening_does_not(desk: Desk):
    desk.push()
    desk.tick_at("2026-09-22 16:00", "2026-09-23 17:30", "2026-09-23 21:00", "2026-09-24 08:30")
    assert mornings_of(desk, "department_receiver") == ["09-22 16:00", "09-24 08:30"]


def test_three_tickers_write_it_once(desk: Desk):
    desk.push()
    desk.clock.set("2026-09-22 08:30")
    with ThreadPoolExecutor(3) as all_three:
        did = list(all_three.map(lambda _: desk.tick()["digests"]["digests"], range(3)))
    assert sorted(did) == [0, 0, 2]
    assert len(desk.digests()) == 2


def test_a_ticker_killed_before_the_commit_leaves_nothing_and_the_next_one_writes_it(desk: Desk):
    class Killed(Exception):
        """The process is gone."""

    desk.push()
    desk.clock.set("2026-09-22 08:30")

    def write_and_die() -> None:
        with desk.app.app_context(), transaction() as session:
            assert digest.write(session, now=desk.clock.now(), calendar=desk.moment(session).calendar, channels=())[
                "digests"
            ]
            raise Killed

    with pytest.raises(Killed):
        write_and_die()
    assert desk.digests() == []
    with desk.app.app_context():
        assert jobs.write_digests(desk.clock.now()) == {"digests": 2}


def test_a_clock_that_steps_back_writes_no_second_one(desk: Desk):
    desk.push()
    desk.tick_at("2026-09-22 08:30", "2026-09-24 08:30", "2026-09-22 08:40", "2026-09-23 08:30", "2026-09-24 09:00")
    assert sorted(mornings_of(desk, "department_receiver")) == ["09-22 08:30", "09-23 08:30", "09-24 08:30"]


def test_many_duties_make_no_long_message(desk: Desk):
    """A digest of forty duties names two, and counts the others."""
    for _ in range(40):
        desk.push()
    desk.tick_at("2026-09-24 08:30")
    (one,) = desk.digests("department_receiver")
    assert one.text_zh.startswith("9月24日（星期四）：今天到期40件。最急：")
    assert one.text_zh.count("介入处理") == 2
    assert len(one.text_en) < 300


def test_it_counts_late_and_soon_by_the_calendar_of_each_area(desk: Desk):
    """A typhoon closes the first community on 09-28 and 09-29: there Thursday's duty is one work day late on 09-30, else three."""
    with desk.work() as session:
        path = desk.world.path(desk.world.community)
        closed = [NoticeDay(date(2026, 9, day), DayKind.HOLIDAY, "台风", 2026) for day in (28, 29)]
        order_days(session, path, closed, document="停工令", actor_id="system", at=desk.clock.now())
    here, there = desk.lead(), desk.lead(area_path=desk.world.path(desk.world.community_2))
    with desk.work() as session:
        for lead in (here, there):
            at = desk.moment(session)
            duty = OpenDuty(Kind.TRIAGE_S, 1, None, at.today, 4, date(2026, 9, 24), False, "T09", id=new_id())
            clocks.open_duties(session, session.get_one(Lead, lead), [duty], at)
    desk.tick_at("2026-09-30 08:30")
    (one,) = desk.digests("street_dispatcher")
    numbers = {one.id: one.no for one in leads_of(desk)}
    assert f"{numbers[here]}街道分派逾期1个工作日" in one.text_zh
    assert f"{numbers[there]}街道分派逾期3个工作日" in one.text_zh


def leads_of(desk: Desk) -> list[Lead]:
    with desk.work() as session:
        found = list(session.scalars(select(Lead)))
        session.expunge_all()
    return found
