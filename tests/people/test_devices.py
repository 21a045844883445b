"""Devices: listed and revoked by their owner or by an administrator of the area (sync-protocol section 2)."""

from __future__ import annotations

import pytest

from gridwatch.domain.permits import Role
from gridwatch.people.service import NewGrant, create_or_update_user
from tests.fixtures import PASSWORD_HASH, Caller, Clock, World


def test_ones_own_devices_the_newest_first(client: Caller, world: World, clock: Clock):
    old = client.as_("grid_worker")
    clock.advance(minutes=5)
    new = client.as_("grid_worker")
    client.as_("grid_worker_2")
    items = new.get("/api/v1/auth/devices").body["items"]
    assert [(item["id"], item["current"]) for item in items] == [(new.device_id, True), (old.device_id, False)]
    assert items[0] == {
        "id": new.device_id, "user_id": world.people["grid_worker"], "name": "测试手机", "platform": "android",
        "app_build": 17, "first_seen_at": "2026-09-18T01:05:00.000Z", "last_seen_at": "2026-09-18T01:05:00.000Z",
        "revoked_at": None, "current": True,
    }  # fmt: skip


def test_a_refresh_is_seen_in_the_list(new_phone, clock: Clock):
    phone = new_phone("grid_worker")
    clock.advance(hours=2)
    phone.trade()
    listed = phone.http.get("/api/v1/auth/devices", headers={"Authorization": f"Bearer {phone.access}"}).body["items"]
    assert listed[0]["last_seen_at"] == "2026-09-18T03:00:00.000Z"


def test_a_revoked_device_is_out_until_somebody_signs_in_on_it_again(client: Caller, new_phone):
    lost, here = new_phone("grid_worker"), client.as_("grid_worker")
    assert here.delete(f"/api/v1/auth/devices/{lost.id}").status == 204
    assert here.delete(f"/api/v1/auth/devices/{lost.id}").status == 204
    assert not lost.is_in()
    assert lost.trade().body["code"] == "auth.required"
    revoked = next(item for item in here.get("/api/v1/auth/devices").body["items"] if item["id"] == lost.id)
    assert revoked["revoked_at"] == "2026-09-18T01:00:00.000Z"
    assert here.get("/api/v1/auth/devices").status == 200  # the other device stays

    assert lost.sign_in("grid_worker").status == 200
    assert lost.is_in()
    again = next(item for item in here.get("/api/v1/auth/devices").body["items"] if item["id"] == lost.id)
    assert again["revoked_at"] is None


def test_a_shared_phone_is_revoked_for_one_of_its_users_only(client: Caller, new_phone):
    phone = new_phone("grid_worker")
    first = phone.access
    phone.sign_in("grid_worker_2")  # a colleague on the same phone
    assert phone.is_in(first)
    client.as_("grid_worker").delete(f"/api/v1/auth/devices/{phone.id}")
    assert not phone.is_in(first)
    assert phone.is_in()


def test_an_administrator_sees_and_revokes_devices_of_the_area(client: Caller, new_phone, world: World):
    admin, worker, receiver = client.as_("administrator"), new_phone("grid_worker"), new_phone("department_receiver")
    whose = {"user_id": world.people["grid_worker"]}
    listed = admin.get("/api/v1/auth/devices", query_string=whose).body["items"]
    assert [item["id"] for item in listed] == [worker.id]
    assert admin.delete(f"/api/v1/auth/devices/{worker.id}", query_string=whose).status == 204
    assert admin.delete(f"/api/v1/auth/devices/{receiver.id}").status == 204  # a department of the area belongs to it
    assert not worker.is_in()
    assert not receiver.is_in()


def test_an_administrator_names_whose_a_shared_phone_is(client: Caller, new_phone, world: World):
    phone = new_phone("grid_worker")
    first = phone.access
    phone.sign_in("grid_worker_2")
    admin = client.as_("administrator")
    owner = {"user_id": world.people["grid_worker_2"]}
    assert admin.delete(f"/api/v1/auth/devices/{phone.id}", query_string=owner).status == 204
    assert (phone.is_in(first), phone.is_in()) == (True, False)
    assert admin.delete(f"/api/v1/auth/devices/{phone.id}").status == 204
    assert not phone.is_in(first)


@pytest.mark.parametrize(
    "username", ["grid_worker_2", "street_dispatcher", "supervision_office", "auditor", "elsewhere"]
)
def test_nobody_else_reaches_another_persons_device(client: Caller, new_phone, work, world, clock, username: str):
    with work() as session:
        outsider = create_or_update_user(
            session,
            "elsewhere",
            "元美社区 系统管理员",
            grants=[NewGrant(Role.ADMINISTRATOR, world.community_2)],
            at=clock.now(),
        )
        outsider.password_hash = PASSWORD_HASH
    phone, other = new_phone("grid_worker"), client.as_(username)
    whose = {"user_id": world.people["grid_worker"]}
    for more in ({}, {"query_string": whose}):
        answer = other.delete(f"/api/v1/auth/devices/{phone.id}", **more)
        assert (answer.status, answer.body["code"]) == (404, "device.not_found")
    seen = other.get("/api/v1/auth/devices", query_string=whose)
    assert (seen.status, seen.body["code"]) == (404, "person.not_found")
    assert phone.is_in()


@pytest.mark.parametrize("device_id", ["0192f0c4-0000-7000-8000-000000000000", "%00", "%", "a" * 5_000, "..%2f"])
def test_a_device_that_does_not_exist(client: Caller, world: World, device_id: str):
    assert client.as_("grid_worker").delete(f"/api/v1/auth/devices/{device_id}").status == 404
