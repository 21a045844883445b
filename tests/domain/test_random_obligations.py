"""Leads that anything happens to, on calendars that change: what is owed, by when and how it ended, worked out twice.

Once by the product (the table, `lead_clocks`, `obligations`, `worktime`), once by `naive_clocks`, which was written from
domain.md alone. Each lead has a number, by which it can be played again alone; `make test` plays the first 200. The full form
has 10,000: `GRIDWATCH_RANDOM_LEADS=10000 pytest tests/domain/test_random_obligations.py`, some four minutes; with
`GRIDWATCH_RANDOM_FIRST` it begins at another number.
"""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from random import Random
from types import SimpleNamespace
from typing import Any

from gridwatch.domain.errors import Refusal
from gridwatch.domain.lead_facts import Change, Duty, EndDuty, Moment, OpenDuty
from gridwatch.domain.lead_words import Act, LeadState, UnitState
from gridwatch.domain.obligations import ObligationKind, add_outside, recomputed_due
from gridwatch.domain.permits import Actor
from gridwatch.domain.worktime import CalendarDay, DayKind, Due, WorkCalendar
from gridwatch.leads.clocks import verdict_of
from tests.domain import lead_road as lr
from tests.domain.lead_road import CD, CH, DEPARTMENTS, DL, DO, DR, KNOWN, LG, SD, SO, WORKER, Road
from tests.domain.naive_clocks import Almanac, Naive

LEADS = int(os.environ.get("GRIDWATCH_RANDOM_LEADS", "200"))
FIRST_NO = int(os.environ.get("GRIDWATCH_RANDOM_FIRST", "0"))
LAST_DAY = date(2027, 6, 30)
STATUTORY_2027 = frozenset(
    date(2027, month, day)
    for month, day in (
        (1, 1),
        (2, 5),
        (2, 6),
        (2, 7),
        (2, 8),
        (4, 5),
        (5, 1),
        (5, 2),
        (6, 9),
        (9, 15),
        (10, 1),
        (10, 2),
        (10, 3),
    )
)
ONE_DAY = timedelta(days=1)


def test_random_leads_owe_the_same_by_two_readings_of_the_law() -> None:
    taken: Counter[str] = Counter()
    kinds: Counter[str] = Counter()
    verdicts: Counter[str] = Counter()
    for number in range(FIRST_NO, FIRST_NO + LEADS):
        play = Play(number)
        play.run()
        taken += play.taken
        kinds += Counter(duty.kind.value for duty in play.road.facts.duties)
        verdicts += Counter(play.naive.verdict(one) for one in play.naive.owed)
    told = f"{LEADS} leads, {taken.total()} steps of {len(taken)} rows, {kinds.total()} duties: {dict(kinds)}; {dict(verdicts)}"
    print(told)  # noqa: T201
    if LEADS >= 1_000:
        assert set(kinds) == {kind.value for kind in ObligationKind}
        assert set(taken) >= {
            "T07b",
            "T15b",
            "T16",
            "T17",
            "T23",
            "T28",
            "T28c",
            "T28e",
            "T32",
            "T33",
            "T33c",
            "T34",
            "T38",
            "T39",
            "T41",
        }
        assert set(verdicts) >= {"open", "met", "met_late", "missed", "cured", "overdue", "cancelled", "suspended"}


# -- calendars ------------------------------------------------------------------------------------------------------


def made_up_year(year: int, dice: Random) -> dict[date, bool]:
    """A notice of a year: holidays of one to nine days, some of them bought with a worked weekend day."""
    first = date(year, 1, 1)
    days = {
        first + n * ONE_DAY: (first + n * ONE_DAY).weekday() < 5 for n in range((date(year + 1, 1, 1) - first).days)
    }
    for _ in range(7):
        begins = first + dice.randrange(350) * ONE_DAY
        for n in range(dice.choice([1, 3, 5, 9])):
            days[begins + n * ONE_DAY] = False
        if begins + 12 * ONE_DAY in days:
            days[begins + 12 * ONE_DAY] = True
    return {on: works for on, works in days.items() if on.year == year}


