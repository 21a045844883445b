"""Cuts on a real socket: whatever was cut wherever, what is here is a beginning of the file, and the rest can follow."""

from __future__ import annotations

import http.client
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import pytest

from gridwatch.config import Settings
from gridwatch.files.stores import store_of
from tests.files.conftest import SERVERS, Serve
from tests.files.sending import CHUNK, TUS, Sender, sha256, some_bytes

SIZE, PIECE = 300_000, 65_536
EDGES = (0, PIECE, 2 * PIECE, 4 * PIECE, SIZE)
POSITIONS = sorted({at for edge in EDGES for at in (edge - 1, edge, edge + 1) if 0 <= at < SIZE})


class Wire:
    """A tus client on a bare socket, whose PATCH can be cut."""

    def __init__(self, server: str, token: str) -> None:
        parts = urlsplit(server)
        self.address = (str(parts.hostname), int(parts.port or 80))
        self.token = token

    def ask(self, method: str, url: str, body: bytes | None = None, **headers: str) -> tuple[int, str | None]:
        """A whole request; status and Upload-Offset of the answer."""
        connection = http.client.HTTPConnection(*self.address, timeout=20)
        sent = {**TUS, "Authorization": f"Bearer {self.token}", **{k.replace("_", "-"): v for k, v in headers.items()}}
        connection.request(method, url, body=body, headers=sent)
        answer = connection.getresponse()
        answer.read()
        connection.close()
        return answer.status, answer.headers["Upload-Offset"]

    def cut_patch(self, url: str, data: bytes, at: int, *, chunked: bool) -> None:
        """PATCH at 0, and hang up after so many bytes of the body."""
        head = [
            f"PATCH {url} HTTP/1.1", "Host: x", "Tus-Resumable: 1.0.0", f"Authorization: Bearer {self.token}",
            "Upload-Offset: 0", f"Content-Type: {CHUNK}", "Transfer-Encoding: chunked" if chunked else f"Content-Length: {len(data)}",
        ]  # fmt: skip
        with socket.create_connection(self.address) as wire:
            wire.sendall("\r\n".join([*head, "", ""]).encode())
            if not chunked:
                wire.sendall(data[:at])
                return
            for start in range(0, at, PIECE):
                piece = data[start : start + PIECE]
                wire.sendall(f"{len(piece):x}\r\n".encode() + piece[: at - start])
                if start + len(piece) <= at:
                    wire.sendall(b"\r\n")

    def resume(self, url: str, data: bytes) -> int:
        """Go on until the file is whole, as every tus client does; returns where the upload stood at first."""
        first: int | None = None
        for _ in range(20):
            status, stands = self.ask("HEAD", url)
            assert (status, stands is not None) == (200, True)
            offset = int(stands or 0)
            first = offset if first is None else first
            if offset == len(data):
                return first
            status, _ = self.ask("PATCH", url, data[offset:], Upload_Offset=str(offset), Content_Type=CHUNK)
            assert status in (204, 409, 423), status
        raise AssertionError("it never became whole")


@pytest.mark.parametrize("server", SERVERS)
@pytest.mark.parametrize("chunked", [False, True], ids=["length", "chunked"])
def test_a_cut_anywhere(worker: Sender, serve: Serve, settings: Settings, server: str, chunked: bool):
    token = worker.caller.signed_in["access_token"]
    with serve(server) as url:
        wire = Wire(url, token)
        stood = {}
        for number, position in enumerate(POSITIONS):
            data = some_bytes(SIZE, seed=number)
            upload = worker.create(data).headers["Location"]
            wire.cut_patch(upload, data, position, chunked=chunked)
            stood[position] = wire.resume(upload, data)
            assert store_of(settings).original(settings, sha256(data)) == data, position
    assert all(offset <= position for position, offset in stood.items()), stood


def test_what_came_before_the_cut_is_not_sent_again(worker: Sender, serve: Serve):
    """On a server that streams, every byte of a cut PATCH that arrived is kept."""
    data = some_bytes(SIZE)
    upload = worker.create(data).headers["Location"]
    with serve("werkzeug") as url:
        wire = Wire(url, worker.caller.signed_in["access_token"])
        wire.cut_patch(upload, data, 200_001, chunked=False)
        for _ in range(100):
            if worker.offset(upload) == 200_001:
                break
            threading.Event().wait(0.05)
        assert worker.offset(upload) == 200_001


@pytest.mark.parametrize("server", SERVERS)
def test_two_clients_resume_one_upload(worker: Sender, serve: Serve, settings: Settings, server: str):
    """Chunks of different sizes from both sides: some are refused, and the file is the file."""
    data = some_bytes(1_000_000)
    upload = worker.create(data).headers["Location"]
    token = worker.caller.signed_in["access_token"]

    def client(url: str, chunk: int) -> set[int]:
        wire, offset, statuses = Wire(url, token), 0, set()
        while offset < len(data):
            part = data[offset : offset + chunk]
            status, stands = wire.ask("PATCH", upload, part, Upload_Offset=str(offset), Content_Type=CHUNK)
            if status != 204:
                seen, stands = wire.ask("HEAD", upload)
                statuses.add(seen)
            statuses.add(status)
            offset = int(stands or 0)
        return statuses

    with serve(server) as url, ThreadPoolExecutor() as together:
        clients = [together.submit(client, url, chunk) for chunk in (30_000, 47_111, 100_000)]
        statuses = set().union(*(one.result(timeout=60) for one in clients))
    assert statuses <= {200, 204, 409, 423}
    assert store_of(settings).original(settings, sha256(data)) == data
    assert worker.offset(upload) == len(data)
