"""`gridwatch demo`: the real Nancheng sample with three leads on their way, served on this machine for looking at.

The second start keeps what was done in the first. Never in production: everybody has the same, published password.
"""

from __future__ import annotations

import os
import shutil
import socket
from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path

import click
from flask import Flask
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from gridwatch.calendars.queries import current_calendar
from gridwatch.config import SQLITE_FILE, Settings, Unready
from gridwatch.db.base import db
from gridwatch.db.migrate import upgrade
from gridwatch.db.session import transaction
from gridwatch.domain.permits import ROLE_NAMES, Role
from gridwatch.domain.worktime import local_day
from gridwatch.entities.models import Entity
from gridwatch.exchange.loading import load_folder
from gridwatch.jobs import demo_story
from gridwatch.jobs.models import JobRun
from gridwatch.jobs.service import note_run
from gridwatch.jobs.serving import ready_app, serve_embedded
from gridwatch.people.models import GridDuty, User
from gridwatch.people.passwords import hash_password
from gridwatch.tags.models import Tag
from gridwatch.web.clock import now

PASSWORD = "Nancheng-2026-demo"  # noqa: S105 - published on purpose; production is refused
FOLDER = Path(".demo")
SAMPLE = Path(__file__).resolve().parents[2] / "tests/data/nancheng"
MARK = "demo"  # the row that says: everything is in place
FIRST_PORT, PORTS = 8600, 100

# One account a role, on the road of the story first.
ACCOUNTS: tuple[tuple[Role, str], ...] = (
    (Role.GRID_WORKER, demo_story.WORKER),
    (Role.COMMUNITY_DISPATCHER, demo_story.DISPATCHER),
    (Role.COMMUNITY_HANDLER, demo_story.HANDLER),
    (Role.STREET_DISPATCHER, demo_story.STREET),
    (Role.SUPERVISION_OFFICE, "supervision1"),
    (Role.DEPARTMENT_RECEIVER, demo_story.RECEIVER),
    (Role.CASE_OFFICER, demo_story.OFFICER),
    (Role.DEPARTMENT_LEADER, demo_story.LEADER),
    (Role.LEADING_GROUP, "leading.group"),
    (Role.MARKET_MANAGER, "market.manager"),
    (Role.INTAKE_CLERK, "intake.clerk"),
    (Role.PLATFORM_OWNER, "platform.owner"),
    (Role.ADMINISTRATOR, "administrator"),
    (Role.AUDITOR, "auditor"),
    (Role.SECURITY_OFFICER, "security.officer"),
)

MakeApp = Callable[..., Flask]


@click.command()
@click.option(
    "--fresh", is_flag=True, help="丢弃上次的演示数据重新开始 · throw away what was done before and start anew"
)
@click.pass_obj
def demo(make_app: MakeApp, fresh: bool) -> None:
    """启动演示 · Load the Nancheng sample into ./.demo/ and serve it here; production is refused."""
    settings = _settings(Settings.from_environment())
    if fresh:
        _throw_away(settings)
    prepare(make_app, settings)
    app = ready_app(make_app, settings)
    tag = _a_tag(app)
    serve_embedded(app, settings, started=lambda port: click.echo(_welcome(port, tag)))


def _settings(settings: Settings) -> Settings:
    """The settings given; where the environment names none, a database in ./.demo/ and the first free port from 8600 on."""
    if settings.env == "production":
        raise Unready("演示人人同一口令，生产环境拒绝启动 / the demo has one password for all; production refuses it")
    if not os.environ.get("GRIDWATCH_DATABASE_URL"):
        FOLDER.mkdir(exist_ok=True)
        file, files = (FOLDER / "gridwatch.sqlite").absolute(), (FOLDER / "files").absolute()
        settings = replace(settings, database_url=f"{SQLITE_FILE}{file}", files_dir=str(files))
    if not os.environ.get("GRIDWATCH_PORT"):
        settings = replace(settings, port=_free_port(settings.host))
    if not settings.public_url:
        settings = replace(settings, public_url=f"http://127.0.0.1:{settings.port}")
    return settings


def _free_port(host: str) -> int:
    for port in range(FIRST_PORT, FIRST_PORT + PORTS):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if probe.connect_ex((host, port)) != 0:
                return port
    raise Unready(
        f"{FIRST_PORT} 起 {PORTS} 个端口都被占用，请设 GRIDWATCH_PORT / {PORTS} ports are taken: set GRIDWATCH_PORT"
    )


def _throw_away(settings: Settings) -> None:
    path = settings.sqlite_path
    if path is None or path.parent != FOLDER.absolute():
        raise Unready("--fresh 只清除 .demo/ 里的演示库 / --fresh throws away the demo's own database only")
    for file in (path, path.with_name(f"{path.name}-wal"), path.with_name(f"{path.name}-shm")):
        file.unlink(missing_ok=True)
    if (files := FOLDER / "files").is_dir():
        shutil.rmtree(files)


