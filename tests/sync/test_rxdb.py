"""RxDB from npm, unmodified, against a running server: it converges on every scope (sync-protocol, section 6)."""

from __future__ import annotations

import fcntl
import hashlib
import json
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import delete, update
from werkzeug.serving import make_server

from gridwatch.db.feed import FeedRow
from gridwatch.people.service import end_duty
from gridwatch.sync.models import ServerState
from tests.databases import ROOT
from tests.fixtures import Caller, Clock, Work, World, user_of
from tests.sync.talk import Make, outcomes, push, stored
from tests.sync.test_rx import PutTask, give_tasks  # noqa: F401 - tasks that are put into the feed by hand

RXDB = ROOT / "tests/foreign/rxdb"
PAGE = 2


@pytest.fixture(scope="session")
def rxdb(shared_directory: Path) -> Path:
    """The folder of the script with RxDB installed beside it; once for each content of the lock file."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        pytest.skip("node or npm is missing: RxDB was not tried")
    digest = hashlib.sha256((RXDB / "package-lock.json").read_bytes()).hexdigest()[:16]
    installed = RXDB / f"node_modules/.installed-{digest}"
    with (shared_directory / "rxdb.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # until it is closed
        if not installed.exists():
            done = subprocess.run(["npm", "ci", "--silent"], cwd=RXDB, capture_output=True, text=True, check=False)
            if done.returncode != 0:
                pytest.skip(f"npm ci did not get RxDB: {done.stderr.strip()[:200]}")
            installed.touch()
    return RXDB


@pytest.fixture
def url(app: Flask) -> Iterator[str]:
    """The application on a real socket."""
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


Run = Callable[..., dict[str, Any]]


@pytest.fixture
def run(rxdb: Path, url: str, worker: Caller, scope: str, tmp_path: Path) -> Run:
    """`run()`: one run of RxDB on what the last one left; returns what it holds, and what it asked."""

    def _run(
        *, items: tuple[Any, ...] = (), store: str = "store", pull: tuple[Any, ...] = ((scope, "task"),)
    ) -> dict[str, Any]:
        asked = {
            "url": url, "token": worker.signed_in["access_token"], "store": str(tmp_path / store), "batch": PAGE,
            "pull": [{"scope": one, "kind": kind} for one, kind in pull], "items": items,
        }  # fmt: skip
        done = subprocess.run(
            ["node", rxdb / "replicate.js"],
            input=json.dumps(asked),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return _run


def held(answer: dict[str, Any], scope: str) -> dict[str, int]:
    return {doc["id"]: doc["rev"] for doc in answer["docs"][f"{scope}/task"]}


def test_it_follows_from_the_first_sync_to_the_loss_of_the_grid(
    run: Run,
    put: PutTask,
    scope: str,
    work: Work,
    world: World,
    clock: Clock,
):
    put(scope, "a", "b", "c", "d", "e")
    first = run()
    assert held(first, scope) == {"a": 1, "b": 1, "c": 1, "d": 1, "e": 1}
    assert (len(first["asked"]), first["asked"][0]) == (3, None)

    again = run()  # restarted: it goes on where it stopped, and nothing comes twice
    assert held(again, scope) == held(first, scope)
    assert [checkpoint["seq"] for checkpoint in again["asked"]] == [6]

    put(scope, "a", rev=2)
    put(scope, "f")
    put(None, "b", "c")
    assert held(run(), scope) == {"a": 2, "d": 1, "e": 1, "f": 1}

    put(None, "d")
    with work() as session:  # as after a restore: a database that never knew one of the documents
        session.execute(delete(FeedRow).where(FeedRow.doc_id == "e"))
        session.execute(update(ServerState).values(epoch="beef"))
    assert held(run(), scope) == {"a": 2, "f": 1}

    with work() as session:
        worker = user_of(session, "grid_worker")
        end_duty(session, worker, world.grid, last_on=clock.today() - timedelta(days=1), at=clock.now())
    assert held(run(), scope) == {}
    assert held(run(), scope) == {}


def test_it_holds_what_each_scope_holds(run: Run, put: PutTask, scope: str, world: World, worker: Caller, item: Make):
    suggestion = item()
    push(worker, suggestion)
    put(scope, "a")
    kinds = ((scope, "task"), (scope, "grid"), ("user:me", "profile"), ("user:me", "outcome"))
    docs = run(pull=kinds)["docs"]
    assert {name: [doc["id"] for doc in found] for name, found in docs.items()} == {
        f"{scope}/task": ["a"],
        f"{scope}/grid": [world.grid],
        "user:me/profile": [world.people["grid_worker"]],
        "user:me/outcome": [suggestion["id"]],
    }
    assert docs["user:me/outcome"][0]["outcome"] == "accepted"


def test_it_pushes_and_sees_what_became_of_each_item(run: Run, work: Work, item: Make, worker: Caller):
    """Three items, one of which was here before and one of which came with other content from elsewhere."""
    fresh, before, other = item(), item(), item()
    push(worker, before, other)
    mine = {**other, "payload": {"text": "另一条"}}
    answer = run(items=(fresh, before, mine), pull=())
    assert {one["id"]: one["payload"] for one in answer["submissions"]} == {
        one["id"]: one["payload"] for one in (fresh, before, other)
    }
    assert outcomes(push(worker, fresh, before, other)) == [("duplicate", None)] * 3
    assert [len(stored(work, one["id"])) for one in (fresh, before, other)] == [1, 1, 2]
    told = {doc["id"]: doc["outcome"] for doc in run(pull=(("user:me", "outcome"),))["docs"]["user:me/outcome"]}
    assert told == dict.fromkeys([fresh["id"], before["id"], other["id"]], "accepted")
    assert [len(stored(work, one["id"])) for one in (fresh, before, other)] == [1, 1, 2]
