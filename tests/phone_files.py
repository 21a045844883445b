"""What the camera of the phone took: kept beside the store until the server has it whole, sent by tus behind the items.

Standard library only, like phone.py. `Photos(phone).take(data)` gives the entry for an item's `files`; after a push
`Photos(phone).upload()` sends what the server misses, from where it stopped the last time.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from tests.phone import Phone

CHUNK = 256 * 1024
TUS = {"Tus-Resumable": "1.0.0"}


class Photos:
    """The photos of one phone."""

    def __init__(self, phone: Phone) -> None:
        self.phone, self.store = phone, phone.store
        self.folder: Path | None = phone.store.path and phone.store.path.with_suffix(".photos")
        if self.folder is not None:
            self.folder.mkdir(exist_ok=True)

    def take(self, data: bytes, role: str = "door_plate", *, required: bool = True) -> dict[str, Any]:
        """Keep a photo; returns its entry for an item. Its hash is that of the moment in which it was taken."""
        sha256 = hashlib.sha256(data).hexdigest()
        if self.folder is None:
            self.store.save(photos={**self.store["photos"], sha256: base64.b64encode(data).decode()})
        else:
            beside = self.folder / f"{sha256}.new"
            beside.write_bytes(data)
            beside.replace(self.folder / sha256)
        return {"sha256": sha256, "size": len(data), "mime": "image/jpeg", "role": role, "required": required}

    def upload(self) -> None:
        """Send what acknowledged items need and the server's area has not got, each photo once for all items that name it.
        Raises Paused; what was sent stays sent."""
        while (wanted := next(self._wanted(), None)) is not None:
            number, sha256 = wanted
            self._send(sha256, self.store["acknowledged"][number]["item"]["id"])
            self.store.save(acknowledged=[_with_sent(done, sha256) for done in self.store["acknowledged"]])
        self._forget()

    def _forget(self) -> None:
        """Let go of the photos of items that are settled and out of memory."""
        items = [
            *self.store["outbox"],
            *(done["item"] for name in ("acknowledged", "rejected") for done in self.store[name]),
        ]
        named = {file["sha256"] for item in items for file in item.get("files") or ()}
        self.store.save(photos={sha256: data for sha256, data in self.store["photos"].items() if sha256 in named})
        for path in self.folder.iterdir() if self.folder else ():
            if path.name not in named:
                path.unlink()

    def _wanted(self) -> Iterator[tuple[int, str]]:
        """Place among the acknowledged items, and hash: what is required comes first."""
        for required in (True, False):
            for number, done in enumerate(self.store["acknowledged"]):
                for file in done["item"].get("files") or ():
                    needed = file["sha256"] in done["result"]["missing"] if required else file["required"] is False
                    if needed and file["sha256"] not in done.get("sent", []) and self._data(file["sha256"]) is not None:
                        yield number, file["sha256"]

    def _data(self, sha256: str) -> bytes | None:
        if self.folder is None:
            kept = self.store["photos"].get(sha256)
            return base64.b64decode(kept) if kept is not None else None
        path = self.folder / sha256
        return path.read_bytes() if path.exists() else None

    def _send(self, sha256: str, item_id: str) -> None:
        data = self._data(sha256) or b""
        url, offset = self._where(sha256, item_id, data)
        while offset < len(data):
            chunk = data[offset : offset + CHUNK]
            digest = base64.b64encode(hashlib.sha256(chunk).digest()).decode()
            headers = {
                **TUS, "Upload-Offset": str(offset), "Content-Type": "application/offset+octet-stream",
                "Upload-Checksum": f"sha256 {digest}",
            }  # fmt: skip
            status, answered, _ = self.phone.exchange("PATCH", url, headers, chunk, takes={204, 404, 409, 423, 460})
            if status == 204 and "upload-offset" in answered:
                offset = int(answered["upload-offset"])
            else:  # somebody else was here, or it is gone: look again
                url, offset = self._where(sha256, item_id, data)
        self.store.save(uploads={one: at for one, at in self.store["uploads"].items() if one != sha256})

    def _where(self, sha256: str, item_id: str, data: bytes) -> tuple[str, int]:
        """Where the upload of a photo is, and where it stands; begun where there is none."""
        url = self.store["uploads"].get(sha256)
        if url is not None:
            status, answered, _ = self.phone.exchange("HEAD", url, TUS, None, takes={200, 404, 410})
            if status == 200 and "upload-offset" in answered:
                return url, int(answered["upload-offset"])
        told = {"sha256": sha256, "filename": f"{sha256[:8]}.jpg", "mime": "image/jpeg", "item_id": item_id}
        metadata = ",".join(f"{key} {base64.b64encode(value.encode()).decode()}" for key, value in told.items())
        headers = {**TUS, "Upload-Length": str(len(data)), "Upload-Metadata": metadata}
        _, answered, _ = self.phone.exchange("POST", "/api/v1/files", headers, b"", takes={201})
        url = urlsplit(answered["location"]).path
        self.store.save(uploads={**self.store["uploads"], sha256: url})
        return url, int(answered.get("upload-offset", 0))


def _with_sent(done: dict[str, Any], sha256: str) -> dict[str, Any]:
    """An acknowledged item, with the note that this photo is there if the item names it."""
    names_it = any(file["sha256"] == sha256 for file in done["item"].get("files") or ())
    return {**done, "sent": [*done.get("sent", []), sha256]} if names_it else done
