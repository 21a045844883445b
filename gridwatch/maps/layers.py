"""The layers of the map, as a table: a new layer is a new row.

A layer shows the rows of one list to those who see that list: by the same permit and the same reach. What goes out of a row
are the columns named here and no others; no row names a person (rulings I9 and R32).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from types import ModuleType
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, case, func, or_, text, true

from gridwatch.domain.lead_words import CATEGORIES, ENDED, LeadState
from gridwatch.domain.task_flow import OPEN, STATES
from gridwatch.domain.web_mercator import Box
from gridwatch.domain.worktime import CHINA
from gridwatch.entities.models import Entity
from gridwatch.entities.queries import ENTITY_REACH
from gridwatch.leads.models import Lead
from gridwatch.leads.queries import REACH as LEAD_REACH
from gridwatch.people.reach import Reach
from gridwatch.places.models import Grid
from gridwatch.places.queries import GRID_REACH
from gridwatch.tasks.models import Task
from gridwatch.tasks.queries import TASK_REACH

# What can be asked of the days of a row: the first and the last one, both included; None for no end on that side.
Days = Callable[[date | None, date | None], ColumnElement[bool]]
Near = Callable[[ModuleType, Box], ColumnElement[bool]]
Joined = Callable[[Select[Any]], Select[Any]]


@dataclass(frozen=True, slots=True)
class Way:
    """One way by which a row may have its place: the tables that it takes, and the rows whose place may lie in a box, by an index.

    More than those may pass. The ways of a layer never find the same row, and together they find all.
    """

    near: Near
    joined: Joined = lambda statement: statement


@dataclass(frozen=True, slots=True)
class Choice:
    """A column that can be asked for one of these words, or without a list for any; `opened` are those that `open` stands for."""

    column: Any
    words: tuple[str, ...] = ()
    opened: tuple[str, ...] = ()

    def condition(self, word: str) -> ColumnElement[bool]:
        """The rows with this word."""
        if word == "open" and self.opened:
            return self.column.in_(self.opened)  # type: ignore[no-any-return]
        return self.column == word  # type: ignore[no-any-return]

    @property
    def asked(self) -> tuple[str, ...]:
        """Every word that can be asked for; empty for any."""
        return ("open",) * bool(self.opened) + self.words


@dataclass(frozen=True, slots=True)
class Layer:
    """One layer.

    `operation` and `reach` say who sees which rows, `key` names a row, `title` calls it. Its place is an outline (polygons), or a
    point: `lon` and `lat` (degrees WGS-84, empty where nobody knows), for which `joined` brings in other tables; `ways` lead to
    the rows in a box. `shown` goes out as properties, what of it `tiles` names into vector tiles too. `counts` are the rows that
    heat counts, by `grid`. Where a row is of certain days only (`dated`), today's are shown when no day is asked for.
    """

    name: str
    zh: str
    en: str
    operation: str
    reach: Reach
    missing: str
    key: Any
    title: Any
    shown: Mapping[str, Any]
    tiles: tuple[str, ...]
    days: Days
    ways: tuple[Way, ...]
    outline: Any = None
    lon: Any = None
    lat: Any = None
    joined: Joined = lambda statement: statement
    state: Choice | None = None
    category: Choice | None = None
    grid: Any = None
    counts: ColumnElement[bool] | None = None
    dated: bool = False

    @property
    def is_points(self) -> bool:
        """Whether its rows are points, which can be clustered."""
        return self.outline is None


def _in_frame(table: str, column: str) -> Near:
    def near(dialect: ModuleType, box: Box) -> ColumnElement[bool]:
        condition = text(dialect.spatial_filter(table, column, dialect.geometry(":frame")))
        return condition.bindparams(frame=as_ewkt(box))  # type: ignore[return-value]

    return near


def as_ewkt(box: Box) -> str:
    """A box as a polygon in EWKT; one without width or height as the line or the point that it is."""
    west, south, east, north = box
    corners = dict.fromkeys(((west, south), (east, south), (east, north), (west, north)))
    texts = [f"{lon!r} {lat!r}" for lon, lat in corners]
    match len(texts):
        case 1:
            return f"SRID=4326;POINT({texts[0]})"
        case 2:
            return f"SRID=4326;LINESTRING({', '.join(texts)})"
        case _:
            return f"SRID=4326;POLYGON(({', '.join([*texts, texts[0]])}))"


_entities_near = _in_frame("entity", "position")


def _leads_near(dialect: ModuleType, box: Box) -> ColumnElement[bool]:
    west, south, east, north = box
    return and_(Lead.lon.between(west, east), Lead.lat.between(south, north))


def _unless(empty: Any, near: Near) -> Near:
    """The same of those alone where this column is empty: where it is not, another way leads to the row."""
    return lambda dialect, box: and_(empty.is_(None), near(dialect, box))


def _on(column: Any) -> Days:
    def between(first: date | None, last: date | None) -> ColumnElement[bool]:
        return and_(column >= first if first else true(), column <= last if last else true())

    return between


def _reported(first: date | None, last: date | None) -> ColumnElement[bool]:
    """By the local days of the report."""
    begin = Lead.reported_at >= _midnight(first) if first else true()
    return and_(begin, Lead.reported_at < _midnight(last) + timedelta(days=1) if last else true())


def _midnight(day: date) -> datetime:
    """When a local day begins; one that no instant can have is taken as the nearest that can."""
    day = min(max(day, date(1, 1, 2)), date(9999, 12, 30))
    return datetime.combine(day, time(), CHINA).astimezone(UTC)


def _valid(first: date | None, last: date | None) -> ColumnElement[bool]:
    """Valid on one of the days at least."""
    return and_(
        or_(Grid.valid_to.is_(None), Grid.valid_to >= first) if first else true(),
        or_(Grid.valid_from.is_(None), Grid.valid_from <= last) if last else true(),
    )


_TASK_ENTITY, _TASK_LEAD, _LEAD_ENTITY = (
    Entity.id == Task.entity_id,
    Lead.id == Task.lead_id,
    Entity.id == Lead.entity_id,
)
_ENTITY_LON, _ENTITY_LAT = func.ST_X(Entity.position), func.ST_Y(Entity.position)
_OPEN_LEADS = tuple(sorted(set(LeadState) - ENDED))
_LEAD_POINT = case((Lead.lon.is_not(None), "lead"), (Entity.position.is_not(None), "entity"))
_TASK_POINT = case((Entity.position.is_not(None), "entity"), (Lead.lon.is_not(None), "lead"))
_OF_ENTITY = case((Lead.lon.is_(None), Entity.accuracy_m))

GRIDS = Layer(
    "grids", "网格", "grids", "grid.read", GRID_REACH, "grid.not_found", Grid.code, Grid.name,
    shown={"name": Grid.name, "community_code": Grid.community_code, "valid_from": Grid.valid_from, "valid_to": Grid.valid_to},
    tiles=("name", "community_code"),
    days=_valid, dated=True, ways=(Way(_in_frame("grid", "shape")),), outline=Grid.shape,
)  # fmt: skip
TASKS = Layer(
    "tasks", "任务", "tasks", "task.read", TASK_REACH, "task.not_found", Task.id, Task.title,
    shown={"title": Task.title, "kind": Task.kind, "state": Task.state, "address": Task.address_text, "grid_code": Task.grid_code,
           "entity_id": Task.entity_id, "lead_id": Task.lead_id, "start_on": Task.start_on, "due_on": Task.due_on,
           "provisional": Task.provisional, "point_of": _TASK_POINT, "accuracy_m": Entity.accuracy_m},
    tiles=("title", "kind", "state", "due_on"),
    days=_on(Task.due_on),
    lon=func.coalesce(_ENTITY_LON, Lead.lon), lat=func.coalesce(_ENTITY_LAT, Lead.lat),
    joined=lambda tasks: tasks.outerjoin(Entity, _TASK_ENTITY).outerjoin(Lead, _TASK_LEAD),
    ways=(
        Way(_entities_near, lambda tasks: tasks.join(Entity, _TASK_ENTITY).outerjoin(Lead, _TASK_LEAD)),
        Way(_unless(Entity.position, _leads_near), lambda tasks: tasks.outerjoin(Entity, _TASK_ENTITY).join(Lead, _TASK_LEAD)),
    ),
    state=Choice(Task.state, tuple(STATES), tuple(sorted(OPEN))), category=Choice(Task.kind),
    grid=Task.grid_code, counts=Task.state.in_(sorted(OPEN)),
)  # fmt: skip
LEADS = Layer(
    "leads", "线索", "leads", "lead.read", LEAD_REACH, "lead.not_found", Lead.id, Lead.title,
    shown={"no": Lead.no, "title": Lead.title, "category": Lead.category, "state": Lead.state, "address": Lead.address_text,
           "grid_code": Lead.grid_code, "entity_id": Lead.entity_id, "reported_at": Lead.reported_at,
           "point_of": _LEAD_POINT, "accuracy_m": _OF_ENTITY},
    tiles=("no", "title", "category", "state"),
    days=_reported,
    lon=func.coalesce(Lead.lon, _ENTITY_LON), lat=func.coalesce(Lead.lat, _ENTITY_LAT),
    joined=lambda leads: leads.outerjoin(Entity, _LEAD_ENTITY),
    ways=(
        Way(_leads_near, lambda leads: leads.outerjoin(Entity, _LEAD_ENTITY)),
        Way(_unless(Lead.lon, _entities_near), lambda leads: leads.join(Entity, _LEAD_ENTITY)),
    ),
    state=Choice(Lead.state, tuple(LeadState), _OPEN_LEADS), category=Choice(Lead.category, tuple(CATEGORIES)),
    grid=Lead.grid_code, counts=Lead.state.in_(_OPEN_LEADS),
)  # fmt: skip
ENTITIES = Layer(
    "entities", "市场主体", "entities", "entity.read", ENTITY_REACH, "entity.not_found", Entity.id, Entity.name,
    shown={"name": Entity.name, "code": Entity.code, "status": Entity.status, "entity_type": Entity.entity_type,
           "permit_sectors": Entity.permit_sectors, "address": Entity.address_text, "grid_code": Entity.grid_code,
           "registered_on": Entity.registered_on, "accuracy_m": Entity.accuracy_m},
    tiles=("name", "status", "entity_type"),
    days=_on(Entity.registered_on), ways=(Way(_entities_near),), lon=_ENTITY_LON, lat=_ENTITY_LAT,
    state=Choice(Entity.status), category=Choice(Entity.entity_type),
    grid=Entity.grid_code, counts=Entity.status == "active",
)  # fmt: skip

LAYERS: dict[str, Layer] = {layer.name: layer for layer in (GRIDS, TASKS, LEADS, ENTITIES)}
HOT = (TASKS, LEADS)  # the layers that heat counts, against the entities
