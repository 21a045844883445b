"""What is done in portions, each its own transaction: handovers grid by grid, and edits of grids on their day."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from gridwatch.audit import service as audit
from gridwatch.db.session import transaction
from gridwatch.domain.permits import SYSTEM
from gridwatch.domain.worktime import local_day
from gridwatch.places.models import Grid
from gridwatch.transfers import edits, handover
from gridwatch.transfers.models import GridEdit, Handover
from gridwatch.transfers.moving import carry_out, moves_of

SHOWN = 200  # moves of a kind that a preview lists; it counts them all


def finish_handover(handover_id: str, now: datetime) -> None:
    """Go on with a handover that was begun, grid by grid, until nothing of it is planned."""
    with transaction() as session:
        grids = handover.portions(session, handover_id)
    for code in grids:
        with transaction() as session:
            handover.carry_on(session, handover_id, code, now=now)
    with transaction() as session:
        handover.finish(session, handover_id, now=now)


def preview(session: Session, edit: GridEdit) -> dict[str, Any]:
    """What an edit moves as things stand: {grids, counts, moves}. `grids` are the new ones with how much each gets."""
    old = _old(session, edit)
    moves = moves_of(session, edit.old, edits.new_map(edit, old))
    counts = moves.counts()
    grids = [
        {name: one[name] for name in ("code", "name", "parent", "workers")}
        | {kind: some.get(one["code"], 0) for kind, some in counts.items()}
        for one in edit.new
    ]
    shown = {kind: [one._asdict() for one in some[:SHOWN]] for kind, some in moves.by_kind().items()}
    return {"grids": grids, "counts": counts, "moves": shown}


def run_due(now: datetime) -> dict[str, int]:
    """Finish handovers that a dead process left open, and move what stands in grids whose last day has passed.

    Any number of processes may run it: each grid is moved under the lock of its edit, and what was moved is not there any more.
    """
    did = {"handovers": 0, "edits": 0, "moved": 0}
    for handover_id in _read(select(Handover.id).where(Handover.done_at.is_(None)).order_by(Handover.id)):
        finish_handover(handover_id, now)
        did["handovers"] += 1
    today = local_day(now)
    due = select(GridEdit.id).where(GridEdit.state == "published", GridEdit.effective_on <= today)
    for edit_id in _read(due.order_by(GridEdit.effective_on, GridEdit.id)):
        did["moved"] += _apply(edit_id, today, now)
        did["edits"] += 1
    return did


def _read(statement: Any) -> list[str]:
    with transaction() as session:
        return list(session.scalars(statement))


def _apply(edit_id: str, today: date, now: datetime) -> int:
    """Move what stands in the old grids of an edit, each in its own transaction; returns how many things moved."""
    moved = 0
    for code in _read_old(edit_id):
        with transaction() as session:
            edit = session.get_one(GridEdit, edit_id, with_for_update=True)
            moves = moves_of(session, [code], edits.new_map(edit, _old(session, edit)))
            carry_out(session, moves, at=now, because={"grid_edit": edit.id, "from": code, "by": edit.published_by})
            edit.moved = {**(edit.moved or {}), **({code: moves.counts()} if any(moves.by_kind().values()) else {})}
            moved += sum(map(len, moves.by_kind().values()))
    with transaction() as session:
        edit = session.get_one(GridEdit, edit_id, with_for_update=True)
        if edit.state == "published":
            edit.state, edit.applied_at = "applied", now
            session.flush()
            audit.record(
                session, chain=edit.community_code, act="grid_edit.applied", subject=("grid_edit", edit.id), actor_id=SYSTEM.id,
                at=now, data={"on": today.isoformat(), "moved": edit.moved or {}}, version=edit.version,
            )  # fmt: skip
    return moved


def _read_old(edit_id: str) -> list[str]:
    with transaction() as session:
        return list(session.get_one(GridEdit, edit_id).old)


def _old(session: Session, edit: GridEdit) -> list[Grid]:
    found = {grid.code: grid for grid in session.scalars(select(Grid).where(Grid.code.in_(edit.old)))}
    return [found[code] for code in edit.old]
