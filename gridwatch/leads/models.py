"""Leads (线索), the assignments to departments (移交单), and the clocks as immutable rows."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import Boolean, Date, Float, ForeignKey, Index, Integer, String, Text, false, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from gridwatch.db.base import Base, Id, Instant, Json
from gridwatch.db.feed import Fed


class Lead(Fed, Base):
    """One finding on its way to a solution. Root of the document kinds `lead` and `my_lead`; `rev` is its version.

    The row is a projection of its events (invariant I10). `id` is the item id of the report, made by the phone.
    """

    __tablename__ = "lead"
    id: Mapped[str] = mapped_column(Id, primary_key=True)
    no: Mapped[str] = mapped_column(String(24), nullable=False, unique=True)
    state: Mapped[str] = mapped_column(String(12), nullable=False)
    previous_state: Mapped[str | None] = mapped_column(String(12))
    level: Mapped[str | None] = mapped_column(String(6))
    category: Mapped[str] = mapped_column(String(4), nullable=False)
    title: Mapped[str] = mapped_column(String(120), nullable=False)
    description: Mapped[str] = mapped_column(Text, nullable=False, default="")
    entity_id: Mapped[str | None] = mapped_column(ForeignKey("entity.id"), index=True)
    address_text: Mapped[str] = mapped_column(String(300), nullable=False)
    lon: Mapped[float | None] = mapped_column(Float)
    lat: Mapped[float | None] = mapped_column(Float)
    grid_code: Mapped[str | None] = mapped_column(String(20), index=True)
    # The grid valid where and when it was found, if it lies with another one now (domain.md §4b, edge case (e)).
    found_in: Mapped[str | None] = mapped_column(String(20))
    community_code: Mapped[str | None] = mapped_column(ForeignKey("area.code"))
    street_code: Mapped[str] = mapped_column(ForeignKey("area.code"), nullable=False)
    area_path: Mapped[str] = mapped_column(String(64), nullable=False)
    source: Mapped[str] = mapped_column(String(12), nullable=False)
    reporter_id: Mapped[str] = mapped_column(Id, nullable=False, index=True)
    performed_at: Mapped[datetime | None] = mapped_column(Instant)
    reported_at: Mapped[datetime] = mapped_column(Instant, nullable=False)
    handler_id: Mapped[str | None] = mapped_column(Id)
    round: Mapped[int] = mapped_column(Integer, nullable=False, default=1)
    bounces: Mapped[int] = mapped_column(Integer, nullable=False, default=0)
    returns: Mapped[int] = mapped_column(Integer, nullable=False, default=0)  # approved in this round
    # Requests to return it, in this round (R18).
    requests: Mapped[int] = mapped_column(Integer, nullable=False, default=0, server_default="0")
    handlings: Mapped[int] = mapped_column(Integer, nullable=False, default=0)
    flags: Mapped[list[str]] = mapped_column(Json, nullable=False)  # major, joint, uncertain, needs_review, ruled …
    proposed_department: Mapped[str | None] = mapped_column(String(32))
    outcome: Mapped[str | None] = mapped_column(String(24))
    closed_at: Mapped[datetime | None] = mapped_column(Instant)
    evidence: Mapped[Any] = mapped_column(Json, nullable=False)
    master_id: Mapped[str | None] = mapped_column(Id, index=True)  # while it is merged (T06)
    merged_on: Mapped[date | None] = mapped_column(Date)
    # What was reported of it, merged leads included.
    reports: Mapped[int] = mapped_column(Integer, nullable=False, default=1, server_default="1")
    related: Mapped[list[str]] = mapped_column(Json, nullable=False, default=list, server_default="[]")
    assignments: Mapped[list[Assignment]] = relationship(
        lazy="selectin", order_by="(Assignment.pushed_at, Assignment.id)", back_populates="lead"
    )
    obligations: Mapped[list[Obligation]] = relationship(
        lazy="selectin", order_by="Obligation.id", back_populates="lead"
    )
    __table_args__ = (
        Index("ix_lead_area_state", "area_path", "state"),
        Index("ix_lead_state_no", "state", "no"),
        Index("ix_lead_point", "lon", "lat"),  # the leads in the frame of a map
    )


class Assignment(Base):
    """A lead with one department (移交单), lead or assist. Both its clocks run from `push_on`, the local day of the push."""

    __tablename__ = "assignment"
    id: Mapped[str] = mapped_column(Id, primary_key=True)
    lead_id: Mapped[str] = mapped_column(ForeignKey("lead.id"), nullable=False, index=True)
    round: Mapped[int] = mapped_column(Integer, nullable=False)
    department_code: Mapped[str] = mapped_column(ForeignKey("department.code"), nullable=False)
    role: Mapped[str] = mapped_column(String(6), nullable=False)
    state: Mapped[str] = mapped_column(String(14), nullable=False)
    previous_state: Mapped[str | None] = mapped_column(String(14))
    pushed_at: Mapped[datetime] = mapped_column(Instant, nullable=False)
    push_on: Mapped[date] = mapped_column(Date, nullable=False)
    officer_id: Mapped[str | None] = mapped_column(Id)
    intervened_on: Mapped[date | None] = mapped_column(Date)
    suspended_from: Mapped[date | None] = mapped_column(Date)
    outcome: Mapped[str | None] = mapped_column(String(24))
    copies: Mapped[list[str]] = mapped_column(Json, nullable=False, default=list)
    # Its newest request to return: number within the round, day, whether the street passed it on (R18).
    request_no: Mapped[int] = mapped_column(Integer, nullable=False, default=0, server_default="0")
    requested_on: Mapped[date | None] = mapped_column(Date)
    passed_on: Mapped[bool] = mapped_column(Boolean, nullable=False, default=False, server_default=false())
    ruled: Mapped[bool] = mapped_column(Boolean, nullable=False, default=False, server_default=false())
    # As lead_replay.hold_from reads them (T38).
    holds: Mapped[list[Any]] = mapped_column(Json, nullable=False, default=list, server_default="[]")
    # returned, withdrawn, waived, role_changed, escalated or merged.
    end_cause: Mapped[str | None] = mapped_column(String(16))
    duty: Mapped[str] = mapped_column(Text, nullable=False, default="")
    legal_basis: Mapped[str] = mapped_column(Text, nullable=False, default="")
    lead: Mapped[Lead] = relationship(back_populates="assignments")
    __table_args__ = (Index("ix_assignment_department", "department_code", "state", "lead_id"),)


class Obligation(Base):
    """One duty with a date: never edited (invariant I4). A change writes a superseding row; an end writes `ObligationEnd`.

    `anchor_on` and `days` are what the date was counted from; `k` numbers feedback windows.
    """

    __tablename__ = "obligation"
    id: Mapped[str] = mapped_column(Id, primary_key=True)
    lead_id: Mapped[str] = mapped_column(ForeignKey("lead.id"), nullable=False, index=True)
    assignment_id: Mapped[str | None] = mapped_column(ForeignKey("assignment.id"), index=True)
    kind: Mapped[str] = mapped_column(String(12), nullable=False)
    k: Mapped[int] = mapped_column(Integer, nullable=False, default=1)
    round: Mapped[int] = mapped_column(Integer, nullable=False, default=1)
    anchor_on: Mapped[date] = mapped_column(Date, nullable=False)
    days: Mapped[int] = mapped_column(Integer, nullable=False)
    due_on: Mapped[date] = mapped_column(Date, nullable=False)
    due_at: Mapped[datetime | None] = mapped_column(Instant)
    provisional: Mapped[bool] = mapped_column(Boolean, nullable=False)
    calendar_version: Mapped[int] = mapped_column(Integer, nullable=False)
    policy_version: Mapped[int] = mapped_column(Integer, nullable=False)
    created_at: Mapped[datetime] = mapped_column(Instant, nullable=False)
    cause: Mapped[str] = mapped_column(String(24), nullable=False)
    owner: Mapped[str | None] = mapped_column(String(12))  # where the kind may lie with several: RULING, REWORK (R8)
    supersedes: Mapped[str | None] = mapped_column(ForeignKey("obligation.id"))
    lead: Mapped[Lead] = relationship(back_populates="obligations")
    # The tick and a step may both see that a window is missing; one of them makes it.
    __table_args__ = (
        Index(
            "uq_obligation_window", "assignment_id", "k", unique=True,
            sqlite_where=text("kind = 'feedback' AND supersedes IS NULL"),
            postgresql_where=text("kind = 'feedback' AND supersedes IS NULL"),
        ),
    )  # fmt: skip
    end: Mapped[ObligationEnd | None] = relationship(lazy="joined", uselist=False, back_populates="obligation")
    excuse: Mapped[Excuse | None] = relationship(lazy="joined", uselist=False)


class ObligationEnd(Base):
    """How an obligation ended, once: met (in time or late, by `on`), cured, cancelled, superseded, suspended or excused."""

    __tablename__ = "obligation_end"
    obligation_id: Mapped[str] = mapped_column(ForeignKey("obligation.id"), primary_key=True)
    how: Mapped[str] = mapped_column(String(12), nullable=False)
    cause: Mapped[str] = mapped_column(String(24), nullable=False)
    on: Mapped[date] = mapped_column("on_day", Date, nullable=False)
    at: Mapped[datetime] = mapped_column(Instant, nullable=False)
    obligation: Mapped[Obligation] = relationship(back_populates="end")


class Excuse(Base):
    """An excuse (免责) beside an obligation that was not met in time: the fact stays, both rates are shown (T42, ruling R14)."""

    __tablename__ = "excuse"
    obligation_id: Mapped[str] = mapped_column(ForeignKey("obligation.id"), primary_key=True)
    excused_by: Mapped[str] = mapped_column(Id, nullable=False)
    reason: Mapped[str] = mapped_column(Text, nullable=False)
    at: Mapped[datetime] = mapped_column(Instant, nullable=False)


class Watch(Base):
    """The agenda of the tick: an open obligation and the day of its next stage. A working list, gone when the duty ends.

    Kept apart from the immutable rows so that a tick costs what is due today, not what is open.
    """

    __tablename__ = "watch"
    obligation_id: Mapped[str] = mapped_column(ForeignKey("obligation.id"), primary_key=True)
    next_on: Mapped[date] = mapped_column(Date, nullable=False)
    stage: Mapped[str] = mapped_column(String(8), nullable=False)
    calendar_version: Mapped[int] = mapped_column(
        Integer, nullable=False
    )  # the newest calendar that the date was held against
    __table_args__ = (
        Index("ix_watch_next", "next_on", "obligation_id"),
        Index("ix_watch_calendar", "calendar_version", "obligation_id"),
    )


class Ask(Base):
    """The first half of a step of two persons (ruling R31): who asked for what, until it is confirmed, taken back or lapsed."""

    __tablename__ = "ask"
    id: Mapped[str] = mapped_column(Id, primary_key=True)
    lead_id: Mapped[str] = mapped_column(ForeignKey("lead.id"), nullable=False, index=True)
    assignment_id: Mapped[str | None] = mapped_column(ForeignKey("assignment.id"))
    step: Mapped[str] = mapped_column(String(4), nullable=False)
    act: Mapped[str] = mapped_column(String(24), nullable=False)
    asked_by: Mapped[str] = mapped_column(Id, nullable=False)
    asked_at: Mapped[datetime] = mapped_column(Instant, nullable=False)
    inputs: Mapped[Any] = mapped_column(Json, nullable=False)
    state: Mapped[str] = mapped_column(String(10), nullable=False)  # open, confirmed, lapsed


class LeadPackage(Base):
    """A package of a lead (材料包) that was exported for somebody outside (T32, T41): its bytes as they were hashed."""

    __tablename__ = "lead_package"
    lead_id: Mapped[str] = mapped_column(ForeignKey("lead.id"), primary_key=True)
    sha256: Mapped[str] = mapped_column(String(64), primary_key=True)
    version: Mapped[int] = mapped_column(Integer, nullable=False)  # the lead's version that it tells of
    exported_at: Mapped[datetime] = mapped_column(Instant, nullable=False)
    exported_by: Mapped[str] = mapped_column(Id, nullable=False)
    content: Mapped[str] = mapped_column(Text, nullable=False)


class LeadNumber(Base):
    """The running number of leads per street and day, for numbers that people can read out over the telephone."""

    __tablename__ = "lead_number"
    street_code: Mapped[str] = mapped_column(String(12), primary_key=True)
    on: Mapped[str] = mapped_column("day", String(8), primary_key=True)
    last: Mapped[int] = mapped_column(Integer, nullable=False)
