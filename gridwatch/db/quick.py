"""The quick lane: single reads that phones ask all day, past the ORM and outside a transaction.

A statement is written in SQLAlchemy Core as everywhere, compiled once for the database, and kept prepared by the driver. A call
is one round trip without BEGIN and ROLLBACK around it, at a fifth of what a session costs. It sees what is committed, never what
the caller has not committed yet, and it cannot write: who writes goes through db/session.py.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from flask import Flask, current_app
from sqlalchemy import Engine, Select, create_engine, event
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool, PoolProxiedConnection

from gridwatch.db.engine import dialect_of

Convert = Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class _Made:
    """A statement ready for one driver: its text, how to bind each parameter, how to read each column (None: as it comes)."""

    sql: str
    fixed: dict[str, Any]
    binds: tuple[tuple[str, Convert], ...]
    order: tuple[str, ...] | None
    reads: tuple[tuple[int, Convert], ...]


class Lane:
    """The connections of one application for such reads."""

    def __init__(self, engine: Engine, library: str = "") -> None:
        self.dialect = dialect = dialect_of(engine)
        options = dialect.engine_options() | dialect.QUICK_OPTIONS | {"isolation_level": "AUTOCOMMIT"}
        # As many connections as reads at once, kept here with a cursor each: a pool would cost as much as the read.
        options = {name: value for name, value in options.items() if not name.startswith(("pool_", "max_"))}
        options["poolclass"] = NullPool
        self._idle: deque[tuple[PoolProxiedConnection, Any]] = deque()
        self.engine = create_engine(engine.url, **options)
        dialect.prepare(self.engine, library)
        self._error = self.engine.dialect.loaded_dbapi.Error
        self._asked = dialect.PREPARED
        self._made: dict[Select[Any], _Made] = {}

    def rows(self, statement: Select[Any], values: dict[str, Any]) -> list[tuple[Any, ...]]:
        """The rows of a kept statement. Raises sqlalchemy's DBAPIError; a connection that has died is replaced once, silently."""
        made = self._made.get(statement) or self._make(statement)
        given = made.fixed | values if made.fixed else values
        if made.binds:
            given = given | {name: bind(given[name]) for name, bind in made.binds}
        asked = given if made.order is None else tuple(given[name] for name in made.order)
        try:
            rows = self._ask(made.sql, asked)
        except DBAPIError as problem:
            if not problem.connection_invalidated:
                raise
            rows = self._ask(made.sql, asked)
        if not made.reads:
            return rows
        return [_converted(row, made.reads) for row in rows]

    def _ask(self, sql: str, asked: Any) -> list[tuple[Any, ...]]:
        connection, cursor = self._idle.pop() if self._idle else self._connect()
        try:
            cursor.execute(sql, asked, **self._asked)
            rows: list[tuple[Any, ...]] = cursor.fetchall()
        except self._error as problem:
            gone = self.engine.dialect.is_disconnect(problem, connection.driver_connection, cursor)
            connection.invalidate(problem)
            if gone:
                self.close()  # those that are idle went with it
            raise self._refused(sql, asked, problem, gone=gone) from problem
        self._idle.append((connection, cursor))
        return rows

    def _connect(self) -> tuple[PoolProxiedConnection, Any]:
        try:
            connection = self.engine.raw_connection()
        except self._error as problem:
            raise self._refused("", None, problem, gone=False) from problem
        return connection, connection.driver_connection.cursor()

    def _refused(self, sql: str, asked: Any, problem: Exception, *, gone: bool) -> DBAPIError:
        return DBAPIError.instance(
            sql, asked, problem, self._error, connection_invalidated=gone, dialect=self.engine.dialect
        )

    def close(self) -> None:
        """Close the connections that are idle; the next read opens one."""
        while self._idle:
            connection, _ = self._idle.pop()
            connection.close()

    def _make(self, statement: Select[Any]) -> _Made:
        dialect = self.engine.dialect
        compiled = statement.compile(dialect=dialect)
        types = {
            name: bound.type.dialect_impl(dialect).bind_processor(dialect) for name, bound in compiled.binds.items()
        }
        reads = (
            column.type.dialect_impl(dialect).result_processor(dialect, None) for column in statement.selected_columns
        )
        positions: Sequence[str] | None = getattr(compiled, "positiontup", None)
        made = _Made(
            str(compiled),
            {name: bound.value for name, bound in compiled.binds.items() if not bound.required},
            tuple((name, bind) for name, bind in types.items() if bind is not None),
            tuple(positions) if positions is not None else None,
            tuple((place, read) for place, read in enumerate(reads) if read is not None),
        )
        self._made[statement] = made
        return made


def _converted(row: tuple[Any, ...], reads: tuple[tuple[int, Convert], ...]) -> tuple[Any, ...]:
    cells = list(row)
    for place, read in reads:
        cells[place] = read(cells[place])
    return tuple(cells)


def install(app: Flask, engine: Engine, library: str = "") -> None:
    """Give an application its lane; it closes with the engine."""
    lane = app.extensions["gridwatch.quick"] = Lane(engine, library)
    event.listen(engine, "engine_disposed", lambda _: lane.close())


def rows(statement: Select[Any], values: dict[str, Any]) -> list[tuple[Any, ...]]:
    """The rows of a kept statement, by the lane of the current application."""
    lane: Lane = current_app.extensions["gridwatch.quick"]
    return lane.rows(statement, values)


def dialect() -> ModuleType:
    """The dialect module of the current application, for a statement that is built for each."""
    lane: Lane = current_app.extensions["gridwatch.quick"]
    return lane.dialect
