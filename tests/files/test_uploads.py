"""Bringing a file in, as sync-protocol section 5 says: whole or not at all, once for an area, and never lost on the way."""

from __future__ import annotations

import base64
import hashlib
import io
import os
import resource
import struct
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from PIL import Image
from sqlalchemy import select

from gridwatch.audit.models import Event
from gridwatch.config import Settings
from gridwatch.files import disk
from gridwatch.files.stores import store_of
from tests.files.sending import CHUNK, FILES, TUS, Sender, jpeg, metadata, originals, sha256, some_bytes, unfinished
from tests.fixtures import Caller, Clock, Work
from tests.sync.talk import SOMEBODY

PHOTO = some_bytes(300_000)
Senders = Callable[[str], Sender]


def test_a_file_in_three_parts(worker: Sender, settings: Settings, work: Work, clock: Clock):
    created = worker.create(PHOTO)
    assert (created.status, created.headers["Upload-Offset"]) == (201, "0")
    assert created.headers["Tus-Resumable"] == "1.0.0"
    assert created.headers["Upload-Expires"] == "Fri, 02 Oct 2026 01:00:00 GMT"  # fourteen days from now
    url = created.headers["Location"]
    assert worker.offset(url) == 0
    for start in (0, 100_000, 200_000):
        answer = worker.patch(url, start, PHOTO[start : start + 100_000])
        assert (answer.status, answer.headers["Upload-Offset"]) == (204, str(start + 100_000))
    stands = worker.head(url)
    assert (stands.status, stands.headers["Upload-Offset"], stands.headers["Upload-Length"]) == (
        200,
        "300000",
        "300000",
    )
    assert (stands.headers["Cache-Control"], "Upload-Expires" in stands.headers) == ("no-store", False)
    assert base64.b64encode("门牌.jpg".encode()).decode() in stands.headers["Upload-Metadata"]
    assert store_of(settings).original(settings, sha256(PHOTO)) == PHOTO
    assert (originals(settings), unfinished(settings)) == ([sha256(PHOTO)], [])
    with work() as session:
        (event,) = session.scalars(select(Event).where(Event.act == "file.received"))
        assert (event.subject_id, event.chain, event.at) == (sha256(PHOTO), "441900004003", clock.now())


NOT_CREATED: list[tuple[str, dict[str, str], int, str]] = [
    ("no version", {"Tus-Resumable": ""}, 412, "file.tus_version"),
    ("another version", {"Tus-Resumable": "0.2.2"}, 412, "file.tus_version"),
    ("no length", {"Upload-Length": ""}, 400, "file.header_invalid"),
    ("a negative length", {"Upload-Length": "-1"}, 400, "file.header_invalid"),
    ("a length to come", {"Upload-Length": "", "Upload-Defer-Length": "1"}, 400, "file.header_invalid"),
    ("over 10 MB", {"Upload-Length": "10000001"}, 413, "file.too_large"),
    ("no metadata", {"Upload-Metadata": ""}, 422, "file.hash_needed"),
    ("no hash", {"Upload-Metadata": metadata(filename="a.jpg")}, 422, "file.hash_needed"),
    ("an upper-case hash", {"Upload-Metadata": metadata(sha256="A" * 64)}, 422, "file.hash_needed"),
    ("a short hash", {"Upload-Metadata": metadata(sha256="a" * 63)}, 422, "file.hash_needed"),
    ("a hash in other digits", {"Upload-Metadata": metadata(sha256="１" * 64)}, 422, "file.hash_needed"),
    ("no Base64", {"Upload-Metadata": "sha256 ***"}, 400, "file.header_invalid"),
    ("no text", {"Upload-Metadata": "sha256 " + base64.b64encode(b"\xff\xfe").decode()}, 400, "file.header_invalid"),
    ("a key twice", {"Upload-Metadata": metadata(sha256="a" * 64) + "," + metadata(sha256="b" * 64)}, 400, "file.header_invalid"),
    ("metadata without end", {"Upload-Metadata": metadata(sha256="a" * 64, filename="x" * 9_000)}, 400, "file.header_invalid"),
    ("an item that is none", {"Upload-Metadata": metadata(sha256="a" * 64, item_id="7")}, 422, "input.invalid"),
    ("a chunk with a wrong checksum", {"Content-Type": CHUNK, "Upload-Checksum": "sha256 AAAA"}, 460, "file.chunk_damaged"),
]  # fmt: skip


