"""`python -m bench [NAME …]`: run benches and print their figures with the machine that they come from."""

from __future__ import annotations

import importlib
import shlex
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
import orjson

from bench import machine
from bench.databases import KINDS, place
from bench.table import Row, as_text
from tests.databases import HOW_TO_INSTALL, postgres_binaries

# In this order: the short ones first.
BENCHES = {
    "labels": "bench.labels",
    "route": "bench.route",
    "tile": "bench.tile",
    "load": "bench.load",
    "handover": "bench.handover",
    "tick": "bench.tick",
    "intake": "bench.intake",
    "cycle": "bench.cycle",
    "leads": "bench.leads",
    "pull": "bench.pull",
    "push": "bench.push",
    "upload": "bench.upload",
    "wake": "bench.wake",
    "rush": "bench.rush",
    "servers": "bench.servers",
}


@click.command()
@click.argument("names", nargs=-1, type=click.Choice(list(BENCHES)), metavar=f"[{'|'.join(BENCHES)}]...")
@click.option("--size", type=click.Choice(["small", "full"]), default="full", show_default=True,
              help="small 只看能否运行 · small shows that a bench works, its figures say little")  # fmt: skip
@click.option("--database", type=click.Choice(["both", *KINDS]), default="both", show_default=True, help="数据库")
@click.option(
    "--wait",
    "most",
    type=float,
    metavar="LOAD",
    help="先等系统负载降到此值以下 · before each bench, until the load is lower",
)
@click.option("--json", "file", type=click.Path(dir_okay=False, path_type=Path), help="另存为 JSON · write JSON too")
def main(names: tuple[str, ...], size: str, database: str, most: float | None, file: Path | None) -> None:
    """测速 · How fast Gridwatch is, each figure beside the barest way to do the same on this machine."""
    started, facts = datetime.now(UTC), machine.describe()
    rows: list[Row] = []
    loads: dict[str, float] = facts.setdefault("load_before", {})
    for kind in _kinds(database):
        with place(kind, size) as where:
            facts[kind] = where.facts
            for name in names or BENCHES:
                loads[f"{name} {kind}"] = machine.quiet(most)
                for row in importlib.import_module(BENCHES[name]).run(where):
                    click.echo(" ".join(cell for cell in row.cells() if cell), err=True)
                    rows.append(row)
    command = shlex.join(["python", "-m", "bench", *sys.argv[1:]])
    click.echo("\n".join(_heading(started, facts, rows, command)))
    click.echo()
    click.echo(as_text(rows))
    if file is not None:
        report = {
            "at": started.isoformat(),
            "command": command,
            "machine": facts,
            "rows": [row.as_json() for row in rows],
        }
        file.write_bytes(orjson.dumps(report, option=orjson.OPT_INDENT_2))


def _kinds(database: str) -> tuple[str, ...]:
    """The databases to run on. Raises ClickException where PostgreSQL with PostGIS is wanted and is missing."""
    if database == "spatialite" or postgres_binaries() is not None:
        return KINDS if database == "both" else (database,)
    missing = f"没有 PostGIS / PostGIS is missing: {HOW_TO_INSTALL}"
    if database == "postgis":
        raise click.ClickException(missing)
    click.echo(missing, err=True)
    return ("spatialite",)


def _heading(started: datetime, facts: dict[str, Any], rows: list[Row], command: str) -> list[str]:
    """Where and how the figures were taken, and how busy others kept the machine."""
    others = max((row.others or 0.0 for row in rows), default=0.0)
    return [
        f"{started:%Y-%m-%d %H:%M} UTC: {command}",
        f"{facts['cpu']}, {facts['cores']} cores, {facts['ram_gb']} GB, {facts['kernel']}, {facts['python']}",
        *(", ".join(f"{name} {value}" for name, value in facts[kind].items()) for kind in KINDS if kind in facts),
        "load average before: " + ", ".join(f"{name} {load:.2f}" for name, load in facts["load_before"].items()),
        f"other processes used at most {others:.0%} of the machine meanwhile",
    ]


if __name__ == "__main__":
    main()
