"""People as other features use them: roles and who fills a post, passwords, shutting out, the browser's sign-in."""

from __future__ import annotations

import dataclasses

import pytest
from flask import Flask, Response
from sqlalchemy import select

from gridwatch.audit.models import Event
from gridwatch.domain.errors import Refusal
from gridwatch.domain.permits import Grant, Role
from gridwatch.people import browser, csrf
from gridwatch.people.models import User
from gridwatch.people.queries import people_with_role, receivers
from gridwatch.people.service import NewGrant, create_or_update_user, disable, enable, set_password
from gridwatch.web.identity import SESSION_COOKIE, permit, writes
from tests.fixtures import PASSWORD, Clock, World, user_of


def names(users) -> list[str]:
    return [user.username for user in users]


# -- roles ------------------------------------------------------------------------------------------------------------


def test_a_post_is_filled_by_who_holds_the_role_there_or_above(work, world: World):
    here = world.path(world.community)
    with work() as session:
        assert names(people_with_role(session, Role.COMMUNITY_DISPATCHER, area_path=here)) == ["community_dispatcher"]
        assert names(people_with_role(session, "street_dispatcher", area_path=here)) == ["street_dispatcher"]
        assert names(people_with_role(session, Role.AUDITOR, area_path=here)) == ["auditor"]
        assert names(people_with_role(session, Role.COMMUNITY_DISPATCHER, area_path=world.path(world.street))) == []
        found = people_with_role(session, Role.DEPARTMENT_RECEIVER, department=world.department)
        assert names(found) == ["department_receiver", "department_deputy"]  # the deputy after the receiver


def test_many_posts_in_one_go(work, world: World):
    posts = [
        Grant(Role.COMMUNITY_DISPATCHER, area_path=world.path(world.community_2)),
        Grant(Role.SUPERVISION_OFFICE, area_path=world.path(world.community_2)),
        Grant(Role.SUPERVISION_OFFICE, area_path=world.path(world.street)),
        Grant(Role.DEPARTMENT_LEADER, department=world.department_2),
        Grant(Role.DEPARTMENT_LEADER, department="none"),
        Grant(Role.COMMUNITY_DISPATCHER, area_path="441900/441900005/441900005001/"),
    ]
    with work() as session:
        found = receivers(session, posts)
        assert receivers(session, []) == {}
    by_id = {user_id: username for username, user_id in world.people.items()}
    assert [[by_id[user_id] for user_id in found[post]] for post in posts] == [
        ["community_dispatcher_2"], ["supervision_office"], ["supervision_office"], ["department_leader_2"], [], [],
    ]  # fmt: skip


def test_a_code_that_only_begins_alike_is_no_subtree(work, world: World):
    with work() as session:
        assert people_with_role(session, Role.COMMUNITY_DISPATCHER, area_path="441900/441900004/4419000040031/") == []


def test_a_disabled_person_fills_no_post(work, world: World, clock: Clock):
    with work() as session:
        disable(session, user_of(session, "department_receiver"), at=clock.now())
    with work() as session:
        found = people_with_role(session, Role.DEPARTMENT_RECEIVER, department=world.department)
        assert names(found) == ["department_deputy"]


def test_roles_are_given_and_taken_as_the_list_says(work, world: World, clock: Clock, client):
    def load(*grants: NewGrant) -> int:
        with work() as session:
            return create_or_update_user(session, "auditor", "审计员 auditor", grants=grants, at=clock.now()).rev

    both = NewGrant(Role.AUDITOR, world.city), NewGrant(Role.DEPARTMENT_RECEIVER, department_code=world.department)
    first = load(*both)
    assert load(*both) == first
    assert load(both[0], dataclasses.replace(both[1], deputy=True)) > first
    assert client.as_("auditor").signed_in["user"]["roles"] == ["auditor", "department_receiver"]
    load(both[1])
    assert client.as_("auditor").signed_in["user"]["roles"] == ["department_receiver"]


@pytest.mark.parametrize(
    ("grant", "code"),
    [
        (NewGrant(Role.AUDITOR, "999999"), "area.not_found"),
        (NewGrant(Role.CASE_OFFICER, department_code="none"), "department.not_found"),
    ],
)
def test_a_role_in_a_place_that_does_not_exist_changes_nothing(work, world: World, clock: Clock, grant, code):
    with pytest.raises(Refusal) as refused, work() as session:
        create_or_update_user(session, "new", "新", grants=[grant], at=clock.now())
    assert refused.value.code == code
    with work() as session:
        assert session.scalar(select(User).where(User.username == "new")) is None


def test_every_change_of_a_person_is_in_the_event_log(work, world: World, clock: Clock):
    with work() as session:
        set_password(session, user_of(session, "grid_worker"), "another long password", at=clock.now(), by="someone")
    with work() as session:
        acts = session.scalars(
            select(Event.act).where(Event.subject_id == world.people["grid_worker"]).order_by(Event.no)
        ).all()
        assert acts == ["person.created", "person.password_set"]


