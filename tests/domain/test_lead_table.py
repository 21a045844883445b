"""Every row of the lead table: where it leads, who is told, and exactly what it does to the clocks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from gridwatch.domain import lead_flow
from gridwatch.domain.lead_facts import Change
from gridwatch.domain.lead_words import Act
from gridwatch.domain.obligations import ObligationKind
from gridwatch.domain.permits import SYSTEM, Actor
from tests.domain import lead_road as lr
from tests.domain.lead_road import CD, CH, DL, DO, DR, LG, OTHER, PHOTO, PLACES, PUSH, SD, SO, WORKER, Road

Inputs = Mapping[str, Any] | Callable[[Road], Mapping[str, Any]]
Before = Callable[[Road], Any] | None


@dataclass(frozen=True)
class Taken:
    """A row as it is taken: from a place, by a person, with inputs; then where the lead is and which clocks moved.

    `clocks`: `+kind day` opened and `-kind how` ended, with `@department`, and the number of a window. `then`: the row that
    the system adds by itself, with its clocks. `before`: what happens first, on the way from the place; `on`: the day.
    """

    row: str
    place: str
    who: Actor
    act: Act
    inputs: Inputs
    state: str
    clocks: str = ""
    units: str = ""
    then: str = ""
    before: Before = None
    on: str | None = None


def first(who: Actor, act: Act, **inputs: Any) -> Before:
    return lambda road: road.does(who, act, **inputs)


def unit_of(code: str, **inputs: Any) -> Callable[[Road], dict[str, Any]]:
    return lambda road: {"assignment": road.unit(code).id, **inputs}


def intervene_duty(road: Road) -> dict[str, Any]:
    duty = road.duties(ObligationKind.INTERVENE, "SCJG")[0]
    return {"obligation": duty.id, "reason": "系统故障", "evidence": [PHOTO]}


MERGE = {"master": OTHER, "reason": "同一店铺"}
HOLD = {"code": "force_majeure", "from_on": "2026-09-20", "until_on": "2026-09-23", "document": "防汛令1号"}
SHELVE = {"reason": "拆迁范围", "review_on": "2026-11-18"}
NEW_LEAD = {**PUSH, "lead_department": "CG", "reason": "主责在城管"}
PRESENT = {
    "present": ["SCJG", "CG"],
    "occurred_on": "2026-09-18",
    "people": "四人",
    "narrative": "联合检查",
    "evidence": [PHOTO],
}
HANDLED = {"measure": "guided", "outcome": "licensed", "narrative": "已办照", "evidence": [PHOTO]}
ONGOING = {"text": "继续整改", "results": [{"department": "CG", "result": "progress", **lr.FEEDBACK}]}
CG_ENDS = "-intervene@CG cancelled, -feedback@CG 1 cancelled, -feedback@CG 2 cancelled"
SCJG_ENDS = "-intervene@SCJG cancelled, -feedback@SCJG 1 cancelled, -feedback@SCJG 2 cancelled"

# fmt: off
TAKEN = [
    # the community's desk
    Taken("T02", "reported", WORKER, Act.WITHDRAW, {"reason": "报错了"}, "void", "-triage_c cancelled"),
    Taken("T02", "returned", WORKER, Act.WITHDRAW, {"reason": "报错了"}, "void", "-resubmit missed", on="2026-09-28"),
    Taken("T02c", "returned", CD, Act.WITHDRAW, {"reason": "未补正"}, "void", "-resubmit missed", on="2026-09-28"),
    Taken("T03", "reported", CD, Act.RETURN_TO_REPORTER, {"lacks": ["no_photo"], "text": "补照片"}, "returned",
          "-triage_c met, +resubmit 09-20"),
    Taken("T04", "returned", WORKER, Act.RESUBMIT, {"description": "补了照片"}, "reported", "-resubmit met, +triage_c 09-22",
          on="2026-09-21"),
    Taken("T05", "reported", CD, Act.ACCEPT, {"handler": "community handler"}, "community", "-triage_c met, +c_handle 10-09",
          on="2026-09-18"),
    Taken("T05", "returned", CD, Act.ACCEPT, {"handler": "community handler"}, "community", "-resubmit missed, +c_handle 10-12",
          on="2026-09-21"),
    Taken("T06", "community", CD, Act.MERGE, MERGE, "merged", "-c_handle cancelled"),
    Taken("T06", "street, assist live", SD, Act.MERGE, MERGE, "merged", f"{CG_ENDS}, -triage_s cancelled", "SCJG returned, CG cancelled"),
    Taken("T06a", "dispatched", SYSTEM, Act.REPORT_ADDED, {}, "dispatched", units="SCJG pushed"),
    Taken("T06r", "dispatched", SD, Act.LINK_RELATED, {"lead": OTHER}, "dispatched", units="SCJG pushed"),
    Taken("T06l", "dispatched", SYSTEM, Act.LINKED, {"lead": OTHER}, "dispatched", units="SCJG pushed"),
    Taken("T39", "merged", SD, Act.UNMERGE, {"reason": "不是同一家"}, "community", "+c_handle 09-30", on="2026-10-10"),
    Taken("T39a", "dispatched", SYSTEM, Act.REPORT_REMOVED, {}, "dispatched", units="SCJG pushed"),
    Taken("T07", "community", WORKER, Act.SERVE_NOTICE, lr.NOTICE, "community", "-c_handle superseded, +recheck 10-14, +c_handle 10-16",
          on="2026-09-23"),
    Taken("T07a", "community", CH, Act.RECORD_HANDLING, lr.HANDLING, "community"),
    Taken("T07b", "community", WORKER, Act.RECHECK, {"visit": "visit", "result": "passed"}, "community", "-recheck met",
          before=first(CH, Act.SERVE_NOTICE, **lr.NOTICE)),
    Taken("T08", "community", CH, Act.HANDLED_LOCALLY, HANDLED, "verifying", "-c_handle met, -recheck cancelled, +verify 09-20",
          before=first(CH, Act.SERVE_NOTICE, **lr.NOTICE)),
    Taken("T09", "community", CD, Act.SUBMIT_UP, {"reason": "劝导无效", "proposed_department": "SCJG", "uncertain": True}, "street",
          "-c_handle met, +triage_s 09-17", before=first(CH, Act.RECORD_HANDLING, **lr.HANDLING)),
    Taken("T10", "community", WORKER, Act.FAST_LANE, {"hazards": ["gas"], "acknowledged_by": "李明", "narrative": "瓶装气"}, "street",
          "-c_handle met, +triage_s 09-16"),
    Taken("T10", "reported", CD, Act.FAST_LANE, {"hazards": ["gas"], "acknowledged_by": "李明", "narrative": "瓶装气"}, "street",
          "-triage_c met, +triage_s 09-16"),
    # the street's desk
    Taken("T11", "street", SD, Act.SEND_BACK, {"ground": "evidence", "reason": "证据不足"}, "community",
          "-triage_s met, +c_handle 09-22"),
    Taken("T12", "street, assist live", SD, Act.CLOSE_WITHOUT_PUSH, {"outcome": "unfounded", "reason": "查无"}, "closed",
          f"-triage_s met, {CG_ENDS}", "SCJG returned, CG cancelled"),
    Taken("T13", "street", SD, Act.PUSH, {**PUSH, "assist_departments": ["CG"]}, "dispatched",
          "-triage_s met, +intervene@SCJG 09-22, +feedback@SCJG 1 10-13, +feedback@SCJG 2 11-03, "
          "+intervene@CG 09-22, +feedback@CG 1 10-13, +feedback@CG 2 11-03", "SCJG pushed, CG pushed"),
    Taken("T19", "street, returned once", SD, Act.PUSH, {**PUSH, "lead_department": "SY"}, "dispatched",
          "-triage_s met, +intervene@SY 09-28, +feedback@SY 1 10-16, +feedback@SY 2 11-06", "SCJG returned, SY pushed"),
    Taken("T19", "street, assist live", SD, Act.PUSH, {**PUSH, "lead_department": "CG"}, "dispatched",
          f"-triage_s met, {CG_ENDS}, +intervene@CG 09-24, +feedback@CG 1 10-15, +feedback@CG 2 11-05", "SCJG returned, CG pushed"),
    Taken("T16", "return pending", SD, Act.APPROVE_RETURN, {"decision": "同意"}, "street", f"-ruling@SCJG met, {SCJG_ENDS}",
          "SCJG returned",
          then="T18 +triage_s 09-29", on="2026-09-28"),
    Taken("T16", "assist's return pending", SD, Act.APPROVE_RETURN, {"decision": "同意"}, "dispatched", f"-ruling@CG met, {CG_ENDS}",
          "SCJG pushed, CG returned"),
    Taken("T16p", "return pending", SD, Act.PASS_ON_RETURN, {"reason": "有争议"}, "dispatched", units="SCJG return_pending"),
    Taken("T17", "return pending", SO, Act.REFUSE_RETURN, {"ruling_no": "裁1", "reason": "属你部门"}, "dispatched",
          "-ruling@SCJG met", "SCJG pushed"),
    Taken("T22", "dispatched", SD, Act.ADD_ASSIST, {"department": "CG", "duty": "清理占道"}, "dispatched",
          "+intervene@CG 09-29, +feedback@CG 1 10-19, +feedback@CG 2 11-09", "SCJG pushed, CG pushed", on="2026-09-21"),
    Taken("T22w", "dispatched, assisted", SD, Act.WAIVE_ASSIST, {"reason": "不需要"}, "dispatched", CG_ENDS, "SCJG pushed, CG cancelled"),
    Taken("T22w", "street, assist live", SD, Act.WAIVE_ASSIST, {"reason": "不需要"}, "street", CG_ENDS, "SCJG returned, CG cancelled"),
    Taken("T23", "dispatched, assisted", SO, Act.CHANGE_LEAD, {}, "dispatched",
          f"{CG_ENDS}, +intervene@CG 09-29, +feedback@CG 1 10-19, +feedback@CG 2 11-09", "SCJG pushed, CG pushed", on="2026-09-21",
          before=first(SD, Act.ASK_CHANGE_OF_LEAD, **NEW_LEAD, old_lead="assist", consent="双方负责人同意")),
    Taken("T23", "dispatched", SO, Act.CHANGE_LEAD, {"ruling_no": "裁2"}, "dispatched",
          f"{SCJG_ENDS}, +intervene@CG 09-29, +feedback@CG 1 10-19, +feedback@CG 2 11-09", "SCJG returned, CG pushed", on="2026-09-21",
          before=first(SD, Act.ASK_CHANGE_OF_LEAD, **NEW_LEAD, old_lead="returned")),
    Taken("T24", "dispatched", SD, Act.WITHDRAW_PUSH, {"reason": "推错了"}, "street", SCJG_ENDS, "SCJG cancelled",
          then="T18w +triage_s 09-20"),
    Taken("T37", "closed", SD, Act.REOPEN, {"target": "street", "reason": "又开门"}, "street", "+triage_s 09-20", "SCJG closed"),
    Taken("T37c", "closed", SO, Act.REOPEN, {"target": "community", "reason": "又开门"}, "community", "+c_handle 10-09", "SCJG closed"),
    # the departments' desks
    Taken("T14", "dispatched", DR["SCJG"], Act.SIGN_IN, {"officer": "officer SCJG"}, "dispatched", units="SCJG accepted"),
    Taken("T15", "dispatched", DL["SCJG"], Act.REQUEST_RETURN, lr.RETURN, "dispatched", "+ruling@SCJG 09-20", "SCJG return_pending"),
    Taken("T15b", "return pending", DL["SCJG"], Act.TAKE_BACK_RETURN, {}, "dispatched", "-ruling@SCJG cancelled", "SCJG pushed"),
    Taken("T20", "dispatched", DO["SCJG"], Act.INTERVENE, {**lr.INTERVENTION, "occurred_on": "2026-09-18"}, "dispatched",
          "-intervene@SCJG met", "SCJG working"),
    Taken("T20", "dispatched", DO["SCJG"], Act.INTERVENE, {**lr.INTERVENTION, "occurred_on": "2026-09-18", "also_feedback": True},
          "dispatched",
          "-intervene@SCJG met, -feedback@SCJG 1 met", "SCJG working"),
    Taken("T21", "working", DO["SCJG"], Act.FEEDBACK, lr.FEEDBACK, "dispatched", "-feedback@SCJG 1 cured, -feedback@SCJG 2 met",
          "SCJG working",
          on="2026-10-16"),
    Taken("T25", "working", DL["SCJG"], Act.CONFIRM_DONE, {}, "verifying", "-feedback@SCJG 1 met", "SCJG done_claimed",
          then="T26 +verify 09-22",
          before=first(DO["SCJG"], Act.REPORT_DONE, **lr.DONE)),
    Taken("T38", "dispatched", SO, Act.HOLD, {}, "dispatched", "-intervene@SCJG superseded, +intervene@SCJG 10-08", "SCJG pushed",
          before=first(DL["SCJG"], Act.ASK_HOLD, **HOLD)),
    Taken("T38", "dispatched", SO, Act.HOLD, {}, "dispatched", units="SCJG pushed",
          before=first(DL["SCJG"], Act.ASK_HOLD, **{**HOLD, "code": "testing"})),
    Taken("T38e", "dispatched", SO, Act.END_HOLD, {}, "dispatched", units="SCJG pushed", before=lambda road: (
          road.does(DL["SCJG"], Act.ASK_HOLD, **HOLD), road.does(SO, Act.HOLD),
          road.does(DL["SCJG"], Act.ASK_END_HOLD, until_on="2026-09-21", reason="台风已过"))),
    Taken("T27", "verifying", CD, Act.PASS, {}, "closed", "-verify met, -feedback@SCJG 2 cancelled", "SCJG closed",
          before=first(lr.OTHER_WORKER, Act.REPORT_PASSED, visit="visit-ok")),
    Taken("T28", "verifying", WORKER, Act.FAIL, lr.FAILED, "dispatched",
          "-verify met, -feedback@SCJG 2 suspended, +feedback@SCJG 3 11-26, +feedback@SCJG 4 12-17, +rework@SCJG 11-13", "SCJG working",
          on="2026-11-06"),
    Taken("T28e", "verifying, group", CD, Act.FAIL, lr.FAILED, "escalated/group",
          "-verify met, -feedback@SCJG 1 suspended, +feedback@SCJG 3 11-26, +rework 10-27", "SCJG working", on="2026-10-20"),
    Taken("T28c", "verifying, community", CD, Act.FAIL, lr.FAILED, "community", "-verify met, +rework 09-22"),
    Taken("Tf", "working", SYSTEM, Act.INHERIT, unit_of("SCJG", department="CG"), "dispatched", units="CG working"),
    # above the street
    Taken("T29", "dispatched, assisted", SO, Act.START_JOINT, {"lead_department": "SCJG", **lr.PLAN}, "dispatched",
          units="SCJG pushed, CG pushed"),
    Taken("T29s", "street", SO, Act.START_JOINT, {**PUSH, "assist_departments": ["CG"], **lr.PLAN}, "dispatched",
          "-triage_s met, +intervene@SCJG 09-22, +feedback@SCJG 1 10-13, +feedback@SCJG 2 11-03, "
          "+intervene@CG 09-22, +feedback@CG 1 10-13, +feedback@CG 2 11-03", "SCJG pushed, CG pushed"),
    Taken("T29a", "joint", SO, Act.RECORD_ATTENDANCE, PRESENT, "dispatched", "-intervene@SCJG met, -feedback@CG 1 met",
          "SCJG working, CG working"),
    Taken("T30", "joint", SO, Act.CLOSE_JOINT, ONGOING, "dispatched", "-feedback@CG 1 met", "SCJG pushed, CG working"),
    Taken("T31", "street", SO, Act.ESCALATE, lr.ESCALATION, "escalated/group", "-triage_s met, +group_decide 09-30"),
    Taken("T31", "working", SO, Act.ESCALATE, lr.ESCALATION, "escalated/group", "+group_decide 10-09", "SCJG working"),
    Taken("T32", "group", LG, Act.ESCALATE_CITY, {}, "escalated/city",
          "-group_decide met, -feedback@SCJG 1 cancelled, -feedback@SCJG 2 cancelled, +city_follow 1 10-15, +city_follow 2 11-05",
          "SCJG cancelled", before=first(SO, Act.ASK_ESCALATE_CITY, **lr.CITY)),
    Taken("T41", "working", SD, Act.TRANSFER_PEER, lr.PEER, "escalated/peer",
          "-feedback@SCJG 1 cancelled, -feedback@SCJG 2 cancelled, +peer_ack 09-24, +city_follow 1 10-15, +city_follow 2 11-05",
          "SCJG cancelled"),
    Taken("T41", "street", SD, Act.TRANSFER_PEER, lr.PEER, "escalated/peer",
          "-triage_s met, +peer_ack 09-22, +city_follow 1 10-13, +city_follow 2 11-03"),
    Taken("T41a", "peer", SO, Act.PEER_ACK, {"text": "已收"}, "escalated/peer", "-peer_ack met", on="2026-09-25"),
    Taken("T32f", "city", SO, Act.FOLLOW_UP, {"text": "已联系"}, "escalated/city", "-city_follow 1 cured, -city_follow 2 met",
          "SCJG cancelled",
          on="2026-10-16"),
    Taken("T33", "group", SO, Act.INSTRUCT, lr.INSTRUCTION, "dispatched",
          "-group_decide met, -feedback@SCJG 1 cancelled, -feedback@SCJG 2 cancelled, "
          "+intervene@SCJG 09-24, +feedback@SCJG 1 10-15, +feedback@SCJG 2 11-05", "SCJG pushed"),
    Taken("T33", "peer", SO, Act.INSTRUCT, lr.INSTRUCTION, "dispatched",
          "-peer_ack met, -city_follow 1 met, -city_follow 2 cancelled, "
          "+intervene@SCJG 09-22, +feedback@SCJG 1 10-13, +feedback@SCJG 2 11-03", "SCJG pushed"),
    Taken("T33c", "group", SO, Act.INSTRUCT, {"instruction": "continue", "text": "继续办理"}, "dispatched", "-group_decide met",
          "SCJG working"),
    Taken("T34", "city", SO, Act.SOLVED_ABOVE, {"reply": "已解决", "outcome": "solved_by_city"}, "verifying/city",
          "-city_follow 1 met, -city_follow 2 cancelled, +verify 09-22", "SCJG cancelled"),
    Taken("T34", "group", SO, Act.SOLVED_ABOVE, {"reply": "已解决", "outcome": "solved_by_group"}, "verifying/group",
          "-group_decide met, +verify 09-22", "SCJG working"),
    Taken("T34p", "peer", SO, Act.SOLVED_ABOVE, {"reply": "已接办", "outcome": "transferred_peer"}, "closed",
          "-peer_ack met, -city_follow 1 met, -city_follow 2 cancelled"),
    Taken("T35", "working", LG, Act.SHELVE, {}, "shelved", "+review 11-18", "SCJG working", before=first(SO, Act.ASK_SHELVE, **SHELVE)),
    Taken("T36", "shelved", SO, Act.REVIEW, {"finding": "可继续"}, "dispatched", "-review met", "SCJG working", on="2026-10-16"),
    # any time
    Taken("T40", "community", CD, Act.CORRECT, {"category": "XS03", "reason": "改类"}, "community"),
    Taken("T40s", "dispatched", SD, Act.CORRECT, {"address_text": "南城路1号", "reason": "改址"}, "dispatched", units="SCJG pushed"),
    Taken("T40o", "group", SO, Act.CORRECT, {"entity_id": "entity-1", "reason": "改主体"}, "escalated/group", units="SCJG working"),
    Taken("T42", "dispatched", SO, Act.EXCUSE, intervene_duty, "dispatched", units="SCJG pushed", on="2026-09-28"),
]
# fmt: on
# Reached inside other steps: by reporting, and by the system after a step.
ELSEWHERE = {"T01", "T18", "T18w", "T26"}


def take(road: Road, taken: Taken) -> Change:
    PLACES[taken.place](road)
    if taken.on:
        road.on(taken.on)
    if taken.before:
        taken.before(road)
    inputs = taken.inputs(road) if callable(taken.inputs) else taken.inputs
    if taken.who is SYSTEM:
        return road.told_by_system(taken.act, **inputs)
    return road.does(taken.who, taken.act, **inputs)


def clocks_of(road: Road, change: Change) -> str:
    departments = {unit.id: unit.department for unit in road.facts.units}

    def name(kind: ObligationKind, k: int, unit: str | None) -> str:
        windowed = kind in (ObligationKind.FEEDBACK, ObligationKind.CITY_FOLLOW)
        return kind.value + (f"@{departments[unit]}" if unit else "") + (f" {k}" if windowed else "")

    ended = [(road.facts.duty(end.duty_id), end.how) for end in change.ended]
    told = [f"-{name(duty.kind, duty.k, duty.unit_id)} {how}" for duty, how in ended if duty]
    told += [f"+{name(one.kind, one.k, one.unit)} {one.due_on:%m-%d}" for one in change.opened]
    return ", ".join(told)


@pytest.mark.parametrize("taken", TAKEN, ids=lambda taken: f"{taken.row} from {taken.place}")
def test_a_row_leads_where_the_table_says_and_moves_exactly_these_clocks(road: Road, taken: Taken) -> None:
    change = take(road, taken)
    after = road.changes[road.changes.index(change) + 1 :]
    assert change.step == taken.row
    assert clocks_of(road, change) == taken.clocks
    assert " ".join(f"{one.step} {clocks_of(road, one)}" for one in after) == taken.then
    assert road.state == taken.state
    assert ", ".join(f"{department} {state}" for department, state in road.units().items()) == taken.units
    assert change.tell == lead_flow.STEP_OF[taken.row].tell


def test_every_row_is_taken() -> None:
    taken = {one.row for one in TAKEN} | ELSEWHERE
    rows = {step.id for step in lead_flow.STEPS}
    print(f"rows of the lead table taken: {len(taken & rows)} of {len(rows)}")  # noqa: T201
    assert taken == rows


def test_every_transition_of_the_law_has_a_row() -> None:
    numbers = {f"T{number:02}" for number in range(1, 43)}
    assert numbers <= {step.id for step in lead_flow.STEPS}


def test_a_report_starts_the_triage_of_the_community(road: Road) -> None:
    change = road.changes[0]
    assert (change.step, clocks_of(road, change), change.tell) == ("T01", "+triage_c 09-17", ("community_dispatcher",))


def test_the_exported_table_has_every_row_with_both_names() -> None:
    rows = lead_flow.as_json()["steps"]
    assert [row["id"] for row in rows] == [step.id for step in lead_flow.STEPS]
    assert all(row["name"]["zh"] and row["name"]["en"] for row in rows)
    assert all(one["label"]["zh"] and one["label"]["en"] for row in rows for one in row["fields"])
    fast = next(row for row in rows if row["id"] == "T37c")
    assert (fast["to"], fast["given"], fast["clocks"]) == (
        "community",
        ["target_is_community"],
        [{"effect": "Open", "kind": "c_handle"}],
    )
