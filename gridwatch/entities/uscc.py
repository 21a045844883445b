"""The unified social credit code 统一社会信用代码 (GB 32100) of an entity: read, folded, checked, and said.

Check characters come from python-stdnum. Around it stand four facts of real registers: codes are typed in lower case,
full width or with separators; entities registered before October 2015 may still show a 15-digit registration number or
a 9-character organisation code; an unlicensed shop has none at all; and the authority letters A, N and Y, which stdnum
refuses, may be given by the standard (a warning here, never a refusal).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from stdnum.cn import uscc
from stdnum.exceptions import InvalidChecksum, InvalidFormat
from stdnum.iso7064 import mod_11_10


class UsccKind(StrEnum):
    """What a cell that should hold a code turned out to hold."""

    VALID = "valid"
    LEGACY_15 = "legacy_15"  # registration number 注册号 of the time before the code
    LEGACY_9 = "legacy_9"  # organisation code 组织机构代码, today characters 9 to 17 of the code
    NONE = "none"  # blank: legal for an unlicensed place
    INVALID = "invalid"


@dataclass(frozen=True, slots=True)
class UsccVerdict:
    """`normal` is the text to store and compare, also where `kind` is INVALID.

    `warnings` and `problem` are keys of USCC_WORDS; `problem` is set if and only if `kind` is INVALID.
    """

    kind: UsccKind
    normal: str
    warnings: tuple[str, ...] = ()
    problem: str | None = None


USCC_WORDS: dict[str, tuple[str, str]] = {
    # Warnings: read all the same, and said.
    "uscc.case_folded": ("小写字母已按大写读取", "lower case letters were read as upper case"),
    "uscc.width_folded": ("全角字符已按半角读取", "full-width characters were read as half-width"),
    "uscc.separators_removed": ("已去掉空格或连字符", "spaces or hyphens were removed"),
    "uscc.authority_letter": (
        "登记管理部门代码为 A、N 或 Y，少见，请核对证照",
        "the registering authority is A, N or Y, which is rare: compare with the licence",
    ),
    "uscc.org_code_check": (
        "组织机构代码的校验位不符；真实证照中存在这种情况，仍予接受",
        "the organisation code has a wrong check digit; accepted all the same, real licences like this exist",
    ),
    "uscc.legacy_15": (
        "这是旧的 15 位注册号，请在核查时补录统一社会信用代码",
        "this is an old 15-digit registration number; record the credit code at the next visit",
    ),
    "uscc.legacy_15_check": ("旧注册号的校验位不符", "the old registration number has a wrong check digit"),
    "uscc.legacy_9": (
        "这是旧的 9 位组织机构代码，请在核查时补录统一社会信用代码",
        "this is an old 9-character organisation code; record the credit code at the next visit",
    ),
    # Problems: this is no code.
    "uscc.length": (
        "统一社会信用代码应为 18 位（旧注册号 15 位，组织机构代码 9 位）",
        "a credit code has 18 characters (an old registration number 15, an organisation code 9)",
    ),
    "uscc.character": (
        "含有代码中不会出现的字符；字母 I、O、S、V、Z 不用，多为 1、0、5、U、2 之误",
        "it holds a character that no code holds; I, O, S, V and Z are not used and mostly stand for 1, 0, 5, U and 2",
    ),
    "uscc.region": (
        "第 2 位应为数字，第 3 至 8 位应为行政区划数字",
        "character 2 must be a digit and characters 3 to 8 the digits of a division",
    ),
    "uscc.check_character": (
        "校验位不符，请对照证照逐位核对",
        "the check character does not fit: compare with the licence, character by character",
    ),
}

_ALPHABET = frozenset("0123456789ABCDEFGHJKLMNPQRTUWXY")
_AUTHORITY_LETTERS = frozenset("ANY")
_NO_CODE = frozenset({"", "无", "无照"})
_HALF_WIDTH = {0x3000: " "} | {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)}
_SEPARATORS = str.maketrans("", "", " \t\u00a0-\u2010\u2011\u2012\u2013\u2014")


def check_uscc(text: str) -> UsccVerdict:
    """Read what a person or a file gave as a credit code. Never raises; what was changed to read it is in `warnings`.

    Source: GB 32100 (domain.md §2 "USCC"); GB 11714 for the organisation code; GS 15 for the old registration number.
    """
    normal, folded = _fold(text)
    if normal in _NO_CODE:
        return UsccVerdict(UsccKind.NONE, "")
    if len(normal) == 15 and _is_digits(normal):
        unchecked = () if mod_11_10.is_valid(normal) else ("uscc.legacy_15_check",)
        return UsccVerdict(UsccKind.LEGACY_15, normal, (*folded, "uscc.legacy_15", *unchecked))
    if len(normal) == 9 and _is_organisation_code_shaped(normal):
        return UsccVerdict(UsccKind.LEGACY_9, normal, (*folded, "uscc.legacy_9", *_organisation_warning(normal)))
    problem, authority = _check(normal)
    if problem is not None:
        return UsccVerdict(UsccKind.INVALID, normal, folded, problem)
    return UsccVerdict(UsccKind.VALID, normal, (*folded, *authority, *_organisation_warning(normal[8:17])))


def _fold(text: str) -> tuple[str, tuple[str, ...]]:
    """The text in upper case, half width, without separators; and a warning for each of the three that was needed."""
    half = text.translate(_HALF_WIDTH)
    joined = half.translate(_SEPARATORS).strip()
    upper = joined.upper()
    steps = (
        ("uscc.width_folded", half != text),
        ("uscc.separators_removed", joined != half),
        ("uscc.case_folded", upper != joined),
    )
    return upper, tuple(code for code, needed in steps if needed)


def _check(normal: str) -> tuple[str | None, tuple[str, ...]]:
    """The problem of a folded 18-character code, or None and the warning that its authority letter deserves."""
    if len(normal) != 18:
        return "uscc.length", ()
    if not _ALPHABET.issuperset(normal):
        return "uscc.character", ()
    try:
        uscc.validate(normal)
    except InvalidChecksum:
        return "uscc.check_character", ()
    except InvalidFormat:
        if normal[0] not in _AUTHORITY_LETTERS or not _is_digits(normal[1:8]):
            return "uscc.region", ()
        if uscc.calc_check_digit(normal[:17]) != normal[17]:
            return "uscc.check_character", ()
        return None, ("uscc.authority_letter",)
    return None, ()


def _is_digits(text: str) -> bool:
    return text.isascii() and text.isdigit()


def _is_organisation_code_shaped(text: str) -> bool:
    return text.isascii() and text.isalnum() and (text[8].isdigit() or text[8] == "X")


def _organisation_warning(code: str) -> tuple[str, ...]:
    """A warning unless the ninth character of an organisation code fits (GB 11714)."""
    total = sum(int(character, 36) * weight for character, weight in zip(code, (3, 7, 9, 10, 5, 8, 4, 2), strict=False))
    fits = "0123456789X"[-total % 11] == code[8]
    return () if fits else ("uscc.org_code_check",)
