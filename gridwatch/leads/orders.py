"""What a step sets going outside the lead: tasks for workers, and word to the people whom its row names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from gridwatch.domain.lead_facts import Change, Moment, TaskOrder
from gridwatch.domain.lead_flow import STEPS
from gridwatch.domain.lead_words import CATEGORIES, ENDED
from gridwatch.domain.obligations import ObligationKind
from gridwatch.domain.permits import Grant, Role
from gridwatch.domain.reminders import sending_window
from gridwatch.domain.worktime import Due
from gridwatch.entities.models import Entity
from gridwatch.leads.models import Lead
from gridwatch.leads.wording import DUTIES
from gridwatch.notices import service as notices
from gridwatch.people.queries import receivers
from gridwatch.tasks.models import Task
from gridwatch.tasks.service import close_task, move_due, plan_task

_STEP_NAMES = {step.id: (step.zh, step.en) for step in STEPS}
_DEPARTMENT_ROLES = frozenset({Role.DEPARTMENT_RECEIVER, Role.CASE_OFFICER, Role.DEPARTMENT_LEADER})
_ENDED = frozenset(state.value for state in ENDED)
_PERSONS = frozenset({"reporter", "handler", "officer"})
_TASK_ITEMS = {"recheck": "RC01", "verify": "VF01"}
_TASK_OF_DUTY = {"recheck": "recheck", "verify": "verify"}  # obligation kind → task kind
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


def withdraw_tasks(session: Session, lead: Lead, change: Change, at: Moment) -> None:
    """Take back the open tasks whose duties this change has ended; none stays open under a closed lead (I3).

    A task lives as long as the duty that it was ordered for. So a recheck stays while the lead is shelved, where RECHECK
    runs on (ruling R23), and goes with the step that leaves the community.
    """
    ended = {end.duty_id for end in change.ended}
    kinds = {duty.kind for duty in lead.obligations if duty.id in ended} & set(_TASK_OF_DUTY)
    kinds -= {duty.kind for duty in lead.obligations if duty.end is None}
    if not kinds:
        return
    wanted = [_TASK_OF_DUTY[kind] for kind in kinds]
    open_tasks = select(Task).where(Task.lead_id == lead.id, Task.kind.in_(wanted), Task.closed_at.is_(None))
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


Told = tuple[Lead, Change, Moment, str]  # a lead, what changed, when, and the id of the event


def tell(session: Session, lead: Lead, change: Change, at: Moment, event_id: str) -> None:
    """Word of a step to the people whom its row names; nobody is told what he did himself. Urgent word leaves at once.

    Where the system proposes an excuse, the supervision office hears of each duty that it is for (rulings R25, edge case (m)).
    """
    tell_all(session, [(lead, change, at, event_id)])


def tell_all(session: Session, told: Sequence[Told]) -> None:
    """The same for many steps, in two statements."""
    posts = [post for lead, change, _, _ in told for post in _all_posts(lead, change)]
    filled = receivers(session, posts) if posts else {}
    messages = [message for one in told for message in _messages(*one, filled)]
    if messages:
        notices.write(session, messages, now=told[0][2].now)


def _all_posts(lead: Lead, change: Change) -> list[Grant]:
    """Every post of which somebody may hear of a change."""
    return (
        [post for audience in change.tell for post in _posts(lead, change, audience)]
        + _copied(change)
        + _office(lead, change)
    )


def _copied(change: Change) -> list[Grant]:
    return [Grant(Role.DEPARTMENT_RECEIVER, department=code) for code in change.copies]


def _office(lead: Lead, change: Change) -> list[Grant]:
    return [Grant(Role.SUPERVISION_OFFICE, area_path=lead.area_path)] if change.proposed else []


def _messages(
    lead: Lead, change: Change, at: Moment, event_id: str, filled: Mapping[Grant, list[str]]
) -> Iterator[notices.Message]:
    named = [post for audience in change.tell for post in _posts(lead, change, audience)]
    recipients = {user for post in named for user in filled[post]} | _named(lead, change)
    copies = {user for post in _copied(change) for user in filled[post]} - recipients
    send_after = at.now if change.urgent else sending_window(at.now, at.calendar)
    written = [
        (event_id, "STEP", recipients - {at.actor.id}, notices.URGENT if change.urgent else "step", _step_words(lead, change)),
        (event_id, "STEP", copies - {at.actor.id}, "copy", _copy_words(lead)),
    ]  # fmt: skip
    for duty_id in change.proposed:
        office = {user for post in _office(lead, change) for user in filled[post]}
        written.append((duty_id, "EXCUSE", office, "excuse_proposed", _proposal_words(lead, duty_id)))
    for about, stage, people, kind, words in written:
        for recipient in sorted(people):
            yield notices.Message(
                about=about, stage=stage, recipient_id=recipient, kind=kind, text_zh=words[0], text_en=words[1],
                send_after=send_after, lead_id=lead.id,
            )  # fmt: skip


def _step_words(lead: Lead, change: Change) -> tuple[str, str]:
    zh, en = _STEP_NAMES[change.step]
    if change.asked:
        zh, en = f"申请{zh}", f"asked for: {en}"
    return f"{lead.no}「{lead.title}」：{zh}", f"{lead.no} “{lead.title}”: {en}"


def _copy_words(lead: Lead) -> tuple[str, str]:
    return f"抄告：{lead.no}「{lead.title}」已结案", f"Copy notice: {lead.no} “{lead.title}” is closed"


def _proposal_words(lead: Lead, duty_id: str) -> tuple[str, str]:
    duty = next(one for one in lead.obligations if one.id == duty_id)
    name, on = DUTIES[ObligationKind(duty.kind)], duty.due_on.isoformat()
    return (
        f"{lead.no}「{lead.title}」的{name.zh}（{on}到期）在裁定或并案期间逾期，建议免责，请决定。",
        f"{lead.no} “{lead.title}”: {name.en}, due {on}, passed while others decided; an excuse is proposed. Please decide.",
    )


def _posts(lead: Lead, change: Change, audience: str) -> list[Grant]:
    if audience in _PERSONS:
        return []
    role = Role(audience)
    if role in _DEPARTMENT_ROLES:
        return [Grant(role, department=code) for code in change.departments]
    return [Grant(role, area_path=lead.area_path)]


def _named(lead: Lead, change: Change) -> set[str]:
    people = {
        "reporter": [lead.reporter_id],
        "handler": [lead.handler_id],
        "officer": [unit.officer_id for unit in lead.assignments if unit.id == change.unit_id],
    }
    return {person for audience in change.tell for person in people.get(audience, ()) if person}
