"""What a visit may bring back: complete findings, each value one of the form's, every problem with its path."""

from __future__ import annotations

import json
from copy import deepcopy
from datetime import date
from typing import Any

import pytest

from gridwatch.domain.form_checks import ELEMENTS, MOST_EVIDENCE, item_problems
from gridwatch.domain.item_catalogue import BUILT_IN, built_in
from gridwatch.domain.items import (
    Catalogue,
    Version,
    check_findings,
    content_hash,
    first_check_items,
    transfers_met,
)

TODAY = date(2026, 9, 18)
KNOWN = built_in()
FORMS = KNOWN.forms(None, TODAY)

ADDRESS = {"item": "RG01", "occupancy": "registered_entity", "match": "exact"}
STATUS = {"item": "RG02", "status": "operating"}
SHOP = {"item": "RG04", "has_licence": True, "needs_permit": "no", "activity": "小食"}
PERMITS = {"item": "RG03", "permits": [{"type": "食品经营许可", "held": True, "no": "JY14419001"}]}
UNLICENSED = {"item": "RG04", "has_licence": False, "activity": "小食"}


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
        (["RG02"], visit({**STATUS, "moved_to": 7})),  # what does not show counts for nothing
        (["RG01", "RG02"], {"result": "closed_door"}),
        (["RG01", "RG02"], {"result": "refused", "findings": [{"item": "RG01", "occupancy": "refused"}]}),
        (["RG01"], visit({**ADDRESS, "added_in_a_later_form": 1}, also_unknown=True, remarks="门口有快递")),
        (["RC01"], visit({"item": "RC01", "rectified": "no", "remaining": "仍在营业"})),
        (["VF01"], visit({"item": "VF01", "verdict": "passed"})),
        (["RG04"], visit({**UNLICENSED, "needs_permit": "no", "hazard": ["gas", "food"], "area_m2": 12.5})),
    ],
)
def test_what_is_complete_is_taken(items: list[str], payload: dict[str, Any]):
    assert check_findings(items, payload, FORMS) == []


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
        ("a NUL in an answer", ["RG02"], visit({"item": "RG02", "status": "moved", "moved_to": "a\0b"}), ["findings[0].moved_to"]),
        ("a bad finding at a closed door", ["RG01"], {"result": "closed_door", "findings": [{"item": "RG01", "occupancy": "ghost"}]},
         ["findings[0].occupancy"]),
    ],
)  # fmt: skip
def test_every_problem_has_its_path(what: str, items: list[str], payload: Any, paths: list[str]):
    problems = check_findings(items, payload, FORMS)
    assert [problem["path"] for problem in problems] == paths, what
    assert all(" / " in problem["problem"] for problem in problems)  # Chinese and English


# -- versions ---------------------------------------------------------------------------------------------------------


def version(number: int, effective_on: str, *, code: str = "RG01", withdrawn: bool = False) -> Version:
    item = {**next(one for one in BUILT_IN if one["code"] == code), "version": number, "effective_on": effective_on}
    return Version(item, date.fromisoformat(effective_on), content_hash(item), withdrawn=withdrawn)


GROWN = Catalogue([
    version(1, "2018-05-10"), version(2, "2026-03-01"), version(3, "2026-12-01", withdrawn=True), version(4, "2027-01-01"),
    version(1, "2018-05-10", code="RG02"),
])  # fmt: skip


@pytest.mark.parametrize(
    ("on", "asked"),
    [
        ("2010-01-01", "RG01@1+RG02@1"),  # before everything: the first that will be
        ("2026-02-28", "RG01@1+RG02@1"),
        ("2026-03-01", "RG01@2+RG02@1"),
        ("2026-12-01", "RG01@2+RG02@1"),  # what was withdrawn never comes
        ("2027-01-01", "RG01@4+RG02@1"),
    ],
)
def test_a_version_is_asked_from_its_first_day_until_another_takes_its_place(on: str, asked: str):
    assert GROWN.form_of(["RG01", "RG02", "RG99"], date.fromisoformat(on)) == asked


@pytest.mark.parametrize(
    ("said", "on", "judged_by"),
    [
        (None, "2026-09-18", 2),
        ("", "2026-09-18", 2),
        ("RG01@2+RG02@1", "2026-09-18", 2),
        ("RG01@1+RG02@1", "2026-09-18", 1),
        ("RG02@1", "2026-09-18", 2),  # what it does not name is what is in force
        ("RG01@1", "2027-03-02", 1),  # twelve months after it was replaced
        ("RG01@1", "2027-03-03", None),
        ("RG01@2", "2027-06-01", 2),
        ("RG01@4", "2026-09-18", 4),  # a phone whose clock is ahead
        ("RG01@3", "2026-09-18", None),  # withdrawn
        ("RG01@9", "2026-09-18", None),
        ("RG99@1", "2026-09-18", None),
        ("RG01", "2026-09-18", None),
        ("RG01@1;RG02@1", "2026-09-18", None),
        ("RG01@１", "2026-09-18", None),
    ],
)
def test_a_visit_is_judged_by_the_form_that_it_names(said: str | None, on: str, judged_by: int | None):
    forms = GROWN.forms(said, date.fromisoformat(on))
    assert (forms and forms["RG01"]["version"]) == judged_by


