"""Write events, chained by hash; audit/queries.py walks the chains.

Source: promise P16 (any change, deletion, insertion, swap or truncation made in the database is found, with its position)
and invariant I1 (every change writes its event in the same transaction).
"""

from __future__ import annotations

import hashlib
import logging
from datetime import UTC, datetime
from typing import Any

import orjson
from sqlalchemy import text
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from gridwatch.audit.models import Denial, Event
from gridwatch.db.base import new_id
from gridwatch.db.engine import dialect_of
from gridwatch.db.session import transaction
from gridwatch.domain.errors import Refusal
from gridwatch.web.clock import now

log = logging.getLogger(__name__)

GENESIS = "0" * 64
SYSTEM_CHAIN = "system"


def record(
    session: Session,
    *,
    chain: str | None,
    act: str,
    subject: tuple[str, str],
    actor_id: str,
    at: datetime,
    data: dict[str, Any],
    version: int | None = None,
) -> None:
    """Note an event; it is numbered and hashed as one of the last statements before the commit.

    `chain` is the code of the area that it happened in (None: the system's own chain), `subject` is (kind, id), `data` any
    JSON object, `version` the subject's version after the event, where it has one.
    """
    session.info.setdefault("audit.events", []).append(
        {
            "chain": chain or SYSTEM_CHAIN, "at": at, "actor_id": actor_id, "act": act, "subject_kind": subject[0],
            "subject_id": subject[1], "version": version,
            "data": orjson.dumps(data, option=orjson.OPT_SORT_KEYS).decode(),
        }
    )  # fmt: skip


def write_events(session: Session) -> None:
    """The end-of-work step: lock the heads of the chains in sorted order, number and hash the events, move the heads."""
    events: list[dict[str, Any]] = session.info.pop("audit.events", [])
    if not events:
        return
    connection = session.connection()
    heads = _lock_heads(connection, sorted({event["chain"] for event in events}))
    for event in events:
        length, head = heads[event["chain"]]
        event["no"], event["previous"] = length + 1, head
        event["hash"] = event_hash(**event)
        heads[event["chain"]] = (length + 1, event["hash"])
    dialect_of(session).insert_rows(connection, Event.__table__, events)
    connection.execute(
        text("UPDATE event_chain SET length = :length, head = :head WHERE chain = :chain"),
        [{"chain": chain, "length": length, "head": head} for chain, (length, head) in sorted(heads.items())],
    )


def _lock_heads(connection: Any, chains: list[str]) -> dict[str, tuple[int, str]]:
    heads: dict[str, tuple[int, str]] = {}
    for start in range(0, len(chains), 200):
        part = chains[start : start + 200]
        values = ", ".join(f"(:c{i}, 0, '{GENESIS}')" for i in range(len(part)))
        rows = connection.execute(
            text(
                f"INSERT INTO event_chain (chain, length, head) VALUES {values} "  # noqa: S608 - placeholders only
                "ON CONFLICT (chain) DO UPDATE SET length = event_chain.length RETURNING chain, length, head"
            ),
            {f"c{i}": chain for i, chain in enumerate(part)},
        )
        heads.update({chain: (length, head) for chain, length, head in rows})
    return heads


def event_hash(
    *, chain: str, no: int, at: datetime, actor_id: str, act: str, subject_kind: str, subject_id: str, version: int | None,
    data: str, previous: str, **_: Any,
) -> str:  # fmt: skip
    """The hash of an event from its columns, with the hash of the one before it."""
    moment = at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    return hash_of_fields([previous, chain, no, moment, actor_id, act, subject_kind, subject_id, version, data])


def hash_of_fields(fields: list[Any]) -> str:
    """SHA-256 (hex) over the columns of an event, as JSON, so that no two ways to split the same text look alike."""
    return hashlib.sha256(orjson.dumps(fields)).hexdigest()


def deny(actor_id: str, refusal: Refusal, method: str, path: str) -> None:
    """Keep a denied attempt of a known person, in a transaction of its own: the attempt itself has changed nothing.

    Where the database takes no writes just now, the log of the process says it instead; the person gets the refusal all the same.
    """
    row = Denial(
        id=new_id(), at=now(), actor_id=actor_id, code=refusal.code, method=method, path=path[:200], facts=refusal.facts
    )
    try:
        with transaction() as session:
            session.add(row)
    except OperationalError:
        log.exception("denied: %s %s %s by %s", refusal.code, method, path, actor_id)
