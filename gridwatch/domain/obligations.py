"""Obligations: who owes what by which day, whether it was met, and what may still move a date.

Time limits are a versioned policy; dates are counted on a WorkCalendar; verdicts are computed from facts and a day,
never stored (invariant I5). The clocks of a department start with the push and run on a fixed grid: signing in, an
early report or a pause moves nothing (seed 003; rulings R1–R12).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Any

from gridwatch.domain.worktime import CHINA, Due, WorkCalendar


class ObligationKind(StrEnum):
    """Everything that somebody owes by a day. FEEDBACK and CITY_FOLLOW come in numbered windows k = 1, 2, …"""

    TRIAGE_C = "triage_c"  # community: accept or return a report
    C_HANDLE = "c_handle"  # community: handle an accepted lead
    RECHECK = "recheck"  # community: second check after a notice was served (复检)
    TRIAGE_S = "triage_s"  # street: push, send back or close
    INTERVENE = "intervene"  # department: intervene (介入)
    FEEDBACK = "feedback"  # department: one entry per window (反馈)
    RULING = "ruling"  # street, then supervision office: decide a return request (裁定)
    REWORK = "rework"  # whoever is named by a failed verification (返工)
    VERIFY = "verify"  # community: verify on site (核查结案)
    GROUP_DECIDE = "group_decide"  # leading group: decide
    CITY_FOLLOW = "city_follow"  # supervision office: follow up with the city or the peer, per window
    RESUBMIT = "resubmit"  # reporter: complete a returned report
    PEER_ACK = "peer_ack"  # peer district: acknowledge a transfer
    REVIEW = "review"  # supervision office: look at a shelved lead again (挂账)


WINDOWED = frozenset({ObligationKind.FEEDBACK, ObligationKind.CITY_FOLLOW})


class ChangeMode(StrEnum):
    """What a changed official calendar does to a date that was announced: keep the later one, or take the new one."""

    EXTEND_ONLY = "extend_only"
    STRICT = "strict"


@dataclass(frozen=True, slots=True)
class Policy:
    """The time limits in force from `effective_on`. `days` are work days per kind, counted from the anchor day.

    For windowed kinds it is the length of one window; for REVIEW the latest day that shelving may name.
    `closes_at`, when set, ends a due day at that local time instead of 24:00 (民法典 203, second sentence).
    Raises ValueError when a kind is missing or a limit is below one day.
    """

    version: int
    effective_on: date
    days: Mapping[ObligationKind, int]
    sent_back_days: int = 5  # C_HANDLE after the street sent the lead back (T11)
    notice_margin_days: int = 2  # room between RECHECK and C_HANDLE (R2)
    return_days: int = 2  # a department may ask to return what was pushed to it (T15)
    unmerge_days: int = 30  # calendar days in which a merge may be undone (T39, R25)
    reopen_days: int = 90  # calendar days in which a closed lead is suggested to be reopened (T37)
    fast_lane: timedelta = timedelta(hours=2)  # TRIAGE_S of a major hazard, any day (T10)
    closes_at: time | None = None
    calendar_change: ChangeMode = ChangeMode.EXTEND_ONLY

    def __post_init__(self) -> None:
        days = {ObligationKind(kind): limit for kind, limit in self.days.items()}
        missing = [kind.value for kind in ObligationKind if days.get(kind, 0) < 1]
        limits = (self.sent_back_days, self.notice_margin_days, self.return_days, self.unmerge_days, self.reopen_days)
        if missing or min(limits) < 1:
            raise ValueError(f"policy {self.version}: every limit needs at least one day; wrong: {missing}")
        object.__setattr__(self, "days", MappingProxyType(days))


DEFAULT_POLICY = Policy(
    version=1,
    effective_on=date(2000, 1, 1),
    days={
        ObligationKind.INTERVENE: 5,  # seed 003: within five work days of the push
        ObligationKind.FEEDBACK: 15,  # seed 003: every fifteen work days until it is solved
        # What follows are defaults of the product, to be confirmed by the street.
        ObligationKind.TRIAGE_C: 1,
        ObligationKind.C_HANDLE: 10,
        ObligationKind.RECHECK: 10,
        ObligationKind.TRIAGE_S: 1,
        ObligationKind.RULING: 1,
        ObligationKind.REWORK: 5,
        ObligationKind.VERIFY: 3,
        ObligationKind.GROUP_DECIDE: 10,
        ObligationKind.CITY_FOLLOW: 15,
        ObligationKind.RESUBMIT: 3,
        ObligationKind.PEER_ACK: 5,
        ObligationKind.REVIEW: 60,
    },
)


_DAYS_OF_POLICY = ("sent_back_days", "notice_margin_days", "return_days", "unmerge_days", "reopen_days")


def policy_from(version: int, effective_on: date, limits: Mapping[str, Any]) -> Policy:
    """A policy from what differs from DEFAULT_POLICY, as the database and the command line name it.

    Names: an ObligationKind (work days, 1 to 400), one of the `…_days` of Policy, `fast_lane_hours`, `closes_at` (`HH:MM` or
    `24:00`), `calendar_change` (extend_only, strict). Raises ValueError with a sentence for another name or value.
    """
    days, more = dict(DEFAULT_POLICY.days), {}
    for name, value in limits.items():
        if name in ObligationKind._value2member_map_:
            days[ObligationKind(name)] = _limit(name, value)
        elif name in _DAYS_OF_POLICY:
            more[name] = _limit(name, value)
        elif name == "fast_lane_hours":
            more["fast_lane"] = timedelta(hours=_limit(name, value))
        elif name == "closes_at":
            more[name] = None if value == "24:00" else _time(value)
        elif name == "calendar_change":
            more[name] = _mode(value)
        else:
            raise ValueError(f"没有名为 {name} 的时限 / there is no limit {name}")
    return replace(DEFAULT_POLICY, version=version, effective_on=effective_on, days=days, **more)


def policy_limits(policy: Policy) -> dict[str, Any]:
    """Every limit of a policy by the names that `policy_from` reads."""
    return {
        **{kind.value: limit for kind, limit in policy.days.items()},
        **{name: getattr(policy, name) for name in _DAYS_OF_POLICY},
        "fast_lane_hours": int(policy.fast_lane / timedelta(hours=1)),
        "closes_at": policy.closes_at.isoformat("minutes") if policy.closes_at else "24:00",
        "calendar_change": policy.calendar_change.value,
    }


def _limit(name: str, value: Any) -> int:
    if isinstance(value, str) and value.isdecimal():
        value = int(value)
    if type(value) is not int or not 1 <= value <= 400:
        raise ValueError(f"{name}：应为 1 至 400 的整数 / {name}: a whole number from 1 to 400 is needed")
    return value


def _time(value: Any) -> time:
    try:
        return time.fromisoformat(value).replace(second=0, microsecond=0, tzinfo=None)
    except (TypeError, ValueError):
        raise ValueError("closes_at：应写作 17:30 或 24:00 / closes_at: written 17:30 or 24:00") from None


def _mode(value: Any) -> ChangeMode:
    try:
        return ChangeMode(value)
    except ValueError:
        known = ", ".join(mode.value for mode in ChangeMode)
        raise ValueError(f"calendar_change：{known} 之一 / calendar_change: one of {known}") from None


def policy_on(policies: Iterable[Policy], on: date) -> Policy:
    """The policy in force on the day `on`: the latest effective one, then the highest version. ValueError if none."""
    in_force = [policy for policy in policies if policy.effective_on <= on]
    if not in_force:
        raise ValueError(f"no policy is in force on {on}")
    return max(in_force, key=lambda policy: (policy.effective_on, policy.version))


# --- due days -----------------------------------------------------------------------------------------------------


def due_for(
    kind: ObligationKind,
    anchor_on: date,
    policy: Policy,
    calendar: WorkCalendar,
    k: int = 1,
    *,
    sent_back: bool = False,
) -> Due:
    """The due day of an obligation whose clock started on `anchor_on` (for departments: the push day, day zero).

    `k` is the number of the window, for FEEDBACK and CITY_FOLLOW only; `sent_back` is for C_HANDLE after T11 only.
    Raises ValueError for any other use of the two.
    """
    if k < 1 or (k > 1 and kind not in WINDOWED):
        raise ValueError(f"{kind.value} has no window {k}")
    if sent_back:
        if kind is not ObligationKind.C_HANDLE:
            raise ValueError(f"{kind.value} is not a clock of a lead that was sent back")
        return calendar.add(anchor_on, policy.sent_back_days)
    return calendar.add(anchor_on, policy.days[kind] * k)


def fast_lane_due_at(at: datetime, policy: Policy) -> datetime:
    """TRIAGE_S of a major hazard (T10): the instant `at` plus two hours, on any day. `at` must carry an offset."""
    if at.utcoffset() is None:
        raise ValueError(f"instant without offset: {at.isoformat()}")
    return at + policy.fast_lane


@dataclass(frozen=True, slots=True)
class Window:
    """Window k of a grid: from `opens_after` (itself included only when `opens_inclusive`) to `due_on`, included."""

    k: int
    opens_after: date
    opens_inclusive: bool
    due_on: date
    provisional: bool

    def contains(self, on: date) -> bool:
        """Whether an entry received on the day `on` belongs to this window."""
        opened = self.opens_after <= on if self.opens_inclusive else self.opens_after < on
        return opened and on <= self.due_on


NO_STORED_DATES: Mapping[int, Due] = MappingProxyType({})


def window(
    push_on: date,
    k: int,
    policy: Policy,
    calendar: WorkCalendar,
    *,
    kind: ObligationKind = ObligationKind.FEEDBACK,
    effective: Mapping[int, Due] = NO_STORED_DATES,
) -> Window:
    """Window `k` of the fixed grid anchored at `push_on`: [push_on, due_1] for k = 1, then (due_{k−1}, due_k] (R1).

    `effective` holds the stored due days by k; they win over the computed ones, because a calendar change may have
    left an announced date in force. ValueError unless `kind` is FEEDBACK or CITY_FOLLOW and k ≥ 1.
    """
    due = _due_of_window(push_on, k, policy, calendar, kind, effective)
    opens_after = push_on if k == 1 else _due_of_window(push_on, k - 1, policy, calendar, kind, effective).on
    return Window(k, opens_after, k == 1, due.on, due.provisional)


def window_containing(
    push_on: date,
    on: date,
    policy: Policy,
    calendar: WorkCalendar,
    *,
    kind: ObligationKind = ObligationKind.FEEDBACK,
    effective: Mapping[int, Due] = NO_STORED_DATES,
) -> int:
    """The number k of the one window that an entry received on `on` belongs to. ValueError when `on` < `push_on`."""
    if on < push_on:
        raise ValueError(f"{on} lies before the push on {push_on}")
    k = max(1, calendar.count(push_on, on) // policy.days[kind])
    while on > _due_of_window(push_on, k, policy, calendar, kind, effective).on:
        k += 1
    while k > 1 and on <= _due_of_window(push_on, k - 1, policy, calendar, kind, effective).on:
        k -= 1
    return k


def _due_of_window(
    push_on: date,
    k: int,
    policy: Policy,
    calendar: WorkCalendar,
    kind: ObligationKind,
    effective: Mapping[int, Due],
) -> Due:
    if kind not in WINDOWED:
        raise ValueError(f"{kind.value} has no windows")
    return effective[k] if k in effective else due_for(kind, push_on, policy, calendar, k)


# --- verdicts -----------------------------------------------------------------------------------------------------


def entry_day(received_at: datetime, policy: Policy) -> date:
    """The day an entry counts for: its local day, or the next day once the policy's closing time is reached."""
    if received_at.utcoffset() is None:
        raise ValueError(f"instant without offset: {received_at.isoformat()}")
    local = received_at.astimezone(CHINA)
    closed = policy.closes_at is not None and local.time() >= policy.closes_at
    return local.date() + timedelta(days=1) if closed else local.date()


