"""What an import would change, before it is made: the calendar as it would be, the days of another kind, dates that move."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from gridwatch.calendars.reading import Draft
from gridwatch.domain.statutory import english_name
from gridwatch.domain.worktime import WORKED, CalendarDay, DayKind, Due, WorkCalendar

KIND_NAMES: dict[DayKind, tuple[str, str]] = {
    DayKind.WORK: ("工作日", "work day"),
    DayKind.WEEKEND: ("周末", "weekend"),
    DayKind.HOLIDAY: ("放假", "holiday"),
    DayKind.MAKEUP: ("调休上班", "make-up work day"),
}


@dataclass(frozen=True, slots=True)
class ChangedDay:
    """A day that is of another kind on the new calendar."""

    on: date
    was: CalendarDay
    becomes: CalendarDay

    @property
    def counts_otherwise(self) -> bool:
        """Whether it is a work day on one of the two calendars only: such a day moves dates."""
        return (self.was.kind in WORKED) != (self.becomes.kind in WORKED)

    def as_json(self) -> dict[str, Any]:
        """The day for readers, with a sentence in both languages."""
        (was_zh, was_en), (is_zh, is_en) = KIND_NAMES[self.was.kind], KIND_NAMES[self.becomes.kind]
        name = self.becomes.name or self.was.name
        in_zh, in_en = (f"（{name}）", f" ({english_name(name)})") if name else ("", "")
        return {
            "on": self.on.isoformat(), "was": self.was.kind.value, "is": self.becomes.kind.value, "name": name,
            "zh": f"{self.on} 由{was_zh}改为{is_zh}{in_zh}", "en": f"{self.on} was a {was_en}, is a {is_en}{in_en}",
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class OpenDate:
    """One open date held against a new calendar: an obligation of a lead, or a first check. `old` as stored, `new` as it would be.

    `subject_id` is the lead or the task that it stands in, `title` what people call that.
    """

    what: str  # obligation or task
    id: str
    subject_id: str
    no: str
    title: str
    kind: str
    k: int
    area_path: str
    counted_from: date
    old: Due
    new: Due

    @property
    def moves(self) -> bool:
        """Whether it becomes another day."""
        return self.new.on != self.old.on

    def reasons(self, changed: Sequence[ChangedDay]) -> list[ChangedDay]:
        """The days behind the move: those that count otherwise between the day it is counted from and the later of the two."""
        until = max(self.old.on, self.new.on)
        return [day for day in changed if day.counts_otherwise and self.counted_from < day.on <= until]


def with_draft(calendar: WorkCalendar, draft: Draft) -> WorkCalendar:
    """The calendar as it would be after the import."""
    version = calendar.version + 1
    days = [CalendarDay(day.on, day.kind, day.name, source=draft.source) for day in draft.days]
    if draft.area_path is not None:
        return calendar.ordered(draft.area_path, days, version)
    return calendar.amended(days, version, draft.years)


def changed_days(before: WorkCalendar, after: WorkCalendar, draft: Draft) -> list[ChangedDay]:
    """The days of another kind, in order: of the years that the notice decides, or of the area of the order."""
    if draft.area_path is not None:
        before, after = before.within(draft.area_path), after.within(draft.area_path)
    days = {day.on for day in draft.days}
    for year in set(draft.years) - before.official_years:
        first, last = date(year, 1, 1).toordinal(), date(year, 12, 31).toordinal()
        days |= {date.fromordinal(number) for number in range(first, last + 1)}
    return _changed(before, after, days)


def between(before: WorkCalendar, after: WorkCalendar, start: date, until: date) -> list[ChangedDay]:
    """The days in (start, until] that count otherwise on two calendars: why a date counted from `start` moved."""
    days = (date.fromordinal(number) for number in range(start.toordinal() + 1, until.toordinal() + 1))
    return [day for day in _changed(before, after, days) if day.counts_otherwise]


def _changed(before: WorkCalendar, after: WorkCalendar, days: Iterable[date]) -> list[ChangedDay]:
    pairs = [(on, before.day(on), after.day(on)) for on in sorted(days)]
    return [ChangedDay(on, was, becomes) for on, was, becomes in pairs if was.kind is not becomes.kind]


def conflicts(before: WorkCalendar, changed: Sequence[ChangedDay]) -> list[dict[str, Any]]:
    """The changed days on which an earlier notice of the same year had decided otherwise, with its paper."""
    return [
        {**day.as_json(), "earlier_source": day.was.source}
        for day in changed
        if not day.was.provisional and (day.on in before.days or day.on.year in before.official_years)
    ]
