"""One's own notices, newest first. Reach needs no grant here: a notice is its recipient's and nobody else's."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from gridwatch.domain.permits import Actor
from gridwatch.notices.models import Notice
from gridwatch.web import paging


def page_of(session: Session, actor: Actor, *, cursor: str | None, limit: int) -> dict[str, Any]:
    """A page of the actor's notices, waiting and skipped ones too: {"items": [Notice], "next_cursor": text or None}.

    Raises 422 `input.cursor`.
    """
    limit = max(1, min(limit, paging.MOST))
    # Ids are UUIDv7: their order is the order of writing.
    statement = select(Notice).where(Notice.recipient_id == actor.id).order_by(Notice.id.desc())
    if cursor:
        statement = statement.where(Notice.id < paging.decode(cursor, 1)[0])
    rows = session.scalars(statement.limit(limit + 1)).all()
    return {"items": rows[:limit], "next_cursor": paging.encode([rows[limit - 1].id]) if len(rows) > limit else None}
