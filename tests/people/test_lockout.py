"""Failed tries: the fifth in 15 minutes is the last 401, then 15 minutes of 429 (sync-protocol section 2).

Each story is a table of (minute, password, status). Every story runs for a known name and, with the right password left
out, for a name that does not exist: from outside they must look alike.
"""

from __future__ import annotations

import threading
from itertools import pairwise

import pytest
from sqlalchemy import select

from gridwatch.audit.models import Event
from tests.fixtures import PASSWORD, Clock

RIGHT, WRONG = "right", "wrong"
STORIES = {
    "five wrong, then pause": [(0, WRONG, 401)] * 5 + [(0, WRONG, 429), (14.98, WRONG, 429), (15, WRONG, 401)],
    "the right password waits too": [(0, WRONG, 401)] * 5 + [(1, RIGHT, 429), (14.98, RIGHT, 429), (15, RIGHT, 200)],
    "tries in between do not prolong": [(0, WRONG, 401)] * 5 + [(m, WRONG, 429) for m in range(15)] + [(15, RIGHT, 200)],
    "after the pause counting begins anew": [(0, WRONG, 401)] * 5 + [(15, WRONG, 401)] * 5 + [(15, WRONG, 429)],
    "four are forgiven": [(0, WRONG, 401)] * 4 + [(0, RIGHT, 200)],
    "any fifteen minutes count, not those of a clock": [
        (0, WRONG, 401), (14, WRONG, 401), (14, WRONG, 401), (14, WRONG, 401),
        (15.5, WRONG, 401), (15.5, WRONG, 401), (15.5, WRONG, 429), (30.4, RIGHT, 429), (30.5, RIGHT, 200),
    ],
    "slow tries never pause": [(4 * number, WRONG, 401) for number in range(12)],
    "only time clears the count": [(0, WRONG, 401)] * 4 + [(1, RIGHT, 200), (2, WRONG, 401), (3, RIGHT, 429)],
}  # fmt: skip


@pytest.mark.parametrize("story", STORIES)
@pytest.mark.parametrize("known", [True, False], ids=["known", "unknown"])
def test_story(new_phone, clock: Clock, story: str, known: bool):
    phone, begin = new_phone(), clock.now()
    for minute, password, status in STORIES[story]:
        if password is RIGHT and not known and status == 200:
            continue
        clock.advance(seconds=(begin - clock.now()).total_seconds() + minute * 60)
        answer = phone.sign_in("grid_worker" if known else "nobody", PASSWORD if password is RIGHT else "wrong")
        assert answer.status == status, (minute, answer.body)


def test_known_unknown_and_paused_names_look_alike(new_phone, clock: Clock):
    def tell(username: str) -> list[dict]:
        told = []
        for minutes in (0, 0, 0, 0, 0, 0, 10):
            clock.advance(minutes=minutes)
            answer = new_phone().sign_in(username, "wrong")
            del answer.body["request_id"]
            told.append({**answer.body, "retry_after": answer.headers.get("Retry-After"), "status": answer.status})
        return told

    known, unknown = tell("grid_worker"), tell("nobody")
    assert known == unknown
    assert [one["code"] for one in known] == ["auth.wrong"] * 5 + ["auth.locked"] * 2
    assert [one["retry_after"] for one in known[5:]] == ["900", "300"]
    assert [one["facts"]["retry_after_s"] for one in known[5:]] == [900, 300]


def test_an_unknown_name_costs_as_much_work_as_a_known_one(new_phone, work, monkeypatch: pytest.MonkeyPatch):
    """A hash is made in both cases; clocks on a busy machine could not show it."""
    from argon2 import PasswordHasher

    tried = []
    verify = PasswordHasher.verify

    def counted(hasher, stored, password):
        tried.append(stored)
        return verify(hasher, stored, password)

    monkeypatch.setattr(PasswordHasher, "verify", counted)
    for username in ("grid_worker", "nobody"):
        new_phone().sign_in(username, "wrong")
    assert len(tried) == 2


def test_a_pause_touches_neither_phones_that_are_in_nor_other_names(new_phone, clock: Clock):
    phone = new_phone("grid_worker")
    for _ in range(6):
        last = new_phone().sign_in("grid_worker", "wrong")
    assert last.status == 429
    assert phone.is_in()
    assert phone.trade().status == 200
    assert new_phone().sign_in("grid_worker_2").status == 200


def test_tries_at_the_same_moment_are_counted_one_by_one(new_phone):
    statuses: list[int] = []

    def knock() -> None:
        statuses.append(new_phone().sign_in("grid_worker", "wrong").status)

    threads = [threading.Thread(target=knock) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == [401] * 5 + [429] * 7


def test_the_pause_of_a_known_person_is_in_the_event_log_and_an_unknown_name_is_not(new_phone, work, world):
    for username in ("grid_worker", "nobody"):
        for _ in range(6):
            new_phone().sign_in(username, "wrong")
    with work() as session:
        events = session.execute(select(Event.act, Event.subject_id, Event.chain, Event.data)).all()
    assert [tuple(event)[:3] for event in events if event.act.startswith("auth.")] == [
        ("auth.locked", world.people["grid_worker"], world.community)
    ]
    assert not any("nobody" in event.data for event in events)


def test_the_stories_move_forward_in_time():
    for story in STORIES.values():
        assert all(before[0] <= after[0] for before, after in pairwise(story))
