"""One's own notices over HTTP."""

from __future__ import annotations

from typing import Any

from gridwatch.db.base import db
from gridwatch.notices import queries, service
from gridwatch.notices.schemas import NoticeOut, NoticePageIn, NoticePageOut, notice_json
from gridwatch.web.api import Blueprint
from gridwatch.web.clock import now
from gridwatch.web.identity import current_actor, permit, writes

blueprint = Blueprint("notices", __name__, url_prefix="/api/v1", description="提醒 · notices")


@blueprint.get("/notices")
@blueprint.arguments(NoticePageIn, location="query")
@blueprint.response(200, NoticePageOut)
@permit("notice.read")
def list_notices(query: dict[str, Any]) -> dict[str, Any]:
    """The caller's notices, newest first, those that wait or were skipped included."""
    page = queries.page_of(db.session(), current_actor(), cursor=query.get("cursor"), limit=query["limit"])
    return {**page, "items": [notice_json(notice) for notice in page["items"]]}


@blueprint.post("/notices/<notice_id>/read")
@blueprint.response(200, NoticeOut)
@permit("notice.read", hidden="notice.not_found")
@writes
def read_notice(notice_id: str) -> dict[str, Any]:
    """Note that the caller has read a notice; again changes nothing. 404 `notice.not_found` for anybody else's."""
    return notice_json(service.mark_read(db.session(), notice_id, actor=current_actor(), now=now()))
