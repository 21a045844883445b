"""Pull: what a phone may hold, in order, in pages, and whole (sync-protocol, section 3)."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import date
from typing import Any

from flask import Flask
from sqlalchemy import event, text

from gridwatch.db.base import db
from gridwatch.db.quick import Lane
from gridwatch.people.service import assign_grid, end_duty
from gridwatch.sync.wire import unpack
from tests.fixtures import Caller, Clock, Work, World, user_of
from tests.phone import Paused, Phone
from tests.sync.talk import Put, notes, part_of, pull, tokens_of


@contextmanager
def statements(app: Flask) -> Iterator[list[str]]:
    """Every statement that goes to the database meanwhile, by a session or by the quick lane."""
    seen: list[str] = []
    ask = Lane._ask

    def note_quick(lane: Lane, sql: str, asked: Any) -> list[tuple[Any, ...]]:
        seen.append(sql)
        return ask(lane, sql, asked)

    with app.app_context():
        engine = db.engine

    def note(connection: Any, cursor: Any, statement: str, *more: Any) -> None:
        seen.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    Lane._ask = note_quick
    yield seen
    Lane._ask = ask
    event.remove(engine, "before_cursor_execute", note)


# -- the quiet case ---------------------------------------------------------------------------------------------------


def test_a_pull_without_news_is_one_statement_authentication_included_and_under_a_kilobyte(
    app: Flask, worker: Caller, scope: str
):
    known = tokens_of(pull(worker))
    with statements(app) as seen:
        answer = worker.post("/api/v1/sync/pull", {"schema": 1, "scopes": known, "heartbeat": {"unsent": 0}})
    assert len(seen) == 1, seen  # whose token it is, and what stands where
    assert "access_token" in seen[0]
    assert answer.body["scopes"] == []
    assert answer.body["more"] is False
    assert answer.body["granted"] == []
    assert len(answer.response.data) < 1_000
    assert answer.headers["Cache-Control"] == "no-store"


def test_the_quiet_pull_costs_one_statement_however_many_documents_there_are(
    app: Flask, worker: Caller, scope: str, put: Put
):
    put(scope, *(f"n{number}" for number in range(300)))
    known = tokens_of(pull(worker))
    with statements(app) as seen:
        assert pull(worker, known)["scopes"] == []
    assert len(seen) == 1


# -- what changed -----------------------------------------------------------------------------------------------------


def test_a_delta_brings_each_document_once_at_its_newest_state_in_rising_order(worker: Caller, scope: str, put: Put):
    known = tokens_of(pull(worker))
    put(scope, "a", "b", "c")
    put(scope, "a", rev=2)
    put(None, "b", rev=2)
    part = part_of(pull(worker, known), scope)
    assert [(one["op"], one["id"], one.get("rev")) for one in part["changes"]] == [
        ("put", "c", 1),
        ("put", "a", 2),
        ("leave", "b", None),
    ]
    assert [one["seq"] for one in part["changes"]] == sorted(one["seq"] for one in part["changes"])
    put_c = part["changes"][0]
    assert {name: put_c["doc"][name] for name in ("kind", "id", "rev")} == {"kind": "note", "id": "c", "rev": 1}
    assert part["digest"]["count"] == 3  # the grid itself, a and c


def test_a_scope_without_news_is_left_out_and_keeps_its_token(worker: Caller, world: World, scope: str, put: Put):
    known = tokens_of(pull(worker))
    put(scope, "a")
    answer = pull(worker, known)
    assert [part["scope"] for part in answer["scopes"]] == [scope]
    again = pull(worker, known | tokens_of(answer))
    assert again["scopes"] == []


def test_the_same_token_twice_gives_the_same_or_more(worker: Caller, scope: str, put: Put):
    known = tokens_of(pull(worker))
    put(scope, "a")
    first = part_of(pull(worker, known), scope)
    assert part_of(pull(worker, known), scope) == first
    put(scope, "b")
    assert notes(pull(worker, known), scope) == ["a", "b"]


def test_deltas_are_paged_by_the_limit_and_the_digest_comes_last(worker: Caller, scope: str, put: Put):
    known = tokens_of(pull(worker))
    put(scope, *(f"n{number:02}" for number in range(25)))
    sizes, digests, got = [], [], []
    while True:
        answer = pull(worker, known, limit=10)
        part = part_of(answer, scope)
        sizes.append(len(part["changes"]))
        digests.append(part["digest"])
        got += notes(answer, scope)
        known |= tokens_of(answer)
        assert part["more"] is answer["more"]
        if not answer["more"]:
            break
    assert sizes == [10, 10, 5]
    assert digests[:2] == [None, None]
    assert digests[2]["count"] == 26
    assert got == [f"n{number:02}" for number in range(25)]


def test_a_page_whose_answer_was_lost_is_asked_for_again_and_nothing_is_missed(phone: Phone, scope: str, put: Put):
    phone.pull()
    put(scope, *(f"n{number:02}" for number in range(30)))
    send, lost = phone._send, [True, False, True, True, False]

    def lossy(*request: Any) -> Any:
        answer = send(*request)
        if lost and lost.pop(0):
            raise ConnectionResetError("the answer was lost")
        return answer

    phone._send = lossy
    for _ in range(7):
        with suppress(Paused):
            phone.pull(limit=7)
    assert {key for key in phone.store["docs"][scope] if key.startswith("note/")} == {
        f"note/n{number:02}" for number in range(30)
    }
    assert phone.store["incidents"] == 0


def test_the_limit_is_clamped_never_refused(worker: Caller, scope: str, put: Put):
    known = tokens_of(pull(worker))
    put(scope, *(f"n{number}" for number in range(600)))
    for asked, given in ((0, 1), (-5, 1), (1, 1), (None, 500), (10**9, 600), (3.0, 3)):
        assert len(part_of(pull(worker, known, limit=asked), scope)["changes"]) == given, asked


def test_at_most_two_thousand_changes_in_one_answer(worker: Caller, scope: str, put: Put):
    put(scope, *(f"n{number}" for number in range(2_050)), size=1)
    answer = pull(worker, limit=5_000)
    assert sum(len(part["changes"]) for part in answer["scopes"]) == 2_000
    assert answer["more"]


# -- scopes: granted, revoked, ordered --------------------------------------------------------------------------------


def test_an_empty_scope_without_a_token_is_not_left_out(worker: Caller, world: World, work: Work):
    with work() as session:
        session.execute(text("DELETE FROM feed_row WHERE scope = :scope"), {"scope": f"grid:{world.grid}"})
        session.execute(text("DELETE FROM feed_scope WHERE scope = :scope"), {"scope": f"grid:{world.grid}"})
    answer = pull(worker, limit=1)
    part = part_of(answer, f"grid:{world.grid}")
    assert (part["mode"], part["changes"], part["more"]) == ("snapshot", [], False)
    assert part["digest"] == {"count": 0, "hash": "0" * 16}
    assert pull(worker, tokens_of(answer))["scopes"] == []


def test_me_is_the_own_scope_and_the_answer_gives_its_name(worker: Caller, world: World):
    own = f"user:{world.people['grid_worker']}"
    answer = pull(worker)
    assert answer["granted"][0] == own
    token = tokens_of(answer)[own]
    for name in ("user:me", own):
        answer = pull(worker, {name: token})
        assert own not in answer["granted"]
        assert answer["revoked"] == []
        assert own not in tokens_of(answer)


def test_what_was_never_held_is_revoked_whether_it_exists_or_not(worker: Caller, client: Caller, world: World):
    theirs = tokens_of(pull(client.as_("grid_worker_2")))
    names = {f"grid:{world.grid_2}": theirs[f"grid:{world.grid_2}"], "grid:0": "x", "user:nobody": None, "": "", "nonsense": None,
             f"user:{world.people['grid_worker_2']}": theirs[f"user:{world.people['grid_worker_2']}"]}  # fmt: skip
    answer = pull(worker, names)
    assert sorted(answer["revoked"]) == sorted(names)
    assert {part["scope"] for part in answer["scopes"]}.isdisjoint(names)


def test_a_leave_cover_gives_a_grid_for_its_days_only(worker: Caller, world: World, work: Work, clock: Clock, put: Put):
    cover = f"grid:{world.grid_2}"
    put(cover, "next door")
    known = tokens_of(pull(worker))
    with work() as session:
        assign_grid(session, user_of(session, "grid_worker"), world.grid_2, from_on=date(2026, 9, 21), to_on=date(2026, 9, 22),
                    covers=user_of(session, "grid_worker_2"), at=clock.now())  # fmt: skip
    assert cover not in pull(worker, known)["granted"]
    clock.set("2026-09-21 00:00")
    answer = pull(worker, known)
    assert answer["granted"] == [cover]
    assert notes(answer, cover) == ["next door"]
    known |= tokens_of(answer)
    clock.set("2026-09-22 23:59")
    assert pull(worker, known)["revoked"] == []
    clock.set("2026-09-23 00:00")
    assert pull(worker, known)["revoked"] == [cover]


def test_a_reassigned_grid_is_revoked_at_the_next_pull_and_given_to_its_new_holder(
    worker: Caller, client: Caller, world: World, work: Work, clock: Clock, put: Put, scope: str
):
    put(scope, "a")
    known = tokens_of(pull(worker))
    other = client.as_("grid_worker_2")
    theirs = tokens_of(pull(other))
    with work() as session:
        end_duty(session, user_of(session, "grid_worker"), world.grid, last_on=date(2026, 9, 17), at=clock.now())
        assign_grid(session, user_of(session, "grid_worker_2"), world.grid, from_on=clock.today(), at=clock.now())
    answer = pull(worker, known)
    assert answer["revoked"] == [scope]
    assert scope not in tokens_of(answer)
    answer = pull(other, theirs)
    assert answer["granted"] == [scope]
    assert notes(answer, scope) == ["a"]


def test_the_own_scope_comes_first_then_the_grid_whose_task_is_due_next(
    worker: Caller, world: World, work: Work, clock: Clock, make_task: Any
):
    with work() as session:
        for grid in (world.grid_2, world.grid_3):
            assign_grid(session, user_of(session, "grid_worker"), grid, from_on=clock.today(), at=clock.now())
        make_task(session, world.grid_3, due_on=date(2026, 9, 20))
        make_task(session, world.grid_2, due_on=date(2026, 9, 25))
    order = [part["scope"] for part in pull(worker)["scopes"]]
    own = f"user:{world.people['grid_worker']}"
    assert order == [own, f"grid:{world.grid_3}", f"grid:{world.grid_2}", f"grid:{world.grid}"]


# -- requests that are wrong ------------------------------------------------------------------------------------------


WRONG = [
    (b"", 400, "sync.undecodable"),
    (b"{", 400, "sync.undecodable"),
    (b'{"limit": NaN}', 400, "sync.undecodable"),
    (b"\xff", 400, "sync.undecodable"),
    (b"[]", 422, "input.invalid"),
    (b"null", 422, "input.invalid"),
    (b'{"scopes": []}', 422, "input.invalid"),
    (b'{"limit": "many"}', 422, "input.invalid"),
    (b'{"schema": "1"}', 422, "input.invalid"),
    (b'{"schema": true}', 422, "input.invalid"),
    (b'{"heartbeat": 1}', 422, "input.invalid"),
    (json.dumps({"scopes": {f"grid:{number}": None for number in range(65)}}).encode(), 422, "sync.too_many_scopes"),
    (b'{"schema": 0}', 409, "sync.schema_too_old"),
]


def test_a_request_that_is_wrong_is_answered_with_a_code(worker: Caller):
    for body, status, code in WRONG:
        answer = worker.post("/api/v1/sync/pull", data=body, content_type="application/json")
        assert (answer.status, answer.body["code"]) == (status, code), body
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert answer.headers["Cache-Control"] == "no-store"


def test_what_is_not_known_yet_is_ignored(worker: Caller):
    assert pull(worker, colour="blue", schema=99)["more"] is False


def test_a_pull_needs_a_sign_in_and_a_role_that_works_in_the_field(client: Caller, world: World):
    assert client.post("/api/v1/sync/pull", {}).body["code"] == "auth.required"
    assert client.as_("auditor").post("/api/v1/sync/pull", {}).body["code"] == "auth.forbidden"


# -- packing ----------------------------------------------------------------------------------------------------------


PACKING = {
    "gzip": "gzip", "zstd": "zstd", "gzip, deflate, br, zstd": "zstd", "gzip;q=1, zstd;q=0.5": "gzip", "zstd;q=0, gzip": "gzip",
    "identity": None, "br": None, "*": "zstd",
}  # fmt: skip


def test_answers_are_packed_as_the_phone_accepts(worker: Caller, scope: str, put: Put):
    put(scope, *(f"n{number:03}" for number in range(230)))
    plain = pull(worker, limit=215)
    for accepted, coding in PACKING.items():
        headers = {"Accept-Encoding": accepted, "Authorization": f"Bearer {worker.signed_in['access_token']}"}
        http = worker._http.post("/api/v1/sync/pull", json={"schema": 1, "limit": 215}, headers=headers)
        unpacked = {"gzip": gzip.decompress, "zstd": unpack, None: bytes}[coding](http.data)
        assert http.headers.get("Content-Encoding") == coding
        assert http.headers["Vary"] == "Accept-Encoding"
        assert json.loads(unpacked) == plain, accepted


def test_a_short_answer_is_not_packed(worker: Caller):
    known = tokens_of(pull(worker))
    answer = worker.post("/api/v1/sync/pull", {"schema": 1, "scopes": known}, headers={"Accept-Encoding": "zstd, gzip"})
    assert "Content-Encoding" not in answer.headers
