"""What the routes of files take and give, for the API document: tus speaks in headers, so there is hardly a body."""

from __future__ import annotations

from typing import Any

from gridwatch.files.images import FORMATS, OTHER
from gridwatch.files.tus import CHUNK_TYPE, VERSION


def _header(name: str, says: str, *, required: bool = True, **schema: Any) -> dict[str, Any]:
    return {
        "name": name,
        "in": "header",
        "required": required,
        "description": says,
        "schema": {"type": "string", **schema},
    }


_RESUMABLE = _header("Tus-Resumable", "The version of tus.", enum=[VERSION])
_CHECKSUM = _header("Upload-Checksum", "sha256 or sha1, a space, the digest of this body in Base64.", required=False)
_CHUNK = {"content": {CHUNK_TYPE: {"schema": {"type": "string", "format": "binary"}}}}

CREATE: dict[str, Any] = {
    "parameters": [
        _RESUMABLE,
        _header("Upload-Length", "Size of the file in bytes.", pattern="^[0-9]{1,15}$"),
        _header(
            "Upload-Metadata",
            "sha256 (required), filename, mime, item_id: key, space, value in Base64; commas between.",
        ),
        _CHECKSUM,
    ],
    "requestBody": {"required": False, **_CHUNK},
}
CHUNK: dict[str, Any] = {
    "parameters": [
        _RESUMABLE,
        _header("Upload-Offset", "Where these bytes belong.", pattern="^[0-9]{1,15}$"),
        _CHECKSUM,
    ],
    "requestBody": {"required": True, **_CHUNK},
}
PLAIN: dict[str, Any] = {"parameters": [_RESUMABLE]}
OVERRIDDEN: dict[str, Any] = {
    "parameters": [
        _RESUMABLE,
        _header("X-HTTP-Method-Override", "The method meant.", enum=["PATCH", "DELETE", "HEAD"]),
    ],
}
ORIGINAL: dict[str, Any] = {
    "parameters": [
        {"name": "size", "in": "query", "required": False, "schema": {"type": "string", "enum": ["thumb"]},
         "description": "`thumb`: a small JPEG without any metadata instead of the original."}
    ],
    "responses": {
        "200": {
            "description": "The file.",
            "content": {
                media_type: {"schema": {"type": "string", "format": "binary"}}
                for media_type, _ in (*FORMATS.values(), OTHER)
            },
        }
    },
}  # fmt: skip
