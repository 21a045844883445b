"""The envelope of a push, taken apart so that one bad item never spoils its neighbours (sync-protocol, section 4).

JSON that cannot be read at all fails the envelope. What only one item did wrong (a key twice, a number that no double holds,
half a surrogate pair, nesting without end, a bad id) is said of that item. orjson would keep the last of two equal keys and
say nothing, so the standard decoder reads items, with hooks that see every key and number.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from gridwatch.domain.errors import Refusal
from gridwatch.sync.canonical import NotCanonical, sha256

Found = TypeVar("Found")

DEEPEST = 64  # levels of an item
_HOPELESS = 1_000  # levels from which the whole body is refused
_LARGEST = 2**53
_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_HALF_PAIR = re.compile("[\ud800-\udfff]")
_ECHOED = 64  # characters of a bad id that an answer repeats
_SPACE = re.compile(r"[ \t\n\r]*")
_BRACKETS = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"|[\[\]{}]', re.DOTALL)
_MEMBER = re.compile(r'[{,][ \t\n\r]*"(id|device_no)"[ \t\n\r]*:[ \t\n\r]*("[^"\\]*"|\d{1,16})(?=[ \t\n\r]*[,}])')


@dataclass(slots=True)
class Arrived:
    """One item as it came: its own text, and what could be read of it. `flaw` says in English why it is undecodable."""

    raw: str
    id: str | None = None
    device_no: int | None = None
    value: dict[str, Any] = field(default_factory=dict)
    sha256: str = ""
    flaw: str | None = None


@dataclass(frozen=True, slots=True)
class Envelope:
    """A push: the device that sends, and its items in the order sent."""

    device_id: str
    items: list[Arrived]


def read(body: bytes) -> Envelope:
    """Take a push apart. Raises 400 `sync.undecodable` for what is no JSON, 422 `input.invalid` for another shape."""
    try:
        text = body.decode()
    except UnicodeDecodeError:
        raise Refusal("sync.undecodable") from None
    try:
        members, items = _Reader(text).envelope()
    except RecursionError:  # outside of any item
        raise Refusal("sync.undecodable") from None
    device_id = members.get("device_id")
    if items is None or not isinstance(device_id, str):
        wanted = {"device_id": "a text is needed", "items": "a list is needed"}
        wrong = [
            name
            for name, there in (("device_id", isinstance(device_id, str)), ("items", items is not None))
            if not there
        ]
        raise Refusal("input.invalid", fields=[{"path": name, "problem": wanted[name]} for name in wrong])
    return Envelope(device_id, items)


def read_rows(body: bytes) -> list[Arrived]:
    """The items in a bare array of rows `{"newDocumentState": ITEM, …}`, in the order sent. Raises as `read` does."""
    try:
        return _Reader(body.decode()).rows()
    except (UnicodeDecodeError, RecursionError):
        raise Refusal("sync.undecodable") from None


def is_uuid(value: object) -> bool:
    """Whether a value is the text of a UUID. It is kept and compared as it was written."""
    return isinstance(value, str) and _UUID.fullmatch(value) is not None


class _Reader:
    """Walks the envelope by hand, so that the text of each item is known, and has each value decoded by the standard library."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.flaw: str | None = None  # of the value that is being read
        self.decoder = json.JSONDecoder(
            object_pairs_hook=self._object,
            parse_int=self._integer,
            parse_float=self._float,
            parse_constant=self._constant,
        )

    def envelope(self) -> tuple[dict[str, Any], list[Arrived] | None]:
        """The members beside `items`, and the items; None where there is no list of them."""
        members, items, end = self._walk(0, "items", "[", self._items)
        self._end(end)
        return members, items

    def rows(self) -> list[Arrived]:
        """The item in each row of a bare array."""
        items: list[Arrived] = []
        if self._peek(0) != "[":
            raise Refusal("input.invalid", fields=[{"path": "", "problem": "a list is needed"}])
        at = self._expect("[", 0)
        while self._peek(at) != "]":
            item = None
            if self._peek(at) == "{":
                _, item, at = self._walk(at, "newDocumentState", "{", self._item)
            else:
                self._value(at)  # no row, and perhaps not even JSON
            if item is None:
                path = f"[{len(items)}].newDocumentState"
                raise Refusal("input.invalid", fields=[{"path": path, "problem": "an object is needed"}])
            items.append(item)
            at = self._after_value(at, "]")
        self._end(self._expect("]", at))
        return items

    def _walk(
        self, at: int, name: str, opening: str, read: Callable[[int], tuple[Found, int]]
    ) -> tuple[dict[str, Any], Found | None, int]:
        """One object: its members, what `read` makes of the one called `name` where that begins with `opening`, and its end."""
        members: dict[str, Any] = {}
        found = None
        at = self._expect("{", at)
        while self._peek(at) != "}":
            key, at = self._value(at)
            at = self._space(self._expect(":", at))
            if not isinstance(key, str) or key in members:
                raise Refusal("sync.undecodable")
            if key == name and self._peek(at) == opening:
                found, at = read(at)
                members[key] = None
            else:
                members[key], at = self._value(at)
            at = self._after_value(at, "}")
        return members, found, self._expect("}", at)

    def _items(self, at: int) -> tuple[list[Arrived], int]:
        items: list[Arrived] = []
        at = self._expect("[", at)
        while self._peek(at) != "]":
            start = self._space(at)
            arrived, at = self._item(start)
            items.append(arrived)
            at = self._after_value(at, "]")
        return items, self._expect("]", at)

    def _item(self, start: int) -> tuple[Arrived, int]:
        outer, self.flaw = self.flaw, None
        try:
            value, end = self._value(start)
        except RecursionError:
            value, end = None, self._closing(start)
        arrived = Arrived(self.text[start:end], flaw=self.flaw)
        self.flaw = outer
        if isinstance(value, dict) and not _too_deep(arrived.raw):
            self._accept(arrived, value)
        else:
            arrived.flaw = f"nested more than {DEEPEST} levels" if _too_deep(arrived.raw) else "an object is needed"
            found = dict(reversed(_MEMBER.findall(arrived.raw)))  # the first of each counts
            arrived.id = found.get("id", "").strip('"')[:_ECHOED] or None
            arrived.device_no = int(found["device_no"]) if found.get("device_no", "").isdigit() else None
        return arrived, end

    @staticmethod
    def _accept(arrived: Arrived, value: dict[str, Any]) -> None:
        sent_id, number = value.get("id"), value.get("device_no")
        arrived.value = value
        arrived.device_no = number if type(number) is int else None
        if isinstance(sent_id, str) and len(sent_id) <= _ECHOED and not _HALF_PAIR.search(sent_id):
            arrived.id = sent_id
        if arrived.flaw is None and not is_uuid(sent_id):
            arrived.flaw = "id is not a UUID"
        if arrived.flaw is None:
            try:
                arrived.sha256 = sha256(value)
            except NotCanonical:
                arrived.flaw = "half a surrogate pair"

    def _value(self, at: int) -> tuple[Any, int]:
        try:
            return self.decoder.raw_decode(self.text, self._space(at))
        except json.JSONDecodeError:
            raise Refusal("sync.undecodable") from None

    def _closing(self, start: int) -> int:
        """Where the value that opens at `start` ends, found by its brackets alone."""
        depth = 0
        for match in _BRACKETS.finditer(self.text, start):
            if match[0] in "{[":
                depth += 1
            elif match[0] in "}]":
                depth -= 1
                if depth == 0:
                    return match.end()
            if depth > _HOPELESS:
                break
        raise Refusal("sync.undecodable")

    def _space(self, at: int) -> int:
        return _SPACE.match(self.text, at).end()  # type: ignore[union-attr] - it matches the empty text too

    def _peek(self, at: int) -> str:
        at = self._space(at)
        return self.text[at : at + 1]

    def _expect(self, wanted: str, at: int) -> int:
        at = self._space(at)
        if self.text[at : at + 1] != wanted:
            raise Refusal("sync.undecodable")
        return at + 1

    def _after_value(self, at: int, closing: str) -> int:
        """Past the comma between two values, where another value must follow; at the closing bracket otherwise."""
        if self._peek(at) == closing:
            return at
        at = self._expect(",", at)
        if self._peek(at) == closing:
            raise Refusal("sync.undecodable")
        return at

    def _end(self, at: int) -> None:
        if self._space(at) != len(self.text) or self.flaw:
            raise Refusal("sync.undecodable")

    # -- hooks of the decoder: they note a flaw and go on, so that the end of the value is found --

    def _object(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        made = dict(pairs)
        if len(made) != len(pairs):
            self.flaw = "a key stands twice in one object"
        return made

    def _integer(self, digits: str) -> int:
        number = int(digits) if len(digits) < 20 else _LARGEST + 1
        if abs(number) > _LARGEST:
            self.flaw = "an integer beyond 2^53"
        return number

    def _float(self, digits: str) -> float:
        number = float(digits)
        if math.isinf(number):
            self.flaw = "a number that no double holds"
        return number

    @staticmethod
    def _constant(name: str) -> Any:
        raise Refusal("sync.undecodable")  # NaN, Infinity: not JSON at all


def _too_deep(raw: str) -> bool:
    if raw.count("[") + raw.count("{") <= DEEPEST:
        return False
    depth = deepest = 0
    for match in _BRACKETS.finditer(raw):
        if match[0] in "{[":
            depth += 1
            deepest = max(deepest, depth)
        elif match[0] in "}]":
            depth -= 1
    return deepest > DEEPEST
