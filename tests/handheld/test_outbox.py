"""The outbox says of each item how it stands, and the evening balance adds up (features 38, 47)."""

from __future__ import annotations

import re
from datetime import timedelta

from playwright.sync_api import expect

from gridwatch.people.service import assign_grid, end_duty
from tests.fixtures import Clock, Work, World, user_of
from tests.handheld.conftest import Asked
from tests.handheld.hands import Hands


def test_each_item_has_its_state_its_reason_and_what_to_do_next(hands: Hands):
    hands.begin()
    hands.goes_offline()
    hands.reports()
    row = hands.items("way").first
    expect(row).to_contain_text("等网络")
    expect(row).to_contain_text("没有网络，或连不上服务器")
    # The sentence names a moment, and there is a timer behind it.
    expect(row).to_contain_text(re.compile(r"\d\d:\d\d 自动再发，也可以现在发送"))
    hands.comes_back()
    done = hands.items("done").first
    expect(done).to_contain_text("已收", timeout=20_000)
    expect(done).to_contain_text(re.compile(r"回执 1 · \d\d:\d\d 收到"))
    hands.page.get_by_role("link", name="我的").click()
    hands.page.get_by_role("button", name="English").click()
    hands.goes_to("outbox")
    expect(hands.page.get_by_test_id("item").first).to_contain_text("received")
    expect(hands.page.get_by_test_id("item").first).to_contain_text("receipt 1")


def test_what_was_reassigned_meanwhile_is_received_and_says_why(
    hands: Hands, work: Work, world: World, clock: Clock, doors
):
    hands.begin()
    hands.goes_offline()
    hands.visits_in_order()
    with work() as session:
        end_duty(
            session,
            user_of(session, "grid_worker"),
            world.grid,
            last_on=clock.today() - timedelta(days=1),
            at=clock.now(),
        )
        assign_grid(session, user_of(session, "grid_worker_2"), world.grid, from_on=clock.today(), at=clock.now())
    hands.comes_back()
    row = hands.items().first
    expect(row).to_contain_text("已收，留作凭证", timeout=20_000)
    expect(row).to_contain_text("任务已改派他人")
    hands.goes_to("today")
    expect(hands.doors()).to_have_count(0)


def test_the_balance_is_even_only_when_every_receipt_is_here(hands: Hands):
    hands.begin()
    hands.goes_offline()
    hands.visits_in_order()
    hands.reports()
    hands.goes_to("balance")
    said = hands.page.get_by_test_id("sentence")
    expect(said).to_have_text("今日 2 件，已收 0 件")
    expect(hands.page.get_by_test_id("balance")).to_contain_text("没有回执的编号：1、2")
    hands.comes_back()
    expect(said).to_have_text("今日 2 件，已收 2 件", timeout=20_000)
    expect(hands.page.get_by_test_id("balance")).to_contain_text("账平了，可以放心收工", timeout=20_000)


def test_an_item_that_the_server_cannot_take_stays_on_the_phone_and_can_be_exported(hands: Hands, network: Asked):
    hands.begin()
    refusal = ("413 Too Large", b'{"code": "sync.batch_too_large"}')
    network.trick = lambda environ: refusal if environ["PATH_INFO"].endswith("/sync/push") else None
    hands.reports()
    row = hands.items("look").first
    expect(row).to_contain_text("没有收，内容还在手机里", timeout=20_000)
    expect(row).to_contain_text("超过大小限制")
    expect(row).to_contain_text("请导出后交给街道")
    hands.goes_to("storage")
    hands.page.get_by_test_id("export").click()
    expect(hands.page.get_by_test_id("export-file")).to_have_count(1)


def test_a_limit_is_said_before_it_is_reached(hands: Hands):
    # A phone that is nearly full, as its browser would tell.
    hands.page.add_init_script("navigator.storage.estimate = async () => ({ usage: 90e6, quota: 100e6 })")
    hands.begin()
    hands.reports()
    expect(hands.page.get_by_test_id("near-limit")).to_contain_text("手机给本应用的空间只剩 10.0 MB")


def test_the_ninth_photo_is_said_to_be_the_last(hands: Hands):
    hands.begin()
    hands.goes_to("report")
    for _ in range(9):
        hands.takes_photo()
    expect(hands.page.get_by_test_id("near-files")).to_have_text("已有 9 张，最多 9 张")
