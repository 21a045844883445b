"""The store in an S3-compatible bucket: uploads/<id>/<offset>, originals/<sha256>, previews/<sha256>.

Any number of machines may use it. Each chunk of an upload is an object of its own, named by its offset and created only
where no such object is (`If-None-Match: *`), so that of two clients that send the same chunk one wins and one learns it.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError
from obstore.store import S3Store

from gridwatch.config import Settings
from gridwatch.domain.errors import Refusal

log = logging.getLogger("gridwatch")

_PATIENCE = timedelta(seconds=20)  # with its tries; a phone gives up on a request not much later


@lru_cache(maxsize=4)
def _bucket(settings: Settings) -> S3Store:
    """A client. What the settings leave empty is taken from the environment, as the tools of the service do."""
    endpoint, options = settings.files_s3_endpoint, {"timeout": _PATIENCE, "connect_timeout": timedelta(seconds=5)}
    host = urlsplit(endpoint).hostname or ""
    told = {
        "endpoint": endpoint,
        "region": settings.files_s3_region,
        "access_key_id": settings.files_s3_key_id,
        "secret_access_key": settings.files_s3_secret,
    }
    return S3Store(
        settings.files_s3_bucket,
        client_options={**options, "allow_http": endpoint.startswith("http://")},
        retry_config={"max_retries": 3, "retry_timeout": _PATIENCE},
        virtual_hosted_style_request=host.startswith(f"{settings.files_s3_bucket}."),
        **{name: value for name, value in told.items() if value},
    )


def offset(settings: Settings, upload_id: str) -> int:
    """How many bytes of the upload are in the bucket."""
    return sum(chunk["size"] for chunk in _chunks(settings, upload_id))


def append(settings: Settings, upload_id: str, offset: int, data: bytes) -> int:
    """Add bytes at `offset`; returns the new offset. Raises 409 `file.offset_moved` where the upload does not stand there."""
    stands = sum(chunk["size"] for chunk in _chunks(settings, upload_id))
    if stands != offset:
        raise Refusal("file.offset_moved", offset=stands)
    if not data:
        return offset  # an empty object would stand in the way of the next chunk
    with _failures():
        try:
            obstore.put(
                _bucket(settings), f"uploads/{upload_id}/{offset:012d}", data, mode="create", use_multipart=False
            )
        except AlreadyExistsError:  # somebody was quicker
            raise Refusal("file.offset_moved", offset=stands) from None
    return offset + len(data)


def assembled(settings: Settings, upload_id: str) -> bytes:
    """The bytes of the upload; none where somebody has finished it meanwhile."""
    with _failures():
        try:
            return b"".join(_get(settings, chunk["path"]) for chunk in _chunks(settings, upload_id))
        except FileNotFoundError:
            return b""


def keep(settings: Settings, upload_id: str, sha256: str, data: bytes) -> None:
    """Make the bytes of the upload, which are `data`, an original. One that is there already is the same."""
    _put(settings, f"originals/{sha256}", data)


def forget(settings: Settings, upload_id: str) -> None:
    """Drop the bytes of the upload; an original that was made of them stays."""
    paths = [chunk["path"] for chunk in _chunks(settings, upload_id)]
    if paths:
        with _failures():
            obstore.delete(_bucket(settings), paths)


def unfinished(settings: Settings) -> Iterator[tuple[str, datetime]]:
    """Each upload whose bytes are here, and when they last grew."""
    grew: dict[str, datetime] = {}
    for chunk in _list(settings, "uploads/"):
        upload_id = chunk["path"].split("/")[1]
        grew[upload_id] = max(grew.get(upload_id, chunk["last_modified"]), chunk["last_modified"])
    yield from grew.items()


def original(settings: Settings, sha256: str) -> bytes:
    """The original with this hash."""
    with _failures():
        return _get(settings, f"originals/{sha256}")


def erase(settings: Settings, sha256: str) -> None:
    """Drop the original and its preview, where they are."""
    with _failures():
        obstore.delete(_bucket(settings), [f"originals/{sha256}", f"previews/{sha256}"])


def preview(settings: Settings, sha256: str) -> bytes | None:
    """The kept preview of the original, None where none was made yet."""
    with _failures():
        try:
            return _get(settings, f"previews/{sha256}")
        except FileNotFoundError:
            return None


def keep_preview(settings: Settings, sha256: str, data: bytes) -> None:
    """Keep a preview."""
    _put(settings, f"previews/{sha256}", data)


def _chunks(settings: Settings, upload_id: str) -> list[Any]:
    return sorted(_list(settings, f"uploads/{upload_id}/"), key=lambda chunk: chunk["path"])


def _list(settings: Settings, prefix: str) -> Iterator[Any]:
    with _failures():
        for batch in obstore.list(_bucket(settings), prefix):
            yield from batch


def _get(settings: Settings, path: str) -> bytes:
    return obstore.get(_bucket(settings), path).bytes().to_bytes()


def _put(settings: Settings, path: str, data: bytes) -> None:
    with _failures():
        obstore.put(_bucket(settings), path, data, use_multipart=False)


@contextmanager
def _failures() -> Iterator[None]:
    """What the bucket refuses, and a bucket that does not answer, as a refusal that a client can act on."""
    try:
        yield
    except (BaseError, OSError) as problem:
        log.error("the bucket of the evidence refused: %s", str(problem).splitlines()[0])
        raise Refusal("file.store_unreachable", headers={"Retry-After": "30"}) from problem
