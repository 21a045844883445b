"""One run: a town, its servers, phones behind a bad network, a killer; then calm, and the verdict."""

from __future__ import annotations

import json
import random
import secrets
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.chaos import town as towns
from tests.chaos.check import Held, problems, tally
from tests.chaos.proxy import Proxy
from tests.chaos.servers import Servers
from tests.databases import PORTS, ROOT

DRIVERS = 2
KILLED_BETWEEN = (0.08, 0.9)  # of the items made


@dataclass(frozen=True)
class Plan:
    """How much of everything. `kills` is how often each thing that can be killed is; `pause` the seconds between two syncs."""

    items: int
    phones: int
    seed: int
    kills: int = 1
    pause: float = 0.1
    most_at_once: int = 10  # items between two attempts to sync
    crashes: float = 0.01  # of requests, before and after
    photos: float = 0.02  # of reports and visits
    patience_s: float = 240


@dataclass
class Report:
    """What happened and what was found. `wrong` is empty where every promise was kept."""

    kind: str
    plan: Plan
    faults: Counter[str] = field(default_factory=Counter)
    kills: Counter[str] = field(default_factory=Counter)
    said: Counter[str] = field(default_factory=Counter)
    outcomes: Counter[str] = field(default_factory=Counter)
    back_s: Counter[str] = field(default_factory=Counter)  # the longest time until it was back
    rounds: int = 0
    drained_s: float = 0
    worked_s: float = 0
    seconds: float = 0
    wrong: dict[str, list[str]] = field(default_factory=dict)

    @property
    def is_clean(self) -> bool:
        """Whether nothing is wrong."""
        return not any(self.wrong.values())

    def __str__(self) -> str:
        made = sum(number for name, number in self.outcomes.items() if name != "photos")
        figures = {
            "items": f"{made} of {self.plan.phones} phones, {self.outcomes['photos']} photos, seed {self.plan.seed}",
            "seconds": f"{self.worked_s:.0f} under faults, {self.seconds:.0f} in all",
            "faults": _list(self.faults),
            "kill -9": _list(self.kills),
            "back after s": ", ".join(f"{name} {seconds:.1f}" for name, seconds in sorted(self.back_s.items())),
            "phones": _list(self.said),
            "outcomes": _list(self.outcomes),
            "after the faults": f"{self.rounds} rounds of sync at most, {self.drained_s:.1f} s",
            **{f"{name}": f"{len(found)}" for name, found in self.wrong.items()},
        }
        lines = [f"== {self.kind}", *(f"{name:17} {value}" for name, value in figures.items())]
        lines += [f"  {one}" for found in self.wrong.values() for one in found[:20]]
        return "\n".join(lines)


def _list(counts: Counter[str]) -> str:
    return ", ".join(f"{name} {number:g}" for name, number in sorted(counts.items()))


def free_port() -> int:
    """A port on which nothing listens, of those that the system lends to nobody."""
    while True:
        port = secrets.choice(PORTS)
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) != 0:
                return port


class Phones:
    """The processes of the phones. What they say is added up in `said`."""

    def __init__(self, people: list[str], told: dict[str, Any], said: Counter[str], maxima: dict[str, float]) -> None:
        self.said, self.maxima = said, maxima
        self._shares = [people[number::DRIVERS] for number in range(DRIVERS)]
        self._told = told
        self._running: list[subprocess.Popen[str]] = []
        self._ears: list[threading.Thread] = []

    def start(self, role: str) -> None:
        """Have every phone begin something."""
        self._ears.clear()
        self._running = [self._start(role, share) for share in self._shares]

    def _start(self, role: str, share: list[str]) -> subprocess.Popen[str]:
        told = {**self._told, "people": share}
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.chaos.phones", role, json.dumps(told)],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
        )
        ear = threading.Thread(target=self._hear, args=(process,))
        ear.start()
        self._ears.append(ear)
        return process

    def _hear(self, process: subprocess.Popen[str]) -> None:
        with process:
            for line in process.stdout:
                self._add(line)

    def _add(self, line: str) -> None:
        if not line.endswith("\n"):  # it was killed while it spoke
            return
        what, number = json.loads(line)
        if what in self.maxima:
            self.maxima[what] = max(self.maxima[what], number)
        else:
            self.said[what] += number

    def kill(self, chance: random.Random) -> None:
        """SIGKILL one of the processes, with all its phones, and switch them on again."""
        number = chance.randrange(len(self._running))
        self._running[number].kill()
        self._running[number].wait()
        self._running[number] = self._start("work", self._shares[number])

    def wait(self, seconds: float) -> None:
        """Until all have done it. Raises RuntimeError for one that failed, TimeoutExpired when the time is up."""
        until = time.monotonic() + seconds
        for process in self._running:
            if process.wait(timeout=max(until - time.monotonic(), 1)):
                raise RuntimeError("a process of phones failed, see above")
        self.close()

    def do(self, role: str, seconds: float) -> None:
        """Have every phone do something, and wait until it is done."""
        self.start(role)
        self.wait(seconds)

    def close(self) -> None:
        """End what still runs."""
        for process in self._running:
            process.kill()
        for ear in self._ears:
            ear.join()


