"""Who people are: users with their roles, passwords, and who is on duty in which grid, from which day to which.

Every change touches the user's row, so that the `profile` document on the person's phone follows it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from gridwatch.areas.queries import area_by_code, department_by_code
from gridwatch.audit import service as audit
from gridwatch.db.base import new_id
from gridwatch.db.feed import touch
from gridwatch.domain.errors import Refusal
from gridwatch.domain.permits import SYSTEM, Role
from gridwatch.domain.worktime import local_day
from gridwatch.people.models import GridDuty, RoleGrant, User
from gridwatch.people.passwords import hash_password, verify_password
from gridwatch.people.queries import home_area
from gridwatch.people.sign_in import end_sign_ins

DISABLED, PASSWORD_CHANGED = "disabled", "password"


@dataclass(frozen=True, slots=True)
class NewGrant:
    """A role to give: within an area or within a department. `deputy` marks the stand-in of a designated receiver."""

    role: Role | str
    area_code: str | None = None
    department_code: str | None = None
    deputy: bool = False


def create_or_update_user(
    session: Session,
    username: str,
    name: str,
    *,
    grants: Iterable[NewGrant],
    grid_codes: Iterable[str] = (),
    at: datetime,
    from_on: date | None = None,
    by: str = SYSTEM.id,
) -> User:
    """The user of a name, with exactly these roles and, besides leave covers, exactly these grids; made where there is none.

    Grids begin on `from_on` (default: the local day of `at`), and those no longer named end the day before. The same call
    again changes nothing. Raises ValueError for an unknown role, 404 `area.not_found` or `department.not_found`. Flushes.
    """
    user = session.scalars(select(User).where(User.username == username)).one_or_none()
    is_new = user is None
    if user is None:
        user = User(id=new_id(), username=username, name=name, grants=[])
        session.add(user)
    changed: dict[str, Any] = {} if is_new or user.name == name else {"name": name}
    user.name = name
    if _set_grants(session, user, grants):
        changed["grants"] = [[grant.role, grant.area_code, grant.department_code] for grant in user.grants]
    session.flush()
    if grids := _set_grids(session, user, set(grid_codes), from_on or local_day(at)):
        changed["grids"] = grids
    if is_new or changed:
        _changed(session, user, "person.created" if is_new else "person.changed", at, by, changed, fresh=is_new)
    return user


def _set_grants(session: Session, user: User, grants: Iterable[NewGrant]) -> bool:
    wanted = {(Role(one.role).value, one.area_code, one.department_code): one.deputy for one in grants}
    held = {(grant.role, grant.area_code, grant.department_code): grant for grant in user.grants}
    changed = False
    for key, grant in held.items():
        if key not in wanted:
            user.grants.remove(grant)
            changed = True
        elif grant.deputy != wanted[key]:
            grant.deputy = wanted[key]
            changed = True
    for role, area_code, department_code in wanted.keys() - held.keys():
        path = area_by_code(session, area_code).path if area_code else None
        if department_code:
            department_by_code(session, department_code)
        user.grants.append(
            RoleGrant(
                id=new_id(), role=role, area_code=area_code, area_path=path, department_code=department_code,
                deputy=wanted[role, area_code, department_code],
            )
        )  # fmt: skip
        changed = True
    return changed


def _set_grids(session: Session, user: User, wanted: set[str], from_on: date) -> list[str]:
    """Open and close the person's own duties; returns the grids that changed."""
    own = session.scalars(select(GridDuty).where(GridDuty.user_id == user.id, GridDuty.covers.is_(None))).all()
    open_ = {duty.grid_code: duty for duty in own if duty.to_on is None}
    for code in open_.keys() - wanted:
        open_[code].to_on = from_on - timedelta(days=1)
    for code in wanted - open_.keys():
        _open_duty(session, user, code, from_on)
    session.flush()
    return sorted(open_.keys() ^ wanted)


