"""Many open leads in a made-up city, as a year of ticks has left them: assignments, duties and the agenda.

A *history* is what became of a lead that was pushed (or taken up by its community) so many work days ago: which duties it
has, which of them were met, and where each open one stands on the agenda when the ticks ran every day up to yesterday. The
dates and agenda entries come from the same functions that the product uses. The rows are then written by the database.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from itertools import cycle
from typing import Any

from sqlalchemy import Boolean, Column, Connection, Date, Integer, MetaData, String, Table, text

from bench.city import DEPARTMENTS_A_STREET, City, department_code, path_of
from gridwatch.db.base import Instant
from gridwatch.db.engine import dialect_of
from gridwatch.domain.lead_words import LeadState, UnitState
from gridwatch.domain.obligations import DEFAULT_POLICY, ObligationKind, due_for, window_containing
from gridwatch.domain.worktime import CHINA, Due, WorkCalendar
from gridwatch.leads.agenda import Entry, due_stages, first_entry

INTERVENED_AFTER = 3  # work days from the push, where a department has intervened
ONE_DAY = timedelta(days=1)
_FIRST = 10_000_000  # so that all ids have the same length


@dataclass(frozen=True, slots=True)
class Duty:
    """One duty of a history: counted from `anchor_on`, made on `created_on`; open with an agenda entry, or met."""

    kind: ObligationKind
    k: int
    anchor_on: date
    due: Due
    created_on: date
    entry: Entry | None
    met: bool


@dataclass(frozen=True, slots=True)
class History:
    """What became of a lead since `start_on`; `unit` is the state of its assignment, None while the community has it."""

    start_on: date
    lead: LeadState
    unit: UnitState | None
    duties: list[Duty] = field(default_factory=list)

    @property
    def open(self) -> int:
        """How many of its duties are open."""
        return sum(not duty.met for duty in self.duties)

    def due(self, today: date) -> int:
        """How many of its duties want attention today."""
        return sum(duty.entry is not None and duty.entry.on == today for duty in self.duties)


def histories(today: date, calendar: WorkCalendar) -> list[History]:
    """Leads of the last five weeks: with the community, pushed and not touched, and with a department that is at work."""
    found = []
    for back in range(1, 26):
        start_on = calendar.subtract(today, back)
        found.append(_pushed(start_on, today, calendar, at_work=back > INTERVENED_AFTER))
        if INTERVENED_AFTER < back <= 20:
            found.append(_pushed(start_on, today, calendar, at_work=False))
        if back <= 12:
            due = due_for(ObligationKind.C_HANDLE, start_on, DEFAULT_POLICY, calendar)
            duty = _duty(ObligationKind.C_HANDLE, 1, start_on, due, start_on, {}, False, today, calendar)
            found.append(History(start_on, LeadState.COMMUNITY, None, [duty]))
    return found


def _pushed(start_on: date, today: date, calendar: WorkCalendar, *, at_work: bool) -> History:
    """A push of `start_on`. A department at work has intervened and reported in each window that is over."""
    feedback = ObligationKind.FEEDBACK
    last = window_containing(start_on, today - ONE_DAY, DEFAULT_POLICY, calendar) + 1  # as yesterday's tick has left it
    dues = {k: due_for(feedback, start_on, DEFAULT_POLICY, calendar, k) for k in range(1, last + 2)}
    due = due_for(ObligationKind.INTERVENE, start_on, DEFAULT_POLICY, calendar)
    duties = [_duty(ObligationKind.INTERVENE, 1, start_on, due, start_on, {}, at_work, today, calendar)]
    for k in range(1, last + 1):
        created_on = start_on if k < 3 else dues[k - 2].on + ONE_DAY
        met = at_work and dues[k].on < today
        duties.append(_duty(feedback, k, start_on, dues[k], created_on, dues, met, today, calendar))
    return History(start_on, LeadState.DISPATCHED, UnitState.WORKING if at_work else UnitState.PUSHED, duties)


def _duty(
    kind: ObligationKind, k: int, anchor_on: date, due: Due, created_on: date, dues: dict[int, Due], met: bool,
    today: date, calendar: WorkCalendar,
) -> Duty:  # fmt: skip
    until = dues[k + 1].on if k + 1 in dues else None
    entry = first_entry(kind, k, due.on, created_on, dues, calendar)
    while entry is not None and entry.on < today:
        entry = due_stages(entry, due.on, created_on, entry.on, calendar, until).follows
    return Duty(kind, k, anchor_on, due, created_on, None if met else entry, met)


def plan(all_: list[History], today: date, *, open_: int, due: int) -> list[int]:
    """For each lead the number of its history: `open_` open duties at least, exactly `due` of them due today.

    Leads with something due lie evenly among the others.
    """
    quiet = cycle([n for n, history in enumerate(all_) if history.open and not history.due(today)])
    busy = cycle([n for n, history in enumerate(all_) if history.due(today)])
    waking: list[int] = []
    while due:
        n = next(busy)
        if all_[n].due(today) <= due:
            waking.append(n)
            due -= all_[n].due(today)
    left = open_ - sum(all_[n].open for n in waking)
    resting: list[int] = []
    while left > 0:
        resting.append(next(quiet))
        left -= all_[resting[-1]].open
    each = max(1, len(resting) // len(waking))
    mixed = []
    for place, n in enumerate(waking):
        mixed += [n, *resting[place * each : (place + 1) * each]]
    return mixed + resting[len(waking) * each :]


# -- written by the database ------------------------------------------------------------------------------------------

_HELPERS = MetaData()
_LEAD = Table("bench_lead", _HELPERS, Column("i", Integer, primary_key=True), Column("t", Integer))
_HISTORY = Table(
    "bench_history", _HELPERS, Column("t", Integer, primary_key=True), Column("lead", String), Column("unit", String),
    Column("start_on", Date), Column("start_at", Instant),
)  # fmt: skip
_DUTY = Table(
    "bench_duty", _HELPERS, Column("t", Integer), Column("no", Integer), Column("kind", String), Column("k", Integer),
    Column("anchor_on", Date), Column("days", Integer), Column("due_on", Date), Column("provisional", Boolean),
    Column("created_at", Instant), Column("met", Boolean), Column("next_on", Date), Column("stage", String),
)  # fmt: skip
_PLACE = Table(
    "bench_place", _HELPERS, Column("n", Integer, primary_key=True), Column("community", String), Column("path", String),
    Column("street", String), Column("worker", String),
)  # fmt: skip
_UNIT = Table("bench_unit", _HELPERS, Column("street", String), Column("m", Integer), Column("code", String))

_ID = f"({_FIRST} + l.i)"
_WRITE = (
    f"""
    INSERT INTO lead (id, rev, no, state, category, title, description, address_text, street_code, community_code, area_path,
        source, reporter_id, reported_at, handler_id, round, bounces, returns, handlings, flags, evidence)
    SELECT 'lead-' || {_ID}, 1, 'XS' || {_ID}, h.lead, 'XS03', '无照经营的餐饮店，第' || l.i || '户', '',
        p.street || '路' || (l.i % 997) || '号', p.street,
        p.community, p.path, 'worker', p.worker, h.start_at, 'community_handler-' || p.community, 1, 0, 0, 0, '[]', '[]'
    FROM bench_lead l JOIN bench_history h ON h.t = l.t JOIN bench_place p ON p.n = l.i % :places
    """,
    f"""
    INSERT INTO assignment (id, lead_id, round, department_code, role, state, pushed_at, push_on, officer_id, intervened_on,
        copies, duty, legal_basis)
    SELECT 'unit-' || {_ID}, 'lead-' || {_ID}, 1, u.code, 'lead', h.unit, h.start_at, h.start_on,
        CASE WHEN h.unit = 'working' THEN 'case_officer-' || u.code END, CASE WHEN h.unit = 'working' THEN h.start_on END,
        '[]', '', ''
    FROM bench_lead l JOIN bench_history h ON h.t = l.t JOIN bench_place p ON p.n = l.i % :places
        JOIN bench_unit u ON u.street = p.street AND u.m = l.i % :units
    WHERE h.unit IS NOT NULL
    """,
    f"""
    INSERT INTO obligation (id, lead_id, assignment_id, kind, k, round, anchor_on, days, due_on, provisional, calendar_version,
        policy_version, created_at, cause)
    SELECT 'duty-' || {_ID} || '-' || d.no, 'lead-' || {_ID}, CASE WHEN h.unit IS NOT NULL THEN 'unit-' || {_ID} END, d.kind, d.k,
        1, d.anchor_on, d.days, d.due_on, d.provisional, :version, 1, d.created_at, 'T13'
    FROM bench_lead l JOIN bench_history h ON h.t = l.t JOIN bench_duty d ON d.t = l.t
    """,
    f"""
    INSERT INTO obligation_end (obligation_id, how, cause, on_day, at)
    SELECT 'duty-' || {_ID} || '-' || d.no, 'met', 'T21', d.due_on, d.created_at
    FROM bench_lead l JOIN bench_duty d ON d.t = l.t WHERE d.met
    """,
    f"""
    INSERT INTO watch (obligation_id, next_on, stage, calendar_version)
    SELECT 'duty-' || {_ID} || '-' || d.no, d.next_on, d.stage, :version
    FROM bench_lead l JOIN bench_duty d ON d.t = l.t WHERE d.next_on IS NOT NULL
    """,
)


def build(connection: Connection, city: City, calendar: WorkCalendar, today: date, *, open_: int, due: int) -> None:
    """Write the leads of a city whose areas and people stand: `open_` open duties or a few more, exactly `due` due today."""
    all_ = histories(today, calendar)
    _HELPERS.create_all(connection)
    leads = [{"i": i, "t": t} for i, t in enumerate(plan(all_, today, open_=open_, due=due))]
    places = [
        {"n": n, "community": code, "path": path_of(code), "street": code[:9], "worker": f"worker-{code}001"}
        for n, code in enumerate(city.communities)
    ]
    units = [
        {"street": street, "m": m, "code": department_code(street, m)}
        for street in city.streets
        for m in range(DEPARTMENTS_A_STREET)
    ]
    insert = dialect_of(connection).bulk_insert
    for table, rows in (
        (_LEAD, leads), (_HISTORY, list(_history_rows(all_))), (_DUTY, list(_duty_rows(all_))), (_PLACE, places), (_UNIT, units),
    ):  # fmt: skip
        insert(connection, table, rows)
    bound = {"places": len(places), "units": DEPARTMENTS_A_STREET, "version": calendar.version}
    for statement in _WRITE:
        connection.execute(text(statement), {name: value for name, value in bound.items() if f":{name}" in statement})
    _HELPERS.drop_all(connection)


def _history_rows(all_: list[History]) -> Iterator[dict[str, Any]]:
    for t, history in enumerate(all_):
        unit = history.unit.value if history.unit else None
        yield {
            "t": t,
            "lead": history.lead.value,
            "unit": unit,
            "start_on": history.start_on,
            "start_at": _at(history.start_on),
        }


def _duty_rows(all_: list[History]) -> Iterator[dict[str, Any]]:
    for t, history in enumerate(all_):
        for no, duty in enumerate(history.duties):
            yield {
                "t": t, "no": no, "kind": duty.kind.value, "k": duty.k, "anchor_on": duty.anchor_on,
                "days": DEFAULT_POLICY.days[duty.kind] * duty.k, "due_on": duty.due.on, "provisional": duty.due.provisional,
                "created_at": _at(duty.created_on), "met": duty.met, "next_on": duty.entry.on if duty.entry else None,
                "stage": duty.entry.stage if duty.entry else None,
            }  # fmt: skip


def _at(on: date) -> datetime:
    """Ten in the morning of a local day."""
    return datetime.combine(on, time(10), CHINA).astimezone(UTC)
