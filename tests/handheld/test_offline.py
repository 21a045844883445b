"""What is written without a network is sent when there is one, by the app or, while it is closed, by its worker (feature 37)."""

from __future__ import annotations

import time

from playwright.sync_api import expect
from sqlalchemy import select

from gridwatch.sync.models import Item
from tests.fixtures import Work
from tests.handheld.conftest import Asked
from tests.handheld.hands import Hands


def stored(work: Work) -> list[Item]:
    with work() as session:
        items = list(session.scalars(select(Item).order_by(Item.device_no)))
        session.expunge_all()
        return items


def test_a_day_without_a_network(hands: Hands, work: Work):
    hands.begin()
    expect(hands.doors()).to_have_count(3)
    hands.goes_offline()
    hands.page.reload()
    hands.type_pin()
    hands.visits_in_order()
    expect(hands.doors()).to_have_count(2)
    hands.reports()
    expect(hands.items("way")).to_have_count(2)
    expect(hands.page.get_by_test_id("net")).to_contain_text("离线")
    hands.comes_back()
    expect(hands.items("done")).to_have_count(2, timeout=20_000)
    assert [(item.kind, item.outcome) for item in stored(work)] == [
        ("visit.submit", "accepted"),
        ("lead.report", "accepted"),
    ]


def test_the_worker_sends_the_outbox_while_no_page_is_open(hands: Hands, work: Work, network: Asked):
    hands.begin()
    hands.goes_offline()
    hands.reports()
    expect(hands.items("way")).to_have_count(1)
    hands.page.goto("about:blank")
    registrations: list[str] = []
    session = hands.context.new_cdp_session(hands.page)
    session.on(
        "ServiceWorker.workerRegistrationUpdated",
        lambda told: registrations.extend(one["registrationId"] for one in told["registrations"]),
    )
    session.send("ServiceWorker.enable")
    before = network.count("POST /api/v1/sync/push")
    hands.comes_back()
    hands.page.wait_for_timeout(200)
    said = {"origin": hands.server, "registrationId": registrations[0], "tag": "gridwatch-outbox", "lastChance": False}
    session.send("ServiceWorker.dispatchSyncEvent", said)
    until = time.monotonic() + 15
    while time.monotonic() < until and not network.count("PATCH /api/v1/files"):
        hands.page.wait_for_timeout(100)
    assert [item.kind for item in stored(work)] == ["lead.report"]
    assert network.count("POST /api/v1/sync/push") == before + 1
    assert network.count("PATCH /api/v1/files") == 1


def test_a_lost_answer_makes_nothing_double(hands: Hands, work: Work, network: Asked):
    hands.begin()
    lost: list[str] = []

    def loses_once(environ: dict) -> bool:
        if environ["PATH_INFO"].endswith("/sync/push") and not lost:
            lost.append("push")
            return True
        return False

    network.loses = loses_once
    hands.reports()
    expect(hands.items("done")).to_have_count(1, timeout=20_000)
    assert lost == ["push"]
    assert [item.kind for item in stored(work)] == ["lead.report"]


def test_the_page_of_a_wifi_portal_is_no_receipt(hands: Hands, work: Work, network: Asked):
    hands.begin()
    network.trick = lambda environ: ("200 OK", b"<html>Welcome") if "/api/" in environ["PATH_INFO"] else None
    hands.reports()
    expect(hands.page.get_by_test_id("trouble")).to_contain_text("可能是 Wi-Fi 登录页")
    expect(hands.items("way")).to_have_count(1)
    network.trick = lambda environ: None
    hands.sends_now()
    expect(hands.items("done")).to_have_count(1)
    assert len(stored(work)) == 1
