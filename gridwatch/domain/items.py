"""Inspection items 入格事项 as versions of data, the check of what a visit brings back, and the leads that it offers.

An item is a JSON document (docs/items.md): code, version, the six elements, a form, transfer conditions. A version never
changes once published: a changed form is a new version beside the old one, so that a phone that was offline while the form
changed is still understood. The check says whether a payload can be applied; it never judges the finding.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from gridwatch.domain.form_rules import Problem, names_in, problem
from gridwatch.domain.forms import Form, Words, in_words, read

RESULTS: dict[str, Words] = {
    "done": ("已核查", "done"), "closed_door": ("关门", "closed door"), "refused": ("拒绝核查", "refused"),
    "not_found": ("未找到", "not found"), "unsafe": ("不安全", "unsafe"), "weather": ("天气原因", "weather"),
}  # fmt: skip

FIRST_CHECK = ("RG01", "RG02")
WITH_PERMITS = "RG03"
REMARKS_LIMIT = 2_000
ACCEPTED_FOR = timedelta(days=366)  # how long a phone may still answer on a form after another took its place
_NAME = re.compile(r"([A-Z]{2}[0-9]{2}[A-Z]?)@([0-9]{1,4})", re.ASCII)

Forms = Mapping[str, Form]  # code → the version by which a visit is judged


@dataclass(frozen=True, slots=True)
class Version:
    """One published version of an item: `until` is the day on which another took its place, `withdrawn` before its first day."""

    item: Form
    effective_on: date
    sha256: str
    until: date | None = None
    withdrawn: bool = False

    @property
    def name(self) -> str:
        """Code and version as they stand in a task and in a pushed visit: `RG01@1`."""
        return f"{self.item['code']}@{self.item['version']}"

    def in_force(self, on: date) -> bool:
        """Whether it is what is asked on the local day `on`."""
        return not self.withdrawn and self.effective_on <= on and (self.until is None or on < self.until)

    @property
    def accepted_until(self) -> date | None:
        """The last local day on which a visit that was filled in on it is judged by it; None without end."""
        return None if self.until is None else self.until + ACCEPTED_FOR


class Catalogue:
    """Every version of every item: which is in force on a day, and which a phone may still name.

    `versions` come in any order; of one code, the successor of a version is the next one that was not withdrawn.
    """

    def __init__(self, versions: Iterable[Version]) -> None:
        self._of: dict[str, list[Version]] = {}
        following: dict[str, date] = {}
        for one in sorted(versions, key=lambda one: (one.item["code"], -one.item["version"])):
            code = one.item["code"]
            known = Version(one.item, one.effective_on, one.sha256, following.get(code), one.withdrawn)
            self._of.setdefault(code, []).insert(0, known)
            if not one.withdrawn:
                following[code] = one.effective_on

    @property
    def codes(self) -> list[str]:
        """Every code, in order."""
        return list(self._of)

    def versions(self, code: str) -> list[Version]:
        """Every version of a code, the oldest first; [] for a code that never was."""
        return self._of.get(code, [])

    def version(self, code: str, number: int) -> Version | None:
        """One version, None where there is none."""
        return next((one for one in self.versions(code) if one.item["version"] == number), None)

    def in_force(self, code: str, on: date) -> Version | None:
        """The version that is asked on the local day `on`; before its first day, the first one that will be."""
        live = [one for one in self.versions(code) if not one.withdrawn]
        return next((one for one in live if one.in_force(on)), live[0] if live else None)

    def form_of(self, codes: Iterable[str], on: date) -> str:
        """The forms of items on a day as one text, `RG01@1+RG02@1`: what a visit names as its `item_version`."""
        found = [self.in_force(code, on) for code in codes]
        return "+".join(one.name for one in found if one is not None)

    def forms(self, item_version: str | None, on: date) -> Forms | None:
        """The forms by which a visit is judged that arrives on the local day `on`: those it names, else those in force.

        None when it names an item or version that never was, was withdrawn, or was replaced more than twelve months ago.
        """
        forms = {code: one.item for code in self._of if (one := self.in_force(code, on)) is not None}
        for part in item_version.split("+") if item_version else ():
            match = _NAME.fullmatch(part.strip())
            named = self.version(match[1], int(match[2])) if match else None
            if named is None or named.withdrawn or (named.accepted_until is not None and on > named.accepted_until):
                return None
            forms[named.item["code"]] = named.item
        return forms

    def titles(self, on: date) -> dict[str, Words]:
        """Code → the name of each item as it is on a day."""
        found = {code: self.in_force(code, on) or self.versions(code)[-1] for code in self._of}
        return {code: (one.item["title"]["zh"], one.item["title"]["en"]) for code, one in found.items()}

    def for_phones(self) -> list[dict[str, Any]]:
        """Every version that a phone may need, as plain JSON; those that were withdrawn before their first day are none."""
        return [
            {**one.item, "sha256": one.sha256} for code in self._of for one in self.versions(code) if not one.withdrawn
        ]


def canonical(item: Form) -> str:
    """The one text of an item: members sorted, no spaces."""
    return json.dumps(item, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def content_hash(item: Form) -> str:
    """SHA-256 (hex) of an item: the same content has the same hash, in whatever order it was written."""
    return hashlib.sha256(canonical(item).encode()).hexdigest()


def first_check_items(permit_sectors: Collection[str]) -> list[str]:
    """The items of a first check 首检, as codes: address and status, and the permits where the scope asks for any."""
    return [*FIRST_CHECK, *((WITH_PERMITS,) if permit_sectors else ())]


# -- what a visit brings back -----------------------------------------------------------------------------------------


def check_findings(items: Iterable[str], payload: Any, forms: Forms) -> list[Problem]:
    """What is wrong with the payload of a visit, as [{path, problem}]; [] when it can be applied.

    `items` are the codes that the task asks for, `forms` those by which they are judged.
    The payload is {"result": one of RESULTS, "findings": [{"item": "RG01", question: answer, …}], "remarks": text}. With
    result `done` every item has exactly one finding; any other result may bring findings and need not. Members that no
    form knows are left alone: the visit is kept word for word. A `visit_kind` but `worker` is refused: inspections are made
    by officers, elsewhere (国办发〔2024〕54号).
    """
    if not isinstance(payload, Mapping):
        return [problem("", "应为对象", "this should be an object")]
    problems = []
    result = payload.get("result")
    if not isinstance(result, str) or result not in RESULTS:
        problems.append(problem("result", f"只能填：{'、'.join(RESULTS)}", f"one of: {', '.join(RESULTS)}"))
    problems += _remarks_problems(payload.get("remarks"))
    if payload.get("visit_kind", "worker") != "worker":
        problems.append(
            problem("visit_kind", "网格员的走访不是行政检查", "the visit of a worker is no administrative inspection")
        )
    findings = payload.get("findings", [])
    if not isinstance(findings, list):
        return [*problems, problem("findings", "应为数组", "this should be a list")]
    asked, answered = list(items), set()
    for place, finding in enumerate(findings):
        path = f"findings[{place}]"
        code = finding.get("item") if isinstance(finding, Mapping) else None
        form = forms.get(code) if isinstance(code, str) else None
        if form is None or not (code in asked or form.get("every_visit")):
            problems.append(problem(f"{path}.item", f"应为 {'、'.join(asked)}", f"one of {', '.join(asked)}"))
        elif code in answered:
            problems.append(problem(f"{path}.item", f"{code} 填了两次", f"{code} is answered twice"))
        else:
            answered.add(code)
            problems += [{"path": f"{path}.{one.path}", "problem": one.words()} for one in read(form, finding).wrong]
    if result == "done":
        for code in asked:
            if code not in answered:
                title = forms[code]["title"] if code in forms else {"zh": "", "en": ""}
                problems.append(problem("findings", f"缺少 {code} {title['zh']}", f"{code} {title['en']} is missing"))
    return problems


def _remarks_problems(remarks: Any) -> list[Problem]:
    if remarks is None:
        return []
    if not isinstance(remarks, str):
        return [problem("remarks", "应为文字", "this should be text")]
    if len(remarks) > REMARKS_LIMIT:
        return [problem("remarks", f"最多 {REMARKS_LIMIT} 字", f"at most {REMARKS_LIMIT} characters")]
    return [problem("remarks", "含有空字符（NUL）", "it holds a NUL character")] if "\0" in remarks else []


# -- when a finding goes further --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Met:
    """A transfer condition 移交条件 that a finding meets. `found` are the answers of the item in Chinese words."""

    item: str
    title: Words
    transfer: Form
    found: str

    @property
    def name(self) -> str:
        """Item and condition, `RG01.not_there`: what a phone names when it makes a lead of it."""
        return f"{self.item}.{self.transfer['name']}"

    def as_json(self) -> dict[str, Any]:
        """As events and answers tell it."""
        told = self.transfer
        return {"name": self.name, "item": self.item, "fields": names_in(told["when"]), "categories": list(told["categories"]),
                "zh": told["title"]["zh"], "en": told["title"]["en"], "photos": list(told.get("photos", [])),
                "after_recheck": told.get("after_recheck", False)}  # fmt: skip


def transfers_met(payload: Any, forms: Forms) -> list[Met]:
    """The transfer conditions that the findings of a payload meet, in the order of the findings.

    They are an offer to the worker and the desk; no lead is ever made by itself (domain.md §4b). `categories` begins with the
    most likely one. Payloads that were never checked are read as far as they can be.
    """
    findings = payload.get("findings", []) if isinstance(payload, Mapping) else []
    met = []
    for finding in findings if isinstance(findings, list) else ():
        code = finding.get("item") if isinstance(finding, Mapping) else None
        form = forms.get(code) if isinstance(code, str) else None
        if form is not None:
            of_name = {transfer["name"]: transfer for transfer in form.get("transfers", ())}
            title, found = (form["title"]["zh"], form["title"]["en"]), in_words(form, finding)
            met += [Met(code, title, of_name[name], found) for name in read(form, finding).met]
    return met
