"""Work days against the published calendar, worked examples, and a second, naive way of counting."""

from __future__ import annotations

import csv
import random
from dataclasses import FrozenInstanceError
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from gridwatch.domain import statutory
from gridwatch.domain.worktime import CalendarDay, DateOutsideCalendar, DayKind, Due, WorkCalendar, local_day

VECTORS = Path(__file__).parents[1] / "data/nancheng/calendar/deadline_vectors.csv"
ONE_DAY = timedelta(days=1)


def day(text: str) -> date:
    return date.fromisoformat(text)


def days(*texts: str) -> list[date]:
    return [day(text) for text in texts]


@pytest.fixture(scope="session")
def monday_to_friday() -> WorkCalendar:
    """What a system without holidays counts."""
    return WorkCalendar({}, version=1, official_years=frozenset(range(2018, 2028)))


@pytest.fixture(scope="session")
def without_makeup(calendar) -> WorkCalendar:
    """What a system with holidays but without make-up days counts."""
    kept = {on: d for on, d in calendar.days.items() if d.kind is not DayKind.MAKEUP}
    return WorkCalendar(kept, version=1, official_years=calendar.official_years)


# --- the published calendar ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("push", "five", "monday_friday_five", "no_makeup_five", "grid", "no_makeup_grid"),
    [
        ("2025-01-24", "2025-02-07", "2025-01-31", "2025-02-10",
         ("2025-02-20", "2025-03-13", "2025-04-03"), ("2025-02-24", "2025-03-17", "2025-04-08")),
        ("2025-03-10", "2025-03-17", "2025-03-17", "2025-03-17",
         ("2025-03-31", "2025-04-22", "2025-05-15"), ("2025-03-31", "2025-04-22", "2025-05-16")),
        ("2025-04-23", "2025-04-29", "2025-04-30", "2025-04-30",
         ("2025-05-16", "2025-06-09", "2025-06-30"), ("2025-05-19", "2025-06-10", "2025-07-01")),
        ("2025-09-22", "2025-09-28", "2025-09-29", "2025-09-29", ("2025-10-17", "2025-11-07"), ()),
        ("2025-09-26", "2025-10-10", "2025-10-03", "2025-10-13",
         ("2025-10-23", "2025-11-13", "2025-12-04"), ("2025-10-27", "2025-11-17", "2025-12-08")),
        ("2025-12-30", "2026-01-07", "2026-01-06", "2026-01-08",
         ("2026-01-21", "2026-02-11", "2026-03-10"), ("2026-01-22", "2026-02-12", "2026-03-13")),
        ("2026-02-11", "2026-02-25", "2026-02-18", "2026-02-26",
         ("2026-03-10", "2026-03-31", "2026-04-22"), ("2026-03-12", "2026-04-02", "2026-04-24")),
        ("2026-02-14", "2026-02-28", "2026-02-20", "2026-03-02",
         ("2026-03-13", "2026-04-03", "2026-04-27"), ("2026-03-16", "2026-04-07", "2026-04-28")),
        ("2026-02-18", "2026-02-28", "2026-02-25", "2026-03-02",
         ("2026-03-13", "2026-04-03", "2026-04-27"), ("2026-03-16", "2026-04-07", "2026-04-28")),
        ("2026-04-30", "2026-05-11", "2026-05-07", "2026-05-12",
         ("2026-05-25", "2026-06-15", "2026-07-07"), ("2026-05-26", "2026-06-16", "2026-07-08")),
        ("2026-09-18", "2026-09-24", "2026-09-25", "2026-09-28",
         ("2026-10-15", "2026-11-05", "2026-11-26"), ("2026-10-19", "2026-11-09", "2026-11-30")),
        ("2026-09-30", "2026-10-13", "2026-10-07", "2026-10-14",
         ("2026-10-27", "2026-11-17", "2026-12-08"), ("2026-10-28", "2026-11-18", "2026-12-09")),
        ("2026-12-10", "2026-12-17", "2026-12-17", "2026-12-17", ("2026-12-31",), ()),
        ("2026-12-11", "2026-12-18", "2026-12-18", "2026-12-18", (), ()),
    ],
)  # fmt: skip
def test_five_and_fifteen_work_days_after_a_push(
    push, five, monday_friday_five, no_makeup_five, grid, no_makeup_grid, calendar, monday_to_friday, without_makeup
):
    push = day(push)

    assert calendar.add(push, 5) == Due(day(five), provisional=False)
    assert [calendar.add(push, 15 * k) for k in range(1, len(grid) + 1)] == [Due(on) for on in days(*grid)]
    # The same pushes counted the two usual wrong ways: the reason why a calendar per day is needed.
    assert monday_to_friday.add(push, 5).on == day(monday_friday_five)
    assert without_makeup.add(push, 5).on == day(no_makeup_five)
    assert [without_makeup.add(push, 15 * k).on for k in range(1, len(no_makeup_grid) + 1)] == days(*no_makeup_grid)


