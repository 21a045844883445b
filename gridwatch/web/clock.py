"""The one clock. Everything that needs the time takes it as an argument; only edges (routes, jobs, commands) read it here."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from flask import current_app

from gridwatch.config import Settings, Unready


class ClockUnreadable(Unready):
    """GRIDWATCH_CLOCK_FILE does not hold one RFC 3339 time with an offset."""


def read_clock(settings: Settings) -> datetime:
    """The current instant in UTC: the system's, or the one in GRIDWATCH_CLOCK_FILE, read anew at each use."""
    if not settings.clock_file:
        return datetime.now(UTC)
    try:
        moment = datetime.fromisoformat(Path(settings.clock_file).read_text(encoding="utf-8").strip())
    except (OSError, ValueError) as problem:
        raise ClockUnreadable(f"GRIDWATCH_CLOCK_FILE={settings.clock_file}: {problem}") from problem
    if moment.tzinfo is None:
        raise ClockUnreadable(f"GRIDWATCH_CLOCK_FILE={settings.clock_file}: the time needs an offset, e.g. +08:00")
    return moment.astimezone(UTC)


def now() -> datetime:
    """The current instant in UTC, inside an application context."""
    return read_clock(current_app.config["GRIDWATCH"])


def rfc3339(moment: datetime | None) -> str | None:
    """An instant as the protocol writes it: UTC, milliseconds, Z."""
    if moment is None:
        return None
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"
