"""The page that a citizen meets: what it shows, what it takes, what it never does."""

from __future__ import annotations

import re
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from sqlalchemy import func, select

from gridwatch.complaints import limits
from gridwatch.complaints.models import Complaint, ComplaintContact, PublicUse, Rating
from gridwatch.domain import tag_code
from gridwatch.domain.complaint_words import LIMITS
from tests.fixtures import Clock, Work, World
from tests.intake.conftest import CONTACT, complains, form_of
from tests.web.browser import Browser

NASTY = """<script>alert(1)</script>"><img src=x onerror=alert(2)> {{7*7}} ${7*7} '; DROP TABLE complaint; -- \u202e"""


def count(work: Work, model) -> int:
    with work() as session:
        return session.scalar(select(func.count()).select_from(model))


def test_a_citizen_sees_what_the_public_register_shows(citizen, tag: str, world: World):
    page = citizen().get(f"/t/{tag_code.grouped(tag).lower()}")
    assert page.status == 200
    for shown in (
        "鸿福路100号一楼",
        "鸿福便利店",
        "鸿福餐馆",
        "存续",
        "个体工商户",
        "2026年9月18日",
        tag_code.grouped(tag),
        "localhost",
    ):
        assert shown in page.text, shown
    for hidden in ("销售日用品", "网格员", world.grid, "first_check", *world.people.values()):
        assert hidden not in page.html, hidden
    english = citizen("en").get(f"/t/{tag}")
    assert "Complain or report" in english.text
    assert "投诉" not in english.text
    assert page.headers["Content-Language"] == "zh-CN"
    assert english.headers["Content-Language"] == "en"


def test_it_needs_no_script_and_sets_no_cookie(citizen, tag: str):
    browser = citizen()
    pages = [
        browser.get(f"/t/{tag}"),
        browser.get(f"/t/{tag}?lang=en"),
        complains(browser, tag),
        browser.get("/receipts?no=x&lang=en"),
        browser.get("/t/x"),
    ]
    for page in pages:
        assert "<script" not in page.html
        assert not re.search(r"\son\w+=", page.html)
        assert page.headers.getlist("Set-Cookie") == []
        assert (page.headers["X-Robots-Tag"], page.headers["Cache-Control"]) == ("noindex", "no-store")
    # The language goes along in links and forms.
    chosen = pages[1]
    assert form_of(chosen, "complaint").action == f"/t/{tag}?lang=en"
    assert "How far a complaint is" in browser.submit(form_of(chosen, "complaint"), text="too loud").text


def test_a_complaint_gives_a_receipt_that_says_how_far_it_is(citizen, tag: str, work: Work):
    browser = citizen()
    page = complains(browser, tag, contact=CONTACT)
    assert page.status == 200
    assert "已收到，等待受理员处理" in page.text
    (receipt,) = re.findall(r"[0-9A-Z]{4}-[0-9A-Z]{4}-[0-9A-Z]{4}-[0-9A-Z]{2}", page.text)
    assert CONTACT not in page.html
    assert "烧烤" not in page.html
    asked = citizen().get(f"/receipts?no={receipt.lower().replace('-', '+')}")
    assert "已收到" in asked.text
    wrong = citizen().get(f"/receipts?no={receipt[:-1]}{'0' if receipt[-1] != '0' else '1'}")
    assert wrong.status == 404
    assert "没有这个受理编号" in wrong.text
    with work() as session:
        made = session.scalars(select(Complaint)).one()
        assert (made.source, made.state, made.tag_code, made.entity_id) == ("qr", "received", tag, None)
        assert session.get_one(ComplaintContact, made.id).contact == CONTACT


@pytest.mark.parametrize(("kind", "typed", "field"), [
    ("complaint", {"text": "x" * 10_000}, "最多 500 字，现有 10000 字"), ("complaint", {"text": " \n "}, "请写明情况"),
    ("complaint", {"text": "油烟", "contact": "1" * 101}, "最多 100 字"), ("rating", {"stars": "6"}, "请选择 1 至 5 星"),
    ("rating", {"stars": "५"}, "请选择 1 至 5 星"), ("rating", {"stars": "5", "text": "好" * 501}, "最多 500 字"),
    ("rating", {}, "请选择 1 至 5 星"),
])  # fmt: skip
def test_what_does_not_fit_is_said_and_nothing_is_lost(citizen, tag: str, work: Work, kind, typed, field):
    browser = citizen()
    form = form_of(browser.get(f"/t/{tag}"), kind)
    page = browser.post(form.action, {**form.values, **{f"field.{name}": value for name, value in typed.items()}})
    assert page.status == 422
    assert field in page.text
    again = form_of(page, kind)
    assert again.values["form"] == form.values["form"]  # corrected, it is still the same form
    assert again.values["field.text"] == [typed.get("text", "").strip()]
    assert count(work, Complaint) == count(work, Rating) == 0


