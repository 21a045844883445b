"""The cycle: 60,000 visits for a street planned in one go, grid by grid, while phones pull and push as ever.

The worst day that there is: the last one of a round in which nobody was visited, so that everything left is due at once.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, date, datetime
from statistics import quantiles
from threading import Event, Thread
from time import perf_counter

from flask import Flask
from sqlalchemy import func, select

from bench.city import City, build_areas, build_grids, build_people, path_of
from bench.databases import Place, settle, writing
from bench.machine import Others
from bench.table import Aim, Row
from bench.timing import measured, seconds
from gridwatch.db.base import db, new_id
from gridwatch.db.engine import dialect_of
from gridwatch.db.feed import FeedRow, touch
from gridwatch.db.session import transaction
from gridwatch.entities.models import Entity
from gridwatch.jobs.work import plan_cycles
from gridwatch.places.models import Grid
from gridwatch.tasks.models import CycleOrder

NOW = datetime(2026, 12, 31, 1, tzinfo=UTC)  # a Thursday, the last work day of the year


def run(place: Place) -> Iterator[Row]:
    """All visits of a street in one run of the job, and what a writer of a grid waits meanwhile."""
    number, runs = (3_000, 1) if place.small else (60_000, 3)
    city = City(10, 10)
    with Others(place.roots) as others:
        took, waited = [], []
        for _ in range(runs):
            with ExitStack() as stack:
                app = stack.enter_context(place.app())
                _build(city, number)
                one, waits = _planned(app, city, number)
                took.append(one)
                waited.append(waits)
    size = f"{number:,} entities, 100 grids"
    whole, wait = measured(took), measured(waited)
    yield Row("cycle", "a street's visits, to feeds", place.kind, size, whole.median, "s", aim=Aim(60.0), spread=whole.spread,
              others=others.share)  # fmt: skip
    yield Row("cycle", "a write to a grid meanwhile, 95 %", place.kind, size, wait.median * 1000, "ms", aim=Aim(1_000.0),
              spread=(wait.spread[0] * 1000, wait.spread[1] * 1000), others=others.share)  # fmt: skip


def _build(city: City, number: int) -> None:
    with writing(db.engine) as connection:
        build_areas(connection, city)
        build_grids(connection, city)
        build_people(connection, city)
        rows = []
        for n in range(number):
            grid = city.grid_codes[n % city.grids]
            rows.append(
                {
                    "id": new_id(), "rev": 1, "code": f"E{n}", "name": f"{n}号店", "uscc": None, "uscc_kind": "none",
                    "entity_type": "", "status": "active", "registered_on": None, "scope": "", "permit_sectors": [],
                    "address_text": f"第{n}号", "address_code": None, "street_code": grid[:9], "area_path": path_of(grid[:12]),
                    "grid_code": grid, "routed_by": "address", "lon": None, "lat": None, "datum": "WGS84", "accuracy_m": None,
                    "position": None,
                }
            )  # fmt: skip
        dialect_of(connection).bulk_insert(connection, Entity.__table__, rows)
        orders = [
            {"area_code": street, "area_path": path_of(street), "from_on": date(2026, 1, 1), "until_on": None,
             "ordered_by": "bench", "ordered_at": NOW}
            for street in city.streets
        ]  # fmt: skip
        dialect_of(connection).bulk_insert(connection, CycleOrder.__table__, orders)
    settle(db.engine)


def _planned(app: Flask, city: City, number: int) -> tuple[float, float]:
    """Seconds until all grids are planned, and the 95th percentile of what a short write to a grid takes meanwhile."""
    over, waits = Event(), [0.0, 0.0]

    def write_on() -> None:
        with app.app_context():
            while not over.wait(0.05):
                for code in city.grid_codes[:: city.grids // 4]:
                    started = perf_counter()
                    with transaction() as session:
                        touch(session.get_one(Grid, code))
                    waits.append(perf_counter() - started)

    writer = Thread(target=write_on)
    writer.start()
    try:
        taken = seconds(_until_planned)
    finally:
        over.set()
        writer.join()
    found = db.session.scalar(select(func.count()).select_from(FeedRow).where(FeedRow.kind == "task"))
    if found != number + city.grids:  # and a patrol of each grid
        raise AssertionError(f"{found} visits are on feeds, {number + city.grids} were due")
    db.session.rollback()
    return taken, quantiles(waits, n=20)[-1]


def _until_planned() -> None:
    while plan_cycles(NOW)["grids"]:
        pass
