"""The common part of an item: what every kind must bring, checked by hand since it is the hottest path of the server."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from gridwatch.domain.datum import Datum, looks_swapped
from gridwatch.files.service import MOST_BYTES
from gridwatch.sync.decoding import is_uuid

MOST_ITEM_BYTES = 1_000_000
_LARGEST = 2**53
_SHA256 = re.compile(r"[0-9a-f]{64}")
_SCOPE = re.compile(r"(?:grid|user):[0-9A-Za-z-]{1,50}")
_TEXTS = {"scope_token": 80, "item_version": 80}  # longest, in characters

Problem = dict[str, str]


def over_limit(raw: str, value: dict[str, Any], most_files: int) -> bool:
    """Whether an item is too large to be stored: over 1 MB, too many files, or a file that says it is over 10 MB."""
    files = value.get("files")
    if len(raw.encode()) > MOST_ITEM_BYTES or (isinstance(files, list) and len(files) > most_files):
        return True
    sizes = [one.get("size") for one in files if isinstance(one, dict)] if isinstance(files, list) else []
    return any(isinstance(size, int | float) and size > MOST_BYTES for size in sizes)


def files_of(value: dict[str, Any]) -> list[dict[str, Any]]:
    """The well-formed files of an item, as sent."""
    files = value.get("files")
    return [one for one in files if not any(_file("", one))] if isinstance(files, list) else []


def named_hashes(value: dict[str, Any]) -> dict[str, bool]:
    """The hashes of the files of an item in the order sent, and whether it is incomplete without each of them."""
    named: dict[str, bool] = {}
    for one in files_of(value):
        named[one["sha256"]] = named.get(one["sha256"], False) or one.get("required", True) is not False
    return named


def required_hashes(value: dict[str, Any]) -> list[str]:
    """The hashes of the files without which the item is not complete, each once, in the order sent."""
    return [sha256 for sha256, required in named_hashes(value).items() if required]


def problems(value: dict[str, Any], *, on_task: bool, has_nul: bool) -> list[Problem]:
    """What is wrong with the common members of an item, as [{path, problem}]; times are judged elsewhere and never here."""
    return list(_problems(value, on_task, has_nul))


def _problems(value: dict[str, Any], on_task: bool, has_nul: bool) -> Iterator[Problem]:
    if not _whole(value.get("device_no"), 1):
        yield _problem("device_no", "应为从 1 起的整数", "a whole number from 1 on is needed")
    if not isinstance(value.get("payload"), dict):
        yield _problem("payload", "应为对象", "an object is needed")
    if on_task:
        if not is_uuid(value.get("task_id")):
            yield _problem("task_id", "应为任务编号", "the id of a task is needed")
        if not _whole(value.get("base_rev"), 0):
            yield _problem("base_rev", "应为不小于 0 的整数", "a whole number from 0 on is needed")
    scope = value.get("scope")
    if scope is not None and not (isinstance(scope, str) and _SCOPE.fullmatch(scope)):
        yield _problem("scope", "应为 grid:<网格代码>", "grid:<grid code> is needed")
    for name, most in _TEXTS.items():
        text = value.get(name)
        if text is not None and not (isinstance(text, str) and len(text) <= most):
            yield _problem(name, f"应为 {most} 字以内的文字", f"a text of at most {most} characters is needed")
    yield from _place(value.get("place"))
    yield from _depends_on(value)
    files = value.get("files")
    if files is not None and not isinstance(files, list):
        yield _problem("files", "应为数组", "a list is needed")
    for number, one in enumerate(files if isinstance(files, list) else ()):
        yield from _file(f"files[{number}]", one)
    if has_nul:
        yield from (_problem(path, "含有空字符（NUL）", "holds a NUL character") for path in _nuls(value, ""))


def _place(place: Any) -> Iterator[Problem]:
    if place is None:
        return
    if not isinstance(place, dict):
        yield _problem("place", "应为对象", "an object is needed")
        return
    lon, lat = place.get("lon"), place.get("lat")
    if not (_number(lon, -180, 180) and _number(lat, -180, 180)):
        yield _problem("place", "应有经度 lon 与纬度 lat", "lon and lat in degrees are needed")
    elif not _number(lat, -90, 90) or looks_swapped(lon, lat):
        yield _problem("place", "经纬度可能写反", "longitude and latitude look swapped")
    crs = place.get("crs")
    try:
        Datum.named(crs if crs is not None else "WGS84")
    except (ValueError, AttributeError):
        yield _problem("place.crs", "应为 WGS84、CGCS2000、GCJ02 或 BD09", "one of WGS84, CGCS2000, GCJ02, BD09")


def _depends_on(value: dict[str, Any]) -> Iterator[Problem]:
    wanted = value.get("depends_on")
    if wanted is None:
        return
    if not isinstance(wanted, list):
        yield _problem("depends_on", "应为数组", "a list is needed")
        return
    for number, one in enumerate(wanted):
        if not is_uuid(one) or one == value.get("id"):
            yield _problem(f"depends_on[{number}]", "应为另一条的编号", "the id of another item is needed")


def _file(path: str, one: Any) -> Iterator[Problem]:
    if not isinstance(one, dict):
        yield _problem(path, "应为对象", "an object is needed")
        return
    sha256, size = one.get("sha256"), one.get("size")
    if not (isinstance(sha256, str) and _SHA256.fullmatch(sha256)):
        yield _problem(f"{path}.sha256", "应为 64 位小写十六进制", "64 lower-case hex digits are needed")
    if size is not None and not _whole(size, 0):
        yield _problem(f"{path}.size", "应为字节数", "a number of bytes is needed")


def _nuls(value: Any, path: str) -> Iterator[str]:
    if isinstance(value, str):
        if "\0" in value:
            yield path
    elif isinstance(value, dict):
        for key, inner in value.items():
            here = f"{path}.{key}" if path else key
            if "\0" in key:
                yield here.replace("\0", "\\0")
            yield from _nuls(inner, here.replace("\0", "\\0"))
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from _nuls(inner, f"{path}[{number}]")


def _whole(value: Any, least: int) -> bool:
    return type(value) is int and least <= value <= _LARGEST


def _number(value: Any, least: float, most: float) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and least <= value <= most


def _problem(path: str, zh: str, en: str) -> Problem:
    return {"path": path, "problem": f"{zh} / {en}"}
