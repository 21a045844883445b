"""`gridwatch verify`: the event log by default, with `--leads` every lead against the invariants. `gridwatch document-leads`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from gridwatch.audit import commands as log
from gridwatch.leads.booklet import filled
from gridwatch.leads.picture import svg
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


@click.command(
    "document-leads",
    help="按代码重写 DOCS 里 leads.md 的表格和 pictures/leads.svg · Write the tables of leads.md and the picture in the folder "
    "DOCS anew from the code.",
)
@click.argument("docs", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--check", is_flag=True, help="只比较，不同则退出码 1 · only compare; exit 1 where something differs")
def document_leads(docs: Path, check: bool) -> None:
    """Write, or compare, what docs/leads.md and its picture take from the lead table."""
    page, picture = docs / "leads.md", docs / "pictures/leads.svg"
    text = page.read_text(encoding="utf-8")
    made = {page: filled(text), picture: svg()}
    stale = [file for file, content in made.items() if not file.exists() or file.read_text(encoding="utf-8") != content]
    for file in stale:
        click.echo(f"{file}：与代码不一致 / differs from the code" if check else str(file))
        if not check:
            file.write_text(made[file], encoding="utf-8")
    if check and stale:
        sys.exit(1)
