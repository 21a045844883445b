"""A lead from its recorded changes alone (invariant I10), and the changes as plain JSON, in which events keep them.

Whatever opens or ends a duty is a Change: the steps of the table, and the two that are none, windows made by the clock
(`rolled`) and dates counted anew by a new calendar. Ids are given before a change is written (`numbered`), so that the
rows and the event name the same things.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields, replace
from datetime import date, datetime
from typing import Any

from gridwatch.domain.lead_facts import (
    Asked,
    Change,
    Duty,
    Elsewhere,
    EndDuty,
    Hold,
    LeadFacts,
    NewAsk,
    OpenDuty,
    TaskOrder,
    Unit,
)
from gridwatch.domain.lead_words import LeadState, UnitState
from gridwatch.domain.obligations import ObligationKind

ROLLED = "windows_made"  # the act of a change that only makes windows
_FACTS = frozenset(one.name for one in fields(LeadFacts)) - {"units", "duties", "asks", "version"}
_UNIT = frozenset(one.name for one in fields(Unit))


# --- before it is written -------------------------------------------------------------------------------------------


def rolled(missing: list[OpenDuty]) -> Change:
    """The change that makes the windows which must exist by now (`lead_clocks.missing_duties`). Raises no version."""
    return Change("", ROLLED, opened=list(missing))


def numbered(change: Change, new_id: Callable[[], str]) -> Change:
    """The change with an id for every new assignment, duty and ask. Duties of a new assignment name it by its id now."""
    new_units = [{**new, "id": new.get("id") or new_id()} for new in change.new_units]
    unit_ids = {new["department"]: new["id"] for new in new_units}
    opened = [
        replace(duty, id=duty.id or new_id(), unit=unit_ids.get(duty.unit, duty.unit) if duty.unit else None)
        for duty in change.opened
    ]
    new_asks = [replace(ask, id=ask.id or new_id()) for ask in change.new_asks]
    successors = {duty.supersedes: duty.id for duty in opened}
    proposed = [successors.get(duty_id) or duty_id for duty_id in change.proposed]
    return replace(change, new_units=new_units, opened=opened, new_asks=new_asks, proposed=proposed)


# --- applying -------------------------------------------------------------------------------------------------------


def apply_change(facts: LeadFacts | None, change: Change) -> LeadFacts:
    """The lead after a numbered change; `facts` None for its first one (T01).

    Members of `change.lead` that the rules do not look at, such as `closed_at`, are left to whoever keeps them.
    """
    values = {name: _typed(name, value) for name, value in change.lead.items() if name in _FACTS}
    if facts is None:
        facts = LeadFacts(version=0, **values)
    after = replace(facts, version=_version(facts, change), **values)
    return replace(after, units=_units(facts, change), duties=_duties(facts, change), asks=_asks(facts, change))


def replay(changes: Iterable[Change]) -> LeadFacts:
    """A lead from all its changes, in their order. ValueError when there are none."""
    facts = None
    for change in changes:
        facts = apply_change(facts, change)
    if facts is None:
        raise ValueError("a lead begins with a change")
    return facts


def _version(facts: LeadFacts, change: Change) -> int:
    if change.version is not None:
        return change.version
    return facts.version + 1 if change.step else facts.version


def _units(facts: LeadFacts, change: Change) -> tuple[Unit, ...]:
    kept = [replace(unit, **_unit_values(change.units.get(unit.id, {}))) for unit in facts.units]
    new = [Unit(state=UnitState.PUSHED, **_unit_values(values)) for values in change.new_units]
    return (*kept, *new)


def _unit_values(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _typed(name, value, of_unit=True) for name, value in values.items() if name in _UNIT}


def _duties(facts: LeadFacts, change: Change) -> tuple[Duty, ...]:
    ends = {
        end.duty_id: {"ended": end.how, "ended_on": end.on, "ended_at": change.at, "end_cause": end.cause}
        for end in change.ended
    }
    kept = [
        replace(duty, excused=duty.excused or duty.id in change.excused, **ends.get(duty.id, {}))
        for duty in facts.duties
    ]
    new = [
        Duty(one.id or "", one.kind, one.k, one.unit, one.anchor_on, one.due_on, one.provisional, one.cause, days=one.days,
             due_at=one.due_at, owner=one.owner, supersedes=one.supersedes, **ends.get(one.id, {}))
        for one in change.opened
    ]  # fmt: skip
    return (*kept, *new)


def _asks(facts: LeadFacts, change: Change) -> tuple[Asked, ...]:
    kept = [ask for ask in facts.asks if ask.id not in change.asks_end]
    new = [Asked(ask.id or "", ask.step, ask.unit_id, ask.by, ask.inputs) for ask in change.new_asks]
    return (*kept, *new)


# --- JSON -----------------------------------------------------------------------------------------------------------


def to_json(change: Change) -> dict[str, Any]:
    """The change as plain JSON values; what it does not do is left out. `from_json` gives it back."""
    told: dict[str, Any] = {
        "step": change.step, "act": change.act, "asked": change.asked, "unit": change.unit_id, "at": change.at,
        "version": change.version, "lead": change.lead, "units": change.units, "new_units": change.new_units,
        "opened": [_members(one) for one in change.opened],
        "ended": [{"id": one.duty_id, "how": one.how, "cause": one.cause, "on": one.on} for one in change.ended],
        "tasks": [_members(one) for one in change.tasks], "asks_end": change.asks_end,
        "new_asks": [_members(one) for one in change.new_asks], "excused": change.excused, "proposed": change.proposed,
        "elsewhere": [_members(one) for one in change.elsewhere], "tell": list(change.tell), "copies": list(change.copies),
        "departments": list(change.departments), "urgent": change.urgent, "before": change.before,
    }  # fmt: skip
    return {name: _plain(value) for name, value in told.items() if value not in (None, False, [], {})}


def from_json(told: Mapping[str, Any]) -> Change:
    """A change from what `to_json` made of it. Members that it does not know are the event's own and left aside."""
    return Change(
        told.get("step", ""), told["act"], asked=told.get("asked", False), unit_id=told.get("unit"),
        at=_instant(told.get("at")), version=told.get("version"), lead=_dated(told.get("lead", {})),
        units={unit: dict(values) for unit, values in told.get("units", {}).items()},
        new_units=[dict(values) for values in told.get("new_units", ())],
        opened=[_open_duty(one) for one in told.get("opened", ())],
        ended=[EndDuty(one["id"], one["how"], one["cause"], date.fromisoformat(one["on"])) for one in told.get("ended", ())],
        tasks=[TaskOrder(one["kind"], date.fromisoformat(one["due_on"]), one["provisional"]) for one in told.get("tasks", ())],
        asks_end=dict(told.get("asks_end", {})), new_asks=[NewAsk(**one) for one in told.get("new_asks", ())],
        excused=dict(told.get("excused", {})), proposed=list(told.get("proposed", ())),
        elsewhere=[Elsewhere(**one) for one in told.get("elsewhere", ())], tell=tuple(told.get("tell", ())),
        copies=tuple(told.get("copies", ())), departments=tuple(told.get("departments", ())), urgent=told.get("urgent", False),
        before=dict(told.get("before", {})),
    )  # fmt: skip


