"""Where a person hears of notices beside the app, and the log of what went there: over HTTP, and in whose sight."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gridwatch.config import Settings
from tests.fixtures import Caller
from tests.notices.conftest import Desk


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """SMS switched on, towards a gateway that nobody runs."""
    return replace(
        settings, outbound_hosts="127.0.0.1", outbound_networks="127.0.0.0/8", outbound_connect_s=1, outbound_read_s=1,
        sms_url="http://127.0.0.1:1/",
    )  # fmt: skip


def test_a_person_sets_sees_changes_and_takes_back_an_address(desk: Desk, client: Caller):
    caller = client.as_("department_receiver")
    first = caller.ask("PUT", "/api/v1/contacts/sms", json={"address": " 13800135678 "})
    assert (first.status, first.body) == (
        200,
        {"channel": "sms", "address": "13800135678", "wants": "digest", "changed_at": "2026-09-18T01:00:00.000Z"},
    )
    second = caller.ask("PUT", "/api/v1/contacts/sms", json={"address": "13900139999", "wants": "every"})
    assert (second.body["address"], second.body["wants"]) == ("13900139999", "every")

    shown = caller.get("/api/v1/contacts").body
    assert shown["items"] == [second.body]
    assert {one["channel"]: one["on"] for one in shown["channels"]} == {"wecom": False, "sms": True, "email": False}
    assert client.as_("department_deputy").get("/api/v1/contacts").body["items"] == []

    assert [caller.delete("/api/v1/contacts/sms").status for _ in range(2)] == [204, 204]
    assert caller.get("/api/v1/contacts").body["items"] == []


@pytest.mark.parametrize(
    ("channel", "body", "status", "code"),
    [
        ("sms", {"address": "12345"}, 422, "input.invalid"),
        ("sms", {"address": "13800135678\n"}, 200, None),
        ("sms", {"address": "+8613800135678"}, 422, "input.invalid"),
        ("email", {"address": "zhang@city.example"}, 200, None),
        ("email", {"address": "zhang@city.example\r\nBcc: all@city.example"}, 422, "input.invalid"),
        ("email", {"address": "a@b"}, 422, "input.invalid"),
        ("email", {"address": f"{'a' * 250}@city.example"}, 422, "input.invalid"),
        ("wecom", {"address": "zhang.san"}, 200, None),
        ("wecom", {"address": "@all"}, 422, "input.invalid"),
        ("wecom", {"address": "zhang|li"}, 422, "input.invalid"),
        ("sms", {"address": "13800135678", "wants": "nothing"}, 422, "input.invalid"),
        ("sms", {}, 422, "input.invalid"),
        ("fax", {"address": "13800135678"}, 404, "contact.channel_unknown"),
    ],
)
def test_an_address_must_be_one_of_its_channel(
    desk: Desk, client: Caller, channel: str, body: dict, status: int, code: str | None
):
    caller = client.as_("department_receiver")
    answer = caller.ask("PUT", f"/api/v1/contacts/{channel}", json=body)
    assert (answer.status, answer.body.get("code")) == (status, code)
    assert len(caller.get("/api/v1/contacts").body["items"]) == (1 if status == 200 else 0)


def test_the_log_shows_everybody_his_own_and_an_administrator_his_area_with_masked_addresses(
    desk: Desk, client: Caller
):
    for name, address in (("department_receiver", "13800135678"), ("department_deputy", "13900139999")):
        client.as_(name).ask("PUT", "/api/v1/contacts/sms", json={"address": address})
    desk.push()
    desk.tick_at("2026-09-22 08:30")

    def log(username: str, **query: str) -> list[dict]:
        answer = client.as_(username).get("/api/v1/notices/deliveries", query_string=query)
        assert answer.status == 200, answer.body
        return answer.body["items"]

    (mine,) = log("department_receiver")
    assert (mine["channel"], mine["sort"], mine["address"], mine["recipient_id"]) == (
        "sms", "digest", "138****5678", desk.world.people["department_receiver"],
    )  # fmt: skip
    assert {one["address"] for one in log("administrator")} == {"138****5678", "139****9999"}
    assert log("department_leader") == log("auditor") == log("platform_owner") == []
    # A dead gateway is asked once a tick: one has failed, the other waits.
    assert [(one["attempts"], one["error"]) for one in log("administrator", state="failed")] == [(1, "unreachable")]
    assert [one["attempts"] for one in log("administrator", state="queued", channel="sms")] == [0]
    assert log("administrator", channel="email") == []
    assert log("administrator", recipient_id=mine["recipient_id"]) == [mine]
    assert log("department_receiver", recipient_id=desk.world.people["department_deputy"]) == []


def test_the_log_goes_by_pages_and_refuses_what_makes_no_sense(desk: Desk, client: Caller):
    for name, address in (("department_receiver", "13800135678"), ("department_deputy", "13900139999")):
        client.as_(name).ask("PUT", "/api/v1/contacts/sms", json={"address": address})
    desk.push()
    desk.tick_at("2026-09-22 08:30")
    caller, seen, cursor = client.as_("administrator"), [], ""
    while cursor is not None:
        query = {"limit": 1, **({"cursor": cursor} if cursor else {})}
        page = caller.get("/api/v1/notices/deliveries", query_string=query).body
        seen += [one["id"] for one in page["items"]]
        cursor = page["next_cursor"]
    assert len(seen) == len(set(seen)) == 2
    for query in ({"state": "lost"}, {"channel": "fax"}, {"cursor": "!"}, {"recipient_id": "x y"}):
        assert caller.get("/api/v1/notices/deliveries", query_string=query).status == 422, query
    assert client.get("/api/v1/notices/deliveries").status == 401
