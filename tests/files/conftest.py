"""People who upload, a bucket to upload into, and servers that listen on a real socket."""

from __future__ import annotations

import threading
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from moto.server import ThreadedMotoServer
from waitress import wasyncore
from waitress.server import create_server
from werkzeug.serving import WSGIRequestHandler, make_server

from gridwatch.config import Settings
from tests.files.sending import Sender
from tests.fixtures import Caller, World
from tests.leads.conftest import official_calendar  # noqa: F401 - the same calendar as the leads have
from tests.stories.conftest import phone, register  # noqa: F401 - phones and the register
from tests.sync.conftest import item  # noqa: F401 - items as a phone makes them

SERVERS = ("waitress", "werkzeug")  # one buffers a body before it asks the application, one streams it
Serve = Callable[[str], AbstractContextManager[str]]


@pytest.fixture
def sender(client: Caller, world: World) -> Callable[[str], Sender]:
    """`sender("grid_worker")`: one of the town's people, signed in once."""
    known: dict[str, Sender] = {}
    return lambda username: known.setdefault(username, Sender(client.as_(username)))


@pytest.fixture
def worker(sender: Callable[[str], Sender]) -> Sender:
    """The worker of the first grid."""
    return sender("grid_worker")


@pytest.fixture(scope="session")
def s3_server() -> Iterator[str]:
    """An S3 server of this process: its URL."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def bucket(s3_server: str, tmp_path: Path) -> dict[str, str]:
    """Settings for a fresh bucket."""
    name = f"b-{abs(hash(tmp_path))}"
    with urllib.request.urlopen(urllib.request.Request(f"{s3_server}/{name}", method="PUT")):
        return {
            "files_s3_bucket": name, "files_s3_endpoint": s3_server, "files_s3_region": "us-east-1",
            "files_s3_key_id": "key", "files_s3_secret": "secret",
        }  # fmt: skip


@pytest.fixture(params=["disk", "bucket"])
def stored(request: pytest.FixtureRequest, tmp_path: Path) -> Settings:
    """Settings of an empty store, once of each kind."""
    settings = Settings(env="test", files_dir=str(tmp_path / "files"))
    return settings if request.param == "disk" else replace(settings, **request.getfixturevalue("bucket"))


@pytest.fixture
def serve(app: Flask) -> Serve:
    """`with serve("waitress") as url:` has the application answer on a real socket."""

    @contextmanager
    def serving(kind: str) -> Iterator[str]:
        stopped = threading.Event()
        if kind == "waitress":
            sockets: dict[int, Any] = {}
            server = create_server(
                app, map=sockets, host="127.0.0.1", port=0, threads=4, clear_untrusted_proxy_headers=False
            )
            port = server.effective_port

            def run() -> None:
                while not stopped.is_set():
                    wasyncore.loop(timeout=0.1, use_poll=True, map=sockets, count=1)
                server.task_dispatcher.shutdown()
                wasyncore.close_all(sockets)

        else:
            quiet = type("Quiet", (WSGIRequestHandler,), {"log": lambda *_: None})
            server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=quiet)
            port, run = server.server_port, server.serve_forever
        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            stopped.set()
            if kind == "werkzeug":
                server.shutdown()
                server.server_close()
            thread.join(timeout=10)

    return serving
