"""Clients that replicate by documents and checkpoints, as RxDB does (sync-protocol, section 6), from the same feed.

Such a client asks for one kind of one scope. It puts what comes into its collection and takes out what is marked `_deleted`; it
has no set difference. So whatever it may still hold must be named: what left, what was purged from the feed since, and, after a
restore, what this database never knew. For the last the checkpoint itself carries the ids of the newest documents.

A client is in one of three phases. `live` follows the feed; `clearing` comes before it where a position is no longer good; `lost`
empties a scope that its user no longer holds.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import orjson
from sqlalchemy import Select, literal, or_, select, true, union
from sqlalchemy.orm import Session

from gridwatch.db.base import db
from gridwatch.db.feed import FeedRow, FeedScope
from gridwatch.domain.errors import Refusal
from gridwatch.domain.permits import Actor
from gridwatch.domain.worktime import local_day
from gridwatch.people.queries import held_scopes
from gridwatch.sync import decoding, queries, service
from gridwatch.sync.callers import Caller, Standing
from gridwatch.sync.canonical import sha256
from gridwatch.sync.decoding import Arrived, Envelope
from gridwatch.sync.models import Forgotten

KINDS = {
    "grid": frozenset({"grid", "address", "entity", "task", "lead", "market"}),
    "user": frozenset({"notice", "outcome", "my_lead", "profile"}),
}
USUAL, MOST = 500, 2_000  # documents in one answer
NEWEST = 64  # ids that a checkpoint carries: in a URL, beside a token, they stay below what proxies let through
LIVE, CLEARING, LOST = "live", "clearing", "lost"
_LARGEST, _LONGEST = 2**53, 64


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Up to where a client holds one kind of one scope.

    `seq` is its place in the feed. `base` is where the scope stood when the client began: what had left by then it never got.
    `after` is the last id that was deleted in the phases that delete. `newest` are ids of documents that a restored
    database may not know. Every member is in every checkpoint, since RxDB lays each one over the one before.
    """

    epoch: str = ""
    phase: str = LIVE
    base: int = 0
    seq: int = 0
    after: str = ""
    newest: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a client asks: a kind of a scope, from a checkpoint (None: from the start), so many documents."""

    kind: str
    scope: str
    checkpoint: str | None
    limit: str | None


# A document as JSON text (None: nothing to send), and where the client stands once it has it.
Step = tuple[bytes | None, Checkpoint]


@dataclass(frozen=True, slots=True)
class Reading:
    """One request of one user for documents."""

    session: Session
    caller: Caller
    wanted: Wanted
    now: datetime
    tombstone_days: int

    def answer(self) -> Iterator[bytes]:
        """The answer `{"documents", "checkpoint"}`, as parts of one JSON text.

        Raises 404 `sync.scope_not_found` for what the user may not hold and did not hold within the tombstone horizon, then
        422 `input.invalid` for a checkpoint that is no JSON or a limit out of range.
        """
        today = local_day(self.now)
        epoch, held = self.caller.epoch, self.caller.scopes
        scope = self.caller.own_scope if self.wanted.scope == "user:me" else self.wanted.scope
        once = held_scopes(self.caller.id, today, since=today - timedelta(days=self.tombstone_days))
        known = scope in held or scope in set(self.session.scalars(once))
        if not known or self.wanted.kind not in KINDS[scope.partition(":")[0]]:
            raise Refusal("sync.scope_not_found")
        sent, limit = read_checkpoint(self.wanted.checkpoint), _limit(self.wanted.limit)
        feed = _Feed(self.session, scope, self.wanted.kind, limit)
        steps = feed.follow(_begin(sent, epoch, held[scope])) if scope in held else feed.empty(_leave(sent, epoch))
        taken: list[bytes] = []
        at = Checkpoint(epoch)
        for text, at in steps:  # noqa: B007 - the last one counts
            if text is not None:
                taken.append(text)
            if len(taken) == limit:
                break
        if at.phase == LIVE:
            at = replace(at, newest=feed.newest())
        yield b'{"documents":[' + b",".join(taken) + b'],"checkpoint":' + orjson.dumps(asdict(at)) + b"}"


def _begin(sent: Checkpoint | None, epoch: str, standing: Standing) -> Checkpoint:
    """Where to go on in a scope that the user holds; from the beginning where the position is not one of this feed."""
    if sent is None:
        return Checkpoint(epoch, base=standing.counter)
    is_of_this_feed = standing.purged_to <= max(sent.seq, sent.base) <= standing.counter
    if sent.epoch == epoch and sent.phase != LOST and is_of_this_feed:
        return sent
    return Checkpoint(epoch, CLEARING, base=standing.counter, newest=sent.newest)


def _leave(sent: Checkpoint | None, epoch: str) -> Checkpoint:
    """Where to go on in a scope that the user lost."""
    if sent is not None and sent.phase == LOST:
        return sent
    return Checkpoint(epoch, LOST, newest=sent.newest if sent else [])


@dataclass(frozen=True, slots=True)
class _Feed:
    """One kind of one scope, read in portions of `limit`."""

    session: Session
    scope: str
    kind: str
    limit: int

    def follow(self, at: Checkpoint) -> Iterator[Step]:
        """What a client takes that holds the scope: first what it must let go, then what changed."""
        if at.phase == CLEARING:
            yield from self._deletions(at, self._left())
            at = replace(at, phase=LIVE, after="", newest=[])
        counter, rows = self._changes(at)
        for row in rows:
            at = replace(at, seq=row.seq)
            if row.op == "leave":
                yield _deleted(row.doc_id), at
            else:
                yield row.doc.encode()[:-1] + b',"_deleted":false}', at
        yield None, replace(at, seq=counter) if len(rows) < self.limit else at

    def empty(self, at: Checkpoint) -> Iterator[Step]:
        """What a client takes that has lost the scope: all of it, deleted."""
        yield None, at
        yield from self._deletions(at, self._ever())

    def newest(self) -> list[str]:
        """The ids of the live documents that changed last."""
        live = self._of_kind(FeedRow).where(FeedRow.op == "put").order_by(FeedRow.seq.desc()).limit(NEWEST)
        return list(self.session.scalars(live))

    def _deletions(self, at: Checkpoint, names: Select[Any]) -> Iterator[Step]:
        """Deletions of what only the checkpoint knows, then of the given names in their order."""
        for name in self._unknown(at.newest):
            at = replace(at, newest=at.newest[at.newest.index(name) + 1 :])
            yield _deleted(name), at
        at = replace(at, newest=[])
        found = names.subquery("found")
        portion = select(found.c.doc_id).where(found.c.doc_id > at.after).order_by(found.c.doc_id).limit(self.limit)
        for name in self.session.scalars(portion).all():
            at = replace(at, after=name)
            yield _deleted(name), at

    def _unknown(self, names: list[str]) -> list[str]:
        ever = self._ever().subquery("ever")
        known = set(self.session.scalars(select(ever.c.doc_id).where(ever.c.doc_id.in_(names)))) if names else set()
        return [name for name in names if name not in known]

    def _of_kind(self, model: Any) -> Select[Any]:
        return select(model.doc_id).where(model.scope == self.scope, model.kind == self.kind)

    def _ever(self) -> Any:
        """Every document that the scope holds or held."""
        return union(self._of_kind(FeedRow), self._of_kind(Forgotten))

    def _left(self) -> Any:
        """Every document that the scope held and does not hold now."""
        lives = select(literal(1)).where(
            FeedRow.scope == self.scope,
            FeedRow.kind == self.kind,
            FeedRow.doc_id == Forgotten.doc_id,
            FeedRow.op == "put",
        )
        return union(
            self._of_kind(FeedRow).where(FeedRow.op == "leave"), self._of_kind(Forgotten).where(~lives.exists())
        )

    def _changes(self, at: Checkpoint) -> tuple[int, list[Any]]:
        """The scope's counter and the changes after a position, from one read; without what left before the client began."""
        rows = (
            select(FeedRow.seq, FeedRow.doc_id, FeedRow.op, FeedRow.doc)
            .where(FeedRow.scope == self.scope, FeedRow.kind == self.kind, FeedRow.seq > at.seq)
            .where(or_(FeedRow.op == "put", FeedRow.seq > at.base))
            .order_by(FeedRow.seq)
            .limit(self.limit)
            .subquery("changed")
        )
        beside = select(FeedScope.counter, *rows.c).select_from(FeedScope).outerjoin(rows, true())
        found = self.session.execute(beside.where(FeedScope.scope == self.scope).order_by(rows.c.seq)).all()
        return (found[0].counter if found else 0), [row for row in found if row.seq is not None]


