"""What must hold for Gridwatch to work: one function a question, for /readyz and for `gridwatch doctor`.

Each looks and answers with a Finding; none raises for what it looks for. They need an application context.
Source: promises, Operations.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from flask import current_app
from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError

from gridwatch.calendars.queries import current_calendar
from gridwatch.config import SAMPLE_SECRET, Settings
from gridwatch.db.base import db
from gridwatch.db.engine import dialect_of
from gridwatch.db.migrate import current_revision, newest_revision
from gridwatch.db.session import transaction
from gridwatch.domain.errors import Refusal
from gridwatch.domain.worktime import local_day
from gridwatch.jobs.service import last_runs, note_run
from gridwatch.jobs.table import HEARTBEAT
from gridwatch.web.clock import now
from gridwatch.web.printing import faces

HEARTBEAT_MOST = timedelta(seconds=120)
CLOCK_MOST_S = 2.0
CALENDAR_AHEAD = timedelta(days=60)
DISK_LEAST_SHARE, DISK_LEAST_BYTES = 0.05, 1_000_000_000
PROBE = "probe"  # the name of the row that the write probe writes


@dataclass(frozen=True, slots=True)
class Finding:
    """The answer to one question. `fix` says what to do when it is not ok; texts in both languages."""

    name: str
    ok: bool
    zh: str
    en: str
    fix: str = ""


Check = Callable[[], Finding]


def database() -> Finding:
    """The database takes a write and keeps it: a row is really committed."""
    try:
        with transaction() as session:
            note_run(session, PROBE, datetime.now(UTC), {})
    except SQLAlchemyError as problem:
        reason = str(getattr(problem, "orig", problem)).splitlines()[0]
        return Finding(
            "database", False, f"数据库不能写入：{reason}", f"the database takes no write: {reason}",
            "检查 GRIDWATCH_DATABASE_URL、数据库服务和磁盘；未建表时运行 gridwatch migrate / check the URL, the server and "
            "the disk; run gridwatch migrate where there are no tables yet",
        )  # fmt: skip
    return Finding("database", True, "数据库可写", "the database takes writes")


def schema() -> Finding:
    """The schema is the one that this code needs."""
    at, needed = current_revision(db.engine), newest_revision()
    return Finding(
        "schema", at == needed, f"数据库结构 {at or '空'}，程序需要 {needed}", f"schema {at or 'empty'}, the program needs {needed}",
        "运行 gridwatch migrate / run gridwatch migrate",
    )  # fmt: skip


def durability() -> Finding:
    """What is acknowledged survives a power cut (promise P1)."""
    with db.engine.connect() as connection:
        dialect = dialect_of(connection)
        found = dialect.durability(connection)
    wrong = {name: value for name, value in found.items() if value not in dialect.DURABLE[name]}
    shown = ", ".join(f"{name}={value}" for name, value in (wrong or found).items())
    wanted = ", ".join(f"{name}={'/'.join(sorted(dialect.DURABLE[name]))}" for name in wrong)
    return Finding(
        "durability", not wrong, f"落盘设置：{shown}", f"durability settings: {shown}",
        f"在数据库服务器上设为 / set on the database server: {wanted}",
    )  # fmt: skip


def clocks() -> Finding:
    """The clock of this machine and that of the database agree."""
    settings: Settings = current_app.config["GRIDWATCH"]
    if settings.is_sqlite:
        return Finding("clock", True, "数据库在本机，同一时钟", "the database is on this machine and has its clock")
    with db.engine.connect() as connection:
        told = connection.scalar(select(func.clock_timestamp()))
    apart = abs((datetime.now(UTC) - told).total_seconds())
    return Finding(
        "clock", apart <= CLOCK_MOST_S, f"与数据库时钟相差 {apart:.1f} 秒", f"{apart:.1f} s away from the clock of the database",
        "两台机器都开启 NTP / run NTP on both machines",
    )  # fmt: skip


def calendar() -> Finding:
    """Official notices decide every day of the next 60."""
    today = local_day(now())
    known = current_calendar(db.session())
    days = (today + timedelta(days=ahead) for ahead in range(CALENDAR_AHEAD.days + 1))
    missing = next((day for day in days if known.day(day).provisional), None)
    fix = (
        "导入国务院办公厅的放假安排：gridwatch calendar import 文件 --source 文号 / import the year's official notice: "
        "gridwatch calendar import FILE --source NO"
    )
    if missing is None:
        return Finding("calendar", True, "工作日历覆盖今后 60 天", "the calendar covers the next 60 days")
    return Finding(
        "calendar", False, f"工作日历自 {missing} 起为暂定", f"the calendar is provisional from {missing} on", fix
    )


def scheduler() -> Finding:
    """A scheduler has ticked within two minutes (or two of its ticks, where those are longer)."""
    settings: Settings = current_app.config["GRIDWATCH"]
    last = last_runs(db.session()).get(HEARTBEAT)
    most = max(HEARTBEAT_MOST, 2 * timedelta(seconds=settings.tick_seconds))
    fix = "启动 gridwatch scheduler（SpatiaLite 由 gridwatch serve 自带） / start gridwatch scheduler; on SpatiaLite serve has it"
    if last is None:
        return Finding("scheduler", False, "调度从未运行", "no scheduler has ever ticked", fix)
    age = now() - last
    seconds = int(age.total_seconds())
    return Finding("scheduler", age <= most, f"调度于 {seconds} 秒前运行", f"the scheduler ticked {seconds} s ago", fix)


def fonts() -> Finding:
    """There is a Chinese font to set papers in. Without one everything else works."""
    try:
        families = faces(current_app.config["GRIDWATCH"]).by_use["text"]
    except Refusal as refusal:
        fix = "apt-get install fonts-arphic-uming，或设置 GRIDWATCH_FONTS / apt-get install fonts-arphic-uming, or set GRIDWATCH_FONTS"
        return Finding("fonts", False, refusal.title("zh"), refusal.title("en"), fix)
    return Finding("fonts", True, f"PDF 用字体 {families[0]}", f"PDFs are set in {families[0]}")


def disk() -> Finding:
    """There is room on the disk of the data: 5 % or 1 GB, whichever is less."""
    settings: Settings = current_app.config["GRIDWATCH"]
    place = settings.sqlite_path.parent if settings.sqlite_path else Path.cwd()
    while not place.exists():
        place = place.parent
    usage = shutil.disk_usage(place)
    enough = usage.free >= min(DISK_LEAST_SHARE * usage.total, DISK_LEAST_BYTES)
    free = f"{usage.free / 1e9:.1f} GB"
    return Finding(
        "disk",
        enough,
        f"磁盘剩余 {free}",
        f"{free} free on the disk",
        f"清理或扩容 / make room on the disk of {place.resolve()}",
    )


def secret() -> Finding:
    """The key of tokens and cookies is not the sample one."""
    settings: Settings = current_app.config["GRIDWATCH"]
    if settings.secret_key == SAMPLE_SECRET:
        # Production refuses it at the start, so this is a machine for trying things out.
        return Finding("secret", True, "密钥为示例值，仅限试用", "the secret is the sample one, for trials only")
    return Finding("secret", True, "密钥已设置", "the secret is set")


READINESS: tuple[Check, ...] = (database, schema, durability, disk, scheduler, clocks, calendar)


def ready() -> list[Finding]:
    """Every finding of READINESS; a check that cannot even look counts as not ok, with the reason."""
    return [examined(check) for check in READINESS]


def examined(check: Check) -> Finding:
    """The finding of a check; where the database does not let it look, one that says so."""
    try:
        return check()
    except SQLAlchemyError as problem:
        reason = str(getattr(problem, "orig", problem)).splitlines()[0]
        fix = "先解决 database 一项 / settle the database first"
        return Finding(check.__name__, False, f"无法检查：{reason}", f"cannot be checked: {reason}", fix)
    finally:
        db.session.rollback()
