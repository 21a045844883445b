"""Tokens: access tokens are random, refresh tokens are derived, and nothing clear is stored of either.

The refresh token of generation g of a family is (family, g, HMAC(secret, family, g)): the same successor can be made again
as often as its answer is lost, and an old one is still recognised as ours when it comes back (sync-protocol, section 2).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
from uuid import UUID

_FAMILY, _GENERATION = 16, 4  # bytes


def new_access_token() -> str:
    """A fresh access token of 256 random bits."""
    return secrets.token_urlsafe(32)


def fingerprint(token: str) -> str:
    """What is stored of an access token: SHA-256 in hex. It has no need of salt, since nobody can guess the token."""
    return hashlib.sha256(token.encode()).hexdigest()


def refresh_token(secret: str, family: str, generation: int) -> str:
    """The refresh token of a generation (from 0) of a family (a UUID as text); always the same text."""
    head = UUID(family).bytes + generation.to_bytes(_GENERATION, "big")
    return base64.urlsafe_b64encode(head + _mac(secret, head)).decode().rstrip("=")


def read_refresh_token(secret: str, token: str) -> tuple[str, int] | None:
    """The family and generation of a refresh token that this server made, else None."""
    try:
        raw = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
    except (binascii.Error, ValueError):
        return None
    head, mac = raw[: _FAMILY + _GENERATION], raw[_FAMILY + _GENERATION :]
    if not hmac.compare_digest(mac, _mac(secret, head)):
        return None
    return str(UUID(bytes=head[:_FAMILY])), int.from_bytes(head[_FAMILY:], "big")


def _mac(secret: str, head: bytes) -> bytes:
    return hmac.digest(secret.encode(), b"refresh\x00" + head, "sha256")
