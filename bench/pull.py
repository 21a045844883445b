"""Pulls (sync-protocol, section 3): what phones ask most, each way of asking beside a thin Flask route for the same bytes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from bench import asking, scopes, serving, thin
from bench.city import City
from bench.databases import Place, app_over, settle, writing
from bench.inside import NOTHING_NEW, in_process
from bench.machine import Others
from bench.scopes import Phone
from bench.serving import Server
from bench.table import Aim, Row
from bench.timing import Measured, alternate, measured
from gridwatch.db.base import db

CITIES = {  # large and small
    ("postgis", "full"): (City(50, 40), City(5, 4)), ("postgis", "small"): (City(5, 4), City(2, 2)),
    ("spatialite", "full"): (City(20, 10), City(5, 4)), ("spatialite", "small"): (City(5, 4), City(2, 2)),
}  # fmt: skip
PACKED = "ncoding: zstd"  # what the head of a packed answer holds, whichever way the server writes it
WHOLE = 2_000  # a limit that no scope of the bench reaches
_THE_SAME = "behind the same web server with the same processes and threads; no sign-in, no rights"
SMALL_IS = "the same call where the feed is smaller"


@dataclass(frozen=True, slots=True)
class Case:
    """One way to ask, and its yardstick.

    `behind`: how many changes of its grid the phone has not seen; None where it holds nothing yet. `accept`: the codings that it
    understands. `changes`: how many come. `path`: the thin route. `cpu_ms`: the aim for server CPU.
    """

    what: str
    clients: int
    behind: int | None
    accept: str
    mark: str
    changes: int
    path: str
    bare_is: str
    cpu_ms: float

    def body(self, phone: Phone) -> bytes:
        """What the phone says."""
        if self.behind is None:
            return asking.pull(phone, {}, limit=WHOLE)
        return asking.pull(phone, phone.behind(self.behind) if self.behind else phone.scopes)

    def requests(self, phones: list[Phone]) -> list[bytes]:
        """The request of each phone."""
        return [asking.over_http(phone, asking.PULL, self.body(phone), self.accept) for phone in phones]

    def bare_requests(self, phones: list[Phone], size: int) -> list[bytes]:
        """The same for the yardstick, which is told what a phone that holds nothing cannot say. `size`: bytes of our answer."""
        path = f"{self.path}/{size}" if self.path == thin.READY else self.path
        bodies = (asking.pull(one, {one.grid: None}) if self.behind is None else self.body(one) for one in phones)
        return [asking.over_http(one, path, body, self.accept) for one, body in zip(phones, bodies, strict=True)]


NOTHING = Case(
    "no change", 32, 0, asking.PACKED, NOTHING_NEW, 0, thin.COUNTER,
    "a Flask route that parses the same request and makes one select by primary key (own connection for each thread, autocommit), "
    + _THE_SAME, 0.6,
)  # fmt: skip
CASES = (
    NOTHING,
    Case("10 of 500 changed", 32, 10, asking.PACKED, PACKED, 10, thin.CHANGES,
         "a Flask route that parses the same request, makes one select of the changed documents and joins them as bytes, not packed, "
         + _THE_SAME, 0.9),
    Case("cold, 500, plain", 16, None, "", '"mode":"snapshot"', scopes.TASKS_A_GRID + 1, thin.DOCUMENTS,
         "a Flask route that makes one select of the 500 documents of the grid and joins them as bytes, " + _THE_SAME, 5.0),
    Case("cold, 500, kept snapshot packed", 16, None, "zstd", PACKED, scopes.TASKS_A_GRID + 1, thin.READY,
         "a Flask route that returns a ready body of the same size, no database, " + _THE_SAME, 0.9),
)  # fmt: skip


def run(place: Place) -> Iterator[Row]:
    """Calls a second, server CPU a call and p99 of each case; the quiet one also over a small feed, and within one process."""
    runs, spell = (1, 0.5) if place.small else (5, 4.0)
    cities = CITIES[place.kind, place.size]
    large, small = (f"{city.grids * scopes.TASKS_A_GRID:,} tasks in {city.grids:,} grids" for city in cities)
    with ExitStack() as stack:
        urls = [stack.enter_context(place.database()) for _ in cities]
        phones = [build(url, city) for url, city in zip(urls, cities, strict=True)]
        with Others(place.roots) as others:
            here, here_small, here_bare = in_process(urls, phones, runs, calls=100 if place.small else 2_000)

        def inside(size: str, bare: Measured, bare_is: str) -> Row:
            return Row("pull", "no change, in process", place.kind, size, here.median, "ms", bare.median, bare_is, None,
                       here.spread, others.share)  # fmt: skip

        yield inside(large, here_bare, NOTHING.bare_is)
        yield inside(f"{large} beside {small}", here_small, SMALL_IS)
        ours, ours_small = (stack.enter_context(serving.gridwatch(place, url)) for url in urls)
        bare = stack.enter_context(serving.thin(place, urls[0]))
        for case in CASES:
            yield from _beside_thin(place, case, large, ours, bare, phones[0], runs=runs, seconds=spell)
        yield _beside_small(place, f"{large} beside {small}", (ours, ours_small), phones, runs=runs, seconds=spell)


def build(url: str, city: City, *, phones: int = 1) -> list[Phone]:
    """Fill a fresh database; the phones of the city."""
    with app_over(url):
        with writing(db.engine) as connection:
            found = scopes.build(connection, city, phones=phones)
        settle(db.engine)
    return found


def size_of(server: Server, request: bytes, changes: int) -> int:
    """Bytes of the answer to a pull. Raises AssertionError where it does not bring just so many changes."""
    body, answer = serving.ask(server, request)
    came = sum(len(one["changes"]) for one in answer["scopes"])
    if came != changes or answer["more"]:
        raise AssertionError(f"{came} changes came instead of {changes}: {body[:500]!r}")
    return len(body)


def _beside_thin(
    place: Place, case: Case, size: str, ours: Server, bare: Server, phones: list[Phone], *, runs: int, seconds: float
) -> Iterator[Row]:
    asked = case.requests(phones)
    bytes_ = size_of(ours, asked[0], case.changes)
    bare_asked = case.bare_requests(phones, bytes_)
    bare_bytes = len(serving.ask(bare, bare_asked[0])[0])
    mine_is: dict[str, Any] = {"mark": case.mark, "least": bytes_ // 2, "clients": case.clients}
    other_is: dict[str, Any] = {"mark": thin.MARK, "least": bare_bytes // 2, "clients": case.clients}
    serving.call(ours, asked, **mine_is)  # each phone once: snapshots are kept from here on
    with Others(place.roots) as others:
        figures = alternate(
            [
                lambda: serving.call(ours, asked, seconds=seconds, **mine_is),
                lambda: serving.call(bare, bare_asked, seconds=seconds, **other_is),
            ],
            runs,
        )
    what = f"{case.what}, {case.clients} clients"
    aims = (Aim(0.6, least=True, of_ratio=True), Aim(case.cpu_ms), None) if place.kind == "postgis" else (None,) * 3
    kinds = (("", "rate", "calls/s"), (": server CPU", "cpu_ms", "ms"), (": p99", "p99_ms", "ms"))
    for (which, name, unit), aim in zip(kinds, aims, strict=True):
        mine, other = (measured(getattr(one, name) for one in some) for some in figures)
        yield Row("pull", what + which, place.kind, size, mine.median, unit, other.median, case.bare_is, aim, mine.spread,
                  others.share)  # fmt: skip


def _beside_small(
    place: Place, size: str, servers: tuple[Server, Server], phones: list[list[Phone]], *, runs: int, seconds: float
) -> Row:
    pace: dict[str, Any] = {"clients": NOTHING.clients, "seconds": seconds, "mark": NOTHING.mark}
    asked = list(map(NOTHING.requests, phones))
    with Others(place.roots) as others:
        works = [lambda n=n: serving.call(servers[n], asked[n], **pace).rate for n in range(2)]
        mine, other = map(measured, alternate(works, runs))
    aim = Aim(0.9, least=True, of_ratio=True) if place.kind == "postgis" else None
    return Row("pull", f"no change, {NOTHING.clients} clients", place.kind, size, mine.median, "calls/s", other.median,
               SMALL_IS, aim, mine.spread, others.share)  # fmt: skip
