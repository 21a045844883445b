"""The phone as a program of its own: another process, a real socket, a store in a file."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path

import pytest
from flask import Flask
from werkzeug.serving import make_server

from gridwatch.leads.models import Lead
from gridwatch.sync.models import Item
from gridwatch.tasks.models import Task
from tests.databases import ROOT
from tests.fixtures import PASSWORD, Caller, Work, World
from tests.sync.talk import Make


@pytest.fixture
def address(app: Flask) -> Iterator[str]:
    """The address of a server in this process."""
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_morning_on_the_command_line(
    address: str, world: World, work: Work, make_task: Callable[..., Task], tmp_path: Path
):
    with work() as session:
        for day in (28, 29, 30):
            make_task(session, world.grid, due_on=date(2026, 9, day))

    def phone(*words: str) -> tuple[int, str]:
        command = [sys.executable, str(ROOT / "tests/phone.py"), "--store", str(tmp_path / "phone.json"), *words]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        return done.returncode, done.stdout + done.stderr

    signed_in = ("--server", address, "--user", "grid_worker", "--password", PASSWORD)
    assert phone(*signed_in, "pull")[0] == 0
    code, listed = phone("tasks")
    assert (code, listed.count("RG01@1+RG02@1")) == (0, 3)

    assert phone("offline")[0] == 0
    assert phone("visit")[1].startswith("waits ")
    assert phone("report", "--title", "无照面包作坊", "--place", "113.745,23.015")[1].startswith("waits ")
    code, said = phone("--server", address, "sync")
    assert (code, "nothing is lost" in said) == (1, True)
    assert phone("tasks")[1].count("RG01@1") == 2  # one is answered, on the phone at least

    assert phone("online")[0] == 0
    code, said = phone("--server", address, "sync")
    assert (code, said.count("accepted"), "waits" in said) == (0, 2, False)
    code, said = phone(*signed_in, "story")
    assert (code, said.count("accepted")) == (0, 5), said
    with work() as session:
        assert session.query(Task).filter_by(state="done").count() == 3
        assert session.query(Lead).count() == 2


def test_a_chunked_push_that_is_torn_is_not_taken_for_whole(
    address: str, client: Caller, world: World, work: Work, item: Make
):
    """In a chunked body the end of the connection is not the end of the body."""
    worker = client.as_("grid_worker")
    body = json.dumps({"device_id": worker.device_id, "items": [item(), item()]}).encode()
    host, _, port = address.removeprefix("http://").partition(":")
    head = (
        f"POST /api/v1/sync/push HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {worker.signed_in['access_token']}\r\n"
        "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
    ).encode()
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in (body[:100], body[100:]))

    def send(sent: bytes) -> bytes:
        with socket.create_connection((host, int(port)), timeout=10) as connection:
            connection.sendall(head + sent)
            connection.shutdown(socket.SHUT_WR)
            return b"".join(iter(lambda: connection.recv(65_536), b""))

    for torn in (chunks[:50], chunks[:-1], chunks):  # in a chunk, at its end, before the chunk that ends all
        assert b" 400 " in send(torn)[:20]
    with work() as session:
        assert session.query(Item).count() == 0
    assert b" 200 " in send(chunks + b"0\r\n\r\n")[:20]
    with work() as session:
        assert session.query(Item).count() == 2
