"""What each clock effect of the lead table means. Pure: facts in, duties to open and to end out (domain.md §4c, R1–R11, R20–R26)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import date
from typing import Any

from gridwatch.domain import lead_shape as shape
from gridwatch.domain.lead_facts import Case, Change, Duty, EndDuty, LeadFacts, Moment, OpenDuty, TaskOrder, Unit
from gridwatch.domain.lead_words import UnitState
from gridwatch.domain.obligations import (
    ObligationKind,
    Span,
    c_handle_after_notice,
    cancel_touches,
    due_for,
    entry_day,
    fast_lane_due_at,
    intervene_under_hold,
    is_suspended,
    window_containing,
)
from gridwatch.domain.reminders import Owner
from gridwatch.domain.worktime import Due, local_day

FEEDBACK, CITY_FOLLOW = ObligationKind.FEEDBACK, ObligationKind.CITY_FOLLOW
# While an assignment stands so, its windows are made and fall due.
RUNNING = frozenset({UnitState.PUSHED, UnitState.ACCEPTED, UnitState.WORKING, UnitState.RETURN_PENDING})
NOTICE_SERVED = "notice_served"
FIELD = frozenset({ObligationKind.RECHECK, ObligationKind.VERIFY})  # what a worker does at the door, perhaps offline


def run(step: shape.Step, case: Case, change: Change) -> None:
    """Apply the clock effects of a step to `change`, in the order of the row, by the calendar of the lead's area."""
    case = replace(case, at=case.at.within(case.facts.area_path))
    for clock in step.clocks:
        _MEANING[type(clock)](clock, case, change)


# --- duties -------------------------------------------------------------------------------------------------------


def lead_duty(
    kind: ObligationKind, at: Moment, cause: str, *, sent_back: bool = False, unit: str | None = None,
    owner: Owner | None = None,
) -> OpenDuty:  # fmt: skip
    """A duty counted from today."""
    due = due_for(kind, at.today, at.policy, at.calendar, sent_back=sent_back)
    days = at.policy.sent_back_days if sent_back else at.policy.days[kind]
    return OpenDuty(kind, 1, unit, at.today, days, due.on, due.provisional, cause, owner=owner.value if owner else None)


def is_overdue(duty: Duty, at: Moment) -> bool:
    """Whether its day, or its instant where it has one, has passed. Computed, never stored (invariant I5)."""
    return at.now > duty.due_at if duty.due_at is not None else entry_on(at) > duty.due_on


def entry_on(at: Moment) -> date:
    """The day for which an entry made now counts: today, or tomorrow after the policy's close of business (§4c)."""
    return at.today if at.policy.closes_at is None else entry_day(at.now, at.policy)


def is_late(duty: Duty, at: Moment) -> bool:
    """Whether it was not met in time: overdue by now, missed, cured or met late. Only such a duty can be excused (T42, R14)."""
    if duty.ended is None:
        return is_overdue(duty, at)
    if duty.ended == "met":
        if duty.due_at is not None and duty.ended_at is not None:
            return duty.ended_at > duty.due_at
        return duty.ended_on is not None and duty.ended_on > duty.due_on
    return duty.ended in ("missed", "cured")


def _still_open(case: Case, change: Change, *kinds: ObligationKind, unit_id: str | None = None) -> list[Duty]:
    """The open duties that this step has not ended yet."""
    done = {end.duty_id for end in change.ended}
    return [duty for duty in case.facts.open(*kinds, unit_id=unit_id) if duty.id not in done]


def _of_lead(duties: Iterable[Duty]) -> list[Duty]:
    return [duty for duty in duties if duty.unit_id is None]


def _end(duty: Duty, how: str, cause: str, at: Moment, change: Change) -> None:
    on = at.today
    if how in ("met", "cured"):
        on = max(duty.anchor_on, at.done_on) if at.done_on and duty.kind in FIELD else entry_on(at)
    change.ended.append(EndDuty(duty.id, how, cause, on))


