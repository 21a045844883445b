"""`gridwatch items`: what is asked at a door, checked and published from files."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any

import click
from flask import Flask

from gridwatch.db.session import transaction
from gridwatch.domain import burden
from gridwatch.domain.errors import Refusal
from gridwatch.domain.permits import SYSTEM
from gridwatch.domain.worktime import local_day
from gridwatch.items import service
from gridwatch.items.queries import catalogue
from gridwatch.web.clock import now

MakeApp = Callable[..., Flask]
_FILE = click.argument("file", type=click.File("r", encoding="utf-8-sig"))


@click.group()
def items() -> None:
    """入格事项 · Inspection items: list them, check a file, publish it. The format is in docs/items.md."""


@items.command("list")
@click.pass_obj
def list_items(make_app: MakeApp) -> None:
    """列出 · Every version, which one is asked today (*), and the burden 负担预算."""
    with make_app().app_context(), transaction() as session:
        known, today = catalogue(session), local_day(now())
    for code in known.codes:
        for one in known.versions(code):
            mark = "-" if one.withdrawn else "*" if one.in_force(today) else " "
            title = one.item["title"]
            click.echo(
                f"{mark} {one.name} {one.effective_on} {title['zh']} / {title['en']}  {_load(burden.of_item(one.item))}"
            )
    for name, load in burden.of_standard_tasks(known.forms(None, today) or {}).items():
        (zh, en), codes = burden.STANDARD_TASKS[name]
        click.echo(f"  {zh} / {en} {'+'.join(codes)}  {_load(load)}")


@items.command("check")
@_FILE
@click.pass_obj
def check_file(make_app: MakeApp, file: Any) -> None:
    """检查 · Look at an item, or a list of them (- for standard input), and say what is wrong. Nothing is written."""
    bad = False
    with make_app().app_context(), transaction() as session:
        for item in _items(file):
            found = service.check(session, item, local_day(now()))
            bad |= bool(found.problems)
            _say_problems(_name(item), found.problems)
            if not found.problems and found.burden is not None:
                click.echo(f"{_name(item)} 可以发布 / can be published  {_load(found.burden)}")
            for one in found.grown or ():
                click.echo(f"  要写明理由 / a reason is needed: {_grown(one)}")
    sys.exit(1 if bad else 0)


@items.command("publish")
@click.argument("file", type=click.File("r", encoding="utf-8-sig"), required=False)
@click.option(
    "--reason", default="", help="发布理由；负担超过上限时必填 · why; needed where the burden grows past a limit"
)
@click.pass_obj
def publish_file(make_app: MakeApp, file: Any, reason: str) -> None:
    """发布 · Publish an item, or a list of them; without a file, those that came with the program. Again, nothing changes."""
    try:
        with make_app().app_context(), transaction() as session:
            if file is None:
                told = [(f"{row.code}@{row.version}", True) for row in service.publish_built_in(session, at=now())]
            else:
                made = [service.publish(session, item, reason, actor_id=SYSTEM.id, at=now()) for item in _items(file)]
                told = [(f"{row.code}@{row.version}", created) for row, created in made]
    except Refusal as refusal:
        click.echo(f"{refusal.title()} / {refusal.title('en')}", err=True)
        _say_problems("", refusal.facts.get("fields", []))
        for one in refusal.facts.get("grown", ()):
            click.echo(f"  {_grown(one)}", err=True)
        sys.exit(2)
    for name, created in told:
        click.echo(f"{name} {'已发布 / published' if created else '没有变化 / unchanged'}")
    if not told:
        click.echo("没有变化 / unchanged")


def _items(file: Any) -> list[Any]:
    """The items of a file: one object, or a list. A member that stands twice is refused, since one of the two would be lost."""
    try:
        value = json.load(file, object_pairs_hook=_once, parse_constant=_no_number)
    except (ValueError, RecursionError) as wrong:
        raise click.ClickException(f"读不出 JSON / this is not readable JSON: {wrong}") from wrong
    return value if isinstance(value, list) else [value]


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise ValueError(f"“{name}” 写了两次 / stands twice")
        found[name] = value
    return found


def _no_number(name: str) -> Any:
    raise ValueError(f"{name} 不是数字 / is no number")


def _name(item: Any) -> str:
    return f"{item.get('code')}@{item.get('version')}" if isinstance(item, dict) else "?"


def _say_problems(name: str, problems: list[dict[str, str]]) -> None:
    for one in problems:
        click.echo(f"{name} {one['path'] or '-'}：{one['problem']}".strip(), err=True)


def _load(load: burden.Burden) -> str:
    plain, most = load.ordinary, load.most
    return (
        f"{plain.questions} 问 {plain.photos} 照 {plain.taps} 点 {plain.seconds} 秒，最多 {most.questions} 问 / "
        f"{plain.questions} questions, {plain.photos} photos, {plain.taps} taps, {plain.seconds} s; {most.questions} at most"
    )


def _grown(one: dict[str, Any]) -> str:
    was = "-" if one["was"] is None else one["was"]
    return f"{one['what']} {one['measure']} {was} → {one['is']} (≤ {one['limit']})"
