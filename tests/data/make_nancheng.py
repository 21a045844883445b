"""Rebuild `tests/data/nancheng/` from the developers' data set: provenance that can be run.

    python tests/data/make_nancheng.py PATH_OF_THE_DATA_SET

Reads only; writes the folder beside this file. Converted files keep the order of their source rows, copied files keep
every byte. What is real, what is derived and under which licence stands in `nancheng/README.md`.
"""

from __future__ import annotations

import csv
import json
import shutil
import sys
from collections.abc import Iterable
from pathlib import Path

HERE = Path(__file__).parent / "nancheng"
CITY, STREET = "441900", "441900004"

COPIED = {
    "traps": ["boundaries/dongguan_towns_bd09_unlabelled_trap.geojson"],
    "vectors": ["vectors/uscc_vectors.csv", "vectors/coordinate_vectors.csv"],
    "calendar": ["calendar/cn_workdays_2018_2026.csv", "calendar/deadline_vectors.csv"],
}

# The source writes the kinds of a day in its own words; domain.md of the product says work, weekend, holiday, makeup.
DAY_KINDS = {"workday": "work", "weekend": "weekend", "holiday": "holiday", "makeup_workday": "makeup"}

# fmt: off
PINYIN = {  # sign-in names have to be typed on any keyboard
    "鸿福": "hongfu", "元美": "yuanmei", "胜和": "shenghe", "亨美": "hengmei", "三元里": "sanyuanli",
    "篁村": "huangcun", "新基": "xinji", "周溪": "zhouxi", "袁屋边": "yuanwubian", "白马": "baima",
    "石鼓": "shigu", "蛤地": "gedi", "西平": "xiping", "水濂": "shuilian", "雅园": "yayuan",
    "新城": "xincheng", "宏远": "hongyuan", "宏图": "hongtu",
}

# Street-level units, named after the catalogue and the routing table; not an official list of the street's units.
DEPARTMENTS = [  # code, name, authorities of the catalogue that it stands for today
    ("NC-SCJG", "市场监管分局",       ("食品药品监督管理",)),
    ("NC-YJGL", "应急管理分局",       ("安全生产监督管理",)),
    ("NC-JKX",  "经济科技信息局",     ("商务/经济科技信息", "商务/公安")),
    ("NC-GA",   "公安分局",           ("公安",)),
    ("NC-WGLT", "文广旅体分局",       ("文化广电新闻出版",)),
    ("NC-JY",   "教育管理中心",       ("教育",)),
    ("NC-RS",   "人力资源社保分局",   ("人力资源",)),
    ("NC-JT",   "交通运输分局",       ("交通运输",)),
    ("NC-WJ",   "卫生健康局",         ("卫生和计划生育",)),
    ("NC-YC",   "烟草专卖局",         ("烟草专卖",)),
    ("NC-ZJ",   "住房城乡建设局",     ("住建",)),
    ("NC-STHJ", "生态环境分局",       ()),
    ("NC-CG",   "城市管理分局",       ()),
]

# In the routing table of the product but not in the keyword catalogue: no scope text gives them away, people pick them.
MORE_PERMITS = [
    ("危废排污", "排污许可/危险废物经营许可", "NC-STHJ"),
    ("燃气",     "燃气经营许可",              "NC-CG"),
    ("特种设备", "特种设备使用登记",          "NC-SCJG"),
]

# Which missing permit decides the lead department when several are missing, the weightiest first. Ours, unconfirmed.
BY_HAZARD = [
    "危险化学品", "燃气", "成品油", "危废排污", "医疗机构", "药品经营", "食品生产", "食品经营", "特种设备", "娱乐场所",
    "旅馆业", "网吧", "公共场所卫生", "医疗器械", "道路运输", "建筑施工", "民办培训", "烟草", "废旧回收", "保安服务",
    "公章刻制", "出版印刷", "劳务派遣", "人力资源", "房地产经纪",
]
# fmt: on


