"""Administrative inspections, recorded by officers; and the yearly limit that holds them (domain.md §0.6, §5; 国办发〔2024〕54号)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy.orm import Session

from gridwatch.areas.models import Area
from gridwatch.audit import service as audit
from gridwatch.domain.errors import Refusal
from gridwatch.domain.inspections import are_enough, licences_of
from gridwatch.domain.permits import Actor, scopes_for
from gridwatch.domain.worktime import local_day
from gridwatch.entities.service import area_of
from gridwatch.inspections import queries
from gridwatch.inspections.models import Inspection, InspectionCap
from gridwatch.tasks.models import Visit
from gridwatch.web.clock import rfc3339

OLDEST = timedelta(days=31)  # how long after it an inspection can still be recorded


@dataclass(frozen=True, slots=True)
class Report:
    """What officers report. `id` is made by the client, so that a report that is sent twice is one; `cause` is a key of CAUSES
    or empty."""

    id: str
    licences: Sequence[str]
    performed_at: datetime
    result: str
    remarks: str
    cause: str
    paper: str


def record(
    session: Session, entity_id: str, report: Report, *, actor: Actor, now: datetime
) -> tuple[Inspection, Visit]:
    """Record an inspection of an entity; the same report again is the same inspection. Flushes.

    Raises 404 `entity.not_found` outside the department's area, 422 `inspection.licences` without two different numbers or
    `inspection.time`, 409 `inspection.id_taken`, and `inspection.cap_reached` for a planned one beyond the year's limit.
    """
    entity, department = queries.entity_to_inspect(session, actor, entity_id)  # locked: two reports come one by one
    known = session.get(Visit, report.id)
    if known is not None:
        before = session.get(Inspection, report.id)
        if before is None or before.entity_id != entity_id or known.by_user != actor.id:
            raise Refusal("inspection.id_taken")
        return before, known
    licences = licences_of(report.licences)
    if not are_enough(licences):
        raise Refusal("inspection.licences", licences=licences)
    if not now - OLDEST <= report.performed_at <= now:
        raise Refusal("inspection.time", at=rfc3339(report.performed_at))
    day = local_day(report.performed_at)
    if not report.cause:
        done, most = queries.planned_days(session, entity_id, day.year), queries.cap_at(session, entity.area_path, day)
        if day not in done and len(done) >= most:
            raise Refusal("inspection.cap_reached", done=len(done), most=most, days=[str(one) for one in done])
    visit = Visit(
        id=report.id, task_id=None, entity_id=entity_id, lead_id=None, by_user=actor.id, by_role=_officer(actor),
        visit_kind="officer", device_id=actor.device_id, area_path=entity.area_path, grid_code=entity.grid_code,
        performed_at=report.performed_at, uncertainty_s=0, received_at=now, result=report.result,
        findings={"result": report.result, "remarks": report.remarks}, place=None, files=[], remarks=report.remarks,
        effect="accepted", timeliness="on_time",
    )  # fmt: skip
    session.add(visit)
    session.flush()
    inspection = Inspection(
        visit_id=visit.id, entity_id=entity_id, department_code=department, licences=licences, inspected_on=day,
        cause=report.cause, paper=report.paper,
    )  # fmt: skip
    session.add(inspection)
    session.flush()
    said = {
        "visit": visit.id, "department": department, "licences": licences, "on": str(day), "cause": report.cause,
        "paper": report.paper, "result": report.result,
    }  # fmt: skip
    audit.record(
        session, chain=area_of(entity.area_path), act="inspection.recorded", subject=("entity", entity_id), actor_id=actor.id,
        at=now, data=said,
    )  # fmt: skip
    return inspection, visit


def set_cap(
    session: Session, area: Area, most: int, effective_on: date, source: str, *, actor: Actor, now: datetime
) -> InspectionCap:
    """Limit the planned inspections of an entity of an area, from a day on; what held before stays on record. Flushes.

    Raises 422 `inspection.cap_days` for a day that has passed.
    """
    if effective_on < local_day(now):
        raise Refusal("inspection.cap_days", on=str(effective_on))
    cap = session.get(InspectionCap, (area.code, effective_on), with_for_update=True)
    cap = cap or InspectionCap(area_code=area.code, effective_on=effective_on)
    cap.area_path, cap.most, cap.source, cap.added_by, cap.added_at = area.path, most, source, actor.id, now
    session.add(cap)
    session.flush()
    audit.record(
        session, chain=area.code, act="inspection.capped", subject=("area", area.code), actor_id=actor.id, at=now,
        data={"most": most, "effective_on": str(effective_on), "source": source},
    )  # fmt: skip
    return cap


def _officer(actor: Actor) -> str:
    """The role in which an officer inspects."""
    return min(grant.role.value for _, grant in scopes_for(actor, "inspection.record"))
