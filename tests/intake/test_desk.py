"""The intake desk: what is decided once, what follows from it, and that nobody but the clerk learns who complained."""

from __future__ import annotations

import json
import threading
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select, text

from gridwatch.audit.models import Event
from gridwatch.db.base import db
from gridwatch.domain.complaint_words import names_informant
from gridwatch.domain.permits import Role
from gridwatch.leads.models import Lead
from gridwatch.tasks.models import Task
from tests.fixtures import Caller, Clock, Work, World
from tests.intake.conftest import CONTACT, complains
from tests.tags.conftest import DOOR
from tests.web.browser import Browser

DESK = "/api/v1/complaints"
LEAD = {"category": "XS04", "description": "夜间经营烧烤，未见食品经营许可证"}


@pytest.fixture
def complaint(citizen, tag: str, clerk: Caller) -> str:
    """The id of a complaint by the tag, with a contact."""
    complains(citizen(), tag, contact=CONTACT)
    return clerk.get(DESK).body["items"][0]["id"]


def events(work: Work, subject: str) -> list[tuple[str, dict[str, Any]]]:
    with work() as session:
        rows = session.execute(select(Event.act, Event.data).where(Event.subject_id == subject).order_by(Event.no))
        return [(act, json.loads(data)) for act, data in rows]


def test_it_is_answered_on_the_spot(citizen, clerk: Caller, complaint: str, work: Work):
    answered = clerk.post(f"{DESK}/{complaint}/answer", {"text": "该店已补办油烟净化手续"})
    assert (answered.status, answered.body["state"]) == (200, "answered")
    page = citizen().get(f"/receipts?no={answered.body['receipt']}")
    assert "已答复" in page.text
    assert "该店已补办油烟净化手续" in page.text
    for act, body in (("answer", {"text": "再说一次"}), ("reject", {"reason": "不属实"}), ("lead", LEAD),
                      ("task", {"items": ["RG04"], "instruction": "看看"})):  # fmt: skip
        again = clerk.post(f"{DESK}/{complaint}/{act}", body)
        assert (again.status, again.body["code"]) == (409, "complaint.decided"), act
    assert [act for act, _ in events(work, complaint)] == ["complaint.received", "complaint.answered"]


def test_it_is_rejected_with_a_reason(citizen, clerk: Caller, complaint: str):
    rejected = clerk.post(f"{DESK}/{complaint}/reject", {"reason": "属劳动争议，请向仲裁委员会申请"}).body
    page = citizen().get(f"/receipts?no={rejected['receipt']}")
    assert rejected["state"] == "rejected"
    assert "不予受理" in page.text
    assert "仲裁" in page.text


def test_a_worker_is_sent_to_look(citizen, clerk: Caller, client: Caller, complaint: str, work: Work, world: World):
    made = clerk.post(f"{DESK}/{complaint}/task", {"items": ["RG04", "RG03"], "instruction": "晚间查看是否露天烧烤"})
    assert (made.status, made.body["state"]) == (200, "task")
    with work() as session:
        task = session.get_one(Task, made.body["task_id"])
        assert (task.kind, task.state, task.grid_code, task.items) == (
            "complaint",
            "issued",
            world.grid,
            ["RG04", "RG03"],
        )
        assert (task.address_code, str(task.due_on), task.reason) == (
            DOOR,
            "2026-09-28",
            "群众反映，请现场核查：晚间查看是否露天烧烤",
        )
    assert made.body["task_id"] in {one["id"] for one in client.as_("grid_worker").get("/api/v1/tasks").body["items"]}
    receipt = made.body["receipt"]
    assert "已安排现场核查" in citizen().get(f"/receipts?no={receipt}").text
    with work() as session:
        session.get_one(Task, made.body["task_id"]).state = "done"
    assert "现场核查已完成" in citizen().get(f"/receipts?no={receipt}").text


def test_a_lead_is_made_by_the_clerk(citizen, clerk: Caller, complaint: str, work: Work, world: World):
    made = clerk.post(f"{DESK}/{complaint}/lead", LEAD)
    assert (made.status, made.body["state"]) == (200, "lead"), made.body
    with work() as session:
        lead = session.get_one(Lead, made.body["lead_id"])
        assert (lead.source, lead.reporter_id) == ("complaint", world.people["intake_clerk"])
        assert (lead.state, lead.category) == ("reported", "XS04")
        assert (lead.grid_code, lead.community_code, lead.description) == (
            world.grid,
            world.community,
            LEAD["description"],
        )
    # A lead from a complaint is neither withdrawn nor voided (R16).
    gone = clerk.post(
        f"/api/v1/leads/{made.body['lead_id']}/steps",
        {"act": "withdraw", "expected_version": 1, "inputs": {"reason": "不查了"}},
    )
    assert (gone.status, gone.body["code"]) == (409, "lead.guard_failed"), gone.body
    assert "已转有关单位办理" in citizen().get(f"/receipts?no={made.body['receipt']}").text
    with work() as session:
        session.get_one(Lead, made.body["lead_id"]).state = "closed"
    assert "已办结" in citizen().get(f"/receipts?no={made.body['receipt']}").text


