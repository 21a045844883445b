"""What the system suggests to a desk and never does by itself: two reports of one thing, and a closed lead that comes back.

Sources: edge case (b) of domain.md §4b (two workers report the same offline: the system proposes a merge), T37 (the same
entity and category again within 90 days of the close: reopen).
"""

from __future__ import annotations

import math
from datetime import timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, case, false, func, or_, select
from sqlalchemy.orm import Session

from gridwatch.domain.lead_facts import Moment
from gridwatch.domain.lead_words import ENDED, STATE_NAMES, LeadState
from gridwatch.domain.permits import Role
from gridwatch.leads.models import Lead
from gridwatch.leads.queries import REACH
from gridwatch.people.reach import within
from gridwatch.web.clock import rfc3339

NEAR_M = 50.0
MOST = 10
_A_DEGREE_M = 111_195.0  # one degree of latitude on the mean sphere
_DESKS = (Role.COMMUNITY_DISPATCHER, Role.STREET_DISPATCHER, Role.SUPERVISION_OFFICE)
_ENDED = [state.value for state in ENDED]


def hints(session: Session, lead: Lead, at: Moment) -> dict[str, list[dict[str, Any]]]:
    """{"duplicates", "reopen"}: other leads that this one may be the same as, newest first, each with why; at most ten.

    A duplicate has the same category and the same entity, the same address, or lies within 50 m; it is open, or was closed
    at most 90 days ago. `reopen` are the closed ones of the same entity. Only for a reader (`at.actor`) at a desk that merges and
    reopens, within its reach, and while the lead itself is open.
    """
    nothing: dict[str, list[dict[str, Any]]] = {"duplicates": [], "reopen": []}
    if LeadState(lead.state) in ENDED or not any(at.actor.holds(role, area_path=lead.area_path) for role in _DESKS):
        return nothing
    since = at.now - timedelta(days=at.policy.reopen_days)
    closed = Lead.state == LeadState.CLOSED.value
    standing = or_(Lead.state.not_in(_ENDED), and_(closed, Lead.closed_at >= since))
    reopen = and_(closed, _same_entity(lead))
    # The newest of either kind, so that a market hall with a thousand leads at one address sends ten rows.
    place = func.row_number().over(partition_by=case((reopen, 1), else_=0), order_by=(Lead.reported_at.desc(), Lead.id))
    matching = within(
        select(
            Lead.id, Lead.no, Lead.state, Lead.title, Lead.reported_at, Lead.entity_id, Lead.address_text, Lead.lon, Lead.lat,
            place.label("place"),
        ),
        at.actor, "lead.read", REACH,
    ).where(
        Lead.id != lead.id, Lead.category == lead.category, standing, or_(_same_entity(lead), _same_place(lead))
    ).subquery("matching")  # fmt: skip
    rows = session.execute(
        select(matching).where(matching.c.place <= MOST).order_by(matching.c.reported_at.desc(), matching.c.id)
    )
    found = [(row, why) for row in rows if (why := _why(lead, row))]
    closed_ones = [(row, why) for row, why in found if row.state == LeadState.CLOSED.value and "entity" in why]
    return {
        "duplicates": [_told(row, why) for row, why in found[:MOST]],
        "reopen": [_told(row, why) for row, why in closed_ones[:MOST]],
    }


def _same_entity(lead: Lead) -> ColumnElement[bool]:
    return Lead.entity_id == lead.entity_id if lead.entity_id else false()


def _same_place(lead: Lead) -> ColumnElement[bool]:
    """In the same area, with the same address or near the point, found by the square around it."""
    parts: list[ColumnElement[bool]] = [Lead.address_text == lead.address_text] if lead.address_text else []
    if lead.lon is not None and lead.lat is not None:
        north = NEAR_M / _A_DEGREE_M
        east = north / math.cos(math.radians(lead.lat))
        parts.append(
            and_(
                Lead.lon.between(lead.lon - east, lead.lon + east),
                Lead.lat.between(lead.lat - north, lead.lat + north),
                _squared((Lead.lon - lead.lon) / east) + _squared((Lead.lat - lead.lat) / north) <= 1,
            )
        )
    return and_(Lead.area_path == lead.area_path, or_(false(), *parts))


def _squared(value: ColumnElement[float]) -> ColumnElement[float]:
    return value * value


def _why(lead: Lead, row: Any) -> list[str]:
    why = []
    if lead.entity_id and row.entity_id == lead.entity_id:
        why.append("entity")
    if lead.address_text and row.address_text == lead.address_text:
        why.append("address")
    if None not in (lead.lon, lead.lat, row.lon, row.lat) and metres_between(lead, row) <= NEAR_M:
        why.append("near")
    return why


def metres_between(one: Any, other: Any) -> float:
    """The distance in metres of two things with `lon` and `lat` in WGS-84 degrees that lie near each other."""
    east = (other.lon - one.lon) * math.cos(math.radians((one.lat + other.lat) / 2))
    return math.hypot(east, other.lat - one.lat) * _A_DEGREE_M


def _told(row: Any, why: list[str]) -> dict[str, Any]:
    zh, en = STATE_NAMES[row.state]
    return {
        "id": row.id, "no": row.no, "state": row.state, "state_name": {"zh": zh, "en": en}, "title": row.title,
        "reported_at": rfc3339(row.reported_at), "why": why,
    }  # fmt: skip
