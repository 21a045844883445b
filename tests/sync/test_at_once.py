"""Several pushes at once: one effect, one receipt, never an error that the phone has to deal with (promise P2)."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from gridwatch.leads.models import Lead
from gridwatch.sync import kinds
from gridwatch.sync.models import Item
from tests.fixtures import Caller, Work, World
from tests.phone import Phone
from tests.sync.talk import Make, outcomes, part_of, pull, push


def at_once(callers: list[Caller], batches: list[list[dict[str, Any]]]) -> list[list[dict[str, Any]]]:
    """Each caller pushes its batch, all at the same time."""
    with ThreadPoolExecutor(len(callers)) as pool:
        return list(pool.map(lambda told: push(told[0], *told[1]), zip(callers, batches, strict=True)))


def test_a_batch_that_is_delivered_five_times_at_once_takes_effect_once(
    worker: Caller, client: Caller, work: Work, report: Make
):
    items = [report() for _ in range(12)]
    phones = [client.as_("grid_worker", worker.device_id) for _ in range(5)]
    batches = [random.Random(seed).sample(items, 12) for seed in range(5)]
    answers = [result for results in at_once(phones, batches) for result in results]
    by_id: dict[str, list[dict[str, Any]]] = {}
    for result in answers:
        by_id.setdefault(result["id"], []).append(result)
    for results in by_id.values():
        assert sorted(outcomes(results)) == [("accepted", None)] + [("duplicate", None)] * 4
        assert len({result["receipt"]["no"] for result in results}) == 1
        assert all(
            result["first"] == {"outcome": "accepted", "code": None}
            for result in results
            if result["outcome"] == "duplicate"
        )
    with work() as session:
        assert session.query(Item).count() == 12 == session.query(Lead).count()


def test_two_devices_with_the_same_items_in_opposite_order_do_not_block_each_other(
    worker: Caller, client: Caller, work: Work, report: Make
):
    items = [report() for _ in range(10)]
    phones = [client.as_("grid_worker") for _ in range(4)]
    answers = at_once(phones, [items, items[::-1], items, items[::-1]])
    found = [outcome for results in answers for outcome, _ in outcomes(results)]
    assert (found.count("accepted"), found.count("duplicate")) == (10, 30)
    with work() as session:
        assert session.query(Lead).count() == 10


def test_pull_answers_while_a_push_is_stuck(
    worker: Caller, client: Caller, item: Make, monkeypatch: pytest.MonkeyPatch
):
    """Promise R6, on both databases: a reader never waits for a writer."""
    seen: list[Any] = []
    reader = client.as_("grid_worker_2")

    def slow(session: Session, fact: kinds.Fact) -> kinds.Applied:
        with ThreadPoolExecutor(1) as pool:  # while this push holds what it holds, somebody pulls
            seen.append(pool.submit(pull, reader).result(timeout=20)["epoch"])
        return kinds.Applied()

    monkeypatch.setitem(kinds.KINDS, "checklist.submit", kinds.Kind(slow))
    assert outcomes(push(worker, item("checklist.submit"))) == [("accepted", None)]
    assert len(seen) == 1


def test_a_deadlock_is_tried_again_by_the_server(
    worker: Caller, item: Make, work: Work, monkeypatch: pytest.MonkeyPatch
):
    class Deadlock(Exception):
        sqlstate = "40P01"

    tries: list[str] = []

    def unlucky(session: Session, fact: kinds.Fact) -> kinds.Applied:
        tries.append(fact.item.id)
        if len(tries) < 3:
            raise OperationalError("UPDATE", {}, Deadlock())
        return kinds.Applied()

    monkeypatch.setitem(kinds.KINDS, "checklist.submit", kinds.Kind(unlucky))
    assert outcomes(push(worker, item(), item("checklist.submit"), item())) == [("accepted", None)] * 3
    assert len(tries) == 3
    with work() as session:
        assert session.query(Item).count() == 3


def test_a_database_that_stays_busy_is_503_and_nothing_is_half_stored(
    worker: Caller, item: Make, report: Make, work: Work, monkeypatch: pytest.MonkeyPatch
):
    class Busy(Exception):
        sqlstate = "40001"

    def never(session: Session, fact: kinds.Fact) -> kinds.Applied:
        raise OperationalError("UPDATE", {}, Busy())

    monkeypatch.setitem(kinds.KINDS, "checklist.submit", kinds.Kind(never))
    answer = worker.post(
        "/api/v1/sync/push", {"device_id": worker.device_id, "items": [report(), item("checklist.submit")]}
    )
    assert (answer.status, answer.body["code"]) == (503, "http.busy")
    assert int(answer.headers["Retry-After"]) > 0
    with work() as session:
        assert session.query(Item).count() == session.query(Lead).count() == 0


def test_a_unique_key_that_another_took_meanwhile_is_tried_again(
    worker: Caller, item: Make, world: World, work: Work, monkeypatch: pytest.MonkeyPatch
):
    """What clashes once is done again; what clashes each time is left to a person, with the item kept."""

    def clashes(session: Session, fact: kinds.Fact) -> kinds.Applied:
        session.execute(
            text("INSERT INTO area (code, name, level, path) VALUES ('1', 'x', 'city', :path)"),
            {"path": world.path(world.city)},
        )
        return kinds.Applied()

    monkeypatch.setitem(kinds.KINDS, "checklist.submit", kinds.Kind(clashes))
    assert outcomes(push(worker, item(), item("checklist.submit"))) == [("accepted", None), ("review", "not_applied")]
    with work() as session:
        assert session.query(Item).count() == 2


def test_two_contents_under_one_id_that_come_at_once_are_first_and_second(
    worker: Caller, client: Caller, world: World, work: Work, item: Make
):
    items = [item() for _ in range(8)]
    others = [one | {"payload": {"text": "另一内容"}} for one in items]
    answers = at_once([client.as_("grid_worker") for _ in range(2)], [items, others])
    for pair in zip(*answers, strict=True):
        assert sorted(outcomes(list(pair)), key=str) == [("accepted", None), ("review", "id_reused")]
    part = part_of(pull(worker, limit=2_000), f"user:{world.people['grid_worker']}")
    held = {f"{change['kind']}/{change['id']}": {"rev": change["rev"]} for change in part["changes"]}
    assert part["digest"] == Phone.digest_of(held)
    assert len(held) == 9  # the profile and one outcome for each id


def test_whatever_stands_in_an_item_it_gets_an_answer_and_its_neighbours_too(worker: Caller, item: Make):
    """Odd values in every place: no crash, one result each, every member there."""
    chance = random.Random(7)
    odd = [
        None,
        True,
        0,
        -1,
        1.5,
        2**53,
        1e300,
        "",
        "x",
        "\0",
        "😀" * 50,
        "x" * 5_000,
        [],
        [None],
        [[]],
        {},
        {"": None},
        {"a": [{"b": 1}]},
    ]
    names = [
        *item(),
        "task_id",
        "base_rev",
        "scope",
        "scope_token",
        "item_version",
        "clock",
        "place",
        "depends_on",
        "files",
    ]
    kind = [*kinds.KINDS, "nonsense"]
    inner = [
        "lon",
        "lat",
        "crs",
        "sha256",
        "size",
        "required",
        "offset_ms",
        "lead_id",
        "category",
        "title",
        "reason",
        "evidence",
    ]
    for _ in range(4):
        batch = []
        for _ in range(50):
            one = item(chance.choice(kind))
            for name in chance.sample(names[1:], chance.randint(0, 6)):
                value = chance.choice(odd)
                if chance.random() < 0.4:
                    value = {key: chance.choice(odd) for key in chance.sample(inner, 4)}
                one[name] = [value] if chance.random() < 0.2 else value
            batch.append(one)
        results = push(worker, *batch)
        assert [result["id"] for result in results] == [one["id"] for one in batch]
        assert {result["code"] for result in results if result["outcome"] == "review"} <= {
            "payload_invalid", "unknown_item_version", "stale_base",
        }  # fmt: skip
        assert all(result["receipt"] for result in results if result["outcome"] != "rejected")
