"""What is read of a load folder, judged against the store: references, levels of areas, what must not move, overlaps."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from datetime import date
from typing import Any

import shapely
from geoalchemy2.shape import to_shape
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from gridwatch.areas.models import Area, Department
from gridwatch.db.engine import dialect_of
from gridwatch.exchange.formats import AREAS, LEVELS, PARENTS, TABLES
from gridwatch.exchange.parsing import UNKNOWN_CODE, Record, check_references
from gridwatch.exchange.reading import Reason, Report
from gridwatch.exchange.shapes import GridShape, overlaps
from gridwatch.places.models import Address, Grid
from gridwatch.places.queries import valid_on

GRIDS_FILE = "grids.geojson"

_CODES = {"areas": Area.code, "departments": Department.code, "grids": Grid.code, "addresses": Address.code}
_LEVEL_OF = {  # table → column → the level that the area must have
    "addresses": {"street_code": "street", "community_code": "community"},
    "entities": {"street_code": "street"},
}

LEVEL = Reason(
    "area.level", "这里应填{title}的代码，而它是{found}", "this should be the code of a {level}, it is a {found_en}"
)
PARENT = Reason("area.parent", "{title}不能在{found}之下", "a {level} does not stand under a {found_en}")
AREA_MOVED = Reason(
    "area.moved",
    "已导入的区域不能改层级或上级（现为 {level}，上级 {parent}）；区划调整请用新代码",
    "a loaded area keeps its level and parent (now {level} under {parent}): a reform brings new codes",
)
GRID_MOVED = Reason(
    "grid.moved",
    "已导入的网格属于社区 {community}，不能换社区；请用新代码",
    "this grid belongs to community {community} and stays there: give the new one a new code",
)
OVERLAP_STORED = Reason(
    "polygon.overlap",
    "「{label}」与已导入的网格 {other} 重叠约 {area} 平方米",
    "{label} overlaps grid {other}, loaded before, by some {area} m²",
)


class _Anything:
    """Stands for the codes of a file that was refused: what refers to it is not refused on top of that."""

    def __contains__(self, code: object) -> bool:
        return True


def check_against_store(
    session: Session, records: Mapping[str, list[Record]], grids: list[GridShape], report: Report, today: date
) -> None:
    """Refuse, in `report`, every row that does not fit what is stored or what the other files bring.

    `records` are the rows of each file that was read, by the name of its table; a file that was refused has none.
    """
    refused = {table.name for table in TABLES if not report.accepts(table.file)}
    if not report.accepts(GRIDS_FILE):
        refused.add("grids")
    known = _known_codes(session, records, grids, refused)
    for table in TABLES:
        check_references(table, records.get(table.name, []), known, report)
    for grid in grids:
        if grid.community_code not in known["areas"]:
            report.refuse(
                UNKNOWN_CODE, GRIDS_FILE, line=grid.line, column="community_code", value=grid.community_code, table="areas"
            )  # fmt: skip
    if "areas" not in refused:
        _check_levels(session, records, grids, report)
    _check_areas_stay(session, records.get("areas", []), report)
    _check_grids_stay(session, grids, report)
    _check_overlap(session, grids, report, today)


def _known_codes(
    session: Session, records: Mapping[str, list[Record]], grids: list[GridShape], refused: Collection[str]
) -> dict[str, Any]:
    """By name of table: the codes that the files bring, and those of the store that the files refer to."""
    brought: dict[str, set[str]] = {name: {record["code"] for record in records.get(name, [])} for name in _CODES}
    brought["grids"] = {grid.code for grid in grids}
    wanted: dict[str, set[str]] = defaultdict(set)
    wanted["areas"].update(grid.community_code for grid in grids)
    for table in TABLES:
        for column, target in table.references.items():
            for record in records.get(table.name, []):
                value = record[column]
                wanted[target].update(value if isinstance(value, tuple) else [value] if value is not None else [])
    known: dict[str, Any] = {}
    for name, column in _CODES.items():
        stored = _rows_of(session, column, wanted[name] - brought[name])
        known[name] = _Anything() if name in refused else brought[name].union(row[0] for row in stored)
    return known


def _levels(session: Session, records: Mapping[str, list[Record]]) -> dict[str, str]:
    """Code → level of every area, stored or brought."""
    levels = dict(session.execute(select(Area.code, Area.level)).all())
    return levels | {record["code"]: record["level"] for record in records.get("areas", [])}


def _check_levels(
    session: Session, records: Mapping[str, list[Record]], grids: list[GridShape], report: Report
) -> None:
    levels = _levels(session, records)
    for table in TABLES:
        for column, level in _LEVEL_OF.get(table.name, {}).items():
            for record in records.get(table.name, []):
                _check_level(levels, record[column], level, report, table.file, record.line, column)
    for grid in grids:
        _check_level(levels, grid.community_code, "community", report, GRIDS_FILE, grid.line, "community_code")
    for record in records.get("areas", []):
        above = levels.get(record["parent_code"])
        if above is not None and record["level"] != "city" and above not in PARENTS[record["level"]]:
            facts = {"title": LEVELS[record["level"]][0], "level": record["level"], "found_en": above}
            report.refuse(
                PARENT, AREAS.file, line=record.line, column="parent_code", value=record["parent_code"],
                found=LEVELS[above][0], **facts,
            )  # fmt: skip


def _check_level(
    levels: Mapping[str, str], code: str | None, wanted: str, report: Report, file: str, line: int, column: str
) -> None:
    found = levels.get(code or "")
    if found is not None and found != wanted:
        facts = {"title": LEVELS[wanted][0], "level": wanted, "found": LEVELS[found][0], "found_en": found}
        report.refuse(LEVEL, file, line=line, column=column, value=code, **facts)


def _check_areas_stay(session: Session, areas: list[Record], report: Report) -> None:
    """The path of an area stands in every row below it; nothing in this command rewrites those."""
    rows = _rows_of(session, Area.code, (area["code"] for area in areas), Area.level, Area.parent_code)
    stored = {code: (level, parent) for code, level, parent in rows}
    for area in areas:
        level, parent = stored.get(area["code"], (area["level"], area["parent_code"]))
        if (level, parent) != (area["level"], area["parent_code"]):
            facts = {"level": level, "parent": parent or "—"}
            report.refuse(AREA_MOVED, AREAS.file, line=area.line, column="code", value=area["code"], **facts)


def _check_grids_stay(session: Session, grids: list[GridShape], report: Report) -> None:
    stored = dict(_rows_of(session, Grid.code, (grid.code for grid in grids), Grid.community_code))
    for grid in grids:
        community = stored.get(grid.code, grid.community_code)
        if community != grid.community_code:
            report.refuse(
                GRID_MOVED, GRIDS_FILE, line=grid.line, column="community_code", value=grid.community_code,
                community=community,
            )  # fmt: skip


def _check_overlap(session: Session, grids: list[GridShape], report: Report, today: date) -> None:
    """The grids of the file against the valid grids of the store that it does not replace."""
    if not grids:
        return
    replaced = {grid.code for grid in grids}
    west, south, east, north = shapely.total_bounds([grid.shape for grid in grids])
    dialect = dialect_of(session)
    frame = dialect.geometry(f"'SRID=4326;{shapely.box(west, south, east, north).wkt}'")
    near = select(Grid).where(valid_on(today), text(dialect.spatial_filter("grid", "shape", frame))).order_by(Grid.code)
    stored = [grid for grid in session.scalars(near) if grid.code not in replaced]
    shapes = [grid.shape for grid in grids] + [to_shape(grid.shape) for grid in stored]
    for one, other, area in overlaps(shapes):
        if one < len(grids) <= other:  # two of the file were judged when it was read, two of the store before that
            new = grids[one]
            facts = {"label": new.name, "other": stored[other - len(grids)].code, "area": f"{area:,.0f}"}
            report.refuse(OVERLAP_STORED, GRIDS_FILE, line=new.line, column="geometry", value=new.code, **facts)


def _rows_of(session: Session, column: Any, codes: Iterable[str], *more: Any) -> Iterable[Any]:
    """Rows (code, *more) of the stored codes among `codes`."""
    return session.execute(select(column, *more).where(dialect_of(session).among(column, set(codes)))).all()
