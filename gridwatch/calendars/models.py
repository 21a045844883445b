"""Working-day calendars as data: what each import said of each day, in numbered versions."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import Date, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from gridwatch.db.base import Base, Id, Instant


class CalendarVersion(Base):
    """One import of an official notice. Versions only ever add; the newest word on a day counts."""

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
