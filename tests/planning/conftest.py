"""The desks, the calendar and the leads of tests/leads."""

from __future__ import annotations

from tests.leads.conftest import desk, official_calendar, reported  # noqa: F401 - the same desks, calendar and leads
from tests.stories.conftest import tick  # noqa: F401 - one tick of the scheduler
