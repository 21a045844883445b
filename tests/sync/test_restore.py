"""Backup and restore: phones that hold what the backup lacks bring it back (promise P11)."""

from __future__ import annotations

import os
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest
from click.testing import CliRunner, Result
from flask import Flask
from sqlalchemy import func, select

from gridwatch.app import create_app
from gridwatch.audit.models import Event
from gridwatch.config import Settings, Unready
from gridwatch.db.base import db
from gridwatch.db.migrate import newest_revision
from gridwatch.leads.models import Lead
from gridwatch.sync import backups, heartbeats
from gridwatch.sync.commands import backup, restore
from gridwatch.sync.models import Item, ServerState
from tests.databases import fresh_database, postgres_binaries
from tests.fixtures import PASSWORD, Clock, World
from tests.phone import Phone, Store, item_sha256
from tests.sync.talk import FILE, LEAD, over_flask

ELSEWHERE = "template0"  # an empty database is a copy of this one


@pytest.fixture(autouse=True)
def _programs_of_postgres(monkeypatch: pytest.MonkeyPatch) -> None:
    """pg_dump and pg_restore of the server's own version."""
    if binaries := postgres_binaries():
        monkeypatch.setenv("PATH", f"{binaries}{os.pathsep}{os.environ['PATH']}")


@pytest.fixture
def elsewhere(request: pytest.FixtureRequest, settings: Settings, tmp_path: Path) -> Iterator[Settings]:
    """The settings of another place, with an empty database of the same kind."""
    if settings.is_sqlite:
        yield replace(settings, database_url=f"sqlite:///{tmp_path}/elsewhere.sqlite")
    else:
        with fresh_database(request.getfixturevalue("postgres"), ELSEWHERE) as url:
            yield replace(settings, database_url=url)


@pytest.fixture
def restored(elsewhere: Settings) -> Iterator[Callable[[Path], Flask]]:
    """`restored(folder)`: an application over that database, filled from a backup."""
    apps: list[Flask] = []

    def _restored(folder: Path) -> Flask:
        backups.restore(create_app, elsewhere, folder)
        apps.append(create_app(elsewhere))
        return apps[-1]

    yield _restored
    for app in apps:
        with app.app_context():
            heartbeats.of_this_process().close()
            db.session.remove()
            db.engine.dispose()


@pytest.fixture
def back_up(app: Flask, tmp_path: Path) -> Callable[[], Path]:
    """Back up the database; returns the folder."""

    def _back_up() -> Path:
        with app.app_context():
            backups.backup(tmp_path / "backup")
        return tmp_path / "backup"

    return _back_up


def phones_of(app: Flask, clock: Clock, *usernames: str) -> list[Phone]:
    phones = [Phone(Store(), over_flask(app), clock.now) for _ in usernames]
    for phone, username in zip(phones, usernames, strict=True):
        phone.sign_in(username, PASSWORD)
        phone.sync()
    return phones


def rows(app: Flask, *columns: Any) -> list[Any]:
    with app.app_context():
        return [tuple(row) for row in db.session.execute(select(*columns))]


def works(phone: Phone, times: int) -> None:
    """A lead and a suggestion, sent, so many times over."""
    scope = next(scope for scope in phone.store["docs"] if scope.startswith("grid:"))
    for number in range(times):
        phone.reports({**LEAD, "title": f"{scope} {phone.store['last_no']}"}, scope=scope, files=[FILE])
        phone.queue("suggestion.submit", {"text": f"建议 {number}"})
        phone.sync()


# -- the drill --------------------------------------------------------------------------------------------------------


def test_the_drill(
    app: Flask, world: World, clock: Clock, back_up: Callable[[], Path], restored: Callable[[Path], Flask]
):
    """Backup under load, more work, restore elsewhere, the phones come back: nothing is lost, nothing is there twice."""
    phones = phones_of(app, clock, "grid_worker", "grid_worker_2", "grid_worker_3")
    works(phones[0], 1)
    loads = [threading.Thread(target=works, args=(phone, 5)) for phone in phones]
    for load in loads:
        load.start()
    folder = back_up()
    for load in loads:
        load.join()
    works(phones[1], 2)
    sent = [done["item"] for phone in phones for done in phone.store["acknowledged"]]
    receipts = {receipt["id"]: receipt for phone in phones for receipt in receipts_of(phone)}
    clock.advance(hours=3)

    there = restored(folder)
    lost = {item["id"] for item in sent} - {item_id for (item_id,) in rows(there, Item.id)}
    assert lost, "the backup was to be older than some of the work"
    for phone in phones:
        phone._send = over_flask(there)
        phone.sync()
        works(phone, 1)
        sent += [done["item"] for done in phone.store["acknowledged"] if done["item"] not in sent]

    assert len(sent) == 2 * (1 + 3 * 5 + 2 + 3)
    assert sorted(rows(there, Item.id, Item.sha256)) == sorted((one["id"], item_sha256(one)) for one in sent)
    reported = Counter(title for (title,) in rows(there, Lead.title))
    assert reported == Counter(one["payload"]["title"] for one in sent if one["kind"] == "lead.report")
    assert [phone.store["incidents"] for phone in phones] == [0, 0, 0]
    for no, item_id in rows(there, Item.no, Item.id):  # a number on a receipt means one item for ever
        assert no not in {one["no"] for one in receipts.values() if one["id"] != item_id}
        if item_id in receipts and item_id not in lost:
            assert receipts[item_id]["no"] == no


