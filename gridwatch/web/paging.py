"""Cursor paging: a page is the rows after a key, so that it stays right while rows are added."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Sequence
from typing import Any

import orjson
from sqlalchemy import ColumnElement, Select, tuple_
from sqlalchemy.orm import InstrumentedAttribute, Session

from gridwatch.domain.errors import Refusal

MOST = 200


def encode(key: Sequence[Any]) -> str:
    """A cursor from a key of JSON values."""
    return base64.urlsafe_b64encode(orjson.dumps(list(key))).decode().rstrip("=")


def decode(cursor: str, length: int) -> list[Any]:
    """The key of a cursor. Raises 422 `input.cursor`."""
    try:
        key = orjson.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (binascii.Error, orjson.JSONDecodeError, ValueError):
        raise Refusal("input.cursor") from None
    if (
        not isinstance(key, list)
        or len(key) != length
        or not all(isinstance(part, str) and "\0" not in part for part in key)
    ):
        raise Refusal("input.cursor")
    return key


def page(
    session: Session,
    statement: Select[Any],
    keys: Sequence[InstrumentedAttribute[Any]],
    *,
    cursor: str | None,
    limit: int,
    key_of: Callable[[Any], Sequence[str]],
) -> dict[str, Any]:
    """One page of ORM rows in the order of `keys` (text columns, unique together): {"items": [rows], "next_cursor": text|None}."""
    limit = max(1, min(limit, MOST))
    columns: list[ColumnElement[Any]] = list(keys)  # type: ignore[arg-type]
    if cursor:
        statement = statement.where(tuple_(*columns) > tuple_(*decode(cursor, len(columns))))
    rows = session.scalars(statement.order_by(*columns).limit(limit + 1)).unique().all()
    return {"items": rows[:limit], "next_cursor": encode(key_of(rows[limit - 1])) if len(rows) > limit else None}