def test_windows_line_ends_count_once(citizen, tag: str, work: Work):
    browser = citizen()
    text = "\r\n".join(["油" * 49] * 10)
    assert browser.submit(form_of(browser.get(f"/t/{tag}"), "complaint"), text=text).status == 200
    with work() as session:
        assert session.scalars(select(Complaint.text)).one() == text.replace("\r\n", "\n")


def test_text_is_text_everywhere(app: Flask, citizen, tag: str, clerk):
    browser = citizen()
    refused = browser.submit(form_of(browser.get(f"/t/{tag}"), "complaint"), text=NASTY * 9, contact=NASTY[:100])
    assert refused.status == 422
    complains(browser, tag, text=NASTY)
    (one,) = clerk.get("/api/v1/complaints").body["items"]
    desk = Browser(app)
    desk.signs_in("intake_clerk")
    clerk.post(f"/api/v1/complaints/{one['id']}/answer", {"text": NASTY})
    pages = [
        refused, desk.get("/complaints?state=answered"), desk.get(f"/complaints/{one['id']}"),
        browser.get(f"/receipts?no={one['receipt']}"), browser.get("/receipts?no=%3Cscript%3Ealert(1)%3C/script%3E"),
    ]  # fmt: skip
    for page in pages:
        assert "<script>alert" not in page.html
        assert "<img src=x" not in page.html
    assert "49" not in pages[3].html.split("答复")[1].split("</dd>")[0]  # no template in it was run
    assert one["text"] == NASTY.strip()


def test_ratings_keep_no_contact_but_of_bad_ones(citizen, tag: str, work: Work, clerk):
    browser = citizen()
    for stars, contact, text in (
        ("5", CONTACT, ""),
        ("3", CONTACT, "一般"),
        ("1", "", "太吵"),
        ("2", CONTACT, "态度差"),
    ):
        page = browser.submit(form_of(browser.get(f"/t/{tag}"), "rating"), stars=stars, contact=contact, text=text)
        assert ("感谢您的评价" in page.text) == (stars != "2")
    assert "已收到" in page.text  # a bad one with a contact is a complaint: there is a receipt
    listed = clerk.get("/api/v1/ratings").body["items"]
    assert [(one["stars"], one["complaint_id"] is not None) for one in listed] == [
        (5, False),
        (3, False),
        (1, False),
        (2, True),
    ]
    assert count(work, ComplaintContact) == 1
    complaint = clerk.get(f"/api/v1/complaints/{listed[3]['complaint_id']}").body
    assert (complaint["stars"], complaint["text"], complaint["has_contact"]) == (2, "态度差", True)


def test_of_several_shops_one_can_be_meant(citizen, tag: str, clerk):
    browser = citizen()
    form = form_of(browser.get(f"/t/{tag}"), "complaint")
    shop = next(value for value in form.options["field.entity"] if value)
    browser.submit(form, text="短斤少两", entity=shop)
    browser.post(
        form.action,
        {**form.values, "form": [""], "field.text": "某处", "field.entity": "01a20dae-0000-7000-8000-000000000000"},
    )
    assert [one["entity_id"] for one in clerk.get("/api/v1/complaints").body["items"]] == [shop, None]


def test_tags_that_are_none_say_so_plainly_and_take_nothing(citizen, street, tag: str, work: Work):
    browser = citizen()
    form = form_of(browser.get(f"/t/{tag}"), "complaint").filled(text="油烟")
    new = street.post(f"/api/v1/tags/{tag}/replace").body["code"]
    replaced = browser.get(f"/t/{tag}")
    assert replaced.status == 200
    assert "已经更换" in replaced.text
    assert "鸿福路100号一楼" in replaced.text
    street.post(f"/api/v1/tags/{new}/void", {"reason": "内部原因"})
    foreign, guessed = tag_code.make_tag("110000", 5), tag_code.make_tag("441900", 5)
    for code, status, says in (
        (new, 410, "已经作废"), (foreign, 404, "其他城市"), (guessed, 404, "不是本系统的标签"), ("hello", 404, "不是本系统的标签"),
        ("字" * 200, 404, "不是本系统的标签"),
    ):  # fmt: skip
        for page in (browser.get(f"/t/{code}"), browser.post(f"/t/{code}", form)):
            assert (page.status, says in page.text) == (status, True), code
            assert "鸿福路" not in page.text
            assert "内部原因" not in page.text
    assert count(work, Complaint) == 0
    assert complains(browser, tag).status == 200  # by the replaced one one can still complain


