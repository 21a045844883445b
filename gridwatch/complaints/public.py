"""What a citizen meets who scans a tag: the address, what the public register says of it, a place to complain and to rate.

No sign-in, no script, no cookie. Unknown codes are all answered alike, and counted, so that nobody tries millions of them.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from flask import Blueprint, Response, current_app, redirect, request

from gridwatch.complaints import limits, queries, service
from gridwatch.complaints.models import Complaint, Rating
from gridwatch.complaints.placing import Place, at_door
from gridwatch.complaints.queries import Door, public_door
from gridwatch.db.base import db
from gridwatch.db.session import transaction
from gridwatch.domain import tag_code
from gridwatch.domain.complaint_words import CONTACT, PUBLIC_STATES, STARS, TEXT
from gridwatch.domain.errors import Refusal
from gridwatch.tags.models import Tag
from gridwatch.web.clients import client_address
from gridwatch.web.clock import now
from gridwatch.web.identity import public
from gridwatch.web.language import ARGUMENT, LANGUAGES, keep_no_choice, language
from gridwatch.web.pages import TYPED, page

blueprint = Blueprint("public", __name__)

RECEIPTS = "/receipts"
GONE = {"void": 410, "other_city": 404, "unknown": 404}
ENTITY_STATUSES = {
    "active": ("存续", "active"), "deregistered": ("注销", "deregistered"), "revoked": ("吊销", "revoked"),
    "moved_out": ("迁出", "moved away"),
}  # fmt: skip
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@blueprint.get("/t/<string:code>")
@public
def door(code: str) -> Response:
    """The page of a tag."""
    found = _found(code)
    return _door_page(found) if found.address is not None else _gone_page(found)


@blueprint.post("/t/<string:code>")
@public
def write(code: str) -> Any:
    """Complain or rate. Sent twice, the same form makes one complaint, and its receipt is shown again."""
    found = _found(code)
    if found.tag is None or found.address is None:
        return _gone_page(found)
    typed = {name.removeprefix(TYPED): value for name, value in request.form.items() if name.startswith(TYPED)}
    typed = {name: value.replace("\r\n", "\n").strip() for name, value in typed.items()}
    kind = "rating" if request.form.get("kind") == "rating" else "complaint"
    if wrong := _wrong(kind, typed):
        return _door_page(found, kind=kind, typed=typed, wrong=wrong, status=422)
    form_id = request.form.get("form", "")
    said = service.Said(
        typed.get("text", ""), typed.get("contact", ""), form_id if _UUID.fullmatch(form_id) else str(uuid.uuid4())
    )
    place = at_door(found.address, next((one for one in found.entities if one.id == typed.get("entity")), None))
    try:
        receipt = _take_in(found.tag, kind, said, typed, place)
    except Refusal as refusal:
        return _door_page(found, kind=kind, typed=typed, refusal=refusal, status=refusal.entry.status)
    if receipt is None:
        return redirect(_with_language(f"/t/{found.code}", done="rated"), 303)
    return redirect(_with_language(RECEIPTS, no=tag_code.grouped(receipt)), 303)


@blueprint.get(RECEIPTS)
@public
def receipts() -> Response:
    """How far a complaint is, for whoever has its receipt."""
    keep_no_choice()
    said = request.args.get("no", "").strip()
    code = tag_code.read_receipt(said) if said else None
    found = None
    if said:
        _refuse_guessers()
        found = queries.progress(db.session(), code) if code else None
        if code and found is None:
            _count_guess()
    return _public_page(
        "complaints/receipt.html", status=404 if said and found is None else 200, said=said[:60], found=found,
        receipt=tag_code.grouped(found.receipt) if found else "", state=PUBLIC_STATES[found.state] if found else None,
    )  # fmt: skip


def _take_in(tag: Tag, kind: str, said: service.Said, typed: Mapping[str, str], place: Place) -> str | None:
    """The receipt of the complaint that was made; None for a rating that needed none. Raises 429 `complaint.too_often`."""
    moment = now()
    with transaction() as session:
        model = Rating if kind == "rating" else Complaint
        made: Complaint | Rating | None = service.made_by_form(session, model, said.form_id or "")
        if made is None:
            limits.count(session, "tag", tag.code, moment)
            limits.count(session, "client", _client(), moment)
            if kind == "rating":
                made = service.rate(session, said, int(typed["stars"]), place, tag, at=moment)
            else:
                made = service.complain(session, said, place, source="qr", at=moment, tag=tag)
        if isinstance(made, Rating):
            made = session.get(Complaint, made.complaint_id) if made.complaint_id else None
        return made.receipt if made else None


def _wrong(kind: str, typed: Mapping[str, str]) -> dict[str, tuple[str, str]]:
    """What is to be corrected: field → (Chinese, English)."""
    wrong = {}
    text, contact = typed.get("text", ""), typed.get("contact", "")
    if kind == "complaint" and len(text) < 2:
        wrong["text"] = ("请写明情况", "say what happened")
    if len(text) > TEXT:
        wrong["text"] = (f"最多 {TEXT} 字，现有 {len(text)} 字", f"at most {TEXT} characters, these are {len(text)}")
    if len(contact) > CONTACT:
        wrong["contact"] = (f"最多 {CONTACT} 字", f"at most {CONTACT} characters")
    if kind == "rating" and typed.get("stars") not in {str(stars) for stars in STARS}:
        wrong["stars"] = ("请选择 1 至 5 星", "choose one to five stars")
    return wrong


# -- limits ------------------------------------------------------------------------------------------------------------


def _found(code: str) -> Door:
    """The door behind a code; what is no tag is counted. Raises 429 `complaint.too_often`."""
    keep_no_choice()
    _refuse_guessers()
    found = public_door(db.session(), code)
    if found.standing == "unknown" and found.code:
        _count_guess()
    return found


def _client() -> str:
    return limits.client_key(current_app.config["GRIDWATCH"].secret_key, client_address(), now())


def _refuse_guessers() -> None:
    limits.check(db.session(), "guess", _client(), now())


def _count_guess() -> None:
    with transaction() as session:
        limits.count(session, "guess", _client(), now())


# -- pages -------------------------------------------------------------------------------------------------------------


def _door_page(
    found: Door, *, kind: str = "", typed: Mapping[str, str] | None = None, wrong: Mapping[str, Any] | None = None,
    refusal: Refusal | None = None, status: int = 200,
) -> Response:  # fmt: skip
    answer = _public_page(
        "complaints/door.html", status=status, door=found, grouped=tag_code.grouped(found.code or ""), kind=kind,
        typed=typed or {}, wrong=wrong or {}, refusal=refusal, title=refusal.title(language()) if refusal else "",
        to_do=refusal.do(language()) if refusal else "", form_id=_form_id(), stars=STARS, statuses=ENTITY_STATUSES, most=TEXT,
        most_contact=CONTACT, action=_with_language(f"/t/{found.code}"), done=request.args.get("done") == "rated",
    )  # fmt: skip
    if refusal:
        answer.headers.update(refusal.headers)
    return answer


def _gone_page(found: Door) -> Response:
    code = tag_code.grouped(found.code) if found.code else ""
    city = tag_code.city_of(found.code) if found.code and found.standing == "other_city" else ""
    return _public_page(
        "complaints/gone.html", status=GONE[found.standing], standing=found.standing, code=code, city=city
    )


def _form_id() -> str:
    """A form that is shown again keeps its id, so that correcting and sending it twice still makes one complaint."""
    said = request.form.get("form", "")
    return said if _UUID.fullmatch(said) else str(uuid.uuid4())


def _public_page(template: str, *, status: int, **context: Any) -> Response:
    answer = page(template, status=status, receipts=_with_language(RECEIPTS), **context)
    answer.headers["X-Robots-Tag"] = "noindex"
    return answer


def _with_language(path: str, **arguments: str) -> str:
    """An address with the language that the reader chose by a link, since no cookie remembers it."""
    chosen = request.args.get(ARGUMENT)
    said = {**arguments, **({ARGUMENT: chosen} if chosen in LANGUAGES else {})}
    return f"{path}?{urlencode(said)}" if said else path