def is_met(due_on: date, satisfied_on: date | None) -> bool:
    """Whether the obligation was satisfied before 24:00 of its due day."""
    return satisfied_on is not None and satisfied_on <= due_on


def is_met_at(due_at: datetime, satisfied_at: datetime | None) -> bool:
    """The same for the fast lane, whose limit is an instant: satisfied at `due_at` or before."""
    return satisfied_at is not None and satisfied_at <= due_at


def late_by(due_on: date, satisfied_on: date, calendar: WorkCalendar) -> int | None:
    """The work days in (due_on, satisfied_on]; None when not late. 0 is late: due on Friday, done on Saturday (R12)."""
    return calendar.count(due_on, satisfied_on) if satisfied_on > due_on else None


def lateness_text_zh(work_days: int) -> str:
    """逾期 in words, from the number that `late_by` gave."""
    return f"逾期{work_days}个工作日" if work_days else "逾期不足1个工作日"


def lateness_text_en(work_days: int) -> str:
    """Lateness in words, from the number that `late_by` gave."""
    if work_days == 0:
        return "late by less than 1 work day"
    return f"late by {work_days} work day{'s' if work_days > 1 else ''}"


def lateness_band(work_days: int) -> str:
    """The band of the monthly bulletin: `1-5` (which takes 0 in, R12), `6-15` or `>15` work days."""
    if work_days <= 5:
        return "1-5"
    return "6-15" if work_days <= 15 else ">15"


