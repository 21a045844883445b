"""The permit table as delivered: which activity needs which permit, who grants it, and by which words a scope shows it.

Provenance: the product's own list, from general knowledge of post-registration permits (后置许可) and the permit rows of
decree 684 in the domain notes; departments are kinds, under their names of 2018 and of today. It is a default, not a legal
list: a street loads its own (`permits.csv`), which then takes the place of the whole table. `hazard` orders several missing
permits, the greatest first; it is the product's order too.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

Words = tuple[str, str]  # Chinese, English


class Kind(StrEnum):
    """A kind of department: what it is competent for, whatever it is called in a town."""

    MARKET = "market_supervision"
    FOOD_DRUG = "food_drug"
    EMERGENCY = "emergency_management"
    COMMERCE = "commerce"
    POLICE = "police"
    CULTURE = "culture"
    EDUCATION = "education"
    LABOUR = "labour"
    TRANSPORT = "transport"
    HEALTH = "health"
    TOBACCO = "tobacco"
    HOUSING = "housing"
    ENVIRONMENT = "environment"
    URBAN = "urban_management"


@dataclass(frozen=True, slots=True)
class Authority:
    """The names of a kind of department, and the words by which one in a town is told, the surest first."""

    words: Words
    told_by: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Rule:
    """One row. `authority` is a Kind, or the code of a department where the street's own table names one; None: not known.

    `scope_words` is a regular expression over a business scope or a report; empty where no words show it. `en` is the sector
    in English, empty in a street's own table.
    """

    sector: str
    permit: str
    authority: str | None
    scope_words: str
    hazard: int
    en: str = ""


# fmt: off
AUTHORITIES: dict[Kind, Authority] = {
    Kind.MARKET: Authority(("市场监管", "market supervision"), ("市场监督", "市场监管", "工商")),
    Kind.FOOD_DRUG: Authority(("市场监管（食药）", "market supervision (food and drugs)"), ("食品药品", "食药", "市场监督", "市场监管")),
    Kind.EMERGENCY: Authority(("应急管理", "emergency management"), ("应急", "安全生产", "安监")),
    Kind.COMMERCE: Authority(("商务", "commerce"), ("商务", "经济科技", "经科", "经信", "工信")),
    Kind.POLICE: Authority(("公安", "police"), ("公安", "派出所")),
    Kind.CULTURE: Authority(("文化旅游", "culture and tourism"), ("文化", "文广", "文旅")),
    Kind.EDUCATION: Authority(("教育", "education"), ("教育",)),
    Kind.LABOUR: Authority(("人力资源和社会保障", "labour and social security"), ("人力资源", "人社")),
    Kind.TRANSPORT: Authority(("交通运输", "transport"), ("交通",)),
    Kind.HEALTH: Authority(("卫生健康", "health"), ("卫生", "卫健")),
    Kind.TOBACCO: Authority(("烟草专卖", "tobacco monopoly"), ("烟草",)),
    Kind.HOUSING: Authority(("住房和城乡建设", "housing and construction"), ("住房", "住建", "规划建设")),
    Kind.ENVIRONMENT: Authority(("生态环境", "ecology and environment"), ("生态环境", "环境保护", "环保")),
    Kind.URBAN: Authority(("城市管理", "urban management"), ("城市管理", "城管")),
}

TABLE: tuple[Rule, ...] = (
    Rule("食品经营", "食品经营许可", Kind.FOOD_DRUG,
         "餐饮服务|食品销售|食品经营|预包装食品|散装食品|餐饮|饮食|小食|酒楼|茶餐厅|烘焙|保健食品", 18, "food service and sale"),
    Rule("药品经营", "药品经营许可", Kind.FOOD_DRUG, "药品零售|药品批发|中成药|处方药", 20, "sale of medicines"),
    Rule("医疗器械", "医疗器械经营许可/备案", Kind.FOOD_DRUG,
         "三类医疗器械|第三类医疗器械|第二类医疗器械|二类医疗器械", 12, "sale of medical devices"),
    Rule("食品生产", "食品生产许可", Kind.FOOD_DRUG, "食品生产|生产、销售：食品|屠宰|肉制品加工", 19, "food production"),
    Rule("危险化学品", "危险化学品经营许可", Kind.EMERGENCY,
         "危险化学品经营|危险化学品（|批发危险化学品|烟花爆竹", 25, "dangerous chemicals"),
    Rule("成品油", "成品油零售经营批准", Kind.COMMERCE, "成品油|加油站|汽油|柴油", 23, "retail of refined oil"),
    Rule("旅馆业", "特种行业许可（旅馆业）", Kind.POLICE, "旅馆|酒店住宿|住宿服务|宾馆|旅业|客房", 15, "hotels and lodging"),
    Rule("公章刻制", "特种行业许可（公章刻制）", Kind.POLICE, "公章刻制|印章刻制", 5, "engraving of seals"),
    Rule("保安服务", "保安服务许可", Kind.POLICE, "保安服务", 6, "security services"),
    Rule("网吧", "网络文化经营许可", Kind.CULTURE, "互联网上网服务|网吧", 14, "internet cafés"),
    Rule("娱乐场所", "娱乐经营许可", Kind.CULTURE, "歌舞|卡拉OK|KTV|游艺|电子游戏|夜总会", 16, "places of entertainment"),
    Rule("出版印刷", "印刷/出版物经营许可", Kind.CULTURE,
         "出版物零售|书刊|图书零售|印刷品印刷|包装装潢印刷|印刷：", 4, "printing and publications"),
    Rule("民办培训", "办学许可", Kind.EDUCATION, "文化课培训|课外辅导|幼儿园", 9, "private schools and tutoring"),
    Rule("劳务派遣", "劳务派遣经营许可", Kind.LABOUR, "劳务派遣", 3, "labour dispatch"),
    Rule("人力资源", "人力资源服务许可", Kind.LABOUR, "职业中介|人才中介|人力资源服务|人才招聘", 2, "human resources services"),
    Rule("道路运输", "道路运输经营许可", Kind.TRANSPORT,
         "道路货物运输|普通货运|道路普通货运|货物专用运输|客运|驾驶员培训|机动车维修|汽车维修", 11, "road transport"),
    Rule("医疗机构", "医疗机构执业许可", Kind.HEALTH, "诊所|门诊|医疗服务|口腔|综合医院", 21, "medical institutions"),
    Rule("公共场所卫生", "公共场所卫生许可", Kind.HEALTH, "美容服务|理发|美发|沐足|桑拿|游泳", 13, "hygiene of public places"),
    Rule("烟草", "烟草专卖零售许可", Kind.TOBACCO, "卷烟|烟草|香烟", 8, "retail of tobacco"),
    Rule("房地产经纪", "房地产经纪机构备案", Kind.HOUSING, "房地产经纪|房地产中介", 1, "estate agencies"),
    Rule("建筑施工", "建筑业企业资质", Kind.HOUSING,
         "建筑工程施工|房屋建筑工程|市政公用工程|建筑装修装饰工程|建筑幕墙工程|钢结构工程|设计与施工", 10, "construction"),
    Rule("废旧回收", "再生资源回收备案", Kind.COMMERCE, "废旧物资|再生资源回收|废品", 7, "recycling"),
    Rule("危废排污", "排污许可/危险废物经营许可", Kind.ENVIRONMENT, "", 22, "discharge of pollutants, hazardous waste"),
    Rule("燃气", "燃气经营许可", Kind.URBAN, "", 24, "gas supply"),
    Rule("特种设备", "特种设备使用登记", Kind.MARKET, "", 17, "special equipment"),
)
# fmt: on
