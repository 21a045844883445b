"""GDAL, which is not ours, as a program: `python gdal_peer.py QUESTION`, where QUESTION is JSON; the answer is JSON too.

A process of its own, because the wheel brings a SpatiaLite and a GEOS that must not meet those that we load.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import pyogrio
from shapely import from_wkb
from shapely.geometry import mapping


def ask(path: str, config: dict[str, str], layers: dict[str, dict[str, Any]] | None = None) -> dict[str, Any]:
    """The layers of a source, or those asked for with options: name → {fields, crs, features: [[properties, geometry], …]}."""
    pyogrio.set_gdal_config_options(config)
    if layers is None:
        return {str(name): None for name, _ in pyogrio.list_layers(path)}
    return {name: _read(path, name, options) for name, options in layers.items()}


def _read(path: str, layer: str, options: dict[str, Any]) -> dict[str, Any]:
    if "bbox" in options:
        options["bbox"] = tuple(options["bbox"])
    meta, _, shapes, columns = pyogrio.raw.read(path, layer=layer, **options)
    fields = [str(name) for name in meta["fields"]]
    values = [[_plain(value) for value in column] for column in columns]
    rows = [dict(zip(fields, row, strict=True)) for row in zip(*values, strict=True)]
    places = [None if shape is None else mapping(from_wkb(shape)) for shape in shapes]
    return {"fields": fields, "crs": meta["crs"], "features": [list(one) for one in zip(rows, places, strict=True)]}


def _plain(value: Any) -> Any:
    value = value.item() if hasattr(value, "item") else value
    return value if value is None or isinstance(value, str | int | float | bool) else str(value)


if __name__ == "__main__":
    json.dump(ask(**json.loads(sys.argv[1])), sys.stdout)
