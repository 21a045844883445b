"""Feedback windows made by the tick, for many assignments at once: the current one and the next always stand (§4c)."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import date
from typing import NamedTuple

from sqlalchemy import Table, insert, select
from sqlalchemy.orm import Session

from gridwatch.db.base import new_id
from gridwatch.domain.lead_clocks import missing_windows
from gridwatch.domain.lead_facts import Moment, OpenDuty
from gridwatch.domain.obligations import ObligationKind
from gridwatch.domain.worktime import Due
from gridwatch.leads.agenda import first_entry
from gridwatch.leads.models import Lead, Obligation, ObligationEnd, Watch

_OBLIGATION: Table = Obligation.__table__  # type: ignore[assignment]
_WATCH: Table = Watch.__table__  # type: ignore[assignment]


class Running(NamedTuple):
    """An assignment whose grid goes on."""

    id: str
    lead_id: str
    round: int
    push_on: date


class Rolled(NamedTuple):
    """What came of it: the windows made, and the leads that somebody else is changing just now."""

    made: int
    busy: frozenset[str]


NOTHING = Rolled(0, frozenset())
Dues = dict[str, dict[int, Due]]  # the effective due day of each feedback window, by assignment and k


def dues_of(session: Session, assignments: Collection[str]) -> Dues:
    """The effective due days of the windows of assignments: what was announced counts (ruling R1)."""
    found: Dues = {one: {} for one in assignments}
    if found:
        rows = session.execute(
            select(Obligation.assignment_id, Obligation.k, Obligation.due_on, Obligation.provisional)
            .outerjoin(ObligationEnd, ObligationEnd.obligation_id == Obligation.id)
            .where(
                Obligation.assignment_id.in_(found),
                Obligation.kind == ObligationKind.FEEDBACK.value,
                ObligationEnd.how.is_distinct_from("superseded"),
            )
        )
        for assignment, k, due_on, provisional in rows:
            found[str(assignment)][k] = Due(due_on, provisional)
    return found


def roll(session: Session, units: Iterable[Running], dues: Dues, at: Moment) -> Rolled:
    """Make the windows that must exist on `at.today` and do not yet, and add them to `dues`, which `dues_of` gave.

    A lead that a request is changing at this moment is left for the next tick: waiting for it here could deadlock, and
    what it leaves behind may need no window any more.
    """
    lacking = {unit for unit in units if _missing(unit, dues, at)}
    if not lacking:
        return NOTHING
    leads = {unit.lead_id for unit in lacking}
    free = set(session.scalars(select(Lead.id).where(Lead.id.in_(leads)).with_for_update(skip_locked=True)))
    mine = [unit for unit in lacking if unit.lead_id in free]
    dues.update(dues_of(session, {unit.id for unit in mine}))  # under the lock: a request may have made them meanwhile
    obligations, entries = [], []
    for unit in mine:
        for duty in _missing(unit, dues, at):
            dues[unit.id][duty.k] = Due(duty.due_on, duty.provisional)
            row = _row(unit, duty, at)
            obligations.append(row)
            entry = first_entry(duty.kind, duty.k, duty.due_on, at.today, dues[unit.id], at.calendar)
            if entry is not None:
                entries.append(
                    {"obligation_id": row["id"], "next_on": entry.on, "stage": entry.stage,
                     "calendar_version": at.calendar.version}
                )  # fmt: skip
    for table, rows in ((_OBLIGATION, obligations), (_WATCH, entries)):
        if rows:
            session.connection().execute(insert(table), rows)
    return Rolled(len(obligations), frozenset(leads - free))


def _missing(unit: Running, dues: Dues, at: Moment) -> list[OpenDuty]:
    return missing_windows(unit.id, unit.push_on, dues[unit.id], at, "window")


def _row(unit: Running, duty: OpenDuty, at: Moment) -> dict[str, object]:
    return {
        "id": new_id(), "lead_id": unit.lead_id, "assignment_id": unit.id, "kind": duty.kind.value, "k": duty.k,
        "round": unit.round, "anchor_on": duty.anchor_on, "days": duty.days, "due_on": duty.due_on,
        "provisional": duty.provisional, "calendar_version": at.calendar.version, "policy_version": at.policy.version,
        "created_at": at.now, "cause": duty.cause,
    }  # fmt: skip