def run(plan: Plan, servers: Servers, directory: Path) -> tuple[Report, towns.Town]:
    """The whole run on servers that were not started yet; the phones' files are in `directory / "phones"` afterwards."""
    began, report = time.monotonic(), Report("PostGIS" if servers.postgres else "SpatiaLite", plan)
    town = towns.build(servers.settings, plan.phones, plan.items // 5)
    folder = directory / "phones"
    folder.mkdir()
    servers.start()
    proxy = Proxy(servers.settings.port, plan.seed)
    maxima = {"rounds": 0.0, "drained": 0.0}
    told = {
        "server": f"http://127.0.0.1:{proxy.port}", "folder": str(folder), "over": str(directory / "over"), "seed": plan.seed,
        "quota": -(-plan.items // plan.phones), "password": towns.PASSWORD, "pause": plan.pause, "crashes": plan.crashes,
        "photos": plan.photos, "most_at_once": plan.most_at_once,
    }  # fmt: skip
    phones = Phones(town.people, told, report.said, maxima)
    work_began = time.monotonic()
    try:
        phones.start("work")
        _kill(plan, servers, phones, proxy, report)
        (directory / "over").touch()
        phones.wait(plan.patience_s)
        report.worked_s = time.monotonic() - work_began
        proxy.calm()
        phones.do("drain", plan.patience_s)
        servers.scheduler_rests()
        phones.do("settle", plan.patience_s)
        held = Held.by(town.people, folder)
        report.outcomes, report.wrong = tally(held), problems(servers.settings, town, held)
        phones.do("offer", plan.patience_s)  # after the look at what is stored: what was lost would be stored by this
        report.wrong["doubled"] = problems(servers.settings, town, Held.by(town.people, folder))["doubled"]
    finally:
        phones.close()
        proxy.close()
    servers.stop()
    report.faults = proxy.counts
    report.rounds, report.drained_s = int(maxima["rounds"]), maxima["drained"]
    report.wrong["event log"] = servers.verify().splitlines()
    report.seconds = time.monotonic() - began
    return report, town


def _kill(plan: Plan, servers: Servers, phones: Phones, proxy: Proxy, report: Report) -> None:
    """Kill everything that can be killed, `plan.kills` times, at seeded points of the work.

    Each time just when an answer has gone through: what was acknowledged a moment ago is what a careless server loses.
    """
    chance = random.Random(f"{plan.seed}/kills")
    ways: dict[str, Callable[[random.Random], None]] = {**servers.kills(), "phones": phones.kill}
    names = list(ways) * plan.kills
    chance.shuffle(names)
    points = sorted(chance.uniform(*KILLED_BETWEEN) * plan.items for _ in names)
    until = time.monotonic() + plan.patience_s
    for name, point in zip(names, points, strict=True):
        while report.said["made"] < point:
            if time.monotonic() > until:
                raise RuntimeError(f"the phones got stuck: {report.said['made']} items after {plan.patience_s} s")
            time.sleep(0.02)
        proxy.wait_for_answer()
        began = time.monotonic()
        ways[name](chance)
        report.kills[name] += 1
        report.back_s[name] = max(report.back_s[name], time.monotonic() - began)
