"""A lead in memory and the people around it: steps are decided, numbered, recorded as JSON and applied, as a server does."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

from gridwatch.domain import lead_replay, lead_rules
from gridwatch.domain.errors import Refusal
from gridwatch.domain.lead_clocks import missing_duties
from gridwatch.domain.lead_facts import Change, Duty, Known, LeadFacts, Moment, OtherLead, Unit
from gridwatch.domain.lead_invariants import broken_invariants
from gridwatch.domain.lead_words import Act, LeadState
from gridwatch.domain.obligations import DEFAULT_POLICY, ObligationKind, Policy
from gridwatch.domain.permits import SYSTEM, Actor, Grant, Role
from gridwatch.domain.worktime import WorkCalendar

STREET, COMMUNITY = "441900/441900004/", "441900/441900004/441900004007/"
PHOTO, PACKAGE = "a" * 64, "c" * 64
OTHER, FAR = "other-lead", "far-lead"


def person(
    name: str, role: Role, *, area: str | None = None, department: str | None = None, grids: tuple[str, ...] = ()
) -> Actor:
    """One person with one role."""
    return Actor(id=name, name=name, grants=(Grant(role, area, department),), grids=grids)


WORKER = person("worker", Role.GRID_WORKER, area=COMMUNITY, grids=("G1",))
OTHER_WORKER = person("other worker", Role.GRID_WORKER, area=COMMUNITY, grids=("G1",))
FAR_WORKER = person("worker of another grid", Role.GRID_WORKER, area=COMMUNITY, grids=("G2",))
MANAGER = person("market manager", Role.MARKET_MANAGER, area=COMMUNITY)
CLERK = person("intake clerk", Role.INTAKE_CLERK, area=STREET)
CD = person("community dispatcher", Role.COMMUNITY_DISPATCHER, area=COMMUNITY)
CH = person("community handler", Role.COMMUNITY_HANDLER, area=COMMUNITY)
SD = person("street dispatcher", Role.STREET_DISPATCHER, area=STREET)
SO = person("supervision office", Role.SUPERVISION_OFFICE, area=STREET)
LG = person("leading group", Role.LEADING_GROUP, area=STREET)
AUDITOR = person("auditor", Role.AUDITOR, area=STREET)
FAR_CD = person("dispatcher of another community", Role.COMMUNITY_DISPATCHER, area="441900/441900004/441900004008/")
# Three departments: market supervision, urban management, food and drugs; each with receiver, officer and leader.
DEPARTMENTS = ("SCJG", "CG", "SY")
DR = {code: person(f"receiver {code}", Role.DEPARTMENT_RECEIVER, department=code) for code in DEPARTMENTS}
DO = {code: person(f"officer {code}", Role.CASE_OFFICER, department=code) for code in DEPARTMENTS}
DL = {code: person(f"leader {code}", Role.DEPARTMENT_LEADER, department=code) for code in DEPARTMENTS}
EVERYBODY = (
    WORKER, OTHER_WORKER, FAR_WORKER, MANAGER, CLERK, CD, CH, SD, SO, LG, AUDITOR, FAR_CD, *DR.values(), *DO.values(), *DL.values(),
)  # fmt: skip

KNOWN = Known(
    departments={code: code for code in DEPARTMENTS} | {"OLD": "SCJG"},
    officers={code: frozenset({f"officer {code}"}) for code in DEPARTMENTS},
    handlers=frozenset({"community handler"}),
    visits={"visit-ok": "passed", "visit-bad": "failed"},
    packages=frozenset({PACKAGE}),
    entities=frozenset({"entity-1"}),
    leads={
        OTHER: OtherLead(OTHER, LeadState.VERIFYING, None, datetime(2026, 9, 1, 1, tzinfo=UTC)),
        "ended-lead": OtherLead("ended-lead", LeadState.CLOSED, None, datetime(2026, 9, 1, 1, tzinfo=UTC)),
        "shelved-far": OtherLead("shelved-far", LeadState.SHELVED, "dispatched", datetime(2099, 1, 1, tzinfo=UTC)),
        "shelved-near": OtherLead("shelved-near", LeadState.SHELVED, "reported", datetime(2099, 1, 1, tzinfo=UTC)),
        "young-lead": OtherLead("young-lead", LeadState.REPORTED, None, datetime(2099, 1, 1, tzinfo=UTC)),
        "lead": OtherLead("lead", LeadState.REPORTED, None, datetime(2026, 9, 16, 2, tzinfo=UTC)),
    },
)


@dataclass
class Road:
    """A lead on its way. `does` takes a step as `actor`, with the system's steps that follow; every change is kept as JSON.

    `now` is the time of the next step; `on` and `later` move it. After each step the invariants hold and the replay of the
    recorded changes gives the same lead, or an AssertionError says what does not.
    """

    calendar: WorkCalendar
    facts: LeadFacts = field(init=False)
    now: datetime = datetime(2026, 9, 16, 2, tzinfo=UTC)
    known: Known = KNOWN
    policy: Policy = DEFAULT_POLICY
    log: list[str] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)
    replays: bool = True
    _ids: int = 0

    def report(self, reporter: Actor = WORKER, **values: Any) -> Road:
        """T01; whatever was before is forgotten."""
        self.log, self.changes = [], []
        told = LeadFacts(
            id="lead", version=0, state=LeadState.REPORTED, category="XS04", reporter_id=reporter.id, source="worker",
            area_path=COMMUNITY, grid_code="G1", community_code="441900004007", evidence=frozenset({PHOTO}), reported_at=self.now,
        )  # fmt: skip
        self.facts = replace(told, **values)
        self.keep(None, lead_rules.begin(self.facts, self.moment(reporter)))
        return self

    def does(self, actor: Actor, act: Act, *, version: int | None = None, **inputs: Any) -> Change:
        """Take a step; returns its change."""
        self.roll()
        at = self.moment(actor)
        expected = version or self.facts.version
        change = lead_rules.decide(self.facts, act, inputs, at, self.known, expected_version=expected)
        change = self.keep(self.facts, change)
        followed = lead_rules.automatic(self.facts, at)
        if followed is not None:
            self.keep(self.facts, followed)
        self.check(change)
        return change

    def told_by_system(self, act: Act, **inputs: Any) -> Change:
        """A step that the system takes because something changed elsewhere."""
        at = self.moment(SYSTEM)
        change = lead_rules.decide(self.facts, act, inputs, at, self.known, expected_version=None)
        change = self.keep(self.facts, change)
        self.check(change)
        return change

    def roll(self) -> None:
        """Make the windows that must exist by now, as the clock does."""
        missing = missing_duties(self.facts, self.moment(SYSTEM))
        if missing:
            self.keep(self.facts, lead_replay.rolled(missing))

    def on(self, day: date | str, hour: int = 10) -> Road:
        """Go to an hour of a local day."""
        local = date.fromisoformat(day) if isinstance(day, str) else day
        self.now = datetime(local.year, local.month, local.day, tzinfo=UTC) + timedelta(hours=hour - 8)
        return self

    def later(self, **span: float) -> Road:
        """Let time pass."""
        self.now += timedelta(**span)
        return self

    @property
    def today(self) -> date:
        """The local day."""
        return (self.now + timedelta(hours=8)).date()

    def moment(self, actor: Actor) -> Moment:
        """This moment, for a person."""
        return Moment(actor, self.now, self.today, self.calendar, self.policy)

    def keep(self, before: LeadFacts | None, change: Change) -> Change:
        """Number, record and apply a change."""
        change = lead_replay.numbered(change, self._id)
        self.log.append(json.dumps(lead_replay.to_json(change)))
        read = lead_replay.from_json(json.loads(self.log[-1]))
        self.facts = lead_replay.apply_change(before, read)
        self.changes.append(change)
        return change

    def check(self, change: Change | None = None) -> None:
        """The invariants hold, and so does the replay, unless a long walk leaves it for its end."""
        broken = broken_invariants(self.facts)
        assert not broken, (change and change.step, broken)
        if self.replays:
            self.check_replay()

    def check_replay(self) -> None:
        """The recorded changes alone give the same lead (I10)."""
        assert lead_replay.replay(lead_replay.from_json(json.loads(one)) for one in self.log) == self.facts

    def _id(self) -> str:
        self._ids += 1
        return f"id-{self._ids}"

    # --- looking ----------------------------------------------------------------------------------------------------

    @property
    def state(self) -> str:
        """The state of the lead, with its level above the street."""
        return f"{self.facts.state.value}/{self.facts.level}" if self.facts.level else self.facts.state.value

    def unit(self, department: str) -> Unit:
        """The newest assignment to a department."""
        return [unit for unit in self.facts.units if unit.department == department][-1]

    def units(self) -> dict[str, str]:
        """Department → state of its newest assignment."""
        return {unit.department: unit.state.value for unit in self.facts.units}

    def duties(self, kind: ObligationKind, department: str | None = None, k: int | None = None) -> list[Duty]:
        """The duties of a kind, oldest first: of the newest assignment to a department, or of the lead."""
        unit_id = self.unit(department).id if department else None
        return [
            duty for duty in self.facts.duties if duty.kind is kind and duty.unit_id == unit_id and k in (None, duty.k)
        ]

    def due(self, kind: ObligationKind, department: str | None = None, k: int = 1) -> date:
        """The day on which an open duty is due."""
        return next(duty.due_on for duty in self.duties(kind, department, k) if duty.ended is None)

    def ended(self, kind: ObligationKind, department: str | None = None, k: int = 1) -> str | None:
        """How the newest duty of a kind ended; None while it is open."""
        return self.duties(kind, department, k)[-1].ended


# --- the way to every place -----------------------------------------------------------------------------------------


PUSH = {"lead_department": "SCJG", "legal_basis": "684号令第五条", "summary": "无证餐饮"}
INTERVENTION = {
    "type": "on_site", "people": "两名执法人员", "narrative": "现场检查", "evidence": [PHOTO],
}  # fmt: skip
FEEDBACK = {"stage": "rectifying", "progress": "整改中", "next_step": "复查"}
DONE = {"outcome": "permitted", "entity_after": "已办证", "evidence": [PHOTO]}
RETURN = {"code": "not_our_duty", "legal_ground": "684号令第八条", "proper_department": "SY"}
PLAN = {"plan": "联合检查", "people": "各部门两人", "operation_on": "2026-09-23"}
FAILED = {"failed_points": "仍在营业", "evidence": [PHOTO]}
ESCALATION = {"tried": "约谈、责令改正", "question": "是否取缔"}
CITY = {"package": PACKAGE, "letter_no": "南监〔2026〕1号"}
PEER = {"district": "东城街道", "package": PACKAGE, "reason": "主体已迁往"}
INSTRUCTION = {"instruction": "push", "text": "由市场监管牵头", **PUSH}
HANDLING = {"measure": "guided", "narrative": "指导办证"}
NOTICE = {"number": "告2026-1", "served": "served", "evidence": [PHOTO]}


def to_returned(road: Road) -> None:
    """Back with the reporter (T03)."""
    road.does(CD, Act.RETURN_TO_REPORTER, lacks=["no_photo"], text="补照片")


def to_community(road: Road) -> None:
    """Accepted by the community (T05)."""
    road.does(CD, Act.ACCEPT, handler="community handler")


def to_street(road: Road) -> None:
    """Submitted to the street (T09)."""
    to_community(road)
    road.does(
        CD,
        Act.SUBMIT_UP,
        exceeds_authority=True,
        ground="permit_authority",
        reason="许可属部门",
        proposed_department="SCJG",
    )


def to_department(road: Road, **inputs: Any) -> None:
    """Pushed on Friday 18 September 2026 (T13)."""
    to_street(road)
    road.on("2026-09-18")
    road.does(SD, Act.PUSH, **PUSH, evidence=[PHOTO], **inputs)


def to_assisted(road: Road) -> None:
    """Pushed to market supervision, urban management assists."""
    to_department(road, assist_departments=["CG"])


def intervenes(road: Road, department: str = "SCJG", **inputs: Any) -> Change:
    """T20 by the department's officer, today."""
    return road.does(DO[department], Act.INTERVENE, occurred_on=road.today.isoformat(), **{**INTERVENTION, **inputs})


