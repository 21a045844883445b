"""A lead goes to the wrong department, which gives it back with ground and proper department (domain.md §4c, worked case 2)."""

from __future__ import annotations

from collections.abc import Callable

from tests.fixtures import Clock, World
from tests.leads.desks import BASIS, PHOTO, Desk, duty
from tests.leads.test_steps import to_department


def test_a_department_gives_back_what_is_not_its_own_and_the_right_one_gets_the_full_time(
    world: World, clock: Clock, desk: Callable[[str], Desk], reported: Callable[..., str]
) -> None:
    clock.set("2025-09-22 10:00")
    lead = reported()
    to_department(desk, lead, world)
    pushed = desk("department_leader").sees(lead)
    assert duty(pushed, "intervene")["due_on"] == "2025-09-28"  # a Sunday that is worked in exchange

    clock.set("2025-09-24 15:00")
    asked = desk("department_leader").does(
        lead,
        "request_return",
        code="not_our_duty",
        legal_ground="食品经营由许可部门监管",
        proper_department=world.department_2,
    )
    assert asked["assignments"][0]["state"] == "return_pending"
    assert duty(asked, "intervene")["verdict"] == "open"  # nothing stops while it is decided
    assert desk("case_officer").tries(
        lead, "intervene", type="on_site", occurred_on="2025-09-24", people="两人", narrative="现场检查", evidence=[PHOTO]
    ).status == 409  # fmt: skip

    clock.set("2025-09-25 10:00")
    approved = desk("street_dispatcher").does(lead, "approve_return", decision="同意退回")
    assert (approved["state"], approved["bounces"]) == ("street", 1)
    assert duty(approved, "intervene")["verdict"] == "cancelled"

    again = desk("street_dispatcher").does(
        lead, "push", lead_department=world.department_2, legal_basis=BASIS, summary="无证餐饮"
    )
    right = [one for one in again["obligations"] if one["assignment"] == again["assignments"][-1]["id"]]
    dates = {(one["kind"], one["k"]): one["due_on"] for one in right}
    assert dates == {("intervene", 1): "2025-10-09", ("feedback", 1): "2025-10-22", ("feedback", 2): "2025-11-12"}
    wrong = [one for one in again["obligations"] if one["assignment"] == again["assignments"][0]["id"]]
    assert {one["verdict"] for one in wrong} == {"cancelled", "met"}  # the ruling was met; nothing stays missed
