"""One function decides every step of a lead: look the row up, refuse in the fixed order, else say what changes (invariant I1).

Refusals come in the order of ruling R33 (the 404 for what is out of reach comes before, from the query layer):
403 wrong role or same person → 409 stale version → 409 wrong state and guards of the facts → 422 input → the guards that
read inputs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from gridwatch.domain import lead_clocks, lead_guards, lead_inputs
from gridwatch.domain.errors import Refusal
from gridwatch.domain.lead_effects import EFFECTS
from gridwatch.domain.lead_facts import Asked, Case, Change, Known, LeadFacts, Moment, NewAsk, Unit
from gridwatch.domain.lead_flow import STEP_OF, STEPS, rows_in, rows_of
from gridwatch.domain.lead_shape import PREVIOUS, Previous, Step
from gridwatch.domain.lead_words import STATE_NAMES, Act, LeadState, UnitState
from gridwatch.domain.permits import SYSTEM, Actor, Role

_DEPARTMENT = frozenset({Role.DEPARTMENT_RECEIVER, Role.CASE_OFFICER, Role.DEPARTMENT_LEADER})
_REPORTERS = frozenset({Role.MARKET_MANAGER, Role.INTAKE_CLERK})
_IDENTITY = (
    "id", "category", "reporter_id", "source", "area_path", "grid_code", "community_code", "entity_id", "address_text",
    "reported_at",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Row:
    """One row as it would be taken: by asking or doing, and on which assignment."""

    step: Step
    asking: bool
    unit: Unit | None
    may: bool
    case: Case

    @property
    def confirming(self) -> bool:
        return self.step.ask is not None and not self.asking

    @property
    def in_state(self) -> bool:
        step, unit = self.step, self.unit
        return self.case.facts.state in step.frm and (
            step.unit is None or (unit is not None and unit.state in step.unit.frm)
        )


def begin(facts: LeadFacts, at: Moment) -> Change:
    """T01: the first change of a lead, of which `facts` hold what was reported, with TRIAGE_C from today."""
    step = STEP_OF["T01"]
    change = Change(step.id, step.act.value, tell=step.tell, at=at.now)
    change.lead = {name: getattr(facts, name) for name in _IDENTITY} | {
        "state": LeadState.REPORTED.value, "flags": sorted(facts.flags), "evidence": sorted(facts.evidence),
    }  # fmt: skip
    lead_clocks.run(step, Case(facts, None, {}, at, Known()), change)
    return change


def decide(
    facts: LeadFacts, act: Act, inputs: Mapping[str, Any], at: Moment, known: Known, *, expected_version: int | None
) -> Change:
    """What `act` does to the lead now. Raises a Refusal with the facts, in the order of ruling R33.

    `inputs` as in the fields of the row; `expected_version` is the version the sender last saw (None for facts that a phone
    reports, which are never refused for being late, and for the system). `at.actor` is SYSTEM for what follows elsewhere.
    """
    row = _chosen(facts, act, inputs, at, known)
    step, unit, case = row.step, row.unit, row.case
    asked = _asked(facts, step, unit) if row.confirming else None
    if asked is not None and asked.by == at.actor.id:
        raise Refusal("lead.same_person")
    if expected_version is not None and expected_version != facts.version:
        raise Refusal("lead.changed_meanwhile", version=facts.version, state=facts.state.value)
    if not row.in_state:
        raise _not_now(row, act)
    if row.confirming and asked is None:
        reason = f"还没有人提出「{step.zh}」 / nobody has asked for “{step.en}” yet"
        raise Refusal("lead.guard_failed", reason=reason, guard="asked_first")
    _unit_is_clear(row)
    for guard in step.guards:
        if not lead_guards.GUARDS[guard].after_inputs:
            lead_guards.hold(guard, case)
    entered = lead_inputs.confirmed(asked.inputs, inputs) if asked is not None else inputs
    case = replace(case, inputs=lead_inputs.check(step, entered))
    for guard in step.guards:
        if lead_guards.GUARDS[guard].after_inputs:
            lead_guards.hold(guard, case)
    if row.asking:
        return _ask(step, act, case)
    change = apply(step, act, case)
    if asked is not None:
        change.asks_end[asked.id] = "confirmed"
    return change


def apply(step: Step, act: Act, case: Case) -> Change:
    """What a permitted step changes: states, effects, then clocks. Open asks on what has changed lapse (ruling R31)."""
    facts, unit = case.facts, case.unit
    change = Change(
        step.id, act.value, tell=step.tell, unit_id=unit.id if unit else None, at=case.at.now, urgent=step.urgent
    )
    if step.to is not None:
        change.lead |= _moved(step.to, facts.previous_state)
    if step.unit is not None and step.unit.to is not None and unit is not None:
        change.units[unit.id] = _moved(step.unit.to, unit.previous_state)
    for effect in step.effects:
        EFFECTS[effect](case, change)
    lead_clocks.run(step, case, change)
    _lapse(facts, change)
    change.departments = change.departments or _departments(facts, change)
    return change


def _moved(to: LeadState | UnitState | Previous, previous: str | None) -> dict[str, Any]:
    """The new state; with the way back to the former one it is forgotten."""
    return {"state": str(previous), "previous_state": None} if to == PREVIOUS else {"state": to.value}


def automatic(facts: LeadFacts, at: Moment) -> Change | None:
    """The step that the system takes by itself from here (T18, T26), if any."""
    case = Case(facts, None, {}, replace(at, actor=SYSTEM), Known())
    for step in STEPS:
        if step.auto and facts.state in step.frm and all(lead_guards.GUARDS[one].holds(case) for one in step.guards):
            return apply(step, step.act, case)
    return None


def allowed(facts: LeadFacts, at: Moment) -> Iterator[tuple[Act, Step, Unit | None]]:
    """What `at.actor` may do now: (act, row, assignment), by role, state and the guards that read no inputs."""
    for act, here in rows_in(facts.state).items():
        rows = [_row(step, asking, facts, {}, at, Known()) for step, asking in here]
        open_rows = [row for row in rows if row.may and row.in_state]
        meant = [row for row in open_rows if _can_be_meant(row, open_rows)]
        for row in meant:
            if row.confirming and _asked(facts, row.step, row.unit) is None:
                continue
            guards = [lead_guards.GUARDS[one] for one in row.step.guards]
            if all(guard.holds(row.case) for guard in guards if not guard.after_inputs):
                yield act, row.step, row.unit


def _can_be_meant(row: _Row, others: list[_Row]) -> bool:
    """As far as the facts tell: every case of the row holds or waits for inputs, and the facts alone mean no other row."""
    certain = [one for one in others if one.step.given and not _undecided(one) and _is_given(one)]
    if certain:
        return row is certain[0]
    return all(name in _undecided(row) or lead_guards.CASES[name].holds(row.case) for name in row.step.given)


def _is_given(row: _Row) -> bool:
    return all(lead_guards.CASES[name].holds(row.case) for name in row.step.given)


def _undecided(row: _Row) -> list[str]:
    return [name for name in row.step.given if lead_guards.CASES[name].reads_inputs]


# --- which row, on which assignment ---------------------------------------------------------------------------------


def _chosen(facts: LeadFacts, act: Act, inputs: Mapping[str, Any], at: Moment, known: Known) -> _Row:
    """The row that an act means here. Raises 403 `lead.not_your_desk` when the person may take none of them."""
    here = rows_in(facts.state).get(act) or rows_of(act)
    rows = [_row(step, asking, facts, inputs, at, known) for step, asking in here]
    mine = [row for row in rows if row.may]
    if not mine:
        wanted = {role.value for row in rows for role in _doers(row.step, row.asking, row.case)}
        raise Refusal("lead.not_your_desk", wanted=sorted(wanted))
    given = (row for row in mine if row.step.given and _is_given(row))
    ordinary = (row for row in mine if not row.step.given)
    return next(given, None) or next(ordinary, mine[0])


def _row(step: Step, asking: bool, facts: LeadFacts, inputs: Mapping[str, Any], at: Moment, known: Known) -> _Row:
    unit = _unit(facts, step, inputs, at.actor, asking)
    case = Case(facts, unit, inputs, at, known, asking)
    return _Row(step, asking, unit, _may(step, asking, case), case)


def _doers(step: Step, asking: bool, case: Case) -> frozenset[Role]:
    """Who does it here: the first case of the row that holds, else the row itself."""
    if asking:
        return step.asked_by
    return next((roles for name, roles in step.by_if if lead_guards.CASES[name].holds(case)), step.by)


def _may(step: Step, asking: bool, case: Case) -> bool:
    if case.at.actor.id == SYSTEM.id:
        return not step.by and not step.asked_by
    return any(_holds(case.facts, role, case.unit, case.at.actor, own=step.own) for role in _doers(step, asking, case))


def _holds(facts: LeadFacts, role: Role, unit: Unit | None, actor: Actor, *, own: bool) -> bool:
    if role in _DEPARTMENT:
        return unit is not None and actor.holds(role, department=unit.department)
    if own or role in _REPORTERS:
        return role in actor.roles and actor.id == facts.reporter_id
    if role is Role.GRID_WORKER:
        return role in actor.roles and (facts.grid_code in actor.grids or actor.id == facts.reporter_id)
    return actor.holds(role, area_path=facts.area_path)


def _units(facts: LeadFacts, step: Step, inputs: Mapping[str, Any], actor: Actor, asking: bool) -> list[Unit]:
    """The assignments of the round that the step may be about: for a department's roles those of their department."""
    if step.unit is None:
        return []
    named = inputs.get("assignment")
    doers = step.asked_by if asking else step.by.union(*(roles for _, roles in step.by_if))
    inside = bool(doers) and doers <= _DEPARTMENT
    return [
        unit
        for unit in facts.of_round
        if named in (None, unit.id)
        and step.unit.role in ("", unit.role)
        and (not inside or any(actor.holds(role, department=unit.department) for role in doers))
    ]


