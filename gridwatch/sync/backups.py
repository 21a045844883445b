"""Backup and restore of the database, so that phones notice a restore and nothing is lost by it (promise P11).

A backup is a folder: the copy, and a manifest with the hash of the copy and the number of rows of each table. The manifest is
written last and bears a hash of itself, so a backup that was cut short or touched is no backup.

A restore begins a new epoch: every phone sees it at its next pull and offers again what was acknowledged in the last seven days.
Receipts that were given between backup and restore are out there, so their numbers are left out for ever.
"""

from __future__ import annotations

import hashlib
import os
import secrets
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson
from flask import Flask
from sqlalchemy import Engine, inspect, select

from gridwatch.audit.service import record
from gridwatch.config import Settings, Unready
from gridwatch.db.base import Base, db
from gridwatch.db.dialects.counting import count_rows
from gridwatch.db.engine import dialect_for_url, dialect_of, engine_for
from gridwatch.db.migrate import current_revision, newest_revision, upgrade
from gridwatch.db.session import transaction
from gridwatch.sync.models import Item, ServerState
from gridwatch.web.clock import now, rfc3339

MANIFEST = "manifest.json"
FORMAT = 1
FEWEST_SKIPPED, SKIPPED_A_SECOND = 1_000_000, 10_000  # receipt numbers; no server takes in as many items in a second

Manifest = dict[str, Any]


def backup(folder: Path) -> Manifest:
    """Write a backup of the current application's database into a new or empty folder, while it is in use; returns its manifest.

    Evidence files are no part of it. Raises Unready for a folder that holds something, or when the copy cannot be made.
    """
    if folder.exists() and any(folder.iterdir()):
        raise Unready(f"{folder}: 文件夹不空，请另指一个 / the folder is not empty, name another one")
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    dialect, moment = dialect_of(db.engine), now()
    copy = folder / dialect.COPY_NAME
    rows = dialect.dump(db.engine, copy, _tables(db.engine))
    copy.chmod(0o600)
    manifest = {
        "format": FORMAT,
        "made_at": rfc3339(moment),
        "database": db.engine.dialect.name,
        "revision": current_revision(db.engine),
        "epoch": db.session.execute(select(ServerState.epoch)).scalar_one(),
        "files": {copy.name: {"size": copy.stat().st_size, "sha256": _hash_of(copy)}},
        "rows": rows,
    }
    _write(folder / MANIFEST, {**manifest, "sha256": _seal(manifest)})
    return manifest


def verify(folder: Path) -> Manifest:
    """The manifest of a backup of which every byte is as it was written. Raises Unready, naming what is not."""
    try:
        manifest = orjson.loads((folder / MANIFEST).read_bytes())
        seal = manifest.pop("sha256")
        is_sealed = seal == _seal(manifest)
    except (OSError, ValueError, KeyError, AttributeError) as problem:
        raise _broken(MANIFEST, f"缺失或无法读取 / missing or not readable ({problem})") from problem
    if not is_sealed:
        raise _broken(MANIFEST, "被改动过 / was changed")
    if manifest["format"] != FORMAT:
        raise _broken(MANIFEST, f"format {manifest['format']}: 此版本不认识 / not known to this version")
    for name, told in manifest["files"].items():
        file = folder / name
        if not file.is_file():
            raise _broken(name, "缺失 / is missing")
        if (file.stat().st_size, _hash_of(file)) != (told["size"], told["sha256"]):
            raise _broken(name, "与清单不符 / is not what the manifest says")
    return manifest


def restore(make_app: Callable[[Settings], Flask], settings: Settings, folder: Path) -> Manifest:
    """Fill the empty database of `settings` from a backup, bring it to the newest schema and begin a new epoch.

    Returns the manifest with the new `epoch`. Raises Unready, before anything is changed, for a backup that does not verify, of
    the other kind of database, or of a newer schema, and for a database that holds something.
    """
    manifest, app = verify(folder), make_app(settings)
    dialect = dialect_for_url(settings.database_url)
    copy = folder / dialect.COPY_NAME
    if copy.name not in manifest["files"]:
        raise Unready(f"备份来自 {manifest['database']}，须恢复到同类数据库 / the backup is of {manifest['database']}")
    if manifest["revision"] > newest_revision():
        raise Unready(
            f"备份的结构 {manifest['revision']} 比程序新，请先升级程序 / the backup has a newer schema than this program"
        )
    engine = engine_for(settings.database_url, spatialite_library=settings.spatialite_library)
    try:
        if _tables(engine):
            raise Unready(
                "目标数据库不空，请指向一个空数据库 / the database holds something already: let GRIDWATCH_DATABASE_URL name an empty one"
            )
        engine.dispose()
        dialect.load(engine, copy)
        with engine.connect() as connection:
            rows = count_rows(connection, manifest["rows"])
    finally:
        engine.dispose()
    wrong = {name: [number, rows[name]] for name, number in manifest["rows"].items() if rows[name] != number}
    if wrong:
        raise Unready(
            f"恢复后的行数与清单不符，请勿使用 / rows are not as many as in the manifest, do not use it: {wrong}"
        )
    upgrade(settings.database_url, spatialite_library=settings.spatialite_library)
    with app.app_context():
        return {**manifest, "epoch": _begin_epoch(manifest)}


def _begin_epoch(manifest: Manifest) -> str:
    moment = now()
    since = (moment - datetime.fromisoformat(manifest["made_at"])).total_seconds()
    with transaction() as session:
        state = session.scalars(select(ServerState)).one()
        state.epoch = secrets.token_hex(4)  # never one of before: those have four digits, or are as random
        skipped = max(FEWEST_SKIPPED, int(since * SKIPPED_A_SECOND))
        dialect_of(session).skip_numbers(session.connection(), Item.__tablename__, Item.no.key, skipped)
        record(
            session, chain=None, act="database.restored", subject=("database", state.epoch), actor_id="command", at=moment,
            data={"backup_of": manifest["made_at"], "epoch_before": manifest["epoch"]},
        )  # fmt: skip
        return state.epoch


def _tables(engine: Engine) -> list[str]:
    """The tables of ours that a database has."""
    return sorted(set(inspect(engine).get_table_names()) & set(Base.metadata.tables))


def _seal(manifest: Manifest) -> str:
    return hashlib.sha256(orjson.dumps(manifest, option=orjson.OPT_SORT_KEYS)).hexdigest()


def _hash_of(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def _write(file: Path, manifest: Manifest) -> None:
    """Written whole or not at all, and on the disk when this returns, as is the copy that it speaks of."""
    for name in manifest["files"]:
        with (file.parent / name).open("rb") as copy:
            os.fsync(copy.fileno())
    beside = file.with_suffix(".new")
    with beside.open("wb") as content:
        content.write(orjson.dumps(manifest, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
        content.flush()
        os.fsync(content.fileno())
    beside.chmod(0o600)
    beside.replace(file)


def _broken(name: str, problem: str) -> Unready:
    return Unready(f"备份不可用 / the backup cannot be used: {name}: {problem}")
