"""The table of jobs: everything runs, one that fails stops nobody, and the pace is the database's, not a process's."""

from __future__ import annotations

import importlib
from datetime import datetime, timedelta

import pytest

from gridwatch.db.base import db
from gridwatch.jobs import service
from gridwatch.jobs.service import last_runs, run_all, run_due
from gridwatch.jobs.table import EACH_TICK, HEARTBEAT, JOBS, Job
from tests.fixtures import Clock

ran: list[str] = []


def one(now: datetime) -> dict[str, int]:
    ran.append(f"one {now:%H:%M}")
    return {"taken": 1}


def broken(now: datetime) -> dict[str, int]:
    raise LookupError("nothing there")


@pytest.fixture(autouse=True)
def nothing_ran_yet() -> None:
    ran.clear()


HERE = "tests.jobs.test_jobs"
ONE, BROKEN = Job("one", EACH_TICK, f"{HERE}:one"), Job("broken", EACH_TICK, f"{HERE}:broken")
HOURLY = Job("hourly", timedelta(hours=1), f"{HERE}:one")


@pytest.mark.parametrize("job", JOBS, ids=lambda job: job.name)
def test_every_job_of_the_table_is_there(job: Job):
    module, _, name = job.function.partition(":")
    assert callable(getattr(importlib.import_module(module), name))
    assert HEARTBEAT in {one.name for one in JOBS}


def test_a_tick_runs_every_job_and_says_what_each_did(app, clock: Clock):
    with app.app_context():
        did = run_all(clock.now())
    assert list(did) == [job.name for job in JOBS]
    assert not any("error" in one for one in did.values()), did


def test_one_that_fails_is_named_and_stops_nobody(app, clock: Clock):
    with app.app_context():
        did = run_all(clock.now(), [BROKEN, ONE])
        assert did == {"broken": {"error": "LookupError: nothing there"}, "one": {"taken": 1}}
        assert set(last_runs(db.session())) == {"one"}, "a job that failed has not run"


def test_a_job_whose_module_is_missing_is_an_error_not_a_silence(app, clock: Clock):
    with app.app_context():
        did = run_all(clock.now(), [Job("lost", EACH_TICK, "gridwatch.nowhere:job")])
    assert "ModuleNotFoundError" in did["lost"]["error"]


def test_an_hourly_job_runs_once_an_hour_however_many_schedulers_tick(app, clock: Clock):
    with app.app_context():
        for minutes in (0, 1, 30, 29, 1):
            clock.advance(minutes=minutes)
            run_due(clock.now(), [HOURLY])
            run_due(clock.now(), [HOURLY])  # the other scheduler
    assert ran == ["one 01:00", "one 02:00"]


def test_a_clock_that_was_set_back_does_not_silence_a_job(app, clock: Clock):
    with app.app_context():
        run_due(clock.now(), [HOURLY])
        clock.advance(days=-30)
        run_due(clock.now(), [HOURLY])
    assert len(ran) == 2


def test_the_last_run_is_kept_with_what_it_did(app, clock: Clock):
    with app.app_context():
        run_all(clock.now(), [ONE])
        clock.advance(minutes=5)
        run_all(clock.now(), [ONE])
        (row,) = db.session().query(service.JobRun).all()
        assert (row.name, row.at, row.did) == ("one", clock.now(), {"taken": 1})
