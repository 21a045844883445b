"""What a step sets going outside the lead: tasks for workers, and word to the people whom its row names."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import select
from sqlalchemy.orm import Session

from gridwatch.domain.lead_facts import Change, LeadFacts, Moment, TaskOrder
from gridwatch.domain.lead_flow import STEPS
from gridwatch.domain.lead_words import CATEGORIES, ENDED
from gridwatch.domain.permits import Grant, Role
from gridwatch.domain.reminders import sending_window
from gridwatch.domain.worktime import Due
from gridwatch.entities.models import Entity
from gridwatch.leads.models import Assignment, Lead
from gridwatch.notices import service as notices
from gridwatch.people.queries import receivers
from gridwatch.tasks.models import Task
from gridwatch.tasks.service import close_task, move_due, plan_task

_STEP_NAMES = {step.id: (step.zh, step.en) for step in STEPS}
_DEPARTMENT_ROLES = frozenset({Role.DEPARTMENT_RECEIVER, Role.CASE_OFFICER, Role.DEPARTMENT_LEADER})
_ENDED = frozenset(state.value for state in ENDED)
_PERSONS = frozenset({"reporter", "handler", "officer"})
_TASK_ITEMS = {"recheck": "RC01", "verify": "VF01"}
_TASK_TITLES = {"recheck": "复检", "verify": "结案核查"}


def order_task(session: Session, lead: Lead, order: TaskOrder, at: Moment) -> Task:
    """A recheck or a verification of the lead, as a task in its grid, due with the duty that asks for it.

    A verification goes to another worker than the finder where there is one (T26); the phone of the finder says so.
    """
    name = _TASK_TITLES[order.kind]
    return plan_task(
        session, kind=order.kind, source_id=f"{lead.id}/{lead.round}/{len(lead.obligations)}", items=[_TASK_ITEMS[order.kind]],
        entity=session.get(Entity, lead.entity_id) if lead.entity_id else None, lead_id=lead.id, grid_code=lead.grid_code,
        area_path=lead.area_path, address_text=lead.address_text, title=f"{name}：{lead.title}",
        reason=f"{name}：{CATEGORIES[lead.category][0]}（{lead.no}）", start_on=at.today, due=Due(order.due_on, order.provisional),
        calendar_version=at.calendar.version, not_for=lead.reporter_id if order.kind == "verify" else None, at=at.now,
    )  # fmt: skip


def withdraw_tasks(session: Session, lead: Lead, before: LeadFacts, change: Change, at: Moment) -> None:
    """Take back the open tasks of a lead that has left the state which asked for them; none stays open under a closed lead (I3)."""
    if before.state.value == lead.state:
        return
    kinds = {"verifying": ("verify",), "community": ("recheck",)}.get(before.state.value, ())
    if lead.state in _ENDED:
        kinds = ("verify", "recheck")
    open_tasks = select(Task).where(Task.lead_id == lead.id, Task.kind.in_(kinds), Task.closed_at.is_(None))
    for task in session.scalars(open_tasks):
        close_task(
            session, task, "lead_closed" if lead.state in _ENDED else "lead_moved", at=at.now, actor_id=at.actor.id
        )


def move_tasks(session: Session, moved: Mapping[tuple[str, str], Due], at: Moment) -> None:
    """Give the open rechecks and verifications the due day of the duty that ordered them, where a calendar moved it."""
    kinds = {kind for _, kind in moved} & set(_TASK_ITEMS)
    if not kinds:
        return
    leads = {lead_id for lead_id, kind in moved if kind in kinds}
    for task in session.scalars(
        select(Task).where(Task.lead_id.in_(leads), Task.kind.in_(kinds), Task.closed_at.is_(None))
    ):
        if (task.lead_id, task.kind) in moved:
            move_due(session, task, moved[task.lead_id, task.kind], at.calendar.version, at.now, "calendar")


def tell(session: Session, lead: Lead, change: Change, at: Moment, event_id: str) -> None:
    """Word of a step to the people whom its row names; nobody is told what he did himself."""
    posts = [post for audience in change.tell for post in _posts(lead, change, audience)]
    copied = [Grant(Role.DEPARTMENT_RECEIVER, department=code) for code in change.copies]
    filled = receivers(session, [*posts, *copied]) if posts or copied else {}
    recipients = {user for post in posts for user in filled[post]} | _named(lead, change)
    copies = {user for post in copied for user in filled[post]} - recipients
    zh, en = _STEP_NAMES[change.step]
    step = ("step", f"{lead.no}「{lead.title}」：{zh}", f"{lead.no} “{lead.title}”: {en}")
    copy = ("copy", f"抄告：{lead.no}「{lead.title}」已结案", f"Copy notice: {lead.no} “{lead.title}” is closed")
    send_after = sending_window(at.now, at.calendar)
    messages = [
        notices.Message(
            about=event_id, stage="STEP", recipient_id=recipient, kind=kind, text_zh=text_zh, text_en=text_en,
            send_after=send_after, lead_id=lead.id,
        )
        for people, (kind, text_zh, text_en) in ((recipients, step), (copies, copy))
        for recipient in sorted(people - {at.actor.id})
    ]  # fmt: skip
    if messages:
        notices.write(session, messages, now=at.now)


def _units_of(lead: Lead, change: Change) -> list[Assignment]:
    """The assignment that the step works on, else all of this round."""
    units = [unit for unit in lead.assignments if unit.round == lead.round]
    return [unit for unit in units if unit.id == change.unit_id] if change.unit_id else units


def _posts(lead: Lead, change: Change, audience: str) -> list[Grant]:
    if audience in _PERSONS:
        return []
    role = Role(audience)
    if role in _DEPARTMENT_ROLES:
        return [Grant(role, department=unit.department_code) for unit in _units_of(lead, change)]
    return [Grant(role, area_path=lead.area_path)]


def _named(lead: Lead, change: Change) -> set[str]:
    people = {
        "reporter": [lead.reporter_id],
        "handler": [lead.handler_id],
        "officer": [unit.officer_id for unit in _units_of(lead, change)],
    }
    return {person for audience in change.tell for person in people.get(audience, ()) if person}
