"""Reading leads: within reach, as facts for the rules, and their timeline."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

import orjson
from sqlalchemy import ColumnElement, Select, bindparam, exists, false, or_, select, union_all
from sqlalchemy.orm import Session, joinedload

from gridwatch.areas.models import Department
from gridwatch.audit.models import Event
from gridwatch.domain.errors import Refusal
from gridwatch.domain.lead_facts import Asked, Duty, LeadFacts, Unit
from gridwatch.domain.lead_replay import hold_from
from gridwatch.domain.lead_words import LeadState, UnitState
from gridwatch.domain.obligations import ObligationKind
from gridwatch.domain.permits import Actor, Grant, Role, Scope
from gridwatch.leads.models import Ask, Assignment, Lead, Obligation
from gridwatch.people.models import User
from gridwatch.people.reach import condition, in_area, within
from gridwatch.tasks.models import Visit


def _own(actor: Actor, grant: Grant) -> ColumnElement[bool]:
    return Lead.reporter_id == actor.id


def _grid(actor: Actor, grant: Grant) -> ColumnElement[bool]:
    mine = Lead.grid_code.in_(actor.grids) if actor.grids else false()
    return or_(mine, Lead.reporter_id == actor.id)


def _department(actor: Actor, grant: Grant) -> ColumnElement[bool]:
    return exists().where(Assignment.lead_id == Lead.id, Assignment.department_code == grant.department)


REACH = {Scope.OWN: _own, Scope.GRID: _grid, Scope.AREA: in_area(Lead.area_path), Scope.DEPARTMENT: _department}


def lead_within(
    session: Session, lead_id: str, actor: Actor, operation: str = "lead.read", *, lock: bool = False
) -> Lead:
    """The lead, if it lies within the actor's reach. Raises 404 `lead.not_found` otherwise, whether it exists or not.

    `lock` before a step: of several at once each sees what the one before left, so exactly one of one version wins.
    """
    statement = within(select(Lead).where(Lead.id == lead_id), actor, operation, REACH)
    if lock:
        statement = statement.with_for_update(of=Lead).execution_options(populate_existing=True)
    # One lead has few assignments: they come with it.
    lead = session.scalars(statement.options(joinedload(Lead.assignments))).unique().one_or_none()
    if lead is None:
        raise Refusal("lead.not_found")
    return lead


def sees_as_lead(actor: Actor, subject_id: ColumnElement[str]) -> ColumnElement[bool]:
    """The condition that an id is that of a lead that the actor may read, or of a visit that belongs to one."""
    may = condition(actor, "lead.read", REACH)
    lead = exists().where(Lead.id == subject_id, may)
    visit = exists().where(Visit.id == subject_id, Visit.lead_id == Lead.id, may)
    return or_(lead, visit)


def leads_within(actor: Actor, *, state: str | None = None, category: str | None = None) -> Select[tuple[Lead]]:
    """The leads that the actor may read, narrowed by state and category."""
    statement = within(select(Lead), actor, "lead.read", REACH)
    if state:
        statement = statement.where(Lead.state == state)
    if category:
        statement = statement.where(Lead.category == category)
    return statement


def obligation_of(session: Session, lead: Lead, obligation_id: str) -> Obligation:
    """One obligation of a lead that is already within reach. Raises 404."""
    duty = next((duty for duty in lead.obligations if duty.id == obligation_id), None)
    if duty is None:
        raise Refusal("lead.not_found")
    return duty


_ASK = Ask.__table__.c
_OPEN_ASKS = (
    select(_ASK.id, _ASK.step, _ASK.assignment_id, _ASK.asked_by, _ASK.inputs)
    .where(_ASK.lead_id == bindparam("lead_id"), _ASK.state == "open")
    .order_by(_ASK.asked_at, _ASK.id)
)


def facts_of(session: Session, lead: Lead) -> LeadFacts:
    """A lead as the rules see it."""
    return facts_from(lead, session.connection().execute(_OPEN_ASKS, {"lead_id": lead.id}))


def facts_from(lead: Lead, asks: Iterable[Any] = ()) -> LeadFacts:
    """The same from rows that are at hand: the lead with its assignments and obligations, and its open asks."""
    return LeadFacts(
        id=lead.id, version=lead.rev, state=LeadState(lead.state), category=lead.category, reporter_id=lead.reporter_id,
        source=lead.source, area_path=lead.area_path, grid_code=lead.grid_code, community_code=lead.community_code,
        handler_id=lead.handler_id, previous_state=lead.previous_state, level=lead.level, round=lead.round,
        bounces=lead.bounces, returns=lead.returns, handlings=lead.handlings, flags=frozenset(lead.flags),
        outcome=lead.outcome, evidence=frozenset(lead.evidence),
        requests=lead.requests, master_id=lead.master_id, merged_on=lead.merged_on, reports=lead.reports,
        related=frozenset(lead.related), entity_id=lead.entity_id, address_text=lead.address_text, reported_at=lead.reported_at,
        units=tuple(map(_unit_facts, lead.assignments)),
        duties=tuple(map(_duty_facts, lead.obligations)),
        asks=tuple(Asked(one.id, one.step, one.assignment_id, one.asked_by, one.inputs) for one in asks),
    )  # fmt: skip


def _unit_facts(row: Assignment) -> Unit:
    return Unit(
        row.id, row.department_code, row.role, UnitState(row.state), row.round, row.push_on, row.officer_id, row.intervened_on,
        row.suspended_from, row.outcome, tuple(row.copies),
        previous_state=UnitState(row.previous_state) if row.previous_state else None, request_no=row.request_no,
        requested_on=row.requested_on, passed_on=row.passed_on, ruled=row.ruled, holds=tuple(map(hold_from, row.holds)),
        end_cause=row.end_cause,
    )  # fmt: skip


def _duty_facts(row: Obligation) -> Duty:
    end = row.end
    return Duty(
        row.id, ObligationKind(row.kind), row.k, row.assignment_id, row.anchor_on, row.due_on, row.provisional, row.cause,
        end.how if end else None, days=row.days, due_at=row.due_at, owner=row.owner, supersedes=row.supersedes,
        ended_on=end.on if end else None, ended_at=end.at if end else None, end_cause=end.cause if end else None,
        excused=row.excuse is not None,
    )  # fmt: skip


def finding_of(visit: Visit, item: str) -> dict[str, Any]:
    """What a visit found for one inspection item; {} when it says nothing of it."""
    findings = visit.findings.get("findings") or []
    return next((one for one in findings if one.get("item") == item), {})


_USER, _DEPARTMENT = User.__table__.c, Department.__table__.c
_PEOPLE = select(_USER.id, _USER.name).where(_USER.id.in_(bindparam("people", expanding=True)))
_DEPARTMENTS = select(_DEPARTMENT.code, _DEPARTMENT.name).where(
    _DEPARTMENT.code.in_(bindparam("departments", expanding=True))
)
_PEOPLE_AND_DEPARTMENTS = union_all(_PEOPLE, _DEPARTMENTS)


def people_names(session: Session, ids: set[str]) -> dict[str, str]:
    """Names of people by id."""
    if not ids:
        return {}
    return dict(session.connection().execute(_PEOPLE, {"people": list(ids)}).all())


def department_names(session: Session, codes: Collection[str] | None = None) -> dict[str, str]:
    """Names of departments by code: of these, or of all."""
    if codes is None:
        return dict(session.execute(select(Department.code, Department.name)).all())
    return dict(session.connection().execute(_DEPARTMENTS, {"departments": list(codes)}).all())


def names(session: Session, people: Collection[str], departments: Collection[str]) -> dict[str, str]:
    """Names of people by id and of departments by code, in one statement."""
    asked = {"people": list(people), "departments": list(departments)}
    return dict(session.connection().execute(_PEOPLE_AND_DEPARTMENTS, asked).all())


def sees_reporter(actor: Actor, lead: Lead) -> bool:
    """Whether this person sees who reported: the reporter, and CD, SD and SO of the place (rulings I9, R32)."""
    if actor.id == lead.reporter_id:
        return True
    desks = (Role.COMMUNITY_DISPATCHER, Role.STREET_DISPATCHER, Role.SUPERVISION_OFFICE)
    return any(actor.holds(role, area_path=lead.area_path) for role in desks)


def events_of(session: Session, lead_id: str) -> list[Event]:
    """The events of a lead in the order in which they were written; they stand in one chain."""
    statement = select(Event).where(Event.subject_id == lead_id, Event.subject_kind == "lead")
    return list(session.scalars(statement.order_by(Event.no)))


def timeline(session: Session, lead: Lead) -> list[dict[str, Any]]:
    """The events of a lead in order: when, who, what, with what was entered and what it changed."""
    return [told(event) for event in events_of(session, lead.id)]


def told(event: Event) -> dict[str, Any]:
    """One event as readers get it: its data, and of its columns `no`, `at`, `act`, `actor_id` and `version`."""
    return {
        **orjson.loads(event.data), "no": event.no, "at": event.at, "act": event.act.removeprefix("lead."),
        "actor_id": event.actor_id, "version": event.version,
    }  # fmt: skip


def without(value: Any, person: str | None) -> Any:
    """Any JSON value with the id of a person left out wherever it stands; all of it for None (ruling I9)."""
    if person is None:
        return value
    if isinstance(value, dict):
        return {name: without(part, person) for name, part in value.items()}
    if isinstance(value, list):
        return [without(part, person) for part in value]
    return None if value == person else value
