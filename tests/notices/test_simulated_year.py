"""Promise P7 over fourteen months: no notice missed, none double, with three tickers, kills, outages and a clock that steps back.

November 2025 to December 2026. The notice of 2026 arrives on 4 November 2025, that of 2027 on 27 November 2026; until then the
days of those years are provisional. The notice of 2026 is the published one, that of 2027 is made up for this test. Leads are
reported and worked on by a seeded script of legal steps. What must have been written, and what of it must have left, is worked
out by a second reading of the rules at the end of this file: day by day, from ruling R8, without a word of the product's own
ladder. The full form has 2,000 leads: `GRIDWATCH_YEAR_LEADS=2000 pytest tests/notices/test_simulated_year.py`.
"""

from __future__ import annotations

import csv
import os
import random
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from gridwatch.calendars.queries import current_calendar
from gridwatch.calendars.service import NoticeDay, import_days
from gridwatch.db.base import new_id
from gridwatch.db.session import transaction
from gridwatch.domain.lead_words import Act
from gridwatch.domain.permits import SYSTEM, Actor, Grant, Role
from gridwatch.domain.worktime import CHINA, DayKind
from gridwatch.jobs.service import run_all
from gridwatch.jobs.table import JOBS
from gridwatch.leads import digest, recompute, reminders
from gridwatch.leads import service as leads
from gridwatch.leads.beginning import LeadReport, moment
from gridwatch.leads.models import Assignment, Lead, Obligation
from gridwatch.notices import service as notices
from gridwatch.notices.models import Notice
from tests.fixtures import Clock, Work, World
from tests.leads.desks import BASIS, PHOTO
from tests.notices.conftest import KINDS, PUBLISHED

LEADS = int(os.environ.get("GRIDWATCH_YEAR_LEADS", "100"))
FIRST, LAST = date(2025, 11, 1), date(2026, 12, 31)
ARRIVES = {2026: date(2025, 11, 4), 2027: date(2026, 11, 27)}
MADE_UP_2027 = {  # no notice for 2027 is published yet: New Year to 4 January, made up on the 9th, and a Spring Festival
    **{f"2027-01-{day:02}": "holiday" for day in (1, 2, 3, 4)}, "2027-01-09": "makeup",
    **{f"2027-02-{day:02}": "holiday" for day in range(5, 13)}, "2027-02-14": "makeup",
}  # fmt: skip
TICKING = [job for job in JOBS if job.name in ("dates", "reminders", "digests", "delivery")]
ONE_DAY = timedelta(days=1)


class Killed(Exception):
    """The process is gone."""


@pytest.mark.slow
def test_a_year_with_three_tickers_kills_and_outages_misses_no_notice_and_doubles_none(
    app: Flask, work: Work, clock: Clock, world: World
):
    year = Year(app, work, clock, world)
    year.run()

    expected, seen = year.oracle(), year.seen()
    written = [(one.about, one.stage, one.recipient_id) for one in seen]
    assert len(written) == len(set(written)) > 20 * LEADS
    assert set(written) ^ set(expected) == set()
    left = {(one.about, one.stage, one.recipient_id): one.sent_at for one in seen if one.sent_at is not None}
    assert {key: when for key, when in expected.items() if when is not None} == left
    assert year.outages >= 5
    assert year.kills >= 10
    assert sum(one.stage == "MOVED" for one in seen) > 0
    assert set(year.acts) >= {
        "accept",
        "submit_up",
        "push",
        "intervene",
        "feedback",
        "confirm_done",
        "approve_return",
        "fail",
    }
    year.check_mornings()
    print(f"{LEADS} leads, {sum(year.acts.values())} steps, {len(year.ticks)} ticks, {year.kills} kills, {year.outages} outages:",  # noqa: T201
          f"{len(written)} notices expected and written, {len(left)} have left, 0 missed, 0 double")  # fmt: skip


# -- the year -----------------------------------------------------------------------------------------------------------


