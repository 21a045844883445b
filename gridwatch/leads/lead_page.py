"""The page of one lead, put together: its facts, its clocks, the steps of the reader, what happened, and a refusal if there was one."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask import Response, request
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.datastructures import MultiDict

from gridwatch.areas.models import Area
from gridwatch.db.base import db
from gridwatch.domain.errors import Refusal
from gridwatch.domain.lead_words import LeadState
from gridwatch.domain.obligations import ObligationKind
from gridwatch.domain.permits import scopes_for
from gridwatch.domain.worktime import WorkCalendar, local_day
from gridwatch.entities.models import Entity
from gridwatch.entities.queries import entities_within
from gridwatch.leads import clocks, day_sheet, lights, queries, routes, step_forms, views
from gridwatch.leads.advice import advise
from gridwatch.leads.beginning import moment
from gridwatch.leads.chronicle import FLAGS, Entry, Teller
from gridwatch.leads.models import Lead, Obligation
from gridwatch.leads.step_forms import STEP_OF, StepForm
from gridwatch.places.models import Grid
from gridwatch.web.clock import now
from gridwatch.web.identity import current_actor
from gridwatch.web.language import language
from gridwatch.web.pages import advice, page, t


@dataclass(frozen=True, slots=True)
class Refused:
    """A step that was refused: why, what was typed, and the version that its sender had seen."""

    refusal: Refusal
    act: Any
    form: MultiDict[str, str]
    seen: int


def lead_page(lead_id: str, refused: Refused | None = None) -> Response:
    """The page as the signed-in person sees it. Raises 404 `lead.not_found` out of reach."""
    session, actor = db.session(), current_actor()
    lead = queries.lead_within(session, lead_id, actor)
    at = moment(session, actor, now())
    today = at.today
    view = views.lead_view(session, lead, at)
    events = routes.visible_timeline(lead)
    teller = Teller(session, lead, events)
    told = teller.told(refused.seen if refused else None)
    may_step = scopes_for(actor, "lead.step")
    forms = step_forms.forms(session, lead, view, actor, today) if may_step else []
    for form in forms:
        form.told = _asked(told, form)
        if any(one.name == "advice_overridden" for one in form.fields):
            step_forms.suggest(form, advise(session, lead, today).as_json())
    duties = duties_of(session, lead, lead.obligations, at.now, at.calendar)
    running = [one for one in duties if one["running"]]
    answer = page(
        "leads/lead.html", status=refused.refusal.entry.status if refused else 200, lead=lead, view=view, today=today,
        age=(today - local_day(lead.reported_at)).days, marks=[FLAGS.get(flag, (flag, flag)) for flag in lead.flags],
        place=_place(session, lead), registered=_registered(session, lead), holder=holder_of(view, lead),
        running=running, ended=[one for one in duties if not one["running"]],
        weeks=day_sheet.weeks(clocks.why(session, running[0]["row"]), today) if running else [],
        forms=forms, told=told, done=_done(events), problem=_problem(refused, lead, forms, teller) if refused else None,
    )  # fmt: skip
    if refused:
        answer.headers.update(refused.refusal.headers)
    return answer


def duties_of(
    session: Session, lead: Lead, duties: Iterable[Obligation], at: datetime, calendar: WorkCalendar
) -> list[dict[str, Any]]:
    """Clocks as the page shows them: those that run first, the earliest day first, the reader's own department's first."""
    today = local_day(at)
    own = {grant.department for grant in current_actor().grants if grant.department}
    departments = queries.department_names(session)
    units = {unit.id: unit for unit in lead.assignments}
    shown = []
    for duty in duties:
        unit = units.get(duty.assignment_id or "")
        suspended = _is_suspended(duty, unit)
        running = duty.end is None and not suspended
        view = views.duty_view(duty, at, calendar)
        light = (
            lights.by_instant(duty.due_at, at)
            if running and duty.due_at is not None
            else lights.running(duty.kind, duty.k, duty.due_on, today, calendar)
            if running
            else lights.ended("suspended" if suspended else view["verdict"])
        )
        shown.append(
            {
                "row": duty, "running": running, "light": light, "name": lights.duty_words(duty.kind, duty.k), "view": view,
                "others": unit is not None and unit.department_code not in own,
                "department": departments.get(unit.department_code) if unit else None, "late": None if running else view["late"],
            }
        )  # fmt: skip
    return sorted(shown, key=lambda one: (not one["running"], one["row"].due_on, one["others"], one["row"].id))


def _is_suspended(duty: Obligation, unit: Any) -> bool:
    """A window that falls due while the work is being verified is not missed (ruling R6)."""
    open_window = duty.end is None and duty.kind == ObligationKind.FEEDBACK.value
    return open_window and unit is not None and unit.suspended_from is not None and duty.due_on >= unit.suspended_from


def _place(session: Session, lead: Lead) -> tuple[str, str]:
    """The names of the area and the grid; empty where there is none."""
    names = session.execute(
        select(Area.name, Grid.name)
        .outerjoin(Grid, Grid.code == lead.grid_code)
        .where(Area.code == (lead.community_code or lead.street_code))
    ).one()
    return names[0], names[1] or ""


def _registered(session: Session, lead: Lead) -> Entity | None:
    """The registered entity, for those within whose reach it lies."""
    if lead.entity_id is None:
        return None
    return session.scalar(entities_within(current_actor()).where(Entity.id == lead.entity_id))


def holder_of(view: dict[str, Any], lead: Lead) -> tuple[str, str]:
    """In whose hands the lead is, in Chinese and English; empty where it is in nobody's."""
    units = [unit["name"] or unit["department"] for unit in view["assignments"] if unit["round"] == lead.round]
    if lead.state == LeadState.DISPATCHED and units:
        return "、".join(units), ", ".join(units)
    return {
        LeadState.RETURNED: ("上报人", "the reporter"),
        LeadState.STREET: ("街道网格中心", "the street's grid centre"),
        LeadState.ESCALATED: ("科学市场监管办", "the supervision office"),
        LeadState.SHELVED: ("科学市场监管办", "the supervision office"),
        LeadState.CLOSED: ("", ""), LeadState.MERGED: ("", ""), LeadState.VOID: ("", ""),
    }.get(LeadState(lead.state), ("社区", "the community"))  # fmt: skip


