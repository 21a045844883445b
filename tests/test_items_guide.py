"""docs/items.md is true: its item can be published, its examples mean what it says, and its tables leave nothing out.

An example is a fenced block whose first line says what it is:

    json item                       can be published; the blocks after it are about it
    json answer CONDITION           a finding for it, which is complete and meets this condition
    json rule true|false ANSWERS    whether the rule holds for the answers
    json repeats CODE               the cycle of an item that is delivered
    json burden CODE                the burden of its ordinary result
    json lead                       the payload of lead.report
    json refused PATH               these members in place of its own are refused, there
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from gridwatch.domain import burden, form_checks
from gridwatch.domain.cycles import WHOM
from gridwatch.domain.form_checks import ELEMENTS, KEYWORDS, KNOWN, PHOTOS, REGISTERED, UNWANTED, item_problems
from gridwatch.domain.form_rules import OPERATORS, holds
from gridwatch.domain.forms import FORMATS, read
from gridwatch.domain.item_catalogue import BUILT_IN
from tests.fixtures import Caller, World

GUIDE = (Path(__file__).parents[1] / "docs/items.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```json (\w+) ?([^\n]*)\n(.*?)^```$", GUIDE, re.M | re.S)
ITEM = json.loads(next(text for what, _, text in BLOCKS if what == "item"))


def told(what: str) -> list[tuple[str, Any]]:
    return [(rest, json.loads(text)) for kind, rest, text in BLOCKS if kind == what]


def test_every_example_is_one_of_those_that_are_run():
    assert {what for what, _, _ in BLOCKS} == {"item", "answer", "rule", "burden", "lead", "repeats", "refused"}
    assert GUIDE.count("```json") == len(BLOCKS)


def test_the_item_of_the_guide_can_be_published(client: Caller, world: World):
    office = client.as_("supervision_office")
    answer = office.post("/api/v1/items", {"item": ITEM})
    assert (answer.status, answer.body["created"]) == (200, True)
    (expected,) = told("burden")
    assert answer.body["burden"]["ordinary"] == expected[1]
    assert office.get("/api/v1/items/RG06").body["item"] == ITEM


@pytest.mark.parametrize(("condition", "finding"), told("answer"))
def test_an_answer_meets_its_condition(condition: str, finding: dict[str, Any]):
    reading = read(ITEM, finding)
    assert (reading.wrong, reading.met) == ([], [condition])


@pytest.mark.parametrize(("rest", "rule"), told("rule"))
def test_a_rule_holds_as_the_guide_says(rest: str, rule: dict[str, Any]):
    expected, _, answers = rest.partition(" ")
    given = json.loads(answers)

    def values(name: str) -> list[Any]:
        outer, _, inner = name.partition(".")
        return [row[inner] for row in given.get(outer, [])] if inner else [given[name]] if name in given else []

    assert holds(rule, values) is (expected == "true")


@pytest.mark.parametrize(("path", "members"), told("refused"))
def test_what_is_refused_is_refused_there(path: str, members: dict[str, Any]):
    changed = {**ITEM, "transfers": [], "ordinary": None, **members}
    if "elements" in members:
        changed["elements"] = {**ITEM["elements"], **members["elements"]}
    assert [one["path"] for one in item_problems(changed)] == [path]


@pytest.mark.parametrize(("code", "repeats"), told("repeats"))
def test_a_cycle_is_as_delivered(code: str, repeats: dict[str, Any]):
    assert next(one for one in BUILT_IN if one["code"] == code)["repeats"] == repeats


def test_the_payload_of_a_lead_names_a_condition_of_the_item():
    ((_, payload),) = told("lead")
    assert set(payload) == {"visit_id", "transfer"}
    assert payload["transfer"] == f"{ITEM['code']}.{ITEM['transfers'][0]['name']}"


def test_the_tables_of_the_guide_leave_nothing_out():
    members = {*ITEM, "every_visit", "repeats", "sooner", *WHOM}
    keywords = set().union(*KEYWORDS.values())
    for name in (*members, *keywords, *PHOTOS, *KNOWN, *FORMATS):
        assert f"`{name}`" in GUIDE, name
    for name in OPERATORS:
        assert f'{{"{name}": ' in GUIDE, name
    for word in (*REGISTERED[:4], *UNWANTED):
        assert word in GUIDE, word
    assert set(ITEM["elements"]) == set(ELEMENTS)
    numbers = (
        burden.TAP, burden.CHARACTER, burden.MOST_QUESTIONS, form_checks.MOST_FIELDS, form_checks.MOST_TRANSFERS, form_checks.MOST_TEXT,
        form_checks.MOST_ROWS, form_checks.TITLE, form_checks.SENTENCE, form_checks.MOST_EVIDENCE,
    )  # fmt: skip
    assert [number for number in numbers if str(number) not in GUIDE] == []