def as_calendar(told: dict[date, bool], version: int) -> WorkCalendar:
    days = {}
    for on, works in told.items():
        usual = on.weekday() < 5
        kind = (DayKind.WORK if usual else DayKind.MAKEUP) if works else (DayKind.HOLIDAY if usual else DayKind.WEEKEND)
        days[on] = CalendarDay(on, kind, "节" if kind in (DayKind.HOLIDAY, DayKind.MAKEUP) else "")
    return WorkCalendar(days, version=version, official_years=frozenset(on.year for on in told))


# -- a lead ---------------------------------------------------------------------------------------------------------


class Town(Road):
    """A road whose phones may be late, and whose calendar may change."""

    done_on: date | None = None

    def moment(self, actor: Actor) -> Moment:
        return replace(super().moment(actor), done_on=self.done_on)

    def recalculates(self, calendar: WorkCalendar) -> None:
        """A new calendar is loaded: what `leads/recompute.py` does, in memory."""
        self.calendar, superseded = calendar, {duty.supersedes for duty in self.facts.duties}
        opened, ended = [], []
        for duty in self.facts.duties:
            if duty.ended is not None or duty.days == 0 or duty.id in superseded:
                continue
            old, unit = Due(duty.due_on, duty.provisional), self.facts.unit(duty.unit_id)
            holds = [hold.span for hold in unit.holds if hold.code == "force_majeure"] if unit else []
            is_held = duty.kind is ObligationKind.INTERVENE and duty.days > 5
            counted = (
                add_outside(duty.anchor_on, 5, holds, calendar) if is_held else calendar.add(duty.anchor_on, duty.days)
            )
            new = recomputed_due(duty.kind, old, counted, self.today, calendar)
            days = calendar.count(duty.anchor_on, new.on) if is_held else duty.days
            if new != old:
                ended.append(EndDuty(duty.id, "superseded", "calendar", self.today))
                opened.append(
                    OpenDuty(duty.kind, duty.k, duty.unit_id, duty.anchor_on, days, new.on, new.provisional, "calendar",
                             supersedes=duty.id, owner=duty.owner)
                )  # fmt: skip
        if opened:
            self.keep(self.facts, Change("", "dates_recomputed", opened=opened, ended=ended, at=self.now))


