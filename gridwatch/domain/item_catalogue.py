"""The inspection items that come with the product, as documents: `item_catalogue.json`, in the form of docs/items.md.

The grid items RG01–RG05B are those of seed 003 (南城办〔2018〕61号); what it leaves open, such as codes, values and cycles, are
defaults of the product, and each element of an item says which it is (`source`). RC01 and VF01 are the two visits that a
lead orders: recheck 复检 and closing verification 核查结案. A worker checks facts; nothing here is an administrative inspection.

They stand in the database as every other version does (`gridwatch items publish`). A change is a new version in the file,
beside the old one: what was published is never changed.
"""

from __future__ import annotations

import json
from datetime import date
from importlib.resources import files
from typing import Any

from gridwatch.domain.items import Catalogue, Version, content_hash

BUILT_IN: tuple[dict[str, Any], ...] = tuple(
    json.loads(files("gridwatch.domain").joinpath("item_catalogue.json").read_text(encoding="utf-8"))
)


def built_in() -> Catalogue:
    """The items as they are delivered, without what a city has published since."""
    return Catalogue(Version(item, date.fromisoformat(item["effective_on"]), content_hash(item)) for item in BUILT_IN)
