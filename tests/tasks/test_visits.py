"""What a visit does to its task (sync-protocol §4, domain.md §4b): applied once, kept always, never refused."""

from __future__ import annotations

import json
from datetime import date

import pytest
from sqlalchemy import func, select

from gridwatch.audit.models import Event
from gridwatch.audit.queries import breaks
from gridwatch.db.feed import FeedRow
from gridwatch.domain.worktime import Due
from gridwatch.people.service import assign_grid
from gridwatch.tasks.models import Task, Visit
from gridwatch.tasks.service import amend_items, close_task, move_due, plan_task
from tests.fixtures import user_of
from tests.tasks.conftest import GOOD, local, the_task

CLOSED_DOOR = {"result": "closed_door"}


# --- applied ---------------------------------------------------------------------------------------------------------


def test_a_good_visit_closes_the_task_and_makes_no_lead(visit, work, doors, world):
    result = visit(GOOD, item_version="RG01@1+RG02@1", files=[{"sha256": "ab", "role": "door_plate"}])
    assert (result.effect, result.code, result.fields) == ("accepted", None, [])
    assert (result.task.state, result.task.close_code, result.task.on_time, result.task.rev) == (
        "done",
        "done",
        "on_time",
        2,
    )
    assert (result.visit.effect, result.visit.result, result.visit.timeliness) == ("accepted", "done", "on_time")
    assert (result.visit.findings, result.visit.files) == (GOOD, [{"sha256": "ab", "role": "door_plate"}])
    with work() as session:
        row = session.scalars(select(FeedRow).where(FeedRow.doc_id == doors.task)).one()
        assert (row.scope, row.op) == (f"grid:{world.grid}", "leave")  # a closed task leaves the phones
        said = json.loads(session.scalar(select(Event.data).where(Event.act == "task.visited")))
        assert (said["act"], said["transfers"], said["base_rev"]) == ("finish", [], 1)
        assert list(breaks(session)) == []


def test_a_refusal_is_a_finding(visit):
    result = visit({"result": "refused", "findings": [{"item": "RG01", "occupancy": "refused"}]})
    assert (result.effect, result.task.state, result.task.close_code) == ("accepted", "done", "refused")


def test_a_finding_that_may_become_a_lead_is_offered_on_record(visit, work):
    moved = [GOOD["findings"][0], {"item": "RG02", "status": "moved", "moved_to": "东城街道"}]
    visit({"result": "done", "findings": moved})
    with work() as session:
        (transfer,) = json.loads(session.scalar(select(Event.data).where(Event.act == "task.visited")))["transfers"]
    assert (transfer["item"], transfer["categories"]) == ("RG02", ["XS02", "XS01"])


def test_two_closed_doors_on_different_days_and_hours_end_a_first_check(visit, work, doors, world):
    first = visit(CLOSED_DOOR, at="2026-09-21 09:00")
    assert (first.effect, first.task.state, first.task.rev) == ("accepted", "issued", 2)
    with work() as session:
        document = json.loads(session.scalar(select(FeedRow.doc).where(FeedRow.doc_id == doors.task)))
        assert document["attempts"] == [{"on": "2026-09-21", "result": "closed_door"}]
    same_hour = visit(CLOSED_DOOR, at="2026-09-22 09:10")
    assert same_hour.task.state == "issued"
    second = visit(CLOSED_DOOR, at="2026-09-22 15:00")
    assert (second.effect, second.task.state, second.task.close_code) == ("accepted", "not_done", "closed_door")
    with work() as session:
        said = [
            json.loads(data)
            for data in session.scalars(select(Event.data).where(Event.act == "task.visited").order_by(Event.no))
        ]
    assert [(one["act"], one["candidates"]) for one in said] == [
        ("attempt", []),
        ("attempt", ["XS01"]),
        ("give_up", ["XS01"]),
    ]


@pytest.mark.parametrize("result", ["not_found", "unsafe", "weather"])
def test_what_kept_the_worker_away_leaves_the_task_open(visit, result: str):
    for at in ("2026-09-21 09:00", "2026-09-22 15:00"):
        answer = visit({"result": result}, at=at)
        assert (answer.effect, answer.task.state) == ("accepted", "issued")
    assert visit(GOOD, at="2026-09-23 10:00").task.state == "done"


# --- without effect --------------------------------------------------------------------------------------------------


