"""Working-day calendars as data: what each import said of each day, in numbered versions; and versions of the time limits."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import Date, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from gridwatch.db.base import Base, Id, Instant, Json


class CalendarVersion(Base):
    """One import of an official notice or a local order. Versions only ever add; the newest word on a day counts."""

    __tablename__ = "calendar_version"
    version: Mapped[int] = mapped_column(Integer, primary_key=True)
    imported_at: Mapped[datetime] = mapped_column(Instant, nullable=False)
    imported_by: Mapped[str] = mapped_column(Id, nullable=False)
    source: Mapped[str] = mapped_column(String(200), nullable=False)


class CalendarDayRow(Base):
    """What one version says of one day: work, weekend, holiday or makeup. `official_year` is the notice's year."""

    __tablename__ = "calendar_day"
    version: Mapped[int] = mapped_column(Integer, primary_key=True)
    on: Mapped[date] = mapped_column("day", Date, primary_key=True)
    kind: Mapped[str] = mapped_column(String(8), nullable=False)
    name: Mapped[str] = mapped_column(String(20), nullable=False)
    official_year: Mapped[int] = mapped_column(Integer, nullable=False)


class LocalDayRow(Base):
    """One day of a local order (停工停产, flood, typhoon): its kind within an area, by a document. The newest version counts."""

    __tablename__ = "calendar_local_day"
    version: Mapped[int] = mapped_column(Integer, primary_key=True)
    area_path: Mapped[str] = mapped_column(String(64), primary_key=True)
    on: Mapped[date] = mapped_column("day", Date, primary_key=True)
    kind: Mapped[str] = mapped_column(String(8), nullable=False)
    name: Mapped[str] = mapped_column(String(20), nullable=False)


class PolicyVersion(Base):
    """Time limits in force from a day on (domain/obligations.Policy). Version 1 is the program's own and has no row.

    `limits` holds what differs from version 1, by the names of `obligations.policy_from`.
    """

    __tablename__ = "policy_version"
    version: Mapped[int] = mapped_column(Integer, primary_key=True)
    effective_on: Mapped[date] = mapped_column(Date, nullable=False)
    limits: Mapped[Any] = mapped_column(Json, nullable=False)
    source: Mapped[str] = mapped_column(String(200), nullable=False)
    added_at: Mapped[datetime] = mapped_column(Instant, nullable=False)
    added_by: Mapped[str] = mapped_column(Id, nullable=False)
