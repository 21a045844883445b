"""What everybody saw with their own eyes during a run: the invariants hold the server to it, not to its own tables."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from tests.phone import Phone, item_sha256

Item = dict[str, Any]


@dataclass
class Book:
    """`queued`: items that a phone had frozen and saved, with the phone's name. `receipts` and `firsts`: the first word of the
    server on each, heard or not. The rest are lists of what was seen wrong, each entry a sentence."""

    queued: dict[str, tuple[str, Item]] = field(default_factory=dict)
    receipts: dict[str, dict[str, Any]] = field(default_factory=dict)
    firsts: dict[str, tuple[str, str | None]] = field(default_factory=dict)
    unlike: list[str] = field(default_factory=list)  # a copy was answered otherwise than the first
    vanished: list[str] = field(default_factory=list)  # left an outbox without the server's word
    fell: list[str] = field(default_factory=list)  # a seq, a token or a rev went back
    broke: list[str] = field(default_factory=list)  # a request was answered with what it never may be
    shut_out: list[str] = field(default_factory=list)  # signed out for no reason
    _at: dict[str, int] = field(default_factory=dict)  # token → highest seq that it stands for

    # -- on the phone --

    def saved(self, name: str, data: dict[str, Any]) -> None:
        """A phone has saved all that it remembers."""
        outbox = {item["id"]: item for item in data["outbox"]}
        for item_id, item in outbox.items():
            self.queued.setdefault(item_id, (name, item))
        told = {done["item"]["id"]: done for kept in ("acknowledged", "rejected") for done in data[kept]}
        for item_id, (whose, item) in self.queued.items():
            if whose == name and item_id not in outbox and item_id not in told and item_id not in self.receipts:
                self.vanished.append(f"{name}: item {item['device_no']} left the phone, and the server never had it")

    # -- at the server --

    def answered(self, path: str, status: int, body: bytes | None, text: bytes) -> None:
        """The server has answered a request, whether or not anybody hears it."""
        usual = (200, 401) if "/sync/" in path else range(500)
        if status not in usual:
            self.broke.append(f"{path} was answered {status}: {text[:300].decode(errors='replace')}")
        if path.endswith("/sync/push") and status == 200:
            self._results(json.loads(body or b"{}")["items"], json.loads(text)["results"])

    def _results(self, items: list[Item], results: list[dict[str, Any]]) -> None:
        if len(items) != len(results):
            self.broke.append(f"{len(items)} items were answered by {len(results)} results")
        for item, result in zip(items, results, strict=False):
            receipt = result["receipt"]
            if receipt is None:
                continue
            name = f"item {item['device_no']} ({item['kind']})"
            said = (result["outcome"], result["code"])
            if said[0] == "duplicate":
                said = (result["first"]["outcome"], result["first"]["code"])
            if receipt["item_sha256"] != item_sha256(item):
                self.unlike.append(f"{name}: the receipt is for another content")
            if self.receipts.setdefault(item["id"], receipt) != receipt:
                self.unlike.append(f"{name}: receipt {self.receipts[item['id']]} became {receipt}")
            if self.firsts.setdefault(item["id"], said) != said:
                self.unlike.append(f"{name}: first answered {self.firsts[item['id']]}, a copy {said}")

    def same_twice(self, path: str, one: bytes, two: bytes) -> None:
        """One request came twice, with nothing between: the second answer to a pull is the first."""
        if path.endswith("/sync/pull"):
            first, second = json.loads(one), json.loads(two)
            first.pop("server_time", None), second.pop("server_time", None)
            if first != second:
                self.unlike.append(f"the same pull twice: {first} became {second}")

    def restored(self, stored: set[str]) -> None:
        """What the restored server lacks gets a first receipt anew."""
        self.receipts = {item_id: receipt for item_id, receipt in self.receipts.items() if item_id in stored}
        self.firsts = {item_id: said for item_id, said in self.firsts.items() if item_id in stored}

    # -- between them --

    def pulled(self, name: str, phone: Phone, body: bytes | None, text: bytes) -> None:
        """A phone hears the answer to a pull, and has not taken it yet."""
        asked, answer = json.loads(body or b"{}")["scopes"], json.loads(text)
        own = f"user:{(phone.store['session'] or {}).get('user', {}).get('id')}"
        for part in answer["scopes"]:
            scope = part["scope"]
            token = asked.get(scope) or (asked.get("user:me") if scope == own else None)
            floor = self._at.get(token or "", 0) if part["mode"] == "delta" or part.get("page", 1) > 1 else 0
            seqs = [change["seq"] for change in part["changes"]]
            if part["mode"] == "delta" and any(low >= high for low, high in zip([floor, *seqs], seqs, strict=False)):
                self.fell.append(f"{name} {scope}: after {floor} came {seqs}")
            self._at[part["token"]] = max([floor, *seqs])
            held = phone.store["docs"].get(scope, {}) if answer["epoch"] == phone.store["epoch"] else {}
            for change in part["changes"]:
                before = held.get(f"{change['kind']}/{change['id']}")
                if before and change["op"] == "put" and change["rev"] < before["rev"]:
                    self.fell.append(
                        f"{name} {scope}: {change['kind']} fell from rev {before['rev']} to {change['rev']}"
                    )
