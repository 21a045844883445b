"""Pull, push and reference data for phones (sync-protocol, sections 3 and 4)."""

from __future__ import annotations

from typing import Any

import orjson
from flask import Response, current_app, request

from gridwatch.db.base import db
from gridwatch.domain.errors import Refusal
from gridwatch.sync import (
    decoding,
    heartbeats,
    imports,
    ledger,
    pull,
    reference,
    reviewing,
    rx,
    schemas,
    service,
    waiting,
    wire,
)
from gridwatch.sync.callers import Caller, caller_of_token
from gridwatch.sync.export_keys import key_of
from gridwatch.web.api import Blueprint
from gridwatch.web.clock import now, rfc3339
from gridwatch.web.identity import current_actor, permit, writes

blueprint = Blueprint("sync", __name__, url_prefix="/api/v1")

_MOST_PULL_BYTES = 1_000_000


def _takes(schema: schemas.Output | type[schemas.Output]) -> dict[str, Any]:
    """The request body in the API document; the view reads it by hand."""
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}


def _pull(caller: Caller, asked: bytes, accepts: str | None) -> wire.Body:
    """The answer to the pull in a body: within Flask, or on the quick road."""
    settings, moment = current_app.config["GRIDWATCH"], now()
    wanted = pull.read(asked)
    body = wire.fitted(
        pull.Pull(caller, wanted, moment, settings.secret_key, settings.tombstone_days).answer(), accepts
    )
    if wanted.heartbeat is not None and caller.device_id is not None:
        heartbeats.of_this_process().note(
            current_app._get_current_object(), caller.device_id, caller.id, wanted.heartbeat, moment
        )
    return body


@blueprint.post("/sync/pull")
@blueprint.doc(**_takes(schemas.PullIn))
@blueprint.response(200, schemas.PullOut)
@permit("sync.phone", asks=caller_of_token, quick=_pull)
def post_pull() -> Response:
    """What changed in the scopes that the caller may hold now."""
    asked = wire.read_json(_MOST_PULL_BYTES, Refusal("http.too_large"))
    body = _pull(current_actor(), asked, request.headers.get("Accept-Encoding"))
    return Response(body.data, headers=body.headers())


@blueprint.post("/sync/push")
@blueprint.doc(**_takes(schemas.PushIn))
@blueprint.response(200, schemas.PushOut)
@permit("sync.phone")
def post_push() -> Response:
    """Take facts in; each gets an outcome of its own and, unless it is rejected, a receipt."""
    actor, moment = current_actor(), now()
    body = wire.read_json(service.MOST_BYTES_ALONE, service.too_large())
    envelope = decoding.read(body)
    service.check_size(envelope, len(body))
    results = service.push(envelope, actor, moment)
    return wire.answer([orjson.dumps({"server_time": rfc3339(moment), "results": results})])


@blueprint.get("/sync/rx/<kind>")
@blueprint.doc(parameters=schemas.RX_QUERY)
@blueprint.response(200, schemas.RxOut)
@permit("sync.phone", hidden="sync.scope_not_found", asks=caller_of_token)
def get_rx(kind: str) -> Response:
    """The documents of one kind in one scope after a checkpoint, for RxDB's replication: `_deleted` marks what left."""
    asked = request.args
    if "scope" not in asked:
        raise Refusal("input.invalid", fields=[{"path": "scope", "problem": "应有范围 / a scope is needed"}])
    wanted = rx.Wanted(kind, asked["scope"], asked.get("checkpoint"), asked.get("limit"))
    settings = current_app.config["GRIDWATCH"]
    return wire.answer(rx.Reading(db.session(), current_actor(), wanted, now(), settings.tombstone_days).answer())


@blueprint.post("/sync/rx/submissions")
@blueprint.doc(**_takes(schemas.RxRowIn(many=True)))
@blueprint.response(200, schemas.RxItemOut(many=True))
@permit("sync.phone")
def post_rx_submissions() -> Response:
    """Take items in as rows of an RxDB push; answers what is stored under ids that came with other content."""
    body = wire.read_json(service.MOST_BYTES_ALONE, service.too_large())
    return wire.answer([orjson.dumps(rx.submit(body, current_actor(), now()))])


@blueprint.get("/sync/export-key")
@blueprint.response(200, schemas.ExportKeyOut)
@permit("sync.phone")
def get_export_key() -> dict[str, str]:
    """The public key with which a phone seals unsent work for an import at the street."""
    return key_of(current_app.config["GRIDWATCH"]).as_json()


