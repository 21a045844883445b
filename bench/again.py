"""What a unit of work writes, noted and sent again by the driver alone: the yardstick of a request that changes something."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from time import perf_counter
from typing import Any

from sqlalchemy import Engine, event
from sqlalchemy.orm import Session


class _NotNow(BaseException):
    """Stands in the way of a commit; no handler of errors takes it for one."""


class Statements:
    """What a unit of work sends to change rows: noted while it is rolled back, and sent again."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @contextmanager
    def noted(self) -> Iterator[list[tuple[str, Any, bool]]]:
        """The statements of one unit of work, which is kept from its commit."""
        found: list[tuple[str, Any, bool]] = []

        def note(_c: Any, _cursor: Any, statement: str, values: Any, _context: Any, many: bool) -> None:
            if statement.lstrip().startswith(("INSERT", "UPDATE", "DELETE")):
                found.append((statement, values, many))

        def refuse(_session: Session) -> None:
            raise _NotNow

        event.listen(self._engine, "before_cursor_execute", note)
        event.listen(Session, "before_commit", refuse)
        try:
            with suppress(_NotNow):
                yield found
        finally:
            event.remove(self._engine, "before_cursor_execute", note)
            event.remove(Session, "before_commit", refuse)

    def again(self, statements: list[tuple[str, Any, bool]]) -> float:
        """Seconds of sending them in one transaction."""
        raw = self._engine.raw_connection()
        try:
            cursor = raw.cursor()
            started = perf_counter()
            if self._engine.dialect.name == "sqlite":
                cursor.execute("BEGIN IMMEDIATE")
            for statement, values, many in statements:
                (cursor.executemany if many else cursor.execute)(statement, values)
            raw.commit()
            return perf_counter() - started
        finally:
            raw.close()
