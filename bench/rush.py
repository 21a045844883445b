"""The morning rush: phones come evenly spread, whether the server keeps up or not, and each fetches what changed overnight.

10,000 phones in 30 minutes are 5.6 a second. The bench runs them at thirty times that speed, in 60 seconds.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

from bench import asking, pull, serving, thin
from bench.city import City
from bench.databases import Place
from bench.machine import Others, memory_of
from bench.serving import Calls, Server
from bench.table import Aim, Row
from bench.timing import alternate, measured

SIZES = {  # the city, and the seconds over which its phones come
    ("postgis", "full"): (City(50, 40), 60.0), ("postgis", "small"): (City(5, 4), 1.0),
    ("spatialite", "full"): (City(20, 10), 60.0), ("spatialite", "small"): (City(5, 4), 2.0),
}  # fmt: skip
PHONES_A_GRID, CHANGES, CLIENTS = 5, 50, 64
BARE_IS = (
    "a Flask route that makes one select of the changed documents and joins them as bytes, behind the same web server, at the same "
    "moments; no sign-in, no rights, nothing packed"
)
BEFORE_IS = "the same before it, after one such rush to warm up"


def run(place: Place) -> Iterator[Row]:
    """p99 from the moment at which a phone comes to its whole answer; memory of the largest web process before and after."""
    (city, over), runs = SIZES[place.kind, place.size], 1 if place.small else 3
    with ExitStack() as stack:
        url = stack.enter_context(place.database())
        phones = pull.build(url, city, phones=PHONES_A_GRID)
        ours, bare = (stack.enter_context(start(place, url)) for start in (serving.gridwatch, serving.thin))
        bodies = [asking.pull(phone, phone.behind(CHANGES)) for phone in phones]
        asked, bare_asked = (
            [asking.over_http(phone, path, body) for phone, body in zip(phones, bodies, strict=True)]
            for path in (asking.PULL, thin.CHANGES)
        )
        least = pull.size_of(ours, asked[0], CHANGES) // 2
        memory: list[float] = []

        def rush() -> Calls:
            calls = _come(ours, asked, pull.PACKED, least, over)
            memory.append(memory_of(ours.web))
            return calls

        with Others(place.roots) as others:
            mine, other = alternate([rush, lambda: _come(bare, bare_asked, thin.MARK, least, over)], runs)
    on_postgis = place.kind == "postgis"
    what = f"{len(phones):,} phones in {over:.0f} s, {CHANGES} changes each"
    size = f"{city.grids:,} grids"
    for which, name, aim in (("p99", "p99_ms", Aim(2_000)), ("median", "p50_ms", None), ("server CPU", "cpu_ms", None)):
        found, bare_found = (measured(getattr(calls, name) for calls in some) for some in (mine, other))
        yield Row("rush", f"{what}: {which}", place.kind, size, found.median, "ms", bare_found.median, BARE_IS,
                  aim if on_postgis else None, found.spread, others.share)  # fmt: skip
    before, *after = memory
    for aim in (Aim(250), Aim(1.1, of_ratio=True)):
        yield Row("rush", "memory of a web process after it", place.kind, size, after[-1], "MB", before, BEFORE_IS,
                  aim if on_postgis else None, (min(after), max(after)), others.share)  # fmt: skip


def _come(server: Server, asked: list[bytes], mark: str, least: int, over: float) -> Calls:
    return serving.call(server, asked, clients=CLIENTS, mark=mark, least=least, over=over)
