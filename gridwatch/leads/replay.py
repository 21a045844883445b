"""The replay of a lead: what it was at any moment, from its events alone, beside what had just changed (invariant I10)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from urllib.parse import urlencode

from flask import Response, request
from sqlalchemy.orm import Session

from gridwatch.calendars.queries import current_calendar
from gridwatch.db.base import db
from gridwatch.domain.errors import Refusal
from gridwatch.domain.worktime import CHINA, local_day
from gridwatch.leads import history, queries, routes, views
from gridwatch.leads.chronicle import FLAGS, Entry, Teller
from gridwatch.leads.lead_page import duties_of, holder_of
from gridwatch.leads.models import Lead
from gridwatch.web.clock import now
from gridwatch.web.identity import current_actor
from gridwatch.web.pages import page


@dataclass(frozen=True, slots=True)
class Stop:
    """A moment at which something happened: its instant, what is told of it, and the address of the page as of then.

    A step and what the system does because of it have one instant, so they are one stop.
    """

    at: datetime
    entries: tuple[Entry, ...]
    address: str


def replay_page(lead_id: str) -> Response:
    """The page. `as_of` is an instant (RFC 3339) or a day, which means its end; without it the newest event.

    Raises 404 `lead.not_found` out of reach, 400 `http.bad_request` for an `as_of` that is neither.
    """
    session, actor = db.session(), current_actor()
    lead = queries.lead_within(session, lead_id, actor)
    stops = _stops(session, lead)
    moment = min(_moment(request.args.get("as_of", "")) or stops[-1].at, now())  # nobody knows what is still to come
    here = max((number for number, stop in enumerate(stops) if stop.at <= moment), default=None)
    following = stops[here + 1 :] if here is not None else stops
    return page(
        "leads/replay.html", lead=lead, stops=stops, here=here, stop=stops[here] if here is not None else None,
        moment=moment, day=local_day(moment), first_day=local_day(stops[0].at), last_day=local_day(now()), first=stops[0], last=stops[-1],
        before=stops[here - 1] if here else None, after=following[0] if following else None,
        between=here is not None and stops[here].at < moment,
        then=_then(session, lead, moment) if here is not None else None,
    )  # fmt: skip


def _moment(wanted: str) -> datetime | None:
    """The instant that was asked for; a day means its last microsecond in China. None where nothing was asked."""
    if not wanted:
        return None
    try:
        if len(wanted) == len("2026-09-18"):
            return datetime.combine(date.fromisoformat(wanted) + timedelta(days=1), time(), CHINA) - timedelta(
                microseconds=1
            )
        moment = datetime.fromisoformat(wanted)
    except (ValueError, OverflowError):
        raise Refusal("http.bad_request") from None
    if moment.tzinfo is None:
        raise Refusal("http.bad_request")
    return moment


def _stops(session: Session, lead: Lead) -> list[Stop]:
    """The moments of a lead, oldest first. The words are those of its timeline, for whoever looks."""
    instants = [event.at for event in queries.events_of(session, lead.id)]
    told = Teller(session, lead, routes.visible_timeline(lead)).told()
    stops: list[Stop] = []
    for at, entry in zip(instants, told, strict=True):
        if stops and stops[-1].at == at:
            stops[-1] = Stop(at, (*stops[-1].entries, entry), stops[-1].address)
        else:
            stops.append(Stop(at, (entry,), _address(lead, at)))
    return stops


def _address(lead: Lead, at: datetime) -> str:
    return f"/leads/{lead.id}/replay?{urlencode({'as_of': at.astimezone(UTC).isoformat()})}"


def _then(session: Session, lead: Lead, moment: datetime) -> dict[str, Any]:
    """The lead as it was at a moment, as the page shows it."""
    calendar = current_calendar(session)
    past = history.lead_as_of(session, lead.id, moment)
    view = views.past_view(session, past, current_actor(), at=moment, calendar=calendar)
    duties = duties_of(session, past, past.obligations, moment, calendar)
    return {
        "view": view,
        "holder": holder_of(view, past),
        "marks": [FLAGS.get(flag, (flag, flag)) for flag in past.flags],
        "running": _of(duties, running=True),
        "ended": _of(duties, running=False),
    }


def _of(duties: Iterable[dict[str, Any]], *, running: bool) -> Sequence[dict[str, Any]]:
    return [one for one in duties if one["running"] is running]
