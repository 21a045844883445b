"""The files that pages refer to: style, icons, logo. Their addresses carry a hash of their content, so that they keep for a year."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

from flask import Blueprint, Response, send_from_directory

from gridwatch.domain.errors import Refusal
from gridwatch.web.identity import public

FOLDER = Path(__file__).with_name("assets")
KEPT, ASKED_AGAIN = "public, max-age=31536000, immutable", "no-cache"

blueprint = Blueprint("assets", __name__, template_folder="templates")


@cache
def _names() -> dict[str, str]:
    """File name → the name under which it is served: `gridwatch.css` → `gridwatch.0f1e2d3c4b5a.css`."""
    names = {}
    for path in sorted(FOLDER.iterdir()):
        digest = hashlib.sha256(path.read_bytes()).hexdigest()[:12]
        names[path.name] = f"{path.stem}.{digest}{path.suffix}"
    return names


def asset_url(name: str) -> str:
    """The address of one of our files. KeyError for a name that is not in the folder."""
    return f"/assets/{_names()[name]}"


@blueprint.get("/assets/<string:served>")
@public
def read_asset(served: str) -> Response:
    """A file by the name that holds its hash. A page from before an upgrade gets the new content, but may not keep it."""
    stem, _, suffix = served.rpartition(".")
    name = f"{stem.rpartition('.')[0]}.{suffix}"
    if name not in _names():
        raise Refusal("http.not_found")
    answer = send_from_directory(FOLDER, name)
    answer.headers["Cache-Control"] = KEPT if served == _names()[name] else ASKED_AGAIN
    return answer
