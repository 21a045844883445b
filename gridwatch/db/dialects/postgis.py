"""PostGIS: production. Several web processes, readers that never wait for writers."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Collection
from functools import lru_cache
from operator import itemgetter
from pathlib import Path
from typing import Any

from psycopg.conninfo import make_conninfo
from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Engine,
    Subquery,
    Table,
    Text,
    any_,
    bindparam,
    func,
    literal,
    literal_column,
    select,
)

from gridwatch.config import Unready
from gridwatch.db.dialects.counting import count_rows
from gridwatch.domain.web_mercator import BUFFER, EXTENT, Tile


def engine_options(pool_size: int = 8) -> dict[str, Any]:
    """Options for `create_engine`: a pool of one connection a thread, checked when it was idle."""
    # Who reads lists has each statement planned for its own values; units of work (`begin`) and the quick lane keep theirs.
    return {
        "pool_size": pool_size,
        "max_overflow": 4,
        "pool_pre_ping": False,
        "pool_recycle": 1800,
        "connect_args": {"prepare_threshold": None, "options": "-c timezone=UTC"},
    }


# The quick lane has each of its few statements planned once a connection, and takes answers as PostgreSQL keeps them.
PREPARED = {"prepare": True, "binary": True}
# Every one of them goes by key: one plan serves all values, and planning would cost more than running.
QUICK_OPTIONS = {
    "connect_args": {"prepare_threshold": 1, "options": "-c timezone=UTC -c plan_cache_mode=force_generic_plan"}
}


def prepare(engine: Engine, library: str = "") -> None:
    """Nothing to do for each connection; `options` in engine_options sets the session."""


REPEATED = 3  # a statement of units of work that comes so often on a connection is kept prepared by the server


def begin(connection: Any, *, writing: bool) -> None:
    """Begin a session's transaction. A unit of work goes by keys, the same statements each time: half of what they cost the
    server is planning, so they are kept prepared. A list for somebody with a whole city wants another plan than a street's."""
    connection.connection.driver_connection.prepare_threshold = REPEATED if writing else None


def initialise(connection: Any) -> None:
    """Make sure that the extension is there. Needs the right to create it once; afterwards it is a no-op."""
    connection.exec_driver_sql("CREATE EXTENSION IF NOT EXISTS postgis")


def spatial_filter(table: str, column: str, frame: str) -> str:
    """SQL that keeps the rows whose box meets `frame`: the GiST index answers `&&` by itself."""
    return f"{table}.{column} && {frame}"


def distance_m(left: str, right: str) -> str:
    """SQL for the distance in metres between two SRID 4326 geometry expressions, on the ellipsoid."""
    return f"ST_Distance(({left})::geography, ({right})::geography)"


def geometry(text: str) -> str:
    """SQL that turns a bound EWKT text into a geometry."""
    return f"ST_GeomFromEWKT({text})"


def stored_bytes(column: str) -> str:
    """SQL for a column as it is stored, byte for byte (text, numbers): for who checks that nothing was changed."""
    return f"convert_to(({column})::text, 'UTF8')"


def stored_instant(column: str) -> str:
    """The same for an instant, in the form that base.Instant writes."""
    return f"""convert_to(to_char({column} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), 'UTF8')"""


def durability(connection: Any) -> dict[str, str]:
    """The settings on which "acknowledged means durable" (promise P1) stands, and whether each is as it must be."""
    return {name: str(connection.exec_driver_sql(f"SHOW {name}").scalar()) for name in DURABLE}


DURABLE = {"fsync": {"on"}, "synchronous_commit": {"on", "remote_apply", "remote_write"}, "full_page_writes": {"on"}}


_FEED_COLUMNS = {"scope": "text", "kind": "text", "doc_id": "text", "seq": "bigint", "rev": "int", "op": "text", "doc": "text",
                 "changed_on": "text"}  # fmt: skip
