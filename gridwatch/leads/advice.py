"""Advice before a push: which department a lead belongs to and why, from its reports, visits, entity and the permit table.

The rules are those of permit_router; here stands what they are asked about, and which department of the street a kind means.
A street's own permit table, where one was loaded, takes the place of the one delivered. Advice changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from gridwatch.areas.models import Area, Department
from gridwatch.areas.queries import department_in_force, prefixes
from gridwatch.domain.permit_router import Advice, Finding, Hit, Router, Seen
from gridwatch.domain.permit_table import AUTHORITIES, TABLE, Kind, Rule
from gridwatch.entities.models import Entity, PermitRule
from gridwatch.leads.models import Lead
from gridwatch.leads.queries import department_names, finding_of
from gridwatch.tasks.models import Visit

VISITS = 20  # so many visits, the newest, are asked what they found


@dataclass(frozen=True, slots=True)
class Advised:
    """The advice for one lead; its authorities are codes of departments."""

    advice: Advice
    names: Mapping[str, str]

    def as_json(self) -> dict[str, Any]:
        """The same as plain JSON, each text in Chinese and English."""
        made = self.advice
        return {
            "way": made.way.value, "act": made.act.value if made.act else None, "department": self._named(made.authority),
            "assists": [self._named(code) for code in made.assists], "article": made.article, "sectors": list(made.sectors),
            "leaflet": _both(made.leaflet), "reason": _both(made.reason), "outcome": made.outcome,
            "exempt_ground": made.exempt_ground,
        }  # fmt: skip

    def _named(self, code: str | None) -> dict[str, str] | None:
        return None if code is None else {"code": code, "name": self.names.get(code, code)}


def advise(session: Session, lead: Lead, today: date) -> Advised:
    """What is advised for a lead as it stands. Reads only."""
    router = _router(session, lead, today)
    return Advised(router.advise(_finding(session, lead, router)), department_names(session))


def advised_department(session: Session, lead: Lead, today: date) -> str | None:
    """The code of the department that is advised to lead; None where none is."""
    router = _router(session, lead, today)
    return router.advise(_finding(session, lead, router)).authority


def _both(words: tuple[str, str] | None) -> dict[str, str] | None:
    return None if words is None else {"zh": words[0], "en": words[1]}


# -- the table, and who stands behind it ------------------------------------------------------------------------------


def _router(session: Session, lead: Lead, today: date) -> Router:
    """The router with the departments that receive in the lead's areas."""
    here = _departments(session, lead, today)
    own = session.scalars(select(PermitRule).order_by(PermitRule.hazard.desc(), PermitRule.sector)).all()
    if own:
        english = {rule.sector: rule.en for rule in TABLE}
        table = [
            Rule(
                row.sector, row.permit, _in_force(session, row.department_code, today), row.scope_pattern, row.hazard,
                english.get(row.sector, ""),
            )
            for row in own
        ]  # fmt: skip
    else:
        table = [
            replace(rule, authority=_local(Kind(rule.authority), here) if rule.authority else None) for rule in TABLE
        ]
    return Router(tuple(table), market=_local(Kind.MARKET, here))


def _departments(session: Session, lead: Lead, today: date) -> list[Department]:
    """The departments of the lead's own areas that were not abolished, those nearest to the street first."""
    there = (
        select(Department)
        .join(Area, Area.code == Department.area_code)
        .where(
            Area.path.in_(prefixes(lead.area_path)), or_(Department.valid_to.is_(None), Department.valid_to >= today)
        )
        .order_by(Area.path.desc(), Department.code)
    )
    return list(session.scalars(there))


def _in_force(session: Session, code: str | None, today: date) -> str | None:
    """Who does the work of a department today; None for one that was abolished without a successor."""
    if code is None:
        return None
    department = department_in_force(session, code, today)
    return None if department.valid_to is not None and department.valid_to < today else department.code


def _local(kind: Kind, here: Iterable[Department]) -> str | None:
    """The department that is of a kind by its name: the surest word decides, then the nearest area."""
    departments = list(here)
    found = (one.code for word in AUTHORITIES[kind].told_by for one in departments if word in one.name)
    return next(found, None)


# -- what is known of the lead ----------------------------------------------------------------------------------------


def _finding(session: Session, lead: Lead, router: Router) -> Finding:
    entity = session.get(Entity, lead.entity_id) if lead.entity_id else None
    seen = _visited(session, lead)
    held, missing = _permits(seen.get("RG03", {}), router)
    shop = seen.get("RG04", {})
    licensed = True if entity is not None and entity.status == "active" else shop.get("has_licence")
    hits = (
        missing
        or router.hits(" ".join((lead.title, lead.description, str(shop.get("activity") or ""))), Seen.REPORT)
        or router.hits(entity.scope if entity else "", Seen.SCOPE)
    )
    ground = shop.get("exempt_ground")
    return Finding(
        lead.category,
        licensed=licensed if isinstance(licensed, bool) else None,
        needs_permit=shop.get("needs_permit"),
        has_permit=shop.get("has_permit"),
        exempt=None if ground == "none" else ground,
        hits=tuple(hit for hit in hits if hit.sector not in held),
        returned_by=frozenset(
            unit.department_code
            for unit in lead.assignments
            if unit.round == lead.round and unit.end_cause == "returned"
        ),
    )


def _visited(session: Session, lead: Lead) -> dict[str, dict[str, Any]]:
    """What the newest visit says for each inspection item, of those to the lead or to its entity."""
    of_entity = [Visit.entity_id == lead.entity_id] if lead.entity_id else []
    visits = session.scalars(
        select(Visit)
        .where(or_(Visit.lead_id == lead.id, *of_entity), Visit.effect == "accepted")
        .order_by(Visit.received_at.desc(), Visit.id.desc())
        .limit(VISITS)
    )
    found: dict[str, dict[str, Any]] = {}
    for visit in visits:
        for item in ("RG03", "RG04"):
            if item not in found and (said := finding_of(visit, item)):
                found[item] = said
    return found


def _permits(said: Mapping[str, Any], router: Router) -> tuple[set[str], list[Hit]]:
    """The sectors whose permit somebody was shown, and those whose permit was found missing."""
    held, missing = set(), []
    for row in said.get("permits") or ():
        sector = router.sector_of(str(row.get("type") or ""))
        if sector is None:
            continue
        if row.get("held"):
            held.add(sector)
        else:
            missing.append(Hit(sector, str(row["type"]), Seen.VISIT))
    return held, missing
