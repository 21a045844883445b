"""docs/sync.md is true: its examples run, its tables are complete, and every test that it names is there.

An example is a fenced block whose first line says what it is:

    json request NAME METHOD PATH [as USERNAME]    json answer NAME STATUS       the same with http, for headers
    json item KIND OUTCOME                         pushed alone; the outcome must be that one
    json document KIND                             the newest document of this kind that the examples pulled
    json canonical SHA256                          an item, then its canonical form

`<words>` stand for a value that is not always the same: the first answer that has it fixes it, and a request that comes first
makes an id of its own. Everything else must be equal, member by member. Blocks run in the order of the guide, in one town.
"""

from __future__ import annotations

import ast
import base64
import json
import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from flask import Flask

from gridwatch.domain.errors import CATALOGUE
from gridwatch.domain.items import RESULTS
from gridwatch.domain.lead_words import CATEGORIES, SERVINGS
from gridwatch.files import service as files
from gridwatch.jobs.service import run_all
from gridwatch.people import lockout, sign_in
from gridwatch.places.models import Address
from gridwatch.sync import capture, checking, decoding, heartbeats, housekeeping, pull, rx, service, words
from gridwatch.sync.canonical import canonical, sha256
from gridwatch.sync.kinds import KINDS
from tests import phone
from tests.files.sending import jpeg
from tests.files.sending import sha256 as hash_of
from tests.fixtures import PASSWORD, Caller, Clock, Work, World
from tests.leads.conftest import official_calendar  # noqa: F401 - the same calendar as the leads have

ROOT = Path(__file__).parents[1]
GUIDE = (ROOT / "docs/sync.md").read_text(encoding="utf-8")
BLANK = re.compile(r"<([a-zA-Z][^<>]*)>")
PHOTO = jpeg().ljust(300_000, b"\0")


class Block(NamedTuple):
    """One fenced block: what it is, its name (or kind, or hash), the rest of its first line, its text."""

    what: str
    name: str
    rest: str
    text: str


def blocks(text: str = GUIDE) -> list[Block]:
    """The examples of a guide in their order."""
    found = re.findall(
        r"^```(?:json|http) (request|answer|item|document|canonical) (\S+) ?([^\n]*)\n(.*?)^```$", text, re.M | re.S
    )
    return [Block(what, name, rest, body.strip()) for what, name, rest, body in found]


# -- the examples -----------------------------------------------------------------------------------------------------


