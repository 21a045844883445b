"""What each clock effect of the lead table means. Pure: facts in, duties to open and to end out (domain.md §4c, R1–R7, R20)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import date
from typing import Any

from gridwatch.domain import lead_flow as flow
from gridwatch.domain.lead_facts import Change, Duty, EndDuty, LeadFacts, Moment, OpenDuty, Unit
from gridwatch.domain.lead_words import UnitState
from gridwatch.domain.obligations import (
    ObligationKind,
    c_handle_after_notice,
    cancel_touches,
    due_for,
    window_containing,
)
from gridwatch.domain.worktime import Due

FEEDBACK = ObligationKind.FEEDBACK


def run(
    step: flow.Step, facts: LeadFacts, unit: Unit | None, inputs: dict[str, Any], at: Moment, change: Change
) -> None:
    """Apply the clock effects of a step to `change`, in the order of the row."""
    for clock in step.clocks:
        _MEANING[type(clock)](clock, step, facts, unit, inputs, at, change)


def stored_dues(facts: LeadFacts, unit_id: str) -> dict[int, Due]:
    """The effective due day of each feedback window of an assignment, by k: what was announced counts (ruling R1)."""
    return {
        duty.k: Due(duty.due_on, duty.provisional)
        for duty in facts.duties
        if duty.kind is FEEDBACK and duty.unit_id == unit_id and duty.ended != "superseded"
    }


def missing_windows(unit_id: str, push_on: date, dues: dict[int, Due], at: Moment, cause: str) -> list[OpenDuty]:
    """The windows that must exist on `at.today` and do not yet: those up to the current one, and the next. Made lazily (§4c)."""
    current = window_containing(push_on, at.today, at.policy, at.calendar, effective=dues)
    return [_window(unit_id, push_on, k, at, cause) for k in range(max(dues, default=0) + 1, current + 2)]


def _window(unit: str, push_on: date, k: int, at: Moment, cause: str) -> OpenDuty:
    due = due_for(FEEDBACK, push_on, at.policy, at.calendar, k)
    return OpenDuty(FEEDBACK, k, unit, push_on, at.policy.days[FEEDBACK] * k, due.on, due.provisional, cause)


def _open(
    clock: flow.Open, step: flow.Step, facts: LeadFacts, unit: Unit | None, inputs: Any, at: Moment, change: Change
) -> None:
    change.opened.append(lead_duty(clock.kind, at, step.id, sent_back=clock.sent_back))


def lead_duty(
    kind: ObligationKind, at: Moment, cause: str, *, sent_back: bool = False, unit: str | None = None
) -> OpenDuty:
    """A duty counted from today."""
    due = due_for(kind, at.today, at.policy, at.calendar, sent_back=sent_back)
    days = at.policy.sent_back_days if sent_back else at.policy.days[kind]
    return OpenDuty(kind, 1, unit, at.today, days, due.on, due.provisional, cause)


def _meet(
    clock: flow.Meet, step: flow.Step, facts: LeadFacts, unit: Unit | None, inputs: Any, at: Moment, change: Change
) -> None:
    for duty in facts.open(*clock.kinds, unit_id=unit.id if clock.unit and unit else None):
        change.ended.append(EndDuty(duty.id, "met", step.id, at.today))


def _drop(
    clock: flow.Drop, step: flow.Step, facts: LeadFacts, unit: Unit | None, inputs: Any, at: Moment, change: Change
) -> None:
    for duty in facts.open(*clock.kinds):
        change.ended.append(cancelled(duty, clock.cause, at.today))


def cancelled(duty: Duty, cause: str, on: date) -> EndDuty:
    """The end of a duty by cancellation: what is overdue by then stays missed (ruling R5)."""
    return EndDuty(duty.id, "cancelled" if cancel_touches(duty.due_on, on) else "missed", cause, on)


def _open_grids(
    clock: Any, step: flow.Step, facts: LeadFacts, unit: Unit | None, inputs: Any, at: Moment, change: Change
) -> None:
    for new in change.new_units:
        change.opened.append(lead_duty(ObligationKind.INTERVENE, at, step.id, unit=new["department"]))
        change.opened += [_window(new["department"], at.today, k, at, step.id) for k in (1, 2)]


def _meet_window(
    clock: flow.MeetWindow,
    step: flow.Step,
    facts: LeadFacts,
    unit: Unit | None,
    inputs: Any,
    at: Moment,
    change: Change,
) -> None:
    if unit is None or (clock.when and not inputs.get(clock.when)):
        return
    dues = stored_dues(facts, unit.id)
    current = window_containing(unit.push_on, at.today, at.policy, at.calendar, effective=dues)
    for duty in facts.open(FEEDBACK, unit_id=unit.id):
        if duty.k == current:
            change.ended.append(EndDuty(duty.id, "met", step.id, at.today))
        elif duty.k < current:
            change.ended.append(EndDuty(duty.id, "cured", step.id, at.today))


def _extend_handling(
    clock: Any, step: flow.Step, facts: LeadFacts, unit: Unit | None, inputs: Any, at: Moment, change: Change
) -> None:
    extended_before = any(
        duty.kind is ObligationKind.C_HANDLE and duty.cause == "notice_served" for duty in facts.duties
    )
    for duty in facts.open(ObligationKind.C_HANDLE):
        old = Due(duty.due_on, duty.provisional)
        new = c_handle_after_notice(old, at.today, at.policy, at.calendar, already_extended=extended_before)
        if new is None:
            continue
        change.ended.append(EndDuty(duty.id, "superseded", "notice_served", at.today))
        # Counted from the day of service: ten work days of RECHECK and two of margin are twelve in one go.
        days = at.policy.days[ObligationKind.RECHECK] + at.policy.notice_margin_days
        change.opened.append(
            OpenDuty(
                duty.kind, duty.k, None, at.today, days, new.on, new.provisional, "notice_served", supersedes=duty.id
            )
        )


def _suspend(
    clock: Any, step: flow.Step, facts: LeadFacts, unit: Unit | None, inputs: Any, at: Moment, change: Change
) -> None:
    if unit is not None:
        change.units.setdefault(unit.id, {})["suspended_from"] = at.today


def _resume(
    clock: Any, step: flow.Step, facts: LeadFacts, unit: Unit | None, inputs: Any, at: Moment, change: Change
) -> None:
    reopened = [
        unit for unit in facts.live_units if change.units.get(unit.id, {}).get("state") == UnitState.WORKING.value
    ]
    for one in reopened:
        for duty in facts.open(FEEDBACK, unit_id=one.id):
            if _suspended(duty, one, at.today):
                change.ended.append(EndDuty(duty.id, "suspended", step.id, at.today))
        # Dates inside the verification are gone; the grid resumes at its next original date after today (T28, R6).
        missing = missing_windows(one.id, one.push_on, stored_dues(facts, one.id), at, step.id)
        change.opened += [window for window in missing if window.due_on > at.today]
        change.opened.append(lead_duty(ObligationKind.REWORK, at, step.id, unit=one.id))
        change.units[one.id]["suspended_from"] = None
    if not reopened:
        change.opened.append(lead_duty(ObligationKind.REWORK, at, step.id))


def _finish(
    clock: Any, step: flow.Step, facts: LeadFacts, unit: Unit | None, inputs: Any, at: Moment, change: Change
) -> None:
    change.ended += finish(facts, at.today, step.id, done={end.duty_id for end in change.ended})


def finish(facts: LeadFacts, on: date, cause: str, done: Iterable[str] = ()) -> list[EndDuty]:
    """End every open duty of a lead that ends on `on`: suspended, missed or cancelled, each as it stands (R5, R6, I3)."""
    done = set(done)
    units = {unit.id: unit for unit in facts.units}
    ends = []
    for duty in facts.open():
        if duty.id in done:
            continue
        owner = units.get(duty.unit_id) if duty.unit_id else None
        if owner is not None and duty.kind is FEEDBACK and _suspended(duty, owner, on):
            ends.append(EndDuty(duty.id, "suspended", cause, on))
        else:
            ends.append(cancelled(duty, cause, on))
    return ends


def _suspended(duty: Duty, unit: Unit, until: date) -> bool:
    """True when the window fell due in the suspended interval of its assignment, both days included (ruling R6)."""
    return unit.suspended_from is not None and unit.suspended_from <= duty.due_on <= until


_MEANING: dict[type, Callable[..., None]] = {
    flow.Open: _open,
    flow.Meet: _meet,
    flow.Drop: _drop,
    flow.OpenGrids: _open_grids,
    flow.MeetWindow: _meet_window,
    flow.ExtendHandling: _extend_handling,
    flow.Suspend: _suspend,
    flow.Resume: _resume,
    flow.Finish: _finish,
}
