"""Which grid a waiting task probably belongs to, from the standard addresses around it; for the person who decides (docs/routing.md)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from gridwatch.areas.models import Area
from gridwatch.db.engine import dialect_of
from gridwatch.domain.address_hints import KINDS, MOST, Hint, KnownAddresses, keys_of
from gridwatch.domain.address_text import Gazetteer, read_address
from gridwatch.domain.permits import Actor
from gridwatch.people.reach import within
from gridwatch.places.models import Address, Grid
from gridwatch.places.queries import GRID_REACH, valid_on
from gridwatch.tasks.models import Task

MOST_KNOWN = 5_000  # standard addresses that are looked at for one page of the queue


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A grid for a task: its code and names, the reason in both languages, and whether nothing speaks against it."""

    grid_code: str
    grid_name: str
    community_name: str
    zh: str
    en: str
    sure: bool


def suggestions(session: Session, tasks: Sequence[Task], actor: Actor, on: date) -> dict[str, list[Suggestion]]:
    """Task id → suggestions, the best first, [] where nothing known is like its address. Grids valid on `on` that the actor may
    send to. Two statements for a whole page."""
    streets = sorted({_street_path(task.area_path) for task in tasks})
    if not streets:
        return {}
    of_streets = or_(*(Area.path.startswith(path, autoescape=True) for path in streets))
    areas = session.execute(select(Area.code, Area.name, Area.level).where(of_streets)).all()
    gazetteer = Gazetteer.of(
        [(code, name) for code, name, level in areas if level == "street"],
        [(code, name) for code, name, level in areas if level == "community"],
    )
    known = KnownAddresses(_known(session, streets, tasks, gazetteer), gazetteer)
    rows = session.execute(
        within(
            select(
                Grid.code, Grid.name.label("grid"), Area.name.label("community"), Grid.community_code
            ).join(Area, Area.code == Grid.community_code).where(valid_on(on)),
            actor, "task.route", GRID_REACH,
        )
    )  # fmt: skip
    grids = {row.code: row for row in rows.mappings()}
    return {task.id: _of_task(task, known, gazetteer, grids) for task in tasks}


def _of_task(task: Task, known: KnownAddresses, gazetteer: Gazetteer, grids: Mapping[str, Any]) -> list[Suggestion]:
    """What the address says of itself comes first: where it names its community, only grids there, and all of them if few."""
    parts = read_address(task.address_text, gazetteer)
    hints = [hint for hint in known.hints(task.address_text) if hint.place in grids]
    if not parts.says_community:
        return [_told(hint, grids[hint.place]) for hint in hints]
    there = {code: grid for code, grid in grids.items() if grid["community_code"] == parts.community_code}
    found = {hint.place: _told(hint, grids[hint.place]) for hint in hints if hint.place in there}
    if len(there) <= MOST:
        zh, en = f"地址写明{parts.community}", f"the address says {parts.community}"
        for code, grid in sorted(there.items()):
            found.setdefault(code, Suggestion(code, grid["grid"], grid["community"], zh, en, sure=len(there) == 1))
    return list(found.values())


def _known(
    session: Session, streets: Sequence[str], tasks: Sequence[Task], gazetteer: Gazetteer
) -> list[tuple[str, str]]:
    """(text, grid) of the standard addresses with a grid that share a road or a building with one of the tasks."""
    read = [read_address(task.address_text, gazetteer) for task in tasks]
    keys = {key for parts in read for key in keys_of(parts)}
    among = dialect_of(session).among
    roads, buildings = ({words for kind, words in keys if kind == wanted} for wanted in ("road", "building"))
    rows = session.execute(
        select(Address.road, Address.house_no, Address.building, Address.grid_code)
        .where(
            Address.grid_code.is_not(None),
            or_(*(Address.area_path.startswith(path, autoescape=True) for path in streets)),
            or_(among(Address.road, roads), among(Address.building, buildings)),
        )
        .order_by(Address.code)
        .limit(MOST_KNOWN)
    )
    return [
        (f"{road}{number}{'号' * number[-1:].isdigit()}{building}", str(grid)) for road, number, building, grid in rows
    ]


def _street_path(path: str) -> str:
    """The path of the street that a path lies in: its communities are one deeper. A city without counties is legal."""
    codes = path.rstrip("/").split("/")
    return "/".join(code for code in codes if len(code) <= 9) + "/"


def _told(hint: Hint, grid: Mapping[str, Any]) -> Suggestion:
    zh, en = KINDS[hint.kind]
    return Suggestion(
        hint.place, grid["grid"], grid["community"], f"{zh}「{hint.words}」的 {hint.known} 个地址中有 {hint.there} 个在这里",
        f"{hint.there} of {hint.known} addresses with {en} ({hint.words}) lie here", hint.sure,
    )  # fmt: skip
