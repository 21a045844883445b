"""Unsent work that a phone exported as a file, imported by the street: as if the phone had sent it (sync guide, section 11)."""

from __future__ import annotations

import base64
import hashlib
import os
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import orjson
import pytest
import rfc8785
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from flask import Flask
from PIL import Image
from sqlalchemy import select

from gridwatch.audit.models import Event
from gridwatch.config import Settings
from gridwatch.sync import export_keys
from gridwatch.sync.export_keys import key_of
from gridwatch.sync.models import Item
from tests.fixtures import Caller, Clock, Work, World
from tests.sync.talk import push
from tests.web.browser import Browser

OAEP = padding.OAEP(mgf=padding.MGF1(hashes.SHA256()), algorithm=hashes.SHA256(), label=None)
PHOTO = b"\xff\xd8 not quite a picture"
IMPORTS = "/api/v1/sync/imports"
Make = Callable[..., Any]


def text(data: bytes) -> str:
    return base64.b64encode(data).decode()


@pytest.fixture
def sealed(worker: Caller) -> Make:
    """`sealed(items)` is the file that the phone of `worker` makes of them; members of the outer and inner object by name."""

    def _seal(items: list[dict], photos: list[dict] = (), *, inner: dict | None = None, **outer: Any) -> bytes:
        told = worker.get("/api/v1/sync/export-key").body
        content = {
            "user_id": worker.signed_in["user"]["id"], "device_id": worker.device_id, "app_build": 20,
            "exported_at": "2026-09-18T01:00:00.000Z", "items": items, "photos": list(photos), **(inner or {}),
        }  # fmt: skip
        head = {"format": "gridwatch-export", "version": 1, "key_id": told["key_id"]}
        public = serialization.load_der_public_key(base64.b64decode(told["public_key"]))
        key, iv = AESGCM.generate_key(256), os.urandom(12)
        data = AESGCM(key).encrypt(iv, orjson.dumps(content), rfc8785.dumps(head))
        file = {**head, "wrapped_key": text(public.encrypt(key, OAEP)), "iv": text(iv), "data": text(data)}
        return orjson.dumps({**file, **outer})

    return _seal


def imported(caller: Caller, file: bytes) -> Any:
    return caller.post(IMPORTS, data=file, content_type="application/json")


def stored(work: Work) -> list[Item]:
    with work() as session:
        items = list(session.scalars(select(Item).order_by(Item.no)))
        session.expunge_all()
        return items


@pytest.mark.parametrize("first", ["file", "phone"])
def test_file_and_phone_have_one_effect_together_whichever_comes_first(
    client: Caller, worker: Caller, item: Make, sealed: Make, work: Work, first: str
):
    items = [item(), item()]
    street = client.as_("street_dispatcher")
    one = imported(street, sealed(items)).body["results"] if first == "file" else push(worker, *items)
    other = push(worker, *items) if first == "file" else imported(street, sealed(items)).body["results"]
    assert [result["outcome"] for result in one] == ["accepted", "accepted"]
    assert [(result["outcome"], result["receipt"]) for result in other] == [
        ("duplicate", result["receipt"]) for result in one
    ]
    assert [row.user_id for row in stored(work)] == [worker.signed_in["user"]["id"]] * 2


def test_each_item_gets_its_own_outcome_and_one_bad_item_holds_up_no_other(client: Caller, item: Make, sealed: Make):
    bad, wrong = item(id="no UUID"), item("visit.submit", payload={"result": "maybe"})
    answer = imported(client.as_("community_dispatcher"), sealed([bad, wrong, item()]))
    assert [one["outcome"] for one in answer.body["results"]] == ["rejected", "review", "accepted"]


def test_who_imported_what_is_on_record(
    client: Caller, item: Make, sealed: Make, work: Work, world: World, worker: Caller
):
    one = item()
    file = sealed([one])
    assert imported(client.as_("street_dispatcher"), file).status == 200
    with work() as session:
        event = session.scalars(select(Event).where(Event.act == "sync.imported")).one()
        data = orjson.loads(event.data)
        assert (event.actor_id, event.subject_id) == (world.people["street_dispatcher"], worker.device_id)
    assert (data["items"], data["file"]) == ([one["id"]], hashlib.sha256(file).hexdigest())


def test_photos_in_the_file_are_kept_for_their_items(client: Caller, item: Make, sealed: Make, scope: str):
    picture = BytesIO()
    Image.new("RGB", (8, 8), "red").save(picture, "JPEG")
    photo = picture.getvalue()
    sha256 = hashlib.sha256(photo).hexdigest()
    entry = {"sha256": sha256, "size": len(photo), "mime": "image/jpeg", "role": "door_plate", "required": True}
    lead = {"category": "XS03", "title": "面包作坊", "description": "无照经营", "address": "宏伟路 3 号"}
    one = item("lead.report", payload=lead, scope=scope, files=[entry])
    file = sealed([one], [{"sha256": sha256, "item_id": one["id"], "data": text(photo)}])
    street = client.as_("street_dispatcher")
    answer = imported(street, file)
    assert answer.body["photos"] == [{"sha256": sha256, "item_id": one["id"], "code": None}]
    assert imported(street, file).body["results"][0]["missing"] == []
    assert street.get(f"/api/v1/files/{sha256}").response.data == photo


