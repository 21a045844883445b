"""How the sync tests talk to the server, and what they read of its answers."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import datetime
from typing import Any

import orjson
from flask import Flask
from sqlalchemy import select

from gridwatch.audit.models import Event
from gridwatch.sync.models import Item
from tests.fixtures import Answer, Caller, Work
from tests.phone import Send

Make = Callable[..., dict[str, Any]]
Put = Callable[..., None]

PHOTO = hashlib.sha256(b"door plate").hexdigest()
FILE = {"sha256": PHOTO, "size": 234_567, "mime": "image/jpeg", "role": "door_plate", "required": True}
LEAD = {"category": "XS03", "title": "面包作坊", "description": "无照经营的面包作坊", "address": "宏伟路 3 号"}
SOMEBODY = "0192f0c4-0000-7000-8000-0000000000ff"  # an id that nothing has


def push(caller: Caller, *items: Any, device_id: str | None = None) -> list[dict[str, Any]]:
    """Push items; returns the results."""
    answer = caller.post("/api/v1/sync/push", {"device_id": device_id or caller.device_id, "items": list(items)})
    assert answer.status == 200, answer.body
    return answer.body["results"]


def outcomes(results: list[dict[str, Any]]) -> list[tuple[str, str | None]]:
    """Outcome and code of each result."""
    return [(result["outcome"], result["code"]) for result in results]


def pull(caller: Caller, scopes: dict[str, Any] | None = None, **members: Any) -> dict[str, Any]:
    """Pull once; returns the answer."""
    answer = caller.post("/api/v1/sync/pull", {"schema": 1, "scopes": scopes or {}, **members})
    assert answer.status == 200, answer.body
    return answer.body


def part_of(answer: dict[str, Any], scope: str) -> dict[str, Any]:
    """The part of a pull that is about one scope."""
    return next(part for part in answer["scopes"] if part["scope"] == scope)


def notes(answer: dict[str, Any], scope: str) -> list[str]:
    """The ids of the notes in one scope of a pull."""
    return [change["id"] for change in part_of(answer, scope)["changes"] if change["kind"] == "note"]


def tokens_of(answer: dict[str, Any]) -> dict[str, str]:
    """Scope → token, as a phone keeps them."""
    return {part["scope"]: part["token"] for part in answer["scopes"]}


def outcome_document(worker: Caller, item_id: str) -> dict[str, Any]:
    """What the phone learns by pull of one of its items."""
    changes = [change for part in pull(worker, limit=2_000)["scopes"] for change in part["changes"]]
    return next(change["doc"] for change in changes if (change["kind"], change["id"]) == ("outcome", item_id))


def stored(work: Work, item_id: str) -> list[Item]:
    """What the server keeps under an id, in order of arrival."""
    with work() as session:
        rows = list(session.scalars(select(Item).where(Item.id == item_id).order_by(Item.no)))
        session.expunge_all()
        return rows


def over_flask(app: Flask) -> Send:
    """For a phone: send to an application in this process."""
    http = app.test_client(use_cookies=False)

    def send(method: str, path: str, headers: dict[str, str], body: bytes | None) -> tuple[int, dict[str, str], bytes]:
        answer = http.open(path, method=method, headers=headers, data=body)
        return answer.status_code, {name.lower(): value for name, value in answer.headers.items()}, answer.data

    return send


def local(text: str) -> datetime:
    """A China time as an instant."""
    return datetime.fromisoformat(f"{text}+08:00")


# -- the desk that reviews --------------------------------------------------------------------------------------------

REVIEW = "/api/v1/sync/review"
WHY = "电话核实过，门牌写错一位"


def waiting(caller: Caller, view: str = "waiting") -> list[dict[str, Any]]:
    """What a desk sees in one part of the queue."""
    answer = caller.get(REVIEW, query_string={"view": view})
    assert answer.status == 200, answer.body
    return answer.body["items"]


def decide(caller: Caller, item: dict[str, Any], verb: str, **body: Any) -> Answer:
    """Decide on an item as it was listed."""
    said = {"reason": WHY, "expected_version": item["version"], **body}
    return caller.post(f"{REVIEW}/{item['no']}/{verb}", said)


def one_waiting(caller: Caller, question: str) -> dict[str, Any]:
    """The only item that waits, which asks this."""
    (item,) = waiting(caller)
    assert item["question"] == question
    return item


def events_of(work: Work, subject_id: str) -> list[tuple[str, dict[str, Any]]]:
    """Act and data of what happened to a thing."""
    with work() as session:
        rows = session.query(Event).filter_by(subject_id=subject_id).order_by(Event.at, Event.no)
        return [(event.act, orjson.loads(event.data)) for event in rows]
