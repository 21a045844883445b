"""The intake desk over the API: complaints entered, answered, passed on or rejected; ratings read."""

from __future__ import annotations

from typing import Any

from gridwatch.calendars.queries import current_calendar
from gridwatch.complaints import placing, queries, schemas, service
from gridwatch.complaints.models import Complaint, Rating
from gridwatch.db.base import db
from gridwatch.domain import tag_code
from gridwatch.web.api import Blueprint
from gridwatch.web.clock import now
from gridwatch.web.identity import current_actor, permit, writes
from gridwatch.web.paging import page

blueprint = Blueprint("complaints", __name__, url_prefix="/api/v1", description="投诉与评价 complaints and ratings")

_SHOWN = [name for name in schemas.ComplaintSummary().fields if name != "receipt"]


@blueprint.get("/complaints")
@blueprint.arguments(schemas.ComplaintQuery, location="query")
@blueprint.response(200, schemas.ComplaintPage)
@permit("complaint.read")
def list_complaints(query: dict[str, Any]) -> dict[str, Any]:
    """The complaints within reach, the oldest first."""
    found = page(
        db.session(), queries.complaints_within(current_actor(), state=query["state"]), [Complaint.id],
        cursor=query["cursor"], limit=query["limit"], key_of=lambda one: [one.id],
    )  # fmt: skip
    return {**found, "items": [_summary(one) for one in found["items"]]}


@blueprint.post("/complaints")
@blueprint.arguments(schemas.ComplaintIn)
@blueprint.response(200, schemas.ComplaintOut)
@permit("complaint.decide")
@writes
def enter(body: dict[str, Any]) -> dict[str, Any]:
    """Enter a complaint that came by 12345, 12315 or letter."""
    session, actor = db.session(), current_actor()
    place = placing.told_at_desk(session, actor, body)
    said = service.Said(body["text"], body["contact"].strip())
    return _dump(
        service.complain(
            session, said, place, source=body["source"], source_no=body["source_no"], at=now(), clerk=actor.id
        )
    )


@blueprint.get("/complaints/<complaint_id>")
@blueprint.response(200, schemas.ComplaintOut)
@permit("complaint.read", hidden="complaint.not_found")
def read_complaint(complaint_id: str) -> dict[str, Any]:
    """One complaint."""
    return _dump(queries.complaint_in_reach(db.session(), current_actor(), complaint_id))


@blueprint.post("/complaints/<complaint_id>/contact")
@blueprint.arguments(schemas.ComplaintContactIn)
@blueprint.response(200, schemas.ComplaintContactOut)
@permit("complaint.decide", hidden="complaint.not_found")
@writes
def read_contact(body: dict[str, Any], complaint_id: str) -> dict[str, str]:
    """How the complainant can be reached; the reason is logged."""
    contact = service.contact_of(db.session(), _mine(complaint_id), body["reason"], actor=current_actor(), at=now())
    return {"contact": contact}


@blueprint.post("/complaints/<complaint_id>/answer")
@blueprint.arguments(schemas.AnswerIn)
@blueprint.response(200, schemas.ComplaintOut)
@permit("complaint.decide", hidden="complaint.not_found")
@writes
def answer(body: dict[str, Any], complaint_id: str) -> dict[str, Any]:
    """Answer it on the spot."""
    return _dump(service.answer(db.session(), _mine(complaint_id), body["text"], actor=current_actor(), at=now()))


@blueprint.post("/complaints/<complaint_id>/reject")
@blueprint.arguments(schemas.RejectIn)
@blueprint.response(200, schemas.ComplaintOut)
@permit("complaint.decide", hidden="complaint.not_found")
@writes
def reject(body: dict[str, Any], complaint_id: str) -> dict[str, Any]:
    """Not take it up, with the reason."""
    return _dump(service.reject(db.session(), _mine(complaint_id), body["reason"], actor=current_actor(), at=now()))


@blueprint.post("/complaints/<complaint_id>/task")
@blueprint.arguments(schemas.TaskIn)
@blueprint.response(200, schemas.ComplaintOut)
@permit("complaint.decide", hidden="complaint.not_found")
@writes
def make_task(body: dict[str, Any], complaint_id: str) -> dict[str, Any]:
    """Send a worker to look."""
    session, complaint = db.session(), _mine(complaint_id)
    service.make_task(
        session, complaint, **body, actor=current_actor(), at=now(), calendar=current_calendar(session)
    )  # fmt: skip
    return _dump(complaint)


@blueprint.post("/complaints/<complaint_id>/lead")
@blueprint.arguments(schemas.LeadIn)
@blueprint.response(200, schemas.ComplaintOut)
@permit("complaint.decide", hidden="complaint.not_found")
@writes
def make_lead(body: dict[str, Any], complaint_id: str) -> dict[str, Any]:
    """Make a lead of it, reported by the clerk."""
    session, complaint = db.session(), _mine(complaint_id)
    service.make_lead(session, complaint, body, actor=current_actor(), at=now(), calendar=current_calendar(session))
    return _dump(complaint)


@blueprint.get("/ratings")
@blueprint.arguments(schemas.RatingQuery, location="query")
@blueprint.response(200, schemas.RatingPage)
@permit("complaint.read")
def list_ratings(query: dict[str, Any]) -> dict[str, Any]:
    """The ratings of places within reach, the oldest first."""
    return page(
        db.session(), queries.ratings_within(current_actor()), [Rating.id],
        cursor=query["cursor"], limit=query["limit"], key_of=lambda one: [one.id],
    )  # fmt: skip


def _mine(complaint_id: str) -> Complaint:
    return queries.complaint_in_reach(db.session(), current_actor(), complaint_id, "complaint.decide")


def _summary(complaint: Complaint) -> dict[str, Any]:
    return {name: getattr(complaint, name) for name in _SHOWN} | {"receipt": tag_code.grouped(complaint.receipt)}


def _dump(complaint: Complaint) -> dict[str, Any]:
    return _summary(complaint) | {"has_contact": queries.has_contact(db.session(), complaint)}
