"""Complaints and ratings within the clerk's reach; what a receipt tells its holder; what a tag shows the public."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, exists, select
from sqlalchemy.orm import Session

from gridwatch.complaints.models import Complaint, ComplaintContact, Rating
from gridwatch.domain import tag_code
from gridwatch.domain.errors import Refusal
from gridwatch.domain.lead_words import ENDED
from gridwatch.domain.permits import Actor, Scope
from gridwatch.domain.task_flow import OPEN
from gridwatch.entities.models import Entity
from gridwatch.leads.models import Lead
from gridwatch.people.reach import in_area, within
from gridwatch.places.models import Address
from gridwatch.tags.models import Tag
from gridwatch.tags.queries import cities, entities_at
from gridwatch.tasks.models import Task

REACH = {Scope.AREA: in_area(Complaint.area_path)}
RATING_REACH = {Scope.AREA: in_area(Rating.area_path)}


def complaints_within(actor: Actor, operation: str = "complaint.read", *, state: str | None = None) -> Select[Any]:
    """A statement for the complaints within reach, of one state."""
    statement = within(select(Complaint), actor, operation, REACH)
    return statement if state is None else statement.where(Complaint.state == state)


def complaint_in_reach(
    session: Session, actor: Actor, complaint_id: str, operation: str = "complaint.read"
) -> Complaint:
    """The complaint with this id. Raises 404 `complaint.not_found`."""
    complaint = session.scalar(complaints_within(actor, operation).where(Complaint.id == complaint_id))
    if complaint is None:
        raise Refusal("complaint.not_found")
    return complaint


def ratings_within(actor: Actor) -> Select[Any]:
    """A statement for the ratings within the clerk's reach."""
    return within(select(Rating), actor, "complaint.read", RATING_REACH)


def has_contact(session: Session, complaint: Complaint) -> bool:
    """Whether the complainant left a contact; not which."""
    return bool(session.scalar(select(exists().where(ComplaintContact.complaint_id == complaint.id))))


@dataclass(frozen=True, slots=True)
class Progress:
    """What the holder of a receipt is told: `state` is a key of PUBLIC_STATES, `answer` what the clerk wrote to him."""

    receipt: str
    received_at: datetime
    state: str
    decided_at: datetime | None
    answer: str | None


def progress(session: Session, receipt: str) -> Progress | None:
    """How far the complaint of a receipt is, whose code is in its normal form; None where there is no such receipt."""
    complaint = session.scalar(select(Complaint).where(Complaint.receipt == receipt))
    if complaint is None:
        return None
    state = complaint.state
    if state == "lead" and session.scalar(select(Lead.state).where(Lead.id == complaint.lead_id)) in ENDED:
        state = "closed"
    if state == "task" and session.scalar(select(Task.state).where(Task.id == complaint.task_id)) not in OPEN:
        state = "checked"
    return Progress(complaint.receipt, complaint.received_at, state, complaint.decided_at, complaint.answer)


@dataclass(frozen=True, slots=True)
class Door:
    """What the public may see of a tag. `standing`: issued, replaced, void, other_city, or unknown; for the last three nothing more.

    Of entities only what the public register shows: name, code, kind, status, day of registration.
    """

    standing: str
    code: str | None = None
    tag: Tag | None = None
    address: Address | None = None
    entities: tuple[Entity, ...] = ()


def public_door(session: Session, text: str) -> Door:
    """The door behind a code as somebody typed or scanned it."""
    code = tag_code.read_tag(text)
    if code is None:
        return Door("unknown")
    if tag_code.city_of(code) not in cities(session):
        return Door("other_city", code)
    tag = session.get(Tag, code)
    if tag is None:
        return Door("unknown", code)
    if tag.status == "void":
        return Door("void", code, tag)
    address = session.get_one(Address, tag.address_code)
    return Door(tag.status, code, tag, address, tuple(session.scalars(entities_at(address.code).limit(50))))
