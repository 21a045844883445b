"""What somebody hands in as a calendar: the notice's own words, a table (CSV) or a calendar file (ICS), read into days.

All three are held to the same: a notice for a year that has none yet must give every statutory holiday of that year, so
that a part of a notice never passes for the whole. Problems come together, each with the line or sentence it stands in.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

from gridwatch.calendars.service import NoticeDay
from gridwatch.domain.errors import Refusal
from gridwatch.domain.notice_text import read_notice
from gridwatch.domain.statutory import NEW_YEAR, statutory_days
from gridwatch.domain.worktime import FIRST_YEAR, LAST_YEAR, WORKED, DayKind, WorkCalendar

MOST_DAYS = 1_000
NAME_MOST = 20
_KINDS = {kind.value: kind for kind in DayKind} | {
    "工作日": DayKind.WORK, "周末": DayKind.WEEKEND, "节假日": DayKind.HOLIDAY, "调休上班": DayKind.MAKEUP,
}  # fmt: skip
_MARKS = {"休": DayKind.HOLIDAY, "班": DayKind.MAKEUP}  # in the summary of an event: 元旦（休）, 春节（班）
_SUMMARY = re.compile(r"^(.*?)[（(]?([休班])[）)]?$")
_ICS_DAY = re.compile(r"^(\d{4})(\d{2})(\d{2})")


@dataclass(frozen=True, slots=True)
class Draft:
    """What an import would bring: the days, the form they came in (text, csv, ics), and the paper.

    With `area_path` it is a local order (its `source` is the document number); the days count in that area alone.
    """

    days: tuple[NoticeDay, ...]
    form: str
    source: str
    area_path: str | None = None

    @property
    def years(self) -> list[int]:
        """The years that the notice decides."""
        return sorted({day.official_year for day in self.days})


@dataclass(frozen=True, slots=True)
class _Line:
    """A day as it was read, with the place for problems."""

    on: date
    kind: DayKind
    name: str
    year: int
    place: str


class _Problems(list[dict[str, str]]):
    def say(self, place: str, zh: str, en: str) -> None:
        self.append({"where": place, "zh": zh, "en": en})


def read_draft(content: str, known: WorkCalendar, *, source: str, area_path: str | None = None) -> Draft:
    """The days of a notice or, with `area_path`, of a local order; `known` is the calendar in force.

    Raises 422 `calendar.notice_invalid` with `problems`: [{where, zh, en}], every one that was found.
    """
    problems = _Problems()
    form = _form(content)
    lines = list({"csv": _of_table, "ics": _of_file, "text": _of_text}[form](content, known, problems))
    if not lines and not problems:
        problems.say("", "没有读到任何日期", "no day was found")
    _check_days(lines, problems)
    if not source.strip():
        problems.say("source", "须写明依据的文件", "the paper that it rests on is needed")
    if area_path is None and not problems:
        _check_whole(lines, known, problems)
    if problems:
        raise Refusal("calendar.notice_invalid", problems=problems[:100])
    days = sorted((NoticeDay(one.on, one.kind, one.name, one.year) for one in lines), key=lambda day: day.on)
    return Draft(tuple(days), form, source.strip()[:200], area_path)


def _form(content: str) -> str:
    first = content.lstrip("\ufeff \r\n\t").partition("\n")[0].strip().lower()
    if first.startswith("begin:vcalendar"):
        return "ics"
    return "csv" if "," in first and {"date", "日期"} & set(first.replace(" ", "").split(",")) else "text"


def _of_text(content: str, known: WorkCalendar, problems: _Problems) -> Iterator[_Line]:
    notice = read_notice(content, known)
    for wrong in notice.problems:
        problems.say(wrong.sentence, wrong.zh, wrong.en)
    for day in notice.days:
        yield _Line(day.on, day.kind, day.name, notice.year or day.on.year, day.sentence)


def _of_table(content: str, known: WorkCalendar, problems: _Problems) -> Iterator[_Line]:
    """Columns `date,kind,name`, and `notice_year` where a day belongs to the notice of the next year; others are passed over."""
    rows = csv.DictReader(io.StringIO(content.lstrip("\ufeff \r\n\t")), strict=True, skipinitialspace=True)
    try:
        for row in rows:
            place = f"第{rows.line_num}行 / line {rows.line_num}"
            cells = {
                str(name).strip().lower(): (value or "").strip()
                for name, value in row.items()
                if isinstance(value, str)
            }
            on = _date(cells.get("date") or cells.get("日期") or "")
            kind = _KINDS.get(cells.get("kind") or cells.get("类别") or "")
            name = cells.get("name") or cells.get("节日") or ""
            year = cells.get("notice_year") or cells.get("通知年份") or ""
            if on is None:
                problems.say(place, "日期应写作 2027-01-01", "a day is written 2027-01-01")
            elif kind is None:
                problems.say(place, f"类别应为 {'、'.join(_KINDS)} 之一", f"kind is one of {', '.join(_KINDS)}")
            elif year and not (year.isdecimal() and int(year) in (on.year, on.year + (on.month == 12))):
                problems.say(
                    place,
                    "通知年份应为当年，12月可为次年",
                    "notice_year is the year of the day, or in December the next",
                )
            else:
                yield _Line(on, kind, name, int(year) if year else _year_of(on, name), place)
    except csv.Error as wrong:
        problems.say(
            f"第{rows.line_num}行 / line {rows.line_num}", "表格无法读取", f"the table cannot be read: {wrong}"
        )


def _of_file(content: str, known: WorkCalendar, problems: _Problems) -> Iterator[_Line]:
    """Events of whole days whose summary ends with 休 or 班, as holiday calendars are published (RFC 5545)."""
    event: dict[str, str] | None = None
    for line in re.sub(r"\r?\n[ \t]", "", content.lstrip("\ufeff \r\n\t")).splitlines():
        name, _, value = line.partition(":")
        name = name.partition(";")[0].upper()
        if line.upper().startswith("BEGIN:VEVENT"):
            event = {}
        elif line.upper().startswith("END:VEVENT") and event is not None:
            yield from _of_event(event, problems)
            event = None
        elif event is not None:
            event[name] = value.strip()


def _of_event(event: dict[str, str], problems: _Problems) -> Iterator[_Line]:
    place = f"{event.get('DTSTART', '')} {event.get('SUMMARY', '')}".strip()
    first, end = _ics_day(event.get("DTSTART", "")), _ics_day(event.get("DTEND", event.get("DTSTART", "")))
    said = _SUMMARY.match(event.get("SUMMARY", ""))
    if first is None or end is None or not 0 <= (end - first).days <= 31:
        problems.say(place, "起止日期无法读取", "its days cannot be read")
    elif said is None:
        problems.say(place, "标题应以「休」或「班」结尾", "the summary ends with 休 (off) or 班 (worked)")
    else:
        for number in range(max(1, (end - first).days)):  # DTEND is the day after the last
            on = first + timedelta(days=number)
            name = said.group(1).strip()
            yield _Line(on, _MARKS[said.group(2)], name, _year_of(on, name), place)


def _year_of(on: date, name: str) -> int:
    """The year whose notice names a day: a New Year's holiday in December belongs to the next (2018-12-29, ruling R4)."""
    return on.year + (on.month == 12 and name == NEW_YEAR)


