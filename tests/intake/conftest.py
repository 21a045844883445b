"""A tag on a door, a citizen who scans it, and the intake clerk."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask import Flask

from tests.fixtures import Caller
from tests.leads.conftest import official_calendar  # noqa: F401 - the same calendar
from tests.tags.conftest import DOOR, doors, issued, settings, street  # noqa: F401 - the same doors
from tests.web.browser import Browser, Page

CONTACT = "周女士 138-0013-8000"


@pytest.fixture
def tag(street: Caller) -> str:  # noqa: F811 - the fixture above
    """The code of the tag at DOOR."""
    return issued(street, DOOR)[0]


@pytest.fixture
def citizen(app: Flask) -> Callable[..., Browser]:
    """`citizen()`: somebody with a phone, signed in nowhere; `citizen("en")` reads English."""
    return lambda language="zh-CN": Browser(app, language)


@pytest.fixture
def clerk(client: Caller, doors: None) -> Caller:  # noqa: F811
    """The intake clerk, over the API."""
    return client.as_("intake_clerk")


def form_of(page: Page, kind: str):
    """The form of a public page by which one complains or rates."""
    return page.form(page.forms[0].action, kind=kind)


def complains(browser: Browser, tag: str, text: str = "晚上十一点还在烧烤，油烟很大", **more: str) -> Page:
    """The page after a complaint by the tag's page."""
    return browser.submit(form_of(browser.get(f"/t/{tag}"), "complaint"), text=text, **more)
