"""Spot checks 抽查 of a market's own rounds: which stalls are drawn, where two checks differ, and the rate of that.

Source: notice 003, 政社共治 (requirements 28, 29); domain.md §4e: a rate with fewer than ten in the denominator is a fraction.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from gridwatch.domain.form_rules import same
from gridwatch.domain.forms import Form, read
from gridwatch.domain.items import Forms

LEAST_DENOMINATOR = 10  # below it a rate is told as a fraction


def draw(stalls: Iterable[str], size: int, *, seed: str, month: str, market: str) -> list[str]:
    """The stalls that are drawn: the first `size` in the order of SHA-256(`seed|month|market|stall`), UTF-8, as hex.

    `month` is like `2026-09`. The same five values give the same stalls in the same order, whoever draws, on any machine.
    """

    def place(stall: str) -> tuple[str, str]:
        return hashlib.sha256(f"{seed}|{month}|{market}|{stall}".encode()).hexdigest(), stall

    return sorted(set(stalls), key=place)[:size]


@dataclass(frozen=True, slots=True)
class Point:
    """One question that the manager and the worker both answered at a stall; `name` is like `RG05B.displayed`."""

    name: str
    manager: Any
    worker: Any
    agrees: bool


def compare(manager: Mapping[str, Any], worker: Mapping[str, Any], forms: Forms) -> list[Point]:
    """What the two said of a stall, point by point, in the order of asking. Both are {"findings": [{"item": code, …}]}.

    A point is a question with a closed answer (yes or no, a choice, choices) that showed and was answered on both sides. Texts,
    numbers and rows are left out: two people word them differently. A question that showed on one side only follows from
    another answer, which has already been counted as a difference.
    """
    points = []
    mine, theirs = _by_item(manager), _by_item(worker)
    for code, form in forms.items():
        if code not in mine or code not in theirs:
            continue
        shown = set(read(form, mine[code]).visible) & set(read(form, theirs[code]).visible)
        for question in form["fields"]:
            name = question["name"]
            said, found = mine[code].get(name), theirs[code].get(name)
            if _closed(question) and name in shown and said is not None and found is not None:
                points.append(Point(f"{code}.{name}", said, found, _alike(said, found)))
    return points


def _by_item(payload: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    return {finding["item"]: finding for finding in payload["findings"]}


def _closed(question: Form) -> bool:
    asked = question["items"] if question["type"] == "array" else question
    return asked["type"] == "boolean" or "enum" in asked


def _alike(said: Any, found: Any) -> bool:
    if isinstance(said, list) and isinstance(found, list):
        return set(said) == set(found)
    return same(said, found)


@dataclass(frozen=True, slots=True)
class Rate:
    """A rate with its numerator and denominator."""

    numerator: int
    denominator: int

    @property
    def percent(self) -> float | None:
        """Per cent to one digit; None where the denominator is below LEAST_DENOMINATOR."""
        if self.denominator < LEAST_DENOMINATOR:
            return None
        return round(100 * self.numerator / self.denominator, 1)

    @property
    def text(self) -> str:
        """As it is printed: `12.5%`, or `1/4`; a dash where there is nothing to compare."""
        if not self.denominator:
            return "—"
        return f"{self.numerator}/{self.denominator}" if self.percent is None else f"{self.percent}%"


def rate_of(points: Iterable[Point]) -> Rate:
    """The disagreement rate of points: those that differ, of those compared."""
    verdicts = [point.agrees for point in points]
    return Rate(verdicts.count(False), len(verdicts))
