"""Preview and import of calendars: what a notice or a local order would move, and the making of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from gridwatch.areas.models import Area
from gridwatch.calendars.changes import OpenDate, changed_days, conflicts, with_draft
from gridwatch.calendars.queries import current_calendar, policy_in_force
from gridwatch.calendars.reading import Draft, read_draft
from gridwatch.calendars.service import import_days, order_days
from gridwatch.domain.errors import Refusal
from gridwatch.domain.lead_facts import Moment
from gridwatch.domain.permits import SYSTEM, Actor, Scope
from gridwatch.domain.worktime import local_day
from gridwatch.leads import recompute as leads
from gridwatch.people.reach import in_area, within
from gridwatch.tasks import dues as tasks
from gridwatch.web import paging

ORDERING = ("city", "district", "street")  # the levels of area that order days of their own
_REACH = {Scope.AREA: in_area(Area.path)}


@dataclass(frozen=True, slots=True)
class HandedIn:
    """What a person hands in: the content as pasted or read from a file, the paper, and for a local order its area."""

    content: str
    source: str
    area: str | None = None


def read(session: Session, handed_in: HandedIn, actor: Actor) -> Draft:
    """The days of what was handed in, checked. `actor` SYSTEM, as commands have it, reaches every area.

    Raises 404 `area.not_found` (none, or out of reach), 422 `calendar.area_too_small` or `calendar.notice_invalid`.
    """
    path = None
    if handed_in.area is not None:
        statement = select(Area).where(Area.code == handed_in.area)
        if actor is not SYSTEM:
            statement = within(statement, actor, "calendar.order", _REACH)
        area = session.scalars(statement).one_or_none()
        if area is None:
            raise Refusal("area.not_found", code=handed_in.area)
        if area.level not in ORDERING:
            raise Refusal("calendar.area_too_small", area=area.code)
        path = area.path
    return read_draft(handed_in.content, current_calendar(session), source=handed_in.source, area_path=path)


def preview(session: Session, draft: Draft, *, at: datetime, cursor: str | None, limit: int) -> dict[str, Any]:
    """What the import would do; writes nothing. `items` are the open dates that would become another day, by their new day.

    Counted over all: `moved`, and `confirmed`, provisional dates that would stand and be certain. `conflicts` are days on
    which an earlier notice of the same year had said otherwise.
    """
    before = current_calendar(session)
    after = with_draft(before, draft)
    today = local_day(at)
    moment = Moment(SYSTEM, at, today, after, policy_in_force(session, today))
    changed = changed_days(before, after, draft)
    dates = [
        one for one in (*leads.would_be(session, moment), *tasks.would_be(session, after, today=today)) if one.new != one.old
    ]  # fmt: skip
    moved = sorted((one for one in dates if one.moves), key=_place)
    if cursor:
        last = tuple(paging.decode(cursor, 2))
        rest = [one for one in moved if _place(one) > last]
    else:
        rest = moved
    limit = max(1, min(limit, paging.MOST))
    shown = rest[:limit]
    return {
        "form": draft.form, "source": draft.source, "area": draft.area_path, "years": draft.years,
        "changed_days": [day.as_json() for day in changed],
        "conflicts": conflicts(before, changed) if draft.area_path is None else [],
        "moved": {what: sum(one.what == what for one in moved) for what in ("obligation", "task")},
        "confirmed": len(dates) - len(moved),
        "items": [_told(one, [day.as_json() for day in one.reasons(changed)]) for one in shown],
        "next_cursor": paging.encode(_place(shown[-1])) if len(rest) > limit else None,
    }  # fmt: skip


def carry_out(session: Session, draft: Draft, *, actor_id: str, at: datetime) -> dict[str, Any]:
    """Make the import: a new version of the calendar, None where all of it is known. Open dates move with the next tick. Flushes."""
    before = current_calendar(session)
    changed = changed_days(before, with_draft(before, draft), draft)
    if draft.area_path is not None:
        version = order_days(
            session, draft.area_path, draft.days, document=draft.source, actor_id=actor_id, at=at
        )  # fmt: skip
    else:
        version = import_days(session, draft.days, source=draft.source, actor_id=actor_id, at=at)
    return {
        "version": version, "form": draft.form, "source": draft.source, "area": draft.area_path, "years": draft.years,
        "changed_days": [day.as_json() for day in changed] if version else [],
        "conflicts": conflicts(before, changed) if version and draft.area_path is None else [],
    }  # fmt: skip


def _place(one: OpenDate) -> tuple[str, str]:
    return one.new.on.isoformat(), one.id


def _told(one: OpenDate, why: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "what": one.what, "id": one.id, "subject": one.subject_id, "no": one.no, "title": one.title, "kind": one.kind, "k": one.k,
        "counted_from": one.counted_from.isoformat(),
        "from": {"on": one.old.on.isoformat(), "provisional": one.old.provisional},
        "to": {"on": one.new.on.isoformat(), "provisional": one.new.provisional},
        "why": why,
    }  # fmt: skip
