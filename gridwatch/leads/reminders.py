"""The reminder scan: everything due and not yet written, exactly once, whoever ticks and however often (promise P7).

A run takes entries of the agenda whose day has come, under a row lock that other runs skip; writes one notice for each
stage, person and channel, which a unique row keeps single; and moves the entry to its next stage; all in one transaction.
It costs what is due, not what is open. Sources: rulings R8, R9, R13, R38; domain.md §4c.
"""

from __future__ import annotations

import logging
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Select, Table, case, delete, exists, false, func, select, true, tuple_, update
from sqlalchemy.orm import Session, aliased

from gridwatch.areas.models import Area, Department
from gridwatch.db.engine import dialect_of
from gridwatch.domain.lead_clocks import RUNNING
from gridwatch.domain.lead_facts import Moment
from gridwatch.domain.obligations import WINDOWED, ObligationKind
from gridwatch.domain.permits import SYSTEM
from gridwatch.domain.reminders import (
    MOVED,
    W0,
    Owner,
    Stage,
    moved_receivers,
    receivers,
    sending_window,
    usual_owner,
)
from gridwatch.domain.worktime import WorkCalendar, local_day
from gridwatch.leads import rolling, wording
from gridwatch.leads.agenda import OPENS, Entry, Found, due_hour_stages, due_stages
from gridwatch.leads.beginning import moment
from gridwatch.leads.models import Assignment, Excuse, Lead, Obligation, ObligationEnd, Watch
from gridwatch.leads.receivers import Place, owner_of, people_of
from gridwatch.notices import service as notices
from gridwatch.notices.models import Notice

log = logging.getLogger(__name__)

LATE, SUSPENDED = "late", "suspended"  # why a stage is recorded and not sent: an outage; a result being verified (R6)
_WATCH: Table = Watch.__table__  # type: ignore[assignment]
_OLD = aliased(Obligation)  # the row that one supersedes


@dataclass(slots=True)
class Batch:
    """What one call did. `last` is where the next one goes on; None when nothing more is due."""

    last: tuple[date, str] | None = None
    did: Counter[str] = field(default_factory=Counter)


class Planned(NamedTuple):
    """One stage of one duty: the row that it comes from, why it is only recorded (or None), and when it may leave."""

    row: Any
    stage: str
    skipped: str | None
    send_after: datetime


def write_due(
    session: Session, *, now: datetime, calendar: WorkCalendar, limit: int = 500, after: tuple[date, str] | None = None
) -> Batch:
    """Write the reminders that are due at `now`: of at most `limit` duties, those behind `after`. Call until `last` is None.

    `did` counts: duties (taken up), written (notices that may leave), recorded (skipped stages), windows (made),
    unheard (stages for which nobody was found). The caller commits each batch.
    """
    today = local_day(now)
    rows = session.execute(_due_entries(today, after, limit)).all()
    at = moment(session, SYSTEM, now, calendar)
    windows = [row for row in rows if ObligationKind(row.kind) in WINDOWED]
    grids = rolling.dues_of(session, {rolling.grid_of(row) for row in windows})
    rolled = rolling.roll(session, {rolling.grid_of(row) for row in windows if _runs(row)}, grids, at)
    # A window at which somebody is at work just now keeps its entry: the next tick makes what follows it.
    ready = [row for row in rows if not (row.stage == OPENS and row.lead_id in rolled.busy)]
    found = {row.id: _found(row, grids, at) for row in ready}
    batch = Batch(last=(rows[-1].next_on, rows[-1].id) if len(rows) == limit else None)
    batch.did.update(duties=len(ready), windows=rolled.made)
    batch.did.update(_write(session, _plan(ready, found, at), at))
    _move(session, {row.id: found[row.id] for row in ready if found[row.id].follows != (row.next_on, row.stage)})
    return batch


def held(today: date) -> ColumnElement[bool]:
    """The notices that must not leave yet: a newer stage of their duty is due, and another process may be writing it now.

    The fast lane is not among them: its entry stands at the same day for every stage.
    """
    overtaken = exists().where(Watch.obligation_id == Notice.about, Watch.next_on <= today, Watch.stage.not_like("H%"))
    return (Notice.kind == notices.REMINDER) & overtaken


