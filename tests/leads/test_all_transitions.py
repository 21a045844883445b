"""T01 to T42, one by one over the API: who takes the step takes it, everybody else in town does not, nobody takes it on old news.

Each row of the table brings a lead to a place, lets everybody whose step it is not try it (403 or 404, and nothing changes),
tries it with a stale version (409), takes it, and holds the lead against all invariants. The rows cover every row of the lead
table; a step that different people take in different cases has a row for each.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import orjson
import pytest
from flask import Flask
from sqlalchemy import select

from gridwatch.areas.models import Department
from gridwatch.audit.models import Event
from gridwatch.domain.lead_flow import STEP_OF
from gridwatch.jobs.service import run_all
from gridwatch.leads.verifying import broken_leads
from tests.fixtures import Caller, Clock, Work, World
from tests.leads.desks import PHOTO, Desk
from tests.leads.roads import Road
from tests.phone import Phone
from tests.stories.conftest import phone as phone
from tests.stories.conftest import photo

Inputs = dict[str, Any]
W, CD, CH, SD, SO, LG = (
    "grid_worker", "community_dispatcher", "community_handler", "street_dispatcher", "supervision_office", "leading_group",
)  # fmt: skip
DR, DO, DL = "department_receiver", "case_officer", "department_leader"


@dataclass(frozen=True)
class Row:
    """`by` takes `act` at `place`, so may those in `too`; the lead is `state` then. With `ask`, `asker` asks for it before."""

    step: str
    place: str
    by: str
    act: str
    state: str
    fill: Callable[[Road], Inputs] = lambda road: {}
    too: tuple[str, ...] = ()
    ask: str = ""
    asker: str = ""
    add: Callable[[Road], Inputs] = lambda road: {}  # what whoever confirms adds

    def __str__(self) -> str:
        return f"{self.step}-{self.by}"


def told(**inputs: Any) -> Callable[[Road], Inputs]:
    return lambda road: inputs


FAILED = told(failed_points="仍在营业", evidence=[PHOTO])
HAZARD = told(hazards=["gas"], acknowledged_by="值班员", narrative="燃气泄漏")
NOTICE = told(number="告1", served="served", evidence=[PHOTO])
CORRECTION = told(category="XS03", reason="类别有误")
REOPENED = told(target="street", reason="复发")

ROWS = [
    # --- the community's desk
    Row("T02", "reported", W, "withdraw", "void", told(reason="报错了")),
    Row("T02c", "returned_overdue", CD, "withdraw", "void", told(reason="未补正"), too=(W,)),  # the reporter still may (T02)
    Row("T03", "reported", CD, "return_to_reporter", "returned", told(lacks=["no_photo"], text="补照片")),
    Row("T04", "returned", W, "resubmit", "reported", told(description="已补照片")),
    Row("T05", "reported", CD, "accept", "community", lambda road: {"handler": road.world.people[CH]}),
    Row("T05", "returned_overdue", CD, "accept", "community", lambda road: {"handler": road.world.people[CH]}),
    Row("T06", "reported", CD, "merge", "merged", lambda road: {"master": road.other(), "reason": "同一店铺"}, too=(SD,)),
    Row("T06", "reported", SD, "merge", "merged", lambda road: {"master": road.other(), "reason": "同一店铺"}, too=(CD,)),
    Row("T06r", "department", SO, "link_related", "dispatched", lambda road: {"lead": road.other()}, too=(CD, SD)),
    Row("T07", "community", W, "serve_notice", "community", NOTICE, too=(CH,)),
    Row("T07", "community", CH, "serve_notice", "community", NOTICE, too=(W,)),
    Row("T07a", "community", CH, "record_handling", "community", told(measure="guided", narrative="指导办证"), too=(CD,)),
    Row("T07b", "noticed", W, "recheck", "community", told(visit=str(uuid.UUID(int=7)), result="failed")),
    Row("T08", "community", CH, "handled_locally", "verifying",
        told(measure="guided", outcome="licensed", narrative="已办照", evidence=[PHOTO])),
    Row("T09", "community", CD, "submit_up", "street",
        lambda road: {"exceeds_authority": True, "ground": "refuses", "reason": "超出权限", "proposed_department": road.world.department}),
    Row("T10", "reported", W, "fast_lane", "street", HAZARD, too=(CD, CH)),
    Row("T10", "community", CD, "fast_lane", "street", HAZARD, too=(W, CH)),
    Row("T10", "community", CH, "fast_lane", "street", HAZARD, too=(W, CD)),
    Row("T39", "merged", SD, "unmerge", "reported", told(reason="不是同一家")),
    # --- the street's desk
    Row("T11", "street", SD, "send_back", "community", told(ground="evidence", reason="证据不足")),
    Row("T11", "street_uncertain", SO, "send_back", "community", told(ground="evidence", reason="证据不足"), too=(SD,)),
    Row("T12", "street", SD, "close_without_push", "closed", told(outcome="unfounded", reason="查无实据")),
    Row("T12", "street_uncertain", SO, "close_without_push", "closed", told(outcome="unfounded", reason="查无实据"), too=(SD,)),
    Row("T13", "street", SD, "push", "dispatched", lambda road: road.push),
    Row("T13", "street_uncertain", SO, "push", "dispatched", lambda road: road.push, too=(SD,)),
    Row("T16", "pending", SD, "approve_return", "street", told(decision="同意")),
    Row("T16", "pending_passed_on", SO, "approve_return", "street", told(decision="同意")),
    Row("T16p", "pending", SD, "pass_on_return", "dispatched", told(reason="需裁定")),
    Row("T17", "pending", SO, "refuse_return", "dispatched", told(ruling_no="裁1", reason="属你部门")),
    Row("T19", "street_returned", SD, "push", "dispatched", lambda road: road.push_2),
    Row("T19", "street_returned_uncertain", SO, "push", "dispatched", lambda road: road.push_2, too=(SD,)),
    Row("T22", "department", SD, "add_assist", "dispatched", lambda road: {"department": road.world.department_2, "duty": "协助"}),
    Row("T22w", "assisted", SD, "waive_assist", "dispatched", told(reason="不需要")),
    Row("T22w", "pending_assist", SO, "waive_assist", "dispatched",
        lambda road: {"reason": "不需要", "assignment": road.unit(road.world.department_2)}, too=(SD,)),
    Row("T23", "department", SO, "change_lead", "dispatched",
        lambda road: {**road.push_2, "old_lead": "returned", "reason": "权责调整"}, ask="ask_change_of_lead", asker=SD,
        add=told(ruling_no="裁2")),
    Row("T24", "department", SD, "withdraw_push", "street", told(reason="已自行改正")),
    Row("T37", "closed", SD, "reopen", "street", REOPENED, too=(SO,)),
    Row("T37", "closed", SO, "reopen", "street", REOPENED, too=(SD,)),
    Row("T37c", "closed", SD, "reopen", "community", told(target="community", reason="复发"), too=(SO,)),
    # --- the departments' desks
    Row("T14", "department", DR, "sign_in", "dispatched", lambda road: {"officer": road.world.people[DO]}, too=("department_deputy",)),
    Row("T15", "department", DL, "request_return", "dispatched", lambda road: road.give_back),
    Row("T15b", "pending", DL, "take_back_return", "dispatched"),
    Row("T20", "department", DO, "intervene", "dispatched", lambda road: road.intervention),
    Row("T21", "working", DO, "feedback", "dispatched", told(stage="rectifying", progress="整改中", next_step="复查")),
    Row("T25", "working", DL, "confirm_done", "verifying",
        told(outcome="permitted", entity_after="已办证", evidence=[PHOTO]), ask="report_done", asker=DO),
    Row("T38", "working", SO, "hold", "dispatched", told(code="court", from_on="2026-09-18", until_on="2026-10-20", document="法院通知"),
        ask="ask_hold", asker=DL),
    Row("T38e", "held", SO, "end_hold", "dispatched", told(until_on="2026-10-10", reason="检测完成"), ask="ask_end_hold", asker=DL),
    Row("T27", "visited", CD, "pass", "closed"),
    Row("T27", "visited_major", SD, "pass", "closed"),
    Row("T28", "verifying", W, "fail", "dispatched", FAILED, too=(CD,)),
    Row("T28", "verifying", CD, "fail", "dispatched", FAILED, too=(W,)),
    Row("T28e", "solved_above", CD, "fail", "escalated", FAILED, too=(W,)),
    Row("T28c", "verifying_locally", CD, "fail", "community", FAILED, too=(W,)),
    # --- above the street, and at any time
    Row("T29", "assisted", SO, "start_joint", "dispatched", lambda road: road.plan),
    Row("T29s", "street", SO, "start_joint", "dispatched",
        lambda road: {**road.plan, **road.push, "assist_departments": [road.world.department_2]}),
    Row("T29a", "joint", SO, "record_attendance", "dispatched",
        lambda road: {"present": [road.world.department_2], "occurred_on": road.clock.today().isoformat(), "people": "两人",
                      "narrative": "到场检查", "evidence": [PHOTO]}),
    Row("T30", "joint", SO, "close_joint", "dispatched",
        lambda road: {"text": "继续办理", "results": [
            {"department": road.world.department, "result": "progress", "stage": "rectifying", "progress": "整改", "next_step": "复查"}]}),
    Row("T31", "working", SO, "escalate", "escalated", told(tried="约谈", question="是否取缔")),
    Row("T32", "group", LG, "escalate_city", "escalated", lambda road: {"package": road.package(SO), "letter_no": "南监1号"},
        ask="ask_escalate_city", asker=SO),
    Row("T41", "street", SD, "transfer_peer", "escalated",
        lambda road: {"district": "东城街道", "package": road.package(SD), "reason": "已迁往"}),
    Row("T41a", "peer", SD, "peer_ack", "escalated", told(text="已签收")),
    Row("T41a", "peer_overdue", SO, "peer_ack", "escalated", told(text="已签收"), too=(SD,)),
    Row("T32f", "city", SO, "follow_up", "escalated", told(text="已联系市局")),
    Row("T33", "city", SO, "instruct", "dispatched", lambda road: {"instruction": "push", "text": "由市场监管牵头", **road.push}),
    Row("T33c", "group", SO, "instruct", "dispatched", told(instruction="continue", text="原部门继续")),
    Row("T34", "group", SO, "solved_above", "verifying", told(reply="已协调解决", outcome="solved_by_group")),
    Row("T34p", "peer", SO, "solved_above", "closed", told(reply="已接办", outcome="transferred_peer")),
    Row("T35", "working", LG, "shelve", "shelved", told(reason="拆迁范围", review_on="2026-11-18"), ask="ask_shelve", asker=SO),
    Row("T36", "shelved", SO, "review", "dispatched", told(finding="可继续办理")),
    Row("T40", "community", CD, "correct", "community", CORRECTION),
    Row("T40s", "street", SD, "correct", "street", CORRECTION),
    Row("T40o", "group", SO, "correct", "escalated", CORRECTION),
    Row("T42", "late", SO, "excuse", "dispatched",
        lambda road: {"obligation": road.obligation("intervene"), "reason": "台风停工", "evidence": [PHOTO]}),
]  # fmt: skip


@dataclass(frozen=True)
class ByItself:
    """A step of the system: `follows` brings it about and names the lead that it happens to, which is `state` then."""

    step: str
    act: str
    place: str
    follows: Callable[[Road], str]
    state: str

    def __str__(self) -> str:
        return self.step


def merges(road: Road) -> str:
    master = road.other()
    road.does(CD, "merge", master=master, reason="同一店铺")
    return master


def merges_and_unmerges(road: Road) -> str:
    master = merges(road)
    road.does(SD, "unmerge", reason="不是同一家")
    return master


def links(road: Road) -> str:
    other = road.other()
    road.does(CD, "link_related", lead=other)
    return other


def taken(who: str, act: str, **inputs: Any) -> Callable[[Road], str]:
    def follows(road: Road) -> str:
        road.does(who, act, **inputs)
        return road.lead

    return follows


OF_THE_SYSTEM = [
    ByItself("T06a", "report_added", "reported", merges, "street"),
    ByItself("T39a", "report_removed", "reported", merges_and_unmerges, "street"),
    ByItself("T06l", "linked", "reported", links, "street"),
    ByItself("T18", "back_to_street", "pending", taken(SD, "approve_return", decision="同意"), "street"),
    ByItself("T18w", "back_to_street", "department", taken(SD, "withdraw_push", reason="已自行改正"), "street"),
    ByItself("T26", "start_verifying", "done", taken(DL, "confirm_done"), "verifying"),
    ByItself("Tf", "inherit", "working", lambda road: road.lead, "dispatched"),
]


@pytest.fixture
def road(
    desk: Callable[[str], Desk], world: World, clock: Clock, reported: Callable[..., str], phone: Callable[[str], Phone]
) -> Road:
    """A lead that goes where a row wants it; its verification is visited by phone."""
    return Visited(desk, world, clock, reported, phone=phone)


@dataclass
class Visited(Road):
    """The places that need a phone."""

    phone: Callable[[str], Phone] | None = None

    def to_visited(self) -> None:
        self.to_verifying(copies=[self.world.department_2])
        self._visit()

    def to_visited_major(self) -> None:
        self.to_fast_lane()
        self.does(SD, "push", **self.push)
        self.does(DO, "intervene", **self.intervention)
        self.does(DO, "report_done", outcome="permitted", entity_after="已办证", evidence=[PHOTO])
        self.does(DL, "confirm_done")
        self._visit()

    def to_closed(self) -> None:
        self.to_visited()
        self.does(CD, "pass")

    def _visit(self) -> None:
        """The worker looks at it and finds it in order: that asks for T27 (ruling R31)."""
        assert self.phone is not None
        worker = self.phone(W)
        worker.sync()
        (task,) = [one for one in worker.tasks() if one["task_kind"] == "verify"]
        looked = worker.visits(
            task, {"result": "done", "findings": [{"item": "VF01", "verdict": "passed"}]}, files=[photo("现场")]
        )
        worker.sync()
        assert worker.outcome_of(looked) == ("accepted", None)


def test_every_transition_is_in_the_table() -> None:
    rows = {row.step for row in ROWS} | {row.step for row in OF_THE_SYSTEM} | {"T01"}
    assert rows == set(STEP_OF)
    assert {f"T{number:02d}" for number in range(1, 43)} <= {row[:3] for row in rows}
    print(f"rows of the lead table taken over the API: {len(rows)} of {len(STEP_OF)}")  # noqa: T201


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_the_right_person_takes_it_and_nobody_else(row: Row, road: Visited, work: Work) -> None:
    getattr(road, f"to_{row.place}")()
    inputs = row.fill(road)
    if row.ask:
        refused(road, work, row.ask, inputs, but={row.asker})
        stale(road, row.asker, row.ask, inputs)
        road.does(row.asker, row.ask, **inputs)
        inputs = row.add(road)
    refused(road, work, row.act, inputs, but={row.by, *row.too})
    stale(road, row.by, row.act, inputs)
    after = road.does(row.by, row.act, **inputs)
    assert after["state"] == row.state
    assert after == road.seat(row.by).sees(road.lead)  # it is told from what was written, and nothing else stands there
    assert row.step in steps_of(work, road.lead)
    sound(work)


@pytest.mark.parametrize("row", OF_THE_SYSTEM, ids=str)
def test_what_the_system_does_nobody_does_by_hand(row: ByItself, road: Visited, work: Work, app: Flask) -> None:
    getattr(road, f"to_{row.place}")()
    refused(road, work, row.act, {}, but=set())
    changed = row.follows(road)
    if row.step == "Tf":
        abolish(app, work, road)
    assert steps_of(work, changed)[-1] == row.step
    assert road.seat(SO).sees(changed)["state"] == row.state
    sound(work)


def abolish(app: Flask, work: Work, road: Road) -> None:
    """The first department is abolished in favour of the second; the next day the scheduler ticks."""
    with work() as session:
        department = session.get_one(Department, road.world.department)
        department.valid_to, department.successor_code = road.clock.today(), road.world.department_2
    road.clock.advance(days=1)
    with app.app_context():
        assert run_all(road.clock.now())["departments"] == {"taken": 1}


REPORT = {
    "category": "XS04",
    "title": "无证小餐馆",
    "description": "未见许可证",
    "address": "鸿福路88号",
    "evidence": [PHOTO],
}


@pytest.mark.parametrize(("by", "source"), [(W, "worker"), ("market_manager", "market"), ("intake_clerk", "complaint")])
def test_t01_is_taken_by_who_reports(
    by: str, source: str, client: Caller, world: World, work: Work, official_calendar: None
) -> None:
    body = {**REPORT, "id": str(uuid.uuid4()), "grid_code": world.grid}
    reporters = {W, "grid_worker_2", "grid_worker_3", "market_manager", "intake_clerk"}
    for who in world.people.keys() - reporters:
        answer = client.as_(who).post("/api/v1/leads", body)
        assert (answer.status, answer.body["code"]) == (403, "auth.forbidden"), who
    reporter = client.as_(by)
    first = reporter.post("/api/v1/leads", body)
    assert first.status == 200, first.body
    assert (first.body["state"], first.body["source"], first.body["version"]) == ("reported", source, 1)
    assert first.body["community_code"] == world.community
    again = reporter.post("/api/v1/leads", body)
    assert (again.status, again.body["no"]) == (200, first.body["no"])
    assert client.as_("grid_worker_3").post("/api/v1/leads", body).status == 422  # the id is somebody else's
    sound(work)


def test_t01_is_taken_by_phone(
    phone: Callable[[str], Phone], world: World, work: Work, official_calendar: None
) -> None:
    worker = phone(W)
    found = worker.reports({"category": "XS04", "title": "小餐馆", "description": "未见许可证", "address": "鸿福路88号"},
                           files=[photo("门头")], scope=f"grid:{world.grid}")  # fmt: skip
    worker.sync()
    assert worker.outcome_of(found) == ("accepted", None)
    assert steps_of(work, found["id"]) == ["T01"]
    sound(work)


# -- what every row checks ---------------------------------------------------------------------------------------------


def refused(road: Road, work: Work, act: str, inputs: Inputs, *, but: set[str]) -> None:
    """Everybody else in town tries it, filled in rightly and on the newest version: 403 or 404, and nothing changes."""
    before = steps_of(work, road.lead)
    version = road.seen["version"]
    for who in sorted(road.world.people.keys() - but):
        answer = road.seat(who).tries(road.lead, act, version=version, **inputs)
        expected = {(403, "lead.not_your_desk"), (403, "lead.same_person"), (404, "lead.not_found")}
        assert (answer.status, answer.body["code"]) in expected, (who, act, answer.body)
    assert (steps_of(work, road.lead), road.seen["version"]) == (before, version)


def stale(road: Road, who: str, act: str, inputs: Inputs) -> None:
    answer = road.seat(who).tries(road.lead, act, version=road.seen["version"] + 7, **inputs)
    assert (answer.status, answer.body["code"]) == (409, "lead.changed_meanwhile"), (who, act, answer.body)


def steps_of(work: Work, lead: str) -> list[str]:
    """The steps of a lead as its events tell them."""
    with work() as session:
        events = session.scalars(select(Event.data).where(Event.subject_id == lead).order_by(Event.no)).all()
    return [step for data in events if (step := orjson.loads(data).get("step"))]


def sound(work: Work) -> None:
    """Every invariant holds of every lead in town, and its events give it again."""
    with work() as session:
        assert list(broken_leads(session)) == []
