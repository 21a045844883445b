"""Rows of the lead table at the street's desk: send back, close, push, return and ruling, assists, change of lead department."""

from __future__ import annotations

from gridwatch.domain import lead_words as words
from gridwatch.domain.lead_shape import (
    ASSIST_DEPARTMENTS,
    LEAD_DEPARTMENT,
    LEGAL_BASIS,
    OUTCOME,
    PREVIOUS,
    REASON,
    RULING_NO,
    SD,
    SO,
    SOME_EVIDENCE,
    SUMMARY,
    SYS,
    UNIT,
    DropUnits,
    Field,
    Finish,
    Meet,
    Move,
    Open,
    OpenGrids,
    ProposeExcuse,
    Step,
    of,
)
from gridwatch.domain.lead_words import Act, LeadState, UnitState
from gridwatch.domain.obligations import ObligationKind as Kind

_LEAVES_STREET = Meet((Kind.TRIAGE_S,))
_SO_TOO_IF_UNCERTAIN = (("uncertain", of(SD, SO)),)  # ruling R30
_PENDING = of(UnitState.RETURN_PENDING)
_DISPATCHED, _STREET = LeadState.DISPATCHED, LeadState.STREET
# A push to another department than the permit table advises says why; the event keeps it (permit_router).
_OVERRIDDEN = Field(
    "advice_overridden", "text", "不按建议的理由", "why not as advised", required=False, least=2, most=120
)
_PUSH = (LEAD_DEPARTMENT, _OVERRIDDEN, ASSIST_DEPARTMENTS, LEGAL_BASIS, SUMMARY, SOME_EVIDENCE, RULING_NO)

