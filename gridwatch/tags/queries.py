"""Tags and their addresses, looked up within reach; and, for everybody, what a tag may tell the public."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date
from typing import Any

from sqlalchemy import Select, or_, select
from sqlalchemy.orm import Session

from gridwatch.areas.models import Area
from gridwatch.db.engine import dialect_of
from gridwatch.domain import tag_code
from gridwatch.domain.errors import Refusal
from gridwatch.domain.permits import Actor, Scope
from gridwatch.entities.models import Entity
from gridwatch.entities.queries import AREA_REACH
from gridwatch.people.reach import in_area, in_grids, within
from gridwatch.places.models import Address
from gridwatch.tags.models import ExternalCode, Tag

ADDRESS_REACH = {Scope.AREA: in_area(Address.area_path), Scope.GRID: in_grids(Address.grid_code)}


def tags_within(actor: Actor, operation: str = "tag.read") -> Select[Any]:
    """A statement for the tags whose address the actor reaches."""
    return within(
        select(Tag).join(Address, Address.code == Tag.address_code), actor, operation, ADDRESS_REACH
    )  # fmt: skip


def tag_in_reach(session: Session, actor: Actor, code: str, operation: str = "tag.read") -> Tag:
    """The tag with this code, in its normal form. Raises 404 `tag.not_found`, whether there is none or it is out of reach."""
    tag = session.scalar(tags_within(actor, operation).where(Tag.code == code))
    if tag is None:
        raise Refusal("tag.not_found")
    return tag


def addresses_within(actor: Actor, operation: str) -> Select[Any]:
    """A statement for the addresses that the actor reaches by `operation`."""
    return within(select(Address), actor, operation, ADDRESS_REACH)


def address_in_reach(session: Session, actor: Actor, code: str, operation: str) -> Address:
    """The address with this code. Raises 404 `address.not_found`."""
    address = session.scalar(addresses_within(actor, operation).where(Address.code == code))
    if address is None:
        raise Refusal("address.not_found", code=code)
    return address


def codes_named(session: Session, actor: Actor, operation: str, codes: Collection[str]) -> list[str]:
    """The same codes of addresses in order, each once. Raises 404 `address.not_found` for the first that is out of reach."""
    statement = addresses_within(actor, operation).where(dialect_of(session).among(Address.code, codes))
    known = set(session.scalars(statement.with_only_columns(Address.code)))
    for code in codes:
        if code not in known:
            raise Refusal("address.not_found", code=code)
    return sorted(known)


def community_path(session: Session, actor: Actor, operation: str, code: str) -> str:
    """The path of a community (or of a street as a whole). Raises 404 `area.not_found` out of reach."""
    path = session.scalar(within(select(Area.path).where(Area.code == code), actor, operation, AREA_REACH))
    if path is None:
        raise Refusal("area.not_found", code=code)
    return path


def in_area_of(path: str) -> Select[Any]:
    """A statement for the codes of all addresses in an area, in the order in which one walks: by road, then by code."""
    return (
        select(Address.code)
        .where(Address.area_path.startswith(path, autoescape=True))
        .order_by(Address.road, Address.code)
    )


def live_tags(session: Session, addresses: Collection[str]) -> list[Tag]:
    """The tags in use of these addresses."""
    statement = select(Tag).where(Tag.status == "issued", dialect_of(session).among(Tag.address_code, addresses))
    return list(session.scalars(statement.order_by(Tag.code)))


def in_walking_order(statement: Select[Any]) -> Select[Any]:
    """(code of the tag, text of its address) of a statement for tags that joins their addresses, as they are stuck on doors."""
    return statement.with_only_columns(Tag.code, Address.text).order_by(Address.road, Address.code, Tag.code)


def entities_at(address_code: str) -> Select[Any]:
    """A statement for the entities at an address, by name; those still active come first."""
    return (
        select(Entity)
        .where(Entity.address_code == address_code)
        .order_by(Entity.status != "active", Entity.name, Entity.id)
    )


def cities(session: Session) -> set[str]:
    """The six-digit codes of the cities that this server runs."""
    return {code[:6] for code in session.scalars(select(Area.code).where(Area.level == "city"))}


def address_behind(session: Session, external: str, on: date) -> str | None:
    """The code of the address that an external standard code names on a day: by the table of such codes, else its own code."""
    named = session.scalar(
        select(ExternalCode.address_code).where(ExternalCode.external == external, valid_on(on))
    )  # fmt: skip
    return named or session.scalar(select(Address.code).where(Address.code == external))


def address_of_tag(session: Session, text: object) -> str | None:
    """The code of the address that a scanned tag stands for, whoever scanned it; None for what is none, void ones included."""
    code = tag_code.read_tag(text) if isinstance(text, str) else None
    statement = select(Tag.address_code).where(Tag.code == code, Tag.status != "void")
    return session.scalar(statement) if code else None


def valid_on(on: date) -> Any:
    """The condition that a name is valid on a day."""
    return or_(ExternalCode.valid_from.is_(None), ExternalCode.valid_from <= on) & or_(
        ExternalCode.valid_to.is_(None), ExternalCode.valid_to >= on
    )


def codes_of(session: Session, address_code: str) -> list[ExternalCode]:
    """Every other name that an address has or had."""
    statement = select(ExternalCode).where(ExternalCode.address_code == address_code)
    return list(session.scalars(statement.order_by(ExternalCode.external, ExternalCode.valid_from)))
