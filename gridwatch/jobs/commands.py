"""`gridwatch tick`, `gridwatch migrate` and `gridwatch openapi`."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import click
import orjson
from flask import Flask

from gridwatch.config import Settings
from gridwatch.db.migrate import upgrade
from gridwatch.jobs.service import run_all
from gridwatch.web.clock import now, rfc3339

MakeApp = Callable[..., Flask]


@click.command()
@click.pass_obj
def tick(make_app: MakeApp) -> None:
    """执行一次到期工作 · Run all due work once, at the clock's time, and print what was done as JSON.

    May run in several processes at once. Exit 1 when a job failed; the others have run all the same.
    """
    with make_app().app_context():
        moment = now()
        did = run_all(moment)
    click.echo(orjson.dumps({"at": rfc3339(moment), "jobs": did}, option=orjson.OPT_INDENT_2))
    if any("error" in one for one in did.values()):
        sys.exit(1)


@click.command()
def migrate() -> None:
    """升级数据库 · Bring the database to the newest schema. A SQLite file is copied first, since it only goes forward."""
    settings = Settings.from_environment()
    revision = upgrade(settings.database_url, spatialite_library=settings.spatialite_library)
    click.echo(f"数据库结构为最新 / schema is the newest: {revision}")


@click.command()
@click.option(
    "--check",
    "committed",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="与文件比较，不一致则失败 · compare with a file and fail where they differ",
)
@click.pass_obj
def openapi(make_app: MakeApp, committed: Path | None) -> None:
    """接口说明 · Print the OpenAPI document of the API as JSON; docs/openapi.json is its committed copy."""
    document = api_document(make_app)
    if committed is None:
        click.echo(document, nl=False)
    elif committed.read_bytes() != document:
        raise click.ClickException(
            f"{committed} 已过时，请运行 make openapi / is out of date, run: gridwatch openapi > {committed}"
        )


def api_document(make_app: MakeApp) -> bytes:
    """The OpenAPI document of this version as it is served, indented. Reads no database."""
    answer = make_app(replace(Settings(), database_url="sqlite://")).test_client().get("/api/v1/openapi.json")
    return orjson.dumps(
        answer.get_json(), option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS | orjson.OPT_APPEND_NEWLINE
    )