def test_the_second_visit_to_a_task_is_kept_without_effect(visit, work, doors, client):
    visit(GOOD, at="2026-09-21 10:00")
    second = visit({**GOOD, "remarks": "也去过"}, at="2026-09-21 09:00", received="2026-09-22 09:00")
    assert (second.effect, second.code) == ("superseded", "task_closed")
    assert (second.visit.effect, second.task.rev) == ("superseded", 2)
    visits = client.as_("community_dispatcher").get(f"/api/v1/tasks/{doors.task}").body["visits"]
    assert [(one["effect"], one["remarks"]) for one in visits] == [("accepted", ""), ("superseded", "也去过")]


def test_work_for_a_lost_grid_is_kept_as_evidence(visit, work, doors):
    """Edge c: the task went to other hands while the phone was away; the old worker's visit is a fact all the same."""
    lost = visit(GOOD, grids=())
    assert (lost.effect, lost.code, lost.task.state) == ("superseded", "reassigned", "issued")
    with work() as session:
        assert session.get_one(Visit, lost.visit.id).findings == GOOD
        said = json.loads(session.scalar(select(Event.data).where(Event.act == "task.visited")))
        assert (said["effect"], said["code"]) == ("superseded", "reassigned")


def test_a_visit_for_a_task_of_another_grid_has_no_effect(visit):
    result = visit(GOOD, by="grid_worker_2")
    assert (result.effect, result.code, result.task.state) == ("superseded", "reassigned", "issued")


def test_a_task_that_names_its_worker_is_for_nobody_else(visit, work, doors):
    with work() as session:
        the_task(session, doors).assigned_to = user_of(session, "grid_worker_2").id
    assert visit(GOOD).code == "reassigned"


def test_a_task_that_was_withdrawn(visit, work, doors, clock):
    with work() as session:
        close_task(session, the_task(session, doors), "entity_moved", clock.now())
    assert (visit(GOOD).effect, visit(GOOD).code) == ("superseded", "task_withdrawn")


@pytest.mark.parametrize(
    ("state", "grids", "code"),
    [
        ("superseded", (), "reassigned"),  # the lost grid comes first
        ("done", (), "reassigned"),
        ("cancelled", None, "task_withdrawn"),
        ("superseded", None, "task_withdrawn"),
        ("done", None, "task_closed"),
        ("not_done", None, "task_closed"),
    ],
)
def test_the_order_of_precedence(visit, work, doors, state: str, grids: tuple | None, code: str):
    with work() as session:
        the_task(session, doors).state = state
    result = visit({"result": "nonsense"}, grids=grids)  # even what could not be applied is kept as evidence
    assert (result.effect, result.code, result.visit.result) == ("superseded", code, "")


def test_the_finder_does_not_verify_where_there_is_somebody_else(visit, work, world, doors, clock):
    with work() as session:
        finder = user_of(session, "grid_worker")
        task = plan_task(
            session, kind="verify", source_id="lead-1/1", items=["VF01"], entity=None, lead_id="lead-1",
            grid_code=world.grid, area_path=world.path(world.community), address_text="鸿福路1号", title="核查结案",
            reason="", start_on=clock.today(), due=Due(date(2026, 9, 23)), calendar_version=0, not_for=finder.id,
            at=clock.now(),
        ).id  # fmt: skip
    passed = {"result": "done", "findings": [{"item": "VF01", "verdict": "passed"}]}
    with work() as session:
        assign_grid(session, user_of(session, "grid_worker_2"), world.grid, from_on=date(2026, 9, 18), at=clock.now())
    assert visit(passed, task=task).code == "reassigned"
    other = visit(passed, task=task, by="grid_worker_2", grids=(world.grid, world.grid_2))
    assert (other.effect, other.task.state) == ("accepted", "done")


def test_alone_on_a_grid_the_finder_verifies(visit, work, world, doors, clock):
    with work() as session:
        the_task(session, doors).not_for = user_of(session, "grid_worker").id
    assert visit(GOOD).effect == "accepted"


# --- a person has to look --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("what", "payload", "more", "code", "paths"),
    [
        ("a finding is missing", {"result": "done", "findings": GOOD["findings"][:1]}, {}, "payload_invalid", ["findings"]),
        ("a payload that is a list", [1, 2], {}, "payload_invalid", [""]),
        ("a form that never was", GOOD, {"item_version": "RG01@7"}, "unknown_item_version", []),
        ("a task that never was", GOOD, {"task": "0192f0c4-0000-7000-8000-000000000000"}, "payload_invalid", ["task_id"]),
    ],
)  # fmt: skip
def test_what_cannot_be_applied_waits_for_a_person(visit, work, doors, what, payload, more, code, paths):
    result = visit(payload, **more)
    assert (result.effect, result.code, result.visit) == ("review", code, None), what
    assert [one["path"] for one in result.fields] == paths
    with work() as session:
        assert session.scalar(select(func.count()).select_from(Visit)) == 0
        assert the_task(session, doors).rev == 1


