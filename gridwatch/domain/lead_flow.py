"""The lead table: every transition as one row. Policy is here; `lead_rules` only looks up, refuses and applies.

A row says from which states an act leads where, who does it, what must be entered, which conditions hold, what it does to
the clocks, and who is told. Source: domain.md §4b with rulings R1–R38; the numbers T01 … T42 are its own.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from gridwatch.domain import lead_words as words
from gridwatch.domain.lead_words import Act, LeadState, UnitState
from gridwatch.domain.obligations import ObligationKind as Kind
from gridwatch.domain.permits import Role


@dataclass(frozen=True, slots=True)
class Field:
    """One input of a step. `kind`: text, code, codes, date, flag, department, departments, person, evidence or unit.

    `most` is the longest text (characters) or list; `choices` are the codes, with names.
    """

    name: str
    kind: str
    zh: str
    en: str
    required: bool = True
    choices: dict[str, tuple[str, str]] = field(default_factory=dict)
    most: int = 2_000
    least: int = 0


@dataclass(frozen=True, slots=True)
class Move:
    """What a step does to the assignment that it names."""

    frm: frozenset[UnitState]
    to: UnitState | None


# Clock effects. Each is data; lead_clocks gives it meaning.
@dataclass(frozen=True, slots=True)
class Open:
    """Start a clock of the lead, from today."""

    kind: Kind
    sent_back: bool = False


@dataclass(frozen=True, slots=True)
class Meet:
    """Satisfy the open clocks of these kinds, in time or late (ruling R26). `unit`: only those of the named assignment."""

    kinds: tuple[Kind, ...]
    unit: bool = False


@dataclass(frozen=True, slots=True)
class Drop:
    """Cancel the open clocks of these kinds; what is overdue stays missed (ruling R5)."""

    kinds: tuple[Kind, ...]
    cause: str


@dataclass(frozen=True, slots=True)
class OpenGrids:
    """For each new assignment: INTERVENE, and the first two windows of FEEDBACK, anchored at the push (seed 003)."""


@dataclass(frozen=True, slots=True)
class MeetWindow:
    """Satisfy the FEEDBACK window that contains today and cure the missed ones before it (rulings R1, R7).

    `when` names a flag input that must be set; empty means always.
    """

    when: str = ""


@dataclass(frozen=True, slots=True)
class ExtendHandling:
    """A served notice moves C_HANDLE once (ruling R2)."""


@dataclass(frozen=True, slots=True)
class Suspend:
    """From today no window of the named assignment is missed, until it is reopened (ruling R6)."""


@dataclass(frozen=True, slots=True)
class Resume:
    """Reopen the failed assignments: REWORK for each, the grid goes on at its next original date (ruling R20)."""


@dataclass(frozen=True, slots=True)
class Finish:
    """Close everything that is still open (invariant I3): suspended, missed or cancelled, each as it stands."""


Clock = Open | Meet | Drop | OpenGrids | MeetWindow | ExtendHandling | Suspend | Resume | Finish


@dataclass(frozen=True, slots=True)
class Step:
    """One row. `to` None: the lead keeps its state. `ask`: the first half of a step of two persons, done by `asked_by` (R31).

    `by_major` replaces `by` for a major lead. `guards` and `effects` name functions in lead_rules. `tell` names roles, or
    `reporter`.
    """

    id: str
    act: Act
    zh: str
    en: str
    frm: frozenset[LeadState]
    to: LeadState | None
    by: frozenset[Role]
    fields: tuple[Field, ...] = ()
    guards: tuple[str, ...] = ()
    clocks: tuple[Clock, ...] = ()
    effects: tuple[str, ...] = ()
    unit: Move | None = None
    ask: Act | None = None
    asked_by: frozenset[Role] = frozenset()
    by_major: frozenset[Role] = frozenset()
    tell: tuple[str, ...] = ()


_W, _M, _IC = Role.GRID_WORKER, Role.MARKET_MANAGER, Role.INTAKE_CLERK
_CD, _CH, _SD, _SO = Role.COMMUNITY_DISPATCHER, Role.COMMUNITY_HANDLER, Role.STREET_DISPATCHER, Role.SUPERVISION_OFFICE
_DR, _DO, _DL = Role.DEPARTMENT_RECEIVER, Role.CASE_OFFICER, Role.DEPARTMENT_LEADER
_SYS: frozenset[Role] = frozenset()


def _of(*members: Any) -> frozenset[Any]:
    return frozenset(members)


_REASON = Field("reason", "text", "理由", "reason", least=2)
_NARRATIVE = Field("narrative", "text", "情况说明", "what was done", least=2, most=4_000)
_EVIDENCE = Field("evidence", "evidence", "证据", "evidence", most=9)
_SOME_EVIDENCE = Field("evidence", "evidence", "证据", "evidence", required=False, most=9)
_UNIT = Field("assignment", "unit", "移交单", "assignment", required=False)
_OUTCOME = Field("outcome", "code", "办理结果", "outcome", choices=words.OUTCOMES)
_OPEN_UNIT = _of(UnitState.PUSHED, UnitState.ACCEPTED)
_TRIAGE_AND_HANDLING = (Kind.TRIAGE_C, Kind.C_HANDLE)

# fmt: off
STEPS: tuple[Step, ...] = (
    Step("T01", Act.SUBMIT, "上报", "report", _of(), LeadState.REPORTED, by=_of(_W, _M, _IC),
         clocks=(Open(Kind.TRIAGE_C),), tell=("community_dispatcher",)),
    Step("T02", Act.WITHDRAW, "撤回", "withdraw", _of(LeadState.REPORTED, LeadState.RETURNED), LeadState.VOID, by=_of(_W, _M, _IC, _CD),
         fields=(_REASON,), guards=("own_report_or_resubmit_overdue", "not_a_complaint"),
         clocks=(Drop((Kind.TRIAGE_C, Kind.RESUBMIT), "withdrawn"), Finish()), effects=("end_asks",), tell=("community_dispatcher",)),
    Step("T03", Act.RETURN_TO_REPORTER, "退回补正", "return to reporter", _of(LeadState.REPORTED), LeadState.RETURNED, by=_of(_CD),
         fields=(Field("lacks", "codes", "缺什么", "what is lacking", choices=words.LACKS, most=7), Field("text", "text", "说明", "text", least=2)),
         clocks=(Meet((Kind.TRIAGE_C,)), Open(Kind.RESUBMIT)), tell=("reporter",)),
    Step("T04", Act.RESUBMIT, "补正再报", "resubmit", _of(LeadState.RETURNED), LeadState.REPORTED, by=_of(_W, _M, _IC),
         fields=(Field("description", "text", "补充说明", "what was added", least=2, most=4_000), _SOME_EVIDENCE,
                 Field("category", "code", "线索类别", "category", required=False, choices=words.CATEGORIES)),
         guards=("own_report",), clocks=(Meet((Kind.RESUBMIT,)), Open(Kind.TRIAGE_C)), effects=("take_correction", "keep_evidence"),
         tell=("community_dispatcher",)),
    Step("T05", Act.ACCEPT, "受理", "accept", _of(LeadState.REPORTED, LeadState.RETURNED), LeadState.COMMUNITY, by=_of(_CD),
         fields=(Field("handler", "person", "处置人员", "handler"),), guards=("accept_returned_only_when_overdue", "handler_is_of_the_community"),
         clocks=(Meet((Kind.TRIAGE_C,)), Drop((Kind.RESUBMIT,), "accepted"), Open(Kind.C_HANDLE)), effects=("set_handler", "reviewed"),
         tell=("handler",)),
    Step("T07", Act.SERVE_NOTICE, "发告知书", "serve a notice", _of(LeadState.COMMUNITY), None, by=_of(_W, _CH),
         fields=(Field("number", "text", "告知书编号", "number of the notice", most=60, least=1),
                 Field("served", "code", "送达方式", "how it was served", choices=words.SERVINGS), _EVIDENCE),
         clocks=(Open(Kind.RECHECK), ExtendHandling()), effects=("order_recheck", "keep_evidence")),
    Step("T07b", Act.RECHECK, "复检", "recheck", _of(LeadState.COMMUNITY), None, by=_of(_W),
         fields=(Field("visit", "text", "复检记录", "recheck visit", most=36),
                 Field("result", "code", "复检结果", "result", choices=words.RECHECK_RESULTS), _SOME_EVIDENCE),
         clocks=(Meet((Kind.RECHECK,)),), effects=("keep_evidence",), tell=("community_dispatcher", "handler")),
    Step("T07a", Act.RECORD_HANDLING, "处置记录", "record of handling", _of(LeadState.COMMUNITY), None, by=_of(_CH, _CD),
         fields=(Field("measure", "code", "处置措施", "measure", choices=words.MEASURES), _NARRATIVE, _SOME_EVIDENCE),
         effects=("count_handling", "keep_evidence")),
    Step("T08", Act.HANDLED_LOCALLY, "社区办结", "handled locally", _of(LeadState.COMMUNITY), LeadState.VERIFYING, by=_of(_CH),
         fields=(Field("measure", "code", "处置措施", "measure", choices=words.MEASURES), _OUTCOME, _NARRATIVE, _EVIDENCE),
         guards=("outcome_of_a_close",),
         clocks=(Meet((Kind.C_HANDLE, Kind.REWORK)), Drop((Kind.RECHECK,), "handled"), Open(Kind.VERIFY)),
         effects=("count_handling", "keep_evidence", "set_outcome", "order_verification"), tell=("community_dispatcher",)),
    Step("T09", Act.SUBMIT_UP, "报请街道", "submit to the street", _of(LeadState.COMMUNITY), LeadState.STREET, by=_of(_CD),
         fields=(Field("exceeds_authority", "flag", "超出社区权限", "beyond our authority", required=False),
                 Field("ground", "code", "理由类别", "ground", required=False, choices=words.BEYOND), _REASON,
                 Field("proposed_department", "department", "建议部门", "proposed department"),
                 Field("uncertain", "flag", "不确定或有异议", "uncertain or contested", required=False)),
         guards=("handled_or_beyond_authority",),
         clocks=(Meet((*_TRIAGE_AND_HANDLING, Kind.REWORK)), Drop((Kind.RECHECK,), "submitted_up"), Open(Kind.TRIAGE_S)),
         effects=("set_proposed_department", "set_uncertain"), tell=("street_dispatcher",)),
    Step("T11", Act.SEND_BACK, "退回社区", "send back to the community", _of(LeadState.STREET), LeadState.COMMUNITY, by=_of(_SD),
         fields=(Field("ground", "code", "理由类别", "ground",
                       choices={"evidence": ("证据不足", "evidence is lacking"), "community_competence": ("属社区职责", "the community's own duty")}),
                 _REASON),
         guards=("no_live_unit",), clocks=(Meet((Kind.TRIAGE_S,)), Open(Kind.C_HANDLE, sent_back=True)), effects=("bounce",),
         tell=("community_dispatcher",)),
    Step("T12", Act.CLOSE_WITHOUT_PUSH, "不移交结案", "close without a push", _of(LeadState.STREET), LeadState.CLOSED, by=_of(_SD),
         fields=(_OUTCOME, _REASON), guards=("no_live_unit", "outcome_without_push"),
         clocks=(Meet((Kind.TRIAGE_S,)), Finish()), effects=("set_outcome", "close"), tell=("reporter", "community_dispatcher")),
    Step("T13", Act.PUSH, "推送", "push", _of(LeadState.STREET), LeadState.DISPATCHED, by=_of(_SD),
         fields=(Field("lead_department", "department", "主办部门", "lead department"),
                 Field("assist_departments", "departments", "协办部门", "assisting departments", required=False, most=8),
                 Field("legal_basis", "text", "法律依据", "legal basis", least=2, most=500),
                 Field("summary", "text", "案情摘要", "summary", least=2, most=4_000), _SOME_EVIDENCE),
         guards=("no_live_unit", "departments_can_receive", "evidence_is_the_leads"),
         clocks=(Meet((Kind.TRIAGE_S,)), OpenGrids()), effects=("assign_departments", "settle_uncertain"),
         tell=("department_receiver", "community_dispatcher")),
    Step("T14", Act.SIGN_IN, "签收", "sign in", _of(LeadState.DISPATCHED, LeadState.STREET, LeadState.ESCALATED, LeadState.SHELVED), None,
         by=_of(_DR), unit=Move(_of(UnitState.PUSHED), UnitState.ACCEPTED),
         fields=(_UNIT, Field("officer", "person", "承办人", "case officer")), guards=("officer_is_of_the_department",), effects=("set_officer",),
         tell=("officer",)),
    Step("T20", Act.INTERVENE, "介入处理", "intervene", _of(LeadState.DISPATCHED, LeadState.STREET, LeadState.ESCALATED, LeadState.SHELVED), None,
         by=_of(_DO), unit=Move(_OPEN_UNIT, UnitState.WORKING),
         fields=(_UNIT, Field("type", "code", "介入方式", "kind of intervention", choices=words.INTERVENTIONS),
                 Field("occurred_on", "date", "介入日期", "day of the intervention"),
                 Field("people", "text", "到场人员", "people present", most=500, least=1), _NARRATIVE, _EVIDENCE,
                 Field("inspection", "flag", "属行政检查", "is an administrative inspection", required=False),
                 Field("licence_nos", "text", "执法证号（两个）", "two licence numbers", required=False, most=200),
                 Field("also_feedback", "flag", "同时作为反馈", "counts as feedback too", required=False)),
         guards=("occurred_by_today", "two_licences_for_inspection"),
         clocks=(Meet((Kind.INTERVENE,), unit=True), MeetWindow(when="also_feedback")), effects=("note_intervention", "take_officer", "keep_evidence"),
         tell=("street_dispatcher", "community_dispatcher")),
    Step("T21", Act.FEEDBACK, "反馈", "feedback", _of(LeadState.DISPATCHED, LeadState.STREET, LeadState.ESCALATED, LeadState.SHELVED), None,
         by=_of(_DO), unit=Move(_of(UnitState.WORKING), None),
         fields=(_UNIT, Field("stage", "code", "进展阶段", "stage", choices=words.STAGES),
                 Field("permit_needed", "flag", "需要许可", "permit needed", required=False),
                 Field("permit_applied", "flag", "已申请许可", "permit applied for", required=False),
                 Field("permit_no", "text", "许可证号", "permit number", required=False, most=60),
                 Field("progress", "text", "进展情况", "progress", least=2, most=4_000),
                 Field("next_step", "text", "下一步", "next step", least=2), _SOME_EVIDENCE),
         clocks=(MeetWindow(),), effects=("keep_evidence",), tell=("street_dispatcher", "community_dispatcher", "reporter")),
    Step("T25", Act.CONFIRM_DONE, "确认办结", "confirm as done", _of(LeadState.DISPATCHED, LeadState.STREET), None,
         ask=Act.REPORT_DONE, asked_by=_of(_DO), by=_of(_DL), unit=Move(_of(UnitState.WORKING), UnitState.DONE_CLAIMED),
         fields=(_UNIT, _OUTCOME, Field("entity_after", "text", "主体现状", "the entity afterwards", least=2), _EVIDENCE,
                 Field("copies", "departments", "抄告部门", "copy to departments", required=False, most=8)),
         guards=("outcome_of_a_close",),
         clocks=(MeetWindow(), Meet((Kind.REWORK,), unit=True), Suspend()), effects=("set_unit_outcome", "keep_evidence"), tell=("street_dispatcher",)),
    Step("T26", Act.START_VERIFYING, "转核查", "go to verification", _of(LeadState.DISPATCHED), LeadState.VERIFYING, by=_SYS,
         guards=("every_unit_is_done",), clocks=(Open(Kind.VERIFY),), effects=("set_outcome_of_lead_unit", "order_verification"),
         tell=("community_dispatcher",)),
    Step("T27", Act.PASS, "核查通过", "verification passed", _of(LeadState.VERIFYING), LeadState.CLOSED, ask=Act.REPORT_PASSED, asked_by=_of(_W),
         by=_of(_CD), by_major=_of(_SD),
         fields=(Field("visit", "text", "核查记录", "verification visit", most=36), _SOME_EVIDENCE), guards=("visit_is_a_verification",),
         clocks=(Meet((Kind.VERIFY,)), Finish()), effects=("close_units", "close", "send_copies", "keep_evidence"),
         tell=("reporter", "street_dispatcher", "department_receiver")),
    Step("T28", Act.FAIL, "核查不通过", "verification failed", _of(LeadState.VERIFYING), None, by=_of(_W, _CD),
         fields=(Field("failed_points", "text", "未通过之处", "failed points", least=2),
                 Field("departments", "departments", "退回的部门", "departments that rework", required=False, most=8), _EVIDENCE),
         clocks=(Meet((Kind.VERIFY,)), Resume()), effects=("reopen_units", "keep_evidence"),
         tell=("department_receiver", "department_leader", "supervision_office", "handler")),
    Step("T37", Act.REOPEN, "重开", "reopen", _of(LeadState.CLOSED), None, by=_of(_SD, _SO),
         fields=(Field("target", "code", "重开到", "reopen at",
                       choices={"street": ("街道", "the street"), "community": ("社区", "the community")}), _REASON,
                 Field("handler", "person", "处置人员", "handler", required=False)),
         guards=("handler_is_of_the_community",), effects=("new_round",), tell=("community_dispatcher", "department_receiver")),
)
# fmt: on


def rows_of(act: Act) -> tuple[tuple[Step, bool], ...]:
    """The rows that an act can mean, each with whether it is only the asking half of it."""
    return tuple((step, step.ask is act) for step in STEPS if act in (step.act, step.ask))


def as_json() -> dict[str, Any]:
    """The table as plain JSON: for the API document, consoles and phones, so that they offer only what is allowed."""
    return {
        "states": {state.value: words.STATE_NAMES[state] for state in LeadState},
        "steps": [_row(step) for step in STEPS],
    }


def _row(step: Step) -> dict[str, Any]:
    return {
        "id": step.id, "act": step.act.value, "ask": step.ask.value if step.ask else None, "name": {"zh": step.zh, "en": step.en},
        "from": sorted(state.value for state in step.frm), "to": step.to.value if step.to else None,
        "by": sorted(role.value for role in step.by), "by_if_major": sorted(role.value for role in step.by_major),
        "asked_by": sorted(role.value for role in step.asked_by),
        "unit": {"from": sorted(s.value for s in step.unit.frm), "to": step.unit.to.value if step.unit.to else None} if step.unit else None,
        "fields": [field_json(one) for one in step.fields], "guards": list(step.guards),
        "clocks": [type(clock).__name__ for clock in step.clocks], "tell": list(step.tell),
    }  # fmt: skip


def field_json(one: Field) -> dict[str, Any]:
    """One input as plain JSON."""
    return {
        "name": one.name, "kind": one.kind, "label": {"zh": one.zh, "en": one.en}, "required": one.required, "most": one.most,
        "choices": {code: {"zh": zh, "en": en} for code, (zh, en) in one.choices.items()},
    }  # fmt: skip
