"""From the register to the phone: what an event does to an entity, and the first check that follows.

It stands here because it needs both shelves: entities, and the tasks above them, which entities must not know.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy.orm import Session

from gridwatch.domain.items import WITH_PERMITS, first_check_items
from gridwatch.domain.permits import Actor
from gridwatch.domain.worktime import WorkCalendar
from gridwatch.entities import service as entities
from gridwatch.entities.models import Entity
from gridwatch.entities.queries import AtHand
from gridwatch.entities.service import Registered, RegistryNotice
from gridwatch.tasks.models import Task
from gridwatch.tasks.queries import open_first_checks, open_of_register, task_of_source
from gridwatch.tasks.service import (
    FIRST_CHECK_REASON,
    MOVED_REASON,
    amend_items,
    close_task,
    plan_first_check,
    plan_permit_check,
)


@dataclass(frozen=True, slots=True)
class TakenIn:
    """What a registry event led to: the entity and what became of it, and the first check that it called for, if any."""

    registered: Registered
    task: Task | None


def take_in(
    session: Session,
    notice: RegistryNotice,
    calendar: WorkCalendar,
    *,
    actor: Actor,
    now: datetime,
    today: date,
    at_hand: AtHand | None = None,
) -> TakenIn:
    """Take in one registry event with everything that follows from it. Raises what `entities.register` raises. Flushes.

    `at_hand` is what a batch has looked up for all its events.
    """
    registered = None
    if at_hand is not None:
        registered = entities.register_change(session, notice, at_hand, actor=actor, now=now, today=today)
    if registered is None:
        registered = entities.register(session, notice, actor=actor, now=now, today=today)
        if at_hand is not None:
            at_hand.known.add(notice.event_id)
    return TakenIn(registered, follow(session, registered, notice, calendar, now=now))


def follow(
    session: Session, registered: Registered, notice: RegistryNotice, calendar: WorkCalendar, *, now: datetime
) -> Task | None:
    """The tasks that follow from what became of an entity; returns the first check of this event, if there is one.

    New, or at another address: a first check, which takes the place of what is open at the old address (domain.md §4d,
    RG01 and RG02). Ended: what is open goes. Another scope: an open first check asks for permits, or no longer does; where
    none is open and the scope needs more permits than before, they are a task of their own (RG03).
    """
    entity = registered.entity
    if registered.effect == "duplicate":
        return task_of_source(session, "first_check", notice.event_id)
    if registered.effect == "created":
        if entity.status != "active":
            return None
        return plan_first_check(
            session, entity, notice.event_id, notice.occurred_on, calendar, reason=FIRST_CHECK_REASON, at=now
        )
    if registered.moved or registered.ended:
        for task in open_of_register(session, entity.id):
            close_task(session, task, "entity_gone" if registered.ended else "entity_moved", now)
    if registered.moved:
        return plan_first_check(
            session, entity, notice.event_id, notice.occurred_on, calendar, reason=MOVED_REASON, at=now
        )
    if registered.sectors_changed:
        asking = ask_for_permits(session, entity, now)
        if registered.sectors_added and not asking and entity.status == "active":
            return plan_permit_check(session, entity, notice.event_id, notice.occurred_on, calendar, at=now)
    return None


def ask_for_permits(session: Session, entity: Entity, now: datetime) -> bool:
    """Have the open first checks of an entity ask for what its sectors need now; returns whether any is left. Flushes."""
    left = False
    for task in open_first_checks(session, entity.id):
        alone = task.items == [WITH_PERMITS]
        if alone and not entity.permit_sectors:
            close_task(session, task, "not_due", now)
            continue
        amend_items(session, task, [WITH_PERMITS] if alone else first_check_items(entity.permit_sectors), now)
        left = True
    return left
