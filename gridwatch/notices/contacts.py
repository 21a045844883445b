"""Where a person wants to hear of notices beside the app: set and taken back by nobody but herself."""

from __future__ import annotations

import re
from datetime import datetime

from sqlalchemy.orm import Session

from gridwatch.domain.errors import Refusal
from gridwatch.domain.permits import Actor
from gridwatch.notices.channels import CHANNELS
from gridwatch.notices.models import Contact

ADDRESS_MOST = 254


def put(session: Session, channel: str, address: str, wants: str, *, actor: Actor, now: datetime) -> Contact:
    """Set the actor's address on a channel, over the one before. What is queued goes to the address of the moment it is sent.

    A channel need not be switched on: nothing is queued for it until it is. Raises 404 `contact.channel_unknown`, 422
    `input.invalid`.
    """
    address = address.strip()
    if not _known(channel).fullmatch(address) or len(address) > ADDRESS_MOST:
        problem = "不是这个渠道的地址 / is no address of this channel"
        raise Refusal("input.invalid", fields=[{"path": "address", "problem": problem}])
    contact = session.get(Contact, (actor.id, channel))
    if contact is None:
        contact = Contact(user_id=actor.id, channel=channel)
        session.add(contact)
    contact.address, contact.wants, contact.changed_at = address, wants, now
    session.flush()
    return contact


def remove(session: Session, channel: str, *, actor: Actor) -> None:
    """Take back the actor's address on a channel; without one nothing happens. Raises 404 `contact.channel_unknown`."""
    _known(channel)
    contact = session.get(Contact, (actor.id, channel))
    if contact is not None:
        session.delete(contact)
        session.flush()


def _known(channel: str) -> re.Pattern[str]:
    if channel not in CHANNELS:
        raise Refusal("contact.channel_unknown", channels=sorted(CHANNELS))
    return CHANNELS[channel].address
