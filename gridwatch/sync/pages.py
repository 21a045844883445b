"""Pages about phones: what they sent and a person must decide, and how each of them is doing."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

import orjson
from flask import Blueprint, Response, current_app, redirect, request

from gridwatch.db.base import db
from gridwatch.db.session import transaction
from gridwatch.domain.errors import Refusal
from gridwatch.domain.lead_words import STATE_NAMES
from gridwatch.domain.task_flow import STATES
from gridwatch.domain.worktime import local_day
from gridwatch.items.queries import catalogue
from gridwatch.sync import imports, needs, review_forms, reviewing, waiting, words
from gridwatch.web.clock import now
from gridwatch.web.identity import current_actor, permit
from gridwatch.web.language import language
from gridwatch.web.pages import MenuItem, advice, page

REVIEW, HEALTH, IMPORT = "/sync/review", "/sync", "/sync/import"
A_PAGE = 20
ACTS = ("apply", "apart", "refuse", "in_time", "late")
LONGEST_REASON = 500

blueprint = Blueprint("sync_pages", __name__, template_folder="templates")
MENU = (
    MenuItem(40, REVIEW, "doc", "待核对", "To review", "sync.review"),
    MenuItem(50, HEALTH, "clock", "手机同步", "Phones", "sync.health"),
    MenuItem(55, IMPORT, "doc", "导入", "Import", "sync.import"),
)

_VIEWS = {"waiting": ("待核对", "To decide"), "records": ("上报记录", "Records"), "decided": ("已处理", "Decided")}
_DECIDED = {
    "applied": ("已生效", "applied"), "refused": ("未采用", "refused"), "in_time": ("按时", "in time"), "late": ("逾期", "late"),
}  # fmt: skip
_OUTCOMES = {
    "accepted": ("已生效", "applied"), "superseded": ("留作证据", "kept as evidence"), "held": ("等前一条", "waits for another"),
    "review": ("待核对", "to decide"),
}  # fmt: skip
_TIMELINESS = {
    "on_time": ("按时", "in time"), "late_sync": ("按时完成，晚到", "in time, arrived late"), "late": ("逾期", "late"),
    "unclear": ("时间不清", "time unclear"),
}  # fmt: skip


# -- review -----------------------------------------------------------------------------------------------------------


@blueprint.get(REVIEW)
@permit("sync.review")
def review() -> Response:
    """The queue: what waits, the oldest first; records and what was decided, the newest first."""
    view, cursor = request.args.get("view", "waiting"), request.args.get("cursor") or None
    if view not in waiting.VIEWS:
        raise Refusal("http.not_found")
    session, actor, moment = db.session(), current_actor(), now()
    found = waiting.listed(session, actor, view, moment, cursor=cursor, limit=A_PAGE)
    done = request.args.get("done", "")
    return page(
        "sync/review.html", view=view, views=_VIEWS, rows=found["items"], why=_why, kind_words=review_forms.kind_words,
        questions=review_forms.QUESTIONS, outcomes=_OUTCOMES, waits=waiting.count(session, actor, moment),
        done=done if done.isdecimal() else None,
        more=_address(view=view, cursor=found["next_cursor"]) if found["next_cursor"] else None,
        first=_address(view=view) if cursor else None,
    )  # fmt: skip


@blueprint.get(f"{REVIEW}/<int:no>")
@permit("sync.review", hidden="sync.review_not_found")
def review_item(no: int) -> Response:
    """One item: what was sent, why it waits, what the server knows now, and the decisions that can be made."""
    return _item_page(no)


@blueprint.post(f"{REVIEW}/<int:no>")
@permit("sync.review", hidden="sync.review_not_found")
def decide(no: int) -> Any:
    """Decide, and go on to the next one. When it is refused the page comes back with the reason and with what was typed."""
    form = request.form.to_dict()
    act, seen = form.get("act", ""), form.get("expected_version", "")
    if act not in ACTS or not seen.isdecimal() or len(seen) > 9:
        raise Refusal("http.bad_request")
    try:
        with transaction() as session:
            reason = form.get("field.reason", "").replace("\0", "").strip()
            if not 0 < len(reason) <= LONGEST_REASON:
                raise Refusal("sync.review_invalid", fields=[{"path": "reason", "problem": "required"}])
            _decide(session, no, act, reviewing.Decision(current_actor(), now(), reason, int(seen)), form)
    except Refusal as refusal:
        if refusal.entry.status == 404:
            raise
        return _item_page(no, refusal, form)
    return redirect(_address(done=str(no)), 303)


def _decide(session: Any, no: int, act: str, decision: reviewing.Decision, form: dict[str, str]) -> None:
    if act in ("in_time", "late"):
        reviewing.judge_timeliness(session, no, decision, in_time=act == "in_time")
    elif act == "refuse":
        reviewing.refuse(session, no, decision)
    else:
        item = waiting.item_within(session, no, decision.actor)
        value = orjson.loads(item.raw)
        fields = review_forms.fields_of(value, item.facts.get("fields", []), item.code, None)
        repairs = review_forms.repairs_of(value, fields, form)
        reviewing.apply(session, no, decision, repairs=repairs, apart=act == "apart")


def _item_page(no: int, refusal: Refusal | None = None, typed: dict[str, str] | None = None) -> Response:
    session, actor, moment = db.session(), current_actor(), now()
    item = waiting.item_within(session, no, actor)
    shown = waiting.shown(session, actor, item, moment)
    problems = [*shown["facts"].get("fields", []), *(refusal.facts.get("fields", []) if refusal else [])]
    fields = review_forms.fields_of(shown["value"], problems, item.code, typed)
    paths = [one.path for one in fields]
    of_task = shown["now"]["task"]["items"] if shown["now"]["task"] else []
    others = [one for one in shown["contents"] if one["no"] != no]
    answer = page(
        "sync/item.html", status=refusal.entry.status if refusal else 200, one=shown, fields=fields,
        why=_why(shown), rule=review_forms.reason_words(shown["facts"]), kind_words=review_forms.kind_words,
        told=review_forms.told(shown["value"].get("payload")), contents=_told(others), questions=review_forms.QUESTIONS,
        loose=[_loose(told) for told in problems if not any(told["path"].startswith(path) for path in paths)],
        takes_its_place=all(one["outcome"] in ("review", "held") or one["code"] == "refused" for one in others if not one["reused"]),
        own=item.user_id == actor.id, outcomes=_OUTCOMES, decided=_DECIDED, states=STATES, lead_states=STATE_NAMES, timeliness=_TIMELINESS,
        form_now=catalogue(session).form_of(of_task, local_day(moment)),
        typed=typed or {}, refusal=refusal, title=refusal.title(language()) if refusal else "",
        to_do=advice(refusal) if refusal else "", longest=LONGEST_REASON,
    )  # fmt: skip
    if refusal:
        answer.headers.update(refusal.headers)
    return answer


def _why(shown: dict[str, Any]) -> str:
    """Why it waits, or what became of it, as the phone was told."""
    zh, en = words.MESSAGES[shown["outcome"], shown["code"]]
    return en if language() == "en" else zh


def _loose(told: dict[str, str]) -> str:
    return f"{told['path']}: {review_forms.problem_words(told['problem'])}"


def _told(contents: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{**one, "told": review_forms.told(one["value"].get("payload"))} for one in contents]


def _address(**arguments: str | None) -> str:
    given = {name: value for name, value in arguments.items() if value and value != "waiting"}
    return f"{REVIEW}?{urlencode(given)}" if given else REVIEW


# -- phones -----------------------------------------------------------------------------------------------------------


@blueprint.get(HEALTH)
@permit("sync.health")
def health() -> Response:
    """The phones of the area, those that need somebody first."""
    phones = needs.phones_by_need(db.session(), current_actor(), now())
    asked = request.args.get("page", "1")
    number = int(asked) if asked.isdecimal() and len(asked) < 6 else 1
    start = max(number - 1, 0) * A_PAGE
    counts = {level: sum(phone.level == level for phone in phones) for level in ("late", "warn", "ok")}
    return page(
        "sync/health.html", phones=phones[start : start + A_PAGE], counts=counts, total=len(phones), checked_at=now(),
        more=f"{HEALTH}?page={number + 1}" if start + A_PAGE < len(phones) else None, first=HEALTH if start else None,
    )  # fmt: skip


# -- what phones exported ---------------------------------------------------------------------------------------------


@blueprint.get(IMPORT)
@permit("sync.import")
def import_page() -> Response:
    """Where a file that a phone exported is handed in."""
    return page("sync/import.html")


@blueprint.post(IMPORT)
@permit("sync.import")
def take_import() -> Response:
    """Take the file in and show what became of each item; what is refused leaves everything as it was."""
    given = request.files.get("file")
    body = given.read() if given is not None else b""
    try:
        done = imports.take(body, current_actor(), current_app.config["GRIDWATCH"], now())
    except Refusal as refusal:
        return page(
            "sync/import.html", status=refusal.entry.status, refusal=refusal, title=refusal.title(language()), to_do=advice(refusal)
        )  # fmt: skip
    return page("sync/import.html", done=done)