# %b sends the arrays in binary: as text every quote of every document would be escaped, thirty times the work.
_UPSERT_FEED = (
    f"INSERT INTO feed_row ({', '.join(_FEED_COLUMNS)}) "  # noqa: S608 - column names are the constants above
    f"SELECT * FROM unnest({', '.join(f'%({name})b::{type_}[]' for name, type_ in _FEED_COLUMNS.items())}) "
    "ON CONFLICT (scope, kind, doc_id) DO UPDATE SET "
    "seq = excluded.seq, rev = excluded.rev, op = excluded.op, doc = excluded.doc, changed_on = excluded.changed_on"
)


def upsert_feed_rows(connection: Any, rows: list[dict[str, Any]]) -> None:
    """Write feed rows in one statement, each over the older row of the same document in the same scope."""
    connection.exec_driver_sql(_UPSERT_FEED, {name: [row[name] for row in rows] for name in _FEED_COLUMNS})


def insert_rows(connection: Any, table: Table, rows: list[dict[str, Any]]) -> int:
    """Insert rows with the columns that the first one names, in one statement; returns how many. For some dozens of rows:
    thousands go by `bulk_insert`."""
    return _insert(connection, table, rows, "")


def insert_missing(connection: Any, table: Table, rows: list[dict[str, Any]]) -> int:
    """The same for rows of which some may be there: one that any unique constraint has already is left as it stands. Returns how
    many were new."""
    return _insert(connection, table, rows, "ON CONFLICT DO NOTHING")


def _insert(connection: Any, table: Table, rows: list[dict[str, Any]], otherwise: str) -> int:
    if not rows:
        return 0
    statement, binds = _inserting(connection.dialect, table, tuple(rows[0]), otherwise)
    values = {
        name: [row[name] for row in rows] if bind is None else [bind(row[name]) for row in rows]
        for name, bind in binds.items()
    }
    return connection.exec_driver_sql(statement, values).rowcount


@lru_cache(maxsize=256)
def _inserting(dialect: Any, table: Table, names: tuple[str, ...], otherwise: str) -> tuple[str, dict[str, Any]]:
    """An INSERT of arrays, and how to bind the values of each column (None: as they are)."""
    columns = [table.c[name] for name in names]
    quoted = ", ".join(dialect.identifier_preparer.quote(column.name) for column in columns)
    arrays = ", ".join(f"%({column.key})b::{column.type.compile(dialect)}[]" for column in columns)
    binds = {column.key: column.type.dialect_impl(dialect).bind_processor(dialect) for column in columns}
    return f"INSERT INTO {table.name} ({quoted}) SELECT * FROM unnest({arrays}) {otherwise}", binds  # noqa: S608


def bulk_insert(connection: Any, table: Table, rows: list[dict[str, Any]]) -> None:
    """Insert many rows with all columns that the first one names, by COPY: many times the speed of INSERT.

    Geometries are given as EWKT text. The transaction is the connection's own.
    """
    dialect = connection.dialect
    columns = [table.c[name] for name in rows[0]]
    binds = [column.type.dialect_impl(dialect).bind_processor(dialect) for column in columns]
    bound = [(place, bind) for place, bind in enumerate(binds) if bind is not None]
    values_of = itemgetter(*(column.key for column in columns))
    names = ", ".join(dialect.identifier_preparer.quote(column.name) for column in columns)
    with (
        connection.connection.cursor() as cursor,
        cursor.copy(f"COPY {table.name} ({names}) FROM STDIN") as copy,
    ):
        for row in rows:
            values = list(values_of(row))
            for place, bind in bound:
                values[place] = bind(values[place])
            copy.write_row(values)


def spatial_join(table: str, column: str, frame: str) -> str:
    """SQL that joins the rows whose box meets `frame`, an expression over the tables on the left, by the index."""
    return f"JOIN {table} ON {table}.{column} && {frame}"


