"""One process of phones, a thread each: they work, sync when they can, crash now and then, and go on from their files.

    python -m tests.chaos.phones work|drain|settle|offer '{"server": …, "folder": …, "people": […], …}'

All that a phone knows stands in `<folder>/<name>.json`, so this process may be killed at any moment and started again. It
prints what happens as lines of JSON, `["made", 5]`. What the phone does not keep itself, every answer to a push that it saw, goes
to `<folder>/<name>.seen`.
"""

from __future__ import annotations

import json
import random
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.phone import API, Paused, Phone, Store, first_answers, item_sha256, uuid7
from tests.phone_files import Photos
from tests.phone_http import over_http

# What of a hundred items is what. What cannot be done just now (no task left, nothing reported yet) becomes a report.
MIX = {
    "visit": 30, "report": 30, "bare_report": 2, "suggestion": 10, "address": 6, "checklist": 6, "withdraw_visit": 3, "withdraw_lead": 4,
    "resubmit": 2, "notice": 2, "promise": 2, "second_content": 2, "refused": 1,
}  # fmt: skip
TOO_LARGE = 2**60  # an integer that the server refuses to decode (outcome `rejected`)
TIMEOUT_S = 15
LONGEST_PAUSE_S = 1.0
_SAYING = threading.Lock()


class SwitchedOff(Exception):
    """The phone was switched off in the middle of something: what it had not written is forgotten."""


def say(what: str, number: float = 1) -> None:
    """Tell the one who started us."""
    with _SAYING:
        sys.stdout.write(json.dumps([what, number]) + "\n")
        sys.stdout.flush()


@dataclass
class Life:
    """One phone and its user."""

    told: dict[str, Any]
    name: str
    chance: random.Random
    phone: Phone
    photos: Photos

    @classmethod
    def of(cls, told: dict[str, Any], name: str) -> Life:
        """The phone as it stands in its file, just switched on."""
        store = Store(Path(told["folder"]) / f"{name}.json")
        chance = random.Random(f"{told['seed']}/{name}/{store['last_no']}/{time.monotonic_ns()}")
        life = cls(told, name, chance, None, None)  # type: ignore[arg-type]
        life.phone = Phone(store, life.sending())
        life.photos = Photos(life.phone)
        return life

    def sending(self) -> Callable[..., tuple[int, dict[str, str], bytes]]:
        """The network as this phone has it: it crashes before or after a request, and every answer to a push is noted."""
        send, odds = over_http(self.told["server"], TIMEOUT_S), self.told["crashes"]

        def _send(
            method: str, path: str, headers: dict[str, str], body: bytes | None
        ) -> tuple[int, dict[str, str], bytes]:
            self._may_crash(odds)
            answer = send(method, path, headers, body)
            if path == f"{API}/sync/push" and answer[0] == 200:
                self._note(body, answer)
            if path == f"{API}/auth/refresh":
                say(f"refreshes {answer[0]}")
            if answer[0] >= 500:
                say(f"status {answer[0]}")
            self._may_crash(odds)
            return answer

        return _send

    def _may_crash(self, odds: float) -> None:
        if self.chance.random() < odds:
            raise SwitchedOff

    def _note(self, body: bytes | None, answer: tuple[int, dict[str, str], bytes]) -> None:
        with suppress(ValueError):  # the login page of a Wi-Fi
            results = json.loads(answer[2])["results"]
            sent = [item_sha256(item) for item in json.loads(body or b"")["items"]]
            with (Path(self.told["folder"]) / f"{self.name}.seen").open("a") as file:
                for sha256, result in zip(sent, results, strict=True):
                    file.write(
                        json.dumps([sha256, result["outcome"], result["code"], result["first"], result["receipt"]])
                        + "\n"
                    )

    # -- at work --

    def ready(self) -> None:
        """Signed in, with forms and documents. Raises Paused."""
        if self.phone.store["session"] is None:
            self.phone.sign_in(self.name, self.told["password"])
        if not self.phone.store["ref"]:
            self.phone.fetch_forms()
        if not self.phone.store["docs"]:
            self.phone.pull()

    def fill_in(self, most: int) -> None:
        """Make up to `most` items, one of each kind now and then."""
        self._keep_promise()
        number = min(most, self.chance.randint(1, self.told["most_at_once"]))
        for _ in range(number):
            what = self.chance.choices([*MIX], [*MIX.values()])[0]
            if not getattr(self, f"_{what}")():
                self._report()
        say("made", number)

    @property
    def _grid(self) -> str:
        return next(scope for scope in self.phone.store["docs"] if scope.startswith("grid:"))

    def _photo(self) -> list[dict[str, Any]]:
        """Now and then one that nobody has; else the same small one, which is sent once and named by many."""
        if self.chance.random() < self.told["photos"]:
            return [self.photos.take(self.chance.randbytes(self.chance.randint(20_000, 700_000)))]
        return [self.photos.take(random.Random(self.name).randbytes(2_000))]

    def _mine(self, kind: str) -> dict[str, Any] | None:
        """An item of a kind that this phone made, sent or not."""
        store = self.phone.store
        made = [*store["outbox"], *(done["item"] for done in store["acknowledged"])]
        mine = [item for item in made if item["kind"] == kind]
        return self.chance.choice(mine) if mine else None

    def _visit(self) -> bool:
        tasks = self.phone.tasks()
        if not tasks:
            return False
        task = self.chance.choice(tasks)
        self.phone.visits(task, first_answers(self.phone.store["ref"]["items"], task["form"]), files=self._photo())
        return True

    def _report(self) -> bool:
        number = f"{self.name} {self.phone.store['last_no'] + 1}"
        payload = {
            "category": "XS03",
            "title": f"面包作坊 {number}",
            "description": "无照经营",
            "address": f"宏伟路 {number} 号",
        }
        self.phone.reports(payload, scope=self._grid, files=self._photo())
        return True

    def _bare_report(self) -> bool:
        """A report without evidence: kept, and a person decides."""
        self.phone.reports({"category": "XS03", "title": "面包作坊", "address": "宏伟路"}, scope=self._grid)
        return True

    def _keep(self, kind: str, **more: Any) -> bool:
        self.phone.queue(kind, {"text": f"路灯坏了 {self.chance.random()}"}, scope=self._grid, **more)
        return True

    def _suggestion(self) -> bool:
        return self._keep("suggestion.submit")

    def _address(self) -> bool:
        return self._keep("address.bind")

    def _checklist(self) -> bool:
        return self._keep("checklist.submit")

    def _withdraw_visit(self) -> bool:
        visit = self._mine("visit.submit")
        if visit is None:
            return False
        about = {"task_id": visit["task_id"], "base_rev": visit["base_rev"], "depends_on": [visit["id"]]}
        self.phone.queue("visit.withdraw", {"visit_id": visit["id"], "reason": "写错了"}, scope=visit["scope"], **about)
        return True

    def _step(self, kind: str, **inputs: Any) -> bool:
        lead = self._mine("lead.report")
        if lead is None:
            return False
        self.phone.queue(kind, {"lead_id": lead["id"], **inputs}, scope=lead["scope"], depends_on=[lead["id"]])
        return True

    def _withdraw_lead(self) -> bool:
        return self._step("lead.withdraw", reason="看错了")

    def _resubmit(self) -> bool:
        return self._step("lead.resubmit", description="补充说明")

    def _notice(self) -> bool:
        return self._step("notice.serve", text="告知书")

    def _promise(self) -> bool:
        """An item that depends on one that is made later: it is held until that has come."""
        if self.phone.store.data.get("promised"):
            return False
        promised = uuid7(datetime.now(UTC))
        self.phone.store.save(promised=promised)
        return self._keep("suggestion.submit", depends_on=[promised])

    def _keep_promise(self) -> None:
        promised = self.phone.store.data.get("promised")
        if promised is None:
            return
        store = self.phone.store
        if promised not in {
            item["id"] for item in [*store["outbox"], *(done["item"] for done in store["acknowledged"])]
        }:
            self._keep("suggestion.submit", id=promised)
        store.save(promised=None)

    def _second_content(self) -> bool:
        """The same id with other content: both are kept, a person decides."""
        acknowledged = [done["item"]["id"] for done in self.phone.store["acknowledged"]]
        return bool(acknowledged) and self._keep("suggestion.submit", id=self.chance.choice(acknowledged[-20:]))

    def _refused(self) -> bool:
        self.phone.queue("suggestion.submit", {"number": TOO_LARGE}, scope=self._grid)
        return True

    def sync(self) -> None:
        """Items, photos, documents. Raises Paused."""
        self.phone.push()
        self.photos.upload()
        self.phone.pull(limit=self.chance.choice((20, 200, 2_000)))


