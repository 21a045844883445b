"""Where the bytes are: on the local disk, or in an S3-compatible bucket where GRIDWATCH_FILES_S3_BUCKET names one.

Two modules, `disk` and `bucket`, with the same functions; each takes the settings first.

    offset(settings, upload_id) -> int                  how many bytes of an upload are safe
    append(settings, upload_id, offset, data) -> int    add bytes at just this offset; the new one. 409 file.offset_moved
    assembled(settings, upload_id) -> bytes             the bytes of an upload; none where it was forgotten
    keep(settings, upload_id, sha256, data)             make the bytes of an upload an original, under their hash
    forget(settings, upload_id)                         drop the bytes of an upload
    unfinished(settings) -> (upload_id, since) …        the uploads whose bytes are there, for the sweeper
    original(settings, sha256) -> bytes                 an original
    erase(settings, sha256)                             drop an original and its preview
    preview(settings, sha256) -> bytes | None           the kept preview of an original
    keep_preview(settings, sha256, data)

What `append` and `keep` have returned from survives a power cut. An original is never written to again. All of them raise
507 `file.store_full` and 503 `file.store_unreachable`, and have then changed nothing.
"""

from __future__ import annotations

from types import ModuleType

from gridwatch.config import Settings
from gridwatch.files import bucket, disk


def store_of(settings: Settings) -> ModuleType:
    """The module that keeps the bytes under these settings."""
    return bucket if settings.files_s3_bucket else disk
