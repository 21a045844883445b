"""The days of a clock as people look at days: in weeks, each with its number in the count or the reason why it is skipped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from gridwatch.domain.statutory import english_name
from gridwatch.domain.worktime import DayKind
from gridwatch.web.pages import t


@dataclass(frozen=True, slots=True)
class Cell:
    """One day. `kind`: zero, counted, makeup, skipped, due, or outside of the count; `words` says what it is."""

    on: date
    kind: str
    number: int | None
    words: str
    is_today: bool


def weeks(lines: Sequence[Mapping[str, Any]], today: date) -> list[list[Cell]]:
    """Whole weeks, Monday first, from day zero to the due day. `lines` are those of `clocks.why`."""
    if not lines:
        return []
    by_day = {date.fromisoformat(line["on"]): line for line in lines}
    first, last = min(by_day), max(by_day)
    monday = first - timedelta(days=first.weekday())
    cells = []
    for offset in range((last - monday).days // 7 * 7 + 7):
        on = monday + timedelta(days=offset)
        cells.append(_cell(on, by_day.get(on), first, last, today))
    return [cells[start : start + 7] for start in range(0, len(cells), 7)]


def _cell(on: date, line: Mapping[str, Any] | None, first: date, last: date, today: date) -> Cell:
    if line is None:
        return Cell(on, "outside", None, "", on == today)
    if on == first:
        return Cell(on, "zero", None, t("起算日，不计", "day zero"), on == today)
    if line["counted"]:
        is_makeup = line["kind"] == DayKind.MAKEUP.value
        words = t("调休上班", "make-up") if is_makeup else ""
        kind = "due" if on == last else "makeup" if is_makeup else "counted"
        return Cell(on, kind, line["number"], t("到期", "due") if on == last else words, on == today)
    name = line["name"]
    return Cell(on, "skipped", None, t(name, english_name(name)) if name else t("休", "off"), on == today)
