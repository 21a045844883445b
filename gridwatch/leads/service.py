"""The verbs of a lead. Every change goes through `take_step`: state, event, clocks, tasks and notices together (invariant I1).

All functions flush; the caller commits. Each raises a Refusal having changed nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, datetime
from typing import Any

from sqlalchemy.orm import Session

from gridwatch.audit import service as audit
from gridwatch.domain import lead_rules
from gridwatch.domain.errors import Refusal
from gridwatch.domain.lead_facts import Change, LeadFacts, Moment
from gridwatch.domain.lead_replay import apply_change
from gridwatch.domain.lead_words import Act
from gridwatch.domain.permits import SYSTEM, Actor, Role
from gridwatch.domain.worktime import WorkCalendar
from gridwatch.leads import clocks, corrections, queries
from gridwatch.leads.beginning import LeadReport, moment, report_all
from gridwatch.leads.known import LIVE, known_for, lock_others, orphans, receiving
from gridwatch.leads.models import Lead
from gridwatch.leads.writing import chain_of, write
from gridwatch.tasks.models import Task, Visit


def report(session: Session, told: LeadReport, *, actor: Actor, calendar: WorkCalendar) -> Lead:
    """T01 for one lead; raises as `report_all` does."""
    report_all(session, [told], actor=actor, calendar=calendar)
    return session.get_one(Lead, told.id)


def report_once(
    session: Session, told: Mapping[str, Any], *, actor: Actor, now: datetime, calendar: WorkCalendar
) -> Lead:
    """T01 from a desk: `told` as LeadReportIn reads it. Sent again by the same person it gives the lead that it made.

    What the intake takes is a complaint, and lies in a community within the intake's own area. Raises as `report` does.
    """
    known = session.get(Lead, str(told["id"]))
    if known is not None and known.reporter_id == actor.id:
        return known
    by_intake = Role.INTAKE_CLERK in actor.roles
    by_market = Role.MARKET_MANAGER in actor.roles and Role.GRID_WORKER not in actor.roles
    source = "complaint" if by_intake else "market" if by_market else "worker"
    named = {
        name: told[name]
        for name in ("category", "title", "description", "entity_id", "lon", "lat", "grid_code", "evidence")
    }
    wanted = LeadReport(
        id=str(told["id"]), address_text=told["address"], received_at=now, source=source,
        flags=["needs_review"] if source == "market" else [], **named,
    )  # fmt: skip
    if known is not None:
        raise _wrong("id", "已被使用 / is in use")
    lead = report(session, wanted, actor=actor, calendar=calendar)
    if by_intake and (lead.community_code is None or not actor.holds(Role.INTAKE_CLERK, area_path=lead.area_path)):
        raise _wrong("address", "须在辖区内的某个社区 / must lie in a community of your area")
    return lead


def _wrong(path: str, problem: str) -> Refusal:
    return Refusal("lead.input_invalid", reason=problem, fields=[{"path": path, "problem": problem}])


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
    done_on: date | None = None,
) -> Lead:
    """`step`, by the limits in force today. `done_on` is the day of a visit that arrived late (see `Moment`)."""
    at = replace(moment(session, actor, now, calendar), done_on=done_on)
    step(session, lead, act, inputs, at, expected_version=expected_version)
    return lead


def step(
    session: Session,
    lead: Lead,
    act: Act,
    inputs: Mapping[str, Any],
    at: Moment,
    *,
    expected_version: int | None = None,
) -> LeadFacts:
    """Take one step of the lead table, and the automatic ones that follow from it; returns the lead as it is then.

    `lead` is within the reach of `at.actor` and locked (queries.lead_within). `inputs` are the fields of the row, unchecked.
    `expected_version` is required from clients; None only for facts that a phone reports, and for the system. What the step
    does to other leads, the system does in the same transaction. Raises, in the order of ruling R33:
    403 `lead.not_your_desk` or `lead.same_person`, 409 `lead.changed_meanwhile`, 409 `lead.step_not_allowed` or, where the
    facts alone decide, `lead.guard_failed`, 422 `lead.input_missing` or `lead.input_invalid`, 409 `lead.guard_failed` where
    inputs decide too; and 503 `http.busy` while somebody else changes another lead that the step names.
    """
    facts = queries.facts_of(session, lead)
    # A confirmation takes over what was asked for, so what the asks name must be known too.
    named = {name: value for asked in facts.asks for name, value in asked.inputs.items()}
    known = known_for(session, lead, {**named, **inputs}, at.actor, at.today)
    # Where the tick was late: the windows that exist by now belong to the facts that the step works on.
    rolled = clocks.rolled(facts, at)
    current = apply_change(facts, rolled) if rolled else facts
    change = lead_rules.decide(current, act, inputs, at, known, expected_version=expected_version)
    if rolled:
        write(session, lead, rolled, replace(at, actor=SYSTEM), before=facts, inputs={})
    facts = _carry_out(session, lead, change, at, before=current, inputs=inputs)
    by_system = replace(at, actor=SYSTEM)
    followed = lead_rules.automatic(facts, by_system)
    if followed is not None:
        facts = _carry_out(session, lead, followed, by_system, before=facts, inputs={})
    return facts


def _carry_out(
    session: Session, lead: Lead, change: Change, at: Moment, *, before: LeadFacts, inputs: Mapping[str, Any]
) -> LeadFacts:
    """Write a change and what the system does elsewhere because of it; returns the lead as it is then."""
    confirmed = next((one for one in before.asks if change.asks_end.get(one.id) == "confirmed"), None)
    entered = {**(confirmed.inputs if confirmed else {}), **inputs}
    written = write(session, lead, change, at, before=before, inputs=entered)
    others = lock_others(session, {one.lead_id for one in change.elsewhere})
    for one in change.elsewhere:
        step(session, others[one.lead_id], Act(one.act), one.inputs, replace(at, actor=SYSTEM, done_on=None))
    return apply_change(before, written)


def inherit(session: Session, at: Moment, *, limit: int = 200) -> dict[str, int]:
    """Hand live assignments of abolished departments to their successors: {"taken"}. Call until it is 0.

    They keep their push and their clocks (edge case (f)). A lead that somebody is changing just now is left for the next
    tick. `at.actor` is the system. The caller commits each batch.
    """
    found = orphans(session, at.today, limit)
    successors = receiving(session, [unit.department_code for _, unit in found], at.today)
    taken = 0
    for lead, unit in found:
        if unit.department_code in successors and unit.state in LIVE:
            inputs = {"assignment": unit.id, "department": successors[unit.department_code]}
            step(session, lead, Act.INHERIT, inputs, at)
            taken += 1
    return {"taken": taken}


def note_visit(
    session: Session, visit: Visit, task: Task, *, actor: Actor, now: datetime, calendar: WorkCalendar
) -> None:
    """What an accepted visit means for its lead: a recheck meets RECHECK; a verification asks for T27 or takes T28.

    A visit is a fact and never refused: where the lead has moved on meanwhile, only an event is kept. One that was made in
    time and arrived late ends its duty on the day on which it was made (edge case (d)).
    """
    step = _step_of_visit(visit, task)
    if task.lead_id is None or step is None:
        return
    act, inputs = step
    lead = session.get_one(Lead, task.lead_id, with_for_update=True, populate_existing=True)
    waiting = corrections.open_of_field(lead)
    try:
        take_step(
            session, lead, act, inputs, actor=actor, now=now, calendar=calendar, done_on=corrections.done_on(visit)
        )
        corrections.met_by_late_sync(session, lead, waiting, visit, moment(session, SYSTEM, now, calendar))
    except Refusal as refusal:
        audit.record(
            session, chain=chain_of(lead), act="lead.visit_without_effect", subject=("lead", lead.id), actor_id=actor.id, at=now,
            data={"visit": visit.id, "code": refusal.code, "state": lead.state}, version=lead.rev,
        )  # fmt: skip


def note_timeliness(
    session: Session, visit: Visit, task: Task, *, now: datetime, calendar: WorkCalendar, **ruled: Any
) -> None:
    """What it means for a lead that a visit turned out to have been in time: the duty of its task was met then (edge (d)).

    For a visit that a person ruled on (`ruled`: ruled_by, reason), and for one that arrived after another had ended the task.
    """
    if task.lead_id is not None:
        lead = session.get_one(Lead, task.lead_id, with_for_update=True, populate_existing=True)
        corrections.was_in_time(session, lead, task, visit, moment(session, SYSTEM, now, calendar), **ruled)


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
