"""The server's own pages: signing in, what waits for whom, refusals, both languages, what no page may hold."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable
from urllib.parse import urlencode

import pytest
from flask import Flask
from sqlalchemy import select, text

from gridwatch.areas.models import Area, Department
from gridwatch.domain.permits import Actor, Grant, Role
from gridwatch.leads import desk as desk_lists
from gridwatch.notices.models import Notice
from gridwatch.people.models import User
from gridwatch.places.models import Grid
from tests.fixtures import PASSWORD, Caller, Clock, Work, World, user_of
from tests.leads.desks import BASIS, PHOTO, Desk
from tests.sync import talk as sync
from tests.sync.talk import FILE
from tests.web.browser import Browser, Page

Reported = Callable[..., str]
Seat = Callable[[str], Desk]
Moved = Callable[[str], str]  # takes a lead along its road
CHINESE = re.compile(r"[\u3000-\u303f\u4e00-\u9fff\uff00-\uffef]+")


# -- signing in and out -----------------------------------------------------------------------------------------------


def test_whoever_is_not_signed_in_is_asked_to_and_comes_back(browse):
    browser = browse()
    asked = browser.get("/leads?state=street", follow=False)
    assert (asked.status, asked.headers["Location"]) == (302, "/sign-in?next=%2Fleads%3Fstate%3Dstreet")
    form = browser.get(asked.headers["Location"]).form("/sign-in")
    came = browser.submit(form, follow=False, username="street_dispatcher", password=PASSWORD)
    assert (came.status, came.headers["Location"]) == (303, "/leads?state=street")
    cookie = next(one for one in came.headers.getlist("Set-Cookie") if one.startswith("gridwatch_session="))
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert browser.get("/").title.startswith("待办")


ELSEWHERE = (
    "https://evil.example/", "//evil.example/", "/\\evil.example", "javascript:alert(1)", "home", "", "/a\nb", "///x",
)  # fmt: skip


def test_nobody_is_sent_to_another_site_after_signing_in(browse):
    for elsewhere in ELSEWHERE:
        browser = browse()
        form = browser.get(f"/sign-in?{urlencode({'next': elsewhere})}").form("/sign-in")
        assert form.values["next"] == ["/home"], elsewhere
        values = {**form.filled(username="auditor", password=PASSWORD), "next": [elsewhere]}
        assert browser.post("/sign-in", values, follow=False).headers["Location"] == "/home", elsewhere


def test_what_was_wrong_is_said_in_one_way(browse):
    known, unknown = (browse().signs_in(name, "wrong") for name in ("auditor", "nobody"))
    assert known.status == unknown.status == 401
    assert "用户名或密码不对" in known.text
    assert known.form("/sign-in").values["username"] == ["auditor"]
    assert "password" not in known.form("/sign-in").values or known.form("/sign-in").values["password"] == [""]

    def without_proof(page: Page) -> str:
        return re.sub(r"[0-9a-f]{64}|auditor|nobody", "", page.html)

    assert without_proof(known) == without_proof(unknown)


def test_a_locked_name_is_told_plainly(browse, clock: Clock):
    browser = browse()
    for _ in range(5):
        assert browser.signs_in("auditor", "wrong").status == 401
    locked = browser.signs_in("auditor")
    assert (locked.status, locked.headers["Retry-After"]) == (429, "900")
    assert "暂停登录" in locked.text
    assert "900 秒后再试" in locked.text
    clock.advance(minutes=15)
    assert browser.signs_in("auditor").status == 200


def test_a_sign_in_form_of_another_site_is_refused(browse):
    form = browse().get("/sign-in").form("/sign-in")  # a stranger's form, with the stranger's own proof
    victim = browse()
    victim.get("/sign-in")
    refused = victim.submit(form, username="auditor", password=PASSWORD)
    assert refused.status == 403
    assert "gridwatch_session" not in victim.cookies()


def test_signing_out_ends_it_and_needs_a_form_of_ours(browse):
    browser = browse("auditor")
    page = browser.get("/home")
    assert browser.post("/sign-out", {}, follow=False).status == 403
    assert browser.get("/home").title.startswith("待办")
    assert browser.submit(page.form("/sign-out")).title.startswith("登录")
    assert "gridwatch_session" not in browser.cookies()
    assert browser.get("/home").title.startswith("登录")


# -- what waits for whom ----------------------------------------------------------------------------------------------

DESKS_AFTER = {  # who has the lead on the desk after each stage of its road
    "reported": {"community_dispatcher"},
    "community": {"community_dispatcher", "community_handler"},
    "street": {"street_dispatcher"},
    "dispatched": {
        "department_receiver", "department_deputy", "case_officer", "department_leader",
        "department_receiver_2", "case_officer_2", "department_leader_2",
    },
}  # fmt: skip


def test_a_lead_waits_at_the_desk_that_owes_the_next_thing(browse, world: World, reported: Reported, desk: Seat):
    lead = reported(title="好味餐饮店")
    browsers = {name: browse(name) for name in world.people}

    def has_it() -> set[str]:
        return {name for name, browser in browsers.items() if f"/leads/{lead}" in browser.get("/home").links}

    assert has_it() == DESKS_AFTER["reported"]
    desk("community_dispatcher").does(lead, "accept", handler=world.people["community_handler"])
    assert has_it() == DESKS_AFTER["community"]
    desk("community_handler").does(lead, "record_handling", measure="guided", narrative="已告知")
    desk("community_dispatcher").does(lead, "submit_up", reason="要许可", proposed_department=world.department)
    assert has_it() == DESKS_AFTER["street"]
    desk("street_dispatcher").does(
        lead, "push", lead_department=world.department, assist_departments=[world.department_2], legal_basis=BASIS,
        summary="无证餐饮", evidence=[PHOTO],
    )  # fmt: skip
    assert has_it() - {"grid_worker"} == DESKS_AFTER["dispatched"]  # the finder hears of the push
    desk("department_receiver").does(lead, "sign_in", officer=world.people["department_leader"])
    assert "case_officer" not in has_it()  # another officer is named


def test_the_clock_is_shown_in_words_and_numbers_equal_their_lists(
    browse, clock: Clock, reported: Reported, pushed: Moved
):
    clock.set("2026-09-18 09:00")
    pushed(reported(title="甲店"))
    clock.set("2026-09-21 09:00")
    pushed(reported(title="乙店"))
    receiver = browse("department_receiver")
    assert [word in receiver.get("/home").text for word in ("剩3个工作日", "剩5个工作日")] == [True, True]
    clock.set("2026-09-24 09:00")  # five work days after Friday the 18th; the Sunday between is worked
    page = receiver.signs_in("department_receiver")
    assert "今天到期" in page.text
    assert page.text.index("甲店") < page.text.index("乙店")
    clock.set("2026-09-25 09:00")  # Mid-Autumn, a holiday: late, but by no work day yet
    page = receiver.signs_in("department_receiver")
    assert "逾期不足1个工作日" in page.text
    for words, clock_name, titles in (
        ("已逾期 1", "overdue", ["甲店"]), ("今日到期 0", "today", []), ("未到期 1", "later", ["乙店"]), ("全部 2", "", ["甲店", "乙店"]),
    ):  # fmt: skip
        assert words in page.text
        listed = receiver.get(f"/home?clock={clock_name}")
        assert [title for title in ("甲店", "乙店") if title in listed.text.split("新提醒")[0]] == titles, clock_name
    assert "甲店" in receiver.get("/home?state=dispatched").text
    assert "没有等您办的线索" in receiver.get("/home?state=street").text


def test_a_long_list_is_paged_by_the_day_and_costs_no_more(counted, browse, clock: Clock, reported: Reported):
    clock.set("2026-09-01 09:00")
    dispatcher, leads = browse("community_dispatcher"), []
    with counted() as for_none:
        dispatcher.get("/home")
    for number in range(23):
        clock.set(f"2026-09-{30 - number:02} 09:00")
        leads.append(reported(title=f"第{number}家"))
    clock.set("2026-09-30 12:00")
    dispatcher.signs_in("community_dispatcher")
    with counted() as for_many:
        first = dispatcher.get("/home")
    assert "共 23 条" in first.text
    seen = leads_in(first)
    assert seen == list(reversed(leads))[:20]  # the oldest report is due first
    rest = dispatcher.get(first.next_page)
    assert seen + leads_in(rest) == list(reversed(leads))
    assert len(for_many) <= 6, for_many
    assert len(for_many) == len(for_none)
    assert dispatcher.get("/home?cursor=nonsense").status == 422


@pytest.mark.parametrize("username", ["street_dispatcher", "community_handler", "case_officer", "grid_worker"])
def test_the_list_of_a_desk_goes_by_indexes(work: Work, clock: Clock, world: World, username: str):
    with work() as session:
        grants = [
            Grant(Role(one.role), one.area_path, one.department_code) for one in user_of(session, username).grants
        ]
        actor = Actor(world.people[username], username, tuple(grants))
        statement = desk_lists.waiting(actor).compile(session.get_bind(), compile_kwargs={"literal_binds": True})
        on_sqlite = session.get_bind().dialect.name == "sqlite"
        if not on_sqlite:
            session.execute(text("SET LOCAL enable_seqscan = off"))  # the tables are as good as empty
        asked = "EXPLAIN QUERY PLAN " if on_sqlite else "EXPLAIN "
        plan = [row[-1] for row in session.connection().exec_driver_sql(asked + str(statement))]
    assert len(plan) > 5
    assert not [line for line in plan if re.search(r"(SCAN|Seq Scan on) (lead|obligation|assignment)\b", line)], plan


def leads_in(page: Page) -> list[str]:
    """The leads that a page links to, each once, in its order; notices come after the list."""
    listed = [link.removeprefix("/leads/") for link in page.links if re.fullmatch(r"/leads/[0-9a-f-]{36}", link)]
    return list(dict.fromkeys(listed))


def test_the_ledger_lists_what_is_within_reach_ended_ones_too(
    browse, reported: Reported, desk: Seat, at_the_street: Moved
):
    kept, closed = reported(title="甲店"), reported(title="乙店", category="XS01")
    at_the_street(closed)
    desk("street_dispatcher").does(closed, "close_without_push", outcome="unfounded", reason="查无实据")
    auditor = browse("auditor")
    assert leads_in(auditor.get("/leads")) == [closed, kept]
    assert leads_in(auditor.get("/leads?state=closed")) == [closed]
    assert "没有时限在走" in auditor.get("/leads?state=closed").text
    number = desk("auditor").sees(kept)["no"]
    assert leads_in(auditor.get(f"/leads?no={number}")) == [kept]
    assert leads_in(browse("community_dispatcher_2").get("/leads")) == []
    assert leads_in(browse("department_receiver").get("/leads")) == []
    assert browse("administrator").get("/leads").status == 403


def test_notices_are_shown_until_they_are_put_away(browse, clock: Clock, world: World, reported, work: Work):
    lead = reported(title="甲店")
    with work() as session:
        for notice in session.scalars(select(Notice)):
            notice.sent_at = clock.now()
    dispatcher = browse("community_dispatcher")
    page = dispatcher.get("/home")
    assert "新提醒" in page.text
    (away,) = [form for form in page.forms if form.action.startswith("/home/notices/")]
    assert browse("street_dispatcher").post(away.action, away.values).status in (403, 404)
    assert "新提醒" not in dispatcher.submit(away).text
    assert leads_in(dispatcher.get("/home")) == [lead]


def test_the_menu_has_what_the_role_may_do(browse):
    blind = {Role.PLATFORM_OWNER, Role.ADMINISTRATOR, Role.SECURITY_OFFICER}
    for role in Role:
        page = browse(role.value).get("/home")
        wanted = {"/leads"} - ({"/leads"} if role in blind else set())
        wanted |= {"/tasks/queue"} if role is Role.STREET_DISPATCHER else set()
        assert (page.status, {"/leads", "/tasks/queue"} & set(page.links)) == (200, wanted), role


# -- refusals as pages ------------------------------------------------------------------------------------------------


def test_a_refusal_is_a_page_for_people_and_json_for_programs(
    app: Flask, browse, client: Caller, reported, world: World
):
    lead = reported()
    stranger = browse("community_dispatcher_2")
    hidden, missing = stranger.get(f"/leads/{lead}"), stranger.get("/leads/nothing")
    assert hidden.status == missing.status == 404
    assert "没有这条线索" in hidden.text
    assert "lead.not_found" in hidden.text
    assert re.sub(r"[0-9a-f]{16}|/leads/[^?]*", "", hidden.html) == re.sub(
        r"[0-9a-f]{16}|/leads/[^?]*", "", missing.html
    )
    assert stranger.get("/nowhere").status == 404
    assert stranger.get("/tasks/queue").status == 403
    assert client.as_("auditor").get("/leads/nothing").body["code"] == "lead.not_found"
    answer = stranger._http.get("/api/v1/leads/nothing", headers={"Accept": "text/html"})
    assert answer.mimetype == "application/problem+json"


def test_a_crash_is_told_without_its_reason(app: Flask, browse):
    def crash() -> str:
        raise ZeroDivisionError("something private")

    crash.permit_operation = "session.own"
    app.add_url_rule("/crash", view_func=crash)
    page = browse("auditor").get("/crash")
    assert page.status == 500
    assert "未做任何更改" in page.text
    assert "private" not in page.html


def test_what_was_typed_is_not_lost_when_the_sign_in_has_ended(browse, clock: Clock, reported):
    lead, browser = reported(), browse("community_dispatcher")
    form = browser.get(f"/leads/{lead}").step("return_to_reporter")
    clock.advance(hours=13)
    page = browser.submit(form, text="照片看不清门牌", lacks=["blurred"])
    assert page.status == 401
    assert "照片看不清门牌" in page.text
    assert form.values["csrf_token"][0] not in page.html
    foreign = browser.post(form.action, form.filled(text="来自别处"), **{"Sec-Fetch-Site": "cross-site"})
    assert "来自别处" not in foreign.text


# -- both languages, and what no page may hold ------------------------------------------------------------------------


@pytest.fixture
def every_page(
    browse, client: Caller, world: World, reported: Reported, desk: Seat, at_the_street: Moved, pushed: Moved
) -> Callable[[str], list[Page]]:
    """Every page there is, in one language: lists, a lead at every desk with its forms, a sheet, a refusal."""

    def pages(language: str) -> list[Page]:
        found = [browse("", language).get("/sign-in"), browse("", language).signs_in("nobody", "x")]
        roads = {"community_dispatcher": reported(), "community_handler": reported(), "street_dispatcher": reported()}
        desk("community_dispatcher").does(
            roads["community_handler"], "accept", handler=world.people["community_handler"]
        )
        at_the_street(roads["street_dispatcher"])
        working = pushed(reported())
        desk("department_receiver").does(working, "sign_in", officer=world.people["case_officer"])
        roads["case_officer"] = working
        for username, lead in roads.items():
            browser = browse(username, language)
            page = browser.get(f"/leads/{lead}")
            found += [page, browser.get("/home"), browser.get("/leads"), browser.get("/nowhere")]
            found += [browser.get(link) for link in page.links if link.endswith("/why")]
            found += [browser.submit(form) for form in page.forms if form.action.endswith("/steps")]  # all is missing
        found.append(browse("street_dispatcher", language).get("/tasks/queue"))
        return found + pages_about_phones(browse("street_dispatcher", language), client.as_("grid_worker"))

    return pages


def pages_about_phones(browser: Browser, worker: Caller) -> list[Page]:
    """The phones, the review queue in its three parts, and an item of each kind of question with a refused form."""
    told = {
        "category": "XS33",
        "title": "无证小餐馆",
        "description": "现场经营，未见食品经营许可证",
        "address": "鸿福路88号",
    }
    first = {
        "id": str(uuid.uuid4()), "device_no": 1, "kind": "lead.report", "captured_at": None, "payload": told, "files": [FILE],
    }  # fmt: skip
    sync.push(worker, first, {**first, "payload": {**told, "category": "XS03"}})
    sync.push(worker, {**first, "id": str(uuid.uuid4()), "kind": "suggestion.submit", "device_no": 3})
    sync.pull(worker, heartbeat={"device_id": worker.device_id, "unsent": 2, "storage_persisted": False})
    found = [browser.get(path) for path in ("/sync", "/sync/review", "/sync/review?view=records")]
    for link in found[1].links:
        if link.startswith("/sync/review/"):
            found.append(browser.get(link))
            forms = [form for form in found[-1].forms if "act" in form.values]
            found += [browser.submit(form) for form in forms]  # no reason
    refuse = next(form for form in found[3].forms if form.values.get("act") == ["refuse"])
    found.append(browser.submit(refuse, **{"field.reason": "无证餐饮"}))
    return [*found, browser.get("/sync/review?view=decided")]


def test_in_english_only_names_and_entries_are_chinese(every_page, work: Work):
    with work() as session:
        names = {
            name
            for column in (User.name, Area.name, Department.name, Grid.name)
            for name in session.scalars(select(column))
        }
    entries = {
        "无证小餐馆",
        "现场经营，未见食品经营许可证",
        "食品经营",  # words of it that the advice quotes
        "鸿福路88号",
        BASIS,
        "无证餐饮",
        "许可属部门职权",
        "中文",
        "测试手机",
    }
    for page in every_page("en-GB"):
        text = page.html
        for known in sorted(names | entries, key=len, reverse=True):
            text = text.replace(known, "")
        assert not CHINESE.findall(text), (page.title, CHINESE.findall(text))
        assert '<html lang="en">' in page.html


def test_in_chinese_no_sentence_is_english_and_no_page_holds_script_style_or_what_may_be_kept(every_page):
    for page in every_page("zh-CN"):
        words = re.sub(r"English|Gridwatch|SHA-256|Ctrl P|A4|[\w-]+_[\w-]+|[a-z]+\.[a-z_]+", "", page.text)
        assert not re.findall(r"[A-Za-z]{3,}(?: [A-Za-z]{2,})+", words), (page.title, words)
        assert not re.search(r"<script|javascript:|\sstyle=|\son\w+=", page.html), page.title
        assert page.headers["Cache-Control"] == "no-store"
        assert "script" not in page.headers["Content-Security-Policy"].replace("'unsafe-inline'", "")
        assert re.findall(r"<main id=\"content\"|<h1", page.html).count("<h1") == 1
        for form in page.forms:
            assert form.method == "get" or form.values["csrf_token"][0]
        ids = re.findall(r'\sid="([^"]+)"', page.html)
        assert len(ids) == len(set(ids)), page.title
        labels = set(re.findall(r'<label[^>]*for="([^"]+)"', page.html))
        assert labels <= set(ids)


def test_a_chosen_language_is_kept(browse):
    browser = browse("auditor")
    assert browser.get("/home?clock=later").links.count("/home?clock=later&lang=en") == 1
    assert browser.get("/home?lang=en").title.startswith("To do")
    assert browser.get("/home").title.startswith("To do")
    assert browser.get("/nowhere").title.startswith("There is nothing")
    assert browser.get("/home?lang=xx").title.startswith("To do")
    assert browser.get("/home?lang=zh").title.startswith("待办")


def test_files_are_kept_for_a_year_under_the_hash_of_their_content(browse):
    browser = browse()
    (css,) = re.findall(r'href="(/assets/gridwatch\.[^"]+)"', browser.get("/sign-in").html)
    kept = browser.get(css)
    assert kept.status == 200
    assert kept.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert kept.headers["Content-Type"].startswith("text/css")
    old = browser.get("/assets/gridwatch.000000000000.css")
    assert (old.status, old.html, old.headers["Cache-Control"]) == (200, kept.html, "no-cache")
    for path in ("/assets/gridwatch.css", "/assets/nothing.0.css", "/assets/", "/assets/..%2Fpages.py", "/assets/.css"):
        assert browser.get(path).status == 404, path
