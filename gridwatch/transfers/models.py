"""Handovers with a receipt per item, and edits of grids from draft to the day on which they apply."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import Date, ForeignKey, Index, Integer, String, text
from sqlalchemy.orm import Mapped, mapped_column

from gridwatch.db.base import Base, Id, Instant, Json

_OPEN = text("done_at IS NULL")
_WAITING = text("state = 'published'")


class Handover(Base):
    """All open work of one person, or of one grid, given to another. `id` is made by the client: sent twice, done once.

    `kind` is person, cover (leave, from one day to another) or grid. `source` and `target` are ids of people, or codes of grids.
    """

    __tablename__ = "handover"
    id: Mapped[str] = mapped_column(Id, primary_key=True)
    kind: Mapped[str] = mapped_column(String(8), nullable=False)
    source: Mapped[str] = mapped_column(String(36), nullable=False)
    target: Mapped[str] = mapped_column(String(36), nullable=False)
    from_on: Mapped[date] = mapped_column(Date, nullable=False)
    to_on: Mapped[date | None] = mapped_column(Date)
    note: Mapped[str] = mapped_column(String(200), nullable=False)
    area_path: Mapped[str] = mapped_column(String(64), nullable=False)
    by_user: Mapped[str] = mapped_column(Id, nullable=False)
    at: Mapped[datetime] = mapped_column(Instant, nullable=False)
    done_at: Mapped[datetime | None] = mapped_column(Instant)
    __table_args__ = (
        Index("ix_handover_area", "area_path", "id"),
        Index("ix_handover_open", "id", postgresql_where=_OPEN, sqlite_where=_OPEN),
    )


class HandoverItem(Base):
    """The receipt of one item of a handover: a duty (by the code of its grid), a task or a lead.

    `outcome` is planned until its grid is done, then moved, covered, released (from one person to whoever holds the grid), follows
    (the grid that it lies in), kept (with a `reason`) or gone (closed meanwhile).
    """

    __tablename__ = "handover_item"
    handover_id: Mapped[str] = mapped_column(ForeignKey("handover.id"), primary_key=True)
    kind: Mapped[str] = mapped_column(String(4), primary_key=True)
    subject_id: Mapped[str] = mapped_column(Id, primary_key=True)
    grid_code: Mapped[str] = mapped_column(String(20), nullable=False)
    title: Mapped[str] = mapped_column(String(120), nullable=False)
    outcome: Mapped[str] = mapped_column(String(8), nullable=False)
    reason: Mapped[str] = mapped_column(String(20), nullable=False, default="")


class GridEdit(Base):
    """Grids drawn anew: `old` are the codes that end, `new` the grids that begin on `effective_on`. `version` counts its changes.

    `plan` is what was asked for, as the client sent it. States: draft, published (the map knows both), applied (what stands in the
    grids has moved), withdrawn. `new` holds {code, name, polygon (GeoJSON, WGS-84), parent (the old grid it shares most with),
    workers (ids of people)}.
    """

    __tablename__ = "grid_edit"
    id: Mapped[str] = mapped_column(Id, primary_key=True)
    kind: Mapped[str] = mapped_column(String(10), nullable=False)
    state: Mapped[str] = mapped_column(String(10), nullable=False)
    version: Mapped[int] = mapped_column(Integer, nullable=False)
    community_code: Mapped[str] = mapped_column(ForeignKey("area.code"), nullable=False)
    area_path: Mapped[str] = mapped_column(String(64), nullable=False)
    effective_on: Mapped[date] = mapped_column(Date, nullable=False)
    note: Mapped[str] = mapped_column(String(200), nullable=False)
    plan: Mapped[Any] = mapped_column(Json, nullable=False)
    old: Mapped[list[str]] = mapped_column(Json, nullable=False)
    new: Mapped[list[dict[str, Any]]] = mapped_column(Json, nullable=False)
    drafted_by: Mapped[str] = mapped_column(Id, nullable=False)
    drafted_at: Mapped[datetime] = mapped_column(Instant, nullable=False)
    published_by: Mapped[str | None] = mapped_column(Id)
    published_at: Mapped[datetime | None] = mapped_column(Instant)
    applied_at: Mapped[datetime | None] = mapped_column(Instant)
    moved: Mapped[Any | None] = mapped_column(Json)
    __table_args__ = (
        Index("ix_grid_edit_area", "area_path", "id"),
        Index("ix_grid_edit_waiting", "effective_on", postgresql_where=_WAITING, sqlite_where=_WAITING),
    )
    __mapper_args__ = {"version_id_col": version}
