"""What a bench hands back: rows of figures, each beside its yardstick and its aim, as a table or as JSON."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

HEADINGS = ("bench", "what", "database", "size", "Gridwatch", "yardstick", "ratio", "aim", "met")


@dataclass(frozen=True, slots=True)
class Aim:
    """A limit: at most (or, with `least`, at least) `limit`, of our own figure or of the ratio to the yardstick."""

    limit: float
    least: bool = False
    of_ratio: bool = False

    def __str__(self) -> str:
        sign, kind = "≥" if self.least else "≤", "×" if self.of_ratio else ""
        return f"{sign} {_number(self.limit)}{kind}"

    def met(self, ours: float, ratio: float | None) -> bool | None:
        """Whether it is reached; None where there is no ratio to judge."""
        figure = ratio if self.of_ratio else ours
        return None if figure is None else (figure >= self.limit if self.least else figure <= self.limit)


@dataclass(frozen=True, slots=True)
class Row:
    """One figure: medians in `unit`, ours and that of the yardstick in the same run; `bare_is` says what the yardstick does.

    `ratio` is ours divided by the yardstick's. `others` is the share of the machine (0–1) that processes which do not belong
    to the bench used meanwhile; `spread` the lowest and highest of our runs.
    """

    bench: str
    what: str
    database: str
    size: str
    ours: float
    unit: str
    bare: float | None = None
    bare_is: str = ""
    aim: Aim | None = None
    spread: tuple[float, float] | None = None
    others: float | None = None

    @property
    def ratio(self) -> float | None:
        """Ours divided by the yardstick's."""
        return self.ours / self.bare if self.bare else None

    @property
    def met(self) -> bool | None:
        """Whether the aim is reached; None without an aim."""
        return self.aim.met(self.ours, self.ratio) if self.aim else None

    def cells(self) -> tuple[str, ...]:
        """The row as text, in the order of HEADINGS."""
        bare = "" if self.bare is None else f"{_number(self.bare)} {self.unit}"
        ratio = "" if self.ratio is None else f"{self.ratio:.2f}"
        met = {None: "", True: "yes", False: "NO"}[self.met]
        ours = f"{_number(self.ours)} {self.unit}"
        aim = str(self.aim or "")
        return (self.bench, self.what, self.database, self.size, ours, bare, ratio, aim, met)

    def as_json(self) -> dict[str, Any]:
        """The row with plain numbers."""
        values = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return values | {"aim": str(self.aim) if self.aim else None, "ratio": self.ratio, "met": self.met}


def as_text(rows: Iterable[Row]) -> str:
    """The table, aligned for a terminal and for Markdown alike, and below it what each yardstick was."""
    rows = list(rows)
    lines = [HEADINGS, *(row.cells() for row in rows)]
    widths = [max(_width(line[column]) for line in lines) for column in range(len(HEADINGS))]
    shown = [_line(line, widths) for line in lines]
    shown.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    yardsticks = dict.fromkeys((row.bench, row.bare_is) for row in rows if row.bare_is)
    return "\n".join([*shown, "", *(f"yardstick, {bench}: {bare_is}" for bench, bare_is in yardsticks)])


def _line(cells: Iterable[str], widths: list[int]) -> str:
    padded = (cell + " " * (width - _width(cell)) for cell, width in zip(cells, widths, strict=True))
    return "| " + " | ".join(padded) + " |"


def _width(text: str) -> int:
    """Columns on a terminal, where Chinese characters take two."""
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in text)


def _number(value: float) -> str:
    """Three significant digits, thousands separated."""
    if value >= 1_000:
        return f"{round(value, -max(0, len(str(int(value))) - 3)):,.0f}"
    return f"{value:.3g}"
