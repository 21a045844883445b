"""Every sentence that a phone can be told is reached: each outcome and code of `words.MESSAGES`, by what really leads to it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask

from gridwatch.sync import housekeeping, kinds, words
from gridwatch.tasks.models import Task
from gridwatch.tasks.service import close_task
from tests.fixtures import Caller, Clock, Work, World
from tests.sync.conftest import Tasks, loses_the_grid
from tests.sync.talk import FILE, LEAD, SOMEBODY, Make, outcome_document, outcomes, push

Told = tuple[str, str | None]


class Town:
    """What a way to an outcome needs: a worker with a phone, the street, the clock, and how items are made."""

    def __init__(self, **parts: Any) -> None:
        self.__dict__ |= parts

    def sends(self, *items: dict[str, Any]) -> Told:
        """Push; the outcome of the last item, whose sentence is the one of the table."""
        result = push(self.worker, *items)[-1]
        assert result["message"].startswith(words.MESSAGES[result["outcome"], result["code"]][0].removesuffix("。"))
        return outcomes([result])[0]

    def learns(self, item: dict[str, Any]) -> Told:
        """What the phone is told of an item by pull."""
        document = outcome_document(self.worker, item["id"])
        assert document["message"].startswith(
            words.MESSAGES[document["outcome"], document["code"]][0].removesuffix("。")
        )
        return document["outcome"], document["code"]

    def decides(self, verb: str) -> None:
        """The street decides on the one item that waits."""
        street = self.client.as_("street_dispatcher")
        (item,) = street.get("/api/v1/sync/review").body["items"]
        body = {"reason": "核对过", "expected_version": item["version"]}
        assert street.post(f"/api/v1/sync/review/{item['no']}/{verb}", body).status == 200


def _duplicate(town: Town) -> Told:
    sent = town.item()
    return town.sends(sent, sent)


def _implausible(town: Town) -> Told:
    return town.sends(town.item(captured_at="2031-01-01T00:00:00+08:00"))


def _reviewed(town: Town) -> Told:
    sent = town.item(without=("device_no",))
    town.sends(sent)
    town.decides("apply")
    return town.learns(sent)


def _refused(town: Town) -> Told:
    sent = town.item(payload=[])
    town.sends(sent)
    town.decides("refuse")
    return town.learns(sent)


def _reassigned(town: Town) -> Told:
    (task,) = town.tasks(1)
    with town.work() as session:
        loses_the_grid(session, town.clock, town.world)
    return town.sends(town.visit(task))


def _withdrawn(town: Town) -> Told:
    (task,) = town.tasks(1)
    with town.work() as session:
        close_task(session, session.get_one(Task, task), "withdrawn", town.clock.now())
    return town.sends(town.visit(task))


def _closed(town: Town) -> Told:
    (task,) = town.tasks(1)
    return town.sends(town.visit(task), town.visit(task))


def _unknown_form(town: Town) -> Told:
    (task,) = town.tasks(1)
    return town.sends(town.visit(task, item_version="RG01@99"))


def _reused(town: Town) -> Told:
    sent = town.item()
    return town.sends(sent, {**sent, "payload": {"text": "另一内容"}})


def _stale(town: Town) -> Told:
    lead = town.item("lead.report", payload=LEAD, files=[FILE])
    back = {"payload": {"lead_id": lead["id"], "reason": "看错了门牌"}}
    return town.sends(lead, town.item("lead.withdraw", **back), town.item("lead.withdraw", **back))


def _never_came(town: Town) -> Told:
    sent = town.item(depends_on=[SOMEBODY])
    town.sends(sent)
    town.clock.advance(days=3)
    with town.work() as session:
        housekeeping.release_overdue(session, town.clock.now())
    return town.learns(sent)


def _defect(town: Town) -> Told:
    def broken(session: Any, fact: kinds.Fact) -> kinds.Applied:
        raise ZeroDivisionError("a defect of the program")

    town.monkeypatch.setitem(kinds.KINDS, "checklist.submit", kinds.Kind(broken))
    return town.sends(town.item("checklist.submit"))


def _other_device(town: Town) -> Told:
    return outcomes(push(town.worker, town.item(), device_id=SOMEBODY))[0]


WAYS: dict[Told, Callable[[Town], Told]] = {
    ("accepted", None): lambda town: town.sends(town.item()),
    ("accepted", "implausible_time"): _implausible,
    ("accepted", "reviewed"): _reviewed,
    ("duplicate", None): _duplicate,
    ("superseded", "reassigned"): _reassigned,
    ("superseded", "task_withdrawn"): _withdrawn,
    ("superseded", "task_closed"): _closed,
    ("superseded", "refused"): _refused,
    ("held", None): lambda town: town.sends(town.item(depends_on=[SOMEBODY])),
    ("review", "unknown_item_version"): _unknown_form,
    ("review", "payload_invalid"): lambda town: town.sends(town.item(payload=[])),
    ("review", "id_reused"): _reused,
    ("review", "stale_base"): _stale,
    ("review", "dependency_missing"): _never_came,
    ("review", "not_applied"): _defect,
    ("rejected", "not_your_device"): _other_device,
    ("rejected", "over_limit"): lambda town: town.sends(town.item(files=[FILE] * 10)),
    ("rejected", "undecodable"): lambda town: town.sends({"id": "x", "device_no": 9}),
}


def test_no_sentence_is_without_a_way_to_it():
    assert set(WAYS) == set(words.MESSAGES)
    assert all(zh.endswith("。") and en.endswith(".") for zh, en in words.MESSAGES.values())


@pytest.mark.parametrize("told", WAYS, ids=lambda told: "-".join(filter(None, told)))
def test_an_outcome_is_reached(
    app: Flask, worker: Caller, client: Caller, work: Work, world: World, clock: Clock, item: Make, tasks: Tasks, visit: Make,
    monkeypatch: pytest.MonkeyPatch, told: Told,
):  # fmt: skip
    town = Town(
        worker=worker, client=client, work=work, world=world, clock=clock, item=item, tasks=tasks, visit=visit, monkeypatch=monkeypatch
    )  # fmt: skip
    assert WAYS[told](town) == told
