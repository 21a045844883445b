"""The agenda of the tick: on which day an open duty next wants attention, and why.

Most entries are rungs of the reminder ladder. Two are not. `OPENS` is the day on which a feedback window becomes the
current one: the next window is made then, so that the current and the next always stand (domain.md §4c, windows made
lazily). `MOVED` is at once: a superseding row with another due day is told to its receiver (ruling R13).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import NamedTuple

from gridwatch.domain.obligations import WINDOWED, ObligationKind
from gridwatch.domain.reminders import MOVED, Stage, newest_due_hour_stage, next_hour_stage, next_stage, stage_on
from gridwatch.domain.worktime import Due, WorkCalendar, local_day

OPENS = "OPENS"
ONE_DAY = timedelta(days=1)
FIRST_HOUR = "H0"


class Entry(NamedTuple):
    """The day of the next attention, and the stage: a rung such as `W2`, or OPENS or MOVED."""

    on: date
    stage: str


NEVER = Entry(date.max, "NEVER")  # an excused duty: it is open, and nobody is reminded of it


class Found(NamedTuple):
    """What is due: the rungs in order, oldest first, and the entry that follows; None when the ladder ends there."""

    due: list[Stage]
    follows: Entry | None


def first_entry(
    kind: ObligationKind,
    k: int,
    due_on: date,
    today: date,
    dues: Mapping[int, Due],
    calendar: WorkCalendar,
    *,
    moved: bool = False,
    due_at: datetime | None = None,
) -> Entry | None:
    """Where a duty that comes into being on `today` enters the agenda.

    `dues` are the due days of its grid by window; `moved` says that it supersedes a duty with another due day; `due_at` is
    the instant of the fast lane, whose first rung is there when it passes (ruling R9).
    """
    if due_at is not None:
        return Entry(local_day(due_at), FIRST_HOUR)
    if moved:
        return Entry(today, MOVED)
    if kind in WINDOWED and k - 1 in dues and dues[k - 1].on >= today:
        return Entry(dues[k - 1].on + ONE_DAY, OPENS)
    found = next_stage(due_on, today, None, calendar)
    return Entry(found[1], str(found[0])) if found else None


def due_stages(
    entry: Entry, due_on: date, created_on: date, today: date, calendar: WorkCalendar, until: date | None
) -> Found:
    """The rungs from `entry` on whose day has come on `today`, and what follows. `until` ends the ladder (ruling R8)."""
    if entry.stage in (OPENS, MOVED):
        found = next_stage(due_on, created_on, None, calendar, until)
    else:
        # The day before its own, so that a rung whose day a new calendar has moved is found again at its new place.
        before = stage_on(due_on, Stage.parse(entry.stage), calendar) - ONE_DAY
        found = next_stage(due_on, created_on, before, calendar, until)
    due = []
    while found is not None and found[1] <= today:
        due.append(found[0])
        found = next_stage(due_on, created_on, found[1], calendar, until)
    return Found(due, Entry(found[1], str(found[0])) if found else None)


def due_hour_stages(entry: Entry, due_at: datetime, now: datetime) -> Found:
    """The same for the fast lane, whose limit is an instant: a rung every two hours, without an end (ruling R9)."""
    stage = Stage.parse(entry.stage)
    last = Stage("H", stage.number - 2) if stage.number else None
    found = newest_due_hour_stage(due_at, last, now)
    due = [*found.skipped, found.send] if found else []
    follows, at = next_hour_stage(due_at, due[-1] if due else last)
    return Found(due, Entry(local_day(at), str(follows)))
