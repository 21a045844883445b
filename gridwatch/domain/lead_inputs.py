"""Checking what was entered for a step against the fields of its row. Nothing is coerced in silence, nothing is dropped."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import date
from typing import Any

from gridwatch.domain.errors import Refusal
from gridwatch.domain.lead_flow import STEP_OF
from gridwatch.domain.lead_shape import Field, Step
from gridwatch.domain.lead_words import JOINT_RESULTS

_SHA256 = re.compile(r"[0-9a-f]{64}")
# A result of a joint operation carries the inputs of the step that it stands for (rulings R22, R38).
STEP_OF_RESULT = {"progress": "T21", "done": "T25"}

Problems = list[dict[str, str]]


def check(step: Step, inputs: Mapping[str, Any]) -> dict[str, Any]:
    """The inputs of a step, checked. Raises 422 `lead.input_missing` or `lead.input_invalid` with every field at fault."""
    missing, problems = _faults(step.fields, inputs)
    if problems:
        reason = "; ".join(f"{one['path']}: {one['problem']}" for one in problems)
        raise Refusal("lead.input_invalid", reason=reason, fields=problems)
    if missing:
        fields = [{"path": name, "problem": "required"} for name in missing]
        raise Refusal("lead.input_missing", missing=missing, fields=fields)
    return {name: value for name, value in inputs.items() if not _blank(value)}


def confirmed(asked: Mapping[str, Any], inputs: Mapping[str, Any]) -> dict[str, Any]:
    """What was asked for, with what the second person adds. Raises 422 where it differs: one confirms what was asked (R31)."""
    differing = [name for name, value in inputs.items() if not _blank(value) and asked.get(name, value) != value]
    if differing:
        problem = "与申请的不同 / differs from what was asked for"
        fields = [{"path": name, "problem": problem} for name in differing]
        raise Refusal("lead.input_invalid", reason=problem, fields=fields)
    return {**inputs, **asked}


def _faults(fields: Iterable[Field], inputs: Mapping[str, Any]) -> tuple[list[str], Problems]:
    by_name = {one.name: one for one in fields}
    missing = [name for name, one in by_name.items() if one.required and _blank(inputs.get(name))]
    problems = [{"path": name, "problem": "unknown"} for name in inputs if name not in by_name]
    for name, value in inputs.items():
        one = by_name.get(name)
        if one is None or _blank(value):
            continue
        problem = _CHECKS[one.kind](one, value)
        if problem:
            problems.append({"path": name, "problem": problem})
    return missing, problems


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
    if on.isoformat() != value:
        return "a day as YYYY-MM-DD is needed"
    return None if 2000 <= on.year <= 2100 else "outside the calendar of 2000 to 2100"


def _flag(one: Field, value: Any) -> str | None:
    return None if isinstance(value, bool) else "true or false is needed"


def _ident(one: Field, value: Any) -> str | None:
    return None if isinstance(value, str) and 0 < len(value) <= 64 else "an id is needed"


def _idents(one: Field, value: Any) -> str | None:
    return _list(one, value, lambda part: _ident(one, part))


def _evidence(one: Field, value: Any) -> str | None:
    return _list(one, value, _digest)


def _digest(part: Any) -> str | None:
    return None if isinstance(part, str) and _SHA256.fullmatch(part) else "SHA-256 in 64 lower-case hex digits"


def _results(one: Field, value: Any) -> str | None:
    """A list of objects: `department`, `result` (progress or done), and the inputs of T21 or T25."""
    problem = _list(one, value, _result)
    if problem:
        return problem
    departments = [part["department"] for part in value]
    return None if len(set(departments)) == len(departments) else "the same department twice"


def _result(part: Any) -> str | None:
    if not isinstance(part, dict) or not isinstance(part.get("department"), str):
        return "an object with a department is needed"
    if part.get("result") not in STEP_OF_RESULT:
        return f"result: one of {', '.join(JOINT_RESULTS)}"
    fields = [one for one in STEP_OF[STEP_OF_RESULT[part["result"]]].fields if one.kind != "unit"]
    missing, problems = _faults(fields, {name: part[name] for name in part if name not in ("department", "result")})
    problems += [{"path": name, "problem": "required"} for name in missing]
    return "; ".join(f"{part['department']}.{one['path']}: {one['problem']}" for one in problems) or None


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
    "lead": _ident,
    "duty": _ident,
    "results": _results,
}
