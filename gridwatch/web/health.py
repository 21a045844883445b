"""/healthz: the process lives. /readyz: it can do its work. Public; why not is told to operators only.

Source: promises, Operations. What is checked stands in jobs/checks.py, which `create_app` hands in here.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from flask import Blueprint, Flask, Response, current_app, jsonify, request

from gridwatch.domain.errors import Refusal
from gridwatch.domain.permits import Role
from gridwatch.web.identity import authenticated, public

LOOPBACK = frozenset({"127.0.0.1", "::1"})
FORWARDED = ("X-Forwarded-For", "Forwarded", "X-Real-IP")
KEPT_S = 5.0  # an answer is kept this long, so that probing costs next to nothing; red shows within 15 s

blueprint = Blueprint("health", __name__)


class Found(Protocol):
    """What one check found."""

    name: str
    ok: bool
    zh: str
    en: str
    fix: str


class Readiness:
    """The findings, looked up at most every KEPT_S seconds; red for good once the process is stopping."""

    def __init__(self, look: Callable[[], Sequence[Found]], kept_s: float = KEPT_S) -> None:
        self._look, self._kept_s = look, kept_s
        self._lock = threading.Lock()
        self._found: Sequence[Found] = ()
        self._until = float("-inf")
        self.stopping = threading.Event()

    def findings(self) -> Sequence[Found]:
        """The newest findings. Those who ask while another looks wait for its answer."""
        with self._lock:
            if time.monotonic() >= self._until:
                self._found = self._look()
                self._until = time.monotonic() + self._kept_s
            return self._found


def install(app: Flask, look: Callable[[], Sequence[Found]], kept_s: float = KEPT_S) -> None:
    """Give the application its two addresses. `look` runs every check, in an application context."""
    app.extensions["gridwatch.readiness"] = Readiness(look, kept_s)
    app.register_blueprint(blueprint)


def stopping(app: Flask) -> None:
    """From now on /readyz is red: a balancer sends nothing new here."""
    app.extensions["gridwatch.readiness"].stopping.set()


@blueprint.get("/healthz")
@public
def healthz() -> Response:
    """200 while the process answers at all. Touches no database."""
    return _uncached(jsonify(status="alive"))


@blueprint.get("/readyz")
@public
def readyz() -> tuple[Response, int]:
    """200 `ready` or 503 `not_ready`; with each check for loopback and administrators."""
    readiness: Readiness = current_app.extensions["gridwatch.readiness"]
    if readiness.stopping.is_set():
        return _uncached(jsonify(status="stopping")), 503
    found = readiness.findings()
    ready = all(one.ok for one in found)
    body: dict[str, Any] = {"status": "ready" if ready else "not_ready"}
    if _is_operator():
        body["checks"] = [
            {"name": one.name, "ok": one.ok, "zh": one.zh, "en": one.en, "fix": "" if one.ok else one.fix}
            for one in found
        ]
    return _uncached(jsonify(body)), 200 if ready else 503


def _uncached(answer: Response) -> Response:
    answer.headers["Cache-Control"] = "no-store"
    return answer


def _is_operator() -> bool:
    """On the machine itself (not through a proxy on it), or signed in as an administrator."""
    if request.remote_addr in LOOPBACK and not any(name in request.headers for name in FORWARDED):
        return True
    try:
        return Role.ADMINISTRATOR in authenticated().roles
    except Refusal:
        return False
