"""Open tasks that go to other hands, many at once: a grid's holder changed, a person stands in, a grid was drawn anew.

Source: domain.md §4b (tasks: every reassignment raises the epoch); sync-protocol §4 (what the old phone still sends is kept
as superseded/reassigned). One statement for all of them, their documents rendered once; the caller commits grid by grid.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from gridwatch.audit import service as audit
from gridwatch.db import feed
from gridwatch.db.engine import dialect_of
from gridwatch.domain.task_flow import STEPS
from gridwatch.domain.worktime import local_day
from gridwatch.entities.service import area_of
from gridwatch.items.queries import catalogue
from gridwatch.tasks.documents import task_document
from gridwatch.tasks.models import Task
from gridwatch.tasks.queries import visits_of


def pass_on(
    session: Session,
    task_ids: Collection[str],
    act: str,
    *,
    values: Mapping[str, Any],
    at: datetime,
    actor_id: str,
    because: Mapping[str, Any],
) -> set[str]:
    """Put tasks into other hands; returns the ids of those that were still on phones. Rows, documents and one event each.

    `act` is a step that raises the epoch: assign, move or pass_on. `values` are the columns that it gives (grid_code with
    area_path, assigned_to); `because` goes into the events. Locks the tasks in the order of their ids.
    """
    step, table, among = STEPS[act], Task.__table__, dialect_of(session).among
    if not step.other_hands:
        raise ValueError(f"{act} leaves a task in the same hands")
    open_ones = select(Task.id).where(among(Task.id, task_ids), Task.state.in_(sorted(step.sources)))
    ids = list(session.scalars(open_ones.order_by(Task.id).with_for_update()))
    if not ids:
        return set()
    state = {"state": step.to} if step.to else {}
    session.execute(
        update(table)
        .where(among(table.c.id, ids))
        .values(rev=table.c.rev + 1, epoch=table.c.epoch + 1, **state, **values)
    )
    visits = visits_of(session, ids)
    rows = session.execute(select(table).where(among(table.c.id, ids)).order_by(table.c.id)).mappings().all()
    known, today = catalogue(session), local_day(at)
    feed.stage(session, [task_document(row, known.form_of(row["items"], today), visits[row["id"]]) for row in rows])
    for row in rows:
        said = {"act": act, "epoch": row["epoch"], "grid": row["grid_code"], "to": row["assigned_to"], **because}
        audit.record(
            session, chain=area_of(row["area_path"]), act="task.passed_on", subject=("task", row["id"]), actor_id=actor_id, at=at,
            data=said, version=row["rev"],
        )  # fmt: skip
    return set(ids)
