"""The no-change pull within one process, without web server and driver: what the application itself costs."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Any

from flask import Flask

from bench import asking, thin
from bench.databases import SECRET
from bench.scopes import Phone
from bench.timing import Measured, alternate, measured
from gridwatch.app import create_app
from gridwatch.config import Settings
from gridwatch.db.base import db

NOTHING_NEW = '"scopes":[]'


def in_process(urls: list[str], phones: list[list[Phone]], runs: int, *, calls: int) -> list[Measured]:
    """Milliseconds of one WSGI call after the other: for each feed, and last the yardstick over the first."""
    apps = [create_app(Settings(env="test", database_url=url, secret_key=SECRET)) for url in urls]
    os.environ["GRIDWATCH_DATABASE_URL"] = urls[0]
    yardstick = thin.create_app()

    def spell(app: Flask, some: list[Phone], path: str, mark: bytes) -> float:
        asked = (some[n % len(some)] for n in range(calls))
        environs = [asking.within(phone, path, asking.pull(phone, phone.scopes)) for phone in asked]
        started = time.perf_counter()
        for environ in environs:
            answer = b"".join(app(environ, _start_response))
            if mark not in answer:
                raise RuntimeError(f"a wrong answer: {answer[:500]!r}")
        return 1_000 * (time.perf_counter() - started) / calls

    works = [
        lambda app=app, some=some: spell(app, some, asking.PULL, NOTHING_NEW.encode())
        for app, some in zip(apps, phones, strict=True)
    ]
    works.append(lambda: spell(yardstick, phones[0], thin.COUNTER, thin.MARK.encode()))
    figures = list(map(measured, alternate(works, runs)))
    for app in apps:
        with app.app_context():
            db.engine.dispose()
    return figures


def _start_response(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Callable[[bytes], object]:
    if not status.startswith("200"):
        raise RuntimeError(f"a wrong answer: {status}")
    return lambda data: None