def test_what_is_not_created(worker: Sender, settings: Settings):
    for what, headers, status, code in NOT_CREATED:
        answer = worker.create(PHOTO, headers)
        assert (answer.status, answer.body["code"]) == (status, code), what
        assert answer.headers["Tus-Resumable"] == "1.0.0", what
    assert unfinished(settings) == []


NOT_TAKEN: list[tuple[str, int, bytes, dict[str, str], int, str]] = [
    ("behind where it stands", 99_999, b"x", {}, 409, "file.offset_moved"),
    ("before where it stands", 100_001, b"x", {}, 409, "file.offset_moved"),
    ("from the start again", 0, PHOTO, {}, 409, "file.offset_moved"),
    ("more than announced", 100_000, PHOTO, {}, 413, "file.too_large"),
    ("without an offset", 0, b"x", {"Upload-Offset": ""}, 400, "file.header_invalid"),
    ("of another type", 100_000, b"x", {"Content-Type": "image/jpeg"}, 415, "file.chunk_type"),
    ("of another version", 100_000, b"x", {"Tus-Resumable": "2.0.0"}, 412, "file.tus_version"),
    ("damaged", 100_000, b"x", {"Upload-Checksum": f"sha256 {base64.b64encode(b'0' * 32).decode()}"}, 460, "file.chunk_damaged"),
    ("checked by something else", 100_000, b"x", {"Upload-Checksum": "md5 AAAA"}, 400, "file.header_invalid"),
    ("checked by nothing", 100_000, b"x", {"Upload-Checksum": "sha256"}, 400, "file.header_invalid"),
]  # fmt: skip


def test_what_is_not_taken_in_leaves_the_upload_where_it_stands(worker: Sender, settings: Settings):
    url = worker.create(PHOTO).headers["Location"]
    worker.patch(url, 0, PHOTO[:100_000])
    for what, offset, data, headers, status, code in NOT_TAKEN:
        answer = worker.patch(url, offset, data, headers)
        assert (answer.status, answer.body["code"]) == (status, code), what
        assert worker.offset(url) == 100_000, what
    assert worker.patch(url, 100_000, PHOTO[100_000:]).status == 204
    assert store_of(settings).original(settings, sha256(PHOTO)) == PHOTO


@pytest.mark.parametrize("algorithm", ["sha256", "sha1"])  # the second is what tuspy sends
def test_a_chunk_with_its_checksum(worker: Sender, algorithm: str):
    url = worker.create(PHOTO).headers["Location"]
    digest = base64.b64encode(hashlib.new(algorithm, PHOTO).digest()).decode()
    assert worker.patch(url, 0, PHOTO, {"Upload-Checksum": f"{algorithm} {digest}"}).status == 204


def test_what_is_not_what_it_said_is_discarded(worker: Sender, settings: Settings):
    url = worker.create(PHOTO).headers["Location"]
    worker.patch(url, 0, PHOTO[:200_000])
    answer = worker.patch(url, 200_000, bytes(100_000))
    assert (answer.status, answer.body["code"]) == (460, "file.hash_mismatch")
    assert worker.head(url).status == 404
    assert (originals(settings), unfinished(settings)) == ([], [])
    worker.sends(PHOTO)  # and can be uploaded again
    assert originals(settings) == [sha256(PHOTO)]


