"""Clients that are not ours, as they come from their registries: tuspy and tus-js-client, on a wire that breaks."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from tusclient.client import TusClient
from tusclient.storage import filestorage

from gridwatch.config import Settings
from gridwatch.files.stores import store_of
from tests.databases import ROOT
from tests.files.conftest import SERVERS, Serve
from tests.files.cutting import Cut, broken_wire
from tests.files.sending import FILES, Sender, sha256, some_bytes

FOREIGN = ROOT / "tests/foreign"
PHOTO = some_bytes(300_000)
# Some connections are cut inside a chunk, some before the answer is read, one within the answer.
CUTS = (Cut(), Cut(up=40_000), Cut(down=0), Cut(), Cut(up=70_000), Cut(down=5), Cut(up=300), Cut(down=0))

needs_node = pytest.mark.skipif(
    shutil.which("node") is None or not (FOREIGN / "node_modules/tus-js-client").exists(),
    reason="node or its packages are missing: make test installs them where npm is",
)


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    """The file to upload."""
    path = tmp_path / "门牌 1.jpg"
    path.write_bytes(PHOTO)
    return path


def told() -> dict[str, str]:
    return {"sha256": sha256(PHOTO), "filename": "门牌 1.jpg", "mime": "image/jpeg"}


def tuspy(url: str, worker: Sender) -> TusClient:
    return TusClient(url + FILES, headers={"Authorization": f"Bearer {worker.caller.signed_in['access_token']}"})


@pytest.mark.parametrize("server", SERVERS)
def test_tuspy_on_a_broken_wire(worker: Sender, serve: Serve, settings: Settings, photo: Path, server: str):
    with serve(server) as url, broken_wire(url, CUTS) as wire:
        uploader = tuspy(wire, worker).uploader(
            str(photo), chunk_size=65_536, metadata=told(), retries=9, retry_delay=0, upload_checksum=True
        )
        uploader.upload()
    assert store_of(settings).original(settings, sha256(PHOTO)) == PHOTO


def test_tuspy_goes_on_after_it_was_killed(
    worker: Sender, serve: Serve, settings: Settings, photo: Path, tmp_path: Path
):
    with serve("waitress") as url:
        asked = {"chunk_size": 100_000, "metadata": told(), "store_url": True}
        storage = filestorage.FileStorage(str(tmp_path / "urls"))
        first = tuspy(url, worker).uploader(str(photo), url_storage=storage, **asked)
        first.upload_chunk()
        again = tuspy(url, worker).uploader(str(photo), url_storage=storage, **asked)
        assert again.offset == 100_000
        again.upload()
        storage.close()
    assert store_of(settings).original(settings, sha256(PHOTO)) == PHOTO


def test_tuspy_uploads_what_the_area_holds_already(worker: Sender, serve: Serve, photo: Path):
    """It does not read the offset of the creation and sends from 0; the first chunk is compared and that was all."""
    worker.sends(PHOTO)
    with serve("waitress") as url:
        uploader = tuspy(url, worker).uploader(str(photo), chunk_size=100_000, metadata=told())
        uploader.upload_chunk()
        assert uploader.offset == len(PHOTO)


OPTIONS: list[dict[str, Any]] = [
    {"chunkSize": 65_536},
    {"chunkSize": 100_000, "uploadDataDuringCreation": True},
    {"chunkSize": 100_000, "overridePatchMethod": True},
    {},  # the whole file in one PATCH
]


@needs_node
@pytest.mark.parametrize("server", SERVERS)
def test_tus_js_client_on_a_broken_wire(worker: Sender, serve: Serve, settings: Settings, tmp_path: Path, server: str):
    for number, options in enumerate(OPTIONS):
        data = some_bytes(300_000, seed=number)
        path = tmp_path / f"{number}.jpg"
        path.write_bytes(data)
        with serve(server) as url, broken_wire(url, CUTS) as wire:
            did = upload_with_node(f"{wire}{FILES}/", worker, path, data, options)
        assert store_of(settings).original(settings, sha256(data)) == data, options
        assert worker.offset(urlsplit(did["url"]).path) == len(data), options


@needs_node
def test_tus_js_client_uploads_what_the_area_holds_already(worker: Sender, serve: Serve, photo: Path):
    worker.sends(PHOTO)
    with serve("waitress") as url:
        did = upload_with_node(f"{url}{FILES}", worker, photo, PHOTO, {})
    assert did["requests"] <= 2


def upload_with_node(endpoint: str, worker: Sender, path: Path, data: bytes, options: dict[str, Any]) -> dict[str, Any]:
    told_ = {"sha256": sha256(data), "filename": path.name, "mime": "image/jpeg"}
    asked = {
        "endpoint": endpoint, "token": worker.caller.signed_in["access_token"], "file": str(path), "metadata": told_,
        "options": options,
    }  # fmt: skip
    done = subprocess.run(
        ["node", "tus_upload.js", json.dumps(asked)],
        cwd=FOREIGN,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
