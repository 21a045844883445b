"""Addresses as people write them, read into ten levels: a table read by hand, and how much of the real ones is read."""

from __future__ import annotations

import csv

import pytest

from gridwatch.domain.address_text import Gazetteer, is_shared, normal, read_address
from tests.databases import ROOT

NANCHENG = ROOT / "tests/data/nancheng"
CITY = "东莞市南城区"


@pytest.fixture(scope="module")
def gazetteer() -> Gazetteer:
    with (NANCHENG / "areas.csv").open(encoding="utf-8-sig") as file:
        rows = list(csv.DictReader(file))
    streets = [(row["code"], row["name"]) for row in rows if row["level"] == "street"] + [("441900004", "篁村区")]
    return Gazetteer.of(streets, [(row["code"], row["name"]) for row in rows if row["level"] == "community"])


# What follows the street: community | road | number | building | unit | room | stall
BY_HAND = [
    ("篁村社区宏远路8号5楼507室", "篁村社区|宏远路|8号|||5楼507室|"),
    ("雅园社区盛园街2号A栋102", "雅园社区|盛园街|2号|A栋||102|"),
    ("白马村", "白马村||||||"),
    ("水濂社区香樟路2号", "水濂社区|香樟路|2号||||"),
    ("莞太路胜和路段22号福民大厦北楼三楼8号", "|莞太路胜和路段|22号|福民大厦北楼||三楼8号|"),
    ("胜和红山路十四巷10号", "胜和|红山路十四巷|10号||||"),
    ("胜和路华凯大厦910室", "|胜和路||华凯大厦||910室|"),
    ("元美路22号黄金花园丰硕广场办公1401-1406号", "|元美路|22号|黄金花园丰硕广场||1401-1406号|"),
    ("鸿福路200号1栋2单元1201室", "|鸿福路|200号|1栋|2单元|1201室|"),
    ("雅园工业区广园街3号二楼", "|雅园工业区广园街|3号|||二楼|"),
    ("新城社区稻花村18幢103号铺", "新城社区|稻花村||18幢|||103号铺"),
    ("宏图大道21号万科金域华府10号楼101、102号铺", "|宏图大道|21号|万科金域华府10号楼|||101、102号铺"),
    ("石鼓大龙路7号之2", "石鼓|大龙路|7号之2||||"),
    ("新农路一街五巷11号102室", "|新农路一街五巷|11号|||102室|"),
    ("胜和上边甲新村8巷5号", "胜和|上边甲新村8巷|5号||||"),
    ("莞太路南城段31号601室", "|莞太路南城段|31号|||601室|"),
    ("元美中心B2幢904室", "|||元美中心B2幢||904室|"),  # a building that is called after a community is no community
    ("宏远大厦16楼", "|||宏远大厦||16楼|"),
    ("三元里社区财津商务大厦11楼1112、1113号", "三元里社区|||财津商务大厦||11楼1112、1113号|"),
    ("体育横路景泰轩商住楼６Ｄ", "|体育横路||景泰轩商住楼||6D|"),  # full width
    ("西平社区西平三路9号邦泰创意园B栋第二层B201号", "西平社区|西平三路|9号|邦泰创意园B栋||第二层B201号|"),
    ("蛤地新农村83号", "蛤地|新农村|83号||||"),
]


@pytest.mark.parametrize(("text", "levels"), BY_HAND)
def test_read_by_hand(text: str, levels: str, gazetteer: Gazetteer):
    parts = read_address(CITY + text, gazetteer)
    assert (parts.province, parts.city, parts.county, parts.street) == ("", "东莞市", "", "南城区")
    assert parts.street_code == "441900004"
    found = (parts.community, parts.road, parts.number, parts.building, parts.unit, parts.room, parts.stall)
    assert ("|".join(found), parts.rest) == (levels, "")


@pytest.mark.parametrize(
    ("text", "upper"),
    [
        ("广东省东莞市南城街道鸿福路1号", ("广东省", "东莞市", "", "南城街道")),  # a city without counties
        ("东莞市篁村区新基村", ("", "东莞市", "", "篁村区")),  # its older name
        ("广东省深圳市南山区粤海街道科技路1号", ("广东省", "深圳市", "南山区", "粤海街道")),  # a city with them
        ("广西壮族自治区南宁市青秀区民族大道1号", ("广西壮族自治区", "南宁市", "青秀区", "")),
        ("鸿福路1号", ("", "", "", "")),
    ],
)
def test_the_upper_levels_with_and_without_counties(text: str, upper: tuple[str, ...], gazetteer: Gazetteer):
    parts = read_address(text, gazetteer)
    assert (parts.province, parts.city, parts.county, parts.street) == upper


def test_brackets_and_words_that_say_nothing_are_kept_aside(gazetteer: Gazetteer):
    parts = read_address("东莞市南城街道簪花路北侧华凯豪庭（活力中心）办公1606（集群注册）", gazetteer)
    assert (parts.brackets, parts.passed) == (("活力中心", "集群注册"), ("北侧", "办公"))
    assert is_shared("鸿福路82号（集群注册）")
    assert not is_shared("鸿福路82号")


@pytest.mark.parametrize(
    "text",
    ["", " ", "!?", "号号号", "((((", "（（）", "a" * 10_000, "一" * 5_000, "路" * 3_000, "1" * 5_000, "\0\ud800"],
)
def test_nothing_makes_it_fail_or_hang(text: str, gazetteer: Gazetteer):
    parts = read_address(text, gazetteer)
    assert len("".join(parts.levels.values())) + len(parts.rest) <= len(normal(text))


def test_the_real_addresses_are_read_and_nothing_is_lost(gazetteer: Gazetteer):
    with (NANCHENG / "entities.csv").open(encoding="utf-8-sig") as file:
        texts = [row["address"] for row in csv.DictReader(file)]
    read = [(normal(text), read_address(text, gazetteer)) for text in texts]
    for text, parts in read:
        pieces = [*parts.levels.values(), *parts.brackets, *parts.passed, parts.rest]
        assert sorted(char for char in text if char not in "()（）[]【】") == sorted("".join(pieces)), text
    assert sum(not parts.rest for _, parts in read) / len(read) >= 0.80
    assert sum(len(parts.rest) for _, parts in read) / sum(len(text) for text, _ in read) <= 0.06
    assert all(parts.city == "东莞市" and not parts.county for _, parts in read)


def test_house_numbers_are_those_of_the_register(gazetteer: Gazetteer):
    with (NANCHENG / "entities.csv").open(encoding="utf-8-sig") as file:
        rows = list(csv.DictReader(file))
    with (NANCHENG / "addresses.csv").open(encoding="utf-8-sig") as file:
        numbers = {row["code"]: row["house_no"] for row in csv.DictReader(file)}
    both = [
        (numbers[row["address_code"]], number)
        for row in rows
        if row["address_code"]
        and numbers[row["address_code"]]
        and (number := read_address(row["address"], gazetteer).number)
    ]
    assert len(both) > 500
    assert sum(read.startswith(kept) for kept, read in both) / len(both) >= 0.99
