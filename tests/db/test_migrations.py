"""One chain of migrations for both databases: up from empty; on PostGIS the last one down and up; on SQLite the file is copied."""

from __future__ import annotations

from pathlib import Path

import pytest
from alembic import command
from alembic.script import ScriptDirectory
from sqlalchemy import inspect, text

from gridwatch.db import migrate
from gridwatch.db.engine import dialect_of, engine_for
from tests.databases import PostgresServer


def revisions() -> list[str]:
    """The chain, oldest first."""
    script = ScriptDirectory(str(migrate.MIGRATIONS))
    return [revision.revision for revision in reversed(list(script.walk_revisions()))]


def test_the_models_and_the_migrations_say_the_same(database_url: str) -> None:
    engine = engine_for(database_url)
    try:
        assert migrate.current_revision(engine) == migrate.newest_revision()
        command.check(migrate._config(engine))  # raises when the models want something else
    finally:
        engine.dispose()


def test_every_spatial_column_has_its_index(database_url: str) -> None:
    engine = engine_for(database_url)
    try:
        with engine.connect() as connection:
            if connection.dialect.name == "sqlite":
                found = connection.execute(
                    text("SELECT f_table_name, f_geometry_column FROM geometry_columns WHERE spatial_index_enabled = 1")
                ).all()
            else:
                found = connection.execute(
                    text(
                        "SELECT t.relname, a.attname FROM pg_index i JOIN pg_class t ON t.oid = i.indrelid "
                        "JOIN pg_class x ON x.oid = i.indexrelid JOIN pg_am m ON m.oid = x.relam AND m.amname = 'gist' "
                        "JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = i.indkey[0]"
                    )
                ).all()
        assert {("grid", "shape"), ("entity", "position")} <= {tuple(row) for row in found}
    finally:
        engine.dispose()


def test_the_last_migration_goes_down_and_up_again_on_postgis(postgres: PostgresServer) -> None:
    name = "gw_down_and_up"
    postgres.run(f"DROP DATABASE IF EXISTS {name}", f"CREATE DATABASE {name}")
    url = postgres.url_of(name)
    try:
        migrate.upgrade(url)
        engine = engine_for(url)
        before = set(inspect(engine).get_table_names())
        engine.dispose()
        chain = revisions()
        migrate.downgrade(url, chain[-2] if len(chain) > 1 else "base")
        assert migrate.upgrade(url) == chain[-1]
        engine = engine_for(url)
        assert set(inspect(engine).get_table_names()) == before
        engine.dispose()
    finally:
        postgres.run(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


def test_sqlite_goes_forward_only(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'gridwatch.sqlite'}"
    migrate.upgrade(url)
    with pytest.raises(ValueError, match="forward only"):
        migrate.downgrade(url, "base")


def test_a_sqlite_file_with_data_is_copied_before_it_is_migrated(tmp_path: Path) -> None:
    chain = revisions()
    if len(chain) < 2:
        pytest.skip("there is only one migration yet")
    path = tmp_path / "gridwatch.sqlite"
    url = f"sqlite:///{path}"
    engine = engine_for(url)
    with engine.connect() as connection:
        dialect_of(connection).initialise(connection)
        connection.commit()
    command.upgrade(migrate._config(engine), chain[0])
    engine.dispose()
    assert migrate.upgrade(url) == chain[-1]
    (copy,) = tmp_path.glob(f"gridwatch.sqlite.before-{chain[0]}-*")
    old = engine_for(f"sqlite:///{copy}")
    assert migrate.current_revision(old) == chain[0]
    old.dispose()


def test_another_database_is_refused_with_a_sentence() -> None:
    with pytest.raises(Exception, match="sqlite"):
        migrate.upgrade("mysql://somewhere/else")
