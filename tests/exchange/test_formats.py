"""The tables of a load folder: the real folder reads without a problem, and every bad cell is named."""

from __future__ import annotations

import json
from collections import Counter
from datetime import date, timedelta
from pathlib import Path

import pytest
from shapely.geometry import Point, shape

from gridwatch.domain.datum import Datum, from_wgs84
from gridwatch.domain.permits import Role
from gridwatch.domain.worktime import DayKind
from gridwatch.exchange.formats import (
    ADDRESSES,
    AREAS,
    CALENDAR,
    DEPARTMENTS,
    ENTITIES,
    PERMITS,
    TABLES,
    USERS,
)
from gridwatch.exchange.parsing import Table, check_references, read_table
from gridwatch.exchange.reading import Report

NANCHENG = Path(__file__).parents[1] / "data/nancheng"
TODAY = date(2026, 9, 18)
GOOD_USCC = "91440300279544012B"


def read(table: Table, *lines: str, datum: Datum | None = None):
    report = Report()
    return read_table(table, "\n".join(lines).encode(), report, today=TODAY, file=table.file, datum=datum), report


def problems(report: Report) -> list[tuple]:
    return [(problem.code, problem.line, problem.column) for problem in report.problems]


# --- the real folder --------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def nancheng():
    """Every table of the sample folder by name, and what was said while reading it."""
    report = Report()
    return {table.name: read_table(table, NANCHENG / table.file, report, today=TODAY) for table in TABLES}, report


@pytest.fixture(scope="module")
def grids():
    features = json.loads((NANCHENG / "grids.geojson").read_text(encoding="utf-8"))["features"]
    return {feature["properties"]["code"]: shape(feature["geometry"]) for feature in features}


def test_the_sample_folder_has_nothing_wrong_with_it(nancheng):
    records, report = nancheng
    assert report.problems == []
    assert {name: len(rows) for name, rows in records.items()} == {
        "areas": 20, "departments": 13, "users": 157, "addresses": 900, "entities": 1673, "permits": 25,
        "calendar": 3287,
    }  # fmt: skip
    # The paper of January 2020 names a Monday as worked; nothing else in the folder asks for a remark.
    assert [(note.code, note.value) for note in report.notes] == [("calendar.makeup_weekday", "2020-02-03")]


def test_every_reference_of_the_sample_folder_is_met(nancheng, grids):
    records, _ = nancheng
    known = {table.name: {record[table.key[0]] for record in records[table.name]} for table in TABLES}
    report = Report()
    for table in TABLES:
        check_references(table, records[table.name], known | {"grids": grids}, report)
    assert report.problems == []


def test_the_sample_has_users_for_every_role_and_a_worker_for_every_grid(nancheng, grids):
    users = nancheng[0]["users"]
    per_role = Counter(user["role"] for user in users)
    assert per_role == {
        Role.GRID_WORKER: 58, Role.COMMUNITY_DISPATCHER: 18, Role.COMMUNITY_HANDLER: 18, Role.STREET_DISPATCHER: 2,
        Role.SUPERVISION_OFFICE: 2, Role.DEPARTMENT_RECEIVER: 26, Role.CASE_OFFICER: 13, Role.DEPARTMENT_LEADER: 13,
    } | dict.fromkeys(set(Role) - {
        Role.GRID_WORKER, Role.COMMUNITY_DISPATCHER, Role.COMMUNITY_HANDLER, Role.STREET_DISPATCHER,
        Role.SUPERVISION_OFFICE, Role.DEPARTMENT_RECEIVER, Role.CASE_OFFICER, Role.DEPARTMENT_LEADER,
    }, 1)  # fmt: skip
    assert sorted(code for user in users for code in user["grid_codes"]) == sorted(grids)
    assert sum(user["deputy"] for user in users) == 13


def test_611_real_entities_can_be_routed_by_nobody_but_a_person(nancheng, grids):
    """By standard address, else by point in polygon, else by hand; and where both are known, they agree."""
    records, _ = nancheng
    grid_of_address = {address["code"]: address["grid_code"] for address in records["addresses"]}
    routed = Counter()
    for entity in records["entities"]:
        by_address = grid_of_address.get(entity["address_code"])
        holding = [
            code for code, polygon in grids.items() if entity["wgs84"] and polygon.covers(Point(entity["wgs84"]))
        ]
        assert len(holding) == bool(entity["wgs84"]), entity
        if by_address is not None:
            assert holding in ([], [by_address])
        routed["address" if by_address else "point" if holding else "hand"] += 1
    assert routed == {"address": 825, "point": 237, "hand": 611}


