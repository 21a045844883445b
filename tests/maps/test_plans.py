"""A box is answered by an index on both databases, whatever leads to the place of a row: nobody reads a city for one tile."""

from __future__ import annotations

from datetime import date

import pytest
from sqlalchemy import text

from gridwatch.domain.permits import Actor, Grant, Role
from gridwatch.maps.layers import LAYERS
from gridwatch.maps.queries import Asked, asked_rows
from tests.fixtures import Work, World

DESK = Actor("x", "", (Grant(Role.STREET_DISPATCHER, "441900/441900004/"),))
SPATIAL = {"sqlite": "SpatialIndex", "postgresql": "idx_entity_position"}


@pytest.mark.parametrize("layer", ["entities", "tasks", "leads"])
def test_a_box_goes_by_index(work: Work, world: World, layer: str) -> None:
    with work() as session:
        engine = session.get_bind()
        statement = asked_rows(
            session, LAYERS[layer], DESK, Asked(box=(113.74, 23.01, 113.75, 23.02)), date(2026, 9, 18)
        )
        sql = str(statement.compile(engine, compile_kwargs={"literal_binds": True}))
        if engine.dialect.name == "postgresql":
            session.execute(text("SET LOCAL enable_seqscan = off"))  # the tables are empty: any plan would do
        explain = "EXPLAIN QUERY PLAN " if engine.dialect.name == "sqlite" else "EXPLAIN "
        plan = "\n".join(str(row[-1]) for row in session.connection().exec_driver_sql(explain + sql))
    assert SPATIAL[engine.dialect.name] in plan
    assert ("ix_lead_point" in plan) == (layer != "entities")
    for table in ("entity", "task", "lead"):
        assert f"SCAN {table}\n" not in f"{plan}\n"
        assert f"Seq Scan on {table} " not in plan
