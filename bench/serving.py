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
from typing import IO, Any

import orjson

from bench.databases import SECRET, Place
from bench.driver import Client
from bench.machine import cpu_of
from gridwatch.config import Settings
from gridwatch.jobs.serving import web_command
from gridwatch.sync.wire import unpack
from tests.databases import PORTS

READY_S = 30


@dataclass(frozen=True, slots=True)
class Server:
    """A running server: where it listens, its first web process, and that of the database server if there is one.

    What they do and what the processes do that they started counts as the server's work.
    """

    host: str
    port: int
    web: int
    database: list[int]

    @property
    def roots(self) -> list[int]:
        """All of them."""
        return [self.web, *self.database]


@dataclass(frozen=True, slots=True)
class Calls:
    """What the driver measured: calls, seconds until the last answer, milliseconds at the median and p99, server CPU a call."""

    calls: int
    seconds: float
    p50_ms: float
    p99_ms: float
    cpu_ms: float

    @property
    def rate(self) -> float:
        """Calls a second."""
        return self.calls / self.seconds


@contextmanager
def gridwatch(place: Place, url: str) -> Iterator[Server]:
    """`gridwatch serve` in production mode."""
    with _running(place, [sys.executable, "-m", "gridwatch.cli", "serve"], _settings(place, url)) as server:
        yield server


@contextmanager
def gridwatch_by_gunicorn(place: Place, url: str) -> Iterator[Server]:
    """The same application behind gunicorn's threaded workers, as many processes and threads. PostgreSQL only."""
    settings = _settings(place, url)
    command = [
        sys.executable, "-m", "gunicorn", "gridwatch.app:create_app()", "--bind", f"{settings.host}:{settings.port}",
        "--worker-class", "gthread", "--workers", str(settings.workers), "--threads", str(settings.threads),
        "--worker-connections", "1000", "--keep-alive", "120", "--log-level", "error",
    ]  # fmt: skip
    with _running(place, command, settings) as server:
        yield server


@contextmanager
def thin(place: Place, url: str) -> Iterator[Server]:
    """The thin application behind the same web server with the same number of processes and threads."""
    settings = _settings(place, url)
    if settings.is_sqlite:
        listen = [f"--listen={settings.host}:{settings.port}", f"--threads={settings.threads}"]
        command = [sys.executable, "-m", "waitress", *listen, "--call", "bench.thin:create_app"]
    else:
        command = [
            "bench.thin:create_app" if word == "gridwatch.app:create_app" else word for word in web_command(settings)
        ]
    with _running(place, command, settings) as server:
        yield server


def call(
    server: Server, requests: Sequence[bytes], *, clients: int, mark: str, least: int = 0,
    seconds: float | None = None, over: float | None = None,
) -> Calls:  # fmt: skip
    """Let a driver process call the server: again and again for `seconds`, or each request once, evenly `over` so many seconds
    or as fast as it goes. Every answer must be a 200 that contains `mark` and has a body of at least so many bytes."""
    data = b"".join(len(one).to_bytes(4, "big") + one for one in requests)
    options = {"least": least, "seconds": seconds, "over": over}
    command = [sys.executable, "-m", "bench.driver", server.host, str(server.port), str(clients), mark]
    command += [f"--{name}={given}" for name, given in options.items() if given is not None]
    before = cpu_of(server.roots)
    answer = subprocess.run(command, input=data, capture_output=True, check=False)
    used = cpu_of(server.roots) - before
    if answer.returncode:
        raise RuntimeError(f"the driver failed: {answer.stderr.decode()[-2_000:]}")
    said = json.loads(answer.stdout)
    return Calls(**said, cpu_ms=1_000 * used / said["calls"])


def ask(server: Server, request: bytes) -> tuple[bytes, Any]:
    """One answer: its body as it came, and the JSON in it."""
    client = Client((server.host, server.port))
    client.ask(request)
    while client.hear() is None:
        pass
    client.socket.close()
    return client.body, orjson.loads(unpack(client.body) if b"ncoding: zstd" in client.head else client.body)


def _settings(place: Place, url: str) -> Settings:
    return Settings(
        env="production", database_url=url, secret_key=SECRET, port=_free_port(), log_level="ERROR",
        files_dir=str(place.directory / "files"),
    )  # fmt: skip


@contextmanager
def _running(place: Place, command: list[str], settings: Settings) -> Iterator[Server]:
    given = {f"GRIDWATCH_{name.upper()}": str(value) for name, value in asdict(settings).items() if value != ""}
    with (
        tempfile.TemporaryFile() as said
    ):  # a busy server warns of every queue; it is read only where one does not start
        process = subprocess.Popen(command, env={**os.environ, **given}, stdout=subprocess.DEVNULL, stderr=said)
        try:
            _wait(settings, process, said)
            yield Server(settings.host, settings.port, process.pid, place.database_roots)
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