@pytest.mark.parametrize("leak", ["请电 13800138000 核实", "138 0013 8000", "周女士反映", "电话：1380013—8000"])
def test_a_text_that_tells_who_complained_is_refused(clerk: Caller, complaint: str, work: Work, leak: str):
    for act, body, field in (
        ("lead", {**LEAD, "description": f"油烟。{leak}"}, "description"), ("lead", {**LEAD, "title": leak}, "title"),
        ("task", {"items": ["RG04"], "instruction": leak}, "instruction"),
    ):  # fmt: skip
        refused = clerk.post(f"{DESK}/{complaint}/{act}", body)
        assert (refused.status, refused.body["code"]) == (422, "complaint.names_informant")
        assert [one["path"] for one in refused.body["facts"]["fields"]] == [field]
        assert "138" not in json.dumps(refused.body)
    with work() as session:
        assert session.scalars(select(Lead)).all() == []
    assert clerk.get(f"{DESK}/{complaint}").body["state"] == "received"


@pytest.mark.parametrize(("contact", "text", "told"), [
    (None, "13800138000", False), ("", "任何话", False), ("李先生 13800138000", "先生们", False), ("a@b.cn", "写信到 A@B.CN", True),
    ("微信 wx_12345678", "wx12345678", True), ("0769-2288", "拨打07692288", True), ("电话 13800138000", "店铺电话打不通", False),
])  # fmt: skip
def test_what_tells_an_informant(contact, text, told):
    assert names_informant(contact, "别的", text) is told


def test_the_contact_is_read_one_at_a_time_with_a_reason(clerk: Caller, complaint: str, work: Work):
    assert clerk.post(f"{DESK}/{complaint}/contact", {"reason": ""}).status == 422
    read = clerk.post(f"{DESK}/{complaint}/contact", {"reason": "核实摊位位置"})
    assert (read.status, read.body) == (200, {"contact": CONTACT})
    assert events(work, complaint)[-1] == ("complaint.contact_read", {"reason": "核实摊位位置"})
    other = clerk.post(DESK, {"source": "letter", "text": "匿名来信", "address_code": DOOR}).body
    assert clerk.post(f"{DESK}/{other['id']}/contact", {"reason": "核实"}).body["code"] == "complaint.no_contact"


def test_what_comes_by_other_roads_is_entered(clerk: Caller, world: World, work: Work):
    call = {"source": "12345", "source_no": "DG20260918001", "text": "鸿福路某处无证办幼儿园", "contact": CONTACT,
            "community_code": world.community, "address": "鸿福路200号后面"}  # fmt: skip
    made = clerk.post(DESK, call)
    assert (made.status, made.body["source_no"], made.body["address_text"]) == (200, "DG20260918001", "鸿福路200号后面")
    assert CONTACT not in json.dumps(made.body)
    for body, status, code in (
        (call, 409, "complaint.number_taken"), ({"source": "12345", "text": "哪里？"}, 422, "complaint.place_needed"),
        ({**call, "source_no": "2", "community_code": "110000001001"}, 404, "area.not_found"),
        ({**call, "source": "qr"}, 422, "input.invalid"),
        ({"source": "letter", "text": "x", "address_code": DOOR}, 422, "input.invalid"),
        ({"source": "letter", "text": "油烟", "address_code": "no"}, 404, "address.not_found"),
        ({"source": "letter", "text": "字" * 4_001, "address_code": DOOR}, 422, "input.invalid"),
        ({"source": "letter", "text": "油烟", "entity_id": "01a20dae-0000-7000-8000-000000000000"}, 404, "entity.not_found"),
    ):  # fmt: skip
        answer = clerk.post(DESK, body)
        assert (answer.status, answer.body["code"]) == (status, code), body
    # Without a grid the check waits for hand triage, and a lead needs the grid from the clerk.
    unplaced = clerk.post(f"{DESK}/{made.body['id']}/lead", {**LEAD, "category": "XS03"})
    assert (unplaced.status, unplaced.body["code"]) == (422, "lead.input_invalid")
    led = clerk.post(f"{DESK}/{made.body['id']}/lead", {**LEAD, "category": "XS03", "grid_code": world.grid})
    assert led.status == 200
    second = clerk.post(DESK, {**call, "source_no": None}).body
    tasked = clerk.post(f"{DESK}/{second['id']}/task", {"items": ["RG04"], "instruction": "找到地点"}).body
    with work() as session:
        task = session.get_one(Task, tasked["task_id"])
        assert (task.state, task.grid_code) == ("planned", None)


