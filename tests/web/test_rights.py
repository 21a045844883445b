"""Every route has a permit, and every role is refused what the permit table does not give it (promise P14).

The matrix is made from the routes that there are: a route that is added later is in it without anybody's doing.
"""

from __future__ import annotations

import pytest
from flask import Flask
from sqlalchemy import literal, select, true

from gridwatch.domain.permits import PERMITS, Actor, Grant, Role, Scope, scopes_for
from gridwatch.people.reach import within
from gridwatch.web.identity import PUBLIC
from tests.fixtures import Caller, Work, World


def plain_gets(app: Flask) -> dict[str, str]:
    """Path → operation, of every GET route without a parameter in its path."""
    return {
        rule.rule: app.view_functions[rule.endpoint].permit_operation
        for rule in app.url_map.iter_rules()
        if "GET" in rule.methods and not rule.arguments
    }


def guarded_gets(app: Flask) -> dict[str, str]:
    return {path: operation for path, operation in plain_gets(app).items() if operation != PUBLIC}


def test_every_route_has_a_permit_that_exists(app: Flask):
    for rule in app.url_map.iter_rules():
        operation = getattr(app.view_functions[rule.endpoint], "permit_operation", None)
        assert operation == PUBLIC or operation in PERMITS, f"{rule.rule} has no @permit"
    assert "/api/v1/areas" in guarded_gets(app)


def test_what_is_public_is_a_short_list(app: Flask):
    """A page that needs no sign-in is rare enough to be named here."""
    public = {
        rule.rule for rule in app.url_map.iter_rules() if app.view_functions[rule.endpoint].permit_operation == PUBLIC
    }
    api = {path for path in public if path.startswith("/api/")}
    assert api == {
        "/api/v1/openapi.json", "/api/v1/auth/sign-in", "/api/v1/auth/refresh", "/api/v1/auth/sign-out",
    }  # fmt: skip


def test_nobody_gets_in_without_a_sign_in(app: Flask, client: Caller, world: World):
    for path in guarded_gets(app):
        for headers in ({}, {"Authorization": "Bearer nonsense"}, {"Authorization": "Basic Og=="}):
            answer = client.get(path, headers=headers)
            if path.startswith("/api/"):
                assert answer.status == 401, path
                assert answer.headers["WWW-Authenticate"].startswith("Bearer")
            else:
                assert answer.status in (302, 303, 401), path


@pytest.mark.parametrize("role", Role)
def test_a_role_gets_what_the_table_gives_and_nothing_else(app: Flask, client: Caller, world: World, role: Role):
    somebody = client.as_(role.value)
    for path, operation in guarded_gets(app).items():
        status = somebody.get(path).status
        if role in PERMITS[operation]:
            assert status in (200, 404, 422), (path, status)  # 422: a query that a plain GET lacks
        else:
            assert status in (403, 404), (path, status)


@pytest.mark.parametrize("marked", [False, True])
def test_a_view_without_a_permit_is_refused_to_everybody(app: Flask, client: Caller, world: World, marked: bool):
    def forgotten() -> str:
        return "secret"

    if marked:
        forgotten.permit_operation = "reference.read"
    app.add_url_rule("/forgotten", view_func=forgotten)
    for role in Role:
        answer = client.as_(role.value).get("/forgotten")
        assert (answer.status == 200) == marked, role


def test_a_refusal_comes_before_the_body_is_read(client: Caller, world: World):
    """401 comes before 422 (ruling R33): who is not signed in learns nothing of what a route takes."""
    answer = client.delete("/api/v1/auth/devices/x", query_string={"user_id": "x" * 100})
    assert answer.status == 401
    assert client.as_("grid_worker").delete("/api/v1/auth/devices/x", query_string={"user_id": "x" * 100}).status == 422


def test_without_a_role_nothing_is_reached(work: Work):
    nobody = Actor(id="x", name="x")
    everything = {scope: lambda actor, grant: true() for scope in Scope}
    with work() as session:
        for operation in PERMITS:
            assert scopes_for(nobody, operation) == frozenset()
            assert session.scalar(within(select(literal(1)), nobody, operation, everything)) is None


def test_a_scope_that_a_feature_does_not_explain_reaches_nothing(work: Work):
    worker = Actor(id="x", name="x", grants=(Grant(Role.GRID_WORKER, area_path="1/"),), grids=("1",))
    with work() as session:
        assert session.scalar(within(select(literal(1)), worker, "grid.read", {})) is None
        explained = {Scope.GRID: lambda actor, grant: true()}
        assert session.scalar(within(select(literal(1)), worker, "grid.read", explained)) == 1


def test_the_table_is_there_for_clients(client: Caller, world: World):
    body = client.as_("grid_worker").get("/api/v1/permits").body
    assert body["operations"].keys() == PERMITS.keys()
    assert body["operations"]["lead.read"]["grid_worker"] == "grid"
    assert body["roles"]["grid_worker"] == {"zh": "网格员", "en": "grid worker"}
