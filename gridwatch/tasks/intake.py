"""Many events of the register at once: each once, a refusal is the answer to its own event, the others go on.

New entities go set-based, since a day of a city brings thousands; everything else goes through `registration.take_in`, one by
one. Whatever order the events stand in, they are applied by their day, `new` before what changes it (docs/intake.md).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from gridwatch.db.engine import dialect_of
from gridwatch.domain.errors import Refusal
from gridwatch.domain.permits import Actor
from gridwatch.domain.routing import read_point
from gridwatch.domain.worktime import WorkCalendar
from gridwatch.entities import queries
from gridwatch.entities import service as entities
from gridwatch.entities.location import Place, locate
from gridwatch.entities.models import Entity
from gridwatch.entities.queries import AtHand
from gridwatch.entities.service import Registered, RegistryNotice
from gridwatch.entities.uscc import USCC_WORDS, UsccVerdict
from gridwatch.places.queries import known_addresses
from gridwatch.tasks.models import Task
from gridwatch.tasks.registration import TakenIn, take_in
from gridwatch.tasks.service import plan_first_checks, record_planned

Answered = TakenIn | Refusal


def take_in_many(
    session: Session,
    notices: Sequence[RegistryNotice],
    calendar: WorkCalendar,
    *,
    actor: Actor,
    now: datetime,
    today: date,
) -> list[Answered]:
    """Take in events with everything that follows from them; what became of each, in the order given. Flushes.

    A refusal changes nothing. Registers are locked here, in sorted order, before anything is written.
    """
    queries.lock_registers(
        session, {one.street_code for one in notices if one.street_code}, {one.code for one in notices}
    )
    answers = _admitted_at_once(session, notices, calendar, actor=actor, now=now, today=today)
    left = [place for place in in_order(notices) if place not in answers]
    at_hand = _at_hand(session, [notices[place] for place in left], actor)
    for place in left:
        try:  # what is refused is refused before anything is written
            answers[place] = take_in(
                session, notices[place], calendar, actor=actor, now=now, today=today, at_hand=at_hand
            )
        except Refusal as refusal:
            answers[place] = refusal
    return [answers[place] for place in range(len(notices))]


def _at_hand(session: Session, notices: Sequence[RegistryNotice], actor: Actor) -> AtHand | None:
    """What the changes among the events need, looked up for all of them; None where there is none."""
    changes = [one for one in notices if one.kind != "new"]
    if not changes:
        return None
    streets = {one.street_code for one in changes if one.street_code}
    return queries.at_hand(session, actor, {one.code for one in changes}, streets, {one.event_id for one in notices})


def in_order(notices: Sequence[RegistryNotice]) -> list[int]:
    """The places of the events in the order in which they are applied: by day, `new` first, then as they came."""
    return sorted(range(len(notices)), key=lambda place: (notices[place].occurred_on, notices[place].kind != "new"))


def waves(session: Session, notices: Sequence[RegistryNotice], on: date, at_most: int) -> Iterator[list[int]]:
    """The places of the events in parts that can each be a transaction of its own: a grid each, at most so many.

    A part never has two events of one entity, and its earlier events are in parts before: so a grid that fails, or a machine
    that stops, leaves no event applied before one that it builds on. `on` is the local day whose grids count.
    """
    turn: dict[str, int] = {}
    parts: dict[int, dict[str, list[int]]] = {}
    grids = _grids_of(session, notices, on)
    for place in in_order(notices):
        code = notices[place].code
        turn[code] = turn.get(code, -1) + 1
        parts.setdefault(turn[code], {}).setdefault(grids[place], []).append(place)
    for wave in sorted(parts):
        for grid in sorted(parts[wave]):
            places = parts[wave][grid]
            for start in range(0, len(places), at_most):
                yield places[start : start + at_most]


def as_json(notice: RegistryNotice, taken: TakenIn) -> dict[str, Any]:
    """What became of an event, as the API and a receipt tell it."""
    entity, task = taken.registered.entity, taken.task
    return {
        "event_id": notice.event_id, "outcome": taken.registered.effect, "entity_id": entity.id,
        "grid_code": entity.grid_code, "routed_by": entity.routed_by, "task_id": task.id if task else None,
        "due_on": task.due_on if task else None, "problem": None,
        "warnings": [{"code": code, "zh": USCC_WORDS[code][0], "en": USCC_WORDS[code][1]} for code in taken.registered.warnings],
    }  # fmt: skip


def refused_as_json(event_id: str | None, problem: dict[str, Any]) -> dict[str, Any]:
    """The same for an event that was refused; `problem` is the error body."""
    return {
        "event_id": event_id, "outcome": "refused", "entity_id": None, "grid_code": None, "routed_by": None,
        "task_id": None, "due_on": None, "warnings": [], "problem": problem,
    }  # fmt: skip


def _admitted_at_once(
    session: Session,
    notices: Sequence[RegistryNotice],
    calendar: WorkCalendar,
    *,
    actor: Actor,
    now: datetime,
    today: date,
) -> dict[int, Answered]:
    """The new entities in which nothing is wrong, admitted set-based: place → what became of it."""
    verdicts: dict[int, UsccVerdict] = {}
    paths: dict[str, str] = {}
    for place in _candidates(session, notices):
        notice = notices[place]
        try:
            if notice.street_code not in paths:
                street = queries.street_in_reach(session, actor, notice.street_code or "")
                paths[street.code] = street.path
            verdicts[place] = entities.check_new(notice, today)
        except Refusal:
            continue  # it is taken again by itself, which says what is wrong in the right order
    if not verdicts:
        return {}
    fine = [notices[place] for place in verdicts]
    finder = queries.sector_finder(session)
    prepared = entities.prepare(session, fine, paths, finder, today=today, verdicts=list(verdicts.values()))
    admitted = entities.admit(session, prepared, now=now)
    plan_first_checks(session, admitted, calendar, at=now)
    of_code = queries.entities_by_code(session, [one.notice.code for one in admitted])
    tasks = _first_checks(session, [one.notice.event_id for one in admitted])
    warned = {one.notice.code: one.warnings for one in admitted}
    answers: dict[int, Answered] = {}
    for place in verdicts:
        notice = notices[place]
        entity, task = of_code.get(notice.code), tasks.get(notice.event_id)
        if entity is not None:
            entities.record_new(session, notice, entity, actor=actor, now=now)
            if task is not None:
                record_planned(session, task, now)
            answers[place] = TakenIn(Registered(entity, "created", warnings=warned[notice.code]), task)
    return answers


def _candidates(session: Session, notices: Sequence[RegistryNotice]) -> list[int]:
    """The places of `new` events whose id, code and address promise that nothing stands against them."""
    news = [place for place, one in enumerate(notices) if one.kind == "new"]
    here_before = queries.known_events(session, [one.event_id for one in notices])
    taken = queries.known_codes(session, [notices[place].code for place in news])
    addresses = known_addresses(session, {code for place in news if (code := notices[place].address_code)})
    found, ids, codes = [], set(here_before), set(taken)
    for place in in_order(notices):
        one = notices[place]
        if one.kind == "new" and one.event_id not in ids and one.code not in codes:
            if one.address_code is None or one.address_code in addresses:
                found.append(place)
            codes.add(one.code)
        ids.add(one.event_id)
    return found


def _first_checks(session: Session, event_ids: Sequence[str]) -> dict[str, Task]:
    statement = select(Task).where(Task.kind == "first_check", dialect_of(session).among(Task.source_id, event_ids))
    return {task.source_id: task for task in session.scalars(statement)}


def _grids_of(session: Session, notices: Sequence[RegistryNotice], on: date) -> list[str]:
    """Where each event belongs: the grid of its entity, for a new one the grid that it will come to; "" for nobody's."""
    statement = select(Entity.code, Entity.grid_code)
    rows = session.execute(statement.where(dialect_of(session).among(Entity.code, {one.code for one in notices})))
    grids: dict[str, str | None] = dict(rows.all())
    addresses = known_addresses(session, {one.address_code for one in notices if one.address_code})
    new = [one for one in notices if one.kind == "new" and one.code not in grids]
    places = []
    for one in new:
        try:
            point = read_point(one.lon, one.lat, one.datum)
        except Refusal:
            point = None  # which is said when it is taken in
        address = one.address_code if one.address_code in addresses else None
        places.append(Place(address, point.wgs84 if point else None, ""))
    for one, spot in zip(new, locate(session, places, on=on), strict=True):
        grids.setdefault(one.code, spot.grid_code)
    return [grids.get(one.code) or "" for one in notices]
