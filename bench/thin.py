"""The yardstick of the pull: a Flask application with one route that reads the request, makes one select, and answers.

No sign-in, no rights, no ORM, no error shape; a connection kept by each thread, in autocommit.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from typing import Any

import orjson
import psycopg
from flask import Flask, Response, request

PATH = "/thin"
MARK = '"counter"'


def create_app() -> Flask:
    """The application over GRIDWATCH_DATABASE_URL."""
    url = os.environ["GRIDWATCH_DATABASE_URL"]
    on_sqlite = url.startswith("sqlite:///")
    own = threading.local()
    select = f"SELECT counter FROM feed_scope WHERE scope = {'?' if on_sqlite else '%s'}"

    def connection() -> Any:
        if not hasattr(own, "connection"):
            own.connection = (
                sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None)
                if on_sqlite
                else psycopg.connect(url.replace("+psycopg", ""), autocommit=True)
            )
        return own.connection

    app = Flask("thin", static_folder=None)

    @app.post(PATH)
    def counter() -> Response:
        scope = next(iter(orjson.loads(request.get_data())["scopes"]))
        row = connection().execute(select, (scope,)).fetchone()
        return Response(orjson.dumps({"counter": row[0]}), content_type="application/json")

    return app
