"""Inspection items over the API: the list with its burden, versions, a dry run, publishing."""

from __future__ import annotations

import hashlib
from datetime import date
from typing import Any

import orjson
from sqlalchemy.orm import Session

from gridwatch.db.base import db
from gridwatch.domain import burden
from gridwatch.domain.errors import Refusal
from gridwatch.domain.items import Catalogue
from gridwatch.domain.worktime import local_day
from gridwatch.items import queries, schemas, service
from gridwatch.items.models import ItemVersion
from gridwatch.web.api import Blueprint
from gridwatch.web.clock import now
from gridwatch.web.identity import current_actor, permit, writes

blueprint = Blueprint("items", __name__, url_prefix="/api/v1", description="入格事项 inspection items")


@blueprint.get("/items")
@blueprint.arguments(schemas.ItemsQuery, location="query")
@blueprint.response(200, schemas.InspectionItemsOut)
@permit("reference.read")
def list_items(query: dict[str, Any]) -> dict[str, Any]:
    """The items as they are asked on a day, each with its burden, and the burden of the standard tasks."""
    known, on = queries.catalogue(db.session()), query["on"] or local_day(now())
    found = [one for code in known.codes if (one := known.in_force(code, on)) is not None]
    tasks = burden.of_standard_tasks(known.forms(None, on) or {})
    return {
        "on": on,
        "items": [
            {"code": one.item["code"], "version": one.item["version"], "title": one.item["title"], "effective_on": one.effective_on,
             "versions": len(known.versions(one.item["code"])), "burden": burden.of_item(one.item).as_json()}
            for one in found
        ],
        "tasks": [
            {"name": name, "title": dict(zip(("zh", "en"), burden.STANDARD_TASKS[name][0], strict=True)),
             "items": list(burden.STANDARD_TASKS[name][1]), "burden": load.as_json()}
            for name, load in tasks.items()
        ],
    }  # fmt: skip


@blueprint.get("/items/<string:code>")
@blueprint.response(200, schemas.InspectionItemOut)
@permit("reference.read")
def read_item(code: str) -> dict[str, Any]:
    """An item as it is asked today, and all its versions. 404 `item.not_found`."""
    session = db.session()
    rows, known, today = queries.versions_of(session, code), queries.catalogue(session), local_day(now())
    current = known.in_force(code, today)
    shown = current.item["version"] if current else rows[-1].version
    versions = [_row(row, known, today) for row in rows]
    return {**_whole(session, next(row for row in rows if row.version == shown)), "versions": versions}


@blueprint.get("/items/<string:code>/versions/<int:version>")
@blueprint.response(200, schemas.ItemVersionOut)
@permit("reference.read")
def read_version(code: str, version: int) -> dict[str, Any]:
    """One version with its document. 404 `item.not_found`."""
    session = db.session()
    return _whole(session, queries.version_of(session, code, version))


@blueprint.post("/items/check")
@blueprint.arguments(schemas.InspectionItemIn)
@blueprint.response(200, schemas.ItemCheckOut)
@permit("reference.read")
def check_item(body: dict[str, Any]) -> dict[str, Any]:
    """A dry run: every problem with its path, the burden, and whether publishing would need a reason. Nothing is written."""
    found = service.check(db.session(), body["item"], local_day(now()))
    return {
        "ok": not found.problems, "problems": found.problems, "sha256": found.sha256,
        "burden": found.burden.as_json() if found.burden else None,
        "tasks": {name: load.as_json() for name, load in (found.tasks or {}).items()},
        "grown": found.grown or [], "reason_needed": bool(found.grown),
    }  # fmt: skip


@blueprint.post("/items/preview")
@blueprint.arguments(schemas.InspectionItemIn)
@blueprint.response(200, schemas.ItemsPreviewOut)
@permit("reference.read")
def preview_item(body: dict[str, Any]) -> dict[str, Any]:
    """What phones would hold of the items with this version: the hash under which they fetch it, and its size. 422 `item.invalid`."""
    session = db.session()
    if problems := service.check(session, body["item"], local_day(now())).problems:
        raise Refusal("item.invalid", fields=problems)
    as_is, then = (queries.for_phones(service.preview(session, item)) for item in (None, body["item"]))
    return {
        "sha256_now": hashlib.sha256(as_is).hexdigest(), "bytes_now": len(as_is),
        "sha256_then": hashlib.sha256(then).hexdigest(), "bytes_then": len(then),
        "versions": [f"{one['code']}@{one['version']}" for one in orjson.loads(then)],
    }  # fmt: skip


@blueprint.post("/items")
@blueprint.arguments(schemas.PublishItemIn)
@blueprint.response(200, schemas.ItemPublishedOut)
@permit("item.publish")
@writes
def publish_item(body: dict[str, Any]) -> dict[str, Any]:
    """Publish a version. It is asked from its first day on; what phones filled in on the one before is accepted for 12 months."""
    session = db.session()
    row, created = service.publish(session, body["item"], body["reason"], actor_id=current_actor().id, at=now())
    return {**_whole(session, row), "created": created}


@blueprint.post("/items/<string:code>/versions/<int:version>/withdraw")
@blueprint.arguments(schemas.WithdrawItemIn)
@blueprint.response(200, schemas.ItemVersionOut)
@permit("item.publish")
@writes
def withdraw_version(body: dict[str, Any], code: str, version: int) -> dict[str, Any]:
    """Take a version back before its first day."""
    session = db.session()
    return _whole(
        session, service.withdraw(session, code, version, body["reason"], actor_id=current_actor().id, at=now())
    )


def _whole(session: Session, row: ItemVersion) -> dict[str, Any]:
    told = _row(row, queries.catalogue(session), local_day(now()))
    return {**told, "item": row.document, "burden": burden.of_item(row.document).as_json()}


def _row(row: ItemVersion, known: Catalogue, today: date) -> dict[str, Any]:
    version = known.version(row.code, row.version)
    return {
        "code": row.code, "version": row.version, "effective_on": row.effective_on, "sha256": row.sha256, "reason": row.reason,
        "published_by": row.published_by, "published_at": row.published_at, "withdrawn_at": row.withdrawn_at,
        "in_force": bool(version and version.in_force(today)), "accepted_until": version.accepted_until if version else None,
    }  # fmt: skip
