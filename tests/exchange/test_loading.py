"""`gridwatch load`: the real street as a whole, what a second run does, and every way in which a folder can be wrong."""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from flask import Flask
from shapely.geometry import box, mapping
from sqlalchemy import func, select

from gridwatch.areas.models import Area, Department
from gridwatch.audit.models import Event
from gridwatch.audit.queries import breaks
from gridwatch.db.base import Base
from gridwatch.db.feed import FeedRow, FeedScope, fingerprint
from gridwatch.domain.permits import Actor, Grant, Role
from gridwatch.entities.models import Entity, PermitRule, RegistryEvent
from gridwatch.exchange.commands import load
from gridwatch.people.models import User
from gridwatch.places.models import Address, Grid
from gridwatch.tasks.models import Task
from gridwatch.tasks.service import route_by_hand

NANCHENG = Path(__file__).parents[1] / "data/nancheng"
STREET, COMMUNITY, GRID = "441900004", "441900004003", "441900004003001"


class Loader:
    """Runs the command on a folder, as an operator does."""

    def __init__(self, app: Flask) -> None:
        self._app = app

    def __call__(self, folder: Path, *options: str) -> Result:
        result = CliRunner().invoke(load, [str(folder), *options], obj=lambda: self._app)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    def said(self, folder: Path, *options: str) -> dict[str, Any]:
        """What `--json` prints, and with it the exit code."""
        result = self(folder, "--json", *options)
        return {**json.loads(result.stdout), "exit_code": result.exit_code}


@pytest.fixture
def loader(app: Flask, clock) -> Loader:
    return Loader(app)


@pytest.fixture
def everything(work) -> Callable[[], dict[str, int]]:
    """Counts the rows of every table, and adds up the counters of the feed."""

    def count() -> dict[str, int]:
        with work() as session:
            counts = {
                table.name: session.scalar(select(func.count()).select_from(table))
                for table in Base.metadata.sorted_tables
            }
            return counts | {"counters": session.scalar(select(func.coalesce(func.sum(FeedScope.counter), 0)))}

    return count


def by_file(said: dict[str, Any], name: str) -> dict[str, int]:
    return {file: counts[name] for file, counts in said["files"].items()}


# --- the real street --------------------------------------------------------------------------------------------------

SAMPLE = {
    "calendar.csv": 3287, "areas.csv": 20, "grids.geojson": 58, "departments.csv": 13, "users.csv": 157,
    "permits.csv": 25, "addresses.csv": 900, "entities.csv": 1673,
}  # fmt: skip


def test_the_whole_street_is_loaded_once(loader, work, everything, clock):
    first = loader.said(NANCHENG)
    assert (first["exit_code"], first["written"], first["problems"]) == (0, True, [])
    assert by_file(first, "added") == SAMPLE
    assert list(first["files"]) == list(SAMPLE)  # in this order: the calendar before the first checks, and so on
    routed = {"by_address": 825, "by_point": 237, "waiting": 611, "first_checks": 1673}
    assert first["files"]["entities.csv"]["more"] == routed

    with work() as session:
        assert session.scalar(select(func.count()).where(Area.level == "community")) == 18
        tasks = session.execute(
            select(Task.kind, Task.state, Task.due_on, Task.provisional, func.count()).group_by(
                Task.kind, Task.state, Task.due_on, Task.provisional
            )
        ).all()
        # Ten work days from the day of the load, over the October holiday; never from a registration of 1984.
        due = date(2026, 10, 9)
        assert sorted(tasks) == [
            ("first_check", "issued", due, False, 1062),
            ("first_check", "planned", due, False, 611),
        ]
        with_permits = session.scalar(select(func.count()).where(Task.items == ["RG01", "RG02", "RG03"]))
        assert with_permits == 357  # as many as the source's own keyword column says
        waiting = session.execute(
            select(Task.address_text, Entity.routed_by, Entity.area_path)
            .join(Entity, Entity.id == Task.entity_id)
            .where(Task.state == "planned")
        ).all()
        assert len(waiting) == 611
        assert all(text and routed_by == "" and path == f"441900/{STREET}/" for text, routed_by, path in waiting)
        assert session.scalar(select(func.count()).where(RegistryEvent.event_id.startswith("load:"))) == 1673
        assert list(breaks(session)) == []
        _the_feed_adds_up(session)

    before = everything()
    clock.advance(days=3)
    second = loader.said(NANCHENG)
    assert (second["exit_code"], by_file(second, "unchanged")) == (0, SAMPLE)
    assert set(by_file(second, "added").values()) == set(by_file(second, "changed").values()) == {0}
    assert everything() == before  # no row, no event, no feed position


