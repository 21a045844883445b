"""One's own notices over HTTP: newest first, page by page, read once, and nobody else's."""

from __future__ import annotations

from sqlalchemy import select

from gridwatch.db.feed import FeedRow
from gridwatch.domain.obligations import ObligationKind
from tests.fixtures import Caller
from tests.notices.conftest import Desk


def three(desk: Desk) -> None:
    """Three reminders to the department's receiver and deputy, on three days, and the digests of two mornings.

    All but the last reminder have left; that one waits for half past eight.
    """
    desk.push()
    desk.tick_at("2026-09-22 09:00", "2026-09-24 09:00", "2026-09-28 00:10")


def test_the_newest_comes_first_and_what_waits_says_so(desk: Desk, client: Caller):
    three(desk)
    answer = client.as_("department_receiver").get("/api/v1/notices")
    assert answer.status == 200
    assert [(one["stage"], one["sent_at"], one["skipped"]) for one in answer.body["items"]] == [
        ("B1", None, None),
        ("DIGEST", "2026-09-24T01:00:00.000Z", None),
        ("W0", "2026-09-24T01:00:00.000Z", None),
        ("DIGEST", "2026-09-22T01:00:00.000Z", None),
        ("W2", "2026-09-22T01:00:00.000Z", None),
    ]
    first = answer.body["items"][0]
    assert (first["written_at"], first["send_after"]) == ("2026-09-27T16:10:00.000Z", "2026-09-28T00:30:00.000Z")
    assert (first["due_on"], first["provisional"], first["kind"]) == ("2026-09-24", False, "reminder")


def test_pages_follow_each_other_without_gap_or_overlap(desk: Desk, client: Caller):
    three(desk)
    caller, stages, cursor = client.as_("department_receiver"), [], ""
    while cursor is not None:
        page = caller.get("/api/v1/notices", query_string={"limit": 2, **({"cursor": cursor} if cursor else {})}).body
        stages += [one["stage"] for one in page["items"]]
        cursor = page["next_cursor"]
    assert stages == ["B1", "DIGEST", "W0", "DIGEST", "W2"]


def test_a_cursor_or_limit_that_makes_no_sense_is_refused(desk: Desk, client: Caller):
    caller = client.as_("department_receiver")
    assert caller.get("/api/v1/notices?cursor=%21").body["code"] == "input.cursor"
    assert caller.get("/api/v1/notices?limit=0").status == 422


def test_reading_is_noted_once_and_reaches_the_other_devices(desk: Desk, client: Caller):
    three(desk)
    caller = client.as_("department_receiver")
    notice = caller.get("/api/v1/notices").body["items"][2]["id"]

    first = caller.post(f"/api/v1/notices/{notice}/read")
    desk.clock.advance(minutes=5)
    second = caller.post(f"/api/v1/notices/{notice}/read")

    assert (first.status, first.body["read_at"]) == (200, "2026-09-27T16:10:00.000Z")
    assert second.body == first.body
    with desk.work() as session:
        row = session.scalars(select(FeedRow).where(FeedRow.doc_id == notice)).one()
        assert '"read_at":"2026-09-27T16:10:00.000Z"' in row.doc
        assert (row.op, row.rev) == ("put", 3)  # written, left, read


def test_nobody_reads_what_was_written_to_somebody_else_or_has_not_left(desk: Desk, client: Caller):
    three(desk)
    waiting, left = (one["id"] for one in client.as_("department_receiver").get("/api/v1/notices").body["items"][:2])
    for username, notice in (("department_deputy", left), ("administrator", left), ("department_receiver", waiting)):
        answer = client.as_(username).post(f"/api/v1/notices/{notice}/read")
        assert (answer.status, answer.body["code"]) == (404, "notice.not_found"), username
    assert client.get("/api/v1/notices").status == 401


def test_a_phone_holds_what_has_left_and_nothing_else(desk: Desk, client: Caller):
    duty = desk.owes(ObligationKind.C_HANDLE)
    desk.tick_at("2026-10-09 00:10")
    phone = client.as_("community_handler")

    def held() -> list[dict]:
        answer = phone.post("/api/v1/sync/pull", {"schema": 1, "scopes": {}})
        changes = (change for scope in answer.body["scopes"] for change in scope["changes"])
        return [
            change["doc"] for change in changes if change["kind"] == "notice" and change["doc"]["stage"] != "DIGEST"
        ]

    assert held() == []
    desk.tick_at("2026-10-09 08:30")
    (document,) = held()
    assert (document["about"], document["stage"], document["read_at"]) == (duty, "W0", None)
    assert "社区处置今天2026-10-09（星期五）到期" in document["text"]["zh"]
