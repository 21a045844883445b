"""`gridwatch demo`: the story can be told on any day of the year, a second start keeps everything, production is refused."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from sqlalchemy import text

from gridwatch.app import create_app
from gridwatch.audit.queries import breaks
from gridwatch.config import Settings
from gridwatch.db.base import db
from gridwatch.jobs.demo import ACCOUNTS, PASSWORD, prepare
from tests.fixtures import Caller, Clock

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(
    "today",
    [
        "2026-11-24 14:00",
        "2026-10-04 07:00",  # a Sunday inside the national holiday, before office hours
        "2027-01-15 10:00",  # the notice for 2027 is not published: dates are provisional
    ],
)
def test_three_leads_are_on_their_way_whatever_day_it_is(tmp_path: Path, clock: Clock, today: str):
    clock.set(today)
    settings = Settings(env="test", database_url=f"sqlite:///{tmp_path}/demo.sqlite", clock_file=str(clock.file))
    prepare(create_app, settings)

    app = create_app(settings)
    with app.app_context():
        leads = db.session.execute(text("SELECT title, state, no FROM lead ORDER BY no")).all()
        overdue = db.session.scalar(
            text(
                "SELECT count(*) FROM obligation o LEFT JOIN obligation_end e ON e.obligation_id = o.id "
                "WHERE o.kind = 'intervene' AND e.how IS NULL AND o.due_on < :today"
            ),
            {"today": clock.today().isoformat()},
        )
        told = set(db.session.scalars(text("SELECT stage FROM notice WHERE kind = 'reminder' AND sent_at IS NOT NULL")))
        tagged = db.session.scalar(text("SELECT count(*) FROM tag WHERE status = 'issued'"))
        calls = db.session.scalars(text("SELECT text FROM complaint WHERE state = 'received'")).all()
        broken = list(breaks(db.session()))
        db.session.remove()
        db.engine.dispose()
    assert [state for _, state, _ in leads] == ["closed", "dispatched", "reported"]
    told_of = [*(title for title, _, _ in leads), *calls]
    assert all(one.startswith("演示") for one in told_of), "a made-up finding must not look like a real one"
    assert (tagged, len(calls)) == (67, 1)
    assert (overdue, broken) == (1, [])
    assert {"W2", "W0", "B1"} <= told


class Demo:
    """The demo in a folder of its own, as a user starts it."""

    def __init__(self, folder: Path, clock: Clock) -> None:
        self.folder = folder
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        own = {name: value for name, value in os.environ.items() if not name.startswith("GRIDWATCH_")}
        library = os.environ.get("GRIDWATCH_SPATIALITE_LIBRARY")
        self.environment = {
            **own, **({"GRIDWATCH_SPATIALITE_LIBRARY": library} if library else {}), "GRIDWATCH_PORT": str(self.port),
            "GRIDWATCH_CLOCK_FILE": str(clock.file), "PYTHONUNBUFFERED": "1",
        }  # fmt: skip

    def run(self, *options: str, until_it_serves: bool = True, **changed: str) -> tuple[int, str]:
        """Start it, wait until it says its address, stop it: (exit status, what it said)."""
        process = subprocess.Popen(
            [sys.executable, "-m", "gridwatch.cli", "demo", *options], cwd=self.folder,
            env={**self.environment, **changed}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
        said = ""
        until = time.monotonic() + 90
        while until_it_serves and "Ctrl-C" not in said and process.poll() is None and time.monotonic() < until:
            said += process.stdout.readline()
        if until_it_serves:
            process.terminate()
        rest, _ = process.communicate(timeout=60)
        return process.returncode, said + rest


@pytest.fixture
def demo(tmp_path: Path, clock: Clock) -> Demo:
    (tmp_path / "cwd").mkdir()
    return Demo(tmp_path / "cwd", clock)


def test_it_says_where_who_and_what_and_a_second_start_keeps_everything(demo: Demo):
    status, said = demo.run()
    assert status == 0, said
    assert "正在准备" in said
    assert f"http://127.0.0.1:{demo.port}/" in said
    assert PASSWORD in said
    assert all(username in said for _, username in ACCOUNTS)

    file = demo.folder / ".demo/gridwatch.sqlite"
    kept = file.stat().st_ino
    status, said = demo.run()
    assert (status, "正在准备" in said, file.stat().st_ino) == (0, False, kept)

    status, said = demo.run("--fresh")
    assert (status, "正在准备" in said) == (0, True)


def test_production_is_refused_before_anything_is_made(demo: Demo):
    status, said = demo.run(
        until_it_serves=False, GRIDWATCH_ENV="production", GRIDWATCH_SECRET_KEY="s" * 40, GRIDWATCH_CLOCK_FILE=""
    )
    assert (status, "生产环境拒绝启动" in said) == (2, True), said
    assert not (demo.folder / ".demo").exists()


def test_fresh_touches_no_other_database(demo: Demo, tmp_path: Path):
    other = tmp_path / "precious.sqlite"
    other.write_bytes(b"")
    status, said = demo.run("--fresh", until_it_serves=False, GRIDWATCH_DATABASE_URL=f"sqlite:///{other}")
    assert (status, ".demo/" in said) == (2, True)
    assert other.exists()


def test_everybody_named_can_sign_in(tmp_path: Path, clock: Clock):
    settings = Settings(env="test", database_url=f"sqlite:///{tmp_path}/demo.sqlite", clock_file=str(clock.file))
    prepare(create_app, settings)
    app = create_app(settings)
    for role, username in ACCOUNTS:
        caller = Caller(app, clock)
        device = {"id": "0192f0c4-0000-7000-8000-000000000001", "name": "x", "platform": "y", "app_build": 1}
        answer = caller.post("/api/v1/auth/sign-in", {"username": username, "password": PASSWORD, "device": device})
        assert (answer.status, role.value in answer.body["user"]["roles"]) == (200, True), username
