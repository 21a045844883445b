"""Uploads: created, filled, finished, ended; what is evidence of what; originals handed out.

Source: sync-protocol section 5, promise P10 (whole or not at all), security requirement S11 (hash at receipt, original
untouched, custody log). An upload becomes whole in one way only: as many bytes as announced, and their hash is the
announced one. How many bytes there are is asked of the store, so that it cannot disagree with the bytes.

What moves bytes commits for itself: the bytes come first and the row that says so after them, and no connection to the
database is held while bytes come or go.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from gridwatch.audit import service as audit
from gridwatch.config import Settings
from gridwatch.db.base import new_id
from gridwatch.db.engine import dialect_of
from gridwatch.db.session import transaction
from gridwatch.domain.errors import Refusal
from gridwatch.domain.permits import Actor
from gridwatch.files import images, queries
from gridwatch.files.models import Evidence, Upload
from gridwatch.files.queries import Original, Standing
from gridwatch.files.stores import store_of

MOST_BYTES = 10_000_000
MOST_OPEN_BYTES = 1_000_000_000  # of one person: a week offline is about 200 MB
UNFINISHED_LIVES = timedelta(days=14)
UNNAMED_LIVES = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Announced:
    """What the creator of an upload says of it. `told` is the Upload-Metadata as sent."""

    sha256: str
    size: int
    item_id: str | None
    told: str


def create(wanted: Announced, data: bytes, *, actor: Actor, settings: Settings, now: datetime) -> tuple[Standing, int]:
    """A new upload, with the first bytes of it if they came along; returns it and its offset, and commits.

    Where the person's area holds the hash already, the offset is the whole size and nothing has to be sent. Raises what
    `receive` raises, and 413 `file.too_large`, 422 `file.too_many`, 429 `file.quota`; then nothing of it is left.
    """
    if wanted.size > MOST_BYTES:
        raise Refusal("file.too_large", most_bytes=MOST_BYTES)
    with transaction() as session:
        upload = _created(session, wanted, actor, settings, now)
        upload_id = upload.id
    standing = queries.upload_of(upload_id, actor, now)
    if data or not wanted.size:
        try:
            return standing, receive(standing, 0, data, settings=settings, now=now)
        except Refusal:
            _discard(standing, settings)
            raise
    return standing, standing.size if standing.again else 0


def _created(session: Session, wanted: Announced, actor: Actor, settings: Settings, now: datetime) -> Upload:
    area_path = queries.area_of(session, actor)
    dialect_of(session).lock_names(session.connection(), [wanted.sha256])  # what is held now is held until the commit
    if wanted.item_id is not None:
        others = queries.files_of_item(session, wanted.item_id, actor.id) - {wanted.sha256}
        if len(others) >= settings.files_per_item:
            raise Refusal("file.too_many", most=settings.files_per_item)
    here = queries.held_upload(session, wanted.sha256, wanted.size, actor.id, area_path)
    if here is None and queries.open_bytes(session, actor.id) + wanted.size > MOST_OPEN_BYTES:
        raise Refusal("file.quota", headers={"Retry-After": "3600"}, most_bytes=MOST_OPEN_BYTES)
    upload = Upload(
        id=new_id(), user_id=actor.id, device_id=actor.device_id, area_path=area_path, sha256=wanted.sha256, size=wanted.size,
        item_id=wanted.item_id, told=wanted.told, again=here is not None, created_at=now, expires_at=now + UNFINISHED_LIVES,
    )  # fmt: skip
    session.add(upload)
    if here is not None:
        _finished(session, upload, here.media_type, now)
    session.flush()
    return upload


def receive(upload: Standing, offset: int, data: bytes, *, settings: Settings, now: datetime) -> int:
    """Take the next bytes of an upload in; returns the new offset. When it is full it is finished, and that is committed.

    Raises 409 `file.offset_moved`, 413 `file.too_large` for more than announced, 460 `file.hash_mismatch` and 422
    `file.too_many_pixels` for a full one that is discarded, 507 and 503 of the store.
    """
    if upload.finished_at is not None:
        return _compare(upload, offset, data, settings)
    if offset + len(data) > upload.size:
        stands = store_of(settings).offset(settings, upload.id)
        if offset != stands:
            raise Refusal("file.offset_moved", offset=stands)
        raise Refusal("file.too_large", most_bytes=upload.size)
    stands = store_of(settings).append(settings, upload.id, offset, data)
    if stands == upload.size:
        _finish(upload, settings, now)
    return stands


def settle(upload: Standing, *, settings: Settings, now: datetime) -> int:
    """The offset of an upload. One that is full but was not finished, since something died in between, is finished now.

    Raises 404 `file.upload_not_found` where that shows that it has to be discarded.
    """
    if upload.finished_at is not None:
        return upload.size
    stands = store_of(settings).offset(settings, upload.id)
    if stands == upload.size:
        try:
            _finish(upload, settings, now)
        except Refusal as refusal:
            if refusal.entry.status >= 500:
                raise
            raise Refusal("file.upload_not_found") from refusal
    return stands


def _compare(upload: Standing, offset: int, data: bytes, settings: Settings) -> int:
    """Hold bytes that are sent once more against those that are here: tuspy does not read the offset of a creation."""
    if offset not in (0, upload.size) or (offset and data):
        raise Refusal("file.offset_moved", offset=upload.size)
    if data and not store_of(settings).original(settings, upload.sha256).startswith(data):
        if upload.again:  # nobody has shown yet that this upload has the bytes of its hash; this one has not
            _discard(upload, settings)
        raise Refusal("file.hash_mismatch")
    return upload.size


def _finish(upload: Standing, settings: Settings, now: datetime) -> None:
    """Make a full upload an original and commit it, or discard it: raises 460 or 422 for what it is not.

    Where somebody else does so at the same time, one of the two finishes it and both find it finished.
    """
    store = store_of(settings)
    data = store.assembled(settings, upload.id)
    try:
        if hashlib.sha256(data).hexdigest() != upload.sha256:
            raise Refusal("file.hash_mismatch")
        media_type = images.media_type_of(data)
    except Refusal:
        if _discard(upload, settings):
            raise
        return
    with transaction() as session:
        row = session.get(Upload, upload.id, with_for_update=True)
        if row is None:
            raise Refusal("file.upload_not_found")
        if row.finished_at is None:
            dialect_of(session).lock_names(session.connection(), [row.sha256])
            store.keep(settings, row.id, row.sha256, data)
            _finished(session, row, media_type, now)
    store.forget(settings, upload.id)


def _finished(session: Session, upload: Upload, media_type: str | None, now: datetime) -> None:
    upload.finished_at, upload.expires_at, upload.media_type = now, now + UNNAMED_LIVES, media_type
    session.flush()
    audit.record(
        session, chain=chain_of(upload.area_path), act="file.received", subject=("file", upload.sha256), actor_id=upload.user_id, at=now,
        data={"upload": upload.id, "item": upload.item_id, "device": upload.device_id, "size": upload.size,
              "media_type": media_type, "again": upload.again},
    )  # fmt: skip
    queries.tell_arrived(session, upload)


def terminate(upload: Standing, *, settings: Settings) -> None:
    """End an unfinished upload and commit that. Raises 403 `file.is_evidence` for a finished one."""
    if upload.finished_at is not None or not _discard(upload, settings):
        raise Refusal("file.is_evidence")


def _discard(upload: Standing, settings: Settings) -> bool:
    """Remove an upload that holds nothing, or nothing of its own; False where it was finished meanwhile."""
    with transaction() as session:
        row = session.get(Upload, upload.id, with_for_update=True)
        if row is not None and row.finished_at is not None and not row.again:
            return False
        if row is not None:
            session.delete(row)
    store_of(settings).forget(settings, upload.id)
    return True


# -- evidence ---------------------------------------------------------------------------------------------------------


def name_evidence(session: Session, named: Mapping[str, Mapping[str, bool]], *, actor: Actor, now: datetime) -> None:
    """Note which hashes are evidence of what: {id of an item or lead: {sha256: required}}. Once named, named as it was.

    Until the end of the transaction no upload of these hashes finishes, so either side sees what the other has done.
    """
    hashes = sorted({sha256 for files in named.values() for sha256 in files})
    if not hashes:
        return
    dialect_of(session).lock_names(session.connection(), hashes)
    whose = {"user_id": actor.id, "area_path": queries.area_of(session, actor), "named_at": now}
    rows = [
        {"subject_id": subject_id, "sha256": sha256, "required": required, **whose}
        for subject_id, files in sorted(named.items())
        for sha256, required in sorted(files.items())
    ]
    dialect_of(session).insert_missing(session.connection(), Evidence.__table__, rows)


def hand_out(found: Original, *, actor: Actor, settings: Settings, now: datetime) -> bytes:
    """The bytes of an original for somebody who may see it; commits a line in the custody log before they go."""
    data: bytes = store_of(settings).original(settings, found.sha256)
    with transaction() as session:
        audit.record(
            session, chain=chain_of(found.area_path), act="file.served", subject=("file", found.sha256), actor_id=actor.id,
            at=now, data={"for": found.subject_id, "size": len(data), "device": actor.device_id},
        )  # fmt: skip
    return data


def preview(found: Original, *, settings: Settings) -> bytes:
    """The preview of an original, a JPEG, made when it is first wanted. Raises 404 `file.no_preview`."""
    store = store_of(settings)
    kept: bytes | None = store.preview(settings, found.sha256)
    if kept is None:
        kept = images.preview_of(store.original(settings, found.sha256))
        store.keep_preview(settings, found.sha256, kept)
    return kept


def chain_of(area_path: str) -> str | None:
    """The chain of the event log: the code of the area, the last part of its path."""
    return area_path.rstrip("/").rpartition("/")[2] if not area_path.startswith("user/") else None
