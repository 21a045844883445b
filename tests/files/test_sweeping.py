"""What is not gone on with, and what nothing ever named, goes; what is evidence stays for good."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from gridwatch.audit.models import Event
from gridwatch.config import Settings
from gridwatch.db.base import new_id
from gridwatch.files.models import Upload
from gridwatch.files.stores import store_of
from gridwatch.jobs.work import sweep_files
from tests.files.sending import Sender, file_entry, originals, sha256, some_bytes, unfinished
from tests.fixtures import Clock, Work
from tests.sync.talk import push

Sweep = Callable[[], dict[str, int]]
PHOTO, OTHER = some_bytes(30_000), some_bytes(30_000, seed=2)


@pytest.fixture
def sweep(app: Flask, clock: Clock) -> Sweep:
    """One run of the job, at the clock's time."""

    def run() -> dict[str, int]:
        with app.app_context():
            return sweep_files(clock.now())

    return run


def test_what_nobody_goes_on_with_goes_after_fourteen_days(
    worker: Sender, sweep: Sweep, clock: Clock, settings: Settings, work: Work
):
    for data in (PHOTO, OTHER):
        worker.patch(worker.create(data).headers["Location"], 0, data[:10_000])
    clock.advance(days=13)
    late = worker.create(PHOTO).headers["Location"]
    assert sweep()["taken"] == 0
    clock.advance(days=1)
    assert sweep()["dropped"] == 2
    assert unfinished(settings) == []
    with work() as session:
        assert [upload.id for upload in session.scalars(select(Upload))] == [late.rpartition("/")[2]]


def test_a_file_that_nothing_names_goes_after_thirty_days(
    worker: Sender,
    sender: Callable[[str], Sender],
    sweep: Sweep,
    clock: Clock,
    settings: Settings,
    item: Any,
    work: Work,
):
    named = item(files=[file_entry(PHOTO)])
    push(worker.caller, named)
    worker.sends(PHOTO, item_id=named["id"])
    worker.sends(OTHER, item_id=new_id())  # the item never came
    sender("grid_worker_3").sends(PHOTO)  # another area: nothing there names it
    clock.advance(days=29, hours=23)
    assert sweep()["taken"] == 0
    clock.advance(hours=1)
    assert (did := sweep()) == {"taken": 5, "kept": 1, "expired": 2, "dropped": 2, "strays": 0}, did
    assert originals(settings) == [sha256(PHOTO)]
    clock.advance(days=400)
    assert sweep()["taken"] == 0  # what is evidence is never looked at again
    (again,) = push(worker.caller, named)
    assert again["missing"] == []
    assert worker.create(OTHER).headers["Upload-Offset"] == "0"
    with work() as session:
        expired = session.scalars(select(Event.subject_id).where(Event.act == "file.expired")).all()
        assert sorted(expired) == sorted([sha256(PHOTO), sha256(OTHER)])


def test_an_item_that_comes_on_the_last_day_saves_its_file(worker: Sender, sweep: Sweep, clock: Clock, item: Any):
    worker.sends(PHOTO)
    clock.advance(days=29)
    push(worker.caller, late := item(files=[file_entry(PHOTO)]))
    clock.advance(days=10)
    assert sweep()["kept"] == 1
    assert push(worker.caller, late)[0]["missing"] == []


def test_a_death_of_the_sweeper_leaves_no_row_without_its_bytes(
    worker: Sender, sweep: Sweep, clock: Clock, settings: Settings, work: Work
):
    """It dies after the first of its two steps: the file is no longer held, and its bytes are still there."""
    url = worker.sends(PHOTO)
    clock.advance(days=30)
    with work() as session:
        upload = session.get_one(Upload, url.rpartition("/")[2])
        upload.finished_at = None
    assert (originals(settings), worker.head(url).status) == ([sha256(PHOTO)], 404)
    again = worker.sends(PHOTO)  # somebody brings the same file again before the next sweep
    assert sweep()["dropped"] == 1
    assert worker.offset(again) == len(PHOTO)
    assert store_of(settings).original(settings, sha256(PHOTO)) == PHOTO


def test_bytes_that_no_row_knows(worker: Sender, sweep: Sweep, clock: Clock, settings: Settings):
    begun = worker.create(PHOTO).headers["Location"]
    worker.patch(begun, 0, PHOTO[:100])
    stray, fresh = new_id(), new_id()
    for upload_id in (stray, fresh):
        store_of(settings).append(settings, upload_id, 0, b"bytes of a process that died")
    for upload_id in (stray, begun.rpartition("/")[2]):
        path, long_ago = Path(settings.files_dir, "uploads", upload_id), clock.now() - timedelta(days=2)
        os.utime(path, (long_ago.timestamp(), long_ago.timestamp()))
    os.utime(Path(settings.files_dir, "uploads", fresh), (clock.now().timestamp(), clock.now().timestamp()))
    assert sweep()["strays"] == 1
    assert unfinished(settings) == sorted([fresh, begun.rpartition("/")[2]])
