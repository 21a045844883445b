"""Cycles of items: rounds, what is due, and how a round is spread over its work days."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import date, timedelta

import pytest

from gridwatch.domain.cycles import Cycle, Target, months_after, plan, round_of
from gridwatch.domain.worktime import DayKind, WorkCalendar

CALENDAR = WorkCalendar.from_kinds({date(2026, 9, 25): DayKind.HOLIDAY, date(2026, 9, 20): DayKind.MAKEUP}, 1, [2026])
MONTHLY = Cycle("RG04", 1, seconds=60)
YEARLY = Cycle("RG01", 12, seconds=30)
ENTITY = frozenset({"entity"})


def shop(number: int, **more) -> Target:
    return Target(f"e{number:03d}", more.pop("door", f"d{number:03d}"), ENTITY, **more)


@pytest.mark.parametrize(
    ("day", "months", "first", "last"),
    [
        (date(2026, 9, 18), 12, date(2026, 1, 1), date(2026, 12, 31)),
        (date(2026, 9, 18), 6, date(2026, 7, 1), date(2026, 12, 31)),
        (date(2026, 9, 18), 3, date(2026, 7, 1), date(2026, 9, 30)),
        (date(2026, 12, 31), 1, date(2026, 12, 1), date(2026, 12, 31)),
        (date(2028, 2, 29), 1, date(2028, 2, 1), date(2028, 2, 29)),
        (date(2026, 9, 18), 24, date(2026, 1, 1), date(2027, 12, 31)),
    ],
)
def test_a_round_is_a_stretch_of_the_calendar(day, months, first, last):
    assert round_of(day, months) == (first, last)


@pytest.mark.parametrize(
    ("day", "months", "then"),
    [
        (date(2026, 8, 31), 6, date(2027, 2, 28)),
        (date(2026, 1, 31), 1, date(2026, 2, 28)),
        (date(2026, 9, 18), 6, date(2027, 3, 18)),
        (date(2026, 11, 30), 1, date(2026, 12, 30)),
    ],
)
def test_months_later_is_the_same_day_or_the_last_one(day, months, then):
    assert months_after(day, months) == then


@pytest.mark.parametrize(
    ("what", "target", "due"),
    [
        ("never asked", shop(1), True),
        ("asked already", shop(1, asked=frozenset({"RG01"})), False),
        ("something else is asked", shop(1, asked=frozenset({"RG04"})), True),
        ("answered in this round", shop(1, last={"RG01": date(2026, 1, 1)}), False),
        ("answered in the last round, long ago", shop(1, last={"RG01": date(2025, 3, 1)}), True),
        ("answered in the last round, just now", shop(1, last={"RG01": date(2025, 12, 31)}), False),
        ("not one whose scope needs a permit", shop(1), True),
    ],
)
def test_what_is_due(what, target, due):
    on = date(2026, 3, 31) if "just now" in what else date(2026, 12, 31)
    assert bool(plan([target], [YEARLY], CALENDAR, on)) is due, what


def test_an_item_of_permit_holders_is_not_asked_of_others():
    cycle = replace(YEARLY, of="permit")
    holder = replace(shop(2), of=frozenset({"entity", "permit"}))
    assert plan([shop(1), holder], [cycle], CALENDAR, date(2026, 12, 31)) == {"e002": ["RG01"]}


NOT_OPEN = {"in": ["status", ["not_opened"]]}


@pytest.mark.parametrize(
    ("on", "status", "asked"),
    [
        (date(2026, 9, 17), "not_opened", False),
        (date(2026, 9, 18), "not_opened", True),
        (date(2026, 9, 18), "operating", False),
    ],
)
def test_who_had_not_opened_is_seen_sooner(on, status, asked):
    cycle = Cycle("RG02", 12, sooner=6, when=NOT_OPEN)
    target = shop(1, last={"RG02": date(2026, 3, 18)}, answers={"RG02": {"item": "RG02", "status": status}})
    assert bool(plan([target], [cycle], CALENDAR, on)) is asked


# --- spreading -------------------------------------------------------------------------------------------------------


def a_month(
    targets: list[Target], cycles: list[Cycle], *, away: frozenset[date] = frozenset(), slow: int = 0
) -> Counter[date]:
    """Plan every work day of September 2026; what was planned is answered the same day, or so many days later."""
    planned: Counter[date] = Counter()
    state = {target.id: target for target in targets}
    answers: dict[date, list[tuple[str, str]]] = {}
    for number in range(30):
        day = date(2026, 9, 1) + timedelta(days=number)
        for target, item in answers.pop(day, []):
            one = state[target]
            state[target] = replace(one, asked=one.asked - {item}, last={**one.last, item: day})
        if not CALENDAR.is_work(day) or day in away:
            continue
        for target, items in plan(list(state.values()), cycles, CALENDAR, day).items():
            planned[day] += 1
            one = state[target]
            assert not one.asked & set(items), "what is asked already is asked again"
            state[target] = replace(one, asked=one.asked | set(items))
            answers.setdefault(day + timedelta(days=1 + slow), []).extend((target, item) for item in items)
    return planned


def test_a_month_is_spread_over_its_work_days_and_nobody_is_asked_twice():
    planned = a_month([shop(n) for n in range(220)], [MONTHLY])
    assert sum(planned.values()) == 220
    assert len(planned) == 22  # 22 weekdays, less the holiday of the 25th, and the Sunday of the 20th that is worked
    assert set(planned.values()) == {10}
    assert date(2026, 9, 25) not in planned
    assert planned[date(2026, 9, 20)] == 10


def test_days_on_which_nothing_was_planned_level_out():
    away = frozenset(date(2026, 9, day) for day in range(1, 12))
    planned = a_month([shop(n) for n in range(220)], [MONTHLY], away=away)
    assert sum(planned.values()) == 220
    assert max(planned.values()) - min(planned.values()) <= 1


def test_visits_that_nobody_makes_do_not_pile_up():
    planned = a_month([shop(n) for n in range(44)], [MONTHLY], slow=60)
    assert sum(planned.values()) == 44, "each once, however long it stays open"


def test_the_load_counts_and_not_the_number():
    long = [replace(shop(n), of=frozenset({"entity", "permit"})) for n in range(10)]
    short = [shop(n) for n in range(10, 120)]
    checks = Cycle("RG03", 1, of="permit", seconds=600)
    planned = plan([*long, *short], [MONTHLY, checks], CALENDAR, date(2026, 9, 1))
    loads = sum(60 + sum(600 if item == "RG03" else 60 for item in items) for items in planned.values())
    # 10 × 720 + 110 × 120 = 20,400 s over 22 days are 927 s a day; by number it would be five of the long ones, 3,600 s.
    assert 600 <= loads <= 1_300


def test_a_door_is_visited_once_for_all_that_is_due_there():
    targets = [shop(n, door="mall") for n in range(5)] + [shop(n) for n in range(5, 200)]
    first = plan(targets, [YEARLY, MONTHLY], CALENDAR, date(2026, 12, 31))
    assert all(items == ["RG01", "RG04"] for items in first.values())
    days = Counter()
    for number in range(30):
        day = date(2026, 9, 1) + timedelta(days=number)
        if CALENDAR.is_work(day):
            planned = plan(targets, [MONTHLY], CALENDAR, day)
            days[sum(target.door == "mall" for target in targets if target.id in planned)] += 1
            targets = [replace(one, asked=frozenset({"RG04"})) if one.id in planned else one for one in targets]
    assert set(days) == {0, 5}, "all of the door, or none of it"
    assert days[5] == 1
