"""The small files of a load folder into the store: each in one transaction, compared row by row, written where it differs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from geoalchemy2.shape import from_shape, to_shape
from sqlalchemy import select
from sqlalchemy.orm import Session

from gridwatch.areas.models import Area, Department
from gridwatch.audit import service as audit
from gridwatch.calendars.queries import current_calendar
from gridwatch.calendars.service import NoticeDay, import_days
from gridwatch.db.engine import dialect_of
from gridwatch.db.feed import touch
from gridwatch.domain.permits import SYSTEM
from gridwatch.exchange.formats import LEVELS
from gridwatch.exchange.parsing import Record
from gridwatch.exchange.reading import Report
from gridwatch.exchange.shapes import GridShape
from gridwatch.people.models import GridDuty, User
from gridwatch.people.service import NewGrant, create_or_update_user
from gridwatch.places.documents import managers_of
from gridwatch.places.models import Grid
from gridwatch.tasks import dues

USERS_AT_ONCE = 500

Unit = Callable[[], AbstractContextManager[Session]]


@dataclass(slots=True)
class Counts:
    """What became of the rows of a file, and by name whatever else is worth saying."""

    added: int = 0
    changed: int = 0
    unchanged: int = 0
    more: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Load:
    """One run: `unit` opens a unit of work (a transaction, or a part of the one that a dry run takes back).

    `now` is the instant of the run, `today` its local day; remarks go to `report`.
    """

    unit: Unit
    now: datetime
    today: date
    dry_run: bool
    report: Report


def load_calendar(load: Load, days: list[Record]) -> Counts:
    """Import each year's notice as a version of its own, so that a day can name its paper; then move open first checks.

    What a lead owes is held against the new calendar by the next tick. A dry run only compares: an imported version would
    stay in this process's memory when it is taken back.
    """
    counts = Counts()
    notices: dict[int, list[NoticeDay]] = defaultdict(list)
    papers: dict[int, dict[str, None]] = defaultdict(dict)
    with load.unit() as session:
        calendar = current_calendar(session)
        for day in days:
            notice = NoticeDay(day["date"], day["kind"], day["name"], day["notice_year"])
            notices[notice.official_year].append(notice)
            papers[notice.official_year].update({day["source"]: None} if day["source"] else {})
            stored = calendar.day(notice.on)
            same = (stored.kind, stored.name) == (notice.kind, notice.name)
            if notice.official_year not in calendar.official_years:
                counts.added += 1
            elif same:
                counts.unchanged += 1
            else:
                counts.changed += 1
        if load.dry_run:
            return counts
        for year, notice_days in sorted(notices.items()):
            source = " ".join(papers[year])[:200] or f"calendar.csv {year}"
            import_days(session, notice_days, source=source, actor_id=SYSTEM.id, at=load.now)
    counts.more["moved_due_days"] = _move_due_days(load)
    return counts


def _move_due_days(load: Load) -> int:
    moved = 0
    while True:
        with load.unit() as session:
            done = dues.recompute(session, current_calendar(session), today=load.today, at=load.now)
        moved += done["moved"]
        if not done["taken"]:
            return moved


def load_areas(load: Load, areas: list[Record]) -> Counts:
    """The area tree, parents first; the path of each area follows from its parents."""
    depth = list(LEVELS)
    with load.unit() as session:
        paths = dict(session.execute(select(Area.code, Area.path)).all())
        rows = []
        for area in sorted(areas, key=lambda one: depth.index(one["level"])):
            paths[area["code"]] = f"{paths[area['parent_code']] if area['parent_code'] else ''}{area['code']}/"
            rows.append({**area.values, "path": paths[area["code"]]})
        counts = merge(session, Area, "code", rows)
        record_file(session, load, "areas.csv", counts)
    return counts


def load_grids(load: Load, grids: list[GridShape]) -> Counts:
    """Grids with their outlines; a changed outline is a new revision of the same grid and moves no entity."""
    counts = Counts()
    with load.unit() as session:
        paths = dict(session.execute(select(Area.code, Area.path)).all())
        stored = _stored(session, Grid, "code", [grid.code for grid in grids])
        for grid in grids:
            known = stored.get(grid.code)
            if known is None:
                counts.added += 1
                session.add(
                    Grid(
                        code=grid.code, name=grid.name, community_code=grid.community_code,
                        area_path=paths[grid.community_code], shape=from_shape(grid.shape, srid=4326),
                    )
                )  # fmt: skip
            elif known.name == grid.name and to_shape(known.shape).wkb == grid.shape.wkb:
                counts.unchanged += 1
            else:
                counts.changed += 1
                known.name, known.shape = grid.name, from_shape(grid.shape, srid=4326)
        session.flush()
        record_file(session, load, "grids.geojson", counts)
    return counts


def load_departments(load: Load, departments: list[Record]) -> Counts:
    """Departments, each after the one that succeeds it."""
    successor = {one["code"]: one["successor_code"] for one in departments}

    def depth(code: str | None) -> int:  # the file was checked: nobody succeeds himself
        return 1 + depth(successor[code]) if code in successor else 0

    with load.unit() as session:
        rows = [one.values for one in sorted(departments, key=lambda one: depth(one["code"]))]
        counts = merge(session, Department, "code", rows)
        record_file(session, load, "departments.csv", counts)
    return counts


def load_users(load: Load, grants: list[Record]) -> Counts:
    """People with exactly the roles and grids of the file; passwords are set elsewhere. Others stay as they are.

    Grids whose people on duty change are touched: their documents name them.
    """
    counts = Counts()
    by_user: dict[str, list[Record]] = defaultdict(list)
    for grant in grants:
        by_user[grant["username"]].append(grant)
    names = list(by_user)
    for start in range(0, len(names), USERS_AT_ONCE):
        part = {name: by_user[name] for name in names[start : start + USERS_AT_ONCE]}
        with load.unit() as session:
            revs = dict(session.execute(select(User.username, User.rev).where(User.username.in_(part))).all())
            grids = _grids_of(session, part)
            before = managers_of(session, grids, load.today)
            for username, rows in part.items():
                user = create_or_update_user(
                    session, username, rows[0]["name"], at=load.now,
                    grants=[NewGrant(row["role"], row["area_code"], row["department_code"], row["deputy"]) for row in rows],
                    grid_codes={code for row in rows for code in row["grid_codes"]},
                )  # fmt: skip
                _count(counts, revs.get(username), user.rev)
            after = managers_of(session, grids, load.today)
            for grid in _stored(
                session, Grid, "code", [code for code in grids if before[code] != after[code]]
            ).values():
                touch(grid)
    return counts


def _grids_of(session: Session, users: Mapping[str, list[Record]]) -> list[str]:
    """Every grid that these people have in the file, or have now."""
    held = session.scalars(
        select(GridDuty.grid_code).join(User, User.id == GridDuty.user_id).where(User.username.in_(users))
    )
    return sorted({*held, *(code for rows in users.values() for row in rows for code in row["grid_codes"])})


def _count(counts: Counts, rev_before: int | None, rev: int) -> None:
    if rev_before is None:
        counts.added += 1
    elif rev_before == rev:
        counts.unchanged += 1
    else:
        counts.changed += 1


# --- comparing and writing -------------------------------------------------------------------------------------------


def merge(session: Session, model: Any, key: str, rows: list[dict[str, Any]]) -> Counts:
    """Add the rows that are new, in their order, then set what differs in the others. Flushes."""
    counts = Counts()
    stored = _stored(session, model, key, [row[key] for row in rows])
    for row in rows:
        if row[key] not in stored:
            session.add(model(**row))
            counts.added += 1
    session.flush()
    for row in rows:
        known = stored.get(row[key])
        differing = {name: value for name, value in row.items() if known and getattr(known, name) != value}
        for name, value in differing.items():
            setattr(known, name, value)
        counts.changed += bool(differing)
    counts.unchanged = len(rows) - counts.added - counts.changed
    session.flush()
    return counts


def _stored(session: Session, model: Any, key: str, values: list[str]) -> dict[str, Any]:
    column = getattr(model, key)
    statement = select(model).where(dialect_of(session).among(column, values)).order_by(column)
    return {getattr(one, key): one for one in session.scalars(statement)}


def record_file(session: Session, load: Load, file: str, counts: Counts) -> None:
    """One event a file, and none where nothing was written."""
    if counts.added or counts.changed:
        audit.record(
            session, chain=None, act="load", subject=("file", file), actor_id=SYSTEM.id, at=load.now,
            data={"added": counts.added, "changed": counts.changed},
        )  # fmt: skip
