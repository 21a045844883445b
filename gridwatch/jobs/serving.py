"""`gridwatch serve` and `gridwatch scheduler`: the processes that run for days, and how they stop.

On SpatiaLite one process does everything: waitress threads answer, a background scheduler ticks. On PostgreSQL granian runs
several web processes, and the scheduler is a process of its own. SIGTERM (or Ctrl-C) ends each of them gracefully: no new
connections, what is in flight is finished for up to 30 seconds, exit status 0.
"""

from __future__ import annotations

import logging
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from types import FrameType
from typing import Any

import click
from apscheduler.schedulers.background import BackgroundScheduler
from flask import Flask
from waitress import create_server, wasyncore
from waitress.channel import HTTPChannel
from waitress.server import BaseWSGIServer

from gridwatch.config import Settings, Unready
from gridwatch.db.base import db
from gridwatch.db.migrate import current_revision, newest_revision
from gridwatch.jobs.service import run_due
from gridwatch.web import health
from gridwatch.web.clock import now

log = logging.getLogger("gridwatch.serving")

DRAIN_S = 30
STOPS = (signal.SIGTERM, signal.SIGINT)
BODY_MOST = (
    12_000_000  # bytes of a request; the application refuses more than 11 MB with a sentence, this is the wall behind
)
IDLE_S = 120  # an idle connection is closed after this

MakeApp = Callable[..., Flask]


@click.command()
@click.option(
    "--with-scheduler",
    is_flag=True,
    help="PostgreSQL：同时启动调度进程 · on PostgreSQL, run the scheduler beside the web processes",
)
@click.pass_obj
def serve(make_app: MakeApp, with_scheduler: bool) -> None:
    """启动服务 · Serve HTTP at GRIDWATCH_HOST:GRIDWATCH_PORT; on SpatiaLite with the scheduler inside."""
    settings = Settings.from_environment()
    app = ready_app(make_app, settings)
    if settings.is_sqlite:
        serve_embedded(app, settings)
        return
    with app.app_context():
        db.engine.dispose()
    if with_scheduler:
        sys.exit(run_together([web_command(settings), [sys.executable, "-m", "gridwatch.cli", "scheduler"]]))
    os.execv(sys.executable, web_command(settings))  # noqa: S606 - our own interpreter, granian with the settings above


@click.command()
@click.pass_obj
def scheduler(make_app: MakeApp) -> None:
    """启动调度 · Run due work every GRIDWATCH_TICK_SECONDS. Any number of these may run; one is enough."""
    settings = Settings.from_environment()
    app = ready_app(make_app, settings)
    signal.pthread_sigmask(signal.SIG_BLOCK, STOPS)  # before any thread starts, so that only sigwait takes them
    ticking = start_scheduler(app, settings)
    log.info("scheduler ticks every %d s", settings.tick_seconds)
    signal.sigwait(STOPS)
    ticking.shutdown(wait=True)
    log.info("scheduler stopped")


