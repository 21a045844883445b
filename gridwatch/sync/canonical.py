"""The hash of an item: SHA-256 over its JSON in canonical form (RFC 8785), which every client can compute for itself."""

from __future__ import annotations

import hashlib
import re
from typing import Any

import orjson
import rfc8785

# orjson with sorted keys writes the canonical form, unless a number is one that ECMAScript writes in another way (1.0, 1e-6) or
# a character beyond U+FFFF may change the order of keys. Both are seen in the text; a false alarm only costs time.
_NOT_CANONICAL = re.compile(rb"(?:^|[:,\[])-?\d+(?:\.0(?:[,\]}]|$)|(?:\.\d+)?e)|[\xf0-\xf4]")


class NotCanonical(ValueError):
    """The value has no canonical form: a lone surrogate, or a number that no double holds."""


def canonical(value: Any) -> bytes:
    """`value` (a JSON value; whole numbers up to 2^53) in canonical form. Raises NotCanonical."""
    try:
        text = orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
        return rfc8785.dumps(_within_domain(value)) if _NOT_CANONICAL.search(text) else text
    except (TypeError, ValueError) as problem:
        raise NotCanonical(str(problem)) from problem


def sha256(value: Any) -> str:
    """The SHA-256 of the canonical form, 64 lower-case hex digits. Raises NotCanonical."""
    return hashlib.sha256(canonical(value)).hexdigest()


def _within_domain(value: Any) -> Any:
    """±2^53 as a float: a double holds it exactly, but rfc8785 draws its line one below."""
    if isinstance(value, dict):
        return {key: _within_domain(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_within_domain(inner) for inner in value]
    return float(value) if type(value) is int and abs(value) == 2**53 else value