_DAYS = frozenset({"merged_on", "push_on", "intervened_on", "suspended_from", "requested_on"})
_INSTANTS = frozenset({"closed_at", "reported_at", "performed_at"})
_SETS = frozenset({"flags", "evidence", "related"})


def _typed(name: str, value: Any, *, of_unit: bool = False) -> Any:
    """A value as the facts hold it, from what a change or its JSON says."""
    if value is None:
        return None
    if name in _DAYS:
        return date.fromisoformat(value) if isinstance(value, str) else value
    if name in _INSTANTS:
        return _instant(value)
    if name in _SETS:
        return frozenset(value)
    if name == "copies":
        return tuple(value)
    if name == "holds":
        return tuple(hold_from(one) for one in value)
    if of_unit and name in ("state", "previous_state"):
        return UnitState(value)
    return LeadState(value) if name == "state" else value


def hold_from(told: Mapping[str, str]) -> Hold:
    """A hold from its JSON, as it stands in `Unit.holds` of a change."""
    return Hold(
        told["code"], date.fromisoformat(told["from_on"]), date.fromisoformat(told["until_on"]), told["document"]
    )


def _dated(lead: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _typed(name, value) if name in _DAYS | _INSTANTS else value for name, value in lead.items()}


def _open_duty(told: Mapping[str, Any]) -> OpenDuty:
    typed: dict[str, Any] = {name: date.fromisoformat(told[name]) for name in ("anchor_on", "due_on")}
    typed |= {"kind": ObligationKind(told["kind"]), "due_at": _instant(told["due_at"])}
    return OpenDuty(**{**told, **typed})


def _instant(value: Any) -> datetime | None:
    return datetime.fromisoformat(value) if isinstance(value, str) else value


def _members(one: Any) -> dict[str, Any]:
    return {member.name: getattr(one, member.name) for member in fields(one)}


def _plain(value: Any) -> Any:
    if isinstance(value, (date, datetime)):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {name: _plain(part) for name, part in value.items()}
    if isinstance(value, (list, tuple, frozenset)):
        return [_plain(part) for part in (sorted(value) if isinstance(value, frozenset) else value)]
    return value.value if isinstance(value, ObligationKind) else value
