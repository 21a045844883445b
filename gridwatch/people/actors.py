"""Who is behind an access token. `create_app` hands this to web/identity.py, which asks before every request."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Date, and_, bindparam, select

from gridwatch.db import quick
from gridwatch.db.base import Instant
from gridwatch.domain.errors import Refusal
from gridwatch.domain.permits import Actor, Grant, Role
from gridwatch.domain.worktime import local_day
from gridwatch.people import tokens
from gridwatch.people.models import AccessToken, GridDuty, RoleGrant, SignIn, User
from gridwatch.people.queries import on_duty
from gridwatch.web.clock import now

# A row for each pair of a role and a grid on duty; `grid_code` is the last column.
ACTOR = (
    select(
        User.id, User.name, SignIn.device_id,
        RoleGrant.role, RoleGrant.area_path, RoleGrant.department_code, GridDuty.grid_code,
    )
    .select_from(AccessToken)
    .join(SignIn, SignIn.id == AccessToken.sign_in_id)
    .join(User, User.id == SignIn.user_id)
    .outerjoin(RoleGrant, RoleGrant.user_id == User.id)
    .outerjoin(GridDuty, and_(GridDuty.user_id == User.id, on_duty(bindparam("today", type_=Date))))
    .where(
        AccessToken.hash == bindparam("hash"),
        AccessToken.expires_at > bindparam("now", type_=Instant),
        SignIn.ended_at.is_(None),  # signed out, found stolen, or its device revoked
        User.disabled_at.is_(None),
    )
    .order_by(RoleGrant.id, GridDuty.grid_code)
)  # fmt: skip


def actor_of_token(token: str) -> Actor:
    """The person behind an access token, with roles and the grids on duty today. One round trip, before every request.

    Raises 401 `auth.expired` for a token that is unknown, expired or ended: a client refreshes and learns the rest there.
    """
    return actor_from(quick.rows(ACTOR, asked_of(token)))


def asked_of(token: str) -> dict[str, Any]:
    """What ACTOR asks of a token, at this moment."""
    moment = now()
    return {"hash": tokens.fingerprint(token), "now": moment, "today": local_day(moment)}


def actor_from(rows: list[tuple[Any, ...]]) -> Actor:
    """The person in rows of ACTOR, whatever columns follow. Raises 401 `auth.expired` where there is none."""
    if not rows:
        raise Refusal("auth.expired")
    user_id, name, device_id, *_ = rows[0]
    return Actor(
        id=user_id,
        name=name,
        grants=tuple(Grant(Role(role), *place) for role, *place in dict.fromkeys(row[3:6] for row in rows if row[3])),
        grids=tuple(dict.fromkeys(row[6] for row in rows if row[6])),
        device_id=device_id,
    )
