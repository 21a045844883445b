"""One's own notices over HTTP, where else one wants to hear of them, and the log of what left there."""

from __future__ import annotations

from typing import Any

from flask import current_app

from gridwatch.db.base import db
from gridwatch.notices import contacts, queries, service
from gridwatch.notices.channels import CHANNELS, switched_on
from gridwatch.notices.schemas import (
    ContactIn,
    ContactOut,
    ContactsOut,
    DeliveryPageIn,
    DeliveryPageOut,
    NoticeOut,
    NoticePageIn,
    NoticePageOut,
    notice_json,
)
from gridwatch.web.api import Blueprint
from gridwatch.web.clock import now
from gridwatch.web.identity import current_actor, permit, writes

blueprint = Blueprint("notices", __name__, url_prefix="/api/v1", description="提醒 · notices")


@blueprint.get("/notices")
@blueprint.arguments(NoticePageIn, location="query")
@blueprint.response(200, NoticePageOut)
@permit("notice.read")
def list_notices(query: dict[str, Any]) -> dict[str, Any]:
    """The caller's notices, newest first, those that wait or were skipped included."""
    page = queries.page_of(db.session(), current_actor(), cursor=query.get("cursor"), limit=query["limit"])
    return {**page, "items": [notice_json(notice) for notice in page["items"]]}


@blueprint.post("/notices/<notice_id>/read")
@blueprint.response(200, NoticeOut)
@permit("notice.read", hidden="notice.not_found")
@writes
def read_notice(notice_id: str) -> dict[str, Any]:
    """Note that the caller has read a notice; again changes nothing. 404 `notice.not_found` for anybody else's."""
    return notice_json(service.mark_read(db.session(), notice_id, actor=current_actor(), now=now()))


@blueprint.get("/notices/deliveries")
@blueprint.arguments(DeliveryPageIn, location="query")
@blueprint.response(200, DeliveryPageOut)
@permit("delivery.read")
def list_deliveries(query: dict[str, Any]) -> dict[str, Any]:
    """What left over WeCom, SMS and e-mail and what did not, newest first: one's own, an administrator's whole area.

    Addresses are masked.
    """
    cursor, limit = query.pop("cursor", None), query.pop("limit")
    return queries.deliveries(db.session(), current_actor(), filters=query, cursor=cursor, limit=limit)


@blueprint.get("/contacts")
@blueprint.response(200, ContactsOut)
@permit("notice.read")
def list_contacts() -> dict[str, Any]:
    """Where the caller hears of notices beside the app, and which channels there are."""
    on = switched_on(current_app.config["GRIDWATCH"])
    channels = [
        {"channel": name, "name": {"zh": channel.name_zh, "en": channel.name_en}, "on": name in on}
        for name, channel in CHANNELS.items()
    ]
    return {"items": queries.contacts_of(db.session(), current_actor()), "channels": channels}


@blueprint.put("/contacts/<channel>")
@blueprint.arguments(ContactIn)
@blueprint.response(200, ContactOut)
@permit("notice.read", hidden="contact.channel_unknown")
@writes
def put_contact(contact: dict[str, Any], channel: str) -> Any:
    """Set the caller's address on a channel: wecom, sms or email. 404 `contact.channel_unknown` for another."""
    return contacts.put(db.session(), channel, contact["address"], contact["wants"], actor=current_actor(), now=now())


@blueprint.delete("/contacts/<channel>")
@blueprint.response(204)
@permit("notice.read", hidden="contact.channel_unknown")
@writes
def remove_contact(channel: str) -> None:
    """Take back the caller's address on a channel; again changes nothing."""
    contacts.remove(db.session(), channel, actor=current_actor())
