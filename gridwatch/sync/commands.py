"""`gridwatch backup`, `gridwatch restore` and `gridwatch rerender`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import click
from flask import Flask

from gridwatch.config import Settings
from gridwatch.sync import backups, rerendering

_folder = click.argument("folder", metavar="DIR", type=click.Path(file_okay=False, path_type=Path))


@click.command()
@_folder
@click.pass_obj
def backup(make_app: Callable[..., Flask], folder: Path) -> None:
    """备份数据库 · Write a copy of the database and its manifest into the new folder DIR, while the service runs.

    Evidence files (GRIDWATCH_FILES_DIR) are copied by other means, after this.
    """
    with make_app().app_context():
        manifest = backups.backup(folder)
    click.echo(f"{folder}：已备份 / backed up: {_size(manifest)}")


@click.command()
@_folder
@click.option("--verify", is_flag=True, help="只核对备份，不做更改 · only check the backup, change nothing")
@click.pass_obj
def restore(make_app: Callable[..., Flask], folder: Path, verify: bool) -> None:
    """恢复数据库 · Fill the empty database of GRIDWATCH_DATABASE_URL from the backup in DIR, and begin a new epoch.

    Phones see the new epoch at their next contact and send again what was acknowledged in the last seven days.
    """
    if verify:
        manifest = backups.verify(folder)
        click.echo(f"{folder}：备份完好 / the backup is whole: {_size(manifest)}, {manifest['made_at']}")
        return
    manifest = backups.restore(make_app, Settings.from_environment(), folder)
    click.echo(f"{folder}：已恢复，新纪元 {manifest['epoch']} / restored, new epoch: {_size(manifest)}")


@click.command()
@click.pass_obj
def rerender(make_app: Callable[..., Flask]) -> None:
    """升级后更新手机文件 · Hold every document of phones against this program; only those that read differently go out again."""
    with make_app().app_context():
        for done in rerendering.rerender_all():
            click.echo(f"{done.table}: {done.looked_at} 已核对，{done.changed} 有变 / looked at, changed")


def _size(manifest: backups.Manifest) -> str:
    rows, size = sum(manifest["rows"].values()), sum(file["size"] for file in manifest["files"].values())
    return f"{rows} rows, {size} bytes"
