"""What phones hold of tasks: the document kind `task`, in the scope of its grid while the task is open."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy.orm import Session

from gridwatch.db.feed import Document
from gridwatch.domain.task_flow import ON_PHONES
from gridwatch.domain.worktime import local_day
from gridwatch.items.queries import catalogue
from gridwatch.places.documents import grid_scope
from gridwatch.tasks.models import Task, Visit
from gridwatch.tasks.queries import done_lately, moment_of, visits_of
from gridwatch.web.clock import now

_AS_IT_IS = (
    "state", "items", "title", "reason", "entity_id", "lead_id", "address_code", "address_text", "start_on", "due_on",
    "provisional", "epoch", "assigned_to", "not_for", "door",
)  # fmt: skip
_READ = ("id", "rev", "kind", "grid_code", *_AS_IT_IS)


def task_document(
    row: Mapping[str, Any],
    form: str,
    visits: Sequence[Visit] = (),
    *,
    here: Sequence[Mapping[str, Any]] = (),
    fresh: bool = False,
) -> Document:
    """The document of a task from the values of its columns. `task_kind` is what it is, since `kind` says "task".

    `form` are the forms of its items on the day of writing (`RG01@1+RG02@1`), what a visit names as its `item_version`;
    `attempts` are the visits that did not end it. Tasks with the same `door` are one visit there; `done_here` is what other
    tasks brought there in the 30 days before the writing, with role and day.
    """
    body = {name: row[name] for name in _AS_IT_IS}
    body["task_kind"] = row["kind"]
    body["form"] = form
    body["attempts"] = [
        {"on": local_day(moment_of(visit)), "result": visit.result} for visit in visits if visit.effect == "accepted"
    ]
    body["done_here"] = [
        {name: one[name] for name in ("on", "result", "items", "role")} for one in here if one["task"] != row["id"]
    ]
    scopes = frozenset({grid_scope(row["grid_code"])}) if row["state"] in ON_PHONES else frozenset()
    return Document("task", row["id"], row["rev"], scopes, body, fresh)


def task_documents(session: Session, tasks: list[Task]) -> Iterable[Document]:
    """One document a task. A task that is closed, or waits for a grid, is on no phone."""
    visits = visits_of(session, [task.id for task in tasks])
    known, today = catalogue(session), local_day(now())
    here = done_lately(session, {task.door for task in tasks if task.state in ON_PHONES}, today)
    return [
        task_document(
            {name: getattr(task, name) for name in _READ},
            known.form_of(task.items, today),
            visits[task.id],
            here=here[task.door],
        )
        for task in tasks
    ]


RENDERERS = {Task: task_documents}
