"""What devices say of themselves, written behind: a pull leaves its word in memory, and a second later all of them go into the
database in one statement. So the quiet pull keeps its one round trip, and a supervisor sees a phone two seconds after it called.

A process that is killed loses the words of its last second; the next pull of each phone brings them again.
"""

from __future__ import annotations

import logging
import threading
from datetime import datetime
from typing import Any

from flask import Flask, current_app
from sqlalchemy import bindparam, text
from sqlalchemy.exc import SQLAlchemyError

from gridwatch.db.base import Instant, Json
from gridwatch.db.session import transaction

log = logging.getLogger("gridwatch")

WAIT_S = 1.0
_MOST_MEMBERS, _MOST_TEXT = 32, 64
_WRITE = text(
    "INSERT INTO heartbeat (device_id, user_id, at, said) VALUES (:device_id, :user_id, :at, :said) "
    "ON CONFLICT (device_id, user_id) DO UPDATE SET at = excluded.at, said = excluded.said WHERE excluded.at >= heartbeat.at"
).bindparams(bindparam("at", type_=Instant), bindparam("said", type_=Json))


class Heartbeats:
    """The words of one process that wait to be written."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: dict[tuple[str, str], dict[str, Any]] = {}
        self._timer: threading.Timer | None = None

    def note(self, app: Flask, device_id: str, user_id: str, said: dict[str, Any], at: datetime) -> None:
        """Keep what a device said; it is written within a second or two."""
        row = {"device_id": device_id, "user_id": user_id, "at": at, "said": _plain(said)}
        with self._lock:
            self._waiting[device_id, user_id] = row
            if self._timer is None:
                self._timer = threading.Timer(WAIT_S, self._write_later, (app,))
                self._timer.daemon = True
                self._timer.start()

    def write(self) -> int:
        """Write what waits, within an application context; returns how many. What cannot be written now is kept for the next time."""
        with self._lock:
            rows, self._waiting, self._timer = self._waiting, {}, None
        if not rows:
            return 0
        try:
            with transaction() as session:
                session.execute(_WRITE, [rows[key] for key in sorted(rows)])
        except SQLAlchemyError as problem:
            log.warning("%d heartbeats wait for the database: %s", len(rows), problem)
            with self._lock:
                self._waiting = rows | self._waiting
            return 0
        return len(rows)

    def close(self) -> int:
        """Write at once what waits, and wait for nothing more: for a process that is about to end."""
        with self._lock:
            timer = self._timer
        if timer is not None:
            timer.cancel()
        return self.write()

    def _write_later(self, app: Flask) -> None:
        with app.app_context():
            self.write()


def _plain(said: dict[str, Any]) -> dict[str, Any]:
    """The plain members of a heartbeat, no longer than they need be; what else a phone sends is left out."""
    fits = {
        name: value
        for name, value in said.items()
        if len(name) <= _MOST_TEXT
        and (
            value is None
            or isinstance(value, bool | int | float)
            or (isinstance(value, str) and len(value) <= _MOST_TEXT)
        )
    }
    return dict(list(fits.items())[:_MOST_MEMBERS])


def of_this_process() -> Heartbeats:
    """The heartbeats of the current application."""
    return current_app.extensions.setdefault("gridwatch.heartbeats", Heartbeats())