@dataclass(frozen=True, slots=True)
class Span:
    """Days from `first` to `last`, both included; `last` None means that the end is not known yet."""

    first: date
    last: date | None = None

    def __post_init__(self) -> None:
        if self.last is not None and self.last < self.first:
            raise ValueError(f"a span ends on {self.last}, before it begins on {self.first}")

    def covers(self, on: date) -> bool:
        """Whether the day `on` lies in the span."""
        return self.first <= on and (self.last is None or on <= self.last)


class Verdict(StrEnum):
    """What an obligation is on a day. An excuse is not a verdict: it stands beside it and changes no fact."""

    OPEN = "open"
    MET = "met"
    MET_LATE = "met_late"
    OVERDUE = "overdue"  # past, unsatisfied, still to be done
    MISSED = "missed"  # past, unsatisfied, for good
    SUSPENDED = "suspended"  # a window that fell due while the result was being verified
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class ObligationFacts:
    """What is known of one obligation; days are local days.

    `cancelled_on` is the day a cancellation took effect (for an approved return: the day of the request), also when
    the obligation was overdue by then. `cured_on` is the day a later entry made up for a missed window.
    """

    kind: ObligationKind
    due_on: date
    k: int = 1
    satisfied_on: date | None = None
    cancelled_on: date | None = None
    cured_on: date | None = None


