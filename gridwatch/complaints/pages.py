"""The intake desk on a page: what came, one complaint with what can be done about it, and entering one that came by another road."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlencode

from flask import Blueprint, Response, redirect, request
from marshmallow import Schema, ValidationError
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from gridwatch.areas.models import Area
from gridwatch.calendars.queries import current_calendar
from gridwatch.complaints import placing, public, queries, schemas, service
from gridwatch.complaints.models import Complaint
from gridwatch.db.base import db
from gridwatch.db.session import transaction
from gridwatch.domain import tag_code
from gridwatch.domain.complaint_words import AT_THE_DESK, CONTACT, LETTER, SOURCES, STARS, STATES, VISIT_ITEMS
from gridwatch.domain.errors import Refusal
from gridwatch.domain.lead_words import CATEGORIES
from gridwatch.entities.models import Entity
from gridwatch.entities.queries import AREA_REACH
from gridwatch.people.reach import within
from gridwatch.web import paging
from gridwatch.web.clock import now
from gridwatch.web.identity import current_actor, permit
from gridwatch.web.language import language
from gridwatch.web.pages import TYPED, MenuItem, advice, page

DESK = "/complaints"
A_PAGE = 20

blueprint = Blueprint("complaint_pages", __name__, template_folder="templates")
blueprint.register_blueprint(public.blueprint)
MENU = (MenuItem(15, DESK, "doc", "投诉", "Complaints", "complaint.read"),)


@blueprint.get(DESK)
@permit("complaint.read")
def desk() -> Response:
    """What came, the oldest first; what waits, unless another state is asked for."""
    session, actor = db.session(), current_actor()
    state = request.args.get("state", "received")
    state = state if state in STATES else "received"
    listed = queries.complaints_within(actor, state=state)
    cursor = request.args.get("cursor") or None
    found = paging.page(session, listed, [Complaint.id], cursor=cursor, limit=A_PAGE, key_of=lambda one: [one.id])
    counted = (
        queries.complaints_within(actor).with_only_columns(Complaint.state, func.count()).group_by(Complaint.state)
    )
    return page(
        "complaints/desk.html", items=found["items"], state=state, states=STATES, sources=SOURCES,
        counts=dict(session.execute(counted).all()), grouped=tag_code.grouped,
        more=_address(state, found["next_cursor"]) if found["next_cursor"] else None,
        first=_address(state) if cursor else None,
    )  # fmt: skip


@blueprint.get(f"{DESK}/new")
@permit("complaint.decide")
def entry() -> Response:
    """The form for a complaint that came by 12345, 12315 or letter."""
    return _entry_page({})


@blueprint.post(f"{DESK}/new")
@permit("complaint.decide")
def enter() -> Any:
    """Enter it, and go to it."""
    typed = _typed()
    try:
        with transaction() as session:
            body = _loaded(schemas.ComplaintIn(), {name: value for name, value in typed.items() if value})
            place = placing.told_at_desk(session, current_actor(), body)
            made = service.complain(
                session, service.Said(body["text"], body["contact"]), place, source=body["source"],
                source_no=body["source_no"], at=now(), clerk=current_actor().id,
            )  # fmt: skip
            made_id = made.id
    except Refusal as refusal:
        return _entry_page(typed, refusal)
    return redirect(f"{DESK}/{made_id}", 303)


@blueprint.get(f"{DESK}/<string:complaint_id>")
@permit("complaint.read", hidden="complaint.not_found")
def one(complaint_id: str) -> Response:
    """One complaint with what can be done about it."""
    return _one_page(complaint_id)


@blueprint.post(f"{DESK}/<string:complaint_id>")
@permit("complaint.decide", hidden="complaint.not_found")
def decide(complaint_id: str) -> Any:
    """Answer it, make a task or lead of it, reject it, or read the contact; what was typed is kept where that is refused."""
    act, typed = request.form.get("act", ""), _typed()
    shown = ""
    try:
        with transaction() as session:
            complaint = queries.complaint_in_reach(session, current_actor(), complaint_id, "complaint.decide")
            if act not in _ACTS:
                raise Refusal("http.bad_request")
            shown = _ACTS[act](session, complaint, typed) or ""
    except Refusal as refusal:
        if refusal.code == "complaint.not_found":
            raise
        return _one_page(complaint_id, act=act, typed=typed, refusal=refusal)
    return (
        _one_page(complaint_id, contact=shown)
        if act == "contact"
        else redirect(f"{DESK}/{complaint_id}?done={act}", 303)
    )


# -- what can be done --------------------------------------------------------------------------------------------------


def _answer(session: Session, complaint: Complaint, typed: Mapping[str, str]) -> None:
    body = _loaded(schemas.AnswerIn(), typed)
    service.answer(session, complaint, body["text"], actor=current_actor(), at=now())


def _reject(session: Session, complaint: Complaint, typed: Mapping[str, str]) -> None:
    body = _loaded(schemas.RejectIn(), typed)
    service.reject(session, complaint, body["reason"], actor=current_actor(), at=now())


def _make_task(session: Session, complaint: Complaint, typed: Mapping[str, str]) -> None:
    body = _loaded(schemas.TaskIn(), {**typed, "items": request.form.getlist(f"{TYPED}items")})
    service.make_task(session, complaint, **body, actor=current_actor(), at=now(), calendar=current_calendar(session))


def _make_lead(session: Session, complaint: Complaint, typed: Mapping[str, str]) -> None:
    body = _loaded(schemas.LeadIn(), {name: value for name, value in typed.items() if value})
    service.make_lead(session, complaint, body, actor=current_actor(), at=now(), calendar=current_calendar(session))


def _contact(session: Session, complaint: Complaint, typed: Mapping[str, str]) -> str:
    body = _loaded(schemas.ComplaintContactIn(), typed)
    return service.contact_of(session, complaint, body["reason"], actor=current_actor(), at=now())


_ACTS: dict[str, Callable[[Session, Complaint, Mapping[str, str]], str | None]] = {
    "answer": _answer, "task": _make_task, "lead": _make_lead, "reject": _reject, "contact": _contact,
}  # fmt: skip


# -- pages -------------------------------------------------------------------------------------------------------------


def _one_page(
    complaint_id: str,
    *,
    act: str = "",
    typed: Mapping[str, str] | None = None,
    refusal: Refusal | None = None,
    contact: str = "",
) -> Response:
    session = db.session()
    complaint = queries.complaint_in_reach(session, current_actor(), complaint_id)
    return _refusable(
        "complaints/one.html", refusal, complaint=complaint, receipt=tag_code.grouped(complaint.receipt),
        entity=session.get(Entity, complaint.entity_id) if complaint.entity_id else None, act=act, typed=typed or {},
        chosen=request.form.getlist(f"{TYPED}items"), contact=contact, has_contact=queries.has_contact(session, complaint),
        sources=SOURCES, states=STATES, stars=STARS, items=VISIT_ITEMS, categories=CATEGORIES, done=request.args.get("done", ""),
    )  # fmt: skip


def _entry_page(typed: Mapping[str, str], refusal: Refusal | None = None) -> Response:
    areas = within(select(Area).where(Area.level == "community"), current_actor(), "complaint.decide", AREA_REACH)
    return _refusable(
        "complaints/entry.html", refusal, typed=typed, areas=db.session().scalars(areas.order_by(Area.code)).all(),
        sources={code: SOURCES[code] for code in AT_THE_DESK}, most=LETTER, most_contact=CONTACT,
    )  # fmt: skip


def _refusable(template: str, refusal: Refusal | None, **context: Any) -> Response:
    """A page that shows why what was sent was refused, with the fields to correct."""
    answer = page(
        template, status=refusal.entry.status if refusal else 200, refusal=refusal,
        title=refusal.title(language()) if refusal else "", to_do=advice(refusal) if refusal else "",
        wrong={one["path"].split("[")[0] for one in refusal.facts.get("fields", ())} if refusal else set(), **context,
    )  # fmt: skip
    if refusal:
        answer.headers.update(refusal.headers)
    return answer


def _loaded(schema: Schema, typed: Mapping[str, Any]) -> dict[str, Any]:
    """What a form says, checked as the API checks it. Raises 422 `input.invalid`."""
    try:
        known = {name: value for name, value in typed.items() if name in schema.fields}
        loaded: dict[str, Any] = schema.load(known)
    except ValidationError as error:
        named = error.messages if isinstance(error.messages, dict) else {}
        raise Refusal("input.invalid", fields=[{"path": str(name), "problem": ""} for name in named]) from None
    return loaded


def _typed() -> dict[str, str]:
    said = {name.removeprefix(TYPED): value for name, value in request.form.items() if name.startswith(TYPED)}
    return {name: value.replace("\r\n", "\n").strip() for name, value in said.items()}


def _address(state: str, cursor: str | None = None) -> str:
    return f"{DESK}?{urlencode({'state': state, **({'cursor': cursor} if cursor else {})})}"