def is_done(road: Road, department: str = "SCJG", **inputs: Any) -> Change:
    """T25 by the department's officer and leader."""
    road.does(DO[department], Act.REPORT_DONE, **{**DONE, **inputs})
    return road.does(DL[department], Act.CONFIRM_DONE)


def to_working(road: Road) -> None:
    """Signed in and intervened on the day of the push."""
    to_department(road)
    road.does(DR["SCJG"], Act.SIGN_IN, officer="officer SCJG")
    intervenes(road)


def to_verifying(road: Road) -> None:
    """Reported done by the department."""
    to_working(road)
    is_done(road, copies=["CG"])


def to_verifying_locally(road: Road) -> None:
    """Handled by the community (T08)."""
    to_community(road)
    road.does(CH, Act.HANDLED_LOCALLY, measure="guided", outcome="licensed", narrative="已办照", evidence=[PHOTO])


def to_closed(road: Road) -> None:
    """Verified and closed."""
    to_verifying(road)
    passes(road)


def passes(road: Road) -> Change:
    """T27: visited by another worker, confirmed by the community."""
    road.does(OTHER_WORKER, Act.REPORT_PASSED, visit="visit-ok")
    return road.does(SD if "major" in road.facts.flags else CD, Act.PASS)


def to_pending(road: Road) -> None:
    """The department asks to return it, on the Monday after the push (Sunday the 20th is a work day)."""
    to_department(road)
    road.on("2026-09-20")
    road.does(DL["SCJG"], Act.REQUEST_RETURN, **RETURN)


