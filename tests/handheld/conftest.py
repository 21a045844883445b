"""A server of ours on a port, a town with open visits, and a browser. Without Chromium or the build these tests say so."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from playwright.sync_api import Browser, sync_playwright
from waitress import create_server

from gridwatch.domain.worktime import Due
from gridwatch.sync import heartbeats
from gridwatch.tasks.service import plan_task
from gridwatch.web import handheld
from tests.databases import fresh_spatialite
from tests.fixtures import Clock, Work, World
from tests.handheld.hands import Hands, browser_path, phone
from tests.phone import uuid7

HOW = "make handheld"


@pytest.fixture
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """One database is enough here: what differs between the two is tested below the API."""
    return fresh_spatialite(request.getfixturevalue("spatialite_template"), tmp_path)


@pytest.fixture
def clock(tmp_path: Path) -> Clock:
    """The server's clock stands at the browser's now, until a test sets it."""
    clock = Clock(tmp_path / "clock")
    clock.file.write_text(datetime.now(UTC).isoformat())
    return clock


@dataclass
class Asked:
    """Stands between browser and server: notes what is asked, and does what bad networks do."""

    app: Flask
    seen: list[str] = field(default_factory=list)
    # Looks at a request first; what it returns is the answer: (status line, body), or None to go on.
    trick: Callable[[dict[str, Any]], tuple[str, bytes] | None] = lambda environ: None
    # Sees a request; True lets the server do it and loses the answer: what comes back is a proxy's error page.
    loses: Callable[[dict[str, Any]], bool] = lambda environ: False

    def __call__(self, environ: dict[str, Any], start: Any) -> Any:
        self.seen.append(f"{environ['REQUEST_METHOD']} {environ['PATH_INFO']}")
        tricked = self.trick(environ)
        if tricked is not None:
            kind = "application/problem+json" if tricked[1].startswith(b"{") else "text/html"
            start(tricked[0], [("Content-Type", kind), ("Content-Length", str(len(tricked[1])))])
            return [tricked[1]]
        if self.loses(environ):
            list(self.app(environ, lambda *said: lambda data: None))
            raise ConnectionAbortedError("the answer is lost on the way")
        return self.app(environ, start)

    def count(self, what: str) -> int:
        """How often something was asked."""
        return sum(one.startswith(what) for one in self.seen)


@pytest.fixture
def network(app: Flask) -> Asked:
    """What lies between browser and server."""
    return Asked(app)


@pytest.fixture
def server(app: Flask, network: Asked) -> Iterator[str]:
    """The address of a running server."""
    running = create_server(network, host="127.0.0.1", port=0, threads=8)
    thread = threading.Thread(target=running.run, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{running.effective_port}"
    running.close()
    running.task_dispatcher.shutdown()
    thread.join(10)
    with app.app_context():
        heartbeats.of_this_process().close()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """The system's Chromium."""
    if browser_path() is None:
        pytest.skip("没有 Chromium，手机应用的浏览器测试已跳过 / no Chromium: apt-get install chromium")
    if not (handheld.FOLDER / handheld.SHELL).is_file():
        pytest.skip(f"手机应用还没有构建 / the handheld is not built: {HOW}")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=browser_path())
        yield browser
        browser.close()


@pytest.fixture
def doors(work: Work, world: World, clock: Clock) -> list[str]:
    """Three doors with an open first check each in the grid of `grid_worker`; returns the ids of the tasks."""
    made = []
    with work() as session:
        for number in (1, 2, 3):
            task = plan_task(
                session, kind="first_check", source_id=uuid7(clock.now()), items=("RG01", "RG02"), entity=None, lead_id=None,
                grid_code=world.grid, area_path=world.path(world.community), address_text=f"宏伟路{number}号",
                title=f"首检：面包店{number}", reason="新登记，10 个工作日内首检", start_on=clock.today(),
                due=Due(clock.today() + timedelta(days=number)), calendar_version=0, at=clock.now(),
            )  # fmt: skip
            made.append(task.id)
    return made


@pytest.fixture
def hands(browser: Browser, server: str, doors: list[str]) -> Iterator[Hands]:
    """A phone of one's own, its app not yet opened; the town has work for it."""
    with phone(browser, server) as hands:
        yield hands


@pytest.fixture
def phones(browser: Browser, server: str, doors: list[str]) -> Iterator[Callable[..., Hands]]:
    """`phones()` gives a phone, each a profile of its own; with a folder one that keeps what is in it."""
    with ExitStack() as stack:
        yield lambda profile=None, **more: stack.enter_context(phone(browser, server, profile, **more))
