"""The file drop of registry events: each file once, a receipt beside it, whatever dies in between."""

from __future__ import annotations

import fcntl
import json
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from gridwatch.db.feed import FeedRow
from gridwatch.entities.models import Entity, PermitRule
from gridwatch.exchange import dropping
from gridwatch.tasks.models import Task

HEADER = "event_id,kind,code,occurred_on,name,scope,street_code,address_text,lon,lat,datum\n"


def shop(code: str, lon: str = "113.745", **changes: str) -> str:
    values = {
        "event_id": f"ev-{code}", "kind": "new", "code": code, "day": "2026-09-18", "name": f"{code}号店", "scope": "日用品",
        "street": "441900004", "address": f"鸿福路{code}号", "lon": lon, "lat": "23.015", "datum": "WGS84", **changes,
    }  # fmt: skip
    return ",".join(values.values()) + "\n"


@pytest.fixture
def drop(app, world, clock, tmp_path: Path):
    """`drop()` takes in what lies in `drop.folder`; `drop.receipt(name)` is the receipt of a file."""

    class Drop:
        folder = tmp_path / "drop"

        def __call__(self) -> dict[str, int]:
            with app.app_context():
                return dropping.take_in_folder(self.folder, clock.now())

        def put(self, name: str, content: str | bytes) -> Path:
            part = self.folder / f"{name}.part"
            part.write_bytes(content.encode() if isinstance(content, str) else content)
            return part.rename(self.folder / name)

        def receipt(self, name: str) -> dict[str, Any]:
            return json.loads((self.folder / f"{name}.receipt.json").read_text())

    Drop.folder.mkdir()
    return Drop()


def test_a_file_becomes_tasks_on_phones_and_a_receipt(drop, work, world):
    drop.put("a.csv", HEADER + shop("E1") + shop("E2", "113.755") + shop("E3", "113.9"))
    assert drop() == {"files": 1, "created": 3}
    receipt = drop.receipt("a.csv")
    assert [(one["line"], one["outcome"], one["grid_code"]) for one in receipt["results"]] == [
        (2, "created", world.grid), (3, "created", world.grid_2), (4, "created", None),
    ]  # fmt: skip
    assert all(one["task_id"] and one["due_on"] for one in receipt["results"])
    with work() as session:
        held = session.scalars(select(FeedRow.scope).where(FeedRow.kind == "task").order_by(FeedRow.scope)).all()
    assert held == [f"grid:{world.grid}", f"grid:{world.grid_2}"]
    assert drop() == {"files": 0}, "a file with a receipt is not read again"


def test_a_run_that_died_is_run_again_and_makes_nothing_twice(drop, work, monkeypatch):
    """The machine stops after the first part, before the receipt."""
    drop.put("a.csv", HEADER + shop("E1") + shop("E2", "113.755"))

    class Stopped(BaseException):
        pass

    parts = []
    whole = dropping.intake.take_in_many

    def until_the_second(*args: Any, **more: Any):
        parts.append(1)
        if len(parts) == 2:
            raise Stopped
        return whole(*args, **more)

    with monkeypatch.context() as patch:
        patch.setattr(dropping.intake, "take_in_many", until_the_second)
        with pytest.raises(Stopped):
            drop()
    assert not list(drop.folder.glob("*.receipt.json"))
    with work() as session:
        assert session.scalar(select(func.count()).select_from(Entity)) == 1
    assert drop() == {"files": 1, "duplicate": 1, "created": 1}
    with work() as session:
        assert session.scalar(select(func.count()).select_from(Task)) == 2


def test_another_file_under_the_same_name_is_another_drop(drop):
    drop.put("a.csv", HEADER + shop("E1"))
    drop()
    drop.put("a.csv", HEADER + shop("E1") + shop("E2"))
    assert drop() == {"files": 1, "duplicate": 1, "created": 1}


def test_events_of_one_entity_are_applied_in_order_though_its_grids_differ(drop, work, world):
    moved = shop("E1", "113.755", event_id="ev-m", kind="address", day="2026-09-18", address="元美路1号")
    drop.put("a.csv", HEADER + moved + shop("E1", day="2026-09-17"))
    assert drop() == {"files": 1, "changed": 1, "created": 1}
    with work() as session:
        rows = session.execute(select(Task.grid_code, Task.state, Task.close_code).order_by(Task.grid_code)).all()
    assert rows == [(world.grid, "superseded", "entity_moved"), (world.grid_2, "issued", None)]


