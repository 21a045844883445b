"""Checking what was entered for a step against the fields of its row. Nothing is coerced in silence, nothing is dropped."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date
from typing import Any

from gridwatch.domain.errors import Refusal
from gridwatch.domain.lead_flow import Field, Step

_SHA256 = re.compile(r"[0-9a-f]{64}")


def check(step: Step, inputs: Mapping[str, Any]) -> dict[str, Any]:
    """The inputs of a step, checked. Raises 422 `lead.input_missing` or `lead.input_invalid` with every field at fault."""
    fields = {one.name: one for one in step.fields}
    missing = [name for name, one in fields.items() if one.required and _blank(inputs.get(name))]
    problems = [{"path": name, "problem": "unknown"} for name in inputs if name not in fields]
    for name, value in inputs.items():
        one = fields.get(name)
        if one is None or _blank(value):
            continue
        problem = _CHECKS[one.kind](one, value)
        if problem:
            problems.append({"path": name, "problem": problem})
    if problems:
        raise Refusal(
            "lead.input_invalid", reason="; ".join(f"{p['path']}: {p['problem']}" for p in problems), fields=problems
        )
    if missing:
        raise Refusal(
            "lead.input_missing", missing=missing, fields=[{"path": name, "problem": "required"} for name in missing]
        )
    return {name: value for name, value in inputs.items() if not _blank(value)}


def _blank(value: Any) -> bool:
    return value is None or value == [] or (isinstance(value, str) and not value.strip())


def _text(one: Field, value: Any) -> str | None:
    if not isinstance(value, str):
        return "a text is needed"
    if len(value) > one.most:
        return f"at most {one.most} characters, {len(value)} given"
    if len(value.strip()) < one.least:
        return f"at least {one.least} characters"
    return "contains NUL" if "\x00" in value else None


def _code(one: Field, value: Any) -> str | None:
    return None if isinstance(value, str) and value in one.choices else f"one of {', '.join(one.choices)}"


def _codes(one: Field, value: Any) -> str | None:
    return _list(one, value, lambda part: _code(one, part))


def _date(one: Field, value: Any) -> str | None:
    try:
        on = date.fromisoformat(value)
    except (TypeError, ValueError):
        return "a day as YYYY-MM-DD is needed"
    return None if 2000 <= on.year <= 2100 else "outside the calendar of 2000 to 2100"


def _flag(one: Field, value: Any) -> str | None:
    return None if isinstance(value, bool) else "true or false is needed"


def _ident(one: Field, value: Any) -> str | None:
    return None if isinstance(value, str) and 0 < len(value) <= 64 else "an id is needed"


def _idents(one: Field, value: Any) -> str | None:
    return _list(one, value, lambda part: _ident(one, part))


def _evidence(one: Field, value: Any) -> str | None:
    return _list(
        one,
        value,
        lambda part: (
            None if isinstance(part, str) and _SHA256.fullmatch(part) else "SHA-256 in 64 lower-case hex digits"
        ),
    )


def _list(one: Field, value: Any, check_part: Callable[[Any], str | None]) -> str | None:
    if not isinstance(value, list):
        return "a list is needed"
    if len(value) > one.most:
        return f"at most {one.most}, {len(value)} given"
    if len(set(map(str, value))) != len(value):
        return "the same twice"
    return next((problem for part in value if (problem := check_part(part))), None)


_CHECKS: dict[str, Callable[[Field, Any], str | None]] = {
    "text": _text,
    "code": _code,
    "codes": _codes,
    "date": _date,
    "flag": _flag,
    "department": _ident,
    "departments": _idents,
    "person": _ident,
    "evidence": _evidence,
    "unit": _ident,
}