def test_phones_hold_what_is_to_come_and_what_was_and_nothing_withdrawn():
    held = [f"{one['code']}@{one['version']}" for one in GROWN.for_phones()]
    assert held == ["RG01@1", "RG01@2", "RG01@4", "RG02@1"]
    assert all(len(one["sha256"]) == 64 for one in GROWN.for_phones())


def test_a_task_names_the_form_that_a_visit_names_back():
    form = KNOWN.form_of(first_check_items(["食品经营"]), TODAY)
    assert form == "RG01@1+RG02@1+RG03@1"
    assert len(form) <= 20  # the protocol's `item_version`
    assert first_check_items([]) == ["RG01", "RG02"]


def test_the_hash_is_of_the_content_and_not_of_the_order_in_which_it_was_written():
    item = BUILT_IN[0]
    turned = dict(reversed(item.items()))
    assert content_hash(turned) == content_hash(item)
    assert content_hash({**item, "version": 2}) != content_hash(item)


# -- transfer conditions ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("finding", "met"),
    [
        (ADDRESS, []),
        ({"item": "RG01", "occupancy": "other_entity"}, [("RG01.not_there", ["XS01", "XS02"], 2)]),
        ({**ADDRESS, "match": "different"}, [("RG01.differs", ["XS02"], 1)]),
        # he said "different" and then that nobody is there: the answer that no longer shows counts for nothing
        ({"item": "RG01", "occupancy": "vacant", "match": "different"}, [("RG01.not_there", ["XS01", "XS02"], 2)]),
        ({"item": "RG02", "status": "moved", "moved_to": "东城"}, [("RG02.gone", ["XS02", "XS01"], 2)]),
        ({"item": "RG03", "permits": [{"held": True}, {"held": False}]}, [("RG03.no_permit", ["XS04"], 2)]),
        # decree 684: Article 6 no licence, Article 5 licence without permit, Article 7 neither, Article 3 exempt
        ({**UNLICENSED, "needs_permit": "no"}, [("RG04.no_licence", ["XS03"], 3)]),
        ({**UNLICENSED, "needs_permit": "yes", "has_permit": True}, [("RG04.no_licence", ["XS03"], 3)]),
        ({**UNLICENSED, "needs_permit": "yes", "has_permit": False}, [("RG04.neither", ["XS04"], 3)]),
        ({**UNLICENSED, "needs_permit": "uncertain"}, [("RG04.unclear", ["XS03", "XS04"], 3)]),
        ({**SHOP, "needs_permit": "yes", "has_permit": False}, [("RG04.no_permit", ["XS04"], 2)]),
        ({**UNLICENSED, "needs_permit": "no", "exempt_ground": "farm_produce"}, []),
        ({**UNLICENSED, "needs_permit": "no", "exempt_ground": "none"}, [("RG04.no_licence", ["XS03"], 3)]),
    ],
)  # fmt: skip
def test_a_finding_may_meet_a_transfer_condition(finding: dict[str, Any], met: list):
    found = [one.as_json() for one in transfers_met({"findings": [finding]}, FORMS)]
    assert [(one["name"], one["categories"], len(one["photos"])) for one in found] == met


@pytest.mark.parametrize(
    "payload", [None, [], {"findings": None}, {"findings": [None, {"item": []}, {"item": "RG99"}]}]
)
def test_what_was_never_checked_is_read_as_far_as_it_can_be(payload: Any):
    assert transfers_met(payload, FORMS) == []


def test_a_finding_is_told_in_words():
    (met,) = transfers_met({"findings": [{"item": "RG02", "status": "moved", "moved_to": "东城"}]}, FORMS)
    assert (met.title[0], met.found) == ("开业经营情况核查", "经营状态：已搬离；搬往何处：东城")


# -- what comes with the product --------------------------------------------------------------------------------------


def test_the_items_of_the_product_are_well_written_with_all_six_elements():
    assert {"RG01", "RG02", "RG03", "RG04", "RG05A", "RG05B", "RC01", "VF01"} == set(KNOWN.codes)
    for item in BUILT_IN:
        assert item_problems(item) == [], item["code"]
        assert set(item["elements"]) == set(ELEMENTS)
        assert all(set(told) == {"zh", "en", "source"} for told in item["elements"].values())
        assert all(len(transfer["photos"]) <= MOST_EVIDENCE for transfer in item["transfers"])
    assert json.loads(json.dumps(deepcopy(KNOWN.for_phones())))
