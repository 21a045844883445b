"""/healthz and /readyz: broken on purpose, one thing after another, each seen going red and coming back."""

from __future__ import annotations

import shutil
from collections import namedtuple
from datetime import date

import pytest
from flask import Flask
from sqlalchemy import text

from gridwatch.calendars.service import NoticeDay, import_days
from gridwatch.db.base import db
from gridwatch.domain.worktime import DayKind
from gridwatch.jobs import checks
from gridwatch.jobs.service import run_all
from gridwatch.web import health
from tests.fixtures import Caller, Clock, Work

FROM_OUTSIDE = {"REMOTE_ADDR": "203.0.113.9"}


@pytest.fixture
def ready(app: Flask, work: Work, clock: Clock, client: Caller, monkeypatch: pytest.MonkeyPatch) -> Caller:
    """An application that is ready, and looks anew at every request. Durability is the test server's own business."""
    app.extensions["gridwatch.readiness"] = health.Readiness(checks.ready, kept_s=0)
    with work() as session:
        days = [NoticeDay(date(2026, 10, 1), DayKind.HOLIDAY, "国庆节", 2026)]
        import_days(session, days, source="放假安排", actor_id="system", at=clock.now())
    with app.app_context():
        run_all(clock.now())
        if app.config["GRIDWATCH"].is_sqlite is False:
            monkeypatch.setattr("gridwatch.db.dialects.postgis.DURABLE", {"fsync": {"off"}, "synchronous_commit": {"off"},
                                                                          "full_page_writes": {"off"}})  # fmt: skip
    return client


def red(client: Caller) -> set[str]:
    """The checks that are not ok; the status is 503 exactly when there are some."""
    answer = client.get("/readyz")
    names = {check["name"] for check in answer.body["checks"] if not check["ok"]}
    assert answer.status == (503 if names else 200)
    assert all(check["fix"] for check in answer.body["checks"] if not check["ok"])
    return names


def test_alive_needs_no_database(app: Flask, work: Work, client: Caller):
    with work() as session:
        session.execute(text("DROP TABLE job_run"))
    answer = client.get("/healthz")
    assert (answer.status, answer.body) == (200, {"status": "alive"})


def test_ready_when_all_is_well(ready: Caller):
    assert red(ready) == set()
    assert {check["name"] for check in ready.get("/readyz").body["checks"]} == {
        "database", "schema", "durability", "disk", "scheduler", "clock", "calendar",
    }  # fmt: skip


def test_a_dead_scheduler(ready: Caller, app: Flask, clock: Clock):
    clock.advance(seconds=120)
    assert red(ready) == set()
    clock.advance(seconds=1)
    assert red(ready) == {"scheduler"}
    with app.app_context():
        run_all(clock.now())
    assert red(ready) == set()


def test_a_calendar_that_ends_within_60_days(ready: Caller, app: Flask, work: Work, clock: Clock):
    clock.set("2026-11-02 09:00")  # 60 days on is 2027-01-01
    with app.app_context():
        run_all(clock.now())
    assert red(ready) == {"calendar"}
    with work() as session:
        days = [NoticeDay(date(2027, 1, 1), DayKind.HOLIDAY, "元旦", 2027)]
        import_days(session, days, source="放假安排", actor_id="system", at=clock.now())
    assert red(ready) == set()


def test_another_schema_than_the_code_needs(ready: Caller, work: Work):
    with work() as session:
        session.execute(text("UPDATE alembic_version SET version_num = '0000'"))
    assert red(ready) == {"schema"}


def test_a_database_that_takes_no_write(ready: Caller, work: Work):
    with work() as session:
        session.execute(text("ALTER TABLE job_run RENAME TO elsewhere"))
    assert {"database", "scheduler"} <= red(ready)
    with work() as session:
        session.execute(text("ALTER TABLE elsewhere RENAME TO job_run"))
    assert red(ready) == set()


@pytest.mark.parametrize("database_url", ["spatialite"], indirect=True)
def test_commits_that_do_not_survive_a_power_cut(ready: Caller, app: Flask):
    with app.app_context(), db.engine.connect() as connection:  # the pool gives the same connection again
        connection.exec_driver_sql("PRAGMA synchronous=NORMAL")
    assert red(ready) == {"durability"}


def test_a_full_disk(ready: Caller, monkeypatch: pytest.MonkeyPatch):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda place: usage(100_000_000_000, 99_100_000_000, 900_000_000))
    assert red(ready) == {"disk"}
    monkeypatch.setattr(shutil, "disk_usage", lambda place: usage(10_000_000_000, 9_400_000_000, 600_000_000))
    assert red(ready) == set(), "6 % of a small disk is room enough"


def test_a_stopping_process_is_red_at_once(ready: Caller, app: Flask):
    health.stopping(app)
    answer = ready.get("/readyz")
    assert (answer.status, answer.body) == (503, {"status": "stopping"})
    assert ready.get("/healthz").status == 200


def test_why_is_told_to_operators_only(ready: Caller, world):
    assert "checks" in ready.get("/readyz").body
    assert ready.get("/readyz", environ_base=FROM_OUTSIDE).body == {"status": "ready"}
    proxied = ready.get("/readyz", headers={"X-Forwarded-For": "203.0.113.9"})
    assert proxied.body == {"status": "ready"}, "a proxy on this machine speaks for somebody else"
    assert "checks" in ready.as_("administrator").get("/readyz", environ_base=FROM_OUTSIDE).body
    assert "checks" not in ready.as_("street_dispatcher").get("/readyz", environ_base=FROM_OUTSIDE).body


def test_an_answer_is_kept_for_a_few_seconds(app: Flask):
    looks: list[int] = []
    readiness = health.Readiness(lambda: looks.append(1) or [], kept_s=60)
    readiness.findings()
    readiness.findings()
    assert len(looks) == 1
