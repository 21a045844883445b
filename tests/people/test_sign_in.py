"""Signing in, refreshing over lost answers, reuse, signing out (sync-protocol section 2, promise P13)."""

from __future__ import annotations

import json
import random
import threading
from datetime import datetime, timedelta
from uuid import uuid4

import pytest
from sqlalchemy import select, text

from gridwatch.people import sign_in
from gridwatch.people.models import AccessToken, SignIn
from tests.fixtures import Clock, World, sign_in_body


def code_of(answer) -> tuple[int, str]:
    return answer.status, answer.body["code"]


def test_the_answer_to_a_sign_in(new_phone, world: World, clock: Clock):
    answer = new_phone().sign_in("grid_worker")
    body = answer.body
    assert set(body) == {
        "access_token", "access_expires_at", "refresh_token", "refresh_expires_at", "user", "server_time",
    }  # fmt: skip
    assert body["server_time"] == "2026-09-18T01:00:00.000Z"
    assert body["access_expires_at"] == "2026-09-18T01:15:00.000Z"
    assert body["refresh_expires_at"] == "2026-10-18T01:00:00.000Z"
    assert body["user"] == {
        "id": world.people["grid_worker"],
        "name": "网格员 grid_worker",
        "roles": ["grid_worker"],
        "area": {
            "code": world.community, "name": "鸿福社区", "level": "community", "path": "441900/441900004/441900004003/",
        },
    }  # fmt: skip
    assert answer.headers["Cache-Control"] == "no-store"


def test_somebody_of_a_department_is_at_home_in_the_area_of_the_department(new_phone, world: World):
    assert new_phone().sign_in("department_receiver").body["user"]["area"]["code"] == world.street


def test_an_access_token_lives_fifteen_minutes(new_phone, clock: Clock):
    phone = new_phone("grid_worker")
    clock.advance(minutes=14, seconds=59)
    assert phone.is_in()
    clock.advance(seconds=1)
    assert not phone.is_in()


def test_each_refresh_gives_new_tokens_for_thirty_more_days(new_phone, clock: Clock):
    phone = new_phone("grid_worker")
    seen = {phone.refresh}
    for _ in range(4):
        clock.advance(days=29)
        answer = phone.trade()
        assert answer.status == 200
        assert datetime.fromisoformat(answer.body["refresh_expires_at"]) == clock.now() + timedelta(days=30)
        assert answer.headers["Cache-Control"] == "no-store"
        assert phone.is_in()
        seen.add(phone.refresh)
    assert len(seen) == 5


def test_after_thirty_days_the_password_is_needed_again(new_phone, clock: Clock):
    phone = new_phone("grid_worker")
    clock.advance(days=30)
    assert code_of(phone.trade()) == (401, "auth.expired")
    assert phone.sign_in("grid_worker").status == 200


@pytest.mark.parametrize("pause", [0, 60, 3_600, 29 * 86_400], ids=lambda seconds: f"{seconds}s")
def test_until_its_successor_is_used_a_token_gives_the_same_one_again(new_phone, clock: Clock, pause: int):
    phone = new_phone("grid_worker")
    first = phone.trade(lost=True).body
    for _ in range(3):
        clock.advance(seconds=pause / 3)
        again = phone.trade(lost=True)
        assert again.status == 200
        assert again.body["refresh_token"] == first["refresh_token"]
        assert phone.is_in(again.body["access_token"])
    assert phone.trade().status == 200
    assert phone.trade().status == 200  # and the successor works


def test_the_use_of_an_access_token_does_not_use_up_the_refresh_token(new_phone, clock: Clock):
    phone = new_phone("grid_worker")
    heard = phone.trade(lost=True).body
    assert phone.is_in(heard["access_token"])  # then the phone died before it had stored the new tokens
    clock.advance(hours=5)
    assert phone.trade().body["refresh_token"] == heard["refresh_token"]


@pytest.mark.parametrize(
    ("seconds", "forgiven"), [(0, True), (119, True), (120, True), (120.001, False), (3_600, False)]
)
def test_after_its_successors_first_use_a_token_is_forgiven_for_120_seconds(new_phone, clock, seconds, forgiven):
    phone = new_phone("grid_worker")
    old = phone.refresh
    successor = phone.trade().body["refresh_token"]
    clock.advance(hours=1)
    phone.trade()  # the successor's first use
    clock.advance(seconds=seconds)
    answer = phone.trade(old, lost=True)
    if forgiven:
        assert (answer.status, answer.body["refresh_token"]) == (200, successor)
        assert phone.is_in()
    else:
        assert code_of(answer) == (401, "auth.reused")


