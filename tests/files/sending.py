"""How the tests of files talk tus: one request at a time, so that each can go wrong by itself; and pictures to send."""

from __future__ import annotations

import base64
import hashlib
import io
import random
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import obstore
from PIL import Image

from gridwatch.config import Settings
from gridwatch.files import bucket
from gridwatch.files.stores import store_of
from tests.fixtures import Answer, Caller

FILES = "/api/v1/files"
CHUNK = "application/offset+octet-stream"
TUS = {"Tus-Resumable": "1.0.0"}


def some_bytes(size: int, seed: int = 1) -> bytes:
    """Bytes that look like no others."""
    return random.Random(seed).randbytes(size)


def sha256(data: bytes) -> str:
    """The hash of a file, as items and uploads name it."""
    return hashlib.sha256(data).hexdigest()


def metadata(**values: str) -> str:
    """Upload-Metadata of these values."""
    return ",".join(f"{key} {base64.b64encode(value.encode()).decode()}" for key, value in values.items())


def file_entry(data: bytes, role: str = "scene", *, required: bool = True) -> dict[str, Any]:
    """The entry of a file in an item."""
    return {"sha256": sha256(data), "size": len(data), "mime": "image/jpeg", "role": role, "required": required}


def originals(settings: Settings) -> list[str]:
    """The names of what the store keeps for good."""
    if settings.files_s3_bucket:
        found = obstore.list(bucket._bucket(settings), "originals/").collect()
        return sorted(one["path"].rpartition("/")[2] for one in found)
    return sorted(path.name for path in (Path(settings.files_dir) / "originals").rglob("*") if path.is_file())


def unfinished(settings: Settings) -> list[str]:
    """The names of what the store keeps of unfinished uploads."""
    return sorted(upload_id for upload_id, _ in store_of(settings).unfinished(settings))


def jpeg(width: int = 900, height: int = 600, colour: str = "red", **save: Any) -> bytes:
    """A photo; its upper half is of one colour, its lower half white."""
    image = Image.new("RGB", (width, height), "white")
    image.paste(colour, (0, 0, width, height // 2))
    out = io.BytesIO()
    image.save(out, "JPEG", **save)
    return out.getvalue()


@dataclass(frozen=True)
class Sender:
    """Somebody who uploads."""

    caller: Caller

    def create(
        self, data: bytes, headers: dict[str, str] | None = None, *, path: str = FILES, body: bytes = b"", **told: str
    ) -> Answer:
        """Announce a file; its address is in the answer's Location. `headers` replace those that would be right."""
        right = {
            **TUS,
            "Upload-Length": str(len(data)),
            "Upload-Metadata": metadata(
                **{"sha256": sha256(data), "filename": "门牌.jpg", "mime": "image/jpeg", **told}
            ),
        }
        return self.caller.ask("POST", path, data=body, headers={**right, **(headers or {})})

    def patch(self, url: str, offset: int, data: bytes, headers: dict[str, str] | None = None) -> Answer:
        """Send bytes to one offset."""
        right = {**TUS, "Upload-Offset": str(offset), "Content-Type": CHUNK}
        return self.caller.ask("PATCH", url, data=data, headers={**right, **(headers or {})})

    def head(self, url: str) -> Answer:
        """Ask where an upload stands."""
        return self.caller.ask("HEAD", url, headers=TUS)

    def offset(self, url: str) -> int:
        """Where an upload stands, an AssertionError where there is none."""
        answer = self.head(url)
        assert answer.status == 200, answer.status
        return int(answer.headers["Upload-Offset"])

    def end(self, url: str) -> Answer:
        """DELETE."""
        return self.caller.ask("DELETE", url, headers=TUS)

    def sends(self, data: bytes, chunk: int = 100_000, **told: str) -> str:
        """Upload a file as it should go; returns the address of the upload."""
        created = self.create(data, **told)
        assert created.status == 201, created.body
        url, offset = created.headers["Location"], int(created.headers["Upload-Offset"])
        while offset < len(data):
            answer = self.patch(url, offset, data[offset : offset + chunk])
            assert answer.status == 204, answer.body
            offset = int(answer.headers["Upload-Offset"])
        return url
