"""The State Council's holiday notices, as they were published, against the published calendar; and notices with mistakes.

The texts are public documents (国办发明电 and the two changes of a year that had begun); letterhead and address are left out.
"""

from __future__ import annotations

from datetime import date

import pytest

from gridwatch.domain.notice_text import read_notice
from gridwatch.domain.worktime import CalendarDay, DayKind, WorkCalendar

CLOSING = (
    "节假日期间，各地区、各部门要妥善安排好值班和安全、保卫等工作，遇有重大突发事件，要按规定及时报告并妥善处置，"
    "确保人民群众祥和平安度过节日假期。"
)
ALL_SEVEN = "元旦、春节、清明节、劳动节、端午节、中秋节和国庆节"


def notice(year: int, signed: str, *items: str, before: str = "", advice: str = "") -> str:
    """A notice as it is pasted from the web page, with title, preamble, closing words and date."""
    return "\n".join([
        f"国务院办公厅关于{year}年", "部分节假日安排的通知", "各省、自治区、直辖市人民政府，国务院各部委、各直属机构：",
        f"　　{before}现将{year}年{ALL_SEVEN}放假调休日期的具体安排通知如下。", *(f"　　{item}" for item in items),
        f"　　{advice}{CLOSING}", "国务院办公厅", signed,
    ])  # fmt: skip