def cancel_touches(due_on: date, effective_on: date) -> bool:
    """Whether a cancellation effective on `effective_on` ends an obligation: only if not overdue on that day (R5)."""
    return due_on >= effective_on


def is_suspended(due_on: date, verifying: Iterable[Span]) -> bool:
    """Whether `due_on` lies in a suspended interval: T25 to T27, or to the reopening T28, both days included (R6)."""
    return any(span.covers(due_on) for span in verifying)


def verdict(facts: ObligationFacts, today: date, verifying: Iterable[Span] = ()) -> Verdict:
    """The verdict on the day `today`. `verifying` are the suspended intervals of the assignment (R6).

    Met wins over suspended and cancelled. A window is never met late: an entry belongs to the window it falls in.
    """
    if is_met(facts.due_on, facts.satisfied_on):
        return Verdict.MET
    if facts.cancelled_on is not None and cancel_touches(facts.due_on, facts.cancelled_on):
        return Verdict.CANCELLED
    if facts.kind in WINDOWED:
        if is_suspended(facts.due_on, verifying):
            return Verdict.SUSPENDED
        return Verdict.OPEN if today <= facts.due_on else Verdict.MISSED
    if facts.satisfied_on is not None:
        return Verdict.MET_LATE
    if today <= facts.due_on:
        return Verdict.OPEN
    return Verdict.OVERDUE if facts.cancelled_on is None else Verdict.MISSED


