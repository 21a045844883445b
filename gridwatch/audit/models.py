"""The event log: append-only rows in hash chains, one chain per area, and the head of each chain."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Index, Integer, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from gridwatch.db.base import Base, Id, Instant, Json


class Event(Base):
    """One thing that happened. `hash` covers every other column and the hash before it; nothing here is ever updated.

    `data` is kept as the exact text that was hashed.
    """

    __tablename__ = "event"
    chain: Mapped[str] = mapped_column(String(20), primary_key=True)
    no: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    at: Mapped[datetime] = mapped_column(Instant, nullable=False)
    actor_id: Mapped[str] = mapped_column(Id, nullable=False)
    act: Mapped[str] = mapped_column(String(40), nullable=False)
    subject_kind: Mapped[str] = mapped_column(String(20), nullable=False)
    subject_id: Mapped[str] = mapped_column(String(64), nullable=False)
    version: Mapped[int | None] = mapped_column(Integer)
    data: Mapped[str] = mapped_column(Text, nullable=False)
    previous: Mapped[str] = mapped_column(String(64), nullable=False)
    hash: Mapped[str] = mapped_column(String(64), nullable=False)
    __table_args__ = (Index("ix_event_subject", "subject_id", "subject_kind", "at"),)


class EventChain(Base):
    """The head of a chain: how many events it has and the hash of the last one."""

    __tablename__ = "event_chain"
    chain: Mapped[str] = mapped_column(String(20), primary_key=True)
    length: Mapped[int] = mapped_column(BigInteger, nullable=False)
    head: Mapped[str] = mapped_column(String(64), nullable=False)


class Denial(Base):
    """A denied attempt that is worth keeping: a known person, a forbidden step. Written in a transaction of its own."""

    __tablename__ = "denial"
    id: Mapped[str] = mapped_column(Id, primary_key=True)
    at: Mapped[datetime] = mapped_column(Instant, nullable=False, index=True)
    actor_id: Mapped[str | None] = mapped_column(Id)
    code: Mapped[str] = mapped_column(String(40), nullable=False)
    method: Mapped[str] = mapped_column(String(8), nullable=False)
    path: Mapped[str] = mapped_column(String(200), nullable=False)
    facts: Mapped[Any] = mapped_column(Json, nullable=False)
