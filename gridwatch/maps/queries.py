"""Reading the layers: within reach, in a box, page by page; as clusters, as tiles, and as heat."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from math import pi
from typing import Any

from sqlalchemy import ColumnElement, Date, Select, String, Subquery, and_, case, cast, func, select, text, union_all
from sqlalchemy.orm import Session

from gridwatch.db.engine import dialect_of
from gridwatch.domain.errors import Refusal
from gridwatch.domain.permits import Actor
from gridwatch.domain.web_mercator import BUFFER, RIM, Box, Tile
from gridwatch.maps.layers import ENTITIES, GRIDS, Layer, as_ewkt
from gridwatch.people.reach import within
from gridwatch.web.paging import decode, encode

MOST = 1_000  # features on a page
CELLS = 8  # cells of clusters to a side of a tile
CLUSTERED_BELOW = 14  # zoom from which tiles show every point; below it their clusters
MOST_CLUSTERS = 5_000
PER = 1_000  # heat is counted for so many entities

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Asked:
    """What of a layer is asked for: a box in degrees WGS-84, a state, a category, days (both included)."""

    box: Box | None = None
    state: str | None = None
    category: str | None = None
    first: date | None = None
    last: date | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """Rows with `id`, a place (`lon` and `lat`, or `outline` as WKB) and the columns that a layer shows; the next cursor."""

    rows: list[Row]
    next_cursor: str | None


def page(
    session: Session, layer: Layer, actor: Actor, asked: Asked, *, today: date, cursor: str | None, limit: int
) -> Page:
    """One page of a layer in the order of ids; rows that are added meanwhile push nothing out of it. Raises 422 `input.cursor`."""
    return _page(session, asked_rows(session, layer, actor, asked, today), cursor, limit)


def one(session: Session, layer: Layer, actor: Actor, key: str, *, today: date) -> Row:
    """One row of a layer, as on a page. Raises the layer's 404 where there is none within reach."""
    row = session.execute(asked_rows(session, layer, actor, Asked(), today).where(layer.key == key)).first()
    if row is None:
        raise Refusal(layer.missing)
    return dict(row._mapping)


def clusters(session: Session, layer: Layer, actor: Actor, asked: Asked, *, today: date, zoom: int) -> list[Row]:
    """The points of a layer gathered by the cells of a zoom: `lon`, `lat` (their middle), `count`, and `id` where it is one.

    Raises 422 `map.too_many_clusters` for more than MOST_CLUSTERS.
    """
    statement = _clustered(_points(session, layer, actor, asked, today), zoom)
    rows = session.execute(statement.limit(MOST_CLUSTERS + 1)).all()
    if len(rows) > MOST_CLUSTERS:
        raise Refusal("map.too_many_clusters", most=MOST_CLUSTERS)
    return [dict(row._mapping) for row in rows]


def tile(session: Session, layer: Layer, actor: Actor, asked: Asked, place: Tile, *, today: date) -> bytes:
    """A tile of a layer as a Mapbox vector tile, empty where nothing lies in it. No limit: it would leave holes in the map.

    Below CLUSTERED_BELOW points are clusters, each in the one tile in which its cell lies.
    """
    if layer.is_points and place.zoom < CLUSTERED_BELOW:
        # The box may take in a neighbour's point on the edge, the cells do not.
        points = _points(session, layer, actor, replace(asked, box=place.box(1)), today)
        rows = _clustered(points, place.zoom, place)
    else:
        columns = {"lon": layer.lon, "lat": layer.lat} if layer.is_points else {"outline": layer.outline}
        columns |= {name: _as_text(layer.shown[name]) for name in layer.tiles}
        rows = _narrowed(session, layer, actor, replace(asked, box=place.box(BUFFER)), today, columns)
    return dialect_of(session).vector_tile(session, rows.subquery("found"), layer.name, place)  # type: ignore[no-any-return]


def heat(
    session: Session, layer: Layer, actor: Actor, asked: Asked, *, today: date, cursor: str | None, limit: int
) -> Page:
    """A page of the grids within reach with what `layer` counts there: `count`, `entities` and `per_1000`.

    All three are of what the actor reaches, so nobody learns a number of rows that he may not see. `per_1000` is the count for
    1,000 active entities, None in a grid without any: a big number of shops is not a hot spot.
    """
    counted, entities = _by_grid(layer, actor), _by_grid(ENTITIES, actor)
    numbers = {"count": counted.c.number, "entities": entities.c.number}
    statement = (
        asked_rows(session, GRIDS, actor, asked, today)
        .outerjoin(counted, counted.c.grid_code == GRIDS.key)
        .outerjoin(entities, entities.c.grid_code == GRIDS.key)
        .add_columns(*(func.coalesce(number, 0).label(name) for name, number in numbers.items()))
    )
    found = _page(session, statement, cursor, limit)
    for row in found.rows:
        row["per_1000"] = round(row["count"] * PER / row["entities"], 1) if row["entities"] else None
    return found