# --- what is read, and how --------------------------------------------------------------------------------------------


def test_areas_are_read_with_codes_or_chinese_words():
    rows, report = read(AREAS, "代码,名称,层级,上级代码", "441900,东莞市,市,", "441900004,南城街道,street,441900")
    assert report.problems == []
    assert [row.values for row in rows] == [
        {"code": "441900", "name": "东莞市", "level": "city", "parent_code": None},
        {"code": "441900004", "name": "南城街道", "level": "street", "parent_code": "441900"},
    ]


def test_one_person_may_hold_several_roles_in_as_many_rows():
    rows, report = read(
        USERS,
        "username,name,role,area_code,department_code,grid_codes,deputy",
        "zhouxi.a,周溪 甲岗,网格员,441900004011,,441900004011001;441900004011002,",
        "zhouxi.a,周溪 甲岗,community_handler,441900004011,,,",
        "ga.deputy,公安 备岗,department_receiver,,NC-GA,,是",
    )
    assert report.problems == []
    assert [(row["role"], row["grid_codes"], row["deputy"]) for row in rows] == [
        (Role.GRID_WORKER, ("441900004011001", "441900004011002"), False),
        (Role.COMMUNITY_HANDLER, (), False),
        (Role.DEPARTMENT_RECEIVER, (), True),
    ]


def test_an_address_is_converted_from_the_datum_that_it_states():
    here = (113.73811, 23.02134)
    lon, lat = from_wgs84(*here, Datum.BD09)
    rows, report = read(
        ADDRESSES,
        "code,street_code,road,lng,lat,datum",
        f"A1,441900004,宏图路,{lon},{lat},bd-09",
        f"A2,441900004,宏图路,{here[0]},{here[1]},WGS84",
        "A3,441900004,宏图路,,,",
    )
    assert report.problems == []
    assert rows[0]["wgs84"] == pytest.approx(here, abs=1e-8)
    assert (rows[0]["datum"], rows[0]["lng"]) == (Datum.BD09, lon)  # kept as given
    assert rows[1]["wgs84"] == here
    assert (rows[2]["wgs84"], rows[2]["datum"]) == (None, None)


def test_the_caller_may_state_the_datum_for_rows_that_do_not():
    line = "A1,441900004,宏图路,113.7433081,23.018615"
    rows, report = read(ADDRESSES, "code,street_code,road,lng,lat", line, datum=Datum.GCJ02)
    assert report.problems == []
    assert rows[0]["wgs84"] == pytest.approx((113.73811, 23.02134), abs=2e-6)
    assert rows[0]["datum"] is Datum.GCJ02


@pytest.mark.parametrize(
    ("cell", "uscc", "kind", "notes"),
    [
        (GOOD_USCC, GOOD_USCC, "valid", []),
        (GOOD_USCC.lower(), GOOD_USCC, "valid", ["uscc.case_folded"]),
        ("9144 0300 2795 4401 2B", GOOD_USCC, "valid", ["uscc.separators_removed"]),
        ("441900000123456", "441900000123456", "legacy_15", ["uscc.legacy_15"]),
        ("无", None, "none", []),
        ("", None, "none", []),
    ],
)
def test_credit_codes_are_folded_and_said(cell, uscc, kind, notes):
    rows, report = read(ENTITIES, "code,name,uscc,street_code,address", f"E1,某店,{cell},441900004,宏图路1号")
    assert report.problems == []
    assert (rows[0]["uscc"], rows[0]["uscc_kind"]) == (uscc, kind)
    assert [note.code for note in report.notes] == notes


def test_two_entities_with_one_credit_code_are_taken_and_said():
    """One licence may name several addresses (一照多址)."""
    rows, report = read(
        ENTITIES, "code,name,uscc,street_code,address", f"E1,某店,{GOOD_USCC},441900004,宏图路1号",
        f"E2,某店,{GOOD_USCC.lower()},441900004,宏图路2号",
    )  # fmt: skip
    assert len(rows) == 2
    assert [(n.code, n.line) for n in report.notes] == [("uscc.case_folded", 3), ("uscc.shared", 3)]


@pytest.mark.parametrize("day", ["2019-04-01", "2019/4/1", "2019年4月1日", " 2019-04-01 "])
def test_a_day_is_read_in_three_spellings(day):
    rows, _ = read(ENTITIES, "code,name,registered_on,street_code,address", f"E1,某店,{day},441900004,宏图路1号")
    assert rows[0]["registered_on"] == date(2019, 4, 1)


