"""The State Council's yearly holiday notice (部分节假日安排的通知) as days, from its own words.

Strict: the number of days and the weekdays that the notice names must agree with its dates, every sentence with dates must
be one of the forms below, and every holiday that it announces must be arranged. Whatever does not agree is named with its
sentence; nothing is guessed. The forms are those of the notices of 2013 to 2026, and of the two that changed a year that had
begun (22 March 2019, 26 January 2020).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta

from gridwatch.domain.worktime import CalendarDay, DayKind, WorkCalendar

_ITEM = re.compile(r"(?:^|(?<=[\s。:;]))[一二三四五六七八九十]{1,3}、")
_OF_YEAR = re.compile(r"(\d{4})年部分节假日安排|调整(\d{4})年|延长(\d{4})年|现将(\d{4})年")
_ANNOUNCED = re.compile(r"现将\d{4}年([^。\d]+?)放假")
_CHANGED_HOLIDAY = re.compile(r"\d{4}年(\w+?节|元旦)(?:假期|放假)")
_NAME = re.compile(r"^((?:元旦|\w{1,4}节)(?:(?:、|和)(?:元旦|\w{1,4}节))*):")
_DAY = r"(?:(?P<{0}y>\d{{4}})年)?(?:(?P<{0}m>\d{{1,2}})月)?(?P<{0}d>\d{{1,2}})日(?:\((?P<{0}w>[^)]*)\))?"
_FIRST, _LAST = _DAY.format("a"), _DAY.format("b")
_HOLIDAY = re.compile(rf"^(?:自|于)?{_FIRST}(?:(?:至|—|-|~){_LAST})?放假(?:调休)?(?P<n>\d+天)?(?P<more>(?:,[^,]+)*)$")
_LENGTHENED = re.compile(rf"^延长\d{{4}}年(?P<name>\w+?)假期至{_FIRST},{_LAST}起正常上班$")
_ONE_DAY = re.compile(_FIRST)
_PLAIN_DAY = re.sub(r"\?P<\w+>", "?:", _FIRST)
_WORKED = re.compile(rf"^(?:{_PLAIN_DAY}、)*{_PLAIN_DAY}上班$")
_SUBSTITUTE = re.compile(f"^{_FIRST}补休$")
_TOTAL = re.compile(r"^共(\d+)天$")
_NO_MORE = re.compile(r"^(?:不调休|与周(?:末|六|日)连休)$")
_WEEKDAY = re.compile(r"(?:周|星期)([一二三四五六日天])")
_RULES = re.compile(r"放假|上班|补休|调休|连休|公休|休息")
_DATE = re.compile(r"\d日")
_ADVICE = ("鼓励", "各地", "节假日期间", "因疫情")  # sentences that ask for something and arrange nothing

_WEEKDAYS = {"一": 0, "二": 1, "三": 2, "四": 3, "五": 4, "六": 5, "日": 6, "天": 6}
_MOST_DAYS = 15  # of one holiday; the longest so far had ten


@dataclass(frozen=True, slots=True)
class NoticedDay:
    """One day that a notice names, and the sentence that does."""

    on: date
    kind: DayKind
    name: str
    sentence: str


@dataclass(frozen=True, slots=True)
class Problem:
    """A sentence that cannot be right, and why, in both languages."""

    sentence: str
    zh: str
    en: str


@dataclass(frozen=True, slots=True)
class NoticeText:
    """What a notice says: its year, its days in order, and what is wrong with it. With problems it is not to be used."""

    year: int | None
    days: tuple[NoticedDay, ...]
    problems: tuple[Problem, ...]


class _Wrong(Exception):
    def __init__(self, zh: str, en: str) -> None:
        super().__init__(zh)
        self.zh, self.en = zh, en


def read_notice(text: str, known: WorkCalendar) -> NoticeText:
    """The days of a notice pasted as it was published, title and preamble with it or not. Raises nothing.

    `known` is the calendar before it: a notice that lengthens a holiday (2020) counts on from the last day known. Width of
    signs and digits, spaces and line ends do not matter. The year is that of the title or the preamble.
    """
    plain = unicodedata.normalize("NFKC", text)
    found = _OF_YEAR.search("".join(plain.split()))
    if found is None:
        return NoticeText(
            None, (), (Problem("", "没有写明年份：请连同标题粘贴", "the year is not said: paste the title too"),)
        )
    year = int(next(part for part in found.groups() if part))
    head, *items = _ITEM.split(plain)
    items = [_sentences(item) for item in items]
    head_text = "".join(head.split())
    about = _CHANGED_HOLIDAY.search(head_text) if "部分节假日" not in head_text else None
    named = about.group(1) if about else None
    days: list[NoticedDay] = []
    problems: list[Problem] = []
    arranged: set[str] = set()
    for sentences in items:
        name = named or ""
        if sentences and (title := _NAME.match(sentences[0])):
            name = title.group(1).replace("和", "、")
            sentences[0] = sentences[0][title.end() :]
            arranged.update(name.split("、"))
        for sentence in sentences:
            try:
                days += _read(sentence, name, year, known)
            except _Wrong as wrong:
                problems.append(Problem(sentence, wrong.zh, wrong.en))
    problems += _announced(head_text, arranged)
    problems += _twice(days)
    if not days and not problems:
        problems.append(Problem("", "没有找到放假安排", "no arrangement was found"))
    return NoticeText(year, tuple(sorted(days, key=lambda day: day.on)), tuple(problems))


def _sentences(item: str) -> list[str]:
    return [one for part in re.split("[。;]", item) if (one := "".join(part.split()))]


def _read(sentence: str, name: str, year: int, known: WorkCalendar) -> Iterator[NoticedDay]:
    if lengthened := _LENGTHENED.match(sentence):
        yield from _lengthened(sentence, lengthened, year, known)
    elif _WORKED.match(sentence):
        for on in _worked(sentence, year):
            yield NoticedDay(on, DayKind.MAKEUP, _named(name), sentence)
    elif holiday := _HOLIDAY.match(sentence):
        for on in _holiday(holiday, year):
            yield NoticedDay(on, DayKind.HOLIDAY, _named(name), sentence)
    elif _RULES.search(sentence) and _DATE.search(sentence) and not sentence.startswith(_ADVICE):
        raise _Wrong("这一句无法理解", "this sentence is not understood")


def _named(name: str) -> str:
    if not name:
        raise _Wrong("没有写明是哪个节日", "it does not say which holiday this is")
    return name


def _worked(sentence: str, year: int) -> Iterator[date]:
    month = None
    for found in _ONE_DAY.finditer(sentence):
        on = _day(found, "a", year, month)
        if on.weekday() < 5:
            raise _Wrong(f"{on} 不是周末，本来就上班", f"{on} is no weekend day and is worked anyway")
        month = on.month
        yield on


def _holiday(found: re.Match[str], year: int) -> Iterator[date]:
    first = _day(found, "a", year)
    last = _day(found, "b", first.year, first.month) if found["bd"] else first
    length = (last - first).days + 1
    if not 1 <= length <= _MOST_DAYS:
        raise _Wrong(f"{first} 至 {last} 不像一个假期", f"{first} to {last} is no holiday")
    totals = [found["n"].removesuffix("天")] if found["n"] else []
    substitutes = []
    for clause in found["more"].split(",")[1:]:
        if total := _TOTAL.match(clause):
            totals.append(total.group(1))
        elif substitute := _SUBSTITUTE.match(clause):
            substitutes.append(_day(substitute, "a", year))
        elif not _NO_MORE.match(clause):
            raise _Wrong(f"「{clause}」无法理解", f"“{clause}” is not understood")
    for total in totals:
        if int(total) != length:
            raise _Wrong(
                f"写的是{total}天，{first} 至 {last} 是{length}天",
                f"it says {total} days, {first} to {last} are {length}",
            )
    for number in range(length):
        yield first + timedelta(days=number)
    yield from substitutes


def _lengthened(sentence: str, found: re.Match[str], year: int, known: WorkCalendar) -> Iterator[NoticedDay]:
    name, last = found["name"], _day(found, "a", year)
    back = _day(found, "b", last.year, last.month)
    if back != last + timedelta(days=1):
        raise _Wrong(f"{last} 的次日不是 {back}", f"{back} is not the day after {last}")
    on, more = last, []
    while not _is_arranged(known.day(on), name):
        more.append(on)
        on -= timedelta(days=1)
        if len(more) > _MOST_DAYS:
            raise _Wrong(f"此前没有导入{name}的安排", f"no earlier arrangement of {name} is known")
    for on in reversed(more):
        yield NoticedDay(on, DayKind.HOLIDAY, name, sentence)
    yield NoticedDay(back, DayKind.MAKEUP, name, sentence)


def _is_arranged(day: CalendarDay, name: str) -> bool:
    return day.kind is DayKind.HOLIDAY and not day.provisional and name in day.name.split("、")


def _day(found: re.Match[str], group: str, year: int, month: int | None = None) -> date:
    """The day of a match: year and month as written, else those given. Its weekday, where one is written, must be right."""
    month = int(found[f"{group}m"]) if found[f"{group}m"] else month
    if month is None:
        raise _Wrong("日期没有写月份", "a day without its month")
    try:
        on = date(int(found[f"{group}y"] or year), month, int(found[f"{group}d"]))
    except ValueError:
        raise _Wrong(
            f"没有{month}月{found[f'{group}d']}日这一天", f"there is no day {found[f'{group}d']} in month {month}"
        ) from None
    weekday = _WEEKDAY.search(found[f"{group}w"] or "")
    if weekday and _WEEKDAYS[weekday.group(1)] != on.weekday():
        right = "一二三四五六日"[on.weekday()]
        raise _Wrong(f"{on} 是周{right}，不是周{weekday.group(1)}", f"{on} is not the weekday that it says")
    return on


def _announced(head: str, arranged: set[str]) -> Iterator[Problem]:
    """Holidays that the preamble announces and no item arranges: a part of the notice was not pasted."""
    announced = _ANNOUNCED.search(head)
    for name in re.split("[、和]", announced.group(1)) if announced else ():
        if name not in arranged:
            yield Problem(name, f"通知提到{name}，却没有它的安排", f"{name} is announced and not arranged")


def _twice(days: Iterable[NoticedDay]) -> Iterator[Problem]:
    seen: dict[date, NoticedDay] = {}
    for day in days:
        other = seen.setdefault(day.on, day)
        if other is not day:
            yield Problem(day.sentence, f"{day.on} 写了两次", f"{day.on} is named twice")
