"""After an upgrade that says something in another way: only the documents that read differently now go to phones again.

Documents are rendered when they change and kept as text, so a new program still serves what the old one wrote. This holds every
document against its renderer. A difference raises the document's rev like any other change, and a phone gets it by its next
delta; whatever reads as before is not sent, and no snapshot is built anew.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from flask import current_app
from sqlalchemy import inspect, select
from sqlalchemy.orm import Session

from gridwatch.db import feed
from gridwatch.db.feed import Document, FeedRow, Renderer
from gridwatch.db.session import transaction

A_BATCH = 200  # root rows that are locked, and scopes that are raised, in one transaction


class Done(NamedTuple):
    """How many root rows of a table were held against their renderer, and how many documents' roots changed."""

    table: str
    looked_at: int
    changed: int


def rerender_all() -> Iterator[Done]:
    """Go through every root row of every kind, a transaction for each batch; can be stopped and begun again at any time."""
    renderers: dict[type, Renderer] = current_app.extensions["gridwatch.feed"]
    for model in sorted(renderers, key=lambda model: model.__name__):
        looked_at = changed = 0
        last = None
        while True:
            with transaction() as session:
                roots = _roots(session, model, last)
                changed += _touch_what_differs(session, renderers[model], roots)
                last = _key(roots[-1]) if roots else last
            looked_at += len(roots)
            if len(roots) < A_BATCH:
                break
        yield Done(model.__tablename__, looked_at, changed)  # type: ignore[attr-defined]


def _roots(session: Session, model: type, after: Any) -> list[Any]:
    (key,) = inspect(model).primary_key
    further = () if after is None else (key > after,)
    return list(session.scalars(select(model).where(*further).order_by(key).limit(A_BATCH).with_for_update()))


def _key(root: Any) -> Any:
    (value,) = inspect(root).identity
    return value


def _touch_what_differs(session: Session, render: Renderer, roots: list[Any]) -> int:
    """Touch the roots whose documents are not in the feed as they would be rendered now; returns how many.

    A renderer says for many roots at once which documents they have, but not whose is which. Mostly all of them are as they were.
    """
    if len(roots) > 1:
        if not _differ(session, render(session, roots)):
            return 0
        return sum(_touch_what_differs(session, render, [root]) for root in roots)
    for root in roots:
        if not _differ(session, render(session, [root])):
            return 0
        feed.touch(root)
    return len(roots)


def _differ(session: Session, documents: Iterable[Document]) -> bool:
    documents = list(documents)
    held = _held(session, documents)
    return any(_texts(one) != held[one.kind, one.id] for one in documents)


def _texts(document: Document) -> dict[str, str]:
    text = feed.text_of(document)
    return dict.fromkeys(document.scopes, text)


def _held(session: Session, documents: Iterable[Document]) -> dict[tuple[str, str], dict[str, str]]:
    """What each scope holds of these documents, as text."""
    wanted = {document.id for document in documents}
    rows = select(FeedRow.kind, FeedRow.doc_id, FeedRow.scope, FeedRow.doc)
    held: dict[tuple[str, str], dict[str, str]] = defaultdict(dict)
    for kind, doc_id, scope, text in session.execute(rows.where(FeedRow.doc_id.in_(wanted), FeedRow.op == "put")):
        held[kind, doc_id][scope] = text
    return held
