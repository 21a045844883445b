"""The phones, items and tasks of the sync tests, for tests that tell a complaint from its beginning to its end."""

from __future__ import annotations

from tests.sync.conftest import (  # noqa: F401 - the same phones and items as the sync tests have
    app,
    item,
    make_task,
    phone,
    put,
    report,
    scope,
    tasks,
    visit,
    worker,
    write_heartbeats,
)
