"""`gridwatch calendar` and `gridwatch policy`: holiday notices, local orders and time limits, as data."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, datetime
from typing import Any

import click
from flask import Flask
from sqlalchemy.orm import Session

from gridwatch.calendars import queries as calendars
from gridwatch.calendars.service import add_policy
from gridwatch.db.session import transaction
from gridwatch.domain.errors import Refusal
from gridwatch.domain.obligations import policy_limits
from gridwatch.domain.permits import SYSTEM
from gridwatch.domain.worktime import local_day
from gridwatch.planning import service
from gridwatch.web.clock import now

MakeApp = Callable[..., Flask]
LIMIT = 200


@contextmanager
def _work(make_app: MakeApp) -> Iterator[Session]:
    """One unit of work; a refusal becomes its sentences and exit code 2, having changed nothing."""
    try:
        with make_app().app_context(), transaction() as session:
            yield session
    except Refusal as refusal:
        click.echo(f"{refusal.title()} / {refusal.title('en')}", err=True)
        for problem in refusal.facts.get("problems", ()):
            click.echo(f"  {problem['where'] or '-'}：{problem['zh']} / {problem['en']}", err=True)
        sys.exit(2)


@click.group()
def calendar() -> None:
    """放假安排与本地停工 · Holiday notices and local orders: see what they would move, then import."""


_FILE = click.argument("file", type=click.File("r", encoding="utf-8-sig"))
_SOURCE = click.option("--source", required=True, help="依据的文件（文号或网址） · the paper: its number or address")
_AREA = click.option("--area", help="仅在此区域有效（街道及以上代码） · a local order: code of a street or above")


@calendar.command("preview")
@_FILE
@_SOURCE
@_AREA
@click.pass_obj
def preview_calendar(make_app: MakeApp, file: Any, source: str, area: str | None) -> None:
    """预览 · What a notice (its own words, CSV or ICS; - for standard input) would move. Nothing is written."""
    with _work(make_app) as session:
        draft = service.read(session, service.HandedIn(file.read(), source, area), SYSTEM)
        told = service.preview(session, draft, at=now(), cursor=None, limit=LIMIT)
        _say_days(told)
        while True:
            for one in told["items"]:
                why = "；".join(day["zh"] for day in one["why"])
                click.echo(
                    f"{one['what']} {one['no'] or one['id']} {one['kind']} {one['from']['on']} → {one['to']['on']}  {why}"
                )
            if told["next_cursor"] is None:
                break
            told = service.preview(session, draft, at=now(), cursor=told["next_cursor"], limit=LIMIT)
    moved = told["moved"]
    click.echo(
        f"将移动 {moved['obligation']} 个线索时限、{moved['task']} 个任务时限；{told['confirmed']} 个暂定日期将确定 / would move "
        f"{moved['obligation']} dates of leads and {moved['task']} of tasks; {told['confirmed']} provisional dates would stand"
    )


@calendar.command("import")
@_FILE
@_SOURCE
@_AREA
@click.pass_obj
def import_calendar(make_app: MakeApp, file: Any, source: str, area: str | None) -> None:
    """导入 · Import a notice or a local order as a new version; open dates move with the next tick."""
    with _work(make_app) as session:
        draft = service.read(session, service.HandedIn(file.read(), source, area), SYSTEM)
        made = service.carry_out(session, draft, actor_id=SYSTEM.id, at=now())
    _say_days(made)
    if made["version"] is None:
        click.echo("全部已知，未作更改 / everything was known, nothing was changed")
    else:
        click.echo(f"日历第 {made['version']} 版 / calendar version {made['version']}")


def _say_days(told: dict[str, Any]) -> None:
    for day in told["changed_days"]:
        click.echo(f"{day['zh']} / {day['en']}")
    for day in told["conflicts"]:
        click.echo(
            f"与先前通知不同 / differs from {day['earlier_source']}: {day['on']} {day['was']} → {day['is']}", err=True
        )


@click.group()
def policy() -> None:
    """时限 · Time limits in work days, as versions with the day from which they count."""


@policy.command("list")
@click.pass_obj
def list_policies(make_app: MakeApp) -> None:
    """列出 · Every version; * marks what counts for what begins today."""
    with _work(make_app) as session:
        current = calendars.policy_in_force(session, local_day(now())).version
        for one in calendars.policies(session):
            limits = " ".join(f"{name}={value}" for name, value in policy_limits(one).items())
            click.echo(f"{'*' if one.version == current else ' '} {one.version} {one.effective_on} {limits}")


@policy.command("add")
@click.option(
    "--from",
    "effective_on",
    required=True,
    type=click.DateTime(["%Y-%m-%d"]),
    help="起用日 · the day from which it counts",
)
@click.option("--source", required=True, help="依据的文件 · the paper that it rests on")
@click.argument("limits", nargs=-1, required=True)
@click.pass_obj
def add_limits(make_app: MakeApp, effective_on: datetime, source: str, limits: tuple[str, ...]) -> None:
    """新增 · New limits, as NAME=VALUE (intervene=4 feedback=10); what runs keeps those that it began with."""
    named = dict(_pair(one) for one in limits)
    on: date = effective_on.date()
    with _work(make_app) as session:
        made = add_policy(session, on, named, source=source, actor_id=SYSTEM.id, today=local_day(now()), at=now())
    click.echo(
        f"时限第 {made.version} 版，{made.effective_on} 起 / limits version {made.version}, from {made.effective_on}"
    )


def _pair(text: str) -> tuple[str, str]:
    name, sign, value = text.partition("=")
    if not sign:
        raise click.UsageError(f"{text}：应写作 名称=数值 / write NAME=VALUE")
    return name.strip(), value.strip()
