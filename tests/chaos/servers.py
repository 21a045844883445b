"""The processes that are killed: the database server, the web processes, the scheduler; each can be started again."""

from __future__ import annotations

import http.client
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from gridwatch.config import Settings
from gridwatch.db.migrate import upgrade
from tests.databases import ROOT, TEMPLATE, PostgresServer, children_of, fresh_database, postgres_server

SECRET = "chaos-" * 8
WORKERS = 3
READY_S = 60


@dataclass
class Servers:
    """All of one city's processes. Every `kill_…` is a SIGKILL and returns when the city answers again."""

    settings: Settings
    log: Path
    postgres: PostgresServer | None
    web: subprocess.Popen[bytes] | None = None
    scheduler: subprocess.Popen[bytes] | None = None

    @property
    def environment(self) -> dict[str, str]:
        """The settings as a command of ours reads them."""
        own = {name: value for name, value in os.environ.items() if not name.startswith("GRIDWATCH_")}
        library = os.environ.get("GRIDWATCH_SPATIALITE_LIBRARY")
        one = self.settings
        return {
            **own, **({"GRIDWATCH_SPATIALITE_LIBRARY": library} if library else {}), "GRIDWATCH_ENV": "production",
            "GRIDWATCH_DATABASE_URL": one.database_url, "GRIDWATCH_SECRET_KEY": SECRET, "GRIDWATCH_PORT": str(one.port),
            "GRIDWATCH_WORKERS": str(WORKERS), "GRIDWATCH_THREADS": "8", "GRIDWATCH_FILES_DIR": one.files_dir,
            "GRIDWATCH_ACCESS_MINUTES": "1", "GRIDWATCH_TICK_SECONDS": "2", "GRIDWATCH_LOG_LEVEL": "WARNING",
        }  # fmt: skip

    def start(self) -> None:
        """Start what serves; returns when it answers."""
        self.web = self._start("serve")
        if self.postgres:
            self.scheduler = self._start("scheduler")
        self.wait()

    def stop(self) -> None:
        """End everything as an operator would. Raises RuntimeError for a process that had ended by itself."""
        for process in filter(None, (self.web, self.scheduler)):
            if process.poll() is not None:
                raise RuntimeError(f"a process ended by itself: {process.returncode}\n{self.log.read_text()[-2_000:]}")
            process.send_signal(signal.SIGTERM)
        for process in filter(None, (self.web, self.scheduler)):
            process.wait(timeout=60)
        self.web = self.scheduler = None

    def scheduler_rests(self) -> None:
        """End the scheduler beside the web processes, so that nothing changes any more but what is asked for."""
        if self.scheduler is not None:
            self.scheduler.send_signal(signal.SIGTERM)
            self.scheduler.wait(timeout=60)
            self.scheduler = None

    def kills(self) -> dict[str, Callable[[random.Random], None]]:
        """What can be killed here, by name."""
        if self.postgres is None:
            return {"web server": self._kill_web}
        return {
            "web process": self._kill_worker, "web server": self._kill_web, "database": self._kill_database,
            "scheduler": self._kill_scheduler,
        }  # fmt: skip

    def verify(self) -> str:
        """What `gridwatch verify` says against the event log; nothing where all is well."""
        done = subprocess.run(
            [sys.executable, "-m", "gridwatch.cli", "verify"], env=self.environment, cwd=ROOT, capture_output=True, text=True, check=False
        )  # fmt: skip
        return "" if done.returncode == 0 else done.stdout + done.stderr

    def wait(self) -> None:
        """Until readers are answered from the database."""
        until = time.monotonic() + READY_S
        while self._status("/api/v1/ref") != 401:  # a stranger is told so only after a look into the database
            if time.monotonic() > until:
                raise RuntimeError(f"the server did not answer within {READY_S} s: {self.log.read_text()[-2_000:]}")
            time.sleep(0.05)

    def _status(self, path: str) -> int:
        connection = http.client.HTTPConnection("127.0.0.1", self.settings.port, timeout=5)
        try:
            connection.request("GET", path, headers={"Authorization": "Bearer nobody"})
            return connection.getresponse().status
        except (OSError, http.client.HTTPException):
            return 0
        finally:
            connection.close()

    def _start(self, verb: str) -> subprocess.Popen[bytes]:
        with self.log.open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "gridwatch.cli", verb], env=self.environment, cwd=ROOT, stdout=log, stderr=log,
                start_new_session=True,
            )  # fmt: skip

    def _kill_worker(self, chance: random.Random) -> None:
        began = time.monotonic()
        workers = children_of(self.web.pid)
        os.kill(chance.choice(workers), signal.SIGKILL)
        while len(set(children_of(self.web.pid)) - set(workers)) == 0:
            if time.monotonic() > began + READY_S:
                raise RuntimeError("a web process that was killed did not come back")
            time.sleep(0.05)
        self.wait()

    def _kill_web(self, chance: random.Random) -> None:
        os.killpg(self.web.pid, signal.SIGKILL)
        self.web.wait()
        time.sleep(chance.random() * 0.5)
        self.web = self._start("serve")
        self.wait()

    def _kill_scheduler(self, chance: random.Random) -> None:
        os.killpg(self.scheduler.pid, signal.SIGKILL)
        self.scheduler.wait()
        self.scheduler = self._start("scheduler")

    def _kill_database(self, chance: random.Random) -> None:
        self.postgres.kill()
        time.sleep(chance.random() * 0.5)
        self.postgres = self.postgres.started_again(durable=True)
        self.wait()


@contextmanager
def city_servers(kind: str, directory: Path, port: int) -> Iterator[Servers]:
    """A migrated database with every safety on, and its servers, not yet started; nothing of it is left on leaving."""
    with ExitStack() as stack:
        postgres = None
        if kind == "postgis":
            postgres = stack.enter_context(postgres_server(durable=True))
            upgrade(postgres.url_of(TEMPLATE))
            url = stack.enter_context(fresh_database(postgres))
        else:
            url = f"sqlite:///{directory / 'gridwatch.sqlite'}"
            upgrade(url)
        settings = Settings(
            env="production", database_url=url, secret_key=SECRET, port=port, files_dir=str(directory / "files")
        )
        servers = Servers(settings, directory / "servers.log", postgres)
        try:
            yield servers
        finally:
            for process in filter(None, (servers.web, servers.scheduler)):
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()
