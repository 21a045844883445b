"""Codes of tags: every slip of a reader's eye or hand is found, and whatever a person may fairly write is read."""

from __future__ import annotations

import itertools
import random
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gridwatch.domain.plates import FORMATS, recognise
from gridwatch.domain.tag_code import (
    ALPHABET,
    MODULUS,
    RADIX,
    RANDOM_BITS,
    TAG,
    city_of,
    grouped,
    host_in,
    make_receipt,
    make_tag,
    read_receipt,
    read_tag,
)

SOME = [
    make_tag(city, random.Random(n).getrandbits(RANDOM_BITS)) for n, city in enumerate(["441900", "110000", "000000"])
]
bits = st.integers(0, 2**RANDOM_BITS - 1)


def test_what_the_proof_stands_on():
    """A wrong character changes the number by d·32^i, an exchange by d·32^i·(32^k − 1), with |d| ≤ 31."""
    assert all(MODULUS % number for number in range(2, MODULUS))
    assert MODULUS > RADIX
    powers = [pow(RADIX, k, MODULUS) for k in range(1, MODULUS)]
    assert len(set(powers)) == MODULUS - 1
    assert powers[-1] == 1
    assert set(ALPHABET) == set("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ") - set("ILOU")
    assert len(ALPHABET) == RADIX


@pytest.mark.parametrize("code", SOME)
def test_every_single_wrong_character_is_found(code: str):
    assert read_tag(code) == code
    for place, other in itertools.product(range(TAG), ALPHABET):
        if other != code[place]:
            assert read_tag(code[:place] + other + code[place + 1 :]) is None


@given(city=st.integers(0, 999_999).map("{:06d}".format), bits=bits)
def test_every_exchange_of_two_characters_is_found(city: str, bits: int):
    code = make_tag(city, bits)
    assert (read_tag(code), city_of(code)) == (code, city)
    for one, other in itertools.combinations(range(TAG), 2):
        swapped = list(code)
        swapped[one], swapped[other] = code[other], code[one]
        assert read_tag("".join(swapped)) in ((code, None) if code[one] == code[other] else (None,))


@given(bits=bits)
def test_a_lost_or_doubled_character_is_found(bits: int):
    code = make_tag("441900", bits)
    assert {read_tag(code[:place] + code[place + 1 :]) for place in range(TAG)} == {None}
    assert {read_tag(code[:place] + code[place] + code[place:]) for place in range(TAG)} == {None}


def test_of_other_mistakes_about_one_in_a_thousand_slips_through():
    seed = random.Random(5)
    slips = sum(read_tag("".join(seed.choices(ALPHABET, k=TAG))) is not None for _ in range(20_000))
    assert 5 <= slips <= 45  # 20,000 / 1,019 ≈ 20


@pytest.mark.parametrize("code", SOME)
def test_whatever_a_person_may_fairly_write_is_read(code: str):
    worn = code.replace("0", "O").replace("1", "l")
    for text in (
        code.lower(), worn, grouped(code), grouped(code).lower(), grouped(code).replace("-", " "), f"  {code}\n",
        grouped(code).replace("-", "－"), f"https://grid.example.gov.cn/t/{code}", f"http://10.0.0.1:8600/t/{grouped(code)}/",
        f"HTTPS://GRID.EXAMPLE.GOV.CN/T/{code.lower()}?lang=en#x", f"grid.example.gov.cn/t/{code}",
        f"/t/{grouped(code).replace('-', '%2D')}",
    ):  # fmt: skip
        assert read_tag(text) == code, text


@pytest.mark.parametrize(
    "text",
    ["", "-", "0" * TAG, "U" * TAG, "字" * TAG, "A" * 10_000, "https://[::1", "https://x/t/", "//", "\0", f"https://x/s/{SOME[0]}",
     f"{SOME[0]}{SOME[0]}", f"{SOME[0]}/"],
)  # fmt: skip
def test_anything_else_is_no_tag(text: str):
    assert read_tag(text) is None


def test_a_receipt_is_no_tag_and_a_tag_no_receipt():
    receipt = make_receipt(2**60 - 1)
    assert (read_receipt(grouped(receipt).lower()), read_tag(receipt)) == (receipt, None)
    assert read_receipt(SOME[0]) is None
    assert len({make_receipt(n) for n in range(1_000)}) == 1_000


@pytest.mark.parametrize(
    ("city", "bits"), [("4419", 0), ("DG0000", 0), ("４４１９００", 0), ("441900", 2**60), ("441900", -1)]
)
def test_no_code_is_made_of_what_is_no_city_or_too_long(city: str, bits: int):
    with pytest.raises(ValueError, match=r"six digits|does not fit"):
        make_tag(city, bits)


def test_the_host_of_a_link_is_told():
    assert host_in("HTTPS://user@Fake.Example:8443/t/x") == "fake.example:8443"
    assert [host_in(text) for text in (SOME[0], "javascript://x/t/y", "https://[x", "")] == [None] * 4


@pytest.mark.parametrize("row", FORMATS, ids=lambda row: row.name)
def test_every_row_of_the_plates_reads_its_own_example(row):
    plate = recognise(row.example)
    assert plate is not None
    assert (plate.format.name, plate.code) == (row.name, row.code)
    assert all(row.words)
    assert all(row.source)


@pytest.mark.parametrize("text", [*SOME, "", "晚上八点开会", "https://example.com/", "12345", "9" * 41, "1" * 10_000])
def test_what_is_no_plate_is_not_taken_for_one(text: str):
    assert recognise(text) is None


def test_the_guide_shows_a_real_code():
    guide = (Path(__file__).parents[2] / "docs/tags.md").read_text(encoding="utf-8")
    (shown,) = re.findall(r"例如 `([0-9A-Z-]+)`", guide)
    assert city_of(read_tag(shown) or "") == "441900"