def main(source: Path) -> None:
    """Write every file of the folder. Raises KeyError or OSError where the data set is not the one expected."""
    communities = [row for row in rows_of(source / "divisions/dongguan.csv") if row["parent_code"] == STREET]
    grids = json.loads((source / "boundaries/nancheng_grids_derived_wgs84.geojson").read_text(encoding="utf-8"))
    addresses = rows_of(source / "addresses/nancheng_addresses_derived.csv")

    write("areas.csv", areas(communities))
    write_grids(grids)
    write("departments.csv", departments())
    write("users.csv", users(communities, [feature["properties"] for feature in grids["features"]]))
    entities = rows_of(source / "entities/nancheng_entities.csv")
    # A derived point is as good as its community is small; the source says so for entities only.
    radius_m = {row["community_code"]: row["location_radius_m"] for row in entities}
    write("addresses.csv", (address(row, radius_m) for row in addresses))
    in_a_grid = {row["address_id"] for row in addresses if row["grid_code"]}
    write("entities.csv", (entity(row, in_a_grid) for row in entities))
    write("permits.csv", permits(rows_of(source / "catalogue/permit_keyword_rules_derived.csv")))
    papers = json.loads((source / "calendar/cn_holidays_2018_2026.json").read_text(encoding="utf-8"))["papers"]
    write("calendar.csv", (day(row, papers) for row in rows_of(source / "calendar/cn_workdays_2018_2026.csv")))

    for folder, names in COPIED.items():
        (HERE / folder).mkdir(parents=True, exist_ok=True)
        for name in names:
            shutil.copyfile(source / name, HERE / folder / Path(name).name)


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def write(name: str, rows: Iterable[dict[str, object]]) -> None:
    rows = list(rows)
    HERE.mkdir(exist_ok=True)
    with (HERE / name).open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def short_name(community: dict[str, str]) -> str:
    """周溪社区居民委员会 is the committee; the area that it looks after is 周溪社区."""
    return community["name"].removesuffix("居民委员会")


def areas(communities: list[dict[str, str]]) -> Iterable[dict[str, object]]:
    yield {"code": CITY, "name": "东莞市", "level": "city", "parent_code": ""}
    yield {"code": STREET, "name": "南城街道", "level": "street", "parent_code": CITY}
    for row in communities:
        yield {"code": row["code"], "name": short_name(row), "level": "community", "parent_code": STREET}


def write_grids(source: dict) -> None:
    """One feature per line, so that a change to one grid is one line of a diff; coordinates untouched."""
    lines = []
    for feature in source["features"]:
        properties = {name: feature["properties"][name] for name in ("code", "name", "community_code", "status")}
        lines.append(_compact({"type": "Feature", "properties": properties, "geometry": feature["geometry"]}))
    head = _compact({"type": "FeatureCollection", "name": source["name"], "datum": "WGS84"})
    text = head[:-1] + ',"features":[\n' + ",\n".join(lines) + "\n]}\n"
    (HERE / "grids.geojson").write_text(text, encoding="utf-8", newline="")


