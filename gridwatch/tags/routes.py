"""Tags over the API: scanned, issued, printed, replaced, made void; and the codes of addresses in other registers."""

from __future__ import annotations

import io
import zipfile
from typing import Any

from flask import Response, current_app

from gridwatch.db.base import db
from gridwatch.domain import tag_code
from gridwatch.domain.errors import Refusal
from gridwatch.domain.routing import read_point
from gridwatch.domain.worktime import local_day
from gridwatch.places.models import Address
from gridwatch.tags import queries, schemas, service
from gridwatch.tags.labels import Label, print_labels
from gridwatch.tags.models import Tag
from gridwatch.tags.scanning import Where, scan
from gridwatch.web.api import Blueprint
from gridwatch.web.clock import now
from gridwatch.web.identity import current_actor, permit, writes
from gridwatch.web.paging import page

blueprint = Blueprint("tags", __name__, url_prefix="/api/v1", description="二维码标签 QR tags of addresses")


@blueprint.get("/tags")
@blueprint.arguments(schemas.TagQuery, location="query")
@blueprint.response(200, schemas.TagPage)
@permit("tag.read")
def list_tags(query: dict[str, Any]) -> dict[str, Any]:
    """The tags of addresses within reach, also those that are in use no more."""
    session, statement = db.session(), queries.tags_within(current_actor())
    if query["community"]:
        path = queries.community_path(session, current_actor(), "tag.read", query["community"])
        statement = statement.where(Address.area_path.startswith(path, autoescape=True))
    if query["address"]:
        statement = statement.where(Tag.address_code == query["address"])
    if query["status"]:
        statement = statement.where(Tag.status == query["status"])
    found = page(
        session, statement, [Tag.code], cursor=query["cursor"], limit=query["limit"], key_of=lambda tag: [tag.code]
    )
    return {**found, "items": [_dump(tag) for tag in found["items"]]}


@blueprint.get("/tags/scan")
@blueprint.arguments(schemas.ScanQuery, location="query")
@blueprint.response(200, schemas.ScanOut)
@permit("tag.read")
def scan_text(query: dict[str, Any]) -> dict[str, Any]:
    """What a scanner read, whatever it is: a tag of ours with its link, the plate of another system, or something else."""
    return _scan(query.pop("text"), query)


@blueprint.get("/tags/<code>")
@blueprint.arguments(schemas.PointQuery, location="query")
@blueprint.response(200, schemas.ScanOut)
@permit("tag.read", hidden="tag.not_found")
def scan_code(query: dict[str, Any], code: str) -> dict[str, Any]:
    """The address behind a tag with its entities and open tasks, and what is wrong with the tag."""
    return _scan(code, query)


@blueprint.post("/tags")
@blueprint.arguments(schemas.IssueIn)
@blueprint.response(200, schemas.IssuedOut)
@permit("tag.issue")
@writes
def issue(body: dict[str, Any]) -> dict[str, Any]:
    """Issue tags. The same again issues none, unless `again` asks for it."""
    session, actor = db.session(), current_actor()
    if body["community"]:
        path = queries.community_path(session, actor, "tag.issue", body["community"])
        codes = list(session.scalars(queries.in_area_of(path).limit(service.MOST_AT_ONCE + 1)))
    else:
        codes = queries.codes_named(session, actor, "tag.issue", body["addresses"])
    made = service.issue(session, codes, again=body["again"], at=now(), actor_id=actor.id)
    return {"new": [_dump(tag) for tag in made.new], "kept": [_dump(tag) for tag in made.kept]}


