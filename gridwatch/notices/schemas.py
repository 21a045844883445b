"""The shape of notices on the wire. Instants are RFC 3339 in UTC, days are local days in China."""

from __future__ import annotations

from typing import Any

from marshmallow import fields, validate

from gridwatch.notices import outbox
from gridwatch.notices.channels import CHANNELS
from gridwatch.web import paging
from gridwatch.web.api import Input, Moment, Output
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
        required=True,
        metadata={
            "description": "Id of the duty, or of the event, that it speaks of; of a digest `digest:` and the day."
        },
    )
    stage = fields.String(
        required=True, metadata={"description": "W2, W0, B1, B5 …, H0, H2 …, MOVED, DIGEST, or the step of a lead."}
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


WANTS = (outbox.WANTS_DIGEST, outbox.WANTS_EVERY)
_WANTS_SAYS = "digest: one message each morning, and what cannot wait; every: each notice as it leaves."


class ContactIn(Input):
    """An address on a channel: a WeCom member id, a mobile number of mainland China, or an e-mail address."""

    address = fields.String(required=True, validate=validate.Length(1, 254))
    wants = fields.String(
        load_default=outbox.WANTS_DIGEST, validate=validate.OneOf(WANTS), metadata={"description": _WANTS_SAYS}
    )


class ContactOut(Output):
    """One contact of the caller."""

    channel = fields.String(required=True)
    address = fields.String(required=True)
    wants = fields.String(required=True, metadata={"description": _WANTS_SAYS})
    changed_at = Moment(required=True)


class ChannelOut(Output):
    """One channel. Nothing leaves over one that is not switched on."""

    channel = fields.String(required=True)
    name = fields.Nested(TextOut, required=True)
    on = fields.Boolean(required=True)


class ContactsOut(Output):
    """The caller's contacts, and the channels that there are."""

    items = fields.List(fields.Nested(ContactOut), required=True)
    channels = fields.List(fields.Nested(ChannelOut), required=True)


class DeliveryPageIn(NoticePageIn):
    """Which deliveries, and which page."""

    state = fields.String(validate=validate.OneOf(outbox.STATES))
    channel = fields.String(validate=validate.OneOf(sorted(CHANNELS)))
    recipient_id = fields.String(validate=validate.Regexp(r"[0-9A-Za-z-]{1,36}\Z"))
    notice_id = fields.String(validate=validate.Regexp(r"[0-9A-Za-z-]{1,36}\Z"))


class DeliveryOut(Output):
    """One notice on its way over one channel, and what came of it."""

    id = fields.String(required=True, metadata={"description": "The key that the provider was given."})
    notice_id = fields.String(required=True)
    recipient_id = fields.String(required=True)
    channel = fields.String(required=True)
    sort = fields.String(required=True, metadata={"description": "digest, urgent or notice."})
    address = fields.String(required=True, attribute="masked", metadata={"description": "Masked: 138****5678."})
    state = fields.String(
        required=True, metadata={"description": "queued, failed (to be tried again), sent or given_up."}
    )
    attempts = fields.Integer(required=True)
    queued_at = Moment(required=True)
    next_at = Moment(required=True, metadata={"description": "When it is tried next, where it still is."})
    ended_at = Moment(required=True, allow_none=True)
    error = fields.String(
        required=True,
        allow_none=True,
        metadata={"description": "Code of the newest failure, such as timeout, redirected, http_503, too_late."},
    )
    provider_id = fields.String(required=True, allow_none=True)


class DeliveryPageOut(Output):
    """A page of deliveries, newest first."""

    items = fields.List(fields.Nested(DeliveryOut), required=True)
    next_cursor = fields.String(required=True, allow_none=True)


def notice_json(notice: Any) -> dict[str, Any]:
    """A Notice row as NoticeOut takes it."""
    plain = {
        name: getattr(notice, name)
        for name in ("id", "about", "stage", "kind", "lead_id", "due_on", "provisional", "skipped")
    }
    instants = {name: rfc3339(getattr(notice, name)) for name in ("written_at", "send_after", "sent_at", "read_at")}
    return {**plain, **instants, "text": {"zh": notice.text_zh, "en": notice.text_en}}
