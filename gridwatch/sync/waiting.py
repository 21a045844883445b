"""Reading the review queue: which items wait for a person, within whose reach, and what the server knows beside each."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import ColumnElement, and_, exists, or_, select, union_all
from sqlalchemy.orm import Session

from gridwatch.domain.errors import Refusal
from gridwatch.domain.permits import Actor, Grant, Scope, scopes_for
from gridwatch.entities.models import Entity
from gridwatch.entities.queries import entities_within
from gridwatch.files.queries import attachments
from gridwatch.leads.models import Lead
from gridwatch.leads.queries import lead_within
from gridwatch.people.models import Device, RoleGrant, User
from gridwatch.people.reach import condition, in_area, within
from gridwatch.sync import words
from gridwatch.sync.housekeeping import WAITS
from gridwatch.sync.models import Item, ReviewDecision
from gridwatch.tasks.models import Task, Visit
from gridwatch.tasks.queries import tasks_within, visits_of
from gridwatch.web import paging
from gridwatch.web.clock import rfc3339

VIEWS = ("waiting", "records", "decided")
RECORDS = ("address.bind", "checklist.submit", "suggestion.submit")  # kinds whose item is itself the record


def _in_area(actor: Actor, grant: Grant) -> ColumnElement[bool]:
    """An item belongs to the area of its task, and to every area in which its sender has a role."""
    senders = select(RoleGrant.user_id).where(in_area(RoleGrant.area_path)(actor, grant))
    tasks = exists().where(Task.id == Item.task_id, in_area(Task.area_path)(actor, grant))
    return or_(Item.user_id.in_(senders), tasks)


REACH = {Scope.AREA: _in_area}


def sees_as_item(actor: Actor, subject_id: ColumnElement[str]) -> ColumnElement[bool]:
    """The condition that an id is that of an item that the actor may review: its photos are part of the question."""
    return exists().where(Item.id == subject_id, condition(actor, "sync.review", REACH))


def item_within(session: Session, no: int, actor: Actor, *, lock: bool = False) -> Item:
    """The item with this receipt number, if the actor may review it. Raises 404 `sync.review_not_found`."""
    statement = within(select(Item).where(Item.no == no), actor, "sync.review", REACH)
    if lock:
        statement = statement.with_for_update(of=Item).execution_options(populate_existing=True)
    item = session.scalars(statement).one_or_none()
    if item is None:
        raise Refusal("sync.review_not_found")
    return item


def first_of(session: Session, item: Item) -> Item:
    """The first content under the id of an item, locked."""
    statement = select(Item).where(Item.id == item.id, Item.reused.is_(False)).with_for_update()
    return session.scalars(statement, execution_options={"populate_existing": True}).one()


def question_of(session: Session, item: Item, now: datetime) -> str | None:
    """What an item asks a person now: repair, two_contents, timeliness, or nothing."""
    return _questions(session, [item], now)[item.no]


def _questions(session: Session, items: list[Item], now: datetime) -> dict[int, str | None]:
    made = {item.no: item.became["id"] for item in items if item.kind == "visit.submit" and item.became}
    unclear = set(session.scalars(_UNCLEAR.where(Visit.id.in_(made.values())))) if made else set()
    return {item.no: _question(item, now) or ("timeliness" if made.get(item.no) in unclear else None) for item in items}


def _question(item: Item, now: datetime) -> str | None:
    if item.outcome == words.REVIEW:
        return "two_contents" if item.reused else "repair"
    return "repair" if item.outcome == words.HELD and item.received_at <= now - WAITS else None


_UNCLEAR = select(Visit.id).where(Visit.timeliness == "unclear", Visit.effect == "accepted")


def _in_view(view: str, now: datetime) -> ColumnElement[bool]:
    if view == "records":
        return and_(Item.kind.in_(RECORDS), Item.outcome == words.ACCEPTED)
    if view == "decided":
        return Item.no.in_(select(ReviewDecision.item_no))
    # The ways to wait, each by an index of its own; the last is a second content that was applied under another id.
    return Item.no.in_(
        union_all(
            select(Item.no).where(Item.outcome == words.REVIEW),
            select(Item.no).where(Item.outcome == words.HELD, Item.received_at <= now - WAITS),
            select(Item.no).where(Item.id.in_(_UNCLEAR), Item.reused.is_(False)),
            select(ReviewDecision.item_no).where(ReviewDecision.made.in_(_UNCLEAR)),
        )
    )


def listed(
    session: Session, actor: Actor, view: str, now: datetime, *, cursor: str | None, limit: int
) -> dict[str, Any]:
    """One page of the queue: {"items", "next_cursor"}. What waits comes the oldest first, what is done the newest first."""
    limit, newest_first = max(1, min(limit, paging.MOST)), view != "waiting"
    statement = within(select(Item).where(_in_view(view, now)), actor, "sync.review", REACH)
    if cursor:
        after = _number(cursor)
        statement = statement.where(Item.no < after if newest_first else Item.no > after)
    order = Item.no.desc() if newest_first else Item.no
    rows = list(session.scalars(statement.order_by(order).limit(limit + 1)))
    more = paging.encode([str(rows[limit - 1].no)]) if len(rows) > limit else None
    return {"items": summaries(session, rows[:limit], now), "next_cursor": more}


def count(session: Session, actor: Actor, now: datetime, most: int = 100) -> int:
    """How many items wait within reach, counted up to `most`."""
    statement = within(select(Item.no).where(_in_view("waiting", now)), actor, "sync.review", REACH)
    return len(session.scalars(statement.limit(most)).all())


def _number(cursor: str) -> int:
    (number,) = paging.decode(cursor, 1)
    if not number.isdecimal() or len(number) > 18:
        raise Refusal("input.cursor")
    return int(number)


def summaries(session: Session, items: Iterable[Item], now: datetime) -> list[dict[str, Any]]:
    """Each item in a few words: what it is about, who sent it from which device, what is asked."""
    items = list(items)
    people = {item.user_id for item in items}
    names = dict(session.execute(select(User.id, User.name).where(User.id.in_(people))).all())
    devices = session.execute(select(Device.id, Device.user_id, Device.name).where(Device.user_id.in_(people)))
    phones = {(device_id, user_id): name for device_id, user_id, name in devices}
    tasks = {item.task_id for item in items if item.task_id}
    asked = _questions(session, items, now)
    titles = dict(session.execute(select(Task.id, Task.title).where(Task.id.in_(tasks))).all())
    return [
        {
            "no": item.no, "id": item.id, "version": item.rev, "kind": item.kind, "question": asked[item.no],
            "title": titles.get(item.task_id) or _title(item),
            "outcome": item.outcome, "code": item.code, "message": words.message(item.outcome, item.code, item.facts),
            "sender": {"id": item.user_id, "name": names.get(item.user_id, "")},
            "device": {"id": item.device_id, "name": phones.get((item.device_id, item.user_id), "")},
            "device_no": item.device_no, "captured_at": item.captured_at, "received_at": item.received_at,
        }
        for item in items
    ]  # fmt: skip


def _title(item: Item) -> str:
    payload = orjson.loads(item.raw).get("payload")
    texts = [payload.get(name) for name in ("title", "text", "description")] if isinstance(payload, dict) else []
    return next((text.replace("\0", "")[:60] for text in texts if isinstance(text, str) and text.strip()), "")


def shown(session: Session, actor: Actor, item: Item, now: datetime) -> dict[str, Any]:
    """One item whole: what was sent, why it waits, what the server knows now beside it, what was decided before."""
    contents = session.scalars(select(Item).where(Item.id == item.id).order_by(Item.no)).all()
    decisions = session.execute(
        select(ReviewDecision, User.name)
        .outerjoin(User, User.id == ReviewDecision.by_user)
        .where(ReviewDecision.item_no == item.no)
        .order_by(ReviewDecision.at, ReviewDecision.id)
    )
    value = orjson.loads(item.raw)
    return {
        **summaries(session, [item], now)[0],
        "facts": item.facts, "became": item.became, "raw": item.raw, "value": value, "sha256": item.sha256,
        "corrected_at": item.corrected_at, "uncertainty_s": item.uncertainty_s, "in_order": item.in_order,
        "attachments": attachments(session, [item.id])[item.id].as_json(),
        "now": _beside(session, actor, item, value),
        "contents": [
            {"no": one.no, "reused": one.reused, "sha256": one.sha256, "received_at": one.received_at, "raw": one.raw,
             "value": orjson.loads(one.raw), "outcome": one.outcome, "code": one.code, "became": one.became}
            for one in contents
        ] if len(contents) > 1 else [],
        "decisions": [
            {"act": one.act, "reason": one.reason, "repairs": one.repairs, "by": {"id": one.by_user, "name": name or ""},
             "at": one.at, "outcome": one.outcome, "code": one.code, "made": one.made}
            for one, name in decisions
        ],
    }  # fmt: skip


def _beside(session: Session, actor: Actor, item: Item, value: dict[str, Any]) -> dict[str, Any]:
    """The task, lead and market entity that an item speaks of, as they are now and as far as the reader may see them."""
    payload = value.get("payload") if isinstance(value.get("payload"), dict) else {}
    task = session.scalars(tasks_within(actor).where(Task.id == item.task_id)).one_or_none() if item.task_id else None
    lead = _lead(session, actor, payload.get("lead_id") or (task.lead_id if task else None) or item.id)
    entity_id = payload.get("entity_id") or (task.entity_id if task else None) or (lead.entity_id if lead else None)
    entity = (
        session.scalars(entities_within(actor).where(Entity.id == entity_id)).one_or_none()
        if isinstance(entity_id, str) and scopes_for(actor, "entity.read")
        else None
    )
    return {"task": _task(session, task) if task else None, "lead": _lead_now(lead), "entity": _entity_now(entity)}


def _lead(session: Session, actor: Actor, lead_id: Any) -> Lead | None:
    try:
        return lead_within(session, lead_id, actor) if isinstance(lead_id, str) else None
    except Refusal:  # not there, or none of this desk's
        return None


def _task(session: Session, task: Task) -> dict[str, Any]:
    visits = visits_of(session, [task.id])[task.id]
    return {
        "id": task.id, "title": task.title, "state": task.state, "address": task.address_text, "grid_code": task.grid_code,
        "items": task.items, "due_on": task.due_on, "on_time": task.on_time, "rev": task.rev, "lead_id": task.lead_id,
        "entity_id": task.entity_id,
        "visits": [
            {"id": one.id, "result": one.result, "effect": one.effect, "timeliness": one.timeliness,
             "received_at": rfc3339(one.received_at)}
            for one in visits
        ],
    }  # fmt: skip


def _lead_now(lead: Lead | None) -> dict[str, Any] | None:
    return (
        {"id": lead.id, "no": lead.no, "state": lead.state, "title": lead.title, "rev": lead.rev}
        if lead is not None
        else None
    )


def _entity_now(entity: Entity | None) -> dict[str, Any] | None:
    names = ("id", "code", "name", "status", "address_text", "address_code", "grid_code")
    return {name: getattr(entity, name) for name in names} if entity is not None else None
