"""What a visit offers to become: for each transfer condition 移交条件 that its findings meet, a lead with what is known filled in.

No lead is ever made by itself (domain.md §4b): the worker says yes with one tap, and `lead.report` then names the visit and
the condition. Entity, address, place, evidence, category, title and the findings in words come from here.
"""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import select
from sqlalchemy.orm import Session

from gridwatch.domain.items import Catalogue, Forms, Met, transfers_met
from gridwatch.domain.offers import Offer
from gridwatch.domain.worktime import local_day
from gridwatch.entities.models import Entity
from gridwatch.items.queries import catalogue
from gridwatch.tasks.models import Task, Visit

MOST_EARLIER = 20  # visits to the same entity that are looked at for an earlier finding
_TITLE = 120


def offers_of(session: Session, visit: Visit, item_version: str | None = None) -> list[Offer]:
    """The leads that a visit offers, in the order of its findings; [] for one that was taken back.

    `item_version` are the forms that it was filled in on, those in force on the day of its arrival without. A condition that
    counts only after a recheck (`after_recheck`) is offered when an earlier visit to the same entity found the same.
    """
    if visit.effect == "withdrawn":
        return []
    known = catalogue(session)
    met = [one for one in _met(known, visit, item_version) if one.transfer["categories"]]
    if any(one.transfer.get("after_recheck") for one in met):
        found_before = {one.name for earlier in _earlier(session, visit) for one in _met(known, earlier, None)}
        met = [one for one in met if not one.transfer.get("after_recheck") or one.name in found_before]
    if not met:
        return []
    entity = session.get(Entity, visit.entity_id) if visit.entity_id else None
    task = session.get(Task, visit.task_id) if visit.task_id else None
    return [_offer(one, visit, entity, task) for one in met]


def _met(known: Catalogue, visit: Visit, item_version: str | None) -> list[Met]:
    forms: Forms | None = known.forms(item_version, local_day(visit.received_at))
    return transfers_met(visit.findings, forms) if forms is not None else []


def _earlier(session: Session, visit: Visit) -> Iterable[Visit]:
    """The visits to the same entity before this one that count, the newest first."""
    if visit.entity_id is None:
        return []
    statement = select(Visit).where(
        Visit.entity_id == visit.entity_id, Visit.id != visit.id, Visit.effect == "accepted",
        Visit.received_at <= visit.received_at,
    )  # fmt: skip
    return session.scalars(statement.order_by(Visit.received_at.desc(), Visit.id.desc()).limit(MOST_EARLIER))


def _offer(met: Met, visit: Visit, entity: Entity | None, task: Task | None) -> Offer:
    address = task.address_text if task is not None else entity.address_text if entity is not None else ""
    about = entity.name if entity is not None else address
    said = [f"{met.title[0]}（{met.found}）"]
    if visit.remarks:
        said.append(visit.remarks)
    files = visit.files if isinstance(visit.files, list) else []
    return Offer(
        name=met.name, categories=tuple(met.transfer["categories"]), title=f"{met.transfer['title']['zh']}：{about}"[:_TITLE],
        description="。".join(said), entity_id=visit.entity_id, address_text=address, grid_code=visit.grid_code,
        place=visit.place, evidence=tuple(one["sha256"] for one in files if isinstance(one, dict) and isinstance(one.get("sha256"), str)),
    )  # fmt: skip