def _the_feed_adds_up(session) -> None:
    """Every scope's number of documents and digest are those of its rows, and every document on a phone names itself."""
    live, digests = Counter(), Counter()
    for row in session.scalars(select(FeedRow).where(FeedRow.op == "put")):
        live[row.scope] += 1
        digests[row.scope] ^= fingerprint(row.kind, row.doc_id, row.rev)
        document = json.loads(row.doc)
        assert (document["kind"], document["id"], document["rev"]) == (row.kind, row.doc_id, row.rev)
    for scope in session.scalars(select(FeedScope)):
        assert (scope.docs, scope.digest) == (live[scope.scope], digests[scope.scope]), scope.scope


def test_a_dry_run_counts_the_same_and_writes_nothing(loader, everything):
    before = everything()
    said = loader.said(NANCHENG, "--dry-run")
    assert (said["exit_code"], said["dry_run"], said["written"]) == (0, True, False)
    assert by_file(said, "added") == SAMPLE
    assert said["files"]["entities.csv"]["more"]["waiting"] == 611
    assert everything() == before


# --- a small folder ---------------------------------------------------------------------------------------------------


def square(code: str, west: float, south: float, size: float = 0.01, **properties: str) -> dict[str, Any]:
    outline = mapping(box(west, south, round(west + size, 3), round(south + size, 3)))
    named = {"code": code, "name": f"第{code[-1]}网格", "community_code": code[:12], **properties}
    return {"type": "Feature", "properties": named, "geometry": outline}


def collection(*features: dict[str, Any], **members: Any) -> str:
    return json.dumps({"type": "FeatureCollection", "datum": "WGS84", "features": list(features), **members})


def table(text: str) -> str:
    """Lines with cells between bars, as CSV."""
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows(
        [cell.strip() for cell in line.split("|")] for line in text.strip().splitlines()
    )
    return out.getvalue()


SMALL = {
    "areas.csv": table("""
        code | name | level | parent_code
        441900 | 东莞市 | city |
        441900004 | 南城街道 | street | 441900
        441900004003 | 鸿福社区 | community | 441900004
        441900004005 | 元美社区 | community | 441900004
    """),
    "grids.geojson": collection(
        square("441900004003001", 113.74, 23.01),
        square("441900004003002", 113.75, 23.01),
        square("441900004005001", 113.74, 23.02),
    ),
    "departments.csv": table("""
        code | name | area_code | successor_code
        NC-OLD | 工商分局 | 441900004 | NC-SCJG
        NC-SCJG | 市场监管分局 | 441900004 |
    """),
    "users.csv": table("""
        username | name | role | area_code | department_code | grid_codes | deputy
        worker | 网格员甲 | grid_worker | 441900004003 | | 441900004003001 |
        dispatcher | 调度员 | street_dispatcher | 441900004 | | |
        receiver | 专人 | department_receiver | | NC-SCJG | |
    """),
    "permits.csv": table("""
        sector | permit | department_code | scope_regex | hazard
        食品经营 | 食品经营许可 | NC-SCJG | 餐饮 | 5
        危险化学品 | 危险化学品经营许可 | NC-SCJG | 危险化学品 | 9
    """),
    "addresses.csv": table("""
        code | street_code | community_code | grid_code | road | house_no | lng | lat | datum
        A1 | 441900004 | 441900004003 | 441900004003001 | 鸿福路 | 1号 | | |
        A2 | 441900004 | 441900004005 | | 元美路 | 2号 | | |
        A3 | 441900004 | 441900004003 | | 鸿福路 | 9号 | 113.755 | 23.015 | WGS84
    """),
    "entities.csv": table("""
        code | name | uscc | street_code | address | scope | address_code | lng | lat | datum | status
        E1 | 一号店 | | 441900004 | 鸿福路1号 | 餐饮服务 | A1 | 113.745 | 23.025 | WGS84 |
        E2 | 二号店 | | 441900004 | 鸿福路旁 | 销售日用品（不含危险化学品） | | 113.755 | 23.015 | WGS84 |
        E3 | 三号店 | | 441900004 | 元美路2号 | | A2 | | | |
        E4 | 四号店 | | 441900004 | 新城市中心区 | | | | | |
        E5 | 五号店 | | 441900004 | 已注销的地方 | | A1 | | | | 注销
        E6 | 六号店 | | 441900004 | 鸿福路9号 | | A3 | | | |
    """),
}


