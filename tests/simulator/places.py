"""Databases for runs outside of the test suite, and what a run is told to use."""

from __future__ import annotations

import sqlite3
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from gridwatch.db.migrate import upgrade
from tests.databases import TEMPLATE, PostgresServer, fresh_database, fresh_spatialite, postgres_server
from tests.simulator.server import Place

NOTHING = "template0"  # an empty database is a copy of this one
LOCK_TIMEOUT = (
    "ALTER DATABASE {} SET lock_timeout = '5s'"  # a run has one thread: waiting for itself, it would wait for ever
)


def on_spatialite(template: Path, directory: Path) -> Place:
    """Files in a directory, copied from a migrated one."""

    @contextmanager
    def fresh() -> Iterator[str]:
        folder = directory / uuid.uuid4().hex
        folder.mkdir()
        yield fresh_spatialite(template, folder)

    @contextmanager
    def empty() -> Iterator[str]:
        yield f"sqlite:///{directory}/{uuid.uuid4().hex}.sqlite"

    return Place("spatialite", fresh, empty)


def on_postgis(server: PostgresServer) -> Place:
    """Databases on a server whose template is migrated."""

    @contextmanager
    def made(template: str) -> Iterator[str]:
        with fresh_database(server, template) as url:
            server.run(LOCK_TIMEOUT.format(url.rpartition("/")[2]))
            yield url

    return Place("postgis", lambda: made(TEMPLATE), lambda: made(NOTHING))


@contextmanager
def place_of_ones_own(name: str) -> Iterator[Place]:
    """A place for a run from the command line; nothing of it is left afterwards."""
    if name == "postgis":
        with postgres_server() as server:
            upgrade(server.url_of(TEMPLATE))
            yield on_postgis(server)
        return
    with tempfile.TemporaryDirectory() as folder:
        template = Path(folder) / "template.sqlite"
        upgrade(f"sqlite:///{template}")
        with closing(sqlite3.connect(template)) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        yield on_spatialite(template, Path(folder))