def ready_app(make_app: MakeApp, settings: Settings) -> Flask:
    """The application with logging set up. Raises Unready where the schema is not the one that this code needs."""
    logging.basicConfig(level=settings.log_level, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    for chatty in ("alembic", "apscheduler"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    app = make_app(settings)
    with app.app_context():
        at = current_revision(db.engine)
    if at != newest_revision():
        raise Unready(
            f"数据库结构为 {at or '空'}，程序需要 {newest_revision()}：请先运行 gridwatch migrate / the schema is {at or 'empty'}, "
            f"{newest_revision()} is needed: run gridwatch migrate first"
        )
    return app


def start_scheduler(app: Flask, settings: Settings) -> BackgroundScheduler:
    """A scheduler that ticks in a thread of this process: at once, then every `tick_seconds`, one tick at a time.

    Ticks that were missed are not made up for: each scans for everything that is due.
    """

    def tick() -> None:
        with app.app_context():
            run_due(now())

    ticking = BackgroundScheduler(timezone="Asia/Shanghai")
    ticking.add_job(
        tick, "interval", seconds=settings.tick_seconds, next_run_time=datetime.now(UTC), coalesce=True, max_instances=1,
        misfire_grace_time=None,
    )  # fmt: skip
    ticking.start()
    return ticking


# -- SpatiaLite: one process --------------------------------------------------------------------------------------------


def serve_embedded(app: Flask, settings: Settings, started: Callable[[int], None] = lambda port: None) -> None:
    """Answer and tick in this process until SIGTERM or SIGINT. `started` is told the port once it is listening.

    Raises Unready where the address cannot be had.
    """
    sockets: dict[int, Any] = {}
    try:
        server = create_server(
            app, map=sockets, host=settings.host, port=settings.port, threads=settings.threads,
            max_request_body_size=BODY_MOST, channel_timeout=IDLE_S, clear_untrusted_proxy_headers=False, ident=None,
        )  # fmt: skip
    except OSError as problem:
        raise Unready(
            f"无法监听 {settings.host}:{settings.port}，请改 GRIDWATCH_HOST 或 GRIDWATCH_PORT / cannot listen there: {problem}"
        ) from None
    asked_to_stop: list[int] = []

    def stop(number: int, frame: FrameType | None) -> None:
        asked_to_stop.append(number)

    for number in STOPS:
        signal.signal(number, stop)
    ticking = start_scheduler(app, settings)
    listeners = [one for one in sockets.values() if isinstance(one, BaseWSGIServer)]
    started(int(listeners[0].effective_port))
    while not asked_to_stop:
        wasyncore.loop(timeout=0.5, use_poll=True, map=sockets, count=1)
    health.stopping(app)
    _drain(listeners, sockets)
    ticking.shutdown(wait=True)
    server.task_dispatcher.shutdown(timeout=1)
    wasyncore.close_all(sockets)


def _drain(listeners: Sequence[BaseWSGIServer], sockets: dict[int, Any]) -> None:
    """Take no new connections; go on until every request that has begun to arrive is answered, DRAIN_S at most."""
    for listener in listeners:
        while select.select([listener.socket], [], [], 0)[0]:  # those who have connected already are answered too
            listener.handle_accept()
        listener.del_channel(sockets)
        listener.socket.close()
    until = time.monotonic() + DRAIN_S
    busy = True
    while busy and time.monotonic() < until:
        wasyncore.loop(timeout=0.1, use_poll=True, map=sockets, count=1)  # once at least: bytes may have come already
        busy = any(map(_is_busy, list(sockets.values())))


def _is_busy(one: Any) -> bool:
    return isinstance(one, HTTPChannel) and bool(one.requests or one.request is not None or one.total_outbufs_len)


# -- PostgreSQL: several processes --------------------------------------------------------------------------------------


def web_command(settings: Settings) -> list[str]:
    """The command line of granian with our settings; the application reads the same environment as this process."""
    return [
        sys.executable, "-m", "granian", "--interface", "wsgi", "--factory", "gridwatch.app:create_app",
        "--host", settings.host, "--port", str(settings.port), "--workers", str(settings.workers),
        "--blocking-threads", str(settings.threads), "--no-ws", "--respawn-failed-workers",
        "--workers-kill-timeout", str(DRAIN_S), "--log-level", settings.log_level.lower(),
    ]  # fmt: skip


def run_together(commands: Sequence[Sequence[str]]) -> int:
    """Run processes until one ends or we are told to stop; then end the others. Returns 0 for a stop that was asked for."""
    watched = (*STOPS, signal.SIGCHLD)
    signal.pthread_sigmask(signal.SIG_BLOCK, watched)

    def hear_signals_again() -> None:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, watched)  # a child inherits the mask

    children = [subprocess.Popen(command, preexec_fn=hear_signals_again) for command in commands]  # noqa: PLW1509, S603
    came = signal.sigwait(watched)
    for child in children:
        child.terminate()
    for child in children:
        child.wait()
    if came == signal.SIGCHLD:
        log.error("a process ended by itself: %s", [child.returncode for child in children])
        return 1
    return 0
