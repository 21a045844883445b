"""Corrections: a visit that was made in time and arrived late. What was written stays; a new row and a new event say better.

The verdict of a duty of the field (recheck, verification) goes by the day on which it was done, where that day is trusted
(ruling R15, domain.md §4b edges (c) and (d)). A duty that is open ends on that day by the step itself (`Moment.done_on`). One
that has ended late gets a superseding row, met on that day (invariant I4). Both times an event says so in the timeline, and
who had been told that it is late is told once that it was not.

A verification that passed is another matter. The visit only asks for the close, and the date of a step of two persons is that of
its confirmation (R31): VERIFY is what the community owes, and is met when it confirms (R26). The worker's task is in time by the
trusted time of the visit (§4c); VERIFY is not corrected by it.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from gridwatch.db.base import new_id
from gridwatch.domain.lead_clocks import FIELD
from gridwatch.domain.lead_facts import Change, EndDuty, Moment, OpenDuty
from gridwatch.domain.obligations import ObligationKind
from gridwatch.domain.reminders import sending_window
from gridwatch.domain.worktime import local_day
from gridwatch.leads.models import Lead, Obligation, ObligationEnd
from gridwatch.leads.wording import DUTIES
from gridwatch.leads.writing import record
from gridwatch.notices import service as notices
from gridwatch.notices.models import Notice
from gridwatch.tasks.models import Task, Visit

CORRECTED = "timeliness_corrected"  # the act of the event
LATE_SYNC, RULED = "late_sync", "ruled_in_time"  # why: the trusted time of the visit, or a person's verdict
CONFIRMED = "T27"  # the step of two persons that ends VERIFY; what ended it otherwise is a worker's visit alone (T28)
IN_TIME = frozenset({"on_time", "late_sync"})
_ESCALATIONS = "B%"  # the stages after a due day: who hears of them believes that it was missed


def done_on(visit: Visit) -> date | None:
    """The day on which a visit was made that arrived late, where its time is trusted; None for every other visit."""
    if visit.timeliness != "late_sync" or visit.performed_at is None:
        return None
    return local_day(visit.performed_at)


def open_of_field(lead: Lead) -> list[Obligation]:
    """The open duties of the field whose day has passed or not: what a visit may end."""
    return [duty for duty in lead.obligations if duty.end is None and ObligationKind(duty.kind) in FIELD]


def met_by_late_sync(session: Session, lead: Lead, before: Iterable[Obligation], visit: Visit, at: Moment) -> None:
    """Say in the timeline which of the duties that were open `before` the step ended on an earlier day than its own.

    `at.actor` is the system. Those who were reminded of them as late are told. Flushes.
    """
    ended = [duty for duty in before if duty.end is not None and duty.end.how == "met" and duty.end.on < at.today]
    if ended:
        _say(session, lead, ended, Change("", CORRECTED, at=at.now), at, {"because": LATE_SYNC, "visit": visit.id})


def was_in_time(session: Session, lead: Lead, task: Task, visit: Visit, at: Moment, **more: Any) -> bool:
    """Correct the duty that a task was ordered for, where it ended late and this visit to it was in time. Returns whether.

    `at.actor` is the system, `more` goes into the event (who ruled, and why). The row that says late stays; a superseding
    one is met on the day of the visit, which is no later than the due day. Flushes.
    """
    # Whether the visit found what was asked, the task says: its own verdict was corrected by then (tasks/rulings).
    counts = task.on_time in IN_TIME and visit.timeliness in IN_TIME
    duty = _late_duty(lead, task) if counts else None
    if duty is None:
        return False
    # Where a person ruled, the time that the phone gave may be missing or wrong; the verdict is that it was in time.
    told = local_day(visit.performed_at) if visit.performed_at else duty.due_on
    on = max(duty.anchor_on, min(told, duty.due_on))
    because = RULED if "ruled_by" in more else LATE_SYNC
    opened = OpenDuty(
        ObligationKind(duty.kind), duty.k, duty.assignment_id, duty.anchor_on, duty.days, duty.due_on, duty.provisional, because,
        supersedes=duty.id, owner=duty.owner, id=new_id(),
    )  # fmt: skip
    row = Obligation(
        id=opened.id, lead_id=lead.id, assignment_id=duty.assignment_id, kind=duty.kind, k=duty.k, round=duty.round,
        anchor_on=duty.anchor_on, days=duty.days, due_on=duty.due_on, provisional=duty.provisional, owner=duty.owner,
        calendar_version=duty.calendar_version, policy_version=duty.policy_version, created_at=at.now, cause=because,
        supersedes=duty.id,
    )  # fmt: skip
    row.end = ObligationEnd(obligation_id=row.id, how="met", cause=because, on=on, at=at.now)
    lead.obligations.append(row)
    session.flush()
    change = Change("", CORRECTED, opened=[opened], ended=[EndDuty(row.id, "met", because, on)], at=at.now)
    _say(session, lead, [row], change, at, {"because": because, "visit": visit.id, **more})
    return True


def _late_duty(lead: Lead, task: Task) -> Obligation | None:
    """The duty that a task was ordered for, if a visit met it after its day and nothing supersedes it."""
    superseded = {duty.supersedes for duty in lead.obligations}
    return next(
        (
            duty
            for duty in lead.obligations
            if (duty.kind, duty.anchor_on, duty.due_on) == (task.kind, task.start_on, task.due_on)
            and duty.id not in superseded
            and duty.end is not None
            and duty.end.how == "met"
            and duty.end.cause != CONFIRMED
            and duty.end.on > duty.due_on
        ),
        None,
    )


def _say(
    session: Session, lead: Lead, duties: list[Obligation], change: Change, at: Moment, more: dict[str, Any]
) -> None:
    event_id = new_id()
    corrected = [
        {
            "id": duty.id,
            "kind": duty.kind,
            "k": duty.k,
            "due_on": duty.due_on,
            "done_on": duty.end.on,
            "arrived_on": at.today,
        }
        for duty in duties
        if duty.end is not None
    ]
    record(session, lead, change, at, {"event": event_id, "corrected": corrected, **more})
    notices.write(session, _reversals(session, lead, duties, at, event_id), now=at.now)


def _reversals(
    session: Session, lead: Lead, duties: list[Obligation], at: Moment, event_id: str
) -> list[notices.Message]:
    """One notice for each duty to each person who was told after its day that it is not done."""
    about = {name: duty for duty in duties for name in (duty.id, duty.supersedes) if name}
    rows = session.execute(
        select(Notice.about, Notice.recipient_id)
        .where(Notice.about.in_(about), Notice.stage.like(_ESCALATIONS), Notice.sent_at.is_not(None))
        .distinct()
    ).all()
    told = {(about[row.about].id, row.recipient_id): about[row.about] for row in rows}
    send_after = sending_window(at.now, at.calendar)
    return [
        notices.Message(
            about=event_id, stage=f"C{place}", recipient_id=person, kind="corrected", text_zh=zh, text_en=en,
            send_after=send_after, lead_id=lead.id, due_on=duty.due_on,
        )
        for place, duty in enumerate(duties)
        for zh, en in (_reversal(lead, duty),)
        for about_id, person in sorted(told)
        if about_id == duty.id
    ]  # fmt: skip


def _reversal(lead: Lead, duty: Obligation) -> tuple[str, str]:
    name, done = DUTIES[ObligationKind(duty.kind)], duty.end.on if duty.end else duty.due_on
    return (
        f"更正：线索{lead.no}「{lead.title}」的{name.zh}已于{done}完成，按期（{duty.due_on}到期），此前的逾期提醒作废。",
        f"Correction: {name.en} of lead {lead.no} “{lead.title}” was done on {done}, in time (due {duty.due_on}). "
        "The reminders that called it late no longer hold.",
    )
