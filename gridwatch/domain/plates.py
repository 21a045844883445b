"""Door plates of others (门牌): which code of a standard address their QR codes carry, as a table to plug rows into.

Cities put QR codes on door plates before Gridwatch comes, and every system has a form of its own. A row says how one form is
recognised and where in it the external code stands; the address behind that code is looked up among the external codes of
addresses. A city adds the row of its own plates here, with a plate of its own as the example: a test holds every row to its
example, and no example may be read by the row before it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

Words = tuple[str, str]  # Chinese, English


@dataclass(frozen=True, slots=True)
class PlateFormat:
    """One row. `pattern` must match the whole text and has a group `code`; `example` is such a text, `code` what is read of it.

    `source` says where the form is known from, as (Chinese, English).
    """

    name: str
    words: Words
    pattern: re.Pattern[str]
    example: str
    code: str
    source: Words


@dataclass(frozen=True, slots=True)
class Plate:
    """A text that was recognised: the row, and the external code in it."""

    format: PlateFormat
    code: str


_CODE = r"(?P<code>[0-9A-Za-z]{9,40})"
_PARAMETER = r"(?:dzbm|bzdzbm|dzid|stdcode|std_code|addresscode|address_code)"

# fmt: off
FORMATS: tuple[PlateFormat, ...] = (
    PlateFormat(
        "link_parameter", ("带参数的门牌链接", "a link with the code as a parameter"),
        re.compile(rf"https?://[^\s?#]+\?(?:[^\s#]*&)?{_PARAMETER}={_CODE}(?:&[^\s#]*)?(?:#\S*)?", re.I),
        "https://dz.example.gov.cn/m/scan?v=2&dzbm=441900004003000123", "441900004003000123",
        ("产品自拟：链接参数中带标准地址编码（dzbm 等名称），启用前须用本市门牌核对",
         "the product's own reading: a link whose parameter (dzbm and the like) is the code; to be held against a plate of the city"),
    ),
    PlateFormat(
        "link_path", ("以编码结尾的门牌链接", "a link that ends with the code"),
        re.compile(r"https?://[^\s?#]+/(?P<code>[0-9]{15,40})/?(?:[?#]\S*)?", re.I),
        "https://mp.example.gov.cn/q/440106011002000000123", "440106011002000000123",
        ("产品自拟：链接末段为 15 位以上的数字编码，启用前须用本市门牌核对",
         "the product's own reading: a link whose last part is a code of 15 digits or more; to be held against a plate of the city"),
    ),
    PlateFormat(
        "labelled", ("写明“地址编码”的文字", "text that names the address code"),
        re.compile(rf"(?:[^:：]*[\s,，;；])?(?:标准)?(?:地址|门牌)(?:编码|代码|编号)[:：]\s*{_CODE}(?:[\s,，;；].*)?", re.S),
        "南城街道鸿福路100号，标准地址编码：441900004003000100", "441900004003000100",
        ("产品自拟：文字二维码中以“地址编码：”引出编码",
         "the product's own reading: a QR code of plain text that introduces the code by its name"),
    ),
    PlateFormat(
        "bare_code", ("只有编码", "the code alone"),
        re.compile(r"(?P<code>[0-9]{15,40})"),
        "441900004003000000042", "441900004003000000042",
        ("行政区划代码 9 位、社区 3 位、地址序号的顺序编码，见 GB/T 39609 的分级思路",
         "nine digits of the division, three of the community and a running number, in the levels of GB/T 39609"),
    ),
)
# fmt: on

_LONGEST = 500  # characters of a text worth looking at


def recognise(text: str, formats: Iterable[PlateFormat] = FORMATS) -> Plate | None:
    """What a scanned text is by the first row that fits it; None where none does."""
    said = text.strip()
    if len(said) > _LONGEST:
        return None
    for one in formats:
        if found := one.pattern.fullmatch(said):
            return Plate(one, found["code"].upper())
    return None