@pytest.fixture
def folder(tmp_path: Path) -> Callable[..., Path]:
    """Makes a folder from the small one: `folder(**{"areas.csv": text})` puts other text (None: no file) in its place."""

    def make(changes: dict[str, Any] | None = None, *, only: bool = False) -> Path:
        path = tmp_path / "folder"
        path.mkdir(exist_ok=True)
        for old in path.iterdir():
            old.unlink()
        for name, text in {**({} if only else SMALL), **(changes or {})}.items():
            if text is not None:
                (path / name).write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return make


def test_each_entity_finds_its_grid_and_gets_its_first_check(loader, folder, work):
    assert loader(folder()).exit_code == 0
    with work() as session:
        rows = session.execute(
            select(Entity.code, Entity.grid_code, Entity.routed_by, Entity.permit_sectors, Task.state, Task.items)
            .outerjoin(Task, Task.entity_id == Entity.id)
            .order_by(Entity.code)
        ).all()
    assert rows == [
        # The address wins over a point in another grid.
        ("E1", "441900004003001", "address", ["食品经营"], "issued", ["RG01", "RG02", "RG03"]),
        # What a bracket excludes is not in the scope.
        ("E2", "441900004003002", "point", [], "issued", ["RG01", "RG02"]),
        # An address whose grid nobody knows decides nothing.
        ("E3", None, "", [], "planned", ["RG01", "RG02"]),
        ("E4", None, "", [], "planned", ["RG01", "RG02"]),
        # Ended entities are kept and not visited.
        ("E5", "441900004003001", "address", [], None, None),
        # An address without a grid lends its point.
        ("E6", "441900004003002", "point", [], "issued", ["RG01", "RG02"]),
    ]


def test_what_is_known_of_an_address_decides_who_sees_the_waiting_entity(loader, folder, work):
    loader(folder())
    with work() as session:
        paths = dict(session.execute(select(Entity.code, Entity.area_path)).all())
    assert paths["E3"] == f"441900/{STREET}/441900004005/"
    assert paths["E4"] == f"441900/{STREET}/"


def test_files_may_come_one_by_one(loader, folder):
    for name in (
        "areas.csv",
        "grids.geojson",
        "departments.csv",
        "users.csv",
        "permits.csv",
        "addresses.csv",
        "entities.csv",
    ):
        said = loader.said(folder({name: SMALL[name]}, only=True))
        assert (said["exit_code"], list(said["files"])) == (0, [name]), said["problems"]
        assert said["files"][name]["added"] > 0


def test_a_department_comes_after_the_one_that_succeeds_it(loader, folder, work):
    loader(folder())
    with work() as session:
        assert session.get_one(Department, "NC-OLD").successor_code == "NC-SCJG"


def test_the_grid_names_who_is_on_duty(loader, folder, work):
    loader(folder())
    changed = SMALL["users.csv"].replace("worker,网格员甲", "worker,网格员乙")
    said = loader.said(folder({"users.csv": changed}))
    assert said["files"]["users.csv"] | {"more": 0} == {"added": 0, "changed": 1, "unchanged": 2, "more": 0}
    with work() as session:
        document = session.scalar(select(FeedRow.doc).where(FeedRow.scope == f"grid:{GRID}", FeedRow.kind == "grid"))
    assert json.loads(document)["managers"] == ["网格员乙"]


# --- what a second folder changes -------------------------------------------------------------------------------------