def _cancel(duty: Duty, owner: Unit | None, cause: str, on: date, at: Moment, change: Change) -> None:
    """End a duty that nobody will satisfy any more: suspended, missed or cancelled, as it stands on `on` (R5, R6)."""
    if duty.kind is FEEDBACK and owner is not None and _fell_due_suspended(duty, owner, at.today):
        how = "suspended"
    elif duty.due_at is not None:
        how = "missed" if is_overdue(duty, at) else "cancelled"
    else:
        how = "cancelled" if cancel_touches(duty.due_on, on) else "missed"
    change.ended.append(EndDuty(duty.id, how, cause, on))


def _fell_due_suspended(duty: Duty, unit: Unit, until: date) -> bool:
    """True when the window fell due in the suspended interval of its assignment, both days included (ruling R6)."""
    return unit.suspended_from is not None and is_suspended(duty.due_on, [Span(unit.suspended_from, until)])


# --- windows ------------------------------------------------------------------------------------------------------


def stored_dues(facts: LeadFacts, unit_id: str) -> dict[int, Due]:
    """The effective due day of each feedback window of an assignment, by k: what was announced counts (ruling R1)."""
    return {
        duty.k: Due(duty.due_on, duty.provisional)
        for duty in facts.duties
        if duty.kind is FEEDBACK and duty.unit_id == unit_id and duty.ended != "superseded"
    }


def missing_windows(
    unit_id: str | None, push_on: date, dues: dict[int, Due], at: Moment, cause: str, kind: ObligationKind = FEEDBACK
) -> list[OpenDuty]:
    """The windows that must exist on `at.today` and do not yet: those up to the current one, and the next. Made lazily (§4c)."""
    current = window_containing(push_on, entry_on(at), at.policy, at.calendar, kind=kind, effective=dues)
    return [_window(unit_id, push_on, k, at, cause, kind) for k in range(max(dues, default=0) + 1, current + 2)]


def missing_duties(facts: LeadFacts, at: Moment) -> list[OpenDuty]:
    """Every window of the lead that must exist today and does not: of each running assignment, and of the follow-up above."""
    at, missing = at.within(facts.area_path), []
    for unit in facts.live_units:
        if unit.state in RUNNING and unit.suspended_from is None:
            own = _own_limit(FEEDBACK, unit.id, facts, at)
            missing += missing_windows(unit.id, unit.push_on, stored_dues(facts, unit.id), own, "window")
    if (anchor := _follow_anchor(facts)) is not None:
        own = _own_limit(CITY_FOLLOW, None, facts, at)
        missing += missing_windows(None, anchor, _follow_dues(facts, anchor), own, "window", CITY_FOLLOW)
    return missing


