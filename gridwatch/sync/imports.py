"""The import desk: unsent work that a phone exported as an encrypted file, taken in by the street (docs/sync.md, section 11).

What is sealed in a file is the body of a push, with the person and the photos beside it. So it goes through the same service
as a push of that person from that phone: each item gets its own outcome, and when the phone sends the same items later
they are duplicates (R2), in whichever order. Who imported which file is written before anything is taken in.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
import rfc8785
from sqlalchemy.orm import Session

from gridwatch.audit import service as audit
from gridwatch.config import Settings
from gridwatch.db.base import db
from gridwatch.db.session import transaction
from gridwatch.domain.errors import Refusal
from gridwatch.domain.permits import Actor
from gridwatch.domain.worktime import local_day
from gridwatch.files import service as files
from gridwatch.people.models import Device, User
from gridwatch.sync import decoding, ledger, queries, service
from gridwatch.sync.export_keys import KeyPair, key_of

FORMAT, VERSION = "gridwatch-export", 1
MOST_BYTES = 10_000_000  # of a file; the app makes several where one would be larger


@dataclass(frozen=True, slots=True)
class Photo:
    """A photo in a file: its hash as the item names it, and its bytes."""

    sha256: str
    item_id: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Opened:
    """An opened file: whose work it is, the push, the photos. `sha256` is that of the file."""

    user_id: str
    envelope: decoding.Envelope
    photos: list[Photo]
    exported_at: str
    sha256: str


def read(body: bytes, key: KeyPair) -> Opened:
    """Open an exported file. Raises 422 `sync.import_unreadable` for anything else, and `sync.import_other_key` for one that
    was made for another server."""
    sealed = _object(body)
    head = {name: sealed.get(name) for name in ("format", "version", "key_id")}
    if head["format"] != FORMAT or head["version"] != VERSION or not isinstance(head["key_id"], str):
        raise Refusal("sync.import_unreadable")
    if head["key_id"] != key.id:
        raise Refusal("sync.import_other_key", key_id=head["key_id"][:64])
    parts = (_bytes(sealed.get(name)) for name in ("wrapped_key", "iv", "data"))
    plain = key.open(*parts, rfc8785.dumps(head))
    if plain is None:
        raise Refusal("sync.import_unreadable")
    told = _object(plain)
    try:
        envelope = decoding.read(plain)
    except Refusal:
        raise Refusal("sync.import_unreadable") from None
    user_id, exported_at, photos = told.get("user_id"), told.get("exported_at"), told.get("photos", [])
    if not decoding.is_uuid(user_id) or not decoding.is_uuid(envelope.device_id) or not isinstance(photos, list):
        raise Refusal("sync.import_unreadable")
    return Opened(
        user_id, envelope, [_photo(one) for one in photos], str(exported_at)[:40],
        hashlib.sha256(body).hexdigest(),
    )  # fmt: skip


def take(body: bytes, importer: Actor, settings: Settings, now: datetime) -> dict[str, Any]:
    """Take the work in a file in and commit it: {user, device, exported_at, results, photos}, results as a push answers them.

    Raises what `read` raises, 413 `sync.batch_too_large`, and 404 `device.not_found` where the person and the phone are not
    within the importer's reach.
    """
    opened = read(body, key_of(settings))
    service.check_size(opened.envelope, sum(len(item.raw.encode()) for item in opened.envelope.items))
    device, user, sender = _whose(db.session(), opened, importer, now)
    with transaction() as session:
        data = {
            "user_id": user.id,
            "file": opened.sha256,
            "items": [one.id for one in opened.envelope.items],
            "photos": [one.sha256 for one in opened.photos],
        }
        area = queries.area_code_of(importer)
        audit.record(
            session, chain=area, act="sync.imported", subject=("device", device["id"]), actor_id=importer.id, at=now, data=data
        )  # fmt: skip
    results = service.push(opened.envelope, sender, now) if opened.envelope.items else []
    photos = [_keep(one, sender, settings, now) for one in opened.photos]
    return {
        "user": {"id": user.id, "name": user.name}, "device": device, "exported_at": opened.exported_at, "results": results,
        "photos": photos,
    }  # fmt: skip


def _whose(session: Session, opened: Opened, importer: Actor, now: datetime) -> tuple[dict[str, Any], User, Actor]:
    wanted = ledger.devices_within(importer, "sync.import").where(
        Device.id == opened.envelope.device_id, Device.user_id == opened.user_id
    )
    device = session.scalar(wanted)
    user = session.get(User, opened.user_id) if device is not None else None
    if device is None or user is None:
        raise Refusal("device.not_found")
    sender = queries.person(session, user, device.id, local_day(now))
    return {"id": device.id, "name": device.name}, user, sender


def _keep(photo: Photo, sender: Actor, settings: Settings, now: datetime) -> dict[str, Any]:
    """Keep a photo as an upload of its sender; `code` says why it was not, None when it is here."""
    announced = files.Announced(photo.sha256, len(photo.data), photo.item_id, "")
    code = None
    try:
        files.create(announced, photo.data, actor=sender, settings=settings, now=now)
    except Refusal as refusal:
        code = refusal.code
    return {"sha256": photo.sha256, "item_id": photo.item_id, "code": code}


def _object(body: bytes) -> dict[str, Any]:
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        value = None
    if not isinstance(value, dict):
        raise Refusal("sync.import_unreadable")
    return value


def _bytes(text: Any) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (TypeError, ValueError):
        raise Refusal("sync.import_unreadable") from None


def _photo(told: Any) -> Photo:
    if not isinstance(told, dict) or not decoding.is_uuid(told.get("item_id")):
        raise Refusal("sync.import_unreadable")
    data = _bytes(told.get("data"))
    sha256 = hashlib.sha256(data).hexdigest()
    if told.get("sha256") != sha256:  # damaged on the phone: nothing names it
        raise Refusal("sync.import_unreadable")
    return Photo(sha256, told["item_id"], data)
