"""Snapshots: a whole scope at one counter, built once, kept packed, cut into pages for everybody who asks.

The name of a build is drawn from its content and the epoch: whoever builds the same thing finds the same name, and two
builds that differ in anything never share one, not even after a restore.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator
from datetime import datetime, timedelta

import orjson
from sqlalchemy import bindparam, delete, select, text, true
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from gridwatch.db.base import Instant, Json
from gridwatch.db.feed import FeedScope
from gridwatch.db.session import transaction
from gridwatch.sync import queries
from gridwatch.sync.callers import Standing
from gridwatch.sync.models import ServerState, Snapshot
from gridwatch.sync.queries import Build
from gridwatch.sync.wire import Frame, pack, unpack

log = logging.getLogger("gridwatch")

BLOCK = 100  # changes in a frame
KEPT_FROM = BLOCK  # documents; a smaller one is as quickly built as read
LIFE = timedelta(days=2)
_COMMA = pack(b",")  # between blocks that go out packed
_SEPARATOR = b",\n"  # a line feed never stands inside stored JSON text, so a block can be split without parsing
_KEEP = text(
    "INSERT INTO feed_snapshot (id, scope, seq, schema, epoch, docs, digest, built_at, blocks, body) "
    "VALUES (:id, :scope, :seq, :schema, :epoch, :docs, :digest, :built_at, :blocks, :body) ON CONFLICT DO NOTHING"
).bindparams(bindparam("built_at", type_=Instant), bindparam("blocks", type_=Json))


def change_text(change: queries.Change) -> bytes:
    """One change as it stands in an answer."""
    head = f'{{"op":"{change.op}","kind":"{change.kind}","id":{orjson.dumps(change.doc_id).decode()},'
    if change.op == "leave":
        return f'{head}"seq":{change.seq}}}'.encode()
    return f'{head}"rev":{change.rev},"seq":{change.seq},"doc":{change.doc}}}'.encode()


def current(epoch: str, scope: str, standing: Standing, schema: int, *, page: int, now: datetime) -> Build:
    """The snapshot of a scope at (or after) `standing`: the kept one, else a new one. One of more than `page` documents is kept
    before it is returned, since its next page may be asked of another process."""
    if standing.docs >= KEPT_FROM:
        kept = queries.build_of(epoch, scope, standing.counter, schema)
        if kept is not None:
            return kept
    built = _build(epoch, scope, schema, now)
    if built.docs > page:
        _keep(built)
    elif built.docs >= KEPT_FROM:
        try:
            _keep(built)
        except OperationalError as problem:  # it goes out whole, so a database that cannot be written does not stop it
            log.warning("snapshot of %s was not kept: %s", scope, problem)
    return built


def prepare(session: Session, schema: int, now: datetime) -> int:
    """Build and keep what would be asked for if every phone began anew now; returns how many were built.

    For the hours when nobody asks: a morning on which all phones wake at once then finds everything ready.
    """
    epoch = session.scalar(select(ServerState.epoch))
    kept = select(Snapshot.id).where(
        Snapshot.epoch == ServerState.epoch, Snapshot.scope == FeedScope.scope, Snapshot.seq == FeedScope.counter,
        Snapshot.schema == schema,
    )  # fmt: skip
    wanted = select(FeedScope.scope).join(ServerState, true()).where(FeedScope.docs >= KEPT_FROM, ~kept.exists())
    scopes = session.scalars(wanted.order_by(FeedScope.scope)).all()
    for scope in scopes:
        _keep(_build(str(epoch), scope, schema, now))
    return len(scopes)


def _build(epoch: str, scope: str, schema: int, now: datetime) -> Build:
    standing, changes = queries.documents(scope)
    name = hashlib.sha256(f"{epoch} {scope} {standing.counter} {schema}\n".encode())
    blocks: list[Frame] = []
    for start in range(0, len(changes), BLOCK):
        block = _SEPARATOR.join(map(change_text, changes[start : start + BLOCK]))
        name.update(block)
        blocks.append(pack(block))
    return Build(
        id=name.hexdigest()[:16], scope=scope, seq=standing.counter, schema=schema, epoch=epoch, docs=len(changes),
        digest=standing.digest, built_at=now, blocks=[len(block) for block in blocks], body=b"".join(blocks),
    )  # fmt: skip


def _keep(built: Build) -> None:
    with transaction() as session:
        session.execute(_KEEP, built._asdict())


def page_of(snapshot: Build, start: int, count: int) -> Iterator[bytes | Frame]:
    """`count` documents from place `start` on, as parts of a JSON array: whole blocks stay packed, the rest is cut out."""
    at = first = 0
    for length in snapshot.blocks:
        last = min(first + BLOCK, snapshot.docs)
        low, high = max(start, first), min(start + count, last)
        if low < high:
            if low > start:
                yield _COMMA
            frame = Frame(snapshot.body[at : at + length])
            whole = (low, high) == (first, last)
            yield frame if whole else _SEPARATOR.join(unpack(frame).split(_SEPARATOR)[low - first : high - first])
        at, first = at + length, last


def clean(session: Session, now: datetime) -> int:
    """Drop builds older than two days, except those of a scope that still stands where they were built. Returns how many."""
    stands = (
        select(FeedScope.scope)
        .join(ServerState, true())
        .where(
            FeedScope.scope == Snapshot.scope, FeedScope.counter == Snapshot.seq, ServerState.epoch == Snapshot.epoch
        )
        .exists()
    )
    return session.execute(delete(Snapshot).where(Snapshot.built_at < now - LIFE, ~stands)).rowcount
