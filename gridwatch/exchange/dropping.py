"""Files of registry events that are dropped into a folder: CSV or JSON lines in, a receipt beside each (docs/intake.md).

A file is taken in parts, a grid each, each committed by itself. There is no mark of how far it came: events are idempotent, so
a run that was killed is simply run again, and what it had done answers `duplicate`. The receipt comes last, whole or not at all.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson
from marshmallow import ValidationError
from sqlalchemy import select

from gridwatch.areas.models import Area
from gridwatch.calendars.queries import current_calendar
from gridwatch.db.base import db
from gridwatch.db.session import transaction
from gridwatch.domain.errors import Refusal
from gridwatch.domain.permits import SYSTEM, Actor, Grant, Role
from gridwatch.domain.worktime import local_day
from gridwatch.entities.service import RegistryNotice
from gridwatch.exchange.reading import Reason, Report, read_csv, read_text
from gridwatch.tasks import intake
from gridwatch.tasks.registration import TakenIn
from gridwatch.tasks.schemas import RegistryEventIn
from gridwatch.web.api import nul_in
from gridwatch.web.clock import rfc3339
from gridwatch.web.problems import fields_of

SUFFIXES = (".csv", ".jsonl", ".ndjson")
RECEIPT = ".receipt.json"
A_PART = 200  # events of one transaction: what other writers of a grid may have to wait for
MOST_EVENTS = 50_000  # of one file

TOO_MANY = Reason("file.too_many", "一个文件最多 {most} 个事件，请拆分", "a file has {most} events at most: split it")


@dataclass(frozen=True, slots=True)
class _Column:
    name: str
    required: bool

    @property
    def title(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True)
class Line:
    """One event as it stands in a file: the line where it begins, its id where it has one, and the notice or the refusal."""

    line: int
    event_id: str | None
    event: RegistryNotice | Refusal


COLUMNS = tuple(_Column(name, field.required) for name, field in RegistryEventIn().fields.items())


def take_in_folder(folder: Path, now: datetime) -> dict[str, int]:
    """Take in every file of the folder that has no receipt yet, in the order of their names: {"files", outcome: events …}.

    Names that begin with a dot or end otherwise than SUFFIXES are not looked at. A file that another process is reading is left
    to it. Raises OSError where the folder or a file cannot be read or a receipt cannot be written.
    """
    did: Counter[str] = Counter(files=0)
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() in SUFFIXES and not path.name.startswith(".") and not _has_receipt(path):
            receipt = _take_in_file(path, now)
            if receipt is not None:
                did.update(files=1, **receipt["outcomes"])
    return dict(did)


def _has_receipt(path: Path) -> bool:
    """Whether a receipt was written since the file came here. A rename into the folder counts as its coming."""
    with suppress(FileNotFoundError):
        return _receipt_of(path).stat().st_mtime_ns >= path.stat().st_ctime_ns
    return False


def _receipt_of(path: Path) -> Path:
    return path.with_name(path.name + RECEIPT)


def _take_in_file(path: Path, now: datetime) -> dict[str, Any] | None:
    """The receipt of a file, written; None where another process has the file or it was replaced meanwhile."""
    with path.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)  # goes with the process, however that ends
        except BlockingIOError:
            return None
        if _has_receipt(path):
            return None
        came, data = os.fstat(file.fileno()), file.read()
        receipt = _receipt(path.name, data, now)
        there = path.stat()
        if (there.st_ino, there.st_ctime_ns) != (came.st_ino, came.st_ctime_ns):
            return None
        _write(_receipt_of(path), receipt)
    return receipt


def _receipt(name: str, data: bytes, now: datetime) -> dict[str, Any]:
    report = Report()
    lines = list(_lines(name, data, report))
    results = _take_in(lines, now) if report.accepts(name) else []
    return {
        "file": name, "sha256": hashlib.sha256(data).hexdigest(), "at": rfc3339(now), "events": len(results),
        "outcomes": dict(sorted(Counter(one["outcome"] for one in results).items())), "results": results,
        "problems": [asdict(one) for one in report.problems], "notes": [asdict(one) for one in report.notes],
    }  # fmt: skip


def _take_in(lines: list[Line], now: datetime) -> list[dict[str, Any]]:
    """What became of every event, in the order of the file; each part is committed before the next one begins."""
    told = {one.line: _refused(one, one.event) for one in lines if isinstance(one.event, Refusal)}
    events = [(one, one.event) for one in lines if isinstance(one.event, RegistryNotice)]
    notices = [notice for _, notice in events]
    today = local_day(now)
    for places in list(intake.waves(db.session(), notices, today, A_PART)):
        with transaction() as session:
            answers = intake.take_in_many(
                session, [notices[place] for place in places], current_calendar(session),
                actor=_register(), now=now, today=today,
            )  # fmt: skip
            for place, answer in zip(places, answers, strict=True):
                line, notice = events[place]
                told[line.line] = _told(line, notice, answer)
    return [told[one.line] for one in lines]


def _told(line: Line, notice: RegistryNotice, answer: TakenIn | Refusal) -> dict[str, Any]:
    return (
        _refused(line, answer) if isinstance(answer, Refusal) else {"line": line.line, **intake.as_json(notice, answer)}
    )


def _refused(line: Line, refusal: Refusal) -> dict[str, Any]:
    problem = {
        "code": refusal.code, "status": refusal.entry.status, "zh": refusal.title("zh"), "en": refusal.title("en"),
        "do_zh": refusal.do("zh"), "do_en": refusal.do("en"), "facts": refusal.facts,
    }  # fmt: skip
    return {"line": line.line, **intake.refused_as_json(line.event_id, problem)}


def _register() -> Actor:
    """Who takes in what lies in the folder: the system, for every city of this installation."""
    roots = db.session().scalars(select(Area.path).where(Area.parent_code.is_(None)).order_by(Area.path))
    return Actor(SYSTEM.id, SYSTEM.name, tuple(Grant(Role.PLATFORM_OWNER, path) for path in roots))


# --- reading ---------------------------------------------------------------------------------------------------------


def _lines(name: str, data: bytes, report: Report) -> Iterator[Line]:
    if name.lower().endswith(".csv"):
        rows = read_csv(data, COLUMNS, report, file=name)
        events = [(row.line, {key: cell.strip() for key, cell in row.cells.items() if cell.strip()}) for row in rows]
    else:
        text = read_text(data, report, name)
        events = [(at, _parsed(one)) for at, one in enumerate((text or "").split("\n"), start=1) if one.strip()]
    if len(events) > MOST_EVENTS:
        report.refuse(TOO_MANY, name, most=MOST_EVENTS)
        return
    for at, event in events:
        yield _read(at, event)


def _parsed(line: str) -> Any:
    try:
        return orjson.loads(line)
    except orjson.JSONDecodeError:
        return None


def _read(line: int, event: Any) -> Line:
    event_id = event.get("event_id") if isinstance(event, dict) else None
    event_id = event_id if isinstance(event_id, str) else None
    if nul := list(nul_in(event)):
        fields = [{"path": path, "problem": "含空字符 / holds a NUL"} for path in nul]
        return Line(line, None, Refusal("input.invalid", fields=fields))
    try:
        return Line(line, event_id, RegistryEventIn().load(event))
    except ValidationError as problem:
        return Line(line, event_id, Refusal("input.invalid", fields=fields_of(problem.normalized_messages())))


def _write(path: Path, receipt: dict[str, Any]) -> None:
    """The whole receipt or none, even over a loss of power: written beside, then put in its place."""
    beside = path.with_name(f".{path.name}.part")
    with beside.open("wb") as file:
        file.write(orjson.dumps(receipt, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE, default=str))
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