def _fitting(facts: LeadFacts, step: Step, units: list[Unit], asking: bool) -> list[Unit]:
    """Those in a state that the step leads from; for a confirmation those that were asked about, where any was."""
    fitting = [unit for unit in units if step.unit is not None and unit.state in step.unit.frm]
    if step.ask is not None and not asking:
        return [unit for unit in fitting if _asked(facts, step, unit)] or fitting
    return fitting


def _unit(facts: LeadFacts, step: Step, inputs: Mapping[str, Any], actor: Actor, asking: bool) -> Unit | None:
    units = _units(facts, step, inputs, actor, asking)
    live = [unit for unit in units if unit.live]
    return next(iter(_fitting(facts, step, units, asking)), (live or units or [None])[-1])


def _unit_is_clear(row: _Row) -> None:
    """Raises 422 when a desk that sees several assignments does not say which one it means."""
    case, step = row.case, row.step
    units = _units(case.facts, step, case.inputs, case.at.actor, row.asking)
    if len(_fitting(case.facts, step, units, row.asking)) > 1:
        fields = [{"path": "assignment", "problem": "required"}]
        raise Refusal("lead.input_missing", missing=["assignment"], fields=fields)


# --- asking and confirming (R31) -------------------------------------------------------------------------------------


def _asked(facts: LeadFacts, step: Step, unit: Unit | None) -> Asked | None:
    asks = [one for one in facts.asks if one.step == step.id and one.unit_id == (unit.id if unit else None)]
    return asks[-1] if asks else None


