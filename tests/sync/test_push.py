"""Push: one effect however often an item comes, and nothing dropped in silence (sync-protocol, section 4)."""

from __future__ import annotations

import json
import uuid
from datetime import date

from gridwatch.leads.models import Lead
from gridwatch.people.service import end_duty
from gridwatch.sync import housekeeping
from gridwatch.sync.models import Item
from tests.fixtures import Caller, Clock, Work, World, user_of
from tests.phone import item_sha256
from tests.sync.talk import (
    FILE,
    PHOTO,
    SOMEBODY,
    Make,
    outcome_document,
    outcomes,
    part_of,
    pull,
    push,
    stored,
    tokens_of,
)

# -- accepted, and its receipt ----------------------------------------------------------------------------------------


def test_a_result_has_every_member_and_a_receipt_that_proves_the_content(worker: Caller, item: Make, clock: Clock):
    sent = item(
        colour="blue", place={"lon": 113.7512, "lat": 23.0204, "accuracy_m": 12.0, "crs": "WGS84", "source": "gps"}
    )
    (result,) = push(worker, sent)
    assert set(result) == {"id", "outcome", "code", "message", "facts", "receipt", "missing", "rev", "first"}
    assert (result["id"], result["outcome"], result["code"], result["facts"], result["first"]) == (
        sent["id"],
        "accepted",
        None,
        {},
        None,
    )
    assert {name: result["receipt"][name] for name in ("id", "item_sha256", "received_at")} == {
        "id": sent["id"], "item_sha256": item_sha256(sent), "received_at": "2026-09-18T01:00:00.000Z",
    }  # fmt: skip
    assert "已收到" in result["message"]


def test_the_item_is_kept_word_for_word(worker: Caller, work: Work, item: Make):
    text = json.dumps(item(colour="blue", n=1.50), indent=2, ensure_ascii=True).replace("1.5", "1.50")
    body = f'{{"device_id": "{worker.device_id}", "items": [{text}]}}'
    answer = worker.post("/api/v1/sync/push", data=body, content_type="application/json")
    (row,) = stored(work, answer.body["results"][0]["id"])
    assert row.raw == text


def test_numbers_on_receipts_are_never_the_same(worker: Caller, client: Caller, item: Make):
    results = push(worker, *(item() for _ in range(5))) + push(client.as_("grid_worker_2"), *(item() for _ in range(5)))
    assert len({result["receipt"]["no"] for result in results}) == 10


def test_a_lead_becomes_a_lead_and_its_reporter_follows_it(worker: Caller, work: Work, report: Make, world: World):
    sent = report()
    (result,) = push(worker, sent)
    assert (result["outcome"], result["rev"], result["missing"]) == ("accepted", 1, [PHOTO])
    with work() as session:
        lead = session.get_one(Lead, sent["id"])
        assert (lead.category, lead.grid_code, lead.reporter_id) == ("XS03", world.grid, world.people["grid_worker"])
    answer = pull(worker)
    own, grid = part_of(answer, f"user:{world.people['grid_worker']}"), part_of(answer, f"grid:{world.grid}")
    assert {("my_lead", sent["id"]), ("outcome", sent["id"])} <= {(one["kind"], one["id"]) for one in own["changes"]}
    assert ("lead", sent["id"]) in {(one["kind"], one["id"]) for one in grid["changes"]}
    document = outcome_document(worker, sent["id"])
    assert (document["outcome"], document["became"]["id"], document["receipt"]) == (
        "accepted",
        sent["id"],
        result["receipt"],
    )


def test_records_are_accepted_as_they_are(worker: Caller, item: Make):
    sent = [
        item(kind, payload={"anything": ["at", "all"]})
        for kind in ("address.bind", "checklist.submit", "suggestion.submit")
    ]
    assert outcomes(push(worker, *sent)) == [("accepted", None)] * 3
    assert [outcome_document(worker, one["id"])["became"] for one in sent] == [
        {"kind": kind, "id": one["id"]} for kind, one in zip(("address", "checklist", "suggestion"), sent, strict=True)
    ]