class Story:
    """The town in which the examples run, and what is known by now of the values that the guide leaves open."""

    def __init__(self, app: Flask, clock: Clock, work: Work, client: Caller, world: World) -> None:
        self.app, self.clock, self.work, self.client, self.world = app, clock, work, client, world
        self.http = Caller(app, clock)
        self.access, self.desks = "", dict[str, Caller]()
        self.documents: dict[str, Any] = {}
        self.known = {
            "password": PASSWORD, "sha256 of the photo": hash_of(PHOTO), "user": world.people["grid_worker"],
            "sha256 of the photo in Base64": base64.b64encode(hash_of(PHOTO).encode()).decode(),
        }  # fmt: skip
        self.bodies = {
            "<first half of the photo>": PHOTO[:150_000],
            "<second half of the photo>": PHOTO[150_000:],
        }

    def fill(self, text: str) -> str:
        """A request with every blank filled in."""
        return BLANK.sub(lambda blank: self.known.get(blank[1]) or self._id(blank[1]), text)

    def _id(self, name: str) -> str:
        """A new id, behind those made before: what comes in one batch is numbered by its ids."""
        self.known[name] = phone.uuid7(self.clock.now() + timedelta(milliseconds=len(self.known)))
        return self.known[name]

    def desk(self, username: str) -> Caller:
        """Somebody else of the town, signed in once, on a device that lists put behind the phone of the story."""
        if username not in self.desks:
            self.desks[username] = self.client.as_(username, f"ffffffff-0000-4000-8000-{len(self.desks):012}")
        return self.desks[username]

    def asks(self, method: str, path: str, body: bytes, username: str, headers: dict[str, str]) -> Any:
        """Send a request, as the worker of the story unless somebody else is named."""
        if username:
            return self.desk(username).ask(method, path, data=body, headers=headers)
        proof = {"Authorization": f"Bearer {self.access}"} if self.access else {}
        answer = self.http.ask(method, path, data=body, headers={**proof, **headers})
        told = answer.body if isinstance(answer.body, dict) else {}
        self.access = told.get("access_token", self.access)
        for part in told.get("scopes", []):
            self.documents |= {one["kind"]: one["doc"] for one in part["changes"] if one["op"] == "put"}
        return answer

    def agrees(self, told: Any, real: Any, path: str = "") -> Iterator[str]:
        """Where an answer is not as the guide tells it."""
        if isinstance(told, str) and isinstance(real, str) and BLANK.search(told):
            yield from self._fits(told, real, path)
        elif type(told) is not type(real):
            yield f"{path}: {real!r} is not of the type of {told!r}"
        elif isinstance(told, dict):
            yield from (f"{path}.{name}: told and not there" for name in told.keys() - real.keys())
            yield from (f"{path}.{name}: there and not told" for name in real.keys() - told.keys())
            for name in told.keys() & real.keys():
                yield from self.agrees(told[name], real[name], f"{path}.{name}")
        elif isinstance(told, list):
            if len(told) != len(real):
                yield f"{path}: {len(real)} and not {len(told)} entries"
            for place, (one, other) in enumerate(zip(told, real, strict=False)):
                yield from self.agrees(one, other, f"{path}[{place}]")
        elif told != real:
            yield f"{path}: {real!r} and not {told!r}"

    def _fits(self, told: str, real: str, path: str) -> Iterator[str]:
        pattern, names = "", BLANK.findall(told)
        for place, part in enumerate(BLANK.split(told)):
            known = self.known.get(part)
            pattern += re.escape(part if place % 2 == 0 else known) if place % 2 == 0 or known else "(.+)"
        match = re.fullmatch(pattern, real, re.DOTALL)
        if match is None:
            yield f"{path}: {real!r} does not fit {told!r}, known {[self.known.get(name) for name in names]}"
        else:
            self.known |= zip((name for name in names if name not in self.known), match.groups(), strict=True)

    def register(self, **event: Any) -> None:
        """The register announces an entity, which becomes a task."""
        told = {"event_id": event["code"], "kind": "new", "occurred_on": "2026-09-18", "street_code": self.world.street}
        answer = self.desk("platform_owner").post("/api/v1/registry/events", told | event)
        assert answer.body["results"][0]["outcome"] == "created", answer.body

    def step(self, username: str, lead: str, act: str, **inputs: Any) -> None:
        """Somebody at a desk takes a step of a lead."""
        desk = self.desk(username)
        version = desk.get(f"/api/v1/leads/{lead}").body["version"]
        body = {"act": act, "inputs": inputs, "expected_version": version}
        assert desk.post(f"/api/v1/leads/{lead}/steps", body).status == 200


def a_town_with_a_bakery(story: Story) -> None:
    world = story.world
    with story.work() as session:
        session.add(
            Address(
                code="DZ-0003", text="东莞市南城街道宏伟路3号", street_code=world.street, community_code=world.community,
                grid_code=world.grid, road="宏伟路", house_no="3号", area_path=world.path(world.community),
                lon=113.745, lat=23.015, datum="WGS84", accuracy_m=10,
            )
        )  # fmt: skip
    story.register(
        code="E1", name="面包店", address_text="宏伟路拐角", entity_type="个体工商户", lon=113.7451, lat=23.0151, datum="WGS84"
    )  # fmt: skip


def a_task_next_door(story: Story) -> None:
    story.register(code="E2", name="茶叶店", address_text="新城路", lon=113.7551, lat=23.0151, datum="WGS84")
    (task,) = story.desk("grid_worker_2").get("/api/v1/tasks").body["items"]
    story.known["task next door"] = task["id"]


def the_community_returns_the_lead(story: Story) -> None:
    story.step(
        "community_dispatcher", story.known["lead"], "return_to_reporter", lacks=["no_photo"], text="请补门牌照片"
    )


def the_community_accepts_the_lead(story: Story) -> None:
    handler = story.world.people["community_handler"]
    story.step("community_dispatcher", story.known["lead"], "accept", handler=handler)
    with story.app.app_context():
        run_all(story.clock.now())


def the_heartbeat_is_written(story: Story) -> None:
    with story.app.app_context():
        heartbeats.of_this_process().close()


BEFORE: dict[str, Callable[[Story], None]] = {
    "sign-in": a_town_with_a_bakery,
    "mixed": a_task_next_door,
    "lead.resubmit": the_community_returns_the_lead,
    "notice.serve": the_community_accepts_the_lead,
    "ledger": the_heartbeat_is_written,
}


