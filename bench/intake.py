"""A day's intake: 5,000 events of the register from a file to tasks on phones' feeds, in parts of a grid each."""

from __future__ import annotations

import random
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import orjson
from flask import Flask
from sqlalchemy import func, select

from bench.city import CELL, City, build_areas, build_grids, build_people
from bench.databases import Place, settle, writing
from bench.machine import Others
from bench.table import Aim, Row
from bench.timing import measured, seconds
from gridwatch.db.base import db
from gridwatch.db.feed import FeedRow
from gridwatch.exchange.dropping import take_in_folder

NOW = datetime(2026, 9, 18, 1, tzinfo=UTC)
SHARES = {"new": 0.4, "address": 0.2, "scope": 0.2, "deregistered": 0.2}  # of a day's events


def run(place: Place) -> Iterator[Row]:
    """New entities and changes of earlier ones, spread over a street of 100 grids."""
    number, runs = (500, 1) if place.small else (5_000, 3)
    with Others(place.roots) as others:
        figures = []
        for _ in range(runs):
            with place.app() as app, tempfile.TemporaryDirectory(dir=place.directory) as folder:
                figures.append(_day(app, Path(folder), number))
    figure = measured(figures)
    yield Row("intake", "a day of events, file to feeds", place.kind, f"{number:,} events, 100 grids", figure.median, "s",
              aim=Aim(60.0), spread=figure.spread, others=others.share)  # fmt: skip


def _day(app: Flask, folder: Path, number: int) -> float:
    city, chance = City(10, 10), random.Random(5)
    with writing(db.engine) as connection:
        build_areas(connection, city)
        build_grids(connection, city)
        build_people(connection, city)
    changed = number - int(number * SHARES["new"])
    _write(folder / "before.jsonl", [_new(city, f"B{n}", chance) for n in range(changed)])
    take_in_folder(folder, NOW)
    settle(db.engine)
    kinds = [kind for kind, share in SHARES.items() for _ in range(int(number * share)) if kind != "new"]
    events = [_change(city, f"B{n}", kind, chance) for n, kind in enumerate(kinds)]
    events += [_new(city, f"N{n}", chance) for n in range(number - len(events))]
    chance.shuffle(events)
    _write(folder / "today.jsonl", events)
    did: dict[str, int] = {}
    taken = seconds(lambda: did.update(take_in_folder(folder, NOW)))
    if sum(did.get(outcome, 0) for outcome in ("created", "changed", "unchanged")) != number:
        raise AssertionError(f"not every event was taken in: {did}")
    if not db.session.scalar(select(func.count()).select_from(FeedRow).where(FeedRow.kind == "task")):
        raise AssertionError("no task reached a feed")
    return taken


def _new(city: City, code: str, chance: random.Random) -> dict[str, object]:
    return {
        "event_id": f"new-{code}", "kind": "new", "code": code, "occurred_on": "2026-09-17", "name": f"{code}号店",
        "scope": "日用品零售", "street_code": city.streets[0], "address_text": f"第{code}号", **_point(city, chance),
    }  # fmt: skip


def _change(city: City, code: str, kind: str, chance: random.Random) -> dict[str, object]:
    event = {"event_id": f"{kind}-{code}", "kind": kind, "code": code, "occurred_on": "2026-09-18"}
    if kind == "address":
        return event | {"address_text": f"新{code}号"} | _point(city, chance)
    return event | {"scope": "餐饮服务"} if kind == "scope" else event


def _point(city: City, chance: random.Random) -> dict[str, object]:
    west, south, east, north = city.bounds
    inside = (west + CELL, east - CELL), (south + CELL, north - CELL)
    return {"lon": chance.uniform(*inside[0]), "lat": chance.uniform(*inside[1]), "datum": "WGS84"}


def _write(path: Path, events: list[dict[str, object]]) -> None:
    path.write_bytes(b"\n".join(map(orjson.dumps, events)))