def first_checks(session, code: str) -> list[tuple[Any, ...]]:
    statement = (
        select(Task.source_id, Task.state, Task.close_code, Task.grid_code, Task.items, Task.due_on)
        .join(Entity, Entity.id == Task.entity_id)
        .where(Entity.code == code)
        .order_by(Task.created_at, Task.id)
    )
    return [tuple(row) for row in session.execute(statement)]


def test_another_address_is_another_first_check(loader, folder, work, clock):
    loader(folder())
    clock.set("2026-10-12 09:00")
    moved = (
        SMALL["entities.csv"]
        .replace("二号店,,441900004,鸿福路旁", "二号店,,441900004,元美路上")
        .replace("113.755,23.015,WGS84,\nE3", "113.745,23.025,WGS84,\nE3")
    )
    said = loader.said(folder({"entities.csv": moved}))
    assert said["files"]["entities.csv"]["changed"] == 1
    with work() as session:
        old, new = first_checks(session, "E2")
        assert old[1:4] == ("superseded", "entity_moved", "441900004003002")
        assert new[1:4] == ("issued", None, "441900004005001")
        assert new[5] == date(2026, 10, 26)  # ten work days from the day of this load
        scopes = session.execute(
            select(FeedRow.scope, FeedRow.op).join(Entity, Entity.id == FeedRow.doc_id).where(Entity.code == "E2")
        )
        assert sorted(scopes) == [("grid:441900004003002", "leave"), ("grid:441900004005001", "put")]
    assert loader.said(folder({"entities.csv": moved}))["files"]["entities.csv"]["unchanged"] == 6


@pytest.mark.parametrize(
    ("what", "old", "new", "expected"),
    [
        ("another scope asks for permits", "销售日用品（不含危险化学品）", "餐饮服务", ("issued", None, ["RG01", "RG02", "RG03"])),
        ("another name changes no task", "二号店", "二号超市", ("issued", None, ["RG01", "RG02"])),
        ("ended: nobody goes there any more", "WGS84,\nE3", "WGS84,注销\nE3", ("superseded", "entity_gone", ["RG01", "RG02"])),
    ],
)  # fmt: skip
def test_a_changed_row_has_its_consequences(loader, folder, work, what: str, old: str, new: str, expected: tuple):
    loader(folder())
    text = SMALL["entities.csv"].replace(old, new)
    assert text != SMALL["entities.csv"]
    assert loader.said(folder({"entities.csv": text}))["files"]["entities.csv"]["changed"] == 1, what
    with work() as session:
        ((_, state, close_code, _, items, _),) = first_checks(session, "E2")
    assert (state, close_code, items) == expected, what


def test_a_blank_cell_says_nothing(loader, folder, work):
    loader(folder())
    text = SMALL["entities.csv"].replace("餐饮服务", "")
    assert loader.said(folder({"entities.csv": text}))["files"]["entities.csv"]["changed"] == 0
    with work() as session:
        assert session.scalar(select(Entity.scope).where(Entity.code == "E1")) == "餐饮服务"


def test_an_old_file_does_not_bring_an_ended_entity_back(loader, folder, work):
    loader(folder())
    loader(folder({"entities.csv": SMALL["entities.csv"].replace("WGS84,\nE3", "WGS84,注销\nE3")}))
    said = loader.said(folder())
    assert ("entity.not_revived", 3) in [(note["code"], note["line"]) for note in said["notes"]]
    with work() as session:
        assert session.scalar(select(Entity.status).where(Entity.code == "E2")) == "deregistered"


def test_what_a_person_routed_stays_routed(loader, folder, work, clock):
    loader(folder())
    with work() as session:
        task = session.scalar(select(Task).join(Entity, Entity.id == Task.entity_id).where(Entity.code == "E4"))
        person = session.scalar(select(User).where(User.username == "dispatcher"))
        actor = Actor(person.id, person.name, (Grant(Role.STREET_DISPATCHER, f"441900/{STREET}/"),))
        route_by_hand(session, task, GRID, actor=actor, at=clock.now())
    assert loader.said(folder())["files"]["entities.csv"]["unchanged"] == 6
    with work() as session:
        entity = session.scalar(select(Entity).where(Entity.code == "E4"))
        assert (entity.grid_code, entity.routed_by) == (GRID, "hand")


