"""SpatiaLite: the embedded default. One process, one writer at a time, a file that can be copied."""

from __future__ import annotations

import ctypes.util
import os
import shutil
import sqlite3
from collections.abc import Collection
from contextlib import closing
from pathlib import Path
from typing import Any

import orjson
from sqlalchemy import ColumnElement, Engine, Subquery, Table, bindparam, create_engine, event, func, insert, select
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.pool import NullPool

from gridwatch.config import Unready
from gridwatch.db.base import Json
from gridwatch.db.dialects import mvt
from gridwatch.db.dialects.counting import count_rows
from gridwatch.domain.web_mercator import Tile

NAMES = ("mod_spatialite", "mod_spatialite.so", "mod_spatialite.dylib")


class SpatialiteMissing(Unready):
    """mod_spatialite cannot be loaded. The text says which package brings it."""


def driver() -> Any:
    """A DB-API module whose connections can load extensions: the standard library's, else sqlean's."""
    probe = sqlite3.connect(":memory:")
    try:
        if hasattr(probe, "enable_load_extension"):
            return sqlite3
    finally:
        probe.close()
    import sqlean.dbapi2  # the standard library of some Python builds is compiled without loadable extensions

    return sqlean.dbapi2


def load_extension(connection: Any, library: str = "") -> None:
    """Load mod_spatialite into a DB-API connection. Raises SpatialiteMissing with the fix."""
    # SQLite opens the module with global symbols, its GEOS among them. A shapely that is loaded later would bind to that
    # GEOS instead of its own and crash the process; one that is loaded before keeps to itself.
    import shapely  # noqa: F401

    tried = []
    connection.enable_load_extension(True)
    try:
        for name in (library,) if library else NAMES:
            try:
                connection.load_extension(name)
                return
            except Exception as problem:  # noqa: BLE001 - each driver has an exception class of its own
                tried.append(f"{name}: {problem}")
    finally:
        connection.enable_load_extension(False)
    raise SpatialiteMissing(
        "缺少 SpatiaLite 扩展：请安装软件包 libsqlite3-mod-spatialite（Debian/Ubuntu：apt-get install libsqlite3-mod-spatialite），"
        "或用 GRIDWATCH_SPATIALITE_LIBRARY 指明路径 / mod_spatialite cannot be loaded: install libsqlite3-mod-spatialite or name its "
        f"path in GRIDWATCH_SPATIALITE_LIBRARY. Tried: {'; '.join(tried)}"
    )


def engine_options() -> dict[str, Any]:
    """Options for `create_engine`: the driver that can load extensions, and a wait of 10 s for another process's lock."""
    return {"module": driver(), "connect_args": {"timeout": 10, "check_same_thread": False}}


QUICK_OPTIONS: dict[str, Any] = {}
PREPARED: dict[str, bool] = {}  # the driver keeps its last statements by itself


def prepare(engine: Engine, library: str = "") -> None:
    """Set up every new connection: SpatiaLite, WAL, FULL sync (an acknowledged report survives power loss), foreign keys."""

    @event.listens_for(engine, "connect")
    def _connect(connection: Any, record: Any) -> None:
        connection.isolation_level = None  # transactions begin where db/session.py says, not where the driver guesses
        load_extension(connection, library)
        cursor = connection.cursor()
        for pragma in (
            "journal_mode=WAL",
            "synchronous=FULL",
            "foreign_keys=ON",
            "busy_timeout=10000",
            "cache_size=-65536",
        ):
            cursor.execute(f"PRAGMA {pragma}")
            cursor.fetchall()
        cursor.close()


def begin(connection: Any, *, writing: bool) -> None:
    """Begin a session's transaction. A writing one begins with the write lock, so that it never has to be refused half way."""
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")


def initialise(connection: Any) -> None:
    """Make the spatial tables of an empty file. The flag 1 keeps it in one transaction: 0.01 s instead of 25 s."""
    if connection.exec_driver_sql("SELECT 1 FROM sqlite_master WHERE name = 'spatial_ref_sys'").first():
        return
    connection.exec_driver_sql("SELECT InitSpatialMetaData(1, 'WGS84')")
    connection.exec_driver_sql("SELECT InsertEpsgSrid(4490)")


def spatial_filter(table: str, column: str, frame: str) -> str:
    """SQL that keeps the rows whose box meets `frame` (a SQL geometry expression). SpatiaLite never uses its R-tree unasked."""
    return (
        f"{table}.rowid IN (SELECT rowid FROM SpatialIndex WHERE f_table_name = '{table}' "  # noqa: S608 - names of ours
        f"AND f_geometry_column = '{column}' AND search_frame = {frame})"
    )


def distance_m(left: str, right: str) -> str:
    """SQL for the distance in metres between two SRID 4326 geometry expressions, on the ellipsoid."""
    return f"ST_Distance({left}, {right}, 1)"


def geometry(text: str) -> str:
    """SQL that turns a bound EWKT text into a geometry."""
    return f"GeomFromEWKT({text})"


def stored_bytes(column: str) -> str:
    """SQL for a column as it is stored, byte for byte (text, numbers): for who checks that nothing was changed."""
    return f"CAST({column} AS BLOB)"


def stored_instant(column: str) -> str:
    """The same for an instant, in the form that base.Instant writes."""
    return stored_bytes(column)


def durability(connection: Any) -> dict[str, str]:
    """The settings on which "acknowledged means durable" (promise P1) stands, and whether each is as it must be."""
    names = {0: "off", 1: "normal", 2: "full", 3: "extra"}
    return {
        "journal_mode": str(connection.exec_driver_sql("PRAGMA journal_mode").scalar()),
        "synchronous": names[int(connection.exec_driver_sql("PRAGMA synchronous").scalar())],
    }


