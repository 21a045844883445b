"""Tokens: opaque text that says up to where a phone holds a scope (sync-protocol, section 3).

A token reads `<epoch>.<seq>-<mac>`, and `<epoch>.<seq>+<build>.<page>.<offset>-<mac>` while a snapshot is being paged. The
MAC binds it to its scope and schema, so that a token of another scope or of an older schema is no token at all: it is
answered with a snapshot.
"""

from __future__ import annotations

import base64
import hmac
import re
from dataclasses import dataclass

_SHAPE = re.compile(
    r"(?P<text>(?P<epoch>[0-9a-f]{1,8})\.(?P<seq>\d{1,18})(?:\+(?P<build>[0-9a-f]{16})\.(?P<page>\d{1,6})\.(?P<offset>\d{1,8}))?)"
    r"-(?P<mac>[0-9A-Za-z_-]{11})",
    re.ASCII,
)


@dataclass(frozen=True, slots=True)
class Position:
    """Where a phone stands in a scope: at `seq` of `epoch`, or within the snapshot `build` after `page` pages, `offset` documents."""

    epoch: str
    seq: int
    build: str | None = None
    page: int = 0
    offset: int = 0


def issue(secret: str, scope: str, schema: int, position: Position) -> str:
    """The token of a position; at most 80 characters."""
    text = f"{position.epoch}.{position.seq}"
    if position.build:
        text += f"+{position.build}.{position.page}.{position.offset}"
    return f"{text}-{_mac(secret, scope, schema, text)}"


def read(secret: str, scope: str, schema: int, token: object) -> Position | None:
    """The position in a token of this scope and schema, None for anything that is not one of ours. Never raises."""
    match = _SHAPE.fullmatch(token) if isinstance(token, str) else None
    if match is None or not hmac.compare_digest(match["mac"], _mac(secret, scope, schema, match["text"])):
        return None
    return Position(
        match["epoch"], int(match["seq"]), match["build"], int(match["page"] or 0), int(match["offset"] or 0)
    )


def _mac(secret: str, scope: str, schema: int, text: str) -> str:
    mac = hmac.digest(secret.encode(), f"sync token\x00{schema}\x00{scope}\x00{text}".encode(), "sha256")
    return base64.urlsafe_b64encode(mac[:8]).decode().rstrip("=")
