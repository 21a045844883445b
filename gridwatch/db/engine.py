"""Which dialect module serves a database, and the engine made ready for it."""

from __future__ import annotations

from types import ModuleType
from typing import Any

from sqlalchemy import Engine, create_engine

from gridwatch.config import SettingRefused
from gridwatch.db.dialects import postgis, spatialite

DIALECTS: dict[str, ModuleType] = {"sqlite": spatialite, "postgresql": postgis}


def dialect_of(bind: Any) -> ModuleType:
    """The dialect module of an engine, a connection or a session."""
    if hasattr(bind, "get_bind"):
        bind = bind.get_bind()
    return DIALECTS[bind.dialect.name]


def dialect_for_url(url: str) -> ModuleType:
    """The dialect module for a database URL. Raises SettingRefused for a database that Gridwatch does not run on."""
    name = url.split(":", 1)[0].split("+", 1)[0]
    if name not in DIALECTS:
        raise SettingRefused(
            f"GRIDWATCH_DATABASE_URL: 只支持 sqlite 与 postgresql / only sqlite and postgresql, not {name!r}"
        )
    return DIALECTS[name]


def engine_for(url: str, *, spatialite_library: str = "", **options: Any) -> Engine:
    """A ready engine outside the web application (migrations, benches): same driver, same connection settings."""
    dialect = dialect_for_url(url)
    engine = create_engine(url, **{**dialect.engine_options(), **options})
    dialect.prepare(engine, spatialite_library)
    return engine
