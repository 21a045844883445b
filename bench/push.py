"""Push (sync-protocol, section 4): batches of twenty reported leads, new ones and the same again, beside bare inserts."""

from __future__ import annotations

import random
import sqlite3
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from datetime import UTC, datetime
from itertools import count, cycle, islice
from typing import Any

import orjson
import psycopg
from shapely.geometry import Point
from sqlalchemy import func, select, text

from bench import asking, scopes, serving
from bench.city import City, build_grids
from bench.databases import Place, app_over, settle, writing
from bench.machine import Others
from bench.scopes import Phone
from bench.serving import Calls
from bench.table import Aim, Row
from bench.timing import alternate, measured
from gridwatch.db.base import db, new_id
from gridwatch.leads.models import Lead
from gridwatch.sync.models import Item
from gridwatch.web.clock import rfc3339

ITEMS, CLIENTS = 20, 16
SIZES = {  # the city, and the batches of one run
    ("postgis", "full"): (City(64, 50), 480), ("postgis", "small"): (City(20, 10), 32),
    ("spatialite", "full"): (City(20, 10), 160), ("spatialite", "small"): (City(5, 4), 16),
}  # fmt: skip
MARK = '"results":['
BARE_IS = (
    f"twenty rows of the same JSON text into a table with a primary key and one commit, {CLIENTS} connections in threads: no rules, "
    "no grids to find, no leads, duties, events and documents"
)
AGAIN_IS = "the same batches when they were new"
_NEAR = 0.0004  # degrees from the middle of a grid: within it
_TABLE = "CREATE TABLE bench_item (id VARCHAR(36) PRIMARY KEY, device_id VARCHAR(64), device_no INTEGER, raw TEXT)"

Batch = list[dict[str, Any]]


def run(place: Place) -> Iterator[Row]:
    """Batches a second and server CPU a batch, new and again. Every lead must be there once, or the bench fails."""
    (city, number), runs = SIZES[place.kind, place.size], 1 if place.small else 5
    with ExitStack() as stack:
        url = stack.enter_context(place.database())
        reporting = Reporting(_build(url, city), city)
        server = stack.enter_context(serving.gridwatch(place, url))
        sent = 0

        def push() -> tuple[Calls, Calls]:
            nonlocal sent
            requests = [reporting.request(phone, batch) for phone, batch in reporting.batches(number)]
            new, again = (serving.call(server, requests, clients=CLIENTS, mark=MARK) for _ in range(2))
            sent += number * ITEMS
            _check(url, sent)
            return new, again

        def bare() -> float:
            return _bare_rate(url, [batch for _, batch in reporting.batches(number)])

        with Others(place.roots) as others:
            pushed, bare_rates = alternate([push, bare], runs)
    (new, again), other = zip(*pushed, strict=True), measured(bare_rates)
    rates, cpus = (
        [measured(getattr(one, name) for one in some) for some in (new, again)] for name in ("rate", "cpu_ms")
    )
    waits = measured(one.p99_ms for one in new)
    share, cpu, twice = (Aim(0.1, least=True, of_ratio=True), Aim(8.0), Aim(2.0, least=True, of_ratio=True))
    what = f"{ITEMS} lead reports, {CLIENTS} clients"
    for which, found, unit, beside, bare_is, aim in (
        ("new", rates[0], "batches/s", other.median, BARE_IS, share),
        ("new: server CPU", cpus[0], "ms", None, "", cpu),
        ("new: p99", waits, "ms", None, "", None),
        ("the same again", rates[1], "batches/s", rates[0].median, AGAIN_IS, twice),
        ("the same again: server CPU", cpus[1], "ms", cpus[0].median, AGAIN_IS, None),
    ):
        yield Row("push", f"{what}, {which}", place.kind, f"{number} batches into {city.grids} grids", found.median, unit, beside,
                  bare_is, aim if place.kind == "postgis" else None, found.spread, others.share)  # fmt: skip


