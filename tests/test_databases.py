"""The ground the other tests stand on: fresh databases of both kinds, and a server that never outlives its test run."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable

import psycopg
import pytest
from sqlalchemy import text

from gridwatch.db.engine import engine_for
from tests.databases import postgres_binaries, postgres_server, start_postgres

needs_postgres = pytest.mark.skipif(postgres_binaries() is None, reason="PostgreSQL with PostGIS is missing")


def test_a_fresh_database_is_migrated_and_knows_geometry(database_url: str):
    engine = engine_for(database_url)
    with engine.connect() as connection:
        assert connection.scalar(text("SELECT count(*) FROM alembic_version")) == 1
        degrees_east = "SELECT ST_X(ST_Transform(ST_GeomFromText('POINT(113.75 23.02)', 4326), 4490))"
        assert connection.scalar(text(degrees_east)) == pytest.approx(113.75)
    engine.dispose()


@pytest.mark.parametrize("visit", ["first", "second"])
def test_what_one_test_writes_no_other_test_sees(database_url: str, visit: str):
    engine = engine_for(database_url)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE footprint (x integer)"))  # fails on the second visit to the same database
    engine.dispose()


@needs_postgres
@pytest.mark.parametrize("durable", [True, False])
def test_a_durable_server_writes_through_and_an_ordinary_one_does_not(durable: bool):
    with postgres_server(durable=durable) as server, psycopg.connect(server.url.replace("+psycopg", "")) as connection:
        wanted = "on" if durable else "off"
        for setting in ("fsync", "synchronous_commit", "full_page_writes"):
            assert connection.execute(f"SHOW {setting}").fetchone() == (wanted,), setting


@needs_postgres
def test_the_server_goes_when_the_run_that_wanted_it_is_killed():
    with subprocess.Popen(["sleep", "600"]) as run:
        try:
            server = start_postgres(until_exit_of=run.pid)
            assert _answers(server.process)
        finally:
            run.kill()
    _wait_until(lambda: not _answers(server.process) and not server.directory.exists())


def _answers(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


def _wait_until(condition: Callable[[], bool], seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come true in time"
        time.sleep(0.1)
