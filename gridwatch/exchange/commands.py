"""`gridwatch load`: what a customer begins with. Chinese first, English beside it; `--json` for programs."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click
import orjson
from flask import Flask

from gridwatch.domain.datum import Datum
from gridwatch.exchange.loading import Outcome, load_folder
from gridwatch.exchange.reading import Note, Problem
from gridwatch.web.clock import now

MakeApp = Callable[..., Flask]

SHOWN_ALIKE = 5  # notes of one kind that are printed; --json has them all

MORE: dict[str, tuple[str, str]] = {
    "by_address": ("按标准地址分到网格 {n}", "{n} by address"),
    "by_point": ("按坐标 {n}", "{n} by point"),
    "waiting": ("待人工分派 {n}", "{n} wait for a person"),
    "first_checks": ("首检任务 {n}", "{n} first checks"),
    "moved_due_days": ("改期的首检 {n}", "{n} first checks moved"),
    "entities_with_other_sectors": ("许可行业有变的主体 {n}", "{n} entities with other permit sectors"),
}


def _datum(ctx: click.Context, parameter: click.Parameter, value: str | None) -> Datum | None:
    if value is None:
        return None
    try:
        return Datum.named(value)
    except ValueError:
        raise click.BadParameter(f"{value}: WGS84, CGCS2000, GCJ02 (高德、腾讯), BD09 (百度)") from None


@click.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--dry-run", is_flag=True, help="只检查并统计，不写入 · check and count, write nothing")
@click.option(
    "--datum",
    callback=_datum,
    help="文件未写明时的坐标系 · the datum of coordinates that do not state it: WGS84, CGCS2000, GCJ02, BD09",
)
@click.option("--json", "as_json", is_flag=True, help="输出 JSON · print JSON")
@click.pass_obj
def load(make_app: MakeApp, folder: Path, dry_run: bool, datum: Datum | None, as_json: bool) -> None:
    """导入一个文件夹 · Load a folder: calendar, areas, grids, departments, users, permits, addresses, entities.

    Every file is optional. All files are checked first; with one problem nothing is written and the exit code is 2.
    The same folder again changes nothing.
    """
    with make_app().app_context():
        outcome = load_folder(folder, now=now(), datum=datum, dry_run=dry_run)
    if as_json:
        click.echo(orjson.dumps(outcome_as_json(outcome, dry_run), option=orjson.OPT_INDENT_2))
    else:
        _print(outcome, dry_run)
    if outcome.report.problems:
        sys.exit(2)


def outcome_as_json(outcome: Outcome, dry_run: bool) -> dict[str, Any]:
    """The outcome as plain JSON: {"dry_run", "written", "files", "notes", "problems"}."""
    return {
        "dry_run": dry_run,
        "written": outcome.written,
        "files": {name: asdict(counts) for name, counts in outcome.counts.items()},
        "notes": [asdict(note) for note in outcome.report.notes],
        "problems": [asdict(problem) for problem in outcome.report.problems],
    }


def _print(outcome: Outcome, dry_run: bool) -> None:
    report = outcome.report
    for line in _notes(report.notes):
        click.echo(line)
    if report.problems:
        for problem in report.problems:
            click.echo(f"{_where(problem)}{problem.reason_zh} / {problem.reason_en}", err=True)
        click.echo(
            f"发现 {len(report.problems)} 处问题，未写入任何内容 / {len(report.problems)} problems, nothing was written",
            err=True,
        )
        return
    for name, counts in outcome.counts.items():
        more = [(MORE[key], n) for key, n in counts.more.items() if n]
        zh = "".join(f"，{words[0].format(n=n)}" for words, n in more)
        en = "".join(f", {words[1].format(n=n)}" for words, n in more)
        click.echo(
            f"{name}：新增 {counts.added}，更改 {counts.changed}，未变 {counts.unchanged}{zh} / "
            f"{counts.added} added, {counts.changed} changed, {counts.unchanged} unchanged{en}"
        )
    if dry_run:
        click.echo("试运行，未写入任何内容 / dry run, nothing was written")


def _notes(notes: list[Note]) -> list[str]:
    """The notes as lines; of many alike the first ones, and how many more there are."""
    seen: Counter[tuple[str, str]] = Counter()
    lines = []
    for note in notes:
        seen[note.file, note.code] += 1
        if seen[note.file, note.code] <= SHOWN_ALIKE:
            lines.append(f"{_where(note)}{note.text_zh} / {note.text_en}")
    for (file, code), count in seen.items():
        if count > SHOWN_ALIKE:
            lines.append(
                f"{file}：同类提示另有 {count - SHOWN_ALIKE} 条（{code}） / {count - SHOWN_ALIKE} more like this"
            )
    return lines


def _where(said: Problem | Note) -> str:
    """`areas.csv 第 3 行 parent_code「9」：`, as far as it is known."""
    line = f" 第 {said.line} 行" if said.line is not None else ""
    column = f" {said.column}" if said.column is not None else ""
    value = f"「{said.value}」" if said.value else ""
    return f"{said.file}{line}{column}{value}："
