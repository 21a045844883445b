"""Who owes what by when, told as tables and as the worked cases of the rulings."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta

import pytest

from gridwatch.domain.obligations import (
    DEFAULT_POLICY,
    ChangeMode,
    ObligationFacts,
    ObligationKind,
    Policy,
    Span,
    Verdict,
    cancel_touches,
    cured_windows,
    due_for,
    entry_day,
    fast_lane_due_at,
    is_met,
    is_met_at,
    is_suspended,
    late_by,
    lateness_band,
    lateness_text_en,
    lateness_text_zh,
    policy_on,
    recomputed_due,
    verdict,
    window,
    window_containing,
)
from gridwatch.domain.worktime import CalendarDay, DateOutsideCalendar, DayKind, Due, WorkCalendar, local_day

Kind = ObligationKind
ONE_DAY = timedelta(days=1)


def day(text: str) -> date:
    return date.fromisoformat(text)


def dues(push: str, calendar: WorkCalendar, *, windows: int) -> list[date]:
    return [due_for(Kind.FEEDBACK, day(push), DEFAULT_POLICY, calendar, k).on for k in range(1, windows + 1)]


def windows_of(push: str, calendar: WorkCalendar, number: int, **satisfied: str) -> list[ObligationFacts]:
    """The first windows of an assignment; `w2="2025-04-02"` satisfies window 2."""
    return [
        ObligationFacts(
            Kind.FEEDBACK, due_on, k, satisfied_on=day(satisfied[f"w{k}"]) if f"w{k}" in satisfied else None
        )
        for k, due_on in enumerate(dues(push, calendar, windows=number), start=1)
    ]


# --- policy and due days ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "work_days", "due_on"),
    [
        (Kind.TRIAGE_C, 1, "2026-03-03"),
        (Kind.TRIAGE_S, 1, "2026-03-03"),
        (Kind.RULING, 1, "2026-03-03"),
        (Kind.RESUBMIT, 3, "2026-03-05"),
        (Kind.VERIFY, 3, "2026-03-05"),
        (Kind.INTERVENE, 5, "2026-03-09"),
        (Kind.REWORK, 5, "2026-03-09"),
        (Kind.PEER_ACK, 5, "2026-03-09"),
        (Kind.C_HANDLE, 10, "2026-03-16"),
        (Kind.RECHECK, 10, "2026-03-16"),
        (Kind.GROUP_DECIDE, 10, "2026-03-16"),
        (Kind.FEEDBACK, 15, "2026-03-23"),
        (Kind.CITY_FOLLOW, 15, "2026-03-23"),
        (Kind.REVIEW, 60, "2026-05-28"),
    ],
)
def test_the_default_limits(kind, work_days, due_on, calendar):
    assert DEFAULT_POLICY.days[kind] == work_days
    assert due_for(kind, day("2026-03-02"), DEFAULT_POLICY, calendar) == Due(day(due_on))


def test_every_kind_has_a_limit():
    assert set(DEFAULT_POLICY.days) == set(Kind)
    with pytest.raises(ValueError, match="wrong: \\['ruling'\\]"):
        Policy(2, day("2026-01-01"), {kind: 1 for kind in Kind if kind is not Kind.RULING})
    with pytest.raises(ValueError, match="wrong: \\['verify'\\]"):
        Policy(2, day("2026-01-01"), {**DEFAULT_POLICY.days, Kind.VERIFY: 0})
    with pytest.raises(TypeError):
        DEFAULT_POLICY.days[Kind.INTERVENE] = 7


def test_a_lead_sent_back_to_the_community_has_five_days(calendar):
    sent_back = due_for(Kind.C_HANDLE, day("2026-03-02"), DEFAULT_POLICY, calendar, sent_back=True)

    assert sent_back == Due(day("2026-03-09"))
    with pytest.raises(ValueError, match="sent back"):
        due_for(Kind.TRIAGE_S, day("2026-03-02"), DEFAULT_POLICY, calendar, sent_back=True)


@pytest.mark.parametrize(("kind", "k"), [(Kind.INTERVENE, 2), (Kind.REVIEW, 2), (Kind.FEEDBACK, 0)])
def test_only_windowed_kinds_have_further_windows(kind, k, calendar):
    with pytest.raises(ValueError, match="has no window"):
        due_for(kind, day("2026-03-02"), DEFAULT_POLICY, calendar, k)


def test_a_major_hazard_has_two_hours_on_any_day():
    on_new_years_eve = datetime.fromisoformat("2026-02-16T23:30:00+08:00")

    assert fast_lane_due_at(on_new_years_eve, DEFAULT_POLICY) == datetime.fromisoformat("2026-02-17T01:30:00+08:00")
    with pytest.raises(ValueError, match="without offset"):
        fast_lane_due_at(on_new_years_eve.replace(tzinfo=None), DEFAULT_POLICY)


def test_limits_change_by_version_on_their_day():
    stricter = Policy(2, day("2026-07-01"), {**DEFAULT_POLICY.days, Kind.INTERVENE: 3})
    corrected = Policy(3, day("2026-07-01"), {**DEFAULT_POLICY.days, Kind.INTERVENE: 4})
    policies = [stricter, DEFAULT_POLICY, corrected]

    assert policy_on(policies, day("2026-06-30")) is DEFAULT_POLICY
    assert policy_on(policies, day("2026-07-01")) is corrected
    with pytest.raises(ValueError, match="no policy"):
        policy_on([stricter], day("2026-06-30"))


# --- windows ------------------------------------------------------------------------------------------------------


def test_window_one_holds_its_push_day_and_the_next_ones_do_not_hold_their_left_edge(calendar):
    first, second = (window(day("2025-03-10"), k, DEFAULT_POLICY, calendar) for k in (1, 2))

    assert (first.opens_after, first.opens_inclusive, first.due_on) == (day("2025-03-10"), True, day("2025-03-31"))
    assert (second.opens_after, second.opens_inclusive, second.due_on) == (day("2025-03-31"), False, day("2025-04-22"))
    assert first.contains(day("2025-03-10"))
    assert first.contains(day("2025-03-31"))
    assert not second.contains(day("2025-03-31"))
    assert second.contains(day("2025-04-01"))
    assert not first.contains(day("2025-03-09"))


@pytest.mark.parametrize("push", ["2025-01-24", "2025-09-28", "2026-02-14", "2026-02-18"])
def test_every_day_after_a_push_lies_in_exactly_one_window(push, calendar):
    push = day(push)
    windows = [window(push, k, DEFAULT_POLICY, calendar) for k in range(1, 9)]

    for i in range(150):
        on = push + i * ONE_DAY
        assert [w.k for w in windows if w.contains(on)] == [window_containing(push, on, DEFAULT_POLICY, calendar)]


def test_an_entry_on_the_weekend_after_a_due_friday_belongs_to_the_next_window(calendar):
    # Window 1 of a push on Friday 2026-06-26 ends on Friday 2026-07-17.
    push = day("2026-06-26")

    assert window(push, 1, DEFAULT_POLICY, calendar).due_on == day("2026-07-17")
    assert window_containing(push, day("2026-07-17"), DEFAULT_POLICY, calendar) == 1
    assert window_containing(push, day("2026-07-18"), DEFAULT_POLICY, calendar) == 2


def test_windows_end_where_the_announced_dates_say(calendar):
    push = day("2019-03-18")
    kept = {2: Due(day("2019-04-30"))}  # announced before the notice of 22 March 2019, computed now: 29 April

    third = window(push, 3, DEFAULT_POLICY, calendar, effective=kept)

    assert window(push, 2, DEFAULT_POLICY, calendar).due_on == day("2019-04-29")
    assert window(push, 2, DEFAULT_POLICY, calendar, effective=kept).due_on == day("2019-04-30")
    assert third.opens_after == day("2019-04-30")
    assert window_containing(push, day("2019-04-30"), DEFAULT_POLICY, calendar) == 3
    assert window_containing(push, day("2019-04-30"), DEFAULT_POLICY, calendar, effective=kept) == 2
    late = {1: Due(day("2019-04-10")), 2: Due(day("2019-05-28")), 3: Due(day("2019-06-10"))}
    assert window_containing(push, day("2019-05-24"), DEFAULT_POLICY, calendar) == 4
    assert window_containing(push, day("2019-05-24"), DEFAULT_POLICY, calendar, effective=late) == 2
    early = {1: Due(day("2019-04-01")), 2: Due(day("2019-04-22"))}
    assert window_containing(push, day("2019-04-08"), DEFAULT_POLICY, calendar, effective=early) == 2


def test_windows_refuse_what_has_none(calendar):
    with pytest.raises(ValueError, match="before the push"):
        window_containing(day("2026-03-02"), day("2026-03-01"), DEFAULT_POLICY, calendar)
    with pytest.raises(ValueError, match="intervene has no windows"):
        window(day("2026-03-02"), 1, DEFAULT_POLICY, calendar, kind=Kind.INTERVENE)
    with pytest.raises(DateOutsideCalendar):
        window(day("2100-12-30"), 1, DEFAULT_POLICY, calendar)


def test_the_office_follows_up_with_the_city_on_its_own_grid(calendar):
    escalated_on = day("2025-03-10")

    follow = window(escalated_on, 2, DEFAULT_POLICY, calendar, kind=Kind.CITY_FOLLOW)

    assert follow.due_on == day("2025-04-22")
    assert window_containing(escalated_on, day("2025-04-01"), DEFAULT_POLICY, calendar, kind=Kind.CITY_FOLLOW) == 2


def test_windows_beyond_the_published_calendar_are_provisional(calendar):
    push = day("2026-12-10")

    assert window(push, 1, DEFAULT_POLICY, calendar).due_on == day("2026-12-31")
    assert window(push, 1, DEFAULT_POLICY, calendar).provisional is False
    assert window(push, 2, DEFAULT_POLICY, calendar).provisional is True


# --- worked cases -------------------------------------------------------------------------------------------------


def test_case_1_an_intervention_on_a_make_up_saturday_is_three_days_late(calendar):
    due = due_for(Kind.INTERVENE, day("2026-02-11"), DEFAULT_POLICY, calendar)
    entered_on = local_day(datetime.fromisoformat("2026-02-28T10:00:00+08:00"))

    assert due == Due(day("2026-02-25"))
    assert not is_met(due.on, entered_on)
    assert late_by(due.on, entered_on, calendar) == 3
    facts = ObligationFacts(Kind.INTERVENE, due.on, satisfied_on=entered_on)
    assert verdict(facts, today=day("2026-03-02")) is Verdict.MET_LATE


def test_case_2_a_return_asked_in_time_leaves_no_stain(calendar):
    urban_management_due = due_for(Kind.INTERVENE, day("2025-09-22"), DEFAULT_POLICY, calendar).on
    asked, asked_late, later = day("2025-09-24"), day("2025-09-29"), day("2025-11-20")

    assert urban_management_due == day("2025-09-28")
    assert cancel_touches(urban_management_due, asked)
    assert (
        verdict(ObligationFacts(Kind.INTERVENE, urban_management_due, cancelled_on=asked), later) is Verdict.CANCELLED
    )
    # The food authority starts anew on the day of its own push.
    assert due_for(Kind.INTERVENE, day("2025-09-25"), DEFAULT_POLICY, calendar).on == day("2025-10-09")
    assert dues("2025-09-25", calendar, windows=2) == [day("2025-10-22"), day("2025-11-12")]
    # Asked after the due day, the miss stays.
    missed = ObligationFacts(Kind.INTERVENE, urban_management_due, cancelled_on=asked_late)
    assert not cancel_touches(urban_management_due, asked_late)
    assert verdict(missed, later) is Verdict.MISSED


def test_case_3_two_early_entries_do_not_pay_for_the_next_window(calendar):
    push = day("2025-03-10")

    entries = [window_containing(push, day(on), DEFAULT_POLICY, calendar) for on in ("2025-03-20", "2025-03-28")]

    assert entries == [1, 1]
    first, second = windows_of("2025-03-10", calendar, 2, w1="2025-03-20")
    assert verdict(first, day("2025-04-01")) is Verdict.MET
    assert verdict(second, day("2025-04-01")) is Verdict.OPEN
    assert second.due_on == day("2025-04-22")
    # A rolling timer would have asked for other days.
    rolling = [due_for(Kind.FEEDBACK, day(on), DEFAULT_POLICY, calendar).on for on in ("2025-03-20", "2025-03-28")]
    assert rolling == [day("2025-04-11"), day("2025-04-21")]


def test_case_4_an_entry_two_days_late_cures_the_empty_window_and_meets_its_own(calendar):
    push, entry = day("2025-03-10"), day("2025-04-02")
    first, second = windows_of("2025-03-10", calendar, 2, w2="2025-04-02")

    assert window_containing(push, entry, DEFAULT_POLICY, calendar) == 2
    assert verdict(first, entry) is Verdict.MISSED
    assert cured_windows([first, second], entry) == [1]
    assert late_by(first.due_on, entry, calendar) == 2
    assert verdict(second, entry) is Verdict.MET


def test_case_5_a_window_inside_a_failed_verification_is_suspended(calendar):
    push, reopened_on = day("2025-03-10"), day("2025-04-24")
    verifying = [Span(day("2025-03-28"), reopened_on)]
    first, second, third = windows_of("2025-03-10", calendar, 3, w1="2025-03-28")

    assert verdict(first, reopened_on, verifying) is Verdict.MET
    assert verdict(second, reopened_on, verifying) is Verdict.SUSPENDED
    assert verdict(third, reopened_on, verifying) is Verdict.OPEN
    assert cured_windows([first, second, third], day("2025-05-06"), verifying) == []
    verify_due = due_for(Kind.VERIFY, day("2025-03-28"), DEFAULT_POLICY, calendar).on
    assert late_by(verify_due, reopened_on, calendar) == 15
    assert due_for(Kind.REWORK, reopened_on, DEFAULT_POLICY, calendar).on == day("2025-04-30")
    # The grid resumes with the first original date after the day of reopening.
    k = window_containing(push, reopened_on + ONE_DAY, DEFAULT_POLICY, calendar)
    assert window(push, k, DEFAULT_POLICY, calendar).due_on == day("2025-05-15")


def test_case_6_the_notice_of_22_march_2019(calendar):
    # Before it, 1 May 2019 was a single holiday without make-up days.
    before = calendar.amended(
        [
            CalendarDay(day("2019-04-28"), DayKind.WEEKEND),
            CalendarDay(day("2019-05-02"), DayKind.WORK),
            CalendarDay(day("2019-05-03"), DayKind.WORK),
            CalendarDay(day("2019-05-04"), DayKind.WEEKEND),
            CalendarDay(day("2019-05-05"), DayKind.WEEKEND),
        ],
        version=1,
    )
    old, new = (due_for(Kind.FEEDBACK, day("2019-03-18"), DEFAULT_POLICY, c, k=2) for c in (before, calendar))

    def moved(mode: ChangeMode) -> date:
        return recomputed_due(Kind.FEEDBACK, old, new, day("2019-03-22"), calendar, mode).on

    assert (old.on, new.on) == (day("2019-04-30"), day("2019-04-29"))
    assert moved(ChangeMode.EXTEND_ONLY) == day("2019-04-30")
    assert moved(ChangeMode.STRICT) == day("2019-04-29")
    for push, not_updated, updated in [
        ("2019-04-24", "2019-05-02", "2019-04-30"),
        ("2019-04-30", "2019-05-08", "2019-05-09"),
    ]:
        due = [due_for(Kind.INTERVENE, day(push), DEFAULT_POLICY, c).on for c in (before, calendar)]
        assert due == [day(not_updated), day(updated)]


def test_case_7_first_check_and_recheck(calendar):
    assert calendar.add(day("2026-02-12"), 10).on == day("2026-03-04")
    assert due_for(Kind.RECHECK, day("2026-03-03"), DEFAULT_POLICY, calendar).on == day("2026-03-17")


@pytest.mark.parametrize(
    ("entered_at", "met"),
    [
        ("2026-03-17T15:59:59.999+00:00", True),
        ("2026-03-17T16:00:00+00:00", False),
        ("2026-03-17T16:30:00+00:00", False),
    ],
)
def test_case_8_the_due_day_ends_at_24_00_in_china(entered_at, met):
    assert is_met(day("2026-03-17"), entry_day(datetime.fromisoformat(entered_at), DEFAULT_POLICY)) is met


# --- verdicts -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("entered_at", "on"),
    [
        ("2026-03-17T17:29:59+08:00", "2026-03-17"),
        ("2026-03-17T17:30:00+08:00", "2026-03-18"),
        ("2026-03-17T09:30:00+00:00", "2026-03-18"),
        ("2026-03-18T00:10:00+08:00", "2026-03-18"),
    ],
)
def test_a_street_may_close_the_day_at_half_past_five(entered_at, on):
    closing = Policy(2, day("2026-01-01"), DEFAULT_POLICY.days, closes_at=time(17, 30))

    assert entry_day(datetime.fromisoformat(entered_at), closing) == day(on)
    with pytest.raises(ValueError, match="without offset"):
        entry_day(datetime.fromisoformat(entered_at).replace(tzinfo=None), closing)


def test_the_fast_lane_is_judged_by_the_instant():
    due_at = datetime.fromisoformat("2026-02-17T01:30:00+08:00")

    assert is_met_at(due_at, due_at)
    assert not is_met_at(due_at, due_at + timedelta(seconds=1))
    assert not is_met_at(due_at, None)


@pytest.mark.parametrize(
    ("done_on", "late", "zh", "en", "band"),
    [
        ("2026-07-18", 0, "逾期不足1个工作日", "late by less than 1 work day", "1-5"),
        ("2026-07-20", 1, "逾期1个工作日", "late by 1 work day", "1-5"),
        ("2026-07-24", 5, "逾期5个工作日", "late by 5 work days", "1-5"),
        ("2026-07-26", 5, "逾期5个工作日", "late by 5 work days", "1-5"),
        ("2026-07-27", 6, "逾期6个工作日", "late by 6 work days", "6-15"),
        ("2026-08-07", 15, "逾期15个工作日", "late by 15 work days", "6-15"),
        ("2026-08-10", 16, "逾期16个工作日", "late by 16 work days", ">15"),
    ],
)
def test_lateness_in_work_days_words_and_bands(done_on, late, zh, en, band, calendar):
    a_friday = day("2026-07-17")

    assert late_by(a_friday, day(done_on), calendar) == late
    assert (lateness_text_zh(late), lateness_text_en(late), lateness_band(late)) == (zh, en, band)


def test_what_is_in_time_is_not_late_by_anything(calendar):
    assert late_by(day("2026-07-17"), day("2026-07-17"), calendar) is None
    assert late_by(day("2026-07-17"), day("2026-07-06"), calendar) is None
    assert not is_met(day("2026-07-17"), None)


DUE, BEFORE, AFTER = date(2026, 7, 17), date(2026, 7, 16), date(2026, 7, 20)
VERIFYING = (Span(date(2026, 7, 10), date(2026, 7, 17)),)


@pytest.mark.parametrize(
    ("kind", "facts", "today", "verifying", "expected"),
    [
        (Kind.INTERVENE, {}, DUE, (), Verdict.OPEN),
        (Kind.INTERVENE, {}, AFTER, (), Verdict.OVERDUE),
        (Kind.INTERVENE, {"satisfied_on": DUE}, AFTER, (), Verdict.MET),
        (Kind.INTERVENE, {"satisfied_on": AFTER}, AFTER, (), Verdict.MET_LATE),
        (Kind.INTERVENE, {"cancelled_on": DUE}, AFTER, (), Verdict.CANCELLED),
        (Kind.INTERVENE, {"cancelled_on": AFTER}, AFTER, (), Verdict.MISSED),
        (Kind.INTERVENE, {"satisfied_on": BEFORE, "cancelled_on": DUE}, AFTER, (), Verdict.MET),
        (Kind.INTERVENE, {}, AFTER, VERIFYING, Verdict.OVERDUE),
        (Kind.FEEDBACK, {}, DUE, (), Verdict.OPEN),
        (Kind.FEEDBACK, {}, AFTER, (), Verdict.MISSED),
        (Kind.FEEDBACK, {"cured_on": AFTER}, AFTER, (), Verdict.MISSED),
        (Kind.FEEDBACK, {"satisfied_on": DUE}, AFTER, (), Verdict.MET),
        (Kind.FEEDBACK, {}, AFTER, VERIFYING, Verdict.SUSPENDED),
        (Kind.FEEDBACK, {"satisfied_on": BEFORE}, AFTER, VERIFYING, Verdict.MET),
        (Kind.FEEDBACK, {"cancelled_on": DUE}, AFTER, VERIFYING, Verdict.CANCELLED),
        (Kind.FEEDBACK, {"cancelled_on": AFTER}, AFTER, (), Verdict.MISSED),
        (Kind.CITY_FOLLOW, {}, AFTER, (), Verdict.MISSED),
    ],
)
def test_verdicts(kind, facts, today, verifying, expected):
    assert verdict(ObligationFacts(kind, DUE, **facts), today, verifying) is expected


@pytest.mark.parametrize(
    ("due_on", "suspended"),
    [("2026-07-09", False), ("2026-07-10", True), ("2026-07-17", True), ("2026-07-18", False), ("2026-08-03", True)],
)
def test_both_ends_of_a_verification_belong_to_it_and_an_open_one_has_no_end(due_on, suspended):
    assert is_suspended(day(due_on), [*VERIFYING, Span(day("2026-08-01"))]) is suspended


def test_one_late_entry_cures_all_that_was_missed_and_nothing_else(calendar):
    push = "2025-03-10"
    met, missed, cured, missed_too, current = windows_of(push, calendar, 5, w1="2025-03-20")
    cured = ObligationFacts(Kind.FEEDBACK, cured.due_on, 3, cured_on=day("2025-05-20"))
    entry = day("2025-06-20")

    assert window_containing(day(push), entry, DEFAULT_POLICY, calendar) == 5
    assert cured_windows([met, missed, cured, missed_too, current], entry) == [2, 4]
