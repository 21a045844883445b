"""A lead from its recorded changes alone (I10): through JSON, with ids, and with what is no step of the table."""

from __future__ import annotations

import json
from datetime import date

import pytest

from gridwatch.domain import lead_replay
from gridwatch.domain.lead_facts import Change, EndDuty, OpenDuty
from gridwatch.domain.lead_invariants import broken_invariants
from gridwatch.domain.lead_words import Act
from gridwatch.domain.obligations import ObligationKind
from tests.domain import lead_road as lr
from tests.domain.lead_road import CD, DL, OTHER, PLACES, SD, SO, Road


@pytest.mark.parametrize("place", sorted(PLACES))
def test_a_change_is_the_same_after_json(road: Road, place: str) -> None:
    PLACES[place](road)
    for change, recorded in zip(road.changes, road.log, strict=True):
        read = lead_replay.from_json(json.loads(recorded))
        assert lead_replay.to_json(read) == lead_replay.to_json(change)
        assert lead_replay.apply_change(None if change.step == "T01" else road.facts, read)


def test_a_change_keeps_only_what_it_does(road: Road) -> None:
    lr.to_department(road)
    told = lead_replay.to_json(road.does(lr.DR["SCJG"], Act.SIGN_IN, officer="officer SCJG"))
    assert set(told) == {"step", "act", "unit", "at", "units", "tell", "departments"}


def test_the_event_may_say_more_than_the_change(road: Road) -> None:
    told = json.loads(road.log[0]) | {"event": "id", "inputs": {"category": "XS04"}, "from": None, "to": "reported"}
    assert lead_replay.replay([lead_replay.from_json(told)]) == road.facts


def test_new_duties_name_the_assignment_by_its_id_and_proposals_the_new_rows(road: Road) -> None:
    lr.to_assisted(road)
    pushed = next(change for change in road.changes if change.step == "T13")
    units = {new["department"]: new["id"] for new in pushed.new_units}
    assert {duty.unit for duty in pushed.opened} == set(units.values())
    assert len({duty.id for duty in pushed.opened}) == len(pushed.opened)
    lr.to_merged(road.report())
    change = road.on("2026-10-12").does(SD, Act.UNMERGE, reason="不是同一家")
    assert change.proposed == [duty.id for duty in change.opened]


def test_windows_and_a_new_calendar_are_changes_that_raise_no_version(road: Road) -> None:
    lr.to_working(road)
    version = road.facts.version
    road.on("2026-12-01").roll()
    old = road.duties(ObligationKind.FEEDBACK, "SCJG")[-1]
    moved = OpenDuty(
        old.kind,
        old.k,
        old.unit_id,
        old.anchor_on,
        old.days,
        date(2027, 1, 11),
        False,
        "calendar",
        supersedes=old.id,
        id="new",
    )
    change = Change(
        "", "dates_recomputed", opened=[moved], ended=[EndDuty(old.id, "superseded", "calendar", road.today)]
    )
    after = lead_replay.apply_change(road.facts, lead_replay.from_json(lead_replay.to_json(change)))
    assert (after.version, broken_invariants(after)) == (version, [])
    assert after.duties[-1].due_on == date(2027, 1, 11)


def test_the_version_is_the_recorded_one_where_there_is_one(road: Road) -> None:
    change = lead_replay.numbered(Change("T40", "correct", lead={"category": "XS03"}, version=7), lambda: "id")
    assert lead_replay.apply_change(road.facts, change).version == 7


def test_members_that_the_rules_do_not_look_at_are_left_to_their_keeper(road: Road) -> None:
    lr.to_closed(road)
    closed = next(change for change in road.changes if change.step == "T27" and not change.asked)
    assert closed.lead["closed_at"] == road.now
    assert not hasattr(road.facts, "closed_at")


def test_a_lead_begins_with_a_change() -> None:
    with pytest.raises(ValueError, match="begins"):
        lead_replay.replay([])


def test_an_excuse_and_an_ask_are_replayed(road: Road) -> None:
    lr.to_department(road)
    duty = road.duties(ObligationKind.INTERVENE, "SCJG")[0]
    road.on("2026-09-28").does(SO, Act.EXCUSE, obligation=duty.id, reason="台风停工", evidence=[lr.PHOTO])
    road.does(DL["SCJG"], Act.ASK_HOLD, code="court", from_on="2026-09-28", until_on="2026-10-30", document="法院通知")
    again = lead_replay.replay(lead_replay.from_json(json.loads(one)) for one in road.log)
    assert [one.id for one in again.duties if one.excused] == [duty.id]
    assert [(ask.step, ask.by, ask.inputs["code"]) for ask in again.asks] == [("T38", "leader SCJG", "court")]


def test_what_happens_to_another_lead_is_recorded_with_the_step(road: Road) -> None:
    change = road.does(CD, Act.MERGE, master=OTHER, reason="同一店铺")
    read = lead_replay.from_json(json.loads(road.log[-1]))
    assert read.elsewhere == change.elsewhere