def cured_windows(windows: Iterable[ObligationFacts], entry_on: date, verifying: Iterable[Span] = ()) -> list[int]:
    """The numbers k of the windows of one assignment that an entry on `entry_on` cures: every missed one (R7)."""
    spans = tuple(verifying)
    return [w.k for w in windows if w.cured_on is None and verdict(w, entry_on, spans) is Verdict.MISSED]


# --- what may move a date -------------------------------------------------------------------------------------------


def c_handle_after_notice(
    old: Due, served_on: date, policy: Policy, calendar: WorkCalendar, *, already_extended: bool
) -> Due | None:
    """C_HANDLE after a notice was served (T07): max(old, RECHECK due + 2 work days), once (R2).

    Returns None when the date stays as it is: already extended, overdue on the day of service, or far enough off.
    """
    if already_extended or served_on > old.on:
        return None
    recheck = due_for(ObligationKind.RECHECK, served_on, policy, calendar)
    extended = calendar.add(recheck.on, policy.notice_margin_days)
    if extended.on <= old.on:
        return None
    return Due(extended.on, recheck.provisional or extended.provisional)


def add_outside(anchor_on: date, n: int, holds: Iterable[Span], calendar: WorkCalendar) -> Due:
    """The n-th work day after `anchor_on` without the days inside `holds`; days of several holds add up (R10).

    ValueError for a hold without a last day: nothing could be counted after it.
    """
    spans = tuple(holds)
    if any(span.last is None for span in spans):
        raise ValueError("a hold for 不可抗力 needs its last day")
    due, counted = Due(anchor_on), 0
    while counted < n:
        step = calendar.add(due.on, 1)
        due = Due(step.on, due.provisional or step.provisional)
        counted += not any(span.covers(step.on) for span in spans)
    return due


def intervene_under_hold(
    old: Due, push_on: date, holds: Iterable[Span], today: date, policy: Policy, calendar: WorkCalendar
) -> Due:
    """INTERVENE with holds for 不可抗力 (T38): the later of `old` and the 5th work day after the push outside them.

    Not while overdue, and never earlier than `old`: ending a hold early does not shorten a date (R10).
    """
    if today > old.on:
        return old
    held = add_outside(push_on, policy.days[ObligationKind.INTERVENE], holds, calendar)
    return held if held.on > old.on else old


def recomputed_due(
    kind: ObligationKind,
    old: Due,
    new: Due,
    today: date,
    calendar: WorkCalendar,
    mode: ChangeMode = ChangeMode.EXTEND_ONLY,
) -> Due:
    """The due day of an open, unsatisfied obligation after a calendar change: `old` as stored, `new` on `calendar`.

    REVIEW never moves, nor does a window whose day has passed; any other overdue obligation moves later only (R11).
    Provisional → official: `new` in both directions, but a date drawn nearer leaves at least two work days from
    `today`, or the old date if that is sooner (R3). Official → official: the later date in EXTEND_ONLY, because a
    published date was relied on, `new` in STRICT. Obligations with a `due_at` (fast lane) are not for this function.
    """
    overdue = old.on < today
    if kind is ObligationKind.REVIEW or (overdue and kind in WINDOWED):
        return old
    if old.provisional:
        if new.on >= old.on:
            return new
        return Due(max(new.on, min(old.on, calendar.add(today, 2).on)), new.provisional)
    if overdue or mode is ChangeMode.EXTEND_ONLY:
        return new if new.on > old.on else old
    return new
