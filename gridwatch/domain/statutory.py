"""Statutory holidays (法定节假日) per year, for years whose yearly notice (放假安排) is not published yet.

Source: 全国年节及纪念日放假办法 with its revisions. The notice of a single year moves rest days and names make-up days;
nothing of that can be foreseen, so what stands here is only what the law itself fixes (ruling R4).
Dates of the lunar calendar and of 清明 come from a table that ends in 2035; it was computed with two independent
calendar programs that agree on every date, and the notices of 2018–2026 confirm it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache
from types import MappingProxyType

SOURCE = "全国年节及纪念日放假办法"

NEW_YEAR = "元旦"
SPRING_FESTIVAL = "春节"
QINGMING = "清明节"
LABOUR_DAY = "劳动节"
DRAGON_BOAT = "端午节"
MID_AUTUMN = "中秋节"
NATIONAL_DAY = "国庆节"

ENGLISH_NAMES = {
    NEW_YEAR: "New Year's Day",
    SPRING_FESTIVAL: "Spring Festival",
    QINGMING: "Qingming Festival",
    LABOUR_DAY: "Labour Day",
    DRAGON_BOAT: "Dragon Boat Festival",
    MID_AUTUMN: "Mid-Autumn Festival",
    NATIONAL_DAY: "National Day",
}


@dataclass(frozen=True, slots=True)
class Revision:
    """What one revision grants: `spring_festival` in days from 正月初一, `labour_day` so many days from 1 May."""

    since: int
    order: str
    spring_festival: range
    labour_day: int
    traditional: bool  # 清明, 端午 and 中秋, one day each


REVISIONS = (
    Revision(2025, "国务院令第795号", range(-1, 3), 2, True),  # 13 days: 除夕 and 2 May are new
    Revision(2014, "国务院令第644号", range(3), 1, True),  # 11 days
    Revision(2008, "国务院令第513号", range(-1, 2), 1, True),  # 11 days
    Revision(2000, "国务院令第270号", range(3), 3, False),  # 10 days
)

# year: 春节 (正月初一), 清明, 端午 (五月初五), 中秋 (八月十五), each as (month, day)
MOVING_DATES: dict[int, tuple[tuple[int, int], tuple[int, int], tuple[int, int], tuple[int, int]]] = {
    2000: ((2, 5), (4, 4), (6, 6), (9, 12)),
    2001: ((1, 24), (4, 5), (6, 25), (10, 1)),
    2002: ((2, 12), (4, 5), (6, 15), (9, 21)),
    2003: ((2, 1), (4, 5), (6, 4), (9, 11)),
    2004: ((1, 22), (4, 4), (6, 22), (9, 28)),
    2005: ((2, 9), (4, 5), (6, 11), (9, 18)),
    2006: ((1, 29), (4, 5), (5, 31), (10, 6)),
    2007: ((2, 18), (4, 5), (6, 19), (9, 25)),
    2008: ((2, 7), (4, 4), (6, 8), (9, 14)),
    2009: ((1, 26), (4, 4), (5, 28), (10, 3)),
    2010: ((2, 14), (4, 5), (6, 16), (9, 22)),
    2011: ((2, 3), (4, 5), (6, 6), (9, 12)),
    2012: ((1, 23), (4, 4), (6, 23), (9, 30)),
    2013: ((2, 10), (4, 4), (6, 12), (9, 19)),
    2014: ((1, 31), (4, 5), (6, 2), (9, 8)),
    2015: ((2, 19), (4, 5), (6, 20), (9, 27)),
    2016: ((2, 8), (4, 4), (6, 9), (9, 15)),
    2017: ((1, 28), (4, 4), (5, 30), (10, 4)),
    2018: ((2, 16), (4, 5), (6, 18), (9, 24)),
    2019: ((2, 5), (4, 5), (6, 7), (9, 13)),
    2020: ((1, 25), (4, 4), (6, 25), (10, 1)),
    2021: ((2, 12), (4, 4), (6, 14), (9, 21)),
    2022: ((2, 1), (4, 5), (6, 3), (9, 10)),
    2023: ((1, 22), (4, 5), (6, 22), (9, 29)),
    2024: ((2, 10), (4, 4), (6, 10), (9, 17)),
    2025: ((1, 29), (4, 4), (5, 31), (10, 6)),
    2026: ((2, 17), (4, 5), (6, 19), (9, 25)),
    2027: ((2, 6), (4, 5), (6, 9), (9, 15)),
    2028: ((1, 26), (4, 4), (5, 28), (10, 3)),
    2029: ((2, 13), (4, 4), (6, 16), (9, 22)),
    2030: ((2, 3), (4, 5), (6, 5), (9, 12)),
    2031: ((1, 23), (4, 5), (6, 24), (10, 1)),
    2032: ((2, 11), (4, 4), (6, 12), (9, 19)),
    2033: ((1, 31), (4, 4), (6, 1), (9, 8)),
    2034: ((2, 19), (4, 5), (6, 20), (9, 27)),
    2035: ((2, 8), (4, 5), (6, 10), (9, 16)),
}
LAST_MOVING_YEAR = max(MOVING_DATES)


@lru_cache(maxsize=128)
def statutory_days(year: int) -> Mapping[date, str]:
    """The statutory days off of `year` (2000 or later): date → Chinese name, in order; names of one day join by 、.

    From 2036 on the moving dates are not known: only 元旦, 劳动节 and 国庆节 are in the answer (see
    `moving_dates_known`). Days that fall on a weekend are included and get no substitute (ruling R4).
    """
    law = next(revision for revision in REVISIONS if revision.since <= year)
    named = [(date(year, 1, 1), NEW_YEAR)]
    named += [(date(year, 5, 1 + i), LABOUR_DAY) for i in range(law.labour_day)]
    named += [(date(year, 10, 1 + i), NATIONAL_DAY) for i in range(3)]
    if moving_dates_known(year):
        spring, qingming, dragon_boat, mid_autumn = (date(year, *month_day) for month_day in MOVING_DATES[year])
        named += [(spring + timedelta(days=i), SPRING_FESTIVAL) for i in law.spring_festival]
        if law.traditional:
            named += [(qingming, QINGMING), (dragon_boat, DRAGON_BOAT), (mid_autumn, MID_AUTUMN)]
    names: dict[date, str] = {}
    for on, name in sorted(named, key=lambda pair: pair[0]):
        names[on] = f"{names[on]}、{name}" if on in names else name
    return MappingProxyType(names)


def moving_dates_known(year: int) -> bool:
    """Whether the table holds the lunar and solar-term dates of `year`."""
    return year in MOVING_DATES


def english_name(name: str) -> str:
    """The English for a Chinese holiday name, also for several joined by 、; a name not in the table stays as it is."""
    return ", ".join(ENGLISH_NAMES.get(part, part) for part in name.split("、"))
