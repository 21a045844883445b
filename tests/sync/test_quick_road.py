"""The quick road answers as the usual road does, or leaves the request to it (web/quick_road.py)."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from typing import Any

import orjson
import pytest
from flask import Flask
from werkzeug.test import TestResponse

from gridwatch.people.service import assign_grid
from gridwatch.web.quick_road import MOST_BYTES, QuickRoad
from tests.fixtures import Caller, Clock, Work, World, user_of
from tests.sync.talk import Put, pull, tokens_of

PATH = "/api/v1/sync/pull"
Ask = Callable[..., TestResponse]
NEWS = 80  # documents; enough for an answer to be packed


@pytest.fixture
def taken(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """For each request, whether the quick road took it."""
    seen: list[bool] = []
    take = QuickRoad.take

    def noting(road: QuickRoad, *asked: Any) -> Any:
        answer = take(road, *asked)
        seen.append(answer is not None)
        return answer

    monkeypatch.setattr(QuickRoad, "take", noting)
    return seen


@pytest.fixture
def both(app: Flask, worker: Caller) -> Ask:
    """Sends one request by each road; the two answers must be the same but for the id of the request."""

    def _both(
        body: bytes, headers: dict[str, str] | None = None, *, path: str = PATH, who: Caller = worker
    ) -> TestResponse:
        given = {"Authorization": f"Bearer {who.signed_in['access_token']}", "Content-Type": "application/json"} | (
            headers or {}
        )
        answers = []
        for road in (app.quick_road, None):
            app.quick_road, kept = road, app.quick_road
            answers.append(app.test_client().post(path, data=body, headers=given))
            app.quick_road = kept
        quick, usual = answers
        assert quick.status_code == usual.status_code
        assert _comparable(quick) == _comparable(usual)
        assert quick.headers["X-Request-Id"] != usual.headers["X-Request-Id"]
        return quick

    return _both


def _comparable(answer: TestResponse) -> tuple[dict[str, str], bytes]:
    body = answer.data
    if answer.is_json or answer.mimetype.endswith("+json"):
        plain = gzip.decompress(body) if answer.headers.get("Content-Encoding") == "gzip" else body
        body = orjson.dumps({key: value for key, value in orjson.loads(plain).items() if key != "request_id"})
    return {key: value for key, value in answer.headers.items() if key not in ("X-Request-Id", "Content-Length")}, body


QUIET = {"schema": 1, "heartbeat": {"unsent": 0}}


def test_a_quiet_pull_is_answered_by_the_quick_road(both: Ask, taken: list[bool], worker: Caller):
    known = tokens_of(pull(worker))
    taken.clear()
    answer = both(orjson.dumps(QUIET | {"scopes": known}))
    assert answer.json is not None
    assert answer.json["scopes"] == []
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert taken == [True]  # the other request never met it


def test_news_come_by_it_packed_as_asked(both: Ask, taken: list[bool], scope: str, put: Put):
    put(scope, *(f"n{number}" for number in range(NEWS)))
    answer = both(b"{}", {"Accept-Encoding": "gzip"})
    assert answer.headers["Content-Encoding"] == "gzip"
    assert taken == [True]


def test_what_a_worker_may_hold_is_asked_at_each_request(
    app: Flask, both: Ask, taken: list[bool], worker: Caller, work: Work, world: World, clock: Clock
):
    known = tokens_of(pull(worker))
    with work() as session:
        assign_grid(session, user_of(session, "grid_worker"), world.grid_2, from_on=clock.today(), at=clock.now())
    answer = both(orjson.dumps(QUIET | {"scopes": known}))
    assert answer.json is not None
    assert answer.json["granted"] == [f"grid:{world.grid_2}"]


@pytest.mark.parametrize(
    ("what", "body", "headers", "status"),
    [
        ("a body that is no JSON", b"{", {}, 400),
        ("an empty body", b"", {}, 400),
        ("JSON of another shape", b"[]", {}, 422),
        ("a schema that nobody serves", b'{"schema":0}', {}, 409),
        ("too many scopes", orjson.dumps({"scopes": {f"grid:{n}": None for n in range(65)}}), {}, 422),
        ("another type", b"{}", {"Content-Type": "text/plain"}, 415),
        ("a packed body", gzip.compress(b"{}", mtime=0), {"Content-Encoding": "gzip"}, 200),
        ("a packed body that is cut", gzip.compress(b"{}", mtime=0)[:-4], {"Content-Encoding": "gzip"}, 400),
        ("a body too long to be kept for a second reading", b"{}" + b" " * MOST_BYTES, {}, 200),
        ("no sign-in", b"{}", {"Authorization": ""}, 401),
        ("a sign-in that nobody made", b"{}", {"Authorization": "Bearer nobody"}, 401),
        ("another scheme", b"{}", {"Authorization": "Basic YTpi"}, 401),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_unusual_is_left_to_the_usual_road(
    both: Ask, taken: list[bool], what: str, body: bytes, headers: dict[str, str], status: int
):
    assert both(body, headers).status_code == status, what
    assert taken == [False]


def test_a_role_that_holds_no_phone_is_refused_and_the_attempt_is_on_record(
    client: Caller, both: Ask, taken: list[bool]
):
    auditor = client.as_("auditor")
    taken.clear()
    answer = both(b"{}", who=auditor)
    assert answer.status_code == 403
    assert answer.json is not None
    assert answer.json["code"] == "auth.forbidden"
    assert taken == [False]


def test_another_path_or_method_is_none_of_its_business(app: Flask, worker: Caller, taken: list[bool]):
    assert worker.get("/api/v1/sync/devices").status in (200, 403)
    assert app.test_client().get(PATH).status_code == 405
    assert taken == [False, False]
