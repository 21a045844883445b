"""Which web server: the same pulls behind granian, which `gridwatch serve` starts on PostgreSQL, and behind gunicorn."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

from bench import pull, serving
from bench.city import City
from bench.databases import Place
from bench.machine import Others
from bench.table import Row
from bench.timing import alternate, measured

CITY = City(10, 10)
CASES = (pull.NOTHING, pull.CASES[-1])  # the smallest answer, and a large one that is ready
GUNICORN = "gunicorn with threaded workers, as many processes and threads, the same application and database"


def run(place: Place) -> Iterator[Row]:
    """Calls a second and server CPU a call; nothing on SpatiaLite, where one process of waitress answers."""
    if place.kind != "postgis":
        return
    runs, spell = (1, 0.5) if place.small else (5, 4.0)
    with ExitStack() as stack:
        url = stack.enter_context(place.database())
        phones = pull.build(url, City(2, 2) if place.small else CITY)
        ours = stack.enter_context(serving.gridwatch(place, url))
        other = stack.enter_context(serving.gridwatch_by_gunicorn(place, url))
        for case in CASES:
            asked = case.requests(phones)

            def spells(server: serving.Server, case: pull.Case = case, asked: list[bytes] = asked) -> serving.Calls:
                return serving.call(server, asked, clients=case.clients, mark=case.mark, seconds=spell)

            with Others(place.roots) as others:
                mine, theirs = alternate([lambda: spells(ours), lambda: spells(other)], runs)
            for what, unit, figure in (
                ("calls", "calls/s", lambda calls: calls.rate),
                ("server CPU a call", "ms", lambda calls: calls.cpu_ms),
                ("p99", "ms", lambda calls: calls.p99_ms),
            ):
                here, there = (measured(map(figure, found)) for found in (mine, theirs))
                yield Row(
                    "servers", f"{case.what}, {case.clients} clients: {what}", place.kind, f"{len(phones)} phones",
                    here.median, unit, there.median, GUNICORN, None, here.spread, others.share,
                )  # fmt: skip
