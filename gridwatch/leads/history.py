"""A lead from its events alone (invariant I10): as facts, and as rows that stand for what it was at some moment."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import takewhile
from typing import Any

import orjson
from sqlalchemy.orm import Session

from gridwatch.audit.models import Event
from gridwatch.domain.errors import Refusal
from gridwatch.domain.lead_facts import Change, Duty, LeadFacts, Unit
from gridwatch.domain.lead_replay import apply_change, from_json
from gridwatch.leads.models import Assignment, Lead, Obligation, ObligationEnd
from gridwatch.leads.queries import events_of


@dataclass(frozen=True, slots=True)
class Recorded:
    """One change of a lead as its event keeps it: when, the change, and by which version of the calendar it counted."""

    at: datetime
    change: Change
    calendar_version: int


def recorded(events: Iterable[Event]) -> list[Recorded]:
    """The changes among the events of a lead. Other events, such as a visit without effect, change nothing."""
    told = ((event.at, orjson.loads(event.data)) for event in events)
    return [Recorded(at, from_json(data), data.get("calendar_version", 0)) for at, data in told if "step" in data]


def facts_from_events(changes: Iterable[Recorded]) -> LeadFacts:
    """The lead as the rules see it, after these changes. ValueError when there are none."""
    facts = None
    for one in changes:
        facts = apply_change(facts, one.change)
    if facts is None:
        raise ValueError("a lead begins with a change")
    return facts


def columns_from_events(changes: Iterable[Recorded]) -> dict[str, Any]:
    """The newest value of every column of the lead that its changes have given, as events keep them."""
    return {name: value for one in changes for name, value in one.change.lead.items()}


def lead_as_of(session: Session, lead_id: str, moment: datetime) -> Lead:
    """The lead as it was at a moment, from its events up to then. Raises 404 `lead.not_found` before its report.

    The rows belong to no session: they are to be looked at.
    """
    changes = recorded(takewhile(lambda event: event.at <= moment, events_of(session, lead_id)))
    if not changes:
        raise Refusal("lead.not_found")
    return rows_from_events(changes)


def rows_from_events(changes: Sequence[Recorded]) -> Lead:
    """The row of a lead with its assignments and obligations, built from its changes and put into no session."""
    facts, columns = facts_from_events(changes), columns_from_events(changes)
    known = {name: getattr(facts, name) for name in _OF_FACTS}
    told = {name: columns.get(name) for name in _OF_EVENTS}
    lead = Lead(
        **told,
        **known,
        rev=facts.version,
        flags=sorted(facts.flags),
        evidence=sorted(facts.evidence),
        related=sorted(facts.related),
    )
    pushed = {new["id"]: (one.at, new) for one in changes for new in one.change.new_units}
    lead.assignments = [_assignment(unit, *pushed[unit.id]) for unit in facts.units]
    opened: dict[str, tuple[Recorded, int]] = {}
    round_ = 1
    for one in changes:
        round_ = one.change.lead.get("round", round_)
        opened |= {str(duty.id): (one, round_) for duty in one.change.opened}
    lead.obligations = [_obligation(duty, *opened[duty.id]) for duty in sorted(facts.duties, key=lambda duty: duty.id)]
    return lead


_OF_FACTS = (
    "id", "state", "previous_state", "level", "category", "entity_id", "address_text", "grid_code", "community_code", "area_path",
    "source", "reporter_id", "reported_at", "handler_id", "round", "bounces", "returns", "requests", "handlings", "outcome",
    "master_id", "merged_on", "reports",
)  # fmt: skip
_OF_EVENTS = (
    "no", "title", "description", "lon", "lat", "street_code", "performed_at", "proposed_department", "closed_at", "found_in",
)  # fmt: skip


def _assignment(unit: Unit, at: datetime, new: Mapping[str, Any]) -> Assignment:
    return Assignment(
        id=unit.id, department_code=unit.department, role=unit.role, state=unit.state.value, round=unit.round, pushed_at=at,
        push_on=unit.push_on, officer_id=unit.officer_id, suspended_from=unit.suspended_from, legal_basis=new["legal_basis"],
        duty=new["duty"], end_cause=unit.end_cause,
    )  # fmt: skip


def _obligation(duty: Duty, opened: Recorded, round_: int) -> Obligation:
    row = Obligation(
        id=duty.id, assignment_id=duty.unit_id, kind=duty.kind.value, k=duty.k, round=round_, anchor_on=duty.anchor_on,
        days=duty.days, due_on=duty.due_on, due_at=duty.due_at, provisional=duty.provisional, cause=duty.cause, owner=duty.owner,
        supersedes=duty.supersedes, calendar_version=opened.calendar_version, created_at=opened.at,
    )  # fmt: skip
    if duty.ended is not None:
        row.end = ObligationEnd(
            obligation_id=duty.id, how=duty.ended, cause=duty.end_cause, on=duty.ended_on, at=duty.ended_at
        )
    return row
