"""Open leads that go to another grid or handler without a step of the loop: no clock moves, and nobody is asked.

The row follows its events (invariant I10), so each writes one: a change that is no step, with the values before and after.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from gridwatch.db.base import new_id
from gridwatch.db.engine import dialect_of
from gridwatch.domain.lead_facts import Change, Moment
from gridwatch.domain.lead_words import ENDED
from gridwatch.leads.models import Lead
from gridwatch.leads.writing import record

PASSED_ON = "passed_on"  # the act of the event


def still_open() -> ColumnElement[bool]:
    """The condition that a lead has not ended."""
    return Lead.state.not_in(sorted(state.value for state in ENDED))


def pass_on(
    session: Session, values: Mapping[str, Mapping[str, Any]], at: Moment, because: Mapping[str, Any]
) -> set[str]:
    """Give open leads another `grid_code` or `handler_id` (lead id → columns); returns the ids of those that were open. Flushes.

    The grid in which it was found stays on record (`found_in`; domain.md §4b, edge case (e)). A grid is one of the lead's own
    community: its events stand in that community's chain for good.
    """
    statement = select(Lead).where(dialect_of(session).among(Lead.id, list(values)), still_open())
    leads = session.scalars(
        statement.order_by(Lead.id).with_for_update(of=Lead), execution_options={"populate_existing": True}
    ).all()
    before = {lead.id: {name: getattr(lead, name) for name in values[lead.id]} for lead in leads}
    given: dict[str, dict[str, Any]] = {}
    for lead in leads:
        new = dict(values[lead.id])
        if "grid_code" in new and lead.found_in is None:
            new["found_in"] = lead.grid_code
        for name, value in new.items():
            setattr(lead, name, value)
        given[lead.id] = new
    session.flush()
    for lead in leads:
        change = Change("", PASSED_ON, lead=given[lead.id], before=before[lead.id], at=at.now, version=lead.rev)
        said = {"event": new_id(), "inputs": {}, "from": lead.state, "to": lead.state, "because": dict(because)}
        record(session, lead, change, at, said)
    return {lead.id for lead in leads}
