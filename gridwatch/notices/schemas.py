"""The shape of notices on the wire. Instants are RFC 3339 in UTC, days are local days in China."""

from __future__ import annotations

from typing import Any

from marshmallow import fields, validate

from gridwatch.web import paging
from gridwatch.web.api import Input, Output
from gridwatch.web.clock import rfc3339


class NoticePageIn(Input):
    """Which page."""

    cursor = fields.String(metadata={"description": "`next_cursor` of the page before; without it, the first page."})
    limit = fields.Integer(
        load_default=50, validate=validate.Range(min=1, max=paging.MOST), metadata={"description": "Notices a page."}
    )


class TextOut(Output):
    """The same sentence in both languages."""

    zh = fields.String(required=True)
    en = fields.String(required=True)


class NoticeOut(Output):
    """One notice to the caller. It has left when `sent_at` is set; `skipped` says why it never will."""

    id = fields.String(required=True)
    about = fields.String(
        required=True, metadata={"description": "Id of the duty, or of the event, that it speaks of."}
    )
    stage = fields.String(
        required=True, metadata={"description": "W2, W0, B1, B5 …, H0, H2 …, MOVED, or the step of a lead."}
    )
    kind = fields.String(required=True)
    lead_id = fields.String(required=True, allow_none=True)
    text = fields.Nested(TextOut, required=True)
    due_on = fields.Date(required=True, allow_none=True)
    provisional = fields.Boolean(
        required=True, metadata={"description": "暂定: the calendar of that year is not published."}
    )
    written_at = fields.String(required=True)
    send_after = fields.String(required=True)
    sent_at = fields.String(required=True, allow_none=True)
    skipped = fields.String(
        required=True,
        allow_none=True,
        metadata={"description": "ended, newer, late (an outage) or suspended; null when it leaves or has left."},
    )
    read_at = fields.String(required=True, allow_none=True)


class NoticePageOut(Output):
    """A page of notices, newest first."""

    items = fields.List(fields.Nested(NoticeOut), required=True)
    next_cursor = fields.String(required=True, allow_none=True)


def notice_json(notice: Any) -> dict[str, Any]:
    """A Notice row as NoticeOut takes it."""
    plain = {
        name: getattr(notice, name)
        for name in ("id", "about", "stage", "kind", "lead_id", "due_on", "provisional", "skipped")
    }
    instants = {name: rfc3339(getattr(notice, name)) for name in ("written_at", "send_after", "sent_at", "read_at")}
    return {**plain, **instants, "text": {"zh": notice.text_zh, "en": notice.text_en}}