# -- passwords and shutting out ---------------------------------------------------------------------------------------


def test_a_new_password_ends_the_sign_ins_of_the_old_one_and_the_same_again_does_not(work, new_phone, clock: Clock):
    phone = new_phone("grid_worker")
    with work() as session:
        set_password(session, user_of(session, "grid_worker"), PASSWORD, at=clock.now())
    assert phone.is_in()
    with work() as session:
        set_password(session, user_of(session, "grid_worker"), "another long password", at=clock.now())
        stored = user_of(session, "grid_worker").password_hash
    assert not phone.is_in()
    assert phone.trade().status == 401
    assert phone.sign_in("grid_worker", PASSWORD).status == 401
    assert phone.sign_in("grid_worker", "another long password").status == 200
    assert stored.startswith("$argon2id$v=19$m=19456,t=2,p=1$")


def test_a_disabled_person_is_out_at_once_and_looks_like_a_wrong_password(work, new_phone, clock: Clock):
    phone = new_phone("grid_worker")
    with work() as session:
        disable(session, user_of(session, "grid_worker"), at=clock.now())
    assert not phone.is_in()
    assert phone.trade().body["code"] == "auth.required"
    assert phone.sign_in("grid_worker").body["code"] == "auth.wrong"
    with work() as session:
        enable(session, user_of(session, "grid_worker"), at=clock.now())
    assert not phone.is_in()
    assert phone.sign_in("grid_worker").status == 200


def test_somebody_without_a_password_cannot_sign_in(work, new_phone):
    with work() as session:
        user_of(session, "grid_worker").password_hash = None
    for password in ("x", "None"):
        assert new_phone().sign_in("grid_worker", password).body["code"] == "auth.wrong"


# -- the browser ------------------------------------------------------------------------------------------------------


@pytest.fixture
def pages(app: Flask) -> Flask:
    """The application with three small pages: sign in, change something, sign out."""

    def enter() -> Response:
        signed_in = browser.sign_in_browser("street_dispatcher", PASSWORD)
        return browser.set_session_cookie(Response(csrf.csrf_token(signed_in.access_token)), signed_in)

    @permit("session.own")
    @writes
    def change() -> str:
        return "done"

    def leave() -> Response:
        return browser.sign_out_browser(Response("bye"))

    for rule, view in (("/enter", enter), ("/leave", leave)):
        view.permit_operation = "public"
        app.add_url_rule(rule, view_func=view, methods=["POST"])
    app.add_url_rule("/change", view_func=change, methods=["POST"])
    return app


def test_a_browser_stays_signed_in_for_twelve_hours(pages: Flask, world: World, clock: Clock):
    window = pages.test_client()
    cookie = window.post("/enter").headers["Set-Cookie"]
    assert cookie.startswith(f"{SESSION_COOKIE}=")
    assert {"HttpOnly", "SameSite=Lax", "Path=/", "Max-Age=43200"} <= set(cookie.split("; "))
    assert "Secure" not in cookie
    clock.advance(hours=11, minutes=59)
    assert window.get("/api/v1/auth/devices").json["items"][0]["platform"] == "browser"
    clock.advance(minutes=1)
    assert window.get("/api/v1/auth/devices").status_code == 401


def test_over_https_the_cookie_is_secure(pages: Flask, world: World):
    assert "; Secure;" in pages.test_client().post("/enter", base_url="https://localhost").headers["Set-Cookie"]


def test_what_changes_something_by_cookie_must_come_from_our_own_page(pages: Flask, world: World):
    window, other = pages.test_client(), pages.test_client()
    proof, others_proof = window.post("/enter").text, other.post("/enter").text
    assert window.post("/change").json["code"] == "auth.form_expired"
    assert window.post("/change", data={csrf.FIELD: others_proof}).status_code == 403
    assert window.post("/change", data={csrf.FIELD: "é"}).status_code == 403
    assert window.post("/change", data={csrf.FIELD: proof}).text == "done"
    assert window.post("/change", json={}, headers={csrf.HEADER: proof}).text == "done"


def test_a_phone_needs_no_such_proof(pages: Flask, new_phone):
    phone = new_phone("grid_worker")
    answer = phone.http.post("/change", headers={"Authorization": f"Bearer {phone.access}"})
    assert (answer.status, answer.response.text) == (200, "done")


def test_leaving_ends_this_browsers_sign_in_only(pages: Flask, world: World):
    window, other = pages.test_client(), pages.test_client()
    window.post("/enter")
    other.post("/enter")
    token = window.get_cookie(SESSION_COOKIE).value
    window.post("/leave")
    assert window.get_cookie(SESSION_COOKIE) is None
    assert window.post("/leave").text == "bye"
    replay = pages.test_client()
    replay.set_cookie(SESSION_COOKIE, token)
    assert replay.get("/api/v1/auth/devices").status_code == 401
    assert other.get("/api/v1/auth/devices").status_code == 200
