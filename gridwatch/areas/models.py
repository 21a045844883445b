"""The area tree (city, district, street, community; a city without districts is legal) and the departments."""

from __future__ import annotations

from datetime import date

from sqlalchemy import Date, ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from gridwatch.db.base import Base

LEVELS = ("city", "district", "street", "community")


class Area(Base):
    """One administrative area. `path` is the codes from the root down, each followed by '/': a subtree is a prefix."""

    __tablename__ = "area"
    code: Mapped[str] = mapped_column(String(12), primary_key=True)
    name: Mapped[str] = mapped_column(String(60), nullable=False)
    level: Mapped[str] = mapped_column(String(10), nullable=False)
    parent_code: Mapped[str | None] = mapped_column(ForeignKey("area.code"), index=True)
    path: Mapped[str] = mapped_column(String(64), nullable=False, unique=True)


class Department(Base):
    """A department (职能部门) that receives pushed leads. An abolished one names its successor."""

    __tablename__ = "department"
    code: Mapped[str] = mapped_column(String(32), primary_key=True)
    name: Mapped[str] = mapped_column(String(60), nullable=False)
    area_code: Mapped[str] = mapped_column(ForeignKey("area.code"), nullable=False)
    valid_from: Mapped[date | None] = mapped_column(Date)
    valid_to: Mapped[date | None] = mapped_column(Date)
    successor_code: Mapped[str | None] = mapped_column(ForeignKey("department.code"))