def test_the_120_seconds_count_from_the_first_use_not_from_the_last(new_phone, clock: Clock):
    phone = new_phone("grid_worker")
    old, successor = phone.refresh, phone.trade().body["refresh_token"]
    phone.trade(successor, lost=True)
    for _ in range(3):
        clock.advance(seconds=50)
        assert phone.trade(successor, lost=True).status == 200
    assert code_of(phone.trade(old, lost=True)) == (401, "auth.reused")


def test_several_generations_within_the_120_seconds_are_all_forgiven(new_phone, clock: Clock):
    phone = new_phone("grid_worker")
    chain = [phone.refresh]
    for _ in range(6):
        clock.advance(seconds=10)
        chain.append(phone.trade().body["refresh_token"])
    for old, successor in zip(chain, chain[1:], strict=False):
        assert phone.trade(old, lost=True).body["refresh_token"] == successor
    clock.advance(seconds=90)  # 130 s after the first use of chain[1], 120 s after that of chain[2]
    assert phone.trade(chain[1], lost=True).body["refresh_token"] == chain[2]
    assert code_of(phone.trade(chain[0], lost=True)) == (401, "auth.reused")


def test_reuse_ends_the_family_and_its_access_tokens_at_once(new_phone, clock: Clock):
    phone, bystander = new_phone("grid_worker"), new_phone("grid_worker")
    old = phone.refresh
    phone.trade()
    phone.trade()
    clock.advance(seconds=121)
    assert phone.is_in()
    assert code_of(phone.trade(old, lost=True)) == (401, "auth.reused")
    assert not phone.is_in()
    assert code_of(phone.trade()) == (401, "auth.reused")  # the newest token is dead with it
    assert bystander.is_in()  # another sign-in of the same person is not
    assert phone.sign_in("grid_worker").status == 200
    assert phone.is_in()


@pytest.mark.parametrize("which", ["newest", "unused successor's"])
def test_a_refresh_token_on_another_device_ends_the_family(new_phone, which: str):
    phone = new_phone("grid_worker")
    if which != "newest":
        phone.trade(lost=True)
    assert code_of(phone.trade(device_id=str(uuid4()), lost=True)) == (401, "auth.reused")
    assert not phone.is_in()
    assert phone.trade(lost=True).status == 401


@pytest.mark.parametrize("token", ["nonsense", "é", "A" * 70, "=", "AAAA"])
def test_a_token_that_is_not_ours_only_asks_for_a_sign_in(new_phone, token: str):
    phone = new_phone("grid_worker")
    assert code_of(phone.trade(token, lost=True)) == (401, "auth.required")
    forged = phone.refresh[:-4] + ("AAAA" if phone.refresh[-4:] != "AAAA" else "BBBB")
    assert code_of(phone.trade(forged, lost=True)) == (401, "auth.required")
    assert phone.is_in()


