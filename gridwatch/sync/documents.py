"""The `outcome` document: one per item of a user, in the scope `user:<id>`, saying how the item stands now."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

import orjson
from sqlalchemy import select
from sqlalchemy.orm import Session

from gridwatch.db import feed
from gridwatch.db.feed import Document
from gridwatch.files.queries import Attachments, attachments
from gridwatch.sync import words
from gridwatch.sync.checking import named_hashes
from gridwatch.sync.models import Item
from gridwatch.sync.queries import Known
from gridwatch.web.clock import rfc3339


def outcomes(session: Session, items: list[Item]) -> Iterable[Document]:
    """One document an item. A second content under the same id has none: the first one names it in `facts.also`."""
    own = {item.id: named_hashes(orjson.loads(item.raw)) for item in items if item.kind == "lead.report"}
    files = attachments(session, {item.id for item in items}, own)
    for item in items:
        if not item.reused:
            scopes = frozenset({f"user:{item.user_id}"} if item.shown else ())
            yield Document("outcome", item.id, item.rev, scopes, _outcome(item, files[item.id]))


def show_again(session: Session, item_ids: Collection[str]) -> None:
    """Have the documents of these items rendered again: a file of theirs has come. Ids that are no items' are none of ours."""
    items = select(Item).where(Item.id.in_(item_ids), Item.reused.is_(False)).order_by(Item.id).with_for_update()
    for item in session.scalars(items, execution_options={"populate_existing": True}):
        feed.touch(item)


def _outcome(item: Item, files: Attachments) -> dict[str, Any]:
    return {
        "item_kind": item.kind,
        "device_id": item.device_id,
        "device_no": item.device_no,
        "task_id": item.task_id,
        "captured_at": rfc3339(item.captured_at),
        "outcome": item.outcome,
        "code": item.code,
        "message": words.message(item.outcome, item.code, item.facts),
        "facts": item.facts,
        "receipt": receipt(item),
        "became": item.became,
        "result_rev": item.result_rev,
        "attachments": files.as_json(),
    }


def refusal(
    item_id: str,
    user_id: str,
    code: str,
    facts: dict[str, Any],
    *,
    item_kind: str,
    device_id: str | None,
    device_no: int | None,
) -> Document:
    """The document of an item that was rejected: nothing of it is stored, so there is no receipt, and its rev stays 0."""
    body = {
        "item_kind": item_kind,
        "device_id": device_id,
        "device_no": device_no,
        "task_id": None,
        "captured_at": None,
        "outcome": words.REJECTED,
        "code": code,
        "message": words.message(words.REJECTED, code, facts),
        "facts": facts,
        "receipt": None,
        "became": None,
        "result_rev": None,
        "attachments": Attachments().as_json(),
    }
    return Document("outcome", item_id, 0, frozenset({f"user:{user_id}"}), body)


def receipt(item: Item | Known) -> dict[str, Any]:
    """The server's durable word that it holds the item."""
    return {"id": item.id, "item_sha256": item.sha256, "received_at": rfc3339(item.received_at), "no": item.no}


RENDERERS = {Item: outcomes}
