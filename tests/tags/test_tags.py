"""The life of a tag: issued once, replaced, void; who may, and what stays on record."""

from __future__ import annotations

import threading
from typing import Any

from flask import Flask
from sqlalchemy import func, select

from gridwatch.audit.models import Event
from gridwatch.audit.queries import breaks
from gridwatch.domain import tag_code
from gridwatch.tags.models import Tag
from tests.fixtures import Caller, Clock, Work, World
from tests.tags.conftest import DOOR, FAR_DOOR, NEXT_DOOR, issued


def test_a_community_gets_a_tag_for_each_door_once(street: Caller, world: World, work: Work):
    first = street.post("/api/v1/tags", {"community": world.community})
    assert first.status == 200
    assert {one["address_code"] for one in first.body["new"]} == {DOOR, NEXT_DOOR}
    assert first.body["kept"] == []
    for one in first.body["new"]:
        assert tag_code.city_of(one["code"]) == world.city
        assert tag_code.read_tag(one["grouped"]) == one["code"] == one["code"].upper()
        assert (one["status"], one["issued_by"]) == ("issued", world.people["street_dispatcher"])
    second = street.post("/api/v1/tags", {"community": world.community})
    assert second.body["new"] == []
    assert {one["code"] for one in second.body["kept"]} == {one["code"] for one in first.body["new"]}
    # The whole street: only the one door is new. A second one on a door with two entrances is asked for.
    assert [one["address_code"] for one in street.post("/api/v1/tags", {"community": world.street}).body["new"]] == [
        FAR_DOOR
    ]
    again = street.post("/api/v1/tags", {"addresses": [DOOR], "again": True}).body["new"]
    assert [one["address_code"] for one in again] == [DOOR]
    with work() as session:
        assert session.scalar(select(func.count()).select_from(Tag)) == 4
        acts = session.scalars(select(Event.act).where(Event.subject_kind == "tag")).all()
        assert acts == ["tag.issued"] * 4
        assert list(breaks(session)) == []


def test_a_tag_is_replaced_and_made_void(street: Caller, clock: Clock, world: World, work: Work):
    (code,) = issued(street, DOOR)
    clock.advance(days=3)
    new = street.post(f"/api/v1/tags/{tag_code.grouped(code).lower()}/replace").body
    assert (new["address_code"], new["status"]) == (DOOR, "issued")
    assert new["code"] != code
    refused = street.post(f"/api/v1/tags/{code}/replace")
    assert (refused.status, refused.body["code"], refused.body["facts"]["replaced_by"]) == (
        409,
        "tag.not_live",
        new["code"],
    )
    void = street.post(f"/api/v1/tags/{new['code']}/void", {"reason": "在别处发现同样的标签"}).body
    assert (void["status"], void["void_reason"]) == ("void", "在别处发现同样的标签")
    assert street.post(f"/api/v1/tags/{new['code']}/void", {"reason": "再来一次"}).status == 409
    listed = street.get(f"/api/v1/tags?address={DOOR}").body["items"]
    assert {one["code"]: one["status"] for one in listed} == {code: "replaced", new["code"]: "void"}
    with work() as session:
        rows = session.execute(
            select(Event.subject_id, Event.act).where(Event.subject_kind == "tag").order_by(Event.no)
        ).all()
    assert {tuple(row) for row in rows} == {
        (code, "tag.issued"), (new["code"], "tag.issued"), (code, "tag.replaced"), (new["code"], "tag.voided"),
    }  # fmt: skip
    # With no tag in use the door gets one again.
    assert [one["address_code"] for one in street.post("/api/v1/tags", {"addresses": [DOOR]}).body["new"]] == [DOOR]


def test_bad_input_issues_nothing(street: Caller, world: World, work: Work):
    for body, status, code in (
        ({}, 422, "input.invalid"),
        ({"addresses": [DOOR], "community": world.community}, 422, "input.invalid"),
        ({"addresses": [DOOR, "nowhere"]}, 404, "address.not_found"),
        ({"community": "110000001001"}, 404, "area.not_found"),
        ({"addresses": ["x"] * 5_001}, 422, "input.invalid"),
        ({"addresses": ["字" * 10_000]}, 422, "input.invalid"),
    ):
        answer = street.post("/api/v1/tags", body)
        assert (answer.status, answer.body["code"]) == (status, code), body
    with work() as session:
        assert session.scalar(select(func.count()).select_from(Tag)) == 0


def test_who_may_not_issue_is_refused(street: Caller, client: Caller):
    (code,) = issued(street, DOOR)
    for username in ("grid_worker", "community_dispatcher", "intake_clerk", "department_receiver", "auditor"):
        somebody = client.as_(username)
        assert somebody.post("/api/v1/tags", {"addresses": [NEXT_DOOR]}).status == 403
        assert somebody.post(f"/api/v1/tags/{code}/void", {"reason": "不想要"}).status == 403
        assert somebody.post("/api/v1/tags/labels", {"codes": [code]}).status == 403
    assert client.post("/api/v1/tags", {"addresses": [NEXT_DOOR]}).status == 401


def test_two_who_issue_at_once_make_one_tag(app: Flask, street: Caller, client: Caller, world: World, work: Work):
    answers: list[dict[str, Any]] = []
    people = [client.as_("street_dispatcher") for _ in range(4)]
    threads = [
        threading.Thread(
            target=lambda one=one: answers.append(one.post("/api/v1/tags", {"community": world.street}).body)
        )
        for one in people
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(len(one["new"]) for one in answers) == [0, 0, 0, 3]
    with work() as session:
        assert session.scalar(select(func.count()).select_from(Tag)) == 3


def test_codes_of_an_address_in_other_registers(street: Caller, client: Caller):
    codes, next_door = (f"/api/v1/addresses/{door}/codes" for door in (DOOR, NEXT_DOOR))
    plate = {"external": "440106011002000000123", "valid_from": "2026-01-01", "valid_to": "2026-06-30"}
    made = street.post(codes, plate)
    assert made.status == 200
    assert street.post(codes, plate).body["id"] == made.body["id"]  # the same again
    taken = street.post(next_door, {**plate, "valid_from": "2026-06-30", "valid_to": None})
    assert (taken.status, taken.body["code"], taken.body["facts"]["address"]) == (409, "tag.code_taken", DOOR)
    # From the day after, the code is free for the next door.
    assert street.post(next_door, {**plate, "valid_from": "2026-07-01", "valid_to": None}).status == 200
    wrong = street.post(codes, {**plate, "valid_to": "2025-01-01"})
    assert (wrong.status, wrong.body["code"]) == (422, "tag.code_days")
    read = client.as_("grid_worker").get(codes).body["items"]
    assert [one["external"] for one in read] == [plate["external"]]
    assert client.as_("grid_worker_3").get(codes).status == 404
