"""What a visit answers: the items of a first check, the check of a payload, the transfer conditions that it meets.

The forms themselves are data in `item_catalogue.py`. The check says whether a payload can be applied; it never judges
the finding.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict
from datetime import date
from typing import Any

from gridwatch.domain.item_catalogue import CATALOGUE, CURRENT, RESULTS, Field, Item, Words

FIRST_CHECK = ("RG01", "RG02")
WITH_PERMITS = "RG03"
REMARKS_LIMIT = 2_000
_NAME = re.compile(r"([A-Z]{2}\d{2}[A-Z]?)@(\d{1,4})")


def first_check_items(permit_sectors: Collection[str]) -> list[str]:
    """The items of a first check 首检, as codes: address and status, and the permits where the scope asks for any."""
    return [*FIRST_CHECK, *((WITH_PERMITS,) if permit_sectors else ())]


def form_of(items: Iterable[str]) -> str:
    """The current forms of the items as one text, `RG01@1+RG02@1`: what a visit names as its `item_version`."""
    return "+".join(CURRENT[code].name for code in items)


def named_items(item_version: str | None) -> dict[str, int] | None:
    """Code → version of what a visit says it was filled in on: `RG01@1` or `RG01@1+RG02@1`; {} when it says nothing.

    None when it names an item or a version that never was.
    """
    if not item_version:
        return {}
    named: dict[str, int] = {}
    for part in item_version.split("+"):
        match = _NAME.fullmatch(part.strip())
        if match is None or (match[1], int(match[2])) not in CATALOGUE:
            return None
        named[match[1]] = int(match[2])
    return named


def check_findings(
    items: Iterable[str], payload: Any, versions: Mapping[str, int] | None = None
) -> list[dict[str, str]]:
    """What is wrong with the payload of a visit, as [{path, problem}]; [] when it can be applied.

    `items` are the codes that the task asks for; `versions` the form version per code where it is not the current one.
    The payload is {"result": one of RESULTS, "findings": [{"item": "RG01", field: value, …}], "remarks": text}. With
    result `done` every item has exactly one finding; any other result may bring findings and need not. Members that no
    form knows are left alone: the visit is kept word for word.
    """
    if not isinstance(payload, Mapping):
        return [_problem("", "应为对象", "this should be an object")]
    problems = []
    result = payload.get("result")
    if not isinstance(result, str) or result not in RESULTS:
        problems.append(_problem("result", *_one_of(RESULTS)))
    problems += _check_text("remarks", payload.get("remarks"), REMARKS_LIMIT)
    findings = payload.get("findings", [])
    if not isinstance(findings, list):
        return [*problems, _problem("findings", "应为数组", "this should be a list")]
    asked, answered = list(items), set()
    for place, finding in enumerate(findings):
        path = f"findings[{place}]"
        code = finding.get("item") if isinstance(finding, Mapping) else None
        item = _item(code, versions)
        if item is None or not (code in asked or item.every_visit):
            problems.append(_problem(f"{path}.item", f"应为 {'、'.join(asked)}", f"one of {', '.join(asked)}"))
        elif code in answered:
            problems.append(_problem(f"{path}.item", f"{code} 填了两次", f"{code} is answered twice"))
        else:
            answered.add(code)
            problems += _check_fields(item.fields, finding, path)
    if result == "done":
        problems += [
            _problem("findings", f"缺少 {code} {CURRENT[code].words[0]}", f"{code} {CURRENT[code].words[1]} is missing")
            for code in asked
            if code not in answered
        ]
    return problems


def transfers_met(payload: Mapping[str, Any], versions: Mapping[str, int] | None = None) -> list[dict[str, Any]]:
    """The transfer conditions that the findings of a checked payload meet: [{item, field, categories, photos, …}].

    They are an offer to the worker and the desk; no lead is ever made by itself (domain.md §4b).
    """
    met = []
    for finding in payload.get("findings", []):
        item = _item(finding["item"], versions)
        for transfer in item.transfers if item else ():
            if transfer.values.intersection(_values(finding, transfer.field)):
                met.append({"item": item.code, "field": transfer.field, "categories": list(transfer.categories),
                            "zh": transfer.words[0], "en": transfer.words[1], "photos": list(transfer.photos),
                            "after_recheck": transfer.after_recheck})  # fmt: skip
    return met


def items_as_json() -> list[dict[str, Any]]:
    """The whole catalogue as plain JSON, for phones and consoles; one entry per item and version."""
    return [_plain(asdict(item)) for item in CATALOGUE.values()]


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, frozenset):
        return sorted(value, key=str)
    if isinstance(value, tuple | list):
        return [_plain(inner) for inner in value]
    return value


def _item(code: Any, versions: Mapping[str, int] | None) -> Item | None:
    if not isinstance(code, str) or code not in CURRENT:
        return None
    version = (versions or {}).get(code)
    return CURRENT[code] if version is None else CATALOGUE.get((code, version))


def _values(finding: Mapping[str, Any], path: str) -> list[Any]:
    name, _, inner = path.partition(".")
    value = finding.get(name)
    values = [row.get(inner) for row in value] if inner and isinstance(value, list) else [value]
    return [one for one in values if isinstance(one, str | bool | int)]


def _check_fields(fields: Iterable[Field], answers: Mapping[str, Any], path: str) -> list[dict[str, str]]:
    problems = []
    for field in fields:
        value, at = answers.get(field.name), f"{path}.{field.name}"
        if value is None or value == "" or value == []:
            if field.needed and (field.when is None or _among(answers.get(field.when[0]), field.when[1])):
                problems.append(_problem(at, f"「{field.words[0]}」必填", f"{field.words[1]}: an answer is needed"))
        else:
            problems += _CHECKS[field.kind](field, value, at)
    return problems


def _among(value: Any, values: frozenset[Any]) -> bool:
    return isinstance(value, str | bool) and value in values


def _check_choice(field: Field, value: Any, path: str) -> list[dict[str, str]]:
    fits = isinstance(value, str) and value in (field.choices or {})
    return [] if fits else [_problem(path, *_one_of(field.choices or {}))]


def _check_choices(field: Field, value: Any, path: str) -> list[dict[str, str]]:
    if not isinstance(value, list):
        return [_problem(path, "应为数组", "this should be a list")]
    return [problem for place, one in enumerate(value) for problem in _check_choice(field, one, f"{path}[{place}]")]


def _check_flag(field: Field, value: Any, path: str) -> list[dict[str, str]]:
    return [] if isinstance(value, bool) else [_problem(path, "应为 true 或 false", "this should be true or false")]


def _check_text(path: str, value: Any, limit: int) -> list[dict[str, str]]:
    if value is None:
        return []
    if not isinstance(value, str):
        return [_problem(path, "应为文字", "this should be text")]
    if len(value) > limit:
        return [_problem(path, f"最多 {limit} 字", f"at most {limit} characters")]
    return [_problem(path, "含有空字符（NUL）", "it holds a NUL character")] if "\0" in value else []


def _check_code(field: Field, value: Any, path: str) -> list[dict[str, str]]:
    wanted = field.pattern or rf"[0-9A-Za-z._-]{{1,{field.limit}}}"
    fits = isinstance(value, str) and re.fullmatch(wanted, value, re.ASCII)
    zh, en = field.words
    return [] if fits else [_problem(path, f"「{zh}」的写法不对", f"{en}: this is not how it is written")]


def _check_number(field: Field, value: Any, path: str) -> list[dict[str, str]]:
    fits = isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1_000_000
    return [] if fits else [_problem(path, "应为 0 至 1000000 的数字", "this should be a number from 0 to 1000000")]


def _check_day(field: Field, value: Any, path: str) -> list[dict[str, str]]:
    try:
        date.fromisoformat(value)
    except (TypeError, ValueError):
        return [_problem(path, "应为日期，如 2026-11-20", "this should be a day like 2026-11-20")]
    return []


def _check_rows(field: Field, value: Any, path: str) -> list[dict[str, str]]:
    if not isinstance(value, list):
        return [_problem(path, "应为数组", "this should be a list")]
    problems = []
    for place, row in enumerate(value):
        if isinstance(row, Mapping):
            problems += _check_fields(field.of, row, f"{path}[{place}]")
        else:
            problems.append(_problem(f"{path}[{place}]", "应为对象", "this should be an object"))
    return problems


_CHECKS = {
    "choice": _check_choice,
    "choices": _check_choices,
    "flag": _check_flag,
    "text": lambda field, value, path: _check_text(path, value, field.limit),
    "code": _check_code,
    "number": _check_number,
    "day": _check_day,
    "rows": _check_rows,
}


def _one_of(choices: Mapping[str, Words]) -> Words:
    return "只能填：" + "、".join(choices), "one of: " + ", ".join(choices)


def _problem(path: str, zh: str, en: str) -> dict[str, str]:
    return {"path": path, "problem": f"{zh} / {en}"}