@pytest.fixture
def story(
    app: Flask, clock: Clock, work: Work, client: Caller, world: World, official_calendar: None  # noqa: F811
) -> Iterator[Story]:  # fmt: skip
    """A fresh town."""
    yield Story(app, clock, work, client, world)
    with app.app_context():
        heartbeats.of_this_process().close()


def test_the_examples_are_what_the_server_answers(story: Story):
    answer: Any = None
    for block in blocks():
        if block.what in ("request", "item"):
            BEFORE.get(block.name, lambda _: None)(story)
        if block.what == "request":
            answer = _sent(story, block)
        elif block.what == "answer":
            assert str(answer.status) == block.rest, (block.name, answer.body)
            _is_told(story, block, answer)
        elif block.what == "item":
            item = json.loads(story.fill(block.text))
            (result,) = _push(story, item).body["results"]
            assert (item["kind"], result["outcome"]) == (block.name, block.rest), result
        elif block.what == "document":
            assert not [*story.agrees(json.loads(block.text), story.documents[block.name], block.name)]


def _sent(story: Story, block: Block) -> Any:
    method, _, asked = block.rest.partition(" ")
    path, _, username = asked.partition(" as ")
    if _is_json(block):
        body, headers = story.fill(block.text).encode(), {"Content-Type": "application/json"}
    else:
        head, _, named = block.text.partition("\n\n")
        body, headers = (
            story.bodies.get(named, b""),
            dict(line.split(": ", 1) for line in story.fill(head).splitlines()),
        )
    return story.asks(method, story.fill(path), body, username, headers)


def _is_json(block: Block) -> bool:
    return block.text.startswith(("{", "["))


def _is_told(story: Story, block: Block, answer: Any) -> None:
    if _is_json(block):
        assert not [*story.agrees(json.loads(block.text), answer.body, block.name)]
        return
    for line in block.text.splitlines():
        header, _, value = line.partition(": ")
        assert not [*story.agrees(value, answer.headers.get(header), f"{block.name} {header}")]


def _push(story: Story, item: dict[str, Any]) -> Any:
    body = json.dumps({"device_id": story.known["device"], "items": [item]}).encode()
    return story.asks("POST", "/api/v1/sync/push", body, "", {"Content-Type": "application/json"})


def test_an_example_that_is_not_true_is_found(story: Story):
    assert [*story.agrees({"a": 1, "b": [None]}, {"a": 1, "b": [None]})] == []
    for told, real in (
        ({"a": 1}, {"a": 2}), ({"a": 1}, {"a": True}), ({"a": 1}, {}), ({}, {"a": 1}), ([1], [1, 2]), ("<one>!", "?"),
        (None, "text"), ("<one>", None),
    ):  # fmt: skip
        assert [*story.agrees(told, real)], (told, real)
    assert [*story.agrees(["<two>", "<two>"], ["x", "y"])] == ["[1]: 'y' does not fit '<two>', known ['x']"]


def test_the_canonical_form_is_that_of_the_guide():
    examples = [block for block in blocks() if block.what == "canonical"]
    assert examples
    for block in examples:
        item, form = block.text.split("\n\n")
        value = json.loads(item)
        assert canonical(value).decode() == form == phone.canonical(value)
        assert sha256(value) == block.name == phone.item_sha256(value)


# -- the tables -------------------------------------------------------------------------------------------------------


def rows(header: str) -> list[list[str]]:
    """The rows of the one table whose first line begins with `header`."""
    (table,) = re.findall(rf"^\| {re.escape(header)} \|[^\n]*\n\|[-| ]+\n((?:\|[^\n]*\n)+)", GUIDE, re.M)
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()]


def test_every_kind_has_its_payload_and_an_example():
    assert [row[0].strip("`") for row in rows("kind")] == list(KINDS)
    pushed = {block.name for block in blocks() if block.what == "item"} | {"visit.submit"}
    assert pushed == set(KINDS)
    told = {row[0].strip("`"): row[1] for row in rows("kind")}
    for kind, codes in (("visit.submit", RESULTS), ("lead.report", CATEGORIES), ("notice.serve", SERVINGS)):
        assert all(f"`{code}`" in told[kind] for code in codes), kind
    for kind, row in KINDS.items():
        assert ("`task_id`" in told[kind]) == row.on_task, kind


def test_every_outcome_and_code_stands_in_the_guide():
    told = [(row[0].strip("`"), row[1].strip("`") or None) for row in rows("outcome")]
    assert told == list(words.MESSAGES)


