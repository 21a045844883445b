"""Nothing is lost: drafts, two tabs, cleared storage, a file for the street (features 39, 40, 43)."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from flask import Flask
from playwright.sync_api import Browser, Error, expect
from sqlalchemy import select

from gridwatch.sync import heartbeats
from gridwatch.sync.models import Heartbeat, Item
from tests.fixtures import Caller, Work
from tests.handheld.conftest import Asked
from tests.handheld.hands import Hands, phone


def answers_and_crashes(browser: Browser, server: str, profile: Path) -> None:
    """Give one answer, and 300 ms later the browser is gone without a word."""
    with phone(browser, server, profile) as hands:
        hands.begin()
        hands.doors().first.click()
        hands.page.get_by_test_id("not-in-order").click()
        hands.page.locator('[data-field="occupancy"] [data-value="vacant"]').click()
        hands.page.wait_for_timeout(300)
        hands.context.new_cdp_session(hands.page).send("Browser.crash")


def test_an_answer_is_on_the_disk_within_300_ms_and_survives_a_crash(browser, server: str, doors, tmp_path: Path):
    with pytest.raises(Error, match="closed"):
        answers_and_crashes(browser, server, tmp_path / "profile")
    with phone(browser, server, tmp_path / "profile") as again:
        again.open()
        again.type_pin()
        again.doors().first.click()
        expect(again.page.get_by_test_id("restored")).to_contain_text("已恢复")
        chosen = again.page.locator('[data-field="occupancy"] [data-value="vacant"]')
        expect(chosen).to_have_attribute("aria-checked", "true")


def test_two_tabs_give_each_item_a_number_of_its_own_and_one_of_them_sends(hands: Hands, work: Work, network: Asked):
    hands.begin()
    first, second = hands.page, hands.another_tab()
    hands.page = second
    hands.open()
    hands.type_pin()
    inside, most, lock = [0], [0], threading.Lock()
    real = network.app

    def counting(environ, start):
        if not environ["PATH_INFO"].endswith("/sync/push"):
            return real(environ, start)
        with lock:
            inside[0] += 1
            most[0] = max(most[0], inside[0])
        try:
            return real(environ, start)
        finally:
            with lock:
                inside[0] -= 1

    network.app = counting
    for page in (first, second):
        hands.page = page
        page.bring_to_front()
        hands.goes_to("report")
        page.get_by_role("radio", name="一般行业无照经营").click()
        page.get_by_label("看到什么").fill("两个标签页一起")
        page.get_by_label("在哪里").fill("宏伟路 3 号")
        hands.takes_photo()
    for page in (first, second):
        page.evaluate("() => document.querySelector('[data-testid=send-report]').click()")
    for page in (first, second):
        hands.page = page
        expect(hands.items("done")).to_have_count(2, timeout=20_000)
    with work() as session:
        assert session.scalars(select(Item.device_no).order_by(Item.device_no)).all() == [1, 2]
    assert most == [1]


def said_by_phone(app: Flask, work: Work) -> dict:
    with app.app_context():
        heartbeats.of_this_process().close()
    with work() as session:
        return session.scalars(select(Heartbeat)).one().said


def test_the_storage_is_asked_to_stay_and_the_server_hears_whether_it_does(hands: Hands, app: Flask, work: Work):
    hands.begin()
    hands.goes_offline()
    hands.reports()
    expect(hands.page.get_by_test_id("not-persisted")).to_contain_text("系统没有答应长期保存")
    session = hands.context.new_cdp_session(hands.page)
    profile = session.send("Target.getTargetInfo")["targetInfo"]["browserContextId"]
    wanted = {"origin": hands.server, "permissions": ["durableStorage"], "browserContextId": profile}
    session.send("Browser.grantPermissions", wanted)
    hands.reports("再记一件，再请求一次")
    hands.goes_to("storage")
    expect(hands.page.get_by_test_id("persisted")).to_have_text("系统已答应不清理")
    hands.comes_back()
    expect(hands.items("done")).to_have_count(2, timeout=20_000)
    hands.settled()
    said = said_by_phone(app, work)
    assert (said["storage_persisted"], said["storage_evicted"]) == (True, False)
    assert said["storage_used"] > 0


def test_a_cleared_storage_is_noticed_said_and_told_to_the_server(hands: Hands, app: Flask, work: Work, client: Caller):
    hands.begin()
    hands.reports()
    expect(hands.items("done")).to_have_count(1, timeout=20_000)
    hands.goes_offline()
    hands.reports("没有发出去的")
    session = hands.context.new_cdp_session(hands.page)
    hands.page.goto("about:blank")
    # Before the network is back: the worker would send it at once.
    session.send("Storage.clearDataForOrigin", {"origin": hands.server, "storageTypes": "indexeddb"})
    hands.comes_back()
    hands.open()
    expect(hands.page.get_by_test_id("loss")).to_contain_text("存储被清空过")
    hands.sign_in()
    hands.type_new_pin()
    hands.settled()
    assert said_by_phone(app, work)["storage_evicted"] is True
    (row,) = client.as_("community_dispatcher").get("/api/v1/sync/devices").body["items"]
    assert row["ledger"]["missing"] == [{"first": 2, "last": 2}]
    hands.reports("清空之后")
    expect(hands.items("done")).to_have_count(1, timeout=20_000)
    with work() as unit:
        assert unit.scalars(select(Item.device_no).order_by(Item.device_no)).all() == [1, 3]


def exports(hands: Hands, folder: Path) -> list[bytes]:
    """The files that the app makes of what is unsent."""
    hands.goes_to("storage")
    hands.page.get_by_test_id("export").click()
    links = hands.page.get_by_test_id("export-file")
    expect(links.first).to_be_visible()
    files = []
    for place in range(links.count()):
        with hands.page.expect_download() as download:
            links.nth(place).click()
        download.value.save_as(folder / download.value.suggested_filename)
        files.append((folder / download.value.suggested_filename).read_bytes())
    return files


def test_unsent_work_is_exported_imported_by_the_street_and_not_double_when_the_phone_sends_it(
    hands: Hands, client: Caller, work: Work, tmp_path: Path
):
    hands.begin()
    hands.goes_offline()
    hands.visits_in_order()
    hands.reports("导出来的线索")
    (file,) = exports(hands, tmp_path)
    assert "导出来的线索".encode() not in file
    answer = client.as_("street_dispatcher").post("/api/v1/sync/imports", data=file, content_type="application/json")
    assert answer.status == 200, answer.body
    assert [one["outcome"] for one in answer.body["results"]] == ["accepted", "accepted"]
    assert [one["code"] for one in answer.body["photos"]] == [None, None]
    hands.comes_back()
    expect(hands.items("done")).to_have_count(2, timeout=20_000)
    with work() as session:
        items = session.scalars(select(Item).order_by(Item.device_no)).all()
        assert [(item.kind, item.first_outcome) for item in items] == [
            ("visit.submit", "accepted"),
            ("lead.report", "accepted"),
        ]
