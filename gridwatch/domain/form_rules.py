"""The rule language of forms: eight operators as JSON, for when a question shows, is due, or a finding goes further.

    {"eq": [name, value]}     an answer is that value            {"present": name}   there is an answer
    {"in": [name, [values]]}  an answer is one of them           {"and": [rules]}    all hold
    {"gt": [name, value]}     a number or day is above it        {"or": [rules]}     one holds
    {"lt": [name, value]}     a number or day is below it        {"not": rule}       it does not hold

`name` is a question of the same form or row; a transfer condition may also ask for the rows of a list, as `permits.held`.
A list of answers fulfils a comparison when one of them does; a question without an answer fulfils none. There are no
expressions, no patterns and no code in a rule, so reading one ends after as many steps as it has operators.
`static/shared/forms/rules.ts` is the same in TypeScript; `tests/domain/golden/form_rules.json` holds for both.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from datetime import date
from typing import Any

OPERATORS = ("eq", "in", "gt", "lt", "present", "and", "or", "not")
MOST_DEPTH = 5  # operators within operators
MOST_OPERATORS = 40
MOST_VALUES = 40

Rule = Mapping[str, Any]
Problem = dict[str, str]
_DAY = re.compile(r"(?:19|20)\d\d-\d\d-\d\d", re.ASCII)


def holds(rule: Rule, values: Callable[[str], list[Any]]) -> bool:
    """Whether a checked rule is fulfilled. `values` gives the answers to a question as a list, [] without any."""
    ((operator, told),) = rule.items()
    if operator == "and":
        return all(holds(one, values) for one in told)
    if operator == "or":
        return any(holds(one, values) for one in told)
    if operator == "not":
        return not holds(told, values)
    if operator == "present":
        return bool(values(told))
    name, other = told
    return any(_COMPARE[operator](value, other) for value in values(name))


def same(one: Any, other: Any) -> bool:
    """Whether two scalars are the same: true is not 1, "1" is not 1, 1.0 is 1."""
    return isinstance(one, bool) == isinstance(other, bool) and one == other


def is_number(value: Any) -> bool:
    """Whether it is a number; true and false are none."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def is_day(value: Any) -> bool:
    """Whether it is a day of the years 1900 to 2099, written 2026-11-20."""
    if not isinstance(value, str) or not _DAY.fullmatch(value):
        return False
    try:
        date.fromisoformat(value)
    except ValueError:
        return False
    return True


def _above(one: Any, other: Any) -> bool:
    return ((is_number(one) and is_number(other)) or (is_day(one) and is_day(other))) and one > other


_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "eq": same,
    "in": lambda value, others: any(same(value, other) for other in others),
    "gt": _above,
    "lt": lambda value, other: _above(other, value),
}


def names_in(rule: Rule) -> list[str]:
    """The questions that a checked rule asks for, in its order, each once."""
    return list(dict.fromkeys(name for _, name, _ in _leaves(rule)))


def constants_in(rule: Rule, name: str) -> list[Any]:
    """The values that a checked rule compares the answers to a question with."""
    found: list[Any] = []
    for operator, asked, other in _leaves(rule):
        if asked == name and operator != "present":
            found += other if operator == "in" else [other]
    return found


def _leaves(rule: Rule) -> Iterator[tuple[str, str, Any]]:
    ((operator, told),) = rule.items()
    if operator in ("and", "or"):
        for one in told:
            yield from _leaves(one)
    elif operator == "not":
        yield from _leaves(told)
    elif operator == "present":
        yield operator, told, None
    else:
        yield operator, told[0], told[1]


def rule_problems(rule: Any, path: str, kinds: Mapping[str, str]) -> list[Problem]:
    """What is wrong with a rule that somebody wrote, as [{path, problem}].

    `kinds` are the questions that it may ask for: name → choice, flag, number, day, text or list.
    """
    budget = [MOST_OPERATORS]
    return list(_problems(rule, path, kinds, 1, budget))


