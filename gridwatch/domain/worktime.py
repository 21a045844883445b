"""Work days (工作日): which days count, the n-th work day after a day, and why a date is what it is.

A Chinese work day is a weekday that is not a holiday, or a weekend day named as make-up day (调休上班) by the yearly
notice. Counting follows 民法典 articles 201–203: the first day is not counted and the last one ends at 24:00.
A year without a published notice is provisional (暂定): it is answered from the law alone, flagged, and never refused
(ruling R4). Instants become days in UTC+08:00, which has no daylight saving.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta, timezone
from enum import StrEnum
from types import MappingProxyType

from gridwatch.domain import statutory
from gridwatch.domain.errors import Refusal

CHINA = timezone(timedelta(hours=8))
FIRST_YEAR, LAST_YEAR = 2000, 2100

WEEKDAYS_ZH = ("星期一", "星期二", "星期三", "星期四", "星期五", "星期六", "星期日")
WEEKDAYS_EN = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
DAY_ZERO = ("起算日，不计入（民法典第二百零一条）", "Day zero, not counted (Civil Code, art. 201)")


class DateOutsideCalendar(Refusal, ValueError):
    """A day before 2000 or after 2100 was asked for, or a count ran over that edge. Code `calendar.day_outside`."""

    def __init__(self, day: str) -> None:
        super().__init__("calendar.day_outside", day=day)


def local_day(instant: datetime) -> date:
    """The calendar day of an aware `instant` in China (UTC+08:00). Raises ValueError for an instant without offset."""
    if instant.utcoffset() is None:
        raise ValueError(f"instant without offset: {instant.isoformat()}")
    return instant.astimezone(CHINA).date()


class DayKind(StrEnum):
    """What a day is. `work` and `makeup` (调休上班) count; `weekend` and `holiday` do not."""

    WORK = "work"
    WEEKEND = "weekend"
    HOLIDAY = "holiday"
    MAKEUP = "makeup"


WORKED = frozenset({DayKind.WORK, DayKind.MAKEUP})


@dataclass(frozen=True, slots=True)
class CalendarDay:
    """One day: kind, holiday name (also of the make-up day that pays for it), and the document it rests on."""

    on: date
    kind: DayKind
    name: str = ""
    provisional: bool = False
    source: str = ""


@dataclass(frozen=True, slots=True)
class Due:
    """A due day; `provisional` (暂定) when it, or a day counted or stepped over on the way, has no notice yet."""

    on: date
    provisional: bool = False


@dataclass(frozen=True, slots=True)
class CountedDay:
    """One line of the "why this date" sheet. `number` is the place in the count, None for a day not counted."""

    on: date
    kind: DayKind
    name: str
    counted: bool
    number: int | None
    provisional: bool
    reason_zh: str
    reason_en: str

    def as_json(self) -> dict[str, object]:
        """The line for readers."""
        return {
            "on": self.on.isoformat(), "kind": self.kind.value, "name": self.name, "counted": self.counted, "number": self.number,
            "provisional": self.provisional, "reason": {"zh": self.reason_zh, "en": self.reason_en},
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Year:
    """The work days and the provisional days of one year as sorted day ordinals, for bisection."""

    number: int
    last: int
    work: list[int]
    provisional: list[int]

    def has_provisional(self, after: int, upto: int) -> bool:
        place = bisect_right(self.provisional, after)
        return place < len(self.provisional) and self.provisional[place] <= upto


@dataclass(frozen=True, eq=False)
class WorkCalendar:
    """An immutable calendar of the years 2000–2100.

    `days` are the days that a notice or a local order decides; a day that is not among them is an ordinary weekday or
    weekend when its year is in `official_years`, and provisional by law otherwise. A day in `days` wins in any year:
    the notice of one year may decide days of the December before it (2018-12-29). `version` is stored beside every
    date computed with this calendar. `local` are the days of local orders (停工停产, flood, typhoon) by area path; they
    count in that area alone, for which `within` gives the calendar. Every method raises DateOutsideCalendar at the edges
    of 2000–2100.
    """

    days: Mapping[date, CalendarDay]
    version: int
    official_years: frozenset[int]
    local: Mapping[str, Mapping[date, CalendarDay]] = field(default_factory=dict)
    _areas: dict[tuple[str, ...], WorkCalendar] = field(default_factory=dict, init=False, repr=False)
    _years: dict[int, _Year] = field(default_factory=dict, init=False, repr=False)

    def __post_init__(self) -> None:
        for given in (self.days, *self.local.values()):
            for on, day in given.items():
                _check_given(on, day)
        object.__setattr__(self, "days", MappingProxyType(dict(self.days)))
        object.__setattr__(self, "official_years", frozenset(self.official_years))

    @classmethod
    def from_kinds(
        cls,
        kinds: Mapping[date, DayKind],
        version: int,
        official_years: Iterable[int],
        names: Mapping[date, str] | None = None,
        source: str = "",
    ) -> WorkCalendar:
        """A calendar from plain kinds per day (only the days that differ from Mon–Fri are needed)."""
        names = names or {}
        days = {on: CalendarDay(on, DayKind(kind), names.get(on, ""), source=source) for on, kind in kinds.items()}
        return cls(days, version, frozenset(official_years))

    def amended(self, days: Iterable[CalendarDay], version: int, official_years: Iterable[int] = ()) -> WorkCalendar:
        """A new calendar with `days` laid over this one and `official_years` added: a notice or a local order."""
        merged = {**self.days, **{day.on: day for day in days}}
        return WorkCalendar(merged, version, self.official_years.union(official_years), self.local)

    def ordered(self, area_path: str, days: Iterable[CalendarDay], version: int) -> WorkCalendar:
        """A new calendar with a local order for an area and all below it; it wins over an earlier one for the same days."""
        theirs = {**self.local.get(area_path, {}), **{day.on: day for day in days}}
        return WorkCalendar(self.days, version, self.official_years, {**self.local, area_path: theirs})

    def within(self, area_path: str) -> WorkCalendar:
        """The calendar that counts in an area (`441900/441900004/`): this one, unless local orders reach it.

        Orders of the areas above it hold too; of two for one day that of the smaller area wins.
        """
        if not self.local:
            return self
        over = tuple(sorted(path for path in self.local if area_path.startswith(path)))  # from the root down
        if not over:
            return self
        if over not in self._areas:
            merged = {**self.days}
            for path in over:
                merged |= self.local[path]
            self._areas[over] = WorkCalendar(merged, self.version, self.official_years)
        return self._areas[over]

    def day(self, d: date) -> CalendarDay:
        """The day `d` with kind, name, source and whether it is provisional."""
        _check_asked(d)
        if d in self.days:
            return self.days[d]
        kind = DayKind.WEEKEND if d.weekday() >= 5 else DayKind.WORK
        if d.year in self.official_years:
            return CalendarDay(d, kind)
        name = statutory.statutory_days(d.year).get(d, "")
        return CalendarDay(d, DayKind.HOLIDAY if name else kind, name, provisional=True, source=statutory.SOURCE)

    def is_work(self, d: date) -> bool:
        """Whether `d` counts as a work day."""
        return self.day(d).kind in WORKED

    def add(self, d: date, n: int) -> Due:
        """The n-th work day after `d` (n ≥ 1). `d` itself is day zero, whatever kind of day it is (民法典 201)."""
        _at_least_one(n)
        year = self._year_of(d)
        start = d.toordinal()
        place = bisect_right(year.work, start) + n - 1
        provisional = False
        while place >= len(year.work):
            place -= len(year.work)
            provisional = provisional or year.has_provisional(start, year.last)
            year = self._year(year.number + 1)
        on = year.work[place]
        return Due(date.fromordinal(on), provisional or year.has_provisional(start, on))

    def subtract(self, d: date, n: int) -> date:
        """The n-th work day before `d` (n ≥ 1)."""
        _at_least_one(n)
        year = self._year_of(d)
        place = bisect_left(year.work, d.toordinal()) - n
        while place < 0:
            year = self._year(year.number - 1)
            place += len(year.work)
        return date.fromordinal(year.work[place])

    def count(self, after: date, upto: date) -> int:
        """How many work days lie in (after, upto]; 0 when `upto` is not later than `after`."""
        first, last = self._year_of(after), self._year_of(upto)
        if upto <= after:
            return 0
        whole = sum(len(self._year(number).work) for number in range(first.number, last.number))
        return whole + bisect_right(last.work, upto.toordinal()) - bisect_right(first.work, after.toordinal())

    def explain(self, start: date, n: int) -> list[CountedDay]:
        """Day by day from `start` (day zero) to `add(start, n)`: what each day is, and whether and why it counted."""
        due_on = self.add(start, n).on
        sheet = [_line(self.day(start), None, DAY_ZERO)]
        number = 0
        for ordinal in range(start.toordinal() + 1, due_on.toordinal() + 1):
            day = self.day(date.fromordinal(ordinal))
            if day.kind in WORKED:
                number += 1
                sheet.append(_line(day, number, _counted(day, number)))
            else:
                sheet.append(_line(day, None, _skipped(day)))
        return sheet

    def _year_of(self, d: date) -> _Year:
        _check_asked(d)
        return self._year(d.year)

    def _year(self, number: int) -> _Year:
        year = self._years.get(number)
        if year is None:
            first, last = date(number, 1, 1), date(number, 12, 31)
            _check_asked(last if number < FIRST_YEAR else first)
            days = [self.day(date.fromordinal(i)) for i in range(first.toordinal(), last.toordinal() + 1)]
            work = [day.on.toordinal() for day in days if day.kind in WORKED]
            provisional = [day.on.toordinal() for day in days if day.provisional]
            year = self._years[number] = _Year(number, last.toordinal(), work, provisional)
        return year


def _check_asked(d: date) -> None:
    # A datetime passes for a date, and in UTC it is silently the day before for eight hours out of 24.
    if isinstance(d, datetime):
        raise TypeError("a date is needed, not a datetime; use local_day()")
    if not FIRST_YEAR <= d.year <= LAST_YEAR:
        raise DateOutsideCalendar(d.isoformat())


def _at_least_one(n: int) -> None:
    if n < 1:
        raise ValueError(f"a number of work days is at least 1, got {n}")


def _check_given(on: date, day: CalendarDay) -> None:
    _check_asked(on)
    if day.on != on:
        raise ValueError(f"the day {day.on} is filed under {on}")
    # A make-up day may be a weekday: the lengthened holiday of 2020 named Monday 3 February as worked again.
    if day.kind is (DayKind.WORK if on.weekday() >= 5 else DayKind.WEEKEND):
        raise ValueError(f"{on} is a {WEEKDAYS_EN[on.weekday()]} and cannot be of kind {day.kind.value}")


def _line(day: CalendarDay, number: int | None, reason: tuple[str, str]) -> CountedDay:
    zh, en = reason
    if day.provisional:
        year = day.on.year
        zh += f"（暂定：{year}年放假安排尚未公布或导入）"
        en += f" (provisional: the holiday notice for {year} is not published or imported yet)"
        if not statutory.moving_dates_known(year):
            zh += f"（农历节日和清明的日期表止于{statutory.LAST_MOVING_YEAR}年，未计入）"
            en += f" (lunar holidays and Qingming are known to {statutory.LAST_MOVING_YEAR} only and left out)"
    return CountedDay(day.on, day.kind, day.name, number is not None, number, day.provisional, zh, en)


def _counted(day: CalendarDay, number: int) -> tuple[str, str]:
    if day.kind is DayKind.MAKEUP:
        name_en = f" ({statutory.english_name(day.name)})" if day.name else ""
        return f"{day.name}调休上班，第{number}个工作日", f"Make-up work day{name_en}, work day {number}"
    return f"第{number}个工作日", f"Work day {number}"


def _skipped(day: CalendarDay) -> tuple[str, str]:
    if day.kind is DayKind.HOLIDAY:
        name_en = f" ({statutory.english_name(day.name)})" if day.name else ""
        return f"{day.name}放假，不计入", f"Holiday{name_en}, not counted"
    weekday = day.on.weekday()
    return f"{WEEKDAYS_ZH[weekday]}，休息日，不计入", f"{WEEKDAYS_EN[weekday]}, not counted"
