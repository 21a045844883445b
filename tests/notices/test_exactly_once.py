"""Promise P7 in small: no notice missed, none doubled, whoever ticks, whoever is killed, whatever the clock does."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import orjson
import pytest
from sqlalchemy import select

from gridwatch.calendars.queries import current_calendar
from gridwatch.config import Settings
from gridwatch.db.base import db
from gridwatch.db.session import transaction
from gridwatch.domain.obligations import ObligationKind
from gridwatch.domain.reminders import receivers, stage_days
from gridwatch.domain.worktime import CHINA, WorkCalendar, local_day
from gridwatch.jobs import work as jobs
from gridwatch.leads import reminders
from gridwatch.leads.models import Obligation
from tests.notices.conftest import Desk

PERSONS = {
    "department_receiver": {"department_receiver", "department_deputy"},
    "officer": set(),
    "department_leader": {"department_leader"},
    "supervision_office": {"supervision_office"},
    "leading_group": {"leading_group"},
}


@pytest.fixture
def environment(settings: Settings) -> dict[str, str]:
    """The environment of another process on the same database and clock."""
    return {
        **os.environ, "GRIDWATCH_ENV": "test", "GRIDWATCH_DATABASE_URL": settings.database_url,
        "GRIDWATCH_SECRET_KEY": settings.secret_key, "GRIDWATCH_CLOCK_FILE": settings.clock_file,
    }  # fmt: skip


@pytest.mark.slow
def test_three_processes_at_once_write_each_notice_once(desk: Desk, environment: dict[str, str]):
    duties = [desk.push()[2][0] for _ in range(60)]
    desk.clock.set("2026-09-22 09:00")
    command = [sys.executable, "-m", "gridwatch.cli", "tick"]
    processes = [subprocess.Popen(command, env=environment, stdout=subprocess.PIPE) for _ in range(3)]
    answers = [orjson.loads(process.communicate(timeout=60)[0])["jobs"] for process in processes]

    assert [process.returncode for process in processes] == [0, 0, 0]
    assert sum(one["reminders"]["written"] for one in answers) == 120
    assert sum(one["delivery"]["sent"] for one in answers) == 120
    assert all(len(desk.notices(duty)) == 2 for duty in duties)


KILLED = """
import sys
from gridwatch.app import create_app
from gridwatch.calendars.queries import current_calendar
from gridwatch.db.session import transaction
from gridwatch.leads.reminders import write_due
from gridwatch.web.clock import now

with create_app().app_context(), transaction() as session:
    print(write_due(session, now=now(), calendar=current_calendar(session)).did["written"], flush=True)
    sys.stdin.read()
"""


def test_a_process_killed_between_the_rows_and_the_commit_leaves_nothing_and_blocks_nobody(desk: Desk, environment):
    duties = [desk.push()[2][0] for _ in range(5)]
    desk.clock.set("2026-09-22 09:00")
    victim = subprocess.Popen(
        [sys.executable, "-c", KILLED], env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert victim.stdout.readline() == b"10\n"
    victim.kill()
    victim.communicate()

    assert desk.notices() == []
    desk.tick()
    assert all(desk.told(duty) == {"W2": PERSONS["department_receiver"]} for duty in duties)


def test_rows_that_were_written_by_a_process_killed_before_sending_are_sent_once(desk: Desk):
    _, _, (intervene, *_) = desk.push()
    desk.clock.set("2026-09-22 09:00")
    with desk.app.app_context():
        jobs.write_reminders(desk.clock.now())  # and here it dies
    desk.tick_at("2026-09-22 09:05", "2026-09-22 09:06")
    assert [one.sent_at is not None for one in desk.notices(intervene)] == [True, True]


class Killed(Exception):
    """The process is gone."""


@pytest.mark.slow
def test_a_quarter_of_pushes_with_two_tickers_outages_kills_and_clock_steps(desk: Desk):
    """Every stage of every duty has its rows exactly once by the end: what the ladder says, computed apart from the agenda."""
    chance = random.Random(1)
    moment, end = datetime(2026, 9, 18, 9, tzinfo=CHINA), datetime(2026, 12, 18, 18, tzinfo=CHINA)
    ticks: list[datetime] = []
    while moment < end:
        desk.clock.set(f"{moment:%Y-%m-%d %H:%M}")
        if moment < end - timedelta(days=20) and chance.random() < 0.2:
            desk.push()
        if chance.random() < 0.1:
            kill_one(desk)
        tick_together(desk)
        ticks.append(moment)
        if chance.random() < 0.05:
            desk.tick_at(f"{moment - timedelta(days=chance.randint(1, 5)):%Y-%m-%d %H:%M}")
        outage = chance.random() < 0.08
        moment += timedelta(days=chance.randint(2, 9)) if outage else timedelta(hours=chance.choice([6, 12, 24]))

    with desk.work() as session:
        expected = set(
            ladder_of_all(desk, list(session.scalars(select(Obligation))), ticks[-1], current_calendar(session))
        )
    written = [(one.about, one.stage, one.recipient_id) for one in desk.notices()]
    assert len(written) == len(set(written)) > 100
    assert set(written) == expected
    only_newest_left(desk)


def tick_together(desk: Desk) -> None:
    """Two tickers at the same instant."""
    with ThreadPoolExecutor(2) as both:
        list(both.map(lambda _: desk.tick(), range(2)))


def kill_one(desk: Desk) -> None:
    """A ticker dies after it has written its rows and before it commits."""
    with pytest.raises(Killed):
        _write_and_die(desk)


def _write_and_die(desk: Desk) -> None:
    with desk.app.app_context(), transaction() as session:
        reminders.write_due(session, now=desk.clock.now(), calendar=current_calendar(session))
        raise Killed


def ladder_of_all(desk: Desk, duties: list[Obligation], last: datetime, calendar: WorkCalendar):
    """(obligation, stage, person) of every stage whose day has come, by the law alone."""
    dues = {(duty.assignment_id, duty.k): duty.due_on for duty in duties if duty.kind == "feedback"}
    for duty in duties:
        until = dues.get((duty.assignment_id, duty.k + 1)) if duty.kind == "feedback" else None
        for stage, on in stage_days(duty.due_on, local_day(duty.created_at), calendar, until):
            if on > last.date():
                break
            for role in receivers(ObligationKind(duty.kind), stage):
                for person in PERSONS[role]:
                    yield duty.id, str(stage), desk.world.people[person]


def only_newest_left(desk: Desk) -> None:
    """Of what came due between two ticks for one duty and person, one left at most, and it was the newest."""
    with desk.app.app_context():
        calendar = current_calendar(db.session())
    by_person: dict[tuple[str, str], list] = defaultdict(list)
    for one in desk.notices():
        by_person[one.about, one.recipient_id].append(one)
    for notices in by_person.values():
        for earlier, later in zip(notices, notices[1:], strict=False):
            if earlier.written_at == later.written_at:
                assert earlier.skipped == "late" or later.skipped == "late"
        sent = [one for one in notices if one.sent_at is not None]
        assert len({one.sent_at for one in sent}) == len(sent), "two reminders of one duty left at the same moment"
        for one in sent:
            local = one.sent_at.astimezone(CHINA)
            assert calendar.is_work(local.date())
            assert (8, 30) <= (local.hour, local.minute) < (17, 30)
