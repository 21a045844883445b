"""What people are told. A row is written once for (obligation, stage, recipient, channel); its words never change."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import Boolean, Date, Index, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from gridwatch.db.base import Base, Id, Instant
from gridwatch.db.feed import Fed

UNSENT = text("sent_at IS NULL AND skipped IS NULL")


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
