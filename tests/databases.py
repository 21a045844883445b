"""Throw-away databases: a test that asks for `database_url` runs on SpatiaLite and on PostGIS, each time a fresh copy.

SpatiaLite is a file, migrated once and copied for each test. PostGIS is a PostgreSQL server of our own, started from
the binaries found on this machine, on a free port, in a temporary directory. The processes of one test run share it,
and it goes when the run ends, however the run ends. Where the binaries are missing, the PostGIS half is skipped and
the last lines of pytest say so.
"""

from __future__ import annotations

import fcntl
import os
import pwd
import secrets
import shutil
import signal
import socket
import sqlite3
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest

from gridwatch.db.migrate import upgrade

HOW_TO_INSTALL = "make test installs it as root; by hand on Debian or Ubuntu: apt-get install postgresql-NN-postgis-3"
ROOT = Path(__file__).parents[1]
MAINTENANCE, TEMPLATE = "postgres", "gw_template"
# Below the range from which the kernel lends ports to outgoing connections: a port found free there stays free.
PORTS = range(20_000, 32_768)

# A day of the server's own zone must never decide anything, so its zone is neither UTC nor that of the users.
SETTINGS = {"timezone": "America/St_Johns", "jit": "off", "max_connections": "100"}
# What survives a power cut, for tests that cause one; and the same three off, for all others, which run faster so.
DURABLE = {"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on"}
FLEETING = dict.fromkeys(DURABLE, "off")


@cache
def postgres_binaries() -> Path | None:
    """The `bin` directory of the newest PostgreSQL on this machine that has PostGIS, or None."""
    versions = [
        path for base in (Path("/usr"), ROOT / ".local-lib/root/usr") for path in base.glob("lib/postgresql/[0-9]*")
    ]
    versions.sort(key=lambda path: int(path.name), reverse=True)
    places = [(path / "bin", path / "lib") for path in versions]
    if pg_config := shutil.which("pg_config"):
        binaries, libraries = (
            Path(subprocess.check_output([pg_config, question], text=True).strip())
            for question in ("--bindir", "--pkglibdir")
        )
        places.append((binaries, libraries))
    for binaries, libraries in places:
        if (binaries / "initdb").exists() and any(libraries.glob("postgis-3.*")):
            return binaries
    return None


@dataclass(frozen=True)
class PostgresServer:
    """A running server: `url` is the superuser's, to the maintenance database; `process` is its first process's id."""

    url: str
    process: int
    directory: Path

    def url_of(self, database: str) -> str:
        """The SQLAlchemy URL of another database on this server."""
        return f"{self.url.removesuffix(MAINTENANCE)}{database}"

    def run(self, *statements: str, database: str = MAINTENANCE) -> None:
        """Execute statements as superuser, each on its own, outside a transaction."""
        with psycopg.connect(_for_libpq(self.url_of(database)), autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement)

    def kill(self) -> None:
        """SIGKILL its first process and every other, as when the machine loses power; returns when all are gone."""
        os.kill(self.process, signal.SIGSTOP)  # it starts nothing more
        processes = [self.process, *children_of(self.process)]
        for process in processes:
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        while any(map(_is_running, processes)):
            time.sleep(0.01)

    def started_again(self, *, durable: bool = False) -> PostgresServer:
        """The same server after it was killed, recovered: same directory, same port. Raises RuntimeError if it does not start."""
        where = (
            postgres_binaries(),
            self.directory,
            urlsplit(self.url).port,
            DURABLE if durable else FLEETING,
            _owner(),
        )
        for _ in range(5):
            process = _launch(*where)
            if process is not None:
                return replace(self, process=process)
            time.sleep(0.5)
        raise RuntimeError(f"PostgreSQL did not start again:\n{(self.directory / 'log').read_text()[-2_000:]}")


