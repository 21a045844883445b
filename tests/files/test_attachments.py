"""Record first, photos after: everybody sees "2 of 3" until all are in; and who may see what came."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from PIL import Image
from sqlalchemy import select

from gridwatch.audit.models import Event
from gridwatch.config import Settings
from gridwatch.domain.permits import Role
from gridwatch.files.stores import store_of
from tests.files.sending import FILES, Sender, file_entry, jpeg, sha256, some_bytes
from tests.fixtures import PASSWORD, Caller, Clock, Work, World
from tests.leads.desks import BASIS, Desk
from tests.phone import Paused, Phone, Store, first_answers
from tests.phone_files import Photos
from tests.sync.talk import LEAD, over_flask, push

Phones = Callable[[str], Phone]
Senders = Callable[[str], Sender]
Item = Callable[..., dict[str, Any]]
THREE = [jpeg(colour=colour) for colour in ("red", "green", "blue")]
HASHES = [sha256(data) for data in THREE]


@pytest.fixture
def desk(client: Caller, world: World) -> Callable[[str], Desk]:
    """`desk("street_dispatcher")`: one of the town's people at her desk."""
    return lambda username: Desk(client.as_(username))


def attachments_of(phone: Phone, item_id: str) -> dict[str, Any]:
    """What the phone's own outcome document says of the item's files."""
    phone.pull()
    return phone.documents("outcome")[item_id][1]["attachments"]


def two_of_three(missing: str) -> dict[str, Any]:
    return {"required": 3, "here": 2, "missing": [missing]}


ALL_THREE = {"required": 3, "here": 3, "missing": []}


def test_a_lead_with_three_photos(phone: Phones, sender: Senders, desk: Callable[[str], Desk], official_calendar: None):
    worker = phone("grid_worker")
    photos = Photos(worker)
    worker.goes_offline()
    found = worker.reports(
        LEAD, scope="grid:441900004003001", files=[photos.take(data) for data in THREE] + [photos.take(b"a voice", required=False)]
    )  # fmt: skip
    worker.comes_back()
    worker.push()
    assert worker.store["acknowledged"][-1]["result"]["missing"] == HASHES
    assert attachments_of(worker, found["id"])["here"] == 0
    lost = "no network behind the second photo"
    sent, right = [], worker._send

    def until_the_third(method: str, path: str, headers: dict[str, str], body: bytes | None) -> Any:
        if method == "POST" and path == FILES:
            sent.append(path)
            if len(sent) == 3:
                raise OSError(lost)
        return right(method, path, headers, body)

    worker._send = until_the_third
    with pytest.raises(Paused, match=lost):
        photos.upload()
    assert attachments_of(worker, found["id"]) == two_of_three(HASHES[2])
    dispatcher = desk("community_dispatcher")
    assert dispatcher.sees(found["id"])["attachments"]["here"] == 2
    worker._send = right
    photos.upload()
    assert attachments_of(worker, found["id"]) == ALL_THREE
    seen = dispatcher.sees(found["id"])
    assert (seen["attachments"]["missing"], seen["evidence"]) == ([], sorted([*HASHES, sha256(b"a voice")]))
    for data in (*THREE, b"a voice"):
        assert dispatcher.caller.get(f"{FILES}/{sha256(data)}").response.data == data
    before = len(sent)
    photos.upload()
    assert len(sent) == before


def test_a_photo_survives_that_the_phone_is_switched_off(
    app: Flask, world: World, clock: Clock, tmp_path: Path, settings: Settings, official_calendar: None
):
    data, sent = some_bytes(700_000), []  # three chunks
    wire = over_flask(app)

    def switched_on() -> Photos:
        return Photos(Phone(Store(tmp_path / "phone.json"), broken_in_the_second_chunk, clock.now))

    def broken_in_the_second_chunk(method: str, path: str, headers: dict[str, str], body: bytes | None) -> Any:
        if method == "PATCH":
            sent.append(body)
            if len(sent) == 2:
                raise OSError("the battery is empty")
        return wire(method, path, headers, body)

    photos = switched_on()
    photos.phone.sign_in("grid_worker", PASSWORD)
    photos.phone.pull()
    photos.phone.reports(LEAD, scope=f"grid:{world.grid}", files=[photos.take(data)])
    photos.phone.push()
    with pytest.raises(Paused, match="battery"):
        photos.upload()
    clock.advance(hours=3)  # the access token has run out, too
    switched_on().upload()
    assert store_of(settings).original(settings, sha256(data)) == data
    assert b"".join([sent[0], *sent[2:]]) == data  # what was safe was not sent again
    assert [path.name for path in (tmp_path / "phone.photos").iterdir()] == [sha256(data)]
    clock.advance(days=8)
    again = switched_on()
    again.phone.pull()
    again.upload()
    assert list((tmp_path / "phone.photos").iterdir()) == []  # a week after its receipt


