"""T01: leads come into being, one or many at once, in a handful of statements however many they are.

Phones bring reports by the dozen, so nothing here goes lead by lead to the database: rows, clocks, event and word to people are
each written for all of them together. Everything else that happens to a lead goes through writing.py.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from gridwatch.calendars.queries import in_force, policy_in_force
from gridwatch.db import feed
from gridwatch.db.base import new_id
from gridwatch.db.engine import dialect_of
from gridwatch.domain import lead_replay, lead_rules
from gridwatch.domain.errors import Refusal
from gridwatch.domain.lead_facts import Change, LeadFacts, Moment
from gridwatch.domain.lead_words import CATEGORIES, LeadState
from gridwatch.domain.permits import Actor
from gridwatch.domain.worktime import WorkCalendar, local_day
from gridwatch.files.service import name_evidence
from gridwatch.leads import orders
from gridwatch.leads.agenda import first_entry
from gridwatch.leads.documents import lead_documents
from gridwatch.leads.models import Lead, Obligation, Watch
from gridwatch.leads.numbering import next_numbers
from gridwatch.leads.placing import Place, places_of
from gridwatch.leads.writing import record

_LEAD_COLUMNS = [column.key for column in Lead.__table__.columns]


@dataclass(frozen=True, slots=True)
class LeadReport:
    """What a worker, a market manager or the intake reports (T01). `id` is the id of the item, made by the phone.

    `performed_at` is the corrected time of capture, None when unknown; `evidence` are SHA-256 hex digests; `grid_code` is the
    grid that the phone stood in, used where neither the entity nor the point gives one. Longitude first, WGS-84.
    """

    id: str
    category: str
    title: str
    description: str
    received_at: datetime
    entity_id: str | None = None
    address_text: str = ""
    lon: float | None = None
    lat: float | None = None
    grid_code: str | None = None
    performed_at: datetime | None = None
    evidence: list[str] = field(default_factory=list)
    source: str = "worker"
    flags: list[str] = field(default_factory=list)


# Members of a report that its event keeps as entered; the others stand in it elsewhere.
_TOLD = [one.name for one in fields(LeadReport) if one.name not in ("id", "received_at", "performed_at")]


def moment(session: Session, actor: Actor, now: datetime, calendar: WorkCalendar | None = None) -> Moment:
    """Who acts, when, by which calendar (None: the one in force), and by the limits that are in force for what begins then."""
    today = local_day(now)
    if calendar is None:
        return Moment(actor, now, today, *in_force(session, today))
    return Moment(actor, now, today, calendar, policy_in_force(session, today))


def report_all(session: Session, told: Sequence[LeadReport], *, actor: Actor, calendar: WorkCalendar) -> list[Lead]:
    """New leads of one reporter, each placed in its community and grid, with TRIAGE_C counted from the day of receipt.

    Returns them in the order told, as plain values that no session watches. Raises 422 `lead.input_missing` or
    `lead.input_invalid`, 404 `entity.not_found` for an entity that does not exist, IntegrityError for an id that is in use; then
    none of them is written. What a worker reports is new knowledge wherever it is (sync-protocol §4), so the entity need not lie
    in his grids.
    """
    for one in told:
        _check(one)
    places = places_of(session, told, actor)
    at_of = {
        received_at: moment(session, actor, received_at, calendar) for received_at in {one.received_at for one in told}
    }
    moments = [at_of[one.received_at].within(place.area_path) for one, place in zip(told, places, strict=True)]
    begun = [_begun(one, place, at) for one, place, at in zip(told, places, moments, strict=True)]
    name_evidence(
        session, {lead.id: dict.fromkeys(lead.evidence, True) for lead, _ in begun}, actor=actor, now=moments[0].now
    )
    # Whoever has taken a street's numbers holds up its other reports until the commit, so nothing slow comes after this.
    for (lead, change), number in zip(begun, _numbers(session, places, moments), strict=True):
        lead.no = change.lead["no"] = number
    _write(session, begun, moments)
    words = []
    for (lead, change), one, at in zip(begun, told, moments, strict=True):
        event_id = new_id()
        inputs = {name: getattr(one, name) for name in _TOLD}
        record(session, lead, change, at, {"event": event_id, "inputs": inputs, "from": None, "to": lead.state})
        words.append((lead, change, at, event_id))
    orders.tell_all(session, words)
    leads = [lead for lead, _ in begun]
    feed.stage(session, (replace(document, fresh=True) for document in lead_documents(session, leads)))
    return leads


def _check(told: LeadReport) -> None:
    missing = [name for name, value in (("category", told.category),) if not value]
    if not told.entity_id and not told.description.strip():
        missing.append("description")
    if not told.entity_id and not told.address_text.strip() and told.lon is None:
        missing.append("address")
    if told.source == "worker" and not told.evidence:
        missing.append("evidence")
    if missing:
        raise Refusal(
            "lead.input_missing",
            missing=missing,
            fields=[{"path": name, "problem": "需要填写 / required"} for name in missing],
        )
    problems = []
    if told.category not in CATEGORIES:
        problems.append(
            {"path": "category", "problem": f"应为 {'、'.join(CATEGORIES)} 之一 / one of {', '.join(CATEGORIES)}"}
        )
    for name, value, most in (
        ("title", told.title, 120),
        ("description", told.description, 4_000),
        ("address", told.address_text, 300),
    ):
        if len(value) > most:
            problem = f"至多 {most} 字，现有 {len(value)} 字 / at most {most} characters, {len(value)} given"
            problems.append({"path": name, "problem": problem})
    if problems:
        raise Refusal("lead.input_invalid", reason=problems[0]["problem"], fields=problems)


def _numbers(session: Session, places: Iterable[Place], moments: Iterable[Moment]) -> list[str]:
    """A number for each, in order; one statement for each street."""
    wanted = [(place.street_code, at.today) for place, at in zip(places, moments, strict=True)]
    given = {where: iter(next_numbers(session, *where, number)) for where, number in sorted(Counter(wanted).items())}
    return [next(given[where]) for where in wanted]


def _begun(told: LeadReport, place: Place, at: Moment) -> tuple[Lead, Change]:
    """The lead and its first change, all but its number."""
    facts = LeadFacts(
        id=told.id, version=0, state=LeadState.REPORTED, category=told.category, reporter_id=at.actor.id, source=told.source,
        area_path=place.area_path, grid_code=place.grid_code, community_code=place.community_code, flags=frozenset(told.flags),
        evidence=frozenset(told.evidence), entity_id=told.entity_id, address_text=told.address_text or place.address_text,
        reported_at=told.received_at,
    )  # fmt: skip
    change = lead_rules.begin(facts, at)
    change.lead |= {
        "title": told.title.strip() or place.title, "description": told.description, "lon": told.lon,
        "lat": told.lat, "street_code": place.street_code, "performed_at": told.performed_at,
        "found_in": place.found_in,
    }  # fmt: skip
    lead = Lead(**change.lead, rev=1, round=1, bounces=0, returns=0, requests=0, handlings=0, reports=1, related=[])
    return lead, replace(lead_replay.numbered(change, new_id), version=1)


def _write(session: Session, begun: list[tuple[Lead, Change]], moments: list[Moment]) -> None:
    """The rows: leads, their duties, and the duties' places on the agenda."""
    duties, agenda = [], []
    for (lead, change), at in zip(begun, moments, strict=True):
        for duty in change.opened:
            entry = first_entry(duty.kind, duty.k, duty.due_on, at.today, {}, at.calendar, due_at=duty.due_at)
            duties.append(_duty_row(lead, duty, at))
            if entry is not None:
                agenda.append(
                    {
                        "obligation_id": duty.id,
                        "next_on": entry.on,
                        "stage": entry.stage,
                        "calendar_version": at.calendar.version,
                    }
                )
    insert, connection = dialect_of(session).insert_rows, session.connection()
    insert(connection, Lead.__table__, [{name: getattr(lead, name) for name in _LEAD_COLUMNS} for lead, _ in begun])
    insert(connection, Obligation.__table__, duties)
    insert(connection, Watch.__table__, agenda)


def _duty_row(lead: Lead, duty: Any, at: Moment) -> dict[str, Any]:
    return {
        "id": duty.id, "lead_id": lead.id, "assignment_id": duty.unit, "kind": duty.kind.value, "k": duty.k, "round": lead.round,
        "anchor_on": duty.anchor_on, "days": duty.days, "due_on": duty.due_on, "due_at": duty.due_at,
        "provisional": duty.provisional, "calendar_version": at.calendar.version, "policy_version": at.policy.version,
        "created_at": at.now, "cause": duty.cause, "owner": duty.owner, "supersedes": duty.supersedes,
    }  # fmt: skip