def test_a_lead_is_withdrawn_by_its_reporter(worker: Caller, work: Work, report: Make, item: Make):
    sent = report()
    withdrawal = item("lead.withdraw", payload={"lead_id": sent["id"], "reason": "看错了门牌"}, depends_on=[sent["id"]])
    assert outcomes(push(worker, withdrawal, sent)) == [("accepted", None), ("accepted", None)]
    with work() as session:
        assert session.get_one(Lead, sent["id"]).state == "void"


# -- again and again --------------------------------------------------------------------------------------------------


def test_every_copy_gets_the_first_receipt_and_nothing_happens_twice(
    worker: Caller, work: Work, report: Make, clock: Clock
):
    sent = report()
    first, twin = push(worker, sent, sent)
    clock.advance(minutes=5)
    (later,) = push(worker, sent)
    assert outcomes([first, twin, later]) == [("accepted", None), ("duplicate", None), ("duplicate", None)]
    assert first["receipt"] == twin["receipt"] == later["receipt"]
    assert later["first"] == {"outcome": "accepted", "code": None}
    assert (later["rev"], later["missing"], later["facts"]) == (1, [PHOTO], {})
    with work() as session:
        assert session.query(Lead).count() == 1
        assert session.query(Item).count() == 1


def test_the_same_content_written_in_another_way_is_the_same(worker: Caller, item: Make):
    sent = item(n=12)
    push(worker, sent)
    other = dict(reversed(sent.items())) | {"n": 12.0}
    body = json.dumps({"items": [other], "device_id": worker.device_id}, indent=1, ensure_ascii=True)
    answer = worker.post("/api/v1/sync/push", data=body, content_type="application/json")
    assert outcomes(answer.body["results"]) == [("duplicate", None)]


def test_the_answer_of_a_duplicate_is_the_first_one_although_things_moved_on(worker: Caller, item: Make):
    missing = item()
    waits = item(depends_on=[missing["id"]])
    assert outcomes(push(worker, waits)) == [("held", None)]
    push(worker, missing)
    assert outcome_document(worker, waits["id"])["outcome"] == "accepted"
    (again,) = push(worker, waits)
    assert (again["outcome"], again["first"]) == ("duplicate", {"outcome": "held", "code": None})


def test_the_same_id_with_other_content_is_kept_beside_the_first(worker: Caller, work: Work, item: Make):
    first = item()
    second, third = first | {"payload": {"text": "另一内容"}}, first | {"payload": {"text": "第三内容"}}
    (one,) = push(worker, first)
    two, three = push(worker, second, third)
    assert outcomes([one, two, three]) == [("accepted", None), ("review", "id_reused"), ("review", "id_reused")]
    assert two["receipt"]["item_sha256"] == item_sha256(second)
    assert two["receipt"]["no"] != one["receipt"]["no"]
    assert [row.reused for row in stored(work, first["id"])] == [False, True, True]
    document = outcome_document(worker, first["id"])
    assert (document["outcome"], document["receipt"]) == ("accepted", one["receipt"])
    assert document["facts"]["also"] == [two["receipt"], three["receipt"]]
    (again,) = push(worker, second)
    assert (again["outcome"], again["receipt"]) == ("duplicate", two["receipt"])
    assert again["first"] == {"outcome": "review", "code": "id_reused"}


def test_two_contents_in_one_batch_are_both_kept(worker: Caller, work: Work, item: Make):
    first = item()
    second = first | {"payload": {"text": "另一内容"}}
    assert outcomes(push(worker, first, second)) == [("accepted", None), ("review", "id_reused")]
    assert len(stored(work, first["id"])) == 2
    assert len(outcome_document(worker, first["id"])["facts"]["also"]) == 1


