"""QR tags of addresses, and the other names that an address goes by."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import Date, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from gridwatch.db.base import Base, Id, Instant


class Tag(Base):
    """A QR tag (二维码标识) of one address. `status` is issued, replaced or void; only an issued one is in use.

    The code says nothing of the address; what became of a tag stays on record, since it may stick on its door for years.
    """

    __tablename__ = "tag"
    code: Mapped[str] = mapped_column(String(18), primary_key=True)
    address_code: Mapped[str] = mapped_column(ForeignKey("address.code"), nullable=False)
    status: Mapped[str] = mapped_column(String(8), nullable=False, default="issued")
    issued_at: Mapped[datetime] = mapped_column(Instant, nullable=False)
    issued_by: Mapped[str] = mapped_column(Id, nullable=False)
    ended_at: Mapped[datetime | None] = mapped_column(Instant)
    ended_by: Mapped[str | None] = mapped_column(Id)
    replaced_by: Mapped[str | None] = mapped_column(String(18))
    void_reason: Mapped[str | None] = mapped_column(String(200))
    __table_args__ = (Index("ix_tag_address", "address_code", "status"),)


class ExternalCode(Base):
    """The code of a standard address in another register, as on door plates of others, between two days, both included.

    What people call an address is an AddressName of places.
    """

    __tablename__ = "external_code"
    id: Mapped[str] = mapped_column(Id, primary_key=True)
    external: Mapped[str] = mapped_column(String(80), nullable=False, index=True)
    address_code: Mapped[str] = mapped_column(ForeignKey("address.code"), nullable=False, index=True)
    valid_from: Mapped[date | None] = mapped_column(Date)
    valid_to: Mapped[date | None] = mapped_column(Date)