@blueprint.post("/tags/labels")
@blueprint.arguments(schemas.LabelsIn)
@blueprint.response(200, content_type="application/pdf", description="A PDF; for svg a ZIP with one picture a sheet.")
@permit("tag.issue")
def labels(body: dict[str, Any]) -> Response:
    """Sheets of labels of tags in use."""
    session, actor = db.session(), current_actor()
    statement = queries.tags_within(actor, "tag.issue").where(Tag.status == "issued")
    if body["community"]:
        path = queries.community_path(session, actor, "tag.issue", body["community"])
        statement = statement.where(Address.area_path.startswith(path, autoescape=True))
    else:
        statement = statement.where(Tag.code.in_([tag_code.read_tag(code) for code in body["codes"]]))
    rows = session.execute(queries.in_walking_order(statement).limit(schemas.MOST_LABELS + 1)).all()
    if not rows:
        raise Refusal("tag.nothing_to_print")
    if len(rows) > schemas.MOST_LABELS:
        raise Refusal("tag.too_many", most=schemas.MOST_LABELS, count=len(rows))
    sheets = print_labels(
        [Label(*row) for row in rows], body["per_page"], current_app.config["GRIDWATCH"], at=now(), form=body["format"]
    )
    if body["format"] == "pdf":
        return _file(sheets[0], "application/pdf", "labels.pdf")
    return _file(_zipped(sheets), "application/zip", "labels.zip")


@blueprint.post("/tags/<code>/replace")
@blueprint.response(200, schemas.TagOut)
@permit("tag.issue")
@writes
def replace(code: str) -> dict[str, Any]:
    """A new tag in place of this one, which is given back."""
    session, actor = db.session(), current_actor()
    return _dump(service.replace(session, _tag(code), at=now(), actor_id=actor.id))


@blueprint.post("/tags/<code>/void")
@blueprint.arguments(schemas.VoidIn)
@blueprint.response(200, schemas.TagOut)
@permit("tag.issue")
@writes
def void(body: dict[str, Any], code: str) -> dict[str, Any]:
    """Take a tag out of use."""
    session, actor = db.session(), current_actor()
    return _dump(service.void(session, _tag(code), body["reason"], at=now(), actor_id=actor.id))


@blueprint.get("/addresses/<code>/codes")
@blueprint.response(200, schemas.CodeList)
@permit("tag.read", hidden="address.not_found")
def list_codes(code: str) -> dict[str, Any]:
    """The codes of an address in other registers, ended ones too."""
    session = db.session()
    address = queries.address_in_reach(session, current_actor(), code, "tag.read")
    return {"items": queries.codes_of(session, address.code)}


@blueprint.post("/addresses/<code>/codes")
@blueprint.arguments(schemas.CodeIn)
@blueprint.response(200, schemas.CodeOut)
@permit("tag.issue")
@writes
def note_code(body: dict[str, Any], code: str) -> Any:
    """Note the code of an address in another register; door plates of others are recognised by it."""
    session, actor = db.session(), current_actor()
    address = queries.address_in_reach(session, actor, code, "tag.issue")
    return service.note_code(session, address, **body, at=now(), actor_id=actor.id)


def _scan(text: str, query: dict[str, Any]) -> dict[str, Any]:
    point = read_point(query["lon"], query["lat"], query["crs"])
    where = Where(point, query["accuracy_m"]) if point else None
    host = tag_code.host_in(current_app.config["GRIDWATCH"].public_url)
    return scan(db.session(), current_actor(), text, where, on=local_day(now()), host=host)


def _tag(code: str) -> Tag:
    return queries.tag_in_reach(db.session(), current_actor(), tag_code.read_tag(code) or "", "tag.issue")


def _dump(tag: Tag) -> dict[str, Any]:
    names = [name for name in schemas.TagOut().fields if name != "grouped"]
    return {name: getattr(tag, name) for name in names} | {"grouped": tag_code.grouped(tag.code)}


def _file(content: bytes, media_type: str, name: str) -> Response:
    answer = Response(content, content_type=media_type)
    answer.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    answer.headers["Cache-Control"] = "no-store"
    return answer


def _zipped(sheets: list[bytes]) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for number, sheet in enumerate(sheets, 1):
            archive.writestr(f"labels-{number}.svg", sheet)
    return packed.getvalue()
