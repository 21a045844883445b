"""What stands under /ogc, as OpenAPI 3.0: the version that the standard's conformance class names (ours is 3.1)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from gridwatch.maps.layers import Layer
from gridwatch.maps.queries import MOST
from gridwatch.maps.schemas import DEFAULT

PATH = "/ogc"
OPENAPI = "application/vnd.oai.openapi+json;version=3.0"
CRS84 = "http://www.opengis.net/def/crs/OGC/1.3/CRS84"  # WGS-84, longitude first
CONFORMS_TO = [
    f"http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/{part}" for part in ("core", "oas30", "geojson")
]
_TITLE = "Gridwatch OGC API - Features"


def api_document(root: str, layers: Iterable[Layer]) -> dict[str, Any]:
    """The description for somebody who may see these layers; `root` is the absolute address of PATH."""
    paths = {
        "/": _get("Landing page", "application/json"),
        "/conformance": _get("Conformance classes", "application/json"),
        "/collections": _get("Layers", "application/json"),
    }
    for layer in layers:
        where = f"/collections/{layer.name}"
        key = {"name": "featureId", "in": "path", "required": True, "schema": {"type": "string"}}
        paths |= {
            where: _get(f"{layer.zh} {layer.en}", "application/json"),
            f"{where}/items": _get(f"{layer.zh} {layer.en}", "application/geo+json", list(ITEMS)),
            f"{where}/items/{{featureId}}": _get(f"{layer.zh} {layer.en}", "application/geo+json", [key]),
        }
    return {
        "openapi": "3.0.3",
        "info": {"title": _TITLE, "version": "1"},
        "servers": [{"url": root}],
        "security": [{"bearer": []}],
        "paths": paths,
        "components": {"securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}}},
    }


def _query(name: str, says: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": name, "in": "query", "required": False, "description": says, "schema": schema,
        "style": "form", "explode": False,
    }  # fmt: skip


# What can be asked of the features of a layer.
ITEMS = (
    _query(
        "bbox", "west, south, east, north in degrees CRS84",
        {"type": "array", "minItems": 4, "maxItems": 6, "items": {"type": "number"}},
    ),
    _query("datetime", "RFC 3339 date-time or interval; it counts by local days (UTC+8)", {"type": "string"}),
    _query("limit", "Features on a page", {"type": "integer", "minimum": 1, "maximum": MOST, "default": DEFAULT}),
    _query("cursor", "As the link `next` says", {"type": "string"}),
)  # fmt: skip


def _get(summary: str, media_type: str, parameters: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    found = {"description": summary, "content": {media_type: {"schema": {"type": "object"}}}}
    refused = {"description": "application/problem+json"}
    answers = {"200": found, "400": refused, "401": refused, "404": refused}
    return {"get": {"summary": summary, "parameters": parameters or [], "responses": answers}}
