"""The life of a tag: issued, replaced, void. Every step writes its event; nothing of a tag is ever deleted.

All functions flush; the caller commits. The caller has narrowed what it hands over to the actor's reach.
"""

from __future__ import annotations

import secrets
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from gridwatch.audit import service as audit
from gridwatch.db.base import new_id
from gridwatch.db.engine import dialect_of
from gridwatch.domain import tag_code
from gridwatch.domain.errors import Refusal
from gridwatch.entities.service import area_of
from gridwatch.places.models import Address
from gridwatch.tags.models import ExternalCode, Tag
from gridwatch.tags.queries import live_tags

MOST_AT_ONCE = 5_000  # tags issued in one transaction


@dataclass(frozen=True, slots=True)
class Issued:
    """What issuing did: the new tags, and those that the other addresses had already."""

    new: list[Tag] = field(default_factory=list)
    kept: list[Tag] = field(default_factory=list)


def issue(session: Session, addresses: Collection[str], *, again: bool = False, at: datetime, actor_id: str) -> Issued:
    """A tag for each of these addresses (codes) that has none in use; with `again` a further one for every one of them.

    Two people who issue at once make no second tag: the addresses are locked first. Raises 404 `address.not_found`, 422
    `tag.too_many` or `tag.city_unfit`, having written nothing.
    """
    if len(addresses) > MOST_AT_ONCE:
        raise Refusal("tag.too_many", most=MOST_AT_ONCE, count=len(addresses))
    paths = _locked(session, addresses)
    had = live_tags(session, addresses)
    provided = set() if again else {tag.address_code for tag in had}
    new = [
        Tag(code=_new_code(path), address_code=code, status="issued", issued_at=at, issued_by=actor_id)
        for code, path in paths.items()
        if code not in provided
    ]
    session.add_all(new)
    session.flush()
    for tag in new:
        _record(session, tag, paths[tag.address_code], "tag.issued", at, actor_id, {"address": tag.address_code})
    return Issued(new, [] if again else had)


def replace(session: Session, tag: Tag, *, at: datetime, actor_id: str) -> Tag:
    """A new tag for the same address in place of this one (scratched, lost). Raises 409 `tag.not_live`."""
    path = _live(session, tag)
    new = Tag(code=_new_code(path), address_code=tag.address_code, status="issued", issued_at=at, issued_by=actor_id)
    session.add(new)
    tag.status, tag.replaced_by, tag.ended_at, tag.ended_by = "replaced", new.code, at, actor_id
    session.flush()
    _record(session, new, path, "tag.issued", at, actor_id, {"address": new.address_code, "in_place_of": tag.code})
    _record(session, tag, path, "tag.replaced", at, actor_id, {"address": tag.address_code, "by": new.code})
    return new


def void(session: Session, tag: Tag, reason: str, *, at: datetime, actor_id: str) -> Tag:
    """Take a tag out of use without another (door gone, tag found elsewhere). Raises 409 `tag.not_live`."""
    path = _live(session, tag)
    tag.status, tag.void_reason, tag.ended_at, tag.ended_by = "void", reason, at, actor_id
    session.flush()
    _record(session, tag, path, "tag.voided", at, actor_id, {"address": tag.address_code, "reason": reason})
    return tag


def note_code(
    session: Session, address: Address, external: str, valid_from: date | None, valid_to: date | None,
    *, at: datetime, actor_id: str,
) -> ExternalCode:  # fmt: skip
    """The code of an address in another register. The same again gives the one that is there.

    A code names one address on one day: raises 409 `tag.code_taken`, or 422 `tag.code_days`.
    """
    if valid_from and valid_to and valid_to < valid_from:
        raise Refusal("tag.code_days")
    external = external.strip().upper()
    dialect_of(session).lock_names(session.connection(), [f"external:{external}"])
    overlapping = select(ExternalCode).where(ExternalCode.external == external)
    if valid_to:
        overlapping = overlapping.where(or_(ExternalCode.valid_from.is_(None), ExternalCode.valid_from <= valid_to))
    if valid_from:
        overlapping = overlapping.where(or_(ExternalCode.valid_to.is_(None), ExternalCode.valid_to >= valid_from))
    for other in session.scalars(overlapping):
        if other.address_code == address.code and (other.valid_from, other.valid_to) == (valid_from, valid_to):
            return other
        raise Refusal("tag.code_taken", external=external, address=other.address_code)
    code = ExternalCode(
        id=new_id(), external=external, address_code=address.code, valid_from=valid_from, valid_to=valid_to
    )
    session.add(code)
    session.flush()
    said = {"external": external, "from": _text(valid_from), "to": _text(valid_to)}
    audit.record(
        session, chain=area_of(address.area_path), act="address.code_noted", subject=("address", address.code),
        actor_id=actor_id, at=at, data=said,
    )  # fmt: skip
    return code


def _locked(session: Session, addresses: Iterable[str]) -> dict[str, str]:
    """Code → path of the addresses, locked until the end of the transaction in the order of their codes."""
    wanted = sorted(set(addresses))
    rows = session.execute(
        select(Address.code, Address.area_path)
        .where(dialect_of(session).among(Address.code, wanted))
        .order_by(Address.code)
        .with_for_update(key_share=True)
    ).all()
    paths = dict(rows)
    for code in wanted:
        if code not in paths:
            raise Refusal("address.not_found", code=code)
    return paths


def _live(session: Session, tag: Tag) -> str:
    """The path of the address of a tag, which is locked, as it is now, and in use."""
    path = _locked(session, [tag.address_code])[tag.address_code]
    session.refresh(tag)
    if tag.status != "issued":
        raise Refusal("tag.not_live", tag=tag.code, status=tag.status, replaced_by=tag.replaced_by)
    return path


def _new_code(path: str) -> str:
    city = path.partition("/")[0]
    try:
        return tag_code.make_tag(city, secrets.randbits(tag_code.RANDOM_BITS))
    except ValueError:
        raise Refusal("tag.city_unfit", city=city) from None


def _text(day: date | None) -> str | None:
    return day.isoformat() if day else None


def _record(session: Session, tag: Tag, path: str, act: str, at: datetime, actor_id: str, data: dict[str, Any]) -> None:
    audit.record(
        session, chain=area_of(path), act=act, subject=("tag", tag.code), actor_id=actor_id, at=at, data=data
    )  # fmt: skip
