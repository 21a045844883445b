"""Write notices exactly once, let them leave inside the sending window, note that one was read.

Source: promise P7 (a unique row in the same transaction as the message), rulings R8, R9 and R13.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import ColumnElement, Table, false, func, not_, or_, select, true, update
from sqlalchemy.orm import Session

from gridwatch.db import feed
from gridwatch.db.base import new_id
from gridwatch.db.engine import dialect_of
from gridwatch.domain.errors import Refusal
from gridwatch.domain.permits import Actor
from gridwatch.domain.reminders import sending_window
from gridwatch.domain.worktime import WorkCalendar
from gridwatch.notices import outbox
from gridwatch.notices.documents import document
from gridwatch.notices.models import UNSENT, Notice

IN_APP = "inapp"
REMINDER = "reminder"  # the kind of every rung of the ladder; only among these does a newer one replace an older one
MOVED = "moved"  # word that a due day has moved
URGENT = "urgent"  # word of a major hazard, which waits for no office hours (T10)
DIGEST = "digest"  # the one message of a morning
TEXT_MOST = 300
HOURLY = "H%"  # stages of the fast lane, which do not wait for the sending window (ruling R9)

_NOTICE: Table = Notice.__table__  # type: ignore[assignment]


@dataclass(frozen=True, slots=True)
class Message:
    """One notice to be written: about what, at which stage, to whom, in both languages.

    `send_after` is the first instant at which it may leave; `skipped` says why it is only recorded and never sent.
    """

    about: str
    stage: str
    recipient_id: str
    kind: str
    text_zh: str
    text_en: str
    send_after: datetime
    lead_id: str | None = None
    due_on: date | None = None
    provisional: bool = False
    skipped: str | None = None
    channel: str = IN_APP


Ended = Callable[[Session, Collection[str]], Collection[str]]


def write(session: Session, messages: Iterable[Message], *, now: datetime) -> int:
    """Write notices; one that stands already for (about, stage, recipient, channel) is left as it is.

    Returns how many are new. Set-based: no object per row. The caller commits.
    """
    rows = [_row(message, now) for message in messages]
    return dialect_of(session).insert_missing(session.connection(), _NOTICE, rows) if rows else 0


def _row(message: Message, now: datetime) -> dict[str, Any]:
    return {
        "id": new_id(), "rev": 1, "about": message.about, "stage": message.stage, "recipient_id": message.recipient_id,
        "channel": message.channel, "lead_id": message.lead_id, "kind": message.kind,
        "text_zh": message.text_zh[:TEXT_MOST], "text_en": message.text_en[:TEXT_MOST],
        "due_on": message.due_on, "provisional": message.provisional,
        "written_at": now, "send_after": message.send_after, "skipped": message.skipped,
    }  # fmt: skip


def deliver(
    session: Session,
    *,
    now: datetime,
    calendar: WorkCalendar,
    ended: Ended,
    held: ColumnElement[bool] | None = None,
    resting: ColumnElement[bool] | None = None,
    channels: Collection[str] = (),
    limit: int = 1_000,
) -> dict[str, int]:
    """Let the notices leave whose time has come: {"taken", "sent", "skipped"}.

    In the app, to leave is to appear in the recipient's feed. `ended(session, abouts)` names those of the given duties
    that have ended meanwhile: their notices stay as skipped `ended` (R13). After an outage only the newest reminder of
    a duty leaves, the older ones stay as skipped `newer`; `held`, a condition on Notice, names those that must wait for a
    newer one which is about to be written. `resting`, another one, names those of areas where no message may leave now;
    without it `calendar` says that for all. Call again while it takes any. What leaves is queued for the other `channels`,
    and waits for none of them.
    """
    due = session.execute(_due(now, calendar, held, resting).limit(limit)).all()
    abouts = {row.about for row in due}
    over = set(ended(session, abouts)) if abouts else set()
    replaced = _replaced(session, due)
    skipped = {"ended": [row.id for row in due if row.about in over]}
    skipped["newer"] = [row.id for row in due if row.id in replaced and row.about not in over]
    kept_back = {notice for notices in skipped.values() for notice in notices}
    leaving = [row for row in due if row.id not in kept_back]
    for why, notices in skipped.items():
        _change(session, notices, {"skipped": why})
    _change(session, [row.id for row in leaving], {"sent_at": now})
    _appear(session, [{**row._mapping, "sent_at": now, "rev": row.rev + 1} for row in leaving], channels, now)
    return {"taken": len(due), "sent": len(leaving), "skipped": len(kept_back)}


def write_mornings(session: Session, messages: Iterable[Message], channels: Collection[str], *, now: datetime) -> int:
    """Write digests which leave at this moment; returns how many. Whoever calls has made sure that he alone does (`Morning`)."""
    rows = [{**_row(message, now), "sent_at": now, "read_at": None} for message in messages]
    if rows:
        dialect_of(session).insert_missing(session.connection(), _NOTICE, rows)
        _appear(session, rows, channels, now)
    return len(rows)


def _appear(session: Session, rows: Sequence[Mapping[str, Any]], channels: Collection[str], now: datetime) -> None:
    """Notices that leave now: into their recipients' feeds, and into the outbox of the other channels."""
    feed.stage(session, [document(row, fresh=True) for row in rows])
    leaving = (outbox.Leaving(row["id"], row["recipient_id"], sort_of(row["kind"], row["stage"])) for row in rows)
    outbox.queue(session, leaving, channels, now)


