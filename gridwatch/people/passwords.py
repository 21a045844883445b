"""Password hashes: argon2id with OWASP's smallest sound parameters (two passes over 19 MiB, one lane; about 20 ms)."""

from __future__ import annotations

from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

_HASHER = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)


def hash_password(password: str) -> str:
    """The hash to store, with its salt and parameters in it."""
    return _HASHER.hash(password)


def verify_password(stored: str | None, password: str) -> bool:
    """True when the password is the one behind the stored hash.

    Without a stored hash (unknown name, no password set yet) the work is done all the same and the answer is False, so that
    the time of the answer does not tell who exists.
    """
    try:
        _HASHER.verify(stored or _nobodys(), password)
    except (VerificationError, InvalidHashError):
        return False
    return stored is not None


@cache
def _nobodys() -> str:
    return _HASHER.hash("")
