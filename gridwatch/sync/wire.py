"""Bodies on the wire: JSON in (plain or gzip, its expanded size capped while it is read), JSON out (zstd, gzip or plain)."""

from __future__ import annotations

import gzip
import sys
import threading
import zlib
from collections.abc import Iterable
from functools import lru_cache
from itertools import groupby
from typing import NamedTuple

from flask import Response, request
from werkzeug.datastructures import Accept
from werkzeug.exceptions import ClientDisconnected, RequestEntityTooLarge
from werkzeug.http import parse_accept_header

from gridwatch.domain.errors import Refusal

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

_PIECE = 64 * 1024
_WORTH_PACKING = 1_000  # bytes; below, packing costs more than it saves
ZSTD_LEVEL, GZIP_LEVEL = 1, 4


class Frame(bytes):
    """A part of an answer that is kept packed: one zstd frame. A body may consist of several frames (RFC 8878, section 3)."""

    __slots__ = ()


class _OfThread(threading.local):
    """What a thread packs with: making a compressor costs more than packing a small text."""

    def __init__(self) -> None:
        self.compressor = zstd.ZstdCompressor(ZSTD_LEVEL)


_own = _OfThread()


def pack(data: bytes) -> Frame:
    """`data` as one zstd frame."""
    return Frame(_own.compressor.compress(data, zstd.ZstdCompressor.FLUSH_FRAME))


def unpack(frame: bytes) -> bytes:
    """What is in a frame of ours."""
    return zstd.decompress(frame)


def read_json(most: int, too_large: Refusal) -> bytes:
    """The body of this request, expanded. Raises 415 for another type or coding, `too_large` for more than `most` bytes, 400 for
    a body that is cut or does not unpack."""
    if request.mimetype not in ("", "application/json"):
        raise Refusal("http.unsupported_media")
    coding = request.headers.get("Content-Encoding", "identity").strip().lower()
    if coding not in ("", "identity", "gzip", "x-gzip"):
        raise Refusal("http.unsupported_media", headers={"Accept-Encoding": "gzip"})
    if (request.content_length or 0) > most:
        raise too_large
    try:
        body = _plain(most) if coding in ("", "identity") else _gunzip(most)
    except RequestEntityTooLarge:
        raise too_large from None
    except (ClientDisconnected, OSError, zlib.error, EOFError):  # OSError: a chunked body that ends before its end
        raise Refusal("sync.undecodable") from None
    if len(body) > most:
        raise too_large
    return body


def _plain(most: int) -> bytes:
    """The body as it comes, at most one piece more than `most` bytes."""
    if request.content_length is not None:
        return request.stream.read()  # never more than it said, and that was checked
    body = bytearray()
    while len(body) <= most and (piece := request.stream.read(_PIECE)):
        body += piece
    return bytes(body)


def _gunzip(most: int) -> bytes:
    """Expand the body, at most one byte more than `most`. Raises zlib.error, or EOFError when it ends too early."""
    expanded = bytearray()
    unzip = zlib.decompressobj(wbits=31)
    while (packed := request.stream.read(_PIECE)) and len(expanded) <= most:
        while packed and len(expanded) <= most:
            if unzip.eof:  # gzip may be several members, one after the other
                unzip = zlib.decompressobj(wbits=31)
            expanded += unzip.decompress(packed, most + 1 - len(expanded))
            packed = unzip.unconsumed_tail or unzip.unused_data
    if not unzip.eof and len(expanded) <= most:
        raise EOFError
    return bytes(expanded)


class Body(NamedTuple):
    """A body as it goes out, and how it is packed."""

    data: bytes
    coding: str | None = None

    def headers(self) -> list[tuple[str, str]]:
        """Its headers; it is never stored by anybody on the way."""
        said = [("Content-Type", "application/json"), ("Cache-Control", "no-store"), ("Vary", "Accept-Encoding")]
        return [*said, ("Content-Encoding", self.coding)] if self.coding else said


def fitted(parts: Iterable[bytes | Frame], accepts: str | None) -> Body:
    """`parts` of one JSON text in the coding that an Accept-Encoding header welcomes most; what is small goes plain."""
    parts = list(parts)
    worth = sum(map(len, parts)) > _WORTH_PACKING or any(isinstance(part, Frame) for part in parts)
    coding = _welcome(accepts or "") if worth else None
    return Body(_packed(parts, coding), coding)


@lru_cache(maxsize=64)
def _welcome(accepts: str) -> str | None:
    """The coding that an Accept-Encoding header welcomes most, None where it knows neither. Phones say only a few such headers."""
    accepted = parse_accept_header(accepts, Accept)
    coding = max(("zstd", "gzip"), key=lambda name: accepted[name])  # the first one where both are as welcome
    return coding if accepted[coding] else None


def answer(parts: Iterable[bytes | Frame]) -> Response:
    """A 200 of JSON made of `parts`, packed as the client of this request accepts it."""
    body = fitted(parts, request.headers.get("Accept-Encoding"))
    return Response(body.data, headers=body.headers())


def _packed(parts: list[bytes | Frame], coding: str | None) -> bytes:
    if coding == "zstd":  # kept frames go out as they are
        return b"".join(
            b"".join(group) if framed else pack(b"".join(group))
            for framed, group in groupby(parts, key=lambda part: isinstance(part, Frame))
        )
    plain = b"".join(unpack(part) if isinstance(part, Frame) else part for part in parts)
    return gzip.compress(plain, GZIP_LEVEL, mtime=0) if coding == "gzip" else plain
