"""The server of a run: the application over a real database, its clock, its town; it can die, and be restored from a backup."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from contextvars import Context
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

from sqlalchemy.orm import Session

from gridwatch.app import create_app
from gridwatch.calendars.service import NoticeDay, import_days
from gridwatch.config import Settings
from gridwatch.db.base import db
from gridwatch.db.session import transaction
from gridwatch.domain.worktime import DayKind
from gridwatch.entities.models import PermitRule
from gridwatch.exchange.formats import CALENDAR
from gridwatch.exchange.parsing import read_table
from gridwatch.exchange.reading import Report
from gridwatch.jobs.service import run_all, run_due
from gridwatch.people.service import create_or_update_user
from gridwatch.sync import backups, heartbeats
from tests import fixtures
from tests.databases import ROOT
from tests.fixtures import Clock, World
from tests.simulator.seams import Died, Seams

Reply = tuple[int, dict[str, str], bytes]


@dataclass(frozen=True)
class Place:
    """Where databases of one kind come from: `fresh` is migrated, `empty` holds nothing at all. Both give a URL."""

    name: str
    fresh: Callable[[], AbstractContextManager[str]]
    empty: Callable[[], AbstractContextManager[str]]


class Server:
    """One process at a time. Whoever asks while it dies sees the connection break."""

    def __init__(self, place: Place, directory: Path) -> None:
        self.place, self.directory, self.world = place, directory, World()
        self.clock, self.seams = Clock(directory / "clock"), Seams()
        self._databases = ExitStack()
        self.settings = Settings(
            env="test", database_url=self._databases.enter_context(place.fresh()), secret_key="test-" * 8,
            clock_file=str(self.clock.file), files_dir=str(directory / "files"),
        )  # fmt: skip
        self.app = create_app(self.settings)
        self._settle_the_town()
        self.backups = 0

    def close(self) -> None:
        """Let go of everything."""
        self._stop()
        self._databases.close()

    def ask(self, method: str, path: str, headers: dict[str, str], body: bytes | None) -> Reply:
        """One request. Raises OSError when the process dies over it."""
        http = self.app.test_client(use_cookies=False)
        try:  # in a context of its own: it may come in the middle of another request
            answer = Context().run(lambda: http.open(path, method=method, headers=headers, data=body))
        except Died as died:
            self._stop()
            raise ConnectionResetError("the server died") from died
        return answer.status_code, {name.lower(): value for name, value in answer.headers.items()}, answer.data

    @contextmanager
    def work(self) -> Iterator[Session]:
        """One unit of work, as a command does it."""
        with self.app.app_context(), transaction() as session:
            yield session

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """A session that only reads."""
        with self.app.app_context():
            yield db.session()

    def survives(self, act: Callable[[], Any]) -> Any:
        """What a command returns, or None when the process died over it."""
        try:
            return act()
        except Died:
            self._stop()
            return None

    def tick(self, *, everything: bool = False) -> dict[str, Any] | None:
        """One tick of the scheduler: what the jobs did, None when the process died over it."""

        def run() -> dict[str, Any]:
            with self.app.app_context():
                return (run_all if everything else run_due)(self.clock.now())

        return self.survives(run)

    def write_heartbeats(self) -> None:
        """Write now what would be written a second later."""
        with self.app.app_context():
            heartbeats.of_this_process().close()

    def back_up(self) -> Path:
        """A backup; returns its folder."""
        self.backups += 1
        folder = self.directory / f"backup-{self.backups}"
        with self.app.app_context():
            backups.backup(folder)
        return folder

    def restore(self, folder: Path) -> None:
        """Go on over another database, filled from a backup."""
        self._stop()
        self.settings = replace(self.settings, database_url=self._databases.enter_context(self.place.empty()))
        backups.restore(create_app, self.settings, folder)
        self.app = create_app(self.settings)

    def _stop(self) -> None:
        with self.app.app_context():
            self.app.extensions.pop("gridwatch.heartbeats", None)  # words that were only in its memory
            db.session.remove()
            db.engine.dispose()

    def _settle_the_town(self) -> None:
        with self.work() as session:
            fixtures._build_places(session, self.world)
            session.add(PermitRule(sector="食品经营", permit="食品经营许可", department_code=self.world.department,
                                   scope_pattern="餐饮", hazard=8))  # fmt: skip
            for username, grant, grids in fixtures._cast(self.world):
                user = create_or_update_user(
                    session, username, username, grants=[grant], grid_codes=grids, at=self.clock.now(), from_on=date(2026, 1, 1)
                )  # fmt: skip
                user.password_hash = fixtures.PASSWORD_HASH
                self.world.people[username] = user.id
            report = Report()
            table = read_table(CALENDAR, ROOT / "tests/data/nancheng/calendar.csv", report, today=self.clock.today())
            days = [
                NoticeDay(one["date"], DayKind(one["kind"]), one["name"] or "", one["notice_year"]) for one in table
            ]
            import_days(session, days, source="tests", actor_id="system", at=self.clock.now())
