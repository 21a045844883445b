"""Loading: many entities by the road of `gridwatch load`, with events, first checks and feed, beside a plain bulk insert."""

from __future__ import annotations

import csv
import random
import shutil
import tempfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Column, MetaData, Table, Text, func, insert, select
from stdnum.cn import uscc

from bench.city import City, build_areas, build_grids
from bench.databases import Place, writing
from bench.machine import Others
from bench.table import Aim, Row
from bench.timing import alternate, measured, seconds
from gridwatch.db.base import db
from gridwatch.db.session import transaction
from gridwatch.domain.worktime import local_day
from gridwatch.entities.models import Entity
from gridwatch.exchange.admitting import load_entities
from gridwatch.exchange.formats import ENTITIES
from gridwatch.exchange.loading import load_folder
from gridwatch.exchange.parsing import Record, read_table
from gridwatch.exchange.reading import Report
from gridwatch.exchange.writing import Load
from gridwatch.tasks.models import Task

SAMPLE = Path(__file__).parents[1] / "tests/data/nancheng"
NOW = datetime(2026, 9, 18, 1, tzinfo=UTC)
BASE = ("calendar.csv", "areas.csv", "grids.geojson", "departments.csv", "permits.csv", "addresses.csv")
BARE_IS = (
    "the cells of the same file as text into a table without keys and indexes: COPY (PostGIS), executemany (SpatiaLite), "
    "one commit; no checks, no routing, no tasks, no feed, no log"
)
Cells = dict[str, str]


def run(place: Place) -> Iterator[Row]:
    """A street office's load (the 58 grids of 南城) and a city's (3,200 grids), each with and without reading the file."""
    number = 5_000 if place.small else 100_000 if place.kind == "postgis" else 20_000
    runs = 1 if place.small else 3
    city = City(16, 20) if place.small else City(64, 50)
    bases: dict[str, tuple[Callable[[], None], Callable[[Cells, random.Random], Cells]]] = {
        "58 grids": (_build_street, _in_street),
        f"{city.grids:,} grids": (lambda: _build_city(city), lambda cells, chance: _in_city(city, cells, chance)),
    }
    for grids, (build, move) in bases.items():
        with tempfile.TemporaryDirectory(dir=place.directory) as folder, Others(place.roots) as others:
            cells = _entities(number, move)
            _write(Path(folder) / "entities.csv", cells)
            records = _records(Path(folder) / "entities.csv")
            whole, writing, bare = map(
                measured,
                alternate(
                    [
                        lambda: _rate(place, build, number, lambda: load_folder(Path(folder), now=NOW)),  # noqa: B023
                        lambda: _rate(place, build, number, lambda: load_entities(_load(), records)),  # noqa: B023
                        lambda: _bare_rate(place, cells),  # noqa: B023
                    ],
                    runs=runs,
                ),
            )
        aim = Aim(5_000, least=True) if place.kind == "postgis" else None
        size = f"{number:,} into {grids}"
        for what, figure in (("entities from CSV", whole), ("entities, file read before", writing)):
            yield Row("load", what, place.kind, size, figure.median, "rows/s", bare.median, BARE_IS, aim, figure.spread,
                      others.share)  # fmt: skip


# -- what is loaded ---------------------------------------------------------------------------------------------------


def _entities(number: int, move: Callable[[Cells, random.Random], Cells]) -> list[Cells]:
    """Rows like the real ones of the sample, over and over: names, scopes and addresses as they are, codes of their own."""
    with (SAMPLE / "entities.csv").open(encoding="utf-8-sig", newline="") as file:
        real = list(csv.DictReader(file))
    chance = random.Random(number)
    rows = []
    for n in range(number):
        head = f"91{chance.randrange(110000, 660000):06d}MA{n:07X}"
        cells = {**real[n % len(real)], "code": f"E{n:08d}", "uscc": head + uscc.calc_check_digit(head)}
        rows.append(move(cells, chance))
    return rows


