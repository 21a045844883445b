"""docs/markets.md is true: its calls are those that there are, and its example is taken."""

from __future__ import annotations

import json
import re
from pathlib import Path

from flask import Flask

from tests.fixtures import Caller, World
from tests.sync.talk import Make, outcomes, push

GUIDE = (Path(__file__).parents[2] / "docs/markets.md").read_text(encoding="utf-8")


def test_every_call_stands_in_the_guide(app: Flask):
    told = {(verb, path) for verb, path in re.findall(r"`(GET|POST) (/markets[^`?]*)", GUIDE)}
    there = {
        (verb, re.sub(r"<(?:\w+:)?(\w+)>", r"<\1>", rule.rule.removeprefix("/api/v1")))
        for rule in app.url_map.iter_rules()
        for verb in rule.methods & {"GET", "POST"}
        if rule.rule.startswith("/api/v1/markets")
    }
    assert told == there


def test_the_example_is_taken(market: str, manager: Caller, item: Make, world: World):
    (example,) = re.findall(r"```json\n(.*?)```", GUIDE, re.DOTALL)
    sent = item("checklist.submit", payload=json.loads(example), scope=f"grid:{world.grid_2}")
    assert outcomes(push(manager, sent)) == [("accepted", None)]