# --- what is refused --------------------------------------------------------------------------------------------------

AREA = "code,name,level,parent_code"
DEPARTMENT = "code,name,area_code,valid_from,successor_code"
USER = "username,name,role,area_code,department_code,grid_codes,deputy"
ADDRESS = "code,street_code,community_code,grid_code,road,lng,lat,datum"
ENTITY = "code,name,uscc,registered_on,street_code,address,lng,lat,datum"
PERMIT = "sector,permit,department_code,scope_regex,hazard"

REFUSED = [
    # areas
    (AREAS, AREA, "441900,东莞市,province,", [("cell.choice", 2, "level")]),
    (AREAS, AREA, ",东莞市,city,", [("cell.blank", 2, "code")]),
    (AREAS, AREA, "4419,东莞市,city,", [("area.code", 2, "code")]),
    (AREAS, AREA, "44190A,东莞市,city,", [("area.code", 2, "code")]),
    (AREAS, AREA, "441900,东莞市,city,44", [("area.parent", 2, "parent_code")]),
    (AREAS, AREA, "441900004,南城街道,street,", [("area.parent", 2, "parent_code")]),
    (AREAS, AREA, "441900,东莞市,city,\n441900004011,周溪,community,441900", [("area.parent", 3, "parent_code")]),
    (AREAS, AREA, "441900,东莞市,city,\n441900,又一个,city,", [("row.duplicate", 3, "code")]),
    (AREAS, AREA, "441900," + "东" * 61 + ",city,", [("cell.too_long", 2, "name")]),
    (AREAS, AREA, "441900,东\x07莞,city,", [("cell.control_character", 2, "name")]),
    # departments
    (DEPARTMENTS, DEPARTMENT, "NC GA,公安,441900004,,", [("cell.code", 2, "code")]),
    (DEPARTMENTS, DEPARTMENT, "GA,公安,441900004,2026-02-30,", [("cell.date", 2, "valid_from")]),
    (DEPARTMENTS, DEPARTMENT, "GA,公安,441900004,02/03/2026,", [("cell.date", 2, "valid_from")]),
    (DEPARTMENTS, DEPARTMENT, "GA,公安,441900004,1900-01-01,", [("cell.out_of_range", 2, "valid_from")]),
    (DEPARTMENTS, DEPARTMENT, "GA,公安,441900004,,GA", [("department.succession", 2, "successor_code")]),
    (
        DEPARTMENTS,
        DEPARTMENT,
        "A,甲,441900004,,B\nB,乙,441900004,,A\nC,丙,441900004,,A",
        [("department.succession", 2, "successor_code"), ("department.succession", 3, "successor_code")],
    ),
    # users
    (USERS, USER, "a,甲,boss,441900,,,", [("cell.choice", 2, "role")]),
    (USERS, USER, "周溪,甲,auditor,441900,,,", [("cell.code", 2, "username")]),
    (USERS, USER, "a,甲,case_officer,,,,", [("grant.needs", 2, "department_code")]),
    (USERS, USER, "a,甲,case_officer,441900004,NC-GA,,", [("grant.excess", 2, "area_code")]),
    (USERS, USER, "a,甲,auditor,,,,", [("grant.needs", 2, "area_code")]),
    (USERS, USER, "a,甲,auditor,441900,NC-GA,,", [("grant.excess", 2, "department_code")]),
    (USERS, USER, "a,甲,auditor,441900,,441900004011001,", [("grant.excess", 2, "grid_codes")]),
    (USERS, USER, "a,甲,case_officer,,NC-GA,,1", [("grant.excess", 2, "deputy")]),
    (USERS, USER, "a,甲,department_receiver,,NC-GA,,maybe", [("cell.choice", 2, "deputy")]),
    (USERS, USER, "a,甲,auditor,441900,,,\na,乙,intake_clerk,441900,,,", [("user.other_name", 3, "name")]),
    (USERS, USER, "a,甲,auditor,441900,,,\na,甲,审计员,441900,,,", [("row.duplicate", 3, "username")]),
    # addresses
    (ADDRESSES, ADDRESS, "A1,441900004,,,宏图路,113.7,23.0,", [("datum.unstated", 2, "datum")]),
    (ADDRESSES, ADDRESS, "A1,441900004,,,宏图路,113.7,23.0,beijing54", [("datum.unknown", 2, "datum")]),
    (ADDRESSES, ADDRESS, "A1,441900004,,,宏图路,23.0,113.7,WGS84", [("point.swapped", 2, "lng")]),
    (ADDRESSES, ADDRESS, "A1,441900004,,,宏图路,0,0,WGS84", [("point.outside_china", 2, "lng")]),
    (
        ADDRESSES,
        ADDRESS,
        "A1,441900004,,,宏图路,12654321,2634567,WGS84",
        [("cell.out_of_range", 2, "lng"), ("cell.out_of_range", 2, "lat")],
    ),  # fmt: skip
    (ADDRESSES, ADDRESS, "A1,441900004,,,宏图路,113.7,,WGS84", [("point.half", 2, "lat")]),
    (ADDRESSES, ADDRESS, "A1,441900004,,,宏图路,113.7,nan,WGS84", [("cell.number", 2, "lat")]),
    (ADDRESSES, ADDRESS, "A1,441900004,,,宏图路,113°42',23.0,WGS84", [("cell.number", 2, "lng")]),
    (ADDRESSES, ADDRESS, "A1,441900004,,,,113.7,23.0,WGS84", [("address.empty", 2, "road")]),
    (ADDRESSES, ADDRESS, "A1,441900004,,,甲路,,,\nA1,441900004,,,乙路,,,", [("row.duplicate", 3, "code")]),
    # entities
    (ENTITIES, ENTITY, f"E1,,{GOOD_USCC},,441900004,宏图路,,,", [("cell.blank", 2, "name")]),
    (ENTITIES, ENTITY, "E1,某店,91440300279544012C,,441900004,宏图路,,,", [("uscc.check_character", 2, "uscc")]),
    (ENTITIES, ENTITY, "E1,某店,9144O300279544012B,,441900004,宏图路,,,", [("uscc.character", 2, "uscc")]),
    (ENTITIES, ENTITY, "E1,某店,914403,,441900004,宏图路,,,", [("uscc.length", 2, "uscc")]),
    (ENTITIES, ENTITY, "E1,某店,,2026-09-19,441900004,宏图路,,,", [("date.future", 2, "registered_on")]),
    (ENTITIES, ENTITY, "E1,某店,,1850-01-01,441900004,宏图路,,,", [("cell.out_of_range", 2, "registered_on")]),
    (ENTITIES, ENTITY, "E1,某店,,,441900004,宏图路,113.7,23.0,", [("datum.unstated", 2, "datum")]),
    (
        ENTITIES,
        ENTITY,
        "E1,,坏,昨天,,宏图路,,,",
        [("cell.blank", 2, "name"), ("cell.date", 2, "registered_on"), ("cell.blank", 2, "street_code")],
    ),
    # permits
    (PERMITS, PERMIT, "食品,许可,NC-SCJG,(,1", [("cell.pattern", 2, "scope_regex")]),
    (PERMITS, PERMIT, "食品,许可,NC-SCJG,餐饮,high", [("cell.number", 2, "hazard")]),
    (PERMITS, PERMIT, "食品,许可,NC-SCJG,餐饮,-1", [("cell.out_of_range", 2, "hazard")]),
    (PERMITS, PERMIT, "食品,许可,NC-SCJG,餐饮,1\n食品,又一,NC-GA,,2", [("row.duplicate", 3, "sector")]),
]


