"""A lead walked at random: anybody tries anything at any time; what is taken follows the law as transcribed here, what is refused
changes nothing, and after every step the invariants hold and the replay gives the same lead."""

from __future__ import annotations

from collections import Counter
from datetime import date, timedelta
from random import Random
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from gridwatch.domain import lead_rules
from gridwatch.domain.errors import Refusal
from gridwatch.domain.lead_facts import Change, LeadFacts
from gridwatch.domain.lead_flow import STEP_OF, STEPS, rows_of
from gridwatch.domain.lead_shape import Field, Step
from gridwatch.domain.lead_words import Act, UnitState
from gridwatch.domain.obligations import DEFAULT_POLICY, ObligationKind
from gridwatch.domain.permits import Actor
from gridwatch.domain.worktime import WorkCalendar
from tests.domain import lead_road as lr
from tests.domain.lead_law import IN_SOME_CASES, LAW, may
from tests.domain.lead_road import DEPARTMENTS, EVERYBODY, KNOWN, PACKAGE, PHOTO, PLACES, Road

DICE = st.randoms(use_true_random=True)
PROGRESS, FINISHED = {"result": "progress", **lr.FEEDBACK}, {"result": "done", **lr.DONE}
AT_ANY_TIME = frozenset({"T06r", "T40", "T40s", "T40o", "T42"})


def test_the_table_is_the_law_as_transcribed() -> None:
    told = {}
    for step in STEPS:
        to = {None: "=", "previous": "<"}.get(step.to, step.to)
        told[step.id] = (frozenset(state.value for state in step.frm), "=" if step.id == "T32" else to)
    assert told == {row: (frozenset(law.frm.split()), law.to) for row, law in LAW.items()}


