"""Versions of inspection items over the API: what is in force, a dry run, publishing, and everything that is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import func, select

from gridwatch.audit.models import Event
from gridwatch.domain.item_catalogue import BUILT_IN
from gridwatch.domain.items import content_hash
from gridwatch.items import service
from gridwatch.items.models import ItemVersion
from gridwatch.tasks.models import Task, Visit
from tests.fixtures import Caller, Clock, Work, World
from tests.items.conftest import SIGN
from tests.sync.conftest import ALL_WELL
from tests.sync.talk import outcomes, push
from tests.tasks.test_at_once import at_once

ITEMS = "/api/v1/items"
Make = Callable[..., dict[str, Any]]


def published(work: Work) -> list[str]:
    with work() as session:
        rows = session.execute(
            select(ItemVersion.code, ItemVersion.version).order_by(ItemVersion.code, ItemVersion.version)
        )
        return [f"{code}@{number}" for code, number in rows]


def test_the_items_of_the_product_are_there_from_the_start(office: Caller, work: Work, clock: Clock):
    listed = office.get(ITEMS).body
    assert [f"{one['code']}@{one['version']}" for one in listed["items"]] == sorted(
        f"{one['code']}@1" for one in BUILT_IN
    )
    assert {one["name"]: one["burden"]["ordinary"]["questions"] for one in listed["tasks"]} == {
        "first_check": 1, "first_check_permits": 2, "patrol": 6, "annual_report": 1, "recheck": 1, "verify": 1,
    }  # fmt: skip
    one = office.get(f"{ITEMS}/RG01").body
    assert (one["sha256"], one["item"]) == (content_hash(BUILT_IN[0]), BUILT_IN[0])
    assert set(one["item"]["elements"]) == {"visited", "cycle", "duty", "transfer", "workflow", "standard"}
    with work() as session:
        assert service.publish_built_in(session, at=clock.now()) == []  # they are there already


def test_what_a_newer_program_brings_is_added_once(
    work: Work, world: World, clock: Clock, monkeypatch: pytest.MonkeyPatch
):
    new = {**BUILT_IN[0], "code": "RG06"}
    newer = {**BUILT_IN[0], "version": 2, "effective_on": "2026-10-01"}
    monkeypatch.setattr(service, "BUILT_IN", (*BUILT_IN, new, newer))
    for made in (["RG06@1", "RG01@2"], []):
        with work() as session:
            assert [f"{row.code}@{row.version}" for row in service.publish_built_in(session, at=clock.now())] == made


def test_a_version_is_looked_at_published_and_takes_its_place_on_its_day(
    office: Caller, worker: Caller, version: Make, clock: Clock, work: Work, tasks: Any, visit: Make
):
    """The form changes while a phone is on its way: what was filled in on the old one counts, for twelve months."""
    clock.set("2026-10-12 09:42")
    looked = office.post(f"{ITEMS}/check", {"item": version()}).body
    assert (looked["ok"], looked["problems"], looked["reason_needed"]) == (True, [], False)
    assert (looked["burden"]["most"]["questions"], looked["tasks"]["first_check"]["ordinary"]["questions"]) == (3, 2)
    before = worker.get("/api/v1/ref").body["items"]
    seen = office.post(f"{ITEMS}/preview", {"item": version()}).body
    assert (seen["sha256_now"], "RG01@2" in seen["versions"]) == (before, True)

    made = office.post(ITEMS, {"item": version(), "reason": "招牌与登记名称不一致的增多"})
    assert (made.status, made.body["created"], made.body["in_force"]) == (200, True, False)
    assert worker.get("/api/v1/ref").body["items"] == seen["sha256_then"]
    held = worker.get(f"/api/v1/ref/items/{seen['sha256_then']}").body
    assert [one["fields"][-1]["name"] for one in held if one["code"] == "RG01"] == ["qr_scanned", "sign"]
    again = office.post(ITEMS, {"item": version()})
    assert (again.status, again.body["created"], again.body["reason"]) == (200, False, "招牌与登记名称不一致的增多")
    with work() as session:
        (event,) = session.scalars(select(Event).where(Event.act == "item.published")).all()
        assert (event.subject_id, json.loads(event.data)["reason"]) == ("RG01@2", "招牌与登记名称不一致的增多")

    assert office.get(f"{ITEMS}/RG01").body["version"] == 1
    clock.set("2026-11-02 08:00")
    shown = office.get(f"{ITEMS}/RG01").body
    assert (shown["version"], [one["accepted_until"] for one in shown["versions"]]) == (2, ["2027-11-03", None])
    old, new, late = tasks(3)
    with work() as session:
        assert session.get_one(Task, new).items == ["RG01", "RG02"]
    (document,) = [
        change["doc"] for part in worker.post("/api/v1/sync/pull", {"schema": 1, "scopes": {}}).body["scopes"]
        for change in part["changes"] if change["op"] == "put" and change["doc"]["id"] == new
    ]  # fmt: skip
    assert document["form"] == "RG01@2+RG02@1"
    signed = {**ALL_WELL, "findings": [{**ALL_WELL["findings"][0], "sign": "yes"}, *ALL_WELL["findings"][1:]]}
    pushed = [visit(old, payload=signed), visit(new, payload=signed, item_version="RG01@2+RG02@1")]
    results = push(worker, *pushed)
    assert outcomes(results) == [("accepted", None), ("review", "payload_invalid")]  # RG01@1 knows no sign
    assert results[1]["facts"]["fields"][0]["path"] == "payload.findings[0].sign"
    with work() as session:
        assert session.get_one(Visit, pushed[0]["id"]).findings == signed
    clock.set("2027-11-04 08:00")
    worker.sign_in()
    assert outcomes(push(worker, visit(late))) == [("review", "unknown_item_version")]


def test_a_version_is_withdrawn_before_its_first_day_and_never_after(
    office: Caller, worker: Caller, version: Make, clock: Clock, work: Work
):
    office.post(ITEMS, {"item": version()})
    gone = office.post(f"{ITEMS}/RG01/versions/2/withdraw", {"reason": "问法有误"})
    assert (gone.status, gone.body["withdrawn_at"] is not None) == (200, True)
    assert office.post(f"{ITEMS}/RG01/versions/2/withdraw", {"reason": "再点一次"}).status == 200
    digest = worker.get("/api/v1/ref").body["items"]
    assert [one["version"] for one in worker.get(f"/api/v1/ref/items/{digest}").body if one["code"] == "RG01"] == [1]
    assert (
        office.post(ITEMS, {"item": version()}).body["created"] is False
    )  # published once, withdrawn since: it stays so
    third = office.post(ITEMS, {"item": version(version=3)})
    assert (third.status, third.body["created"]) == (200, True)
    clock.set("2026-11-02 08:00")
    office.sign_in()
    refused = office.post(f"{ITEMS}/RG01/versions/3/withdraw", {"reason": "太晚了"})
    assert (refused.status, refused.body["code"], refused.body["facts"]["since"]) == (
        409,
        "item.version_in_use",
        "2026-11-02",
    )
    with work() as session:
        assert session.scalar(select(func.count()).where(Event.act == "item.withdrawn")) == 1


QUESTIONS = [{**SIGN, "name": f"q{number}"} for number in range(5)]

REFUSED = [
    ("a number that is taken, with other content", {"version": 1}, 409, "item.version_exists", {"next": 2}),
    ("a number that is left out", {"version": 3}, 422, "item.invalid", ["version"]),
    ("a code that is none", {"code": "rg01"}, 422, "item.invalid", ["code"]),
    ("from yesterday on", {"effective_on": "2026-09-17"}, 422, "item.invalid", ["effective_on"]),
    ("from before the version whose place it takes", {"effective_on": "2018-01-01"}, 422, "item.invalid", ["effective_on"]),
    ("an operator that is none", {"fields": [{**SIGN, "visibleWhen": {"js": "1"}}], "transfers": [], "ordinary": None}, 422, "item.invalid",
     ["fields[0].visibleWhen.js"]),
    ("a regular expression", {"fields": [{**SIGN, "pattern": "(a+)+$"}], "transfers": [], "ordinary": None}, 422, "item.invalid",
     ["fields[0].pattern"]),
    ("a title of 10,000 characters", {"title": {"zh": "长" * 10_000, "en": "long"}}, 422, "item.invalid", ["title.zh"]),
    ("no item", None, 422, "item.invalid", [""]),
    ("a list", [], 422, "item.invalid", [""]),
]  # fmt: skip


@pytest.mark.parametrize(("what", "members", "status", "code", "told"), REFUSED, ids=[row[0] for row in REFUSED])
def test_what_is_refused_changes_nothing(
    what: str, members: Any, status: int, code: str, told: Any, office: Caller, version: Make, work: Work
):
    before = published(work)
    item = version() | members if isinstance(members, dict) else members
    answer = office.post(ITEMS, {"item": item})
    assert (answer.status, answer.body["code"]) == (status, code), answer.body
    facts = answer.body["facts"]
    assert (facts["next"] if status == 409 else [one["path"] for one in facts["fields"]]) == (
        told["next"] if status == 409 else told
    )
    assert published(work) == before
    looked = office.post(f"{ITEMS}/check", {"item": item}).body
    assert (looked["ok"], bool(looked["problems"])) == (False, True)


def test_a_burden_that_grows_past_a_limit_needs_a_reason_on_record(office: Caller, version: Make, work: Work):
    heavy = version("RG01", *QUESTIONS)
    looked = office.post(f"{ITEMS}/check", {"item": heavy}).body
    assert (looked["ok"], looked["reason_needed"]) == (True, True)
    for reason in ("", "   ", "要"):
        refused = office.post(ITEMS, {"item": heavy, "reason": reason})
        assert (refused.status, refused.body["code"]) == (422, "item.burden_grown")
        assert refused.body["facts"]["grown"][0] == {
            "what": "RG01",
            "measure": "questions",
            "was": 2,
            "is": 7,
            "limit": 6,
        }
    assert "RG01@2" not in published(work)
    made = office.post(ITEMS, {"item": heavy, "reason": "专项期间试行三个月"})
    assert (made.status, made.body["reason"], made.body["burden"]["most"]["questions"]) == (
        200,
        "专项期间试行三个月",
        7,
    )
    with work() as session:
        (event,) = session.scalars(select(Event).where(Event.act == "item.published")).all()
        assert json.loads(event.data)["grown"][0]["is"] == 7
    # what is past the limit already may stay as it is, without another reason
    assert office.post(ITEMS, {"item": {**heavy, "version": 3, "effective_on": "2026-12-01"}}).status == 200


DOORS = [
    ("grid_worker", "post", ITEMS, 403, "auth.forbidden"),
    ("street_dispatcher", "post", ITEMS, 403, "auth.forbidden"),
    ("auditor", "post", f"{ITEMS}/RG01/versions/1/withdraw", 403, "auth.forbidden"),
    (None, "get", ITEMS, 401, "auth.required"),
    ("grid_worker", "get", ITEMS, 200, None),
    ("grid_worker", "get", f"{ITEMS}/RG99", 404, "item.not_found"),
    ("grid_worker", "get", f"{ITEMS}/RG01/versions/9", 404, "item.not_found"),
    ("grid_worker", "get", f"{ITEMS}/RG01/versions/1", 200, None),
    ("supervision_office", "post", f"{ITEMS}/RG01/versions/9/withdraw", 404, "item.not_found"),
    ("platform_owner", "post", f"{ITEMS}/RG01/versions/1/withdraw", 409, "item.version_in_use"),
]


@pytest.mark.parametrize(("who", "verb", "path", "status", "code"), DOORS)
def test_who_may_do_what(
    who: str | None, verb: str, path: str, status: int, code: str | None, client: Caller, world: World, version: Make
):
    caller = client.as_(who) if who else client
    body = {"reason": "试一试"} if path.endswith("withdraw") else {"item": version()}
    answer = caller.get(path) if verb == "get" else caller.post(path, body)
    assert (answer.status, answer.body.get("code") if status >= 400 else None) == (status, code)


@pytest.mark.parametrize(
    ("titles", "statuses"), [(("甲", "甲", "甲"), [200, 200, 200]), (("甲", "乙", "丙"), [200, 409, 409])]
)
def test_of_those_who_publish_one_number_at_once_one_wins(
    titles: tuple[str, ...], statuses: list[int], client: Caller, world: World, version: Make, work: Work
):
    """An item that nobody has yet: the same content is one version, other content is told that the number is taken."""
    offices = [client.as_("supervision_office") for _ in titles]
    new = [version(version=1, title={"zh": title, "en": "sign"}) | {"code": "RG06"} for title in titles]
    answers = at_once(
        *(lambda pair=pair: pair[0].post(ITEMS, {"item": pair[1]}) for pair in zip(offices, new, strict=True))
    )
    assert sorted(answer.status for answer in answers) == statuses, [answer.body for answer in answers]
    assert [answer.body.get("created") for answer in answers].count(True) == 1
    assert published(work).count("RG06@1") == 1
