"""Permits, addresses and entities of a load folder into the store: what is many rows goes set-based, grid by grid.

A new entity is a registry event of kind `new` with the id `load:<code>`, and the local day of that event is the day of
the load, not the day on which the firm was registered: its first check is due ten work days from now. Counted from a
registration in 1984 every first check of a new customer would be overdue before anybody could have gone there.
A row that differs from the store is an event `load:<code>:<rev>`, so that each change is its own.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any, TypeVar

from sqlalchemy import select
from sqlalchemy.orm import Session

from gridwatch.areas.models import Area
from gridwatch.audit import service as audit
from gridwatch.calendars.queries import current_calendar
from gridwatch.db import feed
from gridwatch.db.engine import dialect_of
from gridwatch.domain.permits import SYSTEM
from gridwatch.entities import service as entities
from gridwatch.entities.models import Entity, PermitRule
from gridwatch.entities.queries import lock_entity, lock_streets, sector_finder
from gridwatch.entities.service import Admission, RegistryNotice, area_of
from gridwatch.entities.uscc import UsccVerdict
from gridwatch.exchange.parsing import Record
from gridwatch.exchange.reading import Reason
from gridwatch.exchange.writing import Counts, Load, merge, record_file
from gridwatch.places.documents import address_document
from gridwatch.places.levels import LEVEL_COLUMNS, link_parents, note_former
from gridwatch.places.models import Address, Grid
from gridwatch.places.queries import successor_of
from gridwatch.tasks.registration import ask_for_permits, follow
from gridwatch.tasks.service import plan_first_checks

AT_MOST = 5_000  # rows of one transaction, where a grid (or the hand-triage queue) has more

NOT_REVIVED = Reason(
    "entity.not_revived",
    "该主体已登记为「{status}」，导入不会恢复为存续",
    "this entity is {status}; loading a file does not bring it back",
)

Row = TypeVar("Row")


# --- addresses -------------------------------------------------------------------------------------------------------


def load_addresses(load: Load, records: list[Record]) -> Counts:
    """Standard addresses. A point stays as it was given, with its datum; an address without a grid is on no phone."""
    counts = Counts()
    with load.unit() as session:
        areas = {code: (name, path) for code, name, path in session.execute(select(Area.code, Area.name, Area.path))}
        grids = dict(session.execute(select(Grid.code, Grid.area_path)).all())
        rows = [_address_row(record, areas, grids) for record in records]
        stored = _stored_rows(session, Address, rows)
        _keep_off_ended_grids(session, rows, stored, grids, load.today)
        link_parents(session, rows)
    new: dict[str, list[dict[str, Any]]] = defaultdict(list)
    changed: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        known = stored.get(row["code"])
        if known is None:
            new[row["grid_code"] or ""].append(row)
        elif any(known[name] != value for name, value in row.items()):
            changed[row["grid_code"] or ""].append(row)
    for part in _parts(new):
        with load.unit() as session:
            fresh = [{**row, "rev": 1} for row in part]
            dialect_of(session).bulk_insert(session.connection(), Address.__table__, fresh)
            feed.stage(session, [address_document(row, fresh=True) for row in fresh])
            _record(session, load, "load.addresses", part[0], {"added": len(part)})
    for part in _parts(changed):
        with load.unit() as session:
            for row in part:
                address = session.get_one(Address, row["code"], with_for_update=True)
                if address.text != row["text"]:
                    note_former(session, address, until_on=load.today, by=SYSTEM.id, at=load.now)
                for name, value in row.items():
                    setattr(address, name, value)
            _record(session, load, "load.addresses", part[0], {"changed": len(part)})
    counts.added, counts.changed = sum(map(len, new.values())), sum(map(len, changed.values()))
    counts.unchanged = len(records) - counts.added - counts.changed
    return counts


def _address_row(record: Record, areas: dict[str, tuple[str, str]], grids: dict[str, str]) -> dict[str, Any]:
    community, grid = record["community_code"], record["grid_code"]
    name, path = areas[community or record["street_code"]]
    return {
        "code": record["code"], "text": f"{name}{''.join(record[level] for level in LEVEL_COLUMNS)}",
        "street_code": record["street_code"], "community_code": community, "area_path": grids[grid] if grid else path,
        "grid_code": grid, **{level: record[level] for level in LEVEL_COLUMNS}, "parent_code": None,
        "lon": record["lng"], "lat": record["lat"], "datum": _datum(record), "accuracy_m": record["accuracy_m"],
    }  # fmt: skip


def _keep_off_ended_grids(
    session: Session, rows: list[dict[str, Any]], stored: dict[str, dict[str, Any]], grids: dict[str, str], today: date
) -> None:
    """A file from before a grid was drawn anew names grids that have ended: what is known of the address since then stays."""
    ended = set(session.scalars(select(Grid.code).where(Grid.valid_to < today)))
    for row in rows:
        if row["grid_code"] in ended:
            known = stored.get(row["code"], {}).get("grid_code")
            row["grid_code"] = known if known and known not in ended else successor_of(session, row["grid_code"], today)
            row["area_path"] = grids[row["grid_code"]]


# --- entities --------------------------------------------------------------------------------------------------------


def load_entities(load: Load, records: list[Record]) -> Counts:
    """Entities with their events and first checks, and the changes of those that are there already."""
    counts = Counts()
    with load.unit() as session:
        stored = _stored_rows(session, Entity, records)
        paths = dict(session.execute(select(Area.code, Area.path).where(Area.level == "street")).all())
        calendar, finder = current_calendar(session), sector_finder(session)
        new = [record for record in records if record["code"] not in stored]
        notices = [_new_notice(record, load) for record in new]
        verdicts = [
            UsccVerdict(record["uscc_kind"], record["uscc"] or "") for record in new
        ]  # checked when it was read
        admissions = entities.prepare(session, notices, paths, finder, today=load.today, verdicts=verdicts)
    by_grid: dict[str, list[Admission]] = defaultdict(list)
    for admission in admissions:
        by_grid[admission.row["grid_code"] or ""].append(admission)
    more = dict.fromkeys(("by_address", "by_point", "waiting", "first_checks"), 0)
    for part in _parts(by_grid):
        with load.unit() as session:
            lock_streets(session, {admission.row["street_code"] for admission in part})
            admitted = entities.admit(session, part, now=load.now)
            checks = plan_first_checks(session, admitted, calendar, at=load.now)
            if admitted:
                said = {"added": len(admitted), "first_checks": checks}
                _record(session, load, "load.entities", part[0].row, said)
        counts.added += len(admitted)
        counts.unchanged += len(part) - len(admitted)
        more["first_checks"] += checks
        for admission in admitted:
            more[{"address": "by_address", "point": "by_point"}.get(admission.row["routed_by"], "waiting")] += 1
    _load_changes(load, records, stored, paths, counts)
    counts.more = more
    return counts


def _new_notice(record: Record, load: Load) -> RegistryNotice:
    return RegistryNotice(
        event_id=f"load:{record['code']}", kind="new", code=record["code"], occurred_on=load.today, name=record["name"],
        uscc=record["uscc"], entity_type=record["entity_type"], status=record["status"],
        registered_on=record["registered_on"], scope=record["scope"], **_address_of(record),
    )  # fmt: skip


def _address_of(record: Record) -> dict[str, Any]:
    given = record["lng"] is not None
    return {
        "street_code": record["street_code"], "address_text": record["address"], "address_code": record["address_code"],
        "lon": record["lng"], "lat": record["lat"], "datum": _datum(record) if given else None,
        "accuracy_m": record["accuracy_m"],
    }  # fmt: skip


def _load_changes(
    load: Load, records: list[Record], stored: dict[str, dict[str, Any]], paths: dict[str, str], counts: Counts
) -> None:
    changes: dict[str, list[tuple[str, dict[str, Any]]]] = defaultdict(list)
    for record in records:
        known = stored.get(record["code"])
        if known is None:
            continue
        said = _differing(load, record, known)
        if said:
            changes[known["grid_code"] or ""].append((known["id"], said))
        else:
            counts.unchanged += 1
    for part in _parts(changes):
        with load.unit() as session:
            calendar = current_calendar(session)
            streets = {said["street_code"] for _, said in part if "street_code" in said}
            lock_streets(session, streets | _streets_of(session, [entity_id for entity_id, _ in part]))
            for entity_id, said in part:
                entity = lock_entity(session, entity_id)
                notice = RegistryNotice(
                    event_id=f"load:{entity.code}:{entity.rev}", code=entity.code, occurred_on=load.today,
                    kind=_kind_of(said), **said,
                )  # fmt: skip
                registered = entities.change(
                    session, notice, entity, paths, actor=SYSTEM, now=load.now, today=load.today
                )
                follow(session, registered, notice, calendar, now=load.now)
        counts.changed += len(part)


def _differing(load: Load, record: Record, known: dict[str, Any]) -> dict[str, Any]:
    """What a row says otherwise than the store, as members of a notice. A blank cell says nothing; an address is whole."""
    said: dict[str, Any] = {}
    for name in ("name", "uscc", "entity_type", "registered_on", "scope"):
        if record[name] not in (None, "") and record[name] != known[name]:
            said[name] = record[name]
    if record["status"] != known["status"]:
        if known["status"] == "active":
            said["status"] = record["status"]
        else:
            load.report.say(
                NOT_REVIVED, "entities.csv", line=record.line, column="status", value=record["status"],
                status=known["status"],
            )  # fmt: skip
    address = _address_of(record)
    if any(address[name] != known[name] for name in address if name != "datum") or (
        address["datum"] is not None and address["datum"] != known["datum"]
    ):
        said |= address
    return said


def _kind_of(said: dict[str, Any]) -> str:
    if "status" in said:
        return "deregistered"
    if "address_text" in said:
        return "address"
    return "scope" if "scope" in said else "details"


def _streets_of(session: Session, ids: Sequence[str]) -> set[str]:
    return set(session.scalars(select(Entity.street_code).where(Entity.id.in_(ids)).distinct()))


# --- permits ---------------------------------------------------------------------------------------------------------


def load_permits(load: Load, rules: list[Record]) -> Counts:
    """The permit table. Where it changed, the sectors of the entities in the store are found anew."""
    with load.unit() as session:
        rows = [
            {
                "sector": rule["sector"], "permit": rule["permit"], "department_code": rule["department_code"],
                "scope_pattern": rule["scope_regex"], "hazard": rule["hazard"],
            }
            for rule in rules
        ]  # fmt: skip
        counts = merge(session, PermitRule, "sector", rows)
        record_file(session, load, "permits.csv", counts)
    if counts.added or counts.changed:
        counts.more["entities_with_other_sectors"] = refresh_sectors(load)
    return counts


def refresh_sectors(load: Load) -> int:
    """Find the sectors of every active entity anew, after the permit table changed; returns how many have others now.

    Their open first checks then ask for the permits, or no longer do.
    """
    with load.unit() as session:
        finder = sector_finder(session)
        wanted: dict[str, list[str]] = defaultdict(list)
        rows = session.execute(
            select(Entity.id, Entity.grid_code, Entity.scope, Entity.permit_sectors).where(Entity.status == "active")
        )
        for entity_id, grid_code, scope, sectors in rows:
            if finder(scope) != sectors:
                wanted[grid_code or ""].append(entity_id)
    for part in _parts(wanted):
        with load.unit() as session:
            for entity_id in sorted(part):
                entity = lock_entity(session, entity_id)
                entity.permit_sectors = finder(entity.scope)
                ask_for_permits(session, entity, load.now)
            _record(
                session,
                load,
                "load.sectors",
                {"area_path": entity.area_path, "grid_code": entity.grid_code},
                {"changed": len(part)},
            )
    return sum(map(len, wanted.values()))


# --- common ----------------------------------------------------------------------------------------------------------


def _datum(record: Record) -> str:
    return record["datum"].value if record["datum"] is not None else "WGS84"


def _stored_rows(session: Session, model: Any, rows: Iterable[Any]) -> dict[str, dict[str, Any]]:
    """Code → the stored values of the columns, geometry left out."""
    table = model.__table__
    columns = [column for column in table.columns if column.name != "position"]
    statement = select(*columns).where(dialect_of(session).among(table.c.code, [row["code"] for row in rows]))
    return {row["code"]: dict(row) for row in session.execute(statement).mappings()}


def _parts(by_grid: dict[str, list[Row]]) -> Iterable[list[Row]]:
    """Transaction by transaction: one grid each, a long one in several, the hand-triage queue (no grid) first."""
    for _, rows in sorted(by_grid.items()):
        for start in range(0, len(rows), AT_MOST):
            yield rows[start : start + AT_MOST]


def _record(session: Session, load: Load, act: str, row: dict[str, Any], data: dict[str, Any]) -> None:
    """One event for all rows of a transaction, in the chain of the area where they lie."""
    subject = ("grid", row["grid_code"]) if row.get("grid_code") else ("area", area_of(row["area_path"]))
    audit.record(
        session, chain=area_of(row["area_path"]), act=act, subject=subject, actor_id=SYSTEM.id, at=load.now, data=data
    )