def _compact(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def departments() -> Iterable[dict[str, object]]:
    for code, name, _ in DEPARTMENTS:
        yield {"code": code, "name": name, "area_code": STREET, "valid_from": "", "successor_code": ""}


def users(communities: list[dict[str, str]], grids: list[dict[str, str]]) -> Iterable[dict[str, object]]:
    """One row per role grant. Names are posts, not people. No passwords: whoever loads the folder sets them."""

    def grant(username, name, role, *, area="", department="", grid_codes="", deputy=0):
        return {
            "username": username,
            "name": name,
            "role": role,
            "area_code": area,
            "department_code": department,
            "grid_codes": grid_codes,
            "deputy": deputy,
        }

    latin = {row["code"]: PINYIN[short_name(row).removesuffix("社区")] for row in communities}
    for grid in grids:
        community, ordinal = grid["community_code"], int(grid["code"][-3:])
        username = f"{latin[community]}.g{ordinal}"
        yield grant(username, f"{grid['name']} 网格员", "grid_worker", area=community, grid_codes=grid["code"])
    for row in communities:
        code, name = row["code"], short_name(row)
        yield grant(f"{latin[code]}.dispatcher", f"{name} 调度员", "community_dispatcher", area=code)
        yield grant(f"{latin[code]}.handler", f"{name} 处置人员", "community_handler", area=code)
    for n in (1, 2):
        yield grant(f"street.dispatcher{n}", f"街道网格中心 调度员{n}", "street_dispatcher", area=STREET)
    for n in (1, 2):
        yield grant(f"supervision{n}", f"科学市场监管办 专员{n}", "supervision_office", area=STREET)
    for code, name, _ in DEPARTMENTS:
        unit = code.removeprefix("NC-").lower()
        yield grant(f"{unit}.receiver", f"{name} 专人", "department_receiver", department=code)
        yield grant(f"{unit}.deputy", f"{name} 专人（备岗）", "department_receiver", department=code, deputy=1)
        yield grant(f"{unit}.officer", f"{name} 承办人", "case_officer", department=code)
        yield grant(f"{unit}.leader", f"{name} 负责人", "department_leader", department=code)
    yield grant("leading.group", "领导小组 成员", "leading_group", area=STREET)
    yield grant("market.manager", "周溪社区 市场管理方", "market_manager", area="441900004011")
    yield grant("intake.clerk", "街道 受理员", "intake_clerk", area=STREET)
    yield grant("platform.owner", "平台管理方", "platform_owner", area=CITY)
    yield grant("administrator", "系统管理员", "administrator", area=CITY)
    yield grant("auditor", "审计员", "auditor", area=CITY)
    yield grant("security.officer", "安全管理员", "security_officer", area=CITY)


def address(row: dict[str, str], radius_m: dict[str, str]) -> dict[str, object]:
    return {
        "code": row["address_id"],
        "street_code": row["street_code"],
        "community_code": row["community_code"],
        "grid_code": row["grid_code"],
        "road": row["road"],
        "house_no": row["house_no"],
        "building": row["building"],
        "lng": row["lng"],
        "lat": row["lat"],
        "datum": "WGS84" if row["lng"] else "",
        "accuracy_m": radius_m[row["community_code"]] if row["lng"] else "",
    }


def entity(row: dict[str, str], in_a_grid: set[str]) -> dict[str, object]:
    """The grid is left out on purpose: finding it, by address and by point, is the product's work."""
    return {
        "code": row["entity_id"],
        "name": row["name"],
        "uscc": row["uscc"],
        "registered_on": row["registered_on"],
        "entity_type": row["entity_type"],
        "scope": row["scope"],
        "street_code": row["street_code"],
        "address": row["address_raw"],
        "address_code": row["address_id"] if row["address_id"] in in_a_grid else "",
        "lng": row["lng_wgs84_derived"],
        "lat": row["lat_wgs84_derived"],
        "datum": "WGS84" if row["lng_wgs84_derived"] else "",
        "accuracy_m": row["location_radius_m"],
    }


def permits(rules: list[dict[str, str]]) -> Iterable[dict[str, object]]:
    unit_of = {authority: code for code, _, authorities in DEPARTMENTS for authority in authorities}
    known = [(row["sector"], row["permit"], unit_of[row["department"]], row["scope_regex"]) for row in rules]
    for sector, permit, unit, pattern in known + [(*row, "") for row in MORE_PERMITS]:
        yield {
            "sector": sector,
            "permit": permit,
            "department_code": unit,
            "scope_regex": pattern,
            "hazard": len(BY_HAZARD) - BY_HAZARD.index(sector),
        }


def day(row: dict[str, str], papers: dict[str, list[str]]) -> dict[str, object]:
    """Holidays and make-up days name the State Council papers of their year; an ordinary day needs none."""
    year, month = row["date"][:4], row["date"][5:7]
    if month == "12" and row["holiday_name"] == "元旦":  # New Year's Day is announced with the year that it opens
        year = str(int(year) + 1)
    official = row["kind"] in ("holiday", "makeup_workday")
    return {
        "date": row["date"],
        "kind": DAY_KINDS[row["kind"]],
        "name": row["holiday_name"],
        "notice_year": year if official else "",
        "source": " ".join(papers[year]) if official else "",
    }


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(Path(sys.argv[1]))
