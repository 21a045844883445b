"""What happens to a visit after it was taken in: its author takes it back, or a person rules on when it was done.

Source: sync-protocol §4 (`visit.withdraw`, Time), ruling R15, domain.md §4b (edge d). The visit itself stays as it was sent;
only what it counts for changes, and each change writes its event.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from gridwatch.audit import service as audit
from gridwatch.db import feed
from gridwatch.domain.errors import Refusal
from gridwatch.domain.permits import SYSTEM, Actor
from gridwatch.domain.task_flow import CLOSE_CODES, OPEN, after
from gridwatch.domain.worktime import local_day
from gridwatch.entities.service import area_of
from gridwatch.tasks.models import Task, Visit
from gridwatch.tasks.queries import follow_ups_of, lock_task, moment_of, open_at_door, visits_of


def withdraw_visit(session: Session, visit: Visit, reason: str, *, actor: Actor, at: datetime) -> Task | None:
    """Take a visit back: it counts for nothing any more, and a task that it had ended goes to the phones again. Flushes.

    Returns the task, as it is now. A second time does nothing. Raises 409 `task.visit_built_on` where something stands on
    the visit: a lead that went on with it, a later visit, or another end of the task.
    """
    task = lock_task(session, visit.task_id) if visit.task_id else None
    if visit.effect == "withdrawn":
        return task
    if task is not None and visit.effect == "accepted":
        built = _built_on(session, task, visit)
        if built is not None:
            raise Refusal("task.visit_built_on", built=built)
        if task.state not in OPEN:
            task.state = after(task.state, "reopen")
            task.closed_at = task.close_code = task.on_time = None
        else:
            feed.touch(task)  # the phone shows the attempts that count
    visit.effect = "withdrawn"
    session.flush()
    if task is not None:
        for ordered in follow_ups_of(session, visit.id):
            ordered.state = after(ordered.state, CLOSE_CODES["withdrawn"][0])
            ordered.closed_at, ordered.close_code = at, "withdrawn"
        for other in open_at_door(session, task):
            feed.touch(other)  # it shows what was done at its door
    _record(session, visit, task, "task.visit_withdrawn", at, actor, {"reason": reason})
    return task


def _built_on(session: Session, task: Task, visit: Visit) -> str | None:
    """What stands on an accepted visit, in words; None where nothing does."""
    if task.lead_id is not None:
        return "线索已据此办理 / the lead went on with it"
    later = [one for one in visits_of(session, [task.id])[task.id] if one.effect != "withdrawn"]
    if later[-1].id != visit.id:
        return "其后又有走访 / another visit came after it"
    if task.state in ("superseded", "cancelled"):
        return "任务已撤销 / the task was withdrawn"
    return None


def rule_timeliness(session: Session, visit: Visit, in_time: bool, reason: str, *, actor: Actor, at: datetime) -> Visit:
    """Answer whether a visit of unclear time was in time, for the visit and for the task that it ended. Flushes.

    In time is `on_time`, or `late_sync` where it arrived after the task's last day. The verdict that stood before is in the
    event. Raises 409 `sync.review_decided` for a visit that does not wait for an answer.
    """
    task = lock_task(session, visit.task_id) if visit.task_id else None
    if visit.timeliness != "unclear" or visit.effect != "accepted":
        raise Refusal("sync.review_decided")
    arrived_late = task is not None and local_day(visit.received_at) > task.due_on
    verdict = ("late_sync" if arrived_late else "on_time") if in_time else "late"
    visit.timeliness = verdict
    if task is not None and task.state not in OPEN and task.on_time == "unclear":
        task.on_time = verdict
    session.flush()
    said = {"was": "unclear", "is": verdict, "reason": reason}
    _record(session, visit, task, "task.timeliness_ruled", at, actor, said)
    if task is not None:
        satisfied_by_the_earliest(session, task, at)
    return visit


def satisfied_by_the_earliest(session: Session, task: Task, at: datetime) -> None:
    """Correct the verdict of a task that ended late, where an earlier visit to it was in time and came later. Flushes.

    A task is satisfied by the earliest visit that found what is asked, whoever made it and whenever it arrived (domain.md
    §4b, edges c and d). Nothing of what was written changes; the correction is an event of its own.
    """
    if task.state in OPEN or task.on_time != "late":
        return
    in_time = [one for one in visits_of(session, [task.id])[task.id] if _would_satisfy(one, task)]
    if in_time:
        first = min(in_time, key=moment_of)
        task.on_time = "late_sync"
        session.flush()
        said = {"was": "late", "is": "late_sync", "done_at": moment_of(first), "received_at": first.received_at}
        _record(session, first, task, "task.timeliness_corrected", at, SYSTEM, said)


def _would_satisfy(visit: Visit, task: Task) -> bool:
    return (
        visit.effect != "withdrawn"
        and visit.result in ("done", "refused")
        and visit.timeliness in ("on_time", "late_sync")
        and visit.by_user != task.not_for
    )


def _record(
    session: Session, visit: Visit, task: Task | None, act: str, at: datetime, actor: Actor, data: dict[str, Any]
) -> None:
    subject = ("task", task.id) if task is not None else ("visit", visit.id)
    audit.record(
        session, chain=area_of(visit.area_path), act=act, subject=subject, actor_id=actor.id, at=at,
        data={"visit": visit.id, **data}, version=task.rev if task is not None else None,
    )  # fmt: skip
