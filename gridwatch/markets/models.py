"""Markets, their stalls, checklists, rounds and spot checks."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import Date, ForeignKey, ForeignKeyConstraint, Index, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from gridwatch.db.base import Base, Id, Instant, Json
from gridwatch.db.feed import Fed


class Market(Fed, Base):
    """A market 市场: a grid of its own ("1"), whose stalls are the "N". Root of the document kind `market`.

    Its manager is who is on duty in the grid with the role market manager; no second list of managers is kept. Its row is locked
    while anything of it is written.
    """

    __tablename__ = "market"
    code: Mapped[str] = mapped_column(String(32), primary_key=True)
    name: Mapped[str] = mapped_column(String(60), nullable=False)
    grid_code: Mapped[str] = mapped_column(ForeignKey("grid.code"), nullable=False, unique=True)
    area_path: Mapped[str] = mapped_column(String(64), nullable=False)
    last_round_on: Mapped[date | None] = mapped_column(Date)


class Stall(Base):
    """A stall 铺位 of a market, in use between two days, both included. `last_round_on` is the day of the manager's last look."""

    __tablename__ = "market_stall"
    market_code: Mapped[str] = mapped_column(ForeignKey("market.code"), primary_key=True)
    number: Mapped[str] = mapped_column(String(20), primary_key=True)
    name: Mapped[str] = mapped_column(String(120), nullable=False, default="")
    entity_id: Mapped[str | None] = mapped_column(ForeignKey("entity.id"))
    active_from: Mapped[date | None] = mapped_column(Date)
    active_to: Mapped[date | None] = mapped_column(Date)
    last_round_on: Mapped[date | None] = mapped_column(Date)


class Checklist(Base):
    """One version of a market's checklist 共治作业清单; a published one never changes.

    `items` are published versions of department items, as `RG05B@1`: their questions, rules and transfer conditions are the
    checklist, by reference. Every stall is looked at once in `every_days` days.
    """

    __tablename__ = "market_checklist"
    market_code: Mapped[str] = mapped_column(ForeignKey("market.code"), primary_key=True)
    version: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    items: Mapped[list[str]] = mapped_column(Json, nullable=False)
    every_days: Mapped[int] = mapped_column(Integer, nullable=False)
    effective_on: Mapped[date] = mapped_column(Date, nullable=False)
    published_by: Mapped[str] = mapped_column(Id, nullable=False)
    published_at: Mapped[datetime] = mapped_column(Instant, nullable=False)


class SpotDraw(Base):
    """The spot check 抽查 of a market in a month. Seed and size stand on record first, and the draw follows from them alone.

    `population` are the numbers of the stalls that were in use on the day of the draw, `drawn` those that it gave, in its order.
    """

    __tablename__ = "market_draw"
    market_code: Mapped[str] = mapped_column(ForeignKey("market.code"), primary_key=True)
    month: Mapped[str] = mapped_column(String(7), primary_key=True)
    size: Mapped[int] = mapped_column(Integer, nullable=False)
    seed: Mapped[str] = mapped_column(String(64), nullable=False)
    announced_by: Mapped[str] = mapped_column(Id, nullable=False)
    announced_at: Mapped[datetime] = mapped_column(Instant, nullable=False)
    population: Mapped[list[str] | None] = mapped_column(Json)
    drawn: Mapped[list[str] | None] = mapped_column(Json)
    drawn_by: Mapped[str | None] = mapped_column(Id)
    drawn_at: Mapped[datetime | None] = mapped_column(Instant)


class MarketRound(Base):
    """One `checklist.submit`: a manager's round, or, where it names the month of a draw, a worker's check of drawn stalls."""

    __tablename__ = "market_round"
    id: Mapped[str] = mapped_column(Id, primary_key=True)
    market_code: Mapped[str] = mapped_column(String(32), nullable=False)
    checklist: Mapped[int] = mapped_column(Integer, nullable=False)
    draw_month: Mapped[str | None] = mapped_column(String(7))
    by_user: Mapped[str] = mapped_column(Id, nullable=False)
    performed_at: Mapped[datetime | None] = mapped_column(Instant)
    received_at: Mapped[datetime] = mapped_column(Instant, nullable=False)
    __table_args__ = (
        ForeignKeyConstraint(
            ["market_code", "checklist"], ["market_checklist.market_code", "market_checklist.version"]
        ),
        Index("ix_market_round_market", "market_code", "draw_month", "received_at"),
    )


class MarketFinding(Base):
    """What a round found at one stall, or of the market as a whole (`stall` empty).

    `payload` is {"result": "done", "findings": [{"item": code, question: answer}], "remarks": text}; `photos` are SHA-256 digests.
    `compared_with` is, for a check, the manager's round that it is held against, None where he had made none.
    """

    __tablename__ = "market_finding"
    round_id: Mapped[str] = mapped_column(ForeignKey("market_round.id"), primary_key=True)
    stall: Mapped[str] = mapped_column(String(20), primary_key=True)
    payload: Mapped[dict[str, Any]] = mapped_column(Json, nullable=False)
    photos: Mapped[list[str]] = mapped_column(Json, nullable=False)
    compared_with: Mapped[str | None] = mapped_column(ForeignKey("market_round.id"))
    __table_args__ = (Index("ix_market_finding_stall", "stall", "round_id"),)
