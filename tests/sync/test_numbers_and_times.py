"""The gap ledger, and times of capture by clocks that may be wrong (section 4, Time)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask

from gridwatch.db.base import db
from gridwatch.sync.ledger import Ledger, gaps
from tests.fixtures import Caller, Clock, Work, World
from tests.sync.talk import FILE, Make, local, outcomes, pull, push, stored

# -- the ledger -------------------------------------------------------------------------------------------------------


def ledger_of(app: Flask, worker: Caller, world: World) -> Ledger:
    with app.app_context():
        return gaps(db.session(), worker.device_id, world.people["grid_worker"])


def test_the_ledger_names_the_numbers_that_never_came(app: Flask, worker: Caller, world: World, item: Make):
    push(worker, *(item(device_no=number) for number in (1, 2, 5, 9)))
    push(worker, item(device_no=6, files=[FILE] * 10), {"id": "x", "device_no": 7})
    ledger = ledger_of(app, worker, world)
    assert (ledger.highest, ledger.missing, ledger.refused, ledger.waiting) == (9, [(3, 4), (8, 8)], [(6, 7)], None)


def test_a_number_that_was_refused_and_then_came_is_no_longer_refused(
    app: Flask, worker: Caller, world: World, item: Make
):
    sent = item(device_no=1)
    push(worker, sent | {"files": [FILE] * 10})
    push(worker, sent)
    ledger = ledger_of(app, worker, world)
    assert (ledger.missing, ledger.refused) == ([], [])


@pytest.mark.parametrize(("unsent", "missing", "waiting"), [(2, [], (2, 3)), (0, [(2, 3)], None)])
def test_numbers_behind_the_last_that_came_wait_on_the_phone_or_are_lost(
    app: Flask,
    worker: Caller,
    world: World,
    item: Make,
    write_heartbeats: Callable[[], None],
    unsent: int,
    missing: Any,
    waiting: Any,
):
    push(worker, item(device_no=1))
    pull(worker, heartbeat={"unsent": unsent, "highest_device_no": 3})
    write_heartbeats()
    ledger = ledger_of(app, worker, world)
    assert (ledger.missing, ledger.waiting) == (missing, waiting)


def test_supervisors_see_the_phones_of_their_area_and_nobody_elses(
    client: Caller, worker: Caller, world: World, item: Make, clock: Clock, write_heartbeats: Callable[[], None]
):
    push(worker, item(device_no=1), item(device_no=4))
    pull(worker, heartbeat={"unsent": 1, "app_build": 17})
    pull(client.as_("grid_worker_3"), heartbeat={"unsent": 0})
    write_heartbeats()

    def seen(username: str) -> dict[str, Any]:
        answer = client.as_(username).get("/api/v1/sync/devices?limit=200")
        assert answer.status == 200, answer.body
        return {one["user"]["id"]: one for one in answer.body["items"]}

    mine = seen("community_dispatcher")
    assert mine[world.people["grid_worker"]]["ledger"] == {
        "highest": 4, "missing": [{"first": 2, "last": 3}], "refused": [], "waiting": None,
        "last_contact_at": "2026-09-18T01:00:00.000Z", "said": {"unsent": 1, "app_build": 17},
    }  # fmt: skip
    assert world.people["grid_worker_3"] not in mine
    assert world.people["grid_worker_3"] in seen("street_dispatcher")
    assert world.people["grid_worker"] not in seen("community_dispatcher_2")
    assert worker.get("/api/v1/sync/devices").status == 403


# -- time -------------------------------------------------------------------------------------------------------------


def test_no_item_is_refused_for_its_clock(worker: Caller, item: Make):
    told = (None, "yesterday", "2026-09-18T09:00:00", 5, "2026-09-19T09:00:01+08:00", "2025-08-14T08:59:59+08:00",
            "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00")  # fmt: skip
    ahead = {"offset_ms": 86_401_000, "offset_age_s": 0, "rtt_ms": 0}
    sent = [item(captured_at=one) for one in told] + [item(clock=ahead), item(without=("captured_at",))]
    assert outcomes(push(worker, *sent)) == [("accepted", "implausible_time")] * 10


def test_another_outcome_keeps_its_own_code_whatever_the_clock_says(worker: Caller, item: Make):
    assert outcomes(push(worker, item(captured_at=None, payload=None), item(without=("captured_at",)))) == [
        ("review", "payload_invalid"), ("accepted", "implausible_time"),
    ]  # fmt: skip


def test_the_time_of_capture_is_kept_as_sent_and_corrected_beside_it(
    worker: Caller, work: Work, item: Make, clock: Clock
):
    sent = item(
        captured_at="2026-09-18T08:30:02.300+08:00", clock={"offset_ms": -2_300, "offset_age_s": 86_400, "rtt_ms": 180}
    )
    push(worker, sent)
    (row,) = stored(work, sent["id"])
    assert row.captured_at == local("2026-09-18T08:30:02.300")
    assert row.corrected_at == local("2026-09-18T08:30")
    assert (row.uncertainty_s, row.in_order, row.received_at) == (19, True, clock.now())


def test_numbers_and_times_that_contradict_each_other_are_noticed(worker: Caller, work: Work, item: Make):
    times = {1: "08:00", 2: "08:30", 3: "08:10", 4: "08:40"}  # number 3 was set back
    sent = {number: item(device_no=number, captured_at=f"2026-09-18T{time}:00+08:00") for number, time in times.items()}
    push(worker, sent[1], sent[2])
    push(worker, sent[3], sent[4])
    assert {number: stored(work, one["id"])[0].in_order for number, one in sent.items()} == {
        1: True,
        2: True,
        3: False,
        4: True,
    }
