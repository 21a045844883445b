"""Signing in and out in a browser.

Nobody is signed in yet when the sign-in form is sent, so its proof hangs on a cookie of its own, made with the page and
never sent by other sites: a stranger's form cannot sign somebody in under a stranger's name.
"""

from __future__ import annotations

import hmac
import secrets
from typing import Any

from flask import Blueprint, Response, redirect, request

from gridwatch.domain.errors import Refusal
from gridwatch.people.browser import set_session_cookie, sign_in_browser, sign_out_browser
from gridwatch.people.csrf import FIELD, check_csrf, csrf_token
from gridwatch.web.identity import public
from gridwatch.web.language import language
from gridwatch.web.pages import HOME, SIGN_IN, advice, local_path, page

VISITOR = "gridwatch_visitor"
LONGEST_NAME, LONGEST_PASSWORD = 64, 1024  # as over the API

blueprint = Blueprint("people_pages", __name__, template_folder="templates")


@blueprint.app_context_processor
def _proof() -> dict[str, Any]:
    return {"csrf_token": csrf_token}


@blueprint.get("/")
@public
def start() -> Any:
    """The way in: home, and from there to sign-in where nobody is signed in."""
    return redirect(HOME)


@blueprint.get(SIGN_IN)
@public
def sign_in_form() -> Response:
    """The form. `next` is where to go afterwards, a page of this site."""
    return _form(local_path(request.args.get("next")))


@blueprint.post(SIGN_IN)
@public
def sign_in() -> Any:
    """Check name and password. What is wrong is said in one way, whether the name exists or not."""
    username, password = request.form.get("username", ""), request.form.get("password", "")
    after = local_path(request.form.get("next"))
    try:
        _check_visitor()
        if not 0 < len(username) <= LONGEST_NAME or not 0 < len(password) <= LONGEST_PASSWORD or "\0" in username:
            raise Refusal("auth.wrong")
        signed_in = sign_in_browser(username, password)
    except Refusal as refusal:
        return _form(after, username=username, refusal=refusal)
    return set_session_cookie(redirect(after, 303), signed_in)  # type: ignore[arg-type]


@blueprint.post("/sign-out")
@public
def sign_out() -> Any:
    """End this browser's sign-in; a second time does no harm."""
    check_csrf()
    return sign_out_browser(redirect(SIGN_IN, 303))  # type: ignore[arg-type]


def _check_visitor() -> None:
    visitor = request.cookies.get(VISITOR, "")
    if not visitor or not hmac.compare_digest(request.form.get(FIELD, "").encode(), csrf_token(visitor).encode()):
        raise Refusal("auth.form_expired")


def _form(after: str, *, username: str = "", refusal: Refusal | None = None) -> Response:
    visitor = request.cookies.get(VISITOR) or secrets.token_hex(16)
    answer = page(
        "people/sign_in.html", status=refusal.entry.status if refusal else 200, after=after, username=username,
        proof=csrf_token(visitor), refusal=refusal, title=refusal.title(language()) if refusal else "",
        to_do=advice(refusal) if refusal else "",
    )  # fmt: skip
    if refusal:
        answer.headers.update(refusal.headers)
    answer.set_cookie(VISITOR, visitor, path=SIGN_IN, httponly=True, samesite="Strict", secure=request.is_secure)
    return answer
