"""The light of a clock: shape, colour and words for how it stands today. A colour never stands alone."""

from __future__ import annotations

from datetime import date, datetime
from typing import NamedTuple

from gridwatch.domain.obligations import (
    DEFAULT_POLICY,
    WINDOWED,
    ObligationKind,
    late_by,
    lateness_text_en,
    lateness_text_zh,
)
from gridwatch.domain.worktime import WorkCalendar
from gridwatch.leads.views import VERDICT_NAMES
from gridwatch.leads.wording import DUTIES


class Light(NamedTuple):
    """`colour`: ok, warn, late, or none where no clock runs."""

    colour: str
    zh: str
    en: str


def duty_words(kind: str, k: int) -> tuple[str, str]:
    """The name of a duty, with the number of its window: ("反馈 第2期", "feedback 2")."""
    duty = DUTIES[ObligationKind(kind)]
    windowed = ObligationKind(kind) in WINDOWED
    return (f"{duty.zh} 第{k}期", f"{duty.en} {k}") if windowed else (duty.zh, duty.en)


def running(kind: str, k: int, due_on: date, today: date, calendar: WorkCalendar) -> Light:
    """The light of an open duty: late once its day is over, a warning on the day, the work day before, and in the last third.

    A later window that has not begun has no light yet: what is entered today counts for the window before it (ruling R1).
    """
    late = late_by(due_on, today, calendar)
    if late is not None:
        missed = (
            ObligationKind(kind) is ObligationKind.FEEDBACK
        )  # a window is missed, and the next one runs (ruling R7)
        return Light(
            "late", f"{'缺失，' * missed}{lateness_text_zh(late)}", f"{'missed, ' * missed}{lateness_text_en(late)}"
        )
    if due_on == today:
        return Light("warn", "今天到期", "due today")
    left = calendar.count(today, due_on)
    whole = DEFAULT_POLICY.days[ObligationKind(kind)]
    if k > 1 and left >= whole:
        return Light("none", "预排", "to come")
    colour = "warn" if left <= 1 or left * 3 < whole else "ok"
    return Light(colour, f"剩{left}个工作日", f"{left} work day{'' if left == 1 else 's'} left")


def by_instant(due_at: datetime, now: datetime) -> Light:
    """The light of an open duty whose limit is an instant: a warning until it passes, late from then on (ruling R9)."""
    minutes = round((due_at - now).total_seconds() / 60)
    if minutes < 0:
        return Light("late", f"已超时{-minutes}分钟", f"{-minutes} min past its limit")
    return Light("warn", f"剩{minutes}分钟", f"{minutes} min left")


def ended(verdict: str) -> Light:
    """A duty that has ended has its verdict in words and no light: red is for what is late now."""
    return Light("none", *VERDICT_NAMES[verdict])
