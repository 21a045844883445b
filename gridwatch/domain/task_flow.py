"""The small machine of a task (下发到手机, domain.md §4b): states, what moves them, when attempts end it, timeliness.

One table says which act leads from where to where; services do nothing that is not in it. `in_progress` is a state of
the phone alone: the server hears of a visit when it arrives.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from gridwatch.domain.errors import Refusal
from gridwatch.domain.worktime import CHINA, WorkCalendar, local_day

FIRST_CHECK_DAYS = 10  # work days from the registry event to the first check 首检 (domain.md §4d, RG01)
FOLLOW_UP_DAYS = CYCLE_DAYS = FIRST_CHECK_DAYS  # as long for what was to be put right, and for a cyclic visit

KINDS: dict[str, tuple[str, str]] = {
    "first_check": ("首检", "first check"),  # a registry event
    "recheck": ("复检", "recheck"),  # a notice that was served
    "verify": ("核查结案", "closing verification"),  # a lead that was handled
    "follow_up": ("督促整改", "follow-up"),  # a finding that counts only when it is still so
    "cycle": ("周期巡查", "cyclic visit"),  # the cycle of an item
    "campaign": ("专项", "campaign"),  # an order of the street
}
OF_REGISTER = frozenset({"first_check", "follow_up", "cycle", "campaign"})  # pointless once the entity moved or ended
COUNTED = (
    "first_check",
    "follow_up",
    "cycle",
)  # whose day is counted from their cause; a lead's duty or an order decides others

STATES: dict[str, tuple[str, str]] = {
    "planned": ("待分派", "waiting for a grid"),
    "issued": ("已下发", "issued"),
    "assigned": ("已指派", "assigned"),
    "claimed": ("已认领", "claimed"),
    "done": ("已完成", "done"),
    "not_done": ("未能完成", "not done"),
    "superseded": ("已被取代", "superseded"),
    "cancelled": ("已取消", "cancelled"),
}
OPEN = frozenset({"planned", "issued", "assigned", "claimed"})
ON_PHONES = OPEN - {"planned"}


@dataclass(frozen=True, slots=True)
class Step:
    """One row of the table. `to` None leaves the state as it is; `other_hands` raises the epoch of the task."""

    act: str
    sources: frozenset[str]
    to: str | None
    other_hands: bool = False


STEPS: dict[str, Step] = {
    step.act: step
    for step in (
        Step("route", frozenset({"planned"}), "issued"),  # a person of the street found the grid
        Step("assign", ON_PHONES, "assigned", other_hands=True),
        Step("claim", frozenset({"issued"}), "claimed"),
        Step("move", ON_PHONES, "issued", other_hands=True),  # to another grid, or to whoever holds it
        Step("pass_on", ON_PHONES, None, other_hands=True),  # with its grid: 交接
        Step("amend", OPEN, None),  # what is asked at the door changed
        Step("attempt", ON_PHONES, None),  # a visit that did not end it: try again
        Step("finish", ON_PHONES, "done"),
        Step("give_up", ON_PHONES, "not_done"),
        Step("supersede", OPEN, "superseded"),
        Step("cancel", OPEN, "cancelled"),
        Step("reopen", frozenset({"done", "not_done"}), "issued"),  # the visit that ended it was taken back
    )
}

# Why a task ends without a visit: the act that it is, and the words.
CLOSE_CODES: dict[str, tuple[str, str, str]] = {
    "entity_moved": ("supersede", "主体已迁址", "the entity moved"),
    "entity_gone": ("supersede", "主体已注销、吊销或迁出", "the entity is no longer active here"),
    "ticked_off": ("cancel", "已销号", "ticked off by the desk"),
    "campaign_closed": ("cancel", "专项已结束", "the campaign was closed"),
    "not_due": ("cancel", "不再需要", "no longer needed"),
    "merged": ("supersede", "已并入其他任务", "merged into another task"),
    "lead_closed": ("cancel", "线索已办结", "the lead was closed"),
    "lead_moved": ("cancel", "线索已转他处", "the lead went elsewhere"),
    "withdrawn": ("cancel", "已撤回", "withdrawn"),
}


def after(state: str, act: str) -> str:
    """The state that `act` leads to from `state`. Raises 409 `task.wrong_state` where the table has no such step."""
    step = STEPS[act]
    if state not in step.sources:
        raise Refusal("task.wrong_state", state=STATES[state][0], state_code=state, act=act)
    return step.to or state


# --- visits ----------------------------------------------------------------------------------------------------------

TWO_ATTEMPTS = OF_REGISTER  # what closed doors end; a lead waits for its answer
COUNT_AS_ABSENT = frozenset({"closed_door", "not_found"})  # twice with RG01: candidate for XS01, never a lead by itself
APART = timedelta(hours=1)  # what "at different hours" means at least


def ends_by_closed_doors(attempts: Iterable[datetime], calendar: WorkCalendar) -> bool:
    """Whether closed doors at these instants end a first check: two attempts on different work days at different hours.

    An attempt on a rest day does not count, and hours differ from an hour on, so that 9:55 and 10:05 do not.
    """
    local = [one.astimezone(CHINA) for one in attempts if calendar.is_work(local_day(one))]
    return any(
        one.date() != other.date() and abs(_time_of_day(one) - _time_of_day(other)) >= APART
        for place, one in enumerate(local)
        for other in local[place + 1 :]
    )


def _time_of_day(moment: datetime) -> timedelta:
    return timedelta(hours=moment.hour, minutes=moment.minute, seconds=moment.second)


def act_of_visit(kind: str, result: str, closed_doors: Iterable[datetime], calendar: WorkCalendar) -> str:
    """The act that an accepted visit is: finish, give_up or attempt.

    `closed_doors` are the instants of all attempts that met a closed door, this one included. A refusal is a finding and
    finishes the task; closed doors give up what the register, a cycle or a campaign asked, and only by
    `ends_by_closed_doors`; whatever else kept the worker away leaves the task for the next attempt.
    """
    if result in ("done", "refused"):
        return "finish"
    if result == "closed_door" and kind in TWO_ATTEMPTS and ends_by_closed_doors(closed_doors, calendar):
        return "give_up"
    return "attempt"


EARLY, OLD = timedelta(hours=24), timedelta(days=400)  # beyond these a clock is implausible (sync-protocol §4, Time)
AHEAD, UNSURE = timedelta(minutes=10), timedelta(hours=2)  # within these it is trusted (R15)


def is_plausible(performed_at: datetime | None, received_at: datetime) -> bool:
    """Whether a corrected time can be true: given, at most 24 h ahead of its arrival and at most 400 days behind."""
    return performed_at is not None and received_at - OLD <= performed_at <= received_at + EARLY


def is_trusted(performed_at: datetime | None, uncertainty_s: int | None, in_order: bool, received_at: datetime) -> bool:
    """R15: the corrected time counts if it is at most 10 minutes ahead, sure to under 2 h, and the device in order."""
    return (
        performed_at is not None
        and is_plausible(performed_at, received_at)
        and performed_at <= received_at + AHEAD
        and uncertainty_s is not None
        and timedelta(seconds=uncertainty_s) < UNSURE
        and in_order
    )


def timeliness(
    due_on: date, performed_at: datetime | None, uncertainty_s: int | None, in_order: bool, received_at: datetime
) -> str:
    """on_time, late_sync (done in time, arrived late), late, or unclear (a person rules). `performed_at` is corrected.

    What arrived in time was done in time, whatever a plausible clock says. What arrived late counts by its own time
    where that is trusted (R15; domain.md §4b edge d).
    """
    if not is_plausible(performed_at, received_at):
        return "unclear"
    if local_day(received_at) <= due_on:
        return "on_time"
    if performed_at is None or not is_trusted(performed_at, uncertainty_s, in_order, received_at):
        return "unclear"
    return "late_sync" if local_day(performed_at) <= due_on else "late"
