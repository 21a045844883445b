"""docs/leads.md and its picture say what the code does: generated parts are up to date, and whatever the rest names is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from gridwatch.domain.lead_flow import STEPS
from gridwatch.domain.lead_guards import CASES
from gridwatch.domain.lead_words import STATE_NAMES
from gridwatch.domain.obligations import ObligationKind
from gridwatch.leads import booklet, picture
from gridwatch.leads.commands import document_leads
from gridwatch.leads.wording import DUTIES
from tests.databases import ROOT

DOCS = ROOT / "docs"
TEXT = (DOCS / "leads.md").read_text(encoding="utf-8")


def test_tables_and_picture_are_those_of_the_code() -> None:
    """Write them anew with `gridwatch document-leads docs`."""
    answer = CliRunner().invoke(document_leads, [str(DOCS), "--check"])
    assert (answer.output, answer.exit_code) == ("", 0)


def test_what_differs_is_named_and_written_anew(tmp_path: Path) -> None:
    (tmp_path / "pictures").mkdir()
    (tmp_path / "leads.md").write_text(TEXT.replace("**T13**", "**T99**"), encoding="utf-8")
    checked = CliRunner().invoke(document_leads, [str(tmp_path), "--check"])
    assert checked.exit_code == 1
    assert "leads.md" in checked.output
    assert "leads.svg" in checked.output
    assert not (tmp_path / "pictures/leads.svg").exists()
    assert CliRunner().invoke(document_leads, [str(tmp_path)]).exit_code == 0
    assert (tmp_path / "leads.md").read_text(encoding="utf-8") == TEXT
    assert (tmp_path / "pictures/leads.svg").read_text(encoding="utf-8") == picture.svg()


def test_a_part_without_a_place_is_said() -> None:
    with pytest.raises(ValueError, match="steps:zh"):
        booklet.filled(TEXT.replace("<!-- steps:zh -->", ""))


@pytest.mark.parametrize("language", booklet.LANGUAGES)
def test_every_step_and_every_clock_is_told_once(language: str) -> None:
    made = booklet.parts()
    told = re.findall(r"^\| \*\*(T[0-9f]\w*)\*\*", made[f"steps:{language}"], re.M)
    assert sorted(told) == sorted(step.id for step in STEPS)
    names = {DUTIES[kind].zh if language == "zh" else DUTIES[kind].en for kind in ObligationKind}
    assert {
        row.split(" | ")[0].removeprefix("| ") for row in made[f"clocks:{language}"].splitlines()[3:] if row
    } == names


def test_every_case_of_the_table_has_words() -> None:
    assert booklet.CASES.keys() == CASES.keys()


def test_the_picture_shows_every_state_and_every_step_that_leads_elsewhere() -> None:
    drawn = picture.svg()
    for zh, en in (STATE_NAMES[state.value] for state in (*picture.PLACES, *picture.ASIDE)):
        assert f">{zh}</text>" in drawn
        assert f">{en}</text>" in drawn
    moving = {one for steps in picture.ways().values() for one in steps}
    assert moving >= {"T05", "T13", "T27", "T41"}
    missing = {one for one in moving | {"T01", "T36", "T39"} if not re.search(rf"[> ]{one}[ <]", drawn)}
    assert not missing


def test_every_way_of_the_table_has_its_place_in_the_picture_and_none_is_drawn_that_is_not() -> None:
    assert {way for way in picture.ways() if way[1] not in picture.ASIDE} == picture.WAYS.keys()


# -- what is written by hand ------------------------------------------------------------------------------------------


def test_rulings_invariants_and_edge_cases_are_all_there() -> None:
    firsts = re.findall(r"^\| (R\d+|I\d+|[a-n]) \|", TEXT, re.M)
    assert [one for one in firsts if one.startswith("R")] == [f"R{n}" for n in range(1, 39)]
    assert [one for one in firsts if one.startswith("I")] == [f"I{n}" for n in range(1, 11)] * 2
    assert [one for one in firsts if len(one) == 1] == list("abcdefghijklmn")


def test_every_file_and_every_test_that_it_names_is_there() -> None:
    named = re.findall(r"`((?:gridwatch|tests)/[\w/]+\.py)(?:::(\w+))?`", TEXT)
    assert len(named) > 60
    for file, test in named:
        source = (ROOT / file).read_text(encoding="utf-8")
        assert not test or re.search(rf"def {test}\(", source), (file, test)
