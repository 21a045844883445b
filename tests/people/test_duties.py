"""Who is on duty where: moves and leave covers with their dates, as phones and the feed see them."""

from __future__ import annotations

from datetime import date, timedelta

import orjson
import pytest
from sqlalchemy import select

from gridwatch.db.feed import FeedRow
from gridwatch.people.queries import held_scopes
from gridwatch.people.service import NewGrant, assign_grid, create_or_update_user, end_duty
from tests.fixtures import Caller, Clock, World, user_of


@pytest.fixture
def held(work, world, clock):
    """`held(username)`: the scopes that a person may hold today."""

    def ask(username: str, since: date | None = None) -> set[str]:
        with work() as session:
            found = session.scalars(held_scopes(world.people[username], clock.today(), since)).all()
        assert len(found) == len(set(found))
        own = f"user:{world.people[username]}"
        assert own in found
        return set(found) - {own}

    return ask


def reach(client: Caller, username: str) -> list[str]:
    """The grids that the person sees over the API."""
    return [item["code"] for item in client.as_(username).get("/api/v1/grids").body["items"]]


def test_a_cover_begins_and_ends_with_its_days(client: Caller, world: World, work, held, clock: Clock):
    with work() as session:
        away, stands_in = user_of(session, "grid_worker"), user_of(session, "grid_worker_2")
        leave = {"from_on": date(2026, 10, 9), "to_on": date(2026, 10, 16), "covers": away}
        assign_grid(session, stands_in, world.grid, **leave, at=clock.now())
    own, both = {f"grid:{world.grid_2}"}, {f"grid:{world.grid}", f"grid:{world.grid_2}"}
    for moment, expected in [
        ("2026-10-08 23:59", own),
        ("2026-10-09 00:00", both),
        ("2026-10-12 12:00", both),
        ("2026-10-16 23:59", both),
        ("2026-10-17 00:00", own),
    ]:
        clock.set(moment)
        assert held("grid_worker_2") == expected, moment
        assert {f"grid:{code}" for code in reach(client, "grid_worker_2")} == expected, moment
        assert held("grid_worker") == {f"grid:{world.grid}"}  # who is away keeps the grid


def test_what_was_held_is_remembered(held, work, world: World, clock: Clock):
    with work() as session:
        worker = user_of(session, "grid_worker")
        end_duty(session, worker, world.grid, last_on=clock.today() - timedelta(days=1), at=clock.now())
        assign_grid(session, worker, world.grid_3, from_on=clock.today(), at=clock.now())
    assert held("grid_worker") == {f"grid:{world.grid_3}"}
    assert held("grid_worker", since=clock.today() - timedelta(days=1)) == {
        f"grid:{world.grid}",
        f"grid:{world.grid_3}",
    }
    clock.advance(days=200)
    assert held("grid_worker", since=clock.today() - timedelta(days=180)) == {f"grid:{world.grid_3}"}


def test_loading_another_list_of_grids_moves_the_person_and_leaves_covers_alone(held, work, world: World, clock: Clock):
    def load(*grids: str) -> int:
        grants = [NewGrant("grid_worker", world.community)]
        with work() as session:
            name = user_of(session, "grid_worker_2").name
            return create_or_update_user(
                session, "grid_worker_2", name, grants=grants, grid_codes=grids, at=clock.now()
            ).rev

    with work() as session:
        stands_in, away = user_of(session, "grid_worker_2"), user_of(session, "grid_worker_3")
        assign_grid(session, stands_in, world.grid_3, from_on=clock.today(), covers=away, at=clock.now())
    first = load(world.grid_2)
    assert load(world.grid_2) == first  # the same again changes nothing
    clock.advance(days=1)
    assert load(world.grid_2) == first  # neither does another day
    assert load(world.grid) > first
    assert held("grid_worker_2") == {f"grid:{world.grid}", f"grid:{world.grid_3}"}
    load(world.grid_2)  # back on the same day
    assert held("grid_worker_2") == {f"grid:{world.grid_2}", f"grid:{world.grid_3}"}


def test_the_same_assignment_again_changes_nothing(work, world: World, clock: Clock):
    revs = []
    for _ in range(2):
        with work() as session:
            worker = user_of(session, "grid_worker")
            assign_grid(session, worker, world.grid_2, from_on=clock.today(), at=clock.now())
            revs.append(worker.rev)
    assert revs[0] == revs[1]


def test_the_profile_on_the_phone_follows_every_change(work, world: World, clock: Clock):
    def profile() -> dict:
        with work() as session:
            rows = session.execute(
                select(FeedRow.scope, FeedRow.doc).where(
                    FeedRow.kind == "profile", FeedRow.doc_id == world.people["grid_worker"]
                )
            ).all()
        assert [scope for scope, _ in rows] == [f"user:{world.people['grid_worker']}"]
        return orjson.loads(rows[0].doc)

    first = profile()
    assert first == {
        "kind": "profile", "id": world.people["grid_worker"], "rev": first["rev"], "username": "grid_worker",
        "name": "网格员 grid_worker",
        "roles": [{"role": "grid_worker", "area": world.community, "department": None, "deputy": False}],
        "grids": [{"code": world.grid, "from_on": "2026-01-01", "to_on": None, "covers": None}],
    }  # fmt: skip
    with work() as session:
        away = user_of(session, "grid_worker_2")
        leave = {"from_on": date(2026, 10, 9), "to_on": date(2026, 10, 16), "covers": away}
        assign_grid(session, user_of(session, "grid_worker"), world.grid_2, **leave, at=clock.now())
    second = profile()
    assert second["rev"] > first["rev"]
    assert second["grids"][1] == {
        "code": world.grid_2, "from_on": "2026-10-09", "to_on": "2026-10-16", "covers": world.people["grid_worker_2"],
    }  # fmt: skip
