"""What becomes of an item: checked, made to wait for what it depends on, applied, and the outcome written into its row.

Each item is applied within a savepoint, so that one that fails spoils no other. A savepoint and the statements of one item cost
round trips, so items of a kind that can be applied many at once (kinds.py, `together`) share them; where anything is wrong with
one of those, each goes alone.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import groupby
from typing import Any

import orjson
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError, InterfaceError, OperationalError, PendingRollbackError
from sqlalchemy.orm import Session
from sqlalchemy.orm.exc import StaleDataError

from gridwatch.db.session import savepoint
from gridwatch.domain.errors import Refusal
from gridwatch.domain.permits import Actor
from gridwatch.domain.worktime import WorkCalendar
from gridwatch.sync import capture, checking, words
from gridwatch.sync.kinds import KINDS, Applied, Fact, Kind, from_refusal
from gridwatch.sync.models import Item

log = logging.getLogger("gridwatch")

# Nothing more can be done in this transaction, for any item of it; the phone is told to come again.
_DATABASE_GONE = (OperationalError, InterfaceError, PendingRollbackError)


@dataclass(frozen=True, slots=True)
class Case:
    """An item to judge: its row, and what was sent."""

    item: Item
    value: dict[str, Any]


def judge_all(
    session: Session, cases: Iterable[Case], actor: Actor, calendar: WorkCalendar, now: datetime, *,
    come: Collection[str] = (), last: bool = True,
) -> None:  # fmt: skip
    """Judge items of one sender, each behind those that it depends on; write the outcome into each row.

    Never raises for an item's sake. `come` are ids that are being stored beside them. What another transaction may have caused
    (a unique key, a stale row) is raised, unless this is the `last` try.
    """
    for name, group in groupby(_dependencies_first(list(cases)), key=lambda case: case.value.get("kind")):
        kind = KINDS.get(name) if isinstance(name, str) else None
        facts = []
        for case in group:
            stopped = _stopped(session, case, kind, come)
            if stopped is None:
                facts.append(Fact(case.item, case.value, actor, calendar, now, _is_plausible(case.item)))
            else:
                settle(case.item, stopped)
        if kind is not None:
            _apply(session, kind, facts, last)


def release(
    session: Session, item: Item, actor: Actor, calendar: WorkCalendar, now: datetime, *, last: bool = True
) -> bool:
    """Apply a held item if all that it waits for is stored by now; returns whether it was. `actor` is the one who sent it."""
    if _lacking(session, item.waits_for, ()):
        return False
    judge_all(session, [Case(item, orjson.loads(item.raw))], actor, calendar, now, last=last)
    return True


def settle(item: Item, applied: Applied) -> None:
    """Write an outcome into the row of an item. What came beside it under the same id stays named."""
    also = {"also": item.facts["also"]} if "also" in item.facts else {}
    item.outcome, item.code, item.facts = applied.outcome, applied.code, {**applied.facts, **also}
    item.result_rev, item.became = applied.rev, applied.became
    item.waits_for = applied.facts["waits_for"] if applied.outcome == words.HELD else []


def capture_of(item: Item) -> capture.Capture:
    """The time of capture in the row of an item."""
    return capture.Capture(item.captured_at, item.corrected_at, item.uncertainty_s)


def _is_plausible(item: Item) -> bool:
    return capture_of(item).is_plausible(item.received_at)


def _stopped(session: Session, case: Case, kind: Kind | None, come: Collection[str]) -> Applied | None:
    """The outcome of an item that cannot be applied now, for its form or for what it depends on; None for one that can."""
    has_nul = "\\u0000" in case.item.raw
    wrong = checking.problems(case.value, on_task=kind is not None and kind.on_task, has_nul=has_nul)
    if kind is None:
        wrong.append({"path": "kind", "problem": f"应为 {'、'.join(KINDS)} 之一 / one of {', '.join(KINDS)}"})
    if wrong:
        return Applied(words.REVIEW, "payload_invalid", {"fields": wrong})
    lacking = _lacking(session, case.value.get("depends_on") or (), come)
    return Applied(words.HELD, None, {"waits_for": lacking}) if lacking else None


def _apply(session: Session, kind: Kind, facts: list[Fact], last: bool) -> None:
    results: list[Applied] | None = None
    if kind.together is not None and len(facts) > 1:
        try:
            with savepoint(session):
                results = kind.together(session, facts)
        except _DATABASE_GONE:
            raise
        except Exception as problem:
            log.info("%d items are applied one by one", len(facts), exc_info=problem)
    for place, fact in enumerate(facts):
        applied = results[place] if results is not None else _applied(session, kind, fact, last)
        if not fact.is_plausible and (applied.outcome, applied.code) == (words.ACCEPTED, None):
            applied = replace(applied, code="implausible_time")
        settle(fact.item, applied)


def _applied(session: Session, kind: Kind, fact: Fact, last: bool) -> Applied:
    try:
        with savepoint(session):
            return kind.apply(session, fact)
    except Refusal as refusal:
        return from_refusal(refusal)
    except Exception as problem:
        if isinstance(problem, (*_DATABASE_GONE, StaleDataError)) or (isinstance(problem, IntegrityError) and not last):
            raise
        log.error("item %s of kind %s could not be applied", fact.item.id, fact.item.kind, exc_info=problem)
        return Applied(words.REVIEW, "not_applied")


def _lacking(session: Session, wanted: Iterable[str], come: Collection[str]) -> list[str]:
    """The ids among `wanted` that nobody has sent yet. What is stored counts as come, whatever its own outcome is."""
    open_ = list(dict.fromkeys(one for one in wanted if one not in come))
    stored = set(session.scalars(select(Item.id).where(Item.id.in_(open_)))) if open_ else set()
    return [one for one in open_ if one not in stored]


def _dependencies_first(cases: list[Case]) -> Iterator[Case]:
    """The cases in the order sent, but each behind those that it depends on; in a ring, the order sent."""
    by_id = {case.item.id: case for case in reversed(cases)}
    seen: set[int] = set()
    for root in cases:
        path = [(root, iter(_named(root)))] if id(root) not in seen else []
        seen.add(id(root))
        while path:
            case, wanted = path[-1]
            follow = next((by_id[one] for one in wanted if one in by_id and id(by_id[one]) not in seen), None)
            if follow is None:
                yield path.pop()[0]
            else:
                seen.add(id(follow))
                path.append((follow, iter(_named(follow))))


def _named(case: Case) -> list[str]:
    wanted = case.value.get("depends_on")
    return [one for one in wanted if isinstance(one, str)] if isinstance(wanted, list) else []