NOTICES: dict[int, list[str]] = {
    2018: [notice(
        2018, "2017年11月30日", "一、元旦：1月1日放假，与周末连休。",
        "二、春节：2月15日至21日放假调休，共7天。2月11日（星期日）、2月24日（星期六）上班。",
        "三、清明节：4月5日至7日放假调休，共3天。4月8日（星期日）上班。",
        "四、劳动节：4月29日至5月1日放假调休，共3天。4月28日（星期六）上班。", "五、端午节：6月18日放假，与周末连休。",
        "六、中秋节：9月24日放假，与周末连休。",
        "七、国庆节：10月1日至7日放假调休，共7天。9月29日（星期六）、9月30日（星期日）上班。",
        before="经国务院批准，",
    )],
    2019: [notice(
        2019, "2018年12月4日", "一、元旦：2018年12月30日至2019年1月1日放假调休，共3天。2018年12月29日（星期六）上班。",
        "二、春节：2月4日至10日放假调休，共7天。2月2日（星期六）、2月3日（星期日）上班。",
        "三、清明节：4月5日放假，与周末连休。", "四、劳动节：5月1日放假。", "五、端午节：6月7日放假，与周末连休。",
        "六、中秋节：9月13日放假，与周末连休。",
        "七、国庆节：10月1日至7日放假调休，共7天。9月29日（星期日）、10月12日（星期六）上班。",
        before="经国务院批准，",
    ), "国务院办公厅关于调整2019年劳动节假期安排的通知\n经国务院批准，现将调整2019年劳动节放假安排通知如下。\n"
       "一、2019年5月1日至4日放假调休，共4天。4月28日（星期日）、5月5日（星期日）上班。\n"
       "二、各地区、各部门要抓紧做好本地区、本领域的劳动节假期调整落实工作，采取有效措施，保障交通运力。\n"
       "三、劳动节期间，要妥善安排好值班和安全、保卫等工作。\n国务院办公厅\n2019年3月22日"],
    2020: [notice(
        2020, "2019年11月21日", "一、元旦：2020年1月1日放假，共1天。",
        "二、春节：1月24日至30日放假调休，共7天。1月19日（星期日）、2月1日（星期六）上班。",
        "三、清明节：4月4日至6日放假调休，共3天。",
        "四、劳动节：5月1日至5日放假调休，共5天。4月26日（星期日）、5月9日（星期六）上班。",
        "五、端午节：6月25日至27日放假调休，共3天。6月28日（星期日）上班。",
        "六、国庆节、中秋节：10月1日至8日放假调休，共8天。9月27日（星期日）、10月10日（星期六）上班。",
        before="经国务院批准，",
    ), "国务院办公厅关于延长2020年春节假期的通知\n经国务院批准，现将延长2020年春节假期的具体安排通知如下。\n"
       "一、延长2020年春节假期至2月2日（农历正月初九，星期日），2月3日（星期一）起正常上班。\n"
       "二、各地大专院校、中小学、幼儿园推迟开学，具体时间由教育部门另行通知。\n"
       "三、因疫情防控不能休假的职工，应根据《中华人民共和国劳动法》规定安排补休。\n国务院办公厅\n2020年1月26日"],
    2021: [notice(
        2021, "2020年11月25日", "一、元旦：2021年1月1日至3日放假，共3天。",
        "二、春节：2月11日至17日放假调休，共7天。2月7日（星期日）、2月20日（星期六）上班。",
        "三、清明节：4月3日至5日放假调休，共3天。",
        "四、劳动节：5月1日至5日放假调休，共5天。4月25日（星期日）、5月8日（星期六）上班。",
        "五、端午节：6月12日至14日放假，共3天。", "六、中秋节：9月19日至21日放假调休，共3天。9月18日（星期六）上班。",
        "七、国庆节：10月1日至7日放假调休，共7天。9月26日（星期日）、10月9日（星期六）上班。",
        before="经国务院批准，",
    )],
    2022: [notice(
        2022, "2021年10月25日", "一、元旦：2022年1月1日至3日放假，共3天。",
        "二、春节：1月31日至2月6日放假调休，共7天。1月29日（星期六）、1月30日（星期日）上班。",
        "三、清明节：4月3日至5日放假调休，共3天。4月2日（星期六）上班。",
        "四、劳动节：4月30日至5月4日放假调休，共5天。4月24日（星期日）、5月7日（星期六）上班。",
        "五、端午节：6月3日至5日放假，共3天。", "六、中秋节：9月10日至12日放假，共3天。",
        "七、国庆节：10月1日至7日放假调休，共7天。10月8日（星期六）、10月9日（星期日）上班。",
        before="经国务院批准，",
    )],
    2023: [notice(
        2023, "2022年12月8日", "一、元旦：2022年12月31日至2023年1月2日放假调休，共3天。",
        "二、春节：1月21日至27日放假调休，共7天。1月28日（星期六）、1月29日（星期日）上班。", "三、清明节：4月5日放假，共1天。",
        "四、劳动节：4月29日至5月3日放假调休，共5天。4月23日（星期日）、5月6日（星期六）上班。",
        "五、端午节：6月22日至24日放假调休，共3天。6月25日（星期日）上班。",
        "六、中秋节、国庆节：9月29日至10月6日放假调休，共8天。10月7日（星期六）、10月8日（星期日）上班。",
        before="经国务院批准，",
    )],
    2024: [notice(
        2024, "2023年10月25日", "一、元旦：1月1日放假，与周末连休。",
        "二、春节：2月10日至17日放假调休，共8天。2月4日（星期日）、2月18日（星期日）上班。"
        "鼓励各单位结合带薪年休假等制度落实，安排职工在除夕（2月9日）休息。",
        "三、清明节：4月4日至6日放假调休，共3天。4月7日（星期日）上班。",
        "四、劳动节：5月1日至5日放假调休，共5天。4月28日（星期日）、5月11日（星期六）上班。",
        "五、端午节：6月10日放假，与周末连休。", "六、中秋节：9月15日至17日放假调休，共3天。9月14日（星期六）上班。",
        "七、国庆节：10月1日至7日放假调休，共7天。9月29日（星期日）、10月12日（星期六）上班。",
        before="经国务院批准，",
    )],
    2025: [notice(
        2025, "2024年11月12日", "一、元旦：1月1日（周三）放假1天，不调休。",
        "二、春节：1月28日（农历除夕、周二）至2月4日（农历正月初七、周二）放假调休，共8天。1月26日（周日）、2月8日（周六）上班。",
        "三、清明节：4月4日（周五）至6日（周日）放假，共3天。",
        "四、劳动节：5月1日（周四）至5日（周一）放假调休，共5天。4月27日（周日）上班。",
        "五、端午节：5月31日（周六）至6月2日（周一）放假，共3天。",
        "六、国庆节、中秋节：10月1日（周三）至8日（周三）放假调休，共8天。9月28日（周日）、10月11日（周六）上班。",
        before="经党中央、国务院批准，根据2024年11月修订的《全国年节及纪念日放假办法》，自2025年1月1日起，全体公民放假的假日增加2天，"
        "其中春节、劳动节各增加1天。据此对放假调休原则作进一步优化完善，除个别特殊情形外，春节自农历除夕起放假调休8天，"
        "国庆节自10月1日起放假调休7天，劳动节放假调休5天。按照上述原则，",
    )],
    2026: [notice(
        2026, "2025年11月4日", "一、元旦：1月1日（周四）至3日（周六）放假调休，共3天。1月4日（周日）上班。",
        "二、春节：2月15日（农历腊月二十八、周日）至23日（农历正月初七、周一）放假调休，共9天。2月14日（周六）、2月28日（周六）上班。",
        "三、清明节：4月4日（周六）至6日（周一）放假，共3天。",
        "四、劳动节：5月1日（周五）至5日（周二）放假调休，共5天。5月9日（周六）上班。",
        "五、端午节：6月19日（周五）至21日（周日）放假，共3天。", "六、中秋节：9月25日（周五）至27日（周日）放假，共3天。",
        "七、国庆节：10月1日（周四）至7日（周三）放假调休，共7天。9月20日（周日）、10月10日（周六）上班。",
        before="经国务院批准，", advice="鼓励单位和个人结合落实带薪年休假等制度，实际形成较长假期，推动错峰出行。",
    )],
}  # fmt: skip

