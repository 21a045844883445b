"""Workers with their phones: they fill in, sync when there is a network, and their phones die and come back."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import datetime, timedelta
from random import Random
from typing import Any

import orjson

from tests.fixtures import PASSWORD
from tests.phone import Paused, Phone, Store, first_answers, uuid7
from tests.simulator.book import Book
from tests.simulator.network import Network

HOME = ("grid_worker", "grid_worker", "grid_worker_2", "grid_worker_3", "market_manager")  # the first has two phones


class PhoneDied(BaseException):
    """The battery is empty."""


class Kept(Store):
    """What a phone remembers; every save is durable at once, and whole. In one of them the phone may die: before it or behind it."""

    def __init__(self, name: str, book: Book, device_id: str) -> None:
        super().__init__()
        self.name, self.book = name, book
        self.dies: tuple[int, bool] | None = None  # after how many saves, and whether the last one is still made
        self.data["device_id"] = device_id
        self.durable = orjson.dumps(self.data)

    def save(self, **changed: Any) -> None:
        """Remember what changed, unless the phone dies first."""
        saves, made = self.dies or (1, True)
        self.dies = self.dies and (saves - 1, made)
        over = self.dies is not None and saves == 0
        if over and not made:
            raise PhoneDied
        super().save(**changed)
        self.durable = orjson.dumps(self.data)
        self.book.saved(self.name, self.data)
        if over:
            raise PhoneDied

    def wake(self) -> None:
        """The phone is switched on again: only what was saved is there."""
        self.data, self.dies = orjson.loads(self.durable), None


class Worker:
    """One person with one phone. `fast` is how far its clock is ahead; `name` is how the trace calls it."""

    def __init__(self, number: int, username: str, network: Network, now: Callable[[], datetime], dice: Random) -> None:
        self.name, self.username, self.dice, self._now = f"phone {number}", username, dice, now
        self.fast = timedelta()
        self.store = Kept(self.name, network.book, uuid7(now()))
        self._network = network
        self.phone = self._switched_on()
        self.excused = True  # nobody is surprised that it is signed out
        self.busy = False  # in the middle of something

    def _switched_on(self) -> Phone:
        return Phone(self.store, self._network.of(self.name, lambda: self.phone), lambda: self._now() + self.fast)

    # -- the phone --

    def die(self) -> None:
        """The battery falls out."""
        self.store.wake()
        self.phone = self._switched_on()

    def uses(self, act: Callable[[], Any]) -> str:
        """Do something with the phone; returns how it ended."""
        self.busy = True
        try:
            return self._tries(act)
        except PhoneDied:
            self.die()
            return "the phone died"
        finally:
            self.busy = False

    def _tries(self, act: Callable[[], Any]) -> str:
        try:
            act()
        except Paused as paused:
            if str(paused).startswith("401"):
                self._is_signed_out(str(paused))
            return str(paused)
        return "done"

    def _is_signed_out(self, why: str) -> None:
        session = self.store["session"]
        expired = session and self._now() >= datetime.fromisoformat(session["refresh_expires_at"])
        if session and not expired and not self.excused:
            self.store.book.shut_out.append(f"{self.name}: {why}")
        self.store.save(session=None)

    def signs_in(self) -> None:
        """Sign in, with the right password."""
        self.phone.sign_in(self.username, PASSWORD)
        self.excused = False

    def only_reads(self) -> bool:
        """Whether a pull by this phone would certainly write nothing, neither for the sign-in nor for an item."""
        session = self.store["session"]
        signed_in = session and datetime.fromisoformat(session["access_expires_at"]) > self._now() + timedelta(
            minutes=1
        )
        return bool(
            signed_in and self.store["docs"] and self.store["ref"] and not self.store["outbox"] and not self.excused
        )

    def syncs(self, how: str) -> None:
        """Sign in where that is needed, then sync in one of several ways."""
        if self.store["session"] is None:
            self.signs_in()
        if not self.store["ref"]:
            self.phone.fetch_forms()
        ways = {
            "sync": self.phone.sync,
            "push": self.phone.push,
            "pull": self.phone.pull,
            "pull by 3": lambda: self.phone.pull(limit=3),
            "pull by 1": lambda: self.phone.pull(limit=1),
        }
        ways[how]()

    # -- the work --

    def works(self) -> None:
        """Fill in one thing, as the moment offers it."""
        chance, phone = self.dice, self.phone
        tasks = phone.tasks() if self.store["ref"] else []
        if tasks and chance.random() < 0.55:
            self._visits(chance.choice(tasks[:4]))
            return
        mine = [doc for _, doc in phone.documents("my_lead").values() if doc["state"] in ("returned", "reported")]
        near = [doc for _, doc in phone.documents("lead").values() if doc["state"] == "community"]
        if mine and chance.random() < 0.3:
            self._answers(chance.choice(mine))
        elif near and chance.random() < 0.4:
            payload = {
                "lead_id": chance.choice(near)["id"],
                "number": f"告 {chance.randrange(999)}",
                "served": "in_person",
            }
            phone.queue("notice.serve", payload, scope=self._scope(), files=[self._photo()])
        else:
            chance.choices([self._reports, self._suggests, self._errs], [5, 3, 2])[0]()

    def _visits(self, task: dict[str, Any]) -> None:
        payload = first_answers(self.store["ref"]["items"], task["form"])
        if payload["findings"][0]["item"] == "VF01" and self.dice.random() < 0.3:
            payload["findings"][0] |= {"verdict": "failed", "failed_points": "仍在经营"}
        item = self.phone.visits(task, payload, files=[self._photo()])
        if self.dice.random() < 0.1:
            back = {"visit_id": item["id"], "reason": "走错了门"}
            about = {"task_id": task["id"], "base_rev": task["rev"], "scope": item["scope"]}
            self.phone.queue("visit.withdraw", back, depends_on=[item["id"]], **about)

    def _answers(self, lead: dict[str, Any]) -> None:
        if lead["state"] == "returned" and self.dice.random() < 0.7:
            payload = {"lead_id": lead["id"], "description": "补充了照片"}
            self.phone.queue("lead.resubmit", payload, scope=self._scope(), files=[self._photo()])
        else:
            self.phone.queue("lead.withdraw", {"lead_id": lead["id"], "reason": "已自行整改"}, scope=self._scope())

    def _reports(self) -> None:
        number = self.store["last_no"] + 1
        told = {"category": self.dice.choice(["XS01", "XS03", "XS04"]), "title": f"{self.name} 第 {number} 号",
                "description": "现场经营，未见许可证", "address": f"宏伟路 {number} 号"}  # fmt: skip
        self.phone.reports(told, scope=self._scope(), files=[self._photo()], depends_on=self._earlier())

    def _suggests(self) -> None:
        kind = self.dice.choice(["suggestion.submit", "checklist.submit", "address.bind"])
        self.phone.queue(kind, {"text": "路灯坏了"}, scope=self._scope(), depends_on=self._earlier())

    def _errs(self) -> None:
        """What no careful client sends: it must hold up nothing and be lost nowhere."""
        wrongs = [
            ("no.such.kind", {"text": "?"}, {}),
            ("lead.report", {"category": 7}, {}),
            ("visit.submit", {"result": "done"}, {"task_id": uuid7(self.phone.now()), "base_rev": 1}),
            ("suggestion.submit", {"text": "\0"}, {"depends_on": ["no id"]}),
            ("suggestion.submit", {"text": "too many photos"}, {"files": [self._photo() for _ in range(10)]}),
        ]
        kind, payload, more = self.dice.choice(wrongs)
        self.phone.queue(kind, payload, **more)

    def _scope(self) -> str | None:
        grids = sorted(scope for scope in self.store["docs"] if scope.startswith("grid:"))
        return self.dice.choice(grids) if grids else None

    def _earlier(self) -> list[str]:
        """Now and then something must come first: an item of one's own, or one that never comes."""
        if self.dice.random() > 0.15:
            return []
        waiting = [item["id"] for item in self.store["outbox"]]
        return [self.dice.choice([*waiting, uuid7(self.phone.now())])]

    def _photo(self) -> dict[str, Any]:
        digest = hashlib.sha256(self.dice.randbytes(8)).hexdigest()
        return {"sha256": digest, "size": 240_000, "mime": "image/jpeg", "role": "scene", "required": True}
