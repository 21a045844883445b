"""A desk with duties on it: leads with open duties in the small town, the published calendar, and the jobs that tick."""

from __future__ import annotations

import csv
import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import Select, select, true

from gridwatch.calendars.queries import current_calendar
from gridwatch.calendars.service import NoticeDay, import_days
from gridwatch.db.base import new_id
from gridwatch.domain.lead_facts import EndDuty, Moment, OpenDuty
from gridwatch.domain.obligations import DEFAULT_POLICY, ObligationKind, due_for
from gridwatch.domain.permits import SYSTEM
from gridwatch.domain.worktime import DayKind
from gridwatch.jobs.service import run_all
from gridwatch.leads import clocks
from gridwatch.leads.models import Assignment, Lead, Obligation, Watch
from gridwatch.notices.models import Delivery, Notice
from tests.fixtures import Clock, Work, World

PUBLISHED = Path(__file__).parents[1] / "data/nancheng/calendar/cn_workdays_2018_2026.csv"
KINDS = {"workday": "work", "makeup_workday": "makeup"}


@pytest.fixture
def published(work: Work, clock: Clock) -> None:
    """The official calendar of 2025 and 2026, in the database."""
    with PUBLISHED.open(encoding="utf-8", newline="") as file:
        days = [
            NoticeDay(date.fromisoformat(row["date"]), DayKind(KINDS.get(row["kind"], row["kind"])), row["holiday_name"],
                      int(row["date"][:4]))
            for row in csv.DictReader(file)
            if row["date"][:4] in ("2025", "2026")
        ]  # fmt: skip
    with work() as session:
        import_days(session, days, source="放假安排", actor_id=SYSTEM.id, at=clock.now())


@dataclass
class Desk:
    """Opens duties on leads, ends them, ticks, and shows what was written. All of it at the time of the clock."""

    app: Flask
    work: Work
    clock: Clock
    world: World
    numbers: Callable[[], int] = field(default_factory=lambda: itertools.count(1).__next__)

    def moment(self, session) -> Moment:
        return Moment(SYSTEM, self.clock.now(), self.clock.today(), current_calendar(session), DEFAULT_POLICY)

    def lead(self, **columns: object) -> str:
        """A lead in the first community; `columns` are others than the usual ones. Returns its id."""
        number = self.numbers()
        usual: dict[str, object] = {
            "id": new_id(), "no": f"441900004-20260918-{number:04d}", "state": "community", "category": "XS03",
            "title": f"无照餐饮店{number}", "address_text": "福安楼", "street_code": self.world.street,
            "community_code": self.world.community, "area_path": self.world.path(self.world.community), "source": "worker",
            "reporter_id": self.world.people["grid_worker"], "reported_at": self.clock.now(), "flags": [], "evidence": [],
            "round": 1, "bounces": 0, "returns": 0, "handlings": 0,
        }  # fmt: skip
        with self.work() as session:
            lead = Lead(**{**usual, **columns})
            session.add(lead)
        return str({**usual, **columns}["id"])

    def owes(self, kind: ObligationKind, lead: str | None = None, **more: object) -> str:
        """A duty of a lead, counted from today. Returns the obligation's id."""
        lead_id = lead or self.lead()
        with self.work() as session:
            at = self.moment(session)
            due = due_for(kind, at.today, at.policy, at.calendar)
            named = {"id": new_id()} | more
            duty = OpenDuty(kind, 1, None, at.today, at.policy.days[kind], due.on, due.provisional, "T01", **named)
            clocks.open_duties(session, session.get_one(Lead, lead_id), [duty], at)
            return str(duty.id)

    def push(self, state: str = "pushed", **columns: object) -> tuple[str, str, list[str]]:
        """A push to the first department: (lead, assignment, [INTERVENE, FEEDBACK 1, FEEDBACK 2])."""
        lead_id = self.lead(state="dispatched")
        with self.work() as session:
            at = self.moment(session)
            lead = session.get_one(Lead, lead_id)
            unit = Assignment(
                id=new_id(), lead_id=lead_id, round=1, department_code=self.world.department, role="lead", state=state,
                pushed_at=at.now, push_on=at.today, copies=[], **columns,
            )  # fmt: skip
            lead.assignments.append(unit)
            session.flush()
            duties = []
            for kind, k in ((ObligationKind.INTERVENE, 1), (ObligationKind.FEEDBACK, 1), (ObligationKind.FEEDBACK, 2)):
                due = due_for(kind, at.today, at.policy, at.calendar, k)
                days = at.policy.days[kind] * k
                duties.append(OpenDuty(kind, k, unit.id, at.today, days, due.on, due.provisional, "T13", id=new_id()))
            clocks.open_duties(session, lead, duties, at)
            return lead_id, unit.id, [str(duty.id) for duty in duties]

    def end(self, obligation: str, how: str = "met") -> None:
        """A duty ends today."""
        with self.work() as session:
            at = self.moment(session)
            lead = session.get_one(Obligation, obligation).lead
            clocks.end_duties(session, lead, [EndDuty(obligation, how, "T20", at.today)], at)

    def tick(self) -> dict[str, dict[str, int]]:
        """One tick, as `gridwatch tick` does it."""
        with self.app.app_context():
            did = run_all(self.clock.now())
        assert not any("error" in one for one in did.values()), did
        return did

    def tick_at(self, *times: str) -> None:
        """Ticks at China times, as in `2026-09-22 09:00`."""
        for time in times:
            self.clock.set(time)
            self.tick()

    def notices(self, about: str | None = None) -> list[Notice]:
        """What was written, in order: about one duty, or all but the digests."""
        of = Notice.kind != "digest" if about is None else Notice.about == about
        return self._read(select(Notice).where(of).order_by(Notice.id))

    def digests(self, username: str | None = None) -> list[Notice]:
        """The digests, in order: a person's, or all."""
        mine = Notice.recipient_id == self.world.people[username] if username else true()
        return self._read(select(Notice).where(Notice.kind == "digest", mine).order_by(Notice.id))

    def deliveries(self) -> list[Delivery]:
        """The outbox and its log, in order."""
        return self._read(select(Delivery).order_by(Delivery.id))

    def _read(self, statement: Select[Any]) -> list[Any]:
        with self.work() as session:
            found = list(session.scalars(statement))
            session.expunge_all()
        return found

    def told(self, about: str) -> dict[str, set[str]]:
        """Of the notices that have left: stage → who heard of it, by username."""
        names = {user: username for username, user in self.world.people.items()}
        stages: dict[str, set[str]] = {}
        for notice in self.notices(about):
            if notice.sent_at is not None:
                stages.setdefault(notice.stage, set()).add(names[notice.recipient_id])
        return stages

    def agenda(self, obligation: str) -> tuple[str, str] | None:
        """The next entry of a duty on the agenda: (day, stage)."""
        with self.work() as session:
            entry = session.get(Watch, obligation)
            return (entry.next_on.isoformat(), entry.stage) if entry else None

    def windows(self, assignment: str) -> dict[int, str]:
        """The feedback windows of an assignment: k → due day."""
        with self.work() as session:
            rows = session.execute(
                select(Obligation.k, Obligation.due_on).where(
                    Obligation.assignment_id == assignment, Obligation.kind == "feedback"
                )
            )
            return {k: due_on.isoformat() for k, due_on in rows}


@pytest.fixture
def desk(app: Flask, work: Work, clock: Clock, world: World, published: None) -> Desk:
    """The desk of the small town on 2026-09-18, a Friday and work day."""
    return Desk(app, work, clock, world)
