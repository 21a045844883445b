"""When a thing was done, by a phone whose clock may be wrong (sync-protocol section 4, Time; ruling R15).

The time of capture is kept as sent. Beside it stands the corrected one: `captured_at + offset_ms`, where the offset is what the
phone measured at its last contact, server time minus its own. Its uncertainty is half the round trip of that measurement,
plus what a cheap quartz may have drifted since.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

DRIFT = 200e-6  # seconds a second: twice what a phone's quartz shows at its worst
LEAST_S = 1
EARLY, OLD = timedelta(hours=24), timedelta(days=400)


@dataclass(frozen=True, slots=True)
class Capture:
    """`captured_at` as sent (None: no usable time), the corrected instant, and its uncertainty in seconds (None: not known)."""

    captured_at: datetime | None = None
    corrected_at: datetime | None = None
    uncertainty_s: int | None = None

    def is_plausible(self, received_at: datetime) -> bool:
        """Whether it can be true: at most 24 h ahead of the arrival and at most 400 days behind it."""
        return self.corrected_at is not None and received_at - OLD <= self.corrected_at <= received_at + EARLY


def captured(captured_at: Any, clock: Any) -> Capture:
    """The capture that an item states. Never raises: what is no time is no time."""
    moment = _instant(captured_at)
    if moment is None:
        return Capture()
    told = clock if isinstance(clock, Mapping) else {}
    offset = _number(told.get("offset_ms"))
    if offset is None:
        return Capture(moment, moment, None)
    try:
        corrected = _in_range(moment + timedelta(milliseconds=offset))
    except OverflowError:
        corrected = None
    if corrected is None:
        return Capture(moment, None, None)
    age, trip = _number(told.get("offset_age_s")), _number(told.get("rtt_ms"))
    if age is None or trip is None or age < 0 or trip < 0:
        return Capture(moment, corrected, None)
    uncertainty = LEAST_S + trip / 2_000 + age * DRIFT
    return Capture(moment, corrected, math.ceil(uncertainty) if uncertainty < 10**9 else None)


def in_order(number: int | None, capture: Capture, around: Sequence[tuple[int, datetime, int | None]]) -> bool:
    """Whether a number and its time agree with the items next to it: the one before not later, the one after not earlier.

    `around` are (device_no, corrected_at, uncertainty_s) of the device in rising order of number, this item among them. Two
    times differ only where the uncertainties of both do not explain it. An item without number or time is not in order, nor
    is one whose number stands twice.
    """
    if number is None or capture.corrected_at is None:
        return False
    first, behind = bisect_left(around, number, key=_number_of), bisect_right(around, number, key=_number_of)
    if behind - first > 1:
        return False
    before, after = (around[first - 1] if first else None), (around[behind] if behind < len(around) else None)
    return (before is None or before[1] - _slack(before, capture) <= capture.corrected_at) and (
        after is None or after[1] + _slack(after, capture) >= capture.corrected_at
    )


def _number_of(row: tuple[int, datetime, int | None]) -> int:
    return row[0]


def _slack(other: tuple[int, datetime, int | None], capture: Capture) -> timedelta:
    return timedelta(seconds=(other[2] or 0) + (capture.uncertainty_s or 0))


def _instant(text: Any) -> datetime | None:
    if not isinstance(text, str) or not 16 <= len(text) <= 40:
        return None
    try:
        moment = datetime.fromisoformat(text)
        return None if moment.tzinfo is None else _in_range(moment.astimezone(UTC))
    except (ValueError, OverflowError):
        return None


def _in_range(moment: datetime) -> datetime | None:
    """A moment that both databases can keep; no clock of a phone that works says another."""
    return moment if 1970 <= moment.year <= 9998 else None


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
