"""Many tasks on the phones of a made-up city, written straight into the feed, and workers who are signed in."""

from __future__ import annotations

import csv
import random
import uuid
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import orjson
from sqlalchemy import Connection, text

from bench.city import City, build_areas, build_people, worker_of
from bench.databases import SECRET
from gridwatch.db.engine import dialect_of
from gridwatch.db.feed import FeedRow, FeedScope, fingerprint
from gridwatch.domain.worktime import local_day
from gridwatch.people import tokens
from gridwatch.people.models import AccessToken, Device, SignIn
from gridwatch.sync.tokens import Position, issue, read
from gridwatch.tasks.documents import task_document

TASKS_A_GRID = 500
_SAMPLE = Path(__file__).parents[1] / "tests/data/nancheng/entities.csv"
_BYTES = 1_024  # of a document
_AT_ONCE = 20_000
_ON = date(2026, 9, 18)


@dataclass(frozen=True, slots=True)
class Phone:
    """A worker's phone: its access token, and its token for each scope that it may hold."""

    bearer: str
    device_id: str
    scopes: dict[str, str]

    @property
    def grid(self) -> str:
        """The scope of its grid."""
        return next(scope for scope in self.scopes if scope.startswith("grid:"))

    def behind(self, changes: int) -> dict[str, str]:
        """Its tokens as they were so many changes of the grid ago."""
        position = read(SECRET, self.grid, 1, self.scopes[self.grid])
        assert position is not None
        before = replace(position, seq=position.seq - changes)
        return self.scopes | {self.grid: issue(SECRET, self.grid, 1, before)}


def build(connection: Connection, city: City, *, phones: int = 1, tasks: int = TASKS_A_GRID) -> list[Phone]:
    """Write so many task documents of 1 KB into the scope of every grid; its worker is signed in on so many phones.

    Returns the phones, the first of each grid before the second of any. They hold everything.
    """
    build_areas(connection, city)
    build_people(connection, city)
    epoch = connection.execute(text("SELECT epoch FROM server_state")).scalar()
    insert = dialect_of(connection).bulk_insert
    documents = cycle(_documents())
    standings: dict[str, dict[str, Any]] = {}
    rows: list[dict[str, Any]] = []
    for number, code in enumerate(city.grid_codes):
        scope, digest = f"grid:{code}", 0
        for seq, (head, tail) in enumerate(islice(documents, tasks), start=1):
            doc_id = f"0199a000-0000-7000-8000-{number * tasks + seq:012d}"
            digest ^= fingerprint("task", doc_id, 1)
            rows.append(_row(scope, "task", doc_id, seq, f"{head}{doc_id}{tail}"))
        standings[scope] = _standing(scope, tasks, digest)
        worker = worker_of(code)
        rows.append(
            _row(f"user:{worker}", "profile", worker, 1, orjson.dumps({"kind": "profile", "id": worker}).decode())
        )
        standings[f"user:{worker}"] = _standing(f"user:{worker}", 1, fingerprint("profile", worker, 1))
        if len(rows) >= _AT_ONCE:
            insert(connection, FeedRow.__table__, rows)
            rows = []
    if rows:
        insert(connection, FeedRow.__table__, rows)
    insert(connection, FeedScope.__table__, list(standings.values()))
    return _sign_in(connection, city, str(epoch), standings, phones)


def _documents() -> Iterator[tuple[str, str]]:
    """A task document of 1 KB for each entity of the 南城 sample, cut where its id stands: text that packs as real text does."""
    chance, mark = random.Random(1), str(uuid.UUID(int=0))
    with _SAMPLE.open(encoding="utf-8-sig", newline="") as file:
        entities = list(csv.DictReader(file))
    for entity in entities:
        row: dict[str, Any] = defaultdict(lambda: None) | {
            "id": mark, "rev": 1, "kind": "first_check", "state": "issued", "items": ["RG01", "RG02"], "grid_code": "", "epoch": 1,
            "title": f"首检：{entity['name']}", "reason": "新登记，10 个工作日内首检", "address_text": entity["address"],
            "entity_id": str(uuid.UUID(int=chance.getrandbits(128))), "start_on": _ON, "due_on": _ON + timedelta(days=14),
            "provisional": False,
        }  # fmt: skip
        body = {"kind": "task", "id": mark, "rev": 1, **task_document(row, "RG01@1+RG02@1").body}
        more = chance.choice(entities)["scope"] + chance.choice(entities)["scope"]
        left = max(0, _BYTES - len(orjson.dumps(body)))
        body["reason"] += more.encode()[:left].decode(errors="ignore")
        head, tail = orjson.dumps(body).decode().split(mark)
        yield head, tail


def _row(scope: str, kind: str, doc_id: str, seq: int, doc: str) -> dict[str, Any]:
    return {
        "scope": scope, "kind": kind, "doc_id": doc_id, "seq": seq, "rev": 1, "op": "put", "doc": doc,
        "changed_on": local_day(datetime.now(UTC)).isoformat(),
    }  # fmt: skip


def _standing(scope: str, docs: int, digest: int) -> dict[str, Any]:
    return {"scope": scope, "counter": docs, "docs": docs, "digest": digest, "purged_to": 0}


def _sign_in(
    connection: Connection, city: City, epoch: str, standings: dict[str, dict[str, Any]], phones: int
) -> list[Phone]:
    now = datetime.now(UTC)
    until = now + timedelta(days=30)
    made = []
    rows: dict[Any, list[dict[str, Any]]] = defaultdict(list)
    for device, code in ((f"phone-{code}-{n}", code) for n in range(phones) for code in city.grid_codes):
        worker = worker_of(code)
        held = {
            scope: issue(SECRET, scope, 1, Position(epoch, standings[scope]["counter"]))
            for scope in (f"user:{worker}", f"grid:{code}")
        }
        made.append(Phone(tokens.new_access_token(), device, held))
        rows[Device].append({"id": device, "user_id": worker, "name": "手机", "platform": "android", "app_build": 17,
                             "first_seen_at": now, "last_seen_at": now})  # fmt: skip
        rows[SignIn].append({"id": device, "user_id": worker, "device_id": device, "generation": 0, "used": [],
                             "refresh_expires_at": until, "started_at": now})  # fmt: skip
        rows[AccessToken].append(
            {"hash": tokens.fingerprint(made[-1].bearer), "sign_in_id": device, "expires_at": until}
        )
    for model, values in rows.items():
        dialect_of(connection).bulk_insert(connection, model.__table__, values)
    return made
