"""The light of a clock: shape, colour and words for how it stands today. A colour never stands alone."""

from __future__ import annotations

from datetime import date
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

RUNNING = frozenset({"open", "due_today", "overdue", "missed"})
LATE_WORDS = {"overdue": ("", ""), "missed": ("缺失，", "missed, ")}


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


def light_of(verdict: str, kind: str, due_on: date, today: date, calendar: WorkCalendar) -> Light:
    """How a clock stands: late once its day is over; a warning on the day, the work day before, and in the last third.

    `verdict` is that of `clocks.verdict_of`; one that has ended gets its name and no light.
    """
    late = late_by(due_on, today, calendar)
    if verdict in LATE_WORDS and late is not None:
        zh, en = LATE_WORDS[verdict]
        return Light("late", zh + lateness_text_zh(late), en + lateness_text_en(late))
    if verdict not in RUNNING:
        return Light("none", *VERDICT_NAMES[verdict])
    if due_on == today:
        return Light("warn", "今天到期", "due today")
    left = calendar.count(today, due_on)
    colour = "warn" if left <= 1 or left * 3 < DEFAULT_POLICY.days[ObligationKind(kind)] else "ok"
    return Light(colour, f"剩{left}个工作日", f"{left} work day{'' if left == 1 else 's'} left")
