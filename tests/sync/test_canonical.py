"""The hash of an item is one that every client can compute for itself: RFC 8785, then SHA-256."""

from __future__ import annotations

import hashlib
import json

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from gridwatch.sync.canonical import NotCanonical, canonical, sha256
from tests import phone

VECTORS = [
    # RFC 8785, section 3.2.2 and appendix B
    (
        '{"numbers":[333333333.33333329,1E30,4.50,2e-3,0.000000000000000000000000001],'
        '"string":"\\u20ac$\\u000F\\u000aA\'\\u0042\\u0022\\u005c\\\\\\"\\/","literals":[null,true,false]}',
        '{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],'
        '"string":"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}',
    ),
    # RFC 8785, section 3.2.3: keys in the order of UTF-16 units
    (
        '{"\\u20ac":"Euro Sign","\\r":"Carriage Return","\\ufb33":"Hebrew Letter Dalet With Dagesh","1":"One",'
        '"\\ud83d\\ude00":"Emoji: Grinning Face","\\u0080":"Control","\\u00f6":"Latin Small Letter O With Diaeresis"}',
        '{"\\r":"Carriage Return","1":"One","\x80":"Control","ö":"Latin Small Letter O With Diaeresis","€":"Euro Sign",'
        '"😀":"Emoji: Grinning Face","\ufb33":"Hebrew Letter Dalet With Dagesh"}',
    ),
    (
        "[0, -0, -0.0, 1.0, 12.0, 100.0, 1e21, 1e20, 123e-7, 1e-6, 1e-7]",
        "[0,0,0,1,12,100,1e+21,100000000000000000000,0.0000123,0.000001,1e-7]",
    ),
    (
        "[5e-324, 1.7976931348623157e308, 9007199254740991, -9007199254740991]",
        "[5e-324,1.7976931348623157e+308,9007199254740991,-9007199254740991]",
    ),
    ("[9007199254740992, -9007199254740992]", "[9007199254740992,-9007199254740992]"),
    ('{"b":1,"a":{"d":[],"c":{}}}', '{"a":{"c":{},"d":[]},"b":1}'),
    ('"\\u0000\\u007f\\u2028"', '"\\u0000\x7f\u2028"'),
]  # fmt: skip


@pytest.mark.parametrize(("sent", "wanted"), VECTORS)
def test_published_vectors(sent: str, wanted: str):
    value = json.loads(sent)
    assert canonical(value).decode() == wanted
    assert phone.canonical(value) == wanted
    assert sha256(value) == hashlib.sha256(wanted.encode()).hexdigest()


@pytest.mark.parametrize("value", ["\ud800", {"\udc00": 1}, {"a": ["\udc00"]}, {1, 2}])
def test_what_has_no_canonical_form_is_refused(value: object):
    with pytest.raises(NotCanonical):
        canonical(value)


NUMBERS = (
    st.integers(-(2**53) + 1, 2**53 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.floats(-180, 180, width=32).map(float)
)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]))
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=12,
)


@given(VALUES)
def test_the_quick_road_the_library_and_the_phone_agree(value: object):
    assert canonical(value) == rfc8785.dumps(value) == phone.canonical(value).encode()
