"""The quick lane gives what a session gives, and a connection that died is not the caller's trouble."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from flask import Flask
from sqlalchemy import bindparam, create_engine, func, literal, select, text
from sqlalchemy.exc import DBAPIError, OperationalError

from gridwatch.db import quick
from gridwatch.db.base import Instant, Json, db
from gridwatch.jobs.models import JobRun
from gridwatch.people.models import User
from tests.fixtures import Clock, Work, World

_RUNS = (
    select(JobRun.name, JobRun.at, JobRun.did)
    .where(JobRun.at <= bindparam("until", type_=Instant))
    .order_by(JobRun.name)
)
_ALWAYS = {"until": datetime(2100, 1, 1, tzinfo=UTC)}


@pytest.fixture(autouse=True)
def runs(work: Work, clock: Clock) -> None:
    """Two runs of jobs."""
    with work() as session:
        session.add_all(JobRun(name=name, at=clock.now(), did={"数": number}) for number, name in enumerate(("a", "b")))


def test_it_reads_what_a_session_reads(app: Flask, clock: Clock):
    with app.app_context():
        found = quick.rows(_RUNS, _ALWAYS)
        assert found == [("a", clock.now(), {"数": 0}), ("b", clock.now(), {"数": 1})]
        assert found == [tuple(row) for row in db.session.execute(_RUNS, _ALWAYS)]
        assert quick.rows(_RUNS, {"until": datetime(2000, 1, 1, tzinfo=UTC)}) == []


def test_values_that_stand_in_a_statement_go_with_it(app: Flask):
    given = select(literal("网格:").concat(bindparam("code")), literal({"a": [1, None]}, Json))
    with app.app_context():
        assert quick.rows(given, {"code": "441900"}) == [("网格:441900", {"a": [1, None]})]


def test_a_list_of_values_is_given_at_each_call(app: Flask, world: World):
    with app.app_context():
        some = select(func.count()).where(quick.dialect().among_given(User.username, "names"))
        names = list(db.session.scalars(select(User.username).limit(2)))
        assert [quick.rows(some, {"names": given})[0][0] for given in (names, names[:1], [])] == [2, 1, 0]


def test_it_sees_what_is_committed_and_nothing_else(app: Flask, work: Work):
    with work() as session:
        session.execute(text("DELETE FROM job_run"))
        assert len(quick.rows(_RUNS, _ALWAYS)) == 2
    with app.app_context():
        assert quick.rows(_RUNS, _ALWAYS) == []


def test_a_mistake_is_an_error_and_the_next_read_works(app: Flask):
    wrong = select(func.no_such_function(bindparam("n")))
    with app.app_context():
        with pytest.raises(DBAPIError):
            quick.rows(wrong, {"n": 1})
        assert len(quick.rows(_RUNS, _ALWAYS)) == 2


def test_a_connection_that_died_is_replaced(app: Flask):
    with app.app_context():
        engine = app.extensions["gridwatch.quick"].engine
        if engine.dialect.name == "sqlite":
            pytest.skip("a file does not hang up")
        mine = select(func.pg_backend_pid())
        pid = quick.rows(mine, {})[0][0]
        db.session.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": pid})
        assert quick.rows(mine, {})[0][0] != pid


def test_a_database_that_is_away_is_said_as_a_session_says_it():
    nobody = quick.Lane(create_engine("postgresql+psycopg://nobody@127.0.0.1:1/none"))
    with pytest.raises(OperationalError):
        nobody.rows(select(literal(1)), {})
