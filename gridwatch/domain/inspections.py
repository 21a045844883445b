"""The rules of administrative inspections 行政检查: who makes them, and how often (国办发〔2024〕54号).

A grid worker has no licence and inspects nothing; his visits find facts. An inspection takes two officers, and an entity has a
yearly limit of planned ones. What complaints, transfers and alarms call for is not held up by it, but names its paper.
"""

from __future__ import annotations

from collections.abc import Iterable

DEFAULT_CAP = 2  # planned inspections of an entity a year where no area says otherwise; a default of the product

CAUSES: dict[str, tuple[str, str]] = {
    "complaint": ("投诉举报", "complaint or report"),
    "transfer": ("转办交办", "transferred or assigned"),
    "monitoring": ("数据监测", "monitoring data"),
}


def licences_of(given: Iterable[str]) -> list[str]:
    """Licence numbers as they are kept: without spaces, in capitals, each once, in their order."""
    return list(dict.fromkeys("".join(one.split()).upper() for one in given if one.strip()))


def are_enough(licences: list[str]) -> bool:
    """Whether two different officers were there."""
    return len(licences) >= 2
