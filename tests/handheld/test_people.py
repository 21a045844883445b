"""Unlocking without a network, an expired sign-in, several people on one phone (features 41, 42)."""

from __future__ import annotations

from playwright.sync_api import expect
from sqlalchemy import select

from gridwatch.people.models import User
from gridwatch.sync.models import Item
from tests.fixtures import Clock, Work, World
from tests.handheld.hands import OTHER_PIN, Hands


def test_the_pin_opens_the_app_long_after_the_sign_in_has_expired(hands: Hands, clock: Clock, work: Work):
    hands.begin()
    hands.goes_offline()
    clock.advance(days=31)
    hands.page.reload()
    hands.type_pin()
    hands.visits_in_order()
    expect(hands.doors()).to_have_count(2)
    hands.comes_back()
    # 401 only pauses sending: the outbox is there, filling in goes on.
    hands.goes_to("outbox")
    expect(hands.page.get_by_test_id("trouble")).to_contain_text("登录已过期", timeout=20_000)
    expect(hands.items("way").first).to_contain_text("等登录")
    hands.visits_in_order()
    expect(hands.items("way")).to_have_count(2)
    hands.page.get_by_test_id("sign-in-again").click()
    hands.sign_in()
    expect(hands.items("done")).to_have_count(2, timeout=20_000)
    with work() as session:
        assert len(session.scalars(select(Item)).all()) == 2


def test_wrong_pins_are_counted_and_lose_nothing_that_is_unsent(hands: Hands):
    hands.begin()
    hands.goes_offline()
    hands.reports()
    hands.page.reload()
    expect(hands.page.get_by_test_id("unsent")).to_contain_text("1 件还没发，都在手机里")
    for left in (4, 3, 2, 1):
        hands.type_pin(OTHER_PIN)
        expect(hands.page.get_by_role("alert")).to_contain_text(f"还能试 {left} 次")
        hands.page.reload()  # switching off and on gives no try back
    hands.type_pin(OTHER_PIN)
    expect(hands.page.get_by_label("口令")).to_be_visible()
    expect(hands.page.get_by_text("1 件还没发，都在手机里")).to_be_visible()
    hands.comes_back()
    hands.sign_in()
    hands.type_new_pin(OTHER_PIN)
    expect(hands.items("done")).to_have_count(1, timeout=20_000)
    hands.goes_to("today")
    expect(hands.doors()).to_have_count(3)


def test_two_people_share_a_phone_and_neither_sees_or_loses_what_is_the_others(hands: Hands, work: Work, world: World):
    hands.begin("grid_worker")
    hands.goes_offline()
    hands.reports("第一个人看到的")
    hands.goes_to("me")
    hands.page.get_by_test_id("lock").click()
    hands.page.get_by_role("button", name="换一个人用这台手机").click()
    hands.comes_back()
    hands.sign_in("grid_worker_2")
    hands.type_new_pin(OTHER_PIN)
    hands.settled()
    expect(hands.items()).to_have_count(0)
    hands.reports("第二个人看到的")
    expect(hands.items("done")).to_have_count(1, timeout=20_000)
    hands.goes_to("me")
    hands.page.get_by_test_id("lock").click()
    hands.page.get_by_role("button", name="换一个人用这台手机").click()
    hands.page.get_by_test_id("account").filter(has_text="grid_worker").first.click()
    hands.type_pin(OTHER_PIN)  # the PIN of the one does not open the store of the other
    expect(hands.page.get_by_role("alert")).to_contain_text("还能试 4 次")
    hands.type_pin()
    expect(hands.items("done")).to_have_count(1, timeout=20_000)
    with work() as session:
        sent = dict(session.execute(select(User.username, Item.device_no).join(Item, Item.user_id == User.id)).all())
    assert sent == {"grid_worker": 1, "grid_worker_2": 1}


def test_what_lies_on_the_phone_cannot_be_read(hands: Hands, world: World):
    hands.begin()
    hands.goes_offline()
    hands.reports("王大妈的早餐店")
    tables = {name: hands.stored(name, world.people["grid_worker"]) for name in ("docs", "outbox", "meta", "photos")}
    secret = [word.encode() for word in ("王大妈", "面包店", "access_token", "JFIF")]
    for name, rows in tables.items():
        assert rows, name
        assert not any(word in bytes(row) for row in rows for word in secret), name


def test_signing_out_takes_the_documents_off_the_phone_and_keeps_what_is_unsent(hands: Hands, world: World):
    hands.begin()
    hands.goes_offline()
    hands.reports()
    hands.goes_to("me")
    hands.page.get_by_test_id("sign-out").click()
    expect(hands.page.get_by_test_id("unsent")).to_contain_text("1 件还没发")
    assert hands.stored("docs", world.people["grid_worker"]) == []
    assert len(hands.stored("outbox", world.people["grid_worker"])) == 1
