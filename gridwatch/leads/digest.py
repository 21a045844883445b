"""The digest (每日待办): one message a morning to each person, of what is due, overdue and new.

It is written at the first tick inside the sending window of a work day, 08:30 at the earliest; a rest day has none, and a day
on which no scheduler ran by 17:30 has none either: the next morning's speaks of the same duties. Source: domain.md §4c
("digest per recipient, one message per morning"), ruling R13.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import Table, func, select
from sqlalchemy.orm import Session

from gridwatch.db.engine import dialect_of
from gridwatch.domain.reminders import newest_stage, sending_window
from gridwatch.domain.worktime import WorkCalendar, local_day
from gridwatch.leads import reminders, wording
from gridwatch.leads.agenda import FIRST_HOUR, NEVER
from gridwatch.leads.models import Obligation, Watch
from gridwatch.leads.receivers import people_of
from gridwatch.notices import service as notices
from gridwatch.notices.models import Morning, Notice
from gridwatch.people.models import User

STAGE = "DIGEST"
SOON = 2  # work days ahead that a digest looks
FIRST_LOOK_BACK = timedelta(days=1)  # what counts as new in the very first digest
_MORNING: Table = Morning.__table__  # type: ignore[assignment]


@dataclass(slots=True)
class Tally:
    """One person's morning: duties of her own, by how urgent they are; overdue ones of others; how many new notices."""

    own: list[Any] = field(default_factory=list)
    others: list[Any] = field(default_factory=list)
    new: int = 0


def write(session: Session, *, now: datetime, calendar: WorkCalendar, channels: Collection[str]) -> dict[str, int]:
    """Write the digests of the day, unless they are out or it is not the time for them: {"digests": how many}.

    All in one transaction, under the row of the day: a second ticker waits for it and finds it there. The caller commits.
    """
    today = local_day(now)
    if sending_window(now, calendar) != now:
        return {"digests": 0}
    since = session.scalar(select(func.max(Morning.at)).where(Morning.at < now)) or now - FIRST_LOOK_BACK
    if not dialect_of(session).insert_missing(session.connection(), _MORNING, [{"on_day": today, "at": now}]):
        return {"digests": 0}
    tallies = _duties(session, now, today, calendar)
    for person, count in _news(session, since, now).items():
        tallies.setdefault(person, Tally()).new = count
    messages = [_message(person, tally, today, now, calendar) for person, tally in sorted(tallies.items())]
    return {"digests": notices.write_mornings(session, messages, channels, now=now)}


def _duties(session: Session, now: datetime, today: date, calendar: WorkCalendar) -> dict[str, Tally]:
    # The farthest day that is soon anywhere: a local order puts it off in its area.
    soon = max(calendar.within(path).add(today, SOON).on for path in ("", *calendar.local))
    rows = session.execute(
        reminders.watched()
        .where(Obligation.due_on <= soon, Watch.next_on < NEVER.on)
        .order_by(Obligation.due_on, Obligation.id)
    ).all()
    rows = [
        row for row in rows if not reminders.is_suspended(row) and _is_told(row, today, calendar.within(row.area_path))
    ]
    places = {row.id: reminders.place_of(row) for row in rows}
    roles = {row.id: reminders.roles_of(row, _stage(row, today, calendar)) for row in rows}
    people = people_of(session, ((role, places[duty]) for duty, those in roles.items() for role in those))
    tallies: dict[str, Tally] = {}
    for row in rows:
        for person, oversees in reminders.overseers(roles[row.id], places[row.id], people).items():
            tally = tallies.setdefault(person, Tally())
            (tally.others if oversees else tally.own).append(row)
    return tallies


def _is_told(row: Any, today: date, there: WorkCalendar) -> bool:
    """Where a local order closes the day nobody is told: it is no work day there. What is soon goes by the same calendar."""
    return there.is_work(today) and row.due_on <= there.add(today, SOON).on


def _stage(row: Any, today: date, calendar: WorkCalendar) -> str:
    return (
        FIRST_HOUR if row.due_at is not None else str(newest_stage(row.due_on, today, calendar.within(row.area_path)))
    )


def _news(session: Session, since: datetime, now: datetime) -> Counter[str]:
    """How many notices of steps each person had since the last digest, those that leave this morning included."""
    statement = (
        select(Notice.recipient_id, func.count())
        .join(User, User.id == Notice.recipient_id)
        .where(
            Notice.written_at > since, Notice.written_at <= now, Notice.skipped.is_(None),
            Notice.kind.not_in((notices.REMINDER, notices.DIGEST)), User.disabled_at.is_(None),
        )
        .group_by(Notice.recipient_id)
    )  # fmt: skip
    return Counter(dict(session.execute(statement).all()))


def _message(person: str, tally: Tally, today: date, now: datetime, calendar: WorkCalendar) -> notices.Message:
    passed = [row for row in tally.own if (row.due_at <= now if row.due_at is not None else row.due_on < today)]
    due_today = sum(1 for row in tally.own if row.due_on == today and row not in passed)
    soon = len(tally.own) - len(passed) - due_today
    counts = wording.Counts(due_today, soon, len(passed), len(tally.others), tally.new)
    about = [(reminders.about_of(row), calendar.within(row.area_path)) for row in (*tally.own, *tally.others)]
    text = wording.digest(today, counts, about)
    return notices.Message(
        about=f"digest:{today.isoformat()}", stage=STAGE, recipient_id=person, kind=notices.DIGEST,
        text_zh=text.zh, text_en=text.en, send_after=now,
    )  # fmt: skip
