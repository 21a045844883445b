"""What a visit may bring back: complete findings, each value one of the form's, every problem with its path."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gridwatch.domain.item_catalogue import CATALOGUE, CURRENT
from gridwatch.domain.items import (
    check_findings,
    first_check_items,
    form_of,
    items_as_json,
    named_items,
    transfers_met,
)

ADDRESS = {"item": "RG01", "occupancy": "registered_entity", "match": "exact"}
STATUS = {"item": "RG02", "status": "operating"}
SHOP = {"item": "RG04", "has_licence": True, "needs_permit": "no", "activity": "小食"}
PERMITS = {"item": "RG03", "permits": [{"type": "食品经营许可", "held": True, "no": "JY14419001"}]}


def visit(*findings: Any, **members: Any) -> dict[str, Any]:
    return {"result": "done", "findings": list(findings), **members}


@pytest.mark.parametrize(
    ("items", "payload"),
    [
        (["RG01", "RG02"], visit(ADDRESS, STATUS)),
        (["RG01", "RG02"], visit(STATUS, ADDRESS)),
        (["RG01", "RG02", "RG03"], visit(ADDRESS, STATUS, PERMITS)),
        (["RG01", "RG02"], visit(ADDRESS, STATUS, {"item": "RG05B", "displayed": False, "reason": "未悬挂"})),
        (["RG01"], visit({"item": "RG01", "occupancy": "vacant"})),  # nothing to compare with
        (["RG01", "RG02"], {"result": "closed_door"}),
        (["RG01", "RG02"], {"result": "refused", "findings": [{"item": "RG01", "occupancy": "refused"}]}),
        (["RG01"], visit({**ADDRESS, "added_in_a_later_form": 1}, also_unknown=True, remarks="门口有快递")),
        (["RC01"], visit({"item": "RC01", "rectified": "no", "remaining": "仍在营业"})),
        (["VF01"], visit({"item": "VF01", "verdict": "passed"})),
        (["RG04"], visit({"item": "RG04", "has_licence": False, "needs_permit": "no", "activity": "小食", "hazard": ["gas", "food"]})),
    ],
)  # fmt: skip
def test_what_is_complete_is_taken(items: list[str], payload: dict[str, Any]):
    assert check_findings(items, payload) == []


@pytest.mark.parametrize(
    ("what", "items", "payload", "paths"),
    [
        ("no object", ["RG01"], ["RG01"], [""]),
        ("no result", ["RG01"], {}, ["result"]),
        ("an unknown result", ["RG01"], {"result": "went home"}, ["result"]),
        ("a result that is no text", ["RG01"], {"result": ["done"], "findings": [ADDRESS]}, ["result"]),
        ("findings that are no list", ["RG01"], visit() | {"findings": {}}, ["findings"]),
        ("a finding that is no object", ["RG01"], visit("RG01"), ["findings[0].item", "findings"]),
        ("an item is missing", ["RG01", "RG02"], visit(ADDRESS), ["findings"]),
        ("an item of another task", ["RG01"], visit(ADDRESS, STATUS), ["findings[1].item"]),
        ("an item that never was", ["RG01"], visit(ADDRESS, {"item": "RG99"}), ["findings[1].item"]),
        ("an item twice", ["RG01"], visit(ADDRESS, ADDRESS), ["findings[1].item"]),
        ("a choice that is none", ["RG01"], visit({**ADDRESS, "occupancy": "ghost"}), ["findings[0].occupancy"]),
        ("a choice of another type", ["RG01"], visit({**ADDRESS, "occupancy": {"a": 1}}), ["findings[0].occupancy"]),
        ("nothing compared", ["RG01"], visit({"item": "RG01", "occupancy": "registered_entity"}), ["findings[0].match"]),
        ("moved, but where", ["RG02"], visit({"item": "RG02", "status": "moved"}), ["findings[0].moved_to"]),
        ("a flag that is a text", ["RG01"], visit({**ADDRESS, "qr_scanned": "yes"}), ["findings[0].qr_scanned"]),
        ("no permit row", ["RG03"], visit({"item": "RG03", "permits": []}), ["findings[0].permits"]),
        ("a permit row that is none", ["RG03"], visit({"item": "RG03", "permits": [7]}), ["findings[0].permits[0]"]),
        ("a permit held, but its number", ["RG03"], visit({"item": "RG03", "permits": [{"type": "食品", "held": True}]}),
         ["findings[0].permits[0].no"]),
        ("a day that is none", ["RG03"], visit({"item": "RG03", "permits": [{**PERMITS["permits"][0], "valid_to": "2026-02-30"}]}),
         ["findings[0].permits[0].valid_to"]),
        ("an industry that is none", ["RG02"], visit({**STATUS, "industry": "餐饮"}), ["findings[0].industry"]),
        ("an area below zero", ["RG04"], visit({**SHOP, "area_m2": -1}),
         ["findings[0].area_m2"]),
        ("one hazard of two", ["RG04"], visit({**SHOP, "hazard": ["gas", "ufo"]}),
         ["findings[0].hazard[1]"]),
        ("failed, but in what", ["VF01"], visit({"item": "VF01", "verdict": "failed"}), ["findings[0].failed_points"]),
        ("remarks without end", ["RG01"], visit(ADDRESS, remarks="字" * 2001), ["remarks"]),
        ("a NUL", ["RG01"], visit(ADDRESS, remarks="a\0b"), ["remarks"]),
        ("a bad finding at a closed door", ["RG01"], {"result": "closed_door", "findings": [{"item": "RG01", "occupancy": "ghost"}]},
         ["findings[0].occupancy"]),
    ],
)  # fmt: skip
def test_every_problem_has_its_path(what: str, items: list[str], payload: Any, paths: list[str]):
    problems = check_findings(items, payload)
    assert [problem["path"] for problem in problems] == paths, what
    assert all(" / " in problem["problem"] for problem in problems)  # Chinese and English


@pytest.mark.parametrize(
    ("said", "named"),
    [
        (None, {}),
        ("", {}),
        ("RG01@1", {"RG01": 1}),
        ("RG01@1+RG02@1+RG03@1", {"RG01": 1, "RG02": 1, "RG03": 1}),
        ("RG01@9", None),
        ("RG99@1", None),
        ("RG01", None),
        ("RG01@1;RG02@1", None),
    ],
)
def test_the_form_that_a_visit_names(said: str | None, named: dict[str, int] | None):
    assert named_items(said) == named


def test_a_task_names_the_form_that_a_visit_names_back():
    form = form_of(first_check_items(["食品经营"]))
    assert form == "RG01@1+RG02@1+RG03@1"
    assert len(form) <= 20  # the protocol's `item_version`
    assert named_items(form) == {"RG01": 1, "RG02": 1, "RG03": 1}
    assert first_check_items([]) == ["RG01", "RG02"]


@pytest.mark.parametrize(
    ("finding", "met"),
    [
        (ADDRESS, []),
        ({"item": "RG01", "occupancy": "other_entity"}, [("RG01", ["XS01", "XS02"], 2)]),
        ({**ADDRESS, "match": "different"}, [("RG01", ["XS02"], 1)]),
        ({"item": "RG02", "status": "moved", "moved_to": "东城"}, [("RG02", ["XS02", "XS01"], 2)]),
        ({"item": "RG03", "permits": [{"held": True}, {"held": False}]}, [("RG03", ["XS04"], 2)]),
        ({"item": "RG04", "has_licence": False, "needs_permit": "yes", "has_permit": False},
         [("RG04", ["XS03", "XS04"], 3), ("RG04", ["XS04"], 2)]),
    ],
)  # fmt: skip
def test_a_finding_may_meet_a_transfer_condition(finding: dict[str, Any], met: list):
    found = transfers_met({"findings": [finding]})
    assert [(one["item"], one["categories"], len(one["photos"])) for one in found] == met


def test_no_condition_forces_more_than_three_photos():
    assert max(len(transfer.photos) for item in CATALOGUE.values() for transfer in item.transfers) == 3


def test_the_five_grid_items_are_there_in_both_languages():
    assert {"RG01", "RG02", "RG03", "RG04", "RG05A", "RG05B"} <= set(CURRENT)
    catalogue = json.loads(json.dumps(items_as_json()))
    assert {f"{item['code']}@{item['version']}" for item in catalogue} == {item.name for item in CATALOGUE.values()}
    for item in CATALOGUE.values():
        for words in (item.words, item.visited, item.cycle, item.duty, *(field.words for field in item.fields)):
            assert all(words), item.name


def test_questions_that_depend_on_another_name_one_that_exists():
    for item in CATALOGUE.values():
        for fields in (item.fields, *(field.of for field in item.fields)):
            names = {field.name for field in fields}
            assert {field.when[0] for field in fields if field.when} <= names, item.name
