"""What must hold of every lead: sound ones break nothing, and each kind of damage is named."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from gridwatch.domain.lead_facts import Asked, Duty, LeadFacts, Unit
from gridwatch.domain.lead_invariants import broken_invariants
from gridwatch.domain.lead_words import LeadState, UnitState
from gridwatch.domain.obligations import ObligationKind as Kind
from tests.domain.lead_road import PLACES, Road

Damage = Callable[[LeadFacts], LeadFacts]


def lead(**values: Any) -> Damage:
    return lambda facts: replace(facts, **values)


def units(**values: Any) -> Damage:
    """Every assignment with these values."""
    return lambda facts: replace(facts, units=tuple(replace(unit, **values) for unit in facts.units))


def duties(kind: Kind, **values: Any) -> Damage:
    """Every duty of a kind with these values."""
    return lambda facts: replace(
        facts, duties=tuple(replace(duty, **values) if duty.kind is kind else duty for duty in facts.duties)
    )


def without(kind: Kind) -> Damage:
    return lambda facts: replace(facts, duties=tuple(duty for duty in facts.duties if duty.kind is not kind))


def more(kind: Kind, *, of_unit: bool = False, **values: Any) -> Damage:
    def damage(facts: LeadFacts) -> LeadFacts:
        unit = facts.units[-1].id if of_unit else None
        duty = Duty("more", kind, 1, unit, date(2026, 9, 18), date(2026, 9, 24), False, "T13")
        return replace(facts, duties=(*facts.duties, replace(duty, **values)))

    return damage


def second_lead_unit(facts: LeadFacts) -> LeadFacts:
    return replace(facts, units=(*facts.units, Unit("second", "SY", "lead", UnitState.WORKING, 1, date(2026, 9, 18))))


def twin(facts: LeadFacts) -> LeadFacts:
    return replace(
        facts, units=(*facts.units, replace(facts.units[-1], id="twin", role="assist", state=UnitState.DONE_CLAIMED))
    )


def follower(kind: Kind, **values: Any) -> Damage:
    """A row that supersedes the first one of a kind."""

    def damage(facts: LeadFacts) -> LeadFacts:
        old = next(duty for duty in facts.duties if duty.kind is kind)
        return replace(facts, duties=(*facts.duties, replace(old, id="follower", supersedes=old.id, **values)))

    return damage


def ask(step: str, unit_id: str | None = None) -> Damage:
    return lambda facts: replace(facts, asks=(*facts.asks, Asked("ask", step, unit_id, "somebody", {})))


ENDED = {"ended": "met", "ended_on": date(2026, 9, 20)}
# fmt: off
DAMAGED: list[tuple[str, Damage, str]] = [
    ("dispatched", lead(previous_state="street"), "states: dispatched with previous state street"),
    ("shelved", lead(previous_state=None), "states: shelved with previous state None"),
    ("group", lead(level=None), "R24: escalated without a level"),
    ("working", lead(level="group"), "R24: dispatched on level group"),
    ("city", lead(level="group"), "R26: escalated"),
    ("merged", lead(master_id=None), "R25: merged with master None"),
    ("dispatched", lead(master_id="other", merged_on=date(2026, 9, 18)), "R25: dispatched with master other"),
    ("closed", lead(outcome=None), "R36: closed without an outcome"),
    ("merged", lead(outcome=None), "R36: duplicate"),
    ("closed", lead(outcome="duplicate"), "R36: duplicate"),
    ("verifying", lead(flags=frozenset({"joint"})), "R22: a joint operation runs while verifying"),
    ("working", second_lead_unit, "I2: dispatched with 2 live lead-role assignments"),
    ("group", second_lead_unit, "I2: 2 live lead-role assignments"),
    ("working", units(state=UnitState.CANCELLED, end_cause="waived"), "I2: dispatched with 0 live lead-role assignments"),
    ("street, assist live", units(role="lead"), "R17: in the street with a live lead-role assignment"),
    ("working", lead(state=LeadState.COMMUNITY), "§4b: community with a live assignment"),
    ("working", lead(state=LeadState.CLOSED, outcome="ceased"), "I3: closed with a live assignment"),
    ("city", units(state=UnitState.WORKING, end_cause=None), "R24: live assignments on level city"),
    ("working", lead(round=2), "T37: assignment"),
    ("working", units(end_cause="waived"), "states: assignment"),
    ("working", twin, "§4b: live twice with SCJG"),
    ("closed", more(Kind.TRIAGE_S), "I3: closed with open duties ['triage_s']"),
    ("void", more(Kind.TRIAGE_C), "I3: void with open duties"),
    ("reported", without(Kind.TRIAGE_C), "R26: reported and none of ['triage_c'] runs"),
    ("street", without(Kind.TRIAGE_S), "R26: street and none of"),
    ("verifying", without(Kind.VERIFY), "R26: verifying and none of"),
    ("group", without(Kind.GROUP_DECIDE), "R26: escalated and none of"),
    ("city", without(Kind.CITY_FOLLOW), "R26: escalated and none of"),
    ("shelved", without(Kind.REVIEW), "R24: shelved without REVIEW"),
    ("dispatched", more(Kind.TRIAGE_S), "R26: dispatched and ['triage_s'] runs"),
    ("community", more(Kind.TRIAGE_S), "R26: community and ['triage_s'] runs"),
    ("street, returned once", more(Kind.FEEDBACK, of_unit=True, k=9), "R26: assignment"),
    ("dispatched", without(Kind.INTERVENE), "R26: assignment"),
    ("working", more(Kind.INTERVENE, of_unit=True), "R26: assignment"),
    ("return pending", without(Kind.RULING), "R26: assignment"),
    ("dispatched", more(Kind.RULING, of_unit=True), "R26: assignment"),
    ("return pending", lead(state=LeadState.VERIFYING), "R23: a return is pending while verifying"),
    ("dispatched", more(Kind.REWORK, of_unit=True), "R20: REWORK runs"),
    ("working", without(Kind.FEEDBACK), "§4c: no window of assignment"),
    ("verifying", units(suspended_from=None), "R6: assignment"),
    ("dispatched", duties(Kind.INTERVENE, supersedes="nothing"), "I4: duty id-5 supersedes something else"),
    ("dispatched", follower(Kind.INTERVENE, k=2), "I4: duty follower supersedes something else"),
    ("dispatched", duties(Kind.TRIAGE_S, ended="superseded"), "I4: duty id-3 is superseded by 0 rows"),
    ("dispatched", follower(Kind.INTERVENE), "I4: duty id-5 is superseded and open"),
    ("dispatched", duties(Kind.TRIAGE_S, ended_on=None), "I4: duty id-3 ended met on None"),
    ("dispatched", duties(Kind.INTERVENE, ended_on=date(2026, 9, 20)), "I4: duty id-5 ended None on"),
    ("dispatched", more(Kind.FEEDBACK, of_unit=True, **ENDED), "I4: the same duty stands twice"),
    ("street", more(Kind.TRIAGE_S), "I4: the same duty stands twice"),
    ("street", ask("T27"), "R31: T27 is asked for while street"),
    ("dispatched", ask("T25"), "R31: T25 is asked for on an assignment that is not there"),
    ("verifying", lambda facts: ask("T27")(ask("T27")(facts)), "R31: the same is asked for twice"),
]
# fmt: on


@pytest.mark.parametrize(("place", "damage", "told"), DAMAGED)
def test_damage_is_named(road: Road, place: str, damage: Damage, told: str) -> None:
    PLACES[place](road)
    assert broken_invariants(road.facts) == []
    broken = broken_invariants(damage(road.facts))
    assert any(one.startswith(told) for one in broken), broken


def test_an_ask_about_an_assignment_that_moved_is_named(road: Road) -> None:
    PLACES["dispatched"](road)
    broken = broken_invariants(ask("T25", road.unit("SCJG").id)(road.facts))
    assert broken == ["R31: T25 is asked for on an assignment that is pushed"]


def test_tasks_and_copy_notices_are_counted_by_the_caller(road: Road) -> None:  # I3
    PLACES["closed"](road)
    assert broken_invariants(road.facts, open_tasks=1, unserved_copies=2) == [
        "I3: closed with 1 open tasks",
        "I3: closed with 2 copy notices not served",
    ]
    PLACES["community"](road.report())
    assert broken_invariants(road.facts, open_tasks=1) == []
