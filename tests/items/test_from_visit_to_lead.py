"""移交条件: what a visit found becomes a lead of the right category with one tap, everything known filled in; never by itself."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select

from gridwatch.leads.models import Lead
from gridwatch.tasks.models import Task, Visit
from gridwatch.tasks.offers import offers_of
from tests.fixtures import Caller, Clock, Work
from tests.sync.talk import FILE, PHOTO, Make, events_of, outcomes, push
from tests.tasks.conftest import Doors

GONE = {
    "result": "done", "remarks": "隔壁店主说两个月前搬走",
    "findings": [{"item": "RG01", "occupancy": "vacant"}, {"item": "RG02", "status": "moved", "moved_to": "东城街道"}],
}  # fmt: skip
PLACE = {"lon": 113.745, "lat": 23.015, "accuracy_m": 8.0, "crs": "WGS84", "source": "gps"}


@pytest.fixture
def found(worker: Caller, visit: Make, doors: Doors) -> dict[str, Any]:
    """A visit of the worker to E1号店, which is gone."""
    sent = visit(doors.task, payload=GONE, place=PLACE)
    assert outcomes(push(worker, sent)) == [("accepted", None)]
    return sent


def lead_of(work: Work, sent: dict[str, Any]) -> Lead:
    with work() as session:
        lead = session.get_one(Lead, sent["id"])
        session.expunge(lead)
        return lead


def test_no_lead_is_made_by_itself(found: dict[str, Any], work: Work):
    with work() as session:
        assert session.scalars(select(Lead)).all() == []


def test_one_tap_makes_a_lead_with_everything_known(
    found: dict[str, Any], worker: Caller, report: Make, work: Work, doors: Doors
):
    tap = report(payload={"visit_id": found["id"], "transfer": "RG02.gone"}, files=[], scope=None)
    (result,) = push(worker, tap)
    assert (result["outcome"], result["code"]) == ("accepted", None), result
    lead = lead_of(work, tap)
    assert (lead.category, lead.title, lead.entity_id) == ("XS02", "已搬离或停业：E1号店", doors.entity)
    assert lead.description == "开业经营情况核查（经营状态：已搬离；搬往何处：东城街道）。隔壁店主说两个月前搬走"
    assert (lead.address_text, lead.evidence) == ("鸿福路E1号", [PHOTO])
    with work() as session:
        assert lead.grid_code == session.get_one(Visit, found["id"]).grid_code
    assert (round(lead.lon, 4), round(lead.lat, 4)) == (113.745, 23.015)


def test_visit_and_lead_may_come_in_one_batch(worker: Caller, visit: Make, report: Make, doors: Doors, work: Work):
    sent = visit(doors.task, payload=GONE, place=PLACE)
    tap = report(payload={"visit_id": sent["id"]}, files=[], depends_on=[sent["id"]])
    assert outcomes(push(worker, tap, sent)) == [("accepted", None)] * 2
    assert lead_of(work, tap).category == "XS01"  # the first condition that it meets: RG01.not_there


def test_what_the_worker_says_himself_wins_and_is_kept_beside_the_findings(
    found: dict[str, Any], worker: Caller, report: Make, work: Work
):
    said = {
        "visit_id": found["id"],
        "transfer": "RG01.not_there",
        "category": "XS02",
        "title": "人去楼空",
        "description": "门口贴着搬迁启事",
    }
    other = {**FILE, "sha256": "ab" * 32}
    tap = report(payload=said, files=[other])
    assert outcomes(push(worker, tap)) == [("accepted", None)]
    lead = lead_of(work, tap)
    assert (lead.category, lead.title, sorted(lead.evidence)) == ("XS02", "人去楼空", sorted([PHOTO, "ab" * 32]))
    assert lead.description.splitlines() == [
        "登记地址信息核查（现场情况：空置）。隔壁店主说两个月前搬走",
        "门口贴着搬迁启事",
    ]


REFUSED = [
    ("a condition that the visit does not meet", {"transfer": "RG02.beyond_scope"}, "payload.transfer"),
    ("a condition that never was", {"transfer": "RG99.x"}, "payload.transfer"),
    ("a condition that is no text", {"transfer": ["RG02.gone"]}, "payload.transfer"),
    ("a visit that never was", {"visit_id": "0192f0c4-0000-7000-8000-0000000000ff"}, "payload.visit_id"),
    ("a visit that is no id", {"visit_id": 7}, "payload.visit_id"),
    ("a title that is no text", {"title": ["x"]}, "payload.title"),
]


@pytest.mark.parametrize(("what", "members", "path"), REFUSED, ids=[row[0] for row in REFUSED])
def test_what_does_not_fit_waits_for_a_person(
    what: str, members: dict[str, Any], path: str, found: dict[str, Any], worker: Caller, report: Make, work: Work
):
    tap = report(payload={"visit_id": found["id"], **members}, files=[])
    (result,) = push(worker, tap)
    assert (result["outcome"], result["code"]) == ("review", "payload_invalid")
    assert [one["path"] for one in result["facts"]["fields"]] == [path]
    with work() as session:
        assert session.get(Lead, tap["id"]) is None


def test_a_visit_of_somebody_else_is_nobodys_to_report(found: dict[str, Any], client: Caller, report: Make):
    other = client.as_("grid_worker_2")
    (result,) = push(other, report(payload={"visit_id": found["id"]}, files=[], scope=None))
    assert result["facts"]["fields"][0]["path"] == "payload.visit_id"


def test_a_visit_that_was_taken_back_offers_nothing(
    found: dict[str, Any], worker: Caller, item: Make, report: Make, work: Work
):
    back = item(
        "visit.withdraw", task_id=found["task_id"], base_rev=2, payload={"visit_id": found["id"], "reason": "走错了门"}
    )
    tap = report(payload={"visit_id": found["id"]}, files=[])
    assert outcomes(push(worker, back, tap)) == [("accepted", None), ("review", "payload_invalid")]


def test_what_counts_only_after_a_recheck_is_offered_when_it_is_found_again(
    worker: Caller, visit: Make, work: Work, doors: Doors, clock: Clock
):
    """亮照经营: not on display at the first visit is a word at the door; at the next one it may become a lead."""
    dark = {"item": "RG05B", "displayed": False}
    well = [
        {"item": "RG01", "occupancy": "registered_entity", "match": "exact"},
        {"item": "RG02", "status": "operating"},
    ]
    sent = []
    for day in ("2026-09-18 10:00", "2026-09-21 10:00"):
        clock.set(day)
        worker.sign_in()
        with work() as session:
            task = session.get_one(Task, doors.task)
            task.state, task.closed_at = "issued", None
        sent.append(visit(doors.task, payload={"result": "done", "findings": [*well, dark]}, base_rev=9))
        assert outcomes(push(worker, sent[-1])) == [("accepted", None)]
    with work() as session:
        first, second = (session.get_one(Visit, one["id"]) for one in sent)
        assert offers_of(session, first) == []
        (offer,) = offers_of(session, second)
        assert (offer.name, offer.categories, offer.title) == ("RG05B.refuses", ("XS03",), "经复检仍拒不亮照：E1号店")


def test_what_a_visit_meets_is_on_record(found: dict[str, Any], work: Work, doors: Doors):
    told = dict(events_of(work, doors.task))["task.visited"]["transfers"]
    assert [(one["name"], one["categories"], one["fields"]) for one in told] == [
        ("RG01.not_there", ["XS01", "XS02"], ["occupancy"]), ("RG02.gone", ["XS02", "XS01"], ["status"]),
    ]  # fmt: skip
