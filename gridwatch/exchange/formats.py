"""The files of a load folder (design.md §4): which columns they have, what may stand there, what they refer to.

One table per file, in the order of loading; `parsing.read_table` reads them. `grids.geojson` is read by `shapes.py`.
"""

from __future__ import annotations

from datetime import date, timedelta

from gridwatch.domain.datum import to_wgs84
from gridwatch.domain.permits import ROLE_NAMES, Role
from gridwatch.domain.worktime import FIRST_YEAR, LAST_YEAR, WEEKDAYS_EN, WEEKDAYS_ZH, DayKind
from gridwatch.entities.uscc import USCC_WORDS, check_uscc
from gridwatch.exchange import cells
from gridwatch.exchange.parsing import Column, Context, Record, Table
from gridwatch.exchange.reading import Reason

LEVELS = {"city": ("市", 6), "district": ("区县", 6), "street": ("街道", 9), "community": ("社区", 12)}  # digits
PARENTS = {"city": (), "district": ("city",), "street": ("city", "district"), "community": ("street",)}
STATUSES = {"存续": "active", "注销": "deregistered", "吊销": "revoked", "迁出": "moved_out"}
IN_DEPARTMENTS = frozenset({Role.DEPARTMENT_RECEIVER, Role.CASE_OFFICER, Role.DEPARTMENT_LEADER})
ON_GRIDS = frozenset({Role.GRID_WORKER, Role.MARKET_MANAGER})

DATUM_UNSTATED = Reason(
    "datum.unstated",
    "没有说明坐标系：请在 datum 列填写，或用 --datum 指明 WGS84、CGCS2000、GCJ02（高德、腾讯）还是 BD09（百度）",
    "the datum is not stated: fill in the column datum, or say with --datum whether it is WGS84, CGCS2000, GCJ02 "
    "(AMap, Tencent) or BD09 (Baidu)",
)
HALF_POINT = Reason("point.half", "经度和纬度要么都填，要么都不填", "give both longitude and latitude, or neither")
FUTURE = Reason("date.future", "日期晚于今天（{today}）", "the date lies after today ({today})")
AREA_DIGITS = Reason("area.code", "{title}的代码应为 {digits} 位数字", "the code of a {level} has {digits} digits")
AREA_PARENT = Reason("area.parent", "{title}的上级应为{allowed_zh}", "what stands above a {level} must be {allowed_en}")
SUCCESSION = Reason("department.succession", "承继关系成环", "the departments succeed one another in a circle")
GRANT_NEEDS = Reason("grant.needs", "「{title}」岗位须填这一列", "the role {role} needs this column")
GRANT_EXCESS = Reason("grant.excess", "「{title}」岗位不填这一列", "the role {role} does not take this column")
OTHER_NAME = Reason(
    "user.other_name", "同一用户名在第 {first} 行叫「{name}」", "the same user name is called {name} in line {first}"
)
NO_PLACE = Reason(
    "address.empty", "道路、门牌号、楼栋至少填一项", "fill in at least one of road, house_no and building"
)
SHARED_CODE = Reason(
    "uscc.shared",
    "与第 {first} 行的统一社会信用代码相同：请核对是一照多址还是重复登记",
    "the same credit code as in line {first}: one licence with several addresses, or entered twice?",
)
WRONG_KIND = Reason(
    "calendar.kind", "{day} 是{weekday_zh}，不能是这一类", "{day} is a {weekday_en} and cannot be of this kind"
)
MAKEUP_WEEKDAY = Reason(
    "calendar.makeup_weekday",
    "{day} 是{weekday_zh}，本来就上班，却列为调休上班；请核对日期",
    "{day} is a {weekday_en}, worked anyway, yet listed as make-up day: check the date",
)
NO_PAPER = Reason(
    "calendar.source", "节假日和调休上班须注明依据的文件", "a holiday or make-up day names the document it rests on"
)
NOTICE_YEAR = Reason(
    "calendar.notice_year",
    "依据只能是当年的通知；12 月的日子也可以是下一年的",
    "a day rests on the notice of its own year, a day in December may rest on the next year's",
)
INCOMPLETE = Reason(
    "calendar.incomplete",
    "{year} 年缺 {missing} 天，首个缺日是 {first}；每年须逐日列全（只有下一年通知带出的 12 月日子可以单列）",
    "{year} lacks {missing} days, the first being {first}: list every day of a year (only days of December that the "
    "next year's notice decides may stand alone)",
)


