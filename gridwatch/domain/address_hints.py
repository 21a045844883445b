"""Where an address without a grid probably lies, from addresses that are known: suggestions with their reason, for a person who decides.

What two addresses share says that they lie together: the door (road and number) and the building strongly, the neighbourhood and the
road weakly. A suggestion is `sure` where at least SURE_FROM known addresses share its door or building and everything that is known of
door and building says the same, and most of what is known of its road agrees. docs/routing.md says how often that is right.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from gridwatch.domain.address_text import AddressParts, Gazetteer, read_address

SURE_FROM = 2
MOST = 3  # suggestions for one address
STRONG = ("door", "building")
KINDS: dict[str, tuple[str, str]] = {
    "door": ("同一门牌", "the same door"),
    "building": ("同一楼宇", "the same building"),
    "name": ("同一片区", "the same neighbourhood"),
    "road": ("同一条路", "the same road"),
}  # the surest first

_STRETCH = re.compile(r"[\u4e00-\u9fa5]{0,3}段$")  # 莞太路南城段 is 莞太路
_BLOCK = re.compile(
    r"(?:[A-Z0-9]+|[一二三四五六七八九十]+|[东西南北])(?:座|栋|幢|号楼|期|区|楼).*$|(?:裙楼|主楼|附楼)$"
)
_SAYS_NOTHING = re.compile(r"(?:第.{1,2}号)?(?:综合楼|办公楼|商住楼|商业中心|商业城|厂房|宿舍|大楼|商场|市场)")

Key = tuple[str, str]  # a kind of KINDS, and the words


def keys_of(parts: AddressParts) -> list[Key]:
    """What an address shares with its neighbours, the surest first. A building that any street has says nothing."""
    found: list[Key] = []
    road = _STRETCH.sub("", parts.road)
    building = _BLOCK.sub("", parts.building)
    if road and parts.number:
        found.append(("door", road + parts.number))
    if len(building) > 2 and not _SAYS_NOTHING.fullmatch(building):
        found.append(("building", building))
    if parts.community and not parts.says_community:
        found.append(("name", parts.community))
    if road:
        found.append(("road", road))
    return found


@dataclass(frozen=True, slots=True)
class Hint:
    """One suggestion: the place, and why: of `known` addresses that share `words` (a kind of KINDS), `there` lie in it."""

    place: str
    kind: str
    words: str
    there: int
    known: int
    sure: bool


class KnownAddresses:
    """Addresses of which somebody knows where they lie: by standard address, by point, or decided by a person."""

    def __init__(self, known: Iterable[tuple[str, str]], gazetteer: Gazetteer | None = None) -> None:
        """`known` are (text, place), each text counted once; `gazetteer` are the names of the city."""
        self._gazetteer = gazetteer
        self._at: dict[Key, dict[str, str]] = defaultdict(dict)
        for text, place in known:
            for key in keys_of(read_address(text, gazetteer)):
                self._at[key][text] = place

    def hints(self, text: str, *, without: str | None = None) -> list[Hint]:
        """Suggestions for an address, the best first, at most MOST; [] where nothing known is like it. `without` is a text to
        be left out of what is known (for measuring)."""
        evidence: dict[Key, Counter[str]] = {}
        for key in keys_of(read_address(text, self._gazetteer)):
            places = Counter(place for other, place in self._at.get(key, {}).items() if other != without)
            if places:
                evidence[key] = places
        sure = _sure(evidence)
        found: dict[str, Hint] = {}
        for (kind, words), places in evidence.items():
            for place, there in sorted(places.items(), key=lambda one: (-one[1], one[0])):
                found.setdefault(place, Hint(place, kind, words, there, places.total(), place == sure))
        return list(found.values())[:MOST]


def _sure(evidence: Mapping[Key, Counter[str]]) -> str | None:
    """The place that everything strong agrees on and that nothing weak speaks against; None where there is none."""
    strong = [places for (kind, _), places in evidence.items() if kind in STRONG]
    said = {place for places in strong for place in places}
    if len(said) != 1 or max(places.total() for places in strong) < SURE_FROM:
        return None
    (place,) = said
    weak = (places for (kind, _), places in evidence.items() if kind not in STRONG)
    return place if all(2 * places[place] >= places.total() for places in weak) else None