@dataclass
class Year:
    """The town over fourteen months, and what is remembered of it: when it ticked, and who was named an officer when."""

    app: Flask
    work: Work
    clock: Clock
    world: World
    dice: random.Random = field(default_factory=lambda: random.Random(20251104))
    ticks: list[datetime] = field(default_factory=list)
    set_back: list[datetime] = field(default_factory=list)  # ticks at a time that was over already
    officers: dict[str, datetime] = field(default_factory=dict)  # assignment → when its officer was named
    failed: Counter[str] = field(default_factory=Counter)  # lead → how often its verification failed
    acts: Counter[str] = field(default_factory=Counter)
    outages: int = 0
    kills: int = 0

    def run(self) -> None:
        """From the first day to the last."""
        self.learn(2025)
        days = (LAST - FIRST).days
        starts = sorted(self.dice.randrange(days - 20) for _ in range(LEADS))
        away_until = FIRST
        for number in range(days + 1):
            on = FIRST + number * ONE_DAY
            for year, arrives in ARRIVES.items():
                if on == arrives:
                    self.at(on, 8)
                    self.learn(year)
            if on >= away_until and self.dice.random() < 0.03:
                self.outages += 1
                away_until = on + self.dice.choice([1, 3, 3, 9, 31]) * ONE_DAY
            # On a rest day a tick has nothing to do but to keep quiet: a few of them will do.
            ticking = on == LAST or (on >= away_until and (works(on) or self.dice.random() < 0.2))
            if ticking:
                self.tick(on, self.dice.choice([0, 8, 8, 9]), 35)
            self.at(on, 10)
            self.report(starts.count(number))
            self.everybody_works()
            if ticking and self.dice.random() < 0.2:
                self.tick(on, self.dice.choice([11, 16, 17, 20]), 40)
                if self.dice.random() < 0.03:  # a clock that is set back for a tick has seen it all
                    self.together((on - self.dice.randint(1, 5) * ONE_DAY, 9, 0))
                    self.set_back.append(self.clock.now())

    def at(self, on: date, hour: int, minute: int = 0) -> None:
        self.clock.set(f"{on} {hour:02}:{minute:02}")

    def learn(self, year: int) -> None:
        """A notice arrives and is loaded."""
        days = [
            NoticeDay(on, DayKind(kind), "节", year)
            for on, kind in DAYS.items()
            if on.year == year and kind != "weekend"
        ]
        with self.work() as session:
            import_days(session, days, source=f"{year}", actor_id=SYSTEM.id, at=self.clock.now())

    def tick(self, on: date, hour: int, minute: int) -> None:
        """A ticker may die first; then one comes, or three at once."""
        self.at(on, hour, minute)
        if self.dice.random() < 0.08:
            self.kill()
        self.together((on, hour, minute))
        self.ticks.append(self.clock.now())

    def together(self, when: tuple[date, int, int]) -> None:
        """Three tickers at one instant, or one."""
        self.at(*when)

        def tick(_: int) -> None:
            with self.app.app_context():
                did = run_all(self.clock.now(), TICKING)
            assert not any("error" in one for one in did.values()), did

        how_many = self.dice.choice([1, 1, 3])
        with ThreadPoolExecutor(how_many) as tickers:
            list(tickers.map(tick, range(how_many)))

    def kill(self) -> None:
        """A ticker dies after one of its jobs has written and before it commits."""
        now = self.clock.now()
        jobs: list[Callable[[Session, Any], Any]] = [
            lambda session, calendar: reminders.write_due(session, now=now, calendar=calendar),
            lambda session, calendar: recompute.recompute(session, moment(session, SYSTEM, now, calendar)),
            lambda session, calendar: digest.write(session, now=now, calendar=calendar, channels=()),
            lambda session, calendar: notices.deliver(session, now=now, calendar=calendar, ended=reminders.ended),
        ]
        with suppress(Killed), self.app.app_context(), transaction() as session:
            self.dice.choice(jobs)(session, current_calendar(session))
            self.kills += 1
            raise Killed

    # -- people at work -----------------------------------------------------------------------------------------------

    def report(self, how_many: int) -> None:
        """New leads of the worker of the first grid."""
        for _ in range(how_many):
            with self.work() as session:
                told = LeadReport(
                    id=new_id(), received_at=self.clock.now(), category="XS04", title="无证小餐馆", description="未见许可证",
                    address_text="鸿福路88号", evidence=[PHOTO],
                )  # fmt: skip
                leads.report(session, told, actor=self.actor("grid_worker"), calendar=current_calendar(session))

    def everybody_works(self) -> None:
        """Each open lead may take a step today; what is slow here is late there."""
        with self.work() as session:
            waiting = session.scalars(select(Lead.id).where(Lead.state != "closed").order_by(Lead.id)).all()
            for lead_id in (one for one in waiting if self.dice.random() < 0.08):
                lead = session.get_one(Lead, lead_id, with_for_update=True)
                for who, act, inputs in self.next_steps(lead):
                    self.act(session, lead, who, act, inputs)

    def act(self, session: Session, lead: Lead, who: str, act: str, inputs: dict[str, Any]) -> None:
        before = {unit.id: unit.officer_id for unit in lead.assignments}
        leads.take_step(
            session,
            lead,
            Act(act),
            inputs,
            actor=self.actor(who),
            now=self.clock.now(),
            calendar=current_calendar(session),
        )
        session.flush()
        for unit in lead.assignments:
            if unit.officer_id and not before.get(unit.id):
                self.officers[unit.id] = self.clock.now()
        self.acts[act] += 1

    def next_steps(self, lead: Lead) -> Iterator[tuple[str, str, dict[str, Any]]]:
        """A legal next step of a lead, as the dice fall: (who, act, inputs), two where two persons take it."""
        world, dice, today = self.world, self.dice, self.clock.today()
        unit = next((one for one in lead.assignments if one.state not in ("returned", "cancelled", "closed")), None)
        if lead.state == "reported":
            yield "community_dispatcher", "accept", {"handler": world.people["community_handler"]}
        elif lead.state == "community":
            yield "community_dispatcher", "submit_up", {
                "exceeds_authority": True, "ground": "permit_authority", "reason": "许可属部门",
                "proposed_department": world.department,
            }  # fmt: skip
        elif lead.state == "street" and dice.random() < 0.2:
            yield "street_dispatcher", "close_without_push", {"outcome": "unfounded", "reason": "查无实据"}
        elif lead.state == "street":
            back = any(one.state == "returned" for one in lead.assignments)
            department = world.department_2 if back else world.department
            yield "street_dispatcher", "push", {
                "lead_department": department, "legal_basis": BASIS, "summary": "无证餐饮",
            }  # fmt: skip
        elif lead.state == "verifying" and self.failed[lead.id] < 2:
            self.failed[lead.id] += 1
            yield "community_dispatcher", "fail", {"failed_points": "仍在无证经营", "evidence": [PHOTO]}
        elif lead.state == "dispatched" and unit is not None:
            second = "_2" if unit.department_code == world.department_2 else ""
            officer = {"officer": world.people[f"case_officer{second}"]}
            if unit.state == "return_pending":
                yield "street_dispatcher", "approve_return", {"decision": "同意"}
            elif unit.state == "pushed" and not second and (today - unit.push_on).days <= 1 and dice.random() < 0.9:
                yield "department_leader", "request_return", {
                    "code": "not_our_duty", "legal_ground": "第八条", "proper_department": world.department_2,
                }  # fmt: skip
            elif unit.state == "pushed" and dice.random() < 0.5:
                yield f"department_receiver{second}", "sign_in", officer
            elif unit.state in ("pushed", "accepted"):
                yield f"case_officer{second}", "intervene", {
                    "type": "on_site", "occurred_on": today.isoformat(), "people": "两名执法人员", "narrative": "现场检查",
                    "evidence": [PHOTO],
                }  # fmt: skip
            elif unit.state == "working" and dice.random() < 0.6:
                yield f"case_officer{second}", "feedback", {
                    "stage": "rectifying", "progress": "整改中", "next_step": "复查",
                }  # fmt: skip
            elif unit.state == "working":
                yield f"case_officer{second}", "report_done", {
                    "outcome": "permitted", "entity_after": "已办证", "evidence": [PHOTO],
                }  # fmt: skip
                yield f"department_leader{second}", "confirm_done", {}

    def actor(self, username: str) -> Actor:
        """One of the town's people, as a service sees them."""
        role = Role(username.removesuffix("_2"))
        if role in (Role.DEPARTMENT_RECEIVER, Role.CASE_OFFICER, Role.DEPARTMENT_LEADER):
            code = self.world.department_2 if username.endswith("_2") else self.world.department
            return Actor(self.world.people[username], username, (Grant(role, department=code),))
        area = self.world.street if role is Role.STREET_DISPATCHER else self.world.community
        grids = (self.world.grid,) if role is Role.GRID_WORKER else ()
        return Actor(self.world.people[username], username, (Grant(role, self.world.path(area)),), grids)

    # -- what came of it ----------------------------------------------------------------------------------------------

    def seen(self) -> list[Any]:
        """Every reminder and every word of a moved day, as written."""
        with self.work() as session:
            kinds = (notices.REMINDER, notices.MOVED)
            return list(session.execute(select(Notice.__table__).where(Notice.kind.in_(kinds))).all())

    def check_mornings(self) -> None:
        """One digest a person and work day at most, all at the first tick of the window; who is reminded then has one."""
        with self.work() as session:
            rows = session.execute(select(Notice.recipient_id, Notice.kind, Notice.stage, Notice.sent_at)).all()
        first: dict[date, datetime] = {}
        for tick in self.ticks:
            if may_leave(tick):
                first.setdefault(local(tick).date(), tick)
        digests = Counter((row.recipient_id, row.sent_at) for row in rows if row.kind == notices.DIGEST)
        reminded = {
            (row.recipient_id, row.sent_at)
            for row in rows
            if row.kind == notices.REMINDER and row.sent_at in first.values() and row.stage != "H0"
        }
        assert set(digests.values()) == {1}
        # A day that had no tick has its digest when the clock is set back to it: once, like any other.
        assert {when for _, when in digests} <= {*first.values(), *self.set_back}
        assert reminded <= set(digests)

    def oracle(self) -> dict[tuple[str, str, str], datetime | None]:
        """What the rules say: (duty, stage, person) → when it left, None for what is only recorded."""
        with self.work() as session:
            units = {one.id: one for one in session.scalars(select(Assignment))}
            duties = list(session.scalars(select(Obligation)).unique())
            verifications: dict[str, list[Obligation]] = defaultdict(list)
            for duty in duties:
                if duty.kind == "verify":
                    verifications[duty.lead_id].append(duty)
            law = Law(self, units, {duty.id: duty for duty in duties}, verifications)
            for duty in duties:
                law.follow(duty)
        return law.expected


