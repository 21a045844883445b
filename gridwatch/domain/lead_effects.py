"""What a step does to the lead itself and to its assignments: the effects that rows of the lead table name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from gridwatch.domain.lead_clocks import lead_duty
from gridwatch.domain.lead_facts import Change, Known, LeadFacts, Moment, TaskOrder, Unit
from gridwatch.domain.lead_words import LeadState, UnitState
from gridwatch.domain.obligations import ObligationKind

Effect = Callable[[LeadFacts, Unit | None, Mapping[str, Any], Moment, Known, Change], None]


def _set_handler(facts: LeadFacts, unit: Unit | None, inputs: Any, at: Moment, known: Known, change: Change) -> None:
    change.lead["handler_id"] = inputs["handler"]


def _flag(change: Change, facts: LeadFacts, *, add: str = "", drop: tuple[str, ...] = ()) -> None:
    flags = set(change.lead.get("flags", facts.flags)) - set(drop)
    change.lead["flags"] = sorted(flags | {add} if add else flags)


def _reviewed(facts: LeadFacts, unit: Unit | None, inputs: Any, at: Moment, known: Known, change: Change) -> None:
    if "needs_review" in facts.flags:
        _flag(change, facts, drop=("needs_review",))


def _take_correction(
    facts: LeadFacts, unit: Unit | None, inputs: Any, at: Moment, known: Known, change: Change
) -> None:
    change.lead["description"] = inputs["description"]
    if "category" in inputs:
        change.lead["category"] = inputs["category"]


def _count_handling(facts: LeadFacts, unit: Unit | None, inputs: Any, at: Moment, known: Known, change: Change) -> None:
    change.lead["handlings"] = facts.handlings + 1


def _keep_evidence(facts: LeadFacts, unit: Unit | None, inputs: Any, at: Moment, known: Known, change: Change) -> None:
    if "evidence" in inputs:
        change.lead["evidence"] = sorted(facts.evidence | set(inputs["evidence"]))


def _set_outcome(facts: LeadFacts, unit: Unit | None, inputs: Any, at: Moment, known: Known, change: Change) -> None:
    change.lead["outcome"] = inputs["outcome"]


def _set_proposed(facts: LeadFacts, unit: Unit | None, inputs: Any, at: Moment, known: Known, change: Change) -> None:
    change.lead["proposed_department"] = inputs["proposed_department"]


def _set_uncertain(facts: LeadFacts, unit: Unit | None, inputs: Any, at: Moment, known: Known, change: Change) -> None:
    if inputs.get("uncertain"):
        _flag(change, facts, add="uncertain")


def _settle_uncertain(
    facts: LeadFacts, unit: Unit | None, inputs: Any, at: Moment, known: Known, change: Change
) -> None:
    if "uncertain" in facts.flags:
        _flag(change, facts, drop=("uncertain",))


def _bounce(facts: LeadFacts, unit: Unit | None, inputs: Any, at: Moment, known: Known, change: Change) -> None:
    change.lead["bounces"] = facts.bounces + 1


def _close(facts: LeadFacts, unit: Unit | None, inputs: Any, at: Moment, known: Known, change: Change) -> None:
    change.lead["closed_at"] = at.now


def _assign(facts: LeadFacts, unit: Unit | None, inputs: Any, at: Moment, known: Known, change: Change) -> None:
    named = [(inputs["lead_department"], "lead"), *((code, "assist") for code in inputs.get("assist_departments", ()))]
    for code, role in named:
        change.new_units.append(
            {
                "department": known.departments[code],
                "role": role,
                "round": facts.round,
                "push_on": at.today,
                "legal_basis": inputs["legal_basis"],
                "duty": inputs["summary"],
            }
        )


def _set_officer(facts: LeadFacts, unit: Unit | None, inputs: Any, at: Moment, known: Known, change: Change) -> None:
    if unit is not None:
        change.units.setdefault(unit.id, {})["officer_id"] = inputs["officer"]


def _take_officer(facts: LeadFacts, unit: Unit | None, inputs: Any, at: Moment, known: Known, change: Change) -> None:
    if unit is not None and unit.officer_id is None:
        change.units.setdefault(unit.id, {})["officer_id"] = at.actor.id


def _note_intervention(
    facts: LeadFacts, unit: Unit | None, inputs: Any, at: Moment, known: Known, change: Change
) -> None:
    if unit is not None:
        change.units.setdefault(unit.id, {})["intervened_on"] = at.today


def _set_unit_outcome(
    facts: LeadFacts, unit: Unit | None, inputs: Any, at: Moment, known: Known, change: Change
) -> None:
    if unit is not None:
        change.units.setdefault(unit.id, {})["outcome"] = inputs["outcome"]
        change.units[unit.id]["copies"] = sorted(inputs.get("copies", ()))


def _lead_units_outcome(
    facts: LeadFacts, unit: Unit | None, inputs: Any, at: Moment, known: Known, change: Change
) -> None:
    change.lead["outcome"] = next(one.outcome for one in facts.live_units if one.role == "lead")


def _order_recheck(facts: LeadFacts, unit: Unit | None, inputs: Any, at: Moment, known: Known, change: Change) -> None:
    duty = lead_duty(ObligationKind.RECHECK, at, change.step)
    change.tasks.append(TaskOrder("recheck", duty.due_on, duty.provisional))


def _order_verification(
    facts: LeadFacts, unit: Unit | None, inputs: Any, at: Moment, known: Known, change: Change
) -> None:
    duty = lead_duty(ObligationKind.VERIFY, at, change.step)
    change.tasks.append(TaskOrder("verify", duty.due_on, duty.provisional))


def _close_units(facts: LeadFacts, unit: Unit | None, inputs: Any, at: Moment, known: Known, change: Change) -> None:
    for one in facts.live_units:
        change.units.setdefault(one.id, {})["state"] = UnitState.CLOSED.value


def _send_copies(facts: LeadFacts, unit: Unit | None, inputs: Any, at: Moment, known: Known, change: Change) -> None:
    change.copies = tuple(sorted({code for one in facts.live_units for code in one.copies}))


def _reopen_units(facts: LeadFacts, unit: Unit | None, inputs: Any, at: Moment, known: Known, change: Change) -> None:
    """Reopen the assignments named in the failed points, by default the lead one; without one it is the community's (T28, R20)."""
    named = set(inputs.get("departments", ()))
    failed = [one for one in facts.live_units if (one.department in named if named else one.role == "lead")]
    for one in failed:
        change.units.setdefault(one.id, {})["state"] = UnitState.WORKING.value
    change.lead["state"] = (LeadState.DISPATCHED if failed else LeadState.COMMUNITY).value
    change.lead["outcome"] = None


