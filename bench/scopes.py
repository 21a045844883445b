"""Many tasks on the phones of a made-up city, written straight into the feed, and workers who are signed in."""

from __future__ import annotations

import uuid
from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import orjson
from sqlalchemy import Connection, text

from bench.city import City, build_areas, build_people, worker_of
from gridwatch.db.engine import dialect_of
from gridwatch.db.feed import FeedRow, FeedScope, fingerprint
from gridwatch.people import tokens
from gridwatch.people.models import AccessToken, Device, SignIn
from gridwatch.sync.tokens import Position, issue
from gridwatch.tasks.documents import task_document

TASKS_A_GRID = 500
_BYTES = 1_024  # of a document
_AT_ONCE = 20_000
_ON = date(2026, 9, 18)


@dataclass(frozen=True, slots=True)
class Phone:
    """A worker's phone: its access token, and its token for each scope that it holds."""

    bearer: str
    device_id: str
    scopes: dict[str, str]


def build(connection: Connection, city: City, secret: str) -> list[Phone]:
    """Write `TASKS_A_GRID` documents of 1 KB into the scope of every grid; the phones of their workers hold everything."""
    build_areas(connection, city)
    build_people(connection, city)
    epoch = connection.execute(text("SELECT epoch FROM server_state")).scalar()
    insert = dialect_of(connection).bulk_insert
    head, tail = _document()
    standings: dict[str, dict[str, Any]] = {}
    rows: list[dict[str, Any]] = []
    for number, code in enumerate(city.grid_codes):
        scope, digest = f"grid:{code}", 0
        for seq in range(1, TASKS_A_GRID + 1):
            doc_id = f"0199a000-0000-7000-8000-{number * TASKS_A_GRID + seq:012d}"
            digest ^= fingerprint("task", doc_id, 1)
            rows.append(_row(scope, "task", doc_id, seq, f"{head}{doc_id}{tail}"))
        standings[scope] = _standing(scope, TASKS_A_GRID, digest)
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
    return _sign_in(connection, city, secret, str(epoch), standings)


def _document() -> tuple[str, str]:
    """A task document of 1 KB, cut where its id stands."""
    mark = str(uuid.UUID(int=0))
    row: dict[str, Any] = defaultdict(lambda: None) | {
        "id": mark, "rev": 1, "kind": "first_check", "state": "issued", "items": ["RG01", "RG02"], "grid_code": "", "epoch": 1,
        "title": "首检：某某餐饮服务有限公司", "reason": "新登记，10 个工作日内首检", "address_text": "某街道某路 1 号",
        "start_on": _ON, "due_on": _ON + timedelta(days=14), "provisional": False,
    }  # fmt: skip
    body = {"kind": "task", "id": mark, "rev": 1, **task_document(row).body}
    body["address_text"] += "。" * ((_BYTES - len(orjson.dumps(body))) // len("。".encode()))
    head, tail = orjson.dumps(body).decode().split(mark)
    return head, tail


def _row(scope: str, kind: str, doc_id: str, seq: int, doc: str) -> dict[str, Any]:
    return {
        "scope": scope, "kind": kind, "doc_id": doc_id, "seq": seq, "rev": 1, "op": "put", "doc": doc,
        "changed_on": _ON.isoformat(),
    }  # fmt: skip


def _standing(scope: str, docs: int, digest: int) -> dict[str, Any]:
    return {"scope": scope, "counter": docs, "docs": docs, "digest": digest, "purged_to": 0}


def _sign_in(
    connection: Connection, city: City, secret: str, epoch: str, standings: dict[str, dict[str, Any]]
) -> list[Phone]:
    now = datetime.now(UTC)
    until = now + timedelta(days=30)
    phones = []
    rows: dict[Any, list[dict[str, Any]]] = defaultdict(list)
    for code in city.grid_codes:
        worker, device = worker_of(code), f"phone-{code}"
        held = {
            scope: issue(secret, scope, 1, Position(epoch, standings[scope]["counter"]))
            for scope in (f"user:{worker}", f"grid:{code}")
        }
        phones.append(Phone(tokens.new_access_token(), device, held))
        rows[Device].append({"id": device, "user_id": worker, "name": "手机", "platform": "android", "app_build": 17,
                             "first_seen_at": now, "last_seen_at": now})  # fmt: skip
        rows[SignIn].append({"id": device, "user_id": worker, "device_id": device, "generation": 0, "used": [],
                             "refresh_expires_at": until, "started_at": now})  # fmt: skip
        rows[AccessToken].append(
            {"hash": tokens.fingerprint(phones[-1].bearer), "sign_in_id": device, "expires_at": until}
        )
    for model, values in rows.items():
        dialect_of(connection).bulk_insert(connection, model.__table__, values)
    return phones