NOTHING = WorkCalendar({}, version=0, official_years=frozenset())


def imported(texts: list[str], known: WorkCalendar = NOTHING) -> WorkCalendar:
    """The calendar after these notices, one upon the other."""
    for text in texts:
        found = read_notice(text, known)
        assert found.problems == ()
        assert found.year is not None
        days = [CalendarDay(one.on, one.kind, one.name) for one in found.days]
        known = known.amended(days, known.version + 1, {found.year})
    return known


@pytest.mark.parametrize("year", NOTICES)
def test_a_real_notice_gives_exactly_the_published_year(year: int, calendar: WorkCalendar) -> None:
    read = imported(NOTICES[year])
    # The December of a year may belong to the notice of the next one.
    if year + 1 in NOTICES:
        read = imported(NOTICES[year + 1], read)
    whole = [date.fromordinal(n) for n in range(date(year, 1, 1).toordinal(), date(year + 1, 1, 1).toordinal())]
    differing = {
        on: (read.day(on), calendar.day(on))
        for on in whole
        if (read.day(on).kind, read.day(on).name) != (calendar.day(on).kind, calendar.day(on).name)
    }
    assert differing == {}


def test_width_of_signs_and_broken_lines_do_not_matter(calendar: WorkCalendar) -> None:
    narrow = NOTICES[2026][0].translate(str.maketrans("（），：", "(),:")).replace("至3日", "至3\n日").replace(" ", "")
    assert read_notice(narrow, NOTHING).days == read_notice(NOTICES[2026][0], NOTHING).days
    in_one_line = NOTICES[2026][0].replace("\n", " ")
    assert read_notice(in_one_line, NOTHING).days == read_notice(NOTICES[2026][0], NOTHING).days


@pytest.mark.parametrize(
    ("right", "wrong", "sentence", "says"),
    [
        ("放假调休，共9天", "放假调休，共8天", "2月15日", "2026-02-15 至 2026-02-23 是9天"),
        ("5月9日（周六）上班", "5月9日（周五）上班", "5月9日", "2026-05-09 是周六，不是周五"),
        ("5月9日（周六）上班", "5月8日上班", "5月8日", "不是周末"),
        ("至23日（农历正月初七、周一）", "至23日（农历正月初七、周二）", "2月15日", "2026-02-23 是周一"),
        ("五、端午节：6月19日（周五）至21日（周日）放假，共3天。", "", "端午节", "通知提到端午节，却没有它的安排"),
        ("6月19日（周五）至21日（周日）放假", "6月31日至7月2日放假", "6月31日", "没有6月31日"),
        ("5月9日（周六）上班", "5月9日（周六）部分单位上班", "5月9日", "无法理解"),
        ("10月10日（周六）上班", "10月3日（周六）上班", "10月3日", "写了两次"),
        ("共7天。9月20日", "共7天，前三天加班。9月20日", "10月1日", "无法理解"),
    ],
)  # fmt: skip
def test_a_notice_that_does_not_agree_with_itself_is_refused_with_its_sentence(
    right: str, wrong: str, sentence: str, says: str
) -> None:
    text = NOTICES[2026][0]
    assert right in text
    problems = read_notice(text.replace(right, wrong), NOTHING).problems
    assert len(problems) == 1
    assert sentence in problems[0].sentence
    assert says in problems[0].zh


def test_a_text_without_a_year_or_without_days_is_refused() -> None:
    assert read_notice("一、元旦：1月1日放假。", NOTHING).problems[0].zh.startswith("没有写明年份")
    assert read_notice("国务院办公厅关于2026年部分节假日安排的通知", NOTHING).problems[0].zh == "没有找到放假安排"


def test_a_lengthened_holiday_needs_the_notice_before_it() -> None:
    assert "此前没有导入春节的安排" in read_notice(NOTICES[2020][1], NOTHING).problems[0].zh
    later = read_notice(NOTICES[2020][1], imported(NOTICES[2020][:1]))
    assert [(day.on.isoformat(), day.kind) for day in later.days] == [
        ("2020-01-31", DayKind.HOLIDAY), ("2020-02-01", DayKind.HOLIDAY), ("2020-02-02", DayKind.HOLIDAY),
        ("2020-02-03", DayKind.MAKEUP),
    ]  # fmt: skip
