"""Sheets of labels (标签) for tags: A4 in 3×8 or 4×10, cut as label stock is, as PDF or SVG.

A label shows the QR code with its quiet zone, the host that it leads to (a sticker of somebody else's is told by it), the address
and the grouped code, which can be read aloud where the picture is scratched. A quarter of the picture may be lost (level Q).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

import qrcode

from gridwatch.config import Settings
from gridwatch.domain.errors import Refusal
from gridwatch.domain.tag_code import grouped, host_in
from gridwatch.web.printing import typeset

TEMPLATE = Path(__file__).parent / "templates" / "tags" / "labels.typ"
QUIET = 4  # modules of white around, as ISO/IEC 18004 wants
_AS_LETTERS = 12  # from so many characters on, capitals and digits are packed as such: the code, but not the host


@dataclass(frozen=True, slots=True)
class Label:
    """What one label says: the code of the tag (18 characters) and the address as text."""

    code: str
    address: str


@dataclass(frozen=True, slots=True)
class Sheet:
    """A kind of label stock. Lengths in millimetres, sizes of letters in points; `side` is that of the QR code, `room` the height
    that the address has, `sizes` those that it is tried in."""

    columns: int
    rows: int
    high: float
    top: float
    side: float
    room: float
    sizes: tuple[float, ...]
    small: float
    mono: float


SHEETS = {
    24: Sheet(3, 8, 37.0, 1.6, 22.5, 7.4, (9.5, 8.5, 7.5, 6.5, 5.5, 4.5), 6.4, 8.0),
    40: Sheet(4, 10, 29.7, 1.2, 17.5, 6.0, (8.0, 7.0, 6.0, 5.0, 4.2), 5.2, 6.2),
}


def link_of(settings: Settings, code: str) -> str:
    """What the QR code of a tag says. Raises 503 `tag.no_public_url` where nobody has said under which address citizens come."""
    if not settings.public_url:
        raise Refusal("tag.no_public_url")
    return f"{settings.public_url.rstrip('/')}/t/{code}"


def print_labels(
    labels: Sequence[Label], per_page: int, settings: Settings, *, at: datetime | None = None, form: str = "pdf"
) -> list[bytes]:
    """The sheets in the order of the labels: one PDF, or one SVG a sheet. `per_page` is a key of SHEETS, `form` "pdf" or "svg".

    Raises 503 `tag.no_public_url` or `print.no_font`.
    """
    told = asdict(SHEETS[per_page]) | {
        "title": "二维码标签", "heading": "扫码", "purpose": "查看登记信息\n投诉 · 评价",
        "host": host_in(link_of(settings, "")),
        "labels": [
            {"qr": qr_svg(link_of(settings, one.code)), "address": one.address, "code": grouped(one.code)} for one in labels
        ],
    }  # fmt: skip
    return typeset(TEMPLATE, told, settings, at=at, form=form)


def qr_svg(text: str) -> str:
    """A QR code of level Q as a small SVG: one path of horizontal runs, the quiet zone around it."""
    matrix = qr_matrix(text)
    size = len(matrix)
    runs = "".join(f"M{x} {y}h{length}v1h-{length}z" for y, row in enumerate(matrix) for x, length in _runs(row))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {size} {size}" shape-rendering="crispEdges">'
        f'<path d="{runs}"/></svg>'
    )


def qr_matrix(text: str) -> list[list[bool]]:
    """The modules of that code, dark ones true, with the quiet zone."""
    code = qrcode.QRCode(error_correction=qrcode.ERROR_CORRECT_Q, border=QUIET)
    code.add_data(text, optimize=_AS_LETTERS)
    code.make()
    return code.get_matrix()


def _runs(row: Sequence[bool]) -> Iterable[tuple[int, int]]:
    start = None
    for x, dark in enumerate([*row, False]):
        if dark and start is None:
            start = x
        elif not dark and start is not None:
            yield start, x - start
            start = None