class Walk(RuleBasedStateMachine):
    """One lead and everybody who may or may not do something to it."""

    calendar: WorkCalendar
    taken: Counter[str]
    refused: Counter[str]

    @initialize(
        place=st.sampled_from(sorted(PLACES)),
        source=st.sampled_from(["worker", "complaint"]),
        category=st.sampled_from(["XS01", "XS04"]),
    )
    def begins(self, place: str, source: str, category: str) -> None:
        self.road = Road(self.calendar).report(source="worker" if place == "void" else source, category=category)
        PLACES[place](self.road)
        self.road.replays = False
        self.ended = self.dues = {}

    def teardown(self) -> None:
        if hasattr(self, "road"):
            self.road.check_replay()

    @rule(days=st.sampled_from([0, 1, 3, 30]), hours=st.integers(0, 9))
    def time_passes(self, days: int, hours: int) -> None:
        if self.road.today.year < 2027:
            self.road.later(days=days, hours=hours)

    @rule(dice=DICE)
    def somebody_tries_anything(self, dice: Random) -> None:
        """Rightly filled in as far as one can."""
        act = dice.choice(list(Act))
        step, asking = dice.choice(rows_of(act))
        inputs = {} if step.ask and not asking else self._inputs(step, dice)
        self._take(dice.choice(EVERYBODY), act, inputs, asking)

    @rule(dice=DICE)
    def it_goes_on(self, dice: Random) -> None:
        """Three things that are offered to somebody, one after the other; seldom what is offered at any time."""
        for _ in range(3):
            self._go_on(dice)

    def _go_on(self, dice: Random) -> None:
        self.road.roll()
        offers: dict[str, list[Any]] = {}
        for who in dice.sample(EVERYBODY, 9):
            for act, step, unit in lead_rules.allowed(self.road.facts, self.road.moment(who)):
                if step.id not in AT_ANY_TIME or dice.random() < 0.05:
                    offers.setdefault(f"{step.id} {act.value}", []).append((who, act, step, unit))
        if not offers:
            return
        who, act, step, unit = dice.choice(offers[dice.choice(sorted(offers))])
        confirming = step.ask is not None and step.ask is not act
        inputs = {} if confirming else self._inputs(step, dice)
        if unit is not None and not confirming:
            inputs["assignment"] = unit.id
        if step.id == "T23" and confirming:
            inputs["ruling_no"] = "裁9"
        self._take(who, act, inputs, step.ask is act)

    @rule(act=st.sampled_from([Act.REPORT_ADDED, Act.REPORT_REMOVED]))
    def something_happens_elsewhere(self, act: Act) -> None:
        self.road.told_by_system(act)

    def _take(self, who: Actor, act: Act, inputs: dict[str, Any], asking: bool) -> None:
        self.road.roll()
        before, log, taken = self.road.facts, len(self.road.log), len(self.road.changes)
        try:
            change = self.road.does(who, act, **inputs)
        except Refusal as refusal:
            assert (self.road.facts, len(self.road.log)) == (before, log)
            self.refused[refusal.code] += 1
            return
        self._judge(who, change, before, asking)
        for followed in self.road.changes[taken + 1 :]:
            assert STEP_OF[followed.step].auto
            self.taken[followed.step] += 1

    def _judge(self, who: Actor, change: Change, before: LeadFacts, asking: bool) -> None:
        """What was taken follows the law: by whom, from where, to where."""
        step = STEP_OF[change.step]
        unit = before.unit(change.unit_id)
        half = 0 if asking else -1
        instead = IN_SOME_CASES.get(step.id) is who
        assert may(who, step, half, unit.department if unit else None) or instead
        self.taken[step.id] += 1
        frm, to, _ = LAW[step.id]
        assert before.state in frm.split()
        moved = change.lead.get("state", before.state)
        if change.asked or to == "=":
            assert moved == before.state
        else:
            assert moved == (before.previous_state if to == "<" else to)

    def _inputs(self, step: Step, dice: Random) -> dict[str, Any]:
        """The fields of a row filled in: required ones always, the others at times."""
        filled = {
            one.name: self._value(one, dice)
            for one in step.fields
            if one.kind != "unit" and (one.required or dice.random() < 0.5)
        }
        return {name: value for name, value in filled.items() if value != []}

    def _value(self, one: Field, dice: Random) -> Any:
        known = {"visit": "visit-ok", "package": PACKAGE, "entity_id": "entity-1", "handler": "community handler"}
        if one.name in known:
            return known[one.name]
        departments = list(DEPARTMENTS)
        return {
            "text": lambda: "情况说明",
            "code": lambda: dice.choice(list(one.choices)),
            "codes": lambda: [dice.choice(list(one.choices))],
            "flag": lambda: dice.random() < 0.5,
            "department": lambda: dice.choice(departments),
            "departments": lambda: dice.sample(departments, dice.randint(0, 2)),
            "person": lambda: f"officer {dice.choice(departments)}",
            "evidence": lambda: [PHOTO],
            "date": lambda: self._day(one, dice).isoformat(),
            "lead": lambda: dice.choice(sorted(KNOWN.leads)),
            "duty": lambda: dice.choice(self.road.facts.duties).id,
            "results": lambda: [
                {"department": unit.department, **dice.choice([PROGRESS, FINISHED])}
                for unit in self.road.facts.live_units
                if unit.state is UnitState.WORKING
            ],
        }[one.kind]()

    def _day(self, one: Field, dice: Random) -> date:
        days = {"occurred_on": (-3, 0), "from_on": (0, 1)}.get(one.name, (1, 20))
        return self.road.today + timedelta(days=dice.randint(*days))

    # --- what must hold at all times (the rest is checked by the road after every step) --------------------------------

    @invariant()
    def grids_are_anchored_at_the_push(self) -> None:
        for duty in self.road.facts.duties:
            unit = self.road.facts.unit(duty.unit_id)
            if unit is not None and duty.kind is ObligationKind.FEEDBACK:
                assert duty.due_on == self.calendar.add(unit.push_on, 15 * duty.k).on
            if unit is not None and duty.kind is ObligationKind.INTERVENE and duty.cause != "hold":
                assert duty.due_on == self.calendar.add(unit.push_on, DEFAULT_POLICY.days[duty.kind]).on

    @invariant()
    def nothing_that_was_written_is_edited(self) -> None:  # I4
        dues = {duty.id: (duty.kind, duty.k, duty.due_on, duty.anchor_on) for duty in self.road.facts.duties}
        ended = {duty.id: (duty.ended, duty.ended_on) for duty in self.road.facts.duties if duty.ended}
        assert self.dues.items() <= dues.items()
        assert self.ended.items() <= ended.items()
        self.dues, self.ended = dues, ended

    @invariant()
    def one_window_holds_one_entry(self) -> None:  # §4c
        met = [
            (duty.unit_id, duty.k)
            for duty in self.road.facts.duties
            if duty.kind is ObligationKind.FEEDBACK and duty.ended == "met"
        ]
        assert len(met) == len(set(met))


def test_a_lead_walked_at_random_keeps_the_law(calendar: WorkCalendar) -> None:
    Walk.calendar, Walk.taken, Walk.refused = calendar, Counter(), Counter()
    run_state_machine_as_test(
        Walk,
        settings=settings(
            max_examples=60,
            stateful_step_count=60,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            database=None,
        ),
    )
    walked = f"rows {len(Walk.taken)} of {len(LAW)}, steps {Walk.taken.total()}, refused {dict(Walk.refused)}"
    print(f"taken on the walk: {walked}")  # noqa: T201
