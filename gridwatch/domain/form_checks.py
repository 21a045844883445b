"""Whether somebody wrote an item well: every problem with its path, before anything is published.

The keywords are a closed list: one that this version does not know is refused, since a phone would not know it either. Every
answer is bounded. There is no `pattern`: a regular expression from outside can take for ever, so texts that have a shape name
one of the fixed FORMATS. A question only asks for questions before it, so there is nothing that could go in a circle.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import date
from typing import Any

from gridwatch.domain.cycles import MOST_MONTHS, WHOM
from gridwatch.domain.form_rules import Problem, names_in, problem, rule_problems
from gridwatch.domain.forms import FORMATS, Form, Words, read
from gridwatch.domain.lead_words import CATEGORIES

CODE = re.compile(r"[A-Z]{2}[0-9]{2}[A-Z]?", re.ASCII)
_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}", re.ASCII)
_VALUE = re.compile(r"[0-9A-Za-z_.+-]{1,40}", re.ASCII)

MOST_BYTES = 64_000
MOST_DEPTH = 12
MOST_FIELDS = 40
MOST_CHOICES = 40
MOST_TRANSFERS = 10
MOST_ROWS = 50
MOST_TEXT = 2_000
MOST_NUMBER = 1_000_000_000
MOST_EVIDENCE = 3  # photos that a finding may force (R37)
LATEST_VERSION = 9_999
TITLE, SENTENCE = 60, 500

# The six elements of an item (seed 003: 巡查对象、巡查周期、巡查职责、移交条件、工作流程、业务标准).
ELEMENTS: dict[str, Words] = {
    "visited": ("巡查对象", "who is visited"), "cycle": ("巡查周期", "how often"), "duty": ("巡查职责", "what the worker does"),
    "transfer": ("移交条件", "when it goes further"), "workflow": ("工作流程", "how it goes"), "standard": ("业务标准", "how it is judged"),
}  # fmt: skip
PHOTOS: dict[str, Words] = {
    "door_plate": ("门牌", "door plate"), "interior": ("室内", "interior"), "surroundings": ("周边", "surroundings"),
    "licence": ("营业执照", "business licence"), "permit": ("许可证件", "permit"),
}  # fmt: skip
# What the register or the phone knows, so that nobody is asked for it.
KNOWN: dict[str, Words] = {
    "address.code": ("标准地址代码", "the standard address"), "scan": ("扫码", "the scan of the QR tag"),
    "entity.permit_sectors": ("需要的许可", "the permits that the scope needs"), "last_year": ("上一年度", "the year before"),
    "attempts": ("已走访次数", "the visits made so far"),
}  # fmt: skip

# What is not asked at a door: the register has it, or it says something about the worker and nothing about the shop.
REGISTERED = ("统一社会信用代码", "名称", "登记地址", "经营范围", "法定代表人", "上次结论")
UNWANTED = ("签到", "轨迹", "在线时长", "积分", "身份证")

_ITEM = {
    "code",
    "version",
    "title",
    "effective_on",
    "elements",
    "every_visit",
    "ordinary",
    "photos",
    "repeats",
    "fields",
    "transfers",
}
_COMMON = {"name", "title", "hint", "type", "required", "requiredWhen", "visibleWhen", "folded", "known"}
KEYWORDS: dict[str, set[str]] = {
    "string": {*_COMMON, "enum", "labels", "format", "maxLength"},
    "boolean": _COMMON,
    "integer": {*_COMMON, "minimum", "maximum"},
    "number": {*_COMMON, "minimum", "maximum"},
    "array": {*_COMMON, "items", "minItems", "maxItems"},
}
_TRANSFER = {"name", "title", "when", "categories", "photos", "after_recheck"}


def item_problems(item: Any) -> list[Problem]:
    """What is wrong with an item, as [{path, problem}]; [] when it can be read by `forms.read`. Raises nothing."""
    if not isinstance(item, Mapping):
        return [problem("", "应为对象", "an object is needed")]
    if _deeper_than(item, MOST_DEPTH):
        return [problem("", f"最多嵌套 {MOST_DEPTH} 层", f"nested {MOST_DEPTH} levels at most")]
    if len(json.dumps(item, ensure_ascii=False).encode(errors="replace")) > MOST_BYTES:
        return [problem("", f"最多 {MOST_BYTES} 字节", f"{MOST_BYTES} bytes at most")]
    found = list(_item(item))
    return found or list(_ordinary(item))


def _deeper_than(value: Any, levels: int) -> bool:
    inner = value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ()
    return bool(inner) and (levels == 0 or any(_deeper_than(one, levels - 1) for one in inner))


def _item(item: Form) -> Iterator[Problem]:
    yield from _unknown(item, _ITEM, "")
    if not (isinstance(item.get("code"), str) and CODE.fullmatch(item["code"])):
        yield problem("code", "应为代码，如 RG01、RG05A", "a code like RG01 or RG05A is needed")
    if not (type(item.get("version")) is int and 1 <= item["version"] <= LATEST_VERSION):
        yield problem(
            "version", f"应为 1 至 {LATEST_VERSION} 的整数", f"a whole number from 1 to {LATEST_VERSION} is needed"
        )
    yield from _words(item.get("title"), "title", TITLE)
    yield from _day(item.get("effective_on"), "effective_on")
    yield from _flag(item, "every_visit", "")
    elements = item.get("elements")
    if not isinstance(elements, Mapping):
        yield problem("elements", "应为六个要素的对象", "an object with the six elements is needed")
    else:
        yield from _unknown(elements, ELEMENTS, "elements")
        for name in ELEMENTS:
            yield from _element(elements.get(name), f"elements.{name}")
    yield from _photos(item.get("photos", []), "photos")
    kinds: dict[str, str] = {}
    yield from _fields(item.get("fields"), "fields", kinds, rows_allowed=True)
    yield from _transfers(item.get("transfers", []), kinds)
    if "repeats" in item:
        yield from _repeats(item["repeats"], kinds)


def _repeats(told: Any, kinds: Mapping[str, str]) -> Iterator[Problem]:
    """How often an item is asked: {"months", "of", "sooner": {"months", "when"}}."""
    if not isinstance(told, Mapping):
        yield problem("repeats", "应为对象", "an object is needed")
        return
    yield from _unknown(told, {"months", "of", "sooner"}, "repeats")
    yield from _months(told.get("months"), "repeats.months", MOST_MONTHS)
    if not (isinstance(told.get("of", "entity"), str) and told.get("of", "entity") in WHOM):
        yield problem("repeats.of", f"只能是 {'、'.join(WHOM)}", f"one of {', '.join(WHOM)}")
    if "sooner" not in told:
        return
    sooner = told["sooner"]
    if not isinstance(sooner, Mapping):
        yield problem("repeats.sooner", "应为对象", "an object is needed")
        return
    yield from _unknown(sooner, {"months", "when"}, "repeats.sooner")
    months = told.get("months")
    yield from _months(sooner.get("months"), "repeats.sooner.months", (months if type(months) is int else 2) - 1)
    top = {
        name: kind for name, kind in kinds.items() if "." not in name
    }  # what one answer says, not the rows of a list
    yield from rule_problems(sooner.get("when"), "repeats.sooner.when", top)


def _months(value: Any, path: str, most: int) -> Iterator[Problem]:
    if not (type(value) is int and 1 <= value <= most):
        yield problem(path, f"应为 1 至 {most} 的整数", f"a whole number from 1 to {most} is needed")


def _ordinary(item: Form) -> Iterator[Problem]:
    """The ordinary answers must be such as a worker could give, and nothing that goes further."""
    ordinary = item.get("ordinary")
    if ordinary is None:
        return
    if not isinstance(ordinary, Mapping):
        yield problem("ordinary", "应为对象：问题 → 答案", "an object is needed: question → answer")
        return
    reading = read(item, ordinary)
    for name in ordinary:
        if name not in reading.visible:
            yield problem(
                f"ordinary.{name}", "这里没有这个问题，或它不会显示", "there is no such question, or it does not show"
            )
    for wrong in reading.wrong:
        if wrong.code != "required":
            yield problem(f"ordinary.{wrong.path}", *wrong.words().split(" / ", 1))
    for name in reading.met:
        yield problem(
            "ordinary",
            f"平常的结果不应达到移交条件 {name}",
            f"an ordinary result must not meet the transfer condition {name}",
        )


def _element(value: Any, path: str) -> Iterator[Problem]:
    yield from _words(value, path, SENTENCE, also=("source",))
    if isinstance(value, Mapping) and not _text(value.get("source"), 200):
        yield problem(f"{path}.source", "要写明依据，200 字以内", "its source is needed, 200 characters at most")


def _fields(fields: Any, path: str, kinds: dict[str, str], *, rows_allowed: bool) -> Iterator[Problem]:
    """Check a list of questions; fills `kinds` with what rules may ask for."""
    if not isinstance(fields, list) or not 0 < len(fields) <= MOST_FIELDS:
        yield problem(
            path, f"应为 1 至 {MOST_FIELDS} 个问题的数组", f"a list of 1 to {MOST_FIELDS} questions is needed"
        )
        return
    names = [one.get("name") if isinstance(one, Mapping) else None for one in fields]
    all_kinds: dict[str, str] = {}
    rules: list[tuple[str, str, Any]] = []
    for number, one in enumerate(fields):
        at = f"{path}[{number}]"
        if not isinstance(one, Mapping):
            yield problem(at, "应为对象", "an object is needed")
            continue
        name = one.get("name")
        if not (isinstance(name, str) and _NAME.fullmatch(name)):
            yield problem(
                f"{at}.name",
                "应为小写字母开头的名称，40 字以内",
                "a name of small letters, digits and _ is needed, 40 at most",
            )
        elif name in names[:number]:
            yield problem(f"{at}.name", f"问题 {name} 写了两次", f"the question {name} stands twice")
        if "visibleWhen" in one:
            yield from _visible_when(one["visibleWhen"], f"{at}.visibleWhen", dict(all_kinds), name, fields)
        if "requiredWhen" in one:
            rules.append((f"{at}.requiredWhen", str(name), one["requiredWhen"]))
        yield from _field(one, at, rows_allowed=rows_allowed, inner=kinds)
        if isinstance(name, str):
            all_kinds[name] = kind_of(one)
    for at, own, rule in rules:
        yield from rule_problems(rule, at, {name: kind for name, kind in all_kinds.items() if name != own})
    kinds.update(all_kinds)


def _visible_when(
    rule: Any, path: str, before: Mapping[str, str], own: Any, fields: Sequence[Any]
) -> Iterator[Problem]:
    later = {
        one["name"]: kind_of(one) for one in fields if isinstance(one, Mapping) and isinstance(one.get("name"), str)
    }
    wrong = rule_problems(rule, path, later)
    if wrong:
        yield from wrong
        return
    for name in names_in(rule):
        if name in before:
            continue
        if name == own or _leads_back(name, own, fields):
            yield problem(
                path, f"{own} 与 {name} 的显示条件互为前提", f"{own} and {name} show only if the other one does"
            )
        else:
            yield problem(
                path,
                f"只能问排在前面的问题，{name} 在后面",
                f"only questions before it can be asked for; {name} comes later",
            )


def _leads_back(name: str, own: Any, fields: Sequence[Any]) -> bool:
    """Whether the question `name` shows, by way of others or not, only if `own` does."""
    asks = {}
    for one in fields:
        if isinstance(one, Mapping) and isinstance(one.get("name"), str):
            rule = one.get("visibleWhen")
            kinds = {
                other["name"]: kind_of(other)
                for other in fields
                if isinstance(other, Mapping) and isinstance(other.get("name"), str)
            }
            asks[one["name"]] = names_in(rule) if rule is not None and not rule_problems(rule, "", kinds) else []
    reached, todo = set(), [name]
    while todo:
        for further in asks.get(todo.pop(), ()):
            if further not in reached:
                reached.add(further)
                todo.append(further)
    return own in reached


def kind_of(field: Form) -> str:
    """What a rule may compare the answer to a question with: choice, flag, number, day, text or list."""
    kind, items = field.get("type"), field.get("items")
    if kind == "array":
        return "choice" if isinstance(items, Mapping) and items.get("type") == "string" else "list"
    if kind == "string":
        return "choice" if "enum" in field else "day" if field.get("format") == "date" else "text"
    return {"boolean": "flag", "integer": "number", "number": "number"}.get(str(kind), "list")


def _field(one: Form, at: str, *, rows_allowed: bool, inner: dict[str, str]) -> Iterator[Problem]:
    kind = one.get("type")
    if not isinstance(kind, str) or kind not in KEYWORDS:
        yield problem(f"{at}.type", f"只能是 {'、'.join(KEYWORDS)}", f"one of {', '.join(KEYWORDS)}")
        return
    yield from _unknown(one, KEYWORDS[kind], at)
    yield from _words(one.get("title"), f"{at}.title", TITLE)
    yield from _not_to_be_asked(one, at)
    if "hint" in one:
        yield from _words(one["hint"], f"{at}.hint", SENTENCE)
    for name in ("required", "folded"):
        yield from _flag(one, name, at)
    if one.get("folded") and (one.get("required") or "requiredWhen" in one):
        yield problem(f"{at}.folded", "收起的问题不能必填", "a question that is folded away cannot be due")
    if one.get("required") and "requiredWhen" in one:
        yield problem(f"{at}.requiredWhen", "已经必填，不必再写条件", "it is due already and needs no condition")
    if "known" in one and not (isinstance(one["known"], str) and one["known"] in KNOWN):
        yield problem(f"{at}.known", f"只能是 {'、'.join(KNOWN)}", f"one of {', '.join(KNOWN)}")
    if kind == "string":
        yield from _string(one, at)
    elif kind in ("integer", "number"):
        yield from _bounds(one, at, "minimum", "maximum", -MOST_NUMBER, MOST_NUMBER, whole=kind == "integer")
    elif kind == "array":
        yield from _array(one, at, rows_allowed, inner)


def _not_to_be_asked(one: Form, at: str) -> Iterator[Problem]:
    title = one["title"].get("zh") if isinstance(one.get("title"), Mapping) else None
    if not isinstance(title, str):
        return
    if title.strip() in REGISTERED and "known" not in one:
        yield problem(
            f"{at}.title.zh", "登记库里有，不让网格员再填一遍", "the register has it; nobody is asked for it again"
        )
    for word in UNWANTED:
        if word in title:
            yield problem(f"{at}.title.zh", f"不收「{word}」", f"{word} is not collected")


def _string(one: Form, at: str) -> Iterator[Problem]:
    if "enum" in one:
        yield from _choices(one, at)
        for name in ("format", "maxLength"):
            if name in one:
                yield problem(f"{at}.{name}", "选择题不用这个关键字", "a choice does not take this keyword")
        return
    if "labels" in one:
        yield problem(f"{at}.labels", "没有 enum 就没有选项名称", "there are no labels without enum")
    form = one.get("format")
    if form is not None and not (isinstance(form, str) and form in FORMATS):
        yield problem(f"{at}.format", f"只能是 {'、'.join(FORMATS)}", f"one of {', '.join(FORMATS)}")
    if form != "date" and not _whole(one.get("maxLength"), 1, MOST_TEXT):
        yield problem(
            f"{at}.maxLength", f"要写明最多几字，1 至 {MOST_TEXT}", f"the most characters are needed, 1 to {MOST_TEXT}"
        )


def _choices(one: Form, at: str) -> Iterator[Problem]:
    values, labels = one["enum"], one.get("labels")
    if not isinstance(values, list) or not 0 < len(values) <= MOST_CHOICES:
        yield problem(
            f"{at}.enum", f"应为 1 至 {MOST_CHOICES} 个选项的数组", f"a list of 1 to {MOST_CHOICES} choices is needed"
        )
        return
    for number, value in enumerate(values):
        if not (isinstance(value, str) and _VALUE.fullmatch(value)):
            yield problem(f"{at}.enum[{number}]", "应为字母、数字组成的代码", "a code of letters and digits is needed")
        elif value in values[:number]:
            yield problem(f"{at}.enum[{number}]", f"选项 {value} 写了两次", f"the choice {value} stands twice")
        elif isinstance(labels, Mapping):
            yield from _words(labels.get(value), f"{at}.labels.{value}", TITLE)
    if not isinstance(labels, Mapping):
        yield problem(f"{at}.labels", "每个选项要有中英文名称", "every choice needs its words in Chinese and English")
    else:
        yield from _unknown(labels, [value for value in values if isinstance(value, str)], f"{at}.labels")


def _array(one: Form, at: str, rows_allowed: bool, inner: dict[str, str]) -> Iterator[Problem]:
    yield from _bounds(one, at, "minItems", "maxItems", 0, MOST_ROWS, whole=True, least_needed=False)
    items = one.get("items")
    if not isinstance(items, Mapping) or items.get("type") not in ("string", "object"):
        yield problem(
            f"{at}.items",
            "应为选项（string）或一行问题（object）",
            "choices (string) or rows of questions (object) are needed",
        )
    elif items["type"] == "string":
        yield from _unknown(items, {"type", "enum", "labels"}, f"{at}.items")
        if "enum" in items:
            yield from _choices(items, f"{at}.items")
        else:
            yield problem(f"{at}.items.enum", "要列出选项", "its choices are needed")
    elif not rows_allowed:
        yield problem(f"{at}.items", "行里不能再有行", "rows cannot hold rows")
    else:
        yield from _unknown(items, {"type", "fields"}, f"{at}.items")
        kinds: dict[str, str] = {}
        yield from _fields(items.get("fields"), f"{at}.items.fields", kinds, rows_allowed=False)
        inner.update({f"{one.get('name')}.{name}": kind for name, kind in kinds.items()})


def _transfers(transfers: Any, kinds: Mapping[str, str]) -> Iterator[Problem]:
    if not isinstance(transfers, list) or len(transfers) > MOST_TRANSFERS:
        yield problem(
            "transfers",
            f"应为最多 {MOST_TRANSFERS} 个移交条件的数组",
            f"a list of {MOST_TRANSFERS} transfer conditions at most",
        )
        return
    names: list[Any] = []
    for number, one in enumerate(transfers):
        at = f"transfers[{number}]"
        if not isinstance(one, Mapping):
            yield problem(at, "应为对象", "an object is needed")
            continue
        yield from _unknown(one, _TRANSFER, at)
        name = one.get("name")
        if not (isinstance(name, str) and _NAME.fullmatch(name)) or name in names:
            yield problem(f"{at}.name", "应为不重复的名称", "a name of its own is needed")
        names.append(name)
        yield from _words(one.get("title"), f"{at}.title", TITLE)
        yield from rule_problems(one.get("when"), f"{at}.when", kinds)
        categories = one.get("categories")
        if not isinstance(categories, list) or any(
            not isinstance(each, str) or each not in CATEGORIES for each in categories
        ):
            yield problem(
                f"{at}.categories",
                f"应为 {'、'.join(CATEGORIES)} 的数组",
                f"a list of {', '.join(CATEGORIES)} is needed",
            )
        yield from _photos(one.get("photos", []), f"{at}.photos")
        if isinstance(one.get("photos"), list) and len(one["photos"]) > MOST_EVIDENCE:
            yield problem(f"{at}.photos", f"最多 {MOST_EVIDENCE} 张", f"{MOST_EVIDENCE} photos at most")
        yield from _flag(one, "after_recheck", at)


def _photos(photos: Any, path: str) -> Iterator[Problem]:
    if (
        not isinstance(photos, list)
        or any(not isinstance(one, str) or one not in PHOTOS for one in photos)
        or len({*photos}) < len(photos)
    ):
        yield problem(
            path, f"应为 {'、'.join(PHOTOS)} 的数组，不重复", f"a list of {', '.join(PHOTOS)}, each once, is needed"
        )


def _words(value: Any, path: str, most: int, also: Collection[str] = ()) -> Iterator[Problem]:
    """Chinese and English: {"zh": …, "en": …}; English may be twice as long."""
    if not isinstance(value, Mapping):
        yield problem(path, '应为 {"zh": …, "en": …}', 'this should be {"zh": …, "en": …}')
        return
    yield from _unknown(value, {"zh", "en", *also}, path)
    for language, longest in (("zh", most), ("en", 2 * most)):
        if not _text(value.get(language), longest):
            yield problem(
                f"{path}.{language}", f"应为 1 至 {longest} 字的文字", f"a text of 1 to {longest} characters is needed"
            )


def _text(value: Any, most: int) -> bool:
    return isinstance(value, str) and bool(value.strip()) and len(value) <= most and "\0" not in value


def _day(value: Any, path: str) -> Iterator[Problem]:
    try:
        date.fromisoformat(value)
    except (TypeError, ValueError):
        yield problem(path, "应为日期，如 2026-11-20", "a day like 2026-11-20 is needed")


def _flag(one: Form, name: str, at: str) -> Iterator[Problem]:
    if name in one and not isinstance(one[name], bool):
        yield problem(f"{at}.{name}".lstrip("."), "应为 true 或 false", "true or false is needed")


def _bounds(
    one: Form, at: str, least: str, most: str, low: int, high: int, *, whole: bool, least_needed: bool = True
) -> Iterator[Problem]:
    kinds = int if whole else int | float
    for name in (least, most):
        value = one.get(name)
        if value is None and name == least and not least_needed:
            continue
        if not isinstance(value, kinds) or isinstance(value, bool) or not low <= value <= high:
            yield problem(f"{at}.{name}", f"要写明，{low} 至 {high}", f"this bound is needed, {low} to {high}")
            return
    if one.get(least, low) > one[most]:
        yield problem(f"{at}.{most}", f"不能小于 {least}", f"this cannot be below {least}")


def _whole(value: Any, low: int, high: int) -> bool:
    return type(value) is int and low <= value <= high


def _unknown(value: Mapping[Any, Any], known: Iterable[str], path: str) -> Iterator[Problem]:
    known = set(known)
    for name in value:
        if name in known:
            continue
        at = f"{path}.{str(name)[:40]}".lstrip(".")
        if name == "pattern":
            yield problem(at, "不收正则表达式，请用 format", "no regular expressions; use format")
        else:
            yield problem(at, "不认识这个关键字", "this keyword is not known")