def test_all_vectors_of_the_sample_data(calendar):
    with VECTORS.open(encoding="utf-8", newline="") as file:
        vectors = [
            (day(row["start_date"]), row["start_is_workday"] == "1", int(row["workdays_added"]), day(row["due_date"]))
            for row in csv.DictReader(file)
        ]
    assert len(vectors) == 2_000

    wrong = [v for v in vectors if calendar.add(v[0], v[2]).on != v[3] or calendar.is_work(v[0]) != v[1]]

    assert wrong == []


def test_every_published_day_has_its_kind(calendar, published_rows):
    wrong = [row["date"] for row in published_rows if calendar.is_work(day(row["date"])) != (row["is_workday"] == "1")]

    assert wrong == []


@pytest.mark.parametrize("year", [2025, 2026])
def test_a_year_has_248_work_days(year, calendar, monday_to_friday):
    whole_year = date(year - 1, 12, 31), date(year, 12, 31)

    assert calendar.count(*whole_year) == 248
    assert monday_to_friday.count(*whole_year) == 261


@pytest.mark.parametrize(
    ("first", "last", "pushes", "wrong_five", "wrong_fifteen", "most_days", "monday_friday_wrong_five"),
    [
        ("2025-01-01", "2025-12-31", 248, 30, 70, 9, 44),
        ("2026-01-01", "2026-11-30", 225, 25, 60, 10, 43),
    ],
)
def test_how_often_the_usual_ways_of_counting_are_wrong(
    first, last, pushes, wrong_five, wrong_fifteen, most_days, monday_friday_wrong_five,
    calendar, without_makeup, monday_to_friday,
):  # fmt: skip
    first, last = day(first), day(last)
    pushed_on = [on for i in range((last - first).days + 1) if calendar.is_work(on := first + i * ONE_DAY)]

    def errors(other: WorkCalendar, n: int) -> list[int]:
        gaps = [abs((calendar.add(on, n).on - other.add(on, n).on).days) for on in pushed_on]
        return [gap for gap in gaps if gap]

    assert len(pushed_on) == pushes
    assert len(errors(without_makeup, 5)) == wrong_five
    assert len(errors(without_makeup, 15)) == wrong_fifteen
    assert max(errors(without_makeup, 5) + errors(without_makeup, 15)) == most_days
    assert len(errors(monday_to_friday, 5)) == monday_friday_wrong_five


# --- years without a notice ---------------------------------------------------------------------------------------


def test_a_push_in_december_2026_is_answered_provisionally(calendar):
    assert calendar.add(day("2026-12-10"), 5) == Due(day("2026-12-17"), provisional=False)
    assert calendar.add(day("2026-12-10"), 15) == Due(day("2026-12-31"), provisional=False)
    assert calendar.add(day("2026-12-10"), 30).provisional is True
    # 1 January 2027 is a Friday and a statutory day.
    assert calendar.add(day("2026-12-11"), 15) == Due(day("2027-01-04"), provisional=True)


def test_a_year_between_two_official_ones_taints_what_steps_over_it():
    calendar = WorkCalendar({}, version=1, official_years=frozenset({2026, 2028}))

    assert calendar.add(day("2026-12-31"), 262) == Due(day("2028-01-12"), provisional=True)
    assert calendar.add(day("2028-01-03"), 5) == Due(day("2028-01-10"), provisional=False)


def test_a_provisional_day_taints_only_the_dates_that_step_over_it(calendar):
    unsure = calendar.amended([CalendarDay(day("2026-12-28"), DayKind.HOLIDAY, provisional=True)], version=2)

    assert unsure.add(day("2026-12-24"), 1) == Due(day("2026-12-25"), provisional=False)
    assert unsure.add(day("2026-12-25"), 1) == Due(day("2026-12-29"), provisional=True)
    assert unsure.add(day("2026-12-28"), 1) == Due(day("2026-12-29"), provisional=False)


