"""Processes that run for days: they answer, they tick, they refuse what is unsafe, and they stop without dropping anybody."""

from __future__ import annotations

import http.client
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from urllib.parse import urlsplit

import pytest
from sqlalchemy import text

from gridwatch.config import SAMPLE_SECRET
from tests.fixtures import Work
from tests.jobs.conftest import Run, Start

only_spatialite = pytest.mark.parametrize("database_url", ["spatialite"], indirect=True)
only_postgis = pytest.mark.parametrize("database_url", ["postgis"], indirect=True)


@pytest.fixture
def port() -> str:
    """A port on which nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return str(probe.getsockname()[1])


def wait_until(true: Callable[[], bool], process: subprocess.Popen[str], seconds: float = 40) -> None:
    until = time.monotonic() + seconds
    while not true():
        assert process.poll() is None, process.stderr.read()
        assert time.monotonic() < until, "it did not come true in time"
        time.sleep(0.1)


def status(port: str, path: str = "/healthz") -> int:
    connection = http.client.HTTPConnection("127.0.0.1", int(port), timeout=10)
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    except OSError:
        return 0
    finally:
        connection.close()


def ticked(work: Work) -> bool:
    with work() as session:
        return session.scalar(text("SELECT count(*) FROM job_run WHERE name = 'reminders'")) == 1


@only_spatialite
def test_one_process_answers_and_ticks_and_stops_with_zero(start: Start, work: Work, port: str):
    server = start("serve", GRIDWATCH_PORT=port)
    wait_until(lambda: status(port) == 200, server)
    wait_until(lambda: ticked(work), server)

    server.send_signal(signal.SIGTERM)
    assert server.wait(timeout=35) == 0
    assert status(port) == 0


@only_spatialite
def test_a_request_that_has_begun_to_arrive_is_answered_before_the_end(start: Start, port: str):
    server = start("serve", GRIDWATCH_PORT=port)
    wait_until(lambda: status(port) == 200, server)
    with socket.create_connection(("127.0.0.1", int(port)), timeout=20) as phone:
        phone.sendall(
            b"POST /api/v1/auth/sign-out HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{"
        )
        time.sleep(0.5)
        server.send_signal(signal.SIGTERM)
        time.sleep(1)
        assert status(port) == 0, "nobody new is let in"
        phone.sendall(b"}")
        assert phone.recv(1000).startswith(b"HTTP/1.1 401 ")
    assert server.wait(timeout=35) == 0


@pytest.mark.slow
@only_postgis
def test_several_web_processes_with_a_scheduler_beside_them(start: Start, work: Work, port: str):
    server = start("serve", "--with-scheduler", GRIDWATCH_PORT=port, GRIDWATCH_WORKERS="2")
    wait_until(lambda: status(port) == 200, server)
    wait_until(lambda: ticked(work), server)
    assert status(port, "/api/v1/notices") == 401

    server.send_signal(signal.SIGTERM)
    assert server.wait(timeout=45) == 0
    assert status(port) == 0


def test_a_scheduler_of_its_own_ticks_at_once_and_stops_with_zero(start: Start, work: Work):
    scheduler = start("scheduler")
    wait_until(lambda: ticked(work), scheduler)
    scheduler.send_signal(signal.SIGTERM)
    assert scheduler.wait(timeout=35) == 0


@pytest.mark.parametrize("command", ["serve", "scheduler", "tick", "migrate"])
@only_spatialite
def test_production_refuses_the_sample_secret_and_a_set_clock(run: Run, command: str):
    for unsafe, named in (
        ({"GRIDWATCH_SECRET_KEY": SAMPLE_SECRET, "GRIDWATCH_CLOCK_FILE": ""}, "GRIDWATCH_SECRET_KEY"),
        ({"GRIDWATCH_SECRET_KEY": "short", "GRIDWATCH_CLOCK_FILE": ""}, "GRIDWATCH_SECRET_KEY"),
        ({}, "GRIDWATCH_CLOCK_FILE"),
    ):
        answer = run(command, GRIDWATCH_ENV="production", **unsafe)
        assert (answer.returncode, answer.stdout) == (2, "")
        assert answer.stderr.startswith(named)


@only_spatialite
def test_a_database_without_tables_is_refused_with_the_way_out(run: Run, tmp_path):
    answer = run("serve", GRIDWATCH_DATABASE_URL=f"sqlite:///{tmp_path}/empty.sqlite")
    assert answer.returncode == 2
    assert "gridwatch migrate" in answer.stderr


@only_spatialite
def test_a_port_that_is_taken_is_one_sentence(run: Run, port: str):
    with socket.socket() as other:
        other.bind(("127.0.0.1", int(port)))
        other.listen()
        answer = run("serve", GRIDWATCH_PORT=port)
    assert answer.returncode == 2
    assert f"127.0.0.1:{port}" in answer.stderr
    assert "Traceback" not in answer.stderr


@only_postgis
def test_a_server_that_is_not_there_is_one_sentence(run: Run, database_url: str, port: str):
    gone = urlsplit(database_url)
    answer = run("migrate", GRIDWATCH_DATABASE_URL=database_url.replace(f":{gone.port}/", f":{port}/"))
    assert answer.returncode == 2
    assert answer.stderr.startswith("数据库无法使用")
    assert "Traceback" not in answer.stderr
