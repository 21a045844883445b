"""Runs of the simulator: a few seeds a database, the same seed twice, and mistakes on purpose that the invariants must catch."""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, event
from sqlalchemy.orm import Session

from gridwatch.db import feed
from gridwatch.sync import service
from gridwatch.sync.models import Item
from tests.databases import postgres_binaries
from tests.phone import Phone
from tests.simulator.__main__ import play, report
from tests.simulator.places import on_postgis, on_spatialite
from tests.simulator.schedule import STEPS
from tests.simulator.server import Place

SEEDS = (1, 2, 3, 4)
WITHIN = 10  # seeds within which a mistake must be found


@pytest.fixture(params=["spatialite", "postgis"])
def place(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    """Where the databases of the runs come from, once of each kind."""
    if request.param == "spatialite":
        return on_spatialite(request.getfixturevalue("spatialite_template"), tmp_path)
    server = request.getfixturevalue("postgres")
    monkeypatch.setenv("PATH", f"{postgres_binaries()}{os.pathsep}{os.environ['PATH']}")  # pg_dump of its own version
    return on_postgis(server)


@pytest.mark.parametrize("seed", SEEDS)
def test_what_was_promised_holds_when_all_faults_have_ended(place: Place, seed: int):
    trace, found = play(seed, place, STEPS)
    assert not found, report(seed, place, STEPS, trace, found)


def test_the_same_seed_gives_the_same_run_event_for_event(place: Place):
    first, second = play(7, place, 40)[0], play(7, place, 40)[0]
    assert first == second
    assert len(first) > 60
    assert first != play(8, place, 40)[0]


def test_a_run_cut_short_begins_like_the_whole_one(place: Place):
    """`--steps` finds the shortest run that still fails."""
    whole, part = play(7, place, 40)[0], play(7, place, 20)[0]
    cut = next(number for number, line in enumerate(part) if " calm: " in line)
    assert cut > 10
    assert whole[:cut] == part[:cut]


# -- mistakes on purpose, each on one database: that it is a mistake does not hang on the database -----------------------


def found_by(place: Place, name: str) -> set[str]:
    """The invariants that find something within a few seeds; no further than the one of that name."""
    seen: set[str] = set()
    for seed in range(1, WITHIN + 1):
        seen |= {problem.partition(":")[0] for problem in play(seed, place, STEPS)[1]}
        if name in seen:
            break
    return seen


@pytest.mark.parametrize("place", ["spatialite"], indirect=True)
def test_a_server_that_answers_a_receipt_and_stores_nothing(place: Place, monkeypatch: pytest.MonkeyPatch):
    take = service._Batch.take

    def forgets(self: Any, slots: list[Any]) -> list[dict[str, Any]]:
        results = take(self, slots)
        self.session.flush()
        dropped = [one["id"] for one in results if one["outcome"] == "accepted"][:1]
        self.session.execute(delete(Item).where(Item.id.in_(dropped)))
        return results

    monkeypatch.setattr(service._Batch, "take", forgets)
    assert "r1_acknowledged_is_committed" in found_by(place, "r1_acknowledged_is_committed")


@pytest.mark.parametrize("place", ["spatialite"], indirect=True)
def test_a_server_that_gives_every_copy_a_receipt_of_its_own(place: Place, monkeypatch: pytest.MonkeyPatch):
    receipt, numbers = service.receipt, count(1)
    monkeypatch.setattr(service, "receipt", lambda item: {**receipt(item), "no": next(numbers)})
    assert "r2_one_effect_one_receipt" in found_by(place, "r2_one_effect_one_receipt")


@pytest.mark.parametrize("place", ["spatialite"], indirect=True)
def test_a_phone_that_forgets_what_it_has_sent_and_nobody_acknowledged(place: Place, monkeypatch: pytest.MonkeyPatch):
    push = Phone.push

    def careless(self: Phone) -> None:
        try:
            push(self)
        except Exception:
            self.store.save(outbox=[])
            raise

    monkeypatch.setattr(Phone, "push", careless)
    assert "r3_never_dropped_in_silence" in found_by(place, "r3_never_dropped_in_silence")


@pytest.fixture
def numbers_taken_early(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Numbers of the feed from a sequence, taken when a transaction begins: they become visible out of order."""
    sequence = count(1)

    def begins(session: Session, transaction: Any, connection: Any) -> None:
        if not transaction.nested:
            connection.info["early"] = next(sequence) * 1_000

    raise_counters = feed._raise_counters

    def raise_to_it(connection: Any, scopes: list[tuple[str, int, int, int]]) -> dict[str, int]:
        ends = raise_counters(connection, scopes)
        early = dict.fromkeys(ends, connection.info["early"])
        for scope, number in early.items():
            connection.exec_driver_sql(
                f"UPDATE feed_scope SET counter = CASE WHEN counter < {number} THEN {number} ELSE counter END "
                f"WHERE scope = '{scope}'"
            )
        return early

    event.listen(Session, "after_begin", begins)
    monkeypatch.setattr(feed, "_raise_counters", raise_to_it)
    yield
    event.remove(Session, "after_begin", begins)


@pytest.mark.parametrize("place", ["postgis"], indirect=True)
def test_a_feed_numbered_from_a_sequence(place: Place, numbers_taken_early: None):
    assert "r4_holds_what_the_scopes_hold" in found_by(place, "r4_holds_what_the_scopes_hold")


@pytest.mark.parametrize("place", ["spatialite"], indirect=True)
def test_a_phone_that_keeps_a_grid_that_was_lost(place: Place, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(Phone, "_revoke", lambda self, scopes: False)
    assert "r5_lost_scopes_are_gone" in found_by(place, "r5_lost_scopes_are_gone")
