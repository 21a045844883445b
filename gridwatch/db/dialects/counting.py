"""What both dialects need of a copy."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import Connection


def count_rows(connection: Connection, tables: Collection[str]) -> dict[str, int]:
    """How many rows each of these tables (names of ours) has."""
    return {
        name: connection.exec_driver_sql(f"SELECT count(*) FROM {name}").scalar_one()  # noqa: S608
        for name in sorted(tables)
    }
