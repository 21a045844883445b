"""Several events of one entity in one batch: each is held against those before it, whatever their order."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from gridwatch.entities.models import Entity
from gridwatch.tasks.models import Task

URL = "/api/v1/registry/events"
NEW = {
    "event_id": "n", "kind": "new", "code": "E1", "occurred_on": "2026-09-10", "name": "一号店", "street_code": "441900004",
    "address_text": "鸿福路1号",
}  # fmt: skip


def moved(event_id: str, day: str, to: str) -> dict[str, str]:
    return {"event_id": event_id, "kind": "address", "code": "E1", "occurred_on": day, "address_text": to}


def ended(day: str) -> dict[str, str]:
    return {"event_id": "x", "kind": "deregistered", "code": "E1", "occurred_on": day}


@pytest.mark.parametrize(
    ("what", "batches", "outcomes", "address", "states"),
    [
        ("in order", [[NEW, moved("a", "2026-09-11", "二"), moved("b", "2026-09-12", "三")]],
         ["created", "changed", "changed"], "三", ["superseded", "superseded", "planned"]),
        ("the other way round", [[moved("b", "2026-09-12", "三"), moved("a", "2026-09-11", "二"), NEW]],
         ["changed", "changed", "created"], "三", ["superseded", "superseded", "planned"]),
        ("the later one came in a batch before", [[NEW, moved("b", "2026-09-12", "三")], [moved("a", "2026-09-11", "二")]],
         ["created", "changed", "outdated"], "三", ["superseded", "planned"]),
        ("of one day, as they came", [[NEW, moved("a", "2026-09-11", "二"), moved("b", "2026-09-11", "三")]],
         ["created", "changed", "changed"], "三", ["superseded", "superseded", "planned"]),
        ("doubled in the batch", [[NEW, moved("a", "2026-09-11", "二"), moved("a", "2026-09-11", "二")]],
         ["created", "changed", "duplicate"], "二", ["superseded", "planned"]),
        ("an id used twice", [[NEW, moved("a", "2026-09-11", "二"), moved("a", "2026-09-11", "三")]],
         ["created", "changed", "refused"], "二", ["superseded", "planned"]),
        ("an id used twice over batches", [[NEW, moved("a", "2026-09-11", "二")], [moved("a", "2026-09-11", "三")]],
         ["created", "changed", "refused"], "二", ["superseded", "planned"]),
        ("an address after the end", [[NEW, ended("2026-09-11"), moved("a", "2026-09-12", "二")]],
         ["created", "changed", "changed"], "二", ["superseded"]),
        ("before anybody knows it", [[moved("a", "2026-09-11", "二")], [NEW], [moved("a", "2026-09-11", "二")]],
         ["refused", "created", "changed"], "二", ["superseded", "planned"]),
        ("new twice under other ids", [[NEW, {**NEW, "event_id": "m"}]], ["created", "refused"], "鸿福路1号", ["planned"]),
    ],
)  # fmt: skip
def test_events_of_one_entity(client, world, work, what, batches, outcomes, address, states):
    owner = client.as_("platform_owner")
    told = [one["outcome"] for batch in batches for one in owner.post(URL, batch).body["results"]]
    assert told == outcomes, what
    with work() as session:
        assert session.scalar(select(Entity.address_text)) == address, what
        assert session.scalars(select(Task.state).order_by(Task.start_on, Task.created_at, Task.id)).all() == states, (
            what
        )
