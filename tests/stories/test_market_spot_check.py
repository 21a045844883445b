"""A market looks after itself (政社共治): the manager says that all is well, the spot check says otherwise.

Notice 003, requirements 27 to 29; domain.md §4a H; ruling R30 (a manager's lead is reviewed by the community).
"""

from __future__ import annotations

from collections.abc import Callable

from gridwatch.audit.queries import breaks
from gridwatch.domain.spot_checks import draw
from tests.fixtures import Clock, Work, World
from tests.leads.desks import Desk
from tests.phone import Phone
from tests.stories.conftest import photo

MARKETS = "/api/v1/markets"
STALLS = [f"A{number:02}" for number in range(1, 13)]
LICENSED = {"item": "RG04", "has_licence": True, "needs_permit": "no", "activity": "卖菜"}
UNLICENSED = {"item": "RG04", "has_licence": False, "needs_permit": "no", "activity": "卖菜", "exempt_ground": "none"}
DISPLAYED = {"item": "RG05B", "displayed": True}


def test_a_spot_check_that_disagrees_becomes_a_lead_and_a_rate(
    world: World, clock: Clock, work: Work, desk: Callable[[str], Desk], phone: Callable[[str], Phone],
    official_calendar: None,
) -> None:  # fmt: skip
    scope = f"grid:{world.grid_2}"

    # Monday the 14th: the office makes the grid a market, and a checklist of what the departments ask anyway.
    clock.set("2026-09-14 09:00")
    office = desk("supervision_office").caller
    opened = office.post(MARKETS, {"code": "M1", "name": "宏远市场", "grid_code": world.grid_2})
    assert (opened.status, opened.body["managers"][0]) == (200, "市场管理方 market_manager")
    office.post(f"{MARKETS}/M1/stalls", {"stalls": [{"number": number} for number in STALLS]})
    asked = {"items": ["RG04@1", "RG05B@1"], "every_days": 7, "effective_on": "2026-09-14"}
    assert office.post(f"{MARKETS}/M1/checklists", asked).body["version"] == 1

    # The manager's phone holds the market, with every stall due today; he makes his round without a network.
    manager = phone("market_manager")
    (held,) = manager.documents("market").values()
    assert [one["version"] for one in held[1]["checklists"]] == [1]
    assert {one["due_on"] for one in held[1]["stalls"]} == {"2026-09-14"}
    manager.goes_offline()
    clock.set("2026-09-14 15:00")
    all_well = [{"stall": number, "findings": [LICENSED, DISPLAYED]} for number in STALLS]
    round_ = manager.queue("checklist.submit", {"market": "M1", "checklist": 1, "stalls": all_well}, scope=scope)
    manager.comes_back()
    manager.sync()
    assert manager.outcome_of(round_) == ("accepted", None)
    (held,) = manager.documents("market").values()
    assert {one["due_on"] for one in held[1]["stalls"]} == {"2026-09-21"}
    assert office.get(f"{MARKETS}/M1").body["last_round_on"] == "2026-09-14"

    # Wednesday: the community puts seed and size on record, then draws. Anybody who reads the seed draws the same.
    clock.set("2026-09-16 09:00")
    community = desk("community_dispatcher").caller
    announced = community.post(f"{MARKETS}/M1/draws", {"month": "2026-09", "size": 3}).body
    assert (announced["drawn_at"], announced["drawn"]) == (None, [])
    drawn = community.post(f"{MARKETS}/M1/draws/2026-09/draw").body
    assert drawn["drawn"] == draw(STALLS, 3, seed=announced["seed"], month="2026-09", market="M1")
    assert office.post(f"{MARKETS}/M1/draws/2026-09/draw").body == drawn
    assert desk("market_manager").caller.get(f"{MARKETS}/M1/draws/2026-09").status == 404
    manager.sync()
    assert announced["seed"] not in str(manager.documents("market"))

    # The worker reads what is drawn and looks at the same points. At the second stall nobody has a licence.
    clock.set("2026-09-17 10:00")
    worker = phone("grid_worker_2")
    first, second, third = desk("grid_worker_2").caller.get(f"{MARKETS}/M1/draws/2026-09").body["drawn"]
    seen = photo("没有执照的铺位")
    check = worker.queue(
        "checklist.submit",
        {"market": "M1", "checklist": 1, "draw": "2026-09", "stalls": [
            {"stall": first, "findings": [LICENSED, DISPLAYED]},
            {"stall": second, "findings": [UNLICENSED, DISPLAYED], "remarks": "摊主说没有办过", "photos": [seen["sha256"]]},
            {"stall": third, "findings": [LICENSED, DISPLAYED]},
        ]},
        scope=scope, files=[seen],
    )  # fmt: skip
    tap = worker.queue("lead.report", {"round_id": check["id"], "stall": second}, scope=scope, depends_on=[check["id"]])
    worker.sync()
    assert [worker.outcome_of(one) for one in (check, tap)] == [("accepted", None)] * 2

    # The lead has what is known filled in, and is a worker's: no review of the manager's word.
    lead = desk("community_dispatcher").sees(tap["id"])
    assert (lead["category"], lead["source"], lead["flags"]) == ("XS03", "worker", [])
    assert (lead["grid_code"], lead["evidence"]) == (world.grid_2, [seen["sha256"]])
    assert second in lead["title"]
    assert "摊主说没有办过" in lead["description"]

    # The rate says it, of the market: one point of nine, so as a fraction.
    result = community.get(f"{MARKETS}/M1/draws/2026-09").body
    differ = [
        (stall["stall"], one["point"]) for stall in result["stalls"] for one in stall["points"] if not one["agrees"]
    ]
    assert differ == [(second, "RG04.has_licence")]
    assert {stall["round"] for stall in result["stalls"]} == {round_["id"]}
    (told,) = office.get(f"{MARKETS}/rates?month=2026-09").body["items"]
    assert (told["drawn"], told["checked"], told["without_round"]) == (3, 3, 0)
    assert told["rate"] == {"numerator": 1, "denominator": 9, "percent": None, "text": "1/9"}
    with work() as session:
        assert list(breaks(session)) == []


