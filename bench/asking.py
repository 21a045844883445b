"""What phones ask: the body of a pull, and any body as a whole HTTP request or as a WSGI environment."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any

import orjson

from bench.scopes import Phone

PULL, PUSH = "/api/v1/sync/pull", "/api/v1/sync/push"
PACKED = "zstd, gzip"  # what a phone accepts


def pull(phone: Phone, scopes: Mapping[str, str | None], *, limit: int = 500) -> bytes:
    """The body of a pull, heartbeat included. `scopes` are the scopes that the phone names, with its tokens."""
    heartbeat = {
        "device_id": phone.device_id, "app_build": 17, "unsent": 0, "unsent_bytes": 0, "oldest_unsent_at": None,
        "highest_device_no": 612, "storage_persisted": True, "storage_used": 52_400_000,
    }  # fmt: skip
    return orjson.dumps({"schema": 1, "limit": limit, "scopes": scopes, "heartbeat": heartbeat})


def over_http(phone: Phone, path: str, body: bytes, accept: str = PACKED) -> bytes:
    """A POST of a phone. `accept`: the codings of an answer that it understands; empty for none."""
    coding = f"Accept-Encoding: {accept}\r\n" if accept else ""
    return (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {phone.bearer}\r\nContent-Type: application/json\r\n"
        f"Accept: application/json\r\n{coding}Content-Length: {len(body)}\r\n\r\n"
    ).encode() + body


def within(phone: Phone, path: str, body: bytes) -> dict[str, Any]:
    """The same POST as a web server hands it to an application."""
    return {
        "REQUEST_METHOD": "POST", "SCRIPT_NAME": "", "PATH_INFO": path, "QUERY_STRING": "", "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "80", "SERVER_PROTOCOL": "HTTP/1.1", "CONTENT_TYPE": "application/json", "CONTENT_LENGTH": str(len(body)),
        "HTTP_AUTHORIZATION": f"Bearer {phone.bearer}", "HTTP_ACCEPT_ENCODING": PACKED, "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http", "wsgi.input": io.BytesIO(body), "wsgi.errors": io.StringIO(), "wsgi.multithread": True,
        "wsgi.multiprocess": True, "wsgi.run_once": False,
    }  # fmt: skip
