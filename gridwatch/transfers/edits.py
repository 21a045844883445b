"""Grids drawn anew: draft, publish, withdraw (issue: split, merge and hand over, with effective dates, no gaps, no overlaps).

A draft is judged at once and again when it is published, against the map as it is then. Publishing ends the old grids on the day
before and lets the new ones begin: the map of a day is one map, so the day lies ahead. The old rows stay, and with them every fact
of before (domain.md §4b, edge (e)). Grids are drawn within one community: where communities end is not the street's to say, and
the events of its leads stand in the community's chain.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from geoalchemy2.shape import from_shape, to_shape
from shapely.geometry import MultiPolygon, mapping, shape
from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from gridwatch.audit import service as audit
from gridwatch.db.base import new_id
from gridwatch.domain.datum import Datum
from gridwatch.domain.errors import Refusal
from gridwatch.domain.permits import Actor, Role
from gridwatch.domain.worktime import local_day
from gridwatch.people.models import GridDuty, User
from gridwatch.people.service import assign_grid, end_duty
from gridwatch.places import outlines
from gridwatch.places.models import Grid
from gridwatch.places.queries import grid_in_reach, grids_near
from gridwatch.transfers.models import GridEdit
from gridwatch.transfers.moving import NewMap, orphans_of

OPERATION = "grid.edit"
NUMBERS = {"split": (1, 2), "merge": (2, 1), "hand_over": (2, 2), "redraw": (1, 1)}  # old and new grids, at least
FURTHEST = timedelta(days=366)
MOST_NAMED = 50  # orphans that a refusal names; it counts them all


@dataclass(frozen=True, slots=True)
class Drawing:
    """What a plan comes to on today's map: the grids that end, and those that begin, as `GridEdit.new` keeps them."""

    old: list[Grid]
    new: list[dict[str, Any]]

    @property
    def codes(self) -> list[str]:
        """The codes of the grids that end."""
        return [grid.code for grid in self.old]


def draft(session: Session, plan: Mapping[str, Any], *, actor: Actor, now: datetime) -> GridEdit:
    """A new draft. Raises as `_draw` does. Flushes."""
    drawing = _draw(session, plan, actor, now)
    edit = GridEdit(
        id=new_id(), state="draft", community_code=drawing.old[0].community_code, area_path=drawing.old[0].area_path,
        drafted_by=actor.id, drafted_at=now, **_drawn(plan, drawing),
    )  # fmt: skip
    session.add(edit)
    session.flush()
    _record(session, edit, "grid_edit.drafted", actor, now)
    return edit


def redraft(session: Session, edit: GridEdit, plan: Mapping[str, Any], *, actor: Actor, now: datetime) -> GridEdit:
    """Draw a locked draft again. Raises 409 `grid.edit_changed` or `grid.edit_state`, and as `_draw` does. Flushes."""
    _check(edit, plan["version"])
    drawing = _draw(session, {name: value for name, value in plan.items() if name != "version"}, actor, now)
    if drawing.old[0].community_code != edit.community_code:
        raise Refusal("grid.edit_communities")
    for name, value in _drawn({name: value for name, value in plan.items() if name != "version"}, drawing).items():
        setattr(edit, name, value)
    edit.drafted_by, edit.drafted_at = actor.id, now
    session.flush()
    _record(session, edit, "grid_edit.drafted", actor, now)
    return edit


def withdraw(session: Session, edit: GridEdit, version: int, *, actor: Actor, now: datetime) -> GridEdit:
    """Give up a locked draft. Raises 409 `grid.edit_changed` or `grid.edit_state`. Flushes."""
    _check(edit, version)
    edit.state = "withdrawn"
    session.flush()
    _record(session, edit, "grid_edit.withdrawn", actor, now)
    return edit


