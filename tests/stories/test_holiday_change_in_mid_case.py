"""A holiday notice, a change of one, or a typhoon comes while cases run: seen before it is imported, then done, then explained.

The notices of 2027 and the change of 2026 are made up for the stories, in the State Council's wording.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

from sqlalchemy import func, select

from gridwatch.areas.models import Area
from gridwatch.audit.models import Event
from gridwatch.audit.queries import breaks
from gridwatch.calendars.models import CalendarVersion
from gridwatch.calendars.queries import calendar_at, current_calendar
from gridwatch.leads.models import Lead, Obligation
from gridwatch.leads.verifying import broken_leads
from gridwatch.notices.models import Notice
from tests.fixtures import Caller, Clock, Work, World
from tests.leads.desks import Desk, duty
from tests.leads.test_steps import to_department

Seat = Callable[[str], Desk]
Tick = Callable[[], dict[str, Any]]

NOTICE_2027 = """国务院办公厅关于2027年部分节假日安排的通知
经国务院批准，现将2027年元旦、春节、清明节、劳动节、端午节、中秋节和国庆节放假调休日期的具体安排通知如下。
一、元旦：1月1日（周五）至4日（周一）放假调休，共4天。1月9日（周六）上班。
二、春节：2月5日（周五）至11日（周四）放假调休，共7天。1月31日（周日）、2月20日（周六）上班。
三、清明节：4月3日（周六）至5日（周一）放假，共3天。
四、劳动节：5月1日（周六）至5日（周三）放假调休，共5天。4月25日（周日）、5月8日（周六）上班。
五、端午节：6月9日（周三）放假1天，不调休。
六、中秋节：9月15日（周三）放假1天，不调休。
七、国庆节：10月1日（周五）至7日（周四）放假调休，共7天。9月26日（周日）、10月9日（周六）上班。
国务院办公厅
2026年12月14日"""

LONGER_OCTOBER = """国务院办公厅关于调整2026年国庆节假期安排的通知
经国务院批准，现将调整2026年国庆节放假安排通知如下。
一、2026年10月1日至9日放假调休，共9天。10月17日（星期六）上班。
国务院办公厅
2026年9月21日"""

TYPHOON = "date,kind,name\n2026-09-21,holiday,台风停工\n2026-09-22,holiday,台风停工\n"


def versions(work: Work) -> int:
    with work() as session:
        return session.scalar(select(func.count()).select_from(CalendarVersion)) or 0


def test_the_notice_of_next_year_is_seen_before_it_moves_anything(
    world: World, clock: Clock, desk: Seat, reported: Callable[..., str], client: Caller, work: Work, tick: Tick
) -> None:
    clock.set("2026-12-11 10:00")
    lead, next_door = reported(), reported(address_text="鸿福路90号")
    for one in (lead, next_door):
        to_department(desk, one, world)
    receiver, office = desk("department_receiver"), client.as_("administrator")
    announced = duty(receiver.sees(lead), "feedback", 1)
    assert (announced["due_on"], announced["provisional"]) == ("2027-01-04", True)
    before = versions(work)

    clock.set("2026-12-15 09:00")
    told = {"content": NOTICE_2027, "source": "国办发明电〔2026〕9号"}
    seen = office.post("/api/v1/calendars/preview", {**told, "limit": 1})
    assert seen.status == 200, seen.body
    assert (seen.body["form"], seen.body["years"], seen.body["conflicts"]) == ("text", [2027], [])
    assert seen.body["moved"] == {"obligation": 2, "task": 0}
    assert (
        seen.body["confirmed"] == 2
    )  # the second windows, 25 January: a day off and a day worked make up for each other
    rest = office.post("/api/v1/calendars/preview", {**told, "limit": 1, "cursor": seen.body["next_cursor"]}).body
    assert rest["next_cursor"] is None
    items = {one["subject"]: one for one in (*seen.body["items"], *rest["items"])}
    assert items.keys() == {lead, next_door}
    assert (items[lead]["id"], items[lead]["from"], items[lead]["to"]) == (
        announced["id"], {"on": "2027-01-04", "provisional": True}, {"on": "2027-01-05", "provisional": False},
    )  # fmt: skip
    assert [day["zh"] for day in items[lead]["why"]] == ["2027-01-04 由工作日改为放假（元旦）"]
    assert versions(work) == before  # nothing was written
    tick()
    assert duty(receiver.sees(lead), "feedback", 1) == announced

    made = office.post("/api/v1/calendars", told)
    assert (made.status, made.body["version"]) == (200, before + 1)
    tick()
    moved = duty(receiver.sees(lead), "feedback", 1)
    assert (moved["due_on"], moved["provisional"], moved["supersedes"]) == ("2027-01-05", False, announced["id"])
    second = duty(receiver.sees(lead), "feedback", 2)
    assert (second["due_on"], second["provisional"]) == ("2027-01-25", False)
    assert office.post("/api/v1/calendars", told).body["version"] is None  # all of it is known
    why = receiver.caller.get(f"/api/v1/leads/{lead}/obligations/{moved['id']}/why").body
    assert why["computed"]["calendar"]["source"] == "国办发明电〔2026〕9号"
    assert (why["computed"]["was"]["due_on"], why["computed"]["was"]["provisional"]) == ("2027-01-04", True)
    assert [day["on"] for day in why["computed"]["because"]] == ["2027-01-04"]
    with work() as session:
        assert list(broken_leads(session)) == []
        assert list(breaks(session)) == []


def test_a_notice_that_is_not_whole_or_not_right_is_refused_with_its_sentence(
    client: Caller, world: World, work: Work
) -> None:
    office = client.as_("administrator")
    wrong = NOTICE_2027.replace("1月9日（周六）", "1月9日（周日）")
    answer = office.post("/api/v1/calendars", {"content": wrong, "source": "测试"})
    assert (answer.status, answer.body["code"]) == (422, "calendar.notice_invalid")
    assert answer.body["facts"]["problems"] == [
        {
            "where": "1月9日(周日)上班",
            "zh": "2027-01-09 是周六，不是周日",
            "en": "2027-01-09 is not the weekday that it says",
        }
    ]
    part = "date,kind,name\n2027-01-01,holiday,元旦\n"
    answer = office.post("/api/v1/calendars/preview", {"content": part, "source": "测试"})
    assert answer.status == 422
    assert "2027-02-05" in answer.body["facts"]["problems"][0]["zh"]  # 春节 is not in it
    assert versions(work) == 0
    assert client.as_("grid_worker").post("/api/v1/calendars", {"content": part, "source": "测试"}).status == 403


def test_a_change_of_a_year_that_had_a_notice_names_the_days_and_only_extends(
    world: World, clock: Clock, desk: Seat, reported: Callable[..., str], client: Caller, work: Work, tick: Tick
) -> None:
    clock.set("2026-09-16 10:00")
    lead, done = reported(), reported(address_text="鸿福路90号")
    clock.set("2026-09-18 15:00")
    to_department(desk, lead, world)
    desk("community_dispatcher").does(done, "accept", handler=world.people["community_handler"])
    closed = {one["id"]: one for one in desk("street_dispatcher").sees(lead)["obligations"] if one["ended_on"]}
    assert closed

    clock.set("2026-09-22 09:00")
    told = {"content": LONGER_OCTOBER, "source": "国办发明电〔2026〕8号"}
    office = client.as_("supervision_office")
    seen = office.post("/api/v1/calendars/preview", told).body
    assert [(day["on"], day["was"], day["is"]) for day in seen["conflicts"]] == [
        ("2026-10-08", "work", "holiday"), ("2026-10-09", "work", "holiday"), ("2026-10-17", "weekend", "makeup"),
    ]  # fmt: skip
    moves = {(one["kind"], one["k"]): (one["from"]["on"], one["to"]["on"]) for one in seen["items"]}
    assert moves[("feedback", 1)] == ("2026-10-15", "2026-10-17")
    office.post("/api/v1/calendars", told)
    tick()

    after = desk("department_receiver").sees(lead)
    assert duty(after, "feedback", 1)["due_on"] == "2026-10-17"
    assert duty(after, "intervene")["due_on"] == "2026-09-24"  # no day of it changed
    assert all({one["id"]: one for one in after["obligations"]}.get(key, one) == one for key, one in closed.items())
    with work() as session:
        told_zh = session.scalars(
            select(Notice.text_zh).where(
                Notice.stage == "MOVED", Notice.recipient_id == world.people["department_receiver"]
            )
        ).all()
        assert any("2026-10-15改为2026-10-17" in text for text in told_zh)
        assert list(broken_leads(session)) == []


def test_a_typhoon_stops_one_street_and_no_other(
    world: World, clock: Clock, desk: Seat, reported: Callable[..., str], client: Caller, work: Work, tick: Tick
) -> None:
    clock.set("2026-09-18 10:00")
    lead, other = reported(), reported(address_text="鸿福路92号")
    to_department(desk, lead, world)
    to_department(desk, other, world)
    with work() as session:  # the second one lies in another street
        session.add(
            Area(code="441900005", name="万江街道", level="street", parent_code=world.city, path="441900/441900005/")
        )
        session.flush()
        moved_away = session.get_one(Lead, other)
        moved_away.area_path, moved_no = "441900/441900005/441900005001/", moved_away.no
    told = {"content": TYPHOON, "source": "南府〔2026〕31号", "area": world.street}
    office = client.as_("supervision_office")

    clock.set("2026-09-20 20:00")
    seen = office.post("/api/v1/calendars/preview", told).body
    assert {one["subject"] for one in seen["items"]} == {lead}
    (stopped,) = [one for one in seen["items"] if one["kind"] == "intervene"]
    assert (stopped["from"]["on"], stopped["to"]["on"]) == ("2026-09-24", "2026-09-29")
    assert [day["on"] for day in stopped["why"]] == ["2026-09-21", "2026-09-22"]
    assert office.post("/api/v1/calendars", told).status == 200
    tick()
    assert duty(desk("department_receiver").sees(lead), "intervene")["due_on"] == "2026-09-29"
    with work() as session:
        rows = session.scalars(
            select(Obligation).where(Obligation.lead_id == other, Obligation.kind == "intervene")
        ).all()
        assert [row.due_on for row in rows] == [date(2026, 9, 24)]
        assert current_calendar(session).is_work(date(2026, 9, 21))
        assert not current_calendar(session, world.path(world.community)).is_work(date(2026, 9, 21))
        assert calendar_at(session, 1).within(world.path(world.street)).is_work(date(2026, 9, 21))  # as it was

    # What begins in the street after the order is counted without those days from the start.
    later = reported(address_text="鸿福路94号")
    to_department(desk, later, world)
    assert (
        duty(desk("department_receiver").sees(later), "intervene")["due_on"] == "2026-09-30"
    )  # pushed on Sunday the 20th

    # The street lifts the order: what was announced and relied on is not drawn nearer.
    lifted = "date,kind\n2026-09-21,work\n2026-09-22,work\n"
    office.post("/api/v1/calendars", {**told, "content": lifted, "source": "南府〔2026〕32号"})
    tick()
    assert duty(desk("department_receiver").sees(lead), "intervene")["due_on"] == "2026-09-29"
    with work() as session:
        assert current_calendar(session, world.path(world.street)).is_work(date(2026, 9, 21))
        whole = [one for one in broken_leads(session) if one.lead != moved_no]  # the one whose row was moved by hand
        assert whole == []


def test_an_order_is_given_by_a_street_of_ones_own(client: Caller, world: World, work: Work) -> None:
    with work() as session:
        session.add(
            Area(code="441900005", name="万江街道", level="street", parent_code=world.city, path="441900/441900005/")
        )
    office = client.as_("supervision_office")

    def order(area: str) -> tuple[int, str]:
        answer = office.post("/api/v1/calendars", {"content": TYPHOON, "source": "南府〔2026〕31号", "area": area})
        return answer.status, answer.body.get("code", "")

    assert order("441900005") == (404, "area.not_found")
    assert order("441999999") == (404, "area.not_found")
    assert order(world.community) == (422, "calendar.area_too_small")
    assert order(world.street) == (200, "")
    with work() as session:
        assert session.scalars(select(Event.chain).where(Event.act == "calendar.imported")).all() == [world.street]
