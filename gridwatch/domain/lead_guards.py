"""The conditions that rows of the lead table name: each a question about facts and inputs, with its reason when it fails."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from typing import Any

from gridwatch.domain.errors import Refusal
from gridwatch.domain.lead_facts import Known, LeadFacts, Moment, Unit
from gridwatch.domain.lead_words import LeadState, UnitState
from gridwatch.domain.obligations import ObligationKind
from gridwatch.domain.permits import Role

Guard = Callable[[LeadFacts, Unit | None, Mapping[str, Any], Moment, Known], bool]

WITHOUT_PUSH = frozenset({"no_violation", "exempt_art3", "deregistered", "ceased", "unfounded"})  # ruling R36
AFTER_ESCALATION = frozenset({"solved_by_group", "solved_by_city", "transferred_peer"})  # only after T34 (R36)


def hold(name: str, facts: LeadFacts, unit: Unit | None, inputs: Mapping[str, Any], at: Moment, known: Known) -> None:
    """Judge one guard. Raises its refusal (409, or 422 where an input is at fault) when it does not hold."""
    guard, code, reason = GUARDS[name]
    if guard(facts, unit, inputs, at, known):
        return
    if code == "lead.input_invalid":
        raise Refusal(code, reason=reason, fields=[{"path": _field_of(name), "problem": reason}], guard=name)
    raise Refusal(code, reason=reason, guard=name)


def _resubmit_overdue(facts: LeadFacts, at: Moment) -> bool:
    return any(at.today > duty.due_on for duty in facts.open(ObligationKind.RESUBMIT))


def _own_report(facts: LeadFacts, unit: Unit | None, inputs: Any, at: Moment, known: Known) -> bool:
    return at.actor.id == facts.reporter_id


def _own_or_overdue(facts: LeadFacts, unit: Unit | None, inputs: Any, at: Moment, known: Known) -> bool:
    if at.actor.id == facts.reporter_id:
        return True
    dispatcher = at.actor.holds(Role.COMMUNITY_DISPATCHER, area_path=facts.area_path)
    return dispatcher and facts.state is LeadState.RETURNED and _resubmit_overdue(facts, at)


def _not_a_complaint(facts: LeadFacts, unit: Unit | None, inputs: Any, at: Moment, known: Known) -> bool:
    return facts.source != "complaint"


def _accept_returned(facts: LeadFacts, unit: Unit | None, inputs: Any, at: Moment, known: Known) -> bool:
    return facts.state is not LeadState.RETURNED or _resubmit_overdue(facts, at)


def _handler(facts: LeadFacts, unit: Unit | None, inputs: Any, at: Moment, known: Known) -> bool:
    return "handler" not in inputs or inputs["handler"] in known.handlers


def _handled_or_beyond(facts: LeadFacts, unit: Unit | None, inputs: Any, at: Moment, known: Known) -> bool:
    return facts.handlings > 0 or (inputs.get("exceeds_authority") is True and "ground" in inputs)


def _no_live_unit(facts: LeadFacts, unit: Unit | None, inputs: Any, at: Moment, known: Known) -> bool:
    return not facts.live_units


def _departments(facts: LeadFacts, unit: Unit | None, inputs: Any, at: Moment, known: Known) -> bool:
    named = [inputs["lead_department"], *inputs.get("assist_departments", ())]
    receiving = [known.departments.get(code) for code in named]
    return None not in receiving and len(set(receiving)) == len(receiving)


def _evidence(facts: LeadFacts, unit: Unit | None, inputs: Any, at: Moment, known: Known) -> bool:
    return set(inputs.get("evidence", ())) <= facts.evidence


def _officer(facts: LeadFacts, unit: Unit | None, inputs: Any, at: Moment, known: Known) -> bool:
    return unit is not None and inputs["officer"] in known.officers.get(unit.department, frozenset())


def _occurred(facts: LeadFacts, unit: Unit | None, inputs: Any, at: Moment, known: Known) -> bool:
    return date.fromisoformat(inputs["occurred_on"]) <= at.today


def _two_licences(facts: LeadFacts, unit: Unit | None, inputs: Any, at: Moment, known: Known) -> bool:
    if not inputs.get("inspection"):
        return True
    numbers = [
        part for part in inputs.get("licence_nos", "").replace("，", ",").replace("、", ",").split(",") if part.strip()
    ]
    return len({part.strip() for part in numbers}) >= 2


def _outcome_of_a_close(facts: LeadFacts, unit: Unit | None, inputs: Any, at: Moment, known: Known) -> bool:
    return inputs["outcome"] not in AFTER_ESCALATION | {"duplicate"}


def _outcome_without_push(facts: LeadFacts, unit: Unit | None, inputs: Any, at: Moment, known: Known) -> bool:
    return inputs["outcome"] in WITHOUT_PUSH


def _every_unit_done(facts: LeadFacts, unit: Unit | None, inputs: Any, at: Moment, known: Known) -> bool:
    live = facts.live_units
    return any(one.role == "lead" for one in live) and all(one.state is UnitState.DONE_CLAIMED for one in live)


def _visit(facts: LeadFacts, unit: Unit | None, inputs: Any, at: Moment, known: Known) -> bool:
    return known.visits.get(inputs["visit"]) == "passed"


def _field_of(name: str) -> str:
    return {
        "outcome_of_a_close": "outcome",
        "outcome_without_push": "outcome",
        "handler_is_of_the_community": "handler",
        "officer_is_of_the_department": "officer",
        "departments_can_receive": "lead_department",
        "evidence_is_the_leads": "evidence",
        "occurred_by_today": "occurred_on",
        "two_licences_for_inspection": "licence_nos",
        "visit_is_a_verification": "visit",
    }[name]


# fmt: off
GUARDS: dict[str, tuple[Guard, str, str]] = {
    "own_report": (_own_report, "lead.not_your_desk", "只有上报人可以补正 / only the reporter may resubmit"),
    "own_report_or_resubmit_overdue": (_own_or_overdue, "lead.guard_failed", "上报人可撤回；补正逾期后社区可作废 / the reporter may withdraw; the community only after an overdue resubmission"),
    "not_a_complaint": (_not_a_complaint, "lead.guard_failed", "投诉转来的线索不能撤回 / a lead from a complaint cannot be withdrawn"),
    "accept_returned_only_when_overdue": (_accept_returned, "lead.guard_failed", "退回补正未逾期，等待上报人 / the reporter's time to resubmit is not over"),
    "handler_is_of_the_community": (_handler, "lead.input_invalid", "处置人员不属于本社区 / not a handler of this community"),
    "handled_or_beyond_authority": (_handled_or_beyond, "lead.guard_failed", "须先有处置记录，或写明超出权限及理由类别 / a handling record, or a ground why it is beyond authority, is needed first"),
    "no_live_unit": (_no_live_unit, "lead.guard_failed", "还有部门在办 / a department still has it"),
    "departments_can_receive": (_departments, "lead.input_invalid", "部门不存在、已撤销或重复 / unknown, abolished or doubled department"),
    "evidence_is_the_leads": (_evidence, "lead.input_invalid", "证据不属于这条线索 / evidence is not the lead's"),
    "officer_is_of_the_department": (_officer, "lead.input_invalid", "承办人不属于该部门 / not an officer of the department"),
    "occurred_by_today": (_occurred, "lead.input_invalid", "介入日期不能晚于今天 / the day lies in the future"),
    "two_licences_for_inspection": (_two_licences, "lead.input_invalid", "行政检查须填两个执法证号 / an inspection needs two licence numbers"),
    "outcome_of_a_close": (_outcome_of_a_close, "lead.input_invalid", "这一步不能用该办理结果 / that outcome does not belong to this step"),
    "outcome_without_push": (_outcome_without_push, "lead.input_invalid", "不移交结案只能用：" + "、".join(sorted(WITHOUT_PUSH)) + " / not an outcome of a close without push"),
    "every_unit_is_done": (_every_unit_done, "lead.guard_failed", "还有部门未报告办结 / not every department has reported done"),
    "visit_is_a_verification": (_visit, "lead.input_invalid", "没有这条线索的通过核查记录 / no passed verification visit of this lead"),
}
# fmt: on
