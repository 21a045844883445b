"""Traces of the scheduler, so that a dead one is seen."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from gridwatch.db.base import Base, Instant, Json


class JobRun(Base):
    """The last run of each job: when, and what it did."""

    __tablename__ = "job_run"
    name: Mapped[str] = mapped_column(String(32), primary_key=True)
    at: Mapped[datetime] = mapped_column(Instant, nullable=False)
    did: Mapped[Any] = mapped_column(Json, nullable=False)