def _check_days(lines: list[_Line], problems: _Problems) -> None:
    if len(lines) > MOST_DAYS:
        problems.say("", f"一次最多 {MOST_DAYS} 天", f"at most {MOST_DAYS} days at once")
    seen: set[date] = set()
    for one in lines:
        if not FIRST_YEAR <= one.on.year <= LAST_YEAR:
            problems.say(one.place, f"{one.on} 不在日历范围内", f"{one.on} lies outside the calendar")
        if one.kind is (DayKind.WORK if one.on.weekday() >= 5 else DayKind.WEEKEND):
            problems.say(one.place, f"{one.on} 不能是这一类", f"{one.on} cannot be of this kind")
        if one.on in seen:
            problems.say(one.place, f"{one.on} 写了两次", f"{one.on} is named twice")
        if len(one.name) > NAME_MOST:
            problems.say(one.place, f"名称最多 {NAME_MOST} 个字", f"a name has at most {NAME_MOST} characters")
        seen.add(one.on)


def _check_whole(lines: list[_Line], known: WorkCalendar, problems: _Problems) -> None:
    """Of a year without a notice: every statutory holiday must be off, or only a part of the notice is here."""
    kinds = {one.on: one.kind for one in lines}
    for year in sorted({one.year for one in lines} - known.official_years):
        for on, name in statutory_days(year).items():
            kind = kinds.get(on, DayKind.WEEKEND if on.weekday() >= 5 else DayKind.WORK)
            if kind in WORKED:
                problems.say(
                    name, f"{year}年法定节假日 {on}（{name}）没有安排放假，通知不完整",
                    f"{on} ({name}), a statutory holiday of {year}, is not off: this is not the whole notice",
                )  # fmt: skip


def _date(value: str) -> date | None:
    try:
        return date.fromisoformat(value) if len(value) == 10 else None
    except ValueError:
        return None


def _ics_day(value: str) -> date | None:
    found = _ICS_DAY.match(value)
    return _date("-".join(found.groups())) if found else None