def resting(now: datetime, calendar: WorkCalendar) -> ColumnElement[bool]:
    """The notices of areas in which no message may leave at `now`: by the calendar, and by the local orders of each area (R13)."""
    rests = sending_window(now, calendar) != now
    # From the smallest area up: the first of these paths that a lead lies under is the one whose orders count.
    orders = {
        path: sending_window(now, calendar.within(path)) != now
        for path in sorted(calendar.local, key=len, reverse=True)
    }
    if all(here == rests for here in orders.values()):
        return true() if rests else false()
    by_area = case(*((Lead.area_path.startswith(path), here) for path, here in orders.items()), else_=rests)
    there = select(by_area).where(Lead.id == Notice.lead_id).scalar_subquery()
    return func.coalesce(there, rests).is_(True)


def ended(session: Session, abouts: Collection[str]) -> set[str]:
    """Those of the given obligations that have ended or were excused (R8); what is not an obligation never has."""
    among = dialect_of(session).among
    over = select(ObligationEnd.obligation_id).where(among(ObligationEnd.obligation_id, abouts))
    excused = select(Excuse.obligation_id).where(among(Excuse.obligation_id, abouts))
    return set(session.scalars(over)) | set(session.scalars(excused))


def watched() -> Select[Any]:
    """Every duty on the agenda, with what its words and its receivers need."""
    return (
        select(
            Watch.next_on, Watch.stage, Obligation.id, Obligation.kind, Obligation.k, Obligation.due_on, Obligation.due_at,
            Obligation.provisional, Obligation.created_at, Obligation.lead_id, Obligation.assignment_id, Obligation.anchor_on,
            Obligation.owner,
            _OLD.due_on.label("old_due_on"),
            Lead.no, Lead.title, Lead.area_path, Lead.state, Lead.reporter_id, Lead.handler_id,
            Assignment.department_code, Assignment.officer_id, Assignment.suspended_from,
            Assignment.state.label("unit_state"), Department.name.label("department"), Area.name.label("community"),
        )
        .join(Obligation, Obligation.id == Watch.obligation_id)
        .join(Lead, Lead.id == Obligation.lead_id)
        .outerjoin(_OLD, _OLD.id == Obligation.supersedes)
        .outerjoin(Assignment, Assignment.id == Obligation.assignment_id)
        .outerjoin(Department, Department.code == Assignment.department_code)
        .outerjoin(Area, Area.code == Lead.community_code)
    )  # fmt: skip


def _due_entries(today: date, after: tuple[date, str] | None, limit: int) -> Select[Any]:
    statement = (
        watched()
        .where(Watch.next_on <= today)
        .order_by(Watch.next_on, Watch.obligation_id)
        .limit(limit)
        .with_for_update(of=Watch, skip_locked=True)
    )
    return statement if after is None else statement.where(tuple_(Watch.next_on, Watch.obligation_id) > after)


def _runs(row: Any) -> bool:
    """Whether the grid of a window goes on; what is being verified makes no windows (ruling R6)."""
    return row.assignment_id is None or (row.unit_state in RUNNING and row.suspended_from is None)


def _found(row: Any, grids: rolling.Grids, at: Moment) -> Found:
    entry, at = Entry(row.next_on, row.stage), at.within(row.area_path)
    if row.due_at is not None:
        return due_hour_stages(entry, row.due_at, at.now)
    until = None
    if ObligationKind(row.kind) in WINDOWED:
        # The ladder of a missed window stops on the day the next window becomes overdue (R8).
        grid = rolling.grid_of(row)
        until = rolling.next_due(grid, grids[grid], row.k + 1, at).on
    return due_stages(entry, row.due_on, local_day(row.created_at), at.today, at.calendar, until)


def _plan(rows: Iterable[Any], found: Mapping[str, Found], at: Moment) -> list[Planned]:
    """Every stage that is due. Of several rungs of one duty the newest is to leave, the earlier ones are recorded."""
    planned = []
    for row in rows:
        ordinary = sending_window(at.now, at.calendar.within(row.area_path))
        if row.stage == MOVED:
            planned.append(Planned(row, MOVED, None, ordinary))
        due = found[row.id].due
        suspended = SUSPENDED if is_suspended(row) else None
        for stage in due:
            skipped = suspended if stage is due[-1] else LATE
            planned.append(Planned(row, str(stage), skipped, at.now if stage.letter == "H" else ordinary))
    return planned


