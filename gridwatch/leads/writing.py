"""A change of a lead, written: rows, clocks, tasks, one event and word to people, together (invariants I1 and I10).

The rows and the event name the same ids, so that the events alone give the lead again (`leads/history.py`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from sqlalchemy import Table, update
from sqlalchemy.orm import Session

from gridwatch.audit import service as audit
from gridwatch.db import feed
from gridwatch.db.base import new_id
from gridwatch.domain.lead_facts import Change, LeadFacts, Moment, NewAsk
from gridwatch.domain.lead_replay import numbered, to_json
from gridwatch.files.service import name_evidence
from gridwatch.leads import clocks, orders
from gridwatch.leads.models import Ask, Assignment, Excuse, Lead

_ASK: Table = Ask.__table__  # type: ignore[assignment]


def write(
    session: Session, lead: Lead, change: Change, at: Moment, *, before: LeadFacts, inputs: Mapping[str, Any]
) -> Change:
    """Write everything that a change does to a locked lead; returns it as recorded, with its ids and the new version.

    `before` is the lead as it was; `inputs` are what was entered. Its first change is in beginning.py. A change that is no step,
    such as windows made by the clock, raises no version and tells nobody. Flushes.
    """
    change = numbered(change if change.at else replace(change, at=at.now), new_id)
    _write_units(lead, change, at)
    for name, value in change.lead.items():
        setattr(lead, name, value)
    if change.step:
        # Every step raises the version by one, also where only a clock, an ask or an assignment moved; before any flush, so
        # that it is one update.
        feed.touch(lead)
    if "evidence" in change.lead:
        name_evidence(session, {lead.id: dict.fromkeys(lead.evidence, True)}, actor=at.actor, now=at.now)
    clocks.end_duties(session, lead, change.ended, at)
    clocks.open_duties(session, lead, change.opened, at)
    _write_asks(session, lead, change, at)
    if change.excused:
        _write_excuses(session, change, at)
    orders.withdraw_tasks(session, lead, change, at)
    for order in change.tasks:
        orders.order_task(session, lead, order, at)
    session.flush()
    change = replace(change, version=lead.rev) if change.step else change
    event_id = new_id()
    data = {"event": event_id, "inputs": dict(inputs), "from": before.state.value, "to": lead.state}
    record(session, lead, change, at, data)
    if change.step:
        orders.tell(session, lead, change, at, event_id)
    return change


def record(session: Session, lead: Any, change: Change, at: Moment, more: Mapping[str, Any]) -> None:
    """Note the event of a change: the change itself, and what readers want beside it. `lead` is its row, or columns of it."""
    data: dict[str, Any] = {**to_json(change), **more}
    if change.opened:
        data["calendar_version"] = at.calendar.version
    audit.record(
        session, chain=chain_of(lead), act=f"lead.{change.act}", subject=("lead", lead.id), actor_id=at.actor.id, at=at.now,
        version=lead.rev, data=data,
    )  # fmt: skip


def chain_of(lead: Any) -> str:
    """The chain of the event log that a lead's events stand in, for good: its community's, else its street's."""
    return lead.community_code or lead.street_code


def _write_units(lead: Lead, change: Change, at: Moment) -> None:
    units = {unit.id: unit for unit in lead.assignments} if change.units else {}
    for unit_id, values in change.units.items():
        for name, value in values.items():
            setattr(units[unit_id], "department_code" if name == "department" else name, value)
    lead.assignments += [
        Assignment(
            id=new["id"], lead_id=lead.id, round=new["round"], department_code=new["department"], role=new["role"],
            state="pushed", pushed_at=at.now, push_on=new["push_on"], legal_basis=new["legal_basis"], duty=new["duty"], copies=[],
            ruled=new["ruled"], holds=[], request_no=0, passed_on=False,
        )
        for new in change.new_units
    ]  # fmt: skip


def _write_asks(session: Session, lead: Lead, change: Change, at: Moment) -> None:
    for ask_id, state in change.asks_end.items():
        session.connection().execute(update(_ASK).where(_ASK.c.id == ask_id).values(state=state))
    session.add_all(_asks(lead, change.new_asks, at))


def _asks(lead: Lead, asks: Iterable[NewAsk], at: Moment) -> list[Ask]:
    return [
        Ask(
            id=ask.id, lead_id=lead.id, assignment_id=ask.unit_id, step=ask.step, act=ask.act, asked_by=ask.by, asked_at=at.now,
            inputs=dict(ask.inputs), state="open",
        )
        for ask in asks
    ]  # fmt: skip


def _write_excuses(session: Session, change: Change, at: Moment) -> None:
    session.add_all(
        Excuse(obligation_id=duty_id, excused_by=at.actor.id, reason=reason, at=at.now)
        for duty_id, reason in change.excused.items()
    )
    clocks.end_ladders(session, change.excused)
