"""Bring a database to the newest schema. The chain of migrations is one for both databases."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine

from gridwatch.db.engine import dialect_for_url, engine_for

_HERE = Path(__file__).resolve()
# In a checkout the folder stands beside the package; a wheel carries it inside.
MIGRATIONS = next(
    (
        folder
        for folder in (_HERE.parents[1] / "migrations", _HERE.parents[2] / "migrations")
        if (folder / "env.py").exists()
    ),
    _HERE.parents[2] / "migrations",
)


def _config(engine: Engine) -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["engine"] = engine
    return config


def upgrade(database_url: str, *, spatialite_library: str = "") -> str:
    """Migrate to the newest revision; returns it. A SQLite file that holds data is copied first, since it only goes forward."""
    dialect = dialect_for_url(database_url)
    _keep_a_copy(database_url, spatialite_library)
    engine = engine_for(database_url, spatialite_library=spatialite_library)
    try:
        with engine.connect() as connection:
            dialect.initialise(connection)
            connection.commit()
        command.upgrade(_config(engine), "head")
        return current_revision(engine) or ""
    finally:
        engine.dispose()


def downgrade(database_url: str, revision: str) -> None:
    """Step back to `revision` (PostgreSQL only; raises ValueError on SQLite, where the copy is the way back)."""
    if database_url.startswith("sqlite"):
        raise ValueError(
            "SpatiaLite 只能向前迁移，请用迁移前的副本恢复 / SQLite migrates forward only; go back with the copy"
        )
    engine = engine_for(database_url)
    try:
        command.downgrade(_config(engine), revision)
    finally:
        engine.dispose()


def current_revision(engine: Engine) -> str | None:
    """The revision that the database stands at, None for an empty one."""
    with engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision()


def newest_revision() -> str:
    """The revision that this code needs."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    return str(ScriptDirectory.from_config(config).get_current_head())


def _keep_a_copy(database_url: str, spatialite_library: str) -> None:
    if not database_url.startswith("sqlite:///"):
        return
    path = Path(database_url.removeprefix("sqlite:///"))
    if not path.exists() or path.stat().st_size == 0:
        return
    engine = engine_for(database_url, spatialite_library=spatialite_library)
    try:
        at = current_revision(engine)
        if at is None or at == newest_revision():
            return
        with engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    finally:
        engine.dispose()
    stamp = datetime.now(UTC).strftime("%Y%m%d%H%M%S")
    shutil.copy2(path, path.with_name(f"{path.name}.before-{at}-{stamp}"))


def include_object(item: Any, name: str | None, type_: str, reflected: bool, compare_to: Any, known: set[str]) -> bool:
    """Keep the tables of SpatiaLite and PostGIS out of comparisons: only tables of ours count."""
    return not (type_ == "table" and reflected and name not in known)
