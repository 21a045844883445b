"""Suggestions from the text of an address, measured on the real addresses of 南城.

The truth is what an address says of itself: X社区, X村. Those very words are taken out before the question is put, and out of what is
known the address itself is left. What is known are the other addresses that say their community, so no guess feeds another. The
baseline is the rule that the data came with: a road lies in a community if 70 % of the addresses that say so lie there.
"""

from __future__ import annotations

import csv
from collections import Counter, defaultdict

import pytest

from gridwatch.domain.address_hints import KnownAddresses, keys_of
from gridwatch.domain.address_text import Gazetteer, normal, read_address
from tests.databases import ROOT

NANCHENG = ROOT / "tests/data/nancheng"


@pytest.fixture(scope="module")
def gazetteer() -> Gazetteer:
    with (NANCHENG / "areas.csv").open(encoding="utf-8-sig") as file:
        rows = list(csv.DictReader(file))
    streets = [(row["code"], row["name"]) for row in rows if row["level"] == "street"] + [("441900004", "篁村区")]
    return Gazetteer.of(streets, [(row["code"], row["name"]) for row in rows if row["level"] == "community"])


@pytest.fixture(scope="module")
def said(gazetteer: Gazetteer) -> dict[str, str]:
    """Address → community, of the addresses that say their community."""
    with (NANCHENG / "entities.csv").open(encoding="utf-8-sig") as file:
        texts = [row["address"] for row in csv.DictReader(file)]
    read = {text: read_address(text, gazetteer) for text in texts}
    return {text: str(parts.community_code) for text, parts in read.items() if parts.says_community}


def masked(text: str, code: str, gazetteer: Gazetteer) -> str:
    """The address without the words that say its community."""
    hidden = normal(text)
    for name, of in gazetteer.communities.items():
        if of == code:
            hidden = hidden.replace(name, "")
    return hidden


def test_where_it_is_sure_it_is_right_and_it_beats_the_rule_by_road(said: dict[str, str], gazetteer: Gazetteer):
    known = KnownAddresses(said.items(), gazetteer)
    roads: dict[str, dict[str, str]] = defaultdict(dict)
    for text, code in said.items():
        for kind, words in keys_of(read_address(text, gazetteer)):
            if kind == "road":
                roads[words][text] = code
    ours, baseline, first = Counter(), Counter(), Counter()
    for text, code in said.items():
        question = masked(text, code, gazetteer)
        assert question != normal(text)
        assert not read_address(question, gazetteer).says_community
        hints = known.hints(question, without=text)
        first[bool(hints) and hints[0].place == code] += bool(hints)
        for hint in hints:
            if hint.sure:
                ours[hint.place == code] += 1
        for kind, words in keys_of(read_address(question, gazetteer)):
            lies = (
                Counter(place for other, place in roads[words].items() if other != text)
                if kind == "road"
                else Counter()
            )
            if lies and lies.most_common(1)[0][1] >= 0.7 * lies.total():
                baseline[lies.most_common(1)[0][0] == code] += 1
    precision, by_road = ours[True] / ours.total(), baseline[True] / baseline.total()
    assert ours.total() >= 30, ours
    assert precision >= 0.98, ours
    assert by_road < precision, baseline
    assert first[True] / first.total() >= 0.80, first


@pytest.mark.parametrize(
    ("known", "asked", "hints"),
    [
        ({}, "鸿福路88号", []),
        ({"鸿福路88号101室": "甲", "鸿福路88号5楼": "甲"}, "鸿福路88号", [("甲", "door", 2, 2, True)]),
        ({"鸿福路88号101室": "甲"}, "鸿福路88号", [("甲", "door", 1, 1, False)]),
        ({"鸿福路88号1室": "甲", "鸿福路88号2室": "乙"}, "鸿福路88号", [("乙", "door", 1, 2, False), ("甲", "door", 1, 2, False)]),
        ({"元美路1号丰硕广场A座": "甲", "丰硕广场B座3楼": "甲"}, "丰硕广场C座", [("甲", "building", 2, 2, True)]),
        ({"综合楼1楼": "甲", "综合楼2楼": "甲"}, "综合楼3楼", []),
        (
            {"鸿福路1号": "甲", "鸿福路2号": "甲", "鸿福路3号": "乙"},
            "鸿福路9号",
            [("甲", "road", 2, 3, False), ("乙", "road", 1, 3, False)],
        ),
        (
            {"鸿福路88号1室": "甲", "鸿福路88号2室": "甲"} | {f"鸿福路{n}号": "乙" for n in range(1, 6)},
            "鸿福路88号",
            [("甲", "door", 2, 2, False), ("乙", "road", 5, 7, False)],
        ),
    ],
    ids=[
        "nothing known", "two at the door", "one is not enough", "two disagree", "the building", "any 综合楼 says nothing",
        "only the road", "the road speaks against it",
    ],
)  # fmt: skip
def test_what_is_suggested_and_why(known, asked, hints):
    found = KnownAddresses(known.items()).hints(asked)
    assert [(one.place, one.kind, one.there, one.known, one.sure) for one in found] == hints
