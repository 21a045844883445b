"""负担预算: what a form asks of a worker at the door, computed, and where a new version asks more than it may."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest

from gridwatch.domain import burden
from gridwatch.domain.item_catalogue import BUILT_IN

FORMS = {item["code"]: item for item in BUILT_IN}
WORDS = {"zh": "问", "en": "question"}


def flag(name: str, **members: Any) -> dict[str, Any]:
    return {"name": name, "title": WORDS, "type": "boolean", **members}


def with_fields(*fields: dict[str, Any], **members: Any) -> dict[str, Any]:
    return {"code": "RG01", "fields": list(fields), "transfers": [], **members}


@pytest.mark.parametrize(
    ("task", "ordinary", "most"),
    [
        # questions, photos, taps, characters, seconds: 1.2 s a tap, 0.35 s a character, 3 s a photo, 1.5 s a screen
        ("first_check", (1, 1, 4, 0, 10.8), 6),
        ("first_check_permits", (2, 1, 5, 10, 15.5), 8),
        ("patrol", (6, 0, 9, 10, 15.8), 6),
        ("annual_report", (1, 0, 2, 0, 3.9), 3),
        ("recheck", (1, 1, 4, 0, 10.8), 2),
        ("verify", (1, 1, 4, 0, 10.8), 2),
    ],
)
def test_the_standard_tasks_keep_within_the_budget(task: str, ordinary: tuple[float, ...], most: int):
    load = burden.of_standard_tasks(FORMS)[task]
    told = load.ordinary.as_json()
    assert (told["questions"], told["photos"], told["taps"], told["characters"], told["seconds"]) == ordinary
    assert load.most.questions == most
    assert told["questions"] <= burden.MOST_QUESTIONS
    assert told["photos"] <= burden.MOST_PHOTOS


def test_an_ordinary_address_check_is_what_the_handheld_promises():
    """ux.md, goals 1 and 2: with a photo five taps and 18 s at most, without three taps and 9 s."""
    with_photo = burden.of_item(FORMS["RG01"]).ordinary
    without = burden.of_item({**FORMS["RG01"], "photos": []}).ordinary
    assert (with_photo.taps <= 5, with_photo.seconds <= 18) == (True, True)
    assert (without.taps <= 3, without.seconds <= 9) == (True, True)


@pytest.mark.parametrize(
    ("what", "item", "questions"),
    [
        ("both show", with_fields(flag("a"), flag("b")), 2),
        ("either shows", with_fields(flag("a"), flag("b", visibleWhen={"eq": ["a", True]}),
                                      flag("c", visibleWhen={"eq": ["a", False]})), 2),
        ("one after another", with_fields(flag("a"), flag("b", visibleWhen={"present": "a"}), flag("c", visibleWhen={"present": "b"})), 3),
        ("never shows", with_fields(flag("a"), flag("b", visibleWhen={"and": [{"eq": ["a", True]}, {"eq": ["a", False]}]})), 1),
        ("above a number", with_fields({"name": "n", "title": WORDS, "type": "integer", "minimum": 0, "maximum": 9},
                                       flag("b", visibleWhen={"gt": ["n", 5]})), 2),
        ("folded away, and known", with_fields(flag("a", folded=True), flag("b", known="scan"), flag("c")), 1),
        ("one row of a list", with_fields({"name": "rows", "title": WORDS, "type": "array", "maxItems": 9,
                                           "items": {"type": "object", "fields": [flag("a"), flag("b")]}}), 2),
        ("more ways than are tried", with_fields(*(flag(f"q{n}") for n in range(12)),
                                                 *(flag(f"r{n}", visibleWhen={"eq": [f"q{n}", True]}) for n in range(12))), 24),
    ],
)  # fmt: skip
def test_the_longest_path_is_the_one_that_can_be_walked(what: str, item: dict[str, Any], questions: int):
    assert burden.of_item(item).most.questions == questions, what


def test_photos_of_one_door_are_shared():
    door = [{**FORMS["RG01"], "photos": ["door_plate"]}, {**FORMS["RG02"], "photos": ["door_plate"]}]
    assert burden.of_task(door).ordinary.photos == 1


@pytest.mark.parametrize(
    ("what", "change", "grown"),
    [
        ("nothing new", lambda item: None, []),
        ("another question within the limit", lambda item: item["fields"].append(flag("sign")), []),
        ("five more questions", lambda item: item["fields"].extend(flag(f"q{n}") for n in range(5)),
         [("RG01", "questions", 2, 7), ("first_check_permits", "questions", 2, 7)]),
        ("six more that an ordinary result asks too", lambda item: item["fields"].extend(flag(f"q{n}", required=True) for n in range(6)),
         [("RG01", "questions", 2, 8), ("first_check", "questions", 1, 7), ("first_check_permits", "questions", 2, 8)]),
        ("a second photo", lambda item: item["photos"].append("interior"),
         [("RG01", "photos", 1, 2), ("first_check", "photos", 1, 2), ("first_check_permits", "photos", 1, 2)]),
    ],
)  # fmt: skip
def test_what_grows_past_a_limit_is_named(what: str, change: Any, grown: list[tuple]):
    item = deepcopy(FORMS["RG01"])
    change(item)
    found = burden.grown(item, FORMS["RG01"], FORMS)
    named = [(one["what"], one["measure"], one["was"], one["is"]) for one in found]
    assert named == grown, what


def test_what_was_past_the_limit_may_stay_there():
    item = deepcopy(FORMS["RG01"])
    item["fields"].extend(flag(f"q{n}") for n in range(6))
    shorter = {**item, "fields": item["fields"][:-1]}
    assert burden.grown(shorter, item, FORMS) == []
    assert burden.grown(item, None, {}) != []  # with nothing before it
