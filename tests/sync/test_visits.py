"""Visits pushed by phones: what answers a task, what comes too late for it, what a person has to look at (section 4)."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from gridwatch.people.service import assign_grid
from gridwatch.tasks.models import Task, Visit
from gridwatch.tasks.service import amend_items, close_task
from tests.fixtures import Caller, Clock, Work, World, user_of
from tests.phone import Phone
from tests.sync.conftest import ALL_WELL, Tasks, loses_the_grid
from tests.sync.talk import FILE, SOMEBODY, Make, outcome_document, outcomes, push


def of_task(work: Work, task_id: str) -> tuple[str, list[tuple[str, str]]]:
    """The state of a task, and (effect, timeliness) of its visits in order of arrival."""
    with work() as session:
        visits = session.query(Visit).filter_by(task_id=task_id).order_by(Visit.received_at, Visit.effect)
        return session.get_one(Task, task_id).state, [(one.effect, one.timeliness) for one in visits]


def test_a_visit_answers_its_task_and_says_so(worker: Caller, work: Work, tasks: Tasks, visit: Make):
    (task,) = tasks(1)
    sent = visit(task)
    (result,) = push(worker, sent)
    assert (result["outcome"], result["code"], result["rev"]) == ("accepted", None, 2)
    assert of_task(work, task) == ("done", [("accepted", "on_time")])
    assert outcome_document(worker, sent["id"])["became"] == {"kind": "visit", "id": sent["id"]}


def test_of_two_visits_the_first_changes_the_task_and_both_are_kept(
    worker: Caller, client: Caller, work: Work, tasks: Tasks, visit: Make, clock: Clock, world: World
):
    (task,) = tasks(1)
    with work() as session:
        assign_grid(session, user_of(session, "grid_worker_2"), world.grid, from_on=clock.today(), at=clock.now())
    assert outcomes(push(worker, visit(task))) == [("accepted", None)]
    (late,) = push(client.as_("grid_worker_2"), visit(task, device_no=1))
    assert (late["outcome"], late["code"]) == ("superseded", "task_closed")
    assert late["receipt"] is not None
    assert of_task(work, task) == ("done", [("accepted", "on_time"), ("superseded", "on_time")])


def test_why_a_visit_has_no_effect_in_the_order_of_precedence(
    worker: Caller, work: Work, tasks: Tasks, visit: Make, clock: Clock, world: World
):
    closed, withdrawn, open_ = tasks(3)
    push(worker, visit(closed))
    with work() as session:
        close_task(session, session.get_one(Task, withdrawn), "withdrawn", clock.now())
    assert outcomes(push(worker, visit(closed), visit(withdrawn))) == [
        ("superseded", "task_closed"),
        ("superseded", "task_withdrawn"),
    ]
    with work() as session:
        loses_the_grid(session, clock, world)
    assert (
        outcomes(push(worker, *(visit(one) for one in (closed, withdrawn, open_))))
        == [("superseded", "reassigned")] * 3
    )
    assert of_task(work, open_) == ("issued", [("superseded", "on_time")])


def test_what_a_person_has_to_look_at(worker: Caller, work: Work, tasks: Tasks, visit: Make, clock: Clock):
    task, amended = tasks(2)
    with work() as session:
        amend_items(session, session.get_one(Task, amended), ["RG01", "RG02", "RG03"], clock.now())
    sent = [
        visit(task, item_version="RG01@99"),
        visit(task, item_version="nonsense"),
        visit(task, payload={"result": "done", "findings": []}),
        visit(task, payload={"result": "burnt down"}),
        visit(SOMEBODY),
        visit(amended),
    ]
    results = push(worker, *sent)
    assert outcomes(results) == [("review", "unknown_item_version")] * 2 + [("review", "payload_invalid")] * 4
    assert [one["path"] for one in results[3]["facts"]["fields"]] == ["payload.result"]
    assert [one["path"] for one in results[4]["facts"]["fields"]] == ["task_id"]
    assert of_task(work, task) == ("issued", [])


def test_a_visit_to_a_duty_that_changed_meanwhile_is_stale_only_when_the_duty_itself_changed(
    worker: Caller, work: Work, tasks: Tasks, visit: Make, clock: Clock
):
    (task,) = tasks(1)
    with work() as session:
        amend_items(session, session.get_one(Task, task), ["RG01"], clock.now())
    only_rg01 = {"result": "done", "findings": [ALL_WELL["findings"][0]]}
    assert outcomes(push(worker, visit(task, payload=only_rg01, item_version="RG01@1"))) == [("review", "stale_base")]
    assert outcomes(push(worker, visit(task, payload=only_rg01, item_version="RG01@1", base_rev=2))) == [
        ("accepted", None)
    ]


def test_a_visit_by_a_clock_that_cannot_be_true_is_applied_and_only_its_timeliness_waits(
    worker: Caller, work: Work, tasks: Tasks, visit: Make
):
    (task,) = tasks(1)
    assert outcomes(push(worker, visit(task, captured_at="2031-01-01T00:00:00+08:00"))) == [
        ("accepted", "implausible_time")
    ]
    assert of_task(work, task) == ("done", [("accepted", "unclear")])


def test_what_was_done_in_time_and_arrives_late_is_late_sync(
    worker: Caller, work: Work, tasks: Tasks, visit: Make, clock: Clock
):
    in_time, too_late = tasks(2)  # both due on 30 September
    good = {"offset_ms": 0, "offset_age_s": 60, "rtt_ms": 100}
    sent = [
        visit(in_time, captured_at="2026-09-30T17:00:00+08:00", clock=good),
        visit(too_late, captured_at="2026-10-01T00:00:01+08:00", clock=good),
    ]
    clock.set("2026-10-08 09:00")
    assert outcomes(push(worker, *sent)) == [("accepted", None)] * 2
    assert of_task(work, in_time) == ("done", [("accepted", "late_sync")])
    assert of_task(work, too_late) == ("done", [("accepted", "late")])


def test_numbers_out_of_order_leave_the_timeliness_to_a_person(
    worker: Caller, work: Work, tasks: Tasks, visit: Make, item: Make, clock: Clock
):
    (task,) = tasks(1)
    good = {"offset_ms": 0, "offset_age_s": 60, "rtt_ms": 100}
    clock.set("2026-10-08 09:00")
    before = item(captured_at="2026-10-07T10:00:00+08:00", clock=good)
    set_back = visit(task, captured_at="2026-09-30T17:00:00+08:00", clock=good)  # a higher number, a week earlier
    push(worker, before, set_back)
    assert of_task(work, task) == ("done", [("accepted", "unclear")])


def test_a_visit_of_a_lost_grid_drains_as_evidence_before_the_grid_leaves_the_phone(
    phone: Phone, work: Work, tasks: Tasks, clock: Clock, world: World, scope: str
):
    (task,) = tasks(1)
    phone.sync()
    phone.goes_offline()
    done = phone.visits(phone.tasks()[0], ALL_WELL, files=[FILE])
    with work() as session:
        loses_the_grid(session, clock, world)
    phone.comes_back()
    phone.pull()
    assert phone.outcome_of(done) == ("superseded", "reassigned")
    assert scope not in phone.store["docs"]
    assert of_task(work, task) == ("issued", [("superseded", "on_time")])


def test_a_worker_takes_a_visit_back(worker: Caller, tasks: Tasks, visit: Make, item: Make):
    (task,) = tasks(1)
    sent = visit(task)
    back = item(
        "visit.withdraw",
        task_id=task,
        base_rev=2,
        payload={"visit_id": sent["id"], "reason": "走错了门"},
        depends_on=[sent["id"]],
    )
    wrong = item("visit.withdraw", task_id=task, base_rev=2, payload={"visit_id": SOMEBODY})
    assert outcomes(push(worker, back, sent, wrong)) == [
        ("accepted", None),
        ("accepted", None),
        ("review", "payload_invalid"),
    ]


def test_visits_in_crossing_order_never_end_in_an_error(
    worker: Caller, client: Caller, work: Work, tasks: Tasks, visit: Make, clock: Clock, world: World
):
    """Two workers of one grid, each with a visit to every task, sent in opposite order at once."""
    with work() as session:
        assign_grid(session, user_of(session, "grid_worker_2"), world.grid, from_on=clock.today(), at=clock.now())
    ids = tasks(12)
    callers = [worker, client.as_("grid_worker_2")]
    batches = [[visit(one) for one in ids], [visit(one) for one in reversed(ids)]]
    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(lambda told: push(told[0], *told[1]), zip(callers, batches, strict=True)))
    found = [one for results in answers for one in outcomes(results)]
    assert found.count(("accepted", None)) == 12 == found.count(("superseded", "task_closed"))
    assert all(of_task(work, one)[0] == "done" for one in ids)