def test_a_visit_shows_what_is_missing(
    phone: Phones, client: Caller, register: Callable[..., Any], official_calendar: None
):
    task_id = register(lon=113.745, lat=23.015, datum="WGS84")["task_id"]
    worker = phone("grid_worker")
    worker.pull()
    worker.fetch_forms()
    (task,) = worker.tasks()
    photos = Photos(worker)
    visit = worker.visits(
        task, first_answers(worker.store["ref"]["items"], task["form"]), files=[photos.take(data) for data in THREE]
    )
    worker.push()
    dispatcher = client.as_("community_dispatcher")

    def seen() -> dict[str, Any]:
        (one,) = dispatcher.get(f"/api/v1/tasks/{task_id}").body["visits"]
        assert one["id"] == visit["id"]
        return one["attachments"]

    assert seen() == {"required": 3, "here": 0, "missing": sorted(HASHES)}
    photos.upload()
    assert seen() == ALL_THREE


def test_missing_is_the_state_now_whatever_the_first_answer_said(worker: Sender, sender: Senders, item: Item):
    sent = item(files=[file_entry(data) for data in THREE])
    (first,) = push(worker.caller, sent)
    assert first["missing"] == HASHES
    worker.sends(THREE[1], item_id=sent["id"])
    (second,) = push(worker.caller, sent)
    assert (second["outcome"], second["missing"]) == ("duplicate", [HASHES[0], HASHES[2]])
    sender("grid_worker_2").sends(THREE[0])  # a colleague of the community took the same picture
    sender("grid_worker_3").sends(THREE[2])  # another community is another area
    (third,) = push(worker.caller, sent)
    assert third["missing"] == [HASHES[2]]


def test_a_photo_that_came_before_its_item(worker: Sender, phone: Phones, item: Item):
    worker.sends(THREE[0])
    sent = item(files=[file_entry(data) for data in THREE])
    (result,) = push(worker.caller, sent)
    assert result["missing"] == HASHES[1:]
    assert attachments_of(phone("grid_worker"), sent["id"])["here"] == 1


# -- who may see ------------------------------------------------------------------------------------------------------

IN_REACH = {
    "grid_worker", "grid_worker_2",  # the second one only once he has the grid
    "community_dispatcher", "community_handler", "street_dispatcher", "supervision_office", "leading_group", "auditor",
    "department_receiver", "case_officer", "department_leader", "department_deputy",  # once the lead was pushed to them
}  # fmt: skip


def test_who_sees_an_original(
    sender: Senders, client: Caller, world: World, item: Item, desk: Callable[[str], Desk], official_calendar: None
):
    worker = sender("grid_worker")
    found = item("lead.report", payload=LEAD, scope=f"grid:{world.grid}", files=[file_entry(THREE[0])])
    push(worker.caller, found)
    address = f"{FILES}/{HASHES[0]}"
    assert worker.caller.get(address).status == 404  # nobody sees what is not here
    worker.sends(THREE[0])

    def who_sees() -> set[str]:
        return {name for name in world.people if client.as_(name).get(address).status == 200}

    assert client.get(address).status == 401
    departments = {"department_receiver", "case_officer", "department_leader", "department_deputy"}
    assert who_sees() == IN_REACH - departments - {"grid_worker_2"}
    lead, dispatcher = found["id"], desk("community_dispatcher")
    dispatcher.does(lead, "accept", handler=world.people["community_handler"])
    dispatcher.does(
        lead, "submit_up", exceeds_authority=True, ground="permit_authority", reason="许可属部门职权",
        proposed_department=world.department,
    )  # fmt: skip
    desk("street_dispatcher").does(
        lead, "push", lead_department=world.department, legal_basis=BASIS, summary="请介入", evidence=[HASHES[0]]
    )
    assert who_sees() == IN_REACH - {"grid_worker_2"}

    # What the department finds is evidence of the same lead: named first, missing until it is here, then seen by the same.
    desk("department_receiver").does(lead, "sign_in", officer=world.people["case_officer"])
    officer = desk("case_officer")
    officer.does(
        lead, "intervene", type="order_to_correct", occurred_on="2026-09-18", people="两名执法人员、经营者", narrative="责令改正",
        evidence=[HASHES[1]], inspection=True, licence_nos="粤执0001、粤执0002",
    )  # fmt: skip
    assert officer.sees(lead)["attachments"] == {"required": 2, "here": 1, "missing": [HASHES[1]]}
    sender("case_officer").sends(THREE[1])
    assert officer.sees(lead)["attachments"]["missing"] == []
    address = f"{FILES}/{HASHES[1]}"
    assert who_sees() == IN_REACH - {"grid_worker_2"}


