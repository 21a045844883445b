"""`gridwatch load`: a folder of files becomes areas, grids, people, addresses, entities and first checks (design.md §4).

Everything is read and judged before anything is written: one problem in one file, and the database stays as it is. Then
file follows file in the order of FILES:

calendar first, because the due day of a first check is counted on it; areas, because all that follows lies in one; grids,
departments, users; permits before entities, because a scope that asks for a permit puts RG03 into the first check;
addresses before entities, because a standard address is the surest way to a grid.

Each file is idempotent: what stands there already is compared and left alone, without event and without a feed row.
Addresses and entities are committed grid by grid, so that no phone waits for a whole city (sync-protocol §3). A run that
is killed between two commits is simply run again.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy.orm import Session

from gridwatch.db.base import db
from gridwatch.db.session import transaction
from gridwatch.domain.datum import Datum
from gridwatch.domain.worktime import local_day
from gridwatch.exchange import formats
from gridwatch.exchange.admitting import load_addresses, load_entities, load_permits
from gridwatch.exchange.checking import GRIDS_FILE, check_against_store
from gridwatch.exchange.parsing import Record, Table, read_table
from gridwatch.exchange.reading import Reason, Report
from gridwatch.exchange.shapes import GridShape, read_grids
from gridwatch.exchange.writing import (
    Counts,
    Load,
    Unit,
    load_areas,
    load_calendar,
    load_departments,
    load_grids,
    load_users,
)

FILES: dict[str, Any] = {  # in the order of loading
    "calendar.csv": load_calendar,
    "areas.csv": load_areas,
    GRIDS_FILE: load_grids,
    "departments.csv": load_departments,
    "users.csv": load_users,
    "permits.csv": load_permits,
    "addresses.csv": load_addresses,
    "entities.csv": load_entities,
}
TABLES: dict[str, Table] = {table.file: table for table in formats.TABLES}
DATA_SUFFIXES = (".csv", ".geojson", ".json", ".yaml", ".yml", ".xlsx", ".xls")

NOTHING = Reason(
    "folder.empty",
    "文件夹里没有可导入的文件；文件名应为 {names}",
    "there is nothing to load in this folder; the files are called {names}",
)
UNKNOWN_FILE = Reason("file.unknown", "不认识这个文件名，未读取", "no file of this name is loaded; it was not read")


@dataclass(slots=True)
class Outcome:
    """What a load did: counts by file in the order of loading, and everything that was said. `written` is False for a dry
    run and where there are problems.
    """

    counts: dict[str, Counts] = field(default_factory=dict)
    report: Report = field(default_factory=Report)
    written: bool = False


def load_folder(folder: Path, *, now: datetime, datum: Datum | None = None, dry_run: bool = False) -> Outcome:
    """Load a folder into the database of the current application; with problems or on a dry run, write nothing.

    `now` is the instant of the load, its local day the day of the registry events. `datum` is what the caller says of
    coordinates that do not say it themselves. A dry run does everything in one transaction and takes it back, so that its
    counts are those of the real run. Raises OSError when a file cannot be read.
    """
    outcome = Outcome()
    with _without_cycle_search():
        _load(folder, outcome, now, datum, dry_run)
    return outcome


def _load(folder: Path, outcome: Outcome, now: datetime, datum: Datum | None, dry_run: bool) -> None:
    report, today = outcome.report, local_day(now)
    files = _files(folder, report)
    records: dict[str, list[Record]] = {}
    grids: list[GridShape] = []
    for name, path in files.items():
        if name == GRIDS_FILE:
            grids = read_grids(path, report, datum=datum)
        else:
            records[TABLES[name].name] = read_table(TABLES[name], path, report, today=today, datum=datum)
    session = db.session()
    check_against_store(session, records, grids, report, today)
    session.rollback()
    if report.problems:
        return
    with _units(dry_run) as unit:
        load = Load(unit, now, today, dry_run, report)
        for name in files:
            outcome.counts[name] = FILES[name](load, grids if name == GRIDS_FILE else records[TABLES[name].name])
    outcome.written = not dry_run


def _files(folder: Path, report: Report) -> dict[str, Path]:
    """The files of the folder that are loaded, in the order of loading. Data files under other names are remarked upon."""
    there = {path.name: path for path in sorted(folder.iterdir()) if path.is_file()}
    for name in there:
        if name not in FILES and name.lower().endswith(DATA_SUFFIXES):
            report.say(UNKNOWN_FILE, name)
    found = {name: there[name] for name in FILES if name in there}
    if not found:
        report.refuse(NOTHING, folder.name, names="、".join(FILES))
    return found


@contextmanager
def _without_cycle_search() -> Iterator[None]:
    """Hundreds of thousands of rows hold no reference cycles; looking for them took a third of the time of a load."""
    searching = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if searching:
            gc.enable()


class _TakenBack(Exception):
    """Ends the transaction of a dry run."""


@contextmanager
def _units(dry_run: bool) -> Iterator[Unit]:
    """Units of work: a transaction each, or for a dry run parts of one transaction that is taken back."""
    if not dry_run:
        yield transaction
        return
    try:
        with transaction() as session:

            @contextmanager
            def part() -> Iterator[Session]:
                yield session
                session.flush()

            yield part
            raise _TakenBack
    except _TakenBack:
        return
