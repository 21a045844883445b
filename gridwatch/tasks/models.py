"""Tasks that send a worker out, and the visits that answer them."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import Boolean, Date, ForeignKey, Index, Integer, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from gridwatch.db.base import Base, Id, Instant, Json
from gridwatch.db.feed import Fed

_UNCLEAR = text("timeliness = 'unclear' AND effect = 'accepted'")  # whether it was in time waits for a person
# Whose day no obligation of a lead decides, and no order.
_COUNTED_HERE = text("closed_at IS NULL AND kind IN ('first_check', 'follow_up', 'cycle')")


DOOR = 48  # characters of a door key


def door_of(address_code: str | None, entity_id: str | None) -> str | None:
    """The key of a door: its standard address, else the entity behind it; None where nothing is known."""
    return f"a:{address_code}" if address_code else f"e:{entity_id}" if entity_id else None


class Task(Fed, Base):
    """One visit to one door (下发到手机), with every inspection item that is due there. Root of the document kind `task`.

    `source_id` (an event id, a lead id with round …) is unique per kind: the same cause never makes a second task.
    Without a grid it waits in the street's hand-triage queue. `epoch` rises whenever it goes to other hands; `duty_rev` is
    the rev at which what is asked at the door last changed. Open tasks with the same `door` are one visit for the worker.
    `not_for` is who found what this task is to verify.
    """

    __tablename__ = "task"
    id: Mapped[str] = mapped_column(Id, primary_key=True)
    kind: Mapped[str] = mapped_column(String(16), nullable=False)
    source_id: Mapped[str] = mapped_column(String(80), nullable=False)
    state: Mapped[str] = mapped_column(String(12), nullable=False)
    items: Mapped[list[str]] = mapped_column(Json, nullable=False)
    reason: Mapped[str] = mapped_column(String(200), nullable=False, default="")
    entity_id: Mapped[str | None] = mapped_column(ForeignKey("entity.id"), index=True)
    lead_id: Mapped[str | None] = mapped_column(Id, index=True)
    campaign_id: Mapped[str | None] = mapped_column(Id, index=True)
    address_code: Mapped[str | None] = mapped_column(String(32))
    address_text: Mapped[str] = mapped_column(String(300), nullable=False)
    door: Mapped[str | None] = mapped_column(String(DOOR))
    title: Mapped[str] = mapped_column(String(120), nullable=False)
    area_path: Mapped[str] = mapped_column(String(64), nullable=False)
    grid_code: Mapped[str | None] = mapped_column(ForeignKey("grid.code"))
    start_on: Mapped[date] = mapped_column(Date, nullable=False)
    due_on: Mapped[date] = mapped_column(Date, nullable=False)
    provisional: Mapped[bool] = mapped_column(Boolean, nullable=False, default=False)
    calendar_version: Mapped[int] = mapped_column(Integer, nullable=False)
    epoch: Mapped[int] = mapped_column(Integer, nullable=False, default=1)
    duty_rev: Mapped[int] = mapped_column(Integer, nullable=False, default=1)
    assigned_to: Mapped[str | None] = mapped_column(Id)
    not_for: Mapped[str | None] = mapped_column(Id)
    created_at: Mapped[datetime] = mapped_column(Instant, nullable=False)
    closed_at: Mapped[datetime | None] = mapped_column(Instant)
    close_code: Mapped[str | None] = mapped_column(String(20))
    on_time: Mapped[str | None] = mapped_column(String(10))
    __table_args__ = (
        Index("uq_task_source", "kind", "source_id", unique=True),
        Index("ix_task_grid_state", "grid_code", "state"),
        Index("ix_task_door", "door"),
        Index("ix_task_queue", "state", "area_path", "id"),
        Index("ix_task_calendar", "calendar_version", "id", postgresql_where=_COUNTED_HERE, sqlite_where=_COUNTED_HERE),
    )


class Visit(Base):
    """What a worker did at a door: an immutable fact, kept whether or not it changed the task.

    `effect` is accepted (it answered the task, or was an attempt at it), superseded (kept as evidence) or withdrawn (its
    author took it back). `result` is a key of RESULTS, or empty where the payload of a superseded visit says none.
    Timeliness: on_time, late, late_sync (done in time, arrived late) or unclear (a person decides).
    """

    __tablename__ = "visit"
    id: Mapped[str] = mapped_column(Id, primary_key=True)
    task_id: Mapped[str | None] = mapped_column(ForeignKey("task.id"), index=True)
    entity_id: Mapped[str | None] = mapped_column(ForeignKey("entity.id"), index=True)
    lead_id: Mapped[str | None] = mapped_column(Id, index=True)
    by_user: Mapped[str] = mapped_column(Id, nullable=False)
    by_role: Mapped[str] = mapped_column(String(24), nullable=False, server_default="grid_worker")
    visit_kind: Mapped[str] = mapped_column(String(12), nullable=False, server_default="worker")
    device_id: Mapped[str | None] = mapped_column(Id)
    area_path: Mapped[str] = mapped_column(String(64), nullable=False)
    grid_code: Mapped[str | None] = mapped_column(String(20))
    performed_at: Mapped[datetime | None] = mapped_column(Instant)
    uncertainty_s: Mapped[int | None] = mapped_column(Integer)
    received_at: Mapped[datetime] = mapped_column(Instant, nullable=False)
    result: Mapped[str] = mapped_column(String(16), nullable=False)
    findings: Mapped[Any] = mapped_column(Json, nullable=False)
    place: Mapped[Any | None] = mapped_column(Json)
    files: Mapped[Any] = mapped_column(Json, nullable=False)
    remarks: Mapped[str] = mapped_column(Text, nullable=False, default="")
    effect: Mapped[str] = mapped_column(String(12), nullable=False)
    timeliness: Mapped[str] = mapped_column(String(10), nullable=False)
    __table_args__ = (Index("ix_visit_unclear", "id", postgresql_where=_UNCLEAR, sqlite_where=_UNCLEAR),)


class CyclePlan(Base):
    """A grid and a local day whose cyclic visits were planned, and how many they were. The row is what makes it once."""

    __tablename__ = "cycle_plan"
    grid_code: Mapped[str] = mapped_column(ForeignKey("grid.code"), primary_key=True)
    day: Mapped[date] = mapped_column(Date, primary_key=True)
    planned: Mapped[int] = mapped_column(Integer, nullable=False)
    at: Mapped[datetime] = mapped_column(Instant, nullable=False)


class CycleOrder(Base):
    """That an area has cyclic visits, from which local day to which; without one its items repeat nowhere."""

    __tablename__ = "cycle_order"
    area_code: Mapped[str] = mapped_column(ForeignKey("area.code"), primary_key=True)
    area_path: Mapped[str] = mapped_column(String(64), nullable=False)
    from_on: Mapped[date] = mapped_column(Date, nullable=False)
    until_on: Mapped[date | None] = mapped_column(Date)
    ordered_by: Mapped[str] = mapped_column(Id, nullable=False)
    ordered_at: Mapped[datetime] = mapped_column(Instant, nullable=False)