# fmt: off
STEPS: tuple[Step, ...] = (
    Step("T11", Act.SEND_BACK, "退回社区", "send back to the community", of(_STREET), LeadState.COMMUNITY, by=of(SD),
         by_if=_SO_TOO_IF_UNCERTAIN,
         fields=(Field("ground", "code", "理由类别", "ground", choices=words.SENT_BACK_FOR), REASON),
         guards=("no_live_unit",), clocks=(_LEAVES_STREET, Open(Kind.C_HANDLE, sent_back=True)), effects=("bounce", "end_joint"),
         tell=("community_dispatcher",)),
    # Assists that are still live are waived (ruling R17).
    Step("T12", Act.CLOSE_WITHOUT_PUSH, "不移交结案", "close without a push", of(_STREET), LeadState.CLOSED, by=of(SD),
         by_if=_SO_TOO_IF_UNCERTAIN,
         fields=(OUTCOME,
                 Field("exempt_ground", "code", "第三条豁免情形", "ground of art. 3", required=False, choices=words.EXEMPTIONS), REASON),
         guards=("outcome_without_push", "outcome_fits_category", "exemption_names_its_ground"),
         clocks=(_LEAVES_STREET, DropUnits(), Finish()), effects=("set_outcome", "waive_units", "close", "end_joint"),
         tell=("reporter", "community_dispatcher", "department_receiver")),
    Step("T13", Act.PUSH, "推送", "push", of(_STREET), _DISPATCHED, by=of(SD), by_if=_SO_TOO_IF_UNCERTAIN, fields=_PUSH,
         guards=("departments_can_receive", "evidence_is_the_leads", "as_advised_or_says_why"),
         clocks=(_LEAVES_STREET, OpenGrids()), effects=("assign_departments", "settle_uncertain"),
         tell=("department_receiver", "community_dispatcher")),
    Step("T19", Act.PUSH, "改派", "push again", of(_STREET), _DISPATCHED, by=of(SD), by_if=_SO_TOO_IF_UNCERTAIN, given=("pushed_before",),
         fields=_PUSH,
         guards=("departments_can_receive", "evidence_is_the_leads", "ruling_to_push_again", "as_advised_or_says_why"),
         clocks=(_LEAVES_STREET, DropUnits(), OpenGrids()), effects=("assign_departments", "settle_uncertain"),
         tell=("department_receiver", "community_dispatcher")),
    Step("T16", Act.APPROVE_RETURN, "同意退回", "approve the return", of(_DISPATCHED, _STREET), None, by=of(SD),
         by_if=(("supervision_decides", of(SO)),), unit=Move(_PENDING, UnitState.RETURNED),
         fields=(UNIT, Field("decision", "text", "决定", "decision", least=2)),
         clocks=(Meet((Kind.RULING,), unit=True), DropUnits()), effects=("count_return",),
         tell=("department_receiver", "street_dispatcher")),
    Step("T16p", Act.PASS_ON_RETURN, "转监管办裁定", "pass the request on", of(_DISPATCHED, _STREET), None, by=of(SD),
         unit=Move(_PENDING, None), fields=(UNIT, REASON), guards=("street_decides",), effects=("pass_on",),
         tell=("supervision_office",)),
    Step("T17", Act.REFUSE_RETURN, "驳回退回，指定承办", "refuse the return", of(_DISPATCHED, _STREET), None, by=of(SO),
         unit=Move(_PENDING, PREVIOUS),
         fields=(UNIT, Field("ruling_no", "text", "裁定文号", "number of the ruling", most=60, least=1), REASON),
         clocks=(Meet((Kind.RULING,), unit=True), ProposeExcuse()), effects=("rule",), tell=("department_leader", "department_receiver")),
    Step("T18", Act.BACK_TO_STREET, "退回后回到街道", "back to the street after a return", of(_DISPATCHED), _STREET, by=SYS, auto=True,
         guards=("lead_unit_was_returned",), clocks=(Open(Kind.TRIAGE_S),), effects=("bounce",), tell=("street_dispatcher",)),
    Step("T18w", Act.BACK_TO_STREET, "撤回后回到街道", "back to the street after a withdrawal", of(_DISPATCHED), _STREET, by=SYS,
         auto=True,
         guards=("lead_unit_was_withdrawn",), clocks=(Open(Kind.TRIAGE_S),), tell=("street_dispatcher",)),
    Step("T22", Act.ADD_ASSIST, "增加协办", "add an assisting department", of(_DISPATCHED), None, by=of(SD),
         fields=(Field("department", "department", "协办部门", "assisting department"),
                 Field("duty", "text", "协办事项", "what it is to do", least=2, most=4_000)),
         guards=("departments_can_receive",), clocks=(OpenGrids(),), effects=("add_assist",), tell=("department_receiver",)),
    # The office may waive what asks to be returned, so that the lead department is not held up (edge case (h)).
    Step("T22w", Act.WAIVE_ASSIST, "免除协办", "waive an assisting department", of(_DISPATCHED, _STREET), None, by=of(SD),
         by_if=(("return_is_pending", of(SD, SO)),),
         unit=Move(of(UnitState.PUSHED, UnitState.ACCEPTED, UnitState.WORKING, UnitState.RETURN_PENDING), UnitState.CANCELLED,
                   role="assist"),
         fields=(UNIT, REASON), clocks=(DropUnits(),), effects=("mark_waived",), tell=("department_receiver",)),
    Step("T23", Act.CHANGE_LEAD, "变更主办", "change the lead department", of(_DISPATCHED), None,
         ask=Act.ASK_CHANGE_OF_LEAD, asked_by=of(SD), by=of(SO),
         unit=Move(of(UnitState.PUSHED, UnitState.ACCEPTED, UnitState.WORKING, UnitState.DONE_CLAIMED), None, role="lead"),
         fields=(UNIT, LEAD_DEPARTMENT, Field("old_lead", "code", "原主办", "the old lead department", choices=words.OLD_LEAD),
                 LEGAL_BASIS,
                 SUMMARY, REASON,
         Field("consent", "text", "双方同意的人员和时间", "who of both consented, and when", required=False, least=2, confirmer=True),
         RULING_NO),
         guards=("departments_can_receive", "consent_or_ruling"),
         clocks=(DropUnits(), OpenGrids()), effects=("change_lead",), tell=("department_receiver", "department_leader")),
    Step("T24", Act.WITHDRAW_PUSH, "撤回推送", "withdraw the push", of(_DISPATCHED), None, by=of(SD),
         unit=Move(of(UnitState.PUSHED, UnitState.ACCEPTED), UnitState.CANCELLED),
         fields=(UNIT, REASON), clocks=(DropUnits(),), effects=("mark_withdrawn",), tell=("department_receiver",)),
    Step("T37", Act.REOPEN, "重开到街道", "reopen at the street", of(LeadState.CLOSED), _STREET, by=of(SD, SO),
         fields=(Field("target", "code", "重开到", "reopen at", choices=words.REOPEN_AT), REASON,
                 Field("handler", "person", "处置人员", "handler", required=False)),
         guards=("handler_is_of_the_community",), clocks=(Open(Kind.TRIAGE_S),), effects=("new_round", "set_handler"),
         tell=("community_dispatcher", "department_receiver")),
    Step("T37c", Act.REOPEN, "重开到社区", "reopen at the community", of(LeadState.CLOSED), LeadState.COMMUNITY, by=of(SD, SO),
         given=("target_is_community",),
         fields=(Field("target", "code", "重开到", "reopen at", choices=words.REOPEN_AT), REASON,
                 Field("handler", "person", "处置人员", "handler", required=False)),
         guards=("handler_is_of_the_community",), clocks=(Open(Kind.C_HANDLE),), effects=("new_round", "set_handler"),
         tell=("community_dispatcher", "handler", "department_receiver")),
)
# fmt: on
