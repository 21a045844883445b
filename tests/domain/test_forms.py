"""The language of forms: one golden file for Python and TypeScript, and what nobody can publish, with its path."""

from __future__ import annotations

import json
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from gridwatch.domain import form_checks, form_rules
from gridwatch.domain.form_checks import item_problems
from gridwatch.domain.form_rules import OPERATORS, holds
from gridwatch.domain.forms import FORMATS, WRONG, in_words, read
from gridwatch.domain.item_catalogue import BUILT_IN

GOLDEN = json.loads((Path(__file__).parent / "golden/form_rules.json").read_text(encoding="utf-8"))
CASES = GOLDEN["cases"]


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_the_golden_file_holds(case: dict[str, Any]):
    form = GOLDEN["forms"][case["form"]]
    reading = read(form, case["answers"])
    wrong = [
        {"path": one.path, "code": one.code} | ({} if one.limit is None else {"limit": one.limit})
        for one in reading.wrong
    ]
    assert (reading.visible, reading.required, wrong, reading.met) == (
        case["visible"], case["required"], case["errors"], case["findings"],
    )  # fmt: skip
    assert all(" / " in one.words() for one in reading.wrong)
    if "zh" in case:
        assert in_words(form, case["answers"]) == case["zh"]


@pytest.mark.parametrize(
    "case", GOLDEN["rules"], ids=[json.dumps([case["rule"], case["values"]]) for case in GOLDEN["rules"]]
)
def test_a_rule_holds_as_the_golden_file_says(case: dict[str, Any]):
    assert holds(case["rule"], lambda name: case["values"].get(name, [])) is case["holds"]


def test_the_golden_file_leaves_nothing_out():
    told = json.dumps(GOLDEN["forms"])
    assert [name for name in OPERATORS if f'"{name}": ' not in told] == []
    assert [name for name in FORMATS if f'"format": "{name}"' not in told] == []
    assert {error["code"] for case in CASES for error in case["errors"]} == set(WRONG) - {"minItems"}


def test_a_list_may_have_a_least_length():
    form = {"fields": [{**GOLDEN["forms"]["values"]["fields"][-1], "minItems": 2}]}
    (wrong,) = read(form, {"tags": ["gas"]}).wrong
    assert (wrong.code, wrong.limit, wrong.words()) == ("minItems", 2, "至少 2 项 / 2 entries at least")


# -- what nobody can publish ------------------------------------------------------------------------------------------

WORDS = {"zh": "问", "en": "question"}
FLAG = {"name": "open", "title": WORDS, "type": "boolean"}
RULE = {"eq": ["open", True]}


def asks(*fields: Any) -> Callable[[dict[str, Any]], Any]:
    return lambda item: item.update(fields=list(fields), transfers=[], ordinary=None)


def hands_on(**members: Any) -> Callable[[dict[str, Any]], Any]:
    transfer = {"name": "gone", "title": WORDS, "when": RULE, "categories": ["XS02"], **members}
    return lambda item: item.update(fields=[FLAG], transfers=[transfer], ordinary=None)


def has(**members: Any) -> Callable[[dict[str, Any]], Any]:
    return lambda item: item.update(members)


def shows(rule: Any) -> Callable[[dict[str, Any]], Any]:
    return asks(FLAG, {**FLAG, "name": "then", "visibleWhen": rule})


def nested(levels: int) -> Any:
    rule: Any = RULE
    for _ in range(levels):
        rule = {"not": rule}
    return rule


def text(**members: Any) -> dict[str, Any]:
    return {"name": "note", "title": WORDS, "type": "string", "maxLength": 20, **members}


def number(least: float, most: float) -> dict[str, Any]:
    return {"name": "n", "title": WORDS, "type": "integer", "minimum": least, "maximum": most}


def chain(*pairs: tuple[str, str]) -> Callable[[dict[str, Any]], Any]:
    return asks(*({**FLAG, "name": name, "visibleWhen": {"present": on}} for name, on in pairs))


CHOICE = {"name": "pick", "title": WORDS, "type": "string", "enum": ["a"], "labels": {"a": WORDS}}
ROWS = {"name": "rows", "title": WORDS, "type": "array", "maxItems": 3, "items": {"type": "object", "fields": [FLAG]}}

