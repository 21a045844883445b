"""What a person decides about items that wait: repaired and applied, refused, kept apart, in time or not (section 4)."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from gridwatch.leads.models import Lead
from gridwatch.sync.models import Item, ReviewDecision
from gridwatch.tasks.models import Task, Visit
from gridwatch.tasks.service import amend_items
from tests.fixtures import Caller, Clock, Work, World, user_of
from tests.sync.conftest import ALL_WELL, Tasks
from tests.sync.talk import (
    FILE,
    LEAD,
    PHOTO,
    REVIEW,
    SOMEBODY,
    WHY,
    Make,
    decide,
    events_of,
    one_waiting,
    outcome_document,
    outcomes,
    pull,
    push,
    stored,
    waiting,
)


@pytest.fixture
def street(client: Caller, world: World) -> Caller:
    """The dispatcher of the street centre."""
    return client.as_("street_dispatcher")


# -- repaired and applied ---------------------------------------------------------------------------------------------


def test_a_lead_is_repaired_and_applied_and_what_was_sent_stays(
    worker: Caller, street: Caller, work: Work, report: Make, world: World, clock: Clock
):
    sent = report(payload={**LEAD, "category": "XS33"})
    assert outcomes(push(worker, sent)) == [("review", "payload_invalid")]
    raw = stored(work, sent["id"])[0].raw
    item = one_waiting(street, "repair")
    assert (item["title"], item["sender"]["id"], item["device"]["name"]) == (
        LEAD["title"], world.people["grid_worker"], "测试手机",
    )  # fmt: skip
    shown = street.get(f"{REVIEW}/{item['no']}").body
    assert json.loads(shown["raw"]) == shown["value"] == sent
    assert shown["facts"]["fields"][0]["path"] == "payload.category"
    assert shown["attachments"]["missing"] == [PHOTO]

    clock.advance(hours=3)
    answer = decide(street, item, "apply", repairs={"payload": LEAD})
    assert (answer.status, answer.body["outcome"], answer.body["code"]) == (200, "accepted", "reviewed")
    with work() as session:
        lead = session.get_one(Lead, sent["id"])
        assert (lead.category, lead.reporter_id, lead.grid_code) == ("XS03", world.people["grid_worker"], world.grid)
        assert lead.reported_at == session.query(Item).one().received_at
        decision = session.query(ReviewDecision).one()
        assert (decision.repairs, decision.by_user, decision.reason) == (
            {"payload": LEAD}, world.people["street_dispatcher"], WHY,
        )  # fmt: skip
    assert stored(work, sent["id"])[0].raw == raw
    document = outcome_document(worker, sent["id"])
    assert (document["outcome"], document["code"], document["became"]["id"]) == ("accepted", "reviewed", sent["id"])
    assert document["facts"]["review"]["repaired"] == ["payload"]
    assert WHY in document["message"]
    assert waiting(street) == []
    assert [one["no"] for one in waiting(street, "decided")] == [item["no"]]
    assert [act for act, _ in events_of(work, sent["id"])] == ["lead.submit", "item.applied"]


def test_a_visit_with_a_form_that_nobody_knows_is_applied_with_the_right_one(
    worker: Caller, street: Caller, work: Work, tasks: Tasks, visit: Make
):
    (task,) = tasks(1)
    sent = visit(task, item_version="RG01@99")
    push(worker, sent)
    item = one_waiting(street, "repair")
    beside = street.get(f"{REVIEW}/{item['no']}").body["now"]
    assert (beside["task"]["state"], beside["task"]["visits"], beside["lead"]) == ("issued", [], None)
    assert decide(street, item, "apply", repairs={"item_version": "RG01@1+RG02@1"}).status == 200
    with work() as session:
        assert session.get_one(Task, task).state == "done"
        assert session.get_one(Visit, sent["id"]).by_user == user_of(session, "grid_worker").id
    assert outcome_document(worker, sent["id"])["became"] == {"kind": "visit", "id": sent["id"]}


def test_what_was_stale_is_applied_on_what_the_person_has_seen(
    worker: Caller, street: Caller, work: Work, tasks: Tasks, visit: Make, clock: Clock
):
    (task,) = tasks(1)
    with work() as session:
        amend_items(session, session.get_one(Task, task), ["RG01"], clock.now())
    only = {"result": "done", "findings": [ALL_WELL["findings"][0]]}
    assert outcomes(push(worker, visit(task, payload=only, item_version="RG01@1"))) == [("review", "stale_base")]
    assert decide(street, one_waiting(street, "repair"), "apply").body["outcome"] == "accepted"
    with work() as session:
        assert session.get_one(Task, task).state == "done"


def test_an_item_without_a_number_is_applied_all_the_same(worker: Caller, street: Caller, item: Make):
    push(worker, item(without=("device_no",)))
    assert decide(street, one_waiting(street, "repair"), "apply").body["outcome"] == "accepted"


def test_what_waited_three_days_for_another_item_is_listed_before_any_job_ran(
    worker: Caller, street: Caller, item: Make, clock: Clock
):
    sent = item(depends_on=[SOMEBODY])
    push(worker, sent)
    assert waiting(street) == []
    clock.advance(days=3)
    found = one_waiting(street, "repair")
    assert found["outcome"] == "held"
    assert decide(street, found, "apply").body["outcome"] == "accepted"
    assert outcome_document(worker, sent["id"])["outcome"] == "accepted"


def test_a_visit_that_comes_out_of_review_after_another_one_is_evidence(
    worker: Caller, street: Caller, tasks: Tasks, visit: Make
):
    (task,) = tasks(1)
    push(worker, visit(task, item_version="RG01@99"), visit(task))
    answer = decide(street, one_waiting(street, "repair"), "apply", repairs={"item_version": "RG01@1+RG02@1"})
    assert (answer.body["outcome"], answer.body["code"]) == ("superseded", "task_closed")


def test_the_sender_may_be_gone_by_then(
    worker: Caller, street: Caller, work: Work, tasks: Tasks, visit: Make, clock: Clock
):
    (task,) = tasks(1)
    push(worker, visit(task, item_version="RG01@99"))
    with work() as session:
        user_of(session, "grid_worker").disabled_at = clock.now()
    answer = decide(street, one_waiting(street, "repair"), "apply", repairs={"item_version": "RG01@1+RG02@1"})
    assert answer.body["outcome"] == "accepted"


# -- what is not possible changes nothing -----------------------------------------------------------------------------

NOT_POSSIBLE: list[tuple[str, dict[str, Any], int, str]] = [
    ("still invalid", {"repairs": {"payload": {**LEAD, "category": "XS44"}}}, 422, "sync.review_invalid"),
    ("as it was sent", {}, 422, "sync.review_invalid"),
    ("another kind that nobody knows", {"repairs": {"kind": "lead.delete"}}, 422, "sync.review_invalid"),
    ("an envelope that is wrong", {"repairs": {"place": {"lon": 23, "lat": 113}}}, 422, "sync.review_invalid"),
    ("a step of a lead that is not there", {"repairs": {"kind": "lead.withdraw"}}, 422, "sync.review_invalid"),
    ("a number is not repaired", {"repairs": {"device_no": 7}}, 422, "input.invalid"),
    ("a time is not repaired", {"repairs": {"captured_at": "2026-09-18T00:00:00Z"}}, 422, "input.invalid"),
    ("nothing stands apart", {"apart": True}, 422, "input.invalid"),
    ("no reason", {"reason": "  "}, 422, "input.invalid"),
    ("NUL", {"reason": "a\0b"}, 422, "input.invalid"),
    ("an older version", {"expected_version": 99}, 409, "sync.review_changed"),
    ("no version", {"expected_version": None}, 422, "input.invalid"),
]  # fmt: skip


def test_what_is_not_possible_changes_nothing(worker: Caller, street: Caller, work: Work, report: Make):
    sent = report(payload={**LEAD, "category": "XS33"})
    push(worker, sent)
    item = one_waiting(street, "repair")
    for what, body, status, code in NOT_POSSIBLE:
        answer = decide(street, item, "apply", **body)
        assert (answer.status, answer.body["code"]) == (status, code), (what, answer.body)
    assert waiting(street) == [item]
    with work() as session:
        assert session.query(Lead).count() == session.query(ReviewDecision).count() == 0


def test_a_rule_that_forbids_it_now_is_named(worker: Caller, street: Caller, report: Make, item: Make):
    lead = report()
    twice = [item("lead.withdraw", payload={"lead_id": lead["id"], "reason": "看错了门牌"}) for _ in range(2)]
    assert outcomes(push(worker, lead, *twice))[2] == ("review", "stale_base")
    found = one_waiting(street, "repair")
    answer = decide(street, found, "apply")
    assert (answer.status, answer.body["code"]) == (409, "sync.review_against_rule")
    assert decide(street, found, "refuse").status == 200


def test_of_two_people_one_decides(worker: Caller, client: Caller, street: Caller, report: Make, work: Work):
    push(worker, report(payload={**LEAD, "category": "XS33"}))
    item = one_waiting(street, "repair")
    callers = [street, client.as_("community_dispatcher")]
    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(lambda one: decide(one, item, "apply", repairs={"payload": LEAD}), callers))
    assert sorted(answer.status for answer in answers) == [200, 409]
    (late,) = [answer for answer in answers if answer.status == 409]
    assert (late.body["code"], late.body["facts"]["version"]) == ("sync.review_changed", item["version"] + 1)
    again = decide(street, {**item, "version": item["version"] + 1}, "refuse")
    assert (again.status, again.body["code"]) == (409, "sync.review_decided")
    with work() as session:
        assert session.query(Lead).count() == session.query(ReviewDecision).count() == 1


# -- refused ----------------------------------------------------------------------------------------------------------


def test_what_is_refused_stays_as_evidence_and_the_phone_is_told_why(
    worker: Caller, street: Caller, work: Work, report: Make
):
    sent = report(payload={**LEAD, "category": "XS33"})
    push(worker, sent)
    answer = decide(street, one_waiting(street, "repair"), "refuse", reason="与昨天的线索是同一件事")
    assert (answer.status, answer.body["outcome"], answer.body["code"]) == (200, "superseded", "refused")
    document = outcome_document(worker, sent["id"])
    assert (document["outcome"], document["code"], document["receipt"]["id"]) == ("superseded", "refused", sent["id"])
    assert "与昨天的线索是同一件事" in document["message"]
    assert outcomes(push(worker, sent)) == [("duplicate", None)]
    assert json.loads(stored(work, sent["id"])[0].raw) == sent
    assert [act for act, _ in events_of(work, sent["id"])] == ["item.refused"]


# -- two contents under one id ----------------------------------------------------------------------------------------


@pytest.fixture
def two_contents(worker: Caller, report: Make) -> Callable[..., tuple[dict[str, Any], dict[str, Any]]]:
    """`two_contents(category="XS33")` pushes two leads under one id, the first with these members of the payload changed."""

    def _push(**first_payload: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        first = report(payload={**LEAD, **first_payload})
        second = {**first, "payload": {**LEAD, "title": "另一家面包店"}}
        push(worker, first, second)
        return first, second

    return _push


def test_both_contents_are_shown_and_kept_apart(worker: Caller, street: Caller, work: Work, two_contents):
    first, second = two_contents()
    item = one_waiting(street, "two_contents")
    shown = street.get(f"{REVIEW}/{item['no']}").body
    assert [json.loads(one["raw"]) for one in shown["contents"]] == [first, second]
    assert [one["outcome"] for one in shown["contents"]] == ["accepted", "review"]
    counts = decide(street, item, "apply")
    assert (counts.status, counts.body["code"]) == (409, "sync.review_first_counts")

    answer = decide(street, item, "apply", apart=True)
    assert answer.body["outcome"] == "accepted"
    made = answer.body["became"]["id"]
    assert made != first["id"]
    with work() as session:
        assert session.get_one(Lead, made).title == "另一家面包店"
        assert session.query(Lead).count() == 2
    document = outcome_document(worker, first["id"])
    (also,) = document["facts"]["also"]
    assert (document["outcome"], also["no"], also["outcome"], also["became"]["id"]) == (
        "accepted", item["no"], "accepted", made,
    )  # fmt: skip


def test_the_second_takes_the_place_of_a_first_that_had_no_effect(
    worker: Caller, street: Caller, work: Work, two_contents
):
    first, _ = two_contents(category="XS33")
    (_, item) = waiting(street)
    assert item["question"] == "two_contents"
    assert decide(street, item, "apply").body["outcome"] == "accepted"
    with work() as session:
        assert session.query(Lead).one().id == first["id"]
        assert [one.act for one in session.query(ReviewDecision).order_by(ReviewDecision.item_no)] == [
            "refused", "applied",
        ]  # fmt: skip
    assert waiting(street) == []
    document = outcome_document(worker, first["id"])
    assert (document["outcome"], document["code"]) == ("superseded", "refused")
    assert document["facts"]["also"][0]["became"]["id"] == first["id"]


def test_the_first_is_picked_by_refusing_the_second(worker: Caller, street: Caller, two_contents):
    first, _ = two_contents()
    decide(street, one_waiting(street, "two_contents"), "refuse")
    document = outcome_document(worker, first["id"])
    assert (document["outcome"], document["code"]) == ("accepted", None)
    assert (document["facts"]["also"][0]["outcome"], document["facts"]["also"][0]["code"]) == ("superseded", "refused")


# -- in time or not ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arrives", "in_time", "verdict"),
    [
        ("2026-09-18 09:00", True, "on_time"),
        ("2026-09-18 09:00", False, "late"),
        ("2026-10-08 09:00", True, "late_sync"),
        ("2026-10-08 09:00", False, "late"),
    ],
)
def test_a_person_says_whether_a_visit_by_an_impossible_clock_was_in_time(
    worker: Caller, street: Caller, work: Work, tasks: Tasks, visit: Make, clock: Clock, arrives: str, in_time: bool, verdict: str
):  # fmt: skip
    (task,) = tasks(1)
    clock.set(arrives)
    sent = visit(task, captured_at="2031-01-01T00:00:00+08:00")
    assert outcomes(push(worker, sent)) == [("accepted", "implausible_time")]
    item = one_waiting(street, "timeliness")
    assert decide(street, item, "apply").body["code"] == "sync.review_decided"
    answer = decide(street, item, "timeliness", in_time=in_time)
    assert (answer.status, answer.body["outcome"], answer.body["code"]) == (200, "accepted", "reviewed")
    with work() as session:
        assert session.get_one(Task, task).on_time == session.get_one(Visit, sent["id"]).timeliness == verdict
    assert waiting(street) == []
    assert ("task.timeliness_ruled", "unclear", verdict, WHY) in [
        (act, data["was"], data["is"], data["reason"]) for act, data in events_of(work, task) if "was" in data
    ]
    assert outcome_document(worker, sent["id"])["code"] == "reviewed"
    assert decide(street, {**item, "version": item["version"] + 1}, "timeliness", in_time=True).status == 409


def test_a_visit_that_was_kept_apart_is_asked_about_too(
    worker: Caller, street: Caller, work: Work, tasks: Tasks, visit: Make
):
    (task,) = tasks(1)
    first = visit(task, payload={"result": "closed_door"})
    second = {**first, "payload": ALL_WELL, "captured_at": "2031-01-01T00:00:00+08:00"}
    push(worker, first, second)
    made = decide(street, one_waiting(street, "two_contents"), "apply", apart=True).body["became"]["id"]
    assert decide(street, one_waiting(street, "timeliness"), "timeliness", in_time=True).status == 200
    with work() as session:
        assert session.get_one(Visit, made).timeliness == "on_time"
        assert session.get_one(Task, task).on_time == "on_time"


# -- who --------------------------------------------------------------------------------------------------------------


def test_an_item_is_seen_by_the_desks_of_its_area_and_by_nobody_else(
    worker: Caller, client: Caller, report: Make, world: World
):
    push(worker, report(payload={**LEAD, "category": "XS33"}))
    desks = {"street_dispatcher", "community_dispatcher"}
    (item,) = waiting(client.as_("street_dispatcher"))
    for username in world.people:
        caller = client.as_(username)
        listed, one = caller.get(REVIEW), caller.get(f"{REVIEW}/{item['no']}")
        refused = decide(caller, item, "refuse", expected_version=99)
        if username in desks:
            assert (listed.status, len(listed.body["items"]), one.status, refused.status) == (200, 1, 200, 409), (
                username
            )
        elif username == "community_dispatcher_2":
            assert (listed.body["items"], one.status, refused.status) == ([], 404, 404)
        else:
            assert (listed.status, one.status, refused.status) == (403, 404, 404), username


def test_nobody_decides_on_what_he_sent_himself(worker: Caller, client: Caller, street: Caller, work: Work, item: Make):
    both = client.as_("community_dispatcher")
    push(both, item(payload=[]))
    found = one_waiting(street, "repair")
    answer = decide(both, found, "apply", repairs={"payload": {}})
    assert (answer.status, answer.body["code"]) == (403, "sync.review_own")
    assert decide(street, found, "apply", repairs={"payload": {}}).status == 200


def test_the_photos_of_an_item_are_seen_by_who_may_review_it(
    worker: Caller, client: Caller, street: Caller, report: Make
):
    sent = report(payload={**LEAD, "category": "XS33"}, files=[{**FILE, "size": 10}])
    push(worker, sent)
    data = b"door plate"
    meta = f"sha256 {_b64(PHOTO)},filename {_b64('a.jpg')},mime {_b64('image/jpeg')},item_id {_b64(sent['id'])}"
    answer = worker.post(
        "/api/v1/files", data=data, content_type="application/offset+octet-stream",
        headers={"Tus-Resumable": "1.0.0", "Upload-Length": str(len(data)), "Upload-Metadata": meta},
    )  # fmt: skip
    assert answer.status == 201, answer.body
    (item,) = waiting(street)
    assert street.get(f"{REVIEW}/{item['no']}").body["attachments"] == {"required": 1, "here": 1, "missing": []}
    assert street.get(f"/api/v1/files/{PHOTO}").status == 200
    assert client.as_("community_dispatcher_2").get(f"/api/v1/files/{PHOTO}").status == 404


def _b64(text: str) -> str:
    import base64

    return base64.b64encode(text.encode()).decode()


# -- pages of the queue -----------------------------------------------------------------------------------------------


def test_the_queue_is_paged_the_oldest_first_and_what_is_done_the_newest_first(
    worker: Caller, street: Caller, item: Make
):
    push(worker, *(item(payload=[]) for _ in range(5)))
    numbers, cursor = [], None
    while True:
        body = street.get(REVIEW, query_string={"limit": 2, **({"cursor": cursor} if cursor else {})}).body
        numbers += [one["no"] for one in body["items"]]
        cursor = body["next_cursor"]
        if cursor is None:
            break
    assert numbers == sorted(numbers)
    assert len(numbers) == 5
    for one in waiting(street):
        decide(street, one, "refuse")
    assert [one["no"] for one in waiting(street, "decided")] == numbers[::-1]
    for wrong in ("x", "WyJ4Il0", "WyI5OTk5OTk5OTk5OTk5OTk5OTk5OTkiXQ"):
        assert street.get(REVIEW, query_string={"cursor": wrong}).body["code"] == "input.cursor"


def test_records_are_there_for_the_desk_to_read(worker: Caller, street: Caller, item: Make):
    kinds = ["suggestion.submit", "checklist.submit", "address.bind"]
    push(worker, *(item(kind) for kind in kinds))
    assert waiting(street) == []
    assert {one["kind"] for one in waiting(street, "records")} == set(kinds)
    assert street.get(f"{REVIEW}/{waiting(street, 'records')[0]['no']}").body["question"] is None
    assert street.get(REVIEW, query_string={"view": "everything"}).status == 422


def test_a_decision_does_not_disturb_what_the_phone_holds(worker: Caller, street: Caller, report: Make):
    push(worker, report(payload={**LEAD, "category": "XS33"}))
    before = pull(worker)
    decide(street, one_waiting(street, "repair"), "apply", repairs={"payload": LEAD})
    tokens = {part["scope"]: part["token"] for part in before["scopes"]}
    kinds = [(one["op"], one["kind"]) for part in pull(worker, tokens)["scopes"] for one in part["changes"]]
    assert sorted(kinds) == [("put", "lead"), ("put", "my_lead"), ("put", "outcome")]
