"""Rows of the lead table above the street: joint operations, leading group, city, peer districts, shelving; corrections, excuses."""

from __future__ import annotations

from gridwatch.domain import lead_words as words
from gridwatch.domain.lead_shape import (
    ASSIST_DEPARTMENTS,
    CD,
    EVIDENCE,
    LEAD_DEPARTMENT,
    LEGAL_BASIS,
    LG,
    NARRATIVE,
    OUTCOME,
    PREVIOUS,
    REASON,
    SD,
    SO,
    SOME_EVIDENCE,
    SUMMARY,
    Drop,
    DropUnits,
    Field,
    Finish,
    Meet,
    MeetFollowUp,
    MeetPresent,
    MeetResults,
    Open,
    OpenFollowUp,
    OpenGrids,
    OpenReview,
    Step,
    SuspendAll,
    of,
)
from gridwatch.domain.lead_words import Act, LeadState
from gridwatch.domain.obligations import ObligationKind as Kind

_DISPATCHED, _STREET, _ESCALATED, _SHELVED = (
    LeadState.DISPATCHED,
    LeadState.STREET,
    LeadState.ESCALATED,
    LeadState.SHELVED,
)
_BELOW = of(_DISPATCHED, _STREET)
_LEAVES_STREET = Meet((Kind.TRIAGE_S,))
# Any answer from above ends what was waited for there; the windows of the follow-up that lie ahead are cancelled (R24, R26).
_ANSWERED = (
    Meet((Kind.GROUP_DECIDE, Kind.PEER_ACK, Kind.REWORK)),
    MeetFollowUp(),
    Drop((Kind.CITY_FOLLOW,), "answered"),
)
_PLAN = (
    Field("plan", "text", "行动方案", "plan", least=2, most=4_000),
    Field("operation_on", "date", "行动日期", "day of the operation"),
    Field("people", "text", "参加人员", "people", least=1, most=500),
    Field("regional", "flag", "区域性问题", "concerns a whole area", required=False),
)
_PACKAGE = Field("package", "text", "上报材料包（SHA-256）", "exported package (SHA-256)", least=64, most=64)
_INSTRUCTION = (
    Field("instruction", "code", "处理方式", "what is to be done", choices=words.INSTRUCTIONS),
    Field("text", "text", "批示内容", "text of the instruction", least=2, most=4_000),
)
_ANSWER = (Field("reply", "text", "上级答复", "reply", least=2, most=4_000), OUTCOME, SOME_EVIDENCE)
_CORRECTION = (
    Field("category", "code", "线索类别", "category", required=False, choices=words.CATEGORIES),
    Field("address_text", "text", "地址", "address", required=False, least=2, most=300),
    Field("entity_id", "text", "市场主体", "entity", required=False, least=1, most=36),
    REASON,
)