def test_a_creation_that_brings_the_file_along(worker: Sender, settings: Settings):
    whole = worker.create(PHOTO, {"Content-Type": CHUNK}, body=PHOTO)
    assert (whole.status, whole.headers["Upload-Offset"]) == (201, "300000")
    half = worker.create(some_bytes(1_000, seed=2), {"Content-Type": CHUNK}, body=some_bytes(1_000, seed=2)[:400])
    assert (half.status, half.headers["Upload-Offset"]) == (201, "400")
    worker.end(half.headers["Location"])
    wrong = worker.create(some_bytes(1_000, seed=3), {"Content-Type": CHUNK}, body=bytes(1_000))
    assert (wrong.status, wrong.body["code"]) == (460, "file.hash_mismatch")
    assert (originals(settings), unfinished(settings)) == ([sha256(PHOTO)], [])


def test_an_empty_file_is_whole_from_the_start(worker: Sender):
    created = worker.create(b"")
    assert (created.status, created.headers["Upload-Offset"]) == (201, "0")
    assert worker.end(created.headers["Location"]).status == 403


def test_the_area_holds_a_file_once(sender: Senders, settings: Settings):
    sender("grid_worker").sends(PHOTO)
    colleague, elsewhere = sender("grid_worker_2"), sender("grid_worker_3")
    again = colleague.create(PHOTO)
    assert (again.status, again.headers["Upload-Offset"]) == (201, "300000")
    url = again.headers["Location"]
    assert colleague.offset(url) == 300_000
    for chunk in (PHOTO[:65_536], PHOTO, b""):  # a client that does not read the offset of the creation sends from 0
        answer = colleague.patch(url, 0, chunk)
        assert (answer.status, answer.headers["Upload-Offset"]) == (204, "300000")
    assert colleague.patch(url, 300_000, b"").status == 204
    assert colleague.patch(url, 65_536, PHOTO[65_536:]).status == 409
    # Another community does not learn from a hash that somebody has the file: it has to bring it itself.
    assert elsewhere.create(PHOTO).headers["Upload-Offset"] == "0"
    assert originals(settings) == [sha256(PHOTO)]


def test_who_names_a_held_hash_and_sends_something_else_is_found_out(sender: Senders, settings: Settings):
    mine = sender("grid_worker").sends(PHOTO)
    other = sender("grid_worker_2")
    url = other.create(PHOTO).headers["Location"]
    answer = other.patch(url, 0, bytes(1_000))
    assert (answer.status, answer.body["code"]) == (460, "file.hash_mismatch")
    assert other.head(url).status == 404
    assert store_of(settings).original(settings, sha256(PHOTO)) == PHOTO
    assert sender("grid_worker").patch(mine, 0, bytes(1_000)).status == 460
    assert sender("grid_worker").offset(mine) == 300_000


def test_ending_an_upload(worker: Sender, settings: Settings):
    url = worker.create(PHOTO).headers["Location"]
    worker.patch(url, 0, PHOTO[:1_000])
    assert worker.end(url).status == 204
    assert (worker.head(url).status, worker.end(url).status) == (404, 404)
    assert unfinished(settings) == []
    finished = worker.sends(PHOTO)
    refused = worker.end(finished)
    assert (refused.status, refused.body["code"]) == (403, "file.is_evidence")
    assert store_of(settings).original(settings, sha256(PHOTO)) == PHOTO


def test_another_persons_upload_is_not_there(sender: Senders):
    url = sender("grid_worker").create(PHOTO).headers["Location"]
    for stranger in (sender("grid_worker_2"), sender("street_dispatcher")):
        assert stranger.head(url).status == 404
        for answer in (stranger.patch(url, 0, PHOTO), stranger.end(url)):
            assert (answer.status, answer.body["code"]) == (404, "file.upload_not_found")
    assert sender("grid_worker").offset(url) == 0


def test_nobody_uploads_without_a_sign_in_or_without_a_reason(client: Caller, sender: Senders):
    stranger = Sender(client)
    assert [one.status for one in (stranger.create(PHOTO), stranger.head(f"{FILES}/{SOMEBODY}"))] == [401, 401]
    for role in ("auditor", "administrator", "platform_owner", "leading_group"):
        assert sender(role).create(PHOTO).status == 403, role
    for role in ("market_manager", "intake_clerk", "community_handler", "case_officer", "supervision_office"):
        assert sender(role).create(some_bytes(10, seed=hash(role))).status == 201, role


