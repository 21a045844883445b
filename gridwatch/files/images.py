"""What an evidence file is, found by looking at it, and its preview.

Only three formats are ever decoded (security requirement S16): what the cameras of phones and the canvas of a browser make.
Anything else is kept and handed out as it is, without a preview.
"""

from __future__ import annotations

import io
import logging
import threading

from PIL import Image, ImageOps

from gridwatch.domain.errors import Refusal

log = logging.getLogger("gridwatch")

MOST_PIXELS = 40_000_000
FORMATS = {"JPEG": ("image/jpeg", "jpg"), "PNG": ("image/png", "png"), "WEBP": ("image/webp", "webp")}
OTHER = ("application/octet-stream", "bin")
PREVIEW_SIDE, PREVIEW_QUALITY = 320, 75

Image.MAX_IMAGE_PIXELS = MOST_PIXELS  # Pillow's own wall stands at twice that; ours, in _open, at just that

# An image of 40 megapixels takes 160 MB while its preview is made: one at a time in a process.
_DECODING = threading.Lock()


def media_type_of(data: bytes) -> str:
    """The media type of a file by its content; raises 422 `file.too_many_pixels` for an image over 40 megapixels."""
    try:
        with _open(data) as image:
            return FORMATS[str(image.format)][0] if image.format in FORMATS else OTHER[0]
    except Refusal:
        raise
    except Exception as problem:  # noqa: BLE001 - every decoder has exceptions of its own; what none can read is no image
        log.debug("kept as it is, no image: %s", problem)
        return OTHER[0]


def ending_of(media_type: str) -> str:
    """The file name ending of a media type."""
    return dict(FORMATS.values()).get(media_type, OTHER[1])


def preview_of(data: bytes) -> bytes:
    """A JPEG of at most 320 pixels on its long side, upright, with nothing of the original's metadata.

    Raises 404 `file.no_preview` for what is no image that can be decoded.
    """
    try:
        with _DECODING, _open(data) as image:
            image.thumbnail((PREVIEW_SIDE, PREVIEW_SIDE))
            upright = ImageOps.exif_transpose(image).convert("RGBA")
    except Exception as problem:  # as above: the decoders agree on nothing
        log.info("no preview: %s", problem)
        raise Refusal("file.no_preview") from problem
    clean = Image.new("RGB", upright.size, "white")  # a new image carries no EXIF, comment or colour profile over
    clean.paste(upright, mask=upright.getchannel("A"))
    out = io.BytesIO()
    clean.save(out, "JPEG", quality=PREVIEW_QUALITY, optimize=True)
    return out.getvalue()


def _open(data: bytes) -> Image.Image:
    """The image with its header read and nothing decoded yet."""
    try:
        image = Image.open(io.BytesIO(data), formats=tuple(FORMATS))
    except Image.DecompressionBombError:
        raise Refusal("file.too_many_pixels", most=MOST_PIXELS) from None
    if image.width * image.height > MOST_PIXELS:
        raise Refusal("file.too_many_pixels", most=MOST_PIXELS)
    return image
