"""Spot checks: the draw can be made again by anybody, answers are compared point by point, small numbers stay fractions."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

from gridwatch.domain.item_catalogue import BUILT_IN
from gridwatch.domain.spot_checks import Point, Rate, compare, draw, rate_of

FORMS = {one["code"]: one for one in BUILT_IN if one["code"] in ("RG04", "RG05B")}
STALLS = [f"A{number:02}" for number in range(1, 31)]


def looks(*findings: dict[str, Any]) -> dict[str, Any]:
    return {"findings": list(findings)}


def test_the_same_seed_gives_the_same_stalls_whoever_draws_and_in_whatever_order_they_stand():
    drawn = draw(STALLS, 5, seed="01ab", month="2026-09", market="M1")
    assert drawn == draw([*reversed(STALLS), "A01"], 5, seed="01ab", month="2026-09", market="M1")
    assert drawn == sorted(STALLS, key=lambda one: hashlib.sha256(f"01ab|2026-09|M1|{one}".encode()).hexdigest())[:5]
    assert draw(STALLS, 3, seed="01ab", month="2026-09", market="M1") == drawn[:3]
    assert sorted(draw(STALLS, 99, seed="01ab", month="2026-09", market="M1")) == STALLS


@pytest.mark.parametrize("other", [{"seed": "01ac"}, {"month": "2026-10"}, {"market": "M2"}])
def test_another_seed_month_or_market_gives_others(other: dict[str, str]):
    told = {"seed": "01ab", "month": "2026-09", "market": "M1"}
    assert draw(STALLS, 10, **told) != draw(STALLS, 10, **told | other)


def test_every_stall_has_the_same_chance():
    hits = dict.fromkeys(STALLS, 0)
    for number in range(600):
        for stall in draw(STALLS, 5, seed=f"{number:x}", month="2026-09", market="M1"):
            hits[stall] += 1
    assert all(60 < times < 145 for times in hits.values()), hits  # 100 expected


def test_closed_answers_are_compared_and_words_are_not():
    manager = looks(
        {"item": "RG05B", "displayed": True},
        {"item": "RG04", "has_licence": True, "needs_permit": "no", "activity": "卖菜"},
    )
    worker = looks(
        {"item": "RG05B", "displayed": True},
        {"item": "RG04", "has_licence": False, "needs_permit": "no", "exempt_ground": "none", "activity": "蔬菜零售"},
    )
    assert compare(manager, worker, FORMS) == [
        Point("RG04.has_licence", True, False, False),
        Point("RG04.needs_permit", "no", "no", True),
        Point("RG05B.displayed", True, True, True),
    ]  # `exempt_ground` shows on one side only: it follows from the licence, which has been counted


def test_choices_are_alike_in_any_order_and_true_is_not_1():
    both = {"item": "RG04", "has_licence": True, "needs_permit": "no", "activity": "x"}
    (hazard,) = [one for one in FORMS["RG04"]["fields"] if one["name"] == "hazard"]
    first, second = hazard["items"]["enum"][:2]
    points = compare(looks(both | {"hazard": [first, second]}), looks(both | {"hazard": [second, first]}), FORMS)
    assert [one.agrees for one in points] == [True] * 3
    assert not compare(looks({"item": "RG05B", "displayed": True}), looks({"item": "RG05B", "displayed": 1}), FORMS)[
        0
    ].agrees


@pytest.mark.parametrize(
    ("rate", "percent", "text"),
    [(Rate(0, 0), None, "—"), (Rate(1, 4), None, "1/4"), (Rate(3, 9), None, "3/9"), (Rate(0, 10), 0.0, "0.0%"), (Rate(1, 16), 6.2, "6.2%")],
)  # fmt: skip
def test_below_ten_a_rate_is_a_fraction(rate: Rate, percent: float | None, text: str):
    assert (rate.percent, rate.text) == (percent, text)


def test_a_rate_counts_what_differs_of_what_was_compared():
    assert rate_of([Point("a", 1, 1, True), Point("b", 1, 2, False)]) == Rate(1, 2)