def test_the_same_form_twice_makes_one_complaint(app: Flask, citizen, tag: str, work: Work):
    browser = citizen()
    form = form_of(browser.get(f"/t/{tag}"), "complaint")
    first, second = browser.submit(form, text="油烟"), browser.submit(form, text="油烟")
    assert first.text == second.text
    values = form_of(browser.get(f"/t/{tag}"), "complaint").filled(text="并发")
    rating = form_of(browser.get(f"/t/{tag}"), "rating").filled(stars="1", text="并发", contact="13800138000")
    answers: list[int] = []
    threads = [
        threading.Thread(target=lambda one=one: answers.append(Browser(app).post(f"/t/{tag}", one).status))
        for one in (values, rating) * 3
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [200] * 6
    assert (count(work, Complaint), count(work, Rating), count(work, ComplaintContact)) == (3, 1, 1)


def test_by_one_tag_so_many_an_hour_from_wherever(app: Flask, citizen, tag: str, work: Work, clock: Clock):
    clock.set("2026-09-18 09:10")
    most = LIMITS["tag"].most
    browser = citizen()

    def send(n: int):
        form = form_of(browser.get(f"/t/{tag}"), "complaint").filled(text=f"第{n}次")
        return browser.post(f"/t/{tag}", form, **{"X-Forwarded-For": f"203.0.113.{n}"})

    assert [send(n).status for n in range(most)] == [200] * most
    refused = send(most)
    assert (refused.status, refused.headers["Retry-After"]) == (429, "3000")  # to ten o'clock
    assert f"第{most}次" in refused.text
    assert "12345" in refused.text
    assert count(work, Complaint) == most
    clock.set("2026-09-18 10:00")
    assert send(most).status == 200


def test_from_one_address_so_many_and_the_address_is_not_kept(app: Flask, citizen, tag: str, work: Work, clock: Clock):
    clock.set("2026-09-18 09:59")
    browser, most = citizen(), LIMITS["client"].most
    form = form_of(browser.get(f"/t/{tag}"), "rating")

    def send(n: int, address: str = "203.0.113.7", forged: str = ""):
        said = {"X-Forwarded-For": f"{forged}{address}"}
        return browser.post(
            f"/t/{tag}", {**form.filled(stars="5"), "form": [f"00000000-0000-4000-8000-{n:012d}"]}, **said
        ).status

    assert [send(n) for n in range(most)] == [200] * most
    assert send(most) == send(most, forged="198.51.100.1, ") == 429  # what the client itself claims is worth nothing
    assert send(most, "203.0.113.8") == 200
    with work() as session:
        kept = " ".join(session.scalars(select(PublicUse.subject)))
        assert "203.0.113" not in kept
        assert limits.forget(session, clock.now() + timedelta(hours=23)) == 0
        assert limits.forget(session, clock.now() + timedelta(hours=26)) > 0


def test_a_client_has_another_name_each_day_and_one_for_its_whole_network():
    key = limits.client_key
    morning, night, tomorrow = (datetime(2026, 9, 18, hour, tzinfo=UTC) for hour in (1, 15, 17))
    assert key("s", "203.0.113.7", morning) == key("s", "203.0.113.7", night) != key("s", "203.0.113.7", tomorrow)
    assert (
        key("s", "2001:db8::1", morning) == key("s", "2001:db8::ffff", morning) != key("s", "2001:db8:0:1::1", morning)
    )
    assert key("s", "203.0.113.7", morning) != key("t", "203.0.113.7", morning)
    assert key("s", None, morning) == key("s", "", morning)


def test_parallel_posts_never_pass_the_limit(app: Flask, tag: str, work: Work):
    """Forty forms from one address, eight at a time, of which twenty may pass."""

    def send(n: int) -> int:
        values = {"kind": "rating", "form": f"00000000-0000-4000-8000-{n:012d}", "field.stars": "4"}
        return Browser(app).post(f"/t/{tag}", values).status

    with ThreadPoolExecutor(8) as threads:
        answers = sorted(threads.map(send, range(40)))
    most = LIMITS["client"].most
    assert answers == [200] * most + [429] * (40 - most)
    assert count(work, Rating) == most


def test_who_guesses_is_stopped(citizen, tag: str, work: Work, clock: Clock):
    browser, most = citizen(), LIMITS["guess"].most
    statuses = [browser.get(f"/t/{tag_code.make_tag('441900', n)}").status for n in range(most // 2)]
    statuses += [browser.get(f"/receipts?no={tag_code.make_receipt(n)}").status for n in range(most // 2)]
    assert statuses == [404] * most
    stopped = browser.get(f"/t/{tag}")
    assert stopped.status == 429
    assert int(stopped.headers["Retry-After"]) <= 600
    assert browser.get(f"/t/{tag}", **{"X-Forwarded-For": "203.0.113.9"}).status == 200  # others are not
    clock.advance(minutes=10)
    assert browser.get(f"/t/{tag}").status == 200
    # A slip of the hand is told by its check characters and costs nothing.
    assert [browser.get(f"/t/{tag[:-1]}{other}").status for other in "0123456789ABCDEF" * 5 if other != tag[-1]].count(
        429
    ) == 0
