"""The `profile` document: what a person's own phone knows of the person (sync-protocol, section 3, Kinds)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from sqlalchemy import select
from sqlalchemy.orm import Session

from gridwatch.db.feed import Document
from gridwatch.people.models import GridDuty, User


def profiles(session: Session, users: list[User]) -> Iterable[Document]:
    """One document a user, in the scope `user:<id>`. Days of duty are given as they are: the phone knows what day it is."""
    duties = defaultdict(list)
    rows = (
        select(GridDuty)
        .where(GridDuty.user_id.in_([user.id for user in users]))
        .order_by(GridDuty.from_on, GridDuty.grid_code)
    )
    for duty in session.scalars(rows):
        duties[duty.user_id].append(
            {
                "code": duty.grid_code,
                "from_on": duty.from_on.isoformat(),
                "to_on": duty.to_on.isoformat() if duty.to_on else None,
                "covers": duty.covers,
            }
        )
    for user in users:
        yield Document(
            kind="profile",
            id=user.id,
            rev=user.rev,
            scopes=frozenset({f"user:{user.id}"}),
            body={
                "username": user.username,
                "name": user.name,
                "roles": [
                    {
                        "role": grant.role,
                        "area": grant.area_code,
                        "department": grant.department_code,
                        "deputy": grant.deputy,
                    }
                    for grant in user.grants
                ],
                "grids": duties[user.id],
            },
        )


RENDERERS = {User: profiles}
