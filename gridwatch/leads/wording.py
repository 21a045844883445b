"""What a reminder says: what is due, when, and what to do; for who owes it and for who oversees it. Chinese and English."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import NamedTuple

from gridwatch.domain.obligations import WINDOWED, ObligationKind, late_by, lateness_text_en, lateness_text_zh
from gridwatch.domain.worktime import WEEKDAYS_EN, WEEKDAYS_ZH, WorkCalendar

TITLE_MOST = 40  # characters of a lead's title in a reminder, whose text has 300 in all


class Text(NamedTuple):
    """One sentence in both languages."""

    zh: str
    en: str


class Duty(NamedTuple):
    """The name of a kind of duty, and what its owner is asked to do."""

    zh: str
    en: str
    do_zh: str
    do_en: str


# fmt: off
DUTIES: dict[ObligationKind, Duty] = {
    ObligationKind.TRIAGE_C: Duty("社区受理", "community triage", "请受理或退回补正", "Accept it or return it to the reporter"),
    ObligationKind.C_HANDLE: Duty("社区处置", "community handling", "请处置并登记，办不了的报街道", "Handle it or submit it to the street"),
    ObligationKind.RECHECK: Duty("复检", "recheck", "请上门复检并登记结果", "Check the place again and record the result"),
    ObligationKind.TRIAGE_S: Duty("街道分派", "street triage", "请推送部门或退回社区", "Push it to a department or send it back"),
    ObligationKind.INTERVENE: Duty("介入处理", "intervention", "请介入处理并登记", "Intervene and record it"),
    ObligationKind.FEEDBACK: Duty("反馈", "feedback", "请填写本期反馈", "Enter the feedback of this window"),
    ObligationKind.RULING: Duty("裁定", "ruling", "请对退回申请作出裁定", "Decide the request to return it"),
    ObligationKind.REWORK: Duty("返工", "rework", "请按核查意见整改后再报办结", "Put right what failed and report it done again"),
    ObligationKind.VERIFY: Duty("核查", "verification", "请安排现场核查并确认", "Have it verified on site and confirm"),
    ObligationKind.GROUP_DECIDE: Duty("领导小组决定", "decision of the leading group", "请研究并作出决定", "Decide it"),
    ObligationKind.CITY_FOLLOW: Duty("市级跟进", "follow-up with the city", "请向上级跟进并登记", "Follow it up and record it"),
    ObligationKind.RESUBMIT: Duty("补正", "resubmission", "请补正后再次上报", "Complete the report and send it again"),
    ObligationKind.PEER_ACK: Duty("外区签收", "peer's acknowledgement", "请联系对方签收", "Have the other district acknowledge it"),
    ObligationKind.REVIEW: Duty("挂账复核", "review of a shelved lead", "请复核挂账事项", "Review the shelved lead"),
}
# fmt: on


class About(NamedTuple):
    """The duty that a reminder speaks of, as far as its words need it. `owner` is the name of the unit that owes it."""

    kind: ObligationKind
    k: int
    due_on: date
    provisional: bool
    lead_no: str
    title: str
    owner: str


def reminder(about: About, on: date, calendar: WorkCalendar, *, overseer: bool) -> Text:
    """The reminder as read on the day `on`. `overseer`: for somebody who does not owe it and is to see to it."""
    duty = DUTIES[about.kind]
    name_zh, name_en = _name(about)
    title = _title(about)
    when = _when(about, on, calendar)
    if overseer:
        owes_zh, owes_en = (f"责任方：{about.owner}。", f" Owed by: {about.owner}.") if about.owner else ("", "")
        return Text(
            f"线索{about.lead_no}「{title}」的{name_zh}{when.zh}。{owes_zh}请督促办理。",
            f"Lead {about.lead_no} “{title}”: {name_en} {when.en}.{owes_en} Please see that it is done.",
        )
    return Text(
        f"线索{about.lead_no}「{title}」的{name_zh}{when.zh}。{duty.do_zh}。",
        f"Lead {about.lead_no} “{title}”: {name_en} {when.en}. {duty.do_en}.",
    )


def moved(about: About, old_due_on: date) -> Text:
    """Word to the receiver that a due day has moved (ruling R13)."""
    name_zh, name_en = _name(about)
    mark_zh, mark_en = ("（暂定）", " (provisional)") if about.provisional else ("", "")
    old, new, title = old_due_on.isoformat(), about.due_on.isoformat(), _title(about)
    return Text(
        f"线索{about.lead_no}「{title}」的{name_zh}期限由{old}改为{new}{mark_zh}。",
        f"Lead {about.lead_no} “{title}”: {name_en} was due on {old} and is now due on {new}{mark_en}.",
    )


def _name(about: About) -> Text:
    duty = DUTIES[about.kind]
    if about.kind in WINDOWED:
        return Text(f"第{about.k}期{duty.zh}", f"{duty.en} {about.k}")
    return Text(duty.zh, duty.en)


def _title(about: About) -> str:
    return about.title if len(about.title) <= TITLE_MOST else f"{about.title[: TITLE_MOST - 1]}…"


def _when(about: About, on: date, calendar: WorkCalendar) -> Text:
    due = about.due_on
    mark_zh, mark_en = ("（暂定）", " (provisional)") if about.provisional else ("", "")
    day_zh = f"{due.isoformat()}（{WEEKDAYS_ZH[due.weekday()]}）{mark_zh}"
    day_en = f"{WEEKDAYS_EN[due.weekday()]} {due.isoformat()}{mark_en}"
    late = late_by(due, on, calendar)
    if late is not None:
        return Text(f"已于{day_zh}到期，{lateness_text_zh(late)}", f"was due on {day_en}, {lateness_text_en(late)}")
    if on == due:
        return Text(f"今天{day_zh}到期", f"is due today, {day_en}")
    left = calendar.count(on, due)
    return Text(
        f"将于{day_zh}到期，还有{left}个工作日", f"is due on {day_en}, in {left} work day{'s' if left != 1 else ''}"
    )


class Counts(NamedTuple):
    """What a person's morning holds: duties due today, due soon, overdue, overdue ones of others, and new notices of steps."""

    today: int
    soon: int
    overdue: int
    oversees: int
    new: int


