"""Places: grids with their polygons, standard addresses with their levels, and the names that addresses have or had."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from geoalchemy2 import Geometry
from sqlalchemy import Date, Float, ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from gridwatch.db.base import Base, Id, Instant
from gridwatch.db.feed import Fed


class Grid(Fed, Base):
    """A grid (网格): the patch of one worker inside a community, valid between two days, both included.

    Root of the document kind `grid`. Of one that ended, `successor_code` is the grid that has most of its ground.
    """

    __tablename__ = "grid"
    code: Mapped[str] = mapped_column(String(20), primary_key=True)
    name: Mapped[str] = mapped_column(String(60), nullable=False)
    community_code: Mapped[str] = mapped_column(ForeignKey("area.code"), nullable=False, index=True)
    area_path: Mapped[str] = mapped_column(String(64), nullable=False)
    valid_from: Mapped[date | None] = mapped_column(Date)
    valid_to: Mapped[date | None] = mapped_column(Date)
    successor_code: Mapped[str | None] = mapped_column(String(20))
    shape: Mapped[Any] = mapped_column(Geometry("MULTIPOLYGON", srid=4326, spatial_index=True), nullable=False)


class Address(Fed, Base):
    """A standard address (标准地址), kept whole; its point is WGS-84 with the radius within which it is true.

    Root of the document kind `address`. `grid_code` is empty where nobody knows the grid. Of the ten levels L1 to L5 are the areas
    in `area_path` (a city without counties is legal), L6 to L10 the columns from `road` to `room`, and `stall` lies below them.
    `parent_code` is the address one or more levels up that is known, such as the building of a room.
    """

    __tablename__ = "address"
    code: Mapped[str] = mapped_column(String(32), primary_key=True)
    text: Mapped[str] = mapped_column(String(200), nullable=False)
    street_code: Mapped[str] = mapped_column(ForeignKey("area.code"), nullable=False)
    community_code: Mapped[str | None] = mapped_column(ForeignKey("area.code"))
    area_path: Mapped[str] = mapped_column(String(64), nullable=False)
    grid_code: Mapped[str | None] = mapped_column(ForeignKey("grid.code"), index=True)
    road: Mapped[str] = mapped_column(String(60), nullable=False, default="")
    house_no: Mapped[str] = mapped_column(String(40), nullable=False, default="")
    building: Mapped[str] = mapped_column(String(100), nullable=False, default="")
    unit: Mapped[str] = mapped_column(String(40), nullable=False, default="", server_default="")
    room: Mapped[str] = mapped_column(String(60), nullable=False, default="", server_default="")
    stall: Mapped[str] = mapped_column(String(60), nullable=False, default="", server_default="")
    parent_code: Mapped[str | None] = mapped_column(String(32), index=True)
    lon: Mapped[float | None] = mapped_column(Float)
    lat: Mapped[float | None] = mapped_column(Float)
    datum: Mapped[str] = mapped_column(String(10), nullable=False, default="WGS84")
    accuracy_m: Mapped[float | None] = mapped_column(Float)
    __table_args__ = (
        Index("ix_address_area", "area_path"),
        Index("ix_address_street_road", "street_code", "road"),
        Index("ix_address_street_building", "street_code", "building"),
    )


class AddressName(Base):
    """What an address is also called (alias), or was called until a day (former). `normal` is what texts are compared by.

    A name is never taken away: papers of that time still say it.
    """

    __tablename__ = "address_name"
    id: Mapped[str] = mapped_column(Id, primary_key=True)
    address_code: Mapped[str] = mapped_column(ForeignKey("address.code"), nullable=False)
    kind: Mapped[str] = mapped_column(String(6), nullable=False)
    text: Mapped[str] = mapped_column(String(200), nullable=False)
    normal: Mapped[str] = mapped_column(String(200), nullable=False, index=True)
    until_on: Mapped[date | None] = mapped_column(Date)
    noted_by: Mapped[str] = mapped_column(Id, nullable=False)
    noted_at: Mapped[datetime] = mapped_column(Instant, nullable=False)
    __table_args__ = (UniqueConstraint("address_code", "normal"),)
