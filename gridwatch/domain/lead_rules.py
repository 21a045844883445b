"""One function decides every step of a lead: look the row up, refuse in the fixed order, else say what changes (invariant I1).

Refusals come in the order of ruling R33 (the 404 for what is out of reach comes before, from the query layer):
403 wrong role → 409 stale version → 409 wrong state → 422 input, then the guards of the row.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from gridwatch.domain import lead_clocks, lead_guards, lead_inputs
from gridwatch.domain.errors import Refusal
from gridwatch.domain.lead_effects import EFFECTS
from gridwatch.domain.lead_facts import Asked, Change, Known, LeadFacts, Moment, Unit
from gridwatch.domain.lead_flow import STEPS, Step, rows_of
from gridwatch.domain.lead_words import STATE_NAMES, Act
from gridwatch.domain.permits import Actor, Role

_DEPARTMENT = frozenset({Role.DEPARTMENT_RECEIVER, Role.CASE_OFFICER, Role.DEPARTMENT_LEADER})
_REPORTERS = frozenset({Role.MARKET_MANAGER, Role.INTAKE_CLERK})


def decide(
    facts: LeadFacts, act: Act, inputs: Mapping[str, Any], at: Moment, known: Known, *, expected_version: int | None
) -> Change:
    """What `act` does to the lead now. Raises a Refusal with the facts, in the order of ruling R33.

    `inputs` as in the fields of the row; `expected_version` is the version the sender last saw (None for facts that a phone
    reports, which are never refused for being late).
    """
    step, asking = _row(facts, act)
    unit = _unit(facts, step, inputs, at.actor, asking)
    if not _may(facts, step, unit, at.actor, asking):
        raise Refusal("lead.not_your_desk", wanted=sorted(role.value for role in _doers(facts, step, asking)))
    if expected_version is not None and expected_version != facts.version:
        raise Refusal("lead.changed_meanwhile", version=facts.version, state=facts.state.value)
    if facts.state not in step.frm or (step.unit is not None and (unit is None or unit.state not in step.unit.frm)):
        raise _not_now(facts, act, unit, at.actor)
    asked = None
    if step.ask is not None and not asking:
        asked = _asked(facts, step, unit, at.actor)
        inputs = {**asked.inputs, **inputs}
    checked = lead_inputs.check(step, inputs)
    for guard in step.guards:
        lead_guards.hold(guard, facts, unit, checked, at, known)
    if asking:
        lapsed = {
            one.id: "lapsed" for one in facts.asks if one.step == step.id and one.unit_id == (unit.id if unit else None)
        }
        return Change(step.id, act.value, asked=True, asks_end=lapsed, unit_id=unit.id if unit else None)
    change = apply(step, act, facts, unit, checked, at, known)
    if asked is not None:
        change.asks_end[asked.id] = "confirmed"
    return change


def apply(
    step: Step, act: Act, facts: LeadFacts, unit: Unit | None, inputs: Mapping[str, Any], at: Moment, known: Known
) -> Change:
    """What a permitted step changes: states, effects, then clocks. Open asks on what has changed lapse (ruling R31)."""
    change = Change(step.id, act.value, tell=step.tell, unit_id=unit.id if unit else None)
    if step.to is not None:
        change.lead["state"] = step.to.value
    if step.unit is not None and unit is not None and step.unit.to is not None:
        change.units[unit.id] = {"state": step.unit.to.value}
    for effect in step.effects:
        EFFECTS[effect](facts, unit, inputs, at, known, change)
    lead_clocks.run(step, facts, unit, dict(inputs), at, change)
    lead_moves = change.lead.get("state", facts.state.value) != facts.state.value
    for asked in facts.asks:
        unit_moves = "state" in change.units.get(asked.unit_id or "", {})
        if lead_moves or unit_moves:
            change.asks_end.setdefault(asked.id, "lapsed")
    return change


def automatic(facts: LeadFacts, at: Moment) -> Change | None:
    """The step that the system takes by itself from here (T26), if any."""
    for step in STEPS:
        if step.by or step.asked_by or facts.state not in step.frm:
            continue
        try:
            for guard in step.guards:
                lead_guards.hold(guard, facts, None, {}, at, Known())
        except Refusal:
            continue
        return apply(step, step.act, facts, None, {}, at, Known())
    return None


def allowed(facts: LeadFacts, actor: Actor) -> Iterator[tuple[Act, Step, Unit | None]]:
    """What this person may do now: (act, row, assignment), by state and role. Guards and inputs are judged when it is done."""
    for step in STEPS:
        if facts.state not in step.frm:
            continue
        for act, asking in ((step.ask, True), (step.act, False)):
            if act is None:
                continue
            unit = _unit(facts, step, {}, actor, asking)
            if not _may(facts, step, unit, actor, asking):
                continue
            if step.unit is not None and (unit is None or unit.state not in step.unit.frm):
                continue
            if step.ask is not None and not asking and not _asks(facts, step, unit):
                continue
            yield act, step, unit


def _row(facts: LeadFacts, act: Act) -> tuple[Step, bool]:
    rows = rows_of(act)
    return next((row for row in rows if facts.state in row[0].frm), rows[0])


def _doers(facts: LeadFacts, step: Step, asking: bool) -> frozenset[Role]:
    if asking:
        return step.asked_by
    return step.by_major if step.by_major and "major" in facts.flags else step.by


def _unit(facts: LeadFacts, step: Step, inputs: Mapping[str, Any], actor: Actor, asking: bool) -> Unit | None:
    """The assignment that a step works on: the one named, else the live one of the person's department, if it is just one."""
    if step.unit is None:
        return None
    named = inputs.get("assignment")
    mine = [
        unit
        for unit in facts.units
        if unit.round == facts.round
        and (named is None or unit.id == named)
        and any(actor.holds(role, department=unit.department) for role in _doers(facts, step, asking))
    ]
    live = [unit for unit in mine if unit.live] or mine
    return next((unit for unit in live if unit.state in step.unit.frm), live[-1] if live else None)


