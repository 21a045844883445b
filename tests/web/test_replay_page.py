"""A lead as of any event or day, by links alone; and what its page shows beside the facts: advice, missing files, likely duplicates."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from tests.fixtures import Clock, World
from tests.leads.desks import Desk
from tests.web.browser import Browser, Page

Browse = Callable[..., Browser]
Seat = Callable[[str], Desk]


@pytest.fixture
def lead(desk: Seat, world: World, clock: Clock, reported: Callable[..., str]) -> str:
    """Reported on Wednesday, accepted on Thursday, with the street on Friday and pushed, signed in the Monday after."""
    clock.set("2026-09-16 10:00")
    lead = reported()
    clock.set("2026-09-17 11:00")
    desk("community_dispatcher").does(lead, "accept", handler=world.people["community_handler"])
    clock.set("2026-09-18 15:00")
    desk("community_dispatcher").does(
        lead,
        "submit_up",
        exceeds_authority=True,
        ground="permit_authority",
        reason="许可属部门",
        proposed_department=world.department,
    )
    clock.set("2026-09-18 16:00")
    desk("street_dispatcher").does(
        lead, "push", lead_department=world.department, legal_basis="第五条", summary="无证餐饮"
    )
    clock.set("2026-09-21 09:00")
    desk("department_receiver").does(lead, "sign_in", officer=world.people["case_officer"])
    return lead


def at(browser: Browser, lead: str, as_of: str) -> Page:
    page = browser.get(f"/leads/{lead}/replay?as_of={as_of}")
    assert page.status == 200, page.text
    return page


def link(page: Page, rel: str) -> str:
    """The address of the link `prev` or `next`; empty without one."""
    found = re.search(rf'<a class="button" rel="{rel}" href="([^"]+)"', page.html)
    return found[1].replace("&amp;", "&") if found else ""


def told(page: Page) -> str:
    """The state that the page shows."""
    found = re.search(r"<dt>状态</dt><dd><b>([^<]+)</b>", page.html)
    return found[1] if found else ""


def test_the_lead_page_leads_there_and_it_begins_with_the_newest(browse: Browse, lead: str) -> None:
    street = browse("street_dispatcher")
    assert f"/leads/{lead}/replay" in street.get(f"/leads/{lead}").links
    page = street.get(f"/leads/{lead}/replay")
    assert (page.status, told(page)) == (200, "部门办理")
    assert "已签收" in page.text
    assert page.html.count('aria-current="step"') == 1
    assert link(page, "next") == ""


def test_step_by_step_back_to_the_report_and_forward_again(browse: Browse, lead: str) -> None:
    street = browse("street_dispatcher")
    page, seen = street.get(f"/leads/{lead}/replay"), []
    while True:
        seen.append(
            (told(page), "已签收" in page.text, re.findall(r"<div class=\"pad\">\s*<p><b>([^<]+)</b>", page.html))
        )
        if not (back := link(page, "prev")):
            break
        page = street.get(back)
    assert seen == [
        ("部门办理", True, ["签收"]), ("部门办理", False, ["推送"]), ("街道分派", False, ["报请街道"]),
        ("社区处置", False, ["受理"]), ("已上报", False, ["上报"]),
    ]  # fmt: skip
    forward = street.get(link(page, "next"))
    assert told(forward) == "社区处置"
    assert "已上报 → 社区处置" in forward.text  # what changed, beside the state of then


def test_a_day_means_its_end_and_clocks_are_those_of_then(browse: Browse, clock: Clock, lead: str) -> None:
    street = browse("street_dispatcher")
    page = at(street, lead, "2026-09-17")
    assert told(page) == "社区处置"
    assert "还没有推送给部门" in page.text
    assert "社区处置" in page.text
    assert "介入处理" not in page.text.split("事件")[0]
    page = at(street, lead, "2026-09-20")  # nothing happened on that Sunday
    assert "这一时刻没有事件" in page.text
    assert "介入处理 " in page.text
    assert "逾期" not in page.text
    clock.set("2026-10-20 09:00")
    street = browse("street_dispatcher")
    assert "逾期" in at(street, lead, "2026-09-25").text  # due on the 24th; it was late on the day after
    assert "逾期" not in at(street, lead, "2026-09-24").text


def test_what_is_still_to_come_is_as_it_is_now(browse: Browse, lead: str) -> None:
    page = at(browse("street_dispatcher"), lead, "2027-09-30")
    assert told(page) == "部门办理"
    assert 'value="2026-09-21"' in page.html


def test_a_day_before_the_report_says_so(browse: Browse, lead: str) -> None:
    page = at(browse("street_dispatcher"), lead, "2026-09-15")
    assert "当时还没有上报" in page.text
    assert told(at(browse("street_dispatcher"), lead, "2026-09-16")) == "已上报"
    assert "2026-09-16" in link(page, "next")


@pytest.mark.parametrize("wanted", ["yesterday", "2026-13-40", "2026-09-18T10:00:00", "9999-12-31"])
def test_what_is_no_moment_is_refused(wanted: str, browse: Browse, lead: str) -> None:
    assert browse("street_dispatcher").get(f"/leads/{lead}/replay?as_of={wanted}").status == 400


def test_a_step_and_what_follows_from_it_are_one_stop(browse: Browse, desk: Seat, clock: Clock, lead: str) -> None:
    clock.advance(minutes=1)
    desk("street_dispatcher").does(lead, "withdraw_push", reason="推错了")
    page = browse("street_dispatcher").get(f"/leads/{lead}/replay")
    assert told(page) == "街道分派"
    assert re.findall(r"<div class=\"pad\">\s*<p><b>([^<]+)</b>", page.html) == ["撤回推送", "撤回后回到街道"]


def test_it_is_for_those_who_see_the_lead_and_hides_who_reported(browse: Browse, lead: str, world: World) -> None:
    assert browse("case_officer_2").get(f"/leads/{lead}/replay").status == 404
    page = at(browse("case_officer"), lead, "2026-09-16")
    assert (page.status, world.people["grid_worker"] in page.html) == (200, False)


def test_it_is_complete_in_english(browse: Browse, lead: str) -> None:
    page = browse("street_dispatcher", language="en").get(f"/leads/{lead}/replay")
    for words in (
        "Replay",
        "As it was",
        "What had just changed",
        "Events",
        "With the department",
        "5 in all",
        "← Back",
    ):
        assert words in page.text


# -- beside the facts -------------------------------------------------------------------------------------------------


def test_a_push_shows_what_is_advised_and_asks_why_not(
    browse: Browse, world: World, reported: Callable[..., str], at_the_street: Callable[[str], str]
) -> None:
    lead = at_the_street(reported())
    street = browse("street_dispatcher")
    page = street.get(f"/leads/{lead}")
    assert "建议：推送给市场监督管理分局" in page.text
    assert "须有食品经营许可" in page.text
    refused = street.takes(lead, "push", lead_department=world.department_2, legal_basis="第五条", summary="无证餐饮")
    assert refused.status == 422
    assert "须写明理由" in refused.text
    form = refused.step("push")
    assert form.values["field.lead_department"] == [world.department_2]
    done = street.submit(form, advice_overridden="先处理烟花")
    assert "先处理烟花" in done.text  # it stands in the history
    english = browse("street_dispatcher", language="en").get(f"/leads/{lead}")
    assert "Why not as advised" in english.text


def test_without_a_proposal_the_advised_department_is_chosen(
    browse: Browse, desk: Seat, world: World, reported: Callable[..., str]
) -> None:
    lead = reported()
    desk("community_dispatcher").does(
        lead, "fast_lane", hazards=["gas"], acknowledged_by="值班员", narrative="瓶装气与明火同室"
    )
    page = browse("street_dispatcher").get(f"/leads/{lead}")
    assert page.step("push").values["field.lead_department"] == [world.department]
    assert "已按建议选好" in page.text


def test_files_that_have_not_come_and_likely_duplicates_are_shown(
    browse: Browse, clock: Clock, reported: Callable[..., str]
) -> None:
    first = reported()
    clock.advance(minutes=5)
    second = reported(title="小餐馆无证")
    page = browse("community_dispatcher").get(f"/leads/{second}")
    assert "缺附件 1 个" in page.text
    assert "应有 1 个，已到 0 个" in page.text
    assert "可能是同一件事" in page.text
    assert f"/leads/{first}" in page.links
    assert "同一地址" in page.text
    assert "可能是同一件事" not in browse("grid_worker").get(f"/leads/{second}").text
    english = browse("community_dispatcher", language="en").get(f"/leads/{second}")
    assert "0 of 1 are here" in english.text
    assert "Perhaps the same thing" in english.text
