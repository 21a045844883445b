"""The lead table and its rules, without a database: the straight road, and every refusal on it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from typing import Any

import pytest

from gridwatch.domain import lead_flow, lead_rules
from gridwatch.domain.errors import Refusal
from gridwatch.domain.lead_clocks import lead_duty
from gridwatch.domain.lead_effects import EFFECTS
from gridwatch.domain.lead_facts import Asked, Change, Duty, Known, LeadFacts, Moment, Unit
from gridwatch.domain.lead_guards import GUARDS
from gridwatch.domain.lead_words import Act, LeadState, UnitState
from gridwatch.domain.obligations import DEFAULT_POLICY, ObligationKind
from gridwatch.domain.permits import SYSTEM, Actor, Grant, Role

STREET, COMMUNITY = "441900/441900004/", "441900/441900004/441900004007/"
PHOTO = "a" * 64


def person(name: str, role: Role, *, area: str | None = None, department: str | None = None, grids: tuple[str, ...] = ()) -> Actor:
    return Actor(id=name, name=name, grants=(Grant(role, area, department),), grids=grids)


WORKER = person("worker", Role.GRID_WORKER, area=COMMUNITY, grids=("G1",))
OTHER_WORKER = person("other worker", Role.GRID_WORKER, area=COMMUNITY, grids=("G1",))
CD = person("community dispatcher", Role.COMMUNITY_DISPATCHER, area=COMMUNITY)
CH = person("community handler", Role.COMMUNITY_HANDLER, area=COMMUNITY)
SD = person("street dispatcher", Role.STREET_DISPATCHER, area=STREET)
SO = person("supervision office", Role.SUPERVISION_OFFICE, area=STREET)
DR = person("receiver", Role.DEPARTMENT_RECEIVER, department="SCJG")
DO = person("officer", Role.CASE_OFFICER, department="SCJG")
DL = person("leader", Role.DEPARTMENT_LEADER, department="SCJG")
STRANGER = person("officer of another department", Role.CASE_OFFICER, department="GA")
FAR_CD = person("dispatcher of another community", Role.COMMUNITY_DISPATCHER, area="441900/441900004/441900004008/")

KNOWN = Known(
    departments={"SCJG": "SCJG", "GA": "GA", "OLD": "SCJG"},
    officers={"SCJG": frozenset({"officer"})},
    handlers=frozenset({"community handler"}),
    visits={"visit-ok": "passed", "visit-bad": "failed"},
)


@dataclass
class Road:
    """A lead in memory: `does` takes a step and applies the change to the facts, as the service does to the rows."""

    calendar: Any
    facts: LeadFacts
    today: date
    changes: list[Change] = field(default_factory=list)
    _ids: int = 0

    def does(self, actor: Actor, act: Act, *, version: int | None = None, **inputs: Any) -> Change:
        change = lead_rules.decide(self.facts, act, inputs, self.moment(actor), KNOWN, expected_version=version or self.facts.version)
        self._apply(change, inputs, actor)
        followed = lead_rules.automatic(self.facts, self.moment(SYSTEM))
        if followed is not None:
            self._apply(followed, {}, SYSTEM)
        return change

    def moment(self, actor: Actor) -> Moment:
        now = datetime(self.today.year, self.today.month, self.today.day, 2, tzinfo=UTC)
        return Moment(actor, now, self.today, self.calendar, DEFAULT_POLICY)

    def _id(self) -> str:
        self._ids += 1
        return f"id-{self._ids}"

    def _apply(self, change: Change, inputs: dict[str, Any], actor: Actor) -> None:
        self.changes.append(change)
        values = {name: value for name, value in change.lead.items() if name in LeadFacts.__dataclass_fields__}
        for name in ("flags", "evidence"):
            if name in values:
                values[name] = frozenset(values[name])
        if "state" in values:
            values["state"] = LeadState(values["state"])
        units = []
        for unit in self.facts.units:
            changed = dict(change.units.get(unit.id, {}))
            if "state" in changed:
                changed["state"] = UnitState(changed["state"])
            if "copies" in changed:
                changed["copies"] = tuple(changed["copies"])
            units.append(replace(unit, **changed))
        ids = {}
        for new in change.new_units:
            ids[new["department"]] = self._id()
            units.append(Unit(ids[new["department"]], new["department"], new["role"], UnitState.PUSHED, new["round"], new["push_on"]))
        ends = {end.duty_id: end.how for end in change.ended}
        duties = [replace(duty, ended=ends.get(duty.id, duty.ended)) for duty in self.facts.duties]
        duties += [
            Duty(self._id(), one.kind, one.k, ids.get(one.unit, one.unit) if one.unit else None, one.anchor_on, one.due_on,
                 one.provisional, one.cause)
            for one in change.opened
        ]  # fmt: skip
        asks = [ask for ask in self.facts.asks if ask.id not in change.asks_end]
        if change.asked:
            asks.append(Asked(self._id(), change.step, change.unit_id, actor.id, inputs))
        self.facts = replace(
            self.facts, version=self.facts.version + 1, units=tuple(units), duties=tuple(duties), asks=tuple(asks), **values
        )

    def due(self, kind: ObligationKind, k: int = 1) -> date:
        return next(duty.due_on for duty in self.facts.duties if duty.kind is kind and duty.k == k and duty.ended is None)

    def ended(self, kind: ObligationKind, k: int = 1) -> str | None:
        return next(duty.ended for duty in self.facts.duties if duty.kind is kind and duty.k == k)


@pytest.fixture
def road(calendar: Any) -> Road:
    facts = LeadFacts(
        id="lead", version=1, state=LeadState.REPORTED, category="XS04", reporter_id="worker", source="worker", area_path=COMMUNITY,
        grid_code="G1", community_code="441900004007", evidence=frozenset({PHOTO}),
    )  # fmt: skip
    road = Road(calendar, facts, date(2026, 9, 16))
    first = lead_duty(ObligationKind.TRIAGE_C, road.moment(WORKER), "T01")
    road.facts = replace(facts, duties=(Duty("triage", first.kind, 1, None, first.anchor_on, first.due_on, False, "T01"),))
    return road


def to_street(road: Road) -> None:
    road.does(CD, Act.ACCEPT, handler="community handler")
    road.does(CD, Act.SUBMIT_UP, exceeds_authority=True, ground="permit_authority", reason="许可属部门", proposed_department="SCJG")


def to_department(road: Road) -> None:
    to_street(road)
    road.today = date(2026, 9, 18)
    road.does(SD, Act.PUSH, lead_department="SCJG", legal_basis="684号令第五条", summary="无证餐饮", evidence=[PHOTO])


def to_working(road: Road) -> None:
    to_department(road)
    road.does(DR, Act.SIGN_IN, officer="officer")
    road.does(
        DO, Act.INTERVENE, type="on_site", occurred_on="2026-09-18", people="两名执法人员", narrative="现场检查", evidence=[PHOTO]
    )  # fmt: skip


def to_verifying(road: Road) -> None:
    to_working(road)
    road.does(DO, Act.REPORT_DONE, outcome="permitted", entity_after="已办证", evidence=[PHOTO], copies=["GA"])
    road.does(DL, Act.CONFIRM_DONE)


class TestTheStraightRoad:
    def test_a_push_before_the_holiday_has_the_dates_of_the_table(self, road: Road) -> None:
        to_department(road)
        assert road.due(ObligationKind.INTERVENE) == date(2026, 9, 24)  # Sunday the 20th is worked in exchange
        assert road.due(ObligationKind.FEEDBACK, 1) == date(2026, 10, 15)
        assert road.due(ObligationKind.FEEDBACK, 2) == date(2026, 11, 5)

    def test_signing_in_has_no_clock_effect(self, road: Road) -> None:
        to_department(road)
        before = road.facts.duties
        road.does(DR, Act.SIGN_IN, officer="officer")
        assert road.facts.duties == before

    def test_the_whole_road_ends_closed_with_nothing_open(self, road: Road) -> None:
        to_verifying(road)
        assert road.facts.state is LeadState.VERIFYING
        road.does(OTHER_WORKER, Act.REPORT_PASSED, visit="visit-ok")
        change = road.does(CD, Act.PASS)
        assert road.facts.state is LeadState.CLOSED
        assert road.facts.outcome == "permitted"
        assert not road.facts.open()
        assert not road.facts.live_units
        assert change.copies == ("GA",)
        assert road.ended(ObligationKind.INTERVENE) == "met"
        assert road.ended(ObligationKind.FEEDBACK, 1) == "met"  # reporting done counts for its window
        assert road.ended(ObligationKind.FEEDBACK, 2) == "cancelled"

    def test_a_failed_verification_sends_it_back_and_the_grid_goes_on(self, road: Road) -> None:
        to_verifying(road)
        road.today = date(2026, 11, 6)  # window 2 fell due on 5 November, while it was being verified
        road.does(WORKER, Act.FAIL, failed_points="仍在营业", evidence=[PHOTO])
        assert road.facts.state is LeadState.DISPATCHED
        assert road.ended(ObligationKind.FEEDBACK, 2) == "suspended"
        assert road.due(ObligationKind.REWORK) == date(2026, 11, 13)
        assert road.due(ObligationKind.FEEDBACK, 3) == date(2026, 11, 26)

    def test_reopening_starts_a_numbered_round_with_fresh_clocks(self, road: Road) -> None:
        to_verifying(road)
        road.does(OTHER_WORKER, Act.REPORT_PASSED, visit="visit-ok")
        road.does(CD, Act.PASS)
        road.does(SD, Act.REOPEN, target="street", reason="又开门")
        assert (road.facts.state, road.facts.round) == (LeadState.STREET, 2)
        road.does(SD, Act.PUSH, lead_department="GA", legal_basis="684", summary="再次无证")
        assert [unit.department for unit in road.facts.live_units] == ["GA"]

    def test_one_late_entry_cures_the_missed_window_and_meets_its_own(self, road: Road) -> None:
        to_working(road)
        road.today = date(2026, 10, 16)  # window 1 passed empty on the 15th
        road.does(DO, Act.FEEDBACK, stage="rectifying", progress="整改中", next_step="复查")
        assert road.ended(ObligationKind.FEEDBACK, 1) == "cured"
        assert road.ended(ObligationKind.FEEDBACK, 2) == "met"

    def test_two_early_entries_do_not_pre_pay(self, road: Road) -> None:
        to_working(road)
        for _ in range(2):
            road.does(DO, Act.FEEDBACK, stage="rectifying", progress="整改中", next_step="复查")
        assert road.ended(ObligationKind.FEEDBACK, 1) == "met"
        assert road.ended(ObligationKind.FEEDBACK, 2) is None

    def test_a_served_notice_moves_the_communitys_date_once(self, road: Road) -> None:
        road.does(CD, Act.ACCEPT, handler="community handler")
        assert road.due(ObligationKind.C_HANDLE) == date(2026, 9, 30)
        road.today = date(2026, 9, 23)
        road.does(CH, Act.SERVE_NOTICE, number="告2026-1", served="served", evidence=[PHOTO])
        recheck, extended = road.due(ObligationKind.RECHECK), road.due(ObligationKind.C_HANDLE)
        assert (recheck, extended) == (date(2026, 10, 14), date(2026, 10, 16))
        road.does(CH, Act.SERVE_NOTICE, number="告2026-2", served="posted", evidence=[PHOTO])
        assert road.due(ObligationKind.C_HANDLE) == extended


REFUSALS = [
    # how far, who, act, inputs, code
    (None, FAR_CD, Act.ACCEPT, {"handler": "community handler"}, "lead.not_your_desk"),
    (None, WORKER, Act.ACCEPT, {"handler": "community handler"}, "lead.not_your_desk"),
    (None, CD, Act.ACCEPT, {}, "lead.input_missing"),
    (None, CD, Act.ACCEPT, {"handler": "nobody"}, "lead.input_invalid"),
    (None, CD, Act.ACCEPT, {"handler": "community handler", "nonsense": 1}, "lead.input_invalid"),
    (None, SD, Act.PUSH, {}, "lead.step_not_allowed"),
    (None, CD, Act.RETURN_TO_REPORTER, {"lacks": ["no_photo", "no_photo"], "text": "补照片"}, "lead.input_invalid"),
    (None, CD, Act.RETURN_TO_REPORTER, {"lacks": ["nothing"], "text": "补照片"}, "lead.input_invalid"),
    (None, CD, Act.RETURN_TO_REPORTER, {"lacks": ["no_photo"], "text": "字" * 10_000}, "lead.input_invalid"),
    (to_street, CD, Act.SUBMIT_UP, {}, "lead.step_not_allowed"),
    (to_street, SD, Act.PUSH, {"lead_department": "NONE", "legal_basis": "684", "summary": "无证"}, "lead.input_invalid"),
    (to_street, SD, Act.PUSH, {"lead_department": "SCJG", "assist_departments": ["OLD"], "legal_basis": "684", "summary": "无证"},
     "lead.input_invalid"),
    (to_street, SD, Act.PUSH, {"lead_department": "SCJG", "legal_basis": "684", "summary": "无证", "evidence": ["b" * 64]},
     "lead.input_invalid"),
    (to_street, SD, Act.CLOSE_WITHOUT_PUSH, {"outcome": "permitted", "reason": "已办证"}, "lead.input_invalid"),
    (to_department, STRANGER, Act.INTERVENE, {}, "lead.not_your_desk"),
    (to_department, DL, Act.INTERVENE, {}, "lead.not_your_desk"),
    (to_department, DO, Act.FEEDBACK, {}, "lead.step_not_allowed"),
    (to_department, DR, Act.SIGN_IN, {"officer": "stranger"}, "lead.input_invalid"),
    (to_department, DO, Act.INTERVENE,
     {"type": "on_site", "occurred_on": "2026-09-19", "people": "两人", "narrative": "检查", "evidence": [PHOTO]}, "lead.input_invalid"),
    (to_department, DO, Act.INTERVENE,
     {"type": "on_site", "occurred_on": "2026-09-18", "people": "两人", "narrative": "检查", "evidence": [PHOTO], "inspection": True,
      "licence_nos": "4401"}, "lead.input_invalid"),
    (to_department, DO, Act.INTERVENE,
     {"type": "on_site", "occurred_on": "1999-01-01", "people": "两人", "narrative": "检查", "evidence": [PHOTO]}, "lead.input_invalid"),
    (to_department, SD, Act.SEND_BACK, {"ground": "evidence", "reason": "证据不足"}, "lead.step_not_allowed"),
    (to_working, DR, Act.SIGN_IN, {"officer": "officer"}, "lead.step_not_allowed"),
    (to_working, DL, Act.CONFIRM_DONE, {}, "lead.guard_failed"),
    (to_working, DO, Act.REPORT_DONE, {"outcome": "solved_by_city", "entity_after": "已改", "evidence": [PHOTO]}, "lead.input_invalid"),
    (to_verifying, CD, Act.PASS, {}, "lead.guard_failed"),
    (to_verifying, WORKER, Act.REPORT_PASSED, {"visit": "visit-bad"}, "lead.input_invalid"),
    (to_verifying, WORKER, Act.REPORT_PASSED, {"visit": "somebody else's"}, "lead.input_invalid"),
    (to_verifying, SD, Act.REOPEN, {"target": "street", "reason": "重开"}, "lead.step_not_allowed"),
]  # fmt: skip


@pytest.mark.parametrize(("until", "who", "act", "inputs", "code"), REFUSALS)
def test_a_refusal_names_its_code_and_changes_nothing(
    road: Road, until: Any, who: Actor, act: Act, inputs: dict[str, Any], code: str
) -> None:
    if until:
        until(road)
    before = road.facts
    with pytest.raises(Refusal) as refused:
        road.does(who, act, **inputs)
    assert refused.value.code == code
    assert road.facts == before


def test_a_stale_version_is_refused_before_the_state_is_judged_and_after_the_role(road: Road) -> None:
    with pytest.raises(Refusal, match="lead.changed_meanwhile"):
        road.does(SD, Act.PUSH, version=99)
    with pytest.raises(Refusal, match="lead.not_your_desk"):
        road.does(WORKER, Act.PUSH, version=99)


def test_nobody_confirms_what_he_asked_for_himself(road: Road) -> None:
    both = Actor("both", "both", (Grant(Role.CASE_OFFICER, None, "SCJG"), Grant(Role.DEPARTMENT_LEADER, None, "SCJG")))
    to_working(road)
    road.does(both, Act.REPORT_DONE, outcome="permitted", entity_after="已办证", evidence=[PHOTO])
    with pytest.raises(Refusal, match="lead.same_person"):
        road.does(both, Act.CONFIRM_DONE)
    road.does(DL, Act.CONFIRM_DONE)
    assert road.facts.state is LeadState.VERIFYING


def test_a_major_lead_is_closed_by_the_street_not_by_the_community(road: Road) -> None:
    to_verifying(road)
    road.facts = replace(road.facts, flags=frozenset({"major"}))
    road.does(OTHER_WORKER, Act.REPORT_PASSED, visit="visit-ok")
    with pytest.raises(Refusal, match="lead.not_your_desk"):
        road.does(CD, Act.PASS)
    road.does(SD, Act.PASS)
    assert road.facts.state is LeadState.CLOSED


def test_an_ask_lapses_when_the_lead_moves_on(road: Road) -> None:
    to_verifying(road)
    road.does(OTHER_WORKER, Act.REPORT_PASSED, visit="visit-ok")
    road.does(CD, Act.FAIL, failed_points="照片是旧的", evidence=[PHOTO])
    assert road.facts.asks == ()


def test_every_guard_and_effect_that_the_table_names_exists_and_is_used() -> None:
    named_guards = {guard for step in lead_flow.STEPS for guard in step.guards}
    named_effects = {effect for step in lead_flow.STEPS for effect in step.effects}
    assert named_guards == set(GUARDS)
    assert named_effects == set(EFFECTS)


def test_the_exported_table_has_every_row_with_both_names() -> None:
    rows = lead_flow.as_json()["steps"]
    assert [row["id"] for row in rows] == [step.id for step in lead_flow.STEPS]
    assert all(row["name"]["zh"] and row["name"]["en"] for row in rows)
