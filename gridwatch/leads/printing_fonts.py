"""The fonts that papers are set in: those of GRIDWATCH_FONTS first, else the known Chinese ones of this machine.

GB/T 9704 asks for 小标宋 in titles, 仿宋 in the text and 黑体 in headings. They are no free fonts, so a machine may have others:
each use has a list, best first, and takes whatever of it is there. Latin letters and figures have a font that comes along.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import NamedTuple

import typst

from gridwatch.config import Settings
from gridwatch.domain.errors import Refusal

SONG = (
    "Noto Serif CJK SC", "Noto Serif SC", "Source Han Serif SC", "思源宋体", "SimSun", "宋体", "NSimSun", "Songti SC", "STSong",
    "AR PL UMing", "AR PL UMing CN", "AR PL SungtiL GB",
)  # fmt: skip
HEI = (
    "SimHei", "黑体", "FZHei-B01", "FZHei-B01S", "方正黑体_GBK", "STHeiti", "Heiti SC", "PingFang SC", "Noto Sans CJK SC", "Noto Sans SC",
    "Source Han Sans SC", "思源黑体", "Microsoft YaHei", "WenQuanYi Zen Hei", "WenQuanYi Micro Hei", "Droid Sans Fallback",
)  # fmt: skip
USES: dict[str, tuple[str, ...]] = {
    "title": (
        "FZXiaoBiaoSong-B05",
        "FZXiaoBiaoSong-B05S",
        "方正小标宋_GBK",
        "方正小标宋简体",
        "STZhongsong",
        "华文中宋",
        *SONG,
        *HEI,
    ),
    "text": (
        "FangSong_GB2312",
        "仿宋_GB2312",
        "FangSong",
        "仿宋",
        "FZFangSong-Z02",
        "FZFangSong-Z02S",
        "STFangsong",
        *SONG,
        *HEI,
    ),
    "heading": (*HEI, *SONG),
}
LATIN = "Libertinus Serif"  # inside the typesetter, so it is everywhere


class Faces(NamedTuple):
    """The fonts for the typesetter, and for each use (title, text, heading) the families, best first."""

    fonts: typst.Fonts
    by_use: dict[str, list[str]]


def faces(settings: Settings) -> Faces:
    """The fonts of this machine. Raises 503 `lead.no_font` where no Chinese one is among them."""
    found = _found(settings.fonts)
    if not all(found.by_use.values()):
        raise Refusal("lead.no_font")
    return found


@cache
def _found(folders: str) -> Faces:
    """Looked for once in a process: to look through a machine's fonts takes longer than to set a page."""
    named = [str(Path(one).expanduser()) for one in folders.split(":") if one]
    own = set(typst.Fonts(include_system_fonts=False, font_paths=named).families()) - set(_built_in())
    fonts = typst.Fonts(include_system_fonts=not named, font_paths=named)
    there = set(fonts.families())
    # What an administrator names is taken whatever it is called; a known name among it still goes where it belongs.
    return Faces(
        fonts,
        {use: [*(one for one in wanted if one in there), *sorted(own - set(wanted))] for use, wanted in USES.items()},
    )


def _built_in() -> list[str]:
    return typst.Fonts(include_system_fonts=False).families()