def work(told: dict[str, Any], name: str) -> None:
    """Make `quota` items and sync in between, until the file `over` is there and a promise is kept."""
    life, over, tried, failed = Life.of(told, name), Path(told["over"]), False, 0
    while True:
        store = life.phone.store
        left = told["quota"] - store["last_no"]
        if left <= 0 and tried and over.exists():
            return
        try:
            life.ready()
            if left > 0 and not (tried and store["outbox"] and life.chance.random() < 0.7):
                life.fill_in(left)
            tried = True
            life.sync()
        except SwitchedOff:
            say("crashes")
            life = Life.of(told, name)
        except Paused as why:
            say("retries")
            if "auth." in str(why):
                say(f"signed out: {why}")
                life.phone.store.save(session=None)
            failed += 1
            time.sleep(min(life.chance.random() * told["pause"] * 2**failed, LONGEST_PAUSE_S))
        else:
            failed = 0
            time.sleep(life.chance.random() * told["pause"])


def drain(told: dict[str, Any], name: str) -> None:
    """With a good network: send all that is left; tell how many rounds of sync it took and how long."""
    life, began, rounds = Life.of({**told, "crashes": 0}, name), time.monotonic(), 0
    life._keep_promise()
    while rounds == 0 or life.phone.store["outbox"]:
        life.ready()
        life.sync()
        rounds += 1
    say("rounds", rounds)
    say("drained", time.monotonic() - began)


def settle(told: dict[str, Any], name: str) -> None:
    """Nobody sends any more: fetch what the others' last words changed."""
    Life.of({**told, "crashes": 0}, name).phone.pull()


def offer(told: dict[str, Any], name: str) -> None:
    """Offer everything once again, as after a restore. The answers are noted; nothing is expected to change."""
    life = Life.of({**told, "crashes": 0}, name)
    store = life.phone.store
    items = [done["item"] for done in store["acknowledged"]]
    for start in range(0, len(items), 100):
        life.phone._ask("POST", "/sync/push", {"device_id": store["device_id"], "items": items[start : start + 100]})
    say("offered again", len(items))


def main(role: str, told: dict[str, Any]) -> None:
    """Run all phones of this process to the end of their task."""
    run = {"work": work, "drain": drain, "settle": settle, "offer": offer}[role]
    with ThreadPoolExecutor(len(told["people"])) as pool:
        for done in [pool.submit(run, told, name) for name in told["people"]]:
            done.result()


if __name__ == "__main__":
    main(sys.argv[1], json.loads(sys.argv[2]))