def _deleted(doc_id: str) -> bytes:
    return orjson.dumps({"id": doc_id, "_deleted": True})


def read_checkpoint(text: str | None) -> Checkpoint | None:
    """The checkpoint in a query; None for the start. JSON that is none of ours is a position of no epoch. Raises 422 for no JSON."""
    try:
        sent = orjson.loads(text or "null")
    except orjson.JSONDecodeError:
        problem = "应为上次答复中 checkpoint 的 JSON / the JSON of the last checkpoint is needed"
        raise Refusal("input.invalid", fields=[{"path": "checkpoint", "problem": problem}]) from None
    if sent is None:
        return None
    return _known(sent) if isinstance(sent, dict) else Checkpoint()


def _known(sent: Mapping[str, Any]) -> Checkpoint:
    epoch, phase, base, seq, after, newest = (sent.get(name) for name in Checkpoint.__dataclass_fields__)
    newest = newest if isinstance(newest, list) and all(map(_is_name, newest)) else []
    is_ours = (
        _is_name(epoch) and phase in (LIVE, CLEARING, LOST) and _is_place(base) and _is_place(seq) and _is_name(after)
    )
    return Checkpoint(epoch, phase, base, seq, after, newest) if is_ours else Checkpoint(newest=newest[:NEWEST])


