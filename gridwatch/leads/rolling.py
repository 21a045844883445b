"""Windows made by the tick, for many grids at once: the current one and the next always stand (§4c).

Two kinds of grid run on: FEEDBACK of an assignment, and CITY_FOLLOW of a lead above the street (ruling R24).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from datetime import date
from typing import Any, NamedTuple

from sqlalchemy import Table, and_, insert, or_, select
from sqlalchemy.orm import Session

from gridwatch.domain.lead_facts import Moment, OpenDuty
from gridwatch.domain.obligations import ObligationKind, due_for
from gridwatch.domain.worktime import Due
from gridwatch.leads import clocks, queries, writing
from gridwatch.leads.agenda import first_entry
from gridwatch.leads.models import Lead, Obligation, ObligationEnd, Watch

_OBLIGATION: Table = Obligation.__table__  # type: ignore[assignment]
_WATCH: Table = Watch.__table__  # type: ignore[assignment]


class Grid(NamedTuple):
    """One grid of windows: of an assignment (FEEDBACK), or of a lead from a day on (CITY_FOLLOW, without an assignment)."""

    kind: ObligationKind
    lead_id: str
    assignment_id: str | None
    anchor_on: date


class Dues(NamedTuple):
    """The effective due days of a grid by window; and of the policy that it began with: work days of one window, version."""

    on: dict[int, Due]
    days: int
    policy_version: int


class Rolled(NamedTuple):
    """What came of it: the windows made, and the leads that somebody else is changing just now."""

    made: int
    busy: frozenset[str]


NOTHING = Rolled(0, frozenset())
Grids = dict[Grid, Dues]


def grid_of(row: Any) -> Grid:
    """The grid that a window belongs to: `row` has the columns of an obligation."""
    return Grid(ObligationKind(row.kind), row.lead_id, row.assignment_id, row.anchor_on)


def dues_of(session: Session, grids: Collection[Grid]) -> Grids:
    """The effective due days of the windows of grids: what was announced counts (ruling R1)."""
    found: Grids = {}
    if not grids:
        return found
    units = {grid.assignment_id for grid in grids if grid.assignment_id}
    leads = {grid.lead_id for grid in grids if not grid.assignment_id}
    rows = session.execute(
        select(
            Obligation.kind, Obligation.lead_id, Obligation.assignment_id, Obligation.anchor_on, Obligation.k,
            Obligation.due_on, Obligation.provisional, Obligation.days, Obligation.policy_version,
        )
        .outerjoin(ObligationEnd, ObligationEnd.obligation_id == Obligation.id)
        .where(
            or_(
                and_(Obligation.kind == ObligationKind.FEEDBACK.value, Obligation.assignment_id.in_(units)),
                and_(Obligation.kind == ObligationKind.CITY_FOLLOW.value, Obligation.lead_id.in_(leads)),
            ),
            ObligationEnd.how.is_distinct_from("superseded"),
        )
    )  # fmt: skip
    for row in rows:
        dues = found.setdefault(grid_of(row), Dues({}, row.days // row.k, row.policy_version))
        dues.on[row.k] = Due(row.due_on, row.provisional)
    return found


def next_due(grid: Grid, dues: Dues, k: int, at: Moment) -> Due:
    """The due day of window `k`: as it stands, or as it will stand."""
    if k in dues.on:
        return dues.on[k]
    days = {**at.policy.days, grid.kind: dues.days}
    return due_for(grid.kind, grid.anchor_on, replace(at.policy, days=days), at.calendar, k)


def roll(session: Session, running: Iterable[Grid], grids: Grids, at: Moment) -> Rolled:
    """Make the windows that must exist on `at.today` and do not yet, and add them to `grids`, which `dues_of` gave.

    A lead that a request is changing at this moment is left for the next tick: waiting for it here could deadlock, and
    what it leaves behind may need no window any more. Each lead gets an event; its version stays (invariant I10).
    """
    lacking = {grid.lead_id for grid in running if _lacks(grids[grid], at.today)}
    if not lacking:
        return NOTHING
    free = select(Lead).where(Lead.id.in_(lacking)).with_for_update(of=Lead, skip_locked=True)
    leads = session.scalars(free.execution_options(populate_existing=True)).all()
    changes = [(lead, change) for lead in leads if (change := clocks.rolled(queries.facts_from(lead), at)) is not None]
    for lead, change in changes:
        writing.record(session, lead, change, at, {})
    made = [(lead, duty) for lead, change in changes for duty in change.opened]
    for lead, duty in made:
        dues = grids.setdefault(_grid(lead, duty), Dues({}, duty.days // duty.k, at.policy.version))
        dues.on[duty.k] = Due(duty.due_on, duty.provisional)
    entries = [
        entry for lead, duty in made if (entry := watch_row(duty, grids[_grid(lead, duty)].on, at, lead.area_path))
    ]
    for table, rows in (
        (
            _OBLIGATION,
            [duty_row(duty, at, lead.id, lead.round, grids[_grid(lead, duty)].policy_version) for lead, duty in made],
        ),
        (_WATCH, entries),
    ):
        if rows:
            session.connection().execute(insert(table), rows)
    return Rolled(len(made), frozenset(lacking - {lead.id for lead in leads}))


def _lacks(dues: Dues, today: date) -> bool:
    """Whether the last window but one has begun, so that the next is wanted: only the last one lies ahead."""
    return sum(1 for due in dues.on.values() if due.on >= today) < 2


def _grid(lead: Lead, duty: OpenDuty) -> Grid:
    return Grid(duty.kind, lead.id, duty.unit, duty.anchor_on)


def duty_row(duty: OpenDuty, at: Moment, lead_id: str, round_: int, policy_version: int) -> dict[str, object]:
    """The row of a numbered duty, for bulk work. A clock that runs on keeps the version of the limits that it began with."""
    return {
        "id": duty.id, "lead_id": lead_id, "assignment_id": duty.unit, "kind": duty.kind.value, "k": duty.k, "round": round_,
        "anchor_on": duty.anchor_on, "days": duty.days, "due_on": duty.due_on, "due_at": duty.due_at,
        "provisional": duty.provisional, "calendar_version": at.calendar.version, "policy_version": policy_version,
        "created_at": at.now, "cause": duty.cause, "owner": duty.owner, "supersedes": duty.supersedes,
    }  # fmt: skip


def watch_row(duty: OpenDuty, dues: Mapping[int, Due], at: Moment, area_path: str) -> dict[str, object] | None:
    """Its line of the agenda, if it has one."""
    calendar = at.calendar.within(area_path)
    entry = first_entry(duty.kind, duty.k, duty.due_on, at.today, dues, calendar, due_at=duty.due_at)
    if entry is None:
        return None
    return {
        "obligation_id": duty.id, "next_on": entry.on, "stage": entry.stage, "calendar_version": at.calendar.version,
    }  # fmt: skip