# fmt: off
STEPS: tuple[Step, ...] = (
    # --- joint operations -----------------------------------------------------------------------------------------
    Step("T29", Act.START_JOINT, "启动联合执法", "start a joint operation", of(_DISPATCHED), None, by=of(SO),
         fields=(LEAD_DEPARTMENT, *_PLAN), guards=("no_joint_running", "lead_department_has_it", "joint_is_called_for"),
         effects=("start_joint",),
         tell=("department_receiver", "department_leader", "community_dispatcher")),
    Step("T29s", Act.START_JOINT, "推送并启动联合执法", "push and start a joint operation", of(_STREET), _DISPATCHED, by=of(SO),
         fields=(LEAD_DEPARTMENT, ASSIST_DEPARTMENTS, LEGAL_BASIS, SUMMARY, *_PLAN),
         guards=("no_joint_running", "departments_can_receive", "joint_is_called_for"),
         clocks=(_LEAVES_STREET, DropUnits(), OpenGrids()), effects=("assign_departments", "start_joint", "settle_uncertain"),
         tell=("department_receiver", "department_leader", "community_dispatcher")),
    Step("T29a", Act.RECORD_ATTENDANCE, "登记到场", "record who attended", _BELOW, None, by=of(SO),
         fields=(Field("present", "departments", "到场部门", "departments present", most=9),
                 Field("occurred_on", "date", "行动日期", "day of the operation"),
                 Field("people", "text", "到场人员", "people present", least=1, most=500), NARRATIVE, EVIDENCE),
         guards=("joint_is_running", "occurred_by_today", "present_departments_have_it"), clocks=(MeetPresent(),),
         effects=("note_attendance", "keep_evidence"), tell=("department_receiver", "street_dispatcher", "community_dispatcher")),
    Step("T30", Act.CLOSE_JOINT, "结束联合执法", "close the joint operation", _BELOW, None, by=of(SO),
         fields=(Field("text", "text", "行动结果", "what came of it", least=2, most=4_000),
                 Field("results", "results", "各部门结果", "result of each department", required=False, most=9)),
         guards=("joint_is_running", "a_result_for_each_at_work", "results_may_close", "results_name_departments"),
         clocks=(MeetResults(),),
         effects=("ask_as_done", "end_joint", "keep_result_evidence"),
         tell=("department_receiver", "department_leader", "street_dispatcher")),
    # --- leading group, city, peer ----------------------------------------------------------------------------------
    Step("T31", Act.ESCALATE, "报领导小组", "escalate to the leading group", _BELOW, _ESCALATED, by=of(SO),
         fields=(Field("tried", "text", "已采取的措施", "what was tried", least=2, most=4_000),
                 Field("question", "text", "请决定的事项", "what is to be decided", least=2, most=4_000),
                 Field("on_request_of", "code", "提请人", "on request of", required=False, choices=words.ASKED_FOR_BY)),
         guards=("no_return_is_pending",), clocks=(_LEAVES_STREET, Open(Kind.GROUP_DECIDE)), effects=("to_group", "end_joint"),
         tell=("leading_group", "department_receiver")),
    Step("T32", Act.ESCALATE_CITY, "上报市级", "escalate to the city", of(_ESCALATED), _ESCALATED, ask=Act.ASK_ESCALATE_CITY,
         asked_by=of(SO), by=of(LG),
         fields=(_PACKAGE, Field("letter_no", "text", "文号", "number of the letter", least=1, most=60)),
         guards=("with_the_leading_group", "package_was_exported"),
         clocks=(Meet((Kind.GROUP_DECIDE, Kind.REWORK)), DropUnits(), OpenFollowUp()), effects=("to_city", "cancel_units_escalated"),
         tell=("department_receiver", "department_leader", "supervision_office")),
    Step("T41", Act.TRANSFER_PEER, "移交外区", "transfer to another district", _BELOW, _ESCALATED, by=of(SD),
         fields=(Field("district", "text", "接收的区", "the district", least=2, most=60), _PACKAGE, REASON),
         guards=("no_return_is_pending", "package_was_exported"),
         clocks=(_LEAVES_STREET, DropUnits(), Open(Kind.PEER_ACK), OpenFollowUp()),
         effects=("to_peer", "cancel_units_escalated", "end_joint"),
         tell=("supervision_office", "department_receiver")),
    Step("T41a", Act.PEER_ACK, "外区已签收", "acknowledged by the district", of(_ESCALATED, _SHELVED), None, by=of(SD),
         by_if=(("peer_ack_is_overdue", of(SD, SO)),),
         fields=(Field("text", "text", "签收情况", "who acknowledged it, and when", least=2),),
         guards=("peer_ack_is_open",), clocks=(Meet((Kind.PEER_ACK,)),), tell=("supervision_office",)),
    Step("T32f", Act.FOLLOW_UP, "跟进", "follow up", of(_ESCALATED, _SHELVED), None, by=of(SO),
         fields=(Field("text", "text", "跟进情况", "what was learned", least=2, most=4_000), SOME_EVIDENCE),
         guards=("with_city_or_peer",), clocks=(MeetFollowUp(),), effects=("keep_evidence",), tell=("street_dispatcher",)),
    Step("T33", Act.INSTRUCT, "上级批示，重新移交", "instruction from above: push", of(_ESCALATED), _DISPATCHED, by=of(SO),
         fields=(*_INSTRUCTION, LEAD_DEPARTMENT, ASSIST_DEPARTMENTS, LEGAL_BASIS, SUMMARY), guards=("departments_can_receive",),
         clocks=(*_ANSWERED, DropUnits(), OpenGrids()),
         effects=("cancel_units_escalated", "leave_level", "assign_departments", "settle_uncertain"),
         tell=("department_receiver", "community_dispatcher")),
    Step("T33c", Act.INSTRUCT, "上级批示，原部门继续", "instruction from above: go on", of(_ESCALATED), _DISPATCHED, by=of(SO),
         given=("department_goes_on",),
         fields=_INSTRUCTION, guards=("lead_unit_is_live",), clocks=_ANSWERED, effects=("leave_level",),
         tell=("department_receiver", "community_dispatcher")),
    Step("T34", Act.SOLVED_ABOVE, "上级已解决", "solved above", of(_ESCALATED), LeadState.VERIFYING, by=of(SO), fields=_ANSWER,
         guards=("outcome_of_an_answer", "outcome_fits_level", "outcome_fits_category"),
         clocks=(*_ANSWERED, SuspendAll(), Open(Kind.VERIFY)),
         effects=("set_outcome", "order_verification", "keep_evidence"), tell=("community_dispatcher",)),
    # What another district took over is closed without a visit of ours (ruling R24).
    Step("T34p", Act.SOLVED_ABOVE, "外区接办结案", "taken over by the district", of(_ESCALATED), LeadState.CLOSED, by=of(SO),
         given=("with_a_peer", "peer_took_it_over"),
         fields=_ANSWER, clocks=(*_ANSWERED, Finish()), effects=("set_outcome", "close", "keep_evidence", "leave_level"),
         tell=("reporter", "community_dispatcher", "street_dispatcher")),
    # --- shelving ---------------------------------------------------------------------------------------------------
    Step("T35", Act.SHELVE, "挂账", "shelve", of(LeadState.REPORTED, LeadState.COMMUNITY, _STREET, _DISPATCHED, _ESCALATED), _SHELVED,
         ask=Act.ASK_SHELVE, asked_by=of(SO), by=of(LG), fields=(REASON, Field("review_on", "date", "复核日期", "day of the review")),
         guards=("no_return_is_pending", "review_within_the_limit"), clocks=(OpenReview(),), effects=("remember_state",),
         tell=("department_leader", "supervision_office", "street_dispatcher")),
    Step("T36", Act.REVIEW, "挂账复核", "review", of(_SHELVED), PREVIOUS, by=of(SO),
         fields=(Field("finding", "text", "复核情况", "finding", least=2),),
         clocks=(Meet((Kind.REVIEW,)),), tell=("department_receiver", "street_dispatcher")),
    # --- any time -----------------------------------------------------------------------------------------------------
    Step("T40", Act.CORRECT, "更正", "correct",
         of(LeadState.REPORTED, LeadState.RETURNED, LeadState.COMMUNITY, LeadState.VERIFYING), None, by=of(CD),
         fields=_CORRECTION, guards=("something_is_corrected", "entity_is_known"), effects=("correct",), tell=("handler",)),
    Step("T40s", Act.CORRECT, "更正", "correct", of(_STREET, _DISPATCHED, LeadState.VERIFYING), None, by=of(SD),
         fields=_CORRECTION, guards=("something_is_corrected", "entity_is_known"), effects=("correct",),
         tell=("department_receiver", "community_dispatcher")),
    Step("T40o", Act.CORRECT, "更正", "correct", of(_ESCALATED, _SHELVED), None, by=of(SO),
         fields=_CORRECTION, guards=("something_is_corrected", "entity_is_known"), effects=("correct",),
         tell=("department_receiver", "street_dispatcher")),
    Step("T42", Act.EXCUSE, "免责", "excuse", frozenset(LeadState), None, by=of(SO),
         fields=(Field("obligation", "duty", "时限", "the duty"), REASON, EVIDENCE),
         guards=("duty_is_the_leads", "duty_is_late", "duty_is_not_excused"), effects=("excuse", "keep_evidence"),
         tell=("department_leader",)),
)
# fmt: on