def _asked(told: list[Entry], form: StepForm) -> list[tuple[str, list[str]]]:
    """What the asker entered, for whoever is to confirm it (ruling R31)."""
    step = STEP_OF[form.step]
    if step.ask is None or form.act == step.ask.value:
        return []
    asks = [one for one in told if one.asked and one.step == form.step and one.unit == form.assignment]
    return [(t("申请人", "asked by"), [asks[-1].who]), *asks[-1].entered] if asks else []


def _done(events: list[dict[str, Any]]) -> str:
    """The name of the step that the reader has just taken, as the address says; empty where the log does not say so too."""
    step = STEP_OF.get(request.args.get("done", ""))
    mine = [
        event
        for event in events[-2:]
        if event["actor_id"] == current_actor().id and event.get("step") == request.args.get("done")
    ]
    return t(step.zh, step.en) if step and mine else ""


def _problem(refused: Refused, lead: Lead, forms: list[StepForm], teller: Teller) -> dict[str, Any]:
    """A refusal as the page tells it. Where its form is not offered any more, what was typed is shown to be copied."""
    step = step_forms.row_for(refused.act, lead.state)
    form = next((form for form in forms if form.act == refused.act.value), None)
    if form is not None:
        step_forms.refill(form, refused.form, refused.refusal)
    refusal = step_forms.spoken(refused.refusal, step)
    return {
        "code": refusal.code,
        "title": refusal.title(language()),
        "to_do": advice(refusal),
        "step": t(step.zh, step.en),
        "form": f"step-{form.act}" if form else "",
        "typed": [] if form else teller.entered(step, step_forms.entered(step, refused.form)),
    }
