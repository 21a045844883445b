"""Pull: what changed in the scopes that a phone may hold now (sync-protocol, section 3).

The quiet case costs one statement. A scope that moved costs one more, which reads its counter, its digest and its rows
together. Documents are joined as the text in which they are stored; nothing is parsed or rendered here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import Any

import orjson

from gridwatch.db.feed import digest_hex
from gridwatch.domain.errors import Refusal
from gridwatch.domain.worktime import local_day
from gridwatch.sync import queries, snapshots, tokens
from gridwatch.sync.callers import Caller, Standing
from gridwatch.sync.queries import Build
from gridwatch.sync.tokens import Position
from gridwatch.sync.wire import Frame
from gridwatch.web.clock import rfc3339

OLDEST_SCHEMA = NEWEST_SCHEMA = 1
MOST_SCOPES = 64
LEAST, USUAL, MOST = 1, 500, 2_000  # changes in one answer
_NEVER = date.max


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a phone asks: the schema it reads, how many changes it takes, and its token for each scope that it holds."""

    schema: int = NEWEST_SCHEMA
    limit: int = USUAL
    scopes: dict[str, Any] = field(default_factory=dict)
    heartbeat: dict[str, Any] | None = None


def read(body: bytes) -> Wanted:
    """The request in a body. Raises 400 `sync.undecodable`, 409 `sync.schema_too_old`, 422 for a wrong shape or too many scopes."""
    try:
        sent = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise Refusal("sync.undecodable") from None
    if not isinstance(sent, dict):
        raise Refusal("input.invalid", fields=[{"path": "", "problem": "an object is needed"}])
    schema, limit = sent.get("schema", NEWEST_SCHEMA), sent.get("limit")
    scopes, heartbeat = sent.get("scopes", {}), sent.get("heartbeat")
    shapes = {
        "schema": type(schema) in (int, float),
        "limit": limit is None or type(limit) in (int, float),
        "scopes": isinstance(scopes, dict),
        "heartbeat": heartbeat is None or isinstance(heartbeat, dict),
    }
    if not all(shapes.values()):
        wrong = [{"path": name, "problem": "not of the right type"} for name, right in shapes.items() if not right]
        raise Refusal("input.invalid", fields=wrong)
    if len(scopes) > MOST_SCOPES:
        raise Refusal("sync.too_many_scopes", most=MOST_SCOPES, given=len(scopes))
    if schema < OLDEST_SCHEMA:
        raise Refusal("sync.schema_too_old", schema=schema, oldest=OLDEST_SCHEMA)
    limit = USUAL if limit is None else int(max(LEAST, min(limit, MOST)))
    return Wanted(min(int(schema), NEWEST_SCHEMA), limit, scopes, heartbeat)


@dataclass(frozen=True, slots=True)
class Part:
    """One scope of an answer: its head, and its changes as parts of a JSON array. `count` is the number of changes."""

    head: dict[str, Any]
    changes: list[bytes | Frame]
    count: int


@dataclass(frozen=True, slots=True)
class Pull:
    """One pull of one user."""

    caller: Caller
    wanted: Wanted
    now: datetime
    secret: str
    tombstone_days: int

    def answer(self) -> Iterator[bytes | Frame]:
        """The answer, as parts of one JSON text."""
        epoch, own = self.caller.epoch, self.caller.own_scope
        held = dict(list(self.caller.scopes.items())[:MOST_SCOPES])
        named = {own if name == "user:me" else name: token for name, token in self.wanted.scopes.items()}
        named.update({own: self.wanted.scopes[own]} if own in self.wanted.scopes else {})
        moved = []
        for scope, standing in held.items():
            position = tokens.read(self.secret, scope, self.wanted.schema, named.get(scope))
            if position is None or position.epoch != epoch:
                position = None
            if position != Position(epoch, standing.counter):
                moved.append((scope, standing, position))
        parts, more = self._parts(epoch, self._in_order(moved, own))
        head = {
            "server_time": rfc3339(self.now),
            "epoch": epoch,
            "granted": [scope for scope in held if scope not in named],
            "revoked": [name for name in self.wanted.scopes if name != "user:me" and name not in held],
        }
        yield orjson.dumps(head)[:-1] + b',"scopes":['
        for place, part in enumerate(parts):
            yield (b"," if place else b"") + orjson.dumps(part.head)[:-1] + b',"changes":['
            yield from part.changes
            yield b"]}"
        yield b'],"more":true}' if more else b'],"more":false}'

    def _in_order(
        self, moved: list[tuple[str, Standing, Position | None]], own: str
    ) -> list[tuple[str, Standing, Position | None]]:
        """The user's own scope first, then the grids by their nearest due task."""
        grids = [scope.removeprefix("grid:") for scope, _, _ in moved if scope != own]
        if len(grids) < 2:
            return moved
        due = queries.first_due(grids)
        return sorted(moved, key=lambda row: (row[0] != own, due.get(row[0].removeprefix("grid:"), _NEVER), row[0]))

    def _parts(self, epoch: str, moved: list[tuple[str, Standing, Position | None]]) -> tuple[list[Part], bool]:
        """A part for each scope while the limit lasts, and whether there is more to fetch."""
        left, parts, more = self.wanted.limit, [], False
        for scope, standing, position in moved:
            if not left and (standing.docs or position is not None):
                more = True
                continue
            part = self._part(epoch, scope, standing, position, left)
            parts.append(part)
            left -= part.count
            more = more or part.head["more"]
        return parts, more

    def _part(self, epoch: str, scope: str, standing: Standing, position: Position | None, most: int) -> Part:
        if position is not None and position.build is not None:
            build = queries.build_named(epoch, scope, position.build)
            if build is not None:
                return self._page(build, position, most)
        elif position is not None and position.seq <= standing.counter:
            part = self._delta(epoch, scope, position.seq, most)
            if part is not None:
                return part
        build = snapshots.current(epoch, scope, standing, self.wanted.schema, page=most, now=self.now)
        return self._page(build, Position(epoch, build.seq, build.id), most)

    def _delta(self, epoch: str, scope: str, since: int, most: int) -> Part | None:
        """The changes after `since`, or None where the phone stands before the tombstone horizon."""
        standing, changes = queries.changes(scope, since=since, most=most + 1)
        horizon = (local_day(self.now) - timedelta(days=self.tombstone_days)).isoformat()
        if since < standing.purged_to or (changes and changes[0].changed_on < horizon):
            return None
        more = len(changes) > most
        at = Position(epoch, changes[most - 1].seq if more else standing.counter)
        head = {"scope": scope, "mode": "delta", **self._tail(scope, at, more, standing.docs, standing.digest)}
        joined = b",".join(map(snapshots.change_text, changes[:most]))
        return Part(head, [joined], min(len(changes), most))

    def _page(self, build: Build, at: Position, most: int) -> Part:
        """The next page of a snapshot."""
        count = min(most, build.docs - at.offset)
        more = at.offset + count < build.docs
        after = replace(at, page=at.page + 1, offset=at.offset + count) if more else Position(build.epoch, build.seq)
        head = {"scope": build.scope, "mode": "snapshot", "snapshot": build.id, "page": at.page + 1}
        head |= self._tail(build.scope, after, more, build.docs, build.digest)
        return Part(head, list(snapshots.page_of(build, at.offset, count)), count)

    def _tail(self, scope: str, at: Position, more: bool, docs: int, digest: int) -> dict[str, Any]:
        return {
            "token": tokens.issue(self.secret, scope, self.wanted.schema, at),
            "more": more,
            "digest": None if more else {"count": docs, "hash": digest_hex(digest)},
        }
