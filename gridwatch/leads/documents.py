"""What phones hold of a lead: `lead` in its grid while it is open, without who reported; `my_lead` for its reporter."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy.orm import Session

from gridwatch.db.feed import Document
from gridwatch.domain.lead_words import CATEGORIES, ENDED, STATE_NAMES
from gridwatch.leads.models import Lead
from gridwatch.leads.queries import department_names
from gridwatch.web.clock import rfc3339

_ENDED = frozenset(state.value for state in ENDED)


def lead_documents(session: Session, leads: list[Lead]) -> Iterable[Document]:
    """Two documents a lead."""
    codes = {unit.department_code for lead in leads for unit in lead.assignments}
    names = department_names(session, codes) if codes else {}
    for lead in leads:
        scopes = frozenset({f"grid:{lead.grid_code}"} if lead.grid_code and lead.state not in _ENDED else ())
        yield Document("lead", lead.id, lead.rev, scopes, _lead(lead))
        mine = {
            **_lead(lead),
            "outcome": lead.outcome,
            "closed_at": rfc3339(lead.closed_at),
            "departments": _units(lead, names),
        }
        yield Document("my_lead", lead.id, lead.rev, frozenset({f"user:{lead.reporter_id}"}), mine)


def _lead(lead: Lead) -> dict[str, Any]:
    zh, en = STATE_NAMES[lead.state]
    category_zh, category_en = CATEGORIES[lead.category]
    return {
        "no": lead.no, "state": lead.state, "state_name": {"zh": zh, "en": en}, "category": lead.category,
        "category_name": {"zh": category_zh, "en": category_en}, "title": lead.title, "address": lead.address_text,
        "description": lead.description, "entity_id": lead.entity_id, "lon": lead.lon, "lat": lead.lat,
        "grid_code": lead.grid_code, "reported_at": rfc3339(lead.reported_at), "round": lead.round, "flags": lead.flags,
    }  # fmt: skip


def _units(lead: Lead, names: dict[str, str]) -> list[dict[str, Any]]:
    return [
        {"department": unit.department_code, "name": names.get(unit.department_code, unit.department_code), "role": unit.role,
         "state": unit.state, "push_on": unit.push_on.isoformat()}
        for unit in lead.assignments
        if unit.round == lead.round
    ]  # fmt: skip


RENDERERS = {Lead: lead_documents}
