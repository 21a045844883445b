"""What the other kinds do: a visit is taken back, a market entity gets its standard address, a record is kept (section 4)."""

from __future__ import annotations

from typing import Any

import pytest

from gridwatch.db.base import new_id
from gridwatch.entities.models import Entity
from gridwatch.people.service import assign_grid
from gridwatch.places.models import Address
from gridwatch.sync.kinds import KINDS
from gridwatch.tasks.models import Task, Visit
from tests.fixtures import Caller, Clock, Work, World, user_of
from tests.sync.conftest import ALL_WELL, Tasks, loses_the_grid
from tests.sync.talk import Make, events_of, one_waiting, outcome_document, outcomes, pull, push

KINDS_OF_THE_PROTOCOL = {
    "visit.submit", "visit.withdraw", "lead.report", "lead.resubmit", "lead.withdraw", "notice.serve", "address.bind",
    "checklist.submit", "suggestion.submit",
}  # fmt: skip
CLOSED = {"result": "closed_door"}


def test_the_kinds_are_those_of_the_protocol():
    assert set(KINDS) == KINDS_OF_THE_PROTOCOL


# -- a visit is taken back --------------------------------------------------------------------------------------------


@pytest.fixture
def takes_back(item: Make) -> Make:
    """`takes_back(visit)` is the withdrawal of a visit that was sent."""

    def _back(visit: dict[str, Any], **members: Any) -> dict[str, Any]:
        payload = {"visit_id": visit["id"], "reason": "走错了门"}
        return item("visit.withdraw", **{"task_id": visit["task_id"], "base_rev": 2, "payload": payload, **members})

    return _back


def test_a_task_whose_visit_is_taken_back_is_open_again_and_can_be_done(
    worker: Caller, work: Work, tasks: Tasks, visit: Make, takes_back: Make, scope: str
):
    (task,) = tasks(1)
    sent = visit(task)
    back = takes_back(sent)
    assert outcomes(push(worker, sent, back)) == [("accepted", None)] * 2
    with work() as session:
        row = session.get_one(Task, task)
        assert (row.state, row.closed_at, row.close_code, row.on_time) == ("issued", None, None, None)
        assert session.get_one(Visit, sent["id"]).effect == "withdrawn"
        assert session.get_one(Visit, sent["id"]).findings == ALL_WELL
    documents = [one["doc"] for part in pull(worker)["scopes"] for one in part["changes"] if one["kind"] == "task"]
    assert [(one["id"], one["attempts"]) for one in documents] == [(task, [])]
    assert outcome_document(worker, back["id"])["became"] == {"kind": "visit", "id": sent["id"]}
    assert [act for act, _ in events_of(work, task)] == ["task.planned", "task.visited", "task.visit_withdrawn"]
    assert outcomes(push(worker, visit(task))) == [("accepted", None)]
    assert outcomes(push(worker, takes_back(sent))) == [("accepted", None)], "a second time does no harm"
    with work() as session:
        assert session.get_one(Task, task).state == "done"


def test_an_attempt_that_is_taken_back_does_not_count(
    worker: Caller, work: Work, tasks: Tasks, visit: Make, takes_back: Make, clock: Clock
):
    """Two closed doors on two work days at different hours end a first check; here the first was the wrong door."""
    (task,) = tasks(1)
    first = visit(task, payload=CLOSED)
    push(worker, first, takes_back(first))
    clock.set("2026-09-21 15:00")
    push(worker, visit(task, payload=CLOSED))
    with work() as session:
        assert session.get_one(Task, task).state == "issued"


def test_a_visit_on_which_another_stands_waits_for_a_person(
    worker: Caller, client: Caller, work: Work, tasks: Tasks, visit: Make, takes_back: Make, clock: Clock, world: World
):
    (task,) = tasks(1)
    sent = visit(task)
    push(worker, sent)
    with work() as session:
        assign_grid(session, user_of(session, "grid_worker_2"), world.grid, from_on=clock.today(), at=clock.now())
    clock.advance(minutes=5)
    push(client.as_("grid_worker_2"), visit(task, device_no=1))
    (result,) = push(worker, takes_back(sent))
    assert (result["outcome"], result["code"], result["facts"]["refused"]) == (
        "review", "stale_base", "task.visit_built_on",
    )  # fmt: skip
    with work() as session:
        assert session.get_one(Task, task).state == "done"
    one_waiting(client.as_("street_dispatcher"), "repair")


def test_in_a_lost_grid_nothing_is_taken_back(
    worker: Caller, work: Work, tasks: Tasks, visit: Make, takes_back: Make, clock: Clock, world: World
):
    (task,) = tasks(1)
    sent = visit(task)
    push(worker, sent)
    with work() as session:
        loses_the_grid(session, clock, world)
    assert outcomes(push(worker, takes_back(sent))) == [("superseded", "reassigned")]
    with work() as session:
        assert session.get_one(Task, task).state == "done"


def test_nobody_takes_back_what_another_did(
    worker: Caller, client: Caller, tasks: Tasks, visit: Make, takes_back: Make
):
    (task,) = tasks(1)
    sent = visit(task)
    push(worker, sent)
    assert outcomes(push(client.as_("grid_worker_2"), takes_back(sent))) == [("review", "payload_invalid")]


