"""The tables of docs/leads.md, written from the code: every step of a lead, and every clock; in Chinese and in English."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from gridwatch.domain import lead_shape as shape
from gridwatch.domain import lead_steps_above, lead_steps_community, lead_steps_department, lead_steps_street
from gridwatch.domain.lead_guards import GUARDS
from gridwatch.domain.lead_shape import PREVIOUS, Clock, Step
from gridwatch.domain.lead_words import STATE_NAMES, LeadState
from gridwatch.domain.obligations import DEFAULT_POLICY, WINDOWED, ObligationKind
from gridwatch.domain.permits import ROLE_NAMES, Role
from gridwatch.domain.reminders import LADDER, RECEIVERS, Owner
from gridwatch.leads.wording import DUTIES

Words = tuple[str, str]  # Chinese, English
LANGUAGES = {"zh": 0, "en": 1}

# fmt: off
DESKS: tuple[tuple[Words, tuple[Step, ...]], ...] = (
    (("社区", "The community's desk"), lead_steps_community.STEPS),
    (("街道", "The street's desk"), lead_steps_street.STEPS),
    (("部门与核查", "The departments' desks, and the verification"), lead_steps_department.STEPS),
    (("街道以上，以及随时可办的", "Above the street, and at any time"), lead_steps_above.STEPS),
)
# What the cases of the table mean that choose between rows, or who takes a step.
CASES: dict[str, Words] = {
    "major": ("重大隐患", "a major hazard"), "uncertain": ("标为不确定", "marked as uncertain"),
    "supervision_decides": ("第二次申请起，或已转监管办", "from the second request on, or passed on to the office"),
    "return_is_pending": ("该部门正申请退回", "it asks to return the lead"),
    "peer_ack_is_overdue": ("外区签收已逾期", "the acknowledgement is overdue"),
    "pushed_before": ("本轮推送过", "pushed before in this round"), "solved_above": ("上级答复过的", "it was answered above"),
    "handled_by_the_community": ("社区自己办的", "no department has it"), "with_a_peer": ("在外区", "it is with another district"),
    "target_is_community": ("选择重开到社区", "the community is chosen"),
    "department_goes_on": ("批示原部门继续", "the department is to go on"),
    "peer_took_it_over": ("外区已接办", "the district took it over"),
}
NOBODY: Words = ("系统", "the system")
# Those who are told and hold no role of that name.
TOLD: dict[str, Words] = {
    "reporter": ("上报人", "the reporter"), "handler": ("处置人员", "the handler"), "officer": ("承办人", "the officer"),
}
OWNERS: dict[Owner, Words] = {
    Owner.REPORTER: ("上报人", "reporter"), Owner.COMMUNITY: ("社区", "community"), Owner.STREET: ("街道", "street"),
    Owner.SUPERVISION: ("监管办", "supervision office"), Owner.DEPARTMENT: ("部门", "department"),
    Owner.GROUP: ("领导小组", "leading group"),
}
_HEADS: dict[str, tuple[str, ...]] = {
    "zh": ("步骤", "从 → 到", "谁", "填写", "不办的情形", "时限（工作日）", "通知"),
    "en": ("step", "from → to", "who", "inputs", "not when", "clocks (work days)", "told"),
}
_CLOCK_HEADS: dict[str, tuple[str, ...]] = {
    "zh": ("时限", "工作日", "谁的责任", "提前 2 日、当日提醒", "逾期 1 日起加", "逾期 5 日起加", "逾期 10 日起加"),
    "en": ("clock", "work days", "owed by", "told 2 days before and on the day", "from 1 day late also", "from 5 days late also",
           "from 10 days late also"),
}
# fmt: on


def filled(text: str) -> str:
    """docs/leads.md with its generated parts written anew: what stands between `<!-- steps:zh -->` and `<!-- end -->`.

    Raises ValueError where a part has no place in the text.
    """
    for name, made in parts().items():
        pattern = re.compile(rf"(<!-- {re.escape(name)} -->\n).*?(<!-- end -->)", re.S)
        text, times = pattern.subn(lambda found, made=made: f"{found[1]}{made}{found[2]}", text)
        if times != 1:
            raise ValueError(f"{times} places for {name}")
    return text


def parts() -> dict[str, str]:
    """The generated parts by name: `steps:zh`, `clocks:zh`, and the same in English."""
    makers: dict[str, Callable[[str], Iterator[str]]] = {"steps": _steps, "clocks": _clocks}
    return {
        f"{name}:{language}": "".join(f"{line}\n" for line in make(language))
        for name, make in makers.items()
        for language in LANGUAGES
    }


# -- steps ------------------------------------------------------------------------------------------------------------


def _steps(language: str) -> Iterator[str]:
    for title, steps in DESKS:
        yield ""
        yield f"### {_in(language, title)}"
        yield ""
        yield from _table(_HEADS[language], (_row(step, language) for step in steps))
    yield ""


def _row(step: Step, language: str) -> list[str]:
    comma = _in(language, ("、", ", "))
    return [
        f"**{step.id}** {_in(language, (step.zh, step.en))}",
        _way(step, language),
        _who(step, language),
        comma.join(_input(one, language) for one in step.fields if one.kind != "unit"),
        _in(language, ("；", "; ")).join(_half(GUARDS[name].reason, language) for name in step.guards),
        "<br>".join(_clock(one, language) for one in step.clocks),
        comma.join(_told(name, language) for name in step.tell),
    ]


def _way(step: Step, language: str) -> str:
    frm = [_in(language, STATE_NAMES[state]) for state in LeadState if state in step.frm]
    if len(step.frm) == len(LeadState):
        frm = [_in(language, ("任何状态", "any state"))]
    elif step.frm == shape.OPEN_STATES:
        frm = [_in(language, ("任何未结束的状态", "any open state"))]
    start = _in(language, ("、", ", ")).join(frm) or "–"
    if step.to is None:
        return f"{start}{_in(language, ('，不变', '; stays'))}"
    there = ("原来的状态", "where it was") if step.to == PREVIOUS else STATE_NAMES[step.to]
    return f"{start} → {_in(language, there)}"


def _who(step: Step, language: str) -> str:
    by = _roles(step.by, language) if step.by else _in(language, NOBODY)
    if step.own:
        by = _in(language, (f"上报人本人（{by}）", f"the reporter ({by})"))
    if step.ask is not None:
        by = f"{_roles(step.asked_by, language)}{_in(language, ('申请', ' asks'))} → {by}{_in(language, ('确认', ' confirms'))}"
    others = [
        f"{_in(language, CASES[case])}{_in(language, ('：', ': '))}{_roles(roles, language)}"
        for case, roles in step.by_if
    ]
    given = [f"{_in(language, ('仅当：', 'only if '))}{_in(language, CASES[case])}" for case in step.given]
    return "<br>".join([by, *others, *given])


def _roles(roles: Iterable[Role], language: str) -> str:
    names = [_in(language, ROLE_NAMES[role]) for role in Role if role in set(roles)]
    return _in(language, ("、", ", ")).join(names)


def _input(one: shape.Field, language: str) -> str:
    optional = "" if one.required else _in(language, ("（可不填）", " (optional)"))
    return f"{_in(language, (one.zh, one.en))}{optional}"


def _told(name: str, language: str) -> str:
    return _in(language, TOLD[name] if name in TOLD else ROLE_NAMES[Role(name)])


# -- what a step does to the clocks -----------------------------------------------------------------------------------


def _clock(clock: Clock, language: str) -> str:
    return _in(language, _SAID[type(clock)](clock))


def _begins(clock: shape.Open) -> Words:
    days = DEFAULT_POLICY.sent_back_days if clock.sent_back else DEFAULT_POLICY.days[clock.kind]
    zh, en = _names((clock.kind,))
    return f"起算{zh} {days} 日", f"{en} begins, {_count(days)}"


def _count(days: int) -> str:
    return f"{days} day" if days == 1 else f"{days} days"


def _names(kinds: Iterable[ObligationKind]) -> Words:
    duties = [DUTIES[kind] for kind in kinds]
    return "、".join(one.zh for one in duties), ", ".join(one.en for one in duties)


def _meets(clock: shape.Meet) -> Words:
    zh, en = _names(clock.kinds)
    return f"完成{zh}", f"{en} met"


def _drops(clock: shape.Drop) -> Words:
    zh, en = _names(clock.kinds)
    return f"撤销{zh}", f"{en} cancelled"


def _meets_window(clock: shape.MeetWindow) -> Words:
    if clock.when:
        return "勾选同时作为反馈时完成本期反馈", "the current window of feedback met, if it counts as feedback too"
    return "完成本期反馈", "the current window of feedback met"


def _always(zh: str, en: str) -> Callable[[Any], Words]:
    return lambda clock: (zh, en)


_DAYS = DEFAULT_POLICY.days
_HOURS = int(DEFAULT_POLICY.fast_lane.total_seconds() // 3600)
_INTERVENE, _FEEDBACK = _DAYS[ObligationKind.INTERVENE], _DAYS[ObligationKind.FEEDBACK]
_FOLLOW = _DAYS[ObligationKind.CITY_FOLLOW]
# fmt: off
_SAID: dict[type, Callable[[Any], Words]] = {
    shape.Open: _begins, shape.Meet: _meets, shape.Drop: _drops, shape.MeetWindow: _meets_window,
    shape.OpenFastLane: _always(f"起算街道分派 {_HOURS} 小时，任何一天", f"street triage begins, {_HOURS} hours, on any day"),
    shape.OpenRuling: _always(f"起算裁定 {_DAYS[ObligationKind.RULING]} 日", f"ruling begins, {_count(_DAYS[ObligationKind.RULING])}"),
    shape.OpenFollowUp: _always(f"起算市级跟进，每 {_FOLLOW} 日一期", f"follow-up with the city begins, a window every {_FOLLOW} days"),
    shape.OpenReview: _always("到复核日期复核", "review on the day that was named"),
    shape.OpenGrids: _always(f"每个新部门：介入处理 {_INTERVENE} 日，反馈每 {_FEEDBACK} 日一期",
                             f"each new department: intervention in {_INTERVENE} days, feedback every {_FEEDBACK} days"),
    shape.MeetFollowUp: _always("完成本期市级跟进", "the current window of the follow-up met"),
    shape.MeetPresent: _always("到场部门：完成介入，已介入的完成本期反馈",
                               "of each present: intervention met, or the current window of feedback"),
    shape.MeetResults: _always("继续办理的部门：完成本期反馈", "of each that goes on: the current window of feedback met"),
    shape.DropUnits: _always("撤销所结束的移交单的时限", "clocks of the assignments that end are cancelled"),
    shape.Finish: _always("其余时限全部了结", "everything that is still open ends"),
    shape.ReopenMerged: _always("并案时撤销的继续，日期不变", "what the merge ended runs again, with its days"),
    shape.ExtendHandling: _always(f"社区处置延到复检后 {DEFAULT_POLICY.notice_margin_days} 日，仅一次",
                                  f"community handling moves to {DEFAULT_POLICY.notice_margin_days} days after the recheck, once"),
    shape.ExtendIntervention: _always("不可抗力：介入处理顺延中止的天数", "force majeure: the intervention moves by the days of the hold"),
    shape.Suspend: _always("该部门的反馈在核查期内不计", "its windows are suspended while it is verified"),
    shape.SuspendAll: _always("各部门的反馈在核查期内不计", "all windows are suspended while it is verified"),
    shape.Resume: _always(f"返工的部门：起算返工 {_DAYS[ObligationKind.REWORK]} 日，反馈按原日期继续",
                          f"of each that reworks: rework begins, {_count(_DAYS[ObligationKind.REWORK])}; feedback goes on at its days"),
    shape.ResumeAll: _always("反馈按原日期继续", "feedback goes on at its days"),
    shape.ProposeExcuse: _always("裁定迟于介入期限：建议免责", "a ruling later than the intervention's day: an excuse is proposed"),
}
# fmt: on


# -- clocks -----------------------------------------------------------------------------------------------------------


def _clocks(language: str) -> Iterator[str]:
    rows = []
    for (kind, owner), first in RECEIVERS.items():
        climbed = [
            ""
            if rung.role in first or (rung.departments_only and owner is not Owner.DEPARTMENT)
            else _in(language, ROLE_NAMES[Role(rung.role)])
            for rung in LADDER
        ]
        told = _in(language, ("、", ", ")).join(_told(name, language) for name in first)
        duty = DUTIES[kind]
        rows.append(
            [_in(language, (duty.zh, duty.en)), _limit(kind, language), _in(language, OWNERS[owner]), told, *climbed]
        )
    yield ""
    yield from _table(_CLOCK_HEADS[language], rows)
    yield ""


def _limit(kind: ObligationKind, language: str) -> str:
    days = DEFAULT_POLICY.days[kind]
    if kind in WINDOWED:
        return _in(language, (f"每 {days}", f"every {days}"))
    if kind is ObligationKind.REVIEW:
        return _in(language, (f"指定日，最晚 {days}", f"a named day, {days} at most"))
    return str(days)


# -- Markdown ---------------------------------------------------------------------------------------------------------


def _table(heads: Iterable[str], rows: Iterable[Iterable[str]]) -> Iterator[str]:
    heads = list(heads)
    yield _line(heads)
    yield "|" + "---|" * len(heads)
    yield from map(_line, rows)


def _line(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") or "–" for cell in cells) + " |"


def _in(language: str, words: Words) -> str:
    return words[LANGUAGES[language]]


def _half(text: str, language: str) -> str:
    """The half of `中文 / English` in that language."""
    zh, _, en = text.partition(" / ")
    return _in(language, (zh, en))