def _problems(rule: Any, path: str, kinds: Mapping[str, str], depth: int, budget: list[int]) -> Iterator[Problem]:
    budget[0] -= 1
    if depth > MOST_DEPTH:
        yield problem(path, f"规则最多嵌套 {MOST_DEPTH} 层", f"a rule is nested {MOST_DEPTH} levels at most")
        return
    if budget[0] < 0:
        if budget[0] == -1:
            yield problem(path, f"规则最多 {MOST_OPERATORS} 个运算", f"a rule has {MOST_OPERATORS} operators at most")
        return
    if not isinstance(rule, Mapping) or len(rule) != 1:
        yield problem(path, "规则应为只有一个运算的对象", "a rule is an object with one operator")
        return
    ((operator, told),) = rule.items()
    here = f"{path}.{operator}"
    if operator not in OPERATORS:
        yield problem(
            here, f"没有这个运算；只有 {'、'.join(OPERATORS)}", f"no such operator; there are {', '.join(OPERATORS)}"
        )
    elif operator in ("and", "or"):
        if not isinstance(told, list) or not told:
            yield problem(here, "应为规则的数组", "a list of rules is needed")
            return
        for number, one in enumerate(told):
            yield from _problems(one, f"{here}[{number}]", kinds, depth + 1, budget)
    elif operator == "not":
        yield from _problems(told, here, kinds, depth + 1, budget)
    elif operator == "present":
        yield from _name_problems(told, here, kinds)
    elif not isinstance(told, list) or len(told) != 2:
        yield problem(here, "应为 [问题, 值]", "this should be [question, value]")
    else:
        yield from _comparison_problems(operator, told[0], told[1], here, kinds)


def _comparison_problems(
    operator: str, name: Any, other: Any, path: str, kinds: Mapping[str, str]
) -> Iterator[Problem]:
    wrong = list(_name_problems(name, f"{path}[0]", kinds))
    if wrong:
        yield from wrong
        return
    kind, at = kinds[name], f"{path}[1]"
    if operator in ("gt", "lt"):
        if kind not in ("number", "day"):
            yield problem(f"{path}[0]", "只能比较数字或日期", "only numbers and days have an order")
        elif not _FITS[kind](other):
            yield problem(at, *_WANTED[kind])
        return
    others = other if operator == "in" else [other]
    if operator == "in" and (not isinstance(other, list) or not 0 < len(other) <= MOST_VALUES):
        yield problem(at, f"应为 1 至 {MOST_VALUES} 个值的数组", f"a list of 1 to {MOST_VALUES} values is needed")
        return
    for number, one in enumerate(others):
        if not _FITS[kind](one):
            yield problem(f"{at}[{number}]" if operator == "in" else at, *_WANTED[kind])


def _name_problems(name: Any, path: str, kinds: Collection[str]) -> Iterator[Problem]:
    if not isinstance(name, str) or name not in kinds:
        yield problem(path, "这里没有这个问题", "there is no such question here")


_FITS: dict[str, Callable[[Any], bool]] = {
    "choice": lambda value: isinstance(value, str),
    "text": lambda value: isinstance(value, str),
    "flag": lambda value: isinstance(value, bool),
    "number": is_number,
    "day": is_day,
    "list": lambda value: False,
}
_WANTED = {
    "choice": ("应为选项代码", "the code of a choice is needed"),
    "text": ("应为文字", "a text is needed"),
    "flag": ("应为 true 或 false", "true or false is needed"),
    "number": ("应为数字", "a number is needed"),
    "day": ("应为日期，如 2026-11-20", "a day like 2026-11-20 is needed"),
    "list": ("列表只能用 present", "a list can only be asked for with present"),
}


def problem(path: str, zh: str, en: str) -> Problem:
    """One thing that is wrong, in both languages."""
    return {"path": path, "problem": f"{zh} / {en}"}
