"""What a step, a reading and the inbox cost in statements, so that it does not creep back.

A statement is a round trip and its planning; a step is little else. The lead is one of a town, but the number of statements does
not depend on how many there are. Who asks is read by the quick lane and not counted here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import event

from gridwatch.db.base import db
from gridwatch.domain.permits import Actor, Grant, Role
from gridwatch.items.queries import catalogue
from gridwatch.leads import desk as desk_lists
from tests.fixtures import Clock, Work, World
from tests.leads.desks import PHOTO, Desk
from tests.leads.roads import Road

Inputs = Callable[[Road], dict[str, Any]]
Counting = Callable[[], AbstractContextManager[list[str]]]
CD, CH, SD, SO = "community_dispatcher", "community_handler", "street_dispatcher", "supervision_office"
DR, DO, DL = "department_receiver", "case_officer", "department_leader"


@pytest.fixture
def road(desk: Callable[[str], Desk], world: World, clock: Clock, reported: Callable[..., str]) -> Road:
    return Road(desk, world, clock, reported)


@pytest.fixture
def counting(app: Flask) -> Counting:
    """`with counting() as sent:` gathers the statements of the application's sessions.

    What a process reads once and keeps, as it keeps the texts of item versions, has been read before.
    """
    with app.app_context():
        engine = db.engine
        catalogue(db.session())

    @contextmanager
    def noting() -> Iterator[list[str]]:
        sent: list[str] = []

        def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
            if not statement.startswith("BEGIN"):
                sent.append(" ".join(statement.split()))

        event.listen(engine, "before_cursor_execute", note)
        try:
            yield sent
        finally:
            event.remove(engine, "before_cursor_execute", note)

    return noting


def fill(**inputs: Any) -> Inputs:
    return lambda road: inputs


@pytest.mark.parametrize(
    ("place", "who", "act", "inputs", "most"),
    [
        ("reported", CD, "accept", lambda road: {"handler": road.world.people["community_handler"]}, 20),
        ("reported", CD, "return_to_reporter", fill(lacks=["no_photo"], text="补照片"), 20),
        ("community", CH, "record_handling", fill(measure="guided", narrative="上门告知须办证"), 13),
        ("community", CH, "serve_notice", fill(number="告1", served="served", evidence=[PHOTO]), 22),
        ("street", SD, "push", lambda road: road.push, 27),
        ("street", SD, "send_back", fill(ground="evidence", reason="补充证据"), 20),
        ("department", DR, "sign_in", lambda road: {"officer": road.world.people["case_officer"]}, 17),
        ("department", DO, "intervene", lambda road: road.intervention, 20),
        ("department", DL, "request_return", lambda road: road.give_back, 20),
        ("pending", SD, "approve_return", fill(decision="同意"), 26),
        ("working", DO, "feedback", fill(stage="rectifying", progress="正在办理", next_step="复查"), 18),
        ("done", DL, "confirm_done", fill(), 30),
    ],
)  # fmt: skip
def test_a_step_sends_no_more_statements_than(
    place: str, who: str, act: str, inputs: Inputs, most: int, road: Road, counting: Counting
) -> None:
    getattr(road, f"to_{place}")()
    entered = inputs(road)
    person, version = road.seat(who), road.seen["version"]
    with counting() as sent:
        answer = person.tries(road.lead, act, version=version, **entered)
    assert answer.status == 200, answer.body
    assert len(sent) <= most, "\n".join(sent)
    assert len(sent) > most - 3, "fewer now: let the table say so"


def test_a_lead_is_read_in_nine(road: Road, counting: Counting) -> None:
    road.to_working()
    person = road.seat(SD)
    with counting() as sent:
        assert person.caller.get(f"/api/v1/leads/{road.lead}").status == 200
    assert len(sent) <= 9, "\n".join(sent)


def test_an_inbox_with_its_counts_is_one_statement_however_many_desks(
    road: Road, work: Work, clock: Clock, world: World, counting: Counting
) -> None:
    """Two leads wait for somebody who has the desks of the community and of the street: one list, counted whole."""
    road.to_reported()
    road.to_street()
    path = world.path(world.community), world.path(world.street)
    grants = (Grant(Role.COMMUNITY_DISPATCHER, path[0]), Grant(Role.STREET_DISPATCHER, path[1]))
    with work() as session, counting() as sent:
        inbox = desk_lists.inbox(session, Actor("x", "x", grants), clock.today(), limit=1)
    assert (len(sent), len(inbox.rows), inbox.counts["all"]) == (1, 1, 2)
    with work() as session:
        rest = desk_lists.inbox(
            session, Actor("x", "x", grants), clock.today(), cursor=inbox.next_cursor, limit=1, clock="later"
        )
        nobody = desk_lists.inbox(session, Actor("x", "x", ()), clock.today(), limit=1)
    assert (len(rest.rows), rest.counts["all"], rest.next_cursor) == (1, 2, None)
    assert (nobody.rows, nobody.counts["all"], nobody.next_cursor) == ([], 0, None)
    assert {row.id for row in inbox.rows} | {row.id for row in rest.rows} >= {road.lead}
