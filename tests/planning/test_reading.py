"""The three forms in which a calendar is handed in give the same days; what is wrong is said with its place."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

import pytest

from gridwatch.calendars.changes import changed_days, conflicts, with_draft
from gridwatch.calendars.reading import Draft, read_draft
from gridwatch.domain.errors import Refusal
from gridwatch.domain.worktime import CalendarDay, DayKind, WorkCalendar
from tests.domain.test_notice_text import NOTHING, NOTICES

TEXT = NOTICES[2023][0]


def table(draft: Draft) -> str:
    """The days of a draft as a table."""
    return "date,kind,name\n" + "\n".join(f"{day.on},{day.kind.value},{day.name}" for day in draft.days)


def calendar_file(draft: Draft) -> str:
    """The same as a calendar file, one event a day."""
    marks = {DayKind.HOLIDAY: "（休）", DayKind.MAKEUP: "（班）"}
    events = [
        f"BEGIN:VEVENT\r\nUID:{day.on}\r\nDTSTART;VALUE=DATE:{day.on:%Y%m%d}\r\nSUM\r\n MARY:{day.name}{marks[day.kind]}\r\nEND:VEVENT\r\n"
        for day in draft.days
    ]
    return f"BEGIN:VCALENDAR\r\nVERSION:2.0\r\n{''.join(events)}END:VCALENDAR\r\n"


@pytest.mark.parametrize(("form", "written"), [("csv", table), ("ics", calendar_file)])
def test_a_table_and_a_calendar_file_say_what_the_notice_says(form: str, written: Callable[[Draft], str]) -> None:
    notice = read_draft(TEXT, NOTHING, source="国办发明电〔2022〕16号")
    assert (notice.form, notice.years) == ("text", [2023])
    assert notice.days[0].on == date(2022, 12, 31)  # the New Year of 2023 begins in the December before
    again = read_draft("\ufeff" + written(notice), NOTHING, source="另一来源")
    assert (again.form, again.days) == (form, notice.days)


@pytest.mark.parametrize(
    ("content", "where", "says"),
    [
        ("date,kind,name\n2026-02-30,holiday,春节\n", "line 2", "日期应写作"),
        ("date,kind,name\n2026-09-26,work,\n", "line 2", "不能是这一类"),
        ("date,kind,name\n2026-09-21,closed,台风\n", "line 2", "类别应为"),
        ("date,kind,name\n2026-09-21,holiday,台风\n2026-09-21,holiday,台风\n", "line 3", "写了两次"),
        ("date,kind,name,notice_year\n2026-09-21,holiday,台风,2027\n", "line 2", "通知年份"),
        ('date,kind,name\n2026-09-21,holiday,"台风\n', "line", "表格无法读取"),
        ("date,kind,name\n", "", "没有读到任何日期"),
        ("date,kind,name\n1999-09-21,holiday,台风\n", "line 2", "不在日历范围内"),
        ("BEGIN:VCALENDAR\nBEGIN:VEVENT\nDTSTART:20260921\nSUMMARY:台风\nEND:VEVENT\n", "台风", "应以「休」或「班」结尾"),
        ("BEGIN:VCALENDAR\nBEGIN:VEVENT\nSUMMARY:台风（休）\nEND:VEVENT\n", "台风", "起止日期无法读取"),
        ("今年国庆节放假七天", "", "没有写明年份"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_said_with_its_place(content: str, where: str, says: str) -> None:
    with pytest.raises(Refusal) as refused:
        read_draft(content, NOTHING, source="测试", area_path="441900/")
    (problem,) = refused.value.facts["problems"]
    assert where in problem["where"]
    assert says in problem["zh"]
    assert problem["en"]


def test_a_part_of_a_notice_never_passes_for_the_year() -> None:
    part = "date,kind,name\n2027-01-01,holiday,元旦\n"
    with pytest.raises(Refusal) as refused:
        read_draft(part, NOTHING, source="测试")
    missing = [problem["where"] for problem in refused.value.facts["problems"]]
    assert set(missing) == {"春节", "清明节", "端午节", "中秋节", "国庆节"}
    official = WorkCalendar({}, version=1, official_years=frozenset({2027}))
    assert read_draft(part, official, source="测试").years == [2027]  # a change of a year that has its notice


def test_days_that_differ_from_an_earlier_notice_are_named() -> None:
    earlier = WorkCalendar(
        {date(2019, 5, 1): CalendarDay(date(2019, 5, 1), DayKind.HOLIDAY, "劳动节", source="国办发明电〔2018〕15号")},
        version=1, official_years=frozenset({2019}),
    )  # fmt: skip
    draft = read_draft(NOTICES[2019][1], earlier, source="国办发明电〔2019〕3号")
    changed = changed_days(earlier, with_draft(earlier, draft), draft)
    assert [day.on.isoformat() for day in changed] == [
        "2019-04-28",
        "2019-05-02",
        "2019-05-03",
        "2019-05-04",
        "2019-05-05",
    ]
    assert [(day["on"], day["was"], day["is"]) for day in conflicts(earlier, changed)][:2] == [
        ("2019-04-28", "weekend", "makeup"), ("2019-05-02", "work", "holiday"),
    ]  # fmt: skip
    assert conflicts(NOTHING, changed_days(NOTHING, with_draft(NOTHING, draft), draft)) == []


def test_a_smaller_area_wins_and_a_neighbour_keeps_the_calendar_of_the_country() -> None:
    calendar = WorkCalendar({}, version=1, official_years=frozenset({2026}))
    on = date(2026, 9, 21)
    city = calendar.ordered("441900/", [CalendarDay(on, DayKind.HOLIDAY, "台风")], version=2)
    street = city.ordered("441900/441900004/", [CalendarDay(on, DayKind.WORK)], version=3)
    assert street.is_work(on)  # the country's
    assert not street.within("441900/441900005/441900005001/").is_work(on)  # the city's order holds there
    assert street.within("441900/441900004/441900004003/").is_work(on)  # the street's own word wins
    assert street.within("440100/") is street
    assert calendar.within("441900/") is calendar
    assert street.within("441900/441900004/").version == 3