# -- held -------------------------------------------------------------------------------------------------------------


def test_an_item_waits_for_what_it_depends_on_and_applies_when_that_comes(
    worker: Caller, work: Work, report: Make, item: Make
):
    lead = report()
    withdrawal = item("lead.withdraw", payload={"lead_id": lead["id"], "reason": "看错了门牌"}, depends_on=[lead["id"]])
    (result,) = push(worker, withdrawal)
    assert (result["outcome"], result["facts"]) == ("held", {"waits_for": [lead["id"]]})
    assert outcome_document(worker, withdrawal["id"])["outcome"] == "held"
    push(worker, lead)
    document = outcome_document(worker, withdrawal["id"])
    assert (document["outcome"], document["became"]["id"]) == ("accepted", lead["id"])
    with work() as session:
        assert session.get_one(Lead, lead["id"]).state == "void"


def test_what_is_stored_counts_as_come_whatever_became_of_it(worker: Caller, item: Make):
    bad = item(payload="not an object")
    assert outcomes(push(worker, item(depends_on=[bad["id"]]), bad)) == [
        ("accepted", None),
        ("review", "payload_invalid"),
    ]


def test_items_that_wait_for_each_other_in_one_batch_are_both_applied(worker: Caller, item: Make):
    one, other = item(), item()
    one["depends_on"], other["depends_on"] = [other["id"]], [one["id"]]
    assert outcomes(push(worker, one, other)) == [("accepted", None)] * 2


def test_rejected_is_not_stored_and_so_has_not_come(worker: Caller, item: Make):
    huge = item(files=[FILE] * 10)
    assert outcomes(push(worker, huge, item(depends_on=[huge["id"]]))) == [("rejected", "over_limit"), ("held", None)]


def test_a_dependency_that_can_never_come_is_invalid(worker: Caller, item: Make):
    itself = item()
    itself["depends_on"] = [itself["id"]]
    for result in push(worker, itself, *(item(depends_on=wrong) for wrong in (["x"], [7], [None], "x", {}))):
        assert (result["outcome"], result["code"]) == ("review", "payload_invalid")
        assert result["facts"]["fields"][0]["path"].startswith("depends_on")


def test_after_three_days_a_person_looks_at_what_still_waits(worker: Caller, work: Work, item: Make, clock: Clock):
    sent = item(depends_on=[SOMEBODY])
    push(worker, sent)
    clock.advance(days=2, hours=23)
    with work() as session:
        assert housekeeping.release_overdue(session, clock.now()) == {"applied": 0, "to_review": 0}
    clock.advance(hours=1)
    with work() as session:
        assert housekeeping.release_overdue(session, clock.now()) == {"applied": 0, "to_review": 1}
    assert (outcome_document(worker, sent["id"])["outcome"], stored(work, sent["id"])[0].code) == (
        "review",
        "dependency_missing",
    )


def test_a_dependency_that_came_from_another_phone_is_found_by_the_scheduler(
    worker: Caller, client: Caller, work: Work, item: Make, clock: Clock
):
    other = item()
    sent = item(depends_on=[other["id"]])
    push(worker, sent)
    push(client.as_("grid_worker_2"), other)
    with work() as session:
        assert housekeeping.release_overdue(session, clock.now())["applied"] == 1
    assert outcome_document(worker, sent["id"])["outcome"] == "accepted"


# -- superseded: lost grids -------------------------------------------------------------------------------------------


def test_a_notice_served_in_a_lost_grid_is_evidence(
    worker: Caller, client: Caller, work: Work, report: Make, item: Make, clock: Clock, world: World
):
    """The lead was reported by a neighbour in the grid that this worker then lost."""
    other = client.as_("grid_worker_2")
    lead = report(place={"lon": 113.745, "lat": 23.015})
    assert outcomes(push(other, lead)) == [("accepted", None)]
    with work() as session:
        end_duty(session, user_of(session, "grid_worker"), world.grid, last_on=date(2026, 9, 17), at=clock.now())
    served = item("notice.serve", payload={"lead_id": lead["id"], "number": "NC-1", "served": "served"}, files=[FILE])
    (result,) = push(worker, served)
    assert (result["outcome"], result["code"]) == ("superseded", "reassigned")
    assert result["receipt"] is not None


