"""What is entered for a step: nothing is coerced in silence, nothing is dropped, and every field at fault is named."""

from __future__ import annotations

from typing import Any

import pytest

from gridwatch.domain.lead_flow import STEPS
from gridwatch.domain.lead_inputs import check
from gridwatch.domain.lead_words import Act
from tests.domain import lead_road as lr
from tests.domain.lead_road import CD, DO, SO, Road
from tests.domain.test_lead_refusals import refusal

BAD_INPUTS = [
    {"lacks": ["no_photo", "no_photo"], "text": "补照片"},
    {"lacks": ["nothing"], "text": "补照片"},
    {"lacks": "no_photo", "text": "补照片"},
    {"lacks": ["no_photo"], "text": "字" * 10_000},
    {"lacks": ["no_photo"], "text": "a\x00b"},
    {"lacks": ["no_photo"], "text": 5},
    {"lacks": ["no_photo"], "text": "补照片", "more": True},
]


@pytest.mark.parametrize("inputs", BAD_INPUTS)
def test_bad_input_gets_a_clear_answer(road: Road, inputs: dict[str, Any]) -> None:
    refused = refusal(road, CD, Act.RETURN_TO_REPORTER, inputs)
    assert refused.code == "lead.input_invalid"
    assert refused.facts["fields"]


BAD_DAYS = ["1999-12-31", "2101-01-01", "2026-02-30", "20260918", "2026-W38-5", "yesterday", 20260918, None]


@pytest.mark.parametrize("day", BAD_DAYS)
def test_a_day_is_a_day_of_the_calendar(road: Road, day: Any) -> None:
    lr.to_department(road)
    refused = refusal(road, DO["SCJG"], Act.INTERVENE, {**lr.INTERVENTION, "occurred_on": day})
    assert refused.code == ("lead.input_missing" if day is None else "lead.input_invalid")


BAD_RESULTS = [
    "nothing", [7], [{}], [{"department": "CG"}], [{"department": "CG", "result": "escalate"}],
    [{"department": "CG", "result": "done", "outcome": "permitted"}],
    [{"department": "CG", "result": "progress", **lr.FEEDBACK, "more": 1}],
    [{"department": "CG", "result": "progress", **lr.FEEDBACK, "stage": "nothing"}],
    [{"department": "CG", "result": "progress", **lr.FEEDBACK}, {"department": "CG", "result": "done", **lr.DONE}],
]  # fmt: skip


@pytest.mark.parametrize("results", BAD_RESULTS)
def test_the_results_of_an_operation_carry_the_inputs_of_their_steps(road: Road, results: Any) -> None:  # R22, R38
    lr.to_joint(road)
    refused = refusal(road, SO, Act.CLOSE_JOINT, {"text": "结果", "results": results})
    assert refused.code == "lead.input_invalid"
    assert refused.facts["fields"][0]["path"] == "results"


def test_blank_inputs_are_as_good_as_none(road: Road) -> None:
    assert refusal(road, CD, Act.RETURN_TO_REPORTER, {"lacks": [], "text": "  "}).facts["missing"] == ["lacks", "text"]
    step = next(step for step in STEPS if step.id == "T09")
    entered = {"reason": "理由", "proposed_department": "SCJG", "ground": None, "uncertain": False}
    assert check(step, entered) == {"reason": "理由", "proposed_department": "SCJG", "uncertain": False}


def test_every_kind_of_field_refuses_what_is_not_of_its_kind(road: Road) -> None:
    strange = object()
    for step in STEPS:
        for one in step.fields:
            faults = refusal_of(step, {one.name: strange})
            assert faults[0]["path"] == one.name


def refusal_of(step: Any, inputs: dict[str, Any]) -> list[dict[str, str]]:
    with pytest.raises(lr.Refusal) as refused:
        check(step, inputs)
    return refused.value.facts["fields"]
