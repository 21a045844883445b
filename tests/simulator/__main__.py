"""Play runs from the command line: `python -m tests.simulator --seed 7 --database postgis [--steps 60] [--runs 20]`."""

from __future__ import annotations

import argparse
import logging
import os
import sys
import tempfile
import time
import traceback
from collections.abc import Sequence
from pathlib import Path

from tests.databases import postgres_binaries
from tests.simulator.invariants import broken
from tests.simulator.places import place_of_ones_own
from tests.simulator.schedule import STEPS, Simulation
from tests.simulator.server import Place

LAST = 30


def play(seed: int, place: Place, steps: int) -> tuple[list[str], list[str]]:
    """One run: its trace, and what it found broken."""
    with tempfile.TemporaryDirectory() as folder:
        run = Simulation(seed, place, Path(folder), steps)
        try:
            with run.over():
                return run.trace, broken(run)
        except Exception:  # noqa: BLE001 - whatever broke the run itself is told like a broken promise
            return run.trace, traceback.format_exc().splitlines()


def report(seed: int, place: Place, steps: int, trace: Sequence[str], found: Sequence[str]) -> str:
    """What is said of a run that broke a promise: what, the last events before all faults ended, and how to play it again."""
    calm = next((number for number, line in enumerate(trace) if " calm: " in line), len(trace))
    command = f"python -m tests.simulator --seed {seed} --database {place.name} --steps {steps}"
    return "\n".join(
        [f"seed {seed} on {place.name}:", *found, "--", *trace[max(0, calm - LAST) : calm], "--", f"again: {command}"]
    )


def main() -> int:
    """Play the runs; returns how many broke something."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulator", description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="the first seed")
    parser.add_argument("--runs", type=int, default=1, help="how many seeds from there on")
    parser.add_argument("--database", choices=["spatialite", "postgis"], default="spatialite")
    parser.add_argument(
        "--steps", type=int, default=STEPS, help="play only so many: to find the shortest that still fails"
    )
    parser.add_argument("--seconds", type=float, default=float("inf"), help="begin no run after so long")
    parser.add_argument("--trace", action="store_true", help="print everything that happened")
    told = parser.parse_args()
    logging.getLogger("gridwatch").setLevel(logging.ERROR if told.trace else logging.CRITICAL)
    if binaries := postgres_binaries():
        os.environ["PATH"] = f"{binaries}{os.pathsep}{os.environ['PATH']}"  # pg_dump of the server's own version
    failed = played = 0
    ends = time.monotonic() + told.seconds
    with place_of_ones_own(told.database) as place:
        for seed in range(told.seed, told.seed + told.runs):
            if time.monotonic() > ends:
                break
            trace, found = play(seed, place, told.steps)
            played, failed = played + 1, failed + bool(found)
            if told.trace:
                print("\n".join(trace))  # noqa: T201
            if found:
                print(report(seed, place, told.steps, trace, found), flush=True)  # noqa: T201
    print(f"{played} runs on {told.database} from seed {told.seed}: {failed} broke something")  # noqa: T201
    return failed


if __name__ == "__main__":
    sys.exit(min(main(), 1))
