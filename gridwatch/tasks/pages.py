"""The hand-triage queue of the street: doors whose grid nobody knows, with their address, and where to send each."""

from __future__ import annotations

from itertools import groupby
from typing import Any
from urllib.parse import urlencode

from flask import Blueprint, Response, redirect, request
from sqlalchemy import Select, func, or_, select
from sqlalchemy.orm import Session

from gridwatch.areas.models import Area
from gridwatch.db.base import db
from gridwatch.db.session import transaction
from gridwatch.domain.errors import Refusal
from gridwatch.domain.permits import Actor
from gridwatch.domain.worktime import local_day
from gridwatch.items.queries import catalogue
from gridwatch.people.reach import within
from gridwatch.places.models import Grid
from gridwatch.places.queries import GRID_REACH, valid_on
from gridwatch.tasks import queries, service
from gridwatch.tasks.models import Task
from gridwatch.tasks.suggestions import suggestions
from gridwatch.web import paging
from gridwatch.web.clock import now
from gridwatch.web.identity import current_actor, permit
from gridwatch.web.language import language
from gridwatch.web.pages import MenuItem, advice, page

QUEUE = "/tasks/queue"
A_PAGE = 20

blueprint = Blueprint("task_pages", __name__, template_folder="templates")
MENU = (MenuItem(30, QUEUE, "split", "人工分派", "Hand triage", "task.route"),)


@blueprint.get(QUEUE)
@permit("task.route")
def queue() -> Response:
    """The queue, the oldest first, searched by name or address."""
    return _queue_page(request.args)


@blueprint.post(f"{QUEUE}/<string:task_id>")
@permit("task.route", hidden="task.not_found")
def send_on(task_id: str) -> Any:
    """Send a task to a grid, and go back to the same place of the queue."""
    form, actor = request.form, current_actor()
    try:
        if not form.get("field.grid"):
            raise Refusal("grid.not_found", grid="")
        with transaction() as session:
            task = queries.task_in_reach(session, actor, task_id, "task.route")
            service.route_by_hand(session, task, form["field.grid"], actor=actor, at=now())
    except Refusal as refusal:
        return _queue_page(form, refused=(task_id, form.get("field.grid", ""), refusal))
    return redirect(f"{_address(form, cursor=form.get('cursor'), sent=task_id)}#queue", 303)


def _queue_page(said: Any, refused: tuple[str, str, Refusal] | None = None) -> Response:
    session, actor = db.session(), current_actor()
    words, cursor = said.get("q", "").strip(), said.get("cursor") or None
    listed = _matching(queries.queue_within(actor), words)
    found = paging.page(session, listed, [Task.id], cursor=cursor, limit=A_PAGE, key_of=lambda task: [task.id])
    refusal = refused[2] if refused else None
    answer = page(
        "tasks/queue.html", status=refusal.entry.status if refusal else 200, today=local_day(now()),
        tasks=found["items"], grids=_grids(session, actor),
        suggested=suggestions(session, found["items"], actor, local_day(now())),
        items=catalogue(session).titles(local_day(now())), words=words, cursor=cursor or "",
        total=session.scalar(listed.with_only_columns(func.count(), maintain_column_froms=True)),
        more=_address(said, cursor=found["next_cursor"]) if found["next_cursor"] else None,
        first=_address(said) if cursor else None, sent=_sent(session, actor, said.get("sent")),
        refused_task=refused[0] if refused else None, chosen=refused[1] if refused else "",
        refusal=refusal, title=refusal.title(language()) if refusal else "", to_do=advice(refusal) if refusal else "",
    )  # fmt: skip
    if refusal:
        answer.headers.update(refusal.headers)
    return answer


def _matching(listed: Select[Any], words: str) -> Select[Any]:
    """The tasks whose name or address holds every word."""
    for word in words.split():
        listed = listed.where(
            or_(Task.title.contains(word, autoescape=True), Task.address_text.contains(word, autoescape=True))
        )
    return listed


def _grids(session: Session, actor: Actor) -> list[tuple[str, list[tuple[str, str]]]]:
    """The grids that the actor may send to, as (community, [(code, name)])."""
    rows = session.execute(
        within(
            select(Area.name, Grid.code, Grid.name).join(Area, Area.code == Grid.community_code).where(valid_on(local_day(now()))),
            actor, "task.route", GRID_REACH,
        ).order_by(Area.code, Grid.code)
    ).all()  # fmt: skip
    return [(name, [(row[1], row[2]) for row in group]) for name, group in groupby(rows, key=lambda row: row[0])]


def _sent(session: Session, actor: Actor, task_id: str | None) -> tuple[str, str] | None:
    """The task that has just been sent on, and the grid where it is now."""
    if not task_id:
        return None
    statement = select(Task.title, Grid.name, Area.name).join(Grid, Grid.code == Task.grid_code)
    statement = statement.join(Area, Area.code == Grid.community_code).where(Task.id == task_id)
    row = session.execute(within(statement, actor, "task.route", queries.TASK_REACH)).one_or_none()
    return (row[0], f"{row[2]} {row[1]}") if row else None


def _address(said: Any, **more: str | None) -> str:
    arguments = {name: value for name, value in {"q": said.get("q", "").strip(), **more}.items() if value}
    return f"{QUEUE}?{urlencode(arguments)}" if arguments else QUEUE
