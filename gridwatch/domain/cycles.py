"""Cycles of items 巡查周期: what is due in a grid on a day, so that every round is asked once and evenly.

A round is a stretch of the calendar (a year, half a year, a month …), the same for everybody. Each work day the doors that are
left are divided by the work days that are left, by workload: leave, holidays and days on which nothing was planned level out by
themselves, and there is no plan of a year ahead that would have to be mended. What is asked already is never asked again, so
rounds that nobody got to do not pile up.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from gridwatch.domain.form_rules import holds
from gridwatch.domain.forms import Form
from gridwatch.domain.worktime import WorkCalendar

APPROACH = 60.0  # seconds to get to a door, beside what its items take
MOST_MONTHS = 60
_ROUNDING = 1e-6  # seconds
WHOM = {  # who is visited again and again
    "entity": ("每个市场主体", "every entity"),
    "permit": ("经营范围需要许可的市场主体", "entities whose scope needs a permit"),
    "grid": ("网格", "the grid"),
}


@dataclass(frozen=True, slots=True)
class Cycle:
    """How often an item is asked, from its `repeats`: every `months`, or after `sooner` months where `when` held the last time."""

    item: str
    months: int
    of: str = "entity"
    sooner: int | None = None
    when: Mapping[str, Any] | None = None
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Target:
    """Whom a visit is for: an entity or a grid, behind a door that others may share.

    `asked` are the items of its open tasks, `last` the local day on which each item was last answered or given up, `answers`
    the findings of that day where they matter.
    """

    id: str
    door: str
    of: frozenset[str]
    asked: frozenset[str] = frozenset()
    last: Mapping[str, date] = field(default_factory=dict)
    answers: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


def cycle_of(item: Form, seconds: float) -> Cycle | None:
    """The cycle of a checked item; None for one without. `seconds` is what its ordinary result takes."""
    told = item.get("repeats")
    if told is None:
        return None
    sooner = told.get("sooner") or {}
    return Cycle(
        item["code"], told["months"], told.get("of", "entity"), sooner.get("months"), sooner.get("when"), seconds
    )


def round_of(day: date, months: int) -> tuple[date, date]:
    """The first and the last day of the round of so many months that a day lies in; rounds are counted from January of year 0."""
    first = _first_of((day.year * 12 + day.month - 1) // months * months)
    following = _first_of((day.year * 12 + day.month - 1) // months * months + months)
    return first, following - timedelta(days=1)


def _first_of(month: int) -> date:
    return date(month // 12, month % 12 + 1, 1)


def months_after(day: date, months: int) -> date:
    """The same day so many months later, or the last day of a shorter month."""
    first = _first_of(day.year * 12 + day.month - 1 + months)
    return min(first + timedelta(days=day.day - 1), _first_of(day.year * 12 + day.month + months) - timedelta(days=1))


def due_on(target: Target, cycle: Cycle, today: date) -> bool:
    """Whether an item is to be asked in this round: not asked already, and last answered before it, half a cycle ago at least."""
    if cycle.of not in target.of or cycle.item in target.asked:
        return False
    last = target.last.get(cycle.item)
    if last is None:
        return True
    first, _ = round_of(today, cycle.months)
    return last < first and last + timedelta(days=15 * cycle.months) <= today


def due_sooner(target: Target, cycle: Cycle, today: date) -> bool:
    """Whether the last answer has an item asked before its round: those who had not opened yet are seen again after some months."""
    if cycle.when is None or cycle.sooner is None or cycle.of not in target.of or cycle.item in target.asked:
        return False
    last, finding = target.last.get(cycle.item), target.answers.get(cycle.item)
    if last is None or finding is None or today < months_after(last, cycle.sooner):
        return False
    return holds(cycle.when, lambda name: [finding[name]] if name in finding else [])


def plan(
    targets: Sequence[Target], cycles: Iterable[Cycle], calendar: WorkCalendar, today: date
) -> dict[str, list[str]]:
    """What to ask on the work day `today` in one grid: target → items, in the order of the cycles.

    For each cycle the doors that have waited longest, up to their share of the round's workload; a door that is gone to is
    asked everything that is due there (进一次门查多项事).
    """
    cycles = list(cycles)
    due: dict[str, dict[str, list[str]]] = defaultdict(dict)  # door → target → items
    going: set[str] = set()
    waiting: dict[str, dict[str, date]] = {one.item: {} for one in cycles}  # item → door → waiting since
    for target in targets:
        for cycle in cycles:
            sooner = due_sooner(target, cycle, today)
            if sooner or due_on(target, cycle, today):
                due[target.door].setdefault(target.id, []).append(cycle.item)
                since = target.last.get(cycle.item, date.min)
                waiting[cycle.item][target.door] = min(since, waiting[cycle.item].get(target.door, since))
                if sooner:
                    going.add(target.door)
    seconds = {one.item: one.seconds for one in cycles}
    load = {
        door: APPROACH + sum(seconds[item] for items in theirs.values() for item in items)
        for door, theirs in due.items()
    }
    for cycle in cycles:
        _, end = round_of(today, cycle.months)
        days = max(1, calendar.count(today - timedelta(days=1), end))
        going |= _share(waiting[cycle.item], load, going, days)
    return {target: items for door in going for target, items in due[door].items()}


def _share(waiting: Mapping[str, date], load: Mapping[str, float], going: set[str], days: int) -> set[str]:
    """The doors of a day: those that wait longest, to the nearest door to their part of the load; what is gone to anyway counts.

    To the nearest: one door in ten days is gone to in the middle of them, and on the last day nothing is left.
    """
    wanted = sum(load[door] for door in waiting) / days
    done = sum(load[door] for door in waiting if door in going)
    chosen = set()
    for door in sorted(waiting, key=lambda door: (waiting[door], door)):
        if door in going:
            continue
        if done + load[door] / 2 > wanted + _ROUNDING:
            break
        chosen.add(door)
        done += load[door]
    return chosen
