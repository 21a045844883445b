"""Administrative inspections, and how many of them an entity may have a year."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import Date, ForeignKey, Index, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from gridwatch.db.base import Base, Id, Instant, Json


class Inspection(Base):
    """What makes a visit (of `visit_kind` officer) an inspection: the department and the licence numbers of the officers.

    `cause` is a key of CAUSES with its `paper`, or empty for a planned one, which counts against the cap.
    """

    __tablename__ = "inspection"
    visit_id: Mapped[str] = mapped_column(ForeignKey("visit.id"), primary_key=True)
    entity_id: Mapped[str] = mapped_column(ForeignKey("entity.id"), nullable=False)
    department_code: Mapped[str] = mapped_column(ForeignKey("department.code"), nullable=False)
    licences: Mapped[list[str]] = mapped_column(Json, nullable=False)
    inspected_on: Mapped[date] = mapped_column(Date, nullable=False)
    cause: Mapped[str] = mapped_column(String(16), nullable=False)
    paper: Mapped[str] = mapped_column(String(120), nullable=False)
    __table_args__ = (Index("ix_inspection_entity", "entity_id", "inspected_on"),)


class InspectionCap(Base):
    """How many planned inspections an entity of an area may have a year, from a day on; rows are only added."""

    __tablename__ = "inspection_cap"
    area_code: Mapped[str] = mapped_column(ForeignKey("area.code"), primary_key=True)
    effective_on: Mapped[date] = mapped_column(Date, primary_key=True)
    area_path: Mapped[str] = mapped_column(String(64), nullable=False)
    most: Mapped[int] = mapped_column(Integer, nullable=False)
    source: Mapped[str] = mapped_column(String(200), nullable=False)
    added_by: Mapped[str] = mapped_column(Id, nullable=False)
    added_at: Mapped[datetime] = mapped_column(Instant, nullable=False)