def check_area(area: Record, context: Context) -> None:
    level = area["level"]
    title, digits = LEVELS[level]
    if not (area["code"].isascii() and area["code"].isdigit() and len(area["code"]) == digits):
        context.refuse(AREA_DIGITS, area, "code", title=title, level=level, digits=digits)
    if (area["parent_code"] is None) is not (level == "city"):
        _refuse_parent(area, context)


def check_areas(areas: list[Record], context: Context) -> None:
    """A parent in the same file must be of a level that may stand above; one in the store is the loader's to judge."""
    levels = {area["code"]: area["level"] for area in areas}
    for area in areas:
        above = levels.get(area["parent_code"])
        if above is not None and area["level"] != "city" and above not in PARENTS[area["level"]]:
            _refuse_parent(area, context)


def _refuse_parent(area: Record, context: Context) -> None:
    level = area["level"]
    allowed_zh = "或".join(LEVELS[above][0] for above in PARENTS[level]) or "空"
    allowed_en = " or ".join(f"a {above}" for above in PARENTS[level]) or "nothing"
    facts = {"title": LEVELS[level][0], "level": level, "allowed_zh": allowed_zh, "allowed_en": allowed_en}
    context.refuse(AREA_PARENT, area, "parent_code", **facts)


def check_departments(departments: list[Record], context: Context) -> None:
    """Nobody inherits from himself, however long the chain (domain.md §4b edge case f)."""
    successor = {department["code"]: department["successor_code"] for department in departments}
    for department in departments:
        seen, code = set(), department["code"]
        while code in successor and code not in seen:
            seen.add(code)
            code = successor[code]
        if code == department["code"]:
            context.refuse(SUCCESSION, department, "successor_code")


def check_grant(grant: Record, context: Context) -> None:
    """A department role is held in a department, any other in an area; grids and deputies belong to certain roles."""
    role = grant["role"]
    in_department = role in IN_DEPARTMENTS
    needed, other = ("department_code", "area_code") if in_department else ("area_code", "department_code")
    facts = {"title": ROLE_NAMES[role][0], "role": role.value}
    if grant[needed] is None:
        context.refuse(GRANT_NEEDS, grant, needed, **facts)
    if grant[other] is not None:
        context.refuse(GRANT_EXCESS, grant, other, **facts)
    if grant["grid_codes"] and role not in ON_GRIDS:
        context.refuse(GRANT_EXCESS, grant, "grid_codes", **facts)
    if grant["deputy"] and role is not Role.DEPARTMENT_RECEIVER:
        context.refuse(GRANT_EXCESS, grant, "deputy", **facts)


def check_users(grants: list[Record], context: Context) -> None:
    first: dict[str, Record] = {}
    for grant in grants:
        earlier = first.setdefault(grant["username"], grant)
        if earlier["name"] != grant["name"]:
            context.refuse(OTHER_NAME, grant, "name", first=earlier.line, name=earlier["name"])


def check_point(record: Record, context: Context) -> None:
    """Add `wgs84`, the point as (longitude, latitude) in WGS-84 or None, and the `datum` in which the row gave it."""
    lon, lat, stated = record["lng"], record["lat"], record["datum"]
    record.values["wgs84"] = None
    if (lon is None) is not (lat is None):
        context.refuse(HALF_POINT, record, "lng" if lon is None else "lat")
    elif lon is not None:
        datum = stated or context.datum
        misplaced = cells.misplaced(lon, lat)
        if datum is None:
            context.refuse(DATUM_UNSTATED, record, "datum")
        elif context.datum not in (None, datum):
            context.refuse(cells.DATUM_CONFLICT, record, "datum", stated=datum, given=context.datum)
        elif misplaced is not None:
            context.refuse(misplaced, record, "lng")
        else:
            record.values.update(datum=datum, wgs84=to_wgs84(lon, lat, datum))


def check_address(address: Record, context: Context) -> None:
    if not (address["road"] or address["house_no"] or address["building"]):
        context.refuse(NO_PLACE, address, "road")
    check_point(address, context)


