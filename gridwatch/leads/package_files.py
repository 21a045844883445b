"""The forms in which a package is handed out: the JSON that was hashed, a PDF of it, and a ZIP of both with the evidence.

The ZIP holds package.json, package.pdf, evidence/ and manifest.json, which names every file with its SHA-256 and size, and
the evidence that has not come. It is made while it is sent: one file is in memory at a time.
"""

from __future__ import annotations

import hashlib
import io
from base64 import b64encode
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile, ZipInfo

import orjson
from flask import Response, stream_with_context
from sqlalchemy.orm import Session

from gridwatch.config import Settings
from gridwatch.domain.errors import Refusal
from gridwatch.domain.permits import Actor
from gridwatch.domain.worktime import CHINA
from gridwatch.files import images
from gridwatch.files import queries as held
from gridwatch.files import service as files
from gridwatch.files.queries import Original
from gridwatch.leads import printing
from gridwatch.leads.models import Lead, LeadPackage
from gridwatch.web.clock import rfc3339

JSON, PDF, ZIP = "json", "pdf", "zip"
FORMS = (JSON, PDF, ZIP)
FORMAT = "gridwatch-package-manifest/1"


def answer(
    session: Session, lead: Lead, package: LeadPackage, form: str, *, actor: Actor, settings: Settings, now: datetime
) -> Response:
    """A package in one of FORMS. Repr-Digest is the hash of what is sent, where it is known before it is sent.

    Originals in a ZIP are noted in the custody log as they go. Raises 503 `print.no_font` for a PDF on a machine without one.
    """
    if form == JSON:
        return _whole(package.content.encode(), "application/json", package.sha256)
    here = _here(session, package, actor)
    pdf = printing.pdf(session, lead, package, here, settings)
    name = f"{lead.no}-{package.sha256[:12]}"
    if form == PDF:
        made = _whole(pdf, "application/pdf", f"{package.sha256}-pdf")
        made.headers["Content-Disposition"] = f'inline; filename="{name}.pdf"'
        return made
    parts = _parts(package, pdf, here, actor=actor, settings=settings, now=now)
    made = Response(stream_with_context(zipped(parts, package.exported_at)), mimetype="application/zip")
    made.headers["Content-Disposition"] = f'attachment; filename="{name}.zip"'
    made.headers["Cache-Control"] = "private, no-store"
    return made


def _whole(data: bytes, media_type: str, etag: str) -> Response:
    made = Response(data, mimetype=media_type)
    made.set_etag(etag)
    made.headers["Repr-Digest"] = f"sha-256=:{b64encode(hashlib.sha256(data).digest()).decode()}:"
    return made


def _here(session: Session, package: LeadPackage, actor: Actor) -> dict[str, Original]:
    """The originals of a package's evidence that have come and that this person may read, by hash."""
    found = {}
    for sha256 in orjson.loads(package.content)["evidence"]:
        try:
            found[sha256] = held.original_within(session, sha256, actor)
        except Refusal as refusal:
            if refusal.code != "file.not_found":
                raise
    return found


def _parts(
    package: LeadPackage, pdf: bytes, here: Mapping[str, Original], *, actor: Actor, settings: Settings, now: datetime
) -> Iterator[tuple[str, bytes]]:
    """Name and bytes of each file of the ZIP; the manifest last, since it says how large each of them was."""
    written: list[dict[str, Any]] = []

    def part(name: str, data: bytes) -> tuple[str, bytes]:
        written.append({"name": name, "sha256": hashlib.sha256(data).hexdigest(), "size": len(data)})
        return name, data

    evidence = orjson.loads(package.content)["evidence"]
    yield part("package.json", package.content.encode())
    yield part("package.pdf", pdf)
    for number, sha256 in enumerate(evidence, 1):
        if sha256 in here:
            name = f"evidence/{number:02}-{sha256}.{images.ending_of(here[sha256].media_type)}"
            yield part(name, files.hand_out(here[sha256], actor=actor, settings=settings, now=now))
    manifest = {
        "format": FORMAT, "package": package.sha256, "lead_version": package.version, "made_at": rfc3339(now), "files": written,
        "missing": [sha256 for sha256 in evidence if sha256 not in here],
    }  # fmt: skip
    yield "manifest.json", orjson.dumps(manifest, option=orjson.OPT_INDENT_2)


def zipped(parts: Iterable[tuple[str, bytes]], at: datetime) -> Iterator[bytes]:
    """A ZIP of these files, piece by piece; their time in it is `at`, in China. Evidence is compressed already."""
    sink = _Sink()
    with ZipFile(sink, "w") as archive:
        for name, data in parts:
            entry = ZipInfo(name, at.astimezone(CHINA).timetuple()[:6])
            archive.writestr(entry, data, ZIP_STORED if name.startswith("evidence/") else ZIP_DEFLATED)
            yield sink.take()
    yield sink.take()


class _Sink(io.RawIOBase):
    """A file that can only be written to, and gives away what was written."""

    def __init__(self) -> None:
        self._written = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._written += data
        return len(data)

    def take(self) -> bytes:
        taken, self._written = bytes(self._written), bytearray()
        return taken