def to_pending_assist(road: Road) -> None:
    """The assisting department asks to return it."""
    to_assisted(road)
    road.does(DL["CG"], Act.REQUEST_RETURN, **RETURN)


def to_returned_once(road: Road) -> None:
    """Returned by the department, in the street again (T16, T18)."""
    to_pending(road)
    road.does(SD, Act.APPROVE_RETURN, decision="同意")


def to_returned_twice(road: Road) -> None:
    """Returned by two departments of the round."""
    to_returned_once(road)
    road.does(SD, Act.PUSH, **{**PUSH, "lead_department": "CG"})
    road.does(DL["CG"], Act.REQUEST_RETURN, **RETURN)
    road.does(SO, Act.APPROVE_RETURN, decision="同意")


def to_street_with_assist(road: Road) -> None:
    """The lead department returned it, the assisting one still has it (R17)."""
    to_assisted(road)
    road.does(DL["SCJG"], Act.REQUEST_RETURN, **RETURN)
    road.does(SD, Act.APPROVE_RETURN, decision="同意")


def to_joint(road: Road) -> None:
    """A joint operation of two departments, one at work already (T29)."""
    to_assisted(road)
    intervenes(road, "CG")
    road.does(SO, Act.START_JOINT, lead_department="SCJG", **PLAN)


