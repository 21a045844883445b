"""The declarative base, the `db` object and the column types that are the same on both databases."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import orjson
import uuid_utils
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import DateTime, String, Text
from sqlalchemy.orm import DeclarativeBase
from sqlalchemy.types import TypeDecorator

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}


class Base(DeclarativeBase):
    """Every table of Gridwatch."""


Base.metadata.naming_convention = NAMING
db = SQLAlchemy(model_class=Base, disable_autonaming=True)


class Instant(TypeDecorator[datetime]):
    """An instant: aware datetime in, aware UTC out. `timestamptz` on PostgreSQL, ISO text in UTC on SQLite (sorts as time)."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def load_dialect_impl(self, dialect: Any) -> Any:
        return dialect.type_descriptor(String(32) if dialect.name == "sqlite" else DateTime(timezone=True))

    def process_bind_param(self, value: datetime | None, dialect: Any) -> Any:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("an instant needs an offset; a naive datetime says no moment")
        value = value.astimezone(UTC)
        return value.strftime("%Y-%m-%dT%H:%M:%S.%fZ") if dialect.name == "sqlite" else value

    def process_result_value(self, value: Any, dialect: Any) -> datetime | None:
        if value is None:
            return None
        if isinstance(value, str):
            return datetime.fromisoformat(value)
        return value.astimezone(UTC)


class Json(TypeDecorator[Any]):
    """A JSON value kept as text, written once and served as it stands; the same bytes on both databases."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Any) -> str | None:
        return None if value is None else orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()

    def process_result_value(self, value: Any, dialect: Any) -> Any:
        return None if value is None else orjson.loads(value)


Id = String(36)


def new_id() -> str:
    """A fresh UUIDv7 as text: unique without asking anyone, and in rough order of time, which keeps indexes dense."""
    return str(uuid_utils.uuid7())