# -- the rules, read a second time --------------------------------------------------------------------------------------


def published_days() -> dict[date, str]:
    with PUBLISHED.open(encoding="utf-8", newline="") as file:
        rows = {date.fromisoformat(row["date"]): KINDS.get(row["kind"], row["kind"]) for row in csv.DictReader(file)}
    made_up = {date.fromisoformat(on): kind for on, kind in MADE_UP_2027.items()}
    return {on: kind for on, kind in rows.items() if on.year in (2025, 2026)} | made_up


DAYS = published_days()


def works(on: date) -> bool:
    """Whether a day is a work day. Days after the last that matters here may be guessed."""
    kind = DAYS.get(on)
    return kind in ("work", "makeup") if kind else on.weekday() < 5


def counted_days() -> dict[date, int]:
    """How many work days there were up to each day, counted one by one over the year and what may fall due behind it."""
    counted, so_far = {}, 0
    for number in range((LAST - FIRST).days + 400):
        on = FIRST + number * ONE_DAY
        so_far += works(on)
        counted[on] = so_far
    return counted


COUNTED = counted_days()


def local(instant: datetime) -> datetime:
    return instant.astimezone(CHINA)


def may_leave(instant: datetime) -> bool:
    """08:30 to 17:30 of a work day."""
    there = local(instant)
    return works(there.date()) and time(8, 30) <= there.time() < time(17, 30)


