"""督促整改: a finding that goes further only when it is still so is seen again, and then offered as a lead."""

from __future__ import annotations

from datetime import date

import pytest
from sqlalchemy import select

from gridwatch.domain.permits import SYSTEM
from gridwatch.tasks.models import Task, Visit
from gridwatch.tasks.offers import offers_of
from gridwatch.tasks.rulings import withdraw_visit
from gridwatch.tasks.service import amend_items
from tests.tasks.conftest import GOOD, the_task

WITHOUT = {
    "result": "done",
    "findings": [*GOOD["findings"], {"item": "RG03", "permits": [{"type": "食品", "held": False, "applying": False}]}],
}


@pytest.fixture
def asked(work, doors, clock):
    """The first check asks for permits too."""
    with work() as session:
        amend_items(session, the_task(session, doors), ["RG01", "RG02", "RG03"], clock.now())


def follow_ups(work) -> list[tuple]:
    with work() as session:
        columns = (Task.items, Task.state, Task.close_code, Task.due_on)
        return session.execute(select(*columns).where(Task.kind == "follow_up").order_by(Task.id)).all()


def test_what_is_to_be_put_right_is_seen_again_and_then_offered(visit, work, doors, asked):
    first = visit(WITHOUT, at="2026-09-21 10:00", base_rev=9)
    assert (first.effect, first.task.state) == ("accepted", "done")
    assert follow_ups(work) == [(["RG03"], "issued", None, date(2026, 10, 8))]
    with work() as session:
        assert offers_of(session, session.get_one(Visit, first.visit.id)) == [], "once is no lead"
        task = session.scalars(select(Task.id).where(Task.kind == "follow_up")).one()
    again = {"result": "done", "findings": WITHOUT["findings"][2:]}
    second = visit(again, task=task, at="2026-10-08 10:00")
    assert (second.effect, second.task.state) == ("accepted", "done")
    with work() as session:
        (offer,) = offers_of(session, session.get_one(Visit, second.visit.id))
    assert (offer.name, offer.categories[0]) == ("RG03.no_permit", "XS04")
    assert len(follow_ups(work)) == 1, "a follow-up makes no other one"


def test_what_was_put_right_ends_there(visit, work, doors, asked):
    visit(WITHOUT, at="2026-09-21 10:00", base_rev=9)
    with work() as session:
        task = session.scalars(select(Task.id).where(Task.kind == "follow_up")).one()
    held = {"result": "done", "findings": [{"item": "RG03", "permits": [{"type": "食品", "held": True, "no": "JY1"}]}]}
    done = visit(held, task=task, at="2026-10-08 10:00")
    with work() as session:
        assert offers_of(session, session.get_one(Visit, done.visit.id)) == []


def test_an_ordinary_visit_orders_nothing(visit, work):
    visit(GOOD)
    assert follow_ups(work) == []


def test_a_visit_that_is_taken_back_takes_its_follow_up_along(visit, work, doors, asked, clock):
    done = visit(WITHOUT, at="2026-09-21 10:00", base_rev=9).visit
    with work() as session:
        withdraw_visit(session, session.get_one(Visit, done.id), "看错", actor=SYSTEM, at=clock.now())
    assert [row[1:3] for row in follow_ups(work)] == [("cancelled", "withdrawn")]


def test_closed_doors_end_a_follow_up_by_the_same_rule(visit, work, doors, asked):
    visit(WITHOUT, at="2026-09-21 10:00", base_rev=9)
    with work() as session:
        task = session.scalars(select(Task.id).where(Task.kind == "follow_up")).one()
    assert visit({"result": "closed_door"}, task=task, at="2026-09-28 09:00").task.state == "issued"
    assert visit({"result": "closed_door"}, task=task, at="2026-09-29 09:30").task.state == "issued"
    assert visit({"result": "closed_door"}, task=task, at="2026-09-29 15:00").task.state == "not_done"
