"""Evidence files: tus 1.0.0 for bringing them in (sync-protocol, section 5), one address by hash for reading them."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from typing import Any

from flask import Response, current_app, request

from gridwatch.config import Settings
from gridwatch.db.base import db
from gridwatch.domain.errors import Refusal
from gridwatch.files import images, queries, schemas, service, tus
from gridwatch.files.queries import Standing
from gridwatch.web.api import Blueprint
from gridwatch.web.clock import now
from gridwatch.web.identity import current_actor, permit

blueprint = Blueprint("files", __name__, url_prefix="/api/v1", description="证据文件 evidence files")

_HASH = re.compile(r"[0-9a-f]{64}")
_ID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_UPLOAD, _ORIGINAL = "/files/<string(length=36):upload_id>", "/files/<string(length=64):sha256>"


@blueprint.after_request
def _speak_tus(answer: Response) -> Response:
    answer.headers["Tus-Resumable"] = tus.VERSION
    if request.method == "OPTIONS":
        answer.headers["Tus-Version"] = tus.VERSION
        answer.headers["Tus-Extension"] = tus.EXTENSIONS
        answer.headers["Tus-Max-Size"] = str(service.MOST_BYTES)
        answer.headers["Tus-Checksum-Algorithm"] = ",".join(tus.ALGORITHMS)
    return answer


@blueprint.route("/files", methods=["POST"], strict_slashes=False)
@blueprint.doc(**schemas.CREATE)
@blueprint.response(201, description="Created; Upload-Offset says how much of it is here already.")
@permit("file.upload")
def create_upload() -> Response:
    """Begin an upload, with its first bytes if they come along."""
    tus.check_version(request.headers)
    wanted = _announced()
    body = tus.read_body(request) if request.mimetype == tus.CHUNK_TYPE else tus.Body(b"")
    if body.torn:
        raise Refusal("http.bad_request")  # nobody would learn the address of what is here
    tus.check_chunk(request.headers, body)
    upload, stands = service.create(wanted, body.data, actor=current_actor(), settings=_settings(), now=now())
    answer = _nothing(201, {"Upload-Offset": str(stands), **_expiry(upload, stands)})
    answer.headers["Location"] = f"/api/v1/files/{upload.id}"
    return answer


def _announced() -> service.Announced:
    told = tus.metadata(request.headers)
    size = tus.number(request.headers, "Upload-Length")
    if not _HASH.fullmatch(told.get("sha256", "")):
        raise Refusal("file.hash_needed")
    item_id = told.get("item_id") or None
    if item_id is not None and not _ID.fullmatch(item_id):
        raise Refusal(
            "input.invalid", fields=[{"path": "item_id", "problem": "应为记录编号 / the id of an item is needed"}]
        )
    return service.Announced(
        told["sha256"], size, item_id and item_id.lower(), request.headers.get("Upload-Metadata", "")
    )


@blueprint.route(_UPLOAD, methods=["HEAD"], strict_slashes=False)
@blueprint.doc(**schemas.PLAIN)
@blueprint.response(200, description="Upload-Offset says how many bytes are safe.")
@permit("file.upload")
def read_upload(upload_id: str) -> Response:
    """Where an upload of one's own stands."""
    tus.check_version(request.headers)
    upload = _mine(upload_id)
    stands = service.settle(upload, settings=_settings(), now=now())
    answer = _nothing(200, {"Upload-Offset": str(stands), "Upload-Length": str(upload.size), **_expiry(upload, stands)})
    if upload.told:
        answer.headers["Upload-Metadata"] = upload.told
    return answer


@blueprint.route(_UPLOAD, methods=["PATCH"], strict_slashes=False)
@blueprint.doc(**schemas.CHUNK)
@blueprint.response(204, description="Upload-Offset says how many bytes are safe by now.")
@permit("file.upload")
def append_to_upload(upload_id: str) -> Response:
    """Bring the next bytes of an upload. As many as came are kept, also of a connection that was cut."""
    tus.check_version(request.headers)
    upload = _mine(upload_id)
    if request.mimetype != tus.CHUNK_TYPE:
        raise Refusal("file.chunk_type")
    offset = tus.number(request.headers, "Upload-Offset")
    body = tus.read_body(request)
    tus.check_chunk(request.headers, body)
    stands = service.receive(upload, offset, body.data, settings=_settings(), now=now())
    return _nothing(204, {"Upload-Offset": str(stands), **_expiry(upload, stands)})


@blueprint.route(_UPLOAD, methods=["DELETE"], strict_slashes=False)
@blueprint.doc(**schemas.PLAIN)
@blueprint.response(204)
@permit("file.upload")
def end_upload(upload_id: str) -> Response:
    """End an unfinished upload. Evidence is never removed."""
    tus.check_version(request.headers)
    service.terminate(_mine(upload_id), settings=_settings())
    return _nothing(204, {})


@blueprint.route(_UPLOAD, methods=["POST"], strict_slashes=False)
@blueprint.doc(**schemas.OVERRIDDEN)
@blueprint.response(204)
@permit("file.upload")
def use_upload(upload_id: str) -> Response:
    """The same for clients behind a network that lets no other method through: X-HTTP-Method-Override names the one meant."""
    meant: dict[str, Callable[[str], Any]] = {"PATCH": append_to_upload, "DELETE": end_upload, "HEAD": read_upload}
    view = meant.get(request.headers.get("X-HTTP-Method-Override", "").upper())
    if view is None:
        raise Refusal("http.method_not_allowed", headers={"Allow": "HEAD, PATCH, DELETE, OPTIONS"})
    return view(upload_id=upload_id)


@blueprint.route(_ORIGINAL, methods=["GET"])
@blueprint.doc(**schemas.ORIGINAL)
@permit("file.read", hidden="file.not_found")
def read_file(sha256: str) -> Response:
    """An original, for whoever may see the lead, visit or task that names it; each reading is noted in the custody log."""
    actor, settings, size = current_actor(), _settings(), request.args.get("size")
    found = queries.original_within(db.session(), sha256, actor)
    db.session.rollback()
    if size not in (None, "thumb"):
        raise Refusal("input.invalid", fields=[{"path": "size", "problem": "只能是 thumb / only thumb"}])
    if size == "thumb":
        answer = Response(service.preview(found, settings=settings), content_type="image/jpeg")
        answer.headers["Cache-Control"] = "private, max-age=3600"
        return answer
    handed = request.method == "GET"  # a HEAD hands nothing out
    data = service.hand_out(found, actor=actor, settings=settings, now=now()) if handed else b""
    answer = Response(data, content_type=found.media_type)
    answer.headers["Content-Disposition"] = f'attachment; filename="{sha256}.{images.ending_of(found.media_type)}"'
    answer.headers["Repr-Digest"] = f"sha-256=:{base64.b64encode(bytes.fromhex(sha256)).decode()}:"
    answer.headers["Content-Security-Policy"] = "default-src 'none'; sandbox"
    answer.headers["Cache-Control"] = "private, no-store"
    return answer


def _mine(upload_id: str) -> Standing:
    """The upload of the caller; no connection to the database is held while bytes are waited for."""
    return queries.upload_of(upload_id, current_actor(), now())


def _expiry(upload: Standing, stands: int) -> dict[str, str]:
    return tus.expires(upload.expires_at) if stands < upload.size else {}


def _nothing(status: int, headers: dict[str, str]) -> Response:
    answer = Response(status=status, headers=headers)
    answer.headers["Cache-Control"] = "no-store"
    return answer


def _settings() -> Settings:
    return current_app.config["GRIDWATCH"]
