"""The lead table: every transition T01–T42 as a row. Policy is here; `lead_rules` only looks up, refuses and applies.

A row says from which states an act leads where, who does it, what must be entered, which conditions hold, what it does to
the clocks, and who is told. Source: domain.md §4b with rulings R1–R38; the numbers T01 … T42 are its own, a letter behind
one marks a variant of the same transition. The rows stand by desk in lead_steps_*, their shape in lead_shape.
"""

from __future__ import annotations

from dataclasses import fields
from enum import Enum
from typing import Any

from gridwatch.domain import lead_steps_above, lead_steps_community, lead_steps_department, lead_steps_street
from gridwatch.domain import lead_words as words
from gridwatch.domain.lead_shape import Clock, Field, Step
from gridwatch.domain.lead_words import Act, LeadState

STEPS: tuple[Step, ...] = (
    *lead_steps_community.STEPS,
    *lead_steps_street.STEPS,
    *lead_steps_department.STEPS,
    *lead_steps_above.STEPS,
)
STEP_OF: dict[str, Step] = {step.id: step for step in STEPS}
_ROWS_OF = {act: tuple((step, step.ask is act) for step in STEPS if act in (step.act, step.ask)) for act in Act}


_ROWS_IN = {
    state: {act: here for act, rows in _ROWS_OF.items() if (here := tuple(row for row in rows if state in row[0].frm))}
    for state in LeadState
}


def rows_of(act: Act) -> tuple[tuple[Step, bool], ...]:
    """The rows that an act can mean, each with whether it is only the asking half of it."""
    return _ROWS_OF[act]


def rows_in(state: LeadState) -> dict[Act, tuple[tuple[Step, bool], ...]]:
    """The acts that lead anywhere from a state, with their rows there."""
    return _ROWS_IN[state]


def as_json() -> dict[str, Any]:
    """The table as plain JSON: for the API document, consoles and phones, so that they offer only what is allowed."""
    return {
        "states": {state.value: words.STATE_NAMES[state] for state in LeadState},
        "steps": [_row(step) for step in STEPS],
    }


def _row(step: Step) -> dict[str, Any]:
    return {
        "id": step.id, "act": step.act.value, "ask": step.ask.value if step.ask else None, "name": {"zh": step.zh, "en": step.en},
        "from": _values(step.frm), "to": _value(step.to), "by": _values(step.by),
        "by_if": [{"case": case, "by": _values(roles)} for case, roles in step.by_if], "own": step.own,
        "asked_by": _values(step.asked_by), "given": list(step.given), "auto": step.auto,
        "unit": {"from": _values(step.unit.frm), "to": _value(step.unit.to), "role": step.unit.role or None} if step.unit else None,
        "fields": [field_json(one) for one in step.fields], "guards": list(step.guards), "effects": list(step.effects),
        "clocks": [_clock(clock) for clock in step.clocks], "tell": list(step.tell), "urgent": step.urgent,
    }  # fmt: skip


def _clock(clock: Clock) -> dict[str, Any]:
    """A clock effect by its name, with what its row says of it."""
    said = {one.name: getattr(clock, one.name) for one in fields(clock)}
    return {"effect": type(clock).__name__} | {name: _value(value) for name, value in said.items() if value}


def _value(value: Any) -> Any:
    if isinstance(value, Enum):
        return value.value
    return [_value(part) for part in value] if isinstance(value, tuple) else value


def _values(members: frozenset[Any]) -> list[str]:
    return sorted(member.value for member in members)


def field_json(one: Field) -> dict[str, Any]:
    """One input as plain JSON."""
    return {
        "name": one.name, "kind": one.kind, "label": {"zh": one.zh, "en": one.en}, "required": one.required, "most": one.most,
        "confirmer": one.confirmer, "choices": {code: {"zh": zh, "en": en} for code, (zh, en) in one.choices.items()},
    }  # fmt: skip
