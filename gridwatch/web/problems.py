"""Every error body is RFC 9457 application/problem+json of one shape (sync-protocol, section 7)."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Iterable
from typing import Any

import orjson
from flask import Flask, Response, g, request
from sqlalchemy.exc import InterfaceError, OperationalError, PendingRollbackError, SQLAlchemyError
from sqlalchemy.orm.exc import StaleDataError
from werkzeug.exceptions import HTTPException

from gridwatch.domain.errors import CATALOGUE, Refusal
from gridwatch.web.language import language
from gridwatch.web.pages import is_for_people, refusal_page

log = logging.getLogger("gridwatch")

_BY_STATUS = {
    400: "http.bad_request", 401: "auth.required", 403: "auth.forbidden", 404: "http.not_found", 405: "http.method_not_allowed",
    413: "http.too_large", 415: "http.unsupported_media", 422: "input.invalid", 500: "http.crashed", 503: "http.busy",
}  # fmt: skip
SAFE_HEADERS = (
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "same-origin"),
    (
        "Content-Security-Policy",
        "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; frame-ancestors 'none'",
    ),
)
_KEPT_HEADERS = ("Allow", "Retry-After", "WWW-Authenticate")


def problem_response(refusal: Refusal, *, status: int | None = None) -> Response:
    """The one error shape: type, title, status, detail, code, facts, do, request_id; as a page for people who look at pages."""
    spoken = language()
    status = status or refusal.entry.status
    if is_for_people():
        return refusal_page(refusal, status)
    body = {
        "type": f"urn:gridwatch:problem:{refusal.code}",
        "title": refusal.title(spoken),
        "status": status,
        "detail": refusal.title(spoken),
        "code": refusal.code,
        "facts": refusal.facts,
        "do": refusal.do(spoken),
        "request_id": g.get("request_id", ""),
    }
    answer = Response(orjson.dumps(body, default=str), status=status, content_type="application/problem+json")
    answer.headers.update(refusal.headers)
    answer.headers["Cache-Control"] = "no-store"
    if status == 401:
        answer.headers.setdefault("WWW-Authenticate", 'Bearer realm="gridwatch"')
    return answer


def from_http(error: HTTPException) -> Response:
    """An exception of the framework (unknown path, wrong method, failed validation) in our shape, headers kept."""
    status = error.code or 500
    code = _BY_STATUS.get(status, "http.refused" if status < 500 else "http.crashed")
    facts: dict[str, Any] = {}
    messages = (getattr(error, "data", None) or {}).get("messages")  # what the argument parser found, by place
    if status == 422 and messages:
        facts = {"fields": [row for place in messages.values() for row in fields_of(place)]}
    refusal = Refusal(code, **facts)
    for name in _KEPT_HEADERS:
        value = error.get_response().headers.get(name)
        if value:
            refusal.headers[name] = value
    return problem_response(refusal, status=status)


def fields_of(messages: Any, path: str = "") -> list[dict[str, str]]:
    """Marshmallow's nested messages as a flat list of {path, problem}."""
    if isinstance(messages, dict):
        return [
            row for key, value in messages.items() for row in fields_of(value, f"{path}.{key}" if path else str(key))
        ]
    if isinstance(messages, list) and any(isinstance(one, dict | list) for one in messages):
        return [row for place, value in enumerate(messages) for row in fields_of(value, f"{path}[{place}]")]
    return [{"path": path, "problem": str(one)} for one in (messages if isinstance(messages, list) else [messages])]


def _form_values() -> Iterable[str]:
    return request.form.values() if request.mimetype == "application/x-www-form-urlencoded" else ()


def install(app: Flask) -> None:
    """Give every request an id and every failure the one shape."""

    @app.before_request
    def _begin() -> None:
        g.request_id = secrets.token_hex(8)
        # No text of ours holds a NUL, and PostgreSQL refuses even to compare one.
        if "\0" in request.path:
            raise Refusal("http.not_found")
        if b"%00" in request.query_string or any("\0" in value for value in _form_values()):
            raise Refusal("http.bad_request")

    @app.after_request
    def _safe_headers(answer: Response) -> Response:
        said = {name.lower() for name, _ in answer.headers}
        for name, value in (*SAFE_HEADERS, ("X-Request-Id", g.get("request_id", ""))):
            if name.lower() not in said:
                answer.headers.add(name, value)
        return answer

    @app.errorhandler(Refusal)
    def _refused(refusal: Refusal) -> Response:
        if refusal.entry.status == 403 and g.get("actor") is not None:
            # Nothing else is written when somebody known is refused what he may not do (R33).
            app.extensions["gridwatch.denied"](g.actor.id, refusal, request.method, request.path)
        return problem_response(refusal)

    @app.errorhandler(HTTPException)
    def _http(error: HTTPException) -> Response:
        return from_http(error)

    @app.errorhandler(StaleDataError)
    def _stale(error: StaleDataError) -> Response:
        # Two people changed the same row at once; one has won. The loser is told to look again.
        return problem_response(Refusal("http.busy", headers={"Retry-After": "1"}))

    @app.errorhandler(OperationalError)
    @app.errorhandler(InterfaceError)
    @app.errorhandler(PendingRollbackError)  # the connection was lost, and something went on within its transaction
    def _database(error: SQLAlchemyError) -> Response:
        log.error("database refused", extra={"request_id": g.get("request_id")}, exc_info=error)
        return problem_response(Refusal("http.busy", headers={"Retry-After": "5"}))

    @app.errorhandler(Exception)
    def _crash(error: Exception) -> Response:
        log.error("request %s crashed", g.get("request_id"), exc_info=error)
        return problem_response(Refusal("http.crashed"))


def catalogue_as_json() -> dict[str, dict[str, Any]]:
    """The catalogue of refusals, for the API document and for clients."""
    return {
        code: {
            "status": entry.status,
            "title": {"zh": entry.title_zh, "en": entry.title_en},
            "do": {"zh": entry.do_zh, "en": entry.do_en},
        }
        for code, entry in CATALOGUE.items()
    }
