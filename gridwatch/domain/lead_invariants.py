"""What must hold of every lead at every time: invariants I2–I5 and what the rulings say of clocks, as one pure check.

I1, I6, I7 and I9 are about how changes are made and seen, I8 and I10 about what is recorded; they have their own tests.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from gridwatch.domain.lead_clocks import FEEDBACK
from gridwatch.domain.lead_facts import LeadFacts
from gridwatch.domain.lead_flow import STEP_OF
from gridwatch.domain.lead_words import ENDED, LeadState, Level, UnitState
from gridwatch.domain.obligations import ObligationKind as Kind

# Where a lead waits, one of these clocks runs, and only there (§4b with R20, R24, R26). Level by level above the street.
_WAITS_FOR: dict[LeadState, frozenset[Kind]] = {
    LeadState.REPORTED: frozenset({Kind.TRIAGE_C}),
    LeadState.RETURNED: frozenset({Kind.RESUBMIT}),
    LeadState.COMMUNITY: frozenset({Kind.C_HANDLE, Kind.REWORK}),
    LeadState.STREET: frozenset({Kind.TRIAGE_S}),
    LeadState.VERIFYING: frozenset({Kind.VERIFY}),
    LeadState.SHELVED: frozenset({Kind.REVIEW}),
}
_WAITS_ABOVE: dict[str, frozenset[Kind]] = {
    Level.GROUP: frozenset({Kind.GROUP_DECIDE, Kind.REWORK}),
    Level.CITY: frozenset({Kind.CITY_FOLLOW, Kind.REWORK}),
    Level.PEER: frozenset({Kind.PEER_ACK, Kind.CITY_FOLLOW, Kind.REWORK}),
}
_BESIDE = frozenset({Kind.RECHECK})  # runs beside C_HANDLE
_AT_WORK = frozenset({UnitState.PUSHED, UnitState.ACCEPTED, UnitState.RETURN_PENDING})
_DECIDED_ABOVE = frozenset({LeadState.ESCALATED, LeadState.SHELVED, LeadState.VERIFYING})


def broken_invariants(facts: LeadFacts, *, open_tasks: int = 0, unserved_copies: int = 0) -> list[str]:
    """What does not hold of the lead, each as `I3: …`; [] for a sound one.

    `open_tasks` and `unserved_copies` are counted by the caller: tasks of this lead that are open, copy notices not queued.
    """
    found = [*_states(facts), *_lead_units(facts), *_clocks(facts), *_unit_clocks(facts), *_rows(facts), *_asks(facts)]
    if facts.state in ENDED and open_tasks:
        found.append(f"I3: {facts.state} with {open_tasks} open tasks")
    if facts.state is LeadState.CLOSED and unserved_copies:
        found.append(f"I3: closed with {unserved_copies} copy notices not served")
    return found


def _waiting_state(facts: LeadFacts) -> LeadState:
    """The state whose clock must run: of a shelved lead, the one it will go back to."""
    if facts.state is LeadState.SHELVED and facts.previous_state:
        return LeadState(facts.previous_state)
    return facts.state


def _states(facts: LeadFacts) -> Iterator[str]:
    kept = facts.state in (LeadState.SHELVED, LeadState.MERGED)
    if kept != (facts.previous_state is not None):
        yield f"states: {facts.state} with previous state {facts.previous_state}"
    state = _waiting_state(facts)
    if (state is LeadState.ESCALATED) and facts.level is None:
        yield "R24: escalated without a level"
    if facts.level is not None and state not in (LeadState.ESCALATED, LeadState.VERIFYING):
        yield f"R24: {state} on level {facts.level}"
    if (facts.state is LeadState.MERGED) != (facts.master_id is not None and facts.merged_on is not None):
        yield f"R25: {facts.state} with master {facts.master_id}"
    if (facts.state is LeadState.CLOSED) and facts.outcome is None:
        yield "R36: closed without an outcome"
    if (facts.outcome == "duplicate") != (facts.state is LeadState.MERGED):
        yield "R36: duplicate is the outcome of a merge and of nothing else"
    if "joint" in facts.flags and state not in (LeadState.DISPATCHED, LeadState.STREET):
        yield f"R22: a joint operation runs while {state}"


def _lead_units(facts: LeadFacts) -> Iterator[str]:
    leads = [unit for unit in facts.live_units if unit.role == "lead"]
    state = _waiting_state(facts)
    if state is LeadState.DISPATCHED and len(leads) != 1:
        yield f"I2: dispatched with {len(leads)} live lead-role assignments"
    if len(leads) > 1:
        yield f"I2: {len(leads)} live lead-role assignments"
    if state is LeadState.STREET and leads:
        yield "R17: in the street with a live lead-role assignment"
    if state in (LeadState.REPORTED, LeadState.RETURNED, LeadState.COMMUNITY) and facts.live_units:
        yield f"§4b: {state} with a live assignment"
    if facts.state in ENDED and any(unit.live for unit in facts.units):
        yield f"I3: {facts.state} with a live assignment"
    if facts.level in (Level.CITY, Level.PEER) and facts.live_units:
        yield f"R24: live assignments on level {facts.level}"
    for unit in facts.units:
        if unit.round != facts.round and unit.live:
            yield f"T37: assignment {unit.id} of an older round is live"
        if unit.live != (unit.end_cause is None and unit.state is not UnitState.CLOSED):
            yield f"states: assignment {unit.id} is {unit.state} and ended by {unit.end_cause}"
    doubled = [code for code, times in Counter(unit.department for unit in facts.live_units).items() if times > 1]
    if doubled:
        yield f"§4b: live twice with {', '.join(doubled)}"


def _clocks(facts: LeadFacts) -> Iterator[str]:
    if facts.state in ENDED:
        if facts.open():
            yield f"I3: {facts.state} with open duties {_names(duty.kind for duty in facts.open())}"
        return
    state = _waiting_state(facts)
    wanted = _WAITS_FOR.get(state, frozenset())
    if state is LeadState.ESCALATED:
        wanted = _WAITS_ABOVE.get(facts.level or "", frozenset())
    running = {duty.kind for duty in facts.open() if duty.unit_id is None}
    if facts.state is LeadState.SHELVED:
        if Kind.REVIEW not in running:
            yield "R24: shelved without REVIEW"
        running -= {Kind.REVIEW}
    if state is LeadState.COMMUNITY:
        running -= _BESIDE
    if wanted and not running & wanted:
        yield f"R26: {state} and none of {_names(wanted)} runs"
    if running - wanted:
        yield f"R26: {state} and {_names(running - wanted)} runs"


def _names(kinds: Iterable[Kind]) -> list[str]:
    return sorted(kind.value for kind in kinds)


def _unit_clocks(facts: LeadFacts) -> Iterator[str]:
    for unit in facts.units:
        mine = facts.open(unit_id=unit.id)
        running = Counter(duty.kind for duty in mine)
        if not unit.live and mine:
            yield f"R26: assignment {unit.id} is {unit.state} and {_names(running)} runs"
        if unit.live and (unit.state in _AT_WORK) != (running[Kind.INTERVENE] == 1):
            yield f"R26: assignment {unit.id} is {unit.state} with {running[Kind.INTERVENE]} open INTERVENE"
        if (unit.state is UnitState.RETURN_PENDING) != (running[Kind.RULING] == 1):
            yield f"R26: assignment {unit.id} is {unit.state} with {running[Kind.RULING]} open RULING"
        if unit.state is UnitState.RETURN_PENDING and _waiting_state(facts) in _DECIDED_ABOVE:
            yield f"R23: a return is pending while {facts.state}"
        if running[Kind.REWORK] and unit.state is not UnitState.WORKING:
            yield f"R20: REWORK runs and assignment {unit.id} is {unit.state}"
        if unit.live and unit.state is not UnitState.DONE_CLAIMED and not running[FEEDBACK]:
            yield f"§4c: no window of assignment {unit.id} is open"
        if unit.state is UnitState.DONE_CLAIMED and unit.suspended_from is None:
            yield f"R6: assignment {unit.id} reported done and is not suspended"


def _rows(facts: LeadFacts) -> Iterator[str]:
    """Rows are never edited: a superseding one names the old one, which ended so; nothing counts twice (I4)."""
    by_id = {duty.id: duty for duty in facts.duties}
    followers = Counter(duty.supersedes for duty in facts.duties if duty.supersedes)
    for duty in facts.duties:
        old = by_id.get(duty.supersedes or "")
        if duty.supersedes and (old is None or (old.kind, old.k, old.unit_id) != (duty.kind, duty.k, duty.unit_id)):
            yield f"I4: duty {duty.id} supersedes something else"
        if duty.ended == "superseded" and followers[duty.id] != 1:
            yield f"I4: duty {duty.id} is superseded by {followers[duty.id]} rows"
        if followers[duty.id] and duty.ended is None:
            yield f"I4: duty {duty.id} is superseded and open"
        if (duty.ended is None) != (duty.ended_on is None):
            yield f"I4: duty {duty.id} ended {duty.ended} on {duty.ended_on}"
    counting = [duty for duty in facts.duties if not followers[duty.id]]
    windows = Counter((duty.unit_id, duty.k) for duty in counting if duty.kind is FEEDBACK)
    running = Counter((duty.kind, duty.k, duty.unit_id) for duty in facts.open() if duty.kind is not Kind.RECHECK)
    if any(times > 1 for times in (*windows.values(), *running.values())):
        yield "I4: the same duty stands twice"


def _asks(facts: LeadFacts) -> Iterator[str]:
    for ask in facts.asks:
        step, unit = STEP_OF[ask.step], facts.unit(ask.unit_id)
        if facts.state not in step.frm:
            yield f"R31: {ask.step} is asked for while {facts.state}"
        if step.unit is not None and (unit is None or unit.state not in step.unit.frm):
            yield f"R31: {ask.step} is asked for on an assignment that is {unit.state if unit else 'not there'}"
    doubled = Counter((ask.step, ask.unit_id) for ask in facts.asks)
    if any(times > 1 for times in doubled.values()):
        yield "R31: the same is asked for twice"
