"""A lead as its readers see it: the same shape for the API and for the pages."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from gridwatch.domain import lead_rules
from gridwatch.domain.lead_facts import LeadFacts, Moment, Unit
from gridwatch.domain.lead_flow import Step, field_json
from gridwatch.domain.lead_words import CATEGORIES, OUTCOMES, STATE_NAMES, Act
from gridwatch.domain.obligations import ObligationKind, late_by, lateness_text_en, lateness_text_zh
from gridwatch.domain.permits import Actor
from gridwatch.domain.worktime import WorkCalendar, local_day
from gridwatch.files.queries import attachments
from gridwatch.leads import clocks, queries
from gridwatch.leads.hints import hints
from gridwatch.leads.models import Lead, Obligation
from gridwatch.leads.wording import DUTIES
from gridwatch.web.clock import rfc3339

# fmt: off
VERDICT_NAMES: dict[str, tuple[str, str]] = {
    "open": ("进行中", "running"), "due_today": ("今日到期", "due today"),
    "overdue": ("已逾期", "overdue"), "missed": ("逾期未办", "missed"),
    "met": ("按期完成", "met"), "met_late": ("逾期完成", "met late"),
    "cured": ("逾期后补", "missed, cured later"),
    "cancelled": ("已撤销", "cancelled"), "superseded": ("已改期", "superseded"), "suspended": ("核查期内", "suspended while verifying"),
    "excused": ("免责", "excused"),
}
# fmt: on


def pair(table: dict[str, tuple[str, str]], code: str | None) -> dict[str, str] | None:
    """Both names of a code, or None."""
    if code is None:
        return None
    zh, en = table.get(code, (code, code))
    return {"zh": zh, "en": en}


def lead_view(session: Session, lead: Lead, at: Moment, facts: LeadFacts | None = None) -> dict[str, Any]:
    """A lead with its assignments, obligations and what this person may do now; the reporter only where he may be seen.

    `facts` are the same lead for the rules, where they are known already.
    """
    facts = facts or queries.facts_of(session, lead)
    return {
        **told(session, lead, at.actor, at=at.now, calendar=at.calendar),
        "as_of": None,
        "attachments": attachments(session, [lead.id])[lead.id].as_json(),
        "hints": hints(session, lead, at),
        "allowed": [
            {"act": act.value, "step": step.id, "asks": act is step.ask, "assignment": unit.id if unit else None,
             "name": _act_name(step.zh, step.en, act is step.ask), "fields": _fields(facts, step, act, unit)}
            for act, step, unit in lead_rules.allowed(facts, at.within(lead.area_path))
        ],
    }  # fmt: skip


def past_view(session: Session, lead: Lead, actor: Actor, *, at: datetime, calendar: WorkCalendar) -> dict[str, Any]:
    """A lead as it was at a moment (history.lead_as_of): the same shape, with verdicts of then, and nothing to be done."""
    nothing: dict[str, Any] = {"attachments": None, "hints": None, "allowed": []}
    return {**told(session, lead, actor, at=at, calendar=calendar), "as_of": rfc3339(at), **nothing}


def told(session: Session, lead: Lead, actor: Actor, *, at: datetime, calendar: WorkCalendar) -> dict[str, Any]:
    """What stands in the rows of a lead, for a person who may read it."""
    calendar = calendar.within(lead.area_path)
    ids = {lead.reporter_id, lead.handler_id, *(unit.officer_id for unit in lead.assignments)} - {None}
    people, departments = {str(one) for one in ids}, {unit.department_code for unit in lead.assignments}
    names = queries.names(session, people, departments)
    shown = lead.reporter_id if queries.sees_reporter(actor, lead) else None
    return {
        **summary(lead), "description": lead.description, "lon": lead.lon, "lat": lead.lat, "source": lead.source,
        "entity_id": lead.entity_id, "street_code": lead.street_code, "performed_at": rfc3339(lead.performed_at),
        "reporter": {"id": shown, "name": names.get(shown, "")} if shown else None,
        "handler": {"id": lead.handler_id, "name": names.get(lead.handler_id, "")} if lead.handler_id else None,
        "closed_at": rfc3339(lead.closed_at), "outcome": lead.outcome, "outcome_name": pair(OUTCOMES, lead.outcome),
        "bounces": lead.bounces, "proposed_department": lead.proposed_department, "evidence": lead.evidence,
        "level": lead.level, "master_id": lead.master_id, "reports": lead.reports, "related": lead.related,
        "assignments": [
            {"id": unit.id, "department": unit.department_code, "name": names.get(unit.department_code), "role": unit.role,
             "round": unit.round, "state": unit.state, "state_name": pair(STATE_NAMES, unit.state), "push_on": unit.push_on.isoformat(),
             "pushed_at": rfc3339(unit.pushed_at), "legal_basis": unit.legal_basis, "summary": unit.duty,
             "officer": {"id": unit.officer_id, "name": names.get(unit.officer_id, "")} if unit.officer_id else None}
            for unit in lead.assignments
        ],
        "obligations": [duty_view(duty, at, calendar) for duty in lead.obligations],
    }  # fmt: skip


def _fields(facts: LeadFacts, step: Step, act: Act, unit: Unit | None) -> list[dict[str, Any]]:
    """What can be entered. A confirmation takes over what the asker entered, and adds what was left to whoever confirms."""
    if step.ask is None or act is not step.act:
        return [field_json(one) for one in step.fields]
    asks = [one for one in facts.asks if (one.step, one.unit_id) == (step.id, unit.id if unit else None)]
    return [field_json(one) for one in step.fields if one.confirmer and one.name not in asks[-1].inputs]


def _act_name(zh: str, en: str, asking: bool) -> dict[str, str]:
    return {"zh": f"申请：{zh}" if asking else zh, "en": f"ask: {en}" if asking else en}


def duty_name(kind: str) -> dict[str, str]:
    """The name of an obligation kind."""
    duty = DUTIES[ObligationKind(kind)]
    return {"zh": duty.zh, "en": duty.en}


def summary(lead: Lead) -> dict[str, Any]:
    """The members of a lead that lists show."""
    return {
        "id": lead.id, "no": lead.no, "version": lead.rev, "state": lead.state, "state_name": pair(STATE_NAMES, lead.state),
        "category": lead.category, "category_name": pair(CATEGORIES, lead.category), "title": lead.title, "address": lead.address_text,
        "grid_code": lead.grid_code, "community_code": lead.community_code, "reported_at": rfc3339(lead.reported_at),
        "round": lead.round, "flags": lead.flags,
    }  # fmt: skip


def duty_view(duty: Obligation, at: datetime, calendar: WorkCalendar) -> dict[str, Any]:
    """An obligation with its verdict at a moment and, when it is late, by how much."""
    today = local_day(at)
    verdict = clocks.verdict_of(duty, today, at)
    until = duty.end.on if duty.end is not None else today
    late = late_by(duty.due_on, until, calendar) or 0 if verdict in ("overdue", "missed", "met_late", "cured") else None
    return {
        "id": duty.id, "kind": duty.kind, "name": duty_name(duty.kind), "k": duty.k, "assignment": duty.assignment_id,
        "round": duty.round, "anchor_on": duty.anchor_on.isoformat(), "days": duty.days, "due_on": duty.due_on.isoformat(),
        "due_at": rfc3339(duty.due_at),
        "provisional": duty.provisional, "verdict": verdict, "verdict_name": pair(VERDICT_NAMES, verdict), "cause": duty.cause,
        "supersedes": duty.supersedes, "ended_on": duty.end.on.isoformat() if duty.end else None,
        "late_work_days": late, "late": None if late is None else {"zh": lateness_text_zh(late), "en": lateness_text_en(late)},
        "calendar_version": duty.calendar_version,
    }  # fmt: skip
