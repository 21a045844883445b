"""Import of official holiday notices, of local orders, and of new time limits. A version only adds: what an older date was
computed from stays readable."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import insert
from sqlalchemy.orm import Session

from gridwatch.audit import service as audit
from gridwatch.calendars.models import CalendarDayRow, CalendarVersion, LocalDayRow, PolicyVersion
from gridwatch.calendars.queries import current_calendar, current_version, policies, policy_in_force
from gridwatch.domain.errors import Refusal
from gridwatch.domain.obligations import DEFAULT_POLICY, Policy, policy_from, policy_limits
from gridwatch.domain.worktime import DayKind

SOURCE_MOST = 200


@dataclass(frozen=True, slots=True)
class NoticeDay:
    """One day of a notice: its kind and holiday name, and the year whose notice decides it (a December may belong to the next)."""

    on: date
    kind: DayKind
    name: str
    official_year: int


def import_days(session: Session, days: Iterable[NoticeDay], *, source: str, actor_id: str, at: datetime) -> int | None:
    """Import what a notice says. Returns the new version, or None when every day is known to be so already (nothing written).

    The caller recomputes open dates afterwards. Days must be checked by the reader beforehand. Flushes.
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
    version = _new_version(session, source, actor_id, at)
    session.execute(
        insert(CalendarDayRow),
        [{"version": version, **_columns(day), "official_year": day.official_year} for day in news],
    )
    told = {"source": source, "days": len(news), "years": sorted({day.official_year for day in news})}
    _record(session, None, version, actor_id, at, told)
    return version


def order_days(
    session: Session, area_path: str, days: Iterable[NoticeDay], *, document: str, actor_id: str, at: datetime
) -> int | None:
    """A local order (flood, typhoon): days that are of another kind in one area, by a document. Returns the new version.

    None when it is known to be so already. To lift it, order the days as what they are without it. An announced date that was
    relied on is not drawn nearer by that (domain.md §4c, extend_only). Flushes.
    """
    known = current_calendar(session).local.get(area_path, {})
    news = [
        day for day in days if day.on not in known or (known[day.on].kind, known[day.on].name) != (day.kind, day.name)
    ]
    if not news:
        return None
    version, code = _new_version(session, document, actor_id, at), area_path.rstrip("/").rpartition("/")[2]
    session.execute(
        insert(LocalDayRow), [{"version": version, "area_path": area_path, **_columns(day)} for day in news]
    )
    told = {"document": document, "area": code, "days": [day.on for day in news]}
    _record(session, code, version, actor_id, at, told)
    return version


def _columns(day: NoticeDay) -> dict[str, Any]:
    return {"on": day.on, "kind": day.kind.value, "name": day.name}


def _new_version(session: Session, source: str, actor_id: str, at: datetime) -> int:
    version = current_version(session) + 1
    session.add(CalendarVersion(version=version, imported_at=at, imported_by=actor_id, source=source[:SOURCE_MOST]))
    session.flush()
    return version


def _record(
    session: Session, chain: str | None, version: int, actor_id: str, at: datetime, data: dict[str, Any]
) -> None:
    audit.record(
        session, chain=chain, act="calendar.imported", subject=("calendar", str(version)), actor_id=actor_id, at=at,
        data=data, version=version,
    )  # fmt: skip


def add_policy(
    session: Session,
    effective_on: date,
    limits: Mapping[str, Any],
    *,
    source: str,
    actor_id: str,
    today: date,
    at: datetime,
) -> Policy:
    """New time limits from a day on, for what begins then or later; `limits` by the names of `obligations.policy_from`.

    What they do not name stays as it is in force on that day. Nothing that runs is touched. Flushes. Raises 422
    `policy.invalid` for a wrong name or value, for a day that is past, and where nothing would differ.
    """
    before = policy_in_force(session, effective_on)
    try:
        named = policy_limits(policy_from(0, effective_on, {**policy_limits(before), **limits}))
    except ValueError as wrong:
        raise Refusal("policy.invalid", reason=str(wrong)) from None
    if effective_on < today:
        raise Refusal("policy.invalid", reason=f"{effective_on} 已过 / is past")
    if named == policy_limits(before):
        raise Refusal("policy.invalid", reason="与现行时限相同 / nothing would differ")
    first = policy_limits(DEFAULT_POLICY)
    row = PolicyVersion(
        version=max(policy.version for policy in policies(session)) + 1, effective_on=effective_on, source=source[:SOURCE_MOST],
        limits={name: value for name, value in named.items() if value != first[name]}, added_at=at, added_by=actor_id,
    )  # fmt: skip
    session.add(row)
    session.flush()
    audit.record(
        session, chain=None, act="policy.added", subject=("policy", str(row.version)), actor_id=actor_id, at=at,
        data={"from": effective_on, "limits": row.limits, "source": source}, version=row.version,
    )  # fmt: skip
    return policy_from(row.version, row.effective_on, row.limits)
