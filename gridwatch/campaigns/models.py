"""Campaigns, and the grids whose targets they have."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import Date, ForeignKey, Index, Integer, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from gridwatch.db.base import Base, Id, Instant, Json


class Campaign(Base):
    """An order to see every entity of an area with a tag until a day. Its targets are tasks (kind `campaign`), one an entity.

    `sector` is a sector of the permit table, `entity_type` a type of the register; empty ones do not narrow. `state` is open or
    closed: it is closed when every target is, and then stays as it is.
    """

    __tablename__ = "campaign"
    id: Mapped[str] = mapped_column(Id, primary_key=True)
    name: Mapped[str] = mapped_column(String(60), nullable=False)
    basis: Mapped[str] = mapped_column(String(200), nullable=False)
    items: Mapped[list[str]] = mapped_column(Json, nullable=False)
    area_code: Mapped[str] = mapped_column(ForeignKey("area.code"), nullable=False)
    area_path: Mapped[str] = mapped_column(String(64), nullable=False)
    sector: Mapped[str] = mapped_column(String(40), nullable=False, default="")
    entity_type: Mapped[str] = mapped_column(String(40), nullable=False, default="")
    from_on: Mapped[date] = mapped_column(Date, nullable=False)
    due_on: Mapped[date] = mapped_column(Date, nullable=False)
    state: Mapped[str] = mapped_column(String(8), nullable=False)
    ordered_by: Mapped[str] = mapped_column(Id, nullable=False)
    ordered_at: Mapped[datetime] = mapped_column(Instant, nullable=False)
    closed_at: Mapped[datetime | None] = mapped_column(Instant)
    summary: Mapped[str] = mapped_column(Text, nullable=False, default="")
    __table_args__ = (Index("uq_campaign_name", "area_code", "name", unique=True),)


class CampaignGrid(Base):
    """A grid of a campaign ("" for entities whose grid nobody knows), and how many targets it has once they are made."""

    __tablename__ = "campaign_grid"
    campaign_id: Mapped[str] = mapped_column(ForeignKey("campaign.id"), primary_key=True)
    grid_code: Mapped[str] = mapped_column(String(20), primary_key=True)
    targets: Mapped[int] = mapped_column(Integer, nullable=False)
    made_at: Mapped[datetime | None] = mapped_column(Instant)
