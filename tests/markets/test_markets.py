"""Markets over the API and over phones: what is refused changes nothing, and nobody sees beyond his reach."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from gridwatch.audit.models import Event
from gridwatch.markets.models import Checklist, Market, MarketFinding, MarketRound, SpotDraw, Stall
from gridwatch.people.service import end_duty
from tests.fixtures import Caller, Clock, Work, World, user_of
from tests.markets.conftest import CHECKLIST, DARK, MARKETS, WELL
from tests.sync.talk import FILE, PHOTO, Make, outcomes, pull, push

TABLES = (Market, Stall, Checklist, SpotDraw, MarketRound, MarketFinding, Event)
Look = Callable[..., dict[str, Any]]


def count(work: Work) -> list[int]:
    with work() as session:
        return [session.query(table).count() for table in TABLES]


REFUSED = [
    ("", {"code": "M1", "name": "别的市场", "grid_code": "441900004003002"}, 409, "market.exists", None),
    ("", {"code": "M2", "name": "宏远市场", "grid_code": "441900004003002"}, 409, "market.exists", None),
    ("", {"code": "M2", "name": "宏远市场", "grid_code": "441900004009001"}, 404, "grid.not_found", None),
    ("/M9/stalls", {"stalls": [{"number": "A01"}]}, 404, "market.not_found", None),
    ("/M1/stalls", {"stalls": [{"number": "B1"}, {"number": "B1"}]}, 422, "market.stalls_invalid", "stalls[1].number"),
    ("/M1/stalls", {"stalls": [{"number": "B1", "entity_id": "nobody"}]}, 422, "market.stalls_invalid", "stalls[0].entity_id"),
    ("/M1/stalls", {"stalls": [{"number": "B1", "active_from": "2026-10-02", "active_to": "2026-10-01"}]}, 422,
     "market.stalls_invalid", "stalls[0].active_to"),
    ("/M1/stalls", {"stalls": [{"number": "B 1"}]}, 422, "input.invalid", None),
    ("/M1/checklists", {**CHECKLIST, "items": ["RG05B@9"], "effective_on": "2027-01-04"}, 422, "market.checklist_invalid", "items[0]"),
    ("/M1/checklists", {**CHECKLIST, "items": ["RG05B@1", "RG05B@1"], "effective_on": "2027-01-04"}, 422,
     "market.checklist_invalid", "items[1]"),
    ("/M1/checklists", {**CHECKLIST, "effective_on": "2026-01-05"}, 422, "market.checklist_invalid", "effective_on"),
    ("/M1/checklists", {**CHECKLIST, "items": [], "effective_on": "2027-01-04"}, 422, "input.invalid", None),
    ("/M1/draws", {"month": "2026-01", "size": 2}, 422, "market.month_past", None),
    ("/M1/draws", {"month": "2026-13", "size": 2}, 422, "input.invalid", None),
    ("/M1/draws/2026-12/draw", {}, 404, "market.draw_not_found", None),
    ("/M1/draws/2027-01/draw", {}, 409, "market.not_its_month", None),
    ("/M1/draws", {"month": "2027-01", "size": 3}, 409, "market.announced", None),
]  # fmt: skip


def test_what_is_refused_says_where_and_changes_nothing(office: Caller, market: str, work: Work):
    assert office.post(f"{MARKETS}/M1/draws", {"month": "2027-01", "size": 2}).status == 200
    before = count(work)
    for path, body, status, code, at in REFUSED:
        answer = office.post(f"{MARKETS}{path}", body)
        assert (answer.status, answer.body["code"]) == (status, code), (path, body, answer.body)
        if at is not None:
            assert [one["path"] for one in answer.body["facts"]["fields"]] == [at]
    assert count(work) == before


def test_the_same_again_changes_nothing(office: Caller, market: str, work: Work, world: World, clock: Clock):
    month = f"{clock.today():%Y-%m}"
    announced = office.post(f"{MARKETS}/M1/draws", {"month": month, "size": 2}).body
    drawn = office.post(f"{MARKETS}/M1/draws/{month}/draw").body
    before = count(work)
    assert office.post(MARKETS, {"code": "M1", "name": "宏远市场", "grid_code": world.grid_2}).status == 200
    again = office.post(f"{MARKETS}/M1/draws", {"month": month, "size": 2}).body
    assert (again["seed"], again["drawn"]) == (announced["seed"], drawn["drawn"])
    assert office.post(f"{MARKETS}/M1/draws/{month}/draw").body == drawn
    assert count(work) == before
    other = office.post(f"{MARKETS}/M1/draws", {"month": month, "size": 3})
    assert (other.status, other.body["code"]) == (409, "market.announced")


def test_only_stalls_in_use_today_are_drawn(office: Caller, market: str, clock: Clock):
    month, gone = f"{clock.today():%Y-%m}", str(clock.today() - timedelta(days=1))
    office.post(f"{MARKETS}/M1/stalls", {"stalls": [{"number": "A02", "active_to": gone}]})
    office.post(f"{MARKETS}/M1/draws", {"month": month, "size": 200})
    drawn = office.post(f"{MARKETS}/M1/draws/{month}/draw").body
    assert (drawn["population"], sorted(drawn["drawn"])) == (["A01", "A03"], ["A01", "A03"])


REACH = [
    ("market_manager", [200, 404, 403], [403, 403, 403]),
    ("grid_worker_2", [200, 200, 200], [403, 403, 403]),
    ("grid_worker", [404, 404, 200], [403, 403, 403]),
    ("community_dispatcher", [200, 200, 200], [403, 403, 200]),
    ("community_dispatcher_2", [404, 404, 200], [403, 403, 404]),
    ("street_dispatcher", [200, 200, 200], [200, 200, 200]),
    ("platform_owner", [200, 404, 403], [200, 200, 403]),
    ("auditor", [200, 200, 200], [403, 403, 403]),
    ("case_officer", [404, 404, 403], [403, 403, 403]),
]


@pytest.mark.parametrize(("who", "reads", "writes"), REACH, ids=[row[0] for row in REACH])
def test_who_reads_and_who_writes(
    who: str, reads: list[int], writes: list[int], client: Caller, office: Caller, market: str, clock: Clock
):
    month = f"{clock.today():%Y-%m}"
    office.post(f"{MARKETS}/M1/draws", {"month": month, "size": 2})
    somebody, later = client.as_(who), str(clock.today() + timedelta(days=3))
    asked = (f"{MARKETS}/M1", f"{MARKETS}/M1/draws/{month}", f"{MARKETS}/rates?month={month}")
    assert [somebody.get(path).status for path in asked] == reads
    sent = [
        ("stalls", {"stalls": [{"number": "B1"}]}),
        ("checklists", {**CHECKLIST, "effective_on": later}),
        ("draws", {"month": month, "size": 2}),
    ]
    assert [somebody.post(f"{MARKETS}/M1/{verb}", body).status for verb, body in sent] == writes


# -- what phones send -------------------------------------------------------------------------------------------------


BAD = [
    ("a stall that is none", {"Z9": WELL}, {}, "payload.stalls[0].stall"),
    ("an answer of another type", {"A01": {**WELL, "displayed": "yes"}}, {}, "payload.stalls[0].findings[0].displayed"),
    ("another item", {"A01": {"item": "RG04", "has_licence": True}}, {}, "payload.stalls[0].findings[0].item"),
    ("a checklist that never was", {"A01": WELL}, {"checklist": 7}, "payload.checklist"),
    ("a checklist that is no number", {"A01": WELL}, {"checklist": True}, "payload.checklist"),
    ("no stalls", {}, {}, "payload.stalls"),
    ("stalls that are none", {}, {"stalls": [7]}, "payload.stalls[0]"),
    ("a photo that did not come", {}, {"stalls": [{"stall": "A01", "findings": [WELL], "photos": [PHOTO]}]}, "payload.stalls[0].photos"),
    ("a market that is none", {"A01": WELL}, {"market": "M9"}, "payload"),
    ("a market that is no text", {"A01": WELL}, {"market": ["M1"]}, "payload"),
    ("a draw that was not made", {"A01": WELL}, {"draw": "2026-09"}, "payload"),
]  # fmt: skip


def test_a_round_that_does_not_fit_waits_for_a_person(market: str, manager: Caller, look: Look, work: Work):
    for what, stalls, more, path in BAD:
        (result,) = push(manager, look(more=more, **stalls))
        assert (result["outcome"], result["code"]) == ("review", "payload_invalid"), what
        assert path in [one["path"] for one in result["facts"]["fields"]], (what, result)
    with work() as session:
        assert session.query(MarketRound).count() == 0


def test_the_whole_market_a_photo_and_an_answer_are_kept_as_sent(
    market: str, manager: Caller, look: Look, office: Caller
):
    whole = {"stall": None, "findings": [DARK], "remarks": "大门口", "photos": [PHOTO]}
    sent = {**look(more={"stalls": [whole]}), "files": [FILE]}
    assert outcomes(push(manager, sent)) == [("accepted", None)]
    (told,) = office.get(f"{MARKETS}/M1/rounds").body["items"]
    assert (told["id"], told["draw"]) == (sent["id"], None)
    assert told["stalls"] == [{"stall": "", "findings": [DARK], "remarks": "大门口", "photos": [PHOTO], "offers": []}]


def test_what_counts_only_after_a_recheck_is_offered_at_the_second_look(
    market: str, manager: Caller, look: Look, office: Caller, clock: Clock
):
    assert outcomes(push(manager, look(A01=DARK), look(A02=WELL))) == [("accepted", None)] * 2
    clock.set(f"{clock.today() + timedelta(days=3)} 10:00")
    assert outcomes(push(manager, look(A01=DARK), look(A02=DARK))) == [("accepted", None)] * 2
    rounds = office.get(f"{MARKETS}/M1/rounds").body["items"]
    offered = [
        (stall["stall"], [one["transfer"] for one in stall["offers"]]) for one in rounds for stall in one["stalls"]
    ]
    assert sorted(offered) == [("A01", []), ("A01", ["RG05B.refuses"]), ("A02", []), ("A02", [])]


def test_nobody_checks_himself_and_the_first_check_of_a_stall_counts(
    market: str, manager: Caller, worker: Caller, look: Look, office: Caller, clock: Clock
):
    month = f"{clock.today():%Y-%m}"
    office.post(f"{MARKETS}/M1/draws", {"month": month, "size": 3})
    office.post(f"{MARKETS}/M1/draws/{month}/draw")
    (own,) = push(manager, look(draw=month, A01=WELL))
    assert (own["outcome"], own["facts"]["refused"]) == ("review", "market.not_found")
    assert outcomes(push(worker, look(A01=WELL))) == [("review", "payload_invalid")]  # a round is the manager's
    assert outcomes(push(manager, look(A01=WELL))) == [("accepted", None)]
    checked = [look(draw=month, A01=DARK), look(draw=month, A01=WELL), look(draw=month, A02=WELL)]
    results = push(worker, *checked)
    assert [one["outcome"] for one in results] == ["accepted", "review", "accepted"]
    assert results[1]["facts"]["refused"] == "market.checked"
    (told,) = office.get(f"{MARKETS}/rates?month={month}").body["items"]
    assert (told["checked"], told["without_round"], told["rate"]["text"]) == (2, 1, "1/1")
    assert [one["draw"] for one in manager.get(f"{MARKETS}/M1/rounds").body["items"]] == [None]
    assert len(office.get(f"{MARKETS}/M1/rounds").body["items"]) == 3


def test_a_check_is_held_against_what_the_manager_said_and_never_against_another_check(
    market: str, manager: Caller, worker: Caller, look: Look, office: Caller, clock: Clock
):
    push(manager, look(A01=WELL))
    for day in (clock.today(), clock.today() + timedelta(days=31)):
        clock.set(f"{day} 10:00")
        month = f"{day:%Y-%m}"
        office.post(f"{MARKETS}/M1/draws", {"month": month, "size": 3})
        office.post(f"{MARKETS}/M1/draws/{month}/draw")
        assert outcomes(push(worker, look(draw=month, A01=DARK, A02=WELL))) == [("accepted", None)]
        (told,) = office.get(f"{MARKETS}/rates?month={month}").body["items"]
        assert (told["checked"], told["without_round"], told["rate"]["text"]) == (2, 1, "1/1")


def test_a_round_after_the_check_does_not_mend_it(
    market: str, manager: Caller, worker: Caller, look: Look, office: Caller, clock: Clock
):
    """The worker was offline: his check arrives after a round in which the manager said what he had not said before."""
    good = {"offset_ms": 0, "offset_age_s": 60, "rtt_ms": 100}
    month, today = f"{clock.today():%Y-%m}", clock.today()
    office.post(f"{MARKETS}/M1/draws", {"month": month, "size": 3})
    office.post(f"{MARKETS}/M1/draws/{month}/draw")
    push(manager, look(A01=WELL))
    clock.set(f"{today} 15:00")
    check = {**look(draw=month, A01=DARK), "clock": good}
    clock.set(f"{today} 16:00")
    push(manager, look(A01=DARK))
    clock.set(f"{today} 17:00")
    assert outcomes(push(worker, check)) == [("accepted", None)]
    (told,) = office.get(f"{MARKETS}/rates?month={month}").body["items"]
    assert told["rate"]["text"] == "1/1"


def test_the_phone_learns_of_a_second_round_on_the_same_day(market: str, manager: Caller, look: Look, clock: Clock):
    later, today = str(clock.today() + timedelta(days=7)), str(clock.today())
    seen = []
    for stalls in ({"A01": WELL}, {"A02": WELL}):
        assert outcomes(push(manager, look(**stalls))) == [("accepted", None)]
        changes = [one for part in pull(manager)["scopes"] for one in part["changes"] if one["kind"] == "market"]
        seen.append([stall["due_on"] for stall in changes[0]["doc"]["stalls"]])
    assert seen == [[later, today, today], [later, later, today]]


def test_a_round_that_arrives_late_does_not_move_the_day_back_and_none_counts_after_the_duty(
    market: str, manager: Caller, look: Look, office: Caller, work: Work, clock: Clock, world: World
):
    first, today = clock.today(), clock.today() + timedelta(days=2)
    early = look(A01=WELL)
    clock.set(f"{today} 10:00")
    good = {"offset_ms": 0, "offset_age_s": 60, "rtt_ms": 100}
    assert outcomes(push(manager, look(A01=WELL))) == [("accepted", None)]
    assert outcomes(push(manager, {**early, "clock": good})) == [("accepted", None)]
    (stall, *_) = office.get(f"{MARKETS}/M1").body["stalls"]
    assert (stall["last_round_on"], stall["due_on"]) == (str(today), str(today + timedelta(days=7)))
    assert str(first) != stall["last_round_on"]
    with work() as session:
        end_duty(session, user_of(session, "market_manager"), world.grid_2, last_on=today, at=clock.now())
    clock.set(f"{today + timedelta(days=1)} 10:00")
    assert outcomes(push(manager, look(A01=DARK))) == [("superseded", "reassigned")]


def test_an_older_phones_record_without_a_market_is_kept_as_before(manager: Caller, item: Make, work: Work):
    assert outcomes(push(manager, item("checklist.submit", payload={"stalls": 42}))) == [("accepted", None)]
    with work() as session:
        assert session.query(MarketRound).count() == 0