def test_what_the_manager_finds_himself_is_a_lead_that_the_community_reviews(
    world: World, clock: Clock, desk: Callable[[str], Desk], phone: Callable[[str], Phone], official_calendar: None
) -> None:
    scope = f"grid:{world.grid_2}"
    clock.set("2026-09-14 09:00")
    office = desk("supervision_office").caller
    office.post(MARKETS, {"code": "M1", "name": "宏远市场", "grid_code": world.grid_2})
    office.post(f"{MARKETS}/M1/stalls", {"stalls": [{"number": "A01", "name": "老陈蔬菜"}]})
    asked = {"items": ["RG04@1"], "every_days": 1, "effective_on": "2026-09-14"}
    office.post(f"{MARKETS}/M1/checklists", asked)

    manager = phone("market_manager")
    found = [{"stall": "A01", "findings": [UNLICENSED]}]
    round_ = manager.queue("checklist.submit", {"market": "M1", "stalls": found}, scope=scope)
    manager.sync()
    (listed,) = desk("community_dispatcher").caller.get(f"{MARKETS}/M1/rounds").body["items"]
    assert [offer["transfer"] for offer in listed["stalls"][0]["offers"]] == ["RG04.no_licence"]
    tap = manager.queue(
        "lead.report", {"round_id": round_["id"], "stall": "A01", "transfer": "RG04.no_licence"}, scope=scope
    )
    manager.sync()
    assert manager.outcome_of(tap) == ("accepted", None)
    lead = desk("community_dispatcher").sees(tap["id"])
    assert (lead["source"], lead["flags"], lead["title"].endswith("老陈蔬菜")) == ("market", ["needs_review"], True)
    # T05 is the review.
    accepted = desk("community_dispatcher").does(tap["id"], "accept", handler=world.people["community_handler"])
    assert accepted["flags"] == []
