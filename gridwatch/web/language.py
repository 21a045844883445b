"""The language of an answer: what `?lang=` says, else the cookie that it left, else what the browser prefers. Chinese first."""

from __future__ import annotations

from flask import Flask, Response, g, request

LANGUAGES = ("zh", "en")
ARGUMENT, COOKIE = "lang", "gridwatch_lang"
A_YEAR = 365 * 24 * 60 * 60


def language() -> str:
    """`zh` or `en`, for this request."""
    for said in (request.args.get(ARGUMENT), request.cookies.get(COOKIE)):
        if said in LANGUAGES:
            return str(said)
    return request.accept_languages.best_match(LANGUAGES, default="zh") or "zh"


def keep_no_choice() -> None:
    """The answer to this request sets no cookie: a page for the public, whose links carry the language along."""
    g.language_is_kept = False


def install(app: Flask) -> None:
    """Remember the language that a person chose."""

    @app.after_request
    def _remember(answer: Response) -> Response:
        if (
            g.get("language_is_kept", True)
            and answer.mimetype == "text/html"
            and (chosen := request.args.get(ARGUMENT)) in LANGUAGES
        ):
            answer.set_cookie(
                COOKIE, chosen, max_age=A_YEAR, path="/", httponly=True, samesite="Lax", secure=request.is_secure
            )
        return answer
