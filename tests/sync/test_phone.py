"""The phone through a working day: no network, lost answers, strange networks, lost grids, a restored server."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import delete, select, update

from gridwatch.leads.models import Lead
from gridwatch.people.service import assign_grid, end_duty
from gridwatch.sync.models import Heartbeat, Item, ServerState
from tests.fixtures import PASSWORD, Clock, Work, World, user_of
from tests.phone import Paused, Phone, Store, item_sha256
from tests.sync.talk import FILE, LEAD, Put, over_flask

Answer = tuple[int, dict[str, str], bytes]


def reports(phone: Phone, scope: str, **more: Any) -> dict[str, Any]:
    return phone.reports(LEAD, scope=scope, files=[FILE], **more)


def kinds_held(phone: Phone, scope: str) -> set[str]:
    return {one["doc"]["kind"] for one in phone.store["docs"].get(scope, {}).values()}


def items_stored(work: Work) -> dict[str, str]:
    with work() as session:
        return dict(session.execute(select(Item.id, Item.outcome)).all())


def test_a_lead_found_without_a_network_reaches_its_desk_when_there_is_one_again(phone: Phone, scope: str, work: Work):
    phone.sync()
    phone.goes_offline()
    found = reports(phone, scope)
    with pytest.raises(Paused):
        phone.sync()
    assert phone.store["outbox"] == [found]
    phone.comes_back()
    phone.sync()
    assert phone.store["outbox"] == []
    assert phone.outcome_of(found) == ("accepted", None)
    assert "lead" in kinds_held(phone, scope)
    with work() as session:
        assert session.get_one(Lead, found["id"]).state == "reported"


def test_everything_survives_that_the_phone_is_switched_off(
    app: Flask, world: World, clock: Clock, scope: str, tmp_path: Path
):
    def switched_on() -> Phone:
        return Phone(Store(tmp_path / "phone.json"), over_flask(app), clock.now)

    phone = switched_on()
    phone.sign_in("grid_worker", PASSWORD)
    phone.pull()
    found = reports(phone, scope)
    assert switched_on().store["outbox"] == [found]
    switched_on().sync()
    phone = switched_on()
    assert (phone.store["outbox"], phone.outcome_of(found)) == ([], ("accepted", None))
    assert reports(phone, scope)["device_no"] == 2


def test_an_item_is_frozen_when_it_is_queued(phone: Phone, scope: str, clock: Clock, put: Put):
    phone.pull()
    found = reports(phone, scope)
    before = item_sha256(found)
    clock.advance(hours=3)
    put(scope, "a")
    phone.pull()
    phone.push()
    (done,) = phone.store["acknowledged"]
    assert done["result"]["receipt"]["item_sha256"] == before == item_sha256(done["item"])


def test_an_expired_sign_in_is_refreshed_and_never_blocks_filling_in(phone: Phone, scope: str, clock: Clock):
    phone.pull()
    clock.advance(days=2)
    reports(phone, scope)
    phone.sync()
    assert phone.store["outbox"] == []
    clock.advance(days=31)
    reports(phone, scope)
    with pytest.raises(Paused, match="401"):
        phone.sync()
    assert len(phone.store["outbox"]) == 1
    phone.sign_in("grid_worker", PASSWORD)
    phone.sync()
    assert phone.store["outbox"] == []


def spoiled(send: Callable[..., Answer], kind: str) -> Callable[..., Answer]:
    """A network that spoils the answers to pushes in one way."""

    def strange(method: str, path: str, headers: dict[str, str], body: bytes | None) -> Answer:
        if not path.endswith("/push"):
            return send(method, path, headers, body)
        if kind == "captive":
            return 200, {"content-type": "text/html"}, b"<html>please accept our terms</html>"
        status, answered, text = send(method, path, headers, body)
        told = json.loads(text)
        if kind == "gateway_after":
            return 502, {"content-type": "text/html"}, b"bad gateway"
        if kind == "lost":
            raise ConnectionResetError("the answer was lost")
        if kind == "cut":
            return status, answered, text[: len(text) // 2]
        if kind == "empty":
            return status, answered, b"{}"
        receipt = told["results"][0]["receipt"]
        receipt |= {"another id": {"id": "x"}, "another hash": {"item_sha256": "0" * 64}}[kind]
        return status, answered, json.dumps(told).encode()

    return strange


@pytest.mark.parametrize("kind", ["captive", "gateway_after", "lost", "cut", "empty", "another id", "another hash"])
def test_nothing_leaves_the_outbox_without_a_receipt_that_fits(phone: Phone, scope: str, work: Work, kind: str):
    phone.pull()
    found = reports(phone, scope)
    good = phone._send
    phone._send = spoiled(good, kind)
    for _ in range(3):
        with pytest.raises(Paused):
            phone.push()
        assert phone.store["outbox"] == [found]
    phone._send = good
    phone.sync()
    assert (phone.store["outbox"], phone.outcome_of(found)) == ([], ("accepted", None))
    assert items_stored(work) == {found["id"]: "accepted"}
    with work() as session:
        assert session.query(Lead).count() == 1


def test_a_batch_that_is_too_large_is_halved_until_it_fits(phone: Phone, scope: str, work: Work):
    phone.pull()
    for _ in range(150):
        phone.queue("suggestion.submit", {"text": "长" * 5_000})
    phone.queue("suggestion.submit", {"text": "x" * 1_000_001})
    phone.queue("suggestion.submit", {"text": "x" * 4_000_001})
    phone.push()
    assert phone.store["outbox"] == []
    assert [done["result"]["code"] for done in phone.store["rejected"]] == ["over_limit", "undecodable"]
    assert len(items_stored(work)) == 150


def test_one_bad_item_never_holds_up_another(phone: Phone, scope: str):
    phone.pull()
    items = [
        reports(phone, scope),
        phone.queue("no.such.kind", {}),
        phone.reports({}, scope=scope),
        reports(phone, scope),
    ]
    phone.sync()
    assert phone.store["outbox"] == []
    assert [phone.outcome_of(one) for one in items] == [
        ("accepted", None), ("review", "payload_invalid"), ("review", "payload_invalid"), ("accepted", None),
    ]  # fmt: skip


def test_a_lost_grid_is_drained_first_and_then_leaves_the_phone(
    phone: Phone, scope: str, world: World, work: Work, clock: Clock, put: Put
):
    put(scope, "a")
    phone.sync()
    phone.goes_offline()
    found = reports(phone, scope, place={"lon": 113.745, "lat": 23.015})
    clock.advance(days=30)
    with work() as session:
        end_duty(session, user_of(session, "grid_worker"), world.grid, last_on=date(2026, 9, 17), at=clock.now())
        assign_grid(session, user_of(session, "grid_worker"), world.grid_3, from_on=clock.today(), at=clock.now())
    phone.comes_back()
    phone.sign_in("grid_worker", PASSWORD)
    phone.pull()  # finds the grid revoked, and sends before it deletes
    assert phone.outcome_of(found) == ("accepted", None)
    assert phone.store["outbox"] == []
    assert set(phone.store["docs"]) == {f"user:{world.people['grid_worker']}", f"grid:{world.grid_3}"}


def test_a_lost_grid_stays_while_something_of_it_cannot_be_sent(
    phone: Phone, scope: str, world: World, work: Work, clock: Clock
):
    phone.sync()
    reports(phone, scope)
    with work() as session:
        end_duty(session, user_of(session, "grid_worker"), world.grid, last_on=date(2026, 9, 17), at=clock.now())
    good = phone._send
    phone._send = spoiled(good, "lost")
    with pytest.raises(Paused):
        phone.pull()
    assert scope in phone.store["docs"]
    phone._send = good
    phone.sync()
    assert scope not in phone.store["docs"]


def test_a_phone_that_lost_a_document_notices_and_heals(phone: Phone, scope: str, put: Put, work: Work):
    put(scope, "a", "b")
    phone.pull()
    del phone.store["docs"][scope]["note/a"]
    put(scope, "c")
    phone.pull()
    assert phone.store["incidents"] == 1
    phone.pull()
    assert {"note/a", "note/b", "note/c"} <= set(phone.store["docs"][scope])
    phone.pull()
    assert phone.store["incidents"] == 1


def test_a_first_sync_that_breaks_off_goes_on_where_it_stopped(phone: Phone, scope: str, put: Put):
    put(scope, *(f"n{number:03}" for number in range(240)))
    good, asked = phone._send, []

    def tired(method: str, path: str, headers: dict[str, str], body: bytes | None) -> Answer:
        asked.append(json.loads(body or b"{}").get("scopes", {}).get(scope))
        if len(asked) in (3, 5):
            raise TimeoutError("no signal")
        return good(method, path, headers, body)

    phone._send = tired
    for _ in range(2):
        with pytest.raises(Paused):
            phone.pull(limit=60)
    assert scope not in phone.store["docs"], "nothing is replaced before the last page is in"
    phone.pull(limit=60)
    assert len(phone.store["docs"][scope]) == 241
    assert len(asked) == 7
    assert len(set(asked)) == 5, "a page was asked for again only when its answer was lost"


def test_a_page_of_another_build_throws_away_what_was_staged(phone: Phone, scope: str, put: Put, work: Work):
    put(scope, *(f"n{number:03}" for number in range(150)))
    answers: list[dict[str, Any]] = []
    good = phone._send

    def meddling(method: str, path: str, headers: dict[str, str], body: bytes | None) -> Answer:
        status, answered, text = good(method, path, headers, body)
        told = json.loads(text)
        answers.append(told)
        for part in told.get("scopes", []) if len(answers) == 2 else []:
            part["snapshot"] = "another"
        return status, answered, json.dumps(told).encode()

    phone._send = meddling
    phone.pull(limit=60)
    assert len(phone.store["docs"][scope]) == 151
    assert phone.store["incidents"] == 0


def test_after_a_restore_the_phone_offers_again_what_the_server_has_lost(
    phone: Phone, scope: str, work: Work, clock: Clock, world: World
):
    """Promise P11: what was acknowledged after the backup comes back with the phones, once."""
    phone.sync()
    kept = phone.queue("suggestion.submit", {"text": "before the backup"})
    phone.sync()
    lost = phone.queue("suggestion.submit", {"text": "after the backup"})
    phone.sync()
    with work() as session:  # a restored backup: the row is not there, and the epoch is another
        session.execute(delete(Item).where(Item.id == lost["id"]))
        session.execute(update(ServerState).values(epoch="beef"))
    assert set(items_stored(work)) == {kept["id"]}
    phone.sync()
    assert items_stored(work) == {kept["id"]: "accepted", lost["id"]: "accepted"}
    assert phone.store["epoch"] == "beef"
    assert (phone.outcome_of(kept), phone.outcome_of(lost)) == (("accepted", None), ("accepted", None))


def test_after_seven_days_an_acknowledged_item_is_forgotten_but_not_one_that_a_person_still_judges(
    phone: Phone, clock: Clock
):
    fine, bad = phone.queue("suggestion.submit", {"text": "x"}), phone.queue("no.such.kind", {})
    phone.sync()
    clock.advance(days=8)
    phone.sync()
    assert [done["item"]["id"] for done in phone.store["acknowledged"]] == [bad["id"]]
    assert phone.outcome_of(fine) == ("accepted", None)  # by its document


def test_the_phone_measures_the_clock_and_its_items_say_so(
    app: Flask, world: World, clock: Clock, work: Work, scope: str
):
    phone = Phone(Store(), over_flask(app), lambda: clock.now() + timedelta(hours=2))  # two hours fast
    phone.sign_in("grid_worker", PASSWORD)
    phone.pull()
    clock.advance(minutes=30)
    found = reports(phone, scope)
    clock.advance(minutes=30)
    phone.sync()
    assert found["clock"]["offset_ms"] == -7_200_000
    assert found["clock"]["offset_age_s"] == 1_800
    with work() as session:
        row = session.scalars(select(Item)).one()
        assert (row.received_at - row.corrected_at) == timedelta(minutes=30)
        assert row.uncertainty_s < 60


def test_what_a_phone_says_of_itself_is_seen_by_supervisors_soon_after(
    app: Flask, phone: Phone, scope: str, work: Work, clock: Clock, world: World, write_heartbeats: Callable[[], None]
):
    phone.pull()
    phone.goes_offline()
    found = reports(phone, scope)
    phone.comes_back()
    phone.pull()
    write_heartbeats()
    with work() as session:
        row = session.scalars(select(Heartbeat)).one()
        assert (row.device_id, row.user_id, row.at) == (
            phone.store["device_id"],
            world.people["grid_worker"],
            clock.now(),
        )
        assert row.said["unsent"] == 1
        assert row.said["highest_device_no"] == 1
        assert row.said["oldest_unsent_at"] == found["captured_at"]
