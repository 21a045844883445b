"""Inspection items 入格事项 as data: who is visited, how often, what is asked, when a finding goes further.

The five grid items RG01–RG05 are those of seed 003; codes, fields, values and cycles are defaults of the product
(domain.md §4d, marked [D] there). RC01 and VF01 are the two visits that a lead orders: recheck 复检 and closing
verification 核查结案. A worker checks facts, nothing here is an administrative inspection (domain.md §0.6).

An item is immutable once published: a changed form is a new version beside the old one, so that a phone that was
offline while the form changed is still understood. What a visit brings back is judged in `items.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Words = tuple[str, str]  # Chinese, English


@dataclass(frozen=True, slots=True)
class Field:
    """One question of a form. `kind` is choice, choices, flag, text, number, day, code or rows.

    `needed` says that an answer is due; with `when` = (field, values) only if that field has one of those values.
    `rows` asks the questions of `of` for each row, at least one of them if needed.
    """

    name: str
    words: Words
    kind: str
    choices: Mapping[str, Words] | None = None
    needed: bool = True
    when: tuple[str, frozenset[Any]] | None = None
    limit: int = 200
    pattern: str | None = None
    of: tuple[Field, ...] = ()


@dataclass(frozen=True, slots=True)
class Transfer:
    """移交条件: a finding with one of `values` in `field` may become a lead of one of `categories`; never by itself.

    `photos` names the pictures that the finding needs as evidence, three at most (R37). `after_recheck`: only when a
    recheck finds it again.
    """

    field: str
    values: frozenset[Any]
    categories: tuple[str, ...]
    words: Words
    photos: tuple[str, ...] = ()
    after_recheck: bool = False


@dataclass(frozen=True, slots=True)
class Item:
    """One version of an item. `every_visit`: may be answered at any visit, whether the task names it or not."""

    code: str
    version: int
    words: Words
    visited: Words
    cycle: Words
    duty: Words
    fields: tuple[Field, ...]
    transfers: tuple[Transfer, ...] = ()
    every_visit: bool = False

    @property
    def name(self) -> str:
        """Code and version as they stand in a task and in a pushed visit: `RG01@1`."""
        return f"{self.code}@{self.version}"


def _choices(**words: Words) -> dict[str, Words]:
    return words


def _any(*values: Any) -> frozenset[Any]:
    return frozenset(values)


# fmt: off
_NEW = ("新登记或变更住所的市场主体", "entities newly registered or with a changed address")
_DOOR, _INSIDE, _AROUND = "door_plate", "interior", "surroundings"

RG01 = Item(
    "RG01", 1, ("登记地址信息核查", "registered address"), _NEW,
    ("首检 10 个工作日，以后每年一次", "first check within 10 work days, then yearly"),
    ("找到标准地址，扫描或绑定二维码，与登记信息比对", "find the standard address, scan or bind its QR code, compare"),
    fields=(
        Field("occupancy", ("现场情况", "who is there"), "choice", _choices(
            registered_entity=("登记主体在此", "the registered entity"), other_entity=("其他主体", "another entity"),
            residence=("住宅", "a residence"), vacant=("空置", "vacant"), no_such_number=("无此门牌", "no such number"),
            demolished=("已拆除", "demolished"), refused=("拒绝核查", "refused"))),
        Field("match", ("与登记地址比对", "compared with the register"), "choice", _choices(
            exact=("相符", "the same"), same_building_other_room=("同楼不同室", "same building, other room"),
            different=("不符", "different"), uncertain=("无法确定", "uncertain")),
            when=("occupancy", _any("registered_entity"))),
        Field("address_code", ("标准地址代码", "standard address"), "code", needed=False, limit=32),
        Field("qr_scanned", ("已扫描二维码", "QR code scanned"), "flag", needed=False),
    ),
    transfers=(
        Transfer("occupancy", _any("other_entity", "residence", "vacant", "no_such_number", "demolished", "refused"),
                 ("XS01", "XS02"), ("登记地址查无此主体", "the entity is not at its registered address"),
                 photos=(_DOOR, _INSIDE)),
        Transfer("match", _any("same_building_other_room", "different"), ("XS02",),
                 ("地址与登记不符", "the address differs from the register"), photos=(_DOOR,)),
    ),
)

RG02 = Item(
    "RG02", 1, ("开业经营情况核查", "business status"), _NEW,
    ("随首检；未开业的 6 个月后再查", "with the first check; again after 6 months if not open"),
    ("核查是否开业、主营活动与经营范围是否相符", "open, not yet, closed or moved; main activity against the scope"),
    fields=(
        Field("status", ("经营状态", "status"), "choice", _choices(
            operating=("在营", "operating"), fitting_out=("装修中", "fitting out"),
            not_opened=("未开业", "not yet open"),
            ceased=("停业", "ceased"), moved=("已搬离", "moved away"))),
        Field("moved_to", ("搬往何处", "moved to"), "text", when=("status", _any("moved"))),
        Field("within_scope", ("主营活动在经营范围内", "main activity within the scope"), "choice", _choices(
            yes=("是", "yes"), no=("超出范围", "no"), uncertain=("无法确定", "uncertain")), needed=False),
        Field("industry", ("行业代码", "industry, GB/T 4754"), "code", needed=False, pattern=r"[A-T]?\d{2,4}|[A-T]"),
        Field("staff", ("从业人数", "people at work"), "choice", _choices(**{
            "0": ("无", "none"), "1-9": ("1–9 人", "1–9"), "10-49": ("10–49 人", "10–49"),
            "50-299": ("50–299 人", "50–299"), "300+": ("300 人以上", "300 or more")}), needed=False),
    ),
    transfers=(
        Transfer("status", _any("moved", "ceased"), ("XS02", "XS01"), ("已搬离或停业", "moved away or ceased"),
                 photos=(_DOOR, _INSIDE)),
        Transfer("within_scope", _any("no"), ("XS04",),
                 ("超范围经营许可项目", "an activity beyond the scope that needs a permit"), photos=(_INSIDE,)),
    ),
)

RG03 = Item(
    "RG03", 1, ("许可办理情况核查", "permits held"),
    ("经营范围含后置许可项目的市场主体", "entities whose scope holds items that need a permit"),
    ("随首检；许可到期前 30 日", "with the first check; 30 days before a permit expires"),
    ("查看许可证件，告知办证指引", "look at the permits; hand over the guide to applying"),
    fields=(
        Field("permits", ("许可", "permits"), "rows", of=(
            Field("type", ("许可类别", "type"), "text", limit=60),
            Field("held", ("已取得", "held"), "flag"),
            Field("no", ("证号", "number"), "text", when=("held", _any(True)), limit=60),
            Field("issuer", ("发证机关", "issuer"), "text", needed=False, limit=60),
            Field("valid_to", ("有效期至", "valid to"), "day", needed=False),
            Field("applying", ("正在申请", "applied for"), "flag", when=("held", _any(False))),
            Field("required_basis", ("依据", "legal basis"), "text", needed=False),
        )),
    ),
    transfers=(
        Transfer("permits.held", _any(False), ("XS04",), ("未取得许可从事经营", "operating without the permit"),
                 photos=(_DOOR, _INSIDE), after_recheck=True),
    ),
)

RG04 = Item(
    "RG04", 1, ("无证照经营线索巡查", "unlicensed business"),
    ("未关联市场主体的门店、作坊、摊位", "any shopfront, workshop or stall without a linked entity"),
    ("每段街路每月一次", "each street segment once a month"),
    ("记录店铺、经营者、业主、活动、隐患，发放政策单张", "record shop, operator, landlord, activity, hazards; leaflet"),
    fields=(
        Field("has_licence", ("有营业执照", "has a licence"), "flag"),
        Field("needs_permit", ("需要许可", "needs a permit"), "choice", _choices(
            yes=("是", "yes"), no=("否", "no"), uncertain=("无法确定", "uncertain"))),
        Field("has_permit", ("有许可证", "has the permit"), "flag", when=("needs_permit", _any("yes"))),
        Field("exempt_ground", ("豁免情形", "exempt because"), "choice", _choices(
            none=("无", "none"), farm_produce=("农副产品", "farm produce"), daily_goods=("日用品", "daily goods"),
            convenience=("便民劳务", "services for daily life")), needed=False),
        Field("activity", ("经营活动", "activity"), "text"),
        Field("landlord", ("业主", "landlord"), "text", needed=False, limit=60),
        Field("area_m2", ("面积（平方米）", "area in m²"), "number", needed=False),
        Field("hazard", ("隐患", "hazards"), "choices", _choices(
            gas=("燃气", "gas"), fire_exit=("消防通道", "fire exit"), three_in_one=("三合一", "living above the shop"),
            chemicals=("化学品", "chemicals"), food=("食品", "food"), minors=("未成年人", "minors"),
            crowd=("人员聚集", "crowd"), structure=("结构安全", "structure")), needed=False),
    ),
    transfers=(
        Transfer("has_licence", _any(False), ("XS03", "XS04"), ("无照经营", "business without a licence"),
                 photos=(_DOOR, _INSIDE, _AROUND)),
        Transfer("has_permit", _any(False), ("XS04",), ("有照无证", "business without the permit"),
                 photos=(_DOOR, _INSIDE)),
    ),
)

RG05A = Item(
    "RG05A", 1, ("督促年报", "annual report"), ("上年度未报年报的市场主体", "entities without last year's report"),
    ("每年 1 月 1 日至 6 月 30 日", "1 January to 30 June"), ("提醒并演示填报方法", "remind, show how"),
    fields=(
        Field("year", ("年度", "year"), "number"),
        Field("status", ("状态", "status"), "choice", _choices(
            reported=("已报", "reported"), promised=("承诺补报", "promised"), unreachable=("联系不上", "unreachable"),
            refused=("拒绝", "refused"))),
        Field("contact_tries", ("联系次数", "tries"), "number", needed=False),
    ),
    transfers=(
        Transfer("status", _any("unreachable"), ("XS01",), ("两次联系不上", "unreachable twice"), after_recheck=True),
    ),
)

RG05B = Item(
    "RG05B", 1, ("亮照经营", "licence on display"), ("开门营业的店铺", "open shops"), ("每次上门", "at every visit"),
    ("查看是否亮照", "is the licence displayed"),
    fields=(
        Field("displayed", ("已亮照", "displayed"), "flag"),
        Field("reason", ("未亮照原因", "why not"), "text", needed=False),
    ),
    transfers=(
        Transfer("displayed", _any(False), ("XS03",), ("经复检仍拒不亮照", "still refuses after a recheck"),
                 photos=(_INSIDE,), after_recheck=True),
    ),
    every_visit=True,
)

RC01 = Item(
    "RC01", 1, ("复检", "recheck"), ("已送达告知书的线索", "leads with a notice served"),
    ("告知书送达后 10 个工作日", "within 10 work days of service"),
    ("核查是否已按告知书整改", "see whether what the notice asked for was done"),
    fields=(
        Field("rectified", ("整改情况", "put right"), "choice", _choices(
            yes=("已整改", "yes"), partly=("部分整改", "partly"), no=("未整改", "no"))),
        Field("remaining", ("尚存问题", "what remains"), "text", when=("rectified", _any("partly", "no")), limit=500),
    ),
    transfers=(Transfer("rectified", _any("partly", "no"), (), ("逾期未整改", "not put right in time"),
                        photos=(_INSIDE,)),),
)

VF01 = Item(
    "VF01", 1, ("核查结案", "closing verification"), ("部门或社区报告办结的线索", "leads reported as solved"),
    ("报告办结后 3 个工作日", "within 3 work days of the report"),
    ("到现场核实处理结果", "see on site that the result holds"),
    fields=(
        Field("verdict", ("核查结论", "verdict"), "choice", _choices(
            passed=("核查通过", "passed"), failed=("核查不通过", "failed"))),
        Field("failed_points", ("不通过事项", "what failed"), "text", when=("verdict", _any("failed")), limit=500),
    ),
    transfers=(Transfer("verdict", _any("failed"), (), ("核查不通过", "verification failed"), photos=(_INSIDE,)),),
)

RESULTS: dict[str, Words] = {
    "done": ("已核查", "done"), "closed_door": ("关门", "closed door"), "refused": ("拒绝核查", "refused"),
    "not_found": ("未找到", "not found"), "unsafe": ("不安全", "unsafe"), "weather": ("天气原因", "weather"),
}
# fmt: on

CATALOGUE: dict[tuple[str, int], Item] = {
    (item.code, item.version): item for item in (RG01, RG02, RG03, RG04, RG05A, RG05B, RC01, VF01)
}
CURRENT: dict[str, Item] = {item.code: item for item in sorted(CATALOGUE.values(), key=lambda item: item.version)}