@blueprint.post("/sync/imports")
@blueprint.doc(**_takes(schemas.ExportFileIn))
@blueprint.response(200, schemas.ImportOut)
@permit("sync.import")
def post_import() -> dict[str, Any]:
    """Take in a file that a phone exported, as if that person had pushed it from that phone; one outcome an item."""
    body = wire.read_json(imports.MOST_BYTES, Refusal("http.too_large"))
    return imports.take(body, current_actor(), current_app.config["GRIDWATCH"], now())


@blueprint.get("/sync/devices")
@blueprint.arguments(schemas.HealthQuery, location="query")
@blueprint.response(200, schemas.HealthPage)
@permit("sync.health")
def get_devices(query: dict[str, Any]) -> dict[str, Any]:
    """The phones of the area: last contact, what is unsent, and which numbers never arrived. No league table of people."""
    return ledger.health(db.session(), current_actor(), cursor=query["cursor"], limit=query["limit"])


# -- review -----------------------------------------------------------------------------------------------------------


@blueprint.get("/sync/review")
@blueprint.arguments(schemas.ReviewQuery, location="query")
@blueprint.response(200, schemas.ReviewPage)
@permit("sync.review")
def get_review(query: dict[str, Any]) -> dict[str, Any]:
    """What phones sent and a person must decide; or the records that only the desk reads; or what was decided."""
    page = {"cursor": query["cursor"], "limit": query["limit"]}
    return waiting.listed(db.session(), current_actor(), query["view"], now(), **page)


@blueprint.get("/sync/review/<int:no>")
@blueprint.response(200, schemas.ReviewItemOut)
@permit("sync.review", hidden="sync.review_not_found")
def get_review_item(no: int) -> dict[str, Any]:
    """One item as it was sent, why it waits, and what the server knows now beside it. `no` is on its receipt."""
    return _review_item(no)


@blueprint.post("/sync/review/<int:no>/apply")
@blueprint.arguments(schemas.ApplyIn)
@blueprint.response(200, schemas.ReviewItemOut)
@permit("sync.review", hidden="sync.review_not_found")
@writes
def post_review_apply(body: dict[str, Any], no: int) -> dict[str, Any]:
    """Apply an item, as it was sent or repaired. What was sent stays as it is, the repaired members are kept beside it."""
    reviewing.apply(db.session(), no, _decision(body), repairs=body["repairs"], apart=body["apart"])
    return _review_item(no)


@blueprint.post("/sync/review/<int:no>/refuse")
@blueprint.arguments(schemas.DecisionIn)
@blueprint.response(200, schemas.ReviewItemOut)
@permit("sync.review", hidden="sync.review_not_found")
@writes
def post_review_refuse(body: dict[str, Any], no: int) -> dict[str, Any]:
    """Leave an item without effect, as evidence; its phone is told why."""
    reviewing.refuse(db.session(), no, _decision(body))
    return _review_item(no)


@blueprint.post("/sync/review/<int:no>/timeliness")
@blueprint.arguments(schemas.TimelinessIn)
@blueprint.response(200, schemas.ReviewItemOut)
@permit("sync.review", hidden="sync.review_not_found")
@writes
def post_review_timeliness(body: dict[str, Any], no: int) -> dict[str, Any]:
    """Say whether a visit of unclear time was in time."""
    reviewing.judge_timeliness(db.session(), no, _decision(body), in_time=body["in_time"])
    return _review_item(no)


def _decision(body: dict[str, Any]) -> reviewing.Decision:
    return reviewing.Decision(current_actor(), now(), body["reason"].strip(), body["expected_version"])


def _review_item(no: int) -> dict[str, Any]:
    session, actor = db.session(), current_actor()
    return waiting.shown(session, actor, waiting.item_within(session, no, actor), now())


# -- reference data ---------------------------------------------------------------------------------------------------


@blueprint.get("/ref")
@blueprint.response(200)
@permit("reference.read")
def get_reference_list() -> dict[str, str]:
    """Name → hash of each piece of reference data."""
    return reference.hashes(db.session())


@blueprint.get("/ref/<name>/<sha256>")
@blueprint.response(200)
@permit("reference.read")
def get_reference(name: str, sha256: str) -> Response:
    """One piece of reference data; what stands under a hash never changes."""
    response = Response(reference.body(db.session(), name, sha256), content_type="application/json")
    response.headers["Cache-Control"] = "private, max-age=31536000, immutable"
    response.set_etag(sha256)
    return response