def test_the_other_ways_to_say_the_same(worker: Sender, client: Caller):
    asked = client.ask("OPTIONS", FILES)
    assert asked.status == 200
    assert {name: asked.headers[name] for name in ("Tus-Version", "Tus-Max-Size", "Tus-Checksum-Algorithm")} == {
        "Tus-Version": "1.0.0", "Tus-Max-Size": "10000000", "Tus-Checksum-Algorithm": "sha256,sha1",
    }  # fmt: skip
    assert set(asked.headers["Tus-Extension"].split(",")) == {
        "creation", "creation-with-upload", "checksum", "expiration", "termination",
    }  # fmt: skip
    url = worker.create(PHOTO, path=f"{FILES}/").headers["Location"]
    meant = {**TUS, "Upload-Offset": "0", "Content-Type": CHUNK, "X-HTTP-Method-Override": "PATCH"}
    assert worker.caller.ask("POST", url, data=PHOTO[:10], headers=meant).headers["Upload-Offset"] == "10"
    stands = worker.caller.ask("POST", url, headers={**TUS, "X-HTTP-Method-Override": "HEAD"})
    assert stands.headers["Upload-Offset"] == "10"
    assert worker.offset(f"{url}/") == 10
    assert worker.caller.ask("POST", url, headers=TUS).status == 405
    assert worker.caller.ask("POST", url, headers={**TUS, "X-HTTP-Method-Override": "DELETE"}).status == 204
    assert worker.head(url).status == 404


def test_fourteen_days_and_an_unfinished_upload_is_gone(worker: Sender, clock: Clock):
    url = worker.create(PHOTO).headers["Location"]
    clock.advance(days=13, hours=23)
    assert worker.patch(url, 0, PHOTO[:1_000]).status == 204
    clock.advance(hours=1)
    assert (worker.head(url).status, worker.patch(url, 1_000, b"x").status) == (404, 404)


# -- limits -----------------------------------------------------------------------------------------------------------


def one_colour(width: int, height: int) -> bytes:
    """A PNG of two colours: many pixels, few bytes."""
    out = io.BytesIO()
    Image.new("1", (width, height)).save(out, "PNG")
    return out.getvalue()


def header_of(width: int, height: int) -> bytes:
    """A PNG that says how large it is and has next to nothing of it."""
    header = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    checked = struct.pack(">I", 13) + header + struct.pack(">I", zlib.crc32(header))
    return b"\x89PNG\r\n\x1a\n" + checked + struct.pack(">I", 100) + b"IDAT" + bytes(104)


