"""The two stores keep the same promises: bytes at their offset or not at all, originals that never change."""

from __future__ import annotations

import inspect
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import ModuleType

import pytest

from gridwatch.config import Settings
from gridwatch.db.base import new_id
from gridwatch.domain.errors import Refusal
from gridwatch.files import bucket, disk
from gridwatch.files.stores import store_of
from tests.files.sending import originals, sha256, some_bytes

PHOTO = some_bytes(300_000)


@pytest.fixture
def store(stored: Settings) -> ModuleType:
    """The module of the store."""
    return store_of(stored)


def refused(code: str, work: Callable[[], object]) -> dict[str, object]:
    with pytest.raises(Refusal) as refusal:
        work()
    assert refusal.value.code == code
    return refusal.value.facts


def test_the_two_modules_have_the_same_functions():
    def functions(module: ModuleType) -> dict[str, object]:
        return {
            name: inspect.signature(one)
            for name, one in vars(module).items()
            if inspect.isfunction(one) and one.__module__ == module.__name__ and not name.startswith("_")
        }

    assert functions(disk) == functions(bucket)


def test_an_upload_grows_at_its_end_only(store: ModuleType, stored: Settings):
    upload_id = new_id()
    assert store.offset(stored, upload_id) == 0
    assert refused("file.offset_moved", lambda: store.append(stored, upload_id, 5, b"x")) == {"offset": 0}
    assert store.append(stored, upload_id, 0, PHOTO[:100_000]) == 100_000
    for offset in (0, 99_999, 100_001):
        assert refused("file.offset_moved", lambda at=offset: store.append(stored, upload_id, at, b"x")) == {
            "offset": 100_000
        }
    assert store.append(stored, upload_id, 100_000, b"") == 100_000
    assert store.append(stored, upload_id, 100_000, PHOTO[100_000:]) == 300_000
    assert (store.offset(stored, upload_id), store.assembled(stored, upload_id)) == (300_000, PHOTO)


def test_of_two_that_append_at_once_one_wins(store: ModuleType, stored: Settings):
    upload_id, wins, codes = new_id(), [], []
    start = threading.Barrier(6)

    def append(data: bytes) -> None:
        start.wait()
        try:
            store.append(stored, upload_id, 0, data)
            wins.append(data)
        except Refusal as refusal:
            codes.append(refusal.code)

    threads = [threading.Thread(target=append, args=(some_bytes(1_000 + n, seed=n),)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    assert (len(wins), codes) == (1, ["file.offset_moved"] * 5)
    assert store.assembled(stored, upload_id) == wins[0]


def test_an_original_stays_when_its_upload_goes(store: ModuleType, stored: Settings):
    first, second = new_id(), new_id()
    for upload_id in (first, second):
        store.append(stored, upload_id, 0, PHOTO)
        store.keep(stored, upload_id, sha256(PHOTO), PHOTO)  # the same bytes twice are one original
    assert {upload_id for upload_id, _ in store.unfinished(stored)} == {first, second}
    assert all(abs(grew - datetime.now(UTC)) < timedelta(minutes=1) for _, grew in store.unfinished(stored))
    for upload_id in (first, second, new_id()):
        store.forget(stored, upload_id)
    assert list(store.unfinished(stored)) == []
    assert (originals(stored), store.original(stored, sha256(PHOTO))) == ([sha256(PHOTO)], PHOTO)


def test_a_preview_goes_with_its_original(store: ModuleType, stored: Settings):
    upload_id = new_id()
    store.append(stored, upload_id, 0, PHOTO)
    store.keep(stored, upload_id, sha256(PHOTO), PHOTO)
    assert store.preview(stored, sha256(PHOTO)) is None
    store.keep_preview(stored, sha256(PHOTO), b"small")
    assert store.preview(stored, sha256(PHOTO)) == b"small"
    store.erase(stored, sha256(PHOTO))
    assert (store.preview(stored, sha256(PHOTO)), originals(stored)) == (None, [])
    refused("file.store_unreachable", lambda: store.original(stored, sha256(PHOTO)))
    store.erase(stored, sha256(PHOTO))


def test_a_bucket_that_does_not_answer(stored: Settings):
    if not stored.files_s3_bucket:
        stored = replace(stored, files_s3_bucket="evidence")
    nowhere = replace(stored, files_s3_endpoint="http://127.0.0.1:9")
    refused("file.store_unreachable", lambda: bucket.append(nowhere, new_id(), 0, PHOTO))
    refused("file.store_unreachable", lambda: bucket.original(nowhere, sha256(PHOTO)))


@pytest.mark.parametrize(("name", "path"), [("127", "/originals/abc"), ("evidence", "/evidence/originals/abc")])
def test_an_endpoint_that_begins_with_the_buckets_name(name: str, path: str):
    """Some services have a host for each bucket, others a path; the address says which."""
    asked: list[str] = []

    class Service(BaseHTTPRequestHandler):
        def do_PUT(self) -> None:
            asked.append(self.path)
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(200)
            self.send_header("ETag", '"1"')
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Nothing: the requests are in `asked`."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Service) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        endpoint = f"http://127.0.0.1:{server.server_port}"
        settings = Settings(
            files_s3_bucket=name, files_s3_endpoint=endpoint, files_s3_key_id="key", files_s3_secret="secret"
        )
        bucket.keep(settings, new_id(), "abc", PHOTO)
        server.shutdown()
    assert asked == [path]
