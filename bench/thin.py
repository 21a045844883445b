"""The yardsticks of the sync: a Flask application whose routes read the request, make one select at most, and answer.

No sign-in, no rights, no ORM, no error shape, nothing packed; a connection kept by each thread, in autocommit, documents taken
from the driver as the bytes that they are.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from functools import cache
from typing import Any

import orjson
import psycopg
from flask import Flask, Response, request
from psycopg.types.string import ByteaBinaryLoader

COUNTER, CHANGES, DOCUMENTS, READY = "/thin/counter", "/thin/changes", "/thin/documents", "/thin/ready"
MARK = '"thin"'
_SELECT = {
    COUNTER: "SELECT counter FROM feed_scope WHERE scope = {}",
    CHANGES: "SELECT doc FROM feed_row WHERE scope = {} AND seq > {} ORDER BY seq",
    DOCUMENTS: "SELECT doc FROM feed_row WHERE scope = {} AND op = 'put' ORDER BY seq",
}


def create_app() -> Flask:
    """The application over GRIDWATCH_DATABASE_URL."""
    url = os.environ["GRIDWATCH_DATABASE_URL"]
    mark = "?" if url.startswith("sqlite:///") else "%s"
    select = {path: statement.replace("{}", mark) for path, statement in _SELECT.items()}
    own = threading.local()

    def rows(path: str, *values: Any) -> list[tuple[Any, ...]]:
        if not hasattr(own, "cursor"):
            own.cursor = _cursor(url)
        return own.cursor.execute(select[path], values).fetchall()

    app = Flask("thin", static_folder=None)

    @app.post(COUNTER)
    def counter() -> Response:
        scope, _ = _asked()
        return _answer(b"%d" % rows(COUNTER, scope)[0][0])

    @app.post(CHANGES)
    def changes() -> Response:
        scope, token = _asked()
        since = int(token.partition(".")[2].partition("-")[0])  # a token of ours begins <epoch>.<seq>-
        return _answer(b",".join(row[0] for row in rows(CHANGES, scope, since)))

    @app.post(DOCUMENTS)
    def documents() -> Response:
        scope, _ = _asked()
        return _answer(b",".join(row[0] for row in rows(DOCUMENTS, scope)))

    @app.post(f"{READY}/<int:size>")
    def ready(size: int) -> Response:
        return Response(_ready(size), content_type="application/json")

    return app


def _cursor(url: str) -> Any:
    """A cursor over a connection of its own; it reads text as bytes."""
    if url.startswith("sqlite:///"):
        embedded = sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None)
        embedded.text_factory = bytes
        return embedded.cursor()
    connection = psycopg.connect(url.replace("+psycopg", ""), autocommit=True)
    connection.adapters.register_loader("text", ByteaBinaryLoader)
    return connection.cursor(binary=True)


def _asked() -> tuple[str, Any]:
    """The scope that the request names last, and the token for it."""
    return list(orjson.loads(request.get_data())["scopes"].items())[-1]


def _answer(inside: bytes) -> Response:
    return Response(b'{"thin":[' + inside + b"]}", content_type="application/json")


@cache
def _ready(size: int) -> bytes:
    return b'{"thin":"'.ljust(size - 2, b".") + b'"}'
