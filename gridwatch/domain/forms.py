"""What a form is, and what answers to it mean: which questions show, which are due, what is wrong, what goes further.

A form is the list `fields` of an item; each field is one question in a subset of JSON Schema (KEYWORDS) with two rules of
`form_rules.py`, `visibleWhen` and `requiredWhen`. An answer to a question that does not show counts for nothing, so one that
was given before the worker changed his mind harms nobody. `form_checks.py` says whether somebody wrote a form well; this
module reads forms that were checked. `static/shared/forms/forms.ts` is the same in TypeScript, and one golden file,
`tests/domain/golden/form_rules.json`, holds for both.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from gridwatch.domain.form_rules import Rule, holds, is_day, is_number, same

Words = tuple[str, str]  # Chinese, English
Form = Mapping[str, Any]

FORMATS: dict[str, tuple[Callable[[str], object], Words]] = {
    "date": (is_day, ("日期，如 2026-11-20", "a day like 2026-11-20")),
    "code": (
        re.compile(r"[0-9A-Za-z._-]+", re.ASCII).fullmatch,
        ("字母、数字、点、横线", "letters, digits, dot, dash"),
    ),
    "industry": (
        re.compile(r"[A-T]?[0-9]{2,4}|[A-T]", re.ASCII).fullmatch,
        ("行业代码（GB/T 4754），如 F5211", "an industry of GB/T 4754 like F5211"),
    ),
}

# What an answer can be wrong in: code → Chinese, English. {limit} is the bound that it breaks.
WRONG: dict[str, Words] = {
    "required": ("「{zh}」必填", "{en}: an answer is needed"),
    "type": ("应为{limit}", "this should be {limit}"),
    "enum": ("只能填：{limit}", "one of: {limit}"),
    "format": ("「{zh}」的写法不对", "{en}: this is not how it is written"),
    "maxLength": ("最多 {limit} 字", "at most {limit} characters"),
    "minimum": ("不能小于 {limit}", "this is {limit} at least"),
    "maximum": ("不能大于 {limit}", "this is {limit} at most"),
    "minItems": ("至少 {limit} 项", "{limit} entries at least"),
    "maxItems": ("最多 {limit} 项", "{limit} entries at most"),
    "nul": ("含有空字符（NUL）", "it holds a NUL character"),
}
TYPES: dict[str, Words] = {
    "string": ("文字", "text"),
    "boolean": ("true 或 false", "true or false"),
    "integer": ("整数", "a whole number"),
    "number": ("数字", "a number"),
    "array": ("数组", "a list"),
    "object": ("对象", "an object"),
}
YES, NO = ("是", "yes"), ("否", "no")


@dataclass(frozen=True, slots=True)
class Wrong:
    """One answer that cannot stand. `code` is a key of WRONG, `limit` what it breaks, where there is such a thing."""

    path: str
    code: str
    field: Form
    limit: Any = None

    def words(self) -> str:
        """What is wrong, in Chinese and English."""
        said = []
        for language, text in zip(("zh", "en"), WRONG[self.code], strict=True):
            limit = self.limit
            if self.code == "type":
                limit = TYPES[limit][language == "en"]
            elif self.code == "enum":
                limit = ("、" if language == "zh" else ", ").join(limit)
            said.append(text.format(limit=limit, **self.field.get("title", {"zh": "", "en": ""})))
        return " / ".join(said)


@dataclass(slots=True)
class Reading:
    """What answers to a form mean. `visible` and `required` are paths of questions in the order in which they are asked;
    `met` are the names of the transfer conditions that are fulfilled."""

    visible: list[str] = field(default_factory=list)
    required: list[str] = field(default_factory=list)
    wrong: list[Wrong] = field(default_factory=list)
    met: list[str] = field(default_factory=list)


def read(form: Form, answers: Mapping[str, Any]) -> Reading:
    """Read the answers to an item: `form` has `fields` and `transfers`. Nothing is raised, whatever the answers are."""
    reading = Reading()
    seen = _read_fields(form["fields"], answers, "", reading)
    reading.met = [
        transfer["name"]
        for transfer in form.get("transfers", ())
        if holds(transfer["when"], lambda name: _values(seen, name))
    ]
    return reading


def is_empty(value: Any) -> bool:
    """Whether it is no answer: nothing, an empty text, an empty list."""
    return value is None or value == "" or value == []


def _read_fields(fields: Sequence[Form], answers: Mapping[str, Any], prefix: str, reading: Reading) -> dict[str, Any]:
    """Read one level of questions; returns the answers that count. A question only asks for those before it."""
    given: dict[str, Any] = {}
    seen: dict[str, Any] = {}  # without answers of another type: they say nothing
    shown = []
    for one in fields:
        if _applies(one.get("visibleWhen"), seen, always=True):
            shown.append(one)
            name, value = one["name"], answers.get(one["name"])
            if not is_empty(value):
                given[name] = value
                if _IS[one["type"]](value):
                    seen[name] = value
    for one in shown:
        name, path = one["name"], f"{prefix}{one['name']}"
        reading.visible.append(path)
        due = one.get("required", False) or _applies(one.get("requiredWhen"), seen, always=False)
        if due:
            reading.required.append(path)
        if name in seen:
            seen[name] = _check(one, seen[name], path, reading)
        elif name in given:
            reading.wrong.append(Wrong(path, "type", one, one["type"]))
        elif due:
            reading.wrong.append(Wrong(path, "required", one))
    return seen


def _applies(rule: Rule | None, seen: Mapping[str, Any], *, always: bool) -> bool:
    return always if rule is None else holds(rule, lambda name: _values(seen, name))


def _values(seen: Mapping[str, Any], name: str) -> list[Any]:
    """The scalars that were answered to a question, or to `list.question` in the rows of a list."""
    name, _, inner = name.partition(".")
    value = seen.get(name)
    values = value if isinstance(value, list) else [value]
    if inner:
        values = [row.get(inner) if isinstance(row, Mapping) else None for row in values]
    elif any(isinstance(one, Mapping) for one in values):
        return [True]  # rows have no value of their own: they are there
    return [one for one in values if isinstance(one, str | bool | int | float) and one != ""]


def _check(one: Form, value: Any, path: str, reading: Reading) -> Any:
    """Note what is wrong with an answer; returns what of it counts: of rows, only the answers to questions that show."""

    def wrong(code: str, limit: Any = None, at: str = path) -> None:
        reading.wrong.append(Wrong(at, code, one, limit))

    kind = one["type"]
    if kind == "array":
        return _check_list(one, value, path, reading)
    elif kind in ("integer", "number"):
        if value < one["minimum"]:
            wrong("minimum", one["minimum"])
        elif value > one["maximum"]:
            wrong("maximum", one["maximum"])
    elif "enum" in one:
        if value not in one["enum"]:
            wrong("enum", one["enum"])
    elif kind == "string":
        if "\0" in value:
            wrong("nul")
        elif "maxLength" in one and len(value) > one["maxLength"]:
            wrong("maxLength", one["maxLength"])
        elif "format" in one and not FORMATS[one["format"]][0](value):
            wrong("format", one["format"])
    return value


def _check_list(one: Form, value: list[Any], path: str, reading: Reading) -> list[Any]:
    if len(value) > one["maxItems"]:
        reading.wrong.append(Wrong(path, "maxItems", one, one["maxItems"]))
        return []
    if len(value) < one.get("minItems", 0):
        reading.wrong.append(Wrong(path, "minItems", one, one["minItems"]))
    rows = one["items"]["type"] == "object"
    counts = []
    for number, entry in enumerate(value):
        at = f"{path}[{number}]"
        if not isinstance(entry, Mapping if rows else str):
            reading.wrong.append(Wrong(at, "type", one, one["items"]["type"]))
        elif rows:
            counts.append(_read_fields(one["items"]["fields"], entry, f"{at}.", reading))
        else:
            counts.append(_check({"title": one["title"], **one["items"]}, entry, at, reading))
    return counts


_IS: dict[str, Callable[[Any], bool]] = {
    "string": lambda value: isinstance(value, str),
    "boolean": lambda value: isinstance(value, bool),
    "integer": lambda value: is_number(value) and value == value // 1,
    "number": is_number,
    "array": lambda value: isinstance(value, list),
}


def in_words(form: Form, answers: Mapping[str, Any], language: str = "zh") -> str:
    """The answers that count as a person reads them: 现场情况：空置；…, each question with its answer."""
    reading = read(form, answers)
    return _told(form["fields"], answers, "", set(reading.visible), language)


def _told(fields: Sequence[Form], answers: Mapping[str, Any], prefix: str, visible: set[str], language: str) -> str:
    colon, semicolon = ("：", "；") if language == "zh" else (": ", "; ")
    said = []
    for one in fields:
        value, path = answers.get(one["name"]), f"{prefix}{one['name']}"
        if path in visible and not is_empty(value):
            said.append(f"{one['title'][language]}{colon}{_value_in_words(one, value, path, visible, language)}")
    return semicolon.join(said)


def _value_in_words(one: Form, value: Any, path: str, visible: set[str], language: str) -> str:
    if isinstance(value, list):
        if one["type"] == "array" and one["items"]["type"] == "object":
            rows = [_told(one["items"]["fields"], row, f"{path}[{number}].", visible, language)
                    for number, row in enumerate(value) if isinstance(row, Mapping)]  # fmt: skip
            return "".join(f"（{row}）" if language == "zh" else f" ({row})" for row in rows)
        inner = one["items"] if one["type"] == "array" else one
        return ("、" if language == "zh" else ", ").join(
            _value_in_words(inner, entry, path, visible, language) for entry in value
        )
    if isinstance(value, bool):
        return (YES if value else NO)[language == "en"]
    if isinstance(value, str) and value in one.get("labels", {}):
        return one["labels"][value][language]
    if is_number(value) and same(value, value // 1):
        return str(int(value))
    return str(value)
