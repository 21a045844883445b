"""Reading files: whose area holds which hash, what is still missing, who may see an original.

The area of a person is that of the first role (as sign-in tells it). It holds a hash when somebody in it has uploaded the
bytes; a person holds what he uploaded himself, wherever he works today. Another area learns nothing from a hash alone.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from types import ModuleType
from typing import Any, NamedTuple

from flask import current_app
from sqlalchemy import ColumnElement, Select, String, and_, bindparam, exists, func, or_, select
from sqlalchemy.orm import Session

from gridwatch.areas.models import Area, Department
from gridwatch.db import quick
from gridwatch.domain.errors import Refusal
from gridwatch.domain.permits import Actor
from gridwatch.files.models import Evidence, Upload

Seen = Callable[[Actor, ColumnElement[str]], ColumnElement[bool]]
Arrived = Callable[[Session, Collection[str]], None]


class Standing(NamedTuple):
    """An upload as it stands in the database; plain values, so that no connection is held while bytes come in."""

    id: str
    user_id: str
    sha256: str
    size: int
    told: str
    again: bool
    finished_at: datetime | None
    expires_at: datetime | None


@dataclass(frozen=True, slots=True)
class Attachments:
    """How complete something is: how many hashes it requires, how many of those files are here, and the missing hashes."""

    required: int = 0
    here: int = 0
    missing: list[str] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """The same as plain JSON: `2 of 3` and what the third is."""
        return {"required": self.required, "here": self.here, "missing": self.missing}


class Original(NamedTuple):
    """An original that somebody may see, and the thing that names it, for which he may."""

    sha256: str
    media_type: str
    subject_id: str
    area_path: str


def register(app: Any, *, seen: Iterable[Seen], arrived: Arrived) -> None:
    """Say how the features above answer for what names files. Called once, by `create_app`.

    Each of `seen` gives the condition that an id column names a thing of its own that the actor may read. `arrived` is told
    the ids of things whose file has come.
    """
    app.extensions["gridwatch.files"] = (tuple(seen), arrived)


def area_of(session: Session, actor: Actor) -> str:
    """The path of the actor's area. Somebody without one is an area of his own, which nobody shares."""
    for grant in actor.grants:
        if grant.area_path:
            return grant.area_path
        department = select(Area.path).join(Department, Department.area_code == Area.code)
        if path := session.scalar(department.where(Department.code == grant.department)):
            return path
    return f"user/{actor.id}/"


def _is_held_by(user_id: Any, area_path: Any) -> ColumnElement[bool]:
    """The condition that an upload makes a person or his area hold its hash."""
    within = Upload.area_path.startswith(area_path)  # paths are digits and '/': never a pattern
    return and_(Upload.finished_at.is_not(None), or_(Upload.user_id == user_id, within))


SERVES = and_(Upload.sha256 == Evidence.sha256, _is_held_by(Evidence.user_id, Evidence.area_path))


def held(session: Session, hashes: Collection[str], actor: Actor) -> set[str]:
    """Which of the hashes the actor or his area holds, by what is committed."""
    if not hashes:
        return set()
    asked = {"hashes": list(hashes), "user_id": actor.id, "area_path": area_of(session, actor)}
    return {sha256 for (sha256,) in quick.rows(_held(quick.dialect()), asked)}


@cache
def _held(dialect: ModuleType) -> Select[Any]:
    mine = _is_held_by(bindparam("user_id", type_=String), bindparam("area_path", type_=String))
    return select(Upload.sha256).where(dialect.among_given(Upload.sha256, "hashes"), mine)


def held_upload(session: Session, sha256: str, size: int, user_id: str, area_path: str) -> Upload | None:
    """A finished upload of these bytes that the person or the area holds, None where there is none."""
    same = (Upload.sha256 == sha256, Upload.size == size, _is_held_by(user_id, area_path))
    return session.scalars(select(Upload).where(*same).limit(1)).first()


_EVIDENCE = Evidence.__table__.c
_REQUIRED = (
    select(_EVIDENCE.subject_id, _EVIDENCE.sha256, exists().where(SERVES))
    .where(_EVIDENCE.subject_id.in_(bindparam("subjects", expanding=True)), _EVIDENCE.required)
    .order_by(_EVIDENCE.subject_id, _EVIDENCE.sha256)
)


