"""A citizen scans the tag on a door and complains; a lead is made and runs its course; nobody below the intake clerk learns who."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

from flask import Flask
from sqlalchemy import select, text

from gridwatch.audit.queries import breaks
from gridwatch.db.base import db
from gridwatch.leads.models import Lead
from gridwatch.leads.verifying import broken_leads
from gridwatch.places.models import Address
from tests.fixtures import Caller, Clock, Work, World
from tests.leads.desks import Desk
from tests.phone import Phone
from tests.web.browser import Browser

CONTACT = "周女士 138-0013-8000"
TOLD = "隔壁新开的烧烤店每晚烧到一点，我住二楼，孩子没法睡"
DOOR = "441900004003A001"


def test_a_citizen_scans_complains_and_is_told_but_not_told_on(
    app: Flask, world: World, clock: Clock, work: Work, client: Caller, desk: Callable[[str], Desk],
    phone: Callable[[str], Phone], tick: Callable[[], dict[str, Any]],
) -> None:  # fmt: skip
    # Friday the 18th: the street puts tags on the doors of the community.
    with work() as session:
        session.add(
            Address(
                code=DOOR, text="鸿福路100号一楼", street_code=world.street, community_code=world.community,
                area_path=world.path(world.community), grid_code=world.grid, road="鸿福路", house_no="100号", building="",
                lon=113.745, lat=23.015, datum="WGS84", accuracy_m=10.0,
            )
        )  # fmt: skip
    (tag,) = client.as_("street_dispatcher").post("/api/v1/tags", {"community": world.community}).body["new"]
    worker = phone("grid_worker")

    # Saturday night a neighbour scans it, complains, and leaves a telephone number.
    clock.set("2026-09-19 23:40")
    citizen = Browser(app)
    page = citizen.get(f"/t/{tag['code']}")
    assert "登记册中没有以此为地址的市场主体" in page.text
    receipt_page = citizen.submit(page.form(f"/t/{tag['code']}", kind="complaint"), text=TOLD, contact=CONTACT)
    (receipt,) = re.findall(r"[0-9A-Z]{4}-[0-9A-Z]{4}-[0-9A-Z]{4}-[0-9A-Z]{2}", receipt_page.text)

    # Monday: the intake clerk rings back to learn which shop it is, and makes a lead in her own words.
    clock.set("2026-09-21 09:05")
    clerk = client.as_("intake_clerk")
    (complaint,) = clerk.get("/api/v1/complaints?state=received").body["items"]
    assert complaint["text"] == TOLD
    assert "138" not in json.dumps(complaint)
    path = f"/api/v1/complaints/{complaint['id']}"
    assert clerk.post(f"{path}/contact", {"reason": "核实是哪一家"}).body == {"contact": CONTACT}
    assert clerk.post(f"{path}/lead", {"category": "XS04", "description": f"{TOLD}，电话13800138000"}).status == 422
    made = clerk.post(
        f"{path}/lead",
        {"category": "XS04", "title": "鸿福路100号夜间烧烤", "description": "夜间无证经营烧烤，油烟扰民"},
    )
    lead = made.body["lead_id"]
    assert "已转有关单位办理" in citizen.get(f"/receipts?no={receipt}").text

    # It lies at the community's desk and in the worker's grid like any other; the clerk stands there as its reporter.
    tick()
    assert desk("community_dispatcher").sees(lead)["source"] == "complaint"
    worker.sync()
    clock.set("2026-09-22 10:00")
    desk("community_dispatcher").does(lead, "accept", handler=world.people["community_handler"])
    tick()
    worker.sync()

    # Who looks for the complainant: every desk and its notices, the phone, and in the end the database:
    # only the one table has it.
    for username in world.people:
        somebody = client.as_(username)
        for asked in (
            f"/api/v1/leads/{lead}",
            f"/api/v1/leads/{lead}/timeline",
            "/api/v1/notices",
            path,
            f"{path}/contact",
            "/api/v1/complaints",
        ):
            answer = somebody.get(asked)
            said = answer.response.get_data(as_text=True)
            assert "13800138000" not in said.replace("-", ""), (username, asked)
            assert "周女士" not in said, (username, asked)
            assert TOLD not in said or username == "intake_clerk", (username, asked)
    held = json.dumps(worker.store.data, default=str, ensure_ascii=False)
    assert "夜间无证经营烧烤" in held
    assert "周女士" not in held
    assert TOLD not in held
    with app.app_context():
        holders = {
            table.name
            for table in db.metadata.sorted_tables
            for row in db.session.execute(text(f'SELECT * FROM "{table.name}"'))
            if "周女士" in str(row) or "138-0013" in str(row)
        }
    assert holders == {"complaint_contact"}

    # When it is over, the holder of the receipt is told so, and nothing of who did what.
    with work() as session:
        assert list(breaks(session)) == []
        assert list(broken_leads(session)) == []
    with work() as session:
        session.scalars(select(Lead).where(Lead.id == lead)).one().state = "closed"
    over = citizen.get(f"/receipts?no={receipt}").text
    assert "已办结" in over
    assert not any(name in over for name in ("社区", "网格员", "调度员", "鸿福"))
