"""Reading items: the catalogue as it stands, kept in memory, and the rows of single versions."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from functools import lru_cache
from typing import Any

import orjson
from sqlalchemy import select
from sqlalchemy.orm import Session

from gridwatch.domain.errors import Refusal
from gridwatch.domain.items import Catalogue, Version
from gridwatch.items.models import InspectionItem, ItemVersion

_HERE = "items.catalogue"
_Row = tuple[str, int, str, date, bool]  # code, version, sha256, effective_on, withdrawn

# Content by its hash. What was published never changes, so an entry is right for every database and for ever.
_DOCUMENTS: dict[str, dict[str, Any]] = {}


def catalogue(session: Session) -> Catalogue:
    """Every version of every item. One light statement a unit of work; the documents are read once a process."""
    known = session.info.get(_HERE)
    if known is None:
        columns = (
            ItemVersion.code,
            ItemVersion.version,
            ItemVersion.sha256,
            ItemVersion.effective_on,
            ItemVersion.withdrawn_at,
        )
        rows = session.execute(select(*columns).order_by(ItemVersion.code, ItemVersion.version)).all()
        known = session.info[_HERE] = _built(
            tuple((code, number, sha256, on, withdrawn is not None) for code, number, sha256, on, withdrawn in rows),
            _Documents(session),
        )
    return known


def forget(session: Session) -> None:
    """Have the next reading of this unit of work see what it has just written."""
    session.info.pop(_HERE, None)


class _Documents:
    """Where the documents of a catalogue come from. Equal for the cache whatever the session: content is told by its hash."""

    def __init__(self, session: Session) -> None:
        self.session = session

    def __hash__(self) -> int:
        return 0

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Documents)

    def read(self, wanted: Iterable[str]) -> None:
        """Bring the documents under these hashes into memory."""
        missing = sorted({*wanted} - _DOCUMENTS.keys())
        statement = select(ItemVersion.sha256, ItemVersion.document).where(ItemVersion.sha256.in_(missing))
        for sha256, document in self.session.execute(statement) if missing else ():
            _DOCUMENTS[sha256] = document


@lru_cache(maxsize=8)
def _built(rows: tuple[_Row, ...], documents: _Documents) -> Catalogue:
    documents.read(sha256 for _, _, sha256, _, _ in rows)
    return Catalogue(
        Version(_DOCUMENTS[sha256], on, sha256, withdrawn=withdrawn) for _, _, sha256, on, withdrawn in rows
    )


def versions_of(session: Session, code: str) -> list[ItemVersion]:
    """The rows of every version of an item, the oldest first. Raises 404 `item.not_found` for a code that never was."""
    rows = list(session.scalars(select(ItemVersion).where(ItemVersion.code == code).order_by(ItemVersion.version)))
    if not rows:
        raise Refusal("item.not_found")
    return rows


def version_of(session: Session, code: str, number: int) -> ItemVersion:
    """The row of one version. Raises 404 `item.not_found`."""
    row = session.get(ItemVersion, (code, number))
    if row is None:
        raise Refusal("item.not_found")
    return row


def lock_item(session: Session, code: str) -> InspectionItem | None:
    """The row of an item, locked until the end of the transaction; None where there is none yet."""
    return session.get(InspectionItem, code, with_for_update=True, populate_existing=True)


def for_phones(items: list[dict[str, Any]]) -> bytes:
    """The bytes under which phones fetch items: the reference data `items`."""
    return orjson.dumps(items, option=orjson.OPT_SORT_KEYS)