DURABLE = {"journal_mode": {"wal"}, "synchronous": {"full", "extra"}}


def library_hint() -> str:
    """Where the loader finds mod_spatialite, for `gridwatch doctor`; empty when it does not."""
    return os.environ.get("GRIDWATCH_SPATIALITE_LIBRARY", "") or ctypes.util.find_library("spatialite") or ""


def upsert_feed_rows(connection: Any, rows: list[dict[str, Any]]) -> None:
    """Write feed rows, each over the older row of the same document in the same scope."""
    connection.exec_driver_sql(
        "INSERT INTO feed_row (scope, kind, doc_id, seq, rev, op, doc, changed_on) "
        "VALUES (:scope, :kind, :doc_id, :seq, :rev, :op, :doc, :changed_on) ON CONFLICT (scope, kind, doc_id) DO UPDATE SET "
        "seq = excluded.seq, rev = excluded.rev, op = excluded.op, doc = excluded.doc, changed_on = excluded.changed_on",
        rows,
    )


def insert_rows(connection: Any, table: Table, rows: list[dict[str, Any]]) -> int:
    """Insert rows with the columns that the first one names; returns how many."""
    return connection.execute(insert(table), rows).rowcount if rows else 0


def insert_missing(connection: Any, table: Table, rows: list[dict[str, Any]]) -> int:
    """Insert rows with the columns that the first one names; returns how many were new.

    A row that any unique constraint has already is left as it stands.
    """
    return connection.execute(sqlite_insert(table).on_conflict_do_nothing(), rows).rowcount if rows else 0


def bulk_insert(connection: Any, table: Table, rows: list[dict[str, Any]]) -> None:
    """Insert many rows with all columns that the first one names. Geometries are given as EWKT text."""
    connection.execute(insert(table), rows)


def spatial_join(table: str, column: str, frame: str) -> str:
    """SQL that joins the rows whose box meets `frame`, an expression over the tables on the left, by the index.

    CROSS JOIN is SQLite's word for "in this order": left to itself it scans the table and asks the R-tree for each row.
    """
    return (
        f"CROSS JOIN SpatialIndex AS boxes ON boxes.f_table_name = '{table}' AND boxes.f_geometry_column = '{column}' "
        f"AND boxes.search_frame = {frame} CROSS JOIN {table} ON {table}.rowid = boxes.rowid"
    )


def vector_tile(session: Any, rows: Subquery, name: str, tile: Tile) -> bytes:
    """A Mapbox vector tile with one layer of this name, empty bytes where nothing lies in it.

    `rows` has `lon` and `lat` (degrees WGS-84), or `outline` (polygons); its other columns become properties.
    """
    shown = [column for column in rows.c if column.key not in ("lon", "lat", "outline")]
    names = [column.key for column in shown]
    if "outline" in rows.c:
        found = session.execute(select(func.ST_AsBinary(rows.c.outline), *shown))
        return mvt.outlines_tile(name, tile, ((row[0], dict(zip(names, row[1:], strict=True))) for row in found))
    found = session.execute(select(rows.c.lon, rows.c.lat, *shown).where(rows.c.lon.is_not(None)))
    return mvt.points_tile(name, tile, ((row[0], row[1], dict(zip(names, row[2:], strict=True))) for row in found))


def among(column: Any, values: Collection[str]) -> ColumnElement[bool]:
    """The condition that a text column has one of many values; one bound JSON text, where IN would bind each."""
    table = func.json_each(orjson.dumps(list(values)).decode()).table_valued("value")
    return column.in_(select(table.c.value))


def among_given(column: Any, name: str) -> ColumnElement[bool]:
    """The same for a kept statement: the values are given at each call, as a list under `name`."""
    table = func.json_each(bindparam(name, type_=Json)).table_valued("value")
    return column.in_(select(table.c.value))


def lock_names(connection: Any, names: Collection[str]) -> None:
    """Nothing to do: a transaction that writes holds everything."""


# -- copies of the whole database --------------------------------------------------------------------------------------

COPY_NAME = "database.sqlite"


def dump(engine: Engine, path: Path, tables: Collection[str]) -> dict[str, int]:
    """Write a copy of the whole database as it stands at one moment, while it is in use; returns how many rows of each of these
    tables are in it."""
    with closing(driver().connect(path)) as copy:
        with closing(driver().connect(engine.url.database)) as source:
            source.backup(copy)
        copy.execute("PRAGMA journal_mode = DELETE")  # all in one file
    with create_engine(f"sqlite:///{path}", module=driver(), poolclass=NullPool).connect() as connection:
        return count_rows(connection, tables)


def load(engine: Engine, path: Path) -> None:
    """Put a copy where the database is to be; an empty file may be there."""
    file = Path(str(engine.url.database))
    for left in (file.with_name(f"{file.name}{end}") for end in ("-wal", "-shm")):
        left.unlink(missing_ok=True)
    beside = file.with_name(f"{file.name}.new")
    shutil.copyfile(path, beside)
    with beside.open("rb") as copied:
        os.fsync(copied.fileno())
    beside.replace(file)


def skip_numbers(connection: Any, table: str, column: str, by: int) -> None:
    """Let the numbers that a table gives out by itself go on this much higher."""
    connection.exec_driver_sql(
        "INSERT INTO sqlite_sequence (name, seq) SELECT :name, 0 "
        "WHERE NOT EXISTS (SELECT 1 FROM sqlite_sequence WHERE name = :name)",
        {"name": table},
    )
    connection.exec_driver_sql(
        "UPDATE sqlite_sequence SET seq = seq + :by WHERE name = :name", {"by": by, "name": table}
    )