def receipts_of(phone: Phone) -> list[dict[str, Any]]:
    return [done["result"]["receipt"] for done in phone.store["acknowledged"]]


def test_a_phone_lets_go_of_what_the_restored_server_never_knew(
    app: Flask, world: World, clock: Clock, back_up: Callable[[], Path], restored: Callable[[Path], Flask], put: Any,
    scope: str,
):  # fmt: skip
    (phone,) = phones_of(app, clock, "grid_worker")
    put(scope, "known")
    folder = back_up()
    put(scope, "lost")
    phone.pull()
    assert phone.documents("note").keys() == {"known", "lost"}
    before = phone.store["epoch"]
    phone._send = over_flask(restored(folder))
    phone.pull()
    assert phone.documents("note").keys() == {"known"}
    assert phone.store["epoch"] != before


def test_a_restore_is_an_event_and_continues_the_numbers_far_ahead(
    app: Flask, world: World, clock: Clock, back_up: Callable[[], Path], restored: Callable[[Path], Flask]
):
    (phone,) = phones_of(app, clock, "grid_worker")
    works(phone, 1)
    folder = back_up()
    clock.advance(hours=1)
    there = restored(folder)
    assert rows(there, func.count(Event.hash)) == [(rows(app, func.count(Event.hash))[0][0] + 1,)]
    phone._send = over_flask(there)
    phone.sync()
    before = max(one["no"] for one in receipts_of(phone))
    works(phone, 1)
    assert min(one["no"] for one in receipts_of(phone)[-2:]) >= before + 36_000_000
    assert rows(there, ServerState.epoch) != rows(app, ServerState.epoch)


# -- what is refused -----------------------------------------------------------------------------------------------------


def test_the_manifest_says_what_is_in_the_backup(app: Flask, world: World, back_up: Callable[[], Path]):
    folder = back_up()
    manifest = orjson.loads((folder / "manifest.json").read_bytes())
    assert manifest["rows"]["grid"] == 3
    assert (manifest["epoch"],) in rows(app, ServerState.epoch)
    assert manifest["revision"] == newest_revision()
    assert {path.name for path in folder.iterdir()} == {"manifest.json", *manifest["files"]}
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}
    assert backups.verify(folder)["rows"] == manifest["rows"]


def cut(folder: Path) -> None:
    (copy,) = folder.glob("database.*")
    copy.write_bytes(copy.read_bytes()[:-100])


def flip(folder: Path) -> None:
    (copy,) = folder.glob("database.*")
    content = bytearray(copy.read_bytes())
    content[len(content) // 2] ^= 1
    copy.write_bytes(content)


def remove(folder: Path) -> None:
    next(folder.glob("database.*")).unlink()


def forge(folder: Path) -> None:
    file = folder / "manifest.json"
    file.write_bytes(file.read_bytes().replace(b'"grid": 3', b'"grid": 2'))


def stop(folder: Path) -> None:
    (folder / "manifest.json").unlink()


@pytest.mark.parametrize("harm", [cut, flip, remove, forge, stop])
def test_a_backup_that_is_not_as_it_was_written_is_refused(
    world: World, back_up: Callable[[], Path], elsewhere: Settings, harm: Callable[[Path], None]
):
    folder = back_up()
    harm(folder)
    with pytest.raises(Unready, match="the backup cannot be used"):
        backups.restore(create_app, elsewhere, folder)
    if elsewhere.sqlite_path:
        assert not elsewhere.sqlite_path.exists()


def test_a_database_that_holds_something_is_never_overwritten(
    app: Flask, world: World, settings: Settings, back_up: Callable[[], Path]
):
    folder = back_up()
    with pytest.raises(Unready, match="holds something already"):
        backups.restore(create_app, settings, folder)
    with app.app_context(), pytest.raises(Unready, match="not empty"):
        backups.backup(folder)


def test_a_backup_of_a_newer_schema_or_another_database_is_refused(
    world: World, back_up: Callable[[], Path], elsewhere: Settings, monkeypatch: pytest.MonkeyPatch
):
    folder = back_up()
    other = "postgresql+psycopg://nobody@127.0.0.1:1/none" if elsewhere.is_sqlite else "sqlite:////nowhere/x.sqlite"
    with pytest.raises(Unready, match="the backup is of"):
        backups.restore(create_app, replace(elsewhere, database_url=other), folder)
    monkeypatch.setattr(backups, "newest_revision", lambda: "0000")
    with pytest.raises(Unready, match="newer schema"):
        backups.restore(create_app, elsewhere, folder)


def test_the_commands(
    app: Flask, world: World, settings: Settings, elsewhere: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def run(command: Any, *arguments: str, where: Settings = settings) -> Result:
        monkeypatch.setenv("GRIDWATCH_DATABASE_URL", where.database_url)
        return CliRunner().invoke(
            command, [*arguments, str(tmp_path / "backup")], obj=create_app, catch_exceptions=False
        )

    assert "backed up" in run(backup).output
    assert "the backup is whole" in run(restore, "--verify").output
    assert "new epoch" in run(restore, where=elsewhere).output
    there = create_app(elsewhere)
    assert len(rows(there, Lead.id)) == 0
    with there.app_context():
        db.engine.dispose()
