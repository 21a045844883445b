"""Who is asking. Deny by default: a view without `@permit` or `@public` is refused to everybody, and a test fails for it."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

from flask import Flask, current_app, g, request

from gridwatch.db.session import transaction
from gridwatch.domain.errors import Refusal
from gridwatch.domain.permits import PERMITS, Actor, scopes_for

View = TypeVar("View", bound=Callable[..., Any])
Authenticate = Callable[[str], Actor]

PUBLIC = "public"
SESSION_COOKIE = "gridwatch_session"
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


def current_actor() -> Actor:
    """The signed-in person of this request. Raises 401 `auth.required` without one."""
    actor: Actor | None = g.get("actor")
    if actor is None:
        raise Refusal("auth.required")
    return actor


def permit(
    operation: str,
    *,
    hidden: str | None = None,
    asks: Authenticate | None = None,
    quick: Callable[..., Any] | None = None,
) -> Callable[[View], View]:
    """Mark a view as one for people whose roles have `operation` in the permit table.

    A person without it gets 403 `auth.forbidden`, or, where `hidden` names a 404 code, is told that the thing does not
    exist (ruling R34: administrators, for example, see no leads). Which rows the person reaches is the query layer's work.
    `asks` finds the person behind a token in place of the usual way, for a view that wants to know more by the same statement.
    `quick` is the same view as a function of caller, body and Accept-Encoding, for web/quick_road.py; it needs `asks`.
    """
    if operation not in PERMITS:
        raise KeyError(f"no row {operation!r} in gridwatch/domain/permits.py")

    def decorate(view: View) -> View:
        view.permit_operation = operation  # type: ignore[attr-defined]
        view.permit_hidden = hidden  # type: ignore[attr-defined]
        view.permit_asks = asks  # type: ignore[attr-defined]
        view.permit_quick = quick  # type: ignore[attr-defined]
        return view

    return decorate


def public(view: View) -> View:
    """Mark a view that needs no sign-in: sign-in itself, health, static pages."""
    view.permit_operation = PUBLIC  # type: ignore[attr-defined]
    return view


def install(app: Flask) -> None:
    """Refuse before a view runs, and before its arguments are read: 401 and 403 come ahead of 422 (ruling R33)."""

    @app.before_request
    def _guard() -> None:
        rule = request.url_rule
        if rule is None or (request.method == "OPTIONS" and rule.provide_automatic_options):
            return  # nothing of ours will run
        view = current_app.view_functions[rule.endpoint]
        operation = getattr(view, "permit_operation", None)
        if operation == PUBLIC:
            return
        actor = authenticated(getattr(view, "permit_asks", None))
        if operation is None or not scopes_for(actor, operation):
            if hidden := getattr(view, "permit_hidden", None):
                raise Refusal(hidden)
            raise Refusal("auth.forbidden", wanted=sorted(role.value for role in PERMITS.get(operation or "", {})))


def authenticated(asks: Authenticate | None = None) -> Actor:
    """The actor of this request, from its bearer token or the session cookie of a browser.

    A cookie travels by itself, so a request that changes something must prove with it that it comes from a page of ours.
    Raises 401, or 403 `auth.form_expired` where that proof is missing.
    """
    if g.get("actor") is None:
        token = bearer_token()
        if not token and (token := request.cookies.get(SESSION_COOKIE, "")) and request.method not in SAFE_METHODS:
            current_app.extensions["gridwatch.check_csrf"]()
        if token:
            authenticate: Authenticate = asks or current_app.extensions["gridwatch.authenticate"]
            g.actor = authenticate(token)
    return current_actor()


def bearer_token() -> str:
    """The token in `Authorization: Bearer …`, empty without one."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def writes(view: View) -> View:
    """Run the view as one transaction: commit when it returns, roll back when it raises. Put it next to the function."""

    @wraps(view)
    def in_transaction(*args: Any, **kwargs: Any) -> Any:
        with transaction():
            return view(*args, **kwargs)

    in_transaction.writes = True  # type: ignore[attr-defined]
    return in_transaction  # type: ignore[return-value]
