"""Reminders (催办): on which day who hears of an obligation, and when a message may leave.

A stage is a rung of the ladder around a due day: W2 two work days before, W0 on the day, B1 the first work day after,
B5, B10, B15 … every five work days after. The fast lane, whose limit is an instant, has H0 when it passes and then
H2, H4 … every two hours. Sources: domain rulings R8, R9, R13, R38. Nothing here is stored or sent; a scan asks which
stage is due and writes one row per obligation, stage and receiver.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from typing import NamedTuple

from gridwatch.domain.obligations import ObligationKind
from gridwatch.domain.worktime import CHINA, WorkCalendar

# --- stages -------------------------------------------------------------------------------------------------------

B_STEP = 5  # work days between two stages of a breach
H_STEP = 2  # hours between two stages of the fast lane
MOVED = "MOVED"  # not a rung: sent once when a due day has moved (R13), see `moved_receivers`


@dataclass(frozen=True, slots=True)
class Stage:
    """One rung: W2, W0, B1, B5, B10 … (work days around the due day) or H0, H2, H4 … (hours after `due_at`).

    ValueError for any other letter and number.
    """

    letter: str
    number: int

    def __post_init__(self) -> None:
        number = self.number
        exists = {
            "W": number in (2, 0),
            "B": number == 1 or (number > 0 and number % B_STEP == 0),
            "H": number >= 0 and number % H_STEP == 0,
        }
        if not exists.get(self.letter, False):
            raise ValueError(f"there is no stage {self.letter}{number}")

    @classmethod
    def parse(cls, code: str) -> Stage:
        """The stage of a stored code such as `B5`. ValueError for anything else."""
        if not re.fullmatch(r"[A-Z](0|[1-9][0-9]*)", code):
            raise ValueError(f"there is no stage {code}")
        return cls(code[0], int(code[1:]))

    def __str__(self) -> str:
        return f"{self.letter}{self.number}"


W2, W0, B1 = Stage("W", 2), Stage("W", 0), Stage("B", 1)


class DueStages(NamedTuple):
    """What a scan finds due: the stage to send, and the earlier ones to record as skipped, oldest first."""

    send: Stage
    skipped: list[Stage]


def stage_on(due_on: date, stage: Stage, calendar: WorkCalendar) -> date:
    """The day of a W or B stage of an obligation due on `due_on`. ValueError for an H stage, which has no day."""
    if stage.letter == "H":
        raise ValueError(f"stage {stage} belongs to an instant, not to a day")
    if stage.number == 0:
        return due_on
    if stage.letter == "W":
        return calendar.subtract(due_on, stage.number)
    return calendar.add(due_on, stage.number).on


def next_stage(
    due_on: date, created_on: date, after: date | None, calendar: WorkCalendar, until: date | None = None
) -> tuple[Stage, date] | None:
    """The first stage whose day is later than both `created_on` and `after`, with its day (R8).

    `created_on` is the local day on which the obligation row came into being. `until` is the last day of the ladder:
    for a window, the due day of the next window, since from the day after that one the next window speaks. None when
    the stage would lie beyond it.
    """
    threshold = created_on if after is None else max(created_on, after)
    if threshold < stage_on(due_on, W2, calendar):
        stage = W2
    elif threshold < due_on:
        stage = W0
    else:
        passed = calendar.count(due_on, threshold)
        stage = Stage("B", (passed // B_STEP + 1) * B_STEP) if passed else B1
    on = stage_on(due_on, stage, calendar)
    return None if until is not None and on > until else (stage, on)


def stage_days(
    due_on: date, created_on: date, calendar: WorkCalendar, until: date | None = None
) -> Iterator[tuple[Stage, date]]:
    """All stages with their days, in order. Without `until` it goes on to the end of the calendar: take what you need.

    Arguments as in `next_stage`.
    """
    found = next_stage(due_on, created_on, None, calendar, until)
    while found is not None:
        yield found
        found = next_stage(due_on, created_on, found[1], calendar, until)


def newest_due_stage(
    due_on: date,
    created_on: date,
    last_stage: Stage | None,
    today: date,
    calendar: WorkCalendar,
    until: date | None = None,
) -> DueStages | None:
    """What is due on `today` after `last_stage` was recorded: after an outage only the newest stage is sent.

    None when nothing is due. Other arguments as in `next_stage`.
    """
    due: list[Stage] = []
    after = None if last_stage is None else stage_on(due_on, last_stage, calendar)
    found = next_stage(due_on, created_on, after, calendar, until)
    while found is not None and found[1] <= today:
        due.append(found[0])
        found = next_stage(due_on, created_on, found[1], calendar, until)
    return DueStages(due[-1], due[:-1]) if due else None


def next_hour_stage(due_at: datetime, last_stage: Stage | None) -> tuple[Stage, datetime]:
    """The stage of the fast lane that follows `last_stage`, with its instant: H0 at `due_at`, then every two hours."""
    stage = Stage("H", 0 if last_stage is None else last_stage.number + H_STEP)
    return stage, due_at + timedelta(hours=stage.number)


def newest_due_hour_stage(due_at: datetime, last_stage: Stage | None, now: datetime) -> DueStages | None:
    """The same as `newest_due_stage` for the fast lane (R9). None when nothing is due at `now`."""
    due: list[Stage] = []
    stage, at = next_hour_stage(due_at, last_stage)
    while at <= now:
        due.append(stage)
        stage, at = next_hour_stage(due_at, stage)
    return DueStages(due[-1], due[:-1]) if due else None


def newest_stage(due_on: date, today: date, calendar: WorkCalendar) -> Stage:
    """The rung on which a duty stands today, whenever it came into being: W2 before its day, W0 on it, then B1, B5, B10 …"""
    if today <= due_on:
        return W0 if today == due_on else W2
    passed = calendar.count(due_on, today)
    return B1 if passed < B_STEP else Stage("B", passed // B_STEP * B_STEP)


# --- receivers ----------------------------------------------------------------------------------------------------

# Role codes are those of ruling R34. Two are not roles: `reporter` is whoever reported the lead, `officer` the one
# officer who is named on the assignment from sign-in or intervention on (R38); before that nobody stands behind it.
REPORTER, OFFICER = "reporter", "officer"
COMMUNITY_DISPATCHER, COMMUNITY_HANDLER = "community_dispatcher", "community_handler"
STREET_DISPATCHER, SUPERVISION_OFFICE = "street_dispatcher", "supervision_office"
DEPARTMENT_RECEIVER, DEPARTMENT_LEADER = "department_receiver", "department_leader"
LEADING_GROUP = "leading_group"


class Owner(StrEnum):
    """Who owes an obligation. RULING and REWORK may lie with different owners, so a row of those names its own."""

    REPORTER = "reporter"
    COMMUNITY = "community"
    STREET = "street"
    SUPERVISION = "supervision"
    DEPARTMENT = "department"
    GROUP = "group"


# The receivers of W2 and W0, by what is owed and by whom. The first row of a kind is its usual owner.
RECEIVERS: dict[tuple[ObligationKind, Owner], tuple[str, ...]] = {
    (ObligationKind.TRIAGE_C, Owner.COMMUNITY): (COMMUNITY_DISPATCHER,),
    (ObligationKind.C_HANDLE, Owner.COMMUNITY): (COMMUNITY_HANDLER,),
    (ObligationKind.RECHECK, Owner.COMMUNITY): (COMMUNITY_HANDLER,),
    (ObligationKind.RESUBMIT, Owner.REPORTER): (REPORTER,),
    (ObligationKind.TRIAGE_S, Owner.STREET): (STREET_DISPATCHER,),
    (ObligationKind.RULING, Owner.STREET): (STREET_DISPATCHER,),  # the first request of a round
    (ObligationKind.RULING, Owner.SUPERVISION): (SUPERVISION_OFFICE,),  # every further one
    (ObligationKind.INTERVENE, Owner.DEPARTMENT): (DEPARTMENT_RECEIVER, OFFICER),
    (ObligationKind.FEEDBACK, Owner.DEPARTMENT): (DEPARTMENT_RECEIVER, OFFICER),
    (ObligationKind.REWORK, Owner.DEPARTMENT): (DEPARTMENT_RECEIVER, OFFICER),
    (ObligationKind.REWORK, Owner.COMMUNITY): (COMMUNITY_HANDLER,),
    (ObligationKind.REWORK, Owner.SUPERVISION): (SUPERVISION_OFFICE,),  # after T34
    (ObligationKind.VERIFY, Owner.COMMUNITY): (COMMUNITY_DISPATCHER,),
    (ObligationKind.GROUP_DECIDE, Owner.GROUP): (LEADING_GROUP,),
    (ObligationKind.CITY_FOLLOW, Owner.SUPERVISION): (SUPERVISION_OFFICE,),
    (ObligationKind.PEER_ACK, Owner.STREET): (STREET_DISPATCHER,),
    (ObligationKind.REVIEW, Owner.SUPERVISION): (SUPERVISION_OFFICE,),
}


@dataclass(frozen=True, slots=True)
class Rung:
    """From the stage `since` on, `role` hears of it as well; `departments_only` for what a department owes."""

    since: Stage
    role: str
    departments_only: bool = False


LADDER = (
    Rung(Stage("B", 1), DEPARTMENT_LEADER, departments_only=True),
    Rung(Stage("B", 5), SUPERVISION_OFFICE),
    Rung(Stage("B", 10), LEADING_GROUP),
)
HOURLY_RECEIVERS = (STREET_DISPATCHER, SUPERVISION_OFFICE)


def usual_owner(kind: ObligationKind) -> Owner:
    """Who owes an obligation of this kind when its row names nobody else."""
    return next(owner for row_kind, owner in RECEIVERS if row_kind is kind)


def receivers(kind: ObligationKind, stage: Stage, owner: Owner | None = None) -> tuple[str, ...]:
    """The roles that hear of a stage, each once, the one who owes it first (R8, R9).

    `owner` defaults to the usual one. ValueError for an owner who cannot owe this kind.
    """
    if stage.letter == "H":
        return HOURLY_RECEIVERS
    owner, first = _owed_by(kind, owner)
    climbed = [
        rung.role
        for rung in LADDER
        if stage.letter == "B"
        and stage.number >= rung.since.number
        and (owner is Owner.DEPARTMENT or not rung.departments_only)
    ]
    return tuple(dict.fromkeys((*first, *climbed)))


def moved_receivers(kind: ObligationKind, owner: Owner | None = None) -> tuple[str, ...]:
    """Who hears that a due day moved: the receiver only, not the officer (R13, R38)."""
    return _owed_by(kind, owner)[1][:1]


def _owed_by(kind: ObligationKind, owner: Owner | None) -> tuple[Owner, tuple[str, ...]]:
    owner = owner or usual_owner(kind)
    if (kind, owner) not in RECEIVERS:
        raise ValueError(f"{kind.value} is never owed by {owner.value}")
    return owner, RECEIVERS[kind, owner]


# --- sending ------------------------------------------------------------------------------------------------------

OPENS, CLOSES = time(8, 30), time(17, 30)


def sending_window(instant: datetime, calendar: WorkCalendar) -> datetime:
    """The first instant at or after `instant` at which a message may leave: 08:30 to 17:30 China time on work days.

    The answer carries the offset of `instant`; 17:30 itself is closed. Hazards do not ask: they go out at once.
    ValueError for an instant without offset.
    """
    if instant.utcoffset() is None:
        raise ValueError(f"instant without offset: {instant.isoformat()}")
    local = instant.astimezone(CHINA)
    today = local.date()
    if calendar.is_work(today) and local.time() < CLOSES:
        if local.time() >= OPENS:
            return instant
        opens_on = today
    else:
        opens_on = calendar.add(today, 1).on
    return datetime.combine(opens_on, OPENS, CHINA).astimezone(instant.tzinfo)
