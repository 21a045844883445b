"""The databases that benches run on: a PostgreSQL of our own with every safety on, and SpatiaLite files, all in temporary places."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from flask import Flask
from sqlalchemy import Connection, Engine, text

from gridwatch.app import create_app
from gridwatch.config import Settings
from gridwatch.db.base import db
from gridwatch.db.engine import dialect_of, engine_for
from gridwatch.db.migrate import upgrade
from tests.databases import TEMPLATE, PostgresServer, fresh_database, postgres_server

SECRET = "bench-" * 8
KINDS = ("postgis", "spatialite")
_VERSIONS = {
    "postgis": {"PostgreSQL": "SHOW server_version", "PostGIS": "SELECT postgis_lib_version()"},
    "spatialite": {"SQLite": "SELECT sqlite_version()", "SpatiaLite": "SELECT spatialite_version()"},
}
_SETTINGS = {"postgis": ("shared_buffers", "max_wal_size", "jit"), "spatialite": ()}


@dataclass(frozen=True)
class Place:
    """Where a bench runs: the kind of database, the size (small or full), the server's process and a directory for its files."""

    kind: str
    size: str
    directory: Path
    server: PostgresServer | None = None
    facts: dict[str, str] = field(default_factory=dict)

    @property
    def small(self) -> bool:
        """Whether this is the quick form, which shows that a bench works and says little of speed."""
        return self.size == "small"

    @property
    def roots(self) -> list[int]:
        """The processes whose work, with that of their children, belongs to the bench."""
        return [os.getpid(), *self.database_roots]

    @property
    def database_roots(self) -> list[int]:
        """The first process of the database server; none where the database is part of the web process."""
        return [self.server.process] if self.server else []

    @contextmanager
    def database(self) -> Iterator[str]:
        """A fresh migrated database; its URL. It goes on leaving."""
        if self.server:
            with fresh_database(self.server) as url:
                yield url
        else:
            directory = Path(tempfile.mkdtemp(dir=self.directory))
            yield f"sqlite:///{shutil.copy(self.directory / 'template.sqlite', directory / 'bench.sqlite')}"
            shutil.rmtree(directory)

    @contextmanager
    def app(self) -> Iterator[Flask]:
        """An application over a fresh database, within its context."""
        with self.database() as url, app_over(url) as app:
            yield app


@contextmanager
def place(kind: str, size: str) -> Iterator[Place]:
    """Start what `kind` needs; all of it is gone on leaving. Raises RuntimeError where PostgreSQL with PostGIS is missing."""
    with tempfile.TemporaryDirectory(prefix="gridwatch-bench-") as name:
        directory = Path(name)
        if kind == "postgis":
            with postgres_server(durable=True) as server:
                upgrade(server.url_of(TEMPLATE))
                yield Place(kind, size, directory, server, _facts(kind, server.url_of(TEMPLATE)))
        else:
            url = f"sqlite:///{directory / 'template.sqlite'}"
            upgrade(url)
            facts = _facts(kind, url)
            yield Place(kind, size, directory, facts=facts)


@contextmanager
def app_over(url: str) -> Iterator[Flask]:
    """An application over a database that is there, within its context."""
    app = create_app(Settings(env="test", database_url=url, secret_key=SECRET))
    with app.app_context():
        try:
            yield app
        finally:
            db.session.remove()
            db.engine.dispose()


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """One transaction outside the application; on SQLite our engine begins none by itself."""
    with engine.begin() as connection:
        if engine.dialect.name == "sqlite":
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        yield connection


def settle(engine: Engine) -> None:
    """Have the database take stock after a bulk load, so that plans are those of a database that has been in use for a while."""
    if engine.dialect.name == "postgresql":
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("VACUUM (ANALYZE, FREEZE)"))
            connection.execute(text("CHECKPOINT"))
    else:  # nothing of ours runs ANALYZE there, so the bench does not either
        with engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")


def _facts(kind: str, url: str) -> dict[str, str]:
    engine = engine_for(url)
    try:
        with engine.connect() as connection:
            facts = {name: str(connection.exec_driver_sql(sql).scalar()) for name, sql in _VERSIONS[kind].items()}
            facts |= dialect_of(engine).durability(connection)
            facts |= {name: str(connection.exec_driver_sql(f"SHOW {name}").scalar()) for name in _SETTINGS[kind]}
    finally:
        engine.dispose()
    return facts