@pytest.mark.parametrize(("table", "header", "rows", "expected"), REFUSED)
def test_a_bad_row_is_named_with_line_column_and_reason(table, header, rows, expected):
    records, report = read(table, header, rows)
    assert records == []
    assert problems(report) == expected
    for problem in report.problems:
        assert problem.file == table.file
        assert problem.reason_zh
        assert problem.reason_en
        assert "{" not in problem.reason_zh + problem.reason_en


def test_the_refused_value_is_repeated():
    _, report = read(USERS, USER, "a,甲,boss,441900,,,")
    assert report.problems[0].value == "boss"
    assert "grid_worker、" in report.problems[0].reason_zh


def test_a_datum_that_contradicts_the_callers_is_refused():
    _, report = read(ADDRESSES, ADDRESS, "A1,441900004,,,宏图路,113.7,23.0,WGS84", datum=Datum.BD09)
    assert problems(report) == [("datum.conflict", 2, "datum")]


def test_one_bad_row_among_good_ones_keeps_all_of_them_out():
    rows, report = read(AREAS, AREA, "441900,东莞市,city,", "441900004,南城街道,road,441900")
    assert rows == []
    assert problems(report) == [("cell.choice", 3, "level")]


@pytest.mark.parametrize(
    ("table", "header", "row", "expected"),
    [
        (AREAS, AREA, "441900004,南城街道,street,441900", []),  # the city is in the store
        (AREAS, AREA, "441900004,南城街道,street,440100", [("parent_code", "440100")]),
        (USERS, USER, "a,甲,grid_worker,441900004011,,G1;G9,", [("grid_codes", "G9")]),
        (USERS, USER, "a,甲,case_officer,,NC-XX,,", [("department_code", "NC-XX")]),
        (
            ADDRESSES,
            ADDRESS,
            "A1,441900004,441900004999,G8,宏图路,,,",
            [("community_code", "441900004999"), ("grid_code", "G8")],
        ),  # fmt: skip
        (PERMITS, PERMIT, "食品,许可,,,", []),  # no authority named: the supervision office decides
    ],
)
def test_codes_that_nobody_knows_are_named(table, header, row, expected):
    records, report = read(table, header, row)
    known = {
        "areas": {"441900", "441900004", "441900004011"},
        "grids": {"G1"},
        "departments": {"NC-GA"},
        "addresses": set(),
    }
    assert report.problems == []
    check_references(table, records, known, report)
    assert [(problem.column, problem.value) for problem in report.problems] == expected
    assert all(problem.code == "reference.unknown" and problem.line == 2 for problem in report.problems)


