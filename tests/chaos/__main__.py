"""`python -m tests.chaos --items 10000 --phones 40 --database both --seed 1`: the full run, and what came of it."""

from __future__ import annotations

import argparse
import signal
import sys
import tempfile
from pathlib import Path

from tests.chaos.run import Plan, free_port, run
from tests.chaos.servers import city_servers

KINDS = {"both": ("postgis", "spatialite"), "postgis": ("postgis",), "spatialite": ("spatialite",)}


def main() -> None:
    """Run on each database asked for; exit 1 where a promise was broken. What is needed to look closer is kept then."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--items", type=int, default=10_000)
    parser.add_argument("--phones", type=int, default=40)
    parser.add_argument("--kills", type=int, default=3, help="how often each thing is killed")
    parser.add_argument("--database", choices=KINDS, default="both")
    parser.add_argument("--seed", type=int, default=1)
    told = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # what was started is ended then, too
    clean = True
    for kind in KINDS[told.database]:
        directory = Path(tempfile.mkdtemp(prefix="gridwatch-chaos-"))
        with city_servers(kind, directory, free_port()) as servers:
            report, _ = run(Plan(told.items, told.phones, told.seed, told.kills, most_at_once=30), servers, directory)
        print(report, flush=True)  # noqa: T201
        print(f"kept in {directory}", flush=True)  # noqa: T201
        clean = clean and report.is_clean
    sys.exit(0 if clean else 1)


if __name__ == "__main__":
    main()
