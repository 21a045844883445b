"""A photo by tus (sync-protocol, section 5): created, brought in chunks, each chunk on the disk before the next, made evidence."""

from __future__ import annotations

import base64
import hashlib
import os
import random
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from http.client import HTTPConnection
from io import BytesIO
from itertools import count
from pathlib import Path

from PIL import Image

from bench import pull, serving
from bench.city import City
from bench.databases import Place
from bench.machine import Others
from bench.table import Aim, Row
from bench.timing import alternate, measured, seconds

CHUNK, CHUNKS = 256 * 1024, 8
_NUMBER = 8  # bytes
BARE_IS = "write and fdatasync of the same chunks into new files on the same disk; no HTTP, no hash, no database"


Bring = Callable[[bytes, str], None]


def run(place: Place) -> Iterator[Row]:
    """MB a second of one client that brings one photo after the other."""
    number, runs = (3, 1) if place.small else (20, 7)
    folder = place.directory / "bare"
    folder.mkdir(exist_ok=True)
    photo, fresh = _photo(), count()
    with ExitStack() as stack:
        url = stack.enter_context(place.database())
        (phone, *_) = pull.build(url, City(2, 2))
        server = stack.enter_context(serving.gridwatch(place, url))
        line = stack.enter_context(closing(HTTPConnection(server.host, server.port)))

        def rate(bring: Bring) -> float:
            files = [photo + next(fresh).to_bytes(_NUMBER, "big") for _ in range(number)]
            named = [(data, hashlib.sha256(data).hexdigest()) for data in files]
            return sum(map(len, files)) / 1e6 / seconds(lambda: [bring(data, sha256) for data, sha256 in named])

        def ours() -> float:
            return rate(lambda data, sha256: _bring(line, phone.bearer, data, sha256))

        def bare() -> float:
            return rate(lambda data, sha256: _write(folder / sha256, data))

        with Others(place.roots) as others:
            mine, other = map(measured, alternate([ours, bare], runs))
    yield Row(
        "upload", "photos by tus, durable, one client", place.kind, f"{CHUNKS} × {CHUNK // 1024} KB a photo", mine.median, "MB/s",
        other.median, BARE_IS, Aim(60, least=True) if place.kind == "postgis" else None, mine.spread, others.share,
    )  # fmt: skip


def _photo() -> bytes:
    """A JPEG of noise, filled up behind its end so that a number makes it a file of `CHUNKS` chunks."""
    side = 1_024
    file = BytesIO()
    Image.frombytes("RGB", (side, side), random.Random(3).randbytes(3 * side * side)).save(file, "JPEG", quality=85)
    return file.getvalue().ljust(CHUNKS * CHUNK - _NUMBER, b"\0")


def _chunks(data: bytes) -> Iterator[tuple[int, bytes]]:
    return ((at, data[at : at + CHUNK]) for at in range(0, len(data), CHUNK))


def _bring(line: HTTPConnection, bearer: str, data: bytes, sha256: str) -> None:
    """One upload. Raises RuntimeError where it is not taken whole."""
    always = {"Authorization": f"Bearer {bearer}", "Tus-Resumable": "1.0.0"}
    told = f"sha256 {base64.b64encode(sha256.encode()).decode()}"
    line.request("POST", "/api/v1/files", headers=always | {"Upload-Length": str(len(data)), "Upload-Metadata": told})
    place = _answered(line, 201, 0)
    for at, chunk in _chunks(data):
        checksum = f"sha256 {base64.b64encode(hashlib.sha256(chunk).digest()).decode()}"
        headers = {
            "Content-Type": "application/offset+octet-stream",
            "Upload-Offset": str(at),
            "Upload-Checksum": checksum,
        }
        line.request("PATCH", place, body=chunk, headers=always | headers)
        _answered(line, 204, at + len(chunk))


def _answered(line: HTTPConnection, status: int, offset: int) -> str:
    """The address in an answer; it must say that so many bytes are safe."""
    answer = line.getresponse()
    body = answer.read()
    if (answer.status, answer.getheader("Upload-Offset")) != (status, str(offset)):
        raise RuntimeError(f"a wrong answer: {answer.status} {answer.getheaders()} {body[:500]!r}")
    return answer.getheader("Location", "")


def _write(file: Path, data: bytes) -> None:
    with file.open("xb", buffering=0) as out:
        for _, chunk in _chunks(data):
            out.write(chunk)
            os.fdatasync(out.fileno())