def test_another_permit_table_is_asked_at_the_doors_that_are_still_to_visit(loader, folder, work):
    loader(folder())
    said = loader.said(folder({"permits.csv": SMALL["permits.csv"] + "烟草,烟草专卖零售许可,NC-SCJG,日用品,3\n"}))
    assert said["files"]["permits.csv"]["more"] == {"entities_with_other_sectors": 1}
    with work() as session:
        assert session.scalar(select(Entity.permit_sectors).where(Entity.code == "E2")) == ["烟草"]
        assert first_checks(session, "E2")[0][4] == ["RG01", "RG02", "RG03"]
        assert session.get_one(PermitRule, "烟草").hazard == 3


def test_a_changed_outline_is_a_new_revision_of_the_same_grid(loader, folder, work):
    loader(folder())
    smaller = collection(
        square("441900004003001", 113.74, 23.01, 0.008),
        square("441900004003002", 113.75, 23.01),
        square("441900004005001", 113.74, 23.02),
    )
    said = loader.said(folder({"grids.geojson": smaller}))
    assert said["files"]["grids.geojson"] | {"more": 0} == {"added": 0, "changed": 1, "unchanged": 2, "more": 0}
    with work() as session:
        assert session.get_one(Grid, GRID).rev == 3  # made, named after its worker, redrawn


def test_the_notice_of_a_new_year_heals_provisional_days(loader, folder, work, clock):
    """Ten work days over the turn of a year nobody has decided yet; then the notice comes (domain.md §4c)."""
    clock.set("2026-12-25 09:00")
    calendar_2026 = (NANCHENG / "calendar.csv").read_text(encoding="utf-8")
    loader(folder({"calendar.csv": calendar_2026}))
    with work() as session:
        (before,) = session.execute(select(Task.due_on, Task.provisional).distinct()).all()
    assert before == (date(2027, 1, 11), True)  # 1 January is law, the days beside it nobody knows

    days = []
    for n in range(365):
        day = date(2027, 1, 1) + timedelta(days=n)
        kind = "weekend" if day.weekday() >= 5 else "work"
        if day <= date(2027, 1, 4):
            kind = "holiday"
        days.append(
            f"{day},{kind},{'元旦' if kind == 'holiday' else ''},2027,{'国办发明电〔2026〕' if kind == 'holiday' else ''}\n"
        )
    said = loader.said(folder({"calendar.csv": "date,kind,name,notice_year,source\n" + "".join(days)}))
    assert said["files"]["calendar.csv"] | {"unchanged": 0} == {
        "added": 365, "changed": 0, "unchanged": 0, "more": {"moved_due_days": 5},
    }  # fmt: skip
    with work() as session:
        (after,) = session.execute(select(Task.due_on, Task.provisional).distinct()).all()
        document = session.scalar(select(FeedRow.doc).where(FeedRow.kind == "task", FeedRow.op == "put").limit(1))
        moves = session.scalar(select(func.count()).where(Event.act == "task.due_moved"))
    assert after == (date(2027, 1, 12), False)
    assert json.loads(document)["due_on"] == "2027-01-12"
    assert moves == 5


# --- bad input --------------------------------------------------------------------------------------------------------


def other(name: str, old: str, new: str) -> dict[str, str]:
    assert old in SMALL[name]
    return {name: SMALL[name].replace(old, new, 1)}


def with_grid(*features: dict[str, Any]) -> dict[str, str]:
    return {"grids.geojson": collection(square("441900004003001", 113.74, 23.01), *features)}


BOW_TIE = {
    "type": "Feature",
    "properties": {"code": "441900004005001", "name": "蝴蝶结", "community_code": "441900004005"},
    "geometry": {"type": "Polygon", "coordinates": [[[113.74, 23.02], [113.75, 23.03], [113.75, 23.02], [113.74, 23.03], [113.74, 23.02]]]},
}  # fmt: skip

