"""Inspections and their limits, looked up; and the entities that an officer's department is there for."""

from __future__ import annotations

from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, exists, false, func, literal, or_, select
from sqlalchemy.orm import Session

from gridwatch.areas.models import Area, Department
from gridwatch.domain.errors import Refusal
from gridwatch.domain.inspections import DEFAULT_CAP
from gridwatch.domain.permits import Actor, Grant, Scope, scopes_for
from gridwatch.entities.models import Entity
from gridwatch.inspections.models import Inspection, InspectionCap
from gridwatch.people.reach import in_area, within
from gridwatch.tasks.models import Visit


def _of_department(actor: Actor, grant: Grant) -> ColumnElement[bool]:
    """The entities in the area of the department of a grant."""
    if not grant.department:
        return false()
    home = exists().where(Department.code == grant.department, Area.code == Department.area_code)
    return home.where(Entity.area_path.like(Area.path.concat("%")))


ENTITY_REACH = {Scope.AREA: in_area(Entity.area_path), Scope.DEPARTMENT: _of_department}


def entity_to_inspect(session: Session, actor: Actor, entity_id: str) -> tuple[Entity, str]:
    """The entity, locked, and the code of the department that inspects it. Raises 404 `entity.not_found`."""
    for _, grant in sorted(scopes_for(actor, "inspection.record"), key=lambda pair: str(pair[1])):
        statement = select(Entity).where(Entity.id == entity_id, _of_department(actor, grant)).with_for_update()
        entity = session.scalars(statement, execution_options={"populate_existing": True}).one_or_none()
        if entity is not None:
            return entity, grant.department or ""
    raise Refusal("entity.not_found", entity=entity_id)


def entity_to_read(session: Session, actor: Actor, entity_id: str) -> Entity:
    """The entity whose inspections the actor may see. Raises 404 `entity.not_found`."""
    entity = session.scalar(
        within(select(Entity).where(Entity.id == entity_id), actor, "inspection.read", ENTITY_REACH)
    )
    if entity is None:
        raise Refusal("entity.not_found", entity=entity_id)
    return entity


def inspections_of(session: Session, entity_id: str, year: int) -> list[dict[str, Any]]:
    """The inspections of an entity in a year, the newest first, as the API tells them."""
    rows = session.execute(
        select(Inspection, Visit)
        .join(Visit, Visit.id == Inspection.visit_id)
        .where(Inspection.entity_id == entity_id, _in_year(year))
        .order_by(Inspection.inspected_on.desc(), Inspection.visit_id.desc())
    )
    return [as_json(inspection, visit) for inspection, visit in rows]


def as_json(inspection: Inspection, visit: Visit) -> dict[str, Any]:
    """One inspection as the API tells it."""
    return {
        "id": visit.id, "entity_id": inspection.entity_id, "department_code": inspection.department_code,
        "licences": inspection.licences, "inspected_on": inspection.inspected_on, "cause": inspection.cause,
        "paper": inspection.paper, "result": visit.result, "remarks": visit.remarks, "performed_at": visit.performed_at,
    }  # fmt: skip


def planned_days(session: Session, entity_id: str, year: int) -> list[date]:
    """The days of a year on which an entity had a planned inspection: several departments on one day are one (综合查一次)."""
    statement = select(Inspection.inspected_on).where(
        Inspection.entity_id == entity_id, Inspection.cause == "", _in_year(year)
    )
    return list(session.scalars(statement.distinct().order_by(Inspection.inspected_on)))


def cap_at(session: Session, area_path: str, on: date) -> int:
    """How many planned inspections a year an entity may have there: the newest row in force of the smallest area, or the default."""
    here = literal(area_path).like(InspectionCap.area_path.concat("%"))
    newest = select(InspectionCap.most).where(here, InspectionCap.effective_on <= on)
    newest = newest.order_by(func.length(InspectionCap.area_path).desc(), InspectionCap.effective_on.desc())
    most = session.scalar(newest.limit(1))
    return DEFAULT_CAP if most is None else most


def caps_within(session: Session, actor: Actor) -> list[InspectionCap]:
    """Every limit that holds or will hold in the actor's areas, those of areas above included."""

    def meets(actor: Actor, grant: Grant) -> ColumnElement[bool]:
        if not grant.area_path:
            return false()
        below = InspectionCap.area_path.startswith(grant.area_path, autoescape=True)
        return or_(below, literal(grant.area_path).like(InspectionCap.area_path.concat("%")))

    statement = within(select(InspectionCap), actor, "inspection.read", {Scope.AREA: meets})
    return list(session.scalars(statement.order_by(InspectionCap.area_path, InspectionCap.effective_on)))


def area_to_cap(session: Session, actor: Actor, code: str) -> Area:
    """The area with this code, if the actor sets limits there. Raises 404 `area.not_found`."""
    statement = within(select(Area).where(Area.code == code), actor, "inspection.cap", {Scope.AREA: in_area(Area.path)})
    area = session.scalar(statement)
    if area is None:
        raise Refusal("area.not_found", code=code)
    return area


def _in_year(year: int) -> ColumnElement[bool]:
    return Inspection.inspected_on.between(date(year, 1, 1), date(year, 12, 31))
