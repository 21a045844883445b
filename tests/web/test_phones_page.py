"""The phones of an area in a browser: those that need somebody first, each fault with what to do about it."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from flask import Flask

from gridwatch.sync import heartbeats
from tests.fixtures import Caller, Clock, World
from tests.phone import uuid7
from tests.sync.talk import FILE, pull, push
from tests.web.browser import Browser

Browse = Callable[..., Browser]
ROW = r"<tr>\s*<td.*?</tr>"

CASES = [
    # what the phone says of itself, after how many days it is looked at, light, what is read on the page
    ("all is well", {"unsent": 0, "app_build": 17, "storage_persisted": True}, 0, "正常", "不用管"),
    ("unsent since today", {"unsent": 3, "app_build": 17}, 0, "正常", "3 条"),
    ("unsent for days", {"unsent": 3, "oldest_unsent_at": "2026-09-16T01:00:00Z"}, 0, "要处理", "3 条超过一天没发出来"),
    ("silent with unsent work", {"unsent": 3}, 2, "要处理", "请他连上网络打开应用"),
    ("may be cleared", {"unsent": 1, "storage_persisted": False}, 0, "要处理", "没发的内容可能被系统清掉"),
    ("not kept, but empty", {"unsent": 0, "storage_persisted": False}, 0, "正常", "未获长期保存"),
    ("numbers that never came", {"unsent": 0, "highest_device_no": 9}, 0, "要处理", "第 3–9 号没有到"),
    ("a copy that did not agree", {"unsent": 0, "incidents": 2}, 0, "留意", "对不上 2 次"),
    ("quiet", {"unsent": 0}, 4, "留意", "4 天没有联系"),
    ("silent", {"unsent": 0}, 8, "要处理", "8 天没有联系"),
    ("nonsense", {"unsent": "many", "oldest_unsent_at": "soon", "incidents": True}, 0, "正常", "还没说过"),
]


@pytest.fixture
def says(app: Flask, client: Caller, world: World) -> Callable[..., Caller]:
    """`says("grid_worker", unsent=3)` pulls with this heartbeat, which is written at once; returns the caller."""

    def _say(username: str, **said: object) -> Caller:
        caller = client.as_(username)
        pull(caller, heartbeat={"device_id": caller.device_id, **said})
        with app.app_context():
            heartbeats.of_this_process().close()
        return caller

    return _say


@pytest.mark.parametrize(("what", "said", "days", "light", "words"), CASES, ids=[case[0] for case in CASES])
def test_a_phone_is_told_by_what_it_needs(
    browse: Browse, says, clock: Clock, what: str, said: dict, days: int, light: str, words: str
):
    worker = says("grid_worker", **said)
    push(worker, *(
        {"id": uuid7(clock.now()), "device_no": no, "kind": "suggestion.submit", "captured_at": clock.now().isoformat(), "payload": {}}
        for no in (1, 2)
    ))  # fmt: skip
    clock.advance(days=days)
    page = browse("community_dispatcher").get("/sync")
    assert page.status == 200
    (row,) = re.findall(ROW, page.html, re.S)
    assert f"</svg>{light}</span>" in row, what
    assert words in row, what


def test_refused_numbers_are_told(browse: Browse, says, clock: Clock):
    worker = says("grid_worker", unsent=0)
    body = {"id": uuid7(clock.now()), "device_no": 1, "kind": "suggestion.submit", "captured_at": None, "payload": {}}
    push(worker, {**body, "files": [FILE] * 10})
    assert "第 1 号被拒收" in browse("street_dispatcher").get("/sync").text


def test_the_worst_comes_first_and_never_by_person(browse: Browse, says, world: World, client: Caller):
    says("grid_worker", unsent=0)
    says("grid_worker_2", unsent=0, incidents=1)
    says("grid_worker_3", unsent=4, oldest_unsent_at="2026-09-10T00:00:00Z", storage_persisted=False)
    page = browse("street_dispatcher").get("/sync")
    assert re.findall(r"使用人 网格员 (\w+)", page.html) == ["grid_worker_3", "grid_worker_2", "grid_worker"]
    assert "要处理 1，留意 1，正常 1" in page.text
    assert "browser" not in page.html  # desks are no phones
    assert re.findall(r"使用人 网格员 (\w+)", browse("community_dispatcher_2").get("/sync").html) == ["grid_worker_3"]
    for username in ("grid_worker", "auditor", "case_officer"):
        assert browse(username).get("/sync").status == 403


def test_an_older_build_is_told(browse: Browse, says, client: Caller):
    says("grid_worker", app_build=12)
    says("grid_worker_2", app_build=17)
    text = browse("street_dispatcher").get("/sync").text
    assert "应用版本 12，已有 17" in text
    assert text.count("已有 17") == 1


def test_many_phones_are_paged(browse: Browse, client: Caller):
    for _ in range(21):
        client.as_("grid_worker")
    browser = browse("street_dispatcher")
    first = browser.get("/sync")
    assert first.html.count("使用人") == 20
    assert browser.get(first.next_page).html.count("使用人") == 1
    assert browser.get("/sync?page=nonsense").html.count("使用人") == 20


def test_a_desk_that_signs_in_at_a_browser_is_no_phone(browse: Browse, says, client: Caller):
    for desk in ("street_dispatcher", "community_handler"):
        client.as_(desk).get("/api/v1/leads")
    assert not re.findall(ROW, browse("community_dispatcher").get("/sync").html, re.S)
    says("community_handler", unsent=0)
    assert len(re.findall(ROW, browse("community_dispatcher").get("/sync").html, re.S)) == 1
