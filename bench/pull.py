"""The no-change pull (sync-protocol, section 3): what phones ask most, beside a thin Flask route with one select."""

from __future__ import annotations

import io
import os
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import orjson
from flask import Flask

from bench import scopes, serving, thin
from bench.city import City
from bench.databases import Place, app_over, settle, writing
from bench.machine import Others
from bench.scopes import Phone
from bench.serving import Calls
from bench.table import Aim, Row
from bench.timing import Measured, alternate, measured
from gridwatch.app import create_app
from gridwatch.config import Settings
from gridwatch.db.base import db

SECRET = "bench-" * 8
PATH, MARK = "/api/v1/sync/pull", '"scopes":[]'
CLIENTS = 32
CITIES = {  # large and small
    ("postgis", "full"): (City(50, 40), City(5, 4)), ("postgis", "small"): (City(5, 4), City(2, 2)),
    ("spatialite", "full"): (City(20, 10), City(5, 4)), ("spatialite", "small"): (City(5, 4), City(2, 2)),
}  # fmt: skip
BARE_IS = (
    "a Flask route that parses the same request and makes one select by primary key (own connection for each thread, autocommit), "
    "behind the same web server with the same processes and threads; no sign-in, no rights"
)
SMALL_IS = "the same call where the feed is smaller"


def run(place: Place) -> Iterator[Row]:
    """Calls a second, server CPU a call, and milliseconds a call within one process, over a large and a small feed."""
    cities = CITIES[place.kind, place.size]
    database = [place.server.process] if place.server else []
    runs, spell = (1, 1.0) if place.small else (5, 4.0)
    with ExitStack() as stack:
        urls = [stack.enter_context(place.database()) for _ in cities]
        phones = [_build(url, city) for url, city in zip(urls, cities, strict=True)]
        inside = _in_process(urls, phones, runs, calls=100 if place.small else 2_000)
        with Others(place.roots) as others:
            servers = [stack.enter_context(serving.gridwatch(url, SECRET, database)) for url in urls]
            servers.append(stack.enter_context(serving.thin(urls[0], SECRET, database)))
            requests = [
                *(list(map(_request, some)) for some in phones),
                [_request(one, thin.PATH) for one in phones[0]],
            ]
            marks = [MARK, MARK, thin.MARK]
            works: list[Callable[[], Calls]] = [
                lambda server=server, asked=asked, mark=mark: serving.call(
                    server, asked, clients=CLIENTS, seconds=spell, mark=mark
                )
                for server, asked, mark in zip(servers, requests, marks, strict=True)
            ]
            figures = alternate(works, runs)
    large, small = (f"{city.grids * scopes.TASKS_A_GRID:,} tasks in {city.grids:,} grids" for city in cities)
    both = f"{large} beside {small}"

    def row(what: str, size: str, ours: Measured, bare: Measured, unit: str, bare_is: str, aim: Aim | None) -> Row:
        return Row(
            "pull", what, place.kind, size, ours.median, unit, bare.median, bare_is, aim, ours.spread, others.share
        )

    rates, cpus, waits = (
        [measured(getattr(one, name) for one in some) for some in figures] for name in ("rate", "cpu_ms", "p99_ms")
    )
    on_postgis = place.kind == "postgis"
    share, cpu, same = (
        (Aim(0.6, least=True, of_ratio=True), Aim(0.6), Aim(0.9, least=True, of_ratio=True))
        if on_postgis
        else (None, None, None)
    )
    what = f"no change, {CLIENTS} clients"
    yield row(what, large, rates[0], rates[2], "calls/s", BARE_IS, share)
    yield row(f"{what}: server CPU", large, cpus[0], cpus[2], "ms", BARE_IS, cpu)
    yield row(f"{what}: p99", large, waits[0], waits[2], "ms", BARE_IS, None)
    yield row(what, both, rates[0], rates[1], "calls/s", SMALL_IS, same)
    yield row("no change, in process", large, inside[0], inside[2], "ms", BARE_IS, None)
    yield row("no change, in process", both, inside[0], inside[1], "ms", SMALL_IS, None)


def _build(url: str, city: City) -> list[Phone]:
    with app_over(url):
        with writing(db.engine) as connection:
            phones = scopes.build(connection, city, SECRET)
        settle(db.engine)
    return phones


# -- what a phone says ------------------------------------------------------------------------------------------------


def _body(phone: Phone) -> bytes:
    heartbeat = {
        "device_id": phone.device_id, "app_build": 17, "unsent": 0, "unsent_bytes": 0, "oldest_unsent_at": None,
        "highest_device_no": 612, "storage_persisted": True, "storage_used": 52_400_000,
    }  # fmt: skip
    return orjson.dumps({"schema": 1, "limit": 500, "scopes": phone.scopes, "heartbeat": heartbeat})


def _request(phone: Phone, path: str = PATH) -> bytes:
    body = _body(phone)
    return (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {phone.bearer}\r\nContent-Type: application/json\r\n"
        f"Accept: application/json\r\nAccept-Encoding: zstd, gzip\r\nContent-Length: {len(body)}\r\n\r\n"
    ).encode() + body


# -- within one process -----------------------------------------------------------------------------------------------


def _in_process(urls: list[str], phones: list[list[Phone]], runs: int, *, calls: int) -> list[Measured]:
    """Milliseconds of one WSGI call after the other: the large feed, the small one, the yardstick."""
    apps = [create_app(Settings(env="test", database_url=url, secret_key=SECRET)) for url in urls]
    os.environ["GRIDWATCH_DATABASE_URL"] = urls[0]
    apps.append(thin.create_app())
    asked = [*phones, phones[0]]
    paths, marks = [PATH, PATH, thin.PATH], [MARK, MARK, thin.MARK]

    def spell(app: Flask, some: list[Phone], path: str, mark: bytes) -> float:
        environs = [_environ(some[n % len(some)], path) for n in range(calls)]
        started = time.perf_counter()
        for environ in environs:
            answer = b"".join(app(environ, _start_response))
            if mark not in answer:
                raise RuntimeError(f"a wrong answer: {answer[:500]!r}")
        return 1_000 * (time.perf_counter() - started) / calls

    works = [
        lambda app=app, some=some, path=path, mark=mark: spell(app, some, path, mark.encode())
        for app, some, path, mark in zip(apps, asked, paths, marks, strict=True)
    ]
    figures = list(map(measured, alternate(works, runs)))
    for app in apps[:2]:
        with app.app_context():
            db.engine.dispose()
    return figures


def _environ(phone: Phone, path: str) -> dict[str, Any]:
    body = _body(phone)
    return {
        "REQUEST_METHOD": "POST", "SCRIPT_NAME": "", "PATH_INFO": path, "QUERY_STRING": "", "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "80", "SERVER_PROTOCOL": "HTTP/1.1", "CONTENT_TYPE": "application/json", "CONTENT_LENGTH": str(len(body)),
        "HTTP_AUTHORIZATION": f"Bearer {phone.bearer}", "HTTP_ACCEPT_ENCODING": "zstd, gzip", "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http", "wsgi.input": io.BytesIO(body), "wsgi.errors": io.StringIO(), "wsgi.multithread": True,
        "wsgi.multiprocess": True, "wsgi.run_once": False,
    }  # fmt: skip


def _start_response(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Callable[[bytes], object]:
    if not status.startswith("200"):
        raise RuntimeError(f"a wrong answer: {status}")
    return lambda data: None
