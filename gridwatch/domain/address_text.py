"""A Chinese address as people write it, read into the ten levels (domain.md §4d: L1 省 … L10 户室, and the market stall 铺位).

Nothing is guessed: each level is a piece of the text as it stands, and what no level takes is kept in `rest`. Which names are
streets and communities of the city the caller says (`Gazetteer`), because 南城区 may be a street, and a city without counties is
legal: then L3 stays empty.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

LEVELS: dict[str, tuple[str, str]] = {
    "province": ("省", "province"),
    "city": ("市", "city"),
    "county": ("县区", "county or district"),
    "street": ("街道", "street office"),
    "community": ("社区", "community"),
    "road": ("街路巷、小区", "road, lane or estate"),
    "number": ("门牌、院", "door number or yard"),
    "building": ("楼栋", "building"),
    "unit": ("单元", "unit"),
    "room": ("户室", "floor and room"),
}  # L1 to L10, in this order
STALL = "stall"
MOST_READ = 300  # characters: as long as an address is in the register; what is longer stays in `rest`

_HAN = "[\u4e00-\u9fa5]"
_NUM = "[0-9]+"
_HAN_NUM = "[一二三四五六七八九十百]+"
_SIDE = "[东西南北中]"
_ROAD_END = "路|大道|大街|街|横巷|巷|马路|公路"
_ESTATE_END = "工业区|工业园|工业城|开发区|中心区|科技园|产业园|创业园|园区|新村|花园|小区|住宅区|市场|村|围"
_BUILDING_END = (
    "大厦|公寓|商住楼|综合楼|办公楼|写字楼|裙楼|主楼|附楼|广场|中心"
    "|酒店|宾馆|商城|会所|厂房|宿舍|大楼|科技园|工业园|创意园|创业园|产业园"
    "|山庄|国际|商场|百货|小区|市场|超市|楼|阁|轩|苑|居|城|厂|花园|豪庭|华府|丽舍"
)
_FLOOR = rf"(?:第?(?:(?:{_NUM}|{_HAN_NUM})(?:[、-](?:{_NUM}|{_HAN_NUM}))*|首|底|地下|负一)(?:层|楼)(?!栋|座)|{_NUM}F)"
_ROOM = rf"[A-Z]{{0,2}}-?{_NUM}[A-Z]{{0,2}}(?:{_NUM})?(?:[-、,~至]+(?:[A-Z]{{0,2}}{_NUM}[A-Z]?|[A-Z]))*"
_OTHER = rf"(?:之(?:{_HAN_NUM}|{_NUM}))"

_PROVINCE = re.compile(rf"{_HAN}{{2,7}}?(?:省|自治区)|(?:北京|上海|天津|重庆)市?(?=.*?[区县])")
_CITY = re.compile(rf"{_HAN}{{2,6}}?(?:市|自治州|盟)")
_COUNTY = re.compile(rf"{_HAN}{{1,5}}?[区县旗](?!域)")
_STREET = re.compile(rf"{_HAN}{{2,5}}?(?:街道(?:办事处)?|镇|乡)")
_COMMUNITY = re.compile(rf"{_HAN}{{2,6}}?(?:社区居委会|社区|村委会|居委会)")
_ROAD = re.compile(
    rf"{_HAN}{{1,8}}?(?:{_ROAD_END})(?:{_SIDE}(?=[0-9一二三四五六七八九十路段街]|$))?(?:{_HAN}{{0,3}}段)?|(?:{_NUM}|{_SIDE}?{_HAN_NUM})(?:街|巷|路)"
)
_ESTATE = re.compile(rf"{_HAN}{{1,9}}?(?:{_ESTATE_END})")
_NUMBER = re.compile(
    rf"第?[A-Z]?{_NUM}(?:[-、]{_NUM})*(?:号{_OTHER}|号院?|院)(?!楼|栋|房)|{_NUM}{_OTHER}|{_HAN_NUM}号(?!楼)"
)
_STALLS = re.compile(
    rf"(?:商铺|铺位|商店|档口|摊位|店铺|铺|档)(?:{_ROOM}号?{_OTHER}?)?|{_ROOM}号?{_OTHER}?(?:商铺|铺位|档口|摊位|店铺|铺|档)"
)
_UNIT = re.compile(rf"(?:{_NUM}|[A-Z]|{_HAN_NUM})单元|{_NUM}梯")
_BLOCK = rf"(?:(?:{_NUM}-)?{_NUM}|[A-Z]{{1,2}}(?:{_NUM})?|{_HAN_NUM}|{_SIDE})(?:座|栋|幢|号楼|期|区|段)楼?"
_BUILDING = re.compile(
    rf"(?:{_HAN}|[·A-Z]|[0-9](?!号)){{0,12}}?{_HAN}(?:{_BUILDING_END})(?!大厦|广场|中心|花园|酒店|大楼|市|路)|{_BLOCK}"
)
_FLOOR_FIRST = re.compile(_FLOOR)
_FLOOR_ROOM = re.compile(rf"{_FLOOR}?[A-Z]?(?:{_ROOM}(?:号房|室|房|号|单位|单元)?{_OTHER}?号?)?|[A-Z]{{1,2}}室")
_BRACKET = re.compile(r"[(（\[【]([^()（）\[\]【】]*)[)）\]】]")
_SKIP = re.compile(
    r"(?:办事处|街道办事处|市辖区|辖区|地段|园区内|片区|办公(?!楼)|商铺(?=[A-Z]栋)|单位|[东西南北]侧|内|口|[,、;。.·:]+)"
)
_GOES_ON = re.compile(rf"(?:{_ROAD_END})")  # 元美路 is a road; it does not say 元美
_NAMES_A_THING = re.compile(
    rf"{_SIDE}?[一二三四]?(?:{_ROAD_END}|市|{_BUILDING_END}|{_ESTATE_END}|商住|商业|国际)"
)  # 新城市中心区, 宏远大厦


@dataclass(frozen=True, slots=True)
class Gazetteer:
    """Names of the city: how a street or community may be written → its code. Longer names are tried first.

    `bare` are the names of communities without a word that says so: 胜和 in 胜和红山路 names the neighbourhood of that community.
    """

    streets: Mapping[str, str] = field(default_factory=dict)
    communities: Mapping[str, str] = field(default_factory=dict)
    bare: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, streets: Iterable[tuple[str, str]], communities: Iterable[tuple[str, str]]) -> Gazetteer:
        """From (code, name) of areas and of their older names: 南城街道 is also written 南城区, 南城办事处 and 南城."""
        known: dict[str, str] = {}
        for code, name in streets:
            stem = re.sub(r"(街道办事处|街道|镇|乡|区)$", "", name)
            for end in ("街道办事处", "街道", "区办事处", "办事处", "区", "镇", ""):
                known.setdefault(stem + end, code)
        named: dict[str, str] = {}
        bare: dict[str, str] = {}
        for code, name in communities:
            stem = community_stem(name)
            bare.setdefault(stem, code)
            for end in ("社区居委会", "社区", "村委会", "居委会", "管理区", "村"):
                named.setdefault(stem + end, code)
        return cls(
            *({name: some[name] for name in sorted(some, key=len, reverse=True)} for some in (known, named, bare))
        )


def community_stem(name: str) -> str:
    """The name of a community without what says that it is one: 元美社区居民委员会 → 元美."""
    return re.sub(r"(社区居民委员会|村民委员会|居民委员会|社区居委会|村委会|居委会|社区|村)$", "", name)


@dataclass(frozen=True, slots=True)
class AddressParts:
    """The levels of an address, each as it stands in the text or empty; codes where a name is known; brackets and the rest.

    `passed` are words that say nothing of a level (北侧, 办公) and were passed over. `says_community`: the text says that the name
    is a community's (X社区, X村), not only a neighbourhood's.
    """

    province: str = ""
    city: str = ""
    county: str = ""
    street: str = ""
    community: str = ""
    road: str = ""
    number: str = ""
    building: str = ""
    unit: str = ""
    room: str = ""
    stall: str = ""
    street_code: str | None = None
    community_code: str | None = None
    says_community: bool = False
    brackets: tuple[str, ...] = ()
    passed: tuple[str, ...] = ()
    rest: str = ""

    @property
    def levels(self) -> dict[str, str]:
        """L1 to L10 and the stall by name, those that the text has."""
        return {name: value for name in (*LEVELS, STALL) if (value := getattr(self, name))}

    @property
    def deepest(self) -> int:
        """The number of the deepest level that the text reaches, 1 to 10; 0 for a text of which nothing was read."""
        return max((place for place, name in enumerate(LEVELS, 1) if getattr(self, name)), default=0)


def is_shared(text: str) -> bool:
    """Whether the text marks 集群注册: many firms registered at one desk."""
    return any(word in text for word in ("集群注册", "集群登记", "集群企业"))


def normal(text: str) -> str:
    """The text in one width, without spaces, 號 and ＃ as 号."""
    folded = unicodedata.normalize("NFKC", text).replace("號", "号").replace("#", "号")
    return re.sub(r"\s+", "", folded)


def read_address(text: str, known: Gazetteer | None = None) -> AddressParts:
    """The levels of an address. Never raises: what cannot be read is in `rest`."""
    known = known or Gazetteer()
    brackets: list[str] = []

    def aside(found: re.Match[str]) -> str:
        brackets.append(found[1])
        return ""

    whole = _BRACKET.sub(aside, normal(text))
    reader, beyond = _Reader(whole[:MOST_READ]), whole[MOST_READ:]
    values: dict[str, str] = {}
    codes: dict[str, str | None] = {"street": None, "community": None}
    values["province"] = reader.take(_PROVINCE)
    values["city"] = reader.take(_CITY)
    reader.skip()
    values["street"], codes["street"] = reader.name(known.streets)
    if not values["street"]:
        values["county"] = reader.take(_COUNTY)
        values["street"], codes["street"] = reader.name(known.streets)
        values["street"] = values["street"] or reader.take(_STREET)
    reader.skip()
    values["community"], codes["community"] = reader.name(known.communities)
    explicit = bool(values["community"])
    if not explicit:
        values["community"], codes["community"] = reader.name(known.bare, _NAMES_A_THING)
    if not values["community"]:
        values["community"] = reader.take(_COMMUNITY)
    values["road"] = reader.take_all((_ROAD, _ESTATE))
    values["number"] = reader.take(_NUMBER)
    reader.skip()
    stalls = [reader.take(_STALLS)]
    values["building"] = reader.building()
    values["unit"] = reader.take(_UNIT)
    stalls.append(reader.take(_STALLS))
    values["room"] = reader.take(_FLOOR_ROOM)
    if not values["building"]:
        values["building"] = reader.building()
        values["room"] += reader.take(_FLOOR_ROOM)
    stalls.append(reader.take(_STALLS))
    values["stall"] = "".join(stalls)
    reader.skip()
    return AddressParts(
        **values, street_code=codes["street"], community_code=codes["community"], says_community=explicit,
        brackets=tuple(brackets), passed=tuple(reader.passed), rest=reader.text + beyond,
    )  # fmt: skip


class _Reader:
    """A text that is read from its beginning, piece by piece."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.passed: list[str] = []

    def take(self, pattern: re.Pattern[str]) -> str:
        """What the pattern finds at the beginning, taken off; empty where it finds nothing."""
        found = pattern.match(self.text)
        if found is None or not found[0]:
            return ""
        self.text = self.text[found.end() :]
        return found[0]

    def take_all(self, patterns: tuple[re.Pattern[str], ...], most: int = 4) -> str:
        """The same for one after another, of several patterns the shortest piece first: 雅园工业区泰元街, 莞太路胜和路段."""
        taken = ""
        for _ in range(most):
            found = [match for pattern in patterns if (match := pattern.match(self.text)) and match[0]]
            if not found:
                break
            piece = min(found, key=lambda match: match.end())[0]
            self.text = self.text[len(piece) :]
            taken += piece
        return taken

    def building(self) -> str:
        """The names and numbers of buildings at the beginning; a floor is none."""
        taken = ""
        for _ in range(4):
            self.skip()
            piece = "" if _FLOOR_FIRST.match(self.text) else self.take(_BUILDING)
            if not piece:
                break
            taken += piece
        return taken

    def name(self, names: Mapping[str, str], unless: re.Pattern[str] | None = None) -> tuple[str, str | None]:
        """A known name at the beginning with its code, taken off; not one that a road, or what `unless` finds, goes on from."""
        for name, code in names.items():
            if self.text.startswith(name) and not (unless or _GOES_ON).match(self.text[len(name) :]):
                self.text = self.text[len(name) :]
                return name, code
        return "", None

    def skip(self) -> None:
        """Take off what says nothing."""
        while found := _SKIP.match(self.text):
            self.passed.append(found[0])
            self.text = self.text[found.end() :]