def _build(url: str, city: City) -> list[Phone]:
    with app_over(url):
        with writing(db.engine) as connection:
            phones = scopes.build(connection, city, tasks=20)
            build_grids(connection, city)
            connection.execute(text(_TABLE))
        settle(db.engine)
    return phones


class Reporting:
    """What the phones of a city report, all over it: leads in the grids of their workers, each with a photo that will follow."""

    def __init__(self, phones: Sequence[Phone], city: City) -> None:
        self._chance, self._number = random.Random(2), count(1)
        places = list(zip(phones, (shape.centroid for shape in city.shapes()), strict=True))
        self._chance.shuffle(places)
        self._next = cycle(places)

    def batches(self, number: int) -> list[tuple[Phone, Batch]]:
        """So many new batches, phone by phone in turn."""
        return [(phone, self._batch(phone, at)) for phone, at in islice(self._next, number)]

    def request(self, phone: Phone, batch: Batch) -> bytes:
        """The push of a batch."""
        body = orjson.dumps({"device_id": phone.device_id, "items": batch})
        return asking.over_http(phone, asking.PUSH, body, accept="")

    def _batch(self, phone: Phone, at: Point) -> Batch:
        near = self._chance.uniform
        return [
            {"id": new_id(), "device_no": next(self._number), "kind": "lead.report", "item_version": "1", "scope": phone.grid,
             "scope_token": phone.scopes[phone.grid], "task_id": None, "base_rev": None, "captured_at": rfc3339(datetime.now(UTC)),
             "clock": {"offset_ms": 12, "offset_age_s": 30, "rtt_ms": 80},
             "place": {"lon": at.x + near(-_NEAR, _NEAR), "lat": at.y + near(-_NEAR, _NEAR), "accuracy_m": 12, "crs": "WGS84",
                       "source": "gps"},
             "depends_on": [],
             "payload": {"category": "XS01", "title": "无照经营", "description": "门口堆放杂物，未见营业执照",
                         "address": "某街道某路 1 号"},
             "files": [{"sha256": f"{self._chance.getrandbits(256):064x}", "size": 200_000, "mime": "image/jpeg", "role": "scene",
                        "required": True}]}
            for _ in range(ITEMS)
        ]  # fmt: skip


def _check(url: str, sent: int) -> None:
    with app_over(url), db.engine.connect() as connection:
        counts = [connection.scalar(select(func.count()).select_from(model)) for model in (Item, Lead)]
    if counts != [sent, sent]:
        raise AssertionError(f"{sent} leads were reported, [items, leads] are {counts}")


def _bare_rate(url: str, batches: list[Batch]) -> float:
    """Batches a second of the yardstick."""
    rows = [
        [(item["id"], item["scope"], item["device_no"], orjson.dumps(item).decode()) for item in batch]
        for batch in batches
    ]
    with ExitStack() as stack:
        connections = [stack.enter_context(closing(_connect(url))) for _ in range(CLIENTS)]
        with ThreadPoolExecutor(CLIENTS) as threads:
            started = time.perf_counter()
            list(threads.map(_insert, connections, [rows[n::CLIENTS] for n in range(CLIENTS)]))
            return len(rows) / (time.perf_counter() - started)


def _connect(url: str) -> Any:
    if url.startswith("sqlite:///"):
        return sqlite3.connect(
            url.removeprefix("sqlite:///"), timeout=60, isolation_level="IMMEDIATE", check_same_thread=False
        )
    return psycopg.connect(url.replace("+psycopg", ""))


def _insert(connection: Any, batches: list[list[tuple[Any, ...]]]) -> None:
    mark = "?" if isinstance(connection, sqlite3.Connection) else "%s"
    for batch in batches:
        cursor = connection.cursor()
        cursor.executemany(f"INSERT INTO bench_item VALUES ({mark}, {mark}, {mark}, {mark})", batch)
        connection.commit()
