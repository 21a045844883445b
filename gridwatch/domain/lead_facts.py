"""What the rules see of a lead, and what a step changes: plain data without a database."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from gridwatch.domain.lead_words import LIVE_UNIT, LeadState, UnitState
from gridwatch.domain.obligations import ObligationKind, Policy
from gridwatch.domain.permits import Actor
from gridwatch.domain.worktime import WorkCalendar


@dataclass(frozen=True, slots=True)
class Unit:
    """An assignment (移交单) to one department."""

    id: str
    department: str
    role: str  # lead or assist
    state: UnitState
    round: int
    push_on: date
    officer_id: str | None = None
    intervened_on: date | None = None
    suspended_from: date | None = None
    outcome: str | None = None
    copies: tuple[str, ...] = ()

    @property
    def live(self) -> bool:
        """True while the department still owes something."""
        return self.state in LIVE_UNIT


@dataclass(frozen=True, slots=True)
class Duty:
    """An obligation. `ended` is how it ended (met, missed, cured, cancelled, superseded, suspended), None while open."""

    id: str
    kind: ObligationKind
    k: int
    unit_id: str | None
    anchor_on: date
    due_on: date
    provisional: bool
    cause: str
    ended: str | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    """An open ask: the first half of a step of two persons."""

    id: str
    step: str
    unit_id: str | None
    by: str
    inputs: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class LeadFacts:
    """A lead as the rules see it. `version` is what clients must name; `department_names` are its units' names."""

    id: str
    version: int
    state: LeadState
    category: str
    reporter_id: str
    source: str
    area_path: str
    grid_code: str | None
    community_code: str | None
    handler_id: str | None = None
    previous_state: str | None = None
    level: str | None = None
    round: int = 1
    bounces: int = 0
    returns: int = 0
    handlings: int = 0
    flags: frozenset[str] = frozenset()
    outcome: str | None = None
    evidence: frozenset[str] = frozenset()
    units: tuple[Unit, ...] = ()
    duties: tuple[Duty, ...] = ()
    asks: tuple[Asked, ...] = ()

    @property
    def live_units(self) -> tuple[Unit, ...]:
        """The assignments of this round that are live."""
        return tuple(unit for unit in self.units if unit.live and unit.round == self.round)

    def open(self, *kinds: ObligationKind, unit_id: str | None = None) -> tuple[Duty, ...]:
        """The open duties, of the given kinds and assignment where named."""
        return tuple(
            duty
            for duty in self.duties
            if duty.ended is None and (not kinds or duty.kind in kinds) and (unit_id is None or duty.unit_id == unit_id)
        )


@dataclass(frozen=True, slots=True)
class Known:
    """What the caller has looked up for the inputs of a step: departments that can receive, people by role and place.

    `departments`: code → code of the department that receives (a successor, where it was abolished).
    `officers`: department → ids of its people; `handlers`: ids of the community's handlers and dispatchers.
    `visits`: id → result (passed, failed, other) of the verification visits of this lead's round.
    """

    departments: Mapping[str, str] = field(default_factory=dict)
    officers: Mapping[str, frozenset[str]] = field(default_factory=dict)
    handlers: frozenset[str] = frozenset()
    visits: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Moment:
    """Who acts, when, and under which calendar and policy. `today` is the local day of `now`."""

    actor: Actor
    now: datetime
    today: date
    calendar: WorkCalendar
    policy: Policy


@dataclass(frozen=True, slots=True)
class OpenDuty:
    """A duty to be opened. `unit` is an assignment id, or the department code of a new assignment; None for the lead's own."""

    kind: ObligationKind
    k: int
    unit: str | None
    anchor_on: date
    days: int
    due_on: date
    provisional: bool
    cause: str
    supersedes: str | None = None


@dataclass(frozen=True, slots=True)
class EndDuty:
    """A duty to be ended: how, why, and the local day."""

    duty_id: str
    how: str
    cause: str
    on: date


@dataclass(frozen=True, slots=True)
class TaskOrder:
    """A task for a worker: a recheck or a verification, due on a day."""

    kind: str
    due_on: date
    provisional: bool


@dataclass(slots=True)
class Change:
    """Everything that one step does. The service writes it; a replay can apply it again from the event."""

    step: str
    act: str
    asked: bool = False
    lead: dict[str, Any] = field(default_factory=dict)
    units: dict[str, dict[str, Any]] = field(default_factory=dict)
    new_units: list[dict[str, Any]] = field(default_factory=list)
    opened: list[OpenDuty] = field(default_factory=list)
    ended: list[EndDuty] = field(default_factory=list)
    tasks: list[TaskOrder] = field(default_factory=list)
    asks_end: dict[str, str] = field(default_factory=dict)
    tell: tuple[str, ...] = ()
    copies: tuple[str, ...] = ()
    unit_id: str | None = None
