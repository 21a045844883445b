"""Advice before a push: whose a lead is by its report, visits, entity and the street's permit table; and a push that goes elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from gridwatch.areas.models import Department
from gridwatch.db.base import new_id
from gridwatch.entities.models import Entity, PermitRule
from gridwatch.tasks.models import Visit
from tests.fixtures import Clock, Work, World
from tests.leads.desks import Desk
from tests.leads.roads import Road

Seat = Callable[[str], Desk]


@pytest.fixture
def road(desk: Seat, world: World, clock: Clock, reported: Callable[..., str]) -> Road:
    return Road(desk, world, clock, reported)


def advice(road: Road, who: str = "street_dispatcher") -> dict[str, Any]:
    answer = road.seat(who).caller.get(f"/api/v1/leads/{road.lead}/advice")
    assert answer.status == 200, answer.body
    return dict(answer.body)


def entity(work: Work, world: World, scope: str) -> str:
    with work() as session:
        row = Entity(
            id=new_id(), code="E-1", name="鸿福便利店", scope=scope, permit_sectors=[], address_text="鸿福路88号",
            street_code=world.street, area_path=world.path(world.community), grid_code=world.grid,
        )  # fmt: skip
        session.add(row)
        return row.id


def visited(
    work: Work, world: World, clock: Clock, *, entity_id: str | None = None, lead_id: str | None = None, **found: Any
) -> None:
    with work() as session:
        session.add(
            Visit(
                id=new_id(), entity_id=entity_id, lead_id=lead_id, by_user=world.people["grid_worker"],
                area_path=world.path(world.community), received_at=clock.now(), result="done",
                findings={"findings": [{"item": item, **said} for item, said in found.items()]}, files=[], effect="accepted",
                timeliness="on_time",
            )
        )  # fmt: skip


def test_the_report_says_which_permit_is_missing(road: Road, world: World) -> None:
    road.to_street()
    told = advice(road)
    assert (told["way"], told["act"], told["article"]) == ("push", "push", 5)
    assert told["department"] == {"code": world.department, "name": "市场监督管理分局"}
    assert (told["sectors"], told["assists"]) == (["食品经营"], [])
    assert "上报内容" in told["reason"]["zh"]
    assert told["leaflet"]["zh"] == "食品经营许可办证指引"


def test_a_visit_says_more_than_a_scope(road: Road, work: Work, world: World, clock: Clock) -> None:
    shop = entity(work, world, "预包装食品、烟花爆竹零售")
    road.to_reported(title="便利店", description="店内经营", entity_id=shop)
    told = advice(road)
    assert (told["department"]["code"], told["sectors"]) == (world.department_2, ["危险化学品", "食品经营"])
    assert [one["code"] for one in told["assists"]] == [world.department]
    assert "经营范围" in told["reason"]["zh"]

    visited(work, world, clock, entity_id=shop, RG03={"permits": [{"type": "危险化学品经营许可", "held": True}]})
    assert advice(road)["sectors"] == ["食品经营"]  # what it holds is not missing
    clock.advance(minutes=1)
    visited(work, world, clock, entity_id=shop, RG03={"permits": [{"type": "食品经营许可证", "held": False}]})
    told = advice(road)
    assert (told["department"]["code"], told["sectors"]) == (world.department, ["食品经营"])
    assert "走访记录" in told["reason"]["zh"]


def test_neither_licence_nor_permit_is_article_7(road: Road, work: Work, world: World, clock: Clock) -> None:
    road.to_reported()
    visited(
        work, world, clock, lead_id=road.lead, RG04={"has_licence": False, "needs_permit": "yes", "has_permit": False}
    )
    assert advice(road)["article"] == 7


@pytest.mark.parametrize("ground", ["farm_produce", "daily_goods", "convenience"])
def test_an_exempt_finding_is_closed_by_the_step_that_is_advised(
    ground: str, road: Road, work: Work, world: World, clock: Clock
) -> None:
    road.to_reported(category="XS03", title="路边摊", description="自产蔬菜")
    visited(
        work,
        world,
        clock,
        lead_id=road.lead,
        RG04={"has_licence": False, "needs_permit": "no", "exempt_ground": ground},
    )
    road.does("community_dispatcher", "accept", handler=world.people["community_handler"])
    road.does(
        "community_dispatcher", "submit_up", exceeds_authority=True, ground="refuses", reason="须街道认定",
        proposed_department=world.department,
    )  # fmt: skip
    told = advice(road)
    assert (told["way"], told["article"], told["department"]) == ("close", 3, None)
    closed = road.does(
        "street_dispatcher",
        told["act"],
        outcome=told["outcome"],
        exempt_ground=told["exempt_ground"],
        reason=told["reason"]["zh"],
    )
    assert (closed["state"], closed["outcome"]) == ("closed", "exempt_art3")
    assert {one["verdict"] for one in closed["obligations"]} <= {"met", "cancelled"}


def test_what_nobody_can_tell_is_the_offices(road: Road) -> None:
    road.to_reported(title="作坊", description="门内有机器声")
    told = advice(road)
    assert (told["way"], told["act"], told["department"]) == ("office", None, None)
    assert told["reason"]["en"].endswith("the supervision office decides.")


def test_the_streets_own_table_takes_the_place_of_the_delivered_one(
    road: Road, work: Work, world: World, clock: Clock
) -> None:
    road.to_reported(title="小食店", description="兼做垂钓")
    with work() as session:
        session.add(
            PermitRule(
                sector="垂钓", permit="垂钓许可", department_code=world.department_2, scope_pattern="垂钓", hazard=1
            )
        )
    told = advice(road)
    assert (told["department"]["code"], told["sectors"]) == (world.department_2, ["垂钓"])
    with (
        work() as session
    ):  # its department is abolished: the successor receives, or the office decides where there is none
        session.get_one(Department, world.department_2).valid_to = clock.today() - timedelta(days=1)
    assert advice(road)["way"] == "office"
    with work() as session:
        session.get_one(Department, world.department_2).successor_code = world.department
    assert advice(road)["department"]["code"] == world.department
    with work() as session:
        session.get_one(PermitRule, "垂钓").department_code = None
    assert advice(road)["way"] == "office"


def test_a_push_elsewhere_says_why_and_the_event_keeps_it(road: Road, world: World) -> None:
    road.to_street()
    before = road.seen
    refused = road.seat("street_dispatcher").tries(road.lead, "push", **road.push_2)
    assert (refused.status, refused.body["code"]) == (422, "lead.input_invalid")
    assert [one["path"] for one in refused.body["facts"]["fields"]] == ["advice_overridden"]
    assert road.seen == before

    why = "店内存放烟花，先由应急部门处理"
    pushed = road.does("street_dispatcher", "push", **road.push_2, advice_overridden=why)
    assert [unit["department"] for unit in pushed["assignments"]] == [world.department_2]
    timeline = road.seat("supervision_office").caller.get(f"/api/v1/leads/{road.lead}/timeline").body["items"]
    assert [event["inputs"]["advice_overridden"] for event in timeline if event.get("step") == "T13"] == [why]


def test_as_advised_needs_no_reason_nor_does_a_ruling(road: Road, world: World) -> None:
    road.to_street()
    assert road.does("street_dispatcher", "push", **road.push)["state"] == "dispatched"
    road.to_street()
    assert road.does("street_dispatcher", "push", **road.push_2, ruling_no="裁〔2026〕1号")["state"] == "dispatched"


def test_who_returned_it_is_not_advised_again(road: Road, world: World) -> None:
    road.to_street_returned()
    told = advice(road)
    assert (told["way"], told["department"]) == ("office", None)
    assert "已退回" in told["reason"]["zh"]
    assert road.does("street_dispatcher", "push", **road.push_2)["state"] == "dispatched"


def test_advice_is_for_those_who_see_the_lead(road: Road) -> None:
    road.to_reported()
    answer = road.seat("case_officer").caller.get(f"/api/v1/leads/{road.lead}/advice")
    assert (answer.status, answer.body["code"]) == (404, "lead.not_found")