def test_two_who_decide_at_once_decide_once(clerk: Caller, client: Caller, complaint: str, work: Work):
    answers: list[int] = []
    bodies = [("lead", LEAD), ("answer", {"text": "已办"}), ("lead", LEAD), ("reject", {"reason": "不属实"})]
    people = [client.as_("intake_clerk") for _ in bodies]
    threads = [
        threading.Thread(
            target=lambda one=one, act=act, body=body: answers.append(
                one.post(f"{DESK}/{complaint}/{act}", body).status
            )
        )
        for one, (act, body) in zip(people, bodies, strict=True)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == [200, 409, 409, 409]
    with work() as session:
        assert len(session.scalars(select(Lead)).all()) == (clerk.get(f"{DESK}/{complaint}").body["state"] == "lead")


def test_only_the_intake_desk_sees_complaints(client: Caller, complaint: str, world: World):
    for role in Role:
        somebody = client.as_(role.value)
        statuses = {somebody.get(path).status for path in (DESK, f"{DESK}/{complaint}", "/api/v1/ratings")}
        assert statuses == ({200} if role is Role.INTAKE_CLERK else {403, 404}), role
        if role is not Role.INTAKE_CLERK:
            assert somebody.post(f"{DESK}/{complaint}/contact", {"reason": "想知道"}).status in (403, 404)
            assert somebody.post(DESK, {"source": "letter", "text": "代写", "address_code": DOOR}).status == 403


def test_who_complained_stands_in_one_table_alone(app: Flask, clerk: Caller, complaint: str, work: Work):
    """Not in the log, the feed, the lead, a notice or a count: every column of every other table is read."""
    clerk.post(f"{DESK}/{complaint}/contact", {"reason": "回访"})
    clerk.post(f"{DESK}/{complaint}/lead", LEAD)
    with app.app_context():
        holders = [
            table.name
            for table in db.metadata.sorted_tables
            if any(
                "0013" in str(value) or "周女士" in str(value)
                for row in db.session.execute(text(f'SELECT * FROM "{table.name}"'))
                for value in row
            )
        ]
    assert holders == ["complaint_contact"]


def test_the_desk_on_a_page(app: Flask, citizen, clerk: Caller, complaint: str, clock: Clock, world: World):
    browser = Browser(app)
    browser.signs_in("intake_clerk")
    listed = browser.get("/complaints")
    assert "投诉" in listed.text
    assert "烧烤" in listed.text
    assert CONTACT not in listed.html
    page = browser.get(f"/complaints/{complaint}")
    assert "已留，未显示" in page.text
    assert CONTACT not in page.html
    seen = browser.submit(page.form(f"/complaints/{complaint}", act="contact"), reason="回访")
    assert CONTACT in seen.text
    leaky = browser.submit(
        page.form(f"/complaints/{complaint}", act="lead"), category="XS04", description="周女士说油烟大"
    )
    assert leaky.status == 422
    assert "内容中出现了投诉人的联系方式" in leaky.text
    form = leaky.form(f"/complaints/{complaint}", act="lead")
    assert form.values["field.description"] == ["周女士说油烟大"]
    assert form.values["field.category"] == ["XS04"]
    empty = browser.post(f"/complaints/{complaint}", form.filled(category="", description=""))
    assert empty.status == 422
    assert "请改正这一项" in empty.text
    assert browser.submit(page.form(f"/complaints/{complaint}", act="task"), instruction="看看").status == 422
    done = browser.submit(form, description="夜间油烟大，未见许可证")
    assert done.status == 200
    assert "已办" in done.text
    assert "已转线索" in done.text
    assert "怎么处理" not in done.text
    assert browser.post(f"/complaints/{complaint}", {**form.filled(), "act": ["nonsense"]}).status == 400
    assert (
        browser.post(f"/complaints/{complaint}", {"act": "answer", "field.text": "好的"}).status == 403
    )  # not from a page of ours
    new = browser.get("/complaints/new")
    filled = {
        "source": "12345",
        "source_no": "9",
        "text": "占道",
        "community_code": world.community,
        "address": "某巷口",
    }
    assert browser.submit(new.forms[-1], **{**filled, "address": ""}).status == 422
    assert "某巷口" in browser.submit(new.forms[-1], **filled).text
    stranger = Browser(app)
    stranger.signs_in("street_dispatcher")
    assert stranger.get(f"/complaints/{complaint}").status == 404
