"""docs/maps.md says what there is: every layer with its properties, every route, every refusal, every link."""

from __future__ import annotations

import re

from flask import Flask

from gridwatch.domain.errors import CATALOGUE
from gridwatch.domain.map_links import SERVICES
from gridwatch.maps import queries
from gridwatch.maps.layers import HOT, LAYERS
from tests.databases import ROOT

GUIDE = (ROOT / "docs/maps.md").read_text(encoding="utf-8")


def rows(heading: str) -> dict[str, list[str]]:
    """The rows of the table under a heading: its first code word → its cells."""
    section = GUIDE.partition(f"## {heading}\n")[2].partition("\n## ")[0]
    lines = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in section.splitlines() if line.startswith("| `")
    ]
    return {re.findall(r"`(.+?)`", cells[0])[0]: cells for cells in lines}


def test_every_layer_is_there_with_what_it_shows() -> None:
    table = rows("图层")
    assert table.keys() == LAYERS.keys()
    for name, layer in LAYERS.items():
        assert table[name][0] == f"`{name}` {layer.zh}"
        assert set(re.findall(r"`(\w+)`", table[name][2])) == set(layer.shown), name
        assert [cell == "–" for cell in table[name][3:5]] == [layer.state is None, layer.category is None], name


def test_every_route_is_there(app: Flask) -> None:
    described = {path.removeprefix("GET ") for path in rows("接口")}
    names = "|".join(LAYERS)
    served = {re.sub(rf"/({names})(?=/|$)", "/<图层>", str(rule)) for rule in app.url_map.iter_rules()}
    served = {one.replace("<key>", "<编号>").replace("<z>/<x>/<y>", "{z}/{x}/{y}") for one in served}
    assert described == {one for one in served if one.startswith("/api/v1/maps/")} | {"/ogc"}
    assert {f"`{layer.name}`" in rows("接口")["GET /api/v1/maps/heat/<图层>"][1] for layer in HOT} == {True}


def test_refusals_links_and_limits_are_those_of_the_code() -> None:
    assert {code for code in CATALOGUE if code.startswith("map.")} == set(re.findall(r"`(map\.\w+)`", GUIDE))
    links = rows("坐标")
    assert {key: cells[1].partition("（")[0] for key, cells in links.items()} == {
        "amap": "高德地图", "baidu": "百度地图", "system": "手机自带地图",
    }  # fmt: skip
    assert links.keys() == SERVICES.keys()
    assert all(
        one.datum.value in cells[2].replace("-", "")
        for one, cells in zip(SERVICES.values(), links.values(), strict=True)
    )
    assert f"每页最多 {queries.MOST} 个" in GUIDE
    assert f"{queries.CLUSTERED_BELOW} 级以下" in GUIDE
    assert f"最多 {queries.MOST_CLUSTERS} 个" in GUIDE
