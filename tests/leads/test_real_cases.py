"""Real cases of two other offices, event by event through the lead loop: load, order and clocks, not a claim on anybody's regime.

What was played there is played here at the same time of the same weekday, some years later (whole weeks), all cases of a file
interleaved as they were, by whoever may do it here, with a tick every other week. An event is one act of ours, or several where the case
jumped over a level, or none where we have no word for it: that is counted, and says the last column. Which acts depends on where
the lead stands, see `PERMITS` and `INCIDENTS`.

permit_receipt_events.csv: 1,434 applications for environmental permits at a Dutch municipality, 8,577 events.

| their event                                      | our acts                                         | nothing where               |
|--------------------------------------------------|--------------------------------------------------|-----------------------------|
| confirmation of receipt, the first of each case  | submit; by the intake after desk, post or e-mail |                             |
| T02, T03, T04, T06, T10: check, adjust, decide   | accept, record_handling                          | it has left the community   |
| T05 print and send the confirmation              | serve_notice                                     | it has left the community   |
| T07–T09 advice of others; T11–T15, T17, T18, T20 | submit_up and push; sign_in, intervene, feedback | it has ended                |
| T16 reasons to hold; T19 report Y determined     | ask_hold; hold                                   | it has ended                |
| the column case_end, in 1,184 cases              | handled_locally; report_done and confirm_done    | it has ended                |

In 105 cases nothing stands in case_end, in 145 a time before their last event: there the lead stays open.

escalation_incidents_sample.csv: 600 incidents that moved between the 1st, 2nd and 3rd line of a company's help desk, 5,701 events.
The first line is the community, the second a department, the third the leading group.

| their event                        | our acts                                                  | nothing where                        |
|------------------------------------|-----------------------------------------------------------|--------------------------------------|
| the first of a case                | submit                                                    |                                      |
| queued or accepted at a higher line| accept, submit_up, push, escalate: for each level passed  | the work is done and being verified  |
| accepted at the same line          | accept, record_handling; sign_in, intervene, feedback     | the group: it decides, others work   |
| queued at the same line            |                                                           | everywhere: waiting is no act        |
| queued or accepted at a lower line | withdraw_push, send_back; instruct                        | a department at work keeps its case  |
| accepted: wait                     |                                                           | everywhere: our clocks run on        |
| completed: resolved, in call       | handled_locally; report_done, confirm_done; solved_above  | it is done                           |
| completed: closed                  | the same, then a worker's visit and pass                  | it is closed                         |
| work after that                    | fail; reopen                                              |                                      |

A test takes some of the cases, with every kind of event among them. `REAL_CASES=all` in the environment takes all of them.
"""

from __future__ import annotations

import csv
import os
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import pairwise
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from gridwatch.calendars.queries import current_calendar
from gridwatch.db.base import new_id
from gridwatch.domain.lead_words import Act
from gridwatch.domain.permits import SYSTEM, Actor, Grant, Role
from gridwatch.domain.worktime import CHINA
from gridwatch.jobs.service import run_all
from gridwatch.leads import queries
from gridwatch.leads import service as leads
from gridwatch.leads.beginning import LeadReport
from gridwatch.leads.models import Lead
from gridwatch.people.models import RoleGrant
from gridwatch.tasks import service as tasks
from gridwatch.tasks.models import Task
from tests.databases import ROOT
from tests.fixtures import Clock, Work, World
from tests.leads.desks import BASIS, PHOTO
from tests.leads.test_replay import same_as_its_events

CASES = ROOT.parent / "shared/data/cases"
WHOLE = os.environ.get("REAL_CASES") == "all"
WEEK = timedelta(weeks=1)
A_TICK = 2 * WEEK

# Where a lead stands (its state; with a department, that of the assignment; `asked` for a hold) → the acts that an event is there.
# `visit` is a worker who looks on site and finds it in order.
Acts = Mapping[str, str]
UP = {"reported": "accept submit_up push", "community": "submit_up push", "street": "push"}
_AT_WORK = {**UP, "pushed": "sign_in", "accepted": "intervene", "working": "feedback"}
_HANDLED = {"reported": "accept", "community": "record_handling"}
_DONE = {
    "reported": "accept handled_locally", "community": "handled_locally", "street": "close_without_push",
    "pushed": "intervene report_done confirm_done", "accepted": "intervene report_done confirm_done",
    "working": "report_done confirm_done",
}  # fmt: skip
PERMITS: dict[str, Acts] = {
    **dict.fromkeys(("T02", "T03", "T04", "T06", "T10"), _HANDLED),
    "T05": {"reported": "accept serve_notice", "community": "serve_notice"},
    **dict.fromkeys(
        ("T07-1", "T07-2", "T07-3", "T07-4", "T07-5", "T08", "T09-1", "T09-2", "T09-3", "T09-4",
         "T11", "T12", "T13", "T14", "T15", "T17", "T18", "T20"), _AT_WORK),
    "T16": {**_AT_WORK, "pushed": "ask_hold", "accepted": "ask_hold", "working": "ask_hold", "asked": ""},
    "T19": {**_AT_WORK, "asked": "hold"},
    "case_end": _DONE,
}  # fmt: skip

