"""Run the jobs once, note what each did. A tick is a scan; it holds no state, so a lost or doubled one does no harm."""

from __future__ import annotations

import importlib
import logging
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from gridwatch.db.base import db
from gridwatch.db.session import transaction
from gridwatch.jobs.models import JobRun
from gridwatch.jobs.table import JOBS, Job

log = logging.getLogger(__name__)

_INSERT = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}


def run_all(now: datetime, jobs: Iterable[Job] = JOBS) -> dict[str, dict[str, Any]]:
    """Run every job at the clock's time `now`: {name: counts}, or {name: {"error": text}} for one that failed.

    One that fails is logged and does not stop the others. Needs an application context; commits by itself.
    """
    return {job.name: _run(job, now) for job in jobs}


def run_due(now: datetime, jobs: Iterable[Job] = JOBS) -> dict[str, dict[str, Any]]:
    """The same for the jobs whose time has come: what a scheduler calls. Schedulers on one database share the pace."""
    last = last_runs(db.session())
    db.session.rollback()
    # A last run in the future means that the clock was set back since: it says nothing about what is due.
    due = [job for job in jobs if job.name not in last or last[job.name] > now or now - last[job.name] >= job.every]
    return run_all(now, due)


def last_runs(session: Session) -> dict[str, datetime]:
    """When each job last ran to its end, by the clock's time."""
    return dict(session.execute(select(JobRun.name, JobRun.at)).all())


def _run(job: Job, now: datetime) -> dict[str, Any]:
    try:
        did = _function(job)(now)
        with transaction() as session:
            note_run(session, job.name, now, did)
    except OperationalError as problem:
        log.error("job %s: the database refused: %s", job.name, problem.orig)
        return {"error": f"OperationalError: {problem.orig}"}
    except Exception as problem:
        log.exception("job %s failed", job.name)
        return {"error": f"{type(problem).__name__}: {problem}"}
    return did


def _function(job: Job) -> Callable[[datetime], dict[str, Any]]:
    module, _, name = job.function.partition(":")
    return getattr(importlib.import_module(module), name)


def note_run(session: Session, name: str, at: datetime, did: dict[str, Any]) -> None:
    """Write when a job last ran and what it did, over what stood there."""
    insert = _INSERT[session.get_bind().dialect.name]  # type: ignore[union-attr]
    statement = insert(JobRun).values(name=name, at=at, did=did)
    newest = {"at": statement.excluded.at, "did": statement.excluded.did}
    session.execute(statement.on_conflict_do_update(index_elements=["name"], set_=newest))