def start_postgres(*, durable: bool = False, until_exit_of: int | None = None) -> PostgresServer:
    """Start an empty server with a PostGIS template. A watcher ends it and removes its files when a process is gone.

    `until_exit_of` is that process's id, by default our own. `durable` keeps every commit through a crash of the
    machine. Raises RuntimeError with the server's own words when it does not start.
    """
    binaries = postgres_binaries()
    if binaries is None:
        raise RuntimeError(f"PostgreSQL with PostGIS was not found: {HOW_TO_INSTALL}")
    # Under /tmp itself, whatever TMPDIR says: the path of a socket has at most 107 bytes.
    directory = Path(tempfile.mkdtemp(prefix="gridwatch-pg-", dir="/tmp"))
    owner = _owner()
    if owner:
        os.chown(directory, owner["user"], owner["group"])
    password = secrets.token_hex(8)
    _initialise(binaries, directory, password, owner)
    for _ in range(5):
        port = _free_port()
        process = _launch(binaries, directory, port, DURABLE if durable else FLEETING, owner)
        if process is not None:
            break
    else:
        raise RuntimeError(f"PostgreSQL did not start:\n{(directory / 'log').read_text()}")
    _watch(until_exit_of or os.getpid(), directory)
    url = f"postgresql+psycopg://gridwatch:{password}@127.0.0.1:{port}/{MAINTENANCE}"
    server = PostgresServer(url, process, directory)
    server.run(f"CREATE DATABASE {TEMPLATE}")
    server.run("CREATE EXTENSION postgis", database=TEMPLATE)
    return server


@contextmanager
def postgres_server(*, durable: bool = False) -> Iterator[PostgresServer]:
    """A server of one's own, for tests that kill it or need it durable: yields it, and has it ended on leaving."""
    server = start_postgres(durable=durable)
    try:
        yield server
    finally:
        _wanted(server.directory).unlink()


@contextmanager
def fresh_database(server: PostgresServer, template: str = TEMPLATE) -> Iterator[str]:
    """A database of its own on the server, copied from the template: yields its URL, and drops it on leaving."""
    name = f"t_{uuid.uuid4().hex[:12]}"
    server.run(f"CREATE DATABASE {name} TEMPLATE {template}")
    try:
        yield server.url_of(name)
    finally:
        server.run(f"DROP DATABASE {name} WITH (FORCE)")


def fresh_spatialite(template: Path, directory: Path) -> str:
    """A copy of the migrated template file in `directory`: its URL."""
    return f"sqlite:///{shutil.copy(template, directory / 'gridwatch.sqlite')}"


# -- fixtures ---------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def shared_directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory that all processes of this test run see."""
    own = tmp_path_factory.getbasetemp()
    return own.parent if "PYTEST_XDIST_WORKER" in os.environ else own


@pytest.fixture(scope="session")
def spatialite_template(shared_directory: Path) -> Path:
    """A migrated SpatiaLite file, made by whichever process comes first. Copy it, never open it."""
    template = shared_directory / "template.sqlite"
    with _one_at_a_time(shared_directory / "spatialite.lock"):
        if not template.exists():
            unfinished = template.with_suffix(".unfinished")
            unfinished.unlink(missing_ok=True)
            upgrade(f"sqlite:///{unfinished}")
            with closing(sqlite3.connect(unfinished)) as connection:  # all in one file, so that a copy is complete
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            unfinished.rename(template)
    return template


@pytest.fixture(scope="session")
def postgres(shared_directory: Path) -> PostgresServer:
    """The server of this test run, its template migrated; started by whichever process comes first."""
    if postgres_binaries() is None:
        pytest.skip(f"PostgreSQL with PostGIS is missing: {HOW_TO_INSTALL}")
    note = shared_directory / "postgres"
    with _one_at_a_time(shared_directory / "postgres.lock"):
        if not note.exists():
            server = start_postgres(until_exit_of=_test_run())
            upgrade(server.url_of(TEMPLATE))
            note.write_text(f"{server.url}\n{server.process}\n{server.directory}")
    url, process, directory = note.read_text().splitlines()
    return PostgresServer(url, int(process), Path(directory))


