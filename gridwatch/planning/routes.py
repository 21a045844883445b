"""Looking ahead over the API: calendars with their preview, the time limits, and what a push today would give."""

from __future__ import annotations

from datetime import date
from typing import Any

from gridwatch.calendars import queries as calendars
from gridwatch.db.base import db
from gridwatch.domain.errors import Refusal
from gridwatch.domain.obligations import policy_limits
from gridwatch.domain.worktime import local_day
from gridwatch.leads import planner
from gridwatch.planning import schemas, service
from gridwatch.web.api import Blueprint
from gridwatch.web.clock import now
from gridwatch.web.identity import current_actor, permit, writes

blueprint = Blueprint("planning", __name__, url_prefix="/api/v1", description="日历与预排 calendars and planning")

MOST_DEPARTMENTS = 50


@blueprint.get("/calendars")
@blueprint.response(200, schemas.CalendarsOut)
@permit("reference.read")
def list_calendars() -> dict[str, Any]:
    """The years that a notice decides, and every import with its paper."""
    session = db.session()
    calendar = calendars.current_calendar(session)
    return {
        "version": calendar.version, "official_years": sorted(calendar.official_years), "items": calendars.versions(session),
    }  # fmt: skip


@blueprint.post("/calendars/preview")
@blueprint.arguments(schemas.PreviewIn)
@blueprint.response(200, schemas.PreviewOut)
@permit("calendar.import")
def preview_calendar(body: dict[str, Any]) -> dict[str, Any]:
    """What a notice or a local order would move: every open date, from, to and why. Nothing is written."""
    session = db.session()
    draft = service.read(session, _handed_in(body), current_actor())
    return service.preview(session, draft, at=now(), cursor=body["cursor"], limit=body["limit"])


@blueprint.post("/calendars")
@blueprint.arguments(schemas.CalendarIn)
@blueprint.response(200, schemas.CalendarOut)
@permit("calendar.import")
@writes
def import_calendar(body: dict[str, Any]) -> dict[str, Any]:
    """Import a notice or a local order as a new version; open dates move with the next tick."""
    session, actor = db.session(), current_actor()
    draft = service.read(session, _handed_in(body), actor)
    return service.carry_out(session, draft, actor_id=actor.id, at=now())


@blueprint.get("/policies")
@blueprint.response(200, schemas.PoliciesOut)
@permit("reference.read")
def list_policies() -> dict[str, Any]:
    """Every version of the time limits, and which one counts for what begins today."""
    session = db.session()
    current = calendars.policy_in_force(session, local_day(now())).version
    return {
        "items": [
            {"version": one.version, "effective_on": one.effective_on, "in_force": one.version == current, "limits": policy_limits(one)}
            for one in calendars.policies(session)
        ]
    }  # fmt: skip


@blueprint.get("/planner/push")
@blueprint.arguments(schemas.PlanQuery, location="query")
@blueprint.response(200, schemas.PlanOut)
@permit("planner.read")
def plan_push(query: dict[str, Any]) -> dict[str, Any]:
    """If I push today: the dates that it would give, and what each department has due on the days until then."""
    session, actor = db.session(), current_actor()
    on = query["on"] or local_day(now())
    departments = [code for part in query["departments"].split(",") if (code := part.strip())]
    if len(departments) > MOST_DEPARTMENTS:
        problem = f"最多 {MOST_DEPARTMENTS} 个 / at most {MOST_DEPARTMENTS}"
        raise Refusal("input.invalid", fields=[{"path": "departments", "problem": problem}])
    path = next((grant.area_path for grant in actor.grants if grant.area_path), None)
    calendar = calendars.current_calendar(session, path)
    dates = planner.push_dates(on, calendar, calendars.policy_in_force(session, on))
    until = date.fromisoformat(dates[-1]["due_on"])
    return {
        "on": on, "is_work_day": calendar.is_work(on), "dates": dates,
        "departments": planner.load(session, actor, on=on, until=until, calendar=calendar, departments=departments),
    }  # fmt: skip


def _handed_in(body: dict[str, Any]) -> service.HandedIn:
    return service.HandedIn(body["content"], body["source"], body["area"])