def test_what_changed_at_the_door_makes_a_visit_stale(visit, work, doors, clock):
    with work() as session:
        amend_items(session, the_task(session, doors), ["RG01", "RG02", "RG03"], clock.now())
    everything = {
        "result": "done",
        "findings": [*GOOD["findings"], {"item": "RG03", "permits": [{"type": "食品", "held": True, "no": "1"}]}],
    }
    assert (visit(everything, base_rev=1).effect, visit(everything, base_rev=1).code) == ("review", "stale_base")
    assert visit(everything, base_rev=2).effect == "accepted"


def test_a_change_that_is_not_at_the_door_makes_nothing_stale(visit, work, doors, clock):
    with work() as session:
        move_due(session, the_task(session, doors), Due(date(2026, 10, 9)), 1, clock.now(), "calendar")
    assert visit(GOOD, base_rev=1).effect == "accepted"


def test_a_rev_of_a_later_database_is_no_reason_to_wait(visit):
    assert visit(GOOD, base_rev=99).effect == "accepted"


# --- time ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("what", "at", "received", "more", "verdict"),
    [
        ("in time", "2026-10-07 10:00", "2026-10-07 18:00", {}, "on_time"),
        ("done in time, arrived after the task was overdue (edge d)", "2026-10-07 23:30", "2026-10-12 08:00", {}, "late_sync"),
        ("done late: an overdue task stays doable", "2026-10-09 10:00", "2026-10-09 10:05", {}, "late"),
        ("a clock that cannot be trusted", "2026-10-07 10:00", "2026-10-12 08:00", {"uncertainty_s": 7200}, "unclear"),
        ("numbers out of order", "2026-10-07 10:00", "2026-10-12 08:00", {"in_order": False}, "unclear"),
        ("no time at all", None, "2026-09-21 08:00", {}, "unclear"),
        ("a phone in 1970", "1970-01-01 08:00", "2026-09-21 08:00", {}, "unclear"),
    ],
)  # fmt: skip
def test_no_visit_is_unapplied_for_its_clock(visit, what, at, received, more, verdict):
    result = visit(GOOD, at=at, received=received, **more)
    assert (result.effect, result.task.state, result.task.on_time) == ("accepted", "done", verdict), what


def test_a_closed_door_in_1970_counts_on_the_day_it_arrived(visit):
    visit(CLOSED_DOOR, at="1970-01-01 08:00", received="2026-09-21 09:00")
    assert visit(CLOSED_DOOR, at="2026-09-22 15:00").task.state == "not_done"


def test_the_same_visit_twice_is_one(visit, work):
    again = {"id": "0192f0c4-0000-7000-8000-000000000001"}
    first = visit(GOOD, **again)
    second = visit(GOOD, **again)
    assert (second.effect, second.visit.id, second.task.rev) == ("accepted", first.visit.id, first.task.rev)
    with work() as session:
        assert session.scalar(select(func.count()).select_from(Visit)) == 1


# --- planned once ----------------------------------------------------------------------------------------------------


def test_the_same_cause_makes_one_task(work, world, clock):
    def plan(session) -> Task:
        return plan_task(
            session, kind="recheck", source_id="lead-9/1", items=["RC01"], entity=None, lead_id="lead-9", grid_code=None,
            area_path=world.path(world.street), address_text="某处", title="复检", reason="告知书", start_on=clock.today(),
            due=Due(date(2026, 9, 30), provisional=True), calendar_version=0, at=clock.now(),
        )  # fmt: skip

    with work() as session:
        assert plan(session).id == plan(session).id
    with work() as session:
        task = plan(session)
        assert (task.state, task.provisional, task.rev) == ("planned", True, 1)
        assert session.scalar(select(func.count()).where(Event.act == "task.planned")) == 1


def test_a_task_is_closed_once_and_stays_so(work, doors, clock):
    with work() as session:
        close_task(session, the_task(session, doors), "lead_closed", clock.now())
    with work() as session:
        task = close_task(session, the_task(session, doors), "entity_gone", local("2026-10-01 10:00"))
        assert (task.state, task.close_code, task.closed_at) == ("cancelled", "lead_closed", clock.now())