@pytest.fixture(params=["spatialite", "postgis"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A fresh migrated database, once of each kind: its URL, as in GRIDWATCH_DATABASE_URL."""
    if request.param == "spatialite":
        yield fresh_spatialite(request.getfixturevalue("spatialite_template"), tmp_path)
    else:
        with fresh_database(request.getfixturevalue("postgres")) as url:
            yield url


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say in plain sight that half of the tests did not run."""
    if postgres_binaries() is None:
        terminalreporter.write_line(
            f"没有 PostGIS，相应测试已跳过 / PostGIS is missing, its tests were skipped: {HOW_TO_INSTALL}", yellow=True
        )


# -- the server's processes -------------------------------------------------------------------------------------------


def _owner() -> dict[str, Any]:
    """Whom the server runs as, in words of `subprocess`: ourselves, but never root, which PostgreSQL refuses."""
    if os.geteuid() != 0:
        return {}
    names = {entry.pw_name: entry for entry in pwd.getpwall()}
    account = names.get("postgres") or names["nobody"]
    return {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}


def _initialise(binaries: Path, directory: Path, password: str, owner: dict[str, Any]) -> None:
    """Make an empty cluster in `directory/data`. Both roads into it ask for the password: machines are shared."""
    password_file = directory / "password"
    password_file.write_text(password)
    answer = subprocess.run(
        [binaries / "initdb", "--pgdata", directory / "data", "--username=gridwatch", f"--pwfile={password_file}"]
        + ["--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "--no-sync"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        cwd=directory,
        check=False,
        **owner,
    )
    if answer.returncode != 0:
        raise RuntimeError(f"initdb failed: {answer.stderr}")


def _launch(
    binaries: Path, directory: Path, port: int, durability: dict[str, str], owner: dict[str, Any]
) -> int | None:
    """Start the server and wait until it answers: its process id, or None when it did not come up (port taken)."""
    where = {"listen_addresses": "127.0.0.1", "unix_socket_directories": directory, "port": port}
    options = " ".join(f"-c {name}={value}" for name, value in {**SETTINGS, **durability, **where}.items())
    started = subprocess.run(
        [binaries / "pg_ctl", "start", "--wait", "--silent", "--pgdata", directory / "data", "--log", directory / "log"]
        + ["--options", options],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd=directory,
        start_new_session=True,  # Ctrl-C at pytest must not reach it before the tests have let go of it
        check=False,
        **owner,
    )
    return int((directory / "data/postmaster.pid").read_text().split("\n", 1)[0]) if started.returncode == 0 else None


# The server may have been killed and started again meanwhile, so it is whoever wrote the id file last.
WATCHER = """
while kill -0 "$1" 2>/dev/null && [ -e "$2/wanted" ]; do sleep 0.5; done
process=$(head -n 1 "$2/data/postmaster.pid" 2>/dev/null)
if [ -n "$process" ]; then
    kill -QUIT "$process" 2>/dev/null
    while kill -0 "$process" 2>/dev/null; do sleep 0.1; done
fi
rm -rf "$2"
"""


def _wanted(directory: Path) -> Path:
    """A file that stands as long as the server in this directory is wanted."""
    return directory / "wanted"


def _watch(run: int, directory: Path) -> None:
    """End the server and remove its files once it is not wanted, or the test run is gone: a killed run leaves nothing behind."""
    _wanted(directory).touch()
    subprocess.Popen(
        ["/bin/sh", "-c", WATCHER, "watch", str(run), str(directory)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd="/",
        start_new_session=True,
    )


def children_of(process: int) -> list[int]:
    """The ids of the processes that a process started and that are still there."""
    found = []
    for status in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):  # gone while we looked
            parent = status.read_text().rpartition(")")[2].split()[1]
            found += [int(status.parent.name)] if int(parent) == process else []
    return found


def _is_running(process: int) -> bool:
    """Whether a process does anything still: one that was killed and that nobody has taken note of does not."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def _test_run() -> int:
    """The process that is this whole test run: the one that hands out the tests, if there are several."""
    return os.getppid() if "PYTEST_XDIST_WORKER" in os.environ else os.getpid()


def _free_port() -> int:
    """A port of PORTS on which nothing listens."""
    while True:
        port = secrets.choice(PORTS)
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) != 0:
                return port


def _for_libpq(url: str) -> str:
    return url.replace("postgresql+psycopg://", "postgresql://", 1)


@contextmanager
def _one_at_a_time(lock: Path) -> Iterator[None]:
    with lock.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield
