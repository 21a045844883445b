"""Every failure has the one shape of RFC 9457, whatever failed (sync-protocol section 7)."""

from __future__ import annotations

import re

import pytest
from flask import Flask
from sqlalchemy import text

from gridwatch.db.base import db
from gridwatch.domain.errors import CATALOGUE, Refusal
from gridwatch.web.problems import catalogue_as_json
from tests.fixtures import Caller, World

MEMBERS = {"type", "title", "status", "detail", "code", "facts", "do", "request_id"}
CHINESE = re.compile(r"[\u4e00-\u9fff]")


def check_shape(answer, status: int, code: str) -> None:
    assert (answer.status, answer.body["code"]) == (status, code), answer.body
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.headers["Cache-Control"] == "no-store"
    assert set(answer.body) == MEMBERS
    assert answer.body["status"] == status
    assert answer.body["type"] == f"urn:gridwatch:problem:{code}"
    assert isinstance(answer.body["facts"], dict)
    assert CHINESE.search(answer.body["title"])
    assert CHINESE.search(answer.body["do"])
    assert answer.body["request_id"] == answer.headers["X-Request-Id"] != ""


@pytest.mark.parametrize(
    "path", ["/nowhere", "/api/v1/nowhere", "/api/v2/areas", "/%00", "/api/v1/areas/%E6%B2%A1%E6%9C%89"]
)
def test_an_unknown_path(client: Caller, path: str):
    check_shape(client.get(path), 404, "http.not_found")


def test_a_wrong_method_names_the_right_ones(client: Caller):
    answer = client.get("/api/v1/auth/sign-in")
    check_shape(answer, 405, "http.method_not_allowed")
    assert set(answer.headers["Allow"].split(", ")) == {"POST", "OPTIONS"}


def test_a_refusal_for_want_of_a_sign_in(client: Caller):
    check_shape(client.get("/api/v1/areas"), 401, "auth.required")


def test_a_query_with_a_nul(client: Caller, world: World):
    check_shape(client.as_("auditor").get("/api/v1/areas?under=%00"), 400, "http.bad_request")


def test_a_form_with_a_nul(client: Caller):
    check_shape(client.post("/api/v1/auth/sign-in", data={"username": "a\0"}), 400, "http.bad_request")


def test_a_wrong_cursor_and_a_wrong_number(client: Caller, world: World):
    auditor = client.as_("auditor")
    for cursor in ("x", "!!", "W10", "eyJhIjoxfQ", "WzFd"):
        check_shape(auditor.get("/api/v1/areas", query_string={"cursor": cursor}), 422, "input.cursor")
    answer = auditor.get("/api/v1/areas", query_string={"limit": "many"})
    check_shape(answer, 422, "input.invalid")
    assert [field["path"] for field in answer.body["facts"]["fields"]] == ["limit"]


def test_a_crash_tells_nothing_and_changes_nothing(app: Flask, client: Caller, caplog: pytest.LogCaptureFixture):
    def crash() -> str:
        raise ZeroDivisionError("something private")

    crash.permit_operation = "public"
    app.add_url_rule("/crash", view_func=crash)
    answer = client.get("/crash")
    check_shape(answer, 500, "http.crashed")
    assert "private" not in answer.response.text
    assert answer.body["request_id"] in caplog.text  # the log tells the rest


def test_a_statement_that_the_database_refuses_is_not_shown(app: Flask, client: Caller):
    def query() -> str:
        db.session.execute(text("SELECT * FROM no_such_table"))
        return "never"

    query.permit_operation = "public"
    app.add_url_rule("/query", view_func=query)
    answer = client.get("/query")
    check_shape(answer, *((503, "http.busy") if answer.status == 503 else (500, "http.crashed")))
    assert "no_such_table" not in answer.response.text


def test_english_for_who_asks_for_it(client: Caller):
    answer = client.get("/nowhere", headers={"Accept-Language": "en-GB,en;q=0.9"})
    assert answer.body["title"] == "There is nothing at this address"
    assert CHINESE.search(client.get("/nowhere", headers={"Accept-Language": "de"}).body["title"])


@pytest.mark.parametrize("code", CATALOGUE)
def test_every_refusal_speaks_both_languages(code: str):
    entry = CATALOGUE[code]
    assert re.fullmatch(r"[a-z]+(\.[a-z_]+)+", code)
    assert 400 <= entry.status < 600
    for chinese, english in ((entry.title_zh, entry.title_en), (entry.do_zh, entry.do_en)):
        assert CHINESE.search(chinese)
        assert not CHINESE.search(english)
        assert re.search(r"[a-z]", english)
        wanted = re.compile(r"\{(\w+)\}")
        assert set(wanted.findall(chinese)) == {name.removesuffix("_en") for name in wanted.findall(english)}
    said = Refusal(code)
    assert "{" not in said.title("zh") + said.title("en") + said.do("zh") + said.do("en")
    assert catalogue_as_json()[code]["title"] == {"zh": entry.title_zh, "en": entry.title_en}
