"""Reference data is immutable by content and may be kept for ever (section 3)."""

from __future__ import annotations

import hashlib

from tests.fixtures import Caller


def test_each_name_has_a_hash_and_the_bytes_under_it_are_what_it_says(worker: Caller):
    listed = worker.get("/api/v1/ref").body
    assert set(listed) == {"items", "limits", "permits", "rights", "calendar", "lead_steps", "words"}
    for name, digest in listed.items():
        answer = worker.get(f"/api/v1/ref/{name}/{digest}")
        assert hashlib.sha256(answer.response.data).hexdigest() == digest
        assert answer.headers["Cache-Control"] == "private, max-age=31536000, immutable"
        assert answer.body is not None


def test_what_is_not_current_is_not_there(worker: Caller):
    digest = worker.get("/api/v1/ref").body["items"]
    for path in (f"items/{'0' * 64}", f"words/{digest}", f"nothing/{digest}"):
        assert worker.get(f"/api/v1/ref/{path}").body["code"] == "http.not_found"


def test_the_calendar_names_the_days_that_are_not_ordinary(worker: Caller):
    digest = worker.get("/api/v1/ref").body["calendar"]
    calendar = worker.get(f"/api/v1/ref/calendar/{digest}").body
    assert {"version", "official_years", "days"} == set(calendar)


def test_reference_data_needs_a_sign_in(client: Caller):
    assert client.get("/api/v1/ref").status == 401
