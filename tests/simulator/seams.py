"""Points inside a transaction of the server at which something may happen once: its process dies, or somebody else is served."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import event
from sqlalchemy.orm import Session, SessionTransaction

BEGUN, COMMITTING, ENDED = "begun", "committing", "ended"


class Died(BaseException):
    """The server's process is gone. No error handler sees it, as none would see a kill."""


class Seams:
    """The three points of every writing transaction: it has begun, it is about to commit, it has ended and nobody knows yet."""

    def __init__(self) -> None:
        self._armed: tuple[str, Callable[[], None]] | None = None
        self.happened = 0

    def arm(self, point: str, act: Callable[[], None]) -> None:
        """Have `act` happen the next time that the point is reached."""
        self._armed = (point, act)

    def disarm(self) -> None:
        """Let nothing happen any more."""
        self._armed = None

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Listen to every session while this lasts."""
        listeners = {
            "after_begin": self._begun,
            "before_commit": self._committing,
            "after_transaction_end": self._ended,
        }
        for name, listener in listeners.items():
            event.listen(Session, name, listener)
        try:
            yield
        finally:
            for name, listener in listeners.items():
                event.remove(Session, name, listener)

    def _begun(self, session: Session, transaction: SessionTransaction, connection: Any) -> None:
        if not transaction.nested:
            self._reached(BEGUN, session)

    def _committing(self, session: Session) -> None:
        if not session.in_nested_transaction():
            self._reached(COMMITTING, session)

    def _ended(self, session: Session, transaction: SessionTransaction) -> None:
        if transaction.parent is None:
            self._reached(ENDED, session)

    def _reached(self, point: str, session: Session) -> None:
        if self._armed is not None and self._armed[0] == point and session.info.get("writing"):
            act, self._armed = self._armed[1], None
            self.happened += 1
            act()
