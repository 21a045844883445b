"""When the calendar changes: hold every open date against the new calendar, and write a superseding row where it moves.

Nothing that is closed is touched, no row is edited (invariant I4). The work is a scan like the reminders': it takes agenda
entries that were last held against an older calendar, in batches, each its own transaction; it may be killed and run
again, by several processes. Rules: R3, R11, R13 and §4c (official → official only extends, unless the policy says strict).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from sqlalchemy import Table, delete, select, update
from sqlalchemy.orm import Session

from gridwatch.calendars.changes import OpenDate
from gridwatch.calendars.queries import policies
from gridwatch.db.base import new_id
from gridwatch.db.engine import dialect_of
from gridwatch.domain.lead_facts import Change, EndDuty, Moment, OpenDuty
from gridwatch.domain.lead_replay import hold_from
from gridwatch.domain.obligations import WINDOWED, ObligationKind, Policy, add_outside, recomputed_due
from gridwatch.domain.reminders import moved_receivers, sending_window
from gridwatch.domain.worktime import Due, WorkCalendar
from gridwatch.leads import orders, rolling, wording
from gridwatch.leads.models import Assignment, Lead, Obligation, ObligationEnd, Watch
from gridwatch.leads.receivers import Place, owner_of, people_of
from gridwatch.leads.writing import record
from gridwatch.notices import service as notices

RECOMPUTED, CALENDAR = "dates_recomputed", "calendar"  # the act of the event, and the cause of the rows
_OBLIGATION: Table = Obligation.__table__  # type: ignore[assignment]
_END: Table = ObligationEnd.__table__  # type: ignore[assignment]
_WATCH: Table = Watch.__table__  # type: ignore[assignment]


def recompute(session: Session, at: Moment, *, limit: int = 500) -> dict[str, int]:
    """Hold at most `limit` open dates against `at.calendar`: {"taken", "moved", "confirmed"}. Call until `taken` is 0.

    `confirmed` are provisional dates that an official notice left where they were. A lead that a request is changing just
    now is left for the next call. The caller commits each batch.
    """
    rows = _open_dates(session, at, limit)
    if not rows:
        return {"taken": 0, "moved": 0, "confirmed": 0}
    limits = _limits(session)
    changed = [(row, due) for row in rows if (due := _new_due(row, at, limits)) != Due(row.due_on, row.provisional)]
    fresh = {row.id: new_id() for row, _ in changed}
    if changed:
        _supersede(session, changed, fresh, at, limits)
        _tell_moved(session, changed, fresh, at)
    orders.move_tasks(session, {(row.lead_id, row.kind): due for row, due in changed}, at)
    unchanged = [row.id for row in rows if row.id not in fresh]
    if unchanged:
        session.connection().execute(
            update(_WATCH).where(_WATCH.c.obligation_id.in_(unchanged)).values(calendar_version=at.calendar.version)
        )
    moved = sum(1 for row, due in changed if due.on != row.due_on)
    return {"taken": len(rows), "moved": moved, "confirmed": len(changed) - moved}


def _open_dates(session: Session, at: Moment, limit: int) -> list[Any]:
    rows = session.execute(
        select(
            _OBLIGATION, Lead.no, Lead.title, Lead.area_path, Lead.community_code, Lead.street_code, Lead.reporter_id, Lead.handler_id,
            Lead.rev.label("lead_version"), Assignment.department_code, Assignment.officer_id, Assignment.holds,
        )
        .join(Watch, Watch.obligation_id == _OBLIGATION.c.id)
        .join(Lead, Lead.id == _OBLIGATION.c.lead_id)
        .outerjoin(Assignment, Assignment.id == _OBLIGATION.c.assignment_id)
        .where(Watch.calendar_version < at.calendar.version)
        .order_by(Watch.calendar_version, Watch.obligation_id)
        .limit(limit)
        .with_for_update(of=(Watch, Lead), skip_locked=True)
    )  # fmt: skip
    return list(rows.all())


def would_be(session: Session, at: Moment) -> Iterator[OpenDate]:
    """Every open date of leads with the day that it has, and the one that `at.calendar` would give it. Writes nothing."""
    rows = session.execute(
        select(
            Obligation.id, Obligation.lead_id, Obligation.kind, Obligation.k, Obligation.anchor_on, Obligation.days, Obligation.due_on,
            Obligation.due_at, Obligation.provisional, Obligation.policy_version, Lead.no, Lead.title, Lead.area_path,
            Assignment.holds,
        )
        .join(Watch, Watch.obligation_id == Obligation.id)
        .join(Lead, Lead.id == Obligation.lead_id)
        .outerjoin(Assignment, Assignment.id == Obligation.assignment_id)
    )  # fmt: skip
    limits = _limits(session)
    for row in rows:
        yield OpenDate(
            "obligation", row.id, row.lead_id, row.no, row.title, row.kind, row.k, row.area_path, row.anchor_on,
            Due(row.due_on, row.provisional), _new_due(row, at, limits),
        )  # fmt: skip


def _limits(session: Session) -> dict[int, Policy]:
    """The limits by their version; a date keeps those that it was computed with, and what they say of a changed calendar."""
    return {policy.version: policy for policy in policies(session)}


def _new_due(row: Any, at: Moment, limits: Mapping[int, Policy]) -> Due:
    old = Due(row.due_on, row.provisional)
    if row.due_at is not None or row.days == 0:
        return old  # an instant, or a day that was named, never moves (R11)
    calendar, policy = at.calendar.within(row.area_path), limits[row.policy_version]
    new = _outside_holds(row, policy, calendar) if _is_held(row, policy) else calendar.add(row.anchor_on, row.days)
    return recomputed_due(ObligationKind(row.kind), old, new, at.today, calendar, policy.calendar_change)


def _is_held(row: Any, policy: Policy) -> bool:
    """Whether a hold for 不可抗力 put this day off: it was counted by more days than the limit has (T38)."""
    return row.kind == ObligationKind.INTERVENE.value and row.days > policy.days[ObligationKind.INTERVENE]


def _outside_holds(row: Any, policy: Policy, calendar: WorkCalendar) -> Due:
    """The limit counted outside the holds (R10): a day inside them counts neither before a change of the calendar nor after it."""
    holds = [hold.span for hold in map(hold_from, row.holds) if hold.code == "force_majeure"]
    return add_outside(row.anchor_on, policy.days[ObligationKind.INTERVENE], holds, calendar)


def _supersede(
    session: Session, changed: list[tuple[Any, Due]], fresh: Mapping[str, str], at: Moment, limits: Mapping[int, Policy]
) -> None:
    """Write the superseding rows under their new ids, with one event a lead: what moved or was confirmed (§4c, I10)."""
    opened = {row.id: _opened(row, due, fresh[row.id], _days(row, due, at, limits)) for row, due in changed}
    connection, insert = session.connection(), dialect_of(session).insert_rows
    insert(
        connection,
        _END,
        [
            {"obligation_id": row.id, "how": "superseded", "cause": CALENDAR, "on_day": at.today, "at": at.now}
            for row, _ in changed
        ],
    )
    rows = [rolling.duty_row(opened[row.id], at, row.lead_id, row.round, row.policy_version) for row, _ in changed]
    insert(connection, _OBLIGATION, rows)
    connection.execute(delete(_WATCH).where(_WATCH.c.obligation_id.in_(fresh)))
    grids = rolling.dues_of(
        session, {rolling.grid_of(row) for row, _ in changed if ObligationKind(row.kind) in WINDOWED}
    )
    dues = {row.id: grids[rolling.grid_of(row)].on for row, _ in changed if ObligationKind(row.kind) in WINDOWED}
    entries = [
        entry
        for row, _ in changed
        if (entry := rolling.watch_row(opened[row.id], dues.get(row.id, {}), at, row.area_path))
    ]
    insert(connection, _WATCH, entries)
    by_lead: dict[str, list[Any]] = defaultdict(list)
    for row, _ in changed:
        by_lead[row.lead_id].append(row)
    for rows_ in by_lead.values():
        ended = [EndDuty(row.id, "superseded", CALENDAR, at.today) for row in rows_]
        change = Change("", RECOMPUTED, opened=[opened[row.id] for row in rows_], ended=ended, at=at.now)
        record(session, _LeadColumns.of(rows_[0]), change, at, {})


def _days(row: Any, due: Due, at: Moment, limits: Mapping[int, Policy]) -> int:
    """What a date is counted by: as before, but for one that is held, whose work days inside the hold may be others now."""
    if _is_held(row, limits[row.policy_version]):
        return at.calendar.within(row.area_path).count(row.anchor_on, due.on)
    return int(row.days)


def _opened(row: Any, due: Due, new: str, days: int) -> OpenDuty:
    return OpenDuty(
        ObligationKind(row.kind), row.k, row.assignment_id, row.anchor_on, days, due.on, due.provisional, CALENDAR,
        supersedes=row.id, owner=row.owner, id=new,
    )  # fmt: skip


class _LeadColumns(NamedTuple):
    """The columns of a lead that its events are written with."""

    id: str
    community_code: str | None
    street_code: str
    rev: int

    @classmethod
    def of(cls, row: Any) -> _LeadColumns:
        return cls(row.lead_id, row.community_code, row.street_code, row.lead_version)


def _tell_moved(session: Session, changed: Iterable[tuple[Any, Due]], fresh: Mapping[str, str], at: Moment) -> None:
    """One MOVED notice to the receiver for each date that is another day now (R13)."""
    moved = [(row, due) for row, due in changed if due.on != row.due_on]
    if not moved:
        return
    places = {
        row.id: Place(row.area_path, row.department_code, row.reporter_id, row.handler_id, row.officer_id)
        for row, _ in moved
    }
    roles = {row.id: moved_receivers(ObligationKind(row.kind), owner_of(row.owner)) for row, _ in moved}
    people = people_of(session, ((role, places[row.id]) for row, _ in moved for role in roles[row.id]))
    send_after = sending_window(at.now, at.calendar)
    messages = []
    for row, due in moved:
        about = wording.About(ObligationKind(row.kind), row.k, due.on, due.provisional, row.no, row.title, "")
        text = wording.moved(about, row.due_on)
        messages += [
            notices.Message(
                about=fresh[row.id], stage="MOVED", recipient_id=person, kind="moved", text_zh=text.zh, text_en=text.en,
                send_after=send_after, lead_id=row.lead_id, due_on=due.on, provisional=due.provisional,
            )
            for role in roles[row.id]
            for person in people[role, places[row.id]]
        ]  # fmt: skip
    notices.write(session, messages, now=at.now)
