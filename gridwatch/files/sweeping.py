"""What the scheduler does for files: uploads that nobody goes on with, files that nothing ever named, stray bytes."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from gridwatch.audit import service as audit
from gridwatch.config import Settings
from gridwatch.db.engine import dialect_of
from gridwatch.domain.permits import SYSTEM
from gridwatch.files import queries
from gridwatch.files.models import Upload
from gridwatch.files.service import chain_of
from gridwatch.files.stores import store_of

PORTION = 100
STRAY_AFTER = timedelta(days=1)


def sweep(session: Session, settings: Settings, now: datetime) -> dict[str, int]:
    """One portion of what is due: unfinished uploads after 14 days, finished ones that nothing named after 30.

    A finished one first stops being held, and is dropped in the next portion: so it never is that a row says that bytes are
    here and they are not. Returns {"taken", "kept", "expired", "dropped"}; nothing is due any more when `taken` is 0.
    """
    did = {"taken": 0, "kept": 0, "expired": 0, "dropped": 0}
    due = queries.uploads_due(session, now, PORTION)
    dialect_of(session).lock_names(session.connection(), sorted({upload.sha256 for upload in due}))
    for upload in due:
        did["taken"] += 1
        if upload.finished_at is None:
            _drop(session, upload, settings)
            did["dropped"] += 1
        elif queries.served_by(session, upload):
            upload.expires_at = None
            did["kept"] += 1
        else:
            upload.finished_at = None
            audit.record(
                session, chain=chain_of(upload.area_path), act="file.expired", subject=("file", upload.sha256),
                actor_id=SYSTEM.id, at=now, data={"upload": upload.id, "item": upload.item_id},
            )  # fmt: skip
            did["expired"] += 1
    session.flush()
    return did


def _drop(session: Session, upload: Upload, settings: Settings) -> None:
    store = store_of(settings)
    store.forget(settings, upload.id)
    if not queries.is_held_anywhere(session, upload.sha256):
        store.erase(settings, upload.sha256)
    session.delete(upload)


def sweep_strays(session: Session, settings: Settings, now: datetime) -> int:
    """Drop the bytes of uploads that no row knows, or that are finished: something died between the bytes and the row."""
    old = [upload_id for upload_id, grew in store_of(settings).unfinished(settings) if grew < now - STRAY_AFTER]
    strays = set(old) - queries.unfinished_among(session, old)
    for upload_id in sorted(strays):
        store_of(settings).forget(settings, upload_id)
    return len(strays)