def _page(session: Session, statement: Select[Any], cursor: str | None, limit: int) -> Page:
    """A page in the order of `id`."""
    limit, key = max(1, min(limit, MOST)), statement.selected_columns.id
    if cursor:
        statement = statement.where(key > decode(cursor, 1)[0])
    rows = [dict(row._mapping) for row in session.execute(statement.order_by(key).limit(limit + 1))]
    return Page(rows[:limit], encode([rows[limit - 1]["id"]]) if len(rows) > limit else None)


def asked_rows(session: Session, layer: Layer, actor: Actor, asked: Asked, today: date) -> Select[Any]:
    """The statement for what GeoJSON tells of the rows that are asked for: place, what is shown, and what each is called."""
    place = {"lon": layer.lon, "lat": layer.lat} if layer.is_points else {"outline": func.ST_AsBinary(layer.outline)}
    return _narrowed(session, layer, actor, asked, today, place | {"called": layer.title} | dict(layer.shown))


def _points(session: Session, layer: Layer, actor: Actor, asked: Asked, today: date) -> Select[Any]:
    return _narrowed(session, layer, actor, asked, today, {"lon": layer.lon, "lat": layer.lat})


def _narrowed(
    session: Session, layer: Layer, actor: Actor, asked: Asked, today: date, columns: Mapping[str, Any]
) -> Select[Any]:
    """These columns and `id` of the rows within reach that are asked for."""
    chosen = [column.label(name) for name, column in {"id": layer.key, **columns}.items()]
    statement = within(select(*chosen).select_from(layer.key.class_), actor, layer.operation, layer.reach)
    for choice, word in ((layer.state, asked.state), (layer.category, asked.category)):
        if choice is not None and word is not None:
            statement = statement.where(choice.condition(word))
    days = (asked.first, asked.last)
    if layer.dated and days == (None, None):
        days = (today, today)
    if days != (None, None):
        statement = statement.where(layer.days(*days))
    if asked.box is None:
        return layer.joined(statement)
    statement, dialect = statement.where(_inside(session, layer, asked.box)), dialect_of(session)
    found = [way.joined(statement).where(way.near(dialect, asked.box)) for way in layer.ways]
    return found[0] if len(found) == 1 else select(union_all(*found).subquery())


def _inside(session: Session, layer: Layer, box: Box) -> ColumnElement[bool]:
    """Exactly in the box, its edges included: a point that lies in it, an outline that touches it."""
    west, south, east, north = box
    if layer.is_points:
        return and_(layer.lon.between(west, east), layer.lat.between(south, north))
    outline = f"{layer.outline.class_.__tablename__}.{layer.outline.key}"
    meets = text(f"ST_Intersects({outline}, {dialect_of(session).geometry(':frame')})")
    return meets.bindparams(frame=as_ewkt(box))  # type: ignore[return-value]


def _clustered(points: Select[Any], zoom: int, place: Tile | None = None) -> Select[Any]:
    """Points gathered by the cells of a zoom, or of one tile of it."""
    point, side = points.subquery("point"), float(CELLS << zoom)
    # Web Mercator, as domain/web_mercator.world: both databases have these functions, and neither has all the others.
    down = 0.5 - func.ln(func.tan(pi / 4 + point.c.lat * (pi / 360))) / (2 * pi)
    x = func.floor((point.c.lon + 180.0) / 360.0 * side)
    y = case((point.c.lat.between(-RIM, RIM), func.floor(down * side)))
    cell = select(point, x.label("x"), y.label("y")).subquery("cell")
    number = func.count()
    statement = select(
        func.avg(cell.c.lon).label("lon"), func.avg(cell.c.lat).label("lat"), number.label("count"),
        case((number == 1, func.min(cell.c.id))).label("id"),
    )  # fmt: skip
    if place is not None:
        for axis, first in ((cell.c.x, place.column * CELLS), (cell.c.y, place.row * CELLS)):
            statement = statement.where(axis >= float(first), axis < float(first + CELLS))
    return statement.where(cell.c.x.is_not(None), cell.c.y.is_not(None)).group_by(cell.c.x, cell.c.y)


def _by_grid(layer: Layer, actor: Actor) -> Subquery:
    """grid_code, number: the rows that heat counts of a layer, within reach, by their grid."""
    counted = select(layer.grid.label("grid_code"), func.count().label("number")).where(layer.counts)
    return within(counted, actor, layer.operation, layer.reach).group_by(layer.grid).subquery()


def _as_text(column: Any) -> Any:
    """A column as tiles can hold it: a day as text."""
    return cast(column, String) if isinstance(column.type, Date) else column