@pytest.mark.parametrize(
    ("what", "name", "content", "outcomes", "problem"),
    [
        ("an empty file", "a.csv", "", {}, "file.empty"),
        ("an unknown column", "a.csv", HEADER.replace("scope", "scop") + shop("E1"), {}, "column.unknown"),
        ("no column for the day", "a.csv", HEADER.replace(",occurred_on", ""), {}, "column.missing"),
        ("a ragged row", "a.csv", HEADER + "a,b\n", {}, "row.ragged"),
        ("an archive", "a.csv", b"PK\x03\x04\xff\xfe\x81", {}, "encoding.unknown"),
        ("no such day", "a.csv", HEADER + shop("E1", day="2026-02-30"), {"refused": 1}, None),
        ("a swapped point", "a.csv", HEADER + shop("E1", "23.015", lat="113.745"), {"refused": 1}, None),
        ("an impossible code beside a good one", "a.csv", HEADER.replace("scope", "uscc") + shop("E1", scope="914419001980424162")
         + shop("E2", scope=""), {"refused": 1, "created": 1}, None),
        ("lines that are no events", "a.jsonl", '[]\n"text"\nnull\n{"a": 1}\n', {"refused": 4}, None),
        ("a NUL", "a.jsonl", '{"event_id": "e\\u0000", "kind": "new", "code": "E1", "occurred_on": "2026-09-18"}', {"refused": 1}, None),
        ("only blank lines", "a.jsonl", "\n\n", {}, None),
    ],
)  # fmt: skip
def test_what_cannot_be_taken_is_said_in_the_receipt(drop, what, name, content, outcomes, problem):
    drop.put(name, content)
    drop()
    receipt = drop.receipt(name)
    assert receipt["outcomes"] == outcomes, what
    assert [one["code"] for one in receipt["problems"]][:1] == ([problem] if problem else []), what
    for one in receipt["results"]:
        assert (one["problem"] is None) == (one["outcome"] != "refused"), what


def test_too_many_events_are_refused_as_a_whole(drop, monkeypatch):
    monkeypatch.setattr(dropping, "MOST_EVENTS", 1)
    drop.put("a.csv", HEADER + shop("E1") + shop("E2"))
    assert drop() == {"files": 1}
    assert [one["code"] for one in drop.receipt("a.csv")["problems"]] == ["file.too_many"]


def test_what_is_not_complete_or_not_ours_is_left_alone(drop):
    for name in ("a.csv.part", ".hidden.csv", "notes.txt", "list.xlsx"):
        (drop.folder / name).write_text(HEADER + shop("E1"))
    assert drop() == {"files": 0}


def test_a_file_that_another_process_reads_is_left_to_it(drop):
    with drop.put("a.csv", HEADER + shop("E1")).open("rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert drop() == {"files": 0}
    assert drop() == {"files": 1, "created": 1}


def test_another_scope_without_an_open_check_is_a_task_of_its_own(drop, work, visit_done):
    drop.put("a.csv", HEADER + shop("E1"))
    drop()
    visit_done("E1")
    scope = shop("E1", event_id="ev-s", kind="scope", scope="餐饮服务", street="", address="", lon="", lat="", datum="")
    drop.put("b.csv", HEADER + scope)
    assert drop() == {"files": 1, "changed": 1}
    with work() as session:
        task = session.get_one(Task, drop.receipt("b.csv")["results"][0]["task_id"])
        assert (task.items, task.kind, task.state) == (["RG03"], "first_check", "issued")
    back = scope.replace("ev-s", "ev-t").replace("餐饮服务", "日用品")
    drop.put("c.csv", HEADER + back)
    drop()
    with work() as session:
        states = session.execute(select(Task.state, Task.close_code).where(Task.items == ["RG03"])).all()
    assert states == [("cancelled", "not_due")]


@pytest.fixture
def visit_done(work, clock):
    """`visit_done("E1")` ends what is open at an entity, as a visit does."""
    with work() as session:
        session.add(PermitRule(sector="食品经营", permit="食品经营许可", scope_pattern="餐饮", hazard=5))

    def done(code: str) -> None:
        with work() as session:
            task = session.scalars(
                select(Task).join(Entity, Entity.id == Task.entity_id).where(Entity.code == code)
            ).one()
            task.state, task.closed_at, task.close_code, task.on_time = "done", clock.now(), "done", "on_time"

    return done