def test_every_kind_of_document_stands_in_the_guide():
    told = {row[0].strip("`"): row[1].strip("`") for row in rows("document")}
    assert told == {kind: f"{scope}:" for scope, kinds in rx.KINDS.items() for kind in kinds}
    shown = {block.name for block in blocks() if block.what == "document"}
    assert all(f'"kind": "{kind}"' in GUIDE or kind in shown for kind in told if kind != "market")


def _codes_of_the_code() -> set[str]:
    """Every code that something which a phone asks may answer. A refusal in `kinds` is no answer, it becomes an outcome; no
    phone asks for papers."""
    modules = [
        *(ROOT / "gridwatch/sync").glob("*.py"), *(ROOT / "gridwatch/files").glob("*.py"), *(ROOT / "gridwatch/web").glob("*.py"),
        *(ROOT / f"gridwatch/people/{name}.py" for name in ("routes", "sign_in", "actors", "lockout", "csrf")),
    ]  # fmt: skip
    modules.remove(ROOT / "gridwatch/sync/kinds.py")
    modules.remove(ROOT / "gridwatch/web/printing.py")
    calls = [
        node for module in modules for node in ast.walk(ast.parse(module.read_text())) if isinstance(node, ast.Call)
    ]
    named = {
        call.args[0].value
        for call in calls
        if isinstance(call.func, ast.Name) and call.func.id == "Refusal" and call.args and isinstance(call.args[0], ast.Constant)
    }  # fmt: skip
    return named | {code for code in CATALOGUE if code.partition(".")[0] in ("auth", "http", "input", "sync", "file")}


def test_every_refusal_stands_in_the_guide_with_its_status():
    told = {row[0].strip("`"): int(row[1]) for row in rows("code")}
    assert told.keys() == _codes_of_the_code()
    assert told == {code: CATALOGUE[code].status for code in told}


SIZES = [
    service.MOST_ITEMS, service.MOST_BYTES, service.MOST_BYTES_ALONE, checking.MOST_ITEM_BYTES, decoding.DEEPEST, pull.MOST_SCOPES,
    pull.USUAL, pull.MOST, rx.USUAL, rx.MOST, files.MOST_BYTES, files.MOST_OPEN_BYTES, files.UNFINISHED_LIVES.days,
    files.UNNAMED_LIVES.days, housekeeping.WAITS.days, housekeeping.SHOWN.days, phone.KEPT.days, capture.OLD.days,
    sign_in.GRACE.seconds, lockout.MOST, lockout.WINDOW.seconds // 60, lockout.PAUSE.seconds // 60,
]  # fmt: skip


def test_every_size_is_that_of_the_code():
    told = [int(number.replace(",", "")) for row in rows("size") for number in re.findall(r"[\d,]+", row[1])]
    assert told == SIZES


@cache
def _tests_of(file: str) -> frozenset[str]:
    found: set[str] = set()
    for node in ast.parse((ROOT / file).read_text(encoding="utf-8")).body:
        inside = node.body if isinstance(node, ast.ClassDef) else []
        found |= {f"{node.name}::{one.name}" for one in inside if isinstance(one, ast.FunctionDef)}
        found |= {node.name} if isinstance(node, ast.FunctionDef) else set()
    return frozenset(found)


def test_every_test_that_the_guide_names_is_there():
    named = re.findall(r"`(tests/[\w/]+\.py)::([\w:]+)`", GUIDE)
    assert len(named) > 60
    for file, test in named:
        assert (ROOT / file).is_file(), file
        assert test in _tests_of(file), f"{file}::{test}"
        assert test.rpartition("::")[2].startswith("test_")


def test_every_feature_promise_and_complaint_has_a_test_or_says_why_not():
    features = rows("#")
    assert [int(row[0]) for row in features] == list(range(1, 49))
    for row in features:
        assert row[2] in ("yes", "no"), row
        assert ("`tests/" in row[3]) or (row[2] == "no" and len(row[3]) > 20), row
    assert [row[0] for row in rows("promise")] == [
        *(f"R{number}" for number in range(1, 8)), "P1", "P2", "P3", "P4", "P5", "P6", "P10", "P11", "P13",
    ]  # fmt: skip
    assert all("`tests/" in row[2] for row in rows("promise"))
    assert len(rows("complaint")) == 13
    for row in rows("complaint"):
        assert "`tests/" in row[2] or "手机应用" in row[2], row
