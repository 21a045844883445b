"""Steps whose inputs are other leads, duties, days to come, or one result a department, taken with the forms of the page."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask import Flask

from tests.fixtures import Clock, World
from tests.leads.desks import PHOTO, Desk
from tests.leads.roads import Road
from tests.web.browser import Browser


@pytest.fixture
def road(desk: Callable[[str], Desk], world: World, clock: Clock, reported: Callable[..., str]) -> Road:
    return Road(desk, world, clock, reported)


@pytest.fixture
def browse(app: Flask, world: World) -> Callable[[str], Browser]:
    def open_browser(username: str) -> Browser:
        browser = Browser(app)
        assert browser.signs_in(username).status == 200
        return browser

    return open_browser


def test_a_lead_is_merged_into_one_of_those_that_the_form_offers(road: Road, browse: Callable[[str], Browser]) -> None:
    road.to_reported()
    other = road.other()
    page = browse("community_dispatcher").takes(road.lead, "merge", master=other, reason="同一店铺")
    assert page.status == 200, page.text
    assert road.seen["master_id"] == other


def test_a_late_duty_is_excused_from_the_list(road: Road, browse: Callable[[str], Browser]) -> None:
    road.to_late()
    late = road.obligation("intervene")
    page = browse("supervision_office").takes(road.lead, "excuse", obligation=late, reason="台风停工", evidence=[PHOTO])
    assert page.status == 200, page.text
    assert "市场监督管理分局 介入处理" in page.text


def test_a_review_lies_in_the_future(road: Road, browse: Callable[[str], Browser]) -> None:
    road.to_working()
    page = browse("supervision_office").takes(road.lead, "ask_shelve", reason="拆迁范围", review_on="2026-11-18")
    assert page.status == 200, page.text
    assert browse("leading_group").takes(road.lead, "shelve").status == 200
    assert road.seen["state"] == "shelved"


def test_a_joint_operation_ends_with_a_result_for_each_department(road: Road, browse: Callable[[str], Browser]) -> None:
    road.to_joint()
    office, prefix = browse("supervision_office"), f"results.{road.world.department}"
    lacking = office.takes(road.lead, "close_joint", text="清除隐患", **{f"{prefix}.result": "progress"})
    assert lacking.status == 422
    assert "清除隐患" in lacking.text
    page = office.takes(
        road.lead, "close_joint", text="清除隐患",
        **{f"{prefix}.result": "progress", f"{prefix}.progress.stage": "rectifying", f"{prefix}.progress.progress": "整改中",
           f"{prefix}.progress.next_step": "复查"},
    )  # fmt: skip
    assert page.status == 200, page.text
    assert "joint" not in road.seen["flags"]
    mine = road.unit(road.world.department)
    assert [
        one["verdict"]
        for one in road.seen["obligations"]
        if (one["assignment"], one["kind"], one["k"]) == (mine, "feedback", 1)
    ] == ["met"]
    assert "继续办理" in page.text
