"""What a step does to the lead itself and to its assignments: the effects that rows of the lead table name."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from gridwatch.domain.lead_clocks import lead_duty
from gridwatch.domain.lead_facts import Case, Change, Elsewhere, Hold, NewAsk, TaskOrder, Unit
from gridwatch.domain.lead_words import Act, Level, UnitState
from gridwatch.domain.obligations import ObligationKind

Effect = Callable[[Case, Change], None]


# --- the lead itself ----------------------------------------------------------------------------------------------


def _set(name: str, source: str = "") -> Effect:
    """Take an input over into the lead, where it was entered."""

    def effect(case: Case, change: Change) -> None:
        if (source or name) in case.inputs:
            change.lead[name] = case.inputs[source or name]

    return effect


def _put(**values: Any) -> Effect:
    """Set members of the lead to fixed values."""

    def effect(case: Case, change: Change) -> None:
        change.lead.update(values)

    return effect


def _count(name: str, by: int = 1) -> Effect:
    """Raise a counter of the lead."""

    def effect(case: Case, change: Change) -> None:
        change.lead[name] = getattr(case.facts, name) + by

    return effect


def _flag(*, add: str = "", drop: str = "", only_if: str = "") -> Effect:
    """Set or clear a flag of the lead; `only_if` names an input that must be true for it."""

    def effect(case: Case, change: Change) -> None:
        before = set(change.lead.get("flags", case.facts.flags))
        after = (before - {drop}) | ({add} if add else set())
        if after != before and (not only_if or case.inputs.get(only_if)):
            change.lead["flags"] = sorted(after)

    return effect


def _take_correction(case: Case, change: Change) -> None:
    change.lead["description"] = case.inputs["description"]
    if "category" in case.inputs:
        change.lead["category"] = case.inputs["category"]


def _correct(case: Case, change: Change) -> None:
    """Before and after of what is corrected; no clock moves (T40)."""
    for name in ("category", "address_text", "entity_id"):
        if name in case.inputs and case.inputs[name] != getattr(case.facts, name):
            change.before[name] = getattr(case.facts, name)
            change.lead[name] = case.inputs[name]


def _keep_evidence(case: Case, change: Change) -> None:
    _add_evidence(case, change, case.inputs.get("evidence", ()))


def _keep_result_evidence(case: Case, change: Change) -> None:
    for one in case.inputs.get("results", ()):
        _add_evidence(case, change, one.get("evidence", ()))


def _add_evidence(case: Case, change: Change, digests: Iterable[str]) -> None:
    kept = set(change.lead.get("evidence", case.facts.evidence))
    if not kept.issuperset(digests):
        change.lead["evidence"] = sorted(kept.union(digests))


def _close(case: Case, change: Change) -> None:
    change.lead["closed_at"] = case.at.now


def _remember_state(case: Case, change: Change) -> None:
    change.lead["previous_state"] = case.facts.state.value


def _new_round(case: Case, change: Change) -> None:
    """Round + 1; the counters of returns start anew, bounces are kept (T37, R27)."""
    change.lead |= {
        "round": case.facts.round + 1, "requests": 0, "returns": 0, "handlings": 0, "outcome": None, "closed_at": None,
    }  # fmt: skip


def _order(kind: str, duty: ObligationKind) -> Effect:
    """A task for a worker, due with the duty that asks for it."""

    def effect(case: Case, change: Change) -> None:
        due = lead_duty(duty, case.at, change.step)
        change.tasks.append(TaskOrder(kind, due.due_on, due.provisional))

    return effect


# --- merging and linking --------------------------------------------------------------------------------------------


def _merge_into_master(case: Case, change: Change) -> None:
    """The child points to its master, which hears of one more report and keeps its clocks (T06, edge case (a))."""
    master = case.inputs["master"]
    change.lead |= {
        "previous_state": case.facts.state.value, "master_id": master, "merged_on": case.at.today, "outcome": "duplicate",
    }  # fmt: skip
    change.elsewhere.append(Elsewhere(master, Act.REPORT_ADDED.value))


def _leave_master(case: Case, change: Change) -> None:
    if case.facts.master_id is not None:
        change.elsewhere.append(Elsewhere(case.facts.master_id, Act.REPORT_REMOVED.value))
    change.lead |= {"master_id": None, "merged_on": None, "outcome": None}


def _restore_merged_units(case: Case, change: Change) -> None:
    for unit in case.facts.of_round:
        if unit.end_cause == "merged" and unit.previous_state is not None:
            change.of(unit).update(state=unit.previous_state.value, previous_state=None, end_cause=None)


def _link(case: Case, change: Change) -> None:
    change.lead["related"] = sorted(case.facts.related | {case.inputs["lead"]})


def _link_both(case: Case, change: Change) -> None:
    _link(case, change)
    change.elsewhere.append(Elsewhere(case.inputs["lead"], Act.LINKED.value, {"lead": case.facts.id}))


# --- assignments: begin and end -------------------------------------------------------------------------------------


def _begin(case: Case, change: Change, code: str, role: str, *, basis: str, duty: str, ruled: bool = False) -> None:
    """A new assignment to the department that receives for `code`. Whoever assisted so far leads instead (ruling R28)."""
    department = case.known.departments[code]
    for unit in case.facts.live_units:
        if unit.department == department and role == "lead":
            _finish(unit, UnitState.CANCELLED, "role_changed", change)
    change.new_units.append(
        {
            "department": department, "role": role, "round": case.facts.round, "push_on": case.at.today,
            "legal_basis": basis, "duty": duty, "ruled": ruled,
        }
    )  # fmt: skip


def _finish(unit: Unit, state: UnitState, cause: str, change: Change) -> None:
    if change.units.get(unit.id, {}).get("end_cause") is None:
        change.of(unit).update(state=state.value, end_cause=cause)


def _assign(case: Case, change: Change) -> None:
    """One lead department and the assisting ones. A push that the office ruled on is born `ruled` (ruling R18)."""
    named = [
        (case.inputs["lead_department"], "lead"),
        *((code, "assist") for code in case.inputs.get("assist_departments", ())),
    ]
    for code, role in named:
        _begin(
            case, change, code, role, basis=case.inputs["legal_basis"], duty=case.inputs["summary"],
            ruled="ruling_no" in case.inputs,
        )  # fmt: skip


def _add_assist(case: Case, change: Change) -> None:
    _begin(case, change, case.inputs["department"], "assist", basis="", duty=case.inputs["duty"])


def _change_lead(case: Case, change: Change) -> None:
    """The old lead department returns it, or stays as assist with its row and grid; the new one starts anew (T23, R28)."""
    if case.unit is not None:
        if case.inputs["old_lead"] == "assist":
            change.of(case.unit)["role"] = "assist"
        else:
            _finish(case.unit, UnitState.RETURNED, "returned", change)
    _assign(case, change)


def _end_units(cause: str) -> Effect:
    """Cancel every live assignment."""

    def effect(case: Case, change: Change) -> None:
        for unit in case.facts.live_units:
            _finish(unit, UnitState.CANCELLED, cause, change)

    return effect


def _cancel_merged(case: Case, change: Change) -> None:
    for unit in case.facts.live_units:
        _finish(unit, UnitState.CANCELLED, "merged", change)
        change.of(unit)["previous_state"] = unit.state.value


def _mark(cause: str) -> Effect:
    """Why the named assignment ended."""

    def effect(case: Case, change: Change) -> None:
        if case.unit is not None:
            change.of(case.unit)["end_cause"] = cause

    return effect


def _count_return(case: Case, change: Change) -> None:
    _mark("returned")(case, change)
    change.lead["returns"] = case.facts.returns + 1


def _close_units(case: Case, change: Change) -> None:
    for unit in case.facts.live_units:
        change.of(unit)["state"] = UnitState.CLOSED.value


def _reopen_units(case: Case, change: Change) -> None:
    """The assignments named in the failed points, by default the lead one; the others stay as they are (T28, R20)."""
    named = set(case.inputs.get("departments", ()))
    for unit in case.facts.live_units:
        if unit.department in named if named else unit.role == "lead":
            change.of(unit)["state"] = UnitState.WORKING.value


# --- assignments: on the way ----------------------------------------------------------------------------------------


def _unit_gets(**values: Any) -> Effect:
    """Set members of the named assignment to fixed values."""

    def effect(case: Case, change: Change) -> None:
        if case.unit is not None:
            change.of(case.unit).update(values)

    return effect


def _unit_takes(name: str, source: str) -> Effect:
    """Take an input over into the named assignment."""

    def effect(case: Case, change: Change) -> None:
        if case.unit is not None:
            change.of(case.unit)[name] = case.inputs[source]

    return effect


def _take_officer(case: Case, change: Change) -> None:
    if case.unit is not None and case.unit.officer_id is None:
        change.of(case.unit)["officer_id"] = case.at.actor.id


def _note_intervention(case: Case, change: Change) -> None:
    if case.unit is not None:
        change.of(case.unit)["intervened_on"] = case.at.today


def _note_request(case: Case, change: Change) -> None:
    """The requests of a round are numbered over all departments; one that is taken back counts too (ruling R18)."""
    if case.unit is not None:
        number = case.facts.requests + 1
        change.of(case.unit).update(
            previous_state=case.unit.state.value, requested_on=case.at.today, request_no=number, passed_on=False
        )
        change.lead["requests"] = number


def _set_unit_outcome(case: Case, change: Change) -> None:
    if case.unit is not None:
        change.of(case.unit).update(outcome=case.inputs["outcome"], copies=sorted(case.inputs.get("copies", ())))


def _outcome_of_lead_unit(case: Case, change: Change) -> None:
    change.lead["outcome"] = next(unit.outcome for unit in case.facts.live_units if unit.role == "lead")


def _send_copies(case: Case, change: Change) -> None:
    change.copies = tuple(sorted({code for unit in case.facts.live_units for code in unit.copies}))


def _note_hold(case: Case, change: Change) -> None:
    if case.unit is not None:
        new = {name: case.inputs[name] for name in ("code", "from_on", "until_on", "document")}
        change.of(case.unit)["holds"] = [*map(_hold_values, case.unit.holds), new]


def _shorten_hold(case: Case, change: Change) -> None:
    """The hold that covers the day ends with it; no date becomes earlier by that (ruling R10)."""
    if case.unit is not None:
        until = case.inputs["until_on"]
        holds = [_hold_values(hold) for hold in case.unit.holds]
        for hold in holds:
            if hold["from_on"] <= until < hold["until_on"]:
                hold["until_on"] = until
        change.of(case.unit)["holds"] = holds


def _hold_values(hold: Hold) -> dict[str, str]:
    return {
        "code": hold.code, "from_on": hold.from_on.isoformat(), "until_on": hold.until_on.isoformat(), "document": hold.document,
    }  # fmt: skip


def _inherit(case: Case, change: Change) -> None:
    """The successor takes the assignment over as it stands, with the same push (edge case (f)).

    A department has a lead once: of two assignments that would be its own, the assisting one ends (as in ruling R28).
    """
    unit, successor = case.unit, case.known.departments[case.inputs["department"]]
    if unit is None:
        return
    double = next((one for one in case.facts.live_units if one.department == successor and one.id != unit.id), None)
    ends = next((one for one in (unit, double) if one is not None and one.role == "assist"), None) if double else None
    if ends is not None:
        _finish(ends, UnitState.CANCELLED, "role_changed", change)
    if ends is not unit:
        change.of(unit)["department"] = successor


# --- joint operations, excuses ----------------------------------------------------------------------------------------


def _note_attendance(case: Case, change: Change) -> None:
    """Attendance is an intervention of who had not begun (T20), on the server date of the record (ruling R22)."""
    for unit in case.facts.live_units:
        if unit.department in case.inputs["present"] and unit.state is not UnitState.WORKING:
            change.of(unit).update(state=UnitState.WORKING.value, intervened_on=case.at.today)
    change.departments = tuple(sorted(case.inputs["present"]))


def _ask_as_done(case: Case, change: Change) -> None:
    """What an operation has done is the ask of T25; the department's leader confirms (rulings R22, R38)."""
    for one in case.inputs.get("results", ()):
        if one["result"] != "done":
            continue
        unit = next(
            unit
            for unit in case.facts.live_units
            if unit.department == one["department"] and unit.state is UnitState.WORKING
        )
        inputs = {name: value for name, value in one.items() if name not in ("department", "result")}
        change.asks_end |= {ask.id: "lapsed" for ask in case.facts.asks if ask.step == "T25" and ask.unit_id == unit.id}
        change.new_asks.append(NewAsk("T25", Act.REPORT_DONE.value, unit.id, case.at.actor.id, inputs))


