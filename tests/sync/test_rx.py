"""Foreign clients: documents by kind and checkpoint, and items as rows of a push (sync-protocol, section 6)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from urllib.parse import quote

import orjson
import pytest
from sqlalchemy import update

from gridwatch.db import feed
from gridwatch.db.feed import Document
from gridwatch.people.service import assign_grid, end_duty
from gridwatch.sync import housekeeping
from gridwatch.sync.models import ServerState
from tests.fixtures import Answer, Caller, Clock, Work, World, user_of
from tests.phone import Phone, item_sha256
from tests.sync.talk import Make, outcome_document, outcomes, pull, push, stored, tokens_of

SUBMISSIONS = "/api/v1/sync/rx/submissions"
PutTask = Callable[..., None]


@pytest.fixture(name="put")
def give_tasks(work: Work) -> PutTask:
    """`put(scope, "a", "b", rev=2)` gives a scope tasks in one commit; `put(None, "a")` takes one from all."""

    def _put(scope: str | None, *ids: str, rev: int = 1, kind: str = "task") -> None:
        scopes = frozenset({scope} if scope else ())
        with work() as session:
            feed.stage(session, [Document(kind, one, rev, scopes, {"text": f"{one} {rev}"}) for one in ids])

    return _put


def ask(caller: Caller, scope: str, checkpoint: Any = None, *, limit: int = 500, kind: str = "task") -> Answer:
    query = {"scope": scope, "limit": limit} | ({"checkpoint": orjson.dumps(checkpoint).decode()} if checkpoint else {})
    return caller.get(f"/api/v1/sync/rx/{kind}", query_string=query)


class Replica:
    """A client as RxDB is one: it keeps a checkpoint only with documents, lays it over the last one, and has no other state."""

    def __init__(self, caller: Caller, scope: str, limit: int = 2, kind: str = "task") -> None:
        self.caller, self.scope, self.limit, self.kind = caller, scope, limit, kind
        self.checkpoint: dict[str, Any] = {}
        self.docs: dict[str, int] = {}
        self.came: list[str] = []  # ids in the order of arrival, deletions with a minus

    def step(self) -> bool:
        """One page; whether it was the last one."""
        answer = ask(self.caller, self.scope, self.checkpoint or None, limit=self.limit, kind=self.kind)
        assert answer.status == 200, answer.body
        page = answer.body["documents"]
        for doc in page:
            self.came.append(f"-{doc['id']}" if doc["_deleted"] else doc["id"])
            if doc["_deleted"]:
                self.docs.pop(doc["id"], None)
            else:
                self.docs[doc["id"]] = doc["rev"]
        if page:
            self.checkpoint = {**self.checkpoint, **answer.body["checkpoint"]}
        return len(page) < self.limit

    def follow(self) -> list[str]:
        """Fetch until nothing is left; returns what came."""
        self.came = []
        while not self.step():
            pass
        return self.came


@pytest.fixture
def replica(worker: Caller, scope: str) -> Replica:
    """A client for the tasks of the grid of `grid_worker`, two documents at a time."""
    return Replica(worker, scope)


def new_epoch(work: Work, epoch: str = "beef") -> None:
    with work() as session:
        session.execute(update(ServerState).values(epoch=epoch))


# -- following --------------------------------------------------------------------------------------------------------


def test_first_everything_then_what_changed(replica: Replica, put: PutTask, scope: str):
    put(scope, "a", "b", "c")
    put(scope, "x", kind="lead")
    put(None, "b")
    assert replica.follow() == ["a", "c"]  # what left before we came is none of ours
    assert replica.follow() == []
    put(scope, "a", rev=2)
    put(scope, "d")
    put(None, "c")
    assert replica.follow() == ["a", "d", "-c"]
    assert replica.docs == {"a": 2, "d": 1}


def test_what_leaves_between_two_pages_is_taken_out(replica: Replica, put: PutTask, scope: str):
    put(scope, "a", "b", "c")
    assert not replica.step()
    put(None, "a", "c")
    replica.follow()
    assert replica.docs == {"b": 1}


def test_a_document_is_the_stored_one_with_its_mark(worker: Caller, put: PutTask, scope: str):
    put(scope, "a")
    (document,) = ask(worker, scope).body["documents"]
    assert document == {"kind": "task", "id": "a", "rev": 1, "text": "a 1", "_deleted": False}


def test_the_own_scope_has_an_alias(worker: Caller, world: World):
    own = f"user:{world.people['grid_worker']}"
    assert ask(worker, "user:me", kind="profile").body == ask(worker, own, kind="profile").body
    assert [doc["id"] for doc in ask(worker, own, kind="profile").body["documents"]] == [world.people["grid_worker"]]


@pytest.mark.parametrize(
    "checkpoint",
    [
        {"left": "behind"},
        [1],
        7,
        {"epoch": "\0", "seq": -1},
        {"epoch": "x", "phase": "live", "base": 0, "seq": 2**60, "after": "", "newest": [7]},
    ],
)
def test_a_checkpoint_that_is_none_of_ours_begins_again(worker: Caller, put: PutTask, scope: str, checkpoint: Any):
    put(scope, "a", "b")
    put(None, "b")
    documents = ask(worker, scope, checkpoint).body["documents"]
    assert [(doc["id"], doc["_deleted"]) for doc in documents] == [("b", True), ("a", False)]


@pytest.mark.parametrize(
    ("query", "path"),
    [("limit=0", "limit"), ("limit=2001", "limit"), ("limit=x", "limit"), ("checkpoint=%7B", "checkpoint")],
)
def test_what_cannot_be_read_is_named(worker: Caller, scope: str, query: str, path: str):
    answer = worker.get(f"/api/v1/sync/rx/task?scope={quote(scope)}&{query}")
    assert (answer.status, answer.body["code"], answer.body["facts"]["fields"][0]["path"]) == (
        422,
        "input.invalid",
        path,
    )
    assert worker.get("/api/v1/sync/rx/task").status == 422


# -- scopes that are not, or no longer, one's own ------------------------------------------------------------------------


def test_other_scopes_are_all_the_same_404(worker: Caller, put: PutTask, scope: str, world: World):
    put(f"grid:{world.grid_2}", "a")
    others = (f"grid:{world.grid_2}", "grid:nowhere", f"user:{world.people['grid_worker_2']}", "x", "")
    answers = [ask(worker, other) for other in others] + [
        ask(worker, scope, kind="profile"),
        ask(worker, scope, kind="nothing"),
    ]
    told = [{name: value for name, value in one.body.items() if name != "request_id"} for one in answers]
    assert {one.status for one in answers} == {404}
    assert all(one == told[0] for one in told)
    assert worker.get(f"/api/v1/sync/rx/task?scope=grid:{world.grid_2}&limit=0").status == 404  # before the 422


def test_who_has_no_phone_is_not_told_which_scopes_there_are(client: Caller, scope: str):
    assert ask(client, scope).status == 401
    assert ask(client.as_("auditor"), scope).status == 404


def lose(work: Work, world: World, clock: Clock, days_ago: int = 1) -> None:
    with work() as session:
        last_on = clock.today() - timedelta(days=days_ago)
        end_duty(session, user_of(session, "grid_worker"), world.grid, last_on=last_on, at=clock.now())


@pytest.mark.parametrize("has_checkpoint", [True, False])
def test_a_lost_scope_empties_itself_whatever_the_checkpoint(
    replica: Replica, put: PutTask, scope: str, work: Work, world: World, clock: Clock, has_checkpoint: bool
):
    put(scope, "a", "b", "c", "d")
    replica.follow()
    put(None, "d")
    lose(work, world, clock)
    if not has_checkpoint:
        replica.checkpoint = {}
    assert replica.follow() == ["-a", "-b", "-c", "-d"]
    assert replica.docs == {}
    assert replica.follow() == []


def test_a_scope_that_comes_back_is_filled_again(
    replica: Replica, put: PutTask, scope: str, work: Work, world: World, clock: Clock
):
    put(scope, "a", "b", "c")
    replica.follow()
    lose(work, world, clock)
    assert not replica.step()  # -a, -b; c is still here
    put(None, "c")
    with work() as session:
        assign_grid(session, user_of(session, "grid_worker"), world.grid, from_on=clock.today(), at=clock.now())
    replica.follow()
    assert replica.docs == {"a": 1, "b": 1}


def test_that_a_scope_was_once_held_is_remembered_for_the_horizon(
    replica: Replica, put: PutTask, scope: str, work: Work, world: World, clock: Clock
):
    put(scope, "a")
    replica.follow()
    lose(work, world, clock)
    clock.advance(days=179)
    assert ask(replica.caller, scope).status == 200
    clock.advance(days=1)
    assert ask(replica.caller, scope).status == 404


# -- positions that are no longer good -----------------------------------------------------------------------------------


def test_beyond_the_horizon_the_missing_deletions_come_first(
    replica: Replica, put: PutTask, scope: str, work: Work, clock: Clock
):
    put(scope, "a", "b", "c", "d")
    replica.follow()
    put(None, "b", "c", "d")
    clock.advance(days=181)
    with work() as session:
        assert housekeeping.purge_tombstones(session, clock.now(), 180) == 3
    put(scope, "d", rev=2)
    put(scope, "e")
    assert replica.follow() == ["-b", "-c", "a", "d", "e"]
    assert replica.docs == {"a": 1, "d": 2, "e": 1}
    assert replica.follow() == []


def test_a_new_epoch_takes_back_what_this_database_never_knew(replica: Replica, put: PutTask, scope: str, work: Work):
    """As after a restore: `lost` came after the backup, `gone` left before the client did, `a` fell back to rev 1."""
    put(scope, "a", "gone")
    replica.follow()
    put(None, "gone")
    replica.docs |= {"lost": 1, "a": 9}
    replica.checkpoint["newest"] = ["a", "lost"]  # as the database that is gone wrote it
    new_epoch(work)
    assert replica.follow() == ["-lost", "-gone", "a"]
    assert replica.docs == {"a": 1}
    assert replica.follow() == []
    assert replica.checkpoint["epoch"] == "beef"


def test_the_checkpoint_names_the_newest_documents(replica: Replica, put: PutTask, scope: str):
    put(scope, *(f"{number:03}" for number in range(100)))
    put(scope, "005", rev=2)
    replica.limit = 500
    replica.follow()
    assert replica.checkpoint["newest"] == ["005", *(f"{number:03}" for number in range(99, 36, -1))]
    assert len(quote(orjson.dumps(replica.checkpoint))) < 4_000


def test_a_place_ahead_of_the_feed_is_none_of_this_database(replica: Replica, put: PutTask, scope: str):
    put(scope, "a")
    replica.follow()
    replica.checkpoint["seq"] = 10_000
    assert replica.follow() == ["a"]


@pytest.mark.parametrize("limit", [1, 3])
def test_it_agrees_with_what_a_phone_pulls(
    worker: Caller, phone: Phone, put: PutTask, scope: str, work: Work, world: World, clock: Clock, limit: int
):
    """After each of these, the client holds what the phone holds."""
    replica = Replica(worker, scope, limit)
    changes: list[Callable[[], None]] = [
        lambda: put(scope, "a", "b", "c", "d", "e"),
        lambda: put(None, "b", "e"),
        lambda: put(f"grid:{world.grid_2}", "a", rev=2),
        lambda: new_epoch(work),
        lambda: put(scope, "a", "f", rev=3),
        lambda: lose(work, world, clock),
    ]
    for change in changes:
        change()
        replica.follow()
        phone.pull()
        held = phone.store["docs"].get(scope, {}).values()
        assert replica.docs == {one["doc"]["id"]: one["rev"] for one in held if one["doc"]["kind"] == "task"}


# -- submissions ---------------------------------------------------------------------------------------------------------


def submit(caller: Caller, *items: Any, mark: Any = False) -> list[dict[str, Any]]:
    answer = caller.post(SUBMISSIONS, [{"newDocumentState": {**item, "_deleted": mark}} for item in items])
    assert answer.status == 200, answer.body
    return answer.body


def test_an_item_comes_in_as_a_row_of_a_push(worker: Caller, item: Make, work: Work):
    suggestion = item(weight=1.50, tiny=1e-7)
    assert submit(worker, suggestion) == []
    assert submit(worker, suggestion) == []
    (kept,) = stored(work, suggestion["id"])
    assert (kept.sha256, kept.device_id, kept.outcome) == (item_sha256(suggestion), worker.device_id, "accepted")
    assert outcomes(push(worker, suggestion)) == [("duplicate", None)]
    assert outcome_document(worker, suggestion["id"])["receipt"]["no"] == kept.no


def test_other_content_is_kept_and_answered_with_what_is_stored(worker: Caller, item: Make, work: Work):
    first, fresh = item(), item()
    submit(worker, first)
    other = {**first, "payload": {"text": "另一条"}}
    row = {"newDocumentState": {**other, "_deleted": False}, "assumedMasterState": {**first, "_deleted": False}}
    for _ in range(2):
        answer = worker.post(SUBMISSIONS, [row, {"newDocumentState": fresh}])
        assert (answer.status, answer.body) == (200, [{**first, "_deleted": False}])
    assert [(kept.reused, kept.outcome, kept.code) for kept in stored(work, first["id"])] == [
        (False, "accepted", None), (True, "review", "id_reused"),
    ]  # fmt: skip
    assert len(stored(work, fresh["id"])) == 1


def test_nothing_is_told_of_another_persons_item(client: Caller, worker: Caller, item: Make):
    first = item()
    submit(worker, first)
    assert submit(client.as_("grid_worker_2"), {**first, "payload": {"text": "猜的"}}) == []


def test_an_item_is_only_ever_inserted(worker: Caller, item: Make, work: Work):
    first, never = item(), item()
    submit(worker, first)
    assert submit(worker, first, never, mark=True) == [{**first, "_deleted": False}]
    assert stored(work, never["id"]) == []


def test_what_is_rejected_has_an_outcome_document_too(worker: Caller, item: Make, work: Work):
    good, many = item(), item(files=[{"sha256": "0" * 64}] * 10)
    assert submit(worker, good, many, {**item(), "id": "no uuid"}) == []
    replica = Replica(worker, "user:me", kind="outcome")
    assert sorted(replica.follow()) == sorted([good["id"], many["id"]])
    told = outcome_document(worker, many["id"])
    assert (told["outcome"], told["code"], told["receipt"], told["device_no"]) == (
        "rejected",
        "over_limit",
        None,
        many["device_no"],
    )
    assert told.keys() == outcome_document(worker, good["id"]).keys()
    assert stored(work, many["id"]) == []
    assert submit(worker, many) == []
    assert replica.follow() == []


def test_what_is_rejected_at_first_and_then_right_ends_as_it_should(phone: Phone, worker: Caller, item: Make):
    """The device in the envelope was another one; sent again from the right one it counts. The digest never goes wrong."""
    suggestion = item()
    assert outcomes(push(worker, suggestion, device_id=phone.store["device_id"])) == [("rejected", "not_your_device")]
    phone.pull()
    assert phone.outcome_of(suggestion) == ("rejected", "not_your_device")
    assert outcomes(push(worker, suggestion)) == [("accepted", None)]
    assert outcomes(push(worker, suggestion, device_id=phone.store["device_id"])) == [("rejected", "not_your_device")]
    phone.pull()
    assert phone.outcome_of(suggestion) == ("accepted", None)
    assert phone.store["incidents"] == 0


def test_the_document_of_a_rejected_item_ages_out(phone: Phone, worker: Caller, item: Make, work: Work, clock: Clock):
    many, later = item(files=[{"sha256": "0" * 64}] * 10), item()
    push(worker, many)
    push(worker, later, device_id=phone.store["device_id"])
    push(worker, later)
    phone.pull()
    assert len(phone.documents("outcome")) == 2
    clock.advance(days=91)
    with work() as session:
        assert housekeeping.age_out_outcomes(session, clock.now()) == 2
        assert housekeeping.age_out_outcomes(session, clock.now()) == 0
    phone.sign_in("grid_worker", "正确 horse battery staple")
    phone.pull()
    assert (phone.documents("outcome"), phone.store["incidents"]) == ({}, 0)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"[", 400), (b"[]x", 400), (b"\xff", 400), (b'[{"newDocumentState":{"a":NaN}}]', 400), (b"[" * 5_000, 400),
        (b"{}", 422), (b"[1]", 422), (b"[{}]", 422), (b'[{"newDocumentState":null}]', 422), (b"[]", 200),
    ],
)  # fmt: skip
def test_only_the_body_itself_can_fail(worker: Caller, body: bytes, status: int):
    answer = worker.post(SUBMISSIONS, data=body, headers={"Content-Type": "application/json"})
    assert answer.status == status, answer.body


def test_one_bad_item_holds_up_no_other(worker: Caller, item: Make, work: Work):
    good = item()
    twice = b'{"newDocumentState":{"id":"%s","id":"x"}}' % item()["id"].encode()
    body = b"[" + twice + b',{"newDocumentState":' + orjson.dumps(good) + b"}]"
    answer = worker.post(SUBMISSIONS, data=body, headers={"Content-Type": "application/json"})
    assert (answer.status, answer.body) == (200, [])
    assert len(stored(work, good["id"])) == 1


def test_too_many_rows_are_413(worker: Caller, item: Make):
    answer = worker.post(SUBMISSIONS, [{"newDocumentState": item()} for _ in range(201)])
    assert (answer.status, answer.body["facts"]) == (413, {"max_items": 200, "max_bytes": 1_000_000})


def test_pull_is_untouched_by_a_checkpoint(worker: Caller, put: PutTask, scope: str):
    """Both follow one feed; neither moves the other."""
    put(scope, "a")
    tokens = tokens_of(pull(worker))
    ask(worker, scope)
    assert pull(worker, tokens)["scopes"] == []
