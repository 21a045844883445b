"""Import of official holiday notices. A version only adds: what an older date was computed from stays readable."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import insert
from sqlalchemy.orm import Session

from gridwatch.audit import service as audit
from gridwatch.calendars.models import CalendarDayRow, CalendarVersion
from gridwatch.calendars.queries import current_calendar, current_version
from gridwatch.domain.worktime import DayKind


@dataclass(frozen=True, slots=True)
class NoticeDay:
    """One day of a notice: its kind and holiday name, and the year whose notice decides it (a December may belong to the next)."""

    on: date
    kind: DayKind
    name: str
    official_year: int


def import_days(session: Session, days: Iterable[NoticeDay], *, source: str, actor_id: str, at: datetime) -> int | None:
    """Import what a notice says. Returns the new version, or None when every day is known to be so already (nothing written).

    The caller recomputes open dates afterwards. Days must be checked by the reader (exchange) beforehand. Flushes.
    """
    calendar = current_calendar(session)
    news = [
        day
        for day in days
        if day.official_year not in calendar.official_years
        or (calendar.day(day.on).kind, calendar.day(day.on).name) != (day.kind, day.name)
    ]
    if not news:
        return None
    version = current_version(session) + 1
    session.add(CalendarVersion(version=version, imported_at=at, imported_by=actor_id, source=source))
    session.flush()
    session.execute(
        insert(CalendarDayRow),
        [
            {
                "version": version,
                "on": day.on,
                "kind": day.kind.value,
                "name": day.name,
                "official_year": day.official_year,
            }
            for day in news
        ],
    )
    audit.record(
        session, chain=None, act="calendar.imported", subject=("calendar", str(version)), actor_id=actor_id, at=at,
        data={"source": source, "days": len(news), "years": sorted({day.official_year for day in news})}, version=version,
    )  # fmt: skip
    return version
