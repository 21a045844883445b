"""Parsers of single cells: text in, value out, or `Unfit` with the reason. `formats.py` puts them into tables."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date
from math import isfinite
from typing import Any

from gridwatch.domain.datum import Datum, in_china, looks_swapped
from gridwatch.exchange.reading import Reason

Parser = Callable[[str], Any]


class Unfit(Exception):
    """A cell that cannot be read. `facts` fill the templates of `reason`."""

    def __init__(self, reason: Reason, **facts: Any) -> None:
        super().__init__(reason.code)
        self.reason = reason
        self.facts = facts


BLANK = Reason("cell.blank", "「{title}」必填", "{name} must be filled in")
TOO_LONG = Reason(
    "cell.too_long", "内容有 {found} 字，最多 {limit} 字", "this has {found} characters, at most {limit} fit"
)
CONTROL = Reason("cell.control_character", "含有无法保存的控制字符", "it holds a control character that cannot be kept")
CODE = Reason(
    "cell.code",
    "代码只能由字母、数字和 . _ - 组成，最多 {limit} 位",
    "a code is made of letters, digits and . _ -, at most {limit} of them",
)
CHOICE = Reason("cell.choice", "只能填：{choices}", "write one of: {choices}")
NOT_A_NUMBER = Reason("cell.number", "不是数字", "this is not a number")
OUT_OF_RANGE = Reason(
    "cell.out_of_range", "应在 {lowest} 至 {highest} 之间", "it must lie between {lowest} and {highest}"
)
NOT_A_DAY = Reason(
    "cell.date",
    "不是日期；请写作 2026-10-09、2026/10/9 或 2026年10月9日",
    "this is not a date: write 2026-10-09, 2026/10/9 or 2026年10月9日",
)
DATUM = Reason(
    "datum.unknown",
    "不认识的坐标系；请填 WGS84、CGCS2000、GCJ02（高德、腾讯）或 BD09（百度）",
    "unknown datum: write WGS84, CGCS2000, GCJ02 (AMap, Tencent) or BD09 (Baidu)",
)
DATUM_CONFLICT = Reason(
    "datum.conflict",
    "文件写的是 {stated}，--datum 却说 {given}；请删去其中一个",
    "the file says {stated} but --datum says {given}: take one of them away",
)
SWAPPED = Reason(
    "point.swapped", "经度和纬度写反了（先经度，后纬度）", "longitude and latitude are swapped (longitude comes first)"
)
OUTSIDE = Reason("point.outside_china", "坐标不在中国境内", "the point does not lie in China")
PATTERN = Reason("cell.pattern", "不是有效的正则表达式：{why}", "this is not a regular expression: {why}")

_CODE = re.compile(r"[0-9A-Za-z][0-9A-Za-z._-]*")
_BREAKS = re.compile(r"[\r\n\t]+")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")  # and halves of surrogate pairs, which no database takes
_DAY = re.compile(r"(\d{4})(?:-(\d{1,2})-(\d{1,2})|/(\d{1,2})/(\d{1,2})|年(\d{1,2})月(\d{1,2})日)", re.ASCII)
_FLAGS = {"1": True, "是": True, "true": True, "yes": True, "0": False, "否": False, "false": False, "no": False}


def text(limit: int) -> Parser:
    """Text of at most `limit` characters, without the space around it; line breaks and tabs inside become spaces."""

    def parse(cell: str) -> str:
        value = _BREAKS.sub(" ", cell.strip())
        if len(value) > limit:
            raise Unfit(TOO_LONG, found=len(value), limit=limit)
        if _CONTROL.search(value):
            raise Unfit(CONTROL)
        return value

    return parse


def code(limit: int = 32) -> Parser:
    """A code of letters, digits and . _ - with at most `limit` characters; case is kept."""

    def parse(cell: str) -> str:
        value = cell.strip()
        if len(value) > limit or not _CODE.fullmatch(value):
            raise Unfit(CODE, limit=limit)
        return value

    return parse


def codes(limit: int = 32) -> Parser:
    """Several codes with spaces or semicolons between them, as a tuple without repeats, in the order given."""
    one = code(limit)

    def parse(cell: str) -> tuple[str, ...]:
        return tuple(dict.fromkeys(one(part) for part in re.split(r"[\s;；]+", cell.strip()) if part))

    return parse


def choice(choices: Mapping[str, Any]) -> Parser:
    """One of the keys, as its value. The keys hold the code of each choice and its Chinese name."""

    def parse(cell: str) -> Any:
        try:
            return choices[cell.strip()]
        except KeyError:
            raise Unfit(CHOICE, choices="、".join(choices)) from None

    return parse


def flag(cell: str) -> bool:
    """1 or 0, 是 or 否, true or false, yes or no."""
    value = _FLAGS.get(cell.strip().lower())
    if value is None:
        raise Unfit(CHOICE, choices="1、0、是、否")
    return value


def integer(lowest: int, highest: int) -> Parser:
    """A whole number within the bounds, both included."""

    def parse(cell: str) -> int:
        if not re.fullmatch(r"[+-]?\d{1,18}", cell.strip(), re.ASCII):
            raise Unfit(NOT_A_NUMBER)
        value = int(cell)
        if not lowest <= value <= highest:
            raise Unfit(OUT_OF_RANGE, lowest=lowest, highest=highest)
        return value

    return parse


def degrees(bound: float) -> Parser:
    """Decimal degrees within ±bound."""

    def parse(cell: str) -> float:
        try:
            value = float(cell)
        except ValueError:
            raise Unfit(NOT_A_NUMBER) from None
        if not isfinite(value) or "_" in cell:
            raise Unfit(NOT_A_NUMBER)
        if abs(value) > bound:
            raise Unfit(OUT_OF_RANGE, lowest=-bound, highest=bound)
        return value

    return parse


def day(first: date, last: date) -> Parser:
    """A calendar day within the bounds, both included, in one of the three spellings of NOT_A_DAY."""

    def parse(cell: str) -> date:
        match = _DAY.fullmatch(cell.strip())
        if match is None:
            raise Unfit(NOT_A_DAY)
        try:
            value = date(*(int(part) for part in match.groups() if part is not None))
        except ValueError:
            raise Unfit(NOT_A_DAY) from None
        if not first <= value <= last:
            raise Unfit(OUT_OF_RANGE, lowest=first, highest=last)
        return value

    return parse


def datum(cell: str) -> Datum:
    """A datum as people write it (`Datum.named`)."""
    try:
        return Datum.named(cell)
    except ValueError:
        raise Unfit(DATUM) from None


def pattern(limit: int) -> Parser:
    """The text of a regular expression that compiles."""
    read = text(limit)

    def parse(cell: str) -> str:
        value = read(cell)
        try:
            re.compile(value)
        except re.error as error:
            raise Unfit(PATTERN, why=str(error)) from None
        return value

    return parse


def misplaced(lon: float, lat: float) -> Reason | None:
    """Why a pair of degrees cannot be a place of ours, or None."""
    if in_china(lon, lat):
        return None
    return SWAPPED if looks_swapped(lon, lat) else OUTSIDE