def test_a_lead_from_a_lost_grid_is_new_knowledge_and_goes_to_whoever_holds_the_place(
    worker: Caller, work: Work, report: Make, clock: Clock, world: World
):
    with work() as session:
        end_duty(session, user_of(session, "grid_worker"), world.grid, last_on=date(2026, 9, 17), at=clock.now())
    sent = report(place={"lon": 113.745, "lat": 23.015})
    assert outcomes(push(worker, sent)) == [("accepted", None)]
    with work() as session:
        assert session.get_one(Lead, sent["id"]).grid_code == world.grid


# -- rejected ---------------------------------------------------------------------------------------------------------


def test_a_push_from_another_device_is_rejected_item_by_item(worker: Caller, work: Work, item: Make):
    sent = item()
    (result,) = push(worker, sent, device_id=str(uuid.uuid4()))
    assert (result["outcome"], result["code"], result["receipt"], result["missing"]) == (
        "rejected",
        "not_your_device",
        None,
        [],
    )
    assert stored(work, sent["id"]) == []
    assert outcomes(push(worker, sent)) == [("accepted", None)]  # from the right device it is as new


def test_what_is_too_large_is_rejected(worker: Caller, work: Work, item: Make):
    for members in (
        {"files": [FILE] * 10},
        {"files": [FILE | {"size": 10_000_001}]},
        {"payload": {"text": "x" * 1_000_000}},
    ):
        sent = item(**members)
        assert outcomes(push(worker, sent)) == [("rejected", "over_limit")]
        assert stored(work, sent["id"]) == []


def test_what_is_at_the_limit_is_taken(worker: Caller, item: Make):
    assert outcomes(
        push(worker, item(files=[FILE | {"sha256": f"{n:064x}", "size": 10_000_000} for n in range(9)]))
    ) == [("accepted", None)]


def test_an_undecodable_item_is_rejected_in_its_place(worker: Caller, item: Make):
    results = push(worker, item(), {"id": "x", "device_no": 9}, None, item())
    assert outcomes(results) == [
        ("accepted", None),
        ("rejected", "undecodable"),
        ("rejected", "undecodable"),
        ("accepted", None),
    ]
    assert [result["id"] for result in results[1:3]] == ["x", None]


# -- missing files ----------------------------------------------------------------------------------------------------


def test_missing_names_every_required_hash_once_in_the_order_sent(worker: Caller, item: Make):
    hashes = [f"{number:064x}" for number in range(4)]
    files = [{"sha256": one, "size": 1} for one in hashes]
    files[1]["required"], files[2]["required"] = False, True
    (result,) = push(worker, item(files=[*files, files[0]]))
    assert result["missing"] == [hashes[0], hashes[2], hashes[3]]


# -- what ages --------------------------------------------------------------------------------------------------------


def test_outcomes_leave_the_phone_after_ninety_days_and_the_items_stay(
    worker: Caller, work: Work, item: Make, clock: Clock
):
    sent = item()
    push(worker, sent)
    known = tokens_of(pull(worker))
    clock.advance(days=91)
    with work() as session:
        assert housekeeping.age_out_outcomes(session, clock.now()) == 1
        assert housekeeping.age_out_outcomes(session, clock.now()) == 0
    (part,) = pull(worker, known)["scopes"]
    assert [(one["op"], one["kind"], one["id"]) for one in part["changes"]] == [("leave", "outcome", sent["id"])]
    assert outcomes(push(worker, sent)) == [("duplicate", None)]
