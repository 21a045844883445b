"""The calendar in force, from the rows of every import; and the time limits in force."""

from __future__ import annotations

from collections import defaultdict
from datetime import date
from functools import lru_cache
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from gridwatch.calendars.models import CalendarDayRow, CalendarVersion, LocalDayRow, PolicyVersion
from gridwatch.domain import statutory
from gridwatch.domain.obligations import DEFAULT_POLICY, Policy, policy_from, policy_on
from gridwatch.domain.worktime import CalendarDay, DayKind, WorkCalendar


def current_version(session: Session) -> int:
    """The number of the newest import; 0 where nothing was imported and every year is provisional."""
    return session.scalar(select(func.max(CalendarVersion.version))) or 0


def current_calendar(session: Session, area_path: str | None = None) -> WorkCalendar:
    """The calendar in force: for each day the newest word. Built once per version and database, then kept in memory.

    Without an area it is that of the country, which knows its local orders (`WorkCalendar.within`); with one, that area's.
    """
    calendar = calendar_at(session, current_version(session))
    return calendar.within(area_path) if area_path else calendar


def calendar_at(session: Session, version: int) -> WorkCalendar:
    """The calendar as it was at a version: what an older date was computed with."""
    return _built(*_kept(session, version))


_NEWEST = select(
    *(select(func.max(model.__table__.c.version)).scalar_subquery() for model in (CalendarVersion, PolicyVersion))
)


def in_force(session: Session, on: date) -> tuple[WorkCalendar, Policy]:
    """The calendar of the country, and the time limits for what begins on a day. One statement; what is known is in memory."""
    calendar, limits = session.connection().execute(_NEWEST).one()
    return calendar_at(session, calendar or 0), policy_on(_limits(*_kept(session, limits or 0)), on)


def paper_of(session: Session, version: int) -> dict[str, Any]:
    """A version with the paper that it rests on: {"version", "source"}; version 0 is the law alone."""
    row = session.get(CalendarVersion, version)
    return {"version": version, "source": row.source if row else statutory.SOURCE}


def versions(session: Session) -> list[CalendarVersion]:
    """Every import, newest first."""
    return list(session.scalars(select(CalendarVersion).order_by(CalendarVersion.version.desc())))


class _Rows:
    """The rows behind a version, read only when the calendar is not in memory yet. Equal for the cache whatever the session."""

    def __init__(self, session: Session, version: int) -> None:
        self.session, self.version = session, version

    def __hash__(self) -> int:
        return hash(self.version)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Rows) and other.version == self.version


def _kept(session: Session, version: int) -> tuple[str, int, _Rows]:
    """The arguments of what is built once for a database and a version."""
    return str(session.get_bind().url), version, _Rows(session, version)  # type: ignore[union-attr]


@lru_cache(maxsize=16)
def _built(database: str, version: int, rows: _Rows) -> WorkCalendar:
    session = rows.session
    rows.session = None  # type: ignore[assignment] - the cache must not keep a session alive
    days: dict[date, CalendarDay] = {}
    years: set[int] = set()
    sources: dict[int, str] = dict(session.execute(select(CalendarVersion.version, CalendarVersion.source)).all())

    def said(row: CalendarDayRow | LocalDayRow) -> CalendarDay:
        return CalendarDay(row.on, DayKind(row.kind), row.name, source=sources.get(row.version, ""))

    of_country = select(CalendarDayRow).where(CalendarDayRow.version <= version).order_by(CalendarDayRow.version)
    for row in session.scalars(of_country):
        days[row.on] = said(row)
        years.add(row.official_year)
    local: defaultdict[str, dict[date, CalendarDay]] = defaultdict(dict)
    for order in session.scalars(
        select(LocalDayRow).where(LocalDayRow.version <= version).order_by(LocalDayRow.version)
    ):
        local[order.area_path][order.on] = said(order)
    return WorkCalendar(days, version, frozenset(years), dict(local))


def policies(session: Session) -> list[Policy]:
    """Every version of the time limits, oldest first; the first is the program's own."""
    rows = session.scalars(select(PolicyVersion).order_by(PolicyVersion.version))
    return [DEFAULT_POLICY, *(policy_from(row.version, row.effective_on, row.limits) for row in rows)]


@lru_cache(maxsize=16)
def _limits(database: str, version: int, rows: _Rows) -> list[Policy]:
    session = rows.session
    rows.session = None  # type: ignore[assignment] - the cache must not keep a session alive
    return policies(session)


def policy_in_force(session: Session, on: date) -> Policy:
    """The time limits for what begins on a day. A clock that runs keeps those that it began with."""
    return policy_on(policies(session), on)