def test_a_hash_alone_opens_nothing(sender: Senders, world: World, item: Item):
    """Somebody of another community names the hash as evidence of a lead of his own. He has not got the file: nor does he see it."""
    owner, thief = sender("grid_worker"), sender("grid_worker_3")
    push(owner.caller, item("lead.report", payload=LEAD, scope=f"grid:{world.grid}", files=[file_entry(THREE[0])]))
    owner.sends(THREE[0])
    own = item("lead.report", payload=LEAD, scope=f"grid:{world.grid_3}", files=[file_entry(THREE[0])])
    (result,) = push(thief.caller, own)
    assert (result["outcome"], result["missing"]) == ("accepted", [HASHES[0]])
    assert thief.caller.get(f"{FILES}/{HASHES[0]}").status == 404
    thief.sends(THREE[0])  # who has it may see it
    assert thief.caller.get(f"{FILES}/{HASHES[0]}").status == 200


@pytest.fixture
def lead_with(sender: Senders, world: World, item: Item) -> Callable[[bytes], str]:
    """`lead_with(data)`: a lead with that file as evidence; the address of the file."""

    def report(data: bytes) -> str:
        worker = sender("grid_worker")
        push(worker.caller, item("lead.report", payload=LEAD, scope=f"grid:{world.grid}", files=[file_entry(data)]))
        worker.sends(data)
        return f"{FILES}/{sha256(data)}"

    return report


def test_an_original_goes_out_as_it_came_in_and_that_is_noted(
    lead_with: Callable[[bytes], str], sender: Senders, work: Work, world: World
):
    data = taken_on_the_spot()
    reader = sender("auditor").caller
    answer = reader.get(lead_with(data))
    assert answer.response.data == data
    assert dict(answer.headers).items() >= {
        "Content-Type": "image/jpeg", "X-Content-Type-Options": "nosniff", "Cache-Control": "private, no-store",
        "Content-Disposition": f'attachment; filename="{sha256(data)}.jpg"',
    }.items()  # fmt: skip
    with work() as session:
        events = session.scalars(select(Event).where(Event.subject_id == sha256(data)).order_by(Event.no)).all()
        assert [(event.act, event.actor_id) for event in events] == [
            ("file.received", world.people["grid_worker"]), ("file.served", world.people["auditor"]),
        ]  # fmt: skip
    assert reader.ask("HEAD", f"{FILES}/{sha256(data)}").status == 200


def taken_on_the_spot() -> bytes:
    """A photo as a phone makes it: held upright, with the place, the device and a comment in it."""
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by a quarter
    exif[0x0110] = "SECRET-PHONE"
    exif.get_ifd(0x8825).update({1: "N", 2: (23.0, 1.0, 13.0), 3: "E", 4: (113.0, 45.0, 4.0)})
    return jpeg(900, 600, exif=exif, comment=b"SECRET-COMMENT", icc_profile=b"SECRET-PROFILE" * 10)


def test_a_preview_has_nothing_of_what_the_camera_wrote(
    lead_with: Callable[[bytes], str], sender: Senders, settings: Settings
):
    data = taken_on_the_spot()
    assert Image.open(io.BytesIO(data)).getexif().get_ifd(0x8825)[2] == (23.0, 1.0, 13.0)
    address, reader = lead_with(data), sender("auditor").caller
    for _ in range(2):  # made, then kept
        answer = reader.get(f"{address}?size=thumb")
        assert (answer.status, answer.headers["Content-Type"]) == (200, "image/jpeg")
        preview = Image.open(io.BytesIO(answer.response.data))
        assert (preview.size, dict(preview.getexif()), preview.info.keys() & {"exif", "comment", "icc_profile", "xmp"}) == (
            (213, 320), {}, set(),
        )  # fmt: skip
        assert b"SECRET" not in answer.response.data
        assert (
            preview.getpixel((200, 160))[0] > 200 > preview.getpixel((200, 160))[1]
        )  # the red half is on the right now
    assert len(answer.response.data) < 20_000
    assert store_of(settings).original(settings, sha256(data)) == data


def test_what_has_no_preview(lead_with: Callable[[bytes], str], sender: Senders):
    address, reader = lead_with(b"%PDF-1.7 a scanned notice"), sender("auditor").caller
    answer = reader.get(f"{address}?size=thumb")
    assert (answer.status, answer.body["code"]) == (404, "file.no_preview")
    assert reader.get(address).headers["Content-Type"] == "application/octet-stream"
    cut = lead_with(jpeg()[:3_000])
    assert reader.get(f"{cut}?size=thumb").status == 404
    assert reader.get(cut).response.data == jpeg()[:3_000]


@pytest.mark.parametrize(("role", "status"), [(Role.AUDITOR, 422), (Role.ADMINISTRATOR, 404), (Role.GRID_WORKER, 422)])
def test_reach_is_judged_before_the_question(
    lead_with: Callable[[bytes], str], sender: Senders, role: Role, status: int
):
    address = lead_with(some_bytes(100))
    assert sender(role.value).caller.get(f"{address}?size=huge").status == status
    assert sender(role.value).caller.get(f"{FILES}/{'0' * 64}?size=huge").status == 404