def prepare(make_app: MakeApp, settings: Settings) -> None:
    """Schema, sample, password, story; each only where it is not there yet. A killed first run is begun again."""
    if _is_prepared(make_app, settings):
        return
    if settings.sqlite_path is not None and settings.sqlite_path.parent == FOLDER.absolute():
        _throw_away(settings)
    click.echo("正在准备演示数据，约需十几秒 / preparing the demo, this takes some seconds …")
    upgrade(settings.database_url, spatialite_library=settings.spatialite_library)
    app = make_app(settings)
    with app.app_context():
        moment = now()
        _load_sample(moment)
        with transaction() as session:
            _open_doors(session, demo_story.first_day(current_calendar(session), local_day(moment)))
        db.session.remove()
    demo_story.tell(make_app, settings, PASSWORD)
    with app.app_context():
        with transaction() as session:
            note_run(session, MARK, moment, {})
        db.session.remove()
        db.engine.dispose()


def _is_prepared(make_app: MakeApp, settings: Settings) -> bool:
    path = settings.sqlite_path
    if path is not None and not path.exists():
        return False
    upgrade(settings.database_url, spatialite_library=settings.spatialite_library)
    app = make_app(settings)
    with app.app_context():
        prepared = db.session.scalar(select(JobRun.name).where(JobRun.name == MARK)) is not None
        db.session.remove()
        db.engine.dispose()
    return prepared


def _load_sample(moment: datetime) -> None:
    if not SAMPLE.is_dir():
        raise Unready(
            f"没有样例数据 {SAMPLE}；演示须在源码目录中运行 / the sample is not there: run the demo from a checkout"
        )
    problems = load_folder(SAMPLE, now=moment).report.problems
    if problems:
        raise Unready("\n".join(f"{one.file} {one.line}: {one.reason_zh} / {one.reason_en}" for one in problems[:5]))


def _open_doors(session: Session, since: date) -> None:
    """Give everybody the demo's password, and have them on duty since before the story."""
    session.execute(update(User).values(password_hash=hash_password(PASSWORD)))
    session.execute(update(GridDuty).where(GridDuty.from_on > since).values(from_on=since))


def _a_tag(app: Flask) -> str:
    """The code of the tag on the door with the most entities behind it."""
    at_the_door = (
        select(func.count()).select_from(Entity).where(Entity.address_code == Tag.address_code).scalar_subquery()
    )
    with app.app_context():
        code = db.session.scalar(select(Tag.code).order_by(at_the_door.desc(), Tag.code).limit(1))
        db.session.remove()
        db.engine.dispose()
    return code or ""


def _welcome(port: int, tag: str) -> str:
    where = f"http://127.0.0.1:{port}/"
    lines = [
        "", "Gridwatch 网格巡查 · 演示 demo", "",
        f"  打开 open        {where}",
        f"  手机 handheld    {where}m/",
        f"  口令 password    {PASSWORD}（所有账号 / every account）", "",
        "  账号 accounts",
        *(f"    {username:<20} {'　'.join(ROLE_NAMES[role])}" for role, username in ACCOUNTS), "",
        "  可以试试 what to try",
        f"    1. 用 {demo_story.LEADER} 登录：一条线索介入已逾期，看它的时限是怎么一天天算出来的",
        f"       sign in as {demo_story.LEADER}: a lead whose intervention is overdue, and day by day why it was due then",
        f"    2. 用 {demo_story.DISPATCHER} 登录：刚从手机报来的线索等待受理；另一条已走完全程结案",
        f"       sign in as {demo_story.DISPATCHER}: one lead just came in from a phone, another went the whole road",
        f"    3. 用 {demo_story.STREET} 登录：611 家没有坐标的主体在等人工分派",
        f"       sign in as {demo_story.STREET}: 611 entities without a place wait to be sent to a grid by hand",
        f"    4. 在 {where}m/ 用 {demo_story.WORKER} 登录手机应用，断开网络走访，再连上看待发箱",
        f"       sign in as {demo_story.WORKER} at {where}m/, visit without a network, and watch the outbox when it is back",
        f"    5. 市民扫门上的标签 / what a citizen sees who scans a tag: {where}t/{tag}",
        "       用 intake.clerk 登录受理投诉 / sign in as intake.clerk for the intake desk",
        "    6. 命令行手机，离线走访后同步 / a phone on the command line, offline and back:",
        f"       python3 tests/phone.py --server {where} --user {demo_story.WORKER} --password {PASSWORD} --store phone.json story",
        "",
        "  线索为虚构，不涉及任何企业；网格为推导，不代表真实管辖 / leads are made up, grids are derived",
        "  停止 stop        Ctrl-C", "",
    ]  # fmt: skip
    return "\n".join(lines)
