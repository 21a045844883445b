"""Complaints and ratings: taken in, and decided once by the intake clerk. Every step writes its event, never who complained.

All functions flush; the caller commits. Each raises a Refusal having changed nothing.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import select
from sqlalchemy.orm import Session

from gridwatch.audit import service as audit
from gridwatch.complaints.models import Complaint, ComplaintContact, Rating
from gridwatch.complaints.placing import Place
from gridwatch.db.base import new_id
from gridwatch.db.engine import dialect_of
from gridwatch.domain import tag_code
from gridwatch.domain.complaint_words import BAD, SOURCES, VISIT_DAYS, names_informant
from gridwatch.domain.datum import Datum, to_wgs84
from gridwatch.domain.errors import Refusal
from gridwatch.domain.permits import Actor
from gridwatch.domain.worktime import WorkCalendar, local_day
from gridwatch.entities.models import Entity
from gridwatch.entities.service import area_of
from gridwatch.leads import service as leads
from gridwatch.leads.models import Lead
from gridwatch.places.models import Address
from gridwatch.tags.models import Tag
from gridwatch.tasks.models import Task
from gridwatch.tasks.service import plan_task

Row = TypeVar("Row", Complaint, Rating)
PUBLIC = "public"  # who acts where nobody is signed in
TASK_REASON = "群众反映，请现场核查"


@dataclass(frozen=True, slots=True)
class Said:
    """What somebody wrote. `form_id` is that of the form on a public page; `contact` is kept apart and may be empty."""

    text: str
    contact: str = ""
    form_id: str | None = None


def complain(
    session: Session, said: Said, place: Place, *, source: str, at: datetime, source_no: str | None = None,
    tag: Tag | None = None, stars: int | None = None, clerk: str | None = None,
) -> Complaint:  # fmt: skip
    """A complaint: by a public form (the same form again gives the one that it made) or, with `clerk`, entered at the desk.

    Raises 409 `complaint.number_taken` where this number of the other system is registered.
    """
    if said.form_id and (known := made_by_form(session, Complaint, said.form_id)) is not None:
        return known
    if source_no:
        _refuse_known_number(session, source, source_no)
    complaint = Complaint(
        id=new_id(), receipt=tag_code.make_receipt(secrets.randbits(tag_code.RANDOM_BITS)), form_id=said.form_id, source=source,
        source_no=source_no or None, state="received", text=said.text, stars=stars, tag_code=tag.code if tag else None,
        address_code=place.address_code, address_text=place.address_text, entity_id=place.entity_id,
        area_path=place.area_path, received_at=at, received_by=clerk,
    )  # fmt: skip
    session.add(complaint)
    session.flush()
    if said.contact:
        session.add(ComplaintContact(complaint_id=complaint.id, contact=said.contact))
        session.flush()
    about = {
        "source": source,
        "source_no": source_no,
        "has_contact": bool(said.contact),
        "tag": complaint.tag_code,
        "stars": stars,
    }
    _record(session, complaint, "complaint.received", at, clerk or PUBLIC, about)
    return complaint


def rate(session: Session, said: Said, stars: int, place: Place, tag: Tag, *, at: datetime) -> Rating:
    """A rating of 1 to 5. A bad one with a contact opens a complaint (实名差评, requirements row 66: each is followed up); of all
    others no contact is kept, since nobody needs it."""
    if said.form_id and (known := made_by_form(session, Rating, said.form_id)) is not None:
        return known
    complaint = None
    if stars <= BAD and said.contact:
        complaint = complain(session, said, place, source="qr", at=at, tag=tag, stars=stars)
    rating = Rating(
        id=new_id(), form_id=said.form_id or new_id(), stars=stars, text=said.text, tag_code=tag.code,
        address_code=tag.address_code, entity_id=place.entity_id, area_path=place.area_path, rated_at=at,
        complaint_id=complaint.id if complaint else None,
    )  # fmt: skip
    session.add(rating)
    session.flush()
    return rating


def answer(session: Session, complaint: Complaint, text: str, *, actor: Actor, at: datetime) -> Complaint:
    """Answered on the spot. Raises 409 `complaint.decided`."""
    return _decide(session, complaint, "answered", "complaint.answered", {}, actor, at, answer=text)


def reject(session: Session, complaint: Complaint, reason: str, *, actor: Actor, at: datetime) -> Complaint:
    """Not taken up, with the reason that the complainant is told. Raises 409 `complaint.decided`."""
    return _decide(session, complaint, "rejected", "complaint.rejected", {"reason": reason}, actor, at, answer=reason)


def make_task(
    session: Session, complaint: Complaint, items: Sequence[str], instruction: str, *, actor: Actor, at: datetime,
    calendar: WorkCalendar,
) -> Task:  # fmt: skip
    """A check on the spot, due in five work days; without a grid it waits for hand triage. What the worker reads is `instruction`,
    in the clerk's own words.

    Raises 409 `complaint.decided`, 422 `complaint.names_informant`.
    """
    _still_open(session, complaint)
    _protect(session, complaint, {"instruction": instruction})
    entity, address = _entity(session, complaint), _address(session, complaint)
    today = local_day(at)
    task = plan_task(
        session, kind="complaint", source_id=complaint.id, items=list(items), entity=entity, lead_id=None,
        grid_code=_grid(entity, address), area_path=complaint.area_path, address_text=complaint.address_text,
        title=(entity.name if entity else complaint.address_text)[:120], reason=f"{TASK_REASON}：{instruction}"[:200],
        start_on=today, due=calendar.within(complaint.area_path).add(today, VISIT_DAYS), calendar_version=calendar.version,
        at=at, actor_id=actor.id,
    )  # fmt: skip
    if task.address_code is None and address is not None:
        task.address_code = address.code
        session.flush()
    _decide(session, complaint, "task", "complaint.tasked", {"task": task.id}, actor, at, task_id=task.id)
    return task


def make_lead(
    session: Session, complaint: Complaint, told: Mapping[str, str | None], *, actor: Actor, at: datetime,
    calendar: WorkCalendar,
) -> Lead:  # fmt: skip
    """A lead (T01), reported by the clerk: whoever reads it sees the clerk as its reporter, and that it came from a complaint.

    `told` has category, title, description (the clerk's own words) and perhaps grid_code. Raises 409 `complaint.decided`, 422
    `complaint.names_informant`, and what leads.report_once raises.
    """
    _still_open(session, complaint)
    _protect(session, complaint, {name: told.get(name) or "" for name in ("title", "description")})
    entity, address = _entity(session, complaint), _address(session, complaint)
    lon, lat = _point(address)
    report = {
        "id": new_id(), "category": told["category"], "title": told.get("title") or "", "description": told.get("description") or "",
        "entity_id": complaint.entity_id, "lon": lon, "lat": lat, "grid_code": told.get("grid_code") or _grid(entity, address),
        "evidence": [], "address": complaint.address_text,
    }  # fmt: skip
    lead = leads.report_once(session, report, actor=actor, now=at, calendar=calendar)
    _decide(session, complaint, "lead", "complaint.led", {"lead": lead.id}, actor, at, lead_id=lead.id)
    return lead


def contact_of(session: Session, complaint: Complaint, reason: str, *, actor: Actor, at: datetime) -> str:
    """How the complainant can be reached; that it was read, by whom and why, is logged. Raises 404 `complaint.no_contact`."""
    contact = session.get(ComplaintContact, complaint.id)
    if contact is None:
        raise Refusal("complaint.no_contact")
    _record(session, complaint, "complaint.contact_read", at, actor.id, {"reason": reason})
    return contact.contact


def made_by_form(session: Session, model: type[Row], form_id: str) -> Row | None:
    """What a form of a public page has made; two that come at once are taken one after the other."""
    dialect_of(session).lock_names(session.connection(), [f"form:{form_id}"])
    return session.scalar(select(model).where(model.form_id == form_id))


def _refuse_known_number(session: Session, source: str, number: str) -> None:
    dialect_of(session).lock_names(session.connection(), [f"complaint:{source}:{number}"])
    if session.scalar(select(Complaint.id).where(Complaint.source == source, Complaint.source_no == number)):
        raise Refusal("complaint.number_taken", source=SOURCES[source][0], number=number)


def _still_open(session: Session, complaint: Complaint) -> None:
    session.refresh(complaint, with_for_update=True)
    if complaint.state != "received":
        raise Refusal("complaint.decided", state=complaint.state)


def _decide(
    session: Session, complaint: Complaint, state: str, act: str, data: dict[str, Any], actor: Actor, at: datetime,
    **values: str,
) -> Complaint:  # fmt: skip
    _still_open(session, complaint)
    for name, value in {**values, "state": state, "decided_at": at, "decided_by": actor.id}.items():
        setattr(complaint, name, value)
    session.flush()
    _record(session, complaint, act, at, actor.id, data)
    return complaint


def _protect(session: Session, complaint: Complaint, texts: dict[str, str]) -> None:
    """Refuse texts for others that tell who complained (R32, Decree 684 Art. 9)."""
    contact = session.get(ComplaintContact, complaint.id)
    told = [name for name, text in texts.items() if names_informant(contact.contact if contact else None, text)]
    if told:
        raise Refusal(
            "complaint.names_informant",
            fields=[
                {"path": name, "problem": "含投诉人的联系方式 / holds the contact of the complainant"} for name in told
            ],
        )


def _entity(session: Session, complaint: Complaint) -> Entity | None:
    return session.get(Entity, complaint.entity_id) if complaint.entity_id else None


def _address(session: Session, complaint: Complaint) -> Address | None:
    return session.get(Address, complaint.address_code) if complaint.address_code else None


def _grid(entity: Entity | None, address: Address | None) -> str | None:
    return (entity.grid_code if entity else None) or (address.grid_code if address else None)


def _point(address: Address | None) -> tuple[float | None, float | None]:
    if address is None or address.lon is None or address.lat is None:
        return None, None
    return to_wgs84(address.lon, address.lat, Datum(address.datum))


def _record(
    session: Session, complaint: Complaint, act: str, at: datetime, actor_id: str, data: dict[str, Any]
) -> None:
    audit.record(
        session, chain=area_of(complaint.area_path), act=act, subject=("complaint", complaint.id), actor_id=actor_id, at=at,
        data=data,
    )  # fmt: skip
