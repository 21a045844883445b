"""All phones of a city wake at once and hold nothing yet: the first sync of everybody."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import text

from bench import asking, pull, scopes, serving, thin
from bench.city import City
from bench.databases import Place, app_over, writing
from bench.machine import Others
from bench.scopes import Phone
from bench.table import Aim, Row
from bench.timing import alternate, measured
from gridwatch.db.base import db
from gridwatch.sync import snapshots
from gridwatch.sync.pull import NEWEST_SCHEMA

CITIES = {
    ("postgis", "full"): City(50, 40), ("postgis", "small"): City(5, 4),
    ("spatialite", "full"): City(20, 10), ("spatialite", "small"): City(5, 4),
}  # fmt: skip
PHONES_A_GRID, CLIENTS = 5, 64


@dataclass(frozen=True, slots=True)
class Morning:
    """One way in which they wake. `built`: the snapshots were built at night, by the job that does so; `most`: the aim in seconds."""

    what: str
    accept: str
    mark: str
    built: bool
    most: float | None
    bare_is: str


READY = "a Flask route that returns a ready body of the same size, asked as often; no database, nothing to build"
MORNINGS = (
    Morning("packed", asking.PACKED, pull.PACKED, True, 7.0, READY),
    Morning("packed, nothing built at night", asking.PACKED, pull.PACKED, False, None, READY),
    Morning("plain", "", '"mode":"snapshot"', True, 32.0,
            "a Flask route that makes one select of the 500 documents of the grid and joins them as bytes, asked as often"),
)  # fmt: skip


def run(place: Place) -> Iterator[Row]:
    """Seconds until every phone has its documents, packed and plain."""
    city, runs = CITIES[place.kind, place.size], 1 if place.small else 3
    with ExitStack() as stack:
        url = stack.enter_context(place.database())
        phones = pull.build(url, city, phones=PHONES_A_GRID)
        ours, bare = (stack.enter_context(start(place, url)) for start in (serving.gridwatch, serving.thin))
        for morning in MORNINGS:
            asked = [asking.over_http(phone, asking.PULL, _first(phone), morning.accept) for phone in phones]
            bytes_ = pull.size_of(ours, asked[0], scopes.TASKS_A_GRID + 1)
            path = f"{thin.READY}/{bytes_}" if morning.accept else thin.DOCUMENTS
            bare_asked = [asking.over_http(one, path, asking.pull(one, {one.grid: None})) for one in phones]
            works: list[Callable[[], float]] = [
                lambda morning=morning, asked=asked, least=bytes_ // 2: _woken(ours, url, morning, asked, least),
                lambda asked=bare_asked, least=bytes_ // 2: _seconds(bare, asked, thin.MARK, least),
            ]
            with Others(place.roots) as others:
                mine, other = map(measured, alternate(works, runs))
            aim = Aim(morning.most) if morning.most and place.kind == "postgis" else None
            yield Row(
                "wake", f"{len(phones):,} phones, first sync of {scopes.TASKS_A_GRID} documents each, {morning.what}", place.kind,
                f"{city.grids:,} grids, {bytes_ // 1_000} KB an answer", mine.median, "s", other.median, morning.bare_is,
                aim, mine.spread, others.share,
            )  # fmt: skip


def _first(phone: Phone) -> bytes:
    return asking.pull(phone, {}, limit=pull.WHOLE)


def _woken(server: serving.Server, url: str, morning: Morning, asked: list[bytes], least: int) -> float:
    """Seconds of the first sync, with no snapshot kept but those that the night has built."""
    with app_over(url):
        with writing(db.engine) as connection:
            connection.execute(text("DELETE FROM feed_snapshot"))
        if morning.built:
            snapshots.prepare(db.session(), NEWEST_SCHEMA, datetime.now(UTC))
    return _seconds(server, asked, morning.mark, least)


def _seconds(server: serving.Server, asked: list[bytes], mark: str, least: int) -> float:
    return serving.call(server, asked, clients=CLIENTS, mark=mark, least=least).seconds
