"""Who holds what: grids on duty, roles within areas and departments, devices within reach."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from sqlalchemy import Column, ColumnElement, Select, and_, bindparam, false, literal, or_, select, union
from sqlalchemy.orm import Session, aliased

from gridwatch.areas.models import Area, Department
from gridwatch.areas.queries import prefixes
from gridwatch.domain.errors import Refusal
from gridwatch.domain.permits import Actor, Grant, Role, Scope
from gridwatch.people.models import Device, GridDuty, RoleGrant, User
from gridwatch.people.reach import condition, within

_AT_ONCE = 5_000  # values in one IN list


def on_duty(today: Any, since: Any = None) -> ColumnElement[bool]:
    """The condition for a grid duty, leave covers included, that is valid on a day (or on any day from `since` on)."""
    return and_(GridDuty.from_on <= today, or_(GridDuty.to_on.is_(None), GridDuty.to_on >= (since or today)))


def held_scopes(user_id: Any, today: Any, since: Any = None) -> Select[tuple[str]]:
    """A statement with one column `scope`: what the user's phone may hold on a day, each scope once.

    `user:<id>` always, and `grid:<code>` for each grid on duty, leave covers included. With `since`, also the grids that
    were held at some time from that day on. Id and days are values, or bound parameters of a statement that is kept.
    """
    own = select(literal("user:").concat(user_id).label("scope"))
    grids = select(literal("grid:").concat(GridDuty.grid_code)).where(
        GridDuty.user_id == user_id, on_duty(today, since)
    )
    return select(union(own, grids).subquery("held").c.scope)


def home_area(session: Session, user: User) -> Area | None:
    """The area of a person's first role, or that of its department; None for somebody without a role."""
    for grant in user.grants:
        department = session.get(Department, grant.department_code) if grant.department_code else None
        code = department.area_code if department else grant.area_code
        if code:
            return session.get(Area, code)
    return None


def people_with_role(
    session: Session, role: Role | str, *, area_path: str | None = None, department: str | None = None
) -> list[User]:
    """Who holds a role for a place (a grant for that area or one above it) or in a department.

    Disabled people are left out; deputies come after those whom they stand in for.
    """
    post = Grant(Role(role), area_path=area_path, department=department)
    ids = receivers(session, [post])[post]
    found = {user.id: user for user in session.scalars(select(User).where(User.id.in_(ids)))}
    return [found[user_id] for user_id in ids]


def _holders(where: Column[Any]) -> Select[Any]:
    """Who holds any of `roles` in any of `wheres`; a statement that is kept, since every step of a lead asks it."""
    grant, user = RoleGrant.__table__.c, User.__table__.c
    return (
        select(grant.role, where, grant.deputy, user.username, user.id)
        .join(User.__table__, user.id == grant.user_id)
        .where(
            grant.role.in_(bindparam("roles", expanding=True)), where.in_(bindparam("wheres", expanding=True)),
            user.disabled_at.is_(None),
        )
    )  # fmt: skip


_IN_AREA, _IN_DEPARTMENT = map(_holders, (RoleGrant.__table__.c.area_path, RoleGrant.__table__.c.department_code))


def receivers(session: Session, posts: Iterable[Grant]) -> dict[Grant, list[str]]:
    """The same for many posts in one go: for each (role with area path or department) the user ids, perhaps none.

    A post with an area path is filled by whoever holds the role for that area or for one above it.
    """
    wanted = list(dict.fromkeys(posts))
    places = sorted({path for post in wanted if post.area_path for path in prefixes(post.area_path)})
    units = sorted({post.department for post in wanted if post.department})
    roles = sorted({post.role.value for post in wanted})
    holders: dict[tuple[str, str], list[tuple[bool, str, str]]] = defaultdict(list)
    for statement, values in ((_IN_AREA, places), (_IN_DEPARTMENT, units)):
        for start in range(0, len(values), _AT_ONCE):
            asked = {"roles": roles, "wheres": values[start : start + _AT_ONCE]}
            for role, where, *person in session.connection().execute(statement, asked):
                holders[role, where].append(tuple(person))
    filled: dict[Grant, list[str]] = {}
    for post in wanted:
        wheres = [
            *(prefixes(post.area_path) if post.area_path else ()),
            *([post.department] if post.department else ()),
        ]
        people = sorted(person for where in wheres for person in holders[post.role.value, where])
        filled[post] = list(dict.fromkeys(user_id for _, _, user_id in people))
    return filled


# -- reach ------------------------------------------------------------------------------------------------------------


def _person_in_area(user_id: Any) -> Any:
    """Reach by area: a person belongs to an area by a role there or in a department of it."""
    place, home = aliased(Area), aliased(Department)

    def _condition(actor: Actor, grant: Grant) -> ColumnElement[bool]:
        if not grant.area_path:
            return false()
        return user_id.in_(
            select(RoleGrant.user_id)
            .outerjoin(home, home.code == RoleGrant.department_code)
            .join(place, or_(place.code == RoleGrant.area_code, place.code == home.area_code))
            .where(place.path.startswith(grant.area_path, autoescape=True))
        )

    return _condition


def person_in_reach(session: Session, actor: Actor, operation: str, user_id: str) -> User:
    """The person with this id who has a role in the area that the actor reaches by `operation`.

    Raises 404 `person.not_found` otherwise, whether there is such a person or not.
    """
    statement = select(User).where(User.id == user_id)
    person = session.scalar(within(statement, actor, operation, {Scope.AREA: _person_in_area(User.id)}))
    if person is None:
        raise Refusal("person.not_found")
    return person


def devices_within(actor: Actor) -> Select[tuple[Device]]:
    """A statement for the devices that the actor may see and revoke: one's own, and an administrator's those of the area."""
    return (
        select(Device)
        .where(
            or_(
                Device.user_id == actor.id,
                condition(actor, "device.revoke", {Scope.AREA: _person_in_area(Device.user_id)}),
            )
        )
        .order_by(Device.last_seen_at.desc(), Device.id)
    )
