"""`gridwatch verify`: walk the event log and say where it was tampered with."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TextIO

import click
import orjson
from sqlalchemy.orm import Session

from gridwatch.audit.queries import Head, breaks, heads
from gridwatch.config import Settings
from gridwatch.db.engine import engine_for


@click.command()
@click.option(
    "--heads",
    "print_heads",
    is_flag=True,
    help="打印各链链头，另处留存 · print the heads of the chains, to be kept elsewhere",
)
@click.option(
    "--against",
    type=click.File(encoding="utf-8"),
    help="与留存的链头核对，可发现末尾被截去 · hold the log against heads that were kept: shows a cut-off end",
)
def verify(print_heads: bool, against: TextIO | None) -> None:
    """核对事件日志 · Walk the chains of the event log; exit 1 where one does not hold, with chain and number."""
    with reading() as session:
        if print_heads:
            click.echo(orjson.dumps([asdict(head) for head in heads(session)], option=orjson.OPT_INDENT_2))
            return
        found = 0
        for one in breaks(session, _anchors(against) if against else ()):
            found += 1
            click.echo(f"{one.chain} #{one.no}: {one.zh} / {one.en}")
        ends = heads(session)
        total = sum(head.no for head in ends)
        if found:
            click.echo(f"发现 {found} 处问题 / {found} problems, {len(ends)} chains, {total} events", err=True)
            sys.exit(1)
        click.echo(f"{len(ends)} 条链、{total} 条记录，完好 / {len(ends)} chains, {total} events, all well")


@contextmanager
def reading() -> Iterator[Session]:
    """A session of the configured database, for commands that only look."""
    settings = Settings.from_environment()
    engine = engine_for(settings.database_url, spatialite_library=settings.spatialite_library)
    try:
        with Session(engine) as session:
            yield session
    finally:
        engine.dispose()


def _anchors(file: TextIO) -> list[Head]:
    """The heads in a file that `--heads` wrote. Raises ClickException for anything else."""
    try:
        return [Head(**one) for one in orjson.loads(file.read())]
    except (orjson.JSONDecodeError, TypeError) as problem:
        name = Path(file.name).name
        raise click.ClickException(
            f"{name}: 不是 `gridwatch verify --heads` 的输出 / is not what --heads printed: {problem}"
        ) from None