@dataclass
class Play:
    """One lead, played by dice of its number."""

    number: int
    taken: Counter[str] = field(default_factory=Counter)
    asked: dict[tuple[str, str | None], dict[str, Any]] = field(default_factory=dict)

    def run(self) -> None:
        self.dice = dice = Random(self.number)
        self.told = made_up_year(2025, dice) | made_up_year(2026, dice)
        day = date(2026, 1, 2) + dice.randrange(360) * ONE_DAY
        now = datetime(day.year, day.month, day.day, 2, tzinfo=UTC)
        self.road = Town(as_calendar(self.told, 1), now=now, known=KNOWN, replays=False)
        self.naive = Naive(Almanac(self.told, STATUTORY_2027))
        self.naive.at(now, day)
        self.road.report(source=dice.choice(["worker", "worker", "complaint"]))
        self.naive.step("T01", None, {})
        for _ in range(dice.choice([12, 20, 35])):
            self.passes_time()
            if dice.random() < 0.05:
                self.calendar_changes()
            self.something()
            if dice.random() < 0.3:
                self.compare()
        self.compare()
        self.road.check_replay()

    def passes_time(self) -> None:
        self.road.later(
            days=self.dice.choice([0, 0, 0, 1, 1, 2, 3, 5, 8, 16, 40]),
            hours=self.dice.randrange(0, 24),
            minutes=self.dice.randrange(60),
        )
        if self.road.today > LAST_DAY:
            self.road.on(LAST_DAY, hour=23)
        self.road.roll()
        self.naive.at(self.road.now, self.road.today)

    def calendar_changes(self) -> None:
        """The notice of the next year arrives, or days of this year are changed."""
        if 2027 not in {on.year for on in self.told} and self.dice.random() < 0.6:
            told = self.told | made_up_year(2027, self.dice)
        else:
            told = dict(self.told)
            for on in self.dice.sample(sorted(told), 3) + [
                self.road.today + self.dice.randrange(25) * ONE_DAY for _ in range(2)
            ]:
                if on in told:
                    told[on] = not told[on]
        self.told = told
        self.road.recalculates(as_calendar(told, self.road.calendar.version + 1))
        self.naive.calendar_changes(Almanac(told, STATUTORY_2027))
        self.road.roll()
        self.naive.at(self.road.now, self.road.today)

    # -- what happens -------------------------------------------------------------------------------------------------

    def takes(self, who: Actor, act: Act, *, done_on: date | None = None, **inputs: Any) -> None:
        """Take a step, if it is legal here; tell the second reading which it was."""
        road, before = self.road, len(self.road.changes)
        units = [unit.id for unit in road.facts.units]
        road.done_on = done_on
        try:
            road.does(who, act, **inputs)
        except Refusal:
            return
        finally:
            road.done_on = None
        for change in road.changes[before:]:
            if not change.step:
                continue
            mine = change.act == act.value
            key = (change.step, change.unit_id)
            if change.asked:
                self.asked[key] = inputs
                continue
            told = {**self.asked.pop(key, {}), **inputs} if mine else {}
            unit = units.index(change.unit_id) if change.unit_id in units else None
            self.taken[change.step] += 1
            if change.excused:
                self.excuse(change)
            self.naive.step(change.step, unit, told, done_on if mine else None)

    def excuse(self, change: Change) -> None:
        for duty in self.road.facts.duties:
            if duty.id in change.excused:
                same = (one for one in self.naive.owed if (one.kind, one.unit, one.k, one.on, one.ended_on) ==
                        (*self.place(duty), duty.due_on, duty.ended_on) and not one.excused)  # fmt: skip
                next(same).excused = True

    def something(self) -> None:
        """What may happen to a lead where it stands; much of it is refused."""
        dice, facts = self.dice, self.road.facts
        if dice.random() < 0.03:
            superseded = {duty.supersedes for duty in facts.duties}
            duty = dice.choice([duty for duty in facts.duties if duty.id not in superseded])
            self.takes(SO, Act.EXCUSE, obligation=duty.id, reason="系统故障", evidence=[lr.PHOTO])
            return
        if dice.random() < 0.02:
            review_on = (self.road.today + dice.randrange(5, 60) * ONE_DAY).isoformat()
            self.takes(SO, Act.ASK_SHELVE, reason="拆迁范围", review_on=review_on)
            self.takes(LG, Act.SHELVE)
            return
        {
            LeadState.REPORTED: self.in_reported, LeadState.RETURNED: self.in_returned, LeadState.COMMUNITY: self.in_community,
            LeadState.STREET: self.in_street, LeadState.DISPATCHED: self.in_departments, LeadState.VERIFYING: self.in_verifying,
            LeadState.ESCALATED: self.above, LeadState.SHELVED: self.in_shelved, LeadState.CLOSED: self.in_closed,
            LeadState.MERGED: self.in_merged, LeadState.VOID: lambda: None,
        }[facts.state]()  # fmt: skip

    def one_of(self, *weighted: tuple[float, Any]) -> None:
        self.dice.choices([do for _, do in weighted], [weight for weight, _ in weighted])[0]()

    def late(self) -> date | None:
        """At times the phone was late by some days."""
        return self.road.today - self.dice.randrange(1, 6) * ONE_DAY if self.dice.random() < 0.4 else None

    def merges(self) -> None:
        self.takes(self.dice.choice([CD, SD]), Act.MERGE, master=lr.OTHER, reason="同一店铺")

    def fast(self) -> None:
        self.takes(CD, Act.FAST_LANE, hazards=["gas"], acknowledged_by="值班员", narrative="瓶装气")

    def in_reported(self) -> None:
        self.one_of(
            (8, lambda: self.takes(CD, Act.ACCEPT, handler="community handler")),
            (2, lambda: self.takes(CD, Act.RETURN_TO_REPORTER, lacks=["no_photo"], text="补照片")),
            (0.2, lambda: self.takes(WORKER, Act.WITHDRAW, reason="报错了")), (1, self.fast), (0.5, self.merges),
        )  # fmt: skip

    def in_returned(self) -> None:
        self.one_of(
            (5, lambda: self.takes(WORKER, Act.RESUBMIT, description="已补照片")),
            (2, lambda: self.takes(CD, Act.ACCEPT, handler="community handler")),
            (0.3, lambda: self.takes(self.dice.choice([CD, WORKER]), Act.WITHDRAW, reason="报错了")),
        )

    def in_community(self) -> None:
        self.one_of(
            (4, lambda: self.takes(CH, Act.SERVE_NOTICE, **lr.NOTICE)),
            (4, lambda: self.takes(WORKER, Act.RECHECK, done_on=self.late(), visit="visit-bad", result="failed")),
            (1, lambda: self.takes(CH, Act.RECORD_HANDLING, **lr.HANDLING)),
            (2, lambda: self.takes(CH, Act.HANDLED_LOCALLY, measure="guided", outcome="licensed", narrative="已办照", evidence=[lr.PHOTO])),
            (5, lambda: self.takes(CD, Act.SUBMIT_UP, exceeds_authority=True, ground="permit_authority", reason="许可属部门",
                                   proposed_department="SCJG")),
            (0.4, self.fast), (0.4, self.merges),
        )  # fmt: skip

    def push(self) -> dict[str, Any]:
        named = self.dice.sample(DEPARTMENTS, self.dice.choice([1, 1, 2, 3]))
        return {**lr.PUSH, "lead_department": named[0], **({"assist_departments": named[1:]} if named[1:] else {})}

    def in_street(self) -> None:
        live = bool(self.road.facts.live_units)
        self.one_of(
            (7, lambda: self.takes(SD, Act.PUSH, **self.push(), **({"ruling_no": "裁1"} if self.dice.random() < 0.7 else {}))),
            (1, lambda: self.takes(SD, Act.SEND_BACK, ground="evidence", reason="证据不足")),
            (0.3, lambda: self.takes(SD, Act.CLOSE_WITHOUT_PUSH, outcome="unfounded", reason="查无实据")),
            (1, lambda: self.takes(SO, Act.START_JOINT, **{**self.push(), **self.plan()})),
            (0.5, lambda: self.takes(SO, Act.ESCALATE, **lr.ESCALATION)),
            (1, lambda: self.takes(SD, Act.TRANSFER_PEER, **lr.PEER)), (0.4, self.merges), (4 if live else 0, self.in_unit),
        )  # fmt: skip

    def plan(self) -> dict[str, Any]:
        return {
            "plan": "联合检查",
            "people": "各部门两人",
            "operation_on": self.road.today.isoformat(),
            "area_wide": True,
        }

    def in_departments(self) -> None:
        facts = self.road.facts
        fresh = self.dice.choice(DEPARTMENTS)
        leading = facts.lead_unit.department if facts.lead_unit else "SCJG"
        at_work = [unit.department for unit in facts.live_units if unit.state is not UnitState.DONE_CLAIMED]
        results = [
            {
                "department": unit.department,
                **self.dice.choice([{"result": "progress", **lr.FEEDBACK}, {"result": "done", **lr.DONE}]),
            }
            for unit in facts.live_units
            if unit.state is UnitState.WORKING
        ]
        self.one_of(
            (18, self.in_unit),
            (0.7, lambda: self.takes(SD, Act.ADD_ASSIST, department=fresh, duty="协助取证")),
            (0.7, lambda: self.takes(SD, Act.ASK_CHANGE_OF_LEAD, **{**lr.PUSH, "lead_department": fresh}, reason="牵头不当",
                                     old_lead=self.dice.choice(["assist", "returned"]), consent="双方同意")),
            (1.5, lambda: self.takes(SO, Act.CHANGE_LEAD)),
            (0.8, lambda: self.takes(SO, Act.START_JOINT, lead_department=leading, **self.plan())),
            (1.5, lambda: self.takes(SO, Act.RECORD_ATTENDANCE, present=at_work or [leading], occurred_on=self.road.today.isoformat(),
                                     people="各两人", narrative="联合检查", evidence=[lr.PHOTO])),
            (0.8, lambda: self.takes(SO, Act.CLOSE_JOINT, text="结束", **({"results": results} if results else {}))),
            (0.5, lambda: self.takes(SO, Act.ESCALATE, **lr.ESCALATION)),
            (0.4, lambda: self.takes(SD, Act.TRANSFER_PEER, **lr.PEER)),
        )  # fmt: skip

    def in_unit(self) -> None:
        """Something that one of the departments does, or that is done about it."""
        dice, today = self.dice, self.road.today
        live = self.road.facts.live_units
        if not live:
            return
        unit = dice.choice(live)
        one, name = {"assignment": unit.id}, unit.department
        begins = today + dice.randrange(0, 4) * ONE_DAY
        hold = {"code": dice.choice(["force_majeure", "force_majeure", "testing"]), "from_on": begins.isoformat(),
                "until_on": (begins + dice.randrange(1, 20) * ONE_DAY).isoformat(), "document": "应急〔2026〕3号"}  # fmt: skip
        self.one_of(
            (2, lambda: self.takes(DR[name], Act.SIGN_IN, **one, officer=f"officer {name}")),
            (2, lambda: self.takes(DL[name], Act.REQUEST_RETURN, **one, **{**lr.RETURN, "proper_department": dice.choice(DEPARTMENTS)},
                                   **({"new_facts": "另有新的事实"} if dice.random() < 0.6 else {}))),
            (0.7, lambda: self.takes(DL[name], Act.TAKE_BACK_RETURN, **one)),
            (2, lambda: self.takes(dice.choice([SD, SO]), Act.APPROVE_RETURN, **one, decision="同意")),
            (1.5, lambda: self.takes(SO, Act.REFUSE_RETURN, **one, ruling_no="裁5", reason="属你部门")),
            (4, lambda: self.takes(DO[name], Act.INTERVENE, **one, occurred_on=today.isoformat(), **lr.INTERVENTION,
                                   also_feedback=dice.random() < 0.5)),
            (5, lambda: self.takes(DO[name], Act.FEEDBACK, **one, **lr.FEEDBACK)),
            (2, lambda: self.takes(DO[name], Act.REPORT_DONE, **one, **lr.DONE)),
            (3, lambda: self.takes(DL[name], Act.CONFIRM_DONE, **one)),
            (0.5, lambda: self.takes(SD, Act.WITHDRAW_PUSH, **one, reason="推错了")),
            (0.7, lambda: self.takes(dice.choice([SD, SO]), Act.WAIVE_ASSIST, **one, reason="不需要")),
            (1.5, lambda: self.takes(DL[name], Act.ASK_HOLD, **one, **hold)), (2.5, lambda: self.takes(SO, Act.HOLD, **one)),
            (0.5, lambda: self.takes(DL[name], Act.ASK_END_HOLD, **one, until_on=(today + ONE_DAY).isoformat(), reason="台风已过")),
            (0.8, lambda: self.takes(SO, Act.END_HOLD, **one)),
        )  # fmt: skip

    def in_verifying(self) -> None:
        departments = [unit.department for unit in self.road.facts.live_units]
        named = {"departments": self.dice.sample(departments, 1)} if departments and self.dice.random() < 0.4 else {}
        self.one_of(
            (2, lambda: self.takes(lr.OTHER_WORKER, Act.REPORT_PASSED, visit="visit-ok")),
            (2, lambda: self.takes(self.dice.choice([CD, SD]), Act.PASS)),
            (3, lambda: self.takes(WORKER, Act.FAIL, done_on=self.late(), **lr.FAILED, **named)),
        )

    def above(self) -> None:
        goes_on = {"instruction": "continue", "text": "原部门继续"}
        outcome = self.dice.choice(["solved_by_group", "solved_by_city", "transferred_peer", "ceased"])
        self.one_of(
            (1, lambda: self.takes(SO, Act.ASK_ESCALATE_CITY, **lr.CITY)), (2, lambda: self.takes(LG, Act.ESCALATE_CITY)),
            (3, lambda: self.takes(SO, Act.FOLLOW_UP, text="已联系")),
            (1, lambda: self.takes(self.dice.choice([SD, SO]), Act.PEER_ACK, text="已收")),
            (1, lambda: self.takes(SO, Act.INSTRUCT, **{"instruction": "push", "text": "重新移交", **self.push()})),
            (1, lambda: self.takes(SO, Act.INSTRUCT, **goes_on)),
            (1.5, lambda: self.takes(SO, Act.SOLVED_ABOVE, reply="已协调解决", outcome=outcome)), (2, self.in_unit),
        )  # fmt: skip

    def in_shelved(self) -> None:
        self.one_of(
            (2, lambda: self.takes(SO, Act.REVIEW, finding="可以继续办理")), (2, self.in_unit),
            (1, lambda: self.takes(WORKER, Act.RECHECK, done_on=self.late(), visit="visit-bad", result="failed")),
            (1, lambda: self.takes(SO, Act.FOLLOW_UP, text="已联系")),
        )  # fmt: skip

    def in_closed(self) -> None:
        target = self.dice.choice(["street", "community"])
        handler = {"handler": "community handler"} if target == "community" else {}
        self.takes(self.dice.choice([SD, SO]), Act.REOPEN, target=target, reason="又开门", **handler)

    def in_merged(self) -> None:
        self.takes(SD, Act.UNMERGE, reason="不是同一家")

    # -- the comparison -----------------------------------------------------------------------------------------------

    def place(self, duty: Duty) -> tuple[str, int | None, int]:
        numbers = {unit.id: number for number, unit in enumerate(self.road.facts.units)}
        return duty.kind.value, numbers.get(duty.unit_id or ""), duty.k

    def compare(self) -> None:
        """Every duty that counts: kind, department, window, day, whether provisional, how it ended and when, and the verdict."""
        facts = self.road.facts
        superseded = {duty.supersedes for duty in facts.duties}
        lead = SimpleNamespace(obligations=[SimpleNamespace(supersedes=duty.supersedes) for duty in facts.duties])
        lead.assignments = [SimpleNamespace(id=unit.id, suspended_from=unit.suspended_from) for unit in facts.units]
        mine = Counter(
            (
                *self.place(duty),
                duty.due_on,
                duty.provisional,
                duty.ended,
                duty.ended_on,
                duty.excused,
                self.verdict(duty, lead),
            )
            for duty in facts.duties
            if duty.id not in superseded
        )
        naive = Counter(
            (
                one.kind,
                one.unit,
                one.k,
                one.on,
                one.guessed,
                one.how,
                one.ended_on,
                one.excused,
                self.naive.verdict(one),
            )
            for one in self.naive.owed
        )
        assert mine == naive, (
            f"lead {self.number} on {self.road.today}, after {[change.step for change in self.road.changes if change.step]}:"
            f" the product alone {sorted(mine - naive, key=str)}, the second reading alone {sorted(naive - mine, key=str)}"
        )

    def verdict(self, duty: Duty, lead: Any) -> str:
        end = SimpleNamespace(how=duty.ended, on=duty.ended_on, at=duty.ended_at) if duty.ended else None
        row = SimpleNamespace(
            id=duty.id,
            lead=lead,
            end=end,
            kind=duty.kind.value,
            due_on=duty.due_on,
            due_at=duty.due_at,
            assignment_id=duty.unit_id,
        )
        return verdict_of(row, self.road.today, self.road.now)
