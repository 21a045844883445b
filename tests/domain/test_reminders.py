"""When who hears of an obligation: the ladder as tables, and what a scan finds after an outage."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from itertools import islice

import pytest

from gridwatch.domain.obligations import DEFAULT_POLICY, ObligationKind, due_for
from gridwatch.domain.permits import Role
from gridwatch.domain.reminders import (
    LADDER,
    OFFICER,
    RECEIVERS,
    REPORTER,
    Owner,
    Stage,
    moved_receivers,
    newest_due_hour_stage,
    newest_due_stage,
    newest_stage,
    next_hour_stage,
    next_stage,
    receivers,
    sending_window,
    stage_days,
    stage_on,
)
from gridwatch.domain.worktime import CalendarDay, DayKind

Kind = ObligationKind


def day(text: str) -> date:
    return date.fromisoformat(text)


def at(text: str) -> datetime:
    return datetime.fromisoformat(f"{text}+08:00")


def shown(stages) -> list[tuple[str, str]]:
    return [(str(stage), on.isoformat()) for stage, on in stages]


# --- stages -------------------------------------------------------------------------------------------------------


def test_the_ladder_of_a_push_before_the_spring_festival(calendar):
    """Worked case 1: two days before is a make-up Saturday, the day after the due day a Thursday."""
    pushed_on = day("2026-02-11")
    due_on = due_for(Kind.INTERVENE, pushed_on, DEFAULT_POLICY, calendar).on

    assert shown(islice(stage_days(due_on, pushed_on, calendar), 7)) == [
        ("W2", "2026-02-14"),
        ("W0", "2026-02-25"),
        ("B1", "2026-02-26"),
        ("B5", "2026-03-03"),
        ("B10", "2026-03-10"),
        ("B15", "2026-03-17"),
        ("B20", "2026-03-24"),
    ]


@pytest.mark.parametrize(
    ("created_on", "first"),
    [
        ("2026-03-11", ("W2", "2026-03-12")),
        ("2026-03-12", ("W0", "2026-03-16")),  # made on the day of W2: that stage does not exist
        ("2026-03-15", ("W0", "2026-03-16")),
        ("2026-03-16", ("B1", "2026-03-17")),
        ("2026-03-17", ("B5", "2026-03-23")),  # a superseding row may be born overdue
        ("2026-03-23", ("B10", "2026-03-30")),
    ],
)
def test_a_stage_exists_only_after_the_day_of_creation(created_on, first, calendar):
    stage, on = next_stage(day("2026-03-16"), day(created_on), None, calendar)

    assert (str(stage), on.isoformat()) == first


def test_a_superseding_row_begins_on_the_day_of_the_change(calendar):
    moved_on, last_sent_on = day("2026-03-16"), day("2026-03-12")

    assert shown([next_stage(day("2026-03-16"), moved_on, last_sent_on, calendar)]) == [("B1", "2026-03-17")]


def test_a_limit_of_one_day_has_no_early_warning(calendar):
    reported_on = day("2026-03-13")  # a Friday
    due_on = due_for(Kind.TRIAGE_C, reported_on, DEFAULT_POLICY, calendar).on

    assert shown(islice(stage_days(due_on, reported_on, calendar), 2)) == [("W0", "2026-03-16"), ("B1", "2026-03-17")]


def test_stages_on_rest_days_in_between_wait_for_work_days(calendar):
    due_on = day("2025-09-30")  # the last work day before National Day

    assert shown(islice(stage_days(due_on, day("2025-09-01"), calendar), 4)) == [
        ("W2", "2025-09-28"),  # a make-up Sunday
        ("W0", "2025-09-30"),
        ("B1", "2025-10-09"),
        ("B5", "2025-10-14"),
    ]


def test_a_missed_window_falls_silent_when_the_next_one_is_overdue(calendar):
    pushed_on = day("2025-03-10")
    first, second = (due_for(Kind.FEEDBACK, pushed_on, DEFAULT_POLICY, calendar, k).on for k in (1, 2))

    assert shown(stage_days(first, pushed_on, calendar, until=second)) == [
        ("W2", "2025-03-27"),
        ("W0", "2025-03-31"),
        ("B1", "2025-04-01"),
        ("B5", "2025-04-08"),
        ("B10", "2025-04-15"),
        ("B15", "2025-04-22"),  # the due day of window 2; the day after, window 2 speaks
    ]
    assert next_stage(first, pushed_on, second, calendar, until=second) is None
    assert newest_due_stage(first, pushed_on, Stage("B", 15), day("2025-06-30"), calendar, until=second) is None


def test_stepping_from_stage_to_stage_agrees_with_a_plain_list(calendar):
    due_on, created_on = day("2026-01-05"), day("2025-12-15")
    codes = ["W2", "W0", "B1", *(f"B{n}" for n in range(5, 100, 5))]
    plain = [(code, stage_on(due_on, Stage.parse(code), calendar).isoformat()) for code in codes]

    assert shown(islice(stage_days(due_on, created_on, calendar), len(plain))) == plain
    for i in range(120):
        today = created_on + timedelta(days=i)
        found = newest_due_stage(due_on, created_on, None, today, calendar)
        past = [code for code, on in plain if on <= today.isoformat()]
        assert ([] if found is None else [*map(str, found.skipped), str(found.send)]) == past


@pytest.mark.parametrize(
    ("last_stage", "today", "send", "skipped"),
    [
        (None, "2026-03-11", None, []),
        (None, "2026-03-12", "W2", []),
        ("W2", "2026-03-13", None, []),
        (None, "2026-03-14", "W2", []),  # late, but still the newest
        ("W2", "2026-03-16", "W0", []),
        (None, "2026-03-17", "B1", ["W2", "W0"]),
        ("W0", "2026-03-24", "B5", ["B1"]),
        ("B1", "2026-04-20", "B20", ["B5", "B10", "B15"]),
        ("B20", "2026-04-20", None, []),
    ],
)
def test_after_an_outage_only_the_newest_stage_is_sent(last_stage, today, send, skipped, calendar):
    last = None if last_stage is None else Stage.parse(last_stage)

    found = newest_due_stage(day("2026-03-16"), day("2026-03-02"), last, day(today), calendar)

    assert (found and (str(found.send), [str(stage) for stage in found.skipped])) == (send and (send, skipped))


def test_a_date_kept_on_a_day_that_became_a_holiday(calendar):
    closed = calendar.amended([CalendarDay(day("2026-03-16"), DayKind.HOLIDAY, "台风停工")], version=2)

    assert shown(islice(stage_days(day("2026-03-16"), day("2026-03-02"), closed), 3)) == [
        ("W2", "2026-03-12"),
        ("W0", "2026-03-16"),
        ("B1", "2026-03-17"),
    ]


@pytest.mark.parametrize(
    ("today", "stage"),
    [
        ("2026-03-02", "W2"), ("2026-03-13", "W2"), ("2026-03-16", "W0"), ("2026-03-17", "B1"), ("2026-03-20", "B1"),
        ("2026-03-23", "B5"), ("2026-03-27", "B5"), ("2026-03-30", "B10"),
    ],
)  # fmt: skip
def test_on_which_rung_a_duty_stands(today, stage, calendar):
    assert str(newest_stage(day("2026-03-16"), day(today), calendar)) == stage


@pytest.mark.parametrize("code", ["W2", "W0", "B1", "B5", "B10", "B250", "H0", "H2", "H48"])
def test_a_stage_is_stored_by_its_code(code):
    assert str(Stage.parse(code)) == code


@pytest.mark.parametrize(
    "code", ["", "W", "W1", "W5", "B0", "B2", "B7", "H1", "H-2", "MOVED", "w2", "B１", "X5", "B05", "B5 "]
)
def test_other_codes_are_no_stages(code):
    with pytest.raises(ValueError, match="there is no stage"):
        Stage.parse(code)


# --- the fast lane ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("last_stage", "now", "send", "skipped"),
    [
        (None, "2026-02-17T01:29:59", None, []),
        (None, "2026-02-17T01:30:00", "H0", []),
        ("H0", "2026-02-17T03:29:59", None, []),
        ("H0", "2026-02-17T03:30:00", "H2", []),
        (None, "2026-02-17T08:00:00", "H6", ["H0", "H2", "H4"]),
        ("H6", "2026-02-17T08:00:00", None, []),
    ],
)
def test_a_hazard_left_lying_is_called_out_every_two_hours(last_stage, now, send, skipped):
    last = None if last_stage is None else Stage.parse(last_stage)

    found = newest_due_hour_stage(at("2026-02-17T01:30:00"), last, at(now))

    assert (found and (str(found.send), [str(stage) for stage in found.skipped])) == (send and (send, skipped))


def test_hours_have_no_day(calendar):
    stage, instant = next_hour_stage(at("2026-02-17T01:30:00"), Stage("H", 22))

    assert (str(stage), instant) == ("H24", at("2026-02-18T01:30:00"))
    with pytest.raises(ValueError, match="belongs to an instant"):
        stage_on(day("2026-02-17"), stage, calendar)


# --- receivers ----------------------------------------------------------------------------------------------------

CD, CH, SD, SO, LG = (
    "community_dispatcher", "community_handler", "street_dispatcher", "supervision_office", "leading_group",
)  # fmt: skip
DR, DL = "department_receiver", "department_leader"


@pytest.mark.parametrize(
    ("kind", "owner", "before", "b1", "b5", "b10"),
    [
        (Kind.TRIAGE_C, None, (CD,), (CD,), (CD, SO), (CD, SO, LG)),
        (Kind.C_HANDLE, None, (CH,), (CH,), (CH, SO), (CH, SO, LG)),
        (Kind.RECHECK, None, (CH,), (CH,), (CH, SO), (CH, SO, LG)),
        (Kind.RESUBMIT, None, (REPORTER,), (REPORTER,), (REPORTER, SO), (REPORTER, SO, LG)),
        (Kind.TRIAGE_S, None, (SD,), (SD,), (SD, SO), (SD, SO, LG)),
        (Kind.RULING, None, (SD,), (SD,), (SD, SO), (SD, SO, LG)),
        (Kind.RULING, Owner.SUPERVISION, (SO,), (SO,), (SO,), (SO, LG)),
        (Kind.INTERVENE, None, (DR, OFFICER), (DR, OFFICER, DL), (DR, OFFICER, DL, SO), (DR, OFFICER, DL, SO, LG)),
        (Kind.FEEDBACK, None, (DR, OFFICER), (DR, OFFICER, DL), (DR, OFFICER, DL, SO), (DR, OFFICER, DL, SO, LG)),
        (Kind.REWORK, None, (DR, OFFICER), (DR, OFFICER, DL), (DR, OFFICER, DL, SO), (DR, OFFICER, DL, SO, LG)),
        (Kind.REWORK, Owner.COMMUNITY, (CH,), (CH,), (CH, SO), (CH, SO, LG)),
        (Kind.REWORK, Owner.SUPERVISION, (SO,), (SO,), (SO,), (SO, LG)),
        (Kind.VERIFY, None, (CD,), (CD,), (CD, SO), (CD, SO, LG)),
        (Kind.GROUP_DECIDE, None, (LG,), (LG,), (LG, SO), (LG, SO)),
        (Kind.CITY_FOLLOW, None, (SO,), (SO,), (SO,), (SO, LG)),
        (Kind.PEER_ACK, None, (SD,), (SD,), (SD, SO), (SD, SO, LG)),
        (Kind.REVIEW, None, (SO,), (SO,), (SO,), (SO, LG)),
    ],
)
def test_who_hears_of_it(kind, owner, before, b1, b5, b10):
    expected = {"W2": before, "W0": before, "B1": b1, "B5": b5, "B10": b10, "B15": b10, "B200": b10}

    assert {code: receivers(kind, Stage.parse(code), owner) for code in expected} == expected
    assert moved_receivers(kind, owner) == before[:1]


def test_the_fast_lane_calls_the_street_and_the_office():
    assert receivers(Kind.TRIAGE_S, Stage("H", 0)) == (SD, SO)
    assert receivers(Kind.TRIAGE_S, Stage("H", 8)) == (SD, SO)


def test_every_kind_has_receivers_and_every_receiver_is_a_role():
    named = {role for roles in RECEIVERS.values() for role in roles} | {rung.role for rung in LADDER}

    assert {kind for kind, _ in RECEIVERS} == set(Kind)
    assert named - {REPORTER, OFFICER} <= {role.value for role in Role}
    with pytest.raises(ValueError, match="verify is never owed by department"):
        receivers(Kind.VERIFY, Stage("B", 1), Owner.DEPARTMENT)


# --- sending ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("instant", "leaves"),
    [
        ("2026-03-16T00:05:00", "2026-03-16T08:30:00"),
        ("2026-03-16T08:29:59", "2026-03-16T08:30:00"),
        ("2026-03-16T08:30:00", "2026-03-16T08:30:00"),
        ("2026-03-16T12:00:01", "2026-03-16T12:00:01"),
        ("2026-03-16T17:29:59", "2026-03-16T17:29:59"),
        ("2026-03-16T17:30:00", "2026-03-17T08:30:00"),
        ("2026-03-13T18:00:00", "2026-03-16T08:30:00"),  # Friday evening
        ("2026-03-14T10:00:00", "2026-03-16T08:30:00"),  # Saturday
        ("2026-02-14T10:00:00", "2026-02-14T10:00:00"),  # make-up Saturday
        ("2026-02-14T20:00:00", "2026-02-24T08:30:00"),  # then the Spring Festival
        ("2026-12-31T18:00:00", "2027-01-04T08:30:00"),  # into a provisional year
    ],
)
def test_messages_leave_in_office_hours_of_work_days(instant, leaves, calendar):
    assert sending_window(at(instant), calendar) == at(leaves)


def test_the_sending_window_is_in_china_time_and_answers_in_the_offset_asked(calendar):
    asked = datetime.fromisoformat("2026-03-15T23:00:00+00:00")  # 07:00 on Monday in China

    leaves = sending_window(asked, calendar)

    assert leaves.isoformat() == "2026-03-16T00:30:00+00:00"
    with pytest.raises(ValueError, match="without offset"):
        sending_window(asked.replace(tzinfo=None), calendar)