def vector_tile(session: Any, rows: Subquery, name: str, tile: Tile) -> bytes:
    """A Mapbox vector tile with one layer of this name, empty bytes where nothing lies in it.

    `rows` has `lon` and `lat` (degrees WGS-84), or `outline` (polygons); its other columns become properties.
    """
    shown = [column for column in rows.c if column.key not in ("lon", "lat", "outline")]
    place = f"{rows.name}.outline" if "outline" in rows.c else f"ST_Point({rows.name}.lon, {rows.name}.lat, 4326)"
    frame = f"ST_TileEnvelope({tile.zoom}, {tile.column}, {tile.row})"  # whole numbers, by their type
    drawn = literal_column(f"ST_AsMVTGeom(ST_Transform({place}, 3857), {frame}, {EXTENT}, {BUFFER})")
    placed = select(*shown, drawn.label("place")).select_from(rows).subquery("placed")
    made = select(func.ST_AsMVT(literal_column("placed.*"), name, EXTENT, "place")).select_from(placed)
    return bytes(session.scalar(made.where(placed.c.place.is_not(None))) or b"")


def among(column: Any, values: Collection[str]) -> ColumnElement[bool]:
    """The condition that a text column has one of many values; one bound array, where IN would bind each."""
    return column == any_(literal(list(values), ARRAY(Text)))


def among_given(column: Any, name: str) -> ColumnElement[bool]:
    """The same for a kept statement: the values are given at each call, as a list under `name`."""
    return column == any_(bindparam(name, type_=ARRAY(Text)))


def lock_names(connection: Any, names: Collection[str]) -> None:
    """Hold these names, given in rising order, until the end of the transaction; who wants one of them waits.

    For what has no row yet to be locked. Such a lock is kept in memory alone: it costs no write.
    """
    connection.exec_driver_sql(
        "SELECT pg_advisory_xact_lock(hashtextextended(name, 0)) FROM unnest(%(names)s::text[]) AS name",
        {"names": list(names)},
    )


# -- copies of the whole database --------------------------------------------------------------------------------------

COPY_NAME = "database.dump"


def dump(engine: Engine, path: Path, tables: Collection[str]) -> dict[str, int]:
    """Write a copy of the whole database as it stands at one moment, while it is in use; returns how many rows of each of these
    tables are in it. Raises Unready with pg_dump's own words."""
    with engine.connect().execution_options(isolation_level="REPEATABLE READ") as connection:
        snapshot = connection.exec_driver_sql("SELECT pg_export_snapshot()").scalar_one()
        counts = count_rows(connection, tables)
        _run(
            engine,
            "pg_dump",
            "--format=custom",
            "--no-owner",
            "--no-privileges",
            f"--snapshot={snapshot}",
            f"--file={path}",
        )
    return counts


def load(engine: Engine, path: Path) -> None:
    """Fill an empty database from a copy, all or nothing. Raises Unready with pg_restore's own words."""
    _run(
        engine, "pg_restore", "--single-transaction", "--exit-on-error", "--no-owner", "--no-privileges", "--no-comments", str(path)
    )  # fmt: skip


def skip_numbers(connection: Any, table: str, column: str, by: int) -> None:
    """Let the numbers that a table gives out by itself go on this much higher."""
    connection.exec_driver_sql(
        "SELECT setval(numbers.name, nextval(numbers.name) + %(by)s) "
        "FROM (SELECT pg_get_serial_sequence(%(table)s, %(column)s)::regclass AS name) AS numbers",
        {"table": table, "column": column, "by": by},
    )


def _run(engine: Engine, program: str, *arguments: str) -> None:
    """Run a program of PostgreSQL on this database. The password goes by the environment: a list of processes shows arguments."""
    if shutil.which(program) is None:
        raise Unready(
            f"没有找到 {program}，请安装 PostgreSQL 客户端（apt-get install postgresql-client） / {program} was not found: install "
            "the PostgreSQL client, no older than the server"
        )
    where = engine.url.translate_connect_args(username="user", database="dbname")
    password = str(where.pop("password", ""))
    target = make_conninfo(
        **where, **{name: value for name, value in engine.url.query.items() if isinstance(value, str)}
    )
    done = subprocess.run(  # noqa: S603 - a fixed program, arguments of ours
        [program, f"--dbname={target}", *arguments],
        env=os.environ | ({"PGPASSWORD": password} if password else {}),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise Unready(f"{program}: {done.stderr.strip()}")
