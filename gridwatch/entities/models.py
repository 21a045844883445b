"""Market entities (市场主体) and the registry events that announce and change them."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from geoalchemy2 import Geometry
from sqlalchemy import Boolean, Date, Float, ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from gridwatch.db.base import Base, Id, Instant, Json
from gridwatch.db.feed import Fed


class Entity(Fed, Base):
    """A firm, shop, cooperative or branch. Root of the document kind `entity` once it has a grid.

    `routed_by` says how the grid was found: address, point, hand, or empty while a person has still to decide.
    `lon`/`lat` are as given, in `datum`; `position` is the same point in WGS-84.
    """

    __tablename__ = "entity"
    id: Mapped[str] = mapped_column(Id, primary_key=True)
    code: Mapped[str] = mapped_column(String(40), nullable=False, unique=True)
    name: Mapped[str] = mapped_column(String(120), nullable=False)
    uscc: Mapped[str | None] = mapped_column(String(18), index=True)
    uscc_kind: Mapped[str] = mapped_column(String(10), nullable=False, default="none")
    entity_type: Mapped[str] = mapped_column(String(40), nullable=False, default="")
    status: Mapped[str] = mapped_column(String(12), nullable=False, default="active")
    registered_on: Mapped[date | None] = mapped_column(Date)
    scope: Mapped[str] = mapped_column(Text, nullable=False, default="")
    permit_sectors: Mapped[list[str]] = mapped_column(Json, nullable=False)
    address_text: Mapped[str] = mapped_column(String(300), nullable=False)
    address_code: Mapped[str | None] = mapped_column(ForeignKey("address.code"), index=True)
    street_code: Mapped[str] = mapped_column(ForeignKey("area.code"), nullable=False)
    area_path: Mapped[str] = mapped_column(String(64), nullable=False)
    grid_code: Mapped[str | None] = mapped_column(ForeignKey("grid.code"), index=True)
    routed_by: Mapped[str] = mapped_column(String(8), nullable=False, default="")
    lon: Mapped[float | None] = mapped_column(Float)
    lat: Mapped[float | None] = mapped_column(Float)
    datum: Mapped[str] = mapped_column(String(10), nullable=False, default="WGS84")
    accuracy_m: Mapped[float | None] = mapped_column(Float)
    position: Mapped[Any | None] = mapped_column(Geometry("POINT", srid=4326, spatial_index=True))
    __table_args__ = (Index("ix_entity_area", "area_path", "id"),)


class EntityAddress(Base):
    """That an entity is (or until a day was) at a standard address: several may be at one, and one at several.

    `source` says who says so: register (the registry's own code), hand or visit; `confidence` how sure it is, 0 to 100. `shared`
    marks 集群注册: many firms registered at one desk, of which nobody expects to be met there.
    """

    __tablename__ = "entity_address"
    entity_id: Mapped[str] = mapped_column(ForeignKey("entity.id"), primary_key=True)
    address_code: Mapped[str] = mapped_column(ForeignKey("address.code"), primary_key=True)
    from_on: Mapped[date] = mapped_column(Date, primary_key=True)
    to_on: Mapped[date | None] = mapped_column(Date)
    source: Mapped[str] = mapped_column(String(8), nullable=False)
    confidence: Mapped[int] = mapped_column(nullable=False)
    shared: Mapped[bool] = mapped_column(Boolean, nullable=False, default=False)
    __table_args__ = (Index("ix_entity_address_there", "address_code", "to_on"),)


class RegistryEvent(Base):
    """An event of the registry (new, address, scope, deregistered), once per event id; the same id with other content is refused."""

    __tablename__ = "registry_event"
    event_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    kind: Mapped[str] = mapped_column(String(12), nullable=False)
    entity_id: Mapped[str] = mapped_column(ForeignKey("entity.id"), nullable=False, index=True)
    occurred_on: Mapped[date] = mapped_column(Date, nullable=False)
    received_at: Mapped[datetime] = mapped_column(Instant, nullable=False)
    content_sha256: Mapped[str] = mapped_column(String(64), nullable=False)


class PermitRule(Base):
    """One row of the permit table: a sector, the permit it needs, the department that grants it, how a scope shows it."""

    __tablename__ = "permit_rule"
    sector: Mapped[str] = mapped_column(String(40), primary_key=True)
    permit: Mapped[str] = mapped_column(String(60), nullable=False)
    department_code: Mapped[str | None] = mapped_column(ForeignKey("department.code"))
    scope_pattern: Mapped[str] = mapped_column(Text, nullable=False)
    hazard: Mapped[int] = mapped_column(nullable=False, default=0)
