"""What phones sent, raw, and what became of it; snapshots; heartbeats; the epoch."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Boolean, ForeignKey, Index, Integer, LargeBinary, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from gridwatch.db.base import Base, Id, Instant, Json
from gridwatch.db.feed import Fed

Serial = BigInteger().with_variant(Integer, "sqlite")  # SQLite numbers only INTEGER keys by itself


class Item(Fed, Base):
    """One pushed item as it came, and its outcome. Root of the document kind `outcome`.

    `raw` is the item's own JSON text. Same id with other content is a second row with `reused = true`; `no` is the number
    on the receipt, unique for ever. `first_outcome` and `first_code` are what the first answer said; `outcome` and `code`
    are how it stands now. `in_order`: its device number and its corrected time agree with the numbers around it.
    `shown` ends when its document is aged out of the user's scope.
    """

    __tablename__ = "sync_item"
    no: Mapped[int] = mapped_column(Serial, primary_key=True, autoincrement=True)
    id: Mapped[str] = mapped_column(Id, nullable=False)
    reused: Mapped[bool] = mapped_column(Boolean, nullable=False, default=False)
    sha256: Mapped[str] = mapped_column(String(64), nullable=False)
    user_id: Mapped[str] = mapped_column(Id, nullable=False)
    device_id: Mapped[str] = mapped_column(Id, nullable=False)
    device_no: Mapped[int | None] = mapped_column(BigInteger)
    kind: Mapped[str] = mapped_column(String(32), nullable=False)
    task_id: Mapped[str | None] = mapped_column(Id)
    scope: Mapped[str | None] = mapped_column(String(64))
    scope_token: Mapped[str | None] = mapped_column(String(80))
    item_version: Mapped[str | None] = mapped_column(String(80))
    captured_at: Mapped[datetime | None] = mapped_column(Instant)
    corrected_at: Mapped[datetime | None] = mapped_column(Instant)
    uncertainty_s: Mapped[int | None] = mapped_column(Integer)
    in_order: Mapped[bool] = mapped_column(Boolean, nullable=False, default=True)
    received_at: Mapped[datetime] = mapped_column(Instant, nullable=False)
    raw: Mapped[str] = mapped_column(Text, nullable=False)
    outcome: Mapped[str] = mapped_column(String(12), nullable=False)
    code: Mapped[str | None] = mapped_column(String(32))
    first_outcome: Mapped[str] = mapped_column(String(12), nullable=False)
    first_code: Mapped[str | None] = mapped_column(String(32))
    facts: Mapped[Any] = mapped_column(Json, nullable=False)
    result_rev: Mapped[int | None] = mapped_column(Integer)
    waits_for: Mapped[list[str]] = mapped_column(Json, nullable=False)
    became: Mapped[Any | None] = mapped_column(Json)
    shown: Mapped[bool] = mapped_column(Boolean, nullable=False, default=True)
    __table_args__ = (
        Index("uq_sync_item_content", "id", "sha256", unique=True),
        # Of two contents under one id that come at once, only one can be the first.
        Index(
            "uq_sync_item_first",
            "id",
            unique=True,
            postgresql_where=text("NOT reused"),
            sqlite_where=text("NOT reused"),
        ),
        Index("ix_sync_item_device", "device_id", "user_id", "device_no"),
        Index("ix_sync_item_outcome", "outcome", "received_at"),
        Index("ix_sync_item_shown", "shown", "received_at"),
        {"sqlite_autoincrement": True},
    )


class ReviewDecision(Base):
    """What a person decided about an item that waited for one, with the reason; never edited.

    `act` is applied, refused, in_time or late. `repairs` are the members that took the place of those of the item, whose own
    text stays as it came; `outcome` and `code` say what the decision led to, `made` is the id of the thing that it made.
    """

    __tablename__ = "review_decision"
    id: Mapped[str] = mapped_column(Id, primary_key=True)
    item_no: Mapped[int] = mapped_column(Serial, ForeignKey("sync_item.no"), nullable=False, index=True)
    act: Mapped[str] = mapped_column(String(12), nullable=False)
    reason: Mapped[str] = mapped_column(Text, nullable=False)
    repairs: Mapped[Any] = mapped_column(Json, nullable=False)
    by_user: Mapped[str] = mapped_column(Id, nullable=False)
    at: Mapped[datetime] = mapped_column(Instant, nullable=False)
    outcome: Mapped[str] = mapped_column(String(12), nullable=False)
    code: Mapped[str | None] = mapped_column(String(32))
    made: Mapped[str | None] = mapped_column(Id)


class RefusedNumber(Base):
    """A device number whose item was rejected and so not stored: the gap ledger notes it as refused, not as lost."""

    __tablename__ = "refused_number"
    device_id: Mapped[str] = mapped_column(Id, primary_key=True)
    user_id: Mapped[str] = mapped_column(Id, primary_key=True)
    device_no: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    code: Mapped[str] = mapped_column(String(32), nullable=False)
    at: Mapped[datetime] = mapped_column(Instant, nullable=False)


class RefusedItem(Base):
    """An item that was rejected and so not stored, for as long as its `outcome` document stands (rev 0, whatever was stored later
    under its id begins at 1). Only the first refusal of an id counts.
    """

    __tablename__ = "refused_item"
    id: Mapped[str] = mapped_column(Id, primary_key=True)
    user_id: Mapped[str] = mapped_column(Id, nullable=False)
    code: Mapped[str] = mapped_column(String(32), nullable=False)
    at: Mapped[datetime] = mapped_column(Instant, nullable=False, index=True)


class Forgotten(Base):
    """A document that left a scope so long ago that its `leave` was purged from the feed.

    A phone that comes after that gets a snapshot, and lets go by set difference. A client that only takes documents must be told
    of each one by name.
    """

    __tablename__ = "feed_forgotten"
    scope: Mapped[str] = mapped_column(String(64), primary_key=True)
    kind: Mapped[str] = mapped_column(String(16), primary_key=True)
    doc_id: Mapped[str] = mapped_column(String(64), primary_key=True)


class Snapshot(Base):
    """A build of a whole scope at one counter for one schema; served to all who ask, page by page.

    `body` is its changes in rising seq, as zstd frames of `snapshots.BLOCK` changes each, one after the other; `blocks` is the
    length of each frame in bytes, so that a page is cut out without unpacking the rest.
    """

    __tablename__ = "feed_snapshot"
    id: Mapped[str] = mapped_column(String(16), primary_key=True)
    scope: Mapped[str] = mapped_column(String(64), nullable=False)
    seq: Mapped[int] = mapped_column(BigInteger, nullable=False)
    schema: Mapped[int] = mapped_column(Integer, nullable=False)
    epoch: Mapped[str] = mapped_column(String(8), nullable=False)
    docs: Mapped[int] = mapped_column(Integer, nullable=False)
    digest: Mapped[int] = mapped_column(BigInteger, nullable=False)
    built_at: Mapped[datetime] = mapped_column(Instant, nullable=False, index=True)
    blocks: Mapped[list[int]] = mapped_column(Json, nullable=False)
    body: Mapped[bytes] = mapped_column(LargeBinary, nullable=False)
    __table_args__ = (Index("uq_feed_snapshot_scope_seq", "epoch", "scope", "seq", "schema", unique=True),)


class Heartbeat(Base):
    """The last word of a device about itself."""

    __tablename__ = "heartbeat"
    device_id: Mapped[str] = mapped_column(Id, primary_key=True)
    user_id: Mapped[str] = mapped_column(Id, primary_key=True)
    at: Mapped[datetime] = mapped_column(Instant, nullable=False)
    said: Mapped[Any] = mapped_column(Json, nullable=False)


class ServerState(Base):
    """One row: the epoch of this database. A restore from a backup raises it, so that phones offer again what they hold."""

    __tablename__ = "server_state"
    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    epoch: Mapped[str] = mapped_column(String(8), nullable=False)