def test_many_tries_at_the_same_moment_get_one_successor(new_phone):
    phone = new_phone("grid_worker")
    answers: list[tuple[int, str]] = []

    def trade() -> None:
        answer = phone.trade(lost=True)
        answers.append((answer.status, answer.body.get("refresh_token")))

    threads = [threading.Thread(target=trade) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == 8
    assert len(set(answers)) == 1
    assert answers[0][0] == 200


def test_a_phone_on_a_bad_network_is_never_signed_out(new_phone, clock: Clock):
    """A small form of P13: answers are lost at random, and the phone tries again, seconds or days later."""
    chance = random.Random(20260918)
    phone = new_phone("grid_worker")
    for _ in range(150):
        answer = phone.trade(lost=chance.random() < 0.5)
        assert answer.status == 200, answer.body
        clock.advance(seconds=chance.choice([0, 1, 100, 130, 900, 7_200, 3 * 86_400]))


def test_after_a_restore_of_an_older_state_a_newer_token_still_counts(new_phone, work, clock: Clock):
    phone = new_phone("grid_worker")
    for _ in range(3):
        phone.trade()
    with work() as session:
        session.execute(text("UPDATE sign_in SET generation = 1, used = '[]'"))
    assert phone.trade().status == 200
    assert phone.trade().status == 200


def test_nothing_clear_is_stored(new_phone, work):
    phone = new_phone("grid_worker")
    phone.trade()
    with work() as session:
        stored = [
            str(row) for table in (AccessToken, SignIn) for row in session.execute(select(*table.__table__.columns))
        ]
    assert len(stored) == 3  # two access tokens, one family
    assert not any(phone.access in row or phone.refresh in row for row in stored)


def test_sign_out_is_204_also_a_second_time_and_with_an_expired_token(new_phone, clock: Clock):
    phone = new_phone("grid_worker")
    assert phone.sign_out().status == 204
    assert phone.sign_out().status == 204
    assert not phone.is_in()
    assert code_of(phone.trade()) == (401, "auth.required")

    phone.sign_in("grid_worker")
    clock.advance(hours=3)
    answer = phone.sign_out()
    assert (answer.status, answer.response.data, answer.headers["Cache-Control"]) == (204, b"", "no-store")
    assert code_of(phone.trade()) == (401, "auth.required")
    assert phone.sign_out("never existed").status == 204


def test_the_refresh_token_signs_out_a_phone_whose_access_token_is_long_forgotten(new_phone, work, clock: Clock):
    phone = new_phone("grid_worker")
    clock.advance(days=3)
    with work() as session:
        sign_in.clean(session, clock.now())
    assert phone.sign_out().status == 204
    assert phone.sign_out(refresh_token=phone.refresh).status == 204
    assert code_of(phone.trade()) == (401, "auth.required")


def test_sign_out_without_any_token_asks_for_one(client, world: World):
    assert code_of(client.post("/api/v1/auth/sign-out")) == (401, "auth.required")


@pytest.mark.parametrize(
    ("data", "content_type", "status", "code"),
    [
        (b"{}", "text/plain", 415, "http.unsupported_media"),
        (b"username=a", "application/x-www-form-urlencoded", 415, "http.unsupported_media"),
        (b"{", "application/json", 400, "http.bad_request"),
        (b"\xff", None, 400, "http.bad_request"),
        (b'{"username": NaN}', "application/json", 400, "http.bad_request"),
        (b'{"username": "\\ud800"}', "application/json", 400, "http.bad_request"),
        (b"", None, 422, "input.invalid"),
        (b"[]", "application/json", 422, "input.invalid"),
        (b'"text"', "application/json", 422, "input.invalid"),
        (b"null", "application/json", 422, "input.invalid"),
        (b"{}", "application/json", 422, "input.invalid"),
        (b'{"username": 1, "password": [], "device": "x"}', "application/json", 422, "input.invalid"),
        (b'{"username": "a\\u0000", "password": "b", "device": {}}', "application/json", 422, "input.invalid"),
    ],
)
def test_bodies_that_are_no_sign_in(client, world: World, data, content_type, status, code):
    for path in ("/api/v1/auth/sign-in", "/api/v1/auth/refresh"):
        answer = client.post(path, data=data, content_type=content_type)
        assert code_of(answer) == (status, code), path
        assert answer.headers["Cache-Control"] == "no-store"


def test_a_missing_content_type_is_taken_as_json_and_a_newer_phone_may_say_more(client, world: World):
    body = {**sign_in_body("grid_worker", str(uuid4())), "added_later": {"x": 1}}
    assert client.post("/api/v1/auth/sign-in", data=json.dumps(body)).status == 200


@pytest.mark.parametrize(
    ("device", "wrong"),
    [
        ({"id": "not a uuid"}, "device.id"),
        ({"id": str(uuid4()), "app_build": -1}, "device.app_build"),
        ({"id": str(uuid4()), "app_build": 1e20}, "device.app_build"),
        ({"id": str(uuid4()), "name": "x" * 81}, "device.name"),
        ({}, "device.id"),
    ],
)
def test_a_device_that_is_none_is_named_in_the_answer(client, world: World, device, wrong):
    answer = client.post("/api/v1/auth/sign-in", {**sign_in_body("grid_worker", ""), "device": device})
    assert code_of(answer) == (422, "input.invalid")
    assert [field["path"] for field in answer.body["facts"]["fields"]] == [wrong]


def test_cleaning_keeps_what_still_counts(new_phone, work, clock: Clock):
    gone, living = new_phone("grid_worker"), new_phone("grid_worker_2")
    gone.sign_out()
    for _ in range(5):
        new_phone().sign_in("grid_worker", "wrong")
    for _ in range(3):
        clock.advance(days=11)
        living.trade()
    with work() as session:
        assert sign_in.clean(session, clock.now()) == {"access_tokens": 4, "sign_ins": 1, "failures": 1}
    assert living.is_in()
    assert living.trade().status == 200
    with work() as session:
        assert sign_in.clean(session, clock.now()) == {"access_tokens": 0, "sign_ins": 0, "failures": 0}
