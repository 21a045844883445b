"""Who is behind an access token. `create_app` hands this to web/identity.py, which asks before every request."""

from __future__ import annotations

from sqlalchemy import Date, and_, bindparam, select

from gridwatch.db.base import Instant, db
from gridwatch.domain.errors import Refusal
from gridwatch.domain.permits import Actor, Grant, Role
from gridwatch.domain.worktime import local_day
from gridwatch.people import tokens
from gridwatch.people.models import AccessToken, GridDuty, RoleGrant, SignIn, User
from gridwatch.people.queries import on_duty
from gridwatch.web.clock import now

_ACTOR = (
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
    moment = now()
    asked = {"hash": tokens.fingerprint(token), "now": moment, "today": local_day(moment)}
    rows = db.session.execute(_ACTOR, asked).all()
    if not rows:
        raise Refusal("auth.expired")
    grants = {(row.role, row.area_path, row.department_code): None for row in rows if row.role}
    return Actor(
        id=rows[0].id,
        name=rows[0].name,
        grants=tuple(Grant(Role(role), area_path, department) for role, area_path, department in grants),
        grids=tuple(dict.fromkeys(row.grid_code for row in rows if row.grid_code)),
        device_id=rows[0].device_id,
    )
