"""One visit per door: tasks of a door carry its key, show what was done there, and stay a visit each underneath."""

from __future__ import annotations

import json

import pytest
from sqlalchemy import select

from gridwatch.calendars.queries import current_calendar
from gridwatch.db.feed import FeedRow
from gridwatch.domain.permits import SYSTEM, Actor, Grant, Role
from gridwatch.entities.models import Entity
from gridwatch.entities.service import RegistryNotice
from gridwatch.places.models import Address
from gridwatch.tasks.intake import take_in_many
from gridwatch.tasks.models import Task, Visit
from gridwatch.tasks.rulings import withdraw_visit
from tests.tasks.conftest import GOOD


@pytest.fixture
def mall(work, world, clock) -> list[str]:
    """Two shops behind one standard address in the first grid: the ids of their first checks."""
    owner = Actor("owner", "平台", (Grant(Role.PLATFORM_OWNER, world.path(world.city)),))
    with work() as session:
        session.add(
            Address(
                code="M1", text="鸿福路商城", grid_code=world.grid, street_code=world.street, community_code=world.community,
                area_path=world.path(world.community),
            )
        )  # fmt: skip
        session.flush()
        notices = [
            RegistryNotice(
                event_id=f"ev-M{n}", kind="new", code=f"M{n}", occurred_on=clock.today(), name=f"商城{n}号", scope="日用品",
                street_code=world.street, address_text="鸿福路商城", address_code="M1",
            )
            for n in range(2)
        ]  # fmt: skip
        taken = take_in_many(
            session, notices, current_calendar(session), actor=owner, now=clock.now(), today=clock.today()
        )
        return [one.task.id for one in taken]


def document(work, task_id: str) -> dict:
    with work() as session:
        return json.loads(session.scalar(select(FeedRow.doc).where(FeedRow.doc_id == task_id, FeedRow.op == "put")))


def test_tasks_of_one_address_share_a_door_and_others_have_their_own(work, mall, doors):
    assert {document(work, one)["door"] for one in mall} == {"a:M1"}
    with work() as session:
        assert session.get_one(Task, doors.task).door == f"e:{doors.entity}"
        assert session.scalar(select(Entity.address_code).where(Entity.id == doors.entity)) is None


def test_each_task_is_still_a_visit_and_the_others_show_what_was_done(work, mall, visit):
    first, second = mall
    before = document(work, second)
    assert (before["done_here"], before["rev"]) == ([], 1)
    visit(GOOD, task=first, at="2026-09-21 10:00")
    with work() as session:
        assert [session.get_one(Task, one).state for one in mall] == ["done", "issued"]
    after = document(work, second)
    assert after["done_here"] == [
        {"on": "2026-09-21", "result": "done", "items": ["RG01", "RG02"], "role": "grid_worker"}
    ]
    assert after["rev"] == 2
    assert visit(GOOD, task=second, at="2026-09-21 10:05", base_rev=1).effect == "accepted", (
        "what is asked has not changed"
    )


def test_own_attempts_are_attempts_and_not_what_others_did(work, mall, visit):
    visit({"result": "closed_door"}, task=mall[0], at="2026-09-21 10:00")
    assert document(work, mall[0])["done_here"] == []
    assert document(work, mall[1])["done_here"][0]["result"] == "closed_door"


def test_what_was_taken_back_was_not_done(work, mall, visit, client, clock, world):
    done = visit(GOOD, task=mall[0], at="2026-09-21 10:00").visit
    with work() as session:
        withdraw_visit(session, session.get_one(Visit, done.id), "看错门", actor=SYSTEM, at=clock.now())
    assert document(work, mall[1])["done_here"] == []


def test_the_card_of_a_door(client, mall, visit, clock):
    visit(GOOD, task=mall[0], at="2026-09-21 10:00")
    clock.set("2026-10-21 09:00")
    card = client.as_("grid_worker").get(f"/api/v1/tasks/{mall[1]}/door").body
    assert (card["door"], card["items"], [one["id"] for one in card["tasks"]]) == ("a:M1", ["RG01", "RG02"], [mall[1]])
    assert card["done_here"] == [
        {"on": "2026-09-21", "result": "done", "items": ["RG01", "RG02"], "role": "grid_worker"}
    ]
    clock.set("2026-10-22 09:00")
    assert client.as_("grid_worker").get(f"/api/v1/tasks/{mall[1]}/door").body["done_here"] == [], "30 days have passed"
    assert client.as_("grid_worker_2").get(f"/api/v1/tasks/{mall[1]}/door").status == 404


def test_tasks_are_listed_by_door(client, mall, doors):
    listed = client.as_("street_dispatcher").get("/api/v1/tasks?door=a:M1").body["items"]
    assert [one["id"] for one in listed] == mall
