"""docs/intake.md is true: what its examples send is answered as it says, over the API and as files."""

from __future__ import annotations

import json
import re
from pathlib import Path

from gridwatch.domain.errors import CATALOGUE
from gridwatch.entities.service import KINDS
from gridwatch.exchange.dropping import COLUMNS, take_in_folder
from gridwatch.tasks.schemas import RegistryEventIn

GUIDE = (Path(__file__).parents[1] / "docs/intake.md").read_text(encoding="utf-8")
BLOCKS = {(kind, what): text for kind, what, text in re.findall(r"^```(\w+) (\w+)\n(.*?)^```$", GUIDE, re.M | re.S)}


def test_the_examples_of_the_api_are_answered_as_told(client, world):
    owner = client.as_("platform_owner")
    for sent, expected in (("events", "outcomes"), ("late", "late_outcomes")):
        answer = owner.post("/api/v1/registry/events", json.loads(BLOCKS["json", sent]))
        told = [
            " ".join(filter(None, (one["outcome"], one["problem"] and one["problem"]["code"])))
            for one in answer.body["results"]
        ]
        assert told == json.loads(BLOCKS["json", expected])


def test_the_examples_of_files_get_their_receipts(app, world, clock, tmp_path: Path):
    (tmp_path / "events.csv").write_text(BLOCKS["csv", "drop"], encoding="utf-8")
    (tmp_path / "events.jsonl").write_text(BLOCKS["jsonl", "drop"], encoding="utf-8")
    with app.app_context():
        take_in_folder(tmp_path, clock.now())
    receipts = {
        path.name.removesuffix(".receipt.json"): json.loads(path.read_text())["outcomes"]
        for path in sorted(tmp_path.glob("*.receipt.json"))
    }
    assert receipts == json.loads(BLOCKS["json", "receipts"])


def test_nothing_is_left_out_and_nothing_is_invented():
    of_json = {what for kind, what in BLOCKS if kind == "json"}
    assert of_json == {"events", "outcomes", "late", "late_outcomes", "receipts"}
    assert set(BLOCKS) - {("json", what) for what in of_json} == {("csv", "drop"), ("jsonl", "drop")}
    told = set(re.findall(r"`(\w+(?:\.\w+)?)`", GUIDE))
    assert set(RegistryEventIn().fields) <= told
    assert set(KINDS) <= told
    codes = {one for one in told if re.fullmatch(r"(registry|entity|place|area|address|input)\.\w+", one)}
    assert codes <= set(CATALOGUE)
    assert {one.name for one in COLUMNS} == set(RegistryEventIn().fields)
