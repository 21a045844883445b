"""The package of a lead (材料包) for those outside: what it is, what happened, and the hashes of its evidence.

The city and other districts are handed a package; the step that hands it over names its SHA-256 (T32, T41), so that it is
on record for good what they were told. The same lead in the same state gives the same bytes. Who reported it is left out:
citizens and market managers are protected, and outside nobody needs to know (invariant I9).
"""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import select
from sqlalchemy.orm import Session

from gridwatch.audit import service as audit
from gridwatch.domain.errors import Refusal
from gridwatch.domain.permits import Actor
from gridwatch.leads import history, queries
from gridwatch.leads.models import Lead, LeadPackage
from gridwatch.leads.writing import chain_of
from gridwatch.web.clock import rfc3339

FORMAT = "gridwatch-lead-package/1"


def export(session: Session, lead: Lead, *, actor: Actor, now: datetime) -> LeadPackage:
    """Make the package of a locked lead and keep it; the one that stands already, where nothing has happened since. Flushes."""
    content = package_of(session, lead)
    digest = hashlib.sha256(content.encode()).hexdigest()
    known = session.get(LeadPackage, (lead.id, digest))
    if known is not None:
        return known
    made = LeadPackage(
        lead_id=lead.id, sha256=digest, version=lead.rev, exported_at=now, exported_by=actor.id, content=content
    )
    session.add(made)
    session.flush()
    audit.record(
        session, chain=chain_of(lead), act="lead.package_exported", subject=("lead", lead.id), actor_id=actor.id, at=now,
        version=lead.rev, data={"sha256": digest, "size": len(content.encode())},
    )  # fmt: skip
    return made


def package_of(session: Session, lead: Lead) -> str:
    """The content of the package: canonical JSON (sorted keys, UTF-8, no blanks), a function of the lead's events alone."""
    events = [event for event in queries.events_of(session, lead.id) if event.act != "lead.package_exported"]
    facts = history.facts_from_events(history.recorded(events))
    columns = history.columns_from_events(history.recorded(events))
    told: dict[str, Any] = {
        "format": FORMAT,
        "as_of": rfc3339(events[-1].at),
        "lead": {
            "id": facts.id, "no": columns["no"], "version": facts.version, "state": facts.state.value, "level": facts.level,
            "round": facts.round, "category": facts.category, "title": columns["title"], "description": columns["description"],
            "address": facts.address_text, "entity_id": facts.entity_id, "outcome": facts.outcome,
            "reported_at": rfc3339(facts.reported_at), "flags": sorted(facts.flags),
            "departments": [
                {"department": unit.department, "role": unit.role, "state": unit.state.value, "push_on": unit.push_on.isoformat()}
                for unit in facts.units
            ],
        },
        "evidence": sorted(facts.evidence),
        "timeline": [{**queries.told(event), "at": rfc3339(event.at), "hash": event.hash} for event in events],
    }  # fmt: skip
    return orjson.dumps(queries.without(told, facts.reporter_id), option=orjson.OPT_SORT_KEYS).decode()


def package(session: Session, lead: Lead, sha256: str | None) -> LeadPackage:
    """An exported package of a lead within reach: the one with this hash, else the newest. Raises 404 `lead.no_package`."""
    statement = select(LeadPackage).where(LeadPackage.lead_id == lead.id)
    if sha256:
        statement = statement.where(LeadPackage.sha256 == sha256)
    found = session.scalars(statement.order_by(LeadPackage.exported_at.desc(), LeadPackage.sha256).limit(1)).first()
    if found is None:
        raise Refusal("lead.no_package")
    return found