def assign_grid(
    session: Session,
    user: User,
    grid_code: str,
    *,
    from_on: date,
    to_on: date | None = None,
    covers: User | None = None,
    at: datetime,
    by: str = SYSTEM.id,
) -> GridDuty:
    """Put a person on duty in a grid from one day to another (both included; None: until further notice).

    `covers` names whom the person stands in for during leave. The same call again changes nothing. Flushes.
    """
    duty = _open_duty(session, user, grid_code, from_on, to_on, covers)
    if duty not in session.new and not session.is_modified(duty):
        return duty
    session.flush()
    said = {
        "grid": grid_code,
        "from": from_on.isoformat(),
        "to": to_on and to_on.isoformat(),
        "covers": covers and covers.id,
    }
    _changed(session, user, "duty.assigned", at, by, said)
    return duty


def end_duty(
    session: Session, user: User, grid_code: str, *, last_on: date, at: datetime, by: str = SYSTEM.id
) -> list[GridDuty]:
    """End a person's duties in a grid, covers included, with `last_on` as the last day; returns those that it shortened.

    Rows stay: that the phone once held the grid must be known when it syncs again. Flushes.
    """
    duties = session.scalars(select(GridDuty).where(GridDuty.user_id == user.id, GridDuty.grid_code == grid_code)).all()
    ended = [duty for duty in duties if duty.to_on is None or duty.to_on > last_on]
    for duty in ended:
        duty.to_on = last_on
    if ended:
        session.flush()
        _changed(session, user, "duty.ended", at, by, {"grid": grid_code, "last_on": last_on.isoformat()})
    return ended


def _open_duty(
    session: Session, user: User, grid_code: str, from_on: date, to_on: date | None = None, covers: User | None = None
) -> GridDuty:
    duty = session.scalars(
        select(GridDuty).where(
            GridDuty.user_id == user.id, GridDuty.grid_code == grid_code, GridDuty.from_on == from_on
        )
    ).one_or_none()
    if duty is None:
        duty = GridDuty(id=new_id(), user_id=user.id, grid_code=grid_code, from_on=from_on)
        session.add(duty)
    duty.to_on, duty.covers = to_on, covers.id if covers else None
    return duty


def set_password(session: Session, user: User, password: str, *, at: datetime, by: str = SYSTEM.id) -> None:
    """Give a person a password and end every sign-in under the old one. The password that holds already changes nothing. Flushes."""
    if user.password_hash and verify_password(user.password_hash, password):
        return
    had_one = user.password_hash is not None
    user.password_hash = hash_password(password)
    if had_one:
        end_sign_ins(session, user.id, PASSWORD_CHANGED, at)
    session.flush()
    _note(session, user, "person.password_set", at, by, {})


def disable(session: Session, user: User, *, at: datetime, by: str = SYSTEM.id) -> None:
    """Shut a person out: every sign-in ends and none opens. What the phone has not sent stays on it. Flushes."""
    if user.disabled_at is not None:
        return
    user.disabled_at = at
    end_sign_ins(session, user.id, DISABLED, at)
    session.flush()
    _note(session, user, "person.disabled", at, by, {})


def enable(session: Session, user: User, *, at: datetime, by: str = SYSTEM.id) -> None:
    """Let a disabled person sign in again, with the old password. Flushes."""
    if user.disabled_at is None:
        return
    user.disabled_at = None
    session.flush()
    _note(session, user, "person.enabled", at, by, {})


def user_by_name(session: Session, username: str) -> User:
    """The user of a name. Raises 404 `person.not_found`."""
    user = session.scalars(select(User).where(User.username == username)).one_or_none()
    if user is None:
        raise Refusal("person.not_found")
    return user


def _changed(
    session: Session, user: User, act: str, at: datetime, by: str, data: dict[str, Any], *, fresh: bool = False
) -> None:
    if not fresh:
        touch(user)
        session.flush()
    _note(session, user, act, at, by, data)


def _note(session: Session, user: User, act: str, at: datetime, by: str, data: dict[str, Any]) -> None:
    area = home_area(session, user)
    audit.record(
        session, chain=area.code if area else None, act=act, subject=("person", user.id), actor_id=by, at=at, data=data
    )