LIMITS: list[tuple[str, Callable[[], bytes], int]] = [
    ("10 MB", lambda: some_bytes(10_000_000), 204),
    ("40 megapixels", lambda: one_colour(8_000, 5_000), 204),
    ("a row more", lambda: one_colour(8_000, 5_001), 422),
    ("a bomb", lambda: header_of(60_000, 60_000), 422),
    ("a picture that is cut off", lambda: jpeg()[:5_000], 204),
    ("a header and nothing else", lambda: b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR", 204),
    ("something that is no picture", lambda: b"%PDF-1.7 ", 204),
]


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_the_limits_of_a_file(worker: Sender):
    for what, make, status in LIMITS:
        data = make()
        url = worker.create(data).headers["Location"]
        answer = worker.patch(url, 0, data)
        assert answer.status == status, what
        assert worker.head(url).status == (200 if status == 204 else 404), what


def test_nine_files_for_an_item(worker: Sender):
    nine = [some_bytes(20, seed=number) for number in range(9)]
    for data in nine:
        worker.sends(data, item_id=SOMEBODY)
    tenth = worker.create(b"one too many", item_id=SOMEBODY)
    assert (tenth.status, tenth.body["code"], tenth.body["facts"]) == (422, "file.too_many", {"most": 9})
    assert worker.create(nine[0], item_id=SOMEBODY.upper()).status == 201  # the same again is no tenth
    assert worker.create(b"one too many").status == 201  # an upload need not name its item


def test_a_gigabyte_begun_and_never_finished_is_enough(worker: Sender):
    ten_mb = {"Upload-Length": "10000000"}
    for number in range(100):
        headers = {**ten_mb, "Upload-Metadata": metadata(sha256=f"{number:064x}")}
        assert worker.create(b"", headers).status == 201
    refused = worker.create(PHOTO)
    assert (refused.status, refused.body["code"], refused.headers["Retry-After"]) == (429, "file.quota", "3600")


def test_bytes_are_on_the_disk_before_they_are_acknowledged(
    worker: Sender, settings: Settings, monkeypatch: pytest.MonkeyPatch
):
    synced: list[str] = []
    really = os.fsync

    def sync(handle: int) -> None:
        really(handle)
        synced.append(os.path.relpath(Path(f"/proc/self/fd/{handle}").resolve(), settings.files_dir))

    monkeypatch.setattr(os, "fsync", sync)
    monkeypatch.setattr(disk, "_sync_content", sync)
    url = worker.create(PHOTO).headers["Location"]
    part = f"uploads/{url.rpartition('/')[2]}"
    worker.patch(url, 0, PHOTO[:100_000])
    assert synced[-2:] == [part, "uploads"]  # the bytes, and the name under which they are found
    del synced[:]
    worker.patch(url, 100_000, PHOTO[100_000:])
    assert (synced[0], synced[-1]) == (part, f"originals/{sha256(PHOTO)[:2]}")


# -- what dies in between ---------------------------------------------------------------------------------------------


def test_a_death_between_the_bytes_and_the_row(worker: Sender, settings: Settings):
    """The last chunk is safe and the process dies before it says so: whoever asks next finds the upload finished."""
    asked = worker.create(PHOTO).headers["Location"]
    store_of(settings).append(settings, asked.rpartition("/")[2], 0, PHOTO)
    assert worker.offset(asked) == 300_000
    assert worker.end(asked).status == 403
    resumed = worker.create(some_bytes(1_000, seed=3)).headers["Location"]
    store_of(settings).append(settings, resumed.rpartition("/")[2], 0, some_bytes(1_000, seed=3))
    assert worker.patch(resumed, 1_000, b"").status == 204
    wrong = worker.create(some_bytes(1_000, seed=4)).headers["Location"]
    store_of(settings).append(settings, wrong.rpartition("/")[2], 0, bytes(1_000))
    assert worker.head(wrong).status == 404
    assert (len(originals(settings)), unfinished(settings)) == (2, [])


@contextmanager
def no_file_grows_beyond(size: int) -> Iterator[None]:
    """The operating system lets no process write behind this many bytes of a file: a full disk that needs no disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_full_disk_changes_nothing_and_is_over_when_there_is_room(worker: Sender, settings: Settings):
    data = some_bytes(9_900_000)
    url = worker.create(data).headers["Location"]
    worker.patch(url, 0, data[:9_000_000])
    with no_file_grows_beyond(9_400_000):
        refused = worker.patch(url, 9_000_000, data[9_000_000:])
        assert (refused.status, refused.body["code"], refused.headers["Retry-After"]) == (507, "file.store_full", "30")
        assert worker.offset(url) == 9_000_000
        assert Path(settings.files_dir, "uploads", url.rpartition("/")[2]).stat().st_size == 9_000_000
    assert worker.patch(url, 9_000_000, data[9_000_000:]).status == 204
    assert store_of(settings).original(settings, sha256(data)) == data


def test_a_disk_that_cannot_be_written(worker: Sender, settings: Settings, tmp_path: Path):
    Path(settings.files_dir).write_text("a file where the folder should be")
    refused = worker.patch(worker.create(PHOTO).headers["Location"], 0, PHOTO)
    assert (refused.status, refused.body["code"], refused.headers["Retry-After"]) == (
        503,
        "file.store_unreachable",
        "30",
    )
