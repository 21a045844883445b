"""The shape of the lead table: what a row, its inputs and its clock effects are made of. The rows stand in lead_steps_*.

Everything here is data without meaning of its own: guards and cases are named here and defined in lead_guards, effects in
lead_effects, clock effects in lead_clocks. Source: domain.md §4b with rulings R1–R38.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final, Literal

from gridwatch.domain import lead_words as words
from gridwatch.domain.lead_words import Act, LeadState, UnitState
from gridwatch.domain.obligations import ObligationKind as Kind
from gridwatch.domain.permits import Role
from gridwatch.domain.reminders import Owner

PREVIOUS: Final = "previous"  # back to the state that the lead or the assignment had before
Previous = Literal["previous"]


@dataclass(frozen=True, slots=True)
class Field:
    """One input of a step. `kind`: text, code, codes, date, flag, department, departments, person, evidence, unit, lead,
    duty or results (a list of what came of a joint operation, one object per department).

    `most` is the longest text (characters) or list; `choices` are the codes, with names. `confirmer`: whoever confirms a step
    of two persons may add it, where who asked left it open.
    """

    name: str
    kind: str
    zh: str
    en: str
    required: bool = True
    choices: dict[str, tuple[str, str]] = field(default_factory=dict)
    most: int = 2_000
    least: int = 0
    confirmer: bool = False


@dataclass(frozen=True, slots=True)
class Move:
    """What a step does to the assignment that it names. `to` None: nothing, or an effect says it. `role`: lead or assist only."""

    frm: frozenset[UnitState]
    to: UnitState | Previous | None
    role: str = ""


# --- clock effects ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Open:
    """Start a clock of the lead, from today. `owner` where the kind may lie with several (ruling R8)."""

    kind: Kind
    sent_back: bool = False
    owner: Owner | None = None


@dataclass(frozen=True, slots=True)
class OpenFastLane:
    """TRIAGE_S of a major hazard: an instant, two hours from now, on any day (T10, ruling R9)."""


@dataclass(frozen=True, slots=True)
class OpenRuling:
    """RULING on the named assignment: the street's for the first request of a round, else the supervision office's (R8)."""


@dataclass(frozen=True, slots=True)
class OpenFollowUp:
    """CITY_FOLLOW: the first two windows of a grid anchored today, on the supervision office (T32, T41, R24)."""


@dataclass(frozen=True, slots=True)
class OpenReview:
    """REVIEW on the day that was named when the lead was shelved (T35, R24)."""


@dataclass(frozen=True, slots=True)
class OpenGrids:
    """For each new assignment: INTERVENE, and the first two windows of FEEDBACK, anchored at the push (seed 003)."""


@dataclass(frozen=True, slots=True)
class Meet:
    """Satisfy the open clocks of these kinds, in time or late (ruling R26). `unit`: only those of the named assignment."""

    kinds: tuple[Kind, ...]
    unit: bool = False


@dataclass(frozen=True, slots=True)
class MeetWindow:
    """Satisfy the FEEDBACK window that contains today and cure the missed ones before it (rulings R1, R7).

    `when` names a flag input that must be set; empty means always.
    """

    when: str = ""


@dataclass(frozen=True, slots=True)
class MeetFollowUp:
    """The same for the CITY_FOLLOW window that contains today (ruling R24)."""


@dataclass(frozen=True, slots=True)
class MeetPresent:
    """Attendance at a joint operation: INTERVENE of who had not intervened yet, the window of who had (ruling R22)."""


@dataclass(frozen=True, slots=True)
class MeetResults:
    """What came of a joint operation: the window of every department that goes on (T30, ruling R22)."""


@dataclass(frozen=True, slots=True)
class Drop:
    """Cancel the open clocks of these kinds; what is overdue stays missed (ruling R5). `unit`: only the named assignment's."""

    kinds: tuple[Kind, ...]
    cause: str
    unit: bool = False


@dataclass(frozen=True, slots=True)
class DropUnits:
    """Cancel the clocks of every assignment that this step ends: as of the request for a return, else as of today (R5, R6)."""


@dataclass(frozen=True, slots=True)
class Finish:
    """End everything that is still open (invariant I3): suspended, missed or cancelled, each as it stands."""

    cause: str = ""


@dataclass(frozen=True, slots=True)
class ReopenMerged:
    """What the merge ended runs again, with its original due dates (T39, ruling R25)."""


@dataclass(frozen=True, slots=True)
class ExtendHandling:
    """A served notice moves C_HANDLE once (ruling R2)."""


@dataclass(frozen=True, slots=True)
class ExtendIntervention:
    """A hold for 不可抗力 moves INTERVENE to the fifth work day outside it (T38, ruling R10)."""


