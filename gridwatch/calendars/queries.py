"""The calendar in force, from the rows of every import."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from gridwatch.calendars.models import CalendarDayRow, CalendarVersion
from gridwatch.domain.worktime import CalendarDay, DayKind, WorkCalendar


def current_version(session: Session) -> int:
    """The number of the newest import; 0 where nothing was imported and every year is provisional."""
    return session.scalar(select(func.max(CalendarVersion.version))) or 0


def current_calendar(session: Session) -> WorkCalendar:
    """The calendar in force: for each day the newest word. Built once per version and database, then kept in memory."""
    return calendar_at(session, current_version(session))


def calendar_at(session: Session, version: int) -> WorkCalendar:
    """The calendar as it was at a version: what an older date was computed with."""
    return _built(str(session.get_bind().url), version, _Rows(session, version))  # type: ignore[union-attr]


class _Rows:
    """The rows behind a version, read only when the calendar is not in memory yet. Equal for the cache whatever the session."""

    def __init__(self, session: Session, version: int) -> None:
        self.session, self.version = session, version

    def __hash__(self) -> int:
        return hash(self.version)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Rows) and other.version == self.version

    def read(self) -> Iterable[CalendarDayRow]:
        return self.session.scalars(
            select(CalendarDayRow).where(CalendarDayRow.version <= self.version).order_by(CalendarDayRow.version)
        )


@lru_cache(maxsize=16)
def _built(database: str, version: int, rows: _Rows) -> WorkCalendar:
    days: dict[object, CalendarDay] = {}
    years: set[int] = set()
    sources: dict[int, str] = dict(rows.session.execute(select(CalendarVersion.version, CalendarVersion.source)).all())
    for row in rows.read():
        days[row.on] = CalendarDay(row.on, DayKind(row.kind), row.name, source=sources.get(row.version, ""))
        years.add(row.official_year)
    rows.session = None  # type: ignore[assignment] - the cache must not keep a session alive
    return WorkCalendar(days, version, frozenset(years))  # type: ignore[arg-type]