_DOWN = {
    "street": "send_back",
    "pushed": "withdraw_push send_back",
    "accepted": "withdraw_push send_back",
    "verifying": "fail",
    "closed": "reopen",
}
_TO_GROUP = {
    "reported": "accept submit_up escalate", "community": "submit_up escalate", "street": "escalate", "pushed": "escalate",
    "accepted": "escalate", "working": "escalate",
}  # fmt: skip
_SOLVED = {**_DONE, "escalated": "solved_above"}
INCIDENTS: dict[str, Acts] = {
    "queued 1": _DOWN,
    "accepted 1": {**_DOWN, **_HANDLED},
    "queued 2": {**UP, "escalated": "instruct", "verifying": "fail", "closed": "reopen submit_up push"},
    "accepted 2": {**_AT_WORK, "escalated": "instruct", "verifying": "fail", "closed": "reopen submit_up push"},
    "queued 3": _TO_GROUP,
    "accepted 3": _TO_GROUP,
    "waiting": {},
    "resolved": _SOLVED,
    "closed": {
        **{where: acts if where == "street" else f"{acts} visit pass" for where, acts in _SOLVED.items()},
        "verifying": "visit pass",
    },
}

WHO = {
    "accept": "community_dispatcher", "submit_up": "community_dispatcher", "fail": "community_dispatcher", "pass": "community_dispatcher",
    "record_handling": "community_handler", "serve_notice": "community_handler", "handled_locally": "community_handler",
    "push": "street_dispatcher", "send_back": "street_dispatcher", "withdraw_push": "street_dispatcher",
    "close_without_push": "street_dispatcher", "reopen": "street_dispatcher", "sign_in": "department_receiver",
    "intervene": "case_officer", "feedback": "case_officer", "report_done": "case_officer", "confirm_done": "department_leader",
    "ask_hold": "department_leader", "hold": "supervision_office", "escalate": "supervision_office",
    "instruct": "supervision_office", "solved_above": "supervision_office",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Happened:
    """One event of a case: at our time, what kind it is, and what else its row says."""

    at: datetime
    case: str
    kind: str
    channel: str = "Internet"


# -- the files --------------------------------------------------------------------------------------------------------


def permit_events(rows: list[dict[str, str]]) -> list[Happened]:
    """Events, and one more for the end of a case, where it is told and lies behind its last event."""
    found = [
        Happened(datetime.fromisoformat(row["time"]), row["case_id"], row["activity"].split()[0], row["case_channel"])
        for row in rows
    ]
    last = {one.case: one.at for one in sorted(found, key=lambda one: one.at)}
    ends = {row["case_id"]: datetime.fromisoformat(row["case_end"]) for row in rows if row["case_end"]}
    return found + [Happened(at, case, "case_end") for case, at in ends.items() if at > last[case]]


def incident_events(rows: list[dict[str, str]]) -> list[Happened]:
    """Events by status and line."""
    found = []
    for row in rows:
        line = {"2nd": 2, "3rd": 3}.get(row["team"].rpartition(" ")[2], 1)
        kind = {"Queued": f"queued {line}", "Accepted": f"accepted {line}", "Completed": "resolved"}[row["status"]]
        kind = (
            "waiting" if row["sub_status"].startswith("Wait") else "closed" if row["sub_status"] == "Closed" else kind
        )
        found.append(Happened(datetime.fromisoformat(row["time"]), row["case_id"], kind))
    return found


def some(events: list[Happened], *, each: int) -> list[Happened]:
    """All events of every so-manieth case, and of the first case with each kind of event; everything with REAL_CASES=all."""
    cases = list(dict.fromkeys(one.case for one in events))
    first_with = {one.kind: one.case for one in reversed(events)}
    chosen = set(cases if WHOLE else [*cases[::each], *first_with.values()])
    return [one for one in events if one.case in chosen]


def in_our_time(events: list[Happened], begin: datetime) -> list[Happened]:
    """By time (as they stand in the file where it is the same), moved by whole weeks to begin soon after `begin`."""
    first = min(one.at for one in events)
    weeks = -(-(begin - first) // WEEK)
    moved = [Happened((one.at + weeks * WEEK).astimezone(UTC), one.case, one.kind, one.channel) for one in events]
    return sorted(moved, key=lambda one: one.at)


# -- the replay -------------------------------------------------------------------------------------------------------


@dataclass
class Replay:
    """Plays events, each act a unit of work of its own."""

    work: Work
    clock: Clock
    world: World
    tick: Callable[[], None]
    lead_of: dict[str, str] = field(default_factory=dict)
    acts: dict[str, list[tuple[datetime, str]]] = field(default_factory=lambda: defaultdict(list))
    carried: Counter[str] = field(default_factory=Counter)
    without: Counter[tuple[str, str]] = field(default_factory=Counter)  # by event and where the lead stood
    people: dict[str, Actor] = field(default_factory=dict)

    def play(self, events: Iterable[Happened], table: Mapping[str, Acts]) -> None:
        """All of them in their order, and a tick every other week."""
        ticked = None
        for one in events:
            self.clock.set(one.at.astimezone(CHINA).replace(tzinfo=None).isoformat())
            if ticked is None or one.at - ticked >= A_TICK:
                self.tick()
                ticked = one.at
            if one.case not in self.lead_of:
                self._submit(one)
                self.carried[one.kind] += 1
                continue
            where = self._where(one.case, table[one.kind])
            acts = table[one.kind].get(where, "").split()
            for act in acts:
                (self._visit if act == "visit" else partial(self._take, act))(one)
            if acts:
                self.carried[one.kind] += 1
            else:
                self.without[one.kind, where] += 1

    def _where(self, case: str, acts: Acts) -> str:
        with self.work() as session:
            facts = queries.facts_of(session, session.get_one(Lead, self.lead_of[case]))
        if "asked" in acts and any(one.step == "T38" for one in facts.asks):
            return "asked"
        unit = facts.lead_unit if facts.state.value == "dispatched" else None
        return unit.state.value if unit else facts.state.value

    def _actor(self, session: Session, username: str) -> Actor:
        if username not in self.people:
            grants = session.scalars(select(RoleGrant).where(RoleGrant.user_id == self.world.people[username]))
            held = tuple(Grant(Role(one.role), one.area_path, one.department_code) for one in grants)
            grids = (self.world.grid,) if username == "grid_worker" else ()
            self.people[username] = Actor(self.world.people[username], username, held, grids)
        return self.people[username]

    def _submit(self, one: Happened) -> None:
        by_intake = one.channel in ("Desk", "Post", "e-mail")
        told = LeadReport(
            id=new_id(), category="XS03", title=one.case, description=f"案件 {one.case}", received_at=one.at, address_text="鸿福路88号",
            lon=113.745, lat=23.015, evidence=[PHOTO], source="complaint" if by_intake else "worker",
        )  # fmt: skip
        with self.work() as session:
            actor = self._actor(session, "intake_clerk" if by_intake else "grid_worker")
            leads.report(session, told, actor=actor, calendar=current_calendar(session))
        self.lead_of[one.case] = told.id
        self.acts[told.id].append((one.at, "submit"))

    def _take(self, act: str, one: Happened) -> None:
        lead_id = self.lead_of[one.case]
        with self.work() as session:
            actor = self._actor(session, WHO[act])
            lead = queries.lead_within(session, lead_id, actor, "lead.step", lock=True)
            leads.take_step(
                session, lead, Act(act), self._inputs(act, lead, one), actor=actor, now=one.at, calendar=current_calendar(session),
                expected_version=lead.rev,
            )  # fmt: skip
        self.acts[lead_id].append((one.at, act))

    def _visit(self, one: Happened) -> None:
        """The worker of the grid looks on site and finds it in order: that asks for the close."""
        lead_id = self.lead_of[one.case]
        with self.work() as session:
            actor, calendar = self._actor(session, "grid_worker"), current_calendar(session)
            task = session.scalars(
                select(Task).where(Task.lead_id == lead_id, Task.kind == "verify", Task.closed_at.is_(None))
            ).one()
            report = tasks.VisitReport(
                id=new_id(), task_id=task.id, base_rev=task.rev, device_id=None, performed_at=one.at, uncertainty_s=0, in_order=True,
                received_at=one.at, item_version=None, files=[{"sha256": PHOTO}],
                payload={"result": "done", "findings": [{"item": "VF01", "verdict": "passed"}]},
            )  # fmt: skip
            result = tasks.submit_visit(session, report, actor=actor, calendar=calendar)
            assert result.visit is not None, result
            leads.note_visit(session, result.visit, task, actor=actor, now=one.at, calendar=calendar)
        self.acts[lead_id].append((one.at, "report_passed"))

    def _inputs(self, act: str, lead: Lead, one: Happened) -> dict[str, Any]:
        today = one.at.astimezone(CHINA).date()
        push = {"lead_department": self.world.department, "legal_basis": BASIS, "summary": one.case}
        live = any(unit.state in ("pushed", "accepted", "working") for unit in lead.assignments)
        filled: dict[str, dict[str, Any]] = {
            "accept": {"handler": self.world.people["community_handler"]},
            "record_handling": {"measure": "guided", "narrative": one.kind},
            "serve_notice": {"number": one.case, "served": "served", "evidence": [PHOTO]},
            "handled_locally": {"measure": "guided", "outcome": "licensed", "narrative": one.kind, "evidence": [PHOTO]},
            "submit_up": {"exceeds_authority": True, "ground": "permit_authority", "reason": one.kind,
                          "proposed_department": self.world.department},
            "push": {**push, "ruling_no": "裁1"},
            "send_back": {"ground": "evidence", "reason": one.kind},
            "withdraw_push": {"reason": one.kind},
            "close_without_push": {"outcome": "no_violation", "reason": one.kind},
            "reopen": {"target": "community", "reason": one.kind, "handler": self.world.people["community_handler"]},
            "sign_in": {"officer": self.world.people["case_officer"]},
            "intervene": {"type": "on_site", "occurred_on": today.isoformat(), "people": "两名执法人员", "narrative": one.kind,
                          "evidence": [PHOTO]},
            "feedback": {"stage": "rectifying", "progress": f"进展 {one.kind}", "next_step": "继续办理"},
            "report_done": {"outcome": "licensed", "entity_after": "已办照", "evidence": [PHOTO]},
            "ask_hold": {"code": "testing", "from_on": today.isoformat(), "until_on": (today + 2 * WEEK).isoformat(), "document": one.case},
            "escalate": {"tried": one.kind, "question": "请决定"},
            "instruct": {"instruction": "continue", "text": one.kind} if live else {"instruction": "push", "text": one.kind, **push},
            "solved_above": {"reply": one.kind, "outcome": "solved_by_group"},
            "fail": {"failed_points": one.kind, "evidence": [PHOTO]},
        }  # fmt: skip
        return filled.get(act, {})


@pytest.fixture
def replay(app: Flask, work: Work, clock: Clock, world: World, official_calendar: None) -> Replay:
    def tick() -> None:
        with app.app_context():
            broken = {name: did for name, did in run_all(clock.now()).items() if "error" in did}
        assert not broken, broken

    return Replay(work, clock, world, tick)


def rows_of(name: str) -> list[dict[str, str]]:
    """The rows of a file; the test is skipped where the sample is not beside the repository."""
    file = CASES / name
    if not file.exists():
        pytest.skip(f"没有样本 / the sample of real cases is missing: {file}")
    with file.open(encoding="utf-8", newline="") as text:
        return list(csv.DictReader(text))


def is_whole_and_in_order(replay: Replay, events: list[Happened]) -> None:
    """Nothing is lost, nothing is twice, everything stands in its order; and every lead is sound and what its events say."""
    happened = Counter(one.kind for one in events)
    left_out = Counter(kind for kind, _ in replay.without.elements())
    assert replay.carried + left_out == happened
    assert set(replay.lead_of) == {one.case for one in events}
    with replay.work() as session:
        titles = {row.id: row.title for row in session.execute(select(Lead.id, Lead.title))}
        assert titles == {lead: case for case, lead in replay.lead_of.items()}
        for lead, acts in replay.acts.items():
            log = queries.events_of(session, lead)
            assert all(before.at <= after.at for before, after in pairwise(log)), lead
            by_people = [(event.at, event.act.removeprefix("lead.")) for event in log if event.actor_id != SYSTEM.id]
            assert by_people == acts, titles[lead]
    assert same_as_its_events(replay.work) == len(titles)
    print(f"{len(titles)} cases, {sum(happened.values())} events: {sum(map(len, replay.acts.values()))} acts;",  # noqa: T201
          f"nothing for {dict(replay.without.most_common())}")  # fmt: skip


def test_permits_of_a_municipality(replay: Replay) -> None:
    rows = rows_of("permit_receipt_events.csv")
    assert (len(rows), len({row["case_id"] for row in rows})) == (8_577, 1_434)
    events = in_our_time(some(permit_events(rows), each=200), datetime(2026, 3, 2, tzinfo=UTC))
    replay.play(events, PERMITS)
    is_whole_and_in_order(replay, events)


def test_incidents_that_climb_and_come_back(replay: Replay) -> None:
    rows = rows_of("escalation_incidents_sample.csv")
    assert (len(rows), len({row["case_id"] for row in rows})) == (5_701, 600)
    events = in_our_time(some(incident_events(rows), each=40), datetime(2026, 3, 2, tzinfo=UTC))
    replay.play(events, INCIDENTS)
    is_whole_and_in_order(replay, events)
