"""What the rules must know about whatever the inputs of a step name: departments, people, visits, packages, other leads."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session, aliased

from gridwatch.areas.models import Department
from gridwatch.areas.queries import prefixes
from gridwatch.domain.errors import Refusal
from gridwatch.domain.lead_facts import Known, OtherLead
from gridwatch.domain.lead_words import LIVE_UNIT, LeadState
from gridwatch.domain.permits import Actor, Role
from gridwatch.entities.models import Entity
from gridwatch.leads.advice import advised_department
from gridwatch.leads.models import Assignment, Lead, LeadPackage
from gridwatch.leads.queries import REACH, finding_of
from gridwatch.people.models import RoleGrant
from gridwatch.people.reach import within
from gridwatch.tasks.models import Visit

_SINGLE = ("lead_department", "department", "proposed_department", "proper_department")
_SEVERAL = ("assist_departments", "copies", "departments")
_OTHER_LEADS = ("master", "lead")
LIVE = frozenset(state.value for state in LIVE_UNIT)


def known_for(session: Session, lead: Lead, inputs: Mapping[str, Any], actor: Actor, today: date) -> Known:
    """What is known for the inputs of a step, which nobody has checked yet. Looks up only what they name.

    Other leads must lie within the actor's reach; they are locked, since what is done here changes them too. Raises
    503 `http.busy` where somebody else is changing one of them just now.
    """
    return Known(
        departments=receiving(session, list(_named_departments(inputs)), today),
        officers=_officers(session, lead) if "officer" in inputs else {},
        handlers=_handlers(session, lead) if "handler" in inputs else frozenset(),
        visits=_verifications(session, lead) if "visit" in inputs else {},
        leads=_others(
            session, {one for one in map(inputs.get, _OTHER_LEADS) if isinstance(one, str)} - {lead.id}, actor
        ),
        packages=_packages(session, lead) if "package" in inputs else frozenset(),
        entities=_entities(session, inputs.get("entity_id")),
        advised=advised_department(session, lead, today) if "lead_department" in inputs else None,
    )


def _named_departments(inputs: Mapping[str, Any]) -> Iterator[str]:
    for name in _SINGLE:
        if isinstance(inputs.get(name), str):
            yield inputs[name]
    results = inputs.get("results")
    for told in (inputs, *(one for one in (results if isinstance(results, list) else ()) if isinstance(one, dict))):
        for name in _SEVERAL:
            value = told.get(name)
            yield from (one for one in (value if isinstance(value, list) else ()) if isinstance(one, str))


def receiving(session: Session, codes: list[str], today: date) -> dict[str, str]:
    """Which department receives for each code on a day: itself, or the successor of an abolished one (edge case (f)).

    A code that is unknown, or of a department that was abolished without a successor, is left out.
    """
    if not codes:
        return {}
    rows = session.execute(select(Department.code, Department.successor_code, Department.valid_to))
    found = {code: (successor, valid_to is not None and valid_to < today) for code, successor, valid_to in rows}
    received = {}
    for code in codes:
        at: str | None = code
        passed: set[str] = set()
        while at in found and found[at][1] and at not in passed:
            passed.add(at)
            at = found[at][0]
        if at in found and at not in passed:
            received[code] = at
    return received


def _officers(session: Session, lead: Lead) -> dict[str, frozenset[str]]:
    roles = [Role.CASE_OFFICER.value, Role.DEPARTMENT_LEADER.value, Role.DEPARTMENT_RECEIVER.value]
    codes = [unit.department_code for unit in lead.assignments]
    rows = session.execute(
        select(RoleGrant.department_code, RoleGrant.user_id).where(
            RoleGrant.role.in_(roles), RoleGrant.department_code.in_(codes)
        )
    )
    found: dict[str, set[str]] = {}
    for department, user_id in rows:
        found.setdefault(str(department), set()).add(user_id)
    return {department: frozenset(people) for department, people in found.items()}


_GRANT = RoleGrant.__table__.c
_HANDLERS = select(_GRANT.user_id).where(
    _GRANT.role.in_([Role.COMMUNITY_HANDLER.value, Role.COMMUNITY_DISPATCHER.value]),
    _GRANT.area_path.in_(bindparam("here", expanding=True)),
)


def _handlers(session: Session, lead: Lead) -> frozenset[str]:
    return frozenset(session.connection().scalars(_HANDLERS, {"here": prefixes(lead.area_path)}))


def _verifications(session: Session, lead: Lead) -> dict[str, str]:
    visits = session.scalars(select(Visit).where(Visit.lead_id == lead.id, Visit.effect == "accepted"))
    return {visit.id: verdict for visit in visits if (verdict := finding_of(visit, "VF01").get("verdict"))}


def _packages(session: Session, lead: Lead) -> frozenset[str]:
    return frozenset(session.scalars(select(LeadPackage.sha256).where(LeadPackage.lead_id == lead.id)))


def _entities(session: Session, entity_id: Any) -> frozenset[str]:
    if not isinstance(entity_id, str):
        return frozenset()
    return frozenset(session.scalars(select(Entity.id).where(Entity.id == entity_id)))


def _others(session: Session, ids: set[str], actor: Actor) -> dict[str, OtherLead]:
    if not ids:
        return {}
    there = within(select(Lead.id).where(Lead.id.in_(ids)), actor, "lead.read", REACH)
    rows = lock_others(session, set(session.scalars(there)))
    return {
        row.id: OtherLead(row.id, LeadState(row.state), row.previous_state, row.reported_at) for row in rows.values()
    }


def lock_others(session: Session, ids: set[str]) -> dict[str, Lead]:
    """Leads that exist, locked beside the one that a step is about. Raises 503 `http.busy` where one is in other hands.

    Waiting for it could deadlock: that step may be waiting for this lead.
    """
    if not ids:
        return {}
    statement = select(Lead).where(Lead.id.in_(ids)).with_for_update(of=Lead, skip_locked=True)
    rows = {row.id: row for row in session.scalars(statement.execution_options(populate_existing=True))}
    if rows.keys() != ids:
        raise Refusal("http.busy", headers={"Retry-After": "1"})
    return rows


def orphans(session: Session, today: date, limit: int) -> list[tuple[Lead, Assignment]]:
    """Live assignments of departments that were abolished and have a successor, at most `limit`, with their locked leads."""
    receiver = aliased(Department)
    statement = (
        select(Assignment.id, Assignment.lead_id)
        .join(Department, Department.code == Assignment.department_code)
        .join(receiver, receiver.code == Department.successor_code)
        .where(Department.valid_to < today, Assignment.state.in_(LIVE))
        .order_by(Assignment.id)
        .limit(limit)
    )
    found = [(unit_id, lead_id) for unit_id, lead_id in session.execute(statement)]
    if not found:
        return []
    free = select(Lead).where(Lead.id.in_({lead_id for _, lead_id in found})).with_for_update(of=Lead, skip_locked=True)
    leads = {lead.id: lead for lead in session.scalars(free.execution_options(populate_existing=True))}
    return [
        (leads[lead_id], unit)
        for unit_id, lead_id in found
        if lead_id in leads
        for unit in leads[lead_id].assignments
        if unit.id == unit_id
    ]
