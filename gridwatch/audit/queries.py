"""Walk the chains of the event log and say where they do not hold.

Source: promise P16 (any change, deletion, insertion, swap or truncation made in the database is found, with its position).
The log is read byte for byte as it is stored: what a type would forgive, such as another spelling of the same instant, is
a change. Cutting off the end together with the head of its chain leaves no trace inside the database; it is found by
holding the log against heads that were taken earlier and kept elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from gridwatch.audit.models import EventChain
from gridwatch.audit.service import GENESIS, hash_of_fields
from gridwatch.db.engine import dialect_of

ROWS_AT_ONCE = 2_000
# In the order in which they are hashed, behind the hash of the event before.
HASHED = ("chain", "no", "at", "actor_id", "act", "subject_kind", "subject_id", "version", "data")
EVENT = (*HASHED, "previous", "hash")
HEAD = ("chain", "length", "head")
NUMBERS = frozenset({"no", "version"})


@dataclass(frozen=True, slots=True)
class Break:
    """A place where a chain does not hold: the chain, the number of the event, and what is wrong in both languages."""

    chain: str
    no: int
    zh: str
    en: str


@dataclass(frozen=True, slots=True)
class Head:
    """How far a chain reached: the number of its last event and that event's hash."""

    chain: str
    no: int
    hash: str


def heads(session: Session) -> list[Head]:
    """The heads of all chains, by name: what to keep elsewhere as an anchor."""
    return [
        Head(row.chain, row.length, row.head) for row in session.scalars(select(EventChain).order_by(EventChain.chain))
    ]


def breaks(session: Session, anchors: Iterable[Head] = ()) -> Iterator[Break]:
    """Walk every chain from its beginning; yields a Break for each place that does not hold, nothing when all is well.

    `anchors` are heads taken earlier: each must still stand in the log.
    """
    wanted = {(anchor.chain, anchor.no): anchor.hash for anchor in anchors}
    ends: dict[str, tuple[int, str]] = {}
    for row in _stored_events(session):
        chain, no = _text(row["chain"]), _number(row["no"])
        if no is None:
            yield Break(chain, 0, f"编号不是数字：{row['no']!r}", f"its number is not one: {row['no']!r}")
            continue
        before, head = ends.get(chain, (0, GENESIS))
        if no != before + 1:
            yield Break(
                chain, before + 1, f"第 {before + 1} 至 {no - 1} 条缺失", f"events {before + 1} to {no - 1} are missing"
            )
        if _text(row["previous"]) != head:
            yield Break(chain, no, "与前一条不衔接", "does not follow the event before it")
        if _text(row["hash"]) != _hash(row):
            yield Break(chain, no, "写入后被改动", "was changed after it was written")
        if wanted.pop((chain, no), _text(row["hash"])) != _text(row["hash"]):
            yield Break(chain, no, "与留存的链头不符", "is not the event that was anchored")
        ends[chain] = (no, _text(row["hash"]))
    yield from _compare_ends(session, ends)
    for (chain, no), _ in sorted(wanted.items()):
        yield Break(chain, no, "留存的链头所指的记录已不存在", "the event that was anchored is gone")


def _compare_ends(session: Session, ends: Mapping[str, tuple[int, str]]) -> Iterator[Break]:
    noted = {_text(row["chain"]): (_number(row["length"]), _text(row["head"])) for row in _stored_heads(session)}
    for chain in sorted(noted.keys() | ends.keys()):
        length, head = noted.get(chain, (0, GENESIS))
        last, last_hash = ends.get(chain, (0, GENESIS))
        if length != last:
            place = min(length or 0, last) + 1
            yield Break(
                chain, place, f"链头记 {length} 条，实有 {last} 条", f"the head says {length}, the log has {last}"
            )
        elif head != last_hash:
            yield Break(chain, last, "链头与最后一条不符", "the head is not the hash of the last event")


def _stored_events(session: Session) -> Iterator[dict[str, Any]]:
    dialect = dialect_of(session)
    stored = [dialect.stored_instant(name) if name == "at" else dialect.stored_bytes(name) for name in EVENT]
    rows = session.connection().exec_driver_sql(
        f"SELECT {', '.join(stored)} FROM event ORDER BY chain, no",  # noqa: S608 - columns of the model
        execution_options={"yield_per": ROWS_AT_ONCE},
    )
    for row in rows:
        yield dict(zip(EVENT, row, strict=True))


def _stored_heads(session: Session) -> list[dict[str, Any]]:
    stored = map(dialect_of(session).stored_bytes, HEAD)
    rows = session.connection().exec_driver_sql(f"SELECT {', '.join(stored)} FROM event_chain")  # noqa: S608 - as above
    return [dict(zip(HEAD, row, strict=True)) for row in rows]


def _text(stored: bytes | memoryview | None) -> str:
    try:
        return bytes(stored or b"").decode()
    except UnicodeDecodeError:
        # What is no text any more must not end the walk: it becomes one that no event holds.
        return f"\0{bytes(stored or b'').hex()}"


def _number(stored: bytes | memoryview | None) -> int | None:
    """A stored number, None for anything that is not written exactly as a number is."""
    written = _text(stored)
    return int(written) if written.isdecimal() and str(int(written)) == written else None


def _hash(row: Mapping[str, Any]) -> str:
    return hash_of_fields([_text(row["previous"]), *(_field(name, row[name]) for name in HASHED)])


def _field(name: str, stored: bytes | memoryview | None) -> int | str | None:
    if stored is None:
        return None
    number = _number(stored) if name in NUMBERS else None
    return _text(stored) if number is None else number
