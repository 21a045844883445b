"""Desks that publish items, and a second version of RG01 to publish."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest

from gridwatch.domain.item_catalogue import BUILT_IN
from tests.fixtures import Caller, World
from tests.sync.conftest import item, make_task, report, scope, tasks, visit, worker  # noqa: F401 - the worker and the phone's items
from tests.tasks.conftest import doors  # noqa: F401 - a shop with its first check

SIGN = {"name": "sign", "title": {"zh": "有无门头招牌", "en": "shop sign"}, "type": "boolean"}


@pytest.fixture
def office(client: Caller, world: World) -> Caller:
    """The supervision office of the street, signed in."""
    return client.as_("supervision_office")


@pytest.fixture
def version() -> Callable[..., dict[str, Any]]:
    """`version()` is RG01@2 with one more question, from 2026-11-02; members are given by name."""

    def make(code: str = "RG01", *more: dict[str, Any], **members: Any) -> dict[str, Any]:
        made = deepcopy(next(one for one in BUILT_IN if one["code"] == code))
        made["fields"] += more or [SIGN]
        return {**made, "version": 2, "effective_on": "2026-11-02", **members}

    return make
