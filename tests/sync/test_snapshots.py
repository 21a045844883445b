"""Snapshots and tokens: paged, resumable, one build for everybody; whatever is no token of ours gets one (section 3)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from flask import Flask
from sqlalchemy import update

from gridwatch.jobs.work import prepare_snapshots
from gridwatch.people.service import assign_grid
from gridwatch.sync import housekeeping, tokens
from gridwatch.sync.models import ServerState, Snapshot
from tests.fixtures import Caller, Clock, Work, World, user_of
from tests.sync.talk import Put, notes, part_of, pull, tokens_of


def pages(worker: Caller, scope: str, limit: int, known: dict[str, Any]) -> Iterator[dict[str, Any]]:
    while True:
        answer = pull(worker, known, limit=limit)
        part = part_of(answer, scope)
        known |= tokens_of(answer)
        yield part
        if not part["more"]:
            return


def test_a_snapshot_is_paged_by_its_token_whole_and_in_one_build(worker: Caller, scope: str, put: Put):
    put(scope, *(f"n{number:03}" for number in range(231)))
    own = {one: token for one, token in tokens_of(pull(worker, limit=2_000)).items() if one != scope}
    for limit in (7, 100, 130, 199, 231):
        parts = list(pages(worker, scope, limit, dict(own)))
        changes = [change for part in parts for change in part["changes"]]
        assert [part["page"] for part in parts] == list(range(1, len(parts) + 1))
        assert len({part["snapshot"] for part in parts}) == 1
        assert all(len(part["changes"]) == limit for part in parts[:-1])
        assert [change["id"] for change in changes if change["kind"] == "note"] == [
            f"n{number:03}" for number in range(231)
        ]
        assert parts[-1]["digest"]["count"] == 232 == len(changes)
        assert all(part["digest"] is None for part in parts[:-1])


def test_a_snapshot_that_is_being_paged_is_not_disturbed_by_what_changes_meanwhile(
    worker: Caller, scope: str, put: Put
):
    put(scope, *(f"n{number:03}" for number in range(150)))
    own = {one: token for one, token in tokens_of(pull(worker, limit=2_000)).items() if one != scope}
    parts = []
    for part in pages(worker, scope, 60, own):
        parts.append(part)
        if part["page"] == 1:
            put(scope, "n149", rev=2)
            put(scope, "late")
            put(None, "n000", rev=2)
    assert len({part["snapshot"] for part in parts}) == 1
    assert sum(len(part["changes"]) for part in parts) == 151
    delta = part_of(pull(worker, own), scope)
    assert [(one["op"], one["id"]) for one in delta["changes"]] == [("put", "n149"), ("put", "late"), ("leave", "n000")]


def test_one_build_is_served_to_everyone_who_asks(
    client: Caller, worker: Caller, world: World, work: Work, clock: Clock, put: Put, scope: str
):
    with work() as session:
        assign_grid(session, user_of(session, "grid_worker_2"), world.grid, from_on=clock.today(), at=clock.now())
    put(scope, *(f"n{number:03}" for number in range(200)))
    first, second = (part_of(pull(one, limit=2_000), scope) for one in (worker, client.as_("grid_worker_2")))
    assert first == second
    with work() as session:
        assert session.query(Snapshot).filter_by(scope=scope).count() == 1


def test_another_state_is_another_build_and_a_page_of_a_build_that_is_gone_begins_anew(
    worker: Caller, scope: str, put: Put, work: Work
):
    put(scope, *(f"n{number:03}" for number in range(200)))
    answer = pull(worker, limit=150)
    first, known = part_of(answer, scope), tokens_of(answer)
    put(scope, "later")
    with work() as session:
        session.query(Snapshot).delete()
    again = part_of(pull(worker, known, limit=150), scope)
    assert (again["mode"], again["page"]) == ("snapshot", 1)
    assert again["snapshot"] != first["snapshot"]


def test_builds_are_cleaned_after_two_days_unless_the_scope_still_stands_there(
    worker: Caller, scope: str, put: Put, work: Work, clock: Clock
):
    put(scope, *(f"n{number:03}" for number in range(200)))
    pull(worker, limit=2_000)
    clock.advance(days=3)
    with work() as session:
        assert housekeeping.clean_snapshots(session, clock.now()) == 0
    put(scope, "later")
    with work() as session:
        assert housekeeping.clean_snapshots(session, clock.now()) == 1


# -- tokens that are not good -----------------------------------------------------------------------------------------


def test_a_token_that_is_none_of_ours_is_answered_with_a_snapshot(worker: Caller, world: World, scope: str, put: Put):
    put(scope, "a")
    known = tokens_of(pull(worker))
    mine, theirs = known[scope], known[f"user:{world.people['grid_worker']}"]
    epoch, seq, mac = mine.replace("-", ".", 1).split(".", 2)
    abused = {
        "of another scope": theirs,
        "ahead, forged": f"{epoch}.{int(seq) + 5}-{mac}",
        "behind, forged": f"{epoch}.0-{mac}",
        "without its MAC": f"{epoch}.{seq}",
        "cut": mine[:-1],
        "of another epoch": f"ffff.{seq}-{mac}",
        "a page of nothing": f"{epoch}.{seq}+0123456789abcdef.1.1-{mac}",
        "empty": "",
        "null": None,
        "a number": 7,
        "a list": [],
        "very long": "x" * 100_000,
        "digits that are none": f"{epoch}.١-{mac}",
        "with a NUL": mine + "\0",
    }
    for case, token in abused.items():
        answer = pull(worker, known | {scope: token})
        part = part_of(answer, scope)
        assert (part["mode"], part["page"], part["token"]) == ("snapshot", 1, mine), case
        assert notes(answer, scope) == ["a"], case


def test_a_token_ahead_of_the_counter_as_after_a_restored_database_gets_a_snapshot(
    app: Flask, worker: Caller, scope: str, put: Put
):
    put(scope, "a")
    answer = pull(worker)
    ahead = tokens.issue("test-" * 8, scope, 1, tokens.Position(answer["epoch"], 10**6))
    part = part_of(pull(worker, tokens_of(answer) | {scope: ahead}), scope)
    assert part["mode"] == "snapshot"
    assert part["token"] == tokens_of(answer)[scope]


def test_a_new_epoch_gives_snapshots_for_every_scope(worker: Caller, scope: str, put: Put, work: Work):
    put(scope, "a")
    known = tokens_of(pull(worker))
    with work() as session:
        session.execute(update(ServerState).values(epoch="beef"))
    answer = pull(worker, known)
    assert answer["epoch"] == "beef"
    assert {part["mode"] for part in answer["scopes"]} == {"snapshot"}
    assert len(answer["scopes"]) == 2


def test_an_older_schema_of_the_token_gives_a_snapshot(worker: Caller, scope: str):
    answer = pull(worker)
    old = tokens.issue("test-" * 8, scope, 0, tokens.Position(answer["epoch"], 1))
    assert part_of(pull(worker, tokens_of(answer) | {scope: old}), scope)["mode"] == "snapshot"


def test_behind_the_tombstone_horizon_a_phone_gets_a_snapshot_instead_of_a_delta_with_holes(
    worker: Caller, scope: str, put: Put, work: Work, clock: Clock
):
    put(scope, "a", "b")
    old = tokens_of(pull(worker))
    put(None, "a", rev=2)
    fresh = tokens_of(pull(worker))
    clock.advance(days=179)
    assert part_of(pull(worker, old), scope)["mode"] == "delta"
    clock.advance(days=2)
    assert part_of(pull(worker, old), scope)["mode"] == "snapshot"  # before anything was purged
    with work() as session:
        assert housekeeping.purge_tombstones(session, clock.now(), 180) == 1
    put(scope, "c")
    assert part_of(pull(worker, old), scope)["mode"] == "snapshot"
    assert notes(pull(worker, old), scope) == ["b", "c"]
    delta = part_of(pull(worker, fresh), scope)
    assert delta["mode"] == "delta"
    assert [one["id"] for one in delta["changes"]] == ["c"]


# -- built in the small hours -----------------------------------------------------------------------------------------


def test_what_all_phones_would_ask_for_in_the_morning_is_built_at_night_and_only_once(
    app: Flask, worker: Caller, scope: str, put: Put, work: Work, clock: Clock
):
    put(scope, *(f"n{number:03}" for number in range(150)))
    clock.set("2026-09-22 12:00")
    with app.app_context():
        assert prepare_snapshots(clock.now()) == {"built": 0}, "not while people work"
        clock.set("2026-09-23 03:10")
        assert prepare_snapshots(clock.now()) == {"built": 1}
        assert prepare_snapshots(clock.now()) == {"built": 0}
    with work() as session:
        (night,) = session.query(Snapshot.id, Snapshot.scope)
    assert night.scope == scope
    clock.set("2026-09-23 08:30")
    part = part_of(pull(worker, limit=2_000), scope)
    assert part["snapshot"] == night.id
    assert len(notes(pull(worker, limit=2_000), scope)) == 150


def test_a_scope_that_moved_since_is_built_again_the_next_night(app: Flask, scope: str, put: Put, clock: Clock):
    put(scope, *(f"n{number:03}" for number in range(150)))
    with app.app_context():
        clock.set("2026-09-23 03:10")
        assert prepare_snapshots(clock.now()) == {"built": 1}
        put(scope, "n150")
        clock.set("2026-09-24 03:10")
        assert prepare_snapshots(clock.now()) == {"built": 1}