# -- a market entity gets its standard address ------------------------------------------------------------------------


@pytest.fixture
def shop(work: Work, world: World) -> str:
    """A shop in the first grid without a standard address, beside the address of its door; returns the shop's id."""
    with work() as session:
        for code in ("DZ-1", "DZ-2"):
            session.add(
                Address(code=code, text="宏伟路 3 号", street_code=world.street, area_path=world.path(world.community))
            )
        shop = Entity(
            id=new_id(), code="E1", name="面包店", permit_sectors=[], address_text="宏伟路3号", street_code=world.street,
            area_path=world.path(world.community), grid_code=world.grid, routed_by="hand",
        )  # fmt: skip
        session.add(shop)
        return shop.id


def test_a_shop_without_an_address_gets_the_one_that_was_found(
    worker: Caller, client: Caller, work: Work, item: Make, shop: str
):
    sent = item("address.bind", payload={"entity_id": shop, "address_code": "DZ-1"})
    (result,) = push(worker, sent)
    assert (result["outcome"], result["facts"]) == ("accepted", {"bound": True})
    other = item("address.bind", payload={"entity_id": shop, "address_code": "DZ-2"})
    assert push(worker, other)[0]["facts"] == {"bound": False}, "what is bound is not bound anew from a phone"
    with work() as session:
        assert session.get_one(Entity, shop).address_code == "DZ-1"
    documents = [one["doc"] for part in pull(worker)["scopes"] for one in part["changes"] if one["kind"] == "entity"]
    assert [one["address_code"] for one in documents] == ["DZ-1"]
    assert [(act, data["bound"]) for act, data in events_of(work, shop)] == [
        ("address.bind", True), ("address.bind", False),
    ]  # fmt: skip
    street = client.as_("street_dispatcher")
    (no, _) = [one["no"] for one in street.get("/api/v1/sync/review?view=records").body["items"]]
    assert street.get(f"/api/v1/sync/review/{no}").body["now"]["entity"]["address_code"] == "DZ-1"


def test_a_shop_is_bound_by_the_tag_that_was_scanned_at_its_door(worker: Caller, client: Caller, item: Make, shop: str):
    """Without a connection the phone does not know the address behind a tag; the server does."""
    street = client.as_("street_dispatcher")
    first, second = street.post("/api/v1/tags", {"addresses": ["DZ-1", "DZ-2"]}).body["new"]
    street.post(f"/api/v1/tags/{first['code']}/void", {"reason": "贴错"})
    for scanned, bound in (
        (first["code"], False),
        ("no tag", False),
        (7, False),
        (f"https://x.cn/t/{second['grouped'].lower()}", True),
    ):
        (result,) = push(worker, item("address.bind", payload={"entity_id": shop, "tag": scanned}))
        assert (result["outcome"], result["facts"]) == ("accepted", {"bound": bound}), scanned
    assert street.get(f"/api/v1/entities/{shop}").body["address_code"] == "DZ-2"


def test_a_shop_of_another_grid_or_an_unknown_address_is_only_a_record(
    worker: Caller, client: Caller, work: Work, item: Make, shop: str
):
    for caller, code in ((client.as_("grid_worker_2"), "DZ-1"), (worker, "DZ-9"), (worker, 7)):
        sent = item("address.bind", payload={"entity_id": shop, "address_code": code})
        assert push(caller, sent)[0]["facts"] == {"bound": False}
    with work() as session:
        assert session.get_one(Entity, shop).address_code is None


# -- a task is satisfied by the earliest visit (domain.md §4b, edges c and d) -----------------------------------------


def test_a_task_that_ended_late_is_corrected_when_an_earlier_visit_arrives(
    worker: Caller, client: Caller, work: Work, tasks: Tasks, visit: Make, clock: Clock, world: World
):
    """The worker was at the door in time, offline; the task went to a neighbour, who did it late; then the phone came back."""
    (task,) = tasks(1)  # due on 30 September
    good = {"offset_ms": 0, "offset_age_s": 60, "rtt_ms": 100}
    offline = visit(task, captured_at="2026-09-30T16:00:00+08:00", clock=good)
    with work() as session:
        loses_the_grid(session, clock, world)
    clock.set("2026-10-09 10:00")
    late = visit(task, device_no=1, captured_at="2026-10-09T09:50:00+08:00", clock=good)
    assert outcomes(push(client.as_("grid_worker_2"), late)) == [("accepted", None)]
    with work() as session:
        assert session.get_one(Task, task).on_time == "late"
    assert outcomes(push(worker, offline)) == [("superseded", "reassigned")]
    with work() as session:
        row = session.get_one(Task, task)
        assert (row.state, row.on_time) == ("done", "late_sync")
        assert session.get_one(Visit, late["id"]).timeliness == "late", "the past is not rewritten"
    act, data = events_of(work, task)[-1]
    assert (act, data["was"], data["is"], data["visit"]) == (
        "task.timeliness_corrected",
        "late",
        "late_sync",
        offline["id"],
    )