def test_a_provisional_year_is_monday_to_friday_without_the_thirteen_statutory_days(calendar):
    statutory_2027 = days(
        "2027-01-01", "2027-02-05", "2027-02-06", "2027-02-07", "2027-02-08", "2027-04-05", "2027-05-01", "2027-05-02",
        "2027-06-09", "2027-09-15", "2027-10-01", "2027-10-02", "2027-10-03",
    )  # fmt: skip
    year = [date(2027, 1, 1) + i * ONE_DAY for i in range(365)]

    assert [on for on in year if calendar.day(on).kind is DayKind.HOLIDAY] == statutory_2027
    assert [on for on in year if calendar.is_work(on)] == [
        on for on in year if on.weekday() < 5 and on not in statutory_2027
    ]
    assert all(calendar.day(on).provisional for on in year)
    # 1 and 2 May are a weekend: no substitute on Monday (R4).
    assert calendar.is_work(day("2027-05-03"))


def test_days_that_a_notice_names_in_the_december_before_are_official():
    # The notice for 2019 made 29 December 2018 a make-up day and 31 December a holiday.
    notice = [
        CalendarDay(day("2018-12-29"), DayKind.MAKEUP, "元旦"),
        CalendarDay(day("2018-12-31"), DayKind.HOLIDAY, "元旦"),
        CalendarDay(day("2019-01-01"), DayKind.HOLIDAY, "元旦"),
    ]
    before = WorkCalendar({}, version=1, official_years=frozenset({2018}))

    after = before.amended(notice, version=2, official_years={2019})

    assert before.add(day("2018-12-28"), 1) == Due(day("2018-12-31"))
    assert after.add(day("2018-12-28"), 1) == Due(day("2018-12-29"), provisional=False)
    assert after.add(day("2018-12-29"), 1) == Due(day("2019-01-02"), provisional=False)
    assert (before.version, after.version) == (1, 2)
    only_2019 = WorkCalendar({d.on: d for d in notice}, version=1, official_years=frozenset({2019}))
    assert not only_2019.day(day("2018-12-31")).provisional
    assert only_2019.day(day("2018-12-28")).provisional


def test_after_the_table_of_lunar_dates_the_fixed_days_remain(calendar):
    holidays_2036 = [on for i in range(366) if calendar.day(on := date(2036, 1, 1) + i * ONE_DAY).name]

    assert holidays_2036 == days("2036-01-01", "2036-05-01", "2036-05-02", "2036-10-01", "2036-10-02", "2036-10-03")
    assert calendar.add(day("2035-12-31"), 1) == Due(day("2036-01-02"), provisional=True)
    assert "止于2035年" in calendar.explain(day("2036-03-03"), 1)[1].reason_zh
    assert "2035" in calendar.explain(day("2036-03-03"), 1)[1].reason_en
    assert "止于" not in calendar.explain(day("2035-03-05"), 1)[1].reason_zh
    assert calendar.add(day("2099-12-25"), 100).provisional


@pytest.mark.parametrize("year", range(2018, 2027))
def test_what_the_law_fixes_is_in_every_published_calendar(year, calendar):
    """The table of dates against nine years of notices: every statutory day is off, and for the same reason."""
    for on, name in statutory.statutory_days(year).items():
        published = calendar.day(on)
        assert published.kind is DayKind.HOLIDAY
        assert set(name.split("、")) <= set(published.name.split("、")), on


@pytest.mark.parametrize(
    ("year", "number"), [(2007, 10), (2013, 11), (2014, 11), (2020, 10), (2024, 11), (2025, 13), (2027, 13), (2031, 12)]
)
def test_how_many_days_the_law_grants(year, number):
    # 中秋 fell on 国庆 in 2020 and will in 2031: one day with two names.
    assert len(statutory.statutory_days(year)) == number


def test_the_eve_of_the_spring_festival_came_and_went():
    assert statutory.statutory_days(2013)[day("2013-02-09")] == "春节"
    assert day("2024-02-09") not in statutory.statutory_days(2024)
    assert statutory.statutory_days(2025)[day("2025-01-28")] == "春节"
    assert statutory.statutory_days(2031)[day("2031-10-01")] == "国庆节、中秋节"


