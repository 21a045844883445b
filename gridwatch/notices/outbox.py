"""The outbox of the other channels: what is to be sent is a row, one worker at a time has it, and the row says what came of it.

A row is made when its notice leaves in the app, in the same transaction. A worker claims it, commits, sends outside any
transaction, and notes the outcome. So a message leaves at least once: a worker that dies between sending and noting has sent
it and nobody knows. When its claim runs out the next worker sends again, with the same key (the row's id), by which a provider
can tell the two apart. Short of such a death nothing leaves twice, however many tickers run (promise P7).
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import Table, and_, or_, select, update
from sqlalchemy.orm import Session

from gridwatch.db.base import new_id
from gridwatch.db.engine import dialect_of
from gridwatch.domain.reminders import CLOSES
from gridwatch.domain.worktime import CHINA
from gridwatch.notices.channels import Letter, masked
from gridwatch.notices.models import OPEN, Contact, Delivery, Notice
from gridwatch.notices.outbound import Undelivered
from gridwatch.people.models import User

log = logging.getLogger(__name__)

QUEUED, FAILED, SENT, GIVEN_UP = "queued", "failed", "sent", "given_up"
STATES = (QUEUED, FAILED, SENT, GIVEN_UP)
WANTS_DIGEST, WANTS_EVERY = "digest", "every"
WAITS = tuple(timedelta(minutes=minutes) for minutes in (1, 5, 15, 60, 180))  # before the second attempt, the third …
LEASE = timedelta(minutes=10)  # longer than any attempt can take
URGENT_LIFE = timedelta(hours=24)
TOO_LATE, NO_CONTACT = "too_late", "no_contact"

_DELIVERY: Table = Delivery.__table__  # type: ignore[assignment]


class Leaving(NamedTuple):
    """A notice that leaves in the app just now; `sort` is digest, urgent or notice."""

    notice_id: str
    recipient_id: str
    sort: str


class Claimed(NamedTuple):
    """A row that this worker has, and the letter it is to send."""

    delivery_id: str
    claim: str
    letter: Letter


def queue(session: Session, leaving: Iterable[Leaving], channels: Collection[str], now: datetime) -> int:
    """Queue what leaves for those who want it on one of these channels; returns how many rows.

    The digest and what cannot wait go to everybody with a contact, other notices to those who want every one. Quiet hours
    hold here too (R13): a row is made inside the sending window and given up when the window closes, since the next morning's
    digest speaks of the matter again. Only a major hazard is tried for a day.
    """
    leaving = list(leaving)
    if not leaving or not channels:
        return 0
    people = {one.recipient_id for one in leaving}
    among = dialect_of(session).among
    contacts = session.execute(
        select(Contact.user_id, Contact.channel, Contact.address, Contact.wants)
        .join(User, User.id == Contact.user_id)
        .where(among(Contact.user_id, people), Contact.channel.in_(sorted(channels)), User.disabled_at.is_(None))
        .order_by(Contact.channel)
    ).all()
    closes = datetime.combine(now.astimezone(CHINA).date(), CLOSES, CHINA)
    rows = [
        {
            "id": new_id(), "notice_id": one.notice_id, "channel": contact.channel, "recipient_id": one.recipient_id, "sort": one.sort,
            "masked": masked(contact.address), "state": QUEUED, "attempts": 0, "queued_at": now, "next_at": now,
            "give_up_at": now + URGENT_LIFE if one.sort == "urgent" else closes,
        }
        for one in leaving
        for contact in contacts
        if contact.user_id == one.recipient_id and (one.sort != "notice" or contact.wants == WANTS_EVERY)
    ]  # fmt: skip
    return dialect_of(session).insert_missing(session.connection(), _DELIVERY, rows) if rows else 0


def claim(session: Session, channel: str, now: datetime) -> Claimed | None:
    """The next row of a channel for this worker, or None when there is none. The caller commits before it sends.

    Rows whose time is over, or whose recipient has no contact any more, are given up on the way.
    """
    free = or_(Delivery.claimed_until.is_(None), Delivery.claimed_until <= now)
    mine = and_(OPEN, Delivery.channel == channel, free)
    _give_up_late(session, mine, now)
    while True:
        row = session.scalars(
            select(Delivery)
            .where(mine, Delivery.next_at <= now)
            .order_by(Delivery.next_at, Delivery.id)
            .limit(1)
            .with_for_update(skip_locked=True)
        ).first()
        if row is None:
            return None
        contact = session.get(Contact, (row.recipient_id, channel))
        if contact is not None:
            break
        row.state, row.error, row.ended_at = GIVEN_UP, NO_CONTACT, now
        session.flush()
    notice = session.get_one(Notice, row.notice_id)
    row.attempts += 1
    row.claim, row.claimed_until = new_id(), now + LEASE
    row.masked = masked(contact.address)
    session.flush()
    letter = Letter(row.id, contact.address, row.sort, notice.text_zh, notice.text_en, row.queued_at)
    return Claimed(row.id, row.claim, letter)


def _give_up_late(session: Session, mine: Any, now: datetime) -> None:
    late = select(Delivery.id).where(mine, Delivery.give_up_at <= now).with_for_update(skip_locked=True)
    if ids := list(session.scalars(late)):
        ended = update(_DELIVERY).where(dialect_of(session).among(_DELIVERY.c.id, ids))
        session.connection().execute(ended.values(state=GIVEN_UP, error=TOO_LATE, ended_at=now, claim=None))


def note(session: Session, claimed: Claimed, outcome: str | Undelivered, now: datetime) -> str:
    """Write what came of an attempt: the provider's message id, or why not. Returns the new state.

    A worker that was so slow that its claim ran out and another took the row writes nothing.
    """
    row = session.get_one(Delivery, claimed.delivery_id, with_for_update=True, populate_existing=True)
    if row.claim != claimed.claim:
        log.warning("delivery %s was taken over by another worker", row.id)
        return row.state
    row.claim = row.claimed_until = None
    if isinstance(outcome, str):
        row.state, row.provider_id, row.error, row.ended_at = SENT, outcome[:100] or None, None, now
    else:
        row.error = outcome.code
        if outcome.final or row.attempts > len(WAITS):
            row.state, row.ended_at = GIVEN_UP, now
        else:
            row.state, row.next_at = FAILED, now + WAITS[row.attempts - 1]
    session.flush()
    return row.state
