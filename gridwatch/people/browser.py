"""The sign-in of the server's own pages: a cookie with an access token of 12 hours, on a device called `browser`.

All browsers of one person are one device, so that revoking it signs out every one of them. Pages call these at the edge.
"""

from __future__ import annotations

from datetime import timedelta

from flask import Response, current_app, request

from gridwatch.db.base import db
from gridwatch.db.session import transaction
from gridwatch.domain.errors import Refusal
from gridwatch.people import sign_in
from gridwatch.web.clock import now
from gridwatch.web.identity import SESSION_COOKIE

DEVICE = sign_in.DeviceSaid(id="browser", name="浏览器 / browser", platform="browser")
LIFE = timedelta(hours=12)


def sign_in_browser(username: str, password: str) -> sign_in.SignedIn:
    """Sign in on a page; a unit of work of its own. Raises 401 `auth.wrong` or 429 `auth.locked`, the failure counted."""
    settings, moment = current_app.config["GRIDWATCH"], now()
    user_id = sign_in.whose_password(db.session(), username, password, moment)
    with transaction() as session:
        outcome = sign_in.sign_in(session, settings, username, user_id, DEVICE, moment, access_life=LIFE)
    if isinstance(outcome, Refusal):
        raise outcome
    return outcome


def sign_out_browser(answer: Response) -> Response:
    """End the sign-in of this request's cookie, if it has one, and have the browser forget it; returns the answer."""
    token = request.cookies.get(SESSION_COOKIE, "")
    if token:
        with transaction() as session:
            sign_in.sign_out(session, current_app.config["GRIDWATCH"], now(), access=token)
    answer.delete_cookie(SESSION_COOKIE, path="/", httponly=True, samesite="Lax", secure=request.is_secure)
    return answer


def set_session_cookie(answer: Response, signed_in: sign_in.SignedIn) -> Response:
    """Put the session into the browser's cookie: out of reach of scripts, not sent by other sites' forms; returns the answer."""
    answer.set_cookie(
        SESSION_COOKIE, signed_in.access_token, max_age=int(LIFE.total_seconds()), path="/",
        httponly=True, samesite="Lax", secure=request.is_secure,
    )  # fmt: skip
    answer.headers["Cache-Control"] = "no-store"
    return answer