def publish(session: Session, edit: GridEdit, version: int, *, actor: Actor, now: datetime) -> GridEdit:
    """Put a locked draft on the map from its day on. Raises 409 `grid.edit_changed` or `grid.edit_state`, and as `_draw`. Flushes.

    The old grids are locked first, in order: of two edits of one grid the second finds that it has a last day already.
    """
    _check(edit, version)
    session.execute(select(Grid.code).where(Grid.code.in_(edit.old)).order_by(Grid.code).with_for_update())
    session.expire_all()
    drawing = _draw(session, _plan(edit), actor, now)
    successors = successors_of(drawing.old, drawing.new)
    for grid in drawing.old:
        grid.valid_to, grid.successor_code = edit.effective_on - timedelta(days=1), successors[grid.code]
    for one in drawing.new:
        session.add(
            Grid(
                code=one["code"], name=one["name"], community_code=edit.community_code, area_path=edit.area_path,
                valid_from=edit.effective_on, shape=from_shape(MultiPolygon(shape(one["polygon"])), srid=4326),
            )
        )  # fmt: skip
    session.flush()
    _move_duties(session, edit, drawing.new, actor, now)
    edit.new, edit.state, edit.published_by, edit.published_at = drawing.new, "published", actor.id, now
    session.flush()
    _record(session, edit, "grid_edit.published", actor, now)
    return edit


def new_map(edit: GridEdit, old: Sequence[Grid]) -> NewMap:
    """Where things go by this edit."""
    areas = [(one["code"], MultiPolygon(shape(one["polygon"]))) for one in edit.new]
    return NewMap(areas, successors_of(old, edit.new))