def test_a_table_that_refers_to_itself_knows_its_own_rows():
    records, report = read(DEPARTMENTS, DEPARTMENT, "A,甲,441900004,,B", "B,乙,441900004,,")
    check_references(DEPARTMENTS, records, {"areas": {"441900004"}, "departments": set()}, report)
    assert report.problems == []


# --- the calendar -----------------------------------------------------------------------------------------------------

CALENDAR_HEADER = "date,kind,name,notice_year,source"


def year_of(year: int, **overrides: str) -> list[str]:
    """A year of plain weeks, one line per day; `overrides` replace the day written d0101."""
    lines = []
    for n in range((date(year + 1, 1, 1) - date(year, 1, 1)).days):
        on = date(year, 1, 1) + timedelta(n)
        plain = f"{on},{'weekend' if on.weekday() >= 5 else 'work'},,,"
        lines.append(overrides.get(f"d{on:%m%d}", plain))
    return lines


def test_a_year_listed_whole_may_bring_along_days_of_the_december_before():
    rows, report = read(
        CALENDAR, CALENDAR_HEADER, "2026-12-31,节假日,元旦,2027,国办发〔2026〕号",
        *year_of(2027, d0101="2027-01-01,holiday,元旦,,国办发〔2026〕号"),
    )  # fmt: skip
    assert report.problems == []
    assert (rows[0]["kind"], rows[0]["notice_year"]) == (DayKind.HOLIDAY, 2027)
    assert {row["notice_year"] for row in rows} == {2027}


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("2027-01-04,weekend,,,", ("calendar.kind", 5, "kind")),  # a Monday
        ("2027-01-04,holiday,元旦,,", ("calendar.source", 5, "source")),
        ("2027-01-04,makeup,,,", ("calendar.source", 5, "source")),
        ("2027-01-04,work,,2028,", ("calendar.notice_year", 5, "notice_year")),
        ("2027-01-04,half,,,", ("cell.choice", 5, "kind")),
        ("1999-01-04,work,,,", ("cell.out_of_range", 5, "date")),
        ("2027-01-05,work,,,", ("row.duplicate", 6, "date")),
    ],
)
def test_a_day_that_cannot_be_is_named(override, expected):
    rows, report = read(CALENDAR, CALENDAR_HEADER, *year_of(2027, d0104=override))
    assert rows == []
    assert expected in problems(report)


def test_a_saturday_is_no_plain_work_day():
    _, report = read(CALENDAR, CALENDAR_HEADER, *year_of(2027, d0102="2027-01-02,work,,,"))
    assert problems(report) == [("calendar.kind", 3, "kind")]


def test_a_gap_in_a_year_is_told_with_its_first_day():
    lines = [line for line in year_of(2027) if not line.startswith(("2027-03-", "2027-12-31"))]
    _, report = read(CALENDAR, CALENDAR_HEADER, *lines)
    assert problems(report) == [("calendar.incomplete", None, "date")]
    assert "2027 年缺 32 天" in report.problems[0].reason_zh
    assert "2027-03-01" in report.problems[0].reason_en


def test_december_days_of_a_notice_that_is_not_in_the_file_are_refused():
    _, report = read(CALENDAR, CALENDAR_HEADER, "2026-12-31,holiday,元旦,2027,国办发〔2026〕号")
    assert problems(report) == [("calendar.incomplete", None, "date")]