def sort_of(kind: str, stage: str) -> str:
    """What a notice is to a channel: digest, urgent or notice."""
    if kind == URGENT or stage.startswith(HOURLY.removesuffix("%")):
        return "urgent"
    return "digest" if kind == DIGEST else "notice"


def _due(
    now: datetime, calendar: WorkCalendar, held: ColumnElement[bool] | None, resting: ColumnElement[bool] | None
) -> Any:
    waiting = select(_NOTICE).where(UNSENT, _NOTICE.c.channel == IN_APP, _NOTICE.c.send_after <= now)
    if resting is None:
        resting = true() if sending_window(now, calendar) != now else false()
    waiting = waiting.where(or_(_NOTICE.c.stage.like(HOURLY), _NOTICE.c.kind == URGENT, not_(resting)))
    if held is not None:
        waiting = waiting.where(not_(held))
    return waiting.order_by(_NOTICE.c.send_after, _NOTICE.c.id).with_for_update(skip_locked=True)


def _replaced(session: Session, due: Sequence[Any]) -> set[str]:
    """Those of the reminders among these that a newer one to the same person about the same duty has overtaken.

    Asked by duty alone: SQLite would take the index of recipients for a join, and read all that a person ever got for each.
    """
    reminders = [row for row in due if row.kind == REMINDER]
    if not reminders:
        return set()
    of_duties = dialect_of(session).among(_NOTICE.c.about, {row.about for row in reminders})
    newest = session.execute(
        select(_NOTICE.c.about, _NOTICE.c.recipient_id, func.max(_NOTICE.c.written_at))
        .where(of_duties, _NOTICE.c.channel == IN_APP, _NOTICE.c.kind == REMINDER, _NOTICE.c.skipped.is_(None))
        .group_by(_NOTICE.c.about, _NOTICE.c.recipient_id)
    )
    written = {(about, person): at for about, person, at in newest}
    return {row.id for row in reminders if row.written_at < written[row.about, row.recipient_id]}


def _change(session: Session, notices: list[str], values: Mapping[str, Any]) -> None:
    if notices:
        statement = (
            update(_NOTICE)
            .where(dialect_of(session).among(_NOTICE.c.id, notices))
            .values(**values, rev=_NOTICE.c.rev + 1)
        )
        session.connection().execute(statement)


def mark_read(session: Session, notice_id: str, *, actor: Actor, now: datetime) -> Notice:
    """Note when its recipient first read a notice; again changes nothing.

    Raises 404 `notice.not_found` for anybody else's, and for one that has not left.
    """
    notice = session.get(Notice, notice_id)
    if notice is None or notice.recipient_id != actor.id or notice.sent_at is None:
        raise Refusal("notice.not_found")
    if notice.read_at is None:
        notice.read_at = now
        session.flush()
    return notice
