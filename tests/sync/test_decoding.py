"""A push is taken apart item by item: what is no JSON fails the envelope, what one item did wrong fails that item."""

from __future__ import annotations

import json
import zlib
from typing import Any

import pytest

from gridwatch.domain.errors import Refusal
from gridwatch.sync import decoding
from gridwatch.sync.canonical import sha256
from tests.fixtures import Caller

ID = "0192f0c4-0000-7000-8000-000000000001"
GOOD = f'{{"id":"{ID}","device_no":7,"payload":{{"text":"a"}}}}'


def nested(levels: int) -> str:
    """An item of that many levels."""
    return f'{{"id":"{ID}","device_no":7,"payload":' + "[" * (levels - 1) + "]" * (levels - 1) + "}"


def envelope(*items: str) -> bytes:
    return f'{{"device_id": "d", "items": [{",".join(items)}]}}'.encode()


FLAWS = [
    ("no id", '{"device_no":7}', "id is not"),
    ("an id that is no text", '{"id":7,"device_no":7}', "id is not"),
    ("an id that is no UUID", '{"id":"item-1","device_no":7}', "id is not"),
    ("a UUID with more behind it", f'{{"id":"{ID}\\n","device_no":7}}', "id is not"),
    ("no object", '"text"', "an object"),
    ("null", "null", "an object"),
    ("a list", "[1]", "an object"),
    ("half a surrogate pair", f'{{"id":"{ID}","device_no":7,"x":"\\ud800"}}', "surrogate"),
    ("half a surrogate pair in a key", f'{{"id":"{ID}","device_no":7,"\\udfff":1}}', "surrogate"),
    ("a key twice", f'{{"id":"{ID}","device_no":7,"x":1,"x":1}}', "twice"),
    ("a key twice, deep", f'{{"id":"{ID}","device_no":7,"payload":{{"a":[{{"x":1,"x":2}}]}}}}', "twice"),
    ("a key twice, once escaped", f'{{"id":"{ID}","device_no":7,"x":1,"\\u0078":1}}', "twice"),
    ("an integer beyond 2^53", f'{{"id":"{ID}","device_no":7,"x":9007199254740993}}', "2^53"),
    ("an integer far below", f'{{"id":"{ID}","device_no":7,"x":-{"9" * 5000}}}', "2^53"),
    ("a number beyond all doubles", f'{{"id":"{ID}","device_no":7,"x":1e999}}', "double"),
    ("65 levels", nested(65), "64 levels"),
    ("1000 levels", nested(1000), "64 levels"),
]  # fmt: skip


@pytest.mark.parametrize(("item", "says"), [row[1:] for row in FLAWS], ids=[row[0] for row in FLAWS])
def test_the_flaw_of_one_item_leaves_its_neighbours_alone(item: str, says: str):
    first, bad, last = decoding.read(envelope(GOOD, item, GOOD)).items
    assert says in bad.flaw
    assert (first.flaw, first.value, first.raw) == (None, json.loads(GOOD), GOOD) == (last.flaw, last.value, last.raw)
    assert bad.raw == item
    if ID in item:
        assert bad.id is None or bad.id.strip() == ID
        assert bad.device_no == 7  # so that the gap ledger knows


FINE = [
    ("64 levels", nested(64)),
    ("2^53 itself", f'{{"id":"{ID}","x":9007199254740992,"y":-9007199254740992}}'),
    ("a large double", f'{{"id":"{ID}","x":1e300}}'),
    ("a whole pair", f'{{"id":"{ID}","x":"\\ud83d\\ude00"}}'),
    ("NUL in a text", f'{{"id":"{ID}","x":"\\u0000"}}'),
    ("brackets in texts", f'{{"id":"{ID}","x":"{"[" * 200}\\\\\\""}}'),
    ("the same key in two objects", f'{{"id":"{ID}","a":{{"x":1}},"b":{{"x":1}}}}'),
    ("spaces everywhere", f'  {{ "id"\n:\t"{ID}" , "x" : [ ] }}  '),
    ("unknown members", f'{{"id":"{ID}","colour":"blue"}}'),
]


@pytest.mark.parametrize("item", [row[1] for row in FINE], ids=[row[0] for row in FINE])
def test_what_is_unusual_but_right_is_taken_word_for_word(item: str):
    (arrived,) = decoding.read(envelope(item)).items
    assert arrived.flaw is None
    assert arrived.raw == item.strip()
    assert arrived.sha256 == sha256(json.loads(item))


BROKEN = [
    b"",
    b"{",
    b"[]x",
    b"nul",
    b'{"device_id":"d","items":[}',
    b'{"device_id":"d","items":[],}',
    b'{"device_id":"d","items":[{},]}',
    b'{"device_id":"d","items":[{}{}]}',
    b'{"device_id":"d" "items":[]}',
    b'{"device_id":"d","items":[]} x',
    b'{"device_id":"d","items":[',
    b'{"device_id":"d","items":[{"x":NaN}]}',
    b'{"device_id":"d","items":[{"x":Infinity}]}',
    b'{"device_id":"d","items":[-Infinity]}',
    b'{"device_id":"d","items":[{"x":"\n"}]}',
    b'{"device_id":"d","items":[{"x":"\xff"}]}',
    b'{"device_id":"d","items":[{"x":"\xed\xa0\x80"}]}',
    b'{"device_id":"d","items":[{"x":01}]}',
    b'{"device_id":"d","items":[{"x":"a]}',
    b"\xef\xbb\xbf{}",
    b'{"items":[],"items":[],"device_id":"d"}',
    b"{'items':[]}",
    b"{1:2}",
    b'{"device_id":"d","items":[{"x":' + b"[" * 5_000,
]


