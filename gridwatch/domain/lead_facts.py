"""What the rules see of a lead, and what a step changes: plain data without a database."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any

from gridwatch.domain.lead_words import LIVE_UNIT, LeadState, UnitState
from gridwatch.domain.obligations import ObligationKind, Policy, Span
from gridwatch.domain.permits import Actor
from gridwatch.domain.worktime import WorkCalendar


@dataclass(frozen=True, slots=True)
class Hold:
    """A 中止 of one assignment, both days included (T38). It moves INTERVENE for 不可抗力 only (ruling R10)."""

    code: str
    from_on: date
    until_on: date
    document: str = ""

    @property
    def span(self) -> Span:
        """The days of the hold."""
        return Span(self.from_on, self.until_on)


@dataclass(frozen=True, slots=True)
class Unit:
    """An assignment (移交单) to one department.

    `request_no` numbers the requests to return within the round, over all departments (R18); `requested_on` is the day of this
    one's newest, `passed_on` that the street left it to the supervision office. `ruled`: no return without new facts (T17).
    `end_cause` says how it ended: returned, withdrawn, waived, role_changed, escalated or merged.
    """

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
    previous_state: UnitState | None = None
    request_no: int = 0
    requested_on: date | None = None
    passed_on: bool = False
    ruled: bool = False
    holds: tuple[Hold, ...] = ()
    end_cause: str | None = None

    @property
    def live(self) -> bool:
        """True while the department still owes something."""
        return self.state in LIVE_UNIT


@dataclass(frozen=True, slots=True)
class Duty:
    """An obligation. `ended` is how it ended (met, missed, cured, cancelled, superseded, suspended), None while open.

    `days` is what it was counted by, 0 for a day or an instant that was named (REVIEW, the fast lane's `due_at`). `owner` is
    set where the kind may lie with several (RULING, REWORK). A row that another one supersedes is history: it counts nowhere.
    """

    id: str
    kind: ObligationKind
    k: int
    unit_id: str | None
    anchor_on: date
    due_on: date
    provisional: bool
    cause: str
    ended: str | None = None
    days: int = 0
    due_at: datetime | None = None
    owner: str | None = None
    supersedes: str | None = None
    ended_on: date | None = None
    ended_at: datetime | None = None
    end_cause: str | None = None
    excused: bool = False


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
    """A lead as the rules see it. `version` is what clients must name.

    Of this round: `requests` to return and `returns` that were approved (R18), `handlings` recorded. `master_id` and
    `merged_on` are set while it is merged; `reports` counts what was reported of it, merged leads included.
    """

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
    requests: int = 0
    master_id: str | None = None
    merged_on: date | None = None
    reports: int = 1
    related: frozenset[str] = frozenset()
    entity_id: str | None = None
    address_text: str = ""
    reported_at: datetime | None = None

    @property
    def of_round(self) -> tuple[Unit, ...]:
        """The assignments of this round, oldest first."""
        return tuple(unit for unit in self.units if unit.round == self.round)

    @property
    def live_units(self) -> tuple[Unit, ...]:
        """The assignments of this round that are live."""
        return tuple(unit for unit in self.of_round if unit.live)

    @property
    def lead_unit(self) -> Unit | None:
        """The newest lead-role assignment of this round, live or not."""
        return next((unit for unit in reversed(self.of_round) if unit.role == "lead"), None)

    def unit(self, unit_id: str | None) -> Unit | None:
        """The assignment with this id."""
        return next((unit for unit in self.units if unit.id == unit_id), None)

    def duty(self, duty_id: str) -> Duty | None:
        """The duty with this id."""
        return next((duty for duty in self.duties if duty.id == duty_id), None)

    def open(self, *kinds: ObligationKind, unit_id: str | None = None) -> tuple[Duty, ...]:
        """The open duties, of the given kinds and assignment where named."""
        return tuple(
            duty
            for duty in self.duties
            if duty.ended is None and (not kinds or duty.kind in kinds) and (unit_id is None or duty.unit_id == unit_id)
        )


@dataclass(frozen=True, slots=True)
class OtherLead:
    """Another lead that a step names, as far as the rules must know it. `reported_at` is its first report."""

    id: str
    state: LeadState
    previous_state: str | None
    reported_at: datetime


@dataclass(frozen=True, slots=True)
class Known:
    """What the caller has looked up for the inputs of a step: departments that can receive, people by role and place.

    `departments`: code → code of the department that receives (a successor, where it was abolished).
    `officers`: department → ids of its people; `handlers`: ids of the community's handlers and dispatchers.
    `visits`: id → result (passed, failed, other) of the verification visits of this lead's round.
    `leads`: the other leads that are named (master, related) and lie within the actor's reach.
    `packages`: SHA-256 of the packages that were exported of this lead. `entities`: ids of the named entities that exist.
    `advised`: the department that the permit table advises for a push, None where it advises none (permit_router).
    """

    departments: Mapping[str, str] = field(default_factory=dict)
    officers: Mapping[str, frozenset[str]] = field(default_factory=dict)
    handlers: frozenset[str] = frozenset()
    visits: Mapping[str, str] = field(default_factory=dict)
    leads: Mapping[str, OtherLead] = field(default_factory=dict)
    packages: frozenset[str] = frozenset()
    entities: frozenset[str] = frozenset()
    advised: str | None = None


@dataclass(frozen=True, slots=True)
class Moment:
    """Who acts, when, and under which calendar and policy. `today` is the local day of `now`.

    `done_on` is the day on which a worker did in time what arrives only now; it counts for the duties of the field
    (RECHECK, VERIFY) and for no others (R15, edge case (d)).
    """

    actor: Actor
    now: datetime
    today: date
    calendar: WorkCalendar
    policy: Policy
    done_on: date | None = None

    def within(self, area_path: str) -> Moment:
        """The same under the calendar of an area, where a local order makes it another."""
        calendar = self.calendar.within(area_path)
        return self if calendar is self.calendar else replace(self, calendar=calendar)


@dataclass(frozen=True, slots=True)
class Case:
    """What guards and effects look at: the lead, the assignment that the step works on, what was entered, when, what is known.

    `inputs` are raw while a row is chosen, checked afterwards. `asking`: only the first half of a step of two persons.
    """

    facts: LeadFacts
    unit: Unit | None
    inputs: Mapping[str, Any]
    at: Moment
    known: Known
    asking: bool = False


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
    due_at: datetime | None = None
    owner: str | None = None
    id: str | None = None


@dataclass(frozen=True, slots=True)
class EndDuty:
    """A duty to be ended: how, why, and the local day on which the end took effect."""

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


@dataclass(frozen=True, slots=True)
class NewAsk:
    """The first half of a step of two persons, to be kept until it is confirmed or lapses (ruling R31)."""

    step: str
    act: str
    unit_id: str | None
    by: str
    inputs: Mapping[str, Any]
    id: str | None = None


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """What the system does to another lead with this step: `decide` it there as SYSTEM, in the same transaction."""

    lead_id: str
    act: str
    inputs: Mapping[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class Change:
    """Everything that one step does. The service writes it; `lead_replay` can apply it again from the event (I10).

    `lead`, `units` and `new_units` hold values by the names of the facts (and of columns that the rules do not look at).
    `excused`: duty → reason. `proposed`: duties for which the system proposes an excuse to the supervision office.
    `departments`: whom the department roles in `tell` mean. `before`: what a correction replaced. `version` is the lead's
    version after the step, where the writer numbers them otherwise than one by one.
    """

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
    at: datetime | None = None
    version: int | None = None
    new_asks: list[NewAsk] = field(default_factory=list)
    excused: dict[str, str] = field(default_factory=dict)
    proposed: list[str] = field(default_factory=list)
    elsewhere: list[Elsewhere] = field(default_factory=list)
    departments: tuple[str, ...] = ()
    urgent: bool = False
    before: dict[str, Any] = field(default_factory=dict)

    def of(self, unit: Unit) -> dict[str, Any]:
        """The values that this change gives to an assignment, to be added to."""
        return self.units.setdefault(unit.id, {})
