"""The clocks of a lead, read a second time from domain.md §4b, §4c and the rulings: slow, day by day, one function for a step.

It shares nothing with the product: no table, no calendar, no function. It is told what happened (which step was taken, on which
day, with what entered) and keeps a list of what is owed. Where the two differ, one of them has misread the law.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

ONE_DAY = timedelta(days=1)
DAYS = {
    "triage_c": 1, "c_handle": 10, "recheck": 10, "triage_s": 1, "intervene": 5, "feedback": 15, "ruling": 1, "rework": 5,
    "verify": 3, "group_decide": 10, "city_follow": 15, "resubmit": 3, "peer_ack": 5,
}  # fmt: skip
GRIDS = ("feedback", "city_follow")


@dataclass
class Almanac:
    """Which days are worked: those of years with a notice as the notice says, others Monday to Friday without statutory days."""

    told: dict[date, bool]
    statutory: frozenset[date]

    def works(self, on: date) -> bool:
        return self.told[on] if on in self.told else on.weekday() < 5 and on not in self.statutory

    def add(self, on: date, n: int, without: tuple[tuple[date, date], ...] = ()) -> tuple[date, bool]:
        """The n-th work day after a day, outside the given spans; and whether a day on the way had no notice yet."""
        guessed = False
        while n:
            on += ONE_DAY
            guessed = guessed or on not in self.told
            n -= self.works(on) and not any(first <= on <= last for first, last in without)
        return on, guessed


@dataclass
class Owed:
    """Something that is owed by a day. `anchor` and `n` say how the day was counted; 0 for a day or an instant that was named."""

    kind: str
    unit: int | None
    k: int
    anchor: date
    n: int
    on: date
    guessed: bool = False
    at: datetime | None = None
    how: str | None = None
    ended_on: date | None = None
    ended_at: datetime | None = None
    excused: bool = False
    extended: bool = False
    by_merge: bool = False
    is_held: bool = False  # holds moved it: their days are not counted (R10)


@dataclass
class Push:
    """One assignment."""

    department: str
    role: str
    pushed_on: date
    is_live: bool = True
    is_done: bool = False
    works: bool = False
    resting_since: date | None = None
    asked_on: date | None = None
    holds: list[tuple[date, date]] = field(default_factory=list)


@dataclass
class Naive:
    """What is owed for one lead."""

    almanac: Almanac
    now: datetime = datetime(2000, 1, 1, tzinfo=UTC)
    today: date = date.min
    owed: list[Owed] = field(default_factory=list)
    pushes: list[Push] = field(default_factory=list)
    follows: date | None = None
    followed_from: int = 0  # where in `owed` its grid begins

    def at(self, now: datetime, today: date) -> None:
        """Time has come to this moment: the window that runs and the next one stand of every grid that runs."""
        self.now, self.today = now, today
        for number, push in enumerate(self.pushes):
            if push.is_live and not push.is_done and push.resting_since is None:
                self.grow("feedback", number, push.pushed_on)
        if self.follows:
            self.grow("city_follow", None, self.follows)

    def step(self, name: str, unit: int | None, told: dict[str, Any], done_on: date | None = None) -> None:
        """A step was taken; `done_on`: a worker did it on that day, and the phone was late."""
        self.done_on = done_on
        getattr(self, f"t_{name}", self.t_nothing)(unit, told)

    def t_nothing(self, unit: int | None, told: dict[str, Any]) -> None:
        """Steps that move no clock: signing in, passing on, links, corrections, the start of a joint operation."""

    # -- small words ------------------------------------------------------------------------------------------------

    def opens(self, kind: str, unit: int | None = None, n: int | None = None) -> None:
        n = n or DAYS[kind]
        self.owed.append(Owed(kind, unit, 1, self.today, n, *self.almanac.add(self.today, n)))

    def running(self, *kinds: str, unit: int | None = None) -> Iterator[Owed]:
        yield from [one for one in self.owed if one.how is None and one.kind in kinds and one.unit == unit]

    def ends(self, one: Owed, how: str, on: date | None = None) -> None:
        one.how, one.ended_on, one.ended_at = how, on or self.today, self.now

    def met(self, *kinds: str, unit: int | None = None) -> None:
        for one in self.running(*kinds, unit=unit):
            late_phone = self.done_on if one.kind in ("recheck", "verify") else None
            self.ends(one, "met", max(late_phone, one.anchor) if late_phone else None)

    def given_up(self, one: Owed, on: date | None = None) -> None:
        """Nobody will do it any more: what was not overdue on the day is cancelled, the rest stays missed (R5, R6)."""
        on = on or self.today
        if one.kind == "feedback" and self.rested(one):
            self.ends(one, "suspended", on)
        elif one.at is not None:
            self.ends(one, "missed" if self.now > one.at else "cancelled", on)
        else:
            self.ends(one, "missed" if one.on < on else "cancelled", on)

    def rested(self, one: Owed) -> bool:
        since = self.pushes[one.unit].resting_since if one.unit is not None else None
        return since is not None and since <= one.on <= self.today

    def dropped(self, *kinds: str, unit: int | None = None) -> None:
        for one in self.running(*kinds, unit=unit):
            self.given_up(one)

    def over(self) -> None:
        for one in [one for one in self.owed if one.how is None]:
            self.given_up(one)
        for push in self.pushes:
            push.is_live = False
        self.follows = None

    def leaves(self, number: int, on: date | None = None) -> None:
        """An assignment ends, with effect on a day."""
        self.pushes[number].is_live = False
        for one in [one for one in self.owed if one.how is None and one.unit == number]:
            self.given_up(one, on)

    def all_leave(self) -> None:
        for number in self.live():
            self.leaves(number)

    def live(self) -> list[int]:
        return [number for number, push in enumerate(self.pushes) if push.is_live]

    def begins(self, department: str, role: str) -> None:
        """A push: five work days to intervene, a window every fifteen, both from today."""
        for number in self.live():
            if self.pushes[number].department == department and role == "lead":
                self.leaves(number)
        self.pushes.append(Push(department, role, self.today))
        number = len(self.pushes) - 1
        self.opens("intervene", number)
        self.grow("feedback", number, self.today)

    def pushed_to(self, told: dict[str, Any]) -> None:
        self.begins(told["lead_department"], "lead")
        for department in told.get("assist_departments", ()):
            self.begins(department, "assist")

    def windows(self, kind: str, unit: int | None, anchor: date) -> list[Owed]:
        rows = self.owed[self.followed_from :] if kind == "city_follow" else self.owed  # two grids may begin on one day
        return sorted(
            (one for one in rows if (one.kind, one.unit, one.anchor) == (kind, unit, anchor)), key=lambda one: one.k
        )

    def grow(self, kind: str, unit: int | None, anchor: date, *, after_rest: bool = False) -> None:
        """Make the current window and the next (§4c). What fell due in a rest is not made, even if it ends today and is current."""
        made = {one.k: one.on for one in self.windows(kind, unit, anchor)}
        k = max(made, default=0)
        ahead = sum((made.get(n) or self.almanac.add(anchor, DAYS[kind] * n)[0]) >= self.today for n in range(1, k + 1))
        while ahead < 2:
            k += 1
            on, guessed = self.almanac.add(anchor, DAYS[kind] * k)
            if not (after_rest and on <= self.today):
                self.owed.append(Owed(kind, unit, k, anchor, DAYS[kind] * k, on, guessed))
            ahead += on >= self.today

    def entry(self, kind: str, unit: int | None, anchor: date) -> None:
        """One entry: the window of today is met, every missed one before it is cured (R1, R7)."""
        for one in self.windows(kind, unit, anchor):
            if one.on >= self.today:
                if one.how is None:
                    self.ends(one, "met")
                return
            if one.how is None:
                self.ends(one, "cured")

    def feeds_back(self, unit: int) -> None:
        self.entry("feedback", unit, self.pushes[unit].pushed_on)

    # -- the community ------------------------------------------------------------------------------------------------

    def t_T01(self, unit, told):
        self.opens("triage_c")

    def t_T02(self, unit, told):
        self.over()

    t_T02c = t_T02

    def t_T03(self, unit, told):
        self.met("triage_c")
        self.opens("resubmit")

    def t_T04(self, unit, told):
        self.met("resubmit")
        self.opens("triage_c")

    def t_T05(self, unit, told):
        self.met("triage_c")
        self.dropped("resubmit")
        self.opens("c_handle")

    def t_T06(self, unit, told):
        for one in [one for one in self.owed if one.how is None]:
            self.given_up(one)
            one.by_merge = True
        self.before_merge = [number for number in self.live() if not self.leaves(number)]

    def t_T39(self, unit, told):
        """The same dates again (R25). An excuse was of the row that had it; a row that takes its place begins without (I4, R13)."""
        for one in self.owed:
            if one.by_merge:
                one.how = one.ended_on = one.ended_at = None
                one.by_merge = one.excused = False
        for number in self.before_merge:
            self.pushes[number].is_live = True

    def t_T07(self, unit, told):
        """R2: the handling is due two work days after the recheck, once, and only if it is not overdue."""
        self.opens("recheck")
        recheck_on, guessed = self.almanac.add(self.today, 10)
        on, also_guessed = self.almanac.add(recheck_on, 2)
        for one in self.running("c_handle"):
            if not one.extended and self.today <= one.on < on:
                one.anchor, one.n, one.on, one.guessed, one.extended = self.today, 12, on, guessed or also_guessed, True

    def t_T07b(self, unit, told):
        self.met("recheck")

    def t_T08(self, unit, told):
        self.met("triage_c", "c_handle", "rework")
        self.dropped("recheck")
        self.opens("verify")

    def t_T09(self, unit, told):
        self.met("triage_c", "c_handle", "rework")
        self.dropped("recheck")
        self.opens("triage_s")

    def t_T10(self, unit, told):
        self.met("triage_c", "c_handle", "rework")
        self.dropped("recheck")
        at = self.now + timedelta(hours=2)
        self.owed.append(Owed("triage_s", None, 1, self.today, 0, (at + timedelta(hours=8)).date(), at=at))

    # -- the street ---------------------------------------------------------------------------------------------------

    def t_T11(self, unit, told):
        self.met("triage_s")
        self.opens("c_handle", n=5)

    def t_T12(self, unit, told):
        self.met("triage_s")
        self.over()

    def t_T13(self, unit, told):
        self.met("triage_s")
        self.pushed_to(told)

    t_T19 = t_T29s = t_T13

    def t_T15(self, unit, told):
        self.pushes[unit].asked_on = self.today
        self.opens("ruling", unit)

    def t_T15b(self, unit, told):
        self.dropped("ruling", unit=unit)

    def t_T16(self, unit, told):
        self.met("ruling", unit=unit)
        self.leaves(unit, self.pushes[unit].asked_on)

    def t_T17(self, unit, told):
        self.met("ruling", unit=unit)

    def t_T18(self, unit, told):
        self.opens("triage_s")

    t_T18w = t_T37 = t_T18

    def t_T22(self, unit, told):
        self.begins(told["department"], "assist")

    def t_T22w(self, unit, told):
        self.leaves(unit)

    t_T24 = t_T22w

    def t_T23(self, unit, told):
        if told["old_lead"] == "assist":
            self.pushes[unit].role = "assist"
        else:
            self.leaves(unit)
        self.pushed_to(told)

    def t_T37c(self, unit, told):
        self.opens("c_handle")

    # -- departments and verification -----------------------------------------------------------------------------------

    def t_T20(self, unit, told):
        self.met("intervene", unit=unit)
        self.pushes[unit].works = True
        if told.get("also_feedback"):
            self.feeds_back(unit)

    def t_T21(self, unit, told):
        self.feeds_back(unit)

    def t_T25(self, unit, told):
        self.feeds_back(unit)
        self.met("rework", unit=unit)
        self.pushes[unit].is_done, self.pushes[unit].resting_since = True, self.today

    def t_T26(self, unit, told):
        self.opens("verify")

    def t_T27(self, unit, told):
        self.met("verify")
        self.over()

    def t_T28(self, unit, told):
        self.met("verify")
        named = told.get("departments")
        for number in self.live():
            push = self.pushes[number]
            if push.department in named if named else push.role == "lead":
                push.is_done = False
                self.goes_on(number)
                self.opens("rework", number)

    def t_T28e(self, unit, told):
        self.met("verify")
        for number in self.live():
            if not self.pushes[number].is_done:
                self.goes_on(number)
        self.opens("rework")

    def t_T28c(self, unit, told):
        self.met("verify")
        self.opens("rework")

    def goes_on(self, number: int) -> None:
        """What fell due while it was verified is suspended; the grid goes on at its next date after today (T28, R6)."""
        for one in self.running("feedback", unit=number):
            if self.rested(one):
                self.ends(one, "suspended")
        self.pushes[number].resting_since = None
        self.grow("feedback", number, self.pushes[number].pushed_on, after_rest=True)

    def t_T38(self, unit, told):
        """R10: the fifth work day after the push outside the holds for 不可抗力, while it is not overdue; never earlier."""
        if told["code"] != "force_majeure":
            return
        push = self.pushes[unit]
        push.holds.append((date.fromisoformat(told["from_on"]), date.fromisoformat(told["until_on"])))
        for one in self.running("intervene", unit=unit):
            on, guessed = self.almanac.add(push.pushed_on, 5, tuple(push.holds))
            if self.today <= one.on < on:
                one.on, one.guessed, one.is_held = on, guessed, True

    def t_T38e(self, unit, told):
        until = date.fromisoformat(told["until_on"])
        holds = self.pushes[unit].holds
        holds[:] = [(first, until) if first <= until < last else (first, last) for first, last in holds]

    # -- above --------------------------------------------------------------------------------------------------------

    def t_T29a(self, unit, told):
        for number in self.live():
            if self.pushes[number].department in told["present"]:
                if self.pushes[number].works:
                    self.feeds_back(number)
                self.pushes[number].works = True
                self.met("intervene", unit=number)

    def t_T30(self, unit, told):
        for number in self.live():
            went_on = any(
                one["department"] == self.pushes[number].department and one["result"] == "progress"
                for one in told.get("results", ())
            )
            if went_on and self.pushes[number].works:
                self.feeds_back(number)

    def t_T31(self, unit, told):
        self.met("triage_s")
        self.opens("group_decide")

    def t_T32(self, unit, told):
        self.met("group_decide", "rework")
        self.all_leave()
        self.follows_up()

    def t_T41(self, unit, told):
        self.met("triage_s")
        self.all_leave()
        self.opens("peer_ack")
        self.follows_up()

    def follows_up(self) -> None:
        self.follows, self.followed_from = self.today, len(self.owed)
        self.grow("city_follow", None, self.today)

    def t_T41a(self, unit, told):
        self.met("peer_ack")

    def t_T32f(self, unit, told):
        self.entry("city_follow", None, self.follows)

    def answered(self) -> None:
        self.met("group_decide", "peer_ack", "rework")
        if self.follows:
            self.entry("city_follow", None, self.follows)
            self.dropped("city_follow")
            self.follows = None

    def t_T33(self, unit, told):
        self.answered()
        self.all_leave()
        self.pushed_to(told)

    def t_T33c(self, unit, told):
        self.answered()

    def t_T34(self, unit, told):
        self.answered()
        for number in self.live():
            push = self.pushes[number]
            push.resting_since = push.resting_since or self.today
        self.opens("verify")

    def t_T34p(self, unit, told):
        self.answered()
        self.over()

    def t_T35(self, unit, told):
        self.owed.append(Owed("review", None, 1, self.today, 0, date.fromisoformat(told["review_on"])))

    def t_T36(self, unit, told):
        self.met("review")

    # -- the calendar, and the end --------------------------------------------------------------------------------------

    def calendar_changes(self, almanac: Almanac) -> None:
        """R3, R11: open dates are counted anew; windows that have passed and days that were named stay."""
        self.almanac = almanac
        for one in self.owed:
            if one.how is not None or one.n == 0 or (one.kind in GRIDS and one.on < self.today):
                continue
            holds = tuple(self.pushes[one.unit].holds) if one.is_held else ()
            on, guessed = almanac.add(one.anchor, one.n, holds)
            before = (one.on, one.guessed)
            if one.guessed:
                soon, _ = almanac.add(self.today, 2)
                one.on, one.guessed = (on if on >= one.on else max(on, min(one.on, soon))), guessed
            elif on > one.on:
                one.on, one.guessed = on, guessed
            one.excused = one.excused and before == (one.on, one.guessed)

    def verdict(self, one: Owed) -> str:
        """How it stands now."""
        if one.how == "met":
            late = one.ended_at > one.at if one.at else one.ended_on > one.on
            return "met_late" if late else "met"
        if one.how is not None:
            return one.how
        if self.now <= one.at if one.at else self.today <= one.on:
            return "due_today" if self.today == one.on else "open"
        if one.kind not in GRIDS:
            return "overdue"
        return "suspended" if self.rested(one) else "missed"
