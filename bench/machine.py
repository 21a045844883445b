"""The machine that the figures come from, and who used its processors meanwhile. Linux: it reads /proc."""

from __future__ import annotations

import os
import platform
import time
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any

_TICKS, _PAGE = os.sysconf("SC_CLK_TCK"), os.sysconf("SC_PAGE_SIZE")


def describe() -> dict[str, Any]:
    """CPU model, cores, RAM in GB, kernel and Python."""
    fields = dict(_fields("/proc/cpuinfo"))
    memory = dict(_fields("/proc/meminfo"))
    return {
        "cpu": fields.get("model name", platform.machine()),
        "cores": len(os.sched_getaffinity(0)),
        "ram_gb": round(int(memory["MemTotal"].split()[0]) / 2**20, 1),
        "kernel": f"{platform.system()} {platform.release()}",
        "python": f"{platform.python_implementation()} {platform.python_version()}",
    }


def quiet(most: float | None) -> float:
    """The load average of the last minute; waits for it to be below `most`, where that is given."""
    while most is not None and os.getloadavg()[0] >= most:
        time.sleep(5)
    return os.getloadavg()[0]


def cpu_of(roots: Iterable[int]) -> float:
    """CPU seconds (user and system) of these processes and everything that they started, ended children included."""
    stats = _stats()
    return sum(sum(map(int, stats[pid][11:15])) for pid in _family(roots, stats)) / _TICKS


def memory_of(root: int) -> float:
    """Resident memory in MB of the largest process among this one and those that it started."""
    stats = _stats()
    return max(int(stats[pid][21]) for pid in _family([root], stats)) * _PAGE / 1e6


def cpu_busy() -> float:
    """CPU seconds that the whole machine was busy since it started, stolen time included."""
    fields = list(map(int, Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]))
    return (sum(fields) - fields[3] - fields[4]) / _TICKS  # without idle and waiting for disks


class Others:
    """Measures what processes outside the bench used: `with Others(roots) as others: …`, then `others.share` (0–1)."""

    def __init__(self, roots: Iterable[int]) -> None:
        self._roots = list(roots)
        self.share = 0.0

    def __enter__(self) -> Others:
        self._before = self._read()
        return self

    def __exit__(self, *_: object) -> None:
        busy, own, clock = (now - before for now, before in zip(self._read(), self._before, strict=True))
        self.share = max(0.0, (busy - own) / (clock * (os.cpu_count() or 1)))

    def _read(self) -> tuple[float, float, float]:
        clock = float(Path("/proc/uptime").read_text().split()[0])
        return cpu_busy(), cpu_of(self._roots), clock


def _stats() -> dict[int, list[str]]:
    """What /proc/<pid>/stat says of every process, from its state (field 3) on."""
    stats = {}
    for directory in Path("/proc").glob("[0-9]*"):
        try:
            text = (directory / "stat").read_text()
        except (FileNotFoundError, ProcessLookupError):
            continue  # it ended while we looked; its parent has its time
        stats[int(directory.name)] = text[text.rindex(")") + 2 :].split()
    return stats


def _family(roots: Iterable[int], stats: dict[int, list[str]]) -> set[int]:
    """Those of the processes that are there still, and everything that they started."""
    children: dict[int, list[int]] = defaultdict(list)
    for pid, stat in stats.items():
        children[int(stat[1])].append(pid)
    found: set[int] = set()
    waiting = list(roots)
    while waiting:
        pid = waiting.pop()
        if pid in stats and pid not in found:
            found.add(pid)
            waiting += children[pid]
    return found


def _fields(path: str) -> Iterable[tuple[str, str]]:
    for line in Path(path).read_text().splitlines():
        name, colon, value = line.partition(":")
        if colon:
            yield name.strip(), value.strip()