def _is_name(value: object) -> bool:
    return isinstance(value, str) and len(value) <= _LONGEST and "\0" not in value


def _is_place(value: object) -> bool:
    return type(value) is int and 0 <= value <= _LARGEST


def _limit(text: str | None) -> int:
    """A limit is refused, not clamped: a page shorter than what was asked would look like the end."""
    if text is None:
        return USUAL
    if not (text.isascii() and text.isdigit() and len(text) <= 4 and 1 <= int(text) <= MOST):
        problem = f"应为 1 至 {MOST} 的整数 / a whole number from 1 to {MOST} is needed"
        raise Refusal("input.invalid", fields=[{"path": "limit", "problem": problem}])
    return int(text)


def submit(body: bytes, actor: Actor, now: datetime) -> list[dict[str, Any]]:
    """Take the rows of an RxDB push: each new state is an item, pushed from the device of the access token, and commit.

    Returns the stored items whose ids came with other content: RxDB's conflicts. Items are only ever inserted; other content is
    kept for a person to compare, as in a push. A row that its client deleted before it was ever sent brings nothing. Raises as a
    push does for the body as a whole.
    """
    arrived = decoding.read_rows(body)
    envelope = Envelope(actor.device_id or "", [_item(one) for one in arrived if one.value.get("_deleted") is not True])
    service.check_size(Envelope(envelope.device_id, arrived), len(body))
    service.push(envelope, actor, now)
    sent = {one.id: one.sha256 for one in envelope.items} | {
        one.id: "" for one in arrived if one.value.get("_deleted") is True
    }
    stored = queries.stored_items(db.session(), [one for one in sent if decoding.is_uuid(one)])
    return [
        {**orjson.loads(item.raw), "_deleted": False}
        for item in stored
        if not item.reused and item.user_id == actor.id and item.sha256 != sent[item.id]
    ]


def _item(arrived: Arrived) -> Arrived:
    """The item itself: without the mark by which RxDB says that a document lives, which is no part of the fact."""
    if arrived.flaw is not None or "_deleted" not in arrived.value:
        return arrived
    value = {name: inner for name, inner in arrived.value.items() if name != "_deleted"}
    raw = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return replace(arrived, raw=raw, value=value, sha256=sha256(value))