def _in_street(cells: Cells, chance: random.Random) -> Cells:
    """Somewhere near the real place, at the same standard address; two of three rows have a point, one an address with a grid."""
    if cells["lng"]:
        cells["lng"] = f"{float(cells['lng']) + chance.uniform(-0.002, 0.002):.6f}"
        cells["lat"] = f"{float(cells['lat']) + chance.uniform(-0.002, 0.002):.6f}"
    return cells


def _in_city(city: City, cells: Cells, chance: random.Random) -> Cells:
    """Anywhere in the city; a row without a point waits for a person."""
    west, south, east, north = city.bounds
    if cells["lng"]:
        cells["lng"], cells["lat"] = f"{chance.uniform(west, east):.6f}", f"{chance.uniform(south, north):.6f}"
    return {**cells, "street_code": chance.choice(city.streets), "address_code": ""}


def _write(file: Path, rows: list[dict[str, str]]) -> None:
    with file.open("w", encoding="utf-8", newline="") as out:
        writer = csv.DictWriter(out, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


# -- where it is loaded -----------------------------------------------------------------------------------------------


def _build_street() -> None:
    """南城 without its people and entities."""
    _load_base(BASE)


def _build_city(city: City) -> None:
    with writing(db.engine) as connection:
        build_areas(connection, city)
        build_grids(connection, city)
    with (SAMPLE / "permits.csv").open(encoding="utf-8-sig", newline="") as file:
        permits = [{**rule, "department_code": ""} for rule in csv.DictReader(file)]
    with tempfile.TemporaryDirectory() as folder:
        _write(Path(folder) / "permits.csv", permits)
        shutil.copy(SAMPLE / "calendar.csv", folder)
        _loaded(Path(folder))


def build_calendar() -> None:
    """The official calendar, through the loader."""
    _load_base(("calendar.csv",))


def _load_base(names: tuple[str, ...]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        for name in names:
            shutil.copy(SAMPLE / name, folder)
        _loaded(Path(folder))


def _loaded(folder: Path) -> None:
    problems = load_folder(folder, now=NOW).report.problems
    if problems:
        raise AssertionError(f"the base was not loaded: {problems[:3]}")


# -- loading ----------------------------------------------------------------------------------------------------------


def _records(file: Path) -> list[Record]:
    report = Report()
    records = read_table(ENTITIES, file, report, today=local_day(NOW))
    if report.problems:
        raise AssertionError(f"the file was not read: {report.problems[:3]}")
    return records


def _load() -> Load:
    return Load(transaction, NOW, local_day(NOW), dry_run=False, report=Report())


def _rate(place: Place, build: Callable[[], None], number: int, load: Callable[[], Any]) -> float:
    """Rows a second of one load into a fresh database."""
    with place.app():
        build()
        taken = seconds(load)
        counts = [db.session.scalar(select(func.count()).select_from(model)) for model in (Entity, Task)]
        if min(counts) != number:
            raise AssertionError(f"{number} entities were loaded as {counts} entities and first checks")
    return number / taken


def _bare_rate(place: Place, rows: list[dict[str, str]]) -> float:
    table = Table("bench_plain", MetaData(), *(Column(name, Text) for name in rows[0]))
    with place.app():
        table.create(db.engine)
        values = [tuple(row.values()) for row in rows]
        taken = seconds(lambda: _copy(table, values) if place.kind == "postgis" else _executemany(table, rows))
        with db.engine.connect() as connection:
            if connection.scalar(select(func.count()).select_from(table)) != len(rows):
                raise AssertionError("the bare insert lost rows")
    return len(rows) / taken


def _copy(table: Table, values: list[tuple[str, ...]]) -> None:
    with (
        writing(db.engine) as connection,
        connection.connection.cursor() as cursor,  # type: ignore[attr-defined]
        cursor.copy(f"COPY {table.name} FROM STDIN") as copy,
    ):
        for row in values:
            copy.write_row(row)


def _executemany(table: Table, rows: list[dict[str, str]]) -> None:
    with writing(db.engine) as connection:
        connection.execute(insert(table), rows)
