"""A lead is what its events say (invariant I10): on a long walk of many leads, at any moment of the past, and when rows are broken."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from random import Random
from typing import Any

import pytest
from click.testing import CliRunner
from flask import Flask
from sqlalchemy import select, text

from gridwatch.calendars.service import NoticeDay, import_days
from gridwatch.cli import COMMANDS
from gridwatch.config import Settings
from gridwatch.domain.lead_facts import LeadFacts
from gridwatch.domain.worktime import DayKind
from gridwatch.jobs.service import run_all
from gridwatch.leads import history, queries
from gridwatch.leads.commands import verify
from gridwatch.leads.models import Lead
from gridwatch.leads.verifying import broken_leads
from tests.fixtures import Clock, Work, World
from tests.leads.desks import PHOTO, Desk, duty
from tests.leads.roads import Road

Seat = Callable[[str], Desk]
PEOPLE = (
    "grid_worker", "community_dispatcher", "community_handler", "street_dispatcher", "supervision_office", "leading_group",
    "department_receiver", "case_officer", "department_leader", "department_receiver_2", "case_officer_2", "department_leader_2",
)  # fmt: skip
LEADS, ROUNDS = 4, 90
LONGER_NEW_YEAR = [NoticeDay(date(2027, 1, day), DayKind.HOLIDAY, "元旦", 2027) for day in (1, 4)]


@pytest.fixture
def road(desk: Seat, world: World, clock: Clock, reported: Callable[..., str]) -> Road:
    return Road(desk, world, clock, reported)


def ordered(facts: LeadFacts) -> LeadFacts:
    """With everything by id: rows have no other order."""
    parts = {name: tuple(sorted(getattr(facts, name), key=lambda one: one.id)) for name in ("units", "duties", "asks")}
    return replace(facts, **parts)


def same_as_its_events(work: Work) -> int:
    """Every lead in the database is what its events alone give; how many there are."""
    with work() as session:
        leads = session.scalars(select(Lead)).all()
        for lead in leads:
            again = history.facts_from_events(history.recorded(queries.events_of(session, lead.id)))
            assert ordered(queries.facts_of(session, lead)) == ordered(again)
        assert list(broken_leads(session)) == []
        return len(leads)


class Filled:
    """Fills in the steps that the view of a lead offers, from what the view says of their fields."""

    def __init__(self, world: World, clock: Clock, dice: Random, leads: list[str]) -> None:
        self.world, self.clock, self.dice, self.leads = world, clock, dice, leads

    def inputs(self, road: Road, lead: dict[str, Any], entry: dict[str, Any]) -> dict[str, Any]:
        filled = {
            one["name"]: self._value(road, lead, entry, one)
            for one in entry["fields"]
            if one["kind"] != "unit" and (one["required"] or one["confirmer"] or self.dice.random() < 0.4)
        }
        filled = {name: value for name, value in filled.items() if value not in ([], None)}
        return filled | ({"assignment": entry["assignment"]} if entry["assignment"] and filled else {})

    def _value(self, road: Road, lead: dict[str, Any], entry: dict[str, Any], one: dict[str, Any]) -> Any:
        departments = [self.world.department, self.world.department_2]
        people = {"handler": "community_handler", "officer": self.dice.choice(["case_officer", "case_officer_2"])}
        if one["name"] == "package":
            return road.package("street_dispatcher")
        if one["name"] == "entity_id":
            return None
        days = {"occurred_on": 0, "from_on": 0}.get(one["name"], self.dice.randint(1, 20))
        late = [duty["id"] for duty in lead["obligations"] if duty["late"]]
        return {
            "text": lambda: "情况说明",
            "code": lambda: self.dice.choice(list(one["choices"])),
            "codes": lambda: [self.dice.choice(list(one["choices"]))],
            "flag": lambda: self.dice.random() < 0.5,
            "department": lambda: self.dice.choice(departments),
            "departments": lambda: self.dice.sample(departments, self.dice.randint(0, 2)),
            "person": lambda: self.world.people[people[one["name"]]],
            "evidence": lambda: [PHOTO],
            "date": (self.clock.today() + timedelta(days=days)).isoformat,
            "lead": lambda: self.dice.choice(self.leads),
            "duty": lambda: self.dice.choice(late or [lead["obligations"][0]["id"]]),
            "results": lambda: [self._result(unit) for unit in lead["assignments"] if unit["state"] == "working"],
        }[one["kind"]]()

    def _result(self, unit: dict[str, Any]) -> dict[str, Any]:
        done = {"result": "done", "outcome": "permitted", "entity_after": "已办证", "evidence": [PHOTO]}
        progress = {"result": "progress", "stage": "rectifying", "progress": "整改", "next_step": "复查"}
        return {"department": unit["department"], **self.dice.choice([done, progress])}


def test_leads_walked_long_are_what_their_events_say(
    road: Road, world: World, clock: Clock, work: Work, app: Flask
) -> None:
    dice = Random(20260918)  # a walk that anybody can repeat
    fill = Filled(world, clock, dice, [road.reported() for _ in range(LEADS)])
    answers, taken = Counter[int](), Counter[str]()
    for turn in range(ROUNDS):
        road.lead = dice.choice(fill.leads)
        offered: list[tuple[str, dict[str, Any], dict[str, Any]]] = []
        for who in dice.sample(PEOPLE, 8):
            answer = road.seat(who).caller.get(f"/api/v1/leads/{road.lead}")
            if answer.status == 200:
                offered += [(who, answer.body, entry) for entry in answer.body["allowed"]]
        rare = {"T06r", "T40", "T40s", "T40o", "T42", "T02", "T06"}
        offered = [one for one in offered if one[2]["step"] not in rare or dice.random() < 0.15]
        if offered:
            who, lead, entry = dice.choice(offered)
            answer = road.seat(who).tries(road.lead, entry["act"], **fill.inputs(road, lead, entry))
            answers[answer.status] += 1
            taken[entry["step"]] += answer.status == 200
        if turn % 6 == 5:
            clock.advance(days=dice.choice([1, 3, 8]), hours=dice.randint(0, 3))
            with app.app_context():
                assert not [did for did in run_all(clock.now()).values() if "error" in did]
        if turn == ROUNDS // 2:
            with work() as session:
                import_days(session, LONGER_NEW_YEAR, source="2027", actor_id="system", at=clock.now())
    assert same_as_its_events(work) == LEADS
    print(f"rows taken on the walk: {len(taken)}, answers {dict(answers)}")  # noqa: T201
    assert set(answers) <= {200, 409, 422}
    assert len([step for step, times in taken.items() if times]) >= 15


def test_what_the_tick_and_a_new_calendar_do_is_in_the_events_and_raises_no_version(
    road: Road, clock: Clock, work: Work, app: Flask
) -> None:
    clock.set("2026-11-20 09:00")
    road.to_working()
    version = road.seen["version"]
    clock.set(
        "2026-12-14 09:00"
    )  # window 1 fell due on the 11th: window 3 is made, and lies in a year without a notice
    with app.app_context():
        run_all(clock.now())
    with work() as session:
        import_days(session, LONGER_NEW_YEAR, source="2027", actor_id="system", at=clock.now())
    with app.app_context():
        run_all(clock.now())
    timeline = road.seat("case_officer").caller.get(f"/api/v1/leads/{road.lead}/timeline").body["items"]
    assert [event["act"] for event in timeline][-2:] == ["windows_made", "dates_recomputed"]
    assert [(one["kind"], one["k"]) for one in timeline[-2]["opened"]] == [("feedback", 3)]
    assert {one["how"] for one in timeline[-1]["ended"]} == {"superseded"}
    assert road.seen["version"] == version
    assert same_as_its_events(work) == 1


# -- the past ----------------------------------------------------------------------------------------------------------


def test_a_lead_can_be_asked_for_as_it_was(road: Road, clock: Clock) -> None:
    clock.set("2026-09-16 10:00")
    road.to_reported()
    answers = {}
    for when, go in (
        ("2026-09-16 12:00", lambda: None),
        ("2026-09-18 15:00", lambda: road.does("community_dispatcher", "accept", handler=road.world.people["community_handler"])),
        ("2026-09-18 16:00", lambda: road.does("community_handler", "record_handling", measure="guided", narrative="指导办证")),
        ("2026-09-18 17:00", lambda: road.does("community_dispatcher", "submit_up", reason="超出权限",
                                               proposed_department=road.world.department)),
        ("2026-09-18 18:00", lambda: road.does("street_dispatcher", "push", **road.push)),
    ):  # fmt: skip
        clock.set(when)
        go()
        answers[when] = road.seen
    for when, then in answers.items():
        asked = clock_text(when)
        seen = road.seat("supervision_office").caller.get(f"/api/v1/leads/{road.lead}?as_of={asked}")
        assert seen.status == 200, seen.body
        for name in (
            "state",
            "version",
            "assignments",
            "obligations",
            "handler",
            "no",
            "title",
            "evidence",
            "reporter",
        ):
            assert seen.body[name] == then[name], (when, name)
        assert seen.body["allowed"] == []
    early = road.seat("supervision_office").caller.get(
        f"/api/v1/leads/{road.lead}?as_of={clock_text('2026-09-16 09:59')}"
    )
    assert (early.status, early.body["code"]) == (404, "lead.not_found")
    bad = road.seat("supervision_office").caller.get(f"/api/v1/leads/{road.lead}?as_of=yesterday")
    assert (bad.status, bad.body["code"]) == (422, "input.invalid")


def clock_text(local: str) -> str:
    """A China time as RFC 3339 in an address."""
    return local.replace(" ", "T") + ":00%2B08:00"


def test_the_past_tells_who_reported_only_to_those_who_may_know(road: Road, clock: Clock) -> None:
    road.to_department()
    path = f"/api/v1/leads/{road.lead}"
    for one in (f"{path}?as_of={clock_text('2026-09-18 10:00')}", f"{path}/timeline"):
        answer = road.seat("case_officer").caller.get(one)
        assert answer.status == 200
        assert road.world.people["grid_worker"] not in str(answer.body)


# -- gridwatch verify --leads --------------------------------------------------------------------------------------------


def told_by_verify(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> tuple[int, str]:
    monkeypatch.setenv("GRIDWATCH_ENV", "test")
    monkeypatch.setenv("GRIDWATCH_DATABASE_URL", settings.database_url)
    monkeypatch.setenv("GRIDWATCH_SECRET_KEY", settings.secret_key)
    result = CliRunner().invoke(verify, ["--leads"])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.output


def test_verify_is_the_verb_of_the_command_line() -> None:
    assert COMMANDS["verify"] == "gridwatch.leads.commands:verify"


def test_all_is_well(road: Road, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    road.to_verifying()
    code, output = told_by_verify(settings, monkeypatch)
    assert (code, "1 leads, all well" in output) == (0, True)


BREAKS = {
    "a state set by hand": ("UPDATE lead SET state = 'street', bounces = 3", ["I10: state", "I10: bounces", "R17"]),
    "a date edited": ("UPDATE obligation SET due_on = '2026-12-31' WHERE kind = 'intervene'", ["I10: duties"]),
    "a clock lost": ("DELETE FROM obligation_end WHERE obligation_id IN (SELECT id FROM obligation WHERE kind = 'triage_c')",
                     ["I10: duties", "R26"]),
    "an assignment moved": ("UPDATE assignment SET department_code = 'NC-YJGL'", ["I10: units"]),
    "a second lead department": ("UPDATE assignment SET role = 'assist'", ["I2", "I10: units"]),
    "a closed lead with clocks": ("UPDATE lead SET state = 'closed', outcome = 'permitted'", ["I3", "I10: state"]),
    "overdue stored": ("UPDATE obligation_end SET how = 'overdue'", ["I5", "I10: duties"]),
    "an event gone": ("DELETE FROM event WHERE act = 'lead.accept'", ["I6", "I10"]),
    "an actor swapped": ("UPDATE event SET actor_id = 'system' WHERE act = 'lead.push'", ["I7"]),
    "an excuse from nowhere": ("INSERT INTO excuse (obligation_id, excused_by, reason, at) SELECT id, 'somebody', '无', created_at "
                               "FROM obligation WHERE kind = 'intervene'", ["I8", "I10: duties"]),
    "the reporter in a document": ("UPDATE feed_row SET doc = (SELECT reporter_id FROM lead) WHERE kind = 'lead'", ["I9"]),
    "a title edited": ("UPDATE lead SET title = '别的店'", ["I10: title"]),
    "the first event gone": ("DELETE FROM event WHERE act = 'lead.submit'", ["I10: its events do not give a lead"]),
}  # fmt: skip


@pytest.mark.parametrize("broken", sorted(BREAKS))
def test_what_is_broken_on_purpose_is_named(
    broken: str, road: Road, work: Work, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    road.to_department()
    no = road.seen["no"]
    statement, expected = BREAKS[broken]
    with work() as session:
        session.connection().execute(text(statement))
    code, output = told_by_verify(settings, monkeypatch)
    assert code == 1, output
    for one in expected:
        assert f"{no} {one}" in output, output


def test_the_clock_of_a_step_is_as_the_view_says(road: Road) -> None:
    road.to_fast_lane()
    lane = duty(road.seen, "triage_s")
    assert (lane["due_at"], lane["verdict"]) == ("2026-09-18T03:00:00.000Z", "due_today")
