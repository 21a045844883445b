"""The levels of standard addresses below the community, their parent links, and the names that an address has or had."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from gridwatch.audit import service as audit
from gridwatch.db.base import new_id
from gridwatch.domain.address_text import normal
from gridwatch.domain.errors import Refusal
from gridwatch.places.models import Address, AddressName

LEVEL_COLUMNS = ("road", "house_no", "building", "unit", "room", "stall")  # L6 to L10, and the stall
FIRST_OF_THEM = 6


def level_of(address: Address) -> int:
    """The number of the deepest level of an address, 5 (only its community) to 10; a stall lies on level 10."""
    depths = [FIRST_OF_THEM + place for place, name in enumerate(LEVEL_COLUMNS) if getattr(address, name)]
    return min(max(depths, default=FIRST_OF_THEM - 1), 10)


def link_parents(session: Session, rows: Sequence[dict[str, Any]]) -> None:
    """Give each row (columns of addresses, `parent_code` among them) the nearest address above it, stored or among the rows."""
    streets = sorted({row["street_code"] for row in rows})
    columns = (
        Address.code,
        Address.street_code,
        Address.community_code,
        *(getattr(Address, name) for name in LEVEL_COLUMNS),
    )
    known = {
        _key(row): row["code"]
        for row in session.execute(select(*columns).where(Address.street_code.in_(streets))).mappings()
    }
    known |= {_key(row): row["code"] for row in rows}
    for row in rows:
        row["parent_code"] = next((known[key] for key in _above(row) if key in known), None)


def _key(row: Any) -> tuple[str, ...]:
    return (row["street_code"], row["community_code"] or "", *(row[name] for name in LEVEL_COLUMNS))


def _above(row: dict[str, Any]) -> list[tuple[str, ...]]:
    """The keys of what lies above, the nearest first; nothing above a road is an address."""
    key, found = list(_key(row)), []
    for place in range(len(key) - 1, 2, -1):
        if key[place]:
            key[place] = ""
            if any(key[2:]):
                found.append(tuple(key))
    return found


def names_of(session: Session, code: str) -> list[AddressName]:
    """The names that an address also has or had, the oldest first."""
    return list(session.scalars(select(AddressName).where(AddressName.address_code == code).order_by(AddressName.id)))


def note_former(session: Session, address: Address, *, until_on: date, by: str, at: datetime) -> None:
    """Keep the text of an address that is about to read otherwise. A name that is kept already stays as it is."""
    words = normal(address.text)
    known = select(AddressName.id).where(AddressName.address_code == address.code, AddressName.normal == words)
    if session.scalar(known) is None:
        session.add(_name(address, "former", address.text, by, at, until_on))


def add_alias(session: Session, address: Address, text: str, *, by: str, at: datetime) -> AddressName:
    """Note what an address is also called; the same name again gives the row that is there. Flushes.

    Raises 409 `address.name_taken` where another address is called so.
    """
    words = normal(text)
    for name in session.scalars(select(AddressName).where(AddressName.normal == words)):
        if name.address_code != address.code:
            raise Refusal("address.name_taken", text=text, code=name.address_code)
        return name
    name = _name(address, "alias", text, by, at, None)
    session.add(name)
    session.flush()
    audit.record(
        session, chain=address.community_code or address.street_code, act="address.named", subject=("address", address.code),
        actor_id=by, at=at, data={"text": text},
    )  # fmt: skip
    return name


def _name(address: Address, kind: str, text: str, by: str, at: datetime, until_on: date | None) -> AddressName:
    return AddressName(
        id=new_id(),
        address_code=address.code,
        kind=kind,
        text=text,
        normal=normal(text),
        until_on=until_on,
        noted_by=by,
        noted_at=at,
    )