def _excuse(case: Case, change: Change) -> None:
    """The fact stays; it stands beside it that the office excused it (T42, R14)."""
    duty = case.facts.duty(case.inputs["obligation"])
    if duty is not None:
        change.excused[duty.id] = case.inputs["reason"]
        change.unit_id = duty.unit_id


EFFECTS: dict[str, Effect] = {
    "set_handler": _set("handler_id", "handler"),
    "set_outcome": _set("outcome"),
    "set_proposed_department": _set("proposed_department"),
    "forget_outcome": _put(outcome=None),
    "to_group": _put(level=Level.GROUP.value),
    "to_city": _put(level=Level.CITY.value),
    "to_peer": _put(level=Level.PEER.value),
    "leave_level": _put(level=None),
    "count_handling": _count("handlings"),
    "count_report": _count("reports"),
    "count_report_less": _count("reports", -1),
    "bounce": _count("bounces"),
    "reviewed": _flag(drop="needs_review"),
    "mark_major": _flag(add="major"),
    "set_uncertain": _flag(add="uncertain", only_if="uncertain"),
    "settle_uncertain": _flag(drop="uncertain"),
    "start_joint": _flag(add="joint"),
    "end_joint": _flag(drop="joint"),
    "take_correction": _take_correction,
    "correct": _correct,
    "keep_evidence": _keep_evidence,
    "keep_result_evidence": _keep_result_evidence,
    "close": _close,
    "remember_state": _remember_state,
    "new_round": _new_round,
    "order_recheck": _order("recheck", ObligationKind.RECHECK),
    "order_verification": _order("verify", ObligationKind.VERIFY),
    "merge_into_master": _merge_into_master,
    "leave_master": _leave_master,
    "restore_merged_units": _restore_merged_units,
    "link": _link,
    "link_both": _link_both,
    "assign_departments": _assign,
    "add_assist": _add_assist,
    "change_lead": _change_lead,
    "waive_units": _end_units("waived"),
    "cancel_units_escalated": _end_units("escalated"),
    "cancel_units_merged": _cancel_merged,
    "mark_waived": _mark("waived"),
    "mark_withdrawn": _mark("withdrawn"),
    "count_return": _count_return,
    "close_units": _close_units,
    "reopen_units": _reopen_units,
    "pass_on": _unit_gets(passed_on=True),
    "rule": _unit_gets(ruled=True),
    "set_officer": _unit_takes("officer_id", "officer"),
    "take_officer": _take_officer,
    "note_intervention": _note_intervention,
    "note_request": _note_request,
    "set_unit_outcome": _set_unit_outcome,
    "set_outcome_of_lead_unit": _outcome_of_lead_unit,
    "send_copies": _send_copies,
    "note_hold": _note_hold,
    "shorten_hold": _shorten_hold,
    "inherit": _inherit,
    "note_attendance": _note_attendance,
    "ask_as_done": _ask_as_done,
    "excuse": _excuse,
}
