"""A verification that passed, in time, by a phone without a network: the worker was in time, the community confirms when it does.

R31: the date of a step of two persons is that of its confirmation; R26: VERIFY is met by T27. §4c: a worker's task goes by the
trusted time of the visit. So the one is in time and the other late, and neither is corrected by the other.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
from sqlalchemy import select

from gridwatch.audit.queries import breaks
from gridwatch.leads.verifying import broken_leads
from gridwatch.tasks.models import Task
from tests.fixtures import Clock, Work, World
from tests.leads.desks import Desk, duty
from tests.leads.roads import Road
from tests.phone import Phone
from tests.stories.conftest import photo
from tests.stories.test_late_sync_of_a_recheck import corrections

PASSED = {"result": "done", "findings": [{"item": "VF01", "verdict": "passed"}]}
FAILED = {"result": "done", "findings": [{"item": "VF01", "verdict": "failed", "failed_points": "仍在营业"}]}


@pytest.fixture
def road(desk: Callable[[str], Desk], world: World, clock: Clock, reported: Callable[..., str]) -> Road:
    """Reported done on Friday 18 September 2026: to be verified by Tuesday the 22nd, Sunday the 20th being worked."""
    road = Road(desk, world, clock, reported)
    road.to_verifying()
    assert duty(road.seen, "verify")["due_on"] == "2026-09-22"
    return road


def visits_offline(
    phone: Callable[[str], Phone], clock: Clock, found: dict[str, object]
) -> tuple[Phone, dict[str, object]]:
    """The worker of the grid is there on the last day, without a network."""
    worker = phone("grid_worker")
    worker.sync()
    (check,) = [one for one in worker.tasks() if one["task_kind"] == "verify"]
    worker.goes_offline()
    clock.set("2026-09-22 16:00")
    return worker, worker.visits(check, found, files=[photo("现场")])


def verify_rows(road: Road) -> list[tuple[str, str]]:
    return [(one["verdict"], one["ended_on"]) for one in road.seen["obligations"] if one["kind"] == "verify"]


def timeliness(work: Work, lead: str) -> str | None:
    with work() as session:
        return session.scalars(select(Task.on_time).where(Task.lead_id == lead, Task.kind == "verify")).first()


def test_the_task_is_in_time_and_the_confirmation_has_its_own_day(
    road: Road, phone: Callable[[str], Phone], desk: Callable[[str], Desk], clock: Clock, work: Work
) -> None:
    worker, _ = visits_offline(phone, clock, PASSED)
    clock.set("2026-09-24 09:00")
    worker.comes_back()
    worker.sync()
    assert (road.seen["state"], verify_rows(road)) == ("verifying", [("overdue", None)])  # asked for, not confirmed
    clock.set("2026-09-24 15:00")
    road.does("community_dispatcher", "pass")
    assert verify_rows(road) == [("met_late", "2026-09-24")]
    assert timeliness(work, road.lead) == "late_sync"
    assert corrections(desk, road.lead) == []
    with work() as session:
        assert list(broken_leads(session)) == []
        assert list(breaks(session)) == []


def test_a_person_who_finds_the_visit_in_time_moves_no_confirmation(
    road: Road, phone: Callable[[str], Phone], desk: Callable[[str], Desk], clock: Clock, work: Work
) -> None:
    worker = phone("grid_worker")
    worker.sync()
    (check,) = [one for one in worker.tasks() if one["task_kind"] == "verify"]
    clock.set("2026-09-24 09:00")
    sent = worker.visits(check, PASSED, files=[photo("现场")], captured_at="2031-01-01T00:00:00+08:00")
    worker.sync()
    assert worker.outcome_of(sent) == ("accepted", "implausible_time")
    road.does("community_dispatcher", "pass")
    street = desk("street_dispatcher").caller
    (item,) = street.get("/api/v1/sync/review").body["items"]
    answer = street.post(
        f"/api/v1/sync/review/{item['no']}/timeliness",
        {"in_time": True, "reason": "看过出入记录", "expected_version": item["version"]},
    )
    assert answer.status == 200, answer.body
    assert timeliness(work, road.lead) in ("on_time", "late_sync")
    assert verify_rows(road) == [("met_late", "2026-09-24")]
    assert corrections(desk, road.lead) == []
    with work() as session:
        assert list(broken_leads(session)) == []


def test_a_verification_that_failed_is_the_workers_alone_and_counts_for_its_day(
    road: Road, phone: Callable[[str], Phone], desk: Callable[[str], Desk], clock: Clock, work: Work
) -> None:
    worker, visit = visits_offline(phone, clock, FAILED)
    clock.set("2026-09-24 09:00")
    worker.comes_back()
    worker.sync()
    assert (road.seen["state"], verify_rows(road)) == ("dispatched", [("met", "2026-09-22")])
    assert duty(road.seen, "rework")["due_on"] == "2026-10-09"  # from the day on which anybody here could know of it
    (said,) = corrections(desk, road.lead)
    assert (said["because"], said["visit"]) == ("late_sync", visit["id"])
    with work() as session:
        assert list(broken_leads(session)) == []
