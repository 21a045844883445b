"""What may move a date that was announced: a notice served, force majeure, a changed calendar. Nothing else does."""

from __future__ import annotations

from datetime import date

import pytest

from gridwatch.domain.obligations import (
    DEFAULT_POLICY,
    WINDOWED,
    ChangeMode,
    ObligationKind,
    Span,
    add_outside,
    c_handle_after_notice,
    due_for,
    intervene_under_hold,
    recomputed_due,
)
from gridwatch.domain.worktime import CalendarDay, DayKind, Due

Kind = ObligationKind


def day(text: str) -> date:
    return date.fromisoformat(text)


@pytest.mark.parametrize(
    ("old", "served_on", "already_extended", "expected"),
    [
        ("2026-03-16", "2026-03-03", False, "2026-03-19"),  # recheck due 17 March, and two work days
        ("2026-03-16", "2026-03-16", False, "2026-04-01"),  # still on the due day
        ("2026-03-16", "2026-03-17", False, None),  # overdue
        ("2026-03-16", "2026-03-03", True, None),  # once only
        ("2026-03-19", "2026-03-03", False, None),  # far enough off as it is
    ],
)
def test_serving_a_notice_extends_the_community_once(old, served_on, already_extended, expected, calendar):
    extended = c_handle_after_notice(
        Due(day(old)), day(served_on), DEFAULT_POLICY, calendar, already_extended=already_extended
    )

    assert extended == (None if expected is None else Due(day(expected)))


def test_days_of_force_majeure_are_left_out_of_the_five(calendar):
    push, old = day("2026-03-02"), Due(day("2026-03-09"))
    storm, flood = Span(day("2026-03-04"), day("2026-03-05")), Span(day("2026-03-05"), day("2026-03-10"))

    def under(*holds: Span, old: Due = old, today: str = "2026-03-05") -> date:
        return intervene_under_hold(old, push, holds, day(today), DEFAULT_POLICY, calendar).on

    assert under() == day("2026-03-09")
    assert under(storm) == day("2026-03-11")
    assert under(storm, flood) == day("2026-03-16")  # days of both add up; 5 March counts once
    assert under(storm, old=Due(day("2026-03-16"))) == day("2026-03-16")  # ended early: the date is not shortened
    assert under(storm, today="2026-03-09") == day("2026-03-11")
    assert under(storm, today="2026-03-10") == day("2026-03-09")  # overdue: nothing moves
    assert under(Span(day("2026-02-20"), push)) == day("2026-03-09")  # over before the first day counted
    assert add_outside(push, 15, [storm, flood], calendar).on == day("2026-03-30")
    with pytest.raises(ValueError, match="last day"):
        under(Span(day("2026-03-04")))


def test_a_hold_into_a_year_without_notice_is_provisional(calendar):
    due = add_outside(day("2026-12-21"), 5, [Span(day("2026-12-23"), day("2026-12-30"))], calendar)

    assert due == Due(day("2027-01-06"), provisional=True)
    with pytest.raises(ValueError, match="before it begins"):
        Span(day("2026-03-05"), day("2026-03-04"))


OFFICIAL, PROVISIONAL = False, True


@pytest.mark.parametrize(
    ("kind", "old", "old_is", "new", "today", "mode", "expected"),
    [
        # published dates were relied on: later only, unless the street chose to be strict
        (Kind.INTERVENE, "2026-03-09", OFFICIAL, "2026-03-11", "2026-03-03", "extend_only", "2026-03-11"),
        (Kind.INTERVENE, "2026-03-09", OFFICIAL, "2026-03-06", "2026-03-03", "extend_only", "2026-03-09"),
        (Kind.INTERVENE, "2026-03-09", OFFICIAL, "2026-03-06", "2026-03-03", "strict", "2026-03-06"),
        (Kind.FEEDBACK, "2026-03-09", OFFICIAL, "2026-03-11", "2026-03-09", "extend_only", "2026-03-11"),
        # provisional dates were not: both directions, but two work days stay (R3)
        (Kind.INTERVENE, "2026-03-16", PROVISIONAL, "2026-03-18", "2026-03-03", "extend_only", "2026-03-18"),
        (Kind.INTERVENE, "2026-03-16", PROVISIONAL, "2026-03-12", "2026-03-03", "extend_only", "2026-03-12"),
        (Kind.INTERVENE, "2026-03-16", PROVISIONAL, "2026-03-12", "2026-03-11", "extend_only", "2026-03-13"),
        (Kind.INTERVENE, "2026-03-16", PROVISIONAL, "2026-03-12", "2026-03-13", "extend_only", "2026-03-16"),
        (Kind.INTERVENE, "2026-03-16", PROVISIONAL, "2026-03-12", "2026-03-16", "extend_only", "2026-03-16"),
        (Kind.FEEDBACK, "2026-03-16", PROVISIONAL, "2026-03-12", "2026-03-11", "strict", "2026-03-13"),
        # overdue: one date moves later only, a passed window is frozen (R11)
        (Kind.INTERVENE, "2026-03-09", OFFICIAL, "2026-03-11", "2026-03-10", "extend_only", "2026-03-11"),
        (Kind.INTERVENE, "2026-03-09", OFFICIAL, "2026-03-06", "2026-03-10", "strict", "2026-03-09"),
        (Kind.VERIFY, "2026-03-09", PROVISIONAL, "2026-03-06", "2026-03-10", "extend_only", "2026-03-09"),
        (Kind.FEEDBACK, "2026-03-09", OFFICIAL, "2026-03-11", "2026-03-10", "strict", "2026-03-09"),
        (Kind.CITY_FOLLOW, "2026-03-09", PROVISIONAL, "2026-03-11", "2026-03-10", "extend_only", "2026-03-09"),
        # a review day was named by a person
        (Kind.REVIEW, "2026-03-09", OFFICIAL, "2026-03-11", "2026-03-03", "strict", "2026-03-09"),
        (Kind.REVIEW, "2026-03-09", PROVISIONAL, "2026-03-06", "2026-03-03", "extend_only", "2026-03-09"),
    ],
)
def test_what_a_changed_calendar_does_to_an_open_date(kind, old, old_is, new, today, mode, expected, calendar):
    moved = recomputed_due(kind, Due(day(old), old_is), Due(day(new)), day(today), calendar, ChangeMode(mode))

    frozen = kind is Kind.REVIEW or (kind in WINDOWED and day(old) < day(today))
    assert moved == Due(day(expected), provisional=old_is if frozen else False)


def test_a_date_of_2027_heals_when_the_notice_comes(calendar):
    push, imported_on = day("2026-12-11"), day("2026-12-20")
    old = due_for(Kind.FEEDBACK, push, DEFAULT_POLICY, calendar)
    # Made up for this test: Saturday 26 December 2026 is worked for a Monday off on 4 January 2027.
    notice = [
        CalendarDay(day("2026-12-26"), DayKind.MAKEUP, "元旦"),
        CalendarDay(day("2027-01-01"), DayKind.HOLIDAY, "元旦"),
        CalendarDay(day("2027-01-04"), DayKind.HOLIDAY, "元旦"),
    ]
    healed = calendar.amended(notice, version=2, official_years={2027})
    new = due_for(Kind.FEEDBACK, push, DEFAULT_POLICY, healed)

    assert old == Due(day("2027-01-04"), provisional=True)
    assert new == Due(day("2026-12-31"), provisional=False)
    assert recomputed_due(Kind.FEEDBACK, old, new, imported_on, healed) == Due(day("2026-12-31"), provisional=False)