def steps_between(earlier: date, later: date) -> int:
    """Work days after `earlier` up to `later`."""
    return COUNTED[later] - COUNTED[earlier]


def stage_of(on: date, due_on: date) -> str | None:
    """What is said of a duty on a day: W2 two work days before, W0 on the day, B1 the first work day after, B5, B10 …"""
    if on == due_on:
        return "W0"
    if on < due_on:
        return "W2" if works(on) and steps_between(on, due_on) == 2 else None
    late = steps_between(due_on, on)
    return f"B{late}" if works(on) and (late == 1 or late % 5 == 0) else None


# Who owes what (R8); department duties go to the department of the assignment.
OWES = {
    "triage_c": "community_dispatcher", "c_handle": "community_handler", "triage_s": "street_dispatcher",
    "verify": "community_dispatcher", "ruling": "street_dispatcher",
}  # fmt: skip


@dataclass
class Law:
    """Follows each duty through the ticks that there were."""

    year: Year
    units: dict[str, Assignment]
    duties: dict[str, Obligation]
    verifications: dict[str, list[Obligation]]  # by lead
    expected: dict[tuple[str, str, str], datetime | None] = field(default_factory=dict)

    def follow(self, duty: Obligation) -> None:
        """Every stage of a duty, from the tick that first knows it to its end."""
        born, until = local(duty.created_at).date(), self.last_day(duty)
        over = duty.end.at if duty.end else None
        rungs = self.rungs(duty.due_on, born, until)
        waiting: list[tuple[str, set[str]]] = []
        if duty.supersedes and self.duties[duty.supersedes].due_on != duty.due_on:
            self.moved(duty, over)
        for tick in self.year.ticks:
            if tick < duty.created_at:
                continue
            ended = over is not None and over <= tick
            due = []
            while not ended and rungs and rungs[0][0] <= local(tick).date():
                due.append(rungs.pop(0)[1])
            for stage in due:
                people = self.people(duty, stage, tick)
                self.expected.update({(duty.id, stage, person): None for person in people})
            if due:
                verifying = duty.kind == "feedback" and self.is_verifying(duty, tick)
                newest = [] if verifying else [(due[-1], self.people(duty, due[-1], tick))]
                # A newer word takes the place of an older one to the same person that has not left (§4c).
                heard = set().union(*(people for _, people in newest)) if newest else set()
                waiting = [(stage, people - heard) for stage, people in waiting] + newest
            if may_leave(tick):
                if not ended:
                    self.expected.update({(duty.id, stage, who): tick for stage, people in waiting for who in people})
                waiting = []
            if ended:
                return

    def moved(self, duty: Obligation, over: datetime | None) -> None:
        """A moved day is told to the receivers, once, at the first time when anything may leave."""
        leaves = next((tick for tick in self.year.ticks if tick >= duty.created_at and may_leave(tick)), None)
        if over is not None and leaves is not None and over <= leaves:
            leaves = None
        self.expected.update({(duty.id, "MOVED", person): leaves for person in self.owing(duty)})

    def rungs(self, due_on: date, born: date, until: date) -> list[tuple[date, str]]:
        """(day, stage) of the ladder after the day of birth, day by day."""
        found, on = [], born + ONE_DAY
        while on <= min(until, LAST):
            if stage := stage_of(on, due_on):
                found.append((on, stage))
            on += ONE_DAY
        return found

    def last_day(self, duty: Obligation) -> date:
        """A missed window is spoken of until the next one is overdue, that is up to the day on which that one is due (R8)."""
        if duty.kind != "feedback":
            return LAST
        on, left = duty.anchor_on, 15 * (duty.k + 1)
        while left:
            on += ONE_DAY
            left -= works(on)
        return on

    def is_verifying(self, duty: Obligation, tick: datetime) -> bool:
        """Whether the result of its assignment was being verified at a tick: a VERIFY of its lead stood open then (R6)."""
        return any(
            one.created_at <= tick and (one.end is None or one.end.at > tick or one.end.how == "superseded")
            for one in self.verifications[duty.lead_id]
        )  # fmt: skip

    def people(self, duty: Obligation, stage: str, tick: datetime) -> set[str]:
        """Who hears of a stage: who owes it; B1 the leader of a department; B5 the office; B10 the group."""
        late = int(stage[1:]) if stage[0] == "B" else 0
        names = self.owing(duty)
        if duty.kind not in OWES:
            unit = self.units[duty.assignment_id]
            second = "_2" if unit.department_code == self.year.world.department_2 else ""
            if self.year.officers.get(unit.id, tick + ONE_DAY) <= tick:
                names = names | {self.year.world.people[f"case_officer{second}"]}
            if late >= 1:
                names = names | {self.year.world.people[f"department_leader{second}"]}
        if late >= 5:
            names = names | {self.year.world.people["supervision_office"]}
        if late >= 10:
            names = names | {self.year.world.people["leading_group"]}
        return names

    def owing(self, duty: Obligation) -> set[str]:
        people = self.year.world.people
        if duty.kind in OWES:
            return {people["supervision_office" if duty.owner == "supervision" else OWES[duty.kind]]}
        if self.units[duty.assignment_id].department_code == self.year.world.department_2:
            return {people["department_receiver_2"]}
        return {people["department_receiver"], people["department_deputy"]}
