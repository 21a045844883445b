"""The handheld: the built app of static/handheld, served under /m/, the scope of its service worker.

The page and the worker are asked for again each time, since they name everything else; what carries a hash in its name is
kept for a year. Without a build (no npm on this machine) /m/ says so, and how to make one.
"""

from __future__ import annotations

from pathlib import Path

from flask import Blueprint, Response, redirect, send_from_directory

from gridwatch.domain.errors import Refusal
from gridwatch.web.assets import ASKED_AGAIN, KEPT
from gridwatch.web.identity import public
from gridwatch.web.pages import page

FOLDER = Path(__file__).parents[1] / "webroot" / "m"
SHELL = "index.html"
POLICY = (
    "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; "
    "worker-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
_TYPES = {".webmanifest": "application/manifest+json", ".js": "text/javascript"}

blueprint = Blueprint("handheld", __name__, template_folder="templates")


@blueprint.get("/m")
@public
def without_slash() -> Response:
    """The address as people type it."""
    return redirect("/m/", 308)  # type: ignore[return-value]


@blueprint.get("/m/")
@public
def read_shell() -> Response:
    """The app, or the page that says why there is none."""
    if not (FOLDER / SHELL).is_file():
        return page("handheld_missing.html", status=503)
    return read_file(SHELL)


@blueprint.get("/m/<path:name>")
@public
def read_file(name: str) -> Response:
    """One file of the build. Raises 404 `http.not_found` for what is not in it."""
    if not (FOLDER / name).is_file():
        raise Refusal("http.not_found")
    answer = send_from_directory(FOLDER, name, mimetype=_TYPES.get(Path(name).suffix))
    answer.headers["Cache-Control"] = KEPT if name.startswith("assets/") else ASKED_AGAIN
    answer.headers["Content-Security-Policy"] = POLICY
    return answer
