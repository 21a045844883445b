"""People at browsers, and leads to look at."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import event

from gridwatch.db.base import db
from tests.fixtures import World
from tests.leads.conftest import desk, official_calendar, reported  # noqa: F401 - the same desks, calendar and leads
from tests.leads.desks import BASIS, PHOTO, Desk
from tests.web.browser import Browser


@pytest.fixture
def browse(app: Flask, world: World) -> Callable[..., Browser]:
    """`browse("street_dispatcher")`: one of the town's people, signed in at a browser of her own."""

    def open_browser(username: str = "", language: str = "zh-CN") -> Browser:
        browser = Browser(app, language)
        if username:
            assert browser.signs_in(username).status == 200
        return browser

    return open_browser


@pytest.fixture
def counted(app: Flask) -> Callable[[], AbstractContextManager[list[str]]]:
    """`with counted() as statements:` collects the statements that run inside."""

    @contextmanager
    def collect() -> Iterator[list[str]]:
        statements: list[str] = []

        def note(connection: Any, cursor: Any, statement: str, *rest: Any) -> None:
            if statement.upper().startswith(("SELECT", "WITH", "INSERT", "UPDATE", "DELETE")):
                statements.append(statement)

        with app.app_context():
            engine = db.engine
        event.listen(engine, "before_cursor_execute", note)
        try:
            yield statements
        finally:
            event.remove(engine, "before_cursor_execute", note)

    return collect


@pytest.fixture
def at_the_street(desk: Callable[[str], Desk], world: World) -> Callable[[str], str]:  # noqa: F811 - the fixture above
    """`at_the_street(lead)`: accepted by the community and submitted to the street; returns the lead."""

    def move(lead: str) -> str:
        desk("community_dispatcher").does(lead, "accept", handler=world.people["community_handler"])
        desk("community_dispatcher").does(
            lead, "submit_up", exceeds_authority=True, ground="permit_authority", reason="许可属部门职权",
            proposed_department=world.department,
        )  # fmt: skip
        return lead

    return move


@pytest.fixture
def pushed(desk: Callable[[str], Desk], world: World, at_the_street: Callable[[str], str]) -> Callable[[str], str]:  # noqa: F811
    """`pushed(lead)`: on to the first department, the second one assisting; returns the lead."""

    def move(lead: str) -> str:
        desk("street_dispatcher").does(
            at_the_street(lead), "push", lead_department=world.department, assist_departments=[world.department_2],
            legal_basis=BASIS, summary="无证餐饮", evidence=[PHOTO],
        )  # fmt: skip
        return lead

    return move
