"""`gridwatch verify`: the event log by default, with `--leads` every lead against the invariants."""

from __future__ import annotations

import sys
from typing import Any

import click

from gridwatch.audit import commands as log
from gridwatch.leads.verifying import broken_leads, count_leads


@click.command(
    params=[*log.verify.params],
    help="核对事件日志；--leads 核对全部线索 · Walk the chains of the event log, or with --leads hold every lead against I1–I10; "
    "exit 1 where something does not hold.",
)
@click.option(
    "--leads",
    "leads",
    is_flag=True,
    help="逐条核对线索的不变式 I1–I10，并由事件重建比对 · hold every lead against I1–I10 and against its events",
)
@click.pass_context
def verify(context: click.Context, leads: bool, **of_log: Any) -> None:
    """Check the log, or the leads."""
    if not leads:
        context.invoke(log.verify, **of_log)
        return
    if any(of_log.values()):
        raise click.UsageError("--leads 不能与 --heads、--against 同用 / --leads goes alone")
    with log.reading() as session:
        found = 0
        for one in broken_leads(session):
            found += 1
            click.echo(f"{one.lead} {one.invariant}: {one.facts}")
        total = count_leads(session)
    if found:
        click.echo(f"{total} 条线索，{found} 处不符 / {total} leads, {found} things do not hold", err=True)
        sys.exit(1)
    click.echo(f"{total} 条线索，完好 / {total} leads, all well")
