"""A recheck done on its last day by a phone without a network, heard of after the holidays: in time, and everybody is told so."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from sqlalchemy import select

from gridwatch.audit.queries import breaks
from gridwatch.db.base import new_id
from gridwatch.leads.verifying import broken_leads
from gridwatch.notices.models import Notice
from gridwatch.people.models import GridDuty
from tests.fixtures import Clock, Work, World
from tests.leads.desks import PHOTO, Desk, duty
from tests.phone import Phone
from tests.stories.conftest import photo

Seat = Callable[[str], Desk]
Tick = Callable[[], dict[str, Any]]
RECTIFIED = {"result": "done", "findings": [{"item": "RC01", "rectified": "yes"}]}


@pytest.fixture
def noticed(desk: Seat, reported: Callable[..., str], world: World, clock: Clock) -> str:
    """A lead whose operator was served a notice on 16 September: to be rechecked by 30 September."""
    clock.set("2026-09-16 09:00")
    lead = reported()
    desk("community_dispatcher").does(lead, "accept", handler=world.people["community_handler"])
    seen = desk("grid_worker").does(lead, "serve_notice", number="告2026-17", served="served", evidence=[PHOTO])
    assert duty(seen, "recheck")["due_on"] == "2026-09-30"
    return lead


def corrections(desk: Seat, lead: str) -> list[dict[str, Any]]:
    items = desk("community_dispatcher").caller.get(f"/api/v1/leads/{lead}/timeline").body["items"]
    return [one for one in items if one["act"] == "timeliness_corrected"]


def told(work: Work, kind: str) -> list[tuple[str, str]]:
    with work() as session:
        rows = session.execute(
            select(Notice.recipient_id, Notice.text_zh).where(Notice.kind == kind, Notice.sent_at.is_not(None))
        )
        return [(row.recipient_id, row.text_zh) for row in rows]


def test_done_in_time_and_heard_of_late_is_met_and_the_reminder_is_taken_back_once(
    noticed: str, desk: Seat, phone: Callable[[str], Phone], world: World, clock: Clock, work: Work, tick: Tick
) -> None:
    worker = phone("grid_worker")
    (task,) = [one for one in worker.tasks() if one["task_kind"] == "recheck"]
    worker.goes_offline()
    clock.set("2026-09-30 16:00")
    visit = worker.visits(task, RECTIFIED, files=[photo("整改后")])

    clock.set("2026-10-08 08:40")
    tick()
    assert duty(desk("community_dispatcher").sees(noticed), "recheck")["verdict"] == "overdue"
    reminded = {person for person, text in told(work, "reminder") if "复检" in text and "逾期" in text}
    assert reminded  # it had gone out as late

    clock.set("2026-10-08 11:00")
    worker.comes_back()
    worker.sync()
    assert worker.outcome_of(visit) == ("accepted", None)
    seen = duty(desk("community_dispatcher").sees(noticed), "recheck")
    assert (seen["verdict"], seen["ended_on"]) == ("met", "2026-09-30")
    (said,) = corrections(desk, noticed)
    assert (said["because"], said["visit"]) == ("late_sync", visit["id"])
    assert [(one["due_on"], one["done_on"], one["arrived_on"]) for one in said["corrected"]] == [
        ("2026-09-30", "2026-09-30", "2026-10-08")
    ]
    page = desk("community_dispatcher").caller.get(f"/leads/{noticed}").response.text
    assert "更正：当时已按时完成" in page
    assert (
        "复检：9月30日 周三 完成，按期（9月30日 周三 到期）；10月8日 周四 送达。更正原因：走访按时，手机迟到同步"
        in page
    )
    tick()
    tick()
    taken_back = told(work, "corrected")
    assert {person for person, _ in taken_back} == reminded
    assert len(taken_back) == len(reminded)  # once each
    assert "已于2026-09-30完成，按期" in taken_back[0][1]
    with work() as session:
        assert list(broken_leads(session)) == []
        assert list(breaks(session)) == []


def test_a_colleagues_visit_that_was_in_time_and_comes_after_a_late_one_counts(
    noticed: str, desk: Seat, phone: Callable[[str], Phone], world: World, clock: Clock, work: Work
) -> None:
    first = phone("grid_worker")
    (task,) = [one for one in first.tasks() if one["task_kind"] == "recheck"]
    first.goes_offline()
    clock.set("2026-09-29 16:00")
    in_time = first.visits(task, RECTIFIED, files=[photo("整改后")])
    with work() as session:  # the grid is handed to a colleague, who finds the task open and too late
        until = session.scalars(select(GridDuty).where(GridDuty.user_id == world.people["grid_worker"])).one()
        until.to_on = date(2026, 9, 30)
        session.add(
            GridDuty(
                id=new_id(), user_id=world.people["grid_worker_2"], grid_code=world.grid, from_on=date(2026, 10, 1)
            )
        )
    clock.set("2026-10-08 09:00")
    second = phone("grid_worker_2")
    second.visits(task, RECTIFIED, files=[photo("整改后二")])
    second.sync()
    assert duty(desk("community_dispatcher").sees(noticed), "recheck")["verdict"] == "met_late"

    clock.set("2026-10-08 15:00")
    first.comes_back()
    first.sync()
    assert first.outcome_of(in_time)[0] == "superseded"
    seen = [one for one in desk("community_dispatcher").sees(noticed)["obligations"] if one["kind"] == "recheck"]
    assert [(one["verdict"], one["ended_on"]) for one in seen] == [("superseded", "2026-10-08"), ("met", "2026-09-29")]
    (said,) = corrections(desk, noticed)
    assert (said["because"], said["visit"]) == ("late_sync", in_time["id"])
    with work() as session:
        assert list(broken_leads(session)) == []


def test_a_visit_that_was_late_stays_late(
    noticed: str, desk: Seat, phone: Callable[[str], Phone], clock: Clock, work: Work
) -> None:
    worker = phone("grid_worker")
    (task,) = [one for one in worker.tasks() if one["task_kind"] == "recheck"]
    clock.set("2026-10-08 09:00")
    worker.visits(task, RECTIFIED, files=[photo("整改后")])
    worker.sync()
    seen = duty(desk("community_dispatcher").sees(noticed), "recheck")
    assert (seen["verdict"], seen["ended_on"]) == ("met_late", "2026-10-08")
    assert corrections(desk, noticed) == []


@pytest.mark.parametrize(("in_time", "verdict", "rows"), [(True, "met", 2), (False, "met_late", 1)])
def test_a_person_rules_on_a_visit_whose_time_nobody_could_trust(
    in_time: bool, verdict: str, rows: int, noticed: str, desk: Seat, phone: Callable[[str], Phone], world: World, clock: Clock,
    work: Work, tick: Tick,
) -> None:  # fmt: skip
    worker = phone("grid_worker")
    (task,) = [one for one in worker.tasks() if one["task_kind"] == "recheck"]
    clock.set("2026-10-08 09:00")
    sent = worker.visits(task, RECTIFIED, files=[photo("整改后")], captured_at="2031-01-01T00:00:00+08:00")
    worker.sync()
    assert worker.outcome_of(sent) == ("accepted", "implausible_time")
    assert duty(desk("community_dispatcher").sees(noticed), "recheck")["verdict"] == "met_late"

    clock.set("2026-10-09 10:00")
    street = desk("street_dispatcher").caller
    (item,) = street.get("/api/v1/sync/review").body["items"]
    answer = street.post(
        f"/api/v1/sync/review/{item['no']}/timeliness",
        {"in_time": in_time, "reason": "看过出入记录", "expected_version": item["version"]},
    )
    assert answer.status == 200, answer.body
    seen = desk("community_dispatcher").sees(noticed)
    assert duty(seen, "recheck")["verdict"] == verdict
    assert len([one for one in seen["obligations"] if one["kind"] == "recheck"]) == rows
    if in_time:
        # What was written stands as it was; the new row says better, and who ruled.
        assert [one["verdict"] for one in seen["obligations"] if one["kind"] == "recheck"] == ["superseded", "met"]
        (said,) = corrections(desk, noticed)
        assert (
            said["corrected"][0]["done_on"] == "2026-09-30"
        )  # no later than its day; the clock of the phone says nothing
        assert (said["because"], said["ruled_by"]) == ("ruled_in_time", world.people["street_dispatcher"])
    with work() as session:
        assert list(broken_leads(session)) == []
