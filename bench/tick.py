"""The tick: everything that is due, among many open duties (promise P7); it must cost what is due, not what is open."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, date, datetime
from typing import Any

from flask import Flask
from sqlalchemy import func, select, text

from bench import duties
from bench.city import City, build_areas, build_people
from bench.databases import Place, settle, writing
from bench.load import build_calendar
from bench.machine import Others
from bench.table import Aim, Row
from bench.timing import Measured, alternate, measured, seconds
from gridwatch.calendars.queries import current_calendar
from gridwatch.db.base import db
from gridwatch.db.feed import FeedRow
from gridwatch.jobs.service import run_all
from gridwatch.leads.models import Obligation, Watch
from gridwatch.notices.models import Notice

TODAY = date(2026, 9, 22)
NOW = datetime(2026, 9, 22, 1, tzinfo=UTC)  # nine in the morning of a work day: notices leave at once
DUE = 1_000
SIZES = {  # open duties: large and small
    ("postgis", "full"): (1_000_000, 100_000), ("postgis", "small"): (10_000, 5_000),
    ("spatialite", "full"): (1_000_000, 100_000), ("spatialite", "small"): (10_000, 5_000),
}  # fmt: skip
BARE_IS = (
    "plain statements in one transaction: the due entries with their leads and departments read by index, the same notices and "
    "feed rows inserted, the entries moved; no rules, no words, no receivers to find"
)
SMALL_IS = "the same tick among the smaller number"
_OF_A_TICK = ("notice", "feed_row", "feed_scope", "event", "event_chain", "job_run")


class Town:
    """One database with so many open duties; `tick` and `bare` do the day's work and say how long it took."""

    def __init__(self, place: Place, app: Flask, open_: int) -> None:
        self.app = app
        with app.app_context():
            self._build(place, open_)
            settle(db.engine)
            self._reset()
            self.did = run_all(NOW)
            failed = {name: did for name, did in self.did.items() if "error" in did}
            if failed or self.did["reminders"]["duties"] != DUE:
                raise AssertionError(f"the tick did not do what was due: {failed or self.did}")
            self._rows = {model: _rows(model) for model in (Notice, FeedRow)}
            moved = "SELECT obligation_id, next_on, stage FROM watch WHERE obligation_id IN (SELECT obligation_id FROM bench_due)"
            self._moved = [dict(row) for row in db.session.execute(text(moved)).mappings()]

    def tick(self) -> float:
        """Seconds of a tick in which `DUE` duties are due."""
        with self.app.app_context():
            self._reset()
            return seconds(lambda: run_all(NOW))

    def idle(self) -> float:
        """Seconds of a tick in which nothing is due."""
        with self.app.app_context():
            return seconds(lambda: run_all(NOW))

    def bare(self) -> float:
        """Seconds of the yardstick."""
        with self.app.app_context():
            self._reset()
            return seconds(self._bare)

    def _build(self, place: Place, open_: int) -> None:
        city = City(16, 20) if place.small else City(64, 50)
        build_calendar()
        with writing(db.engine) as connection:
            build_areas(connection, city)
            build_people(connection, city)
            calendar = current_calendar(db.session())
            db.session.rollback()
            duties.build(connection, city, calendar, TODAY, open_=open_, due=DUE)
            connection.execute(
                text("CREATE TABLE bench_due AS SELECT * FROM watch WHERE next_on <= :today"), {"today": str(TODAY)}
            )
        found = db.session.scalar(select(func.count()).select_from(Watch))
        if found < open_:
            raise AssertionError(f"{found} duties are open, {open_} were wanted")

    def _reset(self) -> None:
        """Take the day's work back."""
        with writing(db.engine) as connection:
            if (
                connection.dialect.name == "postgresql"
            ):  # rows of ours alone go: no foreign key has to be searched for each
                connection.execute(text("SET LOCAL session_replication_role = replica"))
            for table in _OF_A_TICK:
                connection.execute(text(f"DELETE FROM {table}"))
            made = select(Obligation.id).where(Obligation.created_at >= NOW)
            connection.execute(Watch.__table__.delete().where(Watch.obligation_id.in_(made)))
            connection.execute(Obligation.__table__.delete().where(Obligation.created_at >= NOW))
            connection.execute(text("DELETE FROM watch WHERE obligation_id IN (SELECT obligation_id FROM bench_due)"))
            connection.execute(text("INSERT INTO watch SELECT * FROM bench_due"))

    def _bare(self) -> None:
        lock = " FOR UPDATE OF w SKIP LOCKED" if db.engine.dialect.name == "postgresql" else ""
        with writing(db.engine) as connection:
            connection.execute(
                text(
                    "SELECT * FROM watch w JOIN obligation o ON o.id = w.obligation_id JOIN lead l ON l.id = o.lead_id "
                    "LEFT JOIN assignment a ON a.id = o.assignment_id LEFT JOIN department d ON d.code = a.department_code "
                    f"WHERE w.next_on <= :today ORDER BY w.next_on, w.obligation_id{lock}"
                ),
                {"today": str(TODAY)},
            ).all()
            for model, rows in self._rows.items():
                names = list(rows[0])
                values = ", ".join(f":{name}" for name in names)
                connection.execute(
                    text(f"INSERT INTO {model.__tablename__} ({', '.join(names)}) VALUES ({values})"), rows
                )
            connection.execute(
                text("UPDATE watch SET next_on = :next_on, stage = :stage WHERE obligation_id = :obligation_id"),
                self._moved,
            )


def run(place: Place) -> Iterator[Row]:
    """A tick with 1,000 duties due among many and among fewer open ones, and one with nothing due."""
    large, small = SIZES[place.kind, place.size]
    with ExitStack() as stack, Others(place.roots) as others:
        towns = [Town(place, stack.enter_context(place.app()), open_) for open_ in (large, small)]
        works = [work for town in towns for work in (town.tick, town.idle, town.bare)]
        figures = list(map(measured, alternate(works, runs=1 if place.small else 7)))
    did = towns[0].did
    made = f"{did['reminders']['written']:,} notices, {did['delivery']['sent']:,} sent"

    def row(what: str, size: str, ours: Measured, bare: Measured, bare_is: str, aim: Aim | None) -> Row:
        return Row(
            "tick", what, place.kind, size, ours.median, "s", bare.median, bare_is, aim, ours.spread, others.share
        )

    (ours, idle, bare), (ours_small, idle_small, bare_small) = figures[:3], figures[3:]
    second, same = Aim(1.0), Aim(1.2, of_ratio=True)
    yield row(f"{DUE:,} due: {made}", f"{large:,} open", ours, bare, BARE_IS, second)
    yield row(f"{DUE:,} due", f"{small:,} open", ours_small, bare_small, BARE_IS, second)
    yield row(f"{DUE:,} due", f"{large:,} beside {small:,} open", ours, ours_small, SMALL_IS, same)
    yield row("nothing due", f"{large:,} beside {small:,} open", idle, idle_small, SMALL_IS, None)


def _rows(model: Any) -> list[dict[str, Any]]:
    """The rows as the driver gives them, untouched by our types."""
    names = ", ".join(column.name for column in model.__table__.columns)
    return [dict(row) for row in db.session.execute(text(f"SELECT {names} FROM {model.__tablename__}")).mappings()]
