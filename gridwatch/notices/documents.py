"""The feed document `notice`: what a phone shows of a notice that has left, in its recipient's own scope."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy.orm import Session

from gridwatch.db.feed import Document
from gridwatch.notices.models import Notice
from gridwatch.web.clock import rfc3339

_COLUMNS = tuple(Notice.__table__.columns.keys())


def document(row: Mapping[str, Any], *, fresh: bool = False) -> Document:
    """The document of a row, given as column → value. One that has not left, or never will, is in nobody's scope."""
    scopes = frozenset({f"user:{row['recipient_id']}"}) if row["sent_at"] is not None else frozenset()
    body = {
        "about": row["about"], "stage": row["stage"], "about_kind": row["kind"], "lead_id": row["lead_id"],
        "text": {"zh": row["text_zh"], "en": row["text_en"]},
        "due_on": row["due_on"].isoformat() if row["due_on"] else None, "provisional": row["provisional"],
        "written_at": rfc3339(row["written_at"]), "sent_at": rfc3339(row["sent_at"]),
        "read_at": rfc3339(row["read_at"]),
    }  # fmt: skip
    return Document("notice", row["id"], row["rev"], scopes, body, fresh)


def _render(session: Session, notices: list[Notice]) -> Iterable[Document]:
    for notice in notices:
        yield document({name: getattr(notice, name) for name in _COLUMNS})


RENDERERS = {Notice: _render}