REFUSED = [
    # rules
    ("an unknown operator", shows({"regex": ["open", ".*"]}), ["fields[1].visibleWhen.regex"]),
    ("two operators in one", shows({"eq": ["open", True], "present": "open"}), ["fields[1].visibleWhen"]),
    ("a rule that is code", shows("open == true"), ["fields[1].visibleWhen"]),
    ("a rule of nothing", shows({}), ["fields[1].visibleWhen"]),
    ("and of nothing", shows({"and": []}), ["fields[1].visibleWhen.and"]),
    ("a comparison without a value", shows({"eq": ["open"]}), ["fields[1].visibleWhen.eq"]),
    ("a question that is not there", shows({"eq": ["nothing", 1]}), ["fields[1].visibleWhen.eq[0]"]),
    ("a value of another type", shows({"eq": ["open", 1]}), ["fields[1].visibleWhen.eq[1]"]),
    ("one value of several of another type", shows({"in": ["open", [True, "yes"]]}), ["fields[1].visibleWhen.in[1][1]"]),
    ("more values than anybody reads", shows({"in": ["open", [True] * 41]}), ["fields[1].visibleWhen.in[1]"]),
    ("an order of flags", shows({"gt": ["open", False]}), ["fields[1].visibleWhen.gt[0]"]),
    ("a name that is no name", shows({"present": ["open"]}), ["fields[1].visibleWhen.present"]),
    ("nested too deep", shows(nested(5)), ["fields[1].visibleWhen" + ".not" * 5]),
    ("too many operators", shows({"or": [RULE] * 40}), ["fields[1].visibleWhen.or[39]"]),
    ("it shows only if it shows", shows({"present": "then"}), ["fields[1].visibleWhen"]),
    ("two that wait for each other", chain(("a", "b"), ("b", "a")), ["fields[0].visibleWhen"]),
    ("three in a circle", chain(("a", "c"), ("b", "a"), ("c", "b")), ["fields[0].visibleWhen"]),
    ("a question that comes later", asks({**FLAG, "name": "first", "visibleWhen": RULE}, FLAG), ["fields[0].visibleWhen"]),
    ("due because it is answered", asks({**FLAG, "requiredWhen": RULE}), ["fields[0].requiredWhen.eq[0]"]),
    ("due twice over", asks(FLAG, text(required=True, requiredWhen=RULE)), ["fields[1].requiredWhen"]),
    ("rows are asked for by present alone", asks(ROWS, text(visibleWhen={"eq": ["rows", 1]})), ["fields[1].visibleWhen.eq[1]"]),
    # questions
    ("a keyword of JSON Schema that is none here", asks({**FLAG, "default": True}), ["fields[0].default"]),
    ("a regular expression", asks(text(pattern="(a+)+$")), ["fields[0].pattern"]),
    ("a format that is none", asks(text(format="email")), ["fields[0].format"]),
    ("two questions of one name", asks(FLAG, {**FLAG}), ["fields[1].name"]),
    ("a name in capitals", asks({**FLAG, "name": "Open"}), ["fields[0].name"]),
    ("a name that is an operator of Python", asks({**FLAG, "name": "__class__"}), ["fields[0].name"]),
    ("no type", asks({"name": "open", "title": WORDS}), ["fields[0].type"]),
    ("a type that is a list", asks({**FLAG, "type": ["boolean"]}), ["fields[0].type"]),
    ("a title of 10,000 characters", asks({**FLAG, "title": {"zh": "长" * 10_000, "en": "long"}}), ["fields[0].title.zh"]),
    ("a title in one language", asks({**FLAG, "title": {"zh": "问"}}), ["fields[0].title.en"]),
    ("a title with a NUL", asks({**FLAG, "title": {"zh": "问\0", "en": "q"}}), ["fields[0].title.zh"]),
    ("text without end", asks({"name": "note", "title": WORDS, "type": "string"}), ["fields[0].maxLength"]),
    ("a number without bounds", asks({"name": "n", "title": WORDS, "type": "number"}), ["fields[0].minimum"]),
    ("bounds the wrong way round", asks(number(2, 1)), ["fields[0].maximum"]),
    ("half a number as bound of whole ones", asks(number(0.5, 1)), ["fields[0].minimum"]),
    ("no choices", asks({**CHOICE, "enum": []}), ["fields[0].enum"]),
    ("a choice twice", asks({**CHOICE, "enum": ["a", "a"]}), ["fields[0].enum[1]"]),
    ("a choice without words", asks({**CHOICE, "enum": ["a", "b"]}), ["fields[0].labels.b"]),
    ("words without a choice", asks({**CHOICE, "labels": {"a": WORDS, "b": WORDS}}), ["fields[0].labels.b"]),
    ("a choice that is a number", asks({**CHOICE, "enum": [1], "labels": {}}), ["fields[0].enum[0]"]),
    ("rows in rows", asks({**ROWS, "items": {"type": "object", "fields": [ROWS]}}), ["fields[0].items.fields[0].items"]),
    ("rows of nothing", asks({**ROWS, "items": {"type": "object", "fields": []}}), ["fields[0].items.fields"]),
    ("a list without an end", asks({**ROWS, "maxItems": 1_000}), ["fields[0].maxItems"]),
    ("folded away and due", asks({**FLAG, "folded": True, "required": True}), ["fields[0].folded"]),
    ("known from nowhere", asks({**FLAG, "known": "the sky"}), ["fields[0].known"]),
    ("what the register has", asks(text(title={"zh": "统一社会信用代码", "en": "credit code"})), ["fields[0].title.zh"]),
    ("what is not collected", asks(text(title={"zh": "身份证照片", "en": "identity card"})), ["fields[0].title.zh"]),
    ("41 questions", asks(*({**FLAG, "name": f"q{number}"} for number in range(41))), ["fields"]),
    ("no questions", asks(), ["fields"]),
    ("a question that is a text", asks("open?"), ["fields[0]"]),
    # transfer conditions
    ("four photos", hands_on(photos=["door_plate", "interior", "surroundings", "licence"]), ["transfers[0].photos"]),
    ("a photo of what is not known", hands_on(photos=["selfie"]), ["transfers[0].photos"]),
    ("a category that is none", hands_on(categories=["XS09"]), ["transfers[0].categories"]),
    ("a condition on what nobody asks", hands_on(when={"eq": ["gone", True]}), ["transfers[0].when.eq[0]"]),
    ("no condition", hands_on(when=None), ["transfers[0].when"]),
    ("an unknown member", hands_on(department="x"), ["transfers[0].department"]),
    # the item
    ("a code that is none", has(code="rg01"), ["code"]),
    ("version nought", has(version=0), ["version"]),
    ("a version that is true", has(version=True), ["version"]),
    ("no day", has(effective_on="soon"), ["effective_on"]),
    ("a title of 10,000 characters above all", has(title={"zh": "长" * 10_000, "en": "long"}), ["title.zh"]),
    ("a member that is none", has(cycle="yearly"), ["cycle"]),
    ("one element short", lambda item: item["elements"].pop("standard"), ["elements.standard"]),
    ("an element without its source", lambda item: item["elements"]["duty"].pop("source"), ["elements.duty.source"]),
    ("an ordinary answer that is none", has(ordinary={"occupancy": "ghost"}), ["ordinary.occupancy"]),
    ("an ordinary answer that goes further", has(ordinary={"occupancy": "vacant"}), ["ordinary"]),
    ("an ordinary answer to a question that does not show", has(ordinary={"match": "exact"}), ["ordinary.match"]),
    ("more than 64,000 bytes", has(title={"zh": "长" * 40_000, "en": "long"}), [""]),
    ("nesting without end", has(fields=json.loads("[" * 300 + "]" * 300)), [""]),
]  # fmt: skip


@pytest.mark.parametrize(("what", "change", "paths"), REFUSED, ids=[row[0] for row in REFUSED])
def test_what_cannot_be_published_is_named_with_its_path(what: str, change: Callable[[Any], Any], paths: list[str]):
    item = deepcopy(BUILT_IN[0])
    change(item)
    problems = item_problems(item)
    assert [one["path"] for one in problems] == paths
    assert all(" / " in one["problem"] for one in problems)


@pytest.mark.parametrize("what", [None, 7, "RG01", [], ["RG01"], {}, {"fields": None, "elements": 3, "transfers": {}}])
def test_what_is_no_item_at_all_is_refused_in_words(what: Any):
    assert item_problems(what)


def test_the_bounds_themselves_are_allowed():
    item = deepcopy(BUILT_IN[0])
    item["title"] = {"zh": "长" * form_checks.TITLE, "en": "l" * 2 * form_checks.TITLE}
    shows(nested(form_rules.MOST_DEPTH - 1))(item)
    assert item_problems(item) == []