def attachments(
    session: Session, subject_ids: Collection[str], only: Mapping[str, Collection[str]] | None = None
) -> dict[str, Attachments]:
    """How complete each of these items, visits or leads is.

    A lead has the id of the item that reported it, and gathers evidence that the item never named: `only` says for such an
    item which hashes are its own.
    """
    found: dict[str, list[tuple[str, bool]]] = {subject_id: [] for subject_id in subject_ids}
    if found:
        rows = session.connection().execute(_REQUIRED, {"subjects": list(found)})
        for subject_id, sha256, is_here in rows:
            if only is None or subject_id not in only or sha256 in only[subject_id]:
                found[subject_id].append((sha256, is_here))
    return {subject_id: _attachments(files) for subject_id, files in found.items()}


def _attachments(files: list[tuple[str, bool]]) -> Attachments:
    missing = [sha256 for sha256, is_here in files if not is_here]
    return Attachments(len(files), len(files) - len(missing), missing)


_UPLOAD = select(*(getattr(Upload, name) for name in Standing._fields)).where(
    Upload.id == bindparam("id"), Upload.user_id == bindparam("user_id")
)


def upload_of(upload_id: str, actor: Actor, now: datetime) -> Standing:
    """An upload of the actor that has not expired. Raises 404 `file.upload_not_found`, also for another person's."""
    found = [Standing(*row) for row in quick.rows(_UPLOAD, {"id": upload_id, "user_id": actor.id})]
    if not found or (found[0].finished_at is None and found[0].expires_at is not None and found[0].expires_at <= now):
        raise Refusal("file.upload_not_found")
    return found[0]


def open_bytes(session: Session, user_id: str) -> int:
    """How many bytes a person has announced and not yet sent whole."""
    mine = (Upload.user_id == user_id, Upload.finished_at.is_(None))
    return session.scalar(select(func.coalesce(func.sum(Upload.size), 0)).where(*mine)) or 0


def files_of_item(session: Session, item_id: str, user_id: str) -> set[str]:
    """The hashes that a person has uploaded, or begun to, for an item."""
    return set(session.scalars(select(Upload.sha256).where(Upload.item_id == item_id, Upload.user_id == user_id)))


def original_within(session: Session, sha256: str, actor: Actor) -> Original:
    """The original, if something that the actor may read names it and holds it. Raises 404 `file.not_found` otherwise."""
    seen, _ = current_app.extensions["gridwatch.files"]
    row = session.execute(
        select(Upload.sha256, Upload.media_type, Evidence.subject_id, Evidence.area_path)
        .join(Evidence, SERVES)
        .where(Evidence.sha256 == sha256, or_(*(condition(actor, Evidence.subject_id) for condition in seen)))
        .order_by(Evidence.named_at, Evidence.subject_id)
        .limit(1)
    ).first()
    if row is None:
        raise Refusal("file.not_found")
    return Original(*row)


def served_by(session: Session, upload: Upload) -> list[str]:
    """The ids of the things that name an upload's hash, and for which this upload is the file."""
    statement = select(Evidence.subject_id).select_from(Evidence).join(Upload, SERVES)
    return list(session.scalars(statement.where(Upload.id == upload.id).order_by(Evidence.subject_id)))


def tell_arrived(session: Session, upload: Upload) -> None:
    """Let the features above know that what an upload's hash is evidence of has become more complete."""
    _, arrived = current_app.extensions["gridwatch.files"]
    if ids := served_by(session, upload):
        arrived(session, ids)


# -- for the sweeper --------------------------------------------------------------------------------------------------


def uploads_due(session: Session, now: datetime, most: int) -> list[Upload]:
    """Uploads whose time has come, the oldest first, locked; what another sweeper has taken is left out."""
    statement = select(Upload).where(Upload.expires_at <= now).order_by(Upload.expires_at, Upload.id).limit(most)
    return list(session.scalars(statement.with_for_update(skip_locked=True)))


def is_held_anywhere(session: Session, sha256: str) -> bool:
    """Whether any finished upload holds the hash."""
    return bool(session.scalar(select(exists().where(Upload.sha256 == sha256, Upload.finished_at.is_not(None)))))


def unfinished_among(session: Session, upload_ids: Collection[str]) -> set[str]:
    """Which of these are uploads that are not finished."""
    found: set[str] = set()
    ids = list(upload_ids)
    for start in range(0, len(ids), 5_000):
        part = ids[start : start + 5_000]
        found |= set(session.scalars(select(Upload.id).where(Upload.id.in_(part), Upload.finished_at.is_(None))))
    return found
