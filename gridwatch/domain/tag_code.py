"""The codes of QR tags (二维码标识) and of receipts: opaque, told from a misreading, easy to read aloud.

A tag's code has 18 characters: the city (4: its six-digit division code), 60 random bits (12), two check characters. It says
nothing of the address, so it can be neither guessed nor counted (domain.md §4d: short opaque id and check characters, no
personal data). A receipt (受理编号) has 14: 60 random bits and two check characters. The lengths tell the two apart.

The alphabet has no I, L, O and U: the first three are read as 1, 1 and 0, the last is left out so that no words come about.

The check characters make a pure system in the sense of ISO/IEC 7064 with modulus 1019 and radix 32: the code, read as a number
to the base 32, leaves 1 when divided by 1019. 1019 is a prime above 31, and 32 is a primitive root of it. So every single wrong
character is found, every exchange of two characters however far apart, and of all other mistakes all but one in 1,019.
"""

from __future__ import annotations

import re
from urllib.parse import unquote, urlsplit

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
RADIX, MODULUS = 32, 1019
CITY, RANDOM, CHECK = 4, 12, 2  # characters of each part
TAG, RECEIPT = CITY + RANDOM + CHECK, RANDOM + CHECK
RANDOM_BITS = 5 * RANDOM

_VALUE = {character: value for value, character in enumerate(ALPHABET)}
_READ_AS = str.maketrans({"O": "0", "I": "1", "L": "1"})
# What people and typesetters put between groups, full-width forms too.
_BETWEEN = re.compile(r"[\s\-‐‑–—_.·－　]+")
_LONGEST = 300  # characters of anything worth looking at


def make_tag(city: str, bits: int) -> str:
    """A tag's code from the code of its city (six digits first, 441900) and 60 random bits. Raises ValueError for others."""
    division = city[:6]
    if not re.fullmatch(r"[0-9]{6}", division):
        raise ValueError(f"the code of a city begins with six digits, not {city!r}")
    return _checked(_digits(int(division), CITY) + _digits(bits, RANDOM))


def make_receipt(bits: int) -> str:
    """A receipt's code from 60 random bits."""
    return _checked(_digits(bits, RANDOM))


def read_tag(text: str) -> str | None:
    """The tag's code in what somebody scanned or typed, in its one normal form; None where there is none.

    Read kindly: small letters, O for 0, I and L for 1, anything usual between the groups; or a whole link, whose last part
    behind `/t/` it is.
    """
    return _read(_part_of_link(text), TAG)


def read_receipt(text: str) -> str | None:
    """The same for a receipt."""
    return _read(text, RECEIPT)


def city_of(code: str) -> str:
    """The six-digit division code of the city that a tag's code names."""
    number = 0
    for character in code[:CITY]:
        number = number * RADIX + _VALUE[character]
    return f"{number:06d}"


def grouped(code: str) -> str:
    """A code in groups of four, as printed and read aloud: `DFHC-B8Y1-KSVX-5D7G-RK`."""
    return "-".join(code[start : start + 4] for start in range(0, len(code), 4))


def host_in(text: str) -> str | None:
    """The host (with its port, in small letters) that a scanned link leads to; None where the text is no link."""
    try:
        parts = urlsplit(text.strip())
    except ValueError:
        return None
    return (
        parts.netloc.rpartition("@")[2].lower() if parts.scheme.lower() in ("http", "https") and parts.netloc else None
    )


def _part_of_link(text: str) -> str:
    if "/" not in text:
        return text
    try:
        path = urlsplit(text.strip()).path
    except ValueError:
        return ""
    before, _, last = path.rstrip("/").rpartition("/")
    return unquote(last) if before.rpartition("/")[2].lower() == "t" else ""


def _read(text: str, length: int) -> str | None:
    if len(text) > _LONGEST:
        return None
    code = _BETWEEN.sub("", text).upper().translate(_READ_AS)
    is_whole = len(code) == length and all(character in _VALUE for character in code)
    return code if is_whole and _remainder(code) == 1 else None


def _digits(number: int, length: int) -> str:
    if not 0 <= number < RADIX**length:
        raise ValueError(f"{number} does not fit into {length} characters")
    return "".join(ALPHABET[number // RADIX**place % RADIX] for place in reversed(range(length)))


def _remainder(code: str) -> int:
    rest = 0
    for character in code:
        rest = (rest * RADIX + _VALUE[character]) % MODULUS
    return rest


def _checked(body: str) -> str:
    """`body` with its two check characters: the number from 0 to 1018 that makes the whole leave 1."""
    return body + _digits((1 - _remainder(body) * RADIX**CHECK) % MODULUS, CHECK)
