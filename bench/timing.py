"""Repeated measurement: warm up, alternate ours and the yardstick so that drift of the machine meets both, take medians."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from statistics import median
from typing import NamedTuple, TypeVar

Figure = TypeVar("Figure")


class Measured(NamedTuple):
    """The median of several runs, and the lowest and highest."""

    median: float
    spread: tuple[float, float]


def measured(figures: Iterable[float]) -> Measured:
    """The summary of several runs."""
    found = list(figures)
    return Measured(median(found), (min(found), max(found)))


def alternate(works: Sequence[Callable[[], Figure]], runs: int) -> list[list[Figure]]:
    """Run each once to warm up, then all of them `runs` times, the order turned round each time; returns what each returned."""
    for work in works:
        work()
    figures: list[list[Figure]] = [[] for _ in works]
    for run in range(runs):
        turn = list(zip(works, figures, strict=True))
        for work, found in turn if run % 2 else reversed(turn):
            found.append(work())
    return figures


def seconds(work: Callable[[], object]) -> float:
    """How long `work` takes by the clock on the wall."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started