def check_entity(entity: Record, context: Context) -> None:
    """Add `uscc_kind`, leave the normal form of the code in `uscc` (None: no code), and check day and point."""
    verdict = check_uscc(entity["uscc"])
    if verdict.problem is not None:
        context.refuse(Reason(verdict.problem, *USCC_WORDS[verdict.problem]), entity, "uscc")
    for warning in verdict.warnings:
        context.say(Reason(warning, *USCC_WORDS[warning]), entity, "uscc")
    entity.values.update(uscc=verdict.normal or None, uscc_kind=verdict.kind)
    registered_on = entity["registered_on"]
    if registered_on is not None and registered_on > context.today:
        context.refuse(FUTURE, entity, "registered_on", today=context.today)
    check_point(entity, context)


def check_entities(entities: list[Record], context: Context) -> None:
    first: dict[str, int] = {}
    for entity in entities:
        if entity["uscc"] is not None:
            line = first.setdefault(entity["uscc"], entity.line)
            if line != entity.line:
                context.say(SHARED_CODE, entity, "uscc", first=line)


def check_day(day: Record, context: Context) -> None:
    """A kind has to fit its weekday, and what differs from the plain week rests on a document. Fills `notice_year`."""
    on, kind = day["date"], day["kind"]
    weekend = on.weekday() >= 5
    weekday = {"day": on, "weekday_zh": WEEKDAYS_ZH[on.weekday()], "weekday_en": WEEKDAYS_EN[on.weekday()]}
    if kind is (DayKind.WORK if weekend else DayKind.WEEKEND):
        context.refuse(WRONG_KIND, day, "kind", **weekday)
    elif kind is DayKind.MAKEUP and not weekend:  # real: the paper of 2020-01-27 names Monday 3 February as worked
        context.say(MAKEUP_WEEKDAY, day, "date", **weekday)
    if kind in (DayKind.HOLIDAY, DayKind.MAKEUP) and not day["source"]:
        context.refuse(NO_PAPER, day, "source")
    if day["notice_year"] is None:
        day.values["notice_year"] = on.year
    elif day["notice_year"] not in ((on.year, on.year + 1) if on.month == 12 else (on.year,)):
        context.refuse(NOTICE_YEAR, day, "notice_year")


def check_calendar(days: list[Record], context: Context) -> None:
    """A year is listed whole: a gap would silently turn into work days. Ruling R4 lets a notice decide days of the
    December before it; those may stand without the rest of their year.
    """
    listed = {day["date"] for day in days}
    for year in sorted({day["notice_year"] for day in days}):
        whole = (date(year, 1, 1) + timedelta(n) for n in range((date(year + 1, 1, 1) - date(year, 1, 1)).days))
        missing = [on for on in whole if on not in listed]
        if missing:
            context.report.refuse(
                INCOMPLETE, context.file, column="date", year=year, missing=len(missing), first=missing[0]
            )


_POINT = (
    Column("lng", "经度", cells.degrees(180)),
    Column("lat", "纬度", cells.degrees(180)),  # 90 would turn a swapped pair into a riddle
    Column("datum", "坐标系", cells.datum),
    Column("accuracy_m", "定位精度（米）", cells.integer(0, 100_000)),
)
_ROLES = {role.value: role for role in Role} | {ROLE_NAMES[role][0]: role for role in Role}
_LEVELS = {level: level for level in LEVELS} | {title: level for level, (title, _) in LEVELS.items()}
_DAY_KINDS = {kind.value: kind for kind in DayKind} | {
    "工作日": DayKind.WORK, "周末": DayKind.WEEKEND, "节假日": DayKind.HOLIDAY, "调休上班": DayKind.MAKEUP,
}  # fmt: skip

AREAS = Table(
    "areas",
    "areas.csv",
    (
        Column("code", "代码", cells.code(12), required=True),
        Column("name", "名称", cells.text(60), required=True),
        Column("level", "层级", cells.choice(_LEVELS), required=True),
        Column("parent_code", "上级代码", cells.code(12), refers="areas"),
    ),
    key=("code",),
    check_row=check_area,
    check_file=check_areas,
)

