"""The one place that commits.

`transaction()` is entered by `@writes` routes, jobs and commands, and by nothing else. Services flush. On leaving, the
end-of-work steps run in their fixed order (event log, then sync feed: both take locks that every writer wants, so nothing
slow comes after them), then the commit; any exception rolls everything back.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import copy

from flask import current_app
from sqlalchemy import Connection, event
from sqlalchemy.orm import Session, SessionTransaction

from gridwatch.db.base import db
from gridwatch.db.engine import dialect_of

EndOfWork = Callable[[Session], None]

# SQLite has one writer. Waiting here, in order of arrival, is fair; its own busy handler sleeps and lets latecomers pass.
_SQLITE_WRITER = threading.RLock()


def end_of_work(app: object, *steps: EndOfWork) -> None:
    """Register the steps that run before each commit, in this order. Called once, by `create_app`."""
    app.extensions["gridwatch.end_of_work"] = steps  # type: ignore[attr-defined]


@contextmanager
def transaction() -> Iterator[Session]:
    """A unit of work: yields the session, then end-of-work steps and one commit; rolls back and re-raises on any exception."""
    session = db.session()
    if session.info.get("writing"):
        raise RuntimeError("transaction() was entered twice: a service tried to commit for itself")
    on_sqlite = session.get_bind().dialect.name == "sqlite"
    if on_sqlite:
        _SQLITE_WRITER.acquire()
    try:
        session.rollback()  # a read before this may hold an old snapshot; SQLite cannot upgrade it to a write
        session.info["writing"] = True
        try:
            yield session
            session.flush()
            for step in current_app.extensions["gridwatch.end_of_work"]:
                step(session)
            session.commit()
        except BaseException:
            session.rollback()
            raise
        finally:
            session.info.clear()
    finally:
        if on_sqlite:
            _SQLITE_WRITER.release()


@contextmanager
def savepoint(session: Session) -> Iterator[None]:
    """A part of a unit of work that may fail alone: on an exception its rows go, and the events and documents it noted; re-raises."""
    noted = {name: copy(value) for name, value in session.info.items()}
    try:
        with session.begin_nested():
            yield
    except BaseException:
        session.info.clear()
        session.info.update(noted)
        raise


@event.listens_for(Session, "after_begin")
def _begin(session: Session, transaction: SessionTransaction, connection: Connection) -> None:
    """A savepoint lies inside a transaction that has begun already."""
    if not transaction.nested:
        dialect_of(connection).begin(connection, writing=bool(session.info.get("writing")))