def _own_limit(kind: ObligationKind, unit_id: str | None, facts: LeadFacts, at: Moment) -> Moment:
    """The moment under the limit that a running clock began with: a new policy is for new clocks only."""
    begun = [duty for duty in facts.duties if duty.kind is kind and duty.unit_id == unit_id and duty.days]
    if kind is CITY_FOLLOW:
        begun = [duty for duty in begun if duty.anchor_on == _follow_anchor(facts)]
    if not begun or begun[0].days == at.policy.days[kind] * begun[0].k:
        return at
    days = {**at.policy.days, kind: begun[0].days // begun[0].k}
    return replace(at, policy=replace(at.policy, days=days))


def _window(
    unit: str | None, push_on: date, k: int, at: Moment, cause: str, kind: ObligationKind = FEEDBACK
) -> OpenDuty:
    due = due_for(kind, push_on, at.policy, at.calendar, k)
    return OpenDuty(kind, k, unit, push_on, at.policy.days[kind] * k, due.on, due.provisional, cause)


def _follow_anchor(facts: LeadFacts) -> date | None:
    """The day from which the running grid of CITY_FOLLOW counts; None when none runs."""
    return max((duty.anchor_on for duty in facts.open(CITY_FOLLOW)), default=None)


def _follow_dues(facts: LeadFacts, anchor: date) -> dict[int, Due]:
    return {
        duty.k: Due(duty.due_on, duty.provisional)
        for duty in facts.duties
        if duty.kind is CITY_FOLLOW and duty.anchor_on == anchor and duty.ended != "superseded"
    }


def _enter(case: Case, change: Change, open_windows: Iterable[Duty], current: int, cause: str) -> None:
    """One entry: the window it falls in is met, every missed one before it is cured (rulings R1, R7)."""
    for duty in open_windows:
        if duty.k <= current:
            _end(duty, "met" if duty.k == current else "cured", cause, case.at, change)


def _feed_back(unit: Unit, case: Case, change: Change) -> None:
    at, dues = _own_limit(FEEDBACK, unit.id, case.facts, case.at), stored_dues(case.facts, unit.id)
    current = window_containing(unit.push_on, entry_on(at), at.policy, at.calendar, effective=dues)
    _enter(case, change, _still_open(case, change, FEEDBACK, unit_id=unit.id), current, change.step)


# --- opening ------------------------------------------------------------------------------------------------------


def _open(clock: shape.Open, case: Case, change: Change) -> None:
    change.opened.append(lead_duty(clock.kind, case.at, change.step, sent_back=clock.sent_back, owner=clock.owner))


def _open_fast_lane(clock: Any, case: Case, change: Change) -> None:
    due_at = fast_lane_due_at(case.at.now, case.at.policy)
    change.opened.append(
        OpenDuty(
            ObligationKind.TRIAGE_S, 1, None, case.at.today, 0, local_day(due_at), False, change.step, due_at=due_at
        )
    )


def _open_ruling(clock: Any, case: Case, change: Change) -> None:
    if case.unit is not None:
        owner = Owner.SUPERVISION if case.facts.requests else Owner.STREET
        change.opened.append(lead_duty(ObligationKind.RULING, case.at, change.step, unit=case.unit.id, owner=owner))


def _open_follow_up(clock: Any, case: Case, change: Change) -> None:
    change.opened += [_window(None, case.at.today, k, case.at, change.step, CITY_FOLLOW) for k in (1, 2)]


def _open_review(clock: Any, case: Case, change: Change) -> None:
    on = date.fromisoformat(case.inputs["review_on"])
    change.opened.append(OpenDuty(ObligationKind.REVIEW, 1, None, case.at.today, 0, on, False, change.step))


def _open_grids(clock: Any, case: Case, change: Change) -> None:
    for new in change.new_units:
        department = new["department"]
        change.opened.append(lead_duty(ObligationKind.INTERVENE, case.at, change.step, unit=department))
        change.opened += [_window(department, case.at.today, k, case.at, change.step) for k in (1, 2)]


def _reopen_merged(clock: Any, case: Case, change: Change) -> None:
    """New rows with the old dates: rows are never edited (I4). What fell due meanwhile is overdue at once (ruling R25)."""
    superseded = {duty.supersedes for duty in case.facts.duties}
    for old in case.facts.duties:
        if old.end_cause != "merged" or old.id in superseded:
            continue
        change.opened.append(
            OpenDuty(old.kind, old.k, old.unit_id, old.anchor_on, old.days, old.due_on, old.provisional, "unmerged",
                     supersedes=old.id, due_at=old.due_at, owner=old.owner)
        )  # fmt: skip
        if old.ended == "cancelled" and is_overdue(old, case.at):
            change.proposed.append(old.id)
        if old.kind is ObligationKind.RECHECK:
            change.tasks.append(TaskOrder("recheck", old.due_on, old.provisional))


# --- meeting ------------------------------------------------------------------------------------------------------


def _meet(clock: shape.Meet, case: Case, change: Change) -> None:
    for duty in _named(clock.kinds, clock.unit, case, change):
        _end(duty, "met", change.step, case.at, change)


def _drop(clock: shape.Drop, case: Case, change: Change) -> None:
    for duty in _named(clock.kinds, clock.unit, case, change):
        _cancel(duty, case.facts.unit(duty.unit_id), clock.cause, case.at.today, case.at, change)


def _named(kinds: tuple[ObligationKind, ...], of_unit: bool, case: Case, change: Change) -> list[Duty]:
    """The open duties of these kinds: the lead's own, or those of the assignment that the step works on."""
    duties = _still_open(case, change, *kinds)
    if not of_unit:
        return _of_lead(duties)
    return [duty for duty in duties if case.unit is not None and duty.unit_id == case.unit.id]


def _meet_window(clock: shape.MeetWindow, case: Case, change: Change) -> None:
    if case.unit is not None and (not clock.when or case.inputs.get(clock.when)):
        _feed_back(case.unit, case, change)


def _meet_follow_up(clock: Any, case: Case, change: Change) -> None:
    anchor, at = _follow_anchor(case.facts), _own_limit(CITY_FOLLOW, None, case.facts, case.at)
    if anchor is not None:
        dues = _follow_dues(case.facts, anchor)
        current = window_containing(anchor, entry_on(at), at.policy, at.calendar, kind=CITY_FOLLOW, effective=dues)
        _enter(case, change, _still_open(case, change, CITY_FOLLOW), current, change.step)


def _meet_present(clock: Any, case: Case, change: Change) -> None:
    for unit in case.facts.live_units:
        if unit.department not in case.inputs["present"]:
            continue
        if unit.state is UnitState.WORKING:
            _feed_back(unit, case, change)
        for duty in _still_open(case, change, ObligationKind.INTERVENE, unit_id=unit.id):
            _end(duty, "met", change.step, case.at, change)


def _meet_results(clock: Any, case: Case, change: Change) -> None:
    going_on = {one["department"] for one in case.inputs.get("results", ()) if one["result"] == "progress"}
    for unit in case.facts.live_units:
        if unit.department in going_on and unit.state is UnitState.WORKING:
            _feed_back(unit, case, change)


# --- ending -------------------------------------------------------------------------------------------------------


def _drop_units(clock: Any, case: Case, change: Change) -> None:
    for unit in case.facts.units:
        cause = change.units.get(unit.id, {}).get("end_cause")
        if cause is None:
            continue
        asked_on = unit.requested_on if unit.state is UnitState.RETURN_PENDING and cause == "returned" else None
        for duty in _still_open(case, change, unit_id=unit.id):
            _cancel(duty, unit, cause, asked_on or case.at.today, case.at, change)


def _finish(clock: shape.Finish, case: Case, change: Change) -> None:
    for duty in _still_open(case, change):
        owner = case.facts.unit(duty.unit_id)
        _cancel(duty, owner, clock.cause or change.step, case.at.today, case.at, change)


# --- moving -------------------------------------------------------------------------------------------------------


def _extend_handling(clock: Any, case: Case, change: Change) -> None:
    at = case.at
    for duty in _still_open(case, change, ObligationKind.C_HANDLE):
        old = Due(duty.due_on, duty.provisional)
        new = c_handle_after_notice(
            old, at.today, at.policy, at.calendar, already_extended=_was_extended(duty, case.facts)
        )
        if new is not None:
            # Counted from the day of service: ten work days of RECHECK and two of margin are twelve in one go.
            days = at.policy.days[ObligationKind.RECHECK] + at.policy.notice_margin_days
            _supersede(duty, at.today, days, new, NOTICE_SERVED, case, change)


def _was_extended(duty: Duty, facts: LeadFacts) -> bool:
    """Whether a notice moved this clock before: the row itself, or one that it supersedes."""
    row: Duty | None = duty
    while row is not None:
        if row.cause == NOTICE_SERVED:
            return True
        row = facts.duty(row.supersedes) if row.supersedes else None
    return False


def _extend_intervention(clock: Any, case: Case, change: Change) -> None:
    unit = case.unit
    if unit is None:
        return
    at = _own_limit(ObligationKind.INTERVENE, unit.id, case.facts, case.at)
    asked = Span(date.fromisoformat(case.inputs["from_on"]), date.fromisoformat(case.inputs["until_on"]))
    spans = [hold.span for hold in unit.holds if hold.code == "force_majeure"]
    spans += [asked] if case.inputs["code"] == "force_majeure" else []
    for duty in _still_open(case, change, ObligationKind.INTERVENE, unit_id=unit.id):
        old = Due(duty.due_on, duty.provisional)
        new = intervene_under_hold(old, unit.push_on, spans, at.today, at.policy, at.calendar)
        if new.on != old.on:
            _supersede(duty, unit.push_on, at.calendar.count(unit.push_on, new.on), new, "hold", case, change)


def _supersede(duty: Duty, anchor: date, days: int, new: Due, cause: str, case: Case, change: Change) -> None:
    _end(duty, "superseded", cause, case.at, change)
    change.opened.append(
        OpenDuty(duty.kind, duty.k, duty.unit_id, anchor, days, new.on, new.provisional, cause, supersedes=duty.id,
                 owner=duty.owner)
    )  # fmt: skip


# --- suspending (R6) ----------------------------------------------------------------------------------------------


def _suspend(clock: Any, case: Case, change: Change) -> None:
    if case.unit is not None:
        change.of(case.unit)["suspended_from"] = case.at.today


def _suspend_all(clock: Any, case: Case, change: Change) -> None:
    for unit in case.facts.live_units:
        if unit.suspended_from is None:
            change.of(unit)["suspended_from"] = case.at.today


def _resume(clock: Any, case: Case, change: Change) -> None:
    for unit in case.facts.live_units:
        if change.units.get(unit.id, {}).get("state") == UnitState.WORKING.value:
            _go_on(unit, case, change)
            rework = lead_duty(ObligationKind.REWORK, case.at, change.step, unit=unit.id, owner=Owner.DEPARTMENT)
            change.opened.append(rework)


def _resume_all(clock: Any, case: Case, change: Change) -> None:
    for unit in case.facts.live_units:
        if unit.state in RUNNING:
            _go_on(unit, case, change)


def _go_on(unit: Unit, case: Case, change: Change) -> None:
    """Dates inside the verification are gone; the grid resumes at its next original date after today (T28, R6)."""
    for duty in _still_open(case, change, FEEDBACK, unit_id=unit.id):
        if _fell_due_suspended(duty, unit, case.at.today):
            _end(duty, "suspended", change.step, case.at, change)
    dues = stored_dues(case.facts, unit.id)
    own = _own_limit(FEEDBACK, unit.id, case.facts, case.at)
    missing = missing_windows(unit.id, unit.push_on, dues, own, change.step)
    change.opened += [window for window in missing if window.due_on > case.at.today]
    change.of(unit)["suspended_from"] = None


def _propose_excuse(clock: Any, case: Case, change: Change) -> None:
    unit = case.unit
    if unit is None or unit.requested_on is None:
        return
    late = any(is_overdue(duty, case.at) for duty in case.facts.open(ObligationKind.RULING, unit_id=unit.id))
    for duty in case.facts.open(ObligationKind.INTERVENE, unit_id=unit.id):
        if late and unit.requested_on <= duty.due_on < case.at.today:
            change.proposed.append(duty.id)


_MEANING: dict[type, Callable[..., None]] = {
    shape.Open: _open,
    shape.OpenFastLane: _open_fast_lane,
    shape.OpenRuling: _open_ruling,
    shape.OpenFollowUp: _open_follow_up,
    shape.OpenReview: _open_review,
    shape.OpenGrids: _open_grids,
    shape.Meet: _meet,
    shape.MeetWindow: _meet_window,
    shape.MeetFollowUp: _meet_follow_up,
    shape.MeetPresent: _meet_present,
    shape.MeetResults: _meet_results,
    shape.Drop: _drop,
    shape.DropUnits: _drop_units,
    shape.Finish: _finish,
    shape.ReopenMerged: _reopen_merged,
    shape.ExtendHandling: _extend_handling,
    shape.ExtendIntervention: _extend_intervention,
    shape.Suspend: _suspend,
    shape.SuspendAll: _suspend_all,
    shape.Resume: _resume,
    shape.ResumeAll: _resume_all,
    shape.ProposeExcuse: _propose_excuse,
}
