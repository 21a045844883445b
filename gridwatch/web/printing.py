"""Papers: a template of the typesetter (typst), what it is to say, and the fonts of this machine, made into PDF or SVG.

Fonts are those of GRIDWATCH_FONTS first, else the known Chinese ones that are there. GB/T 9704 asks for 小标宋 in titles, 仿宋 in
the text and 黑体 in headings. They are no free fonts, so a machine may have others: each use has a list, best first, and takes
whatever of it is there. Latin letters and figures have a font that comes along with the typesetter.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import orjson
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
TOLD = "told.json"  # what the template reads


class Faces(NamedTuple):
    """The fonts for the typesetter, and for each use (title, text, heading) the families, best first."""

    fonts: typst.Fonts
    by_use: dict[str, list[str]]


def faces(settings: Settings) -> Faces:
    """The fonts of this machine. Raises 503 `print.no_font` where no Chinese one is among them."""
    found = _found(settings.fonts)
    if not all(found.by_use.values()):
        raise Refusal("print.no_font")
    return found


def typeset(
    template: Path,
    told: Mapping[str, Any],
    settings: Settings,
    *,
    files: Mapping[str, bytes] | None = None,
    at: datetime | None = None,
    form: str = "pdf",
) -> list[bytes]:
    """A paper from its template: one PDF, or with `form` "svg" one picture a page.

    The template reads `told.json`: `told` (JSON values), and in `faces` the font families of each use. `files` lie beside it under
    their names; it can reach nothing else of this machine. `at` stands in the PDF as the time that it was made, so that the same
    words make the same bytes. Raises 503 `print.no_font`.
    """
    chosen = faces(settings)
    with tempfile.TemporaryDirectory(prefix="gridwatch-") as folder:
        root = Path(folder)
        for name, content in (files or {}).items():
            (root / name).write_bytes(content)
        (root / TOLD).write_bytes(orjson.dumps({**told, "faces": chosen.by_use}))
        shutil.copy(template, root / template.name)
        made = typst.compile(root / template.name, root=root, font_paths=chosen.fonts, format=form, timestamp=at)
    return made if isinstance(made, list) else [made]


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
