"""The cast of the stories: a town from tests/fixtures, phones that go offline, desks, and the official calendar."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask

from gridwatch.jobs.service import run_all
from tests.fixtures import PASSWORD, Caller, Clock, World
from tests.leads.conftest import desk, official_calendar, reported  # noqa: F401 - the same desks, calendar and leads
from tests.phone import Phone, Store


def photo(of: str) -> dict[str, Any]:
    """The entry of a photo in an item; its hash is that of the words that describe it."""
    digest = hashlib.sha256(of.encode()).hexdigest()
    return {"sha256": digest, "size": 240_000, "mime": "image/jpeg", "role": "scene", "required": True}


@pytest.fixture
def phone(app: Flask, clock: Clock, world: World) -> Callable[[str], Phone]:
    """`phone("grid_worker")`: that worker's phone, signed in and synced once."""
    phones: dict[str, Phone] = {}

    def send(method: str, path: str, headers: dict[str, str], body: bytes | None) -> tuple[int, dict[str, str], bytes]:
        answer = app.test_client(use_cookies=False).open(path, method=method, headers=headers, data=body)
        return answer.status_code, {name.lower(): value for name, value in answer.headers.items()}, answer.data

    def get(username: str) -> Phone:
        if username not in phones:
            one = Phone(Store(), send, clock.now)
            one.sign_in(username, PASSWORD)
            one.sync()
            phones[username] = one
        return phones[username]

    return get


@pytest.fixture
def register(client: Caller, world: World) -> Callable[..., dict[str, Any]]:
    """`register(name=…, lon=…, lat=…)`: the register announces a new entity; returns what became of the event."""

    def announce(**entity: Any) -> dict[str, Any]:
        event = {"event_id": "GS-2026-0001", "kind": "new", "occurred_on": "2026-09-14", "code": "E1", "name": "好味餐饮店",
                 "address_text": "东莞市南城街道鸿福路88号", "street_code": world.street, "entity_type": "个体工商户"} | entity  # fmt: skip
        answer = client.as_("platform_owner").post("/api/v1/registry/events", event)
        assert answer.status == 200, answer.body
        return answer.body["results"][0]

    return announce


@pytest.fixture
def tick(app: Flask, clock: Clock) -> Callable[[], dict[str, Any]]:
    """One tick of the scheduler at the clock's time."""

    def once() -> dict[str, Any]:
        with app.app_context():
            return run_all(clock.now())

    return once
