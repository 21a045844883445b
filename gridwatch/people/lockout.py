"""Failed tries at a name. The fifth in 15 minutes is the last that is answered 401; then the name pauses for 15 minutes.

Source: sync-protocol, section 2. Known and unknown names are counted alike, so nothing tells them apart. Tries during a
pause are not counted and do not prolong it. Only time clears a count: a right password in between does not. Nothing hangs
on the address, since a whole office sits behind one.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import bindparam, select, text
from sqlalchemy.orm import Session

from gridwatch.db.base import Instant, Json
from gridwatch.people.models import SignInFailure

WINDOW = timedelta(minutes=15)
PAUSE = timedelta(minutes=15)
MOST = 5

_FIRST = text(
    "INSERT INTO sign_in_failure (username, failed_at, last_at) VALUES (:username, :failed_at, :last_at) "
    "ON CONFLICT (username) DO NOTHING"
).bindparams(bindparam("failed_at", type_=Json), bindparam("last_at", type_=Instant))


def paused_until(session: Session, username: str, now: datetime) -> datetime | None:
    """When sign-in for a name opens again; None while it is open."""
    until = session.scalar(select(SignInFailure.locked_until).where(SignInFailure.username == username))
    return until if until is not None and now < until else None


def count_failure(session: Session, username: str, now: datetime) -> int:
    """Count one more failure: its number within 15 minutes (1 to 5, and 5 begins the pause), or 0 during a pause.

    Locks the row of the name, so that tries at the same moment are counted one after the other. Flushes.
    """
    session.execute(_FIRST, {"username": username, "failed_at": [], "last_at": now})
    row = session.scalars(
        select(SignInFailure)
        .where(SignInFailure.username == username)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).one()
    if row.locked_until is not None and now < row.locked_until:
        return 0
    recent = [moment for moment in row.failed_at if now - datetime.fromisoformat(moment) < WINDOW]
    row.failed_at = [*recent, now.isoformat()]
    row.last_at = now
    row.locked_until = now + PAUSE if len(row.failed_at) >= MOST else None
    session.flush()
    return len(row.failed_at)
