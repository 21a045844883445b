"""Who hears of a reminder: from the roles of the ladder (ruling R8) to people, for a whole batch in two look-ups."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from gridwatch.domain.permits import Grant, Role
from gridwatch.domain.reminders import COMMUNITY_HANDLER, OFFICER, REPORTER, Owner
from gridwatch.people.models import User
from gridwatch.people.queries import receivers

DEPARTMENT_ROLES = frozenset({Role.DEPARTMENT_RECEIVER, Role.CASE_OFFICER, Role.DEPARTMENT_LEADER})


class Place(NamedTuple):
    """Where a duty lies: the lead's area, the department where one owes it, and the persons named on the lead."""

    area_path: str
    department: str | None
    reporter_id: str
    handler_id: str | None
    officer_id: str | None


def owner_of(named: str | None) -> Owner | None:
    """Who owes a duty, from the owner that its row names; None for the usual owner of its kind (R8)."""
    return Owner(named) if named else None


def people_of(session: Session, wanted: Iterable[tuple[str, Place]]) -> dict[tuple[str, Place], list[str]]:
    """The ids of the people behind each (role, place), perhaps none. Disabled people hear nothing.

    A community's handler is the one named on the lead; all of its handlers where nobody is, or not any more.
    """
    pairs = list(dict.fromkeys(wanted))
    named = _enabled(session, {person for role, place in pairs if (person := _named(role, place))})
    posts = {pair: _post(*pair) for pair in pairs if pair[0] not in (REPORTER, OFFICER)}
    holders: Mapping[Grant, list[str]] = receivers(session, posts.values()) if posts else {}
    found = {}
    for role, place in pairs:
        person = _named(role, place)
        by_post = holders[posts[role, place]] if (role, place) in posts else []
        found[role, place] = [person] if person in named else by_post
    return found


def _named(role: str, place: Place) -> str | None:
    return {REPORTER: place.reporter_id, OFFICER: place.officer_id, COMMUNITY_HANDLER: place.handler_id}.get(role)


def _post(role: str, place: Place) -> Grant:
    if Role(role) in DEPARTMENT_ROLES:
        return Grant(Role(role), department=place.department)
    return Grant(Role(role), area_path=place.area_path)


def _enabled(session: Session, people: set[str]) -> set[str]:
    if not people:
        return set()
    return set(session.scalars(select(User.id).where(User.id.in_(people), User.disabled_at.is_(None))))