def _new_round(facts: LeadFacts, unit: Unit | None, inputs: Any, at: Moment, known: Known, change: Change) -> None:
    """Round + 1 at the named desk; returns and `ruled` start anew, bounces are kept (T37, R27)."""
    street = inputs["target"] == "street"
    change.lead |= {
        "state": (LeadState.STREET if street else LeadState.COMMUNITY).value,
        "round": facts.round + 1,
        "returns": 0,
        "handlings": 0,
        "outcome": None,
        "closed_at": None,
        "flags": sorted(flag for flag in facts.flags if flag != "ruled"),
    }
    if "handler" in inputs:
        change.lead["handler_id"] = inputs["handler"]
    change.opened.append(lead_duty(ObligationKind.TRIAGE_S if street else ObligationKind.C_HANDLE, at, change.step))


def _end_asks(facts: LeadFacts, unit: Unit | None, inputs: Any, at: Moment, known: Known, change: Change) -> None:
    for asked in facts.asks:
        change.asks_end[asked.id] = "lapsed"


EFFECTS: dict[str, Effect] = {
    "set_handler": _set_handler,
    "reviewed": _reviewed,
    "take_correction": _take_correction,
    "count_handling": _count_handling,
    "keep_evidence": _keep_evidence,
    "set_outcome": _set_outcome,
    "set_proposed_department": _set_proposed,
    "set_uncertain": _set_uncertain,
    "settle_uncertain": _settle_uncertain,
    "bounce": _bounce,
    "close": _close,
    "assign_departments": _assign,
    "set_officer": _set_officer,
    "take_officer": _take_officer,
    "note_intervention": _note_intervention,
    "set_unit_outcome": _set_unit_outcome,
    "set_outcome_of_lead_unit": _lead_units_outcome,
    "order_recheck": _order_recheck,
    "order_verification": _order_verification,
    "close_units": _close_units,
    "send_copies": _send_copies,
    "reopen_units": _reopen_units,
    "new_round": _new_round,
    "end_asks": _end_asks,
}
