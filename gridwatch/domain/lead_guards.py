"""The conditions that rows of the lead table name: each a question about a case, with its reason when it does not hold.

Guards that read only the facts are judged before the inputs are, so that a wrong state is refused first (ruling R33).
Cases choose among the rows of one act, and who does a step; they refuse nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta

from gridwatch.domain.errors import Refusal
from gridwatch.domain.lead_clocks import is_late, is_overdue
from gridwatch.domain.lead_facts import Case, OtherLead
from gridwatch.domain.lead_words import ENDED, FURTHER, LeadState, Level, UnitState
from gridwatch.domain.obligations import ObligationKind, due_for

WITHOUT_PUSH = frozenset({"no_violation", "exempt_art3", "deregistered", "ceased", "unfounded"})  # ruling R36
# Outcomes that only an answer from that level gives (R36, R38).
OF_LEVEL = {"solved_by_group": Level.GROUP, "solved_by_city": Level.CITY, "transferred_peer": Level.PEER}
PERMIT_CATEGORY = "XS04"  # its hazards stay when the entity is struck off the register (edge case (j))
LONGEST_HOLD = timedelta(days=366)
JOINT_STATES = frozenset({UnitState.PUSHED, UnitState.ACCEPTED, UnitState.WORKING})

Judge = Callable[[Case], bool]


@dataclass(frozen=True, slots=True)
class When:
    """A case: who may do what now is listed without those that wait for inputs (`reads_inputs`)."""

    holds: Judge
    reads_inputs: bool = False


@dataclass(frozen=True, slots=True)
class Guard:
    """A condition. `fields` are the inputs that may be at fault, if any: then it refuses with 422. `reads_inputs`: a condition
    of the lead (409) that can only be judged on checked inputs."""

    holds: Judge
    reason: str
    fields: tuple[str, ...] = ()
    reads_inputs: bool = False

    @property
    def after_inputs(self) -> bool:
        """Whether it is judged on checked inputs."""
        return self.reads_inputs or bool(self.fields)


def hold(name: str, case: Case) -> None:
    """Judge one guard. Raises its refusal (409, or 422 where an input is at fault) when it does not hold."""
    guard = GUARDS[name]
    if guard.holds(case):
        return
    if guard.fields:
        named = next((one for one in guard.fields if one in case.inputs), guard.fields[0])
        fields = [{"path": named, "problem": guard.reason}]
        raise Refusal("lead.input_invalid", reason=guard.reason, fields=fields, guard=name)
    raise Refusal("lead.guard_failed", reason=guard.reason, guard=name)


# --- the community's desk -----------------------------------------------------------------------------------------


def _resubmit_overdue(c: Case) -> bool:
    return any(is_overdue(duty, c.at) for duty in c.facts.open(ObligationKind.RESUBMIT))


def _accept_returned(c: Case) -> bool:
    return c.facts.state is not LeadState.RETURNED or _resubmit_overdue(c)


def _handled_or_beyond(c: Case) -> bool:
    return c.facts.handlings > 0 or (c.inputs.get("exceeds_authority") is True and "ground" in c.inputs)


def _no_return_pending(c: Case) -> bool:
    return not any(unit.state is UnitState.RETURN_PENDING for unit in c.facts.live_units)


def _other_lead(c: Case) -> OtherLead | None:
    return c.known.leads.get(c.inputs.get("master") or c.inputs.get("lead", ""))


def _other_is_known(c: Case) -> bool:
    other = _other_lead(c)
    return other is not None and other.id != c.facts.id


def _master_open(c: Case) -> bool:
    master = _other_lead(c)
    return master is not None and master.state not in ENDED


def _master_further(c: Case) -> bool:
    """Furthest along, then earliest reported (T06, R25)."""
    master = _other_lead(c)
    if master is None or c.facts.reported_at is None:
        return False
    here = _rank(c.facts.state, c.facts.previous_state)
    there = _rank(master.state, master.previous_state)
    return there > here or (there == here and (master.reported_at, master.id) < (c.facts.reported_at, c.facts.id))


def _rank(state: LeadState, previous: str | None) -> int:
    return FURTHER.index(LeadState(previous) if state is LeadState.SHELVED and previous else state)


def _within_30_days(c: Case) -> bool:
    days = timedelta(days=c.at.policy.unmerge_days)
    return c.facts.merged_on is not None and c.at.today <= c.facts.merged_on + days


# --- pushing --------------------------------------------------------------------------------------------------------


def named_departments(c: Case) -> list[str]:
    """The departments that a push names, the lead one first; [] where none is named."""
    single = [c.inputs[name] for name in ("lead_department", "department") if name in c.inputs]
    return [*single, *c.inputs.get("assist_departments", ())]


def _can_receive(c: Case) -> bool:
    """Each exists and is named once; none has the lead already. Only the lead department may be an assist so far (R28)."""
    receiving = [c.known.departments.get(code) for code in named_departments(c)]
    if None in receiving or len(set(receiving)) != len(receiving):
        return False
    ending = c.facts.state is LeadState.ESCALATED  # the push from above ends what is live (R21)
    taken = {} if ending else {unit.department: unit.role for unit in c.facts.live_units}
    to_lead = receiving[0] if "lead_department" in c.inputs else None
    return all(taken.get(code) in ((None, "assist") if code == to_lead else (None,)) for code in receiving if code)


def _evidence(c: Case) -> bool:
    return set(c.inputs.get("evidence", ())) <= c.facts.evidence


def _ruled_to_push(c: Case) -> bool:
    """After two approved returns, or back to who returned it in this round, the office rules first (R18, R38)."""
    refused = {unit.department for unit in c.facts.of_round if unit.end_cause == "returned"}
    named = {c.known.departments.get(code) for code in named_departments(c)}
    return "ruling_no" in c.inputs or (c.facts.returns < 2 and not refused & named)


def _as_advised(c: Case) -> bool:
    """The advice of the permit table is followed, or the reason why not is given; a ruling of the office outranks it."""
    if c.known.advised is None or "advice_overridden" in c.inputs or "ruling_no" in c.inputs:
        return True
    return c.known.departments.get(c.inputs["lead_department"]) == c.known.advised


def _departments_exist(c: Case) -> bool:
    named = [c.inputs[name] for name in ("proposed_department", "proper_department") if name in c.inputs]
    return all(code in c.known.departments for code in (*named, *c.inputs.get("copies", ())))


# --- returns, change of lead department -----------------------------------------------------------------------------


def _in_time_or_new_facts(c: Case) -> bool:
    if c.unit is None or "new_facts" in c.inputs:
        return c.unit is not None
    return not c.unit.ruled and c.at.today <= c.at.calendar.add(c.unit.push_on, c.at.policy.return_days).on


def _another_department(c: Case) -> bool:
    """Who says that another department is the proper one names it (decree 684, article 8)."""
    if c.unit is None or c.inputs["code"] not in ("not_our_duty", "other_dept_already_handling"):
        return True
    return c.known.departments.get(c.inputs["proper_department"]) != c.unit.department


def _street_decides(c: Case) -> bool:
    """The first request of a round, until it is passed on (ruling R18)."""
    return c.unit is not None and c.unit.request_no == 1 and not c.unit.passed_on


def _consent_or_ruling(c: Case) -> bool:
    return c.asking or "consent" in c.inputs or "ruling_no" in c.inputs


# --- the departments' desk ------------------------------------------------------------------------------------------


def _officer(c: Case) -> bool:
    return c.unit is not None and c.inputs["officer"] in c.known.officers.get(c.unit.department, frozenset())


def _two_licences(c: Case) -> bool:
    if not c.inputs.get("inspection"):
        return True
    parts = c.inputs.get("licence_nos", "").replace("，", ",").replace("、", ",").split(",")
    return len({part.strip() for part in parts if part.strip()}) >= 2


def _hold_days(c: Case) -> bool:
    first, last = date.fromisoformat(c.inputs["from_on"]), date.fromisoformat(c.inputs["until_on"])
    return first <= last <= first + LONGEST_HOLD


def _hold_covers(c: Case) -> bool:
    on = date.fromisoformat(c.inputs["until_on"])
    return c.unit is not None and any(hold.from_on <= on < hold.until_on for hold in c.unit.holds)


# --- outcomes and verification --------------------------------------------------------------------------------------


def outcome_may_close(outcome: str) -> bool:
    """Whether community or department may name it as what came of the lead (ruling R36)."""
    return outcome not in OF_LEVEL and outcome != "duplicate"


def outcome_fits(outcome: str, category: str) -> bool:
    """Deregistered ends XS01–XS03 only: the hazard of a missing permit stays (edge case (j))."""
    return outcome != "deregistered" or category != PERMIT_CATEGORY


def _names_exemption(c: Case) -> bool:
    return c.inputs["outcome"] != "exempt_art3" or "exempt_ground" in c.inputs


def _fits_level(c: Case) -> bool:
    return OF_LEVEL.get(c.inputs["outcome"], c.facts.level) == c.facts.level


def _every_unit_done(c: Case) -> bool:
    live = c.facts.live_units
    return any(one.role == "lead" for one in live) and all(one.state is UnitState.DONE_CLAIMED for one in live)


def _lead_unit_ended_by(cause: str) -> Judge:
    def ended(c: Case) -> bool:
        unit = c.facts.lead_unit
        return unit is not None and not unit.live and unit.end_cause == cause

    return ended


def _failed_departments(c: Case) -> bool:
    return set(c.inputs.get("departments", ())) <= {unit.department for unit in c.facts.live_units}


# --- above the street -----------------------------------------------------------------------------------------------


def _lead_department_has_it(c: Case) -> bool:
    return c.known.departments.get(c.inputs["lead_department"]) in {unit.department for unit in c.facts.live_units}


def _joint_called_for(c: Case) -> bool:
    """A major lead, two departments or more, or a whole area (T29)."""
    departments = {unit.department for unit in c.facts.live_units} | {
        c.known.departments.get(code) for code in named_departments(c)
    }
    return "major" in c.facts.flags or len(departments) >= 2 or bool(c.inputs.get("regional"))


def _present(c: Case) -> bool:
    return set(c.inputs["present"]) <= {unit.department for unit in c.facts.live_units if unit.state in JOINT_STATES}


def _results_complete(c: Case) -> bool:
    named = sorted(one["department"] for one in c.inputs.get("results", ()))
    return named == sorted(unit.department for unit in c.facts.live_units if unit.state is UnitState.WORKING)


def _results_may_close(c: Case) -> bool:
    done = [one["outcome"] for one in c.inputs.get("results", ()) if one["result"] == "done"]
    return all(outcome_may_close(outcome) and outcome_fits(outcome, c.facts.category) for outcome in done)


def _results_name_departments(c: Case) -> bool:
    """A result `done` may name departments that get a copy, as T25 does."""
    return all(code in c.known.departments for one in c.inputs.get("results", ()) for code in one.get("copies", ()))


def _review_in_time(c: Case) -> bool:
    latest = due_for(ObligationKind.REVIEW, c.at.today, c.at.policy, c.at.calendar).on
    return c.at.today < date.fromisoformat(c.inputs["review_on"]) <= latest


def _corrected(c: Case) -> bool:
    return any(
        name in c.inputs and c.inputs[name] != getattr(c.facts, name)
        for name in ("category", "address_text", "entity_id")
    )


def _duty_late(c: Case) -> bool:
    duty = c.facts.duty(c.inputs["obligation"])
    return duty is not None and is_late(duty, c.at)


def _duty_not_excused(c: Case) -> bool:
    duty = c.facts.duty(c.inputs["obligation"])
    return duty is not None and not duty.excused


# --- cases ----------------------------------------------------------------------------------------------------------


# fmt: off
CASES: dict[str, When] = {
    "major": When(lambda c: "major" in c.facts.flags),
    "uncertain": When(lambda c: "uncertain" in c.facts.flags),
    "supervision_decides": When(lambda c: c.unit is not None and not _street_decides(c)),
    "return_is_pending": When(lambda c: c.unit is not None and c.unit.state is UnitState.RETURN_PENDING),
    "peer_ack_is_overdue": When(lambda c: any(is_overdue(duty, c.at) for duty in c.facts.open(ObligationKind.PEER_ACK))),
    "pushed_before": When(lambda c: bool(c.facts.of_round)),
    "solved_above": When(lambda c: c.facts.level is not None),
    "handled_by_the_community": When(lambda c: not c.facts.live_units),
    "with_a_peer": When(lambda c: c.facts.level == Level.PEER),
    "target_is_community": When(lambda c: c.inputs.get("target") == "community", reads_inputs=True),
    "department_goes_on": When(lambda c: c.inputs.get("instruction") == "continue", reads_inputs=True),
    "peer_took_it_over": When(lambda c: c.inputs.get("outcome") == "transferred_peer", reads_inputs=True),
}

GUARDS: dict[str, Guard] = {
    "not_a_complaint": Guard(lambda c: c.facts.source != "complaint", "投诉转来的线索不能撤回或作废 / a lead from a complaint cannot be withdrawn or voided"),
    "resubmit_is_overdue": Guard(_resubmit_overdue, "上报人的补正时限未过 / the reporter's time to resubmit is not over"),
    "accept_returned_only_when_overdue": Guard(_accept_returned, "退回补正未逾期，等待上报人 / the reporter's time to resubmit is not over"),
    "handler_is_of_the_community": Guard(lambda c: "handler" not in c.inputs or c.inputs["handler"] in c.known.handlers, "处置人员不属于本社区 / not a handler of this community", ("handler",)),
    "handled_or_beyond_authority": Guard(_handled_or_beyond, "须先有处置记录，或写明超出权限及理由类别 / a handling record, or a ground why it is beyond authority, is needed first", reads_inputs=True),
    "no_return_is_pending": Guard(_no_return_pending, "有退回申请未裁定 / a request to return is not decided yet"),
    "other_lead_is_known": Guard(_other_is_known, "没有这条线索，或就是本线索 / no such lead, or this very one", ("master", "lead")),
    "master_is_open": Guard(_master_open, "并入的线索已结束 / the lead it would be merged into has ended", reads_inputs=True),
    "master_is_further": Guard(_master_further, "应并入办理进度更靠前、上报更早的线索 / merge into the one that is further along, or was reported earlier", reads_inputs=True),
    "merged_within_30_days": Guard(_within_30_days, "并案已超过30天 / it was merged more than 30 days ago"),
    "no_live_unit": Guard(lambda c: not c.facts.live_units, "还有部门在办；可先免除协办 / a department still has it; waive the assist first"),
    "departments_can_receive": Guard(_can_receive, "部门不存在、已撤销、重复或已在办 / unknown, abolished or doubled department, or one that has it already", ("lead_department", "department")),
    "evidence_is_the_leads": Guard(_evidence, "证据不属于这条线索 / evidence is not the lead's", ("evidence",)),
    "ruling_to_push_again": Guard(_ruled_to_push, "已两次退回，或该部门本轮退回过，须有监管办裁定文号 / returned twice, or by this department: a ruling of the office is needed", reads_inputs=True),
    "as_advised_or_says_why": Guard(_as_advised, "与建议的部门不同，须写明理由 / not the department that is advised: say why", ("advice_overridden",)),
    "named_departments_exist": Guard(_departments_exist, "部门不存在 / there is no such department", ("proposed_department", "proper_department", "copies")),
    "outcome_without_push": Guard(lambda c: c.inputs["outcome"] in WITHOUT_PUSH, "不移交结案只能用：" + "、".join(sorted(WITHOUT_PUSH)) + " / not an outcome of a close without push", ("outcome",)),
    "outcome_of_a_close": Guard(lambda c: outcome_may_close(c.inputs["outcome"]), "这一步不能用该办理结果 / that outcome does not belong to this step", ("outcome",)),
    "outcome_of_an_answer": Guard(lambda c: c.inputs["outcome"] != "duplicate", "重复只用于并案 / duplicate is for merging only", ("outcome",)),
    "outcome_fits_category": Guard(lambda c: outcome_fits(c.inputs["outcome"], c.facts.category), "许可行业线索不能因注销结案 / a missing permit is not settled by deregistration", ("outcome",)),
    "outcome_fits_level": Guard(_fits_level, "该办理结果与答复的层级不符 / that outcome is not of this level", ("outcome",)),
    "exemption_names_its_ground": Guard(_names_exemption, "豁免须写明第三条情形 / an exemption names its ground of art. 3", ("exempt_ground",)),
    "lead_unit_was_returned": Guard(_lead_unit_ended_by("returned"), "主办部门没有退回 / the lead department did not return it"),
    "lead_unit_was_withdrawn": Guard(_lead_unit_ended_by("withdrawn"), "推送没有撤回 / the push was not withdrawn"),
    "street_decides": Guard(_street_decides, "由监管办决定 / the supervision office decides"),
    "consent_or_ruling": Guard(_consent_or_ruling, "须双方同意，或有裁定文号 / the consent of both, or a ruling, is needed", reads_inputs=True),
    "officer_is_of_the_department": Guard(_officer, "承办人不属于该部门 / not an officer of the department", ("officer",)),
    "return_in_time_or_new_facts": Guard(_in_time_or_new_facts, "推送后两个工作日内才可申请退回，已裁定的须有新事实 / only within two work days of the push, or with new facts", reads_inputs=True),
    "proper_department_is_another": Guard(_another_department, "应写明别的部门 / name another department", ("proper_department",)),
    "occurred_by_today": Guard(lambda c: date.fromisoformat(c.inputs["occurred_on"]) <= c.at.today, "介入日期不能晚于今天 / the day lies in the future", ("occurred_on",)),
    "two_licences_for_inspection": Guard(_two_licences, "行政检查须填两个执法证号 / an inspection needs two licence numbers", ("licence_nos",)),
    "hold_days_are_in_order": Guard(_hold_days, "结束不能早于开始，最长一年 / the last day is not before the first, a year at most", ("until_on",)),
    "a_hold_stands": Guard(lambda c: c.unit is not None and bool(c.unit.holds), "没有中止 / nothing is on hold"),
    "a_hold_covers_the_day": Guard(_hold_covers, "这一天没有在中止期内 / no hold covers that day", ("until_on",)),
    "every_unit_is_done": Guard(_every_unit_done, "还有部门未报告办结 / not every department has reported done"),
    "visit_is_a_verification": Guard(lambda c: c.known.visits.get(c.inputs["visit"]) == "passed", "没有这条线索的通过核查记录 / no passed verification visit of this lead", ("visit",)),
    "failed_departments_have_it": Guard(_failed_departments, "该部门没有在办 / that department does not have it", ("departments",)),
    "successor_is_known": Guard(lambda c: c.inputs["department"] in c.known.departments, "没有这个部门 / there is no such department", ("department",)),
    "no_joint_running": Guard(lambda c: "joint" not in c.facts.flags, "联合执法已在进行 / a joint operation is running"),
    "joint_is_running": Guard(lambda c: "joint" in c.facts.flags, "没有进行中的联合执法 / no joint operation is running"),
    "joint_is_called_for": Guard(_joint_called_for, "须为重大、涉及两个以上部门或区域性问题 / only for major leads, two departments or more, or a whole area", reads_inputs=True),
    "lead_department_has_it": Guard(_lead_department_has_it, "牵头部门没有在办 / the leading department does not have it", ("lead_department",)),
    "present_departments_have_it": Guard(_present, "到场部门没有在办，或正申请退回、已报办结 / not at work on it", ("present",)),
    "a_result_for_each_at_work": Guard(_results_complete, "每个办理中的部门写一条结果 / one result for each department that is working on it", ("results",)),
    "results_may_close": Guard(_results_may_close, "结果中有不能用的办理结果 / an outcome does not belong to this step", ("results",)),
    "results_name_departments": Guard(_results_name_departments, "结果中抄告的部门不存在 / a result sends a copy to a department that there is not", ("results",)),
    "with_the_leading_group": Guard(lambda c: c.facts.level == Level.GROUP, "不在领导小组 / not with the leading group"),
    "with_city_or_peer": Guard(lambda c: c.facts.level in (Level.CITY, Level.PEER), "不在市级或外区 / not with the city or a peer"),
    "package_was_exported": Guard(lambda c: c.inputs["package"] in c.known.packages, "没有导出过这个材料包 / no such package was exported of this lead", ("package",)),
    "peer_ack_is_open": Guard(lambda c: bool(c.facts.open(ObligationKind.PEER_ACK)), "没有待签收的移交 / nothing waits for an acknowledgement"),
    "lead_unit_is_live": Guard(lambda c: any(unit.role == "lead" for unit in c.facts.live_units), "没有在办的主办部门 / no lead department has it"),
    "review_within_the_limit": Guard(_review_in_time, "复核日期须在明天至60个工作日内 / the review is after today and within 60 work days", ("review_on",)),
    "something_is_corrected": Guard(_corrected, "没有更正任何内容 / nothing is corrected", ("category",)),
    "entity_is_known": Guard(lambda c: "entity_id" not in c.inputs or c.inputs["entity_id"] in c.known.entities, "没有这个市场主体 / there is no such entity", ("entity_id",)),
    "duty_is_the_leads": Guard(lambda c: c.facts.duty(c.inputs["obligation"]) is not None, "不是这条线索的时限 / not a duty of this lead", ("obligation",)),
    "duty_is_late": Guard(_duty_late, "没有逾期，不需免责 / it is not late", reads_inputs=True),
    "duty_is_not_excused": Guard(_duty_not_excused, "已免责 / it is excused already", reads_inputs=True),
}
# fmt: on