@pytest.mark.parametrize("body", BROKEN, ids=lambda body: body[:48].decode("latin-1"))
def test_what_is_no_json_fails_the_envelope(body: bytes):
    with pytest.raises(Refusal) as refused:
        decoding.read(body)
    assert refused.value.code == "sync.undecodable"


@pytest.mark.parametrize(
    "body",
    [b"{}", b'{"items":[]}', b'{"device_id":"d"}', b'{"device_id":"d","items":{}}', b'{"device_id":1,"items":[]}'],
)
def test_an_envelope_of_another_shape_is_wrong_input(body: bytes):
    with pytest.raises(Refusal) as refused:
        decoding.read(body)
    assert (refused.value.code, refused.value.entry.status) == ("input.invalid", 422)


# -- over the wire ----------------------------------------------------------------------------------------------------


def gzipped(body: bytes) -> bytes:
    packer = zlib.compressobj(wbits=31)
    return packer.compress(body) + packer.flush()


def body_of(worker: Caller, *items: Any) -> bytes:
    return json.dumps({"device_id": worker.device_id, "items": list(items)}).encode()


def sent_packed(worker: Caller, body: bytes, coding: str = "gzip") -> tuple[int, Any]:
    headers = {"Content-Encoding": coding} if coding else {}
    answer = worker.post("/api/v1/sync/push", data=body, content_type="application/json", headers=headers)
    return answer.status, answer.body.get("code")


def test_a_body_may_be_packed(worker: Caller, item: Any):
    body = body_of(worker, item())
    assert sent_packed(worker, body, "") == (200, None)
    assert sent_packed(worker, gzipped(body)) == (200, None)
    assert sent_packed(worker, gzipped(body[:40]) + gzipped(body[40:])) == (200, None)


def test_a_packed_body_that_is_cut_or_broken_is_not_taken_for_whole(worker: Caller, item: Any):
    packed = gzipped(body_of(worker, item()))
    for cut in (1, 5, 9, 20, len(packed) - 3):
        assert sent_packed(worker, packed[:-cut]) == (400, "sync.undecodable"), cut
    for body in (b"no gzip at all", gzipped(b"{}") + b"x", b"\x1f\x8b\x08"):
        assert sent_packed(worker, body) == (400, "sync.undecodable"), body
    for coding in ("deflate", "br", "zstd", "gzip, gzip"):
        assert sent_packed(worker, b"{}", coding) == (415, "http.unsupported_media"), coding


def test_a_bomb_is_stopped_while_it_expands(worker: Caller):
    bomb = gzipped(b'{"device_id":"d","items":["' + b"0" * 200_000_000 + b'"]}')
    assert len(bomb) < 300_000
    answer = worker.post(
        "/api/v1/sync/push", data=bomb, content_type="application/json", headers={"Content-Encoding": "gzip"}
    )
    assert (answer.status, answer.body["facts"]) == (413, {"max_items": 200, "max_bytes": 1_000_000})


def test_a_missing_type_is_json_and_another_is_not(worker: Caller):
    taken = {
        "application/json": 200,
        "application/json; charset=utf-8": 200,
        None: 200,
        "text/plain": 415,
        "multipart/form-data": 415,
    }
    for content_type, status in taken.items():
        for path in ("push", "pull"):
            answer = worker.post(f"/api/v1/sync/{path}", data=body_of(worker), content_type=content_type)
            assert answer.status == status, (path, content_type)


def test_the_size_of_a_batch(worker: Caller, item: Any):
    def status(*items: Any) -> tuple[int, Any]:
        answer = worker.post("/api/v1/sync/push", data=body_of(worker, *items), content_type="application/json")
        return answer.status, [one["code"] for one in answer.body["results"]] if answer.status == 200 else answer.body[
            "facts"
        ]

    limits = {"max_items": 200, "max_bytes": 1_000_000}
    assert status() == (200, [])
    assert status(*(item(payload={"text": "x"}) for _ in range(200))) == (200, [None] * 200)
    assert status(*(item(payload={}) for _ in range(201))) == (413, limits)
    assert status(item(payload={"text": "x" * 500_000}), item(payload={"text": "x" * 500_000})) == (413, limits)
    assert status(item(payload={"text": "x" * 999_000})) == (200, [None])
    assert status(item(payload={"text": "x" * 1_000_000})) == (200, ["over_limit"])
    assert status(item(payload={"text": "x" * 3_990_000})) == (200, ["over_limit"])
    assert status(item(payload={"text": "x" * 4_000_000})) == (413, limits)
