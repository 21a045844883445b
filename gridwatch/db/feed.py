"""The sync feed: for each scope, its documents at their newest state, in commit order.

A unit-of-work hook collects what was changed. As the last statements before the commit it renders each document once,
raises the counters of the scopes (in sorted order: random order deadlocks, sorted never does) and upserts one row per
(scope, document) at its newest seq. A number that is raised under a row lock as the last statement becomes visible in
order; one taken from a sequence does not, and readers then miss rows (sync-protocol, section 3).

Which document is which: a model that mixes in `Fed` is the root of its documents, and every change of such a document goes
through an update of that root row. The row's `rev` is both the document's rev and SQLAlchemy's version counter, so two
writers of one document can never both win.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import orjson
from flask import current_app
from sqlalchemy import BigInteger, Index, Integer, String, Text, bindparam, event, select, text
from sqlalchemy.orm import Mapped, Session, declared_attr, mapped_column, object_mapper
from sqlalchemy.orm.attributes import flag_modified

from gridwatch.db.base import Base
from gridwatch.db.engine import dialect_of


class Fed:
    """Mixin for the root row of one or more documents."""

    rev: Mapped[int] = mapped_column(Integer, nullable=False)

    @declared_attr.directive
    def __mapper_args__(cls) -> dict[str, Any]:
        return {"version_id_col": cls.rev}


class FeedScope(Base):
    """One scope: its counter, the number of live documents and the XOR of their fingerprints (as a signed 64-bit integer).

    Up to `purged_to` old `leave` rows are gone: a phone that stands before it gets a snapshot instead of a delta.
    """

    __tablename__ = "feed_scope"
    scope: Mapped[str] = mapped_column(String(64), primary_key=True)
    counter: Mapped[int] = mapped_column(BigInteger, nullable=False)
    docs: Mapped[int] = mapped_column(Integer, nullable=False)
    digest: Mapped[int] = mapped_column(BigInteger, nullable=False)
    purged_to: Mapped[int] = mapped_column(BigInteger, nullable=False, server_default="0")


class FeedRow(Base):
    """One document in one scope at its newest seq. `op` is put or leave; `doc` is the JSON text that phones receive."""

    __tablename__ = "feed_row"
    scope: Mapped[str] = mapped_column(String(64), primary_key=True)
    kind: Mapped[str] = mapped_column(String(16), primary_key=True)
    doc_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    seq: Mapped[int] = mapped_column(BigInteger, nullable=False)
    rev: Mapped[int] = mapped_column(Integer, nullable=False)
    op: Mapped[str] = mapped_column(String(5), nullable=False)
    doc: Mapped[str | None] = mapped_column(Text)
    changed_on: Mapped[str] = mapped_column(String(10), nullable=False)
    __table_args__ = (
        Index("ix_feed_row_scope_seq", "scope", "seq", unique=True),
        Index("ix_feed_row_document", "doc_id", "kind"),
        Index(
            "ix_feed_row_left", "changed_on", postgresql_where=text("op = 'leave'"), sqlite_where=text("op = 'leave'")
        ),
    )


@dataclass(frozen=True, slots=True)
class Document:
    """What a phone may hold: `body` without kind, id and rev, which are added here; no scopes = nobody holds it any more.

    `fresh` says that no scope can hold it yet, which saves the look-up of older rows in bulk work.
    """

    kind: str
    id: str
    rev: int
    scopes: frozenset[str]
    body: dict[str, Any]
    fresh: bool = False


Renderer = Callable[[Session, list[Any]], Iterable[Document]]


def register(app: Any, renderers: dict[type, Renderer]) -> None:
    """Say which function renders the documents of each root model. Called once, by `create_app`."""
    app.extensions["gridwatch.feed"] = renderers


def touch(root: Any) -> None:
    """Have the documents of a root row rendered again although none of its own columns changed; raises its rev."""
    mapper = object_mapper(root)
    # The version counter itself cannot be flagged: its old value would be lost. Any other column makes an UPDATE.
    plain = (attribute for attribute in mapper.column_attrs if not attribute.columns[0].primary_key)
    key = next(attribute.key for attribute in plain if attribute.columns[0] is not mapper.version_id_col)
    getattr(root, key)  # an expired attribute has no value to flag
    flag_modified(root, key)


def stage(session: Session, documents: Iterable[Document]) -> None:
    """Add documents that bulk work has rendered itself to what this transaction publishes."""
    session.info.setdefault("feed.staged", []).extend(documents)


@event.listens_for(Session, "before_flush")
def _collect(session: Session, context: Any, instances: Any) -> None:
    touched = session.info.setdefault("feed.touched", {})
    for root in session.new:
        if isinstance(root, Fed):
            touched[id(root)] = (root, True)
    for root in session.dirty:
        if isinstance(root, Fed) and id(root) not in touched and session.is_modified(root):
            touched[id(root)] = (root, False)


def fingerprint(kind: str, doc_id: str, rev: int) -> int:
    """The first 64 bits of SHA-256 over kind/id/rev, as a signed integer that both databases can store."""
    return int.from_bytes(hashlib.sha256(f"{kind}/{doc_id}/{rev}".encode()).digest()[:8], "big", signed=True)


def text_of(document: Document) -> str:
    """A document as phones receive it: JSON text."""
    return orjson.dumps({"kind": document.kind, "id": document.id, "rev": document.rev, **document.body}).decode()


def digest_hex(digest: int) -> str:
    """A stored digest as the 16 lower-case hex digits of the protocol."""
    return f"{digest & 0xFFFFFFFFFFFFFFFF:016x}"


def publish(session: Session, today: str) -> None:
    """The end-of-work step: write what this transaction changed into the feed. `today` is the local day, ISO."""
    documents = list(_render(session))
    if not documents:
        return
    held = _held(session, [document for document in documents if not document.fresh])
    rows: dict[str, list[dict[str, Any]]] = defaultdict(list)
    counts: dict[str, int] = defaultdict(int)
    digests: dict[str, int] = defaultdict(int)
    for document in documents:
        before = held.get((document.kind, document.id), {})
        text_ = None
        for scope in sorted(document.scopes):
            if text_ is None:
                text_ = text_of(document)
            rows[scope].append(_row(scope, document, "put", text_, today))
            digests[scope] ^= fingerprint(document.kind, document.id, document.rev)
            if scope in before:
                digests[scope] ^= fingerprint(document.kind, document.id, before[scope])
            else:
                counts[scope] += 1
        for scope in before.keys() - document.scopes:
            rows[scope].append(_row(scope, document, "leave", None, today))
            counts[scope] -= 1
            digests[scope] ^= fingerprint(document.kind, document.id, before[scope])
    if not rows:
        return
    session.flush()
    connection = session.connection()
    ends = _raise_counters(
        connection, [(scope, len(rows[scope]), counts[scope], digests[scope]) for scope in sorted(rows)]
    )
    for scope, changes in rows.items():
        first = ends[scope] - len(changes) + 1
        for place, row in enumerate(changes):
            row["seq"] = first + place
    dialect_of(connection).upsert_feed_rows(connection, [row for scope in sorted(rows) for row in rows[scope]])


def _row(scope: str, document: Document, op: str, doc: str | None, today: str) -> dict[str, Any]:
    return {
        "scope": scope, "kind": document.kind, "doc_id": document.id, "rev": document.rev, "op": op, "doc": doc,
        "changed_on": today,
    }  # fmt: skip


def _render(session: Session) -> Iterable[Document]:
    renderers: dict[type, Renderer] = current_app.extensions["gridwatch.feed"]
    by_class: dict[type, dict[bool, list[Any]]] = defaultdict(lambda: {True: [], False: []})
    for root, is_new in session.info.pop("feed.touched", {}).values():
        by_class[type(root)][is_new].append(root)
    newest: dict[tuple[str, str], Document] = {}
    for cls, halves in by_class.items():
        if cls not in renderers:
            raise LookupError(f"{cls.__name__} is Fed, but app.py registers no renderer for it")
        for is_new, roots in halves.items():
            for one in renderers[cls](session, roots) if roots else ():
                newest[one.kind, one.id] = Document(one.kind, one.id, one.rev, one.scopes, one.body, fresh=is_new)
    for one in session.info.pop("feed.staged", ()):
        newest[one.kind, one.id] = one
    return newest.values()


_ROW = FeedRow.__table__.c
_HELD = select(_ROW.kind, _ROW.doc_id, _ROW.scope, _ROW.rev).where(
    _ROW.doc_id.in_(bindparam("ids", expanding=True)), _ROW.op == "put"
)


def _held(session: Session, documents: list[Document]) -> dict[tuple[str, str], dict[str, int]]:
    """Which scopes hold these documents now, and at which rev. The root rows are locked, so nobody changes it under us."""
    held: dict[tuple[str, str], dict[str, int]] = defaultdict(dict)
    ids = sorted({document.id for document in documents})
    for start in range(0, len(ids), 5_000):
        for kind, doc_id, scope, rev in session.connection().execute(_HELD, {"ids": ids[start : start + 5_000]}):
            held[kind, doc_id][scope] = rev
    return held


def _raise_counters(connection: Any, scopes: list[tuple[str, int, int, int]]) -> dict[str, int]:
    """Raise the counters by the given numbers of changes, in the given (sorted) order; returns each scope's new counter."""
    ends: dict[str, int] = {}
    for start in range(0, len(scopes), 200):
        part = scopes[start : start + 200]
        values = ", ".join(f"(:s{i}, :n{i}, :d{i}, :x{i})" for i in range(len(part)))
        # (a | b) - (a & b) is a XOR b on both databases: SQLite has no XOR operator.
        statement = text(
            f"INSERT INTO feed_scope (scope, counter, docs, digest) VALUES {values} ON CONFLICT (scope) DO UPDATE SET "  # noqa: S608
            "counter = feed_scope.counter + excluded.counter, docs = feed_scope.docs + excluded.docs, "
            "digest = (feed_scope.digest | excluded.digest) - (feed_scope.digest & excluded.digest) RETURNING scope, counter"
        )
        bound = {}
        for i, (scope, number, docs, digest) in enumerate(part):
            bound |= {f"s{i}": scope, f"n{i}": number, f"d{i}": docs, f"x{i}": digest}
        ends.update(connection.execute(statement, bound).all())
    return ends
