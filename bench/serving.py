"""Servers as they run in production, each a process of its own, and the driver that calls them."""

from __future__ import annotations

import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import IO

from bench.machine import cpu_of
from gridwatch.config import Settings
from gridwatch.jobs.serving import web_command
from tests.databases import PORTS

READY_S = 30


@dataclass(frozen=True, slots=True)
class Server:
    """A running server: where it listens, and the processes whose work counts as the server's (web and database)."""

    host: str
    port: int
    roots: list[int]


@dataclass(frozen=True, slots=True)
class Calls:
    """What the driver measured: calls a second, milliseconds at the median and p99, milliseconds of server CPU a call."""

    rate: float
    p50_ms: float
    p99_ms: float
    cpu_ms: float


@contextmanager
def gridwatch(url: str, secret: str, database: list[int]) -> Iterator[Server]:
    """`gridwatch serve` in production mode. `database` are the first processes of the database server, if there is one."""
    settings = _settings(url, secret)
    with _running([sys.executable, "-m", "gridwatch.cli", "serve"], settings, database) as server:
        yield server


@contextmanager
def thin(url: str, secret: str, database: list[int]) -> Iterator[Server]:
    """The thin application behind the same web server with the same number of processes and threads."""
    settings = _settings(url, secret)
    if settings.is_sqlite:
        listen = f"--listen={settings.host}:{settings.port}"
        command = [
            sys.executable,
            "-m",
            "waitress",
            listen,
            f"--threads={settings.threads}",
            "--call",
            "bench.thin:create_app",
        ]
    else:
        command = [
            "bench.thin:create_app" if word == "gridwatch.app:create_app" else word for word in web_command(settings)
        ]
    with _running(command, settings, database) as server:
        yield server


def call(server: Server, requests: Sequence[bytes], *, clients: int, seconds: float, mark: str) -> Calls:
    """Let a driver process call the server for so long; every answer must be a 200 that contains `mark`."""
    data = b"".join(len(one).to_bytes(4, "big") + one for one in requests)
    command = [sys.executable, "-m", "bench.driver", server.host, str(server.port), str(clients), str(seconds), mark]
    before = cpu_of(server.roots)
    answer = subprocess.run(command, input=data, capture_output=True, check=False)
    used = cpu_of(server.roots) - before
    if answer.returncode:
        raise RuntimeError(f"the driver failed: {answer.stderr.decode()[-2_000:]}")
    said = json.loads(answer.stdout)
    return Calls(said["calls"] / said["seconds"], said["p50_ms"], said["p99_ms"], 1_000 * used / said["calls"])


def _settings(url: str, secret: str) -> Settings:
    return Settings(env="production", database_url=url, secret_key=secret, port=_free_port(), log_level="ERROR")


@contextmanager
def _running(command: list[str], settings: Settings, database: list[int]) -> Iterator[Server]:
    given = {f"GRIDWATCH_{name.upper()}": str(value) for name, value in asdict(settings).items() if value != ""}
    with (
        tempfile.TemporaryFile() as said
    ):  # a busy server warns of every queue; it is read only where one does not start
        process = subprocess.Popen(command, env={**os.environ, **given}, stdout=subprocess.DEVNULL, stderr=said)
        try:
            _wait(settings, process, said)
            yield Server(settings.host, settings.port, [process.pid, *database])
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(timeout=60)


def _wait(settings: Settings, process: subprocess.Popen[bytes], said: IO[bytes]) -> None:
    until = time.monotonic() + READY_S
    while time.monotonic() < until and process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex((settings.host, settings.port)) == 0:
                return
        time.sleep(0.1)
    said.seek(0)
    words = said.read().decode(errors="replace")[-2_000:]
    raise RuntimeError(f"the server did not answer within {READY_S} s (exit status {process.poll()}): {words}")


def _free_port() -> int:
    while True:
        port = secrets.choice(PORTS)
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) != 0:
                return port
