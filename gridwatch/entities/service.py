"""What the register says becomes entities: admitted, changed, ended; each event once.

Source: point 3 of the main job (registration → task), domain.md §4d (RG01–RG03, permit table). The first check that
follows is the work of `tasks`, which stands above.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import date, datetime
from typing import Any

import orjson
from geoalchemy2 import WKTElement
from sqlalchemy.orm import Session

from gridwatch.audit import service as audit
from gridwatch.db import feed
from gridwatch.db.base import new_id
from gridwatch.db.engine import dialect_of
from gridwatch.domain.errors import Refusal
from gridwatch.domain.permits import Actor
from gridwatch.domain.routing import SectorFinder, read_point
from gridwatch.domain.worktime import FIRST_YEAR, DateOutsideCalendar
from gridwatch.entities import addresses, queries
from gridwatch.entities.documents import entity_document
from gridwatch.entities.location import Place, locate
from gridwatch.entities.models import Entity, EntityAddress, RegistryEvent
from gridwatch.entities.queries import AtHand
from gridwatch.entities.uscc import USCC_WORDS, UsccVerdict, check_uscc

KINDS = ("new", "address", "scope", "details", "deregistered")
NEEDED = {"new": ("name", "street_code", "address_text"), "address": ("address_text",), "scope": ("scope",)}


@dataclass(frozen=True, slots=True)
class RegistryNotice:
    """One event of the register. `code` is the register's own number of the entity, `occurred_on` the local day.

    None means "as it was". An address is replaced whole: a notice with an `address_text` and without a point or an
    address code takes those away. Degrees are in `datum`, which must be stated with a point.
    """

    event_id: str
    kind: str
    code: str
    occurred_on: date
    name: str | None = None
    uscc: str | None = None
    entity_type: str | None = None
    status: str | None = None
    registered_on: date | None = None
    scope: str | None = None
    street_code: str | None = None
    address_text: str | None = None
    address_code: str | None = None
    lon: float | None = None
    lat: float | None = None
    datum: str | None = None
    accuracy_m: float | None = None

    @property
    def sha256(self) -> str:
        """SHA-256 (hex) over every member that is given: the same event sent again has the same one."""
        given = {name: value for name in _MEMBERS if (value := getattr(self, name)) is not None}
        return hashlib.sha256(orjson.dumps(given)).hexdigest()


_MEMBERS = tuple(member.name for member in fields(RegistryNotice))


@dataclass(frozen=True, slots=True)
class Registered:
    """What became of an event: `effect` is created, changed, unchanged, duplicate (this event was here before) or outdated
    (a later event of its kind was here before, so that it changes nothing).

    `moved`, `ended`, `sectors_changed` and `sectors_added` say what follows for tasks; `warnings` are keys of USCC_WORDS.
    """

    entity: Entity
    effect: str
    moved: bool = False
    ended: bool = False
    sectors_changed: bool = False
    sectors_added: bool = False
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Admission:
    """A new entity ready to be written: the notice, and the values of its row."""

    notice: RegistryNotice
    row: dict[str, Any]
    warnings: tuple[str, ...]


def register(session: Session, notice: RegistryNotice, *, actor: Actor, now: datetime, today: date) -> Registered:
    """Take in one event of the register, once per event id. `today` is the local day of `now`. Flushes.

    Events may come out of order: what a later event of the same kind said stands, and the earlier one is only kept.

    Raises Refusal, having changed nothing: 404 `area.not_found`, `entity.not_found` or `address.not_found`; 409
    `registry.event_reused` (same id, other content) or `registry.entity_known` (`new` for a code that is taken); 422
    `entity.uscc_invalid`, `registry.incomplete`, `registry.day_in_future`, `calendar.day_outside` or one of `read_point`.
    """
    street = notice.street_code
    if notice.kind == "new":
        queries.street_in_reach(session, actor, street or "")
    else:
        entity = queries.entity_by_code(session, actor, notice.code)
        if street is None:
            street = entity.street_code
        elif street != entity.street_code:
            queries.street_in_reach(session, actor, street)
    paths = queries.lock_streets(session, [street])
    before = queries.registry_event(session, notice.event_id)
    if before is not None:
        if before.content_sha256 != notice.sha256:
            raise Refusal("registry.event_reused", event_id=notice.event_id)
        return Registered(session.get_one(Entity, before.entity_id), "duplicate")
    check_notice(notice, today)
    if notice.kind == "new":
        return _register_new(session, notice, paths, actor=actor, now=now, today=today)
    entity = queries.lock_entity(session, entity.id)
    if queries.has_later(session, entity.id, notice.kind, notice.occurred_on):
        return _outdated(session, notice, entity, actor=actor, now=now)
    return change(session, notice, entity, paths, actor=actor, now=now, today=today)


def register_change(
    session: Session, notice: RegistryNotice, at_hand: AtHand, *, actor: Actor, now: datetime, today: date
) -> Registered | None:
    """The same for a change, by what a batch has at hand; None where that does not answer it, and `register` has to. Flushes."""
    entity = at_hand.entities.get(notice.code)
    street = notice.street_code or (entity.street_code if entity is not None else "")
    if notice.kind == "new" or entity is None or notice.event_id in at_hand.known or street not in at_hand.paths:
        return None
    check_notice(notice, today)
    key = entity.id, notice.kind
    if at_hand.latest.get(key, notice.occurred_on) > notice.occurred_on:
        registered = _outdated(session, notice, entity, actor=actor, now=now)
    else:
        registered = change(
            session, notice, entity, at_hand.paths, actor=actor, now=now, today=today, finder=at_hand.finder
        )
        at_hand.latest[key] = notice.occurred_on
    at_hand.known.add(notice.event_id)
    return registered


def _outdated(session: Session, notice: RegistryNotice, entity: Entity, *, actor: Actor, now: datetime) -> Registered:
    """Keep an event that a later one of its kind has overtaken."""
    session.add(RegistryEvent(**_event_row(notice, entity.id, now)))
    session.flush()
    _record(session, notice, entity, {"outdated": True}, actor=actor, now=now)
    return Registered(entity, "outdated")


def check_notice(notice: RegistryNotice, today: date) -> None:
    """Refuse a notice that lacks what its kind needs, or whose day cannot be. Raises Refusal (422)."""
    missing = [name for name in NEEDED.get(notice.kind, ()) if not getattr(notice, name)]
    if missing:
        raise Refusal("registry.incomplete", kind=notice.kind, missing=missing)
    if notice.occurred_on > today:
        raise Refusal("registry.day_in_future", day=notice.occurred_on.isoformat(), today=today.isoformat())
    if notice.occurred_on.year < FIRST_YEAR:
        raise DateOutsideCalendar(notice.occurred_on.isoformat())


def check_new(notice: RegistryNotice, today: date) -> UsccVerdict:
    """The same for a `new` one with its credit code and its point. Returns the verdict on the code; raises Refusal (422)."""
    check_notice(notice, today)
    read_point(notice.lon, notice.lat, notice.datum)
    return _checked_uscc(notice.uscc or "")


# --- new entities: one by one or many at once ------------------------------------------------------------------------


def prepare(
    session: Session,
    notices: Sequence[RegistryNotice],
    paths: dict[str, str],
    finder: SectorFinder,
    *,
    today: date,
    verdicts: Sequence[UsccVerdict] | None = None,
) -> list[Admission]:
    """Make the rows of new entities: code checked, sectors found, grid found (one join for all). Writes nothing.

    `paths` are the area paths of their streets, `verdicts` those on their credit codes where they were checked before.
    Raises Refusal (404 `address.not_found`, 422) for the first bad one.
    """
    if verdicts is None:
        verdicts = [_checked_uscc(notice.uscc or "") for notice in notices]
    points = [read_point(notice.lon, notice.lat, notice.datum) for notice in notices]
    wanted = [
        Place(notice.address_code, point.wgs84 if point else None, paths[notice.street_code or ""])
        for notice, point in zip(notices, points, strict=True)
    ]
    admissions = []
    for notice, verdict, point, spot in zip(notices, verdicts, points, locate(session, wanted, on=today), strict=True):
        row = {
            "id": new_id(), "rev": 1, "code": notice.code, "name": notice.name, "uscc": verdict.normal or None,
            "uscc_kind": verdict.kind.value, "entity_type": notice.entity_type or "", "status": notice.status or "active",
            "registered_on": notice.registered_on, "scope": notice.scope or "",
            "permit_sectors": finder(notice.scope) if notice.scope else [], "address_text": notice.address_text,
            "address_code": notice.address_code, "street_code": notice.street_code, "area_path": spot.area_path,
            "grid_code": spot.grid_code, "routed_by": spot.routed_by.value, "lon": notice.lon, "lat": notice.lat,
            "datum": point.datum.value if point else "WGS84", "accuracy_m": notice.accuracy_m,
            "position": _ewkt(point.wgs84) if point else None,
        }  # fmt: skip
        admissions.append(Admission(notice, row, verdict.warnings))
    return admissions


def admit(session: Session, admissions: Sequence[Admission], *, now: datetime) -> list[Admission]:
    """Write new entities with their events and documents, set-based. The registers of their streets must be locked.

    Entities whose code was taken meanwhile are left out; the others are returned. The event log is the caller's.
    """
    taken = queries.known_codes(session, [admission.notice.code for admission in admissions])
    admitted = [admission for admission in admissions if admission.notice.code not in taken]
    if not admitted:
        return []
    connection = session.connection()
    bulk_insert = dialect_of(session).bulk_insert
    bulk_insert(connection, Entity.__table__, [admission.row for admission in admitted])
    bulk_insert(
        connection,
        RegistryEvent.__table__,
        [_event_row(admission.notice, admission.row["id"], now) for admission in admitted],
    )
    at_address = [addresses.link_row(admission.row, admission.notice.occurred_on) for admission in admitted]
    if links := [row for row in at_address if row]:
        bulk_insert(connection, EntityAddress.__table__, links)
    feed.stage(session, [entity_document(admission.row, fresh=True) for admission in admitted])
    return admitted


def _register_new(
    session: Session, notice: RegistryNotice, paths: dict[str, str], *, actor: Actor, now: datetime, today: date
) -> Registered:
    prepared = prepare(session, [notice], paths, queries.sector_finder(session), today=today)
    admitted = admit(session, prepared, now=now)
    if not admitted:
        raise Refusal("registry.entity_known", code=notice.code)
    entity = session.get_one(Entity, admitted[0].row["id"])
    record_new(session, notice, entity, actor=actor, now=now)
    return Registered(entity, "created", warnings=admitted[0].warnings)


def record_new(session: Session, notice: RegistryNotice, entity: Entity, *, actor: Actor, now: datetime) -> None:
    """The event of one entity that was admitted."""
    _record(session, notice, entity, {"routed_by": entity.routed_by, "grid": entity.grid_code}, actor=actor, now=now)


# --- changes ---------------------------------------------------------------------------------------------------------


def change(
    session: Session,
    notice: RegistryNotice,
    entity: Entity,
    paths: dict[str, str],
    *,
    actor: Actor,
    now: datetime,
    today: date,
    finder: SectorFinder | None = None,
) -> Registered:
    """Apply a checked notice to an entity that is locked, and keep its event. `paths` are the paths of its streets, `finder`
    the permit table where the caller has it at hand.

    It moved when its address reads otherwise or its grid is another one. Raises Refusal as `prepare` does. Flushes.
    """
    values, warnings = _new_values(session, notice, finder)
    grid_before, was_active, sectors_before = entity.grid_code, entity.status == "active", list(entity.permit_sectors)
    values |= _new_place(session, notice, entity, paths, today)
    changed = sorted(name for name, value in values.items() if getattr(entity, name) != value)
    session.add(RegistryEvent(**_event_row(notice, entity.id, now)))
    if not changed:
        session.flush()
        return Registered(entity, "unchanged", warnings=warnings)
    for name in changed:
        setattr(entity, name, values[name])
    if "lon" in changed or "lat" in changed or "datum" in changed:
        point = read_point(entity.lon, entity.lat, entity.datum)
        entity.position = WKTElement(_wkt(point.wgs84), srid=4326) if point else None
    session.flush()
    if {"address_code", "address_text", "status"} & set(changed):
        addresses.relink(session, entity, notice.occurred_on)
    _record(session, notice, entity, {"changed": changed, "grid": entity.grid_code}, actor=actor, now=now)
    active = entity.status == "active"
    return Registered(
        entity,
        "changed",
        moved=active and ("address_text" in changed or entity.grid_code != grid_before),
        ended=was_active and not active,
        sectors_changed=entity.permit_sectors != sectors_before,
        sectors_added=not set(entity.permit_sectors) <= set(sectors_before),
        warnings=warnings,
    )


def _new_values(
    session: Session, notice: RegistryNotice, finder: SectorFinder | None
) -> tuple[dict[str, Any], tuple[str, ...]]:
    """What the notice says of the entity itself, and the warnings about its credit code."""
    names = ("name", "entity_type", "registered_on", "scope", "status")
    values = {name: value for name in names if (value := getattr(notice, name)) is not None}
    if notice.kind == "deregistered":
        values.setdefault("status", "deregistered")
    if "scope" in values:
        values["permit_sectors"] = (finder or queries.sector_finder(session))(values["scope"])
    if notice.uscc is None:
        return values, ()
    verdict = _checked_uscc(notice.uscc)
    return values | {"uscc": verdict.normal or None, "uscc_kind": verdict.kind.value}, verdict.warnings


def _new_place(
    session: Session, notice: RegistryNotice, entity: Entity, paths: dict[str, str], today: date
) -> dict[str, Any]:
    """What the notice says of where the entity is, and the grid that follows. A grid found by hand stays with its text."""
    if notice.address_text is None:
        return {}
    point = read_point(notice.lon, notice.lat, notice.datum)
    street = notice.street_code or entity.street_code
    values = {
        "address_text": notice.address_text, "address_code": notice.address_code, "street_code": street,
        "lon": notice.lon, "lat": notice.lat, "datum": point.datum.value if point else "WGS84",
        "accuracy_m": notice.accuracy_m,
    }  # fmt: skip
    (spot,) = locate(session, [Place(notice.address_code, point.wgs84 if point else None, paths[street])], on=today)
    if spot.grid_code is None and entity.routed_by == "hand" and notice.address_text == entity.address_text:
        return values
    return values | {"grid_code": spot.grid_code, "routed_by": spot.routed_by.value, "area_path": spot.area_path}


def _checked_uscc(text: str) -> UsccVerdict:
    verdict = check_uscc(text)
    if verdict.problem is not None:
        reason_zh, reason_en = USCC_WORDS[verdict.problem]
        raise Refusal("entity.uscc_invalid", uscc=text, problem=verdict.problem, reason=reason_zh, reason_en=reason_en)
    return verdict


def _event_row(notice: RegistryNotice, entity_id: str, now: datetime) -> dict[str, Any]:
    return {
        "event_id": notice.event_id, "kind": notice.kind, "entity_id": entity_id, "occurred_on": notice.occurred_on,
        "received_at": now, "content_sha256": notice.sha256,
    }  # fmt: skip


def _record(
    session: Session, notice: RegistryNotice, entity: Entity, data: dict[str, Any], *, actor: Actor, now: datetime
) -> None:
    data = {"event_id": notice.event_id, "code": entity.code, "occurred_on": notice.occurred_on.isoformat(), **data}
    audit.record(
        session, chain=area_of(entity.area_path), act=f"registry.{notice.kind}", subject=("entity", entity.id),
        actor_id=actor.id, at=now, data=data, version=entity.rev,
    )  # fmt: skip


def area_of(path: str) -> str:
    """The code of the innermost area of a path: where an event is chained."""
    return path.rstrip("/").rpartition("/")[2]


def _wkt(wgs84: tuple[float, float]) -> str:
    return f"POINT({wgs84[0]!r} {wgs84[1]!r})"


def _ewkt(wgs84: tuple[float, float]) -> str:
    return f"SRID=4326;{_wkt(wgs84)}"
