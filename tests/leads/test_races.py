"""Several desks at once: of k steps that name the same version exactly one wins, and the others are told so."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from threading import Barrier, Thread

import pytest
from sqlalchemy import func, select

from gridwatch.audit.models import Event
from tests.fixtures import Caller, Work, World
from tests.leads.desks import Desk


@pytest.mark.parametrize("desks", [2, 5])
def test_of_simultaneous_steps_exactly_one_wins(
    desks: int, client: Caller, reported: Callable[..., str], world: World, work: Work
) -> None:
    lead = reported()
    seats = [Desk(client.as_("community_dispatcher")) for _ in range(desks)]
    answers: Counter[tuple[int, str]] = Counter()
    together = Barrier(desks)

    def accept(desk: Desk) -> None:
        together.wait()
        answer = desk.tries(lead, "accept", version=1, handler=world.people["community_handler"])
        answers[answer.status, answer.body.get("code", "")] += 1

    threads = [Thread(target=accept, args=(seat,)) for seat in seats]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == {(200, ""): 1, (409, "lead.changed_meanwhile"): desks - 1}
    with work() as session:
        accepted = select(func.count()).where(Event.subject_id == lead, Event.act == "lead.accept")
        assert session.scalar(accepted) == 1
