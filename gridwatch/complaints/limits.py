"""How often the public pages may be used: counted in the database, so that it holds for every process.

The address of a client is never stored: its hash is, keyed with the server's secret and salted with the day, and only until the
window is over. Tomorrow's hash of the same address is another one.
"""

from __future__ import annotations

import hmac
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address, ip_network
from math import ceil
from typing import Any

from sqlalchemy import bindparam, delete, text
from sqlalchemy.orm import Session

from gridwatch.complaints.models import PublicUse
from gridwatch.db.base import Instant
from gridwatch.domain.complaint_words import LIMITS, Limit
from gridwatch.domain.errors import Refusal
from gridwatch.domain.worktime import local_day

KEPT = timedelta(days=1)

_COUNT = text(
    "INSERT INTO public_use (subject, since, used) VALUES (:subject, :since, 1) "
    "ON CONFLICT (subject, since) DO UPDATE SET used = public_use.used + 1 RETURNING used"
).bindparams(bindparam("since", type_=Instant))
_USED = text("SELECT used FROM public_use WHERE subject = :subject AND since = :since").bindparams(
    bindparam("since", type_=Instant)
)


def count(session: Session, what: str, whom: str, now: datetime) -> None:
    """Count one use of `what` (a key of LIMITS) by a tag or a client. Raises 429 `complaint.too_often` with Retry-After.

    A use that is refused is rolled back with the count. Uses at the same moment wait for each other at the row.
    """
    limit, bound = LIMITS[what], _bound(what, whom, now)
    if session.execute(_COUNT, bound).scalar_one() > limit.most:
        raise _too_often(limit, now)


def check(session: Session, what: str, whom: str, now: datetime) -> None:
    """Raise as `count` does where the limit is reached already, without counting."""
    used = session.execute(_USED, _bound(what, whom, now)).scalar_one_or_none()
    if used is not None and used >= LIMITS[what].most:
        raise _too_often(LIMITS[what], now)


def client_key(secret: str, address: str | None, now: datetime) -> str:
    """What a network address is called for one day; of IPv6 the network of 64 bits, which one client has to itself."""
    said = address or ""
    try:
        known = ip_address(said)
        said = str(ip_network((known, 64), strict=False)) if known.version == 6 else str(known)
    except ValueError:
        said = "unknown"  # a server on a socket file knows no address
    return hmac.new(secret.encode(), f"public-use\0{local_day(now)}\0{said}".encode(), "sha256").hexdigest()[:32]


def forget(session: Session, now: datetime) -> int:
    """Delete counts whose window is long over; returns how many."""
    return session.execute(delete(PublicUse).where(PublicUse.since < now - KEPT)).rowcount


def _bound(what: str, whom: str, now: datetime) -> dict[str, Any]:
    return {"subject": f"{what}:{whom}", "since": _since(LIMITS[what], now)}


def _since(limit: Limit, now: datetime) -> datetime:
    seconds = int(limit.window.total_seconds())
    return datetime.fromtimestamp(int(now.timestamp()) // seconds * seconds, UTC)


def _too_often(limit: Limit, now: datetime) -> Refusal:
    left = max(1, ceil((_since(limit, now) + limit.window - now).total_seconds()))
    return Refusal("complaint.too_often", headers={"Retry-After": str(left)}, retry_after_s=left)
