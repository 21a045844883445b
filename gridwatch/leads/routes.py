"""Leads over the API: list, read, timeline, why a date is what it is, and one route for every step."""

from __future__ import annotations

from typing import Any

from flask import Response, current_app

from gridwatch.calendars.queries import current_calendar
from gridwatch.db.base import db
from gridwatch.domain import lead_flow
from gridwatch.domain.errors import Refusal
from gridwatch.domain.lead_words import Act
from gridwatch.domain.worktime import local_day
from gridwatch.leads import clocks, history, package_files, packages, queries, service, views
from gridwatch.leads.advice import advise
from gridwatch.leads.beginning import moment
from gridwatch.leads.models import Lead, LeadPackage
from gridwatch.leads.schemas import (
    AdviceOut,
    LeadAsOf,
    LeadOut,
    LeadQuery,
    LeadQueryPage,
    LeadReportIn,
    LeadStepIn,
    PackageOut,
    PackageQuery,
    TimelineOut,
    WhyOut,
)
from gridwatch.web import paging
from gridwatch.web.api import Blueprint
from gridwatch.web.clock import now, rfc3339
from gridwatch.web.identity import current_actor, permit, writes

blueprint = Blueprint("leads", __name__, url_prefix="/api/v1/leads", description="线索 leads")
_ACTS = {one.value: one for one in Act if one is not Act.SUBMIT}


@blueprint.get("/flow")
@blueprint.response(200, description="The transition table: states, acts, roles, fields, guards.")
@permit("reference.read")
def flow() -> dict[str, Any]:
    """The lead table as data."""
    return lead_flow.as_json()


@blueprint.get("")
@blueprint.arguments(LeadQuery, location="query")
@blueprint.response(200, LeadQueryPage)
@permit("lead.read")
def list_leads(query: dict[str, Any]) -> dict[str, Any]:
    """The leads within the reader's reach, in the order of their numbers."""
    statement = queries.leads_within(current_actor(), state=query.get("state"), category=query.get("category"))
    page = paging.page(
        db.session(),
        statement,
        [Lead.no],
        cursor=query.get("cursor"),
        limit=query["limit"],
        key_of=lambda lead: [lead.no],
    )
    return {"items": [views.summary(lead) for lead in page["items"]], "next_cursor": page["next_cursor"]}


@blueprint.post("")
@blueprint.arguments(LeadReportIn)
@blueprint.response(200, LeadOut)
@permit("lead.report")
@writes
def report_lead(body: dict[str, Any]) -> dict[str, Any]:
    """Report a lead from a desk; phones report by `sync/push`. The same `id` again gives the lead that it made."""
    session = db.session()
    at = moment(session, current_actor(), now())
    lead = service.report_once(session, body, actor=at.actor, now=at.now, calendar=at.calendar)
    return views.lead_view(session, lead, at)


@blueprint.get("/<string:lead_id>")
@blueprint.arguments(LeadAsOf, location="query")
@blueprint.response(200, LeadOut)
@permit("lead.read", hidden="lead.not_found")
def read_lead(query: dict[str, Any], lead_id: str) -> dict[str, Any]:
    """One lead, with its clocks and what the reader may do now; or as it was at a moment."""
    session, actor = db.session(), current_actor()
    lead = queries.lead_within(session, lead_id, actor)
    if (as_of := query["as_of"]) is None:
        return views.lead_view(session, lead, moment(session, actor, now()))
    past = history.lead_as_of(session, lead.id, as_of)
    return views.past_view(session, past, actor, at=as_of, calendar=current_calendar(session))


