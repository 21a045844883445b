"""The store on the local disk, under GRIDWATCH_FILES_DIR: uploads/, originals/ by hash, previews/.

Several processes of one machine may use it. The bytes of an upload are one file that only grows, under a lock that is held
for the writing alone, never while bytes come over the network: a phone that lost its Wi-Fi must not lock itself out.
"""

from __future__ import annotations

import errno
import fcntl
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from gridwatch.config import Settings
from gridwatch.db.base import new_id
from gridwatch.domain.errors import Refusal

log = logging.getLogger("gridwatch")

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
# The bytes and the length; when they were written is nobody's business. macOS has only the whole.
_sync_content = getattr(os, "fdatasync", os.fsync)
_OWN_FILE, _OWN_FOLDER = 0o600, 0o700


def offset(settings: Settings, upload_id: str) -> int:
    """How many bytes of the upload are safe on the disk."""
    with _failures():
        try:
            with _upload(settings, upload_id).open("rb") as file:
                fcntl.flock(file, fcntl.LOCK_SH)  # what somebody is writing just now is not safe yet
                return os.fstat(file.fileno()).st_size
        except FileNotFoundError:
            return 0


def append(settings: Settings, upload_id: str, offset: int, data: bytes) -> int:
    """Add bytes at `offset`; returns the new offset. Raises 409 `file.offset_moved` where the upload does not stand there."""
    path = _upload(settings, upload_id)
    with _failures():
        is_new = not path.exists()
        if is_new:
            if offset:
                raise Refusal("file.offset_moved", offset=0)
            _make_folder(path.parent)
        with os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, _OWN_FILE), "r+b", buffering=0) as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            stands = os.fstat(file.fileno()).st_size
            if stands != offset:
                raise Refusal("file.offset_moved", offset=stands)
            try:
                _write(file.fileno(), data, offset)
            except OSError:
                os.ftruncate(file.fileno(), offset)
                raise
        if is_new:
            _make_durable(path.parent)
    return offset + len(data)


def assembled(settings: Settings, upload_id: str) -> bytes:
    """The bytes of the upload; none where somebody has finished it meanwhile."""
    with _failures():
        try:
            return _upload(settings, upload_id).read_bytes()
        except FileNotFoundError:
            return b""


def keep(settings: Settings, upload_id: str, sha256: str, data: bytes) -> None:
    """Make the bytes of the upload, which are `data`, an original. One that is there already is the same."""
    path = _by_hash(settings, "originals", sha256)
    with _failures():
        _make_folder(path.parent)
        with suppress(FileExistsError):
            os.link(_upload(settings, upload_id), path)
        _make_durable(path.parent)


def forget(settings: Settings, upload_id: str) -> None:
    """Drop the bytes of the upload; an original that was made of them stays."""
    with _failures():
        _upload(settings, upload_id).unlink(missing_ok=True)


def unfinished(settings: Settings) -> Iterator[tuple[str, datetime]]:
    """Each upload whose bytes are here, and when they last grew."""
    with _failures(), suppress(FileNotFoundError):
        for entry in os.scandir(Path(settings.files_dir) / "uploads"):
            yield entry.name, datetime.fromtimestamp(entry.stat().st_mtime, UTC)


def original(settings: Settings, sha256: str) -> bytes:
    """The original with this hash."""
    with _failures():
        return _by_hash(settings, "originals", sha256).read_bytes()


def erase(settings: Settings, sha256: str) -> None:
    """Drop the original and its preview, where they are."""
    with _failures():
        for folder in ("originals", "previews"):
            _by_hash(settings, folder, sha256).unlink(missing_ok=True)


def preview(settings: Settings, sha256: str) -> bytes | None:
    """The kept preview of the original, None where none was made yet."""
    with _failures():
        path = _by_hash(settings, "previews", sha256)
        return path.read_bytes() if path.exists() else None


def keep_preview(settings: Settings, sha256: str, data: bytes) -> None:
    """Keep a preview. It can be made again at any time, so nothing waits for the disk."""
    path = _by_hash(settings, "previews", sha256)
    with _failures():
        _make_folder(path.parent)
        beside = path.with_name(f"{path.name}.{new_id()}")
        beside.write_bytes(data)
        beside.replace(path)


def _upload(settings: Settings, upload_id: str) -> Path:
    return Path(settings.files_dir) / "uploads" / upload_id


def _by_hash(settings: Settings, folder: str, sha256: str) -> Path:
    return Path(settings.files_dir) / folder / sha256[:2] / sha256


def _write(file: int, data: bytes, offset: int) -> None:
    """Write all of it and have it on the disk."""
    left = memoryview(data)
    while left:
        written = os.pwrite(file, left, offset)
        left, offset = left[written:], offset + written
    _sync_content(file)


def _make_folder(folder: Path) -> None:
    if folder.exists():
        return
    _make_folder(folder.parent)
    folder.mkdir(mode=_OWN_FOLDER, exist_ok=True)
    _make_durable(folder.parent)


def _make_durable(folder: Path) -> None:
    """Have the names in a folder on the disk, too."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def _failures() -> Iterator[None]:
    """What the operating system refuses, as a refusal that a client can act on."""
    try:
        yield
    except OSError as problem:
        log.error("the disk of the evidence refused: %s", problem)
        code = "file.store_full" if problem.errno in _FULL else "file.store_unreachable"
        raise Refusal(code, headers={"Retry-After": "30"}) from problem
