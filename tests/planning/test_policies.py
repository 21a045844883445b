"""Time limits as data: a new version counts for what begins from its day on; what runs keeps those that it began with."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from sqlalchemy import select

from gridwatch.calendars.queries import policies, policy_in_force
from gridwatch.calendars.service import add_policy
from gridwatch.domain.errors import Refusal
from gridwatch.domain.obligations import DEFAULT_POLICY, ObligationKind, policy_from, policy_limits
from gridwatch.leads.models import Obligation
from gridwatch.leads.verifying import broken_leads
from tests.fixtures import Caller, Clock, Work, World
from tests.leads.desks import Desk, duty
from tests.leads.test_steps import to_department

Seat = Callable[[str], Desk]


def add(work: Work, clock: Clock, on: str, **limits: Any) -> int:
    with work() as session:
        made = add_policy(
            session,
            date.fromisoformat(on),
            limits,
            source="南府〔2026〕40号",
            actor_id="system",
            today=clock.today(),
            at=clock.now(),
        )
        return made.version


def test_what_runs_keeps_its_limits_and_what_begins_has_the_new_ones(
    work: Work,
    clock: Clock,
    world: World,
    desk: Seat,
    reported: Callable[..., str],
    tick: Callable[[], Any],
    client: Caller,
) -> None:
    clock.set("2026-09-18 10:00")
    old = reported()
    to_department(desk, old, world)
    assert add(work, clock, "2026-09-21", intervene=3, feedback=10) == 2

    to_department(desk, before := reported(address_text="鸿福路90号"), world)  # still the 18th: version 1
    clock.set("2026-09-21 10:00")
    to_department(desk, new := reported(address_text="鸿福路92号"), world)
    receiver = desk("department_receiver")
    assert [duty(receiver.sees(lead), "intervene")["due_on"] for lead in (old, before, new)] == [
        "2026-09-24", "2026-09-24", "2026-09-24",  # five days from the 18th, three from the 21st
    ]  # fmt: skip
    assert [duty(receiver.sees(new), "feedback", k)["due_on"] for k in (1, 2)] == ["2026-10-12", "2026-10-26"]

    clock.set("2026-10-16 09:00")  # the second windows have begun: a third one is made on each grid, by its own limit
    tick()
    assert duty(receiver.sees(old), "feedback", 3)["due_on"] == "2026-11-26"
    assert duty(receiver.sees(new), "feedback", 3)["due_on"] == "2026-11-09"
    with work() as session:
        rows = session.execute(
            select(Obligation.lead_id, Obligation.policy_version).where(Obligation.kind == "feedback")
        ).all()
        assert {tuple(row) for row in rows} == {(old, 1), (before, 1), (new, 2)}
        assert list(broken_leads(session)) == []

    shown = client.as_("department_receiver").get("/api/v1/policies").body["items"]
    assert [(one["version"], one["effective_on"], one["in_force"]) for one in shown] == [
        (1, "2000-01-01", False), (2, "2026-09-21", True),
    ]  # fmt: skip
    assert (shown[1]["limits"]["intervene"], shown[1]["limits"]["triage_c"]) == (3, 1)


def test_a_strict_policy_takes_an_earlier_date_and_an_older_one_does_not(
    work: Work,
    clock: Clock,
    world: World,
    desk: Seat,
    reported: Callable[..., str],
    tick: Callable[[], Any],
    client: Caller,
) -> None:
    clock.set("2026-09-18 10:00")
    to_department(desk, relied_on := reported(), world)
    add(work, clock, "2026-09-21", calendar_change="strict")
    clock.set("2026-09-21 10:00")
    to_department(desk, strict := reported(address_text="鸿福路90号"), world)
    sunday = {"content": "date,kind,name\n2026-10-11,makeup,国庆节\n", "source": "国办发明电〔2026〕8号"}
    office = client.as_("administrator")
    moving = office.post("/api/v1/calendars/preview", sunday).body["items"]
    assert {one["subject"] for one in moving} == {strict}
    office.post("/api/v1/calendars", sunday)
    tick()
    due = {lead: duty(desk("department_receiver").sees(lead), "feedback", 1)["due_on"] for lead in (relied_on, strict)}
    assert due == {
        relied_on: "2026-10-15",
        strict: "2026-10-16",
    }  # each could be one work day earlier: 14 and 16 October


def test_versions_build_upon_what_is_in_force_on_their_day(work: Work, clock: Clock) -> None:
    add(work, clock, "2026-10-01", intervene=4)
    add(work, clock, "2026-11-01", feedback=10)
    add(work, clock, "2026-10-15", closes_at="17:30", calendar_change="strict")
    with work() as session:
        limits = {
            on: policy_limits(policy_in_force(session, date.fromisoformat(on)))
            for on in ("2026-09-30", "2026-10-20", "2026-11-02")
        }
        assert [policy.version for policy in policies(session)] == [1, 2, 3, 4]
    assert limits["2026-09-30"] == policy_limits(DEFAULT_POLICY)
    assert [limits["2026-10-20"][name] for name in ("intervene", "feedback", "closes_at", "calendar_change")] == [
        4, 15, "17:30", "strict",
    ]  # fmt: skip
    assert (limits["2026-11-02"]["intervene"], limits["2026-11-02"]["feedback"]) == (4, 10)


@pytest.mark.parametrize(
    ("on", "limits", "says"),
    [
        ("2026-10-01", {"intervention": 4}, "没有名为 intervention"),
        ("2026-10-01", {"intervene": 0}, "1 至 400"),
        ("2026-10-01", {"intervene": "five"}, "1 至 400"),
        ("2026-10-01", {"intervene": True}, "1 至 400"),
        ("2026-10-01", {"closes_at": "half past five"}, "17:30"),
        ("2026-10-01", {"calendar_change": "never"}, "extend_only"),
        ("2026-10-01", {"intervene": 5}, "与现行时限相同"),
        ("2026-09-17", {"intervene": 4}, "已过"),
    ],
)
def test_wrong_limits_are_refused_and_nothing_is_written(
    on: str, limits: dict[str, Any], says: str, work: Work, clock: Clock
) -> None:
    with pytest.raises(Refusal, match="policy.invalid") as refused:
        add(work, clock, on, **limits)
    assert says in refused.value.facts["reason"]
    with work() as session:
        assert policies(session) == [DEFAULT_POLICY]


def test_every_limit_can_be_named() -> None:
    told = {
        name: (value + 1 if isinstance(value, int) else value) for name, value in policy_limits(DEFAULT_POLICY).items()
    }
    changed = policy_from(2, date(2026, 10, 1), told)
    assert policy_limits(changed) == told
    assert set(told) >= {kind.value for kind in ObligationKind}


def test_a_report_is_triaged_by_the_limits_of_the_day_on_which_it_came(
    work: Work, clock: Clock, desk: Seat, reported: Callable[..., str]
) -> None:
    clock.set("2026-09-18 10:00")
    add(work, clock, "2026-09-21", triage_c=3)
    before = reported()
    clock.set("2026-09-21 10:00")
    since = reported(address_text="鸿福路90号")
    community = desk("community_dispatcher")
    assert [duty(community.sees(lead), "triage_c")["due_on"] for lead in (before, since)] == [
        "2026-09-20",  # a Sunday that is worked
        "2026-09-24",
    ]
