"""The key pair for exports of unsent work: phones get the public half, only this server opens what they seal with it.

The private half is a PEM file of mode 0600 beside the evidence folder, or where GRIDWATCH_EXPORT_KEY_FILE says, made at its
first use. Whoever loses it can open no export made until then: back it up together with the evidence (docs/operations.md).
"""

from __future__ import annotations

import base64
import hashlib
import os
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from gridwatch.config import Settings

ALGORITHM = "RSA-OAEP-3072-SHA256+A256GCM"
_BITS = 3072
_OAEP = padding.OAEP(mgf=padding.MGF1(hashes.SHA256()), algorithm=hashes.SHA256(), label=None)


@dataclass(frozen=True, slots=True)
class KeyPair:
    """A key pair: `id` is the first 16 hex digits of the SHA-256 of the public key, `public` that key as DER (SPKI)."""

    id: str
    public: bytes
    private: rsa.RSAPrivateKey

    def as_json(self) -> dict[str, str]:
        """What phones are told: the key in Base64."""
        return {"key_id": self.id, "algorithm": ALGORITHM, "public_key": base64.b64encode(self.public).decode()}

    def open(self, wrapped: bytes, iv: bytes, data: bytes, head: bytes) -> bytes | None:
        """What was sealed with the public key; None when it is not whole or was not made for this key."""
        try:
            return AESGCM(self.private.decrypt(wrapped, _OAEP)).decrypt(iv, data, head)
        except (ValueError, InvalidTag):
            return None


def key_of(settings: Settings) -> KeyPair:
    """The key pair of this server, made at the first use. Raises OSError where its file can neither be read nor written."""
    return _read(Path(settings.export_key_file or f"{settings.files_dir.rstrip('/')}.export-key.pem"))


@cache
def _read(path: Path) -> KeyPair:
    if not path.exists():
        _make(path)
    private = serialization.load_pem_private_key(path.read_bytes(), password=None)
    public = private.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return KeyPair(hashlib.sha256(public).hexdigest()[:16], public, private)  # type: ignore[arg-type] - we made it


def _make(path: Path) -> None:
    """Write a fresh key whole, on the disk, and only where there is none: of two processes at once one wins, both read that."""
    private = rsa.generate_private_key(public_exponent=65537, key_size=_BITS)
    pem = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, beside = tempfile.mkstemp(dir=path.parent)  # mode 0600
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(pem)
            file.flush()
            os.fsync(file.fileno())
        os.link(beside, path)
    except FileExistsError:
        return
    finally:
        os.unlink(beside)
