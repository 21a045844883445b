"""One process of a rush on the feed: writers or pollers, for `test_order.py`. Prints what it did as JSON.

python -m tests.sync.rush write|poll '{"url": …, "clock": …, "scopes": […], …}'
"""

from __future__ import annotations

import json
import random
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from flask import Flask
from sqlalchemy import text

from gridwatch.app import create_app
from gridwatch.config import Settings
from gridwatch.db import feed
from gridwatch.db.session import transaction
from tests.phone import Phone

SECRET = "test-" * 8


def write(app: Flask, told: dict[str, Any], number: int) -> int:
    """Change documents of one's own until the time is up, one to three a commit, some into another scope; returns how often."""
    chance, revs, commits = random.Random(f"{told['seed']}/{number}"), {}, 0
    ends = time.monotonic() + told["seconds"]
    while time.monotonic() < ends:
        with app.app_context(), transaction() as session:
            for _ in range(chance.randint(1, 3)):
                doc_id = f"w{number}-{chance.randrange(40)}"
                revs[doc_id] = revs.get(doc_id, 0) + 1
                gone = chance.random() < 0.1
                scopes = frozenset() if gone else frozenset(chance.sample(told["scopes"], chance.choice((1, 1, 2))))
                feed.stage(session, [feed.Document("note", doc_id, revs[doc_id], scopes, {"text": "x" * 200})])
            time.sleep(chance.random() * 0.004)
        commits += 1
    return commits


def raise_counters_from_a_sequence(connection: Any, scopes: list[tuple[str, int, int, int]]) -> dict[str, int]:
    """`feed._raise_counters` with the mistake that it avoids: the number is taken before the row is locked."""
    number = int(connection.execute(text("SELECT nextval('early')")).scalar()) * 10
    time.sleep(0.002)
    ends = _RAISE(connection, [(scope, 0, docs, digest) for scope, _, docs, digest in scopes])
    for scope in ends:
        connection.execute(
            text("UPDATE feed_scope SET counter = greatest(counter, :number) WHERE scope = :scope"),
            {"number": number + 9, "scope": scope},
        )
    return dict.fromkeys(ends, number + 9)


_RAISE = feed._raise_counters


def poll(app: Flask, told: dict[str, Any], number: int) -> dict[str, Any]:
    """Pull until the writers are done and nothing is left; returns what is held, how often it was asked, changes, wrong digests."""
    chance, http = random.Random(f"{told['seed']}/{number}"), app.test_client(use_cookies=False)
    headers = {"Authorization": f"Bearer {told['token']}"}
    held: dict[str, dict[str, int]] = {}
    tokens: dict[str, str] = {}
    asked = pulled = wrong = 0
    while True:
        over = Path(told["over"]).exists()
        body = {"schema": 1, "limit": chance.choice((1, 5, 50, 500)), "scopes": tokens}
        answer = http.post("/api/v1/sync/pull", json=body, headers=headers)
        assert answer.status_code == 200, answer.data
        asked += 1
        told_us = json.loads(answer.data)
        for part in told_us["scopes"]:
            docs = held.setdefault(part["scope"], {})
            if part["mode"] == "snapshot" and part["page"] == 1:
                docs.clear()
            pulled += len(part["changes"])
            for change in part["changes"]:
                key = f"{change['kind']}/{change['id']}"
                if change["op"] == "leave":
                    docs.pop(key, None)
                else:
                    assert change["rev"] >= docs.get(key, 0), "a rev fell"
                    docs[key] = change["rev"]
            tokens[part["scope"]] = part["token"]
            as_held = {key: {"rev": rev} for key, rev in docs.items()}
            wrong += part["digest"] is not None and part["digest"] != Phone.digest_of(as_held)
        if over and not told_us["scopes"] and not told_us["more"]:
            return {"held": held, "asked": asked, "pulled": pulled, "wrong": wrong}


def wait_for_the_others(folder: Path, role: str, told: dict[str, Any]) -> None:
    """Until all `processes` of the rush are ready: on a busy machine some would be done before others have begun."""
    (folder / f"{role}-{told['first']}.ready").touch()
    while len(list(folder.glob("*.ready"))) < told["processes"]:
        time.sleep(0.01)


def main(role: str, told: dict[str, Any]) -> list[Any]:
    """Run the threads of one process."""
    app = create_app(Settings(env="test", database_url=told["url"], secret_key=SECRET, clock_file=told["clock"]))
    if told.get("mutant"):
        feed._raise_counters = raise_counters_from_a_sequence
    wait_for_the_others(Path(told["over"]).parent, role, told)
    run: Callable[[int], Any] = {
        "write": lambda number: write(app, told, number),
        "poll": lambda number: poll(app, told, number),
    }[role]
    with ThreadPoolExecutor(told["threads"]) as pool:
        return list(pool.map(run, range(told["first"], told["first"] + told["threads"])))


if __name__ == "__main__":
    sys.stdout.write(json.dumps(main(sys.argv[1], json.loads(sys.argv[2]))))