DEPARTMENTS = Table(
    "departments",
    "departments.csv",
    (
        Column("code", "代码", cells.code(), required=True),
        Column("name", "名称", cells.text(60), required=True),
        Column("area_code", "所属区域代码", cells.code(12), required=True, refers="areas"),
        Column("valid_from", "起用日期", cells.day(date(1949, 10, 1), date(LAST_YEAR, 12, 31))),
        Column("valid_to", "撤销日期", cells.day(date(1949, 10, 1), date(LAST_YEAR, 12, 31))),
        Column("successor_code", "承继部门代码", cells.code(), refers="departments"),
    ),
    key=("code",),
    check_file=check_departments,
)

USERS = Table(
    "users",
    "users.csv",
    (
        Column("username", "用户名", cells.code(64), required=True),
        Column("name", "姓名", cells.text(60), required=True),
        Column("role", "岗位", cells.choice(_ROLES), required=True),
        Column("area_code", "区域代码", cells.code(12), refers="areas"),
        Column("department_code", "部门代码", cells.code(), refers="departments"),
        Column("grid_codes", "网格代码", cells.codes(20), blank=(), refers="grids"),
        Column("deputy", "备岗", cells.flag, blank=False),
    ),
    key=("username", "role", "area_code", "department_code"),
    check_row=check_grant,
    check_file=check_users,
)

ADDRESSES = Table(
    "addresses",
    "addresses.csv",
    (
        Column("code", "代码", cells.code(), required=True),
        Column("street_code", "街道代码", cells.code(12), required=True, refers="areas"),
        Column("community_code", "社区代码", cells.code(12), refers="areas"),
        Column("grid_code", "网格代码", cells.code(20), refers="grids"),
        Column("road", "道路", cells.text(60), blank=""),
        Column("house_no", "门牌号", cells.text(40), blank=""),
        Column("building", "楼栋", cells.text(100), blank=""),
        Column("unit", "单元", cells.text(40), blank=""),
        Column("room", "户室", cells.text(60), blank=""),
        Column("stall", "铺位", cells.text(60), blank=""),
        *_POINT,
    ),
    key=("code",),
    check_row=check_address,
)

ENTITIES = Table(
    "entities",
    "entities.csv",
    (
        Column("code", "编号", cells.code(40), required=True),
        Column("name", "名称", cells.text(120), required=True),
        Column("uscc", "统一社会信用代码", str, blank=""),
        Column("registered_on", "成立日期", cells.day(date(1900, 1, 1), date(LAST_YEAR, 12, 31))),
        Column("entity_type", "类型", cells.text(40), blank=""),
        Column("status", "状态", cells.choice(STATUSES | {code: code for code in STATUSES.values()}), blank="active"),
        Column("scope", "经营范围", cells.text(8_000), blank=""),
        Column("street_code", "街道代码", cells.code(12), required=True, refers="areas"),
        Column("address", "住所", cells.text(300), required=True),
        Column("address_code", "标准地址代码", cells.code(), refers="addresses"),
        *_POINT,
    ),
    key=("code",),
    check_row=check_entity,
    check_file=check_entities,
)

PERMITS = Table(
    "permits",
    "permits.csv",
    (
        Column("sector", "行业", cells.text(40), required=True),
        Column("permit", "许可", cells.text(60), required=True),
        Column("department_code", "许可部门代码", cells.code(), refers="departments"),  # blank: the supervision office
        Column("scope_regex", "经营范围匹配", cells.pattern(2_000), blank=""),  # blank: no scope text gives it away
        Column("hazard", "危险程度", cells.integer(0, 1_000), blank=0),  # the greater one decides the lead department
    ),
    key=("sector",),
)

CALENDAR = Table(
    "calendar",
    "calendar.csv",
    (
        Column("date", "日期", cells.day(date(FIRST_YEAR, 1, 1), date(LAST_YEAR, 12, 31)), required=True),
        Column("kind", "类别", cells.choice(_DAY_KINDS), required=True),
        Column("name", "节日", cells.text(20), blank=""),
        Column("notice_year", "通知年份", cells.integer(FIRST_YEAR, LAST_YEAR)),  # blank: the year of the date
        Column("source", "依据", cells.text(200), blank=""),
    ),
    key=("date",),
    check_row=check_day,
    check_file=check_calendar,
)

TABLES = (AREAS, DEPARTMENTS, USERS, ADDRESSES, ENTITIES, PERMITS, CALENDAR)
