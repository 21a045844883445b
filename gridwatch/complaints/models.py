"""Complaints, the contacts of complainants, ratings, and how often the public pages were used."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index, Integer, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from gridwatch.db.base import Base, Id, Instant


class Complaint(Base):
    """What somebody complained of (投诉). `state` is a key of STATES; a decision is made once.

    `receipt` is what the complainant asks with; `form_id` is the form that it came by, so that a form sent twice makes one.
    Who complained stands in `complaint_contact` alone (R32, I9): no list, log or export that reads this table can tell.
    """

    __tablename__ = "complaint"
    id: Mapped[str] = mapped_column(Id, primary_key=True)
    receipt: Mapped[str] = mapped_column(String(14), nullable=False, unique=True)
    form_id: Mapped[str | None] = mapped_column(Id, unique=True)
    source: Mapped[str] = mapped_column(String(8), nullable=False)
    source_no: Mapped[str | None] = mapped_column(String(40))
    state: Mapped[str] = mapped_column(String(10), nullable=False, default="received")
    text: Mapped[str] = mapped_column(Text, nullable=False)
    stars: Mapped[int | None] = mapped_column(Integer)  # of the bad rating that opened it
    tag_code: Mapped[str | None] = mapped_column(ForeignKey("tag.code"))
    address_code: Mapped[str | None] = mapped_column(ForeignKey("address.code"))
    address_text: Mapped[str] = mapped_column(String(300), nullable=False)
    entity_id: Mapped[str | None] = mapped_column(ForeignKey("entity.id"), index=True)
    area_path: Mapped[str] = mapped_column(String(64), nullable=False)
    received_at: Mapped[datetime] = mapped_column(Instant, nullable=False)
    received_by: Mapped[str | None] = mapped_column(Id)  # the clerk who entered it
    decided_at: Mapped[datetime | None] = mapped_column(Instant)
    decided_by: Mapped[str | None] = mapped_column(Id)
    answer: Mapped[str | None] = mapped_column(Text)  # to the complainant: the answer, or why it is not taken up
    task_id: Mapped[str | None] = mapped_column(ForeignKey("task.id"))
    lead_id: Mapped[str | None] = mapped_column(ForeignKey("lead.id"))
    __table_args__ = (
        Index("ix_complaint_desk", "state", "area_path", "id"),
        Index("uq_complaint_source", "source", "source_no", unique=True),
    )


class ComplaintContact(Base):
    """How a complainant can be reached. Read by the intake clerk alone, one at a time, with a reason that is logged (S9)."""

    __tablename__ = "complaint_contact"
    complaint_id: Mapped[str] = mapped_column(ForeignKey("complaint.id"), primary_key=True)
    contact: Mapped[str] = mapped_column(String(100), nullable=False)


class Rating(Base):
    """One rating (好差评) of a place, 1 to 5, without anybody's name; a bad one with a contact has opened a complaint."""

    __tablename__ = "rating"
    id: Mapped[str] = mapped_column(Id, primary_key=True)
    form_id: Mapped[str] = mapped_column(Id, nullable=False, unique=True)
    stars: Mapped[int] = mapped_column(Integer, nullable=False)
    text: Mapped[str] = mapped_column(Text, nullable=False, default="")
    tag_code: Mapped[str] = mapped_column(ForeignKey("tag.code"), nullable=False)
    address_code: Mapped[str] = mapped_column(ForeignKey("address.code"), nullable=False)
    entity_id: Mapped[str | None] = mapped_column(ForeignKey("entity.id"))
    area_path: Mapped[str] = mapped_column(String(64), nullable=False)
    rated_at: Mapped[datetime] = mapped_column(Instant, nullable=False)
    complaint_id: Mapped[str | None] = mapped_column(ForeignKey("complaint.id"))
    __table_args__ = (Index("ix_rating_area", "area_path", "id"),)


class PublicUse(Base):
    """How often something was done in a window of time; `subject` is a tag, or the hash of a network address of one day."""

    __tablename__ = "public_use"
    subject: Mapped[str] = mapped_column(String(60), primary_key=True)
    since: Mapped[datetime] = mapped_column(Instant, primary_key=True)
    used: Mapped[int] = mapped_column(Integer, nullable=False)
