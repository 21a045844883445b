"""Reading what a `checklist.submit` says of a market: its shape, and every answer against the forms of the checklist."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from gridwatch.domain.form_rules import Problem, problem
from gridwatch.domain.items import Forms, check_findings

MOST_STALLS = 2_000  # of one market
MOST_AT_ONCE = 200  # looks in one round
MOST_PHOTOS = 9
MONTH = re.compile(r"20\d\d-(0[1-9]|1[0-2])", re.ASCII)


@dataclass(frozen=True, slots=True)
class Look:
    """What was found at one stall, or of the whole market (`stall` empty). `payload` is as of a visit whose result is `done`."""

    stall: str
    payload: dict[str, Any]
    photos: list[str]


def read_looks(
    payload: Mapping[str, Any], forms: Forms, stalls: Collection[str], hashes: Collection[str]
) -> tuple[list[Look], list[Problem]]:
    """The looks of a payload {"stalls": [{stall, findings, remarks, photos}]}, and what is wrong with them, with paths.

    `stalls` are the numbers that there are, `hashes` the files of the item, to which `photos` belong.
    """
    given = payload.get("stalls")
    if not isinstance(given, list) or not 1 <= len(given) <= MOST_AT_ONCE:
        zh, en = f"应为 1 至 {MOST_AT_ONCE} 项的数组", f"a list of 1 to {MOST_AT_ONCE} entries is needed"
        return [], [problem("stalls", zh, en)]
    looks: list[Look] = []
    problems: list[Problem] = []
    seen: set[str] = set()
    for place, one in enumerate(given):
        path = f"stalls[{place}]"
        if not isinstance(one, Mapping):
            problems.append(problem(path, "应为对象", "this should be an object"))
            continue
        number = one.get("stall") if one.get("stall") is not None else ""
        if not isinstance(number, str) or (number and number not in stalls):
            problems.append(problem(f"{path}.stall", "本市场没有这个铺位", "this market has no such stall"))
            continue
        if number in seen:
            problems.append(problem(f"{path}.stall", "同一铺位填了两次", "this stall is told twice"))
            continue
        seen.add(number)
        told = {"result": "done", "findings": one.get("findings", []), "remarks": one.get("remarks")}
        wrong = check_findings(forms, told, forms)
        problems += [{**each, "path": f"{path}.{each['path']}"} for each in wrong]
        photos = one.get("photos") or []
        if not _are_photos(photos, hashes):
            zh = f"应为本记录所附文件的 SHA-256，最多 {MOST_PHOTOS} 个"
            en = f"SHA-256 digests of files of this record are needed, {MOST_PHOTOS} at most"
            problems.append(problem(f"{path}.photos", zh, en))
        elif not wrong:
            looks.append(Look(number, told, list(dict.fromkeys(photos))))
    return looks, problems


def _are_photos(photos: Any, hashes: Collection[str]) -> bool:
    return (
        isinstance(photos, list)
        and len(photos) <= MOST_PHOTOS
        and all(isinstance(one, str) and one in hashes for one in photos)
    )