def _ask(step: Step, act: Act, case: Case) -> Change:
    """The first half: it is kept, in place of an earlier one, and moves nothing else."""
    unit_id = case.unit.id if case.unit else None
    change = Change(step.id, act.value, asked=True, unit_id=unit_id, at=case.at.now)
    change.asks_end = {one.id: "lapsed" for one in case.facts.asks if one.step == step.id and one.unit_id == unit_id}
    change.new_asks.append(NewAsk(step.id, act.value, unit_id, case.at.actor.id, case.inputs))
    return change


def _lapse(facts: LeadFacts, change: Change) -> None:
    """An ask lapses when the state or the assignment that it names has changed (ruling R31)."""
    lead_moves = any(name in change.lead and change.lead[name] != getattr(facts, name) for name in ("state", "level"))
    for asked in facts.asks:
        unit_moves = change.units.get(asked.unit_id or "", {}).keys() & {"state", "role", "department"}
        if lead_moves or unit_moves:
            change.asks_end.setdefault(asked.id, "lapsed")


# --- who hears of it, and why not --------------------------------------------------------------------------------------


def _departments(facts: LeadFacts, change: Change) -> tuple[str, ...]:
    """The departments whose assignment the step is about, else all that have the lead, or had it last (T37)."""
    moved = {
        change.units.get(unit.id, {}).get("department", unit.department)
        for unit in facts.units
        if unit.id == change.unit_id or change.units.get(unit.id, {}).keys() & {"state", "role"}
    }
    moved |= {new["department"] for new in change.new_units}
    moved = moved or {unit.department for unit in facts.live_units} or {unit.department for unit in facts.of_round}
    return tuple(sorted(moved))


def _not_now(row: _Row, act: Act) -> Refusal:
    facts, unit = row.case.facts, row.unit
    named = row.case.inputs.get("assignment")
    if facts.state in row.step.frm and unit is None and named is not None:
        problem = "不是这条线索的移交单 / not an assignment of this lead"
        return Refusal("lead.input_invalid", reason=problem, fields=[{"path": "assignment", "problem": problem}])
    state = unit.state.value if facts.state in row.step.frm and unit is not None else facts.state.value
    code = dict(row.step.not_from).get(facts.state, "lead.step_not_allowed")
    return Refusal(
        code, state=STATE_NAMES[state][0], act=act.value, lead_state=facts.state.value,
        assignment_state=unit.state.value if unit else None,
        allowed=sorted({one.value for one, _, _ in allowed(facts, row.case.at)}),
    )  # fmt: skip
