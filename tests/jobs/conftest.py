"""Commands as an operator runs them: processes of their own, on the test's database and clock."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest

from gridwatch.config import Settings

Run = Callable[..., subprocess.CompletedProcess[str]]
Start = Callable[..., subprocess.Popen[str]]
COMMAND = [sys.executable, "-m", "gridwatch.cli"]


@pytest.fixture
def environment(settings: Settings) -> dict[str, str]:
    """The environment of a process on the test's database and clock."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("GRIDWATCH_")}
    library = os.environ.get("GRIDWATCH_SPATIALITE_LIBRARY")
    return {
        **own, **({"GRIDWATCH_SPATIALITE_LIBRARY": library} if library else {}), "GRIDWATCH_ENV": "test",
        "GRIDWATCH_DATABASE_URL": settings.database_url, "GRIDWATCH_SECRET_KEY": settings.secret_key,
        "GRIDWATCH_CLOCK_FILE": settings.clock_file, "PYTHONUNBUFFERED": "1",
    }  # fmt: skip


@pytest.fixture
def run(environment: dict[str, str]) -> Run:
    """`run("tick", GRIDWATCH_ENV="production")` runs a command to its end; keywords change its environment."""

    def to_its_end(*arguments: str, **changed: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*COMMAND, *arguments],
            env={**environment, **changed},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    return to_its_end


@pytest.fixture
def start(environment: dict[str, str]) -> Iterator[Start]:
    """`start("serve")` starts a command and leaves it running; the test stops it, or the fixture does."""
    processes: list[subprocess.Popen[str]] = []

    def and_go_on(*arguments: str, **changed: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [*COMMAND, *arguments], env={**environment, **changed}, stderr=subprocess.PIPE, text=True
        )
        processes.append(process)
        return process

    yield and_go_on
    for process in processes:
        if process.poll() is None:
            process.terminate()
        process.communicate(timeout=60)