@pytest.mark.parametrize("year", statutory.MOVING_DATES)
def test_moving_dates_agree_with_moon_and_sun(year):
    """正月初一, four days before 端午 and fourteen before 中秋 are new moons: whole lunar months apart.

    The true moon runs up to two days off the mean month; a date of the wrong month would be 29 off.
    """
    month = 29.530588
    spring, qingming, dragon_boat, mid_autumn = (date(year, *month_day) for month_day in statutory.MOVING_DATES[year])

    for new_moon in (dragon_boat - 4 * ONE_DAY, mid_autumn - 14 * ONE_DAY):
        months = (new_moon - spring).days / month
        assert abs(months - round(months)) * month < 2
    assert date(year, 1, 21) <= spring <= date(year, 2, 20)
    assert qingming == date(year, 4, int(year % 100 * 0.2422 + 4.81) - year % 100 // 4)


# --- a second way of counting -------------------------------------------------------------------------------------


def test_ten_thousand_random_counts_agree_with_plain_stepping(calendar, published_rows):
    off_2027 = {
        "01-01", "02-05", "02-06", "02-07", "02-08", "04-05", "05-01", "05-02", "06-09", "09-15",
        "10-01", "10-02", "10-03",
    }  # fmt: skip
    worked = {row["date"]: row["is_workday"] == "1" for row in published_rows}

    def is_work(on: date) -> bool:
        if on.year == 2027:
            return on.weekday() < 5 and f"{on:%m-%d}" not in off_2027
        return worked[on.isoformat()]

    def step(on: date, n: int, direction: int) -> date:
        while n:
            on += direction * ONE_DAY
            n -= is_work(on)
        return on

    chance = random.Random(20260310)
    for _ in range(10_000):
        start = date(2018, 6, 1) + chance.randrange(3_400) * ONE_DAY  # to September 2027
        n = chance.randint(1, 60)
        due = step(start, n, +1)
        before = step(start, n, -1)
        end = start + chance.randint(-5, 40) * ONE_DAY
        between = sum(is_work(start + i * ONE_DAY) for i in range(1, (end - start).days + 1))

        assert calendar.add(start, n) == Due(due, provisional=due.year == 2027), (start, n)
        assert calendar.subtract(start, n) == before, (start, n)
        assert calendar.count(start, end) == between, (start, end)


# --- why this date ------------------------------------------------------------------------------------------------


def test_the_sheet_tells_every_day_of_the_count(calendar):
    sheet = calendar.explain(day("2026-02-11"), 5)

    assert [(line.on.day, line.number, line.reason_zh) for line in sheet] == [
        (11, None, "起算日，不计入（民法典第二百零一条）"),
        (12, 1, "第1个工作日"),
        (13, 2, "第2个工作日"),
        (14, 3, "春节调休上班，第3个工作日"),
        *((on, None, "春节放假，不计入") for on in range(15, 24)),
        (24, 4, "第4个工作日"),
        (25, 5, "第5个工作日"),
    ]
    assert [line.counted for line in sheet] == [line.number is not None for line in sheet]
    assert sheet[3].reason_en == "Make-up work day (Spring Festival), work day 3"
    assert sheet[4].reason_en == "Holiday (Spring Festival), not counted"


def test_the_sheet_marks_what_is_not_published_yet(calendar):
    sheet = calendar.explain(day("2026-12-30"), 2)

    assert [(line.on.isoformat(), line.kind, line.number, line.provisional) for line in sheet] == [
        ("2026-12-30", DayKind.WORK, None, False),
        ("2026-12-31", DayKind.WORK, 1, False),
        ("2027-01-01", DayKind.HOLIDAY, None, True),
        ("2027-01-02", DayKind.WEEKEND, None, True),
        ("2027-01-03", DayKind.WEEKEND, None, True),
        ("2027-01-04", DayKind.WORK, 2, True),
    ]
    assert sheet[2].reason_zh == "元旦放假，不计入（暂定：2027年放假安排尚未公布或导入）"
    assert sheet[3].reason_en == (
        "Saturday, not counted (provisional: the holiday notice for 2027 is not published or imported yet)"
    )


def test_a_local_order_closes_a_day_and_keeps_its_document(calendar):
    closed = calendar.amended(
        [CalendarDay(day("2026-07-15"), DayKind.HOLIDAY, "台风停工", source="街道办通告第3号")], version=2
    )

    assert calendar.add(day("2026-07-14"), 1).on == day("2026-07-15")
    assert closed.add(day("2026-07-14"), 1) == Due(day("2026-07-16"))
    assert closed.day(day("2026-07-15")).source == "街道办通告第3号"
    assert closed.explain(day("2026-07-14"), 1)[1].reason_zh == "台风停工放假，不计入"


# --- instants, edges, refusals ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("instant", "on"),
    [
        ("2026-03-17T15:59:59.999999+00:00", "2026-03-17"),
        ("2026-03-17T16:00:00+00:00", "2026-03-18"),
        ("2026-03-17T16:30:00+00:00", "2026-03-18"),
        ("2026-03-17T23:59:59+08:00", "2026-03-17"),
        ("2026-03-18T00:00:00+08:00", "2026-03-18"),
    ],
)
def test_a_day_ends_at_midnight_in_china(instant, on):
    assert local_day(datetime.fromisoformat(instant)) == day(on)


