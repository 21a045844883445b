"""Inspection items 入格事项 and their published versions."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import Date, ForeignKey, Integer, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from gridwatch.db.base import Base, Id, Instant, Json


class InspectionItem(Base):
    """One item: the row that is locked while a version of it is published or withdrawn, so that versions come one by one."""

    __tablename__ = "item"
    code: Mapped[str] = mapped_column(String(5), primary_key=True)
    first_published_at: Mapped[datetime] = mapped_column(Instant, nullable=False)


class ItemVersion(Base):
    """One version, immutable once published. `document` is the item as in docs/items.md, `sha256` the hash of its content.

    `effective_on` is the local day from which it is asked. It may be withdrawn until that day comes, never after. `reason` says
    why it was published; it is needed where the burden grows past a limit.
    """

    __tablename__ = "item_version"
    code: Mapped[str] = mapped_column(ForeignKey("item.code"), primary_key=True)
    version: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    document: Mapped[dict[str, Any]] = mapped_column(Json, nullable=False)
    sha256: Mapped[str] = mapped_column(String(64), nullable=False)
    effective_on: Mapped[date] = mapped_column(Date, nullable=False)
    reason: Mapped[str] = mapped_column(Text, nullable=False)
    published_by: Mapped[str] = mapped_column(Id, nullable=False)
    published_at: Mapped[datetime] = mapped_column(Instant, nullable=False)
    withdrawn_at: Mapped[datetime | None] = mapped_column(Instant)
    withdrawn_by: Mapped[str | None] = mapped_column(Id)
    withdrawn_because: Mapped[str | None] = mapped_column(Text)
