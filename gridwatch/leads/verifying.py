"""Hold every lead against the invariants I1–I10 of domain.md §4b, in the database as it stands.

The rows of a lead must be what its events say (I1, I10, and with that I4 and I6: no row was edited, no version was skipped),
the facts must be sound (I2, I3, I5, the rulings), excuses and rulings must be on record with who gave them (I7, I8), and
what phones of a grid hold must not say who reported (I9).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any

import orjson
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from gridwatch.audit.models import Event
from gridwatch.db.feed import FeedRow
from gridwatch.domain.lead_facts import LeadFacts
from gridwatch.domain.lead_flow import STEP_OF
from gridwatch.domain.lead_invariants import broken_invariants
from gridwatch.domain.permits import SYSTEM
from gridwatch.leads import history
from gridwatch.leads.handing import PASSED_ON
from gridwatch.leads.models import Ask, Lead
from gridwatch.leads.queries import facts_from
from gridwatch.notices.models import Notice
from gridwatch.people.models import RoleGrant
from gridwatch.tasks.models import Task

LEADS_AT_ONCE = 200
HOW_IT_ENDS = frozenset({"met", "cured", "missed", "cancelled", "superseded", "suspended"})


@dataclass(frozen=True, slots=True)
class Broken:
    """Something that does not hold of a lead: its number, the invariant or ruling, and the facts."""

    lead: str
    invariant: str
    facts: str


def broken_leads(session: Session) -> Iterator[Broken]:
    """Every lead in the order of its id; yields what does not hold, nothing when all is well. Reads only, in batches."""
    last = ""
    while True:
        batch = select(Lead).where(Lead.id > last).order_by(Lead.id).limit(LEADS_AT_ONCE)
        leads = list(session.scalars(batch))
        if not leads:
            return
        around = _Around(session, leads)
        for lead in leads:
            for told in _broken(lead, around):
                invariant, _, facts = told.partition(": ")
                yield Broken(lead.no, invariant, facts)
        last = leads[-1].id
        session.expunge_all()


def count_leads(session: Session) -> int:
    """How many leads there are."""
    return session.scalar(select(func.count()).select_from(Lead)) or 0


class _Around:
    """What stands around a batch of leads, looked up at once: events, asks, open tasks, documents, copies that went out."""

    def __init__(self, session: Session, leads: list[Lead]) -> None:
        ids = [lead.id for lead in leads]
        self.events: dict[str, list[Event]] = defaultdict(list)
        of_leads = select(Event).where(Event.subject_id.in_(ids), Event.subject_kind == "lead")
        for event in session.scalars(of_leads.order_by(Event.chain, Event.no)):
            self.events[event.subject_id].append(event)
        self.asks: dict[str, list[Ask]] = defaultdict(list)
        for ask in session.scalars(select(Ask).where(Ask.lead_id.in_(ids), Ask.state == "open").order_by(Ask.id)):
            self.asks[ask.lead_id].append(ask)
        open_tasks = select(Task.lead_id, func.count()).where(Task.lead_id.in_(ids), Task.closed_at.is_(None))
        self.open_tasks: dict[str, int] = {
            str(lead): number for lead, number in session.execute(open_tasks.group_by(Task.lead_id))
        }
        documents = select(FeedRow.doc_id, FeedRow.doc).where(
            FeedRow.kind == "lead", FeedRow.op == "put", FeedRow.doc_id.in_(ids)
        )
        self.documents: dict[str, list[str]] = defaultdict(list)
        for doc_id, doc in session.execute(documents):
            self.documents[doc_id].append(doc)
        self.copied = _departments_told(session, ids)


def _departments_told(session: Session, ids: Collection[str]) -> dict[str, set[str]]:
    """For each event that people were told of, the departments of those people."""
    rows = session.execute(
        select(Notice.about, RoleGrant.department_code)
        .join(RoleGrant, RoleGrant.user_id == Notice.recipient_id)
        .where(Notice.lead_id.in_(ids), RoleGrant.department_code.is_not(None))
    )
    told: dict[str, set[str]] = defaultdict(set)
    for about, department in rows:
        told[about].add(str(department))
    return told


def _broken(lead: Lead, around: _Around) -> Iterator[str]:
    events = around.events[lead.id]
    facts = facts_from(lead, around.asks[lead.id])
    yield from broken_invariants(
        facts, open_tasks=around.open_tasks.get(lead.id, 0), unserved_copies=_unserved(events, around.copied)
    )
    yield from _verdicts(lead)
    yield from _documents(lead, around.documents[lead.id])
    try:
        changes = history.recorded(events)
        again = history.facts_from_events(changes)
    except (KeyError, TypeError, ValueError) as problem:
        yield f"I10: its events do not give a lead: {problem!r}"
        return
    yield from _rows_and_events(lead, facts, again, history.columns_from_events(changes))
    yield from _versions(changes)
    yield from _persons(lead, events, changes)


def _unserved(events: list[Event], told: Mapping[str, set[str]]) -> int:
    """Departments that were to get a copy of the close and whose people were told nothing (ruling R29)."""
    closes = [orjson.loads(event.data) for event in events if event.act == "lead.pass"]
    return sum(len(set(close.get("copies", ())) - told.get(close["event"], set())) for close in closes[-1:])


def _verdicts(lead: Lead) -> Iterator[str]:
    """Overdue is computed, never stored."""
    for duty in lead.obligations:
        if duty.end is not None and duty.end.how not in HOW_IT_ENDS:
            yield f"I5: duty {duty.id} is stored as {duty.end.how}"


def _documents(lead: Lead, documents: list[str]) -> Iterator[str]:
    if any(lead.reporter_id in document for document in documents):
        yield "I9: the document of its grid says who reported it"


def _rows_and_events(lead: Lead, rows: LeadFacts, again: LeadFacts, columns: Mapping[str, Any]) -> Iterator[str]:
    for one in fields(LeadFacts):
        here, there = getattr(rows, one.name), getattr(again, one.name)
        if one.name in ("units", "duties", "asks"):
            here, there = _by_id(here), _by_id(there)
            for key in sorted(here.keys() | there.keys()):
                if here.get(key) != there.get(key):
                    yield f"I10: {one.name} {key}: row {_differing(here.get(key), there.get(key))}"
        elif here != there:
            yield f"I10: {one.name}: row {here}, events {there}"
    for name in ("no", "title", "description", "street_code", "proposed_department", "closed_at"):
        if name in columns and getattr(lead, name) != columns[name]:
            yield f"I10: {name}: row {getattr(lead, name)}, events {columns[name]}"


def _by_id(things: tuple[Any, ...]) -> dict[str, Any]:
    return {one.id: one for one in things}


def _differing(here: Any, there: Any) -> str:
    if here is None or there is None:
        return f"{'is missing' if here is None else 'has no event'}"
    names = [one.name for one in fields(here) if getattr(here, one.name) != getattr(there, one.name)]
    return "; ".join(f"{name} {getattr(here, name)}, events {getattr(there, name)}" for name in names)


def _versions(changes: list[history.Recorded]) -> Iterator[str]:
    """One step (or handing on), one version: none was skipped and none was taken twice (I1, I6)."""
    versions = [one.change.version for one in changes if one.change.step or one.change.act == PASSED_ON]
    if versions != list(range(1, len(versions) + 1)):
        yield f"I6: the versions of its steps are {versions}"


def _persons(lead: Lead, events: list[Event], changes: list[history.Recorded]) -> Iterator[str]:
    """Steps of persons are taken by persons, those of the system by the system; an excuse names who gave it (I7, I8)."""
    actors = [event.actor_id for event in events if "step" in orjson.loads(event.data)]
    excused_by: dict[str, str] = {}
    for actor, one in zip(actors, changes, strict=True):
        excused_by |= dict.fromkeys(one.change.excused, actor)
        step = STEP_OF.get(one.change.step)
        by_system = step is None or not step.by
        if by_system != (actor == SYSTEM.id):
            yield f"I7: {one.change.step or one.change.act} was taken by {actor}"
    for duty in lead.obligations:
        if duty.excuse is not None and duty.excuse.excused_by != excused_by.get(duty.id):
            yield f"I8: duty {duty.id} is excused by {duty.excuse.excused_by}, on record is {excused_by.get(duty.id)}"
