"""An item as a form: what can be repaired as fields with their problems, and what was typed back as members of the item."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from gridwatch.domain.errors import CATALOGUE, Refusal
from gridwatch.domain.items import RESULTS
from gridwatch.domain.lead_words import CATEGORIES
from gridwatch.sync.kinds import KINDS
from gridwatch.web.language import language
from gridwatch.web.pages import TYPED, t

Words = tuple[str, str]

# fmt: off
KIND_NAMES: dict[str, Words] = {
    "visit.submit": ("走访记录", "visit"), "visit.withdraw": ("撤回走访", "withdrawal of a visit"),
    "lead.report": ("上报线索", "new lead"), "lead.resubmit": ("补正线索", "completed lead"),
    "lead.withdraw": ("撤回线索", "withdrawal of a lead"),
    "notice.serve": ("送达告知书", "notice served"), "address.bind": ("绑定地址", "address of an entity"),
    "checklist.submit": ("市场自查", "market checklist"), "suggestion.submit": ("建议", "suggestion"),
}
QUESTIONS: dict[str, Words] = {
    "repair": ("更正或不采用", "repair or refuse"), "two_contents": ("同一编号有两份内容", "two contents under one id"),
    "timeliness": ("是否按时", "in time or not"),
}
LABELS: dict[str, Words] = {
    "kind": ("类型", "kind"), "task_id": ("任务编号", "id of the task"), "item_version": ("表单版本", "version of the form"),
    "scope": ("网格范围", "scope"), "place": ("位置", "place"), "files": ("附件清单", "list of files"), "payload": ("内容", "content"),
    "category": ("线索类别", "category"), "title": ("标题", "title"), "description": ("情况说明", "description"),
    "address": ("地址", "address"), "entity_id": ("主体编号", "id of the entity"), "lead_id": ("线索编号", "id of the lead"),
    "visit_id": ("走访编号", "id of the visit"), "reason": ("原因", "reason"), "result": ("走访结果", "result"),
    "findings": ("核查内容", "findings"), "remarks": ("备注", "remarks"), "text": ("内容", "text"), "number": ("文号", "number"),
    "served": ("送达情况", "how it was served"), "address_code": ("标准地址代码", "code of the address"),
    "tag": ("扫到的标签", "scanned tag"),
    "transfer": ("移交条件", "transfer condition"),
}
# What a kind's payload holds, so that what is missing can be filled in.
OF_KIND: dict[str, tuple[str, ...]] = {
    "visit.submit": ("result", "findings", "remarks"), "visit.withdraw": ("visit_id", "reason"),
    "lead.report": ("category", "title", "description", "address", "entity_id"), "lead.resubmit": ("lead_id", "description"),
    "lead.withdraw": ("lead_id", "reason"), "notice.serve": ("lead_id", "number", "served"), "address.bind": ("entity_id", "address_code"),
}
# Problems that rules say in English alone.
_IN_CHINESE = (
    (re.compile("required"), "必填"),
    (re.compile("one of (.+)"), "应为 {0} 之一"),
    (re.compile(r"at most (\d+) characters, (\d+) given"), "最多 {0} 字，现有 {1} 字"),
)
AS_JSON = frozenset({"place", "files", "payload", "findings"})
# fmt: on


@dataclass(slots=True)
class FormField:
    """One field. `path` is `payload.title` or `kind`; `widget` is text, long, json or list; `problems` are said beside it."""

    path: str
    label: str
    widget: str
    value: str
    options: list[tuple[str, str]] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    @property
    def name(self) -> str:
        """Its name in the form."""
        return TYPED + self.path

    @property
    def id(self) -> str:
        """A name that can stand as an id in HTML."""
        return "".join(sign if sign.isalnum() else "-" for sign in self.path)


def fields_of(
    value: Mapping[str, Any], problems: Iterable[Mapping[str, str]], code: str | None, typed: Mapping[str, str] | None
) -> list[FormField]:
    """The fields of an item: those members beside the payload with which something is wrong, then what the payload holds.

    `typed` is what came back with a refused form; it wins over what was sent.
    """
    found = [_field(path, member) for path, member in _members(value, [one["path"] for one in problems], code)]
    for one in found:
        one.problems = [problem_words(told["problem"]) for told in problems if _belongs(told["path"], one.path)]
        if typed is not None and one.name in typed:
            one.value = typed[one.name]
    return found


def _members(value: Mapping[str, Any], paths: list[str], code: str | None) -> Iterator[tuple[str, Any]]:
    for name in ("kind", "task_id", "item_version", "scope", "place", "files"):
        if any(_belongs(path, name) for path in paths) or (name == "item_version" and code == "unknown_item_version"):
            yield name, value.get(name)
    payload = value.get("payload")
    if not isinstance(payload, dict):
        yield "payload", payload
        return
    named = [path.removeprefix("payload.").split(".")[0].split("[")[0] for path in paths if path.startswith("payload.")]
    kind = value.get("kind")
    known = OF_KIND.get(kind, ()) if isinstance(kind, str) else ()
    for name in dict.fromkeys([*known, *payload, *named]):
        yield f"payload.{name}", payload.get(name)


def _belongs(path: str, to: str) -> bool:
    return path == to or path.startswith((f"{to}.", f"{to}["))


def _field(path: str, value: Any) -> FormField:
    name = path.removeprefix("payload.")
    label = t(*LABELS.get(name, (name, name)))
    options: dict[str, Words] = {"category": CATEGORIES, "result": RESULTS, "kind": KIND_NAMES}.get(name, {})
    if options and (value is None or isinstance(value, str)):
        choices = [(one, t(*words)) for one, words in options.items()]
        kept = [(value, value)] if value and value not in options else []
        return FormField(path, label, "list", value or "", [*kept, *choices])
    if name in AS_JSON or not (value is None or isinstance(value, str)):
        text = "" if value is None else orjson.dumps(value, option=orjson.OPT_INDENT_2).decode()
        return FormField(path, label, "json", text)
    return FormField(
        path, label, "long" if name in ("description", "remarks", "text", "reason") else "text", value or ""
    )


def repairs_of(value: Mapping[str, Any], fields: Iterable[FormField], form: Mapping[str, str]) -> dict[str, Any]:
    """The members that differ from what was sent. Raises 422 `sync.review_invalid` for a JSON field that is none."""
    repairs: dict[str, Any] = {}
    payload = value.get("payload")
    changed = dict(payload) if isinstance(payload, dict) else {}
    for one in fields:
        text = form.get(one.name)
        if text is None:
            continue
        typed = _typed(one, text.replace("\r\n", "\n"))
        if one.path.startswith("payload."):
            name = one.path.removeprefix("payload.")
            if typed not in (None, "") or name in changed:
                changed[name] = typed
        elif typed != value.get(one.path) and not (typed in (None, "") and value.get(one.path) is None):
            repairs[one.path] = typed
    if isinstance(payload, dict) and changed != payload:
        repairs["payload"] = changed
    return repairs


def _typed(one: FormField, text: str) -> Any:
    if one.widget != "json":
        return text
    try:
        return orjson.loads(text) if text.strip() else None
    except orjson.JSONDecodeError:
        problem = {"path": one.path, "problem": "不是有效的 JSON / not valid JSON"}
        raise Refusal("sync.review_invalid", fields=[problem]) from None


def problem_words(problem: str) -> str:
    """A problem in the reader's language; most are written as `中文 / English`."""
    for pattern, zh in _IN_CHINESE:
        if (found := pattern.fullmatch(problem)) is not None:
            return t(zh.format(*found.groups()), problem)
    zh, slash, en = problem.partition(" / ")
    return t(zh, en) if slash else problem


def reason_words(facts: Mapping[str, Any]) -> str:
    """The rule that kept an item from being applied, in the reader's language; empty where the fields say it, or where it was none."""
    code = facts.get("refused")
    if code not in CATALOGUE or facts.get("fields"):
        return ""
    if language() == "zh":
        return str(facts.get("reason", ""))
    return Refusal(code, **{name: value for name, value in facts.items() if name != "refused"}).title("en")


def told(value: Any) -> list[tuple[str, str]]:
    """A payload as rows to read: label and text."""
    if not isinstance(value, dict):
        return [(t(*LABELS["payload"]), _text(value))]
    return [(t(*LABELS.get(name, (name, name))), _named(name, one)) for name, one in value.items()]


def _named(name: str, value: Any) -> str:
    words: dict[str, Words] = {"category": CATEGORIES, "result": RESULTS}.get(name, {})
    return t(*words[value]) if isinstance(value, str) and value in words else _text(value)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else orjson.dumps(value, option=orjson.OPT_INDENT_2).decode()


def kind_words(kind: str) -> str:
    """A kind by its name."""
    return t(*KIND_NAMES[kind]) if kind in KINDS else kind or "–"
