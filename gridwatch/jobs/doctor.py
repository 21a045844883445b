"""`gridwatch doctor`: what is missing here, each with its fix. Looks at one thing after another, whatever failed before.

It must run where packages are missing: nothing of ours that needs one is imported before it is looked at.
"""

from __future__ import annotations

import importlib
import json
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from importlib import metadata
from typing import Any

import click

from gridwatch.config import SettingRefused, Settings, Unready

PYTHON_LEAST = (3, 11)
INSTALL = "运行 make demo，或 pip install --require-hashes -r requirements.lock / run make demo, or that pip"


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the report; the same members as jobs.checks.Finding, which may not be importable here.

    `en` is empty where `zh` says it in both languages.
    """

    name: str
    ok: bool
    zh: str
    en: str
    fix: str = ""


@click.command()
@click.option("--json", "as_json", is_flag=True, help="以 JSON 输出 · print JSON")
@click.pass_obj
def doctor(make_app: Callable[..., Any], as_json: bool) -> None:
    """检查环境 · Say what is missing here and how to get it; exit 1 when anything is."""
    lines = list(_examine(make_app))
    if as_json:
        click.echo(json.dumps([asdict(line) for line in lines], ensure_ascii=False, indent=2))
    else:
        for line in lines:
            said = f"{line.zh} / {line.en}" if line.en else line.zh
            click.echo(f"{'正常 ok     ' if line.ok else '缺失 missing'}  {line.name:<11} {said}")
            if not line.ok and line.fix:
                click.echo(f"              → {line.fix}")
    if not all(line.ok for line in lines):
        sys.exit(1)


def _examine(make_app: Callable[..., Any]) -> Iterator[Line]:
    yield _python()
    yield from _packages()
    try:
        settings = Settings.from_environment()
    except SettingRefused as problem:
        yield Line("settings", False, str(problem), "", "改正该变量 / correct that variable")
        return
    yield Line("settings", True, f"环境为 {settings.env}", f"environment {settings.env}")
    if settings.is_sqlite:
        yield _spatialite(settings)
    yield from _application(make_app, settings)


def _python() -> Line:
    version = ".".join(map(str, sys.version_info[:3]))
    return Line(
        "python",
        sys.version_info >= PYTHON_LEAST,
        f"Python {version}",
        f"Python {version}",
        "安装 Python 3.11 以上 / install Python 3.11 or newer",
    )


def _packages() -> Iterator[Line]:
    """One line when all are there, else one for each that is not. Versions are the lock's business."""
    wanted = [
        re.split(r"[^A-Za-z0-9._-]", one, maxsplit=1)[0]
        for one in metadata.requires("gridwatch") or ()
        if "extra ==" not in one
    ]
    missing = [name for name in wanted if not _is_installed(name)]
    for name in missing:
        yield Line("package", False, f"缺少 Python 包 {name}", f"the package {name} is not installed", INSTALL)
    if not missing:
        yield Line("packages", True, f"{len(wanted)} 个 Python 包齐全", f"all {len(wanted)} packages are installed")


def _is_installed(name: str) -> bool:
    try:
        metadata.version(name)
    except metadata.PackageNotFoundError:
        return False
    return True


def _spatialite(settings: Settings) -> Line:
    try:
        spatialite = importlib.import_module("gridwatch.db.dialects.spatialite")
        connection = spatialite.driver().connect(":memory:")
        try:
            spatialite.load_extension(connection, settings.spatialite_library)
            version = connection.execute("SELECT spatialite_version()").fetchone()[0]
        finally:
            connection.close()
    except ImportError as problem:
        return Line("spatialite", False, f"无法加载：{problem}", f"cannot be loaded: {problem}", INSTALL)
    except Unready as problem:
        return Line("spatialite", False, str(problem), "", "apt-get install libsqlite3-mod-spatialite")
    return Line("spatialite", True, f"SpatiaLite {version}", f"SpatiaLite {version}")


def _application(make_app: Callable[..., Any], settings: Settings) -> Iterator[Any]:
    """What /readyz looks at as well; one line instead where the application cannot even be built."""
    try:
        checks = importlib.import_module("gridwatch.jobs.checks")
        app = make_app(settings)
    except ImportError as problem:
        yield Line("application", False, f"无法启动：{problem}", f"does not start: {problem}", INSTALL)
        return
    except Unready as problem:
        yield Line("application", False, str(problem), "")
        return
    except Exception as problem:  # noqa: BLE001 - whatever keeps the application from starting is what was asked for
        reason = f"{type(problem).__name__}: {problem}"
        yield Line("application", False, f"无法启动：{reason}", f"does not start: {reason}")
        return
    with app.app_context():
        for check in (*checks.READINESS, checks.secret, checks.fonts):
            yield checks.examined(check)
