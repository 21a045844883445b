"""The verbs of a lead. Every change goes through `take_step`: state, event, clocks, tasks and notices together (invariant I1).

All functions flush; the caller commits. Each raises a Refusal having changed nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from gridwatch.audit import service as audit
from gridwatch.db import feed
from gridwatch.db.base import new_id
from gridwatch.domain import lead_rules
from gridwatch.domain.errors import Refusal
from gridwatch.domain.lead_clocks import lead_duty
from gridwatch.domain.lead_facts import Change, LeadFacts, Moment, NewAsk
from gridwatch.domain.lead_words import CATEGORIES, ENDED, Act, LeadState
from gridwatch.domain.obligations import DEFAULT_POLICY, ObligationKind
from gridwatch.domain.permits import SYSTEM, Actor
from gridwatch.domain.worktime import WorkCalendar, local_day
from gridwatch.files.service import name_evidence
from gridwatch.leads import clocks, orders, queries
from gridwatch.leads.models import Ask, Assignment, Excuse, Lead, Obligation
from gridwatch.leads.numbering import next_number
from gridwatch.leads.placing import place_of
from gridwatch.tasks.models import Task, Visit


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


def moment(actor: Actor, now: datetime, calendar: WorkCalendar) -> Moment:
    """Who acts, when, by which calendar and policy."""
    return Moment(actor, now, local_day(now), calendar, DEFAULT_POLICY)


def report(session: Session, told: LeadReport, *, actor: Actor, calendar: WorkCalendar) -> Lead:
    """T01: a new lead, placed in its community and grid, with TRIAGE_C counted from the day of receipt.

    Raises 422 `lead.input_missing` or `lead.input_invalid`; 404 `entity.not_found` for an entity that does not exist. What a worker
    reports is new knowledge wherever it is (sync-protocol §4), so the entity need not lie in his grids.
    """
    _check_report(told)
    place = place_of(session, told, actor)
    at = moment(actor, told.received_at, calendar)
    lead = Lead(
        id=told.id, no=next_number(session, place.street_code, at.today), state=LeadState.REPORTED.value,
        category=told.category, title=told.title.strip() or place.title, description=told.description,
        entity_id=told.entity_id, address_text=told.address_text or place.address_text, lon=told.lon, lat=told.lat,
        grid_code=place.grid_code, community_code=place.community_code, street_code=place.street_code,
        area_path=place.area_path, source=told.source, reporter_id=actor.id, performed_at=told.performed_at,
        reported_at=told.received_at, flags=sorted(set(told.flags)), evidence=sorted(set(told.evidence)),
        round=1, bounces=0, returns=0, requests=0, handlings=0, reports=1, related=[], assignments=[], obligations=[],
    )  # fmt: skip
    session.add(lead)
    change = Change("T01", Act.SUBMIT.value, lead={"state": lead.state}, tell=("community_dispatcher",))
    name_evidence(session, {lead.id: dict.fromkeys(lead.evidence, True)}, actor=actor, now=told.received_at)
    change.opened.append(lead_duty(ObligationKind.TRIAGE_C, at, "T01"))
    inputs = {key: value for key, value in asdict(told).items() if key not in ("id", "received_at", "performed_at")}
    _write(session, lead, change, inputs, at, before=None)
    return lead


def _check_report(told: LeadReport) -> None:
    missing = [name for name, value in (("category", told.category),) if not value]
    if not told.entity_id and not told.description.strip():
        missing.append("description")
    if not told.entity_id and not told.address_text.strip() and told.lon is None:
        missing.append("address")
    if told.source == "worker" and not told.evidence:
        missing.append("evidence")
    if missing:
        raise Refusal(
            "lead.input_missing", missing=missing, fields=[{"path": name, "problem": "required"} for name in missing]
        )
    problems = []
    if told.category not in CATEGORIES:
        problems.append({"path": "category", "problem": f"one of {', '.join(CATEGORIES)}"})
    for name, value, most in (
        ("title", told.title, 120),
        ("description", told.description, 4_000),
        ("address", told.address_text, 300),
    ):
        if len(value) > most:
            problems.append({"path": name, "problem": f"at most {most} characters, {len(value)} given"})
    if problems:
        raise Refusal("lead.input_invalid", reason=problems[0]["problem"], fields=problems)


def take_step(
    session: Session,
    lead: Lead,
    act: Act,
    inputs: Mapping[str, Any],
    *,
    actor: Actor,
    now: datetime,
    calendar: WorkCalendar,
    expected_version: int | None = None,
) -> Lead:
    """Take one step of the lead table, and the automatic ones that follow from it.

    `lead` is within the actor's reach and locked (queries.lead_within). `inputs` are the fields of the row, unchecked.
    `expected_version` is required from clients; None only for facts that a phone reports. Raises, in this order:
    403 `lead.not_your_desk`, 409 `lead.changed_meanwhile`, 409 `lead.step_not_allowed`, 422 `lead.input_missing` or
    `lead.input_invalid`, 409 `lead.guard_failed`, 403 `lead.same_person`.
    """
    at = moment(actor, now, calendar)
    facts = queries.facts_of(session, lead)
    # A confirmation takes over what was asked for, so what the asks name must be known too.
    named = {name: value for asked in facts.asks for name, value in asked.inputs.items()}
    known = queries.known_for(session, lead, {**named, **inputs})
    change = lead_rules.decide(facts, act, inputs, at, known, expected_version=expected_version)
    if _roll(session, lead, at):
        # The tick was late: the windows that exist by now belong to the facts that the step works on.
        change = lead_rules.decide(
            queries.facts_of(session, lead), act, inputs, at, known, expected_version=expected_version
        )
    entered = _merged(facts, change, inputs)
    _write(session, lead, change, entered, at, before=facts)
    followed = lead_rules.automatic(queries.facts_of(session, lead), replace(at, actor=SYSTEM))
    if followed is not None:
        _write(session, lead, followed, {}, replace(at, actor=SYSTEM), before=queries.facts_of(session, lead))
    return lead


def note_visit(
    session: Session, visit: Visit, task: Task, *, actor: Actor, now: datetime, calendar: WorkCalendar
) -> None:
    """What an accepted visit means for its lead: a recheck meets RECHECK; a verification asks for T27 or takes T28.

    A visit is a fact and never refused: where the lead has moved on meanwhile, only an event is kept.
    """
    step = _step_of_visit(visit, task)
    if task.lead_id is None or step is None:
        return
    act, inputs = step
    lead = session.get_one(Lead, task.lead_id, with_for_update=True, populate_existing=True)
    try:
        take_step(session, lead, act, inputs, actor=actor, now=now, calendar=calendar)
    except Refusal as refusal:
        audit.record(
            session, chain=_chain(lead), act="lead.visit_without_effect", subject=("lead", lead.id), actor_id=actor.id, at=now,
            data={"visit": visit.id, "code": refusal.code, "state": lead.state}, version=lead.rev,
        )  # fmt: skip


def _step_of_visit(visit: Visit, task: Task) -> tuple[Act, dict[str, Any]] | None:
    evidence = [one["sha256"] for one in visit.files if isinstance(one, dict) and "sha256" in one]
    if task.kind == "recheck" and (found := queries.finding_of(visit, "RC01")):
        result = "passed" if found["rectified"] == "yes" else "failed"
        return Act.RECHECK, {"visit": visit.id, "result": result, "evidence": evidence}
    if task.kind == "verify" and (found := queries.finding_of(visit, "VF01")):
        if found["verdict"] == "passed":
            return Act.REPORT_PASSED, {"visit": visit.id, "evidence": evidence}
        points = found.get("failed_points") or visit.remarks or "核查不通过"
        return Act.FAIL, {"failed_points": points, "evidence": evidence}
    return None


def _roll(session: Session, lead: Lead, at: Moment) -> list[Obligation]:
    made: list[Obligation] = []
    for unit in lead.assignments:
        made += clocks.roll_windows(session, lead, unit, at)
    return made


def _merged(facts: LeadFacts, change: Change, inputs: Mapping[str, Any]) -> dict[str, Any]:
    confirmed = next((one for one in facts.asks if change.asks_end.get(one.id) == "confirmed"), None)
    return {**(confirmed.inputs if confirmed else {}), **inputs}


def _chain(lead: Lead) -> str:
    return lead.community_code or lead.street_code


def _write(
    session: Session, lead: Lead, change: Change, inputs: Mapping[str, Any], at: Moment, *, before: LeadFacts | None
) -> None:
    """Write everything that a step changes: one event, and with it state, clocks, tasks and notices."""
    unit_ids = _write_units(lead, change, at)
    for name, value in change.lead.items():
        setattr(lead, name, value)
    if "evidence" in change.lead:
        name_evidence(session, {lead.id: dict.fromkeys(lead.evidence, True)}, actor=at.actor, now=at.now)
    clocks.end_duties(session, lead, change.ended, at)
    opened = clocks.open_duties(session, lead, change.opened, at, unit_ids)
    for ask_id, state in change.asks_end.items():
        session.get_one(Ask, ask_id).state = state
    session.add_all(_ask(lead, ask, at) for ask in change.new_asks)
    session.add_all(
        Excuse(obligation_id=duty_id, excused_by=at.actor.id, reason=reason, at=at.now)
        for duty_id, reason in change.excused.items()
    )
    for order in change.tasks:
        orders.order_task(session, lead, order, at)
    if before is not None and lead.state in {state.value for state in ENDED} | {
        LeadState.COMMUNITY.value,
        LeadState.DISPATCHED.value,
    }:
        orders.withdraw_tasks(session, lead, before, change, at)
    if before is not None:
        feed.touch(lead)  # the version rises with every step, also where only a clock, an ask or an assignment moved
    session.flush()
    event_id = new_id()
    audit.record(
        session, chain=_chain(lead), act=f"lead.{change.act}", subject=("lead", lead.id), actor_id=at.actor.id, at=at.now,
        version=lead.rev, data=_event_data(lead, change, inputs, before, opened, unit_ids, event_id),
    )  # fmt: skip
    orders.tell(session, lead, change, at, event_id)


def _write_units(lead: Lead, change: Change, at: Moment) -> dict[str, str]:
    units = {unit.id: unit for unit in lead.assignments}
    for unit_id, values in change.units.items():
        for name, value in values.items():
            setattr(units[unit_id], "department_code" if name == "department" else name, value)
    unit_ids = {}
    for new in change.new_units:
        row = Assignment(
            id=new_id(), lead_id=lead.id, round=new["round"], department_code=new["department"], role=new["role"],
            state="pushed", pushed_at=at.now, push_on=new["push_on"], legal_basis=new["legal_basis"], duty=new["duty"], copies=[],
            ruled=new["ruled"], holds=[], request_no=0, passed_on=False,
        )  # fmt: skip
        lead.assignments.append(row)
        unit_ids[row.department_code] = row.id
    return unit_ids


def _ask(lead: Lead, ask: NewAsk, at: Moment) -> Ask:
    return Ask(
        id=new_id(), lead_id=lead.id, assignment_id=ask.unit_id, step=ask.step, act=ask.act, asked_by=ask.by,
        asked_at=at.now, inputs=dict(ask.inputs), state="open",
    )  # fmt: skip


def _event_data(
    lead: Lead, change: Change, inputs: Mapping[str, Any], before: LeadFacts | None, opened: list[Obligation],
    unit_ids: dict[str, str], event_id: str,
) -> dict[str, Any]:  # fmt: skip
    """The event: enough to rebuild the lead from its events alone (invariant I10)."""
    return {
        "event": event_id,
        "step": change.step,
        "asked": change.asked,
        "inputs": dict(inputs),
        "from": before.state.value if before else None,
        "to": lead.state,
        "unit": change.unit_id,
        "lead": {name: value.isoformat() if isinstance(value, datetime) else value for name, value in change.lead.items()},
        "units": change.units,
        "new_units": [{**new, "id": unit_ids[new["department"]]} for new in change.new_units],
        "opened": [
            {"id": one.id, "kind": one.kind, "k": one.k, "unit": one.assignment_id, "due_on": one.due_on, "cause": one.cause,
             "anchor_on": one.anchor_on, "days": one.days, "provisional": one.provisional, "supersedes": one.supersedes}
            for one in opened
        ],
        "ended": [{"id": end.duty_id, "how": end.how, "cause": end.cause, "on": end.on} for end in change.ended],
        "asks_end": change.asks_end,
    }  # fmt: skip
