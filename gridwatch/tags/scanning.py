"""What a scan says to those who may see the address: the door, its entities, what is to do there, and what is wrong with the tag.

A tag that does not exist, one that was guessed and one out of reach are answered alike (404). Nothing is kept of a scan: who
stood where is nobody's business (domain.md §0, point 7).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy.orm import Session

from gridwatch.domain import tag_code
from gridwatch.domain.datum import Datum, distance_m, to_wgs84
from gridwatch.domain.permits import Actor
from gridwatch.domain.plates import Plate, recognise
from gridwatch.domain.routing import Point
from gridwatch.entities.queries import ENTITY_REACH
from gridwatch.people.reach import within
from gridwatch.places.models import Address
from gridwatch.tags import queries
from gridwatch.tags.models import Tag
from gridwatch.tasks.models import Task
from gridwatch.tasks.queries import tasks_within

FAR_M = 200.0  # beyond the accuracy of both points; a phone between tall houses errs by so much
UNSURE_M = 50.0  # the accuracy of a point that came without one
TASKS_SHOWN = 20

WARNINGS: dict[str, tuple[str, str]] = {
    "far": ("扫码处距登记地址约 {distance_m} 米，标签可能被复制或移走",
            "scanned some {distance_m} m from the address: the tag may be copied or moved"),
    "replaced": ("标签已更换，现用 {by}，请揭下旧标签", "this tag was replaced by {by}; take the old one off"),
    "void": ("标签已作废：{reason}", "this tag is void: {reason}"),
    "other_city": ("这是其他城市（区划代码 {city}）的标签", "this tag belongs to another city (division {city})"),
    "other_host": ("二维码指向其他网站 {host}，可能是假冒标签，请勿打开",
                   "the code leads to another site, {host}: it may be a fake; do not open it"),
    "not_a_tag": ("不是本系统的标签", "this is no tag of ours"),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Where:
    """Where the scanner stood, and within how many metres that is true (None: nobody says)."""

    point: Point
    accuracy_m: float | None


def scan(
    session: Session, actor: Actor, text: str, where: Where | None, *, on: date, host: str | None
) -> dict[str, Any]:
    """What a scanned or typed `text` is, as ScanOut says. `host` is the one that our own tags lead to (None: not known).

    Raises 404 `tag.not_found` for what has the form of a tag of ours and is none within reach.
    """
    code = tag_code.read_tag(text)
    if code is None:
        return _strange(session, actor, recognise(text), on)
    city = tag_code.city_of(code)
    if city not in queries.cities(session):
        return _answer(code, warnings=[_warning("other_city", city=city)])
    tag = queries.tag_in_reach(session, actor, code)
    address = session.get_one(Address, tag.address_code)
    found = list(_of_tag(tag))
    said_host = tag_code.host_in(text)
    if said_host and host and said_host != host:
        found.append(_warning("other_host", host=said_host))
    if where is not None and (away := _too_far(address, where)) is not None:
        found.append(_warning("far", distance_m=away))
    return _answer(code, tag=tag, warnings=found, **_at(session, actor, address))


def _strange(session: Session, actor: Actor, plate: Plate | None, on: date) -> dict[str, Any]:
    """What is no tag of ours; perhaps the plate of another system, which may name an address that the actor reaches."""
    facts: dict[str, Any] = {"format": None, "external": None}
    shown: dict[str, Any] = {}
    if plate is not None:
        facts = {
            "format": plate.format.name,
            "words": {"zh": plate.format.words[0], "en": plate.format.words[1]},
            "external": plate.code,
        }
        behind = queries.address_behind(session, plate.code, on)
        address = session.scalar(queries.addresses_within(actor, "tag.read").where(Address.code == behind))
        if address is not None:  # out of reach is as if nobody knew the code
            shown = _at(session, actor, address)
    return _answer(None, warnings=[_warning("not_a_tag", **facts)], **shown)


def _at(session: Session, actor: Actor, address: Address) -> dict[str, Any]:
    entities = within(queries.entities_at(address.code), actor, "entity.read", ENTITY_REACH)
    tasks = tasks_within(actor, state="open").where(Task.address_code == address.code)
    return {
        "address": address, "entities": list(session.scalars(entities)),
        "tasks": list(session.scalars(tasks.order_by(Task.due_on, Task.id).limit(TASKS_SHOWN))),
    }  # fmt: skip


def _of_tag(tag: Tag) -> list[dict[str, Any]]:
    if tag.status == "replaced":
        return [_warning("replaced", by=tag_code.grouped(tag.replaced_by or ""))]
    return [_warning("void", reason=tag.void_reason)] if tag.status == "void" else []


def _too_far(address: Address, where: Where) -> int | None:
    """The metres between scanner and address, if they are more than errors explain; None where they are not, or nobody knows."""
    if address.lon is None or address.lat is None:
        return None
    door = to_wgs84(address.lon, address.lat, Datum(address.datum))
    away = distance_m(door, where.point.wgs84)
    accuracy = [UNSURE_M if one is None else one for one in (address.accuracy_m, where.accuracy_m)]
    return round(away) if away > sum(accuracy) + FAR_M else None


def _warning(code: str, **facts: Any) -> dict[str, Any]:
    zh, en = WARNINGS[code]
    return {"code": code, "zh": zh.format(**facts), "en": en.format(**facts), "facts": facts}


def _answer(code: str | None, *, tag: Tag | None = None, **shown: Any) -> dict[str, Any]:
    return {
        "code": code, "grouped": tag_code.grouped(code) if code else None, "status": tag.status if tag else None,
        "address": None, "entities": [], "tasks": [], **shown,
    }  # fmt: skip
