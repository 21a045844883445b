"""Pages to look at: what waits for me, the leads within my reach, one lead with its clocks and steps, why a date is what it is."""

from __future__ import annotations

import re
from datetime import date
from typing import Any
from urllib.parse import urlencode

from flask import Blueprint, Response, redirect, request
from sqlalchemy import func
from sqlalchemy.orm import Session
from sqlalchemy.orm.exc import StaleDataError

from gridwatch.calendars.queries import current_calendar
from gridwatch.db.base import db
from gridwatch.db.session import transaction
from gridwatch.domain.errors import Refusal
from gridwatch.domain.lead_words import CATEGORIES, ENDED, STATE_NAMES, Act, LeadState
from gridwatch.domain.permits import Actor, Role, scopes_for
from gridwatch.domain.worktime import local_day
from gridwatch.leads import clocks, day_sheet, desk, lights, queries, service, step_forms
from gridwatch.leads.beginning import moment
from gridwatch.leads.lead_page import Refused, duties_of, lead_page
from gridwatch.leads.lights import duty_words
from gridwatch.leads.models import Lead
from gridwatch.leads.replay import replay_page
from gridwatch.notices import service as notices
from gridwatch.tasks.queries import queue_within
from gridwatch.web.clock import now
from gridwatch.web.identity import current_actor, permit
from gridwatch.web.pages import HOME, MenuItem, page

blueprint = Blueprint("lead_pages", __name__, template_folder="templates")
MENU = (
    MenuItem(10, HOME, "inbox", "待办", "To do", "session.own"),
    MenuItem(20, "/leads", "report", "线索", "Leads", "lead.read"),
)
A_PAGE, NOTICES = 20, 6
_ACTS = {one.value: one for one in Act if one is not Act.SUBMIT}


@blueprint.app_template_test("digest")
def is_digest(value: str) -> bool:
    """Whether a value is the SHA-256 of a piece of evidence, which is told by its first digits."""
    return re.fullmatch(r"[0-9a-f]{64}", value) is not None


# -- lists ------------------------------------------------------------------------------------------------------------


@blueprint.get(HOME)
@permit("session.own")
def home() -> Response:
    """What waits for the reader: leads by the clock that is hers, and unread notices."""
    session, actor, today = db.session(), current_actor(), local_day(now())
    state, clock = _state(), request.args.get("clock")
    unread = desk.unread_notices(session, actor, NOTICES + 1)
    cursor = request.args.get("cursor")
    inbox = desk.inbox(session, actor, today, state=state, clock=clock, cursor=cursor, limit=A_PAGE)
    return page(
        "leads/home.html", today=today, rows=_rows(session, inbox.rows, today), counts=inbox.counts, state=state,
        chosen=clock if clock in desk.CLOCKS else "all", states=_OPEN_STATES,
        more=_address(cursor=inbox.next_cursor) if inbox.next_cursor else None,
        first=_address(cursor=None) if cursor else None, address=_address,
        notices=unread[:NOTICES],
        more_notices=len(unread) > NOTICES,
        reads=bool(scopes_for(actor, "lead.read")), walks=Role.GRID_WORKER in actor.roles,
        queue=_queue_size(session, actor) if scopes_for(actor, "task.route") else None,
    )  # fmt: skip


@blueprint.post("/home/notices/<string:notice_id>/read")
@permit("notice.read", hidden="notice.not_found")
def put_away(notice_id: str) -> Any:
    """Put a notice away."""
    with transaction() as session:
        notices.mark_read(session, notice_id, actor=current_actor(), now=now())
    return redirect(HOME, 303)


@blueprint.get("/leads")
@permit("lead.read")
def ledger() -> Response:
    """The leads within reach, the newest first, ended ones too."""
    session, actor, today = db.session(), current_actor(), local_day(now())
    state, number = _state(), request.args.get("no", "").strip()
    leads = queries.leads_within(actor, state=state)
    if number:
        leads = leads.where(Lead.no == number)
    rows, more = desk.page_by_number(session, leads, cursor=request.args.get("cursor"), limit=A_PAGE)
    return page(
        "leads/ledger.html", today=today, rows=_rows(session, rows, today), state=state, no=number, states=_ALL_STATES,
        more=_address(cursor=more) if more else None, first=_address(cursor=None) if request.args.get("cursor") else None,
    )  # fmt: skip


