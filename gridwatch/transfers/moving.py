"""Which new grid each address, entity, open task and open lead of an old grid belongs to, and moving it there.

A point decides; what has none goes with its address, its entity or its lead; what has none of these with the new grid that has most
of the old one. Whatever has ended keeps its grid: a fact belongs to the grid that was valid then (domain.md §4b, edge (e)).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from shapely.geometry import MultiPolygon
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from gridwatch.calendars.queries import current_calendar
from gridwatch.db import feed
from gridwatch.db.engine import dialect_of
from gridwatch.domain.datum import Datum, to_wgs84
from gridwatch.domain.permits import SYSTEM
from gridwatch.domain.task_flow import ON_PHONES
from gridwatch.entities.documents import entity_document
from gridwatch.entities.models import Entity
from gridwatch.leads import handing as leads
from gridwatch.leads.beginning import moment
from gridwatch.leads.models import Lead
from gridwatch.places.documents import address_document
from gridwatch.places.models import Address, Grid
from gridwatch.places.outlines import fall_into
from gridwatch.tasks import handing as tasks
from gridwatch.tasks.models import Task


class Move(NamedTuple):
    """One thing on its way: to which grid, and what says so (point, address, entity, lead or successor)."""

    id: str
    title: str
    source: str
    target: str
    by: str


@dataclass(slots=True)
class Moves:
    """What an edit moves, by kind."""

    address: list[Move] = field(default_factory=list)
    entity: list[Move] = field(default_factory=list)
    task: list[Move] = field(default_factory=list)
    lead: list[Move] = field(default_factory=list)

    def by_kind(self) -> dict[str, list[Move]]:
        """Kind → its moves."""
        return {"address": self.address, "entity": self.entity, "task": self.task, "lead": self.lead}

    def counts(self) -> dict[str, dict[str, int]]:
        """Kind → new grid → how many."""
        counted: dict[str, dict[str, int]] = {}
        for kind, moves in self.by_kind().items():
            counted[kind] = {}
            for one in moves:
                counted[kind][one.target] = counted[kind].get(one.target, 0) + 1
        return counted


@dataclass(frozen=True, slots=True)
class NewMap:
    """The new grids (code, WGS-84 outline), and which of them succeeds each old grid."""

    grids: Sequence[tuple[str, MultiPolygon]]
    successors: Mapping[str, str]

    def at(self, points: Sequence[tuple[float, float] | None]) -> list[str | None]:
        """The new grid at each WGS-84 point, None where there is none or no point."""
        given = [point for point in points if point is not None]
        found = iter(fall_into([area for _, area in self.grids], given))
        places = [next(found) if point is not None else None for point in points]
        return [None if place is None else self.grids[place][0] for place in places]


def moves_of(session: Session, old: Sequence[str], new: NewMap) -> Moves:
    """Where everything goes that is in the old grids now. Reads only."""
    moves = Moves()
    _addresses(session, old, new, moves)
    of_address = {one.id: one.target for one in moves.address}
    _entities(session, old, new, moves, of_address)
    of_entity = {one.id: one.target for one in moves.entity}
    _leads(session, old, new, moves, of_entity)
    of_lead = {one.id: one.target for one in moves.lead}
    columns = (Task.id, Task.title, Task.grid_code, Task.entity_id, Task.address_code, Task.lead_id)
    open_tasks = select(*columns).where(Task.grid_code.in_(old), Task.state.in_(sorted(ON_PHONES))).order_by(Task.id)
    for row in session.execute(open_tasks):
        said = {
            "entity": of_entity.get(row.entity_id),
            "address": of_address.get(row.address_code),
            "lead": of_lead.get(row.lead_id),
        }
        moves.task.append(_move(row.id, row.title, row.grid_code, said, new))
    return moves


def orphans_of(
    session: Session, old: Sequence[str], before: Sequence[MultiPolygon], after: Sequence[MultiPolygon]
) -> list[tuple[str, str]]:
    """(code, text) of the addresses of the old grids that lie on their ground, and would lie in none of the outlines `after`."""
    rows = _addresses_in(session, old)
    placed = [(row, point) for row in rows if (point := _point(row)) is not None]
    points = [point for _, point in placed]
    both = zip(placed, fall_into(before, points), fall_into(after, points), strict=True)
    return [(row.code, row.text) for (row, _), was, will in both if was is not None and will is None]


def _addresses(session: Session, old: Sequence[str], new: NewMap, moves: Moves) -> None:
    rows = _addresses_in(session, old)
    for row, target in zip(rows, new.at([_point(row) for row in rows]), strict=True):
        moves.address.append(_move(row.code, row.text, row.grid_code, {"point": target}, new))


def _addresses_in(session: Session, old: Sequence[str]) -> Sequence[Any]:
    columns = (Address.code, Address.text, Address.grid_code, Address.lon, Address.lat, Address.datum)
    return session.execute(select(*columns).where(Address.grid_code.in_(old)).order_by(Address.code)).all()


def _entities(session: Session, old: Sequence[str], new: NewMap, moves: Moves, of_address: Mapping[str, str]) -> None:
    columns = (Entity.id, Entity.name, Entity.grid_code, Entity.address_code, Entity.lon, Entity.lat, Entity.datum)
    rows = session.execute(select(*columns).where(Entity.grid_code.in_(old)).order_by(Entity.id)).all()
    for row, target in zip(rows, new.at([_point(row) for row in rows]), strict=True):
        said = {"address": of_address.get(row.address_code), "point": target}
        moves.entity.append(_move(row.id, row.name, row.grid_code, said, new))


def _leads(session: Session, old: Sequence[str], new: NewMap, moves: Moves, of_entity: Mapping[str, str]) -> None:
    columns = (Lead.id, Lead.title, Lead.grid_code, Lead.entity_id, Lead.lon, Lead.lat)
    statement = select(*columns).where(Lead.grid_code.in_(old), leads.still_open()).order_by(Lead.id)
    rows = session.execute(statement).all()
    points = [None if row.lon is None or row.lat is None else (row.lon, row.lat) for row in rows]
    for row, target in zip(rows, new.at(points), strict=True):
        moves.lead.append(
            _move(row.id, row.title, row.grid_code, {"entity": of_entity.get(row.entity_id), "point": target}, new)
        )


def _move(subject: str, title: str, source: str, said: Mapping[str, str | None], new: NewMap) -> Move:
    """The first that says something decides."""
    for by, target in said.items():
        if target is not None:
            return Move(subject, title, source, target, by)
    return Move(subject, title, source, new.successors[source], "successor")


def _point(row: Any) -> tuple[float, float] | None:
    return None if row.lon is None or row.lat is None else to_wgs84(row.lon, row.lat, Datum(row.datum))


# --- moving ----------------------------------------------------------------------------------------------------------


def carry_out(session: Session, moves: Moves, *, at: datetime, because: Mapping[str, Any]) -> None:
    """Move everything, with its documents and events; the leads' and tasks' by what stands above them. Flushes.

    Addresses and entities first, then tasks, then leads: the order in which everybody locks.
    """
    paths = dict(session.execute(select(Grid.code, Grid.area_path).where(Grid.code.in_(_targets(moves)))).all())
    _move_rows(session, Address, Address.code, moves.address, paths, address_document)
    _move_rows(session, Entity, Entity.id, moves.entity, paths, entity_document)
    for target, ids in _by_target(moves.task).items():
        values = {"grid_code": target, "area_path": paths[target], "assigned_to": None}
        tasks.pass_on(session, ids, "move", values=values, at=at, actor_id=SYSTEM.id, because=because)
    if moves.lead:
        values = {one.id: {"grid_code": one.target} for one in moves.lead}
        leads.pass_on(session, values, moment(session, SYSTEM, at, current_calendar(session)), because)


def _move_rows(
    session: Session, model: Any, key: Any, moves: Sequence[Move], paths: Mapping[str, str], document: Any
) -> None:
    table, among = model.__table__, dialect_of(session).among
    column = table.c[key.key]
    ids = [one.id for one in moves]
    if not ids:
        return
    session.execute(select(column).where(among(column, ids)).order_by(column).with_for_update())
    for target, some in _by_target(moves).items():
        session.execute(
            update(table)
            .where(among(column, some))
            .values(rev=table.c.rev + 1, grid_code=target, area_path=paths[target])
        )
    wanted = [one for one in table.columns if one.key != "position"]
    rows = session.execute(select(*wanted).where(among(column, ids)).order_by(column)).mappings()
    feed.stage(session, [document(row) for row in rows])


def _by_target(moves: Sequence[Move]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = defaultdict(list)
    for one in moves:
        found[one.target].append(one.id)
    return dict(sorted(found.items()))


def _targets(moves: Moves) -> set[str]:
    return {one.target for some in moves.by_kind().values() for one in some}
