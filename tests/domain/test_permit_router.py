"""The router of decree 684: every row of the permit table, every exemption, what is uncertain; each with its reason."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import pytest

from gridwatch.domain.lead_flow import rows_of
from gridwatch.domain.lead_guards import WITHOUT_PUSH
from gridwatch.domain.lead_words import CATEGORIES, EXEMPTIONS, Act
from gridwatch.domain.permit_router import Finding, Hit, Router, Seen, Way
from gridwatch.domain.permit_table import AUTHORITIES, TABLE, Kind, Rule

ROUTER = Router()
FOOD = Hit("食品经营", "餐饮", Seen.REPORT)
TOBACCO = Hit("烟草", "香烟", Seen.SCOPE)
FIREWORKS = Hit("危险化学品", "烟花爆竹", Seen.VISIT)

# sector, words of a scope or report that show it (empty: only the name of the permit does), who grants it
ROWS = [
    ("食品经营", "餐饮服务", Kind.FOOD_DRUG), ("药品经营", "药品零售", Kind.FOOD_DRUG),
    ("医疗器械", "销售第三类医疗器械", Kind.FOOD_DRUG), ("食品生产", "肉制品加工", Kind.FOOD_DRUG),
    ("危险化学品", "烟花爆竹零售", Kind.EMERGENCY), ("成品油", "加油站", Kind.COMMERCE), ("旅馆业", "宾馆", Kind.POLICE),
    ("公章刻制", "印章刻制", Kind.POLICE), ("保安服务", "提供保安服务", Kind.POLICE), ("网吧", "互联网上网服务", Kind.CULTURE),
    ("娱乐场所", "歌舞厅", Kind.CULTURE), ("出版印刷", "包装装潢印刷", Kind.CULTURE), ("民办培训", "课外辅导", Kind.EDUCATION),
    ("劳务派遣", "劳务派遣", Kind.LABOUR), ("人力资源", "职业中介", Kind.LABOUR), ("道路运输", "机动车维修", Kind.TRANSPORT),
    ("医疗机构", "口腔门诊", Kind.HEALTH), ("公共场所卫生", "理发", Kind.HEALTH), ("烟草", "卷烟零售", Kind.TOBACCO),
    ("房地产经纪", "房地产中介", Kind.HOUSING), ("建筑施工", "钢结构工程", Kind.HOUSING), ("废旧回收", "废品收购", Kind.COMMERCE),
    ("危废排污", "", Kind.ENVIRONMENT), ("燃气", "", Kind.URBAN), ("特种设备", "", Kind.MARKET),
]  # fmt: skip


def test_the_rows_here_are_those_of_the_table() -> None:
    assert [row[0] for row in ROWS] == [rule.sector for rule in TABLE]


@pytest.mark.parametrize(("sector", "words", "kind"), ROWS, ids=[row[0] for row in ROWS])
def test_a_row_of_the_permit_table(sector: str, words: str, kind: Kind) -> None:
    rule = next(rule for rule in TABLE if rule.sector == sector)
    hits = ROUTER.hits(words or f"未取得{rule.permit}", Seen.REPORT)
    assert sector in [hit.sector for hit in hits]
    advice = ROUTER.advise(Finding("XS04", licensed=True, hits=tuple(hit for hit in hits if hit.sector == sector)))
    assert (advice.way, advice.authority, advice.article, advice.act) == (Way.PUSH, kind, 5, Act.PUSH)
    assert advice.leaflet is not None
    assert rule.permit in advice.leaflet[0]
    assert rule.en in advice.leaflet[1]
    assert rule.permit in advice.reason[0]
    assert rule.en in advice.reason[1]


class Case(NamedTuple):
    """A finding, and what is advised for it."""

    finding: Finding
    way: Way
    authority: Kind | None
    article: int | None
    assists: tuple[str, ...] = ()
    said: str = ""


# fmt: off
CASES = {
    "not at its address": Case(Finding("XS01"), Way.PUSH, Kind.MARKET, None, said="登记机关"),
    "address differs": Case(Finding("XS02"), Way.PUSH, Kind.MARKET, None, said="变更登记"),
    "no licence": Case(Finding("XS03", licensed=False), Way.PUSH, Kind.MARKET, 6),
    "licence, no permit": Case(Finding("XS04", licensed=True, hits=(FOOD,)), Way.PUSH, Kind.FOOD_DRUG, 5, said="餐饮"),
    "whether licensed is unknown": Case(Finding("XS04", hits=(FOOD,)), Way.PUSH, Kind.FOOD_DRUG, 5),
    "neither": Case(Finding("XS04", licensed=False, hits=(FOOD,)), Way.PUSH, Kind.FOOD_DRUG, 7, said="无照无证"),
    "permit, no licence": Case(Finding("XS04", licensed=False, has_permit=True, hits=(FOOD,)), Way.PUSH, Kind.MARKET, 6),
    "several missing": Case(Finding("XS04", licensed=True, hits=(TOBACCO, FOOD, FIREWORKS)), Way.PUSH, Kind.EMERGENCY, 5,
                            (Kind.FOOD_DRUG, Kind.TOBACCO), said="危险程度最高"),
    "two of one authority": Case(Finding("XS04", hits=(FOOD, Hit("药品经营", "处方药", Seen.SCOPE))), Way.PUSH, Kind.FOOD_DRUG, 5),
    # uncertain: the supervision office
    "no permit recognised": Case(Finding("XS04", licensed=True), Way.OFFICE, None, 8, said="看不出需要哪项许可"),
    "a sector that the table has not": Case(Finding("XS04", hits=(Hit("养蜂", "蜂蜜", Seen.REPORT),)), Way.OFFICE, None, 8),
    "uncertain at the door": Case(Finding("XS04", needs_permit="uncertain", hits=(FOOD,)), Way.OFFICE, None, 8, said="没有确定"),
    "no permit needed, says the visit": Case(Finding("XS04", needs_permit="no", hits=(FOOD,)), Way.OFFICE, None, 8),
    "returned by the competent one": Case(Finding("XS04", hits=(FOOD,), returned_by=frozenset({Kind.FOOD_DRUG})), Way.OFFICE, None, 8,
                                          said="已退回"),
    "returned by another": Case(Finding("XS04", hits=(FOOD,), returned_by=frozenset({Kind.URBAN})), Way.PUSH, Kind.FOOD_DRUG, 5),
    # what looks exempt and is not
    "an exemption is for unlicensed business": Case(Finding("XS01", exempt="farm_produce"), Way.PUSH, Kind.MARKET, None),
    "what needs a permit is not exempt": Case(Finding("XS04", exempt="daily_goods", needs_permit="yes", hits=(TOBACCO,)), Way.PUSH,
                                              Kind.TOBACCO, 5),
    "services that need a permit": Case(Finding("XS04", exempt="convenience", hits=(FOOD,)), Way.PUSH, Kind.FOOD_DRUG, 5),
    "no such ground": Case(Finding("XS03", exempt="friendship"), Way.PUSH, Kind.MARKET, 6),
}
# fmt: on


@pytest.mark.parametrize("name", CASES)
def test_what_is_advised_and_why(name: str) -> None:
    case = CASES[name]
    advice = ROUTER.advise(case.finding)
    told = (advice.way, advice.authority, advice.article, advice.assists)
    assert told == (case.way, case.authority, case.article, case.assists)
    assert case.said in advice.reason[0]
    assert all(advice.reason)
    assert (advice.leaflet is not None) == (case.way is Way.PUSH)
    assert (advice.act is None) == (case.way is Way.OFFICE)


@pytest.mark.parametrize("category", ["XS03", "XS04"])
@pytest.mark.parametrize("ground", EXEMPTIONS)
def test_an_exemption_closes_without_a_push(ground: str, category: str) -> None:
    advice = ROUTER.advise(Finding(category, licensed=False, exempt=ground))
    assert (advice.way, advice.article, advice.authority) == (Way.CLOSE, 3, None)
    assert EXEMPTIONS[ground][0] in advice.reason[0]
    (step,) = [step for step, _ in rows_of(advice.act)]
    assert step.id == "T12"
    assert advice.outcome in WITHOUT_PUSH
    fields = {one.name: one.choices for one in step.fields}
    assert advice.outcome in fields["outcome"]
    assert advice.exempt_ground in fields["exempt_ground"]


def test_words_in_an_excluding_bracket_do_not_count() -> None:
    assert [hit.sector for hit in ROUTER.hits("销售日用品（不含危险化学品、烟草）", Seen.SCOPE)] == []


def test_hits_come_with_the_greatest_hazard_first_and_say_what_they_saw() -> None:
    hits = ROUTER.hits("小食店，兼售香烟、汽油", Seen.SCOPE)
    assert [(hit.sector, hit.words) for hit in hits] == [("成品油", "汽油"), ("食品经营", "小食"), ("烟草", "香烟")]


@pytest.mark.parametrize(
    ("written", "sector"),
    [("食品经营许可", "食品经营"), ("食品经营许可证", "食品经营"), (" 烟草 ", "烟草"), ("渔业捕捞", None), ("", None)],
)
def test_a_permit_as_it_was_written_at_the_door(written: str, sector: str | None) -> None:
    assert ROUTER.sector_of(written) == sector


def test_a_street_has_its_own_table() -> None:
    own = Router(
        (Rule("养蜂", "养蜂登记", "NY-01", "蜂蜜", 3), Rule("垂钓", "垂钓许可", None, "垂钓", 5)), market="SC-01"
    )
    assert own.advise(Finding("XS04", hits=tuple(own.hits("销售蜂蜜", Seen.REPORT)))).authority == "NY-01"
    assert own.advise(Finding("XS03")).authority == "SC-01"
    nobody = own.advise(Finding("XS04", hits=tuple(own.hits("垂钓园，兼售蜂蜜", Seen.REPORT))))
    assert (nobody.way, nobody.sectors) == (Way.OFFICE, ("垂钓", "养蜂"))
    both = own.advise(Finding("XS04", hits=(Hit("养蜂", "蜂蜜", Seen.REPORT), Hit("垂钓", "垂钓", Seen.REPORT))))
    assert both.way is Way.OFFICE  # the greater hazard leads, and nobody is named for it
    lesser = replace(own, table=(replace(own.table[0], hazard=9), own.table[1]))
    led = lesser.advise(Finding("XS04", hits=tuple(own.hits("垂钓园，兼售蜂蜜", Seen.REPORT))))
    assert (led.way, led.authority, led.assists) == (Way.PUSH, "NY-01", ())
    assert "垂钓许可没有找到对应的部门" in led.reason[0]
    assert replace(own, market=None).advise(Finding("XS03")).way is Way.OFFICE


def test_every_kind_of_department_has_names() -> None:
    assert set(AUTHORITIES) == set(Kind)
    assert {rule.authority for rule in TABLE} <= set(Kind)
    assert all(one.told_by and all(one.words) for one in AUTHORITIES.values())
    assert len({rule.hazard for rule in TABLE}) == len(TABLE)  # which of two leads is never left to chance


def test_an_unknown_category_is_refused() -> None:
    with pytest.raises(ValueError, match="XS99"):
        ROUTER.advise(Finding("XS99"))
    assert all(ROUTER.advise(Finding(category)).reason for category in CATEGORIES)