COUNTED: tuple[tuple[str, str], ...] = (  # in the order of Counts
    ("今天到期{}件", "{} due today"),
    ("2个工作日内到期{}件", "{} due within 2 work days"),
    ("逾期{}件", "{} overdue"),
    ("需督促{}件", "{} of others overdue"),
    ("新通知{}条", "{} new"),
)
URGENT_MOST = 2  # duties that a digest names


def digest(on: date, counts: Counts, first: Sequence[tuple[About, WorkCalendar]]) -> Text:
    """The one message of a morning: how many of what, and the most urgent by name.

    `first` is in order of urgency; each comes with the calendar of its area, by which it is late.
    """
    lines = [(line, count) for line, count in zip(COUNTED, counts, strict=True) if count]
    zh = "，".join(line[0].format(count) for line, count in lines)
    en = ", ".join(line[1].format(count) for line, count in lines)
    named = first[:URGENT_MOST]
    if named:
        zh += "。最急：" + "；".join(f"{one.lead_no}{_name(one).zh}{_short(one, on, there).zh}" for one, there in named)
        en += ". Most urgent: " + "; ".join(
            f"{one.lead_no} {_name(one).en}, {_short(one, on, there).en}" for one, there in named
        )
    day_zh, day_en = WEEKDAYS_ZH[on.weekday()], WEEKDAYS_EN[on.weekday()]
    return Text(f"{on.month}月{on.day}日（{day_zh}）：{zh}。", f"{day_en} {on.isoformat()}: {en}.")


def _short(about: About, on: date, calendar: WorkCalendar) -> Text:
    late = late_by(about.due_on, on, calendar)
    if late is not None:
        return Text(lateness_text_zh(late), lateness_text_en(late))
    mark_zh, mark_en = ("（暂定）", " (provisional)") if about.provisional else ("", "")
    if on == about.due_on:
        return Text("今天到期", "due today")
    return Text(f"{about.due_on.isoformat()}到期{mark_zh}", f"due on {about.due_on.isoformat()}{mark_en}")


def fast_lane(about: About, hours: int) -> Text:
    """The two-hourly reminder of a major hazard whose limit passed `hours` hours ago (ruling R9)."""
    title = _title(about)
    since_zh = f"已过{hours}小时" if hours else "刚过"
    since_en = f"passed {hours} hours ago" if hours else "has just passed"
    return Text(
        f"重大隐患线索{about.lead_no}「{title}」两小时时限{since_zh}，请立即分派，分派前每两小时提醒一次。",
        f"Major hazard, lead {about.lead_no} “{title}”: the two-hour limit {since_en}. Dispatch it at once; "
        "this reminder comes every two hours until then.",
    )
