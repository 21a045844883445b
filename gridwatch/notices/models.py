"""What people are told, where else they want to hear of it, and what became of that.

A notice is written once for (obligation, stage, recipient, channel); its words never change. In the app it has left when
`sent_at` is set. Every other channel has a row of its own in the outbox, `delivery`, for which the app never waits.
"""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import Boolean, Date, ForeignKey, Index, Integer, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from gridwatch.db.base import Base, Id, Instant
from gridwatch.db.feed import Fed

UNSENT = text("sent_at IS NULL AND skipped IS NULL")
OPEN = text("state IN ('queued', 'failed')")


class Notice(Fed, Base):
    """One notice to one person. Root of the document kind `notice`. `skipped` = recorded, not sent, and why.

    `about` is the obligation (or, for steps of a lead, the event) that it speaks of.
    """

    __tablename__ = "notice"
    id: Mapped[str] = mapped_column(Id, primary_key=True)
    about: Mapped[str] = mapped_column(Id, nullable=False)
    stage: Mapped[str] = mapped_column(String(8), nullable=False)
    recipient_id: Mapped[str] = mapped_column(Id, nullable=False)
    channel: Mapped[str] = mapped_column(String(10), nullable=False)
    lead_id: Mapped[str | None] = mapped_column(Id, index=True)
    kind: Mapped[str] = mapped_column(String(20), nullable=False)
    text_zh: Mapped[str] = mapped_column(String(300), nullable=False)
    text_en: Mapped[str] = mapped_column(String(300), nullable=False)
    due_on: Mapped[date | None] = mapped_column(Date)
    provisional: Mapped[bool] = mapped_column(Boolean, nullable=False, default=False)
    written_at: Mapped[datetime] = mapped_column(Instant, nullable=False)
    send_after: Mapped[datetime] = mapped_column(Instant, nullable=False)
    sent_at: Mapped[datetime | None] = mapped_column(Instant)
    skipped: Mapped[str | None] = mapped_column(String(20))
    read_at: Mapped[datetime | None] = mapped_column(Instant)
    __table_args__ = (
        UniqueConstraint("about", "stage", "recipient_id", "channel"),
        Index("ix_notice_recipient", "recipient_id", "id"),
        # Only what waits: the cost of a delivery must not grow with what was ever sent or skipped.
        Index("ix_notice_unsent", "send_after", "id", postgresql_where=UNSENT, sqlite_where=UNSENT),
    )


class Morning(Base):
    """A work day whose digests are out. Whoever inserts the row writes them, in the same transaction; so they are there once."""

    __tablename__ = "morning"
    on: Mapped[date] = mapped_column("on_day", Date, primary_key=True)
    at: Mapped[datetime] = mapped_column(Instant, nullable=False)


class Contact(Base):
    """Where a person wants to hear of notices beside the app: one address a channel, and of what.

    `wants` is digest (one message each morning, and what cannot wait) or every (each notice as it leaves).
    """

    __tablename__ = "contact"
    user_id: Mapped[str] = mapped_column(ForeignKey("user_account.id"), primary_key=True)
    channel: Mapped[str] = mapped_column(String(10), primary_key=True)
    address: Mapped[str] = mapped_column(String(254), nullable=False)
    wants: Mapped[str] = mapped_column(String(8), nullable=False)
    changed_at: Mapped[datetime] = mapped_column(Instant, nullable=False)


class Delivery(Base):
    """The outbox: one notice on its way over one channel, and afterwards the log of it.

    `sort` is digest, urgent or notice; `state` is queued, failed (tried, to be tried again), sent or given_up. `claim` is the
    worker that is at it until `claimed_until`. The address is masked: the real one is looked up when it is needed. `error` is
    the newest failure's code.
    """

    __tablename__ = "delivery"
    id: Mapped[str] = mapped_column(Id, primary_key=True)
    notice_id: Mapped[str] = mapped_column(ForeignKey("notice.id"), nullable=False)
    channel: Mapped[str] = mapped_column(String(10), nullable=False)
    recipient_id: Mapped[str] = mapped_column(ForeignKey("user_account.id"), nullable=False)
    sort: Mapped[str] = mapped_column(String(8), nullable=False)
    masked: Mapped[str] = mapped_column(String(254), nullable=False)
    state: Mapped[str] = mapped_column(String(8), nullable=False)
    attempts: Mapped[int] = mapped_column(Integer, nullable=False)
    queued_at: Mapped[datetime] = mapped_column(Instant, nullable=False)
    next_at: Mapped[datetime] = mapped_column(Instant, nullable=False)
    give_up_at: Mapped[datetime] = mapped_column(Instant, nullable=False)
    claim: Mapped[str | None] = mapped_column(Id)
    claimed_until: Mapped[datetime | None] = mapped_column(Instant)
    ended_at: Mapped[datetime | None] = mapped_column(Instant)
    error: Mapped[str | None] = mapped_column(String(40))
    provider_id: Mapped[str | None] = mapped_column(String(100))
    __table_args__ = (
        UniqueConstraint("notice_id", "channel"),
        Index("ix_delivery_recipient", "recipient_id", "id"),
        Index("ix_delivery_open", "channel", "next_at", "id", postgresql_where=OPEN, sqlite_where=OPEN),
    )