UNREADABLE = [
    ("no JSON", lambda seal: b"PK\x03\x04", "sync.import_unreadable"),
    ("a list", lambda seal: b"[]", "sync.import_unreadable"),
    ("another format", lambda seal: seal([], format="zip"), "sync.import_unreadable"),
    ("another version", lambda seal: seal([], version=2), "sync.import_unreadable"),
    ("the key of another server", lambda seal: seal([], key_id="0" * 16), "sync.import_other_key"),
    ("a key that is none", lambda seal: seal([], key_id=None), "sync.import_unreadable"),
    ("no Base64", lambda seal: seal([], iv="***"), "sync.import_unreadable"),
    ("data that was changed", lambda seal: seal([], data=text(b"x" * 64)), "sync.import_unreadable"),
    ("a key that was changed", lambda seal: seal([], wrapped_key=text(b"x" * 384)), "sync.import_unreadable"),
    ("an empty nonce", lambda seal: seal([], iv=""), "sync.import_unreadable"),
    ("no push inside", lambda seal: seal([], inner={"items": "none"}), "sync.import_unreadable"),
    ("no person inside", lambda seal: seal([], inner={"user_id": 7}), "sync.import_unreadable"),
    ("photos that are none", lambda seal: seal([], inner={"photos": [7]}), "sync.import_unreadable"),
    ("photos that are no list", lambda seal: seal([], inner={"photos": 7}), "sync.import_unreadable"),
    (
        "a photo that is damaged",
        lambda seal: seal(
            [], [{"sha256": "0" * 64, "item_id": "0192f0c4-0000-7000-8000-000000000001", "data": "AA=="}]
        ),
        "sync.import_unreadable",
    ),
]


@pytest.mark.parametrize(("what", "make", "code"), UNREADABLE, ids=[case[0] for case in UNREADABLE])
def test_what_is_no_export_of_this_server_is_refused_and_changes_nothing(
    client: Caller, sealed: Make, work: Work, what: str, make: Callable[[Make], bytes], code: str
):
    answer = imported(client.as_("street_dispatcher"), make(sealed))
    assert (answer.status, answer.body["code"]) == (422, code)
    assert stored(work) == []


def test_more_than_a_batch_is_refused_whole(client: Caller, item: Make, sealed: Make, work: Work):
    answer = imported(client.as_("street_dispatcher"), sealed([item() for _ in range(201)]))
    assert (answer.status, answer.body["code"]) == (413, "sync.batch_too_large")
    assert stored(work) == []


@pytest.mark.parametrize(
    ("username", "status"),
    [
        ("street_dispatcher", 200),
        ("community_dispatcher", 200),
        ("community_dispatcher_2", 404),
        ("grid_worker", 403),
        ("auditor", 403),
        ("administrator", 403),
    ],
)
def test_only_those_who_supervise_the_person_import_his_work(
    client: Caller, item: Make, sealed: Make, work: Work, username: str, status: int
):
    assert imported(client.as_(username), sealed([item()])).status == status
    assert len(stored(work)) == (status == 200)


def test_a_phone_that_belongs_to_somebody_else_is_not_found(
    client: Caller, item: Make, sealed: Make, world: World, work: Work
):
    file = sealed([item()], inner={"user_id": world.people["grid_worker_2"]})
    assert imported(client.as_("street_dispatcher"), file).status == 404
    assert stored(work) == []


def test_the_work_of_a_revoked_phone_is_taken_as_evidence(
    client: Caller, worker: Caller, item: Make, sealed: Make, work: Work
):
    file = sealed([item()])
    assert worker.delete(f"/api/v1/auth/devices/{worker.device_id}").status == 204
    assert imported(client.as_("street_dispatcher"), file).body["results"][0]["outcome"] == "accepted"


def test_the_page_takes_the_file_and_shows_what_became_of_each_item(
    app: Flask, item: Make, sealed: Make, world: World, work: Work
):
    browser = Browser(app, "zh-CN")
    assert browser.signs_in("street_dispatcher").status == 200

    def hand_in(file: bytes) -> Any:
        form = next(one for one in browser.get("/sync/import").forms if one.action == "/sync/import")
        proof = {name: value[0] for name, value in form.values.items() if name == "csrf_token"}
        return browser.post("/sync/import", {**proof, "file": (BytesIO(file), "export.gwx")})

    assert "已收到并生效" in hand_in(sealed([item()])).text
    assert len(stored(work)) == 1
    refused = hand_in(b"not ours")
    assert (refused.status, "sync.import_unreadable" in refused.text) == (422, True)


def test_the_key_is_made_once_and_only_its_owner_reads_it(app: Flask, settings: Settings, clock: Clock):
    key = key_of(settings)
    file = Path(f"{settings.files_dir}.export-key.pem")
    assert file.stat().st_mode & 0o777 == 0o600
    export_keys._read.cache_clear()
    assert key_of(settings).id == key.id
    assert [path.name for path in file.parent.iterdir() if path.name.startswith("tmp")] == []
