"""When the calendar changes: hold every open date against the new calendar, and write a superseding row where it moves.

Nothing that is closed is touched, no row is edited (invariant I4). The work is a scan like the reminders': it takes agenda
entries that were last held against an older calendar, in batches, each its own transaction; it may be killed and run
again, by several processes. Rules: R3, R11, R13 and §4c (official → official only extends, unless the policy says strict).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from sqlalchemy import Table, delete, insert, select, update
from sqlalchemy.orm import Session

from gridwatch.audit import service as audit
from gridwatch.db.base import new_id
from gridwatch.domain.lead_facts import Moment
from gridwatch.domain.obligations import ObligationKind, recomputed_due
from gridwatch.domain.permits import SYSTEM
from gridwatch.domain.reminders import moved_receivers, sending_window
from gridwatch.domain.worktime import Due
from gridwatch.leads import orders, wording
from gridwatch.leads.agenda import first_entry
from gridwatch.leads.models import Assignment, Lead, Obligation, ObligationEnd, Watch
from gridwatch.leads.receivers import Place, owner_of, people_of
from gridwatch.leads.rolling import dues_of
from gridwatch.notices import service as notices

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
    changed = [(row, due) for row in rows if (due := _new_due(row, at)) != Due(row.due_on, row.provisional)]
    fresh = _supersede(session, changed, at)
    _tell_moved(session, changed, fresh, at)
    _note(session, changed, fresh, at)
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
            Lead.state, Lead.returns, Lead.rev.label("lead_version"), Assignment.department_code, Assignment.officer_id,
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


def _new_due(row: Any, at: Moment) -> Due:
    old = Due(row.due_on, row.provisional)
    if row.due_at is not None or row.days == 0:
        return old  # an instant, or a day that was named, never moves (R11)
    new = at.calendar.add(row.anchor_on, row.days)
    return recomputed_due(ObligationKind(row.kind), old, new, at.today, at.calendar, at.policy.calendar_change)


def _supersede(session: Session, changed: list[tuple[Any, Due]], at: Moment) -> dict[str, str]:
    """Write the superseding rows; returns old id → new id."""
    fresh = {row.id: new_id() for row, _ in changed}
    if not changed:
        return fresh
    connection = session.connection()
    connection.execute(
        insert(_END),
        [
            {"obligation_id": row.id, "how": "superseded", "cause": "calendar", "on_day": at.today, "at": at.now}
            for row, _ in changed
        ],
    )
    copied = ("lead_id", "assignment_id", "kind", "k", "round", "anchor_on", "days", "policy_version")
    connection.execute(
        insert(_OBLIGATION),
        [
            {**{name: getattr(row, name) for name in copied}, "id": fresh[row.id], "due_on": due.on, "provisional": due.provisional,
             "calendar_version": at.calendar.version, "created_at": at.now, "cause": "calendar", "supersedes": row.id}
            for row, due in changed
        ],
    )  # fmt: skip
    connection.execute(delete(_WATCH).where(_WATCH.c.obligation_id.in_(fresh)))
    dues = dues_of(session, {row.assignment_id for row, _ in changed if row.kind == ObligationKind.FEEDBACK.value})
    entries = []
    for row, due in changed:
        entry = first_entry(
            ObligationKind(row.kind), row.k, due.on, at.today, dues.get(row.assignment_id, {}), at.calendar
        )
        if entry is not None:
            entries.append(
                {
                    "obligation_id": fresh[row.id],
                    "next_on": entry.on,
                    "stage": entry.stage,
                    "calendar_version": at.calendar.version,
                }
            )
    if entries:
        connection.execute(insert(_WATCH), entries)
    return fresh


def _tell_moved(session: Session, changed: Iterable[tuple[Any, Due]], fresh: dict[str, str], at: Moment) -> None:
    """One MOVED notice to the receiver for each date that is another day now (R13)."""
    moved = [(row, due) for row, due in changed if due.on != row.due_on]
    if not moved:
        return
    places = {
        row.id: Place(row.area_path, row.department_code, row.reporter_id, row.handler_id, row.officer_id)
        for row, _ in moved
    }
    roles = {row.id: moved_receivers(ObligationKind(row.kind), _owner(row)) for row, _ in moved}
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


def _owner(row: Any) -> Any:
    return owner_of(ObligationKind(row.kind), department=row.department_code, lead_state=row.state, returns=row.returns)


def _note(session: Session, changed: Iterable[tuple[Any, Due]], fresh: dict[str, str], at: Moment) -> None:
    """One event a lead: every date that moved or was confirmed, from what to what, by which calendar (§4c)."""
    by_lead: dict[str, list[tuple[Any, Due]]] = defaultdict(list)
    for row, due in changed:
        by_lead[row.lead_id].append((row, due))
    for lead_id, rows in by_lead.items():
        first = rows[0][0]
        audit.record(
            session, chain=first.community_code or first.street_code, act="lead.dates_recomputed", subject=("lead", lead_id),
            actor_id=SYSTEM.id, at=at.now, version=first.lead_version,
            data={
                "calendar_version": at.calendar.version,
                "dates": [
                    {"old": row.id, "new": fresh[row.id], "kind": row.kind, "k": row.k, "unit": row.assignment_id,
                     "was": row.due_on, "is": due.on, "was_provisional": row.provisional, "provisional": due.provisional}
                    for row, due in rows
                ],
            },
        )  # fmt: skip