def test_an_instant_is_not_taken_for_a_day(calendar):
    noon = datetime(2026, 3, 17, 12, tzinfo=UTC)

    with pytest.raises(ValueError, match="without offset"):
        local_day(noon.replace(tzinfo=None))
    for ask in (calendar.is_work, calendar.day, lambda d: calendar.add(d, 1), lambda d: calendar.subtract(d, 1)):
        with pytest.raises(TypeError, match="local_day"):
            ask(noon)


def test_day_zero_may_be_any_day(calendar):
    saturday_off, sunday_makeup = day("2025-04-26"), day("2025-04-27")

    assert calendar.add(saturday_off, 1).on == sunday_makeup
    assert calendar.add(sunday_makeup, 1).on == day("2025-04-28")
    assert calendar.subtract(sunday_makeup, 1) == day("2025-04-25")
    assert calendar.count(saturday_off, sunday_makeup) == 1
    assert calendar.count(sunday_makeup, saturday_off) == 0
    assert calendar.count(sunday_makeup, sunday_makeup) == 0


@pytest.mark.parametrize(
    "ask",
    [
        lambda calendar: calendar.day(date(1999, 12, 31)),
        lambda calendar: calendar.add(date(1999, 12, 31), 1),
        lambda calendar: calendar.add(date(2100, 12, 31), 1),
        lambda calendar: calendar.add(date(2101, 1, 1), 1),
        lambda calendar: calendar.subtract(date(2000, 1, 1), 1),
        lambda calendar: calendar.count(date(2100, 1, 1), date(2101, 1, 1)),
        lambda calendar: calendar.explain(date(2100, 12, 31), 5),
    ],
)
def test_the_calendar_ends_clearly(ask, calendar):
    with pytest.raises(DateOutsideCalendar) as refusal:
        ask(calendar)

    assert refusal.value.code == "calendar.day_outside"
    assert refusal.value.facts["day"] in {"1999-12-31", "2101-01-01"}
    assert isinstance(refusal.value, ValueError)


@pytest.mark.parametrize("n", [0, -1])
def test_a_count_begins_at_one(n, calendar):
    with pytest.raises(ValueError, match="at least 1"):
        calendar.add(day("2026-03-02"), n)
    with pytest.raises(ValueError, match="at least 1"):
        calendar.subtract(day("2026-03-02"), n)


@pytest.mark.parametrize(("on", "kind"), [("2026-03-07", DayKind.WORK), ("2026-03-02", DayKind.WEEKEND)])
def test_a_kind_that_contradicts_the_weekday_is_refused(on, kind):
    with pytest.raises(ValueError, match="cannot be of kind"):
        WorkCalendar.from_kinds({day(on): kind}, version=1, official_years={2026})


def test_a_calendar_cannot_be_changed(calendar):
    days_given = {day("2026-07-15"): CalendarDay(day("2026-07-15"), DayKind.HOLIDAY)}
    made = WorkCalendar(days_given, version=1, official_years={2026})
    days_given.clear()

    assert not made.is_work(day("2026-07-15"))
    with pytest.raises(TypeError):
        made.days[day("2026-07-16")] = CalendarDay(day("2026-07-16"), DayKind.HOLIDAY)
    with pytest.raises(FrozenInstanceError):
        made.version = 2
    with pytest.raises(ValueError, match="filed under"):
        WorkCalendar({day("2026-07-15"): CalendarDay(day("2026-07-16"), DayKind.WORK)}, 1, frozenset())
