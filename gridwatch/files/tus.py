"""The headers of tus 1.0.0 (https://tus.io/protocols/resumable-upload): what comes in, checked, and what goes out."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from flask import Request
from werkzeug.exceptions import ClientDisconnected
from werkzeug.http import http_date

from gridwatch.domain.errors import Refusal

VERSION = "1.0.0"
EXTENSIONS = "creation,creation-with-upload,checksum,expiration,termination"
ALGORITHMS = {"sha256": hashlib.sha256, "sha1": hashlib.sha1}  # tus wants sha1 of every server that checks at all
CHUNK_TYPE = "application/offset+octet-stream"
MOST_METADATA = 4_096
_PIECE = 64 * 1024
_KEY = re.compile(r"[!-+\--~]{1,60}")  # visible ASCII without the comma
_NUMBER = re.compile(r"[0-9]{1,15}")


@dataclass(frozen=True, slots=True)
class Body:
    """What came of a request body. `torn`: less than was announced."""

    data: bytes
    torn: bool = False


def check_version(headers: Mapping[str, str]) -> None:
    """Raise 412 `file.tus_version` for a client of another version, or of none."""
    if headers.get("Tus-Resumable") != VERSION:
        raise Refusal("file.tus_version", headers={"Tus-Version": VERSION})


def number(headers: Mapping[str, str], name: str) -> int:
    """A header that is a whole number, not negative. Raises 400 `file.header_invalid`."""
    value = headers.get(name, "")
    if not _NUMBER.fullmatch(value):
        raise Refusal("file.header_invalid", header=name)
    return int(value)


def metadata(headers: Mapping[str, str]) -> dict[str, str]:
    """Upload-Metadata: key → value. Raises 400 `file.header_invalid`."""
    told: dict[str, str] = {}
    text = headers.get("Upload-Metadata", "")
    for pair in text.split(",") if text.strip() else ():
        key, _, value = pair.strip().partition(" ")
        try:
            if not _KEY.fullmatch(key) or key in told or len(text) > MOST_METADATA:
                raise ValueError(key)
            told[key] = base64.b64decode(value, validate=True).decode()
        except ValueError:  # binascii.Error and UnicodeDecodeError are such
            raise Refusal("file.header_invalid", header="Upload-Metadata") from None
    return told


def read_body(request: Request) -> Body:
    """The body of a request, as far as it came. Raises 413 for one that is larger than any file may be."""
    received = bytearray()
    try:
        while piece := request.stream.read(_PIECE):
            received += piece
    except (ClientDisconnected, OSError):  # what each server says of a connection that was cut
        return Body(bytes(received), torn=True)
    # Some servers end the stream of a cut connection as if it were whole.
    return Body(bytes(received), torn=request.content_length is not None and len(received) < request.content_length)


def check_chunk(headers: Mapping[str, str], body: Body) -> None:
    """Hold a chunk against its Upload-Checksum, where it has one.

    Raises 400 `file.header_invalid` for an algorithm that is not ours, 460 `file.chunk_damaged`.
    """
    if "Upload-Checksum" not in headers:
        return
    algorithm, _, digest = headers["Upload-Checksum"].partition(" ")
    try:
        wanted = base64.b64decode(digest, validate=True)
    except binascii.Error:
        wanted = b""
    if algorithm not in ALGORITHMS or not wanted:
        raise Refusal("file.header_invalid", header="Upload-Checksum")
    if ALGORITHMS[algorithm](body.data).digest() != wanted:
        raise Refusal("file.chunk_damaged")


def expires(moment: datetime | None) -> dict[str, str]:
    """Upload-Expires, for an upload that will."""
    return {"Upload-Expires": http_date(moment)} if moment is not None else {}