@blueprint.get("/<string:lead_id>/package")
@blueprint.arguments(PackageQuery, location="query")
@blueprint.response(
    200,
    description="JSON: the very bytes that were hashed; or a PDF of it; or a ZIP of both, the evidence and a manifest of hashes.",
)
@permit("lead.package", hidden="lead.not_found")
def read_package(query: dict[str, Any], lead_id: str) -> Response:
    """A package that was exported: what the lead is, its timeline and its evidence, without the reporter."""
    session, actor = db.session(), current_actor()
    lead = queries.lead_within(session, lead_id, actor, "lead.package")
    found = packages.package(session, lead, query.get("sha256"))
    settings = current_app.config["GRIDWATCH"]
    return package_files.answer(session, lead, found, query["format"], actor=actor, settings=settings, now=now())


@blueprint.post("/<string:lead_id>/package")
@blueprint.response(200, PackageOut)
@permit("lead.export", hidden="lead.not_found")
@writes
def export_package(lead_id: str) -> LeadPackage:
    """Export the package as the lead stands; nothing has happened since the last one, and it is that one."""
    session, actor = db.session(), current_actor()
    lead = queries.lead_within(session, lead_id, actor, "lead.export", lock=True)
    return packages.export(session, lead, actor=actor, now=now())


@blueprint.get("/<string:lead_id>/advice")
@blueprint.response(200, AdviceOut)
@permit("lead.read", hidden="lead.not_found")
def read_advice(lead_id: str) -> dict[str, Any]:
    """Which department the lead belongs to and why; a push to another one says so in `advice_overridden`."""
    session = db.session()
    lead = queries.lead_within(session, lead_id, current_actor())
    return advise(session, lead, local_day(now())).as_json()


@blueprint.get("/<string:lead_id>/timeline")
@blueprint.response(200, TimelineOut)
@permit("lead.read", hidden="lead.not_found")
def read_timeline(lead_id: str) -> dict[str, Any]:
    """What happened to the lead, oldest first."""
    session, actor = db.session(), current_actor()
    lead = queries.lead_within(session, lead_id, actor)
    return {"items": visible_timeline(lead)}


@blueprint.get("/<string:lead_id>/obligations/<string:obligation_id>/why")
@blueprint.response(200, WhyOut)
@permit("lead.read", hidden="lead.not_found")
def why(lead_id: str, obligation_id: str) -> dict[str, Any]:
    """Why the date of an obligation is what it is, day by day."""
    session = db.session()
    lead = queries.lead_within(session, lead_id, current_actor())
    duty = queries.obligation_of(session, lead, obligation_id)
    view = views.duty_view(duty, now(), current_calendar(session, lead.area_path))
    return {"obligation": view, "days": clocks.why(session, duty), "computed": clocks.computed(session, duty)}


@blueprint.post("/<string:lead_id>/steps")
@blueprint.arguments(LeadStepIn)
@blueprint.response(200, LeadOut)
@permit("lead.step", hidden="lead.not_found")
@writes
def take_step(body: dict[str, Any], lead_id: str) -> dict[str, Any]:
    """Take one step of the lead table."""
    session, actor = db.session(), current_actor()
    lead = queries.lead_within(session, lead_id, actor, "lead.step", lock=True)
    if body["act"] not in _ACTS:
        problem = {"path": "act", "problem": f"one of {', '.join(_ACTS)}"}
        raise Refusal("lead.input_invalid", reason="act", fields=[problem])
    at = moment(session, actor, now())
    facts = service.step(
        session, lead, _ACTS[body["act"]], body["inputs"], at, expected_version=body["expected_version"]
    )
    return views.lead_view(session, lead, at, facts)


def visible_timeline(lead: Lead) -> list[dict[str, Any]]:
    """The timeline with names; who reported is left out for those who may not know (ruling I9)."""
    session, actor = db.session(), current_actor()
    events = queries.timeline(session, lead)
    names = queries.people_names(session, {event["actor_id"] for event in events})
    hidden = None if queries.sees_reporter(actor, lead) else lead.reporter_id
    return [
        {**queries.without(event, hidden), "at": rfc3339(event["at"]),
         "actor": "" if event["actor_id"] == hidden else names.get(event["actor_id"], event["actor_id"])}
        for event in events
    ]  # fmt: skip
