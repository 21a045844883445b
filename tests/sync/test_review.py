"""What is kept for a person: invalid content, unknown kinds, rules that refuse, handlers that fail (section 4, `review`)."""

from __future__ import annotations

import json
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from gridwatch.leads.models import Lead
from gridwatch.sync import kinds
from tests.fixtures import Caller, Work
from tests.phone import item_sha256
from tests.sync.talk import LEAD, SOMEBODY, Make, outcomes, pull, push, stored, tokens_of

INVALID: list[tuple[str, dict[str, Any], tuple[str, ...], str]] = [
    # what, members, members left out, path of the problem
    ("no number", {}, ("device_no",), "device_no"),
    ("number 0", {"device_no": 0}, (), "device_no"),
    ("a number that is no whole one", {"device_no": 1.5}, (), "device_no"),
    ("a number that is a text", {"device_no": "1"}, (), "device_no"),
    ("no payload", {}, ("payload",), "payload"),
    ("a payload that is a list", {"payload": []}, (), "payload"),
    ("no kind", {}, ("kind",), "kind"),
    ("an unknown kind", {"kind": "visit.delete"}, (), "kind"),
    ("a kind that is no text", {"kind": ["visit.submit"]}, (), "kind"),
    ("a kind that is very long", {"kind": "x" * 500}, (), "kind"),
    ("a visit without a task", {"kind": "visit.submit", "base_rev": 1}, (), "task_id"),
    ("a visit without a rev", {"kind": "visit.submit", "task_id": SOMEBODY}, (), "base_rev"),
    ("a visit with a negative rev", {"kind": "visit.submit", "task_id": SOMEBODY, "base_rev": -1}, (), "base_rev"),
    ("a scope that is none", {"scope": "everything"}, (), "scope"),
    ("a scope that is very long", {"scope": "grid:" + "1" * 500}, (), "scope"),
    ("a token that is a number", {"scope_token": 5}, (), "scope_token"),
    ("a form that is very long", {"item_version": "R" * 500}, (), "item_version"),
    ("a place that is a text", {"place": "here"}, (), "place"),
    ("a place without latitude", {"place": {"lon": 113.75}}, (), "place"),
    ("a place with longitude and latitude swapped", {"place": {"lon": 23.02, "lat": 113.75}}, (), "place"),
    ("a place in an unknown datum", {"place": {"lon": 113.75, "lat": 23.02, "crs": "MARS"}}, (), "place.crs"),
    ("files that are a text", {"files": "none"}, (), "files"),
    ("a file without a hash", {"files": [{"size": 1}]}, (), "files[0].sha256"),
    ("a file with an upper-case hash", {"files": [{"sha256": "A" * 64}]}, (), "files[0].sha256"),
    ("a file with a negative size", {"files": [{"sha256": "a" * 64, "size": -1}]}, (), "files[0].size"),
    ("NUL in a text", {"payload": {"text": "a\0b"}}, (), "payload.text"),
    ("NUL in a key", {"payload": {"a\0b": 1}}, (), "payload.a\\0b"),
    ("NUL in a kind", {"kind": "\0"}, (), "kind"),
    ("NUL in a scope", {"scope": "grid:\0"}, (), "scope"),
]  # fmt: skip


def test_what_is_invalid_is_kept_for_a_person(worker: Caller, work: Work, item: Make):
    sent = [item(**members, without=without) for _, members, without, _ in INVALID]
    *results, good = push(worker, *sent, item())
    assert good["outcome"] == "accepted"
    for (what, _, _, path), one, result in zip(INVALID, sent, results, strict=True):
        assert (result["outcome"], result["code"]) == ("review", "payload_invalid"), what
        assert path in {field["path"] for field in result["facts"]["fields"]}, (what, result["facts"])
        assert all(field["problem"] for field in result["facts"]["fields"]), what
        assert result["receipt"]["item_sha256"] == item_sha256(one), what
        assert json.loads(stored(work, one["id"])[0].raw) == one, what
    assert {outcome for outcome, _ in outcomes(push(worker, *sent))} == {"duplicate"}


LEADS = [
    ("no category", {"category": None}, "payload.category"),
    ("an unknown category", {"category": "XS99"}, "payload.category"),
    ("a category that is a number", {"category": 3}, "payload.category"),
    ("a title that is too long", {"title": "长" * 121}, "payload.title"),
    ("no address and no point", {"address": ""}, "payload.address"),
    ("an entity that nobody knows", {"entity_id": SOMEBODY}, "payload"),
]


def test_a_lead_that_a_rule_refuses_is_kept_for_a_person(worker: Caller, work: Work, report: Make):
    results = push(worker, *(report(payload={**LEAD, **changed}) for _, changed, _ in LEADS))
    for (what, _, path), result in zip(LEADS, results, strict=True):
        assert (result["outcome"], result["code"]) == ("review", "payload_invalid"), what
        assert path in {one["path"] for one in result["facts"]["fields"]}, (what, result["facts"])
    with work() as session:
        assert session.query(Lead).count() == 0