def to_group(road: Road) -> None:
    """With the leading group, the department still at work (T31)."""
    to_working(road)
    road.does(SO, Act.ESCALATE, **ESCALATION)


def to_city(road: Road) -> None:
    """With the city (T32)."""
    to_group(road)
    road.does(SO, Act.ASK_ESCALATE_CITY, **CITY)
    road.does(LG, Act.ESCALATE_CITY)


def to_peer(road: Road) -> None:
    """With another district (T41)."""
    to_street(road)
    road.does(SD, Act.TRANSFER_PEER, **PEER)


def to_verifying_after_group(road: Road) -> None:
    """Solved by the leading group (T34)."""
    to_group(road)
    road.does(SO, Act.SOLVED_ABOVE, reply="已协调解决", outcome="solved_by_group")


def to_shelved(road: Road) -> None:
    """Shelved while with the department (T35)."""
    to_working(road)
    road.does(SO, Act.ASK_SHELVE, reason="拆迁范围", review_on="2026-11-18")
    road.does(LG, Act.SHELVE)


def to_merged(road: Road) -> None:
    """Merged into another lead while with the community (T06)."""
    to_community(road)
    road.does(CD, Act.MERGE, master=OTHER, reason="同一店铺")


def to_void(road: Road) -> None:
    """Withdrawn by the reporter (T02)."""
    road.does(WORKER, Act.WITHDRAW, reason="报错了")


def pushed(road: Road, day: str, department: str = "SCJG") -> Road:
    """A fresh lead that is pushed on a day."""
    road.on(day, hour=8).report()
    to_street(road)
    road.on(day).does(SD, Act.PUSH, **{**PUSH, "lead_department": department})
    return road


def feeds_back(road: Road, day: str, department: str = "SCJG") -> Change:
    """T21 on a day."""
    return road.on(day).does(DO[department], Act.FEEDBACK, **FEEDBACK)


def refused(road: Road, who: Actor, act: Act, **inputs: Any) -> str:
    """The guard that refuses a step, or the code of the refusal; an AssertionError when it is taken."""
    try:
        road.does(who, act, **inputs)
    except Refusal as refusal:
        return str(refusal.facts.get("guard", refusal.code))
    raise AssertionError(f"{act} was taken")


PLACES = {
    "reported": lambda road: None, "returned": to_returned, "community": to_community, "street": to_street,
    "street, assist live": to_street_with_assist, "street, returned once": to_returned_once,
    "street, returned twice": to_returned_twice, "dispatched": to_department, "dispatched, assisted": to_assisted,
    "working": to_working, "return pending": to_pending, "assist's return pending": to_pending_assist, "joint": to_joint,
    "verifying": to_verifying, "verifying, community": to_verifying_locally, "verifying, group": to_verifying_after_group,
    "group": to_group, "city": to_city, "peer": to_peer, "shelved": to_shelved, "closed": to_closed, "merged": to_merged,
    "void": to_void,
}  # fmt: skip