BAD = [
    # what, other files, (file, line, column, code)
    ("a column is missing", other("areas.csv", "code,name,level", "code,name,lvl"),
     ("areas.csv", 1, "level", "column.missing")),
    ("a code twice", other("entities.csv", "E2,", "E1,"), ("entities.csv", 3, "code", "row.duplicate")),
    ("an unknown area", other("entities.csv", "二号店,,441900004,", "二号店,,441900099,"),
     ("entities.csv", 3, "street_code", "reference.unknown")),
    ("a community where a street should be", other("entities.csv", "二号店,,441900004,", "二号店,,441900004003,"),
     ("entities.csv", 3, "street_code", "area.level")),
    ("a grid under an unknown community", with_grid(square("441900004009001", 113.76, 23.01)),
     ("grids.geojson", 2, "community_code", "reference.unknown")),
    ("a grid under a street", with_grid(square("441900004003002", 113.76, 23.01, community_code=STREET)),
     ("grids.geojson", 2, "community_code", "area.level")),
    ("an outline that crosses itself", with_grid(BOW_TIE), ("grids.geojson", 2, "geometry", "polygon.invalid")),
    ("two grids over each other", with_grid(square("441900004003002", 113.745, 23.01)),
     ("grids.geojson", 2, "geometry", "polygon.overlap")),
    ("a datum that nobody states", {"grids.geojson": collection(square(GRID, 113.74, 23.01), datum=None)},
     ("grids.geojson", None, "datum", "datum.unstated")),
    ("longitude and latitude swapped", other("entities.csv", "113.755,23.015", "23.015,113.755"),
     ("entities.csv", 3, "lng", "point.swapped")),
    ("a point in another country", other("entities.csv", "113.755,23.015", "2.35,48.85"),
     ("entities.csv", 3, "lng", "point.outside_china")),
    ("a point without a datum", other("entities.csv", "23.015,WGS84", "23.015,"),
     ("entities.csv", 3, "datum", "datum.unstated")),
    ("a credit code that is none", other("entities.csv", "一号店,", "一号店,914419001980424162"),
     ("entities.csv", 2, "uscc", "uscc.check_character")),
    ("an address nobody knows", other("entities.csv", ",A2,", ",A9,"),
     ("entities.csv", 4, "address_code", "reference.unknown")),
    ("a grid nobody knows", other("addresses.csv", "441900004003,441900004003001", "441900004003,441900004003009"),
     ("addresses.csv", 2, "grid_code", "reference.unknown")),
    ("a department nobody knows", other("permits.csv", "NC-SCJG", "NC-XYZ"),
     ("permits.csv", 2, "department_code", "reference.unknown")),
    ("an unknown role", other("users.csv", "street_dispatcher", "boss"), ("users.csv", 3, "role", "cell.choice")),
    ("a regular expression that is none", other("permits.csv", "餐饮", "餐饮("),
     ("permits.csv", 2, "scope_regex", "cell.pattern")),
    ("a day outside the calendar", {"calendar.csv": "date,kind\n1999-12-31,work\n"},
     ("calendar.csv", 2, "date", "cell.out_of_range")),
    ("a year with gaps", {"calendar.csv": "date,kind\n2027-01-04,work\n"},
     ("calendar.csv", None, "date", "calendar.incomplete")),
    ("bytes that are no text", {"areas.csv": b"code,name\n\xff\xfe\x81\n"},
     ("areas.csv", None, None, "encoding.unknown")),
    ("an empty file", {"areas.csv": ""}, ("areas.csv", None, None, "file.empty")),
]  # fmt: skip


@pytest.mark.parametrize(("what", "changes", "expected"), BAD, ids=[row[0] for row in BAD])
def test_a_bad_folder_is_named_line_by_line_and_nothing_is_written(
    loader, folder, everything, what: str, changes: dict[str, Any], expected: tuple
):
    before = everything()
    said = loader.said(folder(changes))
    problems = [(one["file"], one["line"], one["column"], one["code"]) for one in said["problems"]]
    assert expected in problems
    assert {file for file, *_ in problems} == {expected[0]}  # what refers to a refused file is not refused on top
    assert (said["exit_code"], said["written"], said["files"]) == (2, False, {})
    assert everything() == before


ANOTHER_STREET = (
    SMALL["areas.csv"].replace("元美社区,community,441900004", "元美社区,community,441900005")
    + "441900005,万江街道,street,441900\n"
)


