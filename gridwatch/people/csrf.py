"""Proof that a form comes from a page of ours: an HMAC of the session that the page was shown to.

A page writes `csrf_token()` into a hidden field of that name, a script sends it as `X-CSRF-Token`. It is checked for every
request that changes something by the session cookie (web/identity.py), and by forms that sign in or out.
"""

from __future__ import annotations

import hmac

from flask import current_app, request

from gridwatch.domain.errors import Refusal
from gridwatch.web.identity import SESSION_COOKIE

FIELD, HEADER = "csrf_token", "X-CSRF-Token"


def csrf_token(session_token: str | None = None) -> str:
    """The proof for a session token, by default the one in this request's cookie; hex text."""
    token = request.cookies.get(SESSION_COOKIE, "") if session_token is None else session_token
    secret: str = current_app.config["GRIDWATCH"].secret_key
    return hmac.new(secret.encode(), b"csrf\x00" + token.encode(), "sha256").hexdigest()


def check_csrf() -> None:
    """Raises 403 `auth.form_expired` unless this request carries the proof for its own session cookie."""
    said = request.headers.get(HEADER)
    if said is None:
        said = request.form.get(FIELD, "")  # reads the body only where it is a form
    if not hmac.compare_digest(said.encode(), csrf_token().encode()):
        raise Refusal("auth.form_expired")
