"""负担预算: what an item asks of the worker who stands at the door, in questions, photos, taps and seconds.

The model is fixed, so that no figure can be massaged: a tap is 1.2 s, a typed character 0.35 s, a photo 3 s, a new screen
1.5 s (ux.md, goal 1), and what a question takes stands in COSTS. It leaves out what the machine takes; that is measured.
An ordinary result of a door is one tap for all its items together (R37): what `ordinary` answers is not asked one by one.
A question that the register or the phone answers itself (`known`) or that is folded away under 更多 is not counted as asked.

The limits: an item asks six questions at most on its longest path, and forces one photo; a standard task asks six in its
ordinary result, and forces one photo. A version that goes beyond them, and beyond the one before it, needs a reason on record.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

from gridwatch.domain.form_checks import kind_of
from gridwatch.domain.form_rules import constants_in, is_number, names_in
from gridwatch.domain.forms import Form, Words, is_empty, read

TAP, CHARACTER, PHOTO, SCREEN = 1.2, 0.35, 3.0, 1.5  # seconds
MOST_QUESTIONS, MOST_PHOTOS = 6, 1
MOST_PATHS = 4_096  # combinations of answers that are tried; beyond it every question counts as asked

# Kind of question → taps and typed characters that an answer takes.
COSTS: dict[str, tuple[int, int]] = {
    "choice": (1, 0), "flag": (1, 0), "choices": (2, 0), "day": (3, 0), "number": (1, 3), "text": (1, 10),
}  # fmt: skip

# The standard tasks: the items of one door. RG05B is asked at every visit.
STANDARD_TASKS: dict[str, tuple[Words, tuple[str, ...]]] = {
    "first_check": (("首检", "first check"), ("RG01", "RG02", "RG05B")),
    "first_check_permits": (("首检（有许可）", "first check with permits"), ("RG01", "RG02", "RG03", "RG05B")),
    "patrol": (("无证照巡查", "patrol"), ("RG04",)),
    "annual_report": (("督促年报", "annual report"), ("RG05A", "RG05B")),
    "recheck": (("复检", "recheck"), ("RC01",)),
    "verify": (("核查结案", "closing verification"), ("VF01",)),
}


@dataclass(frozen=True, slots=True)
class Load:
    """What one way through a form takes. `seconds` is people's time by the model, without the machine's."""

    questions: int
    photos: int
    taps: int
    characters: int
    screens: int

    @property
    def seconds(self) -> float:
        """Seconds by the model."""
        return round(self.taps * TAP + self.characters * CHARACTER + self.photos * PHOTO + self.screens * SCREEN, 1)

    def as_json(self) -> dict[str, Any]:
        """As the API tells it."""
        return {"questions": self.questions, "photos": self.photos, "taps": self.taps, "characters": self.characters,
                "seconds": self.seconds}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Burden:
    """The burden of an item or a standard task: its ordinary result, and its longest path. `folded`: questions under 更多."""

    ordinary: Load
    most: Load
    folded: int
    known: int

    def as_json(self) -> dict[str, Any]:
        """As the API tells it, with the limits."""
        return {"ordinary": self.ordinary.as_json(), "most": self.most.as_json(), "folded": self.folded, "known": self.known,
                "limits": {"questions": MOST_QUESTIONS, "photos": MOST_PHOTOS}}  # fmt: skip


def of_item(item: Form) -> Burden:
    """The burden of one checked item, at a door of its own."""
    return of_task([item])


def of_task(items: Sequence[Form]) -> Burden:
    """The burden of checked items that are answered at one door: one way in, one verdict, one photo shared by all (R37)."""
    ordinary, longest = _Sum(), _Sum()
    for item in items:
        left = _ordinary_left(item)
        ordinary.add(item.get("photos", []), left if left is not None else _longest(item))
        longest.add(_evidence(item), _longest(item))
    verdict = any(item.get("ordinary") is not None for item in items)
    folded = sum(one.get("folded", False) for item in items for one in _all_fields(item["fields"]))
    known = sum("known" in one for item in items for one in _all_fields(item["fields"]))
    return Burden(ordinary.load(verdict=verdict), longest.load(verdict=False), folded, known)


def of_standard_tasks(forms: Mapping[str, Form]) -> dict[str, Burden]:
    """The burden of each standard task, by the forms that are given for their codes."""
    return {
        name: of_task([forms[code] for code in codes])
        for name, (_, codes) in STANDARD_TASKS.items()
        if all(code in forms for code in codes)
    }


def grown(item: Form, before: Form | None, forms: Mapping[str, Form]) -> list[dict[str, Any]]:
    """Where a version goes beyond a limit and beyond what was, as [{what, measure, was, is, limit}]; [] when it does not.

    `before` is the version whose place it takes, `forms` those of the other items.
    """
    code = item["code"]
    others = {other: form for other, form in forms.items() if other != code}
    was = _measures(of_item(before), longest=True) if before else {}
    found = list(_beyond(code, _measures(of_item(item), longest=True), was))
    then = of_standard_tasks({**others, code: before} if before else others)
    for name, load in of_standard_tasks({**others, code: item}).items():
        if code in STANDARD_TASKS[name][1]:
            was = _measures(then[name], longest=False) if name in then else {}
            found += _beyond(name, _measures(load, longest=False), was)
    return found


def _measures(burden: Burden, *, longest: bool) -> dict[str, int]:
    """What is held against the limits: of an item the questions of its longest path, of a task those of its ordinary result."""
    return {"questions": (burden.most if longest else burden.ordinary).questions, "photos": burden.ordinary.photos}


def _beyond(what: str, now: Mapping[str, int], was: Mapping[str, int]) -> Iterator[dict[str, Any]]:
    for measure, limit in (("questions", MOST_QUESTIONS), ("photos", MOST_PHOTOS)):
        if now[measure] > max(limit, was.get(measure, 0)):
            yield {"what": what, "measure": measure, "was": was.get(measure), "is": now[measure], "limit": limit}


class _Sum:
    """What adds up at one door."""

    def __init__(self) -> None:
        self.questions = self.taps = self.characters = 0
        self.photos: set[str] = set()

    def add(self, photos: Iterable[str], asked: Iterable[Form]) -> None:
        """The photos that are forced, shared by role, and the questions that are asked."""
        self.photos |= {*photos}
        for one in asked:
            taps, characters = COSTS[_cost_kind(one)]
            self.questions += 1
            self.taps += taps
            self.characters += characters

    def load(self, *, verdict: bool) -> Load:
        """One tap opens the door and one saves it, with the verdict where there is one; a photo takes two, on its own screen."""
        photos = len(self.photos)
        return Load(self.questions + verdict, photos, self.taps + 2 + 2 * photos, self.characters, 1 + photos)


def _seconds(asked: Iterable[Form]) -> float:
    costs = [COSTS[_cost_kind(one)] for one in asked]
    return sum(taps * TAP + characters * CHARACTER for taps, characters in costs)


def _cost_kind(one: Form) -> str:
    return "choices" if one["type"] == "array" else kind_of(one)


def _ordinary_left(item: Form) -> list[Form] | None:
    """The questions that an ordinary result leaves open; None where the item has no ordinary result."""
    ordinary = item.get("ordinary")
    if ordinary is None:
        return None
    shown = {*read(item, ordinary).visible}
    asked = _flat(item["fields"], ordinary, "")
    return [one for path, one, answers in asked if path in shown and is_empty(answers.get(one["name"]))]


def _flat(
    fields: Sequence[Form], answers: Mapping[str, Any], prefix: str
) -> Iterator[tuple[str, Form, Mapping[str, Any]]]:
    """The questions that are asked, each with its path and the answers of its level; of a list, those of its first row."""
    for one in fields:
        if _has_rows(one):
            rows = answers.get(one["name"]) or [{}]
            yield from _flat(one["items"]["fields"], rows[0], f"{prefix}{one['name']}[0].")
        elif _is_asked(one):
            yield f"{prefix}{one['name']}", one, answers


def _longest(item: Form) -> list[Form]:
    """The questions of the longest path: those that show together for some combination of answers."""
    return _longest_level(item["fields"])


def _longest_level(fields: Sequence[Form]) -> list[Form]:
    rules = [one["visibleWhen"] for one in fields if "visibleWhen" in one]
    asked = list(dict.fromkeys(name for rule in rules for name in names_in(rule)))
    by_name = {one["name"]: one for one in fields}
    choices = [
        _candidates(by_name[name], [value for rule in rules for value in constants_in(rule, name)]) for name in asked
    ]
    paths = 1
    for each in choices:
        paths *= len(each)
    if paths > MOST_PATHS:
        return _asked_on(fields, {one["name"] for one in fields})
    ways = []
    for answers in product(*choices):
        shown = read({"fields": fields}, dict(zip(asked, answers, strict=True))).visible
        ways.append(_asked_on(fields, {*shown}))
    return max(ways, key=lambda way: (len(way), _seconds(way)))


def _asked_on(fields: Sequence[Form], visible: set[str]) -> list[Form]:
    found: list[Form] = []
    for one in fields:
        if one["name"] in visible:
            found += _longest_level(one["items"]["fields"]) if _has_rows(one) else [one] if _is_asked(one) else []
    return found


def _candidates(one: Form, constants: Iterable[Any]) -> list[Any]:
    """Answers that between them make every rule hold and fail: each value that a rule names, what lies beside it, and none."""
    if one["type"] == "boolean":
        return [True, False, None]
    if "enum" in one:
        return [*one["enum"], None]
    if _has_rows(one):
        return [[{}], None]
    values: list[Any] = []
    for value in constants:
        values += [value, value - 1, value + 1] if is_number(value) else [value]
    if one["type"] == "array":
        return [*([value] for value in values), None]
    if one.get("format") == "date":
        values += ["1900-01-01", "2099-12-31"]
    return [*dict.fromkeys(values), None]


def _is_asked(one: Form) -> bool:
    return not one.get("folded", False) and "known" not in one


def _has_rows(one: Form) -> bool:
    return one["type"] == "array" and one["items"]["type"] == "object"


def _all_fields(fields: Sequence[Form]) -> Iterator[Form]:
    for one in fields:
        yield one
        if _has_rows(one):
            yield from _all_fields(one["items"]["fields"])


def _evidence(item: Form) -> set[str]:
    """The photos of the condition that forces most."""
    wanted = [set(transfer.get("photos", [])) for transfer in item.get("transfers", ())]
    return max(({*item.get("photos", [])}, *wanted), key=len)