@dataclass(frozen=True, slots=True)
class Suspend:
    """From today no window of the named assignment is missed, until it is reopened (T25, ruling R6)."""


@dataclass(frozen=True, slots=True)
class SuspendAll:
    """The same for every live assignment of a lead that was solved above (T34, ruling R6)."""


@dataclass(frozen=True, slots=True)
class Resume:
    """The assignments that this step reopens: REWORK for each, the grid goes on at its next original date (T28, R20)."""


@dataclass(frozen=True, slots=True)
class ResumeAll:
    """The grids that T34 suspended go on at their next original dates; what reported done before stays suspended (R6, R20)."""


@dataclass(frozen=True, slots=True)
class ProposeExcuse:
    """A late refusal of a return, with INTERVENE fallen due meanwhile: the system proposes an excuse (edge case (m), R5)."""


Clock = (
    Open | OpenFastLane | OpenRuling | OpenFollowUp | OpenReview | OpenGrids | Meet | MeetWindow | MeetFollowUp | MeetPresent
    | MeetResults | Drop | DropUnits | Finish | ReopenMerged | ExtendHandling | ExtendIntervention | Suspend | SuspendAll
    | Resume | ResumeAll | ProposeExcuse
)  # fmt: skip


# --- rows ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Step:
    """One row. `to` None: the lead keeps its state. `ask`: the first half of a step of two persons, done by `asked_by` (R31).

    `by_if` names cases, each with the roles that take the place of `by` there. `own`: only whoever reported the lead.
    `given` names the cases in which this row is meant, where one act has several rows from one state; the row without any is
    the ordinary one. `auto`: the system takes it by itself as soon as its guards hold; a row without roles that is not
    `auto` is taken by the system when another lead or a department changes. `urgent`: word of it waits for no office hours.
    `not_from` gives states a refusal code of their own. `tell` names roles, or `reporter`, `handler`, `officer`.
    """

    id: str
    act: Act
    zh: str
    en: str
    frm: frozenset[LeadState]
    to: LeadState | Previous | None
    by: frozenset[Role]
    fields: tuple[Field, ...] = ()
    guards: tuple[str, ...] = ()
    clocks: tuple[Clock, ...] = ()
    effects: tuple[str, ...] = ()
    unit: Move | None = None
    ask: Act | None = None
    asked_by: frozenset[Role] = frozenset()
    by_if: tuple[tuple[str, frozenset[Role]], ...] = ()
    own: bool = False
    given: tuple[str, ...] = ()
    auto: bool = False
    urgent: bool = False
    not_from: tuple[tuple[LeadState, str], ...] = ()
    tell: tuple[str, ...] = ()


# --- what the rows are written with ---------------------------------------------------------------------------------

W, M, IC = Role.GRID_WORKER, Role.MARKET_MANAGER, Role.INTAKE_CLERK
CD, CH, SD, SO = Role.COMMUNITY_DISPATCHER, Role.COMMUNITY_HANDLER, Role.STREET_DISPATCHER, Role.SUPERVISION_OFFICE
DR, DO, DL, LG = Role.DEPARTMENT_RECEIVER, Role.CASE_OFFICER, Role.DEPARTMENT_LEADER, Role.LEADING_GROUP
SYS: frozenset[Role] = frozenset()

OPEN_STATES = frozenset(LeadState) - {LeadState.CLOSED, LeadState.MERGED, LeadState.VOID}


def of(*members: Any) -> frozenset[Any]:
    """A set of states or roles."""
    return frozenset(members)


# Inputs that several desks share.
REASON = Field("reason", "text", "理由", "reason", least=2)
NARRATIVE = Field("narrative", "text", "情况说明", "what was done", least=2, most=4_000)
EVIDENCE = Field("evidence", "evidence", "证据", "evidence", most=9)
SOME_EVIDENCE = Field("evidence", "evidence", "证据", "evidence", required=False, most=9)
UNIT = Field("assignment", "unit", "移交单", "assignment", required=False)
OUTCOME = Field("outcome", "code", "办理结果", "outcome", choices=words.OUTCOMES)
LEAD_DEPARTMENT = Field("lead_department", "department", "主办部门", "lead department")
ASSIST_DEPARTMENTS = Field(
    "assist_departments", "departments", "协办部门", "assisting departments", required=False, most=8
)
LEGAL_BASIS = Field("legal_basis", "text", "法律依据", "legal basis", least=2, most=500)
SUMMARY = Field("summary", "text", "案情摘要", "summary", least=2, most=4_000)
RULING_NO = Field(
    "ruling_no", "text", "裁定文号", "number of the ruling", required=False, most=60, least=1, confirmer=True
)
