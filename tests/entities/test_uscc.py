"""Credit codes: 2,282 vectors made from real registers, and the foldings that are said."""

from __future__ import annotations

import csv
from collections import Counter
from pathlib import Path

import pytest

from gridwatch.entities.uscc import USCC_WORDS, UsccKind, check_uscc

FOLDED = {"uscc.case_folded", "uscc.width_folded", "uscc.separators_removed"}


@pytest.fixture(scope="module")
def vectors() -> list[dict[str, str]]:
    path = Path(__file__).parents[1] / "data/nancheng/vectors/uscc_vectors.csv"
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_every_vector_has_the_strict_verdict_of_its_column(vectors):
    """The column is strict; a code that had to be folded before it checked is valid here, and says so."""
    wrong = []
    for row in vectors:
        verdict = check_uscc(row["code"])
        strictly_valid = verdict.kind is UsccKind.VALID and not FOLDED & set(verdict.warnings)
        if strictly_valid is not (row["valid"] == "1"):
            wrong.append((row["code"], row["case"], verdict))
    assert len(vectors) == 2282
    assert wrong == []


# fmt: off
EXPECTED = {  # case of the vector: kinds that come out, with how many
    "real_valid":                                             {UsccKind.VALID: 1000},
    "real_valid_uscc_but_org_code_check_differs(GB 11714)":   {UsccKind.VALID: 15},
    "real_invalid:charset_or_length":                         {UsccKind.VALID: 50},
    "real_invalid:check_char":                                {UsccKind.INVALID: 3},
    "mut_substitution":                                       {UsccKind.INVALID: 150},
    "mut_adjacent_swap":                                      {UsccKind.INVALID: 150},
    "mut_too_short":                                          {UsccKind.INVALID: 150},
    "mut_too_long":                                           {UsccKind.INVALID: 150},
    "mut_check_char":                                         {UsccKind.INVALID: 150},
    "mut_letter_O_for_0":                                     {UsccKind.INVALID: 68},
    "mut_letter_I_for_1":                                     {UsccKind.INVALID: 62},
    "mut_lower_case(strict; a lenient reader may fold)":      {UsccKind.VALID: 52},
    "mut_leading_space(strict)":                              {UsccKind.VALID: 70},
    "mut_full_width(strict)":                                 {UsccKind.VALID: 70},
    "mut_hyphen":                                             {UsccKind.VALID: 70},
    "old_org_code_9":                                         {UsccKind.LEGACY_9: 70},
    "old_15_digit_registration_number(shape only)":           {UsccKind.LEGACY_15: 1},
    "empty":                                                  {UsccKind.NONE: 1},
}
# fmt: on


def test_every_case_of_the_vectors_comes_out_as_its_kind(vectors):
    found: dict[str, Counter] = {}
    for row in vectors:
        found.setdefault(row["case"], Counter())[check_uscc(row["code"]).kind] += 1
    assert found == EXPECTED


GOOD = "91440300279544012B"


@pytest.mark.parametrize(
    ("text", "kind", "normal", "warnings", "problem"),
    [
        (GOOD, "valid", GOOD, (), None),
        ("91440300279544012b", "valid", GOOD, ("uscc.case_folded",), None),
        (f" {GOOD} ", "valid", GOOD, ("uscc.separators_removed",), None),
        ("914403-00279544012B", "valid", GOOD, ("uscc.separators_removed",), None),
        ("９１４４０３００２７９５４４０１２Ｂ", "valid", GOOD, ("uscc.width_folded",), None),
        (
            "９１４４０３００２７９５４４０１２ｂ　",
            "valid",
            GOOD,
            ("uscc.width_folded", "uscc.separators_removed", "uscc.case_folded"),
            None,
        ),
        # Valid as a whole although the organisation code inside has a wrong digit: fifteen real licences are like this.
        ("914401017083387219", "valid", "914401017083387219", ("uscc.org_code_check",), None),
        # A, N and Y are authorities that the standard may give and stdnum refuses.
        ("N2440101MF0000005Y", "valid", "N2440101MF0000005Y", ("uscc.authority_letter",), None),
        ("N2440101MF0000005T", "invalid", "N2440101MF0000005T", (), "uscc.check_character"),
        ("NX440101MF0000005Y", "invalid", "NX440101MF0000005Y", (), "uscc.region"),
        ("B1440101MF0000005Y", "invalid", "B1440101MF0000005Y", (), "uscc.region"),
        ("9144O300279544012B", "invalid", "9144O300279544012B", (), "uscc.character"),
        ("914403002795440I2B", "invalid", "914403002795440I2B", (), "uscc.character"),
        ("91440300279544012C", "invalid", "91440300279544012C", (), "uscc.check_character"),
        ("9144030027954401B2", "invalid", "9144030027954401B2", (), "uscc.check_character"),
        ("91A40300279544012B", "invalid", "91A40300279544012B", (), "uscc.region"),
        ("914403", "invalid", "914403", (), "uscc.length"),
        ("南城街道", "invalid", "南城街道", (), "uscc.length"),
        ("9144030027954401二B", "invalid", "9144030027954401二B", (), "uscc.character"),
        ("441900000123456", "legacy_15", "441900000123456", ("uscc.legacy_15",), None),
        ("441900000123457", "legacy_15", "441900000123457", ("uscc.legacy_15", "uscc.legacy_15_check"), None),
        ("27954401-2", "legacy_9", "279544012", ("uscc.separators_removed", "uscc.legacy_9"), None),
        ("279544013", "legacy_9", "279544013", ("uscc.legacy_9", "uscc.org_code_check"), None),
        ("", "none", "", (), None),
        (" - ", "none", "", (), None),
        ("无", "none", "", (), None),
    ],
)
def test_what_people_type_is_read_and_said(text, kind, normal, warnings, problem):
    verdict = check_uscc(text)
    assert (verdict.kind, verdict.normal, verdict.warnings, verdict.problem) == (kind, normal, warnings, problem)


def test_every_warning_and_problem_has_its_words(vectors):
    used = set()
    for row in vectors:
        verdict = check_uscc(row["code"])
        used |= {*verdict.warnings, *({verdict.problem} - {None})}
    assert used <= USCC_WORDS.keys()
    assert all(zh and en for zh, en in USCC_WORDS.values())
