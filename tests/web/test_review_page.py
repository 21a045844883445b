"""The review queue in a browser: what phones sent and could not be applied, repaired and decided on the page."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from gridwatch.leads.models import Lead
from gridwatch.sync.models import ReviewDecision
from tests.fixtures import Caller, Work, World
from tests.phone import uuid7
from tests.sync.talk import FILE, LEAD, push
from tests.web.browser import Browser, Form, Page

Browse = Callable[..., Browser]


@pytest.fixture
def sent(client: Caller, clock, world: World) -> Callable[..., dict[str, Any]]:
    """`sent(category="XS33")` pushes a lead with these members of the payload changed; returns the item."""
    worker, numbers = client.as_("grid_worker"), iter(range(1, 1_000))

    def _send(*, again: dict[str, Any] | None = None, kind: str = "lead.report", **payload: Any) -> dict[str, Any]:
        item = {
            "id": uuid7(clock.now()), "device_no": next(numbers), "kind": kind, "captured_at": clock.now().isoformat(),
            "scope": f"grid:{world.grid}", "files": [FILE], **(again or {}), "payload": {**LEAD, **payload},
        }  # fmt: skip
        push(worker, item)
        return item

    return _send


def opened(browser: Browser) -> Page:
    """The page of the first item in the queue."""
    queue = browser.get("/sync/review")
    return browser.get(next(link for link in queue.links if link.startswith("/sync/review/")))


def choice(page: Page, act: str) -> Form:
    """The form of one decision."""
    (found,) = [form for form in page.forms if form.values.get("act") == [act]]
    return found


def test_a_lead_is_repaired_on_the_page(browse: Browse, work: Work, sent):
    item = sent(category="XS33")
    browser = browse("street_dispatcher")
    assert "待核对 1" in browser.get("/sync/review").text
    page = opened(browser)
    assert "面包作坊" in page.text
    assert "内容有误" in page.text
    form = choice(page, "apply")
    assert form.values["field.payload.category"] == ["XS33"]
    kept = browser.submit(form, **{"field.reason": "电话核实，是无照", "field.payload.title": "无照面包作坊"})
    assert kept.status == 422
    again = choice(kept, "apply")
    assert (again.values["field.payload.title"], again.values["field.reason"]) == (
        ["无照面包作坊"],
        ["电话核实，是无照"],
    )
    done = browser.submit(again, **{"field.payload.category": "XS03"})
    assert done.status == 200
    assert "手机下次同步就知道结果" in done.text
    assert "没有要核对的" in done.text
    with work() as session:
        lead = session.get_one(Lead, item["id"])
        assert (lead.category, lead.title, lead.description) == ("XS03", "无照面包作坊", LEAD["description"])
        (decision,) = session.query(ReviewDecision)
        assert decision.repairs == {"payload": {**LEAD, "category": "XS03", "title": "无照面包作坊"}}
    decided = browser.get("/sync/review?view=decided")
    told = browser.get(next(link for link in decided.links if link.startswith("/sync/review/")))
    assert "电话核实，是无照" in told.text
    assert "XS33" in told.text  # the original is there, word for word
    assert not [form for form in told.forms if "act" in form.values]


def test_what_was_typed_as_json_must_be_json(browse: Browse, work: Work, sent):
    sent(category=3)
    browser = browse("street_dispatcher")
    form = choice(opened(browser), "apply")
    page = browser.submit(form, **{"field.reason": "核对", "field.payload.category": "{"})
    assert page.status == 422
    assert "不是有效的 JSON" in page.text
    assert choice(page, "apply").values["field.payload.category"] == ["{"]
    assert browser.submit(choice(page, "apply"), **{"field.payload.category": '"XS03"'}).status == 200
    with work() as session:
        assert session.query(Lead).one().category == "XS03"


def test_a_reason_is_needed_and_an_item_is_refused(browse: Browse, work: Work, sent):
    sent(category="XS33")
    browser = browse("community_dispatcher")
    form = choice(opened(browser), "refuse")
    assert browser.submit(form, **{"field.reason": "  "}).status == 422
    assert browser.submit(form, **{"field.reason": "重复上报"}).status == 200
    with work() as session:
        assert session.query(ReviewDecision).one().act == "refused"
    assert browser.submit(form, **{"field.reason": "再来一次"}).status == 409


def test_two_contents_are_side_by_side_and_kept_apart(browse: Browse, work: Work, sent):
    first = sent()
    sent(again=first, title="另一家面包店")
    browser = browse("street_dispatcher")
    page = opened(browser)
    assert "同一编号的另一份" in page.text
    assert page.text.count("面包作坊") >= 2
    assert {form.values["act"][0] for form in page.forms if "act" in form.values} == {"apart", "refuse"}
    assert browser.submit(choice(page, "apart"), **{"field.reason": "是两家店"}).status == 200
    with work() as session:
        assert {lead.title for lead in session.query(Lead)} == {"面包作坊", "另一家面包店"}


@pytest.mark.parametrize("act", ["", "delete", "in_time"])
def test_a_form_that_is_not_ours_changes_nothing(browse: Browse, work: Work, sent, act: str):
    sent(category="XS33")
    browser = browse("street_dispatcher")
    form = choice(opened(browser), "refuse")
    assert browser.post(form.action, {**form.filled(**{"field.reason": "x"}), "act": [act]}).status in (400, 409)
    with work() as session:
        assert session.query(ReviewDecision).count() == 0


def test_who_does_not_review_sees_nothing(browse: Browse, sent):
    sent(category="XS33")
    path = next(
        link for link in browse("street_dispatcher").get("/sync/review").links if link.startswith("/sync/review/")
    )
    for username in ("grid_worker", "auditor", "administrator", "case_officer"):
        assert browse(username).get("/sync/review").status == 403, username
        assert browse(username).get(path).status == 404, username
    assert browse("community_dispatcher_2").get(path).status == 404
    assert "没有要核对的" in browse("community_dispatcher_2").get("/sync/review").text
    assert browse("street_dispatcher").get("/sync/review?view=all").status == 404