@pytest.mark.parametrize(
    ("what", "changes", "expected"),
    [
        ("a new grid over one that is stored", {"grids.geojson": collection(square("441900004003009", 113.742, 23.012, 0.002))},
         ("grids.geojson", 1, "geometry", "polygon.overlap")),
        ("an area under another parent", {"areas.csv": ANOTHER_STREET},
         ("areas.csv", 5, "code", "area.moved")),
        ("a grid in another community", {"grids.geojson": collection(square(GRID, 113.74, 23.01, community_code="441900004005"))},
         ("grids.geojson", 1, "community_code", "grid.moved")),
        ("a street under a stored community", {"areas.csv": "code,name,level,parent_code\n441900006,莞城街道,street,441900004003\n"},
         ("areas.csv", 2, "parent_code", "area.parent")),
    ],
)  # fmt: skip
def test_what_does_not_fit_the_store_is_refused(
    loader, folder, everything, what: str, changes: dict[str, str], expected: tuple
):
    assert loader(folder()).exit_code == 0
    before = everything()
    said = loader.said(folder(changes, only=True))
    assert [(one["file"], one["line"], one["column"], one["code"]) for one in said["problems"]] == [expected], what
    assert said["exit_code"] == 2
    assert everything() == before


def test_a_redrawn_grid_may_take_the_place_of_its_former_self(loader, folder):
    loader(folder())
    again = collection(square(GRID, 113.74, 23.01, 0.009))
    assert loader.said(folder({"grids.geojson": again}, only=True))["files"]["grids.geojson"]["changed"] == 1


def test_gbk_is_recognised_and_said(loader, folder, work):
    said = loader.said(folder({"areas.csv": SMALL["areas.csv"].encode("gbk")}))
    assert said["exit_code"] == 0
    assert ("areas.csv", "encoding.converted") in [(note["file"], note["code"]) for note in said["notes"]]
    with work() as session:
        assert session.get_one(Area, STREET).name == "南城街道"


def test_the_caller_may_state_the_datum(loader, folder, work):
    unstated = {
        "grids.geojson": json.dumps({**json.loads(SMALL["grids.geojson"]), "datum": None}),
        "addresses.csv": SMALL["addresses.csv"].replace("WGS84", ""),
        "entities.csv": SMALL["entities.csv"].replace("WGS84", ""),
    }
    assert loader(folder(unstated)).exit_code == 2
    assert loader(folder(unstated), "--datum", "gcj02").exit_code == 0
    with work() as session:
        entity = session.scalar(select(Entity).where(Entity.code == "E2"))
        assert (entity.lon, entity.lat, entity.datum) == (113.755, 23.015, "GCJ02")  # as it was given
        address = session.get_one(Address, "A3")
        assert (address.lon, address.datum) == (113.755, "GCJ02")
        assert entity.grid_code == "441900004003002"  # both were moved from the same datum
    assert loader(folder(), "--datum", "Mars").exit_code == 2


# --- what the operator reads ------------------------------------------------------------------------------------------


def test_the_summary_is_chinese_first_with_english_beside_it(loader, folder):
    result = loader(folder({"calender.csv": "x"}))
    assert (
        "entities.csv：新增 6，更改 0，未变 0，按标准地址分到网格 2，按坐标 2，待人工分派 2，首检任务 5 / 6 added"
        in result.stdout
    )
    assert "calender.csv：不认识这个文件名，未读取 / no file of this name is loaded" in result.stdout


def test_a_problem_names_file_line_column_value_and_reason(loader, folder):
    result = loader(folder(other("entities.csv", "二号店,,441900004,", "二号店,,441900099,")))
    assert result.exit_code == 2
    assert "entities.csv 第 3 行 street_code「441900099」：" in result.stderr
    assert "发现 1 处问题，未写入任何内容 / 1 problems, nothing was written" in result.stderr


def test_a_folder_with_nothing_to_load_says_so(loader, folder):
    result = loader(folder({"readme.txt": "hello"}, only=True))
    assert result.exit_code == 2
    assert "文件夹里没有可导入的文件" in result.stderr