def test_a_step_that_comes_too_late_for_its_lead_is_for_a_person(worker: Caller, report: Make, item: Make):
    lead = report()
    first, second = (item("lead.withdraw", payload={"lead_id": lead["id"], "reason": "看错了门牌"}) for _ in range(2))
    assert outcomes(push(worker, lead, first, second)) == [
        ("accepted", None),
        ("accepted", None),
        ("review", "stale_base"),
    ]


def test_a_step_of_a_lead_that_is_not_there_is_invalid(worker: Caller, item: Make):
    steps = [
        item("lead.withdraw", payload={"lead_id": lead_id, "reason": "看错"}) for lead_id in (None, "x", 5, SOMEBODY)
    ]
    assert outcomes(push(worker, *steps)) == [("review", "payload_invalid")] * 4


def test_a_lead_of_somebody_else_looks_like_one_that_is_not_there(
    worker: Caller, client: Caller, report: Make, item: Make
):
    theirs, world_3 = report(scope=None, place={"lon": 113.745, "lat": 23.025}), client.as_("grid_worker_3")
    assert outcomes(push(world_3, theirs)) == [("accepted", None)]
    mine = [item("lead.withdraw", payload={"lead_id": one, "reason": "看错"}) for one in (theirs["id"], SOMEBODY)]
    known, unknown = push(worker, *mine)
    assert (known["outcome"], known["code"], known["facts"], known["message"]) == (
        unknown["outcome"], unknown["code"], unknown["facts"], unknown["message"],
    )  # fmt: skip


def test_reports_that_cannot_go_together_go_one_by_one(
    worker: Caller, work: Work, report: Make, monkeypatch: pytest.MonkeyPatch
):
    """One wrong report among several leaves only itself in review, and so does a defect that shows with several."""
    wrong = report(payload={**LEAD, "category": "XS99"})
    assert outcomes(push(worker, report(), wrong, report())) == [
        ("accepted", None),
        ("review", "payload_invalid"),
        ("accepted", None),
    ]

    def broken(session: Any, facts: list[kinds.Fact]) -> list[kinds.Applied]:
        kinds._reports(session, facts)
        raise ZeroDivisionError("a defect of the program")

    monkeypatch.setitem(kinds.KINDS, "lead.report", kinds.Kind(kinds._report, together=broken))
    assert outcomes(push(worker, report(), report())) == [("accepted", None)] * 2
    with work() as session:
        assert session.query(Lead).count() == 4


def test_a_database_that_goes_away_in_the_middle_leaves_nothing_and_the_phone_comes_again(
    worker: Caller, work: Work, report: Make, item: Make, monkeypatch: pytest.MonkeyPatch
):
    """A lost connection is nobody's fault: 503 for the batch, never an item in review."""
    sent = [report(), report(), item()]

    def killed(session: Any, *more: Any) -> Any:
        if session.get_bind().dialect.name == "sqlite":
            raise OperationalError("", None, Exception("disk I/O error"))
        pid = session.execute(text("SELECT pg_backend_pid()")).scalar()
        with work() as another:
            another.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": pid})
        return session.execute(text("SELECT 1"))

    for broken in ({"apply": kinds._report, "together": killed}, {"apply": killed}):
        monkeypatch.setitem(kinds.KINDS, "lead.report", kinds.Kind(**broken))
        answer = worker.post("/api/v1/sync/push", {"device_id": worker.device_id, "items": sent})
        assert (answer.status, answer.body["code"]) == (503, "http.busy")
        assert answer.headers["Retry-After"]
    monkeypatch.undo()
    assert outcomes(push(worker, *sent)) == [("accepted", None)] * 3


def test_a_handler_that_fails_leaves_the_item_in_review_and_nothing_else_behind(
    app: Flask, worker: Caller, work: Work, report: Make, item: Make, monkeypatch: pytest.MonkeyPatch
):
    def broken(session: Any, fact: kinds.Fact) -> kinds.Applied:
        kinds.KINDS["lead.report"].apply(session, fact)
        raise ZeroDivisionError("a defect of the program")

    monkeypatch.setitem(kinds.KINDS, "checklist.submit", kinds.Kind(broken))
    sent = report(kind="checklist.submit")
    assert outcomes(push(worker, item(), sent, item())) == [
        ("accepted", None),
        ("review", "not_applied"),
        ("accepted", None),
    ]
    with work() as session:
        assert session.query(Lead).count() == 0
    answer = pull(worker)
    kinds_there = {change["kind"] for part in answer["scopes"] for change in part["changes"]}
    assert kinds_there.isdisjoint({"lead", "my_lead"}), "what was rolled back must not reach a phone"
    assert pull(worker, tokens_of(answer))["scopes"] == []
