"""Uploads, and which hash is named as evidence by what. The bytes themselves are in the store (stores.py)."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Boolean, Index, Integer, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from gridwatch.db.base import Base, Id, Instant

_OPEN = text("finished_at IS NULL")
_PASSING = text("expires_at IS NOT NULL")


class Upload(Base):
    """One upload of one person. While it is finished, it says that the person and the area hold these bytes.

    `sha256`, `size` and `item_id` are what its creator announced; a finished upload was found to be just that. Its offset
    is not kept here: it is the number of bytes in the store. `again`: the area held the bytes when it was created, so none
    were asked for. `told` is the Upload-Metadata as sent. `media_type` is found by looking at the bytes, never believed.
    `expires_at` is the end of an unfinished upload, and the day on which somebody looks whether a finished one was ever
    named by an item; NULL once it was.
    """

    __tablename__ = "upload"
    id: Mapped[str] = mapped_column(Id, primary_key=True)
    user_id: Mapped[str] = mapped_column(Id, nullable=False)
    device_id: Mapped[str | None] = mapped_column(Id)
    area_path: Mapped[str] = mapped_column(String(64), nullable=False)
    sha256: Mapped[str] = mapped_column(String(64), nullable=False)
    size: Mapped[int] = mapped_column(Integer, nullable=False)
    item_id: Mapped[str | None] = mapped_column(Id)
    told: Mapped[str] = mapped_column(Text, nullable=False)
    media_type: Mapped[str | None] = mapped_column(String(40))
    again: Mapped[bool] = mapped_column(Boolean, nullable=False, default=False)
    created_at: Mapped[datetime] = mapped_column(Instant, nullable=False)
    finished_at: Mapped[datetime | None] = mapped_column(Instant)
    expires_at: Mapped[datetime | None] = mapped_column(Instant)
    __table_args__ = (
        Index("ix_upload_sha256", "sha256"),
        Index("ix_upload_item", "item_id"),
        Index("ix_upload_open", "user_id", postgresql_where=_OPEN, sqlite_where=_OPEN),
        Index("ix_upload_passing", "expires_at", "id", postgresql_where=_PASSING, sqlite_where=_PASSING),
    )


class Evidence(Base):
    """A hash that something names as evidence: an item that was pushed (a visit or a lead of the same id), or a lead.

    `user_id` and `area_path` are of the one who named it: he or his area must hold the bytes for the evidence to be here.
    """

    __tablename__ = "evidence"
    subject_id: Mapped[str] = mapped_column(Id, primary_key=True)
    sha256: Mapped[str] = mapped_column(String(64), primary_key=True)
    required: Mapped[bool] = mapped_column(Boolean, nullable=False)
    user_id: Mapped[str] = mapped_column(Id, nullable=False)
    area_path: Mapped[str] = mapped_column(String(64), nullable=False)
    named_at: Mapped[datetime] = mapped_column(Instant, nullable=False)
    __table_args__ = (Index("ix_evidence_sha256", "sha256"),)