def _may(facts: LeadFacts, step: Step, unit: Unit | None, actor: Actor, asking: bool) -> bool:
    return any(_holds(facts, role, unit, actor) for role in _doers(facts, step, asking))


def _holds(facts: LeadFacts, role: Role, unit: Unit | None, actor: Actor) -> bool:
    if role in _DEPARTMENT:
        return unit is not None and actor.holds(role, department=unit.department)
    if role in _REPORTERS:
        return role in actor.roles and actor.id == facts.reporter_id
    if role is Role.GRID_WORKER:
        return role in actor.roles and (facts.grid_code in actor.grids or actor.id == facts.reporter_id)
    return actor.holds(role, area_path=facts.area_path)


def _asks(facts: LeadFacts, step: Step, unit: Unit | None) -> list[Asked]:
    return [one for one in facts.asks if one.step == step.id and one.unit_id == (unit.id if unit else None)]


def _asked(facts: LeadFacts, step: Step, unit: Unit | None, actor: Actor) -> Asked:
    asks = _asks(facts, step, unit)
    if not asks:
        reason = f"还没有人提出「{step.zh}」 / nobody has asked for “{step.en}” yet"
        raise Refusal("lead.guard_failed", reason=reason, guard="asked_first")
    if asks[-1].by == actor.id:
        raise Refusal("lead.same_person")
    return asks[-1]


def _not_now(facts: LeadFacts, act: Act, unit: Unit | None, actor: Actor) -> Refusal:
    state = unit.state.value if unit is not None else facts.state.value
    return Refusal(
        "lead.step_not_allowed",
        state=STATE_NAMES[state][0] if state in STATE_NAMES else state,
        act=act.value,
        lead_state=facts.state.value,
        assignment_state=unit.state.value if unit else None,
        allowed=sorted({one.value for one, _, _ in allowed(facts, actor)}),
    )