def _queue_size(session: Session, actor: Actor) -> int:
    return session.scalar(queue_within(actor).with_only_columns(func.count(), maintain_column_froms=True)) or 0


_ALL_STATES = {state.value: STATE_NAMES[state] for state in LeadState}
_OPEN_STATES = {code: names for code, names in _ALL_STATES.items() if LeadState(code) not in ENDED}


def _state() -> str | None:
    state = request.args.get("state", "")
    return state if state in _ALL_STATES else None


def _address(**change: str | None) -> str:
    """The address of this list with other arguments; one that is None goes. A changed filter begins on the first page."""
    kept = {name: value for name, value in request.args.items() if name != "lang"}
    if "cursor" not in change:
        kept.pop("cursor", None)
    arguments = {name: value for name, value in {**kept, **change}.items() if value}
    return f"{request.path}?{urlencode(arguments)}" if arguments else request.path


def _rows(session: Session, rows: list[Any], today: date) -> list[dict[str, Any]]:
    calendar = current_calendar(session)
    return [
        {
            **row._mapping,
            "category": CATEGORIES[row.category],
            "state": STATE_NAMES[row.state],
            "clock": duty_words(row.kind, row.k) if row.kind else None,
            "light": lights.running(row.kind, row.k, row.due_on, today, calendar) if row.kind else None,
        }
        for row in rows
    ]


# -- one lead ---------------------------------------------------------------------------------------------------------


@blueprint.get("/leads/<string:lead_id>")
@permit("lead.read", hidden="lead.not_found")
def lead(lead_id: str) -> Response:
    """A lead: what it is, its clocks, what the reader can do now, and what happened."""
    return lead_page(lead_id)


@blueprint.post("/leads/<string:lead_id>/steps")
@permit("lead.step", hidden="lead.not_found")
def take_step(lead_id: str) -> Any:
    """Take a step. When it is refused the page comes back with the reason, and with everything that was typed."""
    form, act = request.form, _ACTS.get(request.form.get("act", ""))
    seen = request.form.get("expected_version", "")
    if act is None or not seen.isdecimal():
        raise Refusal("http.bad_request")
    try:
        with transaction() as session:
            row = queries.lead_within(session, lead_id, current_actor(), "lead.step", lock=True)
            step = step_forms.row_for(act, row.state)
            at = moment(session, current_actor(), now())
            service.step(session, row, act, step_forms.entered(step, form), at, expected_version=int(seen))
    except StaleDataError:  # somebody else's step was faster by a moment
        refusal = Refusal("http.busy", headers={"Retry-After": "1"})
        return lead_page(lead_id, Refused(refusal, act, form, int(seen)))
    except Refusal as refusal:
        if refusal.entry.status == 404:
            raise
        return lead_page(lead_id, Refused(refusal, act, form, int(seen)))
    return redirect(f"/leads/{lead_id}?done={step.id}", 303)


@blueprint.get("/leads/<string:lead_id>/steps")
@permit("lead.read", hidden="lead.not_found")
def back_to_lead(lead_id: str) -> Any:
    """A refused step leaves this address in the browser; whoever opens it again sees the lead."""
    return redirect(f"/leads/{lead_id}")


@blueprint.get("/leads/<string:lead_id>/replay")
@permit("lead.read", hidden="lead.not_found")
def replay(lead_id: str) -> Response:
    """A lead as of any event or day."""
    return replay_page(lead_id)


@blueprint.get("/leads/<string:lead_id>/obligations/<string:obligation_id>/why")
@permit("lead.read", hidden="lead.not_found")
def why(lead_id: str, obligation_id: str) -> Response:
    """Why a date is what it is, day by day; a sheet to print."""
    session, today = db.session(), local_day(now())
    row = queries.lead_within(session, lead_id, current_actor())
    duty = queries.obligation_of(session, row, obligation_id)
    shown = duties_of(session, row, [duty], now(), current_calendar(session))[0]
    days = clocks.why(session, duty)
    return page(
        "leads/why.html", lead=row, duty=shown, days=days, weeks=day_sheet.weeks(days, today), printed_at=now(),
        provisional=any(day["provisional"] for day in days),
    )  # fmt: skip
