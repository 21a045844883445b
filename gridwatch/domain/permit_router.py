"""Which department a lead belongs to, and why: the router of decree 684 (《无证无照经营查处办法》) as a pure function.

Facts of a finding and a permit table in, an `Advice` out; never without its reason. Articles: 3 what is exempt, 5 a missing
permit, 6 a missing licence, 7 neither, 8 what is not one's own goes to who is competent. Where no permit is recognised, or
no authority is known, nobody guesses: the supervision office decides (ruling R30). Source: domain.md §4d.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from gridwatch.domain.lead_words import CATEGORIES, EXEMPTIONS, Act
from gridwatch.domain.permit_table import TABLE, Kind, Rule, Words
from gridwatch.domain.routing import without_exclusions

EXEMPT_OUTCOME = "exempt_art3"
UNLICENSED = ("XS03", "XS04")  # the categories that decree 684 is about; the others are the register's


class Way(StrEnum):
    """What is advised: a push, a close without one (T12), or that the supervision office decides."""

    PUSH = "push"
    CLOSE = "close"
    OFFICE = "office"


class Seen(StrEnum):
    """Where a sector was recognised, the surest first."""

    VISIT = "visit"
    REPORT = "report"
    SCOPE = "scope"


SEEN_WORDS: dict[Seen, Words] = {
    Seen.VISIT: ("走访记录", "the visit"), Seen.REPORT: ("上报内容", "the report"), Seen.SCOPE: ("经营范围", "the business scope"),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Hit:
    """A sector of the permit table that the finding falls into, the words that show it, and where they stand."""

    sector: str
    words: str
    seen: Seen


@dataclass(frozen=True, slots=True)
class Finding:
    """What is known of a lead. None: nobody has said so.

    `licensed`: has a business licence. `needs_permit`: yes, no or uncertain, as the visit says. `has_permit`: holds what it
    needs. `exempt`: a key of EXEMPTIONS. `hits`: sectors whose permit is not known to be held. `returned_by`: authorities
    that gave the lead back in this round.
    """

    category: str
    licensed: bool | None = None
    needs_permit: str | None = None
    has_permit: bool | None = None
    exempt: str | None = None
    hits: tuple[Hit, ...] = ()
    returned_by: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Advice:
    """What is advised, and why. `authority` leads and `assists` assist: kinds, or codes where the street's table has them.

    `article` is the number in decree 684, None where the rules of registration apply. `leaflet` is what to hand over at the
    door. `act` names the step; for a close `outcome` and `exempt_ground` are what to enter there.
    """

    way: Way
    reason: Words
    authority: str | None = None
    assists: tuple[str, ...] = ()
    article: int | None = None
    leaflet: Words | None = None
    sectors: tuple[str, ...] = ()
    outcome: str | None = None
    exempt_ground: str | None = None

    @property
    def act(self) -> Act | None:
        """The act of the lead table that is advised: push (T13, T19), close without a push (T12), or none for the desk."""
        return {Way.PUSH: Act.PUSH, Way.CLOSE: Act.CLOSE_WITHOUT_PUSH, Way.OFFICE: None}[self.way]


@dataclass(frozen=True)
class Router:
    """The router over a permit table: the one delivered, or a street's own.

    `market` is who acts on a missing licence and on the register. Authorities of table and `market` are of one sort: kinds,
    or codes of departments; None where there is no such department.
    """

    table: Sequence[Rule] = TABLE
    market: str | None = Kind.MARKET
    _rules: dict[str, Rule] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_rules", {rule.sector: rule for rule in self.table})

    def hits(self, text: str, seen: Seen) -> list[Hit]:
        """The sectors that a text falls into, the greatest hazard first. What a bracket excludes does not count."""
        text = without_exclusions(text)
        found = []
        for rule in self._by_hazard(self.table):
            words = (
                re.search(rule.scope_words, text)[0] if rule.scope_words and re.search(rule.scope_words, text) else ""
            )
            words = words or next((name for name in (rule.permit, rule.sector) if name in text), "")
            if words:
                found.append(Hit(rule.sector, words, seen))
        return found

    def sector_of(self, permit: str) -> str | None:
        """The sector of a permit as somebody wrote it down at a door; None for one that the table does not have."""
        name = permit.strip()
        same = (rule for rule in self.table if name and (name in (rule.permit, rule.sector) or rule.sector in name))
        return next((rule.sector for rule in same), None)

    def advise(self, finding: Finding) -> Advice:
        """What is advised for a finding, with the reason. Raises ValueError for a category that there is not."""
        if finding.category not in CATEGORIES:
            raise ValueError(f"there is no category {finding.category}")
        advice = self._exempt(finding) or self._by_category(finding)
        if advice.way is Way.PUSH and advice.authority is None:
            return _office(_and(advice.reason, _REASONS["nobody_here"]), advice.sectors)
        if advice.authority is not None and advice.authority in finding.returned_by:
            return _office(_and(advice.reason, _REASONS["returned"]), advice.sectors)
        return advice

    # -- the rules ----------------------------------------------------------------------------------------------------

    @staticmethod
    def _exempt(finding: Finding) -> Advice | None:
        """Article 3: not unlicensed business at all. It exempts nothing that needs a permit."""
        if finding.exempt not in EXEMPTIONS or finding.category not in UNLICENSED:
            return None
        if finding.needs_permit == "yes" or (finding.exempt == "convenience" and finding.hits):
            return None
        zh, en = EXEMPTIONS[finding.exempt]
        reason = (
            f"走访认定属第三条情形（{zh}），不属于无证无照经营；不移交结案，写明情形。",
            f"The visit found a case of article 3 ({en}), which is no unlicensed business: close without a push, with the ground.",
        )
        return Advice(Way.CLOSE, reason, article=3, outcome=EXEMPT_OUTCOME, exempt_ground=finding.exempt)

    def _by_category(self, finding: Finding) -> Advice:
        if finding.category in ("XS01", "XS02"):
            return self._market(None, _REGISTRATION, _REASONS[finding.category])
        if finding.category == "XS03":
            return self._market(6, _LICENCE, _REASONS["XS03"])
        return self._missing_permit(finding)

    def _missing_permit(self, finding: Finding) -> Advice:
        if finding.has_permit and finding.licensed is False:
            return self._market(6, _LICENCE, _REASONS["permit_only"])
        if finding.needs_permit in ("uncertain", "no"):
            return _office(_REASONS["not_said"])
        rules = self._by_hazard(self._rules[hit.sector] for hit in finding.hits if hit.sector in self._rules)
        if not rules:
            return _office(_REASONS["not_recognised"])
        first, article = rules[0], 7 if finding.licensed is False else 5
        others = dict.fromkeys(rule.authority for rule in rules if rule.authority not in (None, first.authority))
        leaflet = (f"{first.permit}办证指引", f"How to apply for the permit: {first.en or first.permit}")
        return Advice(
            Way.PUSH, _why(finding, rules, article), first.authority, tuple(str(one) for one in others), article, leaflet,
            tuple(rule.sector for rule in rules),
        )  # fmt: skip

    def _market(self, article: int | None, leaflet: Words, reason: Words) -> Advice:
        return Advice(Way.PUSH, reason, self.market, article=article, leaflet=leaflet)

    @staticmethod
    def _by_hazard(rules: Iterable[Rule]) -> list[Rule]:
        return sorted(rules, key=lambda rule: -rule.hazard)


_REGISTRATION: Words = ("登记住所（经营场所）变更指引", "How to register a change of address")
_LICENCE: Words = ("营业执照办理指引", "How to apply for a business licence")
# fmt: off
_REASONS: dict[str, Words] = {
    "XS01": ("登记的住所查无此主体，由登记机关按登记管理规定处理，可列入经营异常名录。",
             "The entity is not at its registered address: the registrar acts by the rules of registration and may list it as abnormal."),
    "XS02": ("实际地址与登记不符，由登记机关责令办理变更登记。",
             "The address differs from the register: the registrar has the change registered."),
    "XS03": ("未取得营业执照，不需许可，由市场监管部门查处（第六条）。",
             "No business licence, and no permit needed: market supervision (article 6)."),
    "permit_only": ("有许可而无营业执照，由市场监管部门查处（第六条）。",
                    "It holds the permit and has no licence: market supervision (article 6)."),
    "not_said": ("走访没有确定需要许可，与线索类别不一致，由监管办确定。",
                 "The visit does not say that a permit is needed, as the category does: the supervision office decides."),
    "not_recognised": ("从走访记录、上报内容和经营范围看不出需要哪项许可，由监管办确定。",
                       "Neither visit nor report nor scope shows which permit is needed: the supervision office decides."),
    "several": ("缺几项许可，危险程度最高的许可部门主办，其余协办。",
                "Several permits are missing: the authority of the greatest hazard leads, the others assist."),
    "nobody_here": ("许可表没有写明部门，或本地没有这个部门，由监管办确定。",
                    "The permit table names no department, or there is none here: the supervision office decides."),
    "returned": ("但该部门本轮已退回，管辖有争议（第八条），由监管办确定。",
                 "That department gave the lead back in this round, so it is contested (article 8): the supervision office decides."),
}
# fmt: on


def _office(reason: Words, sectors: tuple[str, ...] = ()) -> Advice:
    return Advice(Way.OFFICE, reason, article=8, sectors=sectors)


def _and(reason: Words, more: Words) -> Words:
    return f"{reason[0]}{more[0]}", f"{reason[1]} {more[1]}"


def _why(finding: Finding, rules: Sequence[Rule], article: int) -> Words:
    """Which words show which permits, and what the decree says of it."""
    zh, en = [], []
    for rule in rules:
        hit = next(hit for hit in finding.hits if hit.sector == rule.sector)
        where_zh, where_en = SEEN_WORDS[hit.seen]
        zh.append(f"{where_zh}中的“{hit.words}”属{rule.sector}，须有{rule.permit}")
        en.append(f"“{hit.words}” in {where_en} shows {rule.en or rule.sector}, which needs a permit")
    lacks_zh, lacks_en = {
        5: ("未取得许可，由许可部门查处（第五条）。", "The permit is missing: its authority acts (article 5)."),
        7: (
            "无照无证，由许可部门查处（第七条）。",
            "Neither licence nor permit: the permit's authority acts (article 7).",
        ),
    }[article]
    why = ("；".join(zh) + "。" + lacks_zh, "; ".join(en) + ". " + lacks_en)
    if len({rule.authority for rule in rules if rule.authority}) > 1:
        why = _and(why, _REASONS["several"])
    nobody = [rule for rule in rules[1:] if rule.authority is None]
    if nobody:
        zh, en = [rule.permit for rule in nobody], [rule.en or rule.permit for rule in nobody]
        why = _and(why, (f"{'、'.join(zh)}没有找到对应的部门，须问监管办。",
                         f"No department was found for {', '.join(en)}: ask the supervision office."))  # fmt: skip
    return why
