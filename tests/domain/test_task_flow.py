"""The small machine of a task: its table, when closed doors end it, and when a visit counts as in time."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import pytest

from gridwatch.domain.errors import Refusal
from gridwatch.domain.task_flow import (
    CLOSE_CODES,
    OPEN,
    STATES,
    STEPS,
    act_of_visit,
    after,
    is_trusted,
    timeliness,
)
from gridwatch.domain.worktime import CHINA, WorkCalendar

DUE = date(2026, 9, 30)


@pytest.fixture(scope="module")
def calendar() -> WorkCalendar:
    """Mon–Fri: what matters here is which days are work days at all."""
    return WorkCalendar({}, 1, frozenset({2026}))


def at(local: str) -> datetime:
    return datetime.fromisoformat(local).replace(tzinfo=CHINA)


@pytest.mark.parametrize(
    ("state", "act", "to"),
    [
        ("planned", "route", "issued"),
        ("issued", "claim", "claimed"),
        ("issued", "assign", "assigned"),
        ("claimed", "move", "issued"),
        ("assigned", "pass_on", "assigned"),
        ("issued", "attempt", "issued"),
        ("assigned", "attempt", "assigned"),
        ("claimed", "finish", "done"),
        ("issued", "give_up", "not_done"),
        ("planned", "supersede", "superseded"),
        ("issued", "cancel", "cancelled"),
    ],
)
def test_the_table_leads_on(state: str, act: str, to: str):
    assert after(state, act) == to


@pytest.mark.parametrize(
    ("state", "act"),
    [
        ("planned", "finish"),  # nobody can have been at the door of a task that is on no phone
        ("issued", "route"),
        ("done", "finish"),
        ("done", "supersede"),
        ("cancelled", "attempt"),
        ("claimed", "claim"),
    ],
)
def test_what_the_table_does_not_know_is_refused(state: str, act: str):
    with pytest.raises(Refusal) as refused:
        after(state, act)
    assert refused.value.code == "task.wrong_state"
    assert refused.value.facts["state_code"] == state


def test_the_table_is_closed():
    assert all(step.sources <= set(STATES) and (step.to is None or step.to in STATES) for step in STEPS.values())
    assert {act for act, _, _ in CLOSE_CODES.values()} <= set(STEPS)
    stays_closed = [step for step in STEPS.values() if step.act != "reopen"]
    assert all(step.sources <= OPEN for step in stays_closed)
    assert STEPS["reopen"].sources == {"done", "not_done"}  # and what was withdrawn or cancelled has no way back


@pytest.mark.parametrize(
    ("what", "doors", "act"),
    [
        ("once is not enough", ["2026-09-21 09:00"], "attempt"),
        ("twice, another day and hour", ["2026-09-21 09:00", "2026-09-22 15:00"], "give_up"),
        ("twice on one day", ["2026-09-21 09:00", "2026-09-21 15:00"], "attempt"),
        ("at the same hour", ["2026-09-21 09:00", "2026-09-22 09:30"], "attempt"),
        ("an hour apart to the minute", ["2026-09-21 09:00", "2026-09-22 10:00"], "give_up"),
        ("one of them on a Sunday", ["2026-09-20 09:00", "2026-09-21 15:00"], "attempt"),
        ("the third time after a Sunday", ["2026-09-20 09:00", "2026-09-21 15:00", "2026-09-22 10:00"], "give_up"),
        ("in reverse order of arrival", ["2026-09-22 15:00", "2026-09-21 09:00"], "give_up"),
        ("another day only in UTC", ["2026-09-21 07:30", "2026-09-21 09:30"], "attempt"),
    ],
)
def test_closed_doors_end_a_first_check_after_two_attempts(calendar, what: str, doors: list[str], act: str):
    assert act_of_visit("first_check", "closed_door", [at(door) for door in doors], calendar) == act, what


@pytest.mark.parametrize(
    ("kind", "result", "act"),
    [
        ("first_check", "done", "finish"),
        ("first_check", "refused", "finish"),  # a refusal is a finding
        ("first_check", "not_found", "attempt"),
        ("first_check", "unsafe", "attempt"),
        ("first_check", "weather", "attempt"),
        ("verify", "closed_door", "attempt"),  # whatever the doors: a verification is not given up
        ("recheck", "done", "finish"),
    ],
)
def test_what_an_accepted_visit_is(calendar, kind: str, result: str, act: str):
    twice = [at("2026-09-21 09:00"), at("2026-09-22 15:00")]
    assert act_of_visit(kind, result, twice, calendar) == act


@pytest.mark.parametrize(
    ("what", "performed", "uncertainty", "in_order", "received", "verdict"),
    [
        ("arrived in time", "2026-09-30 09:00", 1, True, "2026-09-30 23:59", "on_time"),
        ("the last minute of the day", "2026-09-30 23:59", 1, True, "2026-09-30 23:59", "on_time"),
        ("the first minute of the next", "2026-10-01 00:00", 1, True, "2026-10-01 00:01", "late"),
        ("done in time, arrived late", "2026-09-30 23:59", 60, True, "2026-10-03 08:00", "late_sync"),
        ("done late", "2026-10-02 10:00", 60, True, "2026-10-03 08:00", "late"),
        ("a clock nobody can trust, arrived in time", "2026-09-29 10:00", 10_000, True, "2026-09-30 08:00", "on_time"),
        ("a clock nobody can trust, arrived late", "2026-09-29 10:00", 7_200, True, "2026-10-03 08:00", "unclear"),
        ("just trusted", "2026-09-29 10:00", 7_199, True, "2026-10-03 08:00", "late_sync"),
        ("out of order", "2026-09-29 10:00", 60, False, "2026-10-03 08:00", "unclear"),
        ("no uncertainty known", "2026-09-29 10:00", None, True, "2026-10-03 08:00", "unclear"),
        ("a little ahead of the server", "2026-10-03 08:09", 60, True, "2026-10-03 08:00", "late"),
        ("too far ahead to be trusted", "2026-10-03 08:11", 60, True, "2026-10-03 08:00", "unclear"),
        ("a day and more ahead cannot be", "2026-10-01 09:00", 60, True, "2026-09-30 08:00", "unclear"),
        ("no time at all", None, 60, True, "2026-09-30 08:00", "unclear"),
        ("400 days old cannot be", "2025-08-20 08:00", 60, True, "2026-09-30 08:00", "unclear"),
    ],
)  # fmt: skip
def test_timeliness(
    what: str, performed: str | None, uncertainty: int | None, in_order: bool, received: str, verdict: str
):
    performed_at = at(performed) if performed else None
    assert timeliness(DUE, performed_at, uncertainty, in_order, at(received)) == verdict, what


def test_the_border_of_trust_is_ten_minutes_ahead():
    received = at("2026-09-30 08:00")
    assert is_trusted(received + timedelta(minutes=10), 0, True, received)
    assert not is_trusted(received + timedelta(minutes=10, seconds=1), 0, True, received)