def successors_of(old: Sequence[Grid], new: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """For each old grid the new one that has most of its ground."""
    areas = [MultiPolygon(shape(one["polygon"])) for one in new]
    found = {}
    for grid in old:
        parts = outlines.shares(areas, to_shape(grid.shape))
        found[grid.code] = new[parts.index(max(parts))]["code"]
    return found


# --- drawing ---------------------------------------------------------------------------------------------------------


def _draw(session: Session, plan: Mapping[str, Any], actor: Actor, now: datetime) -> Drawing:
    """What a plan comes to. Raises 404 `grid.not_found` or `person.not_found`; 409 `grid.edit_pending`; 422 `grid.edit_day`,
    `grid.edit_numbers`, `grid.edit_communities`, `grid.edit_pieces`, `grid.edit_orphans`, or one of `places.outlines`.
    """
    today, on = local_day(now), plan["effective_on"]
    codes = list(dict.fromkeys(plan["grids"]))
    old = [grid_in_reach(session, actor, OPERATION, code, today) for code in codes]
    if not today < on <= today + FURTHEST:
        raise Refusal("grid.edit_day", today=today.isoformat())
    least_old, least_new = NUMBERS[plan["kind"]]
    exact = {"split": len(old) == 1, "merge": len(plan["new"]) == 1, "hand_over": len(old) == len(plan["new"]) == 2}
    if len(old) < least_old or len(plan["new"]) < least_new or not exact.get(plan["kind"], True):
        raise Refusal("grid.edit_numbers", kind=plan["kind"], old=len(old), new=len(plan["new"]))
    if len({grid.community_code for grid in old}) > 1:
        raise Refusal("grid.edit_communities")
    for grid in old:
        if grid.valid_to is not None:
            raise Refusal("grid.edit_pending", grid=grid.code, last_on=grid.valid_to.isoformat())
    before: list[MultiPolygon] = [to_shape(grid.shape) for grid in old]
    drawn = _outlines(plan, before)
    near = [grid for grid in grids_near(session, outlines.bounds([*before, *drawn]), on) if grid.code not in codes]
    beside = [to_shape(grid.shape) for grid in near]
    orphans = orphans_of(session, codes, before, [*drawn, *beside])
    if orphans:
        shown = [{"code": code, "text": text} for code, text in orphans[:MOST_NAMED]]
        raise Refusal("grid.edit_orphans", count=len(orphans), addresses=shown)
    named = list(zip((one["name"] for one in plan["new"]), drawn, strict=True))
    areas = outlines.fit(before, named, list(zip((grid.name for grid in near), beside, strict=True)))
    _check_workers(session, plan["new"], old[0].area_path)
    numbers = _free_codes(session, old[0].community_code, len(areas))
    new = []
    for one, code, area in zip(plan["new"], numbers, areas, strict=True):
        most = max(old, key=lambda grid, area=area: outlines.shares([area], to_shape(grid.shape))[0])
        new.append(
            {
                "code": code,
                "name": one["name"],
                "polygon": mapping(area),
                "parent": most.code,
                "workers": one["workers"],
            }
        )
    return Drawing(old, new)


def _outlines(plan: Mapping[str, Any], before: list[MultiPolygon]) -> list[MultiPolygon]:
    kind, datum = plan["kind"], Datum(plan["datum"] or Datum.WGS84.value)
    if kind == "merge":
        return [outlines.join(before)]
    if kind == "hand_over":
        return outlines.hand_part(before[0], before[1], outlines.read_area(plan["part"], datum))
    if kind == "redraw":
        return [outlines.read_area(one["polygon"], datum) for one in plan["new"]]
    pieces = outlines.split(before[0], outlines.read_line(plan["line"], datum))
    if len(pieces) != len(plan["new"]):
        raise Refusal("grid.edit_pieces", pieces=len(pieces), named=len(plan["new"]))
    return pieces


def _free_codes(session: Session, community: str, number: int) -> list[str]:
    """The next codes of a community: its own and three digits, never one that was in use."""
    taken = session.scalars(select(Grid.code).where(Grid.community_code == community))
    highest = max((int(code[len(community) :]) for code in taken if code[len(community) :].isdigit()), default=0)
    return [f"{community}{highest + place:03}" for place in range(1, number + 1)]


def _check_workers(session: Session, new: Sequence[Mapping[str, Any]], area_path: str) -> None:
    """Everybody named can work there. Raises 404 `person.not_found`."""
    named = {worker for one in new for worker in one["workers"] or ()}
    works = {Role.GRID_WORKER.value, Role.MARKET_MANAGER.value}
    fit = {
        user.id
        for user in session.scalars(select(User).where(User.id.in_(named), User.disabled_at.is_(None)))
        if any(
            grant.role in works and grant.area_path and area_path.startswith(grant.area_path) for grant in user.grants
        )
    }
    if named - fit:
        raise Refusal("person.not_found")


def _move_duties(
    session: Session, edit: GridEdit, new: Sequence[Mapping[str, Any]], actor: Actor, now: datetime
) -> None:
    """Duties of the old grids end with them; the new ones get the workers that the edit names, else those of their parent."""
    first, last = edit.effective_on, edit.effective_on - timedelta(days=1)
    columns = (GridDuty.user_id, GridDuty.grid_code, GridDuty.from_on, GridDuty.to_on, GridDuty.covers)
    still = or_(GridDuty.to_on.is_(None), GridDuty.to_on >= first)
    duties = session.execute(
        select(*columns).where(GridDuty.grid_code.in_(edit.old), still).order_by(GridDuty.id)
    ).all()
    said: dict[str, Any] = {"at": now, "by": actor.id}
    for user_id, code in dict.fromkeys((user_id, code) for user_id, code, *_ in duties):
        end_duty(session, session.get_one(User, user_id), code, last_on=last, **said)
    for one in new:
        if one["workers"]:
            for user_id in one["workers"]:
                assign_grid(session, session.get_one(User, user_id), one["code"], from_on=first, **said)
            continue
        for user_id, code, from_on, to_on, covers in duties:
            if code == one["parent"]:
                away = session.get(User, covers) if covers else None
                user = session.get_one(User, user_id)
                assign_grid(session, user, one["code"], from_on=max(from_on, first), to_on=to_on, covers=away, **said)


# --- rows and events -------------------------------------------------------------------------------------------------


def _drawn(plan: Mapping[str, Any], drawing: Drawing) -> dict[str, Any]:
    return {
        "kind": plan["kind"], "effective_on": plan["effective_on"], "note": plan["note"], "old": drawing.codes,
        "new": drawing.new, "plan": {**plan, "effective_on": plan["effective_on"].isoformat()},
    }  # fmt: skip


def _plan(edit: GridEdit) -> dict[str, Any]:
    return {**edit.plan, "effective_on": date.fromisoformat(edit.plan["effective_on"])}


def _check(edit: GridEdit, version: int) -> None:
    if edit.version != version:
        raise Refusal("grid.edit_changed", version=edit.version)
    if edit.state != "draft":
        raise Refusal("grid.edit_state", state=edit.state)


def _record(session: Session, edit: GridEdit, act: str, actor: Actor, now: datetime) -> None:
    said = {
        "kind": edit.kind, "old": edit.old, "new": [one["code"] for one in edit.new], "effective_on": edit.effective_on.isoformat(),
        "note": edit.note,
    }  # fmt: skip
    audit.record(
        session, chain=edit.community_code, act=act, subject=("grid_edit", edit.id), actor_id=actor.id, at=now, data=said,
        version=edit.version,
    )  # fmt: skip