def _write(session: Session, planned: Sequence[Planned], at: Moment) -> dict[str, int]:
    places = {one.row.id: place_of(one.row) for one in planned}
    roles = {(one.row.id, one.stage): roles_of(one.row, one.stage) for one in planned}
    people = people_of(session, ((role, places[duty]) for (duty, _), those in roles.items() for role in those))
    leaving: list[notices.Message] = []
    recorded: list[notices.Message] = []
    unheard: list[Planned] = []
    for one in planned:
        overseer_of = overseers(roles[one.row.id, one.stage], places[one.row.id], people)
        if not overseer_of:
            unheard.append(one)
        texts = {oversees: _text(one, at, oversees) for oversees in set(overseer_of.values())}
        batch = leaving if one.skipped is None else recorded
        batch += (_message(one, person, texts[oversees]) for person, oversees in overseer_of.items())
    if unheard:
        first = unheard[0]
        log.warning("%d stages reached nobody, such as %s of obligation %s", len(unheard), first.stage, first.row.id)
    return {
        "written": notices.write(session, leaving, now=at.now),
        "recorded": notices.write(session, recorded, now=at.now),
        "unheard": len(unheard),
    }


def is_suspended(row: Any) -> bool:
    """Whether a watched duty is a feedback window of a result that is being verified (ruling R6)."""
    return row.suspended_from is not None and row.kind == ObligationKind.FEEDBACK.value


def place_of(row: Any) -> Place:
    """Where a watched duty lies."""
    return Place(row.area_path, row.department_code, row.reporter_id, row.handler_id, row.officer_id)


def roles_of(row: Any, stage: str) -> dict[str, bool]:
    """The roles that hear of a stage of a watched duty, the one who owes it first, each with whether it only oversees."""
    kind, owner = ObligationKind(row.kind), owner_of(row.owner)
    if stage == MOVED:
        return dict.fromkeys(moved_receivers(kind, owner), False)
    rung = Stage.parse(stage)
    owing = receivers(kind, rung if rung.letter == "H" else W0, owner)
    return {role: role not in owing for role in receivers(kind, rung, owner)}


def overseers(
    roles: Mapping[str, bool], place: Place, people: Mapping[tuple[str, Place], list[str]]
) -> dict[str, bool]:
    """The persons behind roles, each with whether he only oversees; whoever owes a duty oversees it not, whatever else he is."""
    found: dict[str, bool] = {}
    for role, oversees in roles.items():
        for person in people[role, place]:
            found.setdefault(person, oversees)
    return found


def _text(one: Planned, at: Moment, oversees: bool) -> wording.Text:
    row, about = one.row, about_of(one.row)
    if one.stage == MOVED:
        return wording.moved(about, row.old_due_on)
    if row.due_at is not None:
        return wording.fast_lane(about, Stage.parse(one.stage).number)
    calendar = at.calendar.within(row.area_path)
    return wording.reminder(about, local_day(one.send_after), calendar, overseer=oversees)


def about_of(row: Any) -> wording.About:
    """A watched duty as its words need it."""
    kind = ObligationKind(row.kind)
    owner = row.department or (row.community if usual_owner(kind) is Owner.COMMUNITY else "") or ""
    return wording.About(kind, row.k, row.due_on, row.provisional, row.no, row.title, owner)


def _message(one: Planned, person: str, text: wording.Text) -> notices.Message:
    row = one.row
    return notices.Message(
        about=row.id, stage=one.stage, recipient_id=person,
        kind=notices.MOVED if one.stage == MOVED else notices.REMINDER, text_zh=text.zh, text_en=text.en,
        send_after=one.send_after, lead_id=row.lead_id, due_on=row.due_on, provisional=row.provisional,
        skipped=one.skipped,
    )  # fmt: skip


def _move(session: Session, found: Mapping[str, Found]) -> None:
    """Move the entries to what follows; duties that move to the same day and stage go together, so it is few statements."""
    moves: dict[Entry | None, list[str]] = defaultdict(list)
    for duty, one in found.items():
        moves[one.follows].append(duty)
    for entry, duties in moves.items():
        mine = dialect_of(session).among(_WATCH.c.obligation_id, duties)
        if entry is None:
            session.connection().execute(delete(_WATCH).where(mine))
        else:
            session.connection().execute(update(_WATCH).where(mine).values(next_on=entry.on, stage=entry.stage))
