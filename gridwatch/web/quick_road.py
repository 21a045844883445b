"""The quick road: the framing of a request that phones make thousands of times an hour.

Flask's own road (matching an address, two contexts, hooks before and after, decorators) costs as much as a quiet pull itself. A
view that `permit(…, quick=…)` names is tried here first: the same sign-in, the same permit table, the same answer, and nothing
else. The quick road only ever answers what went well. Whatever is unusual about a request, and every refusal, takes the usual
road from its beginning, so that there is one place where errors get their shape.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from gridwatch.domain.permits import Actor, scopes_for
from gridwatch.web.problems import SAFE_HEADERS

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment

    from flask import Flask

MOST_BYTES = 64 * 1024  # of a body; larger ones are rare, and are not worth keeping for a second reading
_BEARER = "Bearer "


class Body(Protocol):
    """What a quick view answers: bytes, and the headers that say what they are."""

    data: bytes

    def headers(self) -> list[tuple[str, str]]:
        """Without the length."""
        ...


class QuickView(NamedTuple):
    """What answers at one address: the operation it needs, how its caller is found, and the view."""

    operation: str
    asks: Callable[[str], Actor]
    answer: Callable[[Any, bytes, str | None], Body]  # of the caller, the body that was sent, and Accept-Encoding


@dataclass(frozen=True, slots=True)
class QuickRoad:
    """The quick views of an application by (method, path)."""

    app: Flask
    views: dict[tuple[str, str], QuickView]

    def take(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes] | None:
        """The answer, or None where the request must take the usual road; its body can then be read there again."""
        view = self.views.get((environ["REQUEST_METHOD"], environ["PATH_INFO"]))
        if view is None or not _is_plain(environ):
            return None
        body = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
        try:
            with self.app.app_context():
                actor = view.asks(environ["HTTP_AUTHORIZATION"][len(_BEARER) :].strip())
                if not scopes_for(actor, view.operation):
                    raise PermissionError
                answer = view.answer(actor, body, environ.get("HTTP_ACCEPT_ENCODING"))
        except Exception:  # noqa: BLE001 - happens again on the usual road, which logs it and gives it its shape
            environ["wsgi.input"] = BytesIO(body)
            return None
        more = (("Content-Length", str(len(answer.data))), ("X-Request-Id", secrets.token_hex(8)))
        start_response("200 OK", [*answer.headers(), *SAFE_HEADERS, *more])
        return [answer.data]


def _is_plain(environ: WSGIEnvironment) -> bool:
    """JSON of known, small size, sent as it is by somebody with a token, and nothing in the query."""
    length = environ.get("CONTENT_LENGTH") or ""
    return (
        length.isdecimal()
        and int(length) <= MOST_BYTES
        and environ.get("CONTENT_TYPE", "").partition(";")[0] in ("", "application/json")
        and environ.get("HTTP_AUTHORIZATION", "").startswith(_BEARER)
        and not environ.get("QUERY_STRING")
        and "HTTP_CONTENT_ENCODING" not in environ
        and "HTTP_TRANSFER_ENCODING" not in environ
    )


def of(app: Flask) -> QuickRoad:
    """The road over every view of an application that names a quick one."""
    views = {}
    for rule in app.url_map.iter_rules():
        view = app.view_functions[rule.endpoint]
        quick = getattr(view, "permit_quick", None)
        if quick is not None:
            for method in rule.methods - {"HEAD", "OPTIONS"}:
                views[method, rule.rule] = QuickView(view.permit_operation, view.permit_asks, quick)
    return QuickRoad(app, views)
